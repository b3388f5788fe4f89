/*
 * The separation core: a pure state machine over fixed tables. Everything that the kernel decides is decided here, and
 * everything that can be seen of a decision is in the tables. It reads no clock, does no I/O and allocates nothing, and
 * knows not whether it runs in Node or on bare metal. docs/design/core.md is its contract with the supervisors.
 *
 * The language is the subset that is proved (docs/proof.md): one state class of Int32Arrays and ints, plain
 * functions, no strings, floats, closures, exceptions or imports. Loops have one of three shapes: a small constant trip
 * count, pointwise (a table written at the loop's own index), or scan (`if (bad(i)) return E`).
 *
 * Conventions. `p` is the caller as the supervisor knows it, never as a message says. A result is OK or a negative E_
 * number and depends only on what the caller may see. What an operation brings about for another partition is latched in
 * that partition's own row (`fx`, `news`, `fresh`) and taken from there. Whoever stops or restarts a partition writes
 * only that partition's row; what its end does to others, it does itself, by its own slices of wiping (`work`).
 */

// ---- capacities (build constants; powers of two where a row is found by shifts)
export const MAX_PARTITIONS = 64;
export const MAX_STREAMS = 128;
/** Stream ends of one partition: bits of one word. */
export const MAX_ENDS = 32;
export const MAX_HANDLES = 32;
export const MAX_PORTS = 256;
/** Messages in one port. */
export const MAX_DEPTH = 64;
export const MAX_SAMPLES = 64;
export const MAX_CORES = 8;
export const MAX_MODES = 8;
export const MAX_WINDOWS = 256;
/** Codes of faults: 0..7 are seen by the kernel, 8..15 raised by applications. */
export const MAX_CODES = 16;
/** Places for one message each. */
export const SLOTS = 512;
export const MESSAGE_WORDS = 256;
export const MESSAGE_BYTES = 1024;
/** Page frames of 4 KiB that a plan can speak of. */
export const MAX_FRAMES = 1 << 24;
/** Result words before a message. */
export const HEAD = 4;

export const END_ROWS = MAX_PARTITIONS * MAX_ENDS;
export const PAIRS = MAX_PARTITIONS * MAX_PARTITIONS;
export const HANDLE_ROWS = MAX_PARTITIONS * MAX_HANDLES;
export const CODE_ROWS = MAX_PARTITIONS * MAX_CODES;
export const POSITIONS = MAX_PORTS * MAX_DEPTH;
export const SLOT_WORDS = SLOTS * MESSAGE_WORDS;
export const SAMPLE_WORDS = MAX_SAMPLES * MESSAGE_WORDS;
export const READER_ROWS = MAX_SAMPLES * MAX_PARTITIONS;
export const SCHEDULES = MAX_MODES * MAX_CORES;
export const OUT_WORDS = HEAD + MESSAGE_WORDS;
/** Row of a pair of memory regions: a * REGION_STRIDE + b; partitions come first, then streams. */
export const REGION_STRIDE = 256;
export const MAX_CREDIT = 1 << 20;
export const INT_MAX = 0x7fffffff;
/** The low word of a time is below this, so that sums of two stay within 32 bits. */
export const TIME_BASE = 1 << 30;

// ---- operations (the same numbers as in abi.ts; a test holds that)
/** Between a process and the hosted supervisor; here it is no operation. */
export const OP_HELLO = 1;
export const OP_NOTIFY = 2;
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;
export const OP_TIME = 7;
export const OP_WAIT = 8;
export const OP_RESULT = 9;
export const OP_SEND = 10;
export const OP_RECEIVE = 11;
export const OP_STATUS = 12;
export const OP_WRITE = 13;
export const OP_READ = 14;
export const OP_SIGNAL = 15;
export const OP_POLL = 16;
export const OP_CALL = 17;
export const OP_FETCH = 18;
export const OP_REPLY = 19;
export const OP_GRANT = 20;
export const OP_SET_MODE = 21;
export const OP_START = 22;
export const OP_STOP = 23;
export const OP_RESTART = 24;
export const OP_RAISE = 25;
export const OP_FAULTS = 26;
export const OP_BEAT = 27;
export const OP_AUDIT = 28;
export const OP_STREAM = 29;

