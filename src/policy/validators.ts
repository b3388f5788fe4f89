// What a description must hold beyond its shape. One function = one rule, its number and its sentence above it.
import { MAX_PARTITIONS } from '../kernel/plan.ts';
import type { Channel, Description, Partition } from './description.ts';
import { nearest } from './nearest.ts';
import type { Fault } from './source.ts';

/** What validators may ask of the host: given by the caller, so that policy itself opens nothing. */
export interface Host {
  /** Whether the path (as written in the description) is a readable file. */
  fileExists(path: string): boolean;
  /** Names of guest images that can be fetched. */
  readonly images: readonly string[];
  /** Names of firmware images that can be fetched. */
  readonly firmware: readonly string[];
}

/** Channels of one partition; each has two ends in it. */
const MAX_CHANNELS = 16;

export type Validator = (description: Description, host: Host) => Iterable<Fault>;

const partitionNamed = (description: Description, name: string): Partition | undefined =>
  description.partitions.find((partition) => partition.name === name);

/** The ends of a channel that are guests. */
function guestEnds(description: Description, channel: Channel): Partition[] {
  return description.partitions.filter(
    (partition) => partition.form === 'guest' && [channel.left, channel.right].includes(partition.name),
  );
}

/** VS201: Both ends of a channel are partitions of the description. */
function endsExist(description: Description): Fault[] {
  const names = description.partitions.map((partition) => partition.name);
  return description.channels.flatMap((channel) =>
    [channel.left, channel.right]
      .filter((end) => !names.includes(end))
      .map((end) => {
        const meant = nearest(end, names);
        return {
          code: 'VS201',
          at: channel.at['stream'],
          sentence: `channel \`${channel.name}\` ends at \`${end}\`, which is not a partition`,
          help: meant === undefined ? `partitions: ${names.join(', ')}` : `did you mean \`${meant}\`?`,
        };
      }),
  );
}

/** VS202: A channel joins two different partitions. */
function endsDiffer(description: Description): Fault[] {
  return description.channels
    .filter((channel) => channel.left === channel.right)
    .map((channel) => ({
      code: 'VS202',
      at: channel.at['stream'],
      sentence: `channel \`${channel.name}\` joins \`${channel.left}\` with itself`,
      help: 'name two different partitions',
    }));
}

/** VS203: `as` names a device of a guest: exactly one end of the channel is a guest, and says as which device. */
function deviceHasGuest(description: Description): Fault[] {
  return description.channels.flatMap((channel): Fault[] => {
    const both = [channel.left, channel.right].every((end) => partitionNamed(description, end) !== undefined);
    if (!both || channel.left === channel.right) return [];
    const guests = guestEnds(description, channel);
    if (guests.length !== 1 && (channel.as !== undefined || guests.length === 2)) {
      return [
        {
          code: 'VS203',
          at: channel.at['as'] ?? channel.at['stream'],
          sentence: `channel \`${channel.name}\` has ${guests.length === 2 ? 'two guests' : 'no guest'} at its ends, where a device needs exactly one`,
          help: 'join a guest with a driver or an application',
        },
      ];
    }
    const [guest] = guests;
    if (guest !== undefined && channel.as === undefined && channel.at['as'] === undefined) {
      return [
        {
          code: 'VS203',
          at: channel.at['name'],
          sentence: `channel \`${channel.name}\` does not say as which device guest \`${guest.name}\` sees it`,
          help: 'add `as: uart0`',
        },
      ];
    }
    return [];
  });
}

/** VS204: Each device of a guest carries one channel. */
function deviceUsedOnce(description: Description): Fault[] {
  const users = new Map<string, Channel>();
  const faults: Fault[] = [];
  for (const channel of description.channels) {
    const [guest] = guestEnds(description, channel);
    if (guest === undefined || channel.as === undefined) continue;
    const device = `${channel.as} of ${guest.name}`;
    const first = users.get(device);
    if (first === undefined) users.set(device, channel);
    else {
      faults.push({
        code: 'VS204',
        at: channel.at['as'],
        sentence: `\`${channel.as}\` of guest \`${guest.name}\` already carries channel \`${first.name}\``,
        help: channel.as === 'uart0' ? 'write `as: uart1`' : 'give each channel a device of its own',
      });
    }
  }
  return faults;
}

/** VS205: At most one partition holds the terminal, and it is a driver. */
function oneTerminal(description: Description): Fault[] {
  const holders = description.partitions.filter((partition) => partition.terminal);
  const faults: Fault[] = holders.slice(1).map((partition) => ({
    code: 'VS205',
    at: partition.at['terminal'],
    sentence: `the terminal is already granted to \`${holders[0].name}\``,
    help: 'grant it to one partition',
  }));
  for (const partition of holders) {
    if (partition.form === 'driver') continue;
    faults.push({
      code: 'VS205',
      at: partition.at['terminal'],
      sentence: `\`${partition.name}\` is a ${partition.form}, and only a driver may hold the terminal`,
      help: 'add a partition `tty: { driver: console, grants: { terminal: stdio } }`',
    });
  }
  return faults;
}

