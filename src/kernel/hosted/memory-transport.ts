// Partitions over shared memory: call pages, streams in memfds, the core in its own thread, births by the spawner.
import { Worker } from 'node:worker_threads';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { CALL_PAGE_BYTES, setUpLayers } from '../abi.ts';
import type { HelloText, PartitionStart, StreamEnd } from '../abi.ts';
import { FAULT_EXIT, FAULT_MEMORY, FAULT_TRAP } from '../core/core.ts';
import { endsOf, isRestartable } from './boot-plan.ts';
import { Cgroups } from './cgroup.ts';
import type { Limits } from './cgroup.ts';
import type { CoreRequest, CoreThreadData } from './core-thread.ts';
import {
  PR,
  SIGKILL,
  closeDescriptor,
  createMemory,
  createPipe,
  futexWake,
  mapMemory,
  memoryAt,
  must,
  setNonBlocking,
  systemCall,
} from './linux.ts';
import { readLog } from './log-lines.ts';
import { FIRST_UID, whyNoOwnUid } from './own-uid.ts';
import { ENVIRONMENT, EXTENSION, findProgram, hasProcess, nodeArguments, readableTrees } from './programs.ts';
import { RingMemory } from './ring-memory.ts';
import type { SpawnEvent, SpawnRequest, SpawnerData } from './spawner.ts';
import { startOf } from './start-data.ts';
import type { CoreEvent } from './supervisor.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';
import { holdThreads, ignoreStops } from './windows.ts';

/** Bytes that Node takes before a program has any of its own: a small one, a VMM, and each of its harts. */
const NODE_MEMORY = 128 << 20;
const VMM_MEMORY = 384 << 20;
const HART_MEMORY = 128 << 20;
const NODE_THREADS = 32;

/** One process of a partition. */
interface Process {
  readonly wakePipe: number;
  /** Resolves when its last words have been taken; to be called when it is dead. */
  readonly lastWords: () => Promise<unknown>;
  pid: number;
  pidfd: number;
  /** It is to be killed as soon as it can be. */
  condemned: boolean;
  /** What its windows are enforced by. */
  threads: readonly number[];
}

export async function openMemoryTransport(options: TransportOptions, events: TransportEvents): Promise<Transport> {
  const transport = new MemoryTransport(options, events);
  await transport.open();
  return transport;
}

class MemoryTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #events: TransportEvents;
  readonly #processes: (Process | undefined)[];
  readonly #pages: readonly bigint[];
  readonly #rings: readonly RingMemory[];
  readonly #bell: bigint;
  readonly #bellWord: Int32Array;
  readonly #noUid: string | undefined;
  readonly #cgroups: Cgroups | undefined;
  readonly #noCgroups: string | undefined;
  #spawner!: Worker;
  #coreThread!: Worker;
  layers: HelloText = { layers: [], missing: [] };
  /** What is to be done once the core has told all that it had to tell of a partition. */
  readonly #onceTold = new Map<number, (restarts: boolean) => void>();

  constructor(options: TransportOptions, events: TransportEvents) {
    const { plan, booted } = options;
    this.#options = options;
    this.#events = events;
    this.#processes = plan.partitions.map(() => undefined);
    // Nobody rings in these: each process gets a page of its own in their place.
    this.#pages = plan.partitions.map((p) => mapNew(`page-${p.name}`));
    this.#rings = plan.streams.map(
      (s) => new RingMemory(s.name, s.bytes, isRestartable(booted.k, s.from) || isRestartable(booted.k, s.to)),
    );
    this.#bell = mapNew('bell');
    this.#bellWord = new Int32Array(memoryAt(this.#bell, 4));
    const cgroups = options.without.includes('cgroup') ? 'left out' : Cgroups.open();
    this.#cgroups = typeof cgroups === 'string' ? undefined : cgroups;
    this.#noCgroups = typeof cgroups === 'string' ? cgroups : undefined;
    this.#noUid = options.without.includes('uid') ? 'left out' : whyNoOwnUid([process.execPath, ...this.#trees()]);
  }

  /** What a partition may take: its own memory, and what Node takes itself. */
  #limitsOf(p: number): Limits {
    const { kind, memory, harts } = this.#options.plan.partitions[p];
    const node = kind === 'guest' ? VMM_MEMORY + harts * HART_MEMORY : NODE_MEMORY;
    return { memory: memory + node, tasks: NODE_THREADS + harts };
  }

  #trees(): string[] {
    const { plan, allowedPrograms } = this.#options;
    const programs = plan.partitions.filter(hasProcess).map((p) => findProgram(p.program, allowedPrograms)!);
    return [...new Set(programs.flatMap(readableTrees))];
  }

  async open(): Promise<void> {
    const { without, words } = this.#options;
    // The spawner, jailed before anything is started.
    const spawnerData: SpawnerData = { readable: this.#trees(), without };
    this.#spawner = new Worker(new URL(`spawner${EXTENSION}`, import.meta.url), { workerData: spawnerData });
    const born = await new Promise<HelloText>((resolve, reject) => {
      this.#spawner.once('error', reject);
      this.#spawner.once('message', (m: SpawnEvent) =>
        m.event === 'ready' ? resolve(m.layers) : reject(new Error(m.event)),
      );
    });
    const more = setUpLayers(without, [
      ['uid', () => this.#noUid],
      ['cgroup', () => this.#noCgroups],
      ['permission', () => undefined], // a flag of Node's
    ]);
    this.layers = { layers: [...born.layers, ...more.layers], missing: [...born.missing, ...more.missing] };
    this.#spawner.on('error', (error: Error) => this.#events.broken(`spawner: ${error.message}`));
    this.#spawner.on('message', (m: SpawnEvent) => this.#onSpawner(m));

    const coreData: CoreThreadData = { words, pages: this.#pages, bell: this.#bell };
    this.#coreThread = new Worker(new URL(`core-thread${EXTENSION}`, import.meta.url), { workerData: coreData });
    this.#coreThread.on('error', (error: Error) => this.#events.broken(`core thread: ${error.message}`));
    this.#coreThread.on('message', (event: CoreEvent) => {
      const told = event.event === 'died' ? this.#onceTold.get(event.partition) : undefined;
      if (event.event === 'died' && told !== undefined) {
        this.#onceTold.delete(event.partition);
        told(event.restarts);
      } else this.#events.core(event);
    });
  }

  #ask(request: CoreRequest): void {
    this.#coreThread.postMessage(request);
    Atomics.add(this.#bellWord, 0, 1);
    futexWake(this.#bell, 1);
  }

  pid(p: number): number {
    return this.#processes[p]?.pid ?? 0;
  }

  start(p: number, kind: PartitionStart['startKind']): void {
    const { plan, booted, openFiles, terminal, without, allowedPrograms } = this.#options;
    const program = findProgram(plan.partitions[p].program, allowedPrograms)!;
    const files = openFiles(p);
    const page = createMemory(`page-${plan.partitions[p].name}`, CALL_PAGE_BYTES);
    mapMemory(page, CALL_PAGE_BYTES, 'write', this.#pages[p]);
    const [wakeEnd, wakePipe] = createPipe();
    setNonBlocking(wakePipe);
    const [log, logEnd] = createPipe();

    // Descriptor numbers in the new process: 2 the log, 3 the call page, then the rest in order.
    const descriptors: number[] = [logEnd, page];
    const give = (fd: number) => descriptors.push(fd) + 1;
    const wakeNumber = give(wakeEnd);
    const streams = endsOf(booted.k, p).map(({ stream, direction }): StreamEnd => {
      const { name, bytes } = plan.streams[stream];
      if (kind !== 'boot') this.#rings[stream].wipe(direction);
      const { data, progress } = this.#rings[stream].descriptors(direction);
      return { name, direction, bytes, data: give(data), progress: give(progress) };
    });
    const start: PartitionStart = {
      ...startOf(plan, p, kind, without),
      streams,
      files: Object.fromEntries(files.map(({ name, descriptor }) => [name, give(descriptor)])),
      ...(plan.partitions[p].terminal
        ? { terminal: { input: give(terminal!.input), output: give(terminal!.output) } }
        : {}),
      wakePipe: wakeNumber,
      transport: 'memory',
    };
    const request: SpawnRequest = {
      partition: p,
      argv: [...nodeArguments(program, !without.includes('permission'), true), JSON.stringify(start)],
      environment: ENVIRONMENT,
      descriptors,
      uid: this.#noUid === undefined ? FIRST_UID + p : undefined,
    };
    const words = new Socket({ fd: log, readable: true, writable: false });
    words.on('error', () => words.destroy());
    const lastWords = readLog(words, (chunk) => this.#events.output(p, chunk));
    this.#processes[p] = { wakePipe, lastWords, pid: 0, pidfd: -1, condemned: false, threads: [] };
    this.#ask({ request: 'attach', partition: p, wakePipe });
    this.#options.oomScore('partition');
    this.#births += 1;
    this.#spawner.postMessage(request);
    // What only the partition holds from then on: its ends of the pipes (so that an end is seen), its page, its files.
    this.#onceStarted.set(p, () => {
      for (const fd of [page, wakeEnd, logEnd]) closeDescriptor(fd);
      for (const { descriptor } of files) closeSync(descriptor);
      if (plan.partitions[p].terminal && !isRestartable(booted.k, p)) {
        for (const fd of Object.values(terminal!)) closeSync(fd);
      }
    });
  }
  readonly #onceStarted = new Map<number, () => void>();
  /** Processes that the spawner was asked for and has not started yet. */
  #births = 0;

  #onSpawner(m: SpawnEvent): void {
    if (m.event === 'ready') return;
    const p = m.partition;
    const process = this.#processes[p];
    if (m.event === 'failed') {
      this.#events.broken(`${this.#options.plan.partitions[p].name}: ${m.reason}`);
    } else if (m.event === 'started') {
      if (--this.#births === 0) this.#options.oomScore('own');
      this.#onceStarted.get(p)?.();
      process!.pid = m.pid;
      process!.pidfd = m.pidfd;
      try {
        this.#cgroups?.confine(p, m.pid, this.#limitsOf(p));
      } catch (error) {
        this.#events.output(p, Buffer.from(`no limits can be set: ${(error as Error).message}\n`));
        process!.condemned = true;
      }
      if (process!.condemned) this.kill(p);
    } else {
      // Its last words come first, those to the core too: the death comes by another port, and could pass its EXIT.
      const told = new Promise<boolean>((resolve) => this.#onceTold.set(p, resolve));
      const wasOutOfMemory = this.#cgroups?.release(p) === true;
      const code = m.signal === null ? FAULT_EXIT : wasOutOfMemory ? FAULT_MEMORY : FAULT_TRAP;
      this.#ask({ request: 'died', partition: p, code });
      void Promise.all([told, process!.lastWords()]).then(([restarts]) => {
        for (const fd of [process!.wakePipe, process!.pidfd, ...process!.threads]) closeDescriptor(fd);
        this.#processes[p] = undefined;
        this.#events.dead(p, { code: m.code, signal: m.signal, restarts, wasOutOfMemory });
      });
    }
  }

  seal(): void {
    for (const ring of this.#rings) ring.seal();
    // No partition of the same user may trace the kernel, read its memory or its descriptors.
    must('prctl', PR.setDumpable, 0);
  }

  load(p: number): void {
    const process = this.#processes[p];
    let threads: readonly number[] = [];
    if (process !== undefined && this.#options.booted.k.background[p] === 0) {
      const held = holdThreads(this.#options.booted.k, p, process.pid);
      ({ threads } = held);
      process.threads = threads;
      if (held.weakness !== undefined) this.#events.core({ event: 'ready', weakness: held.weakness });
      ignoreStops();
    }
    this.#ask({ request: 'load', partition: p, threads });
  }
  stop(): void {
    this.#ask({ request: 'stop' });
  }
  fault(p: number, code: number): void {
    this.#ask({ request: 'fault', partition: p, code });
  }
  failedToStart(p: number): void {
    this.#ask({ request: 'died', partition: p, code: FAULT_EXIT });
  }
  manage(id: number, p: number, op: number, argument: number): void {
    this.#ask({ request: 'manage', id, partition: p, op, argument });
  }

  close(): void {
    this.#cgroups?.close();
  }

  kill(p: number): void {
    const process = this.#processes[p];
    if (process === undefined) return;
    process.condemned = true;
    if (process.pidfd >= 0) systemCall('pidfd_send_signal', process.pidfd, SIGKILL, 0, 0);
  }
}

/** A new page of shared memory; its address. */
function mapNew(name: string): bigint {
  const fd = createMemory(name, CALL_PAGE_BYTES);
  const at = mapMemory(fd, CALL_PAGE_BYTES, 'write');
  closeDescriptor(fd);
  return at;
}
