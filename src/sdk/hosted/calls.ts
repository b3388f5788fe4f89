// Operations over a call page (src/kernel/abi.ts), from any thread of the partition: one at a time, under a lock word.
import {
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
  OP_RESET,
  OP_SHUTDOWN,
  OUT_HEAD,
  MESSAGE_BYTES,
  TEXT_BYTES,
  W_ANSWERED,
  W_AWAKE,
  W_ARG0,
  W_ARG1,
  W_ARG2,
  W_DEADLINE,
  W_DOORBELL,
  W_HEARD,
  W_LOCK,
  W_OP,
  W_OUT,
  W_OUT_COUNT,
  W_PEER_DEAD,
  W_RESULT,
  W_SLEEPERS,
  W_SLEEPS,
  W_STREAM_NEWS,
  W_TEXT,
  W_WAKE,
} from '../../kernel/abi.ts';
import { Patience } from '../../kernel/hosted/patience.ts';

/** A call page as this thread sees it, and how to sleep on one of its words. */
export interface CallPage {
  readonly words: Int32Array;
  /** Sleeps while the word has that value (or returns early). */
  wait(word: number, value: number): void;
  wake(word: number): void;
  /** Tells the kernel that the doorbell was rung; not needed while W_AWAKE is not 0. */
  ring(): void;
  /** Lets others run; undefined: nothing is gained by that here. */
  readonly yield?: () => void;
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
  readonly #out: Int32Array;
  readonly #received: Uint8Array;

  constructor(page: CallPage) {
    const { words } = page;
    this.#page = page;
    this.#words = words;
    this.#text = new Uint8Array(words.buffer, words.byteOffset + W_TEXT * 4, TEXT_BYTES);
    this.#out = new Int32Array(words.buffer, words.byteOffset + W_OUT * 4, OUT_HEAD);
    this.#received = new Uint8Array(words.buffer, words.byteOffset + (W_OUT + OUT_HEAD) * 4, MESSAGE_BYTES);
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
      if (this.#lookOn(answered)) continue;
      Atomics.store(this.#words, W_SLEEPS, 1);
      this.#page.wait(W_ANSWERED, answered);
      Atomics.store(this.#words, W_SLEEPS, 0);
    }
  }

  /** While the kernel is awake: whether an answer came within as long as it is worth to look for it. */
  #lookOn(answered: number): boolean {
    const letOthers = this.#page.yield;
    if (letOthers === undefined || Atomics.load(this.#words, W_AWAKE) === 0) return false;
    if (!this.#patience.begin(performance.now())) return false;
    while (Atomics.load(this.#words, W_ANSWERED) === answered) {
      if (Atomics.load(this.#words, W_AWAKE) === 0 || !this.#patience.mayLook(performance.now())) return false;
      letOthers();
    }
    this.#patience.found();
    return true;
  }
  readonly #patience = new Patience();

  #place(op: number, argument0: number, argument1 = 0, argument2 = 0): void {
    this.#words[W_OP] = op;
    this.#words[W_ARG0] = argument0;
    this.#words[W_ARG1] = argument1;
    this.#words[W_ARG2] = argument2;
    Atomics.add(this.#words, W_DOORBELL, 1);
    if (Atomics.load(this.#words, W_AWAKE) === 0) this.#page.ring();
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

  /**
   * One operation (docs/design/core.md, "Calls"); sleeps until it is answered, which for one that blocks is when it is done or
   * its time is over. `message`: what SEND, WRITE, CALL and REPLY carry, at most MESSAGE_BYTES; its length is the caller's argument.
   * `take` is called while the page still holds the answer: the first OUT_HEAD result words, and the message after them, of
   * which out[0] bytes count. Both are views of the page: copy what is to stay. The result, if there is no `take`.
   */
  operate(op: number, argument0: number, argument1: number, argument2: number, message?: Uint8Array): number;
  operate<T>(
    op: number,
    argument0: number,
    argument1: number,
    argument2: number,
    message: Uint8Array | undefined,
    take: (result: number, out: Int32Array, message: Uint8Array) => T,
  ): T;
  operate<T>(
    op: number,
    argument0: number,
    argument1: number,
    argument2: number,
    message?: Uint8Array,
    take?: (result: number, out: Int32Array, message: Uint8Array) => T,
  ): T | number {
    if (message !== undefined && message.length > MESSAGE_BYTES) throw new RangeError(`at most ${MESSAGE_BYTES} bytes`);
    this.#lock();
    this.#awaitAnswer();
    if (message !== undefined) this.#text.set(message);
    this.#place(op, argument0, argument1, argument2);
    this.#awaitAnswer();
    try {
      const result = Atomics.load(this.#words, W_RESULT);
      return take === undefined ? result : take(result, this.#out, this.#received);
    } finally {
      this.#unlock();
    }
  }

  /** Number of result words of the last answer (with OUT_HEAD of them and a message: more than OUT_HEAD). */
  get outCount(): number {
    return this.#words[W_OUT_COUNT];
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

  /** By when what it does now must be done (W_DEADLINE). Not an operation: the kernel looks when it is time. */
  setDeadline(word: number): void {
    Atomics.store(this.#words, W_DEADLINE, word);
  }

  /** Takes the ends that have news: a bit for each. */
  takeNews(): number {
    return Atomics.exchange(this.#words, W_STREAM_NEWS, 0);
  }

  /** The event loop looks now at all that it was woken for. */
  hear(): void {
    // The kernel may have seen what was heard before, and sent no byte: so until nothing has come meanwhile.
    for (let wakes = this.wakes; Atomics.load(this.#words, W_HEARD) !== wakes; wakes = this.wakes) {
      Atomics.store(this.#words, W_HEARD, wakes);
    }
  }

  isPeerDead(end: number): boolean {
    return (Atomics.load(this.#words, W_PEER_DEAD) & (1 << end)) !== 0;
  }

  /** Number of wakes so far, and sleep until it is another: for threads without an event loop. */
  get wakes(): number {
    return Atomics.load(this.#words, W_WAKE);
  }
  waitForWake(seen: number): void {
    Atomics.add(this.#words, W_SLEEPERS, 1);
    if (Atomics.load(this.#words, W_WAKE) === seen) this.#page.wait(W_WAKE, seen);
    Atomics.sub(this.#words, W_SLEEPERS, 1);
  }
}
