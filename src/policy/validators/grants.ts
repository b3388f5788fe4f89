// What partitions hold of the host and of the board: each thing is held by one, and by the driver that it is for.
import { channelsOf, type Description, type Device, type Partition } from '../description.ts';
import type { Fault } from '../source.ts';
import { type Host, repeated } from './validator.ts';

const PAGE = 4096;

/** Grants that each driver takes; without one of `needs` it would have nothing to drive. */
const TAKES: Readonly<Record<string, { takes: readonly string[]; needs: readonly string[]; example: string }>> = {
  console: { takes: ['terminal'], needs: [], example: 'terminal: stdio' },
  net: { takes: ['connect', 'listen'], needs: ['connect', 'listen'], example: "connect: ['bank.example:443']" },
  block: { takes: ['file', 'readonly'], needs: ['file'], example: 'file: disk.img' },
  files: { takes: ['folder', 'readonly'], needs: ['folder'], example: 'folder: ./shared' },
  entropy: { takes: [], needs: [], example: '' },
  clock: { takes: [], needs: [], example: '' },
};

const grantsOf = (partition: Partition): string[] =>
  Object.keys(partition.at).flatMap((key) => (key.startsWith('grants.') ? [key.slice('grants.'.length)] : []));

/** VS205: At most one partition holds the terminal, and it is a driver. */
export function oneTerminal(description: Description): Fault[] {
  const holders = description.partitions.filter((partition) => partition.terminal);
  const faults: Fault[] = holders.slice(1).map((partition) => ({
    code: 'VS205',
    at: partition.at['grants.terminal'],
    sentence: `the terminal is already granted to \`${holders[0].name}\``,
    help: 'grant it to one partition',
  }));
  for (const partition of holders) {
    if (partition.form === 'driver') continue;
    faults.push({
      code: 'VS205',
      at: partition.at['grants.terminal'],
      sentence: `\`${partition.name}\` is ${partition.form === 'app' ? 'an application' : 'a guest'}, and only a driver may hold the terminal`,
      help: 'add a partition `tty: { driver: console, grants: { terminal: stdio } }`',
    });
  }
  return faults;
}

