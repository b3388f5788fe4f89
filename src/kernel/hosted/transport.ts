// What the system's life (system.ts) asks of the mechanism that starts processes and carries calls and streams, and hears from it.
import type { HelloText, Layer } from '../call-page.ts';
import type { BootedPlan } from './boot-plan.ts';
import type { CoreEvent } from './supervisor.ts';
import type { Plan } from '../plan.ts';

export interface OpenFile {
  readonly name: string;
  readonly descriptor: number;
}

export interface TransportOptions {
  readonly plan: Plan;
  /** The plan's words, and what they mean (its state is the core thread's alone). */
  readonly words: Int32Array;
  readonly booted: BootedPlan;
  readonly without: readonly Layer[];
  readonly allowedPrograms: readonly string[];
  /** Opens a partition's files for one process of it, after a look at their hashes. Throws. The transport closes them. */
  readonly openFiles: (partition: number) => readonly OpenFile[];
  /** How willing the host is to kill what is started from now on when memory runs out. */
  readonly oomScore: (score: 'partition' | 'own') => void;
  readonly terminal: { readonly input: number; readonly output: number } | undefined;
}

export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  /** Another process will follow. */
  readonly restarts: boolean;
  readonly wasOutOfMemory: boolean;
}

export interface TransportEvents {
  core(event: CoreEvent): void;
  /** The process is dead for certain, and the core knows it. */
  dead(partition: number, death: Death): void;
  /** Bytes that a partition wrote to its standard error. */
  output(partition: number, chunk: Uint8Array): void;
  /** The kernel itself has failed. */
  broken(reason: string): void;
}

export interface Transport {
  /** Layers that stand around every partition before its first instruction. */
  readonly layers: HelloText;
  /** Process id, 0: none. */
  pid(partition: number): number;
  /** Starts a process for a partition that has none, with its shared memory wiped. Throws when it cannot; then `failedToStart`. */
  start(partition: number, kind: 'boot' | 'warm' | 'cold'): void;
  /** `start` has thrown: the core is told as of a process that has died. */
  failedToStart(partition: number): void;
  /** All partitions that start by themselves have mapped their memory: what nobody will map again is sealed. */
  seal(): void;
  /** Lets the core answer a partition's HELLO. */
  load(partition: number): void;
  /** Tells every partition that the system ends. */
  stop(): void;
  kill(partition: number): void;
  /** All are dead. */
  close(): void;
  /** A fault that was seen from outside (FAULT_). */
  fault(partition: number, code: number): void;
  /** An operation in the name of a partition without a process; the event `managed` answers. */
  manage(id: number, partition: number, op: number, argument: number): void;
}
