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
  FX_KILL,
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
  add64,
  addressOf,
  below64,
  csrRead,
  csrWrite,
  divu64,
  fenceInstructions,
  fenceTranslations,
  load32,
  load64,
  low,
  mul64,
  or64,
  shiftLeft64,
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

// ---- control and status registers (Privileged ISA, tables 2.1 to 2.6)
const MSTATUS = 0x300;
const MIE = 0x304;
const MCOUNTEREN = 0x306;
const MEPC = 0x341;
const MCAUSE = 0x342;
const MTVAL = 0x343;
const PMPCFG0 = 0x3a0;
const PMPADDR0 = 0x3b0;
const PMPADDR1 = 0x3b1;
const PMPADDR2 = 0x3b2;
const PMPADDR3 = 0x3b3;
const PMPADDR4 = 0x3b4;
const PMPADDR5 = 0x3b5;
const PMPADDR6 = 0x3b6;
const PMPADDR7 = 0x3b7;
/** mstatus of a partition: MPP = U, MPIE (interrupts of M-mode reach us from U-mode anyway), TW: its WFI traps. */
const STATUS_OF_PARTITION = 0x20_0080;
/** mie, mip: the machine timer. */
const TIMER_BIT = 0x80;
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

// ---- the layout that comes with the image: where partitions lie
/** Regions of a partition: entries of the PMP. The first is its code, the second its data. */
export const MAX_REGIONS = 8;
export const REGION_ROWS = MAX_PARTITIONS * MAX_REGIONS;
export const R_NONE = 0;
export const R_READ = 1;
export const R_WRITE = 2;
export const R_EXECUTE = 4;
/** pmpcfg: naturally aligned power of two (Privileged ISA 3.7.1). */
const NAPOT = 0x18;
/** Largest region: 2^18 page frames. */
const MAX_SHIFT = 18;
const MAX_FRAME = 1 << 22;
/** Words of the layout for each partition: image (byte offset, words), then for each region frame, log2 of frames, rights. */
const LAYOUT_IMAGE = 2;
const LAYOUT_REGION = 3;
const LAYOUT_WORDS = LAYOUT_IMAGE + MAX_REGIONS * LAYOUT_REGION;
const CODE = 0;
const DATA = 1;

/** Of the message page, the first of a partition's data: what goes in, what comes out (from byte 1,024 on). */
const MESSAGE_OUT = 1024;
/** Words that a slice of loading copies or clears. */
const LOAD_WORDS = 256;
/** Frames that partitions have to finish after the end of the system was told. */
const GRACE_FRAMES = 100;
const NOBODY = -1;
/** A time of the board: low and high word. */
export const TIME_WORDS = 2;

export class Supervisor {
  /** The partition that has the hart; -1: none. */
  current = 0;
  /** The background partition that was last in a window of nobody's. */
  lastBackground = 0;
  /** Frames since the end of the system was told. */
  grace = 0;
  ending = 0;
  /** mtime units of a tick. */
  period = 0;
  /** mtime of the next tick, low and high word. */
  readonly nextTick = new Int32Array(TIME_WORDS);
  readonly registers = new Int32Array(FRAME_WORDS);
  readonly imageAt = new Int32Array(MAX_PARTITIONS);
  readonly imageWords = new Int32Array(MAX_PARTITIONS);
  /** The next word to be loaded. */
  readonly loadCursor = new Int32Array(MAX_PARTITIONS);
  /** Row p * MAX_REGIONS + i: first page frame, log2 of page frames, R_ rights. */
  readonly regionFrame = new Int32Array(REGION_ROWS);
  readonly regionShift = new Int32Array(REGION_ROWS);
  readonly regionRights = new Int32Array(REGION_ROWS);
}

// ---- memory of partitions
function frameAddress(frame: number): Word {
  return shiftLeft64(word(frame), FRAME_SHIFT);
}
function dataOf(s: Supervisor, p: number): Word {
  return frameAddress(s.regionFrame[p * MAX_REGIONS + DATA]);
}
function dataBytes(s: Supervisor, p: number): number {
  return 1 << (s.regionShift[p * MAX_REGIONS + DATA] + FRAME_SHIFT);
}
function codeBytes(s: Supervisor, p: number): number {
  return 1 << (s.regionShift[p * MAX_REGIONS + CODE] + FRAME_SHIFT);
}
function registersOf(s: Supervisor, p: number): Word {
  return add64(addressOf(s.registers), word(p * FRAME_BYTES));
}
function register(s: Supervisor, p: number, r: number): Word {
  return load64(add64(registersOf(s, p), word(r * 8)));
}
function setRegister(s: Supervisor, p: number, r: number, value: Word): void {
  store64(add64(registersOf(s, p), word(r * 8)), value);
}

