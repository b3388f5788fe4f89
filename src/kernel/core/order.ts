/*
 * What is proved of the core beside spec.ts, in the core's own language: that calls need their caller's window, that what
 * is restarted begins blank, that queues keep their order, and that whoever waits goes on.
 *
 * `fifo_` and `live_` predicates compare the states before and after an action. Parameters that an action has (`core`,
 * `p`, its arguments) and `result` are the action's; all others are any number. `fifo_NAME` is asked of every action,
 * `live_ACTION` of that one.
 */
import type { Kernel } from './core.ts';
import {
  C_LATE,
  C_PENDING,
  C_SERVING,
  COST,
  E_BLOCKED,
  FX_END,
  INT_MAX,
  MAX_DEPTH,
  MESSAGE_WORDS,
  OK,
  P_ASKED,
  P_HALTED,
  P_LOADING,
  P_READY,
  P_WIPING,
  PORT_CALL,
  SYS_RUN,
  TIME_BASE,
  W_CALL,
  W_NONE,
} from './core.ts';

// ---- windows ----------------------------------------------------------------------------------------------------------
/** `p` may act on `core` now: it runs in the background, or the current window there is its own. */
export function mayRun(k: Kernel, core: number, p: number): boolean {
  if (p < 0 || p >= k.np) return false;
  if (k.background[p] !== 0) return true;
  return core >= 0 && core < k.ncores && k.winPart[k.curWin[core]] === p;
}

// ---- what is left of a partition's last life when its wiping ends ---------------------------------------------------------
export function isWiping(k: Kernel, p: number): boolean {
  return p >= 0 && p < k.np && k.state[p] === P_WIPING;
}
/*
 * `blank_NAME(k, p, row)`: the cell, which p sees, is as it has to be before p's next life. Without such a function: it is 0.
 * These are all the exceptions.
 */
