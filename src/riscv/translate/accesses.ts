// Loads, stores and atomics of a region: the TLB check inline, and pages that loops remember.

import { NAMES, NUMBER } from '../instructions.ts';
import { F, HALF, WORD, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import type { Emit } from '../semantics/target.ts';
import { MEMORY } from '../wasm/opcodes.ts';
import type { Memory } from '../wasm/opcodes.ts';
import { leavesPagesAlone } from './graph.ts';
import type { Block, Code, Graph, Located } from './graph.ts';
import { BEHIND, BOXED, FLOAT, SIGNED } from './slow.ts';
import { accessOf, isAtomic } from './usage.ts';
import { RegionWays } from './ways.ts';
import type { Helpers } from './ways.ts';

/** No virtual address lies in it: neither Sv39 and Sv48 nor bare addressing reach it. */
const NO_PAGE = 1n << 62n;
/** A register that moves by so many bytes a round is soon in another page. */
const LONG_STEP = 512;
/** Vector instructions (Core 5.4.9), and a constant. */
const F64X2_SPLAT = [0xfd, 0x14];
const F32X4_SPLAT = [0xfd, 0x13];
const F32X4_EXTRACT_0 = [0xfd, 0x1f, 0];
const F64X2_EXTRACT_0 = [0xfd, 0x21, 0];
const ALL_ONES = [0xfd, 0x0c, ...Array<number>(16).fill(0xff)];
/** i8x16.shuffle: first words of either operand, in turn. */
const INTERLEAVE_LOW = [0xfd, 0x0d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
/** With more of them in a loop, registers run out, and remembering costs more than it saves. */
const MOST_PAGES = 6;
/**
 * A register whose page was another one so soon, in instructions, so many times in a row leaps between pages (hashed indexes, lists): whether
 * its next access is to the page remembered is what the host mispredicts. The translator is told, and makes the region anew.
 */
const SOON = 256;
const MOST_LEAPS = 12;
/** Bytes between the first and the last one that a group reaches: a larger one would often lie in two pages. */
const MOST_SPAN = 1024;
/** With fewer the common check costs as much as their own. */
const LEAST_MEMBERS = 4;
/** By instruction number: log2 of the bytes that a load or store moves. */
const LOGS: readonly number[] = NAMES.map((name) => {
  const width = /^f?[ls]([bhwd])u?$/.exec(name)?.[1];
  return width === undefined ? -1 : 'bhwd'.indexOf(width);
});

/**
 * Accesses of a block through one base register that does not change between them: one check for all of them, that they are aligned,
 * in one page, and that the TLB has it. If not, each of them asks the engine.
 */
interface Group {
  readonly first: Located;
  /** Offset from the register of the address that is checked: aligned for all members, none of which lies before it. */
  readonly anchor: number;
  /** Bytes from there. */
  readonly span: number;
  readonly log: number;
  readonly store: boolean;
}
/** The group of each instruction of a block. */
const NO_GROUPS: readonly undefined[] = [];
function groupsOf(block: Block): readonly (Group | undefined)[] {
  let accesses = 0;
  for (const { instruction } of block.body) if (LOGS[instruction.number] >= 0) accesses++;
  if (accesses < LEAST_MEMBERS) return NO_GROUPS;
  const groups: (Group | undefined)[] = [];
  const open = new Map<number, number[]>();
  const close = (members: readonly number[] | undefined): void => {
    if (!members || members.length < LEAST_MEMBERS) return;
    const log = Math.max(...members.map((k) => LOGS[block.body[k].instruction.number]));
    const offsets = members.map((k) => block.body[k].instruction.immediate);
    const anchor = Math.min(...offsets) & -(1 << log);
    const end = Math.max(...members.map((k, m) => offsets[m] + (1 << LOGS[block.body[k].instruction.number])));
    const store = members.some((k) => accessOf(block.body[k].instruction.number) === 'store');
    const group = { first: block.body[members[0]], anchor, span: end - anchor, log, store };
    for (const k of members) groups[k] = group;
  };
  for (const [k, { instruction }] of block.body.entries()) {
    const { number, rs1, immediate, usage } = instruction;
    if (!leavesPagesAlone(instruction) || isAtomic(number)) {
      for (const members of open.values()) close(members);
      open.clear();
    } else if (rs1 !== 0 && LOGS[number] >= 0 && (immediate & ((1 << LOGS[number]) - 1)) === 0) {
      let members = open.get(rs1);
      if (members && Math.abs(immediate - block.body[members[0]].instruction.immediate) > MOST_SPAN / 2) {
        close(members);
        members = undefined;
      }
      if (members) members.push(k);
      else open.set(rs1, [k]);
    }
    if (usage.writes === 0) continue;
    for (const [register, members] of open)
      if (usage.writes & (1 << register)) {
        close(members);
        open.delete(register);
      }
  }
  for (const members of open.values()) close(members);
  return groups;
}

/**
 * Locals: the virtual page that a base register reached last, and host minus virtual address there; how often it has leapt
 * to another one, and the fuel that there was the last time.
 */
interface Remembered {
  readonly page: number;
  readonly distance: number;
  readonly leaps: number;
  readonly leapt: number;
}

export abstract class RegionAccesses extends RegionWays {
  readonly #tlbs: number;
  readonly #va = this.local('i64');
  readonly #host = this.local('i64');
  /** Of the translator: entry of the region, and registers that have been seen to leap between pages in it. */
  regionEntry = 0;
  leaping = 0;
  /** Registers that take long steps or leap, by block of a steady loop. */
  readonly #striding = new Map<Block, number>();
  /** Registers that a block of a steady loop stores through: its loads through them use the page that the stores have found. */
  readonly #storing = new Map<Block, number>();
  /** Code of TLB checks by size and kind: it is the same each time. */
  readonly #checks: (Uint8Array | undefined)[] = [];
  readonly #singleLocals: (number | undefined)[] = [];
  /** Groups of the block `grouped`. */
  #groups: readonly (Group | undefined)[] = NO_GROUPS;
  #grouped: Block | undefined;
  readonly #pages: (Remembered | undefined)[] = [];
  /** Registers whose value is known to be a boxed single, which a local of type f32 holds too. */
  singles = 0;

  constructor(layout: Layout, hart: number, mode: number, source: Code, graph: Graph, helpers: Helpers) {
    super(layout, hart, mode, source, graph, helpers);
    this.#tlbs = layout.hart[hart].tlbs;
  }

  /** Makes FS dirty. */
  abstract floatWritten(): void;

  /** Pushes 1 (i32) when the access to `va` misses the TLB or is misaligned; else `host` is its address. */
  #miss(log: number, store: boolean): void {
    const key = log * 2 + (store ? 1 : 0);
    const known = this.#checks[key];
    if (known) {
      this.code.append(known);
      return;
    }
    const start = this.code.length;
    this.#emitMiss(log, store);
    this.#checks[key] = this.code.view().slice(start);
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
    const group = this.#group();
    if (group?.first === this.located) this.#checkGroup(group);
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
  /** Whether the page that the present base register reached last is remembered. */
  #remembers(): boolean {
    const { rs1 } = this.instruction;
    return this.current.steady && rs1 !== 0 && !this.#strides(rs1);
  }
  #group(): Group | undefined {
    if (this.#remembers()) return undefined;
    if (this.#grouped !== this.current) {
      this.#grouped = this.current;
      this.#groups = groupsOf(this.current);
    }
    return this.#groups[this.index];
  }
  /** Local: host address of the anchor of the group with the present base register; 0: its members ask the engine. */
  #groupHost(): number {
    return this.scratch(`group.${this.instruction.rs1}`, 'i32');
  }
  #checkGroup({ anchor, span, log, store }: Group): void {
    const isGood = this.scratch('group.good', 'i32');
    this.rs1();
    this.i64(anchor);
    this.op('i64.add');
    this.set(this.#va);
    this.#miss(log, store);
    this.op('i32.eqz');
    this.get(this.#va);
    this.op('i32.wrap_i64');
    this.i32(4095);
    this.op('i32.and');
    this.i32(4096 - span);
    this.op('i32.le_u', 'i32.and');
    this.set(isGood);
    this.#pushHost();
    this.i32(0);
    this.get(isGood);
    this.op('select');
    this.set(this.#groupHost());
  }
  /**
   * An access to `va`: `fast` with its host address less `offset` pushed, or `slow`; both leave a value of `type`. In steady loops the
   * page that the same base register reached last is remembered: so no load of a TLB entry stands between an address and its data.
   */
  #access(log: number, store: boolean, type: 'void' | 'i64', slow: () => void, fast: (offset: number) => void): void {
    const { rs1, immediate } = this.instruction;
    const group = this.#group();
    if (group) {
      this.get(this.#groupHost());
      this.op('i32.eqz');
      this.unlikelyIf(type);
      slow();
      this.else();
      this.get(this.#groupHost());
      fast(immediate - group.anchor);
      this.end();
      return;
    }
    if (!this.#remembers()) {
      this.#miss(log, store);
      this.unlikelyIf(type);
      slow();
      this.else();
      this.#pushHost();
      fast(0);
      this.end();
      return;
    }
    const isShared = !store && ((this.#storing.get(this.current) ?? 0) & (1 << rs1)) !== 0;
    const { page, distance, leaps, leapt } = this.#remembered(rs1, store || isShared);
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
    this.#pushHost();
    this.set(host);
    if (!isShared) {
      this.get(leaps);
      this.i32(MOST_LEAPS);
      this.op('i32.lt_u');
      this.if();
      this.get(leaps);
      this.i32(1);
      this.op('i32.add');
      this.get(leapt);
      this.get(this.fuel);
      this.tee(leapt);
      this.op('i32.sub');
      this.i32(SOON);
      this.op('i32.lt_u', 'i32.mul');
      this.set(leaps);
      this.get(this.#va);
      this.i64(-4096);
      this.op('i64.and');
      this.set(page);
      this.get(host);
      this.get(this.#va);
      this.op('i32.wrap_i64', 'i32.sub');
      this.set(distance);
      this.else();
      this.i64(NO_PAGE);
      this.set(page);
      this.#storeHalf('LEAPING', this.regionEntry);
      this.#storeHalf('LEAPING_REGISTERS', 1 << rs1);
      this.end();
    }
    this.else();
    this.get(this.#va);
    this.op('i32.wrap_i64');
    this.get(distance);
    this.op('i32.add');
    this.set(host);
    this.end();
    this.get(host);
    fast(0);
    this.end();
  }
  #storeHalf(name: keyof typeof HALF, value: number): void {
    this.i32(0);
    this.i32(value);
    this.mem('i32.store', this.base + HALF[name]);
  }
  /** Whether a register takes long steps in the present loop, or leaps, so that it seldom stays in a page. */
  #strides(register: number): boolean {
    return ((this.#striding.get(this.current) ?? 0) & (1 << register)) !== 0;
  }
  #remembered(register: number, store: boolean): Remembered {
    const key = register * 2 + (store ? 1 : 0);
    return (this.#pages[key] ??= {
      page: this.local('i64'),
      distance: this.local('i32'),
      leaps: this.local('i32'),
      leapt: this.local('i32'),
    });
  }
  /** On the way into a steady loop: nothing is remembered. */
  protected forgetPages(loop: readonly Block[]): void {
    const pages = new Set<Remembered>();
    let striding = this.leaping;
    for (const { body } of loop)
      for (const { instruction } of body) {
        const { number, rd, rs1, immediate } = instruction;
        if (number === NUMBER.addi && rd === rs1 && Math.abs(immediate) >= LONG_STEP) striding |= 1 << rd;
      }
    for (const block of loop) {
      let storing = 0;
      for (const { instruction } of block.body)
        if (accessOf(instruction.number) === 'store') storing |= 1 << instruction.rs1;
      this.#striding.set(block, striding);
      this.#storing.set(block, storing);
      for (const { instruction } of block.body) {
        const { number, rs1 } = instruction;
        if (accessOf(number) && rs1 !== 0 && !(striding & (1 << rs1)))
          pages.add(this.#remembered(rs1, (storing & (1 << rs1)) !== 0));
      }
    }
    if (pages.size > MOST_PAGES) {
      for (const block of loop) this.#striding.set(block, -1);
      return;
    }
    for (const { page, leaps } of pages) {
      this.i64(NO_PAGE);
      this.set(page);
      this.i32(0);
      this.set(leaps);
    }
  }
  /** After `region_load` or `region_store`: a trap, or a device or changed code that wants attention. */
  #leaveIfAsked(): void {
    this.loadHalf('LEAVE');
    this.if();
    this.leaveBehind();
    this.end();
  }
  load(instruction: Memory): void {
    const { rd } = this.instruction;
    const isWritten = this.instruction.usage.writes !== 0;
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
    this.#access(MEMORY[instruction][1], false, 'i64', slow, (offset) => this.mem(instruction, offset));
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
        this.firstSingle();
        this.set(single);
      }
    };
    this.#access(log, false, 'void', slow, (offset) => {
      if (single === undefined) {
        this.mem('f64.load', offset);
        this.set(this.floatRegister(rd));
      } else {
        this.mem('f32.load', offset);
        this.set(single);
        this.box(single);
        this.set(this.floatRegister(rd));
      }
    });
    this.floatDirty |= 1 << rd;
    this.singles &= ~(1 << rd);
    this.floatWritten();
  }
  /** The local that holds a register's value as f32, while `singles` has its bit. */
  single(register: number): number {
    return (this.#singleLocals[register] ??= this.local('f32'));
  }
  // Vector instructions move singles from and to patterns without a way through integer registers.
  /** The pattern (f64) of the single in a local: boxed. */
  box(single: number): void {
    this.get(single);
    this.code.append(F32X4_SPLAT);
    this.code.append(ALL_ONES);
    this.code.append(INTERLEAVE_LOW);
    this.code.append(F64X2_EXTRACT_0);
  }
  /** Of the pattern (f64) on the stack, the single in its low half. */
  firstSingle(): void {
    this.code.append(F64X2_SPLAT);
    this.code.append(F32X4_EXTRACT_0);
  }
  /** Sets the local `single` of a register; what is not boxed is the canonical NaN (Unprivileged ISA, "D", 21.2). */
  unbox(register: number): void {
    if (this.singles & (1 << register)) return;
    this.get(this.floatRegister(register));
    this.firstSingle();
    this.set(this.single(register));
    this.get(this.floatRegister(register));
    this.op('i64.reinterpret_f64');
    this.i64(32);
    this.op('i64.shr_s');
    this.i64(-1);
    this.op('i64.ne');
    this.unlikelyIf();
    this.i32(0x7fc00000);
    this.op('f32.reinterpret_i32');
    this.set(this.single(register));
    this.end();
    this.singles |= 1 << register;
  }
  /** fsw, boxed or not, and fsd. */
  storeFloat(type: 'f32' | 'f64', register: number): void {
    this.floatEnabled();
    this.#accessAddress();
    const log = type === 'f32' ? 2 : 3;
    const slow = (): void => {
      this.get(this.#va);
      this.get(this.floatRegister(register));
      this.op('i64.reinterpret_f64');
      this.get(this.fuel);
      this.i32(log | (this.behind() * BEHIND));
      this.helper('region_store');
      this.#leaveIfAsked();
    };
    this.#access(log, true, 'void', slow, (offset) => {
      this.get(this.floatRegister(register));
      if (type === 'f32') this.firstSingle();
      this.mem(`${type}.store`, offset);
    });
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
    this.#access(log, true, 'void', slow, (offset) => {
      value();
      this.mem(instruction, offset);
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
}
