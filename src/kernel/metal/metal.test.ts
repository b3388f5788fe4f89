// A system on bare metal: our own board and QEMU say the same.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readSources } from '../../compiler/source.ts';
import { buildSystem } from '../../compiler/system-image.ts';
import { qemu, runOnBoard, runOnQemu } from '../../compiler/tests/board.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { openPlanFile } from '../plan-file.ts';

const SYSTEM = `
virtsec: 1
system: metal-test
partitions:
  sender: { app: ./sender.ts, memory: 64K, faults: { exit: stop } }
  console: { app: ./console.ts, memory: 64K }
  hostile: { app: ./hostile.ts, memory: 64K, faults: { trap: cold-restart, call: cold-restart } }
channels:
  numbers: { queuing: sender -> console, bytes: 8, depth: 4, overflow: block }
schedules:
  normal: { frame: 4ms, cores: { 0: [{ sender: 0-1ms }, { console: 1-2ms }, { hostile: 2-4ms }] } }
`;
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string) => path.join(import.meta.dirname, 'tests', name);

test('messages pass in order, a hostile partition dies of each of its attacks', () => {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const { words } = openPlanFile(file);
  const image = buildSystem(path.resolve(import.meta.dirname, '..'), words, [
    { name: 'sender', files: readSources([here('calls.ts'), here('sender.ts')]), dataBytes: 16384, devices: [] },
    {
      name: 'console',
      files: readSources([here('calls.ts'), here('console.ts')]),
      dataBytes: 16384,
      devices: [{ address: 0x1000_0000, bytes: 4096, rights: 'rw' }],
    },
    { name: 'hostile', files: readSources([here('hostile.ts')]), dataBytes: 16384, devices: [] },
  ]);
  const ours = runOnBoard(image.flat, { ramBytes: 64 << 20, budget: 400_000_000 });
  console.log(ours, image.sizes);
  if (!qemu) return;
  console.log(runOnQemu(image.elf));
});
