import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { FOLDER, ROOT, agreedProgram, sources } from './manifest.ts';
import { questionsOf } from './prove.ts';
import { proveAll } from './worker.ts';
import type { SolverName } from './solver.ts';

const SOLVERS: readonly SolverName[] = ['z3', 'cvc5'];
const missing = SOLVERS.filter((name) => spawnSync(name, ['--version']).status !== 0);

// What has been proved before is known by its formula's hash (build/proof): fresh, it takes minutes of two cores.
test('all theorems, each by two solvers', { skip: missing.length > 0 && `no ${missing.join(', no ')}` }, async () => {
  const failed: string[] = [];
  const job = { folder: FOLDER, solvers: SOLVERS, seconds: 60, cache: path.join(ROOT, 'build/proof'), dump: undefined };
  await proveAll(questionsOf(agreedProgram(sources())), job, 2, (outcome) => {
    failed.push(...outcome.failed.map((goal) => `${outcome.theorem.name} ${outcome.action?.name ?? ''}: ${goal}`));
  });
  assert.deepEqual(failed, []);
});
