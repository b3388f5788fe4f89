// A machine for directed tests: assembly text in, registers out. The assembler is the differential tester's own.

import { CSR0, Hart, Machine } from '../../src/riscv/index.ts';
import { assemble } from '../differential/assembler.ts';
import { csrNumber, integerRegister } from '../differential/registers.ts';

const RAM_BASE = 0x8000_0000;
const RAM_BYTES = 16 << 20;
/** More than any of the tests needs. */
const BUDGET = 10_000;

/** What every test begins with: a handler that keeps the first trap in s2 (cause), s3 (epc), s4 (tval), and stops. */
const BEGIN = `
    la t0,handler
    csrw mtvec,t0
    li s2,-1
    j begin
.align 4
handler:
    csrr s2,mcause
    csrr s3,mepc
    csrr s4,mtval
    csrr s5,mstatus
end:
    j end
begin:
    li t0,-1
    csrw pmpaddr0,t0
    li t0,0x1f
    csrw pmpcfg0,t0
`;

export interface Result {
  /** An integer register by name, or a CSR, unsigned. */
  value(name: string): bigint;
  /** The address of a label. */
  label(name: string): bigint;
}

/** Runs text in M-mode until its first trap, or until it jumps to `end`. `lines`: bits of mip that devices hold up. */
export function run(text: string, lines: readonly number[] = []): Result {
  const machine = Machine.create({ harts: 1, ramBase: RAM_BASE, ramBytes: RAM_BYTES, clock: 'instructions' });
  const { bytes, labels } = assemble(`${BEGIN}${text}\n    j end\n`, RAM_BASE);
  machine.ram.set(bytes);
  const hart = new Hart(machine, 0, { time: () => 0, read: () => -1, write: () => false });
  machine.reset(0, { pc: RAM_BASE, mode: 'M', a0: 0, a1: 0 });
  for (const bit of lines) machine.setInterrupt(0, bit, true);
  hart.run(BUDGET);
  return {
    label: (name) => BigInt(labels.get(name)!),
    value(name) {
      const register = integerRegister(name);
      return hart.readRegister(register >= 0 ? register : CSR0 + csrNumber(name));
    },
  };
}
