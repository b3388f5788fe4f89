// Every handle of an application, on the test bed.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { bedWith } from './tests/bed.ts';
import { ChannelError, openTestBed, text } from './testing.ts';

const APPS = path.join(import.meta.dirname, 'tests');
const fault = (name: string) => (error: unknown) => error instanceof ChannelError && error.fault === name;

const SHOP = {
  virtsec: 1,
  system: 'shop',
  partitions: {
    ui: { guest: 'debian' },
    pay: { app: path.join(APPS, 'pay.ts'), faults: { exit: 'cold-restart', backoff: '30ms' } },
    vault: { app: path.join(APPS, 'vault.ts') },
    tty: { driver: 'console', grants: { terminal: 'stdio' } },
  },
  channels: {
    ask: { call: 'ui -> pay', bytes: 256, within: '50ms', as: 'hvc1' },
    sign: { call: 'pay -> vault', bytes: 256, within: '20ms' },
    journal: { queuing: 'pay -> tty', bytes: 64, depth: 16 },
    con: { stream: 'ui <-> tty', as: 'uart0' },
  },
};

test('a call goes through an application to another one and back', async () => {
  await using bed = await openTestBed(SHOP);
  const ui = bed.partition('ui');
  assert.equal(text(await ui.port.client('ask').call('100 EUR')), 'signed: ok');
  const entry = await bed.partition('tty').port.receiver('journal').receive();
  assert.equal(text(entry), 'asked: 100 EUR');
  assert.deepEqual(bed.log('pay'), ['pay is up']);
});

test('an error that nobody catches is a fault: the client learns it, the health monitor restarts, and all goes on', async () => {
  await using bed = await openTestBed(SHOP);
  const ask = bed.partition('ui').port.client('ask');
  await assert.rejects(ask.call('crash'), fault('peer'));
  const { by, reason } = await bed.ended('pay');
  assert.equal(by, 'fault');
  assert.match(reason, /^Error: crashed on purpose\n[^]*pay\.ts:10/);
  assert.equal(text(await ask.call('again')), 'signed: ok');
  assert.ok(bed.now >= 30, `${bed.now} ms: the back-off was not waited for`);
  assert.equal(bed.log('pay').filter((line) => line === 'pay is up').length, 2);
});

test('a client does not wait longer than `within`, and a late reply is not taken for the next', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {} }, channels: { ask: { call: 'a -> b', bytes: 8, within: '20ms' } } },
  );
  const client = bed.partition('a').port.client('ask');
  const server = bed.partition('b').port.server('ask');
  const slow = client.call('slow');
  assert.equal(text(await server.fetch()), 'slow');
  await assert.rejects(slow, fault('timeout'));
  await assert.rejects(client.call('more'), fault('busy'));
  assert.equal(await server.reply('late'), false);
  const next = client.call('next');
  await server.fetch();
  assert.equal(await server.reply('fine'), true);
  assert.equal(text(await next), 'fine');
  await assert.rejects(client.call('much too long'), fault('argument'));
  assert.equal(await server.fetch({ within: 5 }), undefined);
});

test('a dropping queue tells its sender nothing but its own credit; the receiver learns what was lost', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {} }, channels: { q: { queuing: 'a -> b', bytes: 8, depth: 2, credit: 3 } } },
  );
  const sender = bed.partition('a').port.sender('q');
  const receiver = bed.partition('b').port.receiver('q');
  assert.equal(await sender.room(), 3);
  assert.deepEqual([await sender.send('1'), await sender.send('2'), await sender.send('3')], [true, true, true]);
  assert.equal(await sender.send('4'), false);
  assert.equal(await receiver.waiting(), 2);
  assert.deepEqual([text(await receiver.receive()), text(await receiver.receive())], ['1', '2']);
  assert.equal(receiver.lost, 1);
  assert.equal(await receiver.receive({ within: 0 }), undefined);
});

