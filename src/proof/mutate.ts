// A systematic mutator: every operator, constant, condition, statement and pair of arguments in the functions of core.ts,
// changed one at a time. What the theorems do not refute has survived, and needs its reason in survivors.md.
import { parseSync } from 'oxc-parser';
import { CheckedCode } from './evidence-code.ts';
import { Plans } from './evidence-plans.ts';
import { Desk, States, isBreached } from './evidence-states.ts';
import { OutsideLanguage } from './language.ts';
import { lower } from './lower.ts';
import { fingerprint } from './manifest.ts';
import { readProgram } from './parse.ts';
import { NO_ANSWER, proveOne } from './prove.ts';
import { Setting, actionsOf, argumentsOf, assumeOther, isPlan } from './setting.ts';
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { findModel, stateOf } from './story.ts';
import { FALSE, TRUE, eq, forgetTerms, implies, wordVar } from './term.ts';
import { THEOREMS, subjectsOf } from './theorems.ts';
import type { Program } from './language.ts';
import type { Outcome } from './prove.ts';
import type { ParsedFile, RawNode } from './lower.ts';
import type { Sources } from './parse.ts';
import type { Action } from './setting.ts';
import type { Solve } from './solver.ts';
import type { Theorem } from './theorems.ts';

export interface Mutant {
  /** The function that is changed. */
  readonly fn: string;
  readonly from: string;
  readonly to: string;
  readonly start: number;
  readonly end: number;
}
/** How a survivor is named: the same after unrelated changes of the file. */
export const nameOf = ({ fn, from, to }: Mutant): string =>
  `${fn}: ${from.replaceAll(/\s+/g, ' ')} -> ${to === '{}' ? 'nothing' : to.replaceAll(/\s+/g, ' ') || 'nothing'}`;

const SWAPS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['+'],
  '&': ['|'],
  '|': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
};
function isNode(value: unknown): value is RawNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
function children(node: RawNode): RawNode[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  );
}

/** All mutants of core.ts, in the order of the text. */
export function mutantsOf(core: string): Mutant[] {
  const mutants: Mutant[] = [];
  const text = (node: RawNode) => core.slice(node.start, node.end);
  const constants = [...core.matchAll(/^export const (\w+) = /gm)].map((m) => m[1]);
  const visit = (node: RawNode, fn: string, parent: RawNode): void => {
    // Without a statement a branch or a loop is empty: what follows is not its body.
    const nothing = parent.type === 'IfStatement' || parent.type === 'ForStatement' ? '{}' : '';
    const put = (to: string, at: { start: number; end: number } = node): void => {
      mutants.push({ fn, from: core.slice(at.start, at.end), to, start: at.start, end: at.end });
    };
    switch (node.type) {
      case 'BinaryExpression':
      case 'LogicalExpression': {
        const [left, right] = [node['left'] as RawNode, node['right'] as RawNode];
        for (const op of SWAPS[node['operator'] as string] ?? []) put(`${text(left)} ${op} ${text(right)}`);
        break;
      }
      case 'Literal':
        if (typeof node['value'] === 'number') for (const d of [1, -1]) put(`(${node['value'] + d})`);
        break;
      case 'Identifier': {
        // Its neighbour in the list of constants, if that is one of the same kind.
        const i = constants.indexOf(node['name'] as string);
        const next = i < 0 ? undefined : constants[i + 1];
        if (next?.split('_', 1)[0] === constants[i]?.split('_', 1)[0] && next !== undefined) put(next);
        break;
      }
      case 'IfStatement': {
        const test = node['test'] as RawNode;
        put(`!(${text(test)})`, test);
        if (node['alternate'] === null) put(nothing);
        break;
      }
      case 'ExpressionStatement':
        put(nothing);
        break;
      case 'CallExpression': {
        const args = node['arguments'] as RawNode[];
        args.slice(1).forEach((b, i) => {
          const a = args[i];
          if (text(a) !== text(b) && text(a) !== 'k')
            put(`${text(b)}${core.slice(a.end, b.start)}${text(a)}`, { start: a.start, end: b.end });
        });
        break;
      }
      default:
    }
    for (const child of children(node)) if (!child.type.startsWith('TS')) visit(child, fn, node);
  };
  const { program } = parseSync('core.ts', core);
  for (const top of (program as unknown as RawNode)['body'] as RawNode[]) {
    const node = (top['declaration'] as RawNode | undefined) ?? top;
    if (node.type === 'FunctionDeclaration')
      visit(node['body'] as RawNode, (node['id'] as RawNode)['name'] as string, node);
  }
  return mutants;
}
export function planted(core: string, { start, end, to }: Mutant): string {
  return core.slice(0, start) + to + core.slice(end);
}

