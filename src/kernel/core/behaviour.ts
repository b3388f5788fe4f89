/*
 * What every action does, complete (theorem FSPEC): `ACTION_result` is what it gives back, `ACTION_NAME` the value of a field
 * or of cell `i` of a table afterwards, from the state before. `step_NAME` says so of all operations at once, if an operation
 * has no word of its own. What has no function stays as it was. Of `out` only the words that go out are spoken of.
 *
 * In the core's language, but not in its way: the core says step by step what to do, this says of each cell what becomes
 * of it.
 */
import type { Kernel } from './core.ts';
import {
  C_DONE,
  C_EXPIRED,
  C_FAILED,
  C_IDLE,
  C_LATE,
  C_PENDING,
  C_SERVING,
  COST,
  COST_EVENT,
  E_ARG,
  E_BLOCKED,
  E_BUDGET,
  E_BUSY,
  E_CALLER,
  E_EMPTY,
  E_FULL,
  E_LATE,
  E_LIMIT,
  E_OP,
  E_PEER,
  E_RETRY,
  E_RIGHT,
  E_STATE,
  E_TIMEOUT,
  FAULT_APPLICATION,
  FAULT_BEAT,
  FAULT_EXIT,
  FAULT_ILLEGAL,
  FX_END,
  FX_KILL,
  FX_LOAD,
  FX_WAKE,
  H_CALL,
  H_MANAGE,
  H_READ,
  H_RECEIVE,
  H_SEND,
  H_SERVE,
  H_SIGNAL,
  H_WRITE,
  HEAD,
  HM_COLD,
  HM_DELIVER,
  HM_HALT,
  HM_MODE,
  HM_SHUTDOWN,
  HM_WARM,
  INT_MAX,
  MAX_CODES,
  MAX_CORES,
  MAX_ENDS,
  MAX_HANDLES,
  MAX_PARTITIONS,
  MAX_STATUS,
  MAX_TEXT,
  MESSAGE_WORDS,
  OK,
  OP_AUDIT,
  OP_BEAT,
  OP_CALL,
  OP_EXIT,
  OP_FAULTS,
  OP_FETCH,
  OP_GRANT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
  OP_POLL,
  OP_RAISE,
  OP_READ,
  OP_RECEIVE,
  OP_REPLY,
  OP_RESET,
  OP_RESTART,
  OP_RESULT,
  OP_SEND,
  OP_SET_MODE,
  OP_SHUTDOWN,
  OP_SIGNAL,
  OP_START,
  OP_STATUS,
  OP_STOP,
  OP_STREAM,
  OP_TIME,
  OP_WAIT,
  OP_WRITE,
  P_ASKED,
  P_DYING,
  P_HALTED,
  P_LOADING,
  P_READY,
  P_WIPING,
  PORT_BLOCK,
  PORT_CALL,
  PORT_DROP,
  START_COLD,
  START_WARM,
  SYS_RUN,
  SYS_STOPPING,
  TIME_BASE,
  W_ANY,
  W_CALL,
  W_MESSAGE,
  W_NONE,
  W_SPACE,
} from './core.ts';
import { mayRun, slotInQueue } from './order.ts';

// ---- words that all use -----------------------------------------------------------------------------------------------------
function exists(k: Kernel, p: number): boolean {
  return p >= 0 && p < k.np;
}
function oneMore(x: number): number {
  return x === INT_MAX ? x : x + 1;
}
/** The time in `ticks` ticks; time stands at its last value. */
function hiIn(k: Kernel, ticks: number): number {
  return k.timeLo + ticks >= TIME_BASE && k.timeHi !== INT_MAX ? k.timeHi + 1 : k.timeHi;
}
function loIn(k: Kernel, ticks: number): number {
  if (k.timeLo + ticks < TIME_BASE) return k.timeLo + ticks;
  return k.timeHi === INT_MAX ? TIME_BASE - 1 : k.timeLo + ticks - TIME_BASE;
}
function isPassed(k: Kernel, hi: number, lo: number): boolean {
  return k.timeHi > hi || (k.timeHi === hi && k.timeLo >= lo);
}
/** Ticks since then, TIME_BASE - 1 if they are more than that. */
function ageOf(k: Kernel, hi: number, lo: number): number {
  if (k.timeHi === hi) return k.timeLo - lo;
  return k.timeHi - 1 === hi && k.timeLo < lo ? k.timeLo + (TIME_BASE - lo) : TIME_BASE - 1;
}
function isSpan(ticks: number): boolean {
  return ticks >= 0 && ticks < TIME_BASE;
}
function words(bytes: number): number {
  return (bytes + 3) >> 2;
}
/** The object behind handle `h` of `p`, if for this; or -1. */
function object(k: Kernel, p: number, h: number, kind: number): number {
  if (!exists(k, p) || h < 0 || h >= MAX_HANDLES) return -1;
  return k.handleKind[p * MAX_HANDLES + h] === kind ? k.handleObject[p * MAX_HANDLES + h] : -1;
}
function other(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p && k.streamFromEnd[s] === e ? k.streamTo[s] : k.streamFrom[s];
}
function otherEnd(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p && k.streamFromEnd[s] === e ? k.streamToEnd[s] : k.streamFromEnd[s];
}
function isFull(k: Kernel, c: number): boolean {
  return k.count[c] >= k.portCapacity[c];
}

