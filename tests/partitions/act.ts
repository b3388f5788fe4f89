// A partition that does what `config.does` says.
//   last-words: writes `config.bytes` bytes to its stream `line` and exits with status 3 at once
//   worker: the same, from a worker, byte by byte
//   shut-down, reset: makes that call; reset then exits with status 0
//   flood: notifies for `config.ms` and logs how often; crash: throws; early: ends before HELLO
//   empty-ring: wakes the kernel by its doorbell for `config.ms` without ever ringing it
//   lie: says in its HELLO why a layer is missing, in words that would act on a terminal
//   heir: starts a process before it seals itself, which keeps its log open, and exits with status 0
//   chatter: for `config.ms` writes to its standard error and makes RESET calls, as fast as it can
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { Calls } from '../../src/sdk/hosted/calls.ts';
import { callPageAt } from '../../src/sdk/hosted/memory.ts';
import { attachPartition, sealThread, startPartition } from '../../src/sdk/index.ts';
import type { PartitionThread, SharedPartition } from '../../src/sdk/index.ts';

const STATUS = 3;
const pattern = (i: number) => (i * 7 + (i >>> 8)) & 0xff;

function lastWords(thread: PartitionThread, bytes: number, byByte: boolean): void {
  const out = thread.producer('line');
  for (let sent = 0; sent < bytes;) {
    if (byByte) sent += out.writeByte(pattern(sent)) ? 1 : 0;
    else sent += out.write(Uint8Array.from({ length: Math.min(500, bytes - sent) }, (_, i) => pattern(sent + i)));
    if (sent < bytes && out.closed) return;
  }
}

if (isMainThread) {
  const partition = await startPartition();
  const { does, bytes = 0, ms = 0 } = partition.start.config as { does: string; bytes?: number; ms?: number };
  if (does === 'early') process.exit(5);
  if (does === 'heir') {
    const wait = ['-e', `setTimeout(() => {}, ${ms})`];
    spawn(process.execPath, wait, { stdio: 'inherit', env: {}, detached: true }).unref();
  }
  const go = new Int32Array(new SharedArrayBuffer(4));
  const workers =
    does === 'worker'
      ? [new Worker(new URL(import.meta.url), { workerData: { shared: partition.share(), bytes, go } })]
      : [];
  const shared = partition.share();
  const page = shared.transport === 'memory' ? callPageAt(shared.page) : undefined;
  if (does === 'lie') {
    const text = JSON.stringify({ layers: [], missing: [{ layer: 'seccomp', reason: '\x1b[2Jgone' }] });
    new Calls(page!).hello(text);
    partition.exit(0);
  }
  await partition.seal(workers);
  await partition.hello();
  Atomics.store(go, 0, 1);
  Atomics.notify(go, 0);
  if (does === 'last-words') {
    lastWords(partition, bytes, false);
    partition.exit(STATUS);
  } else if (does === 'heir') partition.exit(0);
  else if (does === 'shut-down') partition.shutDown();
  else if (does === 'crash') throw new Error('crashed on purpose');
  else if (does === 'reset') {
    partition.reset();
    partition.exit(0);
  } else if (does === 'flood') {
    const end = performance.now() + ms;
    let calls = 0;
    for (; performance.now() < end; calls++) partition.notify(0);
    partition.log(`${calls} calls`);
    partition.exit(0);
  } else if (does === 'empty-ring') {
    for (const end = performance.now() + ms; performance.now() < end;) page?.ring();
    partition.exit(0);
  } else if (does === 'chatter') {
    const text = Buffer.alloc(65536, '\n');
    for (const end = performance.now() + ms; performance.now() < end;) {
      try {
        writeSync(2, text);
      } catch {
        // EAGAIN: the pipe is full
      }
      partition.reset();
    }
    partition.exit(0);
  }
} else {
  const { shared, bytes, go } = workerData as { shared: SharedPartition; bytes: number; go: Int32Array };
  const thread = attachPartition(shared);
  sealThread(shared.start);
  Atomics.wait(go, 0, 0);
  lastWords(thread, bytes, true);
  parentPort?.unref();
  thread.exit(STATUS);
}
