// Faults and clean restarts (docs/design/kernel.md, "Restart"): what comes back, how often, and what the others see of it.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { Cgroups } from '../src/kernel/hosted/cgroup.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
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
    const descriptors = () => readdirSync(`/proc/${system.pid}/fd`).length;
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
    assert.equal(descriptors(), before);
    await end(system);
  },
);

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
