/*
 * What is proved about the core (docs/proof.md), in the core's own language: the prover executes these predicates on
 * terms, tests and the running kernel on numbers.
 *
 * Domains are the partitions 0 <= u < np, and two of the kernel's own. A field or table of the state class has a view,
 * `vis_NAME` (who sees a cell) or `see_NAME` (what of it), and `may_NAME` (who may change it); what has no view is the
 * plan, which nothing writes. `domain_NAME` names the domain of an action that no partition's number comes with.
 * `output_NAME`: so many words of this table leave the core with a result.
 */
import type { Kernel } from './core.ts';
import {
  C_DONE,
  C_EXPIRED,
  C_FAILED,
  C_IDLE,
  C_PENDING,
  C_SERVING,
  FLOW_AUDIT,
  FLOW_HANDLE,
  FLOW_NONE,
  FLOW_PORT,
  FLOW_SAMPLE,
  FLOW_STREAM,
  FLOW_WATCH,
  FX_END,
  FX_KILL,
  FX_LOAD,
  FX_WAKE,
  H_MANAGE,
  H_SIGNAL,
  MAX_CODES,
  MAX_CORES,
  MAX_ENDS,
  MAX_HANDLES,
  MAX_PARTITIONS,
  MAX_STATUS,
  MESSAGE_BYTES,
  P_DYING,
  P_HALTED,
  P_LOADING,
  P_READY,
  P_WIPING,
  PORT_BLOCK,
  PORT_CALL,
  PORT_DROP,
  REGION_STRIDE,
  SLOTS,
  SLOT_WORDS,
  SYS_RUN,
  SYS_STOPPING,
  TIME_BASE,
  W_ANY,
  W_CALL,
  W_MESSAGE,
  W_NONE,
  W_SPACE,
} from './core.ts';

// ---- domains and policy -----------------------------------------------------------------------------------------------
/** Time, windows, modes. Only who may change the mode reaches it: by that, once a frame. */
export const CLOCK = -1;
/** The supervisor's own decision: the end of the system. */
export const HOST = -2;

export function domain_tick(): number {
  return CLOCK;
}
export function domain_untilSwitch(): number {
  return CLOCK;
}
export function domain_takeSwitch(): number {
  return CLOCK;
}
export function domain_stop(): number {
  return HOST;
}
export function domain_allDone(): number {
  return HOST;
}

function isKnown(k: Kernel, u: number): boolean {
  return u >= 0 && u < k.np;
}
/** The plan lets partition a reach partition b. */
function reaches(k: Kernel, a: number, b: number): boolean {
  return isKnown(k, a) && isKnown(k, b) && k.policy[a * MAX_PARTITIONS + b] !== FLOW_NONE;
}

/**
 * The policy a ~> b: what `a` does or knows may change what `b` sees. Partitions: where the plan has a channel, a
 * manager's right or an auditor. To CLOCK: from who may change the mode. To HOST: from those whose end counts, and from
 * who may shut down. From CLOCK and HOST to all partitions.
 */
export function flows(k: Kernel, a: number, b: number): boolean {
  if (a === b) return true;
  if (b === CLOCK) return isKnown(k, a) && k.mayMode[a] === 1;
  if (a === CLOCK || a === HOST) return true;
  if (!isKnown(k, a)) return false;
  if (b === HOST) return k.counts[a] === 1 || k.mayShutDown[a] === 1;
  return reaches(k, a, b);
}

