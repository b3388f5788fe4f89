// A Debian guest computes what is known, over and over (soak/guest.c): hashes, code that it writes itself, storms of page faults, processes,
// compiles by Debian's gcc, floating point. Ends with status 0 when no answer was wrong, no round took too long, and the VMM's memory did not grow.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianRoot } from '../../bench/debian-root.ts';
import { writeCpio } from '../../src/images/cpio.ts';
import { fetchImage } from '../../src/images/images.ts';

const VIRTSEC = fileURLToPath(new URL('../../bin/virtsec.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('guest.c', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../bench/starts/program.c', import.meta.url));
/** Debian's packages lie in RAM. */
const MEMORY_MIB = 768;
const HASHED = 1 << 20;
const LOOK_MS = 5000;
/** A round takes some seconds. */
const SILENCE_MS = 180_000;
/** The translator's code cache may fill after the first looks; beyond that nothing may stay. */
const WARM_LOOKS = 12;
const GROWTH_MIB = 48;

/** SHA-256 of the bytes that the guest's generator makes from 1. */
function digest(): string {
  let state = 1;
  const data = new Uint8Array(HASHED);
  for (let k = 0; k < HASHED; k++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[k] = state;
  }
  return createHash('sha256').update(data).digest('hex');
}

/** Memory in MiB of the VMM among the processes below this one; undefined: not there. */
function memoryOf(root: number): number | undefined {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // gone
    }
  }
  const below = [root];
  for (const pid of below) for (const [child, parent] of parents) if (parent === pid) below.push(child);
  for (const pid of below) {
    try {
      if (!/vmm.hosted.main/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))) continue;
      return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    } catch {
      // gone
    }
  }
  return undefined;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];

export async function soak(minutes: number, harts: number): Promise<string | undefined> {
  const image = await fetchImage('debian');
  const root = await debianRoot((line) => void process.stderr.write(`${line}\n`));
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-soak-'));
  try {
    const program = join(folder, 'soak');
    execFileSync('riscv64-linux-gnu-gcc', ['-O2', '-static', '-o', program, SOURCE]);
    const native = join(folder, 'native');
    execFileSync('cc', ['-O2', '-o', native, COMPILED]);
    const printed = execFileSync(native, { encoding: 'utf8' }).trim();
    const init = [
      '#!/usr/bin/busybox sh',
      '/usr/bin/busybox mount -t proc proc /proc',
      '/usr/bin/busybox mount -t devtmpfs devtmpfs /dev',
      `/root/soak ${Math.round(minutes * 60)} ${digest()} '${printed}'`,
      '/usr/bin/busybox poweroff -f',
      '',
    ].join('\n');
    const extra = writeCpio([
      { type: 'file', path: 'root/soak', mode: 0o755, data: readFileSync(program) },
      { type: 'file', path: 'root/program.c', mode: 0o644, data: readFileSync(COMPILED) },
      { type: 'file', path: 'soak-init', mode: 0o755, data: Buffer.from(init) },
      { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    ]);
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, Buffer.concat([readFileSync(root), extra]));
    const machine = ['--memory', `${MEMORY_MIB}M`, '--harts', String(harts), '--stats'];
    const files = [
      '--kernel',
      image.kernel,
      '--initrd',
      initrd,
      '--append',
      `${image.cmdline} quiet rdinit=/soak-init`,
    ];
    const child = spawn(process.execPath, [VIRTSEC, 'run', ...machine, ...files], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    let heard = performance.now();
    let isSilent = false;
    const memory: number[] = [];
    child.stdout.on('data', (text: Buffer) => {
      output = (output + text.toString('latin1')).slice(-20_000);
      heard = performance.now();
    });
    child.stderr.on('data', (text: Buffer) => (errors = (errors + text.toString('utf8')).slice(-20_000)));
    const looking = setInterval(() => {
      const now = memoryOf(child.pid ?? 0);
      if (now !== undefined) memory.push(now);
      const round = output.match(/round \d+/g)?.at(-1) ?? 'booting';
      if (memory.length % 12 === 0)
        process.stderr.write(`${new Date().toISOString()} ${round}, ${now?.toFixed(0)} MiB\n`);
      isSilent = performance.now() - heard > SILENCE_MS;
      if (isSilent) child.kill('SIGTERM');
    }, LOOK_MS);
    const status = await new Promise<number | null>((resolve) => {
      child.on('close', resolve);
    });
    clearInterval(looking);
    process.stdout.write(errors);
    if (isSilent) return `no round for ${SILENCE_MS / 1000} s; its last words:\n${output.slice(-2000)}`;
    const done = /soak done (\d+)/.exec(output);
    if (status !== 0 || !done) return `status ${status}; its last words:\n${output.slice(-2000)}`;
    const warm = memory.slice(WARM_LOOKS);
    const third = Math.floor(warm.length / 3);
    const [early, late] = third > 0 ? [median(warm.slice(0, third)), median(warm.slice(-third))] : [0, 0];
    process.stdout.write(
      `${done[1]} rounds in ${minutes} minutes; memory ${early.toFixed(0)} MiB in the first third, ${late.toFixed(0)} in the last, ` +
        `at most ${Math.max(...memory).toFixed(0)}\n`,
    );
    return late > early + GROWTH_MIB ? `the VMM grew by ${(late - early).toFixed(0)} MiB` : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
