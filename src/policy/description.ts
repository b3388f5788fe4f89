// The expanded form of a system description: every short form written out, every value with its place in the text.
import type { Range } from './source.ts';

/** Places of an object's fields, by key; `name` = its own name. Fields of inner maps: `grants.file`, `may.switch`. */
export type Places = Readonly<Record<string, Range>>;

export interface Description {
  readonly system: string;
  /** From the lowest to the highest, or each with those that it dominates; empty: labels stand for themselves. */
  readonly labels: readonly Label[];
  readonly partitions: readonly Partition[];
  readonly channels: readonly Channel[];
  /** The first is the one that the system starts in; empty: no windows, every partition runs when its core is free. */
  readonly modes: readonly Mode[];
  /** What the kernel does about faults of the whole module (ARINC 653 P1, module health monitor table). */
  readonly faults: ReadonlyMap<ModuleFault, ModuleAction>;
  readonly assertions: readonly Assertion[];
  readonly at: Places;
}

export interface Label {
  readonly name: string;
  /** Labels whose information may flow here directly; dominance is the closure of this. */
  readonly dominates: readonly string[];
  readonly at: Range;
}

export type PartitionForm = 'guest' | 'app' | 'driver';

export interface Partition {
  readonly name: string;
  readonly form: PartitionForm;
  /** What runs: the image's name, the app's path or name, the driver's name; of a guest of files: undefined. */
  readonly what?: string;
  /** Of a guest that is given as files. */
  readonly files?: GuestFiles;
  /** Bytes. */
  readonly memory: number;
  /** vCPUs of a guest; 1 of the others. */
  readonly harts: number;
  /** Pattern on the guest's console that says that it is up. */
  readonly ready?: string;
  readonly engine: (typeof ENGINES)[number];
  /** Of a guest: what its clock counts. */
  readonly clock: 'host' | 'instructions';
  /** Of an app or driver: its own settings, as JSON. */
  readonly config?: unknown;
  /** What the image must hash to, in hexadecimal, by file: `app`, `kernel`, `initrd`, `firmware`. */
  readonly sha256: Readonly<Record<string, string>>;
  /** The highest label that it may learn, and the lowest that it may write; one word means both. */
  readonly label?: { readonly reads: string; readonly writes: string };
  /** The form that this is a replica of. */
  readonly replicaOf?: string;
  readonly start: 'boot' | 'manual';
  /** Processor time that it must get: `time` in each period of `every`, in microseconds. */
  readonly needs?: { readonly time: number; readonly every: number };
  readonly grants: Grants;
  /** Holds the user's terminal (grants.terminal). */
  readonly terminal: boolean;
  readonly may: Authority;
  readonly devices: readonly Device[];
  readonly faults: FaultTable;
  readonly at: Places;
}

export interface GuestFiles {
  /** Paths as written; relative ones start at the description's folder. */
  readonly kernel?: string;
  readonly initrd?: string;
  readonly firmware?: string;
  readonly cmdline: string;
  /** Whether the guest is handed a device tree (a1 at its first instruction). */
  readonly deviceTree: boolean;
}

/** What of the host a driver holds. */
export interface Grants {
  readonly terminal: boolean;
  /** `HOST:PORT` that it may connect to. */
  readonly connect: readonly string[];
  /** TCP ports that it may listen on. */
  readonly listen: readonly number[];
  readonly file?: string;
  readonly folder?: string;
  /** The file or folder may not be written. */
  readonly readonly: boolean;
}

/** What a partition may ask of the kernel beyond its channels. */
export interface Authority {
  /** Partitions that it may start, stop and restart. It learns nothing about them by that. */
  readonly manage: readonly string[];
  /** Partitions whose state, faults and counters it may read. */
  readonly audit: readonly string[];
  /** Modes that it may switch the schedule to. */
  readonly switch: readonly string[];
  readonly shutDown: boolean;
}

/** A hardware device of the board that a driver holds (bare metal). */
export interface Device {
  readonly name: string;
  /** Physical addresses of its registers, half open. */
  readonly registers: { readonly start: number; readonly end: number };
  readonly interrupt?: number;
  /** `any`: it can read and write all memory; `iommu`: hardware holds it to its partition's. */
  readonly dma: 'none' | 'iommu' | 'any';
  readonly at: Places;
}

