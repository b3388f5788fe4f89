// The seam under an application: what its handles (app/) and its WASI host (wasi/) need of whatever carries them. A process
// of the hosted kernel has one form of it (app/process-link.ts), the test bed another (testing/), bare metal a third.
import type { PartitionStart } from '../kernel/abi.ts';

/** What the plan says of a partition, as far as its program may know it. */
export interface Facts extends Pick<
  PartitionStart,
  'id' | 'name' | 'memory' | 'config' | 'ports' | 'tick' | 'startKind' | 'modes' | 'audits' | 'beat'
> {
  readonly streams: readonly { readonly name: string; readonly direction: 'out' | 'in'; readonly bytes: number }[];
  /** Names of the files that it was granted. */
  readonly files: readonly string[];
}

/** What the kernel answers to an operation (docs/design/core.md, "Calls"). */
export interface Answer {
  /** OK or an E_ number; of those that only say "not yet" (E_BLOCKED, E_RETRY, E_BUDGET, E_CALLER) none. */
  readonly result: number;
  /** The first OUT_HEAD result words; 0 where the operation has fewer. */
  readonly words: readonly number[];
  /** The message that was received, or a reply. */
  readonly message: Uint8Array;
}

export interface CryptoAnswer {
  readonly json: string;
  readonly parts: readonly Uint8Array[];
}

export interface KernelLink {
  readonly facts: Facts;
  /**
   * One operation. A promise: the operation blocks, and the partition has no other until it is answered (over a call page the
   * whole thread waits instead).
   */
  call(op: number, a0: number, a1: number, a2: number, message?: Uint8Array): Answer | Promise<Answer>;
  /** After each wake: something may have come on any port or stream. `stopping`: the system ends. */
  onWake(callback: (stopping: boolean) => void): void;
  /** Calls back once, in `milliseconds` of the partition's time; what it returns calls that off. */
  after(milliseconds: number, callback: () => void): () => void;
  /** By when what the application does now must be done (W_DEADLINE, kernel/call-page.ts). */
  deadline(word: number): void;
  /** Bytes read from the stream's end (its index in `facts.streams`); 0: none now, and a wake will tell; -1: closed. */
  readStream(end: number, into: Uint8Array): number;
  /** Bytes written; 0: no room now, and a wake will tell; -1: closed. */
  writeStream(end: number, bytes: Uint8Array): number;
  /** Bytes that `writeStream` would take; 0: none now, and a wake will tell; -1: closed. */
  roomInStream(end: number): number;
  /** Bytes read at `position`; 0: the file's end; -1: not allowed. */
  readFile(name: string, position: number, into: Uint8Array): number;
  /** Bytes written at `position`; -1: not allowed. */
  writeFile(name: string, position: number, bytes: Uint8Array): number;
  /** Bytes in the file; -1: not allowed. */
  fileSize(name: string): number;
  random(into: Uint8Array): void;
  /** One operation of crypto (app/crypto-host.ts). Rejects with a reason. */
  crypto(json: string, parts: readonly Uint8Array[]): Promise<CryptoAnswer>;
  /** The application has failed: its last words, then its end as a fault. */
  fail(reason: string): void;
}
