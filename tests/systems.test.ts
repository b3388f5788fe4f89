// The systems that a newcomer runs (systems/): through `bin/virtsec.js` with their guests, and their applications on the SDK's
// test bed.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchImage, ImageError } from '../src/images/images.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { openTestBed, type TestBed, text } from '../src/sdk/testing.ts';
import { type Ended, root, virtsec } from './command.ts';

/** Of a whole run, for a loaded machine. */
const TIMEOUT = '240';

/** False, and the test is skipped, where the image can be had neither from the cache nor from the network. */
async function haveDebian(t: TestContext): Promise<boolean> {
  try {
    await fetchImage('debian');
    return true;
  } catch (error) {
    if (!(error instanceof ImageError) || !['network', 'no-source', 'missing-tool'].includes(error.code)) throw error;
    t.skip(`${error.message} ${error.help}`);
    return false;
  }
}

const folder = (system: string): string => path.join(root, 'systems', system);
const bed = (system: string): Promise<TestBed> => openTestBed(path.join(folder(system), 'system.yaml'));

const send = (line: string): string[] => ['--send', line];
const expect = (pattern: string): string[] => ['--expect', pattern];
const run = (system: string, ...words: readonly string[][]): Promise<Ended> =>
  virtsec(['run', folder(system), '--timeout', TIMEOUT, ...words.flat()]);

function endedWell({ status, stdout, stderr, left }: Ended): void {
  assert.equal(status, 0, `${stdout.slice(-3000)}\n--- standard error\n${stderr.slice(-3000)}`);
  assert.deepEqual(left, [], 'processes that outlived the command');
}

// ---- vault

/** SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410, 4). */
const ED25519 = Buffer.from('302a300506032b6570032100', 'hex');

function isSigned(message: string, publicKey: string, signature: string): boolean {
  const key = createPublicKey({
    key: Buffer.concat([ED25519, Buffer.from(publicKey, 'hex')]),
    format: 'der',
    type: 'spki',
  });
  return verify(undefined, Buffer.from(message), key, Buffer.from(signature, 'hex'));
}

test("vault: from the guest's shell a line of text in, a signature out", async (t) => {
  if (!(await haveDebian(t))) return;
  const ended = await run(
    'vault',
    send('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'),
    expect('^open-2$'),
    send('echo public >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{64}$'),
    send('echo sign 100 EUR to Bob >&3; head -n 1 <&3'),
    expect('^[0-9a-f]{128}$'),
    send('echo dump key >&3; head -n 1 <&3'),
    expect('^refused$'),
    send('poweroff'),
  );
  endedWell(ended);
  const [key] = /^[0-9a-f]{64}(?=\r?$)/m.exec(ended.stdout)!;
  const [signature] = /^[0-9a-f]{128}(?=\r?$)/m.exec(ended.stdout)!;
  assert.ok(isSigned('100 EUR to Bob', key, signature));
  assert.ok(!isSigned('100 EUR to Eve', key, signature));
});

async function answer(bed: TestBed, line: string): Promise<string> {
  const ask = bed.partition('linux').port.stream('ask');
  await ask.write(`${line}\n`);
  let answer = '';
  while (!answer.endsWith('\n')) answer += text((await ask.read()) ?? new Uint8Array([10]));
  return answer.trim();
}

test('vault: nothing but a well-formed wish goes on, and only so many a minute', async () => {
  await using vault = await bed('vault');
  const publicKey = await answer(vault, 'public');
  for (const line of [
    'dump key',
    'sign',
    'sign ',
    'sign \t',
    `sign ${'x'.repeat(129)}`,
    'public key',
    'x'.repeat(5000),
  ]) {
    assert.equal(await answer(vault, line), 'refused', line);
  }
  for (let i = 1; i < 60; i++) assert.ok(isSigned(`${i}`, publicKey, await answer(vault, `sign ${i}`)));
  assert.equal(await answer(vault, 'sign 61'), 'refused: too many');
  await vault.advance(60_000);
  assert.ok(isSigned('61', publicKey, await answer(vault, 'sign 61')));
});

test('vault: one that is started again has another key', async () => {
  await using vault = await bed('vault');
  const publicKey = await answer(vault, 'public');
  vault.kill('vault');
  await vault.advance(1000);
  assert.notEqual(await answer(vault, 'public'), publicKey);
});

// ---- red-black

const SECRET = 'attack at dawn';

