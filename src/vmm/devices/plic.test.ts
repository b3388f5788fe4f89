import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as p from './plic.ts';

const M0 = 0;
const S0 = 1;
const UART = 10;
const RTC = 11;

function plic(harts = 1): Int32Array {
  const s = new Int32Array(p.PLIC_WORDS);
  p.plicReset(s, harts);
  return s;
}
const priority = (s: Int32Array, source: number, value: number): void => p.plicWrite(s, 4 * source, value);
const enable = (s: Int32Array, context: number, word: number, bits: number): void =>
  p.plicWrite(s, p.PLIC_ENABLE + p.PLIC_ENABLE_STRIDE * context + 4 * word, bits);
const claimAt = (context: number): number => p.PLIC_CONTEXT + p.PLIC_CONTEXT_STRIDE * context + p.PLIC_CLAIM;
const threshold = (s: Int32Array, context: number, value: number): void =>
  p.plicWrite(s, p.PLIC_CONTEXT + p.PLIC_CONTEXT_STRIDE * context, value);
const output = (s: Int32Array, context: number): number => s[p.P_OUTPUT + context];

test('registers: priorities 0..7 of sources 1..95, enables per context, thresholds (chapters 4 to 7)', () => {
  const s = plic();
  priority(s, 95, 0xffff_ffff | 0);
  priority(s, 96, 3);
  p.plicWrite(s, 0, 5);
  assert.equal(p.plicRead(s, 4 * 95), 7);
  assert.equal(p.plicRead(s, 4 * 96), 0);
  assert.equal(p.plicRead(s, 0), 0);
  enable(s, S0, 0, -1);
  enable(s, S0, 2, 5);
  assert.equal(p.plicRead(s, 0x2080), -2, 'source 0 does not exist: its bit is zero');
  assert.equal(p.plicRead(s, 0x2088), 5);
  assert.equal(p.plicRead(s, 0x2000), 0);
  threshold(s, S0, 9);
  assert.equal(p.plicRead(s, 0x20_1000), 1);
  threshold(s, 2, 3);
  assert.equal(p.plicRead(s, 0x20_2000), 0, 'one hart has two contexts');
});

test('a level becomes pending, is notified to enabled contexts, claimed once, and pends again after completion while it is high (chapters 2, 8, 9)', () => {
  const s = plic();
  priority(s, UART, 1);
  enable(s, S0, 0, 1 << UART);
  p.plicSetLevel(s, UART, 1);
  assert.equal(p.plicRead(s, p.PLIC_PENDING), 1 << UART);
  assert.deepEqual([output(s, M0), output(s, S0)], [0, 1]);
  assert.equal(p.plicRead(s, claimAt(M0)), 0, 'not enabled for this context');
  assert.equal(p.plicRead(s, claimAt(S0)), UART);
  assert.equal(p.plicRead(s, p.PLIC_PENDING), 0, 'a claim clears the pending bit');
  assert.equal(output(s, S0), 0);
  assert.equal(p.plicRead(s, claimAt(S0)), 0, 'the gateway waits for completion');
  p.plicWrite(s, claimAt(S0), UART);
  assert.equal(output(s, S0), 1, 'still high');
  assert.equal(p.plicRead(s, claimAt(S0)), UART);
  p.plicSetLevel(s, UART, 0);
  p.plicWrite(s, claimAt(S0), UART);
  assert.equal(output(s, S0), 0);
});

test('a level that falls before the claim leaves the accepted request pending (chapter 2)', () => {
  const s = plic();
  priority(s, UART, 1);
  enable(s, S0, 0, 1 << UART);
  p.plicSetLevel(s, UART, 1);
  p.plicSetLevel(s, UART, 0);
  assert.equal(output(s, S0), 1);
  assert.equal(p.plicRead(s, claimAt(S0)), UART);
});

test('the highest priority is claimed first, the lowest number among equals; priority 0 never (chapter 4)', () => {
  const s = plic();
  for (const source of [3, RTC, UART, 70]) p.plicSetLevel(s, source, 1);
  enable(s, S0, 0, -1);
  enable(s, S0, 2, -1);
  priority(s, UART, 2);
  priority(s, RTC, 2);
  priority(s, 70, 7);
  const order = [0, 1, 2, 3].map(() => p.plicRead(s, claimAt(S0)));
  assert.deepEqual(order, [70, UART, RTC, 0]);
});

test('the threshold masks priorities up to its own, and does not affect claims (chapters 7, 8)', () => {
  const s = plic();
  priority(s, UART, 3);
  enable(s, S0, 0, 1 << UART);
  threshold(s, S0, 3);
  p.plicSetLevel(s, UART, 1);
  assert.equal(output(s, S0), 0);
  threshold(s, S0, 2);
  assert.equal(output(s, S0), 1);
  threshold(s, S0, 7);
  assert.equal(p.plicRead(s, claimAt(S0)), UART);
});

test('a completion of a source that is not enabled for the context is ignored (chapter 9)', () => {
  const s = plic(2);
  priority(s, UART, 1);
  enable(s, S0, 0, 1 << UART);
  p.plicSetLevel(s, UART, 1);
  assert.equal(p.plicRead(s, claimAt(S0)), UART);
  p.plicWrite(s, claimAt(M0), UART);
  p.plicWrite(s, claimAt(S0), 96);
  p.plicWrite(s, claimAt(S0), -1);
  assert.equal(output(s, S0), 0);
  p.plicWrite(s, claimAt(S0), UART);
  assert.equal(output(s, S0), 1);
});

test('contexts of different harts: one claims, the others lose', () => {
  const s = plic(2);
  priority(s, UART, 1);
  for (const context of [1, 3]) enable(s, context, 0, 1 << UART);
  p.plicSetLevel(s, UART, 1);
  assert.deepEqual([output(s, 1), output(s, 3)], [1, 1]);
  assert.equal(p.plicRead(s, claimAt(3)), UART);
  assert.deepEqual([output(s, 1), output(s, 3)], [0, 0]);
  assert.equal(p.plicRead(s, claimAt(1)), 0);
});
