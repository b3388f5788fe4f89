// The life of the system, in the kernel's main thread: births, deaths and restarts of processes, what is told to the command, and the
// end. Decisions are the core's, which asks for all of it by its effects (CoreEvent).
import { constants } from 'node:os';
import { LAYERS, STOP_GRACE_MS } from '../call-page.ts';
import type { HelloText, Layer } from '../call-page.ts';
import type { AuditLog } from './audit-log.ts';
import { E_RIGHT, FAULT_APPLICATION, OP_RESTART, OP_START, OP_STOP } from '../core/core.ts';
import type { BootedPlan } from './boot-plan.ts';
import { LogLines, harmless } from './log-lines.ts';
import { hasProcess } from './programs.ts';
import type { KernelEvent, ManagementRequest, Plan } from '../plan.ts';
import type { CoreEvent } from './supervisor.ts';
import type { Death, Transport, TransportEvents } from './transport.ts';

/** Exit statuses (docs: "The command"): a guest that ended in failure; a fault of Virtsec itself. */
const STATUS_GUEST_FAULT = 1;
const STATUS_OWN_FAULT = 70;
/** What was asked to hold does not. */
const STATUS_NOT_HELD = 1;

/** A process must have said HELLO by then. */
const BIRTH_LIMIT_MS = 120_000;

/** Of the operator, under way. */
const MAX_REQUESTS = 16;

type Why = 'all-guests-done' | 'shutdown' | 'signal' | 'fault';

type Exit = Extract<KernelEvent, { event: 'exit' }>;
type FaultName = Exclude<Exit['by'], 'exit' | 'process-exit' | 'signal' | 'stopped'>;

/** What the fault is called for which the health monitor stops a partition (core.ts, FAULT_). */
function faultName(code: number): FaultName {
  if (code >= FAULT_APPLICATION) return 'raised';
  return FAULT_NAMES[code];
}
const FAULT_NAMES = ['illegal-call', 'no-exit', 'trap', 'deadline', 'window', 'heartbeat', 'memory', 'raised'] as const;

const isLayer = (name: string): name is Layer => (LAYERS as readonly string[]).includes(name);

/** What a partition says about its own layers; it is not believed beyond its form. */
function parseHello(text: string): HelloText {
  try {
    const value = JSON.parse(text) as { layers?: unknown; missing?: unknown };
    const layers = Array.isArray(value.layers) ? value.layers : [];
    const missing = Array.isArray(value.missing) ? (value.missing as unknown[]) : [];
    return {
      layers: layers.filter((l): l is Layer => typeof l === 'string' && isLayer(l)),
      missing: missing.flatMap((m) => {
        const { layer, reason } = (m ?? {}) as { layer?: unknown; reason?: unknown };
        return typeof layer === 'string' && isLayer(layer)
          ? [{ layer, reason: harmless(String(reason).slice(0, 200)) }]
          : [];
      }),
    };
  } catch {
    return { layers: [], missing: [] };
  }
}

/** One process of a partition. */
interface Life {
  hello: HelloText | undefined;
  /** Status of its EXIT. */
  exited: number | undefined;
  /** Why the kernel has killed it; undefined: it has not. `end`: the system ends, and its death says nothing about it. */
  killedFor: FaultName | 'stopped' | 'end' | undefined;
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
}

interface PartitionRecord {
  life: Life | undefined;
  /** Processes so far. */
  starts: number;
  /** The core has asked for a process: one starts as soon as there is none. */
  wanted: 'boot' | 'warm' | 'cold' | undefined;
  /** Another process will follow the one that died. */
  restarts: boolean;
  readonly log: LogLines;
}

export interface SystemPowers {
  readonly emit: (event: KernelEvent) => void;
  readonly audit: AuditLog | undefined;
  /** Without these layers around it no partition runs. */
  readonly required: readonly Layer[];
  /** Ends the kernel process. */
  readonly leave: (status: number) => never;
}

const headOf = ({ records, head }: AuditLog) => ({ records, head });

export class System {
  readonly #plan: Plan;
  readonly #booted: BootedPlan;
  readonly #powers: SystemPowers;
  readonly #records: readonly PartitionRecord[];
  #transport: Transport | undefined;
  /** All partitions that start by themselves were there once. */
  #isUp = false;
  #ending: { readonly why: Why; readonly status: number } | undefined;
  #guestFault = false;
  #isBestEffort = false;

