// The core thread: the one place where the core's tables live. It sleeps in one futex_waitv over all doorbells, moves words
// between call pages and the core, and does what the core's effects say. It never waits for a partition, never returns to
// an event loop, and allocates nothing on the path of a NOTIFY.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import {
  E_BUDGET,
  OK,
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
  OP_RESET,
  OP_SHUTDOWN,
  TEXT_BYTES,
  W_ANSWERED,
  W_ARG0,
  W_DOORBELL,
  W_OP,
  W_PEER_DEAD,
  W_RESULT,
  W_STOPPING,
  W_STREAM_NEWS,
  W_TEXT,
  W_WAKE,
  CALL_PAGE_BYTES,
} from '../abi.ts';
import * as core from '../core/core.ts';
import { FRAME_MS, createTables } from './core-tables.ts';
import type { CoreEvent } from './core-tables.ts';
import type { Plan } from '../plan.ts';
import { FutexSet, addressOf, futexWake, memoryAt, writeByte } from './linux.ts';

export interface CoreThreadData {
  readonly plan: Plan;
  /** Addresses of the call pages, by partition. */
  readonly pages: readonly bigint[];
  /** Write ends of the wake pipes (non-blocking), by partition. */
  readonly wakePipes: readonly number[];
  /** Address of the word that the main thread rings after it has posted a CoreRequest. */
  readonly bell: bigint;
}

/** From the main thread. */
export type CoreRequest =
  | { readonly request: 'release' }
  | { readonly request: 'died'; readonly partition: number }
  | { readonly request: 'stop' };

