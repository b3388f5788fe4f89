// Every function of the WASI host with arguments that no compiler makes: each answers with an errno, and none fails itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bedWith } from '../tests/bed.ts';
import { FDFLAGS_NONBLOCK, WasiError } from './abi.ts';
import { errnoOf } from './descriptors.ts';
import { ProgramExit, WasiHost } from './host.ts';
import { Memory } from './webassembly.ts';

const CALLS = 10_000;
const PAGE = 65536;

/** Which parameters are 64 bits wide (WASI preview 1, witx). */
const LONG: Readonly<Record<string, readonly number[]>> = {
  clock_time_get: [1],
  fd_pread: [3],
  fd_pwrite: [3],
  fd_seek: [1],
  fd_readdir: [3],
  path_open: [5, 6],
};
const COUNTS: Readonly<Record<string, number>> = {
  path_open: 9,
  fd_readdir: 5,
  sock_recv: 6,
  fd_pread: 5,
  fd_pwrite: 5,
};

/** Numerical Recipes' generator: the same run each time. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test(`${CALLS} random calls`, async () => {
  const files = { app: { file: new Uint8Array(100) } };
  await using bed = await bedWith(
    {},
    {
      partitions: { app: { config: { args: ['a'], env: { B: 'c' } } }, peer: {} },
      channels: {
        q: { queuing: 'app -> peer', bytes: 8 },
        ask: { call: 'peer -> app', bytes: 8, within: '5ms' },
        temp: { sampling: 'peer -> app', bytes: 8, refresh: '5ms' },
        pipe: { stream: 'app <-> peer', bytes: '4K' },
      },
    },
    { files },
  );
  const memory = new Memory({ initial: 1 });
  const names = ['q', 'ask', 'temp', 'pipe'];
  /** A host whose channels are open without waiting, at 5 and up, and the file at 9. */
  const open = (): [string, (...given: unknown[]) => unknown][] => {
    const host = new WasiHost(bed.partition('app'));
    host.memory = memory;
    const functions = host.functions() as Record<string, (...given: unknown[]) => unknown>;
    for (const name of [...names, 'file']) {
      const bytes = new TextEncoder().encode(name);
      new Uint8Array(memory.buffer).set(bytes, 64);
      functions['path_open'](name === 'file' ? 4 : 3, 0, 64, bytes.length, 0, 0n, 0n, FDFLAGS_NONBLOCK, 128);
    }
    // A random megabyte of log would take its time.
    for (const fd of [1, 2]) void functions['fd_close'](fd);
    return Object.entries(functions);
  };
  const below = random(653);
  const EDGES = [0, 1, 2, 3, 4, 5, 8, 16, 64, 1024, 65528, 65532, 65535, 65536, 0x7fffffff, -1, -4, -8, -65536];
  const number = (): number => [below(PAGE), below(10), EDGES[below(EDGES.length)]][below(3)];
  let functions = open();
  const seen = new Map<number, number>();
  let waiting = 0;
  for (let i = 0; i < CALLS; i++) {
    if (i % 50 === 0) functions = open();
    const [name, work] = functions[below(functions.length)];
    const given = Array.from({ length: COUNTS[name] ?? 4 }, (_, j) =>
      (LONG[name] ?? []).includes(j) ? BigInt.asIntN(64, BigInt(number()) << BigInt(below(40))) : number(),
    );
    if (below(20) === 0) new Uint8Array(memory.buffer).fill(below(256), below(PAGE));
    let errno: unknown;
    try {
      const result = work(...given);
      // What waits for a channel waits on; the others do not have to wait for it.
      errno =
        result instanceof Promise ? await Promise.race([result, bed.advance(1).then(() => 'waits')]) : (result ?? 0);
    } catch (error) {
      errno = error instanceof ProgramExit ? 0 : errnoOf(error);
    }
    if (errno === 'waits') waiting++;
    else seen.set(errno as number, (seen.get(errno as number) ?? 0) + 1);
  }
  for (const errno of seen.keys()) assert.ok(Number.isInteger(errno) && errno >= 0 && errno <= 76, String(errno));
  assert.ok(seen.size > 10 && (seen.get(0) ?? 0) > CALLS / 10, JSON.stringify([...seen]));
  assert.ok(waiting < CALLS / 10, String(waiting));
});

test('control: what is no mistake of the program is not told to it as one', () => {
  assert.equal(errnoOf(new WasiError(8)), 8);
  assert.throws(() => errnoOf(new TypeError('a fault of the host')), /a fault of the host/);
});
