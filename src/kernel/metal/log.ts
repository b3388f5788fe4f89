/*
 * The system's log: what partitions say by LOG, and what the kernel says about them, in a ring. If no partition has the UART it goes
 * there in time that nobody uses, and what finds the ring full is lost (whoever sent it does not learn that). If a driver has the UART
 * the kernel leaves it alone, for its driver could see how busy it is, and with that who says something: then the ring keeps the
 * last words, and they are told when all is over. What was said before a warm reset (of a watchdog, or a hand) is told at the next boot:
 * a copy of the ring's bytes lies behind the kernel's own memory, where neither the board nor the reset stub writes.
 */
import type { Kernel } from '../core/core.ts';
import { P_LOADING } from '../core/core.ts';
import { UART_FRAME, print, putPatiently, transmit, transmitterIsEmpty } from './board.ts';
import { nobodyHas } from './regions.ts';
import type { Regions } from './regions.ts';
import { add64, load32, load8, store32, store8, symbol, text, word } from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

/** A power of two. */
export const LOG_BYTES = 8192;
/** Bytes of a partition's name in the image, the zero behind it counted. */
const NAME_BYTES = 64;
/** Bytes that go to the UART at once. */
const PIECE = 16;
const LONGEST_NOTE = 120;
const NEWLINE = 10;
const COLON = 58;
const SPACE = 32;
const QUESTION_MARK = 63;
const DELETE = 127;

/** The copy: a mark, bytes that were put, modulo 2^32, and the bytes of the ring; page frames of it behind `kernelEnd`. */
const MARK = 0x5669_7274;
const KEPT_PUT = 4;
const KEPT_BYTES = 64;
export const KEPT_FRAMES = 3;

export class Log {
  /** A byte a word. */
  readonly logRing = new Int32Array(LOG_BYTES);
  /** Bytes that were put and taken, modulo 2^32. */
  logPut = 0;
  logTaken = 0;
  /** Whether the UART is nobody's, and whether the oldest line has lost its beginning. */
  logIsShown = 0;
  logIsCut = 0;
}
export function prepareLog(k: Kernel, r: Regions, l: Log): void {
  l.logIsShown = nobodyHas(k, r, UART_FRAME) ? 1 : 0;
}

function kept(offset: number): Word {
  return add64(symbol('kernelEnd'), word(offset));
}
/** After a reset that left memory as it was: what the log said last. Then there is a new copy, which is empty. */
export function tellKeptLog(): void {
  const put = load32(kept(KEPT_PUT));
  if (load32(kept(0)) === MARK && put > 0) {
    print(text('virtsec: before the reset the log said:\n'));
    const from = put > LOG_BYTES ? put - LOG_BYTES : 0;
    for (let i = from; i < put; i++) putPatiently(load8(kept(KEPT_BYTES + (i & (LOG_BYTES - 1)))));
    print(text('virtsec: that was before the reset.\n'));
  }
  store32(kept(KEPT_PUT), 0);
  store32(kept(0), MARK);
}
/** The end that was meant: there is nothing to be told. */
export function forgetKeptLog(): void {
  store32(kept(0), 0);
}
function append(l: Log, byte: number): void {
  const at = l.logPut & (LOG_BYTES - 1);
  l.logRing[at] = byte;
  l.logPut = (l.logPut + 1) | 0;
  store8(kept(KEPT_BYTES + at), byte);
  store32(kept(KEPT_PUT), l.logPut);
}
function appendText(l: Log, from: Word): void {
  for (let i = 0; i < LONGEST_NOTE; i++) {
    const byte = load8(add64(from, word(i)));
    if (byte === 0) return;
    append(l, byte);
  }
}
/** Whether so many bytes can be put: none is lost of a line that was begun. */
function makeRoom(l: Log, bytes: number): boolean {
  const lacking = ((l.logPut - l.logTaken) | 0) + bytes - LOG_BYTES;
  if (lacking <= 0) return true;
  if (l.logIsShown === 1) return false;
  l.logTaken = (l.logTaken + lacking) | 0;
  l.logIsCut = 1;
  return true;
}
function nameOf(p: number): Word {
  return add64(symbol('names'), word(p * NAME_BYTES));
}
/** `NAME: ` and the bytes at `page`, without what moves a terminal's cursor. */
export function logLine(l: Log, p: number, page: Word, bytes: number): void {
  if (!makeRoom(l, NAME_BYTES + bytes + 3)) return;
  appendText(l, nameOf(p));
  append(l, COLON);
  append(l, SPACE);
  for (let i = 0; i < bytes; i++) {
    const byte = load8(add64(page, word(i)));
    append(l, byte < SPACE || byte === DELETE ? QUESTION_MARK : byte);
  }
  append(l, NEWLINE);
}
/** A note of the kernel's: the name between two texts. */
function note(l: Log, p: number, before: Word, after: Word): void {
  if (!makeRoom(l, NAME_BYTES + LONGEST_NOTE + LONGEST_NOTE)) return;
  appendText(l, before);
  appendText(l, nameOf(p));
  appendText(l, after);
}
/** p is dying for a fault, and what the health monitor has decided. */
export function noteFault(l: Log, k: Kernel, p: number, why: Word): void {
  note(l, p, text('virtsec: '), why);
  if (!makeRoom(l, LONGEST_NOTE)) return;
  appendText(
    l,
    k.next[p] === P_LOADING ? text(' It will be started again.\n') : text(' The other partitions go on.\n'),
  );
}
export function noteRestart(l: Log, p: number): void {
  note(l, p, text('virtsec: '), text(' runs again.\n'));
}

function logIsEmpty(l: Log): boolean {
  return l.logPut === l.logTaken;
}
/** Whether the UART could take a piece of it. */
export function logWaits(l: Log): boolean {
  return l.logIsShown === 1 && !logIsEmpty(l);
}
/** A piece of it to the UART, as far as that takes it without waiting. */
export function drainLog(l: Log): void {
  if (l.logIsShown === 0) return;
  for (let i = 0; i < PIECE; i++) {
    if (logIsEmpty(l) || !transmitterIsEmpty()) return;
    transmit(l.logRing[l.logTaken & (LOG_BYTES - 1)]);
    l.logTaken = (l.logTaken + 1) | 0;
  }
}
/** All of it, before the board is switched off. */
export function flushLog(l: Log): void {
  for (let i = 0; i < LOG_BYTES; i++) {
    if (logIsEmpty(l)) return;
    const byte = l.logRing[l.logTaken & (LOG_BYTES - 1)];
    l.logTaken = (l.logTaken + 1) | 0;
    if (l.logIsCut === 0) putPatiently(byte);
    if (byte === NEWLINE) l.logIsCut = 0;
  }
}
