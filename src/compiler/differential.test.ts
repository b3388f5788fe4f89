// The core that ships, in V8 and compiled: random plans and calls, every table compared after each.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import * as kernel from '../kernel/core/core.ts';
import { readSources } from './source.ts';
import { campaign } from './tests/campaign.ts';
import { firstCampaign } from './tests/campaign-first.ts';
import { Twin } from './tests/twin.ts';
import type { Core } from './tests/twin.ts';

const core: Core = { ...kernel };
const files = readSources([path.join(import.meta.dirname, '../kernel/core/core.ts')]);
/** Actions of the supervisor: all that is exported and no predicate of the validator. */
const roots = Object.keys(core).filter((name) => /^[a-z][A-Za-z]*$/.test(name));
const STEPS = Number(process.env['COMPILER_STEPS'] ?? 2000);
const isFirst = !('OP_SEND' in core);

test('compiled core and core in V8 agree on every call and every table', () => {
  const twin = new Twin(core, files, roots);
  const seen = isFirst ? firstCampaign(core, twin, 1, STEPS) : campaign(core, twin, 1, STEPS).seen;
  assert.ok(seen.size > (isFirst ? 20 : 150), `only ${seen.size} outcomes`);
});

test('a compiler that is wrong in one place is found (the comparison can fail)', () => {
  const wrong = files.map((f) => ({
    ...f,
    text: f.text.replace('x < INT_MAX ? x + 1 : x', 'x < INT_MAX ? x + 2 : x'),
  }));
  assert.notEqual(wrong[0].text, files[0].text);
  const twin = new Twin(core, wrong, roots);
  assert.throws(() => (isFirst ? firstCampaign(core, twin, 1, STEPS) : campaign(core, twin, 1, STEPS)), /instead of/);
});
