// The control flow of a region: basic blocks of code that has been executed, from its first instruction on, within one page
// and its neighbours. Then order, dominators and loops of the graph, and which registers are live and dirty where.

import { decode } from '../decode.ts';
import type { Instruction } from '../decode.ts';
import { NAMES, NUMBER } from '../instructions.ts';
import { UNDECODED } from '../interpret/entry.ts';
import { SLOT_BYTES_COPY } from '../layout.ts';
import { isFloat, usageOf } from './usage.ts';
import type { Usage } from './usage.ts';

/**
 * Where code lies: halfwords from the start of the region's own page; the page before has negative ones, the page after those from
 * 2048 on.
 */
export type Place = number;
export const PAGE_HALFWORDS = 2048;

/** An instruction, and what it reads and writes. */
export interface Decoded extends Instruction {
  readonly usage: Usage;
}
export interface Located {
  readonly instruction: Decoded;
  readonly at: Place;
}
/** How a block ends. Its last instruction is `by`, if an instruction ends it. */
export type End =
  | { readonly kind: 'jump'; readonly by?: Located; readonly to: Place }
  | { readonly kind: 'branch'; readonly by: Located; readonly to: Place; readonly otherwise: Place }
  /** A call: rd is x1. It is expected to come back to `next`. */
  | { readonly kind: 'call'; readonly by: Located; readonly to: Place; readonly next: Place }
  | { readonly kind: 'call-register'; readonly by: Located; readonly next: Place }
  /** A jump that links to another register than x1. */
  | { readonly kind: 'link'; readonly by: Located; readonly to: Place }
  | { readonly kind: 'return'; readonly by: Located }
  /** `known`: targets that have been seen. */
  | { readonly kind: 'jump-register'; readonly by: Located; readonly known: readonly Place[] }
  /** ecall from U-mode, sret in S-mode. */
  | { readonly kind: 'ecall'; readonly by: Located }
  | { readonly kind: 'sret'; readonly by: Located }
  /** The instruction at `to` is left to the interpreter. */
  | { readonly kind: 'interpret'; readonly to: Place }
  /** Code that has never run, or lies outside the region. */
  | { readonly kind: 'leave'; readonly to: Place };

export interface Block {
  readonly at: Place;
  /** Without the one that ends the block. */
  readonly body: readonly Located[];
  readonly end: End;
  /** Instructions, with the one that ends it. */
  readonly count: number;
  /** In the region. */
  successors: Block[];
  predecessors: Block[];
  /** Position in reverse post-order. */
  order: number;
  dominator: Block;
  /** Registers (x, f) that may differ from memory at the start, and those whose values are wanted. */
  dirty: number;
  floatDirty: number;
  live: number;
  floatLive: number;
  /** Most instructions that can begin from here until fuel is looked at again. */
  reach: number;
  writes: number;
  floatWrites: number;
  /** In a steady loop. */
  steady: boolean;
  /** The loops that begin here, each within the next. */
  loops: readonly Loop[];
}
/**
 * Backward jumps to one block, of which some come from within others' loops, are several loops: a region often begins in the innermost
 * one of the program's.
 */
export interface Loop {
  readonly body: ReadonlySet<Block>;
  /** Blocks that jump back. */
  readonly latches: ReadonlySet<Block>;
  /** Without calls and CSR instructions, so that no TLB entry that was good becomes wrong in it; and in no other such loop. */
  steady: boolean;
}

const numbers = (names: string): ReadonlySet<number> =>
  new Set(names.split(' ').map((name) => NUMBER[name as (typeof NAMES)[number]]));
