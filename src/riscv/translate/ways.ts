// The function of a region under construction: its locals, and its ways out. Guest registers are locals, which are loaded on entry and
// written back, where they may be dirty, on the ways out. A way out writes a few registers and goes on to one that writes fewer, to one end
// for all of them.

import { REGION } from '../interpret/entry.ts';
import { REGION_TYPE } from '../interpret/interpreter.ts';
import { FETCH_BYTES, FETCH_ENTRIES, FETCH_TLBS, F, HALF, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { Target } from '../semantics/target.ts';
import type { Emit } from '../semantics/target.ts';
import { Bytes } from '../wasm/encoder.ts';
import type { FunctionBody, Label } from '../wasm/encoder.ts';
import type { ValueType } from '../wasm/opcodes.ts';
import { decodeBits } from './graph.ts';
import type { Block, Code, Decoded, Graph, Located, Place } from './graph.ts';

/** `way`, on the way out: place in bytes from the page, biased, and bit 0 for the interpreter; flags; instructions not begun. */
const BIAS = 4096;
const PLACE_MASK = 0x3fff;
/** The instruction before the place has four bytes (if it traps, the trap is at its start). */
const LONG = 0x4000;
/** Not a place but `target`, where there may be a region; ELSEWHERE: in a mode that may be another; UNWOUND: a call has come back to it. */
const TO_TARGET = 0x8000;
const ELSEWHERE = 1;
const UNWOUND = 2;
const UNBEGUN = 16;

/** Parameters (REGION_TYPE). The registers' parameters are their locals, which hold their values at any time. */
const PC = 0;
const DEPTH = 1;
const FUEL = 2;
export const PASSED: readonly number[] = [2, 10];
const FIRST_PASSED = 3;
const PASSED_MASK = PASSED.reduce((mask, register) => mask | (1 << register), 0);

/** Stands where there is no instruction yet: `addi x0, x0, 0`. */
const NOTHING = decodeBits(0x13);
/** One region is made at a time: a buffer for its code, and one for the code with its ways out. */
const written = new Bytes(0x10000);
const whole = new Bytes(0x10000);

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

export abstract class RegionWays extends Target {
  readonly shared: boolean;
  protected readonly layout: Layout;
  protected readonly base: number;
  protected readonly mode: number;
  protected readonly source: Code;
  readonly helpers: Helpers;
  readonly #registers: (number | undefined)[] = [];
  readonly #scratch = new Map<string, number>();
  readonly #ways = new Map<number, Way[]>();
  readonly #unlikely: number[] = [];

  /** Virtual address of the region's page. */
  protected readonly page = this.local('i64');
  protected readonly pcGiven = PC;
  protected readonly depthGiven = DEPTH;
  protected readonly fuel = FUEL;
  readonly #way = this.local('i32');
  protected readonly target = this.local('i64');
  protected readonly at = this.local('i32');

  // The block and instruction being translated
  protected current: Block;
  protected index = 0;
  protected located: Located;
  /** Registers that may differ from memory. */
  dirty = 0;
  floatDirty = 0;

  constructor(layout: Layout, hart: number, mode: number, source: Code, graph: Graph, helpers: Helpers) {
    super(REGION_TYPE.parameters.length, written);
    PASSED.forEach((register, k) => (this.#registers[register] = FIRST_PASSED + k));
    const [first] = graph.blocks;
    this.layout = layout;
    this.base = layout.hart[hart].base;
    this.mode = mode;
    this.source = source;
    this.helpers = helpers;
    this.shared = layout.harts > 1;
    this.current = first;
    this.located = {
      instruction: NOTHING,
      at: 0,
    };
  }

  protected begin(located: Located, index: number): void {
    this.located = located;
    this.index = index;
  }
  protected nextPlace(): Place {
    const { instruction, at } = this.located;
    return at + (instruction.length >> 1);
  }
  get instruction(): Decoded {
    return this.located.instruction;
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
      .flat()
      .map((way) => ({ way, size: count(way.dirty) + count(way.floatDirty) }))
      .toSorted((a, b) => b.size - a.size)
      .map(({ way }) => way);
    const end = this.code.length;
    const branches = this.code.view();
    for (const [k, way] of ways.entries())
      for (const { offset, depth } of way.branches) {
        branches[offset] = ((depth + k) & 0x7f) | 0x80;
        branches[offset + 1] = (depth + k) >> 7;
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
    const code = whole;
    code.length = 0;
    for (let k = 0; k < ways.length; k++) code.append([0x02, 0x40]);
    const shift = code.length;
    code.append(bytes.subarray(0, end));
    ways.forEach((_, k) => {
      code.byte(0x0b);
      code.append(bytes.subarray(ends[k], ends[k + 1]));
    });
    return {
      ...REGION_TYPE,
      locals: this.locals,
      code: code.view().slice(),
      unlikely: this.#unlikely.map((offset) => offset + shift),
    };
  }

  // ---- ways out

  /** Branches to the way out that writes these registers back. The last call of all must be for none. */
  #wayOut(dirty: number, floatDirty: number): void {
    let ways = this.#ways.get(dirty);
    if (!ways) this.#ways.set(dirty, (ways = []));
    let way = ways.find((known) => known.floatDirty === floatDirty);
    if (!way) ways.push((way = { dirty, floatDirty, branches: [] }));
    this.code.byte(0x0c);
    way.branches.push({ offset: this.code.length, depth: this.depth });
    this.code.append([0, 0]);
  }
  /** What all ways out end with. */
  #out(): void {
    this.get(this.fuel);
    this.get(this.#way);
    this.i32(UNBEGUN);
    this.op('i32.shr_u', 'i32.add');
    this.set(this.fuel);
    const toTarget = this.block();
    this.get(this.#way);
    this.i32(TO_TARGET);
    this.op('i32.and');
    this.brIf(toTarget);
    this.get(this.page);
    this.get(this.#way);
    this.i32(PLACE_MASK);
    this.op('i32.and');
    this.i32(BIAS);
    this.op('i32.sub', 'i64.extend_i32_s', 'i64.add');
    this.set(this.target);
    this.loadHalf('TRAPPED');
    this.op('i32.eqz');
    this.if();
    this.returnTarget();
    this.end();
    this.saveFuel();
    this.get(this.target);
    this.i64(-2);
    this.op('i64.and');
    this.i64(4);
    this.i64(2);
    this.get(this.#way);
    this.i32(LONG);
    this.op('i32.and', 'select', 'i64.sub');
    this.helper('exception');
    this.set(this.target);
    this.i32(ELSEWHERE);
    this.set(this.#way);
    this.end();
    this.get(this.#way);
    this.i32(UNWOUND);
    this.op('i32.and');
    this.if();
    this.#unwind();
    this.end();
    // Regions that wait for this one are of its mode: they must not be asked to go on there, but to end. Bit 0 makes them do so; what it
    // would ask of the interpreter is called off by UNWINDS.
    this.get(this.#way);
    this.i32(ELSEWHERE);
    this.op('i32.and');
    this.get(DEPTH);
    this.i32(0);
    this.op('i32.ne', 'i32.and');
    this.if();
    this.i32(0);
    this.i32(1);
    this.mem('i32.store', this.base + HALF.UNWINDS);
    this.get(this.target);
    this.i64(1);
    this.op('i64.or');
    this.set(this.target);
    this.returnTarget();
    this.end();
    this.loadHalf('ATTENTION');
    this.if();
    this.returnTarget();
    this.end();
    this.regionAt(undefined);
    this.#tailCall();
  }
  /** What a call has come back to is not for this region: on outwards, or, when none waits for this one, to the region there. */
  #unwind(): void {
    this.get(DEPTH);
    this.if();
    this.returnTarget();
    this.end();
    this.get(this.target);
    this.i32(0);
    this.mem('i64.load32_u', this.base + HALF.UNWINDS);
    this.op('i64.sub');
    this.set(this.target);
    this.i32(0);
    this.i32(0);
    this.mem('i32.store', this.base + HALF.UNWINDS);
    this.get(this.target);
    this.op('i32.wrap_i64');
    this.i32(1);
    this.op('i32.and');
    this.if();
    this.returnTarget();
    this.end();
    this.loadPassed();
  }
  protected returnTarget(): void {
    this.get(this.target);
    this.get(this.fuel);
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
  protected leaveBehind(): void {
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
  /** Fuel and registers, as the last parameters of a region. */
  protected pushPassed(): void {
    this.get(this.fuel);
    for (const register of PASSED) this.get(this.register(register));
  }
  /** Goes to `target`, where a trap or a return from one leads. */
  protected exitElsewhere(): void {
    this.#go(TO_TARGET | ELSEWHERE);
  }
  /** Goes to `target`, to which a call has come back that should not have. */
  protected exitUnwound(): void {
    this.#go(TO_TARGET | UNWOUND);
  }
  #tailCall(): void {
    this.get(this.target);
    this.get(DEPTH);
    this.pushPassed();
    this.get(this.at);
    this.i32(8);
    this.op('i32.shr_u');
    this.returnCallIndirect(0);
  }
  /**
   * `at` = the entry at `target`, which is that of a region; else returns. `place`: where the target is, if that is known, and in this
   * mode.
   */
  protected regionAt(place: Place | undefined): void {
    if (place === undefined || place >> 11 !== 0) {
      this.fetchEntry(() => this.get(this.target), place === undefined);
      this.mem('i64.load');
      this.get(this.target);
      this.i64(-4096);
      this.op('i64.and', 'i64.ne');
      this.unlikelyIf();
      this.returnTarget();
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
    this.returnTarget();
    this.end();
  }
  /** Address of the fetch TLB entry for the address that `va` pushes, on the stack and in `at`. `anyMode`: of the present mode. */
  protected fetchEntry(va: Emit, anyMode = false): void {
    va();
    this.i64(8);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((FETCH_ENTRIES - 1) << 4);
    this.op('i32.and');
    if (anyMode) this.loadHalf('FETCH_BANK');
    else this.i32(this.base + FETCH_TLBS + this.mode * FETCH_BYTES);
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
  unlikelyBranch(label: Label): void {
    this.#unlikely.push(this.code.length);
    this.brIf(label);
  }
  /** From memory, but for those that are passed. */
  protected loadRegisters(x: number, f: number): void {
    for (let k = 1; k < 32; k++)
      if (x & ~PASSED_MASK & (1 << k)) {
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
  /** After a call. */
  protected loadPassed(): void {
    this.i32(0);
    this.mem('i64.load', this.base + X + 80);
    this.set(this.register(10));
    // The stack pointer is nearly always what it was: predicting that, the host need not wait for what was stored last.
    const pointer = this.scratch('pointer', 'i64');
    this.i32(0);
    this.mem('i64.load', this.base + X + 16);
    this.tee(pointer);
    this.get(this.register(2));
    this.op('i64.ne');
    this.unlikelyIf();
    this.get(pointer);
    this.set(this.register(2));
    this.end();
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
    return (this.#registers[number] ??= this.local('i64'));
  }
  /** A local of type f64 that holds the pattern of a floating-point register. */
  floatRegister(number: number): number {
    return (this.#registers[number + 32] ??= this.local('f64'));
  }
  scratch(name: string, type: ValueType): number {
    let index = this.#scratch.get(name);
    if (index === undefined) this.#scratch.set(name, (index = this.local(type)));
    return index;
  }
}
