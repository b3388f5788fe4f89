// The machine side: symbolic execution of one function's code, in the order of its addresses, all paths at once. A store is
// guarded by the condition under which it is reached; where paths meet, registers become choices. So its terms have the
// shape of the source's executor (src/proof/execute.ts), and most of what is to be shown equal is the same term.
import { State, Stored } from '../../proof/state.ts';
import * as L from '../../proof/long.ts';
import * as T from '../../proof/term.ts';
import { A0, GP, RA, SP, TP } from '../instructions.ts';
import { INTRINSICS } from '../intrinsic-table.ts';
import { effectResult, havoc } from './contract.ts';
import {
  UNKNOWN,
  address,
  asLong,
  constantInt,
  difference,
  int,
  linear,
  long,
  lowOf,
  Refused,
  sameValue,
  scaled,
  settled,
  sum,
} from './value.ts';
import type { Contents } from '../../proof/state.ts';
import type { Term } from '../../proof/term.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { Callee, SourceSide } from './contract.ts';
import type { NormalForm } from './normal.ts';
import type { Cell, Places } from './places.ts';
import type { Address, Source, Value } from './value.ts';

const { TRUE, FALSE, sle, slt, word } = T;
export const SAVED: readonly number[] = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
const MOST_STEPS = 200_000;

/** Where one path stands; memory is not in it: its stores are guarded. */
export interface Path {
  pc: number;
  condition: Term;
  registers: Value[];
  /** By offset from sp at entry. */
  stack: Map<number, Value>;
}
export interface Goal {
  readonly condition: Term;
  readonly goal: Term;
  readonly what: string;
}
/** The code of one function, and of what it may call. */
export interface Code {
  readonly from: number;
  readonly to: number;
  readonly at: (pc: number) => MachineInstruction | undefined;
  readonly callees: ReadonlyMap<number, { readonly name: string; readonly contract: Callee }>;
  /** By entry: callees that write nothing and have no loop; they are their source. */
  readonly pure: ReadonlyMap<number, Pure>;
}
export interface Pure {
  readonly name: string;
  /** Of its parameters: state or not. */
  readonly states: readonly boolean[];
  readonly booleans: readonly boolean[];
  readonly longs: readonly boolean[];
  readonly reads: ReadonlySet<string>;
}
/** Cells copied so far: `count` of them, from `of` on, to `to` on. */
export interface Copied {
  readonly table: string;
  readonly to: Address;
  readonly of: Source;
  /** Bytes. */
  readonly count: Address;
  readonly guard: Term;
  readonly index: Term;
  readonly before: Contents;
  readonly contents: Contents;
}
export interface Turn {
  readonly head: number;
  readonly index: Term;
  readonly reads: { readonly table: string; readonly index: Term }[];
  /** Tables that a callee may have read, anywhere. */
  readonly touched: Set<string>;
}

export abstract class Paths {
  readonly code: Code;
  readonly places: Places;
  readonly source: SourceSide;
  readonly normal: NormalForm;
  state: State;
  goals: Goal[] = [];
  results: { readonly condition: Term; readonly value: Value }[] = [];
  /** Values of loops' indices at which what SAFE says is of use: first and last turn. */
  readonly instances: { readonly index: Term; readonly value: Term }[] = [];
  calls = 0;
  effects = 0;
  generals = 0;
  scans = 0;
  joins = 0;
  protected loops = 0;
  protected steps = 0;
  protected turn: Turn | undefined;
  protected copied: Copied | undefined;
  /** Block copies are in this code. */
  protected readonly copies: boolean;
  /** By the head of a loop: its last instruction. */
  protected readonly back = new Map<number, number>();

