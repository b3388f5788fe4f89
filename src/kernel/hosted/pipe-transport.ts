// Partitions over pipes, for hosts without node:ffi. Every stream is a pair of child pipes that this process carries the bytes
// between; operations come as lines of JSON over a control pipe each. The core runs in this thread. Of the layers only
// what Node itself offers remains; there are no ports, and nothing that has ended is started again.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { MAX_PIPE_LINE, TEXT_BYTES, setUpLayers } from '../call-page.ts';
import type { HelloText, PartitionStart, PipeCall, PipeNews, StreamEnd } from '../call-page.ts';
import { FAULT_EXIT, FAULT_TRAP, OP_EXIT, OP_HELLO, OP_LOG, OP_RESET, OP_SHUTDOWN } from '../core/core.ts';
import { bootPlan, endsOf } from './boot-plan.ts';
import { readLog } from './log-lines.ts';
import { ENVIRONMENT, WORKING_DIRECTORY, findProgram, nodeArguments } from './programs.ts';
import { startOf } from './start-data.ts';
import { Supervisor } from './supervisor.ts';
import type { CoreEvent, Mechanism } from './supervisor.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';

const OPERATIONS = [OP_HELLO, OP_EXIT, OP_RESET, OP_SHUTDOWN, OP_LOG];

/** A control line, checked; anything else is operation 0, which no partition may call. */
function parseCall(line: string): Required<PipeCall> {
  try {
    const { op, argument, text = '' } = JSON.parse(line) as Record<string, unknown>;
    if (OPERATIONS.includes(op as number) && Number.isInteger(argument) && typeof text === 'string') {
      return { op: op as number, argument: (argument as number) | 0, text: text.slice(0, TEXT_BYTES) };
    }
  } catch {
    // falls through
  }
  return { op: 0, argument: 0, text: '' };
}

/** One process of a partition, as this side sees it. */
interface Child {
  readonly process: ChildProcess;
  readonly control: Duplex;
  /** Lines that came and are not served yet. */
  readonly waiting: string[];
  text: string;
  isReleased: boolean;
  listens: boolean;
  isEnding: boolean;
}

/** Throws, with the reason, when the plan asks for what pipes cannot do. */
export function openPipeTransport(noFfi: string, options: TransportOptions, events: TransportEvents): Transport {
  if (options.plan.partitions.some(({ ports = [] }) => ports.length > 0)) {
    throw new Error(`ports between partitions need node:ffi: ${noFfi}`);
  }
  const transport = new PipeTransport(noFfi, options, events);
  transport.turn();
  return transport;
}

class PipeTransport implements Transport {
  readonly layers: HelloText;
  readonly #noFfi: string;
  readonly #options: TransportOptions;
  readonly #events: TransportEvents;
  readonly #children: (Child | undefined)[];
  readonly #supervisor: Supervisor;
  readonly #pipes: { out?: Duplex; in?: Duplex }[];
  #timer: NodeJS.Timeout | undefined;
  #restarts = false;

  constructor(noFfi: string, options: TransportOptions, events: TransportEvents) {
    const { plan, words, without } = options;
    this.#noFfi = noFfi;
    this.#options = options;
    this.#events = events;
    this.#children = plan.partitions.map(() => undefined);
    this.#pipes = plan.streams.map(() => ({}));
    this.layers = setUpLayers(without, [
      ['no-new-privs', () => noFfi],
      ['no-io-uring', () => noFfi],
      ['landlock', () => noFfi],
      ['uid', () => noFfi],
      ['cgroup', () => noFfi],
      ['permission', () => undefined],
    ]);
    const { k, tick } = bootPlan(words);
    const mechanism: Mechanism = {
      copyMessage() {},
      readText: (p) => this.#children[p]?.text ?? '',
      answer: (p) => this.#answer(p),
      listen: (p, on) => this.#listen(p, on),
      // Bytes in a pipe are their own news, and its end that the peer is gone.
      wake: (p, _news, dead) => {
        const child = this.#children[p];
        if (child?.isEnding !== true) return;
        child.isEnding = false;
        tellPartition(child, { stopping: dead });
      },
      tellEnd: (p) => {
        const child = this.#children[p];
        if (child !== undefined) child.isEnding = true;
      },
      switchWindow() {},
      deadline: () => undefined,
      tell: (event: CoreEvent) => {
        if (event.event === 'died') this.#restarts = event.restarts;
        events.core(event);
      },
    };
    this.#supervisor = new Supervisor(k, tick, performance.now(), mechanism);
  }

  /** Lets the supervisor do what is due, and comes again when more is. */
  turn(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const next = this.#supervisor.turn(now);
    this.#timer = setTimeout(() => this.turn(), next - now);
  }

  pid(p: number): number {
    return this.#children[p]?.process.pid ?? 0;
  }

