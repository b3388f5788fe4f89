// Supervisor Binary Interface 2.0 (RISC-V SBI specification), answered by the VMM for a kernel that starts in S-mode.
//
// Language subset of device models (docs/design/seams.md): sbiCall() reads and writes the caller's registers and its own
// state words, and returns what the machine must do beyond that. Called with the machine's lock held.

import { failureStatus } from '../devices/finisher.ts';
import { MAX_HARTS } from '../devices/aclint.ts';
import { uartSend, uartSendRoom, uartTakeHeld } from '../devices/ns16550a.ts';
import { ramByte, ramOffset, setRamByte } from '#guest-memory';

// ---- extension numbers (a7)
const EID_LEGACY_SET_TIMER = 0;
const EID_LEGACY_PUTCHAR = 1;
const EID_LEGACY_GETCHAR = 2;
const EID_LEGACY_SHUTDOWN = 8;
const EID_BASE = 0x10;
const EID_TIME = 0x5449_4d45;
const EID_IPI = 0x73_5049;
const EID_RFENCE = 0x5246_4e43;
const EID_HSM = 0x48_534d;
const EID_SRST = 0x5352_5354;
const EID_DBCN = 0x4442_434e;

// ---- error codes (chapter 3, table 1)
const SUCCESS = 0;
const ERR_NOT_SUPPORTED = -2;
const ERR_INVALID_PARAM = -3;
const ERR_INVALID_ADDRESS = -5;
const ERR_ALREADY_AVAILABLE = -6;

const SPECIFICATION_VERSION = 0x200_0000;
/** Not in the specification's list: "vs". */
const IMPLEMENTATION_ID = 0x7673;
const IMPLEMENTATION_VERSION = 1;

// ---- hart states (chapter 9, table 18)
export const HSM_STARTED = 0;
export const HSM_STOPPED = 1;
export const HSM_START_PENDING = 2;
export const HSM_SUSPENDED = 4;

const SUSPEND_RETENTIVE = 0;
/** 0x80000000: default non-retentive suspend. */
const SUSPEND_NON_RETENTIVE = 1 << 31;

// ---- what the machine must do after a call
/** Run on behind the ecall. */
export const SBI_RESUME = 0;
/** The console has no room: call again with the same registers when it has. */
export const SBI_AGAIN = 1;
/** The hart's stimecmp := (S_ARG_LOW, S_ARG_HIGH). */
export const SBI_SET_TIMER = 2;
/** Set SSIP of the harts in S_ARG_LOW. */
export const SBI_IPI = 3;
/** fence.i on the harts in S_ARG_LOW. */
export const SBI_FENCE_I = 4;
/** sfence.vma on the harts in S_ARG_LOW. */
export const SBI_FENCE_VMA = 5;
/** Hart S_ARG_LOW is START_PENDING: it starts at (S_START_LOW, S_START_HIGH), a1 = (S_OPAQUE_LOW, S_OPAQUE_HIGH). */
export const SBI_START = 6;
/** The calling hart is STOPPED. */
export const SBI_STOP = 7;
/** The calling hart is SUSPENDED until an interrupt is pending. */
export const SBI_SUSPEND = 8;
/** Power off with exit status S_ARG_LOW. */
export const SBI_POWER_OFF = 9;
export const SBI_RESET = 10;

// ---- state words; the arguments of an action are per calling hart
const S_HARTS = 0;
export const S_HSM = 8;
export const S_ARG_LOW = S_HSM + MAX_HARTS;
export const S_ARG_HIGH = S_ARG_LOW + MAX_HARTS;
// Per started hart.
export const S_START_LOW = S_ARG_HIGH + MAX_HARTS;
export const S_START_HIGH = S_START_LOW + MAX_HARTS;
export const S_OPAQUE_LOW = S_START_HIGH + MAX_HARTS;
export const S_OPAQUE_HIGH = S_OPAQUE_LOW + MAX_HARTS;
export const SBI_WORDS = S_OPAQUE_HIGH + MAX_HARTS;

// ---- registers: low word of x(n) at 2n, high word behind it
const A0 = 20;
const A1 = 22;
const A2 = 24;
const A6 = 32;
const A7 = 34;

/** Hart 0 has been started; the others wait for hart_start. */
export function sbiReset(s: Int32Array, harts: number): void {
  for (let i = 0; i < SBI_WORDS; i++) s[i] = 0;
  s[S_HARTS] = harts;
  for (let hart = 1; hart < MAX_HARTS; hart++) s[S_HSM + hart] = HSM_STOPPED;
}

function setRegister(x: Int32Array, register: number, value: number): void {
  x[register] = value;
  x[register + 1] = value >> 31;
}

function answer(x: Int32Array, error: number, value: number): number {
  setRegister(x, A0, error);
  setRegister(x, A1, value);
  return SBI_RESUME;
}

/** Answers success and asks the machine for `action` with one argument word. */
function act(s: Int32Array, x: Int32Array, hart: number, action: number, argument: number): number {
  s[S_ARG_LOW + hart] = argument;
  s[S_ARG_HIGH + hart] = 0;
  answer(x, SUCCESS, 0);
  return action;
}

