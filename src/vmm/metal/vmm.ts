/*
 * The VMM of a guest on bare metal: a U-mode program of the guest's own partition. SBI, PLIC and UARTs are the files of the hosted VMM;
 * here is what carries the guest's exits to them. It sees its guest's memory and its own, and nothing else. In the language of metal
 * programs.
 */
import { OK, exit, reset, rest, streamBegin, wait } from 'virtsec/sdk/bare';
import {
  add64,
  below64,
  ecall,
  high,
  load64,
  low,
  pair,
  port,
  store64,
  sub64,
  symbol,
  word,
} from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';
import { U_LEVEL, UART_WORDS, uartRead, uartReset, uartSent, uartWrite } from '../devices/ns16550a.ts';
import { P_OUTPUT, PLIC_WORDS, plicRead, plicReset, plicSetLevel, plicWrite } from '../devices/plic.ts';
import {
  HSM_STARTED,
  SBI_AGAIN,
  SBI_IPI,
  SBI_POWER_OFF,
  SBI_RESET,
  SBI_SET_TIMER,
  SBI_STOP,
  SBI_SUSPEND,
  SBI_WORDS,
  S_ARG_HIGH,
  S_ARG_LOW,
  S_HSM,
  sbiCall,
  sbiReset,
} from '../firmware/sbi.ts';
import { drop, passIn, passOut, tell } from './lines.ts';
import { instructionAt, translate } from './translate.ts';

// ---- the virtual CPU in the message page, and the kernel's call (docs/design/metal.md)
const OP_VCPU_RUN = 33;
const VCPU = 3072;
const PC = 0;
const A0 = 10;
const A1 = 11;
const A7 = 17;
const V_TVAL = 33;
const V_SATP = 34;
const V_TIMER = 35;
const SET_TIMER = 1;
const REFLECT = 2;
const SET_SOFTWARE = 4;
const SET_EXTERNAL = 8;
const CLEAR_EXTERNAL = 16;
const CALL_BACK = 32;
/** Results of VCPU_RUN: a cause of Privileged ISA table 3.6; -1: something came for this partition; -2: the system ends. */
const CAUSE_WAKE = -1;
const CAUSE_END = -2;
const CAUSE_LOAD_ACCESS = 5;
const CAUSE_STORE_ACCESS = 7;
const CAUSE_SUPERVISOR_CALL = 9;

// ---- the board, QEMU's virt with a second UART (vmm/board/virt.ts)
const UART0 = 0x1000_0000;
const UART1 = 0x1000_9000;
const UART_BYTES = 8;
const UART0_SOURCE = 10;
const UART1_SOURCE = 12;
const PLIC = 0xc00_0000;
const PLIC_BYTES = 0x60_0000;
/** The PLIC's second context: hart 0, S-mode. */
const CONTEXT = 1;
/** Registers of the guest as pairs of words, x10 to x17 of them in use. */
const X_WORDS = 36;
/** Bytes that wait in a UART before they are passed on at once. */
const BATCH = 256;
/** Ticks: a reader that does not come in so long is gone, and what waits for it, too. */
const PATIENCE = 100000;
const LONG = 0x3fff_ffff;
/** What the guest's partition ends with when it cannot go on. */
const FAILURE = 1;
const HARTS = 1;

