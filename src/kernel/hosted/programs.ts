// The programs that a partition may run, each with what its Node process needs. Nothing else can be named by a plan.
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { PartitionKind, PlanPartition } from '../plan.ts';

export const ROOT = path.resolve(import.meta.dirname, '../../..');
/** `.ts` in a checkout's sources, `.js` in what `npm run build` made of them. */
export const EXTENSION = path.extname(import.meta.filename);

/**
 * `app: virtsec/operator`: a partition that has no process. It is whoever manages the system from outside; the kernel makes its
 * calls, so that the core checks what the plan lets it do.
 */
export const OPERATOR = 'apps/operator';

export const hasProcess = ({ program }: PlanPartition): boolean => program !== OPERATOR;

export interface Program {
  /** Absolute path of its main module. */
  readonly entry: string;
  /** Kinds of partition that may run it. */
  readonly kinds: readonly PartitionKind[];
  /** Flags of Node and V8 beyond the common ones. */
  readonly flags: readonly string[];
  /** A package of npm that it reads, and that this host may not have. */
  readonly reads?: string;
}

/**
 * What translating guest code costs: valid functions are validated when they are first called, and those that run for some ten
 * milliseconds are worth V8's optimizing compiler. The translator's own functions are worth it later than V8 thinks: a boot calls
 * most of them some thousand times, and to optimize them took longer than they ran.
 */
const TRANSLATOR = [
  '--wasm-lazy-validation',
  '--wasm-tiering-budget=40000000',
  '--invocation-count-for-maglev=2000',
  '--invocation-count-for-turbofan=20000',
];
const SMALL = ['--max-semi-space-size=1', '--single-threaded-gc'];

const PROGRAMS: Readonly<Record<string, Program>> = {
  vmm: {
    entry: path.join(ROOT, `src/vmm/hosted/main${EXTENSION}`),
    kinds: ['guest'],
    flags: ['--allow-worker', '--max-semi-space-size=1', '--no-short-builtin-calls', '--expose-gc', ...TRANSLATOR],
  },
  'drivers/console': {
    entry: path.join(ROOT, `src/drivers/console/main${EXTENSION}`),
    kinds: ['driver'],
    flags: SMALL,
  },
  // Runs what the partition's file `app` holds.
  app: {
    entry: path.join(ROOT, `src/sdk/app/main${EXTENSION}`),
    kinds: ['app'],
    flags: [...SMALL, '--experimental-vm-modules'],
    reads: 'ses',
  },
};

/** `allowed`: further programs by absolute path, given on the kernel's command line by a test, never by a plan. */
export function findProgram(name: string, allowed: readonly string[]): Program | undefined {
  if (Object.hasOwn(PROGRAMS, name)) return PROGRAMS[name];
  if (!allowed.includes(name)) return undefined;
  return { entry: name, kinds: ['guest', 'driver', 'app'], flags: ['--allow-worker'] };
}

/** Where a package stands, by its path and (links, a shared folder of packages) its real one; nothing if it is not there. */
function packageOf(name: string | undefined): string[] {
  for (let up = ROOT; name !== undefined; up = path.dirname(up)) {
    const folder = path.join(up, 'node_modules', name);
    if (existsSync(folder)) return [...new Set([folder, realpathSync(folder)])];
    if (up === path.dirname(up)) break;
  }
  return [];
}

/** What a Node process reads of the host while it starts; not every host has all of it. */
export const NODE_READS = [
  process.execPath,
  '/lib',
  '/lib64',
  '/usr/lib',
  '/usr/lib64',
  '/etc/ld.so.cache',
  '/etc/ssl/openssl.cnf', // refused (not merely absent), it keeps Node from starting
  '/etc/pki/tls/openssl.cnf',
  '/sys/devices/system/cpu',
];

/** Everything that a partition's process has to read: Virtsec's own sources (and a test's program). */
export function readableTrees(program: Program): string[] {
  const own = [path.join(ROOT, 'src'), path.join(ROOT, 'package.json'), ...packageOf(program.reads)];
  return program.entry.startsWith(path.join(ROOT, 'src') + path.sep) ? own : [...own, path.dirname(program.entry)];
}

/**
 * The command line of Node before the program's own argument. `permission`: with Node's permission model. `ffi`: this Node
 * has node:ffi, and so the flag that allows it.
 */
export function nodeArguments(program: Program, permission: boolean, ffi: boolean): string[] {
  const flags = [
    '--disable-sigusr1', // no inspector on a signal
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    '--v8-pool-size=1',
    ...program.flags.filter((flag) => permission || !flag.startsWith('--allow-')),
  ];
  if (permission) {
    flags.push('--permission', ...(ffi ? ['--allow-ffi'] : []));
    for (const tree of readableTrees(program)) flags.push(`--allow-fs-read=${tree}`);
  }
  return [...flags, program.entry];
}

/**
 * Working directory of a partition. Not `/`: in a worker of Node 26.10 the permission model lets everything below the working
 * directory be read, whatever the flags say (tests/jail.test.ts, "the permission model alone").
 */
export const WORKING_DIRECTORY = path.join(ROOT, 'src');

/** The whole environment of a partition. */
export const ENVIRONMENT: Readonly<Record<string, string>> = { UV_THREADPOOL_SIZE: '1', MALLOC_ARENA_MAX: '1' };
