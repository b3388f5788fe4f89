// One partition's way to its kernel, as all handles share it: one operation at a time, and sleep until something has come.
import { E_ARG, E_OP, E_RIGHT, E_STATE, OK, OP_EXIT, OP_TIME, TIME_BASE } from '../../kernel/abi.ts';
import type { Answer, KernelLink } from '../link.ts';

/** Why a channel did not do what was asked. */
export type ChannelFault =
  /** No channel, file or partition of that name, kind and direction in the description. */
  | 'unknown'
  /** The time that was given for it is over. */
  | 'timeout'
  /** The partition at the other end was restarted, or has ended. */
  | 'peer'
  /** The server still works on an earlier call that timed out. */
  | 'busy'
  /** A message longer than the channel's `bytes`, or another argument out of range. */
  | 'argument'
  /** The plan does not give that right. */
  | 'right'
  /** The stream carries nothing any more. */
  | 'closed';

/** What handles throw; `fault` says why. */
export class ChannelError extends Error {
  readonly fault: ChannelFault;
  constructor(fault: ChannelFault, message: string) {
    super(message);
    this.name = 'ChannelError';
    this.fault = fault;
  }
}

/** How long something may take; without: as long as it takes. */
export interface Patience {
  /** Milliseconds; 0: not at all. */
  readonly within?: number;
}

export class Kernel {
  readonly link: KernelLink;
  /** Operations that wait because one is open. */
  readonly #queue: (() => void)[] = [];
  #isOpen = false;
  #wakes = 0;
  #sleepers: (() => void)[] = [];
  #pending = 0;
  #moduleHasRun = false;
  #isStopping = false;
  readonly #stopped: (() => void)[] = [];

  constructor(link: KernelLink) {
    this.link = link;
    link.onWake((stopping) => this.#wake(stopping));
  }

  /** One operation; while one is open, the others wait for their turn. Throws on results that only a fault of ours explains. */
  async call(op: number, a0 = 0, a1 = 0, a2 = 0, message?: Uint8Array): Promise<Answer> {
    if (this.#isOpen) await new Promise<void>((turn) => this.#queue.push(turn));
    this.#isOpen = true;
    try {
      const answer = await this.link.call(op, a0, a1, a2, message);
      if (answer.result === E_RIGHT) throw new ChannelError('right', 'the plan does not give that right');
      if (answer.result === E_ARG || answer.result === E_OP) {
        throw new ChannelError('argument', `operation ${op} with (${a0}, ${a1}, ${a2}) is not allowed`);
      }
      // The partition is being stopped: nothing that it does counts any more.
      if (answer.result === E_STATE) await new Promise(() => {});
      return answer;
    } finally {
      this.#isOpen = false;
      this.#queue.shift()?.();
    }
  }

  /** Tries again after each wake until `attempt` has a value. Undefined: the time is over. */
  async until<T>(
    attempt: () => Promise<T | undefined> | T | undefined,
    { within }: Patience = {},
  ): Promise<T | undefined> {
    let isLate = within !== undefined && within <= 0;
    let wakeUp = () => {};
    const callOff =
      within === undefined || isLate
        ? undefined
        : this.link.after(within, () => {
            isLate = true;
            wakeUp();
          });
    this.hold();
    try {
      for (;;) {
        const seen = this.#wakes;
        const value = await attempt();
        if (value !== undefined || isLate) return value;
        if (seen !== this.#wakes) continue;
        await new Promise<void>((resolve) => {
          wakeUp = resolve;
          this.#sleepers.push(resolve);
        });
      }
    } finally {
      callOff?.();
      this.release();
    }
  }

  /** Lets everything that waits try again. */
  wake(): void {
    this.#wakes += 1;
    const sleepers = this.#sleepers;
    this.#sleepers = [];
    for (const resume of sleepers) resume();
  }

  #wake(stopping: boolean): void {
    this.wake();
    if (!stopping || this.#isStopping) return;
    this.#isStopping = true;
    const stopped = this.#stopped.splice(0);
    if (stopped.length === 0) void this.exit(0);
    for (const callback of stopped) callback();
  }

  onStop(callback: () => void): void {
    this.#stopped.push(callback);
  }

  /** Something is waited for, so the application goes on. */
  hold(): void {
    this.#pending += 1;
  }
  release(): void {
    this.#pending -= 1;
    this.#exitWhenDone();
  }
  /** The application's module has run: from now on it lives as long as it waits for something. */
  moduleHasRun(): void {
    this.#moduleHasRun = true;
    this.#exitWhenDone();
  }
  #exitWhenDone(): void {
    if (!this.#moduleHasRun || this.#pending > 0) return;
    // What was waited for may lead to the next wait.
    this.link.after(0, () => {
      if (this.#pending === 0) void this.exit(0);
    });
  }

  async exit(status: number): Promise<never> {
    if (!Number.isInteger(status) || status < 0 || status > 255) {
      throw new ChannelError('argument', `${status} is not a status of 0 to 255`);
    }
    await this.call(OP_EXIT, status);
    return new Promise<never>(() => {});
  }

  /** Runs what nobody awaits: an error in it is a fault of the application. */
  run(work: () => Promise<void>): void {
    this.hold();
    work().then(
      () => this.release(),
      (error: unknown) => this.link.fail(reasonOf(error)),
    );
  }

  ticksOf(milliseconds: number): number {
    return Math.max(0, Math.ceil((milliseconds * 1000) / this.link.facts.tick));
  }
  millisecondsOf(ticks: number): number {
    return (ticks * this.link.facts.tick) / 1000;
  }

  /** What it does now must be done at that time of the system, in milliseconds; undefined: nothing must. */
  deadline(at: number | undefined): void {
    this.link.deadline(at === undefined ? 0 : (this.ticksOf(at) % TIME_BASE) + 1);
  }

  /** Milliseconds since the system started. */
  async now(): Promise<number> {
    const { result, words } = await this.call(OP_TIME);
    if (result !== OK) throw new ChannelError('right', `no time: ${result}`);
    return this.millisecondsOf(words[0] * TIME_BASE + words[1]);
  }
}

export const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