test('a blocking queue holds its sender until there is room', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {} }, channels: { q: { queuing: 'a -> b', bytes: 8, depth: 1, overflow: 'block' } } },
  );
  const sender = bed.partition('a').port.sender('q');
  const receiver = bed.partition('b').port.receiver('q');
  assert.equal(await sender.send('1'), true);
  assert.equal(await sender.send('2', { within: 0 }), false);
  const before = bed.now;
  assert.equal(await sender.send('2', { within: 30 }), false);
  assert.equal(bed.now - before, 30);
  const sent = sender.send('3');
  const got: string[] = [];
  for await (const message of receiver) {
    got.push(text(message));
    if (got.length === 2) break;
  }
  assert.deepEqual([await sent, got], [true, ['1', '3']]);
});

test('a sample has an age, and is valid as long as the description says', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {}, c: {} }, channels: { temp: { sampling: 'a -> b, c', bytes: 4, refresh: '10ms' } } },
  );
  const [b, c] = ['b', 'c'].map((name) => bed.partition(name).port.reader('temp'));
  assert.equal(await b.read(), undefined);
  await bed.partition('a').port.writer('temp').write('21');
  await bed.advance(10);
  assert.deepEqual(await b.read(), { message: Uint8Array.of(50, 49), age: 10, valid: true });
  await bed.advance(1);
  assert.deepEqual(await c.read(), { message: Uint8Array.of(50, 49), age: 11, valid: false });
});

test('signals of several channels do not get into each other', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {} }, channels: { x: { signal: 'a -> b' }, y: { signal: 'a -> b' } } },
  );
  const { port } = bed.partition('a');
  const [x, y] = ['x', 'y'].map((name) => bed.partition('b').port.listener(name));
  await port.signaller('y').signal();
  assert.deepEqual([await x.poll(), await y.wait(), await y.poll()], [false, true, false]);
  assert.equal(await x.wait({ within: 5 }), false);
  const waits = x.wait();
  await port.signaller('x').signal();
  assert.equal(await waits, true);
});

test('a stream carries more than its ring holds, both ways, and ends when the other end is gone', async () => {
  await using bed = await bedWith(
    {
      echo: `
        import { port } from 'virtsec/sdk';
        const pipe = port.stream('pipe');
        for await (const bytes of pipe) await pipe.write(bytes);
      `,
    },
    { partitions: { a: {}, echo: {} }, channels: { pipe: { stream: 'a <-> echo', bytes: '4K' } } },
  );
  const pipe = bed.partition('a').port.stream('pipe');
  const sent = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) & 0xff);
  const writing = pipe.write(sent);
  const got: number[] = [];
  while (got.length < sent.length) got.push(...(await pipe.read())!);
  await writing;
  assert.deepEqual(Uint8Array.from(got), sent);
  assert.deepEqual(await pipe.read({ within: 5 }), new Uint8Array());
  const end = pipe.read();
  bed.kill('echo');
  assert.equal(await end, undefined);
  await assert.rejects(pipe.write('anybody?'), fault('closed'));
});

test('time stands still while anything happens, and sleep, every and now agree', async () => {
  const app = `
    import { exit, log, time } from 'virtsec/sdk';
    const start = await time.now();
    let ticks = 0;
    const stop = time.every(10, async () => {
      await log(\`tick at \${(await time.now()) - start}\`);
      if (++ticks === 3) stop();
      if (ticks === 2) await time.sleep(25);
    });
    await time.sleep(100);
    await log(\`slept until \${(await time.now()) - start}\`);
  `;
  await using bed = await bedWith({ app }, { partitions: { app: {} } });
  const from = performance.now();
  assert.deepEqual(await bed.ended('app'), { by: 'exit', status: 0, reason: '' });
  // The second one took from 20 to 45: that of 30 and that of 40 are skipped.
  assert.deepEqual(bed.log('app'), ['tick at 10', 'tick at 20', 'tick at 50', 'slept until 100']);
  assert.ok(performance.now() - from < 5000);
});

