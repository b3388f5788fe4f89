// The plan: what the kernel process is given (the configuration vector). Written by src/policy, checked again by the kernel.
//
// A compiled plan (plan-file.ts) has two parts: words, which the core decides by (plan-load.ts), and names, which are here: what
// partitions and channels are called, what runs in them, what of the host they hold. Numbers of partitions, handles and stream
// ends are the core's. A field that is not there means: none. Nothing in it is code.
import type { PortEnd } from './call-page.ts';

/** 64 partitions, 128 one-way streams: capacities of the core's tables. */
export const MAX_PARTITIONS = 64;
export const MAX_STREAMS = 128;

/** Microseconds of a tick, in which the core counts: the grain of all times of a schedule. */
export const TICK = 10;

export interface Plan {
  readonly virtsec: 1;
  readonly system: string;
  /** Microseconds of a tick: TICK. */
  readonly tick?: number;
  readonly partitions: readonly PlanPartition[];
  readonly streams: readonly PlanStream[];
  /** Modes of the schedule by their numbers. */
  readonly modes?: readonly string[];
  /** What is done about faults of the whole module: `self-test`, `late-tick`, `restarts-spent`. */
  readonly faults?: Readonly<Record<string, string>>;
}

export type PartitionKind = 'guest' | 'driver' | 'app';

export interface PlanPartition {
  readonly name: string;
  readonly kind: PartitionKind;
  /** Which program runs: one of Virtsec's own (`vmm`, `drivers/console`), or `app`: the file of that name. */
  readonly program: string;
  /** Bytes the partition may use (a guest: its RAM). */
  readonly memory: number;
  /** Guests: vCPU threads, 1..8. */
  readonly harts: number;
  /** Passed to the program as it is: command line, devices, ... The kernel does not look inside. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly files: readonly PlanFileEntry[];
  /** True: descriptors 0 and 1 of the terminal that the user sees are passed on. At most one partition. */
  readonly terminal: boolean;
  /** May end the system (the console menu's quit). */
  readonly mayShutDown: boolean;
  /** Its ends of channels that the core carries, and its rights over others (`manage`). */
  readonly ports?: readonly PortEnd[];
  /** Partitions that it may AUDIT. */
  readonly audits?: readonly { readonly name: string; readonly partition: number }[];
  /** True: it has the right to switch the schedule's modes. */
  readonly maySwitch?: boolean;
  /** The plan says what is done about windows and deadlines that it misses. */
  readonly timed?: boolean;
  /** How often it must BEAT, in microseconds. */
  readonly beat?: number;
  /** Faults that are not reported: the description says `ignore`. */
  readonly unreported?: readonly string[];
  /** What an application does itself about faults of its processes, when they are delivered. */
  readonly process?: Readonly<Record<string, string>>;
  readonly grants?: PlanGrants;
  /** Devices of the board (bare metal). Addresses half open. */
  readonly devices?: readonly {
    readonly name: string;
    readonly start: number;
    readonly end: number;
    readonly interrupt?: number;
    readonly dma: 'none' | 'iommu' | 'any';
  }[];
}

/** A file of the host, opened read-only by the kernel and passed as a descriptor, by the name that the program knows. */
export interface PlanFileEntry {
  readonly name: string;
  /** To the kernel process: absolute. In a plan that is kept: as the description writes it, or `image:NAME`. */
  readonly path: string;
  /** What it must hash to, in hexadecimal; absent: not bound. */
  readonly sha256?: string;
  /** Opened for writing as well; default: read-only. */
  readonly writable?: boolean;
}

/** What of the host a driver holds. */
export interface PlanGrants {
  /** `HOST:PORT` that it may connect to. */
  readonly connect?: readonly string[];
  /** TCP ports that it may listen on. */
  readonly listen?: readonly number[];
  readonly file?: string;
  readonly folder?: string;
  readonly readonly?: boolean;
}

/** One way. `a <-> b` in the description is two of these with the same name. */
export interface PlanStream {
  readonly name: string;
  /** Indexes into partitions. */
  readonly from: number;
  readonly to: number;
  /** Ring size: a power of two, 4 KiB to 16 MiB. */
  readonly bytes: number;
}

/**
 * One line of JSON each, from the CLI to the kernel process on descriptor 7: what whoever operates the system asks for. The
 * kernel makes the call in the name of the plan's operator (`app: virtsec/operator`), so that the core decides.
 */
export interface ManagementRequest {
  /** Comes back with the answer. */
  readonly id: number;
  readonly do: 'start' | 'stop' | 'restart';
  readonly partition: string;
}

/** A process of a partition, as it has said HELLO. */
export interface RunningPartition {
  readonly name: string;
  readonly kind: PartitionKind;
  readonly pid: number;
  /** Names of the isolation layers that stand, and of those that do not, each with its reason. */
  readonly layers: readonly string[];
  readonly missing: readonly { readonly layer: string; readonly reason: string }[];
}

/** One line of JSON each, from the kernel process to the CLI on descriptor 4. */
export type KernelEvent =
  | { readonly event: 'started'; readonly partitions: readonly RunningPartition[] }
  | { readonly event: 'log'; readonly partition: string; readonly text: string }
  /**
   * A partition ended. `exit`: it said so (a guest's power-off); `stopped`: by whoever manages it. The others are faults: its
   * process ended (`process-exit`, `signal`), or the health monitor ended it, for what the name says.
   */
  | {
      readonly event: 'exit';
      readonly partition: string;
      readonly by:
        | 'exit'
        | 'stopped'
        | 'process-exit'
        | 'signal'
        | 'illegal-call'
        | 'no-exit'
        | 'trap'
        | 'deadline'
        | 'window'
        | 'heartbeat'
        | 'memory'
        | 'raised';
      readonly status: number;
      readonly signal?: string;
      /** Another process will follow. */
      readonly restarts?: boolean;
    }
  /** A partition runs again (or, started by a manager, for the first time), `ms` after its process was started. */
  | ({ readonly event: 'restarted'; readonly starts: number; readonly ms: number } & RunningPartition)
  | { readonly event: 'reset'; readonly partition: string }
  /** Windows are best effort on this host, and why. */
  | { readonly event: 'best-effort'; readonly reason: string }
  /**
   * How late windows have begun since the start. late[i]: so many less than 2^i microseconds, and not less than half of that; the
   * last one: all that were later. `missed`: those that were over before they could begin. `mode`: of the schedule, by its number.
   */
  | {
      readonly event: 'windows';
      readonly mode: number;
      readonly windows: number;
      readonly missed: number;
      readonly late: readonly number[];
      readonly maxMicros: number;
    }
  /** A call that the core has refused as illegal (its operation's number), and a fault that the health monitor has judged. */
  | { readonly event: 'denied'; readonly partition: string; readonly op: number }
  | { readonly event: 'fault'; readonly partition: string; readonly fault: string }
  /** Answer to a request of the operator: a result of the core, or why it was not asked. */
  | {
      readonly event: 'managed';
      readonly id: number;
      readonly do: ManagementRequest['do'];
      readonly partition: string;
      readonly result: number;
      readonly reason?: string;
    }
  /** How far the audit log is: to be kept elsewhere, so that what is cut off from it is missed. */
  | { readonly event: 'audited'; readonly records: number; readonly head: string }
  /** The last event. `status` is the exit status that the CLI takes over. */
  | {
      readonly event: 'ended';
      readonly why: 'all-guests-done' | 'shutdown' | 'signal' | 'fault';
      readonly status: number;
      readonly audit?: { readonly records: number; readonly head: string };
    }
  | { readonly event: 'refused'; readonly reason: string };
