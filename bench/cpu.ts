// The CPU engine against QEMU: one self-written program (bench/guest) in the same Debian under `virtsec run` and under
// `qemu-system-riscv64 -M virt`, one hart, in turns. Each kernel tells its first run and the median of its runs; what is shown are
// medians of the rounds. Checksums must agree.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mainModule } from '../bin/sources.js';
import { writeCpio } from '../src/images/cpio.ts';
import { fetchImage } from '../src/images/images.ts';
import { runUntil } from './process.ts';
import { type Boot, qemuCommand, qemuVersion } from './qemu.ts';
import { type Benchmark, type Case, host, lessIsBetter, MissingError } from './report.ts';

const TIMEOUT_SECONDS = 300;
const MEMORY_MIB = 256;
const COMPILER = 'riscv64-linux-gnu-gcc';
const VIRTSEC = fileURLToPath(new URL('../bin/virtsec.js', import.meta.url));
const SOURCES = fileURLToPath(new URL('guest/', import.meta.url));
const DONE = /kernels done\r?\n/;

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/kernels
/bin/busybox sync
/bin/busybox poweroff -f
`;

/** Groups of kernels; `apart` and `cold` are in no mean. */
const MEANS = ['int', 'fp', 'mem', 'sys'] as const;

interface Times {
  readonly group: string;
  /** Milliseconds. */
  readonly first: number;
  readonly median: number;
  readonly checksum: string;
}

/** The guest program, statically linked. */
function compileKernels(folder: string): Uint8Array {
  const program = join(folder, 'kernels');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  try {
    execFileSync(COMPILER, ['-O2', '-static', '-o', program, ...sources.map((name) => join(SOURCES, name)), '-lm'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MissingError(
      `There is no ${COMPILER} to compile the guest's program with.`,
      'Install it: apt-get install gcc-riscv64-linux-gnu libc6-dev-riscv64-cross',
    );
  }
  return readFileSync(program);
}

function virtsecCommand(boot: Boot): string[] {
  const machine = ['--memory', `${boot.memoryMiB}M`, '--harts', String(boot.harts)];
  const files = ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', boot.cmdline];
  return [process.execPath, '--disable-warning=ExperimentalWarning', VIRTSEC, 'run', ...machine, ...files];
}

/** What one run printed, by kernel. */
function timesOf(output: string): Map<string, Times> {
  const times = new Map<string, Times>();
  for (const [, group, name, first, median, checksum] of output.matchAll(
    /^kernel (\S+) (\S+) (\d+) (\d+) ([0-9a-f]+)\r?$/gm,
  ))
    times.set(name, { group, first: Number(first) / 1e6, median: Number(median) / 1e6, checksum });
  return times;
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
const rounded = (value: number): number => Math.round(value * 100) / 100;

export const benchmark: Benchmark = {
  what: 'kernels (integer, floating point, memory, system) in Debian, beside QEMU',
  async run({ rounds, note }) {
    const version = qemuVersion();
    if (!mainModule().endsWith('.js')) note('virtsec runs from its TypeScript sources: npm run build');
    const image = await fetchImage('debian', { watcher: { warning: note, progress: () => {} } });
    const folder = mkdtempSync(join(tmpdir(), 'virtsec-bench-'));
    const ours: Map<string, Times>[] = [];
    const peer: Map<string, Times>[] = [];
    try {
      const extra = writeCpio([
        { type: 'file', path: 'bin/kernels', mode: 0o755, data: compileKernels(folder) },
        { type: 'file', path: 'kernels-init', mode: 0o755, data: Buffer.from(INIT) },
      ]);
      // Linux unpacks archives that follow one another
      const initrd = join(folder, 'initrd');
      writeFileSync(initrd, Buffer.concat([readFileSync(image.initrd), extra]));
      const cmdline = `${image.cmdline} rdinit=/kernels-init`;
      const boot: Boot = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB, harts: 1 };
      for (let round = 0; round < rounds; round++) {
        ours.push(timesOf((await runUntil(virtsecCommand(boot), DONE, TIMEOUT_SECONDS)).output));
        note(`round ${round + 1} of ${rounds}: virtsec done`);
        peer.push(timesOf((await runUntil(qemuCommand(boot), DONE, TIMEOUT_SECONDS)).output));
        note(`round ${round + 1} of ${rounds}: QEMU done`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }

    const cases: Case[] = [];
    const firsts: Case[] = [];
    const wrong: string[] = [];
    for (const [name, { group, checksum }] of peer[0]) {
      if ([...ours, ...peer].some((times) => times.get(name)?.checksum !== checksum)) wrong.push(name);
      const column = (side: readonly Map<string, Times>[], key: 'first' | 'median'): number[] =>
        side.map((times) => times.get(name)?.[key] ?? NaN);
      cases.push(lessIsBetter(group, name, 'ms', column(ours, 'median'), column(peer, 'median')));
      firsts.push(lessIsBetter(group, name, 'ms', column(ours, 'first'), column(peer, 'first')));
    }
    if (wrong.length > 0) throw new Error(`checksums differ: ${wrong.join(', ')}`);
    const mean = (of: readonly Case[], group: string): number =>
      rounded(geometricMean(of.filter((it) => it.group === group).map(({ ratio }) => ratio)));
    const isSummed = ({ group }: Case): boolean => group !== 'apart';
    const worst = cases.filter(isSummed).toSorted((a, b) => a.ratio - b.ratio)[0];
    return {
      schema: 'virtsec.bench/1',
      name: 'cpu',
      host: host(),
      peer: { name: 'qemu-system-riscv64', version },
      cases,
      summary: {
        ...Object.fromEntries(MEANS.map((group) => [group, mean(cases, group)])),
        min: rounded(worst.ratio),
        minKernel: worst.name,
        firstInt: mean(firsts, 'int'),
        firstSys: mean(firsts, 'sys'),
      },
    };
  },
};
