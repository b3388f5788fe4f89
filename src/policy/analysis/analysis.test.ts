// Flows, schedulability and ways beside the channels, on small systems.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDescription } from '../index.ts';
import { analyse } from './analysis.ts';
import { CLOCK, FlowGraph } from './flows.ts';
import { leastSupply, longestGap, longestWait } from './schedulability.ts';

const host = { fileExists: () => true, images: ['debian'], firmware: [] };

function describe(partitions: readonly string[], channels: readonly string[], rest = '') {
  const text = [
    'virtsec: 1',
    'system: test',
    'partitions:',
    ...partitions.map((one) => `  ${one}`),
    'channels:',
    ...channels.map((one) => `  ${one}`),
    rest,
  ].join('\n');
  const { description, source, messages } = readDescription('test', text, host);
  assert.deepEqual(messages, []);
  return { description: description!, source };
}

const APPS = ['a', 'b', 'c', 'd'].map((name) => `${name}: { app: x.ts }`);
const pairs = (graph: FlowGraph): string[] => graph.flows.map(({ from, to }) => `${from}>${to}`).toSorted();

test('each kind of channel opens exactly the flows that it can carry', () => {
  for (const [channel, flows] of [
    ['x: { stream: a <-> b }', ['a>b', 'b>a']],
    ['x: { call: a -> b, within: 5ms }', ['a>b', 'b>a']],
    ["x: { sampling: 'a -> b, c', refresh: 1s }", ['a>b', 'a>c']],
    ['x: { queuing: a -> b }', ['a>b']],
    ['x: { queuing: a -> b, overflow: block }', ['a>b', 'b>a']],
    ['x: { signal: a -> b }', ['a>b']],
  ] as const) {
    assert.deepEqual(pairs(new FlowGraph(describe(APPS, [channel]).description)), flows, channel);
  }
});

test('managing flows one way, auditing the other, and a switch of modes to everybody', () => {
  const modes =
    'schedules:\n  m: { frame: 10ms, cores: { 0: [{ a: 0-1ms }] } }\n  n: { frame: 10ms, cores: { 0: [{ b: 0-1ms }] } }';
  const { description } = describe(
    ['a: { app: x.ts, may: { manage: b, switch: [m, n] } }', 'b: { app: x.ts }', 'c: { app: x.ts, may: { audit: b } }'],
    ['x: { signal: a -> b }'],
    modes,
  );
  const graph = new FlowGraph(description);
  assert.deepEqual(
    pairs(graph),
    [`${CLOCK}>a`, `${CLOCK}>b`, `${CLOCK}>c`, `a>${CLOCK}`, 'a>b', 'a>b', 'b>c'].toSorted(),
  );
  assert.deepEqual(
    graph.path('a', 'c', (node) => node !== CLOCK).map(({ via }) => via),
    ['x', 'audit'],
  );
});

test('paths are the shortest, and bend around what they may not pass', () => {
  const channels = [
    'ab: { signal: a -> b }',
    'bc: { signal: b -> c }',
    'ad: { signal: a -> d }',
    'dc: { signal: d -> c }',
    'cb: { signal: c -> b }',
  ];
  const graph = new FlowGraph(describe(APPS, channels).description);
  const via = (path: readonly { via: string }[]): string => path.map((one) => one.via).join(' ');
  assert.equal(via(graph.path('a', 'c')), 'ab bc');
  assert.equal(via(graph.path('a', 'c', (node) => node !== 'b')), 'ad dc');
  assert.equal(via(graph.path('c', 'a')), '');
  assert.deepEqual([...graph.reachable('a')].toSorted(), ['b', 'c', 'd']);
});

test('windows: what a period gets at least, how long a message waits, how old a value grows', () => {
  const schedule =
    'schedules:\n  m: { frame: 20ms, cores: { 0: [{ a: 0-4ms }, { b: 4-6ms }, { a: 10-12ms }], 1: [{ c: 5-15ms }] } }';
  const { modes } = describe(APPS, ['x: { signal: a -> b }'], schedule).description;
  const [mode] = modes;
  assert.deepEqual(
    [leastSupply(mode, 'a', 20e3), leastSupply(mode, 'a', 10e3), leastSupply(mode, 'a', 5e3)],
    [6e3, 2e3, 0],
  );
  assert.equal(leastSupply(mode, 'a', 40e3), 12e3);
  // b has stopped at 6 ms, a sends from 10 ms on, and b runs again 4 ms into the next frame.
  assert.equal(longestWait(mode, 'a', 'b'), 14e3);
  // c runs on another core while b stops at 6 ms: the next time is 18 ms later.
  assert.equal(longestWait(mode, 'c', 'b'), 18e3);
  assert.equal(longestWait(mode, 'b', 'd'), undefined);
  assert.deepEqual([longestGap(mode, 'a'), longestGap(mode, 'b')], [10e3, 20e3]);
});

test('a switch of modes is worth at most log2(modes) bits a frame', () => {
  const modes = ['k', 'l', 'm', 'n'].map((name) => `  ${name}: { frame: 10ms, cores: { 0: [{ a: 0-1ms }] } }`);
  const { description, source } = describe(
    ['a: { app: x.ts, may: { switch: true } }', 'b: { app: x.ts }'],
    ['x: { signal: a -> b }'],
    `schedules:\n${modes.join('\n')}`,
  );
  const { undeclared, flows } = analyse(description, source);
  const [mode] = undeclared.filter(({ kind }) => kind === 'mode');
  assert.equal(mode.sentence, 'a may switch modes: it tells everybody at most 2 bits a frame of 10ms, 200 bit/s');
  assert.deepEqual(flows.bySchedule, { a: [], b: [] });
});

test('replicas are paired, and what one form joins is told once', () => {
  const { description, source } = describe(
    ['box: { app: x.ts, replicas: 3 }', 'disk: { app: x.ts, replicas: 3 }', 'log: { app: x.ts }'],
    ['root: { stream: box <-> disk }', 'out: { queuing: box -> log }'],
  );
  assert.deepEqual(
    description.channels.map(({ name, from, to }) => `${name}: ${from} ${to.join(' ')}`),
    [
      'root-1: box-1 disk-1',
      'root-2: box-2 disk-2',
      'root-3: box-3 disk-3',
      'out-1: box-1 log',
      'out-2: box-2 log',
      'out-3: box-3 log',
    ],
  );
  const { holds, flows } = analyse(description, source);
  assert.equal(holds, true);
  assert.deepEqual(flows.transitive['box-1'], ['disk-1', 'log']);
  assert.ok(flows.separate.some(([one, other]) => one === 'box-1' && other === 'box-2'));
});