test('a missed heartbeat and a raised fault lead to what the plan says', async () => {
  const app = `
    import { health, log, self, time } from 'virtsec/sdk';
    await log(\`\${self.startKind}, beat every \${self.beat} us\`);
    for (let i = 0; i < 5; i++) {
      await health.beat();
      await time.sleep(15);
    }
    if (self.startKind === 'boot') await time.sleep(50);
    const told = health.wait();
    await health.raise(3);
    await log('waited for ' + (await told) + ', then ' + (await health.wait({ within: 1 })));
    await health.raise(3);
    await log(\`faults \${await health.faults()}\`);
  `;
  await using bed = await bedWith(
    { app },
    {
      partitions: {
        app: { faults: { heartbeat: 'warm-restart', beat: '20ms', process: { application: 'handler' } } },
      },
    },
  );
  await bed.until(() => bed.endings('app').length === 2);
  assert.deepEqual(bed.log('app').slice(0, 1), ['boot, beat every 20000 us']);
  assert.deepEqual(bed.log('app').slice(-3), [
    'warm, beat every 20000 us',
    `waited for ${1 << (8 + 3)}, then 0`,
    `faults ${1 << (8 + 3)}`,
  ]);
  assert.deepEqual(
    bed.endings('app').map(({ by }) => by),
    ['fault', 'exit'],
  );
});

test('a manager starts, restarts and stops what it may, and an auditor counts', async () => {
  await using bed = await bedWith(
    { worker: `import { log, self, time } from 'virtsec/sdk'; await log(self.startKind); await time.sleep(1e6);` },
    {
      partitions: {
        boss: { may: { manage: ['worker'], audit: ['worker'] } },
        worker: { start: 'manual' },
      },
    },
  );
  const boss = bed.partition('boss');
  const worker = boss.port.managed('worker');
  await bed.advance(10);
  assert.deepEqual(bed.log('worker'), []);
  await worker.start();
  await bed.until(() => bed.log('worker').length === 1);
  await worker.restart();
  await bed.until(() => bed.log('worker').length === 2);
  assert.deepEqual(await boss.audit('worker'), { faults: 0, restarts: 1, illegal: 0 });
  await worker.stop();
  await bed.until(() => bed.endings('worker').length === 2);
  assert.throws(() => boss.port.managed('boss'), fault('unknown'));
  await assert.rejects(boss.audit('boss'), fault('right'));
});

test('only who may switches the schedule', async () => {
  await using bed = await bedWith(
    {},
    {
      partitions: { pilot: { may: { switch: true } }, crew: {} },
      schedules: {
        ground: { frame: '10ms', cores: { 0: [{ pilot: '0-2ms' }, { crew: '2-10ms' }] } },
        flight: { frame: '10ms', cores: { 0: [{ pilot: '0-9ms' }, { crew: '9-10ms' }] } },
      },
    },
  );
  const { mode } = bed.partition('pilot');
  assert.deepEqual(mode.names, ['ground', 'flight']);
  await mode.switchTo('flight');
  await assert.rejects(mode.switchTo('space'), fault('right'));
  await assert.rejects(bed.partition('crew').mode.switchTo('flight'), fault('right'));
  // Out of its window a partition's operations wait: crew's next one is 9 ms after the frame's begin.
  const { time } = bed.partition('crew');
  await bed.advance(10 - (bed.now % 10));
  assert.equal((await time.now()) % 10, 9);
});

test('files of the storage: read, write, not beyond', async () => {
  const keys = Uint8Array.from([1, 2, 3, 4]);
  const app = `
    import { log, storage } from 'virtsec/sdk';
    const file = storage.file('keys');
    file.write(2, Uint8Array.of(9));
    await log(JSON.stringify([storage.names, file.size, [...file.read(1, 10)]]));
    try { file.write(3, Uint8Array.of(1, 2)); } catch (error) { await log(error.fault); }
    try { storage.file('other'); } catch (error) { await log(error.fault); }
  `;
  await using bed = await bedWith({ app }, { partitions: { app: {} } }, { files: { app: { keys } } });
  await bed.ended('app');
  assert.deepEqual(bed.log('app'), ['[["keys"],4,[2,9,4]]', 'right', 'unknown']);
  assert.deepEqual([...keys], [1, 2, 9, 1]);
});