// ---- what each operation says to a caller that is heard and can pay -----------------------------------------------------------
/** Between a process and its supervisor: nothing that the core knows. */
function HELLO_verdict(): number {
  return E_OP;
}
function NOTIFY_verdict(k: Kernel, p: number, e: number): number {
  return e >= 0 && e < k.ends[p] ? OK : E_ARG;
}
function STREAM_verdict(k: Kernel, p: number, e: number): number {
  return e >= 0 && e < k.ends[p] ? OK : E_ARG;
}
function EXIT_verdict(status: number): number {
  return status >= 0 && status <= MAX_STATUS ? OK : E_ARG;
}
function SHUTDOWN_verdict(k: Kernel, p: number): number {
  return k.mayShutDown[p] === 1 ? OK : E_RIGHT;
}
function LOG_verdict(bytes: number): number {
  return bytes >= 0 && bytes <= MAX_TEXT ? OK : E_ARG;
}
/** At once, or not at all, or later. */
function later(ticks: number, refusal: number): number {
  return ticks === 0 ? refusal : E_BLOCKED;
}
function WAIT_verdict(k: Kernel, p: number, ticks: number): number {
  if (!isSpan(ticks)) return E_ARG;
  return k.fresh[p] === 1 ? OK : later(ticks, E_EMPTY);
}
function SEND_verdict(k: Kernel, p: number, h: number, bytes: number, ticks: number): number {
  const c = object(k, p, h, H_SEND);
  if (c < 0) return E_RIGHT;
  if (bytes < 0 || bytes > k.portBytes[c] || !isSpan(ticks)) return E_ARG;
  if (k.portKind[c] === PORT_DROP) return k.portCredit[c] > 0 ? OK : E_LIMIT;
  return isFull(k, c) ? later(ticks, E_FULL) : OK;
}
function RECEIVE_verdict(k: Kernel, p: number, h: number, ticks: number): number {
  const c = object(k, p, h, H_RECEIVE);
  if (c < 0) return E_RIGHT;
  if (!isSpan(ticks)) return E_ARG;
  return k.count[c] > 0 ? OK : later(ticks, E_EMPTY);
}
function STATUS_verdict(k: Kernel, p: number, h: number): number {
  if (h < 0 || h >= MAX_HANDLES) return E_RIGHT;
  const kind = k.handleKind[p * MAX_HANDLES + h];
  const managed = k.handleObject[p * MAX_HANDLES + h];
  if (kind === H_MANAGE) return k.policy[managed * MAX_PARTITIONS + p] === 0 ? E_RIGHT : OK;
  const isPort = kind === H_SEND || kind === H_RECEIVE || kind === H_CALL || kind === H_SERVE;
  return isPort || kind === H_READ ? OK : E_RIGHT;
}
function WRITE_verdict(k: Kernel, p: number, h: number, bytes: number): number {
  const m = object(k, p, h, H_WRITE);
  if (m < 0) return E_RIGHT;
  return bytes >= 0 && bytes <= k.sampleBytes[m] ? OK : E_ARG;
}
function READ_verdict(k: Kernel, p: number, h: number): number {
  const m = object(k, p, h, H_READ);
  if (m < 0) return E_RIGHT;
  return k.sampleValid[m] === 1 ? OK : E_EMPTY;
}
function SIGNAL_verdict(k: Kernel, p: number, h: number): number {
  return object(k, p, h, H_SIGNAL) >= 0 ? OK : E_RIGHT;
}
function CALL_verdict(k: Kernel, p: number, h: number, bytes: number): number {
  const c = object(k, p, h, H_CALL);
  if (c < 0) return E_RIGHT;
  if (bytes < 0 || bytes > k.portBytes[c]) return E_ARG;
  return k.callState[c] === C_IDLE ? E_BLOCKED : E_BUSY;
}
function FETCH_verdict(k: Kernel, p: number, h: number, ticks: number): number {
  const c = object(k, p, h, H_SERVE);
  if (c < 0) return E_RIGHT;
  if (!isSpan(ticks)) return E_ARG;
  return k.callState[c] === C_PENDING ? OK : later(ticks, E_EMPTY);
}
function REPLY_verdict(k: Kernel, p: number, h: number, bytes: number): number {
  const c = object(k, p, h, H_SERVE);
  if (c < 0) return E_RIGHT;
  if (bytes < 0 || bytes > k.portBytes[c]) return E_ARG;
  if (k.callState[c] === C_LATE) return E_LATE;
  if (k.callState[c] !== C_SERVING) return E_EMPTY;
  return isPassed(k, k.callHi[c], k.callLo[c]) ? E_LATE : OK;
}
function GRANT_verdict(k: Kernel, p: number, frames: number): number {
  if (frames <= 0) return E_ARG;
  return frames <= k.memoryFrames[p] - k.memoryUsed[p] ? OK : E_LIMIT;
}
function SET_MODE_verdict(k: Kernel, p: number, mode: number): number {
  if (k.mayMode[p] !== 1) return E_RIGHT;
  return mode >= 0 && mode < k.nmodes ? OK : E_ARG;
}
function MANAGE_verdict(k: Kernel, p: number, h: number): number {
  return object(k, p, h, H_MANAGE) >= 0 ? OK : E_RIGHT;
}
function RAISE_verdict(code: number): number {
  return code >= FAULT_APPLICATION && code < MAX_CODES ? OK : E_ARG;
}
function AUDIT_verdict(k: Kernel, p: number, q: number): number {
  if (!exists(k, q)) return E_ARG;
  return k.auditor[q] === p ? OK : E_RIGHT;
}
/** How the call of p on port c goes on. */
function called(k: Kernel, c: number): number {
  const state = k.callState[c];
  if (state === C_DONE) return OK;
  if (state === C_FAILED) return E_PEER;
  return state === C_EXPIRED || isPassed(k, k.callHi[c], k.callLo[c]) ? E_TIMEOUT : E_BLOCKED;
}
/** What p waits for, but for calls, is there. */
function isThere(k: Kernel, p: number): boolean {
  if (k.why[p] === W_ANY) return k.fresh[p] === 1;
  const c = k.waitPort[p];
  if (k.why[p] === W_SPACE) return !isFull(k, c);
  return k.portKind[c] === PORT_CALL ? k.callState[c] === C_PENDING : k.count[c] > 0;
}
function RESULT_verdict(k: Kernel, p: number): number {
  if (k.why[p] === W_NONE) return E_EMPTY;
  if (k.why[p] === W_CALL) return called(k, k.waitPort[p]);
  if (isThere(k, p)) return E_RETRY;
  return isPassed(k, k.untilHi[p], k.untilLo[p]) ? E_TIMEOUT : E_BLOCKED;
}
function verdict(k: Kernel, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (op === OP_RESULT) return RESULT_verdict(k, p);
  if (op === OP_RAISE) return RAISE_verdict(a0);
  if (k.why[p] !== W_NONE) return E_BLOCKED;
  if (op === OP_HELLO) return HELLO_verdict();
  if (op === OP_NOTIFY) return NOTIFY_verdict(k, p, a0);
  if (op === OP_STREAM) return STREAM_verdict(k, p, a0);
  if (op === OP_EXIT) return EXIT_verdict(a0);
  if (op === OP_SHUTDOWN) return SHUTDOWN_verdict(k, p);
  if (op === OP_LOG) return LOG_verdict(a0);
  if (op === OP_WAIT) return WAIT_verdict(k, p, a0);
  if (op === OP_SEND) return SEND_verdict(k, p, a0, a1, a2);
  if (op === OP_RECEIVE) return RECEIVE_verdict(k, p, a0, a1);
  if (op === OP_STATUS) return STATUS_verdict(k, p, a0);
  if (op === OP_WRITE) return WRITE_verdict(k, p, a0, a1);
  if (op === OP_READ) return READ_verdict(k, p, a0);
  if (op === OP_SIGNAL) return SIGNAL_verdict(k, p, a0);
  if (op === OP_CALL) return CALL_verdict(k, p, a0, a1);
  if (op === OP_FETCH) return FETCH_verdict(k, p, a0, a1);
  if (op === OP_REPLY) return REPLY_verdict(k, p, a0, a1);
  if (op === OP_GRANT) return GRANT_verdict(k, p, a0);
  if (op === OP_SET_MODE) return SET_MODE_verdict(k, p, a0);
  if (op === OP_START || op === OP_STOP || op === OP_RESTART) return MANAGE_verdict(k, p, a0);
  if (op === OP_AUDIT) return AUDIT_verdict(k, p, a0);
  const always = op === OP_TIME || op === OP_RESET || op === OP_POLL || op === OP_FAULTS || op === OP_BEAT;
  return always ? OK : E_OP;
}

// ---- operations: who is heard, and what it costs -------------------------------------------------------------------------------
function price(op: number): number {
  return op === OP_LOG || op === OP_RESET ? COST_EVENT : COST;
}
function isHeard(k: Kernel, core: number, p: number, op: number): boolean {
  return mayRun(k, core, p) && k.state[p] === P_READY && k.credit[p] >= price(op);
}
/** p is heard, and the answer is this one. */
function says(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  answer: number,
): boolean {
  return isHeard(k, core, p, op) && verdict(k, p, op, a0, a1, a2) === answer;
}
/** What blocks from now on was not blocked before. */
function blocks(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): boolean {
  return says(k, core, p, op, a0, a1, a2, E_BLOCKED) && k.why[p] === W_NONE;
}
/** An open call has ended. */
function unblocks(k: Kernel, core: number, p: number, op: number): boolean {
  if (op !== OP_RESULT || !isHeard(k, core, p, op) || k.why[p] === W_NONE) return false;
  return RESULT_verdict(k, p) !== E_BLOCKED;
}
export function step_result(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
): number {
  if (!mayRun(k, core, p)) return E_CALLER;
  if (k.state[p] !== P_READY) return E_STATE;
  return k.credit[p] >= price(op) ? verdict(k, p, op, a0, a1, a2) : E_BUDGET;
}
export function step_credit(k: Kernel, core: number, p: number, op: number, i: number): number {
  return i === p && isHeard(k, core, p, op) ? k.credit[i] - price(op) : k.credit[i];
}
/** An illegal call. */
function isIllegal(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): boolean {
  if (!isHeard(k, core, p, op)) return false;
  const answer = verdict(k, p, op, a0, a1, a2);
  return answer === E_OP || answer === E_RIGHT || answer === E_ARG;
}
export function step_illegal(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && isIllegal(k, core, p, op, a0, a1, a2) ? oneMore(k.illegal[i]) : k.illegal[i];
}

