// Channels: their ends, the devices of guests that they appear as, and the room that the kernel has for them.
import { MAX_STREAMS } from '../../kernel/plan.ts';
import { type Channel, channelsOf, type Description, endsOf, type Partition, partitionNamed } from '../description.ts';
import type { Fault } from '../source.ts';
import { namesHelp, repeated } from './validator.ts';

/** Channels of one partition; each has two ends in it. */
const MAX_CHANNELS = 16;

/** The ends of a channel that are guests. */
const guestEnds = (description: Description, channel: Channel): Partition[] =>
  description.partitions.filter((one) => one.form === 'guest' && endsOf(channel).includes(one.name));

/** Replicas share their words in the text: a fault of theirs is told once. */
const once = (faults: Fault[]): Fault[] => {
  const kept = new Map(faults.map((fault) => [`${fault.at.start} ${fault.code}`, fault] as const).reverse());
  return faults.filter((fault) => kept.get(`${fault.at.start} ${fault.code}`) === fault);
};

/** VS201: Both ends of a channel are partitions of the description. */
export function endsExist(description: Description): Fault[] {
  const names = description.partitions.map((partition) => partition.name);
  const faults = description.channels.flatMap((channel) =>
    endsOf(channel)
      .filter((end) => !names.includes(end))
      .map((end) => {
        const forms = description.partitions.flatMap((partition) => partition.replicaOf ?? []);
        // A form that could not be paired stands unexpanded: VS217 speaks of it.
        if (forms.includes(end)) return undefined;
        return {
          code: 'VS201',
          at: channel.at['ends'],
          sentence: `channel \`${channel.name}\` ends at \`${end}\`, which is not a partition`,
          help: namesHelp(end, names, 'partitions'),
        };
      }),
  );
  return once(faults.filter((fault) => fault !== undefined));
}

/** VS202: A channel joins two different partitions. */
export function endsDiffer(description: Description): Fault[] {
  return description.channels
    .filter((channel) => channel.to.includes(channel.from))
    .map((channel) => ({
      code: 'VS202',
      at: channel.at['ends'],
      sentence: `channel \`${channel.name}\` joins \`${channel.from}\` with itself`,
      help: 'name two different partitions',
    }));
}

/** VS203: `as` names a device of a guest: exactly one end of the channel is a guest; a stream with a guest says as which. */
export function deviceHasGuest(description: Description): Fault[] {
  const faults = description.channels.flatMap((channel): Fault[] => {
    const ends = endsOf(channel);
    if (ends.some((end) => partitionNamed(description, end) === undefined)) return [];
    if (channel.to.includes(channel.from)) return [];
    const guests = guestEnds(description, channel);
    // A port needs no device: the guest's own VMM opens it by its name.
    const hasDevice = channel.kind === 'stream' || channel.as !== undefined;
    if (hasDevice && (guests.length > 1 || (guests.length === 0 && channel.as !== undefined))) {
      const count = guests.length === 0 ? 'no guest' : guests.length === 2 ? 'two guests' : `${guests.length} guests`;
      return [
        {
          code: 'VS203',
          at: channel.at['as'] ?? channel.at['ends'],
          sentence: `channel \`${channel.name}\` has ${count} at its ends, where a device needs exactly one`,
          help: 'join a guest with a driver or an application',
        },
      ];
    }
    const [guest] = guests;
    if (guest === undefined || !hasDevice || channel.as !== undefined) return [];
    return [
      {
        code: 'VS203',
        at: channel.at['name'],
        sentence: `channel \`${channel.name}\` does not say as which device guest \`${guest.name}\` sees it`,
        help: 'add `as: uart0`',
      },
    ];
  });
  return once(faults);
}

/** VS204: Each device of a guest carries one channel. */
export function deviceUsedOnce(description: Description): Fault[] {
  const used = description.channels.flatMap((channel) => {
    const [guest] = guestEnds(description, channel);
    return guest === undefined || channel.as === undefined ? [] : [{ guest, channel, device: channel.as }];
  });
  const faults = repeated(used, ({ guest, device }) => `${device} of ${guest.name}`).map(({ first, again }) => ({
    code: 'VS204',
    at: again.channel.at['as'],
    sentence: `\`${again.device}\` of guest \`${again.guest.name}\` already carries channel \`${first.channel.name}\``,
    help: again.device === 'uart0' ? 'write `as: uart1`' : 'give each channel a device of its own',
  }));
  return once(faults);
}

/** VS211: A partition has at most 16 channels: the news of its 32 stream ends are the bits of one word. */
export function fewChannels(description: Description): Fault[] {
  return description.partitions.flatMap((partition) => {
    const first = channelsOf(description, partition.name)[MAX_CHANNELS];
    if (first === undefined) return [];
    const sentence = `this is channel ${MAX_CHANNELS + 1} of partition \`${partition.name}\`, which has places for ${MAX_CHANNELS}`;
    return [{ code: 'VS211', at: first.at['name'], sentence, help: 'remove a channel, or put a partition between' }];
  });
}

