// Plans written by hostile hands: bytes, fields, sections and tables of valid plans, changed at random. Each is refused by the
// file's reader, the loader or `boot`, or it satisfies every well-formedness predicate, and what the specification says of an
// accepted plan. Nothing throws, and nothing takes long.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as core from '../../src/kernel/core/core.ts';
import * as spec from '../../src/kernel/core/spec.ts';
import { encodePlanFile, openPlanFile, PlanFileError } from '../../src/kernel/plan-file.ts';
import { checkPlan, PlanError } from '../../src/kernel/hosted/plan-check.ts';
import * as load from '../../src/kernel/plan-load.ts';
import { contradiction } from '../../src/kernel/plan-names.ts';
import type { Plan } from '../../src/kernel/plan.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../src/policy/index.ts';
import { DERIVED, planWords, sectionsOf } from '../../src/policy/plan-words.ts';

/** The loader and core under test: those that ship, or a copy with a fault. */
export interface Target {
  readonly Kernel: typeof core.Kernel;
  readonly boot: typeof core.boot;
  readonly loadPlan: typeof load.loadPlan;
}
export const SHIPPED: Target = { Kernel: core.Kernel, boot: core.boot, loadPlan: load.loadPlan };

export interface FuzzResult {
  readonly plans: number;
  /** Refused by the file's reader, by the loader, by `boot`. */
  readonly refused: { file: number; load: number; boot: number };
  readonly accepted: number;
  /** Of them, those that are not the plan that they were made from. */
  readonly acceptedChanged: number;
  /** Longest time of one plan, in ms of this process. */
  readonly slowest: number;
  /** What must not be, with the seed of the plan. */
  readonly wrong: readonly string[];
}

/** Rows of each predicate of the boot validator, as this test counts them. A new predicate must come to stand here. */
const ROWS: Readonly<Record<string, (k: core.Kernel) => number>> = {
  wf_sizes: () => 1,
  wf_partition: (k) => k.np,
  wf_action: (k) => k.np * core.MAX_CODES,
  wf_stream: (k) => k.ns,
  wf_end: (k) => k.np * core.MAX_ENDS,
  wf_joined: (k) => k.np * core.MAX_PARTITIONS,
  wf_bit: (k) => k.np * core.MAX_PARTITIONS * core.MAX_ENDS,
  wf_policy: (k) => k.np * core.MAX_PARTITIONS,
  wf_port: (k) => k.nports,
  wf_position: (k) => k.nports * core.MAX_DEPTH,
  wf_slot: () => core.SLOTS,
  wf_sample: (k) => k.nsamples,
  wf_reader: (k) => k.nsamples * core.MAX_PARTITIONS,
  wf_handle: (k) => k.np * core.MAX_HANDLES,
  wf_mode: (k) => k.nmodes,
  wf_schedule: (k) => k.nmodes * core.MAX_CORES,
  wf_window: (k) => k.nwindows,
  wf_regions: (k) => (k.np + k.ns) * core.REGION_STRIDE,
};
export const PREDICATES = Object.entries(core).filter(([name]) => name.startsWith('wf_')) as [
  string,
  (k: core.Kernel, row: number) => boolean,
][];
export const uncounted = (): string[] => PREDICATES.flatMap(([name]) => (name in ROWS ? [] : [name]));

/** What is wrong with a plan that was accepted, by the predicates that ship. */
export function faultOf(k: core.Kernel): string | undefined {
  for (const [name, holds] of PREDICATES) {
    const rows = ROWS[name](k);
    for (let row = 0; row < rows; row++) if (!holds(k, row)) return `${name}(${row})`;
  }
  if (!spec.plan(k)) return 'plan';
  return spec.invariant(k) ? undefined : 'invariant';
}

const SYSTEMS = path.resolve(import.meta.dirname, '../../systems');

interface Base {
  readonly file: Buffer;
  readonly words: Int32Array;
  readonly kernel: core.Kernel;
}

/** Valid plans to begin with: every example. */
function bases(): Base[] {
  const host = { fileExists: () => true, folderExists: () => true, images: ['debian'], firmware: ['opensbi'] };
  return readdirSync(SYSTEMS).map((name) => {
    const text = readFileSync(path.join(SYSTEMS, name, 'system.yaml'), 'utf8');
    const { description } = readDescription(name, text, host);
    if (description === undefined) throw new Error(`${name} is not a description`);
    const { file, tables } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
    return { file, words: planWords(tables.kernel), kernel: tables.kernel };
  });
}