// ---- the health monitor: what becomes of the row of p when a fault of it is judged ------------------------------------------------
function actionOn(k: Kernel, p: number, code: number): number {
  return k.hmAction[p * MAX_CODES + code];
}
function asksRestart(k: Kernel, p: number, code: number): boolean {
  return actionOn(k, p, code) === HM_WARM || actionOn(k, p, code) === HM_COLD;
}
function isNewPeriod(k: Kernel, p: number): boolean {
  return ageOf(k, k.hmHi[p], k.hmLo[p]) >= k.hmPeriod[p];
}
function countBefore(k: Kernel, p: number): number {
  return isNewPeriod(k, p) ? 0 : k.hmCount[p];
}
function backBefore(k: Kernel, p: number): number {
  return isNewPeriod(k, p) ? k.hmDelay[p] : k.hmBack[p];
}
function restartsNow(k: Kernel, p: number, code: number): boolean {
  return asksRestart(k, p, code) && countBefore(k, p) < k.hmBudget[p];
}
function killsNow(k: Kernel, p: number, code: number): boolean {
  const action = actionOn(k, p, code);
  if (asksRestart(k, p, code) || action === HM_HALT) return true;
  return code === FAULT_EXIT && (action === HM_MODE || action === HM_SHUTDOWN);
}
function deliversNow(k: Kernel, p: number, code: number): boolean {
  return actionOn(k, p, code) === HM_DELIVER;
}
function judgedState(k: Kernel, p: number, code: number): number {
  return killsNow(k, p, code) ? P_DYING : k.state[p];
}
function judgedNext(k: Kernel, p: number, code: number): number {
  if (!killsNow(k, p, code)) return k.next[p];
  return restartsNow(k, p, code) ? P_LOADING : P_HALTED;
}
function judgedFx(k: Kernel, p: number, code: number): number {
  if (killsNow(k, p, code)) return (k.fx[p] & FX_END) | FX_KILL;
  return deliversNow(k, p, code) && k.state[p] === P_READY ? k.fx[p] | FX_WAKE : k.fx[p];
}
function judgedFresh(k: Kernel, p: number, code: number): number {
  return deliversNow(k, p, code) ? 1 : k.fresh[p];
}
function judgedBits(k: Kernel, p: number, code: number): number {
  return deliversNow(k, p, code) ? k.faultBits[p] | (1 << code) : k.faultBits[p];
}
function judgedGoHi(k: Kernel, p: number, code: number): number {
  return restartsNow(k, p, code) ? hiIn(k, backBefore(k, p)) : k.goHi[p];
}
function judgedGoLo(k: Kernel, p: number, code: number): number {
  return restartsNow(k, p, code) ? loIn(k, backBefore(k, p)) : k.goLo[p];
}
function judgedKind(k: Kernel, p: number, code: number): number {
  if (!restartsNow(k, p, code)) return k.startKind[p];
  return actionOn(k, p, code) === HM_WARM ? START_WARM : START_COLD;
}
function judgedHmHi(k: Kernel, p: number, code: number): number {
  return asksRestart(k, p, code) && isNewPeriod(k, p) ? k.timeHi : k.hmHi[p];
}
function judgedHmLo(k: Kernel, p: number, code: number): number {
  return asksRestart(k, p, code) && isNewPeriod(k, p) ? k.timeLo : k.hmLo[p];
}
function judgedCount(k: Kernel, p: number, code: number): number {
  if (!asksRestart(k, p, code)) return k.hmCount[p];
  return restartsNow(k, p, code) ? countBefore(k, p) + 1 : countBefore(k, p);
}
function judgedBack(k: Kernel, p: number, code: number): number {
  if (!asksRestart(k, p, code)) return k.hmBack[p];
  const back = backBefore(k, p);
  if (!restartsNow(k, p, code)) return back;
  return back + back > k.hmMax[p] ? k.hmMax[p] : back + back;
}
function judgedMode(k: Kernel, p: number, code: number): number {
  return actionOn(k, p, code) === HM_MODE ? k.hmMode[p] : k.nextMode;
}
function judgedEnd(k: Kernel, p: number, code: number): number {
  return actionOn(k, p, code) === HM_SHUTDOWN ? 1 : k.endAsked;
}

// ---- operations: faults ------------------------------------------------------------------------------------------------------------
/** The code of the fault that the operation is, or raises; -1: none. */
function codeOf(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (isIllegal(k, core, p, op, a0, a1, a2)) return FAULT_ILLEGAL;
  return op === OP_RAISE && says(k, core, p, op, a0, a1, a2, OK) ? a0 : -1;
}
export function step_faults(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && codeOf(k, core, p, op, a0, a1, a2) >= 0 ? oneMore(k.faults[i]) : k.faults[i];
}
export function step_goHi(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedGoHi(k, p, code) : k.goHi[i];
}
export function step_goLo(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedGoLo(k, p, code) : k.goLo[i];
}
export function step_startKind(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedKind(k, p, code) : k.startKind[i];
}
export function step_state(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedState(k, p, code) : k.state[i];
}
export function step_next(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedNext(k, p, code) : k.next[i];
}
export function step_faultBits(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedBits(k, p, code) : k.faultBits[i];
}
export function step_hmHi(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedHmHi(k, p, code) : k.hmHi[i];
}
export function step_hmLo(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedHmLo(k, p, code) : k.hmLo[i];
}
export function step_hmCount(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedCount(k, p, code) : k.hmCount[i];
}
export function step_hmBack(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedBack(k, p, code) : k.hmBack[i];
}
export function step_nextMode(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return code >= 0 ? judgedMode(k, p, code) : k.nextMode;
}
export function step_endAsked(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
): number {
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return code >= 0 ? judgedEnd(k, p, code) : k.endAsked;
}

// ---- operations: what others get ------------------------------------------------------------------------------------------------------
/** The port that the operation uses, or -1. */
function portOf(k: Kernel, p: number, op: number, a0: number): number {
  if (op === OP_SEND) return object(k, p, a0, H_SEND);
  if (op === OP_RECEIVE) return object(k, p, a0, H_RECEIVE);
  if (op === OP_CALL) return object(k, p, a0, H_CALL);
  if (op === OP_FETCH || op === OP_REPLY) return object(k, p, a0, H_SERVE);
  return -1;
}
/** A message of `p` finds a place in the queue of port `c`. */
function queues(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  c: number,
): boolean {
  return (
    op === OP_SEND && c >= 0 && portOf(k, p, op, a0) === c && says(k, core, p, op, a0, a1, a2, OK) && !isFull(k, c)
  );
}
/** A call of `p` begins on port `c`. */
function calls(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number, c: number): boolean {
  return op === OP_CALL && c >= 0 && portOf(k, p, op, a0) === c && blocks(k, core, p, op, a0, a1, a2);
}
/** `p` takes the oldest message of port `c`. */
function takes(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number, c: number): boolean {
  return op === OP_RECEIVE && c >= 0 && portOf(k, p, op, a0) === c && says(k, core, p, op, a0, a1, a2, OK);
}
/** `p` answers the call on port `c`, in time or not. */
function answers(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  _a2: number,
  c: number,
): boolean {
  if (op !== OP_REPLY || !isHeard(k, core, p, op) || k.why[p] !== W_NONE) return false;
  if (c < 0 || portOf(k, p, op, a0) !== c || a1 < 0 || a1 > k.portBytes[c]) return false;
  return k.callState[c] === C_SERVING;
}
/** Something comes in at partition `i`. */
function getsIn(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): boolean {
  if (op === OP_NOTIFY) return says(k, core, p, op, a0, a1, a2, OK) && other(k, p, a0) === i;
  if (op === OP_SIGNAL) return says(k, core, p, op, a0, a1, a2, OK) && object(k, p, a0, H_SIGNAL) === i;
  if (op === OP_WRITE) {
    const m = object(k, p, a0, H_WRITE);
    return says(k, core, p, op, a0, a1, a2, OK) && exists(k, i) && k.sampleReader[m * MAX_PARTITIONS + i] === 1;
  }
  const c = portOf(k, p, op, a0);
  if (c < 0) return false;
  // Who waits for space learns that there is some.
  if (takes(k, core, p, op, a0, a1, a2, c)) return k.portKind[c] === PORT_BLOCK && isFull(k, c) && k.portFrom[c] === i;
  if (answers(k, core, p, op, a0, a1, a2, c)) return k.portFrom[c] === i;
  return (queues(k, core, p, op, a0, a1, a2, c) || calls(k, core, p, op, a0, a1, a2, c)) && k.portTo[c] === i;
}
export function step_fresh(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (getsIn(k, core, p, op, a0, a1, a2, i)) return 1;
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedFresh(k, p, code) : k.fresh[i];
}
export function step_fx(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (getsIn(k, core, p, op, a0, a1, a2, i)) return k.state[i] === P_READY ? k.fx[i] | FX_WAKE : k.fx[i];
  const code = codeOf(k, core, p, op, a0, a1, a2);
  return i === p && code >= 0 ? judgedFx(k, p, code) : k.fx[i];
}

