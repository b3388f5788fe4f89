// What the events of a kernel process say about its system: the state of each partition, its newest log lines, all that `ps`,
// `inspect`, `logs`, `top` and `events` show.
import { readFileSync, readdirSync } from 'node:fs';
import type { Kernel } from '../kernel/core/core.ts';
import type { KernelEvent, PartitionKind, Plan } from '../kernel/plan.ts';

const KEPT_LINES = 1000;

/** One line of JSON of `ps --json` and `inspect --json`. */
export interface PartitionView {
  readonly name: string;
  readonly kind: PartitionKind;
  /** `waiting`: has not run yet; `restarting`: its process has ended, another one follows. */
  readonly state: 'waiting' | 'running' | 'restarting' | 'ended';
  readonly pid?: number;
  /** Processes so far. */
  readonly starts: number;
  readonly faults: number;
  readonly denied: number;
  readonly resets: number;
  /** How its last process ended. */
  readonly ended?: string;
  readonly layers: readonly string[];
  readonly missing: readonly { readonly layer: string; readonly reason: string }[];
  /** Percent of one processor core that the schedule's mode gives it; absent: it has no window. */
  readonly plannedPercent?: number;
  /** Processor time of its process, and memory of it that is in RAM (proc_pid_stat(5), proc_pid_statm(5)). */
  readonly cpuMs?: number;
  readonly memoryBytes?: number;
}

/** How windows are kept (KernelEvent `windows`). */
export interface WindowsView {
  /** Why they are best effort on this host; absent: they are not. */
  readonly bestEffort?: string;
  readonly mode: number;
  readonly windows: number;
  readonly missed: number;
  readonly late: readonly number[];
  readonly maxMicros: number;
}

/** Percent of one processor core that the schedule gives each partition, by its number, in each mode. */
export type PlannedShares = readonly (readonly number[])[];

/** Of a plan's tables; undefined: they have no windows. */
export function plannedShares(k: Kernel): PlannedShares | undefined {
  if (!k.winPart.subarray(0, k.nwindows).some((p) => p >= 0)) return undefined;
  return Array.from({ length: k.nmodes }, (_, mode) => {
    const shares = Array.from({ length: k.np }, () => 0);
    for (let w = 0; w < k.nwindows; w++) {
      if (k.winSchedule[w] >> 3 !== mode || k.winPart[w] < 0) continue;
      shares[k.winPart[w]] += (100 * (k.winEnd[w] - k.winStart[w])) / k.frameLength[mode];
    }
    return shares;
  });
}

export interface SystemSummary {
  readonly system: string;
  /** Process id of the command that runs it, and of its kernel process. */
  readonly pid: number;
  readonly kernel: number;
  /** Seconds since it was started, to the millisecond. */
  readonly seconds: number;
  readonly partitions: readonly PartitionView[];
  /** Of a system with a schedule. */
  readonly windows?: WindowsView;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class SystemView {
  readonly #plan: Plan;
  readonly #began = performance.now();
  readonly #partitions: ReadonlyMap<string, Mutable<PartitionView>>;
  readonly #logs: ReadonlyMap<string, string[]>;
  readonly #shares: PlannedShares | undefined;
  #windows: WindowsView | undefined;
  /** Set once the kernel process runs. */
  kernel = 0;

  constructor(plan: Plan, shares: PlannedShares | undefined) {
    this.#plan = plan;
    this.#shares = shares;
    this.#partitions = new Map(
      plan.partitions.map(({ name, kind }) => [
        name,
        { name, kind, state: 'waiting', starts: 0, faults: 0, denied: 0, resets: 0, layers: [], missing: [] },
      ]),
    );
    this.#logs = new Map(plan.partitions.map(({ name }) => [name, []]));
  }

  take(event: KernelEvent): void {
    switch (event.event) {
      case 'started':
        for (const partition of event.partitions) this.#runs(partition);
        break;
      case 'restarted':
        this.#runs(event);
        break;
      case 'exit': {
        const one = this.#partitions.get(event.partition)!;
        one.state = event.restarts === true ? 'restarting' : 'ended';
        one.ended = `${event.by}${event.by === 'exit' || event.by === 'process-exit' ? ` ${event.status}` : ''}`;
        delete one.pid;
        break;
      }
      case 'fault':
        this.#partitions.get(event.partition)!.faults += 1;
        break;
      case 'denied':
        this.#partitions.get(event.partition)!.denied += 1;
        break;
      case 'reset':
        this.#partitions.get(event.partition)!.resets += 1;
        break;
      case 'log': {
        const lines = this.#logs.get(event.partition)!;
        lines.push(event.text);
        if (lines.length > KEPT_LINES) lines.splice(0, lines.length - KEPT_LINES);
        break;
      }
      case 'best-effort':
        this.#windows = {
          mode: 0,
          windows: 0,
          missed: 0,
          late: [],
          maxMicros: 0,
          ...this.#windows,
          bestEffort: event.reason,
        };
        break;
      case 'windows': {
        const { event: _, ...windows } = event;
        this.#windows = { ...this.#windows, ...windows };
        break;
      }
      case 'managed':
      case 'audited':
      case 'ended':
      case 'refused':
        break;
    }
  }

  #runs({ name, pid, layers, missing }: Pick<PartitionView, 'name' | 'pid' | 'layers' | 'missing'>): void {
    const one = this.#partitions.get(name)!;
    Object.assign(one, { state: 'running', pid, layers, missing });
    one.starts += 1;
  }

  has(partition: string): boolean {
    return this.#partitions.has(partition);
  }

  logOf(partition: string): readonly string[] {
    return this.#logs.get(partition) ?? [];
  }

  #planned(p: number): Pick<PartitionView, 'plannedPercent'> {
    const share = this.#shares?.[this.#windows?.mode ?? 0]?.[p] ?? 0;
    return share === 0 ? {} : { plannedPercent: Math.round(share * 10) / 10 };
  }

  summary(): SystemSummary {
    return {
      system: this.#plan.system,
      pid: process.pid,
      kernel: this.kernel,
      seconds: Math.round(performance.now() - this.#began) / 1000,
      partitions: [...this.#partitions.values()].map((one, p) => ({
        ...one,
        ...this.#planned(p),
        ...usageOf(one.pid),
      })),
      ...(this.#windows === undefined ? {} : { windows: this.#windows }),
    };
  }
}

/** Nothing where the host has no /proc, or the process is gone. */
function usageOf(pid: number | undefined): Partial<Pick<PartitionView, 'cpuMs' | 'memoryBytes'>> {
  if (pid === undefined) return {};
  try {
    const PAGE = 4096;
    const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return { cpuMs: Math.round(cpuTime(pid) * 1000) / 1000, memoryBytes: PAGE * Number(resident) };
  } catch {
    return {};
  }
}

/** Processor time of all threads in ms, to the nanosecond where the host counts so (Documentation/scheduler/sched-stats.rst). */
function cpuTime(pid: number): number {
  const TICK_MS = 10;
  const threads = readdirSync(`/proc/${pid}/task`);
  try {
    const spent = (thread: string) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    return threads.reduce((sum, thread) => sum + spent(thread), 0) / 1e6;
  } catch {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
    return TICK_MS * (Number(user) + Number(system));
  }
}
