import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as f from './finisher.ts';

const run = (...values: number[]): number[] => {
  const s = new Int32Array(f.FINISHER_WORDS);
  f.finisherReset(s);
  for (const value of values) f.finisherWrite(s, 0, value);
  return [s[f.F_REQUEST], s[f.F_STATUS]];
};

test('commands: pass, reset, failure with its status; the first one counts', () => {
  assert.deepEqual(run(0x5555), [f.REQUEST_POWER_OFF, 0]);
  assert.deepEqual(run(0x7777), [f.REQUEST_RESET, 0]);
  assert.deepEqual(run(0x0007_3333), [f.REQUEST_POWER_OFF, 7]);
  assert.deepEqual(run(0x3333), [f.REQUEST_POWER_OFF, 1], 'a failure is never 0');
  assert.deepEqual(run(0x0100_3333), [f.REQUEST_POWER_OFF, 255]);
  assert.deepEqual(run(0xffff_3333 | 0), [f.REQUEST_POWER_OFF, 255]);
  assert.deepEqual(run(0x1234, 0), [f.REQUEST_NONE, 0]);
  assert.deepEqual(run(0x5555, 0x7777), [f.REQUEST_POWER_OFF, 0]);
});
