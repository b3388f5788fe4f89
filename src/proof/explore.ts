// Random runs of the core that ships, from random plans that boot accepts: for COVER (every result that the proof reckons
// with does occur, so that no theorem speaks of nothing) and for tests that compare the executor with V8.
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { valueOf } from './term.ts';
import { actionsOf, argumentsOf, isPlan } from './setting.ts';
import type { Program } from './language.ts';
import type { Code, Kernel } from './story.ts';
import type { Term } from './term.ts';
import type { Action } from './setting.ts';

/** Numbers below n, always the same ones. */
export function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return (x >>> 8) % n;
  };
}

const at = (k: Kernel, table: string): Int32Array => k[table] as Int32Array;

/** One to four partitions, joined at random. */
function randomPlan(code: Code, pick: (n: number) => number): Kernel {
  const k = new code.Kernel();
  const [maxEnds, maxPartitions] = [Number(code['MAX_ENDS']), Number(code['MAX_PARTITIONS'])];
  const np = 1 + pick(4);
  const ns = np === 1 ? 0 : pick(4);
  k['np'] = np;
  k['ns'] = ns;
  for (let p = 0; p < np; p++) {
    at(k, 'counts')[p] = pick(2);
    at(k, 'mayShutDown')[p] = pick(2);
    at(k, 'quota')[p] = 64 + pick(3) * 50;
  }
  for (let s = 0; s < ns; s++) {
    const from = pick(np);
    const to = (from + 1 + pick(np - 1)) % np;
    at(k, 'streamFrom')[s] = from;
    at(k, 'streamTo')[s] = to;
    for (const [p, q, end] of [
      [from, to, 'streamFromEnd'],
      [to, from, 'streamToEnd'],
    ] as const) {
      const e = at(k, 'ends')[p]++;
      at(k, end)[s] = e;
      at(k, 'endStream')[p * maxEnds + e] = s;
      at(k, 'joined')[p * maxPartitions + q] = e + 1;
    }
  }
  return k;
}

export interface Step {
  readonly action: Action;
  readonly args: ReadonlyMap<string, number>;
  /** Copies, if wanted; else the state of the run itself, which goes on. */
  readonly before: Kernel;
  readonly after: Kernel;
  readonly result: unknown;
}

/** Runs of 40 actions each. */
export function* explore(program: Program, code: Code, runs: number, seed: number, copies = true): Generator<Step> {
  const pick = random(seed);
  const actions = actionsOf(program);
  for (let run = 0; run < runs; run++) {
    const k = randomPlan(code, pick);
    if (code['boot'](k) !== Number(code['OK'])) throw new Error('boot refuses a plan that is well-formed');
    const np = Number(k['np']);
    for (let i = 0; i < 40; i++) {
      // Births end, mostly, and not everybody dies soon.
      const favourite = ['HELLO', 'release', 'tick'][pick(6)];
      const any = actions.filter((a) => !['died', 'stop'].includes(a.name) || pick(8) === 0);
      const action = actions.find((a) => a.name === favourite) ?? any[pick(any.length)];
      const args = new Map(
        action.fn.parameters.slice(1).map((name): [string, number] => {
          if (name === 'op') return [name, typeof action.op === 'number' ? action.op : 99 + pick(9)];
          return [name, name === 'p' ? pick(np + 1) - (pick(20) === 0 ? 1 : 0) : [0, 0, 0, 1, 1, 2, -1, 5000][pick(8)]];
        }),
      );
      const before = copies ? structuredClone(k) : k;
      const result = code[action.fn.name](k, ...args.values());
      yield { action, args, before, after: copies ? structuredClone(k) : k, result };
    }
  }
}

/** The constants among which an action's result chooses. */
function resultsOf(program: Program, action: Action): Set<number> {
  const execution = new Execution(program, 'cover');
  const result = execution.call(action.fn.name, argumentsOf(action, State.any(program, 'S', isPlan(program))));
  const results = new Set<number>();
  const seen = new Set<Term>();
  const collect = (t: Term | undefined): void => {
    if (t === undefined || seen.has(t)) return;
    seen.add(t);
    const value = valueOf(t);
    if (value !== undefined) results.add(value);
    if (t.op === 'ite') t.args.slice(1).forEach(collect);
  };
  collect(result);
  return results;
}

/** Results, as "ACTION VALUE", that the proof reckons with, and which of them no run has shown. */
export function cover(
  program: Program,
  code: Code,
  runs: number,
): { readonly wanted: number; readonly missing: string[] } {
  // The operations that there are not end as one of those that there are, or as E_OP: only that is wanted.
  const wanted = new Set(
    actionsOf(program)
      .filter((action) => action.op !== 'other')
      .flatMap((action) => [...resultsOf(program, action)].map((value) => `${action.name} ${value}`)),
  );
  wanted.add(`OTHER ${program.constants.get('E_OP')}`);
  const missing = new Set(wanted);
  for (const { action, result } of explore(program, code, runs, 1, false))
    missing.delete(`${action.name} ${String(result)}`);
  return { wanted: wanted.size, missing: [...missing] };
}
