/*
 * What every action does, complete: `ACTION_result` is what it gives back, `ACTION_NAME` is the value of a field or of
 * cell `i` of a table afterwards, from the state before (theorem FSPEC). What has no function stays as it was.
 *
 * In the core's language, but not in its way: the core says step by step what to do, this says of each cell what becomes
 * of it.
 */
import type { Kernel } from './core.ts';
import {
  COST,
  COST_EVENT,
  E_ARG,
  E_BUDGET,
  E_OP,
  E_RIGHT,
  FX_KILL,
  FX_RELEASE,
  FX_STOP,
  FX_WAKE,
  INT_MAX,
  MAX_ENDS,
  MAX_PARTITIONS,
  MAX_STATUS,
  MAX_TEXT,
  OK,
  P_BORN,
  P_CONDEMNED,
  P_DEAD,
  P_DONE,
  P_HELD,
  P_READY,
  SYS_BIRTH,
  SYS_RUN,
  SYS_STOPPING,
} from './core.ts';

// ---- what all operations have in common ---------------------------------------------------------------------------------
function exists(k: Kernel, p: number): boolean {
  return p >= 0 && p < k.np;
}
/** It is heard at all, and its credit lasts. */
function served(k: Kernel, p: number, cost: number): boolean {
  return exists(k, p) && k.state[p] >= P_BORN && k.state[p] <= P_READY && k.credit[p] >= cost;
}
/** `verdict`: what the operation would say to a caller that is served. */
function result(k: Kernel, p: number, cost: number, verdict: number): number {
  if (served(k, p, cost)) return verdict;
  return exists(k, p) && k.state[p] >= P_BORN && k.state[p] <= P_READY ? E_BUDGET : E_OP;
}
function condemned(k: Kernel, p: number, cost: number, verdict: number): boolean {
  return served(k, p, cost) && verdict !== OK;
}
function credit(k: Kernel, p: number, cost: number, i: number): number {
  return i === p && served(k, p, cost) ? k.credit[i] - cost : k.credit[i];
}
function illegal(k: Kernel, p: number, cost: number, verdict: number, i: number): number {
  return i === p && condemned(k, p, cost, verdict) && k.illegal[i] < INT_MAX ? k.illegal[i] + 1 : k.illegal[i];
}
function state(k: Kernel, p: number, cost: number, verdict: number, i: number): number {
  return i === p && condemned(k, p, cost, verdict) ? P_CONDEMNED : k.state[i];
}
/** i is a peer of p that can be woken. */
function wakes(k: Kernel, p: number, i: number): boolean {
  return exists(k, i) && exists(k, p) && i !== p && k.joined[i * MAX_PARTITIONS + p] !== 0 && k.state[i] === P_READY;
}
function fx(k: Kernel, p: number, cost: number, verdict: number, i: number): number {
  if (!condemned(k, p, cost, verdict)) return k.fx[i];
  if (i === p) return k.fx[i] | FX_KILL;
  return wakes(k, p, i) ? k.fx[i] | FX_WAKE : k.fx[i];
}
function ready(k: Kernel, p: number): boolean {
  return exists(k, p) && k.state[p] === P_READY;
}

// ---- what each operation says -------------------------------------------------------------------------------------------
function says_HELLO(k: Kernel, p: number, _argument: number): number {
  return exists(k, p) && k.state[p] === P_BORN ? OK : E_OP;
}
function says_NOTIFY(k: Kernel, p: number, argument: number): number {
  if (!ready(k, p)) return E_OP;
  return argument >= 0 && argument < k.ends[p] ? OK : E_ARG;
}
function says_EXIT(k: Kernel, p: number, argument: number): number {
  if (!ready(k, p)) return E_OP;
  return argument >= 0 && argument <= MAX_STATUS ? OK : E_ARG;
}
function says_RESET(k: Kernel, p: number, _argument: number): number {
  return ready(k, p) ? OK : E_OP;
}
function says_SHUTDOWN(k: Kernel, p: number, _argument: number): number {
  if (!ready(k, p)) return E_OP;
  return k.mayShutDown[p] === 1 ? OK : E_RIGHT;
}
function says_LOG(k: Kernel, p: number, argument: number): number {
  if (!exists(k, p) || (k.state[p] !== P_READY && k.state[p] !== P_BORN)) return E_OP;
  return argument >= 0 && argument <= MAX_TEXT ? OK : E_ARG;
}
function says_OTHER(_k: Kernel, _p: number, _argument: number): number {
  return E_OP;
}
/** The operation is carried out. */
function done(k: Kernel, p: number, cost: number, verdict: number): boolean {
  return served(k, p, cost) && verdict === OK;
}

