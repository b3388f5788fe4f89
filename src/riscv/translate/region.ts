// Generates the WebAssembly function of a region. It is a `Target` for the instruction semantics that has operands as constants and
// guest registers in locals, which are loaded on entry and written back, where they may be dirty, on the way out.
//
// Fuel is counted by block; a way out in the middle of a block gives back what was not begun. Before a loop goes round,
// after a call and on entry there must be fuel for every path to the next such place; else the region leaves, and the
// interpreter spends the rest: so `run` is exact.

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
import type { FunctionBody, Label } from '../wasm/encoder.ts';
import { MEMORY } from '../wasm/opcodes.ts';
import type { Memory, ValueType } from '../wasm/opcodes.ts';
import { isInTwo } from './graph.ts';
import type { Block, Code, Graph, Located, Place } from './graph.ts';
import { isFloat, isAtomic, usageOf } from './usage.ts';

const FRM = WORD.FFLAGS + 4;
/** Calls of regions by regions; deeper ones return to the interpreter. */
const MOST_DEPTH = 200;
/** Places are biased in `way`, so that those of the page before are not negative. */
const BIAS = 4096;

const SSTATUS = 0x100;
const MSTATUS = 0x300;
const SIE = 2;
const SSTATUS_MASK = 0xc6122n;
/** CSRs of S-mode that are plain words. */
const SUPERVISOR_WORDS: Readonly<Record<number, 'SSCRATCH' | 'SEPC' | 'SCAUSE' | 'STVAL' | undefined>> = {
  0x140: 'SSCRATCH',
  0x141: 'SEPC',
  0x142: 'SCAUSE',
  0x143: 'STVAL',
};

/** Numbers of imported functions by name. */
export interface Helpers {
  index(name: string): number;
}

export class Region extends Target {
  readonly shared: boolean;
  readonly #layout: Layout;
  readonly #base: number;
  readonly #tlbs: number;
  readonly #mode: number;
  readonly #code: Code;
  readonly #graph: Graph;
  readonly #helpers: Helpers;
  readonly #registers = new Map<number, number>();
  readonly #scratch = new Map<string, number>();
  /** Ways out by the registers that they write back. */
  readonly #stubs = new Map<string, { label: Label; dirty: number; floatDirty: number }>();
  readonly #unlikely: number[] = [];

  /** Virtual address of the region's page. */
  readonly #page = this.local('i64');
  readonly #fuel = this.local('i32');
  /** On the way out: fuel to give back (from bit 16), and where (with bit 0: interpret the instruction there), biased. */
  readonly #way = this.local('i32');
  readonly #va = this.local('i64');
  readonly #host = this.local('i64');
  readonly #target = this.local('i64');
  readonly #at = this.local('i32');

  // The block and instruction being translated
  #block: Block;
  #index = 0;
  #located: Located;
  #dirty = 0;
  #floatDirty = 0;
  /** Blocks whose floating-point instructions have shown that FS is on; those that have made it dirty. */
  readonly #floatBlocks = new Set<Block>();
  readonly #floatDirtyBlocks = new Set<Block>();

