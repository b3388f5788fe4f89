// A running system that is attacked: started like any other, with the hostile program in the place of one partition, or with none.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Layer } from '../../kernel/abi.ts';
import { encodePlanFile } from '../../kernel/plan-file.ts';
import type { KernelEvent } from '../../kernel/plan.ts';
import { compileSystem, type Description } from '../../policy/index.ts';
import { placeIn } from '../application-file.ts';
import { type KernelProcess, startKernel } from '../kernel-process.ts';
import { PlainText } from '../script.ts';
import type { LoadedSystem } from '../system-file.ts';
import { type Order, READY, type Said } from './order.ts';

const HOSTILE = fileURLToPath(new URL(`hostile${extname(import.meta.filename)}`, import.meta.url));
/** Microseconds: the hostile partition is there again at once, however often it was ended. */
const AT_ONCE = 10;
const START_MS = 120_000;
const ANSWER_MS = 30_000;

type Exit = Extract<KernelEvent, { event: 'exit' }>;

export class AttackedSystem {
  readonly #kernel: KernelProcess;
  readonly #attacker: string | undefined;
  readonly #events: KernelEvent[] = [];
  readonly #console = new PlainText();
  readonly #waiting = new Set<() => void>();
  #shown = '';
  #isOver = false;
  /** Of each partition, its process. */
  readonly #pids = new Map<string, number>();
  layers: readonly string[] = [];

  /** `attacker`: the partition that is taken over; undefined: none. */
  constructor(system: LoadedSystem, attacker: string | undefined, without: readonly Layer[]) {
    this.#attacker = attacker;
    const compiled = compileSystem(
      attacker === undefined ? system.description : startedAgain(system.description, attacker),
      system.boot,
      { ...(system.guest === undefined ? {} : { console: system.guest.name }), rows: 0, columns: 0 },
      { place: placeIn(system.folder) },
    );
    const plan = {
      ...compiled.plan,
      partitions: compiled.plan.partitions.map((one) => (one.name === attacker ? { ...one, program: HOSTILE } : one)),
    };
    this.#kernel = startKernel(
      { plan, file: encodePlanFile(compiled.words, plan) },
      {
        terminal: 'pipes',
        onEvent: (event) => this.#onEvent(event),
        args: ['--allow-program', HOSTILE, ...without.flatMap((layer) => ['--without-layer', layer])],
      },
    );
    this.#kernel.output?.on('data', (bytes: Uint8Array) => {
      this.#shown += this.#console.add(bytes);
      this.#look();
    });
    void this.#kernel.end.then(() => {
      this.#isOver = true;
      this.#look();
    });
  }

  get kernelPid(): number {
    return this.#kernel.pid;
  }

  pidOf(partition: string): number {
    return this.#pids.get(partition) ?? this.#kernel.pid;
  }

  #look(): void {
    for (const check of this.#waiting) check();
  }

  #onEvent(event: KernelEvent): void {
    this.#events.push(event);
    if (event.event === 'started') for (const { name, pid } of event.partitions) this.#pids.set(name, pid);
    if (event.event === 'restarted') this.#pids.set(event.name, event.pid);
    this.#look();
  }

  /** What `find` finds, as soon as it does; undefined: not in time, or the system has ended. */
  async #until<T>(find: () => T | undefined, ms: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = find();
        if (found === undefined && !this.#isOver) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        resolve(undefined);
      }, ms);
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits until everyone is up. Throws when the kernel does not start it. */
  async started(): Promise<void> {
    const found = await this.#until(
      () => this.#events.find((event) => event.event === 'started' || event.event === 'refused'),
      START_MS,
    );
    if (found?.event !== 'started') {
      throw new Error(found?.event === 'refused' ? found.reason : 'the system did not come up');
    }
    if (this.#attacker !== undefined) await this.#until(() => this.#said(READY, 0), START_MS);
    this.layers = (found.partitions.find(({ name }) => name === this.#attacker) ?? found.partitions[0]).layers;
  }

  /** Types a line at the shown console, and gives what it shows until `pattern` is met; undefined: it was not, in so many ms. */
  async type(line: string, pattern: RegExp, ms = ANSWER_MS): Promise<string | undefined> {
    this.#shown = '';
    if (line !== '') this.#kernel.input?.write(`${line}\n`);
    return this.#until(() => (pattern.test(this.#shown) ? this.#shown : undefined), ms);
  }

  /** Has the hostile program carry an order out. How it ended (attempts.ts, Evidence), or that it was done. */
  async order(order: Order): Promise<{ readonly reached: boolean; readonly evidence: string }> {
    const since = this.#events.length;
    this.#kernel.input?.write(`${JSON.stringify(order)}\n`);
    const end = await this.#until(() => this.#answer(order.id, since), ANSWER_MS);
    if (end === undefined) return { reached: false, evidence: 'no answer' };
    if ('event' in end) {
      const { by, status, signal } = end;
      await this.#until(() => this.#said(READY, this.#events.indexOf(end)), ANSWER_MS);
      // A program that took the place of this one has ended well.
      if (by === 'process-exit' && status === 0) return { reached: true, evidence: 'it ran' };
      return { reached: false, evidence: by === 'signal' ? (signal ?? by) : by };
    }
    if ('reached' in end) return { reached: true, evidence: 'done' };
    return { reached: false, evidence: 'code' in end ? end.code : `errno ${end.errno}` };
  }

  #answer(id: number, since: number): Said | Exit | undefined {
    const exit = this.#events
      .slice(since)
      .find((event): event is Exit => event.event === 'exit' && event.partition === this.#attacker);
    return this.#said(id, since) ?? exit;
  }

  /** What the hostile program has said of that order. */
  #said(id: number, since: number): Said | undefined {
    for (const event of this.#events.slice(since)) {
      if (event.event !== 'log' || event.partition !== this.#attacker) continue;
      const said = parse(event.text);
      if (said?.id === id) return said;
    }
    return undefined;
  }

  /** Partitions beside the attacker that a fault has ended. */
  fallen(): string[] {
    return this.#events.flatMap((event) =>
      event.event === 'exit' && event.partition !== this.#attacker && event.by !== 'exit' ? [event.partition] : [],
    );
  }

  async end(): Promise<void> {
    this.#kernel.stop();
    await this.#kernel.end;
  }
}

function parse(text: string): (Said & { readonly id: number }) | undefined {
  try {
    return JSON.parse(text) as Said & { readonly id: number };
  } catch {
    return undefined; // a process that was forked off, or Node's own last words
  }
}

/** The description, with that partition started again after each fault, so that it can try the next thing. */
function startedAgain(description: Description, name: string): Description {
  return {
    ...description,
    partitions: description.partitions.map((one) => {
      if (one.name !== name) return one;
      const restarts = { count: 1, per: AT_ONCE };
      return {
        ...one,
        faults: { ...one.faults, actions: new Map(), otherwise: 'cold-restart', restarts, backoff: AT_ONCE },
      };
    }),
  };
}
