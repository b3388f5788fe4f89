// The terminal that the kernel passed on: a real one, or pipes of the command line. Opened before the jail closes (making a
// descriptor non-blocking needs an ioctl), looked at only after it.
import { Socket } from 'node:net';
import { isatty, ReadStream, WriteStream } from 'node:tty';

export interface TerminalEvents {
  typed(bytes: Uint8Array): void;
  /** There is room for output again. */
  drained(): void;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

export class Terminal {
  /** A person is there: the menu makes sense. */
  readonly isInteractive: boolean;
  readonly #input: Socket;
  readonly #output: Socket;
  #isGone = false;

  constructor(input: number, output: number) {
    this.isInteractive = isatty(input) && isatty(output);
    this.#input = isatty(input) ? new ReadStream(input) : new Socket({ fd: input, readable: true, writable: false });
    this.#output = isatty(output)
      ? new WriteStream(output)
      : new Socket({ fd: output, readable: false, writable: true });
  }

  /** Begins to read. The end of the input ends nothing: the guest goes on without a typist. */
  start(events: TerminalEvents): void {
    this.#input.on('data', (bytes: Buffer) => events.typed(bytes));
    this.#input.on('error', () => {}); // a terminal that was closed (EIO): no more keys
    this.#output.on('drain', () => events.drained());
    this.#output.on('error', () => {
      // Nobody looks any more. The guest must not wait for that: what it says from now on is dropped.
      this.#isGone = true;
      events.drained();
    });
  }

  /** False: no more until `drained`. `bytes` must not change afterwards. */
  write(bytes: Uint8Array): boolean {
    return this.#isGone || this.#output.write(bytes);
  }

  /** Calls back when everything written so far is with the host. */
  flush(done: () => void): void {
    if (this.#isGone) done();
    else this.#output.write('', () => done());
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    if (this.#input.isPaused()) this.#input.resume();
  }

  /** Its size in characters now, where the host tells. */
  size(): Size | undefined {
    if (!(this.#output instanceof WriteStream)) return undefined;
    try {
      const [columns, rows] = this.#output.getWindowSize();
      return { rows, columns };
    } catch {
      return undefined;
    }
  }
}
