// Two harts on two cores: a job of two processes, one after the other and side by side, in Debian with two harts, here and under QEMU.
// What counts is `gain`: how much faster side by side is. On a busy host it measures the host: see how much it is while QEMU's is low too.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCpio } from '../src/images/cpio.ts';
import { fetchImage } from '../src/images/images.ts';
import { runUntil } from './process.ts';
import { type Boot, qemuCommand, qemuVersion } from './qemu.ts';
import { type Benchmark, host, lessIsBetter } from './report.ts';

const TIMEOUT_SECONDS = 200;
const MEMORY_MIB = 256;
const VIRTSEC = fileURLToPath(new URL('../bin/virtsec.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('parallel/parallel.c', import.meta.url));
const DONE = /parallel (\d+) (\d+)\r?\n/;
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/parallel
/bin/busybox poweroff -f
`;

/** Milliseconds, best of the guest's rounds. */
interface Job {
  readonly serial: number;
  readonly together: number;
}
async function measure(command: readonly string[]): Promise<Job> {
  const [, serial, together] = DONE.exec((await runUntil(command, DONE, TIMEOUT_SECONDS)).output) ?? [];
  return { serial: Number(serial) / 1e6, together: Number(together) / 1e6 };
}

export const benchmark: Benchmark = {
  what: 'a parallel job in a guest with two harts, beside QEMU',
  async run({ rounds, note }) {
    const version = qemuVersion();
    const image = await fetchImage('debian', { watcher: { warning: note, progress: () => {} } });
    const folder = mkdtempSync(join(tmpdir(), 'virtsec-bench-'));
    const [ours, peer]: [Job[], Job[]] = [[], []];
    try {
      const program = join(folder, 'parallel');
      execFileSync('riscv64-linux-gnu-gcc', ['-O2', '-static', '-o', program, SOURCE]);
      const extra = writeCpio([
        { type: 'file', path: 'bin/parallel', mode: 0o755, data: readFileSync(program) },
        { type: 'file', path: 'parallel-init', mode: 0o755, data: Buffer.from(INIT) },
      ]);
      const initrd = join(folder, 'initrd');
      writeFileSync(initrd, Buffer.concat([readFileSync(image.initrd), extra]));
      const cmdline = `${image.cmdline} rdinit=/parallel-init`;
      const boot: Boot = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB, harts: 2 };
      const files = ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', boot.cmdline];
      const virtsec = [process.execPath, VIRTSEC, 'run', '--harts', '2', '--memory', `${MEMORY_MIB}M`, ...files];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(virtsec));
        peer.push(await measure(qemuCommand(boot)));
        const gain = ({ serial, together }: Job): string => (serial / together).toFixed(2);
        note(`round ${round + 1} of ${rounds}: gain ${gain(ours[round])}; QEMU's ${gain(peer[round])}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const column = (side: readonly Job[], key: keyof Job): number[] => side.map((job) => job[key]);
    const best = (side: readonly Job[]): number =>
      Math.round((100 * Math.min(...column(side, 'serial'))) / Math.min(...column(side, 'together'))) / 100;
    return {
      schema: 'virtsec.bench/1',
      name: 'parallel',
      host: host(),
      peer: { name: 'qemu-system-riscv64', version },
      cases: [
        lessIsBetter('two harts', 'one after the other', 'ms', column(ours, 'serial'), column(peer, 'serial')),
        lessIsBetter('two harts', 'side by side', 'ms', column(ours, 'together'), column(peer, 'together')),
      ],
      summary: { gain: best(ours), gainOfQemu: best(peer) },
    };
  },
};
