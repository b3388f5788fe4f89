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
/** The second audits the first. */
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
  /** Who may read its counters; -1: nobody. */
  readonly auditor = new Int32Array(MAX_PARTITIONS);
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
    isWithin(k.ncores, 1, MAX_CORES)
  );
}
/** A partition's row is well-formed, and its auditor may learn of it. */
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
    isWithin(k.auditor[p], -1, k.np - 1) &&
    k.auditor[p] !== p &&
    (k.auditor[p] === -1 || allows(k, p, k.auditor[p])) &&
    isWithin(k.memoryBase[p], 0, MAX_FRAMES) &&
    isWithin(k.memoryFrames[p], 0, MAX_FRAMES - k.memoryBase[p]) &&
    isWithin(k.slotFirst[p], 0, SLOTS) &&
    isWithin(k.slotEnd[p], k.slotFirst[p], SLOTS) &&
    isWithin(k.beatPeriod[p], 0, TIME_BASE - 1) &&
    isWithin(k.hmBudget[p], 0, MAX_CREDIT) &&
    isWithin(k.hmPeriod[p], 1, TIME_BASE - 1) &&
    isWithin(k.hmDelay[p], 0, k.hmMax[p]) &&
    isWithin(k.hmMax[p], 0, TIME_BASE - 1) &&
    isWithin(k.hmMode[p], 0, k.nmodes - 1)
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
  const flow = k.policy[row];
  if (flow === FLOW_NONE) return true;
  if (flow === FLOW_STREAM) return q < k.np && shown >= 0 && shown < k.ends[p] && peerOf(k, p, shown) === q;
  if (flow === FLOW_PORT) return portShows(k, shown, p, q);
  if (flow === FLOW_SAMPLE) return sampleShows(k, shown, p, q);
  if (flow === FLOW_HANDLE) return handleShows(k, shown, p, q);
  if (flow === FLOW_AUDIT) return q === k.auditor[p];
  return flow === FLOW_WATCH && q === k.manager[p];
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

// ---- time: two words; at 2^61 ticks it stands, and the schedule goes on ------------------------------------------------
/** The time in `ticks` ticks, 0 <= ticks < TIME_BASE. */
function laterHi(k: Kernel, ticks: number): number {
  return k.timeLo + ticks < TIME_BASE || k.timeHi === INT_MAX ? k.timeHi : k.timeHi + 1;
}
function laterLo(k: Kernel, ticks: number): number {
  const lo = k.timeLo + ticks;
  if (lo < TIME_BASE) return lo;
  return k.timeHi === INT_MAX ? TIME_BASE - 1 : lo - TIME_BASE;
}
function isReached(k: Kernel, hi: number, lo: number): boolean {
  return k.timeHi > hi || (k.timeHi === hi && k.timeLo >= lo);
}
/** Ticks since a time of the past, at most TIME_BASE - 1. */
function since(k: Kernel, hi: number, lo: number): number {
  if (k.timeHi === hi) return k.timeLo - lo;
  if (k.timeHi - 1 === hi && k.timeLo < lo) return k.timeLo + (TIME_BASE - lo);
  return TIME_BASE - 1;
}
function isWait(ticks: number): boolean {
  return ticks >= 0 && ticks < TIME_BASE;
}

// ---- what operations share ----------------------------------------------------------------------------------------------
/** The object behind a handle of the caller, if it is of this kind, or -1. */
function lookUp(k: Kernel, p: number, handle: number, kind: number): number {
  if (handle < 0 || handle >= MAX_HANDLES) return -1;
  const row = p * MAX_HANDLES + handle;
  return k.handleKind[row] === kind ? k.handleObject[row] : -1;
}
/** Two result words. */
function give(k: Kernel, a: number, b: number): void {
  k.out[0] = a;
  k.out[1] = b;
  k.outN = 2;
}
function give3(k: Kernel, a: number, b: number, c: number): void {
  k.out[0] = a;
  k.out[1] = b;
  k.out[2] = c;
  k.outN = 3;
}
/** Three words before a message, and 0. */
function giveHead(k: Kernel, length: number, second: number, third: number): void {
  k.out[0] = length;
  k.out[1] = second;
  k.out[2] = third;
  k.out[3] = 0;
}
function wordsOf(bytes: number): number {
  return (bytes + 3) >> 2;
}
/** The slot at place `i` of a port's queue, counted from its head. */
function slotAt(k: Kernel, c: number, i: number): number {
  const place = k.head[c] + i;
  return k.slotOf[c * MAX_DEPTH + (place >= k.portCapacity[c] ? place - k.portCapacity[c] : place)];
}
/**
 * The caller's message goes into a slot that `reader` reads. What comes while it is being wiped would be lost with the
 * rest: it is not stored, and the caller cannot tell.
 */
