// Blocks in single-assignment form, with their values numbered as they are made: a value that a dominating block has already
// computed is used again, loads included. Each field has a version, and two loads of one address between two versions
// are one load.
import { Block, commonDominator, dominates } from './graph.ts';
import { GP, ZERO, fits } from './instructions.ts';
import { GP_OFFSET } from './layout.ts';
import type { Span } from '../proof/language.ts';
import type { OutsideLanguage } from '../proof/language.ts';
import type { Instruction, Operation, Origin, Test } from './graph.ts';
import type { Mnemonic } from './instructions.ts';
import type { Field, Layout } from './layout.ts';

/** A register, or a constant that has none yet. */
export type Operand = number | { readonly int: number };
export const constant = (v: Operand): number | undefined =>
  typeof v === 'number' ? (v === ZERO ? 0 : undefined) : v.int;

const WITH_IMMEDIATE: Partial<Record<string, Mnemonic>> = { '+': 'addiw', '&': 'andi', '|': 'ori', '^': 'xori' };
const WITH_REGISTERS: Record<string, Mnemonic> = {
  '+': 'addw', '-': 'subw', '*': 'mulw', '&': 'and', '|': 'or', '^': 'xor', '<<': 'sllw', '>>': 'sraw',
}; // prettier-ignore
const COMMUTES = new Set<Operation>(['addw', 'add', 'mulw', 'mul', 'and', 'or', 'xor']);

/** An address in the state: a register and an offset of 12 bits. */
export interface Place {
  readonly base: number;
  readonly offset: number;
  readonly field: Field;
}

export abstract class Builder {
  readonly layout: Layout;
  /** Compiles bounds checks in. */
  readonly check: boolean;
  readonly blocks: Block[] = [];
  current: Block | undefined;
  loopDepth = 0;
  at: Origin = { file: 0, offset: 0 };
  readonly definitions = new Map<number, Instruction>();
  protected registers = 32;
  #memory = new Map<string, number>();
  #versions = 0;
  #created = 0;
  readonly #known = new Map<string, { readonly block: Block; readonly value: Operand }[]>();

  constructor(layout: Layout, check: boolean) {
    this.layout = layout;
    this.check = check;
  }
  abstract refuse(message: string, at: { readonly span: Span }): OutsideLanguage;

