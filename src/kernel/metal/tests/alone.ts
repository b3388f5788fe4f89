// A guest in S-mode that fills every register which another guest could see with values of its own, and looks at them again and again.
// It says `<` or `>` when it begins, `A` or `B` each so often, and `#` and a letter when a register has another's value.
import {
  add64,
  addressOf,
  csrRead,
  csrSet,
  csrWrite,
  load64,
  loadFloat,
  low,
  store64,
  store8,
  storeFloat,
  word,
} from '../../../compiler/intrinsics.ts';
import type { Word } from '../../../compiler/intrinsics.ts';

const WHO = 0;
const UART = 0x1000_0000;
const FCSR = 0x003;
const SSTATUS = 0x100;
const SIE = 0x104;
const STVEC = 0x105;
const SCOUNTEREN = 0x106;
const SENVCFG = 0x10a;
const SSCRATCH = 0x140;
const SEPC = 0x141;
const SCAUSE = 0x142;
const STVAL = 0x143;
const SIP = 0x144;
const SATP = 0x180;
const STATUS_FS = 0x2000;
const SSIP = 2;
const FLOAT_WORDS = 64;
const FLOATS = 32;
const BEGUN = 60;
const HASH = 35;
const ALIVE = 65;
const ROUNDS = 0x7fff_ffff;
const LOOKS = 400;

export class Alone {
  looks = 0;
  readonly floats = new Int32Array(FLOAT_WORDS);
}
function say(byte: number): void {
  store8(word(UART), byte);
}
function own(n: number): Word {
  return word(WHO * 4096 + n * 8 + 4);
}
function takeFloats(s: Alone): void {
  const at = addressOf(s.floats);
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
}
function keepFloats(s: Alone): void {
  const at = addressOf(s.floats);
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
}
function fill(s: Alone): void {
  csrSet(SSTATUS, word(STATUS_FS));
  for (let n = 0; n < FLOATS; n++) store64(add64(addressOf(s.floats), word(n * 8)), own(n));
  takeFloats(s);
  csrWrite(FCSR, word(WHO * 32 + 1));
  csrWrite(STVEC, own(40));
  csrWrite(SSCRATCH, own(41));
  csrWrite(SEPC, own(42));
  csrWrite(SCAUSE, word(WHO + 1));
  csrWrite(STVAL, own(43));
  csrWrite(SCOUNTEREN, word(WHO + 1));
  csrWrite(SENVCFG, word(WHO));
  csrWrite(SIE, word(WHO * 32));
  csrWrite(SIP, word(WHO * SSIP));
}
/** The letter of a register that is not its own; 0: none. */
function foreign(s: Alone): number {
  keepFloats(s);
  for (let n = 0; n < FLOATS; n++) {
    if (load64(add64(addressOf(s.floats), word(n * 8))) !== own(n)) return 102;
  }
  if (csrRead(FCSR) !== word(WHO * 32 + 1)) return 99;
  if (csrRead(STVEC) !== own(40)) return 118;
  if (csrRead(SSCRATCH) !== own(41)) return 115;
  if (csrRead(SEPC) !== own(42)) return 112;
  if (csrRead(SCAUSE) !== word(WHO + 1)) return 117;
  if (csrRead(STVAL) !== own(43)) return 116;
  if (csrRead(SCOUNTEREN) !== word(WHO + 1)) return 110;
  if (csrRead(SENVCFG) !== word(WHO)) return 101;
  if (csrRead(SIE) !== word(WHO * 32)) return 105;
  if ((low(csrRead(SIP)) & SSIP) !== WHO * SSIP) return 113;
  return csrRead(SATP) === word(0) ? 0 : 97;
}
export function main(s: Alone): number {
  // What it finds at the beginning is nobody's.
  csrSet(SSTATUS, word(STATUS_FS));
  keepFloats(s);
  for (let n = 0; n < FLOATS; n++) if (load64(add64(addressOf(s.floats), word(n * 8))) !== word(0)) say(HASH);
  if (csrRead(SSCRATCH) !== word(0) || csrRead(FCSR) !== word(0)) say(HASH);
  say(BEGUN + 2 * WHO);
  fill(s);
  for (let round = 0; round < ROUNDS; round++) {
    const letter = foreign(s);
    if (letter > 0) {
      say(HASH);
      say(letter);
      fill(s);
    }
    s.looks += 1;
    if (s.looks === LOOKS) {
      s.looks = 0;
      say(ALIVE + WHO);
    }
  }
  return 0;
}