/**
 * One ecall from S-mode by `hart`. `x` are its registers as pairs of words; `uart` is the console's UART.
 * Returns an SBI_ action. Registers are final unless the action is SBI_AGAIN.
 */
export function sbiCall(s: Int32Array, uart: Int32Array, x: Int32Array, hart: number): number {
  const fid = x[A6];
  switch (x[A7]) {
    case EID_BASE:
      return base(x, fid);
    case EID_TIME:
      if (fid !== 0) return answer(x, ERR_NOT_SUPPORTED, 0);
      return setTimer(s, x, hart);
    case EID_IPI:
      if (fid !== 0) return answer(x, ERR_NOT_SUPPORTED, 0);
      return sendIpi(s, x, hart);
    case EID_RFENCE:
      return remoteFence(s, x, hart, fid);
    case EID_HSM:
      return hartState(s, x, hart, fid);
    case EID_SRST:
      if (fid !== 0) return answer(x, ERR_NOT_SUPPORTED, 0);
      return systemReset(s, x, hart);
    case EID_DBCN:
      return debugConsole(uart, x, fid);
    default:
      return legacy(s, uart, x, hart);
  }
}

/** Chapter 4. */
function base(x: Int32Array, fid: number): number {
  switch (fid) {
    case 0:
      return answer(x, SUCCESS, SPECIFICATION_VERSION);
    case 1:
      return answer(x, SUCCESS, IMPLEMENTATION_ID);
    case 2:
      return answer(x, SUCCESS, IMPLEMENTATION_VERSION);
    case 3:
      return answer(x, SUCCESS, isSupported(x[A0]));
    default:
      // 4 to 6: mvendorid, marchid, mimpid: 0 is always legal
      return answer(x, fid >= 4 && fid <= 6 ? SUCCESS : ERR_NOT_SUPPORTED, 0);
  }
}

function isSupported(extension: number): number {
  const isLegacy =
    extension === EID_LEGACY_SET_TIMER ||
    extension === EID_LEGACY_PUTCHAR ||
    extension === EID_LEGACY_GETCHAR ||
    extension === EID_LEGACY_SHUTDOWN;
  const isHarts = extension === EID_TIME || extension === EID_IPI || extension === EID_RFENCE || extension === EID_HSM;
  return isLegacy || isHarts || extension === EID_BASE || extension === EID_SRST || extension === EID_DBCN ? 1 : 0;
}

/** Chapter 6: clears STIP too, which follows from stimecmp. */
function setTimer(s: Int32Array, x: Int32Array, hart: number): number {
  const low = x[A0];
  const high = x[A0 + 1];
  answer(x, SUCCESS, 0);
  s[S_ARG_LOW + hart] = low;
  s[S_ARG_HIGH + hart] = high;
  return SBI_SET_TIMER;
}

/**
 * Hart mask arguments (chapter 3.1): a0 = bits, a1 = hart of bit 0, or -1 for every hart.
 * Returns the mask of harts, or -1 when it names one that does not exist.
 */
function hartMask(s: Int32Array, x: Int32Array): number {
  const all = (1 << s[S_HARTS]) - 1;
  const first = x[A1];
  if (first === -1 && x[A1 + 1] === -1) return all;
  if (x[A0] === 0 && x[A0 + 1] === 0) return 0;
  if (x[A1 + 1] !== 0 || first < 0 || first >= s[S_HARTS] || x[A0 + 1] !== 0) return -1;
  const room = all >> first;
  if ((x[A0] & ~room) !== 0) return -1;
  return x[A0] << first;
}

/** Chapter 7. A stopped hart takes no interrupt. */
function sendIpi(s: Int32Array, x: Int32Array, hart: number): number {
  const mask = hartMask(s, x);
  if (mask < 0) return answer(x, ERR_INVALID_PARAM, 0);
  let awake = 0;
  for (let other = 0; other < s[S_HARTS]; other++) {
    const state = s[S_HSM + other];
    if (((mask >> other) & 1) !== 0 && (state === HSM_STARTED || state === HSM_SUSPENDED)) awake = awake | (1 << other);
  }
  return act(s, x, hart, SBI_IPI, awake);
}

/** Chapter 8. Address ranges and ASIDs only narrow a fence: fencing everything is always right. */
function remoteFence(s: Int32Array, x: Int32Array, hart: number, fid: number): number {
  if (fid < 0 || fid > 2) return answer(x, ERR_NOT_SUPPORTED, 0); // the others need the H extension
  const mask = hartMask(s, x);
  if (mask < 0) return answer(x, ERR_INVALID_PARAM, 0);
  return act(s, x, hart, fid === 0 ? SBI_FENCE_I : SBI_FENCE_VMA, mask);
}

