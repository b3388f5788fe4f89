import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { BUGS } from './bugs.ts';
import { MANIFEST, ROOT, sha256, sources } from './manifest.ts';
import { readProgram } from './parse.ts';
import { NO_ANSWER, proveOne } from './prove.ts';
import { quickest, solver } from './solver.ts';
import { THEOREMS, subjectsOf } from './theorems.ts';
import type { Bug } from './bugs.ts';
import type { Manifest } from './manifest.ts';

const texts = sources();
const name = quickest();
const solvers = new Map([[name, await solver(name, 30)]]);

test('the core that stands here is the one that was proved', () => {
  const { files } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest;
  assert.equal(files['core.ts'], sha256(texts.core), 'core.ts has changed: npm run prove');
  assert.equal(files['spec.ts'], sha256(texts.spec), 'spec.ts has changed: npm run prove');
  assert.equal(files['order.ts'], sha256(texts.order), 'order.ts has changed: npm run prove');
  assert.equal(files['behaviour.ts'], sha256(texts.behaviour), 'behaviour.ts has changed: npm run prove');
});

/** Theorem and action that are refuted of the core with the bug. No answer in time does not count. */
async function caught(bug: Bug, cache?: string): Promise<string | undefined> {
  assert.equal(texts.core.split(bug.from).length, 2, `"${bug.from}" occurs once in core.ts`);
  const core = texts.core.replace(bug.from, () => bug.to);
  const program = readProgram('typescript', { ...texts, core });
  const theorem = THEOREMS.find((t) => t.name === (bug.theorem === 'STATIC' ? 'SAFE' : bug.theorem));
  assert.ok(theorem);
  for (const action of subjectsOf(theorem, program)) {
    if (bug.action !== undefined && action?.name !== bug.action) continue;
    try {
      // One round of instantiation proves the right core (see below), so one round has to fail for a wrong one.
      const { failed } = await proveOne(program, theorem, action, { solvers, cache, first: true, depth: 1 });
      if (failed.some((label) => !label.endsWith(NO_ANSWER))) return `${theorem.name} ${action?.name ?? ''}`.trim();
    } catch (error) {
      if (bug.theorem !== 'STATIC' || !(error instanceof Error) || !error.message.includes('STATIC')) throw error;
      return 'STATIC';
    }
  }
  return undefined;
}

for (const bug of BUGS) {
  test(`${bug.name}: ${bug.theorem} ${bug.action ?? ''}`, async () => {
    assert.equal(await caught(bug), [bug.theorem, bug.action].filter((x) => x !== undefined).join(' '));
  });
}

// The control: without a bug the same questions are not refuted by one round.
const questions = new Map(BUGS.filter((b) => b.theorem !== 'STATIC').map((b) => [`${b.theorem} ${b.action ?? ''}`, b]));
for (const [question, bug] of questions) {
  test(`no bug: ${question}`, async () => {
    // Most of it has been proved by theorems.test.ts, if that has run.
    assert.equal(await caught({ ...bug, to: bug.from }, path.join(ROOT, 'build/proof')), undefined);
  });
}

// Z3's threads never end by themselves.
after(() => setImmediate(() => process.exit()));