  /** Tables that the program reaches by their addresses, and not otherwise. */
  protected readonly addressed: ReadonlySet<string>;
  constructor(
    code: Code,
    places: Places,
    source: SourceSide,
    normal: NormalForm,
    state: State,
    addressed: ReadonlySet<string>,
  ) {
    this.addressed = addressed;
    this.code = code;
    this.places = places;
    this.source = source;
    this.normal = normal;
    this.state = state;
    for (let pc = code.from; pc < code.to; pc += 4) {
      const i = code.at(pc);
      const isJump = i !== undefined && (i.op === 'jal' || isBranch(i));
      if (!isJump || i.imm > 0 || (i.op === 'jal' && (code.callees.has(pc + i.imm) || code.pure.has(pc + i.imm))))
        continue;
      if (this.back.has(pc + i.imm)) throw new Refused('two ways back to one place');
      this.back.set(pc + i.imm, pc);
    }
    this.copies = [...this.back.values()].some((pc) => code.at(pc)?.op === 'bltu');
  }

  check(condition: Term, goal: Term, what: string): void {
    if (goal !== TRUE && condition !== FALSE) this.goals.push({ condition, goal, what });
  }
  run(registers: Value[]): void {
    const out = this.region(
      { pc: this.code.from, condition: TRUE, registers, stack: new Map() },
      this.code.to,
      undefined,
    );
    if (out.length > 0) throw new Refused('the code leaves its function');
  }

  protected abstract loop(path: Path): Path[];
  /** Takes a store as a part of the copy before it; false: it is none. */
  protected abstract continueCopy(path: Path, table: string, at: Address, from: Source | undefined): boolean;

