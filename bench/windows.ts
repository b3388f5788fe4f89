// How late windows begin and what share a partition has beside a neighbour that spins; and, in the same seconds, how late the host lets a thread
// run that only sleeps until a time and looks at the clock (cyclictest(8)): what is beyond that is Virtsec's own.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { describedPlan } from '../tests/partitions/plan.ts';
import { TestSystem } from '../tests/partitions/system.ts';
import { type Benchmark, type Case, MissingError, host, lessIsBetter, median } from './report.ts';
import { FRAME_MS, SHARE, WINDOW_MS } from './windows/figures.ts';
import type { Distribution } from './windows/figures.ts';

const PARTITION = path.join(import.meta.dirname, 'windows/partition.ts');
const PEER = path.join(import.meta.dirname, 'windows/peer.ts');
const ROUND_MS = 10_000;

interface Felt {
  readonly share: number;
  readonly late: Distribution;
}
interface Round {
  readonly felt: readonly Felt[];
  /** As the kernel has told it: counts by powers of two of microseconds. */
  readonly told: { readonly windows: number; readonly missed: number; readonly late: readonly number[] };
  readonly peer: Distribution;
  /** Percent of the time that the host leaves a thread which goes before all others. */
  readonly hostShare: number;
  readonly weakness: string | undefined;
}

const TWO = `
virtsec: 1
system: bench
partitions:
  a: { app: ./a.ts, memory: 16M }
  b: { app: ./b.ts, memory: 16M }
schedules:
  normal: { frame: ${FRAME_MS}ms, cores: { 0: [{ a: 0-${WINDOW_MS}ms }, { b: ${WINDOW_MS}-${2 * WINDOW_MS}ms }] } }
`;

async function round(): Promise<Round> {
  const run = { program: PARTITION, config: { ms: ROUND_MS } };
  const system = new TestSystem(describedPlan(TWO, { a: run, b: run }));
  try {
    await system.waitFor('started');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', PEER, String(ROUND_MS)],
      { timeout: 60_000 },
    );
    const peer = JSON.parse(stdout) as { weakness?: string; late: Distribution; share: number };
    await system.exited;
    const told = system.events.findLast((e) => e.event === 'windows');
    if (told === undefined) throw new Error('the kernel told of no windows');
    const felt = ['a', 'b'].map((name) => JSON.parse(system.log(name)[0] ?? 'null') as Felt);
    return { felt, told, peer: peer.late, hostShare: peer.share, weakness: peer.weakness };
  } finally {
    system.kill('SIGKILL');
  }
}

/** Percent of all windows that began less than a millisecond late, by the kernel's histogram (buckets 0 to 9: under 512 us; 10: under 1,024). */
const underMillisecond = ({ late, windows }: Round['told']): number =>
  (100 * late.slice(0, 11).reduce((sum, n) => sum + n)) / windows;

const histogram = (rounds: readonly Round[]): string =>
  rounds[0].told.late
    .map((_, i) => [i, rounds.reduce((sum, { told }) => sum + told.late[i], 0)] as const)
    .filter(([, n]) => n > 0)
    .map(([i, n]) => `<${2 ** i} us: ${n}`)
    .join(', ');

export const benchmark: Benchmark = {
  what: 'how late time windows begin, and their shares, beside a thread that only sleeps (cyclictest)',
  async run({ rounds, note }) {
    const missing = whyNoFfi();
    if (missing !== undefined)
      throw new MissingError(`no windows here: ${missing}`, 'run it on Linux, with Node 26.10');
    const all: Round[] = [];
    for (let i = 0; i < rounds; i++) {
      const one = await round();
      all.push(one);
      const shares = one.felt.map(({ share }) => share.toFixed(2)).join(' and ');
      note(
        `round ${i + 1} of ${rounds}: shares ${shares} % (plan: ${SHARE}), ${underMillisecond(one.told).toFixed(1)} % of ` +
          `${one.told.windows} windows less than 1.024 ms late; the peer ${one.peer.under.toFixed(1)} %`,
      );
    }
    const of = (pick: (d: Distribution) => number) =>
      all.map(({ felt }) => Math.max(...felt.map(({ late }) => pick(late))));
    const peerOf = (pick: (d: Distribution) => number) => all.map(({ peer }) => pick(peer));
    const line = (name: string, pick: (d: Distribution) => number): Case =>
      lessIsBetter('late, the worse of two partitions', name, 'us', of(pick), peerOf(pick));
    const shares = all.flatMap(({ felt }) => felt.map(({ share }) => share));
    const hostShare = median(all.map((one) => one.hostShare));
    const sum = (pick: (r: Round) => number): number => all.reduce((total, one) => total + pick(one), 0);
    return {
      schema: 'virtsec.bench/1',
      name: 'windows',
      host: host(),
      peer: { name: 'sleeper', version: all[0].weakness ?? 'SCHED_FIFO' },
      cases: [line('p50', (d) => d.p50), line('p99', (d) => d.p99), line('worst', (d) => d.max)],
      summary: {
        rights: all[0].weakness ?? 'real time',
        'share, percent of the time': `${median(shares).toFixed(2)} (plan: ${SHARE}; of a thread before all others the host leaves ${hostShare.toFixed(2)}, so ${((SHARE * hostShare) / 100).toFixed(2)} of that)`,
        'under 1 ms, percent, felt by partitions': Number(
          median(all.flatMap(({ felt }) => felt.map(({ late }) => late.under))).toFixed(2),
        ),
        'under 1 ms, percent, peer': Number(median(all.map(({ peer }) => peer.under)).toFixed(2)),
        'windows, and missed ones': `${sum(({ told }) => told.windows)}, ${sum(({ told }) => told.missed)}`,
        'late, as the kernel tells it': histogram(all),
      },
    };
  },
};