const SYSTEM = numbers('fence.i ecall ebreak mret sret wfi sfence.vma illegal');
/** It, fflags and frm do nothing to memory accesses. */
const FCSR = 3;
const CSRS = numbers('csrrw csrrs csrrc csrrwi csrrsi csrrci');
/** Whether no TLB entry that was good becomes wrong by an instruction of a region. */
export const leavesPagesAlone = ({ number, immediate }: Instruction): boolean => !CSRS.has(number) || immediate <= FCSR;
/** Whether it may change FS. The immediate forms of set and clear do not reach it. */
export function writesStatus({ number, rs1, immediate }: Instruction): boolean {
  if (!CSRS.has(number) || (immediate !== 0x100 && immediate !== 0x300)) return false;
  if (number === NUMBER.csrrw || number === NUMBER.csrrwi) return true;
  return (number === NUMBER.csrrs || number === NUMBER.csrrc) && rs1 !== 0;
}
/** CSRs whose instructions are translated: nothing but ATTENTION tells that the region must be left. */
const INNER_CSRS = new Set([
  1, 2, 3, 0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180, 0x300, 0x304, 0x340, 0x341,
  0x342, 0x343, 0x344, 0xc00, 0xc01, 0xc02,
]);
const BRANCHES = new Set([NUMBER.beq, NUMBER.bne, NUMBER.blt, NUMBER.bge, NUMBER.bltu, NUMBER.bgeu]);
/** By instruction number: 1 if its name has a part `s`, 2 if it has a part `d`. */
const FORMATS_OF: readonly number[] = NAMES.map((name) => {
  const parts = name.split('.');
  return (parts.includes('s') ? 1 : 0) | (parts.includes('d') ? 2 : 0);
});
const BLOCK_MOST = 200;

// A program has far fewer different instruction words than instructions: remember the latest by hash.
const CACHE_BITS = 13;
const cachedBits = new Int32Array(1 << CACHE_BITS);
const cached: (Decoded | undefined)[] = Array<undefined>(1 << CACHE_BITS).fill(undefined);
export function decodeBits(bits: number): Decoded {
  const slot = Math.imul(bits, 0x9e3779b1) >>> (32 - CACHE_BITS);
  const known = cached[slot];
  if (known !== undefined && cachedBits[slot] === bits) return known;
  const decoded = decode(bits);
  const instruction = { ...decoded, usage: usageOf(decoded) };
  cachedBits[slot] = bits;
  cached[slot] = instruction;
  return instruction;
}

/** Three decoded pages: the one before, the region's, the one after; 0: not to be used. */
export class Code {
  readonly slots: number[];
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #targets: (entry: number) => readonly Place[];
  readonly #ahead: boolean;
  readonly #mode: number;

