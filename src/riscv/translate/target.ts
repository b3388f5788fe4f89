// The function of a region as a `Target` for the instruction semantics: operands are constants and locals. What the semantics leave
// to the target is here: CSR instructions, floating-point state, and better code for some instructions.

import { NAMES } from '../instructions.ts';
import type { Name } from '../instructions.ts';
import { HALF, WORD } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { SEMANTICS } from '../semantics/index.ts';
import type { Emit, Precision, System } from '../semantics/target.ts';
import type { Plain } from '../wasm/opcodes.ts';
import { RegionAccesses } from './accesses.ts';
import { nativeFloat } from './floating.ts';
import { writesStatus } from './graph.ts';
import type { Block, Code, Graph } from './graph.ts';
import { isAtomic, isFloat } from './usage.ts';
import type { Helpers } from './ways.ts';

const FRM = WORD.FFLAGS + 4;
const FCSR = 3;
const LEAST_NORMAL = { f32: 2 ** -126, f64: 2 ** -1022 } as const;
const SSTATUS = 0x100;
const SIE = 2;
const SSTATUS_MASK = 0xc6122n;
/** CSRs of S-mode that are plain words. */
const SUPERVISOR_WORDS: Readonly<Record<number, 'SSCRATCH' | 'SEPC' | 'SCAUSE' | 'STVAL' | undefined>> = {
  0x140: 'SSCRATCH',
  0x141: 'SEPC',
  0x142: 'SCAUSE',
  0x143: 'STVAL',
};

const NARROW_LOGIC: Partial<Record<Name, Plain>> = { and: 'i32.and', or: 'i32.or', xor: 'i32.xor' };
/** Instructions whose results are sign-extended 32-bit values. */
const NARROW_RESULTS: ReadonlySet<Name> = new Set<Name>([
  ...(['addiw', 'slliw', 'srliw', 'sraiw', 'roriw', 'addw', 'subw', 'sllw', 'srlw', 'sraw', 'rolw', 'rorw'] as const),
  ...(['mulw', 'divw', 'divuw', 'remw', 'remuw', 'lb', 'lh', 'lw', 'lbu', 'lhu', 'lui', 'lui.x16', 'c.lui'] as const),
  ...(['slt', 'sltu', 'slti', 'sltiu', 'sext.b', 'sext.h', 'zext.h', 'clz', 'ctz', 'cpop'] as const),
]);

export abstract class RegionTarget extends RegionAccesses {
  /** Nonzero while FS is known to be dirty, and so floating point on. */
  readonly #dirtyStatus = this.local('i32');
  readonly #precisions: readonly ('f32' | 'f64')[];
  readonly #changesStatus: boolean;
  readonly #floats: boolean;
  /** Blocks whose floating-point instructions have shown that FS is on; those that have made it dirty. */
  readonly #floatBlocks = new Set<Block>();
  readonly #floatDirtyBlocks = new Set<Block>();
  /** Registers that are known to hold sign-extended 32-bit values. */
  protected narrow = 0;

  constructor(layout: Layout, hart: number, mode: number, source: Code, graph: Graph, helpers: Helpers) {
    super(layout, hart, mode, source, graph, helpers);
    this.#changesStatus = mode !== 0 && graph.changesStatus;
    this.#precisions = graph.precisions;
    this.#floats = graph.floats;
  }

  // ---- instructions

