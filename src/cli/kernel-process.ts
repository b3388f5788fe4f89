// The kernel process as the command line sees it: a plan goes in, events come out (docs/design/seams.md).
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KernelEvent, ManagementRequest, Plan } from '../kernel/plan.ts';

const PROGRAM = fileURLToPath(new URL(`../kernel/hosted/main${extname(import.meta.filename)}`, import.meta.url));
const FLAGS = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning'];
/** A second request to stop kills at once, unless it is the same Ctrl-C on its two ways (terminal and launcher). */
const SAME_REQUEST_MS = 500;
/** How long the kernel process may take to end a system before it is killed. */
const STOP_MS = 6000; // above the time that partitions get to finish (STOP_GRACE_MS)
const LOG_BYTES = 64 * 1024;

/** Descriptors of the user's terminal, or `pipes`: then this process is the terminal. */
export type Terminal = { readonly input: number; readonly output: number } | 'pipes' | 'none';

/** How the kernel process ended. Without an `ended` or `refused` event that is a fault of Virtsec. */
export interface KernelEnd {
  readonly ended: Extract<KernelEvent, { event: 'ended' }> | undefined;
  readonly refused: Extract<KernelEvent, { event: 'refused' }> | undefined;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The newest part of its log. */
  readonly log: string;
}

export interface KernelProcess {
  readonly pid: number;
  readonly end: Promise<KernelEnd>;
  /** With `pipes`: what the guest shows, and what is typed. */
  readonly output?: Readable;
  readonly input?: Writable;
  /** Asks in the name of the plan's operator; the event `managed` answers. */
  manage(request: ManagementRequest): void;
  /** Asks it to end the system; kills it when that takes too long. */
  stop(): void;
}

export interface KernelOptions {
  readonly terminal: Terminal;
  readonly onEvent: (event: KernelEvent) => void;
  /** Further arguments of the kernel process. */
  readonly args?: readonly string[];
  /** Descriptor of the file that the audit log is appended to. */
  readonly audit?: number;
}

/** A plan, and the file that the kernel gets (plan-file.ts). */
export interface RunnableSystem {
  readonly plan: Plan;
  readonly file: Uint8Array;
}

export function startKernel({ file }: RunnableSystem, options: KernelOptions): KernelProcess {
  const { terminal } = options;
  const noFfi = process.env['VIRTSEC_NO_FFI']; // for tests of hosts without node:ffi
  const ends: ('pipe' | 'ignore' | number)[] =
    terminal === 'none'
      ? ['ignore', 'ignore']
      : terminal === 'pipes'
        ? ['pipe', 'pipe']
        : [terminal.input, terminal.output];
  const uses = ['--requests', ...(options.audit === undefined ? [] : ['--audit'])];
  const child = spawn(process.execPath, [...FLAGS, PROGRAM, ...uses, ...(options.args ?? [])], {
    env: noFfi === undefined ? {} : { VIRTSEC_NO_FFI: noFfi },
    // A session of its own has no controlling terminal: no key of the user's signals it, and nothing in it can type
    // into the user's shell (TIOCSTI).
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', ...ends, 'pipe', options.audit ?? 'ignore'],
  });
  const stream = (fd: number): unknown => child.stdio[fd];
  const planEnd = stream(3) as Writable;
  planEnd.on('error', () => {}); // a kernel process that died early: its end says so
  planEnd.end(file);

  const requests = stream(7) as Writable;
  requests.on('error', () => {});

  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_BYTES);
  });
  let ended: KernelEnd['ended'];
  let refused: KernelEnd['refused'];
  onLines(stream(4) as Readable, (line) => {
    const event = JSON.parse(line) as KernelEvent;
    if (event.event === 'ended') ended = event;
    if (event.event === 'refused') refused = event;
    options.onEvent(event);
  });
  const end = new Promise<KernelEnd>((resolve, reject) => {
    child.on('error', reject);
    // `close`, not `exit`: everything that it wrote has been read by then.
    child.on('close', (status, signal) => resolve({ ended, refused, status, signal, log }));
  });
  const pipes = terminal === 'pipes' ? { input: stream(5) as Writable, output: stream(6) as Readable } : {};
  if (terminal === 'pipes') (stream(5) as Writable).on('error', () => {}); // the console driver's death has its event
  const manage = (request: ManagementRequest) => void requests.write(`${JSON.stringify(request)}\n`);
  return { pid: child.pid ?? -1, end, ...pipes, manage, stop: stopper(child) };
}

function stopper(child: ChildProcess): () => void {
  let first: number | undefined;
  return () => {
    const now = performance.now();
    if (first !== undefined && now - first < SAME_REQUEST_MS) return;
    child.kill(first === undefined ? 'SIGTERM' : 'SIGKILL');
    first ??= now;
    setTimeout(() => child.kill('SIGKILL'), STOP_MS).unref();
  };
}

function onLines(stream: Readable, take: (line: string) => void): void {
  let open = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (open + text).split('\n');
    open = lines.pop()!;
    for (const line of lines) if (line !== '') take(line);
  });
}
