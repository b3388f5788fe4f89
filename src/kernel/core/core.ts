/*
 * The separation core: a pure state machine over fixed tables. Everything that the kernel decides is decided here, and
 * everything that can be seen of a decision is in the tables. It reads no clock, does no I/O and allocates nothing.
 *
 * The language is the subset that is proved (docs/proof.md): one state class of Int32Arrays and ints, plain
 * functions, no strings, floats, closures, exceptions or imports. Loops have one of three shapes: a small constant trip
 * count, pointwise (a table written at the loop's own index), or scan (`if (bad(i)) return E`).
 *
 * Convention of all operations: `step(k, p, op, argument)`; p is the caller as the supervisor knows it, never as a message
 * says; the result is OK or a negative E_ number and depends only on what the caller may see. What an operation brings
 * about for another partition is latched in that partition's own row (`fx`, `news`) and taken from there.
 */

// ---- capacities (build constants)
export const MAX_PARTITIONS = 64;
export const MAX_STREAMS = 128;
/** Stream ends of one partition: bits of one word. */
export const MAX_ENDS = 32;
export const END_ROWS = MAX_PARTITIONS * MAX_ENDS;
export const PAIRS = MAX_PARTITIONS * MAX_PARTITIONS;
export const MAX_CREDIT = 1 << 20;
export const INT_MAX = 0x7fffffff;

// ---- operations and results (the same numbers as in abi.ts; a test holds that)
export const OP_HELLO = 1;
export const OP_NOTIFY = 2;
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;
export const OK = 0;
export const E_OP = -1;
export const E_RIGHT = -2;
export const E_ARG = -3;
export const E_BUDGET = -4;
/** Result of `boot`. */
export const E_PLAN = -5;
export const MAX_TEXT = 2048;
export const MAX_STATUS = 255;

// ---- what an operation costs of the caller's credit (reset each frame): bounds the work that a caller causes
export const COST = 1;
/** RESET and LOG reach beyond the core, to the supervisor's event line. */
export const COST_EVENT = 64;

// ---- state of the system
export const SYS_OFF = 0;
/** Partitions are being born: none may act on another yet. */
export const SYS_BIRTH = 1;
export const SYS_RUN = 2;
export const SYS_STOPPING = 3;

// ---- state of a partition
export const P_ABSENT = 0;
export const P_BORN = 1;
/** Has said HELLO, is not answered until all have. */
export const P_HELD = 2;
export const P_READY = 3;
/** Has said EXIT. From here on it is gone for its peers. */
export const P_DONE = 4;
/** An illegal call: the supervisor stops it. */
export const P_CONDEMNED = 5;
export const P_DEAD = 6;

// ---- effects, latched in the row of the partition that they concern
/** Its HELLO is to be answered. */
export const FX_RELEASE = 1;
/** It is to be woken: `news` has bits, or a peer is gone. */
export const FX_WAKE = 2;
/** It is to be told that the system ends. */
export const FX_STOP = 4;
/** It made an illegal call and is to be killed. */
export const FX_KILL = 8;

export class Kernel {
  // -- plan (static)
  np = 0;
  ns = 0;
  readonly mayShutDown = new Int32Array(MAX_PARTITIONS);
  /** 1: the system ends when all of these have ended. */
  readonly counts = new Int32Array(MAX_PARTITIONS);
  /** Credit of one frame. */
  readonly quota = new Int32Array(MAX_PARTITIONS);
  readonly streamFrom = new Int32Array(MAX_STREAMS);
  readonly streamTo = new Int32Array(MAX_STREAMS);
  /** The stream's number among the ends of its producer, and of its consumer. */
  readonly streamFromEnd = new Int32Array(MAX_STREAMS);
  readonly streamToEnd = new Int32Array(MAX_STREAMS);
  readonly ends = new Int32Array(MAX_PARTITIONS);
  /** Row p * MAX_ENDS + e: the stream of end e of p. */
  readonly endStream = new Int32Array(END_ROWS);
  /** Row q * MAX_PARTITIONS + p: 0 when no stream joins q and p, else 1 + one of q's ends whose peer is p. */
  readonly joined = new Int32Array(PAIRS);

  // -- state
  mode = SYS_OFF;
  /** The first exit status other than 0 of a partition that counts. */
  status = 0;
  readonly state = new Int32Array(MAX_PARTITIONS);
  readonly credit = new Int32Array(MAX_PARTITIONS);
  /** 1: has said EXIT. */
  readonly done = new Int32Array(MAX_PARTITIONS);
  readonly illegal = new Int32Array(MAX_PARTITIONS);
  readonly resets = new Int32Array(MAX_PARTITIONS);
  readonly fx = new Int32Array(MAX_PARTITIONS);
  /** Bit per end: its peer has notified. */
  readonly news = new Int32Array(MAX_PARTITIONS);
}

