/*
 * What holds of the metal supervisor whenever one of its functions begins or ends, in the core's own language, and what some of
 * them ask of their arguments and promise of their results. Theorem SAFE (safe.ts) shows that each function keeps it.
 *
 * Names are read by safe.ts: `sound` of the fields; `sound_TABLE` of each row of a table; `core` of the proved core's
 * fields, which theorem CORE shows; `pre_FUNCTION` with the function's parameters; `post_FUNCTION` with its result before them.
 */
import {
  MAX_PARTITIONS,
  MAX_STREAMS,
  MAX_WINDOWS,
  MESSAGE_BYTES,
  OK,
  OP_LOG,
  OUT_WORDS,
  TIME_BASE,
} from '../../kernel/core/core.ts';
import type { Kernel } from '../../kernel/core/core.ts';
import { MAX_SOURCE } from '../../kernel/metal/board.ts';
import { MAX_REGIONS } from '../../kernel/metal/regions.ts';
import type { Regions } from '../../kernel/metal/regions.ts';
import { vcpuOf } from '../../kernel/metal/guest.ts';
import type { Guests } from '../../kernel/metal/guest.ts';
import type { Log } from '../../kernel/metal/log.ts';
import type { Seeds } from '../../kernel/metal/seed.ts';
import { FRAME_REGISTERS } from '../../kernel/metal/supervisor.ts';
import type { Supervisor } from '../../kernel/metal/supervisor.ts';
import { H_TICK } from '../../kernel/plan-load.ts';
import type { PlanWords } from '../../kernel/plan-load.ts';
import { add64, addressOf, word } from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

/** Loading: no region and no blob has more words of 64 bits; and so many pieces. */
const MOST_WORDS = 1 << 27;
const MOST_PIECES = 12;
/** Of the largest tick, 1 s, in mtime units. */
const MOST_PERIOD = 10000000;
const MOST_TICK = 1000000;
/** Bytes of the log that a line may have beyond its room, if a name of the image had no end. */
const MOST_BEYOND = 4096;
/** Frames since the end of the system was told: each counts one, and after a hundred it is over. */
const MOST_GRACE = 100;
const RING = 8192;
const MOST_FRAMES = 1 << 22;
const INT_MAX = 0x7fffffff;

/** A plan is there, which `boot` has not judged yet. */
export function planned(k: Kernel): boolean {
  return k.np >= 1 && k.np <= MAX_PARTITIONS && k.ns >= 0 && k.ns <= MAX_STREAMS;
}
// ---- the core, between its actions
export function core(k: Kernel): boolean {
  return (
    planned(k) &&
    k.timeHi >= 0 &&
    k.timeLo >= 0 &&
    k.timeLo < TIME_BASE &&
    k.outN >= 0 &&
    k.outN <= OUT_WORDS &&
    k.curWin[0] >= 0 &&
    k.curWin[0] < MAX_WINDOWS &&
    k.winPart[k.curWin[0]] >= -1 &&
    k.winPart[k.curWin[0]] < k.np
  );
}

// ---- the supervisor
/** Bytes in the log, which its two counters say modulo 2^32. */
export function inLog(l: Log): number {
  return (l.logPut - l.logTaken) | 0;
}
export function sound(k: Kernel, g: Guests, l: Log, s: Supervisor): boolean {
  return (
    // 2^61 ticks are some 700,000 years.
    k.timeHi < INT_MAX &&
    k.ncores === 1 &&
    s.current >= 0 &&
    s.current < k.np &&
    s.lastBackground >= 0 &&
    s.lastBackground < k.np &&
    s.turnBegun >= 0 &&
    s.turnBegun < TIME_BASE &&
    s.period >= 1 &&
    s.period <= MOST_PERIOD &&
    s.grace >= 0 &&
    s.grace <= MOST_GRACE &&
    (g.isGuest === 0 || g.isGuest === 1) &&
    (s.isAnswered !== 1 || g.isGuest === 0) &&
    g.resident >= -1 &&
    g.resident < k.np &&
    inLog(l) >= 0 &&
    inLog(l) <= RING + MOST_BEYOND
  );
}
export function sound_source(s: Supervisor, p: number): boolean {
  return s.source[p] >= 0 && s.source[p] <= MAX_SOURCE;
}
export function sound_loadPiece(r: Regions, p: number): boolean {
  return r.loadPiece[p] >= 0 && r.loadPiece[p] <= MOST_PIECES;
}
export function sound_loadCursor(r: Regions, p: number): boolean {
  return r.loadCursor[p] >= 0 && r.loadCursor[p] <= MOST_WORDS;
}
export function sound_seedHalf(e: Seeds, p: number): boolean {
  return e.seedHalf[p] >= 0 && e.seedHalf[p] <= 2;
}