  // ---- paths
  protected merge(paths: readonly Path[]): Path {
    const [first] = paths;
    if (paths.length === 1) return first;
    this.joins += 1;
    const parts = paths.map((p) => this.normal.conjuncts(p.condition));
    const sets = parts.map((p) => new Set(p));
    const own = parts.map((p) => this.normal.and(p.filter((c) => !sets.every((s) => s.has(c)))));
    const registers = first.registers.map((_, r) =>
      this.mergeValues(
        paths.map((p) => p.registers[r]),
        own,
      ),
    );
    const stack = new Map<number, Value>();
    for (const [offset, v] of first.stack) {
      if (paths.every((p) => sameValue(p.stack.get(offset) ?? UNKNOWN, v))) stack.set(offset, v);
    }
    const condition = this.normal.or(paths.map((p) => p.condition));
    return { pc: first.pc, condition, registers, stack };
  }
  protected mergeValues(values: readonly Value[], conditions: readonly Term[]): Value {
    const [first] = values;
    if (values.every((v) => sameValue(v, first))) return first;
    const choose = (terms: readonly Term[]): Term =>
      terms
        .slice(0, -1)
        .reduceRight((rest, t, n) => this.normal.choice(conditions[n], t, rest), terms.at(-1) ?? word(0));
    if (values.every((v) => v.kind === 'int')) return int(choose(values.map((v) => (v as { term: Term }).term)));
    if (!values.every((v) => v.kind === 'address')) return this.mergeLong(values, choose);
    // Addresses that differ by a number of bytes that is an int each.
    const addresses = values.filter((v) => v.kind === 'address');
    const common = addresses[0].parts.filter((p) =>
      addresses.every((a) => a.parts.some((q) => q.term === p.term && q.scale === p.scale)),
    );
    const shared = address(addresses[0].base, addresses[0].offset, common);
    const rests = addresses.map((a) => {
      const rest = difference(a, shared);
      const value = rest === undefined ? UNKNOWN : settled(rest);
      return value.kind === 'int' ? value.term : undefined;
    });
    if (!rests.every((r) => r !== undefined)) return this.mergeLong(values, choose);
    return settled(address(shared.base, shared.offset, [...shared.parts, { term: choose(rests), scale: 1 }]));
  }
  protected mergeLong(values: readonly Value[], choose: (terms: readonly Term[]) => Term): Value {
    const isLong = (v: Value) => v.kind === 'int' || v.kind === 'long' || (v.kind === 'address' && v.base !== 'sp');
    return values.every(isLong) ? long(choose(values.map((v) => this.normal.of(asLong(v))))) : UNKNOWN;
  }
  /** From `start` on, below `end`; what reaches `stop`, or goes beyond, is returned. */
  protected region(start: Path, end: number, stop: number | undefined): Path[] {
    const waiting = new Map<number, Path[]>();
    const out: Path[] = [];
    const go = (path: Path, pc: number): void => {
      path.pc = pc;
      if (path.condition === FALSE) return;
      if (pc === stop || pc >= end || pc < this.code.from) {
        if (stop === undefined) throw new Refused('the code leaves its function');
        out.push(path);
      } else {
        waiting.set(pc, [...(waiting.get(pc) ?? []), path]);
      }
    };
    go(start, start.pc);
    for (let { pc } = start; pc < end; pc += 4) {
      const paths = waiting.get(pc);
      if (paths === undefined) continue;
      waiting.delete(pc);
      const path = { ...this.merge(paths), pc };
      if (this.back.has(pc) && this.turn?.head !== pc && this.running !== pc) {
        for (const after of this.loop(path)) {
          if (after.pc <= pc) throw new Refused('a loop leads back');
          go(after, after.pc);
        }
        continue;
      }
      if ((this.steps += 1) > MOST_STEPS) throw new Refused('too many steps');
      this.instruction(path, this.at(pc), go);
    }
    if (waiting.size > 0) throw new Refused('a jump to a place that was passed');
    return out;
  }
  /** The head of a loop with a constant number of turns, which is being run. */
  protected running: number | undefined;
  protected at(pc: number): MachineInstruction {
    const i = this.code.at(pc);
    if (i === undefined) throw new Refused(`no instruction at ${pc.toString(16)}`);
    return i;
  }
  protected instruction(path: Path, i: MachineInstruction, go: (path: Path, pc: number) => void): void {
    const { pc } = path;
    const next = pc + i.size;
    if (isBranch(i)) {
      if (i.imm <= 0) throw new Refused('a way back where none is known');
      const holds = this.normal.of(this.compare(i, path));
      const taken = copy(path);
      taken.condition = this.normal.and([path.condition, holds]);
      path.condition = this.normal.and([path.condition, this.normal.not(holds)]);
      go(taken, pc + i.imm);
      go(path, next);
    } else if (i.op === 'jal') {
      const callee = this.code.callees.get(pc + i.imm);
      const pure = this.code.pure.get(pc + i.imm);
      if (callee !== undefined && i.rd === RA) {
        this.call(path, callee);
        go(path, next);
      } else if (callee !== undefined && i.rd === 0) {
        // A call in the last place returns to this function's caller.
        this.checkReturn(path, path.registers[RA]);
        this.call(path, callee);
        this.results.push({ condition: path.condition, value: path.registers[A0] });
      } else if (pure !== undefined && (i.rd === RA || i.rd === 0)) {
        if (i.rd === 0) this.checkReturn(path, path.registers[RA]);
        this.callPure(path, pure);
        if (i.rd === RA) go(path, next);
        else this.results.push({ condition: path.condition, value: path.registers[A0] });
      } else if (i.rd === 0 && i.imm > 0 && pc + i.imm < this.code.to) {
        go(path, pc + i.imm);
      } else {
        throw new Refused('a jump');
      }
    } else if (i.op === 'jalr') {
      if (i.rd !== 0 || i.imm !== 0) throw new Refused('a computed call');
      const to = path.registers[i.rs1];
      if (to.kind === 'address' && to.base === 'code') this.table(path, to, go);
      else {
        this.checkReturn(path, to);
        this.results.push({ condition: path.condition, value: path.registers[A0] });
      }
    } else {
      this.execute(path, i);
      go(path, next);
    }
  }
  /** A jump to one of the jumps that follow: code + 4 * index. */
  protected table(path: Path, to: Address, go: (path: Path, pc: number) => void): void {
    const [part] = to.parts;
    if (to.parts.length !== 1 || part.scale !== 4 || to.offset !== path.pc + 4) throw new Refused('a computed jump');
    let count = 0;
    for (let pc = to.offset; this.code.at(pc)?.op === 'jal' && this.code.at(pc)?.rd === 0; pc += 4) count += 1;
    // How many the table has is what the code has asked before.
    const limits = this.normal.conjuncts(path.condition).map((c) => {
      const limit = c.op === 'slt' && c.args[0] === part.term ? T.valueOf(c.args[1]) : undefined;
      return limit ?? Infinity;
    });
    const size = Math.min(count, ...limits);
    this.check(path.condition, T.and(sle(word(0), part.term), slt(part.term, word(size))), 'the table has the case');
    // Within the table every value has its case: the range says no more.
    const range = new Set([sle(word(0), part.term), slt(part.term, word(size))].map((t) => this.normal.of(t)));
    const rest = this.normal.and(this.normal.conjuncts(path.condition).filter((c) => !range.has(c)));
    for (let n = 0; n < size; n++) {
      const each = copy(path);
      each.condition = this.normal.and([rest, this.normal.of(T.eq(part.term, word(n)))]);
      const pc = to.offset + 4 * n;
      go(each, pc + this.at(pc).imm);
    }
  }
  protected checkReturn(path: Path, to: Value): void {
    const { registers } = path;
    if (to.kind !== 'return') throw new Refused('a return to somewhere else');
    this.checkBases(path);
    const sp = registers[SP];
    if (sp.kind !== 'address' || sp.offset !== 0 || sp.parts.length > 0) throw new Refused('sp at return');
    for (const r of SAVED) {
      const v = registers[r];
      if (v.kind !== 'saved' || v.register !== r) throw new Refused(`x${r} at return`);
    }
  }
  protected checkBases({ registers }: Path): void {
    const [gp, sp] = [registers[GP], registers[SP]];
    if (gp.kind !== 'address' || gp.base !== 'gp' || gp.offset !== 0 || gp.parts.length > 0) throw new Refused('gp');
    if (sp.kind !== 'address' || sp.base !== 'sp' || sp.parts.length > 0) throw new Refused('sp');
  }
  protected call(path: Path, { name, contract }: { readonly name: string; readonly contract: Callee }): void {
    const writes = [...contract.writes].filter((f) => !this.addressed.has(f));
    if (this.turn !== undefined && writes.length > 0) throw new Refused('a call in a loop');
    this.checkBases(path);
    const n = this.calls;
    this.calls += 1;
    const made = this.source.calls.at(n);
    if (made === undefined || made.name !== name || made.effects !== this.effects) {
      throw new Refused(`a call of ${name} that the source does not make`);
    }
    this.check(TRUE, T.eq(path.condition, this.normal.of(made.guard)), `when ${name} is called`);
    made.args.forEach((arg, k) => {
      const mine = path.registers[A0 + k];
      this.check(path.condition, this.equalsSource(mine, arg), `argument ${k + 1} of ${name}`);
    });
    if (made.state !== undefined) this.compareStates(path.condition, made.state, `before ${name}`);
    const result = havoc(this.state, contract, n, path.condition, this.turn?.index);
    this.copied = undefined;
    this.afterCall(path, result);
  }
  protected afterCall(path: Path, result: Term | undefined): void {
    for (let r = 1; r < 32; r++) {
      if (r !== SP && r !== GP && r !== TP && !SAVED.includes(r)) path.registers[r] = UNKNOWN;
    }
    if (result !== undefined) path.registers[A0] = this.known(result);
  }
  /** A term of the source in a register. */
  protected known(term: Term): Value {
    return term.sort === 'long' ? long(term) : int(this.normal.of(asWord(term)));
  }
  /** That a register holds a value of the source. */
  equalsSource(mine: Value, wanted: Term): Term {
    if (wanted.sort === 'long') return T.eq(this.normal.of(asLong(mine)), this.normal.of(wanted));
    return T.eq(mine.kind === 'int' ? mine.term : this.exactInt(mine), asWord(wanted));
  }
  /** What the source's n-th effect does is done here: the same, under the same condition, on the same. */
  protected effect(path: Path, name: string, args: readonly Value[]): Value {
    const n = this.effects;
    this.effects += 1;
    const made = this.source.effects.at(n);
    if (made === undefined || made.name !== name || made.calls !== this.calls) {
      throw new Refused(`${name} at ${path.pc.toString(16)}, which the source does not do`);
    }
    this.check(TRUE, T.eq(path.condition, this.normal.of(made.guard)), `when ${name} is done`);
    made.args.forEach((arg, k) => {
      const v = args[k];
      // Stores of less than 64 bits, and fewer bits still, take the low ones.
      const is = v.kind !== 'int' && arg.sort === 'word' ? T.eq(lowOf(v), arg) : this.equalsSource(v, arg);
      this.check(path.condition, is, `argument ${k + 1} of ${name}`);
    });
    const result = effectResult(name, n, this.turn?.index);
    return result === undefined ? UNKNOWN : this.known(result);
  }
  /** The callee's source, on the machine's state and arguments. That it is SAFE there is a goal. */
  protected callPure(path: Path, { name, states, booleans, longs, reads }: Pure): void {
    this.checkBases(path);
    for (const table of reads) this.turn?.touched.add(table);
    let register = A0;
    const args = states.map((isState, n) => {
      if (isState) return this.state;
      const v = path.registers[register++];
      if (longs[n]) return asLong(v);
      const term = this.int(v);
      if (!booleans[n]) return term;
      const truth = truthOf(term);
      if (truth === undefined) throw new Refused('a boolean that is no 0 or 1');
      return truth;
    });
    const callee = this.source.within(`pure${(this.pureCalls += 1)}`);
    const result = callee.call(name, args, path.condition);
    for (const { goal } of callee.obligations) this.check(TRUE, goal, `SAFE of ${name}`);
    this.afterCall(path, result);
  }
  protected pureCalls = 0;
  /** Every table and field of the source's state is that of the machine. */
  compareStates(condition: Term, other: State, what: string): void {
    for (const [name, value] of other.fields) {
      const mine = this.state.field(name);
      if (mine !== value) this.check(condition, T.eq(mine, value), `${name} ${what}`);
    }
    const row = T.wordVar('row?');
    for (const [name, contents] of other.tables) {
      const mine = this.state.tables.get(name);
      // What is reached by address alone is memory, not a table: effects speak of it.
      if (mine === undefined || mine === contents || this.addressed.has(name)) continue;
      const [a, b] = [mine.read(row), contents.read(row)];
      if (a !== b) this.check(condition, T.eq(a, b), `${name} ${what}`);
    }
  }