// ---- operations: waiting ---------------------------------------------------------------------------------------------------------------
function reasonOf(op: number): number {
  if (op === OP_WAIT) return W_ANY;
  if (op === OP_SEND) return W_SPACE;
  return op === OP_CALL ? W_CALL : W_MESSAGE;
}
function ticksOf(k: Kernel, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (op === OP_WAIT) return a0;
  if (op === OP_SEND) return a2;
  return op === OP_CALL ? k.portWithin[object(k, p, a0, H_CALL)] : a1;
}
export function step_why(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (i !== p) return k.why[i];
  if (unblocks(k, core, p, op)) return W_NONE;
  return blocks(k, core, p, op, a0, a1, a2) ? reasonOf(op) : k.why[i];
}
export function step_waitPort(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (i !== p) return k.waitPort[i];
  if (unblocks(k, core, p, op)) return 0;
  return blocks(k, core, p, op, a0, a1, a2) ? (op === OP_WAIT ? 0 : portOf(k, p, op, a0)) : k.waitPort[i];
}
export function step_untilHi(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (i !== p) return k.untilHi[i];
  if (unblocks(k, core, p, op)) return 0;
  return blocks(k, core, p, op, a0, a1, a2) ? hiIn(k, ticksOf(k, p, op, a0, a1, a2)) : k.untilHi[i];
}
export function step_untilLo(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (i !== p) return k.untilLo[i];
  if (unblocks(k, core, p, op)) return 0;
  return blocks(k, core, p, op, a0, a1, a2) ? loIn(k, ticksOf(k, p, op, a0, a1, a2)) : k.untilLo[i];
}
export function WAIT_fresh(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  if (i === p && says(k, core, p, OP_WAIT, a0, a1, a2, OK)) return 0;
  return step_fresh(k, core, p, OP_WAIT, a0, a1, a2, i);
}

// ---- operations: queues and calls -------------------------------------------------------------------------------------------------------
export function step_count(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (queues(k, core, p, op, a0, a1, a2, i)) return k.count[i] + 1;
  return takes(k, core, p, op, a0, a1, a2, i) ? k.count[i] - 1 : k.count[i];
}
export function step_head(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (!takes(k, core, p, op, a0, a1, a2, i)) return k.head[i];
  return k.head[i] === k.portCapacity[i] - 1 ? 0 : k.head[i] + 1;
}
export function SEND_lost(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  const isMine = i >= 0 && object(k, p, a0, H_SEND) === i && says(k, core, p, OP_SEND, a0, a1, a2, OK);
  return isMine && k.portKind[i] === PORT_DROP && isFull(k, i) ? oneMore(k.lost[i]) : k.lost[i];
}
export function SEND_portCredit(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const isMine = i >= 0 && object(k, p, a0, H_SEND) === i && says(k, core, p, OP_SEND, a0, a1, a2, OK);
  return isMine && k.portKind[i] === PORT_DROP ? k.portCredit[i] - 1 : k.portCredit[i];
}
export function CALL_callState(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return calls(k, core, p, OP_CALL, a0, a1, a2, i) ? C_PENDING : k.callState[i];
}
export function CALL_callHi(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return calls(k, core, p, OP_CALL, a0, a1, a2, i) ? hiIn(k, k.portWithin[i]) : k.callHi[i];
}
export function CALL_callLo(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return calls(k, core, p, OP_CALL, a0, a1, a2, i) ? loIn(k, k.portWithin[i]) : k.callLo[i];
}
export function FETCH_callState(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i >= 0 && object(k, p, a0, H_SERVE) === i && says(k, core, p, OP_FETCH, a0, a1, a2, OK)
    ? C_SERVING
    : k.callState[i];
}
export function REPLY_callState(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (answers(k, core, p, OP_REPLY, a0, a1, a2, i)) return isPassed(k, k.callHi[i], k.callLo[i]) ? C_EXPIRED : C_DONE;
  const isLate = i >= 0 && object(k, p, a0, H_SERVE) === i && says(k, core, p, OP_REPLY, a0, a1, a2, E_LATE);
  return isLate ? C_IDLE : k.callState[i];
}
export function RESULT_callState(k: Kernel, core: number, p: number, i: number): number {
  if (!unblocks(k, core, p, OP_RESULT) || k.why[p] !== W_CALL || k.waitPort[p] !== i) return k.callState[i];
  return k.callState[i] === C_SERVING ? C_LATE : C_IDLE;
}
/** The slot that the caller's message is stored in, or -1: none, or its reader is being wiped. */
function slotFilled(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  const c = portOf(k, p, op, a0);
  if (c < 0) return -1;
  if (op === OP_REPLY) {
    return says(k, core, p, op, a0, a1, a2, OK) && k.state[k.portFrom[c]] !== P_WIPING ? k.replySlot[c] : -1;
  }
  if (!queues(k, core, p, op, a0, a1, a2, c) && !calls(k, core, p, op, a0, a1, a2, c)) return -1;
  if (k.state[k.portTo[c]] === P_WIPING) return -1;
  return slotInQueue(k, c, op === OP_SEND ? k.count[c] : 0);
}
export function step_slotLength(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return slotFilled(k, core, p, op, a0, a1, a2) === i ? a1 : k.slotLength[i];
}
export function step_slotData(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const slot = slotFilled(k, core, p, op, a0, a1, a2);
  if (slot < 0) return k.slotData[i];
  const w = i - slot * MESSAGE_WORDS;
  return w >= 0 && w < words(a1) ? k.inp[w] : k.slotData[i];
}

