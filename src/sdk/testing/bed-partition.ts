// One partition of the test bed: its open call, its streams, its files, and the link that its program has. A program that has
// ended keeps a link that does nothing more.
import { randomFillSync } from 'node:crypto';
import { OP_NOTIFY, OUT_HEAD } from '../../kernel/abi.ts';
import type { Application } from '../app/application.ts';
import { CryptoHost } from '../app/crypto-host.ts';
import { streamOperations } from '../app/stream-ends.ts';
import { HEADER_BYTES, PROGRESS_BYTES, StreamConsumer, StreamProducer } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import type { Answer, Facts, KernelLink } from '../link.ts';

export interface BedEnd {
  readonly name: string;
  readonly direction: 'out' | 'in';
  readonly bytes: number;
  readonly ring: RingMemory;
}

/** What a partition needs of its bed. */
export interface Bed {
  call(op: number, a0: number, a1: number, a2: number): void;
  after(milliseconds: number, callback: () => void): () => void;
  /** +1: work begins that the bed's time must wait for; -1: it is done. */
  busy(by: 1 | -1): void;
  fail(reason: string): void;
}

interface OpenCall {
  readonly message: Uint8Array | undefined;
  answered: (answer: Answer) => void;
}

export class BedPartition {
  readonly #facts: Facts;
  readonly #ends: readonly BedEnd[];
  readonly #files: Readonly<Record<string, Uint8Array>>;
  readonly #bed: Bed;
  #startKind: Facts['startKind'] = 'boot';
  #open: OpenCall | undefined;
  /** Stream ends to be notified when no call is open any more. */
  #notifications: number[] = [];
  #woken: (stopping: boolean) => void = () => {};
  #dead = 0;
  #running = false;
  /** How often its program was started. */
  starts = 0;
  /** Of a partition that the test plays. */
  application: Application | undefined;
  lastStatus: number | undefined;
  lastReason = '';

  constructor(facts: Facts, ends: readonly BedEnd[], files: Readonly<Record<string, Uint8Array>>, bed: Bed) {
    this.#facts = { ...facts, streams: ends.map(({ name, direction, bytes }) => ({ name, direction, bytes })) };
    this.#ends = ends;
    this.#files = files;
    this.#bed = bed;
  }

  static ring(bytes: number): RingMemory {
    const data = new SharedArrayBuffer(HEADER_BYTES + bytes);
    return {
      header: new Int32Array(data, 0, HEADER_BYTES / 4),
      data: new Uint8Array(data, HEADER_BYTES),
      progress: new Int32Array(new SharedArrayBuffer(PROGRESS_BYTES)),
    };
  }

  /** W_DEADLINE. */
  deadline = 0;

  get hasOpenCall(): boolean {
    return this.#open !== undefined;
  }
  get isRunning(): boolean {
    return this.#running;
  }
  /** Another one for each program that it runs. */
  get generation(): number {
    return this.starts;
  }

  begin(startKind: Facts['startKind']): void {
    this.starts += 1;
    this.#startKind = startKind;
    this.#running = true;
    this.#open = undefined;
    this.#notifications = [];
    this.#woken = () => {};
    this.#dead = 0;
    this.deadline = 0;
    this.lastStatus = undefined;
    this.lastReason = '';
    for (const { ring } of this.#ends) for (const memory of [ring.header, ring.data, ring.progress]) memory.fill(0);
  }

  end(): void {
    this.#running = false;
    this.#open = undefined;
    this.application = undefined;
  }

  /** The message of the open call. */
  message(bytes: number): Uint8Array {
    return (this.#open?.message ?? new Uint8Array()).subarray(0, bytes);
  }

  /** The first `count` words of `out` are the answer's. */
  answer(result: number, out: Int32Array, count: number): void {
    const open = this.#open;
    this.#open = undefined;
    const words = Array.from({ length: OUT_HEAD }, (_, i) => (i < count ? out[i] : 0));
    const bytes = count < OUT_HEAD ? 0 : Math.min(words[0], (count - OUT_HEAD) * 4);
    const message = new Uint8Array(out.buffer, out.byteOffset + OUT_HEAD * 4).slice(0, bytes);
    open?.answered({ result, words, message });
    for (const end of this.#notifications.splice(0)) this.#notify(end);
  }

  wake(dead: number | undefined, stopping: boolean): void {
    if (dead !== undefined) this.#dead = dead;
    const woken = this.#woken;
    queueMicrotask(() => woken(stopping));
  }

  #notify(end: number): void {
    if (this.#open === undefined) void this.#call(OP_NOTIFY, end, 0, 0, undefined);
    else this.#notifications.push(end);
  }

  #call(op: number, a0: number, a1: number, a2: number, message: Uint8Array | undefined): Answer | Promise<Answer> {
    let answer: Answer | undefined;
    const open: OpenCall = { message, answered: (given) => (answer = given) };
    this.#open = open;
    this.#bed.call(op, a0, a1, a2);
    return answer ?? new Promise((resolve) => (open.answered = resolve));
  }

  /** For the program that has just begun. */
  link(): KernelLink {
    const { generation } = this;
    const lives = (): boolean => this.#running && this.generation === generation;
    const crypto = new CryptoHost();
    const bed = this.#bed;
    const ends = this.#ends.map(({ ring, direction }, end) => {
      const link = { notify: () => this.#notify(end), peerIsDead: () => (this.#dead & (1 << end)) !== 0 };
      return direction === 'out' ? new StreamProducer(ring, link) : new StreamConsumer(ring, link);
    });
    const streams = streamOperations(ends);
    const fileOf = (name: string): Uint8Array | undefined =>
      Object.hasOwn(this.#files, name) ? this.#files[name] : undefined;
    return {
      facts: { ...this.#facts, startKind: this.#startKind },
      call: (op, a0, a1, a2, message) => (lives() ? this.#call(op, a0, a1, a2, message) : new Promise(() => {})),
      onWake: (callback) => {
        this.#woken = (stopping) => {
          if (lives()) callback(stopping);
        };
      },
      after: (milliseconds, callback) => (lives() ? bed.after(milliseconds, () => lives() && callback()) : () => {}),
      deadline: (word) => {
        if (lives()) this.deadline = word;
      },
      readStream: (end, into) => (lives() ? streams.readStream(end, into) : -1),
      writeStream: (end, bytes) => (lives() ? streams.writeStream(end, bytes) : -1),
      roomInStream: (end) => (lives() ? streams.roomInStream(end) : -1),
      readFile(name, position, into) {
        const part = fileOf(name)?.subarray(position, position + into.length);
        if (part !== undefined) into.set(part);
        return part?.length ?? -1;
      },
      writeFile(name, position, bytes) {
        const file = fileOf(name);
        if (file === undefined) return -1;
        const part = bytes.subarray(0, Math.max(0, file.length - position));
        file.set(part, Math.min(position, file.length));
        return part.length;
      },
      fileSize: (name) => fileOf(name)?.length ?? -1,
      random: (into) => void randomFillSync(into),
      async crypto(json, parts) {
        bed.busy(1);
        try {
          return await crypto.carryOut(json, parts);
        } finally {
          bed.busy(-1);
        }
      },
      fail(reason) {
        if (lives()) bed.fail(reason);
      },
    };
  }
}
