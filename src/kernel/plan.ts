// The plan: what the kernel process is given (the configuration vector). Written by src/policy, checked again by the kernel.
// First form: JSON. Names, sizes and references only; nothing in it is code.

/** 64 partitions, 128 one-way streams: capacities of the core's tables. */
export const MAX_PARTITIONS = 64;
export const MAX_STREAMS = 128;

export interface Plan {
  readonly virtsec: 1;
  readonly system: string;
  readonly partitions: readonly PlanPartition[];
  readonly streams: readonly PlanStream[];
}

export type PartitionKind = 'guest' | 'driver' | 'app';

export interface PlanPartition {
  readonly name: string;
  readonly kind: PartitionKind;
  /** Which of Virtsec's own programs runs: `vmm` or `drivers/console`. */
  readonly program: string;
  /** Bytes the partition may use (a guest: its RAM). */
  readonly memory: number;
  /** Guests: vCPU threads, 1..8. */
  readonly harts: number;
  /** Passed to the program as it is: command line, devices, ... The kernel does not look inside. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Host files opened by the kernel, read-only unless said otherwise, and passed as descriptors, by the name that the program knows. */
  readonly files: readonly { readonly name: string; readonly path: string; readonly writable?: boolean }[];
  /** True: descriptors 0 and 1 of the terminal that the user sees are passed on. At most one partition. */
  readonly terminal: boolean;
  /** May end the system (the console menu's quit). */
  readonly mayShutDown: boolean;
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

/** One line of JSON each, from the kernel process to the CLI on descriptor 4. */
export type KernelEvent =
  | {
      readonly event: 'started';
      readonly partitions: readonly {
        readonly name: string;
        readonly kind: PartitionKind;
        readonly pid: number;
        /** Names of the isolation layers that stand, and of those that do not, each with its reason. */
        readonly layers: readonly string[];
        readonly missing: readonly { readonly layer: string; readonly reason: string }[];
      }[];
    }
  | { readonly event: 'log'; readonly partition: string; readonly text: string }
  /** A partition ended. `by: 'exit'` = it said so (a guest's power-off); the others are faults. */
  | {
      readonly event: 'exit';
      readonly partition: string;
      readonly by: 'exit' | 'process-exit' | 'signal' | 'illegal-call';
      readonly status: number;
      readonly signal?: string;
    }
  | { readonly event: 'reset'; readonly partition: string }
  /** The last event. `status` is the exit status that the CLI takes over. */
  | {
      readonly event: 'ended';
      readonly why: 'all-guests-done' | 'shutdown' | 'signal' | 'fault';
      readonly status: number;
    }
  | { readonly event: 'refused'; readonly reason: string };
