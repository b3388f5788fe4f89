// The peer: qemu-system-riscv64 runs a batch in a file that is its RAM.

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RAM_BYTES } from './batch.ts';
import { ARENA_BYTES } from './layout.ts';

const PROGRAM = 'qemu-system-riscv64';

/** The processor that both sides are: what the engine has, and nothing that only QEMU has. */
export const PROCESSOR = [
  'rv64',
  'h=off',
  'v=off',
  'sstc=on',
  'zba=on',
  'zbb=on',
  'zbs=on',
  'zbc=off',
  'svinval=off',
  'svnapot=off',
  'svpbmt=off',
  'debug=off',
  'pmu-num=0',
  'Zfh=off',
  'Zfhmin=off',
  'Zihintpause=on',
].join(',');

/** The version of the installed QEMU, or undefined. */
export function qemuVersion(): string | undefined {
  const result = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? /version (\S+)/.exec(result.stdout)?.[1] : undefined;
}

/**
 * Runs an image from the start of RAM until it powers off.
 * @returns RAM afterwards, as far as the image reached, also when the batch hung
 * @throws Error when QEMU cannot start
 */
export async function runInQemu(image: Uint8Array, processor = PROCESSOR): Promise<Uint8Array> {
  // A few milliseconds are usual.
  const seconds = 5 + 0.02 * (image.length / ARENA_BYTES);
  const directory = mkdtempSync(join(tmpdir(), 'virtsec-differential-'));
  const file = join(directory, 'ram');
  try {
    const descriptor = openSync(file, 'w+');
    writeSync(descriptor, image);
    ftruncateSync(descriptor, RAM_BYTES);
    await run(
      [
        '-machine',
        'virt,memory-backend=ram',
        '-cpu',
        processor,
        '-m',
        `${RAM_BYTES >> 20}M`,
        '-bios',
        'none',
        '-object',
        `memory-backend-file,id=ram,size=${RAM_BYTES},mem-path=${file},share=on`,
        '-icount',
        'shift=0,sleep=off',
        '-display',
        'none',
        '-serial',
        'none',
        '-monitor',
        'none',
        '-nodefaults',
      ],
      seconds,
    );
    const ram = new Uint8Array(image.length);
    readSync(descriptor, ram, 0, ram.length, 0);
    closeSync(descriptor);
    return ram;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(options: readonly string[], seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(PROGRAM, options, { stdio: ['ignore', 'ignore', 'pipe'] });
    let messages = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      messages += text;
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      if (status === 0 || signal === 'SIGKILL') resolve();
      else reject(new Error(`QEMU ended with status ${status}: ${messages.trim()}`));
    });
  });
}
