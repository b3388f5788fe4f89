// The thread that starts partitions. It jails ITSELF first (no_new_privs, no io_uring, Landlock), so that every thread of
// every partition is confined from birth: Landlock and a filter bind a thread and what it starts later, never a process that
// runs already. The kernel's other threads stay free. Partitions die with this thread (PDEATHSIG), so with the kernel.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { setUpLayers } from '../call-page.ts';
import type { HelloText, Layer } from '../call-page.ts';
import { enterLandlockDomain } from './landlock.ts';
import { PR, dropCapabilities, must, systemCall } from './linux.ts';
import { NODE_READS, WORKING_DIRECTORY } from './programs.ts';
import { installFilter, noIoUring } from './seccomp.ts';

export interface SpawnerData {
  /** Trees that partitions may read: Node, and their programs. */
  readonly readable: readonly string[];
  readonly without: readonly Layer[];
  /** Partitions get user ids of their own, which takes a right of this thread's and leaves them none. */
  readonly changesUids: boolean;
}

export interface SpawnRequest {
  /** Comes back with each event of the process. */
  readonly id: number;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Descriptors of this process that become 2, 3, 4, ... of the new one; 0 and 1 are /dev/null. */
  readonly descriptors: readonly number[];
  readonly uid: number | undefined;
}

export type SpawnEvent =
  | { readonly event: 'ready'; readonly layers: HelloText }
  | { readonly event: 'started'; readonly id: number; readonly pid: number; readonly pidfd: number }
  | { readonly event: 'failed'; readonly id: number; readonly reason: string }
  | {
      readonly event: 'ended';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
    };

function run(port: NonNullable<typeof parentPort>, data: SpawnerData): void {
  // Opened while this thread may still open anything.
  const nothing = openSync('/dev/null', 'r+');
  const layers = setUpLayers(data.without, [
    [
      'no-new-privs',
      () => {
        must('prctl', PR.setNoNewPrivs, 1);
        // With no_new_privs a program that root starts gains nothing either (capabilities(7)).
        if (!data.changesUids) dropCapabilities();
      },
    ],
    ['no-io-uring', () => installFilter(noIoUring(), false)],
    ['landlock', () => enterLandlockDomain([...NODE_READS, ...data.readable])],
  ]);

  const tell = (event: SpawnEvent) => port.postMessage(event);
  const start = ({ id, argv, environment, descriptors, uid }: SpawnRequest) => {
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, argv, {
        cwd: WORKING_DIRECTORY,
        env: environment,
        stdio: [nothing, nothing, ...descriptors],
        ...(uid === undefined ? {} : { uid, gid: uid }),
      });
    } catch (error) {
      tell({ event: 'failed', id, reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    child.on('error', (error) => tell({ event: 'failed', id, reason: error.message }));
    child.on('exit', (code, signal) => tell({ event: 'ended', id, code, signal }));
    // Before this turn of the loop ends the child cannot be reaped, so the number is certainly its own.
    if (child.pid === undefined) return; // and `error` says why
    const pidfd = systemCall('pidfd_open', child.pid, 0);
    if (pidfd >= 0) tell({ event: 'started', id, pid: child.pid, pidfd });
    else tell({ event: 'failed', id, reason: `pidfd_open: errno ${-pidfd}` }); // it could never be killed
  };
  port.on('message', start);
  tell({ event: 'ready', layers });
}

if (parentPort !== null) run(parentPort, workerData as SpawnerData);