// ---- the layout is judged before it is used
/** A region is aligned to its size, or not in use. */
function regionIsSound(s: Supervisor, row: number): boolean {
  const frame = s.regionFrame[row];
  const shift = s.regionShift[row];
  const rights = s.regionRights[row];
  if (rights === R_NONE) return true;
  if (rights < R_NONE || rights > R_READ + R_WRITE + R_EXECUTE || (rights & R_READ) === 0) return false;
  // Nothing is both written and executed.
  if ((rights & (R_WRITE | R_EXECUTE)) === R_WRITE + R_EXECUTE) return false;
  if (shift < 0 || shift > MAX_SHIFT || frame < 1 || frame >= MAX_FRAME) return false;
  return (frame & ((1 << shift) - 1)) === 0;
}
function regionsAreApart(s: Supervisor, a: number, b: number): boolean {
  if (s.regionRights[a] === R_NONE || s.regionRights[b] === R_NONE) return true;
  return (
    s.regionFrame[a] + (1 << s.regionShift[a]) <= s.regionFrame[b] ||
    s.regionFrame[b] + (1 << s.regionShift[b]) <= s.regionFrame[a]
  );
}
/** Whether a region of `row` touches the kernel's own memory, frames first <= f < end, or the timer's device. */
function regionIsForeign(s: Supervisor, row: number, first: number, end: number): boolean {
  if (s.regionRights[row] === R_NONE) return false;
  return s.regionFrame[row] < end && first < s.regionFrame[row] + (1 << s.regionShift[row]);
}
/** ACLINT, frames of both devices: whoever writes mtimecmp has everybody's time. */
const ACLINT_FIRST = 0x2000;
const ACLINT_END = 0x2010;
const KERNEL_FIRST = 0x8_0000;
function partitionIsSound(s: Supervisor, p: number, kernelEnd: number): boolean {
  const code = p * MAX_REGIONS + CODE;
  const data = p * MAX_REGIONS + DATA;
  if (s.regionRights[code] !== R_READ + R_EXECUTE || s.regionRights[data] !== R_READ + R_WRITE) return false;
  if (s.regionShift[code] > MAX_SHIFT || s.regionShift[data] > MAX_SHIFT) return false;
  if (s.imageWords[p] < 0 || s.imageWords[p] * 4 > codeBytes(s, p)) return false;
  return s.imageAt[p] >= 0 && s.imageAt[p] + s.imageWords[p] * 4 <= (kernelEnd - KERNEL_FIRST) << FRAME_SHIFT;
}
function layoutIsSound(k: Kernel, s: Supervisor, kernelEnd: number): boolean {
  const rows = k.np * MAX_REGIONS;
  for (let row = 0; row < rows; row++) {
    if (!regionIsSound(s, row)) return false;
    if (regionIsForeign(s, row, KERNEL_FIRST, kernelEnd)) return false;
    if (regionIsForeign(s, row, ACLINT_FIRST, ACLINT_END)) return false;
  }
  for (let p = 0; p < k.np; p++) if (!partitionIsSound(s, p, kernelEnd)) return false;
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < a; b++) if (!regionsAreApart(s, a, b)) return false;
  }
  return true;
}
function readLayout(k: Kernel, s: Supervisor): void {
  const at = symbol('layout');
  for (let p = 0; p < k.np; p++) {
    const row = add64(at, word(p * LAYOUT_WORDS * 4));
    s.imageAt[p] = load32(row);
    s.imageWords[p] = load32(add64(row, word(4)));
    for (let i = 0; i < MAX_REGIONS; i++) {
      const region = add64(row, word((LAYOUT_IMAGE + i * LAYOUT_REGION) * 4));
      s.regionFrame[p * MAX_REGIONS + i] = load32(region);
      s.regionShift[p * MAX_REGIONS + i] = load32(add64(region, word(4)));
      s.regionRights[p * MAX_REGIONS + i] = load32(add64(region, word(8)));
    }
  }
}

