// The example systems on bare RISC-V, from the descriptions and sources that the hosted kernel runs; and a partition in C.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ImageError, fetchImage } from '../src/images/images.ts';
import { openTestBed } from '../src/sdk/testing.ts';
import { root, virtsec } from './command.ts';

const qemu = spawnSync('qemu-system-riscv64', ['--version']).status === 0;
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-metal-systems-'));
after(() => rmSync(folder, { recursive: true }));

async function onMetal(system: string, ...words: readonly string[]): Promise<string> {
  const ended = await virtsec(['run', system, '--metal', '--json', '--timeout', '100', ...words]);
  assert.equal(ended.status, 0, `${ended.stdout}\n${ended.stderr}`);
  return ended.stdout;
}
const transcriptOf = (json: string): string => (JSON.parse(json) as { transcript: string }).transcript;

const display = path.join(root, 'systems/display');
const FLIGHT = [
  /^primary: on$/m,
  /^air-data: pitot probe: no reading\nvirtsec: air-data was stopped for a fault \(raised\)\. It will be started again\.$/m,
  /^primary: ALT ---- ft {2}SPD --- kt {2}AIR DATA$/m,
  /^virtsec: air-data runs again\.\nair-data: started again by the health monitor$/m,
  /^primary: ALT \d+ ft {2}SPD \d+ kt$/m,
  /^monitor: on the ground: mode `ground`\nmaintenance: found air-data: 1 faults, 1 restarts\nmaintenance: found primary: 0 faults, 0 restarts$/m,
];
test('display: on metal the whole flight, to the instruction the same again, and the same in QEMU', async () => {
  const ours = await onMetal(display);
  let rest = transcriptOf(ours);
  for (const line of FLIGHT) {
    const at = rest.search(line);
    assert.ok(at >= 0, `${line.source} in\n${transcriptOf(ours)}`);
    rest = rest.slice(at);
  }
  assert.equal(await onMetal(display), ours);
  if (qemu) assert.equal(transcriptOf(await onMetal(display, '--on', 'qemu')), transcriptOf(ours));
});

test('display: the same sources say the same under the hosted supervisor', async () => {
  await using bed = await openTestBed(path.join(display, 'system.yaml'));
  await bed.advance(17_000);
  assert.deepEqual(bed.log('air-data'), ['pitot probe: no reading', 'started again by the health monitor']);
  assert.deepEqual(bed.log('maintenance'), [
    'found air-data: 1 faults, 1 restarts',
    'found primary: 0 faults, 0 restarts',
  ]);
  assert.ok(bed.log('primary').includes('ALT ---- ft  SPD --- kt  AIR DATA'));
  assert.ok(bed.log('primary').includes('ALT 1500 ft  SPD 146 kt'));
});

test('controller: wishes are held to what the plant bears, and the level follows', async () => {
  await using bed = await openTestBed(path.join(root, 'systems/controller/system.yaml'));
  const wish = bed.partition('linux').port.stream('wish');
  const ask = async (line: string): Promise<string> => {
    await wish.write(`${line}\n`);
    let answer = '';
    while (!answer.endsWith('\n')) answer += new TextDecoder().decode((await wish.read()) ?? Uint8Array.of(10));
    return answer.trim();
  };
  for (const line of ['set 95', 'set 9', 'set', 'set ', 'set 6x', 'set 4294967356', 'level!', 'x'.repeat(3000)]) {
    assert.equal(await ask(line), 'refused: set 10 to set 80, or level', line);
  }
  assert.equal(await ask('set 60'), 'done');
  await bed.advance(11_000);
  assert.match(await ask('level'), /^(59|60)\.\d$/);
  assert.match(bed.log('loop')[0], /^level 5\d\.\d of 60; off 10 ms by: median 0\.00, 99 % 0\.00, worst 0\.00 ms$/);
});

test('on metal, too, who does not say that it lives is started again, as often as its budget allows', async () => {
  const place = path.join(folder, 'beat');
  mkdirSync(place);
  const faults = '{ heartbeat: cold-restart, beat: 20ms, backoff: 1ms, restarts: 1 per 1m }';
  const partitions = `{ lazy: { app: ./lazy.ts, faults: ${faults} }, last: { app: ./last.ts, may: { shut-down: true } } }`;
  writeFileSync(path.join(place, 'system.yaml'), `{ virtsec: 1, system: beat, partitions: ${partitions} }`);
  // It ends its beats by waiting in its first life, and by working without end in its second.
  const busy = 'let n = 0;\n  for (let i = 0; i < FOREVER; i++) n = (n + i) | 0;\n  return n;';
  writeFileSync(
    path.join(place, 'lazy.ts'),
    `import { FOREVER, MILLISECOND, beat, sleep } from 'virtsec/sdk/bare';
export function main(restarts: number, _startKind: number): number {
  for (let i = 0; i < 5; i++) {
    sleep(10 * MILLISECOND);
    beat();
  }
  if (restarts === 0) sleep(FOREVER);
  ${busy}
}`,
  );
  writeFileSync(
    path.join(place, 'last.ts'),
    `import { MILLISECOND, shutDown, sleep } from 'virtsec/sdk/bare';
export function main(_restarts: number, _startKind: number): number {
  sleep(300 * MILLISECOND);
  return shutDown();
}`,
  );
  const missed = 'virtsec: lazy did not say in time that it lives, and was stopped.';
  assert.deepEqual(
    transcriptOf(await onMetal(place))
      .split('\n')
      .slice(1),
    [`${missed} It will be started again.`, 'virtsec: lazy runs again.', `${missed} The other partitions go on.`, ''],
  );
});

