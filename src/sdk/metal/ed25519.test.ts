// SHA-512 and Ed25519 of programs on bare metal, as machine code in our own engine: what they say is what Node's cryptography says, in a
// number of instructions that does not depend on the key or on what is signed.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import path from 'node:path';
import { test } from 'node:test';
import { sourcesOf } from '../../compiler/bare-system.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { openPlanFile } from '../../kernel/plan-file.ts';
import { runBare } from '../../vmm/hosted/bare.ts';
import type { SourceFile } from '../../proof/language.ts';

const SYSTEM =
  '{ virtsec: 1, system: vectors, partitions: { p: { app: ./p.ts, memory: 64K, may: { shut-down: true }, faults: { otherwise: cold-restart, backoff: 0us } } } }';
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string): string => path.join(import.meta.dirname, name);

/** Runs `main` behind these files, and gives its lines of log without its name, and the instructions of all. */
function run(
  files: readonly SourceFile[],
  main: string,
  seed: Uint8Array = new Uint8Array(32),
  holdsSeed = 1,
  budget = 2_000_000_000,
): { lines: string[]; instructions: number } {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const program = { name: 'p', files: [...files, { name: '/main.ts', text: main }], dataBytes: 32 * 1024, devices: [] };
  const kernel = kernelSources(path.resolve(import.meta.dirname, '../../kernel'));
  const image = buildSystem(kernel, openPlanFile(file).words, [{ ...program, seed: holdsSeed }]);
  let transcript = '';
  const { instructions } = runBare(image.flat, {
    ram: 16 << 20,
    budget,
    seed,
    output: (bytes) => (transcript += new TextDecoder().decode(bytes)),
  });
  const lines = transcript.split('\n').filter((line) => line.startsWith('p: '));
  return { lines: lines.map((line) => line.slice(3)), instructions };
}
const HEX = `
import { log, putByte, shutDown, textByte } from './bare.ts';
import { text } from './intrinsics.ts';
function digit(n: number): number {
  return 48 + n + (39 & ((9 - n) >> 8));
}
function putHex(at: number, byte: number): void {
  putByte(2 * at, digit((byte >> 4) & 15));
  putByte(2 * at + 1, digit(byte & 15));
}
`;

test('SHA-512 of messages of each kind of length', () => {
  const lengths = [0, 1, 3, 55, 111, 112, 119, 127, 128, 129, 239, 240, 500];
  const { lines } = run(
    sourcesOf(here('sha512.ts')).concat(sourcesOf(path.resolve(import.meta.dirname, '../bare.ts'))),
    `${HEX}
import { SHA_WORDS, digestByte, shaBegin, shaByte, shaEnd, shaPrepare } from './sha512.ts';
export class Test {
  readonly hash = new Int32Array(SHA_WORDS);
}
function one(s: Test, bytes: number): void {
  shaBegin(s.hash);
  for (let i = 0; i < bytes; i++) shaByte(s.hash, i * 7 + bytes);
  shaEnd(s.hash);
  for (let i = 0; i < 64; i++) putHex(i, digestByte(s.hash, i));
  log(128);
}
export function main(s: Test, _restarts: number, _startKind: number): number {
  shaPrepare(s.hash);
  ${lengths.map((n) => `one(s, ${n});`).join('\n  ')}
  return shutDown();
}`,
  );
  const expected = lengths.map((n) =>
    createHash('sha512')
      .update(Uint8Array.from({ length: n }, (_, i) => i * 7 + n))
      .digest('hex'),
  );
  assert.deepEqual(lines, expected);
});

/** PKCS #8 and SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const keyOf = (secret: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PKCS8, secret]), format: 'der', type: 'pkcs8' });
const rawPublic = (secret: Uint8Array): string =>
  createPublicKey(keyOf(secret)).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');

/** Statements that give these bytes; for printable ones as many instructions as for others. */
const given = (bytes: Uint8Array): string =>
  bytes.length > 0 && bytes.every((byte) => byte >= 48 && byte < 123 && byte !== 92)
    ? `for (let i = 0; i < ${bytes.length}; i++) toBeSigned(e, i, textByte(text('${Buffer.from(bytes).toString()}'), i));`
    : Array.from(bytes, (byte, i) => `toBeSigned(e, ${i}, ${byte});`).join('\n  ');
