// `virtsec plan` and `virtsec key` as a user calls them.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Io } from '../io.ts';
import { execute } from '../main.ts';

async function virtsec(...args: string[]): Promise<{ status: number; out: string; notes: string }> {
  let [out, notes] = ['', ''];
  const io: Io = {
    out: (text) => void (out += text),
    note: (text) => void (notes += text),
    paint: (_stream, _colour, text) => text,
    env: {},
  };
  const status = await execute(args, io);
  return { status, out, notes };
}

const SYSTEM = `virtsec: 1
system: small
partitions:
  linux: { guest: { kernel: ./vmlinuz } }
  pay: { app: ./pay.ts }
channels:
  ask: { call: linux -> pay, within: 50ms, as: hvc0 }
assert:
  - { never: pay -> linux }
`;

function folderWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'system.yaml'), text);
  writeFileSync(join(folder, 'vmlinuz'), 'kernel');
  return folder;
}
const right = SYSTEM.replace(/assert:[^]*/, '');

test('compiled, signed, verified; another key is status 1', async (t) => {
  const folder = folderWith(t, right);
  const at = (name: string): string => join(folder, name);
  assert.equal((await virtsec('key', 'new', at('mine'))).status, 0);
  assert.equal((await virtsec('key', 'new', at('other'))).status, 0);
  assert.equal(statSync(at('mine')).mode & 0o777, 0o600);
  const made = await virtsec('plan', folder, '-o', at('small.plan'), '--sign', at('mine'));
  assert.equal(made.status, 0);
  assert.match(made.out, /^Plan of small {2}SHA-256 [0-9a-f]{64}\nsigned by Ed25519 [0-9a-f]{64} \(not verified\)\n/);
  assert.match(made.out, /\n {2}linux {2}-> {2}pay {4}port ask\n {2}pay {4}-> {2}linux {2}port ask\n/);
  assert.equal(made.notes, 'warning: not there, so the plan does not bind them: ./pay.ts\n');
  const good = await virtsec('plan', at('small.plan'), '--verify', at('mine.pub'));
  assert.equal(good.status, 0);
  assert.match(good.out, /\nsigned by Ed25519 [0-9a-f]{64}\n/);
  const bad = await virtsec('plan', at('small.plan'), '--verify', at('other.pub'));
  assert.equal(bad.status, 1);
  assert.match(bad.notes, /not signed by/);
  const unsigned = await virtsec('plan', folder, '--verify', at('mine.pub'));
  assert.deepEqual([unsigned.status, /this plan is not signed\n/.test(unsigned.notes)], [1, true]);
});

test('a file that the plan binds: another content is another plan', async (t) => {
  const folder = folderWith(t, right);
  const hash = async (): Promise<string> => {
    const { out } = await virtsec('plan', folder, '--json');
    const plan = JSON.parse(out) as { schema: string; sha256: string; names: { partitions: { files: object[] }[] } };
    assert.equal(plan.schema, 'virtsec.plan/1');
    assert.equal(plan.names.partitions[0].files.length, 1);
    return plan.sha256;
  };
  const first = await hash();
  assert.equal(await hash(), first);
  writeFileSync(join(folder, 'vmlinuz'), 'another');
  assert.notEqual(await hash(), first);
});

test('a system that breaks what it asserts is not compiled', async (t) => {
  const { status, notes } = await virtsec('plan', folderWith(t, SYSTEM));
  assert.equal(status, 1);
  assert.match(notes, /error\[VS501\]/);
});

test('a hostile plan is refused with its reason', async (t) => {
  const folder = folderWith(t, right);
  const file = join(folder, 'p');
  await virtsec('plan', folder, '-o', file);
  const bytes = readFileSync(file);
  const refusal = async (change: (bytes: Buffer) => Buffer): Promise<string> => {
    writeFileSync(file, change(Buffer.from(bytes)));
    const { status, notes } = await virtsec('plan', file);
    assert.equal(status, 2);
    return notes;
  };
  assert.match(await refusal((b) => b.subarray(0, -1)), /cut short/);
  const words = (at: number, value: number) => (b: Buffer) => {
    b.writeInt32LE(value, at * 4);
    return b;
  };
  assert.match(await refusal(words(6, 3)), /tables are not those of a plan/);
  assert.match(await refusal(words(16, 7)), /the core refuses its tables/);
  const renamed = (b: Buffer): Buffer =>
    Buffer.from(b.toString('latin1').replace('"bytes":64', '"bytes":65'), 'latin1');
  assert.match(await refusal(renamed), /ports\[0\]\.bytes: not those of the tables/);
});

test('wrong usage: status 2', async (t) => {
  const folder = folderWith(t, right);
  const key = join(folder, 'k');
  assert.equal((await virtsec('key', 'new', key)).status, 0);
  for (const args of [
    ['key', 'new', key],
    ['key'],
    ['key', 'old', key],
    ['plan', folder, '--sign', join(folder, 'system.yaml')],
    ['plan', folder, '--sign', join(folder, 'nowhere')],
    ['plan', folder, '-o', join(folder, 'no/where')],
    ['plan', folder, folder],
  ]) {
    const { status, notes } = await virtsec(...args);
    assert.deepEqual([status, notes.includes('error')], [2, false], args.join(' ') + notes);
  }
});

const RUNNABLE = `virtsec: 1
system: small
partitions:
  linux: { guest: { kernel: ./vmlinuz } }
  tty: { driver: console, grants: { terminal: stdio } }
channels:
  con: { stream: linux <-> tty, as: uart0 }
`;

test('run takes a compiled plan, with the signature that is asked for and the files that it was made for', async (t) => {
  const folder = folderWith(t, RUNNABLE);
  const at = (name: string): string => join(folder, name);
  await virtsec('key', 'new', at('mine'));
  await virtsec('key', 'new', at('other'));
  assert.equal((await virtsec('plan', folder, '-o', at('p'), '--sign', at('mine'))).status, 0);
  const unsigned = await virtsec('run', at('p'), '--verify', at('other.pub'), '--until', 'x');
  assert.deepEqual([unsigned.status, /is not signed by/.test(unsigned.notes)], [1, true]);
  const changed = await virtsec('run', at('p'), '--memory', '512M');
  assert.deepEqual([changed.status, /runs as it is: no --memory/.test(changed.notes)], [2, true]);
  assert.equal((await virtsec('run', folder, '--verify', at('mine.pub'))).status, 2);
  // The kernel itself holds the files to their hashes.
  writeFileSync(at('vmlinuz'), 'another');
  const other = await virtsec('run', at('p'), '--verify', at('mine.pub'), '--until', 'x', '--timeout', '60');
  assert.equal(other.status, 2);
  assert.match(other.notes, /linux: file kernel: \S+ is not what the plan was made for/);
  rmSync(at('vmlinuz'));
  const missing = await virtsec('run', at('p'));
  assert.equal(missing.status, 2);
  assert.match(
    missing.notes,
    /the file `kernel` of partition `linux` cannot be read: \S+\nhelp: .*virtsec plan SYSTEM/,
  );
});
