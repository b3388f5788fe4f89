// What an idle Debian guest of 256 MB costs: memory and CPU time of its partition, beside QEMU. The guest sleeps in `init`; what is
// counted is the VMM's process alone (QEMU is one process), from five seconds after the guest said that it idles.

import { spawn } from 'node:child_process';
import { openSync, readFileSync, readSync, readdirSync, closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mainModule } from '../bin/sources.js';
import { writeCpio } from '../src/images/cpio.ts';
import { fetchImage } from '../src/images/images.ts';
import { layOut } from '../src/riscv/layout.ts';
import { type Boot, qemuCommand, qemuVersion } from './qemu.ts';
import { type Benchmark, host, lessIsBetter, median } from './report.ts';

const TIMEOUT_SECONDS = 120;
const MEMORY_MIB = 256;
const SETTLE_SECONDS = 5;
const LOOK_SECONDS = 10;
const PAGE = 4096;
const VIRTSEC = fileURLToPath(new URL('../bin/virtsec.js', import.meta.url));
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
echo idle now
/bin/busybox sleep ${TIMEOUT_SECONDS}
`;

interface Cost {
  /** Proportional set size, MiB. */
  readonly memory: number;
  /** CPU milliseconds a second. */
  readonly cpu: number;
  /** MiB of guest RAM that the host has memory for; undefined: this user may not ask. */
  readonly touched: number | undefined;
}

/** Process ids of this one and all below it. */
function tree(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'latin1');
        return [[Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])] as const];
      } catch {
        return [];
      }
    });
  const found = [root];
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  return found;
}

/** Milliseconds on a processor, of all threads. */
const cpuOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
    0,
  );

/** MiB present of the last `bytes` of the mapping that has `size` bytes (proc_pid_pagemap(5)). */
function present(pid: number, size: number, bytes: number): number | undefined {
  try {
    for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
      const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
      if (end - start !== size) continue;
      const entries = Buffer.alloc((bytes / PAGE) * 8);
      const file = openSync(`/proc/${pid}/pagemap`, 'r');
      readSync(file, entries, 0, entries.length, ((end - bytes) / PAGE) * 8);
      closeSync(file);
      let pages = 0;
      for (let at = 7; at < entries.length; at += 8) if ((entries[at] & 0x80) !== 0) pages++;
      return (pages * PAGE) / 2 ** 20;
    }
  } catch {
    // not this user's to see
  }
  return undefined;
}

async function measure(command: readonly string[], isVmm: (commandLine: string) => boolean): Promise<Cost> {
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  try {
    const idle = new Promise<void>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (text: Buffer) => {
        output = (output + text.toString('latin1')).slice(-2000);
        if (output.includes('idle now')) resolve();
      });
      child.once('error', reject);
      setTimeout(
        () => reject(new Error(`${command[0]} did not come to idle:\n${output}`)),
        TIMEOUT_SECONDS * 1000,
      ).unref();
    });
    await idle;
    await delay(SETTLE_SECONDS * 1000);
    const pid = tree(child.pid ?? 0).find((pid) => isVmm(readFileSync(`/proc/${pid}/cmdline`, 'latin1')));
    if (pid === undefined) throw new Error(`${command[0]}: no process that runs the guest`);
    const [started, before] = [performance.now(), cpuOf(pid)];
    await delay(LOOK_SECONDS * 1000);
    const cpu = (cpuOf(pid) - before) / ((performance.now() - started) / 1000);
    const memory = Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
    const { memoryPages } = layOut({ harts: 1, ramBase: 2 ** 31, ramBytes: MEMORY_MIB << 20, clock: 'host' });
    return { memory, cpu, touched: present(pid, memoryPages * 65_536, MEMORY_MIB << 20) };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

export const benchmark: Benchmark = {
  what: 'memory and CPU time of an idle Debian guest, beside QEMU',
  async run({ rounds, note }) {
    const version = qemuVersion();
    if (!mainModule().endsWith('.js'))
      note('virtsec runs from its TypeScript sources, which costs memory: npm run build');
    const image = await fetchImage('debian', { watcher: { warning: note, progress: () => {} } });
    const folder = mkdtempSync(join(tmpdir(), 'virtsec-bench-'));
    const [ours, peer]: [Cost[], Cost[]] = [[], []];
    try {
      const initrd = join(folder, 'initrd');
      const extra = writeCpio([{ type: 'file', path: 'idle-init', mode: 0o755, data: Buffer.from(INIT) }]);
      writeFileSync(initrd, Buffer.concat([readFileSync(image.initrd), extra]));
      const cmdline = `${image.cmdline} rdinit=/idle-init`;
      const boot: Boot = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB, harts: 1 };
      const files = ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', boot.cmdline];
      const virtsec = [process.execPath, VIRTSEC, 'run', '--memory', `${MEMORY_MIB}M`, ...files];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(virtsec, (line) => /vmm.hosted.main/.test(line)));
        peer.push(await measure(qemuCommand(boot), (line) => line.startsWith('qemu-system')));
        const show = ({ memory, cpu }: Cost): string => `${memory.toFixed(0)} MiB, ${cpu.toFixed(1)} ms/s`;
        note(`round ${round + 1} of ${rounds}: virtsec ${show(ours[round])}; QEMU ${show(peer[round])}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const touched = ours.map((cost) => cost.touched).filter((value) => value !== undefined);
    const column = (side: readonly Cost[], key: 'memory' | 'cpu'): number[] => side.map((cost) => cost[key]);
    return {
      schema: 'virtsec.bench/1',
      name: 'idle',
      host: host(),
      peer: { name: 'qemu-system-riscv64', version },
      cases: [
        lessIsBetter('idle', 'memory', 'MiB', column(ours, 'memory'), column(peer, 'memory')),
        lessIsBetter('idle', 'CPU', 'ms/s', column(ours, 'cpu'), column(peer, 'cpu')),
      ],
      summary:
        touched.length === 0
          ? { touched: 'unknown: only root may ask' }
          : {
              touchedRamMiB: Math.round(median(touched)),
              beyondItMiB: Math.round(median(column(ours, 'memory')) - median(touched)),
            },
    };
  },
};
