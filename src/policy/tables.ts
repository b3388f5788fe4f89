// Description without faults -> the plan tables of the core: who holds which handle, where each message lies, when who runs, and
// why each flow is allowed. What `boot` refuses of it is a fault of this file, or more than the tables hold (validators/capacities.ts).
import type { PortEnd } from '../kernel/abi.ts';
import * as core from '../kernel/core/core.ts';
import { type PlanStream, TICK } from '../kernel/plan.ts';
import type {
  Channel,
  Description,
  FaultTable,
  Mode,
  Partition,
  PartitionAction,
  PartitionFault,
  ProcessFault,
} from './description.ts';

/** Microseconds of the frame of a system without schedule: what a partition may spend is whole again at its end. */
const IDLE_FRAME = 10_000;
/** Microseconds for one call, on average over a frame; and the least that a frame gives: some lines of log. */
const TIME_PER_CALL = 20;
const LEAST_QUOTA = 512;
const FRAME_BYTES = 4096;
/** A stream's ring has a page of its producer's words before the data, and one of its consumer's after it. */
const RING_PAGES = 2;
/** The wait before a restart is doubled at most so often. */
const DOUBLINGS = 10;

export interface Tables {
  /** With its plan tables filled, not booted. */
  readonly kernel: core.Kernel;
  /** Two for each stream of the description, there and back. */
  readonly streams: readonly PlanStream[];
  /** Of each partition: its ends of ports, and its rights over others. */
  readonly ports: readonly (readonly PortEnd[])[];
}

/** Ticks that are at least so long. */
const ticksFor = (micros: number): number => Math.ceil(micros / TICK);
export const framesFor = (bytes: number): number => Math.ceil(bytes / FRAME_BYTES);
/** Of one direction of a stream. */
export const ringFrames = (bytes: number): number => framesFor(bytes) + RING_PAGES;
const atMost = (value: number, most: number): number => Math.min(value, most);

/** Which partitions' ends end the system: the guests; in a system without any, the applications; else all. No operator ends. */
export function countingForm({ partitions }: Description): Partition['form'] | undefined {
  return (['guest', 'app'] as const).find((form) => partitions.some((one) => one.form === form && !isOperator(one)));
}

/** Applications of Virtsec's own, `virtsec/NAME`, that a description may name; which of them this kernel runs, VS104 says. */
export const OWN_APPLICATIONS: readonly string[] = ['firewall', 'mail-parser', 'operator'];

/** It has no process: it stands for whoever manages the system from outside, and the kernel makes its calls for it. */
export const isOperator = ({ form, what }: Partition): boolean => form === 'app' && what === 'virtsec/operator';

/** Partitions that have no window in any mode: they run whenever they can. */
export const backgroundPartitions = ({ partitions, modes }: Description): string[] =>
  partitions
    .map(({ name }) => name)
    .filter((name) => !modes.some((mode) => [...mode.cores.values()].flat().some((one) => one.partition === name)));

/** May end the system: by asking, or because some fault of its own does. */
export const mayEndSystem = ({ may, terminal, faults }: Partition): boolean =>
  may.shutDown || terminal || faults.otherwise === 'shut-down' || [...faults.actions.values()].includes('shut-down');

export function compileTables(description: Description): Tables {
  const compiler = new Compiler(description);
  description.channels.forEach((channel) => compiler.channel(channel));
  description.partitions.forEach((partition, p) => compiler.authority(partition, p));
  compiler.slots();
  compiler.ranks();
  compiler.memory();
  compiler.schedule();
  return { kernel: compiler.k, streams: compiler.streams, ports: compiler.ports };
}

class Compiler {
  readonly k = new core.Kernel();
  readonly streams: PlanStream[] = [];
  readonly ports: PortEnd[][];
  readonly #description: Description;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #handles: number[];
  /** Signals that end at a partition: each has a bit of its own there. */
  readonly #signals: number[];

