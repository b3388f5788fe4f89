// The source side: the prover's executor, in which calls of functions that the machine code really calls are contracts.
// Such a callee is validated apart; at the call, guard, arguments and state must be the same on both sides, and what it
// writes and returns is then the same unknown on both.
import { Execution } from '../../proof/execute.ts';
import { Contents, State } from '../../proof/state.ts';
import * as L from '../../proof/long.ts';
import { pureIntrinsic } from '../../proof/metal/execution.ts';
import * as T from '../../proof/term.ts';
import { INTRINSICS } from '../intrinsic-table.ts';
import type { LastTurn, Value } from '../../proof/execute.ts';
import type { Fn, Program, Statement } from '../../proof/language.ts';
import type { Term } from '../../proof/term.ts';
import type { Type } from '../source.ts';

/** After a call that may have written the table, when `guard` holds. */
export class Havoc extends Contents {
  readonly before: Contents;
  readonly guard: Term;
  readonly name: string;
  constructor(before: Contents, guard: Term, name: string) {
    super();
    this.before = before;
    this.guard = guard;
    this.name = name;
  }
  protected override compute(index: Term): Term {
    return T.ite(this.guard, T.cell(this.name, index), this.before.read(index));
  }
}

export interface Callee {
  readonly writes: ReadonlySet<string>;
  readonly result: Type;
}
/** A value of this type that is not known: of each turn of a loop another one. */
export function unknownOf(type: Type | 'long', name: string, turn: Term | undefined): Term | undefined {
  if (type === 'void') return undefined;
  if (type === 'word' || type === 'long') return turn === undefined ? L.longVar(name) : L.cell64(name, turn);
  if (type !== 'bool') return turn === undefined ? T.wordVar(name) : T.cell(name, turn);
  return turn === undefined ? T.boolVar(name) : T.not(T.eq(T.cell(name, turn), T.word(0)));
}
/** The n-th call of a function: what it leaves. */
export function havoc(state: State, callee: Callee, n: number, guard: Term, turn?: Term): Term | undefined {
  forgetFields(state, callee.writes, `@${n}`, guard);
  return unknownOf(callee.result, `result@${n}`, turn);
}
export function forgetFields(state: State, fields: ReadonlySet<string>, suffix: string, guard: Term): void {
  for (const name of fields) {
    const table = state.tables.get(name);
    if (table !== undefined) state.tables.set(name, new Havoc(table, guard, `${name}${suffix}`));
    else if (state.fields.has(name))
      state.fields.set(name, T.ite(guard, T.wordVar(`${name}${suffix}`), state.field(name)));
  }
}
/** What a program does to the hart or to memory that is not its own: an intrinsic that does not only compute. */
export interface Effect {
  readonly name: string;
  readonly guard: Term;
  readonly args: readonly Term[];
  readonly result: Term | undefined;
  /** Calls that were made before it. */
  readonly calls: number;
}
const LONG_EFFECTS = new Set(['load64', 'csrRead']);
/** The result of the n-th effect. */
export function effectResult(name: string, n: number, turn: Term | undefined): Term | undefined {
  if (INTRINSICS.get(name)?.result !== true) return undefined;
  return unknownOf(LONG_EFFECTS.has(name) ? 'long' : 'int', `${name}@${n}`, turn);
}
/** A loop of which the last turn is executed: the state before the first one, and after the last. */
export interface GeneralLoop extends LastTurn {
  readonly condition: Term;
  readonly writes: ReadonlySet<string>;
  readonly before: State;
  after: { readonly condition: Term; readonly state: State } | undefined;
}
/** What of a program the source side needs beside its functions. */
export interface Surroundings {
  readonly addressOf: (table: string) => Term;
  /** Of a text's number. */
  readonly textAt: (name: string, text: number) => Term;
  readonly isGeneral: (loop: Statement & { readonly kind: 'for' }, fn: Fn) => boolean;
  readonly writtenIn: (statements: readonly Statement[]) => ReadonlySet<string>;
}

export interface CallMade {
  readonly name: string;
  readonly guard: Term;
  readonly args: readonly Term[];
  readonly state: State | undefined;
  /** Effects that came before it. */
  readonly effects: number;
}

