// Partitions: what they run, how many there are, and what they may ask of the kernel.
import { MAX_PARTITIONS } from '../../kernel/plan.ts';
import { channelsOf, type Description, type Partition } from '../description.ts';
import type { Fault } from '../source.ts';
import { OWN_APPLICATIONS, isOperator } from '../tables.ts';
import { type Host, namesHelp, repeated } from './validator.ts';

/** One of each form: replicas share their text, and a fault in it is told once. */
const forms = ({ partitions }: Description): Partition[] => {
  const seen = new Set<string>();
  return partitions.filter(({ name, replicaOf = name }) => !seen.has(replicaOf) && seen.add(replicaOf));
};

const label = (partition: Partition): string => partition.replicaOf ?? partition.name;

/** VS207: A system has at least one guest or application; it ends when all of them have. */
export function somethingRuns(description: Description): Fault[] {
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
export function fitsTable({ partitions }: Description): Fault[] {
  if (partitions.length <= MAX_PARTITIONS) return [];
  const sentence = `this is partition ${MAX_PARTITIONS + 1} of ${partitions.length}: the kernel's table has ${MAX_PARTITIONS} places`;
  return [
    { code: 'VS208', at: partitions[MAX_PARTITIONS].at['name'], sentence, help: 'remove a partition, or replicas' },
  ];
}

/** VS209: The files that a guest names exist and can be read; its firmware may also be the name of an image. */
export function filesExist(description: Description, host: Host): Fault[] {
  return forms(description).flatMap((partition) =>
    (['kernel', 'initrd', 'firmware'] as const).flatMap((key): Fault[] => {
      const path = partition.files?.[key];
      if (path === undefined || host.fileExists(path)) return [];
      if (key === 'firmware' && host.firmware.includes(path)) return [];
      return [
        {
          code: 'VS209',
          at: partition.at[key],
          sentence: `the ${key} of guest \`${label(partition)}\` is not a readable file: ${path}`,
          help: `paths start at the folder of the description${key === 'firmware' ? '; firmware images: ' + host.firmware.join(', ') : ''}`,
        },
      ];
    }),
  );
}

/** VS210: A guest that is a word names an image of the library. */
export function imagesExist(description: Description, host: Host): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    if (partition.form !== 'guest' || partition.what === undefined || host.images.includes(partition.what)) return [];
    return [
      {
        code: 'VS210',
        at: partition.at['guest'],
        sentence: `\`${partition.what}\` is not a guest image`,
        help: `${namesHelp(partition.what, host.images, 'images')} (or name files: \`guest: { kernel: ./vmlinuz }\`)`,
      },
    ];
  });
}

/** VS212: An application is a file, `./pay.ts` or `./pay.wasm`, that exists, or one of Virtsec's own, `virtsec/NAME`. */
export function appsExist(description: Description, host: Host): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const path = partition.form === 'app' ? partition.what : undefined;
    if (path === undefined || /^virtsec\/[a-z-]+$/.test(path) || host.fileExists(path)) return [];
    return [
      {
        code: 'VS212',
        at: partition.at['app'],
        sentence: `the program of application \`${label(partition)}\` is not a readable file: ${path}`,
        help: 'paths start at the folder of the description; applications of Virtsec are called `virtsec/NAME`',
      },
    ];
  });
}

/** VS249: An application of Virtsec's own is one that there is. */
export function ownAppsExist(description: Description): Fault[] {
  const own = OWN_APPLICATIONS.map((name) => `virtsec/${name}`);
  return forms(description).flatMap(({ form, what = '', at }): Fault[] => {
    if (form !== 'app' || !/^virtsec\/[a-z-]+$/.test(what) || own.includes(what)) return [];
    const sentence = `\`${what}\` is not an application of Virtsec`;
    return [{ code: 'VS249', at: at['app'], sentence, help: namesHelp(what, own, 'applications') }];
  });
}

/** VS216: A file hashes to what the description says that it does. */
export function hashesMatch(description: Description, host: Host): Fault[] {
  return forms(description).flatMap((partition) =>
    Object.entries(partition.sha256).flatMap(([file, wanted]): Fault[] => {
      const path = file === 'app' ? partition.what : partition.files?.[file as 'kernel'];
      const found = path === undefined ? undefined : host.sha256?.(path);
      if (found === undefined || found === wanted) return [];
      return [
        {
          code: 'VS216',
          at: partition.at['sha256'],
          sentence: `the ${file === 'app' ? 'program' : file} of \`${label(partition)}\` is not the file that was meant: its hash differs`,
          help: `if you trust this file, write ${found}`,
        },
      ];
    }),
  );
}

/** VS218: A partition with `start: manual` has another that may start it. */
export function someoneStartsIt(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    if (partition.start !== 'manual') return [];
    if (description.partitions.some((other) => other.may.manage.includes(partition.name))) return [];
    return [
      {
        code: 'VS218',
        at: partition.at['start'],
        sentence: `nothing may start \`${label(partition)}\``,
        help: `give a partition \`may: { manage: ${label(partition)} }\`, or remove \`start\``,
      },
    ];
  });
}

