// One-way byte streams between partitions (docs/design/seams.md, "Streams"): the two ends of a ring.
//
// The producer writes the data page (header, then the ring), the consumer the progress page; each maps the other's page
// read-only. Whatever stands in the other's page is hostile: it is read once per step, and a count that cannot be makes the
// stream closed. An end is used by one thread at a time; its state lies in its own page, so any thread of the partition may
// be that thread.
//
// Either end may be restarted. A page belongs to who writes it, and is wiped with it. A new producer's ring has another
// generation, which the kernel writes into the header before it wipes; what was not read by then is lost. Its consumer joins it,
// and the producer writes nothing before it has. A new consumer begins, by the kernel's hand, where its producer stands.

/** Words of the header page (producer writes) and of the progress page (consumer writes). */
const W_COUNT = 0; // head: bytes ever written; tail: bytes ever read; both modulo 2^32
const W_WAITING = 1; // not 0: this end waits to be notified; each wait has a number of its own
const W_ANSWERED_WAIT = 2; // this end's own note: the peer's wait that it has notified
const W_WAIT_NUMBER = 3; // this end's own note: the number of its last wait
const W_GENERATION = 4; // of the producer, written by the kernel; of the consumer: the one that it has joined
const W_FENCE = 5; // of the consumer: orders its reads of the ring before its second look at the generation

export const HEADER_BYTES = 4096;
export const PROGRESS_BYTES = 4096;

/** The memory of one ring, as this thread sees it. */
export interface RingMemory {
  /** First words of the data page. */
  readonly header: Int32Array;
  /** The ring: a power of two of bytes. */
  readonly data: Uint8Array;
  /** First words of the progress page. */
  readonly progress: Int32Array;
}

/** What an end needs of the partition. */
export interface EndLink {
  /** Sends NOTIFY for this end. */
  notify(): void;
  /** The kernel says that the peer is gone. */
  peerIsDead(): boolean;
}

class StreamEnd {
  protected readonly ring: RingMemory;
  protected readonly mask: number;
  readonly #own: Int32Array;
  readonly #peer: Int32Array;
  readonly #link: EndLink;
  #peerLied = false;

  constructor(ring: RingMemory, own: Int32Array, peer: Int32Array, link: EndLink) {
    const size = ring.data.length;
    if (size === 0 || (size & (size - 1)) !== 0) throw new RangeError('a ring has a power of two of bytes');
    this.ring = ring;
    this.mask = size - 1;
    this.#own = own;
    this.#peer = peer;
    this.#link = link;
  }

  /** Ring size in bytes. */
  get size(): number {
    return this.mask + 1;
  }

  /** The peer has written a count that cannot be; the stream carries nothing from then on. */
  get peerLied(): boolean {
    return this.#peerLied;
  }

  protected get peerIsDead(): boolean {
    return this.#link.peerIsDead();
  }

