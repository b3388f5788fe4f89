// Runs both applications on the real kernel core, in this process; the test plays Linux.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openTestBed, text, type TestBed } from 'virtsec/sdk/testing';

const SYSTEM = path.join(import.meta.dirname, 'system.yaml');

async function reply(bed: TestBed, line: string): Promise<string> {
  const ask = bed.partition('linux').port.stream('ask');
  await ask.write(`${line}\n`);
  let answer = '';
  while (!answer.endsWith('\n')) {
    const bytes = await ask.read();
    answer += bytes === undefined ? '(the end)\n' : text(bytes);
  }
  return answer.trim();
}

test('a message is signed, the same one always the same', async () => {
  await using bed = await openTestBed(SYSTEM);
  const signature = await reply(bed, 'sign hello');
  assert.match(signature, /^[0-9a-f]{64}$/);
  assert.equal(await reply(bed, 'sign hello'), signature);
  assert.notEqual(await reply(bed, 'sign hello!'), signature);
});

test('anything else is refused before it reaches the vault', async () => {
  await using bed = await openTestBed(SYSTEM);
  for (const line of ['dump key', 'sign', 'sign \t', `sign ${'x'.repeat(129)}`, 'x'.repeat(5000)]) {
    assert.equal(await reply(bed, line), 'refused', line);
  }
});

test('a vault that is restarted has another key', async () => {
  await using bed = await openTestBed(SYSTEM);
  const signature = await reply(bed, 'sign hello');
  bed.kill('vault');
  await bed.advance(500);
  assert.notEqual(await reply(bed, 'sign hello'), signature);
});
