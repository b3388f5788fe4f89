// Faults and clean restarts (docs/design/kernel.md, "Restart"): what comes back, how often, and what the others see of it.
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { FAULT_TRAP, OP_HELLO } from '../src/kernel/abi.ts';
import { bootPlan } from '../src/kernel/hosted/boot-plan.ts';
import { Cgroups } from '../src/kernel/hosted/cgroup.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { Supervisor } from '../src/kernel/hosted/supervisor.ts';
import type { Mechanism } from '../src/kernel/hosted/supervisor.ts';
import { openPlanFile } from '../src/kernel/plan-file.ts';
import { describedPlan } from './partitions/plan.ts';
import { ROOT, TestSystem, until } from './partitions/system.ts';

const program = path.join(ROOT, 'tests/partitions/phoenix.ts');
const skip = whyNoFfi() ?? false;
afterEach(() => TestSystem.killAll());

const run = (does: string, more: Readonly<Record<string, unknown>> = {}) => ({ program, config: { does, ...more } });

/** The process of a partition as it was told last. */
function pidOf(system: TestSystem, name: string): number {
  let pid = 0;
  for (const event of system.events) {
    if (event.event === 'started') pid = event.partitions.find((p) => p.name === name)?.pid ?? pid;
    if (event.event === 'restarted' && event.name === name) pid = event.pid;
  }
  assert.ok(pid > 0, `${name} has no process`); // 0 would be this test's own group
  return pid;
}

const restartsOf = (system: TestSystem, name: string): number =>
  system.events.filter((e) => e.event === 'restarted' && e.name === name).length;

async function end(system: TestSystem): Promise<void> {
  system.kill('SIGTERM');
  assert.equal(await system.exited, 143, system.kernelLog);
}

test(
  'whatever end of a stream is killed, the other goes on: no line of a life is lost or mixed',
  { skip },
  async () => {
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { otherwise: cold-restart, restarts: 12 per 10m, backoff: 1ms } }
  b: { app: ./b.ts, memory: 16M, faults: { otherwise: cold-restart, restarts: 12 per 10m, backoff: 1ms } }
channels:
  line: { stream: a <-> b, bytes: 8K }
`,
        { a: run('produce'), b: run('consume') },
      ),
    );
    await system.waitFor('log', (e) => e.text === 'lines 10000');
    // The kernel process is undumpable: only root can look.
    const descriptors = () => (process.getuid?.() === 0 ? readdirSync(`/proc/${system.pid}/fd`).length : 0);
    // With the spares, which come a moment later.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = descriptors();
    const kills = ['a', 'b', 'a', 'a', 'b', 'b', 'b', 'a', 'b', 'b'];
    for (const [i, name] of kills.entries()) {
      const lives = system.log('b').filter((text) => text.startsWith('life')).length;
      const done = restartsOf(system, name);
      process.kill(pidOf(system, name), 'SIGKILL');
      assert.ok(
        await until(() => restartsOf(system, name) > done, 10_000),
        `kill ${i} of ${name}: ${system.kernelLog}`,
      );
      // Each restart of either is a life that the consumer sees.
      assert.ok(
        await until(() => system.log('b').filter((text) => text.startsWith('life')).length > lives, 10_000),
        `nothing came after kill ${i} of ${name}: ${system.log('b').slice(-5).join('; ')}`,
      );
    }
    assert.deepEqual(
      system.log('b').filter((text) => text.startsWith('WRONG')),
      [],
    );
    assert.equal(system.log('a').filter((text) => text === 'up cold').length, 4);
    assert.ok(await until(() => descriptors() === before, 5000), `${descriptors()} descriptors, ${before} before`);
    await end(system);
  },
);

test('before one that was started again can say anything, its peers know that it is there', () => {
  const { file } = describedPlan(
    `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M }
  b: { app: ./b.ts, memory: 16M, faults: { otherwise: cold-restart, backoff: 0us } }
