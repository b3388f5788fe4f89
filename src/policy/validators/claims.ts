// Labels and assertions: what they speak of exists. Whether they hold is asked in analysis/.
import { type Assertion, type Description } from '../description.ts';
import type { Fault } from '../source.ts';
import { namesHelp, repeated } from './validator.ts';

/** VS411: The label of a partition is one of `labels`, where these are written. */
export function labelsExist(description: Description): Fault[] {
  const names = description.labels.map((label) => label.name);
  if (names.length === 0) return [];
  const seen = new Set<string>();
  return description.partitions.flatMap((partition): Fault[] => {
    if (partition.label === undefined || seen.has(partition.replicaOf ?? partition.name)) return [];
    seen.add(partition.replicaOf ?? partition.name);
    const wrong = [partition.label.reads, partition.label.writes].find((label) => !names.includes(label));
    if (wrong === undefined) return [];
    const sentence = `\`${wrong}\` is not one of the labels`;
    return [{ code: 'VS411', at: partition.at['label'], sentence, help: namesHelp(wrong, names, 'labels') }];
  });
}

/** VS412: Dominance has no circle: of two labels at most one dominates the other. */
export function dominanceIsOrdered({ labels }: Description): Fault[] {
  const below = (name: string): readonly string[] => labels.find((label) => label.name === name)?.dominates ?? [];
  const reaches = (from: string, goal: string, seen: Set<string>): boolean =>
    below(from).some((next) => next === goal || (!seen.has(next) && reaches(next, goal, seen.add(next))));
  const label = labels.find((one) => reaches(one.name, one.name, new Set()));
  if (label === undefined) return [];
  const sentence = `label \`${label.name}\` dominates itself`;
  return [{ code: 'VS412', at: label.at, sentence, help: 'remove one of the labels in this circle' }];
}

/** VS413: A label dominates labels that are there. */
export function dominatedLabelsExist({ labels }: Description): Fault[] {
  const names = labels.map((label) => label.name);
  return labels.flatMap((label) =>
    label.dominates
      .filter((name) => !names.includes(name))
      .map((name) => ({
        code: 'VS413',
        at: label.at,
        sentence: `label \`${label.name}\` dominates \`${name}\`, which is not one of the labels`,
        help: namesHelp(name, names, 'labels'),
      })),
  );
}

/** VS414: Labels differ. */
export function labelsDiffer({ labels }: Description): Fault[] {
  return repeated(labels, (label) => label.name).map(({ again }) => ({
    code: 'VS414',
    at: again.at,
    sentence: `label \`${again.name}\` stands here twice`,
    help: 'keep one of the two',
  }));
}

const namesIn = (one: Assertion): { name: string; key: string }[] => [
  ...[...one.from, ...one.to].map((name) => ({ name, key: one.kind })),
  ...(one.kind === 'only' ? one.through.map((name) => ({ name, key: 'through' })) : []),
];

/** VS421: An assertion speaks of partitions of the description. */
export function assertionsKnowPartitions(description: Description): Fault[] {
  const names = description.partitions.map((partition) => partition.name);
  return description.assertions.flatMap((one) =>
    namesIn(one)
      .filter(({ name }) => !names.includes(name))
      .slice(0, 1)
      .map(({ name, key }) => ({
        code: 'VS421',
        at: one.at[key],
        sentence: `\`${name}\` is not a partition`,
        help: namesHelp(name, names, 'partitions'),
      })),
  );
}

/** VS422: What an assertion says that flows pass `through` is neither of its sides. */
export function throughIsBetween({ assertions }: Description): Fault[] {
  return assertions.flatMap((one): Fault[] => {
    if (one.kind !== 'only') return [];
    const side = one.through.find((name) => one.from.includes(name) || one.to.includes(name));
    if (side === undefined) return [];
    const sentence = `\`${side}\` stands on a side of this assertion: every flow passes through it, and nothing is asserted`;
    return [{ code: 'VS422', at: one.at['through'], sentence, help: 'name the partition between the two' }];
  });
}

/** VS423: The two sides of an assertion differ: what a partition tells itself is no flow. */
export function sidesDiffer({ assertions }: Description): Fault[] {
  return assertions.flatMap((one): Fault[] => {
    const both = one.from.find((name) => one.to.includes(name));
    if (both === undefined) return [];
    const sentence = `\`${both}\` stands on both sides of this assertion`;
    return [{ code: 'VS423', at: one.at[one.kind], sentence, help: 'name two different partitions' }];
  });
}

/** VS424: An assertion stands once. */
export function assertionsDiffer({ assertions }: Description): Fault[] {
  const key = (one: Assertion): string =>
    JSON.stringify([one.kind, one.from, one.to, one.kind === 'only' ? one.through : one.direct]);
  return repeated(assertions, key).map(({ again }) => ({
    code: 'VS424',
    at: again.at['name'],
    sentence: 'this is asserted already',
    help: 'remove one of the two',
  }));
}