test('red-black: what red says comes back to it, and black sees nothing of it', async (t) => {
  if (!(await haveDebian(t))) return;
  const ended = await run(
    'red-black',
    send('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'),
    expect('^open-2$'),
    // Until black is up nothing comes back.
    send(`until read -t 2 -r a; do echo ${SECRET} >&3; done <&3; echo "back: $a"`),
    expect(`^back: ${SECRET}$`),
  );
  endedWell(ended);
  const seen = [...ended.stderr.matchAll(/^virtsec: tap: sees (.*)$/gm)].map(([, line]) => line);
  assert.ok(seen.length > 0, ended.stderr);
  for (const line of seen) assert.match(line, /^[0-9a-f]{184}$/);
  assert.equal(new Set(seen).size, seen.length, 'one line, sealed twice, is two records');
});

const records = async (bed: TestBed, count: number): Promise<string[]> => {
  const black = bed.partition('black').port.stream('sealed');
  let all = '';
  while (all.split('\n').length <= count) all += text((await black.read()) ?? new Uint8Array([10]));
  return all.trim().split('\n');
};

/** Whether the text, or its hexadecimal or Base64 form, is in what came. */
const isClear = (seen: string, secret: string): boolean =>
  [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64').replace(/=*$/, '')].some((one) =>
    seen.includes(one),
  );

test('red-black: records are of one length, without a trace of their text; changed and repeated ones are refused', async () => {
  await using device = await bed('red-black');
  await device.advance(100); // the key comes
  const red = device.partition('red').port.stream('plain');
  const black = device.partition('black').port.stream('sealed');
  for (const line of [SECRET, SECRET, 'a', 'x'.repeat(500)]) await red.write(`${line}\n`);
  const sealed = await records(device, 4);
  assert.ok(!isClear(sealed.join('\n'), SECRET));
  assert.deepEqual([...new Set(sealed.map(({ length }) => length))], [184]);
  assert.equal(new Set(sealed).size, 4);

  const [first, second, third, fourth] = sealed;
  const changed = `${first.slice(0, 60)}${first[60] === '0' ? '1' : '0'}${first.slice(61)}`;
  const wrong = [changed, first.slice(2), `${first}00`, SECRET, 'zz'];
  // Out of order: the second was sent after the first, which is too old then.
  for (const record of [...wrong, second, second, first, third]) await black.write(`${record}\n`);
  await black.write(`${fourth}\n`);
  let opened = '';
  while (opened.split('\n').length <= 3) opened += text((await red.read()) ?? new Uint8Array([10]));
  assert.deepEqual(opened.split('\n'), [SECRET, 'a', 'x'.repeat(59), '']);
  assert.equal(device.log('cipher').length, wrong.length + 2);
});

test('control: a cipher that lets through what it gets would be seen', async () => {
  await using device = await openTestBed(path.join(folder('red-black'), 'system.yaml'), { doubles: ['cipher'] });
  await device.partition('red').port.stream('plain').write(`${SECRET}\n`);
  const { port } = device.partition('cipher');
  await port.stream('sealed').write((await port.stream('plain').read())!);
  assert.ok(isClear((await records(device, 1)).join('\n'), SECRET));
});

// ---- display

test('display: air data fail and come back, the crew restarts its display, and on the ground maintenance runs', async () => {
  const environment = { XDG_RUNTIME_DIR: mkdtempSync(path.join(tmpdir(), 'virtsec-display-')) };
  const running = virtsec(['run', folder('display'), '--timeout', TIMEOUT], { environment });
  let isOver = false;
  void running.then(() => (isOver = true));
  let restarted = false;
  const startsOfAirData = async (): Promise<number> => {
    const { stdout } = await virtsec(['ps', '--json'], { environment });
    const { systems } = JSON.parse(stdout) as {
      readonly systems: readonly {
        readonly partitions: readonly { readonly name: string; readonly starts: number }[];
      }[];
    };
    return systems[0]?.partitions.find(({ name }) => name === 'air-data')?.starts ?? 0;
  };
  // After air data have come back: while they are away, the display is there to show it.
  while (!isOver && !restarted) {
    if ((await startsOfAirData()) < 2) await delay(300);
    else restarted = (await virtsec(['restart', 'primary', '--system', 'display'], { environment })).status === 0;
  }
  const ended = await running;
  endedWell(ended);
  assert.ok(restarted);
  const { stdout: log, stderr: notes } = ended;
  assert.match(log, /ALT \d{3,} ft[^]*^air-data: pitot probe[^]*^primary: ALT ---- [^]*^primary: ALT \d{3,} ft/m);
  assert.match(notes, /air-data was stopped for a fault[^]*air-data runs again/);
  assert.match(notes, /primary runs again/);
  assert.equal(log.match(/^primary: on$/gm)?.length, 2);
  assert.match(log, /^monitor: on the ground[^]*^maintenance: found air-data: 1 faults, 1 restarts$/m);
  assert.ok(log.indexOf('maintenance: ') > log.indexOf('monitor: on the ground'), 'maintenance has no window before');
});

