// Proves: asks each theorem about each action, in queries of a few goals, with more instances as long as they are needed.
// What has been proved once is remembered by the query's text; that is only ever a speed-up.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { smtLib } from './smt.ts';
import { forgetTerms } from './term.ts';
import { THEOREMS, actionsOf } from './theorems.ts';
import type { Program } from './language.ts';
import type { Goal, Question } from './question.ts';
import type { Solve } from './solver.ts';
import type { Term } from './term.ts';
import type { Action, Theorem } from './theorems.ts';

/** Rounds of instantiation, at most. */
export const DEPTH = 3;

export interface Outcome {
  readonly theorem: Theorem;
  /** Undefined: the theorem is not about an action. */
  readonly action: Action | undefined;
  readonly goals: number;
  /** Goals of the queries that were not proved. */
  readonly failed: readonly Goal[];
  readonly milliseconds: number;
}

export interface Options {
  readonly solve: Solve;
  /** Folder of the cache. */
  readonly cache?: string;
  /** Called with the text of every query that counts. */
  readonly dump?: (name: string, text: string) => void;
  /** Instead of DEPTH. */
  readonly depth?: number;
  /** Stop at the first goal that is not proved. */
  readonly first?: boolean;
}

async function isUnsatisfiable(terms: readonly Term[], name: string, options: Options): Promise<boolean> {
  const { cache, dump, solve } = options;
  if (cache === undefined && dump === undefined) return (await solve(terms)).verdict === 'unsat';
  const text = smtLib(terms);
  const known = cache && path.join(cache, createHash('sha256').update(text).digest('hex'));
  const proved = (known !== undefined && existsSync(known)) || (await solve(terms)).verdict === 'unsat';
  if (!proved) return false;
  dump?.(name, text);
  if (known !== undefined) {
    mkdirSync(path.dirname(known), { recursive: true });
    writeFileSync(known, '');
  }
  return true;
}

/** The goals that were not proved. */
async function unproved(question: Question, theorem: Theorem, name: string, options: Options): Promise<Goal[]> {
  const failed: Goal[] = [];
  for (let from = 0; from < question.goals.length; from += theorem.together) {
    const goals = question.goals.slice(from, from + theorem.together);
    let proved = false;
    for (let depth = 1; depth <= (options.depth ?? DEPTH) && !proved; depth++) {
      const { terms, complete } = question.assertions(goals, depth);
      proved = await isUnsatisfiable(terms, `${name}-${from}`, options);
      if (complete) break;
    }
    if (!proved) failed.push(...goals);
    if (!proved && options.first === true) break;
  }
  return failed;
}

/** One theorem about one action. Terms from before are forgotten. */
export async function proveOne(
  program: Program,
  theorem: Theorem,
  action: Action | undefined,
  options: Options,
): Promise<Outcome> {
  forgetTerms();
  const from = performance.now();
  const question = theorem.ask(program, action);
  const name = action === undefined ? theorem.name : `${theorem.name}-${action.name}`;
  const failed = await unproved(question, theorem, name, options);
  return { theorem, action, goals: question.goals.length, failed, milliseconds: performance.now() - from };
}

/** The questions there are: [theorem, action]. */
export function questionsOf(program: Program): [theorem: Theorem, action: Action | undefined][] {
  return THEOREMS.flatMap((theorem) =>
    (theorem.of === 'once' ? [undefined] : actionsOf(program)).map((action): [Theorem, Action | undefined] => [
      theorem,
      action,
    ]),
  );
}
