// The theorems catch the faults that they are there for: each seeded bug of kernel/metal is refuted. That they hold without one is
// what `npm run prove -- --metal` shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ANSWER } from '../prove.ts';
import { quickest, solver } from '../solver.ts';
import { BUGS } from './bugs.ts';
import { metalProgram, metalSources } from './program.ts';
import { METAL_THEOREMS, proveMetal } from './theorems.ts';
import type { Bug } from './bugs.ts';

const name = quickest();
const solvers = new Map([[name, await solver(name, 30)]]);
const sources = metalSources();

/** Labels that are not proved of the kernel with the bug. */
async function unproved({ file, from, to, theorem: wanted, goal, about }: Bug): Promise<string[]> {
  const files = sources.map((f) => {
    if (f.name !== file) return f;
    assert.equal(f.text.split(from).length, 2, `"${from}" occurs once in ${file}`);
    return { ...f, text: f.text.replace(from, () => to) };
  });
  const theorem = METAL_THEOREMS.find((t) => t.name === wanted);
  assert.ok(theorem);
  const { failed } = await proveMetal(metalProgram(files), theorem, { solvers, first: true }, goal, about);
  return [...failed];
}
for (const bug of BUGS) {
  test(`${bug.theorem}: ${bug.name}`, async () => {
    // No answer in time does not count.
    assert.notDeepEqual(
      (await unproved(bug)).filter((label) => !label.endsWith(NO_ANSWER)),
      [],
    );
  });
}
// The control: the same goals are proved of the kernel as it is.
test('nothing is refuted of the kernel as it is', async () => {
  for (const bug of BUGS) assert.deepEqual(await unproved({ ...bug, to: bug.from }), [], bug.goal);
});
// Z3's threads never end by themselves.
test.after(() => setImmediate(() => process.exit()));
