// The board: addresses and interrupt numbers of QEMU's `virt`, and what happens at each access to one of its devices.
//
// All device state lies in one Int32Array in memory shared by the machine's threads. Every function here that takes a
// Board is called with the machine's lock held; it may be called on any hart's thread or on the I/O thread.

import {
  A_CMP_HIGH,
  A_CMP_LOW,
  A_MSIP,
  A_MTIP,
  A_TIME_HIGH,
  A_TIME_LOW,
  ACLINT_BYTES,
  ACLINT_MTIMECMP,
  ACLINT_WORDS,
  aclintRead,
  aclintReset,
  aclintUpdate,
  aclintWrite,
  MAX_HARTS,
} from '../devices/aclint.ts';
import {
  F_REQUEST,
  F_STATUS,
  FINISHER_BYTES,
  FINISHER_WORDS,
  finisherRead,
  finisherReset,
  finisherWrite,
  REQUEST_NONE,
  REQUEST_POWER_OFF,
} from '../devices/finisher.ts';
import {
  R_HOST_HIGH,
  R_HOST_LOW,
  R_LEVEL,
  RTC_BYTES,
  RTC_WORDS,
  rtcAlarmHigh,
  rtcAlarmLow,
  rtcArmed,
  rtcRead,
  rtcReset,
  rtcUpdate,
  rtcWrite,
} from '../devices/goldfish-rtc.ts';
import { U_LEVEL, UART_REGISTERS, UART_WORDS, uartRead, uartReset, uartWrite } from '../devices/ns16550a.ts';
import { P_OUTPUT, PLIC_WORDS, plicRead, plicReset, plicSetLevel, plicWrite } from '../devices/plic.ts';

/** Where things are: QEMU 7.2, hw/riscv/virt.c. Interrupt numbers are PLIC sources. */
export const VIRT = {
  rom: { base: 0x1000, bytes: 0xf000 },
  finisher: { base: 0x10_0000, bytes: FINISHER_BYTES },
  rtc: { base: 0x10_1000, bytes: RTC_BYTES, source: 11 },
  aclint: { base: 0x200_0000, bytes: ACLINT_BYTES },
  plic: { base: 0xc00_0000, bytes: 0x60_0000 },
  uart0: { base: 0x1000_0000, bytes: UART_REGISTERS, source: 10 },
  /** Ours: QEMU's board has one UART. It follows the eight virtio-mmio windows (0x10001000..0x10008fff, sources 1..8). */
  uart1: { base: 0x1000_9000, bytes: UART_REGISTERS, source: 12 },
  ram: 0x8000_0000,
  /** mtime ticks a second. */
  timebase: 10_000_000,
} as const;

// mip bits
const MSIP = 3;
const MTIP = 7;
const SEIP = 9;
const MEIP = 11;

/** Words of the ROM (reset-vector.ts). */
export const ROM_WORDS = 64;

const ACLINT_AT = 0;
const PLIC_AT = ACLINT_AT + ACLINT_WORDS;
const RTC_AT = PLIC_AT + PLIC_WORDS;
const FINISHER_AT = RTC_AT + RTC_WORDS;
const ROM_AT = FINISHER_AT + FINISHER_WORDS;
/** mip bits that the harts were last told, one word a hart. */
const SIGNALLED_AT = ROM_AT + ROM_WORDS;
const UART0_AT = SIGNALLED_AT + MAX_HARTS;
const UART1_AT = UART0_AT + UART_WORDS;
/** Words of the board's state. */
export const BOARD_WORDS = UART1_AT + UART_WORDS;

/** What the board does to the rest of the machine. */
export interface Signals {
  /** Sets a bit of mip to a level. */
  interrupt(hart: number, bit: number, level: boolean): void;
  /** The hart's next timer event moved: it must look at boardDeadline() again. */
  timerMoved(hart: number): void;
  /** The guest asked to be switched off with an exit status, or to be restarted. */
  powerOff(status: number): void;
  reset(): void;
}

export interface Board {
  readonly harts: number;
  /** mtime: ticks of 100 ns, a safe integer. */
  readonly time: () => number;
  /** Host time at tick 0: seconds since 1970 and nanoseconds (0..999,999,999). */
  readonly epoch: { readonly seconds: number; readonly nanoseconds: number };
  readonly signals: Signals;
  readonly aclint: Int32Array;
  readonly plic: Int32Array;
  readonly rtc: Int32Array;
  readonly finisher: Int32Array;
  readonly rom: Int32Array;
  readonly signalled: Int32Array;
  readonly uart0: Int32Array;
  readonly uart1: Int32Array;
}

