// A partition that makes the native attacks of `config.attacks` (numbers in NATIVE_ATTACKS) from its main thread or, with
// `config.where` worker, from a thread that was there when the jail was closed. It logs `NUMBER RESULT` for each.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { attachPartition, sealThread, startPartition } from '../../src/sdk/index.ts';
import type { PartitionThread, SharedPartition } from '../../src/sdk/index.ts';
import { NATIVE_ATTACKS } from './native-attacks.ts';
import { Native } from './native.ts';

interface Config {
  readonly where: 'main' | 'worker';
  readonly attacks: readonly number[];
  readonly port: number;
}

const pageOf = (shared: SharedPartition): bigint => (shared.transport === 'memory' ? shared.page : 0n);

function attack(thread: PartitionThread, native: Native, attacks: readonly number[]): never {
  for (const number of attacks) thread.log(`${number} ${NATIVE_ATTACKS[number].act(native)}`);
  thread.exit(0);
}

if (isMainThread) {
  const partition = await startPartition();
  const { where, attacks, port } = partition.start.config as unknown as Config;
  const shared = partition.share();
  const native = new Native(partition.start.parent, pageOf(shared), port);
  const go = new Int32Array(new SharedArrayBuffer(4));
  const workers = where === 'worker' ? [new Worker(new URL(import.meta.url), { workerData: { shared, go } })] : [];
  await partition.seal(workers);
  await partition.hello();
  if (where === 'main') attack(partition, native, attacks);
  Atomics.store(go, 0, 1);
  Atomics.notify(go, 0);
} else {
  const { shared, go } = workerData as { shared: SharedPartition; go: Int32Array };
  const thread = attachPartition(shared);
  const { attacks, port } = shared.start.config as unknown as Config;
  const native = new Native(shared.start.parent, pageOf(shared), port);
  sealThread(shared.start);
  Atomics.wait(go, 0, 0);
  parentPort?.unref();
  attack(thread, native, attacks);
}
