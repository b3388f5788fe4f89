// Drives the core, and is the only one that does: calls of partitions and when they are taken up again, time, slices of work, and
// what the core's effects ask for. It knows neither processes nor pages: a Mechanism has those (core-thread.ts, pipe-transport.ts).
//
// A partition has at most one call open. One that blocks stays open here and is taken up with RESULT when the core wakes the
// partition or its time is over; one for which there is no credit, or no window, is made again later. In between nobody
// looks at the partition's doorbell, so that ringing on costs the kernel nothing.
import * as core from '../core/core.ts';
import type { Kernel } from '../core/core.ts';
import { hasWindows } from './boot-plan.ts';

/** What the core's decisions are carried out with. */
export interface Mechanism {
  /** Copies the message of p's call, once: so many bytes, 0..MESSAGE_BYTES. */
  copyMessage(p: number, bytes: number, into: Int32Array): void;
  /** The text of p's HELLO or LOG: at most so many bytes, whatever number that is. */
  readText(p: number, bytes: number): string;
  /** Answers p's call with a result and the first `count` words of `out`. */
  answer(p: number, result: number, out: Int32Array, count: number): void;
  /** From now on p's doorbell is looked at, or not. */
  listen(p: number, on: boolean): void;
  /** `news`: bit per stream end that was notified; `dead`: bit per end whose peer is gone. */
  wake(p: number, news: number, dead: number): void;
  /** The system ends: p is to finish. */
  tellEnd(p: number): void;
  /**
   * A window of `from` has ended and one of `to` begun (-1: nobody's), at that time (CLOCK_MONOTONIC in ms). `missed`: that of `from`
   * had only just begun, because this turn came too late for all of it.
   */
  switchWindow(from: number, to: number, at: number, missed: boolean): void;
  /** p's W_DEADLINE, read once; undefined: its plan says nothing of missed windows and deadlines. */
  deadline(p: number): number | undefined;
  tell(event: CoreEvent): void;
}

/** What the core has to say to the kernel's main thread. */
export type CoreEvent =
  /** `weakness`: why windows are best effort; absent: they are not, or there are none. */
  | { readonly event: 'ready'; readonly weakness?: string }
  /** How late windows began so far (windows.ts, Lateness), and the mode of the schedule. */
  | {
      readonly event: 'windows';
      readonly mode: number;
      readonly windows: number;
      readonly missed: number;
      readonly late: readonly number[];
      readonly maxMicros: number;
    }
  | { readonly event: 'load'; readonly partition: number; readonly warm: boolean }
  /** `code`: for that fault; -1: it has said EXIT, or somebody who manages it stops it. */
  | { readonly event: 'kill'; readonly partition: number; readonly code: number }
  | { readonly event: 'hello'; readonly partition: number; readonly text: string }
  | { readonly event: 'log'; readonly partition: number; readonly text: string }
  | { readonly event: 'reset'; readonly partition: number }
  | {
      readonly event: 'exit';
      readonly partition: number;
      readonly status: number;
      /** All partitions that count have said EXIT. */
      readonly allDone: boolean;
      readonly systemStatus: number;
    }
  /** A partition has asked for the system's end, or the health monitor has. */
  | { readonly event: 'shutdown'; readonly systemStatus: number }
  /** An illegal call, or one by a partition that may not call yet (`early`): it is to be killed. */
  | { readonly event: 'illegal'; readonly partition: number; readonly op: number; readonly early: boolean }
  | { readonly event: 'fault'; readonly partition: number; readonly code: number }
  /** Its dead process is taken note of, and nothing more will be told of it; whether another one will follow. */
  | { readonly event: 'died'; readonly partition: number; readonly restarts: boolean }
  /** Answer to CoreRequest `manage`. */
  | { readonly event: 'managed'; readonly id: number; readonly result: number };

/** In place of the number of a partition's process: it has none. */
export const NOBODY = -1;

/** An event that a partition can cause without end. */
export const isBounded = (event: CoreEvent): event is Extract<CoreEvent, { readonly partition: number }> =>
  event.event === 'log' ||
  event.event === 'reset' ||
  event.event === 'fault' ||
  (event.event === 'illegal' && !event.early);

