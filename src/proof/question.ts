// A question to the solver: hypotheses, of which some speak of every row of a table, and goals.
//
// What holds for every row is instantiated at the index terms that occur, again and again (`depth` rounds: new instances
// bring new indices). So the formulas have no quantifiers and do not grow with the tables. An instance that is missing can
// only make a goal unprovable, never a wrong one provable.
import { TRUE, and, eq, implies, not, or, sle, slt, walk, word } from './term.ts';
import { evaluator } from './evaluate.ts';
import type { Model } from './evaluate.ts';
import type { Execution } from './execute.ts';
import type { Program } from './language.ts';
import type { State } from './state.ts';
import type { Term } from './term.ts';

/** Rows of a table that a counterexample is checked at, at most. */
const ROWS_LOOKED_AT = 4096;

/** From so many choices on, two results are compared part by part. */
const LARGE = 16;

export interface Goal {
  readonly label: string;
  readonly term: Term;
}
/** Holds for every row of these domains, or at every index of this table. */
interface Fact {
  readonly domains: ReadonlySet<string>;
  readonly table: string | undefined;
  /** Rows from <= row < to; undefined: all of the table. */
  readonly range: { readonly from: Term; readonly to: Term } | undefined;
  readonly at: (row: Term) => Term;
}

export class Question {
  readonly program: Program;
  readonly hypotheses: Term[] = [];
  readonly goals: Goal[] = [];
  /** States that a counterexample is told with: before and after each run. */
  readonly runs: { readonly before: State; readonly after: State }[] = [];
  readonly #facts: Fact[] = [];
  readonly #seeds: Term[] = [];
  constructor(program: Program) {
    this.program = program;
  }

  assume(...terms: readonly Term[]): void {
    this.hypotheses.push(...terms);
  }
  goal(label: string, term: Term): void {
    if (term !== TRUE && !this.goals.some((g) => g.term === term)) this.goals.push({ label, term });
  }
  /**
   * a = b. Two large choices of the same shape (of an unrolled loop) are compared part by part: that is more than is needed,
   * and much easier.
   */
  goalEqual(label: string, a: Term, b: Term): void {
    const done = new Set<string>();
    const parts: Term[] = [];
    const compare = (x: Term, y: Term, condition: Term): void => {
      const key = `${x.id} ${y.id} ${condition.id}`;
      if (x === y || done.has(key)) return;
      done.add(key);
      const alike = x.op === y.op && x.args.length === y.args.length && x.args.length > 0;
      if (!alike || x.sort !== 'word' || x.op === 'cell') {
        parts.push(implies(condition, eq(x, y)));
      } else if (x.op === 'ite' && x.args[0] === y.args[0]) {
        compare(x.args[1], y.args[1], and(condition, x.args[0]));
        compare(x.args[2], y.args[2], and(condition, not(x.args[0])));
      } else {
        x.args.forEach((t, i) => compare(t, y.args[i], condition));
      }
    };
    compare(a, b, TRUE);
    if (parts.length < LARGE) this.goal(label, eq(a, b));
    else parts.forEach((part, i) => this.goal(`${label}, part ${i}`, part));
  }
  /** A row that instances are wanted of, though nothing reads a table there. */
  seed(row: Term): void {
    this.#seeds.push(row);
  }
  /** `at(i)` for every index of `table`. */
  assumeEverywhere(table: string, at: (index: Term) => Term): void {
    this.#facts.push({
      domains: new Set(),
      table,
      range: undefined,
      at: (index) => implies(this.inTable(table, index), at(index)),
    });
  }
  /** What is known of an execution's scan loops: that they find a row exactly if there is one. */
  assumeScans(execution: Execution): void {
    for (const { reached, found, witness, from, to, bad, domains } of execution.scans) {
      this.assume(implies(and(reached, found), bad(witness)));
      const at = (row: Term) => implies(and(reached, not(found), sle(from, row), slt(row, to)), not(bad(row)));
      this.#facts.push({ domains, table: undefined, range: { from, to }, at });
    }
  }
  inTable(table: string, index: Term): Term {
    return and(sle(word(0), index), slt(index, word(this.program.tables.get(table)?.size ?? 0)));
  }

  /** Satisfiable exactly if not all `goals` follow from what has been instantiated. `complete`: nothing was left out. */
  assertions(goals: readonly Goal[], depth: number): { readonly terms: Term[]; readonly complete: boolean } {
    const terms = [...this.hypotheses, or(...goals.map((g) => not(g.term)))];
    const done = new Set<string>();
    for (let round = 1; round <= depth; round++) {
      const byTable = new Map<string, Set<Term>>();
      walk(terms, (t) => {
        if (t.op !== 'cell') return;
        const table = tableOf(t.payload as string);
        const rows = byTable.get(table) ?? new Set();
        byTable.set(table, rows.add(t.args[0]));
      });
      const byDomain = new Map<string, Set<Term>>();
      for (const [table, { domain }] of this.program.tables) {
        const rows = byDomain.get(domain) ?? new Set(this.#seeds);
        for (const row of byTable.get(table) ?? []) rows.add(row);
        byDomain.set(domain, rows);
      }
      let added = 0;
      this.#facts.forEach((fact, i) => {
        const rows =
          fact.table === undefined
            ? [...fact.domains].flatMap((d) => [...(byDomain.get(d) ?? [])])
            : (byTable.get(fact.table) ?? []);
        for (const row of rows) {
          const key = `${i} ${row.id}`;
          if (done.has(key)) continue;
          done.add(key);
          const instance = fact.at(row);
          if (instance === TRUE) continue;
          terms.push(instance);
          added += 1;
        }
      });
      if (added === 0) return { terms, complete: true };
    }
    return { terms, complete: false };
  }
  /** Instances that a model of some instances does not satisfy. */
  violated(model: Model): Term[] {
    const value = evaluator(model);
    return this.#facts.flatMap(({ table, range, at }) => {
      let rows: Iterable<number> = [];
      if (range !== undefined) {
        const from = Number(value(range.from));
        const to = Math.min(Number(value(range.to)), from + ROWS_LOOKED_AT);
        rows = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
      } else if (table !== undefined) {
        // Where the model says nothing, both states hold 0.
        rows = new Set([...model.cells].flatMap(([name, cells]) => (tableOf(name) === table ? [...cells.keys()] : [])));
      }
      return [...rows].map((row) => at(word(row))).filter((instance) => value(instance) === false);
    });
  }
}

/** `S.state` is the table `state` in the state S. */
const tableOf = (name: string): string => name.slice(name.indexOf('.') + 1);
