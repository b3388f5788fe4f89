// Plans in which mutants of boot are run: well-formed ones, and such that one validator alone refuses. What a mutant accepts of
// these is booted and run until a theorem is seen to be false: of a state that its boot and the invariant admit.
import { random, randomPlan } from './explore.ts';
import { CheckedCode, Endless, Unsafe } from './evidence-code.ts';
import { edgesOf } from './evidence-edges.ts';
import { breaches } from './evidence-states.ts';
import { actionsOf } from './setting.ts';
import type { Program } from './language.ts';
import type { Edge } from './evidence-edges.ts';
import type { Desk, Words } from './evidence-states.ts';
import type { Effects } from './evidence-code.ts';
import type { Kernel } from './story.ts';
import type { Action } from './setting.ts';

/** Well-formed plans. */
const PLANS = 40;
/** Changes of them that are tried for each validator, and plans that it alone refuses of these that are kept. */
const TRIED = 6000;
const KEPT = 500;
/** Plans for a mutant, of those that are accepted, that are searched for a breach; runs of each and actions of each run. */
const SEARCHED = 24;
const RUNS = 4;
const STEPS = 60;
/** Well-formed plans that changes are made of for one mutant, and changed ones of each that are booted. */
const BASES = 3;
const FOUND = 60;
const EXTREMES = [3, 4, 8, 31, 32, 64, 256, 512, 1 << 20, 1 << 24, (1 << 30) - 1, 1 << 30, 0x7fffffff, -0x80000000];
/** Where more validators than these run a function, so many plans of each. */
const FEW = 3;
const OF_EACH = 60;

interface Hostile {
  readonly words: Words;
  /** The validator that alone refuses it; undefined: none does, or more than one. */
  readonly by: string | undefined;
  /** What is false when it is accepted, and the way there: undefined: not yet looked for; null: nothing was found. */
  breach?: { readonly theorem: string; readonly run: number } | null;
}

