/*
 * The separation kernel's mechanism on bare RISC-V (M-mode, Privileged ISA): it gives the hart to the partition that the core's
 * schedule names, confines it by PMP, carries its calls to the core and does what the core's effects say. One hart.
 *
 * The identity under which calls are made is `current`, set from the core's schedule alone. Memory of a partition is named by
 * the layout that came with the image, which `layoutIsSound` has judged; nothing that a partition says is an address.
 */
import {
  E_BLOCKED,
  E_BUDGET,
  E_RETRY,
  E_TIMEOUT,
  FAULT_TRAP,
  FX_END,
  FX_KILL,
  FX_WAKE,
  MAX_PARTITIONS,
  MESSAGE_BYTES,
  OK,
  OP_CALL,
  OP_EXIT,
  OP_LOG,
  OP_RAISE,
  OP_REPLY,
  OP_RESET,
  OP_RESULT,
  OP_SEND,
  OP_SHUTDOWN,
  OP_TIME,
  OP_WRITE,
  P_ASKED,
  P_HALTED,
  P_LOADING,
  P_READY,
  TIME_BASE,
  W_NONE,
  allDone,
  boot,
  fault,
  loaded,
  step,
  stop,
  stopped,
  takeEffects,
  takeSwitch,
  tick,
  untilSwitch,
  work,
} from '../core/core.ts';
import type { Kernel } from '../core/core.ts';
import { H_TICK, MAX_PLAN_WORDS, loadPlan } from '../plan-load.ts';
import type { PlanWords } from '../plan-load.ts';
import {
  FRAME_SHIFT,
  MAX_SOURCE,
  MTIME_PER_US,
  claimInterrupt,
  completeInterrupt,
  enableInterrupt,
  mtime,
  powerOff,
  print,
  printHex,
  resetInterrupts,
  setTimer,
} from './board.ts';
import {
  codeOf,
  confine,
  dataEnd,
  dataOf,
  hasGuest,
  layoutIsSound,
  loadSlice,
  preparePmp,
  readLayout,
  startLoading,
} from './regions.ts';
import type { Regions } from './regions.ts';
import {
  MACHINE_EXTERNAL,
  MACHINE_TIMER,
  MCAUSE,
  MCOUNTEREN,
  MIE,
  MIP,
  MSTATUS,
  MTVAL,
  beforeTimer,
  enterGuest,
  guestsCanBeApart,
  leaveGuest,
  prepareGuests,
  resetGuest,
  tellVmm,
  timerOfGuest,
  vcpuOf,
  vcpuRun,
  wakeVmm,
} from './guest.ts';
import type { Guests } from './guest.ts';
import {
  KEPT_FRAMES,
  drainLog,
  flushLog,
  forgetKeptLog,
  logLine,
  logWaits,
  noteFault,
  noteRestart,
  prepareLog,
  tellKeptLog,
} from './log.ts';
import type { Log } from './log.ts';
import { exchangeSeed, readSeeds, takeSeed } from './seed.ts';
import type { Seeds } from './seed.ts';
import {
  add64,
  addressOf,
  and64,
  below64,
  csrRead,
  csrWrite,
  divu64,
  fenceInstructions,
  load32,
  load64,
  low,
  mul64,
  shiftRight64,
  store32,
  store64,
  sub64,
  symbol,
  text,
  waitForInterrupt,
  word,
} from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

const MEPC = 0x341;
/** At boot the board's device tree, which the reset stub has put there. */
const MSCRATCH = 0x340;
/** mstatus of a partition: MPP = U, MPIE (interrupts of M-mode reach us from U-mode anyway), TW: its WFI traps. FS = off. */
const STATUS_OF_PARTITION = 0x20_0080;
/** mcause: environment call from U-mode; the timer's interrupt has the top bit set. */
const CAUSE_CALL = 8;
const CAUSE_TIMER = 7;
const CAUSE_EXTERNAL = 11;

// ---- register frames: pc, then x1 to x31
export const FRAME_REGISTERS = 32;
const FRAME_BYTES = FRAME_REGISTERS * 8;
export const FRAME_WORDS = MAX_PARTITIONS * FRAME_REGISTERS * 2;
const PC = 0;
const SP = 2;
const A0 = 10;
const A1 = 11;
const A2 = 12;
const A7 = 17;
const CALL_BYTES = 4;
/** The metal supervisor's own calls: of a VMM, to rest until anything comes, of who has a seed (docs/design/metal.md). */
const OP_VCPU_RUN = 33;
/** Beneath it are the core's. */
const OP_LAST = 32;
const OP_REST = 34;
const OP_SEED = 35;

