// Memory accesses of regions that the TLBs do not answer, or that are in a group of which some do not, as functions of the engine: few
// bytes at each access call them.

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
// host address, or 0: the TLB does not have it, or it is misaligned
fn region_host(va:i64, log:i32, store:i32):i32 {
  let host = va ^ ld64(ld32(BANK) + store * TLB_BYTES + (i32(va >>> 9L) & TLB_INDEX_MASK));
  if ((host & (0L - TLB_EMPTY | (1L << u64(log)) - 1L)) == 0L) return i32(host);
  return 0;
}
// the value loaded from va, or \`old\` if that traps. LEAVE tells whether the region must be left then.
fn region_load(va:i64, old:i64, fuel:i32, how:i32):i64 {
  st32(FUEL, fuel + (how >>> 5));
  let host = region_host(va, how & 3, 0);
  let value = 0L;
  if (host) value = ram_load(host, how & 3); else value = load(va, how & 3);
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
  let host = region_host(va, how & 3, 1);
  if (host) ram_store(host, how & 3, value); else store(va, how & 3, value);
  st32(LEAVE, ld32(TRAPPED) | ld32(ATTENTION));
}
`,
};
