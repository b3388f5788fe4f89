// Each intrinsic in a function of its own: run under Node and compiled, they must do the same (intrinsics.test.ts).
import {
  add64, addressOf, and64, below64, csrClear, csrRead, csrSet, csrWrite, divu64, fence, fenceInstructions, fenceTranslations,
  high, load32, load64, load8, low, mul64, or64, pair, remu64, shiftLeft64, shiftRight64, store32, store64, store8, sub64, text,
  word, xor64,
} from '../intrinsics.ts'; // prettier-ignore
import type { Word } from '../intrinsics.ts';

const MSCRATCH = 0x340;
const CELLS = 8;

export class Probe {
  total = 0;
  readonly cells = new Int32Array(CELLS);
}
export class Other {
  count = 0;
}

export function sum(a: Word, b: Word): Word {
  return add64(a, b);
}
export function difference(a: Word, b: Word): Word {
  return sub64(a, b);
}
export function product(a: Word, b: Word): Word {
  return mul64(a, b);
}
export function quotient(a: Word, b: Word): Word {
  return divu64(a, b);
}
export function remainder(a: Word, b: Word): Word {
  return remu64(a, b);
}
export function bits(a: Word, b: Word): Word {
  return xor64(and64(a, b), or64(a, b));
}
export function isBelow(a: Word, b: Word): boolean {
  return below64(a, b);
}
export function isBelowBranch(a: Word, b: Word): number {
  if (below64(a, b)) return 7;
  return a === b ? 8 : 9;
}
export function isLess(a: Word, b: Word): boolean {
  return a < b;
}
export function left(a: Word, count: number): Word {
  return shiftLeft64(a, count);
}
export function right(a: Word, count: number): Word {
  return shiftRight64(a, count);
}
export function halves(a: Word): number {
  return low(a) ^ high(a);
}
export function joined(high: number, low: number): Word {
  return pair(high, low);
}
export function widened(value: number): Word {
  return add64(word(value), word(-1));
}
export function memory(at: Word, value: Word, small: number): Word {
  store64(at, value);
  store8(add64(at, word(3)), small);
  store32(add64(at, word(8)), small);
  fence();
  fenceInstructions();
  fenceTranslations();
  return add64(load64(at), word(load8(add64(at, word(1))) + load32(add64(at, word(8)))));
}
export function control(value: Word, set: Word, clear: Word): Word {
  csrWrite(MSCRATCH, value);
  csrSet(MSCRATCH, set);
  csrClear(MSCRATCH, clear);
  return csrRead(MSCRATCH);
}
export function letter(n: number): number {
  return load8(add64(text('letters'), word(n)));
}
/** A store to an address reaches the table: what was read before must not be taken for what is there now. */
export function aliased(k: Probe, value: number): number {
  const before = k.cells[1];
  store32(add64(addressOf(k.cells), word(4)), value);
  k.total = before ^ k.cells[1];
  return k.total;
}
/** Many values at once: some find no register. */
export function crowded(k: Probe, o: Other, a: number, b: number): number {
  const c0 = a & 1023;
  const c1 = c0 * 2 + 1;
  const c2 = c1 ^ b;
  const c3 = c2 & 4095;
  const c4 = c3 + c0;
  const c5 = c4 * 3;
  const c6 = c5 ^ c1;
  const c7 = c6 & 511;
  const c8 = c7 + c3;
  const c9 = c8 * 5;
  const d0 = c9 ^ c2;
  const d1 = d0 & 2047;
  const d2 = d1 + c7;
  const d3 = d2 * 7;
  const d4 = d3 ^ c5;
  const d5 = d4 & 1023;
  const d6 = d5 + d1;
  const d7 = d6 * 2;
  const d8 = d7 ^ c9;
  const d9 = d8 & 255;
  const e0 = d9 + d5;
  const e1 = e0 * 3;
  const e2 = e1 ^ d3;
  const e3 = e2 & 127;
  const e4 = e3 + d9;
  const e5 = e4 * 5;
  const e6 = e5 ^ d7;
  const e7 = e6 & 63;
  o.count = touched(k, e7);
  return (
    c0 ^ c1 ^ c2 ^ c3 ^ c4 ^ c5 ^ c6 ^ c7 ^ c8 ^ c9 ^ d0 ^ d1 ^ d2 ^ d3 ^ d4 ^ d5 ^ d6 ^ d7 ^ d8 ^ d9 ^ e0 ^ e1 ^ e2 ^ e3 ^
    e4 ^ e5 ^ e6 ^ e7 ^ o.count
  ); // prettier-ignore
}
export function touched(k: Probe, by: number): number {
  k.total = by;
  for (let i = 0; i < CELLS; i++) k.cells[i] = by + i;
  return k.cells[5];
}
export function divided(a: number): number {
  return ((a / 7) | 0) ^ ((a / 16) | 0) ^ ((a - 1) | 0);
}
export function chosen(op: number, a: number): number {
  if (op === 0) return a;
  if (op === 2) return 3;
  if (op === 3) return a ^ 5;
  if (op === 5) return -1;
  if (op === 6) return a & 7;
  return -2;
}
