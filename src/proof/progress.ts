// What takes longest is asked first, so that the workers end together; and how long the rest will take. Both from the times
// of the last run that is known here.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Outcome } from './prove.ts';
import type { Action } from './setting.ts';
import type { Theorem } from './theorems.ts';

type Subject = [theorem: Theorem, action: Action | undefined];

const keyOf = (theorem: Theorem, action: Action | undefined): string => `${theorem.name} ${action?.name ?? ''}`.trim();

const minutes = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

export class Progress {
  readonly questions: readonly Subject[];
  readonly #file: string | undefined;
  /** Milliseconds of each question, of this run or an earlier one. */
  readonly #times: Record<string, number>;
  readonly #usual: number;
  readonly #from = performance.now();
  #done = 0;
  /** Milliseconds: what had been expected of the questions that are done, and of the others. */
  #expected = 0;
  #left: number;

  /** `cache`: the folder that remembers, if any; `solvers`: whose times they are. */
  constructor(questions: readonly Subject[], cache: string | undefined, solvers: readonly string[]) {
    this.#file = cache === undefined ? undefined : path.join(cache, `${solvers.join('-')}.times.json`);
    const isKnown = this.#file !== undefined && existsSync(this.#file);
    this.#times = isKnown ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, number>) : {};
    const known = Object.values(this.#times);
    this.#usual = known.length === 0 ? 1000 : known.reduce((sum, x) => sum + x, 0) / known.length;
    this.questions = questions.toSorted((a, b) => this.#time(...b) - this.#time(...a));
    this.#left = questions.reduce((sum, one) => sum + this.#time(...one), 0);
  }
  #time(theorem: Theorem, action: Action | undefined): number {
    return this.#times[keyOf(theorem, action)] ?? this.#usual;
  }
  done({ theorem, action, milliseconds, solving }: Outcome): void {
    const time = this.#time(theorem, action);
    this.#done += 1;
    this.#expected += time;
    this.#left -= time;
    // What came from the cache says nothing of how long it takes.
    if (solving > 0) this.#times[keyOf(theorem, action)] = Math.round(milliseconds);
  }
  /** `312 of 876 after 2 min 10 s, about 4 min 5 s more`. */
  line(): string {
    const passed = performance.now() - this.#from;
    const rest = this.#expected === 0 ? '' : `, about ${minutes((passed * this.#left) / this.#expected)} more`;
    return `${this.#done} of ${this.questions.length} after ${minutes(passed)}${rest}`;
  }
  save(): void {
    if (this.#file === undefined) return;
    mkdirSync(path.dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, JSON.stringify(this.#times));
  }
}
