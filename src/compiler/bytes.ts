// Little-endian bytes, written one after another.
export class Bytes {
  #bytes = new Uint8Array(256);
  length = 0;

  #room(count: number): void {
    while (this.length + count > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
  }
  raw(bytes: ArrayLike<number>): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }
  zeros(count: number): this {
    return this.raw(new Uint8Array(count));
  }
  #number(value: number, count: number): this {
    let rest = value;
    for (let i = 0; i < count; i++) {
      this.raw([rest & 0xff]);
      rest = Math.floor(rest / 256);
    }
    return this;
  }
  u8(value: number): this {
    return this.#number(value, 1);
  }
  u16(value: number): this {
    return this.#number(value, 2);
  }
  u32(value: number): this {
    return this.#number(value, 4);
  }
  /** A safe integer. */
  u64(value: number): this {
    return this.#number(value, 8);
  }
  /** UTF-8 and a zero byte. */
  text(value: string): this {
    return this.raw(new TextEncoder().encode(value)).u8(0);
  }
  /** DWARF 7.6. */
  uleb(value: number): this {
    let rest = value;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.u8(rest === 0 ? low : low | 0x80);
    } while (rest !== 0);
    return this;
  }
  sleb(value: number): this {
    let rest = value;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }
  patch32(at: number, value: number): void {
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }
  patch64(at: number, value: number): void {
    new DataView(this.#bytes.buffer).setBigUint64(at, BigInt(value), true);
  }
  take(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}
