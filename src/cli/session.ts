// One run of a system: the kernel process, the terminal or script in front of it, and how it ended.
import { closeSync, constants as fsConstants, openSync } from 'node:fs';
import type { KernelEvent, Plan } from '../kernel/plan.ts';
import { keepHead } from './audit-heads.ts';
import { bootBanner, exitSentence } from './banner.ts';
import { EXIT, type ExitStatus, Failure } from './failure.ts';
import type { Io } from './io.ts';
import { type KernelEnd, type KernelProcess, type RunnableSystem, startKernel } from './kernel-process.ts';
import { Management } from './management.ts';
import { Script, type ScriptOptions, Transcript } from './script.ts';
import { SystemView } from './system-view.ts';
import type { RawTerminal } from './terminal.ts';

export interface SessionOptions {
  /** Seconds. */
  readonly timeout?: number;
  /** The terminal that the console driver gets; without it this process is the terminal. */
  readonly raw?: RawTerminal;
  readonly script: ScriptOptions;
  /** Without steps: what comes here is typed. */
  readonly stdin?: NodeJS.ReadableStream;
  /** Shows console output as it comes (not with --json). */
  readonly echo?: (bytes: Uint8Array) => void;
  /** Of the console's output, what the outcome's transcript has at least. Default: what messages show. */
  readonly transcriptBytes?: number;
  /** Log lines and resets that the outcome tells of; more are only counted. Default: 10,000. */
  readonly keptEvents?: number;
  /** Further arguments of the kernel process. */
  readonly kernelArguments?: readonly string[];
  /** A new file for the audit log. */
  readonly audit?: string;
}

/** Why this side ended a run. */
type Cause = 'script-done' | 'until' | 'time-out' | 'interrupted' | 'fault';
export type Why = Cause | 'guests-done' | 'shutdown' | 'refused';

export interface Outcome {
  readonly status: ExitStatus;
  readonly why: Why;
  /** One sentence, for a person. */
  readonly message?: string;
  readonly transcript: string;
  /** Bytes that came before those of the transcript: only its newest part is kept. */
  readonly transcriptDropped?: number;
  /** Seconds since the start. */
  readonly seconds: { readonly started?: number; readonly ready?: number; readonly total: number };
  readonly events: readonly ({ readonly at: number } & KernelEvent)[];
  /** Log lines and resets that came after those: a partition can cause them without end. */
  readonly eventsDropped?: number;
  /** Steps of the script that were carried out. */
  readonly steps: number;
  /** Whether the output that was shown ends with a newline. */
  readonly endsLine: boolean;
}

/** Events that a partition can cause without end, and those that say only how far the audit log is. */
const ENDLESS: readonly KernelEvent['event'][] = ['log', 'reset', 'restarted', 'denied', 'fault', 'audited', 'windows'];

/** A new file: a log that is there already is not gone on with. */
function openAuditFile(file: string): number {
  try {
    return openSync(
      file,
      fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_EXCL | fsConstants.O_APPEND,
      0o600,
    );
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new Failure(
      EXIT.usage,
      `virtsec run: --audit: ${isThere ? `${file} is there already` : (error as Error).message}`,
      'name a new file',
    );
  }
}

/** When every guest is dead by a fault, a script has nothing to wait for; what they said last still comes out. */
const LAST_WORDS_MS = 2000;
/** How long a guest's end is held back: with a quit of the user's, all end within it. */
const NEWS_MS = 300;
const KEPT_EVENTS = 10_000;
/** Of the transcript, for messages. */
const LAST_LINES = 12;
const LAST_CHARACTERS = 2000;

/** Runs the plan to its end. Signals to this process end the system and make the outcome `interrupted`. */
export async function runSession(system: RunnableSystem, options: SessionOptions, io: Io): Promise<Outcome> {
  return new Session(system, options, io).run();
}

