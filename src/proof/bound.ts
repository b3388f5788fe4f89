// BOUND: how many steps an action takes at most, as a sum over the plan's own numbers. Steps are statements and
// expressions; both sides of a branch count, so the true number is smaller.
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { show, walk } from './term.ts';
import { argumentsOf, isPlan } from './setting.ts';
import type { Program } from './language.ts';
import type { Action } from './setting.ts';

export interface Bound {
  /** `143 + 12 * C.np`. */
  readonly text: string;
  /** Loops whose number of turns is not the plan's. */
  readonly unbounded: readonly string[];
}

export function boundOf(program: Program, action: Action): Bound {
  const execution = new Execution(program, 'bound');
  execution.call(action.fn.name, argumentsOf(action, State.any(program, 'S', isPlan(program))));
  const unbounded: string[] = [];
  const sum = new Map<string, number>();
  for (const { turns, steps, where } of execution.trips) {
    walk([turns], (t) => {
      const ofPlan = t.op !== 'var' && t.op !== 'cell' ? true : String(t.payload).startsWith('C.');
      if (!ofPlan && !unbounded.includes(where)) unbounded.push(where);
    });
    sum.set(show(turns), (sum.get(show(turns)) ?? 0) + steps);
  }
  const text = [String(execution.steps), ...[...sum].map(([turns, steps]) => `${steps} * ${turns}`)].join(' + ');
  return { text, unbounded };
}
