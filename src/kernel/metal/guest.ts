/*
 * A guest: S and U mode in its own memory, driven by the partition's own VMM in U-mode. Both run in the partition's windows
 * and under its name. The VMM asks VCPU_RUN; the call returns at each trap that the guest may not take itself.
 *
 * The guest's registers lie in its VMM's message page, where the trap stub saves and loads them: whatever the VMM writes there
 * harms nobody but its guest. What decides about others (mode, memory, delegation, time) is the kernel's own.
 */
import { MAX_PARTITIONS } from '../core/core.ts';
import { mtime } from './board.ts';
import { confineGuest, dataOf } from './regions.ts';
import type { Regions } from './regions.ts';
import {
  add64,
  addressOf,
  and64,
  below64,
  csrClear,
  csrRead,
  csrSet,
  csrWrite,
  load64,
  or64,
  store64,
  word,
} from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

// ---- control and status registers (Privileged ISA, tables 2.1 to 2.6)
const SCOUNTEREN = 0x106;
const STVEC = 0x105;
const SSCRATCH = 0x140;
const SEPC = 0x141;
const SCAUSE = 0x142;
const STVAL = 0x143;
const SATP = 0x180;
export const MSTATUS = 0x300;
const MEDELEG = 0x302;
const MIDELEG = 0x303;
export const MIE = 0x304;
export const MCOUNTEREN = 0x306;
export const MCAUSE = 0x342;
export const MTVAL = 0x343;
const MIP = 0x344;
const SSIP = 0x2;
const STIP = 0x20;
const SEIP = 0x200;
const SUPERVISOR_INTERRUPTS = SSIP + STIP + SEIP;
/** mie, mip: the machine timer. */
export const MACHINE_TIMER = 0x80;
/** mstatus: MPP = S; of the rest the guest decides itself (SIE, SPIE, SPP, FS, SUM, MXR). */
const STATUS_OF_GUEST = 0x800;
const STATUS_SIE = 0x2;
const STATUS_SPIE = 0x20;
const STATUS_SPP = 0x100;
const STATUS_MPP = 0x1800;
/** All exceptions but access faults, which are devices or attacks, and the call of S-mode, which is SBI's. */
const TO_GUEST = 0xb15d;
const COUNTERS = 7;

// ---- the virtual CPU in the VMM's message page: pc, x1 to x31, then these 64-bit words (docs/design/metal.md)
const VCPU = 3072;
const V_CAUSE = VCPU + 256;
const V_TVAL = VCPU + 264;
const V_SATP = VCPU + 272;
const V_TIMER = VCPU + 280;
/** Flags of VCPU_RUN. */
const SET_TIMER = 1;
const REFLECT = 2;
const SET_SOFTWARE = 4;
const SET_EXTERNAL = 8;
const CLEAR_EXTERNAL = 16;
/** VCPU_RUN's result beside the causes of exceptions: something has come for the partition. */
const CAUSE_WAKE = -1;

/** Saved registers of a guest, 64 bits each. */
const S_STATUS = 0;
const S_TIMER = 8;
const S_ENABLED = 16;
const S_PENDING = 24;
const S_TABLE = 32;
const S_VECTOR = 40;
const S_SCRATCH = 48;
const S_PC = 56;
const S_CAUSE = 64;
const S_VALUE = 72;
const S_COUNTERS = 80;
const SAVED_BYTES = 96;
export const SAVED_WORDS = MAX_PARTITIONS * 24;
const NO_GUEST = -1;

export class Guests {
  /** The guest whose supervisor registers the hart holds; -1: none. */
  resident = 0;
  /** Whether the guest itself is what traps now. */
  isGuest = 0;
  /** 1: the partition's guest goes on in its next window, else its VMM. */
  readonly guestRuns = new Int32Array(MAX_PARTITIONS);
  readonly saved = new Int32Array(SAVED_WORDS);
}

export function vcpuOf(r: Regions, p: number): Word {
  return add64(dataOf(r, p), word(VCPU));
}
function savedOf(g: Guests, p: number): Word {
  return add64(addressOf(g.saved), word(p * SAVED_BYTES));
}
function keep(g: Guests, p: number, at: number, value: Word): void {
  store64(add64(savedOf(g, p), word(at)), value);
}
function kept(g: Guests, p: number, at: number): Word {
  return load64(add64(savedOf(g, p), word(at)));
}

export function prepareGuests(g: Guests): void {
  g.resident = NO_GUEST;
  csrWrite(SATP, word(0));
  csrWrite(MEDELEG, word(0));
  csrWrite(MIDELEG, word(0));
}
/** A new life: a machine after reset. */
export function resetGuest(g: Guests, p: number): void {
  for (let at = 0; at < SAVED_BYTES; at++) if ((at & 7) === 0) keep(g, p, at, word(0));
  keep(g, p, S_STATUS, word(STATUS_OF_GUEST));
  keep(g, p, S_TIMER, word(-1));
  g.guestRuns[p] = 0;
  if (g.resident === p) g.resident = NO_GUEST;
}