export class SourceSide extends Execution {
  readonly calls: CallMade[] = [];
  readonly effects: Effect[] = [];
  readonly generals: GeneralLoop[] = [];
  readonly #contracts: ReadonlyMap<string, Callee>;
  readonly #surroundings: Surroundings;
  #depth = 0;
  constructor(program: Program, label: string, contracts: ReadonlyMap<string, Callee>, surroundings: Surroundings) {
    super(program, label);
    this.#contracts = contracts;
    this.#surroundings = surroundings;
  }
  /** An execution of what writes nothing and does nothing but compute. */
  within(label: string): SourceSide {
    const inner = new SourceSide(this.program, label, new Map(), this.#surroundings);
    inner.#depth = 1;
    return inner;
  }
  /** The unknown that stands for the index of the n-th loop (executor: LABEL.NAMEn), if anything was said of it. */
  indexOf(n: number): Term | undefined {
    if (this.#indices === undefined) {
      const found = new Map<number, Term>(this.generals.map((g) => [g.number, g.index]));
      const terms = [
        ...this.obligations.map((o) => o.goal),
        ...this.trips.map((t) => t.turns),
        ...this.scans.map((s) => s.bad),
        ...this.calls.flatMap((c) => [c.guard, ...c.args]),
        ...this.effects.flatMap((e) => [e.guard, ...e.args]),
      ];
      T.walk(terms, (t) => {
        if (t.op !== 'var' || t.sort !== 'word') return;
        const number = /^source\.[A-Za-z_$]\w*?(\d+)$/.exec(t.payload as string)?.[1];
        if (number !== undefined) found.set(Number(number), t);
      });
      this.#indices = found;
    }
    return this.#indices.get(n);
  }
  #indices: Map<number, Term> | undefined;
  protected override addressOf(table: string): Term {
    return this.#surroundings.addressOf(table);
  }
  protected override isGeneral(loop: Statement & { readonly kind: 'for' }, fn: Fn): boolean {
    return this.#surroundings.isGeneral(loop, fn);
  }
  protected override forget(
    loop: Statement & { readonly kind: 'for' },
    last: LastTurn,
    condition: Term,
    states: ReadonlySet<State>,
  ): void {
    const [state = NO_STATE] = states;
    const writes = this.#surroundings.writtenIn(loop.body);
    this.generals.push({ ...last, condition, writes, before: state.copy(), after: undefined });
    forgetFields(state, writes, `@loop${this.generals.length}`, condition);
  }
  protected override turned(condition: Term, states: ReadonlySet<State>): void {
    const [state = NO_STATE] = states;
    const open = this.generals.findLast((g) => g.after === undefined);
    if (open !== undefined) open.after = { condition, state: state.copy() };
  }
  /** SAFE says that it is exact; here both sides have the same. */
  protected override product(a: Term, b: Term, exact: (result: Term, condition: Term) => Term): Term {
    const result = T.mul(a, b);
    return exact(result, T.eq(L.sext(result), L.mul64(L.sext(a), L.sext(b))));
  }
  override call(name: string, args: readonly Value[], condition: Term = T.TRUE): Term | undefined {
    if (INTRINSICS.has(name)) return this.#intrinsic(name, args as readonly Term[], condition);
    const contract = this.#depth > 0 ? this.#contracts.get(name) : undefined;
    if (contract === undefined) {
      this.#depth += 1;
      const result = super.call(name, args, condition);
      this.#depth -= 1;
      return result;
    }
    const state = args.find((a) => a instanceof State);
    const n = this.calls.length;
    const terms = args.filter((a): a is Term => !(a instanceof State));
    this.calls.push({ name, guard: condition, args: terms, state: state?.copy(), effects: this.effects.length });
    // A function without a state writes none.
    return havoc(state ?? NO_STATE, contract, n, condition, this.turn);
  }
  #intrinsic(name: string, args: readonly Term[], guard: Term): Term | undefined {
    const pure = pureIntrinsic(name);
    if (pure !== undefined) return pure(args[0], args[1]);
    if (name === 'addressOf') return args[0];
    if (name === 'symbol' || name === 'text' || name === 'port') {
      return this.#surroundings.textAt(name, T.valueOf(args[0]) ?? -1);
    }
    const result = effectResult(name, this.effects.length, this.turn);
    this.effects.push({ name, guard, args, result, calls: this.calls.length });
    return result;
  }
}
const NO_STATE = new State(new Map(), new Map(), () => false);