/** A view of the board whose state is `state` (BOARD_WORDS words); makes or changes nothing. */
export function attachBoard(
  state: Int32Array,
  harts: number,
  time: () => number,
  epoch: Board['epoch'],
  signals: Signals,
): Board {
  const part = (at: number, words: number): Int32Array => state.subarray(at, at + words);
  return {
    harts,
    time,
    epoch,
    signals,
    aclint: part(ACLINT_AT, ACLINT_WORDS),
    plic: part(PLIC_AT, PLIC_WORDS),
    rtc: part(RTC_AT, RTC_WORDS),
    finisher: part(FINISHER_AT, FINISHER_WORDS),
    rom: part(ROM_AT, ROM_WORDS),
    signalled: part(SIGNALLED_AT, MAX_HARTS),
    uart0: part(UART0_AT, UART_WORDS),
    uart1: part(UART1_AT, UART_WORDS),
  };
}

/** Reset of every device; the harts' interrupt lines fall with it. */
export function boardReset(board: Board): void {
  aclintReset(board.aclint, board.harts);
  plicReset(board.plic, board.harts);
  rtcReset(board.rtc);
  finisherReset(board.finisher);
  uartReset(board.uart0);
  uartReset(board.uart1);
  settle(board);
}

function setTime(board: Board): void {
  const now = board.time();
  board.aclint[A_TIME_LOW] = now | 0;
  board.aclint[A_TIME_HIGH] = Math.floor(now / 0x1_0000_0000);
}

/** Host time as 64 bits of nanoseconds: seconds are split at bit 16, so that no product exceeds 2^53. */
function setRtcTime(board: Board): void {
  const ticks = board.time();
  const seconds = board.epoch.seconds + Math.floor(ticks / VIRT.timebase);
  const nanoseconds = board.epoch.nanoseconds + (ticks % VIRT.timebase) * 100;
  const upper = Math.floor(seconds / 0x1_0000) * 1_000_000_000;
  const lower = (seconds % 0x1_0000) * 1_000_000_000 + nanoseconds;
  const low = (upper % 0x1_0000) * 0x1_0000 + (lower % 0x1_0000_0000);
  board.rtc[R_HOST_LOW] = low | 0;
  board.rtc[R_HOST_HIGH] =
    Math.floor(upper / 0x1_0000) + Math.floor(lower / 0x1_0000_0000) + Math.floor(low / 0x1_0000_0000);
}

function signal(board: Board, hart: number, bit: number, level: number): void {
  const told = (board.signalled[hart] >> bit) & 1;
  if (told === level) return;
  board.signalled[hart] ^= 1 << bit;
  board.signals.interrupt(hart, bit, level !== 0);
}

/** Copies the devices' levels to the PLIC, and its outputs and the ACLINT's to the harts. */
function settle(board: Board): void {
  plicSetLevel(board.plic, VIRT.uart0.source, board.uart0[U_LEVEL]);
  plicSetLevel(board.plic, VIRT.uart1.source, board.uart1[U_LEVEL]);
  plicSetLevel(board.plic, VIRT.rtc.source, board.rtc[R_LEVEL]);
  for (let hart = 0; hart < board.harts; hart++) {
    signal(board, hart, MEIP, board.plic[P_OUTPUT + 2 * hart]);
    signal(board, hart, SEIP, board.plic[P_OUTPUT + 2 * hart + 1]);
    signal(board, hart, MSIP, board.aclint[A_MSIP + hart]);
    signal(board, hart, MTIP, board.aclint[A_MTIP + hart]);
  }
}

interface Region {
  readonly base: number;
  readonly bytes: number;
}

function inside(region: Region, address: number): boolean {
  return address >= region.base && address < region.base + region.bytes;
}

/** Registers of 32 bits take 4-byte accesses only; every device access is aligned (an access fault otherwise). */
function isWord(address: number, size: number): boolean {
  return size === 4 && address % 4 === 0;
}

/**
 * A load by `hart` outside RAM: the unsigned value, or -1 when nothing answers (access fault).
 * Any address (a safe integer) and any size of 1, 2 and 4 may come: the guest chooses them.
 */
