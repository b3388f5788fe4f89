// A question to the solver: hypotheses, of which some speak of every row of a table, and goals.
//
// What holds for every row is instantiated at the index terms that occur, again and again (`depth` rounds: new instances
// bring new indices). So the formulas have no quantifiers and do not grow with the tables. An instance that is missing can
// only make a goal unprovable, never a wrong one provable.
import {
  FALSE,
  TRUE,
  add,
  and,
  band,
  contains,
  eq,
  implies,
  learn,
  not,
  or,
  replaced,
  sar,
  sdiv,
  shl,
  sle,
  slt,
  substitute,
  valueOf,
  walk,
  word,
  wordVar,
} from './term.ts';
import { evaluator } from './evaluate.ts';
import type { Model } from './evaluate.ts';
import type { Execution, Pairs, Scan } from './execute.ts';
import type { Program } from './language.ts';
import type { State } from './state.ts';
import type { Term } from './term.ts';

/** Rows of a table that a counterexample is checked at, at most. */
const ROWS_LOOKED_AT = 4096;

/** From so many choices on, two results are compared part by part. */
const LARGE = 16;

/** The domain of the tables with a row for each partition. */
export const PARTITIONS = 'MAX_PARTITIONS';

export interface Goal {
  readonly label: string;
  readonly term: Term;
  /** Easy: asked together with all others that are. */
  readonly easy: boolean;
}
/** Holds for every row of these domains, for every pair of rows, or at every index of this table. */
interface Fact {
  readonly domains: ReadonlySet<string>;
  readonly pairs: Pairs | undefined;
  readonly table: string | undefined;
  /** Rows from <= row < to; undefined: all of the table. */
  readonly range: { readonly from: Term; readonly to: Term } | undefined;
  /** `row` is high * factor + low, if both are given. */
  readonly at: (row: Term, low?: Term) => Term;
}

/** What a scan looks for, at the pair of rows high and low; `inRange`: how it is said that they are rows of its. */
function atPair(scan: Scan, factor: number, high: Term, low: Term, inRange: (turns: Term) => Term): Term {
  const shift = word(Math.log2(factor));
  const by = new Map([
    [sar(scan.row, shift), high],
    [sdiv(scan.row, word(factor)), high],
    [band(scan.row, word(factor - 1)), low],
    [slt(scan.row, word(0)), FALSE],
    [scan.row, add(shl(high, shift), low)],
  ]);
  // As a rule the scan goes to n * factor, and row < n * factor is high < n.
  if (scan.to.op === 'shl' && scan.to.args[1] === shift) by.set(slt(scan.row, scan.to), inRange(scan.to.args[0]));
  return replaced(scan.bad, by);
}
/** Of a * factor + b: a and b. */
function apart(row: Term, factor: number): [Term, Term] | undefined {
  if (row.op !== 'add') return undefined;
  const isHigh = (t: Term) => t.op === 'shl' && valueOf(t.args[1]) === Math.log2(factor);
  const [x, y] = row.args;
  if (isHigh(x)) return [x.args[0], y];
  return isHigh(y) ? [y.args[0], x] : undefined;
}
/** n * factor has no more than 32 bits. */
const fits = (n: Term, factor: number): Term => and(sle(word(0), n), sle(n, word(Math.floor(0x7fff_ffff / factor))));
const isPair = (high: Term, low: Term, factor: number): Term =>
  and(sle(word(0), high), slt(high, word(Math.floor(0x7fff_ffff / factor))), sle(word(0), low), slt(low, word(factor)));

/** The parts of a conjunction, each simplified by those before it: of a, not (a and b) and c: a, not b, c. */
function conjuncts(term: Term): Term[] {
  const parts: Term[] = [];
  const known = new Map<Term, Term>();
  const collect = (part: Term): void => {
    const inner = part.op === 'not' ? part.args[0] : part;
    if (part.op === 'and') return part.args.forEach(collect);
    if (part.op === 'not' && inner.op === 'or') return inner.args.forEach((t) => collect(not(t)));
    const rest = replaced(part, known);
    if (rest !== part) return collect(rest);
    if (part === TRUE) return;
    learn(known, part);
    parts.push(part);
  };
  collect(term);
  return parts;
}

