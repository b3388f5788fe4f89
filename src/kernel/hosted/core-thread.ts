// The core thread: the one place where the core's tables live. It sleeps in one futex_waitv over all doorbells and moves words
// between call pages and the core; what is decided when is the Supervisor's. It never waits for a partition, never returns
// to an event loop, and allocates nothing on the path of a NOTIFY.
import { availableParallelism } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import * as abi from '../call-page.ts';
import { bootPlan, hasWindows } from './boot-plan.ts';
import * as linux from './linux.ts';
import { Patience } from './patience.ts';
import { NOBODY, Supervisor, isBounded } from './supervisor.ts';
import type { CoreEvent, Mechanism } from './supervisor.ts';
import { EARLY_MS, Lateness, runFirst } from './windows.ts';

export interface CoreThreadData {
  /** The plan's words (plan-load.ts). */
  readonly words: Int32Array;
  /** Addresses of the call pages, by partition. A new process has a new page, at the same address. */
  readonly pages: readonly bigint[];
  /** Address of the word that the main thread rings after it has posted a CoreRequest. */
  readonly bell: bigint;
  /** By partition: the plan says what is done about a missed window or deadline. */
  readonly timed: readonly boolean[];
  /** By partition: events of it that the main thread has not taken yet (`isBounded`). */
  readonly pending: Int32Array<SharedArrayBuffer>;
}

/** Of a partition's events beyond these, the bounded ones are lost: a main thread that is held up is not to fill memory. */
const MAX_PENDING = 256;

/** From the main thread. */
export type CoreRequest =
  /** The partition has another process: its page is in place, `wakePipe` is the (non-blocking) write end for it. */
  | { readonly request: 'attach'; readonly partition: number; readonly process: number; readonly wakePipe: number }
  /**
   * The HELLO of that process may be answered (NOBODY: of a partition without one, there is none). `threads`: what windows are
   * enforced by (windows.ts), of a partition that has any.
   */
  | {
      readonly request: 'load';
      readonly partition: number;
      readonly process: number;
      readonly threads: readonly number[];
    }
  /** Dead for certain. `code`: the fault that it is, unless the core has had it stopped. */
  | { readonly request: 'died'; readonly partition: number; readonly code: number }
  | { readonly request: 'fault'; readonly partition: number; readonly code: number }
  | {
      readonly request: 'manage';
      readonly id: number;
      readonly partition: number;
      readonly op: number;
      readonly argument: number;
    }
  | { readonly request: 'stop' };

/** How often the main thread is told how late windows began. */
const REPORT_MS = 1000;

/** A clock in ms of CLOCK_MONOTONIC that allocates nothing: performance.now() counts from another origin, at the same rate. */
function openClock(): () => number {
  // An origin that is too late makes waits longer; one that is too early (this thread was held up between the two looks)
  // would let a sleep end before it should, again and again.
  let origin = Infinity;
  for (let i = 0; i < 16; i++) {
    const first = performance.now();
    origin = Math.min(origin, Number(process.hrtime.bigint()) / 1e6 - first);
  }
  return () => origin + performance.now();
}

