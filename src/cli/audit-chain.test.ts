import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditLog } from '../kernel/hosted/audit-log.ts';
import { verifyAudit } from './audit-chain.ts';

function log(events: readonly string[]): { readonly text: string; readonly head: string; readonly records: number } {
  let text = '';
  const audit = new AuditLog((line) => (text += line));
  for (const event of events) audit.add(event);
  return { text, head: audit.head, records: audit.records };
}

const EVENTS = ['boot', 'started', 'fault', 'exit', 'restarted', 'ended'];
const whole = log(EVENTS);
const lines = whole.text.split('\n').slice(0, -1);
const joined = (some: readonly string[]) => `${some.join('\n')}\n`;

test('a log that nobody touched is whole, and its head is the one that the kernel tells', () => {
  assert.deepEqual(verifyAudit(whole.text), { isWhole: true, records: 6, head: whole.head });
  assert.deepEqual(verifyAudit(whole.text, whole), { isWhole: true, records: 6, head: whole.head });
});

test('one byte changed anywhere is found, at its line', () => {
  for (let at = 0; at < whole.text.length; at++) {
    const line = whole.text.slice(0, at).split('\n').length;
    for (const byte of ['~', '0', '\n']) {
      if (byte === whole.text[at]) continue;
      const verdict = verifyAudit(whole.text.slice(0, at) + byte + whole.text.slice(at + 1), whole);
      assert.ok(!verdict.isWhole, `byte ${at}`);
      assert.ok(
        Math.abs(verdict.line - line) <= 1,
        `byte ${at} of line ${line}: told line ${verdict.line}: ${verdict.why}`,
      );
    }
  }
});

test('a record taken out, put in, moved, or cut off is found, at its place', () => {
  for (let i = 0; i < lines.length; i++) {
    const without = verifyAudit(joined(lines.filter((_, j) => j !== i)));
    assert.ok(!without.isWhole);
    if (i < lines.length - 1) assert.deepEqual([without.line, without.why], [i + 1, '1 records before it are missing']);
    const twice = verifyAudit(joined([...lines.slice(0, i + 1), ...lines.slice(i)]));
    assert.ok(!twice.isWhole && twice.line === i + 2, `put in after ${i}`);
    const cut = verifyAudit(joined(lines.slice(0, i)));
    assert.ok(!cut.isWhole && cut.line === i + 1, `cut off at ${i}`);
  }
  const torn = verifyAudit(whole.text.slice(0, -10));
  assert.deepEqual(torn, { isWhole: false, line: 6, why: 'it is cut off' });
});

test('a log that was written anew looks whole, but not to whoever has kept its head', () => {
  const anew = log(EVENTS.toSpliced(2, 1, 'nothing'));
  assert.equal(verifyAudit(anew.text).isWhole, true);
  assert.deepEqual(verifyAudit(anew.text, whole), {
    isWhole: false,
    line: 6,
    why: 'it is not the record that was kept: it, or one before it, was written anew',
  });
  const shorter = log(['boot', 'ended']);
  assert.equal(verifyAudit(shorter.text).isWhole, true);
  assert.equal(verifyAudit(shorter.text, whole).isWhole, false);
});

test('what a partition causes without end is recorded so often in a second, and then counted', async () => {
  let text = '';
  const audit = new AuditLog((line) => (text += line));
  for (let i = 0; i < 1000; i++) audit.addOf('a', 'denied', { partition: 'a' });
  audit.addOf('b', 'denied');
  const before = text.split('\n').length - 1;
  assert.ok(before <= 41, `${before} records`); // at most two seconds' worth, and one of b
  await new Promise((resolve) => setTimeout(resolve, 1050));
  audit.addOf('a', 'denied', { partition: 'a' });
  assert.match(text, /"event":"not-recorded","partition":"a","records":9[0-9]+/);
});