/** Where it is said that the row of a goal is another term's, that term is put in its place. */
function atItsRow(refuted: Term, known: ReadonlyMap<Term, Term>): Term {
  const isRow = (t: Term) => t.op === 'var' && String(t.payload).startsWith('row.');
  let parts = conjuncts(refuted);
  for (;;) {
    const equation = parts.find((p) => p.op === 'eq' && p.args.some(isRow));
    if (equation === undefined) return and(...parts);
    const [row, other] = isRow(equation.args[0]) ? equation.args : [equation.args[1], equation.args[0]];
    if (contains(other, row)) return and(...parts);
    parts = conjuncts(and(...parts.map((p) => replaced(substitute(p, row, other), known))));
  }
}

/** Unknowns of which a goal presupposes whether they hold. */
function granted(goal: Goal): Map<Term, Term> {
  const literals = new Map<Term, Term>();
  for (const part of conjuncts(not(goal.term))) {
    if (part.op === 'var') literals.set(part, TRUE);
    else if (part.op === 'not' && part.args[0].op === 'var') literals.set(part.args[0], FALSE);
  }
  return literals;
}
/** Goals with the same key presuppose the same. */
export function keyOf(goal: Goal): string {
  return [...granted(goal)]
    .map(([t, value]) => `${t.id} ${value.op}`)
    .toSorted()
    .join();
}

export class Question {
  readonly program: Program;
  readonly hypotheses: Term[] = [];
  readonly goals: Goal[] = [];
  /** States that a counterexample is told with: before and after each run. */
  readonly runs: { readonly before: State; readonly after: State }[] = [];
  readonly #facts: Fact[] = [];
  readonly #seeds: Term[] = [];
  /** What hypotheses say: TRUE or FALSE. */
  readonly #known = new Map<Term, Term>();
  constructor(program: Program) {
    this.program = program;
  }

