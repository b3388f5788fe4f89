// Arbitrary system calls of a thread, as code makes them that has broken out of V8: a handle on `syscall` and some memory whose address
// is known, both taken before the thread gives up its ffi right.
import { createRequire } from 'node:module';
import type * as Ffi from 'node:ffi';

type Argument = number | bigint;
type SystemCall = (...args: bigint[]) => bigint;
const MEMORY_BYTES = 65536;

export class Native {
  /** Process id of the kernel process. */
  readonly kernel: number;
  /** Address of this partition's call page. */
  readonly page: bigint;
  /** A TCP port on 127.0.0.1 that listens. */
  readonly port: number;
  readonly #syscall: SystemCall;
  readonly #errno: Int32Array;
  readonly #memory = new Uint8Array(MEMORY_BYTES);
  readonly #address: bigint;
  #used = 0;

  constructor(kernel: number, page: bigint, port: number) {
    this.kernel = kernel;
    this.page = page;
    this.port = port;
    const ffi = createRequire(import.meta.url)('node:ffi') as typeof Ffi;
    const i64 = 'int64';
    const { functions } = ffi.dlopen(null, {
      syscall: { arguments: [i64, i64, i64, i64, i64, i64, i64], return: i64 },
      __errno_location: { arguments: [], return: 'pointer' },
    });
    this.#syscall = functions.syscall;
    this.#errno = new Int32Array(ffi.toArrayBuffer(functions.__errno_location(), 4, false));
    this.#address = ffi.getRawPointer(this.#memory);
  }

  /** System call `number` of x86-64: the result, or -errno. */
  call(number: number, ...args: Argument[]): number {
    const at = (i: number): bigint => BigInt(args[i] ?? 0);
    const result = Number(this.#syscall(BigInt(number), at(0), at(1), at(2), at(3), at(4), at(5)));
    return result === -1 ? -this.#errno[0] : result;
  }

  /** Address of a copy of the bytes. */
  bytes(bytes: ArrayLike<number>): bigint {
    if (this.#used + bytes.length > MEMORY_BYTES) this.#used = 0;
    const at = this.#used;
    this.#memory.set(bytes, at);
    this.#used += (bytes.length + 15) & ~15;
    return this.#address + BigInt(at);
  }
  /** Of so many bytes of zeros. */
  zeros(count: number): bigint {
    return this.bytes(new Uint8Array(count));
  }
  /** Of 32-bit words. */
  words(...words: number[]): bigint {
    return this.bytes(new Uint8Array(Int32Array.from(words).buffer));
  }
  /** Of 64-bit words. */
  longs(...longs: Argument[]): bigint {
    return this.bytes(new Uint8Array(BigInt64Array.from(longs.map(BigInt)).buffer));
  }
  /** Of a text that ends with a zero. */
  text(text: string): bigint {
    return this.bytes(new TextEncoder().encode(`${text}\0`));
  }
  get self(): number {
    return this.call(39);
  }
  /** Processes that may be partitions of the same kernel: those around this one's number. */
  get neighbours(): number[] {
    const { self } = this;
    const around = Array.from({ length: 120 }, (_, i) => self - 60 + i);
    return around.filter((pid) => pid !== self && pid !== this.kernel && pid > 1);
  }
  /** The best result of an act on each neighbour. */
  anyNeighbour(act: (pid: number) => number): number {
    let best = -3; // ESRCH
    for (const pid of this.neighbours) {
      const result = act(pid);
      if (result >= 0) return result;
      if (result !== -3) best = result;
    }
    return best;
  }
}