function store(k: Kernel, reader: number, slot: number, length: number): void {
  if (k.state[reader] === P_WIPING) return;
  const at = slot * MESSAGE_WORDS;
  const n = wordsOf(length);
  for (let w = 0; w < n; w++) k.slotData[at + w] = k.inp[w];
  k.slotLength[slot] = length;
}
/** The message of a slot goes out, after its head. */
function fetchSlot(k: Kernel, slot: number, second: number): void {
  const at = slot * MESSAGE_WORDS;
  const n = wordsOf(k.slotLength[slot]);
  for (let w = 0; w < n; w++) k.out[HEAD + w] = k.slotData[at + w];
  giveHead(k, k.slotLength[slot], second, 0);
  k.outN = HEAD + n;
}
/** One that is not ready is woken when it is loaded. */
function wake(k: Kernel, p: number): void {
  if (k.state[p] === P_READY) k.fx[p] |= FX_WAKE;
}
function arrive(k: Kernel, p: number): void {
  k.fresh[p] = 1;
  wake(k, p);
}
function block(k: Kernel, p: number, why: number, c: number, ticks: number): void {
  k.why[p] = why;
  k.waitPort[p] = c;
  k.untilHi[p] = laterHi(k, ticks);
  k.untilLo[p] = laterLo(k, ticks);
}
function unblock(k: Kernel, p: number): void {
  k.why[p] = W_NONE;
  k.waitPort[p] = 0;
  k.untilHi[p] = 0;
  k.untilLo[p] = 0;
}
/** To be stopped. Only p's own row. */
function kill(k: Kernel, p: number, next: number): void {
  k.state[p] = P_DYING;
  k.next[p] = next;
  k.fx[p] = (k.fx[p] & FX_END) | FX_KILL;
}

// ---- health monitor -------------------------------------------------------------------------------------------------------
/** After its back-off; beyond its budget it halts. */
function restartFaulty(k: Kernel, p: number, kind: number): void {
  if (since(k, k.hmHi[p], k.hmLo[p]) >= k.hmPeriod[p]) {
    k.hmCount[p] = 0;
    k.hmHi[p] = k.timeHi;
    k.hmLo[p] = k.timeLo;
    k.hmBack[p] = k.hmDelay[p];
  }
  if (k.hmCount[p] >= k.hmBudget[p]) {
    kill(k, p, P_HALTED);
    return;
  }
  const back = k.hmBack[p];
  k.hmCount[p] += 1;
  k.hmBack[p] = back + back > k.hmMax[p] ? k.hmMax[p] : back + back;
  k.goHi[p] = laterHi(k, back);
  k.goLo[p] = laterLo(k, back);
  k.startKind[p] = kind;
  kill(k, p, P_LOADING);
}
/** What is done about a fault of p; an action of p's own domain. */
function judge(k: Kernel, p: number, code: number): void {
  k.faults[p] = saturatedIncrement(k.faults[p]);
  const action = k.hmAction[p * MAX_CODES + code];
  if (action === HM_DELIVER) {
    k.faultBits[p] |= 1 << code;
    arrive(k, p);
  }
  if (action === HM_WARM) restartFaulty(k, p, START_WARM);
  if (action === HM_COLD) restartFaulty(k, p, START_COLD);
  if (action === HM_MODE) k.nextMode = k.hmMode[p];
  if (action === HM_SHUTDOWN) k.endAsked = 1;
  // What the module does about it does not bring a program back that is gone.
  if (action === HM_HALT || (code === FAULT_EXIT && action >= HM_MODE)) kill(k, p, P_HALTED);
}