  // ---- instructions
  protected int(v: Value): Term {
    if (v.kind !== 'int') throw new Refused(`an int is needed, not ${v.kind}`);
    return v.term;
  }
  /** An int that was computed with 64 bits: a choice of sign-extended ones. */
  protected exactInt(v: Value): Term {
    const find = (t: Term): Term => {
      const constant = L.longOf(t);
      if (t.op === 'sext') return t.args[0];
      if (t.op === 'ite') return T.ite(t.args[0], find(t.args[1]), find(t.args[2]));
      const small = constant === undefined ? undefined : BigInt.asIntN(64, constant);
      if (small !== undefined && BigInt.asIntN(32, small) === small) return word(Number(small));
      throw new Refused(`an int is needed, not ${T.show(t, 3)}`);
    };
    return find(asLong(v));
  }
  protected compare(i: MachineInstruction, path: Path): Term {
    const [a, b] = [path.registers[i.rs1], path.registers[i.rs2]];
    const op: string = i.op;
    const [isEqual, isLess, isBelow] = this.comparisons(a, b);
    switch (op) {
      case 'beq':
        return isEqual();
      case 'bne':
        return T.not(isEqual());
      case 'blt':
        return isLess();
      case 'bge':
        return T.not(isLess());
      case 'bltu':
        return isBelow();
      default:
        return T.not(isBelow());
    }
  }
  protected comparisons(a: Value, b: Value): readonly [() => Term, () => Term, () => Term] {
    if (a.kind === 'int' && b.kind === 'int') {
      return [() => T.eq(a.term, b.term), () => slt(a.term, b.term), () => below(a.term, b.term)];
    }
    const [x, y] = [asLong(a), asLong(b)].map((t) => this.normal.of(t));
    return [() => T.eq(x, y), () => L.slt64(x, y), () => L.ult64(x, y)];
  }
  protected execute(path: Path, i: MachineInstruction): void {
    const { registers } = path;
    const [a, b] = [registers[i.rs1], registers[i.rs2]];
    // Normal from the beginning: so the same value is the same term, wherever it is met again.
    const set = (v: Value): void => {
      if (i.rd === 0) return;
      if (v.kind === 'int') registers[i.rd] = { ...v, term: this.normal.of(v.term) };
      else registers[i.rd] = v.kind === 'long' ? long(this.normal.of(v.term)) : v;
    };
    const low = (f: (x: Term, y: Term) => Term): void => set(int(f(lowOf(a), lowOf(b))));
    const immediate = (f: (x: Term, y: Term) => Term): void => set(int(f(lowOf(a), word(i.imm))));
    const truth = (c: Term): void => set(int(asWord(this.normal.of(c))));
    /** Of two ints as ints, which is the same; else of 64 bits. */
    const either = (f: (x: Term, y: Term) => Term, f64: (x: Term, y: Term) => Term, y = b): void =>
      set(a.kind === 'int' && y.kind === 'int' ? int(f(a.term, y.term)) : long(f64(asLong(a), asLong(y))));
    const long64 = (f64: (x: Term, y: Term) => Term): void => set(long(f64(asLong(a), asLong(b))));
    const constant = constantInt(i.imm);
    const at = (): Value => sum(a, constant);
    const op: string = i.op;
    switch (op) {
      case 'lui':
        return set(constantInt(i.imm));
      case 'auipc':
        return set(address('code', path.pc + i.imm, []));
      case 'addi':
        return set(i.imm === 0 ? a : at());
      case 'add': {
        const twoBases = [a, b].every((v) => v.kind === 'address' && v.base !== 'none');
        return set(twoBases ? long(L.add64(asLong(a), asLong(b))) : sum(a, b));
      }
      case 'sub':
        return long64(L.sub64);
      case 'mul':
        return long64(L.mul64);
      case 'divu':
        return long64(L.udiv64);
      case 'remu':
        return long64(L.urem64);
      case 'slli':
        return set(scaled(a, 2 ** i.imm));
      case 'srli':
        return set(a.kind === 'long' && a.term.op === 'mul64' && i.imm === 32 ? long(lowHalf(a.term, i.imm)) : long(L.lshr64(asLong(a), constant.kind === 'int' ? constant.term : word(0)))); // prettier-ignore
      case 'srai':
        if (i.imm !== 32) throw new Refused('srai');
        return set(int(L.high(asLong(a))));
      case 'sll':
        return set(long(L.shl64(asLong(a), lowOf(b))));
      case 'srl':
        return set(long(L.lshr64(asLong(a), lowOf(b))));
      case 'addiw':
        return immediate(T.add);
      case 'addw':
        return low(T.add);
      case 'subw':
        return low(T.sub);
      case 'mulw':
        return low(T.mul);
      case 'divw': {
        const divisor = T.valueOf(this.int(b)) ?? 0;
        if (divisor <= 0) throw new Refused('a division');
        return low(T.sdiv);
      }
      case 'slliw':
        return immediate(T.shl);
      case 'sraiw':
        return immediate(T.sar);
      case 'srliw':
        return set(int(shiftedOut(this.int(a), i.imm)));
      case 'sllw':
      case 'sraw': {
        // The language asks for counts below 32, the machine takes the low five bits.
        const count = this.int(b);
        this.check(path.condition, T.and(sle(word(0), count), slt(count, word(32))), 'shift count');
        return low(op === 'sllw' ? T.shl : T.sar);
      }
      case 'and':
        return either(T.band, L.and64);
      case 'or':
        return either(T.bor, L.or64);
      case 'xor':
        return either((x, y) => this.flip(x, y), L.xor64);
      case 'andi':
        return either(T.band, L.and64, constant);
      case 'ori':
        return either(T.bor, L.or64, constant);
      case 'xori':
        return either((x, y) => (i.imm === -1 ? T.bnot(x) : this.flip(x, y)), L.xor64, constant);
      case 'slt':
        return truth(this.comparisons(a, b)[1]());
      case 'slti':
        return truth(this.comparisons(a, constant)[1]());
      case 'sltu':
        return truth(this.comparisons(a, b)[2]());
      case 'sltiu':
        return truth(this.comparisons(a, constant)[2]());
      case 'lbu':
        return set(this.effect(path, 'load8', [at()]));
      case 'lw':
        return set(this.isOwn(at()) ? this.load(path, at()) : this.effect(path, 'load32', [at()]));
      case 'ld':
        return set(this.isOwn(at()) ? this.loadDouble(path, linear(at())) : this.effect(path, 'load64', [at()]));
      case 'sb':
        this.effect(path, 'store8', [at(), b]);
        return;
      case 'sw':
        if (this.isOwn(at())) this.store(path, linear(at()), this.int(b), b.kind === 'int' ? b.from : undefined);
        else this.effect(path, 'store32', [at(), b]);
        return;
      case 'sd':
        if (this.isOwn(at())) this.storeDouble(path, linear(at()), b);
        else this.effect(path, 'store64', [at(), b]);
        return;
      case 'fld':
      case 'fsd': {
        const table = sum(a, constantInt(i.imm - 8 * (op === 'fld' ? i.rd : i.rs2)));
        this.effect(path, op === 'fld' ? 'loadFloat' : 'storeFloat', [constantInt(op === 'fld' ? i.rd : i.rs2), table]);
        return;
      }
      case 'csrrw':
        if (i.rd !== 0) throw new Refused('csrrw that reads');
        this.effect(path, 'csrWrite', [constant, a]);
        return;
      case 'csrrs':
      case 'csrrc': {
        if (i.rs1 === 0 && op === 'csrrs') return set(this.effect(path, 'csrRead', [constant]));
        if (i.rd !== 0) throw new Refused(`${op} that reads and writes`);
        this.effect(path, op === 'csrrs' ? 'csrSet' : 'csrClear', [constant, a]);
        return;
      }
      case 'ecall': {
        const [call, ...rest] = [17, A0, A0 + 1, A0 + 2].map((r) => registers[r]);
        registers[A0] = this.effect(path, 'ecall', [call, ...rest]);
        return;
      }
      default: {
        const name = SYSTEM.get(op);
        if (name === undefined) throw new Refused(`${i.op} at ${path.pc.toString(16)}`);
        this.effect(path, name, []);
      }
    }
  }
  /** In the frame, or in a table or field that the program reaches by name: not by an address that it computes. */
  protected isOwn(at: Value): boolean {
    if (at.kind !== 'address') return false;
    if (at.base === 'sp') return true;
    return at.base === 'gp' && !this.places.isIn(at.offset, this.addressed);
  }
  /** 1 - x of a 0/1 value is its opposite condition. */
  protected flip(x: Term, y: Term): Term {
    const [a, b] = [truthOf(x), truthOf(y)];
    if (a === undefined || b === undefined) return T.bxor(x, y);
    return asWord(this.normal.not(this.normal.equal(a, b)));
  }
  protected cell(path: Path, at: Value, what: string): Cell {
    const cell = this.places.cell(linear(at));
    this.check(path.condition, cell.inside, `${what} ${cell.field.name} in bounds`);
    return cell;
  }
  /** What was read, as it is where the path's condition holds: as the executor has it. */
  protected here({ condition }: Path, term: Term): Term {
    if (term.args.length === 0 || condition === TRUE) return term;
    let known = this.#known.get(condition);
    if (known === undefined) {
      known = new Map();
      for (const part of this.normal.conjuncts(condition)) T.learn(known, part);
      this.#known.set(condition, known);
    }
    return T.replaced(term, known);
  }
  readonly #known = new Map<Term, Map<Term, Term>>();
  protected read({ field, index }: Cell): Term {
    if (field.stride === 0) return this.state.field(field.name);
    this.turn?.reads.push({ table: field.name, index });
    return this.state.cell(field.name, index);
  }
  protected load(path: Path, at: Value): Value {
    const cell = this.cell(path, at, 'load of');
    const contents = this.state.tables.get(cell.field.name);
    // What is copied is the same wherever it is read.
    const term = contents === undefined || !this.copies ? this.here(path, this.read(cell)) : this.read(cell);
    return contents === undefined
      ? int(term)
      : { kind: 'int', term, from: { table: cell.field.name, contents, at: linear(at) } };
  }
  protected store(path: Path, at: Address, value: Term, from: Source | undefined): void {
    const cell = this.cell(path, at, 'store to');
    const { field, index } = cell;
    const contents = this.state.tables.get(field.name);
    if (contents === undefined) {
      if (this.turn !== undefined) throw new Refused('a loop writes a field');
      this.state.fields.set(field.name, T.ite(path.condition, value, this.state.field(field.name)));
    } else if (!this.continueCopy(path, field.name, at, from)) {
      this.state.tables.set(field.name, new Stored(contents, path.condition, index, value));
    }
  }
  protected loadDouble(path: Path, at: Address): Value {
    if (at.base === 'sp') {
      const v = at.parts.length === 0 ? path.stack.get(at.offset) : undefined;
      if (v === undefined) throw new Refused('a load of what is not in the frame');
      return v;
    }
    const [low, high] = [this.load(path, at), this.load(path, sum(at, constantInt(4)))];
    if (low.kind !== 'int' || high.kind !== 'int' || low.from === undefined) throw new Refused('a load of fields');
    return { kind: 'pair', low: low.term, high: high.term, from: low.from };
  }
  protected storeDouble(path: Path, at: Address, v: Value): void {
    const sp = linear(path.registers[SP]);
    if (at.base === 'sp') {
      const inFrame = at.parts.length === 0 && at.offset < 0 && at.offset >= sp.offset && at.offset % 8 === 0;
      if (!inFrame || this.turn !== undefined) throw new Refused('a store outside the frame');
      path.stack.set(at.offset, v);
      return;
    }
    const beyond = linear(sum(at, constantInt(4)));
    if (v.kind === 'pair') {
      this.store(path, at, v.low, v.from);
      this.store(path, beyond, v.high, { ...v.from, at: linear(sum(v.from.at, constantInt(4))) });
    } else if (v.kind === 'int' && v.term === word(0)) {
      this.store(path, at, v.term, undefined);
      this.store(path, beyond, v.term, undefined);
    } else throw new Refused('a store of 64 bits');
  }
}

