// Windows keep their length and their start while a neighbour is restarted hundreds of times. `RESTARTS=10000 node --test FILE` is the soak.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { readSources } from '../../compiler/source.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { qemu, runOnBoard, runOnQemu } from '../../compiler/tests/board.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { openPlanFile } from '../plan-file.ts';

const RESTARTS = Number(process.env['RESTARTS'] ?? 300);
const SYSTEM = `
virtsec: 1
system: windows
partitions:
  watcher: { app: ./watcher.ts, memory: 64K, may: { audit: [pest], shut-down: true } }
  pest: { app: ./pest.ts, memory: 64K, faults: { trap: cold-restart, call: cold-restart, restarts: 100 per 1ms, backoff: 0us } }
schedules:
  normal: { frame: 2ms, cores: { 0: [{ watcher: 0-1ms }, { pest: 1ms-2ms }] } }
`;
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string) => path.join(import.meta.dirname, 'tests', name);
/** Units of 100 ns: a window is 1 ms, and nothing of it or of its start is off by more than 2 us. */
const WINDOW = 10_000;
const TOLERANCE = 20;

interface Seen {
  readonly shortest: number;
  readonly longest: number;
  readonly jitter: number;
  readonly restarts: number;
}
function seen(transcript: string): Seen {
  const [shortest, longest, jitter, restarts] = (transcript.split('\n')[1] ?? '').split(' ').map(Number);
  return { shortest, longest, jitter, restarts };
}
function build(replace: (text: string) => string) {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const common = { dataBytes: 16 * 1024, devices: [] };
  const uart = { address: 0x1000_0000, bytes: 4096, rights: 'rw' } as const;
  const watcher = readSources([here('calls.ts'), here('watcher.ts')]).map((f) => ({
    ...f,
    text: f.text.replace('ENOUGH = 1000', `ENOUGH = ${RESTARTS}`),
  }));
  const programs = [
    { ...common, name: 'watcher', files: watcher, devices: [uart] },
    { ...common, name: 'pest', files: readSources([here('pest.ts')]) },
  ];
  // The watcher reads the board's clock.
  const kernel = kernelSources(path.resolve(import.meta.dirname, '..')).map((f) => ({
    ...f,
    text: replace(
      f.text.replace(
        'csrWrite(MCOUNTEREN, word(0));\n  readPlan',
        'csrWrite(MCOUNTEREN, word(2)); csrWrite(0x106, word(2));\n  readPlan',
      ),
    ),
  }));
  return buildSystem(kernel, openPlanFile(file).words, programs);
}
const BOARD = { ramBytes: 16 << 20, budget: 400_000_000 * Math.ceil(RESTARTS / 1000) };

function held({ shortest, longest, jitter, restarts }: Seen): void {
  assert.ok(restarts >= RESTARTS, `${restarts} restarts`);
  const all = `${shortest}..${longest}, start off by ${jitter}`;
  assert.ok(WINDOW - shortest <= TOLERANCE && longest - WINDOW <= TOLERANCE && jitter <= TOLERANCE, all);
}

test(`windows of a neighbour that is restarted ${RESTARTS} times are exact to 2 us`, (t) => {
  const image = build((text) => text);
  const ours = seen(runOnBoard(image.flat, BOARD).transcript);
  t.diagnostic(JSON.stringify(ours));
  held(ours);
  if (qemu) {
    const theirs = seen(runOnQemu(image.elf, 60 * Math.ceil(RESTARTS / 1000)).transcript);
    t.diagnostic(JSON.stringify(theirs));
    held(theirs);
  }
});

test('control: with loading in one piece, the neighbour takes time of the window behind', (t) => {
  const whole = build((text) => text.replace('const LOAD_SLICE = 128', 'const LOAD_SLICE = 1 << 20'));
  const ours = seen(runOnBoard(whole.flat, BOARD).transcript);
  t.diagnostic(JSON.stringify(ours));
  assert.throws(() => held(ours), /off by/);
});