channels:
  line: { stream: a <-> b, bytes: 8K }
`,
    {},
  );
  const done: string[] = [];
  const nothing = (): void => {};
  const mechanism: Mechanism = {
    copyMessage: nothing,
    readText: () => '',
    answer: (p) => done.push(`${'ab'[p]} is answered`),
    listen: nothing,
    wake: (p, _news, dead) => done.push(`${'ab'[p]} sees ${dead === 0 ? 'all its peers' : 'a peer gone'}`),
    tellEnd: nothing,
    switchWindow: nothing,
    deadline: () => undefined,
    tell: nothing,
  };
  const { k, tick } = bootPlan(openPlanFile(file).words);
  const supervisor = new Supervisor(k, tick, 0, mechanism);
  const start = (p: number): void => {
    supervisor.attach(p);
    supervisor.call(p, OP_HELLO, 0, 0, 0);
    supervisor.load(p);
  };
  supervisor.turn(0);
  for (const p of [0, 1]) start(p);
  done.length = 0;
  supervisor.died(1, FAULT_TRAP);
  for (let ms = 1; ms < 5; ms++) supervisor.turn(ms);
  start(1);
  assert.deepEqual(done, ['a sees a peer gone', 'a sees all its peers', 'b is answered']);
});

test(
  'a partition that ends again and again is started with growing pauses, and stays ended beyond its budget',
  { skip },
  async () => {
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { exit: warm-restart, restarts: 2 per 1m, backoff: 100ms } }
  b: { app: ./b.ts, memory: 16M }
`,
        { a: run('crash'), b: run('idle') },
      ),
    );
    const last = await system.waitFor('exit', (e) => e.restarts !== true);
    assert.deepEqual([last.partition, last.by, last.status], ['a', 'process-exit', 3]);
    assert.deepEqual(system.log('a'), ['up boot', 'up warm', 'up warm']);
    await end(system);
  },
);

test(
  'who is restarted has a spare: it takes over at once, with another process and user, and wiped streams',
  { skip },
  async () => {
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { otherwise: cold-restart, restarts: 8 per 1m, backoff: 1ms } }
  b: { app: ./b.ts, memory: 16M }
`,
        { a: run('idle'), b: run('idle') },
      ),
    );
    await system.waitFor('started');
    for (let i = 0; i < 3; i++) {
      // A new spare is born after each start.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      const done = restartsOf(system, 'a');
      process.kill(pidOf(system, 'a'), 'SIGKILL');
      assert.ok(await until(() => restartsOf(system, 'a') > done, 10_000));
    }
    const restarts = system.events.filter((e) => e.event === 'restarted');
    // Without a spare it takes the time of Node's start and more; how fast a spare is depends on the host's load.
    assert.ok(Math.min(...restarts.map(({ ms }) => ms)) < 30, restarts.map(({ ms }) => ms).join(', '));
    // What it says comes after the word that it runs.
    await until(() => system.log('a').length === 4, 10_000);
    assert.deepEqual(system.log('a'), ['up boot', 'up cold', 'up cold', 'up cold']);
    await end(system);
  },
);

test('who says no longer that it lives is restarted', { skip }, async () => {
  const system = new TestSystem(
    describedPlan(
      `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { heartbeat: cold-restart, beat: 200ms, restarts: 1 per 1m } }
  b: { app: ./b.ts, memory: 16M }
`,
      { a: run('beat', { after: 600 }), b: run('idle') },
    ),
  );
  const exit = await system.waitFor('exit');
  assert.deepEqual([exit.by, exit.restarts], ['heartbeat', true]);
  await system.waitFor('restarted');
  await end(system);
});

/** What comes of the restart of a partition whose file has become a link to another folder. */
async function restartOverLink(without: readonly string[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-link-'));
  for (const name of ['own', 'foreign']) {
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, 'data'), name);
  }
  const file = path.join(folder, 'own/data');
  const system = new TestSystem(
    describedPlan(
      `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { otherwise: cold-restart, restarts: 1 per 1m, backoff: 1ms } }
  b: { app: ./b.ts, memory: 16M }