// ---- results
export const OK = 0;
/** E_OP, E_RIGHT, E_ARG: illegal calls, which the health monitor judges. */
export const E_OP = -1;
export const E_RIGHT = -2;
export const E_ARG = -3;
/** The caller's credit of this frame is spent: nothing changed. */
export const E_BUDGET = -4;
/** Result of `boot`. */
export const E_PLAN = -5;
export const E_FULL = -6;
export const E_EMPTY = -7;
export const E_LIMIT = -8;
/** The call stays open: RESULT tells how it goes on. */
export const E_BLOCKED = -9;
export const E_TIMEOUT = -10;
/** What was waited for has come: to make the call again. */
export const E_RETRY = -11;
/** The server of a call was restarted. */
export const E_PEER = -12;
/** The server still works on an earlier call, which timed out. */
export const E_BUSY = -13;
/** The client of a call does not wait any more. */
export const E_LATE = -14;
/** Not in a window of the caller: nothing changed. */
export const E_CALLER = -15;
/** The partition is not in a state for this. */
export const E_STATE = -16;
export const MAX_TEXT = 2048;
export const MAX_STATUS = 255;

// ---- what an operation costs of the caller's credit (whole again at each frame's end): bounds the work that it causes
export const COST = 1;
/** RESET and LOG reach beyond the core, to the supervisor's event line. */
export const COST_EVENT = 64;

// ---- state of the system
export const SYS_OFF = 0;
export const SYS_RUN = 1;
/** Partitions drain what they have and exit; none is loaded any more. */
export const SYS_STOPPING = 2;

// ---- state of a partition
/** Blank. */
export const P_HALTED = 0;
/** To be stopped. */
export const P_DYING = 1;
/** Dead for certain; its slots are being wiped. */
export const P_WIPING = 2;
/** Blank, and waits for its back-off. */
export const P_LOADING = 3;
/** The supervisor loads it. */
export const P_ASKED = 4;
export const P_READY = 5;

// ---- what a blocked partition waits for
export const W_NONE = 0;
/** The reply to its call. */
export const W_CALL = 1;
/** Space in a blocking queue. */
export const W_SPACE = 2;
/** A message in a queue, or a call to serve. */
export const W_MESSAGE = 3;
/** Anything that comes in. */
export const W_ANY = 4;

// ---- effects, latched in the row of the partition that they concern
/** It is to be woken: something came. */
export const FX_WAKE = 1;
/** It is to be stopped; then `stopped`. */
export const FX_KILL = 2;
/** It is to be loaded; then `loaded`. */
export const FX_LOAD = 4;
/** It is to be told that the system ends. */
export const FX_END = 8;

// ---- what a handle is for
export const H_NONE = 0;
export const H_SEND = 1;
export const H_RECEIVE = 2;
export const H_WRITE = 3;
export const H_READ = 4;
export const H_SIGNAL = 5;
export const H_CALL = 6;
export const H_SERVE = 7;
export const H_MANAGE = 8;

// ---- kinds of port
/** Queue; a sender waits for space, so that it learns how fast the receiver is: a flow back. */
export const PORT_BLOCK = 0;
/** Queue; what finds no space is lost, and only the receiver learns it. */
export const PORT_DROP = 1;
export const PORT_CALL = 2;

// ---- state of a call port
export const C_IDLE = 0;
/** The client waits, the server has not fetched it. */
export const C_PENDING = 1;
/** The client waits, the server works. */
export const C_SERVING = 2;
/** The client is gone, the server still works. */
export const C_LATE = 3;
/** The reply waits for the client. */
export const C_DONE = 4;
/** The server was restarted. */
export const C_FAILED = 5;
/** The reply came after the deadline. */
export const C_EXPIRED = 6;

// ---- why the policy has a flow (`policy`), shown by an object (`shown`)
export const FLOW_NONE = 0;
/** An end of the first that leads to the second. */
export const FLOW_STREAM = 1;
/** A port from the first to the second, or back if it blocks or is a call. */
export const FLOW_PORT = 2;
/** A sample that the first writes and the second reads. */
export const FLOW_SAMPLE = 3;
/** A handle of the first, to signal or to manage the second. */
export const FLOW_HANDLE = 4;
/** The second is the auditor. */
export const FLOW_AUDIT = 5;
/** The second manages the first, and sees its state. */
export const FLOW_WATCH = 6;

// ---- faults
export const FAULT_ILLEGAL = 0;
/** Its program ended without EXIT: it is gone already. */
export const FAULT_EXIT = 1;
export const FAULT_TRAP = 2;
export const FAULT_DEADLINE = 3;
export const FAULT_WINDOW = 4;
export const FAULT_BEAT = 5;
export const FAULT_MEMORY = 6;
/** The first of the codes that applications raise. */
export const FAULT_APPLICATION = 8;

