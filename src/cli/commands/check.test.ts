// `virtsec check` and `virtsec plan` as a user calls them: exit statuses, and each of the forms that they write.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Io } from '../io.ts';
import { SEPARATING } from '../../policy/analysis/separation.ts';
import { execute } from '../main.ts';
import { provedCore } from '../../kernel/proved-core.ts';

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
  linux: { guest: debian }
  pay: { app: ./pay.ts }
  vault: { app: ./vault.wasm }
channels:
  ask: { call: linux -> pay, within: 50ms, as: hvc0 }
  sign: { call: pay -> vault, within: 20ms }
assert:
  - { only: linux -> vault, through: pay }
`;
const BROKEN = SYSTEM.replace('assert:', '  debug: { signal: linux -> vault }\nassert:');

function folderWith(t: TestContext, name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  return folder;
}

test('status 0: what is asserted holds; files that are not there yet are a warning', async (t) => {
  const folder = folderWith(t, 'system.yaml', SYSTEM);
  const { status, out, notes } = await virtsec('check', folder);
  assert.equal(status, 0);
  assert.match(out, /^System small: 3 partitions, 2 channels\n/);
  assert.match(out, / {2}holds {3}only linux -> vault through pay {2}\S+system\.yaml:11\n/);
  assert.match(out, /\n {2}linux {4}- {5}■ {5}·\n {2}pay {6}■ {5}- {5}■\n {2}vault {4}· {5}■ {5}-\n/);
  assert.match(out, /VMM of linux {3}linux {7}everything {5}everything\n/);
  assert.equal(notes, 'warning: not there yet: ./pay.ts, ./vault.wasm\n');
});

test('status 1: the way that breaks an assertion, step by step', async (t) => {
  const folder = folderWith(t, 'system.yaml', BROKEN);
  const { status, out, notes } = await virtsec('check', folder);
  assert.equal(status, 1);
  assert.match(out, / {2}BROKEN {2}only linux -> vault through pay/);
  const file = `${folder}/system.yaml`;
  assert.ok(notes.includes(`${file}:12:13: error[VS502]: \`linux\` must reach \`vault\` only through \`pay\``), notes);
  assert.ok(notes.includes(`  ${file}:10  linux signals vault by \`debug\`\n`), notes);
});

test('status 2: a wrong description', async (t) => {
  const { status, notes } = await virtsec('check', folderWith(t, 'system.yaml', SYSTEM.replace('call:', 'cal:')));
  assert.equal(status, 2);
  assert.match(notes, /error\[VS103\]: `cal` is not a field of channel `ask`/);
});

test('--json: one document in each case', async (t) => {
  for (const [text, status] of [
    [SYSTEM, 0],
    [BROKEN, 1],
    [SYSTEM.replace('call:', 'cal:'), 2],
  ] as const) {
    const result = await virtsec('check', folderWith(t, 'system.yaml', text), '--json');
    assert.equal(result.status, status);
    const document = JSON.parse(result.out) as { schema: string; holds: boolean; faults: { code: string }[] };
    assert.equal(document.schema, 'virtsec.check/1');
    assert.equal(document.holds, status === 0);
    assert.equal(document.faults.length === 0, status === 0);
  }
});

test('--sarif: faults with their place and their way', async (t) => {
  const { status, out } = await virtsec('check', folderWith(t, 'system.yaml', BROKEN), '--sarif');
  assert.equal(status, 1);
  const log = JSON.parse(out) as {
    version: string;
    runs: {
      results: {
        ruleId: string;
        level: string;
        locations: { physicalLocation: { region: object } }[];
        codeFlows?: { threadFlows: { locations: unknown[] }[] }[];
      }[];
    }[];
  };
  assert.equal(log.version, '2.1.0');
  const [fault, ...warnings] = log.runs[0].results;
  assert.deepEqual([fault.ruleId, fault.level], ['VS502', 'error']);
  const { region } = fault.locations[0].physicalLocation;
  assert.deepEqual(region, { startLine: 12, startColumn: 13, endLine: 12, endColumn: 27 });
  assert.equal(fault.codeFlows?.[0].threadFlows[0].locations.length, 1);
  assert.deepEqual(
    warnings.map(({ ruleId, level }) => [ruleId, level]),
    [
      ['VS212', 'warning'],
      ['VS212', 'warning'],
    ],
  );
});

test('--svg: a picture, with the broken way in red', async (t) => {
  const folder = folderWith(t, 'system.yaml', BROKEN);
  const file = join(folder, 'small.svg');
  assert.equal((await virtsec('check', folder, '--svg', file)).status, 1);
  assert.ok(existsSync(file));
  assert.match(readFileSync(file, 'utf8'), /marker-end="url\(#arrow-bad\)"/);
  const nowhere = await virtsec('check', folder, '--svg', join(folder, 'no/where.svg'));
  assert.equal(nowhere.status, 2);
});