/** Numbers below n; the same for the same seed (xorshift32). */
type Pick = (n: number) => number;
export function generator(seed: number): Pick {
  let x = (seed * 2654435761) >>> 0 || 1;
  return (n) => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x % n;
  };
}

const EXTREMES = [
  0,
  1,
  -1,
  2,
  31,
  32,
  63,
  64,
  255,
  256,
  511,
  512,
  1024,
  1 << 20,
  1 << 24,
  1 << 30,
  0x7fffffff,
  -0x80000000,
];

/** A value that may be wrong at the place of `old`. */
function hostile(pick: Pick, old: number, k: core.Kernel): number {
  switch (pick(6)) {
    case 0:
      return EXTREMES[pick(EXTREMES.length)];
    case 1:
      return old + 1;
    case 2:
      return old - 1;
    case 3:
      return old ^ (1 << pick(32));
    case 4:
      return pick(k.np + 2) - 1;
    default:
      return pick(2) === 0 ? pick(8) : pick(0xffffffff) | 0;
  }
}

/** Whole words as a file without names. */
const fileOf = (words: Int32Array): Buffer => encodePlanFile(words, {});

/** A file, or tables that are given to `boot` past the loader: it takes any words at all. */
type Mutation = (pick: Pick, base: Base) => Buffer | core.Kernel;

function bytes(pick: Pick, n: number): Buffer {
  return Buffer.from(Array.from({ length: n }, () => pick(256)));
}

/** Bytes without any meaning; with a plan's first words in half of the cases. */
const noise: Mutation = (pick, { file }) => {
  const rest = bytes(pick, pick(4) === 0 ? pick(16384) : pick(512));
  return pick(2) === 0 ? rest : Buffer.concat([file.subarray(0, pick(file.length)), rest]);
};

const cut = (pick: Pick, { file }: { readonly file: Buffer }): Buffer => file.subarray(0, pick(file.length));

/** Some bytes anywhere, names and header included. */
const bits: Mutation = (pick, { file }) => {
  const copy = Buffer.from(file);
  for (let n = 1 + pick(4); n > 0; n--) copy[pick(copy.length)] ^= 1 << pick(8);
  return copy;
};

const header: Mutation = (pick, { words, kernel }) => {
  const copy = words.slice();
  for (let n = 1 + pick(3); n > 0; n--) {
    const word = pick(load.HEADER_WORDS);
    copy[word] = hostile(pick, copy[word], kernel);
  }
  return fileOf(copy);
};

/** Words of the tables, mostly one. */
const fields: Mutation = (pick, { words, kernel }) => {
  const copy = words.slice();
  for (let n = pick(3) === 0 ? 1 + pick(6) : 1; n > 0; n--) {
    const word = load.HEADER_WORDS + pick(words.length - load.HEADER_WORDS);
    copy[word] = hostile(pick, copy[word], kernel);
  }
  return fileOf(copy);
};

const swapped: Mutation = (pick, { words }) => {
  const copy = words.slice();
  const [a, b] = [0, 0].map(() => load.HEADER_WORDS + pick(words.length - load.HEADER_WORDS));
  [copy[a], copy[b]] = [copy[b], copy[a]];
  return fileOf(copy);
};

/** A span of words twice, gone, or in another's place; the count of words says the truth, or not. */
const spans: Mutation = (pick, { words }) => {
  const [from, to, length] = [pick(words.length), pick(words.length), 1 + pick(40)];
  const span = words.subarray(from, from + length);
  const list = [...words];
  const kind = pick(3);
  if (kind === 0) list.splice(to, 0, ...span);
  else if (kind === 1) list.splice(from, length);
  else list.splice(to, span.length, ...span);
  if (list.length <= load.H_WORDS) return cut(pick, { file: fileOf(words) });
  if (pick(2) === 0) list[load.H_WORDS] = list.length;
  return fileOf(Int32Array.from(list));
};

function copyOf({ words }: Base): core.Kernel {
  const k = new core.Kernel();
  const buffer = new load.PlanWords();
  buffer.n = words.length;
  buffer.words.set(words);
  load.loadPlan(k, buffer);
  return k;
}