/** Its own state tells how it goes on; and a manager knows the states of those that it manages. */
export function blank_state(k: Kernel, p: number, row: number): boolean {
  return row !== p || k.state[row] === P_HALTED || k.state[row] === P_LOADING;
}
/** What it said last, until it is loaded. */
export function blank_done(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_exitStatus(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** The end of the system, if it was told so. */
export function blank_fx(k: Kernel, _p: number, row: number): boolean {
  return k.fx[row] === 0 || k.fx[row] === FX_END;
}
/** When and how it starts again, and what the health monitor remembers of it. */
export function blank_goHi(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_goLo(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_startKind(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_beatHi(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_beatLo(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_hmHi(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_hmLo(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_hmCount(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_hmBack(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** What the auditor counts. */
export function blank_faults(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_restarts(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_illegal(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_resets(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** The credit of this frame: a restart must not buy more. */
export function blank_credit(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_portCredit(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** The schedule is everybody's. */
export function blank_curWin(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_switched(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** What it has sent is the receiver's. */
export function blank_count(k: Kernel, p: number, row: number): boolean {
  return k.count[row] === 0 || k.portTo[row] !== p;
}
/** As a server it has nothing to fetch and nothing to answer; as a client at most a call that its server still works on. */
export function blank_callState(k: Kernel, p: number, row: number): boolean {
  const state = k.callState[row];
  if (k.portTo[row] === p) return state !== C_PENDING && state !== C_SERVING && state !== C_LATE;
  return state === 0 || state === C_LATE;
}
export function blank_callHi(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_callLo(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** Which of its peers are gone is theirs: it is to know that when it comes back. */
export function blank_down(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
/** A sample is its writer's. */
export function blank_sampleValid(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_sampleLength(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_sampleHi(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_sampleLo(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}
export function blank_sampleData(_k: Kernel, _p: number, _row: number): boolean {
  return true;
}

// ---- queues -----------------------------------------------------------------------------------------------------------
/** The slot of the message at place `i` of port `c`, counted from the oldest; 0, if there is no such place. */
export function slotInQueue(k: Kernel, c: number, i: number): number {
  if (c < 0 || c >= k.nports || i < 0 || i > k.portCapacity[c]) return 0;
  const place = k.head[c] + i;
  return k.slotOf[c * MAX_DEPTH + (place < k.portCapacity[c] ? place : place - k.portCapacity[c])];
}
/** A queue that nobody wipes, with a place `i` and a word `w`. */
function isPlace(k: Kernel, c: number, i: number, w: number): boolean {
  if (c < 0 || c >= k.nports || k.portKind[c] === PORT_CALL || w < 0 || w >= MESSAGE_WORDS) return false;
  return i >= 0 && i < k.portCapacity[c] && k.state[k.portTo[c]] !== P_WIPING;
}
/** Word `w` of the message in a slot and its length are the same as those of another. */
function isSame(k: Kernel, slot: number, after: Kernel, other: number, w: number): boolean {
  return (
    k.slotLength[slot] === after.slotLength[other] &&
    k.slotData[slot * MESSAGE_WORDS + w] === after.slotData[other * MESSAGE_WORDS + w]
  );
}
/** Whatever is done, a queue keeps its messages and their order; it loses at most the oldest and gains at most a youngest. */
export function fifo_kept(k: Kernel, after: Kernel, c: number, i: number, w: number): boolean {
  if (!isPlace(k, c, i, w) || !isPlace(after, c, i, w)) return true;
  const taken = after.count[c] === k.count[c] - 1 ? 1 : 0;
  if (i < taken || i >= k.count[c]) return true;
  return isSame(k, slotInQueue(k, c, i), after, slotInQueue(after, c, i - taken), w);
}
export function fifo_count(k: Kernel, after: Kernel, c: number): boolean {
  if (!isPlace(k, c, 0, 0) || !isPlace(after, c, 0, 0)) return true;
  return after.count[c] >= k.count[c] - 1 && after.count[c] <= k.count[c] + 1;
}
/** What a queue gains is the caller's message. */
export function fifo_gained(k: Kernel, after: Kernel, c: number, w: number): boolean {
  if (!isPlace(k, c, 0, w) || !isPlace(after, c, 0, w) || after.count[c] !== k.count[c] + 1) return true;
  const slot = slotInQueue(after, c, k.count[c]);
  return w >= (after.slotLength[slot] + 3) >> 2 || after.slotData[slot * MESSAGE_WORDS + w] === k.inp[w];
}

// ---- calls ------------------------------------------------------------------------------------------------------------
/** Calls cannot wait in a circle: a caller waits for a partition of lower rank. */
export function acyclic(k: Kernel, p: number): boolean {
  if (p < 0 || p >= k.np || k.why[p] !== W_CALL) return true;
  return k.rank[k.portTo[k.waitPort[p]]] < k.rank[p];
}

// ---- what waits goes on -------------------------------------------------------------------------------------------------
function isDue(k: Kernel, hi: number, lo: number): boolean {
  return k.timeHi > hi || (k.timeHi === hi && k.timeLo >= lo);
}
/** The deadline of what p waits for has come. */
function isOverdue(k: Kernel, p: number): boolean {
  if (k.why[p] === W_CALL) return isDue(k, k.callHi[k.waitPort[p]], k.callLo[k.waitPort[p]]);
  return isDue(k, k.untilHi[p], k.untilLo[p]);
}
/** A blocked partition whose deadline has come goes on at its next question. */
export function live_RESULT(k: Kernel, after: Kernel, result: number, core: number, p: number): boolean {
  if (!mayRun(k, core, p) || k.state[p] !== P_READY || k.why[p] === W_NONE || k.credit[p] < COST) return true;
  return !isOverdue(k, p) || (after.why[p] === W_NONE && result !== E_BLOCKED);
}
/** A single tick never fails; time never goes back, and moves until its last value. */
export function live_tick(k: Kernel, after: Kernel, result: number, n: number): boolean {
  if (result !== OK) return n !== 1;
  if (n < 1 || n >= TIME_BASE) return false;
  if (k.timeLo < TIME_BASE - n) return after.timeHi === k.timeHi && after.timeLo === k.timeLo + n;
  if (k.timeHi === INT_MAX) return after.timeHi === INT_MAX && after.timeLo === TIME_BASE - 1;
  return after.timeHi === k.timeHi + 1 && after.timeLo === k.timeLo - (TIME_BASE - n);
}
/** No window and no frame ends sooner: so many ticks are not refused (see what behaviour.ts says of tick). */
export function live_untilSwitch(_k: Kernel, _after: Kernel, result: number): boolean {
  return result >= 1 && result < TIME_BASE;
}
/** Each slice wipes one slot more or ends the wiping; whose back-off is over is to be loaded. */
export function live_work(k: Kernel, after: Kernel, core: number, p: number): boolean {
  if (!mayRun(k, core, p)) return true;
  if (k.state[p] === P_WIPING) {
    if (after.state[p] === P_WIPING) return after.cursor[p] === k.cursor[p] + 1;
    return after.state[p] === P_LOADING || after.state[p] === P_HALTED;
  }
  if (k.state[p] !== P_LOADING || k.sysMode !== SYS_RUN || !isDue(k, k.goHi[p], k.goLo[p])) return true;
  return after.state[p] === P_ASKED;
}
