// The second judges of an image: our own engine with the VMM's board, and QEMU. Both give the transcript of the first UART.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runBare } from '../../vmm/hosted/bare.ts';

/** What the kernel has noted and tells when all is over, behind what the programs have written. */
const NOTES = /virtsec: .* (?:runs again|It will be started again|The other partitions go on)\.\n/g;

export interface Run {
  /** Without the kernel's notes. */
  readonly transcript: string;
  /** Exit status of the finisher, undefined when the budget ran out. */
  readonly status: number | undefined;
  readonly instructions: number;
  /** Instructions retired when each byte came out. */
  readonly at: readonly number[];
}

/** Boots a flat image in M-mode at the first byte of RAM. */
export function runOnBoard(flat: Uint8Array, { ramBytes = 16 << 20, budget = 50_000_000 } = {}): Run {
  const output: number[] = [];
  const at: number[] = [];
  const end = runBare(flat, {
    ram: ramBytes,
    budget,
    output: (bytes, instructions) => {
      output.push(...bytes);
      at.push(...Array.from(bytes, () => instructions));
    },
  });
  return { ...end, transcript: new TextDecoder().decode(new Uint8Array(output)).replaceAll(NOTES, ''), at };
}

export const qemu: boolean = spawnSync('qemu-system-riscv64', ['--version']).status === 0;

/** Boots an ELF file. */
export function runOnQemu(
  elf: Uint8Array,
  seconds = 20,
  harts = 1,
): { readonly transcript: string; readonly status: number | null } {
  const folder = mkdtempSync(path.join(tmpdir(), 'compiler-'));
  try {
    const file = path.join(folder, 'image.elf');
    writeFileSync(file, elf);
    const { stdout, status } = spawnSync(
      'qemu-system-riscv64',
      ['-M', 'virt', '-m', '64M', '-smp', `${harts}`, '-bios', file, '-nographic', '-icount', 'shift=0,sleep=off'],
      { encoding: 'utf8', timeout: seconds * 1000, input: '' },
    );
    return { transcript: stdout.replaceAll(NOTES, ''), status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
