// Debian's own kernel, from the command to the shell and to its end, through `bin/virtsec.js` alone.

import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fetchFirmware, fetchImage, ImageError } from '../src/images/images.ts';
import { type Ended, root, virtsec } from './command.ts';

/** Of a whole run, for a loaded machine: a boot needs some seconds. */
const TIMEOUT = '240';

/** False, and the test is skipped, where the images can be had neither from the cache nor from the network. */
async function haveImages(t: TestContext): Promise<boolean> {
  try {
    await fetchImage('debian');
    await fetchFirmware('opensbi');
    return true;
  } catch (error) {
    if (!(error instanceof ImageError) || !['network', 'no-source', 'missing-tool'].includes(error.code)) throw error;
    t.skip(`${error.message} ${error.help}`);
    return false;
  }
}

type Words = readonly string[];
const send = (text: string): Words => ['--send', text];
const expect = (pattern: string): Words => ['--expect', pattern];
const PROMPT = expect('# $');
const POWER_OFF = send('poweroff -f');

function runSystem(system: string, ...words: readonly Words[]): Promise<Ended> {
  return virtsec(['run', path.join(root, 'systems', system), '--timeout', TIMEOUT, ...words.flat()]);
}

const run = (...words: readonly Words[]): Promise<Ended> => runSystem('hello', ...words);

function endedWell(ended: Ended): void {
  const said = `${ended.stdout.slice(-3000)}\n--- standard error\n${ended.stderr.slice(-3000)}`;
  assert.equal(ended.status, 0, said);
  assert.deepEqual(ended.left, [], 'processes that outlived the command');
}

test('Debian boots to a shell that works, and powers off', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await run(
    send('uname -a'),
    expect('^Linux virtsec \\d+\\.\\d+.*Debian.* riscv64 GNU/Linux$'),
    send('cat /proc/cpuinfo'),
    expect('^isa\\s+: rv64i?mafdc'),
    expect('^mmu\\s+: sv(39|48|57)$'),
    send('dmesg | tail'),
    expect('Run /init as init process'),
    send('i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo counted-$i'),
    expect('^counted-2000$'),
    // Pipes and floating point; then memory and a program that computes.
    send('seq 1 100 | awk \'{ s += $1 / 4 } END { print "sum", s }\''),
    expect('^sum 1262\\.5$'),
    send('dd if=/dev/zero of=/tmp/z bs=64k count=64 2>/dev/null; sha256sum /tmp/z'),
    expect('^bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8  /tmp/z$'),
    // Ctrl-C ends the program and not the shell. (Before the program runs, the shell reads it as a key.)
    send('sh -c "echo sleeping-$((1+1)); sleep 1000"'),
    expect('^sleeping-2$'),
    send('\\x03\\c'),
    PROMPT,
    send('echo still-$((6*7))'),
    expect('^still-42$'),
    POWER_OFF,
  );
  endedWell(ended);
  assert.match(ended.stdout, /reboot: Power down/);
});

test('time passes in the guest as it does here', async (t) => {
  if (!(await haveImages(t))) return;
  const began = Date.now() / 1000;
  const ended = await run(send('date +at-%s; sleep 2; date +at-%s'), expect('^at-\\d+\\s+at-\\d+$'), POWER_OFF);
  endedWell(ended);
  const [from, to] = [...ended.stdout.matchAll(/^at-(\d+)/gm)].map((match) => Number(match[1]));
  assert.ok(to - from >= 2 && to - from <= 10, `${to - from} s for sleep 2`);
  assert.ok(from >= began - 2 && to <= Date.now() / 1000 + 2, 'the real-time clock is right');
});

test('the end of the shell powers off', async (t) => {
  if (!(await haveImages(t))) return;
  endedWell(await run(send('exit')));
});

test('a guest reboots and comes back with nothing of its life before', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await run(
    send('touch /tmp/mark; reboot -f'),
    expect('reboot: Restarting system'),
    expect('Linux version'),
    PROMPT,
    send('echo marks-$(ls /tmp | wc -l)'),
    expect('^marks-0$'),
    POWER_OFF,
  );
  endedWell(ended);
});

test('OpenSBI, unmodified, starts the same kernel', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await run(
    ['--firmware', 'opensbi'],
    expect('OpenSBI v\\d'),
    expect('Linux version'),
    PROMPT,
    send('dmesg | grep SBI'),
    expect('SBI implementation ID=0x1 '),
    POWER_OFF,
  );
  endedWell(ended);
});

test('two harts', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await run(
    ['--harts', '2'],
    send('nproc'),
    expect('^2$'),
    // One program on each hart, at the same time.
    send('for mask in 1 2; do taskset $mask grep -c . /proc/kallsyms & done; wait; echo both-$((1+1))'),
    expect('^both-2$'),
    POWER_OFF,
  );
  endedWell(ended);
});

test('two guests, each in a partition of its own', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await runSystem('two-consoles', ['--console', 'right'], send('echo here-$((1+1))'), expect('^here-2$'));
  endedWell(ended);
  assert.match(ended.stderr, /^ +left +guest [^]*^ +right +guest /m);
});

test('a kernel that panics is what its console says, and the command goes on', async (t) => {
  if (!(await haveImages(t))) return;
  const ended = await run(['--append', 'rdinit=/no/such/file'], expect('Kernel panic'), expect('end Kernel panic'));
  endedWell(ended);
});