// ---- operations: streams and the partition itself --------------------------------------------------------------------------
/** A notification is a bit: the peer learns that, not how often. */
function notify(k: Kernel, p: number, e: number): number {
  if (e < 0 || e >= k.ends[p]) return E_ARG;
  const q = peerOf(k, p, e);
  k.news[q] |= 1 << peerEndOf(k, p, e);
  arrive(k, q);
  return OK;
}
/** Where its ring is, and 0 to its producer, 1 to its consumer. */
function streamRegion(k: Kernel, p: number, e: number): number {
  if (e < 0 || e >= k.ends[p]) return E_ARG;
  const s = k.endStream[p * MAX_ENDS + e];
  give3(k, k.streamBase[s], k.streamFrames[s], k.streamFrom[s] === p && k.streamFromEnd[s] === e ? 0 : 1);
  return OK;
}
function exit(k: Kernel, p: number, status: number): number {
  if (status < 0 || status > MAX_STATUS) return E_ARG;
  k.done[p] = 1;
  k.exitStatus[p] = status;
  if (k.counts[p] === 1 && k.status === 0) k.status = status;
  kill(k, p, P_HALTED);
  return OK;
}
function reset(k: Kernel, p: number): number {
  k.resets[p] = saturatedIncrement(k.resets[p]);
  return OK;
}
/** HOST learns it, and tells everybody by `stop`. */
function shutDown(k: Kernel, p: number): number {
  if (k.mayShutDown[p] === 0) return E_RIGHT;
  k.endAsked = 1;
  return OK;
}
function log(length: number): number {
  return length < 0 || length > MAX_TEXT ? E_ARG : OK;
}
function time(k: Kernel): number {
  give(k, k.timeHi, k.timeLo);
  return OK;
}
/** Until anything comes in; `fresh` stays set until it is told, so that nothing is missed. */
function waitAny(k: Kernel, p: number, ticks: number): number {
  if (!isWait(ticks)) return E_ARG;
  if (k.fresh[p] !== 0) {
    k.fresh[p] = 0;
    return OK;
  }
  if (ticks === 0) return E_EMPTY;
  block(k, p, W_ANY, 0, ticks);
  return E_BLOCKED;
}
function grant(k: Kernel, p: number, frames: number): number {
  if (frames < 1) return E_ARG;
  if (frames > k.memoryFrames[p] - k.memoryUsed[p]) return E_LIMIT;
  give(k, k.memoryBase[p] + k.memoryUsed[p], frames);
  k.memoryUsed[p] += frames;
  return OK;
}
function setMode(k: Kernel, p: number, mode: number): number {
  if (k.mayMode[p] === 0) return E_RIGHT;
  if (mode < 0 || mode >= k.nmodes) return E_ARG;
  k.nextMode = mode;
  return OK;
}
function raise(k: Kernel, p: number, code: number): number {
  if (code < FAULT_APPLICATION || code >= MAX_CODES) return E_ARG;
  judge(k, p, code);
  return OK;
}
function faultsDelivered(k: Kernel, p: number, mask: number): number {
  give(k, k.faultBits[p] & mask, 0);
  k.faultBits[p] &= ~mask;
  return OK;
}
function beat(k: Kernel, p: number): number {
  k.beatHi[p] = laterHi(k, k.beatPeriod[p]);
  k.beatLo[p] = laterLo(k, k.beatPeriod[p]);
  return OK;
}
function audit(k: Kernel, p: number, q: number): number {
  if (!isPartition(k, q)) return E_ARG;
  if (k.auditor[q] !== p) return E_RIGHT;
  give3(k, k.faults[q], k.restarts[q], k.illegal[q]);
  return OK;
}

// ---- operations: queues -----------------------------------------------------------------------------------------------------
function send(k: Kernel, p: number, handle: number, length: number, ticks: number): number {
  const c = lookUp(k, p, handle, H_SEND);
  if (c < 0) return E_RIGHT;
  if (length < 0 || length > k.portBytes[c] || !isWait(ticks)) return E_ARG;
  const q = k.portTo[c];
  const n = k.count[c];
  const isFull = n >= k.portCapacity[c];
  if (k.portKind[c] === PORT_DROP) {
    // Of its own credit, not of the queue's space: what the receiver does must not come back.
    if (k.portCredit[c] <= 0) return E_LIMIT;
    k.portCredit[c] -= 1;
    if (isFull) k.lost[c] = saturatedIncrement(k.lost[c]);
  } else if (isFull) {
    if (ticks === 0) return E_FULL;
    block(k, p, W_SPACE, c, ticks);
    return E_BLOCKED;
  }
  if (!isFull) {
    store(k, q, slotAt(k, c, n), length);
    k.count[c] = n + 1;
    arrive(k, q);
  }
  return OK;
}
function receive(k: Kernel, p: number, handle: number, ticks: number): number {
  const c = lookUp(k, p, handle, H_RECEIVE);
  if (c < 0) return E_RIGHT;
  if (!isWait(ticks)) return E_ARG;
  const n = k.count[c];
  if (n <= 0) {
    if (ticks === 0) return E_EMPTY;
    block(k, p, W_MESSAGE, c, ticks);
    return E_BLOCKED;
  }
  fetchSlot(k, slotAt(k, c, 0), k.lost[c]);
  const head = k.head[c] + 1;
  k.head[c] = head >= k.portCapacity[c] ? 0 : head;
  k.count[c] = n - 1;
  if (k.portKind[c] === PORT_BLOCK && n >= k.portCapacity[c]) arrive(k, k.portFrom[c]);
  return OK;
}