function saturatedIncrement(x: number): number {
  return x < INT_MAX ? x + 1 : x;
}
function gone(k: Kernel, p: number): boolean {
  return k.state[p] >= P_DONE;
}
/** The partition at the other side of end `e` of `p`. */
function peerOf(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p && k.streamFromEnd[s] === e ? k.streamTo[s] : k.streamFrom[s];
}
/** The number that the other side of end `e` of `p` has there. */
function peerEndOf(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p && k.streamFromEnd[s] === e ? k.streamToEnd[s] : k.streamFromEnd[s];
}

// ---- boot: the validator is the hypothesis of what is proved about everything below -----------------------------------
/** A partition's row is well-formed. */
export function wf_partition(k: Kernel, p: number): boolean {
  return (
    (k.mayShutDown[p] === 0 || k.mayShutDown[p] === 1) &&
    (k.counts[p] === 0 || k.counts[p] === 1) &&
    k.quota[p] >= COST_EVENT &&
    k.quota[p] <= MAX_CREDIT &&
    k.ends[p] >= 0 &&
    k.ends[p] <= MAX_ENDS
  );
}
/** A stream joins two different partitions, and both of its ends lead back to it. */
export function wf_stream(k: Kernel, s: number): boolean {
  const from = k.streamFrom[s];
  const to = k.streamTo[s];
  const fromEnd = k.streamFromEnd[s];
  const toEnd = k.streamToEnd[s];
  if (from < 0 || from >= k.np || to < 0 || to >= k.np || from === to) return false;
  if (fromEnd < 0 || fromEnd >= k.ends[from] || toEnd < 0 || toEnd >= k.ends[to]) return false;
  if (k.endStream[from * MAX_ENDS + fromEnd] !== s || k.endStream[to * MAX_ENDS + toEnd] !== s) return false;
  return k.joined[from * MAX_PARTITIONS + to] !== 0 && k.joined[to * MAX_PARTITIONS + from] !== 0;
}
/** An end in use names a stream that names this end. */
export function wf_end(k: Kernel, row: number): boolean {
  const p = row >> 5;
  const e = row & (MAX_ENDS - 1);
  if (e >= k.ends[p]) return true;
  const s = k.endStream[row];
  if (s < 0 || s >= k.ns) return false;
  return (k.streamFrom[s] === p && k.streamFromEnd[s] === e) || (k.streamTo[s] === p && k.streamToEnd[s] === e);
}
/** A flow is allowed only where a stream shows it. */
export function wf_joined(k: Kernel, row: number): boolean {
  const q = row >> 6;
  const p = row & (MAX_PARTITIONS - 1);
  const shown = k.joined[row];
  if (shown === 0) return true;
  return shown >= 1 && shown <= k.ends[q] && peerOf(k, q, shown - 1) === p;
}

/** Accepts the plan in the tables and starts the birth of its partitions, or refuses with E_PLAN and changes nothing. */
export function boot(k: Kernel): number {
  if (k.mode !== SYS_OFF) return E_PLAN;
  if (k.np < 1 || k.np > MAX_PARTITIONS || k.ns < 0 || k.ns > MAX_STREAMS) return E_PLAN;
  for (let p = 0; p < k.np; p++) if (!wf_partition(k, p)) return E_PLAN;
  for (let s = 0; s < k.ns; s++) if (!wf_stream(k, s)) return E_PLAN;
  const endRows = k.np * MAX_ENDS;
  for (let row = 0; row < endRows; row++) if (!wf_end(k, row)) return E_PLAN;
  const pairs = k.np * MAX_PARTITIONS;
  for (let row = 0; row < pairs; row++) if (!wf_joined(k, row)) return E_PLAN;
  for (let p = 0; p < k.np; p++) {
    k.state[p] = P_BORN;
    k.credit[p] = k.quota[p];
  }
  k.mode = SYS_BIRTH;
  return OK;
}

// ---- operations -------------------------------------------------------------------------------------------------------
function hello(k: Kernel, p: number): number {
  if (k.state[p] !== P_BORN) return E_OP;
  k.state[p] = P_HELD;
  return OK;
}
/** A notification is a bit: the peer learns that, not how often. A peer that is gone learns nothing, and the caller cannot tell. */
function notify(k: Kernel, p: number, e: number): number {
  if (e < 0 || e >= k.ends[p]) return E_ARG;
  const q = peerOf(k, p, e);
  if (k.state[q] === P_READY) {
    k.news[q] |= 1 << peerEndOf(k, p, e);
    k.fx[q] |= FX_WAKE;
  }
  return OK;
}
/** Wakes all peers of a partition that is gone. */
function bury(k: Kernel, p: number): void {
  for (let q = 0; q < k.np; q++) {
    if (k.joined[q * MAX_PARTITIONS + p] !== 0 && k.state[q] === P_READY) k.fx[q] |= FX_WAKE;
  }
}
function exit(k: Kernel, p: number, status: number): number {
  if (status < 0 || status > MAX_STATUS) return E_ARG;
  k.state[p] = P_DONE;
  k.done[p] = 1;
  if (k.counts[p] === 1 && k.status === 0) k.status = status;
  bury(k, p);
  return OK;
}
function reset(k: Kernel, p: number): number {
  k.resets[p] = saturatedIncrement(k.resets[p]);
  return OK;
}
function shutDown(k: Kernel, p: number): number {
  if (k.mayShutDown[p] === 0) return E_RIGHT;
  stop(k);
  return OK;
}
function log(length: number): number {
  return length < 0 || length > MAX_TEXT ? E_ARG : OK;
}

