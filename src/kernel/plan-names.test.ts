// Names that contradict the tables beside them: each kind of contradiction is found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot, OK } from './core/core.ts';
import { contradiction } from './plan-names.ts';
import type { Plan, PlanPartition } from './plan.ts';
import { bootAsWritten, compileSystem, readDescription } from '../policy/index.ts';

const TEXT = `
virtsec: 1
system: names
partitions:
  a: { app: ./a.ts, may: { manage: d, audit: c, switch: true } }
  b: { app: ./b.ts }
  c: { app: ./c.ts }
  d: { app: ./d.ts }
channels:
  q: { queuing: a -> b, bytes: 64 }
  r: { queuing: a -> b, bytes: 32 }
  ask: { call: b -> c, bytes: 64, within: 1ms }
  air: { sampling: a -> c, bytes: 8, refresh: 1s }
  bell: { signal: c -> a }
  s: { stream: a <-> d }
schedules:
  one: { frame: 10ms, cores: { 0: [{ a: 0-5ms }] } }
  two: { frame: 10ms, cores: { 0: [{ b: 0-5ms }] } }
`;
const { description } = readDescription('t', TEXT, { fileExists: () => true, images: [], firmware: [] });
assert.ok(description);
const { plan, tables } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
const k = tables.kernel;
assert.equal(boot(k), OK);

const withPartition = (p: number, change: (one: PlanPartition) => Partial<PlanPartition>): Plan => ({
  ...plan,
  partitions: plan.partitions.map((one, i) => (i === p ? { ...one, ...change(one) } : one)),
});
const withPort = (p: number, name: string, change: object): Plan =>
  withPartition(p, ({ ports = [] }) => ({
    ports: ports.map((port) => (port.name === name ? { ...port, ...change } : port)),
  }));

test('names and tables of one compilation agree', () => {
  assert.equal(contradiction(plan, k), undefined);
});

const handleOf = (p: number, name: string): number =>
  plan.partitions[p].ports!.find((port) => port.name === name)!.handle;

const WRONG: readonly (readonly [what: string, plan: Plan, says: RegExp])[] = [
  ['a partition more', { ...plan, partitions: [...plan.partitions, plan.partitions[0]] }, /5 names for 4 partitions/],
  ['a stream less', { ...plan, streams: plan.streams.slice(1) }, /1 names for 2 streams/],
  ['streams the other way round', { ...plan, streams: plan.streams.toReversed() }, /streams\[0\]: not the stream/],
  ['modes of another number', { ...plan, modes: ['one'] }, /modes: not 2 names/],
  ['a right to end the system', withPartition(1, () => ({ mayShutDown: true })), /\[1\]\.mayShutDown/],
  ['a right to switch', withPartition(1, () => ({ maySwitch: true })), /\[1\]\.maySwitch/],
  ['an auditor that is none', withPartition(1, () => ({ audits: [{ name: 'c', partition: 2 }] })), /\[1\]\.audits/],
  ['a queue that is a sample', withPort(0, 'q', { kind: 'sampling' }), /ports\[0\]\.handle: of another kind/],
  ['a sender that receives', withPort(0, 'q', { direction: 'in' }), /handle: of another kind/],
  ['a handle that is no place', withPort(0, 'q', { handle: 32 }), /handle: none/],
  ['the handle of another port', withPort(0, 'q', { handle: handleOf(0, 'r') }), /bytes: not those/],
  ['a longer sample', withPort(0, 'air', { bytes: 64 }), /bytes: not those/],
  ['a server called longer', withPort(2, 'ask', { bytes: 65 }), /bytes: not those/],
  ['another bit', withPort(2, 'bell', { bits: 2 }), /bits: not those/],
  ['another partition managed', withPort(0, 'd', { name: 'c' }), /name: not the partition/],
  ['a managed one that manages', withPort(0, 'd', { direction: 'in' }), /direction: not one/],
];

for (const [what, wrong, says] of WRONG) {
  test(`contradiction: ${what}`, () => assert.match(contradiction(wrong, k) ?? 'none', says));
}