  constructor(description: Description) {
    const { k } = this;
    this.#description = description;
    this.#numbers = new Map(description.partitions.map(({ name }, p) => [name, p]));
    this.ports = description.partitions.map(() => []);
    this.#handles = description.partitions.map(() => 0);
    this.#signals = description.partitions.map(() => 0);
    k.np = description.partitions.length;
    k.slotOwner.fill(-1);
    const background = backgroundPartitions(description);
    const counting = countingForm(description);
    description.partitions.forEach((partition, p) => {
      k.mayShutDown[p] = Number(mayEndSystem(partition));
      k.mayMode[p] = Number(partition.may.switch.length > 0);
      const isOfForm = counting === undefined || partition.form === counting;
      k.counts[p] = Number(isOfForm && !isOperator(partition));
      k.startsItself[p] = Number(partition.start === 'boot');
      k.background[p] = Number(background.includes(partition.name));
      k.manager[p] = -1;
      k.auditor[p] = -1;
      this.#faults(partition.faults, p);
    });
  }

  #number(name: string): number {
    return this.#numbers.get(name)!;
  }

  /** The health monitor's table (ARINC 653 P1, 2.4): action by code, budget, back-off. */
  #faults(faults: FaultTable, p: number): void {
    const { k } = this;
    for (let code = 0; code < core.MAX_CODES; code++) {
      k.hmAction[p * core.MAX_CODES + code] = actionOf(faults, code);
    }
    k.hmBudget[p] = faults.restarts.count;
    k.hmPeriod[p] = atMost(ticksFor(faults.restarts.per), core.TIME_BASE - 1);
    k.hmDelay[p] = atMost(ticksFor(faults.backoff), core.TIME_BASE - 1);
    k.hmMax[p] = atMost(k.hmDelay[p] * 2 ** DOUBLINGS, core.TIME_BASE - 1);
    k.beatPeriod[p] = faults.beat === undefined ? 0 : ticksFor(faults.beat);
  }

  /** p may reach q, as `shown` shows; the first reason stands. */
  #allow(p: number, q: number, why: number, shown: number): void {
    const row = p * core.MAX_PARTITIONS + q;
    if (this.k.policy[row] !== core.FLOW_NONE) return;
    this.k.policy[row] = why;
    this.k.shown[row] = shown;
  }

  /** The next handle of p. */
  #handle(p: number, kind: number, object: number, mask = 0): number {
    const handle = this.#handles[p]++;
    const row = p * core.MAX_HANDLES + handle;
    this.k.handleKind[row] = kind;
    this.k.handleObject[row] = object;
    this.k.handleMask[row] = mask;
    return handle;
  }

  channel(channel: Channel): void {
    const from = this.#number(channel.from);
    const to = channel.to.map((name) => this.#number(name));
    switch (channel.kind) {
      case 'stream':
        this.#stream(channel, from, to[0]);
        this.#stream(channel, to[0], from);
        break;
      case 'signal':
        this.#signal(channel, from, to[0]);
        break;
      case 'sampling':
        this.#sample(channel, from, to);
        break;
      case 'queuing':
      case 'call':
        this.#port(channel, from, to[0]);
        break;
    }
  }

  #stream({ name, bytes }: Channel, from: number, to: number): void {
    const { k } = this;
    const s = k.ns++;
    this.streams.push({ name, from, to, bytes });
    k.streamFrom[s] = from;
    k.streamTo[s] = to;
    k.streamFrames[s] = ringFrames(bytes);
    for (const [p, q, own] of [
      [from, to, k.streamFromEnd],
      [to, from, k.streamToEnd],
    ] as const) {
      const e = k.ends[p]++;
      own[s] = e;
      k.endStream[p * core.MAX_ENDS + e] = s;
      k.joined[p * core.MAX_PARTITIONS + q] |= 1 << e;
      this.#allow(p, q, core.FLOW_STREAM, e);
    }
  }

  #signal({ name }: Channel, from: number, to: number): void {
    const bits = 1 << this.#signals[to]++;
    const handle = this.#handle(from, core.H_SIGNAL, to, bits);
    this.#allow(from, to, core.FLOW_HANDLE, handle);
    this.ports[from].push({ name, kind: 'signal', direction: 'out', handle, bytes: 0, bits });
    this.ports[to].push({ name, kind: 'signal', direction: 'in', handle: -1, bytes: 0, bits });
  }

  #sample({ name, bytes, refresh = 0 }: Channel, from: number, to: readonly number[]): void {
    const { k } = this;
    const m = k.nsamples++;
    k.sampleFrom[m] = from;
    k.sampleBytes[m] = bytes;
    k.sampleRefresh[m] = Math.floor(refresh / TICK);
    const handle = this.#handle(from, core.H_WRITE, m);
    this.ports[from].push({ name, kind: 'sampling', direction: 'out', handle, bytes, refresh });
    for (const reader of to) {
      k.sampleReader[m * core.MAX_PARTITIONS + reader] = 1;
      this.#allow(from, reader, core.FLOW_SAMPLE, m);
      const handle = this.#handle(reader, core.H_READ, m);
      this.ports[reader].push({ name, kind: 'sampling', direction: 'in', handle, bytes, refresh });
    }
  }

  #port(channel: Channel, from: number, to: number): void {
    const { k } = this;
    const { name, bytes, depth = 1, overflow, credit = 0, within } = channel;
    const isCall = channel.kind === 'call';
    const c = k.nports++;
    k.portKind[c] = isCall ? core.PORT_CALL : overflow === 'block' ? core.PORT_BLOCK : core.PORT_DROP;
    k.portFrom[c] = from;
    k.portTo[c] = to;
    k.portCapacity[c] = isCall ? 1 : depth;
    k.portBytes[c] = bytes;
    k.portQuota[c] = credit;
    k.portWithin[c] = within === undefined ? 0 : ticksFor(within);
    this.#allow(from, to, core.FLOW_PORT, c);
    if (k.portKind[c] !== core.PORT_DROP) this.#allow(to, from, core.FLOW_PORT, c);
    for (const [p, direction, kind] of [
      [from, 'out', isCall ? core.H_CALL : core.H_SEND],
      [to, 'in', isCall ? core.H_SERVE : core.H_RECEIVE],
    ] as const) {
      const handle = this.#handle(p, kind, c);
      const end = isCall
        ? { kind: 'call' as const, ...(within === undefined ? {} : { within }) }
        : { kind: 'queuing' as const, depth, overflow: overflow ?? 'drop' };
      this.ports[p].push({ name, direction, handle, bytes, ...end });
    }
  }

  /** What a partition may do to others, and what it may learn of them. */
  authority({ may }: Partition, p: number): void {
    const { k } = this;
    for (const name of may.manage) {
      const q = this.#number(name);
      const handle = this.#handle(p, core.H_MANAGE, q);
      k.manager[q] = p;
      this.#allow(p, q, core.FLOW_HANDLE, handle);
      this.ports[p].push({ name, kind: 'manage', direction: 'out', handle, bytes: 0 });
    }
    for (const name of may.audit) {
      const q = this.#number(name);
      k.auditor[q] = p;
      this.#allow(q, p, core.FLOW_AUDIT, 0);
    }
  }

  /** Places for messages, by who reads them: a partition wipes what it reads. */
  slots(): void {
    const { k } = this;
    let next = 0;
    const take = (owner: number, row: number): number => {
      k.slotOwner[next] = owner;
      k.slotRow[next] = row;
      return next++;
    };
    for (let p = 0; p < k.np; p++) {
      k.slotFirst[p] = next;
      for (let c = 0; c < k.nports; c++) {
        for (let i = 0; i < k.portCapacity[c] && k.portTo[c] === p; i++) {
          const row = c * core.MAX_DEPTH + i;
          k.slotOf[row] = take(p, row);
        }
        if (k.portKind[c] === core.PORT_CALL && k.portFrom[c] === p) k.replySlot[c] = take(p, core.POSITIONS + c);
      }
      k.slotEnd[p] = next;
    }
  }

  /** The longest chain of calls that begins at each partition. Chains do not lead back (VS224). */
  ranks(): void {
    const { k } = this;
    for (let round = 0; round < k.np; round++) {
      for (let c = 0; c < k.nports; c++) {
        if (k.portKind[c] !== core.PORT_CALL) continue;
        const { [k.portFrom[c]]: from, [k.portTo[c]]: to } = k.rank;
        k.rank[k.portFrom[c]] = Math.max(from, to + 1);
      }
    }
  }

  /** Page frames, one after another: partitions, then rings. */
  memory(): void {
    const { k } = this;
    let next = 0;
    this.#description.partitions.forEach((one, p) => {
      k.memoryBase[p] = next;
      k.memoryFrames[p] = isOperator(one) ? 0 : framesFor(one.memory);
      next += k.memoryFrames[p];
    });
    for (let s = 0; s < k.ns; s++) {
      k.streamBase[s] = next;
      next += k.streamFrames[s];
    }
  }

  schedule(): void {
    const { k } = this;
    const { modes } = this.#description;
    k.nmodes = Math.max(1, modes.length);
    k.ncores = Math.max(1, ...modes.map((mode) => mode.cores.size));
    const frames = modes.length === 0 ? [IDLE_FRAME] : modes.map((mode) => mode.frame);
    frames.forEach((frame, m) => {
      k.frameLength[m] = frame / TICK;
      for (let i = 0; i < k.ncores; i++) this.#windows(modes[m], m, i);
    });
    const quota = Math.max(LEAST_QUOTA, Math.floor(Math.min(...frames) / TIME_PER_CALL));
    k.quota.fill(atMost(quota, core.MAX_CREDIT), 0, k.np);
  }

  /** The windows of a core, in order of time, with idle ones between them. */
  #windows(mode: Mode | undefined, m: number, i: number): void {
    const { k } = this;
    const row = m * core.MAX_CORES + i;
    const length = k.frameLength[m];
    let time = 0;
    const until = (end: number, part: number): void => {
      if (end === time) return;
      const w = k.nwindows++;
      k.winPart[w] = part;
      k.winStart[w] = time;
      k.winEnd[w] = end;
      k.winSchedule[w] = row;
      time = end;
    };
    k.scheduleFirst[row] = k.nwindows;
    for (const window of (mode?.cores.get(i) ?? []).toSorted((a, b) => a.start - b.start)) {
      until(window.start / TICK, -1);
      until(window.end / TICK, this.#number(window.partition));
    }
    until(length, -1);
    k.scheduleEnd[row] = k.nwindows;
  }
}

