// npm run prove: proves all theorems of the core as it stands, prints a table, and writes the manifest.
// --solver=wasm|z3|cvc5   the solvers, with commas between them: all must agree; without it Z3 from npm
// --only=INV,WSC --actions=NOTIFY   some of it (then no manifest)
// --folder=FOLDER   another core.ts, spec.ts and behaviour.ts (no manifest either)
// --metal   the kernel on bare metal instead: its theorems, and its image
// --seconds=60   for one query   --jobs=2   processes   --no-cache   --dump=FOLDER   write the queries as SMT-LIB
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { boundOf } from './bound.ts';
import { cover } from './explore.ts';
import { FOLDER, MANIFEST, ROOT, agreedProgram, built, sha256, sources } from './manifest.ts';
import { Progress } from './progress.ts';
import { questionsOf } from './prove.ts';
import { solver } from './solver.ts';
import { load, tell } from './story.ts';
import { proveAll } from './worker.ts';
import { actionsOf, isSpecified } from './setting.ts';
import type { Manifest } from './manifest.ts';
import type { Program } from './language.ts';
import type { Sources } from './parse.ts';
import type { Outcome } from './prove.ts';
import type { Solve, SolverName } from './solver.ts';

const { values: given } = parseArgs({
  options: {
    solver: { type: 'string', default: 'wasm' },
    only: { type: 'string' },
    actions: { type: 'string' },
    folder: { type: 'string', default: FOLDER },
    seconds: { type: 'string', default: '60' },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    'no-cache': { type: 'boolean', default: false },
    'no-story': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    dump: { type: 'string' },
    metal: { type: 'boolean', default: false },
  },
});

function table(outcomes: readonly Outcome[]): string {
  const theorems = [...new Set(outcomes.map((o) => o.theorem))];
  const line = (cells: readonly string[]) =>
    `${cells[0].padEnd(10)} ${cells[1].padStart(8)} ${cells[2].padStart(6)} ${cells[3].padStart(9)} ${cells[4].padStart(9)}   ${cells[5]}`;
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
  const rows = theorems.map((theorem) => {
    const of = outcomes.filter((o) => o.theorem === theorem);
    const sum = (n: (o: Outcome) => number) => of.reduce((total, o) => total + n(o), 0);
    const failed = of.filter((o) => o.failed.length > 0).map((o) => o.action?.name ?? theorem.name);
    const state = failed.length === 0 ? theorem.says : `NOT PROVED: ${failed.join(', ')}`;
    const [all, solving] = [sum((o) => o.milliseconds), sum((o) => o.solving)].map(seconds);
    return line([theorem.name, String(of.length), String(sum((o) => o.goals)), all, solving, state]);
  });
  return [line(['theorem', 'actions', 'goals', 'time', 'solving', '']), ...rows].join('\n');
}

/** Counterexamples that are told, at most; rather those of the last of these theorems. */
const STORIES = 4;
// Of a core that is not SAFE the others speak of what cannot be replayed: SAFE before all.
const TOLD = ['SPEC-SAFE', 'FSPEC', 'FRAME', 'WINDOW', 'INV', 'WSC', 'OC', 'LR', 'SAFE', 'BOOT-SAFE'];

/** For one question of a story, and milliseconds for all of them: a theorem is not proved, whether there is a story or not. */
const STORY_SECONDS = 20;
const STORY_TIME = 60_000;

/** Between two lines that say how far it is. */
const LINE_EVERY = 10_000;

/** Random runs that COVER looks at. */
const RUNS = 2000;

/** BOUND, COVER, and what is not specified: found without a solver. Returns what does not hold. */
async function withoutSolver(program: Program, texts: Sources): Promise<string[]> {
  const wrong: string[] = [];
  console.log('\nBOUND: steps at most, C. = the plan');
  for (const action of actionsOf(program)) {
    const { text, unbounded } = boundOf(program, action);
    console.log(`  ${action.name.padEnd(12)} ${text}`);
    wrong.push(...unbounded.map((where) => `BOUND ${action.name}: ${where}`));
  }
  const { wanted, missing } = cover(program, await load(texts), RUNS);
  console.log(
    `\nCOVER: ${Math.max(0, wanted - missing.length)} of ${wanted} results occur in ${RUNS} random runs of the core`,
  );
  return [...wrong, ...missing.map((m) => `COVER ${m}`)];
}

