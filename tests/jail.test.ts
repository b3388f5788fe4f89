// The jail around partitions, tried from inside (tests/jail/): with all layers nothing gets out; each layer, alone, stops
// what it is there to stop; and with none everything gets out, so that these tests can fail.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LAYERS } from '../src/kernel/abi.ts';
import type { KernelEvent } from '../src/kernel/plan.ts';
import { Cgroups } from '../src/kernel/hosted/cgroup.ts';
import { landlockAbi } from '../src/kernel/hosted/landlock.ts';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { whyNoOwnUid } from '../src/kernel/hosted/own-uid.ts';
import { ROOT, TestSystem, partition } from './partitions/system.ts';

const HOSTILE = path.join(ROOT, 'tests/jail/hostile.ts');
const IDLE = path.join(ROOT, 'tests/partitions/idle.ts');
const server = createServer((socket) => socket.destroy());
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());

const skip =
  whyNoFfi() ?? (landlockAbi() < 6 ? `Landlock ABI ${landlockAbi()} of this host cannot scope signals` : false);

const noUid = whyNoOwnUid([process.execPath, path.join(ROOT, 'src'), path.join(ROOT, 'package.json'), HOSTILE]);

const cgroups = Cgroups.open();
const hasCgroups = typeof cgroups !== 'string';
if (hasCgroups) cgroups.close();

/** The threads of each kind of partition. */
const PLACES = [
  { place: 'guest, main thread', kind: 'guest', where: 'main' },
  { place: 'guest, vCPU thread', kind: 'guest', where: 'worker' },
  { place: 'guest, worker started later', kind: 'guest', where: 'later' },
  { place: 'driver', kind: 'driver', where: 'main' },
  { place: 'app', kind: 'app', where: 'main' },
] as const;
type Place = (typeof PLACES)[number];
/** For single layers: an app differs from a driver in nothing but its filter's list (seccomp.test.ts). */
const FEWER = PLACES.filter(({ kind }) => kind !== 'app');

/** Outcome of each probe, by place: the text, or the signal that ended the partition instead. */
type Outcomes = Map<string, Map<string, string>>;

/** Runs `groups` of probes, each group in a partition of its own, at each place. */
async function run(
  stand: readonly string[],
  places: readonly Place[],
  groups: readonly (readonly string[])[],
): Promise<Outcomes> {
  const { port } = server.address() as AddressInfo;
  const tasks = places.flatMap((place) => groups.map((probes) => ({ place, probes })));
  const partitions = tasks.map(({ place, probes }, i) =>
    partition(`p${i}`, place.kind, HOSTILE, { config: { where: place.where, probes, port } }),
  );
  // The idle guest keeps the system up until everyone has been seen to end.
  const system = new TestSystem([...partitions, partition('idle', 'guest', IDLE)], [], {
    without: LAYERS.filter((l) => !stand.includes(l)),
  });
  const exits = partitions.map(({ name }) => system.waitFor('exit', (e) => e.partition === name));
  const started = await system.waitFor('started');
  // What this host lacks.
  const lacks = [...(noUid === undefined ? [] : ['uid']), ...(hasCgroups ? [] : ['cgroup'])];
  for (const p of started.partitions) {
    assert.deepEqual(
      p.layers.filter((l) => !lacks.includes(l)),
      LAYERS.filter((l) => stand.includes(l) && !lacks.includes(l)),
      JSON.stringify(p.missing),
    );
  }
  const outcomes: Outcomes = new Map(places.map(({ place }) => [place, new Map<string, string>()]));
  for (const [i, { place, probes }] of tasks.entries()) {
    const exit: Extract<KernelEvent, { event: 'exit' }> = await exits[i];
    const lines = system.log(`p${i}`);
    for (const probe of probes) {
      const line = lines.find((l) => l.startsWith(`${probe} `));
      const noWorker = lines.find((l) => l.startsWith('no worker'));
      outcomes
        .get(place.place)!
        .set(probe, line?.slice(probe.length + 1) ?? noWorker ?? exit.signal ?? `status ${exit.status}`);
    }
  }
  system.kill('SIGTERM');
  await system.exited;
  return outcomes;
}

const NATIVE = ['native open', 'native connect', 'native fork', 'native signal', 'native exec'];
const JS = ['js open', 'js connect', 'js signal', 'js exec'];
/** Probes that end the partition, each in one of its own, and the others together in one. */
const allBut = (deadly: readonly string[]) => [
  [...NATIVE, ...JS].filter((p) => !deadly.includes(p)),
  ...deadly.map((p) => [p]),
];
/** execve in place: a success ends the partition, so it is alone. */
const TOGETHER = [[...NATIVE.slice(0, -1), ...JS], ['native exec']];
const EXEC_SUCCEEDED = 'status 0';

