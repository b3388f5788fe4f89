// The machine side: symbolic execution of one function's code, in the order of its addresses, all paths at once. A store is
// guarded by the condition under which it is reached; where paths meet, registers become choices. So its terms have the
// shape of the source's executor (src/proof/execute.ts), and most of what is to be shown equal is the same term.
import { Execution } from '../../proof/execute.ts';
import { Mapped, State, Stored } from '../../proof/state.ts';
import * as T from '../../proof/term.ts';
import { A0, GP, RA, SP, TP } from '../instructions.ts';
import { havoc } from './contract.ts';
import {
  UNKNOWN,
  address,
  constantInt,
  difference,
  int,
  linear,
  Refused,
  sameAddress,
  sameValue,
  scaled,
  settled,
  sum,
} from './value.ts';
import { orderedSum } from './normal.ts';
import { unshifted } from './places.ts';
import type { Contents } from '../../proof/state.ts';
import type { Term } from '../../proof/term.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { Callee, SourceSide } from './contract.ts';
import type { NormalForm } from './normal.ts';
import type { Cell, Places } from './places.ts';
import type { Address, Source, Value } from './value.ts';

const { TRUE, FALSE, sle, slt, word } = T;
export const SAVED: readonly number[] = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
/** As the executor unrolls (src/proof/execute.ts). */
const UNROLLED = 64;
const MOST_STEPS = 200_000;
/** Bytes that one piece of a copy may have, beside its loop. */
const MOST_ADDED = Array.from({ length: 64 }, (_, n) => n * 4);

/** Where one path stands; memory is not in it: its stores are guarded. */
interface Path {
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
  readonly reads: ReadonlySet<string>;
}
/** Cells copied so far: `count` of them, from `of` on, to `to` on. */
interface Copied {
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
interface Turn {
  readonly head: number;
  readonly reads: { readonly table: string; readonly index: Term }[];
  /** Tables that a callee may have read, anywhere. */
  readonly touched: Set<string>;
}

export class MachineSide {
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
  scans = 0;
  joins = 0;
  #loops = 0;
  #steps = 0;
  #turn: Turn | undefined;
  #copied: Copied | undefined;
  /** By the head of a loop: its last instruction. */
  readonly #back = new Map<number, number>();

  constructor(code: Code, places: Places, source: SourceSide, normal: NormalForm, state: State) {
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
      if (this.#back.has(pc + i.imm)) throw new Refused('two ways back to one place');
      this.#back.set(pc + i.imm, pc);
    }
  }

  check(condition: Term, goal: Term, what: string): void {
    if (goal !== TRUE && condition !== FALSE) this.goals.push({ condition, goal, what });
  }
  run(registers: Value[]): void {
    const out = this.#region(
      { pc: this.code.from, condition: TRUE, registers, stack: new Map() },
      this.code.to,
      undefined,
    );
    if (out.length > 0) throw new Refused('the code leaves its function');
  }

