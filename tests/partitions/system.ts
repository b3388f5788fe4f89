// Starts a kernel process as the command does (docs/design/seams.md), with test programs as partitions.
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { KernelEvent, PlanPartition, PlanStream } from '../../src/kernel/plan.ts';
import { planFile } from './plan.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
/** A busy machine is slow; only what hangs takes this long. */
const PATIENCE_MS = 60_000;
const MAIN = path.join(ROOT, 'src/kernel/hosted/main.ts');

/** A partition of a test: a program's file, and what else differs from nothing. */
export function partition(
  name: string,
  kind: PlanPartition['kind'],
  program: string,
  rest: Partial<PlanPartition> = {},
): PlanPartition {
  return {
    name,
    kind,
    program,
    memory: 1 << 20,
    harts: kind === 'guest' ? 1 : 0,
    config: {},
    files: [],
    terminal: false,
    mayShutDown: false,
    ...rest,
  };
}

/** `a <-> b`: two streams of one name. */
export function between(name: string, a: number, b: number, bytes = 4096): PlanStream[] {
  return [
    { name, from: a, to: b, bytes },
    { name, from: b, to: a, bytes },
  ];
}

export interface Options {
  readonly without?: readonly string[];
  readonly required?: readonly string[];
  /** As on a host without node:ffi. */
  readonly noFfi?: boolean;
  /** Descriptors of the terminal, both or neither. */
  readonly terminal?: readonly [number, number];
  /** Further descriptors and variables that the kernel process finds, and must not pass on. */
  readonly inherited?: readonly number[];
  readonly environment?: Readonly<Record<string, string>>;
  /** It is killed when it runs longer than this; absent: than a test may. */
  readonly limitMs?: number;
}

/** A compiled plan, and programs beyond Virtsec's own that it names. */
export interface TestPlan {
  readonly file: Buffer;
  readonly programs: readonly string[];
}

export class TestSystem {
  readonly events: KernelEvent[] = [];
  /** Resolves with the exit status of the kernel process (null: a signal ended it). */
  readonly exited: Promise<number | null>;
  /** What the kernel process wrote to its log descriptor. */
  kernelLog = '';
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  /** Those that run: for a test that fails before it has ended its own. */
  static readonly #running = new Set<TestSystem>();

  static killAll(): void {
    for (const system of TestSystem.#running) system.kill('SIGKILL');
  }

  constructor(plan: TestPlan, options?: Options);
  constructor(partitions: readonly PlanPartition[], streams: readonly PlanStream[], options?: Options);
  constructor(what: TestPlan | readonly PlanPartition[], more?: Options | readonly PlanStream[], last?: Options) {
    const isPlan = !Array.isArray(what);
    const plan = isPlan ? (what as TestPlan) : planFile(what as PlanPartition[], more as PlanStream[]);
    const options = (isPlan ? (more as Options | undefined) : last) ?? {};
    const stdio: StdioOptions = [
      ...(['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] as const),
      ...(options.terminal ?? (['ignore', 'ignore'] as const)),
      ...(options.inherited ?? []),
    ];
    this.#child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        MAIN,
        ...plan.programs.flatMap((program) => ['--allow-program', program]),
        ...(options.without ?? []).flatMap((layer) => ['--without-layer', layer]),
        ...(options.required ?? []).flatMap((layer) => ['--require-layer', layer]),
      ],
      {
        env: { ...options.environment, ...(options.noFfi === true ? { VIRTSEC_NO_FFI: '1' } : {}) },
        stdio,
      },
    );
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.kernelLog += chunk.toString()));
    const planPipe = this.#child.stdio[3] as Writable;
    planPipe.on('error', () => {});
    planPipe.end(plan.file);
    const lines = createInterface({ input: this.#child.stdio[4] as Readable });
    lines.on('line', (line) => {
      this.events.push(JSON.parse(line) as KernelEvent);
      for (const check of this.#waiting) check();
    });
    const limit = setTimeout(() => this.kill('SIGKILL'), options.limitMs ?? 2 * PATIENCE_MS);
    TestSystem.#running.add(this);
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        TestSystem.#running.delete(this);
        clearTimeout(limit);
        resolve(code);
        for (const check of this.#waiting) check();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for an event. Rejects when the kernel process ends without it, or after PATIENCE_MS. */
  waitFor<E extends KernelEvent['event']>(
    event: E,
    matches: (e: Extract<KernelEvent, { event: E }>) => boolean = () => true,
  ): Promise<Extract<KernelEvent, { event: E }>> {
    return new Promise((resolve, reject) => {
      const find = () =>
        this.events.find((e): e is Extract<KernelEvent, { event: E }> => e.event === event && matches(e as never));
      const settle = (act: () => void) => {
        this.#waiting.delete(check);
        clearTimeout(timer);
        act();
      };
      const check = () => {
        const found = find();
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          settle(() => reject(new Error(`no event ${event}: ${JSON.stringify(this.events)} ${this.kernelLog}`)));
        }
      };
      const timer = setTimeout(() => {
        this.kill('SIGKILL');
        settle(() => reject(new Error(`no event ${event} in time: ${JSON.stringify(this.events)}`)));
      }, PATIENCE_MS);
      this.#waiting.add(check);
      check();
    });
  }

  log(partition: string): string[] {
    return this.events.flatMap((e) => (e.event === 'log' && e.partition === partition ? [e.text] : []));
  }
}

/** False: no such process, or only its remains. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return true;
}

export async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
