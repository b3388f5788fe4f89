// The call page and the start data of a partition: all that kernel and partition agree on (docs/design/seams.md).

/** Descriptor of the call page in a new partition process. */
export const CALL_PAGE_FD = 3;
export const CALL_PAGE_BYTES = 4096;

/** Descriptor of the control pipe of a partition without a call page (no node:ffi). */
export const CONTROL_FD = 3;

// ---- words of the call page (Int32Array index). "P": only the partition writes it; "K": only the kernel.
/** P: incremented for each operation; the kernel waits on it (futex). */
export const W_DOORBELL = 0;
/** P: operation number; valid from the ring of the doorbell until the kernel's answer. */
export const W_OP = 1;
/** P: arguments. */
export const W_ARG0 = 2;
export const W_ARG1 = 3;
export const W_ARG2 = 4;
/** P: lock of the partition's own threads around an operation (0 free, 1 held, 2 held and waited for). The kernel never looks at it. */
export const W_LOCK = 8;
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
/** K: 1 = the system ends: finish, then EXIT; who has not after STOP_GRACE_MS is killed. */
export const W_STOPPING = 21;
export const STOP_GRACE_MS = 3000;
/** P: text of LOG, or the layers of HELLO, UTF-8, W_ARG0 = bytes. */
export const W_TEXT = 64;
export const TEXT_BYTES = 2048;

// ---- operations
export const OP_HELLO = 1;
/** ARG0 = index of the stream end in PartitionStart.streams. */
export const OP_NOTIFY = 2;
/** ARG0 = exit status 0..255. */
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;

// ---- results. A negative one other than E_BUDGET is an illegal call: the kernel ends the partition.
export const OK = 0;
export const E_OP = -1;
export const E_RIGHT = -2;
export const E_ARG = -3;
/** The partition's call budget of this frame is spent. (Over the call page never seen: the answer waits for the next frame.) */
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

/** Isolation layers, in the order in which they come to stand. */
export const LAYERS = [
  'no-new-privs',
  'no-io-uring',
  'landlock',
  'uid',
  'permission',
  'undumpable',
  'seccomp',
  'no-ffi',
] as const;
export type Layer = (typeof LAYERS)[number];

/** Text of HELLO, as JSON: the layers that the partition has set up itself, or could not. */
export interface HelloText {
  readonly layers: readonly Layer[];
  readonly missing: readonly { readonly layer: Layer; readonly reason: string }[];
}

/** Sets a layer up; the reason why it cannot stand here, or nothing. May throw. */
export type LayerStep = readonly [layer: Layer, setUp: () => string | void];

/** Carries out the steps in order, but for the layers in `without`, and notes what stands and what does not. */
export function setUpLayers(without: readonly Layer[], steps: readonly LayerStep[]): HelloText {
  const layers: Layer[] = [];
  const missing: { layer: Layer; reason: string }[] = [];
  for (const [layer, setUp] of steps) {
    let reason: string | void;
    try {
      reason = without.includes(layer) ? 'left out by --without-layer' : setUp();
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    if (reason === undefined) layers.push(layer);
    else missing.push({ layer, reason });
  }
  return { layers, missing };
}

/** The one argument of a partition process, as JSON. */
export interface PartitionStart {
  readonly id: number;
  /** Process id of the kernel: a partition that finds another parent is an orphan and ends. */
  readonly parent: number;
  readonly name: string;
  readonly kind: 'guest' | 'driver' | 'app';
  readonly memory: number;
  readonly harts: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly streams: readonly StreamEnd[];
  readonly files: Readonly<Record<string, number>>;
  readonly terminal?: { readonly input: number; readonly output: number };
  /** Memory form: read end of the wake pipe (a byte for each wake). */
  readonly wakePipe?: number;
  /**
   * `memory`: call page on CALL_PAGE_FD, streams in shared memory. `pipes` (a host without node:ffi): no call page;
   * operations and news go as lines of JSON (`PipeCall`, `PipeNews`) over CONTROL_FD.
   */
  readonly transport: 'memory' | 'pipes';
  /** Layers to leave out, for the controls of the security tests (`--without-layer`, never in normal use). */
  readonly without: readonly Layer[];
}

/** Pipe form, partition to kernel, one line of JSON each. NOTIFY needs none: bytes in a pipe are their own news. */
export interface PipeCall {
  readonly op: number;
  readonly argument: number;
  readonly text?: string;
}
/** Longest line of either side, in characters. */
export const MAX_PIPE_LINE = 16384;
/** Pipe form, kernel to partition, one line of JSON each. */
export interface PipeNews {
  /** Answer to HELLO. */
  readonly released?: true;
  /**
   * The system ends. The mask: ends whose peer is gone already, whose pipes therefore end; the partition hears of the stop
   * only after that, so that nothing is lost that was said before.
   */
  readonly stopping?: number;
}