// ---- operations: samples, signals, and the rest ------------------------------------------------------------------------------------------
function isWritten(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, m: number): boolean {
  return m >= 0 && object(k, p, a0, H_WRITE) === m && says(k, core, p, OP_WRITE, a0, a1, a2, OK);
}
export function WRITE_sampleValid(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isWritten(k, core, p, a0, a1, a2, i) ? 1 : k.sampleValid[i];
}
export function WRITE_sampleLength(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isWritten(k, core, p, a0, a1, a2, i) ? a1 : k.sampleLength[i];
}
export function WRITE_sampleHi(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isWritten(k, core, p, a0, a1, a2, i) ? k.timeHi : k.sampleHi[i];
}
export function WRITE_sampleLo(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isWritten(k, core, p, a0, a1, a2, i) ? k.timeLo : k.sampleLo[i];
}
export function WRITE_sampleData(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const w = i & (MESSAGE_WORDS - 1);
  return isWritten(k, core, p, a0, a1, a2, i >> 8) && w < words(a1) ? k.inp[w] : k.sampleData[i];
}
export function SIGNAL_signals(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const isIts = i >= 0 && object(k, p, a0, H_SIGNAL) === i && says(k, core, p, OP_SIGNAL, a0, a1, a2, OK);
  return isIts ? k.signals[i] | (a1 & k.handleMask[p * MAX_HANDLES + a0]) : k.signals[i];
}
export function POLL_signals(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && says(k, core, p, OP_POLL, a0, a1, a2, OK) ? k.signals[i] & ~a0 : k.signals[i];
}
export function FAULTS_faultBits(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && says(k, core, p, OP_FAULTS, a0, a1, a2, OK)
    ? k.faultBits[i] & ~a0
    : step_faultBits(k, core, p, OP_FAULTS, a0, a1, a2, i);
}
export function NOTIFY_news(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  const isIts = says(k, core, p, OP_NOTIFY, a0, a1, a2, OK) && other(k, p, a0) === i;
  return isIts ? k.news[i] | (1 << otherEnd(k, p, a0)) : k.news[i];
}
export function EXIT_done(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_EXIT, a0, a1, a2, OK) ? 1 : k.done[i];
}
export function EXIT_exitStatus(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && says(k, core, p, OP_EXIT, a0, a1, a2, OK) ? a0 : k.exitStatus[i];
}
export function EXIT_status(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number): number {
  return says(k, core, p, OP_EXIT, a0, a1, a2, OK) && k.counts[p] === 1 && k.status === 0 ? a0 : k.status;
}
export function EXIT_state(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_EXIT, a0, a1, a2, OK)
    ? P_DYING
    : step_state(k, core, p, OP_EXIT, a0, a1, a2, i);
}
export function EXIT_next(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_EXIT, a0, a1, a2, OK)
    ? P_HALTED
    : step_next(k, core, p, OP_EXIT, a0, a1, a2, i);
}
export function EXIT_fx(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_EXIT, a0, a1, a2, OK)
    ? (k.fx[i] & FX_END) | FX_KILL
    : step_fx(k, core, p, OP_EXIT, a0, a1, a2, i);
}
export function RESET_resets(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && says(k, core, p, OP_RESET, a0, a1, a2, OK) ? oneMore(k.resets[i]) : k.resets[i];
}
export function SHUTDOWN_endAsked(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number): number {
  return says(k, core, p, OP_SHUTDOWN, a0, a1, a2, OK) ? 1 : step_endAsked(k, core, p, OP_SHUTDOWN, a0, a1, a2);
}
export function SET_MODE_nextMode(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number): number {
  return says(k, core, p, OP_SET_MODE, a0, a1, a2, OK) ? a0 : step_nextMode(k, core, p, OP_SET_MODE, a0, a1, a2);
}
export function GRANT_memoryUsed(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return i === p && says(k, core, p, OP_GRANT, a0, a1, a2, OK) ? k.memoryUsed[i] + a0 : k.memoryUsed[i];
}
export function BEAT_beatHi(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_BEAT, a0, a1, a2, OK) ? hiIn(k, k.beatPeriod[i]) : k.beatHi[i];
}
export function BEAT_beatLo(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i === p && says(k, core, p, OP_BEAT, a0, a1, a2, OK) ? loIn(k, k.beatPeriod[i]) : k.beatLo[i];
}

// ---- operations: management ------------------------------------------------------------------------------------------------------------
/** The partition that the operation is about, if the caller manages it; or -1. */
function managedBy(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  return says(k, core, p, op, a0, a1, a2, OK) ? object(k, p, a0, H_MANAGE) : -1;
}
function isUp(k: Kernel, p: number): boolean {
  return k.state[p] === P_READY || k.state[p] === P_ASKED;
}
function isGoing(k: Kernel, p: number): boolean {
  return k.state[p] === P_DYING || k.state[p] === P_WIPING;
}
/** It is to begin as soon as it can. */
function isSent(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): boolean {
  if (i < 0 || managedBy(k, core, p, op, a0, a1, a2) !== i || op === OP_STOP) return false;
  return k.state[i] === P_HALTED || isGoing(k, i) || (op === OP_RESTART && isUp(k, i));
}
/** It runs, and is to end. */
function isEnded(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): boolean {
  return i >= 0 && managedBy(k, core, p, op, a0, a1, a2) === i && op !== OP_START && isUp(k, i);
}
export function START_goHi(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isSent(k, core, p, OP_START, a0, a1, a2, i) ? k.timeHi : step_goHi(k, core, p, OP_START, a0, a1, a2, i);
}
export function START_goLo(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isSent(k, core, p, OP_START, a0, a1, a2, i) ? k.timeLo : step_goLo(k, core, p, OP_START, a0, a1, a2, i);
}
export function START_startKind(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isSent(k, core, p, OP_START, a0, a1, a2, i) ? START_COLD : step_startKind(k, core, p, OP_START, a0, a1, a2, i);
}
export function START_state(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isSent(k, core, p, OP_START, a0, a1, a2, i) && k.state[i] === P_HALTED
    ? P_LOADING
    : step_state(k, core, p, OP_START, a0, a1, a2, i);
}
export function START_next(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isSent(k, core, p, OP_START, a0, a1, a2, i) && isGoing(k, i)
    ? P_LOADING
    : step_next(k, core, p, OP_START, a0, a1, a2, i);
}
export function STOP_state(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  if (isEnded(k, core, p, OP_STOP, a0, a1, a2, i)) return P_DYING;
  return i >= 0 && managedBy(k, core, p, OP_STOP, a0, a1, a2) === i && !isGoing(k, i)
    ? P_HALTED
    : step_state(k, core, p, OP_STOP, a0, a1, a2, i);
}
export function STOP_next(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return i >= 0 && managedBy(k, core, p, OP_STOP, a0, a1, a2) === i && (isUp(k, i) || isGoing(k, i))
    ? P_HALTED
    : step_next(k, core, p, OP_STOP, a0, a1, a2, i);
}
export function STOP_fx(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isEnded(k, core, p, OP_STOP, a0, a1, a2, i)
    ? (k.fx[i] & FX_END) | FX_KILL
    : step_fx(k, core, p, OP_STOP, a0, a1, a2, i);
}
export function RESTART_goHi(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isSent(k, core, p, OP_RESTART, a0, a1, a2, i) ? k.timeHi : step_goHi(k, core, p, OP_RESTART, a0, a1, a2, i);
}
export function RESTART_goLo(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isSent(k, core, p, OP_RESTART, a0, a1, a2, i) ? k.timeLo : step_goLo(k, core, p, OP_RESTART, a0, a1, a2, i);
}
export function RESTART_startKind(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isSent(k, core, p, OP_RESTART, a0, a1, a2, i)
    ? START_COLD
    : step_startKind(k, core, p, OP_RESTART, a0, a1, a2, i);
}
export function RESTART_state(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  if (isEnded(k, core, p, OP_RESTART, a0, a1, a2, i)) return P_DYING;
  return isSent(k, core, p, OP_RESTART, a0, a1, a2, i) && k.state[i] === P_HALTED
    ? P_LOADING
    : step_state(k, core, p, OP_RESTART, a0, a1, a2, i);
}
export function RESTART_next(
  k: Kernel,
  core: number,
  p: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  return isSent(k, core, p, OP_RESTART, a0, a1, a2, i) && k.state[i] !== P_HALTED
    ? P_LOADING
    : step_next(k, core, p, OP_RESTART, a0, a1, a2, i);
}
export function RESTART_fx(k: Kernel, core: number, p: number, a0: number, a1: number, a2: number, i: number): number {
  return isEnded(k, core, p, OP_RESTART, a0, a1, a2, i)
    ? (k.fx[i] & FX_END) | FX_KILL
    : step_fx(k, core, p, OP_RESTART, a0, a1, a2, i);
}

