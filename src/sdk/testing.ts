// virtsec/sdk/testing: a test bed for applications. It reads a system's description and runs its applications in this process,
// each in a realm of its own, on the real core and on the supervisor that the hosted kernel has; the test itself plays the
// partitions that are not applications. Nothing is jailed here: it tests what applications do, not what holds them.
//
//   await using bed = await openTestBed('system.yaml');
//   const ui = bed.partition('ui');                               // a guest of the description: played by the test
//   assert.equal(text(await ui.port.client('ask').call('balance')), '42');
//
// Time is the bed's own: it stands while any partition has something to do, and then leaps to the next moment at which something
// is due. So a test is fast, and gives the same every time.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { boot, FAULT_EXIT, MESSAGE_BYTES, OK, P_LOADING, P_READY, P_WIPING } from '../kernel/core/core.ts';
import { Supervisor } from '../kernel/hosted/supervisor.ts';
import type { CoreEvent, Mechanism } from '../kernel/hosted/supervisor.ts';
import { TICK } from '../kernel/plan.ts';
import { readDescription } from '../policy/index.ts';
import type { Description, Partition } from '../policy/index.ts';
import { compileTables } from '../policy/tables.ts';
import type { Tables } from '../policy/tables.ts';
import { Application } from './app/application.ts';
import { reasonOf } from './app/kernel.ts';
import { loaderFor } from './app/start.ts';
import { applicationFile } from './app/sources.ts';
import { BedPartition } from './testing/bed-partition.ts';
import type { Facts } from './link.ts';

export { Application } from './app/application.ts';
export { ChannelError } from './app/kernel.ts';
export { text, utf8 } from './app/message.ts';

/** What differs from the description. */
export interface BedOptions {
  /** Applications of the description that the test plays itself. */
  readonly doubles?: readonly string[];
  /** Files that partitions find in their storage, by partition and name; what they write there stands in the same arrays. */
  readonly files?: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
}

/** How a partition's program ended. */
export interface Ending {
  /** `exit`: it said so, with its status. `fault`: an error that nobody caught, or an illegal call. */
  readonly by: 'exit' | 'fault';
  readonly status: number;
  /** Of a fault: what happened. */
  readonly reason: string;
}

