// A systematic mutator: every operator, constant, condition, statement and pair of arguments in the functions of core.ts,
// changed one at a time. What the theorems do not refute has survived, and needs its reason in survivors.md.
import { parseSync } from 'oxc-parser';
import { differences, explore, random, randomPlan } from './explore.ts';
import { OutsideLanguage } from './language.ts';
import { fingerprint } from './manifest.ts';
import { readProgram } from './parse.ts';
import { NO_ANSWER, proveOne } from './prove.ts';
import { Setting, actionsOf, argumentsOf, assumeOther, isPlan } from './setting.ts';
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { load } from './story.ts';
import { FALSE, eq, implies, wordVar } from './term.ts';
import { THEOREMS } from './theorems.ts';
import type { Program } from './language.ts';
import type { RawNode } from './lower.ts';
import type { Sources } from './parse.ts';
import type { Action } from './setting.ts';
import type { Solve } from './solver.ts';
import type { Code, Kernel } from './story.ts';
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
  `${fn}: ${from.replaceAll(/\s+/g, ' ')} -> ${to.replaceAll(/\s+/g, ' ') || 'nothing'}`;

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
  const visit = (node: RawNode, fn: string): void => {
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
        if (node['alternate'] === null) put('');
        break;
      }
      case 'ExpressionStatement':
        put('');
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
    for (const child of children(node)) if (!child.type.startsWith('TS')) visit(child, fn);
  };
  const { program } = parseSync('core.ts', core);
  for (const top of (program as unknown as RawNode)['body'] as RawNode[]) {
    const node = (top['declaration'] as RawNode | undefined) ?? top;
    if (node.type === 'FunctionDeclaration') visit(node['body'] as RawNode, (node['id'] as RawNode)['name'] as string);
  }
  return mutants;
}
export function planted(core: string, { start, end, to }: Mutant): string {
  return core.slice(0, start) + to + core.slice(end);
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

/** Runs in which a mutant is compared with behaviour.ts before any solver is asked. */
const RUNS = 40;
/** Plans that a mutant of boot is given, and changes of each. */
const PLANS = 60;
const CHANGES = 40;
/** Seconds for one question: first, and where nothing has refuted the mutant but some questions had no answer. */
export const PATIENCE = [2, 20] as const;
/** Seconds of questions, at most. What then is not refuted counts as a survivor, whatever the rest would say. */
const ENOUGH = 90;

/** In runs of the mutant, the theorem that is seen to be false: FSPEC, where a step is not as behaviour.ts says. */
function seenInSteps(code: Code, original: Program): string | undefined {
  for (const step of explore(original, code, RUNS, 3)) {
    if (differences(original, code, step).length > 0) return `FSPEC ${step.action.name}`;
  }
  return undefined;
}
/**
 * Of plans, well-formed ones and such with one word changed: COVER, where boot refuses what is well-formed; BOOT, where it
 * accepts what spec.ts does not allow.
 */
function seenInPlans(code: Code, original: Program): string | undefined {
  const pick = random(7);
  const tables = [...original.tables.keys()].filter((name) => isPlan(original)(name) && name !== 'inp');
  const accepts = (plan: Kernel) => code['boot'](plan) === Number(code['OK']);
  for (let i = 0; i < PLANS; i++) {
    const made = randomPlan(code, pick);
    if (!accepts(structuredCopy(code, made))) return 'COVER boot';
    for (let change = 0; change < CHANGES; change++) {
      const plan = structuredCopy(code, made);
      const table = plan[tables[pick(tables.length)]] as Int32Array;
      table[pick(4) * [1, 16, 32, 64][pick(4)] + pick(3)] = [-1, 0, 1, 2, 3, 1 << 20, 0x7fffffff, -0x80000000][pick(8)];
      if (accepts(plan) && !(code['plan'](plan) === true && code['invariant'](plan) === true)) return 'BOOT';
    }
  }
  return undefined;
}
function structuredCopy(code: Code, plan: Kernel): Kernel {
  const copy = new code.Kernel();
  for (const [name, value] of Object.entries(plan)) {
    if (value instanceof Int32Array) (copy[name] as Int32Array).set(value);
    else copy[name] = value;
  }
  return copy;
}

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
const isBootOnly = (fn: string): boolean => fn.startsWith('wf_');
/** The function that is changed stands beside the original under this name. */
const TWIN = 'theMutant';

export interface Fate {
  /**
   * The theorem (and action) that refutes it; 'refused': it is outside the language; 'same': it is the same program, or does
   * the same; 'stricter': its boot accepts less, nothing else has changed; undefined: it has survived.
   */
  readonly by: string | undefined;
  readonly seen: 'in a run' | 'by a solver' | '';
}

/** The judge of the mutants of one core. */
export class Judge {
  readonly #texts: Sources;
  readonly #original: Program;
  readonly #users: ReturnType<typeof usersOf>;
  readonly #solvers: ReadonlyMap<string, Solve>;
  constructor(texts: Sources, original: Program, solvers: ReadonlyMap<string, Solve>) {
    this.#texts = texts;
    this.#original = original;
    this.#users = usersOf(original);
    this.#solvers = solvers;
  }
  async fateOf(mutant: Mutant): Promise<Fate> {
    const texts = { ...this.#texts, core: planted(this.#texts.core, mutant) };
    let program: Program;
    try {
      program = readProgram('typescript', texts);
      // Executed once before it is run: a loop outside the three shapes need not end.
      usersOf(program);
    } catch {
      return { by: 'refused', seen: '' };
    }
    if (fingerprint(program) === fingerprint(this.#original)) return { by: 'same', seen: '' };
    const code = await load(texts);
    const { boot } = this.#users(mutant.fn);
    const run = (boot ? seenInPlans(code, this.#original) : undefined) ?? seenInSteps(code, this.#original);
    if (run !== undefined) return { by: run, seen: 'in a run' };
    if (await this.#isProved(isTheSame(mutant.fn, TWIN, boot), mutant)) {
      const unsafe = await this.#refuted(mutant, program, (theorem) => theorem.name.endsWith('SAFE'));
      return { by: unsafe ?? 'same', seen: 'by a solver' };
    }
    if (isBootOnly(mutant.fn) && (await this.#isProved(isStricter(mutant.fn, TWIN), mutant)))
      return { by: 'stricter', seen: 'by a solver' };
    const by = await this.#refuted(mutant, program);
    return { by, seen: by === undefined ? '' : 'by a solver' };
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
  async #refuted(
    mutant: Mutant,
    program: Program,
    isAsked: (theorem: Theorem) => boolean = () => true,
  ): Promise<string | undefined> {
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
    const until = performance.now() + ENOUGH * 1000;
    for (const seconds of PATIENCE) {
      const solvers = new Map(
        [...this.#solvers].map(([name, solve]): [string, Solve] => [
          name,
          (assertions, asked, together) => solve(assertions, asked, Math.min(seconds, together ?? seconds)),
        ]),
      );
      const unanswered: typeof open = [];
      for (const question of open) {
        if (performance.now() > until) return undefined;
        const { theorem, action } = question;
        if (!isAsked(theorem)) continue;
        try {
          const { failed } = await proveOne(program, theorem, action, { solvers, first: true, depth: 1 });
          if (failed.some((label) => !label.endsWith(NO_ANSWER))) return `${theorem.name} ${action?.name ?? ''}`.trim();
          if (failed.length > 0) unanswered.push(question);
        } catch (error) {
          if (error instanceof OutsideLanguage) return 'refused';
          throw error;
        }
      }
      open = unanswered;
    }
    return undefined;
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