/** Why a call is open. */
const NOT_OPEN = 0;
/** It blocks in the core: RESULT when woken, or when its time is over. */
const BLOCKED = 1;
/** To be made again: no credit, or no window. */
const AGAIN = 2;
/** The same, but for its RESULT. */
const RESULT_AGAIN = 3;

/** Of a new process. */
const NO_PROCESS = 0;
const STARTING = 1;
/** Has said HELLO, and is not answered yet. */
const GREETED = 2;
const RUNNING = 3;

/** Illegal calls and faults of one partition that are told in one frame (all are counted in the core). */
const TOLD_PER_FRAME = 8;
/** Slots of one partition that are wiped in one turn, and changes of windows or frames that are caught up with in one turn. */
const SLICES_PER_TURN = 64;
const TICKS_PER_TURN = 1000;
/** Without anything that is due the clock is still looked at so often, so that there is never much to catch up with. */
const IDLE_MS = 1000;

export const carriesMessage = (op: number): boolean =>
  op === core.OP_SEND || op === core.OP_WRITE || op === core.OP_CALL || op === core.OP_REPLY;

const isLive = (k: Kernel, p: number): boolean => k.state[p] === core.P_READY || k.state[p] === core.P_ASKED;

export class Supervisor {
  readonly #k: Kernel;
  readonly #mechanism: Mechanism;
  readonly #tickMs: number;
  readonly #origin: number;
  /** Ticks that the core has been told of. */
  #ticks = 0;
  readonly #process: Uint8Array;
  readonly #why: Uint8Array;
  /** The fault of this turn, -1: none. */
  readonly #faultCode: Int8Array;
  readonly #told: Uint8Array;
  /** Row 4p: operation and arguments of the open call. */
  readonly #call: Int32Array;
  #anyAgain = false;
  #isEndTold = false;
  readonly #hasWindows: boolean;

  /** `k` has been accepted by `boot`; `tick` in microseconds; `now`: CLOCK_MONOTONIC in milliseconds. */
  constructor(k: Kernel, tick: number, now: number, mechanism: Mechanism) {
    this.#k = k;
    this.#mechanism = mechanism;
    this.#tickMs = tick / 1000;
    this.#origin = now;
    this.#process = new Uint8Array(k.np);
    this.#why = new Uint8Array(k.np);
    this.#call = new Int32Array(k.np * 4);
    this.#faultCode = new Int8Array(k.np).fill(-1);
    this.#told = new Uint8Array(k.np);
    this.#hasWindows = hasWindows(k);
  }

  get mode(): number {
    return this.#k.mode;
  }

  /** Whether p may run now. */
  isIn(p: number): boolean {
    return this.#coreOf(p) >= 0;
  }

  // ---- what happens to processes

  /** A new process of p exists, or is about to: its doorbell is worth a look. */
  attach(p: number): void {
    this.#process[p] = STARTING;
    this.#why[p] = NOT_OPEN;
    this.#mechanism.listen(p, true);
  }

