// The subject: Virtsec's engine runs a batch in this process, on the smallest board that the runtime needs.

import * as virtsec from '../../src/riscv/index.ts';
import type { Bus } from '../../src/riscv/index.ts';
import { RAM_BYTES } from './batch.ts';
import { CSR } from './registers.ts';
import { ARENA_BYTES, FINISHER, MSIP, MTIME, MTIMECMP, RAM_BASE } from './layout.ts';

/** Instructions a tick of mtime: QEMU's `-icount shift=0` lets one instruction take 1 ns, and mtime runs at 10 MHz. */
const INSTRUCTIONS_IN_TICK = 100;
/**
 * Instructions that the hart runs before this board looks at its timer. A write to mtimecmp sets the timer to a tick
 * later at least, so looking every tick is exact.
 */
const BUDGET = INSTRUCTIONS_IN_TICK;
/** When the engine translates, it gets room to run translated code; a write to mtimecmp ends the run. */
const LONG_BUDGET = 20_000;
/** A batch that retires more than this, and more than this for each program, hangs. */
const BATCH_LIMIT = 5_000_000;
const PROGRAM_LIMIT = 100_000;
/** Ticks from now that no run lasts. */
const FAR = 2 ** 40;
/** A hart that has nothing to do for so long hangs. */
const IDLE_TICKS = 1_000_000;
/** As readRegister counts: CSR `time`. */
const TIME = virtsec.CSR0 + CSR.time;
const MACHINE_SOFTWARE = 3;
const MACHINE_TIMER = 7;

/** The engine's modules: its own, or a copy with a fault in it. */
export type Engine = Pick<typeof virtsec, 'Hart' | 'Machine'>;

/** How the engine runs: `threshold` 1 translates what is about to run, greater ones mix tiers, and 0 interprets all. */
export interface Tier {
  readonly threshold: number;
}

/**
 * Runs an image from the start of RAM until it powers off.
 * @returns RAM afterwards, as far as the image reached, also when the batch hung
 * @throws Error when the engine gives up
 */
export async function runInEngine(
  image: Uint8Array,
  engine: Engine = virtsec,
  { threshold }: Tier = { threshold: 0 },
): Promise<Uint8Array> {
  const machine = engine.Machine.create({
    harts: 1,
    ramBase: RAM_BASE,
    ramBytes: RAM_BYTES,
    clock: 'instructions',
    translate: threshold > 0 && { threshold },
  });
  const budget = threshold > 0 ? LONG_BUDGET : BUDGET;
  machine.ram.set(image);
  let finished = false;
  /** Instruction count at which the timer strikes, if it does. */
  let deadline = Infinity;
  let compare = 0;
  const bus: Bus = {
    time: () => ticks(),
    read(address) {
      if (address === MTIME) return ticks() >>> 0;
      if (address === MTIME + 4) return Math.floor(ticks() / 2 ** 32);
      return address === MSIP || address === MTIMECMP || address === MTIMECMP + 4 ? 0 : -1;
    },
    write(address, _size, value) {
      if (address === FINISHER) {
        finished = true;
        machine.kick(0);
      } else if (address === MSIP) machine.setInterrupt(0, MACHINE_SOFTWARE, (value & 1) === 1);
      else if (address === MTIMECMP) compare = value;
      else if (address === MTIMECMP + 4) {
        const distance = compare + value * 2 ** 32 - ticks();
        // QEMU counts from behind the store, and what lies beyond all counting is no deadline.
        deadline = distance < FAR ? hart.instret + 1 + distance * INSTRUCTIONS_IN_TICK : Infinity;
        machine.setInterrupt(0, MACHINE_TIMER, distance <= 0);
        machine.kick(0);
      } else return false;
      return true;
    },
  };
  const hart = new engine.Hart(machine, 0, bus);
  const ticks = (): number => Math.floor(hart.instret / INSTRUCTIONS_IN_TICK);
  machine.reset(0, { pc: RAM_BASE, mode: 'M', a0: 0, a1: 0 });
  const limit = BATCH_LIMIT + PROGRAM_LIMIT * (image.length / ARENA_BYTES);
  // A trap whose handler traps at once retires nothing, so it is runs that are counted.
  for (let spent = 0; !finished && spent < limit;) {
    const begin = hart.instret;
    const stop = hart.run(Math.max(1, Math.min(budget, deadline - begin)));
    spent += Math.max(BUDGET, hart.instret - begin);
    if (stop.why === 'engine-error') throw new Error(`the engine gave up: ${stop.message}`);
    if (stop.why === 'idle' && deadline === Infinity) {
      // Only stimecmp can still wake it: time jumps there. Where nothing comes, QEMU waits for ever.
      const before = ticks();
      hart.waitForInterrupt(before + IDLE_TICKS);
      if (hart.readRegister(TIME) >= BigInt(before + IDLE_TICKS)) break;
    } else if (stop.why === 'idle' || hart.instret >= deadline) {
      machine.setInterrupt(0, MACHINE_TIMER, true);
      deadline = Infinity;
    }
  }
  return machine.ram.slice(0, image.length);
}
