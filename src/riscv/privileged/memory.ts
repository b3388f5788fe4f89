// Loads and stores that the TLBs do not answer: fills, devices, misaligned and page-crossing accesses.

import type { Source } from '../wasm/language.ts';

export const memory: Source = {
  file: 'privileged/memory',
  text: `
// 2^log bytes at a host address, zero-extended
fn ram_load(host:i32, log:i32):i64 {
  if (log == 3) return ld64(host);
  if (log == 2) return ld32u(host);
  if (log == 1) return ld16u64(host);
  return ld8u64(host);
}
fn ram_store(host:i32, log:i32, value:i64):void {
  if (log == 3) st64(host, value);
  else if (log == 2) st32(host, value);
  else if (log == 1) st16(host, value);
  else st8(host, value);
}

// Every page comes this way before it can be written another: a TLB's entry for stores is made by a store or an atomic access
fn page_dirty(host:i32):void { st8(DIRTY + (host - RAM >>> 12), 1); }

// 2^log bytes at a physical address, zero-extended; -1 bus answers are access faults at va
fn physical_load(pa:i64, log:i32, va:i64):i64 {
  if (pa - RAM_BASE <u RAM_BYTES) return ram_load(i32(pa - RAM_BASE) + RAM, log);
  if ((pa & (1L << u64(log)) - 1L) != 0L) return access_fault(va, 0);
  let size = 1 << log;
  if (log == 3) size = 4;
  let low = bus_read(f64u(pa), size);
  let high = 0.0;
  if (log == 3 && low >= 0.0) high = bus_read(f64u(pa + 4L), 4);
  attend();
  if (low < 0.0 || high < 0.0) return access_fault(va, 0);
  return toi64u(low) | toi64u(high) << 32L;
}

fn physical_store(pa:i64, log:i32, value:i64, va:i64):void {
  if (pa - RAM_BASE <u RAM_BYTES) {
    let host = i32(pa - RAM_BASE) + RAM;
    page_dirty(host);
    ram_store(host, log, value);
    let slot = ld32(PAGE_SLOTS + (i32(pa - RAM_BASE >>> 12L) << 2));
    if (slot) code_stored(slot, host, 1 << log);
    return;
  }
  if ((pa & (1L << u64(log)) - 1L) != 0L) { access_fault(va, 1); return; }
  let mask = 0xffffffffL;
  if (log == 0) mask = 0xffL;
  if (log == 1) mask = 0xffffL;
  let size = 1 << log;
  if (log == 3) size = 4;
  let done = bus_write(f64u(pa), size, f64u(value & mask));
  if (log == 3 && done) done = bus_write(f64u(pa + 4L), 4, f64u(value >>> 32L));
  if (done == 0) access_fault(va, 1);
  attend();
}

fn load(va:i64, log:i32):i64 {
  let size = 1 << log;
  let room = 4096 - (i32(va) & 4095);
  if (size > room) return load_crossing(va, size, room);
  let pa = translate(va, u64(size), 0);
  if (pa == -1L) return 0L;
  if (pa - RAM_BASE <u RAM_BYTES) tlb_insert(va, i32(pa - RAM_BASE) + RAM, 0);
  return physical_load(pa, log, va);
}

// Both pages are translated before either is touched. A fault on the second one reports its first byte.
fn load_crossing(va:i64, size:i32, room:i32):i64 {
  let first = translate(va, u64(room), 0);
  if (first == -1L) return 0L;
  let second = translate(va + u64(room), u64(size - room), 0);
  if (second == -1L) return 0L;
  let value = 0L;
  let k = 0;
  while (k < size) {
    let pa = first + u64(k);
    if (k >= room) pa = second + u64(k - room);
    let byte = physical_load(pa, 0, va + u64(k));
    if (ld32(TRAPPED)) return 0L;
    value = value | byte << u64(k << 3);
    k = k + 1;
  }
  return value;
}

fn store(va:i64, log:i32, value:i64):void {
  let size = 1 << log;
  let room = 4096 - (i32(va) & 4095);
  if (size > room) { store_crossing(va, size, room, value); return; }
  let pa = translate(va, u64(size), 1);
  if (pa == -1L) return;
  if (pa - RAM_BASE <u RAM_BYTES) {
    if (ld32(PAGE_SLOTS + (i32(pa - RAM_BASE >>> 12L) << 2)) == 0) tlb_insert(va, i32(pa - RAM_BASE) + RAM, 1);
  }
  physical_store(pa, log, value, va);
}

fn store_crossing(va:i64, size:i32, room:i32, value:i64):void {
  let first = translate(va, u64(room), 1);
  if (first == -1L) return;
  let second = translate(va + u64(room), u64(size - room), 1);
  if (second == -1L) return;
  let k = 0;
  while (k < size) {
    let pa = first + u64(k);
    if (k >= room) pa = second + u64(k - room);
    physical_store(pa, 0, value >>> u64(k << 3), va + u64(k));
    if (ld32(TRAPPED)) return;
    k = k + 1;
  }
}

// Host address for LR (access 0), SC and AMO (access 1), or 0 with the trap raised: aligned, and in RAM
fn atomic_address(va:i64, log:i32, access:i32):i32 {
  let size = 1 << log;
  if ((i32(va) & size - 1) != 0) { raise(select(access, 6L, 4L), va); return 0; }
  let pa = translate(va, u64(size), access);
  if (pa == -1L) return 0;
  if (pa - RAM_BASE >=u RAM_BYTES) { access_fault(va, access); return 0; }
  let host = i32(pa - RAM_BASE) + RAM;
  let slot = ld32(PAGE_SLOTS + (i32(pa - RAM_BASE >>> 12L) << 2));
  // the write is not seen here: a page of code that has atomics in it is not worth more
  if (access && slot) slot_drop(slot);
  if (access) page_dirty(host);
  tlb_insert(va, host, access);
  return host;
}
`,
};
