// The kernel process (docs/design/seams.md): plan on descriptor 3, events on 4, the terminal to pass on as 5 and 6.
// This thread holds Node's event loop: births, deaths, logs, signals, and the end of the system. Decisions are the core's.
import {
  closeSync,
  constants as fsConstants,
  fstatSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { LAYERS, STOP_GRACE_MS } from '../abi.ts';
import type { HelloText, Layer } from '../abi.ts';
import type { KernelEvent, Plan } from '../plan.ts';
import { countingKind } from './core-tables.ts';
import type { CoreEvent } from './core-tables.ts';
import { closeOnExecFrom, dieWithParent, exitProcess, whyNoFfi } from './linux.ts';
import { LogLines, harmless } from './log-lines.ts';
import { openMemoryTransport } from './memory-transport.ts';
import { openPipeTransport } from './pipe-transport.ts';
import { PlanError, checkPlan } from './plan-check.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';

const PLAN_FD = 3;
const EVENTS_FD = 4;
const TERMINAL = { input: 5, output: 6 };

/** Exit statuses (docs: "The command"): a guest that ended in failure; wrong input; a fault of Virtsec itself. */
const STATUS_GUEST_FAULT = 1;
const STATUS_REFUSED = 2;
const STATUS_OWN_FAULT = 70;

/** A partition that has said EXIT and is still there after this is killed. */
const EXIT_GRACE_MS = 1000;
/** All partitions must have said HELLO by then. */
const BIRTH_LIMIT_MS = 120_000;

const noFfi = whyNoFfi();

/** Ends this process without waiting for the core thread, which sleeps in a system call. */
function leave(status: number): never {
  if (noFfi === undefined) exitProcess(status);
  process.exit(status);
}

/** One line on the event descriptor. The CLI is the only reader; when it is gone, so is the system. */
function emit(event: KernelEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let sent = 0; sent < line.length;) {
    try {
      sent += writeSync(EVENTS_FD, line, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') leave(STATUS_OWN_FAULT);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); // the reader is slow: 2 ms
    }
  }
}

function refuse(reason: string): never {
  emit({ event: 'refused', reason });
  emit({ event: 'ended', why: 'fault', status: STATUS_REFUSED });
  leave(STATUS_REFUSED);
}

const isLayer = (name: string): name is Layer => (LAYERS as readonly string[]).includes(name);

/** What a partition says about its own layers; it is not believed beyond its form. */
function parseHello(text: string): HelloText {
  try {
    const value = JSON.parse(text) as { layers?: unknown; missing?: unknown };
    const layers = Array.isArray(value.layers) ? value.layers : [];
    const missing = Array.isArray(value.missing) ? (value.missing as unknown[]) : [];
    return {
      layers: layers.filter((l): l is Layer => typeof l === 'string' && isLayer(l)),
      missing: missing.flatMap((m) => {
        const { layer, reason } = (m ?? {}) as { layer?: unknown; reason?: unknown };
        return typeof layer === 'string' && isLayer(layer)
          ? [{ layer, reason: harmless(String(reason).slice(0, 200)) }]
          : [];
      }),
    };
  } catch {
    return { layers: [], missing: [] };
  }
}

interface PartitionRecord {
  hello: HelloText | undefined;
  /** Status of its EXIT. */
  exited: number | undefined;
  illegal: boolean;
  dead: boolean;
  /** The kernel has killed it while the system ended, so its death says nothing about it. */
  killed: boolean;
  killTimer: NodeJS.Timeout | undefined;
  readonly log: LogLines;
}

class System {
  readonly #plan: Plan;
  readonly #records: PartitionRecord[];
  #transport: Transport | undefined;
  #released = false;
  #ending: { readonly why: 'all-guests-done' | 'shutdown' | 'signal' | 'fault'; readonly status: number } | undefined;
  #guestFault = false;
  #birthTimer: NodeJS.Timeout | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#records = plan.partitions.map((p) => ({
      hello: undefined,
      exited: undefined,
      illegal: false,
      dead: false,
      killed: false,
      killTimer: undefined,
      log: new LogLines((text) => emit({ event: 'log', partition: p.name, text })),
    }));
  }

  async start(options: TransportOptions): Promise<void> {
    const events: TransportEvents = {
      core: (event) => this.#onCore(event),
      dead: (partition, code, signal) => this.#onDead(partition, code, signal),
      output: (partition, chunk) => this.#records[partition].log.bytes(chunk),
      broken: (reason) => this.#fail(reason),
    };
    this.#birthTimer = setTimeout(() => this.#fail('not every partition has said HELLO'), BIRTH_LIMIT_MS);
    process.on('SIGTERM', () => this.#end('signal', 128 + constants.signals.SIGTERM));
    process.on('SIGINT', () => this.#end('signal', 128 + constants.signals.SIGINT));
    // A partition can use memory without bound: when the host has none left, it is to go, and not the kernel.
    const oomScore = setOomScore('1000');
    this.#transport =
      noFfi === undefined
        ? await openMemoryTransport(this.#plan, options, events)
        : openPipeTransport(this.#plan, noFfi, options, events);
    if (oomScore !== undefined) setOomScore(oomScore);
    if (this.#ending !== undefined) this.#killAll(); // by a signal, while they were being started
    this.#releaseWhenAllAreThere();
  }

  #onCore(event: CoreEvent): void {
    switch (event.event) {
      case 'ready':
      case 'died':
        break;
      case 'hello':
        this.#records[event.partition].hello = parseHello(event.text);
        if (event.allHeld) this.#releaseWhenAllAreThere();
        break;
      case 'log':
        this.#records[event.partition].log.text(event.text);
        break;
      case 'reset':
        if (this.#records[event.partition].log.admits())
          emit({ event: 'reset', partition: this.#plan.partitions[event.partition].name });
        break;
      case 'exit':
        this.#records[event.partition].exited = event.status;
        this.#killSoon(event.partition, EXIT_GRACE_MS);
        if (event.allDone) this.#end('all-guests-done', event.systemStatus);
        break;
      case 'shutdown':
        this.#end('shutdown', event.systemStatus);
        break;
      case 'illegal':
        this.#records[event.partition].illegal = true;
        this.#transport?.kill(event.partition);
        break;
    }
  }

  #releaseWhenAllAreThere(): void {
    const transport = this.#transport;
    if (transport === undefined || this.#released || this.#ending !== undefined) return;
    if (this.#records.some((r) => r.hello === undefined)) return;
    this.#released = true;
    clearTimeout(this.#birthTimer);
    emit({
      event: 'started',
      partitions: this.#plan.partitions.map(({ name, kind }, p) => {
        const hello = this.#records[p].hello!;
        return {
          name,
          kind,
          pid: transport.pid(p),
          layers: LAYERS.filter((l) => transport.layers.layers.includes(l) || hello.layers.includes(l)).filter(
            // Two domains: the one of birth and the partition's own. Both must stand.
            (l) => ![...transport.layers.missing, ...hello.missing].some((m) => m.layer === l),
          ),
          missing: [...new Map([...hello.missing, ...transport.layers.missing].map((m) => [m.layer, m])).values()],
        };
      }),
    });
    transport.release();
  }

  #onDead(partition: number, code: number | null, signal: string | null): void {
    const { name, kind } = this.#plan.partitions[partition];
    const record = this.#records[partition];
    record.dead = true;
    clearTimeout(record.killTimer);
    record.log.end();
    const fault = record.exited === undefined;
    if (!fault) {
      emit({ event: 'exit', partition: name, by: 'exit', status: record.exited! });
    } else if (!record.killed) {
      const number = signal === null ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0);
      const status = signal === null ? (code ?? 0) : 128 + number;
      const by = record.illegal ? 'illegal-call' : signal === null ? 'process-exit' : 'signal';
      emit({ event: 'exit', partition: name, by, status, ...(signal === null ? {} : { signal }) });
      if (kind === countingKind(this.#plan)) this.#guestFault = true;
      if (this.#ending === undefined && !this.#released) this.#fail(`${name} ended before the system had started`);
      else if (!this.#canStillEnd()) this.#end('fault', STATUS_GUEST_FAULT);
    }
    this.#endWhenAllAreDead();
  }

  /** A fault takes nothing else down; but a system in which nobody is left to end it has ended. */
  #canStillEnd(): boolean {
    const kind = countingKind(this.#plan);
    return this.#plan.partitions.some(
      (p, i) => !this.#records[i].dead && (p.mayShutDown || kind === undefined || p.kind === kind),
    );
  }

  #killSoon(partition: number, ms: number): void {
    const record = this.#records[partition];
    clearTimeout(record.killTimer);
    record.killTimer = setTimeout(() => {
      record.killed = true;
      this.#transport?.kill(partition);
    }, ms);
  }

  #end(why: 'all-guests-done' | 'shutdown' | 'signal' | 'fault', status: number): void {
    if (this.#ending !== undefined) return;
    this.#ending = { why, status };
    clearTimeout(this.#birthTimer);
    if (this.#released) {
      // Drivers still have the guest's last words to bring out.
      this.#transport?.stop();
      this.#plan.partitions.forEach((_, p) => {
        if (!this.#records[p].dead)
          this.#killSoon(p, this.#records[p].exited === undefined ? STOP_GRACE_MS : EXIT_GRACE_MS);
      });
    } else {
      this.#killAll();
    }
    this.#endWhenAllAreDead();
  }

  #killAll(): void {
    for (const [p, record] of this.#records.entries()) {
      record.killed = true;
      this.#transport?.kill(p);
    }
  }

  /** A fault of the kernel's own: nothing is waited for. Partitions die with the spawner thread. */
  #fail(reason: string): void {
    if (this.#ending !== undefined) return;
    emit({ event: 'refused', reason });
    this.#killAll();
    emit({ event: 'ended', why: 'fault', status: STATUS_OWN_FAULT });
    leave(STATUS_OWN_FAULT);
  }

  #endWhenAllAreDead(): void {
    if (this.#ending === undefined || this.#records.some((r) => !r.dead)) return;
    const { why, status } = this.#ending;
    const final = status === 0 && this.#guestFault ? STATUS_GUEST_FAULT : status;
    emit({ event: 'ended', why, status: final });
    leave(final);
  }
}

function exists(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens a file that a partition gets. Whoever wrote the description may have named anything: a pipe would be waited for, a
 * device acts when it is opened, and a terminal would become this session's.
 */
function openFile(path: string, writable: boolean): number {
  const access = writable ? fsConstants.O_RDWR | fsConstants.O_NOFOLLOW : fsConstants.O_RDONLY;
  const descriptor = openSync(path, access | fsConstants.O_NONBLOCK | fsConstants.O_NOCTTY);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`${path} is not a regular file`);
}

/**
 * How willing the host is to kill this process, and what it starts from then on, when memory runs out (proc(5),
 * oom_score_adj: -1000..1000). Returns what it was; undefined: this host has no such thing.
 */
function setOomScore(score: string): string | undefined {
  try {
    const before = readFileSync('/proc/self/oom_score_adj', 'utf8');
    writeFileSync('/proc/self/oom_score_adj', score);
    return before;
  } catch {
    return undefined;
  }
}

function watchForOrphanhood(parent: number): void {
  if (noFfi === undefined) {
    if (!dieWithParent(parent)) leave(STATUS_OWN_FAULT);
    return;
  }
  setInterval(() => {
    if (process.ppid !== parent) leave(STATUS_OWN_FAULT);
  }, 250).unref();
}

async function main(): Promise<void> {
  const parent = process.ppid;
  // What our own caller left open must reach no partition.
  if (noFfi === undefined) closeOnExecFrom(3);
  watchForOrphanhood(parent);

  const { values } = parseArgs({
    options: {
      'without-layer': { type: 'string', multiple: true, default: [] },
      'allow-program': { type: 'string', multiple: true, default: [] },
    },
  });
  const without = values['without-layer'].filter(isLayer);
  if (without.length < values['without-layer'].length) refuse(`--without-layer takes one of ${LAYERS.join(', ')}`);
  const allowedPrograms = values['allow-program'];

  let plan: Plan;
  try {
    plan = checkPlan(readFileSync(PLAN_FD, 'utf8'), allowedPrograms);
    closeSync(PLAN_FD);
  } catch (error) {
    refuse(error instanceof PlanError ? error.message : `the plan cannot be read: ${String(error)}`);
  }
  const files = plan.partitions.map((p) =>
    p.files.map(({ name, path, writable }) => {
      try {
        return { name, descriptor: openFile(path, writable === true) };
      } catch (error) {
        return refuse(harmless(`${p.name}: file ${name}: ${(error as Error).message}`));
      }
    }),
  );
  const terminal = exists(TERMINAL.input) && exists(TERMINAL.output) ? TERMINAL : undefined;
  if (terminal === undefined && plan.partitions.some((p) => p.terminal)) {
    refuse('a partition has the terminal, but descriptors 5 and 6 are not open');
  }
  await new System(plan).start({ without, allowedPrograms, files, terminal });
}

main().catch((error: unknown) => {
  emit({ event: 'refused', reason: error instanceof Error ? error.message : String(error) });
  emit({ event: 'ended', why: 'fault', status: STATUS_OWN_FAULT });
  leave(STATUS_OWN_FAULT);
});
