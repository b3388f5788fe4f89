// Theorem CORE: what SAFE of the supervisor takes for granted of the proved core (sound.ts). The core's invariant, which its own theorems
// show to be kept, implies it; but for the words that go out, of which each action is asked.
import { Analysis } from '../../compiler/analysis.ts';
import { Execution } from '../execute.ts';
import { Question } from '../question.ts';
import { State } from '../state.ts';
import * as T from '../term.ts';
import { assumeOther } from '../setting.ts';
import { anyState } from './program.ts';
import { assumePlan } from './regions.ts';
import type { Fn } from '../language.ts';
import type { Term } from '../term.ts';
import type { MetalProgram } from './program.ts';

const { and, eq, implies, not, sle, slt, word } = T;

export interface CoreAction {
  readonly name: string;
  readonly fn: Fn;
  /** The operation's number; undefined: none that there is. */
  readonly op: number | undefined;
}
/** Actions of the core that put out words. */
export function coreActions({ program, unit }: MetalProgram): CoreAction[] {
  const analysis = new Analysis(unit, [], 0, 0);
  return [...program.functions.values()]
    .filter((fn) => fn.file.name === 'core/core.ts' && fn.exported && analysis.writes(fn.name).has('outN'))
    .filter((fn) => fn.name !== 'boot' && fn.parameters[0] === 'k')
    .flatMap((fn): CoreAction[] => {
      if (!fn.parameters.includes('op')) return [{ name: fn.name, fn, op: undefined }];
      const operations = [...program.constants].filter(([name]) => name.startsWith('OP_') && name !== 'OP_LAST');
      const core = operations.filter(([, op]) => op <= (program.constants.get('OP_LAST') ?? 0));
      return [...core.map(([name, op]) => ({ name, fn, op })), { name: 'other', fn, op: undefined }];
    });
}
/** A state with the invariant of the core, of a plan that boot accepts. */
function anyCore(metal: MetalProgram, q: Question): State {
  assumePlan(metal, q);
  const { tables, fields } = anyState(metal, 'S');
  const state = new State(tables, fields, metal.isPlan);
  const invariant = new Execution(metal.program, 'invariant');
  q.assume(invariant.holds('invariant', state));
  q.assumeScans(invariant);
  q.assume(eq(state.field('ncores'), word(1)));
  return state;
}
const outIsSound = (metal: MetalProgram, state: State): Term =>
  and(sle(word(0), state.field('outN')), sle(state.field('outN'), word(metal.program.constants.get('OUT_WORDS') ?? 0)));

/** Of all states: what `core` says, but for the words that go out; and a window ends in the future. */
export function askCore(metal: MetalProgram): Question {
  const q = new Question(metal.program);
  const state = anyCore(metal, q);
  q.assume(outIsSound(metal, state));
  const core = new Execution(metal.program, 'core').holds('core', state);
  for (const part of core.op === 'and' ? core.args : [core]) q.goal(T.show(part, 5), part);
  const until = new Execution(metal.program, 'until').call('untilSwitch', [state]) ?? word(0);
  q.goal('untilSwitch is at least 1', sle(word(1), until));
  return q;
}
/** Of one action: the words that go out fit; and LOG takes no negative number of bytes. */
export function askCoreAction(metal: MetalProgram, { name, fn, op }: CoreAction): Question {
  const q = new Question(metal.program);
  const state = anyCore(metal, q);
  q.assume(outIsSound(metal, state));
  const after = state.copy();
  const execution = new Execution(metal.program, 'run');
  if (name === 'other') {
    for (const [constant, n] of metal.program.constants)
      if (constant.startsWith('OP_')) q.assume(not(eq(T.wordVar('op'), word(n))));
    assumeOther(metal.program, execution);
  }
  const args = fn.parameters.map((p, i) =>
    i === 0 ? after : p === 'op' && op !== undefined ? word(op) : T.wordVar(p),
  );
  const result = execution.call(fn.name, args);
  q.assumeScans(execution);
  q.goal(`${name}: words that go out`, outIsSound(metal, after));
  if (name === 'OP_LOG' && result !== undefined)
    q.goal(
      'LOG of less than nothing',
      implies(eq(result, word(metal.program.constants.get('OK') ?? 0)), not(slt(T.wordVar('a0'), word(0)))),
    );
  return q;
}
