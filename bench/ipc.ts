// Calls and streams between jailed partitions, through the kernel, beside what Node offers between unconfined processes: pipes, messages
// to a worker, messages to a child, a Unix socket. All in one run, in turns. And what 32 partitions cost that do nothing.
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { describedPlan } from '../tests/partitions/plan.ts';
import { TestSystem } from '../tests/partitions/system.ts';
import type { Distribution } from './ipc/figures.ts';
import { type Benchmark, type Case, MissingError, host, lessIsBetter, median } from './report.ts';

const PARTITION = path.join(import.meta.dirname, 'ipc/partition.ts');
const PEER = path.join(import.meta.dirname, 'ipc/peer.ts');
const CALLS = 10_000;
const RING_BYTES = 2 << 20;
const PEERS = {
  pipe: 'pipes, event loops',
  'pipe-blocking': 'pipes, blocking',
  worker: 'worker messages',
  child: 'child IPC',
  unix: 'Unix socket',
} as const;
type Way = keyof typeof PEERS;
const WAYS = Object.keys(PEERS) as Way[];

const IDLE = 32;
const SETTLE_MS = 3000;
const LOOK_MS = 10_000;

interface Figures {
  readonly roundTrip: Distribution;
  readonly stream: number;
}

const TWO = `
virtsec: 1
system: bench
partitions:
  a: { app: ./a.ts, memory: 64M }
  b: { app: ./b.ts, memory: 64M }
channels:
  ask: { call: a -> b, bytes: 64, within: 10s }
  line: { stream: a <-> b, bytes: ${RING_BYTES} }
`;

/** All processes of this run before others of the host, where that is allowed: a shared machine measures its load otherwise. */
const FIRST = -20;
function goFirst(): boolean {
  try {
    setPriority(FIRST);
    return true;
  } catch {
    return false;
  }
}

/** What a partition logs of its figures, once it has. */
async function said<T>(system: TestSystem, partition: string): Promise<T> {
  const { text } = await system.waitFor('log', (e) => e.partition === partition && e.text.startsWith('{'));
  return JSON.parse(text) as T;
}

interface Ours extends Figures {
  readonly kernelCall: Distribution;
}

async function virtsec(): Promise<Ours> {
  const run = (role: string) => ({ program: PARTITION, config: { role, calls: CALLS } });
  const system = new TestSystem(describedPlan(TWO, { a: run('client'), b: run('server') }));
  try {
    const times = await said<Pick<Ours, 'kernelCall' | 'roundTrip'>>(system, 'a');
    return { ...times, ...(await said<Pick<Ours, 'stream'>>(system, 'b')) };
  } finally {
    system.kill('SIGTERM');
    await system.exited;
  }
}

async function peer(way: Way): Promise<Figures> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PEER, way, String(CALLS)],
    { timeout: 120_000 },
  );
  return JSON.parse(stdout) as Figures;
}

/** Milliseconds on a processor, of all threads of some processes. */
const cpuOf = (pids: readonly number[]): number =>
  pids
    .flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`))
    .reduce((sum, file) => sum + Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6, 0);

/** Percent of one core that a system of so many partitions takes in which nothing happens. */
async function idleCost(): Promise<number> {
  const names = Array.from({ length: IDLE }, (_, i) => `p${i}`);
  const partitions = names.map((name) => `  ${name}: { app: ./a.ts, memory: 16M }\n`).join('');
  const programs = Object.fromEntries(names.map((name) => [name, { program: PARTITION, config: {} }]));
  const system = new TestSystem(describedPlan(`virtsec: 1\nsystem: idle\npartitions:\n${partitions}`, programs));
  try {
    const started = await system.waitFor('started');
    const pids = [system.pid, ...started.partitions.map(({ pid }) => pid)];
    await delay(SETTLE_MS);
    const [before, from] = [cpuOf(pids), performance.now()];
    await delay(LOOK_MS);
    return (100 * (cpuOf(pids) - before)) / (performance.now() - from);
  } finally {
    system.kill('SIGTERM');
    await system.exited;
  }
}

function moreIsBetter(group: string, name: string, unit: string, ours: number[], theirs: number[]): Case {
  const [a, b] = [median(ours), median(theirs)];
  return { name, group, unit, ours: a, peer: b, ratio: a / b, runs: ours.length };
}

export const benchmark: Benchmark = {
  what: 'calls and streams between partitions, beside pipes, sockets and messages of Node',
  async run({ rounds, note }) {
    const missing = whyNoFfi();
    if (missing !== undefined) throw new MissingError(`no ports here: ${missing}`, 'run it on Linux, with Node 26.10');
    const isFirst = goFirst();
    const ours: Ours[] = [];
    const theirs = Object.fromEntries(WAYS.map((way) => [way, [] as Figures[]])) as Record<Way, Figures[]>;
    for (let round = 0; round < rounds; round++) {
      ours.push(await virtsec());
      for (const way of WAYS) theirs[way].push(await peer(way));
      const { kernelCall, roundTrip, stream } = ours[round];
      note(
        `round ${round + 1} of ${rounds}: a call of the kernel ${kernelCall.p50.toFixed(1)} us, of another partition ` +
          `${roundTrip.p50.toFixed(1)} us, stream ${stream.toFixed(1)} GB/s`,
      );
    }
    const idle = await idleCost();
    const trips = (figures: readonly Figures[], at: keyof Distribution) => figures.map((f) => f.roundTrip[at]);
    const streams = (figures: readonly Figures[]) => figures.map((f) => f.stream);
    const cases: Case[] = [
      ...WAYS.map((way) =>
        lessIsBetter('round trip, 64 bytes', PEERS[way], 'us', trips(ours, 'p50'), trips(theirs[way], 'p50')),
      ),
      ...WAYS.map((way) =>
        lessIsBetter('round trip, p99', PEERS[way], 'us', trips(ours, 'p99'), trips(theirs[way], 'p99')),
      ),
      ...WAYS.map((way) => moreIsBetter('stream', PEERS[way], 'GB/s', streams(ours), streams(theirs[way]))),
    ];
    const call = (at: keyof Distribution): number => Number(median(ours.map((f) => f.kernelCall[at])).toFixed(2));
    return {
      schema: 'virtsec.bench/1',
      name: 'ipc',
      host: host(),
      peer: { name: 'Node', version: process.versions.node },
      cases,
      summary: {
        priority: isFirst ? `nice ${FIRST}, all sides` : 'that of everyone else',
        'kernel call, p50 us': call('p50'),
        'kernel call, p99 us': call('p99'),
        'idle, 32 partitions, percent of a core': Number(idle.toFixed(3)),
      },
    };
  },
};
