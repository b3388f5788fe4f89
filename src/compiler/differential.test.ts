// The core that ships, in V8 and compiled: random plans and calls, every table compared after each.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import * as kernel from '../kernel/core/core.ts';
import { readSources } from './source.ts';
import { campaign } from './tests/campaign.ts';
import { instructionCounts } from './tests/counts.ts';
import { Twin } from './tests/twin.ts';
import type { Core } from './tests/twin.ts';

const core: Core = { ...kernel };
const files = readSources([path.join(import.meta.dirname, '../kernel/core/core.ts')]);
/** Actions of the supervisor: all that is exported and no predicate of the validator. */
const roots = Object.keys(core).filter((name) => /^[a-z][A-Za-z]*$/.test(name));
const STEPS = Number(process.env['COMPILER_STEPS'] ?? 2000);

test('compiled core and core in V8 agree on every call and every table', () => {
  const twin = new Twin(core, files, roots);
  const { seen } = campaign(core, twin, 1, STEPS);
  assert.ok(seen.size > 120, `only ${seen.size} outcomes`);
});

test('operations take as few instructions as were measured', () => {
  const counts = instructionCounts(core, new Twin(core, files, roots));
  const most: Record<string, number> = {
    TIME: 75,
    POLL: 78,
    'SEND 64': 185,
    'RECEIVE 64': 178,
    'SEND 1024': 520,
    'RECEIVE 1024': 510,
  };
  for (const [label, limit] of Object.entries(most)) {
    const count = counts.get(label) ?? Infinity;
    assert.ok(count <= limit, `${label}: ${count} instructions, not at most ${limit}`);
  }
});

test('a compiler that is wrong in one place is found (the comparison can fail)', () => {
  const wrong = files.map((f) => ({
    ...f,
    text: f.text.replace('x < INT_MAX ? x + 1 : x', 'x < INT_MAX ? x + 2 : x'),
  }));
  assert.notEqual(wrong[0].text, files[0].text);
  const twin = new Twin(core, wrong, roots);
  assert.throws(() => campaign(core, twin, 1, STEPS), /instead of/);
});
