// The explicit-state explorer: from a booted plan, every order of the given actions up to a depth, each state once. In every state the
// invariant must hold, and every step must keep the policy. What the proof says of all states for ever is seen here to happen
// in real ones, of the core that runs.
//
// The policy is looked at as the theorems have it. LR: a step of domain d changes nothing that u sees unless d ~> u.
// WSC: between any two states in which u and d see the same, the same step leads to what u sees the same. OC: a step gives
// the same result in any two states in which d sees the same.
import type { Action } from './actions.ts';
import { type Kernel, mix, type StateSpace } from './state.ts';

export interface Limits {
  /** Steps from the first state. */
  readonly depth: number;
  /** States; then no new ones are taken. */
  readonly states: number;
}

export interface Violation {
  readonly theorem: 'INV' | 'LR' | 'WSC' | 'OC' | 'throws';
  /** The steps that lead there, the last one included. */
  readonly steps: readonly string[];
  /** WSC, OC: another way to a state that looks the same. */
  readonly otherSteps?: readonly string[];
  /** Who sees it; INV: nobody. */
  readonly observer?: number;
  readonly says: string;
}

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  /** The deepest level that was gone through whole. */
  readonly depth: number;
  /** Results that each kind of step has given: the first word of its name. */
  readonly results: ReadonlyMap<string, ReadonlySet<number>>;
  readonly violations: readonly Violation[];
}

/** Result and result words of the call that was made last. */
function answerOf(k: Kernel, result: number): number {
  return mix(result, k.outN, ...k.out.subarray(0, k.outN));
}

interface Reached {
  readonly words: Int32Array;
  /** Number of the state that it was reached from, and the action; -1: the first. */
  readonly from: number;
  readonly action: number;
}

export class Explorer {
  readonly #space: StateSpace;
  readonly #k: Kernel;
  readonly #actions: readonly Action[];
  readonly #states: Reached[] = [];
  readonly #known = new Map<number, number>();
  /** WSC: (action, observer, what it and the caller saw) -> what it saw then, and in which state that was. */
  readonly #seen = new Map<number, { readonly after: number; readonly state: number }>();
  readonly #answers = new Map<number, { readonly after: number; readonly state: number }>();
  readonly #allowed: ReadonlyMap<number, ReadonlySet<number>>;
  readonly #violations: Violation[] = [];
  readonly #results = new Map<string, Set<number>>();

  /** `k`: booted, in the state to begin with; it is used up. Stops at the first violation. */
  constructor(space: StateSpace, k: Kernel, actions: readonly Action[]) {
    this.#space = space;
    this.#k = k;
    this.#actions = actions;
    const { flows } = space.code.spec;
    this.#allowed = new Map(space.domains.map((d) => [d, new Set(space.domains.filter((u) => flows(k, d, u)))]));
  }

  run({ depth, states }: Limits): Exploration {
    this.#add({ words: this.#space.save(this.#k), from: -1, action: -1 });
    this.#checkInvariant(0);
    let [first, steps, level] = [0, 0, 0];
    for (; level < depth && this.#violations.length === 0; level++) {
      const last = this.#states.length;
      if (first === last) break;
      for (let state = first; state < last && this.#violations.length === 0; state++) {
        steps += this.#expand(state, this.#states.length < states);
      }
      if (this.#states.length >= states) break;
      first = last;
    }
    return {
      states: this.#states.length,
      steps,
      depth: level,
      results: this.#results,
      violations: this.#violations,
    };
  }

  #add(state: Reached): number {
    const number = this.#states.push(state) - 1;
    this.#known.set(this.#space.hash(state.words), number);
    return number;
  }

