// The form of a rule: one function = one rule, its number and its sentence above it, from which docs/messages.md is made.
import type { Description } from '../description.ts';
import { meantHelp } from '../nearest.ts';
import type { Fault } from '../source.ts';

/** What validators may ask of the host: given by the caller, so that policy itself opens nothing. */
export interface Host {
  /** Whether the path (as written in the description) is a readable file. */
  fileExists(path: string): boolean;
  /** Whether it is a folder. Undefined: folders cannot be looked at, and every one is taken for right. */
  folderExists?(path: string): boolean;
  /** SHA-256 of a file in hexadecimal; undefined: cannot be told. */
  sha256?(path: string): string | undefined;
  /** Names of guest images that can be fetched. */
  readonly images: readonly string[];
  /** Names of firmware images that can be fetched. */
  readonly firmware: readonly string[];
}

/** A rule that a description must keep. It bears every description of the right shape, whatever other rules that breaks. */
export type Validator = (description: Description, host: Host) => Iterable<Fault>;

/** The help for a wrong name: the one that is meant, or all that would do. */
export function namesHelp(wrong: string, names: readonly string[], what: string): string {
  return names.length === 0 ? `there are no ${what}` : meantHelp(wrong, names, what);
}

/** One entry for each value that stands more than once: the later ones, with the first that they repeat. */
export function repeated<T>(all: readonly T[], key: (one: T) => string | undefined): { first: T; again: T }[] {
  const seen = new Map<string, T>();
  return all.flatMap((one) => {
    const name = key(one);
    if (name === undefined) return [];
    const first = seen.get(name);
    if (first !== undefined) return [{ first, again: one }];
    seen.set(name, one);
    return [];
  });
}
