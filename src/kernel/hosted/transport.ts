// What the kernel's main thread asks of the mechanism that carries calls and streams, and hears from it.
import type { HelloText, Layer } from '../abi.ts';
import type { CoreEvent } from './core-tables.ts';

export interface TransportOptions {
  readonly without: readonly Layer[];
  readonly allowedPrograms: readonly string[];
  /** Open files of each partition; the transport closes them once they are passed on. */
  readonly files: readonly (readonly { readonly name: string; readonly descriptor: number }[])[];
  readonly terminal: { readonly input: number; readonly output: number } | undefined;
}

export interface TransportEvents {
  core(event: CoreEvent): void;
  /** The process is dead for certain. */
  dead(partition: number, code: number | null, signal: string | null): void;
  /** Bytes that a partition wrote to its standard error. */
  output(partition: number, chunk: Uint8Array): void;
  /** The kernel itself has failed. */
  broken(reason: string): void;
}

export interface Transport {
  /** Layers that stand around every partition before its first instruction. */
  readonly layers: HelloText;
  pid(partition: number): number;
  /** Ends the birth: seals what is shared, then lets the core answer every HELLO. */
  release(): void;
  /** Tells every partition that the system ends. */
  stop(): void;
  kill(partition: number): void;
}

/** What a partition starts with while no core has ports to give. */
export const NO_PORTS = { ports: [], tick: 1000, startKind: 'boot', modes: [], audits: [] } as const;
