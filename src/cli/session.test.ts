// Whole runs: the real kernel process and console driver, and a fake guest (tests/fake-guest.ts).
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { encodePlanFile, openPlanFile } from '../kernel/plan-file.ts';
import { compileSystem, readDescription } from '../policy/index.ts';
import type { Io } from './io.ts';
import type { RunnableSystem } from './kernel-process.ts';
import type { Step } from './script.ts';
import { type Outcome, runSession, type SessionOptions } from './session.ts';

const GUEST = fileURLToPath(new URL('tests/fake-guest.ts', import.meta.url));

function system(): RunnableSystem {
  const text = `
virtsec: 1
system: test
partitions:
  linux: { guest: fake }
  tty: { driver: console, grants: { terminal: stdio } }
channels:
  con: { stream: linux <-> tty, bytes: 4K, as: uart0 }
`;
  const { description } = readDescription('test', text, { fileExists: () => true, images: ['fake'], firmware: [] });
  assert.ok(description);
  const boot = new Map([['linux', { cmdline: 'quiet', deviceTree: true }]]);
  const compiled = compileSystem(description, boot, { rows: 0, columns: 0 });
  const { partitions } = compiled.plan;
  const plan = {
    ...compiled.plan,
    partitions: partitions.map((one) => (one.kind === 'guest' ? { ...one, program: GUEST } : one)),
  };
  return { plan, file: encodePlanFile(openPlanFile(compiled.file).words, plan) };
}

async function run(
  steps: Step[],
  more: Partial<SessionOptions> & { until?: RegExp } = {},
): Promise<Outcome & { notes: string; message: string }> {
  let notes = '';
  const io: Io = { out() {}, note: (text) => void (notes += text), paint: (_, __, text) => text, env: {} };
  const { until, ...options } = more;
  const script = { steps, ready: /# $/m, ...(until === undefined ? {} : { until }) };
  const outcome = await runSession(
    system(),
    { script, kernelArguments: ['--allow-program', GUEST], timeout: 20, transcriptBytes: 1 << 20, ...options },
    io,
  );
  return { message: '', ...outcome, notes };
}

const send = (text: string): Step => ({ kind: 'send', text: `${text}\n` });
const expect = (pattern: RegExp): Step => ({ kind: 'expect', pattern });

test('a script types when the guest is ready, and the last words of a guest that powers off arrive', async () => {
  const outcome = await run([send('cmdline'), expect(/^quiet$/m), send('poweroff')]);
  assert.equal(outcome.status, 0, outcome.message);
  assert.equal(outcome.why, 'guests-done');
  assert.match(outcome.transcript, /fake guest boots[^]*quiet[^]*poweroff\r\nbye\r\n$/);
  assert.equal(outcome.steps, 3);
  assert.match(outcome.notes, /^Virtsec \d.*: system test\n {2}linux {2}guest {3}pid \d+\n {2}tty/);
  assert.equal(outcome.message, 'linux powered off.');
});

test('the run ends with status 0 when --until, or the last --expect, is met', async () => {
  const until = await run([send('cmdline')], { until: /quiet/ });
  assert.deepEqual([until.status, until.why], [0, 'until']);
  const expected = await run([send('cmdline'), expect(/quiet/)]);
  assert.deepEqual([expected.status, expected.why], [0, 'script-done']);
});

test('a guest that ends with a status, or before the script is done, fails the run', async () => {
  const status = await run([send('poweroff 3')]);
  assert.equal(status.status, 1);
  assert.equal(status.message, 'linux ended in failure, with status 3.');
  const early = await run([send('poweroff'), expect(/never/)]);
  assert.equal(early.status, 1);
  assert.equal(early.message, 'The system ended while the script was still waiting for --expect never.');
});

test('a time-out shows what was waited for and the last output', async () => {
  const outcome = await run([expect(/never/)], { timeout: 3 });
  assert.equal(outcome.status, 124);
  assert.match(
    outcome.message,
    /^Time-out after 3 s: still waiting for --expect never\. The console's last lines:\nfake guest boots/,
  );
});

test('half a megabyte of output crosses a 4 KiB stream whole', async () => {
  const outcome = await run([send('flood 524288'), send('poweroff')]);
  assert.equal(outcome.status, 0, outcome.message);
  assert.equal(/(?:0123456789abcdef)+/.exec(outcome.transcript)?.[0].length, 524288);
});

test('the death of the VMM is told, and fails the run', async () => {
  const outcome = await run([send('die')]);
  assert.deepEqual([outcome.status, outcome.why], [1, 'fault']);
  assert.match(outcome.notes, /the VMM of guest linux was killed \(SIG\w+\)\./);
});

test('a guest that resets without end fills no memory with it', async () => {
  const outcome = await run([send('reset'), send('reset'), send('reset'), send('poweroff')], { keptEvents: 2 });
  assert.equal(outcome.status, 0, outcome.message);
  assert.deepEqual(
    outcome.events.map(({ event }) => event),
    ['started', 'reset', 'exit', 'exit', 'ended'],
  );
  assert.equal(outcome.eventsDropped, 2);
});
