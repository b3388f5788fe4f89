// The call page and the start data of a partition (docs/design/seams.md): of what kernel and partition agree on, the part that the
// hosted kernel reads itself. Operations and results are the core's to it.

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
/**
 * P: by when what it does now must be done: the low digit of TIME, in ticks, and 1; 0: nothing must. The kernel looks at it at the end of
 * each of its windows, if the plan says what is done about a missed deadline.
 */
export const W_DEADLINE = 5;
/** P: lock of the partition's own threads around an operation (0 free, 1 held, 2 held and waited for). The kernel never looks at it. */
export const W_LOCK = 8;
/** P: 1: a thread sleeps on W_ANSWERED, or is about to: who answers must wake it. */
export const W_SLEEPS = 9;
/** P: threads that sleep on W_WAKE, or are about to. */
export const W_SLEEPERS = 10;
/** P: the W_WAKE up to which its event loop has heard: only beyond that is there a byte to come through the wake pipe. */
export const W_HEARD = 11;
/** K: incremented whenever the kernel has news for the partition; it waits on it (futex). */
export const W_WAKE = 16;
/** K: number of operations answered; equals the doorbell's value when nothing is open. */
export const W_ANSWERED = 17;
/** K: result of the last operation: 0, or a negative E_ number. An operation that blocks is answered when it is over. */
export const W_RESULT = 18;
/** K: bit per stream end (by its index in PartitionStart.streams, 0..31): set by the kernel on news, cleared (atomic and) by the partition. */
export const W_STREAM_NEWS = 19;
/** K: bit per stream end: its peer is dead. */
export const W_PEER_DEAD = 20;
/** K: 1 = the system ends: finish, then EXIT; who has not after STOP_GRACE_MS is killed. */
export const W_STOPPING = 21;
export const STOP_GRACE_MS = 3000;
/** K: 1: the kernel looks at the doorbell by itself, and need not be woken when it is rung. It is 0 before the kernel sleeps. */
export const W_AWAKE = 23;
/** K: number of result words from W_OUT on. */
export const W_OUT_COUNT = 22;
/** P: text of LOG, or the layers of HELLO, UTF-8, W_ARG0 = bytes; message of SEND, WRITE, CALL and REPLY. */
export const W_TEXT = 64;
export const TEXT_BYTES = 2048;
/** K: result words; a message that was received follows them (OUT_HEAD words on). */
export const W_OUT = 576;
export const OUT_HEAD = 4;
/** Longest message of a port. */
export const MESSAGE_BYTES = 1024;

export interface StreamEnd {
  readonly name: string;
  readonly direction: 'out' | 'in';
  readonly bytes: number;
  /** Memory form: descriptors of the data memfd and of the progress page. Pipe form: `pipe` alone. */
  readonly data?: number;
  readonly progress?: number;
  readonly pipe?: number;
}

/** One end of a channel that the core carries, or a right over another partition. */
export interface PortEnd {
  /** Name of the channel in the description; of `manage`: of the partition that may be started and stopped. */
  readonly name: string;
  readonly kind: 'queuing' | 'sampling' | 'signal' | 'call' | 'manage';
  /** `out`: sender, writer, client, manager. `in`: receiver, reader, server. */
  readonly direction: 'out' | 'in';
  /** First argument of the operations on it. (`in` of a signal has none: POLL takes `bits`.) */
  readonly handle: number;
  /** Longest message, 1 to MESSAGE_BYTES; signal, manage: 0. */
  readonly bytes: number;
  /** signal: its bits, side by side, in the word that POLL and SIGNAL speak of. */
  readonly bits?: number;
  /** queuing: places in the queue. */
  readonly depth?: number;
  readonly overflow?: 'drop' | 'block';
  /** call: the longest wait for a reply; sampling: the age up to which a value is valid; in microseconds. */
  readonly within?: number;
  readonly refresh?: number;
}

/** Isolation layers, in the order in which they come to stand. */
export const LAYERS = [
  'no-new-privs',
  'no-io-uring',
  'landlock',
  'uid',
  'cgroup',
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
  readonly ports: readonly PortEnd[];
  /** Microseconds of one tick, in which the core counts waits, ages and TIME. */
  readonly tick: number;
  /** Why it was loaded. `warm`: what it had written to its files still stands. */
  readonly startKind: 'boot' | 'warm' | 'cold';
  /** Names of the schedule's modes by their numbers; empty: it has no right to switch them. */
  readonly modes: readonly string[];
  /** Partitions that it may AUDIT. */
  readonly audits: readonly { readonly name: string; readonly partition: number }[];
  /** How often it must BEAT, in microseconds. */
  readonly beat?: number;
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