function run(port: NonNullable<typeof parentPort>, data: CoreThreadData): void {
  const k = createTables(data.plan);
  const n = k.np;
  const pages = data.pages.map((at) => new Int32Array(memoryAt(at, CALL_PAGE_BYTES)));
  const texts = data.pages.map((at) => new Uint8Array(memoryAt(at, CALL_PAGE_BYTES), W_TEXT * 4, TEXT_BYTES));
  const wakeAddress = data.pages.map((at) => at + BigInt(W_WAKE * 4));
  const answeredAddress = data.pages.map((at) => at + BigInt(W_ANSWERED * 4));
  const bell = new Int32Array(memoryAt(data.bell, 4));
  const byte = new Uint8Array([1]);
  const byteAddress = addressOf(byte);
  const decoder = new TextDecoder();

  /** Doorbell values served; a HELLO is served when it comes and answered when all are there. */
  const seen = new Int32Array(n);
  let bellSeen = 0;
  /** 1: its doorbell is not looked at until the next frame (its credit is spent) ... */
  const muted = new Int32Array(n);
  /** ... or never again. */
  const closed = new Int32Array(n);
  let anyMuted = false;
  // A word that nobody ever rings, in the place of a doorbell that is not looked at.
  const quiet = new Int32Array(1);
  const quietAddress = addressOf(quiet);
  const places = new FutexSet([...data.pages, data.bell]);

  // CLOCK_MONOTONIC in ms; performance.now() counts from an origin of its own but at the same rate.
  // An origin that is too late makes a frame longer; one that is too early (this thread was held up between the two looks)
  // would let the sleep end before the frame does, again and again.
  let origin = Infinity;
  for (let i = 0; i < 16; i++) {
    const first = performance.now();
    origin = Math.min(origin, Number(process.hrtime.bigint()) / 1e6 - first);
  }
  const now = () => origin + performance.now();
  let frameEnd = now() + FRAME_MS;

  const tell = (event: CoreEvent) => port.postMessage(event);
  const textOf = (p: number, bytes: number) => {
    // Copied before it is decoded: the partition may go on writing.
    const copy = new Uint8Array(Math.max(0, Math.min(bytes, TEXT_BYTES)));
    copy.set(texts[p].subarray(0, copy.length));
    return decoder.decode(copy);
  };
  const answer = (p: number, result: number) => {
    Atomics.store(pages[p], W_RESULT, result);
    Atomics.store(pages[p], W_ANSWERED, seen[p]);
    futexWake(answeredAddress[p], 64);
  };
  const silence = (p: number) => {
    places.point(p, quietAddress);
    places.expect(p, 0);
  };
  const close = (p: number) => {
    closed[p] = 1;
    silence(p);
  };

  function serve(p: number, ring: number): void {
    const op = Atomics.load(pages[p], W_OP);
    const argument = Atomics.load(pages[p], W_ARG0);
    const result = core.step(k, p, op, argument);
    if (result === E_BUDGET) {
      muted[p] = 1;
      anyMuted = true;
      silence(p);
      return;
    }
    seen[p] = ring;
    if (result !== OK) {
      close(p);
      tell({ event: 'illegal', partition: p, op });
      return;
    }
    switch (op) {
      case OP_NOTIFY:
        break;
      case OP_HELLO:
        tell({ event: 'hello', partition: p, text: textOf(p, argument), allHeld: core.allHeld(k) === 1 });
        return;
      case OP_LOG:
        tell({ event: 'log', partition: p, text: textOf(p, argument) });
        break;
      case OP_RESET:
        tell({ event: 'reset', partition: p });
        break;
      case OP_EXIT:
        tell({ event: 'exit', partition: p, status: argument, allDone: core.allDone(k) === 1, systemStatus: k.status });
        close(p);
        break;
      case OP_SHUTDOWN:
        tell({ event: 'shutdown', partition: p, systemStatus: k.status });
        break;
    }
    answer(p, OK);
  }

  function carryOut(p: number): void {
    const effects = core.takeEffects(k, p);
    if (effects & core.FX_RELEASE) answer(p, OK);
    if ((effects & (core.FX_WAKE | core.FX_STOP)) === 0) return;
    const page = pages[p];
    const before = Atomics.or(page, W_STREAM_NEWS, core.takeNews(k, p));
    const dead = core.deadPeers(k, p);
    const more = dead !== Atomics.load(page, W_PEER_DEAD) || (effects & core.FX_STOP) !== 0;
    Atomics.store(page, W_PEER_DEAD, dead);
    if (effects & core.FX_STOP) Atomics.store(page, W_STOPPING, 1);
    Atomics.add(page, W_WAKE, 1);
    futexWake(wakeAddress[p], 64);
    // With news already there, the byte that told of it is still in the pipe, or the partition has yet to take the news.
    // A full pipe (EAGAIN) has bytes enough.
    if (before === 0 || more) writeByte(data.wakePipes[p], byteAddress);
  }

  function takeRequests(): void {
    for (let m = receiveMessageOnPort(port); m !== undefined; m = receiveMessageOnPort(port)) {
      const request = m.message as CoreRequest;
      if (request.request === 'release') core.release(k);
      else if (request.request === 'stop') core.stop(k);
      else {
        core.died(k, request.partition);
        close(request.partition);
        tell({ event: 'died', partition: request.partition });
      }
    }
  }

  tell({ event: 'ready' });
  for (;;) {
    const rung = Atomics.load(bell, 0);
    if (rung !== bellSeen) {
      bellSeen = rung;
      takeRequests();
    }
    places.expect(n, bellSeen);
    for (let p = 0; p < n; p++) {
      if (closed[p] !== 0 || muted[p] !== 0) continue;
      const ring = Atomics.load(pages[p], W_DOORBELL);
      if (ring !== seen[p]) serve(p, ring);
      if (closed[p] === 0 && muted[p] === 0) places.expect(p, seen[p]);
    }
    for (let p = 0; p < n; p++) if (k.fx[p] !== 0) carryOut(p);

    places.wait(anyMuted ? frameEnd : 0);

    // Time is looked at only when it matters: the credit of a partition that has some left is renewed late, never early.
    const time = now();
    if (time >= frameEnd) {
      core.tick(k);
      frameEnd = time + FRAME_MS;
      if (!anyMuted) continue;
      anyMuted = false;
      for (let p = 0; p < n; p++) {
        if (muted[p] === 0) continue;
        muted[p] = 0;
        if (closed[p] === 0) places.point(p, data.pages[p]);
      }
    }
  }
}

if (parentPort !== null) run(parentPort, workerData as CoreThreadData);