/** Of the message page, the first of a partition's data: what goes in, what comes out (from byte 1,024 on). */
const MESSAGE_OUT = 1024;
/** Frames that partitions have to finish after the end of the system was told. */
const GRACE_FRAMES = 100;
const NOBODY = -1;
/** Two times of the board, low and high word of each: of the next tick, and at which the kernel itself wants the hart again. */
export const TIME_WORDS = 4;
const ARMED = 8;

export class Supervisor {
  /** The partition that has the hart. */
  current = 0;
  /** The partition whose regions the PMP has; -1: none. */
  confined = 0;
  /** The background partition that was last in a window of nobody's. */
  lastBackground = 0;
  /** When its turn began, in ticks, and whether the kernel is still at work for it (loading, wiping). */
  turnBegun = 0;
  isWorking = 0;
  /** Frames since the end of the system was told. */
  grace = 0;
  ending = 0;
  /** Whether the trap that is under way was a call, and is answered. */
  isAnswered = 0;
  /** mtime units of a tick. */
  period = 0;
  readonly times = new Int32Array(TIME_WORDS);
  readonly registers = new Int32Array(FRAME_WORDS);
  /** RESTS: p has said REST, and goes on when anything comes, or at that time. RELOADS: p has said RESET, and is loaded anew. */
  readonly resting = new Int32Array(MAX_PARTITIONS);
  readonly restHi = new Int32Array(MAX_PARTITIONS);
  readonly restLo = new Int32Array(MAX_PARTITIONS);
  /** 1: something has come since p last rested. */
  readonly woken = new Int32Array(MAX_PARTITIONS);
  /** The interrupt of p's device, 0: none; and whether it has come and is not completed. */
  readonly source = new Int32Array(MAX_PARTITIONS);
  readonly inService = new Int32Array(MAX_PARTITIONS);
}

// ---- registers of partitions
function registersOf(s: Supervisor, p: number): Word {
  return add64(addressOf(s.registers), word(p * FRAME_BYTES));
}
function register(s: Supervisor, p: number, r: number): Word {
  return load64(add64(registersOf(s, p), word(r * 8)));
}
function setRegister(s: Supervisor, p: number, r: number, value: Word): void {
  store64(add64(registersOf(s, p), word(r * 8)), value);
}

/** A new life: pc at the first byte of its code, sp behind its data, a0 = its restarts, a1 = how it starts. */
function newLife(k: Kernel, r: Regions, g: Guests, s: Supervisor, p: number): void {
  for (let i = 0; i < FRAME_REGISTERS; i++) setRegister(s, p, i, word(0));
  setRegister(s, p, PC, codeOf(r, p));
  setRegister(s, p, SP, dataEnd(r, p));
  setRegister(s, p, A0, word(k.restarts[p]));
  setRegister(s, p, A1, word(k.startKind[p]));
  s.resting[p] = 0;
  s.woken[p] = 0;
  complete(s, p);
  if (hasGuest(r, p)) resetGuest(g, p);
  fenceInstructions();
}

// ---- time
function nextTick(s: Supervisor): Word {
  return load64(addressOf(s.times));
}
function armed(s: Supervisor): Word {
  return load64(add64(addressOf(s.times), word(ARMED)));
}
/** The timer: the next switch, or after so many ticks, when the partition that has the hart waits for something by a deadline. */
function arm(k: Kernel, s: Supervisor, ticks: number): void {
  const left = untilSwitch(k);
  const n = ticks < left ? ticks : left;
  const at = add64(nextTick(s), mul64(word(n - 1), word(s.period)));
  store64(add64(addressOf(s.times), word(ARMED)), at);
  setTimer(0, at);
}
const MAX_SWITCHES = 4;
/** Brings the core's time up to the board's. */
function advance(k: Kernel, s: Supervisor): void {
  for (let i = 0; i < MAX_SWITCHES; i++) {
    const now = mtime();
    const next = nextTick(s);
    if (below64(now, next)) return;
    const left = untilSwitch(k);
    const passed = divu64(sub64(now, next), word(s.period));
    const n = below64(passed, word(left)) ? low(passed) + 1 : left;
    tick(k, n);
    store64(addressOf(s.times), add64(next, mul64(word(n), word(s.period))));
    if (s.ending === 1 && k.framePos === 0 && s.grace < GRACE_FRAMES) s.grace += 1;
  }
}