export function costOf(op: number): number {
  return op === OP_RESET || op === OP_LOG ? COST_EVENT : COST;
}

function dispatch(k: Kernel, p: number, op: number, argument: number): number {
  if (op === OP_LOG) return k.state[p] === P_READY || k.state[p] === P_BORN ? log(argument) : E_OP;
  if (op === OP_HELLO) return hello(k, p);
  if (k.state[p] !== P_READY) return E_OP;
  if (op === OP_NOTIFY) return notify(k, p, argument);
  if (op === OP_EXIT) return exit(k, p, argument);
  if (op === OP_RESET) return reset(k, p);
  if (op === OP_SHUTDOWN) return shutDown(k, p);
  return E_OP;
}

/**
 * One operation of partition `p`. E_BUDGET: its credit of this frame is spent, nothing changed, to be repeated after `tick`.
 * Every other negative result is an illegal call: the caller is condemned (FX_KILL) and gone for its peers.
 */
export function step(k: Kernel, p: number, op: number, argument: number): number {
  if (p < 0 || p >= k.np || k.state[p] === P_ABSENT || gone(k, p)) return E_OP;
  const cost = costOf(op);
  if (k.credit[p] < cost) return E_BUDGET;
  k.credit[p] -= cost;
  const result = dispatch(k, p, op, argument);
  if (result < 0) {
    k.illegal[p] = saturatedIncrement(k.illegal[p]);
    k.state[p] = P_CONDEMNED;
    k.fx[p] |= FX_KILL;
    bury(k, p);
  }
  return result;
}

// ---- actions of the supervisor ------------------------------------------------------------------------------------------
/** 1: every partition has said HELLO (or is gone), so that the birth may end. It tells nothing once the birth is over. */
export function allHeld(k: Kernel): number {
  if (k.mode !== SYS_BIRTH) return 0;
  for (let p = 0; p < k.np; p++) if (k.state[p] === P_BORN) return 0;
  return 1;
}
/** Ends the birth: answers every HELLO. */
export function release(k: Kernel): number {
  if (allHeld(k) === 0) return E_OP;
  for (let p = 0; p < k.np; p++) {
    if (k.state[p] === P_HELD) {
      k.state[p] = P_READY;
      k.fx[p] |= FX_RELEASE;
    }
  }
  k.mode = SYS_RUN;
  return OK;
}
/** The process of `p` is dead for certain. */
export function died(k: Kernel, p: number): void {
  if (p < 0 || p >= k.np) return;
  if (!gone(k, p)) bury(k, p);
  k.state[p] = P_DEAD;
  k.fx[p] = 0;
  k.news[p] = 0;
}
/** Tells every partition that the system ends: once, or else whoever may shut down could talk to all by repeating it. */
export function stop(k: Kernel): void {
  if (k.mode === SYS_STOPPING) return;
  k.mode = SYS_STOPPING;
  for (let p = 0; p < k.np; p++) if (!gone(k, p)) k.fx[p] |= FX_STOP;
}
/** A frame ends: credit is whole again. */
export function tick(k: Kernel): void {
  for (let p = 0; p < k.np; p++) k.credit[p] = k.quota[p];
}
/** 1: all partitions that count have said EXIT. One that died without a word has not: its fault is not its end. */
export function allDone(k: Kernel): number {
  for (let p = 0; p < k.np; p++) if (k.counts[p] === 1 && k.done[p] === 0) return 0;
  return 1;
}
/** Effects on `p`, which are thereby taken. */
export function takeEffects(k: Kernel, p: number): number {
  if (p < 0 || p >= k.np) return 0;
  const fx = k.fx[p];
  k.fx[p] = 0;
  return fx;
}
export function takeNews(k: Kernel, p: number): number {
  if (p < 0 || p >= k.np) return 0;
  const news = k.news[p];
  k.news[p] = 0;
  return news;
}
/** Bit per end of `p`: its peer is gone. */
export function deadPeers(k: Kernel, p: number): number {
  if (p < 0 || p >= k.np) return 0;
  let mask = 0;
  for (let e = 0; e < MAX_ENDS; e++) {
    if (e < k.ends[p] && gone(k, peerOf(k, p, e))) mask |= 1 << e;
  }
  return mask;
}
