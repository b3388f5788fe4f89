// Seeded faults: the differential tester must find each in a short run of fixed seed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildImage } from './batch.ts';
import { runInEngine } from './engine.ts';
import { FAULTS, faultyEngine, TRANSLATOR_FAULTS } from './faults.ts';
import { generate } from './generate.ts';
import { compareBatch } from './judge.ts';
import { qemuVersion, runInQemu } from './qemu.ts';

const SEED = 1;
const PROGRAMS = 120;

const skip = qemuVersion() === undefined && 'qemu-system-riscv64 is not installed (Debian package qemu-system-misc)';

void test('every seeded fault is found', { skip }, async (context) => {
  const programs = Array.from({ length: PROGRAMS }, (_, i) => generate(SEED + i, i === PROGRAMS - 1));
  const image = buildImage(programs);
  const expected = await runInQemu(image);
  assert.deepEqual(compareBatch(PROGRAMS, expected, await runInEngine(image)).verdicts, [], 'without a fault');
  for (const fault of [...FAULTS, ...TRANSLATOR_FAULTS]) {
    const threshold = TRANSLATOR_FAULTS.includes(fault) ? 1 : 0;
    // oxlint-disable-next-line no-await-in-loop
    await context.test(fault.about, async () => {
      const got = await runInEngine(image, await faultyEngine(fault), { threshold });
      assert.notEqual(compareBatch(PROGRAMS, expected, got).verdicts.length, 0, 'not found');
    });
  }
});