test('red-black: two Debians; what red says comes back to it, and black sees records of one length alone', async (t) => {
  try {
    await fetchImage('debian');
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return t.skip(error.message);
  }
  const steps = [
    ['--send', 'exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'],
    ['--expect', '^open-2$'],
    // Until black is up nothing comes back.
    ['--send', 'until read -t 2 -r a; do echo attack at dawn >&3; done <&3; echo "back: $a"'],
    ['--expect', '^back: attack at dawn$'],
    // Ctrl-] q: the console driver ends the system, and the log is told.
    ['--send', '\x1dq'],
    ['--expect', '^tap: sees [0-9a-f]{184}$'],
  ].flat();
  const transcript = transcriptOf(await onMetal(path.join(root, 'systems/red-black'), ...steps));
  const seen = [...transcript.matchAll(/^tap: sees (.*)$/gm)].map(([, line]) => line);
  for (const line of seen.slice(0, -1)) assert.match(line, /^[0-9a-f]{184}$/);
  assert.equal(new Set(seen).size, seen.length, 'one line, sealed twice, is two records');
});

test('what bare metal does not carry out is refused, not left out', async () => {
  const place = path.join(folder, 'config');
  mkdirSync(place);
  writeFileSync(path.join(place, 'a.ts'), '');
  writeFileSync(
    path.join(place, 'system.yaml'),
    '{ virtsec: 1, system: config, partitions: { a: { app: ./a.ts, config: { limit: 3 } } } }',
  );
  const { status, stderr } = await virtsec(['run', place, '--metal']);
  assert.equal(status, 2);
  assert.match(stderr, /error\[VS109\]: bare metal does not carry out settings of an application/);
});

// ---- a partition in C

const C = path.join(root, 'sdk/metal');
/** The command of the first lines of virtsec.h; with `more`, before the sources. */
function compile(source: string, output: string, more: readonly string[] = []): string | undefined {
  const [, command] = /^ \* {3}(riscv64[^]*?)\n \*\n/m.exec(readFileSync(path.join(C, 'virtsec.h'), 'utf8')) ?? [];
  const [compiler, ...words] = command.replaceAll(/\\\n \*/g, ' ').split(/\s+/);
  const files = words.map((word) => (word === 'hello.c' ? source : word === 'hello.elf' ? output : word));
  const { status, error, stderr } = spawnSync(compiler, [...more, '-Wall', '-Wextra', '-Werror', ...files], {
    cwd: C,
    encoding: 'utf8',
  });
  if (error !== undefined) return `there is no ${compiler}`;
  assert.equal(status, 0, stderr);
  return undefined;
}
const SYSTEM = `
virtsec: 1
system: in-c
partitions:
  asker: { app: ./asker.ts, may: { shut-down: true } }
  greeter: { app: ./greeter.elf }
  hostile: { app: ./hostile.elf, faults: { otherwise: cold-restart, backoff: 1ms } }
channels:
  ask: { call: asker -> greeter, bytes: 64, within: 50ms }
  tease: { call: asker -> hostile, bytes: 64, within: 50ms }
`;
const ASKER = `
import { MILLISECOND, OK, call, gotByte, log, putByte, putText, resultWord, shutDown, sleep } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
function ask(handle: number): void {
  if (call(handle, putText(0, text('world'))) === OK) {
    const bytes = resultWord(0);
    for (let b = 0; b < bytes; b++) putByte(b, gotByte(b));
    log(bytes);
  } else log(putText(0, text('nobody answers')));
}
export function main(_restarts: number, _startKind: number): number {
  for (let i = 0; i < 3; i++) {
    sleep(10 * MILLISECOND);
    ask(port('ask'));
    ask(port('tease'));
  }
  return shutDown();
}
`;
/** One attack a life: the kernel's memory, its timer, the board's UART. */
const HOSTILE = `
#define VIRTSEC_MAIN
#include "virtsec.h"
int virtsec_main(long restarts, long start_kind) {
  (void)start_kind;
  virtsec_fetch(virtsec_port("tease"), VS_FOREVER);
  if (restarts == 0) *(volatile long *)0x80000000 = 0;
  if (restarts == 1) (void)*(volatile long *)0x200bff8;
  if (restarts == 2) *(volatile char *)0x10000000 = 'x';
  virtsec_log("got through");
  return 0;
}
`;

test('partitions in C: one answers calls, with its pointers and data where they belong; one attacks, and dies each time', async (t) => {
  const place = path.join(folder, 'c');
  mkdirSync(place);
  const write = (name: string, text: string): void => writeFileSync(path.join(place, name), text);
  write('system.yaml', SYSTEM);
  write('asker.ts', ASKER);
  write('hostile.c', HOSTILE);
  const lacking =
    compile('hello.c', path.join(place, 'greeter.elf')) ??
    compile(path.join(place, 'hostile.c'), path.join(place, 'hostile.elf'), ['-I', C]);
  if (lacking !== undefined) return t.skip(lacking);
  const lines = transcriptOf(await onMetal(place)).split('\n');
  const of = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}: `));
  assert.deepEqual(of('greeter'), ['greeter: hello, world', ...Array<string>(2).fill('greeter: hello again, world')]);
  const answers = ['hello, world', 'nobody answers', 'hello again, world', 'nobody answers', 'hello again, world'];
  assert.deepEqual(
    of('asker'),
    [...answers, 'nobody answers'].map((answer) => `asker: ${answer}`),
  );
  assert.deepEqual(of('hostile'), []);
  const death = 'virtsec: hostile was stopped for a fault (trap). It will be started again.';
  assert.equal(lines.filter((line) => line === death).length, 3);
});