/** `system`: path of a description, or its text, or an object of the same shape (defineSystem). Throws its messages if it has faults. */
export async function openTestBed(system: string | object, options: BedOptions = {}): Promise<TestBed> {
  const isPath = typeof system === 'string' && !system.includes('\n');
  const name = isPath ? system : 'description';
  const text = isPath
    ? readFileSync(system, 'utf8')
    : typeof system === 'string'
      ? system
      : JSON.stringify(system, null, 2);
  // Guests are played by the test: whatever image they name is taken for there.
  const images = [...text.matchAll(/\bguest["']?\s*:\s*["']?([\w-]+)/g)].map((match) => match[1]);
  const reading = readDescription(name, text, { fileExists: () => true, images, firmware: ['opensbi'] });
  if (reading.description === undefined) throw new Error(reading.messages.join('\n\n'));
  return TestBed.open(reading.description, isPath ? path.dirname(system) : process.cwd(), options);
}

/** Rounds of the event loop without any operation after which every partition waits. */
const IDLE_ROUNDS = 3;

/** In one turn the supervisor catches up with a bounded number of frames. */
const TURNS = 10_000;

/** A running system. */
export class TestBed {
  readonly #description: Description;
  readonly #options: BedOptions;
  readonly #tables: Tables;
  readonly #supervisor: Supervisor;
  readonly #partitions: BedPartition[];
  /** What each application's file holds: read once, so that a restart gives the same. */
  readonly #images: readonly (Uint8Array<ArrayBuffer> | undefined)[];
  readonly #logs = new Map<string, string[]>();
  readonly #endings = new Map<string, Ending[]>();
  readonly #sleepers = new Set<() => void>();
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  /** Milliseconds. */
  #now = 0;
  #activity = 0;
  #isRunning = false;
  #isClosed = false;
  #starting = 0;
  /** Why an application cannot even be loaded. */
  #notLoaded: unknown;

  private constructor(description: Description, folder: string, options: BedOptions) {
    this.#description = description;
    this.#options = options;
    this.#tables = compileTables(description);
    if (boot(this.#tables.kernel) !== OK) throw new Error('the core refuses the plan');
    this.#supervisor = new Supervisor(this.#tables.kernel, TICK, 0, this.#mechanism());
    this.#images = description.partitions.map(({ what = '' }, p) =>
      this.#isDouble(p) ? undefined : applicationFile(path.resolve(folder, what)),
    );
    const { streams } = this.#tables;
    const rings = streams.map(({ bytes }) => BedPartition.ring(bytes));
    this.#partitions = description.partitions.map((partition, p) => {
      const ends = streams.flatMap(({ from, to }, i) => [
        ...(from === p
          ? [{ ring: rings[i], direction: 'out' as const, bytes: streams[i].bytes, name: streams[i].name }]
          : []),
        ...(to === p
          ? [{ ring: rings[i], direction: 'in' as const, bytes: streams[i].bytes, name: streams[i].name }]
          : []),
      ]);
      return new BedPartition(this.#factsOf(partition, p), ends, options.files?.[partition.name] ?? {}, {
        call: (op, a0, a1, a2) => this.#call(p, op, a0, a1, a2),
        after: (milliseconds, callback) => this.#after(milliseconds, callback),
        busy: (by) => (this.#starting += by),
        fail: (reason) => this.#fail(p, reason),
      });
    });
  }

  #factsOf(partition: Partition, p: number): Facts {
    return {
      id: p,
      name: partition.name,
      memory: partition.memory,
      config: (partition.config ?? {}) as Facts['config'],
      ports: this.#tables.ports[p],
      tick: TICK,
      startKind: 'boot',
      modes: partition.may.switch.length > 0 ? this.#description.modes.map((mode) => mode.name) : [],
      audits: partition.may.audit.map((name) => ({ name, partition: this.#number(name) })),
      ...(partition.faults.beat === undefined ? {} : { beat: partition.faults.beat }),
      streams: [],
      files: Object.keys(this.#options.files?.[partition.name] ?? {}),
    };
  }

  #number(name: string): number {
    const p = this.#description.partitions.findIndex((one) => one.name === name);
    if (p < 0) throw new Error(`the system has no partition ${name}`);
    return p;
  }

  /** Resolves when every partition that starts by itself runs. Rejects if an application cannot be loaded. See openTestBed. */
  static async open(description: Description, folder: string, options: BedOptions): Promise<TestBed> {
    const bed = new TestBed(description, folder, options);
    await bed.#start();
    return bed;
  }

  async #start(): Promise<void> {
    this.#go();
    const { kernel } = this.#tables;
    const waitsForStart = (p: number): boolean => kernel.startsItself[p] === 1 && !this.#partitions[p].isRunning;
    await this.until(
      () => this.#starting === 0 && !this.#partitions.some(({ starts }, p) => starts === 0 && waitsForStart(p)),
    );
    if (this.#notLoaded !== undefined) throw this.#notLoaded;
  }

  // ---- what tests use

  /** A partition that the test plays: a guest, a driver, or one of `doubles`. After its restart it is another one. */
  partition(name: string): Application {
    const p = this.#number(name);
    if (!this.#isDouble(p)) throw new Error(`${name} is an application that runs; name it in \`doubles\` to play it`);
    const { application } = this.#partitions[p];
    if (application === undefined) throw new Error(`${name} does not run`);
    return application;
  }

  /** Lines that the partition has logged. */
  log(name: string): readonly string[] {
    this.#number(name);
    return this.#logs.get(name) ?? [];
  }

  /** How the partition's program has ended so far, each time that it did. */
  endings(name: string): readonly Ending[] {
    this.#number(name);
    return this.#endings.get(name) ?? [];
  }

  /** Waits for the partition's next end, or the one that was. */
  async ended(name: string): Promise<Ending> {
    await this.until(() => this.endings(name).length > 0);
    return this.endings(name).at(-1)!;
  }

  /** Milliseconds since the system started. */
  get now(): number {
    return this.#now;
  }

  /** Lets time go on by so many milliseconds. */
  async advance(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#after(milliseconds, resolve));
  }

  /** Waits until the condition holds: it is looked at after everything that happens. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#sleepers.add(resolve);
        this.#run();
      });
    }
  }

  /** Stops a partition's program, as if its process had been killed. */
  kill(name: string): void {
    this.#fail(this.#number(name), 'killed by the test');
  }

  /** Tells every partition that the system ends. */
  stop(): void {
    this.#supervisor.stop();
    this.#go();
  }

  /** Ends everything; `await using` does it by itself. */
  close(): void {
    this.#isClosed = true;
    for (const partition of this.#partitions) partition.end();
  }
  [Symbol.dispose](): void {
    this.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  // ---- time: turns of the supervisor as long as something happens; then on to the next moment

  /** Something has happened. */
  #go(): void {
    this.#activity += 1;
    this.#run();
  }

  #run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    this.#round(this.#activity, 0);
  }

  #round(seen: number, idle: number): void {
    setImmediate(() => {
      if (this.#isClosed) return;
      const due = this.#supervisor.turn(this.#now);
      for (const resume of this.#sleepers) resume();
      this.#sleepers.clear();
      if (this.#activity !== seen || this.#starting > 0 || due <= this.#now) this.#round(this.#activity, 0);
      else if (idle < IDLE_ROUNDS) this.#round(seen, idle + 1);
      else if (this.#leap(due)) this.#round(this.#activity, 0);
      else this.#isRunning = false;
    });
  }

  /** On to the next moment at which something is due. False: nothing is. */
  #leap(due: number): boolean {
    const timers = [...this.#timers].toSorted((a, b) => a.at - b.at);
    const isDue = this.#partitions.some((partition, p) => partition.hasOpenCall || this.#hasBusiness(p));
    if (timers.length === 0 && !isDue) return false;
    // Over no window of one whose plan says what a missed one is.
    const isTimed = this.#partitions.some((_, p) => this.#isTimed(p));
    this.#now = Math.min(timers[0]?.at ?? Infinity, isDue || isTimed ? due : Infinity);
    // The core's time first: what timers do is to see the moment that it is.
    for (let turns = 0; turns < TURNS && this.#supervisor.turn(this.#now) <= this.#now; turns++);
    for (const timer of timers) {
      if (timer.at > this.#now) break;
      this.#timers.delete(timer);
      timer.callback();
    }
    return true;
  }

  /** The kernel itself has something to do for it, now or later. */
  #hasBusiness(p: number): boolean {
    const { kernel } = this.#tables;
    const state = kernel.state[p];
    if (state === P_READY) return kernel.beatPeriod[p] > 0;
    return state === P_WIPING || state === P_LOADING;
  }

  #after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, milliseconds), callback };
    this.#timers.add(timer);
    this.#go();
    return () => void this.#timers.delete(timer);
  }

  // ---- partitions

  /** Its plan says what is done about windows and deadlines that it misses. */
  #isTimed(p: number): boolean {
    const { actions, process } = this.#description.partitions[p].faults;
    return actions.has('deadline') || process.has('deadline');
  }

  #isDouble(p: number): boolean {
    const { form, what = '', name } = this.#description.partitions[p];
    return form !== 'app' || (this.#options.doubles ?? []).includes(name) || !/\.(ts|js|mts|mjs|wasm)$/.test(what);
  }

  #call(p: number, op: number, a0: number, a1: number, a2: number): void {
    this.#supervisor.call(p, op, a0, a1, a2);
    this.#go();
  }

  async #load(p: number, warm: boolean): Promise<void> {
    const partition = this.#partitions[p];
    partition.begin(partition.starts === 0 ? 'boot' : warm ? 'warm' : 'cold');
    this.#supervisor.attach(p);
    const link = partition.link();
    const image = this.#images[p];
    if (image === undefined) {
      partition.application = new Application(link);
      this.#supervisor.load(p);
      this.#go();
      return;
    }
    this.#starting += 1;
    try {
      const { generation } = partition;
      const name = path.basename(this.#description.partitions[p].what ?? '');
      const load = await loaderFor(name, image);
      const program = await load(link);
      if (partition.generation !== generation) return;
      this.#supervisor.load(p);
      void program.run().catch((error: unknown) => link.fail(reasonOf(error)));
    } catch (error) {
      this.#notLoaded ??= error;
      link.fail(reasonOf(error));
    } finally {
      this.#starting -= 1;
      this.#go();
    }
  }

  #fail(p: number, reason: string): void {
    if (!this.#partitions[p].isRunning) return;
    this.#logLine(p, reason);
    this.#end(p, { by: 'fault', status: 1, reason });
  }

  #end(p: number, ending: Ending): void {
    const { name } = this.#description.partitions[p];
    this.#endings.set(name, [...(this.#endings.get(name) ?? []), ending]);
    this.#partitions[p].end();
    this.#supervisor.died(p, FAULT_EXIT);
    this.#go();
  }

  #logLine(p: number, text: string): void {
    const { name } = this.#description.partitions[p];
    this.#logs.set(name, [...(this.#logs.get(name) ?? []), text]);
  }

  // ---- what the supervisor's decisions are carried out with

  #mechanism(): Mechanism {
    return {
      copyMessage: (p, bytes, into) =>
        new Uint8Array(into.buffer, into.byteOffset, MESSAGE_BYTES).set(this.#partitions[p].message(bytes)),
      readText: (p, bytes) => new TextDecoder().decode(this.#partitions[p].message(bytes)),
      answer: (p, result, out, count) => {
        this.#activity += 1;
        this.#partitions[p].answer(result, out, count);
      },
      listen: () => {},
      wake: (p, _news, dead) => {
        this.#activity += 1;
        this.#partitions[p].wake(dead, false);
      },
      tellEnd: (p) => {
        this.#activity += 1;
        this.#partitions[p].wake(undefined, true);
      },
      switchWindow: () => {},
      deadline: (p) => (this.#isTimed(p) ? this.#partitions[p].deadline : undefined),
      tell: (event) => this.#tell(event),
    };
  }

  /** What is not here concerns processes, or follows from what is. */
  #tell(event: CoreEvent): void {
    this.#activity += 1;
    if (event.event === 'load') void this.#load(event.partition, event.warm);
    else if (event.event === 'log') this.#logLine(event.partition, event.text);
    else if (event.event === 'illegal') {
      this.#partitions[event.partition].lastReason = `operation ${event.op}: an illegal call`;
    } else if (event.event === 'exit') this.#partitions[event.partition].lastStatus = event.status;
    else if (event.event === 'kill') this.#carryOutKill(event.partition);
    else if (event.event === 'shutdown') this.#supervisor.stop();
  }

  #carryOutKill(p: number): void {
    const { lastStatus: status, lastReason: reason, isRunning } = this.#partitions[p];
    if (!isRunning) this.#supervisor.died(p, FAULT_EXIT);
    else if (status === undefined) this.#end(p, { by: 'fault', status: 1, reason });
    else this.#end(p, { by: 'exit', status, reason: '' });
  }
}
