// The CPU engine against QEMU, for a few seconds in every test run. `npm run fuzz -- cpu` goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runCampaign } from './campaign.ts';
import { runInEngine } from './engine.ts';
import { qemuVersion, runInQemu } from './qemu.ts';

const INSTRUCTIONS = 2_000_000;

const version = qemuVersion();
const skip = version === undefined && 'qemu-system-riscv64 is not installed (Debian package qemu-system-misc)';

void test(
  'random programs leave the same registers, traps and memory in the engine and in QEMU',
  { skip },
  async () => {
    const reports: string[] = [];
    const total = await runCampaign({
      seed: 1,
      programsInBatch: 120,
      instructions: INSTRUCTIONS,
      peer: (image) => runInQemu(image),
      subject: (image) => runInEngine(image),
      onDifference: (report) => reports.push(report),
    });
    assert.equal(total.differences, 0, `judged by QEMU ${version}:\n${reports.join('\n\n')}`);
    assert.ok(total.instructions >= INSTRUCTIONS, `${total.instructions} instructions were compared`);
  },
);

for (const threshold of [1, 3])
  void test(`the translator leaves what the interpreter leaves (threshold ${threshold})`, async () => {
    const reports: string[] = [];
    await runCampaign({
      seed: 1000 * threshold,
      programsInBatch: 100,
      instructions: INSTRUCTIONS / 4,
      peer: (image) => runInEngine(image),
      subject: (image) => runInEngine(image, undefined, { threshold }),
      onDifference: (report) => reports.push(report),
    });
    assert.deepEqual(reports, []);
  });
