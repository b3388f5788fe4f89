// From what the user names to a compiled plan: a description is compiled, a file that is one already is opened.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cacheDirectory, readManifest } from '../images/cache.ts';
import { boot, Kernel, OK } from '../kernel/core/core.ts';
import { openPlanFile, type PlanFile, PlanFileError } from '../kernel/plan-file.ts';
import { loadPlan, PLAN_MAGIC_0, PLAN_MAGIC_1, PlanWords } from '../kernel/plan-load.ts';
import { contradiction } from '../kernel/plan-names.ts';
import type { Plan, PlanFileEntry, PlanPartition } from '../kernel/plan.ts';
import {
  bootAsWritten,
  claimFaults,
  compileSystem,
  type Description,
  formatFaults,
  type Host,
  notOnMetal,
  PRESENCE,
  readDescription,
  type TerminalChoice,
  VALIDATORS,
} from '../policy/index.ts';
import { applicationPath } from './application-file.ts';
import { type DescriptionFile, imageNames, isFile } from './description-file.ts';
import { EXIT, Failure } from './failure.ts';
import { firmwareImage, guestImage } from './images.ts';
import type { Io } from './io.ts';

/** A plan that the core has accepted. */
export interface LoadedPlan extends PlanFile {
  readonly kernel: Kernel;
  readonly plan: Plan;
}

/** Whether the file is a compiled plan, by its first bytes. */
export function isPlanFile(path: string): boolean {
  const start = Buffer.alloc(8);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return (
      readSync(file, start) === 8 && start.readInt32LE(0) === PLAN_MAGIC_0 && start.readInt32LE(4) === PLAN_MAGIC_1
    );
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Opens, loads and boots it, as the kernel does. Throws a Failure when the kernel would refuse it. */
export function loadPlanFile(name: string, bytes: Uint8Array): LoadedPlan {
  const refuse = (why: string): never => {
    throw new Failure(EXIT.usage, `virtsec: ${name}: ${why}`);
  };
  let file: PlanFile;
  try {
    file = openPlanFile(bytes);
  } catch (error) {
    if (error instanceof PlanFileError) return refuse(error.message);
    throw error;
  }
  const words = new PlanWords();
  words.n = file.words.length;
  words.words.set(file.words);
  const kernel = new Kernel();
  if (loadPlan(kernel, words) !== OK) refuse('its tables are not those of a plan');
  if (boot(kernel) !== OK) refuse('the core refuses its tables');
  // What the names mean beyond the tables, the kernel process checks: programs and files are there.
  const plan = file.names as Plan;
  let wrong: string | undefined;
  try {
    wrong = contradiction(plan, kernel);
  } catch {
    wrong = 'plan: not the names of a plan';
  }
  return wrong === undefined ? { ...file, kernel, plan } : refuse(wrong);
}

export const readPlanFile = (path: string): LoadedPlan => loadPlanFile(path, readFileSync(path));

/** What `use` makes of a key in PEM. Throws a Failure when the file is no such key. */
export function withKey<T>(command: string, file: string, use: (pem: string) => T): T {
  try {
    return use(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof PlanFileError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new Failure(EXIT.usage, `virtsec ${command}: ${file}: ${(error as Error).message}`, 'virtsec key new FILE');
  }
}

/** Throws a Failure with the messages of a wrong description, of one that breaks what it asserts, or that bare metal does not carry out. */
export function checkedDescription({ name, text, host }: DescriptionFile, isForMetal = false): Description {
  const reading = readDescription(
    name,
    text,
    host,
    VALIDATORS.filter((one) => !PRESENCE.includes(one)),
  );
  const { description, source } = reading;
  if (description === undefined) throw new Failure(EXIT.usage, reading.messages.join('\n\n'));
  const refused = isForMetal ? notOnMetal(description) : [];
  if (refused.length > 0) throw new Failure(EXIT.usage, formatFaults(source, refused).join('\n\n'));
  const broken = claimFaults(description);
  if (broken.length > 0) throw new Failure(EXIT.failed, formatFaults(source, broken).join('\n\n'));
  return description;
}

/** A file of a guest image, as a plan that is kept names it. */
const IMAGE_FILE = /^image:([\w-]+)\/([\w-]+)$/;

const cachedHash = (image: string, file: string): string | undefined =>
  readManifest(join(cacheDirectory(), image))?.files[file]?.sha256;

export interface CompiledDescription {
  readonly bytes: Buffer;
  /** Files that are not there to be hashed: the plan does not bind them. */
  readonly unbound: readonly string[];
}

/** The plan that is kept: files as the description names them, each bound by its hash where it is there. */
export function compileDescription(description: Description, host: Host): CompiledDescription {
  const hashOf = (path: string): string | undefined => {
    const image = IMAGE_FILE.exec(path);
    if (image !== null) return cachedHash(image[1], image[2]);
    return host.sha256?.(path) ?? (imageNames('firmware').includes(path) ? cachedHash(path, 'fw_dynamic') : undefined);
  };
  const { file, plan } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 }, { hashOf });
  const unbound = plan.partitions.flatMap(({ files }) =>
    files.filter(({ sha256, writable }) => sha256 === undefined && writable !== true).map(({ path }) => path),
  );
  return { bytes: file, unbound: [...new Set(unbound)] };
}

