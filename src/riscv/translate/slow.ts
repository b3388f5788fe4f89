// Memory accesses of regions that the TLBs do not answer, as functions of the engine: few bytes at each access call them.

import type { Source } from '../wasm/language.ts';

/** Bits of `how`: the size's logarithm in bits 0 and 1; the value is sign-extended, is a float, is boxed; then BEHIND. */
export const SIGNED = 4;
export const FLOAT = 8;
export const BOXED = 16;
/** Times the number of instructions of the block behind this one, whose fuel is spent but which have not begun. */
export const BEHIND = 32;

export const regionAccesses: Source = {
  file: 'translate/slow',
  text: `
// the value loaded from va, or \`old\` if that traps. LEAVE tells whether the region must be left then.
fn region_load(va:i64, old:i64, fuel:i32, how:i32):i64 {
  st32(FUEL, fuel + (how >>> 5));
  let value = load(va, how & 3);
  if (ld32(TRAPPED)) { st32(LEAVE, 1); return old; }
  st32(LEAVE, ld32(ATTENTION));
  let signed = how & 7;
  if (signed == 4) return sx8(value);
  if (signed == 5) return sx16(value);
  if (signed == 6) return sx32(value);
  if (how & 8) st64(MSTATUS, ld64(MSTATUS) | 0x6000L);
  if (how & 16) return value | 0xffffffff00000000L;
  return value;
}
fn region_store(va:i64, value:i64, fuel:i32, how:i32):void {
  st32(FUEL, fuel + (how >>> 5));
  store(va, how & 3, value);
  st32(LEAVE, ld32(TRAPPED) | ld32(ATTENTION));
}
`,
};
