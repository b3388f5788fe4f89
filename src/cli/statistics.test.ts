// Statistics files: what a VMM writes, and what a reader makes of it and of anything else.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Plan } from '../kernel/plan.ts';
import { type GuestStatistics, Publisher } from '../vmm/hosted/statistics.ts';
import { choose } from './commands/stats.ts';
import { Failure } from './failure.ts';
import { announce, readSnapshot, type RunningGuest, runningGuests, statisticsFile } from './statistics-files.ts';
import { ratesOf, statisticsTable } from './statistics.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtsec-statistics-'));
process.env['XDG_RUNTIME_DIR'] = folder;
after(() => rmSync(folder, { recursive: true }));

const partition = { program: 'vmm', memory: 0, config: {}, files: [], terminal: false, mayShutDown: false };
const PLAN: Plan = {
  virtsec: 1,
  system: 'pair',
  partitions: [
    { ...partition, name: 'linux', kind: 'guest', harts: 2 },
    { ...partition, name: 'tty', kind: 'driver', harts: 1 },
  ],
  streams: [],
};

const counts = (retired: number): GuestStatistics['harts'][number] =>
  ({ retired, translated: retired / 2, slept: 250 }) as GuestStatistics['harts'][number];

function publisherOf(file: string, read: () => GuestStatistics): Publisher {
  return new Publisher((at, data) => {
    const bytes = readFileSync(file);
    bytes.set(data, at);
    writeFileSync(file, bytes);
  }, read);
}

test('a plan gets a file for each guest; what its VMM publishes is found and read; the end takes it away', () => {
  const { plan, leave } = announce(PLAN);
  const file = statisticsFile(plan, 'linux')!;
  assert.equal(statisticsFile(plan, 'tty'), undefined);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'virtsec')).mode & 0o777, 0o700);
  assert.deepEqual(runningGuests(), [{ system: 'pair', guest: 'linux', pid: process.pid, file }]);
  assert.equal(readSnapshot(file), undefined);
  let seconds = 0;
  const publisher = publisherOf(file, () => ({ seconds, harts: [counts(seconds * 1000), counts(7)] }));
  for (seconds = 1; seconds < 4; seconds++) {
    publisher.publish();
    assert.deepEqual(readSnapshot(file), { seconds, harts: [counts(seconds * 1000), counts(7)] });
  }
  leave();
  assert.deepEqual(runningGuests(), []);
  assert.deepEqual(readdirSync(join(folder, 'virtsec')), []);
});

test('the folder of a process that is gone is taken away', () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const left = join(folder, 'virtsec', String(dead));
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'system'), 'old');
  assert.deepEqual(runningGuests(), []);
  assert.deepEqual(readdirSync(join(folder, 'virtsec')), []);
});

test('a file that a hostile VMM wrote gives numbers or nothing', () => {
  const file = join(folder, 'hostile');
  const read = (text: string, length = text.length, number = 1): ReturnType<typeof readSnapshot> => {
    const bytes = Buffer.alloc(65_536);
    bytes.writeUInt32LE(number);
    bytes.writeUInt32LE(length, 32_768 + 64);
    bytes.write(text, 32_768 + 68);
    writeFileSync(file, bytes);
    return readSnapshot(file);
  };
  assert.deepEqual(read('{"seconds":1,"harts":[{"retired":5,"\\u001b[2J":1,"x":"text","y":1e999}]}'), {
    seconds: 1,
    harts: [{ retired: 5 }],
  });
  assert.equal(read('{"seconds":1,"harts":[]}'), undefined);
  assert.equal(read('{"seconds":"1","harts":[{}]}'), undefined);
  assert.equal(read('{"seconds":1,"harts":[{}]}', 2 ** 32 - 1), undefined);
  assert.equal(read('null'), undefined);
  assert.equal(read('{', 1), undefined);
  assert.equal(read('{"seconds":1,"harts":[{}]}', 26, 0), undefined);
  writeFileSync(file, 'short');
  assert.equal(readSnapshot(file), undefined);
});

test('rates: differences, from zero for a hart that was reset, and none without news', () => {
  const first = { seconds: 1, harts: [counts(1000), counts(5000)] };
  const last = { seconds: 3, harts: [counts(3000), counts(400)] };
  const as = (snapshot: object): Parameters<typeof ratesOf>[0] => snapshot as Parameters<typeof ratesOf>[0];
  const rates = ratesOf(as(last), as(first));
  assert.equal(rates.during, 2);
  assert.deepEqual(
    rates.harts.map(({ retired }) => retired),
    [2000, 400],
  );
  const table = statisticsTable(rates, as(last));
  assert.match(table, /^ +hart 0 +hart 1 +all\ninstructions\/s +1000 +200 +1200\n {2}interpreted +50\.0 %/);
  assert.equal(ratesOf(as(last), as(last)).during, 0);
});

void test('a guest is found by its name, its system and its process, whichever is only its own', () => {
  const of = (system: string, guest: string, pid: number): RunningGuest => ({ system, guest, pid, file: '' });
  const all = [of('one', 'web', 10), of('one', 'web', 20), of('two', 'web', 30), of('two', 'data', 30)];
  assert.equal(choose('data', all).pid, 30);
  assert.equal(choose('two/web', all).pid, 30);
  assert.equal(choose('20/web', all).pid, 20);
  const refused = (name: string | undefined, why: RegExp): void =>
    assert.throws(
      () => choose(name, all),
      (error: unknown) =>
        error instanceof Failure &&
        why.test(error.message) &&
        error.help === 'running: 10/web, 20/web, two/web, two/data',
    );
  refused('web', /several/);
  refused('one/web', /several/);
  refused(undefined, /several/);
  refused('one/data', /no guest/);
});
