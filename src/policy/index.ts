// virtsec/policy: a system description's text -> its expanded form, or the messages that say what is wrong with it.
import type { Description } from './description.ts';
import { expand } from './expand.ts';
import { type Fault, Source } from './source.ts';
import { parseTree } from './tree.ts';
import { type Host, VALIDATORS, type Validator } from './validators.ts';

export { type Analysis, analyse, claimFaults, type Finding, findings } from './analysis/analysis.ts';
export { notCarriedOut, notOnMetal } from './carried-out.ts';
export {
  type BootFiles,
  bootAsWritten,
  type CompiledSystem,
  compilePlan,
  compileSystem,
  type TerminalChoice,
} from './compile.ts';
export { type Channel, type Description, endsOf, type GuestFiles, type Partition } from './description.ts';
export { type SystemDescription, defineSystem } from './define.ts';
export { nearest } from './nearest.ts';
export { showDescription } from './show.ts';
export { PRESENCE, VALIDATORS } from './validators.ts';
export { formatSize, formatTime, parseSize, parseTime } from './quantities.ts';
export type { Fault, Hop, Range } from './source.ts';
export { Source } from './source.ts';
export type { Host } from './validators.ts';

export type Reading =
  | { readonly description: Description; readonly source: Source; readonly messages: readonly [] }
  | {
      readonly description?: undefined;
      readonly source: Source;
      readonly messages: readonly string[];
      readonly faults: readonly Fault[];
    };

/** Reads YAML or JSON. `name` is what messages call the file. Validators run only on a description of the right shape. */
export function readDescription(
  name: string,
  text: string,
  host: Host,
  validators: readonly Validator[] = VALIDATORS,
): Reading {
  const source = new Source(name, text);
  const faults: Fault[] = [];
  const tree = parseTree(source, faults);
  // A tree with holes would only give messages about the holes.
  const description = tree && faults.length === 0 ? expand(tree, faults) : undefined;
  if (description !== undefined && faults.length === 0) {
    for (const validator of validators) faults.push(...validator(description, host));
    if (faults.length === 0) return { description, source, messages: [] };
    // Replicas share their text: what is wrong with one is told once.
    if (description.partitions.some(({ replicaOf }) => replicaOf !== undefined)) keepFirst(faults);
  }
  return { source, messages: formatFaults(source, faults), faults };
}

/** Of faults with one number and one place, all but the first go. */
function keepFirst(faults: Fault[]): void {
  const key = ({ code, at }: Fault): string => `${code} ${at.start}`;
  const first = faults.filter((fault, i) => faults.findIndex((other) => key(other) === key(fault)) === i);
  faults.splice(0, faults.length, ...first);
}

/** The messages, in the order of the text. */
export const formatFaults = (source: Source, faults: readonly Fault[]): string[] =>
  faults.toSorted((a, b) => a.at.start - b.at.start).map((fault) => source.format(fault));
