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
  FAULT_TRAP,
  FX_END,
  FX_KILL,
  FX_WAKE,
  MAX_PARTITIONS,
  MESSAGE_BYTES,
  OK,
  OP_CALL,
  OP_EXIT,
  OP_REPLY,
  OP_RESULT,
  OP_SEND,
  OP_SHUTDOWN,
  OP_WRITE,
  P_ASKED,
  P_HALTED,
  P_LOADING,
  P_READY,
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
import { FRAME_SHIFT, MTIME_PER_US, mtime, powerOff, print, printHex, setTimer } from './board.ts';
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
  MACHINE_TIMER,
  MCAUSE,
  MCOUNTEREN,
  MIE,
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
  add64,
  addressOf,
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
/** mstatus of a partition: MPP = U, MPIE (interrupts of M-mode reach us from U-mode anyway), TW: its WFI traps. FS = off. */
const STATUS_OF_PARTITION = 0x20_0080;
/** mcause: environment call from U-mode; the timer's interrupt has the top bit set. */
const CAUSE_CALL = 8;
const CAUSE_TIMER = 7;

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
/** The metal supervisor's own call, of a VMM (docs/design/metal.md). */
const OP_VCPU_RUN = 33;

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
    if (s.ending === 1 && k.framePos === 0) s.grace += 1;
  }
}

// ---- effects
function carryOut(k: Kernel, r: Regions, g: Guests, s: Supervisor, p: number): void {
  const effects = takeEffects(k, p);
  if ((effects & FX_KILL) !== 0) {
    // Nothing of it runs while we do: it is dead for certain. What is left of it is overwritten before it lives again.
    startLoading(r, p);
    stopped(k, p);
  } else if ((effects & (FX_WAKE | FX_END)) !== 0 && g.guestRuns[p] === 1) {
    setRegister(s, p, A0, word(wakeVmm(g, p, s.ending === 1)));
  }
}

// ---- who has the hart
function isRunnable(k: Kernel, p: number): boolean {
  return k.state[p] === P_READY && k.why[p] === W_NONE;
}
/**
 * Kernel's own work for p in its window, a bounded piece: effects, wiping, loading, the continuation of a blocked call. True:
 * there may be more to do at once.
 */