// ---- operations: samples ----------------------------------------------------------------------------------------------------
function write(k: Kernel, p: number, handle: number, length: number): number {
  const m = lookUp(k, p, handle, H_WRITE);
  if (m < 0) return E_RIGHT;
  if (length < 0 || length > k.sampleBytes[m]) return E_ARG;
  const at = m * MESSAGE_WORDS;
  const n = wordsOf(length);
  for (let w = 0; w < n; w++) k.sampleData[at + w] = k.inp[w];
  k.sampleLength[m] = length;
  k.sampleHi[m] = k.timeHi;
  k.sampleLo[m] = k.timeLo;
  k.sampleValid[m] = 1;
  for (let q = 0; q < k.np; q++) if (k.sampleReader[m * MAX_PARTITIONS + q] === 1) arrive(k, q);
  return OK;
}
/** The value, its age, and whether it is valid (ARINC 653: not older than the refresh period). */
function read(k: Kernel, p: number, handle: number): number {
  const m = lookUp(k, p, handle, H_READ);
  if (m < 0) return E_RIGHT;
  if (k.sampleValid[m] === 0) return E_EMPTY;
  const at = m * MESSAGE_WORDS;
  const n = wordsOf(k.sampleLength[m]);
  for (let w = 0; w < n; w++) k.out[HEAD + w] = k.sampleData[at + w];
  const age = since(k, k.sampleHi[m], k.sampleLo[m]);
  giveHead(k, k.sampleLength[m], age, age <= k.sampleRefresh[m] ? 1 : 0);
  k.outN = HEAD + n;
  return OK;
}

// ---- operations: signals ----------------------------------------------------------------------------------------------------
function signal(k: Kernel, p: number, handle: number, bits: number): number {
  const q = lookUp(k, p, handle, H_SIGNAL);
  if (q < 0) return E_RIGHT;
  k.signals[q] |= bits & k.handleMask[p * MAX_HANDLES + handle];
  arrive(k, q);
  return OK;
}
function poll(k: Kernel, p: number, mask: number): number {
  give(k, k.signals[p] & mask, 0);
  k.signals[p] &= ~mask;
  return OK;
}

// ---- operations: call and reply -----------------------------------------------------------------------------------------------
/** The caller is blocked until the reply, its deadline, or the server's end; it never waits for a partition of its rank. */
function call(k: Kernel, p: number, handle: number, length: number): number {
  const c = lookUp(k, p, handle, H_CALL);
  if (c < 0) return E_RIGHT;
  if (length < 0 || length > k.portBytes[c]) return E_ARG;
  if (k.callState[c] !== C_IDLE) return E_BUSY;
  const q = k.portTo[c];
  store(k, q, slotAt(k, c, 0), length);
  k.callState[c] = C_PENDING;
  k.callHi[c] = laterHi(k, k.portWithin[c]);
  k.callLo[c] = laterLo(k, k.portWithin[c]);
  block(k, p, W_CALL, c, k.portWithin[c]);
  arrive(k, q);
  return E_BLOCKED;
}
function fetch(k: Kernel, p: number, handle: number, ticks: number): number {
  const c = lookUp(k, p, handle, H_SERVE);
  if (c < 0) return E_RIGHT;
  if (!isWait(ticks)) return E_ARG;
  if (k.callState[c] !== C_PENDING) {
    if (ticks === 0) return E_EMPTY;
    block(k, p, W_MESSAGE, c, ticks);
    return E_BLOCKED;
  }
  fetchSlot(k, slotAt(k, c, 0), 0);
  k.callState[c] = C_SERVING;
  return OK;
}
function reply(k: Kernel, p: number, handle: number, length: number): number {
  const c = lookUp(k, p, handle, H_SERVE);
  if (c < 0) return E_RIGHT;
  if (length < 0 || length > k.portBytes[c]) return E_ARG;
  if (k.callState[c] === C_LATE) {
    k.callState[c] = C_IDLE;
    return E_LATE;
  }
  if (k.callState[c] !== C_SERVING) return E_EMPTY;
  const isLate = isReached(k, k.callHi[c], k.callLo[c]);
  if (!isLate) store(k, k.portFrom[c], k.replySlot[c], length);
  k.callState[c] = isLate ? C_EXPIRED : C_DONE;
  arrive(k, k.portFrom[c]);
  return isLate ? E_LATE : OK;
}