  // ---- blocks
  label(): Block {
    return new Block((this.#created += 1));
  }
  /** Continues in `block`; false when nothing leads there. */
  place(block: Block, entry = false): boolean {
    const { predecessors } = block;
    if (predecessors.length === 0 && !entry) {
      this.current = undefined;
      return false;
    }
    if (predecessors.length > 0) {
      block.dominator = predecessors.reduce((a, b) => commonDominator(a, b));
      block.depth = block.dominator.depth + 1;
      const merged = new Map(predecessors[0].memory);
      for (const p of predecessors.slice(1)) {
        for (const name of new Set([...merged.keys(), ...p.memory.keys()])) {
          if (merged.get(name) !== p.memory.get(name)) merged.set(name, (this.#versions += 1));
        }
      }
      this.#memory = merged;
    }
    block.loopDepth = this.loopDepth;
    this.blocks.push(block);
    this.current = block;
    return true;
  }
  append(i: Instruction): void {
    if (this.current === undefined) throw new Error('unreachable code');
    this.current.instructions.push(i);
  }
  end(i: Partial<Instruction> & { op: Operation }, successors: readonly Block[]): void {
    const block = this.current;
    if (block === undefined) return;
    this.append({ rd: -1, rs: [], imm: 0, symbol: '', test: 'eq', at: this.at, ...i });
    block.successors = [...successors];
    for (const s of successors) s.predecessors.push(block);
    block.memory = this.#memory;
    this.current = undefined;
  }
  jump(to: Block): void {
    this.end({ op: 'jump' }, [to]);
  }
  branch(test: Test, a: Operand, b: Operand, yes: Block, no: Block): void {
    const [x, y] = [constant(a), constant(b)];
    if (x !== undefined && y !== undefined) {
      const [ux, uy] = [x >>> 0, y >>> 0];
      const less = test === 'ltu' || test === 'geu' ? ux < uy : x < y;
      const holds = test === 'eq' ? x === y : test === 'ne' ? x !== y : test === 'lt' || test === 'ltu' ? less : !less;
      this.jump(holds ? yes : no);
      return;
    }
    if (yes === no) this.jump(yes);
    else this.end({ op: 'branch', test, rs: [this.register(a), this.register(b)] }, [yes, no]);
  }

  // ---- values
  fresh(): number {
    return (this.registers += 1) - 1;
  }
  register(v: Operand): number {
    if (typeof v === 'number') return v;
    return v.int === 0 ? ZERO : this.emit('li', [], v.int);
  }
  /** An instruction with a result; of the same one, known here, the result that there is. */
  emit(op: Operation, rs: number[], imm = 0, symbol = '', version = ''): number {
    if (op !== 'copy' && op !== 'phi' && symbol !== 'volatile') {
      const operands = COMMUTES.has(op) ? rs.toSorted((a, b) => a - b) : rs;
      const key = `${op} ${operands.join()} ${imm} ${symbol} ${version}`;
      const found = this.look(key, op === 'li');
      if (typeof found === 'number') return found;
      const rd = this.define(op, rs, imm, symbol);
      this.remember(key, rd);
      return rd;
    }
    return this.define(op, rs, imm, symbol);
  }
  define(op: Operation, rs: number[], imm: number, symbol: string): number {
    const rd = this.fresh();
    const i: Instruction = { op, rd, rs, imm, symbol, test: 'eq', at: this.at };
    this.definitions.set(rd, i);
    this.append(i);
    return rd;
  }
  /** Constants are made anew in each block: to hold one in a register for long costs more than to make it. */
  look(key: string, here: boolean): Operand | undefined {
    const block = this.current;
    if (block === undefined) return undefined;
    return this.#known.get(key)?.findLast((k) => (here ? k.block === block : dominates(k.block, block)))?.value;
  }
  remember(key: string, value: Operand): void {
    const block = this.current;
    if (block === undefined) return;
    const entries = this.#known.get(key);
    if (entries === undefined) this.#known.set(key, [{ block, value }]);
    else entries.push({ block, value });
  }
  phi(block: Block, values: readonly Operand[]): Operand {
    const [first] = values;
    if (values.every((v) => v === first || (constant(v) !== undefined && constant(v) === constant(first))))
      return first;
    // A constant needs a register at the end of the block that it comes from.
    const rs = values.map((v, i) => this.inBlock(block.predecessors[i], v));
    const rd = this.fresh();
    const i: Instruction = { op: 'phi', rd, rs, imm: 0, symbol: '', test: 'eq', at: this.at };
    this.definitions.set(rd, i);
    const at = block.instructions.findIndex((q) => q.op !== 'phi');
    block.instructions.splice(at < 0 ? block.instructions.length : at, 0, i);
    return rd;
  }
  inBlock(block: Block, v: Operand): number {
    if (typeof v === 'number') return v;
    if (v.int === 0) return ZERO;
    const rd = this.fresh();
    const i: Instruction = { op: 'li', rd, rs: [], imm: v.int, symbol: '', test: 'eq', at: this.at };
    block.instructions.splice(block.instructions.length - 1, 0, i);
    return rd;
  }
  /** A power of two that divides the value for certain. */
  divisor(v: Operand): number {
    const c = constant(v);
    if (c !== undefined) return c === 0 ? 1 << 30 : c & -c;
    const i = this.definitions.get(v as number);
    if (i === undefined) return 1;
    if (i.op === 'slliw' || i.op === 'slli') return 2 ** Math.min(30, i.imm) * 1;
    if (i.op === 'addiw') return Math.min(this.divisor(i.rs[0]), i.imm === 0 ? 1 << 30 : i.imm & -i.imm);
    if (i.op === 'addw') return Math.min(this.divisor(i.rs[0]), this.divisor(i.rs[1]));
    return 1;
  }

  // ---- arithmetic on ints, each held sign-extended in 64 bits
  arithmetic(op: string, a: Operand, b: Operand, at: { readonly span: Span }): Operand {
    const [x, y] = [constant(a), constant(b)];
    if (x !== undefined && y !== undefined) {
      const folded: Record<string, number> = {
        '+': x + y, '-': x - y, '*': Math.imul(x, y), '&': x & y, '|': x | y, '^': x ^ y, '<<': x << y, '>>': x >> y,
      }; // prettier-ignore
      const value = folded[op];
      if (value === undefined) throw this.refuse(`no operator ${op}`, at);
      return { int: value | 0 };
    }
    if (x !== undefined && (op === '+' || op === '*' || op === '&' || op === '|' || op === '^')) {
      return this.arithmetic(op, b, a, at);
    }
    if (y !== undefined) {
      if (op === '-') return this.arithmetic('+', a, { int: -y | 0 }, at);
      const left = this.register(a);
      if (y === 0 && op !== '*' && op !== '&') return a;
      if (y === 0) return { int: 0 };
      if (op === '*' && y > 0 && (y & (y - 1)) === 0) {
        return y === 1 ? a : this.emit('slliw', [left], 31 - Math.clz32(y));
      }
      if (op === '<<' || op === '>>') return this.emit(op === '<<' ? 'slliw' : 'sraiw', [left], y & 31);
      const immediate = WITH_IMMEDIATE[op];
      if (immediate !== undefined && fits(y, 12)) return this.emit(immediate, [left], y);
    }
    const register = WITH_REGISTERS[op];
    if (register === undefined) throw this.refuse(`no operator ${op}`, at);
    return this.emit(register, [this.register(a), this.register(b)]);
  }
  /** a / d rounded towards 0. */
  quotient(a: Operand, d: Operand, at: { readonly span: Span }): Operand {
    const divisor = constant(d) ?? 0;
    if (divisor <= 0) throw this.refuse('a divisor is a positive constant', at);
    const value = constant(a);
    if (value !== undefined) return { int: Math.trunc(value / divisor) };
    if (divisor === 1) return a;
    const power = 31 - Math.clz32(divisor);
    const dividend = this.register(a);
    if (divisor !== 2 ** power) return this.emit('divw', [dividend, this.register(d)]);
    // A negative dividend is first moved by divisor - 1.
    const sign = this.emit('sraiw', [dividend], 31);
    const moved = this.emit('addw', [dividend, this.emit('srliw', [sign], 32 - power)]);
    return this.emit('sraiw', [moved], power);
  }

  // ---- places
  /** gp + displacement, as a register and an offset of 12 bits. */
  address(displacement: number): { base: number; offset: number } {
    if (fits(displacement, 12)) return { base: GP, offset: displacement };
    const offset = (displacement << 20) >> 20;
    return { base: this.emit('add', [GP, this.emit('lui', [], displacement - offset)]), offset };
  }
  cell(field: Field, index: Operand, at: { readonly span: Span }): { base: number; offset: number } {
    const fixed = constant(index);
    if (fixed !== undefined) {
      if (fixed < 0 || fixed >= field.count) throw this.refuse('index out of bounds', at);
      return this.address(field.offset - GP_OFFSET + fixed * field.stride);
    }
    if (this.check) this.checkIndex(index, field.count);
    const scaled = this.scaled(this.register(index), Math.log2(field.stride));
    const { base, offset } = this.rowBase(field);
    return { base: this.emit('add', [scaled, base]), offset };
  }
  /** index << shift; a product by a power of two is exact (SAFE), so that both shifts are one. */
  scaled(index: number, shift: number): number {
    const i = this.definitions.get(index);
    return i?.op === 'slliw' ? this.emit('slli', i.rs, i.imm + shift) : this.emit('slli', [index], shift);
  }
  /** So that the fields of one row share the register. */
  rowBase(field: Field): { base: number; offset: number } {
    const first = [...this.layout.fields.values()]
      .filter(
        (f) => f.stride === field.stride && field.offset - f.offset >= 0 && field.offset - f.offset < field.stride,
      )
      .reduce((a, b) => (b.offset < a.offset ? b : a), field);
    const start = first.offset - GP_OFFSET;
    if (fits(start, 12) && fits(start + field.stride, 12)) return { base: GP, offset: field.offset - GP_OFFSET };
    const low = (start << 20) >> 20;
    const base = this.emit('add', [GP, this.emit('lui', [], start - low)]);
    // The row's last field is within 12 bits of the register, or the register is the row's first byte.
    if (fits(low + field.stride, 12)) return { base, offset: low + field.offset - first.offset };
    return { base: this.emit('addi', [base], low), offset: field.offset - first.offset };
  }
  checkIndex(index: Operand, count: number): void {
    const [fine, wrong] = [this.label(), this.label()];
    this.branch('ltu', index, { int: count }, fine, wrong);
    this.place(wrong);
    this.append({ op: 'ebreak', rd: -1, rs: [], imm: 0, symbol: '', test: 'eq', at: this.at });
    this.jump(fine);
    this.place(fine);
  }
  version(name: string): string {
    return `v${this.#memory.get(name) ?? 0}`;
  }
  written(names: Iterable<string>): void {
    this.#memory = new Map(this.#memory);
    for (const name of names) this.#memory.set(name, (this.#versions += 1));
  }
  load(at: { base: number; offset: number; field: Field }): Operand {
    const { name } = at.field;
    const known = this.look(`lw ${at.base} ${at.offset} ${name} ${this.version(name)}`, false);
    if (known !== undefined) return known;
    const value = this.define('lw', [at.base], at.offset, '');
    this.remember(`lw ${at.base} ${at.offset} ${name} ${this.version(name)}`, value);
    return value;
  }
  store(at: { base: number; offset: number; field: Field }, value: Operand): void {
    const { name } = at.field;
    const rs = [at.base, this.register(value)];
    this.append({ op: 'sw', rd: -1, rs, imm: at.offset, symbol: '', test: 'eq', at: this.at });
    this.written([name]);
    this.remember(`lw ${at.base} ${at.offset} ${name} ${this.version(name)}`, value);
  }
}