// ---- operations: result words ---------------------------------------------------------------------------------------------------------------
/** The slot whose message goes out, or -1. */
function slotRead(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (!says(k, core, p, op, a0, a1, a2, OK)) return -1;
  if (op === OP_RECEIVE) return slotInQueue(k, object(k, p, a0, H_RECEIVE), 0);
  if (op === OP_FETCH) return slotInQueue(k, object(k, p, a0, H_SERVE), 0);
  return op === OP_RESULT ? k.replySlot[k.waitPort[p]] : -1;
}
export function step_outN(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (!says(k, core, p, op, a0, a1, a2, OK)) return 0;
  const slot = slotRead(k, core, p, op, a0, a1, a2);
  if (slot >= 0) return HEAD + words(k.slotLength[slot]);
  if (op === OP_READ) return HEAD + words(k.sampleLength[object(k, p, a0, H_READ)]);
  if (op === OP_AUDIT || op === OP_STREAM) return 3;
  const two = op === OP_TIME || op === OP_STATUS || op === OP_POLL || op === OP_FAULTS || op === OP_GRANT;
  return two ? 2 : 0;
}
export function step_out(
  k: Kernel,
  core: number,
  p: number,
  op: number,
  a0: number,
  a1: number,
  a2: number,
  i: number,
): number {
  const slot = slotRead(k, core, p, op, a0, a1, a2);
  if (slot < 0) return k.out[i];
  if (i >= HEAD) return k.slotData[slot * MESSAGE_WORDS + (i - HEAD)];
  if (i === 0) return k.slotLength[slot];
  return i === 1 && op === OP_RECEIVE ? k.lost[object(k, p, a0, H_RECEIVE)] : 0;
}
export function READ_out(k: Kernel, p: number, a0: number, i: number): number {
  const m = object(k, p, a0, H_READ);
  if (m < 0 || i < 0 || i >= HEAD + MESSAGE_WORDS) return 0;
  if (i >= HEAD) return k.sampleData[m * MESSAGE_WORDS + (i - HEAD)];
  const age = ageOf(k, k.sampleHi[m], k.sampleLo[m]);
  if (i === 0) return k.sampleLength[m];
  if (i === 1) return age;
  return i === 2 && age <= k.sampleRefresh[m] ? 1 : 0;
}
export function TIME_out(k: Kernel, i: number): number {
  return i === 0 ? k.timeHi : k.timeLo;
}
export function POLL_out(k: Kernel, p: number, a0: number, i: number): number {
  return i === 0 && exists(k, p) ? k.signals[p] & a0 : 0;
}
export function FAULTS_out(k: Kernel, p: number, a0: number, i: number): number {
  return i === 0 && exists(k, p) ? k.faultBits[p] & a0 : 0;
}
export function GRANT_out(k: Kernel, p: number, a0: number, i: number): number {
  return i === 0 && exists(k, p) ? k.memoryBase[p] + k.memoryUsed[p] : a0;
}
export function AUDIT_out(k: Kernel, a0: number, i: number): number {
  if (!exists(k, a0)) return 0;
  if (i === 0) return k.faults[a0];
  return i === 1 ? k.restarts[a0] : k.illegal[a0];
}
export function STREAM_out(k: Kernel, p: number, a0: number, i: number): number {
  if (!exists(k, p) || a0 < 0 || a0 >= k.ends[p]) return 0;
  const s = k.endStream[p * MAX_ENDS + a0];
  if (i === 0) return k.streamBase[s];
  if (i === 1) return k.streamFrames[s];
  return k.streamFrom[s] === p && k.streamFromEnd[s] === a0 ? 0 : 1;
}
/** What STATUS tells of an object behind a handle of this kind, first and second. */
function statusFirst(k: Kernel, kind: number, o: number): number {
  if (kind === H_SEND) return k.portKind[o] === PORT_DROP ? k.portCredit[o] : k.portCapacity[o] - k.count[o];
  if (kind === H_RECEIVE) return k.count[o];
  if (kind === H_READ) return ageOf(k, k.sampleHi[o], k.sampleLo[o]);
  if (kind === H_CALL) return k.callState[o] !== C_IDLE ? 1 : 0;
  if (kind === H_SERVE) return k.callState[o] === C_PENDING ? 1 : 0;
  return kind === H_MANAGE ? k.state[o] : 0;
}
function statusSecond(k: Kernel, kind: number, o: number): number {
  if (kind === H_SEND) return k.portCapacity[o];
  if (kind === H_RECEIVE) return k.lost[o];
  if (kind === H_READ) {
    return k.sampleValid[o] === 1 && ageOf(k, k.sampleHi[o], k.sampleLo[o]) <= k.sampleRefresh[o] ? 1 : 0;
  }
  return kind === H_MANAGE ? k.exitStatus[o] : 0;
}
export function STATUS_out(k: Kernel, p: number, a0: number, i: number): number {
  if (!exists(k, p) || a0 < 0 || a0 >= MAX_HANDLES) return 0;
  const kind = k.handleKind[p * MAX_HANDLES + a0];
  const o = k.handleObject[p * MAX_HANDLES + a0];
  return i === 0 ? statusFirst(k, kind, o) : statusSecond(k, kind, o);
}

// ---- fault -----------------------------------------------------------------------------------------------------------------------------------
function isJudged(k: Kernel, p: number, code: number): boolean {
  return exists(k, p) && code >= 0 && code < MAX_CODES && isUp(k, p);
}
export function fault_result(k: Kernel, p: number, code: number): number {
  if (!exists(k, p)) return E_CALLER;
  if (code < 0 || code >= MAX_CODES) return E_ARG;
  return isUp(k, p) ? OK : E_STATE;
}
export function fault_faults(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? oneMore(k.faults[i]) : k.faults[i];
}
export function fault_fx(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedFx(k, p, code) : k.fx[i];
}
export function fault_fresh(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedFresh(k, p, code) : k.fresh[i];
}
export function fault_goHi(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedGoHi(k, p, code) : k.goHi[i];
}
export function fault_goLo(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedGoLo(k, p, code) : k.goLo[i];
}
export function fault_startKind(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedKind(k, p, code) : k.startKind[i];
}
export function fault_state(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedState(k, p, code) : k.state[i];
}
export function fault_next(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedNext(k, p, code) : k.next[i];
}
export function fault_faultBits(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedBits(k, p, code) : k.faultBits[i];
}
export function fault_hmHi(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedHmHi(k, p, code) : k.hmHi[i];
}
export function fault_hmLo(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedHmLo(k, p, code) : k.hmLo[i];
}
export function fault_hmCount(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedCount(k, p, code) : k.hmCount[i];
}
export function fault_hmBack(k: Kernel, p: number, code: number, i: number): number {
  return i === p && isJudged(k, p, code) ? judgedBack(k, p, code) : k.hmBack[i];
}
export function fault_nextMode(k: Kernel, p: number, code: number): number {
  return isJudged(k, p, code) ? judgedMode(k, p, code) : k.nextMode;
}
export function fault_endAsked(k: Kernel, p: number, code: number): number {
  return isJudged(k, p, code) ? judgedEnd(k, p, code) : k.endAsked;
}

// ---- stopped ---------------------------------------------------------------------------------------------------------------------------------
function isDying(k: Kernel, p: number): boolean {
  return exists(k, p) && k.state[p] === P_DYING;
}
export function stopped_result(k: Kernel, p: number): number {
  if (!exists(k, p)) return E_CALLER;
  return isDying(k, p) ? OK : E_STATE;
}
export function stopped_state(k: Kernel, p: number, i: number): number {
  return i === p && isDying(k, p) ? P_WIPING : k.state[i];
}
export function stopped_cursor(k: Kernel, p: number, i: number): number {
  return i === p && isDying(k, p) ? k.slotFirst[i] : k.cursor[i];
}
export function stopped_fx(k: Kernel, p: number, i: number): number {
  return i === p && isDying(k, p) ? k.fx[i] & FX_END : k.fx[i];
}

