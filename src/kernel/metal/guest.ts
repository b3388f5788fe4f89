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
  loadFloat,
  or64,
  store64,
  storeFloat,
  symbol,
  word,
} from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

// ---- control and status registers (Privileged ISA, tables 2.1 to 2.6)
const FCSR = 0x003;
const SCOUNTEREN = 0x106;
const STVEC = 0x105;
const SENVCFG = 0x10a;
const SSCRATCH = 0x140;
const SEPC = 0x141;
const SCAUSE = 0x142;
const STVAL = 0x143;
const SATP = 0x180;
export const MSTATUS = 0x300;
const MISA = 0x301;
const MEDELEG = 0x302;
const MIDELEG = 0x303;
export const MIE = 0x304;
const MTVEC = 0x305;
export const MCOUNTEREN = 0x306;
const MENVCFG = 0x30a;
export const MCAUSE = 0x342;
export const MTVAL = 0x343;
export const MIP = 0x344;
// Of the hypervisor extension, which no guest is offered: what its S-mode could keep there is cleared for the next one.
const HSTATUS = 0x600;
const HEDELEG = 0x602;
const HIDELEG = 0x603;
const HIE = 0x604;
const HTIMEDELTA = 0x605;
const HCOUNTEREN = 0x606;
const HGEIE = 0x607;
const HENVCFG = 0x60a;
const HTVAL = 0x643;
const HVIP = 0x645;
const HTINST = 0x64a;
const HGATP = 0x680;
const VSSTATUS = 0x200;
const VSTVEC = 0x205;
const VSSCRATCH = 0x240;
const VSEPC = 0x241;
const VSCAUSE = 0x242;
const VSTVAL = 0x243;
const VSATP = 0x280;
/** misa. */
const EXTENSION_H = 0x80;
const EXTENSION_V = 0x20_0000;
const SSIP = 0x2;
const STIP = 0x20;
const SEIP = 0x200;
const SUPERVISOR_INTERRUPTS = SSIP + STIP + SEIP;
/** mie, mip: the machine timer. */
export const MACHINE_TIMER = 0x80;
/** mie, mip: machine external interrupt. */
export const MACHINE_EXTERNAL = 0x800;
/** mstatus: MPP = S; of the rest the guest decides itself (SIE, SPIE, SPP, FS, SUM, MXR). */
const STATUS_OF_GUEST = 0x800;
const STATUS_SIE = 0x2;
const STATUS_SPIE = 0x20;
const STATUS_SPP = 0x100;
const STATUS_MPP = 0x1800;
/** mstatus.FS: what is not 0 lets us use the registers. */
const STATUS_FS = 0x6000;
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
/** The VMM has something left to do: at the partition's next turn it goes on first. */
const CALL_BACK = 32;
/** VCPU_RUN's result beside the causes of exceptions: something has come for the partition. */
const CAUSE_WAKE = -1;
/** The system ends: the VMM passes on what it has, and says EXIT. */
const CAUSE_END = -2;

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
const S_ENVIRONMENT = 88;
const S_FCSR = 96;
/** f0 to f31. */
const S_FLOATS = 104;
const SAVED_BYTES = 360;
const SAVED_EACH = 90;
export const SAVED_WORDS = MAX_PARTITIONS * SAVED_EACH;
const NO_GUEST = -1;

