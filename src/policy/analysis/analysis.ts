// Everything that `virtsec check` says about a description, as plain data: what --json prints, and text, SARIF and
// picture are made of.
import type { Description } from '../description.ts';
import type { Fault, Source } from '../source.ts';
import type { Validator } from '../validators/validator.ts';
import { CLAIMS } from './claims.ts';
import { type Component, componentsOf, type Reach, reachesOf, takesAll } from './compromise.ts';
import { CLOCK, type Flow, FlowGraph } from './flows.ts';
import { SCHEDULABILITY, unbounded, usedTime } from './schedulability.ts';
import { undeclaredWays } from './undeclared.ts';

export interface Analysis {
  readonly schema: 'virtsec.check/1';
  readonly system: string;
  readonly holds: boolean;
  /** What contradicts the assertions, labels and time bounds of the description. */
  readonly faults: readonly Finding[];
  readonly assertions: readonly AssertionResult[];
  readonly partitions: readonly string[];
  /** The form of each replica. */
  readonly replicaOf: Readonly<Record<string, string>>;
  readonly flows: {
    readonly direct: readonly { from: string; to: string; via: string; place: string; sentence: string }[];
    /** For each partition those that it reaches by a chain, the schedule included. */
    readonly transitive: Readonly<Record<string, readonly string[]>>;
    /** Those of them that it reaches by the schedule alone: by the switch of modes of some partition on the way. */
    readonly bySchedule: Readonly<Record<string, readonly string[]>>;
    /** Pairs that no chain joins, in either direction. */
    readonly separate: readonly (readonly [string, string])[];
  };
  readonly schedule: readonly {
    mode: string;
    /** Microseconds. */
    frame: number;
    cores: readonly {
      core: number;
      used: number;
      windows: readonly { partition: string; start: number; end: number }[];
    }[];
  }[];
  readonly unbounded: readonly string[];
  readonly undeclared: readonly { kind: string; partitions: readonly string[]; sentence: string; place?: string }[];
  readonly compromise: {
    readonly components: readonly Component[];
    /** How many components bring everything down when they fall. */
    readonly takesAll: { readonly virtsec: number; readonly monolithic: number; readonly dom0: number };
    readonly reach: readonly Reach[];
  };
}

export interface Finding {
  readonly code: string;
  /** FILE:LINE. */
  readonly place: string;
  /** From 1; columns count UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly sentence: string;
  readonly path: readonly { place: string; sentence: string }[];
  readonly help?: string;
}

export interface AssertionResult {
  readonly text: string;
  readonly place: string;
  readonly holds: boolean;
  /** Nothing flows there at all: it would hold without its `through` too. */
  readonly isEmpty: boolean;
}

/** Every rule of what a description asserts. */
export const ALL_CLAIMS: readonly Validator[] = [...CLAIMS, ...SCHEDULABILITY];

/** Faults against what the description asserts: exit status 1, where those of VALIDATORS are 2. */
export const claimFaults = (description: Description, claims: readonly Validator[] = ALL_CLAIMS): Fault[] =>
  claims
    .flatMap((claim) => [...claim(description, { fileExists: () => true, images: [], firmware: [] })])
    .toSorted((a, b) => a.at.start - b.at.start);

/** Faults as --json shows them. */
export const findings = (source: Source, faults: readonly Fault[]): Finding[] =>
  faults.map(({ code, at, sentence, path = [], help }) => ({
    code,
    place: source.place(at),
    ...source.position(at.start),
    sentence,
    path: path.map((hop) => ({ place: source.place(hop.at), sentence: hop.sentence })),
    ...(help === undefined ? {} : { help }),
  }));

export function analyse(description: Description, source: Source): Analysis {
  const graph = new FlowGraph(description);
  const names = description.partitions.map(({ name }) => name);
  const faults = claimFaults(description);
  const reachable = new Map(names.map((name) => [name, graph.reachable(name)]));
  const components = componentsOf(description);
  const forms = new Map(description.partitions.map(({ name, replicaOf }) => [name, replicaOf ?? name]));
  /** As the description writes it: a form for all its replicas. */
  const written = (some: readonly string[]): string =>
    [...new Set(some.map((name) => forms.get(name) ?? name))].join(', ');
  const placed = (flow: Flow) => ({
    from: flow.from,
    to: flow.to,
    via: flow.via,
    place: source.place(flow.at),
    sentence: flow.sentence,
  });
  return {
    schema: 'virtsec.check/1',
    system: description.system,
    holds: faults.length === 0,
    faults: findings(source, faults),
    assertions: description.assertions.map((one): AssertionResult => {
      const said = `${written(one.from)} -> ${written(one.to)}`;
      const text =
        one.kind === 'only'
          ? `only ${said} through ${written(one.through)}`
          : `never ${said}${one.direct ? ' directly' : ''}`;
      const at = one.at[one.kind];
      const flows = one.from.some((from) => one.to.some((to) => from !== to && graph.path(from, to).length > 0));
      return {
        text,
        place: source.place(one.at['name']),
        holds: !faults.some((fault) => fault.at.start === at.start),
        isEmpty: one.kind === 'only' && !flows,
      };
    }),
    partitions: names,
    replicaOf: Object.fromEntries(
      description.partitions.flatMap(({ name, replicaOf }) => (replicaOf ? [[name, replicaOf]] : [])),
    ),
    flows: {
      direct: graph.flows.map(placed),
      transitive: Object.fromEntries(names.map((name) => [name, names.filter((to) => reachable.get(name)!.has(to))])),
      bySchedule: Object.fromEntries(
        names.map((name) => {
          const plainly = graph.reachable(name, (node) => node !== CLOCK);
          return [name, names.filter((to) => reachable.get(name)!.has(to) && !plainly.has(to))];
        }),
      ),
      separate: names.flatMap((one, i) =>
        names
          .slice(i + 1)
          .filter((other) => !reachable.get(one)!.has(other) && !reachable.get(other)!.has(one))
          .map((other): [string, string] => [one, other]),
      ),
    },
    schedule: description.modes.map((mode) => ({
      mode: mode.name,
      frame: mode.frame,
      cores: [...mode.cores].map(([core, windows]) => ({
        core,
        used: usedTime(windows) / mode.frame,
        windows: windows
          .map(({ partition, start, end }) => ({ partition, start, end }))
          .toSorted((a, b) => a.start - b.start),
      })),
    })),
    unbounded: unbounded(description),
    undeclared: undeclaredWays(description).map(({ at, ...way }) => ({
      ...way,
      ...(at === undefined ? {} : { place: source.place(at) }),
    })),
    compromise: {
      components,
      takesAll: {
        virtsec: takesAll(components, 'falls'),
        monolithic: takesAll(components, 'monolithic'),
        dom0: takesAll(components, 'dom0'),
      },
      reach: reachesOf(description),
    },
  };
}
