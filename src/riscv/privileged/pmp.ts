// Physical memory protection (Privileged ISA 3.7): 16 entries, grain 4 bytes.

import type { Source } from '../wasm/language.ts';

export const pmp: Source = {
  file: 'privileged/pmp',
  text: `
// 1 when an access of size bytes at pa is allowed. access: 0 load, 1 store, 2 fetch, which is the bit in pmpcfg as well.
// The lowest entry that matches any byte decides, and must match all of them. Without a match only M-mode may go on.
fn pmp_allows(pa:i64, size:i64, access:i32, mode:i32):i32 {
  let last = pa + size - 1L;
  let k = 0;
  let count = ld32(PMP_COUNT);
  while (k < count) {
    let range = PMP_RANGE + (k << 4);
    let low = ld64(range);
    let high = ld64(range + 8);
    if (pa <=u high && last >=u low) {
      if (pa <u low || last >u high) return 0;
      let configuration = ld8u(PMP_CONFIGURATION + k);
      if (mode == 3 && (configuration & 0x80) == 0) return 1;
      return (configuration >>> access) & 1;
    }
    k = k + 1;
  }
  return mode == 3;
}

// 1 when PMP treats every byte of the page at pa alike, so that the page may be in a TLB
fn pmp_uniform(pa:i64):i32 {
  if (ld32(PMP_FINE) == 0) return 1;
  let low = pa & PAGE_MASK;
  let high = low + 4095L;
  let k = 0;
  while (k < 16) {
    let range = PMP_RANGE + (k << 4);
    let first = ld64(range);
    let last = ld64(range + 8);
    if (low <=u last && high >=u first) { if (low <u first || high >u last) return 0; }
    k = k + 1;
  }
  return 1;
}

// pmpcfg or pmpaddr changed: the ranges, in order, and every translation that was made under the old ones
fn pmp_changed():void {
  let k = 0;
  let fine = 0;
  st32(PMP_COUNT, 0);
  while (k < 16) {
    let mode = (ld8u(PMP_CONFIGURATION + k) >>> 3) & 3;
    let address = ld64(PMP_ADDRESS + (k << 3));
    let low = -1L;
    let high = 0L;
    if (mode == 1) {
      // TOR: up to this address from the one before
      low = 0L;
      if (k > 0) low = ld64(PMP_ADDRESS + (k << 3) - 8) << 2L;
      high = (address << 2L) - 1L;
      if (address << 2L <=u low) { low = -1L; high = 0L; }
    } else if (mode == 2) {
      // NA4
      low = address << 2L;
      high = low + 3L;
    } else if (mode == 3) {
      // NAPOT: as many trailing ones as the size has bits beyond 8 bytes
      let inside = address ^ (address + 1L);
      low = (address & ~inside) << 2L;
      high = low + (inside << 2L) + 3L;
    }
    st64(PMP_RANGE + (k << 4), low);
    st64(PMP_RANGE + (k << 4) + 8, high);
    if (mode != 0) {
      st32(PMP_COUNT, k + 1);
      if (low <=u high && ((low & 4095L) != 0L || (high & 4095L) != 4095L)) fine = 1;
    }
    k = k + 1;
  }
  st32(PMP_FINE, fine);
  tlb_flush();
  fetch_flush();
  st32(ATTENTION, 1);
}

// pmpcfg0 and pmpcfg2, eight entries each; locked bytes stay, and bits 5 and 6 are zero
fn pmpcfg_write(first:i32, value:i64):void {
  let k = 0;
  while (k < 8) {
    let at = PMP_CONFIGURATION + first + k;
    if ((ld8u(at) & 0x80) == 0) st8(at, i32(value >>> u64(k << 3)) & 0x9f);
    k = k + 1;
  }
  pmp_changed();
}

// an address is locked with its own entry, and as the lower bound of a locked TOR entry
fn pmpaddr_write(k:i32, value:i64):void {
  if ((ld8u(PMP_CONFIGURATION + k) & 0x80) != 0) return;
  if (k < 15) { if ((ld8u(PMP_CONFIGURATION + k + 1) & 0x98) == 0x88) return; }
  st64(PMP_ADDRESS + (k << 3), value & 0x3fffffffffffffL);
  pmp_changed();
}
`,
};
