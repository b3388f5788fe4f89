// The pipe form of a partition's link to the kernel, for hosts without node:ffi. Call page and rings are the same words, but
// in memory of this process alone; the main thread is the other side of both: it carries bytes between rings and pipes, and
// operations to the control pipe. So every thread uses the same classes over either form.
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import {
  CALL_PAGE_BYTES,
  CONTROL_FD,
  OK,
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_NOTIFY,
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
} from '../../kernel/abi.ts';
import type { PartitionStart, PipeCall, PipeNews, StreamEnd } from '../../kernel/abi.ts';
import { HEADER_BYTES, PROGRESS_BYTES, StreamConsumer, StreamProducer } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import type { CallPage } from './calls.ts';
import type { MainLink, WriteAt } from './partition.ts';

export interface LocalRing {
  readonly data: SharedArrayBuffer;
  readonly progress: SharedArrayBuffer;
}

export function localRing({ data, progress }: LocalRing): RingMemory {
  return {
    header: new Int32Array(data, 0, HEADER_BYTES / 4),
    data: new Uint8Array(data, HEADER_BYTES),
    progress: new Int32Array(progress),
  };
}

/** The page as a worker sees it: the main thread answers. */
export function workerPage(memory: SharedArrayBuffer): CallPage {
  const words = new Int32Array(memory);
  return {
    words,
    wait: (word, value) => void Atomics.wait(words, word, value),
    wake: (word) => void Atomics.notify(words, word),
    ring: () => void Atomics.notify(words, W_DOORBELL),
    leave: () => {
      for (;;) Atomics.wait(words, W_OP, OP_EXIT); // the main thread ends the process
    },
  };
}

/** Time for the last bytes to go out when a partition ends. */
const FLUSH_MS = 2000;
/** How long to wait before a full pipe is tried again. */
const RETRY_MS = 1;

/** Writes what the descriptor takes now. -1: the other side is gone. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : -1;
  }
}

/** The main thread's part in one stream end. */
interface Pump {
  /** Moves what can be moved now. */
  move(): void;
  /** Nothing is left to bring out. */
  readonly idle: boolean;
}

interface Signals {
  news(end: number): void;
  dead(end: number): void;
}

/** Ring to pipe. The socket only makes the descriptor non-blocking and says when the other side is gone. */
function openOutPump(end: number, pipe: number, ring: RingMemory, signals: Signals): Pump {
  const consumer = new StreamConsumer(ring, { notify: () => signals.news(end), peerIsDead: () => false });
  const chunk = new Uint8Array(Math.min(consumer.size, 65536));
  let pending = chunk.subarray(0, 0);
  let gone = false;
  let retry: NodeJS.Timeout | undefined;
  const close = () => {
    gone = true;
    signals.dead(end);
  };
  const socket = new Socket({ fd: pipe, readable: true, writable: true });
  socket.on('error', close);
  socket.on('end', close);
  socket.resume();
  const pump = {
    move() {
      clearTimeout(retry);
      while (!gone) {
        if (pending.length === 0) pending = chunk.subarray(0, consumer.read(chunk));
        if (pending.length === 0) {
          if (consumer.waitForData()) return;
          continue;
        }
        const sent = writeSome(pipe, pending);
        if (sent < 0) return close();
        pending = pending.subarray(sent);
        if (sent === 0) {
          retry = setTimeout(() => pump.move(), RETRY_MS);
          return;
        }
      }
    },
    get idle() {
      return gone || (pending.length === 0 && consumer.available === 0);
    },
  };
  pump.move();
  return pump;
}

/** Pipe to ring. The end of the pipe comes after its last byte, so the peer is dead only when all of it is in the ring. */
function openInPump(end: number, pipe: number, ring: RingMemory, signals: Signals): Pump {
  const producer = new StreamProducer(ring, { notify: () => signals.news(end), peerIsDead: () => false });
  let pending: Uint8Array = new Uint8Array(0);
  let ended = false;
  const socket = new Socket({ fd: pipe, readable: true, writable: false });
  const pump = {
    move() {
      do {
        pending = pending.subarray(producer.write(pending));
      } while (pending.length > 0 && !producer.waitForSpace());
      if (pending.length > 0) socket.pause();
      else if (ended) signals.dead(end);
      else socket.resume();
    },
    get idle() {
      return true;
    },
  };
  const close = () => {
    ended = true;
    pump.move();
  };
  socket.on('data', (chunk: Buffer) => {
    pending = chunk;
    pump.move();
  });
  socket.on('error', close);
  socket.on('end', close);
  return pump;
}