const SIZES = ['np', 'ns', 'nports', 'nsamples', 'nwindows', 'nmodes', 'ncores'] as const;

/** Cells of the tables themselves, of a plan whose sizes have been changed too: written again as a compiler would. */
const tables: Mutation = (pick, base) => {
  const k = copyOf(base);
  if (pick(4) === 0) {
    const size = SIZES[pick(SIZES.length)];
    k[size] = Math.max(0, k[size] + (pick(2) === 0 ? 1 : -1));
  }
  const sections = sectionsOf(k);
  for (let n = 1 + pick(3); n > 0; n--) {
    const { tables, rows, used = 1, stride = 1 } = sections[pick(sections.length)];
    if (rows === 0 || used === 0) continue;
    const table = k[tables[pick(tables.length)]];
    const cell = pick(rows) * stride + pick(used);
    table[cell] = pick(3) === 0 ? table[pick(rows) * stride + pick(used)] : hostile(pick, table[cell], k);
  }
  return fileOf(planWords(k));
};

/** What no single word says: one more place in a row, with anything in it; a frame of another length, its windows with it. */
const grown: Mutation = (pick, base) => {
  const k = copyOf(base);
  const p = pick(k.np);
  switch (pick(3)) {
    case 0:
      k.endStream[p * core.MAX_ENDS + k.ends[p]] = hostile(pick, k.ns, k);
      k.ends[p] += 1;
      break;
    case 1: {
      const c = pick(Math.max(1, k.nports));
      k.slotOf[c * core.MAX_DEPTH + k.portCapacity[c]] = hostile(pick, 0, k);
      k.portCapacity[c] += 1;
      break;
    }
    default: {
      const m = pick(k.nmodes);
      const length = hostile(pick, k.frameLength[m], k);
      k.frameLength[m] = length;
      for (let i = 0; i < k.ncores; i++) k.winEnd[k.scheduleEnd[m * core.MAX_CORES + i] - 1] = length;
    }
  }
  return fileOf(planWords(k));
};

/** Sizes that the loader would never pass on. */
const sizes: Mutation = (pick, base) => {
  const k = copyOf(base);
  const size = SIZES[pick(SIZES.length)];
  k[size] = hostile(pick, k[size], k);
  return k;
};

const MUTATIONS: readonly (readonly [share: number, mutation: Mutation])[] = [
  [1, noise],
  [1, cut],
  [1, bits],
  [2, header],
  [6, fields],
  [2, swapped],
  [2, spans],
  [5, tables],
  [1, grown],
  [1, sizes],
];
const SHARES = MUTATIONS.flatMap(([share, mutation]) => Array.from({ length: share }, () => mutation));

/** The core's plan tables. */
const TABLES = [...sectionsOf(new core.Kernel()).flatMap(({ tables }) => tables), ...DERIVED];

/** State that `boot` must not have touched when it refuses: all that is cheap to look at. */
const isUntouched = (k: core.Kernel): boolean =>
  k.sysMode === core.SYS_OFF &&
  k.timeLo === 0 &&
  k.curWin.every((w) => w === 0) &&
  k.state.every((state) => state === 0) &&
  k.fx.every((fx) => fx === 0) &&
  k.credit.every((credit) => credit === 0);

export interface FuzzOptions {
  readonly plans: number;
  readonly seed: number;
  /** Stop at the first plan that is accepted and ill-formed. */
  readonly untilWrong?: boolean;
}

