// What `check --prove` says of a plan: each way that two partitions can be joined, and that each closing of a way parts them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as core from '../../kernel/core/core.ts';
import { type Description, readDescription } from '../index.ts';
import { compileTables } from '../tables.ts';
import { assertedOf, type Separation, separationOf } from './separation.ts';

function read(text: string): Description {
  const host = { fileExists: () => true, images: ['debian'], firmware: [] };
  const { description, messages } = readDescription('t', `virtsec: 1\nsystem: t\n${text}`, host);
  assert.ok(description, messages.join('\n'));
  return description;
}

function booted(description: Description): core.Kernel {
  const { kernel } = compileTables(description);
  assert.equal(core.boot(kernel), core.OK);
  return kernel;
}

function separation(text: string): Separation {
  const description = read(text);
  return separationOf(
    booted(description),
    description.partitions.map(({ name }) => name),
  );
}

const by = ({ pairs }: Separation, from: string, to: string): string =>
  pairs.find((pair) => pair.from === from && pair.to === to)!.by;

const APPS = `partitions:
  a: { app: ./a.ts }
  b: { app: ./b.ts }
  c: { app: ./c.ts }
`;

test('a chain of one-way channels leads one way, and nobody else is joined', () => {
  const found = separation(`${APPS}channels:\n  x: { queuing: a -> b }\n  y: { signal: b -> c }\n`);
  assert.equal(by(found, 'a', 'c'), 'flows');
  assert.deepEqual(found.pairs.find(({ from, to }) => from === 'a' && to === 'c')!.chain, ['a', 'b', 'c']);
  assert.deepEqual(found.separate, []);
  assert.deepEqual(found.oneWay, [
    { from: 'a', to: 'b' },
    { from: 'a', to: 'c' },
    { from: 'b', to: 'c' },
  ]);
  assert.ok(found.isJustified && found.isInvariant);
});

test('without the middle channel the two are separate, but for the end of the system', () => {
  const found = separation(`${APPS}channels:\n  x: { queuing: a -> b }\n`);
  assert.deepEqual(found.separate, [
    ['a', 'c'],
    ['b', 'c'],
  ]);
  // All are applications, so the end of each counts, and the end of all is seen by all.
  assert.equal(by(found, 'a', 'c'), 'end');
  assert.deepEqual(found.ends, ['a', 'b', 'c']);
});

test('whose end does not count reaches nobody at all', () => {
  const found = separation(`partitions:
  linux: { guest: debian }
  a: { app: ./a.ts }
  b: { app: ./b.ts }
`);
  assert.deepEqual(found.ends, ['linux']);
  assert.equal(by(found, 'a', 'b'), 'never');
  assert.equal(by(found, 'linux', 'a'), 'end');
});

const WINDOWS = `schedules:
  one: { frame: 10ms, cores: { 0: [{ a: 0-5ms }] } }
  two: { frame: 10ms, cores: { 0: [{ b: 0-5ms }] } }
`;

test('who may switch modes reaches everybody by the schedule alone', () => {
  const apps = APPS.replace('a: { app: ./a.ts }', 'a: { app: ./a.ts, may: { switch: true } }');
  const found = separation(`${apps}channels:\n  x: { queuing: c -> a }\n${WINDOWS}`);
  assert.deepEqual(found.switches, ['a']);
  assert.equal(by(found, 'a', 'b'), 'schedule');
  assert.equal(by(found, 'c', 'a'), 'flows');
  assert.equal(by(found, 'c', 'b'), 'schedule');
  assert.equal(by(found, 'b', 'c'), 'end');
});

test('a manager reaches whom it manages, an auditor is reached; nothing comes back', () => {
  const found = separation(`partitions:
  a: { app: ./a.ts, may: { manage: b } }
  b: { app: ./b.ts }
  c: { app: ./c.ts, may: { audit: b } }
`);
  assert.deepEqual(
    found.pairs.filter((pair) => pair.by === 'flows').map(({ from, to }) => `${from}${to}`),
    ['ab', 'ac', 'bc'],
  );
});

test('assertions are held against the tables: a flow that is put into them breaks one', () => {
  const description = read(`${APPS}channels:
  x: { queuing: a -> b }
  y: { queuing: b -> c }
assert:
  - { never: 'c -> a, b' }
  - { never: a -> c, direct: true }
  - { only: a -> c, through: b }
`);
  const names = ['a', 'b', 'c'];
  const k = booted(description);
  const holds = (): boolean[] => assertedOf(k, names, description.assertions).map((one) => one.holds);
  assert.deepEqual(holds(), [true, true, true]);
  k.policy[0 * core.MAX_PARTITIONS + 2] = core.FLOW_PORT;
  assert.deepEqual(holds(), [true, false, false]);
  // And what nothing shows is found, where `boot` would have refused it.
  assert.equal(separationOf(k, names).isJustified, false);
  k.policy[2 * core.MAX_PARTITIONS + 1] = core.FLOW_PORT;
  assert.deepEqual(holds(), [false, false, false]);
});
