/*
 * QEMU's `virt` board as the metal supervisor uses it, and the part of an image that says where partitions lie: regions of
 * memory, devices, program images. In the core's language with the intrinsics of the compiler.
 */
import {
  add64,
  and64,
  load32,
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
export const UART_FRAME = 0x1_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
/** sifive_test: 0x5555 ends the machine with status 0, 0x3333 with the status in the upper half. */
const FINISHER = 0x10_0000;
const FINISHER_PASS = 0x5555;
const FINISHER_FAIL = 0x3333;
/** ACLINT: mtimecmp of hart 0, then one every 8 bytes; mtime counts 10 MHz. */
const MTIMECMP = 0x200_4000;
const MTIME = 0x200_bff8;
/** PLIC 1.0.0: priorities, then what context 0 (hart 0, M-mode) has enabled, its threshold, its claim and completion. */
const PLIC = 0xc00_0000;
const PLIC_ENABLE = PLIC + 0x2000;
const PLIC_THRESHOLD = PLIC + 0x20_0000;
const PLIC_CLAIM = PLIC + 0x20_0004;
export const MAX_SOURCE = 95;
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
/** Nothing is enabled: after a warm reset anything may be. */
export function resetInterrupts(): void {
  for (let w = 0; w < 3; w++) store32(word(PLIC_ENABLE + w * 4), 0);
  store32(word(PLIC_THRESHOLD), 0);
}
export function enableInterrupt(source: number): void {
  const at = word(PLIC_ENABLE + (source >> 5) * 4);
  store32(word(PLIC + source * 4), 1);
  store32(at, load32(at) | (1 << (source & 31)));
}
/** The source that is pending, which then stays silent until it is completed; 0: none. */
export function claimInterrupt(): number {
  return load32(word(PLIC_CLAIM));
}
export function completeInterrupt(source: number): void {
  store32(word(PLIC_CLAIM), source);
}
export function transmitterIsEmpty(): boolean {
  return (load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0;
}
export function transmit(byte: number): void {
  store8(word(UART), byte);
}
/** A byte takes 87 us at 115,200 baud, and the 16 that the UART keeps as much longer. */
const PATIENCE = 1_000_000;
/** When there is nothing else that the hart could do. */
export function putPatiently(byte: number): void {
  for (let i = 0; i < PATIENCE; i++) {
    if (transmitterIsEmpty()) {
      transmit(byte);
      return;
    }
  }
}
const LINE = 120;
/** The kernel's own words: at boot, and when nothing else can be done. */
export function print(text: Word): void {
  for (let i = 0; i < LINE; i++) {
    const byte = load8(add64(text, word(i)));
    if (byte === 0) return;
    putPatiently(byte);
  }
}
const NIBBLES = 16;
const TEN = 10;
const ZERO_DIGIT = 48;
const LETTERS = 87;
export function printHex(value: Word): void {
  for (let i = 0; i < NIBBLES; i++) {
    const digit = low(and64(shiftRight64(value, (NIBBLES - 1 - i) * 4), word(NIBBLES - 1)));
    putPatiently(digit < TEN ? ZERO_DIGIT + digit : LETTERS + digit);
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
