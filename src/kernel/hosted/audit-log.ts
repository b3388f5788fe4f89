// The audit log: lines of JSON, each with the SHA-256 of the line before it, so that no line can be changed, taken out or put in
// without all later ones being other lines. The last hash (`head`) is told to the command, which keeps it elsewhere: with it a
// log that was cut off, or written anew, is found out too. `virtsec audit verify` reads it.
import { createHash } from 'node:crypto';

/** Of one partition, records a second of what it can cause without end. */
const RECORDS_PER_SECOND = 20;
/** What the first line names as the hash before it. */
export const NOTHING_BEFORE = '0'.repeat(64);

export class AuditLog {
  readonly #write: (line: string) => void;
  #head = NOTHING_BEFORE;
  #records = 0;
  readonly #rates = new Map<string, { second: number; records: number; dropped: number }>();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** SHA-256 of the last line, without its end, in hexadecimal. */
  get head(): string {
    return this.#head;
  }
  get records(): number {
    return this.#records;
  }

  add(event: string, fields: object = {}): void {
    const line = JSON.stringify({
      n: this.#records,
      at: new Date().toISOString(),
      event,
      ...fields,
      previous: this.#head,
    });
    this.#head = createHash('sha256').update(line).digest('hex');
    this.#records += 1;
    this.#write(`${line}\n`);
  }

  /** Of what a partition can cause without end: so many in a second, and how many more there were. */
  addOf(partition: string, event: string, fields: object = {}): void {
    const second = Math.floor(performance.now() / 1000);
    const rate = this.#rates.get(partition) ?? { second, records: 0, dropped: 0 };
    this.#rates.set(partition, rate);
    if (rate.second !== second) {
      const { dropped } = rate;
      Object.assign(rate, { second, records: 0, dropped: 0 });
      if (dropped > 0) this.add('not-recorded', { partition, records: dropped });
    }
    if (rate.records === RECORDS_PER_SECOND) rate.dropped += 1;
    else {
      rate.records += 1;
      this.add(event, fields);
    }
  }
}