/** A compiled plan on this machine. */
export interface PlacedPlan {
  /** Files are where they are here; what the plan binds by a hash the kernel still holds them to. */
  readonly plan: Plan;
  readonly words: Int32Array;
  readonly guest: string;
  /** What the guest's console shows when it is up, if its image says so. */
  readonly ready?: string;
}

/** Paths start at the plan's folder; images are fetched. `guest`: whose console is meant, else the first. */
export async function placePlan(
  path: string,
  loaded: LoadedPlan,
  guest: string | undefined,
  io: Io,
): Promise<PlacedPlan> {
  const guests = loaded.plan.partitions.filter(({ kind }) => kind === 'guest').map(({ name }) => name);
  const chosen = guest ?? guests[0] ?? '';
  if (guest !== undefined && !guests.includes(guest)) {
    throw new Failure(EXIT.usage, `virtsec run: --console: \`${guest}\` is not a guest of this plan`);
  }
  let ready: string | undefined;
  const partitions: PlanPartition[] = [];
  for (const partition of loaded.plan.partitions) {
    const name = IMAGE_FILE.exec(partition.files[0]?.path ?? '')?.[1];
    const image = name === undefined ? undefined : await guestImage(name, io);
    if (partition.name === chosen) ready = image?.ready;
    const files: PlanFileEntry[] = [];
    for (const file of partition.files) {
      const inImage = IMAGE_FILE.exec(file.path)?.[2];
      const place = resolve(dirname(path), file.path);
      if (image !== undefined && inImage !== undefined) {
        files.push({ ...file, path: inImage === 'initrd' ? image.initrd : image.kernel });
      } else if (file.name === 'firmware' && !isFile(place) && imageNames('firmware').includes(file.path)) {
        files.push({ ...file, path: await firmwareImage(file.path, io) });
      } else if (isFile(place)) files.push({ ...file, path: file.name === 'app' ? applicationPath(place) : place });
      else {
        throw new Failure(
          EXIT.usage,
          `virtsec run: ${path}: the file \`${file.name}\` of partition \`${partition.name}\` cannot be read: ${place}`,
          `paths start at the plan's folder: put it there (${file.path}), or compile the plan again: virtsec plan SYSTEM -o FILE`,
        );
      }
    }
    // An image that is named by its name alone brings its own command line.
    const config = { ...partition.config };
    if (image !== undefined && config['cmdline'] === '') config['cmdline'] = image.cmdline;
    partitions.push({ ...partition, config, files });
  }
  const plan = { ...loaded.plan, partitions };
  return { plan, words: loaded.words, guest: chosen, ...(ready === undefined ? {} : { ready }) };
}

/** The plan with the terminal that the user has. */
export function onTerminal(placed: PlacedPlan, { rows, columns }: TerminalChoice): { plan: Plan; words: Int32Array } {
  const partitions = placed.plan.partitions.map((partition): PlanPartition => {
    const { config } = partition;
    if (partition.name === placed.guest && rows > 0 && columns > 0) {
      const cmdline = `${String(config['cmdline'])} LINES=${rows} COLUMNS=${columns}`.trim();
      return { ...partition, config: { ...config, cmdline } };
    }
    if (!partition.terminal || !Array.isArray(config['consoles'])) return partition;
    const consoles = config['consoles'] as readonly { readonly stream: string; readonly partition: string }[];
    const first = consoles.find((console) => console.partition === placed.guest)?.stream ?? config['first'];
    return { ...partition, config: { ...config, first, rows, columns } };
  });
  return { plan: { ...placed.plan, partitions }, words: placed.words };
}
