// The life of a partition, seen from inside (docs/design/seams.md, "Kernel and partition"):
//
//   const partition = await startPartition();     // maps what the kernel gave, closes the descriptors
//   ... start every worker, let each import its modules, attachPartition() and sealThread() ...
//   await partition.seal(workers);                // from here on: no file, no network, no process, no new thread
//   await partition.hello();                      // returns when every partition is sealed: only now look at the outside
import type { Worker } from 'node:worker_threads';
import { W_STOPPING } from '../../kernel/abi.ts';
import type { HelloText, PartitionStart } from '../../kernel/abi.ts';
import { StreamConsumer, StreamProducer } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import { Calls } from './calls.ts';
import type { CallPage } from './calls.ts';
import { callPageAt, mapFile, openMemoryLink, ringAt } from './memory.ts';
import type { MappedRing } from './memory.ts';
import { localRing, openPipeLink, workerPage, writeDescriptor } from './pipes.ts';
import type { LocalRing } from './pipes.ts';
import { sealProcess, untilSealed } from './seal.ts';

/** What a worker needs to be part of the partition; give it as (part of) workerData. */
export type SharedPartition = { readonly start: PartitionStart } & (
  | { readonly transport: 'memory'; readonly page: bigint; readonly rings: readonly MappedRing[] }
  | { readonly transport: 'pipes'; readonly page: SharedArrayBuffer; readonly rings: readonly LocalRing[] }
);

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
    return new StreamProducer(this.#rings[end], this.#endLink(end));
  }

  /** The end that this partition reads. Throws if the plan has no such stream. */
  consumer(name: string): StreamConsumer {
    const end = this.#end(name, 'in');
    return new StreamConsumer(this.#rings[end], this.#endLink(end));
  }

  #endLink(end: number) {
    return { notify: () => this.calls.notify(end), peerIsDead: () => this.calls.isPeerDead(end) };
  }

  /** One operation, as Calls.operate has it; `take` also learns the number of result words. */
  operate<T>(
    op: number,
    a0: number,
    a1: number,
    a2: number,
    message: Uint8Array | undefined,
    take: (result: number, out: Int32Array, message: Uint8Array, count: number) => T,
  ): T {
    return this.calls.operate(op, a0, a1, a2, message, (result, out, received) =>
      take(result, out, received, this.calls.outCount),
    );
  }

  /** Wakes the other side of a stream end (by its number), whether it waits or not. */
  notify(end: number): void {
    this.calls.notify(end);
  }
  /** A line for the kernel's log; at most 2,048 bytes of UTF-8, the rest is cut off. */
  log(text: string): void {
    this.calls.log(text);
  }
  /** By when what it does now must be done (W_DEADLINE, call-page.ts); 0: nothing must. */
  setDeadline(word: number): void {
    this.calls.setDeadline(word);
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

/** Puts bytes at an offset of a file. */
export type WriteAt = (at: number, bytes: Uint8Array) => void;

/** The main thread's side of a transport. */
export interface MainLink {
  readonly shared: SharedPartition;
  readonly page: CallPage;
  readonly rings: readonly RingMemory[];
  /** Sends HELLO and waits for its answer. */
  hello(text: string): Promise<void>;
  /** `woken` is to be called from the event loop after each wake by the kernel. */
  listen(woken: () => void): void;
}

/** The partition in its main thread. */
export class Partition extends PartitionThread {
  readonly #link: MainLink;
  #layers: HelloText = { layers: [], missing: [] };
  #onWake: ((wake: Wake) => void) | undefined;
  #released = false;

  constructor(link: MainLink) {
    super(link.shared.start, link.page, link.rings);
    this.#link = link;
    link.listen(() => this.#wake());
  }

  share(): SharedPartition {
    return this.#link.shared;
  }

  /**
   * Closes the jail around all threads. `workers`: every worker that runs; each must call sealThread() by itself, and this
   * waits until it has. Layers that this host lacks are left out, and told to the kernel by hello().
   */
  async seal(workers: readonly Worker[] = []): Promise<void> {
    await Promise.all(workers.map(untilSealed));
    this.#layers = await sealProcess(this.start, this.page);
  }

  /**
   * How to write into a file that the plan lets this partition write; undefined: it has none of this name. To be called once,
   * before seal(). `bytes`: its size, which the file has already.
   */
  writableFile(name: string, bytes: number): WriteAt | undefined {
    const descriptor = Object.hasOwn(this.start.files, name) ? this.start.files[name] : undefined;
    if (descriptor === undefined) return undefined;
    return this.start.transport === 'memory' ? mapFile(descriptor, bytes) : writeDescriptor(descriptor);
  }

  /** Says to the kernel that this partition is ready, and waits until all are. */
  async hello(): Promise<void> {
    await this.#link.hello(JSON.stringify(this.#layers));
    this.#released = true;
    this.#wakeSoon();
  }

  /** Called in the event loop whenever the kernel has woken this partition. */
  onWake(callback: (wake: Wake) => void): void {
    this.#onWake = callback;
    this.#wakeSoon();
  }

  /** For wakes that came before anybody could hear them. */
  #wakeSoon(): void {
    setImmediate(() => this.#wake());
  }

  #wake(): void {
    this.calls.hear();
    if (!this.#released) return;
    const stopping = Atomics.load(this.page.words, W_STOPPING) !== 0;
    if (this.#onWake !== undefined) this.#onWake({ news: this.calls.takeNews(), stopping });
    else if (stopping) this.exit(0);
  }
}

/** First act of a partition's main thread: takes over what the kernel gave, and closes the descriptors that carried it. */
export async function startPartition(): Promise<Partition> {
  const start = JSON.parse(process.argv[2]) as PartitionStart;
  return new Partition(start.transport === 'memory' ? openMemoryLink(start) : openPipeLink(start));
}

/** First act of a worker of the partition: its own view of calls and streams. Then it must call sealThread(). */
export function attachPartition(shared: SharedPartition): PartitionThread {
  const { start } = shared;
  if (shared.transport === 'pipes')
    return new PartitionThread(start, workerPage(shared.page), shared.rings.map(localRing));
  return new PartitionThread(
    start,
    callPageAt(shared.page),
    shared.rings.map((ring, i) => ringAt(ring, start.streams[i].bytes)),
  );
}