const lineOf = (core: string, { start }: Mutant): string =>
  core.slice(core.lastIndexOf('\n', start) + 1, core.indexOf('\n', start));

function parsed(name: string, text: string, mayImport: readonly string[]): ParsedFile {
  const { program, errors } = parseSync(name, text);
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]?.message}`);
  return { name, text, tree: program as unknown as RawNode, mayImport };
}

/** Actions that run a function, and whether boot does. */
export function usersOf(program: Program): (fn: string) => { readonly actions: Action[]; readonly boot: boolean } {
  const ran = actionsOf(program).map((action) => {
    const execution = new Execution(program, 'users');
    if (action.op === 'other') assumeOther(program, execution);
    execution.call(action.fn.name, argumentsOf(action, State.any(program, 'S', isPlan(program))));
    return { action, called: execution.called };
  });
  const boot = new Execution(program, 'users');
  boot.call('boot', [State.fresh(program, isPlan(program))]);
  return (fn) => ({
    actions: ran.filter(({ called }) => called.has(fn)).map(({ action }) => action),
    boot: boot.called.has(fn),
  });
}

/** The order in which theorems are likely to refute a mutant. */
const ORDER = [
  'FSPEC',
  'SAFE',
  'INV',
  'LR',
  'OC',
  'WSC',
  'FRAME',
  'WINDOW',
  'LIVE',
  'FIFO',
  'RESIDUAL',
  'NOBODY',
  'POLICY',
];

/** Seconds in which a counterexample is looked for that can be replayed. */
const REPLAYING = 5;
/** Seconds for one question: first, and where nothing has refuted the mutant but some questions had no answer. */
export const PATIENCE = [2, 20] as const;

/**
 * Of the function `fn` and another one `other`: in every state with the invariant (of boot's functions: in every state),
 * whatever the arguments, they do the same. Not that they stay within the tables: that is SAFE.
 */
function isTheSame(fn: string, other: string, isOfBoot: boolean): Theorem {
  const ask = (program: Program) => {
    const x = new Setting(program, undefined);
    const parameters = program.functions.get(fn)?.parameters ?? [];
    if (!isOfBoot) x.assumePlan();
    const s = isOfBoot ? State.any(program, 'S', isPlan(program)) : x.state('S');
    const [one, two] = [fn, other].map((name) => {
      const after = s.copy();
      const execution = x.execution(name);
      const args = parameters.map((p, i) => (i === 0 && p === 'k' ? after : wordVar(p)));
      const result = execution.call(name, args);
      x.q.assumeScans(execution);
      return { after, result };
    });
    if (one.result !== undefined && two.result !== undefined) x.q.goal('result', eq(one.result, two.result));
    for (const f of x.fields) x.q.goal(f, eq(one.after.field(f), two.after.field(f)), true);
    for (const t of x.tables) {
      const i = wordVar(`row.${t}`);
      x.q.goal(t, implies(x.q.inTable(t, i), eq(one.after.cell(t, i), two.after.cell(t, i))), true);
    }
    return x.q;
  };
  return { name: 'SAME', says: 'the two functions do the same', of: 'once', ask };
}
/** Of two predicates of a plan: whatever the second accepts, the first does. */
function isStricter(fn: string, other: string): Theorem {
  const ask = (program: Program) => {
    const x = new Setting(program, undefined);
    const s = State.fresh(program, isPlan(program));
    const args = (program.functions.get(fn)?.parameters ?? []).map((p, i) => (i === 0 ? s : wordVar(p)));
    const [one, two] = [fn, other].map((name) => {
      const execution = x.execution(name);
      const result = execution.call(name, args);
      x.q.assumeScans(execution);
      return result ?? FALSE;
    });
    x.q.goal('stricter', implies(two, one));
    return x.q;
  };
  return { name: 'STRICTER', says: 'what the second accepts the first does', of: 'once', ask };
}
/** Of a plan that boot, with the mutant, accepts: the validator as it was accepts every row. */
function isImplied(): Theorem {
  const ask = (program: Program) => {
    const x = new Setting(program, undefined);
    x.assumePlan();
    x.goalHolds('implied', WHOLE, State.fresh(program, isPlan(program)), TRUE);
    return x.q;
  };
  return { name: 'IMPLIED', says: 'boot accepts no plan that it did not', of: 'once', ask };
}
const isBootOnly = (fn: string): boolean => fn.startsWith('wf_') || fn === 'validate';
/** The function that is changed stands beside the original under this name; or the original does, beside the mutant. */
const TWIN = 'theMutant';
const ORIGINAL = 'theOriginal';
/** The original validator, of all its rows. */
const WHOLE = 'allAsBefore';

/**
 * What becomes of a mutant. `run`: theorems that are false of it, each seen in a run of it; `replayed`: a theorem of which a
 * solver has found a counterexample, which is one on the code that runs too; `solver`: one that a solver refutes. `refused`: it is outside the language. `identical`: it is the same program. `same`: it does the same, and
 * `stricter`: its boot accepts less and nothing else has changed, both proved by a solver. `survived`: no theorem is
 * refuted; `open`: nor are all answered; `unseen`: no solver has been asked yet.
 */
export type Fate = `run: ${string}` | `replayed: ${string}` | `solver: ${string}` | (typeof SILENT)[number];
export const SILENT = ['refused', 'identical', 'same', 'stricter', 'survived', 'open', 'unseen'] as const;

/** The judge of the mutants of one core. */
export class Judge {
  readonly #texts: Sources;
  readonly #print: string;
  readonly #users: ReturnType<typeof usersOf>;
  readonly #solvers: ReadonlyMap<string, Solve>;
  readonly #checked: CheckedCode;
  readonly #plans: Plans;
  readonly #states: States;
  readonly #others: readonly ParsedFile[];
  /** Of each function, what has refuted mutants of it, the last first. */
  readonly #refuters = new Map<string, string[]>();
  /** Seconds of questions about one mutant, at most. */
  readonly #enough: number;
  constructor(texts: Sources, original: Program, solvers: ReadonlyMap<string, Solve>, enough: number) {
    this.#texts = texts;
    this.#print = fingerprint(original);
    this.#users = usersOf(original);
    this.#solvers = solvers;
    this.#enough = enough;
    this.#checked = new CheckedCode(original, texts);
    const desk = new Desk(this.#checked, original);
    this.#plans = new Plans(original, texts.core, this.#checked, desk);
    this.#states = new States(original, this.#checked, desk);
    this.#others = [
      parsed('spec.ts', texts.spec, ['./core.ts']),
      parsed('order.ts', texts.order, ['./core.ts']),
      parsed('behaviour.ts', texts.behaviour, ['./core.ts', './order.ts']),
    ];
  }
  /** The mutant's program; a fate, if it is none. */
  #program(mutant: Mutant): Program | Fate {
    forgetTerms();
    try {
      const program = lower([parsed('core.ts', planted(this.#texts.core, mutant), []), ...this.#others]);
      // Executed once before it is run: a loop outside the three shapes need not end.
      const parameters = program.functions.get(mutant.fn)?.parameters ?? [];
      const state = State.any(program, 'S', isPlan(program));
      new Execution(program, 'once').call(
        mutant.fn,
        parameters.map((p, i) => (i === 0 && p === 'k' ? state : wordVar(p))),
      );
      return program;
    } catch (error) {
      return (error as Error).message.includes('STATIC') ? 'solver: STATIC' : 'refused';
    }
  }
  /** Without a solver; undefined: nothing is seen. */
  seen(mutant: Mutant): Fate | undefined {
    const program = this.#program(mutant);
    if (typeof program === 'string') return program;
    const constants = [mutant.from, mutant.to].map((name) => program.constants.get(name));
    const isSameConstant = constants[0] !== undefined && constants[0] === constants[1];
    if (isSameConstant || fingerprint(program) === this.#print) return 'identical';
    // All that boot asks of `validate` is whether it says OK.
    if (mutant.fn === 'validate' && constants.every((value) => value !== undefined && value < 0)) return 'same';
    const { boot } = this.#users(mutant.fn);
    if (boot) this.#plans.prepare(mutant.fn);
    const directed = boot ? this.#plans.directed(mutant.fn, mutant) : undefined;
    if (directed !== undefined) return `run: ${directed}`;
    return this.#with(mutant, () => {
      const ofBoot = boot ? this.#plans.refuted(mutant.fn, lineOf(this.#texts.core, mutant)) : undefined;
      const seen = [...(ofBoot === undefined ? [] : [ofBoot]), ...this.#states.refuted(mutant.fn)];
      return seen.length === 0 ? undefined : (`run: ${seen.join(', ')}` as const);
    });
  }
  #with<T>(mutant: Mutant, what: () => T): T {
    this.#checked.exchange(mutant.fn, mutant);
    try {
      return what();
    } finally {
      this.#checked.restore(mutant.fn);
    }
  }
  /** Whether the counterexample of one of these goals is one on the code that runs. */
  async #isReplayed(mutant: Mutant, program: Program, outcome: Outcome): Promise<boolean> {
    forgetTerms();
    const { theorem, action, failed } = outcome;
    const question = theorem.ask(program, action);
    const until = performance.now() + REPLAYING * 1000;
    const [solve] = this.#solvers.values();
    const limited: Solve = (assertions, asked) => solve(assertions, asked, PATIENCE[0] * 2);
    const { code } = this.#checked;
    for (const isSmall of [true, false]) {
      for (const goal of question.goals.filter((g) => failed.includes(g.label))) {
        if (performance.now() > until) return false;
        const model = await findModel(program, question, goal, limited, isSmall);
        if (model === undefined) continue;
        const [plan, s, t] = ['C', 'S', 'T'].map((name) => stateOf(code, model, name));
        const isFalse = this.#with(mutant, () =>
          action === undefined
            ? this.#plans.boots(plan) === theorem.name
            : isBreached(program, this.#checked, { theorem, action }, model.unknowns, s, t),
        );
        if (!isFalse) continue;
        if (action === undefined) this.#plans.learn(mutant.fn, plan);
        return true;
      }
    }
    return false;
  }
  /** Of what nothing is seen. */
  async asked(mutant: Mutant): Promise<Fate> {
    const program = readProgram('typescript', { ...this.#texts, core: planted(this.#texts.core, mutant) });
    const { boot } = this.#users(mutant.fn);
    const learnt = this.#with(
      mutant,
      () => this.#plans.refutedAtEdges() ?? (boot ? this.#plans.refutedByLearnt(mutant.fn) : undefined),
    );
    if (learnt !== undefined) return `run: ${learnt}`;
    // Of all of `validate` no solver has an answer in time.
    const isAsked = mutant.fn !== 'validate';
    if (isAsked && (await this.#isProved(isTheSame(mutant.fn, TWIN, boot), mutant))) {
      const unsafe = await this.#refuted(mutant, program, (theorem) => theorem.name.endsWith('SAFE'));
      return /^(solver|replayed)/.test(unsafe) ? unsafe : 'same';
    }
    if (isBootOnly(mutant.fn) && (await this.#isStricter(mutant, program))) return 'stricter';
    return await this.#refuted(mutant, program);
  }
  /** Whether boot accepts less, by this validator alone or since the others see to it, and stays within the tables. */
  async #isStricter(mutant: Mutant, program: Program): Promise<boolean> {
    const isOne = mutant.fn !== 'validate' && (await this.#isProved(isStricter(mutant.fn, TWIN), mutant));
    if (!isOne && !(await this.#isImplied(mutant))) return false;
    const safe = THEOREMS.filter((theorem) => theorem.name === 'BOOT-SAFE');
    const outcomes = await Promise.all(
      safe.map(async (theorem) => await proveOne(program, theorem, undefined, { solvers: this.#solvers, first: true })),
    );
    return outcomes.every(({ failed }) => failed.length === 0);
  }
  async #isImplied(mutant: Mutant): Promise<boolean> {
    const { core } = this.#texts;
    // The line of `validate` that is about it says which rows it has.
    const line =
      mutant.fn === 'validate'
        ? lineOf(core, mutant)
        : core.split('\n').find((text) => text.startsWith('  ') && text.includes(`if (!${mutant.fn}(k`));
    const name = line && /wf_\w+/.exec(line)?.[0];
    if (line === undefined || name === undefined) return false;
    const from = core.search(new RegExp(`^export function ${name}\\(`, 'm'));
    const original = core
      .slice(from, core.indexOf('\n}\n', from) + 3)
      .replace(/^export function \w+/, `function ${ORIGINAL}`);
    const loop = line.replace(name, ORIGINAL).replace('return E_PLAN', 'return false');
    const whole = `function ${WHOLE}(k: Kernel): boolean {\n${loop}\n  return true;\n}\n`;
    try {
      const text = `${planted(core, mutant)}\n${original}\n${whole}`;
      const program = readProgram('typescript', { ...this.#texts, core: text });
      const { failed } = await proveOne(program, isImplied(), undefined, { solvers: this.#solvers, first: true });
      return failed.length === 0;
    } catch (error) {
      if (error instanceof OutsideLanguage) return false;
      throw error;
    }
  }
  /** Whether the prover refutes this theorem of the mutant too. */
  async isRefuted(mutant: Mutant, key: string): Promise<boolean> {
    const program = readProgram('typescript', { ...this.#texts, core: planted(this.#texts.core, mutant) });
    const [name, action] = key.split(' ');
    const theorem = THEOREMS.find((t) => t.name === name);
    if (theorem === undefined) return false;
    const subject = subjectsOf(theorem, program).find((a) => a?.name === action);
    const { failed } = await proveOne(program, theorem, subject, { solvers: this.#solvers, first: true, depth: 1 });
    return failed.some((label) => !label.endsWith(NO_ANSWER));
  }
  /** Of the original function and the mutant's, in one program. */
  async #isProved(theorem: Theorem, mutant: Mutant): Promise<boolean> {
    const { core } = this.#texts;
    const changed = planted(core, mutant);
    const from = core.search(new RegExp(`^(export )?function ${mutant.fn}\\(`, 'm'));
    const to = core.indexOf('\n}\n', from) + 3 + changed.length - core.length;
    const twin = changed.slice(from, to).replace(/^(export )?function \w+/, `function ${TWIN}`);
    try {
      const program = readProgram('typescript', { ...this.#texts, core: `${core}\n${twin}` });
      const { failed } = await proveOne(program, theorem, undefined, { solvers: this.#solvers, first: true });
      return failed.length === 0;
    } catch (error) {
      if (error instanceof OutsideLanguage) return false;
      throw error;
    }
  }
  async #refuted(mutant: Mutant, program: Program, isAsked: (theorem: Theorem) => boolean = () => true): Promise<Fate> {
    const { actions, boot } = this.#users(mutant.fn);
    const once = boot ? THEOREMS.filter((t) => t.of === 'once') : [];
    // What boot lets in goes beyond the tables or breaks the invariant, rather than behaviour.ts.
    const order = boot ? ['SAFE', 'INV', ...ORDER.filter((name) => name !== 'SAFE' && name !== 'INV')] : ORDER;
    const each = order.flatMap((name) => THEOREMS.filter((t) => t.name === name));
    // What weakens boot weakens the hypothesis of everything: first of what reads the same tables.
    const concerned = boot ? this.#byTables(mutant.fn, program) : actions;
    let open = [
      ...once.map((theorem) => ({ theorem, action: undefined })),
      ...each.flatMap((theorem) =>
        concerned.map(({ name }) => ({ theorem, action: actionsOf(program).find((a) => a.name === name) })),
      ),
    ];
    const keyOf = ({ theorem, action }: { theorem: Theorem; action: Action | undefined }) =>
      `${theorem.name} ${action?.name ?? ''}`.trim();
    const refuters = this.#refuters.get(mutant.fn) ?? [];
    const rank = (key: string) => (refuters.includes(key) ? refuters.indexOf(key) : refuters.length);
    open = open.toSorted((a, b) => rank(keyOf(a)) - rank(keyOf(b)));
    const until = performance.now() + this.#enough * 1000;
    for (const seconds of PATIENCE) {
      const solvers = new Map(
        [...this.#solvers].map(([name, solve]): [string, Solve] => [
          name,
          (assertions, asked, together) => solve(assertions, asked, Math.min(seconds, together ?? seconds)),
        ]),
      );
      const unanswered: typeof open = [];
      for (const question of open) {
        if (performance.now() > until) return 'open';
        const { theorem, action } = question;
        if (!isAsked(theorem)) continue;
        try {
          const outcome = await proveOne(program, theorem, action, { solvers, first: true, depth: 1 });
          const { failed } = outcome;
          if (failed.some((label) => !label.endsWith(NO_ANSWER))) {
            const key = keyOf(question);
            this.#refuters.set(mutant.fn, [key, ...refuters.filter((other) => other !== key)]);
            return (await this.#isReplayed(mutant, program, outcome)) ? `replayed: ${key}` : `solver: ${key}`;
          }
          if (failed.length > 0) unanswered.push(question);
        } catch (error) {
          if (error instanceof OutsideLanguage) return 'refused';
          throw error;
        }
      }
      open = unanswered;
    }
    return open.length > 0 ? 'open' : 'survived';
  }
  /** All actions, first those whose functions have most of the function's tables. */
  #byTables(fn: string, program: Program): Action[] {
    const bodies = new Map(
      [...this.#texts.core.matchAll(/^(?:export )?function (\w+)\([^]*?\n\}\n/gm)].map(([body, name]) => [name, body]),
    );
    const tablesOf = (name: string) => new Set(bodies.get(name)?.match(/\bk\.\w+\[/g));
    const wanted = tablesOf(fn);
    const shared = new Map<string, number>();
    for (const name of bodies.keys()) {
      const common = tablesOf(name).intersection(wanted).size;
      for (const { name: action } of this.#users(name).actions) {
        shared.set(action, Math.max(shared.get(action) ?? 0, common));
      }
    }
    return actionsOf(program).toSorted((a, b) => (shared.get(b.name) ?? 0) - (shared.get(a.name) ?? 0));
  }
}
