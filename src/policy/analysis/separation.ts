// What the core's theorems say of one plan: for every pair of partitions, whether a chain of flows that the core allows leads
// from one to the other. It is read from the tables that the core has accepted, by the policy of its own specification
// (kernel/core/spec.ts), and not from the description.
import type { Kernel } from '../../kernel/core/core.ts';
import type { Assertion } from '../description.ts';
import { CLOCK, flows, HOST, invariant, plan as isJustified } from '../../kernel/core/spec.ts';

/**
 * How one partition can reach another: by channels and rights; only by what the schedule's modes tell; only by the system's
 * end, which is told once; or never.
 */
export type Reached = 'flows' | 'schedule' | 'end' | 'never';

export interface Pair {
  readonly from: string;
  readonly to: string;
  readonly by: Reached;
  /** The shortest chain, both ends included; empty: there is none. */
  readonly chain: readonly string[];
}

export interface Separation {
  /** Every pair in both orders. */
  readonly pairs: readonly Pair[];
  /** Pairs that nothing but the system's end joins, in neither direction. */
  readonly separate: readonly (readonly [string, string])[];
  /** `to` cannot reach `from`, whatever `from` may do to it. */
  readonly oneWay: readonly { readonly from: string; readonly to: string }[];
  /** Who can bring the end of the system about. */
  readonly ends: readonly string[];
  /** Who can switch modes. */
  readonly switches: readonly string[];
  /** The specification's own words on an accepted plan, looked at here. */
  readonly isJustified: boolean;
  readonly isInvariant: boolean;
}

export interface AssertedFlow {
  readonly text: string;
  readonly holds: boolean;
}

/** The theorems that together separate two partitions, with what each gives to that. */
export const SEPARATING: readonly (readonly [theorem: string, says: string])[] = [
  ['BOOT', 'the core has accepted this plan, so every flow in it is shown by a channel, a right or an auditor'],
  ['INV', 'what the others assume of a state holds in every state that this plan can come to'],
  ['SAFE', 'no call leaves the tables or 32 bits, whatever its arguments'],
  ['LR', 'an action changes nothing that a partition sees unless the policy lets its caller reach it'],
  ['WSC', 'what a partition sees afterwards depends only on what it and the caller saw before'],
  ['OC', 'what a caller gets back depends only on what it sees'],
  ['POLICY', 'no action ever adds a flow to the policy'],
];

/** The shortest chain over nodes that `passes` lets through. */
function chainOf(k: Kernel, from: number, to: number, passes: (node: number) => boolean): number[] {
  const nodes = [...Array.from({ length: k.np }, (_, p) => p), CLOCK, HOST];
  const before = new Map<number, number>([[from, from]]);
  const queue = [from];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    for (const next of nodes) {
      if (before.has(next) || !flows(k, node, next)) continue;
      before.set(next, node);
      if (next === to) {
        const chain = [to];
        while (chain[0] !== from) chain.unshift(before.get(chain[0])!);
        return chain;
      }
      if (passes(next)) queue.push(next);
    }
  }
  return [];
}

/** Of a plan that `boot` has accepted. */
export function separationOf(k: Kernel, names: readonly string[]): Separation {
  const named = (node: number): string =>
    node === CLOCK ? '(the schedule)' : node === HOST ? '(the end of the system)' : names[node];
  const pairs: Pair[] = [];
  for (let a = 0; a < k.np; a++) {
    for (let b = 0; b < k.np; b++) {
      if (a === b) continue;
      const ways: readonly (readonly [Reached, (node: number) => boolean])[] = [
        ['flows', (node) => node >= 0],
        ['schedule', (node) => node !== HOST],
        ['end', () => true],
      ];
      const found = ways.map(([by, passes]) => ({ by, chain: chainOf(k, a, b, passes) }));
      const first = found.find(({ chain }) => chain.length > 0);
      pairs.push({ from: names[a], to: names[b], by: first?.by ?? 'never', chain: (first?.chain ?? []).map(named) });
    }
  }
  const apart = new Set(
    pairs.filter(({ by }) => by === 'never' || by === 'end').map(({ from, to }) => `${from} ${to}`),
  );
  const isApart = (from: string, to: string): boolean => apart.has(`${from} ${to}`);
  const couples = names.flatMap((one, i) => names.slice(i + 1).map((other): [string, string] => [one, other]));
  const holders = (right: Int32Array, more?: Int32Array): string[] =>
    names.filter((_, p) => right[p] === 1 || more?.[p] === 1);
  return {
    pairs,
    separate: couples.filter(([one, other]) => isApart(one, other) && isApart(other, one)),
    oneWay: pairs.flatMap(({ from, to }) => (!isApart(from, to) && isApart(to, from) ? [{ from, to }] : [])),
    ends: holders(k.mayShutDown, k.counts),
    switches: holders(k.mayMode),
    isJustified: isJustified(k),
    isInvariant: invariant(k),
  };
}

/** The description's assertions, held against the policy of the core. The end of the system is nobody's flow. */
export function assertedOf(k: Kernel, names: readonly string[], assertions: readonly Assertion[]): AssertedFlow[] {
  const number = (name: string): number => names.indexOf(name);
  return assertions.map((assertion) => {
    const { from, to } = assertion;
    const through = assertion.kind === 'only' ? assertion.through.map(number) : [];
    const isDirect = assertion.kind === 'never' && assertion.direct;
    const passes = (node: number): boolean => node !== HOST && !through.includes(node);
    const leads = (one: number, other: number): boolean =>
      isDirect ? flows(k, one, other) : chainOf(k, one, other, passes).length > 0;
    const holds = from.every((one) => to.every((other) => one === other || !leads(number(one), number(other))));
    const sides = `${from.join(', ')} -> ${to.join(', ')}`;
    const text =
      assertion.kind === 'only'
        ? `only ${sides} through ${assertion.through.join(', ')}`
        : `never ${sides}${isDirect ? ' directly' : ''}`;
    return { text, holds };
  });
}
