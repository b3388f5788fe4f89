// A flat image on the `virt` board with nothing beneath it: hart 0 in M-mode at the first byte of RAM. Time is the count of
// retired instructions, so that two runs say the same.
import { randomBytes } from 'node:crypto';
import { Hart, INSTRUCTIONS_PER_TICK, Machine } from '../../riscv/index.ts';
import {
  BOARD_WORDS,
  VIRT,
  attachBoard,
  boardDeadline,
  boardRead,
  boardReset,
  boardTick,
  boardWrite,
} from '../board/virt.ts';
import { flatten } from '../board/device-tree.ts';
import { uartHoldRoom, uartPeekSent, uartReceive, uartSent, uartTakeSent } from '../devices/ns16550a.ts';
import type { Board } from '../board/virt.ts';

export interface BareOptions {
  /** Bytes. */
  readonly ram: number;
  /** Retired instructions after which it is stopped; default: none. */
  readonly budget?: number;
  /** What the first UART sends, and how many instructions were retired by then. */
  readonly output: (bytes: Uint8Array, instructions: number) => void;
  /** Asked between slices: true ends the run. */
  readonly isOver?: () => boolean;
  /** What is typed at the first UART: asked between slices while it takes bytes; undefined: nothing now. */
  readonly input?: () => number | undefined;
  /** What the board's device tree gives as `rng-seed`, which is all that it has; 32 bytes, by default random. */
  readonly seed?: Uint8Array;
  /** RAM as another run has left it, for a warm reset: the image is written over it, as a board's loader does. */
  readonly before?: Uint8Array;
  /** Called after each instruction, which makes it slow: for measurements. */
  readonly observe?: (hart: Hart) => void;
}
export interface BareEnd {
  /** What the finisher was told; undefined: it was stopped. */
  readonly status: number | undefined;
  readonly instructions: number;
  /** RAM as it was left. */
  readonly memory: Uint8Array;
}

/** Instructions between two looks at devices that nobody accessed. */
const SLICE = 1_000_000;
const SEED_BYTES = 32;
const PAGE = 4096;

/** Runs it to its end, in this thread. Throws Error when the engine cannot go on. */
export function runBare(
  image: Uint8Array,
  { ram, budget = Infinity, output, isOver, input, observe, before, seed = randomBytes(SEED_BYTES) }: BareOptions,
): BareEnd {
  const machine = Machine.create({ harts: 1, ramBase: VIRT.ram, ramBytes: ram, clock: 'instructions' });
  if (before !== undefined) machine.ram.set(before);
  machine.ram.set(image);
  // At the end of RAM, as QEMU's board has it.
  const tree = ram - PAGE;
  machine.ram.set(flatten({ properties: {}, children: { chosen: { properties: { 'rng-seed': seed } } } }), tree);
  let status: number | undefined;
  let hart: Hart | undefined;
  const time = (): number => hart?.time ?? 0;
  const board: Board = attachBoard(
    new Int32Array(BOARD_WORDS),
    1,
    time,
    { seconds: 0, nanoseconds: 0 },
    {
      interrupt: (index, bit, level) => machine.setInterrupt(index, bit, level),
      // The slice that runs was measured by the old time.
      timerMoved: () => machine.kick(0),
      powerOff: (code) => {
        status = code;
        machine.kick(0);
      },
      reset: () => machine.kick(0),
    },
  );
  const drain = (): void => {
    const count = uartSent(board.uart0);
    if (count === 0) return;
    output(
      Uint8Array.from({ length: count }, (_, i) => uartPeekSent(board.uart0, i)),
      hart?.instret ?? 0,
    );
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
  machine.reset(0, { pc: VIRT.ram, mode: 'M', a0: 0, a1: VIRT.ram + tree });
  while (status === undefined && hart.instret < budget && isOver?.() !== true) {
    while (uartHoldRoom(board.uart0) > 0) {
      const byte = input?.();
      if (byte === undefined) break;
      uartReceive(board.uart0, byte);
    }
    const untilDeadline = (boardDeadline(board, 0) - time()) * INSTRUCTIONS_PER_TICK;
    const stop = hart.run(observe === undefined ? Math.max(1, Math.min(SLICE, untilDeadline)) : 1);
    observe?.(hart);
    if (stop.why === 'engine-error') throw new Error(`the engine cannot go on: ${JSON.stringify(stop)}`);
    boardTick(board);
    if (stop.why === 'idle') hart.waitForInterrupt(boardDeadline(board, 0));
  }
  return { status, instructions: hart.instret, memory: machine.ram };
}
