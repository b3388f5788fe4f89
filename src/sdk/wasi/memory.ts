// A WebAssembly program's memory as its host reads and writes it. Every address comes from the program: what lies outside of the
// memory is a RangeError, which the program gets as EFAULT.
import { ERRNO, SIZE, WasiError } from './abi.ts';
import type { Memory } from './webassembly.ts';

/** IOV_MAX of POSIX systems. */
const MAX_VECTORS = 1024;

export class ProgramMemory {
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** The buffer is another one after each growth of the memory, so no view of it is kept. */
  get #view(): DataView {
    return new DataView(this.#memory.buffer);
  }
  readU8(at: number): number {
    return this.#view.getUint8(at >>> 0);
  }
  readU16(at: number): number {
    return this.#view.getUint16(at >>> 0, true);
  }
  readU32(at: number): number {
    return this.#view.getUint32(at >>> 0, true);
  }
  readU64(at: number): bigint {
    return this.#view.getBigUint64(at >>> 0, true);
  }
  writeU8(at: number, value: number): void {
    this.#view.setUint8(at >>> 0, value);
  }
  writeU16(at: number, value: number): void {
    this.#view.setUint16(at >>> 0, value, true);
  }
  writeU32(at: number, value: number): void {
    this.#view.setUint32(at >>> 0, value, true);
  }
  writeU64(at: number, value: bigint): void {
    this.#view.setBigUint64(at >>> 0, value, true);
  }

  /** A view, for use before the program runs again. */
  slice(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at >>> 0, length >>> 0);
  }
  bytes(at: number, length: number): Uint8Array {
    return this.slice(at, length).slice();
  }
  text(at: number, length: number): string {
    return new TextDecoder().decode(this.bytes(at, length));
  }
  write(at: number, bytes: Uint8Array): void {
    this.slice(at, bytes.length).set(bytes);
  }
  zero(at: number, length: number): void {
    this.slice(at, length).fill(0);
  }

  /** The parts of an array of iovec or ciovec. */
  vectors(at: number, count: number): { readonly at: number; readonly length: number }[] {
    if (count >>> 0 > MAX_VECTORS) throw new WasiError(ERRNO.inval);
    return Array.from({ length: count >>> 0 }, (_, i) => {
      const one = (at >>> 0) + i * SIZE.iovec;
      return { at: this.readU32(one), length: this.readU32(one + 4) };
    });
  }
  /** What a program gives to be written. */
  gather(at: number, count: number): Uint8Array {
    const parts = this.vectors(at, count).map((one) => this.slice(one.at, one.length));
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    if (total > this.#memory.buffer.byteLength) throw new RangeError('more than there is memory');
    const bytes = new Uint8Array(total);
    let done = 0;
    for (const part of parts) {
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }
  /** Fills buffers in their order; how many bytes that was. */
  scatter(at: number, count: number, bytes: Uint8Array): number {
    let done = 0;
    for (const one of this.vectors(at, count)) {
      const part = bytes.subarray(done, done + one.length);
      this.write(one.at, part);
      done += part.length;
      if (done === bytes.length) break;
    }
    return done;
  }
}