const RESTS = 1;
const RELOADS = 2;
// ---- rest, and interrupts of devices, which belong to the one partition that has the device
function rouse(s: Supervisor, p: number, result: number): void {
  if (s.resting[p] !== RESTS) {
    s.woken[p] = 1;
    return;
  }
  s.resting[p] = 0;
  setRegister(s, p, A0, word(result));
}
/** The driver has looked at its device: its interrupt may come again. */
function complete(s: Supervisor, p: number): void {
  if (s.inService[p] === 0) return;
  s.inService[p] = 0;
  completeInterrupt(s.source[p]);
}
function rest(k: Kernel, s: Supervisor, p: number, ticks: number): void {
  setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
  setRegister(s, p, A0, word(OK));
  complete(s, p);
  if (s.woken[p] === 1 || ticks <= 0 || ticks >= TIME_BASE) {
    s.woken[p] = 0;
    return;
  }
  const lo = k.timeLo + ticks;
  s.resting[p] = RESTS;
  s.restHi[p] = lo < TIME_BASE ? k.timeHi : k.timeHi + 1;
  s.restLo[p] = lo < TIME_BASE ? lo : lo - TIME_BASE;
}
function isRested(k: Kernel, s: Supervisor, p: number): boolean {
  return k.timeHi > s.restHi[p] || (k.timeHi === s.restHi[p] && k.timeLo >= s.restLo[p]);
}
function onExternal(k: Kernel, s: Supervisor): void {
  const source = claimInterrupt();
  if (source === 0) return;
  for (let p = 0; p < k.np; p++) {
    if (s.source[p] === source) {
      s.inService[p] = 1;
      rouse(s, p, OK);
      return;
    }
  }
  completeInterrupt(source);
}
/** In windows of others no interrupt takes time: it waits for a window of its driver, or of nobody. */
function takesInterrupts(s: Supervisor, owner: number): boolean {
  return owner < 0 || s.source[owner] > 0;
}
function hears(g: Guests, s: Supervisor, owner: number): void {
  g.enabled = takesInterrupts(s, owner) ? MACHINE_TIMER + MACHINE_EXTERNAL : MACHINE_TIMER;
  csrWrite(MIE, word(g.enabled));
}
/** The image says which interrupt each partition's device has; false: it says what cannot be. */
function readInterrupts(k: Kernel, s: Supervisor): boolean {
  resetInterrupts();
  for (let p = 0; p < k.np; p++) {
    const source = load32(add64(symbol('interrupts'), word(p * 4)));
    if (source < 0 || source > MAX_SOURCE) return false;
    for (let q = 0; q < p; q++) if (source > 0 && s.source[q] === source) return false;
    s.source[p] = source;
    if (source > 0) enableInterrupt(source);
  }
  return true;
}

// ---- effects
function carryOut(k: Kernel, r: Regions, g: Guests, s: Supervisor, p: number): void {
  const effects = takeEffects(k, p);
  if ((effects & FX_KILL) !== 0) {
    // Nothing of it runs while we do: it is dead for certain. What is left of it is overwritten before it lives again.
    startLoading(r, p);
    s.resting[p] = 0;
    stopped(k, p);
  } else if ((effects & (FX_WAKE | FX_END)) !== 0 && g.guestRuns[p] === 1) {
    setRegister(s, p, A0, word(wakeVmm(g, p, s.ending === 1)));
  } else if (effects !== 0) {
    rouse(s, p, OK);
  }
}

// ---- who has the hart
function isRunnable(k: Kernel, s: Supervisor, p: number): boolean {
  return k.state[p] === P_READY && k.why[p] === W_NONE && s.resting[p] === 0;
}
/**
 * Kernel's own work for p in its window, a bounded piece: effects, wiping, loading, the continuation of a blocked call. True:
 * there may be more to do at once.
 */
