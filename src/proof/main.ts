// npm run prove: proves all theorems of the core as it stands, prints a table, and writes the manifest.
// --solver=wasm|z3|cvc5   the solver; without it Z3 from npm
// --only=INV,WSC --actions=NOTIFY   some of it (then no manifest)
// --seconds=30   for one query      --no-cache     --dump=FOLDER   write the queries as SMT-LIB
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { boundOf } from './bound.ts';
import { cover } from './explore.ts';
import { MANIFEST, ROOT, agreedProgram, builtCore, sha256, sources } from './manifest.ts';
import { proveOne, questionsOf } from './prove.ts';
import { solver } from './solver.ts';
import { load, tell } from './story.ts';
import { actionsOf, isSpecified } from './theorems.ts';
import type { Manifest } from './manifest.ts';
import type { Program } from './language.ts';
import type { Sources } from './parse.ts';
import type { Outcome } from './prove.ts';
import type { SolverName } from './solver.ts';

const { values: given } = parseArgs({
  options: {
    solver: { type: 'string', default: 'wasm' },
    only: { type: 'string' },
    actions: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    'no-cache': { type: 'boolean', default: false },
    dump: { type: 'string' },
  },
});

function table(outcomes: readonly Outcome[]): string {
  const theorems = [...new Set(outcomes.map((o) => o.theorem))];
  const line = (cells: readonly string[]) =>
    `${cells[0].padEnd(10)} ${cells[1].padStart(8)} ${cells[2].padStart(6)} ${cells[3].padStart(9)}   ${cells[4]}`;
  const rows = theorems.map((theorem) => {
    const of = outcomes.filter((o) => o.theorem === theorem);
    const sum = (n: (o: Outcome) => number) => of.reduce((total, o) => total + n(o), 0);
    const failed = of.filter((o) => o.failed.length > 0).map((o) => o.action?.name ?? theorem.name);
    const seconds = `${(sum((o) => o.milliseconds) / 1000).toFixed(1)} s`;
    const state = failed.length === 0 ? theorem.says : `NOT PROVED: ${failed.join(', ')}`;
    return line([theorem.name, String(of.length), String(sum((o) => o.goals)), seconds, state]);
  });
  return [line(['theorem', 'actions', 'goals', 'time', '']), ...rows].join('\n');
}

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
    if (!isSpecified(program, action))
      console.log(`  ${action.name}: behaviour.ts says nothing of it, so FSPEC does not either`);
  }
  const { wanted, missing } = cover(program, await load(texts), RUNS);
  console.log(`\nCOVER: ${wanted - missing.length} of ${wanted} results occur in ${RUNS} random runs of the core`);
  return [...wrong, ...missing.map((m) => `COVER ${m}`)];
}

async function main(): Promise<number> {
  const names = given.only?.split(',');
  const actions = given.actions?.split(',');
  const texts = sources();
  const program = agreedProgram(texts);
  const solve = await solver(given.solver as SolverName, Number(given.seconds));
  const { dump } = given;
  if (dump !== undefined) mkdirSync(dump, { recursive: true });
  const options = {
    solve,
    ...(given['no-cache'] ? {} : { cache: path.join(ROOT, 'build/proof', given.solver) }),
    ...(dump === undefined
      ? {}
      : {
          dump: (name: string, text: string) =>
            writeFileSync(path.join(dump, `${name}.smt2`), `(set-logic QF_UFBV)\n${text}(check-sat)\n`),
        }),
  };
  const questions = questionsOf(program).filter(
    ([theorem, action]) =>
      (names?.includes(theorem.name) ?? true) && (action === undefined || (actions?.includes(action.name) ?? true)),
  );
  const outcomes: Outcome[] = [];
  for (const [theorem, action] of questions) {
    const outcome = await proveOne(program, theorem, action, options);
    outcomes.push(outcome);
    if (outcome.failed.length > 0) console.log(await tell(program, texts, outcome, solve));
  }
  console.log(table(outcomes));
  const failed = outcomes
    .filter((o) => o.failed.length > 0)
    .map((o) => `${o.theorem.name} ${o.action?.name ?? ''}`.trim());
  const partly = names !== undefined || actions !== undefined;
  if (!partly) failed.push(...(await withoutSolver(program, texts)));
  if (failed.length > 0) {
    console.log(`\nNOT PROVED: ${failed.join(', ')}`);
    return 1;
  }
  if (partly) return 0;
  const count = (name: string) => outcomes.filter((o) => o.theorem.name === name).length;
  const manifest: Manifest = {
    files: {
      'core.ts': sha256(texts.core),
      'spec.ts': sha256(texts.spec),
      'behaviour.ts': sha256(texts.behaviour),
      'core.js': sha256(builtCore(texts)),
    },
    theorems: Object.fromEntries(outcomes.map((o) => [o.theorem.name, count(o.theorem.name)])),
    unspecified: actionsOf(program)
      .filter((a) => !isSpecified(program, a))
      .map((a) => a.name),
    solvers: [given.solver],
  };
  // Further solvers that have proved the same files.
  const known = existsSync(MANIFEST) ? (JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest) : undefined;
  if (known !== undefined && JSON.stringify(known.files) === JSON.stringify(manifest.files)) {
    manifest.solvers.push(...known.solvers.filter((s) => s !== given.solver));
    manifest.solvers.sort();
  }
  writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`\nproved: ${outcomes.length} statements about core.ts ${manifest.files['core.ts']?.slice(0, 12)}`);
  return 0;
}

// stripTypeScriptTypes is experimental, and Node says so in the middle of the table.
process.removeAllListeners('warning');
// The threads of Z3 never end by themselves.
process.exit(await main());
