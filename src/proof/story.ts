// A counterexample as a story of one or two states: found by the solver, replayed on the code that ships, and shrunk there.
// What does not replay is said to be so: then the instances were too few, and the goal is unproved rather than wrong.
import { emitted } from './parse.ts';
import { evaluator } from './evaluate.ts';
import { differences, explore, random } from './explore.ts';
import { NO_ANSWER } from './prove.ts';
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
/** A model of all hypotheses, the goal false; plans as small as there are, unless others are wanted. */
export async function findModel(
  program: Program,
  question: Question,
  goal: Goal,
  solve: Solve,
  isSmall = true,
): Promise<Model | undefined> {
  const small = [...program.fields.keys()]
    .filter((f) => isSmall && isPlan(program)(f))
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
export function stateOf(code: Code, model: Model, name: string): Kernel {
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
const indexOf = ({ index }: Place): number[] => (index === undefined ? [] : [index]);
function valueAt(k: Kernel, { name, index }: Place): number {
  const value = k[name];
  return value instanceof Int32Array ? value[index ?? 0] : value;
}
function put(k: Kernel, { name, index }: Place, value: number): void {
  const table = k[name];
  if (table instanceof Int32Array) table[index ?? 0] = value;
  else k[name] = value;
}
function differing(a: Kernel, b: Kernel): Place[] {
  const found: Place[] = [];
  for (const [name, was] of Object.entries(a)) {
    const now = b[name];
    if (typeof was === 'number' || typeof now === 'number') {
      if (was !== now) found.push({ name, index: undefined });
    } else if (was !== now) {
      for (let index = 0; index < was.length; index++) if (was[index] !== now[index]) found.push({ name, index });
    }
  }
  return found;
}
const change = (before: Kernel, after: Kernel, place: Place): string =>
  `${nameOf(place)}: ${valueAt(before, place)} -> ${valueAt(after, place)}`;

const isOfSchedule = (name: string): boolean => /^(win|schedule)[A-Z]|^nwindows$|^frameLength$/.test(name);

/** `name[row] = value`; neighbours with the same value together. */
function inRuns(places: readonly Place[], value: (place: Place) => number): string[] {
  const runs: { name: string; from: number | undefined; to: number | undefined; value: number }[] = [];
  for (const place of places) {
    const { name, index } = place;
    const last = runs.at(-1);
    const goesOn = last?.name === name && index !== undefined && last.to === index - 1 && last.value === value(place);
    if (goesOn) last.to = index;
    else runs.push({ name, from: index, to: index, value: value(place) });
  }
  return runs.map((run) => {
    const rows = run.from === undefined ? '' : run.from === run.to ? `[${run.from}]` : `[${run.from}..${run.to}]`;
    return `${run.name}${rows} = ${run.value}`;
  });
}

/** What is said of every row is looked at at these. */
const ROWS = 6;
const isGiven = (parameter: string): boolean => /^_?(after|result)$/.test(parameter);
/** All tuples of so many numbers below n. */
function combinations(count: number, n: number): number[][] {
  if (count === 0) return [[]];
  return combinations(count - 1, n).flatMap((rest) => Array.from({ length: n }, (_, i) => [...rest, i]));
}

/** A counterexample on the code that ships. */
export class Replay {
  readonly code: Code;
  readonly program: Program;
  readonly outcome: Pick<Outcome, 'theorem' | 'action'>;
  /** The caller's arguments, the observer. */
  unknowns: ReadonlyMap<string, number>;
  s: Kernel;
  t: Kernel;
  constructor(
    code: Code,
    program: Program,
    outcome: Pick<Outcome, 'theorem' | 'action'>,
    unknowns: ReadonlyMap<string, number>,
    s: Kernel,
    t: Kernel,
  ) {
    this.code = code;
    this.program = program;
    this.outcome = outcome;
    this.unknowns = unknowns;
    this.s = s;
    this.t = this.two ? t : s;
  }
  get two(): boolean {
    return this.outcome.theorem.name === 'OC' || this.outcome.theorem.name === 'WSC';
  }
  get observer(): number {
    return this.unknowns.get('u') ?? 0;
  }
  arguments(): [name: string, value: number][] {
    const { fn, op } = this.action;
    return fn.parameters
      .slice(1)
      .map((name) => [name, name === 'op' && typeof op === 'number' ? op : (this.unknowns.get(name) ?? 0)]);
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
    for (const [name, value] of Object.entries(s)) {
      const table = plan[name];
      if (!this.isPlan(name)) continue;
      if (value instanceof Int32Array && table instanceof Int32Array) table.set(value);
      else plan[name] = value;
    }
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
    return this.isGenuine() ? this.claim() : undefined;
  }
  /** The same, of states of which it is known that the hypotheses hold. */
  claim(): string | undefined {
    const { code, s, t, caller, observer } = this;
    const a = this.run(s);
    const list = (lines: readonly string[]) => (lines.length === 0 ? undefined : lines.join(', '));
    const args = new Map(this.arguments());
    const p = args.get('p') ?? 0;
    switch (this.outcome.theorem.name) {
      case 'INV':
        return code['invariant'](a.after) === true ? undefined : 'the invariant is broken';
      case 'OC': {
        const b = this.run(t);
        if (a.result !== b.result) return `the caller gets ${String(a.result)} | ${String(b.result)}`;
        // Only an operation gives words back.
        if (this.action.op === undefined) return undefined;
        const words = (k: Kernel) => (k['out'] as Int32Array).subarray(0, Number(k['outN'])).join(' ');
        const [x, y] = [words(a.after), words(b.after)];
        return x === y ? undefined : `the caller gets the words ${x || 'none'} | ${y || 'none'}`;
      }
      case 'WSC':
        return list(this.sees(a.after, this.run(t).after, observer));
      case 'LR':
        return list(this.sees(s, a.after, observer));
      case 'FRAME':
        return list(
          differing(s, a.after)
            .filter((place) => code[`may_${place.name}`](s, caller, ...indexOf(place)) !== true)
            .map((place) => change(s, a.after, place)),
        );
      case 'FSPEC': {
        const step = { action: this.action, args, before: s, after: a.after, result: a.result };
        return list(differences(this.program, code, step).map((name) => `${name} is not as behaviour.ts says`));
      }
      case 'WINDOW':
        if (code['mayRun'](s, args.get('core'), p) === true) return undefined;
        return a.result === Number(code['E_CALLER'])
          ? list(this.#changes(a.after))
          : `the caller gets ${String(a.result)}`;
      case 'NOBODY':
        return p >= 0 && p < Number(s['np']) ? undefined : list(this.#changes(a.after));
      case 'RESIDUAL':
        if (code['isWiping'](s, p) !== true || code['isWiping'](a.after, p) === true) return undefined;
        return list(
          differing(new code.Kernel(), a.after)
            .filter((place) => place.index !== undefined && !this.isPlan(place.name))
            .filter((place) => !['0', 'hidden'].includes(this.picture(a.after, p, place)))
            .filter(({ name, index }) => code[`blank_${name}`]?.(a.after, p, index) !== true)
            .map((place) => `${nameOf(place)} is still ${valueAt(a.after, place)}`),
        );
      case 'FIFO':
      case 'LIVE':
        return this.#orderBroken(a);
      case 'POLICY': {
        const [from, to] = ['from', 'to'].map((name) => this.unknowns.get(name) ?? 0);
        const more = code['flows'](a.after, from, to) === true && code['flows'](s, from, to) !== true;
        return more ? `${from} ~> ${to} is new` : undefined;
      }
      default:
        return undefined;
    }
  }
  #changes(after: Kernel): string[] {
    return differing(this.s, after)
      .filter(({ name }) => !this.isPlan(name) && name !== 'out' && name !== 'outN')
      .map((place) => change(this.s, after, place));
  }
  /** A function of order.ts that does not hold, with the rows at which it does not. */
  #orderBroken({ after, result }: { after: Kernel; result: unknown }): string | undefined {
    const { code, s, program, unknowns, action } = this;
    const prefix = this.outcome.theorem.name === 'FIFO' ? 'fifo_' : `live_${action.name}`;
    for (const [name, { parameters }] of program.functions) {
      if (!name.startsWith(prefix)) continue;
      const free = parameters.slice(1).filter((x) => !isGiven(x) && !unknowns.has(x));
      for (const rows of combinations(free.length, ROWS)) {
        const value = (x: string): unknown => {
          const plain = x.replace('_', '');
          if (plain === 'after') return after;
          return plain === 'result' ? result : (unknowns.get(x) ?? rows[free.indexOf(x)]);
        };
        if (code[name](s, ...parameters.slice(1).map(value)) === false) {
          return `${name}(${free.map((x, i) => `${x} = ${rows[i]}`).join(', ')}) does not hold`;
        }
      }
    }
    return undefined;
  }
  /** Makes the states equal, and zero, wherever the violation stays: many places at once, where that goes. */
  shrink(): void {
    const attempt = (places: readonly Place[], value: (place: Place) => [number, number]): boolean => {
      const before = places.map((place) => [valueAt(this.s, place), valueAt(this.t, place)]);
      const set = (place: Place, [inS, inT]: readonly number[]) => {
        put(this.s, place, inS);
        put(this.t, place, inT);
      };
      for (const place of places) set(place, value(place));
      if (this.violation() !== undefined) return true;
      places.forEach((place, i) => set(place, before[i]));
      return false;
    };
    const reduce = (places: readonly Place[], value: (place: Place) => [number, number]): void => {
      if (places.length === 0 || attempt(places, value) || places.length === 1) return;
      const middle = places.length >> 1;
      reduce(places.slice(0, middle), value);
      reduce(places.slice(middle), value);
    };
    for (const name of this.unknowns.keys()) {
      const { unknowns } = this;
      this.unknowns = new Map([...unknowns, [name, 0]]);
      if (this.violation() === undefined) this.unknowns = unknowns;
    }
    const same = (place: Place): [number, number] => [valueAt(this.s, place), valueAt(this.s, place)];
    reduce(differing(this.s, this.t), same);
    // The plan first: most of what stands there has nothing to do with it.
    for (const plan of [true, false]) {
      const nonZero = differing(new this.code.Kernel(), this.s).filter(({ name }) => this.isPlan(name) === plan);
      for (const places of Map.groupBy(nonZero, ({ name }) => name).values()) {
        reduce(places, (place) => [0, valueAt(this.t, place) === valueAt(this.s, place) ? 0 : valueAt(this.t, place)]);
      }
    }
  }
  text(goal: string): string {
    const { code, s, t } = this;
    const { theorem } = this.outcome;
    const shown = (k: Kernel, wanted: (p: Place) => boolean) =>
      inRuns(differing(new code.Kernel(), k).filter(wanted), (p) => valueAt(k, p));
    // A plan needs one, and most stories have nothing to do with it.
    const schedule =
      theorem.name === 'WINDOW' || this.caller === Number(code['CLOCK'])
        ? shown(s, (p) => isOfSchedule(p.name))
        : [`a schedule of ${Number(s['nwindows'])} windows`];
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
      `  goal     ${goal}`,
      `  plan     ${[...shown(s, (p) => this.isPlan(p.name) && !isOfSchedule(p.name)), ...schedule].join(', ')}`,
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

/** Runs that are searched for a counterexample, and for how long, in milliseconds. */
const SEARCHED = 60;
const SEARCH_TIME = 20_000;

/** A state that `seen` cannot tell from this one: what they do not see is another thing, by chance, or by what others did. */
export function alike(
  program: Program,
  code: Code,
  s: Kernel,
  seen: readonly number[],
  pick: (n: number) => number,
): Kernel {
  const t = copyOf(code, s);
  const hidden = [...program.tables.keys()].filter((name) => `vis_${name}` in code);
  const others = Array.from({ length: Number(s['np']) }, (_, p) => p).filter((p) => !seen.includes(p));
  for (let i = 1 + pick(6); i > 0; i--) {
    if (others.length > 0 && pick(2) === 0) {
      const p = others[pick(others.length)];
      if (seen.some((u) => code['flows'](s, p, u) === true)) continue;
      code['step'](t, pick(2), p, 1 + pick(30), pick(3), [0, 4, 8][pick(3)], 0);
    } else {
      const name = hidden[pick(hidden.length)];
      const row = pick(4);
      if (seen.some((u) => code[`vis_${name}`](s, u, row) === true)) continue;
      put(t, { name, index: row }, pick(5));
    }
  }
  return t;
}

/** A counterexample of this theorem and action in random runs of the core itself. */
function search(program: Program, code: Code, outcome: Pick<Outcome, 'theorem' | 'action'>): Replay | undefined {
  const { theorem, action } = outcome;
  const until = performance.now() + SEARCH_TIME;
  const pick = random(11);
  try {
    for (const step of explore(program, code, SEARCHED, 4, true, action?.name)) {
      if (performance.now() > until) return undefined;
      if (step.action.name !== action?.name) continue;
      const replayOf = (u: number, t?: Kernel) =>
        new Replay(code, program, outcome, new Map([...step.args, ['u', u]]), step.before, t ?? step.before);
      const { caller } = replayOf(0);
      const domains = [...Array.from({ length: Number(step.before['np']) }, (_, p) => p), -1, -2];
      const flow = (u: number) => code['flows'](step.before, caller, u) === true;
      const candidates =
        theorem.name === 'LR'
          ? domains.filter((u) => !flow(u)).map((u) => replayOf(u))
          : theorem.name === 'OC'
            ? [1, 2, 3].map(() => replayOf(0, alike(program, code, step.before, [caller], pick)))
            : theorem.name === 'WSC'
              ? domains.filter(flow).map((u) => replayOf(u, alike(program, code, step.before, [caller, u], pick)))
              : [replayOf(0)];
      const found = candidates.find((replay) => replay.claim() !== undefined && replay.violation() !== undefined);
      if (found !== undefined) {
        // Copies: what is shrunk is written to.
        found.s = copyOf(code, found.s);
        found.t = found.two ? copyOf(code, found.t) : found.s;
        return found;
      }
    }
  } catch {
    // The core is wrong in a way in which it cannot be run: then the solver's model has to tell.
  }
  return undefined;
}

/** The story of a theorem that was not proved: seen in a run of the core, or put together by the solver. */
export async function tell(program: Program, texts: Sources, outcome: Outcome, solve: Solve): Promise<string> {
  const { theorem, action, failed } = outcome;
  const names = new Set(failed.map((label) => label.replace(NO_ANSWER, '')));
  const code = await load(texts);
  const seen = action === undefined ? undefined : search(program, code, outcome);
  if (seen !== undefined) {
    seen.shrink();
    return seen.text([...names].join(', '));
  }
  const question = theorem.ask(program, action);
  for (const goal of question.goals.filter((g) => names.has(g.label))) {
    const model = await findModel(program, question, goal, solve);
    if (model === undefined) continue;
    if (action === undefined || question.runs.length === 0) break;
    const [s, t] = ['S', 'T'].map((name) => stateOf(code, model, name));
    const replay = new Replay(code, program, outcome, model.unknowns, s, t);
    if (replay.violation() !== undefined) replay.shrink();
    const said = evaluator(model);
    return theorem.name === 'SAFE' && said(goal.term) === false
      ? replay
          .text(goal.label)
          .replace(/\n {2}replay.*$/, '\n  (SAFE is about every step on the way: the states above lead there)')
      : replay.text(goal.label);
  }
  return `${theorem.name} ${action?.name ?? ''}: NOT PROVED, and no counterexample found: ${[...names].join('; ')}`;
}