class Session {
  readonly #system: RunnableSystem;
  readonly #plan: Plan;
  readonly #options: SessionOptions;
  readonly #io: Io;
  readonly #script: Script;
  readonly #began = performance.now();
  readonly #output: Transcript;
  readonly #events: ({ at: number } & KernelEvent)[] = [];
  #eventsDropped = 0;
  #kernel: KernelProcess | undefined;
  #cause: Cause | undefined;
  #started: number | undefined;
  #ready: number | undefined;
  /** The worst exit status of a guest so far; a killed partition counts as 1. */
  #guestStatus = 0;
  #isOver = false;
  #lastWord: string | undefined;
  /** Whether the console's output so far ends with a newline. */
  #endsLine = true;
  readonly #aliveGuests: Set<string>;
  /** A person at the terminal decides when it ends; a script cannot. */
  readonly #isScripted: boolean;
  readonly #view: SystemView;
  #management: Management | undefined;

  constructor(system: RunnableSystem, options: SessionOptions, io: Io) {
    const { plan } = system;
    this.#system = system;
    this.#plan = plan;
    this.#options = options;
    this.#io = io;
    this.#script = new Script(options.script);
    this.#output = new Transcript(options.transcriptBytes ?? LAST_CHARACTERS);
    this.#isScripted = options.raw === undefined;
    this.#view = new SystemView(plan);
    this.#aliveGuests = new Set(plan.partitions.filter((one) => one.kind === 'guest').map((one) => one.name));
  }