  /** The present instruction, which does not end its block. */
  protected translate(): void {
    const { number } = this.instruction;
    const name = NAMES[number];
    if (name.startsWith('csr')) this.#csr(name);
    else if (name in NARROW_LOGIC && this.#areNarrow()) this.#narrowLogic(NARROW_LOGIC[name]!);
    else if (!isFloat(number) || !nativeFloat(this, name)) SEMANTICS[number](this);
    this.#noteNarrow(name);
    if (!isAtomic(number)) return;
    // its page may have lost its decoded page and its regions
    this.loadHalf('ATTENTION');
    this.unlikelyIf();
    this.leaveBehind();
    this.end();
  }
  // Logic on sign-extended 32-bit values is done in 32 bits: so V8 finds the rotations in it.
  #isNarrow(register: number): boolean {
    return register === 0 || (this.narrow & (1 << register)) !== 0;
  }
  #areNarrow(): boolean {
    const { rs1, rs2 } = this.instruction;
    return this.#isNarrow(rs1) && this.#isNarrow(rs2);
  }
  #narrowLogic(operation: Plain): void {
    this.rd(() => {
      this.rs1Low();
      this.rs2Low();
      this.op(operation, 'i64.extend_i32_s');
    });
  }
  #noteNarrow(name: Name): void {
    const { rd, rs1, rs2, immediate } = this.instruction;
    const written = this.instruction.usage.writes;
    if (written === 0) return;
    const isNarrow =
      NARROW_RESULTS.has(name) ||
      (name in NARROW_LOGIC && this.#isNarrow(rs1) && this.#isNarrow(rs2)) ||
      ((name === 'andi' || name === 'ori' || name === 'xori') && this.#isNarrow(rs1)) ||
      (name === 'andi' && immediate >= 0) ||
      (name === 'addi' && (rs1 === 0 || (immediate === 0 && this.#isNarrow(rs1)))) ||
      (name === 'add' && ((rs1 === 0 && this.#isNarrow(rs2)) || (rs2 === 0 && this.#isNarrow(rs1))));
    if (isNarrow) this.narrow |= 1 << rd;
    else this.narrow &= ~written;
  }
  #csr(name: Name): void {
    const { rd, rs1, immediate } = this.located.instruction;
    const isImmediate = name.endsWith('i');
    const operation = name.startsWith('csrrw') ? 1 : name.startsWith('csrrs') ? 2 : 3;
    const writes = operation === 1 || rs1 !== 0;
    const old = this.scratch('csr', 'i64');
    const operand = (): void => (isImmediate ? this.i64(rs1) : this.#x(rs1));
    const word = this.mode === 1 ? SUPERVISOR_WORDS[immediate] : undefined;
    if (word) {
      // a plain word
      this.i32(0);
      this.mem('i64.load', this.base + WORD[word]);
      this.set(old);
      if (writes) {
        this.i32(0);
        if (operation === 1) operand();
        else {
          this.get(old);
          operand();
          if (operation === 3) {
            this.i64(-1);
            this.op('i64.xor', 'i64.and');
          } else this.op('i64.or');
        }
        if (word === 'SEPC') {
          this.i64(-2);
          this.op('i64.and');
        }
        this.mem('i64.store', this.base + WORD[word]);
      }
      this.rd(() => this.get(old));
      return;
    }
    if (this.mode === 1 && immediate === SSTATUS && isImmediate && operation === 3 && rs1 === SIE) {
      // interrupts off: nothing else changes
      if (rd !== 0)
        this.rd(() => {
          this.i64(SSTATUS_MASK);
          this.helper('status_read');
        });
      this.i32(0);
      this.i32(0);
      this.mem('i64.load', this.base + WORD.MSTATUS);
      this.i64(~SIE);
      this.op('i64.and');
      this.mem('i64.store', this.base + WORD.MSTATUS);
      return;
    }
    if (immediate <= FCSR) {
      this.#floatCsr(immediate, operation, writes, operand);
      return;
    }
    this.saveFuelHere();
    this.i32(immediate);
    this.i32(operation);
    operand();
    this.i32(writes ? 1 : 0);
    this.helper('csr');
    this.set(old);
    // not allowed: the interpreter raises the exception
    this.loadHalf('TRAPPED');
    this.unlikelyIf();
    this.i32(0);
    this.i32(0);
    this.mem('i32.store', this.base + HALF.TRAPPED);
    this.leave(this.located.at, this.behind() + 1);
    this.end();
    this.rd(() => this.get(old));
    if (!writes) return;
    if (writesStatus(this.instruction)) {
      // FS may be another
      this.#floatBlocks.delete(this.current);
      this.#floatDirtyBlocks.delete(this.current);
      if (this.#floats) this.loadNative();
    }
    this.loadHalf('ATTENTION');
    this.unlikelyIf();
    this.leave(this.nextPlace(), this.behind());
    this.end();
  }
  /** fflags, frm and fcsr. */
  #floatCsr(number: number, operation: number, writes: boolean, operand: Emit): void {
    const old = this.scratch('csr', 'i64');
    this.floatEnabled();
    this.i32(0);
    this.mem('i64.load32_u', this.base + (number === 2 ? FRM : WORD.FFLAGS));
    if (number === FCSR) {
      this.i32(0);
      this.mem('i64.load32_u', this.base + FRM);
      this.i64(5);
      this.op('i64.shl', 'i64.or');
    }
    this.set(old);
    if (writes) {
      const value = this.scratch('csr.value', 'i64');
      if (operation !== 1) this.get(old);
      operand();
      if (operation === 2) this.op('i64.or');
      else if (operation === 3) {
        this.i64(-1);
        this.op('i64.xor', 'i64.and');
      }
      this.set(value);
      if (number !== 2) this.#storeFloatCsr(WORD.FFLAGS, value, 0, 31);
      if (number !== 1) this.#storeFloatCsr(FRM, value, number === FCSR ? 5 : 0, 7);
      this.floatWritten();
      this.loadNative();
    }
    this.rd(() => this.get(old));
  }
  #storeFloatCsr(word: number, value: number, shift: number, mask: number): void {
    this.i32(0);
    this.get(value);
    this.i64(shift);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32(mask);
    this.op('i32.and');
    this.mem('i32.store', this.base + word);
  }
  helper(name: string): void {
    if (name === 'mulhu' || name === 'mulh') this.#multiplyHigh(name === 'mulh');
    else this.call(this.helpers.index(name));
  }
  /** High half of the product of the two values on the stack, from four products of halves. */
  #multiplyHigh(signed: boolean): void {
    const [a, b, low, middle] = ['a', 'b', 'low', 'middle'].map((name) => this.scratch(`multiply.${name}`, 'i64'));
    const half = (local: number, high: boolean): void => {
      this.get(local);
      this.i64(high ? 32 : 0xffffffff);
      this.op(high ? 'i64.shr_u' : 'i64.and');
    };
    this.set(b);
    this.set(a);
    half(a, true);
    half(b, false);
    this.op('i64.mul');
    half(a, false);
    half(b, false);
    this.op('i64.mul');
    this.i64(32);
    this.op('i64.shr_u', 'i64.add');
    this.set(low); // cannot overflow, and neither can the next sum
    half(a, false);
    half(b, true);
    this.op('i64.mul');
    half(low, false);
    this.op('i64.add');
    this.set(middle);
    half(a, true);
    half(b, true);
    this.op('i64.mul');
    half(low, true);
    this.op('i64.add');
    half(middle, true);
    this.op('i64.add');
    if (!signed) return;
    for (const [x, y] of [
      [a, b],
      [b, a],
    ]) {
      // less the other factor, where this one is negative
      this.get(x);
      this.i64(63);
      this.op('i64.shr_s');
      this.get(y);
      this.op('i64.and', 'i64.sub');
    }
  }
  trapIfRaised(): void {
    this.loadHalf('TRAPPED');
    this.unlikelyIf();
    this.leaveBehind();
    this.end();
  }

  #x(number: number): void {
    if (number === 0) this.i64(0);
    else this.get(this.register(number));
  }
  rs1(): void {
    this.#x(this.instruction.rs1);
  }
  rs2(): void {
    this.#x(this.instruction.rs2);
  }
  rd(value: Emit): void {
    const { rd } = this.instruction;
    value();
    if (rd === 0) {
      this.op('drop');
      return;
    }
    this.set(this.register(rd));
    this.dirty |= 1 << rd;
  }
  immediate(): void {
    this.i64(this.instruction.immediate);
  }
  immediateLow(): void {
    this.i32(this.instruction.immediate);
  }
  pc(): void {
    this.address(this.located.at);
  }

  // ---- floating point (see also `floating.ts`)

  /** Whether a block that certainly ran before this one is in the set. Where FS may change only the block itself counts. */
  #ranBefore(set: ReadonlySet<Block>): boolean {
    if (this.#changesStatus) return set.has(this.current);
    for (let block = this.current; ; block = block.dominator) {
      if (set.has(block)) return true;
      if (block.dominator === block) return false;
    }
  }
  /** Leaves unless FS allows floating point. */
  floatEnabled(): void {
    if (this.#ranBefore(this.#floatBlocks)) return;
    this.#floatBlocks.add(this.current);
    this.get(this.#dirtyStatus);
    this.op('i32.eqz');
    this.unlikelyIf();
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and', 'i32.eqz');
    this.unlikelyIf();
    this.leave(this.located.at, this.behind() + 1);
    this.end();
    this.end();
  }
  /**
   * Loads what says whether native arithmetic may be exact (`softfloat/native.ts`): if rounding is to nearest and NX is raised, and
   * FS is dirty, which only makes the rest simpler, the limits are infinite; else they are zero, and no result is below them.
   */
  loadNative(): void {
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and');
    this.i32(0x6000);
    this.op('i32.eq');
    this.set(this.#dirtyStatus);
    for (const type of this.#precisions) {
      if (type === 'f32') this.f32(Infinity);
      else this.f64(Infinity);
      if (type === 'f32') this.f32(0);
      else this.f64(0);
      this.get(this.#dirtyStatus);
      this.i32(0);
      this.mem('i64.load', this.base + WORD.FFLAGS);
      this.i64(-0xffffffffn);
      this.op('i64.and');
      this.i64(1);
      this.op('i64.eq', 'i32.and', 'select');
      this.set(this.limit(type));
    }
  }
  /** On entry: as locals, because V8 makes a constant anew for each use. */
  protected loadLeast(): void {
    for (const type of this.#precisions) {
      // copysign keeps V8 from seeing through it
      if (type === 'f32') this.f32(LEAST_NORMAL.f32);
      else this.f64(LEAST_NORMAL.f64);
      this.get(this.limit(type));
      this.op(`${type}.copysign`);
      this.set(this.least(type));
    }
  }
  /** Local: what the magnitude of a native result must be below. */
  limit(type: 'f32' | 'f64'): number {
    return this.scratch(`limit.${type}`, type);
  }
  /** Local: the least normal number, and what the magnitude of a result must be above where tiny ones raise flags. */
  least(type: 'f32' | 'f64'): number {
    return this.scratch(`least.${type}`, type);
  }
  rounding(): void {
    const { rm } = this.instruction;
    if (rm !== 7) {
      this.i32(rm);
      return;
    }
    const mode = this.scratch('rounding', 'i32');
    this.i32(0);
    this.mem('i32.load', this.base + FRM);
    this.tee(mode);
    this.i32(4);
    this.op('i32.gt_u');
    this.unlikelyIf();
    this.leave(this.located.at, this.behind() + 1);
    this.end();
    this.get(mode);
  }
  #float(number: number, precision: Precision): void {
    this.get(this.floatRegister(number));
    this.op('i64.reinterpret_f64');
    if (precision === 'd') return;
    // A narrower value that is not boxed reads as the canonical NaN (Unprivileged ISA, "D", 21.2).
    const value = this.scratch('single', 'i64');
    this.tee(value);
    this.i64(0xffffffff);
    this.op('i64.and');
    this.i64(0x7fc00000);
    this.get(value);
    this.i64(-0x100000000n);
    this.op('i64.ge_u', 'select');
  }
  fs1(precision: Precision): void {
    this.#float(this.instruction.rs1, precision);
  }
  fs2(precision: Precision): void {
    this.#float(this.instruction.rs2, precision);
  }
  fs3(precision: Precision): void {
    this.#float(this.instruction.rs3, precision);
  }
  fd(precision: Precision, value: Emit): void {
    value();
    if (precision === 's') {
      this.i64(-0x100000000n);
      this.op('i64.or');
    }
    this.op('f64.reinterpret_i64');
    this.setFloat();
    this.floatWritten();
  }
  /** The pattern on the stack (f64) becomes fd. */
  setFloat(): void {
    const { rd } = this.instruction;
    this.set(this.floatRegister(rd));
    this.floatDirty |= 1 << rd;
    this.singles &= ~(1 << rd);
  }
  floatWritten(): void {
    if (this.#ranBefore(this.#floatDirtyBlocks)) return;
    this.floatIsDirty();
    this.get(this.#dirtyStatus);
    this.op('i32.eqz');
    this.unlikelyIf();
    this.i32(0);
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.or');
    this.mem('i32.store', this.base + WORD.MSTATUS);
    this.i32(1);
    this.set(this.#dirtyStatus);
    this.end();
  }
  /** Whatever way this block has come, FS is dirty now. */
  floatIsDirty(): void {
    this.#floatBlocks.add(this.current);
    this.#floatDirtyBlocks.add(this.current);
  }
  /** The instruction by its exact semantics, where native arithmetic is not exact. */
  floatExactly(): void {
    const [wasEnabled, wasDirty] = [this.#floatBlocks.has(this.current), this.#floatDirtyBlocks.has(this.current)];
    SEMANTICS[this.instruction.number](this);
    if (!wasEnabled) this.#floatBlocks.delete(this.current);
    if (!wasDirty) this.#floatDirtyBlocks.delete(this.current);
    this.loadNative();
  }

  // ---- what ends a block, and so is not translated by its semantics

  branch(): void {
    this.#never();
  }
  jump(): void {
    this.#never();
  }
  jumpRegister(): void {
    this.#never();
  }
  system(_instruction: System): void {
    this.#never();
  }
  #never(): never {
    throw new Error(`${NAMES[this.instruction.number]} inside a block`);
  }
}
