// QEMU as the peer: the same images and command line in `qemu-system-riscv64 -M virt`.

import { execFileSync } from 'node:child_process';
import { MissingError } from './report.ts';

const QEMU = 'qemu-system-riscv64';

/** Throws MissingError when it is not installed. */
export function qemuVersion(): string {
  try {
    const text = execFileSync(QEMU, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /version (\S+)/.exec(text)?.[1] ?? 'unknown';
  } catch {
    throw new MissingError(`There is no ${QEMU} to compare with.`, 'Install it: apt-get install qemu-system-misc');
  }
}

export interface Boot {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly memoryMiB: number;
  readonly harts: number;
}

/** The console is on standard input and output. QEMU's own firmware (OpenSBI) starts the kernel. */
export function qemuCommand(boot: Boot): string[] {
  const machine = ['-M', 'virt', '-m', String(boot.memoryMiB), '-smp', String(boot.harts), '-nographic', '-no-reboot'];
  return [QEMU, ...machine, '-kernel', boot.kernel, '-initrd', boot.initrd, '-append', boot.cmdline];
}