  /** `ahead`: translate code that has not run yet, too. */
  constructor(
    memory: ArrayBufferLike,
    slots: number[],
    mode: number,
    targets: (entry: number) => readonly Place[],
    ahead: boolean,
  ) {
    this.slots = slots;
    this.#mode = mode;
    this.#ahead = ahead;
    this.#words = new Int32Array(memory);
    this.#halves = new Uint16Array(memory);
    this.#targets = targets;
  }
  /** Address of the decoded page that a place lies in, or 0. */
  slotOf(at: Place): number {
    const page = (at >> 11) + 1;
    return page < 0 || page > 2 ? 0 : this.slots[page];
  }
  entryAddress(at: Place): number {
    return this.slotOf(at) + (at & (PAGE_HALFWORDS - 1)) * 4;
  }
  #half(at: Place): number {
    return this.#halves[(this.slotOf(at) + SLOT_BYTES_COPY + (at & (PAGE_HALFWORDS - 1)) * 2) >> 1];
  }
  /** The instruction at a place; 'cold': it has never run; undefined: it reaches into a page that is not to be used. */
  fetch(at: Place): Decoded | 'cold' | undefined {
    const operation = this.#words[this.entryAddress(at) >> 2] & 0xff;
    if (operation === UNDECODED && !this.#ahead) return 'cold';
    let bits = this.#half(at);
    if ((bits & 3) === 3) {
      if (this.slotOf(at + 1) === 0) return undefined;
      bits |= this.#half(at + 1) << 16;
    }
    return decodeBits(bits);
  }

  block(start: Place, leaders: ReadonlySet<Place>): Block {
    const body: Located[] = [];
    let at = start;
    for (;;) {
      if (this.slotOf(at) === 0) return makeBlock(start, body, { kind: 'leave', to: at });
      const instruction = this.fetch(at);
      if (instruction === 'cold') return makeBlock(start, body, { kind: 'leave', to: at });
      if (instruction === undefined || this.#isLeft(instruction))
        return makeBlock(start, body, { kind: 'interpret', to: at });
      // a block lies in one page, but for an instruction that begins it and lies in two
      if (at !== start && isInTwo(at, instruction)) return makeBlock(start, body, { kind: 'jump', to: at });
      const by = { instruction, at };
      const end = this.#end(by);
      if (end) return makeBlock(start, body, end);
      body.push(by);
      at += instruction.length >> 1;
      if (at >> 11 !== start >> 11 || leaders.has(at) || body.length >= BLOCK_MOST)
        return makeBlock(start, body, { kind: 'jump', to: at });
    }
  }
  /** Whether the interpreter must execute it. */
  #isLeft({ number, immediate }: Instruction): boolean {
    if (number === NUMBER.ecall) return this.#mode !== 0;
    if (number === NUMBER.sret) return this.#mode !== 1;
    return SYSTEM.has(number) || (CSRS.has(number) && !INNER_CSRS.has(immediate));
  }
  #end(by: Located): End | undefined {
    const { instruction, at } = by;
    const { number, rd, rs1 } = instruction;
    const next = at + (instruction.length >> 1);
    const to = at + (instruction.immediate >> 1);
    if (BRANCHES.has(number)) return { kind: 'branch', by, to, otherwise: next };
    switch (number) {
      case NUMBER.ecall:
        return { kind: 'ecall', by };
      case NUMBER.sret:
        return { kind: 'sret', by };
      case NUMBER.j:
        return { kind: 'jump', by, to };
      case NUMBER.jal:
      case NUMBER['jal.x16']:
        return rd === 1 ? { kind: 'call', by, to, next } : { kind: 'link', by, to };
      case NUMBER.jalr:
        return rd === 1 ? { kind: 'call-register', by, next } : { kind: 'jump-register', by, known: [] };
      case NUMBER.jr:
        if (rs1 === 1 || rs1 === 5) return { kind: 'return', by };
        return { kind: 'jump-register', by, known: this.#targets(this.entryAddress(at)).map((k) => k + (at & -2048)) };
    }
    return undefined;
  }
}

/** Whether it begins in the last halfword of a page and ends in the next one. */
export const isInTwo = (at: Place, { length }: Instruction): boolean =>
  length === 4 && (at & (PAGE_HALFWORDS - 1)) === PAGE_HALFWORDS - 1;

function makeBlock(at: Place, body: readonly Located[], end: End): Block {
  const block: Block = {
    at,
    body,
    end,
    count: body.length + ('by' in end && end.by ? 1 : 0),
    successors: [],
    predecessors: [],
    order: -1,
    dominator: undefined as unknown as Block,
    dirty: 0,
    floatDirty: 0,
    live: 0,
    floatLive: 0,
    reach: 0,
    writes: 0,
    floatWrites: 0,
    steady: false,
    loops: [],
  };
  block.dominator = block;
  return block;
}

/** Where control may go on inside the region. */
export function nextPlaces(end: End): readonly Place[] {
  switch (end.kind) {
    case 'jump':
    case 'link':
      return [end.to];
    case 'branch':
      return [end.otherwise, end.to];
    case 'call':
    case 'call-register':
      return [end.next];
    case 'jump-register':
      return end.known;
    case 'return':
    case 'ecall':
    case 'sret':
    case 'interpret':
    case 'leave':
      return [];
  }
}
export const isCall = (block: Block): boolean => block.end.kind === 'call' || block.end.kind === 'call-register';

export interface Graph {
  /** In reverse post-order; the first is the region's entry. */
  readonly blocks: readonly Block[];
  readonly byPlace: ReadonlyMap<Place, Block>;
  readonly instructions: number;
  readonly floats: boolean;
  /** Formats that its arithmetic is in. */
  readonly precisions: readonly ('f32' | 'f64')[];
  /** It, or what it calls, may change mstatus.FS, if that is allowed in its mode. */
  readonly changesStatus: boolean;
  /** Some loop has several entries. */
  readonly irreducible: boolean;
}

