import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { BUGS } from './bugs.ts';
import { MANIFEST, sha256, sources } from './manifest.ts';
import { actionsOf } from './setting.ts';
import { THEOREMS } from './theorems.ts';
import type { Manifest } from './manifest.ts';
import { readProgram } from './parse.ts';
import { proveOne } from './prove.ts';
import { solver } from './solver.ts';
import type { Bug } from './bugs.ts';

const texts = sources();
// One round of instantiation proves all theorems of the right core, so one round has to fail for a wrong one.
const solve = await solver('wasm', 10);
// The control must be answered, also on a busy machine.
const patient = await solver('wasm', 90);

// The control: without a bug the same questions, one for each theorem, are answered. All of them: `npm run prove`.
for (const name of new Set(BUGS.map((b) => b.theorem))) {
  const bug = BUGS.find((b) => b.theorem === name);
  if (bug === undefined || name === 'STATIC') continue;
  test(`no bug: ${name} ${bug.action ?? ''}`, async () => {
    assert.equal(await caught({ ...bug, to: bug.from }, patient), undefined);
  });
}

test('the core that stands here is the one that was proved', () => {
  const { files } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest;
  assert.equal(files['core.ts'], sha256(texts.core), 'core.ts has changed: npm run prove');
  assert.equal(files['spec.ts'], sha256(texts.spec), 'spec.ts has changed: npm run prove');
  assert.equal(files['behaviour.ts'], sha256(texts.behaviour), 'behaviour.ts has changed: npm run prove');
});

/** Theorem and action that were not proved of the core with the bug. */
async function caught(bug: Bug, by = solve): Promise<string | undefined> {
  assert.equal(texts.core.split(bug.from).length, 2, `"${bug.from}" occurs once in core.ts`);
  const core = texts.core.replace(bug.from, () => bug.to);
  const program = readProgram('typescript', { ...texts, core });
  const names = bug.theorem === 'STATIC' ? ['SAFE'] : [bug.theorem];
  for (const theorem of THEOREMS.filter((t) => names.includes(t.name))) {
    const actions = theorem.of === 'once' ? [undefined] : actionsOf(program);
    for (const action of actions) {
      if (bug.action !== undefined && action?.name !== bug.action) continue;
      try {
        const { failed } = await proveOne(program, theorem, action, {
          solvers: new Map([['wasm', by]]),
          first: true,
          depth: 1,
        });
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
