// The image of a program boots on QEMU and on our own board with one transcript, and gdb would find its lines.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { positionOf } from '../proof/language.ts';
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

const addr2line = 'riscv64-linux-gnu-addr2line';
const hasBinutils = spawnSync(addr2line, ['--version']).status === 0;
test('binutils read the line numbers', { skip: !hasBinutils && 'no riscv64 binutils' }, () => {
  const { elf, linked } = buildImage(hello);
  const folder = mkdtempSync(path.join(tmpdir(), 'compiler-'));
  try {
    const file = path.join(folder, 'hello.elf');
    writeFileSync(file, elf);
    const addresses = linked.lines.filter((l) => l.at !== undefined && l.at.file >= 0);
    const { stdout } = spawnSync(addr2line, ['-f', '-e', file, ...addresses.map((l) => l.address.toString(16))], {
      encoding: 'utf8',
    });
    const shown = stdout.trim().split('\n');
    const wanted = addresses.flatMap(({ at }) => {
      const { line } = positionOf(hello[0].text, at?.offset ?? 0);
      return ['main', `${hello[0].name}:${line}`];
    });
    assert.ok(addresses.length > 20);
    assert.deepEqual(shown, wanted);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
