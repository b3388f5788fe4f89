// The theorems of the kernel on bare metal, beside those of the core. Each is asked of the files that the image is built of.
import { proveOne } from '../prove.ts';
import { askCore, askCoreAction, coreActions } from './core.ts';
import { askPlan, askPmp, askPriority } from './regions.ts';
import { SAFE_FUNCTIONS, askAddress, askSafe } from './safe.ts';
import type { Options } from '../prove.ts';
import type { Question } from '../question.ts';
import type { CoreAction } from './core.ts';
import type { MetalProgram } from './program.ts';

export interface MetalTheorem {
  readonly name: string;
  readonly says: string;
  readonly ask: (metal: MetalProgram, subject: string) => Question;
  /** What it is asked about; without: one question. */
  readonly subjects?: (metal: MetalProgram) => readonly string[];
}
export const METAL_THEOREMS: readonly MetalTheorem[] = [
  {
    name: 'PLAN',
    says: 'in a plan that boot accepts no partition has a stream to itself, and each has its rows',
    ask: askPlan,
  },
  {
    name: 'PMP',
    says: 'each entry matches exactly the bytes of its region and allows what that does; no two share a byte',
    ask: askPmp,
  },
  { name: 'PRIORITY', says: 'so an access is admitted exactly if one region has all its bytes', ask: askPriority },
  { name: 'ADDRESS', says: 'what lies in page frames by their numbers lies there by its address', ask: askAddress },
  {
    name: 'CORE',
    says: 'what the supervisor takes for granted of the core follows from its invariant',
    ask: (metal, subject) => (subject === '' ? askCore(metal) : askCoreAction(metal, actionOf(metal, subject))),
    subjects: (metal) => ['', ...coreActions(metal).map((a) => a.name)],
  },
  {
    name: 'SAFE',
    says: 'indices in bounds, sums exact, addresses only where plan, layout and board allow; and TRAP: the frame given on is of who has the hart',
    ask: askSafe,
    subjects: () => SAFE_FUNCTIONS,
  },
];
function actionOf(metal: MetalProgram, name: string): CoreAction {
  const found = coreActions(metal).find((a) => a.name === name);
  if (found === undefined) throw new Error(`no action ${name}`);
  return found;
}

export interface MetalOutcome {
  readonly goals: number;
  readonly failed: readonly string[];
  readonly milliseconds: number;
}
/** `only`: goals whose labels have this in them; `about`: one of its subjects. */
export async function proveMetal(
  metal: MetalProgram,
  theorem: MetalTheorem,
  options: Options,
  only = '',
  about?: string,
): Promise<MetalOutcome> {
  let goals = 0;
  let milliseconds = 0;
  const failed: string[] = [];
  for (const subject of about === undefined ? (theorem.subjects?.(metal) ?? ['']) : [about]) {
    const ask = (): Question => {
      const question = theorem.ask(metal, subject);
      const wanted = question.goals.filter((g) => g.label.includes(only));
      if (only !== '' && wanted.length === 0) throw new Error(`${theorem.name} has no goal ${only}`);
      question.goals.splice(0, Infinity, ...wanted);
      return question;
    };
    const name = `${theorem.name}${subject === '' ? '' : `-${subject}`}`;
    const one = await proveOne(metal.program, { name, says: theorem.says, of: 'once', ask }, undefined, options);
    goals += one.goals;
    milliseconds += one.milliseconds;
    failed.push(...one.failed.map((label) => (subject === '' ? label : `${subject}: ${label}`)));
  }
  return { goals, failed, milliseconds };
}
