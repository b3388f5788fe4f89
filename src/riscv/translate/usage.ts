// Which registers an instruction reads and writes, found by running its semantics over a target that only takes notes: so
// there is no second list of instructions to keep.

import type { Instruction } from '../decode.ts';
import { NAMES } from '../instructions.ts';
import { SEMANTICS } from '../semantics/index.ts';
import { Target } from '../semantics/target.ts';
import type { Emit } from '../semantics/target.ts';

/** Bit masks by register number. */
export interface Usage {
  readonly reads: number;
  readonly writes: number;
  readonly floatReads: number;
  readonly floatWrites: number;
}

const RS1 = 1;
const RS2 = 2;
const RD = 4;
const FS1 = 8;
const FS2 = 16;
const FS3 = 32;
const FD = 64;
const FLOAT = 128;
const ATOMIC = 256;
const LOAD = 512;
const STORE = 1024;

class Notes extends Target {
  readonly shared = false;
  seen = 0;

  constructor() {
    super(0);
  }
  #note(bit: number, value?: Emit): void {
    this.seen |= bit;
    value?.();
  }
  rs1 = (): void => this.#note(RS1);
  rs2 = (): void => this.#note(RS2);
  rd = (value: Emit): void => this.#note(RD, value);
  fs1 = (): void => this.#note(FS1);
  fs2 = (): void => this.#note(FS2);
  fs3 = (): void => this.#note(FS3);
  fd = (_: unknown, value: Emit): void => this.#note(FD, value);
  floatEnabled = (): void => this.#note(FLOAT);
  load = (): void => this.#note(RS1 | LOAD);
  store = (_: unknown, value: Emit): void => this.#note(RS1 | STORE, value);
  atomicAddress = (): number => {
    this.#note(RS1 | ATOMIC);
    return 0;
  };
  branch = (condition: Emit): void => condition();
  jump = (link: boolean): void => this.#note(link ? RD : 0);
  jumpRegister = (link: boolean): void => this.#note(link ? RS1 | RD : RS1);
  reservation = (_: unknown, write?: Emit): void => write?.();
  scratch = (): number => 0;
  immediate = (): void => {};
  immediateLow = (): void => {};
  rounding = (): void => {};
  pc = (): void => {};
  helper = (): void => {};
  trapIfRaised = (): void => {};
  system = (): void => {};
}

/** By instruction number. */
const OPERANDS: readonly number[] = NAMES.map((name, number) => {
  // CSR instructions go through the engine; rs1 is a number in the immediate forms
  if (name.startsWith('csr')) return name.endsWith('i') ? RD : RS1 | RD;
  const notes = new Notes();
  SEMANTICS[number](notes);
  return notes.seen;
});

export function usageOf({ number, rd, rs1, rs2, rs3 }: Instruction): Usage {
  const operands = OPERANDS[number];
  const bit = (operand: number, register: number): number => (operands & operand ? 1 << register : 0);
  return {
    reads: (bit(RS1, rs1) | bit(RS2, rs2)) & ~1,
    writes: bit(RD, rd) & ~1,
    floatReads: bit(FS1, rs1) | bit(FS2, rs2) | bit(FS3, rs3),
    floatWrites: bit(FD, rd),
  };
}
export const isFloat = (number: number): boolean => (OPERANDS[number] & FLOAT) !== 0;
export const isAtomic = (number: number): boolean => (OPERANDS[number] & ATOMIC) !== 0;
/** Whether it loads from or stores to rs1 + immediate. */
export const accessOf = (number: number): 'load' | 'store' | undefined =>
  OPERANDS[number] & LOAD ? 'load' : OPERANDS[number] & STORE ? 'store' : undefined;
