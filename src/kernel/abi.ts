// The call page and the start data of a partition: all that kernel and partition agree on (docs/design/seams.md).

/** Descriptor of the call page in a new partition process. */
export const CALL_PAGE_FD = 3;
export const CALL_PAGE_BYTES = 4096;

// ---- words of the call page (Int32Array index). "P": only the partition writes it; "K": only the kernel.
/** P: incremented for each operation; the kernel waits on it (futex). */
export const W_DOORBELL = 0;
/** P: operation number; valid from the ring of the doorbell until the kernel's answer. */
export const W_OP = 1;
/** P: arguments. */
export const W_ARG0 = 2;
export const W_ARG1 = 3;
export const W_ARG2 = 4;
/** K: incremented whenever the kernel has news for the partition; it waits on it (futex). */
export const W_WAKE = 16;
/** K: number of operations answered; equals the doorbell's value when nothing is open. */
export const W_ANSWERED = 17;
/** K: result of the last operation: 0, or a negative E_ number. */
export const W_RESULT = 18;
/** K: bit per stream end (by its index in PartitionStart.streams, 0..31): set by the kernel on news, cleared (atomic and) by the partition. */
export const W_STREAM_NEWS = 19;
/** K: bit per stream end: its peer is dead. */
export const W_PEER_DEAD = 20;
/** P: text of LOG, or the layers of HELLO, UTF-8, W_ARG0 = bytes. */
export const W_TEXT = 64;
export const TEXT_BYTES = 2048;

// ---- operations
export const OP_HELLO = 1;
/** ARG0 = index of the stream end in PartitionStart.streams. No answer is waited for. */
export const OP_NOTIFY = 2;
/** ARG0 = exit status 0..255. */
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;

// ---- results
export const OK = 0;
export const E_OP = -1;
export const E_RIGHT = -2;
export const E_ARG = -3;
/** The partition's call budget of this frame is spent. */
export const E_BUDGET = -4;

export interface StreamEnd {
  readonly name: string;
  readonly direction: 'out' | 'in';
  readonly bytes: number;
  /** Memory form: descriptors of the data memfd and of the progress page. Pipe form: `pipe` alone. */
  readonly data?: number;
  readonly progress?: number;
  readonly pipe?: number;
}

/** The one argument of a partition process, as JSON. */
export interface PartitionStart {
  readonly id: number;
  readonly name: string;
  readonly kind: 'guest' | 'driver' | 'app';
  readonly memory: number;
  readonly harts: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly streams: readonly StreamEnd[];
  readonly files: Readonly<Record<string, number>>;
  readonly terminal?: { readonly input: number; readonly output: number };
  /** Read end of the wake pipe (a byte for each wake), when the partition asked for an event loop. */
  readonly wakePipe: number;
  /** False when this host has no node:ffi: pipes instead of memory, no call page; operations go as lines of JSON to `control`. */
  readonly memory_transport: boolean;
  readonly control?: number;
  /** Layers to leave out, for the controls of the security tests (`--without-layer`, never in normal use). */
  readonly without: readonly string[];
}
