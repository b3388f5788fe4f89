import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as a from './aclint.ts';

function aclint(harts = 2): Int32Array {
  const s = new Int32Array(a.ACLINT_WORDS);
  a.aclintReset(s, harts);
  return s;
}
function at(s: Int32Array, time: number): void {
  s[a.A_TIME_LOW] = time | 0;
  s[a.A_TIME_HIGH] = Math.floor(time / 2 ** 32);
  a.aclintUpdate(s);
}

test('MSIP: bit 0 alone, one word a hart, none beyond the harts (chapter 3)', () => {
  const s = aclint();
  a.aclintWrite(s, 0, 4, -1);
  assert.deepEqual([s[a.A_MSIP], s[a.A_MSIP + 1]], [0, 1]);
  assert.equal(a.aclintRead(s, 0, 4), 1);
  a.aclintWrite(s, 0, 8, 1);
  assert.equal(a.aclintRead(s, 0, 8), 0);
  a.aclintWrite(s, 1, 4, 2);
  assert.equal(s[a.A_MSIP + 1], 0);
});

test('MTIP is mtime >= mtimecmp, unsigned, and quiet after reset (2.1)', () => {
  const s = aclint();
  at(s, Number.MAX_SAFE_INTEGER);
  assert.equal(s[a.A_MTIP], 0);
  at(s, 0x1_8000_0000);
  a.aclintWrite(s, 0, a.ACLINT_MTIMECMP, 0x8000_0001 | 0);
  a.aclintWrite(s, 0, a.ACLINT_MTIMECMP + 4, 1);
  assert.deepEqual([s[a.A_MTIP], s[a.A_MTIP + 1]], [0, 0]);
  at(s, 0x1_8000_0001);
  assert.deepEqual([s[a.A_MTIP], s[a.A_MTIP + 1]], [1, 0]);
  a.aclintWrite(s, 0, a.ACLINT_MTIMECMP + 4, 2);
  assert.equal(s[a.A_MTIP], 0);
  a.aclintWrite(s, 0, a.ACLINT_MTIMECMP + 8, 7);
  a.aclintWrite(s, 0, a.ACLINT_MTIMECMP + 12, 0);
  assert.equal(s[a.A_MTIP + 1], 1);
  assert.equal(a.aclintRead(s, 0, a.ACLINT_MTIMECMP + 8), 7);
});

test('mtime read as two words comes from one moment, for each hart apart', () => {
  const s = aclint();
  at(s, 0x1_ffff_ffff);
  assert.equal(a.aclintRead(s, 0, a.ACLINT_MTIME), -1);
  at(s, 0x2_0000_0000);
  assert.equal(a.aclintRead(s, 1, a.ACLINT_MTIME + 4), 2, 'the other hart has not read the low word');
  assert.equal(a.aclintRead(s, 0, a.ACLINT_MTIME + 4), 1);
  assert.equal(a.aclintRead(s, 0, a.ACLINT_MTIME + 4), 2, 'once: the loop of a 32-bit program sees the new one');
  a.aclintWrite(s, 0, a.ACLINT_MTIME, 0);
  assert.equal(a.aclintRead(s, 0, a.ACLINT_MTIME + 4), 2, 'mtime is not writable');
});