function serve(k: Kernel, r: Regions, g: Guests, l: Log, s: Supervisor, p: number): boolean {
  carryOut(k, r, g, s, p);
  if (k.state[p] === P_ASKED) {
    if (loadSlice(r, p)) {
      newLife(k, r, g, s, p);
      loaded(k, p);
      if (k.restarts[p] > 0) noteRestart(l, p);
    }
    return true;
  }
  if (k.state[p] !== P_READY) {
    const done = work(k, 0, p);
    return done === OK || done === E_RETRY;
  }
  if (s.resting[p] === RELOADS) {
    if (loadSlice(r, p)) newLife(k, r, g, s, p);
    return true;
  }
  if (k.beatPeriod[p] !== 0 && hasMissedBeat(k, l, p)) return true;
  if (s.resting[p] === RESTS && isRested(k, s, p)) rouse(s, p, E_TIMEOUT);
  if (k.why[p] === W_NONE) return false;
  const result = step(k, 0, p, OP_RESULT, 0, 0, 0);
  if (result === E_BLOCKED || result === E_BUDGET) return false;
  // E_RETRY: it makes its call again. Everything else is the end of the call.
  if (result !== E_RETRY) answer(k, r, s, p, result);
  return true;
}

/** Whether it is to be stopped because it did not say in time that it lives; the core looks. */
function hasMissedBeat(k: Kernel, l: Log, p: number): boolean {
  work(k, 0, p);
  if (k.state[p] === P_READY) return false;
  noteFault(l, k, p, text(' did not say in time that it lives, and was stopped.'));
  return true;
}

/** Result, result words, and on behind the call. */
function answer(k: Kernel, r: Regions, s: Supervisor, p: number, result: number): void {
  const out = add64(dataOf(r, p), word(MESSAGE_OUT));
  const n = k.outN;
  for (let w = 0; w < n; w++) store32(add64(out, word(w * 4)), k.out[w]);
  setRegister(s, p, A0, word(result));
  setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
}

// ---- traps
function takesMessage(op: number): boolean {
  return op === OP_SEND || op === OP_WRITE || op === OP_CALL || op === OP_REPLY;
}
function onCall(k: Kernel, r: Regions, l: Log, s: Supervisor, p: number, op: number): void {
  const a0 = low(register(s, p, A0));
  const a1 = low(register(s, p, A1));
  const a2 = low(register(s, p, A2));
  if (takesMessage(op)) {
    const page = dataOf(r, p);
    const n = a1 >= 0 && a1 <= MESSAGE_BYTES ? (a1 + 3) >> 2 : 0;
    for (let w = 0; w < n; w++) k.inp[w] = load32(add64(page, word(w * 4)));
  }
  const result = step(k, 0, p, op, a0, a1, a2);
  // A blocked or unpaid call stays open: the pc still stands on it.
  if (result !== E_BLOCKED && result !== E_BUDGET) answer(k, r, s, p, result);
  if (op < OP_TIME) onEvent(k, r, l, s, p, op, a0, result);
}
/** What EXIT, RESET, SHUTDOWN and LOG, the first ones by number, mean here. */
function onEvent(
  k: Kernel,
  r: Regions,
  l: Log,
  s: Supervisor,
  p: number,
  op: number,
  bytes: number,
  result: number,
): void {
  // A guest that is switched off and on: its partition goes on, with what its image has.
  if (op === OP_RESET && result === OK && hasGuest(r, p)) {
    startLoading(r, p);
    s.resting[p] = RELOADS;
  }
  if (op === OP_LOG && result === OK && bytes <= MESSAGE_BYTES) {
    logLine(l, p, dataOf(r, p), bytes);
    // In the time of who has said it: a schedule may leave none to nobody.
    drainLog(l);
  }
  if ((op === OP_EXIT || op === OP_SHUTDOWN) && s.ending === 0 && allDone(k) === 1) {
    s.ending = 1;
    stop(k);
  }
}
function isOver(k: Kernel, r: Regions, s: Supervisor): boolean {
  if (s.ending === 0) return false;
  if (s.grace >= GRACE_FRAMES) return true;
  for (let p = 0; p < k.np; p++) if (goesOnAtTheEnd(k, r, s, p)) return false;
  return true;
}
/** Whether it still has something to do; who only waits has not. Guests are told of the end by their VMM. */
function goesOnAtTheEnd(k: Kernel, r: Regions, s: Supervisor, p: number): boolean {
  const effects = hasGuest(r, p) ? FX_WAKE | FX_END : FX_WAKE;
  return k.state[p] === P_READY && (isRunnable(k, s, p) || (k.fx[p] & effects) !== 0);
}

