// What is between the language and machine code: blocks of instructions on virtual registers, each assigned once until
// copies take the place of phis (allocate.ts). Registers 0..31 are the machine's.
import type { Mnemonic } from './instructions.ts';

/**
 * `li`: imm. `la`: the address of a symbol + imm. `phi`: one operand per predecessor. `call`, `tail`: operands are the argument
 * registers. `branch`: condition in `test`. `table`: jumps to its operand, the address of a jump of the table that follows.
 * `return`: operand a0, or none.
 */
export type Operation =
  | Mnemonic
  | 'li'
  | 'la'
  | 'phi'
  | 'copy'
  | 'call'
  | 'branch'
  | 'table'
  | 'jump'
  | 'return'
  | 'tail';

export type Test = 'eq' | 'ne' | 'lt' | 'ge' | 'ltu' | 'geu';
export const OPPOSITE: Record<Test, Test> = { eq: 'ne', ne: 'eq', lt: 'ge', ge: 'lt', ltu: 'geu', geu: 'ltu' };

/** Where an instruction comes from: file number and offset in its text. */
export interface Origin {
  readonly file: number;
  readonly offset: number;
}

export interface Instruction {
  op: Operation;
  /** -1: none. */
  rd: number;
  rs: number[];
  imm: number;
  symbol: string;
  test: Test;
  at: Origin;
}

export class Block {
  readonly id: number;
  readonly instructions: Instruction[] = [];
  /** Of a branch: taken, not taken. */
  successors: Block[] = [];
  /** Of a table: where each of its jumps leads. */
  table: Block[] = [];
  readonly predecessors: Block[] = [];
  dominator: Block | undefined;
  depth = 0;
  loopDepth = 0;
  /** Versions of the fields at the end (generate.ts). */
  memory: ReadonlyMap<string, number> = new Map();
  constructor(id: number) {
    this.id = id;
  }
}

export interface Graph {
  readonly name: string;
  /** In the order of the source, which is the order of their addresses: only loops jump back. */
  blocks: Block[];
  /** One above the highest virtual register. */
  registers: number;
}

export function dominates(a: Block, b: Block): boolean {
  let at: Block | undefined = b;
  while (at !== undefined && at.depth > a.depth) at = at.dominator;
  return at === a;
}
export function commonDominator(a: Block, b: Block): Block {
  let [x, y] = [a, b];
  while (x !== y) {
    if (x.depth >= y.depth) x = x.dominator ?? y;
    else y = y.dominator ?? x;
  }
  return x;
}

const EFFECTS = new Set<Operation>([
  'sb', 'sh', 'sw', 'sd', 'call', 'branch', 'table', 'jump', 'return', 'tail', 'csrrw', 'csrrs', 'csrrc', 'ecall', 'ebreak', 'mret',
  'wfi', 'sfence', 'fence', 'fencei',
]); // prettier-ignore

/** Removes instructions of which nothing follows. */
export function removeDead(graph: Graph): void {
  const definitions = new Map<number, Instruction>();
  const live = new Set<Instruction>();
  const stack: Instruction[] = [];
  for (const block of graph.blocks) {
    for (const i of block.instructions) {
      if (i.rd >= 32) definitions.set(i.rd, i);
      if (EFFECTS.has(i.op) || (i.rd >= 0 && i.rd < 32) || i.symbol === 'volatile') stack.push(i);
    }
  }
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    if (live.has(i)) continue;
    live.add(i);
    for (const r of i.rs) {
      const definition = definitions.get(r);
      if (definition !== undefined) stack.push(definition);
    }
  }
  for (const block of graph.blocks) {
    const kept = block.instructions.filter((i) => live.has(i));
    block.instructions.splice(0, block.instructions.length, ...kept);
  }
}
