// A process that proves what it is told to, one question after the other: terms are kept in one table, and Z3's threads do
// not like company, so what is to go on side by side needs processes of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sources } from './manifest.ts';
import { readProgram } from './parse.ts';
import { proveOne } from './prove.ts';
import { solver } from './solver.ts';
import { THEOREMS, subjectsOf } from './theorems.ts';
import type { ChildProcess } from 'node:child_process';
import type { Outcome } from './prove.ts';
import type { SolverName } from './solver.ts';
import type { Action } from './setting.ts';
import type { Theorem } from './theorems.ts';

/** What all questions of a worker have in common. */
export interface Job {
  /** Of core.ts, spec.ts, behaviour.ts. */
  readonly folder: string;
  readonly solvers: readonly SolverName[];
  /** For one query. */
  readonly seconds: number;
  readonly cache: string | undefined;
  /** Folder for the queries as SMT-LIB. */
  readonly dump: string | undefined;
}
interface Asked {
  readonly theorem: string;
  readonly action: string | undefined;
}
type Told = Omit<Outcome, 'theorem' | 'action'> & { readonly error?: string };

async function work(job: Job): Promise<(asked: Asked) => Promise<Told>> {
  const program = readProgram('typescript', sources(job.folder));
  const solvers = new Map(
    await Promise.all(job.solvers.map(async (name) => [name, await solver(name, job.seconds)] as const)),
  );
  const { dump, cache } = job;
  if (dump !== undefined) mkdirSync(dump, { recursive: true });
  const write = (name: string, text: string) =>
    writeFileSync(path.join(dump ?? '', `${name}.smt2`), `(set-logic QF_UFBV)\n${text}(check-sat)\n`);
  const options = { solvers, cache, dump: dump === undefined ? undefined : write };
  return async (asked) => {
    const theorem = THEOREMS.find((t) => t.name === asked.theorem);
    if (theorem === undefined) throw new Error(`no theorem ${asked.theorem}`);
    const action = subjectsOf(theorem, program).find((a) => a?.name === asked.action);
    const { goals, failed, milliseconds, solving } = await proveOne(program, theorem, action, options);
    return { goals, failed, milliseconds, solving };
  };
}

/** Proves the questions with `processes` workers; `each` is told of every outcome as it comes. */
export async function proveAll(
  questions: readonly [Theorem, Action | undefined][],
  job: Job,
  processes: number,
  each: (outcome: Outcome) => void,
): Promise<void> {
  const waiting = questions.values();
  const children: ChildProcess[] = [];
  const employ = async (): Promise<void> => {
    const child = fork(import.meta.filename, [JSON.stringify(job)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    children.push(child);
    const ask = async (asked: Asked): Promise<Told> => {
      const { promise, resolve, reject } = Promise.withResolvers<Told>();
      const ended = () => reject(new Error('a worker has ended'));
      child.once('message', (told) => resolve(told as Told));
      child.once('exit', ended);
      child.send(asked);
      const told = await promise;
      child.off('exit', ended);
      return told;
    };
    for (const [theorem, action] of waiting) {
      const told = await ask({ theorem: theorem.name, action: action?.name });
      if (told.error !== undefined) throw new Error(`${theorem.name} ${action?.name ?? ''}: ${told.error}`);
      each({ theorem, action, ...told });
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(processes, questions.length) }, employ));
  } finally {
    const ended = children.filter((child) => child.exitCode === null).map((child) => once(child, 'exit'));
    for (const child of children) child.kill();
    await Promise.all(ended);
  }
}

const [job] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename && process.send !== undefined && job !== undefined) {
  const answer = work(JSON.parse(job) as Job);
  process.on('disconnect', () => process.exit());
  const nothing = { goals: 0, failed: [], milliseconds: 0, solving: 0 };
  process.on('message', (asked) => {
    void answer
      .then((prove) => prove(asked as Asked))
      .catch((error: unknown): Told => ({ ...nothing, error: (error as Error).message }))
      .then((told) => process.send?.(told));
  });
}