// ---- work ------------------------------------------------------------------------------------------------------------------------------------
/** Slot `s` is wiped. */
function wipesSlot(k: Kernel, core: number, p: number, s: number): boolean {
  return wipes(k, core, p) && !isClean(k, p) && k.cursor[p] === s && k.slotOwner[s] === p;
}
function wipes(k: Kernel, core: number, p: number): boolean {
  return mayRun(k, core, p) && k.state[p] === P_WIPING;
}
function isClean(k: Kernel, p: number): boolean {
  return k.cursor[p] >= k.slotEnd[p];
}
/** The last slice: p's life is over. */
function ends(k: Kernel, core: number, p: number): boolean {
  return wipes(k, core, p) && isClean(k, p);
}
/** Its back-off is over, or of no use any more. */
function goesOn(k: Kernel, core: number, p: number): boolean {
  if (!mayRun(k, core, p) || k.state[p] !== P_LOADING) return false;
  return k.sysMode !== SYS_RUN || isPassed(k, k.goHi[p], k.goLo[p]);
}
function missesBeat(k: Kernel, core: number, p: number): boolean {
  if (!mayRun(k, core, p) || k.state[p] !== P_READY) return false;
  return k.beatPeriod[p] > 0 && isPassed(k, k.beatHi[p], k.beatLo[p]);
}
export function work_result(k: Kernel, core: number, p: number): number {
  if (!mayRun(k, core, p)) return E_CALLER;
  if (k.state[p] === P_WIPING) return isClean(k, p) ? OK : E_RETRY;
  if (k.state[p] === P_LOADING) return goesOn(k, core, p) ? OK : E_BLOCKED;
  return missesBeat(k, core, p) ? OK : E_EMPTY;
}
export function work_slotLength(k: Kernel, core: number, p: number, i: number): number {
  return wipesSlot(k, core, p, i) ? 0 : k.slotLength[i];
}
export function work_slotData(k: Kernel, core: number, p: number, i: number): number {
  return wipesSlot(k, core, p, i >> 8) ? 0 : k.slotData[i];
}
export function work_cursor(k: Kernel, core: number, p: number, i: number): number {
  if (i !== p || !wipes(k, core, p)) return k.cursor[i];
  return isClean(k, p) ? 0 : k.cursor[i] + 1;
}
/** The port's receiver is p, whose life is over. */
function isServedBy(k: Kernel, core: number, p: number, c: number): boolean {
  return ends(k, core, p) && c >= 0 && c < k.nports && k.portTo[c] === p;
}
export function work_head(k: Kernel, core: number, p: number, i: number): number {
  return isServedBy(k, core, p, i) ? 0 : k.head[i];
}
export function work_count(k: Kernel, core: number, p: number, i: number): number {
  return isServedBy(k, core, p, i) ? 0 : k.count[i];
}
export function work_lost(k: Kernel, core: number, p: number, i: number): number {
  return isServedBy(k, core, p, i) ? 0 : k.lost[i];
}
export function work_callState(k: Kernel, core: number, p: number, i: number): number {
  const state = k.callState[i];
  if (ends(k, core, p) && k.why[p] === W_CALL && k.waitPort[p] === i) return state === C_SERVING ? C_LATE : C_IDLE;
  if (!isServedBy(k, core, p, i)) return state;
  if (state === C_PENDING || state === C_SERVING) return C_FAILED;
  return state === C_LATE ? C_IDLE : state;
}
/** The ends of partition `i` that lead to p, whose life is over. */
function endsLost(k: Kernel, core: number, p: number, i: number): number {
  return ends(k, core, p) && exists(k, i) ? k.joined[i * MAX_PARTITIONS + p] : 0;
}
/** Partition `i` waits for p, whose life is over. */
function isLeft(k: Kernel, core: number, p: number, i: number): boolean {
  if (!ends(k, core, p) || !exists(k, i) || (k.why[i] !== W_CALL && k.why[i] !== W_SPACE)) return false;
  return k.portTo[k.waitPort[i]] === p;
}
function learns(k: Kernel, core: number, p: number, i: number): boolean {
  return endsLost(k, core, p, i) !== 0 || isLeft(k, core, p, i);
}
export function work_down(k: Kernel, core: number, p: number, i: number): number {
  return k.down[i] | endsLost(k, core, p, i);
}
export function work_fresh(k: Kernel, core: number, p: number, i: number): number {
  if (i === p && ends(k, core, p)) return 0;
  if (i === p && missesBeat(k, core, p)) return judgedFresh(k, p, FAULT_BEAT);
  return learns(k, core, p, i) ? 1 : k.fresh[i];
}
export function work_fx(k: Kernel, core: number, p: number, i: number): number {
  if (i !== p) return learns(k, core, p, i) && k.state[i] === P_READY ? k.fx[i] | FX_WAKE : k.fx[i];
  if (ends(k, core, p)) return k.fx[i] & FX_END;
  if (goesOn(k, core, p) && k.sysMode === SYS_RUN) return k.fx[i] | FX_LOAD;
  return missesBeat(k, core, p) ? judgedFx(k, p, FAULT_BEAT) : k.fx[i];
}
export function work_state(k: Kernel, core: number, p: number, i: number): number {
  if (i !== p) return k.state[i];
  if (ends(k, core, p)) return k.sysMode === SYS_RUN ? k.next[i] : P_HALTED;
  if (goesOn(k, core, p)) return k.sysMode === SYS_RUN ? P_ASKED : P_HALTED;
  return missesBeat(k, core, p) ? judgedState(k, p, FAULT_BEAT) : k.state[i];
}
export function work_next(k: Kernel, core: number, p: number, i: number): number {
  if (i !== p) return k.next[i];
  if (ends(k, core, p)) return P_HALTED;
  return missesBeat(k, core, p) ? judgedNext(k, p, FAULT_BEAT) : k.next[i];
}
export function work_restarts(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) && k.next[i] === P_LOADING ? oneMore(k.restarts[i]) : k.restarts[i];
}
export function work_why(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? W_NONE : k.why[i];
}
export function work_waitPort(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.waitPort[i];
}
export function work_untilHi(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.untilHi[i];
}
export function work_untilLo(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.untilLo[i];
}
export function work_news(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.news[i];
}
export function work_signals(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.signals[i];
}
export function work_memoryUsed(k: Kernel, core: number, p: number, i: number): number {
  return i === p && ends(k, core, p) ? 0 : k.memoryUsed[i];
}
export function work_faultBits(k: Kernel, core: number, p: number, i: number): number {
  if (i !== p) return k.faultBits[i];
  if (ends(k, core, p)) return 0;
  return missesBeat(k, core, p) ? judgedBits(k, p, FAULT_BEAT) : k.faultBits[i];
}
export function work_faults(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? oneMore(k.faults[i]) : k.faults[i];
}
export function work_beatHi(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? hiIn(k, k.beatPeriod[i]) : k.beatHi[i];
}
export function work_beatLo(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? loIn(k, k.beatPeriod[i]) : k.beatLo[i];
}
export function work_goHi(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedGoHi(k, p, FAULT_BEAT) : k.goHi[i];
}
export function work_goLo(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedGoLo(k, p, FAULT_BEAT) : k.goLo[i];
}
export function work_startKind(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedKind(k, p, FAULT_BEAT) : k.startKind[i];
}
export function work_hmHi(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedHmHi(k, p, FAULT_BEAT) : k.hmHi[i];
}
export function work_hmLo(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedHmLo(k, p, FAULT_BEAT) : k.hmLo[i];
}
export function work_hmCount(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedCount(k, p, FAULT_BEAT) : k.hmCount[i];
}
export function work_hmBack(k: Kernel, core: number, p: number, i: number): number {
  return i === p && missesBeat(k, core, p) ? judgedBack(k, p, FAULT_BEAT) : k.hmBack[i];
}
export function work_nextMode(k: Kernel, core: number, p: number): number {
  return missesBeat(k, core, p) ? judgedMode(k, p, FAULT_BEAT) : k.nextMode;
}
export function work_endAsked(k: Kernel, core: number, p: number): number {
  return missesBeat(k, core, p) ? judgedEnd(k, p, FAULT_BEAT) : k.endAsked;
}

