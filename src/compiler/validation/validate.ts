// Translation validation: for every function that a program's machine code has, for every state and every argument, the
// code returns what the source returns and leaves every table and field as the source leaves it. Nothing of the compiler
// is trusted: the words are decoded here, the layout is checked, and the order of loops and calls is only a hint that must
// prove right. Assumed: theorem SAFE of the source (indices, exact sums, shift counts); that gp and sp are set as agreed,
// state and stack are apart and the stack is large enough; that no interrupt changes memory within.
import { State } from '../../proof/state.ts';
import * as L from '../../proof/long.ts';
import { pureIntrinsic } from '../../proof/metal/execution.ts';
import * as T from '../../proof/term.ts';
import { Analysis, eachNode } from '../analysis.ts';
import { A0, GP, RA, SP, decode } from '../instructions.ts';
import { INTRINSICS } from '../intrinsic-table.ts';
import { GP_OFFSET } from '../layout.ts';
import { SourceSide } from './contract.ts';
import { MachineSide } from './machine.ts';
import { NormalForm } from './normal.ts';
import { SAVED, asWord } from './paths.ts';
import { Places, checkLayout } from './places.ts';
import { Refused, UNKNOWN, address, constantInt, int } from './value.ts';
import type { Expression, Statement } from '../../proof/language.ts';
import type { Solve } from '../../proof/solver.ts';
import type { Term } from '../../proof/term.ts';
import type { Linked } from '../assemble.ts';
import type { Compilation } from '../compile.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { Callee } from './contract.ts';
import type { Goal, Pure } from './paths.ts';
import type { Value } from './value.ts';

export interface Verdict {
  readonly name: string;
  readonly instructions: number;
  readonly joins: number;
  readonly goals: number;
  /** Goals that were not the same term on both sides, and so were asked. */
  readonly asked: number;
  readonly milliseconds: number;
  /** Why the code is refused; undefined: it is the source. */
  readonly refused: string | undefined;
}

/** Intrinsics that give a place of the image. */
const PLACES = new Set(['text', 'symbol', 'port', 'addressOf']);
/** Rewritings in one question. */
const CERTIFIED_AT_ONCE = 100;

/** Seconds for goals together: then they are asked in two halves. */
const TOGETHER = 1.5;

interface Question {
  readonly term: Term;
  readonly what: string;
}
interface Open {
  readonly goals: readonly Question[];
  readonly hypotheses: readonly Term[];
  readonly total: number;
  readonly joins: number;
}

export class Validation {
  readonly compilation: Compilation;
  readonly linked: Linked;
  /** By (address - base) / 4. */
  readonly code: (MachineInstruction | undefined)[];
  readonly #contracts = new Map<string, Callee>();
  readonly #places: Places;
  readonly #called: ReadonlySet<number | undefined>;
  readonly #certifies: boolean;
  readonly #analysis: Analysis;
  /** Of the last function. */
  normal = new NormalForm();