// ---- PMP: exactly the regions of the partition that runs (Privileged ISA 3.7)
/** pmpaddr of a NAPOT region: address bits 33..2, the size in the trailing ones. */
function pmpAddress(s: Supervisor, row: number): Word {
  if (s.regionRights[row] === R_NONE) return word(0);
  return or64(
    shiftLeft64(word(s.regionFrame[row]), FRAME_SHIFT - 2),
    word((1 << (s.regionShift[row] + FRAME_SHIFT - 3)) - 1),
  );
}
function pmpConfiguration(s: Supervisor, row: number): Word {
  return s.regionRights[row] === R_NONE ? word(0) : word(s.regionRights[row] | NAPOT);
}
function confine(s: Supervisor, p: number): void {
  const row = p * MAX_REGIONS;
  csrWrite(PMPCFG0, word(0));
  csrWrite(PMPADDR0, pmpAddress(s, row));
  csrWrite(PMPADDR1, pmpAddress(s, row + 1));
  csrWrite(PMPADDR2, pmpAddress(s, row + 2));
  csrWrite(PMPADDR3, pmpAddress(s, row + 3));
  csrWrite(PMPADDR4, pmpAddress(s, row + 4));
  csrWrite(PMPADDR5, pmpAddress(s, row + 5));
  csrWrite(PMPADDR6, pmpAddress(s, row + 6));
  csrWrite(PMPADDR7, pmpAddress(s, row + 7));
  let configuration = word(0);
  for (let i = 0; i < MAX_REGIONS; i++) {
    configuration = or64(configuration, shiftLeft64(pmpConfiguration(s, row + i), i * 8));
  }
  csrWrite(PMPCFG0, configuration);
  fenceTranslations();
}

// ---- loading: in slices, in the partition's own windows
function loadSlice(s: Supervisor, p: number): boolean {
  const from = add64(frameAddress(KERNEL_FIRST), word(s.imageAt[p]));
  const code = frameAddress(s.regionFrame[p * MAX_REGIONS + CODE]);
  const data = dataOf(s, p);
  const codeWords = codeBytes(s, p) >> 2;
  const words = codeWords + (dataBytes(s, p) >> 2);
  const cursor = s.loadCursor[p];
  for (let i = 0; i < LOAD_WORDS; i++) {
    const at = cursor + i;
    if (at < codeWords) {
      store32(add64(code, word(at * 4)), at < s.imageWords[p] ? load32(add64(from, word(at * 4))) : 0);
    } else if (at < words) {
      store32(add64(data, word((at - codeWords) * 4)), 0);
    }
  }
  s.loadCursor[p] = cursor + LOAD_WORDS;
  if (cursor + LOAD_WORDS < words) return false;
  s.loadCursor[p] = 0;
  return true;
}
/** A new life: pc at the first byte of its code, sp behind its data, a0 = its restarts, a1 = how it starts. */
function newLife(k: Kernel, s: Supervisor, p: number): void {
  for (let r = 0; r < FRAME_REGISTERS; r++) setRegister(s, p, r, word(0));
  setRegister(s, p, PC, frameAddress(s.regionFrame[p * MAX_REGIONS + CODE]));
  setRegister(s, p, SP, add64(dataOf(s, p), word(dataBytes(s, p))));
  setRegister(s, p, A0, word(k.restarts[p]));
  setRegister(s, p, A1, word(k.startKind[p]));
  fenceInstructions();
}

// ---- time
function nextTick(s: Supervisor): Word {
  return load64(addressOf(s.nextTick));
}
/** The timer: the next switch, or earlier when the partition that has the hart waits for something by a deadline. */
function arm(k: Kernel, s: Supervisor, ticks: number): void {
  const left = untilSwitch(k);
  const n = ticks < left ? ticks : left;
  setTimer(0, add64(nextTick(s), mul64(word(n - 1), word(s.period))));
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
    store64(addressOf(s.nextTick), add64(next, mul64(word(n), word(s.period))));
    if (s.ending === 1 && k.framePos === 0) s.grace += 1;
  }
}

// ---- effects
function carryOut(k: Kernel, s: Supervisor, p: number): void {
  const effects = takeEffects(k, p);
  if ((effects & FX_KILL) !== 0) {
    // Nothing of it runs while we do: it is dead for certain. What is left of it is overwritten before it lives again.
    s.loadCursor[p] = 0;
    stopped(k, p);
  }
}

// ---- who has the hart
function isRunnable(k: Kernel, p: number): boolean {
  return k.state[p] === P_READY && k.why[p] === W_NONE;
}
/** The owner of the window; in a window of nobody's the next background partition, in turn. */
function owner(k: Kernel, s: Supervisor): number {
  const p = k.winPart[k.curWin[0]];
  if (p >= 0) return p;
  for (let i = 0; i < MAX_PARTITIONS; i++) {
    const q = s.lastBackground + 1 + i;
    const turn = q >= k.np ? q - k.np : q;
    if (turn >= 0 && turn < k.np && k.background[turn] === 1) return turn;
  }
  return NOBODY;
}
/**
 * Kernel's own work for p in its window, a bounded piece: effects, wiping, loading, the continuation of a blocked call. True:
 * there may be more to do at once.
 */