// ---- TRAP: whose registers the stubs save and load
/** The frame of who has the hart: the current partition's, or its guest's. */
function frameOf(r: Regions, g: Guests, s: Supervisor): Word {
  if (g.isGuest === 1) return vcpuOf(r, s.current);
  return add64(addressOf(s.registers), word(s.current * (FRAME_REGISTERS * 8)));
}
/** That frame, and the partition whose regions are in force is the same. */
function goesOnAs(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return result === frameOf(r, g, s) && s.confined === s.current;
}
export function post_main(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return goesOnAs(result, r, g, s);
}
export function post_handle(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return goesOnAs(result, r, g, s);
}
export function post_giveHart(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return goesOnAs(result, r, g, s);
}
export function post_resume(result: Word, r: Regions, g: Guests, s: Supervisor, p: number): boolean {
  return goesOnAs(result, r, g, s) && s.current === p;
}
export function post_trapOfGuest(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return goesOnAs(result, r, g, s);
}
export function post_resumeGuest(result: Word, r: Regions, g: Guests, _s: Supervisor, p: number): boolean {
  return result === vcpuOf(r, p) && g.isGuest === 1;
}
export function post_enterGuest(result: Word, r: Regions, g: Guests, p: number): boolean {
  return result === vcpuOf(r, p) && g.isGuest === 1;
}
export function post_leaveGuest(_nothing: number, g: Guests): boolean {
  return g.isGuest === 0;
}
/** 0: `handle` goes on. Else the frame of who was interrupted, which has the hart still (safe.ts). */
export function post_trap(result: Word, r: Regions, g: Guests, s: Supervisor): boolean {
  return result === word(0) || result === frameOf(r, g, s);
}
/** None is a guest, and no call is answered that is still to be. */
function isFree(g: Guests, s: Supervisor): boolean {
  return g.isGuest === 0 && s.isAnswered !== 1;
}
export function pre_enterGuest(s: Supervisor): boolean {
  return s.isAnswered !== 1;
}
export function pre_resumeGuest(s: Supervisor, p: number): boolean {
  return s.current === p && s.isAnswered !== 1;
}
export function pre_trapOfGuest(g: Guests, s: Supervisor, p: number): boolean {
  return s.current === p && s.confined === p && g.isGuest === 1 && s.isAnswered !== 1;
}
export function pre_handle(s: Supervisor): boolean {
  return s.confined === s.current;
}
export function pre_resume(g: Guests, s: Supervisor): boolean {
  return isFree(g, s);
}
export function pre_giveHart(g: Guests, s: Supervisor): boolean {
  return isFree(g, s);
}
export function inv_giveHart(g: Guests, s: Supervisor): boolean {
  return isFree(g, s);
}
export function post_prepareGuests(_nothing: number, g: Guests): boolean {
  return g.resident === -1;
}

// ---- of arguments
export function pre_logLine(_p: number, _page: Word, bytes: number): boolean {
  return bytes >= 0 && bytes <= MESSAGE_BYTES;
}
export function pre_arm(ticks: number): boolean {
  return ticks >= 1;
}
export function pre_idle(ticks: number): boolean {
  return ticks >= 1;
}
export function pre_nobodyHas(frame: number): boolean {
  return frame >= 0 && frame < MOST_FRAMES;
}
export function pre_regionsAreApart(k: Kernel, a: number, b: number): boolean {
  return a >= 0 && a < k.np * MAX_REGIONS && b >= 0 && b < k.np * MAX_REGIONS;
}
export function pre_onEvent(_p: number, op: number, bytes: number, result: number): boolean {
  return op !== OP_LOG || result !== OK || bytes >= 0;
}

// ---- of results
export function post_step(result: number, _core: number, _p: number, op: number, a0: number): boolean {
  return op !== OP_LOG || result !== OK || a0 >= 0;
}
export function post_untilSwitch(result: number): boolean {
  return result >= 1;
}
export function post_pauseOfBackground(result: number): boolean {
  return result >= 1;
}
export function post_nextBackground(result: number, k: Kernel): boolean {
  return result >= -1 && result < k.np;
}
export function post_loadPlan(result: number, k: Kernel, f: PlanWords): boolean {
  return result !== OK || (planned(k) && f.words[H_TICK] >= 1 && f.words[H_TICK] <= MOST_TICK);
}
