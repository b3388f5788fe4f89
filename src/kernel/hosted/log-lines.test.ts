import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogLines } from './log-lines.ts';

function collect(): { lines: string[]; log: LogLines } {
  const lines: string[] = [];
  return { lines, log: new LogLines((text) => lines.push(text)) };
}

test('lines come whole, whatever the pieces', () => {
  const { lines, log } = collect();
  const bytes = Buffer.from('first\nsecönd\nlast');
  for (const byte of bytes) log.bytes(Uint8Array.of(byte));
  assert.deepEqual(lines, ['first', 'secönd']);
  log.end();
  assert.deepEqual(lines, ['first', 'secönd', 'last']);
});

test('nothing that a terminal would act on passes', () => {
  const { lines, log } = collect();
  log.bytes(Buffer.from('\u001b]0;title\u0007\ttext\r\u009b2J\n'));
  assert.deepEqual(lines, ['\ufffd]0;title\ufffd\ttext\ufffd\ufffd2J']);
});

test('length and number are bounded', () => {
  const { lines, log } = collect();
  log.bytes(Buffer.from('x'.repeat(100_000)));
  log.bytes(Buffer.from('\n'));
  assert.equal(lines[0].length, 1024);
  for (let i = 0; i < 10_000; i++) log.bytes(Buffer.from('flood\n'));
  assert.ok(lines.length <= 401);
});