  constructor(plan: Plan, booted: BootedPlan, powers: SystemPowers) {
    this.#plan = plan;
    this.#booted = booted;
    this.#powers = powers;
    this.#records = plan.partitions.map((p) => ({
      life: undefined,
      starts: 0,
      wanted: undefined,
      restarts: booted.k.startsItself[plan.partitions.indexOf(p)] === 1 && hasProcess(p),
      log: new LogLines((text) => powers.emit({ event: 'log', partition: p.name, text })),
    }));
  }

  async run(open: (events: TransportEvents) => Promise<Transport>): Promise<void> {
    const early: CoreEvent[] = [];
    process.on('SIGTERM', () => this.#end('signal', 128 + constants.signals.SIGTERM));
    process.on('SIGINT', () => this.#end('signal', 128 + constants.signals.SIGINT));
    const transport = await open({
      core: (event) => (this.#transport === undefined ? early.push(event) : this.#onCore(event)),
      dead: (partition, death) => this.#onDead(partition, death),
      output: (partition, chunk) => this.#records[partition].log.bytes(chunk),
      broken: (reason) => this.#fail(reason),
    });
    this.#transport = transport;
    for (const event of early) this.#onCore(event);
    if (this.#ending !== undefined) this.#endWhenAllAreDead(); // by a signal, before anything was started
  }

  /** To the command, and to the audit log. */
  #tell(event: KernelEvent): void {
    const { audit } = this.#powers;
    if (event.event === 'denied' || event.event === 'fault' || event.event === 'reset') {
      audit?.addOf(event.partition, event.event, event);
      const p = this.#plan.partitions.findIndex(({ name }) => name === event.partition);
      if (!this.#records[p].log.admits()) return;
    } else audit?.add(event.event, event);
    this.#powers.emit(event);
  }

  #name(p: number): string {
    return this.#plan.partitions[p].name;
  }

  #onCore(event: CoreEvent): void {
    switch (event.event) {
      case 'died':
        // Of one that was asked for and could not be started.
        if (this.#records[event.partition].life === undefined) this.#onHalted(event.partition, event.restarts);
        break;
      case 'ready':
        if (event.weakness !== undefined && !this.#isBestEffort) {
          this.#isBestEffort = true;
          this.#tell({ event: 'best-effort', reason: event.weakness });
        }
        break;
      case 'windows':
        this.#powers.emit(event);
        break;
      case 'managed': {
        const request = this.#requests.get(event.id);
        this.#requests.delete(event.id);
        if (request !== undefined) this.#tell({ event: 'managed', ...request, result: event.result });
        break;
      }
      case 'fault':
        this.#tell({ event: 'fault', partition: this.#name(event.partition), fault: faultName(event.code) });
        break;
      case 'load': {
        const record = this.#records[event.partition];
        record.wanted = record.starts === 0 ? 'boot' : event.warm ? 'warm' : 'cold';
        this.#startWanted(event.partition);
        break;
      }
      case 'kill': {
        const { life } = this.#records[event.partition];
        if (life !== undefined) life.killedFor ??= event.code < 0 ? 'stopped' : faultName(event.code);
        this.#kill(event.partition);
        break;
      }
      case 'hello':
        this.#onHello(event.partition, parseHello(event.text));
        break;
      case 'log':
        this.#records[event.partition].log.text(event.text);
        break;
      case 'reset':
        this.#tell({ event: 'reset', partition: this.#name(event.partition) });
        break;
      case 'exit': {
        const { life } = this.#records[event.partition];
        if (life !== undefined) life.exited = event.status;
        if (event.allDone) this.#end('all-guests-done', event.systemStatus);
        break;
      }
      case 'shutdown':
        this.#end('shutdown', event.systemStatus);
        break;
      case 'illegal': {
        this.#tell({ event: 'denied', partition: this.#name(event.partition), op: event.op });
        const { life } = this.#records[event.partition];
        if (life === undefined || !event.early) break; // the core judges it
        life.killedFor = 'illegal-call';
        this.#kill(event.partition);
        break;
      }
    }
  }

  /** A request of whoever operates the system from outside: the operator of the plan makes it, and the core decides. */
  manage(request: ManagementRequest): void {
    const { partitions } = this.#plan;
    const operator = partitions.findIndex((p) => !hasProcess(p));
    const port = partitions[operator]?.ports?.find(({ kind, name }) => kind === 'manage' && name === request.partition);
    const refuse = (reason: string) => this.#tell({ event: 'managed', ...request, result: E_RIGHT, reason });
    if (operator < 0) refuse('the plan has no operator');
    else if (port === undefined) refuse(`the plan does not let ${partitions[operator].name} manage it`);
    else if (!this.#isUp || this.#requests.size === MAX_REQUESTS) refuse('the system is busy');
    else {
      const id = this.#nextRequest++;
      this.#requests.set(id, request);
      const op = { start: OP_START, stop: OP_STOP, restart: OP_RESTART }[request.do];
      this.#transport!.manage(id, operator, op, port.handle);
    }
  }
  /** Requests under way, by the numbers that the core thread knows them by. */
  readonly #requests = new Map<number, ManagementRequest>();
  #nextRequest = 0;

  #startWanted(p: number): void {
    const record = this.#records[p];
    const kind = record.wanted;
    if (kind === undefined || record.life !== undefined || this.#ending !== undefined) return;
    record.wanted = undefined;
    if (!hasProcess(this.#plan.partitions[p])) {
      this.#transport!.load(p);
      return;
    }
    record.starts += 1;
    const life: Life = {
      hello: undefined,
      exited: undefined,
      killedFor: undefined,
      since: performance.now(),
      timer: setTimeout(() => this.#onSlowBirth(p), BIRTH_LIMIT_MS),
    };
    record.life = life;
    try {
      this.#transport!.start(p, kind);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#isUp) this.#fail(`${this.#name(p)}: ${reason}`);
      clearTimeout(life.timer);
      record.life = undefined;
      record.log.text(`cannot be started: ${reason}`);
      this.#transport!.failedToStart(p);
    }
  }

  #onSlowBirth(p: number): void {
    if (this.#isUp) this.#transport!.kill(p);
    else this.#fail('not every partition has said HELLO');
  }

  #onHello(p: number, hello: HelloText): void {
    const { life, starts } = this.#records[p];
    if (life === undefined) return;
    life.hello = hello;
    clearTimeout(life.timer);
    if (!this.#isUp) {
      this.#comeUpWhenAllAreThere();
      return;
    }
    if (this.#ending !== undefined) return;
    const lack = this.#lack(p);
    if (lack !== undefined) {
      this.#records[p].log.text(lack);
      this.#kill(p);
      return;
    }
    const ms = Math.round(performance.now() - life.since);
    this.#tell({ event: 'restarted', starts, ms, ...this.#describe(p) });
    this.#transport!.load(p);
  }

  #describe(p: number) {
    const { name, kind } = this.#plan.partitions[p];
    const transport = this.#transport!;
    const hello = this.#records[p].life!.hello!;
    const missing = [...hello.missing, ...transport.layers.missing];
    return {
      name,
      kind,
      pid: transport.pid(p),
      layers: LAYERS.filter((l) => transport.layers.layers.includes(l) || hello.layers.includes(l)).filter(
        // Two domains: the one of birth and the partition's own. Both must stand.
        (l) => !missing.some((m) => m.layer === l),
      ),
      missing: [...new Map(missing.map((m) => [m.layer, m])).values()],
    };
  }

  /** The first layer that is required and does not stand around a partition. */
  #lack(p: number): string | undefined {
    const { name, layers, missing } = this.#describe(p);
    const lack = this.#powers.required.find((layer) => !layers.includes(layer));
    if (lack === undefined) return undefined;
    return `the jail of ${name} lacks ${lack}: ${missing.find(({ layer }) => layer === lack)?.reason ?? 'it was not set up'}`;
  }

  #comeUpWhenAllAreThere(): void {
    if (this.#isUp || this.#ending !== undefined) return;
    const first = this.#plan.partitions.flatMap((partition, p) =>
      hasProcess(partition) && this.#booted.k.startsItself[p] === 1 ? [p] : [],
    );
    if (first.some((p) => this.#records[p].life?.hello === undefined)) return;
    for (const p of first) {
      const lack = this.#lack(p);
      if (lack !== undefined) this.#fail(lack, STATUS_NOT_HELD);
    }
    this.#isUp = true;
    this.#tell({ event: 'started', partitions: first.map((p) => this.#describe(p)) });
    this.#transport!.seal();
    for (const p of first) this.#transport!.load(p);
  }

  #onDead(p: number, { code, signal, restarts, wasOutOfMemory }: Death): void {
    const record = this.#records[p];
    const life = record.life!;
    record.life = undefined;
    record.restarts = restarts;
    clearTimeout(life.timer);
    record.log.end();
    if (life.exited !== undefined) {
      this.#tell({ event: 'exit', partition: this.#name(p), by: 'exit', status: life.exited });
    } else if (life.killedFor !== 'end') {
      const number = signal === null ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0);
      const status = signal === null ? (code ?? 0) : 128 + number;
      const by = life.killedFor ?? (wasOutOfMemory ? 'memory' : signal === null ? 'process-exit' : 'signal');
      this.#tell({
        event: 'exit',
        partition: this.#name(p),
        by,
        status,
        ...(signal === null ? {} : { signal }),
        ...(restarts ? { restarts } : {}),
      });
      if (this.#ending === undefined && !this.#isUp) {
        this.#fail(`${this.#name(p)} ended before the system had started`);
      } else this.#onHalted(p, restarts);
    }
    this.#startWanted(p);
    if (this.#ending !== undefined) this.#tellEnd();
    this.#endWhenAllAreDead();
  }

  /** A fault has ended a partition's process, and perhaps the partition. */
  #onHalted(p: number, restarts: boolean): void {
    const record = this.#records[p];
    record.restarts = restarts;
    if (!restarts && this.#booted.k.counts[p] === 1) this.#guestFault = true;
    if (!this.#canStillEnd()) this.#end('fault', STATUS_GUEST_FAULT);
  }

  /** A fault takes nothing else down; but a system in which nobody is left to end it has ended. */
  #canStillEnd(): boolean {
    const { mayShutDown, counts } = this.#booted.k;
    return this.#records.some(
      ({ life, restarts, wanted }, p) =>
        (life !== undefined || restarts || wanted !== undefined) && (mayShutDown[p] === 1 || counts[p] === 1),
    );
  }

  #kill(p: number): void {
    this.#transport?.kill(p);
  }

  #killSoon(p: number, ms: number): void {
    const { life } = this.#records[p];
    if (life === undefined) return;
    clearTimeout(life.timer);
    life.timer = setTimeout(() => {
      life.killedFor = 'end';
      this.#kill(p);
    }, ms);
  }

  #end(why: Why, status: number): void {
    if (this.#ending !== undefined) return;
    this.#ending = { why, status };
    this.#tellEnd();
    // Who is not there yet has no last words.
    this.#records.forEach(({ life }, p) => {
      if (life !== undefined) this.#killSoon(p, this.#isUp && life.hello !== undefined ? STOP_GRACE_MS : 0);
    });
    this.#endWhenAllAreDead();
  }

  /**
   * Drivers still have the last words of those to bring out that have said EXIT, and first learn that these are gone: nothing more
   * will come.
   */
  #tellEnd(): void {
    if (!this.#isUp || this.#records.some(({ life }) => life?.exited !== undefined)) return;
    this.#transport?.stop();
  }

  /** A fault of the kernel's own: nothing is waited for. Partitions die with the spawner thread. */
  #fail(reason: string, status = STATUS_OWN_FAULT): void {
    if (this.#ending !== undefined) return;
    this.#ending = { why: 'fault', status };
    this.#tell({ event: 'refused', reason });
    this.#records.forEach((_, p) => this.#kill(p));
    this.#tellEnded('fault', status);
  }

  #endWhenAllAreDead(): void {
    if (this.#ending === undefined || this.#transport === undefined) return;
    if (this.#records.some(({ life }) => life !== undefined)) return;
    const { why, status } = this.#ending;
    const final = status === 0 && this.#guestFault ? STATUS_GUEST_FAULT : status;
    this.#tellEnded(why, final);
  }

  #tellEnded(why: Why, status: number): void {
    const { audit, emit, leave } = this.#powers;
    this.#transport?.close();
    audit?.add('ended', { why, status });
    emit({ event: 'ended', why, status, ...(audit === undefined ? {} : { audit: headOf(audit) }) });
    leave(status);
  }
}
