// A partition of jail.ts: memory, collection, compilation, WebAssembly and its traps, timers, waits between threads, random bytes, errors.
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { randomBytes } from 'node:crypto';
import { attachPartition, sealThread, startPartition } from '../../src/sdk/index.ts';
import type { SharedPartition } from '../../src/sdk/index.ts';

const MS = 700;
/** (func (export "f") (param i32) (result i32) local.get 0 i32.load): traps beyond its one page. */
const WASM = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 40, 2, 0, 11,
]);

function load(): void {
  const kept: unknown[] = [];
  for (let i = 0; i < 50; i++) {
    kept.push(
      new Uint8Array(200_000).fill(i),
      Array.from({ length: 2000 }, (_, n) => ({ n, text: `${n}` })),
    );
  }
  // Code that V8 compiles anew each time.
  const { runInThisContext } = process.getBuiltinModule('node:vm');
  for (let i = 0; i < 20; i++)
    kept.push(runInThisContext(`(() => { let s = ${i}; for (let i = 0; i < 1e5; i++) s += i ^ ${i}; return s; })()`));
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(WASM), {}).exports as { f: (at: number) => number };
  for (const at of [0, 65532, 65533, -1]) {
    try {
      f(at);
    } catch (error) {
      kept.push((error as Error).stack);
    }
  }
  kept.push(randomBytes(1000), new Date().toLocaleString(), JSON.stringify(kept.slice(0, 3)).length);
  kept.push(new ArrayBuffer(1 << 20, { maxByteLength: 32 << 20 }).resize(16 << 20));
}

if (!isMainThread) {
  const { shared, go } = workerData as { shared: SharedPartition; go: Int32Array };
  attachPartition(shared);
  sealThread(shared.start);
  Atomics.wait(go, 0, 0);
  for (;;) {
    load();
    Atomics.wait(go, 0, 1, 5);
  }
}
const partition = await startPartition();
const go = new Int32Array(new SharedArrayBuffer(4));
const isGuest = partition.start.kind === 'guest';
const workers = isGuest
  ? [new Worker(new URL(import.meta.url), { workerData: { shared: partition.share(), go } })]
  : [];
await partition.seal(workers);
await partition.hello();
Atomics.store(go, 0, 1);
Atomics.notify(go, 0);
if (partition.start.config['lasts'] !== true) {
  for (const end = performance.now() + MS; performance.now() < end;) {
    load();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  partition.exit(0);
}