  async run(): Promise<Outcome> {
    const { raw, timeout, stdin, audit } = this.#options;
    const auditFile = audit === undefined ? undefined : openAuditFile(audit);
    const hasTerminal = this.#plan.partitions.some((partition) => partition.terminal);
    const interrupt = (): void => this.#stop('interrupted');
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, interrupt);
    const kernel = startKernel(this.#system, {
      terminal: hasTerminal ? (raw?.terminal ?? 'pipes') : 'none',
      onEvent: (event) => this.#onEvent(event),
      args: this.#options.kernelArguments ?? [],
      ...(auditFile === undefined ? {} : { audit: auditFile }),
    });
    if (auditFile !== undefined) closeSync(auditFile);
    this.#kernel = kernel;
    this.#view.kernel = kernel.pid;
    this.#management = Management.open(this.#plan.system, this.#io.env, {
      view: this.#view,
      manage: (request) => kernel.manage(request),
      end: () => this.#stop('interrupted'),
    });
    const timer = timeout === undefined ? undefined : setTimeout(() => this.#stop('time-out'), timeout * 1000);
    kernel.output?.on('data', (bytes: Uint8Array) => this.#onOutput(bytes));
    if (kernel.input !== undefined) {
      if (stdin === undefined) this.#carryOut();
      else stdin.pipe(kernel.input); // its end ends the guest's input, not the run
    }
    try {
      const end = await kernel.end;
      this.#isOver = true;
      return this.#outcome(end);
    } finally {
      clearTimeout(timer);
      this.#management?.close();
      for (const signal of signals) process.removeListener(signal, interrupt);
      if (kernel.input !== undefined) stdin?.unpipe(kernel.input);
      await raw?.settle();
      raw?.restore();
    }
  }

  #seconds(): number {
    return Math.round(performance.now() - this.#began) / 1000;
  }

  #stop(cause: Cause): void {
    this.#cause ??= cause;
    this.#kernel?.stop();
  }

  #onOutput(bytes: Uint8Array): void {
    if (this.#cause !== undefined && this.#cause !== 'time-out') return; // the goal is reached: the rest is of no interest
    this.#output.add(bytes);
    this.#options.echo?.(bytes);
    this.#endsLine = bytes.at(-1) === 0x0a;
    this.#carryOut(bytes);
  }

  #carryOut(bytes?: Uint8Array): void {
    const { send, done } = this.#script.feed(bytes);
    if (this.#script.isReady) this.#ready ??= this.#seconds();
    if (send !== '') this.#kernel?.input?.write(Buffer.from(send, 'latin1'));
    if (done !== undefined) this.#stop(done === 'until' ? 'until' : 'script-done');
  }

  #note(sentence: string): void {
    // Where the console stands in the middle of a line is known only when this process is its terminal.
    const isMidLine = this.#options.raw !== undefined || (this.#options.echo !== undefined && !this.#endsLine);
    this.#io.note(`${isMidLine ? '\n' : ''}${this.#io.paint('note', 'cyan', 'virtsec:')} ${sentence}\n`);
    this.#endsLine = true;
  }

  #onEvent(event: KernelEvent): void {
    if (this.#management === undefined) this.#view.take(event);
    else this.#management.take(event);
    this.#keepAuditHead(event);
    const isEndless = ENDLESS.includes(event.event);
    if (isEndless && this.#events.length >= (this.#options.keptEvents ?? KEPT_EVENTS)) this.#eventsDropped += 1;
    else this.#events.push({ at: this.#seconds(), ...event });
    switch (event.event) {
      case 'started':
        this.#started = this.#seconds();
        this.#io.note(bootBanner(event, this.#plan.system, this.#options.raw !== undefined, this.#io));
        break;
      case 'exit':
        this.#onExit(event);
        break;
      case 'restarted':
        this.#note(`${event.name} runs${event.starts > 1 ? ' again' : ''}, after ${event.ms} ms.`);
        if (event.kind === 'guest') this.#aliveGuests.add(event.name);
        break;
      case 'reset':
        this.#note(`${event.partition} starts again.`);
        break;
      case 'log':
        this.#note(`${event.partition}: ${event.text.trimEnd()}`);
        break;
      case 'best-effort':
        this.#note(`time windows are best effort: ${event.reason}.`);
        break;
      case 'windows':
      case 'denied':
      case 'fault':
      case 'managed':
      case 'audited':
      case 'ended':
      case 'refused':
        break;
    }
  }

  #keepAuditHead(event: KernelEvent): void {
    const { audit } = this.#options;
    if (audit === undefined) return;
    const head = event.event === 'audited' ? event : event.event === 'ended' ? event.audit : undefined;
    if (head === undefined) return;
    keepHead(audit, head, this.#io.env);
    if (event.event === 'ended') this.#note(`audit log ${audit}: ${head.records} records, head ${head.head}`);
  }

  #onExit(exit: Extract<KernelEvent, { event: 'exit' }>): void {
    const partition = this.#plan.partitions.find((other) => other.name === exit.partition);
    const isGuest = partition?.kind === 'guest';
    if (isGuest && exit.by === 'exit') this.#guestStatus ||= exit.status;
    // Once the end was asked for, partitions end because of it.
    if (this.#cause !== undefined) return;
    const isFault = exit.by !== 'exit' && exit.by !== 'stopped';
    if (exit.restarts === true) {
      this.#note(`${exitSentence(this.#plan, exit) ?? exit.partition} It will be started again.`);
      return;
    }
    if (isGuest) {
      if (isFault) this.#guestStatus ||= 1;
      this.#aliveGuests.delete(exit.partition);
    }
    const sentence = exitSentence(this.#plan, exit);
    if (sentence === undefined) return;
    if (!isFault && this.#aliveGuests.size === 0) {
      // With the last guest the system ends: this sentence says why, unless the user's own quit does.
      this.#lastWord = sentence;
      return;
    }
    let way = '';
    if (isFault && this.#isScripted && this.#aliveGuests.size === 0) {
      setTimeout(() => this.#stop('fault'), LAST_WORDS_MS).unref();
    } else if (isFault) {
      way = ' The other partitions go on.';
      if (partition?.terminal === true) {
        // Nobody reads the terminal any more: its keys work as usual again, above all Ctrl-C.
        const { raw } = this.#options;
        void raw?.settle().then(() => raw.restore());
        way += ' Ctrl-C ends the system.';
      } else if (this.#aliveGuests.size === 0) way += ' Ctrl-] and then q ends the system.';
    }
    // A guest that powers off because the user has just ended the system is no news.
    if (isFault) this.#note(sentence + way);
    else setTimeout(() => this.#isOver || this.#note(sentence), NEWS_MS).unref();
  }

  #outcome(end: KernelEnd): Outcome {
    const transcript = this.#output.toString();
    const verdict = this.#verdict(end, transcript);
    return {
      ...verdict,
      transcript,
      ...(this.#output.dropped === 0 ? {} : { transcriptDropped: this.#output.dropped }),
      seconds: {
        ...(this.#started === undefined ? {} : { started: this.#started }),
        ...(this.#ready === undefined || this.#options.script.ready === undefined ? {} : { ready: this.#ready }),
        total: this.#seconds(),
      },
      events: this.#events,
      ...(this.#eventsDropped === 0 ? {} : { eventsDropped: this.#eventsDropped }),
      steps: this.#script.carriedOut,
      endsLine: this.#endsLine || this.#options.echo === undefined,
    };
  }

  #verdict(end: KernelEnd, transcript: string): { status: ExitStatus; why: Why; message?: string } {
    const waitsFor = this.#script.waitsFor;
    switch (this.#cause) {
      case 'until':
      case 'script-done':
        return { status: EXIT.ok, why: this.#cause };
      case 'fault': {
        const message = waitsFor === undefined ? undefined : `The script was still waiting for ${waitsFor}.`;
        return { status: EXIT.failed, why: 'fault', ...(message === undefined ? {} : { message }) };
      }
      case 'interrupted':
        return { status: EXIT.interrupted, why: 'interrupted', message: 'Interrupted.' };
      case 'time-out': {
        const tail = transcript.trimEnd().slice(-LAST_CHARACTERS).split('\n').slice(-LAST_LINES).join('\n');
        const shown = tail === '' ? 'The console showed nothing.' : `The console's last lines:\n${tail}`;
        const what = waitsFor === undefined ? 'the system still runs' : `still waiting for ${waitsFor}`;
        const message = `Time-out after ${this.#options.timeout} s: ${what}.${this.#options.raw === undefined ? ` ${shown}` : ''}`;
        return { status: EXIT.timeout, why: 'time-out', message };
      }
      case undefined:
    }
    if (end.refused !== undefined) {
      const status = end.ended?.status === EXIT.usage ? EXIT.usage : EXIT.internal;
      return { status, why: 'refused', message: `The kernel refused to start: ${end.refused.reason}` };
    }
    if (end.ended === undefined) {
      const how = end.signal === null ? `ended with status ${end.status}` : `was killed (${end.signal})`;
      const log = end.log.trim() === '' ? '' : ` Its log, for a report:\n${end.log.trim()}`;
      return {
        status: EXIT.internal,
        why: 'fault',
        message: `The kernel process ${how}; nothing of the system is left.${log}`,
      };
    }
    const { why, status } = end.ended;
    if (why === 'shutdown') {
      return { status: this.#guestStatus === 0 ? EXIT.ok : EXIT.failed, why, message: 'Ended from the console.' };
    }
    if (why === 'signal') {
      return { status: EXIT.interrupted, why: 'interrupted', message: 'The kernel process was told to end.' };
    }
    if (waitsFor !== undefined) {
      const message = `The system ended while the script was still waiting for ${waitsFor}.`;
      return { status: EXIT.failed, why: 'guests-done', message };
    }
    const isFailure = this.#guestStatus !== 0 || status !== 0 || why === 'fault';
    const message = this.#lastWord;
    return {
      status: isFailure ? EXIT.failed : EXIT.ok,
      why: why === 'fault' ? 'fault' : 'guests-done',
      ...(message === undefined ? {} : { message }),
    };
  }
}
