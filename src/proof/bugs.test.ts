import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BUGS } from './bugs.ts';
import { sources } from './manifest.ts';
import { readProgram } from './parse.ts';
import { proveOne, questionsOf } from './prove.ts';
import { solver } from './solver.ts';
import { THEOREMS, actionsOf } from './theorems.ts';
import type { Bug } from './bugs.ts';

const texts = sources();
// One round of instantiation proves all theorems of the right core, so one round has to fail for a wrong one.
const solve = await solver('wasm', 10);

test('the core as it is passes the questions that the bugs fail', async () => {
  const program = readProgram('typescript', texts);
  const asked = new Set(BUGS.map((b) => `${b.theorem} ${b.action ?? ''}`));
  let questions = 0;
  for (const [theorem, action] of questionsOf(program)) {
    if (!asked.has(`${theorem.name} ${action?.name ?? ''}`)) continue;
    questions += 1;
    const { failed } = await proveOne(program, theorem, action, { solve, depth: 1 });
    assert.deepEqual(failed, [], `${theorem.name} ${action?.name}`);
  }
  assert.equal(questions, asked.size - 1); // STATIC is no theorem of its own
});

/** Theorem and action that were not proved of the core with the bug. */
async function caught(bug: Bug): Promise<string | undefined> {
  assert.equal(texts.core.split(bug.from).length, 2, `"${bug.from}" occurs once in core.ts`);
  const core = texts.core.replace(bug.from, () => bug.to);
  const program = readProgram('typescript', { ...texts, core });
  const names = bug.theorem === 'STATIC' ? ['SAFE'] : [bug.theorem];
  for (const theorem of THEOREMS.filter((t) => names.includes(t.name))) {
    const actions = theorem.of === 'once' ? [undefined] : actionsOf(program);
    for (const action of actions) {
      if (bug.action !== undefined && action?.name !== bug.action) continue;
      try {
        const { failed } = await proveOne(program, theorem, action, { solve, first: true, depth: 1 });
        if (failed.length > 0) return `${theorem.name} ${action?.name ?? ''}`.trim();
      } catch (error) {
        if (bug.theorem !== 'STATIC' || !(error instanceof Error) || !error.message.includes('STATIC')) throw error;
        return 'STATIC';
      }
    }
  }
  return undefined;
}

for (const bug of BUGS) {
  test(`${bug.name}: ${bug.theorem} ${bug.action ?? ''}`, async () => {
    assert.equal(await caught(bug), [bug.theorem, bug.action].filter((x) => x !== undefined).join(' '));
  });
}

// Z3's threads never end by themselves.
after(() => setImmediate(() => process.exit()));
