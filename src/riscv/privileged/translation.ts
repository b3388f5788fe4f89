// Address translation: bare, Sv39 and Sv48 (Privileged ISA 4.3 to 4.5), with accessed and dirty bits set by the hart.

import type { Source } from '../wasm/language.ts';

export const translation: Source = {
  file: 'privileged/translation',
  text: `
fn raise(cause:i64, tval:i64):i64 {
  st64(CAUSE, cause);
  st64(TVAL, tval);
  st32(TRAPPED, 1);
  return -1L;
}
// access: 0 load, 1 store or AMO, 2 fetch
fn page_fault(va:i64, access:i32):i64 {
  if (access == 0) return raise(13L, va);
  if (access == 1) return raise(15L, va);
  return raise(12L, va);
}
fn access_fault(va:i64, access:i32):i64 {
  if (access == 0) return raise(5L, va);
  if (access == 1) return raise(7L, va);
  return raise(1L, va);
}

// Physical address of va for size bytes in one page, or -1 with the trap raised. Sets LEAF, LEAF_SHIFT and UNIFORM.
fn translate(va:i64, size:i64, access:i32):i64 {
  let count = LOAD_MISSES + (access << 3);
  st64(count, ld64(count) + 1L);
  let mode = ld32(DATA_MODE);
  if (access == 2) mode = ld32(MODE);
  let pa = va;
  let satp = ld64(SATP);
  if (mode == 3 || satp >>> 60L == 0L) {
    st32(LEAF, 1);
    if (va >>> 56L != 0L) return access_fault(va, access);
  } else {
    pa = walk(va, access, mode, satp);
    if (pa == -1L) return pa;
  }
  if (pmp_allows(pa, size, access, mode) == 0) return access_fault(va, access);
  st32(UNIFORM, pmp_uniform(pa));
  return pa;
}

fn walk(va:i64, access:i32, mode:i32, satp:i64):i64 {
  let shift = 30L; // of the page that an entry of this level maps
  let unused = 25L; // bits above the virtual address, which must equal its top bit
  if (satp >>> 60L == 9L) { shift = 39L; unused = 16L; }
  if (va << unused >> unused != va) return page_fault(va, access);
  let table = (satp & 0xfffffffffffL) << 12L;
  while (shift >= 12L) {
    let at = table + ((va >>> shift & 511L) << 3L);
    if (pmp_allows(at, 8L, 0, 1) == 0) return access_fault(va, access);
    if (at - RAM_BASE >=u RAM_BYTES) return access_fault(va, access);
    let host = i32(at - RAM_BASE) + RAM;
    let pte = ald64(host);
    // V; bits 54..63 are reserved without Svnapot and Svpbmt
    if ((pte & 1L) == 0L || pte >>> 54L != 0L) return page_fault(va, access);
    if ((pte & 0xeL) == 0L) {
      // a pointer to the next level: D, A and U are reserved
      if ((pte & 0xd0L) != 0L) return page_fault(va, access);
      table = pte >>> 10L << 12L;
      shift = shift - 9L;
    } else {
      if (leaf_allows(pte, access, mode) == 0) return page_fault(va, access);
      let offset = (1L << shift) - 1L;
      let page = pte >>> 10L << 12L;
      if ((page & offset) != 0L) return page_fault(va, access);
      let used = pte | 0x40L;
      if (access == 1) used = used | 0x80L;
      if (used != pte) {
        if (pmp_allows(at, 8L, 1, 1) == 0) return access_fault(va, access);
        page_dirty(host);
        if (acas64(host, pte, used) != pte) return walk(va, access, mode, satp);
      }
      let leaf = i32(pte >>> 5L) & 1 | i32(pte >>> 2L) & 4;
      if (shift != 12L) leaf = leaf | 2;
      st32(LEAF, leaf);
      st32(LEAF_SHIFT, i32(shift));
      return page | va & offset;
    }
  }
  return page_fault(va, access);
}

// R 2, W 4, X 8, U 16; W without R is reserved. SUM lets S-mode load and store in user pages, MXR load from executable ones.
fn leaf_allows(pte:i64, access:i32, mode:i32):i32 {
  let status = ld64(MSTATUS);
  if ((pte & 6L) == 4L) return 0;
  if ((pte & 0x10L) != 0L) {
    if (mode != 0 && (access == 2 || (status & 0x40000L) == 0L)) return 0;
  } else if (mode == 0) return 0;
  if (access == 0) return (pte & 2L) != 0L || (status & 0x80000L) != 0L && (pte & 8L) != 0L;
  if (access == 1) return (pte & 4L) != 0L;
  return (pte & 8L) != 0L;
}

fn satp_write(value:i64):void {
  let scheme = value >>> 60L;
  // a scheme that is not there: the write has no effect (Privileged ISA 4.1.11)
  if (scheme != 0L && scheme != 8L && scheme != 9L) return;
  let old = ld64(SATP);
  if (old == value) return;
  st64(SATP, value);
  if (old >>> 60L != scheme) {
    tlb_flush();
    fetch_flush();
  } else {
    // no ASIDs in the TLBs: an address space's entries go when it does, global ones stay
    tlb_flush_space();
    fetch_flush_space();
  }
  st32(ATTENTION, 1);
}
`,
};
