/*
 * QEMU's `virt` board as the metal supervisor uses it, and the part of an image that says where partitions lie: regions of
 * memory, devices, program images. In the core's language with the intrinsics of the compiler.
 */
import {
  add64,
  and64,
  load64,
  load8,
  low,
  shiftRight64,
  store32,
  store64,
  store8,
  waitForInterrupt,
  word,
} from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

// ---- devices (the same addresses in our own engine and in QEMU)
/** ns16550a: transmit register, line status; its bit 5: the transmitter is empty. */
const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
/** sifive_test: 0x5555 ends the machine with status 0, 0x3333 with the status in the upper half. */
const FINISHER = 0x10_0000;
const FINISHER_PASS = 0x5555;
const FINISHER_FAIL = 0x3333;
/** ACLINT: mtimecmp of hart 0, then one every 8 bytes; mtime counts 10 MHz. */
const MTIMECMP = 0x200_4000;
const MTIME = 0x200_bff8;
/** mtime units of a microsecond. */
export const MTIME_PER_US = 10;

/** log2 of a page frame's bytes. */
export const FRAME_SHIFT = 12;

export function mtime(): Word {
  return load64(word(MTIME));
}
export function setTimer(hart: number, at: Word): void {
  store64(add64(word(MTIMECMP), word(hart * 8)), at);
}
const PATIENCE = 1000;
function put(byte: number): void {
  for (let i = 0; i < PATIENCE; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
}
const LINE = 120;
/** The kernel's own words: at boot, and when nothing else can be done. After that the UART is a driver's. */
export function print(text: Word): void {
  for (let i = 0; i < LINE; i++) {
    const byte = load8(add64(text, word(i)));
    if (byte === 0) return;
    put(byte);
  }
}
const NIBBLES = 16;
const TEN = 10;
const ZERO_DIGIT = 48;
const LETTERS = 87;
export function printHex(value: Word): void {
  for (let i = 0; i < NIBBLES; i++) {
    const digit = low(and64(shiftRight64(value, (NIBBLES - 1 - i) * 4), word(NIBBLES - 1)));
    put(digit < TEN ? ZERO_DIGIT + digit : LETTERS + digit);
  }
}
const STATUS_SHIFT = 16;
const FOR_EVER = 0x7fff_ffff;
/** Never comes back: what follows a refusal must not run while the board is still on. */
export function powerOff(status: number): void {
  if (status === 0) store32(word(FINISHER), FINISHER_PASS);
  else store32(word(FINISHER), (status << STATUS_SHIFT) | FINISHER_FAIL);
  setTimer(0, word(-1));
  for (let i = 0; i < FOR_EVER; i++) waitForInterrupt();
}