test('crypto: signatures, encryption, and keys that do not come out', async () => {
  const app = `
    import { crypto, log, text, utf8 } from 'virtsec/sdk';
    const { subtle } = crypto;
    const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    await log(hex(await subtle.digest('SHA-256', utf8('abc'))));
    const pair = await subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    const signature = await subtle.sign('Ed25519', pair.privateKey, utf8('message'));
    await log(String(await subtle.verify('Ed25519', pair.publicKey, signature, utf8('message'))));
    signature[0] ^= 1;
    await log(String(await subtle.verify('Ed25519', pair.publicKey, signature, utf8('message'))));
    await log(\`public key: \${(await subtle.exportKey('raw', pair.publicKey)).length} bytes\`);
    await subtle.exportKey('pkcs8', pair.privateKey).catch((error) => log(\`private key: \${error.fault}\`));
    const key = await subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, key, utf8('secret'));
    await log(text(await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)));
    sealed[3] ^= 1;
    await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed).catch((error) => log(\`changed: \${error.fault}\`));
    await log(String(iv.some((byte) => byte !== 0)));
  `;
  await using bed = await bedWith({ app }, { partitions: { app: {} } });
  assert.equal((await bed.ended('app')).reason, '');
  assert.deepEqual(bed.log('app'), [
    // FIPS 180-2, B.1
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'true',
    'false',
    'public key: 32 bytes',
    'private key: argument',
    'secret',
    'changed: argument',
    'true',
  ]);
});

test('who misses its deadline is started again, who meets it is not', async () => {
  const work = (milliseconds: string): string => `
    import { log, self, time } from 'virtsec/sdk';
    let times = 0;
    time.every(50, async () => {
      times += 1;
      if (self.startKind === 'boot' && times === 3) await log('third');
      await time.sleep(times === 3 && self.startKind === 'boot' ? ${milliseconds} : 5);
    }, { within: 30 });
    await time.sleep(1000);
  `;
  const faults = { deadline: 'cold-restart', otherwise: 'stop' };
  await using bed = await bedWith(
    { slow: work('200'), quick: work('20') },
    {
      partitions: { slow: { needs: '5ms every 50ms', faults }, quick: { needs: '5ms every 50ms', faults } },
      schedules: { normal: { frame: '50ms', cores: { 0: [{ slow: '0-10ms' }, { quick: '10-20ms' }] } } },
    },
  );
  await bed.advance(900);
  assert.deepEqual(
    bed.endings('slow').map(({ by }) => by),
    ['fault'],
  );
  assert.deepEqual(bed.endings('quick'), []);
  assert.deepEqual(bed.log('quick'), ['third']);
});

test('when the system ends, who has said so finishes first', async () => {
  const app = `
    import { exit, log, onStop, port } from 'virtsec/sdk';
    onStop(async () => { await log('last words'); await exit(4); });
    await port.receiver('q').receive();
  `;
  const other = `import { port } from 'virtsec/sdk'; await port.receiver('r').receive();`;
  await using bed = await bedWith(
    { app, other },
    {
      partitions: { app: {}, other: {}, b: {} },
      channels: { q: { queuing: 'b -> app', bytes: 8 }, r: { queuing: 'b -> other', bytes: 8 } },
    },
  );
  bed.stop();
  assert.deepEqual(await bed.ended('app'), { by: 'exit', status: 4, reason: '' });
  assert.deepEqual(await bed.ended('other'), { by: 'exit', status: 0, reason: '' });
  assert.deepEqual(bed.log('app'), ['last words']);
});

test('two runs of one system give the same, line for line', async () => {
  const run = async (): Promise<unknown> => {
    await using bed = await openTestBed(SHOP);
    const ask = bed.partition('ui').port.client('ask');
    for (const what of ['1', 'crash', '2']) await ask.call(what).catch(() => {});
    return { log: [...bed.log('pay'), ...bed.log('vault')], endings: bed.endings('pay'), now: bed.now };
  };
  assert.deepEqual(await run(), await run());
});

test('names that the description has not are refused with what there is', async () => {
  await using bed = await bedWith(
    {},
    { partitions: { a: {}, b: {} }, channels: { q: { queuing: 'a -> b', bytes: 8 } } },
  );
  const { port } = bed.partition('a');
  assert.throws(() => port.receiver('q'), /a has no queuing from q: q is a queuing to another/);
  assert.throws(() => port.client('none'), /a has no call to none/);
  assert.throws(() => port.stream('none'), /a has no stream none/);
  await assert.rejects(openTestBed({ virtsec: 1, system: 'x', partitions: {} }), /partition/);
});
