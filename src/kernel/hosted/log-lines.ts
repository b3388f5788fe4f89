// Lines out of what a partition writes to its log. It may write anything, at any rate: a line is bounded, and so is their
// number in a second.
const MAX_LINE = 1024;
const LINES_PER_SECOND = 200;

/** Everything that could act on a terminal becomes a replacement character; a tab stays. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

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
    for (const line of lines) this.#line(line);
  }

  /** A text that came as a whole. */
  text(text: string): void {
    for (const line of text.split('\n')) this.#line(line);
  }

  #line(text: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      if (this.#dropped > 0) this.#write(`[${this.#dropped} lines dropped]`);
      this.#second = second;
      this.#lines = 0;
      this.#dropped = 0;
    }
    if (++this.#lines > LINES_PER_SECOND) this.#dropped += 1;
    else this.#write(text.slice(0, MAX_LINE).replaceAll(CONTROL, '\ufffd'));
  }

  /** The partition is dead: what is left of its last line. */
  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
  }
}
