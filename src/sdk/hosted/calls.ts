// Operations over a call page (src/kernel/abi.ts), from any thread of the partition: one at a time, under a lock word.
import {
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
  OP_RESET,
  OP_SHUTDOWN,
  TEXT_BYTES,
  W_ANSWERED,
  W_ARG0,
  W_DOORBELL,
  W_LOCK,
  W_OP,
  W_PEER_DEAD,
  W_RESULT,
  W_STREAM_NEWS,
  W_TEXT,
  W_WAKE,
} from '../../kernel/abi.ts';

/** A call page as this thread sees it, and how to sleep on one of its words. */
export interface CallPage {
  readonly words: Int32Array;
  /** Sleeps while the word has that value (or returns early). */
  wait(word: number, value: number): void;
  wake(word: number): void;
  /** Tells the kernel that the doorbell was rung. */
  ring(): void;
  /** Ends the process at once. */
  leave(status: number): never;
}

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;

export class Calls {
  readonly #page: CallPage;
  readonly #words: Int32Array;
  readonly #text: Uint8Array;

  constructor(page: CallPage) {
    this.#page = page;
    this.#words = page.words;
    this.#text = new Uint8Array(page.words.buffer, page.words.byteOffset + W_TEXT * 4, TEXT_BYTES);
  }

  /** A futex mutex of three states (U. Drepper, "Futexes Are Tricky", section 6). */
  #lock(): void {
    if (Atomics.compareExchange(this.#words, W_LOCK, FREE, HELD) === FREE) return;
    while (Atomics.exchange(this.#words, W_LOCK, CONTENDED) !== FREE) this.#page.wait(W_LOCK, CONTENDED);
  }
  #unlock(): void {
    if (Atomics.exchange(this.#words, W_LOCK, FREE) === CONTENDED) this.#page.wake(W_LOCK);
  }

  /** The page's operation words are free again when the last operation is answered. */
  #awaitAnswer(): void {
    for (;;) {
      const answered = Atomics.load(this.#words, W_ANSWERED);
      if (answered === Atomics.load(this.#words, W_DOORBELL)) return;
      this.#page.wait(W_ANSWERED, answered);
    }
  }

  #place(op: number, argument: number): void {
    this.#words[W_OP] = op;
    this.#words[W_ARG0] = argument;
    Atomics.add(this.#words, W_DOORBELL, 1);
    this.#page.ring();
  }

  #call(op: number, argument: number, text?: string): number {
    this.#lock();
    this.#awaitAnswer();
    let given = argument;
    if (text !== undefined) given = new TextEncoder().encodeInto(text, this.#text).written;
    this.#place(op, given);
    this.#awaitAnswer();
    const result = Atomics.load(this.#words, W_RESULT);
    this.#unlock();
    return result;
  }

  /** Says that this partition is sealed; returns when every partition is. */
  hello(text: string): void {
    this.#call(OP_HELLO, 0, text);
  }

  /** Wakes the other side of a stream end. Does not wait for the kernel. */
  notify(end: number): void {
    this.#lock();
    this.#awaitAnswer();
    this.#place(OP_NOTIFY, end);
    this.#unlock();
  }

  /** A line for the kernel's log; at most TEXT_BYTES of UTF-8, the rest is cut off. */
  log(text: string): void {
    this.#call(OP_LOG, 0, text);
  }

  /** Reports that the guest restarts itself. */
  reset(): void {
    this.#call(OP_RESET, 0);
  }

  /** Ends the whole system. Needs that authority in the plan: without it this is an illegal call. */
  shutDown(): void {
    this.#call(OP_SHUTDOWN, 0);
  }

  /** Ends this partition with a status of 0..255 (a guest: the status of its power-off). */
  exit(status: number): never {
    this.#call(OP_EXIT, status & 0xff);
    return this.#page.leave(status & 0xff);
  }

  /** Takes the ends that have news: a bit for each. */
  takeNews(): number {
    return Atomics.exchange(this.#words, W_STREAM_NEWS, 0);
  }

  isPeerDead(end: number): boolean {
    return (Atomics.load(this.#words, W_PEER_DEAD) & (1 << end)) !== 0;
  }

  /** Number of wakes so far, and sleep until it is another: for threads without an event loop. */
  get wakes(): number {
    return Atomics.load(this.#words, W_WAKE);
  }
  waitForWake(seen: number): void {
    if (Atomics.load(this.#words, W_WAKE) === seen) this.#page.wait(W_WAKE, seen);
  }
}
