// The theorems of the kernel on bare metal, beside those of the core. Each is asked of the files that the image is built of.
import { proveOne } from '../prove.ts';
import { askPlan, askPmp, askPriority } from './regions.ts';
import type { Options, Outcome } from '../prove.ts';
import type { Question } from '../question.ts';
import type { MetalProgram } from './program.ts';

export interface MetalTheorem {
  readonly name: string;
  readonly says: string;
  readonly ask: (metal: MetalProgram) => Question;
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
];

/** `only`: goals whose labels have this in them. */
export async function proveMetal(
  metal: MetalProgram,
  theorem: MetalTheorem,
  options: Options,
  only = '',
): Promise<Outcome> {
  const ask = (): Question => {
    const question = theorem.ask(metal);
    const goals = question.goals.filter((g) => g.label.includes(only));
    if (goals.length === 0) throw new Error(`${theorem.name} has no goal ${only}`);
    question.goals.splice(0, Infinity, ...goals);
    return question;
  };
  return await proveOne(metal.program, { name: theorem.name, says: theorem.says, of: 'once', ask }, undefined, options);
}
