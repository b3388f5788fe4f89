// The life of a partition, seen from inside (docs/design/seams.md, "Kernel and partition"):
//
//   const partition = await startPartition();     // maps what the kernel gave, closes the descriptors
//   ... start every worker, let each import its modules, attachPartition() and sealThread() ...
//   await partition.seal(workers);                // from here on: no file, no network, no process, no new thread
//   await partition.hello();                      // returns when every partition is sealed: only now look at the outside
import { Socket } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { CALL_PAGE_BYTES, CALL_PAGE_FD, W_STOPPING } from '../../kernel/abi.ts';
import type { HelloText, PartitionStart } from '../../kernel/abi.ts';
import { closeDescriptor, dieWithParent, exitProcess, mapMemory } from '../../kernel/hosted/linux.ts';
import { HEADER_BYTES, PROGRESS_BYTES, StreamConsumer, StreamProducer } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import { Calls } from './calls.ts';
import type { CallPage } from './calls.ts';
import { callPageAt, ringAt } from './memory.ts';
import type { MappedRing } from './memory.ts';
import { sealProcess, untilSealed } from './seal.ts';

/** What a worker needs to be part of the partition; give it as (part of) workerData. */
export interface SharedPartition {
  readonly start: PartitionStart;
  readonly page: bigint;
  readonly rings: readonly MappedRing[];
}

/** A partition as one of its threads sees it. */
export class PartitionThread {
  readonly start: PartitionStart;
  protected readonly page: CallPage;
  protected readonly calls: Calls;
  readonly #rings: readonly RingMemory[];

  constructor(start: PartitionStart, page: CallPage, rings: readonly RingMemory[]) {
    this.start = start;
    this.page = page;
    this.calls = new Calls(page);
    this.#rings = rings;
  }

  #end(name: string, direction: 'out' | 'in'): number {
    const end = this.start.streams.findIndex((s) => s.name === name && s.direction === direction);
    if (end < 0) throw new Error(`this partition has no stream ${name} ${direction}`);
    return end;
  }

  /** The number of a stream's end: its bit in `news`. */
  endOf(name: string, direction: 'out' | 'in'): number {
    return this.#end(name, direction);
  }

  /** The end that this partition writes. Throws if the plan has no such stream. */
  producer(name: string): StreamProducer {
    const end = this.#end(name, 'out');
    return new StreamProducer(this.#rings[end], this.#link(end));
  }

  /** The end that this partition reads. Throws if the plan has no such stream. */
  consumer(name: string): StreamConsumer {
    const end = this.#end(name, 'in');
    return new StreamConsumer(this.#rings[end], this.#link(end));
  }

  #link(end: number) {
    return { notify: () => this.calls.notify(end), peerIsDead: () => this.calls.isPeerDead(end) };
  }

  /** Wakes the other side of a stream end (by its number), whether it waits or not. */
  notify(end: number): void {
    this.calls.notify(end);
  }
  /** A line for the kernel's log; at most 2,048 bytes of UTF-8, the rest is cut off. */
  log(text: string): void {
    this.calls.log(text);
  }
  /** Reports that the guest restarts; restarting it is the caller's business. */
  reset(): void {
    this.calls.reset();
  }
  /** Ends the whole system. Without that authority in the plan it is an illegal call, and this partition ends. */
  shutDown(): void {
    this.calls.shutDown();
  }
  /** Ends this partition with a status of 0..255. */
  exit(status: number): never {
    return this.calls.exit(status);
  }
  /** For threads without an event loop: the number of wakes so far, and sleep until it is another. */
  get wakes(): number {
    return this.calls.wakes;
  }
  waitForWake(seen: number): void {
    this.calls.waitForWake(seen);
  }
}

/** What woke a partition. */
export interface Wake {
  /** Bit per stream end that its peer has notified. */
  readonly news: number;
  /** The system ends: finish, then exit(). */
  readonly stopping: boolean;
}

/** The partition in its main thread. */
export class Partition extends PartitionThread {
  readonly #shared: SharedPartition;
  readonly #wakePipe: Socket;
  #layers: HelloText = { layers: [], missing: [] };
  #onWake: ((wake: Wake) => void) | undefined;
  #released = false;

  constructor(shared: SharedPartition, wakePipe: number) {
    const { start } = shared;
    super(
      start,
      callPageAt(shared.page),
      shared.rings.map((ring, i) => ringAt(ring, start.streams[i].bytes)),
    );
    this.#shared = shared;
    this.#wakePipe = new Socket({
      fd: wakePipe,
      readable: true,
      writable: false,
      onread: {
        buffer: new Uint8Array(256),
        callback: () => {
          this.#wake();
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    this.#wakePipe.on('end', () => this.page.leave(1)); // the kernel is dead
  }

  share(): SharedPartition {
    return this.#shared;
  }

  /**
   * Closes the jail around all threads. `workers`: every worker that runs; each must call sealThread() by itself, and this
   * waits until it has. Layers that this host lacks are left out, and told to the kernel by hello().
   */
  async seal(workers: readonly Worker[] = []): Promise<void> {
    await Promise.all(workers.map(untilSealed));
    this.#layers = await sealProcess(this.start, this.page);
  }

  /** Says to the kernel that this partition is ready, and waits until all are. */
  async hello(): Promise<void> {
    this.calls.hello(JSON.stringify(this.#layers));
    this.#released = true;
    this.#wake();
  }

  /** Called in the event loop whenever the kernel has woken this partition. */
  onWake(callback: (wake: Wake) => void): void {
    this.#onWake = callback;
  }

  #wake(): void {
    if (!this.#released) return;
    const stopping = Atomics.load(this.page.words, W_STOPPING) !== 0;
    const news = this.calls.takeNews();
    if (this.#onWake !== undefined) this.#onWake({ news, stopping });
    else if (stopping) this.exit(0);
  }
}

/** First act of a partition's main thread: takes over what the kernel gave, and closes the descriptors that carried it. */
export async function startPartition(): Promise<Partition> {
  const start = JSON.parse(process.argv[2]) as PartitionStart;
  if (!dieWithParent(start.parent)) exitProcess(1);
  const page = mapMemory(CALL_PAGE_FD, CALL_PAGE_BYTES, 'write');
  closeDescriptor(CALL_PAGE_FD);
  const rings = start.streams.map(({ direction, bytes, data, progress }): MappedRing => {
    const out = direction === 'out';
    const ring = {
      data: mapMemory(data!, HEADER_BYTES + bytes, out ? 'write' : 'read'),
      progress: mapMemory(progress!, PROGRESS_BYTES, out ? 'read' : 'write'),
    };
    closeDescriptor(data!);
    closeDescriptor(progress!);
    return ring;
  });
  return new Partition({ start, page, rings }, start.wakePipe!);
}

/** First act of a worker of the partition: its own view of calls and streams. Then it must call sealThread(). */
export function attachPartition({ start, page, rings }: SharedPartition): PartitionThread {
  return new PartitionThread(
    start,
    callPageAt(page),
    rings.map((ring, i) => ringAt(ring, start.streams[i].bytes)),
  );
}
