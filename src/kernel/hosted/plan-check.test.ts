import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanError, checkPlan } from './plan-check.ts';

function good(): Record<string, unknown> {
  return {
    virtsec: 1,
    system: 'hello',
    partitions: [
      {
        name: 'linux',
        kind: 'guest',
        program: 'vmm',
        memory: 1 << 28,
        harts: 1,
        config: { cmdline: '' },
        files: [{ name: 'kernel', path: '/boot/Image' }],
        terminal: false,
        mayShutDown: false,
      },
      {
        name: 'tty',
        kind: 'driver',
        program: 'drivers/console',
        memory: 1 << 25,
        harts: 0,
        config: {},
        files: [],
        terminal: true,
        mayShutDown: true,
      },
    ],
    streams: [
      { name: 'con', from: 0, to: 1, bytes: 65536 },
      { name: 'con', from: 1, to: 0, bytes: 65536 },
    ],
  };
}

test('a good plan is taken as it is', () => {
  assert.deepEqual(checkPlan(good(), []), good());
});

/** A path into the plan, the wrong value there, and the message. */
const WRONG: readonly (readonly [path: string, value: unknown, message: string])[] = [
  ['virtsec', 2, 'plan.virtsec: not version 1'],
  ['system', '', 'plan.system: not a name'],
  ['partitions', {}, 'plan.partitions: not a list'],
  ['partitions', [], 'plan.partitions: empty'],
  ['partitions', Array(65).fill({}), 'plan.partitions: more than 64 entries'],
  ['partitions.0', 7, 'plan.partitions[0]: not an object'],
  ['partitions.0.name', 'a/b', 'plan.partitions[0].name: not a name'],
  ['partitions.0.name', 'tty', 'plan.partitions: a name twice'],
  ['partitions.0.kind', 'root', 'plan.partitions[0].kind: not a kind of partition'],
  ['partitions.0.program', '/bin/sh', 'plan.partitions[0].program: no such program'],
  ['partitions.0.program', 'toString', 'plan.partitions[0].program: no such program'],
  ['partitions.0.program', 'drivers/console', 'plan.partitions[0].program: not a program for a guest'],
  ['partitions.0.memory', -1, 'plan.partitions[0].memory: not in 0..1099511627776'],
  ['partitions.0.memory', 1.5, 'plan.partitions[0].memory: not an integer'],
  ['partitions.0.harts', 0, 'plan.partitions[0].harts: not in 1..8'],
  ['partitions.0.harts', 9, 'plan.partitions[0].harts: not in 1..8'],
  ['partitions.0.config', null, 'plan.partitions[0].config: not an object'],
  [
    'partitions.0.config',
    { text: 'x'.repeat(65536) },
    'plan.partitions[0].config: longer than 65536 characters of JSON',
  ],
  ['partitions.0.files', [{ name: 'k', path: 'Image' }], 'plan.partitions[0].files[0].path: not an absolute path'],
  ['partitions.0.files', [{ name: 'k', path: '/a\0b' }], 'plan.partitions[0].files[0].path: not an absolute path'],
  [
    'partitions.0.files',
    [{ name: 'k', path: '/k', sha256: 'AB' }],
    'plan.partitions[0].files[0].sha256: not a SHA-256 in hexadecimal',
  ],
  [
    'partitions.0.ports',
    [{ name: 'p', kind: 'pipe', direction: 'out', handle: 0, bytes: 1 }],
    'plan.partitions[0].ports[0].kind: not one of queuing, sampling, signal, call, manage',
  ],
  [
    'partitions.0.ports',
    [{ name: 'p', kind: 'call', direction: 'out', handle: 32, bytes: 1 }],
    'plan.partitions[0].ports[0].handle: not in -1..31',
  ],
  ['partitions.0.audits', [{ name: 'x', partition: 64 }], 'plan.partitions[0].audits[0].partition: not in 0..63'],
  ['partitions.0.beat', 0, 'plan.partitions[0].beat: not in 1..1125899906842624'],
  ['modes', ['a b'], 'plan.modes[0]: not a name'],
  ['partitions.0.terminal', true, 'plan.partitions: more than one terminal'],
  ['partitions.0.mayShutDown', 1, 'plan.partitions[0].mayShutDown: not true or false'],
  ['streams.0.from', 2, 'plan.streams[0].from: not in 0..1'],
  ['streams.0.from', 1, 'plan.streams[0]: from a partition to itself'],
  ['streams.0.bytes', 65537, 'plan.streams[0].bytes: not a power of two'],
  ['streams.0.bytes', 2048, 'plan.streams[0].bytes: not in 4096..16777216'],
  ['streams', Array(129).fill({}), 'plan.streams: more than 128 entries'],
  [
    'streams',
    Array(2).fill({ name: 'con', from: 0, to: 1, bytes: 4096 }),
    'plan.streams[1].name: twice in the same partition and direction',
  ],
  [
    'streams',
    Array.from({ length: 33 }, (_, i) => ({ name: `s${i}`, from: 0, to: 1, bytes: 4096 })),
    'plan.streams: more than 32 stream ends in one partition',
  ],
];

for (const [path, value, message] of WRONG) {
  test(`refused: ${message}`, () => {
    const plan = good();
    const keys = path.split('.');
    let place = plan;
    for (const key of keys.slice(0, -1)) place = place[key] as Record<string, unknown>;
    place[keys.at(-1)!] = value;
    assert.throws(
      () => checkPlan(plan, []),
      (error) => error instanceof PlanError && error.message === message,
    );
  });
}

test('refused: not an object', () => {
  assert.throws(() => checkPlan(7, []), new PlanError('plan: not an object'));
});

test('a program by path only when the command line allows it', () => {
  const plan = good();
  (plan['partitions'] as Record<string, unknown>[])[0]['program'] = '/tests/x.ts';
  assert.throws(() => checkPlan(plan, ['/tests/y.ts']), PlanError);
  assert.equal(checkPlan(plan, ['/tests/x.ts']).partitions[0].program, '/tests/x.ts');
});
