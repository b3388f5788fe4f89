// From what the user names to a compiled plan: a description is compiled, a file that is one already is opened.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, readManifest } from '../images/cache.ts';
import { boot, Kernel, OK } from '../kernel/core/core.ts';
import { openPlanFile, type PlanFile, PlanFileError } from '../kernel/plan-file.ts';
import { loadPlan, PLAN_MAGIC_0, PLAN_MAGIC_1, PlanWords } from '../kernel/plan-load.ts';
import { contradiction } from '../kernel/plan-names.ts';
import type { Plan } from '../kernel/plan.ts';
import {
  bootAsWritten,
  claimFaults,
  compileSystem,
  type Description,
  formatFaults,
  type Host,
  PRESENCE,
  readDescription,
  VALIDATORS,
} from '../policy/index.ts';
import type { DescriptionFile } from './description-file.ts';
import { EXIT, Failure } from './failure.ts';

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

/** Throws a Failure with the messages of a wrong description, or of one that breaks what it asserts. */
export function checkedDescription({ name, text, host }: DescriptionFile): Description {
  const reading = readDescription(
    name,
    text,
    host,
    VALIDATORS.filter((one) => !PRESENCE.includes(one)),
  );
  const { description, source } = reading;
  if (description === undefined) throw new Failure(EXIT.usage, reading.messages.join('\n\n'));
  const broken = claimFaults(description);
  if (broken.length > 0) throw new Failure(EXIT.failed, formatFaults(source, broken).join('\n\n'));
  return description;
}

export interface CompiledDescription {
  readonly bytes: Buffer;
  /** Files that are not there to be hashed: the plan does not bind them. */
  readonly unbound: readonly string[];
}

/** The plan that is kept: files as the description names them, each bound by its hash where it is there. */
export function compileDescription(description: Description, host: Host): CompiledDescription {
  const hashOf = (path: string): string | undefined => {
    const image = /^image:([\w-]+)\/([\w-]+)$/.exec(path);
    if (image === null) return host.sha256?.(path);
    return readManifest(join(cacheDirectory(), image[1]))?.files[image[2]]?.sha256;
  };
  const { file, plan } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 }, hashOf);
  const unbound = plan.partitions.flatMap(({ files }) =>
    files.filter(({ sha256 }) => sha256 === undefined).map(({ path }) => path),
  );
  return { bytes: file, unbound: [...new Set(unbound)] };
}