  constructor(layout: Layout, hart: number, mode: number, code: Code, graph: Graph, helpers: Helpers) {
    super(2);
    this.#layout = layout;
    this.#base = layout.hart[hart].base;
    this.#tlbs = layout.hart[hart].tlbs;
    this.#mode = mode;
    this.#code = code;
    this.#graph = graph;
    this.#helpers = helpers;
    this.shared = layout.harts > 1;
    this.#block = graph.blocks[0];
    this.#located = {
      instruction: { number: 0, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, immediate: 0, length: 4 },
      at: 0,
    };
  }

  function(): FunctionBody {
    this.#entry();
    if (this.#graph.irreducible) this.#dispatch();
    else this.#structured();
    const stubs = [...this.#stubs.values()];
    const code = new Bytes();
    for (let k = 0; k < stubs.length; k++) code.append([0x02, 0x40]);
    const shift = code.length;
    const ends: number[] = [this.code.length];
    for (const stub of stubs) {
      this.#stub(stub.dirty, stub.floatDirty);
      ends.push(this.code.length);
    }
    const bytes = this.code.view();
    code.append(bytes.subarray(0, ends[0]));
    stubs.forEach((_, k) => {
      code.byte(0x0b);
      code.append(bytes.subarray(ends[k], ends[k + 1]));
    });
    code.byte(0x00);
    return {
      parameters: ['i64', 'i32'],
      result: 'i64',
      locals: this.locals,
      code: code.view().slice(),
      unlikely: this.#unlikely.map((offset) => offset + shift),
    };
  }

  // ---- ways in and out

  #entry(): void {
    const first = this.#graph.blocks[0];
    this.get(0);
    this.i64(-4096);
    this.op('i64.and');
    this.set(this.#page);
    this.#loadHalf('FUEL');
    this.tee(this.#fuel);
    this.i32(first.reach);
    this.op('i32.lt_s');
    this.#loadHalf('MODE');
    this.i32(this.#mode);
    this.op('i32.ne', 'i32.or');
    this.#unlikelyIf();
    this.get(0);
    this.i64(1);
    this.op('i64.or', 'return');
    this.end();
    this.#load(first.live, first.floatLive);
  }
  /** Address of the fetch TLB entry for the address that `va` pushes, on the stack and in `at`. */
  #fetchEntry(va: Emit): void {
    va();
    this.i64(8);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((FETCH_ENTRIES - 1) << 4);
    this.op('i32.and');
    this.i32(this.#base + FETCH_TLBS + this.#mode * FETCH_BYTES);
    this.op('i32.add');
    this.tee(this.#at);
  }
  #unlikelyIf(type: 'void' | ValueType = 'void'): void {
    this.#unlikely.push(this.code.length);
    this.if(type);
  }
  #load(x: number, f: number): void {
    for (let k = 1; k < 32; k++)
      if (x & (1 << k)) {
        this.i32(0);
        this.mem('i64.load', this.#base + X + k * 8);
        this.set(this.#register(k));
      }
    for (let k = 0; k < 32; k++)
      if (f & (1 << k)) {
        this.i32(0);
        this.mem('i64.load', this.#base + F + k * 8);
        this.set(this.#register(k + 32));
      }
  }
  #writeBack(x: number, f: number): void {
    for (let k = 1; k < 32; k++)
      if (x & (1 << k)) {
        this.i32(0);
        this.get(this.#register(k));
        this.mem('i64.store', this.#base + X + k * 8);
      }
    for (let k = 0; k < 32; k++)
      if (f & (1 << k)) {
        this.i32(0);
        this.get(this.#register(k + 32));
        this.mem('i64.store', this.#base + F + k * 8);
      }
  }
  #stub(dirty: number, floatDirty: number): void {
    this.#writeBack(dirty, floatDirty);
    this.i32(0);
    this.get(this.#fuel);
    this.get(this.#way);
    this.i32(16);
    this.op('i32.shr_u', 'i32.add');
    this.mem('i32.store', this.#base + HALF.FUEL);
    this.get(this.#page);
    this.get(this.#way);
    this.i32(0xffff);
    this.op('i32.and');
    this.i32(BIAS);
    this.op('i32.sub', 'i64.extend_i32_s', 'i64.add');
    this.set(this.#target);
    this.#loadHalf('TRAPPED');
    this.if();
    this.get(this.#target);
    this.i64(-2);
    this.op('i64.and');
    this.helper('exception');
    this.op('return');
    this.end();
    this.get(this.#target);
    this.op('return');
  }
  /** Goes out to `place`, bit 0 set, where `unbegun` instructions of the block have not begun. */
  #leave(place: Place, unbegun: number): void {
    this.i32((place * 2 + BIAS) | 1 | (unbegun << 16));
    this.set(this.#way);
    const key = `${this.#dirty},${this.#floatDirty}`;
    let stub = this.#stubs.get(key);
    if (!stub) {
      stub = { label: -this.#stubs.size, dirty: this.#dirty, floatDirty: this.#floatDirty };
      this.#stubs.set(key, stub);
    }
    this.br(stub.label);
  }
  /** Instructions of the block behind the present one. */
  #behind(): number {
    return this.#block.count - this.#index - 1;
  }
  #saveFuel(): void {
    this.i32(0);
    this.get(this.#fuel);
    this.mem('i32.store', this.#base + HALF.FUEL);
  }
  /** Before an engine function that may look at the count: the present instruction has begun. */
  #saveFuelHere(): void {
    this.i32(0);
    this.get(this.#fuel);
    this.i32(this.#behind());
    this.op('i32.add');
    this.mem('i32.store', this.#base + HALF.FUEL);
  }
  #checkFuel(at: Place, reach: number): void {
    this.get(this.#fuel);
    this.i32(reach);
    this.op('i32.lt_s');
    this.#unlikelyIf();
    this.#leave(at, 0);
    this.end();
  }
  /** Goes on at a place outside the region, by a tail call if there is a region. */
  #exit(to: Place): void {
    this.#writeBack(this.#dirty, this.#floatDirty);
    this.#saveFuel();
    this.#address(to);
    this.set(this.#target);
    this.#regionAt(to);
    this.#tailCall();
  }
  #exitToTarget(): void {
    this.#writeBack(this.#dirty, this.#floatDirty);
    this.#saveFuel();
    this.#regionAt(undefined);
    this.#tailCall();
  }
  #tailCall(): void {
    this.get(this.#target);
    this.get(1);
    this.get(this.#at);
    this.i32(8);
    this.op('i32.shr_u');
    this.returnCallIndirect(0);
  }
  /** `at` = the entry at `target`, which is that of a region; else returns. `place`: where the target is, if that is known. */
  #regionAt(place: Place | undefined): void {
    if (place === undefined || place >> 11 !== 0) {
      this.#fetchEntry(() => this.get(this.#target));
      this.mem('i64.load');
      this.get(this.#target);
      this.i64(-4096);
      this.op('i64.and', 'i64.ne');
      this.#unlikelyIf();
      this.get(this.#target);
      this.op('return');
      this.end();
      this.get(this.#at);
      this.mem('i32.load', 8);
      this.get(this.#target);
      this.op('i32.wrap_i64');
      this.i32(4094);
      this.op('i32.and');
      this.i32(1);
      this.op('i32.shl', 'i32.add');
      this.mem('i32.load');
    } else {
      this.i32(0);
      this.mem('i32.load', this.#code.entryAddress(place));
    }
    this.tee(this.#at);
    this.i32(0xff);
    this.op('i32.and');
    this.i32(REGION);
    this.op('i32.ne');
    this.#unlikelyIf();
    this.get(this.#target);
    this.op('return');
    this.end();
  }
  #address(place: Place): void {
    this.get(this.#page);
    if (place === 0) return;
    this.i64(place * 2);
    this.op('i64.add');
  }

  // ---- control flow

  /** Loops and blocks from the dominator tree (Ramsey, "Beyond Relooper", 2022). */
  #structured(): void {
    const { blocks } = this.#graph;
    const children = new Map<Block, Block[]>(blocks.map((block) => [block, []]));
    const forward = new Map<Block, number>();
    const heads = new Set<Block>();
    for (const block of blocks) {
      if (block.dominator !== block) children.get(block.dominator)!.push(block);
      for (const next of block.successors)
        if (next.order <= block.order) heads.add(next);
        else {
          // a switch goes to labels only
          const weight = block.end.kind === 'jump-register' ? 2 : 1;
          forward.set(next, (forward.get(next) ?? 0) + weight);
        }
    }
    const merges = (block: Block): boolean => (forward.get(block) ?? 0) >= 2;
    const loops = new Map<Block, Label>();
    const joins = new Map<Block, Label>();
    const goTo = (from: Block, place: Place): void => {
      const to = this.#graph.byPlace.get(place);
      if (!to || !from.successors.includes(to)) {
        this.#exit(place);
        return;
      }
      this.#enterPage(from, place);
      if (to.order <= from.order) {
        this.#checkFuel(to.at, to.reach);
        this.br(loops.get(to)!);
      } else if (merges(to)) this.br(joins.get(to)!);
      else tree(to);
    };
    const tree = (block: Block): void => {
      const joined = children.get(block)!.filter(merges);
      if (heads.has(block)) {
        loops.set(block, this.loop());
        within(block, joined);
        this.end();
        this.op('unreachable');
      } else within(block, joined);
    };
    const within = (block: Block, joined: readonly Block[]): void => {
      const last = joined.at(-1);
      if (!last) {
        this.#emit(block, (place) => goTo(block, place));
        return;
      }
      joins.set(last, this.block());
      within(block, joined.slice(0, -1));
      this.end();
      tree(last);
    };
    tree(blocks[0]);
  }

  /** For graphs that have loops with several entries: one loop around a switch. */
  #dispatch(): void {
    const { blocks } = this.#graph;
    const which = this.local('i32');
    const again = this.loop();
    const labels = blocks.map(() => this.block()).reverse();
    this.get(which);
    this.brTable(labels, labels[0]);
    for (const block of blocks) {
      this.end();
      this.#emit(block, (place) => {
        const to = this.#graph.byPlace.get(place);
        if (!to || !block.successors.includes(to)) {
          this.#exit(place);
          return;
        }
        this.#enterPage(block, place);
        if (to.order > block.order) this.br(labels[to.order]);
        else {
          this.#checkFuel(to.at, to.reach);
          this.i32(to.order);
          this.set(which);
          this.br(again);
        }
      });
    }
    this.end();
    this.op('unreachable');
  }

  /** A block's code; ends with a branch, a return or `goTo`, which never fall through. */
  #emit(block: Block, goTo: (place: Place) => void): void {
    this.#block = block;
    this.#dirty = block.dirty;
    this.#floatDirty = block.floatDirty;
    const first = block.body.at(0) ?? ('by' in block.end ? block.end.by : undefined);
    if (first && isInTwo(first.at, first.instruction)) this.#requirePage((first.at + 1) >> 11, first.at);
    this.get(this.#fuel);
    this.i32(block.count);
    this.op('i32.sub');
    this.set(this.#fuel);
    for (const [k, located] of block.body.entries()) {
      this.#begin(located, k);
      this.#instruction();
    }
    const { end } = block;
    if ('by' in end && end.by) this.#begin(end.by, block.count - 1);
    switch (end.kind) {
      case 'jump':
        goTo(end.to);
        return;
      case 'leave':
        this.#exit(end.to);
        return;
      case 'interpret':
        this.#leave(end.to, 0);
        return;
      case 'branch': {
        this.#condition();
        const [dirty, floatDirty] = [this.#dirty, this.#floatDirty];
        this.if();
        goTo(end.to);
        this.else();
        this.#block = block;
        this.#dirty = dirty;
        this.#floatDirty = floatDirty;
        goTo(end.otherwise);
        this.end();
        this.op('unreachable');
        return;
      }
      case 'link':
        this.rd(() => this.#address(end.by.at + (end.by.instruction.length >> 1)));
        goTo(end.to);
        return;
      case 'ecall':
        this.#writeBack(this.#dirty, this.#floatDirty);
        this.#saveFuel();
        this.pc();
        this.helper('ecall');
        this.#returnElsewhere();
        return;
      case 'sret':
        this.helper('may_sret');
        this.op('i32.eqz');
        this.#unlikelyIf();
        this.#leave(end.by.at, 1);
        this.end();
        this.#writeBack(this.#dirty, this.#floatDirty);
        this.#saveFuel();
        this.helper('sret');
        this.#returnElsewhere();
        return;
      case 'return':
        this.#jumpTarget();
        this.#writeBack(this.#dirty, this.#floatDirty);
        this.#saveFuel();
        this.get(this.#target);
        this.op('return');
        return;
      case 'jump-register':
        this.#jumpTarget();
        if (end.by.instruction.rd !== 0) this.rd(() => this.#address(end.by.at + (end.by.instruction.length >> 1)));
        this.#switch(block, goTo);
        return;
      case 'call':
        this.#address(end.to);
        this.set(this.#target);
        this.#call(end.to, end.next, goTo);
        return;
      case 'call-register':
        this.#jumpTarget();
        this.#call(undefined, end.next, goTo);
        return;
    }
  }
  /** On the way from a block to a place in another page. */
  #enterPage(from: Block, place: Place): void {
    const last = ('by' in from.end ? from.end.by : undefined) ?? from.body.at(-1);
    if (!last || (last.at + (last.instruction.length >> 1) - 1) >> 11 !== place >> 11)
      this.#requirePage(place >> 11, place);
  }
  /** Leaves for `place` unless a neighbour page is, as fetches see it, the one that was translated. */
  #requirePage(page: number, place: Place): void {
    if (page === 0) return;
    const address = (): void => {
      this.get(this.#page);
      this.i64(page * 4096);
      this.op('i64.add');
    };
    this.#fetchEntry(address);
    this.mem('i64.load');
    address();
    this.op('i64.ne');
    this.get(this.#at);
    this.mem('i32.load', 8);
    this.i32(this.#code.slots[page + 1]);
    this.op('i32.ne', 'i32.or');
    this.#unlikelyIf();
    this.#leave(place, 0);
    this.end();
  }
  #begin(located: Located, index: number): void {
    this.#located = located;
    this.#index = index;
  }
  #jumpTarget(): void {
    this.rs1();
    this.immediate();
    this.op('i64.add');
    this.i64(-2);
    this.op('i64.and');
    this.set(this.#target);
  }
  #condition(): void {
    const { number, rs2 } = this.#located.instruction;
    this.rs1();
    if (rs2 === 0 && number === NUMBER.beq) {
      this.op('i64.eqz');
      return;
    }
    this.rs2();
    switch (number) {
      case NUMBER.beq:
        return this.op('i64.eq');
      case NUMBER.bne:
        return this.op('i64.ne');
      case NUMBER.blt:
        return this.op('i64.lt_s');
      case NUMBER.bge:
        return this.op('i64.ge_s');
      case NUMBER.bltu:
        return this.op('i64.lt_u');
      default:
        return this.op('i64.ge_u');
    }
  }
  /**
   * Returns the pc on the stack, which is in another mode. Without translation it could be the very pc that a waiting region
   * expects in its own mode: then the interpreter is asked for, which ends them all.
   */
  #returnElsewhere(): void {
    this.set(this.#target);
    this.get(1);
    this.i32(0);
    this.mem('i64.load', this.#base + WORD.SATP);
    this.op('i64.eqz');
    this.i32(0);
    this.op('select', 'i32.eqz', 'i32.eqz', 'i64.extend_i32_u');
    this.get(this.#target);
    this.op('i64.or', 'return');
  }
  /** To one of the targets that have been seen, or out. */
  #switch(block: Block, goTo: (place: Place) => void): void {
    const [dirty, floatDirty] = [this.#dirty, this.#floatDirty];
    const targets = block.successors.toSorted((a, b) => a.at - b.at);
    if (targets.length > 0) {
      const low = targets[0].at;
      const count = targets[targets.length - 1].at - low + 1;
      const distance = this.scratch('distance', 'i64');
      const otherwise = this.block();
      const labels = targets.map(() => this.block()).reverse();
      this.get(this.#target);
      this.#address(low);
      this.op('i64.sub');
      this.i64(1);
      this.op('i64.shr_u');
      this.tee(distance);
      this.i64(count);
      this.op('i64.ge_u');
      this.brIf(otherwise);
      this.get(distance);
      this.op('i32.wrap_i64');
      const table = Array<Label>(count).fill(otherwise);
      targets.forEach((target, k) => (table[target.at - low] = labels[k]));
      this.brTable(table, otherwise);
      for (const target of targets) {
        this.end();
        this.#block = block;
        this.#dirty = dirty;
        this.#floatDirty = floatDirty;
        goTo(target.at);
      }
      this.end();
      this.#dirty = dirty;
      this.#floatDirty = floatDirty;
    }
    this.#exitToTarget();
  }
  /** A guest call as a WebAssembly call. What comes back to another place than `next` goes on outwards. */
  #call(to: Place | undefined, next: Place, goTo: (place: Place) => void): void {
    this.rd(() => this.#address(next));
    this.#writeBack(this.#dirty, this.#floatDirty);
    this.#saveFuel();
    this.get(1);
    this.i32(MOST_DEPTH);
    this.op('i32.gt_s');
    this.#unlikelyIf();
    this.get(this.#target);
    this.op('return');
    this.end();
    this.#regionAt(to);
    this.get(this.#target);
    this.get(1);
    this.i32(1);
    this.op('i32.add');
    this.get(this.#at);
    this.i32(8);
    this.op('i32.shr_u');
    this.callIndirect(0);
    this.tee(this.#target);
    this.#address(next);
    this.op('i64.ne');
    this.#unlikelyIf();
    this.get(this.#target);
    this.op('return');
    this.end();
    this.#loadHalf('FUEL');
    this.set(this.#fuel);
    this.#dirty = 0;
    this.#floatDirty = 0;
    const block = this.#graph.byPlace.get(next);
    if (!block) {
      this.#exit(next);
      return;
    }
    // a backward `next` checks the fuel on its own
    if (block.order > this.#block.order) this.#checkFuel(next, block.reach);
    this.#load(block.live, block.floatLive);
    goTo(next);
  }

  // ---- instructions

  #instruction(): void {
    const { number } = this.#located.instruction;
    const name = NAMES[number];
    if (name.startsWith('csr')) {
      this.#csr(name);
      return;
    }
    SEMANTICS[number](this);
    if (isAtomic(number)) {
      // its page may have lost its decoded page and its regions
      this.#loadHalf('ATTENTION');
      this.#unlikelyIf();
      this.#leave(this.#nextPlace(), this.#behind());
      this.end();
    }
  }
  #csr(name: Name): void {
    const { rd, rs1, immediate } = this.#located.instruction;
    const isImmediate = name.endsWith('i');
    const operation = name.startsWith('csrrw') ? 1 : name.startsWith('csrrs') ? 2 : 3;
    const writes = operation === 1 || rs1 !== 0;
    const old = this.scratch('csr', 'i64');
    const operand = (): void => (isImmediate ? this.i64(rs1) : this.#x(rs1));
    const word = this.#mode === 1 ? SUPERVISOR_WORDS[immediate] : undefined;
    if (word) {
      // a plain word
      this.i32(0);
      this.mem('i64.load', this.#base + WORD[word]);
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
        this.mem('i64.store', this.#base + WORD[word]);
      }
      this.rd(() => this.get(old));
      return;
    }
    if (this.#mode === 1 && immediate === SSTATUS && isImmediate && operation === 3 && rs1 === SIE) {
      // interrupts off: nothing else changes
      if (rd !== 0)
        this.rd(() => {
          this.i64(SSTATUS_MASK);
          this.helper('status_read');
        });
      this.i32(0);
      this.i32(0);
      this.mem('i64.load', this.#base + WORD.MSTATUS);
      this.i64(~SIE);
      this.op('i64.and');
      this.mem('i64.store', this.#base + WORD.MSTATUS);
      return;
    }
    this.#saveFuelHere();
    this.i32(immediate);
    this.i32(operation);
    operand();
    this.i32(writes ? 1 : 0);
    this.helper('csr');
    this.set(old);
    // not allowed: the interpreter raises the exception
    this.#loadHalf('TRAPPED');
    this.#unlikelyIf();
    this.i32(0);
    this.i32(0);
    this.mem('i32.store', this.#base + HALF.TRAPPED);
    this.#leave(this.#located.at, this.#behind() + 1);
    this.end();
    this.rd(() => this.get(old));
    if (!writes) return;
    this.#loadHalf('ATTENTION');
    if (immediate === SSTATUS || immediate === MSTATUS) {
      // FS is looked at once
      this.i32(0);
      this.mem('i64.load', this.#base + WORD.MSTATUS);
      this.get(old);
      this.op('i64.xor', 'i32.wrap_i64');
      this.i32(0x6000);
      this.op('i32.and', 'i32.or');
    }
    this.#unlikelyIf();
    this.#leave(this.#nextPlace(), this.#behind());
    this.end();
  }
  #nextPlace(): Place {
    const { instruction, at } = this.#located;
    return at + (instruction.length >> 1);
  }
  #loadHalf(name: keyof typeof HALF): void {
    this.i32(0);
    this.mem('i32.load', this.#base + HALF[name]);
  }
  #register(number: number): number {
    let index = this.#registers.get(number);
    if (index === undefined) {
      index = this.local('i64');
      this.#registers.set(number, index);
    }
    return index;
  }
  scratch(name: string, type: ValueType): number {
    const known = this.#scratch.get(name);
    if (known !== undefined) return known;
    const index = this.local(type);
    this.#scratch.set(name, index);
    return index;
  }
  helper(name: string): void {
    this.call(this.#helpers.index(name));
  }
  trapIfRaised(): void {
    this.#loadHalf('TRAPPED');
    this.#unlikelyIf();
    this.#leave(this.#located.at, this.#behind());
    this.end();
  }

  #x(number: number): void {
    if (number === 0) this.i64(0);
    else this.get(this.#register(number));
  }
  rs1(): void {
    this.#x(this.#located.instruction.rs1);
  }
  rs2(): void {
    this.#x(this.#located.instruction.rs2);
  }
  rd(value: Emit): void {
    const { rd } = this.#located.instruction;
    value();
    if (rd === 0) {
      this.op('drop');
      return;
    }
    this.set(this.#register(rd));
    this.#dirty |= 1 << rd;
  }
  immediate(): void {
    this.i64(this.#located.instruction.immediate);
  }
  immediateLow(): void {
    this.i32(this.#located.instruction.immediate);
  }
  pc(): void {
    this.#address(this.#located.at);
  }

  // ---- floating point

  /** Whether a block that certainly ran before this one is in the set. */
  #ranBefore(set: ReadonlySet<Block>): boolean {
    for (let block = this.#block; ; block = block.dominator) {
      if (set.has(block)) return true;
      if (block.dominator === block) return false;
    }
  }
  floatEnabled(): void {
    if (this.#ranBefore(this.#floatBlocks)) return;
    this.#floatBlocks.add(this.#block);
    this.i32(0);
    this.mem('i32.load', this.#base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and', 'i32.eqz');
    this.#unlikelyIf();
    this.#leave(this.#located.at, this.#behind() + 1);
    this.end();
  }
  rounding(): void {
    const { rm } = this.#located.instruction;
    if (rm !== 7) {
      this.i32(rm);
      return;
    }
    const mode = this.scratch('rounding', 'i32');
    this.i32(0);
    this.mem('i32.load', this.#base + FRM);
    this.tee(mode);
    this.i32(4);
    this.op('i32.gt_u');
    this.#unlikelyIf();
    this.#leave(this.#located.at, this.#behind() + 1);
    this.end();
    this.get(mode);
  }
  #float(number: number, precision: Precision): void {
    this.get(this.#register(number + 32));
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
    this.#float(this.#located.instruction.rs1, precision);
  }
  fs2(precision: Precision): void {
    this.#float(this.#located.instruction.rs2, precision);
  }
  fs3(precision: Precision): void {
    this.#float(this.#located.instruction.rs3, precision);
  }
  fd(precision: Precision, value: Emit): void {
    value();
    this.#box(precision);
    this.#setFloat();
  }
  #box(precision: Precision): void {
    if (precision === 'd') return;
    this.i64(-0x100000000n);
    this.op('i64.or');
  }
  #setFloat(): void {
    const { rd } = this.#located.instruction;
    this.set(this.#register(rd + 32));
    this.#floatDirty |= 1 << rd;
    if (this.#ranBefore(this.#floatDirtyBlocks)) return;
    this.#floatDirtyBlocks.add(this.#block);
    this.#makeFloatDirty();
  }
  #makeFloatDirty(): void {
    this.i32(0);
    this.i32(0);
    this.mem('i32.load', this.#base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.or');
    this.mem('i32.store', this.#base + WORD.MSTATUS);
  }

  // ---- memory

  /** Pushes 1 (i32) when the access to `va` misses the TLB or is misaligned; else `host` is its address. */
  #miss(log: number, store: boolean): void {
    this.get(this.#va);
    this.get(this.#va);
    this.i64(9);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((this.#layout.tlbEntries - 1) * 8);
    this.op('i32.and');
    this.#bank(store);
    this.op('i64.xor');
    this.tee(this.#host);
    this.i64(-(1n << BigInt(this.#layout.addressBits)) + (1n << BigInt(log)) - 1n);
    this.op('i64.and');
    this.i64(0);
    this.op('i64.ne');
  }
  /** Loads the TLB entry whose offset in its table is on the stack. M-mode may access data as another mode (MPRV). */
  #bank(store: boolean): void {
    const { tlbBytes } = this.#layout;
    if (this.#mode === 3) {
      this.#loadHalf('BANK');
      this.op('i32.add');
      this.mem('i64.load', store ? tlbBytes : 0);
    } else this.mem('i64.load', this.#tlbs + this.#mode * 2 * tlbBytes + (store ? tlbBytes : 0));
  }
  #accessAddress(): void {
    this.rs1();
    if (this.#located.instruction.immediate !== 0) {
      this.immediate();
      this.op('i64.add');
    }
    this.set(this.#va);
  }
  load(instruction: Memory): void {
    const log = MEMORY[instruction][1];
    const value = this.scratch('loaded', 'i64');
    this.#accessAddress();
    this.#miss(log, false);
    this.#unlikelyIf('i64');
    this.#saveFuelHere();
    this.get(this.#va);
    this.i32(log);
    this.helper('load');
    if (instruction === 'i64.load8_s') this.op('i64.extend8_s');
    if (instruction === 'i64.load16_s') this.op('i64.extend16_s');
    if (instruction === 'i64.load32_s') this.op('i64.extend32_s');
    this.set(value);
    this.trapIfRaised();
    // a device may want attention: then this instruction is the last
    this.#loadHalf('ATTENTION');
    this.if();
    this.#finishLoad(value);
    this.end();
    this.get(value);
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    this.mem(instruction);
    this.end();
  }
  /** Leaves behind a load that is otherwise not complete: its register has not been written. */
  #finishLoad(value: number): void {
    const { number, rd } = this.#located.instruction;
    const before = [this.#dirty, this.#floatDirty] as const;
    if (isFloat(number)) {
      this.#makeFloatDirty();
      this.get(value);
      this.#box(number === NUMBER.flw ? 's' : 'd');
      this.set(this.#register(rd + 32));
      this.#floatDirty |= 1 << rd;
    } else if (usageOf(this.#located.instruction).writes !== 0) {
      this.get(value);
      this.set(this.#register(rd));
      this.#dirty |= 1 << rd;
    }
    this.#leave(this.#nextPlace(), this.#behind());
    [this.#dirty, this.#floatDirty] = before;
  }
  store(instruction: Memory, value: Emit): void {
    const log = MEMORY[instruction][1];
    this.#accessAddress();
    this.#miss(log, true);
    this.#unlikelyIf();
    this.#saveFuelHere();
    this.get(this.#va);
    this.i32(log);
    value();
    this.helper('store');
    this.trapIfRaised();
    // a device may have raised an interrupt, or this region's code was written
    this.#loadHalf('ATTENTION');
    this.if();
    this.#leave(this.#nextPlace(), this.#behind());
    this.end();
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    value();
    this.mem(instruction);
    this.end();
  }
  atomicAddress(log: 2 | 3, access: 'load' | 'store'): number {
    const host = this.scratch('host', 'i32');
    this.rs1();
    this.set(this.#va);
    this.#miss(log, access === 'store');
    this.#unlikelyIf('i32');
    this.#saveFuelHere();
    this.get(this.#va);
    this.i32(log);
    this.i32(access === 'store' ? 1 : 0);
    this.helper('atomic_address');
    this.set(host);
    this.trapIfRaised();
    this.get(host);
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    this.end();
    this.set(host);
    return host;
  }
  reservation(field: 'RESERVATION' | 'RESERVED_VALUE', write?: Emit): void {
    this.i32(0);
    if (write) {
      write();
      this.mem('i64.store', this.#base + WORD[field]);
    } else this.mem('i64.load', this.#base + WORD[field]);
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
    throw new Error(`${NAMES[(this.#located.instruction satisfies Instruction).number]} inside a block`);
  }
}