  // ---- paths
  #merge(paths: readonly Path[]): Path {
    const [first] = paths;
    if (paths.length === 1) return first;
    this.joins += 1;
    const parts = paths.map((p) => this.normal.conjuncts(p.condition));
    const sets = parts.map((p) => new Set(p));
    const own = parts.map((p) => this.normal.and(p.filter((c) => !sets.every((s) => s.has(c)))));
    const registers = first.registers.map((_, r) =>
      this.#mergeValues(
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
  #mergeValues(values: readonly Value[], conditions: readonly Term[]): Value {
    const [first] = values;
    if (values.every((v) => sameValue(v, first))) return first;
    const choose = (terms: readonly Term[]): Term =>
      terms.reduceRight(
        (rest, t, n) => (n === terms.length - 1 ? t : this.normal.choice(conditions[n], t, rest)),
        word(0),
      );
    if (values.every((v) => v.kind === 'int')) return int(choose(values.map((v) => (v as { term: Term }).term)));
    if (!values.every((v) => v.kind === 'address')) return UNKNOWN;
    // Addresses that differ by a number of bytes that is an int each.
    const addresses = values as readonly Address[];
    const common = addresses[0].parts.filter((p) =>
      addresses.every((a) => a.parts.some((q) => q.term === p.term && q.scale === p.scale)),
    );
    const shared = address(addresses[0].base, addresses[0].offset, common);
    const rests = addresses.map((a) => {
      const rest = difference(a, shared);
      const value = rest === undefined ? UNKNOWN : settled(rest);
      return value.kind === 'int' ? value.term : undefined;
    });
    if (!rests.every((r) => r !== undefined)) return UNKNOWN;
    return settled(address(shared.base, shared.offset, [...shared.parts, { term: choose(rests), scale: 1 }]));
  }
  /** From `start` on, below `end`; what reaches `stop`, or goes beyond, is returned. */
  #region(start: Path, end: number, stop: number | undefined): Path[] {
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
      const path = { ...this.#merge(paths), pc };
      if (this.#back.has(pc) && this.#turn?.head !== pc && this.#running !== pc) {
        for (const after of this.#loop(path)) {
          if (after.pc <= pc) throw new Refused('a loop leads back');
          go(after, after.pc);
        }
        continue;
      }
      if ((this.#steps += 1) > MOST_STEPS) throw new Refused('too many steps');
      this.#instruction(path, this.#at(pc), go);
    }
    if (waiting.size > 0) throw new Refused('a jump to a place that was passed');
    return out;
  }
  /** The head of a loop with a constant number of turns, which is being run. */
  #running: number | undefined;
  #at(pc: number): MachineInstruction {
    const i = this.code.at(pc);
    if (i === undefined) throw new Refused(`no instruction at ${pc.toString(16)}`);
    return i;
  }
  #instruction(path: Path, i: MachineInstruction, go: (path: Path, pc: number) => void): void {
    const { pc } = path;
    const next = pc + i.size;
    if (isBranch(i)) {
      if (i.imm <= 0) throw new Refused('a way back where none is known');
      const holds = this.normal.of(this.#compare(i, path));
      const taken = copy(path);
      taken.condition = this.normal.and([path.condition, holds]);
      path.condition = this.normal.and([path.condition, this.normal.not(holds)]);
      go(taken, pc + i.imm);
      go(path, next);
    } else if (i.op === 'jal') {
      const callee = this.code.callees.get(pc + i.imm);
      const pure = this.code.pure.get(pc + i.imm);
      if (callee !== undefined && i.rd === RA) {
        this.#call(path, callee);
        go(path, next);
      } else if (callee !== undefined && i.rd === 0) {
        // A call in the last place returns to this function's caller.
        this.#checkReturn(path, path.registers[RA]);
        this.#call(path, callee);
        this.results.push({ condition: path.condition, value: path.registers[A0] });
      } else if (pure !== undefined && (i.rd === RA || i.rd === 0)) {
        if (i.rd === 0) this.#checkReturn(path, path.registers[RA]);
        this.#callPure(path, pure);
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
      if (to.kind === 'address' && to.base === 'code') this.#table(path, to, go);
      else {
        this.#checkReturn(path, to);
        this.results.push({ condition: path.condition, value: path.registers[A0] });
      }
    } else {
      this.#execute(path, i);
      go(path, next);
    }
  }
  /** A jump to one of the jumps that follow: code + 4 * index. */
  #table(path: Path, to: Address, go: (path: Path, pc: number) => void): void {
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
      go(each, pc + this.#at(pc).imm);
    }
  }
  #checkReturn(path: Path, to: Value): void {
    const { registers } = path;
    if (to.kind !== 'return') throw new Refused('a return to somewhere else');
    this.#checkBases(path);
    const sp = registers[SP];
    if (sp.kind !== 'address' || sp.offset !== 0 || sp.parts.length > 0) throw new Refused('sp at return');
    for (const r of SAVED) {
      const v = registers[r];
      if (v.kind !== 'saved' || v.register !== r) throw new Refused(`x${r} at return`);
    }
  }
  #checkBases({ registers }: Path): void {
    const [gp, sp] = [registers[GP], registers[SP]];
    if (gp.kind !== 'address' || gp.base !== 'gp' || gp.offset !== 0 || gp.parts.length > 0) throw new Refused('gp');
    if (sp.kind !== 'address' || sp.base !== 'sp' || sp.parts.length > 0) throw new Refused('sp');
  }
  #call(path: Path, { name, contract }: { readonly name: string; readonly contract: Callee }): void {
    if (this.#turn !== undefined) throw new Refused('a call in a loop');
    this.#checkBases(path);
    const n = this.calls;
    this.calls += 1;
    const made = this.source.calls.at(n);
    if (made === undefined || made.name !== name) throw new Refused(`a call of ${name} that the source does not make`);
    this.check(TRUE, T.eq(path.condition, this.normal.of(made.guard)), `when ${name} is called`);
    made.args.forEach((arg, k) => {
      const mine = this.#int(path.registers[A0 + k]);
      this.check(path.condition, T.eq(mine, asWord(arg)), `argument ${k + 1} of ${name}`);
    });
    if (made.state !== undefined) this.compareStates(path.condition, made.state, `before ${name}`);
    const result = havoc(this.state, contract, n, path.condition);
    this.#copied = undefined;
    this.#afterCall(path, result);
  }
  #afterCall(path: Path, result: Term | undefined): void {
    for (let r = 1; r < 32; r++) {
      if (r !== SP && r !== GP && r !== TP && !SAVED.includes(r)) path.registers[r] = UNKNOWN;
    }
    if (result !== undefined) path.registers[A0] = int(this.normal.of(asWord(result)));
  }
  /** The callee's source, on the machine's state and arguments. That it is SAFE there is a goal. */
  #callPure(path: Path, { name, states, booleans, reads }: Pure): void {
    this.#checkBases(path);
    for (const table of reads) this.#turn?.touched.add(table);
    let register = A0;
    const args = states.map((isState, n) => {
      if (isState) return this.state;
      const term = this.#int(path.registers[register++]);
      if (!booleans[n]) return term;
      const truth = truthOf(term);
      if (truth === undefined) throw new Refused('a boolean that is no 0 or 1');
      return truth;
    });
    const callee = new Execution(this.source.program, `pure${(this.#pureCalls += 1)}`);
    const result = callee.call(name, args, path.condition);
    for (const { goal } of callee.obligations) this.check(TRUE, goal, `SAFE of ${name}`);
    this.#afterCall(path, result);
  }
  #pureCalls = 0;
  /** Every table and field of the source's state is that of the machine. */
  compareStates(condition: Term, other: State, what: string): void {
    for (const [name, value] of other.fields) {
      const mine = this.state.field(name);
      if (mine !== value) this.check(condition, T.eq(mine, value), `${name} ${what}`);
    }
    const row = T.wordVar('row?');
    for (const [name, contents] of other.tables) {
      const mine = this.state.tables.get(name);
      if (mine === undefined || mine === contents) continue;
      const [a, b] = [mine.read(row), contents.read(row)];
      if (a !== b) this.check(condition, T.eq(a, b), `${name} ${what}`);
    }
  }

  // ---- instructions
  #int(v: Value): Term {
    if (v.kind !== 'int') throw new Refused(`an int is needed, not ${v.kind}`);
    return v.term;
  }
  #compare(i: MachineInstruction, path: Path): Term {
    const [a, b] = [this.#int(path.registers[i.rs1]), this.#int(path.registers[i.rs2])];
    const op: string = i.op;
    switch (op) {
      case 'beq':
        return T.eq(a, b);
      case 'bne':
        return T.not(T.eq(a, b));
      case 'blt':
        return slt(a, b);
      case 'bge':
        return sle(b, a);
      case 'bltu':
        return below(a, b);
      default:
        return T.not(below(a, b));
    }
  }
  #execute(path: Path, i: MachineInstruction): void {
    const { registers } = path;
    const [a, b] = [registers[i.rs1], registers[i.rs2]];
    // Normal from the beginning: so the same value is the same term, wherever it is met again.
    const set = (v: Value): void => {
      if (i.rd !== 0) registers[i.rd] = v.kind === 'int' ? { ...v, term: this.normal.of(v.term) } : v;
    };
    const ints = (f: (x: Term, y: Term) => Term): void => set(int(f(this.#int(a), this.#int(b))));
    const immediate = (f: (x: Term, y: Term) => Term): void => set(int(f(this.#int(a), word(i.imm))));
    const truth = (c: Term): void => set(int(asWord(this.normal.of(c))));
    const op: string = i.op;
    switch (op) {
      case 'lui':
        return set(constantInt(i.imm));
      case 'auipc':
        return set(address('code', path.pc + i.imm, []));
      case 'addi':
        return set(i.imm === 0 ? a : sum(a, constantInt(i.imm)));
      case 'add':
        return set(sum(a, b));
      case 'slli':
        return set(scaled(a, 2 ** i.imm));
      case 'addiw':
        return immediate(T.add);
      case 'addw':
        return ints(T.add);
      case 'subw':
        return ints(T.sub);
      case 'mulw':
        return ints(T.mul);
      case 'divw': {
        const divisor = T.valueOf(this.#int(b)) ?? 0;
        if (divisor <= 0) throw new Refused('a division');
        return ints(T.sdiv);
      }
      case 'slliw':
        return immediate(T.shl);
      case 'sraiw':
        return immediate(T.sar);
      case 'srliw':
        return set(int(shiftedOut(this.#int(a), i.imm)));
      case 'sllw':
      case 'sraw': {
        // The language asks for counts below 32, the machine takes the low five bits.
        const count = this.#int(b);
        this.check(path.condition, T.and(sle(word(0), count), slt(count, word(32))), 'shift count');
        return ints(op === 'sllw' ? T.shl : T.sar);
      }
      case 'and':
        return ints(T.band);
      case 'or':
        return ints(T.bor);
      case 'xor':
        return ints((x, y) => this.#flip(x, y));
      case 'andi':
        return immediate(T.band);
      case 'ori':
        return immediate(T.bor);
      case 'xori':
        return immediate((x, y) => (i.imm === -1 ? T.bnot(x) : this.#flip(x, y)));
      case 'slt':
        return truth(slt(this.#int(a), this.#int(b)));
      case 'slti':
        return truth(slt(this.#int(a), word(i.imm)));
      case 'sltu':
        return truth(below(this.#int(a), this.#int(b)));
      case 'sltiu':
        return truth(below(this.#int(a), word(i.imm)));
      case 'lw':
        return set(this.#load(path, sum(a, constantInt(i.imm))));
      case 'sw':
        return this.#store(
          path,
          linear(sum(a, constantInt(i.imm))),
          this.#int(b),
          b.kind === 'int' ? b.from : undefined,
        );
      case 'ld':
        return set(this.#loadDouble(path, linear(sum(a, constantInt(i.imm)))));
      case 'sd':
        return this.#storeDouble(path, linear(sum(a, constantInt(i.imm))), b);
      default:
        throw new Refused(`${i.op} at ${path.pc.toString(16)}`);
    }
  }
  /** 1 - x of a 0/1 value is its opposite condition. */
  #flip(x: Term, y: Term): Term {
    const [a, b] = [truthOf(x), truthOf(y)];
    if (a === undefined || b === undefined) return T.bxor(x, y);
    return asWord(this.normal.not(this.normal.equal(a, b)));
  }
  #cell(path: Path, at: Value, what: string): Cell {
    const cell = this.places.cell(linear(at));
    this.check(path.condition, cell.inside, `${what} ${cell.field.name} in bounds`);
    return cell;
  }
  #read({ field, index }: Cell): Term {
    if (field.stride === 0) return this.state.field(field.name);
    this.#turn?.reads.push({ table: field.name, index });
    return this.state.cell(field.name, index);
  }
  #load(path: Path, at: Value): Value {
    const cell = this.#cell(path, at, 'load of');
    const contents = this.state.tables.get(cell.field.name);
    const term = this.#read(cell);
    return contents === undefined
      ? int(term)
      : { kind: 'int', term, from: { table: cell.field.name, contents, at: linear(at) } };
  }
  #store(path: Path, at: Address, value: Term, from: Source | undefined): void {
    const cell = this.#cell(path, at, 'store to');
    const { field, index } = cell;
    const contents = this.state.tables.get(field.name);
    if (contents === undefined) {
      if (this.#turn !== undefined) throw new Refused('a loop writes a field');
      this.state.fields.set(field.name, T.ite(path.condition, value, this.state.field(field.name)));
    } else if (!this.#continueCopy(path, field.name, at, from)) {
      this.state.tables.set(field.name, new Stored(contents, path.condition, index, value));
    }
  }
  #loadDouble(path: Path, at: Address): Value {
    if (at.base === 'sp') {
      const v = at.parts.length === 0 ? path.stack.get(at.offset) : undefined;
      if (v === undefined) throw new Refused('a load of what is not in the frame');
      return v;
    }
    const [low, high] = [this.#load(path, at), this.#load(path, sum(at, constantInt(4)))];
    if (low.kind !== 'int' || high.kind !== 'int' || low.from === undefined) throw new Refused('a load of fields');
    return { kind: 'pair', low: low.term, high: high.term, from: low.from };
  }
  #storeDouble(path: Path, at: Address, v: Value): void {
    const sp = linear(path.registers[SP]);
    if (at.base === 'sp') {
      const inFrame = at.parts.length === 0 && at.offset < 0 && at.offset >= sp.offset && at.offset % 8 === 0;
      if (!inFrame || this.#turn !== undefined) throw new Refused('a store outside the frame');
      path.stack.set(at.offset, v);
      return;
    }
    const beyond = linear(sum(at, constantInt(4)));
    if (v.kind === 'pair') {
      this.#store(path, at, v.low, v.from);
      this.#store(path, beyond, v.high, { ...v.from, at: linear(sum(v.from.at, constantInt(4))) });
    } else if (v.kind === 'int' && v.term === word(0)) {
      this.#store(path, at, v.term, undefined);
      this.#store(path, beyond, v.term, undefined);
    } else throw new Refused('a store of 64 bits');
  }

  // ---- loops
  #loop(path: Path): Path[] {
    if (this.#turn !== undefined) throw new Refused('a loop within a loop');
    const last = this.#back.get(path.pc) ?? 0;
    const i = this.#at(last);
    if (i.op === 'bltu') return this.#blockLoop(path, last, i);
    if (i.op === 'jal') return this.#runLoop(path, last);
    if (i.op !== 'blt') throw new Refused('a loop without a comparison at its end');
    const start = path.registers[i.rs1];
    const bound = path.registers[i.rs2];
    const mayEnd =
      this.#written(path.pc, last).has(i.rs2) || (bound.kind === 'int' && T.valueOf(bound.term) !== undefined);
    if (mayEnd && start.kind === 'int' && T.valueOf(start.term) !== undefined) {
      const done = this.#constantLoop(path, last, i, T.valueOf(start.term) ?? 0);
      if (done !== undefined) return done;
    }
    return this.#indexLoop(path, last, i);
  }
  /** A loop that ends in a jump to its head: it is run as long as it turns, which only a constant number of turns allows. */
  #runLoop(path: Path, last: number): Path[] {
    const head = path.pc;
    const exits: Path[] = [];
    for (let at = copy(path), turn = 0; ; turn++) {
      if (turn > UNROLLED) throw new Refused('a loop without a comparison at its end');
      this.#running = head;
      const out = this.#region(at, last, last);
      this.#running = undefined;
      exits.push(...out.filter((p) => p.pc !== last));
      const ends = out.filter((p) => p.pc === last);
      if (ends.length === 0) return exits;
      at = { ...this.#merge(ends), pc: head };
    }
  }
  /** Registers that instructions on the way from `head` to `last` write. */
  #written(head: number, last: number): Set<number> {
    const reaches = new Set([last]);
    const clobbered = Array.from({ length: 27 }, (_, n) => n + 5).filter((r) => !SAVED.includes(r));
    const written = new Set<number>();
    for (let pc = last - 4; pc >= head; pc -= 4) {
      const i = this.code.at(pc);
      if (i === undefined) continue;
      const ways =
        i.op === 'jalr'
          ? []
          : i.op === 'jal' && i.rd === 0
            ? [pc + i.imm]
            : isBranch(i)
              ? [pc + 4, pc + i.imm]
              : [pc + 4];
      if (!ways.some((w) => reaches.has(w))) continue;
      reaches.add(pc);
      if (!isBranch(i) && i.rd !== 0) written.add(i.rd);
      if (i.op === 'jal' && i.rd === RA) for (const r of clobbered) written.add(r);
    }
    return written;
  }
  /** Runs it turn by turn, as the executor does; undefined when the number of turns is not constant or too large. */
  #constantLoop(path: Path, last: number, i: MachineInstruction, first: number): Path[] | undefined {
    const head = path.pc;
    const before = { state: this.state.copy(), goals: this.goals.length, results: this.results.length };
    const exits: Path[] = [];
    let at = copy(path);
    for (let turn = 0; ; turn++) {
      this.#running = head;
      const out = this.#region(at, last, last);
      this.#running = undefined;
      const ends = out.filter((p) => p.pc === last);
      exits.push(...out.filter((p) => p.pc !== last));
      if (ends.length === 0) return exits;
      const end = this.#merge(ends);
      const bound = end.registers[i.rs2];
      const next = end.registers[i.rs1];
      const to = bound.kind === 'int' ? T.valueOf(bound.term) : undefined;
      const now = next.kind === 'int' ? T.valueOf(next.term) : undefined;
      if (to === undefined || now === undefined || (turn === 0 && to - first > UNROLLED)) {
        if (turn > 0) throw new Refused('a loop whose end moves');
        this.state = before.state;
        this.goals.length = before.goals;
        this.results.length = before.results;
        return undefined;
      }
      if (now >= to) {
        exits.push({ ...end, pc: last + i.size });
        return exits;
      }
      at = { ...end, pc: head };
    }
  }
  /** One turn from `head` with the registers given; memory, goals and results of before are put back afterwards. */
  #oneTurn(path: Path, last: number, condition: Term, change: (registers: Value[]) => void) {
    const before = { state: this.state, goals: this.goals, results: this.results, copied: this.#copied };
    const inside = copy(path);
    inside.condition = condition;
    change(inside.registers);
    const turn: Turn = { head: path.pc, reads: [], touched: new Set() };
    this.state = this.state.copy();
    this.#turn = turn;
    this.#copied = undefined;
    this.goals = [];
    this.results = [];
    const out = this.#region(inside, last, last);
    const after = {
      out,
      reads: turn.reads,
      called: turn.touched,
      goals: this.goals,
      results: this.results,
      state: this.state,
    };
    this.#turn = undefined;
    this.#copied = before.copied;
    this.state = before.state;
    this.goals = before.goals;
    this.results = before.results;
    return after;
  }
  /** The source's unknown for the index of its n-th loop: what SAFE says of that one then holds here word for word. */
  #nextIndex(): Term {
    this.#loops += 1;
    return this.source.indexOf(this.#loops) ?? T.wordVar(`machine.${this.#loops}`);
  }
  #forget(registers: Value[], written: ReadonlySet<number>): void {
    for (const r of written) registers[r] = UNKNOWN;
  }
  /** A condition without what an empty range would contradict: over an empty range nothing happens. */
  #outside(condition: Term, from: Term, to: Term): Term {
    const isSome = this.normal.of(slt(from, to));
    return this.normal.and(this.normal.conjuncts(condition).filter((c) => c !== isSome));
  }
  #indexLoop(path: Path, last: number, i: MachineInstruction): Path[] {
    const head = path.pc;
    const written = this.#written(head, last);
    const from = this.#int(path.registers[i.rs1]);
    const index = this.#nextIndex();
    const begin = (registers: Value[]): void => {
      this.#forget(registers, written);
      registers[i.rs1] = int(index);
    };
    const end = (turn: { readonly out: readonly Path[] }): Path => {
      const ends = turn.out.filter((p) => p.pc === last);
      if (ends.length === 0) throw new Refused('a loop that never turns');
      return this.#merge(ends);
    };
    // What the end compares with is known after a turn, and must not depend on it.
    const to = this.#int(end(this.#oneTurn(path, last, path.condition, begin)).registers[i.rs2]);
    if (T.contains(to, index)) throw new Refused('a loop whose end moves');
    const reached = this.#outside(path.condition, from, to);
    const range = this.normal.and([this.normal.of(sle(from, index)), this.normal.of(slt(index, to))]);
    const turn = this.#oneTurn(path, last, this.normal.and([reached, range]), begin);
    const at = end(turn);
    if (this.normal.of(this.#int(at.registers[i.rs1])) !== this.normal.of(T.add(index, word(1)))) {
      throw new Refused('a loop that does not count by 1');
    }
    if (this.#int(at.registers[i.rs2]) !== to) throw new Refused('a loop whose end moves');
    for (const [offset, v] of path.stack) {
      if (!sameValue(at.stack.get(offset) ?? UNKNOWN, v)) throw new Refused('a loop that writes the frame');
    }
    this.check(path.condition, slt(from, to), 'the loop turns');
    this.goals.push(...turn.goals);
    const after = copy(path);
    this.#forget(after.registers, written);
    after.pc = last + i.size;
    const touched = [...turn.state.tables]
      .filter(([name, c]) => c !== this.state.tables.get(name))
      .map(([name]) => name);
    const exits = turn.out.filter((p) => p.pc !== last);
    if (exits.length > 0 || turn.results.length > 0) {
      if (touched.length > 0) throw new Refused('a loop that writes and leaves');
      return this.#scan(path, after, { index, from, to, reached, exits, results: turn.results });
    }
    for (const name of touched) this.#mapLoop(name, turn, { index, from, to, reached });
    return [after];
  }
  /** Each turn writes a table at one place, its own. */
  #mapLoop(
    name: string,
    turn: { readonly state: State; readonly reads: Turn['reads']; readonly called: ReadonlySet<string> },
    range: { readonly index: Term; readonly from: Term; readonly to: Term; readonly reached: Term },
  ): void {
    const { index, from, to, reached } = range;
    const before = this.state.tables.get(name);
    let place: Term | undefined;
    for (let c = turn.state.tables.get(name); c !== before;) {
      if (!(c instanceof Stored) || (place !== undefined && place !== c.index))
        throw new Refused('a loop writes in two places');
      place = c.index;
      c = c.before;
    }
    const base = place === undefined ? undefined : baseOf(place, index);
    if (before === undefined || place === undefined || base === undefined) throw new Refused('a loop writes elsewhere');
    if (turn.called.has(name) || turn.reads.some((r) => r.table === name && r.index !== place))
      throw new Refused('a turn reads what another wrote');
    const value = turn.state.cell(name, place);
    this.state.tables.set(name, new Mapped(before, reached, { from, to, base }, index, value));
  }
  #scan(
    path: Path,
    after: Path,
    loop: {
      readonly index: Term;
      readonly from: Term;
      readonly to: Term;
      readonly reached: Term;
      readonly exits: readonly Path[];
      readonly results: readonly { readonly condition: Term; readonly value: Value }[];
    },
  ): Path[] {
    const { normal } = this;
    const scan = this.source.scans.at(this.scans);
    this.scans += 1;
    if (scan === undefined) throw new Refused('a search that the source does not make');
    this.check(path.condition, T.and(T.eq(loop.from, scan.from), T.eq(loop.to, scan.to)), 'range of a search');
    const given = new Set(normal.conjuncts(loop.reached));
    const own = (condition: Term): Term => normal.and(normal.conjuncts(condition).filter((c) => !given.has(c)));
    const mine = normal.or([...loop.exits, ...loop.results].map((e) => own(e.condition)));
    this.check(loop.reached, T.eq(mine, normal.of(badAt(scan, loop.index))), 'what a search looks for');
    const hit = normal.and([loop.reached, scan.found]);
    after.condition = normal.and([path.condition, normal.not(scan.found)]);
    const free = (v: Value): Value => {
      const terms = v.kind === 'int' ? [v.term] : v.kind === 'address' ? v.parts.map((p) => p.term) : [];
      return terms.some((t) => T.contains(t, loop.index)) ? UNKNOWN : v;
    };
    if (loop.results.length > 0) {
      if (loop.exits.length > 0) throw new Refused('a search with two kinds of end');
      const [{ value }] = loop.results;
      if (free(value).kind === 'unknown' || !loop.results.every((r) => sameValue(r.value, value))) {
        throw new Refused('a search that returns what it found');
      }
      this.results.push({ condition: hit, value });
      return [after];
    }
    const found = this.#merge(loop.exits);
    if (loop.exits.some((e) => e.pc !== found.pc)) throw new Refused('a search with two ends');
    return [after, { ...found, condition: hit, registers: found.registers.map(free) }];
  }

  // ---- copies and fills: loops over addresses
  #blockLoop(path: Path, last: number, i: MachineInstruction): Path[] {
    const written = this.#written(path.pc, last);
    if (written.has(i.rs2)) throw new Refused('a block loop whose end moves');
    const [start, limit] = [linear(path.registers[i.rs1]), linear(path.registers[i.rs2])];
    const atEnd = (turn: { readonly out: readonly Path[]; readonly results: readonly unknown[] }): Path => {
      const [only] = turn.out;
      if (turn.out.length !== 1 || only.pc !== last || turn.results.length > 0)
        throw new Refused('a block loop with a way out');
      return only;
    };
    // Which addresses go on, and by how many bytes: one turn tells.
    const probe = atEnd(this.#oneTurn(path, last, path.condition, () => {}));
    const steps = new Map<number, number>();
    for (const r of written) {
      const [before, after] = [path.registers[r], probe.registers[r]];
      if (before.kind !== 'address' || after.kind !== 'address') continue;
      const step = difference(after, before);
      if (step !== undefined && step.parts.length === 0 && step.offset > 0) steps.set(r, step.offset);
    }
    const chunk = steps.get(i.rs1);
    if (chunk === undefined || [...steps.values()].some((s) => s !== chunk))
      throw new Refused('a block loop of different steps');
    const index = this.#nextIndex();
    const turn = this.#oneTurn(path, last, path.condition, (registers) => {
      this.#forget(registers, written);
      for (const r of steps.keys()) registers[r] = sum(path.registers[r], scaled(int(index), chunk));
    });
    atEnd(turn);
    // Bounds are asked for the whole block below, not for one turn.
    const written_ = [...turn.state.tables].filter(([name, c]) => c !== this.state.tables.get(name));
    if (written_.length !== 1) throw new Refused('a block loop writes one table');
    const [[table, contents]] = written_;
    const before = this.state.tables.get(table);
    const stores: Stored[] = [];
    for (let c: Contents | undefined = contents; c !== before; c = c.before) {
      if (!(c instanceof Stored)) throw new Refused('a block loop');
      stores.unshift(c);
    }
    if (before === undefined || stores.length * 4 !== chunk) throw new Refused('a block loop with gaps');
    const length = difference(limit, start);
    const after = copy(path);
    this.#forget(after.registers, written);
    after.pc = last + i.size;
    const total = length === undefined ? UNKNOWN : settled(length);
    const value = stores[0].value;
    if (stores.every((s) => s.value === value) && T.valueOf(value) !== undefined) {
      this.#fillLoop(path, table, before, stores, { start, limit, index, value });
      after.registers[i.rs1] = limit;
      return [after];
    }
    if (total.kind !== 'int') throw new Refused('a copy of an unknown length');
    this.#copyLoop(path, table, before, stores, {
      index,
      chunk,
      bytes: total.term,
      steps,
      from: start,
      register: i.rs1,
    });
    for (const r of steps.keys()) after.registers[r] = sum(path.registers[r], total);
    return [after];
  }
  #fillLoop(
    path: Path,
    table: string,
    before: Contents,
    stores: readonly Stored[],
    loop: { readonly start: Address; readonly limit: Address; readonly index: Term; readonly value: Term },
  ): void {
    const first = this.places.cell(loop.start, undefined, true);
    const end = this.places.cell(loop.limit, first.field, true);
    if (first.field.name !== table || first.field.stride !== 4) throw new Refused('a fill of another table');
    stores.forEach((s, n) => {
      const wanted = T.add(T.add(first.index, T.mul(loop.index, word(stores.length))), word(n));
      if (s.index !== orderedSum(wanted)) throw new Refused('a fill with gaps');
    });
    const length = T.sub(end.index, first.index);
    const whole = T.eq(T.band(length, word(stores.length - 1)), word(0));
    this.check(path.condition, T.and(first.inside, end.inside, slt(first.index, end.index), whole), 'bounds of a fill');
    const guard = this.#outside(path.condition, first.index, end.index);
    const range = { from: first.index, to: end.index, base: word(0) };
    this.state.tables.set(table, new Mapped(before, guard, range, loop.index, loop.value));
  }
  #copyLoop(
    path: Path,
    table: string,
    before: Contents,
    stores: readonly Stored[],
    loop: {
      readonly index: Term;
      readonly chunk: number;
      readonly bytes: Term;
      readonly steps: ReadonlyMap<number, number>;
      readonly from: Address;
      readonly register: number;
    },
  ): void {
    // The pointer that the end is compared with reads; the other one writes.
    const [writer] = [...loop.steps.keys()].filter((r) => r !== loop.register);
    if (loop.steps.size !== 2) throw new Refused('a copy with other than two pointers');
    const to = linear(path.registers[writer]);
    const [target, origin] = [this.places.cell(to, undefined, true), this.places.cell(loop.from, undefined, true)];
    if (target.field.name !== table || target.field.stride !== 4 || origin.field.stride !== 4)
      throw new Refused('a copy');
    const contents = this.state.tables.get(origin.field.name);
    if (contents === undefined || origin.field.name === table) throw new Refused('a copy onto itself');
    stores.forEach((s, n) => {
      const at = T.add(T.mul(loop.index, word(stores.length)), word(n));
      if (s.index !== orderedSum(T.add(target.index, at))) throw new Refused('a copy with gaps');
      const wanted = contents.read(orderedSum(T.add(origin.index, at)));
      if (s.value !== wanted) throw new Refused('a copy of something else');
    });
    const { scale, exact } = unshifted({ term: loop.bytes, scale: 1 });
    if (scale % loop.chunk !== 0) throw new Refused('a copy of a part of a turn');
    this.check(path.condition, exact, 'length of a copy');
    this.check(path.condition, T.not(T.eq(loop.bytes, word(0))), 'the copy turns');
    const count = this.#words(address('none', 0, [{ term: loop.bytes, scale: 1 }]), path.condition);
    for (const cell of [target, origin]) {
      const limit = word(cell.field.count);
      const fits = T.and(cell.inside, sle(word(0), count), sle(count, limit), sle(T.add(cell.index, count), limit));
      this.check(path.condition, fits, `bounds of a copy of ${origin.field.name} to ${table}`);
    }
    const [turns] = loop.bytes.op === 'shl' ? loop.bytes.args : [];
    if (turns?.op === 'sar') {
      for (const value of [word(0), T.sub(turns.args[0], word(1))]) this.instances.push({ index: loop.index, value });
    }
    const none = this.normal.of(T.not(T.eq(loop.bytes, word(0))));
    const guard = this.normal.and(this.normal.conjuncts(path.condition).filter((c) => c !== none));
    this.#setCopied({
      table,
      to,
      of: { table: origin.field.name, contents, at: loop.from },
      count: address('none', 0, [{ term: loop.bytes, scale: 1 }]),
      guard,
      index: loop.index,
      before,
      contents: before,
    });
  }
  #setCopied(copied: Omit<Copied, 'contents'> & { readonly contents: Contents }): void {
    const [to, of] = [this.places.cell(copied.to, undefined, true), this.places.cell(copied.of.at, undefined, true)];
    const count = this.#words(copied.count, copied.guard);
    const w = copied.index;
    const value = copied.of.contents.read(orderedSum(T.add(of.index, w)));
    const contents = new Mapped(copied.before, copied.guard, { from: word(0), to: count, base: to.index }, w, value);
    this.state.tables.set(copied.table, contents);
    this.#copied = { ...copied, contents };
  }
  /** Bytes as words. */
  #words(bytes: Address, condition: Term): Term {
    let total = word(bytes.offset / 4);
    const pieces: Term[] = [];
    for (const part of bytes.parts) {
      const { term, scale, exact } = unshifted(part);
      if (scale % 4 === 0) {
        this.check(condition, exact, 'length of a copy');
        pieces.push(scale === 4 ? term : T.shl(term, word(Math.log2(scale / 4))));
      } else {
        pieces.push(quarter(term));
      }
    }
    const whole = wholeOf(pieces);
    if (whole !== undefined) return T.add(whole, total);
    for (const piece of pieces) total = T.add(piece, total);
    return total;
  }
  /** What is left of a copy after its loop: the next cells, under a condition of their own. */
  #continueCopy(path: Path, table: string, at: Address, from: Source | undefined): boolean {
    const copied = this.#copied;
    if (copied === undefined || from === undefined || this.#turn !== undefined) return false;
    if (copied.table !== table || this.state.tables.get(table) !== copied.contents) return false;
    if (from.table !== copied.of.table || from.contents !== copied.of.contents) return false;
    const [ahead, behind] = [difference(at, copied.to), difference(from.at, copied.of.at)];
    if (ahead === undefined || behind === undefined || !sameAddress(ahead, behind)) return false;
    // Under this condition, so many bytes are copied already: what this path has added before is a part of the count.
    const own = this.normal.and(
      this.normal.conjuncts(path.condition).filter((c) => !this.normal.conjuncts(copied.guard).includes(c)),
    );
    const added = (bytes: number): Term => T.ite(own, word(bytes), word(0));
    const had =
      MOST_ADDED.find((n) => n > 0 && copied.count.parts.some((p) => p.scale === 1 && p.term === added(n))) ?? 0;
    const rest = copied.count.parts.filter((p) => had === 0 || p.term !== added(had));
    if (!sameAddress(ahead, address('none', copied.count.offset + had, rest))) return false;
    const grown = { term: added(had + 4), scale: 1 };
    this.#setCopied({ ...copied, count: address('none', copied.count.offset, [...rest, grown]) });
    return true;
  }
}

export const isBranch = (i: MachineInstruction): boolean =>
  i.op === 'beq' || i.op === 'bne' || i.op === 'blt' || i.op === 'bge' || i.op === 'bltu' || i.op === 'bgeu';
function copy(path: Path): Path {
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
/** A quarter of a choice of multiples of 4. */
function quarter(t: Term): Term {
  const value = T.valueOf(t);
  if (value !== undefined && value % 4 === 0) return word(value / 4);
  if (t.op !== 'ite') throw new Refused('a length that is no number of words');
  return T.ite(t.args[0], quarter(t.args[1]), quarter(t.args[2]));
}
/** ((n >> 3) << 3) + (n & 4 ? 4 : 0) + (n & 2 ? 2 : 0) + (n & 1 ? 1 : 0) = n. */
function wholeOf(pieces: readonly Term[]): Term | undefined {
  const high = pieces.find((p) => p.op === 'shl' && p.args[0].op === 'sar' && p.args[0].args[1] === p.args[1]);
  const bits = high === undefined ? 0 : (T.valueOf(high.args[1]) ?? 0);
  if (high === undefined || bits < 1 || pieces.length !== bits + 1) return undefined;
  const [n] = high.args[0].args;
  for (let b = 0; b < bits; b++) {
    const isSet = T.eq(T.band(n, word(1 << b)), word(0));
    if (!pieces.includes(T.ite(T.not(isSet), word(1 << b), word(0)))) return undefined;
  }
  return n;
}
/** `index` - `variable`, if `index` is their sum and the rest does not contain `variable`. */
function baseOf(index: Term, variable: Term): Term | undefined {
  const parts: Term[] = [];
  const collect = (t: Term): void => {
    if (t.op === 'add') t.args.forEach(collect);
    else parts.push(t);
  };
  collect(index);
  const rest = parts.filter((p) => p !== variable);
  if (rest.length !== parts.length - 1 || rest.some((p) => T.contains(p, variable))) return undefined;
  return rest.reduce((total, p) => T.add(total, p), word(0));
}
/** What a search looks for, at this row. */
function badAt(scan: SourceSide['scans'][number], row: Term): Term {
  const bad: unknown = scan.bad;
  if (typeof bad === 'function') return (bad as (row: Term) => Term)(row);
  return T.substitute(bad as Term, (scan as unknown as { readonly row: Term }).row, row);
}
