import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { lock, unlock } from './lock.ts';

test('threads that add under the lock lose no addition', async () => {
  const ROUNDS = 20_000;
  const THREADS = 3;
  const words = new Int32Array(new SharedArrayBuffer(8));
  const url = new URL('lock.ts', import.meta.url).href;
  const program = `
    import { workerData as words } from 'node:worker_threads';
    import { lock, unlock } from ${JSON.stringify(url)};
    for (let i = 0; i < ${ROUNDS}; i++) { lock(words, 0); words[1] = words[1] + 1; unlock(words, 0); }`;
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), { workerData: words }),
  );
  for (let i = 0; i < ROUNDS; i++) {
    lock(words, 0);
    words[1] = words[1] + 1;
    unlock(words, 0);
  }
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  assert.equal(words[1], ROUNDS * (THREADS + 1));
  assert.equal(words[0], 0);
});
