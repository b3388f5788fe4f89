// The theorems, for every action of the core: for every state, caller, argument and plan. None names an operation: the
// actions are read from the source, and what they are about from spec.ts and order.ts.
import { Setting, actionsOf, isPlan, isUntouched, specificationOf, takesState } from './setting.ts';
import { State } from './state.ts';
import { FALSE, TRUE, and, eq, implies, not, or, sle, slt, wordVar, word } from './term.ts';
import type { Execution } from './execute.ts';
import type { Program } from './language.ts';
import type { Question } from './question.ts';
import type { Action } from './setting.ts';
import type { Term } from './term.ts';

export interface Theorem {
  readonly name: string;
  readonly says: string;
  /** One question for each action, one about boot or all states, or one for each function of the specification. */
  readonly of: 'action' | 'once' | 'specification';
  readonly ask: (program: Program, action?: Action) => Question;
}

/** A theorem about each action: `about` gets a setting with a plan that boot accepts and a state with the invariant. */
function ofAction(name: string, says: string, about: (x: Setting, s: State) => void): Theorem {
  const ask = (program: Program, action?: Action) => {
    const x = new Setting(program, action);
    x.assumePlan();
    about(x, x.state('S'));
    return x.q;
  };
  return { name, says, of: 'action', ask };
}
function once(name: string, says: string, about: (x: Setting) => void): Theorem {
  const ask = (program: Program) => {
    const x = new Setting(program, undefined);
    about(x);
    return x.q;
  };
  return { name, says, of: 'once', ask };
}
function goalObligations(q: Question, execution: Execution): void {
  for (const { goal, what, where } of execution.obligations) q.goal(`${what}: ${where}`, goal, true);
}

