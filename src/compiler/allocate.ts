// Registers: phis become copies, then the interference graph is coloured with coalescing of copies (Chaitin, Briggs; George
// and Appel, "Iterated Register Coalescing", 1996). What finds no register lives in the frame, except constants, which
// are made anew at each use.
import { Block } from './graph.ts';
import { ZERO } from './instructions.ts';
import type { Graph, Instruction } from './graph.ts';

const SAVED = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
/** Registers that a call does not keep, in the order of preference: arguments last, they have uses of their own. */
const SCRATCH = [5, 6, 7, 28, 29, 30, 31, 17, 16, 15, 14, 13, 12, 11, 10];
const COLOURS = [...SCRATCH, ...SAVED];
const K = COLOURS.length;
const isAllocatable = (r: number): boolean => r >= 32 || COLOURS.includes(r);
/** zero, sp, gp, tp, and ra are never given out. */
const CLOBBERED = SCRATCH;

export interface Allocation {
  /** Callee-saved registers in use. */
  readonly saved: readonly number[];
  /** 8-byte slots for what found no register. */
  readonly slots: number;
}

const copy = (rd: number, rs: number, like: Instruction): Instruction => ({
  op: 'copy', rd, rs: [rs], imm: 0, symbol: '', test: 'eq', at: like.at,
}); // prettier-ignore

/** A way that is neither the only one out of a block nor the only one into the next gets a block of its own for copies. */
function splitEdges(graph: Graph): void {
  let created = Math.max(...graph.blocks.map((b) => b.id));
  for (const block of graph.blocks.slice()) {
    if (block.successors.length < 2) continue;
    block.successors.forEach((next, n) => {
      if (next.predecessors.length < 2 || next.instructions[0]?.op !== 'phi') return;
      const between = new Block((created += 1));
      const last = block.instructions[block.instructions.length - 1];
      between.instructions.push({ op: 'jump', rd: -1, rs: [], imm: 0, symbol: '', test: 'eq', at: last.at });
      between.loopDepth = Math.min(block.loopDepth, next.loopDepth);
      between.successors = [next];
      between.predecessors.push(block);
      block.successors[n] = between;
      block.table = block.table.map((b) => (b === next ? between : b));
      next.predecessors[next.predecessors.indexOf(block)] = between;
      graph.blocks.splice(graph.blocks.indexOf(block) + 1, 0, between);
    });
  }
}
/** A phi's operands are copied at the end of each predecessor to a register of the phi's own, and from there to its result. */
function replacePhis(graph: Graph): void {
  splitEdges(graph);
  for (const block of graph.blocks) {
    const phis = block.instructions.filter((i) => i.op === 'phi');
    const copies: Instruction[] = [];
    for (const phi of phis) {
      const middle = graph.registers++;
      copies.push(copy(phi.rd, middle, phi));
      phi.rs.forEach((r, k) => {
        const { instructions } = block.predecessors[k];
        instructions.splice(instructions.length - 1, 0, copy(middle, r, phi));
      });
    }
    block.instructions.splice(0, phis.length, ...copies);
  }
}

class Bits {
  readonly words: Uint32Array;
  constructor(size: number) {
    this.words = new Uint32Array((size + 31) >> 5);
  }
  has(i: number): boolean {
    return ((this.words[i >> 5] >>> (i & 31)) & 1) !== 0;
  }
  add(i: number): void {
    this.words[i >> 5] |= 1 << (i & 31);
  }
  delete(i: number): void {
    this.words[i >> 5] &= ~(1 << (i & 31));
  }
  *[Symbol.iterator](): Generator<number> {
    for (let w = 0; w < this.words.length; w++) {
      for (let bits = this.words[w]; bits !== 0; bits &= bits - 1) yield w * 32 + 31 - Math.clz32(bits & -bits);
    }
  }
}

function liveOut(graph: Graph): Map<Block, Bits> {
  const uses = new Map<Block, Bits>();
  const kills = new Map<Block, Bits>();
  const out = new Map<Block, Bits>();
  const into = new Map<Block, Bits>();
  for (const block of graph.blocks) {
    const [use, kill] = [new Bits(graph.registers), new Bits(graph.registers)];
    for (const i of block.instructions) {
      for (const r of i.rs) if (isAllocatable(r) && !kill.has(r)) use.add(r);
      if (i.rd >= 0) kill.add(i.rd);
      if (i.op === 'call') for (const r of CLOBBERED) kill.add(r);
    }
    uses.set(block, use);
    kills.set(block, kill);
    out.set(block, new Bits(graph.registers));
    into.set(block, new Bits(graph.registers));
  }
  for (let again = true; again;) {
    again = false;
    for (const block of graph.blocks.toReversed()) {
      const o = out.get(block)!.words;
      for (const s of block.successors) into.get(s)!.words.forEach((w, k) => (o[k] |= w));
      const [i, u, d] = [into.get(block)!.words, uses.get(block)!.words, kills.get(block)!.words];
      for (let k = 0; k < o.length; k++) {
        const w = (u[k] | (o[k] & ~d[k])) >>> 0;
        if (w !== i[k]) {
          i[k] = w;
          again = true;
        }
      }
    }
  }
  return out;
}