/** A call of the past, as its client goes on without the reply. */
function abandon(k: Kernel, c: number): void {
  k.callState[c] = k.callState[c] === C_SERVING ? C_LATE : C_IDLE;
}
/** How a CALL goes on. */
function callResult(k: Kernel, p: number): number {
  const c = k.waitPort[p];
  const state = k.callState[c];
  if (state === C_DONE) {
    fetchSlot(k, k.replySlot[c], 0);
  } else if (state !== C_FAILED && state !== C_EXPIRED && !isReached(k, k.callHi[c], k.callLo[c])) {
    return E_BLOCKED;
  }
  abandon(k, c);
  unblock(k, p);
  if (state === C_DONE) return OK;
  return state === C_FAILED ? E_PEER : E_TIMEOUT;
}
/** What p waits for is there. */
function hasCome(k: Kernel, p: number): boolean {
  if (k.why[p] === W_ANY) return k.fresh[p] !== 0;
  const c = k.waitPort[p];
  if (k.why[p] === W_SPACE) return k.count[c] < k.portCapacity[c];
  return k.portKind[c] === PORT_CALL ? k.callState[c] === C_PENDING : k.count[c] > 0;
}
/** How a blocked call goes on. Time-outs are found here, in p's own windows: no clock looks for them. */
function result(k: Kernel, p: number): number {
  if (k.why[p] === W_NONE) return E_EMPTY;
  if (k.why[p] === W_CALL) return callResult(k, p);
  const come = hasCome(k, p);
  if (!come && !isReached(k, k.untilHi[p], k.untilLo[p])) return E_BLOCKED;
  unblock(k, p);
  return come ? E_RETRY : E_TIMEOUT;
}

// ---- operations: partitions under the caller's management ------------------------------------------------------------------------
function goNow(k: Kernel, p: number): void {
  k.goHi[p] = k.timeHi;
  k.goLo[p] = k.timeLo;
  k.startKind[p] = START_COLD;
}
function isLive(k: Kernel, p: number): boolean {
  return k.state[p] === P_READY || k.state[p] === P_ASKED;
}
function isEnding(k: Kernel, p: number): boolean {
  return k.state[p] === P_DYING || k.state[p] === P_WIPING;
}
/** Begins with what is blank, or will be. */
function begin(k: Kernel, p: number): void {
  if (k.state[p] === P_HALTED) {
    k.state[p] = P_LOADING;
    goNow(k, p);
  } else if (isEnding(k, p)) {
    k.next[p] = P_LOADING;
    goNow(k, p);
  }
}
function start(k: Kernel, p: number, handle: number): number {
  const q = lookUp(k, p, handle, H_MANAGE);
  if (q < 0) return E_RIGHT;
  begin(k, q);
  return OK;
}
function stopManaged(k: Kernel, p: number, handle: number): number {
  const q = lookUp(k, p, handle, H_MANAGE);
  if (q < 0) return E_RIGHT;
  if (isLive(k, q)) kill(k, q, P_HALTED);
  else if (isEnding(k, q)) k.next[q] = P_HALTED;
  else k.state[q] = P_HALTED;
  return OK;
}
function restartManaged(k: Kernel, p: number, handle: number): number {
  const q = lookUp(k, p, handle, H_MANAGE);
  if (q < 0) return E_RIGHT;
  begin(k, q);
  if (isLive(k, q)) {
    goNow(k, q);
    kill(k, q, P_LOADING);
  }
  return OK;
}

/**
 * Two words on what is behind a handle. To send: free places (blocking) or credit (drop), and the capacity. To receive:
 * messages, lost ones. Samples to read: age, valid. Calls: 1 if one is under way; to serve: 1 if one waits. Managed
 * partitions: P_ state, exit status, if they may reach their manager.
 */