const FOREVER = 1 << 28;
/** Ticks until that time, at least 1. */
function untilDeadline(k: Kernel, hi: number, lo: number): number {
  if (hi > k.timeHi) return FOREVER;
  return hi === k.timeHi && lo > k.timeLo ? lo - k.timeLo : 1;
}
/** Ticks after which p, which cannot run now, may go on by itself: its wait or its back-off ends. */
function pause(k: Kernel, s: Supervisor, p: number): number {
  if (k.state[p] === P_LOADING) return untilDeadline(k, k.goHi[p], k.goLo[p]);
  if (k.state[p] !== P_READY) return FOREVER;
  const isResting = s.resting[p] === RESTS;
  const wait = isResting ? untilDeadline(k, s.restHi[p], s.restLo[p]) : untilDeadline(k, k.untilHi[p], k.untilLo[p]);
  if (k.beatPeriod[p] === 0) return wait;
  const beat = untilDeadline(k, k.beatHi[p], k.beatLo[p]);
  return beat < wait ? beat : wait;
}

/** Whether p could go on in a window of nobody's, or the kernel for it. */
function hasWork(k: Kernel, s: Supervisor, p: number): boolean {
  const state = k.state[p];
  if (k.fx[p] !== 0 || isRunnable(k, s, p) || s.resting[p] === RELOADS) return true;
  if (state === P_READY || state === P_LOADING) return pause(k, s, p) <= 1;
  return state !== P_HALTED;
}
/** Ticks of a background partition's turn. */
const TURN = 100;
/** The next background partition, in turn, that could go on. */
function nextBackground(k: Kernel, s: Supervisor): number {
  for (let i = 1; i < MAX_PARTITIONS + 1; i++) {
    const q = s.lastBackground + i;
    const turn = q >= k.np ? q - k.np : q;
    if (turn < k.np && k.background[turn] === 1 && hasWork(k, s, turn)) return turn;
  }
  return NOBODY;
}
/** Whose turn it is in a window of nobody's: kernel's work for a partition that begins anew has the whole of it. */
function turnInBackground(k: Kernel, s: Supervisor): number {
  const spent = k.timeLo - s.turnBegun;
  if (s.isWorking === 1 && spent >= 0 && spent < TURN) return s.lastBackground;
  s.turnBegun = k.timeLo;
  return nextBackground(k, s);
}
/** Ticks until one of the background partitions may go on by itself. */
function pauseOfBackground(k: Kernel, s: Supervisor): number {
  let least = FOREVER;
  for (let p = 0; p < k.np; p++) {
    if (k.background[p] === 1) {
      const ticks = pause(k, s, p);
      if (ticks < least) least = ticks;
    }
  }
  return least;
}

const MAX_ROUNDS = 1 << 30;
/**
 * Chooses what runs next and returns its register frame. Whoever owns the window and cannot run leaves the hart idle: its time is
 * given to nobody. In windows of nobody's the background partitions take turns.
 */
