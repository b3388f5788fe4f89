// A short form of `npm run soak -- kill`, with its control: a budget that is too small is seen as a partition that stays away.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { soak } from '../scripts/soak/kill.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { TestSystem } from './partitions/system.ts';

const skip = whyNoFfi() ?? false;
afterEach(() => TestSystem.killAll());

test('random partitions are killed: all come back, nothing is lost between the others', { skip }, async (t) => {
  const outcome = await soak({ partitions: 3, kills: 12, seconds: 60 }, () => {});
  t.diagnostic(JSON.stringify(outcome));
  assert.deepEqual(outcome.wrong, []);
  assert.ok(outcome.messages > 0);
});

test('control: beyond its budget a partition stays away, and the soak says so', { skip }, async () => {
  const outcome = await soak({ partitions: 2, kills: 12, seconds: 60, budget: 1 }, () => {});
  assert.match(outcome.wrong.join('\n'), /^end of |was not started again/m);
});
