// Generates the WebAssembly function of a region: its control flow. Loops and blocks are rebuilt from the dominator tree, so that V8
// sees the program's own; guest calls are WebAssembly calls.
//
// Fuel is counted by block; a way out in the middle of a block gives back what was not begun. Before a loop goes round,
// after a call and on entry there must be fuel for every path to the next such place; else the region leaves, and the
// interpreter spends the rest: so `run` is exact.

import { NUMBER } from '../instructions.ts';
import type { Layout } from '../layout.ts';
import type { FunctionBody, Label } from '../wasm/encoder.ts';
import { isInTwo, PAGE_HALFWORDS } from './graph.ts';
import type { Block, Code, Graph, Loop, Place } from './graph.ts';
import { RegionTarget } from './target.ts';
import type { Helpers } from './ways.ts';

/** Calls of regions by regions; deeper ones return to the interpreter. */
const MOST_DEPTH = 200;

export class Region extends RegionTarget {
  readonly #graph: Graph;
  readonly #asksMode: boolean;

  /** `asksMode`: it may be found in another mode, and then leaves. */
  constructor(
    layout: Layout,
    hart: number,
    mode: number,
    code: Code,
    graph: Graph,
    helpers: Helpers,
    asksMode: boolean,
  ) {
    super(layout, hart, mode, code, graph, helpers);
    this.#graph = graph;
    this.#asksMode = asksMode;
  }

