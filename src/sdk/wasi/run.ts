// Runs a WebAssembly module: instantiates it on the WASI host and on the few functions of the module `virtsec`.
import { Application } from '../app/application.ts';
import type { KernelLink } from '../link.ts';
import { ERRNO, WasiError } from './abi.ts';
import { ClientDescriptor, ReaderDescriptor, errnoOf } from './descriptors.ts';
import { ProgramExit, WasiHost } from './host.ts';
import { ProgramMemory } from './memory.ts';
import { Memory, Module, Suspending, compile, instantiate, promising } from './webassembly.ts';

type Import = (...given: never[]) => number | void | Promise<number>;

/** A module that cannot run here; the message says why. */
export class ModuleError extends Error {}

const WASI = 'wasi_snapshot_preview1';

/** Compiles the module and links it. Throws ModuleError. */
export async function openModule(bytes: Uint8Array<ArrayBuffer>, link: KernelLink): Promise<{ run(): Promise<void> }> {
  let module: Module;
  try {
    module = await compile(bytes);
  } catch (error) {
    throw new ModuleError(error instanceof Error ? error.message : String(error));
  }
  const application = new Application(link);
  const host = new WasiHost(application);
  let memory: Memory | undefined;
  const own = virtsecFunctions(application, host, () => {
    if (memory === undefined) throw new WasiError(ERRNO.fault);
    return new ProgramMemory(memory);
  });
  const offered: Record<string, Record<string, Import>> = { [WASI]: host.functions(), virtsec: own };
  const imports: Record<string, Record<string, unknown>> = { [WASI]: {}, virtsec: {} };
  for (const { module: from, name, kind } of Module.imports(module)) {
    if (kind !== 'function' || !Object.hasOwn(offered, from)) {
      throw new ModuleError(`it imports ${kind} ${from}.${name}: there are ${WASI} and virtsec`);
    }
    const known = Object.hasOwn(offered[from], name) ? offered[from][name] : undefined;
    if (known === undefined && from !== WASI) throw new ModuleError(`it imports virtsec.${name}, which there is not`);
    imports[from][name] = new Suspending(answering(known ?? unsupported));
  }
  const instance = await instantiate(module, imports);
  const { _start: start, memory: exported } = instance.exports;
  if (typeof start !== 'function') throw new ModuleError('it exports no function _start: build it as a command');
  if (!(exported instanceof Memory)) throw new ModuleError('it exports no memory');
  memory = exported;
  host.memory = exported;
  return {
    async run() {
      let status = 0;
      try {
        await promising(start as () => void)();
      } catch (error) {
        if (!(error instanceof ProgramExit)) {
          await host.flush();
          throw error;
        }
        status = error.status;
      }
      await host.flush();
      await application.exit(status);
    },
  };
}

const unsupported = (): number => ERRNO.nosys;

/** Turns what the host throws about a program's mistake into the errno that it gets. */
function answering(work: Import): (...given: never[]) => number | Promise<number> {
  const failed = (error: unknown): number => {
    if (error instanceof ProgramExit) throw error;
    return errnoOf(error);
  };
  return (...given) => {
    try {
      const result = work(...given);
      if (result instanceof Promise) return result.catch(failed);
      return result ?? ERRNO.success;
    } catch (error) {
      return failed(error);
    }
  };
}

/** What files have no words for. Each gives an errno of WASI. */
function virtsecFunctions(
  application: Application,
  host: WasiHost,
  memory: () => ProgramMemory,
): Record<string, Import> {
  return {
    /** call(fd, request, length, reply, room, done*): a call in one step; `done` gets the length of the reply. */
    call: async (fd: number, request: number, length: number, reply: number, room: number, done: number) => {
      const descriptor = host.descriptor(fd);
      if (!(descriptor instanceof ClientDescriptor)) throw new WasiError(ERRNO.inval);
      const bytes = await descriptor.port.call(memory().bytes(request, length));
      if (bytes.length > room >>> 0) throw new WasiError(ERRNO.msgsize);
      memory().write(reply, bytes);
      memory().writeU32(done, bytes.length);
      return ERRNO.success;
    },
    /** sample(fd, value, room, done*, age*, valid*): the last value, its age in nanoseconds (u64), 1 if it is valid (u32). */
    sample: async (fd: number, value: number, room: number, done: number, age: number, valid: number) => {
      const descriptor = host.descriptor(fd);
      if (!(descriptor instanceof ReaderDescriptor)) throw new WasiError(ERRNO.inval);
      const sample = await descriptor.port.read();
      if (sample === undefined) throw new WasiError(ERRNO.again);
      if (sample.message.length > room >>> 0) throw new WasiError(ERRNO.msgsize);
      memory().write(value, sample.message);
      memory().writeU32(done, sample.message.length);
      memory().writeU64(age, BigInt(Math.round(sample.age * 1e6)));
      memory().writeU32(valid, sample.valid ? 1 : 0);
      return ERRNO.success;
    },
    /** beat(): the heartbeat. */
    beat: async () => {
      await application.health.beat();
      return ERRNO.success;
    },
    /** raise(fault): a fault of its own, 0 to 7. */
    raise: async (fault: number) => {
      await application.health.raise(fault);
      return ERRNO.success;
    },
    /** faults(bits*): takes the faults that the plan gives to the partition itself; its own begin at bit 8. */
    faults: async (bits: number) => {
      memory().writeU32(bits, await application.health.faults());
      return ERRNO.success;
    },
    /** set_mode(name, length): switches the schedule. */
    set_mode: async (name: number, length: number) => {
      await application.mode.switchTo(memory().text(name, length));
      return ERRNO.success;
    },
  };
}
