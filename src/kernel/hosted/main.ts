// The kernel process (docs/design/seams.md): plan on descriptor 3, events on 4, the terminal to pass on as 5 and 6,
// requests of the operator on 7, the audit log on 8.
// This thread holds Node's event loop; the life of the system is system.ts.
import { createHash } from 'node:crypto';
import { closeSync, constants as fsConstants, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { LAYERS } from '../call-page.ts';
import type { Layer } from '../call-page.ts';
import { PlanFileError, openPlanFile } from '../plan-file.ts';
import { contradiction } from '../plan-names.ts';
import type { KernelEvent, ManagementRequest, Plan, PlanFileEntry } from '../plan.ts';
import { provedCore, whyNotProved } from '../proved-core.ts';
import { AuditLog } from './audit-log.ts';
import { bootPlan } from './boot-plan.ts';
import type { BootedPlan } from './boot-plan.ts';
import { closeOnExecFrom, dieWithParent, exitProcess, whyNoFfi } from './linux.ts';
import { harmless } from './log-lines.ts';
import { PlanError, checkPlan } from './plan-check.ts';
import { System } from './system.ts';
import type { OpenFile } from './transport.ts';

const PLAN_FD = 3;
const EVENTS_FD = 4;
const TERMINAL = { input: 5, output: 6 };
const REQUESTS_FD = 7;
const AUDIT_FD = 8;
/** Longest request, in characters. */
const MAX_REQUEST = 1024;
/** How often the command is told how far the audit log is. */
const AUDITED_MS = 1000;

/** Exit statuses (docs: "The command"): wrong input; a fault of Virtsec itself. */
const STATUS_REFUSED = 2;
const STATUS_OWN_FAULT = 70;

const noFfi = whyNoFfi();

/** Ends this process without waiting for the core thread, which sleeps in a system call. */
function leave(status: number): never {
  if (noFfi === undefined) exitProcess(status);
  process.exit(status);
}

/** One line on the event descriptor. The CLI is the only reader; when it is gone, so is the system. */
function emit(event: KernelEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let sent = 0; sent < line.length;) {
    try {
      sent += writeSync(EVENTS_FD, line, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') leave(STATUS_OWN_FAULT);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); // the reader is slow: 2 ms
    }
  }
}

function refuse(reason: string): never {
  emit({ event: 'refused', reason });
  emit({ event: 'ended', why: 'fault', status: STATUS_REFUSED });
  leave(STATUS_REFUSED);
}

const isLayer = (name: string): name is Layer => (LAYERS as readonly string[]).includes(name);

/** Hears the operator. */
function openRequests(system: System): void {
  const pipe = new Socket({ fd: REQUESTS_FD, readable: true, writable: false });
  pipe.setEncoding('utf8').on('error', () => pipe.destroy());
  let rest = '';
  pipe.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_REQUEST);
    for (const line of lines) {
      const request = parseRequest(line);
      if (request !== undefined) system.manage(request);
    }
  });
  pipe.unref();
}

function parseRequest(line: string): ManagementRequest | undefined {
  try {
    const { id, do: what, partition } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (!Number.isSafeInteger(id) || typeof partition !== 'string') return undefined;
    if (what !== 'start' && what !== 'stop' && what !== 'restart') return undefined;
    return { id: id as number, do: what, partition: partition.slice(0, 64) };
  } catch {
    return undefined;
  }
}

/** The audit log. Its first record says what runs: plan, core and Node. */
function openAudit(plan: string): AuditLog {
  const audit = new AuditLog((line) => void writeSync(AUDIT_FD, line));
  audit.add('boot', { plan, core: provedCore().sha256, node: process.version });
  let told = 0;
  setInterval(() => {
    if (audit.records === told) return;
    told = audit.records;
    emit({ event: 'audited', records: audit.records, head: audit.head });
  }, AUDITED_MS).unref();
  return audit;
}