  /** The process of p may go on from its HELLO. A partition without a process (an operator) is loaded by this alone. */
  load(p: number): void {
    if (core.loaded(this.#k, p) !== core.OK) return;
    const greeted = this.#process[p] === GREETED;
    this.#process[p] = RUNNING;
    // First its peers: what somebody sends because of p's first words is not for one that is taken for dead.
    this.#carryOut();
    if (greeted) this.#answer(p, core.OK, 0);
  }

  /** The process of p is dead for certain; `code`: the fault that this is, if the core does not know of it yet. */
  died(p: number, code: number): void {
    const k = this.#k;
    this.#process[p] = NO_PROCESS;
    this.#close(p);
    if (isLive(k, p)) this.fault(p, code);
    // Its action may be to do nothing, or to tell the partition: but it is gone, and `boot` has seen that this one acts.
    if (isLive(k, p)) this.fault(p, core.FAULT_EXIT);
    if (k.state[p] === core.P_DYING) core.stopped(k, p);
    const restarts = k.sysMode === core.SYS_RUN && k.state[p] === core.P_WIPING && k.next[p] === core.P_LOADING;
    this.#mechanism.tell({ event: 'died', partition: p, restarts });
  }

  /** A fault that was seen from outside (FAULT_). */
  fault(p: number, code: number): void {
    if (core.fault(this.#k, p, code) === core.OK) this.#tellFault(p, code);
  }

  #tellFault(p: number, code: number): void {
    this.#faultCode[p] = code;
    if (this.#mayTell(p)) this.#mechanism.tell({ event: 'fault', partition: p, code });
  }

  /** A partition whose faults are not stopped for could cause one with each call. */
  #mayTell(p: number): boolean {
    if (this.#told[p] === TOLD_PER_FRAME) return false;
    this.#told[p] += 1;
    return true;
  }

  /** A call that is made for a partition without a process. */
  manage(id: number, p: number, op: number, argument: number): void {
    const result = core.step(this.#k, this.#coreOf(p), p, op, argument, 0, 0);
    this.#mechanism.tell({ event: 'managed', id, result });
  }

  /** Tells every partition that the system ends. */
  stop(): void {
    core.stop(this.#k);
  }

  // ---- calls

  /** p's doorbell has rung: operation and arguments as they stood in its page, once. */
  call(p: number, op: number, a0: number, a1: number, a2: number): void {
    if (op === core.OP_HELLO && this.#process[p] === STARTING) {
      this.#process[p] = GREETED;
      this.#mechanism.listen(p, false);
      this.#mechanism.tell({ event: 'hello', partition: p, text: this.#mechanism.readText(p, a0) });
      return;
    }
    if (this.#process[p] !== RUNNING) {
      this.#mechanism.listen(p, false);
      this.#mechanism.tell({ event: 'illegal', partition: p, op, early: true });
      return;
    }
    const call = this.#call;
    call[p * 4] = op;
    call[p * 4 + 1] = a0;
    call[p * 4 + 2] = a1;
    call[p * 4 + 3] = a2;
    this.#make(p);
  }

  #make(p: number): void {
    const k = this.#k;
    const op = this.#call[p * 4];
    const a0 = this.#call[p * 4 + 1];
    const a1 = this.#call[p * 4 + 2];
    const a2 = this.#call[p * 4 + 3];
    if (carriesMessage(op)) this.#mechanism.copyMessage(p, Math.max(0, Math.min(a1, core.MESSAGE_BYTES)), k.inp);
    const result = core.step(k, this.#coreOf(p), p, op, a0, a1, a2);
    if (result === core.E_BUDGET || result === core.E_CALLER) this.#keep(p, AGAIN);
    else if (result === core.E_BLOCKED && k.why[p] !== core.W_NONE && op !== core.OP_RESULT) this.#keep(p, BLOCKED);
    else this.#finish(p, op, a0, result);
  }

  #takeUp(p: number): void {
    const k = this.#k;
    const result = core.step(k, this.#coreOf(p), p, core.OP_RESULT, 0, 0, 0);
    if (result === core.E_BUDGET || result === core.E_CALLER) this.#keep(p, RESULT_AGAIN);
    else if (result === core.E_BLOCKED) this.#keep(p, BLOCKED);
    else if (result === core.E_RETRY) this.#make(p);
    else this.#finish(p, this.#call[p * 4], this.#call[p * 4 + 1], result);
  }

  #keep(p: number, why: number): void {
    if (this.#why[p] === NOT_OPEN) this.#mechanism.listen(p, false);
    this.#why[p] = why;
    if (why !== BLOCKED) this.#anyAgain = true;
  }

  #close(p: number): void {
    this.#why[p] = NOT_OPEN;
    this.#mechanism.listen(p, false);
  }

  #answer(p: number, result: number, count: number): void {
    this.#mechanism.answer(p, result, this.#k.out, count);
    this.#mechanism.listen(p, true);
  }

  #finish(p: number, op: number, a0: number, result: number): void {
    const k = this.#k;
    const count = k.outN;
    if (result === core.OK) this.#report(p, op, a0);
    else if (result <= core.E_OP && result >= core.E_ARG) {
      this.#faultCode[p] = core.FAULT_ILLEGAL;
      if (this.#mayTell(p)) this.#mechanism.tell({ event: 'illegal', partition: p, op, early: false });
    }
    this.#why[p] = NOT_OPEN;
    // Whoever is stopped by it hears nothing more.
    if (k.state[p] === core.P_READY) this.#answer(p, result, count);
    else this.#close(p);
  }

  /** What the main thread has to know of a call that succeeded. */
  #report(p: number, op: number, a0: number): void {
    const k = this.#k;
    const tell = (event: CoreEvent) => this.#mechanism.tell(event);
    if (op === core.OP_LOG) tell({ event: 'log', partition: p, text: this.#mechanism.readText(p, a0) });
    else if (op === core.OP_RESET) tell({ event: 'reset', partition: p });
    else if (op === core.OP_RAISE) this.#tellFault(p, a0);
    else if (op === core.OP_EXIT) {
      tell({ event: 'exit', partition: p, status: a0, allDone: core.allDone(k) === 1, systemStatus: k.status });
    }
  }

  // ---- time, work and effects

  /** One turn: brings the core up to `now` and carries out what it asks. When to come again (CLOCK_MONOTONIC in ms). */
  turn(now: number): number {
    this.advance(now);
    if (this.#anyAgain) this.#makeAgain();
    const isWorkLeft = this.#work();
    const areEffectsLeft = this.#carryOut();
    if (this.#k.endAsked === 1 && !this.#isEndTold) {
      this.#isEndTold = true;
      this.#mechanism.tell({ event: 'shutdown', systemStatus: this.#k.status });
    }
    if (isWorkLeft || areEffectsLeft || this.#lag(now) >= 1) return now;
    return Math.min(now + IDLE_MS, this.#origin + (this.#ticks + this.#ticksUntilDue()) * this.#tickMs);
  }

  #lag(now: number): number {
    return Math.floor((now - this.#origin) / this.#tickMs) - this.#ticks;
  }

  /** Brings the core's time up to `now`: before calls that came meanwhile, or what they read and wait for is of the past. */
  advance(now: number): void {
    const k = this.#k;
    this.#began.fill(0);
    for (let turns = 0, lag = this.#lag(now); lag >= 1 && turns < TICKS_PER_TURN; turns++) {
      const n = Math.min(lag, core.untilSwitch(k));
      for (let c = 0; c < k.ncores; c++) this.#before[c] = k.winPart[k.curWin[c]];
      core.tick(k, n);
      if (k.framePos === 0) this.#told.fill(0);
      this.#ticks += n;
      lag -= n;
      for (let c = 0; c < k.ncores; c++) {
        if (core.takeSwitch(k, c) === 0) continue;
        const to = k.winPart[k.curWin[c]];
        this.#judgeTime(this.#before[c], this.#began[c] === 1 && to !== this.#before[c]);
        if (to === this.#before[c]) continue;
        const at = this.#origin + this.#ticks * this.#tickMs;
        this.#mechanism.switchWindow(this.#before[c], to, at, this.#began[c] === 1);
        this.#began[c] = 1;
      }
    }
  }
  /** A window of p has ended, which had only just begun if it was `missed`: faults of its time. */
  #judgeTime(p: number, missed: boolean): void {
    const k = this.#k;
    const by = p < 0 || k.state[p] !== core.P_READY ? undefined : this.#mechanism.deadline(p);
    if (by === undefined) return;
    if (missed) this.fault(p, core.FAULT_WINDOW);
    // Later than that by less than half of what the digit holds: each deadline is missed once.
    if (by === 0 || by === this.#judged[p] || ((k.timeLo - by) & (core.TIME_BASE - 1)) >= core.TIME_BASE / 2) return;
    this.#judged[p] = by;
    this.fault(p, core.FAULT_DEADLINE);
  }
  /** By partition: the deadline that it has missed last. */
  readonly #judged = new Int32Array(core.MAX_PARTITIONS);
  readonly #before = new Int32Array(core.MAX_CORES);
  /** By core: 1, its window began in this turn. */
  readonly #began = new Uint8Array(core.MAX_CORES);

  #makeAgain(): void {
    this.#anyAgain = false;
    for (let p = 0; p < this.#k.np; p++) {
      if (this.#why[p] === AGAIN) this.#make(p);
      else if (this.#why[p] === RESULT_AGAIN) this.#takeUp(p);
    }
  }

  /** A processor core in whose window p is, or any for one that runs in the background; -1: it is in none. */
  #coreOf(p: number): number {
    const k = this.#k;
    for (let c = 0; c < k.ncores; c++) if (k.winPart[k.curWin[c]] === p) return c;
    return k.background[p] === 1 ? 0 : -1;
  }

  /** Ticks until a point of the core's time; not positive: it is reached. */
  #until(hi: number, lo: number): number {
    return (hi - this.#k.timeHi) * core.TIME_BASE + (lo - this.#k.timeLo);
  }

  #work(): boolean {
    const k = this.#k;
    let isLeft = false;
    for (let p = 0; p < k.np; p++) {
      if (this.#why[p] === BLOCKED && this.#until(k.untilHi[p], k.untilLo[p]) <= 0) this.#takeUp(p);
      const state = k.state[p];
      if (state === core.P_HALTED || state === core.P_DYING || state === core.P_ASKED) continue;
      const c = this.#coreOf(p);
      if (c < 0) continue;
      if (state === core.P_WIPING) {
        for (let i = 0; i < SLICES_PER_TURN && k.state[p] === core.P_WIPING; i++) core.work(k, c, p);
        isLeft ||= k.state[p] === core.P_WIPING || k.state[p] === core.P_LOADING;
      } else if (state === core.P_LOADING) {
        if (this.#until(k.goHi[p], k.goLo[p]) <= 0) core.work(k, c, p);
      } else if (k.beatPeriod[p] > 0 && this.#until(k.beatHi[p], k.beatLo[p]) <= 0) {
        const faults = k.faults[p];
        core.work(k, c, p);
        if (k.faults[p] !== faults) this.#tellFault(p, core.FAULT_BEAT);
      }
    }
    return isLeft;
  }

  #carryOut(): boolean {
    const k = this.#k;
    for (let p = 0; p < k.np; p++) {
      if (k.fx[p] === 0) continue;
      const effects = core.takeEffects(k, p);
      if (effects & core.FX_KILL) this.#mechanism.tell({ event: 'kill', partition: p, code: this.#faultCode[p] });
      if (effects & core.FX_LOAD) {
        this.#mechanism.tell({ event: 'load', partition: p, warm: k.startKind[p] === core.START_WARM });
      }
      if (k.state[p] !== core.P_READY || this.#process[p] !== RUNNING) continue;
      if (effects & core.FX_END) this.#mechanism.tellEnd(p);
      if (effects & (core.FX_WAKE | core.FX_END)) {
        this.#mechanism.wake(p, core.takeNews(k, p), core.deadPeers(k, p));
        if (this.#why[p] === BLOCKED) this.#takeUp(p);
      }
    }
    for (let p = 0; p < k.np; p++) if (k.fx[p] !== 0) return true;
    this.#faultCode.fill(-1);
    return false;
  }

  #ticksUntilDue(): number {
    const k = this.#k;
    let due = Infinity;
    if (this.#hasWindows || this.#anyAgain) due = core.untilSwitch(k);
    for (let p = 0; p < k.np; p++) {
      if (this.#why[p] === BLOCKED) due = Math.min(due, this.#until(k.untilHi[p], k.untilLo[p]));
      // Outside its windows it waits for the switch, which is awaited already.
      if (k.state[p] === core.P_LOADING && this.#coreOf(p) >= 0) due = Math.min(due, this.#until(k.goHi[p], k.goLo[p]));
      if (k.state[p] === core.P_READY && k.beatPeriod[p] > 0 && this.#coreOf(p) >= 0) {
        due = Math.min(due, this.#until(k.beatHi[p], k.beatLo[p]));
      }
    }
    return Math.max(due, 1);
  }
}
