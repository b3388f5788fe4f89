// A counterexample as a story of one or two states: found by the solver, replayed on the code that ships, and shrunk there.
// What does not replay is said to be so: then the instances were too few, and the goal is unproved rather than wrong.
import { emitted } from './parse.ts';
import { evaluator } from './evaluate.ts';
import { and, sle, walk, word, wordVar } from './term.ts';
import { isPlan } from './setting.ts';
import type { Program } from './language.ts';
import type { Model } from './evaluate.ts';
import type { Outcome } from './prove.ts';
import type { Sources } from './parse.ts';
import type { Goal, Question } from './question.ts';
import type { Solve } from './solver.ts';
import type { Term } from './term.ts';

export type Kernel = Record<string, number | Int32Array>;
export type Code = Record<string, (...args: readonly unknown[]) => unknown> & { readonly Kernel: new () => Kernel };

/** The core and its specification, as Node would run them. */
export async function load(texts: Sources): Promise<Code> {
  const rest = [texts.spec, texts.order, texts.behaviour].map((text) =>
    emitted(text).replaceAll(/^import\b[^;]*;/gm, ''),
  );
  // One module: no two functions have the same name, the subset checker sees to that.
  const module = [emitted(texts.core), ...rest].join('\n');
  return (await import(`data:text/javascript,${encodeURIComponent(module)}`)) as Code;
}

/** How often a model is asked for again with the instances that it broke. */
const ATTEMPTS = 12;
/** A model of all hypotheses, the goal false; plans as small as there are. */
async function findModel(program: Program, question: Question, goal: Goal, solve: Solve): Promise<Model | undefined> {
  const small = [...program.fields.keys()]
    .filter(isPlan(program))
    .map((f) => and(sle(word(0), wordVar(`C.${f}`)), sle(wordVar(`C.${f}`), word(3))));
  const terms = [...question.assertions([goal], 2).terms, ...small];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const unknowns: Term[] = [];
    const cells: Term[] = [];
    walk(terms, (t) => {
      if (t.op === 'var') unknowns.push(t);
      if (t.op === 'cell') cells.push(t);
    });
    const answer = await solve(terms, [...unknowns, ...cells.flatMap((c) => [c.args[0], c])]);
    if (answer.verdict !== 'sat') return undefined;
    const table = new Map<string, Map<number, number>>();
    cells.forEach((c, i) => {
      const [index, value] = answer.values.slice(unknowns.length + 2 * i);
      const name = c.payload as string;
      table.set(name, (table.get(name) ?? new Map<number, number>()).set(index, value));
    });
    const model = { unknowns: new Map(unknowns.map((u, i) => [u.payload as string, answer.values[i]])), cells: table };
    const broken = question.violated(model);
    if (broken.length === 0) return model;
    terms.push(...broken);
  }
  return undefined;
}

/** The state `name` of a model, with the plan. */
function stateOf(code: Code, model: Model, name: string): Kernel {
  const k = new code.Kernel();
  for (const [full, value] of model.unknowns) {
    const [owner, field = ''] = full.split('.');
    if ((owner === 'C' || owner === name) && typeof k[field] === 'number') k[field] = value;
  }
  for (const [full, cells] of model.cells) {
    const [owner, field = ''] = full.split('.');
    const table = k[field];
    if ((owner !== 'C' && owner !== name) || !(table instanceof Int32Array)) continue;
    for (const [index, value] of cells) if (index >= 0 && index < table.length) table[index] = value;
  }
  return k;
}
function copyOf(code: Code, k: Kernel): Kernel {
  const copy = new code.Kernel();
  for (const [name, value] of Object.entries(k)) {
    const target = copy[name];
    if (value instanceof Int32Array && target instanceof Int32Array) target.set(value);
    else copy[name] = value;
  }
  return copy;
}
interface Place {
  readonly name: string;
  readonly index: number | undefined;
}
const nameOf = ({ name, index }: Place): string => (index === undefined ? name : `${name}[${index}]`);
function valueAt(k: Kernel, { name, index }: Place): number {
  const value = k[name];
  return value instanceof Int32Array ? value[index ?? 0] : value;
}
function put(k: Kernel, { name, index }: Place, value: number): void {
  const table = k[name];
  if (table instanceof Int32Array) table[index ?? 0] = value;
  else k[name] = value;
}
/** Places of which `wanted` holds. */
function places(k: Kernel, wanted: (place: Place) => boolean): Place[] {
  return Object.entries(k)
    .flatMap(([name, value]): Place[] =>
      value instanceof Int32Array ? [...value.keys()].map((index) => ({ name, index })) : [{ name, index: undefined }],
    )
    .filter(wanted);
}
const differing = (a: Kernel, b: Kernel): Place[] => places(a, (p) => valueAt(a, p) !== valueAt(b, p));

