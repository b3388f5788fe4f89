// States in which mutants are run: of random runs of the core, and such with some words changed that keep the invariant. Each
// is kept with an action and what the core does then. Where a mutant does something else, the theorems are looked at.
import { explore, random } from './explore.ts';
import { CheckedCode, Endless, ROWS, Unsafe } from './evidence-code.ts';
import { Replay, alike } from './story.ts';
import { isPlan } from './setting.ts';
import { THEOREMS } from './theorems.ts';
import type { Program } from './language.ts';
import type { Effects } from './evidence-code.ts';
import type { Kernel } from './story.ts';
import type { Action } from './setting.ts';
import type { Theorem } from './theorems.ts';

/** Words of a state, as number of the table, row, value: those that a new kernel does not have. */
export type Words = readonly number[];

/** One kernel that is filled again and again. */
export class Desk {
  readonly checked: CheckedCode;
  readonly k: Kernel;
  readonly #isPlan: readonly boolean[];
  #there: readonly Words[] = [];
  constructor(checked: CheckedCode, program: Program) {
    this.checked = checked;
    this.k = new checked.code.Kernel();
    this.#isPlan = checked.names.map((name) => isPlan(program)(name));
    // In a plan a slot that is not in use is nobody's.
    (this.k['slotOwner'] as Int32Array).fill(-1);
  }
  #usual(number: number): number {
    return this.checked.names[number] === 'slotOwner' ? -1 : 0;
  }
  /** What k has, of the plan or of the rest. */
  words(k: Kernel, plan: boolean): Words {
    const words: number[] = [];
    this.checked.names.forEach((name, number) => {
      if (this.#isPlan[number] !== plan) return;
      const value = k[name];
      const usual = this.#usual(number);
      if (typeof value === 'number') {
        if (value !== usual) words.push(number, 0, value);
      } else {
        for (let row = 0; row < value.length; row++) if (value[row] !== usual) words.push(number, row, value[row]);
      }
    });
    return words;
  }
  /** The kernel with these words. */
  load(...lists: readonly Words[]): Kernel {
    const { k, checked } = this;
    for (const words of this.#there.filter((w) => !lists.includes(w)))
      for (let i = 0; i < words.length; i += 3) checked.put(k, words[i], words[i + 1], this.#usual(words[i]));
    // What both have in a place has been put back: it is put again.
    for (const words of lists)
      for (let i = 0; i < words.length; i += 3) checked.put(k, words[i], words[i + 1], words[i + 2]);
    this.#there = lists;
    return k;
  }
}

/** An action in a state, and what the core does. */
interface Kept {
  readonly plan: Words;
  readonly state: Words;
  readonly action: Action;
  readonly args: readonly number[];
  readonly effects: Effects;
}

/** Runs of the core, and changed states made of each that is kept. */
const RUNS = 1500;
const CHANGED = 6;
/** States of one kind: the same action, result, functions that run and tables that change. */
const OF_A_KIND = 10;
/** States in which a mutant does otherwise that all theorems are looked at in. */
const LOOKED_AT = 3;

/** Arguments that are the first beyond something. */
const LIMITS = [1, 4, 9, 16, 32, 64, 256, 1025, 2049, 1 << 30];

const isSame = (a: Effects, b: Effects): boolean =>
  a.result === b.result &&
  a.changed.size === b.changed.size &&
  [...a.changed].every(([key, value]) => b.changed.get(key) === value);

export class States {
  readonly #program: Program;
  readonly #checked: CheckedCode;
  readonly #desk: Desk;
  readonly #byFunction = new Map<string, Kept[]>();
  readonly #kinds = new Map<string, number>();
  constructor(program: Program, checked: CheckedCode, desk: Desk, runs = RUNS) {
    this.#program = program;
    this.#checked = checked;
    this.#desk = desk;
    const pick = random(5);
    const plans = new Map<string, Words>();
    const { code } = checked;
    const { boot } = code;
    (code as Record<string, unknown>)['boot'] = (k: Kernel) => {
      const result = boot(k);
      checked.forget();
      return result;
    };
    for (const step of explore(program, code, runs, 3, false)) {
      const k = step.after;
      const args = [...step.args.values()];
      // What has been done is undone, so that the state before can be kept, and done again.
      checked.undo(k);
      const kept = this.#keep(k, step.action, args, plans);
      for (let i = 0; kept !== undefined && i < CHANGED; i++) {
        const changed = desk.load(kept.plan, this.#otherWords(kept, pick));
        if (checked.ask('invariant', changed) !== true) continue;
        const other = args.map((x) => [x, x, x, x + 1, x - 1, LIMITS[pick(LIMITS.length)] - pick(2)][pick(6)]);
        this.#keep(changed, step.action, step.args.has('op') ? other.with(2, args[2]) : other, plans);
      }
      checked.run(k, step.action.fn.name, args);
      checked.forget();
    }
    (code as Record<string, unknown>)['boot'] = boot;
  }
  /** Of some states that are kept, what is false of the core as it is: nothing, if nothing is wrong with what is seen here. */
  control(states: number): string[] {
    const all = [...new Set([...this.#byFunction.values()].flat())];
    const some = all.filter((_, i) => i % Math.ceil(all.length / states) === 0);
    return some.flatMap(({ plan, state, action, args }) =>
      breaches(this.#program, this.#checked, this.#desk.load(plan, state), action, args),
    );
  }
  /** Keeps what is not yet there often enough. */
  #keep(k: Kernel, action: Action, args: readonly number[], plans: Map<string, Words>): Kept | undefined {
    const checked = this.#checked;
    let effects: Effects | undefined;
    const called = checked.calledIn(() => {
      effects = checked.run(k, action.fn.name, args);
    });
    checked.undo(k);
    if (effects === undefined) return undefined;
    const tables = new Set([...effects.changed.keys()].map((key) => Math.floor(key / ROWS)));
    const kind = `${action.name} ${String(effects.result)} ${[...tables].join()} ${called.join('')}`;
    const n = (this.#kinds.get(kind) ?? 0) + 1;
    this.#kinds.set(kind, n);
    if (n > OF_A_KIND) return undefined;
    const words = this.#desk.words(k, true);
    const text = words.join();
    const plan = plans.get(text) ?? words;
    plans.set(text, plan);
    const kept = { plan, state: this.#desk.words(k, false), action, args, effects };
    checked.functions.forEach((name, i) => {
      if (called[i] === 0) return;
      const list = this.#byFunction.get(name) ?? [];
      this.#byFunction.set(name, list);
      list.push(kept);
    });
    return kept;
  }
  /** Some words of the state replaced: by others of the state, by their neighbours, by limits. */
  #otherWords({ state, plan }: Kept, pick: (n: number) => number): Words {
    const words = [...state];
    const names = this.#checked.names;
    // Late in the time's low word, or just after it.
    if (pick(4) === 0)
      words.push(
        names.indexOf('timeHi'),
        0,
        1 + pick(2),
        names.indexOf('timeLo'),
        0,
        [0, 1, 3, (1 << 30) - 1][pick(4)],
      );
    for (let n = pick(4); n > 0; n--) {
      const from = pick(2) === 0 ? state : plan;
      const near = from.length === 0 ? 0 : from[3 * pick(from.length / 3) + 2];
      const value = [near, near + 1, near - 1, 0, 1, 2, (1 << 30) - 1, 0x7fffffff][pick(8)] | 0;
      if (pick(2) === 0 && state.length > 0) {
        const at = 3 * pick(state.length / 3);
        if (!names[words[at]].startsWith('slot')) words[at + 2] = value;
      } else {
        const number = pick(names.length);
        const isState = `vis_${names[number]}` in this.#checked.code && !names[number].startsWith('slot');
        if (isState) words.push(number, this.#checked.isTable(number) ? pick(4) : 0, value);
      }
    }
    return words;
  }

  /** Theorems that are false of the core with this function exchanged, as `THEOREM ACTION`. */
  refuted(fn: string): string[] {
    const checked = this.#checked;
    const list = this.#byFunction.get(fn) ?? [];
    const found = new Set<string>();
    let looked = 0;
    for (let i = 0; i < list.length && looked < LOOKED_AT; i++) {
      const { plan, state, action, args, effects } = list[i];
      const k = this.#desk.load(plan, state);
      let now: Effects | undefined;
      try {
        now = checked.run(k, action.fn.name, args);
      } catch (error) {
        if (!(error instanceof Unsafe || error instanceof Endless)) throw error;
      }
      checked.undo(k);
      if (now !== undefined && isSame(now, effects)) continue;
      const before = found.size;
      for (const theorem of breaches(this.#program, checked, k, action, args, found))
        found.add(`${theorem} ${action.name}`);
      looked += 1;
      if (found.size === before) continue;
      // What has refuted a mutant is likely to refute the next one of the same function.
      list.unshift(...list.splice(i, 1));
    }
    return [...found];
  }
}

const byName = (name: string): Theorem => {
  const theorem = THEOREMS.find((t) => t.name === name);
  if (theorem === undefined) throw new Error(`no theorem ${name}`);
  return theorem;
};
const OF_ONE_STATE = ['FSPEC', 'INV', 'FRAME', 'WINDOW', 'NOBODY', 'RESIDUAL', 'FIFO', 'LIVE'].map(byName);
const [LR, OC, WSC] = ['LR', 'OC', 'WSC'].map(byName);

/**
 * Theorems that are false of this action in this state: replayed on the code, when boot accepts the plan and the invariant
 * holds.
 */
export function breaches(
  program: Program,
  checked: CheckedCode,
  k: Kernel,
  action: Action,
  args: readonly number[],
  known: ReadonlySet<string> = new Set(),
): string[] {
  const { code } = checked;
  const isOpen = (theorem: Theorem) => !known.has(`${theorem.name} ${action.name}`);
  const named = new Map(action.fn.parameters.slice(1).map((name, i): [string, number] => [name, args[i]]));
  const replay = (theorem: Theorem, u: number, t?: Kernel) =>
    new Replay(code, program, { theorem, action }, new Map([...named, ['u', u]]), k, t ?? k);
  const found: string[] = [];
  // WINDOW is about calls.
  const isAbout = (theorem: Theorem) => theorem.name !== 'WINDOW' || (named.has('core') && named.has('p'));
  try {
    if (!replay(OF_ONE_STATE[0], 0).isGenuine()) return [];
  } catch {
    return [];
  }
  try {
    checked.run(k, action.fn.name, args);
    checked.undo(k);
  } catch (error) {
    checked.undo(k);
    return error instanceof Unsafe ? ['SAFE'] : [];
  }
  const isFalse = (theorem: Theorem, u = 0, t?: Kernel): boolean => {
    try {
      const told = replay(theorem, u, t);
      return (t === undefined ? told.claim() : told.violation()) !== undefined;
    } catch (error) {
      if (error instanceof Unsafe) return false;
      throw error;
    } finally {
      checked.undo(k);
    }
  };
  for (const theorem of OF_ONE_STATE)
    if (isOpen(theorem) && isAbout(theorem) && isFalse(theorem)) found.push(theorem.name);
  const { caller } = replay(LR, 0);
  const domains = [...Array.from({ length: Number(k['np']) }, (_, p) => p), -1, -2];
  const flow = (u: number) => code['flows'](k, caller, u) === true;
  if (isOpen(LR) && domains.some((u) => !flow(u) && isFalse(LR, u))) found.push('LR');
  // Two states: of the first that is looked at.
  if (known.size > 0) return found;
  const pick = random(11);
  const other = (seen: readonly number[]): Kernel | undefined => {
    try {
      return alike(program, code, k, seen, pick);
    } catch (error) {
      if (error instanceof Unsafe) return undefined;
      throw error;
    }
  };
  if ([1, 2].some(() => isFalse(OC, 0, other([caller]) ?? k))) found.push('OC');
  if (domains.some((u) => flow(u) && isFalse(WSC, u, other([caller, u]) ?? k))) found.push('WSC');
  return found;
}
/** Whether this theorem is false of these states, as a solver has found them: replayed on the code. */
export function isBreached(
  program: Program,
  checked: CheckedCode,
  outcome: { readonly theorem: Theorem; readonly action: Action },
  unknowns: ReadonlyMap<string, number>,
  s: Kernel,
  t: Kernel,
): boolean {
  const replay = new Replay(checked.code, program, outcome, unknowns, s, t);
  try {
    if (outcome.theorem.name !== 'SAFE') return replay.violation() !== undefined;
    if (!replay.isGenuine()) return false;
  } catch (error) {
    if (error instanceof Unsafe) return false;
    throw error;
  }
  try {
    replay.run(s);
    return false;
  } catch (error) {
    return error instanceof Unsafe;
  }
}
