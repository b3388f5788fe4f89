// The TLBs of a hart. One direct-mapped table for each of U, S and M mode and each of loads and stores. An entry is one i64,
// the page's virtual address XOR its host address, so that an access costs a load, an XOR and one test:
//
//   host = va XOR entry;  hit when host has no bit at or above ADDRESS_BITS (and is aligned)
//
// The index is va's bits 12..ADDRESS_BITS. An entry that is empty must match no va of that index, and nothing but
// the index is known of va: so an empty entry makes bit ADDRESS_BITS of the result 1, which the index decides.
// Pages that PMP splits, devices and faults never get an entry.
//
// Flushing walks a log of filled entries, one log for each kind of entry that is flushed on its own.

import type { Source } from '../wasm/language.ts';

export const tlb: Source = {
  file: 'privileged/tlb',
  text: `
fn tlb_clear(entry:i32):void {
  if (((entry >>> 3) & TLB_TOP_INDEX) == 0) st64(entry, TLB_EMPTY); else st64(entry, 0L);
}

// a table's lower half must be filled with TLB_EMPTY; the upper half's empty entry is zero, as fresh memory is: the
// first time it is not touched, so that the host need not have memory for it
fn tlb_ready(bank:i32, used:i32):void {
  let table = 0;
  while (table < 2) {
    let at = bank + table * TLB_BYTES;
    let end = at + (TLB_BYTES /u 2);
    if (used) fill(end, 0, TLB_BYTES /u 2);
    while (at <u end) { st64(at, TLB_EMPTY); at = at + 8; }
    table = table + 1;
  }
}

fn tlb_flush_log(log:i32, logged:i32):void {
  let end = log + (ld32(logged) << 2);
  let at = log;
  while (at != end) { tlb_clear(ld32(at)); at = at + 4; }
  st32(logged, 0);
}

// entries of the current address space: user pages, and supervisor pages that are not global
fn tlb_flush_space():void {
  tlb_flush_log(USER_LOG, USER_LOGGED);
  tlb_flush_log(LOCAL_LOG, LOCAL_LOGGED);
}

fn tlb_flush():void {
  tlb_flush_space();
  tlb_flush_log(GLOBAL_LOG, GLOBAL_LOGGED);
  tlb_flush_log(MACHINE_LOG, MACHINE_LOGGED);
  fill(SUPERPAGES, 0, SUPERPAGES_BYTES);
}

// the page of va, just translated by the walk for DATA_MODE, is at host
fn tlb_insert(va:i64, host:i32, store:i32):void {
  if (ld32(UNIFORM) == 0) return;
  let bank = ld32(BANK);
  let log = LOCAL_LOG;
  let logged = LOCAL_LOGGED;
  if (bank == BANK_U) { log = USER_LOG; logged = USER_LOGGED; }
  else if (bank == BANK_M) { log = MACHINE_LOG; logged = MACHINE_LOGGED; }
  else if ((ld32(LEAF) & 5) == 1) { log = GLOBAL_LOG; logged = GLOBAL_LOGGED; }
  if (ld32(LEAF) & 2) superpage_note(va);
  if (ld32(logged) >=u LOG_ENTRIES) tlb_flush_log(log, logged);
  let entry = bank + store * TLB_BYTES + (i32(va >>> 9L) & TLB_INDEX_MASK);
  st64(entry, (va & PAGE_MASK) ^ u64(host & -4096));
  let count = ld32(logged);
  st32(log + (count << 2), entry);
  st32(logged, count + 1);
  if (store) {
    // which entry lets stores reach the page (a hint: it may have been flushed since)
    let stored = STORED + (host - RAM >>> 12 << 2);
    let known = ld32(stored);
    if (known == 0) st32(stored, entry); else if (known != entry) st32(stored, STORED_BY_SEVERAL);
  }
}

// SFENCE.VMA for an address covers the whole superpage that the address lies in (Privileged ISA 4.2.1), of which any
// number of pieces may be here. Ranges of each size that have pieces are noted by hash; a noted one is flushed whole.
fn superpage_slot(va:i64, shift:i32):i32 {
  return SUPERPAGES + (i32(va >>> u64(shift)) * 0x61 + shift & SUPERPAGES_BYTES - 1);
}
fn superpage_note(va:i64):void { st8(superpage_slot(va, ld32(LEAF_SHIFT)), 1); }
fn superpage_noted(va:i64):i32 {
  return ld8u(superpage_slot(va, 21)) | ld8u(superpage_slot(va, 30)) | ld8u(superpage_slot(va, 39));
}

fn sfence_vma(va:i64, all_addresses:i32, all_spaces:i32):void {
  if (all_addresses || superpage_noted(va)) {
    tlb_flush_space();
    fetch_flush();
    if (all_spaces || all_addresses == 0) {
      tlb_flush_log(GLOBAL_LOG, GLOBAL_LOGGED);
      fill(SUPERPAGES, 0, SUPERPAGES_BYTES);
    }
    return;
  }
  let index = i32(va >>> 9L) & TLB_INDEX_MASK;
  tlb_clear(BANK_U + index);
  tlb_clear(BANK_U + TLB_BYTES + index);
  tlb_clear(BANK_S + index);
  tlb_clear(BANK_S + TLB_BYTES + index);
  let fetch_index = (i32(va >>> 12L) & FETCH_MASK) << 4;
  st64(FETCH_U + fetch_index, -1L);
  st64(FETCH_S + fetch_index, -1L);
}

// the modes that instructions are fetched and data accessed in decide the TLBs (MPRV: Privileged ISA 3.1.6.3)
fn bank_of(mode:i32):i32 {
  if (mode == 0) return BANK_U;
  if (mode == 1) return BANK_S;
  if (ld32(MACHINE_BANK_READY) == 0) { tlb_ready(BANK_M, 1); st32(MACHINE_BANK_READY, 1); }
  return BANK_M;
}
fn mode_changed():void {
  let mode = ld32(MODE);
  let data = mode;
  let status = ld64(MSTATUS);
  if (mode == 3 && (status & 0x20000L) != 0L) data = i32(status >>> 11L) & 3;
  st32(DATA_MODE, data);
  st32(BANK, bank_of(data));
  st32(FETCH_BANK, FETCH_U + mode * FETCH_BYTES);
}
`,
};