export class Guests {
  /** The guest whose supervisor registers the hart holds; -1: none. */
  resident = 0;
  /** mie's bits of M-mode for what runs now. */
  enabled = 0;
  /** Whether the hart has senvcfg, and the hypervisor extension. */
  hasEnvironment = 0;
  hasHypervisor = 0;
  /** Whether the guest itself is what traps now. */
  isGuest = 0;
  /** 1: the partition's guest goes on in its next window, else its VMM. */
  readonly guestRuns = new Int32Array(MAX_PARTITIONS);
  /** 1: but its VMM goes on first. */
  readonly callsBack = new Int32Array(MAX_PARTITIONS);
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

/** Whether the hart has senvcfg and menvcfg (Privileged ISA 1.12): a trap here says that it has not. */
function hasEnvironmentRegisters(): boolean {
  const vector = csrRead(MTVEC);
  csrWrite(MTVEC, symbol('stub.absent'));
  csrWrite(MCAUSE, word(0));
  // No timer and no cache operation that we do not know of.
  csrWrite(MENVCFG, word(0));
  csrWrite(SENVCFG, word(0));
  csrWrite(MTVEC, vector);
  return csrRead(MCAUSE) === word(0);
}
/** What guests could keep for one another and is not switched: false if the hart has it and it cannot be switched off. */
export function guestsCanBeApart(): boolean {
  csrClear(MISA, word(EXTENSION_V));
  return and64(csrRead(MISA), word(EXTENSION_V)) === word(0);
}
export function prepareGuests(g: Guests): void {
  g.resident = NO_GUEST;
  g.hasEnvironment = hasEnvironmentRegisters() ? 1 : 0;
  g.hasHypervisor = and64(csrRead(MISA), word(EXTENSION_H)) === word(0) ? 0 : 1;
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

// All of them at every change of guests: whether the guest has written any, mstatus.FS does not say, because the guest writes it.
function keepFloats(g: Guests, p: number): void {
  const at = add64(savedOf(g, p), word(S_FLOATS));
  storeFloat(0, at);
  storeFloat(1, at);
  storeFloat(2, at);
  storeFloat(3, at);
  storeFloat(4, at);
  storeFloat(5, at);
  storeFloat(6, at);
  storeFloat(7, at);
  storeFloat(8, at);
  storeFloat(9, at);
  storeFloat(10, at);
  storeFloat(11, at);
  storeFloat(12, at);
  storeFloat(13, at);
  storeFloat(14, at);
  storeFloat(15, at);
  storeFloat(16, at);
  storeFloat(17, at);
  storeFloat(18, at);
  storeFloat(19, at);
  storeFloat(20, at);
  storeFloat(21, at);
  storeFloat(22, at);
  storeFloat(23, at);
  storeFloat(24, at);
  storeFloat(25, at);
  storeFloat(26, at);
  storeFloat(27, at);
  storeFloat(28, at);
  storeFloat(29, at);
  storeFloat(30, at);
  storeFloat(31, at);
  keep(g, p, S_FCSR, csrRead(FCSR));
}
function giveFloats(g: Guests, p: number): void {
  const at = add64(savedOf(g, p), word(S_FLOATS));
  loadFloat(0, at);
  loadFloat(1, at);
  loadFloat(2, at);
  loadFloat(3, at);
  loadFloat(4, at);
  loadFloat(5, at);
  loadFloat(6, at);
  loadFloat(7, at);
  loadFloat(8, at);
  loadFloat(9, at);
  loadFloat(10, at);
  loadFloat(11, at);
  loadFloat(12, at);
  loadFloat(13, at);
  loadFloat(14, at);
  loadFloat(15, at);
  loadFloat(16, at);
  loadFloat(17, at);
  loadFloat(18, at);
  loadFloat(19, at);
  loadFloat(20, at);
  loadFloat(21, at);
  loadFloat(22, at);
  loadFloat(23, at);
  loadFloat(24, at);
  loadFloat(25, at);
  loadFloat(26, at);
  loadFloat(27, at);
  loadFloat(28, at);
  loadFloat(29, at);
  loadFloat(30, at);
  loadFloat(31, at);
  csrWrite(FCSR, kept(g, p, S_FCSR));
}
function clearHypervisor(): void {
  csrWrite(HSTATUS, word(0));
  csrWrite(HEDELEG, word(0));
  csrWrite(HIDELEG, word(0));
  csrWrite(HIE, word(0));
  csrWrite(HTIMEDELTA, word(0));
  csrWrite(HCOUNTEREN, word(0));
  csrWrite(HGEIE, word(0));
  csrWrite(HENVCFG, word(0));
  csrWrite(HTVAL, word(0));
  csrWrite(HVIP, word(0));
  csrWrite(HTINST, word(0));
  csrWrite(HGATP, word(0));
  csrWrite(VSSTATUS, word(0));
  csrWrite(VSTVEC, word(0));
  csrWrite(VSSCRATCH, word(0));
  csrWrite(VSEPC, word(0));
  csrWrite(VSCAUSE, word(0));
  csrWrite(VSTVAL, word(0));
  csrWrite(VSATP, word(0));
}
/** The registers of another guest, or of one that begins: nothing of the one before remains. */
function makeResident(g: Guests, p: number): void {
  const old = g.resident;
  csrSet(MSTATUS, word(STATUS_FS));
  if (old >= 0) {
    keep(g, old, S_VECTOR, csrRead(STVEC));
    keep(g, old, S_SCRATCH, csrRead(SSCRATCH));
    keep(g, old, S_PC, csrRead(SEPC));
    keep(g, old, S_CAUSE, csrRead(SCAUSE));
    keep(g, old, S_VALUE, csrRead(STVAL));
    keep(g, old, S_COUNTERS, csrRead(SCOUNTEREN));
    keep(g, old, S_PENDING, and64(csrRead(MIP), word(SUPERVISOR_INTERRUPTS)));
    if (g.hasEnvironment === 1) keep(g, old, S_ENVIRONMENT, csrRead(SENVCFG));
    keepFloats(g, old);
  }
  if (g.hasEnvironment === 1) csrWrite(SENVCFG, kept(g, p, S_ENVIRONMENT));
  if (g.hasHypervisor === 1) clearHypervisor();
  giveFloats(g, p);
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
  csrWrite(MIE, or64(kept(g, p, S_ENABLED), word(g.enabled)));
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
  csrWrite(MIE, word(g.enabled));
  csrWrite(MCOUNTEREN, word(0));
  // hstatus.HU would let a program of U-mode load through the guest's tables.
  if (g.hasHypervisor === 1) csrWrite(HSTATUS, word(0));
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
export function wakeVmm(g: Guests, p: number, isEnding: boolean): number {
  g.guestRuns[p] = 0;
  return isEnding ? CAUSE_END : CAUSE_WAKE;
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
  g.callsBack[p] = (flags & CALL_BACK) !== 0 ? 1 : 0;
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