test('a description in TypeScript', async (t) => {
  const policy = new URL('../../policy/index.ts', import.meta.url).href;
  const text = `import { defineSystem } from '${policy}';
export default defineSystem({
  virtsec: 1,
  system: 'typed',
  partitions: { linux: { guest: 'debian' }, pay: { app: './pay.ts' } },
  channels: { ask: { call: 'linux -> pay', within: '50ms' } },
  assert: [{ never: 'pay -> linux' }],
});
`;
  const folder = folderWith(t, 'system.ts', text);
  const { status, notes } = await virtsec('check', folder);
  assert.equal(status, 1);
  assert.match(notes, /system\.ts\(json\):\d+:\d+: error\[VS501\]: `pay` must never reach `linux`/);
  const empty = await virtsec('check', folderWith(t, 'system.ts', 'export const x = 1;\n'));
  assert.equal(empty.status, 2);
});

test('plan --show writes every default out', async (t) => {
  const folder = folderWith(t, 'system.yaml', SYSTEM);
  const { status, out } = await virtsec('plan', folder, '--show');
  assert.equal(status, 0);
  assert.match(out, /\n {2}linux:\n {4}guest: debian\n {4}memory: 256M\n {4}harts: 1\n/);
  assert.match(out, /\n {2}ask:\n {4}call: linux -> pay\n {4}bytes: "64"\n {4}within: 50ms\n/);
  const { out: json } = await virtsec('plan', folder, '--show', '--json');
  assert.equal((JSON.parse(json) as { system: string }).system, 'small');
});

test("--prove: who is separate from whom by the core's own policy; status 1 while the core is not the proved one", async (t) => {
  const text = SYSTEM.replace('channels:', '  alone: { driver: clock }\nchannels:\n  tick: { signal: alone -> pay }');
  const folder = folderWith(t, 'system.yaml', text);
  const { status, out } = await virtsec('check', folder, '--prove');
  const { isProved, theorems } = provedCore();
  const isAll = isProved && SEPARATING.every(([name]) => Object.hasOwn(theorems, name));
  assert.equal(status, isAll ? 0 : 1);
  assert.match(out, isAll ? /: proved \(/ : /NOT/);
  assert.match(out, /\nOne way: [^\n]*\n {2}alone {2}-> {2}linux, pay, vault\n/);
  assert.match(out, /\n {2}holds {3}only linux -> vault through pay\n/);
  assert.match(out, /\nNot covered\n {2}end {6}all this is up to the end of the system; linux can bring it about/);
  const document = JSON.parse((await virtsec('check', folder, '--prove', '--json')).out) as {
    schema: string;
    separation: { pairs: { from: string; to: string; by: string }[] };
    separatedBy: { name: string; isProved: boolean }[];
  };
  assert.equal(document.schema, 'virtsec.prove/1');
  assert.equal(document.separation.pairs.length, 12);
  assert.equal(document.separatedBy.length, SEPARATING.length);
  const free = text.replace(
    '{ app: ./pay.ts }',
    '{ app: ./pay.ts, devices: { x: { registers: 0x1000-0x2000, dma: any } } }',
  );
  const withDma = await virtsec('check', folderWith(t, 'system.yaml', free.replace(/assert:[^]*/, '')), '--prove');
  assert.equal(withDma.status, 1);
  assert.match(withDma.out, /NOTHING below holds against pay: a device of it reads and writes all memory/);
  const broken = await virtsec('check', folderWith(t, 'system.yaml', BROKEN), '--prove');
  assert.equal(broken.status, 1);
  assert.match(broken.notes, /error\[VS502\]/);
  assert.equal((await virtsec('check', folder, '--prove', '--sarif')).status, 2);
});

test('run refuses what it cannot carry out, and a system that breaks its own assertions', async (t) => {
  const app = await virtsec('run', folderWith(t, 'system.yaml', SYSTEM), '--expect', 'x', '--timeout', '1');
  assert.equal(app.status, 2);
  assert.match(app.notes, /VS104/);
  const console = `virtsec: 1
system: small
partitions:
  linux: { guest: debian }
  tty: { driver: console, grants: { terminal: stdio } }
channels:
  con: { stream: linux <-> tty, as: uart0 }
`;
  const later = await virtsec('run', folderWith(t, 'system.yaml', `${console}  log: { queuing: linux -> tty }\n`));
  assert.equal(later.status, 2);
  assert.match(
    later.notes,
    /system\.yaml:8:19: error\[VS104\]: this version's kernel does not carry out a queuing channel/,
  );
  const broken = await virtsec(
    'run',
    folderWith(t, 'system.yaml', `${console}assert:\n  - { never: tty -> linux, direct: true }\n`),
  );
  assert.equal(broken.status, 1);
  assert.match(broken.notes, /VS503/);
});
