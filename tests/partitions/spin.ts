// A partition that spins without end in several threads, and measures: after `config.ms` it logs the share of time in which it ran, in
// percent, and how many stretches of running there were. A pause of more than 1 ms ends a stretch.
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { attachPartition, sealThread, startPartition } from '../../src/sdk/index.ts';
import type { SharedPartition } from '../../src/sdk/index.ts';

if (!isMainThread) {
  const thread = attachPartition(workerData as SharedPartition);
  sealThread(thread.start);
  for (;;) performance.now();
}
const partition = await startPartition();
const config = partition.start.config as { ms: number; threads?: number; idle?: boolean };
const workers = Array.from(
  { length: config.threads ?? 0 },
  () => new Worker(new URL(import.meta.url), { workerData: partition.share() }),
);
await partition.seal(workers);
await partition.hello();
const PAUSE_MS = 1;
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
partition.exit(0);