/** The region that begins at `entry`, of about `most` instructions; undefined: nothing there can be translated. */
export function graphOf(code: Code, entry: Place, most: number): Graph | undefined {
  const leaders = new Set<Place>([entry]);
  const found = new Map<Place, Block>();
  const queue: Place[] = [entry];
  let size = 0;
  for (let at = queue.shift(); at !== undefined && size < most; at = queue.shift()) {
    if (found.has(at)) continue;
    const block = code.block(at, leaders);
    found.set(at, block);
    size += block.count;
    for (const next of nextPlaces(block.end))
      if (code.slotOf(next) !== 0) {
        leaders.add(next);
        queue.push(next);
      }
  }
  // cut, now that all leaders are known
  const byPlace = new Map<Place, Block>();
  const stack: Place[] = [entry];
  let instructions = 0;
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (byPlace.has(at)) continue;
    const uncut = found.get(at);
    if (!uncut) continue;
    const block = cut(uncut, leaders);
    if (block.count === 0) continue;
    byPlace.set(at, block);
    instructions += block.count;
    stack.push(...nextPlaces(block.end));
  }
  const first = byPlace.get(entry);
  if (!first) return undefined;
  for (const block of byPlace.values())
    for (const next of nextPlaces(block.end)) {
      const successor = byPlace.get(next);
      if (!successor || block.successors.includes(successor)) continue;
      block.successors.push(successor);
      successor.predecessors.push(block);
    }
  const blocks = reversePostOrder(first);
  const irreducible = dominators(blocks);
  const changesStatus = blocks.some(
    (block) => isCall(block) || block.body.some(({ instruction }) => writesStatus(instruction)),
  );
  let floats = false;
  let formats = 0;
  for (const { body } of blocks)
    for (const { instruction } of body)
      if (isFloat(instruction.number)) {
        floats = true;
        formats |= FORMATS_OF[instruction.number];
      }
  const precisions = (['f32', 'f64'] as const).filter((_, k) => formats & (1 << k));
  reach(blocks);
  flow(blocks);
  if (!irreducible) {
    findLoops(blocks);
    steadyLoops(blocks);
  }
  return { blocks, byPlace, instructions, floats, precisions, changesStatus, irreducible };
}

/** The block up to the next leader. */
function cut(block: Block, leaders: ReadonlySet<Place>): Block {
  const { at, body, end } = block;
  for (let k = 1; k < body.length; k++)
    if (leaders.has(body[k].at)) return makeBlock(at, body.slice(0, k), { kind: 'jump', to: body[k].at });
  if (body.length > 0 && 'by' in end && end.by && leaders.has(end.by.at))
    return makeBlock(at, body, { kind: 'jump', to: end.by.at });
  return block;
}