export class Plans {
  readonly #program: Program;
  readonly #checked: CheckedCode;
  readonly #desk: Desk;
  readonly #actions: readonly Action[];
  readonly #good: Words[] = [];
  readonly #bodies: ReadonlyMap<string, string>;
  readonly #hostile = new Map<string, Hostile[]>();
  readonly #learnt = new Map<string, Words[]>();
  readonly #edges: ReturnType<typeof edgesOf>;
  constructor(program: Program, core: string, checked: CheckedCode, desk: Desk) {
    this.#program = program;
    this.#checked = checked;
    this.#desk = desk;
    this.#actions = actionsOf(program);
    this.#bodies = new Map(
      [...core.matchAll(/^(?:export )?function (\w+)\([^]*?\n\}\n/gm)].map(([body, name]) => [name, body]),
    );
    this.#edges = edgesOf(checked, desk, this.#actions);
    const pick = random(7);
    for (let i = 0; i < PLANS; i++) this.#good.push(desk.words(randomPlan(checked.code, pick), true));
  }
  #called(fn: string): Set<string> {
    const all = new Set([fn]);
    for (const name of all)
      for (const [, other] of (this.#bodies.get(name) ?? '').matchAll(/\b(\w+)\(/g))
        if (this.#bodies.has(other)) all.add(other);
    return all;
  }
  /** Validators that run this function; all, if `validate` is it or it is boot's own. */
  #validatorsOf(fn: string): string[] {
    const all = [...this.#bodies.keys()].filter((name) => name.startsWith('wf_'));
    const own = all.filter((name) => this.#called(name).has(fn));
    return own.length > 0 ? own : all;
  }
  /** Plans that this validator alone refuses. */
  #refusedBy(validator: string): Hostile[] {
    const known = this.#hostile.get(validator);
    if (known !== undefined) return known;
    const [checked, desk] = [this.#checked, this.#desk];
    const text = [...this.#called(validator)].map((name) => this.#bodies.get(name)).join('\n');
    const names = [...new Set([...text.matchAll(/\bk\.(\w+)/g)].map((m) => m[1]))];
    const numbers = names.map((name) => checked.names.indexOf(name)).filter((n) => n >= 0);
    const pick = random(validator.length * 131 + 17);
    const kept: Hostile[] = [];
    const accepts = (words: Words): boolean => {
      try {
        const k = desk.load(words);
        const { result } = checked.run(k, 'boot', []);
        checked.undo(k);
        return result === Number(checked.code['OK']);
      } catch (error) {
        checked.undo(desk.k);
        if (error instanceof Unsafe || error instanceof Endless) return false;
        throw error;
      }
    };
    const candidates: Words[] = [];
    const wild: Words[] = [];
    const parameters = /\(([^)]*)\)/.exec(this.#bodies.get(validator) ?? '')?.[1] ?? 'k: Kernel';
    checked.override(validator, `function ${validator}(${parameters.replaceAll(/: \w+/g, '')}) { return true; }`);
    for (let i = 0; i < TRIED && candidates.length < KEPT; i++) {
      const words = this.#changed(this.#good[pick(this.#good.length)], numbers, pick);
      if (accepts(words)) candidates.push(words);
      else if (wild.length < KEPT) wild.push(words);
    }
    checked.restore(validator);
    for (const words of candidates) kept.push({ words, by: accepts(words) ? undefined : validator });
    for (const words of wild) kept.push({ words, by: undefined });
    this.#hostile.set(validator, kept);
    return kept;
  }
  /** One to three words of these tables changed: to others, to their neighbours, to limits. */
  #changed(good: Words, numbers: readonly number[], pick: (n: number) => number): Words {
    const words = [...good];
    const isTable = (n: number) => this.#checked.isTable(n);
    const domainOf = (n: number) => this.#program.tables.get(this.#checked.names[n])?.domain;
    for (let n = [1, 1, 1, 2, 2, 3][pick(6)]; n > 0; n--) {
      const number = numbers[pick(numbers.length)];
      // A row that is in use, in this table or in another one with the same rows.
      const own: number[] = [];
      const domain = domainOf(number);
      for (let i = 0; i < words.length; i += 3)
        if (words[i] === number || (domain !== undefined && domainOf(words[i]) === domain)) own.push(words[i + 1]);
      const near = words[3 * pick(words.length / 3) + 2];
      const isOwn = own.length > 0 && pick(6) !== 0;
      const row = isOwn
        ? own[pick(own.length)] + (pick(6) === 0 ? 1 : 0)
        : isTable(number)
          ? pick(4) * [1, 16, 32, 64][pick(4)] + pick(3)
          : 0;
      let at = -1;
      for (let i = 0; i < words.length; i += 3) if (words[i] === number && words[i + 1] === row) at = i;
      const old = at < 0 ? 0 : words[at + 2];
      // The plan's numbers (of partitions, ports, ...) come first.
      const counted = good[3 * pick(7) + 2];
      const value = [
        old + 1, old - 1, counted, counted - 1, near, near + 1, near - 1, -1, 0, 1, 2, 3, 4, 8, 64, 1 << 20, 1 << 24, 1 << 30,
        (1 << 30) + 1, 0x7fffffff, -0x80000000,
      ][pick(21)] | 0; // prettier-ignore
      if (at >= 0) words[at + 2] = value;
      else if (row < (this.#program.tables.get(this.#checked.names[number])?.size ?? 1)) words.push(number, row, value);
    }
    return words;
  }

  /** Makes the plans that mutants of this function are run in: with the core as it is. */
  prepare(fn: string): void {
    for (const validator of this.#validatorsOf(fn)) this.#refusedBy(validator);
  }
  /**
   * `THEOREM` or `THEOREM ACTION` that is false of the core with this function exchanged, changed in this line; undefined: none
   * was seen.
   */
  refuted(fn: string, line: string): string | undefined {
    const desk = this.#desk;
    if (fn === 'boot' && this.#bootsAgain()) return 'REFUSED';
    for (const words of this.#good) {
      const said = this.boots(desk.load(words));
      if (typeof said === 'string') return said;
      if (!said) return 'COVER boot';
    }
    let searched = 0;
    // A line of `validate` is about one of them.
    const about = fn === 'validate' ? /wf_\w+/.exec(line)?.[0] : undefined;
    const validators = about === undefined ? this.#validatorsOf(fn) : [about];
    for (const validator of validators) {
      const all = this.#refusedBy(validator);
      const list = validators.length > FEW ? all.slice(0, OF_EACH) : all;
      // First what has refuted others.
      const order = list.toSorted((a, b) => Number(b.breach != null) - Number(a.breach != null));
      for (const hostile of order) {
        const said = this.boots(desk.load(hostile.words));
        if (typeof said === 'string') return said;
        if (!said || hostile.by === undefined || hostile.breach === null) continue;
        if (hostile.breach === undefined && searched >= SEARCHED) continue;
        searched += 1;
        const run = hostile.breach === undefined ? undefined : hostile.breach.run;
        const breach = this.#search(hostile.words, run);
        if (hostile.breach === undefined) hostile.breach = breach ?? null;
        if (breach !== undefined) return breach.theorem;
      }
    }
    return undefined;
  }
  /** As `refuted`, in the plans at the edges. */
  refutedAtEdges(): string | undefined {
    const { good, bad } = this.#edges;
    for (const edge of good) {
      const said = this.#atEdge(edge);
      if (said !== undefined) return said === 'refused' ? 'COVER boot' : said;
    }
    for (const edge of bad) {
      const said = this.#atEdge(edge);
      if (said !== undefined && said !== 'refused') return said;
    }
    return undefined;
  }
  #atEdge({ plan, action, args, state }: Edge): string | undefined {
    const [checked, desk] = [this.#checked, this.#desk];
    const said = this.boots(desk.load(plan));
    if (typeof said === 'string') return said;
    if (!said) return 'refused';
    if (action === undefined) return undefined;
    const k = desk.load(plan);
    checked.run(k, 'boot', []);
    const after = desk.words(k, false);
    checked.undo(k);
    const [theorem] = breaches(this.#program, checked, desk.load(plan, [...after, ...state]), action, args);
    return theorem === undefined ? undefined : `${theorem} ${action.name}`;
  }
  /** Plans that a solver has found for a mutant of this function are tried on its others. */
  learn(fn: string, k: Kernel): void {
    this.#learnt.set(fn, [this.#desk.words(k, true), ...(this.#learnt.get(fn) ?? [])]);
  }
  /** As `refuted`, in these plans alone. */
  refutedByLearnt(fn: string): string | undefined {
    for (const words of this.#learnt.get(fn) ?? []) {
      const said = this.boots(this.#desk.load(words));
      if (typeof said === 'string') return said;
    }
    return undefined;
  }
  /** The validator that runs this function, itself or in it; undefined: more than one, or none. */
  #ownerOf(fn: string): string | undefined {
    const own = this.#validatorsOf(fn);
    return own.length === 1 ? own[0] : undefined;
  }
  /**
   * As `refuted`, in plans made for this mutant: such that its validator accepts a row that it refused, or reaches beyond a
   * table. `text` is the change; the function is exchanged here.
   */
  directed(
    fn: string,
    change: { readonly start: number; readonly end: number; readonly to: string },
  ): string | undefined {
    const validator = this.#ownerOf(fn);
    if (validator === undefined) return undefined;
    const [checked, desk] = [this.#checked, this.#desk];
    const text = [...this.#called(validator)].map((name) => this.#bodies.get(name)).join('\n');
    const names = [...new Set([...text.matchAll(/\bk\.(\w+)/g)].map((m) => m[1]))];
    const numbers = names.map((name) => checked.names.indexOf(name)).filter((n) => n >= 0);
    const domains = numbers.map((n) => this.#program.tables.get(checked.names[n])?.domain);
    const pick = random(29);
    const judge = (k: Kernel, row: number): boolean | undefined => {
      try {
        return checked.ask(validator, k, row) === true;
      } catch (error) {
        if (error instanceof Unsafe || error instanceof Endless) return undefined;
        throw error;
      }
    };
    let searched = 0;
    for (let n = 0; n < BASES && searched < SEARCHED; n++) {
      const base = this.#good[pick(this.#good.length)];
      const k = desk.load(base);
      const places = numbers.map((number, i): number[] => {
        const rows = new Set([0, 1]);
        for (let j = 0; j < base.length; j += 3) {
          const domain = this.#program.tables.get(checked.names[base[j]])?.domain;
          if (base[j] === number || (domain !== undefined && domain === domains[i])) rows.add(base[j + 1]);
        }
        return checked.isTable(number) ? [...rows] : [0];
      });
      const found: Words[] = [];
      const tries: [changes: number[], row: number][] = Array.from({ length: TRIED }, () => {
        const changes: number[] = [];
        const rows: number[] = [];
        for (let c = 1 + pick(3); c > 0; c--) {
          const i = pick(numbers.length);
          const row = places[i][pick(places[i].length)];
          const old = checked.at(k, numbers[i], row);
          const near = base[3 * pick(base.length / 3) + 2];
          const value = [
            old + 1,
            old - 1,
            base[3 * pick(7) + 2],
            near,
            near + 1,
            -1,
            0,
            1,
            2,
            EXTREMES[pick(EXTREMES.length)],
          ];
          changes.push(numbers[i], row, value[pick(value.length)] | 0);
          rows.push(row);
        }
        const i = pick(numbers.length);
        rows.push(places[i][pick(places[i].length)]);
        return [changes, validator === 'wf_sizes' ? 0 : rows[pick(rows.length)]];
      });
      const said = (): (boolean | undefined)[] =>
        tries.map(([changes, row]) => {
          const old: number[] = [];
          for (let i = 0; i < changes.length; i += 3) {
            old.push(checked.at(k, changes[i], changes[i + 1]));
            checked.put(k, changes[i], changes[i + 1], changes[i + 2]);
          }
          const answer = judge(k, row);
          for (let i = changes.length - 3; i >= 0; i -= 3) checked.put(k, changes[i], changes[i + 1], old[i / 3]);
          return answer;
        });
      const before = said();
      checked.exchange(fn, change);
      try {
        said().forEach((answer, i) => {
          if (found.length < FOUND && answer !== before[i] && answer !== false) found.push([...base, ...tries[i][0]]);
        });
        for (const words of found) {
          const boots = this.boots(desk.load(words));
          if (typeof boots === 'string') return boots;
          if (!boots || searched >= SEARCHED) continue;
          searched += 1;
          const breach = this.#search(words);
          if (breach !== undefined) return breach.theorem;
        }
      } finally {
        checked.restore(fn);
      }
    }
    return undefined;
  }
  /** Whether boot accepts the plan; a theorem of boot, if that is false. */
  boots(k: Kernel): boolean | string {
    const checked = this.#checked;
    let effects: Effects;
    try {
      effects = checked.run(k, 'boot', []);
    } catch (error) {
      checked.undo(k);
      if (error instanceof Unsafe) return 'BOOT-SAFE';
      if (error instanceof Endless) return false;
      throw error;
    }
    try {
      if (effects.result !== Number(checked.code['OK'])) {
        const isRefused = effects.result === Number(checked.code['E_PLAN']) && effects.changed.size === 0;
        return isRefused ? false : 'REFUSED';
      }
      if (!this.#isAsSaid(k)) return 'BOOT';
      if (checked.ask('plan', k) !== true || checked.ask('invariant', k) !== true) return 'BOOT';
      return true;
    } catch (error) {
      if (error instanceof Unsafe) return 'SPEC-SAFE plan';
      throw error;
    } finally {
      checked.undo(k);
    }
  }
  /** A system that runs is booted once more. */
  #bootsAgain(): boolean {
    const checked = this.#checked;
    const k = this.#desk.load(this.#good[0]);
    checked.put(k, checked.names.indexOf('sysMode'), 0, Number(checked.code['SYS_RUN']));
    const { result, changed } = checked.run(k, 'boot', []);
    checked.undo(k);
    k['sysMode'] = 0;
    return result !== Number(checked.code['E_PLAN']) || changed.size > 0;
  }
  /** After boot every word is as behaviour.ts says, at the rows that plans here have. */
  #isAsSaid(k: Kernel): boolean {
    const { code, names } = this.#checked;
    return names.every((name, number) => {
      if (!(`vis_${name}` in code)) return true;
      const says = code[`boot_${name}`];
      const rows = this.#checked.isTable(number) ? [0, 1, 2, 3, 4, 5, 6, 7] : [0];
      // What it says of is the plan, which boot does not change.
      return rows.every((row) => this.#checked.at(k, number, row) === (says === undefined ? 0 : says(k, row)));
    });
  }
  /** Runs from a plan that boot accepts, until a theorem is false. `only`: this run. */
  #search(words: Words, only?: number): { theorem: string; run: number } | undefined {
    const [checked, desk] = [this.#checked, this.#desk];
    for (let run = only ?? 0; run < (only === undefined ? RUNS : only + 1); run++) {
      const pick = random(run + 1);
      const k = desk.load(words);
      checked.run(k, 'boot', []);
      checked.forget();
      try {
        (k['inp'] as Int32Array).subarray(0, 4).forEach((_, w, inp) => {
          inp[w] = pick(1000);
        });
        for (let i = 0; i < STEPS; i++) {
          const [action, args] = this.#next(k, pick);
          if (this.#isSuspect(k, action, args)) {
            const [theorem] = breaches(this.#program, checked, k, action, args);
            if (theorem !== undefined) return { theorem: `${theorem} ${action.name}`, run };
            break;
          }
          checked.run(k, action.fn.name, args);
          checked.forget();
        }
      } catch (error) {
        if (!(error instanceof Unsafe || error instanceof Endless)) throw error;
      } finally {
        // Whatever has been written is not known to the desk.
        for (const name of checked.names) {
          const table = k[name];
          if (typeof table === 'number') k[name] = 0;
          else table.fill(name === 'slotOwner' ? -1 : 0);
        }
      }
    }
    return undefined;
  }
  /** A cheap look: whether a theorem may be false of this action. */
  #isSuspect(k: Kernel, action: Action, args: readonly number[]): boolean {
    const checked = this.#checked;
    const { code } = checked;
    const named = new Map(action.fn.parameters.slice(1).map((name, i): [string, number] => [name, args[i]]));
    const caller = named.get('p') ?? Number(code[`domain_${action.fn.name}`]());
    const domains = [...Array.from({ length: Number(k['np']) }, (_, p) => p), -1, -2];
    try {
      const { changed, result } = checked.run(k, action.fn.name, args);
      const places = [...changed].map(([key, value]) => ({
        number: Math.floor(key / (1 << 20)),
        row: key % (1 << 20),
        value,
      }));
      const at = ({ number, row }: { number: number; row: number }) => (checked.isTable(number) ? [row] : []);
      const see = (u: number) =>
        places.map((place) => {
          const name = checked.names[place.number];
          const fn = code[`see_${name}`] ?? code[`vis_${name}`];
          if (fn === undefined) return undefined;
          const seen = fn(k, u, ...at(place));
          return seen === true ? checked.at(k, place.number, place.row) : seen;
        });
      if (checked.ask('invariant', k) !== true) return true;
      if (action.name === 'untilSwitch' && Number(result) < 1) return true;
      const apart = domains.filter((u) => code['flows'](k, caller, u) !== true);
      const after = apart.map(see);
      checked.undo(k);
      if (apart.some((u, i) => see(u).some((x, j) => x !== after[i][j]))) return true;
      const says = (name: string) => code[`${action.name}_${name}`] ?? code[`${action.fn.name}_${name}`];
      return places.some((place) => {
        const name = checked.names[place.number];
        if (name === 'out' || name === 'outN') return false;
        if (code[`may_${name}`]?.(k, caller, ...at(place)) === false) return true;
        const fn = says(name);
        if (fn === undefined) return true;
        return this.#said(`${action.name}_${name}`, `${action.fn.name}_${name}`, k, named, place.row) !== place.value;
      });
    } catch (error) {
      if (error instanceof Unsafe || error instanceof Endless) return true;
      throw error;
    } finally {
      checked.undo(k);
    }
  }
  #said(own: string, all: string, k: Kernel, named: ReadonlyMap<string, number>, row: number): unknown {
    const fn = this.#program.functions.get(own) ?? this.#program.functions.get(all);
    if (fn === undefined) return undefined;
    const args = fn.parameters.slice(1).map((name) => {
      const plain = name.replace(/^_/, '');
      return plain === 'i' ? row : named.get(plain);
    });
    return this.#checked.code[fn.name](k, ...args);
  }
  /** An action that has something to do, as a rule. */
  #next(k: Kernel, pick: (n: number) => number): [Action, number[]] {
    const at = (table: string, row: number) => (k[table] as Int32Array)[row] ?? 0;
    const p = pick(Number(k['np']) + (pick(20) === 0 ? 1 : 0));
    const due = ['', 'stopped', 'work', 'work', 'loaded'][at('state', p)] ?? '';
    const kind = pick(3);
    const operations = this.#actions.filter((a) => a.op !== undefined);
    const action =
      (kind === 0 ? this.#actions.find((a) => a.name === (due || 'tick')) : undefined) ??
      (kind === 1 ? this.#actions[pick(this.#actions.length)] : operations[pick(operations.length)]);
    const cores = Array.from({ length: Number(k['ncores']) }, (_, core) => core);
    const core = cores.find((c) => at('winPart', at('curWin', c)) === p) ?? pick(2);
    const args = action.fn.parameters.slice(1).map((name) => {
      if (name === 'op') return typeof action.op === 'number' ? action.op : 99;
      if (name === 'p') return p;
      if (name === 'core') return core;
      if (name === 'n') return [1, 1, 2, 3][pick(4)];
      if (name === 'code') return pick(16);
      return [0, 0, 0, 1, 1, 2, 3, 4, 8, 9, -1, 31][pick(12)];
    });
    return [action, args];
  }
}