/** A stream joins u and v: end `end` of u leads to it. */
function isStream(k: Kernel, u: number, v: number, end: number): boolean {
  if (end < 0 || end >= k.ends[u]) return false;
  const s = k.endStream[u * MAX_ENDS + end];
  return (k.streamFrom[s] === u && k.streamTo[s] === v) || (k.streamFrom[s] === v && k.streamTo[s] === u);
}
/** Port c carries from u to v, or lets v see what u does with it. */
function isPort(k: Kernel, u: number, v: number, c: number): boolean {
  if (c < 0 || c >= k.nports) return false;
  const back = k.portKind[c] === PORT_BLOCK || k.portKind[c] === PORT_CALL;
  return (k.portFrom[c] === u && k.portTo[c] === v) || (k.portFrom[c] === v && k.portTo[c] === u && back);
}
function isSample(k: Kernel, u: number, v: number, m: number): boolean {
  return m >= 0 && m < k.nsamples && k.sampleFrom[m] === u && k.sampleReader[m * MAX_PARTITIONS + v] !== 0;
}
function isHandle(k: Kernel, u: number, v: number, handle: number): boolean {
  if (handle < 0 || handle >= MAX_HANDLES) return false;
  const kind = k.handleKind[u * MAX_HANDLES + handle];
  return (
    (kind === H_SIGNAL || (kind === H_MANAGE && k.manager[v] === u)) && k.handleObject[u * MAX_HANDLES + handle] === v
  );
}
/** What the plan shows for its flow from u to v is there. */
function isShown(k: Kernel, u: number, v: number): boolean {
  const flow = k.policy[u * MAX_PARTITIONS + v];
  const object = k.shown[u * MAX_PARTITIONS + v];
  if (v >= k.np || u === v) return false;
  if (flow === FLOW_STREAM) return isStream(k, u, v, object);
  if (flow === FLOW_PORT) return isPort(k, u, v, object);
  if (flow === FLOW_SAMPLE) return isSample(k, u, v, object);
  if (flow === FLOW_HANDLE) return isHandle(k, u, v, object);
  if (flow === FLOW_AUDIT) return k.auditor[u] === v;
  return flow === FLOW_WATCH && k.manager[u] === v;
}
/** The first page frame of a partition's memory, or, from row np on, of a stream's; and the first behind its last. */
function firstFrame(k: Kernel, r: number): number {
  return r < k.np ? k.memoryBase[r] : k.streamBase[r - k.np];
}
function endOfFrames(k: Kernel, r: number): number {
  return r < k.np ? k.memoryBase[r] + k.memoryFrames[r] : k.streamBase[r - k.np] + k.streamFrames[r - k.np];
}
/** No page frame is a's and b's. */
function isApart(k: Kernel, a: number, b: number): boolean {
  const from = firstFrame(k, a) < firstFrame(k, b) ? firstFrame(k, b) : firstFrame(k, a);
  return from >= endOfFrames(k, a) || from >= endOfFrames(k, b);
}
/**
 * Of a plan that boot accepts: the flows between partitions are those that something needs, and no others; and no page frame
 * belongs to two partitions, to two streams, or to a partition and a stream.
 */
export function plan(k: Kernel): boolean {
  if (k.np < 0 || k.ns < 0) return false;
  const regions = (k.np + k.ns) * REGION_STRIDE;
  for (let row = 0; row < regions; row++) {
    const other = row & (REGION_STRIDE - 1);
    if (other < k.np + k.ns && other !== row >> 8 && !isApart(k, row >> 8, other)) return false;
  }
  const pairs = k.np * MAX_PARTITIONS;
  for (let row = 0; row < pairs; row++) {
    if (k.policy[row] !== FLOW_NONE && !isShown(k, row >> 6, row & (MAX_PARTITIONS - 1))) return false;
  }
  return true;
}

