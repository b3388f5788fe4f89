// Time windows on this host: a partition that spins gets its windows and nothing else (docs/design/kernel.md, "Time").
import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { FAULT_DEADLINE, FAULT_WINDOW, OP_HELLO } from '../src/kernel/abi.ts';
import { bootPlan } from '../src/kernel/hosted/boot-plan.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { Supervisor } from '../src/kernel/hosted/supervisor.ts';
import type { CoreEvent } from '../src/kernel/hosted/supervisor.ts';
import { openPlanFile } from '../src/kernel/plan-file.ts';
import { describedPlan } from './partitions/plan.ts';
import { ROOT, TestSystem } from './partitions/system.ts';

const program = path.join(ROOT, 'tests/partitions/spin.ts');
const skip = whyNoFfi() ?? false;
afterEach(() => TestSystem.killAll());

const MS = 2000;
const FRAME = 50;

/** Share of the processor that a partition has measured of itself, in percent, and its stretches of running. */
function shareOf(system: TestSystem, name: string): readonly [share: number, stretches: number] {
  const match = /^share ([\d.]+) in (\d+)$/.exec(system.log(name)[0] ?? '');
  return match === null ? [-1, -1] : [Number(match[1]), Number(match[2])];
}

test(
  'two partitions that spin, one with several threads, have 40 of 100 each, in one stretch a frame',
  { skip },
  async () => {
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M }
  b: { app: ./b.ts, memory: 16M }
schedules:
  normal: { frame: ${FRAME}ms, cores: { 0: [{ a: 0-20ms }, { b: 20-40ms }] } }
`,
        { a: { program, config: { ms: MS, threads: 2 } }, b: { program, config: { ms: MS } } },
      ),
    );
    assert.equal(await system.exited, 0, JSON.stringify(system.events) + system.kernelLog);
    const isBestEffort = system.events.some((e) => e.event === 'best-effort');
    for (const name of ['a', 'b']) {
      const [share, stretches] = shareOf(system, name);
      // Never more than its windows, by a frame's edge; how much less depends on the host's other work.
      assert.ok(share > 1 && share < 43, `${name}: ${share} %`);
      if (!isBestEffort) assert.ok(share > 30, `${name}: ${share} %`);
      assert.ok(stretches >= MS / FRAME / 2, `${name}: ${stretches} stretches`);
    }
    const windows = await system.waitFor('windows');
    assert.equal(
      windows.late.reduce((sum, n) => sum + n),
      windows.windows,
    );
  },
);

test('with longer windows the same partition has more', { skip }, async () => {
  const system = new TestSystem(
    describedPlan(
      `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M }
schedules:
  normal: { frame: ${FRAME}ms, cores: { 0: [{ a: 0-40ms }] } }
`,
      { a: { program, config: { ms: 1000 } } },
    ),
  );
  assert.equal(await system.exited, 0, JSON.stringify(system.events));
  const [share] = shareOf(system, 'a');
  if (!system.events.some((e) => e.event === 'best-effort')) assert.ok(share > 60 && share < 83, `${share} %`);
});

test(
  'who may switch the mode of the schedule has the windows of the other mode from the next frame on',
  { skip },
  async () => {
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, may: { switch: [low, high] } }
schedules:
  low: { frame: ${FRAME}ms, cores: { 0: [{ a: 0-10ms }] } }
  high: { frame: ${FRAME}ms, cores: { 0: [{ a: 0-40ms }] } }
`,
        { a: { program, config: { ms: 1000, mode: 1 } } },
      ),
    );
    assert.equal(await system.exited, 0, JSON.stringify(system.events) + system.kernelLog);
    const [low, result, high] = system.log('a');
    assert.equal(result, 'switch 0');
    const share = (text: string) => Number(/^share ([\d.]+)/.exec(text)?.[1]);
    assert.ok(share(low) < 25, low);
    if (!system.events.some((e) => e.event === 'best-effort')) assert.ok(share(high) > 50 && share(high) < 85, high);
  },
);