/** VS213: Disks, networks and other bulk devices of a guest are streams; a line of text (hvc, uart) may be any channel. */
export function deviceSuitsKind({ channels }: Description): Fault[] {
  const faults = channels.flatMap((channel): Fault[] => {
    if (channel.kind === 'stream' || channel.as === undefined || /^(hvc|uart)\d$/.test(channel.as)) return [];
    return [
      {
        code: 'VS213',
        at: channel.at['as'],
        sentence: `\`${channel.as}\` is a device of a stream, and channel \`${channel.name}\` is a ${channel.kind} channel`,
        help: 'write `as: hvc0`, or make it a stream',
      },
    ];
  });
  return once(faults);
}

/** Drivers that can be behind a device; applications always can. */
const BEHIND: Readonly<Record<string, readonly string[]>> = {
  'virtio-blk': ['block'],
  'virtio-net': ['net'],
  'virtio-9p': ['files'],
  'virtio-rng': ['entropy'],
  uart0: ['console'],
  uart1: ['console'],
  hvc0: ['console'],
  hvc1: ['console'],
  'virtio-console': ['console'],
};

/** VS214: The driver behind a guest's device is one of its kind: a block driver behind a disk, a net driver behind a network. */
export function deviceSuitsDriver(description: Description): Fault[] {
  const faults = description.channels.flatMap((channel): Fault[] => {
    const kinds = BEHIND[channel.as ?? ''];
    if (kinds === undefined) return [];
    return endsOf(channel).flatMap((end): Fault[] => {
      const driver = partitionNamed(description, end);
      if (driver?.form !== 'driver' || kinds.includes(driver.what ?? '')) return [];
      return [
        {
          code: 'VS214',
          at: channel.at['as'],
          sentence: `\`${channel.as}\` of channel \`${channel.name}\` cannot be served by the ${driver.what} driver \`${end}\``,
          help: `join the guest with a ${kinds.join(' or ')} driver or an application`,
        },
      ];
    });
  });
  return once(faults);
}

/** VS217: Forms at both ends of a channel have the same number of replicas: they are joined in pairs. */
export function replicasPair(description: Description): Fault[] {
  const count = (form: string): number => description.partitions.filter((one) => one.replicaOf === form).length;
  return description.channels.flatMap((channel): Fault[] => {
    const [from, to] = [count(channel.from), count(channel.to[0])];
    if (from === 0 || to === 0) return [];
    return [
      {
        code: 'VS217',
        at: channel.at['ends'],
        sentence: `channel \`${channel.name}\` joins ${from} replicas of \`${channel.from}\` with ${to} of \`${channel.to[0]}\``,
        help: 'give both the same number of replicas',
      },
    ];
  });
}

/** VS222: The kernel's table has room for 128 one-way streams: a stream of the description is two. */
export function streamsFit({ channels }: Description): Fault[] {
  const streams = channels.filter((channel) => channel.kind === 'stream');
  const first = streams[MAX_STREAMS / 2];
  if (first === undefined) return [];
  const sentence = `this is stream ${MAX_STREAMS / 2 + 1} of ${streams.length}: the kernel's table has ${MAX_STREAMS / 2} places`;
  return [{ code: 'VS222', at: first.at['name'], sentence, help: 'remove a stream, or make it a queuing channel' }];
}

/** VS224: No chain of calls leads back to where it began: each partition would wait for the next. */
export function callsAreAcyclic({ channels }: Description): Fault[] {
  const calls = channels.filter((channel) => channel.kind === 'call' && channel.from !== channel.to[0]);
  const reach = (from: string, goal: string, seen: Set<string>): string[] | undefined => {
    if (from === goal) return [goal];
    if (seen.has(from)) return undefined;
    seen.add(from);
    for (const call of calls) {
      const rest = call.from === from ? reach(call.to[0], goal, seen) : undefined;
      if (rest !== undefined) return [from, ...rest];
    }
    return undefined;
  };
  // The last call of the text that closes a circle is told: the ones before it were right without it.
  const closing = calls.findLast((call) => reach(call.to[0], call.from, new Set()) !== undefined);
  if (closing === undefined) return [];
  const circle = [closing.from, ...reach(closing.to[0], closing.from, new Set())!].join(' -> ');
  const sentence = `channel \`${closing.name}\` closes a circle of calls: ${circle}`;
  return [{ code: 'VS224', at: closing.at['ends'], sentence, help: 'make one of them a signal or a queuing channel' }];
}

/** VS239: Names of channels differ, those of replicas (`lan-1`) included. */
export function channelNamesDiffer({ channels }: Description): Fault[] {
  const again = repeated(channels, (channel) => channel.name)[0];
  if (again === undefined) return [];
  const sentence = `channel \`${again.again.name}\` is also the name of a replica's channel`;
  return [{ code: 'VS239', at: again.again.at['name'], sentence, help: 'choose another name' }];
}