type Vector = readonly [secret: Uint8Array, message: Uint8Array];
/** For each vector the public key, and the signature of the message. */
const signing = (vectors: readonly Vector[]): string => `${HEX}
function show(e: Ed25519, bytes: number): void {
  sign(e, bytes);
  for (let i = 0; i < 32; i++) putHex(i, publicByte(e, i));
  log(64);
  for (let i = 0; i < 64; i++) putHex(i, signatureByte(e, i));
  log(128);
}
export function main(e: Ed25519, _restarts: number, _startKind: number): number {
  prepare(e);
  ${vectors
    .flatMap(([secret, message]) => [given(secret), 'keyOfSecret(e);', given(message), `show(e, ${message.length});`])
    .join('\n  ')}
  return shutDown();
}`;
/** The library with what tests ask of it made visible. */
function signed(vectors: readonly Vector[], change = (text: string): string => text) {
  const files = sourcesOf(here('ed25519.ts')).map((file) => ({ ...file, text: change(file.text) }));
  const last = files.at(-1)!;
  const names = 'Ed25519, keyOfSecret, prepare, publicByte, sign, signatureByte, toBeSigned';
  const text = last.text.replaceAll(/^function (prepare|keyOfSecret)/gm, 'export function $1');
  return run(
    [...files.slice(0, -1), { ...last, text }],
    `import { ${names} } from './ed25519.ts';\n${signing(vectors)}`,
  );
}
/** A stream of bytes that is the same each time. */
const bytesOf = (name: string, count: number): Uint8Array =>
  createHash('shake256', { outputLength: count }).update(name).digest();

const SAME_LENGTH: readonly Vector[] = [
  [Buffer.from('one secret of exactly 32 bytes..'.replaceAll(/\W/g, '_')), Buffer.from('pay1EURtoBob')],
  [Buffer.from('o'.repeat(32)), Buffer.from('000000000000')],
];
const VECTORS: readonly Vector[] = [
  // RFC 8032, 7.1, tests 1 and 3.
  [Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'), new Uint8Array()],
  [Buffer.from('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7', 'hex'), Uint8Array.of(0xaf, 0x82)],
  [new Uint8Array(32).fill(255), bytesOf('message', 200)],
];
const expectedOf = ([secret, message]: Vector): string[] => [
  rawPublic(secret),
  sign(undefined, message, keyOf(secret)).toString('hex'),
];

test('Ed25519: public keys and signatures are those of Node', () => {
  assert.deepEqual(signed(VECTORS).lines, VECTORS.flatMap(expectedOf));
});

test('Ed25519: for one key and message not an instruction more than for another', () => {
  const runs = SAME_LENGTH.map((vector) => signed([vector]));
  assert.deepEqual(
    runs.map(({ lines }) => lines),
    SAME_LENGTH.map(expectedOf),
  );
  assert.equal(runs[0].instructions, runs[1].instructions);
});

test('control: with sums skipped where a bit is 0, the count tells', () => {
  const hasty = (text: string): string =>
    text.replace(
      '    addPoints(e, SUM, DOUBLED, BASE);\n',
      '    if (((e.edOrder[scalar + (bit >> 4)] >> (bit & 15)) & 1) === 1) addPoints(e, SUM, DOUBLED, BASE);\n',
    );
  const counts = SAME_LENGTH.map((vector) => signed([vector], hasty).instructions);
  assert.notEqual(counts[0], counts[1]);
});

const MAKE_KEY = `${HEX.replace('log, ', 'log, raise, putText, ')}
import { Ed25519, makeKey, publicByte } from './ed25519.ts';
export function main(e: Ed25519, restarts: number, _startKind: number): number {
  if (makeKey(e) === 0) {
    for (let i = 0; i < 32; i++) putHex(i, publicByte(e, i));
    log(64);
  } else log(putText(0, text('no key')));
  return restarts < 2 ? raise(0) : shutDown();
}`;
const hash = (...parts: readonly Uint8Array[]): Buffer => createHash('sha512').update(Buffer.concat(parts)).digest();
/** Of each life: the seed of the next one is taken off before anything of its own is drawn. */
function keysOf(half: Uint8Array, lives: number): string[] {
  const drawn = hash(Uint8Array.of(0), half);
  const secret = hash(Uint8Array.of(1), drawn.subarray(32)).subarray(32);
  return [rawPublic(secret), ...(lives > 1 ? keysOf(drawn.subarray(0, 16), lives - 1) : [])];
}

test("keys follow from the partition's half of the board's seed alone, and each life has another; without a seed there is none", () => {
  const files = sourcesOf(here('ed25519.ts'));
  const seed = bytesOf('seed', 32);
  assert.deepEqual(run(files, MAKE_KEY, seed, 1).lines, keysOf(seed.subarray(0, 16), 3));
  assert.deepEqual(run(files, MAKE_KEY, seed, 2).lines, keysOf(seed.subarray(16), 3));
  assert.deepEqual(run(files, MAKE_KEY, new Uint8Array(32), 1).lines, ['no key', 'no key', 'no key']);
  // Whose it is not, who asks dies of it.
  assert.deepEqual(run(files, MAKE_KEY, seed, 0, 20_000_000).lines, []);
});
