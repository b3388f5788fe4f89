// Ports between partitions, over call pages and the core (docs/design/core.md, "Calls").
import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { E_FULL, E_LATE, E_TIMEOUT } from '../src/kernel/abi.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { describedPlan } from './partitions/plan.ts';
import { ROOT, TestSystem } from './partitions/system.ts';

const program = path.join(ROOT, 'tests/partitions/ports.ts');
const skip = whyNoFfi() ?? false;
afterEach(() => TestSystem.killAll());

const TWO = `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M }
  b: { app: ./b.ts, memory: 16M }
channels:
  orders: { queuing: a -> b, bytes: 64, depth: 4, overflow: block }
  news: { queuing: b -> a, bytes: 64, depth: 2, overflow: drop }
  level: { sampling: b -> a, bytes: 8, refresh: 1s }
  poke: { signal: a -> b }
  ask: { call: a -> b, bytes: 64, within: 500ms }
`;

function start(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): TestSystem {
  return new TestSystem(describedPlan(TWO, { a: { program, config: a }, b: { program, config: b } }));
}

test('calls, queues, signals and samples between two partitions that block', { skip }, async () => {
  const system = start({ does: 'asker', times: 200 }, { does: 'server', times: 200 });
  assert.equal(await system.exited, 0, JSON.stringify(system.events) + system.kernelLog);
  assert.deepEqual(system.log('a'), [
    'called 200',
    ...Array(4).fill('sent 0'),
    `sent ${E_FULL}`,
    'sent 0',
    'signalled 0',
    'level 1234 valid true',
    `nothing ${E_TIMEOUT}`,
    'waited long enough',
    `late ${E_TIMEOUT}`,
  ]);
  assert.deepEqual(system.log('b'), [
    ...Array.from({ length: 4 }, (_, i) => `got order ${i}`),
    'got order 5',
    'asked slow',
    `reply ${E_LATE}`,
  ]);
});

test('a partition with an event loop is woken by what comes in, without blocking', { skip }, async () => {
  const system = start({ does: 'sender' }, { does: 'listener' });
  assert.equal(await system.exited, 0, JSON.stringify(system.events));
  assert.deepEqual(system.log('b'), ['got order 0', 'got order 1', 'got order 2', 'got order 3', 'signal 1']);
});

for (const does of ['illegal', 'foreign']) {
  test(`an illegal call (${does}) is a fault of the caller, and of nobody else`, { skip }, async () => {
    const system = start({ does }, { does: 'idle' });
    const exit = await system.waitFor('exit');
    assert.deepEqual([exit.partition, exit.by], ['a', 'illegal-call']);
    assert.deepEqual(system.log('a'), []);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(
      system.events.some((e) => e.event === 'ended'),
      false,
    );
    system.kill('SIGTERM');
    await system.exited;
  });
}

const NOISE = path.join(ROOT, 'tests/partitions/noise.ts');

test('whatever calls two partitions make, with whatever arguments, the others call on', { skip }, async () => {
  const noisy = (seed: number) => ({ program: NOISE, config: { seed, ports: true } });
  const system = new TestSystem(
    describedPlan(
      `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M }
  b: { app: ./b.ts, memory: 16M }
  # Their illegal calls are only counted, so that they go on; a legal one may put them to sleep for good, and then they begin anew.
  bad: { app: ./bad.ts, memory: 16M, faults: { call: log, heartbeat: cold-restart, beat: 400ms, otherwise: cold-restart, restarts: 8 per 1m, backoff: 10ms }, may: { manage: worse } }
  worse: { app: ./worse.ts, memory: 16M, faults: { call: log, heartbeat: cold-restart, beat: 400ms, otherwise: cold-restart, restarts: 8 per 1m, backoff: 10ms } }
channels:
  orders: { queuing: a -> b, bytes: 64, depth: 4, overflow: block }
  news: { queuing: b -> a, bytes: 64, depth: 2, overflow: drop }
  level: { sampling: b -> a, bytes: 8, refresh: 1s }
  poke: { signal: a -> b }
  ask: { call: a -> b, bytes: 64, within: 2s }
  flood: { queuing: bad -> b, bytes: 1K, depth: 8, overflow: drop }
  jam: { queuing: bad -> worse, bytes: 1K, depth: 2, overflow: block }
  back: { call: bad -> worse, bytes: 64, within: 10ms }
  lies: { sampling: 'worse -> b, bad', bytes: 1K, refresh: 10ms }
  nudge: { signal: worse -> bad }
`,
      {
        a: { program, config: { does: 'caller', times: 2000 } },
        b: { program, config: { does: 'echo' } },
        bad: noisy(1),
        worse: noisy(2),
      },
    ),
  );
  await system.waitFor('log', (e) => e.partition === 'a' && e.text === 'called 2000');
  // How many illegal calls come in meanwhile is a matter of the machine; that there are many is not.
  const told = () => system.events.filter((e) => e.event === 'denied' && e.partition === 'bad').length;
  await system.waitFor('denied', (e) => e.partition === 'bad' && told() > 10);
  assert.equal(
    system.events.some((e) => e.event === 'exit' && ['a', 'b'].includes(e.partition)),
    false,
  );
  system.kill('SIGTERM');
  assert.equal(await system.exited, 143, system.kernelLog);
});