  start(p: number, kind: PartitionStart['startKind']): void {
    if (kind !== 'boot') throw new Error(`nothing is started again without node:ffi: ${this.#noFfi}`);
    const { plan, booted, openFiles, terminal, without, allowedPrograms } = this.#options;
    const partition = plan.partitions[p];
    const program = findProgram(partition.program, allowedPrograms)!;
    const opened = openFiles(p);
    const ends = endsOf(booted.k, p);
    // Descriptor numbers in the new process: 2 the log, 3 the control pipe, then the rest in order.
    const descriptors: ('pipe' | number)[] = ['pipe', 'pipe'];
    const give = (what: 'pipe' | number) => descriptors.push(what) + 1;
    const streams = ends.map(({ stream, direction }): StreamEnd => {
      const { name, bytes } = plan.streams[stream];
      return { name, direction, bytes, pipe: give('pipe') };
    });
    const start: PartitionStart = {
      ...startOf(plan, p, kind, without),
      streams,
      files: Object.fromEntries(opened.map(({ name, descriptor }) => [name, give(descriptor)])),
      ...(partition.terminal ? { terminal: { input: give(terminal!.input), output: give(terminal!.output) } } : {}),
      transport: 'pipes',
    };
    const flags = nodeArguments(program, !without.includes('permission'), false);
    this.#options.oomScore('partition');
    const process_ = spawn(process.execPath, [...flags, JSON.stringify(start)], {
      cwd: WORKING_DIRECTORY,
      env: { ...ENVIRONMENT, VIRTSEC_NO_FFI: '1' },
      stdio: ['ignore', 'ignore', ...descriptors],
    });
    this.#options.oomScore('own');
    for (const { descriptor } of opened) closeSync(descriptor);
    if (partition.terminal) for (const fd of Object.values(terminal!)) closeSync(fd);
    process_.on('error', (error) => this.#events.broken(`${partition.name}: ${error.message}`));
    const lastWords = readLog(process_.stderr!, (chunk) => this.#events.output(p, chunk));
    ends.forEach(({ stream, direction }, e) =>
      this.#join(stream, direction, process_.stdio[streams[e].pipe!] as Duplex),
    );
    const child: Child = {
      process: process_,
      control: process_.stdio[3] as Duplex,
      waiting: [],
      text: '',
      isReleased: false,
      listens: false,
      isEnding: false,
    };
    this.#children[p] = child;
    this.#hear(p, child);
    this.#supervisor.attach(p);
    process_.on('exit', (code, signal) => {
      this.#supervisor.died(p, signal === null ? FAULT_EXIT : FAULT_TRAP);
      const restarts = this.#restarts;
      this.turn();
      void lastWords().then(() => {
        this.#children[p] = undefined;
        this.#events.dead(p, { code, signal, restarts, wasOutOfMemory: false });
      });
    });
  }

  /** Joins the pipes of a stream's ends as soon as both are there. */
  #join(stream: number, direction: 'out' | 'in', pipe: Duplex): void {
    // Reset by a peer that is gone: the end of the stream, no error of ours.
    pipe.on('error', () => pipe.destroy());
    const ends = this.#pipes[stream];
    ends[direction] = pipe;
    const { out, in: into } = ends;
    if (out === undefined || into === undefined) return;
    out.pipe(into);
    // Whoever is left learns of it by the end of its own pipe.
    into.on('close', () => out.destroy());
    out.on('close', () => into.end());
  }

  #hear(p: number, child: Child): void {
    const { control } = child;
    let rest = '';
    control.on('error', () => control.destroy());
    (control as Readable).setEncoding('utf8');
    control.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_PIPE_LINE) {
        lines.push(rest); // not a call
        rest = '';
      }
      child.waiting.push(...lines);
      this.#serve(p, child);
      this.turn();
    });
  }

  #serve(p: number, child: Child): void {
    this.#supervisor.advance(performance.now());
    while (child.listens) {
      const line = child.waiting.shift();
      if (line === undefined) return;
      const call = parseCall(line);
      child.text = call.text;
      this.#supervisor.call(p, call.op, call.op === OP_LOG ? call.text.length : call.argument, 0, 0);
    }
  }

  #answer(p: number): void {
    const child = this.#children[p];
    if (child === undefined || child.isReleased) return; // only HELLO waits for its answer
    child.isReleased = true;
    tellPartition(child, { released: true });
  }

  #listen(p: number, on: boolean): void {
    const child = this.#children[p];
    if (child === undefined || child.listens === on) return;
    child.listens = on;
    if (!on) {
      child.control.pause(); // nothing more is read of it until it is listened to
      return;
    }
    child.control.resume();
    if (child.waiting.length > 0) {
      setImmediate(() => {
        this.#serve(p, child);
        this.turn();
      });
    }
  }

  seal(): void {}
  close(): void {}
  load(p: number): void {
    this.#supervisor.load(p);
    this.turn();
  }
  stop(): void {
    this.#supervisor.stop();
    this.turn();
  }
  fault(p: number, code: number): void {
    this.#supervisor.fault(p, code);
    this.turn();
  }
  failedToStart(p: number): void {
    this.#supervisor.died(p, FAULT_EXIT);
    this.turn();
  }
  manage(id: number, p: number, op: number, argument: number): void {
    this.#supervisor.manage(id, p, op, argument);
    this.turn();
  }
  kill(p: number): void {
    this.#children[p]?.process.kill('SIGKILL');
  }
}

function tellPartition({ control }: Child, news: PipeNews): void {
  control.write(`${JSON.stringify(news)}\n`);
}
