// Control and status registers (Privileged ISA chapter 2 lists them). Where a field is WARL, what is kept is what QEMU 7.2's
// `rv64` keeps, unless that would be an extension that is not here.

import type { Source } from '../wasm/language.ts';

export const csr: Source = {
  file: 'privileged/csr',
  text: `
// An illegal access: the interpreter raises the exception, since it knows the instruction's bits.
fn denied():i64 { st32(TRAPPED, 2); return 0L; }

// The six CSR instructions. op: 1 write, 2 set, 3 clear; writes is 0 for set and clear with x0 or zero.
fn csr(n:i32, op:i32, operand:i64, writes:i32):i64 {
  let mode = ld32(MODE);
  if ((n >>> 8 & 3) > mode || writes && n >>> 10 == 3) return denied();
  let old = csr_read(n, mode);
  if (writes == 0 || ld32(TRAPPED)) return old;
  let base = old;
  // for read-modify-write SEIP is the software bit alone (Privileged ISA 3.1.9)
  if (n == 0x344) base = u64(ald32(SOFT)) & 0x200L | old & ~0x200L;
  let value = operand;
  let set = operand;
  let clear = ~operand;
  if (op == 2) { value = base | operand; clear = 0L; }
  if (op == 3) { value = base & ~operand; set = 0L; clear = operand; }
  csr_write(n, value, set, clear);
  return old;
}

fn status_read(mask:i64):i64 {
  let status = ld64(MSTATUS) & mask | 0x200000000L;
  if ((status & 0x6000L) == 0x6000L) status = status | 1L << 63L;
  return status;
}

fn csr_read(n:i32, mode:i32):i64 {
  if (n == 0x100) return status_read(0xc6122L);
  let group = n >>> 8;
  if (group == 1) {
    if (n == 0x104) return ld64(MIE) & ld64(MIDELEG);
    if (n == 0x105) return ld64(STVEC);
    if (n == 0x106) return ld64(SCOUNTEREN);
    if (n == 0x10a) return ld64(SENVCFG);
    if (n == 0x140) return ld64(SSCRATCH);
    if (n == 0x141) return ld64(SEPC);
    if (n == 0x142) return ld64(SCAUSE);
    if (n == 0x143) return ld64(STVAL);
    if (n == 0x144) return mip() & ld64(MIDELEG);
    if (n == 0x14d) { if (stimecmp_allowed(mode)) return ld64(STIMECMP); return denied(); }
    if (n == 0x180) { if (satp_allowed(mode)) return ld64(SATP); return denied(); }
    return denied();
  }
  if (group == 0) {
    if (n == 0 || n > 3 || (ld64(MSTATUS) & 0x6000L) == 0L) return denied();
    if (n == 1) return ld32u(FFLAGS);
    if (n == 2) return ld32u(FRM);
    return ld32u(FFLAGS) | ld32u(FRM) << 5L;
  }
  if (group == 0xc) {
    if (n >=u 0xc20 || counter_allowed(n & 31, mode) == 0) return denied();
    return counter(n & 31);
  }
  if (group == 3) {
    if (n == 0x300) return status_read(0x7e79aaL) | 0x800000000L;
    if (n == 0x301) return MISA;
    if (n == 0x302) return ld64(MEDELEG);
    if (n == 0x303) return ld64(MIDELEG);
    if (n == 0x304) return ld64(MIE);
    if (n == 0x305) return ld64(MTVEC);
    if (n == 0x306) return ld64(MCOUNTEREN);
    if (n == 0x30a) return ld64(MENVCFG);
    if (n == 0x320) return ld64(MCOUNTINHIBIT);
    if (n >= 0x323 && n <= 0x33f) return 0L;
    if (n == 0x340) return ld64(MSCRATCH);
    if (n == 0x341) return ld64(MEPC);
    if (n == 0x342) return ld64(MCAUSE);
    if (n == 0x343) return ld64(MTVAL);
    if (n == 0x344) return mip();
    if (n == 0x3a0) return ld64(PMP_CONFIGURATION);
    if (n == 0x3a2) return ld64(PMP_CONFIGURATION + 8);
    if (n >= 0x3b0 && n <= 0x3bf) return ld64(PMP_ADDRESS + ((n & 15) << 3));
    return denied();
  }
  if (group == 0xb) {
    if (n == 0xb01 || n >=u 0xb20) return denied();
    return counter(n & 31);
  }
  if (group == 0xf) {
    if (n == 0xf14) return HART_ID;
    if (n >= 0xf11 && n <= 0xf15) return 0L;
  }
  // tselect, tdata1..3: there are no triggers (Debug 5.2: type 0)
  if (n >= 0x7a0 && n <= 0x7a3) return 0L;
  return denied();
}

fn csr_write(n:i32, value:i64, set:i64, clear:i64):void {
  if (n == 0x100) { status_write(value, 0xc6122L); return; }
  let group = n >>> 8;
  if (group == 1) {
    if (n == 0x104) { let mask = ld64(MIDELEG); st64(MIE, ld64(MIE) & ~mask | value & mask); attend(); }
    else if (n == 0x105) { if ((value & 2L) == 0L) st64(STVEC, value); }
    else if (n == 0x106) st64(SCOUNTEREN, value & 0xffffffffL);
    else if (n == 0x10a) st64(SENVCFG, value & 1L);
    else if (n == 0x140) st64(SSCRATCH, value);
    else if (n == 0x141) st64(SEPC, value & ~1L);
    else if (n == 0x142) st64(SCAUSE, value);
    else if (n == 0x143) st64(STVAL, value);
    else if (n == 0x144) soft_write(set, clear, ld64(MIDELEG) & 2L);
    else if (n == 0x14d) { st64(STIMECMP, value); timer_check(); end_slice(); }
    else if (n == 0x180) satp_write(value);
    return;
  }
  if (group == 0) {
    if (n == 1) st32(FFLAGS, value & 31L);
    else if (n == 2) st32(FRM, value & 7L);
    else { st32(FFLAGS, value & 31L); st32(FRM, value >>> 5L & 7L); }
    st64(MSTATUS, ld64(MSTATUS) | 0x6000L);
    return;
  }
  if (group == 3) {
    if (n == 0x300) status_write(value, 0x7e79aaL);
    else if (n == 0x302) st64(MEDELEG, value & 0xb3ffL);
    else if (n == 0x303) { st64(MIDELEG, value & 0x222L); attend(); }
    else if (n == 0x304) { st64(MIE, value & 0xaaaL); attend(); }
    else if (n == 0x305) { if ((value & 2L) == 0L) st64(MTVEC, value); }
    else if (n == 0x306) st64(MCOUNTEREN, value & 0xffffffffL);
    else if (n == 0x30a) { st64(MENVCFG, value & 0x8000000000000001L); timer_check(); end_slice(); }
    else if (n == 0x320) inhibit_write(value & 5L);
    else if (n == 0x340) st64(MSCRATCH, value);
    else if (n == 0x341) st64(MEPC, value & ~1L);
    else if (n == 0x342) st64(MCAUSE, value);
    else if (n == 0x343) st64(MTVAL, value);
    else if (n == 0x344) {
      // with Sstc, stimecmp alone makes STIP
      let mask = 0x222L;
      if ((ld64(MENVCFG) >>> 63L) != 0L) mask = 0x202L;
      soft_write(set, clear, mask);
    }
    else if (n == 0x3a0) pmpcfg_write(0, value);
    else if (n == 0x3a2) pmpcfg_write(8, value);
    else if (n >= 0x3b0 && n <= 0x3bf) pmpaddr_write(n & 15, value);
    return;
  }
  // the written value is what the next instruction reads (Privileged ISA 3.1.10)
  if (n == 0xb00) st64(CYCLE_OFFSET, value - counted(1L));
  if (n == 0xb02) st64(INSTRET_OFFSET, value - counted(4L) - 1L);
}

fn status_write(value:i64, mask:i64):void {
  let old = ld64(MSTATUS);
  // MPP has no mode 2: such a write leaves it
  if ((value & 0x1800L) == 0x1000L) mask = mask & ~0x1800L;
  let new = old & ~mask | value & mask;
  st64(MSTATUS, new);
  let changed = old ^ new;
  if ((changed & 0x80000L) != 0L) tlb_flush();
  else if ((old & changed & 0x40000L) != 0L) tlb_flush_log(LOCAL_LOG, LOCAL_LOGGED);
  if ((changed & 0x21800L) != 0L) mode_changed();
  attend();
}

// bits of mip that software writes; other harts set them too
fn soft_write(set:i64, clear:i64, mask:i64):void {
  aand32(SOFT, ~i32(clear & mask));
  aor32(SOFT, i32(set & mask));
  attend();
}

fn satp_allowed(mode:i32):i32 { return mode == 3 || (ld64(MSTATUS) & 0x100000L) == 0L; }
fn stimecmp_allowed(mode:i32):i32 {
  return mode == 3 || (ld64(MCOUNTEREN) & 2L) != 0L && ld64(MENVCFG) >>> 63L != 0L;
}
// mcounteren lets S-mode read a counter, and scounteren with it U-mode
fn counter_allowed(k:i32, mode:i32):i32 {
  let enabled = -1L;
  if (mode < 3) enabled = ld64(MCOUNTEREN);
  if (mode < 1) enabled = enabled & ld64(SCOUNTEREN);
  return i32(enabled >>> u64(k)) & 1;
}

// instructions retired since reset, not counting the one that runs
fn retired():i64 {
  return ld64(RETIRED) + u64(ld32(SLICE) - ld32(FUEL) - ld32(UNRETIRED) - 1);
}
// what is added to the offsets: nothing while mcountinhibit holds the counter (its bit is given)
fn counted(bit:i64):i64 { return select((ld64(MCOUNTINHIBIT) & bit) != 0L, 0L, retired()); }
fn counter(k:i32):i64 {
  if (k == 0) return counted(1L) + ld64(CYCLE_OFFSET);
  if (k == 1) return time();
  if (k == 2) return counted(4L) + ld64(INSTRET_OFFSET);
  return 0L;
}
// a counter keeps its value when it stops and when it goes on
fn inhibit_write(value:i64):void {
  let cycle = counter(0);
  let instret = counter(2);
  st64(MCOUNTINHIBIT, value);
  st64(CYCLE_OFFSET, cycle - counted(1L));
  st64(INSTRET_OFFSET, instret - counted(4L));
}
`,
};
