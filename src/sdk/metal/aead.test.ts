// ChaCha20-Poly1305 of programs on bare metal, as machine code in our own engine: what is sealed is what Node seals; what was changed is
// not opened; for one key and text not an instruction more than for another.
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import path from 'node:path';
import { test } from 'node:test';
import { sourcesOf } from '../../compiler/bare-system.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { openPlanFile } from '../../kernel/plan-file.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { runBare } from '../../vmm/hosted/bare.ts';

const SYSTEM =
  '{ virtsec: 1, system: vectors, partitions: { p: { app: ./p.ts, memory: 64K, may: { shut-down: true } } } }';
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const SDK = path.resolve(import.meta.dirname, '..');
const KERNEL = kernelSources(path.resolve(SDK, '../kernel'));

/** Bytes of the test's data: key, nonce, data that are not sealed, text; the same here and there. */
const byteOf = (seed: number, i: number): number => (i * 167 + (i >> 4) * 29 + seed * 83) & 0xff;
const bytes = (seed: number, from: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => byteOf(seed, from + i));

function run(main: string): { lines: string[]; instructions: number } {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const text = `
import { log, putByte, putText, shutDown } from './bare.ts';
import { text } from './intrinsics.ts';
import { Aead, dataByte, keyByte, nonceByte, open, seal, setTextByte, textByteAt } from './aead.ts';
function byteOf(seed: number, i: number): number {
  return (i * 167 + (i >> 4) * 29 + seed * 83) & 255;
}
function digit(n: number): number {
  return 48 + n + (39 & ((9 - n) >> 8));
}
function show(a: Aead, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    putByte(2 * i, digit(textByteAt(a, i) >> 4));
    putByte(2 * i + 1, digit(textByteAt(a, i) & 15));
  }
  log(2 * bytes);
}
function prepare(a: Aead, seed: number, bytes: number): void {
  for (let i = 0; i < 32; i++) keyByte(a, i, byteOf(seed, i));
  for (let i = 0; i < 12; i++) nonceByte(a, i, byteOf(seed, 32 + i));
  for (let i = 0; i < 16; i++) dataByte(a, i, byteOf(seed, 44 + i));
  for (let i = 0; i < bytes; i++) setTextByte(a, i, byteOf(seed, 60 + i));
}
function sealed(a: Aead, seed: number, bytes: number): void {
  prepare(a, seed, bytes);
  seal(a, bytes);
  show(a, bytes + 16);
}
export function main(a: Aead, _restarts: number, _startKind: number): number {
  ${main}
  return shutDown();
}`;
  const files = [...sourcesOf(`${SDK}/metal/aead.ts`), ...sourcesOf(`${SDK}/bare.ts`), { name: '/main.ts', text }];
  const program = { name: 'p', files, dataBytes: 32 * 1024, devices: [] };
  const image = buildSystem(KERNEL, openPlanFile(file).words, [program]);
  let transcript = '';
  const output = (more: Uint8Array): void => void (transcript += Buffer.from(more).toString());
  const { instructions } = runBare(image.flat, { ram: 16 << 20, budget: 400_000_000, output });
  const lines = transcript.split('\n').filter((line) => line.startsWith('p: '));
  return { lines: lines.map((line) => line.slice(3)), instructions };
}
function expected(seed: number, length: number): string {
  const cipher = createCipheriv('chacha20-poly1305', bytes(seed, 0, 32), bytes(seed, 32, 12), { authTagLength: 16 });
  cipher.setAAD(bytes(seed, 44, 16), { plaintextLength: length });
  const sealed = Buffer.concat([cipher.update(bytes(seed, 60, length)), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString('hex');
}

test('ChaCha20-Poly1305: what is sealed is what Node seals, for each kind of length', () => {
  const cases = [0, 1, 15, 16, 17, 63, 64, 65, 128, 300].map((length, i) => [i * 5 + 1, length] as const);
  const { lines } = run(cases.map(([seed, length]) => `sealed(a, ${seed}, ${length});`).join('\n  '));
  assert.deepEqual(
    lines,
    cases.map(([seed, length]) => expected(seed, length)),
  );
});

test('ChaCha20-Poly1305: sums of many values, against Node', () => {
  const seeds = Array.from({ length: 40 }, (_, i) => i * 7);
  const { lines } = run(`for (let i = 0; i < 40; i++) sealed(a, i * 7, 64);`);
  const hash = (all: readonly string[]): string => createHash('sha256').update(all.join('\n')).digest('hex');
  assert.equal(lines.length, 40);
  assert.equal(hash(lines), hash(seeds.map((seed) => expected(seed, 64))));
});

test('ChaCha20-Poly1305: what was sealed is opened; with anything of it changed, or of key, nonce and data, it is not', () => {
  const again = 'prepare(a, 3, 70); seal(a, 70);';
  const opens = `if (open(a, 70)) show(a, 70); else log(putText(0, text('refused')));`;
  const changes = [
    'setTextByte(a, 69, textByteAt(a, 69) ^ 1);',
    'setTextByte(a, 70, textByteAt(a, 70) ^ 128);',
    'setTextByte(a, 85, textByteAt(a, 85) ^ 1);',
    'keyByte(a, 31, byteOf(3, 31) ^ 1);',
    'nonceByte(a, 0, byteOf(3, 32) ^ 1);',
    'dataByte(a, 15, byteOf(3, 59) ^ 1);',
  ];
  const { lines } = run([`${again} ${opens}`, ...changes.map((change) => `${again} ${change} ${opens}`)].join('\n  '));
  assert.deepEqual(lines, [Buffer.from(bytes(3, 60, 70)).toString('hex'), ...changes.map(() => 'refused')]);
});

test('ChaCha20-Poly1305: for one key and text not an instruction more than for another', () => {
  const counts = [11, 12].map((seed) => run(`sealed(a, ${seed}, 64);`).instructions);
  assert.equal(counts[0], counts[1]);
});