// ---- what the health monitor does
export const HM_IGNORE = 0;
/** Process level: a bit for the partition's own error handler. */
export const HM_DELIVER = 1;
/** Partition level. */
export const HM_WARM = 2;
export const HM_COLD = 3;
export const HM_HALT = 4;
/** Module level. */
export const HM_MODE = 5;
export const HM_SHUTDOWN = 6;

export const START_COLD = 0;
export const START_WARM = 1;

export class Kernel {
  // -- plan (static)
  np = 0;
  ns = 0;
  nports = 0;
  nsamples = 0;
  nwindows = 0;
  nmodes = 0;
  ncores = 0;
  /** The partition that may read everybody's counters; -1: none. */
  auditor = 0;
  readonly mayShutDown = new Int32Array(MAX_PARTITIONS);
  readonly mayMode = new Int32Array(MAX_PARTITIONS);
  /** 1: the system ends when all of these have ended. */
  readonly counts = new Int32Array(MAX_PARTITIONS);
  /** 1: is loaded at boot; 0: its manager starts it. */
  readonly startsItself = new Int32Array(MAX_PARTITIONS);
  /** 1: runs whenever it can, not only in windows. */
  readonly background = new Int32Array(MAX_PARTITIONS);
  /** Credit of one frame. */
  readonly quota = new Int32Array(MAX_PARTITIONS);
  /** A client of a call has a higher rank than its server: so calls never wait in a circle. */
  readonly rank = new Int32Array(MAX_PARTITIONS);
  /** Who may start, stop and restart it; -1: nobody. */
  readonly manager = new Int32Array(MAX_PARTITIONS);
  readonly memoryBase = new Int32Array(MAX_PARTITIONS);
  /** Page frames that GRANT may give. */
  readonly memoryFrames = new Int32Array(MAX_PARTITIONS);
  /** The slots that it reads lie in slotFirst <= s < slotEnd. */
  readonly slotFirst = new Int32Array(MAX_PARTITIONS);
  readonly slotEnd = new Int32Array(MAX_PARTITIONS);
  /** Ticks from one BEAT to the next, at most; 0: none is expected. */
  readonly beatPeriod = new Int32Array(MAX_PARTITIONS);
  /** Restarts within `hmPeriod` ticks, at most; then it halts. */
  readonly hmBudget = new Int32Array(MAX_PARTITIONS);
  readonly hmPeriod = new Int32Array(MAX_PARTITIONS);
  /** Ticks before a restart: first, doubled each time, at most. */
  readonly hmDelay = new Int32Array(MAX_PARTITIONS);
  readonly hmMax = new Int32Array(MAX_PARTITIONS);
  /** The mode that HM_MODE switches to. */
  readonly hmMode = new Int32Array(MAX_PARTITIONS);
  /** Row p * MAX_CODES + code. */
  readonly hmAction = new Int32Array(CODE_ROWS);
  /** Row p * MAX_PARTITIONS + q: why p may reach q (FLOW_), and what shows it: an end, a port, a sample, a handle. */
  readonly policy = new Int32Array(PAIRS);
  readonly shown = new Int32Array(PAIRS);
  /** Row q * MAX_PARTITIONS + p: a bit for each of q's ends whose peer is p. */
  readonly joined = new Int32Array(PAIRS);
  readonly streamFrom = new Int32Array(MAX_STREAMS);
  readonly streamTo = new Int32Array(MAX_STREAMS);
  /** The stream's number among the ends of its producer, and of its consumer. */
  readonly streamFromEnd = new Int32Array(MAX_STREAMS);
  readonly streamToEnd = new Int32Array(MAX_STREAMS);
  /** Page frames of its ring. */
  readonly streamBase = new Int32Array(MAX_STREAMS);
  readonly streamFrames = new Int32Array(MAX_STREAMS);
  readonly ends = new Int32Array(MAX_PARTITIONS);
  /** Row p * MAX_ENDS + e: the stream of end e of p. */
  readonly endStream = new Int32Array(END_ROWS);
  /** Row p * MAX_HANDLES + h: H_ kind, its object (a port, a sample, a partition), and for H_SIGNAL the bits. */
  readonly handleKind = new Int32Array(HANDLE_ROWS);
  readonly handleObject = new Int32Array(HANDLE_ROWS);
  readonly handleMask = new Int32Array(HANDLE_ROWS);
  readonly portKind = new Int32Array(MAX_PORTS);
  readonly portFrom = new Int32Array(MAX_PORTS);
  readonly portTo = new Int32Array(MAX_PORTS);
  /** Messages; 1 of a call port. */
  readonly portCapacity = new Int32Array(MAX_PORTS);
  readonly portBytes = new Int32Array(MAX_PORTS);
  /** PORT_DROP: messages that its sender may send in one frame. */
  readonly portQuota = new Int32Array(MAX_PORTS);
  /** PORT_CALL: ticks within which the reply must come. */
  readonly portWithin = new Int32Array(MAX_PORTS);
  /** PORT_CALL: the slot of its reply, among those that the client reads. */
  readonly replySlot = new Int32Array(MAX_PORTS);
  /** Row c * MAX_DEPTH + i: the slot at place i of port c. */
  readonly slotOf = new Int32Array(POSITIONS);
  /** The row of `slotOf` that names it; POSITIONS + c: the reply slot of c. So no slot serves two. */
  readonly slotRow = new Int32Array(SLOTS);
  /** The partition that reads it; -1: not in use. */
  readonly slotOwner = new Int32Array(SLOTS);
  readonly sampleFrom = new Int32Array(MAX_SAMPLES);
  readonly sampleBytes = new Int32Array(MAX_SAMPLES);
  /** Ticks for which a value is valid (ARINC 653 refresh period). */
  readonly sampleRefresh = new Int32Array(MAX_SAMPLES);
  /** Row m * MAX_PARTITIONS + p: 1, p reads it. */
  readonly sampleReader = new Int32Array(READER_ROWS);
  /** Ticks of a mode's frame. */
  readonly frameLength = new Int32Array(MAX_MODES);
  /** Row m * MAX_CORES + core: its windows, in order of time. */
  readonly scheduleFirst = new Int32Array(SCHEDULES);
  readonly scheduleEnd = new Int32Array(SCHEDULES);
  /** -1: nobody's. */
  readonly winPart = new Int32Array(MAX_WINDOWS);
  readonly winStart = new Int32Array(MAX_WINDOWS);
  readonly winEnd = new Int32Array(MAX_WINDOWS);
  /** The row of its schedule. */
  readonly winSchedule = new Int32Array(MAX_WINDOWS);
  /** The message of the current call, which the supervisor has copied: like an argument. */
  readonly inp = new Int32Array(MESSAGE_WORDS);

