// Proves: asks each theorem about each action. Goals are asked one at a time, the easy ones together, each with more
// instances as long as they are needed. What has been proved once is remembered by the query's text; that is only ever a
// speed-up.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { keyOf } from './question.ts';
import { smtLib } from './smt.ts';
import { forgetTerms } from './term.ts';
import { THEOREMS, subjectsOf } from './theorems.ts';
import type { Program } from './language.ts';
import type { Goal, Question } from './question.ts';
import type { Answer, Solve } from './solver.ts';
import type { Term } from './term.ts';
import type { Action } from './setting.ts';
import type { Theorem } from './theorems.ts';

/** Rounds of instantiation, at most. */
export const DEPTH = 3;

export interface Outcome {
  readonly theorem: Theorem;
  /** Undefined: the theorem is not about an action. */
  readonly action: Action | undefined;
  readonly goals: number;
  /** Labels of the goals that were not proved. */
  readonly failed: readonly string[];
  /** In all; and of that, in the solvers. */
  readonly milliseconds: number;
  readonly solving: number;
}

export interface Options {
  /** By name. A goal is proved if all of them say so. */
  readonly solvers: ReadonlyMap<string, Solve>;
  /** Folder of the cache. */
  readonly cache?: string | undefined;
  /** Called with the text of every query that counts. */
  readonly dump?: ((name: string, text: string) => void) | undefined;
  /** Instead of DEPTH. */
  readonly depth?: number;
  /** Stop at the first goal that is not proved. */
  readonly first?: boolean;
}

/**
 * Goals together are given up after so many seconds, and asked in two halves. WebAssembly takes two to four times as long as
 * native code, and counts seconds of the clock on the wall, not of the processor.
 */
const TOGETHER = { native: 1.5, wasm: 6 };

/** Behind the label of a goal that is neither proved nor refuted. */
export const NO_ANSWER = ': no answer';

/** One solver's answers to one question. */
class Prover {
  readonly solverName: string;
  readonly solve: Solve;
  readonly question: Question;
  readonly options: Options;
  readonly failed: string[] = [];
  solving = 0;
  last: Answer['verdict'] = 'unknown';
  constructor(solverName: string, solve: Solve, question: Question, options: Options) {
    this.solverName = solverName;
    this.solve = solve;
    this.question = question;
    this.options = options;
  }
  async #isUnsatisfiable(terms: readonly Term[], name: string, seconds?: number): Promise<boolean> {
    const { cache, dump } = this.options;
    if (cache === undefined && dump === undefined) return await this.#asks(terms, seconds);
    const text = smtLib(terms);
    const known = cache && path.join(cache, this.solverName, createHash('sha256').update(text).digest('hex'));
    const hard = `${known}.hard`;
    if (known === undefined || !existsSync(known)) {
      // What has been too much once is not tried again.
      if (known !== undefined && seconds !== undefined && existsSync(hard)) return false;
      const isProved = await this.#asks(terms, seconds);
      if (known !== undefined && (isProved || seconds !== undefined)) {
        mkdirSync(path.dirname(known), { recursive: true });
        writeFileSync(isProved ? known : hard, '');
      }
      if (!isProved) return false;
    }
    dump?.(`${name}.${this.solverName}`, text);
    return true;
  }
  async #asks(terms: readonly Term[], seconds?: number): Promise<boolean> {
    const { verdict, milliseconds } = await this.solve(terms, [], seconds);
    this.solving += milliseconds;
    this.last = verdict;
    return verdict === 'unsat';
  }
  /** Goals together, or in halves; a single one with more and more instances. */
  async prove(goals: readonly Goal[], name: string): Promise<void> {
    if (goals.length === 0 || (this.options.first === true && this.failed.length > 0)) return;
    if (goals.length > 1) {
      const seconds = this.solverName === 'wasm' ? TOGETHER.wasm : TOGETHER.native;
      if (await this.#isUnsatisfiable(this.question.assertions(goals, 1).terms, name, seconds)) return;
      if (this.options.first === true && this.last === 'sat') {
        this.failed.push(...goals.map((g) => g.label));
        return;
      }
      const middle = goals.length >> 1;
      await this.prove(goals.slice(0, middle), `${name}a`);
      await this.prove(goals.slice(middle), `${name}b`);
      return;
    }
    for (let depth = 1; depth <= (this.options.depth ?? DEPTH); depth++) {
      const { terms, complete } = this.question.assertions(goals, depth);
      if (await this.#isUnsatisfiable(terms, name)) return;
      if (complete) break;
    }
    this.failed.push(...goals.map((g) => (this.last === 'sat' ? g.label : `${g.label}${NO_ANSWER}`)));
  }
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
  const failed = new Set<string>();
  let solving = 0;
  // Easy goals that presuppose the same are asked together. Hard ones would make each other harder.
  const remaining = question.remaining();
  const easy = remaining.filter((g) => g.easy);
  const groups = [...Map.groupBy(easy, keyOf).values(), ...remaining.filter((g) => !g.easy).map((goal) => [goal])];
  for (const [solverName, solve] of options.solvers) {
    const prover = new Prover(solverName, solve, question, options);
    for (const [i, goals] of groups.entries()) await prover.prove(goals, `${name}-${i}`);
    for (const label of prover.failed) failed.add(label);
    solving += prover.solving;
  }
  const milliseconds = performance.now() - from;
  return { theorem, action, goals: question.goals.length, failed: [...failed], milliseconds, solving };
}

/** The questions there are: [theorem, action]. */
export function questionsOf(program: Program): [theorem: Theorem, action: Action | undefined][] {
  return THEOREMS.flatMap((theorem) =>
    subjectsOf(theorem, program).map((action): [Theorem, Action | undefined] => [theorem, action]),
  );
}
