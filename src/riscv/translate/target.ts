// The function of a region as a `Target` for the instruction semantics: operands are constants, and guest registers are locals,
// which are loaded on entry and written back, where they may be dirty, on the ways out.

import type { Instruction } from '../decode.ts';
import { NAMES, NUMBER } from '../instructions.ts';
import type { Name } from '../instructions.ts';
import { REGION } from '../interpret/entry.ts';
import { FETCH_BYTES, FETCH_ENTRIES, FETCH_TLBS, F, HALF, WORD, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { SEMANTICS } from '../semantics/index.ts';
import { Target } from '../semantics/target.ts';
import type { Emit, Precision, System } from '../semantics/target.ts';
import { Bytes } from '../wasm/encoder.ts';
import type { FunctionBody } from '../wasm/encoder.ts';
import { MEMORY } from '../wasm/opcodes.ts';
import type { Memory, Plain, ValueType } from '../wasm/opcodes.ts';
import { nativeFloat } from './floating.ts';
import { writesStatus } from './graph.ts';
import type { Block, Code, Graph, Located, Place } from './graph.ts';
import { BEHIND, BOXED, FLOAT, SIGNED } from './slow.ts';
import { accessOf, isAtomic, isFloat, usageOf } from './usage.ts';

const FRM = WORD.FFLAGS + 4;
/** `way`, on the way out: place in bytes from the page, biased, and bit 0 for the interpreter; flags; instructions not begun. */
const BIAS = 4096;
const PLACE_MASK = 0x3fff;
/** The instruction before the place has four bytes (if it traps, the trap is at its start). */
const LONG = 0x4000;
/** Not a place but `target`, where there may be a region. */
const TO_TARGET = 0x8000;
const UNBEGUN = 16;

const FCSR = 3;
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

/** No virtual address lies in it: neither Sv39 and Sv48 nor bare addressing reach it. */
const NO_PAGE = 1n << 62n;
/** A register that moves by so many bytes a round is soon in another page. */
const LONG_STEP = 512;

/** Numbers of imported functions by name. */
export interface Helpers {
  /** Whether the host has a fused multiply-add (`softfloat/fused.ts`). */
  readonly fuses: boolean;
  index(name: string): number;
}

/** A way out: registers to write back; then those of the next one, which are fewer; at last none, and out. */
interface Way {
  readonly dirty: number;
  readonly floatDirty: number;
  /** Where branches to it stand in the code (two bytes are left for the label), and how deep. */
  readonly branches: { readonly offset: number; readonly depth: number }[];
}

export abstract class RegionTarget extends Target {
  readonly shared: boolean;
  protected readonly layout: Layout;
  protected readonly base: number;
  protected readonly mode: number;
  protected readonly source: Code;
  readonly #tlbs: number;
  readonly helpers: Helpers;
  readonly #registers = new Map<number, number>();
  readonly #scratch = new Map<string, number>();
  readonly #ways = new Map<string, Way>();
  /** Registers that take long steps, by block of a steady loop. */
  readonly #striding = new Map<Block, number>();
  /** Code of TLB checks by size and kind: it is the same each time. */
  readonly #checks = new Map<string, Uint8Array>();
  readonly #unlikely: number[] = [];

  /** Virtual address of the region's page. */
  protected readonly page = this.local('i64');
  protected readonly fuel = this.local('i32');
  readonly #way = this.local('i32');
  readonly #va = this.local('i64');
  readonly #host = this.local('i64');
  protected readonly target = this.local('i64');
  protected readonly at = this.local('i32');
  #native: number | undefined;
  readonly #changesStatus: boolean;

  // The block and instruction being translated
  protected current: Block;
  protected index = 0;
  protected located: Located;
  protected dirty = 0;
  protected floatDirty = 0;
  /** Blocks whose floating-point instructions have shown that FS is on; those that have made it dirty. */
  readonly #floatBlocks = new Set<Block>();
  readonly #floatDirtyBlocks = new Set<Block>();
  /** Registers that are known to hold sign-extended 32-bit values. */
  protected narrow = 0;
  /** Registers whose value is known to be a boxed single, which a local of type f32 holds too. */
  singles = 0;

  constructor(layout: Layout, hart: number, mode: number, source: Code, graph: Graph, helpers: Helpers) {
    super(2);
    const [first] = graph.blocks;
    this.#changesStatus = mode !== 0 && graph.changesStatus;
    this.layout = layout;
    this.base = layout.hart[hart].base;
    this.#tlbs = layout.hart[hart].tlbs;
    this.mode = mode;
    this.source = source;
    this.helpers = helpers;
    this.shared = layout.harts > 1;
    this.current = first;
    this.located = {
      instruction: { number: 0, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, immediate: 0, length: 4 },
      at: 0,
    };
  }

  /** The whole function, when control flow is done. */
  protected finish(): FunctionBody {
    this.#wayOut(0, 0);
    // a way goes on to one with fewer registers, which stands further out
    const count = (mask: number): number => {
      let bits = 0;
      for (let rest = mask; rest !== 0; rest &= rest - 1) bits++;
      return bits;
    };
    const ways = [...this.#ways.values()]
      .map((way) => ({ way, size: count(way.dirty) + count(way.floatDirty) }))
      .toSorted((a, b) => b.size - a.size)
      .map(({ way }) => way);
    const end = this.code.length;
    const written = this.code.view();
    for (const [k, way] of ways.entries())
      for (const { offset, depth } of way.branches) {
        written[offset] = ((depth + k) & 0x7f) | 0x80;
        written[offset + 1] = (depth + k) >> 7;
      }
    const ends: number[] = [end];
    for (const [k, { dirty, floatDirty }] of ways.entries()) {
      const isWithin = (other: Way, at: number): boolean =>
        at > k && (other.dirty & ~dirty) === 0 && (other.floatDirty & ~floatDirty) === 0;
      const next = ways.findIndex(isWithin);
      if (next < 0) this.#out();
      else {
        this.writeBack(dirty & ~ways[next].dirty, floatDirty & ~ways[next].floatDirty);
        if (next > k + 1) {
          this.code.byte(0x0c);
          this.code.unsigned(next - k - 1);
        }
      }
      ends.push(this.code.length);
    }
    const bytes = this.code.view();
    const code = new Bytes();
    for (let k = 0; k < ways.length; k++) code.append([0x02, 0x40]);
    const shift = code.length;
    code.append(bytes.subarray(0, end));
    ways.forEach((_, k) => {
      code.byte(0x0b);
      code.append(bytes.subarray(ends[k], ends[k + 1]));
    });
    return {
      parameters: ['i64', 'i32'],
      result: 'i64',
      locals: this.locals,
      code: code.view().slice(),
      unlikely: this.#unlikely.map((offset) => offset + shift),
    };
  }

  // ---- ways out

  /** Branches to the way out that writes these registers back. The last call of all must be for none. */
  #wayOut(dirty: number, floatDirty: number): void {
    const key = `${dirty},${floatDirty}`;
    let way = this.#ways.get(key);
    if (!way) this.#ways.set(key, (way = { dirty, floatDirty, branches: [] }));
    this.code.byte(0x0c);
    way.branches.push({ offset: this.code.length, depth: this.depth });
    this.code.append([0, 0]);
  }
  /** What all ways out end with. */
  #out(): void {
    this.i32(0);
    this.get(this.fuel);
    this.get(this.#way);
    this.i32(UNBEGUN);
    this.op('i32.shr_u', 'i32.add');
    this.mem('i32.store', this.base + HALF.FUEL);
    this.get(this.#way);
    this.i32(TO_TARGET);
    this.op('i32.and');
    this.if();
    this.regionAt(undefined);
    this.#tailCall();
    this.end();
    this.get(this.page);
    this.get(this.#way);
    this.i32(PLACE_MASK);
    this.op('i32.and');
    this.i32(BIAS);
    this.op('i32.sub', 'i64.extend_i32_s', 'i64.add');
    this.set(this.target);
    this.loadHalf('TRAPPED');
    this.if();
    this.get(this.target);
    this.i64(-2);
    this.op('i64.and');
    this.i64(4);
    this.i64(2);
    this.get(this.#way);
    this.i32(LONG);
    this.op('i32.and', 'select', 'i64.sub');
    this.helper('exception');
    this.op('return');
    this.end();
    this.get(this.target);
    this.op('return');
  }
  #go(way: number): void {
    this.i32(way);
    this.set(this.#way);
    this.#wayOut(this.dirty, this.floatDirty);
  }
  /** Goes out to `place`, for the interpreter, where `unbegun` instructions of the block have not begun. */
  protected leave(place: Place, unbegun: number): void {
    this.#go((place * 2 + BIAS) | 1 | (unbegun << UNBEGUN));
  }
  /** Goes out behind the present instruction, or with the trap that it has raised. */
  #leaveBehind(): void {
    const { length } = this.located.instruction;
    this.#go((this.nextPlace() * 2 + BIAS) | 1 | (length === 4 ? LONG : 0) | (this.behind() << UNBEGUN));
  }
  /** Goes on at a place outside the region, by a tail call if there is a region. */
  protected exit(to: Place): void {
    this.address(to);
    this.set(this.target);
    this.#go(TO_TARGET);
  }
  protected exitToTarget(): void {
    this.#go(TO_TARGET);
  }
  #tailCall(): void {
    this.get(this.target);
    this.get(1);
    this.get(this.at);
    this.i32(8);
    this.op('i32.shr_u');
    this.returnCallIndirect(0);
  }
  /** `at` = the entry at `target`, which is that of a region; else returns. `place`: where the target is, if that is known. */
  protected regionAt(place: Place | undefined): void {
    if (place === undefined || place >> 11 !== 0) {
      this.fetchEntry(() => this.get(this.target));
      this.mem('i64.load');
      this.get(this.target);
      this.i64(-4096);
      this.op('i64.and', 'i64.ne');
      this.unlikelyIf();
      this.get(this.target);
      this.op('return');
      this.end();
      this.get(this.at);
      this.mem('i32.load', 8);
      this.get(this.target);
      this.op('i32.wrap_i64');
      this.i32(4094);
      this.op('i32.and');
      this.i32(1);
      this.op('i32.shl', 'i32.add');
      this.mem('i32.load');
    } else {
      this.i32(0);
      this.mem('i32.load', this.source.entryAddress(place));
    }
    this.tee(this.at);
    this.i32(0xff);
    this.op('i32.and');
    this.i32(REGION);
    this.op('i32.ne');
    this.unlikelyIf();
    this.get(this.target);
    this.op('return');
    this.end();
  }
  /** Address of the fetch TLB entry for the address that `va` pushes, on the stack and in `at`. */
  protected fetchEntry(va: Emit): void {
    va();
    this.i64(8);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((FETCH_ENTRIES - 1) << 4);
    this.op('i32.and');
    this.i32(this.base + FETCH_TLBS + this.mode * FETCH_BYTES);
    this.op('i32.add');
    this.tee(this.at);
  }
  protected address(place: Place): void {
    this.get(this.page);
    if (place === 0) return;
    this.i64(place * 2);
    this.op('i64.add');
  }

  // ---- state

  unlikelyIf(type: 'void' | ValueType = 'void'): void {
    this.#unlikely.push(this.code.length);
    this.if(type);
  }
  protected loadRegisters(x: number, f: number): void {
    for (let k = 1; k < 32; k++)
      if (x & (1 << k)) {
        this.i32(0);
        this.mem('i64.load', this.base + X + k * 8);
        this.set(this.register(k));
      }
    for (let k = 0; k < 32; k++)
      if (f & (1 << k)) {
        this.i32(0);
        this.mem('f64.load', this.base + F + k * 8);
        this.set(this.floatRegister(k));
      }
  }
  protected writeBack(x: number, f: number): void {
    for (let k = 1; k < 32; k++)
      if (x & (1 << k)) {
        this.i32(0);
        this.get(this.register(k));
        this.mem('i64.store', this.base + X + k * 8);
      }
    for (let k = 0; k < 32; k++)
      if (f & (1 << k)) {
        this.i32(0);
        this.get(this.floatRegister(k));
        this.mem('f64.store', this.base + F + k * 8);
      }
  }
  /** Instructions of the block behind the present one. */
  protected behind(): number {
    return this.current.count - this.index - 1;
  }
  protected saveFuel(): void {
    this.i32(0);
    this.get(this.fuel);
    this.mem('i32.store', this.base + HALF.FUEL);
  }
  /** Before an engine function that may look at the count: the present instruction has begun. */
  protected saveFuelHere(): void {
    this.i32(0);
    this.get(this.fuel);
    this.i32(this.behind());
    this.op('i32.add');
    this.mem('i32.store', this.base + HALF.FUEL);
  }
  protected checkFuel(at: Place, reach: number): void {
    this.get(this.fuel);
    this.i32(reach);
    this.op('i32.lt_s');
    this.unlikelyIf();
    this.leave(at, 0);
    this.end();
  }
  protected loadHalf(name: keyof typeof HALF): void {
    this.i32(0);
    this.mem('i32.load', this.base + HALF[name]);
  }
  register(number: number): number {
    let index = this.#registers.get(number);
    if (index === undefined) this.#registers.set(number, (index = this.local('i64')));
    return index;
  }
  /** A local of type f64 that holds the pattern of a floating-point register. */
  floatRegister(number: number): number {
    let index = this.#registers.get(number + 32);
    if (index === undefined) this.#registers.set(number + 32, (index = this.local('f64')));
    return index;
  }
  scratch(name: string, type: ValueType): number {
    let index = this.#scratch.get(name);
    if (index === undefined) this.#scratch.set(name, (index = this.local(type)));
    return index;
  }

  // ---- instructions

  protected begin(located: Located, index: number): void {
    this.located = located;
    this.index = index;
  }
  protected nextPlace(): Place {
    const { instruction, at } = this.located;
    return at + (instruction.length >> 1);
  }
  get instruction(): Instruction {
    return this.located.instruction;
  }
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
    this.#leaveBehind();
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
    const written = usageOf(this.instruction).writes;
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
    if (immediate <= FCSR) this.loadNative();
    if (writesStatus(this.instruction)) {
      // FS may be another
      this.#floatBlocks.delete(this.current);
      this.#floatDirtyBlocks.delete(this.current);
    }
    this.loadHalf('ATTENTION');
    this.unlikelyIf();
    this.leave(this.nextPlace(), this.behind());
    this.end();
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
    this.#leaveBehind();
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
  floatEnabled(): void {
    if (this.#ranBefore(this.#floatBlocks)) return;
    this.#floatBlocks.add(this.current);
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and', 'i32.eqz');
    this.unlikelyIf();
    this.leave(this.located.at, this.behind() + 1);
    this.end();
  }
  /** Loads `native`: whether rounding is to nearest and NX is raised, so that native arithmetic may be exact (`softfloat/native.ts`). */
  loadNative(): void {
    this.i32(0);
    this.mem('i64.load', this.base + WORD.FFLAGS);
    this.i64(-0xffffffffn);
    this.op('i64.and');
    this.i64(1);
    this.op('i64.eq');
    this.set((this.#native ??= this.local('i32')));
  }
  native(): void {
    this.get((this.#native ??= this.local('i32')));
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
  /** Makes FS dirty, if that has not been done; `certain`: this runs whenever the block does. */
  floatWritten(certain = true): void {
    if (this.#ranBefore(this.#floatDirtyBlocks)) return;
    if (certain) this.#floatDirtyBlocks.add(this.current);
    this.i32(0);
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.or');
    this.mem('i32.store', this.base + WORD.MSTATUS);
  }
  /** The instruction by its exact semantics, from inside an `if`. */
  floatExactly(): void {
    const isDirty = this.#ranBefore(this.#floatDirtyBlocks);
    SEMANTICS[this.instruction.number](this);
    if (!isDirty) this.#floatDirtyBlocks.delete(this.current);
    this.loadNative();
  }

  // ---- memory

  /** Pushes 1 (i32) when the access to `va` misses the TLB or is misaligned; else `host` is its address. */
  #miss(log: number, store: boolean): void {
    const key = `${log},${store}`;
    const known = this.#checks.get(key);
    if (known) {
      this.code.append(known);
      return;
    }
    const start = this.code.length;
    this.#emitMiss(log, store);
    this.#checks.set(key, this.code.view().slice(start));
  }
  #emitMiss(log: number, store: boolean): void {
    this.get(this.#va);
    this.get(this.#va);
    this.i64(9);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((this.layout.tlbEntries - 1) * 8);
    this.op('i32.and');
    this.#bank(store);
    this.op('i64.xor');
    this.tee(this.#host);
    this.i64(-(1n << BigInt(this.layout.addressBits)) + (1n << BigInt(log)) - 1n);
    this.op('i64.and', 'i64.eqz', 'i32.eqz');
  }
  /** Loads the TLB entry whose offset in its table is on the stack. M-mode may access data as another mode (MPRV). */
  #bank(store: boolean): void {
    const { tlbBytes } = this.layout;
    if (this.mode === 3) {
      this.loadHalf('BANK');
      this.op('i32.add');
      this.mem('i64.load', store ? tlbBytes : 0);
    } else this.mem('i64.load', this.#tlbs + this.mode * 2 * tlbBytes + (store ? tlbBytes : 0));
  }
  #accessAddress(): void {
    this.rs1();
    if (this.instruction.immediate !== 0) {
      this.immediate();
      this.op('i64.add');
    }
    this.set(this.#va);
  }
  #pushHost(): void {
    this.get(this.#host);
    this.op('i32.wrap_i64');
  }
  /**
   * An access to `va`: `fast` with its host address pushed, or `slow`; both leave a value of `type`. In steady loops the page that
   * the same base register reached last is remembered: so no load of a TLB entry stands between an address and its data.
   */
  #access(log: number, store: boolean, type: 'void' | 'i64', slow: () => void, fast: () => void): void {
    const { rs1 } = this.instruction;
    if (!this.current.steady || rs1 === 0 || this.#strides(rs1)) {
      this.#miss(log, store);
      this.unlikelyIf(type);
      slow();
      this.else();
      this.#pushHost();
      fast();
      this.end();
      return;
    }
    const { page, distance } = this.#remembered(rs1, store);
    const host = this.scratch('remembered', 'i32');
    const done = this.block(type);
    this.get(this.#va);
    this.get(page);
    this.op('i64.xor');
    this.i64(-4096 + (1 << log) - 1);
    this.op('i64.and', 'i64.eqz', 'i32.eqz');
    this.unlikelyIf();
    this.#miss(log, store);
    this.unlikelyIf();
    slow();
    this.br(done);
    this.end();
    this.get(this.#va);
    this.i64(-4096);
    this.op('i64.and');
    this.set(page);
    this.#pushHost();
    this.tee(host);
    this.get(this.#va);
    this.op('i32.wrap_i64', 'i32.sub');
    this.set(distance);
    this.else();
    this.get(this.#va);
    this.op('i32.wrap_i64');
    this.get(distance);
    this.op('i32.add');
    this.set(host);
    this.end();
    this.get(host);
    fast();
    this.end();
  }
  /** Whether a register takes long steps in the present loop, so that it seldom stays in a page. */
  #strides(register: number): boolean {
    return ((this.#striding.get(this.current) ?? 0) & (1 << register)) !== 0;
  }
  /** Locals: the virtual page that a base register reached last, and host minus virtual address there. */
  #remembered(register: number, store: boolean): { page: number; distance: number } {
    const kind = store ? 'stored' : 'loaded';
    return {
      page: this.scratch(`page.${register}.${kind}`, 'i64'),
      distance: this.scratch(`distance.${register}.${kind}`, 'i32'),
    };
  }
  /** On the way into a steady loop: nothing is remembered. */
  protected forgetPages(loop: readonly Block[]): void {
    const pages = new Set<number>();
    let striding = 0;
    for (const { body } of loop)
      for (const { instruction } of body) {
        const { number, rd, rs1, immediate } = instruction;
        if (number === NUMBER.addi && rd === rs1 && Math.abs(immediate) >= LONG_STEP) striding |= 1 << rd;
      }
    for (const block of loop) this.#striding.set(block, striding);
    for (const { body } of loop)
      for (const { instruction } of body) {
        const access = accessOf(instruction.number);
        if (access && instruction.rs1 !== 0) pages.add(this.#remembered(instruction.rs1, access === 'store').page);
      }
    for (const page of pages) {
      this.i64(NO_PAGE);
      this.set(page);
    }
  }
  /** After `region_load` or `region_store`: a trap, or a device or changed code that wants attention. */
  #leaveIfAsked(): void {
    this.loadHalf('LEAVE');
    this.if();
    this.#leaveBehind();
    this.end();
  }
  load(instruction: Memory): void {
    const { rd } = this.instruction;
    const isWritten = usageOf(this.instruction).writes !== 0;
    this.#accessAddress();
    const slow = (): void => {
      this.get(this.#va);
      // what rd is, should the access trap
      if (!isWritten) this.i64(0);
      else if (this.dirty & (1 << rd)) this.get(this.register(rd));
      else {
        this.i32(0);
        this.mem('i64.load', this.base + X + rd * 8);
      }
      this.get(this.fuel);
      this.i32(MEMORY[instruction][1] | (instruction.endsWith('_s') ? SIGNED : 0) | (this.behind() * BEHIND));
      this.helper('region_load');
      const value = isWritten ? this.register(rd) : this.scratch('loaded', 'i64');
      this.set(value);
      const before = this.dirty;
      if (isWritten) this.dirty |= 1 << rd;
      this.#leaveIfAsked();
      this.dirty = before;
      this.get(value);
    };
    this.#access(MEMORY[instruction][1], false, 'i64', slow, () => this.mem(instruction));
  }
  /** flw (through `f32`, a local) and fld. */
  loadFloat(single: number | undefined): void {
    const { rd } = this.instruction;
    const log = single === undefined ? 3 : 2;
    this.floatEnabled();
    this.#accessAddress();
    const slow = (): void => {
      this.get(this.#va);
      if (this.floatDirty & (1 << rd)) {
        this.get(this.floatRegister(rd));
        this.op('i64.reinterpret_f64');
      } else {
        this.i32(0);
        this.mem('i64.load', this.base + F + rd * 8);
      }
      this.get(this.fuel);
      this.i32(log | FLOAT | (single === undefined ? 0 : BOXED) | (this.behind() * BEHIND));
      this.helper('region_load');
      this.op('f64.reinterpret_i64');
      this.set(this.floatRegister(rd));
      const before = this.floatDirty;
      this.floatDirty |= 1 << rd;
      this.#leaveIfAsked();
      this.floatDirty = before;
      if (single !== undefined) {
        this.get(this.floatRegister(rd));
        this.op('i64.reinterpret_f64', 'i32.wrap_i64', 'f32.reinterpret_i32');
        this.set(single);
      }
    };
    this.#access(log, false, 'void', slow, () => {
      if (single === undefined) {
        this.mem('f64.load');
        this.set(this.floatRegister(rd));
      } else {
        this.mem('f32.load');
        this.set(single);
        this.box(single);
        this.set(this.floatRegister(rd));
      }
    });
    this.floatDirty |= 1 << rd;
    this.singles &= ~(1 << rd);
    this.floatWritten();
  }
  /** The pattern (f64) of the single in a local. */
  box(single: number): void {
    this.get(single);
    this.op('i32.reinterpret_f32', 'i64.extend_i32_u');
    this.i64(-0x100000000n);
    this.op('i64.or', 'f64.reinterpret_i64');
  }
  store(instruction: Memory, value: Emit): void {
    const log = MEMORY[instruction][1];
    this.#accessAddress();
    const slow = (): void => {
      this.get(this.#va);
      value();
      this.get(this.fuel);
      this.i32(log | (this.behind() * BEHIND));
      this.helper('region_store');
      this.#leaveIfAsked();
    };
    this.#access(log, true, 'void', slow, () => {
      value();
      this.mem(instruction);
    });
  }
  atomicAddress(log: 2 | 3, access: 'load' | 'store'): number {
    const host = this.scratch('host', 'i32');
    this.rs1();
    this.set(this.#va);
    this.#miss(log, access === 'store');
    this.unlikelyIf('i32');
    this.saveFuelHere();
    this.get(this.#va);
    this.i32(log);
    this.i32(access === 'store' ? 1 : 0);
    this.helper('atomic_address');
    this.set(host);
    this.trapIfRaised();
    this.get(host);
    this.else();
    this.#pushHost();
    this.end();
    this.set(host);
    return host;
  }
  reservation(field: 'RESERVATION' | 'RESERVED_VALUE', write?: Emit): void {
    this.i32(0);
    if (write) {
      write();
      this.mem('i64.store', this.base + WORD[field]);
    } else this.mem('i64.load', this.base + WORD[field]);
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