/** Chapter 9. */
function hartState(s: Int32Array, x: Int32Array, hart: number, fid: number): number {
  switch (fid) {
    case 0:
      return startHart(s, x, hart);
    case 1:
      s[S_HSM + hart] = HSM_STOPPED;
      return SBI_STOP;
    case 2:
      return hartStatus(s, x);
    case 3:
      // A value between these two and the platform's own ones are reserved.
      if (x[A0] === SUSPEND_NON_RETENTIVE) return answer(x, ERR_NOT_SUPPORTED, 0);
      if (x[A0] !== SUSPEND_RETENTIVE) return answer(x, ERR_INVALID_PARAM, 0);
      s[S_HSM + hart] = HSM_SUSPENDED;
      return act(s, x, hart, SBI_SUSPEND, 0);
    default:
      return answer(x, ERR_NOT_SUPPORTED, 0);
  }
}

function hartStatus(s: Int32Array, x: Int32Array): number {
  const target = x[A0];
  if (x[A0 + 1] !== 0 || target < 0 || target >= s[S_HARTS]) return answer(x, ERR_INVALID_PARAM, 0);
  return answer(x, SUCCESS, s[S_HSM + target]);
}

function startHart(s: Int32Array, x: Int32Array, hart: number): number {
  const target = x[A0];
  if (x[A0 + 1] !== 0 || target < 0 || target >= s[S_HARTS]) return answer(x, ERR_INVALID_PARAM, 0);
  if (s[S_HSM + target] !== HSM_STOPPED) return answer(x, ERR_ALREADY_AVAILABLE, 0);
  if ((x[A1] & 1) !== 0 || ramOffset(x[A1], x[A1 + 1], 2) < 0) return answer(x, ERR_INVALID_ADDRESS, 0);
  s[S_START_LOW + target] = x[A1];
  s[S_START_HIGH + target] = x[A1 + 1];
  s[S_OPAQUE_LOW + target] = x[A2];
  s[S_OPAQUE_HIGH + target] = x[A2 + 1];
  s[S_HSM + target] = HSM_START_PENDING;
  return act(s, x, hart, SBI_START, target);
}

/** Chapter 10: type 0 shutdown, 1 cold and 2 warm reboot; reason 0 none, 1 system failure. */
function systemReset(s: Int32Array, x: Int32Array, hart: number): number {
  const type = x[A0];
  const reason = x[A1];
  if (type < 0 || type > 2 || reason < 0 || reason > 1) return answer(x, ERR_INVALID_PARAM, 0);
  if (type !== 0) return act(s, x, hart, SBI_RESET, 0);
  return act(s, x, hart, SBI_POWER_OFF, reason === 0 ? 0 : failureStatus(1));
}

/** Chapter 12. Reading and writing move what fits and say how much; write_byte waits. */
function debugConsole(uart: Int32Array, x: Int32Array, fid: number): number {
  if (fid === 2) {
    if (!uartSend(uart, x[A0])) return SBI_AGAIN;
    return answer(x, SUCCESS, 0);
  }
  if (fid !== 0 && fid !== 1) return answer(x, ERR_NOT_SUPPORTED, 0);
  // More than 2 GiB lies outside RAM in any case.
  const bytes = x[A0 + 1] === 0 && x[A0] >= 0 ? x[A0] : -1;
  const at = x[A2] === 0 && x[A2 + 1] === 0 ? ramOffset(x[A1], x[A1 + 1], bytes) : -1;
  if (at < 0) return answer(x, ERR_INVALID_PARAM, 0);
  return answer(x, SUCCESS, fid === 0 ? consoleWrite(uart, at, bytes) : consoleRead(uart, at, bytes));
}

function consoleWrite(uart: Int32Array, at: number, bytes: number): number {
  const room = uartSendRoom(uart);
  const n = bytes < room ? bytes : room;
  for (let i = 0; i < n; i++) uartSend(uart, ramByte(at + i));
  return n;
}

function consoleRead(uart: Int32Array, at: number, bytes: number): number {
  for (let i = 0; i < bytes; i++) {
    const byte = uartTakeHeld(uart);
    if (byte < 0) return i;
    setRamByte(at + i, byte);
  }
  return bytes;
}

/** Chapter 5: a legacy call returns in a0 alone. */
function legacy(s: Int32Array, uart: Int32Array, x: Int32Array, hart: number): number {
  switch (x[A7]) {
    case EID_LEGACY_SET_TIMER:
      s[S_ARG_LOW + hart] = x[A0];
      s[S_ARG_HIGH + hart] = x[A0 + 1];
      setRegister(x, A0, 0);
      return SBI_SET_TIMER;
    case EID_LEGACY_PUTCHAR:
      if (!uartSend(uart, x[A0])) return SBI_AGAIN;
      setRegister(x, A0, 0);
      return SBI_RESUME;
    case EID_LEGACY_GETCHAR:
      setRegister(x, A0, uartTakeHeld(uart));
      return SBI_RESUME;
    case EID_LEGACY_SHUTDOWN:
      s[S_ARG_LOW + hart] = 0;
      return SBI_POWER_OFF;
    default:
      return answer(x, ERR_NOT_SUPPORTED, 0);
  }
}
