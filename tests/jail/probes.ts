// What a partition must not be able to do, tried in two ways: `native` with a system call handle that was kept from before
// the jail (what code that has broken out of V8 can do), and `js` with Node's own modules.
//
// attack() uses nothing but its arguments: its text is also run in a worker that is started after the jail is closed, which
// can load no file.
import { numberOf } from '../../src/kernel/hosted/call-numbers.ts';

export interface Target {
  /** Process id of the kernel process. */
  readonly kernel: number;
  /** A TCP port on 127.0.0.1 that listens. */
  readonly port: number;
  readonly calls: { readonly [name: string]: number };
}

export type Probe = 'open' | 'connect' | 'fork' | 'exec' | 'signal';
export type Way = 'native' | 'js';

/** 'OPEN': it succeeded. Else the name or number of the error. */
export type Attack = (probe: Probe) => string | Promise<string>;

export function targetFor(kernel: number, port: number): Target {
  const names = ['openat', 'close', 'socket', 'connect', 'clone', 'execve', 'kill'] as const;
  return { kernel, port, calls: Object.fromEntries(names.map((name) => [name, numberOf(name) ?? -1])) };
}

export function attack(target: Target, builtin: (name: string) => unknown): Record<Way, Attack> {
  // ---- native: everything that it needs is prepared here, before the right to use ffi is given up
  type Ffi = typeof import('node:ffi');
  const ffi = (() => {
    try {
      return builtin('node:ffi') as Ffi;
    } catch {
      return undefined;
    }
  })();
  const prepare = (f: Ffi): Attack => {
    const i64 = 'int64';
    const { functions } = f.dlopen(null, {
      syscall: { arguments: [i64, i64, i64, i64, i64, i64, i64], return: i64 },
      __errno_location: { arguments: [], return: 'pointer' },
    });
    const errno = new Int32Array(f.toArrayBuffer(functions.__errno_location(), 4, false));
    const call = (name: string, ...args: (number | bigint)[]): number => {
      const a = (i: number) => BigInt(args[i] ?? 0);
      const result = Number(functions.syscall(BigInt(target.calls[name]), a(0), a(1), a(2), a(3), a(4), a(5)));
      return result === -1 ? -errno[0] : result;
    };
    const outcome = (result: number) => (result < 0 ? `errno ${-result}` : 'OPEN');
    const text = (value: string) => new TextEncoder().encode(`${value}\0`);
    const file = text('/etc/passwd');
    const program = text('/bin/true');
    const address = Uint8Array.of(2, 0, target.port >> 8, target.port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    const programAt = f.getRawPointer(program);
    const argv = new BigUint64Array([programAt, 0n]);
    const nothing = new BigUint64Array(1);
    const kept = [file, program, address, argv, nothing];
    const [fileAt, , addressAt, argvAt, nothingAt] = kept.map((view) => f.getRawPointer(view));
    const AT_FDCWD = -100;
    const SIGCHLD = 17;
    return (probe) => {
      if (kept.length === 0) return '';
      switch (probe) {
        case 'open': {
          const fd = call('openat', AT_FDCWD, fileAt, 0);
          if (fd >= 0) call('close', fd);
          return outcome(fd);
        }
        case 'connect': {
          const socket = call('socket', 2, 1, 0);
          if (socket < 0) return outcome(socket);
          const result = call('connect', socket, addressAt, 16);
          call('close', socket);
          return outcome(result);
        }
        case 'fork':
          // The child finds none of V8's heap (MADV_DONTFORK) and dies where it returns to JavaScript.
          return outcome(call('clone', SIGCHLD, 0, 0, 0, 0));
        case 'exec':
          // In place: if it succeeds, this process has become /bin/true, which ends with status 0.
          return outcome(call('execve', programAt, argvAt, nothingAt));
        case 'signal':
          return outcome(call('kill', target.kernel, 0));
      }
    };
  };
  const native: Attack = ffi === undefined ? () => 'no ffi' : prepare(ffi);

  // ---- by JavaScript
  const fs = builtin('node:fs') as typeof import('node:fs');
  const net = builtin('node:net') as typeof import('node:net');
  const child = builtin('node:child_process') as typeof import('node:child_process');
  const run = async (probe: Probe): Promise<void> => {
    switch (probe) {
      case 'open':
        fs.readFileSync('/etc/passwd');
        break;
      case 'connect':
        await new Promise<void>((resolve, reject) => {
          const socket = net.connect(target.port, '127.0.0.1', () => {
            socket.destroy();
            resolve();
          });
          socket.on('error', reject);
        });
        break;
      case 'fork':
        throw new Error('JavaScript cannot');
      case 'exec': {
        const { error } = child.spawnSync('/bin/true');
        if (error !== undefined) throw error;
        break;
      }
      case 'signal':
        process.kill(target.kernel, 0);
        break;
    }
  };
  const js: Attack = async (probe) => {
    try {
      await run(probe);
      return 'OPEN';
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code ?? error);
    }
  };
  return { native, js };
}
