// Native applications as processes of a running system: a TypeScript module and a WebAssembly module over the same channels,
// under the jail.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { encodePlanFile } from '../src/kernel/plan-file.ts';
import { compileSystem, readDescription } from '../src/policy/index.ts';
import { planWords } from '../src/policy/plan-words.ts';
import { applicationFile } from '../src/sdk/app/sources.ts';
import { openTestBed } from '../src/sdk/testing.ts';
import { assemble } from '../src/sdk/tests/wat.ts';
import { virtsec } from './command.ts';
import { ROOT, TestSystem, until } from './partitions/system.ts';

const skip = whyNoFfi() ?? false;
const APPS = path.join(ROOT, 'src/sdk/tests');
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-apps-'));
after(() => rmSync(folder, { recursive: true }));

/** A system whose applications are given as text, or as a module, and packed as the command does it. */
function start(t: TestContext, yaml: string, apps: Readonly<Record<string, string | Uint8Array>> = {}): TestSystem {
  const reading = readDescription('test.yaml', yaml, { fileExists: () => true, images: [], firmware: [] });
  if (reading.description === undefined) throw new Error(reading.messages.join('\n'));
  const { description } = reading;
  const { tables, plan } = compileSystem(description, new Map(), { rows: 0, columns: 0 });
  const partitions = plan.partitions.map((p, i) => {
    const given = apps[p.name];
    const source =
      given === undefined ? path.join(APPS, description.partitions[i].what ?? '') : path.join(folder, `${p.name}.ts`);
    if (typeof given === 'string') writeFileSync(source, given);
    const file = path.join(folder, p.name);
    writeFileSync(file, given instanceof Uint8Array ? given : applicationFile(source), { mode: 0o644 });
    return { ...p, program: 'app', files: [{ name: 'app', path: file }] };
  });
  const file = encodePlanFile(planWords(tables.kernel), { ...plan, partitions });
  const system = new TestSystem({ file, programs: [] });
  t.after(() => system.kill('SIGKILL'));
  return system;
}

/** Resolves when the partition has said so many lines. */
async function lines(system: TestSystem, name: string, count: number): Promise<readonly string[]> {
  const isThere = await until(() => system.log(name).length >= count, 30_000);
  assert.ok(isThere, JSON.stringify(system.events));
  return system.log(name);
}

test('storage: a file that is granted is read and written, up to its memory; one that is only to be read is not written', async () => {
  const place = mkdtempSync(path.join(tmpdir(), 'virtsec-storage-'));
  const write = (name: string, text: string): void => writeFileSync(path.join(place, name), text);
  write('ledger.bin', 'before');
  write('key.bin', 'key');
  write(
    'system.yaml',
    `
virtsec: 1
system: stored
partitions:
  writer: { app: ./writer.ts, memory: 1M, grants: { file: ledger.bin } }
  reader: { app: ./reader.ts, memory: 1M, grants: { file: ./key.bin, readonly: true } }
`,
  );
  const attempt = `
    const attempt = async (work) => { try { work(); await log('done'); } catch (error) { await log(error.fault ?? String(error)); } };`;
  write(
    'writer.ts',
    `import { log, storage, text } from 'virtsec/sdk';
    ${attempt}
    const file = storage.file('ledger.bin');
    await log(text(file.read(0, 100)));
    await attempt(() => file.write(0, Uint8Array.from('BEFORE and after', (c) => c.charCodeAt(0))));
    await attempt(() => file.write(2 ** 20, new Uint8Array(1)));
    await attempt(() => storage.file('key.bin'));
    await log(String(file.size));`,
  );
  write(
    'reader.ts',
    `import { log, storage, text } from 'virtsec/sdk';
    ${attempt}
    await log(storage.names.join() + ' ' + text(storage.file('key.bin').read(0, 100)));
    await attempt(() => storage.file('key.bin').write(0, new Uint8Array(1)));`,
  );
  const { status, stdout, stderr } = await virtsec(['run', place, '--timeout', '30']);
  const said = (name: string): string[] =>
    [...stdout.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].map(([, line]) => line);
  assert.equal(status, 0, stdout + stderr);
  const isBounded = skip === false ? 'right' : 'done';
  assert.deepEqual(said('writer'), ['before', 'done', isBounded, 'unknown', isBounded === 'right' ? '16' : '1048577']);
  assert.deepEqual(said('reader'), ['key.bin key', 'right']);
  assert.match(readFileSync(path.join(place, 'ledger.bin'), 'latin1'), /^BEFORE and after/);
  assert.equal(readFileSync(path.join(place, 'key.bin'), 'latin1'), 'key');
  rmSync(place, { recursive: true });
});

