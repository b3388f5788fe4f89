import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from './patience.ts';

/** Looks every 5 us until it is in vain; how many microseconds that took, 0: it was not worth it. */
function lookInVain(patience: Patience, from: number): number {
  if (!patience.begin(from)) return 0;
  let now = from;
  while (patience.mayLook(now)) now += 0.005;
  return Math.round((now - from) * 1000);
}

test('who looks in vain looks half as long, and soon not at all but once in a while', () => {
  const patience = new Patience();
  const looks = Array.from({ length: 100 }, (_, i) => lookInVain(patience, i));
  const [first, second, third] = looks;
  assert.ok(first >= 50 && first <= 55 && second <= 30 && third <= 15, `${first} ${second} ${third}`);
  // 100 sleeps: less than half a millisecond of looking.
  assert.ok(looks.reduce((sum, n) => sum + n) < 450, String(looks));
  assert.ok(
    looks.slice(10).some((n) => n > 0),
    'it is tried again',
  );
});

test('control: who finds, looks on as long as ever', () => {
  const patience = new Patience();
  for (let i = 0; i < 100; i++) {
    assert.ok(patience.begin(i));
    assert.ok(patience.mayLook(i + 0.045));
    patience.found();
  }
});

test('who has lost its processor does not look at once, and each time for longer', () => {
  const patience = new Patience();
  const pauses: number[] = [];
  for (let at = 0, sleeps = 0; pauses.length < 4; at += 10) {
    if (!patience.begin(at)) {
      sleeps += 1;
      continue;
    }
    pauses.push(sleeps);
    sleeps = 0;
    assert.equal(patience.mayLook(at + 3), false, '3 ms later somebody else has run');
  }
  assert.deepEqual(pauses, [0, 63, 127, 255]);
});
