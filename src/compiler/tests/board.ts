// The second judges of an image: our own engine with the VMM's board, and QEMU. Both give the transcript of the first UART.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { INSTRUCTIONS_PER_TICK, Hart, Machine } from '../../riscv/index.ts';
import {
  BOARD_WORDS,
  attachBoard,
  boardDeadline,
  boardRead,
  boardReset,
  boardTick,
  boardWrite,
  VIRT,
} from '../../vmm/board/virt.ts';
import { uartPeekSent, uartSent, uartTakeSent } from '../../vmm/devices/ns16550a.ts';
import type { Board } from '../../vmm/board/virt.ts';

export interface Run {
  readonly transcript: string;
  /** Exit status of the finisher, undefined when the budget ran out. */
  readonly status: number | undefined;
  readonly instructions: number;
}

const SLICE = 20_000;

/** Boots a flat image in M-mode at the first byte of RAM. */
export function runOnBoard(flat: Uint8Array, { ramBytes = 16 << 20, budget = 50_000_000 } = {}): Run {
  const machine = Machine.create({ harts: 1, ramBase: VIRT.ram, ramBytes, clock: 'instructions' });
  machine.ram.set(flat);
  let status: number | undefined;
  const output: number[] = [];
  const signals = {
    interrupt: (hart: number, bit: number, level: boolean) => machine.setInterrupt(hart, bit, level),
    timerMoved: () => {},
    powerOff: (code: number) => {
      status = code;
      machine.kick(0);
    },
    reset: () => machine.kick(0),
  };
  let hart: Hart | undefined;
  const time = (): number => Math.floor((hart?.instret ?? 0) / INSTRUCTIONS_PER_TICK);
  const board: Board = attachBoard(new Int32Array(BOARD_WORDS), 1, time, { seconds: 0, nanoseconds: 0 }, signals);
  const drain = (): void => {
    const count = uartSent(board.uart0);
    for (let i = 0; i < count; i++) output.push(uartPeekSent(board.uart0, i));
    uartTakeSent(board.uart0, count);
  };
  hart = new Hart(machine, 0, {
    read: (address, size) => boardRead(board, 0, address, size),
    write: (address, size, value) => {
      const taken = boardWrite(board, 0, address, size, value);
      drain();
      return taken;
    },
    time,
  });
  boardReset(board);
  machine.reset(0, { pc: VIRT.ram, mode: 'M', a0: 0, a1: 0 });
  while (status === undefined && hart.instret < budget) {
    const deadline = (boardDeadline(board, 0) - time()) * INSTRUCTIONS_PER_TICK;
    const stop = hart.run(Math.max(1, Math.min(SLICE, deadline)));
    assert.notEqual(stop.why, 'engine-error', JSON.stringify(stop));
    boardTick(board);
    if (stop.why === 'idle') hart.waitForInterrupt(boardDeadline(board, 0));
  }
  return { transcript: new TextDecoder().decode(new Uint8Array(output)), status, instructions: hart.instret };
}

export const qemu: boolean = spawnSync('qemu-system-riscv64', ['--version']).status === 0;

/** Boots an ELF file. */
export function runOnQemu(
  elf: Uint8Array,
  seconds = 20,
): { readonly transcript: string; readonly status: number | null } {
  const folder = mkdtempSync(path.join(tmpdir(), 'compiler-'));
  try {
    const file = path.join(folder, 'image.elf');
    writeFileSync(file, elf);
    const { stdout, status } = spawnSync(
      'qemu-system-riscv64',
      ['-M', 'virt', '-m', '64M', '-bios', file, '-nographic', '-icount', 'shift=0,sleep=off'],
      { encoding: 'utf8', timeout: seconds * 1000, input: '' },
    );
    return { transcript: stdout, status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
