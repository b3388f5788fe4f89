// From what the user names (a folder, a file, kernel and initrd) to a checked description and what each guest boots.
import { dirname, resolve } from 'node:path';
import {
  type BootFiles,
  claimFaults,
  type Description,
  type Fault,
  formatFaults,
  nearest,
  notCarriedOut,
  type Partition,
  PRESENCE,
  readDescription,
  VALIDATORS,
} from '../policy/index.ts';
import { findDescription, hostOf, imageNames, isFile, readDescriptionFile } from './description-file.ts';
import { EXIT, type ExitStatus, Failure } from './failure.ts';
import { firmwareImage, guestImage } from './images.ts';
import type { Io } from './io.ts';

const AD_HOC_CMDLINE = 'console=ttyS0';

export interface LoadOptions {
  /** Folder or file; undefined: `kernel` or `firmware` stand alone, or the current folder is meant. */
  readonly system?: string;
  /** The guest that the other options speak of; undefined: the first. */
  readonly guest?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  /** A file, or the name of a firmware image. */
  readonly firmware?: string;
  readonly append?: string;
  /** Bytes. */
  readonly memory?: number;
  readonly harts?: number;
}

export interface LoadedSystem {
  readonly description: Description;
  readonly boot: ReadonlyMap<string, BootFiles>;
  /** Where the paths of the description start. */
  readonly folder: string;
  /** The guest that the options speak of. */
  readonly guest: Partition;
  /** What its console shows when it is up. */
  readonly ready?: string;
}

/** One guest, the terminal, and nothing else: the system of a kernel that is named on the command line. */
function adHocDescription(): string {
  return JSON.stringify({
    virtsec: 1,
    system: 'command-line',
    partitions: {
      guest: { guest: { kernel: '/', cmdline: AD_HOC_CMDLINE } },
      tty: { driver: 'console', grants: { terminal: 'stdio' } },
    },
    channels: { con: { stream: 'guest <-> tty', bytes: '64K', as: 'uart0' } },
  });
}

/** Throws a Failure with the messages of a wrong description, and fetches the images that guests name. */
export async function loadSystem(options: LoadOptions, io: Io): Promise<LoadedSystem> {
  for (const key of ['kernel', 'initrd', 'firmware'] as const) {
    const path = options[key];
    if (path === undefined || isFile(path)) continue;
    const names = key === 'firmware' ? imageNames('firmware') : [];
    if (names.includes(path)) continue;
    const help = names.length === 0 ? undefined : `firmware images: ${names.join(', ')}`;
    throw new Failure(EXIT.usage, `virtsec run: --${key}: there is no readable file ${path}`, help);
  }
  const isAdHoc = options.system === undefined && (options.kernel ?? options.firmware) !== undefined;
  const file = isAdHoc ? undefined : findDescription('run', options.system);
  const folder = file === undefined ? '.' : dirname(file);
  const written =
    file === undefined
      ? { name: 'command line', text: adHocDescription(), host: { ...hostOf(folder), fileExists: () => true } }
      : await readDescriptionFile(file);
  const reading = readDescription(
    written.name,
    written.text,
    written.host,
    VALIDATORS.filter((one) => !PRESENCE.includes(one)),
  );
  if (reading.description === undefined) throw new Failure(EXIT.usage, reading.messages.join('\n\n'));
  const refuse = (status: ExitStatus, faults: readonly Fault[]): void => {
    if (faults.length > 0) throw new Failure(status, formatFaults(reading.source, faults).join('\n\n'));
  };
  refuse(EXIT.usage, notCarriedOut(reading.description));
  refuse(
    EXIT.usage,
    PRESENCE.flatMap((validator) => [...validator(reading.description, written.host)]),
  );
  // A system that breaks what its own description asserts is not started.
  refuse(EXIT.failed, claimFaults(reading.description));

  const guest = chooseGuest(reading.description, options.guest);
  const partitions = reading.description.partitions.map((partition) =>
    partition === guest
      ? {
          ...partition,
          ...(options.memory === undefined ? {} : { memory: options.memory }),
          ...(options.harts === undefined ? {} : { harts: options.harts }),
        }
      : partition,
  );
  const boot = new Map<string, BootFiles>();
  let ready = guest.ready;
  for (const partition of partitions) {
    if (partition.form !== 'guest') continue;
    let files: BootFiles;
    if (partition.what !== undefined) {
      const image = await guestImage(partition.what, io);
      files = { kernel: image.kernel, initrd: image.initrd, cmdline: image.cmdline, deviceTree: true };
      if (partition.name === guest.name) ready ??= image.ready;
    } else if (file === undefined) files = { cmdline: AD_HOC_CMDLINE, deviceTree: true };
    else files = await atFolder(partition, folder, io);
    boot.set(partition.name, partition.name === guest.name ? await override(files, options, io) : files);
  }
  return {
    description: { ...reading.description, partitions },
    boot,
    folder,
    guest: partitions.find((partition) => partition.name === guest.name)!,
    ...(ready === undefined ? {} : { ready }),
  };
}

function chooseGuest(description: Description, name: string | undefined): Partition {
  const guests = description.partitions.filter((partition) => partition.form === 'guest');
  if (name === undefined) return guests[0];
  const guest = guests.find((partition) => partition.name === name);
  if (guest !== undefined) return guest;
  const names = guests.map((partition) => partition.name);
  const meant = nearest(name, names);
  throw new Failure(
    EXIT.usage,
    `virtsec run: --console: \`${name}\` is not a guest of this system`,
    meant === undefined ? `guests: ${names.join(', ')}` : `did you mean \`${meant}\`?`,
  );
}

async function atFolder(partition: Partition, folder: string, io: Io): Promise<BootFiles> {
  const { kernel, initrd, firmware, cmdline, deviceTree } = partition.files!;
  return {
    ...(kernel === undefined ? {} : { kernel: resolve(folder, kernel) }),
    ...(initrd === undefined ? {} : { initrd: resolve(folder, initrd) }),
    ...(firmware === undefined ? {} : { firmware: await firmwareFile(firmware, folder, io) }),
    cmdline,
    deviceTree,
  };
}

/** A file, or else the image of that name. */
async function firmwareFile(firmware: string, folder: string, io: Io): Promise<string> {
  const path = resolve(folder, firmware);
  return !isFile(path) && imageNames('firmware').includes(firmware) ? firmwareImage(firmware, io) : path;
}

async function override(files: BootFiles, options: LoadOptions, io: Io): Promise<BootFiles> {
  const { kernel, initrd, firmware, append = '' } = options;
  return {
    ...files,
    ...(kernel === undefined ? {} : { kernel: resolve(kernel) }),
    ...(initrd === undefined ? {} : { initrd: resolve(initrd) }),
    ...(firmware === undefined ? {} : { firmware: await firmwareFile(firmware, '.', io) }),
    cmdline: [files.cmdline, append].filter((part) => part !== '').join(' '),
  };
}