test('two applications call each other, and one logs and exits', { skip }, async (t) => {
  const system = start(
    t,
    `
virtsec: 1
system: shop
partitions:
  ui: { app: ui.ts }
  pay: { app: pay.ts }
  vault: { app: vault.ts }
channels:
  ask: { call: ui -> pay, bytes: 256, within: 5s }
  sign: { call: pay -> vault, bytes: 256, within: 2s }
  journal: { queuing: pay -> ui, bytes: 64, depth: 16 }
`,
  );
  const started = await system.waitFor('started');
  for (const { name, missing } of started.partitions) {
    assert.deepEqual(
      missing.filter(({ layer }) => layer !== 'uid' && layer !== 'cgroup'),
      [],
      name,
    );
  }
  for (const [name, status] of [
    ['pay', 7],
    ['ui', 0],
  ]) {
    const exit = await system.waitFor('exit', (e) => e.partition === name);
    assert.deepEqual([exit.by, exit.status], ['exit', status], JSON.stringify(system.events));
  }
  assert.deepEqual(system.log('ui'), ['signed: ok', 'asked: 100 EUR', 'peer']);
  system.kill('SIGTERM');
  await system.exited;
});

const KINDS = `
virtsec: 1
system: kinds
partitions:
  a: { app: a.ts }
  b: { app: b.ts }
channels:
  q: { queuing: a -> b, bytes: 64, depth: 2, overflow: block }
  level: { sampling: a -> b, bytes: 8, refresh: 10s }
  go: { signal: b -> a }
  pipe: { stream: a <-> b, bytes: 4K }
`;
const KINDS_APPS = {
  a: `
import { log, port, text, time } from 'virtsec/sdk';
await port.listener('go').wait();
await port.writer('level').write('7');
const sender = port.sender('q');
for (let i = 0; i < 50; i++) await sender.send(String(i));
const pipe = port.stream('pipe');
const sent = Uint8Array.from({ length: 50_000 }, (_, i) => i * 7);
const writing = pipe.write(sent);
let same = 0;
while (same < sent.length) for (const byte of (await pipe.read())!) if (byte === sent[same]) same++;
await writing;
await log('came back: ' + same);
const before = await time.now();
await time.sleep(30);
const slept = (await time.now()) - before;
await log('slept well: ' + (slept >= 29 && slept < 2000));
`,
  b: `
import { log, port, text } from 'virtsec/sdk';
const pipe = port.stream('pipe');
const echo = (async () => { for await (const bytes of pipe) await pipe.write(bytes); })();
await port.signaller('go').signal();
const got: string[] = [];
for await (const message of port.receiver('q')) if (got.push(text(message)) === 50) break;
await log('in order: ' + got.every((one, i) => one === String(i)));
const sample = await port.reader('level').read();
await log('level ' + text(sample!.message) + ' ' + sample!.valid);
await echo;
await log('the other end is gone');
`,
};

test('queues, samples, signals, streams and time between two applications', { skip }, async (t) => {
  const system = start(t, KINDS, KINDS_APPS);
  assert.equal(await system.exited, 0, JSON.stringify(system.events));
  assert.deepEqual(system.log('a'), ['came back: 50000', 'slept well: true']);
  assert.deepEqual(system.log('b'), ['in order: true', 'level 7 true', 'the other end is gone']);
});

