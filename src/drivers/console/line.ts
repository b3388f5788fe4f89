// One guest's console: a stream in and a stream out. Nothing is lost either way while its console is shown; of a hidden one
// the newest output is kept, and the guest never waits for it.
import type { StreamConsumer, StreamProducer } from '../../sdk/index.ts';

/** Of a hidden console: this much of its newest output is shown when it is called up. */
const KEPT_BYTES = 64 * 1024;
const CHUNK_BYTES = 32 * 1024;
/** Kept chunks are joined up to this size. */
const JOINED_BYTES = 1024;

export class ConsoleLine {
  readonly partition: string;
  readonly #toGuest: StreamProducer;
  readonly #fromGuest: StreamConsumer;
  #typed: Uint8Array[] = [];
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  constructor(partition: string, toGuest: StreamProducer, fromGuest: StreamConsumer) {
    this.partition = partition;
    this.#toGuest = toGuest;
    this.#fromGuest = fromGuest;
  }

  /** Nothing more will come from this guest. */
  get isClosed(): boolean {
    return this.#fromGuest.closed;
  }

  type(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#typed.push(bytes);
  }

  /** Hands typed bytes to the guest. False: some wait for room, of which the guest's end will tell. */
  sendTyped(): boolean {
    for (;;) {
      const bytes = this.#typed[0];
      if (bytes === undefined) return true;
      if (this.#toGuest.closed) {
        this.#typed = [];
        return true;
      }
      const sent = this.#toGuest.write(bytes);
      if (sent === bytes.length) this.#typed.shift();
      else {
        this.#typed[0] = bytes.subarray(sent);
        if (this.#toGuest.waitForSpace()) return false;
      }
    }
  }

  /** The next output, in memory of its own; undefined: nothing is there, and the guest's end will tell of more. */
  next(): Uint8Array | undefined {
    while (this.#fromGuest.available === 0) {
      if (this.#fromGuest.closed || this.#fromGuest.waitForData()) return undefined;
    }
    const chunk = new Uint8Array(Math.min(this.#fromGuest.available, CHUNK_BYTES));
    return chunk.subarray(0, this.#fromGuest.read(chunk));
  }

  /** Takes at most a ring's worth of output into what is kept: a guest that writes without end gets its turn ended. */
  keep(): void {
    for (let left = this.#fromGuest.size; left > 0;) {
      const chunk = this.next();
      if (chunk === undefined) return;
      left -= chunk.length;
      const last = this.#kept.at(-1);
      // A guest that writes byte by byte would make an array of each, and dropping the first of 65,536 takes its time.
      if (last !== undefined && last.length + chunk.length <= JOINED_BYTES) {
        this.#kept[this.#kept.length - 1] = Buffer.concat([last, chunk]);
      } else this.#kept.push(chunk);
      this.#keptBytes += chunk.length;
      while (this.#keptBytes - this.#kept[0].length >= KEPT_BYTES) this.#keptBytes -= this.#kept.shift()!.length;
    }
  }

  /** What was kept while the console was hidden. */
  takeKept(): Uint8Array {
    const kept = Buffer.concat(this.#kept);
    this.#kept = [];
    this.#keptBytes = 0;
    return kept;
  }
}
