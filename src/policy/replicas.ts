// `replicas: N` -> N partitions NAME-1 .. NAME-N of one form, and their channels.
import type { Assertion, Channel, Description, Partition } from './description.ts';

/**
 * A channel between a form with N replicas and a single partition becomes N channels; between two forms of N, N pairs.
 * A sampling channel towards a form is one channel with all replicas among its readers. Assertions and authorities that
 * name a form mean each of its replicas.
 */
export function replicate(description: Description, counts: ReadonlyMap<string, number>): Description {
  if (counts.size === 0) return description;
  const replicas = new Map<string, string[]>();
  for (const [name, count] of counts) {
    replicas.set(
      name,
      Array.from({ length: count }, (_, i) => `${name}-${i + 1}`),
    );
  }
  const each = (names: readonly string[]): string[] => names.flatMap((name) => replicas.get(name) ?? [name]);
  const withEach = <P extends Partition>(partition: P): P => ({
    ...partition,
    may: { ...partition.may, manage: each(partition.may.manage), audit: each(partition.may.audit) },
  });
  return {
    ...description,
    partitions: description.partitions.flatMap((partition) => {
      const names = replicas.get(partition.name);
      if (names === undefined) return [withEach(partition)];
      return names.map((name) => withEach({ ...partition, name, replicaOf: partition.name }));
    }),
    channels: description.channels.flatMap((channel) => replicateChannel(channel, replicas)),
    assertions: description.assertions.map((one): Assertion => {
      const sides = { from: each(one.from), to: each(one.to) };
      return one.kind === 'only' ? { ...one, ...sides, through: each(one.through) } : { ...one, ...sides };
    }),
  };
}

function replicateChannel(channel: Channel, replicas: ReadonlyMap<string, string[]>): Channel[] {
  const from = replicas.get(channel.from);
  if (channel.kind === 'sampling') {
    const to = channel.to.flatMap((name) => replicas.get(name) ?? [name]);
    if (from === undefined) return [{ ...channel, to }];
    return from.map((name, i) => ({ ...channel, name: `${channel.name}-${i + 1}`, from: name, to }));
  }
  const to = replicas.get(channel.to[0]);
  const count = Math.min(from?.length ?? Infinity, to?.length ?? Infinity);
  // Forms of different numbers cannot be paired: left as they are, for validator VS217.
  if (count === Infinity || (from !== undefined && to !== undefined && from.length !== to.length)) return [channel];
  return Array.from({ length: count }, (_, i) => ({
    ...channel,
    name: `${channel.name}-${i + 1}`,
    from: from?.[i] ?? channel.from,
    to: [to?.[i] ?? channel.to[0]],
  }));
}
