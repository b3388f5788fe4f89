// One way in which two Node processes (or a thread and another) talk without Virtsec, measured as its channels are: `node peer.ts WAY CALLS`
// times round trips and sends bytes to its other half, which it starts; what it finds it prints as JSON. No jail, no kernel between.
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, readSync, rmSync, writeSync } from 'node:fs';
import { createServer, connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createPipe } from '../../src/kernel/hosted/linux.ts';
import { CHUNK_BYTES, MESSAGES_BYTES, MESSAGE_BYTES, STREAM_BYTES, WARM_UP, distribution } from './figures.ts';

/** What the other half says when it has all bytes. */
const DONE = 'done';
const SELF = import.meta.filename;
const FLAGS = ['--disable-warning=ExperimentalWarning'];
const message = new Uint8Array(MESSAGE_BYTES).fill(7);
const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
/** Descriptors of the other half's pipes. */
const IN = 3;
const OUT = 4;

interface Figures {
  readonly roundTrip: ReturnType<typeof distribution>;
  /** Gigabytes a second. */
  readonly stream: number;
}

const gigabytes = (bytes: number, from: number): number => bytes / (performance.now() - from) / 1e6;

function startHalf(way: string, calls: number, inEnd: number | 'ignore', outEnd: number | 'ignore', where = ''): void {
  const stdio = ['ignore', 'ignore', 'inherit', inEnd, outEnd] as const;
  spawn(process.execPath, [...FLAGS, SELF, `${way}-half`, String(calls), where], { stdio: [...stdio] });
}

// ---- read and write that block

function readAll(fd: number, into: Uint8Array, bytes: number): void {
  for (let read = 0; read < bytes;) {
    const n = readSync(fd, into, 0, Math.min(into.length, bytes - read), null);
    if (n === 0) throw new Error('the end came early');
    read += n;
  }
}
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let sent = 0; sent < bytes.length;) sent += writeSync(fd, bytes, sent);
}

function blockingPipes(calls: number): Figures {
  const [theirIn, out] = createPipe();
  const [input, theirOut] = createPipe();
  startHalf('pipe-blocking', calls, theirIn, theirOut);
  const answer = new Uint8Array(MESSAGE_BYTES);
  const times = new Float64Array(calls);
  for (let i = -WARM_UP; i < calls; i++) {
    const from = performance.now();
    writeAll(out, message);
    readAll(input, answer, MESSAGE_BYTES);
    if (i >= 0) times[i] = (performance.now() - from) * 1000;
  }
  const from = performance.now();
  for (let sent = 0; sent < STREAM_BYTES; sent += CHUNK_BYTES) writeAll(out, chunk);
  readAll(input, answer, DONE.length);
  return { roundTrip: distribution(times), stream: gigabytes(STREAM_BYTES, from) };
}

function blockingHalf(calls: number): void {
  const asked = new Uint8Array(MESSAGE_BYTES);
  for (let i = -WARM_UP; i < calls; i++) {
    readAll(IN, asked, MESSAGE_BYTES);
    writeAll(OUT, message);
  }
  readAll(IN, new Uint8Array(CHUNK_BYTES), STREAM_BYTES);
  writeAll(OUT, new TextEncoder().encode(DONE));
}

// ---- sockets and pipes in event loops

/** Calls `take` for what comes in, without a copy of its own. */
const onread = (take: (bytes: number) => void) => ({
  buffer: new Uint8Array(CHUNK_BYTES),
  callback: (bytes: number) => {
    take(bytes);
    return true;
  },
});

/** The client's side, of `out` and of a socket that gives what comes in to the function that it is opened with. */
function eventLoop(calls: number, open: (take: (bytes: number) => void) => Socket): Promise<Figures> {
  return new Promise((resolve) => {
    const times = new Float64Array(calls);
    let round = -WARM_UP;
    let received = 0;
    let from = 0;
    const out = open((bytes) => {
      received += bytes;
      if (round >= calls) {
        if (received === DONE.length) {
          resolve({ roundTrip: distribution(times), stream: gigabytes(STREAM_BYTES, from) });
        }
        return;
      }
      if (received < MESSAGE_BYTES) return;
      received = 0;
      if (round >= 0) times[round] = (performance.now() - from) * 1000;
      round += 1;
      from = performance.now();
      if (round < calls) out.write(message);
      else pour(out);
    });
    from = performance.now();
    out.write(message);
  });
}