// ---- HELLO -----------------------------------------------------------------------------------------------------------
export function HELLO_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST, says_HELLO(k, p, argument));
}
export function HELLO_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST, i);
}
export function HELLO_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST, says_HELLO(k, p, argument), i);
}
export function HELLO_state(k: Kernel, p: number, argument: number, i: number): number {
  return i === p && done(k, p, COST, says_HELLO(k, p, argument))
    ? P_HELD
    : state(k, p, COST, says_HELLO(k, p, argument), i);
}
export function HELLO_fx(k: Kernel, p: number, argument: number, i: number): number {
  return fx(k, p, COST, says_HELLO(k, p, argument), i);
}

// ---- NOTIFY ----------------------------------------------------------------------------------------------------------
function far(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p ? k.streamTo[s] : k.streamFrom[s];
}
function farEnd(k: Kernel, p: number, e: number): number {
  const s = k.endStream[p * MAX_ENDS + e];
  return k.streamFrom[s] === p ? k.streamToEnd[s] : k.streamFromEnd[s];
}
/** i is at the other side of that end of p, and listens. */
function rung(k: Kernel, p: number, e: number, i: number): boolean {
  return done(k, p, COST, says_NOTIFY(k, p, e)) && i === far(k, p, e) && k.state[i] === P_READY;
}
export function NOTIFY_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST, says_NOTIFY(k, p, argument));
}
export function NOTIFY_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST, i);
}
export function NOTIFY_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST, says_NOTIFY(k, p, argument), i);
}
export function NOTIFY_state(k: Kernel, p: number, argument: number, i: number): number {
  return state(k, p, COST, says_NOTIFY(k, p, argument), i);
}
export function NOTIFY_fx(k: Kernel, p: number, argument: number, i: number): number {
  return rung(k, p, argument, i) ? k.fx[i] | FX_WAKE : fx(k, p, COST, says_NOTIFY(k, p, argument), i);
}
export function NOTIFY_news(k: Kernel, p: number, argument: number, i: number): number {
  return rung(k, p, argument, i) ? k.news[i] | (1 << farEnd(k, p, argument)) : k.news[i];
}

// ---- EXIT ------------------------------------------------------------------------------------------------------------
export function EXIT_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST, says_EXIT(k, p, argument));
}
export function EXIT_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST, i);
}
export function EXIT_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST, says_EXIT(k, p, argument), i);
}
export function EXIT_state(k: Kernel, p: number, argument: number, i: number): number {
  return i === p && done(k, p, COST, says_EXIT(k, p, argument))
    ? P_DONE
    : state(k, p, COST, says_EXIT(k, p, argument), i);
}
export function EXIT_fx(k: Kernel, p: number, argument: number, i: number): number {
  const leaves = done(k, p, COST, says_EXIT(k, p, argument));
  return leaves && wakes(k, p, i) ? k.fx[i] | FX_WAKE : fx(k, p, COST, says_EXIT(k, p, argument), i);
}
export function EXIT_done(k: Kernel, p: number, argument: number, i: number): number {
  return i === p && done(k, p, COST, says_EXIT(k, p, argument)) ? 1 : k.done[i];
}
export function EXIT_status(k: Kernel, p: number, argument: number): number {
  const counts = exists(k, p) && k.counts[p] === 1 && k.status === 0;
  return counts && done(k, p, COST, says_EXIT(k, p, argument)) ? argument : k.status;
}

// ---- RESET -----------------------------------------------------------------------------------------------------------
export function RESET_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST_EVENT, says_RESET(k, p, argument));
}
export function RESET_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST_EVENT, i);
}
export function RESET_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST_EVENT, says_RESET(k, p, argument), i);
}
export function RESET_state(k: Kernel, p: number, argument: number, i: number): number {
  return state(k, p, COST_EVENT, says_RESET(k, p, argument), i);
}
export function RESET_fx(k: Kernel, p: number, argument: number, i: number): number {
  return fx(k, p, COST_EVENT, says_RESET(k, p, argument), i);
}
export function RESET_resets(k: Kernel, p: number, argument: number, i: number): number {
  const counted = i === p && done(k, p, COST_EVENT, says_RESET(k, p, argument)) && k.resets[i] < INT_MAX;
  return counted ? k.resets[i] + 1 : k.resets[i];
}