function giveHart(k: Kernel, r: Regions, g: Guests, l: Log, s: Supervisor): Word {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    advance(k, s);
    takeSwitch(k, 0);
    if (isOver(k, r, s)) {
      flushLog(l);
      forgetKeptLog();
      powerOff(k.status);
    }
    const owner = k.winPart[k.curWin[0]];
    hears(g, s, owner);
    if (takesInterrupts(s, owner) && and64(csrRead(MIP), word(MACHINE_EXTERNAL)) !== word(0)) onExternal(k, s);
    const p = owner >= 0 ? owner : turnInBackground(k, s);
    if (owner < 0) drainLog(l);
    if (p >= 0) {
      const more = serve(k, r, g, l, s, p);
      if (owner < 0) {
        s.lastBackground = p;
        s.isWorking = more ? 1 : 0;
      }
      if (isRunnable(k, s, p)) {
        arm(k, s, owner < 0 ? TURN : FOREVER);
        return resume(r, g, s, p);
      }
      if (owner >= 0 && !more) idle(k, l, s, pause(k, s, p));
    } else {
      idle(k, l, s, pauseOfBackground(k, s));
    }
  }
  // Nobody has run in so many rounds: nobody's registers may be resumed as another's.
  powerOff(70);
  return registersOf(s, 0);
}
function idle(k: Kernel, l: Log, s: Supervisor, ticks: number): void {
  drainLog(l);
  arm(k, s, logWaits(l) ? 1 : ticks);
  waitForInterrupt();
}
/** p has the hart, within its regions and under its name: its program, or its guest. */
function resume(r: Regions, g: Guests, s: Supervisor, p: number): Word {
  s.current = p;
  if (s.confined !== p) {
    confine(r, p);
    s.confined = p;
  }
  if (g.guestRuns[p] === 1) return resumeGuest(r, g, s, p);
  csrWrite(MSTATUS, word(STATUS_OF_PARTITION));
  return registersOf(s, p);
}
function resumeGuest(r: Regions, g: Guests, s: Supervisor, p: number): Word {
  const frame = enterGuest(r, g, p);
  setTimer(0, beforeTimer(g, p, armed(s)));
  return frame;
}
/** Whether p goes on in its window as if nothing had been. */
function goesOn(k: Kernel, s: Supervisor, p: number): boolean {
  return k.switched[0] === 0 && k.fx[p] === 0 && isRunnable(k, s, p);
}

/** Whether it is a call of the supervisor's, and p may make it: all others are the core's to judge. */
function isOwnCall(r: Regions, e: Seeds, p: number, op: number): boolean {
  return op === OP_REST || (op === OP_VCPU_RUN && hasGuest(r, p)) || (op === OP_SEED && e.seedHalf[p] > 0);
}
/**
 * From the trap stub, which has saved what a function may change: the short way, for a call after which nothing has changed about
 * who has the hart. Gives back the caller's frame; 0: `handle` goes on, all registers saved.
 */
export function trap(k: Kernel, r: Regions, g: Guests, l: Log, e: Seeds, s: Supervisor): Word {
  if (g.isGuest === 1 || csrRead(MCAUSE) !== word(CAUSE_CALL)) return word(0);
  const p = s.current;
  const op = low(register(s, p, A7));
  if (op > OP_LAST && isOwnCall(r, e, p, op)) return word(0);
  if (!below64(mtime(), nextTick(s))) advance(k, s);
  onCall(k, r, l, s, p, op);
  if (goesOn(k, s, p)) return registersOf(s, p);
  if ((k.fx[p] & FX_KILL) !== 0 && op !== OP_EXIT) {
    const raised = op === OP_RAISE;
    noteFault(l, k, p, raised ? text(' was stopped for a fault (raised).') : text(' made a call that is not its own.'));
  }
  s.isAnswered = 1;
  return word(0);
}
/** The long way: gives back the frame to be resumed. */
export function handle(k: Kernel, r: Regions, g: Guests, l: Log, e: Seeds, s: Supervisor): Word {
  const cause = csrRead(MCAUSE);
  const p = s.current;
  if (s.isAnswered === 1) {
    s.isAnswered = 0;
    return giveHart(k, r, g, l, s);
  }
  if (!below64(mtime(), nextTick(s))) advance(k, s);
  if (g.isGuest === 1) return trapOfGuest(k, r, g, l, s, p, cause);
  if (isInterrupt(cause, CAUSE_EXTERNAL)) {
    onExternal(k, s);
  } else if (cause === word(CAUSE_CALL) && low(register(s, p, A7)) === OP_REST) {
    rest(k, s, p, low(register(s, p, A0)));
  } else if (cause === word(CAUSE_CALL) && low(register(s, p, A7)) === OP_SEED) {
    setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
    setRegister(s, p, A0, word(exchangeSeed(r, e, p, low(register(s, p, A0)))));
  } else if (cause === word(CAUSE_CALL)) {
    // VCPU_RUN: all other calls are answered.
    setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
    if (s.ending === 1) {
      setRegister(s, p, A0, word(wakeVmm(g, p, true)));
      return giveHart(k, r, g, l, s);
    }
    vcpuRun(r, g, p, low(register(s, p, A0)));
    if (s.woken[p] === 1) {
      s.woken[p] = 0;
      setRegister(s, p, A0, word(wakeVmm(g, p, false)));
      return giveHart(k, r, g, l, s);
    }
    if (goesOn(k, s, p)) return resumeGuest(r, g, s, p);
  } else if (!isInterrupt(cause, CAUSE_TIMER)) {
    fault(k, p, FAULT_TRAP);
    if ((k.fx[p] & FX_KILL) !== 0) noteFault(l, k, p, text(' was stopped for a fault (trap).'));
  }
  return giveHart(k, r, g, l, s);
}
function trapOfGuest(k: Kernel, r: Regions, g: Guests, l: Log, s: Supervisor, p: number, cause: Word): Word {
  if (isInterrupt(cause, CAUSE_EXTERNAL)) {
    leaveGuest(r, g, p);
    onExternal(k, s);
    return giveHart(k, r, g, l, s);
  }
  if (isInterrupt(cause, CAUSE_TIMER)) {
    // The guest's own timer; or the kernel's: the window's end, or that of a turn.
    if (goesOn(k, s, p) && below64(mtime(), armed(s))) {
      timerOfGuest(g, p);
      setTimer(0, beforeTimer(g, p, armed(s)));
      return vcpuOf(r, p);
    }
    leaveGuest(r, g, p);
    if (g.callsBack[p] === 1) setRegister(s, p, A0, word(wakeVmm(g, p, false)));
    return giveHart(k, r, g, l, s);
  }
  leaveGuest(r, g, p);
  tellVmm(r, g, p);
  setRegister(s, p, A0, cause);
  if (!goesOn(k, s, p)) return giveHart(k, r, g, l, s);
  csrWrite(MSTATUS, word(STATUS_OF_PARTITION));
  return registersOf(s, p);
}
function isInterrupt(cause: Word, which: number): boolean {
  return cause < word(0) && (low(cause) & 0xff) === which;
}