function expectEverywhere(outcomes: Outcomes, expected: Readonly<Record<string, string>>): void {
  for (const [place, actual] of outcomes) assert.deepEqual(Object.fromEntries(actual), expected, place);
}

test('with all layers nothing gets out, natively or by JavaScript, from any thread', { skip }, async () => {
  const later = (p: Place) => p.where === 'later';
  const deadly = ['native connect', 'native signal', 'native exec', 'js signal'];
  expectEverywhere(
    await run(
      LAYERS,
      PLACES.filter((p) => !later(p)),
      allBut(deadly),
    ),
    {
      'native open': 'errno 1',
      'native connect': 'SIGSYS',
      'native fork': 'errno 1',
      'native signal': 'SIGSYS',
      'native exec': 'SIGSYS',
      'js open': 'ERR_ACCESS_DENIED',
      'js connect': 'ERR_ACCESS_DENIED',
      'js signal': 'SIGSYS',
      'js exec': 'ERR_ACCESS_DENIED',
    },
  );
  // No thread starts once the jail is closed.
  expectEverywhere(await run(LAYERS, PLACES.filter(later), [['native open', 'js open']]), {
    'native open': 'no worker: ERR_WORKER_INIT_FAILED',
    'js open': 'no worker: ERR_WORKER_INIT_FAILED',
  });
});

test('with no layer everything gets out', { skip }, async () => {
  expectEverywhere(await run([], PLACES, TOGETHER), {
    ...Object.fromEntries([...NATIVE, ...JS].map((p) => [p, 'OPEN'])),
    'native exec': EXEC_SUCCEEDED,
  });
});

test('Landlock alone stops all but an empty fork, also in a worker started later', { skip }, async () => {
  expectEverywhere(await run(['no-new-privs', 'landlock'], FEWER, TOGETHER), {
    'native open': 'errno 13',
    'native connect': 'errno 13',
    'native fork': 'OPEN',
    'native signal': 'errno 1',
    'native exec': 'errno 13',
    'js open': 'EACCES',
    'js connect': 'EACCES',
    'js signal': 'EPERM',
    'js exec': 'EACCES',
  });
});

test('seccomp alone stops all of it', { skip }, async () => {
  const places = FEWER.filter(({ where }) => where !== 'later');
  const deadly = ['native connect', 'native signal', 'native exec', 'js connect', 'js signal'];
  expectEverywhere(await run(['no-new-privs', 'no-io-uring', 'seccomp'], places, allBut(deadly)), {
    'native open': 'errno 1',
    'native connect': 'SIGSYS',
    'native fork': 'errno 1',
    'native signal': 'SIGSYS',
    'native exec': 'SIGSYS',
    'js open': 'EPERM',
    'js connect': 'SIGSYS',
    'js signal': 'SIGSYS',
    'js exec': 'EPERM',
  });
});

test('the permission model alone stops what Node offers, but no signal', { skip }, async () => {
  expectEverywhere(await run(['permission', 'no-ffi'], FEWER, [JS]), {
    'js open': 'ERR_ACCESS_DENIED',
    'js connect': 'ERR_ACCESS_DENIED',
    'js signal': 'OPEN',
    'js exec': 'ERR_ACCESS_DENIED',
  });
});

const skipUid = skip !== false ? skip : (noUid ?? false);
test('an own uid alone stops signals', { skip: skipUid }, async () => {
  expectEverywhere(await run(['uid'], FEWER, [['native signal', 'js signal']]), {
    'native signal': 'errno 1',
    'js signal': 'EPERM',
  });
});

test('a partition holds what the plan gives it and nothing else; streams go one way', { skip }, async () => {
  const INVENTORY = path.join(ROOT, 'tests/jail/inventory.ts');
  const own = readFileSync(import.meta.filename);
  const leak = openSync(path.join(ROOT, 'package.json'), 'r');
  const system = new TestSystem(
    [
      partition('a', 'guest', INVENTORY, { files: [{ name: 'kernel', path: import.meta.filename }] }),
      partition('b', 'guest', INVENTORY),
    ],
    [{ name: 'line', from: 0, to: 1, bytes: 4096 }],
    { inherited: [leak], environment: { LEAK: '1' } },
  );
  assert.equal(await system.exited, 0, system.kernelLog);
  closeSync(leak);
  const EACCES = -13;
  const environment = 'environment MALLOC_ARENA_MAX UV_THREADPOOL_SIZE';
  const files = system.log('a').filter((text) => text.startsWith('file'));
  assert.equal(files.length, 1);
  assert.match(files[0], new RegExp(`of ${own.length} bytes$`));
  assert.deepEqual(
    system.log('a').filter((text) => !files.includes(text)),
    [environment, 'line out data: 0', `line out progress: ${EACCES}`],
  );
  assert.deepEqual(system.log('b'), [environment, `line in data: ${EACCES}`, 'line in progress: 0']);
});
