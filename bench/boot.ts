// From the command to the shell prompt of Debian's own kernel: `virtsec run` beside `qemu-system-riscv64 -M virt`, same
// kernel, initrd and command line, one hart, 256 MB, in turns. CPU time is that of all processes of each side until the
// prompt, Node's start included; the two command lines are the image's (no self-tests of the kernel's ciphers) and the stock one.

import { fileURLToPath } from 'node:url';
import { mainModule } from '../bin/sources.js';
import { fetchImage } from '../src/images/images.ts';
import { runUntil, type Measured } from './process.ts';
import { type Boot, qemuCommand, qemuVersion } from './qemu.ts';
import { type Benchmark, type Case, host, lessIsBetter } from './report.ts';

const TIMEOUT_SECONDS = 180;
const MEMORY_MIB = 256;
const VIRTSEC = fileURLToPath(new URL('../bin/virtsec.js', import.meta.url));

function virtsecCommand(boot: Boot): string[] {
  const machine = ['--memory', `${boot.memoryMiB}M`, '--harts', String(boot.harts)];
  const files = ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', boot.cmdline];
  return [process.execPath, '--disable-warning=ExperimentalWarning', VIRTSEC, 'run', ...machine, ...files];
}

const show = ({ cpu, wall }: Measured): string => `${cpu.toFixed(2)} s CPU, ${wall.toFixed(2)} s`;

const column = (side: readonly Measured[], key: 'cpu' | 'wall'): number[] => side.map((run) => run[key]);

export const benchmark: Benchmark = {
  what: 'from the command to the shell prompt of Debian, beside QEMU',
  async run({ rounds, note }) {
    const version = qemuVersion();
    const isBuilt = mainModule().endsWith('.js');
    if (!isBuilt) note('virtsec runs from its TypeScript sources, which costs CPU time at start: npm run build');
    const image = await fetchImage('debian', { watcher: { warning: note, progress: () => {} } });
    const prompt = new RegExp(image.ready);
    const cases: Case[] = [];
    for (const [group, cmdline] of [
      ['default', image.cmdline],
      ['stock', 'console=ttyS0'],
    ]) {
      const boot: Boot = { kernel: image.kernel, initrd: image.initrd, cmdline, memoryMiB: MEMORY_MIB, harts: 1 };
      const [ours, peer]: [Measured[], Measured[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        ours.push(await runUntil(virtsecCommand(boot), prompt, TIMEOUT_SECONDS));
        peer.push(await runUntil(qemuCommand(boot), prompt, TIMEOUT_SECONDS));
        note(`${group}, round ${round + 1} of ${rounds}: virtsec ${show(ours[round])}; QEMU ${show(peer[round])}`);
      }
      cases.push(lessIsBetter(group, 'CPU time', 's', column(ours, 'cpu'), column(peer, 'cpu')));
      cases.push(lessIsBetter(group, 'wall time', 's', column(ours, 'wall'), column(peer, 'wall')));
    }
    const packages = image.provenance.packages.map(({ name, version: of }) => `${name} ${of}`).join(', ');
    return {
      schema: 'virtsec.bench/1',
      name: 'boot',
      host: host(),
      peer: { name: 'qemu-system-riscv64', version },
      cases,
      summary: { images: packages, command: image.cmdline, form: isBuilt ? 'built' : 'sources' },
    };
  },
};