function serve(k: Kernel, s: Supervisor, p: number): boolean {
  carryOut(k, s, p);
  if (k.state[p] === P_ASKED) {
    if (loadSlice(s, p)) {
      newLife(k, s, p);
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
  if (result !== E_RETRY) answer(k, s, p, result);
  return true;
}

/** Result, result words, and on behind the call. */
function answer(k: Kernel, s: Supervisor, p: number, result: number): void {
  const out = add64(dataOf(s, p), word(MESSAGE_OUT));
  const n = k.outN;
  for (let w = 0; w < n; w++) store32(add64(out, word(w * 4)), k.out[w]);
  setRegister(s, p, A0, word(result));
  setRegister(s, p, PC, add64(register(s, p, PC), word(CALL_BYTES)));
}

// ---- traps
function takesMessage(op: number): boolean {
  return op === OP_SEND || op === OP_WRITE || op === OP_CALL || op === OP_REPLY;
}
function onCall(k: Kernel, s: Supervisor, p: number): void {
  const op = low(register(s, p, A7));
  const a0 = low(register(s, p, A0));
  const a1 = low(register(s, p, A1));
  const a2 = low(register(s, p, A2));
  if (takesMessage(op)) {
    const page = dataOf(s, p);
    const n = a1 >= 0 && a1 <= MESSAGE_BYTES ? (a1 + 3) >> 2 : 0;
    for (let w = 0; w < n; w++) k.inp[w] = load32(add64(page, word(w * 4)));
  }
  const result = step(k, 0, p, op, a0, a1, a2);
  // A blocked or unpaid call stays open: the pc still stands on it.
  if (result !== E_BLOCKED && result !== E_BUDGET) answer(k, s, p, result);
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

const MAX_ROUNDS = 1 << 30;
/**
 * Chooses what runs next and returns its register frame. Whoever owns the window and cannot run leaves the hart idle: its time is
 * given to nobody.
 */
function giveHart(k: Kernel, s: Supervisor): Word {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    advance(k, s);
    takeSwitch(k, 0);
    if (isOver(k, s)) powerOff(k.status);
    const p = owner(k, s);
    if (p >= 0) {
      if (k.background[p] === 1) s.lastBackground = p;
      const more = serve(k, s, p);
      if (isRunnable(k, p)) {
        s.current = p;
        confine(s, p);
        arm(k, s, FOREVER);
        csrWrite(MSTATUS, word(STATUS_OF_PARTITION));
        return registersOf(s, p);
      }
      if (!more) idle(k, s, rest(k, p));
    } else {
      idle(k, s, FOREVER);
    }
  }
  return registersOf(s, 0);
}
function idle(k: Kernel, s: Supervisor, ticks: number): void {
  arm(k, s, ticks);
  waitForInterrupt();
}

/** From the trap stub, registers saved; gives back the frame to be resumed. */
export function trap(k: Kernel, s: Supervisor): Word {
  const cause = csrRead(MCAUSE);
  const p = s.current;
  advance(k, s);
  if (cause === word(CAUSE_CALL)) {
    onCall(k, s, p);
    // The short way back: nothing has changed about who has the hart.
    if (k.switched[0] === 0 && k.fx[p] === 0 && isRunnable(k, p)) return registersOf(s, p);
  } else if (!isTimer(cause)) {
    fault(k, p, FAULT_TRAP);
  }
  return giveHart(k, s);
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
export function main(k: Kernel, f: PlanWords, s: Supervisor): Word {
  csrWrite(MCOUNTEREN, word(0));
  readPlan(f);
  if (loadPlan(k, f) !== OK) refuse(text('the plan is damaged'));
  if (k.ncores !== 1) refuse(text('the plan has more than one core'));
  s.period = f.words[H_TICK] * MTIME_PER_US;
  if (boot(k) !== OK) refuse(text('the core does not accept the plan'));
  readLayout(k, s);
  if (!layoutIsSound(k, s, low(shiftRight64(symbol('kernelEnd'), FRAME_SHIFT))))
    refuse(text('the layout is not sound'));
  store64(addressOf(s.nextTick), add64(mtime(), word(s.period)));
  csrWrite(MIE, word(TIMER_BIT));
  print(text('Virtsec separation kernel on bare RV64\n'));
  return giveHart(k, s);
}
