// Instruction fetch. A page of RAM that is executed has a decoded page ("slot"): a 4-byte entry for each halfword, filled the
// first time that halfword is executed, and a copy of the bytes that they are decoded from. Slots are reused in turn.
//
// The hart's own stores keep its slots coherent: a page that has a slot is in no store TLB, so that every store to it comes
// by `code_stored`. What other harts and devices write is found at FENCE.I (Unprivileged ISA, Zifencei): it begins a new
// epoch, in which a slot is compared with RAM before its first use. With one hart FENCE.I needs to do nothing.

import type { Source } from '../wasm/language.ts';

export const fetch: Source = {
  file: 'interpret/fetch',
  text: `
fn fetch_flush():void {
  if (ld32(FETCH_LOCAL_LOGGED) && ld32(FETCH_OTHER_LOGGED)) {
    fetch_flush_log(FETCH_LOCAL_LOG, FETCH_LOCAL_LOGGED);
    fetch_flush_log(FETCH_OTHER_LOG, FETCH_OTHER_LOGGED);
    return;
  }
  fill(FETCH_U, 0xff, 4 * FETCH_BYTES);
  st32(FETCH_LOCAL_LOGGED, 1);
  st32(FETCH_OTHER_LOGGED, 1);
}
// entries of the current address space
fn fetch_flush_space():void {
  if (ld32(FETCH_LOCAL_LOGGED)) fetch_flush_log(FETCH_LOCAL_LOG, FETCH_LOCAL_LOGGED); else fetch_flush();
}
fn fetch_flush_log(log:i32, logged:i32):void {
  let end = log + (ld32(logged) - 1 << 2);
  let at = log;
  while (at != end) { st64(ld32(at), -1L); at = at + 4; }
  st32(logged, 1);
}
fn fetch_filled(entry:i32, log:i32, logged:i32):void {
  let count = ld32(logged);
  if (count == 0) return;
  if (count > FETCH_LOG_ENTRIES) { st32(logged, 0); return; }
  st32(log + (count - 1 << 2), entry);
  st32(logged, count + 1);
}
fn icache_flush():void {
  st32(EPOCH, ld32(EPOCH) + 1);
  fetch_flush();
}
fn fence_i():void { if (HARTS > 1) icache_flush(); }

// The slot of the page of va for the current mode; 0: execute the instruction at va by itself; -1: a trap is raised
fn fetch_page(va:i64):i32 {
  let pa = translate(va, 2L, 2);
  if (pa == -1L) return -1;
  if (pa - RAM_BASE >=u RAM_BYTES) { access_fault(va, 2); return -1; }
  if (ld32(UNIFORM) == 0) return 0;
  let slot = slot_of(i32((pa - RAM_BASE) >>> 12L));
  let modes = ld32(slot + SLOT_MODES);
  if ((modes >>> ld32(MODE) & 1) == 0) {
    // its regions are of one mode, and do not ask
    if (modes) code_changed(slot, 0, 4096);
    st32(slot + SLOT_MODES, modes | 1 << ld32(MODE));
  }
  let at = ld32(FETCH_BANK) + ((i32(va >>> 12L) & FETCH_MASK) << 4);
  st64(at, va & PAGE_MASK);
  st32(at + 8, slot);
  let leaf = ld32(LEAF);
  if ((leaf & 1) == 0 || ld32(MODE) == 0) fetch_filled(at, FETCH_LOCAL_LOG, FETCH_LOCAL_LOGGED);
  else fetch_filled(at, FETCH_OTHER_LOG, FETCH_OTHER_LOGGED);
  if (leaf & 2) superpage_note(va);
  return slot;
}

fn slot_of(page:i32):i32 {
  let known = PAGE_SLOTS + (page << 2);
  let slot = ld32(known);
  let ram = RAM + (page << 12);
  if (slot != 0) {
    if (ld32(slot + SLOT_EPOCH) != ld32(EPOCH)) {
      if (same_page(slot + SLOT_BYTES_COPY, ram) == 0) { code_changed(slot, 0, 4096); slot_fill(slot, ram); }
      st32(slot + SLOT_EPOCH, ld32(EPOCH));
    }
    return slot;
  }
  let next = ld32(NEXT_SLOT);
  slot = SLOTS + next * SLOT_STRIDE;
  next = next + 1;
  st32(NEXT_SLOT, select(next == SLOT_COUNT, 0, next));
  let evicted = ld32(slot + SLOT_PAGE);
  if (evicted != 0) {
    code_changed(slot, 0, 4096);
    st32(PAGE_SLOTS + (evicted - 1 << 2), 0);
    fetch_flush();
  }
  // from now on its stores must be seen
  let stored = STORED + (page << 2);
  let entry = ld32(stored);
  if (entry == STORED_BY_SEVERAL) tlb_flush(); else if (entry != 0) tlb_clear(entry);
  st32(stored, 0);
  slot_fill(slot, ram);
  st32(slot + SLOT_WRITES, 0);
  st32(slot + SLOT_MODES, 0);
  st32(slot + SLOT_PAGE, page + 1);
  st32(slot + SLOT_EPOCH, ld32(EPOCH));
  st32(slot + SLOT_END, ENTRY_PAGE_END);
  st32(known, slot);
  return slot;
}

// size bytes at host, of a page that has a slot, were written
fn code_stored(slot:i32, host:i32, size:i32):void {
  let writes = ld32(slot + SLOT_WRITES) + 1;
  st32(slot + SLOT_WRITES, writes);
  if (writes > SLOT_MOST_WRITES) { slot_drop(slot); return; }
  let offset = host & 4095;
  copy(slot + SLOT_BYTES_COPY + offset, host, size);
  // an instruction that begins in the halfword before may reach into them, and the one before that be paired with it
  let first = (offset >>> 1) - 3;
  if (first < 0) first = 0;
  let last = offset + size - 1 >>> 1;
  fill(slot + (first << 2), 0, last - first + 1 << 2);
  code_changed(slot, first << 1, last + 1 << 1);
}
// Regions that contain these bytes of the page are gone, and the running one may be among them
fn code_changed(slot:i32, from:i32, to:i32):void {
  if (ld32(slot + SLOT_REGIONS)) {
    regions_drop(slot, from, to);
    st32(ATTENTION, 1);
  }
}
// The page holds data now. The hart may be executing in it: it must fetch again.
fn slot_drop(slot:i32):void {
  code_changed(slot, 0, 4096);
  st32(PAGE_SLOTS + (ld32(slot + SLOT_PAGE) - 1 << 2), 0);
  st32(slot + SLOT_PAGE, 0);
  fetch_flush();
  st32(ATTENTION, 1);
}

// the indirect jump at ip, in the page of this address, went to target
fn jump_seen(ip:i32, target:i64, page:i64):void {
  if ((target & PAGE_MASK) != page) return;
  let at = JUMPS + ((ip >>> 2) & JUMPS_MASK) * JUMPS_BYTES;
  let end = at + JUMPS_BYTES;
  let offset = (i32(target) & 4095) + 1;
  if (ld32(at) != ip) { fill(at, 0, JUMPS_BYTES); st32(at, ip); }
  at = at + 4;
  while (at != end) {
    let known = ld32(at);
    if (known == offset) return;
    if (known == 0) { st32(at, offset); return; }
    at = at + 4;
  }
}

// a slot that was never used is zero, and what is not touched needs no memory of the host's
fn slot_fill(slot:i32, ram:i32):void {
  if (ld32(slot + SLOT_EPOCH)) fill(slot, 0, SLOT_END);
  copy(slot + SLOT_BYTES_COPY, ram, 4096);
}
fn same_page(a:i32, b:i32):i32 {
  let end = a + 4096;
  while (a != end) {
    if ((ld64(a) ^ ld64(b) | ld64(a + 8) ^ ld64(b + 8)) != 0L) return 0;
    a = a + 16;
    b = b + 16;
  }
  return 1;
}

// decodes the halfword at entry into its entry
fn decode_at(slot:i32, entry:i32):void {
  let at = slot + SLOT_BYTES_COPY + (entry - slot >>> 1);
  let bits = ld16u(at);
  let length = 2;
  if ((bits & 3) == 3) {
    if (entry - slot == SLOT_END - 4) { st32(entry, ENTRY_CROSSING); return; }
    bits = ld32(at);
    length = 4;
  }
  let following = 0;
  if (entry - slot + (length << 1) <u SLOT_END - 4) following = ld32(at + length);
  st32(entry, decode_entry(bits, following));
}
// the bits of the instruction at entry (slot below 0: in SINGLES)
fn instruction_bits(slot:i32, entry:i32):i32 {
  let bits = ld32(entry + 12);
  if (slot > 0) bits = ld32(slot + SLOT_BYTES_COPY + (entry - slot >>> 1));
  if ((bits & 3) != 3) bits = bits & 0xffff;
  return bits;
}

// The entry of the instruction at va, which may cross a page and is fetched halfword by halfword; -1: a trap is raised
fn fetch_single(va:i64):i32 {
  let low = fetch_halfword(va);
  if (low < 0) return -1;
  let bits = low;
  if ((low & 3) == 3) {
    let high = fetch_halfword(va + 2L);
    if (high < 0) return -1;
    bits = low | high << 16;
  }
  let at = SINGLES + (((bits * 0x9e3779b1) >>> 24) << 4);
  if (ld32(at) == 0 || ld32(at + 12) != bits) {
    st32(at, decode_entry(bits, 0));
    st32(at + 4, ENTRY_PAGE_END);
    st32(at + 8, ENTRY_PAGE_END);
    st32(at + 12, bits);
  }
  return at;
}
fn fetch_halfword(va:i64):i32 {
  let pa = translate(va, 2L, 2);
  if (pa == -1L) return -1;
  if (pa - RAM_BASE >=u RAM_BYTES) { access_fault(va, 2); return -1; }
  return ld16u(i32(pa - RAM_BASE) + RAM);
}
`,
};
