// What theorems are asked about: the actions of the core, read from its source, and a question about one of them with its
// plan, its states and its caller.
import { Execution } from './execute.ts';
import { PARTITIONS, Question } from './question.ts';
import { State } from './state.ts';
import { FALSE, TRUE, and, eq, implies, not, replaced, substitute, word, wordVar } from './term.ts';
import type { Fn, Program } from './language.ts';
import type { Term } from './term.ts';

/** An operation of a partition (`step` with its number), or a function that the supervisor calls. */
export interface Action {
  readonly name: string;
  readonly fn: Fn;
  /** The operation's number; 'other': any that no operation has; undefined: no operation. */
  readonly op: number | 'other' | undefined;
}

export function takesState(fn: Fn): boolean {
  return fn.parameters[0] === 'k' || fn.parameters[0] === '_k';
}
/** Every exported function of the core over a state, but for boot and what boot looks at (`wf_`); `step` by operation. */
export function actionsOf(program: Program): Action[] {
  return [...program.functions.values()]
    .filter((fn) => fn.file.name === 'core.ts' && fn.exported && takesState(fn))
    .filter((fn) => fn.name !== 'boot' && !fn.name.startsWith('wf_'))
    .flatMap((fn): Action[] => {
      if (!fn.parameters.includes('op')) return [{ name: fn.name, fn, op: undefined }];
      const operations = operationsOf(program).map(([name, op]) => ({
        name: name.slice('OP_'.length),
        fn,
        op,
      }));
      return [...operations, { name: 'OTHER', fn, op: 'other' }];
    });
}
/** The functions of the specification that are asked about by themselves; those of the invariant are called by it. */
export function specificationOf(program: Program): Action[] {
  return [...program.functions.values()]
    .filter((fn) => fn.file.name !== 'core.ts' && fn.exported && !fn.name.startsWith('inv_'))
    .map((fn) => ({ name: fn.name, fn, op: undefined }));
}
/** An action on `state`, its other arguments unknown but for the operation's number. */
export function argumentsOf({ fn, op }: Action, state: State): (Term | State)[] {
  return fn.parameters.map((name, i): Term | State => {
    if (i === 0) return state;
    return name === 'op' && typeof op === 'number' ? word(op) : wordVar(name);
  });
}
function operationsOf(program: Program): [name: string, op: number][] {
  return [...program.constants].filter(([name]) => name.startsWith('OP_'));
}

/** The operation is none of those that there are. */
export function assumeOther(program: Program, execution: Execution): void {
  for (const [, number] of operationsOf(program)) execution.unequal.add(eq(wordVar('op'), word(number)));
}

/** Names of the fields and tables that have a view. All others are the plan. */
export function isPlan(program: Program): (name: string) => boolean {
  return (name) => !program.functions.has(`vis_${name}`) && !program.functions.has(`see_${name}`);
}

/** Nothing has been written to the table. */
export const isUntouched = (table: string, after: State, before: State): boolean =>
  after.tables.get(table) === before.tables.get(table);

/** behaviour.ts has a word on the action; on numbers that no operation has, that of all operations. */
export function isSpecified(program: Program, action: Action): boolean {
  return [...program.functions.values()].some(
    (fn) =>
      fn.file.name === 'behaviour.ts' && fn.name.startsWith(`${action.op === 'other' ? action.fn.name : action.name}_`),
  );
}

/** What the theorems of one action have in common. */
export class Setting {
  readonly program: Program;
  readonly action: Action | undefined;
  readonly q: Question;
  readonly tables: readonly string[];
  readonly fields: readonly string[];
  #executions = 0;
  constructor(program: Program, action: Action | undefined) {
    this.program = program;
    this.action = action;
    this.q = new Question(program);
    const plan = isPlan(program);
    this.tables = [...program.tables.keys()].filter((t) => !plan(t));
    this.fields = [...program.fields.keys()].filter((f) => !plan(f));
  }
  execution(label: string): Execution {
    const execution = new Execution(this.program, label);
    if (this.action?.op === 'other') assumeOther(this.program, execution);
    return execution;
  }
  /** Value of a function of spec.ts. */
  spec(name: string, ...args: readonly (Term | State)[]): Term {
    const execution = this.execution(`spec${(this.#executions += 1)}`);
    const result = execution.call(name, args);
    if (result === undefined) throw new Error(`${name} gives no value`);
    this.q.assumeScans(execution);
    return result;
  }
  constant(name: string): Term {
    const value = this.program.constants.get(name);
    if (value === undefined) throw new Error(`no constant ${name}`);
    return word(value);
  }