  /** `certifies`: the normal form remembers its rewritings. Throws Refused when the layout is wrong. */
  constructor(compilation: Compilation, linked: Linked, certifies = false) {
    this.#certifies = certifies;
    this.compilation = compilation;
    this.linked = linked;
    const { unit, layout, functions } = compilation;
    checkLayout(layout, unit.program);
    this.#places = new Places(layout);
    const view = new DataView(linked.bytes.buffer, linked.bytes.byteOffset);
    this.code = Array.from({ length: (linked.codeEnd - linked.base) >> 2 }, (_, n) =>
      decode(view.getUint32(n * 4, true)),
    );
    const analysis = new Analysis(unit, functions, 0, 0);
    // What the code calls; everything else that it needs is built into it.
    const called = new Set<number | undefined>(
      this.code.map((i, n) => (i?.op === 'jal' ? linked.base + n * 4 + i.imm : undefined)),
    );
    this.#called = called;
    for (const name of functions) {
      if (!called.has(linked.symbols.get(name))) continue;
      const writes = analysis.writes(name);
      const result = unit.signatures.get(name)?.result ?? 'void';
      if (writes.size > 0 || this.#loops(name) || this.#acts(name)) this.#contracts.set(name, { writes, result });
    }
    this.#analysis = analysis;
    // What is reached by address is not reached by name: else an effect could change what is held for unchanged.
    for (const fn of unit.program.functions.values()) {
      eachNode(fn.body, (n) => {
        const e = n as Expression;
        if (e.kind === 'cell' && analysis.addressTaken.has(e.table))
          throw new Refused(`${e.table} by name and by address`);
      });
    }
  }
  /** Does more than compute: to the hart, or to memory. */
  #acts(name: string): boolean {
    let found = false;
    eachNode(this.compilation.unit.program.functions.get(name)?.body, (n) => {
      const e = n as Expression;
      if (e.kind !== 'call') return;
      if (INTRINSICS.has(e.name)) found ||= pureIntrinsic(e.name) === undefined && !PLACES.has(e.name);
      else found ||= this.#acts(e.name);
    });
    return found;
  }
  readonly #general = new Map<object, boolean>();
  /** A loop with a number of turns that is not constant, of none of the shapes that are followed turn by turn. */
  #isGeneral(loop: Statement & { readonly kind: 'for' }): boolean {
    let general = this.#general.get(loop);
    if (general === undefined) {
      general = this.#returnsAndWrites(loop) || this.#hasLoop(loop.body) || this.#writesElsewhere(loop);
      this.#general.set(loop, general);
    }
    return general;
  }
  #returnsAndWrites(loop: Statement & { readonly kind: 'for' }): boolean {
    let returns = false;
    eachNode(loop.body, (n) => (returns ||= (n as Statement).kind === 'return'));
    const own = [...this.#analysis.writtenIn(loop.body)].filter((f) => !this.#analysis.addressTaken.has(f));
    return (returns && own.length > 0) || this.#callsWriter(loop.body);
  }
  #callsWriter(statements: readonly Statement[]): boolean {
    let found = false;
    eachNode(statements, (n) => {
      const e = n as Expression;
      const contract = e.kind === 'call' ? this.#contracts.get(e.name) : undefined;
      if (contract !== undefined) found ||= [...contract.writes].some((f) => !this.#analysis.addressTaken.has(f));
    });
    return found;
  }
  /** Within, directly or in what is built in, is a loop of a number of turns that is not constant. */
  #hasLoop(statements: readonly Statement[]): boolean {
    let found = false;
    eachNode(statements, (n) => {
      const s = n as Statement | Expression;
      if (s.kind === 'for') found ||= !this.#isConstant(s);
      if (s.kind !== 'call' || INTRINSICS.has(s.name) || this.#contracts.has(s.name)) return;
      found ||= this.#hasLoop(this.compilation.unit.program.functions.get(s.name)?.body ?? []);
    });
    return found;
  }
  #isConstant({ from, to }: Statement & { readonly kind: 'for' }): boolean {
    const { constants } = this.compilation.unit.program;
    const constant = (e: Expression): number | undefined =>
      e.kind === 'int' ? e.value : e.kind === 'name' ? constants.get(e.name) : undefined;
    const [a, b] = [constant(from), constant(to)];
    return a !== undefined && b !== undefined && b - a <= 64;
  }
  /** A cell of which the index does not name the loop's own, or a local from outside. */
  #writesElsewhere(loop: Statement & { readonly kind: 'for' }): boolean {
    let elsewhere = false;
    const declared = new Set<string>();
    eachNode(loop.body, (n) => {
      const s = n as Statement;
      if (s.kind === 'declare') declared.add(s.name);
      if (s.kind === 'for') declared.add(s.index);
    });
    eachNode(loop.body, (n) => {
      const s = n as Statement | Expression;
      // What is built in writes where its own words say, which do not name this index.
      if (s.kind === 'call' && !INTRINSICS.has(s.name) && !this.#contracts.has(s.name)) {
        elsewhere ||= [...this.#analysis.writes(s.name)].some((f) => !this.#analysis.addressTaken.has(f));
      }
      if (s.kind !== 'assign') return;
      if (s.target.kind === 'local') elsewhere ||= !declared.has(s.target.name);
      if (s.target.kind === 'field') elsewhere = true;
      if (s.target.kind !== 'cell') return;
      elsewhere ||= !isIndexAndMore(s.target.index, loop.index);
    });
    return elsewhere;
  }
  #loops(name: string): boolean {
    let found = false;
    eachNode(
      this.compilation.unit.program.functions.get(name)?.body,
      (n) => (found ||= (n as Statement).kind === 'for'),
    );
    return found;
  }
  /** Tables that a function may read. */
  #reads(name: string): Set<string> {
    const found = new Set<string>();
    eachNode(this.compilation.unit.program.functions.get(name)?.body, (n) => {
      const e = n as Expression;
      if (e.kind === 'cell') found.add(e.table);
      if (e.kind === 'call') for (const table of this.#reads(e.name)) found.add(table);
    });
    return found;
  }
  /** Where a function begins, and where what follows it begins. */
  range(name: string): { readonly from: number; readonly to: number } {
    const { symbols, codeEnd } = this.linked;
    const from = symbols.get(name);
    if (from === undefined) throw new Refused(`no code of ${name}`);
    let to = codeEnd;
    for (const [other, at] of symbols) if (!other.includes('.') && at > from && at < to) to = at;
    return { from, to };
  }

  /**
   * Asks the solver for every rewriting of the normal form that the last function needed. Returns how many there were, and
   * those that are not proved.
   */
  async certify(solve: Solve): Promise<{ readonly count: number; readonly wrong: readonly string[] }> {
    const { rewritings } = this.normal;
    if (rewritings === undefined) throw new Error('the normal form was not asked to remember');
    const goals = [...rewritings].map(([before, after]) => T.eq(before, after)).filter((g) => g !== T.TRUE);
    const facts = this.normal.facts();
    const wrong: string[] = [];
    for (let n = 0; n < goals.length; n += CERTIFIED_AT_ONCE) {
      const some = goals.slice(n, n + CERTIFIED_AT_ONCE);
      const { verdict } = await solve([...facts, T.not(T.and(...some))]);
      if (verdict === 'unsat') continue;
      for (const goal of some) {
        const one = await solve([...facts, T.not(goal)]);
        if (one.verdict !== 'unsat') wrong.push(`${one.verdict}: ${T.show(goal)}`);
      }
    }
    return { count: goals.length, wrong };
  }
  async function_(name: string, solve: Solve): Promise<Verdict> {
    const begun = performance.now();
    const { from, to } = this.range(name);
    const verdict = (open: Pick<Open, 'total' | 'joins'>, asked: number, refused: string | undefined): Verdict => ({
      name, instructions: (to - from) / 4, joins: open.joins, goals: open.total, asked,
      milliseconds: performance.now() - begun, refused,
    }); // prettier-ignore
    T.forgetTerms();
    let open: Open;
    try {
      open = this.#open(name, from, to);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return verdict({ total: 0, joins: 0 }, 0, error.message);
    }
    const { goals, hypotheses } = open;
    if (goals.length === 0) return verdict(open, 0, undefined);
    return verdict(open, goals.length, await wrongGoal(goals, hypotheses, solve));
  }

  #open(name: string, from: number, to: number): Open {
    const { unit, layout } = this.compilation;
    const { program } = unit;
    const fn = program.functions.get(name);
    const signature = unit.signatures.get(name);
    if (fn === undefined || signature === undefined) throw new Refused(`no source of ${name}`);
    const state = State.any(program, 'S', () => false);
    const mine = state.copy();
    const registers: Value[] = Array.from({ length: 32 }, () => UNKNOWN);
    registers[0] = constantInt(0);
    registers[RA] = { kind: 'return' };
    registers[SP] = address('sp', 0, []);
    registers[GP] = address('gp', 0, []);
    for (const r of SAVED) registers[r] = { kind: 'saved', register: r };
    let argument = A0;
    const args = fn.parameters.map((parameter, i) => {
      const type = signature.parameters[i];
      if (type === 'state') return state;
      if (type === 'word') {
        const term = L.longVar(`argument.${parameter}`);
        registers[argument] = { kind: 'long', term };
        argument += 1;
        return term;
      }
      if (type !== 'int' && type !== 'bool') throw new Refused(`a parameter of type ${type}`);
      const term = type === 'int' ? T.wordVar(`argument.${parameter}`) : T.boolVar(`argument.${parameter}`);
      registers[argument] = int(asWord(term));
      argument += 1;
      return term;
    });
    const { symbols } = this.linked;
    const source = new SourceSide(program, 'source', this.#contracts, {
      addressOf: (table) => L.add64(L.longVar('gp'), L.long((layout.fields.get(table)?.offset ?? 0) - GP_OFFSET)),
      textAt: (kind, n) => {
        const text = unit.texts[n];
        const at = symbols.get(kind === 'text' ? `"${text}` : text);
        if (at === undefined) throw new Refused(`no ${text} in the image`);
        return L.long(at);
      },
      isGeneral: (loop) => this.#isGeneral(loop),
      writtenIn: (statements) => this.#analysis.writtenIn(statements),
    });
    const result = source.call(name, args);
    const normal = new NormalForm(this.#certifies);
    this.normal = normal;
    // What is found lies in the range: where that is empty, nothing is.
    for (const scan of source.scans) {
      normal.assume(T.not(scan.found), normal.not(normal.of(T.slt(scan.from, scan.to))));
    }
    const callees = new Map<number, { readonly name: string; readonly contract: Callee }>();
    for (const [callee, contract] of this.#contracts) {
      const at = this.linked.symbols.get(callee);
      if (at !== undefined) callees.set(at, { name: callee, contract });
    }
    const pure = new Map<number, Pure>();
    for (const other of this.compilation.functions) {
      const entry = this.linked.symbols.get(other);
      const types = unit.signatures.get(other)?.parameters ?? [];
      if (entry === undefined || this.#contracts.has(other) || !this.#called.has(entry)) continue;
      const are = (type: string): boolean[] => types.map((t) => t === type);
      const [states, booleans, longs] = [are('state'), are('bool'), are('word')];
      pure.set(entry, { name: other, states, booleans, longs, reads: this.#reads(other) });
    }
    const at = (pc: number): MachineInstruction | undefined =>
      pc % 4 === 0 ? this.code[(pc - this.linked.base) >> 2] : undefined;
    const machine = new MachineSide(
      { from, to, at, callees, pure },
      this.#places,
      source,
      normal,
      mine,
      this.#analysis.addressTaken,
    );
    machine.run(registers);
    if (machine.calls !== source.calls.length) throw new Refused('a call of the source is missing');
    if (machine.effects !== source.effects.length) throw new Refused('something that the source does is missing');
    if (machine.generals !== source.generals.length) throw new Refused('a loop of the source is missing');
    if (machine.scans !== source.scans.length) throw new Refused('a search of the source is missing');
    if (result !== undefined) {
      for (const { condition, value } of machine.results) {
        machine.check(condition, machine.equalsSource(value, result), 'result');
      }
    }
    machine.compareStates(T.TRUE, state, 'at the end');
    return this.#remaining(machine, source, normal);
  }
  /** The goals that neither the normal form nor a hypothesis settles word for word. */
  #remaining(machine: MachineSide, source: SourceSide, normal: NormalForm): Open {
    const known = new Map<Term, (readonly Term[])[]>();
    const settled = new Set<Term>();
    const hypotheses = source.obligations.map((o) => o.goal);
    for (const goal of hypotheses) {
      const whole = normal.of(goal);
      settled.add(whole);
      const parts = whole.op === 'or' ? whole.args : [whole];
      for (const part of parts) {
        const given = parts.filter((p) => p !== part).flatMap((p) => normal.conjuncts(normal.not(p)));
        for (const c of normal.conjuncts(part)) known.set(c, [...(known.get(c) ?? []), given]);
      }
    }
    // The last turn is one of the turns.
    for (const { condition, index, from, to } of source.generals) {
      hypotheses.push(T.implies(condition, T.and(T.sle(from, index), T.slt(index, to))));
    }
    for (const scan of source.scans) {
      hypotheses.push(
        T.implies(T.and(scan.reached, scan.found), T.and(T.sle(scan.from, scan.witness), T.slt(scan.witness, scan.to))),
      );
    }
    for (const { index, value } of machine.instances) {
      const depends = dependence(index);
      for (const { goal } of source.obligations) if (depends(goal)) hypotheses.push(T.substitute(goal, index, value));
    }
    const left = new Map<Term, string>();
    let total = 0;
    const settle = ({ condition, goal, what }: Goal): void => {
      const given = normal.conjuncts(normal.of(condition));
      const have = new Set(given);
      for (const c of normal.conjuncts(normal.of(this.#under(normal, normal.of(goal), have)))) {
        total += 1;
        if (c === T.TRUE || have.has(c)) continue;
        if (known.get(c)?.some((parts) => parts.every((p) => have.has(p))) === true) continue;
        const whole = normal.or([...given.map((g) => normal.not(g)), c]);
        if (whole !== T.TRUE && !settled.has(whole)) left.set(whole, what);
      }
    };
    machine.goals.forEach(settle);
    const goals = [...left].map(([term, what]) => ({ term, what }));
    return { goals, hypotheses, total, joins: machine.joins };
  }
  /** Both sides of an equality as they are where the condition holds. */
  #under(normal: NormalForm, goal: Term, known: ReadonlySet<Term>): Term {
    if (goal.op !== 'eq' || goal.args[0].sort === 'bool') return goal;
    const [a, b] = goal.args.map((t) => normal.under(t, known));
    return normal.equal(a, b);
  }
}

/** The first goal that is not so; undefined: all of them follow. */
async function wrongGoal(
  goals: readonly Question[],
  hypotheses: readonly Term[],
  solve: Solve,
): Promise<string | undefined> {
  const terms = goals.map((g) => g.term);
  const asked = [...hypotheses, T.not(T.and(...terms))];
  const { verdict, values } = goals.length > 1 ? await solve(asked, terms, TOGETHER) : await solve(asked, terms);
  if (verdict === 'unsat') return undefined;
  if (verdict === 'sat') return `${goals[values.indexOf(0)]?.what ?? 'a goal'} is not so`;
  if (goals.length === 1) return `${goals[0].what}: no answer`;
  const middle = goals.length >> 1;
  return (
    (await wrongGoal(goals.slice(0, middle), hypotheses, solve)) ??
    (await wrongGoal(goals.slice(middle), hypotheses, solve))
  );
}

/** The index alone is a summand, and the rest does not name it. */
function isIndexAndMore(e: Expression, index: string): boolean {
  const names = (x: Expression): boolean => {
    let found = false;
    eachNode(x, (n) => (found ||= (n as Expression & { name?: string }).name === index));
    return found;
  };
  if (e.kind === 'name') return e.name === index;
  if (e.kind !== 'binary' || e.op !== '+') return false;
  return names(e.left) ? !names(e.right) && isIndexAndMore(e.left, index) : isIndexAndMore(e.right, index);
}
/** Whether a term contains `variable`; of shared parts it is asked once. */
function dependence(variable: Term): (t: Term) => boolean {
  const known = new Map<Term, boolean>([[variable, true]]);
  const depends = (t: Term): boolean => {
    let result = known.get(t);
    if (result === undefined) {
      result = t.args.some(depends);
      known.set(t, result);
    }
    return result;
  };
  return depends;
}
