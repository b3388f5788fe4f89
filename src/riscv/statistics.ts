// What a hart has counted since its machine was made: words of its block, which any thread may read at any time.

import { COUNT, STATISTIC, WORD } from './layout.ts';

/** Numbers since the machine was made, but `retired`, `translated` and `entered`, which a reset of the hart sets back. */
export interface HartStatistics {
  /** Instructions retired, as of the last slice. */
  readonly retired: number;
  /** Instructions begun in translated regions; times that the interpreter entered one. */
  readonly translated: number;
  readonly entered: number;
  /** Accesses that no TLB answered, those of devices among them. */
  readonly loadMisses: number;
  readonly storeMisses: number;
  readonly fetchMisses: number;
  readonly exceptions: number;
  readonly interrupts: number;
  readonly deviceReads: number;
  readonly deviceWrites: number;
  /** Ends of `run`, by cause. */
  readonly budgets: number;
  readonly idles: number;
  readonly kicks: number;
  readonly firmwareCalls: number;
  /** Fences that other threads asked for. */
  readonly fences: number;
  /** Times that the hart spun and its thread gave the processor away. */
  readonly rests: number;
  /** Milliseconds slept in WFI. */
  readonly slept: number;
  /** Regions made; modules that held them; regions dropped because their code changed or was evicted. */
  readonly regions: number;
  readonly modules: number;
  readonly dropped: number;
  /** Times that the code cache was full, so that all regions were dropped. */
  readonly flushes: number;
  /** Guest instructions and WebAssembly bytes of all regions made. */
  readonly regionInstructions: number;
  readonly regionBytes: number;
  /** Milliseconds spent making them: in the translator, and in the host's compiler. */
  readonly generating: number;
  readonly compiling: number;
}

/** A hart's counts. Each is exact of itself; together they are of one moment only while the hart stands still. */
export function readStatistics(buffer: ArrayBufferLike, base: number): HartStatistics {
  const bits = new BigInt64Array(buffer);
  const numbers = new Float64Array(buffer);
  const word = (name: keyof typeof WORD): number => Number(bits[(base + WORD[name]) >> 3]);
  const count = (name: keyof typeof COUNT): number => Number(bits[(base + COUNT[name]) >> 3]);
  const number = (name: keyof typeof STATISTIC): number => numbers[(base + STATISTIC[name]) >> 3];
  return {
    retired: word('RETIRED'),
    translated: word('TRANSLATED'),
    entered: word('ENTERED'),
    loadMisses: count('LOAD_MISSES'),
    storeMisses: count('STORE_MISSES'),
    fetchMisses: count('FETCH_MISSES'),
    exceptions: count('EXCEPTIONS'),
    interrupts: count('INTERRUPTS'),
    deviceReads: number('DEVICE_READS'),
    deviceWrites: number('DEVICE_WRITES'),
    budgets: number('BUDGETS'),
    idles: number('IDLES'),
    kicks: number('KICKS'),
    firmwareCalls: number('FIRMWARE_CALLS'),
    fences: number('FENCES'),
    rests: number('RESTS'),
    slept: number('SLEPT'),
    regions: number('REGIONS'),
    modules: number('MODULES'),
    dropped: number('DROPPED'),
    flushes: number('FLUSHES'),
    regionInstructions: number('REGION_INSTRUCTIONS'),
    regionBytes: number('REGION_BYTES'),
    generating: number('GENERATING'),
    compiling: number('COMPILING'),
  };
}