/** VS206: A console driver holds the terminal and has a channel to show on it. */
export function consoleIsJoined(description: Description): Fault[] {
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
      if (channelsOf(description, partition.name).length > 0) return [];
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

/** Of an application: its storage (virtsec/sdk, `storage`). */
const OF_APPS: readonly string[] = ['file', 'readonly'];

function takesOf({ form, what = '' }: Partition): readonly string[] {
  if (form === 'app') return what.startsWith('virtsec/') ? [] : OF_APPS;
  return form === 'driver' ? (TAKES[what]?.takes ?? []) : [];
}

/** VS225: A grant goes to a driver that is made for it; of the host itself an application reaches a file at most, its storage. */
export function grantsSuitDrivers(description: Description): Fault[] {
  return description.partitions.flatMap((partition): Fault[] => {
    const takes = takesOf(partition);
    // The terminal has a rule of its own, VS205.
    const stray = grantsOf(partition).find((grant) => !takes.includes(grant) && grant !== 'terminal');
    if (stray === undefined) return [];
    const at = partition.at[`grants.${stray}`];
    const owner = Object.keys(TAKES).find((driver) => TAKES[driver].takes.includes(stray))!;
    const sentence =
      partition.form === 'driver'
        ? `the ${partition.what} driver \`${partition.name}\` has no use for \`${stray}\``
        : `\`${partition.name}\` is ${partition.form === 'app' ? 'an application' : 'a guest'}, and \`${stray}\` is granted to drivers alone`;
    return [{ code: 'VS225', at, sentence, help: `grant it to a partition \`{ driver: ${owner} }\`` }];
  });
}

/** VS226: A driver is granted what it drives: a block driver its file, a net driver where it may connect or listen. */
export function driversHaveGrants(description: Description): Fault[] {
  return description.partitions.flatMap((partition): Fault[] => {
    const kind = partition.form === 'driver' ? TAKES[partition.what ?? ''] : undefined;
    if (kind === undefined || kind.needs.length === 0 || partition.devices.length > 0) return [];
    if (kind.needs.some((grant) => partition.at[`grants.${grant}`] !== undefined)) return [];
    return [
      {
        code: 'VS226',
        at: partition.at['driver'],
        sentence: `the ${partition.what} driver \`${partition.name}\` is granted nothing to drive`,
        help: `add \`grants: { ${kind.example} }\``,
      },
    ];
  });
}

/** The last words of a path, without the ways to write the same one differently. */
const normal = (path: string): string =>
  path
    .replace(/^(\.\/)+/, '')
    .replace(/\/+$/, '')
    .replaceAll(/\/(\.?\/)+/g, '/');

/** VS227: A file or folder that one driver may write is granted to no other: it would be a channel that nobody declared. */
export function filesAreHeldOnce(description: Description): Fault[] {
  const held = description.partitions.flatMap((partition) =>
    (['file', 'folder'] as const).flatMap((key) => {
      const path = partition.grants[key];
      return path === undefined ? [] : [{ partition, key, path: normal(path) }];
    }),
  );
  return held.flatMap((one, i): Fault[] => {
    const other = held
      .slice(0, i)
      .find(({ path }) => path === one.path || one.path.startsWith(`${path}/`) || path.startsWith(`${one.path}/`));
    if (other === undefined || (one.partition.grants.readonly && other.partition.grants.readonly)) return [];
    return [
      {
        code: 'VS227',
        at: one.partition.at[`grants.${one.key}`],
        sentence: `\`${one.path}\` is also granted to \`${other.partition.name}\`: what one writes the other reads`,
        help: `grant each a ${one.key} of its own, or write \`readonly: true\` for both`,
      },
    ];
  });
}

/** VS228: A TCP port is listened on by one driver. */
export function portsAreHeldOnce(description: Description): Fault[] {
  const ports = description.partitions.flatMap((partition) =>
    partition.grants.listen.map((port) => ({ partition, port })),
  );
  return repeated(ports, ({ port }) => String(port)).map(({ first, again }) => ({
    code: 'VS228',
    at: again.partition.at['grants.listen'],
    sentence:
      first.partition === again.partition
        ? `port ${again.port} stands here twice`
        : `port ${again.port} is already listened on by \`${first.partition.name}\``,
    help: 'choose another port',
  }));
}

/** VS229: A granted file or folder exists. */
export function grantedFilesExist(description: Description, host: Host): Fault[] {
  return description.partitions.flatMap((partition): Fault[] => {
    const { file, folder } = partition.grants;
    const missing =
      file !== undefined && !host.fileExists(file)
        ? 'file'
        : folder !== undefined && host.folderExists?.(folder) === false
          ? 'folder'
          : undefined;
    if (missing === undefined) return [];
    return [
      {
        code: 'VS229',
        at: partition.at[`grants.${missing}`],
        sentence: `the ${missing} granted to \`${partition.name}\` cannot be read: ${partition.grants[missing]}`,
        help: `paths start at the folder of the description; make the ${missing} first`,
      },
    ];
  });
}

interface HeldDevice {
  readonly partition: Partition;
  readonly device: Device;
}

const devicesOf = ({ partitions }: Description): HeldDevice[] =>
  partitions.flatMap((partition) => partition.devices.map((device) => ({ partition, device })));

/** VS233: The registers of a device are whole pages of 4K: memory protection knows nothing smaller. */
export function registersArePages(description: Description): Fault[] {
  return devicesOf(description).flatMap(({ device }): Fault[] => {
    const { start, end } = device.registers;
    if (start < end && start % PAGE === 0 && end % PAGE === 0) return [];
    const at = device.at['registers'];
    const hex = (address: number): string => `0x${address.toString(16)}`;
    const first = Math.floor(start / PAGE) * PAGE;
    const last = Math.max(first + PAGE, Math.ceil(end / PAGE) * PAGE);
    const sentence =
      start < end
        ? `the registers of device \`${device.name}\` are not whole pages`
        : `the registers of device \`${device.name}\` end before they begin`;
    return [{ code: 'VS233', at, sentence, help: `write \`${hex(first)}-${hex(last)}\`` }];
  });
}

/** VS234: No two devices have registers in common. */
export function registersDiffer(description: Description): Fault[] {
  const devices = devicesOf(description);
  return devices.flatMap(({ device }, i): Fault[] => {
    const { start, end } = device.registers;
    const other = devices
      .slice(0, i)
      .find((one) => one.device.registers.start < end && start < one.device.registers.end);
    if (other === undefined) return [];
    return [
      {
        code: 'VS234',
        at: device.at['registers'],
        sentence: `the registers of device \`${device.name}\` overlap those of \`${other.device.name}\` of \`${other.partition.name}\``,
        help: 'give each device its own span',
      },
    ];
  });
}

/** VS235: An interrupt goes to one device. */
export function interruptsDiffer(description: Description): Fault[] {
  const all = devicesOf(description);
  return repeated(all, ({ device }) => device.interrupt?.toString()).map(({ first, again }) => ({
    code: 'VS235',
    at: again.device.at['interrupt'],
    sentence: `interrupt ${again.device.interrupt} is already that of device \`${first.device.name}\` of \`${first.partition.name}\``,
    help: 'each device has an interrupt of its own',
  }));
}

/** VS236: Devices of the board are held by drivers and applications; a guest sees the devices of its own machine. */
export function devicesHaveDrivers({ partitions }: Description): Fault[] {
  return partitions
    .filter((partition) => partition.form === 'guest' && partition.devices.length > 0)
    .map((partition) => ({
      code: 'VS236',
      at: partition.devices[0].at['name'],
      sentence: `guest \`${partition.name}\` cannot hold a device of the board`,
      help: 'give it to a driver that is joined to the guest by a stream',
    }));
}