function status(k: Kernel, p: number, handle: number): number {
  if (handle < 0 || handle >= MAX_HANDLES) return E_RIGHT;
  const row = p * MAX_HANDLES + handle;
  const kind = k.handleKind[row];
  const object = k.handleObject[row];
  if (kind === H_SEND) {
    const credit = k.portKind[object] === PORT_DROP ? k.portCredit[object] : k.portCapacity[object] - k.count[object];
    give(k, credit, k.portCapacity[object]);
  } else if (kind === H_RECEIVE) {
    give(k, k.count[object], k.lost[object]);
  } else if (kind === H_READ) {
    const age = since(k, k.sampleHi[object], k.sampleLo[object]);
    give(k, age, k.sampleValid[object] === 1 && age <= k.sampleRefresh[object] ? 1 : 0);
  } else if (kind === H_CALL) {
    give(k, k.callState[object] === C_IDLE ? 0 : 1, 0);
  } else if (kind === H_SERVE) {
    give(k, k.callState[object] === C_PENDING ? 1 : 0, 0);
  } else if (kind === H_MANAGE && allows(k, object, p)) {
    give(k, k.state[object], k.exitStatus[object]);
  } else {
    return E_RIGHT;
  }
  return OK;
}

// ---- calls --------------------------------------------------------------------------------------------------------------------
export function costOf(op: number): number {
  return op === OP_RESET || op === OP_LOG ? COST_EVENT : COST;
}
function dispatch(k: Kernel, p: number, op: number, a0: number, a1: number, a2: number): number {
  if (op === OP_RESULT) return result(k, p);
  if (op === OP_RAISE) return raise(k, p, a0);
  if (k.why[p] !== W_NONE) return E_BLOCKED;
  if (op === OP_NOTIFY) return notify(k, p, a0);
  if (op === OP_EXIT) return exit(k, p, a0);
  if (op === OP_RESET) return reset(k, p);
  if (op === OP_SHUTDOWN) return shutDown(k, p);
  if (op === OP_LOG) return log(a0);
  if (op === OP_TIME) return time(k);
  if (op === OP_WAIT) return waitAny(k, p, a0);
  if (op === OP_SEND) return send(k, p, a0, a1, a2);
  if (op === OP_RECEIVE) return receive(k, p, a0, a1);
  if (op === OP_STATUS) return status(k, p, a0);
  if (op === OP_WRITE) return write(k, p, a0, a1);
  if (op === OP_READ) return read(k, p, a0);
  if (op === OP_SIGNAL) return signal(k, p, a0, a1);
  if (op === OP_POLL) return poll(k, p, a0);
  if (op === OP_CALL) return call(k, p, a0, a1);
  if (op === OP_FETCH) return fetch(k, p, a0, a1);
  if (op === OP_REPLY) return reply(k, p, a0, a1);
  if (op === OP_GRANT) return grant(k, p, a0);
  if (op === OP_SET_MODE) return setMode(k, p, a0);
  if (op === OP_START) return start(k, p, a0);
  if (op === OP_STOP) return stopManaged(k, p, a0);
  if (op === OP_RESTART) return restartManaged(k, p, a0);
  if (op === OP_FAULTS) return faultsDelivered(k, p, a0);
  if (op === OP_BEAT) return beat(k, p);
  if (op === OP_AUDIT) return audit(k, p, a0);
  if (op === OP_STREAM) return streamRegion(k, p, a0);
  return E_OP;
}
/** p runs on this core now, or may run at any time. */
function isHere(k: Kernel, core: number, p: number): boolean {
  if (!isPartition(k, p)) return false;
  if (k.background[p] === 1) return true;
  return core >= 0 && core < k.ncores && k.winPart[k.curWin[core]] === p;
}

/**
 * One call of partition `p`, made on `core`; its message in `inp`, its results in out[0..outN). E_CALLER, E_STATE and
 * E_BUDGET: nothing changed. E_OP, E_RIGHT and E_ARG are illegal calls: counted, and given to the health monitor.
 */
export function step(k: Kernel, core: number, p: number, op: number, a0: number, a1: number, a2: number): number {
  k.outN = 0;
  if (!isHere(k, core, p)) return E_CALLER;
  if (k.state[p] !== P_READY) return E_STATE;
  const cost = costOf(op);
  if (k.credit[p] < cost) return E_BUDGET;
  k.credit[p] -= cost;
  const verdict = dispatch(k, p, op, a0, a1, a2);
  if (verdict === E_OP || verdict === E_RIGHT || verdict === E_ARG) {
    k.illegal[p] = saturatedIncrement(k.illegal[p]);
    judge(k, p, FAULT_ILLEGAL);
  }
  return verdict;
}

