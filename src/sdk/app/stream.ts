// The handle of a stream: both directions of a stream channel.
import { ChannelError } from './kernel.ts';
import type { Kernel, Patience } from './kernel.ts';
import { bytesOf } from './message.ts';
import type { Message } from './message.ts';

/** Bytes that one read brings at most. */
const CHUNK_BYTES = 65536;

/** One end of a stream channel, both directions. */
export class Stream {
  /** The channel's name in the system description. */
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #in: number;
  readonly #out: number;
  readonly #chunk: Uint8Array<ArrayBuffer>;
  /** Writes keep their order. */
  #lastWrite: Promise<void> = Promise.resolve();

  /** `input` and `output`: indexes of its ends in the partition's streams. */
  constructor(kernel: Kernel, name: string, input: number, output: number) {
    this.#kernel = kernel;
    this.name = name;
    this.#in = input;
    this.#out = output;
    this.#chunk = new Uint8Array(Math.min(CHUNK_BYTES, kernel.link.facts.streams[input]?.bytes ?? 0));
  }

  /**
   * What has come, at least one byte. An empty array: nothing came in the time given in `within`. Undefined: the end; nothing
   * will come any more.
   */
  async read(patience: Patience = {}): Promise<Uint8Array | undefined> {
    let count = 0;
    await this.#kernel.until(() => {
      count = this.#kernel.link.readStream(this.#in, this.#chunk);
      return count === 0 ? undefined : true;
    }, patience);
    return count < 0 ? undefined : this.#chunk.slice(0, count);
  }

  /** Writes all of it, as fast as the other end reads. Throws ChannelError `closed`. */
  async write(message: Message): Promise<void> {
    const bytes = bytesOf(message);
    const before = this.#lastWrite;
    const write = async (): Promise<void> => {
      await before.catch(() => {});
      for (let sent = 0; sent < bytes.length;) {
        const count = await this.#kernel.until(() => {
          const n = this.#kernel.link.writeStream(this.#out, sent === 0 ? bytes : bytes.subarray(sent));
          return n === 0 ? undefined : n;
        });
        if (count === undefined || count < 0) throw new ChannelError('closed', `nobody reads ${this.name} any more`);
        sent += count;
      }
    };
    this.#lastWrite = write();
    return this.#lastWrite;
  }

  /** What comes, until the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let bytes = await this.read(); bytes !== undefined; bytes = await this.read()) yield bytes;
  }
}
