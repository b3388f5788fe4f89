// A running system, managed from outside: over its socket, by the commands, in the name of the plan's operator.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { whyNoFfi } from '../kernel/hosted/linux.ts';
import { openPlanFile } from '../kernel/plan-file.ts';
import type { Plan } from '../kernel/plan.ts';
import { describedPlan } from '../../tests/partitions/plan.ts';
import { ROOT } from '../../tests/partitions/system.ts';
import type { Io } from './io.ts';
import { execute } from './main.ts';
import { runningSystems } from './management.ts';
import { runSession } from './session.ts';

const program = path.join(ROOT, 'tests/partitions/phoenix.ts');
const skip = whyNoFfi() ?? false;

const MANAGED = `
virtsec: 1
system: managed
partitions:
  a: { app: ./a.ts, memory: 16M }
  later: { app: ./later.ts, memory: 16M, start: manual }
  alone: { app: ./alone.ts, memory: 16M }
  operator: { app: virtsec/operator, may: { manage: [a, later] } }
`;

function terminal(env: Readonly<Record<string, string>>) {
  const said = { out: '', notes: '' };
  const io: Io = {
    out: (text) => void (said.out += text),
    note: (text) => void (said.notes += text),
    paint: (_, __, text) => text,
    env,
  };
  return { said, io };
}

test('ps, inspect, stop, start, restart, logs, events, audit', { skip }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-managed-'));
  const env = { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: path.join(folder, 'state') };
  const audit = path.join(folder, 'audit.jsonl');
  const config = { does: 'idle' };
  const { file } = describedPlan(MANAGED, {
    a: { program, config },
    later: { program, config },
    alone: { program, config },
  });
  const plan = openPlanFile(file).names as Plan;
  const own = terminal(env);
  const ended = runSession(
    { plan, file },
    { script: { steps: [] }, kernelArguments: ['--allow-program', program], timeout: 60, audit },
    own.io,
  );
  const virtsec = async (...words: string[]) => {
    const { said, io } = terminal(env);
    const status = await execute(words, io);
    return { status, ...said };
  };
  const inspect = async (name: string) =>
    JSON.parse((await virtsec('inspect', name, '--json')).out) as { state: string; starts: number; pid?: number };
  const until = async (name: string, state: string, starts: number) => {
    for (let i = 0; i < 200; i++) {
      const seen = await inspect(name).catch(() => undefined);
      if (seen?.state === state && seen.starts === starts) return seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${name} is not ${state}: ${own.said.notes}`);
  };

  try {
    const first = await until('a', 'running', 1);
    const sockets = readdirSync(path.join(folder, 'virtsec'));
    assert.equal(sockets.length, 1);
    assert.equal(statSync(path.join(folder, 'virtsec', sockets[0])).mode & 0o777, 0o600);
    assert.equal(statSync(path.join(folder, 'virtsec')).mode & 0o777, 0o700);

    assert.match(
      (await virtsec('ps')).out,
      /^managed {2}pid \d+, \d+ s\n {2}PARTITION[^]*\n {2}a +app +running +\d+ +0 /,
    );
    let logs = '';
    for (let i = 0; i < 200 && logs === ''; i++) logs = (await virtsec('logs', 'a')).out;
    assert.equal(logs, 'up boot\n');
    assert.match((await virtsec('top', '--times', '1')).out, /\na +running/);

    assert.equal((await virtsec('restart', 'a')).status, 0);
    const second = await until('a', 'running', 2);
    assert.notEqual(second.pid, first.pid);
    assert.equal((await virtsec('stop', 'a')).status, 0);
    await until('a', 'ended', 2);
    assert.equal((await virtsec('start', 'a')).status, 0);
    await until('a', 'running', 3);
    assert.equal((await virtsec('start', 'later')).status, 0);
    await until('later', 'running', 1);

    const refused = await virtsec('stop', 'alone');
    assert.deepEqual(refused, {
      status: 1,
      out: '',
      notes: 'virtsec stop: managed: the plan does not let operator manage it\n',
    });
    assert.equal(
      (await virtsec('stop', 'nobody')).notes,
      'virtsec stop: managed: the system has no partition `nobody`\n',
    );
    assert.equal((await inspect('alone')).state, 'running');

    const events = virtsec('events');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await virtsec('stop')).status, 0);
    assert.match((await events).out, /"event":"ended"/);
    assert.equal((await ended).status, 130);
  } finally {
    await virtsec('stop');
    await ended;
  }
  assert.deepEqual(runningSystems(env), []);

  const records = readFileSync(audit, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(records[0]['event'], 'boot');
  assert.equal(records[0]['plan'], openPlanFile(file).hash);
  const managed = records.filter(({ event }) => event === 'managed').map((r) => [r['do'], r['partition'], r['result']]);
  assert.deepEqual(managed, [
    ['restart', 'a', 0],
    ['stop', 'a', 0],
    ['start', 'a', 0],
    ['start', 'later', 0],
    ['stop', 'alone', -2],
  ]);
  const whole = await virtsec('audit', 'verify', audit);
  assert.deepEqual([whole.status, whole.out], [0, `${audit}: ${records.length} records, whole\n`]);
  // Cut off at a line's end: nothing in the log itself shows it but that its end is missing, and what is kept elsewhere.
  const lines = readFileSync(audit, 'utf8').split('\n');
  chmodSync(audit, 0o600);
  writeFileSync(audit, `${lines.slice(0, 4).join('\n')}\n`);
  const cut = await virtsec('audit', 'verify', audit);
  assert.deepEqual(
    [cut.status, cut.notes],
    [1, `${audit}:5: ${records.length - 4} records from here on are missing\n`],
  );
  rmSync(folder, { recursive: true });
});

test(
  'a plan without an operator lets nobody stop its partitions; a folder that others can reach holds no socket',
  { skip },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-managed-'));
    const env = { XDG_RUNTIME_DIR: folder };
    const { file } = describedPlan('virtsec: 1\nsystem: alone\npartitions: { a: { app: ./a.ts, memory: 16M } }\n', {
      a: { program, config: { does: 'idle' } },
    });
    const system = { plan: openPlanFile(file).names as Plan, file };
    const options = { script: { steps: [] }, kernelArguments: ['--allow-program', program], timeout: 60 };
    const ended = runSession(system, options, terminal(env).io);
    try {
      let notes = '';
      for (let i = 0; i < 200 && !notes.includes('operator'); i++) {
        const { said, io } = terminal(env);
        await execute(['stop', 'a'], io);
        ({ notes } = said);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.equal(notes, 'virtsec stop: alone: the plan has no operator\n');
    } finally {
      await execute(['stop'], terminal(env).io);
      await ended;
    }
    chmodSync(path.join(folder, 'virtsec'), 0o755);
    assert.deepEqual(runningSystems(env), []);
    rmSync(folder, { recursive: true });
  },
);