export const CHANNEL_KINDS = ['stream', 'call', 'sampling', 'queuing', 'signal'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

export interface Channel {
  readonly name: string;
  readonly kind: ChannelKind;
  /** Writer, sender or client; the left end of a stream. */
  readonly from: string;
  /** One; of sampling: the readers. */
  readonly to: readonly string[];
  /** Ring size of each direction of a stream; longest message of the others; signal: 0. */
  readonly bytes: number;
  /** call: the longest wait for a reply, in microseconds. */
  readonly within?: number;
  /** sampling: the age up to which a message is valid, in microseconds. */
  readonly refresh?: number;
  /** queuing: messages. */
  readonly depth?: number;
  readonly overflow?: 'drop' | 'block';
  /** queuing with drop: messages that the sender may send in one major frame. */
  readonly credit?: number;
  /** The device of a guest that the channel's end appears as. */
  readonly as?: string;
  readonly at: Places;
}

export interface Mode {
  readonly name: string;
  /** Major frame, in microseconds, the same on all cores. */
  readonly frame: number;
  readonly cores: ReadonlyMap<number, readonly Window[]>;
  readonly at: Places;
}

/** Half-open span of the major frame, in microseconds. */
export interface Window {
  readonly partition: string;
  readonly start: number;
  readonly end: number;
  /** Of its name, and of its span. */
  readonly at: Range;
  readonly spanAt: Range;
}

/** Faults of a partition that the kernel sees. */
export const PARTITION_FAULTS = ['trap', 'exit', 'deadline', 'memory', 'heartbeat', 'call'] as const;
export type PartitionFault = (typeof PARTITION_FAULTS)[number];
export const PARTITION_ACTIONS = ['ignore', 'log', 'warm-restart', 'cold-restart', 'stop', 'shut-down'] as const;
export type PartitionAction = (typeof PARTITION_ACTIONS)[number];
export const PROCESS_FAULTS = ['trap', 'deadline', 'memory', 'call', 'application'] as const;
export type ProcessFault = (typeof PROCESS_FAULTS)[number];
/** `handler`: the application's own error handler; `partition`: a fault of the whole partition. */
export const PROCESS_ACTIONS = ['ignore', 'log', 'handler', 'restart-process', 'stop-process', 'partition'] as const;
export type ProcessAction = (typeof PROCESS_ACTIONS)[number];
export const MODULE_FAULTS = ['self-test', 'late-tick', 'restarts-spent'] as const;
export type ModuleFault = (typeof MODULE_FAULTS)[number];
export const MODULE_ACTIONS = ['ignore', 'log', 'restart', 'shut-down'] as const;
export type ModuleAction = (typeof MODULE_ACTIONS)[number];

export interface FaultTable {
  readonly actions: ReadonlyMap<PartitionFault, PartitionAction>;
  /** Of faults that `actions` does not name. */
  readonly otherwise: PartitionAction;
  readonly process: ReadonlyMap<ProcessFault, ProcessAction>;
  /** Restarts before the partition stays stopped: `count` in each `per` microseconds. */
  readonly restarts: { readonly count: number; readonly per: number };
  /** Wait before a restart, doubled for each further one within the time of the budget; microseconds. */
  readonly backoff: number;
  /** How often the partition must say that it lives, in microseconds. */
  readonly beat?: number;
}

export type Assertion =
  | { readonly kind: 'never'; readonly from: string[]; readonly to: string[]; readonly direct: boolean; at: Places }
  | { readonly kind: 'only'; readonly from: string[]; readonly to: string[]; readonly through: string[]; at: Places };

/** Fields of each object of the format. */
export const FIELDS = {
  system: ['virtsec', 'system', 'labels', 'partitions', 'channels', 'schedules', 'faults', 'assert'],
  partition: [
    'guest',
    'app',
    'driver',
    'memory',
    'harts',
    'ready',
    'engine',
    'clock',
    'config',
    'sha256',
    'label',
    'replicas',
    'start',
    'needs',
    'grants',
    'may',
    'devices',
    'faults',
  ],
  guest: ['kernel', 'initrd', 'cmdline', 'firmware', 'devicetree', 'sha256'],
  grants: ['terminal', 'connect', 'listen', 'file', 'folder', 'readonly'],
  may: ['manage', 'audit', 'switch', 'shut-down'],
  device: ['registers', 'interrupt', 'dma'],
  label: ['reads', 'writes'],
  channel: [...CHANNEL_KINDS, 'bytes', 'within', 'refresh', 'depth', 'overflow', 'credit', 'as'],
  mode: ['frame', 'cores'],
  partitionFaults: [...PARTITION_FAULTS, 'otherwise', 'process', 'restarts', 'backoff', 'beat'],
  processFaults: PROCESS_FAULTS,
  moduleFaults: MODULE_FAULTS,
  assertion: ['never', 'only', 'through', 'direct'],
} as const satisfies Record<string, readonly string[]>;

/** Devices of a guest that a channel's end can appear as. */
export const GUEST_DEVICES = [
  'uart0',
  'uart1',
  'hvc0',
  'hvc1',
  'virtio-net',
  'virtio-blk',
  'virtio-console',
  'virtio-vsock',
  'virtio-9p',
  'virtio-rng',
] as const;

export const DRIVERS = ['console', 'block', 'net', 'files', 'entropy', 'clock'] as const;
export const ENGINES = ['riscv', 'pc', 'kvm'] as const;

/** The partition of that name, if there is one. */
export const partitionNamed = (description: Description, name: string): Partition | undefined =>
  description.partitions.find((partition) => partition.name === name);

/** Both ends of a channel, or all of them when several read it. */
export const endsOf = (channel: Channel): string[] => [channel.from, ...channel.to];

export const channelsOf = (description: Description, partition: string): Channel[] =>
  description.channels.filter((channel) => endsOf(channel).includes(partition));
