// Partitions over shared memory: call pages, streams in memfds, the core in its own thread, births by the spawner.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { Socket } from 'node:net';
import { CALL_PAGE_BYTES, setUpLayers } from '../call-page.ts';
import type { HelloText, PartitionStart, StreamEnd } from '../call-page.ts';
import { FAULT_EXIT, FAULT_MEMORY, FAULT_TRAP } from '../core/core.ts';
import { MAX_PARTITIONS } from '../plan.ts';
import { endsOf, isRestartable, isRestartedByMonitor } from './boot-plan.ts';
import { Cgroups } from './cgroup.ts';
import type { Limits } from './cgroup.ts';
import type { CoreRequest, CoreThreadData } from './core-thread.ts';
import { enterLandlockDomain } from './landlock.ts';
import * as linux from './linux.ts';
import { readLog } from './log-lines.ts';
import { FIRST_UID, whyNoOwnUid } from './own-uid.ts';
import {
  ENVIRONMENT,
  EXTENSION,
  NODE_READS,
  findProgram,
  hasProcess,
  nodeArguments,
  readableTrees,
} from './programs.ts';
import { RingMemory } from './ring-memory.ts';
import { installFilter, kernelFilter } from './seccomp.ts';
import type { SpawnEvent, SpawnRequest, SpawnerData } from './spawner.ts';
import { startOf } from './start-data.ts';
import { NOBODY, isBounded } from './supervisor.ts';
import type { CoreEvent } from './supervisor.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';
import { holdThreads, ignoreStops } from './windows.ts';

/** Bytes that Node takes before a program has any of its own: a small one, a VMM, and each of its harts. */
const NODE_MEMORY = 128 << 20;
const VMM_MEMORY = 384 << 20;
const HART_MEMORY = 128 << 20;
const NODE_THREADS = 32;

/**
 * Who is restarted by the health monitor has a spare, so long after it runs itself: a process that has been born, is jailed, and waits
 * for the answer to its HELLO. No guests, which are large, and nobody who has the terminal.
 */
const SPARE_AFTER_MS = 500;