// ---- invariant --------------------------------------------------------------------------------------------------------
function isBit(x: number): boolean {
  return x === 0 || x === 1;
}
/** A time, and not in the future. */
function isPast(k: Kernel, hi: number, lo: number): boolean {
  return hi >= 0 && lo >= 0 && lo < TIME_BASE && (hi < k.timeHi || (hi === k.timeHi && lo <= k.timeLo));
}
/** The client waits for this call, or has not yet fetched its result. */
function isOpen(state: number): boolean {
  return state === C_PENDING || state === C_SERVING || state === C_DONE || state === C_FAILED || state === C_EXPIRED;
}
export function inv_system(k: Kernel): boolean {
  if (k.sysMode !== SYS_RUN && k.sysMode !== SYS_STOPPING) return false;
  if (k.timeHi < 0 || k.timeLo < 0 || k.timeLo >= TIME_BASE) return false;
  if (k.mode < 0 || k.mode >= k.nmodes || k.nextMode < 0 || k.nextMode >= k.nmodes) return false;
  if (k.framePos < 0 || k.framePos >= k.frameLength[k.mode]) return false;
  return k.status >= 0 && k.status <= MAX_STATUS && isBit(k.endAsked);
}
/** The current window of a core is one of the mode's, and it is its time. */
export function inv_core(k: Kernel, core: number): boolean {
  const w = k.curWin[core];
  if (w < 0 || w >= k.nwindows || k.winSchedule[w] !== MAX_CORES * k.mode + core) return false;
  return k.winStart[w] <= k.framePos && k.framePos < k.winEnd[w] && isBit(k.switched[core]);
}
export function inv_partition(k: Kernel, p: number): boolean {
  const state = k.state[p];
  if (state < P_HALTED || state > P_READY) return false;
  if (k.next[p] !== P_HALTED && k.next[p] !== P_LOADING) return false;
  if (state === P_WIPING && (k.cursor[p] < k.slotFirst[p] || k.cursor[p] > k.slotEnd[p])) return false;
  if (!isBit(k.startKind[p]) || !isBit(k.done[p]) || !isBit(k.fresh[p])) return false;
  // Who runs has not exited.
  if (state === P_READY && k.done[p] === 1) return false;
  if (k.exitStatus[p] < 0 || k.exitStatus[p] > MAX_STATUS) return false;
  if (k.fx[p] < 0 || k.fx[p] > FX_WAKE + FX_KILL + FX_LOAD + FX_END) return false;
  // News only of ends that there are.
  if (k.ends[p] < MAX_ENDS && (k.news[p] >> k.ends[p] !== 0 || k.down[p] >> k.ends[p] !== 0)) return false;
  if (k.faultBits[p] >> MAX_CODES !== 0 || k.memoryUsed[p] < 0 || k.memoryUsed[p] > k.memoryFrames[p]) return false;
  return k.credit[p] >= 0 && k.credit[p] <= k.quota[p];
}
export function inv_health(k: Kernel, p: number): boolean {
  return (
    k.hmCount[p] >= 0 &&
    k.hmCount[p] <= k.hmBudget[p] &&
    k.hmBack[p] >= 0 &&
    k.hmBack[p] <= k.hmMax[p] &&
    isPast(k, k.hmHi[p], k.hmLo[p]) &&
    k.faults[p] >= 0 &&
    k.restarts[p] >= 0 &&
    k.illegal[p] >= 0 &&
    k.resets[p] >= 0
  );
}
/** What a partition waits for is there; who does not run and is not about to be wiped waits for nothing. */
export function inv_wait(k: Kernel, p: number): boolean {
  const why = k.why[p];
  if (why === W_NONE) return true;
  if (k.state[p] !== P_READY && k.state[p] !== P_DYING && k.state[p] !== P_WIPING) return false;
  if (why === W_ANY) return true;
  const c = k.waitPort[p];
  if (c < 0 || c >= k.nports) return false;
  // Down the ranks: calls never wait in a circle.
  if (why === W_CALL && k.rank[k.portTo[c]] >= k.rank[p]) return false;
  if (why === W_CALL) return k.portKind[c] === PORT_CALL && k.portFrom[c] === p && isOpen(k.callState[c]);
  if (why === W_SPACE) return k.portKind[c] === PORT_BLOCK && k.portFrom[c] === p;
  return why === W_MESSAGE && k.portTo[c] === p;
}
/** A queue lies within its places; an open call has a client that waits for it. */
export function inv_port(k: Kernel, c: number): boolean {
  const state = k.callState[c];
  if (state < C_IDLE || state > C_EXPIRED || (k.portKind[c] !== PORT_CALL && state !== C_IDLE)) return false;
  if (isOpen(state) && (k.why[k.portFrom[c]] !== W_CALL || k.waitPort[k.portFrom[c]] !== c)) return false;
  if (k.head[c] < 0 || k.head[c] >= k.portCapacity[c] || k.count[c] < 0 || k.count[c] > k.portCapacity[c]) return false;
  return k.lost[c] >= 0 && k.portCredit[c] >= 0 && k.portCredit[c] <= k.portQuota[c];
}
/** Its reader is being wiped, and this slot is done. */
function isWiped(k: Kernel, s: number): boolean {
  const owner = k.slotOwner[s];
  return isKnown(k, owner) && k.state[owner] === P_WIPING && s < k.cursor[owner];
}
/** Nothing is left, and nothing comes, where a reader has been wiped. */
export function inv_slot(k: Kernel, s: number): boolean {
  if (k.slotLength[s] < 0 || k.slotLength[s] > MESSAGE_BYTES) return false;
  return k.slotLength[s] === 0 || !isWiped(k, s);
}
export function inv_slotWord(k: Kernel, i: number): boolean {
  return k.slotData[i] === 0 || !isWiped(k, i >> 8);
}
export function inv_sample(k: Kernel, m: number): boolean {
  if (!isBit(k.sampleValid[m]) || k.sampleLength[m] < 0 || k.sampleLength[m] > k.sampleBytes[m]) return false;
  return isPast(k, k.sampleHi[m], k.sampleLo[m]);
}
/** Holds after boot and between any two actions. */
export function invariant(k: Kernel): boolean {
  if (!inv_system(k)) return false;
  for (let i = 0; i < k.ncores; i++) if (!inv_core(k, i)) return false;
  for (let p = 0; p < k.np; p++) if (!inv_partition(k, p)) return false;
  for (let p = 0; p < k.np; p++) if (!inv_health(k, p)) return false;
  for (let p = 0; p < k.np; p++) if (!inv_wait(k, p)) return false;
  for (let c = 0; c < k.nports; c++) if (!inv_port(k, c)) return false;
  for (let s = 0; s < SLOTS; s++) if (!inv_slot(k, s)) return false;
  for (let i = 0; i < SLOT_WORDS; i++) if (!inv_slotWord(k, i)) return false;
  for (let m = 0; m < k.nsamples; m++) if (!inv_sample(k, m)) return false;
  return true;
}

