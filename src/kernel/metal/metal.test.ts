// A system on bare metal: our own board and QEMU say the same.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readSources } from '../../compiler/source.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import type { Region } from '../../compiler/system-image.ts';
import { qemu, runOnBoard, runOnQemu } from '../../compiler/tests/board.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { openPlanFile } from '../plan-file.ts';

const SYSTEM = `
virtsec: 1
system: metal-test
partitions:
  sender: { app: ./sender.ts, memory: 64K, faults: { exit: stop } }
  console: { app: ./console.ts, memory: 64K, may: { audit: [hostile] } }
  hostile: { app: ./hostile.ts, memory: 64K, faults: { trap: cold-restart, call: cold-restart, restarts: 12 per 1m, backoff: 100us } }
channels:
  numbers: { queuing: sender -> console, bytes: 8, depth: 4, overflow: block }
schedules:
  normal: { frame: 4ms, cores: { 0: [{ sender: 0-1ms }, { console: 1-2ms }, { hostile: 2-4ms }] } }
`;
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string) => path.join(import.meta.dirname, 'tests', name);

const UART = { address: 0x1000_0000, bytes: 4096, rights: 'rw' } as const;
const DATA = 16 * 1024;
const CALLS = here('calls.ts');
const SOURCES = kernelSources(path.resolve(import.meta.dirname, '..'));

function build(hostileOwnsUart: boolean, more: readonly Region[] = [], sources = SOURCES) {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const programs = [
    { name: 'sender', files: readSources([CALLS, here('sender.ts')]), dataBytes: DATA, devices: [] },
    {
      name: 'console',
      files: readSources([CALLS, here('console.ts')]),
      dataBytes: DATA,
      devices: hostileOwnsUart ? [] : [UART],
    },
    {
      name: 'hostile',
      files: readSources([here('hostile.ts')]),
      dataBytes: DATA,
      devices: hostileOwnsUart ? [UART] : [...more],
    },
  ];
  return buildSystem(sources, openPlanFile(file).words, programs);
}

const BOOT = 'Virtsec separation kernel on bare RV64\n';
const BOARD = { ramBytes: 16 << 20, budget: 400_000_000 };

test('messages pass in order while a hostile partition dies of each of its attacks, on our board and on QEMU', () => {
  const image = build(false);
  const transcript = `${BOOT}m40\nw0\nf8\nr8\n`;
  const ours = runOnBoard(image.flat, BOARD);
  assert.deepEqual([ours.transcript, ours.status], [transcript, 0]);
  // A second hart of the board sleeps.
  if (qemu) assert.deepEqual(runOnQemu(image.elf, 20, 2), { transcript, status: 0 });
});

test('control: with the UART among its regions instead, the hostile partition writes to it', () => {
  const { transcript } = runOnBoard(build(true).flat, { ...BOARD, budget: 40_000_000 });
  assert.match(transcript, /^Virtsec[^]*!/);
});

/** Devices of the kernel, and what of `layoutIsSound` keeps them. */
const OF_THE_KERNEL = [
  ['ACLINT, mtimecmp', 0x200_4000, 'ACLINT_FIRST, ACLINT_END'],
  ['PLIC, priorities', 0xc00_0000, 'PLIC_FIRST, PLIC_END'],
  ['PLIC, enabled sources', 0xc00_2000, 'PLIC_FIRST, PLIC_END'],
  ['PLIC, claim', 0xc20_0000, 'PLIC_FIRST, PLIC_END'],
] as const;
for (const [name, address, judged] of OF_THE_KERNEL) {
  test(`a layout that gives a partition a device of the kernel is refused: ${name}`, () => {
    const more = [{ address, bytes: 4096, rights: 'rw' }] as const;
    const refused = runOnBoard(build(false, more).flat, BOARD);
    assert.deepEqual([refused.transcript, refused.status], ['virtsec: refused: the layout is not sound\n', 2]);
    // Control: without this judgement it boots.
    const line = `    if (regionTouches(r, row, ${judged})) return false;\n`;
    const without = SOURCES.map((f) => ({ ...f, text: f.text.replace(line, '') }));
    assert.notDeepEqual(without, SOURCES);
    const { transcript } = runOnBoard(build(false, more, without).flat, { ...BOARD, budget: 5_000_000 });
    assert.ok(transcript.startsWith(BOOT), transcript);
  });
}
