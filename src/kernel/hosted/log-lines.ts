// Lines out of what a partition writes to its log. It may write anything, at any rate: a line is bounded, and so are their
// number in a second and the bytes that are read of it.
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_LINE = 1024;
const LINES_PER_SECOND = 200;
/** Bytes that are read at once; then a pause: what is not read yet waits in the pipe, and whoever writes on waits for it. */
const READ_BYTES = 32 * 1024;
const PAUSE_MS = 100;

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Everything in a text that could act on a terminal becomes a replacement character; a tab stays. */
export function harmless(text: string): string {
  return text.replaceAll(CONTROL, '\ufffd');
}

/** A partition's log is read to its end, but a process that the partition has left may keep it open. */
const LAST_WORDS_MS = 1000;

/**
 * Reads a partition's log at a bounded rate: reading costs the kernel more than writing costs the partition. What it returns is
 * to be called when the partition is dead, and resolves when its last words have been taken.
 */
export function readLog(pipe: Readable, take: (chunk: Uint8Array) => void): () => Promise<unknown> {
  let left = READ_BYTES;
  pipe.on('data', (chunk: Buffer) => {
    take(chunk);
    left -= chunk.length;
    if (left > 0) return;
    pipe.pause();
    setTimeout(() => {
      left = READ_BYTES;
      pipe.resume();
    }, PAUSE_MS);
  });
  const closed = new Promise<void>((resolve) => pipe.once('close', resolve));
  return () => Promise.race([closed, sleep(LAST_WORDS_MS)]);
}

export class LogLines {
  readonly #write: (text: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #second = 0;
  #lines = 0;
  #dropped = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Bytes of its standard error, in any pieces. */
  bytes(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    this.#lineUp(lines);
  }

  /** A text that came as a whole. */
  text(text: string): void {
    this.#lineUp(text.split('\n'));
  }

  /** Whether one more line or event of this partition may be told this second; what is refused is counted. */
  admits(): boolean {
    return this.#admit(1) === 1;
  }

  /** How many of so many lines. */
  #admit(lines: number): number {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      if (this.#dropped > 0) this.#write(`[${this.#dropped} lines dropped]`);
      this.#second = second;
      this.#lines = 0;
      this.#dropped = 0;
    }
    const admitted = Math.min(lines, LINES_PER_SECOND - this.#lines);
    this.#lines += admitted;
    this.#dropped += lines - admitted;
    return admitted;
  }

  #lineUp(lines: readonly string[]): void {
    for (const line of lines.slice(0, this.#admit(lines.length))) this.#write(harmless(line.slice(0, MAX_LINE)));
  }

  /** The partition is dead: what is left of its last line. */
  end(): void {
    if (this.#rest !== '') this.#lineUp([this.#rest]);
    this.#rest = '';
  }
}
