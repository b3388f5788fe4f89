// The description as TypeScript writes it: the same shape as YAML, with the names of partitions and modes checked by the
// compiler wherever they are used again.
import type {
  ModuleAction,
  ModuleFault,
  PartitionAction,
  PartitionFault,
  ProcessAction,
  ProcessFault,
} from './description.ts';
import type { DRIVERS, ENGINES, GUEST_DEVICES } from './description.ts';

type OneOrMore<T> = T | readonly T[];
type Word<W extends readonly string[]> = W[number];

export interface GuestOfFiles {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly cmdline?: string;
  readonly firmware?: string;
  readonly devicetree?: boolean;
  readonly sha256?: { readonly kernel?: string; readonly initrd?: string; readonly firmware?: string };
}

interface PartitionFields<P extends string, M extends string> {
  /** `64K`, `256M`, `1G`. */
  readonly memory?: string;
  readonly label?: string | { readonly reads: string; readonly writes: string };
  readonly replicas?: number;
  readonly start?: 'boot' | 'manual';
  /** `5ms every 20ms`. */
  readonly needs?: `${string} every ${string}`;
  readonly may?: {
    readonly manage?: OneOrMore<P>;
    readonly audit?: OneOrMore<P>;
    readonly switch?: true | OneOrMore<M>;
    readonly 'shut-down'?: boolean;
  };
  readonly devices?: Readonly<
    Record<string, { readonly registers: string; readonly interrupt?: number; readonly dma?: 'none' | 'iommu' | 'any' }>
  >;
  readonly faults?: { readonly [fault in PartitionFault | 'otherwise']?: PartitionAction } & {
    readonly process?: { readonly [fault in ProcessFault]?: ProcessAction };
    /** `3 per 1m`. */
    readonly restarts?: `${number} per ${string}`;
    readonly backoff?: string;
    readonly beat?: string;
  };
}

export type PartitionDescription<P extends string, M extends string> = PartitionFields<P, M> &
  (
    | {
        readonly guest: string | GuestOfFiles;
        readonly harts?: number;
        readonly ready?: string;
        readonly engine?: Word<typeof ENGINES>;
        readonly clock?: 'host' | 'instructions';
      }
    | { readonly app: string; readonly config?: unknown; readonly sha256?: string }
    | {
        readonly driver: Word<typeof DRIVERS>;
        readonly config?: unknown;
        readonly grants?: {
          readonly terminal?: 'stdio';
          readonly connect?: OneOrMore<string>;
          readonly listen?: OneOrMore<number>;
          readonly file?: string;
          readonly folder?: string;
          readonly readonly?: boolean;
        };
      }
  );

export type ChannelDescription<P extends string> = { readonly as?: Word<typeof GUEST_DEVICES> } & (
  | { readonly stream: `${P} <-> ${P}`; readonly bytes?: string }
  | { readonly call: `${P} -> ${P}`; readonly bytes?: string | number; readonly within: string }
  /** One writer; several readers are written `a -> b, c`, which the compiler takes as they stand. */
  | { readonly sampling: `${P} -> ${string}`; readonly bytes?: string | number; readonly refresh: string }
  | {
      readonly queuing: `${P} -> ${P}`;
      readonly bytes?: string | number;
      readonly depth?: number;
      readonly overflow?: 'drop' | 'block';
      readonly credit?: number;
    }
  | { readonly signal: `${P} -> ${P}` }
);

export interface SystemDescription<P extends string = string, M extends string = string> {
  readonly virtsec: 1;
  readonly system: string;
  readonly labels?: readonly string[] | Readonly<Record<string, OneOrMore<string>>>;
  readonly partitions: Readonly<Record<P, PartitionDescription<NoInfer<P>, NoInfer<M>>>>;
  readonly channels?: Readonly<Record<string, ChannelDescription<NoInfer<P>>>>;
  readonly schedules?: Readonly<
    Record<
      M,
      {
        readonly frame: string;
        readonly cores: Readonly<Record<number, readonly { readonly [partition: string]: `${string}-${string}` }[]>>;
      }
    >
  >;
  readonly faults?: { readonly [fault in ModuleFault]?: ModuleAction };
  readonly assert?: readonly (
    | { readonly never: string; readonly direct?: boolean }
    | { readonly only: string; readonly through: OneOrMore<NoInfer<P>> }
  )[];
}

/** `export default defineSystem({ ... })` in a system.ts: the same description, checked while it is written. */
export const defineSystem = <const P extends string, const M extends string = never>(
  system: SystemDescription<P, M>,
): SystemDescription<P, M> => system;
