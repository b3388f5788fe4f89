// What the format has and this version's kernel does not carry out yet: one list. `check` takes all of it, `run` refuses.
//
// VS104: What `run` starts is carried out by this version's kernel; `check` takes all of the format.
import type { Channel, Description, Partition } from './description.ts';
import type { Fault, Range } from './source.ts';

const KINDS: readonly string[] = ['stream'];
const DEVICES: readonly string[] = ['uart0', 'uart1'];
const DRIVERS: readonly string[] = ['console'];
/** Fields of a partition, as its places name them. */
const FIELDS: readonly (readonly [key: string, what: string])[] = [
  ['engine', 'another engine than riscv'],
  ['clock', 'a clock of instructions'],
  ['config', 'settings of a driver (`config`)'],
  ['sha256', 'image hashes'],
  ['start', '`start: manual`'],
  ['needs', 'a need of processor time'],
  ['may', 'an authority over other partitions or the schedule (`may`)'],
  ['devices', 'devices of a board'],
  ['faults', "reactions to a partition's faults"],
  ['replicas', 'replicas'],
];
/** Values of those fields that say what is done anyway. */
const HARMLESS: Readonly<Record<string, (partition: Partition) => boolean>> = {
  engine: (partition) => partition.engine === 'riscv',
  clock: (partition) => partition.clock === 'host',
  start: (partition) => partition.start === 'boot',
};

/** One fault for each place of the text that this version does not carry out. */
export function notCarriedOut(description: Description): Fault[] {
  const faults = [
    ...(['schedules', 'faults'] as const).flatMap((key): Fault[] =>
      description.at[key] === undefined
        ? []
        : [refuse(description.at[key], key === 'faults' ? 'faults of the system' : 'a schedule', `remove \`${key}\``)],
    ),
    ...description.partitions.flatMap(ofPartition),
    ...description.channels.flatMap(ofChannel),
  ];
  // Replicas have their places in common.
  return faults.filter((fault, i) => faults.findIndex((one) => one.at.start === fault.at.start) === i);
}

const refuse = (at: Range, what: string, help: string): Fault => ({
  code: 'VS104',
  at,
  sentence: `this version's kernel does not carry out ${what} yet: \`virtsec check\` takes it, \`virtsec run\` cannot`,
  help,
});

function ofPartition(partition: Partition): Fault[] {
  if (partition.form === 'app') {
    return [refuse(partition.at['app'], 'a native application (`app`)', 'write a `guest` or a `driver`')];
  }
  if (partition.form === 'driver' && !DRIVERS.includes(partition.what ?? '')) {
    return [refuse(partition.at['driver'], `the ${partition.what} driver`, `carried out: ${DRIVERS.join(', ')}`)];
  }
  return FIELDS.flatMap(([key, what]): Fault[] => {
    const at = partition.at[key];
    if (at === undefined || (HARMLESS[key]?.(partition) ?? false)) return [];
    return [refuse(at, what, `remove \`${key}\``)];
  });
}

function ofChannel(channel: Channel): Fault[] {
  if (!KINDS.includes(channel.kind)) {
    return [refuse(channel.at['ends'], `a ${channel.kind} channel`, `carried out: ${KINDS.join(', ')}`)];
  }
  if (channel.as === undefined || DEVICES.includes(channel.as)) return [];
  return [refuse(channel.at['as'], `the device \`${channel.as}\``, `carried out: ${DEVICES.join(', ')}`)];
}