/** Takes over the control pipe and the stream pipes. */
export function openPipeLink(start: PartitionStart): MainLink {
  const memory = new SharedArrayBuffer(CALL_PAGE_BYTES);
  const words = new Int32Array(memory);
  const text = new Uint8Array(memory, W_TEXT * 4, TEXT_BYTES);
  const shared: readonly LocalRing[] = start.streams.map(({ bytes }: StreamEnd) => ({
    data: new SharedArrayBuffer(HEADER_BYTES + bytes),
    progress: new SharedArrayBuffer(PROGRESS_BYTES),
  }));
  const rings = shared.map(localRing);

  let woken: (() => void) | undefined;
  let wakeIsDue = false;
  const wake = () => {
    Atomics.add(words, W_WAKE, 1);
    Atomics.notify(words, W_WAKE);
    if (wakeIsDue) return;
    wakeIsDue = true;
    setImmediate(() => {
      wakeIsDue = false;
      woken?.();
    });
  };
  /** Ends that must have ended before the stop is heard (PipeNews). */
  let stopAfter: number | undefined;
  const hearStop = () => {
    if (stopAfter === undefined || (Atomics.load(words, W_PEER_DEAD) & stopAfter) !== stopAfter) return;
    Atomics.store(words, W_STOPPING, 1);
    wake();
  };
  const signals: Signals = {
    news(end) {
      Atomics.or(words, W_STREAM_NEWS, 1 << end);
      wake();
    },
    dead(end) {
      Atomics.or(words, W_PEER_DEAD, 1 << end);
      wake();
      hearStop();
    },
  };
  const pumps = start.streams.map(({ direction, pipe }, end) =>
    (direction === 'out' ? openOutPump : openInPump)(end, pipe!, rings[end], signals),
  );

  const send = (call: PipeCall) => {
    const line = Buffer.from(`${JSON.stringify(call)}\n`);
    for (let sent = 0; sent < line.length;) {
      const n = writeSome(CONTROL_FD, line.subarray(sent));
      if (n < 0) process.exit(1); // the kernel is dead
      if (n === 0) pause();
      sent += n;
    }
  };
  const pause = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  const flush = () => {
    const limit = performance.now() + FLUSH_MS;
    for (;;) {
      for (const pump of pumps) pump.move();
      if (pumps.every((pump) => pump.idle) || performance.now() > limit) return;
      pause();
    }
  };

  /** Carries out an operation that a thread has placed in the page. */
  const serve = () => {
    const ring = Atomics.load(words, W_DOORBELL);
    if (ring === Atomics.load(words, W_ANSWERED)) return;
    const op = words[W_OP];
    const argument = words[W_ARG0];
    if (op === OP_NOTIFY) pumps[argument]?.move();
    else if (op === OP_HELLO || op === OP_LOG)
      send({ op, argument, text: new TextDecoder().decode(text.slice(0, argument)) });
    else {
      if (op === OP_EXIT) flush(); // a stream's last byte comes before its end
      send({ op, argument });
      if (op === OP_EXIT) process.exit(argument);
    }
    Atomics.store(words, W_RESULT, OK);
    Atomics.store(words, W_ANSWERED, ring);
    Atomics.notify(words, W_ANSWERED);
  };
  const listenToWorkers = () => {
    for (;;) {
      serve();
      const change = Atomics.waitAsync(words, W_DOORBELL, Atomics.load(words, W_ANSWERED));
      if (!change.async) continue;
      void change.value.then(listenToWorkers);
      return;
    }
  };
  listenToWorkers();

  let released: (() => void) | undefined;
  const control = new Socket({ fd: CONTROL_FD, readable: true, writable: true });
  let rest = '';
  control.setEncoding('utf8');
  control.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const news = JSON.parse(line) as PipeNews;
      if (news.released) released?.();
      if (news.stopping !== undefined) {
        stopAfter = news.stopping;
        hearStop();
      }
    }
  });
  control.on('error', () => process.exit(1));
  control.on('end', () => process.exit(1)); // the kernel is dead

  const page: CallPage = {
    words,
    // This thread is also the one that answers: it must not sleep on a worker that waits for it.
    wait: (word, value) => {
      serve();
      Atomics.wait(words, word, value, RETRY_MS);
    },
    wake: (word) => void Atomics.notify(words, word),
    ring: serve,
    leave: (status) => process.exit(status),
  };
  return {
    shared: { start, transport: 'pipes', page: memory, rings: shared },
    page,
    rings,
    hello: (layers) =>
      new Promise((resolve) => {
        released = resolve;
        send({ op: OP_HELLO, argument: 0, text: layers });
      }),
    listen: (callback) => {
      woken = callback;
    },
  };
}

/** Writes into a file whose descriptor stays open. */
export function writeDescriptor(descriptor: number): WriteAt {
  return (at, bytes) => void writeSync(descriptor, bytes, 0, bytes.length, at);
}