/** What was proved, of which files, by which solvers. */
function writeManifest(texts: Sources, program: Program, outcomes: readonly Outcome[], solvers: readonly string[]) {
  const count = (name: string) => outcomes.filter((o) => o.theorem.name === name).length;
  const manifest: Manifest = {
    files: {
      'core.ts': sha256(texts.core),
      'spec.ts': sha256(texts.spec),
      'order.ts': sha256(texts.order),
      'behaviour.ts': sha256(texts.behaviour),
      ...Object.fromEntries(Object.entries(built(texts)).map(([file, text]) => [file, sha256(text)])),
    },
    theorems: Object.fromEntries(outcomes.map((o) => [o.theorem.name, count(o.theorem.name)])),
    unspecified: actionsOf(program)
      .filter((a) => !isSpecified(program, a))
      .map((a) => a.name),
    solvers: [...solvers],
  };
  // Further solvers that have proved the same files.
  const known = existsSync(MANIFEST) ? (JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest) : undefined;
  if (known !== undefined && JSON.stringify(known.files) === JSON.stringify(manifest.files)) {
    manifest.solvers.push(...known.solvers.filter((s) => !solvers.includes(s)));
  }
  manifest.solvers.sort();
  writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`\nproved: ${outcomes.length} statements about core.ts ${manifest.files['core.ts']?.slice(0, 12)}`);
}

async function main(): Promise<number> {
  const from = performance.now();
  const names = given.only?.split(',');
  const actions = given.actions?.split(',');
  const solvers = given.solver.split(',') as SolverName[];
  const seconds = Number(given.seconds);
  const texts = sources(given.folder);
  const program = agreedProgram(texts);
  const questions = questionsOf(program).filter(
    ([theorem, action]) =>
      (names?.includes(theorem.name) ?? true) && (action === undefined || (actions?.includes(action.name) ?? true)),
  );
  const job = {
    folder: path.resolve(given.folder),
    solvers,
    seconds,
    cache: given['no-cache'] ? undefined : path.join(ROOT, 'build/proof'),
    dump: given.dump,
  };
  const outcomes: Outcome[] = [];
  const progress = new Progress(questions, job.cache, solvers);
  const told = setInterval(() => {
    console.error(progress.line());
    progress.save();
  }, LINE_EVERY);
  await proveAll(progress.questions, job, Number(given.jobs), (outcome) => {
    outcomes.push(outcome);
    progress.done(outcome);
    const { theorem, action, failed, milliseconds, solving } = outcome;
    if (given.verbose) {
      const times = [milliseconds, solving].map((x) => x.toFixed(0)).join(' ');
      console.log(`${theorem.name} ${action?.name ?? ''} ${times} ${failed.join('; ')}`);
    }
  });
  clearInterval(told);
  progress.save();
  // In the order of the theorems, not in that in which the workers finished.
  outcomes.sort((a, b) => position(questions, a) - position(questions, b));
  const unproved = outcomes.filter((o) => o.failed.length > 0);
  console.log(table(outcomes));
  for (const action of actionsOf(program).filter((a) => !isSpecified(program, a)))
    console.log(`${action.name}: behaviour.ts says nothing of it, so FSPEC does not either`);
  console.log(`${((performance.now() - from) / 1000).toFixed(1)} s, ${solvers.join(' and ')}`);
  if (unproved.length > 0 && !given['no-story']) {
    const solve = await solver(solvers[0] ?? 'wasm', Math.min(seconds, STORY_SECONDS));
    const worst = unproved
      .toSorted((a, b) => TOLD.indexOf(a.theorem.name) - TOLD.indexOf(b.theorem.name))
      .slice(-STORIES);
    for (const outcome of worst) {
      const until = performance.now() + STORY_TIME;
      const inTime: Solve = (...question) =>
        performance.now() < until
          ? solve(...question)
          : Promise.resolve({ verdict: 'unknown', values: [], milliseconds: 0 });
      console.log(await tell(program, texts, outcome, inTime));
    }
    if (worst.length < unproved.length) {
      console.log(`${unproved.length - worst.length} more are not proved; --only and --actions tell of one`);
    }
  }
  const failed = unproved.map((o) => `${o.theorem.name} ${o.action?.name ?? ''}`.trim());
  const partly = names !== undefined || actions !== undefined;
  if (!partly) failed.push(...(await withoutSolver(program, texts)));
  if (failed.length > 0) {
    console.log(`\nNOT PROVED: ${failed.join(', ')}`);
    return 1;
  }
  if (!partly && given.folder === FOLDER) writeManifest(texts, program, outcomes, solvers);
  return 0;
}
function position(questions: ReturnType<typeof questionsOf>, { theorem, action }: Outcome): number {
  return questions.findIndex(([t, a]) => t === theorem && a?.name === action?.name);
}

// stripTypeScriptTypes is experimental, and Node says so in the middle of the table.
process.removeAllListeners('warning');
// The threads of Z3 never end by themselves.
process.exit(
  given.metal
    ? await (
        await import('./metal/main.ts')
      ).proveOnMetal(given.solver.split(',') as SolverName[], Number(given.seconds), !given['no-cache'])
    : await main(),
);