function serve(k: Kernel, r: Regions, g: Guests, s: Supervisor, p: number): boolean {
  carryOut(k, r, g, s, p);
  if (k.state[p] === P_ASKED) {
    if (loadSlice(r, p)) {
      newLife(k, r, g, s, p);
      loaded(k, p);
    }
    return true;
  }
  if (k.state[p] !== P_READY) {
    const done = work(k, 0, p);
    return done === OK || done === E_RETRY;
  }
  if (k.why[p] === W_NONE) return false;
  const result = step(k, 0, p, OP_RESULT, 0, 0, 0);
  if (result === E_BLOCKED || result === E_BUDGET) return false;
  // E_RETRY: it makes its call again. Everything else is the end of the call.
  if (result !== E_RETRY) answer(k, r, s, p, result);
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
function onCall(k: Kernel, r: Regions, s: Supervisor, p: number, op: number): void {
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
  if ((op === OP_EXIT || op === OP_SHUTDOWN) && s.ending === 0 && allDone(k) === 1) {
    s.ending = 1;
    stop(k);
  }
}
function isOver(k: Kernel, s: Supervisor): boolean {
  if (s.ending === 0) return false;
  if (s.grace >= GRACE_FRAMES) return true;
  for (let p = 0; p < k.np; p++) if (k.state[p] === P_READY) return false;
  return true;
}

const FOREVER = 1 << 28;
/** Ticks until that time, at least 1. */
function untilDeadline(k: Kernel, hi: number, lo: number): number {
  if (hi > k.timeHi) return FOREVER;
  return hi === k.timeHi && lo > k.timeLo ? lo - k.timeLo : 1;
}
/** Ticks after which p, which cannot run now, may go on by itself: its wait or its back-off ends. */
function rest(k: Kernel, p: number): number {
  if (k.state[p] === P_LOADING) return untilDeadline(k, k.goHi[p], k.goLo[p]);
  return k.state[p] === P_READY ? untilDeadline(k, k.untilHi[p], k.untilLo[p]) : FOREVER;
}

/** Whether p could go on in a window of nobody's, or the kernel for it. */
function hasWork(k: Kernel, p: number): boolean {
  const state = k.state[p];
  if (k.fx[p] !== 0 || isRunnable(k, p)) return true;
  if (state === P_READY || state === P_LOADING) return rest(k, p) <= 1;
  return state !== P_HALTED;
}
/** Ticks of a background partition's turn. */
const TURN = 100;
/** The next background partition, in turn, that could go on. */
function nextBackground(k: Kernel, s: Supervisor): number {
  for (let i = 1; i < MAX_PARTITIONS + 1; i++) {
    const q = s.lastBackground + i;
    const turn = q >= k.np ? q - k.np : q;
    if (turn < k.np && k.background[turn] === 1 && hasWork(k, turn)) return turn;
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
function restOfBackground(k: Kernel): number {
  let least = FOREVER;
  for (let p = 0; p < k.np; p++) {
    if (k.background[p] === 1) {
      const ticks = rest(k, p);
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
function giveHart(k: Kernel, r: Regions, g: Guests, s: Supervisor): Word {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    advance(k, s);
    takeSwitch(k, 0);
    if (isOver(k, s)) powerOff(k.status);
    const owner = k.winPart[k.curWin[0]];
    const p = owner >= 0 ? owner : turnInBackground(k, s);
    if (p >= 0) {
      const more = serve(k, r, g, s, p);
      if (owner < 0) {
        s.lastBackground = p;
        s.isWorking = more ? 1 : 0;
      }
      if (isRunnable(k, p)) {
        arm(k, s, owner < 0 ? TURN : FOREVER);
        return resume(r, g, s, p);
      }
      if (owner >= 0 && !more) idle(k, s, rest(k, p));
    } else {
      idle(k, s, restOfBackground(k));
    }
  }
  return registersOf(s, 0);
}
function idle(k: Kernel, s: Supervisor, ticks: number): void {
  arm(k, s, ticks);
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
function goesOn(k: Kernel, p: number): boolean {
  return k.switched[0] === 0 && k.fx[p] === 0 && isRunnable(k, p);
}

/**
 * From the trap stub, which has saved what a function may change: the short way, for a call after which nothing has changed about
 * who has the hart. Gives back the caller's frame; 0: `handle` goes on, all registers saved.
 */
export function trap(k: Kernel, r: Regions, g: Guests, s: Supervisor): Word {
  if (g.isGuest === 1 || csrRead(MCAUSE) !== word(CAUSE_CALL)) return word(0);
  const p = s.current;
  const op = low(register(s, p, A7));
  if (op === OP_VCPU_RUN && hasGuest(r, p)) return word(0);
  if (!below64(mtime(), nextTick(s))) advance(k, s);
  onCall(k, r, s, p, op);
  if (goesOn(k, p)) return registersOf(s, p);
  s.isAnswered = 1;
  return word(0);
}
/** The long way: gives back the frame to be resumed. */
export function handle(k: Kernel, r: Regions, g: Guests, s: Supervisor): Word {
  const cause = csrRead(MCAUSE);
  const p = s.current;
  if (s.isAnswered === 1) {
    s.isAnswered = 0;
    return giveHart(k, r, g, s);
  }
  if (!below64(mtime(), nextTick(s))) advance(k, s);
  if (g.isGuest === 1) return trapOfGuest(k, r, g, s, p, cause);
  if (cause === word(CAUSE_CALL)) {
    // VCPU_RUN: all other calls are answered.
    setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
    if (s.ending === 1) {
      setRegister(s, p, A0, word(wakeVmm(g, p, true)));
      return giveHart(k, r, g, s);
    }
    vcpuRun(r, g, p, low(register(s, p, A0)));
    if (goesOn(k, p)) return resumeGuest(r, g, s, p);
  } else if (!isTimer(cause)) {
    fault(k, p, FAULT_TRAP);
  }
  return giveHart(k, r, g, s);
}
function trapOfGuest(k: Kernel, r: Regions, g: Guests, s: Supervisor, p: number, cause: Word): Word {
  if (isTimer(cause)) {
    // The guest's own timer; or the kernel's: the window's end, or that of a turn.
    if (goesOn(k, p) && below64(mtime(), armed(s))) {
      timerOfGuest(g, p);
      setTimer(0, beforeTimer(g, p, armed(s)));
      return vcpuOf(r, p);
    }
    leaveGuest(r, g, p);
    return giveHart(k, r, g, s);
  }
  leaveGuest(r, g, p);
  tellVmm(r, g, p);
  setRegister(s, p, A0, cause);
  if (!goesOn(k, p)) return giveHart(k, r, g, s);
  csrWrite(MSTATUS, word(STATUS_OF_PARTITION));
  return registersOf(s, p);
}
function isTimer(cause: Word): boolean {
  return cause < word(0) && (low(cause) & 0xff) === CAUSE_TIMER;
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
export function main(k: Kernel, f: PlanWords, r: Regions, g: Guests, s: Supervisor): Word {
  csrWrite(MCOUNTEREN, word(0));
  readPlan(f);
  if (loadPlan(k, f) !== OK) refuse(text('the plan is damaged'));
  if (k.ncores !== 1) refuse(text('the plan has more than one core'));
  s.period = f.words[H_TICK] * MTIME_PER_US;
  if (boot(k) !== OK) refuse(text('the core does not accept the plan'));
  readLayout(k, r);
  if (!layoutIsSound(k, r, low(shiftRight64(symbol('kernelEnd'), FRAME_SHIFT))))
    refuse(text('the layout is not sound'));
  preparePmp(k, r);
  if (!guestsCanBeApart()) refuse(text('the hart has vector registers, which are not switched'));
  prepareGuests(g);
  s.confined = NOBODY;
  store64(addressOf(s.times), add64(mtime(), word(s.period)));
  csrWrite(MIE, word(MACHINE_TIMER));
  print(text('Virtsec separation kernel on bare RV64\n'));
  return giveHart(k, r, g, s);
}