  function(): FunctionBody {
    this.#entry();
    if (this.#graph.irreducible) this.#dispatch();
    else this.#structured();
    return this.finish();
  }

  #entry(): void {
    const first = this.#graph.blocks[0];
    this.get(this.pcGiven);
    this.i64(-4096);
    this.op('i64.and');
    this.set(this.page);
    this.get(this.fuel);
    this.i32(first.reach);
    this.op('i32.lt_s');
    if (this.#asksMode) {
      this.loadHalf('MODE');
      this.i32(this.mode);
      this.op('i32.ne', 'i32.or');
    }
    this.unlikelyIf();
    this.get(this.pcGiven);
    this.i64(1);
    this.op('i64.or');
    this.get(this.fuel);
    this.op('return');
    this.end();
    this.#resume(first);
    if (this.#graph.floats) this.loadLeast();
  }
  /** After registers may have changed in memory. */
  #resume(block: Block): void {
    this.loadRegisters(block.live, block.floatLive);
    if (this.#graph.floats) this.loadNative();
  }

  // ---- control flow

  /**
   * Loops and blocks from the dominator tree (Ramsey, "Beyond Relooper", 2022), but what is reached from a loop and is not in it stands
   * behind it: so a local that is set there is not taken for one that the loop changes.
   */
  #structured(): void {
    const { blocks } = this.#graph;
    const forward = new Map<Block, number>();
    for (const block of blocks)
      for (const next of block.successors)
        if (next.order > block.order) {
          // a switch goes to labels only
          const weight = block.end.kind === 'jump-register' ? 2 : 1;
          forward.set(next, (forward.get(next) ?? 0) + weight);
        }
    // blocks that are reached by labels: those at the end of a block's code, and those behind a loop
    const within = new Map<Block, Block[]>();
    const behind = new Map<Loop, Block[]>();
    const joins = new Map<Block, Label>();
    const isJoin = new Set<Block>();
    const enclosing = new Map<Block, Loop[]>(blocks.map((block) => [block, []]));
    for (const block of blocks)
      for (const loop of block.loops.toReversed()) for (const inside of loop.body) enclosing.get(inside)!.push(loop);
    for (const block of blocks.slice(1)) {
      const loop = enclosing.get(block.dominator)!.find(({ body }) => !body.has(block));
      if (!loop && (forward.get(block) ?? 0) < 2) continue;
      isJoin.add(block);
      const [list, key] = loop ? ([behind, loop] as const) : ([within, block.dominator] as const);
      const before = (list as Map<Loop | Block, Block[]>).get(key);
      if (before) before.push(block);
      else (list as Map<Loop | Block, Block[]>).set(key, [block]);
    }
    const labels = new Map<Loop, Label>();
    const goTo = (from: Block, place: Place): void => {
      const to = this.#graph.byPlace.get(place);
      if (!to || !from.successors.includes(to)) {
        this.exit(place);
        return;
      }
      this.#enterPage(from, place);
      if (to.order <= from.order) {
        this.checkFuel(to.at, to.reach);
        this.br(labels.get(to.loops.find(({ latches }) => latches.has(from))!)!);
      } else if (isJoin.has(to)) this.br(joins.get(to)!);
      else tree(to);
    };
    const joined = (list: readonly Block[], code: () => void): void => {
      const last = list.at(-1);
      if (!last) {
        code();
        return;
      }
      joins.set(last, this.block());
      joined(list.slice(0, -1), code);
      this.end();
      tree(last);
    };
    const tree = (block: Block): void => {
      const around = (loops: readonly Loop[]): void => {
        const loop = loops.at(-1);
        if (!loop) {
          joined(within.get(block) ?? [], () => this.#emit(block, (place) => goTo(block, place)));
          return;
        }
        joined(behind.get(loop) ?? [], () => {
          if (loop.steady) this.forgetPages([...loop.body]);
          labels.set(loop, this.loop());
          around(loops.slice(0, -1));
          this.end();
          this.op('unreachable');
        });
      };
      around(block.loops);
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
          this.exit(place);
          return;
        }
        this.#enterPage(block, place);
        if (to.order > block.order) this.br(labels[to.order]);
        else {
          this.checkFuel(to.at, to.reach);
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
    this.current = block;
    this.dirty = block.dirty;
    this.floatDirty = block.floatDirty;
    this.singles = 0;
    this.narrow = 0;
    const first = block.body.at(0) ?? ('by' in block.end ? block.end.by : undefined);
    if (first && isInTwo(first.at, first.instruction)) this.#requirePage((first.at + 1) >> 11, first.at);
    this.get(this.fuel);
    this.i32(block.count);
    this.op('i32.sub');
    this.set(this.fuel);
    for (const [k, located] of block.body.entries()) {
      this.begin(located, k);
      this.translate();
    }
    const { end } = block;
    if ('by' in end && end.by) this.begin(end.by, block.count - 1);
    switch (end.kind) {
      case 'jump':
        goTo(end.to);
        return;
      case 'leave':
        this.exit(end.to);
        return;
      case 'interpret':
        this.leave(end.to, 0);
        return;
      case 'branch': {
        this.#condition();
        const [dirty, floatDirty] = [this.dirty, this.floatDirty];
        this.if();
        goTo(end.to);
        this.else();
        this.current = block;
        this.dirty = dirty;
        this.floatDirty = floatDirty;
        goTo(end.otherwise);
        this.end();
        this.op('unreachable');
        return;
      }
      case 'link':
        this.rd(() => this.address(end.by.at + (end.by.instruction.length >> 1)));
        goTo(end.to);
        return;
      case 'ecall':
        this.writeBack(this.dirty, this.floatDirty);
        this.saveFuel();
        this.pc();
        this.helper('ecall');
        this.#goElsewhere();
        return;
      case 'sret':
        this.helper('may_sret');
        this.op('i32.eqz');
        this.unlikelyIf();
        this.leave(end.by.at, 1);
        this.end();
        this.writeBack(this.dirty, this.floatDirty);
        this.saveFuel();
        this.helper('sret');
        this.#goElsewhere();
        return;
      case 'return':
        this.#jumpTarget();
        this.get(this.depthGiven);
        this.if();
        this.writeBack(this.dirty, this.floatDirty);
        this.returnTarget();
        this.end();
        // nobody waits for it
        this.exitToTarget();
        return;
      case 'jump-register':
        this.#jumpTarget();
        if (end.by.instruction.rd !== 0) this.rd(() => this.address(end.by.at + (end.by.instruction.length >> 1)));
        this.#switch(block, goTo);
        return;
      case 'call':
        this.address(end.to);
        this.set(this.target);
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
      this.get(this.page);
      this.i64(page * 4096);
      this.op('i64.add');
    };
    this.fetchEntry(address);
    this.mem('i64.load');
    address();
    this.op('i64.ne');
    this.get(this.at);
    this.mem('i32.load', 8);
    this.i32(this.source.slots[page + 1]);
    this.op('i32.ne', 'i32.or');
    this.unlikelyIf();
    this.leave(place, 0);
    this.end();
  }
  /** On to the pc on the stack, in a mode that may be another. Registers and fuel have been written back. */
  #goElsewhere(): void {
    this.set(this.target);
    this.dirty = 0;
    this.floatDirty = 0;
    this.exitElsewhere();
  }
  #jumpTarget(): void {
    this.rs1();
    this.immediate();
    this.op('i64.add');
    this.i64(-2);
    this.op('i64.and');
    this.set(this.target);
  }
  #condition(): void {
    const { number, rs2 } = this.located.instruction;
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
  /** To one of the targets that have been seen, or out. */
  #switch(block: Block, goTo: (place: Place) => void): void {
    const [dirty, floatDirty] = [this.dirty, this.floatDirty];
    const targets = block.successors.toSorted((a, b) => a.at - b.at);
    if (targets.length > 0) {
      const low = targets[0].at;
      const count = targets[targets.length - 1].at - low + 1;
      const distance = this.scratch('distance', 'i64');
      const otherwise = this.block();
      const labels = targets.map(() => this.block()).reverse();
      this.get(this.target);
      this.address(low);
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
        this.current = block;
        this.dirty = dirty;
        this.floatDirty = floatDirty;
        goTo(target.at);
      }
      this.end();
      this.dirty = dirty;
      this.floatDirty = floatDirty;
    }
    // where the interpreter notes targets, too
    this.i32(this.source.entryAddress(this.located.at));
    this.get(this.target);
    this.address(this.located.at & -PAGE_HALFWORDS);
    this.helper('jump_seen');
    this.exitToTarget();
  }
  /** A guest call as a WebAssembly call. What comes back to another place than `next` goes on outwards. */
  #call(to: Place | undefined, next: Place, goTo: (place: Place) => void): void {
    this.rd(() => this.address(next));
    this.writeBack(this.dirty, this.floatDirty);
    this.get(this.depthGiven);
    this.i32(MOST_DEPTH);
    this.op('i32.gt_s');
    this.unlikelyIf();
    this.returnTarget();
    this.end();
    this.regionAt(to);
    this.get(this.target);
    this.get(this.depthGiven);
    this.i32(1);
    this.op('i32.add');
    this.pushPassed();
    this.get(this.at);
    this.i32(8);
    this.op('i32.shr_u');
    this.callIndirect(0);
    this.set(this.fuel);
    this.set(this.target);
    this.dirty = 0;
    this.floatDirty = 0;
    this.get(this.target);
    this.address(next);
    this.op('i64.ne');
    this.unlikelyIf();
    this.exitUnwound();
    this.end();
    this.loadPassed();
    const block = this.#graph.byPlace.get(next);
    if (!block) {
      this.exit(next);
      return;
    }
    // a backward `next` checks the fuel on its own
    if (block.order > this.current.order) this.checkFuel(next, block.reach);
    this.#resume(block);
    goTo(next);
  }
}
