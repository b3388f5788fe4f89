// Interrupts, exceptions and returns from them (Privileged ISA 3.1.6 to 3.1.15, 3.3, 4.1).

import type { Source } from '../wasm/language.ts';

export const trap: Source = {
  file: 'privileged/trap',
  text: `
fn mip():i64 {
  let soft = ald32(SOFT);
  // with Sstc STIP is what stimecmp makes it, whatever was written before
  if (ld64(MENVCFG) >>> 63L != 0L) soft = soft & ~0x20;
  return u64(ald32(LINES) | soft | ld32(TIMER_PENDING));
}

// the enabled interrupts that would be taken now: those for M-mode, or else those delegated to S-mode
fn deliverable():i64 {
  let pending = mip() & ld64(MIE);
  if (pending == 0L) return 0L;
  let mode = ld32(MODE);
  let status = ld64(MSTATUS);
  let delegated = ld64(MIDELEG);
  let machine = pending & ~delegated;
  if (machine != 0L && (mode < 3 || (status & 8L) != 0L)) return machine;
  let supervisor = pending & delegated;
  if (supervisor != 0L && (mode == 0 || mode == 1 && (status & 2L) != 0L)) return supervisor;
  return 0L;
}
// something that interrupts depend on has changed
fn attend():void { st32(ATTENTION, deliverable() != 0L || ld32(STOP) != 0 || ald32(REQUEST) != 0); }

// stimecmp against the time (Sstc): STIP is set as long as time >= stimecmp
fn timer_check():void {
  let pending = 0;
  if ((ld64(MENVCFG) >>> 63L) != 0L) { if (time() >=u ld64(STIMECMP)) pending = 0x20; }
  st32(TIMER_PENDING, pending);
  attend();
}

// pc after a trap at pc. Bit 63 of cause: an interrupt.
fn enter(cause:i64, tval:i64, pc:i64):i64 {
  let mode = ld32(MODE);
  let status = ld64(MSTATUS);
  let interrupt = cause < 0L;
  let count = EXCEPTIONS;
  if (interrupt) count = INTERRUPTS;
  st64(count, ld64(count) + 1L);
  let code = cause & 63L;
  let delegated = ld64(MEDELEG);
  if (interrupt) delegated = ld64(MIDELEG);
  let vector = ld64(MTVEC);
  st32(TRAPPED, 0);
  if (mode <= 1 && (delegated >>> code & 1L) != 0L) {
    st64(SEPC, pc);
    st64(SCAUSE, cause);
    st64(STVAL, tval);
    // SPIE = SIE, SIE = 0, SPP = mode
    st64(MSTATUS, status & ~0x122L | (status & 2L) << 4L | u64(mode << 8));
    st32(MODE, 1);
    vector = ld64(STVEC);
  } else {
    st64(MEPC, pc);
    st64(MCAUSE, cause);
    st64(MTVAL, tval);
    // MPIE = MIE, MIE = 0, MPP = mode
    st64(MSTATUS, status & ~0x1888L | (status & 8L) << 4L | u64(mode << 11));
    st32(MODE, 3);
  }
  mode_changed();
  attend();
  if ((vector & 1L) != 0L && interrupt) return (vector & ~3L) + (code << 2L);
  return vector & ~3L;
}

// the raised exception, by the instruction at pc, which does not retire
fn exception(pc:i64):i64 {
  st32(UNRETIRED, ld32(UNRETIRED) + 1);
  return enter(ld64(CAUSE), ld64(TVAL), pc);
}
fn illegal(pc:i64, bits:i32):i64 {
  raise(2L, u64(bits));
  return exception(pc);
}

// takes the interrupt that is due, if one is. Priority: MEI, MSI, MTI, SEI, SSI, STI (Privileged ISA 3.1.9).
fn interrupt(pc:i64):i64 {
  let due = deliverable();
  if (due == 0L) return pc;
  let code = 5L;
  if ((due & 2L) != 0L) code = 1L;
  if ((due & 0x200L) != 0L) code = 9L;
  if ((due & 0x80L) != 0L) code = 7L;
  if ((due & 8L) != 0L) code = 3L;
  if ((due & 0x800L) != 0L) code = 11L;
  return enter(code | 1L << 63L, 0L, pc);
}

fn ecall(pc:i64):i64 {
  let mode = ld32(MODE);
  if (mode == 1 && ld64(FIRMWARE) != 0L) {
    // the VMM is the firmware: it returns to the next instruction
    st32(STOP, STOP_FIRMWARE);
    st32(ATTENTION, 1);
    return pc + 4L;
  }
  raise(u64(mode + 8), 0L);
  return exception(pc);
}

fn ebreak(pc:i64):i64 {
  if (ld64(DEBUG) != 0L) {
    // the debugger's: pc stays, and the instruction does not retire
    st32(UNRETIRED, ld32(UNRETIRED) + 1);
    st32(STOP, STOP_BREAKPOINT);
    st32(ATTENTION, 1);
    return pc;
  }
  raise(3L, 0L);
  return exception(pc);
}

fn mret():i64 {
  let status = ld64(MSTATUS);
  let mode = i32(status >>> 11L) & 3;
  // MIE = MPIE, MPIE = 1, MPP = U; MPRV is cleared on the way out of M-mode
  let next = status & ~0x1888L | (status & 0x80L) >>> 4L | 0x80L;
  if (mode != 3) next = next & ~0x20000L;
  st64(MSTATUS, next);
  st32(MODE, mode);
  mode_changed();
  attend();
  return ld64(MEPC);
}
fn sret():i64 {
  let status = ld64(MSTATUS);
  // SIE = SPIE, SPIE = 1, SPP = U, MPRV = 0
  st64(MSTATUS, status & ~0x20122L | (status & 0x20L) >>> 4L | 0x20L);
  st32(MODE, i32(status >>> 8L) & 1);
  mode_changed();
  attend();
  return ld64(SEPC);
}
// 1 when these are allowed in the current mode: TSR bit 22, TVM bit 20, TW bit 21 (Privileged ISA 3.1.6.5)
fn may_sret():i32 { return ld32(MODE) == 3 || ld32(MODE) == 1 && (ld64(MSTATUS) & 0x400000L) == 0L; }
fn may_sfence():i32 { return ld32(MODE) == 3 || ld32(MODE) == 1 && (ld64(MSTATUS) & 0x100000L) == 0L; }
fn may_wfi():i32 { return ld32(MODE) == 3 || ld32(MODE) == 1 && (ld64(MSTATUS) & 0x200000L) == 0L; }

// WFI ends at once when an enabled interrupt is pending, whether or not it would be taken
fn wfi():void {
  if ((mip() & ld64(MIE)) == 0L) { st32(STOP, STOP_WFI); st32(ATTENTION, 1); }
}
`,
};
