/*
 * Guest memory as firmware and devices see it (`#guest-memory`): on bare metal the memory of the partition's own guest. Offsets count
 * from its first byte; ramOffset() alone makes them from guest addresses. In the language of metal programs.
 */
import { add64, below64, load32, load8, low, pair, store32, store8, sub64, symbol, word } from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

function placeOf(offset: number): Word {
  return add64(symbol('guest'), word(offset));
}
/** Offset of the physical address (two 32-bit halves) when all `bytes` >= 0 from there on lie in RAM; else -1. */
export function ramOffset(lower: number, upper: number, bytes: number): number {
  if (bytes < 0) return -1;
  const offset = sub64(pair(upper, lower), symbol('guest'));
  const size = sub64(symbol('guestEnd'), symbol('guest'));
  if (below64(size, offset) || below64(sub64(size, offset), word(bytes))) return -1;
  return low(offset);
}
export function ramByte(offset: number): number {
  return load8(placeOf(offset));
}
export function setRamByte(offset: number, value: number): void {
  store8(placeOf(offset), value);
}
/** 32 bits, little-endian, at a multiple of 4. */
export function ramWord(offset: number): number {
  return load32(placeOf(offset));
}
export function setRamWord(offset: number, value: number): void {
  store32(placeOf(offset), value);
}
