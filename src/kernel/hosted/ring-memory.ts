// The memory of one-way streams (docs/design/seams.md, "Streams"): who gets which descriptor, and what is wiped when an end is restarted.
//
// A page belongs to who writes it: ring and header to the producer, the progress page to the consumer. The other side gets a
// description that was opened read-only, so that no mapping of it can be made writable (mmap(2): MAP_SHARED with PROT_WRITE
// needs O_RDWR, and mprotect asks the same), maps it and closes it before it looks at anything from outside; after that there
// is no descriptor to open again, and no call to do it with. Where neither end can be restarted, F_SEAL_FUTURE_WRITE also
// keeps everybody, the kernel too, from making another writable mapping.
import { openSync, readSync, writeSync } from 'node:fs';
import { SEAL, addSeals, closeDescriptor, createMemory, wipeMemory } from './linux.ts';

const HEADER_BYTES = 4096;
const PROGRESS_BYTES = 4096;
/**
 * Bytes of the words that both pages have (src/sdk/stream.ts): the count, the peer's wait that was answered last, the number of
 * the last wait, the generation.
 */
const COUNT_AT = 0;
const ANSWERED_WAIT_AT = 8;
const WAIT_NUMBER_AT = 12;
const GENERATION_AT = 16;
const KEPT = [COUNT_AT, WAIT_NUMBER_AT, GENERATION_AT];

export class RingMemory {
  readonly #bytes: number;
  readonly #isRestartable: boolean;
  readonly #data: number;
  readonly #dataReadOnly: number;
  readonly #progress: number;
  readonly #progressReadOnly: number;

  constructor(name: string, bytes: number, isRestartable: boolean) {
    const readOnly = (fd: number) => openSync(`/proc/self/fd/${fd}`, 'r');
    this.#bytes = bytes;
    this.#isRestartable = isRestartable;
    this.#data = createMemory(name, HEADER_BYTES + bytes);
    this.#progress = createMemory(name, PROGRESS_BYTES);
    this.#dataReadOnly = readOnly(this.#data);
    this.#progressReadOnly = readOnly(this.#progress);
  }

  /** Descriptors of data and progress page for an end. */
  descriptors(direction: 'out' | 'in'): { readonly data: number; readonly progress: number } {
    return direction === 'out'
      ? { data: this.#data, progress: this.#progressReadOnly }
      : { data: this.#dataReadOnly, progress: this.#progress };
  }

  /** Both ends are mapped. */
  seal(): void {
    if (this.#isRestartable) return;
    for (const fd of [this.#data, this.#progress]) addSeals(fd, SEAL.futureWrite | SEAL.seal);
    for (const fd of [this.#data, this.#progress, this.#dataReadOnly, this.#progressReadOnly]) closeDescriptor(fd);
  }

  /**
   * The process at an end is dead for certain, and no other has started: wipes what it could write. Its next wait gets a number
   * after the one that the peer has answered last, or the peer would take it for that one and not answer it.
   */
  wipe(direction: 'out' | 'in'): void {
    if (direction === 'out') {
      // First the generation: a consumer that is reading learns by it that what it reads is no more.
      const generation = readWord(this.#data, GENERATION_AT);
      writeWord(this.#data, GENERATION_AT, generation + 1);
      wipeMemory(this.#data, HEADER_BYTES, this.#bytes);
      // The count stays: the consumer joins where it stands.
      copyWord(this.#progress, ANSWERED_WAIT_AT, this.#data, WAIT_NUMBER_AT);
      wipeBut(this.#data, HEADER_BYTES, KEPT);
      return;
    }
    // Nothing was read from here on. The producer, who may be writing, sees only that there is more room.
    copyWord(this.#data, COUNT_AT, this.#progress, COUNT_AT);
    copyWord(this.#data, GENERATION_AT, this.#progress, GENERATION_AT);
    copyWord(this.#data, ANSWERED_WAIT_AT, this.#progress, WAIT_NUMBER_AT);
    wipeBut(this.#progress, PROGRESS_BYTES, KEPT);
  }
}

function readWord(fd: number, at: number): number {
  const word = new Int32Array(1);
  readSync(fd, word, 0, 4, at);
  return word[0];
}
function writeWord(fd: number, at: number, value: number): void {
  writeSync(fd, Int32Array.of(value), 0, 4, at);
}
function copyWord(from: number, at: number, to: number, toAt: number): void {
  writeWord(to, toAt, readWord(from, at));
}
/** Zeroes a page but for some of its words. */
function wipeBut(fd: number, bytes: number, kept: readonly number[]): void {
  const zeros = new Uint8Array(bytes);
  let from = 0;
  for (const word of [...kept, bytes]) {
    if (word > from) writeSync(fd, zeros, 0, word - from, from);
    from = word + 4;
  }
}