/** VS219: What a partition may manage or audit are partitions of the description. */
export function authoritiesExist(description: Description): Fault[] {
  const names = description.partitions.map((partition) => partition.name);
  return forms(description).flatMap((partition) =>
    (['manage', 'audit'] as const).flatMap((key) =>
      partition.may[key]
        .filter((name) => !names.includes(name))
        .map((name) => ({
          code: 'VS219',
          at: partition.at[`may.${key}`],
          sentence: `\`${label(partition)}\` may ${key} \`${name}\`, which is not a partition`,
          help: namesHelp(name, names, 'partitions'),
        })),
    ),
  );
}

/** VS220: What a partition may switch to are modes of the schedule, and there are at least two. */
export function switchedModesExist(description: Description): Fault[] {
  const modes = description.modes.map((mode) => mode.name);
  return forms(description).flatMap((partition): Fault[] => {
    const at = partition.at['may.switch'];
    if (at === undefined) return [];
    const wrong = partition.may.switch.find((mode) => !modes.includes(mode));
    if (wrong !== undefined) {
      const sentence = `\`${label(partition)}\` may switch to \`${wrong}\`, which is not a mode of the schedule`;
      return [{ code: 'VS220', at, sentence, help: namesHelp(wrong, modes, 'modes') }];
    }
    if (modes.length > 1) return [];
    const sentence = `\`${label(partition)}\` may switch the schedule, which has ${modes.length === 1 ? 'one mode' : 'no modes'}`;
    return [{ code: 'VS220', at, sentence, help: 'remove `switch`, or describe another mode' }];
  });
}

/** VS221: A partition does not manage or audit itself: its own faults are the kernel's to answer. */
export function othersAreManaged(description: Description): Fault[] {
  return forms(description).flatMap((partition) =>
    (['manage', 'audit'] as const)
      .filter((key) => partition.may[key].includes(partition.name))
      .map((key) => ({
        code: 'VS221',
        at: partition.at[`may.${key}`],
        sentence: `\`${label(partition)}\` would ${key} itself`,
        help: `what happens at its faults stands in \`faults\` of \`${label(partition)}\``,
      })),
  );
}

/** VS223: A driver serves somebody: at least one channel ends there. */
export function driversServe(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    if (partition.form !== 'driver' || partition.what === 'console') return [];
    if (channelsOf(description, partition.name).length > 0) return [];
    return [
      {
        code: 'VS223',
        at: partition.at['driver'],
        sentence: `the ${partition.what} driver \`${label(partition)}\` serves nobody: no channel ends there`,
        help: 'join it with a guest or an application, or remove it',
      },
    ];
  });
}

/** VS238: Names of partitions differ, those of replicas (`sandbox-1`) included. */
export function namesDiffer({ partitions }: Description): Fault[] {
  const again = repeated(partitions, (partition) => partition.name)[0];
  if (again === undefined) return [];
  const own = [again.first, again.again].find((one) => one.replicaOf === undefined) ?? again.again;
  const sentence = `\`${again.again.name}\` is also the name of a replica`;
  return [{ code: 'VS238', at: own.at['name'], sentence, help: 'choose another name' }];
}

/** VS240: Names of replicas have at most 31 letters, like all names. */
export function replicaNamesFit(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const form = partition.replicaOf;
    const longest = description.partitions.findLast((other) => form !== undefined && other.replicaOf === form);
    if (longest === undefined || longest.name.length <= 31) return [];
    const sentence = `the replica \`${longest.name}\` has a name of ${longest.name.length} letters, where 31 are the most`;
    return [{ code: 'VS240', at: partition.at['name'], sentence, help: 'choose a shorter name' }];
  });
}

/** VS241: An application or guest may shut the system down only if it is no replica: a sandbox ends itself alone. */
export function replicasEndThemselves(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    if (partition.replicaOf === undefined) return [];
    const { shutDown } = partition.may;
    const fault = [...partition.faults.actions].find(([, action]) => action === 'shut-down')?.[0];
    const otherwise = partition.faults.otherwise === 'shut-down' ? 'otherwise' : undefined;
    const key = fault ?? otherwise;
    if (!shutDown && key === undefined) return [];
    return [
      {
        code: 'VS241',
        at: partition.at[shutDown ? 'may.shut-down' : `faults.${key}`],
        sentence: `one replica of \`${partition.replicaOf}\` would end the whole system, and the other replicas with it`,
        help: shutDown ? 'remove `shut-down`' : `write \`${key}: stop\``,
      },
    ];
  });
}

/** VS248: An operator (`app: virtsec/operator`) stands outside: it has rights over partitions, no channels and no window. */
export function operatorsStandOutside(description: Description): Fault[] {
  return forms(description)
    .filter(isOperator)
    .flatMap((partition): Fault[] => {
      const { name, at } = partition;
      const channel = channelsOf(description, name)[0];
      const window = description.modes
        .flatMap((mode) => [...mode.cores.values()].flat())
        .find((one) => one.partition === name);
      const place = channel?.at['ends'] ?? window?.at ?? at['needs'] ?? at['devices'] ?? at['replicas'] ?? at['config'];
      if (place === undefined) return [];
      const sentence = `\`${label(partition)}\` is an operator, who has no program to use this`;
      return [{ code: 'VS248', at: place, sentence, help: 'give it `may: { manage: [...], audit: [...] }` alone' }];
    });
}
