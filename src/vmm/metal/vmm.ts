/*
 * The VMM of a guest on bare metal: a U-mode program of the guest's own partition. It starts the guest, answers SBI 2.0 (base, time,
 * IPI, remote fences of the one hart, system reset, debug console), and emulates the console's UART. It sees its guest's memory and
 * its own, and nothing else. In the language of metal programs.
 */
import { exit } from 'virtsec/sdk/bare';
import {
  add64,
  below64,
  ecall,
  load64,
  load8,
  low,
  store64,
  store8,
  sub64,
  symbol,
  word,
} from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';
import { flush, receiveByte, serialRead, serialWrite, transmit } from './serial.ts';
import type { Serial } from './serial.ts';
import { instructionAt, isGuests, translate } from './translate.ts';

// ---- the virtual CPU in the message page, and the kernel's call (docs/design/metal.md)
const OP_VCPU_RUN = 33;
const VCPU = 3072;
const PC = 0;
const A0 = 10;
const A1 = 11;
const A2 = 12;
const A6 = 16;
const A7 = 17;
const V_TVAL = 33;
const V_SATP = 34;
const V_TIMER = 35;
const SET_TIMER = 1;
const REFLECT = 2;
const SET_SOFTWARE = 4;
/** Results of VCPU_RUN: a cause of Privileged ISA table 3.6; -1: something came for this partition; -2: the system ends. */
const CAUSE_WAKE = -1;
const CAUSE_END = -2;
const CAUSE_LOAD_ACCESS = 5;
const CAUSE_STORE_ACCESS = 7;
const CAUSE_SUPERVISOR_CALL = 9;

// ---- SBI 2.0: extensions, errors
const EID_BASE = 0x10;
const EID_TIME = 0x54494d45;
const EID_IPI = 0x735049;
const EID_RFENCE = 0x52464e43;
const EID_SRST = 0x53525354;
const EID_DBCN = 0x4442434e;
const NOT_SUPPORTED = -2;
const INVALID_PARAM = -3;
const SPECIFICATION = 0x2000000;
/** "vs": not in the specification's list. */
const IMPLEMENTATION = 0x7673;
/** Bytes of one call of the debug console. */
const MOST_BYTES = 4096;

const UART = 0x10000000;
const UART_BYTES = 8;
/** The standard error and failure of the reset extension: what the guest's partition ends with. */
const FAILURE = 1;

export class Vmm {
  exits = 0;
  accesses = 0;
}

function at(index: number): Word {
  return add64(symbol('page'), word(VCPU + index * 8));
}
function register(index: number): Word {
  return load64(at(index));
}
function setRegister(index: number, value: Word): void {
  store64(at(index), value);
}

// ---- SBI
function answer(error: number, value: number): number {
  setRegister(A0, word(error));
  setRegister(A1, word(value));
  return 0;
}
function isKnown(extension: number): boolean {
  return (
    extension === EID_BASE ||
    extension === EID_TIME ||
    extension === EID_IPI ||
    extension === EID_RFENCE ||
    extension === EID_SRST ||
    extension === EID_DBCN
  );
}
function base(f: number, a0: number): number {
  if (f === 0) return answer(0, SPECIFICATION);
  if (f === 1) return answer(0, IMPLEMENTATION);
  if (f === 2) return answer(0, 1);
  if (f === 3) return answer(0, isKnown(a0) ? 1 : 0);
  return f < 7 ? answer(0, 0) : answer(NOT_SUPPORTED, 0);
}
/** Debug console (SBI 2.0, chapter 12): write, read, write one byte. */
function console_(u: Serial, f: number): number {
  const bytes = register(A0);
  const address = register(A1);
  if (f === 2) {
    transmit(u, low(bytes) & 255);
    return answer(0, 0);
  }
  if (f > 2) return answer(NOT_SUPPORTED, 0);
  if (low(register(A2)) !== 0 || !isGuests(address, bytes)) return answer(INVALID_PARAM, 0);
  const n = below64(bytes, word(MOST_BYTES)) ? low(bytes) : MOST_BYTES;
  if (f === 0) {
    for (let i = 0; i < n; i++) transmit(u, load8(add64(address, word(i))));
    return answer(0, n);
  }
  for (let i = 0; i < n; i++) {
    const byte = receiveByte();
    if (byte < 0) return answer(0, i);
    store8(add64(address, word(i)), byte);
  }
  return answer(0, n);
}
/** Flags for the next VCPU_RUN. */
function supervisorCall(u: Serial): number {
  const extension = low(register(A7));
  const f = low(register(A6));
  setRegister(PC, add64(register(PC), word(4)));
  if (extension === EID_TIME && f === 0) {
    setRegister(V_TIMER, register(A0));
    answer(0, 0);
    flush(u);
    return SET_TIMER;
  }
  if (extension === EID_IPI && f === 0) {
    answer(0, 0);
    return SET_SOFTWARE;
  }
  // One hart, and every switch from the VMM to the guest fences translations; it fetches anew after fence.i of its own.
  if (extension === EID_RFENCE && f < 3) return answer(0, 0);
  if (extension === EID_DBCN) return console_(u, f);
  if (extension === EID_SRST && f === 0) {
    flush(u);
    exit(low(register(A1)) === 0 ? 0 : FAILURE);
  }
  if (extension === EID_BASE) return base(f, low(register(A0)));
  return answer(NOT_SUPPORTED, 0);
}

// ---- accesses that PMP refused: the UART, or nothing that the guest has
const OPCODE_LOAD = 0x03;
const OPCODE_STORE = 0x23;
function access(s: Vmm, u: Serial): number {
  const satp = register(V_SATP);
  const offset = sub64(translate(satp, register(V_TVAL)), word(UART));
  if (!below64(offset, word(UART_BYTES))) return REFLECT;
  const instruction = instructionAt(satp, register(PC));
  let length = 4;
  let isStore = (instruction & 0x7f) === OPCODE_STORE;
  let r = isStore ? (instruction >> 20) & 31 : (instruction >> 7) & 31;
  if ((instruction & 3) === 0) {
    // c.lw, c.ld, c.sw, c.sd (Unprivileged ISA, "C" extension)
    length = 2;
    isStore = (instruction & 0x8000) !== 0;
    r = 8 + ((instruction >> 2) & 7);
  } else if (!isStore && (instruction & 0x7f) !== OPCODE_LOAD) {
    return REFLECT;
  }
  s.accesses += 1;
  if (isStore) serialWrite(u, low(offset), r === 0 ? 0 : low(register(r)) & 255);
  else {
    const value = serialRead(u, low(offset));
    if (r !== 0) setRegister(r, word(value));
  }
  setRegister(PC, add64(register(PC), word(length)));
  return 0;
}

const ROUNDS = 0x7fff_ffff;
export function main(s: Vmm, u: Serial, _restarts: number, _startKind: number): number {
  setRegister(PC, symbol('guestEntry'));
  setRegister(A1, symbol('guestTree'));
  setRegister(V_TIMER, word(-1));
  let flags = SET_TIMER;
  for (let round = 0; round < ROUNDS; round++) {
    const cause = ecall(OP_VCPU_RUN, flags, 0, 0);
    flags = 0;
    s.exits += 1;
    if (cause === CAUSE_SUPERVISOR_CALL) flags = supervisorCall(u);
    else if (cause === CAUSE_LOAD_ACCESS || cause === CAUSE_STORE_ACCESS) flags = access(s, u);
    else if (cause === CAUSE_WAKE) flush(u);
    else if (cause === CAUSE_END) {
      flush(u);
      exit(0);
    } else flags = REFLECT;
  }
  return FAILURE;
}