export function fuzzPlans(target: Target, { plans, seed, untilWrong = false }: FuzzOptions): FuzzResult {
  const all = bases();
  const refused = { file: 0, load: 0, boot: 0 };
  const wrong: string[] = [];
  let [count, accepted, acceptedChanged, slowest] = [0, 0, 0, 0];
  // A kernel that has refused holds nothing but tables, which are cleared: 600 KB for each plan would be the longest part.
  let k = new target.Kernel();
  const clear = (): void => {
    for (const size of SIZES) k[size] = 0;
    for (const table of TABLES) k[table].fill(0);
  };
  const buffer = new load.PlanWords();
  while (count < plans && !(untilWrong && wrong.length > 0)) {
    const number = seed + count++;
    const pick = generator(number);
    const base = all[pick(all.length)];
    const made = SHARES[pick(SHARES.length)](pick, base);
    const start = process.cpuUsage();
    try {
      const words = made instanceof core.Kernel ? undefined : wordsOf(made);
      if (made instanceof core.Kernel) copyPlan(made, k);
      else if (words === undefined) refused.file += 1;
      if (words !== undefined) {
        buffer.n = Math.min(words.length, load.MAX_PLAN_WORDS);
        buffer.words.set(words.subarray(0, buffer.n));
      }
      if (words !== undefined && target.loadPlan(k, buffer) !== core.OK) refused.load += 1;
      else if (words !== undefined || made instanceof core.Kernel) {
        if (target.boot(k) !== core.OK) {
          refused.boot += 1;
          if (!isUntouched(k)) wrong.push(`${number}: refused, and the state is not as it was`);
        } else {
          accepted += 1;
          const isSame = words?.every((word, i) => word === base.words[i] || i === load.H_NAME_BYTES);
          if (isSame !== true) acceptedChanged += 1;
          const fault = faultOf(k);
          if (fault !== undefined) wrong.push(`${number}: accepted, and ${fault} does not hold`);
          k = new target.Kernel();
        }
      }
    } catch (error) {
      wrong.push(`${number}: ${String(error)}`);
      k = new target.Kernel();
    }
    const { user, system } = process.cpuUsage(start);
    slowest = Math.max(slowest, (user + system) / 1000);
    if (k.sysMode === core.SYS_OFF) clear();
  }
  return { plans: count, refused, accepted, acceptedChanged, slowest, wrong };
}

/** Sizes and plan tables. */
function copyPlan(from: core.Kernel, to: core.Kernel): void {
  for (const size of SIZES) to[size] = from[size];
  for (const table of TABLES) to[table].set(from[table]);
}

/** As the kernel reads it; undefined: refused. */
function wordsOf(file: Buffer): Int32Array | undefined {
  try {
    return openPlanFile(file).words;
  } catch (error) {
    if (error instanceof PlanFileError) return undefined;
    throw error;
  }
}

const ODD = [
  undefined,
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 53,
  1e308,
  '',
  'x',
  '../x',
  '__proto__',
  'constructor',
  [],
  {},
  [[]],
  '\0',
  '\ud800',
];

/** The value with one thing changed somewhere in it: taken away, doubled, or another in its place. */
function changed(pick: Pick, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || pick(8) === 0) return ODD[pick(ODD.length)];
  if (Array.isArray(value)) {
    if (value.length === 0) return [ODD[pick(ODD.length)]];
    const at = pick(value.length);
    const other: unknown = value[pick(value.length)];
    return [value.toSpliced(at, 1), value.toSpliced(at, 0, other), value.with(at, changed(pick, value[at]))][pick(3)];
  }
  const fields = Object.entries(value);
  if (fields.length === 0) return { x: ODD[pick(ODD.length)] };
  const at = pick(fields.length);
  const [key, field] = fields[at] as [string, unknown];
  const other = fields[pick(fields.length)][0];
  return Object.fromEntries(
    [
      fields.toSpliced(at, 1),
      fields.with(at, [other, field]),
      fields.with(at, [key, changed(pick, field)]),
      fields.with(at, [key, changed(pick, field)]),
    ][pick(4)],
  );
}

export interface NamesResult {
  readonly refused: number;
  /** Accepted by themselves, and refused beside the tables. */
  readonly contradicting: number;
  readonly accepted: number;
  readonly wrong: readonly string[];
}

/** Names of a plan, changed at random and held against its tables as the kernel process does it. */
export function fuzzNames(plan: Plan, kernel: core.Kernel, plans: number, seed: number): NamesResult {
  const result = { refused: 0, contradicting: 0, accepted: 0 };
  const wrong: string[] = [];
  for (let n = 0; n < plans; n++) {
    const pick = generator(seed + n);
    let names: unknown = plan;
    for (let times = 1 + pick(2); times > 0; times--) names = changed(pick, names);
    try {
      const checked = checkPlan(names, []);
      if (contradiction(checked, kernel) === undefined) result.accepted += 1;
      else result.contradicting += 1;
    } catch (error) {
      if (error instanceof PlanError) result.refused += 1;
      else wrong.push(`${seed + n}: ${String(error)}`);
    }
  }
  return { ...result, wrong };
}
