// What instruction semantics are written over. A target is a function body under construction that knows the operands of the
// instruction being emitted: the interpreter reads them from the decoded entry when it runs, a translator has them as
// constants and keeps registers in locals. Unless said otherwise a method pushes one i64.

import { Encoder } from '../wasm/encoder.ts';
import type { Memory, ValueType } from '../wasm/opcodes.ts';

export type Emit = () => void;
/** Precision of a floating-point operand. */
export type Precision = 's' | 'd';

export abstract class Target extends Encoder {
  /** Several harts share RAM: atomic instructions must be atomic. */
  abstract readonly shared: boolean;

  abstract rs1(): void;
  abstract rs2(): void;
  /** The low halves, as i32. */
  rs1Low(): void {
    this.rs1();
    this.op('i32.wrap_i64');
  }
  rs2Low(): void {
    this.rs2();
    this.op('i32.wrap_i64');
  }
  /** Writes what `value` pushes to rd. */
  abstract rd(value: Emit): void;
  abstract immediate(): void;
  /** As i32. */
  abstract immediateLow(): void;

  /** Floating-point registers as patterns; of precision `s` checked for NaN boxing, with zeros above. */
  abstract fs1(precision: Precision): void;
  abstract fs2(precision: Precision): void;
  abstract fs3(precision: Precision): void;
  /** Writes a pattern, boxed, and makes FS dirty. */
  abstract fd(precision: Precision, value: Emit): void;
  /** Traps unless floating point is on (mstatus.FS). First thing in each floating-point instruction. */
  abstract floatEnabled(): void;
  /** Pushes the effective rounding mode as i32 (0..4); traps when it is reserved. */
  abstract rounding(): void;

  abstract pc(): void;
  /** Calls a helper function by name with what is on the stack. */
  abstract helper(name: string): void;
  /** Leaves with the trap that a helper has raised, if it has. */
  abstract trapIfRaised(): void;
  /** A scratch local: one for each name. */
  abstract scratch(name: string, type: ValueType): number;

  /** Loads from rs1 + immediate. */
  abstract load(instruction: Memory): void;
  /** Stores what `value` pushes (i64) at rs1 + immediate. */
  abstract store(instruction: Memory, value: Emit): void;
  /** The host address of rs1, aligned to 2^log bytes, as a local; traps otherwise. */
  abstract atomicAddress(log: 2 | 3, access: 'load' | 'store'): number;
  /** The memory word that holds LR's address or value. */
  abstract reservation(field: 'RESERVATION' | 'RESERVED_VALUE', write?: Emit): void;

  /** Goes to pc + immediate if `condition` pushes a nonzero i32. */
  abstract branch(condition: Emit): void;
  /** Goes to pc + immediate. With `link`, rd = address of the next instruction. */
  abstract jump(link: boolean): void;
  /** Goes to rs1 + immediate, bit 0 cleared. */
  abstract jumpRegister(link: boolean): void;
  /** Privileged and environment instructions: they leave through the engine's own functions. */
  abstract system(instruction: System): void;
}

export type System =
  | 'fence.i'
  | 'ecall'
  | 'ebreak'
  | 'mret'
  | 'sret'
  | 'wfi'
  | 'sfence.vma'
  | 'illegal'
  | `csrr${'w' | 's' | 'c'}${'' | 'i'}`;

export type Semantics = (t: Target) => void;