/** A counterexample on the code that ships. */
class Replay {
  readonly code: Code;
  readonly outcome: Outcome;
  readonly model: Model;
  s: Kernel;
  t: Kernel;
  constructor(code: Code, outcome: Outcome, model: Model) {
    this.code = code;
    this.outcome = outcome;
    this.model = model;
    this.s = stateOf(code, model, 'S');
    this.t = this.two ? stateOf(code, model, 'T') : this.s;
  }
  get two(): boolean {
    return this.outcome.theorem.name === 'OC' || this.outcome.theorem.name === 'WSC';
  }
  get observer(): number {
    return this.model.unknowns.get('u') ?? 0;
  }
  arguments(): [name: string, value: number][] {
    const { fn, op } = this.action;
    return fn.parameters
      .slice(1)
      .map((name) => [name, name === 'op' && typeof op === 'number' ? op : (this.model.unknowns.get(name) ?? 0)]);
  }
  get action() {
    const { action } = this.outcome;
    if (action === undefined) throw new Error('no action');
    return action;
  }
  get caller(): number {
    const named = this.arguments().find(([name]) => name === 'p');
    return named === undefined ? Number(this.code[`domain_${this.action.fn.name}`]()) : named[1];
  }
  isPlan(name: string): boolean {
    return !(`vis_${name}` in this.code) && !(`see_${name}` in this.code);
  }
  run(k: Kernel): { after: Kernel; result: unknown } {
    const after = copyOf(this.code, k);
    return { after, result: this.code[this.action.fn.name](after, ...this.arguments().map(([, value]) => value)) };
  }
  /** What `u` sees of a place. */
  picture(k: Kernel, u: number, place: Place): string {
    const at = place.index === undefined ? [k, u] : [k, u, place.index];
    if (`see_${place.name}` in this.code) return String(this.code[`see_${place.name}`](...at));
    return this.code[`vis_${place.name}`](...at) === true ? `${valueAt(k, place)}` : 'hidden';
  }
  sees(a: Kernel, b: Kernel, u: number): string[] {
    return differing(a, b)
      .filter((p) => !this.isPlan(p.name) && this.picture(a, u, p) !== this.picture(b, u, p))
      .map((p) => `${nameOf(p)}: ${this.picture(a, u, p)} | ${this.picture(b, u, p)}`);
  }
  /** The hypotheses hold of the two states, by the core's own boot and the specification's own invariant. */
  isGenuine(): boolean {
    const { code, s, t } = this;
    const plan = new code.Kernel();
    for (const p of places(s, ({ name }) => this.isPlan(name))) put(plan, p, valueAt(s, p));
    if (code['boot'](plan) !== Number(code['OK'])) return false;
    if (code['invariant'](s) !== true || code['invariant'](t) !== true) return false;
    const flow = code['flows'](s, this.caller, this.observer) === true;
    switch (this.outcome.theorem.name) {
      case 'LR':
        return !flow;
      case 'WSC':
        return flow && this.sees(s, t, this.observer).length === 0 && this.sees(s, t, this.caller).length === 0;
      case 'OC':
        return this.sees(s, t, this.caller).length === 0;
      default:
        return true;
    }
  }
  /** What is wrong, in words; undefined: nothing. */
  violation(): string | undefined {
    if (!this.isGenuine()) return undefined;
    const { code, s, t, caller, observer } = this;
    const a = this.run(s);
    const list = (lines: readonly string[]) => (lines.length === 0 ? undefined : lines.join(', '));
    switch (this.outcome.theorem.name) {
      case 'INV':
        return code['invariant'](a.after) === true ? undefined : 'the invariant is broken';
      case 'OC': {
        const b = this.run(t);
        return a.result === b.result ? undefined : `the caller gets ${String(a.result)} | ${String(b.result)}`;
      }
      case 'WSC':
        return list(this.sees(a.after, this.run(t).after, observer));
      case 'LR':
        return list(this.sees(s, a.after, observer));
      case 'FRAME':
        return list(
          differing(s, a.after)
            .filter((p) => code[`may_${p.name}`](s, caller, ...(p.index === undefined ? [] : [p.index])) !== true)
            .map((p) => `${nameOf(p)}: ${valueAt(s, p)} -> ${valueAt(a.after, p)}`),
        );
      case 'POLICY': {
        const [from, to] = ['from', 'to'].map((name) => this.model.unknowns.get(name) ?? 0);
        const more = code['flows'](a.after, from, to) === true && code['flows'](s, from, to) !== true;
        return more ? `${from} ~> ${to} is new` : undefined;
      }
      default:
        return undefined;
    }
  }
  /** Makes the states equal, and zero, wherever the violation stays. */
  shrink(): void {
    const attempt = (change: () => void): void => {
      const [s, t] = [this.s, this.t];
      this.s = copyOf(this.code, s);
      this.t = this.two ? copyOf(this.code, t) : this.s;
      change();
      if (this.violation() === undefined) [this.s, this.t] = [s, t];
    };
    for (const p of differing(this.s, this.t)) attempt(() => put(this.t, p, valueAt(this.s, p)));
    // The plan first: most of what the solver put there means nothing.
    for (const plan of [true, false]) {
      for (const p of places(this.s, (p) => this.isPlan(p.name) === plan && valueAt(this.s, p) !== 0)) {
        attempt(() => {
          if (plan || valueAt(this.t, p) === valueAt(this.s, p)) put(this.t, p, 0);
          put(this.s, p, 0);
        });
      }
    }
  }
  text(goal: Goal): string {
    const { code, s, t } = this;
    const { theorem } = this.outcome;
    const shown = (k: Kernel, wanted: (p: Place) => boolean) =>
      places(k, (p) => wanted(p) && valueAt(k, p) !== 0).map((p) => `${nameOf(p)} = ${valueAt(k, p)}`);
    const who = (u: number) =>
      u === Number(code['CLOCK']) ? 'CLOCK' : u === Number(code['HOST']) ? 'HOST' : `partition ${u}`;
    const wrong = this.violation();
    const args = this.arguments()
      .filter(([name]) => name !== 'op' || this.action.op === 'other')
      .map(([name, value]) => `${name} = ${value}`);
    const a = this.run(s);
    const observes = theorem.name === 'WSC' || theorem.name === 'LR';
    const lines = [
      `${theorem.name} ${this.action.name}: NOT PROVED (${theorem.says})`,
      `  goal     ${goal.label}`,
      `  plan     ${shown(s, (p) => this.isPlan(p.name)).join(', ')}`,
      `  state    ${shown(s, (p) => !this.isPlan(p.name)).join(', ')}`,
      ...(this.two
        ? [
            `  another  ${differing(s, t)
              .map((p) => `${nameOf(p)} = ${valueAt(t, p)}`)
              .join(', ')}: the same to ${who(this.caller)}${observes ? ` and ${who(this.observer)}` : ''}`,
          ]
        : []),
      `  action   ${this.action.name}(${args.join(', ')}) of ${who(this.caller)} gives ${String(a.result)}${this.two ? ` | ${String(this.run(t).result)}` : ''}`,
      `  changes  ${
        differing(s, a.after)
          .map((p) => `${nameOf(p)}: ${valueAt(s, p)} -> ${valueAt(a.after, p)}`)
          .join(', ') || 'nothing'
      }`,
      ...(observes
        ? [
            `  observer ${who(this.observer)}${theorem.name === 'LR' ? ', whom the policy does not let the caller reach' : ''}`,
          ]
        : []),
      wrong === undefined
        ? '  replay   does not show it: an unproved goal, not a refuted one'
        : `  replay   on the code that ships: ${wrong}`,
    ];
    return lines.join('\n');
  }
}

/** The story of a theorem that was not proved. */
export async function tell(program: Program, texts: Sources, outcome: Outcome, solve: Solve): Promise<string> {
  const { theorem, action, failed } = outcome;
  const question = theorem.ask(program, action);
  const names = new Set(failed);
  for (const goal of question.goals.filter((g) => names.has(g.label))) {
    const model = await findModel(program, question, goal, solve);
    if (model === undefined) continue;
    if (action === undefined || question.runs.length === 0) break;
    const replay = new Replay(await load(texts), outcome, model);
    if (replay.violation() !== undefined) replay.shrink();
    const said = evaluator(model);
    return theorem.name === 'SAFE' && said(goal.term) === false
      ? replay
          .text(goal)
          .replace(/\n {2}replay.*$/, '\n  (SAFE is about every step on the way: the states above lead there)')
      : replay.text(goal);
  }
  return `${theorem.name} ${action?.name ?? ''}: NOT PROVED, and no counterexample found: ${[...names].join('; ')}`;
}
