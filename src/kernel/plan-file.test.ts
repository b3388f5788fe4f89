// The file of a compiled plan: one form, and a signature that stands for this plan and no other.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  canonicalJson,
  encodePlanFile,
  isSignedBy,
  newKeys,
  openPlanFile,
  PlanFileError,
  signPlanFile,
} from './plan-file.ts';
import { H_WORDS, HEADER_WORDS, MAX_PLAN_WORDS, PLAN_MAGIC_0, PLAN_MAGIC_1 } from './plan-load.ts';

const words = new Int32Array(HEADER_WORDS + 3);
words.set([PLAN_MAGIC_0, PLAN_MAGIC_1]);
words[H_WORDS] = words.length;
words[HEADER_WORDS] = -7;
const names = { system: 'hello', a: [1, { z: 'ü', b: true }], nothing: undefined };
const file = encodePlanFile(words, names);
const keys = newKeys();

test('what was written is read back, and its hash is of all of it', () => {
  const opened = openPlanFile(file);
  assert.deepEqual(opened.names, { a: [1, { b: true, z: 'ü' }], system: 'hello' });
  assert.equal(opened.words[HEADER_WORDS], -7);
  assert.match(opened.hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(encodePlanFile(opened.words, opened.names), file);
  for (const at of [HEADER_WORDS * 4, file.length - 3]) {
    const other = Buffer.from(file);
    other[at] ^= 1;
    assert.notEqual(openPlanFile(other).hash, opened.hash);
  }
});

test('the beginning of the file is text of no encoding', () => {
  assert.equal(file.subarray(0, 8).toString('latin1'), 'VSPLAN\r\n');
});

test('canonical JSON: keys in order, no white space, no second way to say anything', () => {
  assert.equal(canonicalJson(names), '{"a":[1,{"b":true,"z":"ü"}],"system":"hello"}');
  const withNames = (text: string): Buffer => {
    const bytes = Buffer.concat([file.subarray(0, words.length * 4), Buffer.from(text)]);
    bytes.writeInt32LE(Buffer.byteLength(text), 16);
    return bytes;
  };
  assert.deepEqual(openPlanFile(withNames('{"a":1}')).names, { a: 1 });
  for (const text of [
    '{ "a":1}',
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{"a":1.0}',
    '{"a":1e999}',
    '{"a":"\\u0041"}',
    '[',
    '',
  ]) {
    assert.throws(() => openPlanFile(withNames(text)), PlanFileError, text);
  }
  assert.throws(() => openPlanFile(withNames('['.repeat(100_000) + ']'.repeat(100_000))), PlanFileError);
});

test('refused: another file, one cut short at any byte, one with more behind it', () => {
  for (let length = 0; length < file.length; length++) {
    assert.throws(() => openPlanFile(file.subarray(0, length)), PlanFileError, String(length));
  }
  assert.throws(() => openPlanFile(Buffer.concat([file, Buffer.of(0)])), PlanFileError);
  const other = Buffer.from(file);
  other[0] ^= 1;
  assert.throws(() => openPlanFile(other), new PlanFileError('not a compiled plan'));
  for (const count of [-1, 0, HEADER_WORDS - 1, MAX_PLAN_WORDS + 1, 0x7fffffff]) {
    const wrong = Buffer.from(file);
    wrong.writeInt32LE(count, H_WORDS * 4);
    assert.throws(() => openPlanFile(wrong), PlanFileError, String(count));
  }
});

test('signed: by this key, and what is signed is still the same plan', () => {
  const signed = signPlanFile(file, keys.privatePem);
  const opened = openPlanFile(signed);
  assert.equal(opened.hash, openPlanFile(file).hash);
  assert.ok(isSignedBy(opened, keys.publicPem));
  // Signed again: the new signature takes the old one's place.
  const others = newKeys();
  const again = openPlanFile(signPlanFile(signed, others.privatePem));
  assert.ok(isSignedBy(again, others.publicPem));
  assert.ok(!isSignedBy(again, keys.publicPem));
  assert.ok(!isSignedBy(openPlanFile(file), keys.publicPem), 'not signed at all');
});

test('not signed: another plan under this signature, a changed signature, a key that was put into the file', () => {
  const signed = signPlanFile(file, keys.privatePem);
  const trailer = signed.subarray(file.length);
  const others = encodePlanFile(words, { system: 'evil' });
  assert.ok(!isSignedBy(openPlanFile(Buffer.concat([others, trailer])), keys.publicPem));
  const changed = Buffer.from(signed);
  changed[changed.length - 1] ^= 1;
  assert.ok(!isSignedBy(openPlanFile(changed), keys.publicPem));
  // An attacker's own signature, with the key that is trusted written beside it.
  const attackers = signPlanFile(others, newKeys().privatePem);
  signed.copy(attackers, others.length + 8, file.length + 8, file.length + 40);
  assert.ok(!isSignedBy(openPlanFile(attackers), keys.publicPem));
});

test('a key of another kind, or none, is told', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  assert.throws(() => signPlanFile(file, pem), new PlanFileError('not an Ed25519 private key in PEM'));
  assert.throws(
    () => isSignedBy(openPlanFile(file), 'nonsense'),
    new PlanFileError('not an Ed25519 public key in PEM'),
  );
});