  // ---- hypotheses
  /** The plan is one that boot accepts: its validator is the hypothesis. */
  assumePlan(): void {
    const boot = this.execution('boot');
    const result = boot.call('boot', [State.fresh(this.program, isPlan(this.program))]);
    this.q.assume(eq(result ?? FALSE, this.constant('OK')));
    this.q.assumeScans(boot);
  }
  /** A state in which the invariant holds. `public`: with what everybody sees as in the state S. */
  state(name: string, shares?: 'public'): State {
    const isShared = (field: string) => shares === 'public' && this.#visible(field) === TRUE;
    const state = State.any(this.program, name, isPlan(this.program), isShared);
    const execution = this.execution(`inv${name}`);
    this.q.assume(execution.holds('invariant', state));
    this.q.assumeScans(execution);
    return state;
  }
  /** The caller is a partition that there is. What happens if not: theorem NOBODY. */
  assumeCaller(s: State): void {
    if (this.parameter('p') !== undefined) this.q.assume(this.spec('isKnown', s, wordVar('p')));
  }
  /** The caller sees the same in both. */
  assumeCallerSame(s: State, t: State): void {
    this.assumeSame(s, t, this.caller);
    const p = this.parameter('p');
    if (p === undefined) return;
    for (const table of this.tables.filter((name) => this.program.tables.get(name)?.domain === PARTITIONS)) {
      this.q.assume(implies(this.q.inTable(table, p), this.sameCell(table, s, t, p, p)));
    }
  }
  assumeSame(s: State, t: State, u: Term): void {
    for (const f of this.fields) this.q.assume(this.sameField(f, s, t, u));
    for (const table of this.tables) this.q.assumeEverywhere(table, (i) => this.sameCell(table, s, t, u, i));
  }

