/*
 * What is proved about the core (docs/proof.md), in the core's own language: the prover executes these predicates on
 * terms, tests and the running kernel on numbers.
 *
 * Domains are the partitions 0 <= u < np, and two of the kernel's own. A field or table of the state class has a view,
 * `vis_NAME` (who sees a cell) or `see_NAME` (what of it), and `may_NAME` (who may change it); what has no view is the
 * plan, which nothing writes. `domain_NAME` names the domain of an action that no partition's number comes with.
 */
import type { Kernel } from './core.ts';
import {
  FX_KILL,
  FX_RELEASE,
  FX_STOP,
  FX_WAKE,
  MAX_ENDS,
  MAX_PARTITIONS,
  MAX_STATUS,
  P_BORN,
  P_DEAD,
  P_DONE,
  P_HELD,
  P_READY,
  SYS_BIRTH,
  SYS_RUN,
  SYS_STOPPING,
} from './core.ts';

// ---- domains and policy -----------------------------------------------------------------------------------------------
/** Time. Nothing flows into it: a frame ends when it ends. */
export const CLOCK = -1;
/** The supervisor's own decisions: the end of the birth, the end of the system. */
export const HOST = -2;

export function domain_tick(): number {
  return CLOCK;
}
export function domain_allHeld(): number {
  return HOST;
}
export function domain_release(): number {
  return HOST;
}
export function domain_stop(): number {
  return HOST;
}
export function domain_allDone(): number {
  return HOST;
}

function isPartition(k: Kernel, u: number): boolean {
  return u >= 0 && u < k.np;
}
function isJoined(k: Kernel, u: number, p: number): boolean {
  return isPartition(k, u) && isPartition(k, p) && k.joined[u * MAX_PARTITIONS + p] !== 0;
}
function mayEnd(k: Kernel, u: number): boolean {
  return isPartition(k, u) && k.mayShutDown[u] === 1;
}

/**
 * The policy a ~> b: what `a` does or knows may change what `b` sees. Partitions: along a stream, in both directions
 * (notifications, death), and from whoever may shut down to all (that, once). To HOST: from all while partitions are
 * born; then from those whose end counts, and from whoever may shut down. From HOST to all: birth and end.
 */
export function flows(k: Kernel, a: number, b: number): boolean {
  if (a === b) return true;
  if (b === CLOCK) return false;
  if (a === CLOCK || a === HOST) return true;
  if (!isPartition(k, a)) return false;
  if (b === HOST) return k.mode === SYS_BIRTH || k.counts[a] === 1 || k.mayShutDown[a] === 1;
  return isPartition(k, b) && (isJoined(k, b, a) || mayEnd(k, a));
}

/** A stream joins u and p: end `end` of u leads to it. */
function isShown(k: Kernel, u: number, p: number, end: number): boolean {
  if (end < 0 || end >= k.ends[u]) return false;
  const s = k.endStream[u * MAX_ENDS + end];
  return (k.streamFrom[s] === u && k.streamTo[s] === p) || (k.streamFrom[s] === p && k.streamTo[s] === u);
}
/** Of a plan that boot accepts: the flows between partitions are those of its streams, and no others. */
export function plan(k: Kernel): boolean {
  const pairs = k.np * MAX_PARTITIONS;
  for (let row = 0; row < pairs; row++) {
    if (k.joined[row] !== 0 && !isShown(k, row >> 6, row & (MAX_PARTITIONS - 1), k.joined[row] - 1)) return false;
  }
  return true;
}

// ---- invariant --------------------------------------------------------------------------------------------------------
export function inv_system(k: Kernel): boolean {
  return (
    (k.mode === SYS_BIRTH || k.mode === SYS_RUN || k.mode === SYS_STOPPING) && k.status >= 0 && k.status <= MAX_STATUS
  );
}
export function inv_partition(k: Kernel, p: number): boolean {
  const state = k.state[p];
  const dead = state === P_DEAD;
  if (state < P_BORN || state > P_DEAD) return false;
  if (k.mode === SYS_BIRTH && (state === P_READY || state === P_DONE)) return false;
  if (k.mode === SYS_RUN && (state === P_BORN || state === P_HELD)) return false;
  if (k.done[p] !== 0 && (k.done[p] !== 1 || (state !== P_DONE && !dead))) return false;
  if (state === P_DONE && k.done[p] !== 1) return false;
  if (k.fx[p] < 0 || k.fx[p] > FX_RELEASE + FX_WAKE + FX_STOP + FX_KILL) return false;
  // Nothing reaches the dead.
  if (dead && (k.fx[p] !== 0 || k.news[p] !== 0)) return false;
  // News only of ends that there are.
  if (k.ends[p] < MAX_ENDS && k.news[p] >> k.ends[p] !== 0) return false;
  return k.credit[p] >= 0 && k.credit[p] <= k.quota[p] && k.illegal[p] >= 0 && k.resets[p] >= 0;
}
/** Holds after boot and between any two actions. */
export function invariant(k: Kernel): boolean {
  if (!inv_system(k)) return false;
  for (let p = 0; p < k.np; p++) if (!inv_partition(k, p)) return false;
  return true;
}

// ---- views: what of the state a domain sees ---------------------------------------------------------------------------
function own(k: Kernel, u: number, p: number): boolean {
  return isPartition(k, u) && u === p;
}
/** Whoever decides on the end knows the system's mode. */
export function vis_mode(k: Kernel, u: number): boolean {
  return u === HOST || mayEnd(k, u);
}
export function vis_status(_k: Kernel, u: number): boolean {
  return u === HOST;
}
/** A partition sees its own, and of its peers whether they are gone; HOST sees, until the birth is over, who is missing. */
export function see_state(k: Kernel, u: number, p: number): number {
  if (own(k, u, p)) return k.state[p];
  if (isJoined(k, u, p)) return k.state[p] >= P_DONE ? 1 : 0;
  if (u === HOST && isPartition(k, p) && k.mode === SYS_BIRTH) return k.state[p] === P_BORN ? 1 : 0;
  return 0;
}
export function vis_credit(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_done(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p) || (u === HOST && isPartition(k, p) && k.counts[p] === 1);
}
export function vis_illegal(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_resets(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_fx(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}
export function vis_news(k: Kernel, u: number, p: number): boolean {
  return own(k, u, p);
}

// ---- frame: which cells an action of domain c may change ----------------------------------------------------------------
function endsAll(k: Kernel, c: number): boolean {
  return (c === HOST || mayEnd(k, c)) && k.mode !== SYS_STOPPING;
}
/** The end of the system is said once. */
export function may_mode(k: Kernel, c: number): boolean {
  return endsAll(k, c);
}
export function may_status(k: Kernel, c: number): boolean {
  return isPartition(k, c) && k.counts[c] === 1 && k.status === 0;
}
export function may_state(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || (c === HOST && k.mode === SYS_BIRTH);
}
export function may_credit(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || c === CLOCK;
}
export function may_done(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_illegal(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_resets(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p);
}
export function may_fx(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || isJoined(k, p, c) || endsAll(k, c);
}
export function may_news(k: Kernel, c: number, p: number): boolean {
  return own(k, c, p) || isJoined(k, p, c);
}