/** The supervisor registers of another guest, or of one that begins: nothing of the one before remains. */
function makeResident(g: Guests, p: number): void {
  const old = g.resident;
  if (old >= 0) {
    keep(g, old, S_VECTOR, csrRead(STVEC));
    keep(g, old, S_SCRATCH, csrRead(SSCRATCH));
    keep(g, old, S_PC, csrRead(SEPC));
    keep(g, old, S_CAUSE, csrRead(SCAUSE));
    keep(g, old, S_VALUE, csrRead(STVAL));
    keep(g, old, S_COUNTERS, csrRead(SCOUNTEREN));
    keep(g, old, S_PENDING, and64(csrRead(MIP), word(SUPERVISOR_INTERRUPTS)));
  }
  csrWrite(STVEC, kept(g, p, S_VECTOR));
  csrWrite(SSCRATCH, kept(g, p, S_SCRATCH));
  csrWrite(SEPC, kept(g, p, S_PC));
  csrWrite(SCAUSE, kept(g, p, S_CAUSE));
  csrWrite(STVAL, kept(g, p, S_VALUE));
  csrWrite(SCOUNTEREN, kept(g, p, S_COUNTERS));
  csrClear(MIP, word(SUPERVISOR_INTERRUPTS));
  csrSet(MIP, kept(g, p, S_PENDING));
  g.resident = p;
}
/** Of the hart of p, whose regions are in force, to its guest. */
export function enterGuest(r: Regions, g: Guests, p: number): Word {
  if (g.resident !== p) makeResident(g, p);
  timerOfGuest(g, p);
  csrWrite(MEDELEG, word(TO_GUEST));
  csrWrite(MIDELEG, word(SUPERVISOR_INTERRUPTS));
  csrWrite(MIE, or64(kept(g, p, S_ENABLED), word(MACHINE_TIMER)));
  csrWrite(MCOUNTEREN, word(COUNTERS));
  csrWrite(SATP, kept(g, p, S_TABLE));
  csrWrite(MSTATUS, kept(g, p, S_STATUS));
  confineGuest(r, p, true);
  g.isGuest = 1;
  return vcpuOf(r, p);
}
/** Nothing of S-mode acts on a U-mode program: no delegation, no translation, no supervisor interrupts. */
export function leaveGuest(r: Regions, g: Guests, p: number): void {
  keep(g, p, S_STATUS, csrRead(MSTATUS));
  keep(g, p, S_ENABLED, and64(csrRead(MIE), word(SUPERVISOR_INTERRUPTS)));
  keep(g, p, S_TABLE, csrRead(SATP));
  csrWrite(SATP, word(0));
  csrWrite(MEDELEG, word(0));
  csrWrite(MIDELEG, word(0));
  csrWrite(MIE, word(MACHINE_TIMER));
  csrWrite(MCOUNTEREN, word(0));
  confineGuest(r, p, false);
  g.isGuest = 0;
}
/** The guest has trapped, and has been left: its VMM is told why. */
export function tellVmm(r: Regions, g: Guests, p: number): void {
  const page = dataOf(r, p);
  store64(add64(page, word(V_CAUSE)), csrRead(MCAUSE));
  store64(add64(page, word(V_TVAL)), csrRead(MTVAL));
  store64(add64(page, word(V_SATP)), kept(g, p, S_TABLE));
  g.guestRuns[p] = 0;
}
export function wakeVmm(g: Guests, p: number): number {
  g.guestRuns[p] = 0;
  return CAUSE_WAKE;
}

/** The guest's timer, when it is due: a pending interrupt. */
export function timerOfGuest(g: Guests, p: number): void {
  if (below64(mtime(), kept(g, p, S_TIMER))) return;
  keep(g, p, S_TIMER, word(-1));
  csrSet(MIP, word(STIP));
}
/** The earlier one of that time and the timer of p's guest. */
export function beforeTimer(g: Guests, p: number, at: Word): Word {
  const timer = kept(g, p, S_TIMER);
  return below64(timer, at) ? timer : at;
}
/** VCPU_RUN's flags, carried out before the guest goes on. */
export function vcpuRun(r: Regions, g: Guests, p: number, flags: number): void {
  const page = dataOf(r, p);
  if (g.resident !== p) makeResident(g, p);
  if ((flags & SET_TIMER) !== 0) {
    keep(g, p, S_TIMER, load64(add64(page, word(V_TIMER))));
    csrClear(MIP, word(STIP));
  }
  if ((flags & SET_SOFTWARE) !== 0) csrSet(MIP, word(SSIP));
  if ((flags & SET_EXTERNAL) !== 0) csrSet(MIP, word(SEIP));
  if ((flags & CLEAR_EXTERNAL) !== 0) csrClear(MIP, word(SEIP));
  if ((flags & REFLECT) !== 0) reflect(r, g, p);
  g.guestRuns[p] = 1;
}
/** An exception as the guest's S-mode would have taken it (Privileged ISA 3.1.6.1, 4.1). */
function reflect(r: Regions, g: Guests, p: number): void {
  const page = dataOf(r, p);
  const vcpu = vcpuOf(r, p);
  const old = kept(g, p, S_STATUS);
  const cleared = and64(old, word(~(STATUS_MPP | STATUS_SPP | STATUS_SPIE | STATUS_SIE)));
  let status = or64(cleared, word(STATUS_OF_GUEST));
  if (and64(old, word(STATUS_MPP)) !== word(0)) status = or64(status, word(STATUS_SPP));
  if (and64(old, word(STATUS_SIE)) !== word(0)) status = or64(status, word(STATUS_SPIE));
  keep(g, p, S_STATUS, status);
  csrWrite(SCAUSE, load64(add64(page, word(V_CAUSE))));
  csrWrite(SEPC, load64(vcpu));
  csrWrite(STVAL, load64(add64(page, word(V_TVAL))));
  store64(vcpu, and64(csrRead(STVEC), word(-4)));
}
