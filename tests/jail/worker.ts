// The hart-like worker of hostile.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { attachPartition, sealThread } from '../../src/sdk/index.ts';
import type { SharedPartition } from '../../src/sdk/index.ts';
import { attack } from './probes.ts';
import type { Probe, Target, Way } from './probes.ts';

const { partition, probes, target, go } = workerData as {
  partition: SharedPartition;
  probes: [Way, Probe][];
  target: Target;
  go: Int32Array;
};
const thread = attachPartition(partition);
const ways = attack(target, process.getBuiltinModule);
sealThread(thread.start);
Atomics.wait(go, 0, 0);
thread.log('worker runs');
for (const [way, probe] of probes) parentPort?.postMessage([way, probe, await ways[way](probe)]);
parentPort?.postMessage('done');