// ---- loaded ----------------------------------------------------------------------------------------------------------------------------------
function isAsked(k: Kernel, p: number): boolean {
  return exists(k, p) && k.state[p] === P_ASKED;
}
export function loaded_result(k: Kernel, p: number): number {
  if (!exists(k, p)) return E_CALLER;
  return isAsked(k, p) ? OK : E_STATE;
}
export function loaded_state(k: Kernel, p: number, i: number): number {
  return i === p && isAsked(k, p) ? P_READY : k.state[i];
}
export function loaded_done(k: Kernel, p: number, i: number): number {
  return i === p && isAsked(k, p) ? 0 : k.done[i];
}
export function loaded_exitStatus(k: Kernel, p: number, i: number): number {
  return i === p && isAsked(k, p) ? 0 : k.exitStatus[i];
}
export function loaded_beatHi(k: Kernel, p: number, i: number): number {
  return i === p && isAsked(k, p) ? hiIn(k, k.beatPeriod[i]) : k.beatHi[i];
}
export function loaded_beatLo(k: Kernel, p: number, i: number): number {
  return i === p && isAsked(k, p) ? loIn(k, k.beatPeriod[i]) : k.beatLo[i];
}
/** The ends of partition `i` that lead to p, which was gone and is there again. */
function endsBack(k: Kernel, p: number, i: number): number {
  return isAsked(k, p) && exists(k, i) ? k.down[i] & k.joined[i * MAX_PARTITIONS + p] : 0;
}
export function loaded_down(k: Kernel, p: number, i: number): number {
  return k.down[i] & ~endsBack(k, p, i);
}
export function loaded_fresh(k: Kernel, p: number, i: number): number {
  return endsBack(k, p, i) !== 0 ? 1 : k.fresh[i];
}
export function loaded_fx(k: Kernel, p: number, i: number): number {
  const own = k.fresh[i] !== 0 || k.down[i] !== 0 ? (k.fx[i] & ~FX_LOAD) | FX_WAKE : k.fx[i] & ~FX_LOAD;
  const fx = i === p && isAsked(k, p) ? own : k.fx[i];
  const isReady = k.state[i] === P_READY || (i === p && isAsked(k, p));
  return endsBack(k, p, i) !== 0 && isReady ? fx | FX_WAKE : fx;
}

// ---- what the supervisor takes and asks ------------------------------------------------------------------------------------------------------
export function takeEffects_result(k: Kernel, p: number): number {
  return exists(k, p) ? k.fx[p] : 0;
}
export function takeEffects_fx(k: Kernel, p: number, i: number): number {
  return i === p && exists(k, p) ? 0 : k.fx[i];
}
export function takeNews_result(k: Kernel, p: number): number {
  return exists(k, p) ? k.news[p] : 0;
}
export function takeNews_news(k: Kernel, p: number, i: number): number {
  return i === p && exists(k, p) ? 0 : k.news[i];
}
export function deadPeers_result(k: Kernel, p: number): number {
  return exists(k, p) ? k.down[p] : 0;
}
export function takeSwitch_result(k: Kernel, core: number): number {
  return core >= 0 && core < k.ncores ? k.switched[core] : 0;
}
export function takeSwitch_switched(k: Kernel, core: number, i: number): number {
  return i === core && core < k.ncores ? 0 : k.switched[i];
}
export function allDone_result(k: Kernel): number {
  if (k.endAsked === 1) return 1;
  for (let p = 0; p < k.np; p++) if (k.counts[p] === 1 && k.done[p] !== 1) return 0;
  for (let p = 0; p < k.np; p++) if (k.counts[p] === 1) return 1;
  return 0;
}
export function stop_sysMode(_k: Kernel): number {
  return SYS_STOPPING;
}
export function stop_fx(k: Kernel, i: number): number {
  return exists(k, i) && k.sysMode !== SYS_STOPPING ? k.fx[i] | FX_END : k.fx[i];
}

// ---- the clock -------------------------------------------------------------------------------------------------------------------------------
/** To the earliest end: of the frame, of a current window. */
export function untilSwitch_result(k: Kernel): number {
  let earliest = k.frameLength[k.mode];
  for (let i = 0; i < MAX_CORES; i++) {
    if (i < k.ncores && k.winEnd[k.curWin[i]] < earliest) earliest = k.winEnd[k.curWin[i]];
  }
  return earliest - k.framePos;
}
/** So many ticks end neither the frame nor a window before their last. */
function isTick(k: Kernel, n: number): boolean {
  if (n < 1 || n > k.frameLength[k.mode] - k.framePos) return false;
  for (let i = 0; i < k.ncores; i++) if (k.winEnd[k.curWin[i]] < k.framePos + n) return false;
  return true;
}
/** They end the frame. */
function isLast(k: Kernel, n: number): boolean {
  return isTick(k, n) && k.framePos + n >= k.frameLength[k.mode];
}
/** They end the window of core `i`. */
function isSwitch(k: Kernel, n: number, i: number): boolean {
  return i >= 0 && i < k.ncores && isTick(k, n) && (isLast(k, n) || k.winEnd[k.curWin[i]] <= k.framePos + n);
}
export function tick_result(k: Kernel, n: number): number {
  return isTick(k, n) ? OK : E_ARG;
}
export function tick_timeHi(k: Kernel, n: number): number {
  return isTick(k, n) ? hiIn(k, n) : k.timeHi;
}
export function tick_timeLo(k: Kernel, n: number): number {
  return isTick(k, n) ? loIn(k, n) : k.timeLo;
}
export function tick_framePos(k: Kernel, n: number): number {
  if (isLast(k, n)) return 0;
  return isTick(k, n) ? k.framePos + n : k.framePos;
}
export function tick_mode(k: Kernel, n: number): number {
  return isLast(k, n) ? k.nextMode : k.mode;
}
export function tick_curWin(k: Kernel, n: number, i: number): number {
  if (!isSwitch(k, n, i)) return k.curWin[i];
  return isLast(k, n) ? k.scheduleFirst[k.nextMode * MAX_CORES + i] : k.curWin[i] + 1;
}
export function tick_switched(k: Kernel, n: number, i: number): number {
  return isSwitch(k, n, i) ? 1 : k.switched[i];
}
export function tick_credit(k: Kernel, n: number, i: number): number {
  return exists(k, i) && isLast(k, n) ? k.quota[i] : k.credit[i];
}
export function tick_portCredit(k: Kernel, n: number, i: number): number {
  return i >= 0 && i < k.nports && isLast(k, n) ? k.portQuota[i] : k.portCredit[i];
}

// ---- boot, of a plan that it accepts: what is not named here is as a new kernel has it (theorem BOOT) -----------------------------------------
/** Its manager does not have to start it. */
function isBooted(k: Kernel, i: number): boolean {
  return exists(k, i) && k.startsItself[i] === 1;
}
export function boot_sysMode(_k: Kernel): number {
  return SYS_RUN;
}
export function boot_state(k: Kernel, i: number): number {
  return isBooted(k, i) ? P_ASKED : P_HALTED;
}
export function boot_fx(k: Kernel, i: number): number {
  return isBooted(k, i) ? FX_LOAD : 0;
}
export function boot_credit(k: Kernel, i: number): number {
  return exists(k, i) ? k.quota[i] : 0;
}
export function boot_hmBack(k: Kernel, i: number): number {
  return exists(k, i) ? k.hmDelay[i] : 0;
}
export function boot_portCredit(k: Kernel, i: number): number {
  return i >= 0 && i < k.nports ? k.portQuota[i] : 0;
}
/** In the first mode, its first window, which the supervisor has yet to take. */
export function boot_curWin(k: Kernel, i: number): number {
  return i >= 0 && i < k.ncores ? k.scheduleFirst[i] : 0;
}
export function boot_switched(k: Kernel, i: number): number {
  return i >= 0 && i < k.ncores ? 1 : 0;
}