function run(port: NonNullable<typeof parentPort>, data: CoreThreadData): void {
  const { k, tick } = bootPlan(data.words);
  const n = k.np;
  const pages = data.pages.map((at) => new Int32Array(linux.memoryAt(at, abi.CALL_PAGE_BYTES)));
  const wakeAddress = data.pages.map((at) => at + BigInt(abi.W_WAKE * 4));
  const answeredAddress = data.pages.map((at) => at + BigInt(abi.W_ANSWERED * 4));
  const wakePipes = new Int32Array(n).fill(-1);
  /** By partition: the number of its process. */
  const attached = new Int32Array(n).fill(NOBODY);
  const bell = new Int32Array(linux.memoryAt(data.bell, 4));
  const byte = new Uint8Array([1]);
  const byteAddress = linux.addressOf(byte);
  const decoder = new TextDecoder();

  /** Doorbell values served. */
  const seen = new Int32Array(n);
  const listening = new Uint8Array(n);
  let bellSeen = 0;
  // A word that nobody ever rings, in the place of a doorbell that is not looked at.
  const quiet = new Int32Array(1);
  const quietAddress = linux.addressOf(quiet);
  const places = new linux.FutexSet([...data.pages.map(() => quietAddress), data.bell]);
  /** By partition: its page says that this thread is awake. That of who has called since this thread last slept, so that nobody else learns of it. */
  const awake = new Uint8Array(n);

  const mechanism: Mechanism = {
    copyMessage(p, bytes, into) {
      const words = (bytes + 3) >> 2;
      for (let i = 0; i < words; i++) into[i] = pages[p][abi.W_TEXT + i];
    },
    readText(p, bytes) {
      // Copied before it is decoded: the partition may go on writing.
      const length = Math.max(0, Math.min(bytes, abi.TEXT_BYTES));
      return decoder.decode(new Uint8Array(pages[p].buffer, abi.W_TEXT * 4, length).slice());
    },
    answer(p, result, out, count) {
      const page = pages[p];
      for (let i = 0; i < count; i++) page[abi.W_OUT + i] = out[i];
      page[abi.W_OUT_COUNT] = count;
      Atomics.store(page, abi.W_RESULT, result);
      Atomics.store(page, abi.W_ANSWERED, seen[p]);
      if (Atomics.load(page, abi.W_SLEEPS) !== 0) linux.futexWake(answeredAddress[p], 64);
    },
    listen(p, on) {
      listening[p] = on ? 1 : 0;
      places.point(p, on ? data.pages[p] : quietAddress);
      places.expect(p, on ? seen[p] : 0);
    },
    wake(p, news, dead) {
      const page = pages[p];
      if (news !== 0) Atomics.or(page, abi.W_STREAM_NEWS, news);
      Atomics.store(page, abi.W_PEER_DEAD, dead);
      const before = Atomics.add(page, abi.W_WAKE, 1);
      if (Atomics.load(page, abi.W_SLEEPERS) !== 0) linux.futexWake(wakeAddress[p], 64);
      // Else a byte is under way; a full pipe (EAGAIN) has bytes enough.
      if (Atomics.load(page, abi.W_HEARD) === before) linux.writeByte(wakePipes[p], byteAddress);
    },
    tellEnd(p) {
      Atomics.store(pages[p], abi.W_STOPPING, 1);
    },
    switchWindow(from, to, at, missed) {
      if (from >= 0 && !supervisor.isIn(from)) signalThreads(from, linux.SIGSTOP);
      if (to >= 0) signalThreads(to, linux.SIGCONT);
      lateness.add(now() - at);
      if (missed && from >= 0) lateness.missed += 1;
    },
    deadline: (p) => (data.timed[p] ? Atomics.load(pages[p], abi.W_DEADLINE) : undefined),
    tell(event: CoreEvent) {
      if (isBounded(event)) {
        if (Atomics.load(data.pending, event.partition) >= MAX_PENDING) return;
        Atomics.add(data.pending, event.partition, 1);
      }
      port.postMessage(event);
    },
  };
  const now = openClock();
  const withWindows = hasWindows(k);
  const weakness = withWindows ? runFirst() : undefined;
  const spinMs = withWindows && weakness === undefined ? EARLY_MS : 0;
  const lateness = new Lateness();
  // With windows a processor that this thread looks on would be taken from whose window it is; and alone it would keep it from who is to call.
  const patience = withWindows || availableParallelism() === 1 ? undefined : new Patience();
  let hasServed = false;
  let reportAt = 0;
  /** By partition: pidfds of its threads. */
  const threads: (readonly bigint[])[] = data.pages.map(() => []);
  const supervisor = new Supervisor(k, tick, now(), mechanism);

  /** A stopped thread is continued with all others of its process, so one is enough. */
  function signalThreads(p: number, signal: number): void {
    for (const thread of threads[p]) {
      linux.sendSignal(thread, signal);
      if (signal === linux.SIGCONT) break;
    }
  }

  function look(p: number): void {
    const ring = Atomics.load(pages[p], abi.W_DOORBELL);
    if (ring === seen[p]) return;
    seen[p] = ring;
    const page = pages[p];
    hasServed = true;
    if (patience !== undefined && awake[p] === 0) {
      awake[p] = 1;
      Atomics.store(page, abi.W_AWAKE, 1);
    }
    const op = Atomics.load(page, abi.W_OP);
    supervisor.call(
      p,
      op,
      Atomics.load(page, abi.W_ARG0),
      Atomics.load(page, abi.W_ARG1),
      Atomics.load(page, abi.W_ARG2),
    );
    if (listening[p] === 1) places.expect(p, seen[p]);
  }

  /** After a call: whether another one came within as long as it is worth to look for it, or is to be looked for still. */
  function lookOn(from: number, next: number): boolean {
    if (patience === undefined || !hasServed) return false;
    hasServed = false;
    if (!patience.begin(from)) return false;
    for (let time = from; time < next && patience.mayLook(time); time = now()) {
      let hasCome = Atomics.load(bell, 0) !== bellSeen;
      for (let p = 0; p < n; p++) hasCome ||= listening[p] === 1 && Atomics.load(pages[p], abi.W_DOORBELL) !== seen[p];
      if (hasCome) {
        patience.found();
        return true;
      }
      linux.yieldProcessor();
    }
    return false;
  }

  function carryOut(request: CoreRequest): void {
    switch (request.request) {
      case 'attach':
        seen[request.partition] = 0;
        awake[request.partition] = 0;
        wakePipes[request.partition] = request.wakePipe;
        attached[request.partition] = request.process;
        supervisor.attach(request.partition);
        break;
      case 'load':
        // It may have died meanwhile, and another one be in its place.
        if (attached[request.partition] !== request.process) break;
        threads[request.partition] = request.threads.map(BigInt);
        if (!supervisor.isIn(request.partition)) signalThreads(request.partition, linux.SIGSTOP);
        supervisor.load(request.partition);
        break;
      case 'died':
        // Its last call comes first: the death comes by another port, and could pass its EXIT.
        if (listening[request.partition] === 1) look(request.partition);
        threads[request.partition] = [];
        attached[request.partition] = NOBODY;
        supervisor.died(request.partition, request.code);
        break;
      case 'fault':
        supervisor.fault(request.partition, request.code);
        break;
      case 'manage':
        supervisor.manage(request.id, request.partition, request.op, request.argument);
        break;
      case 'stop':
        supervisor.stop();
        break;
    }
  }

  mechanism.tell({ event: 'ready', ...(weakness === undefined ? {} : { weakness }) });
  for (;;) {
    const rung = Atomics.load(bell, 0);
    if (rung !== bellSeen) {
      bellSeen = rung;
      for (let m = receiveMessageOnPort(port); m !== undefined; m = receiveMessageOnPort(port)) {
        carryOut(m.message as CoreRequest);
      }
    }
    places.expect(n, bellSeen);
    supervisor.advance(now());
    for (let p = 0; p < n; p++) if (listening[p] === 1) look(p);
    const time = now();
    const next = supervisor.turn(time);
    if (next > time && !lookOn(time, next)) {
      for (let p = 0; p < n; p++) if (awake[p] === 1) Atomics.store(pages[p], abi.W_AWAKE, 0);
      awake.fill(0);
      places.wait(next - spinMs);
    }
    // An edge is met by spinning the last bit; a doorbell that rings meanwhile waits as long as that.
    if (spinMs > 0 && now() >= next - spinMs) while (now() < next);
    if (lateness.windows > 0 && time >= reportAt) {
      reportAt = time + REPORT_MS;
      mechanism.tell({ event: 'windows', mode: supervisor.mode, ...lateness.report() });
    }
  }
}

if (parentPort !== null) run(parentPort, workerData as CoreThreadData);