function pour(out: Socket): void {
  let sent = 0;
  const more = (): void => {
    while (sent < STREAM_BYTES) {
      sent += CHUNK_BYTES;
      if (!out.write(chunk)) return void out.once('drain', more);
    }
  };
  more();
}

function eventLoopHalf(calls: number, open: (take: (bytes: number) => void) => Socket): void {
  let round = -WARM_UP;
  let received = 0;
  const out = open((bytes) => {
    received += bytes;
    if (round < calls && received >= MESSAGE_BYTES) {
      received -= MESSAGE_BYTES;
      round += 1;
      out.write(message);
    } else if (round >= calls && received >= STREAM_BYTES) out.end(DONE);
  });
}

function pipes(calls: number): Promise<Figures> {
  const [theirIn, out] = createPipe();
  const [input, theirOut] = createPipe();
  startHalf('pipe', calls, theirIn, theirOut);
  return eventLoop(calls, pipePair(input, out));
}
const pipePair =
  (input: number, out: number) =>
  (take: (bytes: number) => void): Socket => {
    const from = new Socket({ fd: input, readable: true, writable: false, onread: onread(take) });
    const to = new Socket({ fd: out, readable: false, writable: true });
    return to.on('close', () => from.destroy());
  };

async function unixSocket(calls: number): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-bench-'));
  const file = path.join(folder, 'socket');
  try {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(file, resolve));
    startHalf('unix', calls, 'ignore', 'ignore', file);
    const accepted = await new Promise<Socket>((resolve) => server.once('connection', resolve));
    server.close();
    return await eventLoop(calls, (take) => accepted.on('data', (bytes: Buffer) => take(bytes.length)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// ---- messages

interface Messages {
  send(what: unknown): void;
  onMessage(take: (what: unknown) => void): void;
}

function messages(calls: number, { send, onMessage }: Messages): Promise<Figures> {
  return new Promise((resolve) => {
    const times = new Float64Array(calls);
    let round = -WARM_UP;
    let from = 0;
    onMessage((what) => {
      if (what === DONE) return resolve({ roundTrip: distribution(times), stream: gigabytes(MESSAGES_BYTES, from) });
      if (round >= 0) times[round] = (performance.now() - from) * 1000;
      round += 1;
      from = performance.now();
      if (round < calls) send(message);
      else for (let sent = 0; sent < MESSAGES_BYTES; sent += CHUNK_BYTES) send(chunk);
    });
    from = performance.now();
    send(message);
  });
}

function messagesHalf({ send, onMessage }: Messages): void {
  let received = 0;
  onMessage((what) => {
    const { length } = what as Uint8Array;
    if (length === MESSAGE_BYTES) send(message);
    else if ((received += length) >= MESSAGES_BYTES) send(DONE);
  });
}

function worker(calls: number): Promise<Figures> {
  const other = new Worker(new URL(import.meta.url), { workerData: 'half' });
  return messages(calls, {
    send: (what) => other.postMessage(what),
    onMessage: (take) => other.on('message', take),
  }).finally(() => void other.terminate());
}

function child(calls: number): Promise<Figures> {
  // `advanced`: JSON would not carry bytes as they are.
  const other = fork(SELF, ['child-half', '0'], { serialization: 'advanced', execArgv: FLAGS });
  return messages(calls, {
    send: (what) => other.send(what as Uint8Array),
    onMessage: (take) => other.on('message', take),
  }).finally(() => other.disconnect());
}

const [, , way = '', count = '0', where = ''] = process.argv;
const calls = Number(count);
const CLIENTS: Readonly<Record<string, (calls: number) => Figures | Promise<Figures>>> = {
  'pipe-blocking': blockingPipes,
  pipe: pipes,
  unix: unixSocket,
  worker,
  child,
};
if (!isMainThread && workerData === 'half') {
  messagesHalf({ send: (what) => parentPort!.postMessage(what), onMessage: (take) => parentPort!.on('message', take) });
} else if (way === 'pipe-blocking-half') blockingHalf(calls);
else if (way === 'pipe-half') eventLoopHalf(calls, pipePair(IN, OUT));
else if (way === 'unix-half') {
  eventLoopHalf(calls, (take) => connect({ path: where, onread: onread(take) }));
} else if (way === 'child-half') {
  messagesHalf({ send: (what) => process.send!(what), onMessage: (take) => process.on('message', take) });
} else {
  process.stdout.write(JSON.stringify(await CLIENTS[way](calls)), () => process.exit(0));
}