// ---- views: what of the state a domain sees ---------------------------------------------------------------------------
function own(k: Kernel, u: number, p: number): boolean {
  return isKnown(k, u) && u === p;
}
/** u manages p, and the plan lets p reach it. */
function watches(k: Kernel, u: number, p: number): boolean {
  return isKnown(k, u) && isKnown(k, p) && k.manager[p] === u && reaches(k, p, u);
}
function audits(k: Kernel, u: number, p: number): boolean {
  return isKnown(k, u) && isKnown(k, p) && k.auditor[p] === u;
}
function isFrom(k: Kernel, u: number, c: number): boolean {
  return isKnown(k, u) && c >= 0 && c < k.nports && k.portFrom[c] === u;
}
function isTo(k: Kernel, u: number, c: number): boolean {
  return isKnown(k, u) && c >= 0 && c < k.nports && k.portTo[c] === u;
}
function ownsSlot(k: Kernel, u: number, s: number): boolean {
  return isKnown(k, u) && k.slotOwner[s] === u;
}
function reads(k: Kernel, u: number, m: number): boolean {
  return isKnown(k, u) && m >= 0 && m < k.nsamples && k.sampleReader[m * MAX_PARTITIONS + u] !== 0;
}

/** The end of the system: nothing that it changes is the clock's. */
export function vis_sysMode(_k: Kernel, u: number): boolean {
  return u !== CLOCK;
}
/** Time and schedule are everybody's. */
export function vis_timeHi(_k: Kernel, _u: number): boolean {
  return true;
}
export function vis_timeLo(_k: Kernel, _u: number): boolean {
  return true;
}
export function vis_framePos(_k: Kernel, _u: number): boolean {
  return true;
}
export function vis_mode(_k: Kernel, _u: number): boolean {
  return true;
}
export function vis_nextMode(_k: Kernel, u: number): boolean {
  return u === CLOCK;
}
export function vis_curWin(_k: Kernel, _u: number, _core: number): boolean {
  return true;
}
export function vis_switched(_k: Kernel, _u: number, _core: number): boolean {
  return true;
}
export function vis_status(_k: Kernel, u: number): boolean {
  return u === HOST;
}
export function vis_endAsked(_k: Kernel, u: number): boolean {
  return u === HOST;
}
/** Results are spoken of by output consistency. */
export function vis_outN(_k: Kernel, _u: number): boolean {
  return false;
}
export function vis_out(_k: Kernel, _u: number, _i: number): boolean {
  return false;
}
export function output_out(k: Kernel): number {
  return k.outN;
}
export function vis_state(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || watches(k, u, p);
}
export function vis_exitStatus(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || watches(k, u, p);
}
export function vis_done(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || (u === HOST && isKnown(k, p) && k.counts[p] === 1);
}
export function vis_faults(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || audits(k, u, p);
}
export function vis_restarts(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || audits(k, u, p);
}
export function vis_illegal(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || audits(k, u, p);
}
/** All else in a partition's row is its own. */
export function vis_next(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_cursor(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_goHi(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_goLo(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_startKind(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_credit(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_why(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_waitPort(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_untilHi(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_untilLo(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_fx(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_news(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_down(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_signals(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_fresh(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_faultBits(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_memoryUsed(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_beatHi(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_beatLo(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_hmHi(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_hmLo(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_hmCount(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_hmBack(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_resets(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
/** The receiver's side of a queue; whoever waits for space knows the number of messages. */
export function vis_head(k: Kernel, u: number, c: number): boolean {
  return isTo(k, u, c);
}
export function vis_lost(k: Kernel, u: number, c: number): boolean {
  return isTo(k, u, c);
}
export function vis_count(k: Kernel, u: number, c: number): boolean {
  return isTo(k, u, c) || (isFrom(k, u, c) && k.portKind[c] !== PORT_DROP);
}
export function vis_portCredit(k: Kernel, u: number, c: number): boolean {
  return isFrom(k, u, c);
}
/** A call is known to both sides. */
export function vis_callState(k: Kernel, u: number, c: number): boolean {
  return isFrom(k, u, c) || isTo(k, u, c);
}
export function vis_callHi(k: Kernel, u: number, c: number): boolean {
  return isFrom(k, u, c) || isTo(k, u, c);
}
export function vis_callLo(k: Kernel, u: number, c: number): boolean {
  return isFrom(k, u, c) || isTo(k, u, c);
}
export function vis_slotLength(k: Kernel, u: number, s: number): boolean {
  return ownsSlot(k, u, s);
}
export function vis_slotData(k: Kernel, u: number, i: number): boolean {
  return ownsSlot(k, u, i >> 8);
}
export function vis_sampleValid(k: Kernel, u: number, m: number): boolean {
  return reads(k, u, m);
}
export function vis_sampleLength(k: Kernel, u: number, m: number): boolean {
  return reads(k, u, m);
}
export function vis_sampleHi(k: Kernel, u: number, m: number): boolean {
  return reads(k, u, m);
}
export function vis_sampleLo(k: Kernel, u: number, m: number): boolean {
  return reads(k, u, m);
}
export function vis_sampleData(k: Kernel, u: number, i: number): boolean {
  return reads(k, u, i >> 8);
}

// ---- frame: which cells an action of domain c may change ----------------------------------------------------------------
function manages(k: Kernel, c: number, p: number): boolean {
  return isKnown(k, c) && isKnown(k, p) && k.manager[p] === c;
}
function isJoined(k: Kernel, c: number, p: number): boolean {
  return isKnown(k, c) && isKnown(k, p) && k.joined[p * MAX_PARTITIONS + c] !== 0;
}
/** The end of the system is said once. */
export function may_sysMode(k: Kernel, c: number): boolean {
  return c === HOST && k.sysMode === SYS_RUN;
}
export function may_timeHi(_k: Kernel, c: number): boolean {
  return c === CLOCK;
}
export function may_timeLo(_k: Kernel, c: number): boolean {
  return c === CLOCK;
}
export function may_framePos(_k: Kernel, c: number): boolean {
  return c === CLOCK;
}
export function may_mode(_k: Kernel, c: number): boolean {
  return c === CLOCK;
}
export function may_nextMode(k: Kernel, c: number): boolean {
  return isKnown(k, c) && k.mayMode[c] === 1;
}
export function may_curWin(_k: Kernel, c: number, _core: number): boolean {
  return c === CLOCK;
}
export function may_switched(_k: Kernel, c: number, _core: number): boolean {
  return c === CLOCK;
}
export function may_status(k: Kernel, c: number): boolean {
  return isKnown(k, c) && k.counts[c] === 1 && k.status === 0;
}
export function may_endAsked(k: Kernel, c: number): boolean {
  return isKnown(k, c) && k.mayShutDown[c] === 1;
}
/** Scratch of the call that is being made. */
export function may_outN(_k: Kernel, _c: number): boolean {
  return true;
}
export function may_out(k: Kernel, c: number, _i: number): boolean {
  return isKnown(k, c);
}
/** A manager writes what its commands need. */
export function may_state(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || manages(k, c, p);
}
export function may_next(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || manages(k, c, p);
}
export function may_goHi(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || manages(k, c, p);
}
export function may_goLo(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || manages(k, c, p);
}
export function may_startKind(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || manages(k, c, p);
}
export function may_fx(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || reaches(k, c, p) || (c === HOST && k.sysMode === SYS_RUN);
}
export function may_fresh(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || reaches(k, c, p);
}
export function may_signals(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || reaches(k, c, p);
}
export function may_news(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || isJoined(k, c, p);
}
export function may_down(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || isJoined(k, c, p);
}
export function may_credit(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || c === CLOCK;
}
/** All else in a partition's row is its own. */
export function may_cursor(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_done(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_exitStatus(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_why(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_waitPort(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_untilHi(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_untilLo(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_faultBits(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_memoryUsed(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_beatHi(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_beatLo(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_hmHi(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_hmLo(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_hmCount(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_hmBack(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_faults(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_restarts(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_illegal(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_resets(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_head(k: Kernel, c: number, port: number): boolean {
  return isTo(k, c, port);
}
export function may_count(k: Kernel, c: number, port: number): boolean {
  return isTo(k, c, port) || isFrom(k, c, port);
}
export function may_lost(k: Kernel, c: number, port: number): boolean {
  return isTo(k, c, port) || (isFrom(k, c, port) && k.portKind[port] === PORT_DROP);
}
export function may_portCredit(k: Kernel, c: number, port: number): boolean {
  return isFrom(k, c, port) || c === CLOCK;
}
export function may_callState(k: Kernel, c: number, port: number): boolean {
  return isTo(k, c, port) || isFrom(k, c, port);
}
/** The deadline is the client's. */
export function may_callHi(k: Kernel, c: number, port: number): boolean {
  return isFrom(k, c, port);
}
export function may_callLo(k: Kernel, c: number, port: number): boolean {
  return isFrom(k, c, port);
}
export function may_slotLength(k: Kernel, c: number, s: number): boolean {
  return ownsSlot(k, c, s) || reaches(k, c, k.slotOwner[s]);
}
export function may_slotData(k: Kernel, c: number, i: number): boolean {
  return may_slotLength(k, c, i >> 8);
}
function writes(k: Kernel, c: number, m: number): boolean {
  return isKnown(k, c) && m >= 0 && m < k.nsamples && k.sampleFrom[m] === c;
}
export function may_sampleValid(k: Kernel, c: number, m: number): boolean {
  return writes(k, c, m);
}
export function may_sampleLength(k: Kernel, c: number, m: number): boolean {
  return writes(k, c, m);
}
export function may_sampleHi(k: Kernel, c: number, m: number): boolean {
  return writes(k, c, m);
}
export function may_sampleLo(k: Kernel, c: number, m: number): boolean {
  return writes(k, c, m);
}
export function may_sampleData(k: Kernel, c: number, i: number): boolean {
  return writes(k, c, i >> 8);
}