/** One process of a partition. */
interface Process {
  /** The spawner and the core thread know it by this. */
  readonly id: number;
  readonly partition: number;
  /** Which of the partition's two user ids it has: a spare is not its partition. */
  readonly uidSlot: 0 | 1;
  /** Its call page. */
  readonly page: number;
  readonly wakePipe: number;
  /** What only the partition holds once it has started: ends of pipes, files. */
  readonly lent: readonly number[];
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
  /** Those of the core's partitions, and their spares. */
  readonly #active: (Process | undefined)[];
  readonly #spares: (Process | undefined)[];
  /** All of them by the number that the spawner knows them by. */
  readonly #processes = new Map<number, Process>();
  #nextProcess = 0;
  #isStopping = false;
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
    this.#active = plan.partitions.map(() => undefined);
    this.#spares = plan.partitions.map(() => undefined);
    // Nobody rings in these: each process gets a page of its own in their place.
    this.#pages = plan.partitions.map((p) => mapNew(`page-${p.name}`));
    this.#rings = plan.streams.map(
      (s) => new RingMemory(s.name, s.bytes, isRestartable(booted.k, s.from) || isRestartable(booted.k, s.to)),
    );
    this.#bell = mapNew('bell');
    this.#bellWord = new Int32Array(linux.memoryAt(this.#bell, 4));
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
    this.#confineKernel();
    // The spawner, jailed before anything is started.
    const spawnerData: SpawnerData = { readable: this.#trees(), without, changesUids: this.#noUid === undefined };
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

    const pending = new Int32Array(new SharedArrayBuffer(4 * this.#pages.length));
    const timed = this.#options.plan.partitions.map((p) => p.timed === true);
    const coreData: CoreThreadData = { words, pages: this.#pages, bell: this.#bell, timed, pending };
    this.#coreThread = new Worker(new URL(`core-thread${EXTENSION}`, import.meta.url), { workerData: coreData });
    this.#coreThread.on('error', (error: Error) => this.#events.broken(`core thread: ${error.message}`));
    this.#coreThread.on('message', (event: CoreEvent) => {
      if (isBounded(event)) Atomics.sub(pending, event.partition, 1);
      const told = event.event === 'died' ? this.#onceTold.get(event.partition) : undefined;
      if (event.event === 'died' && told !== undefined) {
        this.#onceTold.delete(event.partition);
        told(event.restarts);
      } else this.#events.core(event);
    });
  }

  /**
   * This thread, and with it the core's and the spawner's, which start later: the host's files are to be read as far as Node, Virtsec and
   * the plan need them, and nothing is to be written but what the plan lets partitions write and the control groups; no TCP, no
   * signal but to partitions. And no thread of this process makes a call that it never has a reason for. That Landlock is not there is told of the partitions, which need it more.
   */
  #confineKernel(): void {
    // A host without it lacks it around partitions too, of which it is told.
    const { without } = this.#options;
    if (!without.includes('no-new-privs')) linux.must('prctl', linux.PR.setNoNewPrivs, 1);
    setUpLayers(without, [['seccomp', () => installFilter(kernelFilter(), true)]]);
    if (without.includes('landlock')) return;
    const files = this.#options.plan.partitions.flatMap((p) => p.files);
    const written = files.filter((file) => file.writable).map((file) => file.path);
    enterLandlockDomain(
      [...NODE_READS, ...this.#trees(), '/proc', ...files.map((file) => path.dirname(file.path))],
      ['/dev/null', ...written, ...(this.#cgroups?.bases ?? [])],
    );
  }

  #ask(request: CoreRequest): void {
    this.#coreThread.postMessage(request);
    Atomics.add(this.#bellWord, 0, 1);
    linux.futexWake(this.#bell, 1);
  }

  pid(p: number): number {
    return this.#active[p]?.pid ?? 0;
  }

  start(p: number, kind: PartitionStart['startKind']): void {
    const spare = this.#spares[p];
    const isSpareFit = spare !== undefined && kind === 'cold' && spare.pidfd >= 0 && !spare.condemned;
    const process = isSpareFit ? spare : this.#spawn(p, kind);
    if (isSpareFit) this.#spares[p] = undefined;
    this.#active[p] = process;
    if (kind !== 'boot') {
      for (const { stream, direction } of endsOf(this.#options.booted.k, p)) this.#rings[stream].wipe(direction);
    }
    // The page of another process takes the place of the last one's. A spare has said HELLO in it already, or will.
    linux.mapMemory(process.page, CALL_PAGE_BYTES, 'write', this.#pages[p]);
    this.#ask({ request: 'attach', partition: p, process: process.id, wakePipe: process.wakePipe });
  }

  #spawn(p: number, kind: PartitionStart['startKind']): Process {
    const { plan, booted, openFiles, terminal, without, allowedPrograms } = this.#options;
    const program = findProgram(plan.partitions[p].program, allowedPrograms)!;
    const files = openFiles(p);
    const page = linux.createMemory(`page-${plan.partitions[p].name}`, CALL_PAGE_BYTES);
    const [wakeEnd, wakePipe] = linux.createPipe();
    linux.setNonBlocking(wakePipe);
    const [log, logEnd] = linux.createPipe();

    // Descriptor numbers in the new process: 2 the log, 3 the call page, then the rest in order.
    const descriptors: number[] = [logEnd, page];
    const give = (fd: number) => descriptors.push(fd) + 1;
    const wakeNumber = give(wakeEnd);
    const streams = endsOf(booted.k, p).map(({ stream, direction }): StreamEnd => {
      const { name, bytes } = plan.streams[stream];
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
    const words = new Socket({ fd: log, readable: true, writable: false });
    words.on('error', () => words.destroy());
    const lends = plan.partitions[p].terminal && !isRestartable(booted.k, p) ? Object.values(terminal!) : [];
    const process: Process = {
      id: this.#nextProcess++,
      partition: p,
      uidSlot: (this.#active[p] ?? this.#spares[p])?.uidSlot === 0 ? 1 : 0,
      page,
      wakePipe,
      lent: [wakeEnd, logEnd, ...files.map(({ descriptor }) => descriptor), ...lends],
      lastWords: readLog(words, (chunk) => this.#events.output(p, chunk)),
      pid: 0,
      pidfd: -1,
      condemned: false,
      threads: [],
    };
    this.#processes.set(process.id, process);
    const request: SpawnRequest = {
      id: process.id,
      argv: [...nodeArguments(program, !without.includes('permission'), true), JSON.stringify(start)],
      environment: ENVIRONMENT,
      descriptors,
      uid: this.#noUid === undefined ? FIRST_UID + process.uidSlot * MAX_PARTITIONS + p : undefined,
    };
    this.#options.oomScore('partition');
    this.#births += 1;
    this.#spawner.postMessage(request);
    return process;
  }
  /** Processes that the spawner was asked for and has not started yet. */
  #births = 0;

  #onSpawner(m: SpawnEvent): void {
    if (m.event === 'ready') return;
    const process = this.#processes.get(m.id);
    if (process === undefined) return; // it has failed already
    if (m.event === 'failed') this.#onFailed(process, m.reason);
    else if (m.event === 'started') this.#onStarted(process, m.pid, m.pidfd);
    else this.#onEnded(process, m.code, m.signal);
  }

  #onBirth(process: Process): void {
    if (--this.#births === 0) this.#options.oomScore('own');
    for (const fd of process.lent) linux.closeDescriptor(fd);
  }

  /** The host has no process for it: as if it had ended at once. */
  #onFailed(process: Process, reason: string): void {
    this.#onBirth(process);
    this.#events.output(process.partition, Buffer.from(`cannot be started: ${reason}\n`));
    this.#onEnded(process, 1, null);
  }

  #onStarted(process: Process, pid: number, pidfd: number): void {
    this.#onBirth(process);
    process.pid = pid;
    process.pidfd = pidfd;
    try {
      this.#cgroups?.confine(process.id, pid, this.#limitsOf(process.partition));
    } catch (error) {
      this.#events.output(process.partition, Buffer.from(`no limits can be set: ${(error as Error).message}\n`));
      process.condemned = true;
    }
    if (process.condemned) condemn(process);
  }

  #onEnded(process: Process, code: number | null, signal: string | null): void {
    const p = process.partition;
    const wasOutOfMemory = this.#cgroups?.release(process.id) === true;
    this.#processes.delete(process.id);
    const close = () => {
      for (const fd of [process.page, process.wakePipe, process.pidfd, ...process.threads]) linux.closeDescriptor(fd);
    };
    if (this.#spares[p] === process) {
      this.#spares[p] = undefined;
      close();
      return;
    }
    // Its last words come first, those to the core too: the death comes by another port, and could pass its EXIT.
    const told = new Promise<boolean>((resolve) => this.#onceTold.set(p, resolve));
    const fault = signal === null ? FAULT_EXIT : wasOutOfMemory ? FAULT_MEMORY : FAULT_TRAP;
    this.#ask({ request: 'died', partition: p, code: fault });
    void Promise.all([told, process.lastWords()]).then(([restarts]) => {
      close();
      this.#active[p] = undefined;
      this.#events.dead(p, { code, signal, restarts, wasOutOfMemory });
    });
  }

  /** Once a partition runs: another process of it, for the next time. */
  #provideSpare(p: number): void {
    const { booted, plan } = this.#options;
    const { kind, terminal } = plan.partitions[p];
    if (this.#isStopping || this.#spares[p] !== undefined || this.#active[p] === undefined) return;
    if (kind === 'guest' || terminal || !isRestartedByMonitor(booted.k, p)) return;
    try {
      this.#spares[p] = this.#spawn(p, 'cold');
    } catch {
      // Its file is another one now, or gone: the next start will say so.
    }
  }

  seal(): void {
    for (const ring of this.#rings) ring.seal();
    // No partition of the same user may trace the kernel, read its memory or its descriptors.
    linux.must('prctl', linux.PR.setDumpable, 0);
  }

  load(p: number): void {
    const process = this.#active[p];
    let threads: readonly number[] = [];
    if (process !== undefined && this.#options.booted.k.background[p] === 0) {
      const held = holdThreads(this.#options.booted.k, p, process.pid);
      ({ threads } = held);
      process.threads = threads;
      if (held.weakness !== undefined) this.#events.core({ event: 'ready', weakness: held.weakness });
      ignoreStops();
    }
    this.#ask({ request: 'load', partition: p, process: process?.id ?? NOBODY, threads });
    setTimeout(() => this.#provideSpare(p), SPARE_AFTER_MS).unref();
  }
  stop(): void {
    this.#isStopping = true;
    for (const spare of this.#spares) if (spare !== undefined) condemn(spare);
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
    const process = this.#active[p];
    if (process !== undefined) condemn(process);
  }
}

function condemn(process: Process): void {
  process.condemned = true;
  if (process.pidfd >= 0) linux.systemCall('pidfd_send_signal', process.pidfd, linux.SIGKILL, 0, 0);
}

/** A new page of shared memory; its address. */
function mapNew(name: string): bigint {
  const fd = linux.createMemory(name, CALL_PAGE_BYTES);
  const at = linux.mapMemory(fd, CALL_PAGE_BYTES, 'write');
  linux.closeDescriptor(fd);
  return at;
}
