// Trap entry and exit with a partition in U-mode behind PMP, on our board and on QEMU; and what happens without PMP.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Assembler } from './assemble.ts';
import { buildImage, buildProgram } from './image.ts';
import { readSources } from './source.ts';
import { qemu, runOnBoard, runOnQemu } from './tests/board.ts';
import type { Image } from './image.ts';

const read = (name: string) => readSources([path.join(import.meta.dirname, 'tests', name)]);
const PUT = 1;
const EXIT = 2;
const SPOKEN = 'a partition speaks\n';

function image(change = (text: string): string => text): Image {
  const partition = buildProgram(read('partition.ts'), { base: 0x8020_0000, bytes: 0x1_0000, exit: EXIT });
  const files = read('supervisor.ts').map((f) => ({ ...f, text: change(f.text) }));
  return buildImage(files, { blobs: { partition } });
}

test('a partition speaks by calls; the kernel, its registers and the finisher are out of its reach', () => {
  const wanted = `${SPOKEN}[fault 5]\n[fault 2]\n[fault 7 at the finisher]\ncalls ${SPOKEN.length + 1}, faults 3\n`;
  const { flat, elf } = image();
  const ours = runOnBoard(flat, { budget: 1_000_000 });
  assert.deepEqual([ours.transcript, ours.status], [wanted, 0]);
  if (qemu) assert.deepEqual(runOnQemu(elf), { transcript: wanted, status: 0 });
});

test('the control: with all of memory open to U-mode it reads the kernel and switches the machine off', () => {
  const { flat } = image((text) => text.replace('PMP_OPEN: number = 0', 'PMP_OPEN: number = 1'));
  const ours = runOnBoard(flat, { budget: 1_000_000 });
  assert.deepEqual([ours.transcript, ours.status], [`${SPOKEN}[fault 2]\n`, 0]);
});

test('every register of a partition survives a call; the result is in a0', () => {
  const [a0, a7] = [10, 17];
  const others = Array.from({ length: 31 }, (_, n) => n + 1).filter((r) => r !== a0 && r !== a7);
  const say = (asm: Assembler, letter: string): void => {
    asm.constant(a0, letter.charCodeAt(0));
    asm.constant(a7, PUT);
    asm.op('ecall', 0);
  };
  const asm = new Assembler();
  for (const r of others) asm.constant(r, 0x1000 + r);
  say(asm, 'Y');
  asm.constant(a7, 1);
  asm.branch('ne', a0, a7, 'bad');
  for (const r of others) {
    asm.constant(a0, 0x1000 + r);
    asm.branch('ne', r, a0, 'bad');
  }
  say(asm, 'Y');
  asm.jump('end');
  asm.label('bad');
  say(asm, 'N');
  asm.label('end');
  asm.constant(a7, EXIT);
  asm.op('ecall', 0);
  asm.label('stop');
  asm.jump('stop');
  const partition = asm.link(0x8020_0000).bytes;
  const ours = runOnBoard(buildImage(read('supervisor.ts'), { blobs: { partition } }).flat, { budget: 1_000_000 });
  assert.deepEqual([ours.transcript, ours.status], ['YYcalls 3, faults 0\n', 0]);
});

test('a call is not long: some 130 instructions with the loop around it', () => {
  const { at } = runOnBoard(image().flat, { budget: 1_000_000 });
  const turns = at.slice(1, SPOKEN.length).map((n, i) => n - at[i]);
  assert.ok(Math.max(...turns) < 160, `${turns.join()} instructions from byte to byte`);
});