/** Intrinsics that are an instruction without operands. */
const SYSTEM = new Map([...INTRINSICS].flatMap(([name, i]) => (i.kind === 'system' ? [[i.op as string, name]] : [])));
/** (x * 2^n) >> n. */
function lowHalf(product: Term, count: number): Term {
  const [x] = product.args;
  const isShift = L.longOf(product.args[1]) === 1n << BigInt(count);
  return isShift && x.op === 'sext' ? L.pack(word(0), x.args[0]) : L.lshr64(product, word(count));
}
export const isBranch = (i: MachineInstruction): boolean =>
  i.op === 'beq' || i.op === 'bne' || i.op === 'blt' || i.op === 'bge' || i.op === 'bltu' || i.op === 'bgeu';
export function copy(path: Path): Path {
  return { ...path, registers: [...path.registers], stack: new Map(path.stack) };
}
export const asWord = (t: Term): Term => (t.sort === 'word' ? t : T.ite(t, word(1), word(0)));
/** The condition of a 0/1 value. */
function truthOf(t: Term): Term | undefined {
  const value = T.valueOf(t);
  if (value === 0 || value === 1) return T.bool(value === 1);
  if (t.op !== 'ite') return undefined;
  const [a, b] = [truthOf(t.args[1]), truthOf(t.args[2])];
  return a === undefined || b === undefined ? undefined : T.ite(t.args[0], a, b);
}
/** Unsigned less. */
function below(a: Term, b: Term): Term {
  const limit = T.valueOf(b);
  if (limit === 1) return T.eq(a, word(0));
  if (T.valueOf(a) === 0) return T.not(T.eq(b, word(0)));
  if (limit !== undefined && limit >= 0) return T.and(sle(word(0), a), slt(a, b));
  return T.ite(T.eq(slt(a, word(0)), slt(b, word(0))), slt(a, b), slt(b, word(0)));
}
/** Shift right with zeros, for the signs that a division needs. */
function shiftedOut(x: Term, count: number): Term {
  const value = T.valueOf(x);
  if (value !== undefined) return word(value >>> count);
  if (x.op === 'sar' && T.valueOf(x.args[1]) === 31) return T.band(x, word(2 ** (32 - count) - 1));
  throw new Refused('a shift with zeros');
}
