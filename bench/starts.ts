// How long programs take to start, and a C compile, in a guest of Debian's packages: under `virtsec run` and under QEMU, same image, one hart,
// in turns. What is shown is the median of five starts; the first start of each, in a fresh guest, stands apart.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mainModule } from '../bin/sources.js';
import { writeCpio } from '../src/images/cpio.ts';
import { fetchImage } from '../src/images/images.ts';
import { debianRoot } from './debian-root.ts';
import { runUntil } from './process.ts';
import { type Boot, qemuCommand, qemuVersion } from './qemu.ts';
import { type Benchmark, type Case, host, lessIsBetter } from './report.ts';

const TIMEOUT_SECONDS = 400;
/** The packages lie in RAM, twice while they are unpacked, and fill at most half of it. */
const MEMORY_MIB = 1024;
const VIRTSEC = fileURLToPath(new URL('../bin/virtsec.js', import.meta.url));
const SOURCES = fileURLToPath(new URL('starts/', import.meta.url));
const DONE = /starts done\r?\n/;
const INIT = `#!/usr/bin/busybox sh
/usr/bin/busybox mount -t proc proc /proc
/usr/bin/busybox mount -t devtmpfs devtmpfs /dev
/root/starts
/usr/bin/busybox poweroff -f
`;

interface Times {
  /** Milliseconds. */
  readonly first: number;
  readonly median: number;
  readonly status: number;
}

function timesOf(output: string): Map<string, Times> {
  const lines = output.matchAll(/^start (\S+) (\d+) (\d+) (-?\d+)\r?$/gm);
  return new Map(
    [...lines].map(([, name, first, median, status]) => [
      name,
      { first: Number(first) / 1e6, median: Number(median) / 1e6, status: Number(status) },
    ]),
  );
}

export const benchmark: Benchmark = {
  what: 'start of python3, perl, dpkg -l, a C compile in Debian, beside QEMU',
  async run({ rounds, note }) {
    const version = qemuVersion();
    if (!mainModule().endsWith('.js')) note('virtsec runs from its TypeScript sources: npm run build');
    const image = await fetchImage('debian', { watcher: { warning: note, progress: () => {} } });
    const root = await debianRoot(note);
    const folder = mkdtempSync(join(tmpdir(), 'virtsec-bench-'));
    const [ours, peer]: [Map<string, Times>[], Map<string, Times>[]] = [[], []];
    try {
      const starts = join(folder, 'starts');
      execFileSync('riscv64-linux-gnu-gcc', ['-O2', '-static', '-o', starts, join(SOURCES, 'starts.c')]);
      const extra = writeCpio([
        { type: 'file', path: 'root/starts', mode: 0o755, data: readFileSync(starts) },
        { type: 'file', path: 'root/program.c', mode: 0o644, data: readFileSync(join(SOURCES, 'program.c')) },
        { type: 'file', path: 'starts-init', mode: 0o755, data: Buffer.from(INIT) },
        { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
      ]);
      const initrd = join(folder, 'initrd');
      writeFileSync(initrd, Buffer.concat([readFileSync(root), extra]));
      const cmdline = `${image.cmdline} rdinit=/starts-init`;
      const boot: Boot = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB, harts: 1 };
      const files = ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', boot.cmdline];
      const virtsec = [process.execPath, VIRTSEC, 'run', '--memory', `${MEMORY_MIB}M`, ...files];
      for (let round = 0; round < rounds; round++) {
        ours.push(timesOf((await runUntil(virtsec, DONE, TIMEOUT_SECONDS)).output));
        peer.push(timesOf((await runUntil(qemuCommand(boot), DONE, TIMEOUT_SECONDS)).output));
        note(`round ${round + 1} of ${rounds} done`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const cases: Case[] = [];
    for (const name of peer[0].keys()) {
      const wrong = [...ours, ...peer].filter((times) => times.get(name)?.status !== 0).length;
      if (wrong > 0) throw new Error(`${name} failed in ${wrong} of ${2 * rounds} guests`);
      for (const [group, key] of [
        ['warm', 'median'],
        ['first', 'first'],
      ] as const) {
        const column = (side: readonly Map<string, Times>[]): number[] => side.map((times) => times.get(name)![key]);
        cases.push(lessIsBetter(group, name, 'ms', column(ours), column(peer)));
      }
    }
    cases.sort((a, b) => b.group.localeCompare(a.group));
    const worst = cases.toSorted((a, b) => a.ratio - b.ratio)[0];
    return {
      schema: 'virtsec.bench/1',
      name: 'starts',
      host: host(),
      peer: { name: 'qemu-system-riscv64', version },
      cases,
      summary: { min: Math.round(worst.ratio * 100) / 100, minStart: `${worst.group} ${worst.name}` },
    };
  },
};