class Colouring {
  readonly graph: Graph;
  readonly #neighbours: Set<number>[];
  readonly #alias: number[];
  readonly #weight: Float64Array;
  readonly #constants = new Map<number, Instruction>();
  readonly #moves: { readonly a: number; readonly b: number; readonly weight: number }[] = [];

  constructor(graph: Graph) {
    this.graph = graph;
    this.#neighbours = Array.from({ length: graph.registers }, () => new Set<number>());
    this.#alias = Array.from({ length: graph.registers }, (_, r) => r);
    this.#weight = new Float64Array(graph.registers);
    const out = liveOut(graph);
    const defined = new Map<number, number>();
    for (const block of graph.blocks) {
      const live = out.get(block)!;
      const weight = 10 ** Math.min(4, block.loopDepth);
      for (const i of block.instructions.toReversed()) {
        const isMove = i.op === 'copy' && i.rs[0] !== ZERO;
        if (isMove) {
          live.delete(i.rs[0]);
          this.#moves.push({ a: i.rd, b: i.rs[0], weight });
        }
        if (i.op === 'call') for (const r of CLOBBERED) for (const l of live) this.#edge(r, l);
        if (i.rd >= 0 && isAllocatable(i.rd)) {
          live.delete(i.rd);
          for (const l of live) this.#edge(i.rd, l);
          this.#weight[i.rd] += weight;
          defined.set(i.rd, (defined.get(i.rd) ?? 0) + 1);
          if (i.op === 'li' || i.op === 'lui') this.#constants.set(i.rd, i);
        }
        if (i.op === 'call') for (const r of CLOBBERED) live.delete(r);
        for (const r of i.rs) {
          if (!isAllocatable(r)) continue;
          live.add(r);
          this.#weight[r] += weight;
        }
      }
    }
    for (const [r, count] of defined) if (count > 1) this.#constants.delete(r);
    this.#moves.sort((a, b) => b.weight - a.weight);
  }
  #edge(a: number, b: number): void {
    if (a === b) return;
    this.#neighbours[a].add(b);
    this.#neighbours[b].add(a);
  }
  find(r: number): number {
    let at = r;
    while (this.#alias[at] !== at) at = this.#alias[at];
    return at;
  }
  /** Briggs: what comes of it has fewer than K neighbours of K or more. George, for a machine register. */
  #safe(a: number, b: number): boolean {
    if (a < 32) {
      return [...this.#neighbours[b]].every(
        (n) => n < 32 || this.#neighbours[a].has(n) || this.#neighbours[n].size < K,
      );
    }
    let high = 0;
    for (const n of new Set([...this.#neighbours[a], ...this.#neighbours[b]])) {
      const both = this.#neighbours[a].has(n) && this.#neighbours[b].has(n);
      if (n < 32 || this.#neighbours[n].size - (both ? 1 : 0) >= K) high += 1;
    }
    return high < K;
  }
  coalesce(): void {
    for (let again = true; again;) {
      again = false;
      for (const move of this.#moves) {
        let [a, b] = [this.find(move.a), this.find(move.b)];
        if (b < 32) [a, b] = [b, a];
        if (a === b || b < 32 || !isAllocatable(a) || this.#neighbours[a].has(b) || !this.#safe(a, b)) continue;
        this.#alias[b] = a;
        this.#weight[a] += this.#weight[b];
        this.#constants.delete(a);
        for (const n of this.#neighbours[b]) {
          this.#neighbours[n].delete(b);
          this.#edge(a, n);
        }
        this.#neighbours[b].clear();
        again = true;
      }
    }
  }
  /** Colours by register, or the registers that are to be spilled. */
  colour(unspillable: ReadonlySet<number>): { colours: Map<number, number>; spilled: number[] } {
    const nodes = new Set<number>();
    for (let r = 32; r < this.graph.registers; r++) if (this.find(r) === r && this.#weight[r] > 0) nodes.add(r);
    const degree = new Map([...nodes].map((r) => [r, this.#neighbours[r].size]));
    const stack: number[] = [];
    const cost = (r: number): number =>
      unspillable.has(r)
        ? Infinity
        : (this.#weight[r] * (this.#constants.has(r) ? 0.3 : 1)) / Math.max(1, degree.get(r) ?? 1);
    const easy = [...nodes].filter((r) => (degree.get(r) ?? 0) < K);
    while (nodes.size > 0) {
      let next = easy.pop();
      if (next === undefined) {
        for (const r of nodes) if (next === undefined || cost(r) < cost(next)) next = r;
      }
      if (next === undefined || !nodes.delete(next)) continue;
      stack.push(next);
      for (const n of this.#neighbours[next]) {
        if (!nodes.has(n)) continue;
        const d = (degree.get(n) ?? 0) - 1;
        degree.set(n, d);
        if (d === K - 1) easy.push(n);
      }
    }
    const partners = new Map<number, number[]>();
    for (const { a, b } of this.#moves) {
      const [p, q] = [this.find(a), this.find(b)];
      partners.set(p, [...(partners.get(p) ?? []), q]);
      partners.set(q, [...(partners.get(q) ?? []), p]);
    }
    const colours = new Map<number, number>();
    const spilled: number[] = [];
    for (let r = stack.pop(); r !== undefined; r = stack.pop()) {
      const taken = new Set([...this.#neighbours[r]].map((n) => (n < 32 ? n : colours.get(n))));
      // A register of a copy's other side makes the copy nothing; a saved one in use already costs nothing more.
      const liked = (partners.get(r) ?? []).map((p) => (p < 32 ? p : colours.get(p)));
      const used = SAVED.filter((s) => [...colours.values()].includes(s));
      const order = [...liked, ...SCRATCH, ...used, ...SAVED];
      const colour = order.find((c) => c !== undefined && COLOURS.includes(c) && !taken.has(c));
      if (colour === undefined) spilled.push(r);
      else colours.set(r, colour);
    }
    return { colours, spilled };
  }
  constantOf(r: number): Instruction | undefined {
    return this.#constants.get(r);
  }
}

/** Gives `spilled` registers places in the frame, or makes their constants at each use; returns the new registers. */
function spill(
  graph: Graph,
  colouring: Colouring,
  spilled: readonly number[],
  firstSlot: number,
): [Set<number>, number] {
  const fresh = new Set<number>();
  const slots = new Map<number, number>();
  let next = firstSlot;
  const away = new Set(spilled);
  for (const r of spilled) if (colouring.constantOf(r) === undefined) slots.set(r, next++);
  for (const block of graph.blocks) {
    const rewritten: Instruction[] = [];
    for (const i of block.instructions) {
      const after: Instruction[] = [];
      const here = new Map<number, number>();
      i.rs = i.rs.map((r) => {
        const root = r < 32 ? r : colouring.find(r);
        if (!away.has(root)) return r;
        let local = here.get(root);
        if (local === undefined) {
          local = graph.registers++;
          fresh.add(local);
          here.set(root, local);
          const made = colouring.constantOf(root);
          const slot = slots.get(root) ?? 0;
          if (made !== undefined) rewritten.push({ ...made, rd: local });
          else rewritten.push({ op: 'ld', rd: local, rs: [2], imm: slot * 8, symbol: '', test: 'eq', at: i.at });
        }
        return local;
      });
      const root = i.rd < 32 ? i.rd : colouring.find(i.rd);
      if (i.rd >= 32 && away.has(root)) {
        if (colouring.constantOf(root) !== undefined) continue;
        const local = graph.registers++;
        fresh.add(local);
        i.rd = local;
        const slot = slots.get(root) ?? 0;
        after.push({ op: 'sd', rd: -1, rs: [2, local], imm: slot * 8, symbol: '', test: 'eq', at: i.at });
      }
      rewritten.push(i, ...after);
    }
    block.instructions.splice(0, block.instructions.length, ...rewritten);
  }
  return [fresh, next];
}

/** Replaces all virtual registers by the machine's. */
export function allocate(graph: Graph): Allocation {
  replacePhis(graph);
  const unspillable = new Set<number>();
  let slots = 0;
  for (let round = 0; round < 20; round++) {
    const colouring = new Colouring(graph);
    colouring.coalesce();
    const { colours, spilled } = colouring.colour(unspillable);
    if (spilled.length > 0) {
      const [fresh, next] = spill(graph, colouring, spilled, slots);
      for (const r of fresh) unspillable.add(r);
      slots = next;
      continue;
    }
    const real = (r: number): number => {
      if (r < 32) return r;
      const root = colouring.find(r);
      return root < 32 ? root : (colours.get(root) ?? ZERO);
    };
    for (const block of graph.blocks) {
      const kept: Instruction[] = [];
      for (const i of block.instructions) {
        i.rd = i.rd < 0 ? i.rd : real(i.rd);
        i.rs = i.rs.map(real);
        if (i.op !== 'copy' || i.rd !== i.rs[0]) kept.push(i);
      }
      block.instructions.splice(0, block.instructions.length, ...kept);
    }
    const used = new Set(colours.values());
    return { saved: SAVED.filter((r) => used.has(r)), slots };
  }
  throw new Error(`${graph.name}: no allocation of registers found`);
}
