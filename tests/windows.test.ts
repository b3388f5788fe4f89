// Time windows on this host: a partition that spins gets its windows and nothing else (docs/design/kernel.md, "Time").
import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
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
