// Translation validation: for every function that a program's machine code has, for every state and every argument, the
// code returns what the source returns and leaves every table and field as the source leaves it. Nothing of the compiler
// is trusted: the words are decoded here, the layout is checked, and the order of loops and calls is only a hint that must
// prove right. Assumed: theorem SAFE of the source (indices, exact sums, shift counts); that gp and sp are set as agreed,
// state and stack are apart and the stack is large enough; that no interrupt changes memory within.
import { State } from '../../proof/state.ts';
import * as T from '../../proof/term.ts';
import { Analysis, eachNode } from '../analysis.ts';
import { A0, GP, RA, SP, decode } from '../instructions.ts';
import { SourceSide } from './contract.ts';
import { MachineSide, SAVED, asWord } from './machine.ts';
import { NormalForm } from './normal.ts';
import { Places, checkLayout } from './places.ts';
import { Refused, UNKNOWN, address, constantInt, int } from './value.ts';
import type { Expression, Statement } from '../../proof/language.ts';
import type { Solve } from '../../proof/solver.ts';
import type { Term } from '../../proof/term.ts';
import type { Linked } from '../assemble.ts';
import type { Compilation } from '../compile.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { Callee } from './contract.ts';
import type { Goal, Pure } from './machine.ts';
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

interface Open {
  readonly goals: readonly { readonly term: Term; readonly what: string }[];
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

  /** Throws Refused when the layout is wrong. */
  constructor(compilation: Compilation, linked: Linked) {
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
    for (const name of functions) {
      const writes = analysis.writes(name);
      const result = unit.signatures.get(name)?.result ?? 'void';
      if (writes.size > 0 || this.#loops(name)) this.#contracts.set(name, { writes, result });
    }
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
    const all = await solve([...hypotheses, T.not(T.and(...goals.map((g) => g.term)))]);
    if (all.verdict === 'unsat') return verdict(open, goals.length, undefined);
    for (const { term, what } of goals) {
      const one = await solve([...hypotheses, T.not(term)]);
      if (one.verdict !== 'unsat') return verdict(open, goals.length, `${what}: ${one.verdict}`);
    }
    return verdict(open, goals.length, undefined);
  }

  #open(name: string, from: number, to: number): Open {
    const { unit } = this.compilation;
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
      if (type !== 'int' && type !== 'bool') throw new Refused(`a parameter of type ${type}`);
      const term = type === 'int' ? T.wordVar(`argument.${parameter}`) : T.boolVar(`argument.${parameter}`);
      registers[argument] = int(asWord(term));
      argument += 1;
      return term;
    });
    const source = new SourceSide(program, 'source', this.#contracts);
    const result = source.call(name, args);
    const normal = new NormalForm();
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
      if (entry === undefined || this.#contracts.has(other)) continue;
      const [states, booleans] = [types.map((t) => t === 'state'), types.map((t) => t === 'bool')];
      pure.set(entry, { name: other, states, booleans, reads: this.#reads(other) });
    }
    const at = (pc: number): MachineInstruction | undefined =>
      pc % 4 === 0 ? this.code[(pc - this.linked.base) >> 2] : undefined;
    const machine = new MachineSide({ from, to, at, callees, pure }, this.#places, source, normal, mine);
    machine.run(registers);
    if (machine.calls !== source.calls.length) throw new Refused('a call of the source is missing');
    if (machine.scans !== source.scans.length) throw new Refused('a search of the source is missing');
    if (result !== undefined) {
      for (const { condition, value } of machine.results) {
        if (value.kind !== 'int') throw new Refused('a result that is no int');
        machine.check(condition, T.eq(value.term, asWord(result)), 'result');
      }
    }
    machine.compareStates(T.TRUE, state, 'at the end');
    return this.#remaining(machine, source, normal);
  }
  /** The goals that neither the normal form nor a hypothesis settles word for word. */
  #remaining(machine: MachineSide, source: SourceSide, normal: NormalForm): Open {
    const known = new Map<Term, (readonly Term[])[]>();
    const hypotheses = source.obligations.map((o) => o.goal);
    for (const goal of hypotheses) {
      const whole = normal.of(goal);
      const parts = whole.op === 'or' ? whole.args : [whole];
      for (const part of parts) {
        const given = parts.filter((p) => p !== part).flatMap((p) => normal.conjuncts(normal.not(p)));
        for (const c of normal.conjuncts(part)) known.set(c, [...(known.get(c) ?? []), given]);
      }
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
        if (whole !== T.TRUE) left.set(whole, what);
      }
    };
    machine.goals.forEach(settle);
    const goals = [...left].map(([term, what]) => ({ term, what }));
    return { goals, hypotheses, total, joins: machine.joins };
  }
  /** Both sides of an equality as they are where the condition holds. */
  #under(normal: NormalForm, goal: Term, known: ReadonlySet<Term>): Term {
    if (goal.op !== 'eq' || goal.args[0].sort !== 'word') return goal;
    const [a, b] = goal.args.map((t) => normal.under(t, known));
    return normal.equal(a, b);
  }
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
