// Time windows, enforced from outside (docs/design/kernel.md, "Time"). Each thread of a partition is pinned to the processor cores
// of its windows and stopped by a pidfd of its own: a SIGSTOP to a process is taken by one of its threads, and the others run on
// (100 ms were measured). Where real-time rights are had, they run as SCHED_RR under a core thread of SCHED_FIFO that wakes early and
// spins to the edge; without them the host's other work takes time from windows, and that is reported.
import { readFileSync, readdirSync } from 'node:fs';
import * as core from '../core/core.ts';
import type { CoreEvent } from './supervisor.ts';
import { EINVAL, PR, SIGCHLD, addressOf, must, systemCall } from './linux.ts';

const SCHED_FIFO = 1;
const SCHED_RR = 2;
const PARTITION_PRIORITY = 1;
const KERNEL_PRIORITY = 50;
/** How long before an edge the core thread wakes to spin. */
export const EARLY_MS = 0.15;
/** pidfd_open(2): the descriptor is of that thread, and signals by it go to that thread. Linux 6.9. */
const PIDFD_THREAD = 0o200;

/** Processor cores of the plan in whose windows a partition runs, in any mode. */
function coresOf(k: core.Kernel, p: number): number[] {
  const cores = new Set<number>();
  for (let w = 0; w < k.nwindows; w++) if (k.winPart[w] === p) cores.add(k.winSchedule[w] & (core.MAX_CORES - 1));
  return [...cores];
}

/** Processors that this process may use (proc_pid_status(5), Cpus_allowed_list). */
function allowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const setScheduler = (thread: number, policy: number, priority: number): number =>
  systemCall('sched_setscheduler', thread, policy, addressOf(Int32Array.of(priority)));

/** The calling thread, which enforces windows, runs before everything else. undefined: so it is; a text: why not. */
export function runFirst(): string | undefined {
  systemCall('prctl', PR.setTimerSlack, 1); // nanoseconds; 50,000 otherwise
  const result = setScheduler(0, SCHED_FIFO, KERNEL_PRIORITY);
  return result < 0 ? `no right to real-time scheduling (errno ${-result})` : undefined;
}

export interface WindowThreads {
  /** A pidfd for each thread; of the process alone where the host has none of threads. */
  readonly threads: readonly number[];
  /** Why the windows of this partition are best effort; undefined: they are not. */
  readonly weakness: string | undefined;
}

/** Pins the threads of a partition that has started all that it ever will, and takes hold of each. */
export function holdThreads(k: core.Kernel, p: number, pid: number): WindowThreads {
  const processors = allowedProcessors();
  const mask = new BigUint64Array(16);
  for (const c of coresOf(k, p)) {
    const processor = processors[c % processors.length];
    mask[processor >> 6] |= 1n << BigInt(processor & 63);
  }
  let weakness: string | undefined;
  const threads: number[] = [];
  for (const thread of readdirSync(`/proc/${pid}/task`).map(Number)) {
    const pinned = systemCall('sched_setaffinity', thread, mask.byteLength, addressOf(mask));
    if (pinned < 0) weakness ??= `its threads cannot be pinned (errno ${-pinned})`;
    const ranked = setScheduler(thread, SCHED_RR, PARTITION_PRIORITY);
    if (ranked < 0) weakness ??= `no right to real-time scheduling (errno ${-ranked})`;
    const pidfd = systemCall('pidfd_open', thread, PIDFD_THREAD);
    if (pidfd >= 0) threads.push(pidfd);
    else if (pidfd === -EINVAL) weakness ??= 'this host kernel stops no single threads (Linux 6.9)';
  }
  if (threads.length === 0) threads.push(must('pidfd_open', pid, 0));
  return { threads, weakness };
}

/** No SIGCHLD for a child that is only stopped or continued: Node would look at all children for each. */
export function ignoreStops(): void {
  const SA_NOCLDSTOP = 1;
  const FLAGS = 1;
  const action = new BigUint64Array(4); // struct sigaction of the kernel: handler, flags, restorer, mask
  must('rt_sigaction', SIGCHLD, 0, addressOf(action), 8);
  action[FLAGS] |= BigInt(SA_NOCLDSTOP);
  must('rt_sigaction', SIGCHLD, addressOf(action), 0, 8);
}

type WindowsReport = Extract<CoreEvent, { readonly event: 'windows' }>;

/** How late windows began: counts by powers of two of microseconds, the last one of all that were later. */
export class Lateness {
  static readonly BUCKETS = 20;
  readonly #counts = new Int32Array(Lateness.BUCKETS);
  windows = 0;
  /** Those that had passed before they could begin. */
  missed = 0;
  #max = 0;

  /** In milliseconds. */
  add(late: number): void {
    const micros = late * 1000;
    let bucket = 0;
    while (bucket < Lateness.BUCKETS - 1 && micros >= 1 << bucket) bucket++;
    this.#counts[bucket] += 1;
    this.windows += 1;
    if (micros > this.#max) this.#max = micros;
  }

  /** `late[i]`: windows that began less than 2^i microseconds late, and not less than half of that. */
  report(): Omit<WindowsReport, 'event' | 'mode'> {
    const { windows, missed } = this;
    return { windows, missed, late: [...this.#counts], maxMicros: Math.round(this.#max) };
  }
}
