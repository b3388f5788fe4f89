// The two partitions that `bench/ipc.ts` measures, under the whole jail. `client` times TIME calls and calls to `server`, then sends bytes
// over the stream; what it finds it logs as JSON. Who has no `role` does nothing.
import { OK, OP_CALL, OP_FETCH, OP_REPLY, OP_TIME } from '../../src/kernel/abi.ts';
import { startPartition } from '../../src/sdk/index.ts';
import { CHUNK_BYTES, MESSAGE_BYTES, STREAM_BYTES, WARM_UP, distribution } from './figures.ts';

const partition = await startPartition();
const { role, calls } = partition.start.config as { role?: string; calls: number };
const nothing = (result: number): number => result;
const message = new Uint8Array(MESSAGE_BYTES).fill(7);

function handle(): number {
  return partition.start.ports.find(({ name }) => name === 'ask')!.handle;
}

/** Microseconds of each of so many acts. */
function time(count: number, act: () => number): Float64Array {
  const times = new Float64Array(count);
  for (let i = -WARM_UP; i < count; i++) {
    const from = performance.now();
    if (act() !== OK) throw new Error('a call failed');
    if (i >= 0) times[i] = (performance.now() - from) * 1000;
  }
  return times;
}

/** Sleeps until the kernel wakes this partition, unless it has since `seen`. */
function send(): void {
  const out = partition.producer('line');
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let i = 0; i < chunk.length; i++) chunk[i] = i * 7;
  for (let sent = 0; sent < STREAM_BYTES;) {
    const seen = partition.wakes;
    const n = out.write(sent + chunk.length <= STREAM_BYTES ? chunk : chunk.subarray(0, STREAM_BYTES - sent));
    sent += n;
    if (n === 0 && out.waitForSpace()) partition.waitForWake(seen);
  }
}

/** Gigabytes a second, from the first byte to the last. */
function receive(): number {
  const input = partition.consumer('line');
  const chunk = new Uint8Array(CHUNK_BYTES);
  let from = 0;
  for (let received = 0; received < STREAM_BYTES;) {
    const seen = partition.wakes;
    const n = input.read(chunk);
    if (n > 0 && received === 0) from = performance.now();
    if (n > 0 && chunk[0] !== (((received % CHUNK_BYTES) * 7) & 0xff)) throw new Error('another byte than was sent');
    received += n;
    if (n === 0 && input.waitForData()) partition.waitForWake(seen);
  }
  return STREAM_BYTES / (performance.now() - from) / 1e6;
}

await partition.seal();
await partition.hello();
if (role === 'client') {
  const kernelCall = distribution(time(calls, () => partition.operate(OP_TIME, 0, 0, 0, undefined, nothing)));
  const ask = handle();
  const roundTrip = distribution(
    time(calls, () => partition.operate(OP_CALL, ask, message.length, 0, message, nothing)),
  );
  partition.log(JSON.stringify({ kernelCall, roundTrip }));
  send();
} else if (role === 'server') {
  const ask = handle();
  for (let left = calls + WARM_UP; left > 0;) {
    if (partition.operate(OP_FETCH, ask, 1e6, 0, undefined, nothing) !== OK) continue;
    partition.operate(OP_REPLY, ask, message.length, 0, message, nothing);
    left -= 1;
  }
  partition.log(JSON.stringify({ stream: receive() }));
}