/** The description's name of a fault that the kernel sees; the others are raised by applications. */
const CODES: Readonly<Record<number, PartitionFault>> = {
  [core.FAULT_ILLEGAL]: 'call',
  [core.FAULT_EXIT]: 'exit',
  [core.FAULT_TRAP]: 'trap',
  [core.FAULT_DEADLINE]: 'deadline',
  [core.FAULT_WINDOW]: 'deadline',
  [core.FAULT_BEAT]: 'heartbeat',
  [core.FAULT_MEMORY]: 'memory',
};
const ACTIONS: Readonly<Record<PartitionAction, number>> = {
  ignore: core.HM_IGNORE,
  log: core.HM_IGNORE,
  'warm-restart': core.HM_WARM,
  'cold-restart': core.HM_COLD,
  stop: core.HM_HALT,
  'shut-down': core.HM_SHUTDOWN,
};
/** What an application answers itself is delivered to it. */
const DELIVERED: readonly string[] = ['handler', 'restart-process', 'stop-process'];

function actionOf({ actions, otherwise, process }: FaultTable, code: number): number {
  const fault = CODES[code];
  const ofProcess = process.get(fault === undefined ? 'application' : (fault as ProcessFault));
  if (ofProcess !== undefined && DELIVERED.includes(ofProcess)) return core.HM_DELIVER;
  if (ofProcess === 'ignore' || ofProcess === 'log') return core.HM_IGNORE;
  const action = ACTIONS[(fault === undefined ? undefined : actions.get(fault)) ?? otherwise];
  // Of a program that is gone nothing is left to go on.
  return code === core.FAULT_EXIT && action < core.HM_WARM ? core.HM_HALT : action;
}
