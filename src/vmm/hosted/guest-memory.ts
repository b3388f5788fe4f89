// Guest memory as firmware and devices see it (`#guest-memory` in package.json; on bare metal another file stands here).
// One machine a process. Offsets count from the RAM's first byte; ramOffset() alone makes them from guest addresses.

let ram: Uint8Array = new Uint8Array(0);
let baseLow = 0;
let baseHigh = 0;

const SIGN = -0x8000_0000;

/** Binds the RAM of this thread's machine; `base` is its physical address, its size at most 2 GiB. */
export function attachGuestMemory(bytes: Uint8Array, base: number): void {
  if (bytes.length > 0x8000_0000) throw new RangeError('guest memory is limited to 2 GiB');
  ram = bytes;
  baseLow = base | 0;
  baseHigh = Math.floor(base / 0x1_0000_0000) | 0;
}

/** Offset of the physical address (two 32-bit halves) when all `bytes` >= 0 from there on lie in RAM; else -1. */
export function ramOffset(low: number, high: number, bytes: number): number {
  const offset = (low - baseLow) | 0;
  const borrow = (low ^ SIGN) < (baseLow ^ SIGN) ? 1 : 0;
  if (((high - baseHigh - borrow) | 0) !== 0 || offset < 0) return -1;
  return bytes >= 0 && offset <= ram.length - bytes ? offset : -1;
}

export function ramByte(offset: number): number {
  return ram[offset];
}

export function setRamByte(offset: number, value: number): void {
  ram[offset] = value;
}

/** 32 bits, little-endian. */
export function ramWord(offset: number): number {
  return ram[offset] | (ram[offset + 1] << 8) | (ram[offset + 2] << 16) | (ram[offset + 3] << 24);
}

export function setRamWord(offset: number, value: number): void {
  ram[offset] = value;
  ram[offset + 1] = value >> 8;
  ram[offset + 2] = value >> 16;
  ram[offset + 3] = value >> 24;
}