export class Vmm {
  exits = 0;
  accesses = 0;
  /** Of the next VCPU_RUN. */
  flags = 0;
  /** The guest's external interrupt, as the kernel was told. */
  line = 0;
  readonly uart0 = new Int32Array(UART_WORDS);
  readonly uart1 = new Int32Array(UART_WORDS);
  readonly plic = new Int32Array(PLIC_WORDS);
  readonly sbi = new Int32Array(SBI_WORDS);
  readonly x = new Int32Array(X_WORDS);
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

// ---- lines
/** Moves what waits, both ways, and tells the other sides. */
function pump(s: Vmm): void {
  const first = passOut(s.uart0, port('uart0')) + passIn(s.uart0, port('uart0'));
  if (first > 0) tell(port('uart0'));
  const second = passOut(s.uart1, port('uart1')) + passIn(s.uart1, port('uart1'));
  if (second > 0) tell(port('uart1'));
}
/** The levels of the UARTs to the PLIC, and its output to the guest. */
function settle(s: Vmm): void {
  plicSetLevel(s.plic, UART0_SOURCE, s.uart0[U_LEVEL]);
  plicSetLevel(s.plic, UART1_SOURCE, s.uart1[U_LEVEL]);
  const line = s.plic[P_OUTPUT + CONTEXT];
  if (line !== s.line) s.flags = s.flags | (line === 1 ? SET_EXTERNAL : CLEAR_EXTERNAL);
  s.line = line;
}

// ---- SBI
function end(s: Vmm, status: number): void {
  pump(s);
  exit(status);
}
function carryOut(s: Vmm, action: number): void {
  if (action === SBI_SET_TIMER) {
    setRegister(V_TIMER, pair(s.sbi[S_ARG_HIGH], s.sbi[S_ARG_LOW]));
    s.flags = s.flags | SET_TIMER;
    pump(s);
  }
  if (action === SBI_IPI && s.sbi[S_ARG_LOW] !== 0) s.flags = s.flags | SET_SOFTWARE;
  // It may go on at any time (SBI 2.0, 9.4): its next WFI waits.
  if (action === SBI_SUSPEND) s.sbi[S_HSM] = HSM_STARTED;
  if (action === SBI_STOP) for (let i = 0; i < LONG; i++) rest(LONG);
  if (action === SBI_POWER_OFF) end(s, s.sbi[S_ARG_LOW]);
  if (action === SBI_RESET) {
    pump(s);
    reset();
  }
  // Fences of other harts: there is one, and every switch to the guest fences translations.
}
const TRIES = 2;
function supervisorCall(s: Vmm): void {
  for (let r = A0; r < A7 + 1; r++) {
    s.x[2 * r] = low(register(r));
    s.x[2 * r + 1] = high(register(r));
  }
  let action = sbiCall(s.sbi, s.uart0, s.x, 0);
  for (let i = 0; i < TRIES; i++) {
    if (action === SBI_AGAIN) {
      pump(s);
      if (i > 0 && wait(PATIENCE) !== OK) drop(s.uart0);
      action = sbiCall(s.sbi, s.uart0, s.x, 0);
    }
  }
  setRegister(A0, pair(s.x[2 * A0 + 1], s.x[2 * A0]));
  setRegister(A1, pair(s.x[2 * A1 + 1], s.x[2 * A1]));
  setRegister(PC, add64(register(PC), word(4)));
  carryOut(s, action);
}

// ---- accesses that PMP refused: a device, or nothing that the guest has
const OPCODE_LOAD = 0x03;
const OPCODE_STORE = 0x23;
const LOAD_BYTE = 0;
const LOAD_WORD_UNSIGNED = 6;
const WORD = 2;
function isWithin(offset: Word, bytes: number): boolean {
  return below64(offset, word(bytes));
}
/** What the guest's register gets: of a byte as it stands, or sign-extended; a word sign-extended, or as it stands. */
function extended(value: number, kind: number): Word {
  if (kind === LOAD_BYTE) return word((value << 24) >> 24);
  return kind === LOAD_WORD_UNSIGNED ? pair(0, value) : word(value);
}
const COMPRESSED = 8;
/** The guest's next instruction, a load or store, is carried out by the device at `address`; false: none is there. */
function isCarriedOut(s: Vmm, address: Word, kind: number, isStore: boolean, r: number): boolean {
  const first = sub64(address, word(UART0));
  const second = sub64(address, word(UART1));
  const third = sub64(address, word(PLIC));
  const given = isStore && r !== 0 ? low(register(r)) : 0;
  let value = 0;
  if (isWithin(first, UART_BYTES)) {
    if (isStore) uartWrite(s.uart0, low(first), given);
    else value = uartRead(s.uart0, low(first));
  } else if (isWithin(second, UART_BYTES)) {
    if (isStore) uartWrite(s.uart1, low(second), given);
    else value = uartRead(s.uart1, low(second));
  } else {
    // Its registers are words.
    if (!isWithin(third, PLIC_BYTES) || (kind & 3) !== WORD || (low(third) & 3) !== 0) return false;
    if (isStore) plicWrite(s.plic, low(third), given);
    else value = plicRead(s.plic, low(third));
  }
  if (!isStore && r !== 0) setRegister(r, extended(value, kind));
  return true;
}
function access(s: Vmm): void {
  const satp = register(V_SATP);
  const address = translate(satp, register(V_TVAL));
  const instruction = instructionAt(satp, register(PC));
  const opcode = instruction & 0x7f;
  const isShort = (instruction & 3) !== 3;
  // c.lw, c.ld, c.sw, c.sd (Unprivileged ISA, "C" extension): bits 13 and 14 are as in funct3, bit 15 tells stores.
  const kind = isShort ? (instruction >> 13) & 3 : (instruction >> 12) & 7;
  const isStore = isShort ? (instruction & 0x8000) !== 0 : opcode === OPCODE_STORE;
  const isKnown = isShort ? (instruction & 3) === 0 : isStore || opcode === OPCODE_LOAD;
  const long = isStore ? (instruction >> 20) & 31 : (instruction >> 7) & 31;
  const r = isShort ? COMPRESSED + ((instruction >> 2) & 7) : long;
  if (!isKnown || !isCarriedOut(s, address, kind, isStore, r)) {
    s.flags = s.flags | REFLECT;
    return;
  }
  s.accesses = (s.accesses + 1) & ROUNDS;
  setRegister(PC, add64(register(PC), word(isShort ? 2 : 4)));
  if (uartSent(s.uart0) >= BATCH || uartSent(s.uart1) >= BATCH) pump(s);
}

const ROUNDS = 0x7fff_ffff;
export function main(s: Vmm, _restarts: number, _startKind: number): number {
  for (let stream = 0; stream < port('streams'); stream++) streamBegin(stream);
  uartReset(s.uart0);
  uartReset(s.uart1);
  plicReset(s.plic, HARTS);
  sbiReset(s.sbi, HARTS);
  setRegister(PC, symbol('guestEntry'));
  setRegister(A1, symbol('guestTree'));
  setRegister(V_TIMER, word(-1));
  s.flags = SET_TIMER;
  for (let round = 0; round < ROUNDS; round++) {
    const cause = ecall(OP_VCPU_RUN, s.flags, 0, 0);
    s.flags = 0;
    s.exits = (s.exits + 1) & ROUNDS;
    if (cause === CAUSE_SUPERVISOR_CALL) supervisorCall(s);
    else if (cause === CAUSE_LOAD_ACCESS || cause === CAUSE_STORE_ACCESS) access(s);
    else if (cause === CAUSE_WAKE) pump(s);
    else if (cause === CAUSE_END) end(s, 0);
    else s.flags = REFLECT;
    settle(s);
    if (uartSent(s.uart0) + uartSent(s.uart1) > 0) s.flags = s.flags | CALL_BACK;
  }
  return FAILURE;
}
