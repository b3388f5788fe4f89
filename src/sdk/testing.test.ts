import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { openTestBed, text } from './testing.ts';

const APPS = path.join(import.meta.dirname, 'tests');
const SYSTEM = {
  virtsec: 1,
  system: 'shop',
  partitions: {
    ui: { guest: 'debian' },
    pay: { app: path.join(APPS, 'pay.ts'), faults: { exit: 'cold-restart' } },
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
  await using bed = await openTestBed(SYSTEM);
  const ui = bed.partition('ui');
  assert.equal(text(await ui.port.client('ask').call('100 EUR')), 'signed: ok');
  const entry = await bed.partition('tty').port.receiver('journal').receive();
  assert.equal(text(entry!), 'asked: 100 EUR');
  assert.deepEqual(bed.log('pay'), ['pay is up']);
});
