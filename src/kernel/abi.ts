// All that kernel and partition agree on (docs/design/seams.md), as a partition's program sees it: operations, results and faults, and
// the call page that carries them. The numbers are the core's, which no partition loads.
export * from './call-page.ts';

// ---- operations (docs/design/core.md, "Calls": arguments and results)
export const OP_HELLO = 1;
/** ARG0 = index of the stream end in PartitionStart.streams. */
export const OP_NOTIFY = 2;
/** ARG0 = exit status 0..255. */
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;
export const OP_TIME = 7;
export const OP_WAIT = 8;
/** Made by the kernel for a call that blocks; a partition need not. */
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

// ---- results. E_OP, E_RIGHT and E_ARG are illegal calls, which the health monitor judges (by default: it stops the partition).
export const OK = 0;
export const E_OP = -1;
export const E_RIGHT = -2;
export const E_ARG = -3;
/** The partition's call budget of this frame is spent. (Over the call page never seen: the answer waits for the next frame.) */
export const E_BUDGET = -4;
export const E_PLAN = -5;
export const E_FULL = -6;
export const E_EMPTY = -7;
export const E_LIMIT = -8;
/** (Over the call page never seen: a call that blocks is answered when it is done or its time is over.) */
export const E_BLOCKED = -9;
export const E_TIMEOUT = -10;
export const E_RETRY = -11;
export const E_PEER = -12;
export const E_BUSY = -13;
export const E_LATE = -14;
export const E_CALLER = -15;
export const E_STATE = -16;

// ---- faults (ARINC 653 P1, health monitor): the bits of FAULTS; RAISE takes FAULT_APPLICATION to LAST_FAULT
export const FAULT_ILLEGAL = 0;
export const FAULT_EXIT = 1;
export const FAULT_TRAP = 2;
export const FAULT_DEADLINE = 3;
export const FAULT_WINDOW = 4;
export const FAULT_HEARTBEAT = 5;
export const FAULT_MEMORY = 6;
export const FAULT_APPLICATION = 8;
export const LAST_FAULT = 15;

/** Longest `wait`, in ticks; the two words of TIME are digits of TIME_BASE. */
export const MAX_WAIT = 2 ** 30 - 1;
export const TIME_BASE = 2 ** 30;