  // -- state
  sysMode = SYS_OFF;
  timeHi = 0;
  timeLo = 0;
  /** Ticks since the frame began. */
  framePos = 0;
  mode = 0;
  /** From the frame's end on. */
  nextMode = 0;
  /** The first exit status other than 0 of a partition that counts. */
  status = 0;
  /** 1: whoever may has asked for the system's end. */
  endAsked = 0;
  /** Result words of the call: only these leave the core. */
  outN = 0;
  readonly out = new Int32Array(OUT_WORDS);
  readonly curWin = new Int32Array(MAX_CORES);
  /** 1: its window has changed, and the supervisor has not yet taken that. */
  readonly switched = new Int32Array(MAX_CORES);
  readonly state = new Int32Array(MAX_PARTITIONS);
  /** What follows P_WIPING: P_LOADING or P_HALTED. */
  readonly next = new Int32Array(MAX_PARTITIONS);
  /** The next slot to be wiped. */
  readonly cursor = new Int32Array(MAX_PARTITIONS);
  /** When its back-off ends. */
  readonly goHi = new Int32Array(MAX_PARTITIONS);
  readonly goLo = new Int32Array(MAX_PARTITIONS);
  readonly startKind = new Int32Array(MAX_PARTITIONS);
  readonly credit = new Int32Array(MAX_PARTITIONS);
  /** 1: has said EXIT, with this status. */
  readonly done = new Int32Array(MAX_PARTITIONS);
  readonly exitStatus = new Int32Array(MAX_PARTITIONS);
  /** What it waits for (W_), at which port, and until when. */
  readonly why = new Int32Array(MAX_PARTITIONS);
  readonly waitPort = new Int32Array(MAX_PARTITIONS);
  readonly untilHi = new Int32Array(MAX_PARTITIONS);
  readonly untilLo = new Int32Array(MAX_PARTITIONS);
  readonly fx = new Int32Array(MAX_PARTITIONS);
  /** Bit per end: its peer has notified. */
  readonly news = new Int32Array(MAX_PARTITIONS);
  /** Bit per end: its peer is gone. */
  readonly down = new Int32Array(MAX_PARTITIONS);
  readonly signals = new Int32Array(MAX_PARTITIONS);
  /** 1: something has come since it last asked by WAIT. */
  readonly fresh = new Int32Array(MAX_PARTITIONS);
  /** Bit per code: a fault is delivered to its own error handler. */
  readonly faultBits = new Int32Array(MAX_PARTITIONS);
  readonly memoryUsed = new Int32Array(MAX_PARTITIONS);
  readonly beatHi = new Int32Array(MAX_PARTITIONS);
  readonly beatLo = new Int32Array(MAX_PARTITIONS);
  /** Since this time so many restarts; the next one waits so long. */
  readonly hmHi = new Int32Array(MAX_PARTITIONS);
  readonly hmLo = new Int32Array(MAX_PARTITIONS);
  readonly hmCount = new Int32Array(MAX_PARTITIONS);
  readonly hmBack = new Int32Array(MAX_PARTITIONS);
  readonly faults = new Int32Array(MAX_PARTITIONS);
  readonly restarts = new Int32Array(MAX_PARTITIONS);
  readonly illegal = new Int32Array(MAX_PARTITIONS);
  readonly resets = new Int32Array(MAX_PARTITIONS);
  readonly head = new Int32Array(MAX_PORTS);
  readonly count = new Int32Array(MAX_PORTS);
  readonly lost = new Int32Array(MAX_PORTS);
  /** PORT_DROP: messages that its sender may still send in this frame. */
  readonly portCredit = new Int32Array(MAX_PORTS);
  /** PORT_CALL: C_ state, and the deadline of the call. */
  readonly callState = new Int32Array(MAX_PORTS);
  readonly callHi = new Int32Array(MAX_PORTS);
  readonly callLo = new Int32Array(MAX_PORTS);
  /** Bytes of the message in a slot. */
  readonly slotLength = new Int32Array(SLOTS);
  readonly slotData = new Int32Array(SLOT_WORDS);
  readonly sampleValid = new Int32Array(MAX_SAMPLES);
  readonly sampleLength = new Int32Array(MAX_SAMPLES);
  readonly sampleHi = new Int32Array(MAX_SAMPLES);
  readonly sampleLo = new Int32Array(MAX_SAMPLES);
  readonly sampleData = new Int32Array(SAMPLE_WORDS);
}

