// The second half of the jail: what a partition adds around itself once all its threads run (the first half stands before
// its first instruction: src/kernel/hosted/spawner.ts).
import { writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import type { Worker } from 'node:worker_threads';
import { setUpLayers } from '../../kernel/abi.ts';
import type { HelloText, LayerStep, PartitionStart } from '../../kernel/abi.ts';
import { enterLandlockDomain } from '../../kernel/hosted/landlock.ts';
import { PR, addressOf, dropCapabilities, must, openThread, whyNoFfi } from '../../kernel/hosted/linux.ts';
import { partitionFilter } from '../../kernel/hosted/jail-lists.ts';
import { installFilter } from '../../kernel/hosted/seccomp.ts';
import type { CallPage } from './calls.ts';

/** A Landlock domain binds the thread that enters it, and the ffi right is a right of the thread: each does both itself. */
const ENTER_DOMAIN: readonly LayerStep[] = [
  [
    'no-new-privs',
    () => {
      must('prctl', PR.setNoNewPrivs, 1);
      dropCapabilities();
    },
  ],
  ['landlock', () => enterLandlockDomain([])],
];
const DROP_FFI: LayerStep = [
  'no-ffi',
  () => {
    const { permission } = process;
    if (permission === undefined) return 'needs the permission layer';
    permission.drop('ffi');
    return permission.has('ffi') ? 'the right cannot be dropped' : undefined;
  },
];

/** setrlimit(2): bytes of a file that a process may write. */
const RLIMIT_FSIZE = 1;

const SEALED = 'virtsec: thread sealed';

/** Last act of a worker before it does its work. Handles taken before (attachPartition) go on working. */
export function sealThread({ transport, without }: PartitionStart): void {
  if (transport === 'memory') {
    openThread();
    setUpLayers(without, [...ENTER_DOMAIN, DROP_FFI]);
  }
  parentPort?.postMessage(SEALED);
}

/** Resolves when the worker has called sealThread(). */
export function untilSealed(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('a worker ended before it was sealed')));
    worker.on('message', (message) => {
      if (message === SEALED) resolve();
    });
  });
}

/** Seals the main thread and, by the filter, all threads of the process. */
export async function sealProcess(start: PartitionStart, page: CallPage): Promise<HelloText> {
  await stat(import.meta.filename).catch(() => undefined); // starts libuv's pool thread: none can be started later
  // Opened when they are first used, with calls that the jail refuses.
  void process.stderr;
  void process.stdout;
  // Node's own way out asks for calls that the jail refuses, and asserts that they succeed.
  process.on('exit', (code) => page.leave(code));
  process.on('uncaughtExceptionMonitor', (error) => {
    writeSync(2, `${error.stack ?? error.message}\n`);
  });
  const noFfi = whyNoFfi();
  const steps: readonly LayerStep[] = [
    ...ENTER_DOMAIN,
    ['undumpable', () => void must('prctl', PR.setDumpable, 0)],
    ['seccomp', () => installFilter(partitionFilter(start.kind === 'guest' ? 'vmm' : start.kind), true)],
    DROP_FFI,
  ];
  if (start.transport === 'memory') {
    // A file that it may write grows no larger than its memory: the host's disk is not its own to fill. Its filter refuses another limit.
    const bytes = BigInt(start.memory);
    must('prlimit64', 0, RLIMIT_FSIZE, addressOf(BigUint64Array.of(bytes, bytes)), 0);
    return setUpLayers(start.without, steps);
  }
  return setUpLayers(
    start.without,
    steps.map(([layer]) => [layer, () => noFfi ?? 'the kernel process has no node:ffi']),
  );
}
