// The VMM's words of the machine's device state: control of the hart threads, board, firmware. Shared by all threads.

import { attachBoard, type Board, BOARD_WORDS, type Signals, VIRT } from '../board/virt.ts';
import { MAX_HARTS } from '../devices/aclint.ts';
import { HTIF_WORDS } from '../firmware/htif.ts';
import { SBI_WORDS } from '../firmware/sbi.ts';
import { lock, unlock } from './lock.ts';

/** The lock that guards everything behind the control words. */
export const C_LOCK = 0;
/** PAUSED or RUNNING: written by the I/O thread, and set to PAUSED by whoever requests power-off or reset. */
export const C_RUN = 1;
export const PAUSED = 0;
export const RUNNING = 1;
/** What ends this run: 0, or a REQUEST_ number. The first one counts. */
export const C_REQUEST = 2;
export const REQUEST_POWER_OFF = 1;
export const REQUEST_RESET = 2;
export const C_STATUS = 3;
/** How harts start: privilege mode (1 S, 3 M), and the low word of a2. */
export const C_MODE = 4;
export const C_A2 = 5;
/** 1: the program has HTIF words to be polled. */
export const C_HTIF = 6;
/** 1: a hart has asked the I/O thread to take output. */
export const C_OUTPUT_ASKED = 7;
/** Incremented to wake a hart's thread that waits to be started or resumed: one word a hart. */
export const C_BELL = 8;
/** 1: the hart's thread stands still, and will until RUNNING: one word a hart. */
export const C_PARKED = C_BELL + MAX_HARTS;
/** 1: input waits in the stream for room in the hold ring: one word a UART. */
export const C_MORE_INPUT = C_PARKED + MAX_HARTS;
const CONTROL_WORDS = C_MORE_INPUT + 8;

export const UARTS = ['uart0', 'uart1'] as const;

/** Words that the VMM uses of the machine's device state. */
export const STATE_WORDS = CONTROL_WORDS + BOARD_WORDS + SBI_WORDS + HTIF_WORDS;

/** The machine's clock: a moment of process.hrtime() that all threads share, and the host's time at it. */
export interface Clock {
  readonly origin: readonly [number, number];
  readonly epoch: Board['epoch'];
}

export function startClock(): Clock {
  const milliseconds = Date.now();
  return {
    origin: process.hrtime(),
    epoch: { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1_000_000 },
  };
}

/** mtime: ticks of 100 ns since the origin. One clock for all threads: performance.now() has an origin in each. */
export function ticks({ origin }: Clock): number {
  const now = process.hrtime();
  return (now[0] - origin[0]) * VIRT.timebase + Math.floor((now[1] - origin[1]) / 100);
}

export interface MachineState {
  readonly control: Int32Array;
  readonly board: Board;
  readonly sbi: Int32Array;
  readonly htif: Int32Array;
  /** Runs `body` with the machine's lock held. */
  readonly locked: <T>(body: () => T) => T;
}

export function attachState(state: Int32Array, harts: number, clock: Clock, signals: Signals): MachineState {
  let at = 0;
  const part = (words: number): Int32Array => state.subarray(at, (at += words));
  const control = part(CONTROL_WORDS);
  const board = attachBoard(part(BOARD_WORDS), harts, () => ticks(clock), clock.epoch, signals);
  return {
    control,
    board,
    sbi: part(SBI_WORDS),
    htif: part(HTIF_WORDS),
    locked: (body) => {
      lock(control, C_LOCK);
      try {
        return body();
      } finally {
        unlock(control, C_LOCK);
      }
    },
  };
}

/** Wakes a hart's thread from any wait of ours; the engine's own waits end by machine.kick(). */
export function ringHart(control: Int32Array, hart: number): void {
  Atomics.add(control, C_BELL + hart, 1);
  Atomics.notify(control, C_BELL + hart);
}

/** Records a power-off or reset and pauses the machine; false when another request came first. */
export function requestStop(control: Int32Array, request: number, status: number): boolean {
  if (Atomics.compareExchange(control, C_REQUEST, 0, request) !== 0) return false;
  Atomics.store(control, C_STATUS, status);
  Atomics.store(control, C_RUN, PAUSED);
  return true;
}