/** Faults of `a`, whose window is 0-20 of 50 ms, and whether it is stopped; `deadline`: of its page. */
function faultsOf(
  says: string,
  deadline: () => number | undefined,
): { readonly turn: (ms: number) => void; readonly seen: CoreEvent[] } {
  const { file } = describedPlan(
    `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, needs: 5ms every 50ms, faults: { ${says} } }
  b: { app: ./b.ts, memory: 16M }
schedules:
  normal: { frame: 50ms, cores: { 0: [{ a: 0-20ms }, { b: 20-50ms }] } }
`,
    {},
  );
  const seen: CoreEvent[] = [];
  const nothing = (): void => {};
  const { k, tick } = bootPlan(openPlanFile(file).words);
  const supervisor = new Supervisor(k, tick, 0, {
    copyMessage: nothing,
    readText: () => '',
    answer: nothing,
    listen: nothing,
    wake: nothing,
    tellEnd: nothing,
    switchWindow: nothing,
    deadline: (p) => (p === 0 ? deadline() : undefined),
    tell: (event) => {
      if (event.event === 'fault' || event.event === 'kill') seen.push(event);
    },
  });
  supervisor.turn(0);
  for (const p of [0, 1]) {
    supervisor.attach(p);
    supervisor.call(p, OP_HELLO, 0, 0, 0);
    supervisor.load(p);
  }
  return { turn: (ms) => void supervisor.turn(ms), seen };
}

test('a window that has passed before it began is a fault of its partition, by its table', () => {
  const { turn, seen } = faultsOf('deadline: cold-restart, otherwise: stop', () => 0);
  for (let ms = 1; ms <= 60; ms++) turn(ms);
  assert.deepEqual(seen, []);
  // From its window over that of b and its own next one into that of b: nobody looked for 65 ms.
  turn(125);
  assert.deepEqual(seen, [
    { event: 'fault', partition: 0, code: FAULT_WINDOW },
    { event: 'kill', partition: 0, code: FAULT_WINDOW },
  ]);
});

test('a deadline is missed once, by who has not said that it is done; without a word in the plan nobody has any', () => {
  const TICKS = 100; // of a millisecond
  let by: number | undefined = 65 * TICKS + 1;
  const { turn, seen } = faultsOf('deadline: log, otherwise: stop', () => by);
  for (let ms = 1; ms < 70; ms++) turn(ms);
  assert.deepEqual(seen, []);
  for (let ms = 70; ms < 190; ms++) turn(ms);
  const missed = { event: 'fault', partition: 0, code: FAULT_DEADLINE };
  assert.deepEqual(seen, [missed]);
  // Another one, and one that is met.
  by = 210 * TICKS + 1;
  for (let ms = 190; ms < 230; ms++) turn(ms);
  by = 260 * TICKS + 1;
  for (let ms = 230; ms < 255; ms++) turn(ms);
  by = 0;
  for (let ms = 255; ms < 400; ms++) turn(ms);
  assert.deepEqual(seen, [missed, missed]);
  by = undefined;
  turn(1000);
  assert.equal(seen.length, 2);
});

test(
  'who hangs beyond its deadline is started again; the same without a word in its plan hangs on',
  { skip },
  async () => {
    const phoenix = path.join(ROOT, 'tests/partitions/phoenix.ts');
    const system = new TestSystem(
      describedPlan(
        `
virtsec: 1
system: test
partitions:
  a: { app: ./a.ts, memory: 16M, needs: 5ms every 50ms, faults: { deadline: cold-restart, otherwise: stop, restarts: 1 per 1m } }
  b: { app: ./b.ts, memory: 16M, needs: 5ms every 50ms, faults: { otherwise: stop } }
schedules:
  normal: { frame: ${FRAME}ms, cores: { 0: [{ a: 0-20ms }, { b: 20-40ms }] } }
`,
        {
          a: { program: phoenix, config: { does: 'late', after: 500 } },
          b: { program: phoenix, config: { does: 'late', after: 0 } },
        },
      ),
    );
    const exit = await system.waitFor('exit');
    assert.equal(exit.partition, 'a');
    // On a host that is busy it may be a window.
    assert.ok(exit.by === 'deadline' || exit.by === 'window', exit.by);
    assert.equal(exit.restarts, true);
    await system.waitFor('restarted');
    assert.ok(!system.events.some((e) => e.event === 'fault' && e.partition === 'b'));
    system.kill('SIGTERM');
    await system.exited;
  },
);
