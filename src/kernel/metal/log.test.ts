// What the log said before a warm reset is told at the next boot; not after an end that was meant, and not of another's memory.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { sourcesOf } from '../../compiler/bare-system.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { runBare } from '../../vmm/hosted/bare.ts';
import { openPlanFile } from '../plan-file.ts';

const SYSTEM = '{ virtsec: 1, system: log, partitions: { p: { app: ./p.ts, memory: 64K, may: { shut-down: true } } } }';
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const SDK = path.resolve(import.meta.dirname, '../../sdk/bare.ts');
const PROGRAM = `
import { log, putNumber, putText, shutDown, sleep } from './bare.ts';
import { text } from './intrinsics.ts';
export function main(_restarts: number, _startKind: number): number {
  for (let i = 0; i < 400; i++) {
    log(putNumber(putText(0, text('this is line number ')), i));
    sleep(100);
  }
  return shutDown();
}
`;
function build() {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const files = [...sourcesOf(SDK), { name: '/p.ts', text: PROGRAM }];
  const kernel = kernelSources(path.resolve(import.meta.dirname, '..'));
  return buildSystem(kernel, openPlanFile(file).words, [{ name: 'p', files, dataBytes: 16 * 1024, devices: [] }]);
}
const image = build();
/** Runs until it has ended, or until it has said `last`: then the reset comes. */
function run(last?: string, before?: Uint8Array): { text: string; memory: Uint8Array } {
  let text = '';
  const { memory } = runBare(image.flat, {
    ram: 16 << 20,
    budget: 400_000_000,
    ...(before === undefined ? {} : { before }),
    output: (bytes) => (text += Buffer.from(bytes).toString()),
    isOver: () => last !== undefined && text.includes(last),
  });
  return { text, memory };
}
const TOLD = /virtsec: before the reset the log said:\n([^]*)virtsec: that was before the reset\.\n/;

test('the log before a warm reset is told at the next boot, its last 8 KiB', () => {
  const first = run('number 5\n');
  assert.doesNotMatch(first.text, TOLD);
  const second = run('number 390\n', first.memory);
  const [, told] = TOLD.exec(second.text) ?? assert.fail(second.text);
  assert.match(told, /^p: this is line number 0\np: this is line number 1\n/);
  assert.ok(told.includes('p: this is line number 5\n'));
  const [, last] = TOLD.exec(run('number 3\n', second.memory).text) ?? assert.fail();
  assert.equal(last.length, 8192);
  assert.doesNotMatch(last, /number 0\n/);
  assert.ok(last.includes('p: this is line number 390\n'));
});

test('after an end that was meant nothing is told', () => {
  const whole = run();
  assert.ok(whole.text.endsWith('number 399\n'));
  assert.doesNotMatch(run('number 3\n', whole.memory).text, TOLD);
});