// ---- actions of the supervisor, each of the domain of its partition ----------------------------------------------------------
/** The supervisor has seen a fault of p, which runs or is being loaded. */
export function fault(k: Kernel, p: number, code: number): number {
  if (!isPartition(k, p)) return E_CALLER;
  if (code < 0 || code >= MAX_CODES) return E_ARG;
  if (!isLive(k, p)) return E_STATE;
  judge(k, p, code);
  return OK;
}
/** p is dead for certain: nothing of it runs any more. */
export function stopped(k: Kernel, p: number): number {
  if (!isPartition(k, p)) return E_CALLER;
  if (k.state[p] !== P_DYING) return E_STATE;
  k.state[p] = P_WIPING;
  k.cursor[p] = k.slotFirst[p];
  k.fx[p] &= FX_END;
  return OK;
}
function afterWipe(state: number): number {
  if (state === C_PENDING || state === C_SERVING) return C_FAILED;
  return state === C_LATE ? C_IDLE : state;
}
/** What p's end does to others: peers of its streams learn it, and whoever waits at a port that it serves is woken. */
function tellOthers(k: Kernel, p: number): void {
  for (let q = 0; q < k.np; q++) {
    const ends = k.joined[q * MAX_PARTITIONS + p];
    const isWaiting = (k.why[q] === W_CALL || k.why[q] === W_SPACE) && k.portTo[k.waitPort[q]] === p;
    if (ends !== 0 || isWaiting) {
      k.down[q] |= ends;
      arrive(k, q);
    }
  }
}
/** One slice: a slot; the last one: all the rest. */
function wipe(k: Kernel, p: number): number {
  const s = k.cursor[p];
  if (s < k.slotEnd[p]) {
    if (k.slotOwner[s] === p) {
      k.slotData.fill(0, s * MESSAGE_WORDS, (s + 1) * MESSAGE_WORDS);
      k.slotLength[s] = 0;
    }
    k.cursor[p] = s + 1;
    return E_RETRY;
  }
  if (k.why[p] === W_CALL) abandon(k, k.waitPort[p]);
  unblock(k, p);
  tellOthers(k, p);
  for (let c = 0; c < k.nports; c++) {
    if (k.portTo[c] === p) {
      k.head[c] = 0;
      k.count[c] = 0;
      k.lost[c] = 0;
      k.callState[c] = afterWipe(k.callState[c]);
    }
  }
  k.news[p] = 0;
  k.signals[p] = 0;
  k.fresh[p] = 0;
  k.faultBits[p] = 0;
  k.memoryUsed[p] = 0;
  k.fx[p] &= FX_END;
  k.cursor[p] = 0;
  // Counted here and not where it was decided: its auditor sees the count, and its manager may not reach its auditor.
  if (k.next[p] === P_LOADING) k.restarts[p] = saturatedIncrement(k.restarts[p]);
  k.state[p] = k.sysMode === SYS_RUN ? k.next[p] : P_HALTED;
  k.next[p] = P_HALTED;
  return OK;
}
/**
 * What the kernel itself does for p, in p's windows: wiping, loading after the back-off, its heartbeat. OK: it went on;
 * E_RETRY: there is more to wipe; E_BLOCKED: its back-off is not over; E_EMPTY: nothing is to be done.
 */
