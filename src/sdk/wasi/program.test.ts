// A C program over WASI on the test bed: the channels as files, poll, time, log, exit.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { compileC } from '../tests/clang.ts';
import { openTestBed, text } from '../testing.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-wasi-'));
after(() => rmSync(folder, { recursive: true }));

const vault = path.join(folder, 'vault.wasm');
const skip = compileC(path.join(import.meta.dirname, '../tests/vault.c'), vault) ?? false;

test('a C program serves calls, reads samples, polls streams and signals, logs, and exits', { skip }, async () => {
  await using bed = await openTestBed(
    {
      virtsec: 1,
      system: 'c',
      partitions: {
        vault: { app: vault, config: { args: ['--key'], env: { MODE: 'test' } } },
        ui: { app: './ui.ts' },
      },
      channels: {
        ask: { call: 'ui -> vault', bytes: 512, within: '1s' },
        temp: { sampling: 'ui -> vault', bytes: 4, refresh: '20ms' },
        journal: { queuing: 'vault -> ui', bytes: 64 },
        stop: { signal: 'ui -> vault' },
        pipe: { stream: 'ui <-> vault', bytes: '4K' },
      },
    },
    { doubles: ['ui'] },
  );
  const { port } = bed.partition('ui');
  await bed.until(() => bed.log('vault').length >= 3);
  assert.deepEqual(bed.log('vault').slice(0, 3), [
    'vault --key test',
    '/channels: ask temp journal stop pipe',
    'no such channel: 1',
  ]);

  const ask = port.client('ask');
  assert.equal(text(await ask.call('first')), 'first: temp 0, error 6, valid 0, age 0');
  await port.writer('temp').write(Uint8Array.of(21, 0, 0, 0));
  assert.match(text(await ask.call('second')), /^second: temp 21, error 0, valid 1, age 0$/);
  await bed.advance(30);
  assert.match(text(await ask.call('third')), /^third: temp 21, error 0, valid 0, age 30000000$/);
  const journal = port.receiver('journal');
  for (const expected of ['first', 'second', 'third']) assert.equal(text(await journal.receive()), expected);

  const pipe = port.stream('pipe');
  await pipe.write('Hello');
  assert.equal(text((await pipe.read())!), 'hELLO');

  const before = bed.log('vault').length;
  await bed.until(() => bed.log('vault').length > before);
  assert.equal(bed.log('vault').at(-1), 'nothing for 100 ms');

  await port.signaller('stop').signal();
  assert.deepEqual(await bed.ended('vault'), { by: 'exit', status: 9, reason: '' });
  assert.equal(bed.log('vault').at(-1), "stopped without a line's end");
});
