// The kernel's own check of a plan's names: types, ranges and references. It trusts nothing that the description's compiler
// said. Whether they agree with the core's tables is plan-names.ts.
import type { PortEnd } from '../call-page.ts';
import { MAX_PARTITIONS, MAX_STREAMS } from '../plan.ts';
import type { Plan, PlanFileEntry, PlanPartition, PlanStream } from '../plan.ts';
import { MAX_ENDS } from '../core/core.ts';
import { OPERATOR, findProgram } from './programs.ts';

/** A plan that the kernel does not accept; the message says where and why. */
export class PlanError extends Error {}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MIN_RING = 4096;
const MAX_RING = 16 << 20;
const MAX_HARTS = 8;
const MAX_FILES = 16;
/** Characters of JSON: it goes to the program in an argument, of which Linux takes 128 KiB. */
const MAX_CONFIG = 65536;
const MAX_PARTITION_MEMORY = 2 ** 40;
/** Port ends: handles, and signals that come in, a bit each. */
const MAX_PORT_ENDS = 64;
const MAX_MODES = 8;
const MAX_MICROSECONDS = 2 ** 50;

type Fields = Readonly<Record<string, unknown>>;

function check(condition: boolean, place: string, what: string): asserts condition {
  if (!condition) throw new PlanError(`${place}: ${what}`);
}
function object(value: unknown, place: string): Fields {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), place, 'not an object');
  return value as Fields;
}
function list(value: unknown, place: string, most: number): readonly unknown[] {
  check(Array.isArray(value), place, 'not a list');
  check(value.length <= most, place, `more than ${most} entries`);
  return value as readonly unknown[];
}
function integer(value: unknown, place: string, least: number, most: number): number {
  check(Number.isSafeInteger(value), place, 'not an integer');
  const n = value as number;
  check(n >= least && n <= most, place, `not in ${least}..${most}`);
  return n;
}
function name(value: unknown, place: string): string {
  check(typeof value === 'string' && NAME.test(value), place, 'not a name');
  return value;
}
function boolean(value: unknown, place: string): boolean {
  check(typeof value === 'boolean', place, 'not true or false');
  return value;
}

function oneOf<T extends string>(value: unknown, place: string, words: readonly T[]): T {
  check((words as readonly unknown[]).includes(value), place, `not one of ${words.join(', ')}`);
  return value as T;
}
/** `check` of a field that may be absent. */
function optional<K extends string, T>(
  key: K,
  value: unknown,
  place: string,
  rule: (value: unknown, place: string) => T,
): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: rule(value, `${place}.${key}`) } as Record<K, T>);
}
const within =
  (least: number, most: number) =>
  (value: unknown, place: string): number =>
    integer(value, place, least, most);

const OVERFLOWS = ['drop', 'block'] as const;

function checkPort(value: unknown, place: string): PortEnd {
  const f = object(value, place);
  return {
    name: name(f['name'], `${place}.name`),
    kind: oneOf(f['kind'], `${place}.kind`, ['queuing', 'sampling', 'signal', 'call', 'manage']),
    direction: oneOf(f['direction'], `${place}.direction`, ['out', 'in']),
    handle: integer(f['handle'], `${place}.handle`, -1, 31),
    bytes: integer(f['bytes'], `${place}.bytes`, 0, 1024),
    ...optional('bits', f['bits'], place, within(-(2 ** 31), 2 ** 32 - 1)),
    ...optional('depth', f['depth'], place, within(1, 64)),
    ...optional('overflow', f['overflow'], place, (v, at) => oneOf(v, at, OVERFLOWS)),
    ...optional('within', f['within'], place, within(0, MAX_MICROSECONDS)),
    ...optional('refresh', f['refresh'], place, within(0, MAX_MICROSECONDS)),
  };
}

function checkFile(value: unknown, place: string): PlanFileEntry {
  const file = object(value, place);
  const path = file['path'];
  check(
    typeof path === 'string' && path.startsWith('/') && !path.includes('\0'),
    `${place}.path`,
    'not an absolute path',
  );
  return {
    name: name(file['name'], `${place}.name`),
    path,
    ...optional('sha256', file['sha256'], place, (v, at) => {
      check(typeof v === 'string' && /^[0-9a-f]{64}$/.test(v), at, 'not a SHA-256 in hexadecimal');
      return v;
    }),
    ...optional('writable', file['writable'], place, boolean),
  };
}