/** VS206: A console driver holds the terminal and has a stream to show on it. */
function consoleIsJoined(description: Description): Fault[] {
  return description.partitions
    .filter((partition) => partition.form === 'driver' && partition.what === 'console')
    .flatMap((partition): Fault[] => {
      if (!partition.terminal) {
        return [
          {
            code: 'VS206',
            at: partition.at['driver'],
            sentence: `console driver \`${partition.name}\` has no terminal`,
            help: 'add `grants: { terminal: stdio }`',
          },
        ];
      }
      if (description.channels.some((channel) => [channel.left, channel.right].includes(partition.name))) return [];
      const guest = description.partitions.find((other) => other.form === 'guest')?.name ?? 'linux';
      return [
        {
          code: 'VS206',
          at: partition.at['driver'],
          sentence: `console driver \`${partition.name}\` has nothing to show`,
          help: `add a channel: \`con: { stream: ${guest} <-> ${partition.name}, as: uart0 }\``,
        },
      ];
    });
}

/** VS207: A system has at least one guest or application; it ends when all of them have. */
function somethingRuns(description: Description): Fault[] {
  if (description.partitions.length === 0 && description.at['partitions'] === undefined) return [];
  if (description.partitions.some((partition) => partition.form !== 'driver')) return [];
  return [
    {
      code: 'VS207',
      at: description.at['partitions'],
      sentence: 'this system has no guest: nothing would run in it',
      help: 'add a partition `linux: { guest: debian }`',
    },
  ];
}

/** VS208: The table of the kernel has room for 64 partitions. */
function fitsTable({ partitions }: Description): Fault[] {
  if (partitions.length <= MAX_PARTITIONS) return [];
  const sentence = `this is partition ${MAX_PARTITIONS + 1} of ${partitions.length}: the kernel's table has ${MAX_PARTITIONS} places`;
  return [{ code: 'VS208', at: partitions[MAX_PARTITIONS].at['name'], sentence }];
}

/** VS209: The files that a guest names exist and can be read; its firmware may also be the name of an image. */
function filesExist(description: Description, host: Host): Fault[] {
  return description.partitions.flatMap((partition) =>
    (['kernel', 'initrd', 'firmware'] as const).flatMap((key): Fault[] => {
      const path = partition.files?.[key];
      if (path === undefined || host.fileExists(path)) return [];
      if (key === 'firmware' && host.firmware.includes(path)) return [];
      return [
        {
          code: 'VS209',
          at: partition.at[key],
          sentence: `the ${key} of guest \`${partition.name}\` is not a readable file: ${path}`,
          help: `paths start at the folder of the description${key === 'firmware' ? '; firmware images: ' + host.firmware.join(', ') : ''}`,
        },
      ];
    }),
  );
}

/** VS210: A guest that is a word names an image of the library. */
function imagesExist(description: Description, host: Host): Fault[] {
  return description.partitions.flatMap((partition): Fault[] => {
    if (partition.form !== 'guest' || partition.what === undefined || host.images.includes(partition.what)) return [];
    const meant = nearest(partition.what, host.images);
    const names = meant === undefined ? `images: ${host.images.join(', ')}` : `did you mean \`${meant}\`?`;
    return [
      {
        code: 'VS210',
        at: partition.at['guest'],
        sentence: `\`${partition.what}\` is not a guest image`,
        help: `${names} (or name files: \`guest: { kernel: ./vmlinuz }\`)`,
      },
    ];
  });
}

/** VS211: A partition has at most 16 channels: the news of its 32 stream ends are the bits of one word. */
function fewChannels(description: Description): Fault[] {
  return description.partitions.flatMap((partition) => {
    const channels = description.channels.filter((one) => [one.left, one.right].includes(partition.name));
    const first = channels[MAX_CHANNELS];
    if (first === undefined) return [];
    const sentence = `this is channel ${MAX_CHANNELS + 1} of partition \`${partition.name}\`, which has places for ${MAX_CHANNELS}`;
    return [{ code: 'VS211', at: first.at['name'], sentence }];
  });
}

export const VALIDATORS: readonly Validator[] = [
  endsExist,
  endsDiffer,
  deviceHasGuest,
  deviceUsedOnce,
  oneTerminal,
  consoleIsJoined,
  somethingRuns,
  fitsTable,
  filesExist,
  imagesExist,
  fewChannels,
];
