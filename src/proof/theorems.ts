// The theorems, for every action of the core: for every state, caller, argument and plan. None names an operation: the
// actions are read from the source, and what they are about from spec.ts.
import { Execution } from './execute.ts';
import { Question } from './question.ts';
import { State } from './state.ts';
import { FALSE, TRUE, and, eq, implies, not, or, sle, slt, substitute, word, wordVar } from './term.ts';
import type { Fn, Program } from './language.ts';
import type { Term } from './term.ts';

/** An operation of a partition (`step` with its number), or a function that the supervisor calls. */
export interface Action {
  readonly name: string;
  readonly fn: Fn;
  /** The operation's number; 'other': any that no operation has; undefined: no operation. */
  readonly op: number | 'other' | undefined;
}

function takesState(fn: Fn): boolean {
  return fn.parameters[0] === 'k' || fn.parameters[0] === '_k';
}
/** Every exported function of the core over a state, but for boot and what boot looks at (`wf_`); `step` by operation. */
export function actionsOf(program: Program): Action[] {
  return [...program.functions.values()]
    .filter((fn) => fn.file.name === 'core.ts' && fn.exported && takesState(fn))
    .filter((fn) => fn.name !== 'boot' && !fn.name.startsWith('wf_'))
    .flatMap((fn): Action[] => {
      if (!fn.parameters.includes('op')) return [{ name: fn.name, fn, op: undefined }];
      const operations = operationsOf(program).map(([name, op]) => ({ name: name.slice('OP_'.length), fn, op }));
      return [...operations, { name: 'OTHER', fn, op: 'other' }];
    });
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

/** Names of the fields and tables that have a view. All others are the plan. */
export function isPlan(program: Program): (name: string) => boolean {
  return (name) => !program.functions.has(`vis_${name}`) && !program.functions.has(`see_${name}`);
}

/** behaviour.ts has a word on the action. */
export function isSpecified(program: Program, action: Action): boolean {
  return [...program.functions.keys()].some((name) => name.startsWith(`${action.name}_`));
}

/** What the theorems of one action have in common. */
class Setting {
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
    return new Execution(this.program, label);
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
  /** A state in which the invariant holds. */
  state(name: string): State {
    const state = State.any(this.program, name, isPlan(this.program));
    const execution = this.execution(`inv${name}`);
    this.q.assume(execution.holds('invariant', state));
    this.q.assumeScans(execution);
    return state;
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
  goalSame(s: State, t: State, u: Term): void {
    for (const f of this.fields) this.q.goal(f, this.sameField(f, s, t, u));
    for (const table of this.tables) {
      const i = wordVar(`row.${table}`);
      this.q.goal(table, implies(this.q.inTable(table, i), this.sameCell(table, s, t, u, i)));
    }
  }

  // ---- the action
  get caller(): Term {
    const { fn } = this.#given;
    if (fn.parameters.includes('p')) return wordVar('p');
    if (!this.program.functions.has(`domain_${fn.name}`)) {
      throw new Error(`spec.ts must say whose action ${fn.name} is (domain_${fn.name})`);
    }
    return this.spec(`domain_${fn.name}`);
  }
  get #given(): Action {
    if (this.action === undefined) throw new Error('this theorem is about an action');
    return this.action;
  }
  run(before: State, label: string): { after: State; result: Term | undefined; execution: Execution } {
    const { fn, op } = this.#given;
    const after = before.copy();
    const execution = this.execution(label);
    if (op === 'other') {
      for (const [, number] of operationsOf(this.program)) this.q.assume(not(eq(wordVar('op'), word(number))));
    }
    const result = execution.call(fn.name, argumentsOf(this.#given, after));
    this.q.assumeScans(execution);
    this.q.runs.push({ before, after });
    return { after, result, execution };
  }
  /** behaviour.ts says what the action does. */
  get isSpecified(): boolean {
    return isSpecified(this.program, this.#given);
  }
  /** What behaviour.ts says of `name` (at `row`) after the action: the same as before, if nothing. */
  expected(name: string, before: State, row?: Term): Term {
    const { name: action, fn } = this.#given;
    const says = `${action}_${name}`;
    if (!this.program.functions.has(says)) return row === undefined ? before.field(name) : before.cell(name, row);
    const args = fn.parameters.slice(1).filter((p) => p !== 'op');
    return this.spec(says, before, ...args.map((p) => wordVar(p)), ...(row === undefined ? [] : [row]));
  }
  /** The predicate of an execution whose scans must find nothing. */
  goalHolds(label: string, predicate: string, state: State, condition: Term): void {
    const execution = this.execution('goal');
    let rest = execution.holds(predicate, state);
    for (const scan of execution.scans) {
      this.q.goal(`${label}: ${scan.where}`, implies(and(condition, scan.reached), not(scan.bad(scan.witness))));
      rest = substitute(rest, scan.found, FALSE);
    }
    this.q.goal(label, implies(condition, rest));
  }
}

export interface Theorem {
  readonly name: string;
  readonly says: string;
  /** 'action': one question for each; 'once': about boot or about spec.ts. */
  readonly of: 'action' | 'once';
  /** How many goals are asked in one query. Many small ones together are cheaper, a few hard ones are not. */
  readonly together: number;
  readonly ask: (program: Program, action?: Action) => Question;
}

/** A theorem about each action: `about` gets a setting with a plan that boot accepts and a state with the invariant. */
function ofAction(name: string, together: number, says: string, about: (x: Setting, s: State) => void): Theorem {
  const ask = (program: Program, action?: Action) => {
    const x = new Setting(program, action);
    x.assumePlan();
    about(x, x.state('S'));
    return x.q;
  };
  return { name, says, of: 'action', together, ask };
}
function once(name: string, together: number, says: string, about: (x: Setting) => void): Theorem {
  const ask = (program: Program) => {
    const x = new Setting(program, undefined);
    about(x);
    return x.q;
  };
  return { name, says, of: 'once', together, ask };
}
function goalObligations(q: Question, execution: Execution): void {
  for (const { goal, what, where } of execution.obligations) q.goal(`${what}: ${where}`, goal);
}

export const THEOREMS: readonly Theorem[] = [
  once('BOOT-SAFE', 24, 'boot computes within the tables and within 32 bits, whatever the plan holds', (x) => {
    const boot = x.execution('boot');
    boot.call('boot', [State.fresh(x.program, isPlan(x.program))]);
    x.q.assumeScans(boot);
    goalObligations(x.q, boot);
  }),
  once(
    'BOOT',
    4,
    'boot accepts such plans only as the specification says, and ends in the invariant; refusing, it changes nothing',
    (x) => {
      const before = State.fresh(x.program, isPlan(x.program));
      const after = before.copy();
      const boot = x.execution('boot');
      const result = boot.call('boot', [after]) ?? FALSE;
      x.q.assumeScans(boot);
      x.q.runs.push({ before, after });
      const accepted = eq(result, x.constant('OK'));
      x.goalHolds('plan', 'plan', after, accepted);
      x.goalHolds('invariant', 'invariant', after, accepted);
      for (const f of x.fields) x.q.goal(`refused: ${f}`, or(accepted, eq(after.field(f), before.field(f))));
      for (const t of x.tables) {
        const i = wordVar(`row.${t}`);
        x.q.goal(`refused: ${t}`, or(accepted, eq(after.cell(t, i), before.cell(t, i))));
      }
    },
  ),
  once('SPEC-SAFE', 24, 'the specification itself computes within the tables and within 32 bits', (x) => {
    x.assumePlan();
    const s = State.any(x.program, 'S', isPlan(x.program));
    for (const fn of x.program.functions.values()) {
      if (fn.file.name === 'core.ts' || !fn.exported || fn.name.startsWith('inv_')) continue;
      const execution = x.execution(fn.name);
      const args = fn.parameters.map((name, i) => (i === 0 && takesState(fn) ? s : wordVar(name)));
      const table = fn.name.replace(/^[a-zA-Z]+_/, '');
      const row = args.at(-1);
      const known = x.program.tables.has(table) && row !== undefined && !(row instanceof State);
      execution.call(fn.name, args);
      x.q.assumeScans(execution);
      for (const { goal, what, where } of execution.obligations) {
        x.q.goal(`${what}: ${where}`, known ? implies(x.q.inTable(table, row), goal) : goal);
      }
    }
  }),
  ofAction('SAFE', 24, 'every index in bounds, every sum exact in 32 bits, every path returns', (x, s) => {
    goalObligations(x.q, x.run(s, 'run').execution);
  }),
  ofAction('INV', 4, 'the invariant is kept', (x, s) => {
    x.goalHolds('invariant', 'invariant', x.run(s, 'run').after, TRUE);
  }),
  ofAction('OC', 1, 'output consistency: what a caller gets back depends only on what it sees', (x, s) => {
    const t = x.state('T');
    x.assumeSame(s, t, x.caller);
    const [a, b] = [x.run(s, 'runS'), x.run(t, 'runT')];
    if (a.result !== undefined && b.result !== undefined) x.q.goalEqual('result', a.result, b.result);
    for (const table of x.tables) {
      const length = `output_${table}`;
      if (!x.program.functions.has(length)) continue;
      const [m, n] = [x.spec(length, a.after), x.spec(length, b.after)];
      const i = wordVar(`row.${table}`);
      x.q.goal(length, eq(m, n));
      x.q.goal(
        `${length}: words`,
        implies(and(sle(word(0), i), slt(i, m)), eq(a.after.cell(table, i), b.after.cell(table, i))),
      );
    }
  }),
  ofAction(
    'WSC',
    4,
    'weak step consistency: what u sees afterwards depends only on what u and the caller saw',
    (x, s) => {
      const t = x.state('T');
      const u = wordVar('u');
      x.q.seed(u);
      x.q.assume(x.spec('flows', s, x.caller, u));
      x.assumeSame(s, t, u);
      x.assumeSame(s, t, x.caller);
      x.goalSame(x.run(s, 'runS').after, x.run(t, 'runT').after, u);
    },
  ),
  ofAction(
    'LR',
    4,
    'local respect: nothing changes in what u sees unless the policy lets the caller reach u',
    (x, s) => {
      const u = wordVar('u');
      x.q.seed(u);
      x.q.assume(not(x.spec('flows', s, x.caller, u)));
      x.goalSame(s, x.run(s, 'run').after, u);
    },
  ),
  ofAction('FRAME', 4, 'only such cells change as the caller may change', (x, s) => {
    const { after } = x.run(s, 'run');
    const c = x.caller;
    for (const f of x.fields) x.q.goal(f, or(x.spec(`may_${f}`, s, c), eq(s.field(f), after.field(f))));
    for (const t of x.tables) {
      const i = wordVar(`row.${t}`);
      x.q.goal(t, or(not(x.q.inTable(t, i)), x.spec(`may_${t}`, s, c, i), eq(s.cell(t, i), after.cell(t, i))));
    }
  }),
  ofAction('FSPEC', 4, 'results, and every cell afterwards, are as behaviour.ts says', (x, s) => {
    if (!x.isSpecified) return;
    const { after, result } = x.run(s, 'run');
    if (result !== undefined) x.q.goalEqual('result', result, x.expected('result', s));
    for (const f of x.fields) x.q.goal(f, eq(after.field(f), x.expected(f, s)));
    for (const t of x.tables) {
      const i = wordVar(`row.${t}`);
      x.q.goal(t, implies(x.q.inTable(t, i), eq(after.cell(t, i), x.expected(t, s, i))));
    }
  }),
  ofAction('POLICY', 1, 'no action adds a flow to the policy', (x, s) => {
    const { after } = x.run(s, 'run');
    const [a, b] = [wordVar('from'), wordVar('to')];
    x.q.goal('flows', implies(x.spec('flows', after, a, b), x.spec('flows', s, a, b)));
  }),
];
