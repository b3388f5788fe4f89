// The expanded form of a system description: every short form written out, every value with its place in the text.
import type { Range } from './source.ts';

/** Places of an object's fields, by key; `name` = its own name. */
export type Places = Readonly<Record<string, Range>>;

export interface Description {
  readonly system: string;
  readonly partitions: readonly Partition[];
  readonly channels: readonly Channel[];
  readonly at: Places;
}

export type PartitionForm = 'guest' | 'app' | 'driver';

export interface Partition {
  readonly name: string;
  readonly form: PartitionForm;
  /** What runs: the image's name, the app's path, the driver's name; of a guest of files: undefined. */
  readonly what?: string;
  /** Of a guest that is given as files. */
  readonly files?: GuestFiles;
  /** Bytes. */
  readonly memory: number;
  /** vCPUs of a guest. */
  readonly harts: number;
  /** Pattern on the guest's console that says that it is up. */
  readonly ready?: string;
  /** Holds the user's terminal. */
  readonly terminal: boolean;
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

/** A two-way stream `left <-> right`. */
export interface Channel {
  readonly name: string;
  readonly left: string;
  readonly right: string;
  /** Ring size of each direction. */
  readonly bytes: number;
  /** The device of a guest that the channel's end appears as. */
  readonly as?: string;
  readonly at: Places;
}

/** Fields of each object: what this version carries out, and what the format has for later versions. */
export const FIELDS = {
  system: { now: ['virtsec', 'system', 'partitions', 'channels'], later: ['schedules', 'assert'] },
  partition: {
    now: ['guest', 'app', 'driver', 'memory', 'harts', 'ready', 'engine', 'grants'],
    later: ['label', 'faults', 'config', 'replicas', 'start', 'clock', 'devices'],
  },
  guest: { now: ['kernel', 'initrd', 'cmdline', 'firmware', 'devicetree'], later: ['root', 'share'] },
  grants: { now: ['terminal'], later: ['connect', 'listen', 'file', 'files', 'folder'] },
  channel: {
    now: ['stream', 'bytes', 'as'],
    later: ['call', 'sampling', 'queuing', 'signal', 'within', 'refresh', 'depth', 'overflow'],
  },
} as const satisfies Record<string, { now: readonly string[]; later: readonly string[] }>;

/** Devices of a guest that a channel's end can appear as. */
export const DEVICES = {
  now: ['uart0', 'uart1'],
  later: ['hvc0', 'hvc1', 'virtio-net', 'virtio-blk', 'virtio-console', 'virtio-vsock', 'virtio-9p', 'virtio-rng'],
} as const;

export const DRIVERS = { now: ['console'], later: ['block', 'net', 'files', 'entropy', 'clock'] } as const;
export const ENGINES = { now: ['riscv'], later: ['pc', 'kvm'] } as const;