export function work(k: Kernel, core: number, p: number): number {
  if (!isHere(k, core, p)) return E_CALLER;
  if (k.state[p] === P_WIPING) return wipe(k, p);
  if (k.state[p] === P_LOADING) {
    if (k.sysMode === SYS_RUN && !isReached(k, k.goHi[p], k.goLo[p])) return E_BLOCKED;
    k.state[p] = k.sysMode === SYS_RUN ? P_ASKED : P_HALTED;
    if (k.sysMode === SYS_RUN) k.fx[p] |= FX_LOAD;
    return OK;
  }
  if (k.state[p] !== P_READY || k.beatPeriod[p] === 0 || !isReached(k, k.beatHi[p], k.beatLo[p])) return E_EMPTY;
  beat(k, p);
  judge(k, p, FAULT_BEAT);
  return OK;
}
/** p is loaded and runs. Peers of its streams that knew it gone learn that it is there again. */
export function loaded(k: Kernel, p: number): number {
  if (!isPartition(k, p)) return E_CALLER;
  if (k.state[p] !== P_ASKED) return E_STATE;
  k.state[p] = P_READY;
  k.fx[p] &= ~FX_LOAD;
  k.done[p] = 0;
  k.exitStatus[p] = 0;
  beat(k, p);
  // What came meanwhile has woken nobody, and peers may be gone.
  if (k.fresh[p] !== 0 || k.down[p] !== 0) wake(k, p);
  for (let q = 0; q < k.np; q++) {
    const ends = k.joined[q * MAX_PARTITIONS + p] & k.down[q];
    if (ends !== 0) {
      k.down[q] &= ~ends;
      arrive(k, q);
    }
  }
  return OK;
}
/** Effects on `p`, which are thereby taken. */
export function takeEffects(k: Kernel, p: number): number {
  if (!isPartition(k, p)) return 0;
  const fx = k.fx[p];
  k.fx[p] = 0;
  return fx;
}
export function takeNews(k: Kernel, p: number): number {
  if (!isPartition(k, p)) return 0;
  const news = k.news[p];
  k.news[p] = 0;
  return news;
}
/** Bit per end of `p`: its peer is gone. */
export function deadPeers(k: Kernel, p: number): number {
  return isPartition(k, p) ? k.down[p] : 0;
}

// ---- actions of the clock ------------------------------------------------------------------------------------------------------
/** Ticks until a window or the frame ends, at least 1. */
export function untilSwitch(k: Kernel): number {
  let end = k.frameLength[k.mode];
  for (let i = 0; i < MAX_CORES; i++) {
    if (i < k.ncores && k.winEnd[k.curWin[i]] < end) end = k.winEnd[k.curWin[i]];
  }
  return end - k.framePos;
}
/** A frame ends: the next one's mode, its first windows, and all credit whole again. */
function beginFrame(k: Kernel): void {
  k.framePos = 0;
  k.mode = k.nextMode;
  const row = k.mode * MAX_CORES;
  for (let i = 0; i < k.ncores; i++) {
    k.curWin[i] = k.scheduleFirst[row + i];
    k.switched[i] = 1;
  }
  for (let p = 0; p < k.np; p++) k.credit[p] = k.quota[p];
  for (let c = 0; c < k.nports; c++) k.portCredit[c] = k.portQuota[c];
}
/** `n` ticks at once, 1 <= n <= untilSwitch: the only action that moves time, windows, modes and credit. Else E_ARG. */
export function tick(k: Kernel, n: number): number {
  if (n < 1 || n > k.frameLength[k.mode] - k.framePos) return E_ARG;
  const pos = k.framePos + n;
  for (let i = 0; i < k.ncores; i++) if (k.winEnd[k.curWin[i]] < pos) return E_ARG;
  const hi = laterHi(k, n);
  k.timeLo = laterLo(k, n);
  k.timeHi = hi;
  if (pos >= k.frameLength[k.mode]) {
    beginFrame(k);
    return OK;
  }
  k.framePos = pos;
  for (let i = 0; i < k.ncores; i++) {
    if (k.winEnd[k.curWin[i]] <= pos) {
      k.curWin[i] += 1;
      k.switched[i] = 1;
    }
  }
  return OK;
}
/** 1: the window of `core` has changed, which is thereby taken. */
export function takeSwitch(k: Kernel, core: number): number {
  if (core < 0 || core >= k.ncores) return 0;
  const switched = k.switched[core];
  k.switched[core] = 0;
  return switched;
}

// ---- actions of the supervisor itself ----------------------------------------------------------------------------------------------
/** Tells every partition that the system ends: once. */
export function stop(k: Kernel): void {
  if (k.sysMode === SYS_STOPPING) return;
  k.sysMode = SYS_STOPPING;
  for (let p = 0; p < k.np; p++) k.fx[p] |= FX_END;
}
/**
 * 1: the system is to end, because whoever may has asked for it, or because all partitions that count have said EXIT. One
 * that died without a word has not: its fault is not its end.
 */
export function allDone(k: Kernel): number {
  if (k.endAsked === 1) return 1;
  for (let p = 0; p < k.np; p++) if (k.counts[p] === 1 && k.done[p] === 0) return 0;
  for (let p = 0; p < k.np; p++) if (k.counts[p] === 1) return 1;
  return 0;
}
