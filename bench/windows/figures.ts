// What both sides of `bench/windows.ts` measure with.

export const FRAME_MS = 50;
export const WINDOW_MS = 20;
/** Who looks at the clock without end was not running for so long, if it is longer. */
export const PAUSE_MS = 0.05;
/** Percent of the time: what the plan gives. */
export const SHARE = (100 * WINDOW_MS) / FRAME_MS;

/** Of lateness, in microseconds. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Percent that was less than 1 ms late. */
  readonly under: number;
}

export function distribution(late: Float64Array): Distribution {
  const sorted = late.toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const under = (100 * sorted.filter((micros) => micros < 1000).length) / sorted.length;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), under };
}