function exists(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens a file that a partition gets, and holds it against the plan's hash. Whoever wrote the description may have named
 * anything: a pipe would be waited for, a device acts when it is opened, and a terminal would become this session's.
 */
function openFile({ path, sha256, writable = false }: PlanFileEntry): number {
  const access = writable ? fsConstants.O_RDWR | fsConstants.O_NOFOLLOW : fsConstants.O_RDONLY;
  const descriptor = openSync(path, access | fsConstants.O_NONBLOCK | fsConstants.O_NOCTTY);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${path} is not a regular file`);
    if (sha256 !== undefined && hashOf(descriptor) !== sha256)
      throw new Error(`${path} is not what the plan was made for`);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** SHA-256 of a file in hexadecimal; the descriptor's position stays where it is. */
function hashOf(descriptor: number): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(1 << 20);
  for (let at = 0; ;) {
    const bytes = readSync(descriptor, buffer, 0, buffer.length, at);
    if (bytes === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytes));
    at += bytes;
  }
}

/**
 * How willing the host is to kill this process, and what it starts from then on, when memory runs out (proc(5),
 * oom_score_adj: -1000..1000): a partition can use memory without bound, and is to go before the kernel does.
 */
function openOomScore(): (score: 'partition' | 'own') => void {
  try {
    const descriptor = openSync('/proc/self/oom_score_adj', 'r+');
    const own = readFileSync(descriptor, 'utf8');
    return (score) => void writeSync(descriptor, score === 'own' ? own : '1000', 0);
  } catch {
    return () => {}; // this host has no such thing
  }
}

function watchForOrphanhood(parent: number): void {
  if (noFfi === undefined) {
    if (!dieWithParent(parent)) leave(STATUS_OWN_FAULT);
    return;
  }
  setInterval(() => {
    if (process.ppid !== parent) leave(STATUS_OWN_FAULT);
  }, 250).unref();
}

async function main(): Promise<void> {
  const parent = process.ppid;
  // What our own caller left open must reach no partition.
  if (noFfi === undefined) closeOnExecFrom(3);
  watchForOrphanhood(parent);

  const { values } = parseArgs({
    options: {
      'without-layer': { type: 'string', multiple: true, default: [] },
      // What the descriptors 7 and 8 are for; without these words they may be anything, Node's own too.
      requests: { type: 'boolean', default: false },
      audit: { type: 'boolean', default: false },
      'require-layer': { type: 'string', multiple: true, default: [] },
      'allow-program': { type: 'string', multiple: true, default: [] },
      'unproved-core': { type: 'boolean', default: false },
    },
  });
  const notProved = whyNotProved();
  if (notProved !== undefined && !values['unproved-core']) refuse(notProved);
  const layersOf = (option: 'without-layer' | 'require-layer'): Layer[] => {
    const layers = values[option].filter(isLayer);
    if (layers.length < values[option].length) refuse(`--${option} takes one of ${LAYERS.join(', ')}`);
    return layers;
  };
  const without = layersOf('without-layer');
  const required = layersOf('require-layer');
  const allowedPrograms = values['allow-program'];

  let plan: Plan;
  let words: Int32Array;
  let hash: string;
  let booted: BootedPlan;
  try {
    const file = openPlanFile(readFileSync(PLAN_FD));
    closeSync(PLAN_FD);
    plan = checkPlan(file.names, allowedPrograms);
    ({ words, hash } = file);
    booted = bootPlan(words);
    const wrong = contradiction(plan, booted.k);
    if (wrong !== undefined) throw new PlanError(wrong);
  } catch (error) {
    const isRefusal = error instanceof PlanError || error instanceof PlanFileError;
    refuse(isRefusal ? error.message : `the plan cannot be read: ${String(error)}`);
  }
  // Those of the first processes are opened before anything is started: what cannot be opened is refused.
  const openFiles = (p: number): OpenFile[] =>
    plan.partitions[p].files.map((file) => {
      try {
        return { name: file.name, descriptor: openFile(file) };
      } catch (error) {
        throw new Error(harmless(`file ${file.name}: ${(error as Error).message}`), { cause: error });
      }
    });
  const firstFiles = new Map<number, OpenFile[]>();
  for (const [p, { name }] of plan.partitions.entries()) {
    try {
      firstFiles.set(p, openFiles(p));
    } catch (error) {
      refuse(`${name}: ${(error as Error).message}`);
    }
  }
  const terminal = exists(TERMINAL.input) && exists(TERMINAL.output) ? TERMINAL : undefined;
  if (terminal === undefined && plan.partitions.some((p) => p.terminal)) {
    refuse('a partition has the terminal, but descriptors 5 and 6 are not open');
  }
  const options = {
    plan,
    words,
    booted,
    without,
    allowedPrograms,
    openFiles: (p: number) => {
      const files = firstFiles.get(p) ?? openFiles(p);
      firstFiles.delete(p);
      return files;
    },
    oomScore: openOomScore(),
    terminal,
  };
  const system = new System(plan, booted, { emit, leave, audit: values.audit ? openAudit(hash) : undefined, required });
  if (values.requests) openRequests(system);
  // Only the mechanism of this host is loaded.
  await system.run(async (events) =>
    noFfi === undefined
      ? (await import('./memory-transport.ts')).openMemoryTransport(options, events)
      : (await import('./pipe-transport.ts')).openPipeTransport(noFfi, options, events),
  );
}

main().catch((error: unknown) => {
  emit({ event: 'refused', reason: error instanceof Error ? error.message : String(error) });
  emit({ event: 'ended', why: 'fault', status: STATUS_OWN_FAULT });
  leave(STATUS_OWN_FAULT);
});
