// What both sides of `bench/ipc.ts` measure with: the same sizes and counts for Virtsec's channels and for all that they are beside.

/** Of a round trip, in either direction. */
export const MESSAGE_BYTES = 64;
/** Of one write to a stream, pipe or socket, and of one message to a worker or a child. */
export const CHUNK_BYTES = 256 << 10;
export const STREAM_BYTES = 1 << 30;
/** A worker's and a child's messages are slow: fewer bytes say as much. */
export const MESSAGES_BYTES = 128 << 20;
/** Round trips before the first that counts: so that V8 has compiled what is timed. */
export const WARM_UP = 2000;

/** Microseconds. */
export interface Distribution {
  readonly p50: number;
  readonly p99: number;
}

export function distribution(times: Float64Array): Distribution {
  const sorted = times.toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}