test('the test bed gives what the running system gives', async () => {
  for (const [name, text] of Object.entries(KINDS_APPS)) writeFileSync(path.join(folder, `${name}.ts`), text);
  const file = path.join(folder, 'system.yaml');
  writeFileSync(file, KINDS);
  await using bed = await openTestBed(file);
  for (const name of ['a', 'b']) assert.equal((await bed.ended(name)).by, 'exit');
  assert.deepEqual(bed.log('a'), ['came back: 50000', 'slept well: true']);
  assert.deepEqual(bed.log('b'), ['in order: true', 'level 7 true', 'the other end is gone']);
});

test('a WebAssembly program serves an application, and ends with the system', { skip }, async (t) => {
  const io = ['fd_read', 'fd_write'].map(
    (name) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param i32 i32 i32 i32) (result i32)))`,
  );
  const system = start(
    t,
    `
virtsec: 1
system: wasm
partitions:
  user: { app: user.ts, may: { shut-down: true } }
  echo: { app: echo.wasm }
channels:
  ask: { call: user -> echo, bytes: 64, within: 5s }
`,
    {
      user: `
import { log, port, shutDown, text } from 'virtsec/sdk';
const ask = port.client('ask');
for (const word of ['one', 'two']) await log(text(await ask.call(word)));
await shutDown();
`,
      echo: assemble(`(module ${io.join(' ')}
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 32) "ask")
        (func (export "_start")
          i32.const 3 i32.const 0 i32.const 32 i32.const 3 i32.const 0 i64.const 0 i64.const 0 i32.const 0 i32.const 20 call $open drop
          i32.const 0 i32.const 64 i32.store
          loop
            i32.const 4 i32.const 64 i32.store
            i32.const 20 i32.load i32.const 0 i32.const 1 i32.const 16 call $fd_read drop
            i32.const 4 i32.const 16 i32.load i32.store
            i32.const 20 i32.load i32.const 0 i32.const 1 i32.const 16 call $fd_write drop
            br 0
          end))`),
    },
  );
  await lines(system, 'user', 2);
  assert.equal(await system.exited, 0, JSON.stringify(system.events));
  assert.deepEqual(system.log('user'), ['one', 'two']);
  const ends = system.events.flatMap((e) => (e.event === 'exit' ? [`${e.partition} ${e.by}`] : []));
  assert.deepEqual(ends.toSorted(), ['echo exit', 'user exit']);
});

test('an application that fails is started again, and its client goes on', { skip }, async (t) => {
  const system = start(
    t,
    `
virtsec: 1
system: fails
partitions:
  user: { app: user.ts, may: { shut-down: true } }
  worker: { app: worker.ts, faults: { exit: cold-restart, backoff: 10ms } }
channels:
  ask: { call: user -> worker, bytes: 64, within: 10s }
`,
    {
      user: `
import { ChannelError, log, port, shutDown, text } from 'virtsec/sdk';
const ask = port.client('ask');
for (const word of ['hello', 'crash', 'again']) {
  await log(await ask.call(word).then(text, (error: unknown) => (error instanceof ChannelError ? error.fault : String(error))));
}
await shutDown();
`,
      worker: `
import { port, self, text } from 'virtsec/sdk';
port.serve('ask', (request) => {
  if (text(request) === 'crash') throw new Error('as asked');
  return self.startKind + ' ' + text(request);
});
`,
    },
  );
  assert.equal(await system.exited, 0, JSON.stringify(system.events));
  assert.deepEqual(system.log('user'), ['boot hello', 'peer', 'cold again']);
  assert.ok(
    system.log('worker').some((line) => line === 'Error: as asked'),
    JSON.stringify(system.log('worker')),
  );
});
