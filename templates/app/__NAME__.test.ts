// Runs the application on the real kernel core, in this process; the test plays its client.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openTestBed, text } from 'virtsec/sdk/testing';

const SYSTEM = path.join(import.meta.dirname, 'system.yaml');

test('a call is answered and entered in the journal', async () => {
  await using bed = await openTestBed(SYSTEM, { doubles: ['client'] });
  const { port } = bed.partition('client');
  assert.equal(text(await port.client('ask').call('test')), 'hello, test');
  const entry = await port.receiver('journal').receive({ within: 10 });
  assert.equal(entry && text(entry), '1: test');
  assert.deepEqual(bed.log('__NAME__'), ['__NAME__ is up']);
});

test('after a fault it is started again, and knows nothing of before', async () => {
  await using bed = await openTestBed(SYSTEM, { doubles: ['client'] });
  const { port } = bed.partition('client');
  await port.client('ask').call('before');
  bed.kill('__NAME__');
  await bed.until(() => bed.log('__NAME__').filter((line) => line === '__NAME__ is up').length === 2);
  await port.client('ask').call('after');
  const journal = port.receiver('journal');
  const entries = [await journal.receive(), await journal.receive()].map((entry) => text(entry));
  assert.deepEqual(entries, ['1: before', '1: after']);
});
