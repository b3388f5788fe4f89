// A partition that spins without end in several threads, and measures: after `config.ms` it logs the share of time in which it ran, in
// percent, and how many stretches of running there were. A pause of more than 1 ms ends a stretch. With `config.mode` it then
// switches to that mode of the schedule and does the same again.
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { OP_SET_MODE } from '../../src/kernel/abi.ts';
import { attachPartition, sealThread, startPartition } from '../../src/sdk/index.ts';
import type { SharedPartition } from '../../src/sdk/index.ts';

if (!isMainThread) {
  const thread = attachPartition(workerData as SharedPartition);
  sealThread(thread.start);
  for (;;) performance.now();
}
const partition = await startPartition();
const config = partition.start.config as { ms: number; threads?: number; mode?: number };
const workers = Array.from(
  { length: config.threads ?? 0 },
  () => new Worker(new URL(import.meta.url), { workerData: partition.share() }),
);
await partition.seal(workers);
await partition.hello();
const PAUSE_MS = 1;
function measure(): void {
  const begin = performance.now();
  let paused = 0;
  let stretches = 1;
  for (let last = begin; last < begin + config.ms;) {
    const time = performance.now();
    if (time - last > PAUSE_MS) {
      paused += time - last;
      stretches += 1;
    }
    last = time;
  }
  const all = performance.now() - begin;
  partition.log(`share ${((100 * (all - paused)) / all).toFixed(2)} in ${stretches}`);
}
measure();
if (config.mode !== undefined) {
  partition.log(`switch ${partition.operate(OP_SET_MODE, config.mode, 0, 0, undefined, (result) => result)}`);
  measure();
}
partition.exit(0);
