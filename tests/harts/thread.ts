// One hart in a thread of its own: runs from its program counter until an `ebreak`.

import { parentPort, workerData } from 'node:worker_threads';
import type * as Engine from '../../src/riscv/index.ts';

export interface HartThread {
  /** URL of the engine's `index.ts`: the real one, or a copy with a fault in it. */
  readonly engine: string;
  readonly machine: Engine.SharedMachine;
  readonly index: number;
  readonly pc: number;
  /** By number. */
  readonly registers: Readonly<Record<number, number>>;
  readonly csrs: Readonly<Record<number, bigint>>;
  readonly mode: Engine.Mode;
}
/** `ready` once, then one of the others. */
export type HartEvent = 'ready' | 'breakpoint' | { readonly error: string };

const start = workerData as HartThread;
const { Hart, Machine, CSR0 } = (await import(start.engine)) as typeof Engine;
const machine = Machine.attach(start.machine);
const hart = new Hart(machine, start.index, {
  read: () => -1,
  write: () => false,
  time: () => Math.floor(performance.now() * 10_000),
});
hart.reset({ pc: start.pc, mode: 'M', a0: 0, a1: 0, firmware: false });
hart.stopsAtBreakpoints = true;
for (const [register, value] of Object.entries(start.registers)) hart.writeRegister(Number(register), BigInt(value));
for (const [csr, value] of Object.entries(start.csrs)) hart.writeRegister(CSR0 + Number(csr), value);
hart.mode = { U: 0, S: 1, M: 3, 0: 0, 1: 1, 3: 3 }[start.mode] as 0 | 1 | 3;

const tell = (event: HartEvent): void => parentPort!.postMessage(event);
tell('ready');
// The bell of reset, or of whoever wants this hart to begin: see `Harts.begin`.
for (;;) {
  const stop = hart.run(1_000_000);
  if (stop.why === 'idle') hart.waitForInterrupt(Infinity);
  else if (stop.why === 'engine-error') {
    tell({ error: stop.message });
    break;
  } else if (stop.why === 'breakpoint') {
    tell('breakpoint');
    break;
  }
}
