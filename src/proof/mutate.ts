// A systematic mutator: every operator, constant, condition, statement and pair of arguments in the functions of core.ts,
// changed one at a time. What the theorems do not refute has survived, and needs its reason in survivors.md.
import { parseSync } from 'oxc-parser';
import { differences, explore } from './explore.ts';
import { OutsideLanguage } from './language.ts';
import { fingerprint } from './manifest.ts';
import { readProgram } from './parse.ts';
import { NO_ANSWER, proveOne } from './prove.ts';
import { actionsOf, argumentsOf, assumeOther, isPlan } from './setting.ts';
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { load } from './story.ts';
import { THEOREMS } from './theorems.ts';
import type { Program } from './language.ts';
import type { RawNode } from './lower.ts';
import type { Sources } from './parse.ts';
import type { Action } from './setting.ts';
import type { Solve } from './solver.ts';

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
/** Seconds for one question: first, and where nothing has refuted the mutant but some questions had no answer. */
export const PATIENCE = [2, 20] as const;

/**
 * The theorem of which random runs of the mutant show that it is false: FSPEC, where a step differs from behaviour.ts, or COVER,
 * where boot refuses a plan that is well-formed or does not start it. What a run shows no solver needs to find.
 */
async function seenInRuns(texts: Sources, original: Program): Promise<string | undefined> {
  const code = await load(texts);
  const steps = explore(original, code, RUNS, 3);
  for (;;) {
    let next: ReturnType<typeof steps.next>;
    try {
      next = steps.next();
    } catch {
      return 'COVER boot';
    }
    if (next.done === true) return undefined;
    if (differences(original, code, next.value).length > 0) return `FSPEC ${next.value.action.name}`;
  }
}

export interface Fate {
  /** The theorem (and action) that refutes it; 'refused': it is outside the language; 'same': the same program. */
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
    const run = await seenInRuns(texts, this.#original);
    if (run !== undefined) return { by: run, seen: 'in a run' };
    const by = await this.#refuted(mutant, program);
    return { by, seen: by === undefined ? '' : 'by a solver' };
  }
  async #refuted(mutant: Mutant, program: Program): Promise<string | undefined> {
    const { actions, boot } = this.#users(mutant.fn);
    const once = boot ? THEOREMS.filter((t) => t.of === 'once') : [];
    const each = ORDER.flatMap((name) => THEOREMS.filter((t) => t.name === name));
    // What weakens boot weakens the hypothesis of everything.
    const concerned = boot ? actionsOf(program) : actions;
    let open = [
      ...once.map((theorem) => ({ theorem, action: undefined })),
      ...each.flatMap((theorem) =>
        concerned.map(({ name }) => ({ theorem, action: actionsOf(program).find((a) => a.name === name) })),
      ),
    ];
    for (const seconds of PATIENCE) {
      const solvers = new Map(
        [...this.#solvers].map(([name, solve]): [string, Solve] => [
          name,
          (assertions, asked, together) => solve(assertions, asked, Math.min(seconds, together ?? seconds)),
        ]),
      );
      const unanswered: typeof open = [];
      for (const question of open) {
        const { theorem, action } = question;
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
    // Not refuted, but not proved either.
    const [first] = open;
    return first === undefined ? undefined : `? ${first.theorem.name} ${first.action?.name ?? ''}`.trim();
  }
}