/** A trap in the kernel itself: the machine stops, and says where. */
export function panic(): void {
  print(text('\nvirtsec: trap in the kernel, mcause '));
  printHex(csrRead(MCAUSE));
  print(text(' mepc '));
  printHex(csrRead(MEPC));
  print(text(' mtval '));
  printHex(csrRead(MTVAL));
  print(text('\n'));
  powerOff(70);
}
function refuse(reason: Word): void {
  print(text('virtsec: refused: '));
  print(reason);
  print(text('\n'));
  powerOff(2);
}

function readPlan(f: PlanWords): void {
  const at = symbol('plan');
  const n = load32(symbol('planWords'));
  f.n = n;
  if (n < 0 || n > MAX_PLAN_WORDS) {
    f.n = 0;
    return;
  }
  for (let i = 0; i < n; i++) f.words[i] = load32(add64(at, word(i * 4)));
}
/** From reset to the frame of the first partition. */
export function main(k: Kernel, f: PlanWords, r: Regions, g: Guests, l: Log, e: Seeds, s: Supervisor): Word {
  const tree = csrRead(MSCRATCH);
  csrWrite(MCOUNTEREN, word(0));
  readPlan(f);
  if (loadPlan(k, f) !== OK) refuse(text('the plan is damaged'));
  if (k.ncores !== 1) refuse(text('the plan has more than one core'));
  s.period = f.words[H_TICK] * MTIME_PER_US;
  if (boot(k) !== OK) refuse(text('the core does not accept the plan'));
  readLayout(k, r);
  // The log's copy is the kernel's, too.
  const kernelEnd = low(shiftRight64(symbol('kernelEnd'), FRAME_SHIFT)) + KEPT_FRAMES;
  if (!layoutIsSound(k, r, kernelEnd)) refuse(text('the layout is not sound'));
  if (!readInterrupts(k, s)) refuse(text('the interrupts of devices are not sound'));
  if (!readSeeds(k, e)) refuse(text('the seeds of partitions are not sound'));
  takeSeed(e, tree);
  preparePmp(k, r);
  prepareLog(k, r, l);
  if (!guestsCanBeApart()) refuse(text('the hart has vector registers, which are not switched'));
  prepareGuests(g);
  s.confined = NOBODY;
  store64(addressOf(s.times), add64(mtime(), word(s.period)));
  print(text('Virtsec separation kernel on bare RV64\n'));
  tellKeptLog();
  return giveHart(k, r, g, l, s);
}
