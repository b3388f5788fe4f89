// What a description asserts about its flows: assertions, labels, and that replicas are separate. Each fault carries the
// path that contradicts it.
import type { Assertion, Description } from '../description.ts';
import type { Fault, Hop } from '../source.ts';
import type { Validator } from '../validators/validator.ts';
import { CLOCK, type Flow, FlowGraph } from './flows.ts';

const hops = (path: readonly Flow[]): Hop[] => path.map(({ at, sentence }) => ({ at, sentence }));

/** What cuts the way and leaves its channels, if there is such a thing. */
const cutOf = (path: readonly Flow[]): string | undefined => path.find(({ cut }) => cut !== undefined)?.cut;

const pairs = ({ from, to }: Assertion): [string, string][] =>
  from.flatMap((one) => to.map((other): [string, string] => [one, other]));

/** The one fault of an assertion: its first pair that contradicts it. */
function firstFault(
  description: Description,
  kind: Assertion['kind'],
  contradict: (assertion: Assertion, graph: FlowGraph, from: string, to: string) => Fault | undefined,
): Fault[] {
  const graph = new FlowGraph(description);
  return description.assertions.flatMap((assertion): Fault[] => {
    if (assertion.kind !== kind) return [];
    for (const [from, to] of pairs(assertion)) {
      const fault = from === to ? undefined : contradict(assertion, graph, from, to);
      if (fault !== undefined) return [fault];
    }
    return [];
  });
}

const way = (path: readonly Flow[]): string =>
  `this way leads there in ${path.length} step${path.length === 1 ? '' : 's'}`;

/** VS501: What may `never` flow finds no way, over any number of partitions and the schedule. */
export function neverFlows(description: Description): Fault[] {
  return firstFault(description, 'never', (assertion, graph, from, to) => {
    if (assertion.kind !== 'never' || assertion.direct) return undefined;
    const path = graph.path(from, to);
    if (path.length === 0) return undefined;
    return {
      code: 'VS501',
      at: assertion.at['never'],
      sentence: `\`${from}\` must never reach \`${to}\`, and ${way(path)}`,
      path: hops(path),
      help:
        cutOf(path) ??
        (path.length === 1
          ? 'remove it, or the assertion if the flow is wanted'
          : 'cut the way at one of its steps: remove a channel, or make it one-way the other way round'),
    };
  });
}

/** VS502: What may flow `only ... through` a partition finds no way around it. */
export function onlyThrough(description: Description): Fault[] {
  return firstFault(description, 'only', (assertion, graph, from, to) => {
    if (assertion.kind !== 'only') return undefined;
    const { through } = assertion;
    const path = graph.path(from, to, (node) => !through.includes(node));
    if (path.length === 0) return undefined;
    const guards = through.map((name) => `\`${name}\``).join(' or ');
    return {
      code: 'VS502',
      at: assertion.at['only'],
      sentence: `\`${from}\` must reach \`${to}\` only through ${guards}, and ${path.length === 1 ? 'this way leads around it' : `this way of ${path.length} steps leads around it`}`,
      path: hops(path),
      help: `let one of these steps end at ${guards} instead, or remove it`,
    };
  });
}

/** VS503: What may `never` flow directly has no channel between. */
export function neverDirectly(description: Description): Fault[] {
  return firstFault(description, 'never', (assertion, graph, from, to) => {
    if (assertion.kind !== 'never' || !assertion.direct) return undefined;
    const flow = graph.direct(from, to);
    if (flow === undefined) return undefined;
    return {
      code: 'VS503',
      at: assertion.at['never'],
      sentence: `\`${from}\` must not reach \`${to}\` directly, and does`,
      path: hops([flow]),
      help: flow.cut ?? 'remove it, or let it end at a partition between the two',
    };
  });
}

/** Whether information of label `low` may be known at label `high`. */
export function dominates(description: Description, high: string, low: string): boolean {
  const seen = new Set<string>();
  const reaches = (name: string): boolean => {
    if (name === low) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return (description.labels.find((label) => label.name === name)?.dominates ?? []).some(reaches);
  };
  return reaches(high);
}

/**
 * VS504: Information flows only to labels that dominate its own, over any number of partitions without a label.
 *
 * A partition without a label passes on what it gets; one with two (`reads`, `writes`) is trusted to bring information
 * down.
 */
export function labelsDominate(description: Description): Fault[] {
  const labels = new Map(description.partitions.map(({ name, label }) => [name, label]));
  const graph = new FlowGraph(description);
  const unlabelled = (node: string): boolean => labels.get(node) === undefined;
  const told = new Set<number>();
  return description.partitions.flatMap(({ name, label }): Fault[] => {
    if (label === undefined) return [];
    return [...graph.reachable(name, unlabelled)].flatMap((other): Fault[] => {
      const reads = labels.get(other)?.reads;
      if (reads === undefined || dominates(description, reads, label.writes)) return [];
      const path = graph.path(name, other, unlabelled);
      // Back and forth on the same channel, and replicas, are one mistake.
      if (told.has(path[0].at.start)) return [];
      told.add(path[0].at.start);
      return [
        {
          code: 'VS504',
          at: path[0].at,
          sentence: `information labelled \`${label.writes}\` flows from \`${name}\` to \`${other}\`, which may read up to \`${reads}\``,
          path: hops(path),
          help:
            cutOf(path) ??
            `make it one-way towards \`${name}\`, or put a partition between that is trusted to do it: \`label: { reads: ${label.writes}, writes: ${reads} }\``,
        },
      ];
    });
  });
}

/** VS505: Replicas are separate: no chain of flows, the schedule included, joins two of them. */
export function replicasAreSeparate(description: Description): Fault[] {
  const graph = new FlowGraph(description);
  const forms = new Set(description.partitions.flatMap(({ replicaOf }) => replicaOf ?? []));
  const joined = [...forms].flatMap((form) => {
    const [first, ...others] = description.partitions.filter(({ replicaOf }) => replicaOf === form);
    const paths = others.map((other) => graph.path(first.name, other.name)).filter((path) => path.length > 0);
    return paths.length === 0 ? [] : [{ form, at: first.at['replicas'], path: paths[0] }];
  });
  // What joins one form joins the forms behind it too: a way that contains one that is told is not told again.
  const told: Flow[][] = [];
  return joined
    .toSorted((a, b) => a.path.length - b.path.length)
    .flatMap(({ form, at, path }): Fault[] => {
      if (told.some((other) => other.every((flow) => path.includes(flow)))) return [];
      told.push(path);
      const between = path.slice(1).map((flow) => (flow.from === CLOCK ? 'the schedule' : `\`${flow.from}\``));
      const joint = between.length === 0 ? '' : ` through ${between.join(' and ')}`;
      return [
        {
          code: 'VS505',
          at,
          sentence: `replicas of \`${form}\` are not separate: \`${path[0].from}\` reaches \`${path.at(-1)!.to}\`${joint}`,
          path: hops(path),
          help: cutOf(path) ?? 'give the partition between them replicas too, or make its channels one-way',
        },
      ];
    });
}

export const CLAIMS: readonly Validator[] = [
  neverFlows,
  onlyThrough,
  neverDirectly,
  labelsDominate,
  replicasAreSeparate,
];