  // ---- views
  sameField(field: string, s: State, t: State, u: Term): Term {
    return this.#same(field, [s, s.field(field)], [t, t.field(field)], [u]);
  }
  sameCell(table: string, s: State, t: State, u: Term, i: Term): Term {
    return this.#same(table, [s, s.cell(table, i)], [t, t.cell(table, i)], [u, i]);
  }
  /** Sees the same: the same part of it, or it is visible in both or in neither, and, if visible, the same. */
  #same(name: string, [s, a]: [State, Term], [t, b]: [State, Term], at: readonly Term[]): Term {
    if (this.program.functions.has(`see_${name}`)) {
      return eq(this.spec(`see_${name}`, s, ...at), this.spec(`see_${name}`, t, ...at));
    }
    const visible = this.spec(`vis_${name}`, s, ...at);
    return and(eq(visible, this.spec(`vis_${name}`, t, ...at)), implies(visible, eq(a, b)));
  }
  /** u sees the same in s and t, into which the actions turned `before`. */
  goalSame(s: State, t: State, u: Term, before: readonly [State, State]): void {
    for (const f of this.fields) {
      const untouched = s.field(f) === before[0].field(f) && t.field(f) === before[1].field(f);
      this.q.goal(f, this.sameField(f, s, t, u), untouched);
    }
    for (const table of this.tables) {
      const i = wordVar(`row.${table}`);
      const untouched = isUntouched(table, s, before[0]) && isUntouched(table, t, before[1]);
      this.q.goal(table, implies(this.q.inTable(table, i), this.sameCell(table, s, t, u, i)), untouched);
    }
  }

  /** boot of a new state, with any plan. */
  boot(): { before: State; after: State; accepted: Term; result: Term; execution: Execution } {
    const before = State.fresh(this.program, isPlan(this.program));
    const after = before.copy();
    const execution = this.execution('boot');
    const result = execution.call('boot', [after]) ?? FALSE;
    this.q.runs.push({ before, after });
    return { before, after, accepted: eq(result, this.constant('OK')), result, execution };
  }

  // ---- the action
  get caller(): Term {
    const { fn } = this.given;
    if (fn.parameters.includes('p')) return wordVar('p');
    if (!this.program.functions.has(`domain_${fn.name}`)) {
      throw new Error(`spec.ts must say whose action ${fn.name} is (domain_${fn.name})`);
    }
    return this.spec(`domain_${fn.name}`);
  }
  get given(): Action {
    if (this.action === undefined) throw new Error('this theorem is about an action');
    return this.action;
  }
  run(before: State, label: string): { after: State; result: Term | undefined; execution: Execution } {
    const { fn, op } = this.given;
    const after = before.copy();
    const execution = this.execution(label);
    if (op === 'other') {
      for (const [, number] of operationsOf(this.program)) {
        this.q.assume(not(eq(wordVar('op'), word(number))));
      }
    }
    const result = execution.call(fn.name, argumentsOf(this.given, after));
    this.q.assumeScans(execution);
    this.q.runs.push({ before, after });
    return { after, result, execution };
  }
  /** behaviour.ts says what the action does. */
  get isSpecified(): boolean {
    return isSpecified(this.program, this.given);
  }
  /** What behaviour.ts says of `name` (at `row`) after the action: the same as before, if nothing. */
  expected(name: string, before: State, row?: Term): Term {
    const { name: action, fn } = this.given;
    const says = [`${action}_${name}`, `${fn.name}_${name}`].find((f) => this.program.functions.has(f));
    if (says !== undefined) return this.about(says, before, undefined, undefined, row);
    return row === undefined ? before.field(name) : before.cell(name, row);
  }
  /** The action's own parameter. */
  parameter(name: string): Term | undefined {
    return this.given.fn.parameters.includes(name) ? wordVar(name) : undefined;
  }
  /** Functions whose names begin so. */
  named(prefix: string): string[] {
    return [...this.program.functions.keys()].filter((name) => name.startsWith(prefix));
  }
  /** u sees the cell. */
  sees(table: string, s: State, u: Term, row: Term): Term {
    const part = this.program.functions.has(`see_${table}`);
    return part ? not(eq(this.spec(`see_${table}`, s, u, row), word(0))) : this.spec(`vis_${table}`, s, u, row);
  }
  /** Names of the fields and tables that some domain may see: the others are scratch of one action. */
  isSeen(name: string): boolean {
    return this.#visible(name) !== FALSE;
  }
  /** TRUE: to everybody; FALSE: to nobody. */
  #visible(name: string): Term | undefined {
    if (!this.program.functions.has(`vis_${name}`)) return undefined;
    const row = this.program.tables.has(name) ? [wordVar('row')] : [];
    const any = State.any(this.program, 'S', isPlan(this.program));
    return this.spec(`vis_${name}`, any, wordVar('anybody'), ...row);
  }
  /**
   * A function of order.ts or behaviour.ts, which names what it needs: the state (first), the state `after`, the `result`, a
   * row (`i`), parameters of the action. All others are any number.
   */
  about(name: string, before: State, after?: State, result?: Term, row?: Term): Term {
    const { fn, op } = this.given;
    const parameters = this.program.functions.get(name)?.parameters ?? [];
    const args = parameters.map((parameter, i): Term | State => {
      if (i === 0) return before;
      if (parameter.replace('_', '') === 'after' && after !== undefined) return after;
      if (parameter === 'result' && result !== undefined) return result;
      if (parameter === 'i' && row !== undefined) return row;
      if (parameter === 'op' && typeof op === 'number') return word(op);
      return wordVar(fn.parameters.includes(parameter) ? parameter : `any.${parameter}`);
    });
    return this.spec(name, ...args);
  }
  /** The predicate of `state`, whose scans must find nothing. `before`: a state of which it is known. */
  goalHolds(label: string, predicate: string, state: State, condition: Term, before?: State): void {
    const known = new Set(before === undefined ? [] : this.#parts(predicate, before).map((part) => part.term));
    for (const { where, term } of this.#parts(predicate, state)) {
      this.q.goal(`${label} ${where}`.trim(), implies(condition, term), known.has(term));
    }
  }
  #parts(predicate: string, state: State): { where: string; term: Term }[] {
    const execution = this.execution('goal');
    let rest = execution.holds(predicate, state);
    const parts = execution.scans.map((scan) => {
      rest = substitute(rest, scan.found, FALSE);
      return { where: scan.where, term: implies(scan.reached, this.q.notFound(scan)) };
    });
    // A scan is reached if those before it have found nothing.
    const none = new Map(execution.scans.map((scan) => [scan.found, FALSE]));
    return [...parts.map(({ where, term }) => ({ where, term: replaced(term, none) })), { where: '', term: rest }];
  }
}