  assume(...terms: readonly Term[]): void {
    for (const term of terms) {
      for (const part of conjuncts(replaced(term, this.#known))) {
        const inner = part.op === 'not' ? part.args[0] : part;
        this.#known.set(inner, part === inner ? TRUE : FALSE);
        if (part.op === 'eq') this.#learnEquation(part.args[0], part.args[1]);
        if (part.op === 'slt') this.#learnBound(part.args[0], part.args[1]);
        // An unknown is gone from all that follows; what else is known still has to be said to the solver.
        if (inner.op !== 'var') this.hypotheses.push(part);
      }
    }
  }
  /** What the second state has in common with the first is written as the first's: most of a second run is then the same term. */
  #learnEquation(a: Term, b: Term): void {
    const name = (t: Term) => (t.op === 'var' || t.op === 'cell' ? String(t.payload) : '');
    const [first, second] = name(a) < name(b) ? [a, b] : [b, a];
    if (name(first).startsWith('S.') && name(second) === name(first).replace('S.', 'T.'))
      this.#known.set(second, first);
  }
  /** a < b and b <= n, a constant: a < n. */
  #learnBound(a: Term, b: Term): void {
    for (const [t, value] of this.#known) {
      if (value === FALSE && t.op === 'slt' && t.args[1] === b && valueOf(t.args[0]) !== undefined) {
        this.#known.set(slt(a, t.args[0]), TRUE);
      }
    }
  }
  /** `easy`: a solver is expected to see it at once. */
  goal(label: string, term: Term, easy = false): void {
    if (term !== TRUE && !this.goals.some((g) => g.term === term)) this.goals.push({ label, term, easy });
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
    else parts.forEach((part, i) => this.goal(`${label}, part ${i}`, part, true));
  }
  /** A partition that instances are wanted of, though nothing reads a table there. */
  seed(partition: Term): void {
    this.#seeds.push(partition);
  }
  /** `at(i)` for every index of `table`. */
  assumeEverywhere(table: string, at: (index: Term) => Term): void {
    this.#facts.push({
      domains: new Set(),
      pairs: undefined,
      table,
      range: undefined,
      at: (index) => implies(this.inTable(table, index), at(index)),
    });
  }
  /** What is known of an execution's scan loops: that they find a row exactly if there is one. */
  assumeScans(execution: Execution): void {
    for (const scan of execution.scans) {
      const { found, witness, from, to, row, pairs, domains } = scan;
      const reached = replaced(scan.reached, this.#known);
      const bad = replaced(scan.bad, this.#known);
      const isFound = this.#known.get(found) ?? found;
      this.assume(implies(and(reached, isFound), substitute(bad, row, witness)));
      const none = and(reached, not(isFound));
      const at = (high: Term, low?: Term): Term => {
        if (pairs === undefined)
          return implies(and(none, sle(from, high), slt(high, to)), not(substitute(bad, row, high)));
        const { factor } = pairs;
        if (low === undefined) {
          // A row that is put together is taken apart again at once, not by the solver.
          const parts = apart(high, factor);
          if (parts !== undefined) return at(...parts);
          return implies(and(none, sle(from, high), slt(high, to)), not(substitute(bad, row, high)));
        }
        const inRange = (n: Term) => and(slt(high, n), fits(n, factor));
        return implies(and(none, isPair(high, low, factor)), not(atPair({ ...scan, bad }, factor, high, low, inRange)));
      };
      // Of pairs, if there is no table with a row for each.
      const both = domains.size === 0 ? pairs : undefined;
      if (none !== FALSE) this.#facts.push({ domains, pairs: both, table: undefined, range: { from, to }, at });
    }
  }
  /** That a scan finds nothing, of one row. */
  notFound(scan: Scan): Term {
    if (scan.pairs === undefined) return not(substitute(scan.bad, scan.row, scan.witness));
    const { factor } = scan.pairs;
    const [high, low] = [wordVar(`${scan.witness.payload}high`), wordVar(`${scan.witness.payload}low`)];
    const inRange = (n: Term) => or(slt(high, n), not(fits(n, factor)));
    return implies(isPair(high, low, factor), not(atPair(scan, factor, high, low, inRange)));
  }
  inTable(table: string, index: Term): Term {
    return and(sle(word(0), index), slt(index, word(this.program.tables.get(table)?.size ?? 0)));
  }

  /** The goals that are left when all that is known has been put into them, at the rows that they are about. */
  remaining(): Goal[] {
    return this.goals
      .map((goal) => ({ ...goal, term: not(atItsRow(replaced(not(goal.term), this.#known), this.#known)) }))
      .filter((goal) => goal.term !== TRUE);
  }
  /** Satisfiable exactly if not all `goals` follow from what has been instantiated. `complete`: nothing was left out. */
  assertions(goals: readonly Goal[], depth: number): { readonly terms: Term[]; readonly complete: boolean } {
    // What all goals may take for granted: a scan that has found nothing, for example. All else is simplified by it.
    const [first = new Map<Term, Term>(), ...others] = goals.map(granted);
    const unknowns = new Map([...first].filter(([t, value]) => others.every((o) => o.get(t) === value)));
    const known = new Map([...this.#known, ...unknowns]);
    const goal = replaced(or(...goals.map((g) => not(g.term))), known);
    const terms = [...this.hypotheses.map((t) => replaced(t, unknowns)), goal].filter((t) => t !== TRUE);
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
        const rows = byDomain.get(domain) ?? new Set(domain === PARTITIONS ? this.#seeds : []);
        for (const row of byTable.get(table) ?? []) rows.add(row);
        byDomain.set(domain, rows);
      }
      let added = 0;
      this.#facts.forEach((fact, i) => {
        const rowsOf = (domains: ReadonlySet<string>) => [...domains].flatMap((d) => [...(byDomain.get(d) ?? [])]);
        const put = (row: Term, low?: Term): void => {
          const key = low === undefined ? `${i} ${row.id}` : `${i} ${row.id} ${low.id}`;
          if (done.has(key)) return;
          done.add(key);
          const instance = replaced(fact.at(row, low), known);
          if (instance === TRUE) return;
          terms.push(instance);
          added += 1;
        };
        if (fact.pairs !== undefined) {
          const low = rowsOf(fact.pairs.low);
          for (const high of rowsOf(fact.pairs.high)) for (const other of low) put(high, other);
        } else {
          const rows = fact.table === undefined ? rowsOf(fact.domains) : (byTable.get(fact.table) ?? []);
          for (const row of rows) put(row);
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
      return [...rows].map((row) => at(word(row), undefined)).filter((instance) => value(instance) === false);
    });
  }
}

/** `S.state` is the table `state` in the state S. */
const tableOf = (name: string): string => name.slice(name.indexOf('.') + 1);