export const THEOREMS: readonly Theorem[] = [
  once('BOOT-SAFE', 'boot computes within the tables and within 32 bits, whatever the plan holds', (x) => {
    const boot = x.execution('boot');
    boot.call('boot', [State.fresh(x.program, isPlan(x.program))]);
    x.q.assumeScans(boot);
    goalObligations(x.q, boot);
  }),
  once(
    'BOOT',
    'boot accepts only such plans as the specification says, ends in the invariant, as behaviour.ts says',
    (x) => {
      const { before, after, accepted, execution } = x.boot();
      x.q.assume(accepted);
      x.q.assumeScans(execution);
      x.goalHolds('plan', 'plan', after, TRUE);
      x.goalHolds('invariant', 'invariant', after, TRUE);
      if (!x.program.functions.has('boot_sysMode')) return;
      const said = (name: string, was: Term, ...row: Term[]) =>
        x.program.functions.has(`boot_${name}`) ? x.spec(`boot_${name}`, before, ...row) : was;
      for (const f of x.fields) x.q.goal(f, eq(after.field(f), said(f, before.field(f))), true);
      for (const t of x.tables) {
        const i = wordVar(`row.${t}`);
        x.q.goal(t, implies(x.q.inTable(t, i), eq(after.cell(t, i), said(t, before.cell(t, i), i))), true);
      }
    },
  ),
  once(
    'REFUSED',
    'a plan that boot refuses, or that comes when the system runs: E_PLAN, and nothing is changed',
    (x) => {
      const { before, after, accepted, result, execution } = x.boot();
      x.q.assumeScans(execution);
      const refusal = x.constant('E_PLAN');
      x.q.goal('result', or(accepted, eq(result, refusal)));
      const running = State.any(x.program, 'S', isPlan(x.program));
      const then = running.copy();
      const again = x.execution('again').call('boot', [then]) ?? FALSE;
      const isOff = eq(running.field('sysMode'), x.constant('SYS_OFF'));
      x.q.goal('running: result', or(isOff, eq(again, refusal)));
      for (const f of x.fields) x.q.goal(`running: ${f}`, or(isOff, eq(then.field(f), running.field(f))), true);
      for (const t of x.tables) {
        const i = wordVar(`row.${t}`);
        x.q.goal(`running: ${t}`, or(isOff, eq(then.cell(t, i), running.cell(t, i))), true);
      }
      for (const f of x.fields) x.q.goal(f, or(accepted, eq(after.field(f), before.field(f))), true);
      for (const t of x.tables) {
        const i = wordVar(`row.${t}`);
        x.q.goal(t, or(accepted, eq(after.cell(t, i), before.cell(t, i))), true);
      }
    },
  ),
  {
    name: 'SPEC-SAFE',
    says: 'the specification itself computes within the tables and within 32 bits',
    of: 'specification',
    ask: (program, action) => {
      const x = new Setting(program, action);
      const fn = x.given.fn;
      x.assumePlan();
      // What spec.ts says is said of any state, all else of one in which the invariant holds.
      const s = fn.file.name === 'spec.ts' ? State.any(program, 'S', isPlan(program)) : x.state('R');
      const args = fn.parameters.map((name, i) => {
        if (i === 0 && takesState(fn)) return s;
        return i === 1 && name.endsWith('after') ? x.state('N') : wordVar(name);
      });
      const table = fn.name.slice(fn.name.lastIndexOf('_') + 1);
      const row = args.at(-1);
      const isOfCell = /^(vis|see|may|blank)_/.test(fn.name) || fn.file.name === 'behaviour.ts';
      if (isOfCell && program.tables.has(table) && row !== undefined && !(row instanceof State)) {
        x.q.assume(x.q.inTable(table, row));
      }
      const execution = x.execution(fn.name);
      execution.call(fn.name, args);
      x.q.assumeScans(execution);
      goalObligations(x.q, execution);
      return x.q;
    },
  },
  ofAction('SAFE', 'every index in bounds, every sum exact in 32 bits, every path returns', (x, s) => {
    goalObligations(x.q, x.run(s, 'run').execution);
  }),
  ofAction('NOBODY', 'who is no partition changes nothing, and gets the same answer always', (x, s) => {
    if (x.parameter('p') === undefined) return;
    x.q.assume(not(x.spec('isKnown', s, x.caller)));
    const { after, result } = x.run(s, 'run');
    if (result !== undefined) x.q.goal('result', eq(result, x.run(x.state('T'), 'runT').result ?? FALSE), true);
    for (const f of x.fields.filter((name) => x.isSeen(name))) x.q.goal(f, eq(after.field(f), s.field(f)), true);
    for (const t of x.tables.filter((name) => x.isSeen(name))) {
      const i = wordVar(`row.${t}`);
      x.q.goal(t, implies(x.q.inTable(t, i), eq(after.cell(t, i), s.cell(t, i))), true);
    }
  }),
  ofAction('INV', 'the invariant is kept', (x, s) => {
    x.assumeCaller(s);
    x.goalHolds('invariant', 'invariant', x.run(s, 'run').after, TRUE, s);
  }),
  ofAction('OC', 'output consistency: what a caller gets back depends only on what it sees', (x, s) => {
    x.assumeCaller(s);
    const t = x.state('T', 'public');
    x.assumeCallerSame(s, t);
    const [a, b] = [x.run(s, 'runS'), x.run(t, 'runT')];
    if (a.result !== undefined && b.result !== undefined) x.q.goalEqual('result', a.result, b.result);
    for (const table of x.tables) {
      const length = `output_${table}`;
      if (!x.program.functions.has(length)) continue;
      const [m, n] = [x.spec(length, a.after), x.spec(length, b.after)];
      // An action that does not say how much goes out has no output.
      if (m === x.spec(length, s) && n === x.spec(length, t)) continue;
      const i = wordVar(`row.${table}`);
      x.q.goal(length, eq(m, n));
      x.q.goal(
        `${length}: words`,
        implies(and(sle(word(0), i), slt(i, m)), eq(a.after.cell(table, i), b.after.cell(table, i))),
      );
    }
  }),
  ofAction('WSC', 'weak step consistency: what u sees afterwards depends only on what u and the caller saw', (x, s) => {
    x.assumeCaller(s);
    const t = x.state('T', 'public');
    const u = wordVar('u');
    x.q.seed(u);
    x.assumeCallerSame(s, t);
    x.q.assume(x.spec('flows', s, x.caller, u));
    x.assumeSame(s, t, u);
    x.goalSame(x.run(s, 'runS').after, x.run(t, 'runT').after, u, [s, t]);
  }),
  ofAction('LR', 'local respect: nothing changes in what u sees unless the policy lets the caller reach u', (x, s) => {
    x.assumeCaller(s);
    const u = wordVar('u');
    x.q.seed(u);
    x.q.assume(not(x.spec('flows', s, x.caller, u)));
    x.goalSame(s, x.run(s, 'run').after, u, [s, s]);
  }),
  ofAction('FRAME', 'only such cells change as the caller may change', (x, s) => {
    const { after } = x.run(s, 'run');
    const c = x.caller;
    for (const f of x.fields)
      if (s.field(f) !== after.field(f)) x.q.goal(f, or(x.spec(`may_${f}`, s, c), eq(s.field(f), after.field(f))));
    for (const t of x.tables) {
      if (isUntouched(t, after, s)) continue;
      const i = wordVar(`row.${t}`);
      x.q.goal(t, or(not(x.q.inTable(t, i)), x.spec(`may_${t}`, s, c, i), eq(s.cell(t, i), after.cell(t, i))));
    }
  }),
  ofAction('FSPEC', 'results, and every cell afterwards, are as behaviour.ts says', (x, s) => {
    if (!x.isSpecified) return;
    const { after, result } = x.run(s, 'run');
    if (result !== undefined) x.q.goalEqual('result', result, x.expected('result', s));
    for (const f of x.fields) x.q.goal(f, eq(after.field(f), x.expected(f, s)), after.field(f) === s.field(f));
    for (const t of x.tables) {
      const i = wordVar(`row.${t}`);
      const wanted = x.expected(t, s, i);
      const untouched = isUntouched(t, after, s);
      // Of what goes out, only what does is spoken of.
      const counts = x.program.functions.has(`output_${t}`) ? slt(i, x.spec(`output_${t}`, after)) : TRUE;
      x.q.goal(t, implies(and(x.q.inTable(t, i), counts), eq(after.cell(t, i), wanted)), untouched);
    }
  }),
  ofAction('WINDOW', 'without a window of its caller, and not of the background, a call changes nothing', (x, s) => {
    const core = x.parameter('core');
    // The clock's actions are nobody's calls.
    if (core === undefined || x.parameter('p') === undefined) return;
    x.q.assume(not(x.spec('mayRun', s, core, x.caller)));
    const { after, result } = x.run(s, 'run');
    x.q.goal('result', eq(result ?? FALSE, x.constant('E_CALLER')));
    for (const f of x.fields.filter((name) => x.isSeen(name))) x.q.goal(f, eq(after.field(f), s.field(f)), true);
    for (const t of x.tables.filter((name) => x.isSeen(name))) {
      const i = wordVar(`row.${t}`);
      x.q.goal(t, implies(x.q.inTable(t, i), eq(after.cell(t, i), s.cell(t, i))), true);
    }
  }),
  ofAction('RESIDUAL', 'when its wiping ends, all that a partition sees is blank, but for what is listed', (x, s) => {
    const p = x.parameter('p');
    if (p === undefined) return;
    const { after } = x.run(s, 'run');
    const ends = and(x.spec('isWiping', s, p), not(x.spec('isWiping', after, p)));
    for (const t of x.tables) {
      const i = wordVar(`row.${t}`);
      const blank = x.program.functions.has(`blank_${t}`)
        ? x.spec(`blank_${t}`, after, p, i)
        : eq(after.cell(t, i), word(0));
      x.q.goal(t, or(not(ends), not(x.q.inTable(t, i)), not(x.sees(t, after, p, i)), blank));
    }
  }),
  ofAction(
    'FIFO',
    'queues keep their messages in order; they lose the oldest, and gain what the caller says',
    (x, s) => {
      const { after, result } = x.run(s, 'run');
      for (const name of x.named('fifo_')) x.q.goal(name, x.about(name, s, after, result));
    },
  ),
  ofAction('LIVE', 'what waits goes on when its time has come', (x, s) => {
    const names = x.named(`live_${x.action?.name}`);
    if (names.length === 0) return;
    const { after, result } = x.run(s, 'run');
    for (const name of names) x.q.goal(name, x.about(name, s, after, result));
  }),
  once('ACYCLIC', 'calls do not wait in a circle', (x) => {
    x.assumePlan();
    x.q.goal('acyclic', x.spec('acyclic', x.state('S'), wordVar('p')));
  }),
  ofAction('POLICY', 'no action adds a flow to the policy', (x, s) => {
    const { after } = x.run(s, 'run');
    const [a, b] = [wordVar('from'), wordVar('to')];
    x.q.goal('flows', implies(x.spec('flows', after, a, b), x.spec('flows', s, a, b)));
  }),
];

/** What a theorem is asked about; undefined: of nothing in particular. */
export function subjectsOf(theorem: Theorem, program: Program): (Action | undefined)[] {
  if (theorem.of === 'once') return [undefined];
  return theorem.of === 'action' ? actionsOf(program) : specificationOf(program);
}