function reversePostOrder(first: Block): Block[] {
  const order: Block[] = [];
  first.order = 0;
  const stack: { block: Block; next: number }[] = [{ block: first, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    // the last successor is a branch's target: visiting it first puts the fall-through directly behind its block
    const successor = top.block.successors[top.block.successors.length - 1 - top.next++];
    if (successor === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (successor.order < 0) {
      successor.order = 0;
      stack.push({ block: successor, next: 0 });
    }
  }
  order.reverse();
  for (const [k, block] of order.entries()) block.order = k;
  return order;
}

/** A simple, fast dominance algorithm (Cooper, Harvey, Kennedy). True: irreducible. */
function dominators(blocks: readonly Block[]): boolean {
  const known = blocks.map((_, k) => k === 0);
  const common = (a: Block, b: Block): Block => {
    let [x, y] = [a, b];
    while (x !== y) {
      while (x.order > y.order) x = x.dominator;
      while (y.order > x.order) y = y.dominator;
    }
    return x;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of blocks.slice(1)) {
      let dominator: Block | undefined;
      for (const predecessor of block.predecessors)
        if (known[predecessor.order]) dominator = dominator ? common(dominator, predecessor) : predecessor;
      if (dominator && (!known[block.order] || block.dominator !== dominator)) {
        block.dominator = dominator;
        known[block.order] = true;
        changed = true;
      }
    }
  }
  return blocks.some((block) => block.successors.some((to) => to.order <= block.order && !dominates(to, block)));
}
export function dominates(a: Block, b: Block): boolean {
  let block = b;
  while (block.order > a.order) block = block.dominator;
  return block === a;
}

function findLoops(blocks: readonly Block[]): void {
  for (const head of blocks) {
    const latches = head.predecessors.filter((block) => block.order >= head.order);
    if (latches.length > 0) head.loops = nested(head, latches);
  }
}
/** The loops of a head, the innermost first. */
function nested(head: Block, latches: readonly Block[]): Loop[] {
  const naturals = latches.map((latch) => {
    const body = new Set<Block>([head]);
    const stack = [latch];
    for (let block = stack.pop(); block !== undefined; block = stack.pop()) {
      if (body.has(block)) continue;
      body.add(block);
      stack.push(...block.predecessors);
    }
    return { body, latch };
  });
  const loops: { body: Set<Block>; latches: Set<Block>; steady: boolean }[] = [];
  for (const { body, latch } of naturals.toSorted((a, b) => a.body.size - b.body.size)) {
    const inner = loops.at(-1);
    if (!inner || (body.size > inner.body.size && inner.body.isSubsetOf(body)))
      loops.push({ body, latches: new Set([latch]), steady: false });
    else {
      for (const block of body) inner.body.add(block);
      inner.latches.add(latch);
    }
  }
  return loops;
}

function steadyLoops(blocks: readonly Block[]): void {
  const isSteady = (block: Block): boolean =>
    !isCall(block) && block.body.every(({ instruction }) => leavesPagesAlone(instruction));
  // in reverse post-order the head of an outer loop comes first
  for (const head of blocks)
    for (const loop of head.loops.toReversed()) {
      if (head.steady || ![...loop.body].every(isSteady)) continue;
      loop.steady = true;
      for (const block of loop.body) block.steady = true;
    }
}

/** Fuel is looked at on entry, on backward edges and after calls: how far can control go without? */
function reach(blocks: readonly Block[]): void {
  for (const block of blocks.toReversed()) {
    block.reach = block.count;
    if (isCall(block)) continue;
    for (const next of block.successors)
      if (next.order > block.order) block.reach = Math.max(block.reach, block.count + next.reach);
  }
}

function flow(blocks: readonly Block[]): void {
  const uses: { x: number; f: number }[] = [];
  for (const block of blocks) {
    let x = 0;
    let f = 0;
    const { body, end } = block;
    for (const { instruction } of 'by' in end && end.by ? [...body, end.by] : body) {
      const { usage } = instruction;
      x |= usage.reads & ~block.writes;
      f |= usage.floatReads & ~block.floatWrites;
      block.writes |= usage.writes;
      block.floatWrites |= usage.floatWrites;
    }
    uses.push({ x, f });
  }
  // forward: what may be dirty. A call leaves nothing dirty.
  for (let changed = true; changed;) {
    changed = false;
    for (const block of blocks) {
      if (isCall(block)) continue;
      const x = block.dirty | block.writes;
      const f = block.floatDirty | block.floatWrites;
      for (const next of block.successors) {
        if ((next.dirty | x) === next.dirty && (next.floatDirty | f) === next.floatDirty) continue;
        next.dirty |= x;
        next.floatDirty |= f;
        changed = true;
      }
    }
  }
  // backward: what is wanted. Whatever may be dirty may be written back, so it is wanted too.
  for (let changed = true; changed;) {
    changed = false;
    for (const block of blocks.toReversed()) {
      const use = uses[block.order];
      let x = 0;
      let f = 0;
      if (!isCall(block))
        for (const next of block.successors) {
          x |= next.live;
          f |= next.floatLive;
        }
      const live = use.x | block.dirty | (x & ~block.writes);
      const floatLive = use.f | block.floatDirty | (f & ~block.floatWrites);
      if (live === block.live && floatLive === block.floatLive) continue;
      block.live = live;
      block.floatLive = floatLive;
      changed = true;
    }
  }
}
