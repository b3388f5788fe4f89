// The core's tables have so many places and no more: what a description needs of each. (Partitions VS208, channels of one
// partition VS211, streams VS222, windows VS311, modes VS312.)
import { MAX_FRAMES, MAX_HANDLES, MAX_PORTS, MAX_SAMPLES, SLOTS } from '../../kernel/core/core.ts';
import { type Channel, channelsOf, type Description } from '../description.ts';
import { formatSize } from '../quantities.ts';
import type { Fault } from '../source.ts';
import { framesFor, ringFrames } from '../tables.ts';
import { repeated } from './validator.ts';

const FRAME_BYTES = 4096;

/** The fault of the first channel with which more is needed than there is. */
function firstBeyond(
  channels: readonly Channel[],
  code: string,
  most: number,
  needs: (channel: Channel) => number,
  sentence: (needed: number) => string,
  help: string,
): Fault[] {
  let sum = 0;
  const first = channels.find((channel) => (sum += needs(channel)) > most);
  if (first === undefined) return [];
  const all = channels.reduce((sum, channel) => sum + needs(channel), 0);
  return [{ code, at: first.at['name'], sentence: sentence(all), help }];
}

/** VS242: A partition has room for 32 handles: its ends of channels that are no streams, and the partitions that it may manage. */
export function handlesFit(description: Description): Fault[] {
  return description.partitions.flatMap((partition): Fault[] => {
    const { name, may, at } = partition;
    const ends = channelsOf(description, name).filter(
      ({ kind, from }) => kind !== 'stream' && (kind !== 'signal' || from === name),
    );
    const count = ends.length + may.manage.length;
    if (count <= MAX_HANDLES) return [];
    const sentence = `\`${name}\` would need ${count} handles for its channels and those that it may manage, and has places for ${MAX_HANDLES}`;
    const help = 'remove a channel, or let another partition manage some of them';
    return [{ code: 'VS242', at: at['may.manage'] ?? at['name'], sentence, help }];
  });
}

/** VS243: A partition has one manager at most, and one auditor: what it sees of itself, one other sees. */
export function oneManagerOneAuditor({ partitions }: Description): Fault[] {
  return (['manage', 'audit'] as const).flatMap((right) => {
    const pairs = partitions.flatMap((partition) => partition.may[right].map((name) => ({ partition, name })));
    return repeated(pairs, ({ name }) => name)
      .filter(({ first, again }) => first.partition !== again.partition)
      .map(({ first, again }) => ({
        code: 'VS243',
        at: again.partition.at[`may.${right}`],
        sentence: `\`${again.name}\` is already ${right === 'manage' ? 'managed' : 'audited'} by \`${first.partition.name}\``,
        help: `let one partition ${right} it, and tell the other over a channel`,
      }));
  });
}

/** VS244: The kernel has places for 512 messages: of each queue as many as it is deep, of each call two. */
export function messagesFit({ channels }: Description): Fault[] {
  return firstBeyond(
    channels,
    'VS244',
    SLOTS,
    ({ kind, depth = 0 }) => (kind === 'queuing' ? depth : kind === 'call' ? 2 : 0),
    (needed) => `with this channel the system needs places for more messages than ${SLOTS}, and for ${needed} in all`,
    'give queues less `depth`',
  );
}

/** VS245: The kernel's table has room for 64 sampling channels. */
export function samplesFit({ channels }: Description): Fault[] {
  return firstBeyond(
    channels,
    'VS245',
    MAX_SAMPLES,
    ({ kind }) => Number(kind === 'sampling'),
    (needed) =>
      `this is sampling channel ${MAX_SAMPLES + 1} of ${needed}: the kernel's table has ${MAX_SAMPLES} places`,
    'remove a channel, or let one of them carry several values',
  );
}

/** VS246: The kernel's table has room for 256 queues and calls. */
export function portsFit({ channels }: Description): Fault[] {
  return firstBeyond(
    channels,
    'VS246',
    MAX_PORTS,
    ({ kind }) => Number(kind === 'queuing' || kind === 'call'),
    (needed) => `this is queue or call ${MAX_PORTS + 1} of ${needed}: the kernel's table has ${MAX_PORTS} places`,
    'remove a channel',
  );
}

/** VS247: The memory of all partitions and rings is at most 64 GiB: page frames have numbers below 2^24. */
export function memoryFits({ partitions, channels }: Description): Fault[] {
  const rings = channels.reduce((sum, { kind, bytes }) => sum + (kind === 'stream' ? 2 * ringFrames(bytes) : 0), 0);
  const own = partitions.reduce((sum, { memory }) => sum + framesFor(memory), 0);
  if (own + rings <= MAX_FRAMES) return [];
  const largest = partitions.toSorted((a, b) => b.memory - a.memory)[0];
  const most = formatSize(MAX_FRAMES * FRAME_BYTES);
  const sentence = `all partitions and rings together would have more memory than ${most}`;
  return [{ code: 'VS247', at: largest.at['memory'] ?? largest.at['name'], sentence, help: 'give them less memory' }];
}
