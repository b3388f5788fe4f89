// What the format has and this version's kernel does not carry out yet: one list. `check` takes all of it, `run` refuses.
//
// VS104: What `run` starts is carried out by this version's kernel; `check` takes all of the format.
// VS109: What `build` makes an image of, and `run --metal` starts, is carried out on bare metal.
import { type Channel, type Description, endsOf, type Partition } from './description.ts';
import type { Fault, Range } from './source.ts';

/** Of a guest: streams alone, as these. */
const DEVICES: readonly string[] = ['uart0', 'uart1'];
const DRIVERS: readonly string[] = ['console'];
const OWN_APPLICATIONS: readonly string[] = ['virtsec/operator'];

type Rule = readonly [key: string, what: string, isCarriedOut?: (partition: Partition) => boolean];
const isApp = ({ form }: Partition): boolean => form === 'app';
/** Fields of a partition, as its places name them, and of which partitions they are carried out. */
const FIELDS: readonly Rule[] = [
  ['engine', 'another engine than riscv', ({ engine }) => engine === 'riscv'],
  ['clock', 'a clock of instructions', ({ clock }) => clock === 'host'],
  ['config', 'settings of a driver (`config`)', isApp],
  // The kernel has the right; nothing in a guest or a driver could use it.
  ['may', 'an authority of a guest or a driver (`may`)', isApp],
  ['devices', 'devices of a board'],
  // VMM and drivers do not say that they live: they would all be stopped.
  ['faults.beat', 'the heartbeat of a guest or a driver', isApp],
];

/** One fault for each place of the text that this version does not carry out. */
export function notCarriedOut(description: Description): Fault[] {
  const { faults: module } = description.at;
  const faults = [
    ...(module === undefined ? [] : [refuse(module, 'faults of the system', 'remove `faults`')]),
    ...description.partitions.flatMap(ofPartition),
    ...description.channels.flatMap((channel) => ofChannel(description, channel)),
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
  const { form, what = '' } = partition;
  if (form === 'driver' && !DRIVERS.includes(what)) {
    return [refuse(partition.at['driver'], `the ${what} driver`, `carried out: ${DRIVERS.join(', ')}`)];
  }
  if (form === 'app' && what.startsWith('virtsec/') && !OWN_APPLICATIONS.includes(what)) {
    return [refuse(partition.at['app'], `\`${what}\``, `carried out: files, ${OWN_APPLICATIONS.join(', ')}`)];
  }
  if (form === 'app' && what.endsWith('.elf')) {
    const sentence = `\`${what}\` is a program for bare metal: \`virtsec check\` takes it, \`virtsec run\` cannot start it on this host`;
    return [{ code: 'VS104', at: partition.at['app'], sentence, help: 'start it there: `virtsec run SYSTEM --metal`' }];
  }
  return FIELDS.flatMap(([key, field, isCarriedOut]): Fault[] => {
    const at = partition.at[key];
    if (at === undefined || (isCarriedOut?.(partition) ?? false)) return [];
    return [refuse(at, field, `remove \`${key.split('.').at(-1)}\``)];
  });
}

function ofChannel(description: Description, channel: Channel): Fault[] {
  const others = description.partitions.filter((one) => endsOf(channel).includes(one.name) && !isApp(one));
  if (channel.kind !== 'stream') {
    if (others.length === 0) return [];
    const help = `let a stream lead from \`${others[0].name}\` to an application, and the channel on from there`;
    return [refuse(channel.at['ends'], `a ${channel.kind} channel of a guest or a driver`, help)];
  }
  if (channel.as === undefined || DEVICES.includes(channel.as)) return [];
  return [refuse(channel.at['as'], `the device \`${channel.as}\``, `carried out: ${DEVICES.join(', ')}`)];
}

/** What an application has of a host, as its places name them. */
const OF_A_HOST: readonly Rule[] = [
  ['grants.file', 'a file of a host (`grants.file`)'],
  ['grants.folder', 'a folder of a host (`grants.folder`)'],
  ['config', 'settings of an application (`config`)'],
];

/** The same for bare metal: there is no host under it. */
export const notOnMetal = ({ partitions }: Description): Fault[] =>
  partitions.filter(isApp).flatMap(({ at }) =>
    OF_A_HOST.flatMap(([key, what]): Fault[] => {
      const place = at[key];
      const sentence = `bare metal does not carry out ${what}: \`virtsec run\` takes it, \`virtsec build\` and \`virtsec run --metal\` cannot`;
      const help = `remove \`${key.split('.').at(-1)}\`, or run the system on a host: \`virtsec run SYSTEM\``;
      return place === undefined ? [] : [{ code: 'VS109', at: place, sentence, help }];
    }),
  );