function saturatedIncrement(x: number): number {
  return x < INT_MAX ? x + 1 : x;
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
function isFlag(x: number): boolean {
  return x === 0 || x === 1;
}
function isWithin(x: number, from: number, to: number): boolean {
  return x >= from && x <= to;
}
function isPartition(k: Kernel, p: number): boolean {
  return p >= 0 && p < k.np;
}
/** The plan lets p reach q. */
function allows(k: Kernel, p: number, q: number): boolean {
  return k.policy[p * MAX_PARTITIONS + q] !== FLOW_NONE;
}
export function wf_sizes(k: Kernel): boolean {
  return (
    isWithin(k.np, 1, MAX_PARTITIONS) &&
    isWithin(k.ns, 0, MAX_STREAMS) &&
    isWithin(k.nports, 0, MAX_PORTS) &&
    isWithin(k.nsamples, 0, MAX_SAMPLES) &&
    isWithin(k.nwindows, 1, MAX_WINDOWS) &&
    isWithin(k.nmodes, 1, MAX_MODES) &&
    isWithin(k.ncores, 1, MAX_CORES) &&
    isWithin(k.auditor, -1, k.np - 1)
  );
}
/** A partition's row is well-formed, and the auditor may learn of it. */
export function wf_partition(k: Kernel, p: number): boolean {
  return (
    isFlag(k.mayShutDown[p]) &&
    isFlag(k.mayMode[p]) &&
    isFlag(k.counts[p]) &&
    isFlag(k.startsItself[p]) &&
    isFlag(k.background[p]) &&
    isWithin(k.quota[p], COST_EVENT, MAX_CREDIT) &&
    isWithin(k.ends[p], 0, MAX_ENDS) &&
    isWithin(k.manager[p], -1, k.np - 1) &&
    k.manager[p] !== p &&
    isWithin(k.memoryBase[p], 0, MAX_FRAMES) &&
    isWithin(k.memoryFrames[p], 0, MAX_FRAMES - k.memoryBase[p]) &&
    isWithin(k.slotFirst[p], 0, SLOTS) &&
    isWithin(k.slotEnd[p], k.slotFirst[p], SLOTS) &&
    isWithin(k.beatPeriod[p], 0, TIME_BASE - 1) &&
    isWithin(k.hmBudget[p], 0, MAX_CREDIT) &&
    isWithin(k.hmPeriod[p], 0, TIME_BASE - 1) &&
    isWithin(k.hmDelay[p], 0, k.hmMax[p]) &&
    isWithin(k.hmMax[p], 0, TIME_BASE - 1) &&
    isWithin(k.hmMode[p], 0, k.nmodes - 1) &&
    (k.auditor === -1 || k.auditor === p || allows(k, p, k.auditor))
  );
}
/** Module level only with the right to it; and nothing can be delivered to a program that is gone. */
export function wf_action(k: Kernel, row: number): boolean {
  const p = row >> 4;
  const action = k.hmAction[row];
  if ((row & (MAX_CODES - 1)) === FAULT_EXIT && action < HM_WARM) return false;
  return (
    isWithin(action, HM_IGNORE, HM_SHUTDOWN) &&
    (action !== HM_MODE || k.mayMode[p] === 1) &&
    (action !== HM_SHUTDOWN || k.mayShutDown[p] === 1)
  );
}
/** A stream joins two different partitions, and both of its ends lead back to it. */
export function wf_stream(k: Kernel, s: number): boolean {
  const from = k.streamFrom[s];
  const to = k.streamTo[s];
  const fromEnd = k.streamFromEnd[s];
  const toEnd = k.streamToEnd[s];
  if (!isPartition(k, from) || !isPartition(k, to) || from === to) return false;
  if (fromEnd < 0 || fromEnd >= k.ends[from] || toEnd < 0 || toEnd >= k.ends[to]) return false;
  if (k.endStream[from * MAX_ENDS + fromEnd] !== s || k.endStream[to * MAX_ENDS + toEnd] !== s) return false;
  if (!isWithin(k.streamBase[s], 0, MAX_FRAMES)) return false;
  return (
    isWithin(k.streamFrames[s], 0, MAX_FRAMES - k.streamBase[s]) &&
    k.joined[from * MAX_PARTITIONS + to] !== 0 &&
    k.joined[to * MAX_PARTITIONS + from] !== 0
  );
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
/** Who is joined may reach each other, by ends that there are. */
export function wf_joined(k: Kernel, row: number): boolean {
  const q = row >> 6;
  const p = row & (MAX_PARTITIONS - 1);
  const mask = k.joined[row];
  if (mask === 0) return true;
  if (p >= k.np || (k.ends[q] < MAX_ENDS && mask >> k.ends[q] !== 0)) return false;
  return allows(k, q, p) && allows(k, p, q);
}
/** Row (q, p, e): the bit of end e stands in `joined` exactly where its peer is p. */
export function wf_bit(k: Kernel, row: number): boolean {
  const pair = row >> 5;
  const q = row >> 11;
  const p = pair & (MAX_PARTITIONS - 1);
  const e = row & (MAX_ENDS - 1);
  const isSet = ((k.joined[pair] >> e) & 1) === 1;
  return isSet === (e < k.ends[q] && peerOf(k, q, e) === p);
}
/** A port carries from p to q, or lets q see what p does with it. */
function portShows(k: Kernel, c: number, p: number, q: number): boolean {
  if (c < 0 || c >= k.nports) return false;
  if (k.portFrom[c] === p && k.portTo[c] === q) return true;
  return k.portFrom[c] === q && k.portTo[c] === p && k.portKind[c] !== PORT_DROP;
}
function sampleShows(k: Kernel, m: number, p: number, q: number): boolean {
  if (m < 0 || m >= k.nsamples) return false;
  return k.sampleFrom[m] === p && k.sampleReader[m * MAX_PARTITIONS + q] === 1;
}
function handleShows(k: Kernel, h: number, p: number, q: number): boolean {
  if (h < 0 || h >= MAX_HANDLES) return false;
  const kind = k.handleKind[p * MAX_HANDLES + h];
  return (kind === H_SIGNAL || kind === H_MANAGE) && k.handleObject[p * MAX_HANDLES + h] === q;
}
/** A flow is allowed only where something shows it: one that nothing needs is a fault of the plan. */
export function wf_policy(k: Kernel, row: number): boolean {
  const p = row >> 6;
  const q = row & (MAX_PARTITIONS - 1);
  const shown = k.shown[row];
  switch (k.policy[row]) {
    case FLOW_NONE:
      return true;
    case FLOW_STREAM:
      return q < k.np && shown >= 0 && shown < k.ends[p] && peerOf(k, p, shown) === q;
    case FLOW_PORT:
      return portShows(k, shown, p, q);
    case FLOW_SAMPLE:
      return sampleShows(k, shown, p, q);
    case FLOW_HANDLE:
      return handleShows(k, shown, p, q);
    case FLOW_AUDIT:
      return q === k.auditor && p !== q;
    case FLOW_WATCH:
      return q === k.manager[p];
    default:
      return false;
  }
}
/** A port joins two different partitions; a call goes down the ranks, and its reply has a slot of the client's. */
export function wf_port(k: Kernel, c: number): boolean {
  const kind = k.portKind[c];
  const from = k.portFrom[c];
  const to = k.portTo[c];
  if (!isPartition(k, from) || !isPartition(k, to) || from === to || !allows(k, from, to)) return false;
  if (!isWithin(kind, PORT_BLOCK, PORT_CALL) || (kind !== PORT_DROP && !allows(k, to, from))) return false;
  if (!isWithin(k.portCapacity[c], 1, MAX_DEPTH) || !isWithin(k.portBytes[c], 1, MESSAGE_BYTES)) return false;
  if (!isWithin(k.portQuota[c], 0, MAX_CREDIT)) return false;
  if (kind !== PORT_CALL) return true;
  const slot = k.replySlot[c];
  return (
    k.portCapacity[c] === 1 &&
    isWithin(k.portWithin[c], 1, TIME_BASE - 1) &&
    k.rank[from] > k.rank[to] &&
    isWithin(slot, 0, SLOTS - 1) &&
    k.slotRow[slot] === POSITIONS + c &&
    k.slotOwner[slot] === from
  );
}
/** A place in use has a slot of its own, which the receiver reads. */
export function wf_position(k: Kernel, row: number): boolean {
  const c = row >> 6;
  if ((row & (MAX_DEPTH - 1)) >= k.portCapacity[c]) return true;
  const slot = k.slotOf[row];
  if (slot < 0 || slot >= SLOTS) return false;
  return k.slotRow[slot] === row && k.slotOwner[slot] === k.portTo[c];
}
/** Whoever reads a slot wipes it. */
export function wf_slot(k: Kernel, s: number): boolean {
  const owner = k.slotOwner[s];
  if (owner === -1) return true;
  return isPartition(k, owner) && s >= k.slotFirst[owner] && s < k.slotEnd[owner];
}
export function wf_sample(k: Kernel, m: number): boolean {
  return (
    isPartition(k, k.sampleFrom[m]) &&
    isWithin(k.sampleBytes[m], 1, MESSAGE_BYTES) &&
    isWithin(k.sampleRefresh[m], 0, TIME_BASE - 2)
  );
}
export function wf_reader(k: Kernel, row: number): boolean {
  const reader = row & (MAX_PARTITIONS - 1);
  if (k.sampleReader[row] === 0) return true;
  const from = k.sampleFrom[row >> 6];
  return k.sampleReader[row] === 1 && reader < k.np && reader !== from && allows(k, from, reader);
}
/** A handle names an object that is there, and of which its holder is at the right side. */
export function wf_handle(k: Kernel, row: number): boolean {
  const p = row >> 5;
  const kind = k.handleKind[row];
  const object = k.handleObject[row];
  if (kind === H_NONE) return true;
  if (kind === H_SIGNAL) return isPartition(k, object) && object !== p && allows(k, p, object);
  if (kind === H_MANAGE) return isPartition(k, object) && k.manager[object] === p && allows(k, p, object);
  if (kind === H_WRITE) return object >= 0 && object < k.nsamples && k.sampleFrom[object] === p;
  if (kind === H_READ) {
    return object >= 0 && object < k.nsamples && k.sampleReader[object * MAX_PARTITIONS + p] === 1;
  }
  if (object < 0 || object >= k.nports) return false;
  const isCall = k.portKind[object] === PORT_CALL;
  if (kind === H_SEND) return k.portFrom[object] === p && !isCall;
  if (kind === H_RECEIVE) return k.portTo[object] === p && !isCall;
  if (kind === H_CALL) return k.portFrom[object] === p && isCall;
  return kind === H_SERVE && k.portTo[object] === p && isCall;
}
export function wf_mode(k: Kernel, m: number): boolean {
  return isWithin(k.frameLength[m], 1, TIME_BASE - 1);
}
/** A core's schedule in a mode begins with a window at 0. */
export function wf_schedule(k: Kernel, row: number): boolean {
  if ((row & (MAX_CORES - 1)) >= k.ncores) return true;
  const first = k.scheduleFirst[row];
  if (first < 0 || first >= k.scheduleEnd[row] || k.scheduleEnd[row] > k.nwindows) return false;
  return k.winSchedule[first] === row && k.winStart[first] === 0;
}
/** A window is followed by the next one of its schedule without a gap, the last one ends with the frame. */
export function wf_window(k: Kernel, w: number): boolean {
  const row = k.winSchedule[w];
  if (row < 0 || row >= SCHEDULES) return false;
  const m = row >> 3;
  if (m >= k.nmodes || (row & (MAX_CORES - 1)) >= k.ncores) return false;
  if (!isWithin(k.winPart[w], -1, k.np - 1)) return false;
  if (w < k.scheduleFirst[row] || w >= k.scheduleEnd[row]) return false;
  if (k.winStart[w] < 0 || k.winStart[w] >= k.winEnd[w] || k.winEnd[w] > k.frameLength[m]) return false;
  if (w === k.scheduleEnd[row] - 1) return k.winEnd[w] === k.frameLength[m];
  return (
    w < k.nwindows - 1 &&
    k.winSchedule[w + 1] === row &&
    k.winStart[w + 1] === k.winEnd[w] &&
    k.winEnd[w] < k.frameLength[m]
  );
}
function regionBase(k: Kernel, r: number): number {
  return r < k.np ? k.memoryBase[r] : k.streamBase[r - k.np];
}
function regionFrames(k: Kernel, r: number): number {
  return r < k.np ? k.memoryFrames[r] : k.streamFrames[r - k.np];
}
/** No page frame belongs to two. */
export function wf_regions(k: Kernel, row: number): boolean {
  const a = row >> 8;
  const b = row & (REGION_STRIDE - 1);
  if (b >= k.np + k.ns || a === b || regionFrames(k, a) === 0 || regionFrames(k, b) === 0) return true;
  return (
    regionBase(k, a) + regionFrames(k, a) <= regionBase(k, b) ||
    regionBase(k, b) + regionFrames(k, b) <= regionBase(k, a)
  );
}

function validate(k: Kernel): number {
  if (!wf_sizes(k)) return E_PLAN;
  for (let p = 0; p < k.np; p++) if (!wf_partition(k, p)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_CODES; row++) if (!wf_action(k, row)) return E_PLAN;
  for (let s = 0; s < k.ns; s++) if (!wf_stream(k, s)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_ENDS; row++) if (!wf_end(k, row)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_PARTITIONS; row++) if (!wf_joined(k, row)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_PARTITIONS * MAX_ENDS; row++) if (!wf_bit(k, row)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_PARTITIONS; row++) if (!wf_policy(k, row)) return E_PLAN;
  for (let c = 0; c < k.nports; c++) if (!wf_port(k, c)) return E_PLAN;
  for (let row = 0; row < k.nports * MAX_DEPTH; row++) if (!wf_position(k, row)) return E_PLAN;
  for (let s = 0; s < SLOTS; s++) if (!wf_slot(k, s)) return E_PLAN;
  for (let m = 0; m < k.nsamples; m++) if (!wf_sample(k, m)) return E_PLAN;
  for (let row = 0; row < k.nsamples * MAX_PARTITIONS; row++) if (!wf_reader(k, row)) return E_PLAN;
  for (let row = 0; row < k.np * MAX_HANDLES; row++) if (!wf_handle(k, row)) return E_PLAN;
  for (let m = 0; m < k.nmodes; m++) if (!wf_mode(k, m)) return E_PLAN;
  for (let row = 0; row < k.nmodes * MAX_CORES; row++) if (!wf_schedule(k, row)) return E_PLAN;
  for (let w = 0; w < k.nwindows; w++) if (!wf_window(k, w)) return E_PLAN;
  for (let row = 0; row < (k.np + k.ns) * REGION_STRIDE; row++) if (!wf_regions(k, row)) return E_PLAN;
  return OK;
}

/**
 * Accepts the plan in the tables of a new Kernel and asks for its partitions to be loaded, or refuses with E_PLAN and
 * changes nothing. It takes any words at all.
 */
export function boot(k: Kernel): number {
  if (k.sysMode !== SYS_OFF) return E_PLAN;
  if (validate(k) !== OK) return E_PLAN;
  for (let i = 0; i < k.ncores; i++) {
    k.curWin[i] = k.scheduleFirst[i];
    k.switched[i] = 1;
  }
  for (let p = 0; p < k.np; p++) {
    k.credit[p] = k.quota[p];
    k.hmBack[p] = k.hmDelay[p];
    if (k.startsItself[p] === 1) {
      k.state[p] = P_ASKED;
      k.fx[p] = FX_LOAD;
    }
  }
  for (let c = 0; c < k.nports; c++) k.portCredit[c] = k.portQuota[c];
  k.sysMode = SYS_RUN;
  return OK;
}