  protected ownCount(): number {
    return Atomics.load(this.#own, W_COUNT);
  }

  /** Bytes in the ring, from one look at the peer's count; -1: the peer lies. */
  protected used(): number {
    const head = Atomics.load(this.ring.header, W_COUNT);
    const tail = Atomics.load(this.ring.progress, W_COUNT);
    const used = (head - tail) >>> 0;
    if (used > this.mask + 1) this.#peerLied = true;
    else if (this.#peerLied && this.peerIsDead) this.#peerLied = false; // the next one may be honest
    return this.#peerLied ? -1 : used;
  }

  protected get hasJoined(): boolean {
    return Atomics.load(this.ring.header, W_GENERATION) === Atomics.load(this.ring.progress, W_GENERATION);
  }

  /** The peer is another one than before. */
  protected forgive(): void {
    this.#peerLied = false;
  }

  /** Publishes a new own count and notifies the peer, once for each of its waits. */
  protected advance(bytes: number): void {
    Atomics.store(this.#own, W_COUNT, (Atomics.load(this.#own, W_COUNT) + bytes) | 0);
    const wait = Atomics.load(this.#peer, W_WAITING);
    if (wait === 0 || wait === Atomics.load(this.#own, W_ANSWERED_WAIT)) return;
    Atomics.store(this.#own, W_ANSWERED_WAIT, wait);
    this.#link.notify();
  }

  /** Asks for a NOTIFY. The caller must look at the ring again before it sleeps. */
  protected announceWait(): void {
    const number = (Atomics.load(this.#own, W_WAIT_NUMBER) + 1) | 0 || 1;
    Atomics.store(this.#own, W_WAIT_NUMBER, number);
    Atomics.store(this.#own, W_WAITING, number);
  }

  protected endWait(): void {
    if (Atomics.load(this.#own, W_WAITING) !== 0) Atomics.store(this.#own, W_WAITING, 0);
  }
}

export class StreamProducer extends StreamEnd {
  constructor(ring: RingMemory, link: EndLink) {
    super(ring, ring.header, ring.progress, link);
  }

  /** True: nobody will read what is written. */
  get closed(): boolean {
    return this.peerLied || this.peerIsDead;
  }

  /** Bytes that can be written now. */
  get space(): number {
    if (!this.hasJoined) return 0;
    const used = this.used();
    return used < 0 ? 0 : this.size - used;
  }

  /** Writes what there is room for; how many bytes that was. */
  write(bytes: Uint8Array): number {
    const room = Math.min(bytes.length, this.space);
    if (room === 0) return 0;
    const at = this.ownCount() & this.mask;
    const first = Math.min(room, this.size - at);
    this.ring.data.set(first === bytes.length ? bytes : bytes.subarray(0, first), at);
    if (first < room) this.ring.data.set(bytes.subarray(first, room), 0);
    this.advance(room);
    return room;
  }

  /** Writes one byte without allocation; false: no room. */
  writeByte(byte: number): boolean {
    if (this.space === 0) return false;
    this.ring.data[this.ownCount() & this.mask] = byte;
    this.advance(1);
    return true;
  }

  /** True: there is no room, and the consumer will notify when there is; sleep. False: there is room now. */
  waitForSpace(): boolean {
    if (this.space > 0) return false;
    this.announceWait();
    if (this.space === 0) return true;
    this.endWait();
    return false;
  }
}

export class StreamConsumer extends StreamEnd {
  #isAnother = false;

  constructor(ring: RingMemory, link: EndLink) {
    super(ring, ring.progress, ring.header, link);
  }

  /** Leaves behind what a producer before this one has written, and tells this one that it may write. */
  #join(): void {
    const generation = Atomics.load(this.ring.header, W_GENERATION);
    this.forgive();
    this.#isAnother = true;
    Atomics.store(this.ring.progress, W_COUNT, Atomics.load(this.ring.header, W_COUNT));
    Atomics.store(this.ring.progress, W_GENERATION, generation);
    this.advance(0);
  }

  /**
   * True, once, when the producer was restarted: what the last read returned, or the next one will, is the first that the new one
   * has written, and what the old one had begun will not be completed.
   */
  takeRestart(): boolean {
    const isAnother = this.#isAnother;
    this.#isAnother = false;
    return isAnother;
  }

  protected override used(): number {
    if (!this.hasJoined) this.#join();
    return super.used();
  }

  /** Whether what was read since `used` is what the producer wrote, and not what the kernel has wiped. */
  #isWhole(): boolean {
    Atomics.add(this.ring.progress, W_FENCE, 0);
    return this.hasJoined;
  }

  /** Bytes that can be read now. */
  get available(): number {
    return Math.max(0, this.used());
  }

  /** True: nothing is left, and nothing will come. */
  get closed(): boolean {
    // The order matters: a peer that is dead writes nothing after this look.
    const dead = this.peerIsDead;
    const used = this.used();
    return used < 0 || (dead && used === 0);
  }

  /** Reads what is there into `into`; how many bytes that was. */
  read(into: Uint8Array): number {
    const count = Math.min(into.length, this.available);
    if (count === 0) return 0;
    const at = this.ownCount() & this.mask;
    const first = Math.min(count, this.size - at);
    into.set(this.ring.data.subarray(at, at + first));
    if (first < count) into.set(this.ring.data.subarray(0, count - first), first);
    if (!this.#isWhole()) return 0;
    this.advance(count);
    return count;
  }

  /** Reads one byte without allocation; -1: nothing is there. */
  readByte(): number {
    if (this.available === 0) return -1;
    const byte = this.ring.data[this.ownCount() & this.mask];
    if (!this.#isWhole()) return -1;
    this.advance(1);
    return byte;
  }

  /** True: nothing is there, and the producer will notify when something is; sleep. False: something is there now. */
  waitForData(): boolean {
    if (this.available > 0) return false;
    this.announceWait();
    if (this.available === 0) return true;
    this.endWait();
    return false;
  }
}
