// The partitions of the attacks on shared structures: two victims that call each other on (`a`, `b`), and attackers. Time is counted from
// the answer to HELLO, which all get at once: each attacker makes its attack in a slot of its own.
import { OK, OP_CALL, OP_FETCH, OP_RECEIVE, OP_REPLY } from '../../src/kernel/abi.ts';
import { callPageAt, ringAt } from '../../src/sdk/hosted/memory.ts';
import { startPartition } from '../../src/sdk/index.ts';
import type { RingMemory } from '../../src/sdk/stream.ts';
import { CHANNEL_ATTACKS } from './channel-attacks.ts';
import { Native } from './native.ts';
import { BUCKET_MS, END_MS, slotOf } from './slots.ts';

const partition = await startPartition();
const { start } = partition;
const { does, number = 0 } = start.config as { does: string; number?: number };
const shared = partition.share();
if (shared.transport !== 'memory') throw new Error('needs a call page');
const page = callPageAt(shared.page);
const native = new Native(start.parent, shared.page, 0);
const rings = shared.rings.map((ring, i) => ringAt(ring, start.streams[i].bytes));
const sleep = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(0, ms));
const nothing = (result: number): number => result;
const handle = (name: string): number => start.ports.find((port) => port.name === name)!.handle;

await partition.seal();
await partition.hello();
const begin = performance.now();
const now = (): number => performance.now() - begin;

/** Round trips in each bucket of time. */
function callOn(): void {
  const counts = Array.from({ length: Math.ceil(END_MS / BUCKET_MS) }, () => 0);
  const ask = handle('ask');
  const message = new Uint8Array(32);
  for (let i = 0; now() < END_MS; i++) {
    message.fill(i);
    const isRight = partition.operate(OP_CALL, ask, 32, 0, message, (result, out, got) => {
      return result === OK && out[0] === 32 && got.subarray(0, 32).every((byte) => byte === (i & 255));
    });
    if (!isRight) partition.log(`WRONG answer to call ${i}`);
    counts[Math.floor(now() / BUCKET_MS)] += 1;
  }
  // A line holds so many.
  for (let at = 0; at < counts.length; at += 100) partition.log(`counts ${counts.slice(at, at + 100).join(' ')}`);
  partition.log('done');
}

/** Answers, takes what attackers send, reads their streams and writes to them. */
function answer(): never {
  const ask = handle('ask');
  const queues = start.ports.filter(({ kind }) => kind === 'queuing').map((port) => port.handle);
  const lines = start.streams.filter(({ direction }) => direction === 'in').map(({ name }) => partition.consumer(name));
  const taps = start.streams.filter(({ direction }) => direction === 'out').map(({ name }) => partition.producer(name));
  const message = new Uint8Array(32);
  const buffer = new Uint8Array(64);
  const others = Math.max(1, lines.length);
  for (let i = 0; ; i++) {
    const result = partition.operate(OP_FETCH, ask, 1e6, 0, undefined, (fetched, _out, got) => {
      if (fetched === OK) message.set(got.subarray(0, 32));
      return fetched;
    });
    if (result === OK) partition.operate(OP_REPLY, ask, 32, 0, message, nothing);
    // One of the attackers' channels in each turn.
    lines[i % others]?.read(buffer);
    taps[i % others]?.write(buffer.subarray(0, 1));
    const queue = queues[i % queues.length];
    if (queue === undefined) continue;
    const bytes = partition.operate(OP_RECEIVE, queue, 0, 0, undefined, (got, out) => (got === OK ? out[0] : 64));
    if (bytes !== 64) partition.log(`WRONG length ${bytes}`);
  }
}

function attack(): void {
  const { act } = CHANNEL_ATTACKS[number];
  const [from, to] = slotOf(number);
  const end = (direction: 'in' | 'out'): RingMemory | undefined =>
    rings[start.streams.findIndex((s) => s.direction === direction)];
  const none = new Int32Array(8);
  sleep(from - now());
  let looks = 0;
  let isPast = false;
  const granted = act({
    partition,
    native,
    words: page.words,
    ring: page.ring,
    header: end('out')?.header ?? none,
    progress: end('in')?.progress ?? none,
    wakePipe: start.wakePipe!,
    isOver: () => {
      // The clock is dear beside some attacks.
      if ((looks++ & 15) === 0) isPast = now() > to;
      return isPast;
    },
  });
  // Its page may hold anything now: the answer that it waits for may never come.
  native.call(1, 2, native.text(`granted ${granted}\n`), `granted ${granted}\n`.length);
  for (;;) sleep(1e6);
}

if (does === 'call') callOn();
else if (does === 'answer') answer();
else attack();
