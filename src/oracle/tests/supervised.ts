// A supervisor over processes that do anything at any time, with every action of its core noted: what supervisor.test.ts and
// `npm run fuzz -- supervisor` hold against the core itself.
import { registerHooks } from 'node:module';
import * as core from '../../kernel/core/core.ts';
import type { CoreEvent, Mechanism, Supervisor } from '../../kernel/hosted/supervisor.ts';
import { TICK } from '../../kernel/plan.ts';
import { generator, type Pick } from '../influence.ts';
import { bootWords, type Difference, type Entry, replay } from '../log.ts';
import { log } from './recorded-core.ts';
import { SYSTEMS, wordsOf } from './systems.ts';

const RECORDED = new URL('recorded-core.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.endsWith('/core/core.ts') && context.parentURL?.endsWith('/hosted/supervisor.ts') === true
      ? { url: RECORDED, shortCircuit: true }
      : next(specifier, context),
});
const { Supervisor: RecordedSupervisor } = await import('../../kernel/hosted/supervisor.ts');

export interface Answer {
  readonly result: number;
  readonly out: readonly number[];
  /** What the core has last said to a call of this partition; undefined: nothing. */
  readonly said: Entry | undefined;
}

/** Processes of nobody: they do whatever `pick` says, and what the supervisor tells them. */
class Processes implements Mechanism {
  readonly answers: Answer[] = [];
  readonly #pick: Pick;
  readonly #events: CoreEvent[] = [];
  readonly #listened = new Set<number>();

  constructor(pick: Pick) {
    this.#pick = pick;
  }
  copyMessage(_p: number, bytes: number, into: Int32Array): void {
    for (let w = 0; w < (bytes + 3) >> 2; w++) into[w] = this.#pick(0xffffffff) | 0;
  }
  readText(): string {
    return '';
  }
  answer(p: number, result: number, out: Int32Array, count: number): void {
    const said = log.findLast(({ action, args }) => action === 'step' && args[1] === p);
    this.answers.push({ result, out: [...out.subarray(0, count)], said });
  }
  listen(p: number, on: boolean): void {
    if (on) this.#listened.add(p);
    else this.#listened.delete(p);
  }
  wake(): void {}
  tellEnd(): void {}
  switchWindow(): void {}
  /** Any time at all. */
  deadline(): number {
    return this.#pick(0xffffffff) | 0;
  }
  tell(event: CoreEvent): void {
    this.#events.push(event);
  }

  /** What the kernel's main thread does: it starts processes, and kills them. */
  obey(supervisor: Supervisor): void {
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      if (event.event === 'load') {
        supervisor.attach(event.partition);
        supervisor.call(event.partition, core.OP_HELLO, 0, 0, 0);
      } else if (event.event === 'hello') supervisor.load(event.partition);
      else if (event.event === 'kill') supervisor.died(event.partition, core.FAULT_EXIT);
    }
  }

  /** A partition whose doorbell is looked at. */
  ringing(): number | undefined {
    const all = [...this.#listened];
    return all.length === 0 ? undefined : all[this.#pick(all.length)];
  }
}

const NUMBERS = [0, 0, 0, 1, 2, 4, 8, 31, 255, 1024, 1025, -1];

/** A run of so many calls, deaths and turns of the supervisor. */
export function run(
  words: Int32Array,
  seed: number,
  steps: number,
): { readonly entries: Entry[]; readonly answers: Answer[] } {
  log.length = 0;
  const pick = generator(seed);
  const processes = new Processes(pick);
  let now = 0;
  const supervisor = new RecordedSupervisor(bootWords(words), TICK, now, processes);
  for (let step = 0; step < steps; step++) {
    supervisor.turn(now);
    processes.obey(supervisor);
    now += pick(3) === 0 ? pick(20) : pick(3) / 100;
    const p = processes.ringing();
    if (p === undefined) continue;
    const number = (): number => NUMBERS[pick(NUMBERS.length)];
    if (pick(60) === 0) supervisor.died(p, pick(2) === 0 ? core.FAULT_TRAP : core.FAULT_EXIT);
    // EXIT is seldom, and the end: else nothing would live.
    else
      supervisor.call(
        p,
        pick(80) === 0 ? core.OP_EXIT : 4 + pick(28),
        pick(3) === 0 ? number() : 0,
        pick(2) * 4,
        pick(3),
      );
  }
  supervisor.stop();
  supervisor.turn(now);
  return { entries: [...log], answers: processes.answers };
}

/**
 * Most calls of a random program are illegal: here they are logged, and who dies begins again, so that there is much to see.
 */
const FAULTS = 'faults: { otherwise: cold-restart, call: log, restarts: 900 per 2h, backoff: 0us }';

/** Words of the systems that are run, by their names. */
export const SUPERVISED: Readonly<Record<string, Int32Array>> = Object.fromEntries(
  Object.entries(SYSTEMS).map(([name, text]) => [
    name,
    wordsOf(text.replaceAll(/, faults: \{.*?\}/g, '').replaceAll(/app: (\S+?\.ts)/g, `app: $1, ${FAULTS}`)),
  ]),
);

export interface Comparison {
  /** Calls of partitions that the core was given, and actions of all kinds. */
  readonly calls: number;
  readonly actions: number;
  readonly answers: number;
  readonly difference: Difference | undefined;
  /** Answers that are not what the core has said to the caller, beyond those to HELLO, which are the supervisor's. */
  readonly wrongAnswers: number;
}

/** A run, held against a core that makes the same actions. */
export function compare(words: Int32Array, seed: number, steps: number): Comparison {
  const { entries, answers } = run(words, seed, steps);
  // HELLO alone is answered by the supervisor itself: before any call, or without a word.
  const own = answers.filter(
    ({ result, out, said }) => said === undefined || result !== said.result || out.join() !== said.out.join(),
  );
  const loads = entries.filter(({ action, result }) => action === 'loaded' && result === core.OK).length;
  const isHello = ({ result, out }: Answer): boolean => result === core.OK && out.length === 0;
  return {
    calls: entries.filter(({ action }) => action === 'step').length,
    actions: entries.length,
    answers: answers.length,
    difference: replay(bootWords(words), entries),
    wrongAnswers: own.filter((answer) => !isHello(answer)).length + Math.max(0, own.length - loads),
  };
}
