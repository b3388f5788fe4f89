// A partition that tries to get out, from a thread that its `config.where` names:
//   main: the event loop's thread; worker: a thread that was there when the jail was closed (a vCPU's place); later: a worker
//   that is started afterwards. It logs `WAY PROBE OUTCOME` for each of `config.probes` ("native open", "js signal", ...).
import { Worker } from 'node:worker_threads';
import { startPartition } from '../../src/sdk/index.ts';
import { attack, targetFor } from './probes.ts';
import type { Probe, Way } from './probes.ts';

const partition = await startPartition();
const { config, parent } = partition.start;
const where = config['where'] as 'main' | 'worker' | 'later';
const probes = (config['probes'] as string[]).map((p) => p.split(' ') as [Way, Probe]);
const target = targetFor(parent, config['port'] as number);

const go = new Int32Array(new SharedArrayBuffer(4));
const workers =
  where === 'worker'
    ? [
        new Worker(new URL('worker.ts', import.meta.url), {
          workerData: { partition: partition.share(), probes, target, go },
        }),
      ]
    : [];
const ways = attack(target, process.getBuiltinModule);

await partition.seal(workers);
await partition.hello();

const report = (way: Way, probe: Probe, outcome: string) => partition.log(`${way} ${probe} ${outcome}`);

if (where === 'main') {
  for (const [way, probe] of probes) report(way, probe, await ways[way](probe));
  partition.exit(0);
}
const finish = (worker: Worker) => {
  worker.on('message', (m: unknown) => {
    if (m === 'done') partition.exit(0);
    if (Array.isArray(m)) report(...(m as [Way, Probe, string]));
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    partition.log(`no worker: ${error.code ?? error.message}`);
    partition.exit(0);
  });
};
if (where === 'worker') {
  finish(workers[0]);
  Atomics.store(go, 0, 1);
  Atomics.notify(go, 0);
} else {
  const program = `
    const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
    const ways = (${attack.toString()})(workerData.target, process.getBuiltinModule);
    (async () => {
      for (const [way, probe] of workerData.probes) parentPort.postMessage([way, probe, await ways[way](probe)]);
      parentPort.postMessage('done');
    })();`;
  try {
    finish(new Worker(program, { eval: true, workerData: { probes, target } }));
  } catch (error) {
    partition.log(`no worker: ${(error as NodeJS.ErrnoException).code}`);
    partition.exit(0);
  }
}