export function boardRead(board: Board, hart: number, address: number, size: number): number {
  if (address % size !== 0) return -1;
  let value: number;
  if (inside(VIRT.uart0, address)) value = uartRead(board.uart0, address - VIRT.uart0.base);
  else if (inside(VIRT.uart1, address)) value = uartRead(board.uart1, address - VIRT.uart1.base);
  else if (inside(VIRT.plic, address)) {
    if (!isWord(address, size)) return -1;
    value = plicRead(board.plic, address - VIRT.plic.base);
  } else if (inside(VIRT.aclint, address)) {
    if (!isWord(address, size)) return -1;
    setTime(board);
    return aclintRead(board.aclint, hart, address - VIRT.aclint.base) >>> 0; // no read of it changes a line
  } else if (inside(VIRT.rtc, address)) {
    if (!isWord(address, size)) return -1;
    setRtcTime(board);
    value = rtcRead(board.rtc, address - VIRT.rtc.base);
  } else if (inside(VIRT.finisher, address)) return finisherRead(board.finisher, address - VIRT.finisher.base);
  else if (inside(VIRT.rom, address)) return romRead(board, address - VIRT.rom.base, size);
  else return -1;
  settle(board);
  return value >>> 0;
}

function romRead(board: Board, offset: number, size: number): number {
  const word = offset < 4 * ROM_WORDS ? board.rom[offset >> 2] >>> (8 * (offset & 3)) : 0;
  return size === 4 ? word >>> 0 : word & (size === 2 ? 0xffff : 0xff);
}

/** A store by `hart` outside RAM; false: access fault. `value` is unsigned, of `size` bytes. */
export function boardWrite(board: Board, hart: number, address: number, size: number, value: number): boolean {
  if (address % size !== 0) return false;
  const word = value | 0;
  if (inside(VIRT.uart0, address)) uartWrite(board.uart0, address - VIRT.uart0.base, word);
  else if (inside(VIRT.uart1, address)) uartWrite(board.uart1, address - VIRT.uart1.base, word);
  else if (inside(VIRT.plic, address)) {
    if (!isWord(address, size)) return false;
    plicWrite(board.plic, address - VIRT.plic.base, word);
  } else if (inside(VIRT.aclint, address)) {
    if (!isWord(address, size)) return false;
    setTime(board);
    const offset = address - VIRT.aclint.base;
    aclintWrite(board.aclint, hart, offset, word);
    const target = (offset - ACLINT_MTIMECMP) >> 3;
    if (target >= 0 && target < board.harts && target !== hart) board.signals.timerMoved(target);
  } else if (inside(VIRT.rtc, address)) {
    if (!isWord(address, size)) return false;
    setRtcTime(board);
    rtcWrite(board.rtc, address - VIRT.rtc.base, word);
    if (hart !== 0 && rtcArmed(board.rtc)) board.signals.timerMoved(0);
  } else if (inside(VIRT.finisher, address)) {
    if (size === 1) return false;
    finisherWrite(board.finisher, address - VIRT.finisher.base, word);
    request(board);
  } else return false;
  settle(board);
  return true;
}

function request(board: Board): void {
  const what = board.finisher[F_REQUEST];
  if (what === REQUEST_NONE) return;
  if (what === REQUEST_POWER_OFF) board.signals.powerOff(board.finisher[F_STATUS]);
  else board.signals.reset();
}

/** Lets time pass: fires due timers, and copies levels that the I/O thread changed. */
export function boardTick(board: Board): void {
  setTime(board);
  aclintUpdate(board.aclint);
  if (rtcArmed(board.rtc)) {
    setRtcTime(board);
    rtcUpdate(board.rtc);
  }
  settle(board);
}

function unsigned64(low: number, high: number): number {
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
}

/** The tick at which `hart` must call boardTick(): its mtimecmp; hart 0 looks after the RTC's alarm too. Infinity: no need. */
export function boardDeadline(board: Board, hart: number): number {
  let deadline = Infinity;
  if (board.aclint[A_MTIP + hart] === 0) {
    const compare = unsigned64(board.aclint[A_CMP_LOW + hart], board.aclint[A_CMP_HIGH + hart]);
    if (compare < Number.MAX_SAFE_INTEGER) deadline = compare;
  }
  if (hart === 0 && rtcArmed(board.rtc)) {
    const alarm = unsigned64(rtcAlarmLow(board.rtc), rtcAlarmHigh(board.rtc));
    const epoch = board.epoch.seconds * 1e9 + board.epoch.nanoseconds;
    // Doubles are exact to some 256 ns here: looking a moment late is enough.
    deadline = Math.min(deadline, Math.max(0, Math.ceil((alarm - epoch) / 100) + 10));
  }
  return deadline;
}