  /** All steps from one state. */
  #expand(state: number, takesNew: boolean): number {
    const { words } = this.#states[state];
    const space = this.#space;
    const views = new Map(space.domains.map((u) => [u, space.view(words, u)]));
    for (const [i, action] of this.#actions.entries()) {
      space.restore(this.#k, words);
      let result: number;
      try {
        result = action.run(this.#k);
      } catch (error) {
        this.#report({ theorem: 'throws', state, action: i, says: String(error) });
        continue;
      }
      this.#note(action.name, result);
      const after = space.save(this.#k);
      this.#checkAnswer(state, i, views, answerOf(this.#k, result));
      this.#checkViews(state, i, views, after);
      if (!takesNew || this.#known.has(space.hash(after))) continue;
      this.#checkInvariant(this.#add({ words: after, from: state, action: i }));
    }
    return this.#actions.length;
  }

  #note(name: string, result: number): void {
    const kind = /^\w+/.exec(name)![0];
    const results = this.#results.get(kind);
    if (results === undefined) this.#results.set(kind, new Set([result]));
    else results.add(result);
  }

  #checkAnswer(state: number, action: number, views: ReadonlyMap<number, number>, answer: number): void {
    const key = mix(action, views.get(this.#actions[action].domain)!);
    const known = this.#answers.get(key);
    if (known === undefined) this.#answers.set(key, { after: answer, state });
    else if (known.after !== answer) {
      const { domain } = this.#actions[action];
      const says = 'two states that look the same to the caller give two results';
      this.#report({ theorem: 'OC', state, action, other: known.state, observer: domain, says });
    }
  }

  #checkViews(state: number, action: number, views: ReadonlyMap<number, number>, after: Int32Array): void {
    const space = this.#space;
    const { domain } = this.#actions[action];
    const allowed = this.#allowed.get(domain)!;
    for (const u of space.domains) {
      const [before, now] = [views.get(u)!, space.view(after, u)];
      if (!allowed.has(u) && before !== now) {
        const says = space.changes(this.#states[state].words, after, u).join(', ');
        this.#report({ theorem: 'LR', state, action, observer: u, says });
      }
      const key = mix(action, u, before, views.get(domain)!);
      const known = this.#seen.get(key);
      if (known === undefined) this.#seen.set(key, { after: now, state });
      else if (known.after !== now) {
        const says = 'two states that look the same to observer and caller lead to two views';
        this.#report({ theorem: 'WSC', state, action, other: known.state, observer: u, says });
      }
    }
  }

  #checkInvariant(state: number): void {
    const { words } = this.#states[state];
    this.#space.restore(this.#k, words);
    const broken = brokenInvariant(this.#space, this.#k);
    if (broken !== undefined) this.#report({ theorem: 'INV', state, says: `${broken} does not hold` });
  }

  #report(found: {
    readonly theorem: Violation['theorem'];
    readonly state: number;
    readonly action?: number;
    readonly other?: number;
    readonly observer?: number;
    readonly says: string;
  }): void {
    const { theorem, state, action, other, observer, says } = found;
    const last = action === undefined ? [] : [this.#actions[action].name];
    this.#violations.push({
      theorem,
      steps: [...this.#way(state), ...last],
      ...(other === undefined ? {} : { otherSteps: [...this.#way(other), ...last] }),
      ...(observer === undefined ? {} : { observer }),
      says,
    });
  }

  #way(state: number): string[] {
    const { from, action } = this.#states[state];
    return from < 0 ? [] : [...this.#way(from), this.#actions[action].name];
  }
}

/** The first part of the invariant that does not hold; only rows that the plan uses are looked at. */
export function brokenInvariant({ code }: StateSpace, k: Kernel): string | undefined {
  const { spec } = code;
  const parts: readonly (readonly [name: string, rows: number, holds: (row: number) => boolean])[] = [
    ['inv_system', 1, () => spec.inv_system(k)],
    ['inv_core', k.ncores, (i) => spec.inv_core(k, i)],
    ['inv_partition', k.np, (p) => spec.inv_partition(k, p)],
    ['inv_health', k.np, (p) => spec.inv_health(k, p)],
    ['inv_wait', k.np, (p) => spec.inv_wait(k, p)],
    ['inv_port', k.nports, (c) => spec.inv_port(k, c)],
    ['inv_slot', Math.max(0, ...k.slotEnd.subarray(0, k.np)), (s) => spec.inv_slot(k, s)],
    ['inv_sample', k.nsamples, (m) => spec.inv_sample(k, m)],
  ];
  for (const [name, rows, holds] of parts) {
    for (let row = 0; row < rows; row++) if (!holds(row)) return `${name}(${row})`;
  }
  return undefined;
}
