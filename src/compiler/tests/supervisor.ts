// The smallest supervisor: one partition in U-mode, confined by one PMP entry; its calls, its faults.
import {
  add64, addressOf, below64, csrRead, csrWrite, fenceInstructions, load64, load8, low, pair, shiftRight64, store32, store64, store8,
  symbol, text, word,
} from '../intrinsics.ts'; // prettier-ignore
import type { Word } from '../intrinsics.ts';

const UART = 0x1000_0000;
const FINISHER = 0x10_0000;
const PASS = 0x5555;

const MSTATUS = 0x300;
const MCAUSE = 0x342;
const MTVAL = 0x343;
const PMPCFG0 = 0x3a0;
const PMPADDR0 = 0x3b0;
const PMPADDR1 = 0x3b1;
/** R, W, X and NAPOT (Privileged ISA 3.7.1). */
const OPEN = 0x1f;
const CAUSE_CALL = 8;

/** The partition's place: 64 KiB from 0x80200000 on. */
const PLACE_HIGH = 0;
const PLACE_LOW = -0x7fe0_0000;
const PLACE_BYTES = 0x1_0000;
/** 1: the second entry opens all of memory to U-mode. That is the control of the attacks. */
const PMP_OPEN: number = 0;

const CALL_PUT = 1;
const CALL_EXIT = 2;
const A0 = 10;
const A7 = 17;
const FRAME_WORDS = 64;
const MOST = 4096;

export class Supervisor {
  calls = 0;
  faults = 0;
  /** The register frame: 32 words of 64 bits. */
  readonly frame = new Int32Array(FRAME_WORDS);
}

function put(byte: number): void {
  store8(word(UART), byte);
}
function write(at: Word): void {
  for (let i = 0; i < MOST; i++) {
    const byte = load8(add64(at, word(i)));
    if (byte === 0) return;
    put(byte);
  }
}
function decimal(value: number): void {
  if (value >= 10) put(48 + ((value / 10) | 0));
  put(48 + value - ((value / 10) | 0) * 10);
}
function place(s: Supervisor, register: number): Word {
  return add64(addressOf(s.frame), word(register * 8));
}
function load(): void {
  const from = symbol('partition');
  const bytes = symbol('partition.end');
  const to = pair(PLACE_HIGH, PLACE_LOW);
  for (let i = 0; i < PLACE_BYTES; i++) {
    const at = add64(from, word(i * 8));
    if (!below64(at, bytes)) return;
    store64(add64(to, word(i * 8)), load64(at));
  }
}

export function main(s: Supervisor): Word {
  load();
  fenceInstructions();
  // NAPOT: the address's low bits are ones up to the size.
  const napot = add64(shiftRight64(pair(PLACE_HIGH, PLACE_LOW), 2), word((PLACE_BYTES >> 3) - 1));
  csrWrite(PMPADDR0, napot);
  csrWrite(PMPADDR1, word(-1));
  csrWrite(PMPCFG0, word(PMP_OPEN === 1 ? OPEN | (OPEN << 8) : OPEN));
  // To U-mode: MPP is 0.
  csrWrite(MSTATUS, word(0));
  store64(addressOf(s.frame), pair(PLACE_HIGH, PLACE_LOW));
  return addressOf(s.frame);
}

function end(s: Supervisor): void {
  write(text('calls '));
  decimal(s.calls);
  write(text(', faults '));
  decimal(s.faults);
  put(10);
  store32(word(FINISHER), PASS);
}

export function trap(s: Supervisor): Word {
  const cause = low(csrRead(MCAUSE));
  const frame = addressOf(s.frame);
  // What trapped is done with: the next instruction.
  store64(frame, add64(load64(frame), word(4)));
  if (cause !== CAUSE_CALL) {
    s.faults += 1;
    write(text('[fault '));
    decimal(cause);
    write(csrRead(MTVAL) === word(FINISHER) ? text(' at the finisher]') : text(']'));
    put(10);
    return frame;
  }
  s.calls += 1;
  const operation = low(load64(place(s, A7)));
  if (operation === CALL_PUT) put(low(load64(place(s, A0))));
  if (operation === CALL_EXIT) end(s);
  store64(place(s, A0), word(s.calls));
  return frame;
}
