// The source side: the prover's executor, in which calls of functions that the machine code really calls are contracts.
// Such a callee is validated apart; at the call, guard, arguments and state must be the same on both sides, and what it
// writes and returns is then the same unknown on both.
import { Execution } from '../../proof/execute.ts';
import { Contents, State } from '../../proof/state.ts';
import * as T from '../../proof/term.ts';
import type { Value } from '../../proof/execute.ts';
import type { Program } from '../../proof/language.ts';
import type { Term } from '../../proof/term.ts';
import type { Type } from '../source.ts';

/** After a call that may have written the table, when `guard` holds. */
class Havoc extends Contents {
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
/** The n-th call of a function: what it leaves. */
export function havoc(state: State, callee: Callee, n: number, guard: Term): Term | undefined {
  for (const name of callee.writes) {
    const table = state.tables.get(name);
    if (table !== undefined) state.tables.set(name, new Havoc(table, guard, `${name}@${n}`));
    else state.fields.set(name, T.ite(guard, T.wordVar(`${name}@${n}`), state.field(name)));
  }
  if (callee.result === 'bool') return T.boolVar(`result@${n}`);
  return callee.result === 'void' ? undefined : T.wordVar(`result@${n}`);
}

export interface CallMade {
  readonly name: string;
  readonly guard: Term;
  readonly args: readonly Term[];
  readonly state: State | undefined;
}

export class SourceSide extends Execution {
  readonly calls: CallMade[] = [];
  readonly #contracts: ReadonlyMap<string, Callee>;
  #depth = 0;
  constructor(program: Program, label: string, contracts: ReadonlyMap<string, Callee>) {
    super(program, label);
    this.#contracts = contracts;
  }
  /** The unknown that stands for the index of the n-th loop (executor: LABEL.NAMEn), if anything was said of it. */
  indexOf(n: number): Term | undefined {
    if (this.#indices === undefined) {
      const found = new Map<number, Term>();
      const terms = [...this.obligations.map((o) => o.goal), ...this.trips.map((t) => t.turns)];
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
  override call(name: string, args: readonly Value[], condition: Term = T.TRUE): Term | undefined {
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
    this.calls.push({ name, guard: condition, args: terms, state: state?.copy() });
    if (state === undefined) throw new Error(`${name} has no state`);
    return havoc(state, contract, n, condition);
  }
}