// ---- SHUTDOWN --------------------------------------------------------------------------------------------------------
export function SHUTDOWN_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST, says_SHUTDOWN(k, p, argument));
}
export function SHUTDOWN_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST, i);
}
export function SHUTDOWN_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST, says_SHUTDOWN(k, p, argument), i);
}
export function SHUTDOWN_state(k: Kernel, p: number, argument: number, i: number): number {
  return state(k, p, COST, says_SHUTDOWN(k, p, argument), i);
}
export function SHUTDOWN_fx(k: Kernel, p: number, argument: number, i: number): number {
  const told = k.mode !== SYS_STOPPING && exists(k, i) && k.state[i] < P_DONE;
  if (told && done(k, p, COST, says_SHUTDOWN(k, p, argument))) return k.fx[i] | FX_STOP;
  return fx(k, p, COST, says_SHUTDOWN(k, p, argument), i);
}
export function SHUTDOWN_mode(k: Kernel, p: number, argument: number): number {
  return done(k, p, COST, says_SHUTDOWN(k, p, argument)) ? SYS_STOPPING : k.mode;
}

// ---- LOG -------------------------------------------------------------------------------------------------------------
export function LOG_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST_EVENT, says_LOG(k, p, argument));
}
export function LOG_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST_EVENT, i);
}
export function LOG_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST_EVENT, says_LOG(k, p, argument), i);
}
export function LOG_state(k: Kernel, p: number, argument: number, i: number): number {
  return state(k, p, COST_EVENT, says_LOG(k, p, argument), i);
}
export function LOG_fx(k: Kernel, p: number, argument: number, i: number): number {
  return fx(k, p, COST_EVENT, says_LOG(k, p, argument), i);
}

// ---- OTHER -----------------------------------------------------------------------------------------------------------
export function OTHER_result(k: Kernel, p: number, argument: number): number {
  return result(k, p, COST, says_OTHER(k, p, argument));
}
export function OTHER_credit(k: Kernel, p: number, _argument: number, i: number): number {
  return credit(k, p, COST, i);
}
export function OTHER_illegal(k: Kernel, p: number, argument: number, i: number): number {
  return illegal(k, p, COST, says_OTHER(k, p, argument), i);
}
export function OTHER_state(k: Kernel, p: number, argument: number, i: number): number {
  return state(k, p, COST, says_OTHER(k, p, argument), i);
}
export function OTHER_fx(k: Kernel, p: number, argument: number, i: number): number {
  return fx(k, p, COST, says_OTHER(k, p, argument), i);
}

// ---- the supervisor's actions -------------------------------------------------------------------------------------------
function somebodyIsMissing(k: Kernel): boolean {
  for (let p = 0; p < k.np; p++) if (k.state[p] === P_BORN) return true;
  return false;
}
function birthEnds(k: Kernel): boolean {
  return k.mode === SYS_BIRTH && !somebodyIsMissing(k);
}
export function allHeld_result(k: Kernel): number {
  return birthEnds(k) ? 1 : 0;
}
export function release_result(k: Kernel): number {
  return birthEnds(k) ? OK : E_OP;
}
export function release_mode(k: Kernel): number {
  return birthEnds(k) ? SYS_RUN : k.mode;
}
export function release_state(k: Kernel, i: number): number {
  return exists(k, i) && k.state[i] === P_HELD && birthEnds(k) ? P_READY : k.state[i];
}
export function release_fx(k: Kernel, i: number): number {
  return exists(k, i) && k.state[i] === P_HELD && birthEnds(k) ? k.fx[i] | FX_RELEASE : k.fx[i];
}
export function died_state(k: Kernel, p: number, i: number): number {
  return i === p && exists(k, p) ? P_DEAD : k.state[i];
}
export function died_fx(k: Kernel, p: number, i: number): number {
  if (i === p && exists(k, p)) return 0;
  return exists(k, p) && k.state[p] < P_DONE && wakes(k, p, i) ? k.fx[i] | FX_WAKE : k.fx[i];
}
export function died_news(k: Kernel, p: number, i: number): number {
  return i === p && exists(k, p) ? 0 : k.news[i];
}
export function stop_mode(_k: Kernel): number {
  return SYS_STOPPING;
}
export function stop_fx(k: Kernel, i: number): number {
  return k.mode !== SYS_STOPPING && exists(k, i) && k.state[i] < P_DONE ? k.fx[i] | FX_STOP : k.fx[i];
}
export function tick_credit(k: Kernel, i: number): number {
  return exists(k, i) ? k.quota[i] : k.credit[i];
}
export function allDone_result(k: Kernel): number {
  for (let p = 0; p < k.np; p++) if (k.counts[p] !== 0 && k.done[p] !== 1) return 0;
  return 1;
}
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
  if (p < 0 || p >= k.np) return 0;
  let mask = 0;
  for (let e = 0; e < MAX_ENDS; e++) if (e < k.ends[p] && k.state[far(k, p, e)] >= P_DONE) mask |= 1 << e;
  return mask;
}