// ---- controller

test('controller: the loop keeps its period beside a Linux that works hard, which is let through no harm', async (t) => {
  if (!(await haveDebian(t))) return;
  const ended = await run(
    'controller',
    send('(while :; do sha256sum /bin/busybox; done) >/dev/null &'),
    send('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; echo open-$((1+1))'),
    expect('^open-2$'),
    send('echo set 95 >&3; head -n 1 <&3; echo set 60 >&3; head -n 1 <&3'),
    expect('^refused: set 10 to set 80, or level$'),
    expect('^done$'),
    send('sleep 5; echo level >&3; head -n 1 <&3'),
    expect('^(58|59|60)\\.\\d$'),
  );
  endedWell(ended);
  const reports = [...ended.stderr.matchAll(/^virtsec: loop: level .* median ([\d.]+), 99 % ([\d.]+)/gm)];
  assert.ok(reports.length > 0, ended.stderr);
  // This machine has other work, too: its own users' figures are on the page.
  if (!ended.stderr.includes('best effort')) {
    const median = Math.min(...reports.map(([, figure]) => Number(figure)));
    assert.ok(median < 2, ended.stderr);
  }
});

// ---- virtsec attack

interface AttackReport {
  readonly tried: number;
  readonly reached: number;
  readonly unclear: number;
  readonly stages: readonly {
    readonly attacker: string;
    readonly findings: readonly { readonly what: string; readonly reached: boolean; readonly by: readonly string[] }[];
  }[];
}

async function attack(words: readonly string[]): Promise<AttackReport & { readonly status: number | null }> {
  const { status, stdout, stderr, left } = await virtsec(['attack', folder('vault'), '--json', ...words]);
  assert.deepEqual(left, [], 'processes that outlived the command');
  assert.ok(status === 0 || status === 1, stderr);
  return { status, ...(JSON.parse(stdout) as AttackReport) };
}
const noFfi = whyNoFfi() ?? false;

test('attack: root in the guest reaches nothing', { skip: noFfi }, async (t) => {
  if (!(await haveDebian(t))) return;
  const report = await attack(['--as', 'root']);
  assert.deepEqual([report.status, report.reached, report.unclear], [0, 0, 0], JSON.stringify(report));
  assert.equal(report.tried, 5);
});

test(
  'attack: a taken-over VMM or driver reaches nothing, and each layer has its part in that',
  { skip: noFfi },
  async (t) => {
    if (!(await haveDebian(t))) return;
    const report = await attack(['--as', 'vmm', '--as', 'driver']);
    assert.deepEqual([report.status, report.reached, report.unclear], [0, 0, 0], JSON.stringify(report));
    for (const { attacker, findings } of report.stages) {
      assert.ok(findings.length >= 24, attacker);
      const by = new Set(findings.flatMap((one) => one.by));
      for (const layer of ['seccomp', 'core', 'page-tables', 'stream', 'permission', 'no-ffi']) {
        assert.ok(by.has(layer), `${attacker}: ${layer}`);
      }
    }
  },
);

test(
  'attack: without seccomp the others stand behind it, but for an empty process and a thread in the same jail',
  { skip: noFfi },
  async (t) => {
    if (!(await haveDebian(t))) return;
    const report = await attack(['--as', 'vmm', '--without', 'seccomp']);
    const [{ findings }] = report.stages;
    assert.equal(report.status, 1);
    assert.deepEqual(
      findings.filter(({ reached }) => reached).map(({ what }) => what),
      ['start a process (clone)', 'start a further thread (worker_threads)'],
      JSON.stringify(report),
    );
    const by = findings.flatMap((one) => one.by);
    assert.ok(by.includes('landlock') && !by.includes('seccomp'));
  },
);

test(
  'control: without any layer the same attempts succeed, but for those that core and processor stop',
  { skip: noFfi },
  async (t) => {
    if (!(await haveDebian(t))) return;
    const report = await attack(['--as', 'vmm', '--without', 'all']);
    const [{ findings }] = report.stages;
    assert.equal(report.status, 1);
    for (const { what, reached, by } of findings) {
      assert.ok(reached || by.every((one) => ['core', 'page-tables', 'stream'].includes(one)), what);
    }
    assert.ok(report.reached >= 15, JSON.stringify(report));
  },
);
