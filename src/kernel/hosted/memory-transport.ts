// Partitions over shared memory: call pages, streams in sealed memfds, the core in its own thread, births by the spawner.
import { Worker } from 'node:worker_threads';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { CALL_PAGE_BYTES, setUpLayers } from '../abi.ts';
import type { HelloText, PartitionStart, StreamEnd } from '../abi.ts';
import type { Plan } from '../plan.ts';
import { endsOf } from './core-tables.ts';
import type { CoreEvent } from './core-tables.ts';
import type { CoreRequest, CoreThreadData } from './core-thread.ts';
import {
  PR,
  SEAL,
  SIGKILL,
  addSeals,
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
import { ENVIRONMENT, EXTENSION, findProgram, nodeArguments, readableTrees } from './programs.ts';
import type { SpawnEvent, SpawnRequest, SpawnerData } from './spawner.ts';
import { FIRST_UID, whyNoOwnUid } from './own-uid.ts';
import { NO_PORTS } from './transport.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';

/** The one page of a stream's data memfd before the ring (docs/design/seams.md, "Streams"). */
const HEADER_BYTES = 4096;
const PROGRESS_BYTES = 4096;

interface Ring {
  readonly data: number;
  /** The same memory, read-only: a mapping of it cannot be made writable. */
  readonly dataReadOnly: number;
  readonly progress: number;
  readonly progressReadOnly: number;
}

function createRing(name: string, bytes: number): Ring {
  const readOnly = (fd: number) => openSync(`/proc/self/fd/${fd}`, 'r');
  const data = createMemory(name, HEADER_BYTES + bytes);
  const progress = createMemory(name, PROGRESS_BYTES);
  return { data, dataReadOnly: readOnly(data), progress, progressReadOnly: readOnly(progress) };
}

export async function openMemoryTransport(
  plan: Plan,
  options: TransportOptions,
  events: TransportEvents,
): Promise<Transport> {
  const programs = plan.partitions.map((p) => findProgram(p.program, options.allowedPrograms)!);
  const trees = [...new Set(programs.flatMap(readableTrees))];
  const noUid = options.without.includes('uid') ? 'left out' : whyNoOwnUid([process.execPath, ...trees]);

  // ---- the spawner, jailed before anything is started
  const spawnerData: SpawnerData = { readable: trees, without: options.without };
  const spawner = new Worker(new URL(`spawner${EXTENSION}`, import.meta.url), { workerData: spawnerData });
  const born = await new Promise<HelloText>((resolve, reject) => {
    spawner.once('error', reject);
    spawner.once('message', (m: SpawnEvent) => (m.event === 'ready' ? resolve(m.layers) : reject(new Error(m.event))));
  });
  const layers = setUpLayers(options.without, [
    ['uid', () => noUid],
    ['permission', () => undefined], // a flag of Node's
  ]);

  // ---- memory and pipes
  const pageFds = plan.partitions.map((p) => createMemory(`page-${p.name}`, CALL_PAGE_BYTES));
  const pages = pageFds.map((fd) => mapMemory(fd, CALL_PAGE_BYTES, 'write'));
  const rings = plan.streams.map((s) => createRing(s.name, s.bytes));
  const wakePipes = plan.partitions.map(() => createPipe());
  for (const [, write] of wakePipes) setNonBlocking(write);
  const logPipes = plan.partitions.map(() => createPipe());
  const bellFd = createMemory('bell', CALL_PAGE_BYTES);
  const bell = mapMemory(bellFd, CALL_PAGE_BYTES, 'write');
  closeDescriptor(bellFd);
  const bellWord = new Int32Array(memoryAt(bell, 4));

  // ---- the core thread
  const coreData: CoreThreadData = { plan, pages, wakePipes: wakePipes.map(([, write]) => write), bell };
  const coreThread = new Worker(new URL(`core-thread${EXTENSION}`, import.meta.url), { workerData: coreData });
  await new Promise<void>((resolve, reject) => {
    coreThread.once('error', reject);
    coreThread.once('message', () => resolve());
  });
  /** What is to be done once the core has told all that it had to tell of a partition. */
  const onceTold = new Map<number, () => void>();
  coreThread.on('message', (event: CoreEvent) => {
    if (event.event === 'died') onceTold.get(event.partition)?.();
    else events.core(event);
  });
  coreThread.on('error', (error: Error) => events.broken(`core thread: ${error.message}`));
  const ask = (request: CoreRequest) => {
    coreThread.postMessage(request);
    Atomics.add(bellWord, 0, 1);
    futexWake(bell, 1);
  };

  // ---- partitions
  const lastWords = logPipes.map(([read], id) => {
    const log = new Socket({ fd: read, readable: true, writable: false });
    log.on('error', () => log.destroy());
    return readLog(log, (chunk) => events.output(id, chunk));
  });
  const pids = plan.partitions.map(() => 0);
  const pidfds = plan.partitions.map(() => -1);
  const ends = endsOf(plan);
  let toStart = plan.partitions.length;
  const allStarted = new Promise<void>((resolve, reject) => {
    spawner.on('error', (error: Error) => {
      events.broken(`spawner: ${error.message}`);
      reject(error);
    });
    spawner.on('message', (m: SpawnEvent) => {
      if (m.event === 'started') {
        pids[m.partition] = m.pid;
        pidfds[m.partition] = m.pidfd;
        if (--toStart === 0) resolve();
      } else if (m.event === 'failed') {
        reject(new Error(`${plan.partitions[m.partition].name}: ${m.reason}`));
      } else if (m.event === 'ended') {
        // Its last words come first, those to the core too: the death comes by another port, and could pass its EXIT.
        const told = new Promise<void>((resolve) => onceTold.set(m.partition, resolve));
        ask({ request: 'died', partition: m.partition });
        void Promise.all([lastWords[m.partition](), told]).then(() => events.dead(m.partition, m.code, m.signal));
      }
    });
  });

  plan.partitions.forEach((p, id) => {
    // Descriptor numbers in the new process: 2 the log, 3 the call page, then the rest in order.
    const descriptors: number[] = [logPipes[id][1], pageFds[id]];
    const give = (fd: number) => descriptors.push(fd) + 1;
    const wakePipe = give(wakePipes[id][0]);
    const streams = ends[id].map(({ stream, direction }): StreamEnd => {
      const { name, bytes } = plan.streams[stream];
      const ring = rings[stream];
      return direction === 'out'
        ? { name, direction, bytes, data: give(ring.data), progress: give(ring.progressReadOnly) }
        : { name, direction, bytes, data: give(ring.dataReadOnly), progress: give(ring.progress) };
    });
    const files = Object.fromEntries(options.files[id].map(({ name, descriptor }) => [name, give(descriptor)]));
    const terminal = p.terminal
      ? { input: give(options.terminal!.input), output: give(options.terminal!.output) }
      : undefined;
    const start: PartitionStart = {
      id,
      parent: process.pid,
      name: p.name,
      kind: p.kind,
      memory: p.memory,
      harts: p.harts,
      config: p.config,
      streams,
      ...NO_PORTS,
      files,
      ...(terminal === undefined ? {} : { terminal }),
      wakePipe,
      transport: 'memory',
      without: options.without,
    };
    const request: SpawnRequest = {
      partition: id,
      argv: [...nodeArguments(programs[id], !options.without.includes('permission'), true), JSON.stringify(start)],
      environment: ENVIRONMENT,
      descriptors,
      uid: noUid === undefined ? FIRST_UID + id : undefined,
    };
    spawner.postMessage(request);
  });
  await allStarted;

  // What only partitions hold from here on: their ends of the pipes (so that an end is seen), their pages, their files.
  plan.partitions.forEach((p, id) => {
    closeDescriptor(pageFds[id]);
    closeDescriptor(wakePipes[id][0]);
    closeDescriptor(logPipes[id][1]);
    for (const { descriptor } of options.files[id]) closeSync(descriptor);
    if (p.terminal) for (const fd of Object.values(options.terminal!)) closeSync(fd);
  });

  return {
    layers: { layers: [...born.layers, ...layers.layers], missing: [...born.missing, ...layers.missing] },
    pid: (p) => pids[p],
    release() {
      // All mappings exist: nobody can make another writable one, not through any descriptor, ever.
      for (const ring of rings) {
        addSeals(ring.data, SEAL.futureWrite | SEAL.seal);
        addSeals(ring.progress, SEAL.futureWrite | SEAL.seal);
        for (const fd of Object.values(ring) as number[]) closeDescriptor(fd);
      }
      // No partition of the same user may trace the kernel, read its memory or its descriptors.
      must('prctl', PR.setDumpable, 0);
      ask({ request: 'release' });
    },
    stop: () => ask({ request: 'stop' }),
    kill: (p) => {
      if (pidfds[p] >= 0) systemCall('pidfd_send_signal', pidfds[p], SIGKILL, 0, 0);
    },
  };
}
