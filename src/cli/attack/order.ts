// What `virtsec attack` and the hostile program in its system say to each other.

/** One attempt, and what it is aimed at. */
export interface Order {
  readonly id: number;
  readonly attempt: string;
  /** Process that it is aimed at. */
  readonly pid: number;
  /** Number of that partition in the plan; -1: the kernel. */
  readonly partition: number;
  /** A TCP port on 127.0.0.1 that listens. */
  readonly port: number;
  /** A folder in which everybody may write. */
  readonly folder: string;
}

/** What came of it: it was done, or the error number of Linux (above 0) or of the core (below), or the error code of Node. */
export type Said = { readonly reached: true } | { readonly errno: number } | { readonly code: string };

/** In the place of an order's number: the hostile program takes orders from here on. */
export const READY = -1;
