// Guest images on the command line: from the cache without a word, else fetched with a progress line.
import {
  cachedProvenance,
  type FetchOptions,
  fetchFirmware,
  fetchImage,
  type GuestImage,
  ImageError,
  type Progress,
} from '../images/images.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';

const BAR = 24;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** A line on the terminal that is written over; elsewhere a line for each step. */
export class ProgressLine {
  readonly #io: Io;
  readonly #onTerminal = process.stderr.isTTY;
  #step = '';
  #drawn = 0;

  constructor(io: Io) {
    this.#io = io;
  }

  show({ step, bytes, total }: Progress): void {
    const isNew = step !== this.#step;
    this.#step = step;
    if (!this.#onTerminal) {
      if (isNew) this.#io.note(`${step}\n`);
      return;
    }
    const now = performance.now();
    if (!isNew && now - this.#drawn < 50 && bytes < total) return;
    this.#drawn = now;
    const part = total > 0 ? Math.min(1, bytes / total) : 0;
    const bar = '█'.repeat(Math.round(part * BAR)).padEnd(BAR, '░');
    const amount =
      total > 0 ? `${bar} ${megabytes(bytes)} of ${megabytes(total)} MB` : bytes > 0 ? `${megabytes(bytes)} MB` : '';
    const line = `${step} ${amount}`.slice(0, Math.max(20, (process.stderr.columns || 80) - 1));
    this.#io.note(`\r${line}\x1b[K`);
  }

  clear(): void {
    if (this.#onTerminal && this.#step !== '') this.#io.note('\r\x1b[K');
    this.#step = '';
  }
}

/** Runs one request to the image library with progress and its errors as failures of the command. */
export async function withProgress<T>(io: Io, request: (options: FetchOptions) => Promise<T>): Promise<T> {
  const line = new ProgressLine(io);
  try {
    return await request({
      watcher: {
        progress: (now) => line.show(now),
        warning(sentence) {
          line.clear();
          io.note(`${io.paint('note', 'yellow', 'warning')}: ${sentence}\n`);
        },
      },
    });
  } catch (error) {
    line.clear();
    if (error instanceof ImageError) throw imageFailure(error);
    throw error;
  } finally {
    line.clear();
  }
}

export function imageFailure(error: ImageError): Failure {
  const isInput = error.code === 'unknown-image';
  return new Failure(isInput ? EXIT.usage : EXIT.failed, `virtsec: ${error.message}`, error.help);
}

export async function guestImage(name: string, io: Io): Promise<GuestImage> {
  if (cachedProvenance(name) === undefined) io.note(`Fetching the guest image ${name}; this is needed once.\n`);
  return withProgress(io, (options) => fetchImage(name, options));
}

/**
 * Path of the firmware that an image's name means: the form that is told where the kernel and the device tree are. OpenSBI's
 * other form, fw_jump, copies the device tree to RAM + 34 MiB, into the midst of Debian's kernel.
 */
export async function firmwareImage(name: string, io: Io): Promise<string> {
  return (await withProgress(io, (options) => fetchFirmware(name, options))).dynamic;
}