function checkPartition(value: unknown, place: string, allowedPrograms: readonly string[]): PlanPartition {
  const f = object(value, place);
  const kind = f['kind'];
  check(kind === 'guest' || kind === 'driver' || kind === 'app', `${place}.kind`, 'not a kind of partition');
  const program = f['program'];
  check(typeof program === 'string', `${place}.program`, 'not a string');
  if (program !== OPERATOR) {
    const found = findProgram(program, allowedPrograms);
    check(found !== undefined, `${place}.program`, 'no such program');
    check(found.kinds.includes(kind), `${place}.program`, `not a program for a ${kind}`);
  }
  const config = object(f['config'], `${place}.config`);
  check(JSON.stringify(config).length <= MAX_CONFIG, `${place}.config`, `longer than ${MAX_CONFIG} characters of JSON`);
  const files = list(f['files'], `${place}.files`, MAX_FILES).map((file, i) => checkFile(file, `${place}.files[${i}]`));
  check(new Set(files.map((file) => file.name)).size === files.length, `${place}.files`, 'a name twice');
  return {
    name: name(f['name'], `${place}.name`),
    kind,
    program,
    memory: integer(f['memory'], `${place}.memory`, 0, MAX_PARTITION_MEMORY),
    harts: integer(f['harts'], `${place}.harts`, kind === 'guest' ? 1 : 0, MAX_HARTS),
    config,
    files,
    terminal: boolean(f['terminal'], `${place}.terminal`),
    mayShutDown: boolean(f['mayShutDown'], `${place}.mayShutDown`),
    ...optional('maySwitch', f['maySwitch'], place, boolean),
    ...optional('timed', f['timed'], place, boolean),
    ...optional('beat', f['beat'], place, within(1, MAX_MICROSECONDS)),
    ...optional('ports', f['ports'], place, (v, at) =>
      list(v, at, MAX_PORT_ENDS).map((port, i) => checkPort(port, `${at}[${i}]`)),
    ),
    ...optional('audits', f['audits'], place, (v, at) =>
      list(v, at, MAX_PARTITIONS).map((one, i) => {
        const audit = object(one, `${at}[${i}]`);
        return {
          name: name(audit['name'], `${at}[${i}].name`),
          partition: integer(audit['partition'], `${at}[${i}].partition`, 0, MAX_PARTITIONS - 1),
        };
      }),
    ),
  };
}

function checkStream(value: unknown, place: string, partitions: number): PlanStream {
  const f = object(value, place);
  const bytes = integer(f['bytes'], `${place}.bytes`, MIN_RING, MAX_RING);
  check((bytes & (bytes - 1)) === 0, `${place}.bytes`, 'not a power of two');
  const from = integer(f['from'], `${place}.from`, 0, partitions - 1);
  const to = integer(f['to'], `${place}.to`, 0, partitions - 1);
  check(from !== to, place, 'from a partition to itself');
  return { name: name(f['name'], `${place}.name`), from, to, bytes };
}

/** The plan, rebuilt from what was checked. Throws PlanError. */
export function checkPlan(value: unknown, allowedPrograms: readonly string[]): Plan {
  const f = object(value, 'plan');
  check(f['virtsec'] === 1, 'plan.virtsec', 'not version 1');
  const partitions = list(f['partitions'], 'plan.partitions', MAX_PARTITIONS).map((p, i) =>
    checkPartition(p, `plan.partitions[${i}]`, allowedPrograms),
  );
  check(partitions.length > 0, 'plan.partitions', 'empty');
  check(new Set(partitions.map((p) => p.name)).size === partitions.length, 'plan.partitions', 'a name twice');
  check(partitions.filter((p) => p.terminal).length <= 1, 'plan.partitions', 'more than one terminal');
  const streams = list(f['streams'], 'plan.streams', MAX_STREAMS).map((s, i) =>
    checkStream(s, `plan.streams[${i}]`, partitions.length),
  );
  const ends = new Set<string>();
  const counts = partitions.map(() => 0);
  for (const [i, s] of streams.entries()) {
    // A program finds its ends by name and direction.
    for (const end of [`${s.from} out ${s.name}`, `${s.to} in ${s.name}`]) {
      check(!ends.has(end), `plan.streams[${i}].name`, 'twice in the same partition and direction');
      ends.add(end);
    }
    counts[s.from] += 1;
    counts[s.to] += 1;
  }
  check(Math.max(...counts) <= MAX_ENDS, 'plan.streams', `more than ${MAX_ENDS} stream ends in one partition`);
  return {
    virtsec: 1,
    system: name(f['system'], 'plan.system'),
    partitions,
    streams,
    ...optional('tick', f['tick'], 'plan', within(1, 1_000_000)),
    ...optional('modes', f['modes'], 'plan', (v, at) =>
      list(v, at, MAX_MODES).map((mode, i) => name(mode, `${at}[${i}]`)),
    ),
  };
}
