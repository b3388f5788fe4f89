// Systems on bare RISC-V as a person runs them: in our own engine and in QEMU, with one transcript.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fetchImage, ImageError } from '../src/images/images.ts';
import { type Ended, root, virtsec } from './command.ts';

const qemu = spawnSync('qemu-system-riscv64', ['--version']).status === 0;
const TIMEOUT = '200';

function run(system: string, ...words: readonly string[]): Promise<Ended> {
  return virtsec(['run', path.join(root, 'systems', system), '--metal', '--timeout', TIMEOUT, ...words]);
}

test('blinker: our own engine and QEMU say the same, from run to run', async () => {
  const counts = Array.from({ length: 20 }, (_, i) => `*${String(i + 1).padStart(2, '0')}\n`).join('');
  const transcript = `Virtsec separation kernel on bare RV64\n${counts}`;
  const [ours, again] = [await run('blinker', '--json'), await run('blinker', '--json')];
  assert.equal(ours.status, 0, ours.stderr);
  assert.equal(JSON.parse(ours.stdout).transcript, transcript);
  // The very instruction at which it ended, too.
  assert.equal(again.stdout, ours.stdout);
  // The hosted kernel runs the same sources, on a host that is not always in time: a count may be stale, or missed.
  const hosted = await virtsec(['run', path.join(root, 'systems/blinker'), '--timeout', TIMEOUT]);
  assert.equal(hosted.status, 0, hosted.stderr);
  assert.match(hosted.stdout.replaceAll('\r', ''), /^(?:[*\n]\d\d\n)+$/);
  assert.ok(hosted.stdout.includes('20'));
  if (!qemu) return;
  const theirs = await run('blinker', '--json', '--on', 'qemu');
  assert.deepEqual([theirs.status, JSON.parse(theirs.stdout).transcript], [0, transcript]);
});

/** Root of the guest reads the kernel's first word, and the timer; then what is its own. */
const ATTACKS = [
  ['--expect', '~ # $'],
  ['--send', 'grep ttyS0 /proc/interrupts'],
  ['--expect', 'PLIC +10 '],
  ['--send', 'devmem 0x80000000 32; echo kernel-$?'],
  ['--expect', '^kernel-139$'],
  ['--send', 'devmem 0x200bff8 32; echo timer-$?'],
  ['--expect', '^timer-139$'],
  ['--send', 'echo alive-$((6*7))'],
  ['--expect', '^alive-42$'],
].flat();

// In our own engine the same is seen of vault (metal-vault.test.ts).
test('hello: Debian in S-mode, its VMM in U-mode, on QEMU; its root reaches neither the kernel nor the timer', async (t) => {
  if (!qemu) return t.skip('there is no QEMU');
  try {
    await fetchImage('debian');
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return t.skip(error.message);
  }
  const theirs = await run('hello', '--on', 'qemu', ...ATTACKS);
  assert.equal(theirs.status, 0, theirs.stdout.slice(-3000) + theirs.stderr);
});
