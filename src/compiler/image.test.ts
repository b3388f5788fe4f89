// The image of a program boots on QEMU and on our own board with one transcript, and gdb would find its lines.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { buildImage } from './image.ts';
import { listing } from './listing.ts';
import { readSources } from './source.ts';
import { qemu, runOnBoard, runOnQemu } from './tests/board.ts';

const hello = readSources([path.join(import.meta.dirname, 'tests/hello.ts')]);
const WANTED = 'Hello from bare RISC-V, in TypeScript\n0 8 16 24 32 40 48 56 64 72 \n';

test('the hello image says the same on our board and on QEMU, and switches the machine off', () => {
  const image = buildImage(hello);
  const ours = runOnBoard(image.flat);
  assert.deepEqual([ours.transcript, ours.status], [WANTED, 0]);
  if (!qemu) return;
  assert.deepEqual(runOnQemu(image.elf), { transcript: WANTED, status: 0 });
});

test('with bounds compiled in, the program is larger and says the same', () => {
  const image = buildImage(hello, { check: true });
  assert.ok(image.flat.length > buildImage(hello).flat.length);
  assert.equal(runOnBoard(image.flat).transcript, WANTED);
});

test('the listing names functions, source lines and every instruction', () => {
  const text = listing(buildImage(hello).linked, hello);
  assert.match(text, /\nmain:\n; .*hello\.ts:\d+ {2}write\(text\('Hello/);
  assert.doesNotMatch(text, / \?$/m);
});
