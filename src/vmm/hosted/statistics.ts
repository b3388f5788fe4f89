// What the machine has counted, for whoever may read the file that the plan grants (docs/design/seams.md, "Statistics").

import type { HartStatistics } from '../../riscv/index.ts';
import type { WriteAt } from '../../sdk/index.ts';

/** The file's name in the plan, and its size. */
export const STATISTICS = 'statistics';
export const STATISTICS_BYTES = 65_536;
const HALF_BYTES = STATISTICS_BYTES / 2;
/** Of each half: its text's length comes here, then the text. Word 0 of the file is the number of texts so far. */
const TEXT_AT = 64;
const PERIOD_MS = 1000;

export interface GuestStatistics {
  /** Since the machine was made. */
  readonly seconds: number;
  readonly harts: readonly HartStatistics[];
}

export class Publisher {
  readonly #write: WriteAt;
  readonly #read: () => GuestStatistics;
  #texts = 0;

  constructor(write: WriteAt, read: () => GuestStatistics) {
    this.#write = write;
    this.#read = read;
  }

  /** Each text goes into the half that readers do not look at, then the count tells them to. */
  publish(): void {
    const text = Buffer.from(JSON.stringify({ virtsec: 1, ...this.#read() }));
    const number = this.#texts + 1;
    const at = (number % 2) * HALF_BYTES + TEXT_AT;
    if (text.length + 4 + TEXT_AT > HALF_BYTES) return;
    this.#write(at + 4, text);
    this.#write(at, word(text.length));
    this.#write(0, word(number));
    this.#texts = number;
  }
  /** Publishes now and each second. */
  start(): void {
    this.publish();
    setInterval(() => this.publish(), PERIOD_MS).unref();
  }
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
