// What the events of a kernel process say about its system: the state of each partition, its newest log lines, all that `ps`,
// `inspect`, `logs`, `top` and `events` show.
import { readFileSync } from 'node:fs';
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
  /** Processor time of its process, and memory of it that is in RAM (proc_pid_stat(5), proc_pid_statm(5)). */
  readonly cpuMs?: number;
  readonly memoryBytes?: number;
}

/** How windows are kept (KernelEvent `windows`). */
export interface WindowsView {
  /** Why they are best effort on this host; absent: they are not. */
  readonly bestEffort?: string;
  readonly windows: number;
  readonly late: readonly number[];
  readonly maxMicros: number;
}

export interface SystemSummary {
  readonly system: string;
  /** Process id of the command that runs it, and of its kernel process. */
  readonly pid: number;
  readonly kernel: number;
  /** Seconds since it was started. */
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
  #windows: WindowsView | undefined;
  /** Set once the kernel process runs. */
  kernel = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
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
        this.#windows = { windows: 0, late: [], maxMicros: 0, ...this.#windows, bestEffort: event.reason };
        break;
      case 'windows': {
        const { windows, late, maxMicros } = event;
        this.#windows = { ...this.#windows, windows, late, maxMicros };
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

  summary(): SystemSummary {
    return {
      system: this.#plan.system,
      pid: process.pid,
      kernel: this.kernel,
      seconds: Math.round((performance.now() - this.#began) / 100) / 10,
      partitions: [...this.#partitions.values()].map((one) => ({ ...one, ...usageOf(one.pid) })),
      ...(this.#windows === undefined ? {} : { windows: this.#windows }),
    };
  }
}

/** Nothing where the host has no /proc, or the process is gone. */
function usageOf(pid: number | undefined): Partial<Pick<PartitionView, 'cpuMs' | 'memoryBytes'>> {
  if (pid === undefined) return {};
  try {
    const TICK_MS = 10;
    const PAGE = 4096;
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
    const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return { cpuMs: TICK_MS * (Number(user) + Number(system)), memoryBytes: PAGE * Number(resident) };
  } catch {
    return {};
  }
}