`,
      { a: { ...run('idle'), files: [{ name: 'data', path: file }] }, b: run('idle') },
    ),
    { without },
  );
  await system.waitFor('log', (e) => e.text === 'up boot' && e.partition === 'a');
  renameSync(file, `${file}.old`);
  symlinkSync('../foreign/data', file);
  process.kill(pidOf(system, 'a'), 'SIGKILL');
  const event = await Promise.race([
    system.waitFor('restarted').then(() => 'restarted'),
    system.waitFor('log', (e) => e.text.startsWith('cannot be started')).then(({ text }) => text),
  ]);
  system.kill('SIGKILL');
  await system.exited;
  rmSync(folder, { recursive: true });
  return event;
}

test(
  'the kernel process itself opens nothing beyond what the plan named at its start; control: without its own Landlock it does',
  { skip },
  async () => {
    assert.match(await restartOverLink([]), /^cannot be started: .*EACCES/);
    assert.equal(await restartOverLink(['landlock']), 'restarted');
  },
);

/** Which of the kernel process's threads have a filter (proc_pid_status(5): Seccomp), once a system runs. */
async function filteredThreads(without: readonly string[]): Promise<Set<string>> {
  const plan = describedPlan('virtsec: 1\nsystem: test\npartitions: { a: { app: ./a.ts, memory: 16M } }\n', {
    a: run('idle'),
  });
  const system = new TestSystem(plan, { without });
  await system.waitFor('log', (e) => e.text === 'up boot');
  const tasks = `/proc/${system.pid}/task`;
  const modes = readdirSync(tasks).map((task) => {
    return /^Seccomp:\s*(\d)/m.exec(readFileSync(`${tasks}/${task}/status`, 'utf8'))?.[1] ?? '';
  });
  await end(system);
  return new Set(modes);
}

test('every thread of the kernel process has a filter; control: left out, some have none', { skip }, async () => {
  assert.deepEqual([...(await filteredThreads([]))], ['2']);
  assert.ok((await filteredThreads(['seccomp'])).has('0'));
});

const cgroups = Cgroups.open();
if (typeof cgroups !== 'string') cgroups.close();
const skipCgroups = skip !== false ? skip : typeof cgroups === 'string' ? cgroups : false;

test('who takes more memory than it has is ended for it, and nobody else', { skip: skipCgroups }, async () => {
  const system = new TestSystem(
    describedPlan(
      `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, faults: { memory: cold-restart, otherwise: stop, restarts: 1 per 1m } }
  b: { app: ./b.ts, memory: 16M }
`,
      { a: run('hog'), b: run('idle') },
    ),
  );
  const started = await system.waitFor('started');
  assert.ok(started.partitions.every(({ layers }) => layers.includes('cgroup')));
  const exit = await system.waitFor('exit');
  assert.deepEqual([exit.partition, exit.by, exit.restarts], ['a', 'memory', true]);
  // Its second process takes as much, and its budget is spent.
  const last = await system.waitFor('exit', (e) => e.restarts !== true);
  assert.deepEqual([last.partition, last.by], ['a', 'memory']);
  assert.equal(system.log('b').length, 1);
  await end(system);
});

test('a system whose jail lacks a layer that is required does not run', { skip }, async () => {
  const plan = describedPlan('virtsec: 1\nsystem: test\npartitions: { a: { app: ./a.ts, memory: 16M } }\n', {
    a: run('idle'),
  });
  const system = new TestSystem(plan, { without: ['seccomp'], required: ['landlock', 'seccomp'] });
  assert.equal(await system.exited, 1);
  assert.deepEqual(system.events[0], {
    event: 'refused',
    reason: 'the jail of a lacks seccomp: left out by --without-layer',
  });
  assert.deepEqual(system.log('a'), []);
});
