// The systems that a newcomer runs (systems/): through `bin/virtsec.js` with their guests, and their applications on the SDK's
// test bed.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fetchImage, ImageError } from '../src/images/images.ts';
import { openTestBed, type TestBed, text } from '../src/sdk/testing.ts';
import { type Ended, root, virtsec } from './command.ts';

/** Of a whole run, for a loaded machine. */
const TIMEOUT = '240';

/** False, and the test is skipped, where the image can be had neither from the cache nor from the network. */
async function haveDebian(t: TestContext): Promise<boolean> {
  try {
    await fetchImage('debian');
    return true;
  } catch (error) {
    if (!(error instanceof ImageError) || !['network', 'no-source', 'missing-tool'].includes(error.code)) throw error;
    t.skip(`${error.message} ${error.help}`);
    return false;
  }
}

const folder = (system: string): string => path.join(root, 'systems', system);
const bed = (system: string): Promise<TestBed> => openTestBed(path.join(folder(system), 'system.yaml'));

const send = (line: string): string[] => ['--send', line];
const expect = (pattern: string): string[] => ['--expect', pattern];
const run = (system: string, ...words: readonly string[][]): Promise<Ended> =>
  virtsec(['run', folder(system), '--timeout', TIMEOUT, ...words.flat()]);

function endedWell({ status, stdout, stderr, left }: Ended): void {
  assert.equal(status, 0, `${stdout.slice(-3000)}\n--- standard error\n${stderr.slice(-3000)}`);
  assert.deepEqual(left, [], 'processes that outlived the command');
}

// ---- vault

/** SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410, 4). */
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

function isSigned(message: string, publicKey: string, signature: string): boolean {
  const key = createPublicKey({
    key: Buffer.concat([ED25519, Buffer.from(publicKey, 'hex')]),
    format: 'der',
    type: 'spki',
  });
  return verify(undefined, Buffer.from(message), key, Buffer.from(signature, 'hex'));
}

test("vault: from the guest's shell a line of text in, a signature out", async (t) => {
  if (!(await haveDebian(t))) return;
  const ended = await run(
    'vault',
    send('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'),
    expect('^open-2$'),
    send('echo public >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{64}$'),
    send('echo sign 100 EUR to Bob >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{128}$'),
    send('echo dump key >&3; head -n 1 <&3'),
    expect('^refused$'),
    send('poweroff'),
  );
  endedWell(ended);
  const [key] = /^[0-9a-f]{64}(?=\r?$)/m.exec(ended.stdout)!;
  const [signature] = /^[0-9a-f]{128}(?=\r?$)/m.exec(ended.stdout)!;
  assert.ok(isSigned('100 EUR to Bob', key, signature));
  assert.ok(!isSigned('100 EUR to Eve', key, signature));
});

async function answer(bed: TestBed, line: string): Promise<string> {
  const ask = bed.partition('linux').port.stream('ask');
  await ask.write(`${line}\n`);
  let answer = '';
  while (!answer.endsWith('\n')) answer += text((await ask.read()) ?? new Uint8Array([10]));
  return answer.trim();
}

test('vault: nothing but a well-formed wish goes on, and only so many a minute', async () => {
  await using vault = await bed('vault');
  const publicKey = await answer(vault, 'public');
  for (const line of [
    'dump key',
    'sign',
    'sign ',
    'sign \t',
    `sign ${'x'.repeat(129)}`,
    'public key',
    'x'.repeat(5000),
  ]) {
    assert.equal(await answer(vault, line), 'refused', line);
  }
  for (let i = 1; i < 60; i++) assert.ok(isSigned(`${i}`, publicKey, await answer(vault, `sign ${i}`)));
  assert.equal(await answer(vault, 'sign 61'), 'refused: too many');
  await vault.advance(60_000);
  assert.ok(isSigned('61', publicKey, await answer(vault, 'sign 61')));
});

test('vault: one that is started again has another key', async () => {
  await using vault = await bed('vault');
  const publicKey = await answer(vault, 'public');
  vault.kill('vault');
  await vault.advance(1000);
  assert.notEqual(await answer(vault, 'public'), publicKey);
});
