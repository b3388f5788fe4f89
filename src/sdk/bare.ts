// virtsec/sdk/bare: what a partition's program in the subset of the language sees (docs/compiler.md). The same source is
// machine code of its own on bare metal, and TypeScript on the hosted kernel (sdk/app/bare.ts has these names there, but for those of
// drivers). Messages lie in the partition's message page: `put` before a call that sends, `got` after one that has received.
import {
  add64,
  divu64,
  ecall,
  fence,
  load32,
  load64,
  load8,
  low,
  shiftLeft64,
  store32,
  store8,
  symbol,
  word,
} from '../compiler/intrinsics.ts';
import type { Word } from '../compiler/intrinsics.ts';

// ---- operations and results (docs/design/core.md)
export const OP_EXIT = 3;
export const OP_RESET = 4;
export const OP_SHUTDOWN = 5;
export const OP_LOG = 6;
export const OP_TIME = 7;
export const OP_WAIT = 8;
export const OP_SEND = 10;
export const OP_RECEIVE = 11;
export const OP_STATUS = 12;
export const OP_WRITE = 13;
export const OP_READ = 14;
export const OP_SIGNAL = 15;
export const OP_POLL = 16;
export const OP_CALL = 17;
export const OP_FETCH = 18;
export const OP_REPLY = 19;
export const OP_SET_MODE = 21;
export const OP_START = 22;
export const OP_STOP = 23;
export const OP_RESTART = 24;
export const OP_RAISE = 25;
export const OP_FAULTS = 26;
export const OP_BEAT = 27;
export const OP_AUDIT = 28;
export const OK = 0;
export const E_FULL = -6;
export const E_EMPTY = -7;
export const E_LIMIT = -8;
export const E_TIMEOUT = -10;
export const E_PEER = -12;
export const E_BUSY = -13;
export const E_LATE = -14;
/** The longest wait, in ticks. */
export const FOREVER = 0x3fff_ffff;
/** In ticks. */
export const MILLISECOND = 100;
export const MESSAGE_BYTES = 1024;

/** Where result words begin in the message page; a message follows four of them. */
const RESULTS = 1024;
const MESSAGE = RESULTS + 16;

/** Word `index` of the message to be sent. */
export function put(index: number, value: number): void {
  store32(add64(symbol('page'), word(index * 4)), value);
}
export function putByte(index: number, value: number): void {
  store8(add64(symbol('page'), word(index)), value);
}
/** A literal text from byte `at` of the message to be sent on; gives the byte behind it. */
export function putText(at: number, text: Word): number {
  for (let i = at; i < MESSAGE_BYTES; i++) {
    const byte = load8(add64(text, word(i - at)));
    if (byte === 0) return i;
    putByte(i, byte);
  }
  return MESSAGE_BYTES;
}
/** Byte `index` of a literal text; the one behind its last is 0. */
export function textByte(text: Word, index: number): number {
  return load8(add64(text, word(index)));
}
const BASE = 10;
/** Digits of 2^31. */
const MOST_DIGITS = 10;
const ZERO_DIGIT = 48;
const MINUS = 45;
/** The same in decimal; up to 11 bytes. */
export function putNumber(at: number, value: number): number {
  const sign = value < 0 ? 1 : 0;
  // Of both signs the negative one reaches as far as the other.
  let rest = value < 0 ? value : 0 - value;
  let digits = 1;
  for (let i = 1; i < MOST_DIGITS; i++) {
    rest = (rest / BASE) | 0;
    if (rest !== 0) digits = i + 1;
  }
  const end = at + sign + digits;
  if (sign === 1) putByte(at, MINUS);
  rest = value < 0 ? value : 0 - value;
  for (let i = 0; i < digits; i++) {
    const next = (rest / BASE) | 0;
    putByte(end - 1 - i, ZERO_DIGIT - (rest - next * BASE));
    rest = next;
  }
  return end;
}
/** Word `index` of the message that came. */
export function got(index: number): number {
  return load32(add64(symbol('page'), word(MESSAGE + index * 4)));
}
export function gotByte(index: number): number {
  return load8(add64(symbol('page'), word(MESSAGE + index)));
}
/** Result word: of RECEIVE, FETCH, READ and CALL the length in bytes (0), lost messages or age (1), validity (2). */
export function resultWord(index: number): number {
  return load32(add64(symbol('page'), word(RESULTS + index * 4)));
}

// ---- ports; `handle` is port('NAME'). Waits are in ticks.
export function send(handle: number, bytes: number, wait: number): number {
  return ecall(OP_SEND, handle, bytes, wait);
}
export function receive(handle: number, wait: number): number {
  return ecall(OP_RECEIVE, handle, wait, 0);
}
/** Result words 0 and 1 by kind of port (docs/design/core.md, STATUS). */
export function status(handle: number): number {
  return ecall(OP_STATUS, handle, 0, 0);
}
export function write(handle: number, bytes: number): number {
  return ecall(OP_WRITE, handle, bytes, 0);
}
export function read(handle: number): number {
  return ecall(OP_READ, handle, 0, 0);
}
export function signal(handle: number, bits: number): number {
  return ecall(OP_SIGNAL, handle, bits, 0);
}
/** The signals of `mask` that have come, which are thereby taken. */
export function poll(mask: number): number {
  ecall(OP_POLL, mask, 0, 0);
  return resultWord(0);
}
/** OK: the reply is the message that came. */
export function call(handle: number, bytes: number): number {
  return ecall(OP_CALL, handle, bytes, 0);
}
export function fetch(handle: number, wait: number): number {
  return ecall(OP_FETCH, handle, wait, 0);
}
export function reply(handle: number, bytes: number): number {
  return ecall(OP_REPLY, handle, bytes, 0);
}

// ---- the rest
/** Until anything comes: OK, or E_TIMEOUT. */
export function wait(ticks: number): number {
  return ecall(OP_WAIT, ticks, 0, 0);
}
const OP_REST = 34;
/**
 * For programs that serve several things: gives the hart up until anything comes for this partition that it has not rested for yet, its
 * device's interrupt included, or so many ticks. OK, or E_TIMEOUT. Then it looks at all that it serves, and rests again: that ends the
 * interrupt, which a device that still wants something raises anew.
 */
export function rest(ticks: number): number {
  return ecall(OP_REST, ticks, 0, 0);
}
/** Low word of the time in ticks, below 2^30. */
export function time(): number {
  ecall(OP_TIME, 0, 0, 0);
  return resultWord(1);
}
const TIME_BITS = 30;
/** Since the system started. */
export function milliseconds(): number {
  ecall(OP_TIME, 0, 0, 0);
  const ticks = add64(shiftLeft64(word(resultWord(0)), TIME_BITS), word(resultWord(1)));
  return low(divu64(ticks, word(MILLISECOND)));
}
/** So many ticks, whatever comes meanwhile. */
export function sleep(ticks: number): void {
  const start = time();
  for (let round = 0; round < FOREVER; round++) {
    const passed = (time() - start) & FOREVER;
    if (passed >= ticks) return;
    wait(ticks - passed);
  }
}
const HALF = 0x1fff_ffff;
/** Until `time` says `due`; not at all if that is past. What is due a period later: `later(due, period)`. */
export function sleepUntil(due: number): void {
  const left = (due - time()) & FOREVER;
  if (left <= HALF) sleep(left);
}
export function later(time: number, ticks: number): number {
  return ((time + ticks) | 0) & FOREVER;
}
export function beat(): number {
  return ecall(OP_BEAT, 0, 0, 0);
}
const FIRST_OF_APPLICATION = 8;
/** A fault of its own, 0 to 7: the health monitor decides. */
export function raise(fault: number): number {
  return ecall(OP_RAISE, FIRST_OF_APPLICATION + fault, 0, 0);
}
const ALL_FAULTS = 0xffff;
/** Takes the faults that the plan gives to the partition itself: a bit for each number, its own from bit 8 on. */
export function faults(): number {
  ecall(OP_FAULTS, ALL_FAULTS, 0, 0);
  return resultWord(0);
}
/** port('mode:NAME'), from the next major frame on. */
export function setMode(mode: number): number {
  return ecall(OP_SET_MODE, mode, 0, 0);
}
/** Faults, restarts and illegal calls of port('partition:NAME'): result words 0, 1 and 2. */
export function audit(partition: number): number {
  return ecall(OP_AUDIT, partition, 0, 0);
}
export function exit(status: number): number {
  return ecall(OP_EXIT, status, 0, 0);
}
/** A line for the system's log. */
export function log(bytes: number): number {
  return ecall(OP_LOG, bytes, 0, 0);
}
/** Of a VMM: its guest is a machine that was switched on anew, and its VMM with it. Never comes back. */
export function reset(): number {
  return ecall(OP_RESET, 0, 0, 0);
}
/** Ends the system; needs `may: { shut-down: true }`. */
export function shutDown(): number {
  return ecall(OP_SHUTDOWN, 0, 0, 0);
}

// ---- whom this partition manages: port('NAME') of the partition
export function start(handle: number): number {
  return ecall(OP_START, handle, 0, 0);
}
export function stop(handle: number): number {
  return ecall(OP_STOP, handle, 0, 0);
}
export function restart(handle: number): number {
  return ecall(OP_RESTART, handle, 0, 0);
}

// ---- streams: `stream` is the number of a channel among this partition's streams, below port('streams'). Of each the image has a
// row: where this side writes and where the other one does, what each can have under way, the ends. A side's memory begins with its
// counts of bytes put and taken, modulo 2^32; its ring is in the second half.
const OP_NOTIFY = 2;
const STREAM_ROW = 48;
const PUT = 0;
const TAKEN = 64;
function streamWord(stream: number, index: number): Word {
  return load64(add64(symbol('streams'), word(stream * STREAM_ROW + index * 8)));
}
const OWN = 0;
const OTHER = 1;
const OWN_BYTES = 2;
const OTHER_BYTES = 3;
const END = 4;
const RECEIVING_END = 5;
/** At the beginning of a program's life: what was under way in an earlier one is neither got again nor put again. */
export function streamBegin(stream: number): void {
  store32(streamWord(stream, OWN), load32(add64(streamWord(stream, OTHER), word(TAKEN))));
  store32(add64(streamWord(stream, OWN), word(TAKEN)), load32(streamWord(stream, OTHER)));
}
/** Bytes that may be put now. */
export function streamRoom(stream: number): number {
  const capacity = low(streamWord(stream, OWN_BYTES));
  const put = load32(streamWord(stream, OWN));
  const taken = load32(add64(streamWord(stream, OTHER), word(TAKEN)));
  const underWay = (put - taken) | 0;
  if (underWay >= 0 && underWay <= capacity) return capacity - underWay;
  // The other side has begun again: nothing of what was put before is for it.
  store32(add64(streamWord(stream, OWN), word(PUT)), taken);
  return capacity;
}
/** Bytes that may be got now. */
export function streamWaiting(stream: number): number {
  const put = load32(streamWord(stream, OTHER));
  const own = add64(streamWord(stream, OWN), word(TAKEN));
  const waiting = (put - load32(own)) | 0;
  if (waiting >= 0 && waiting <= low(streamWord(stream, OTHER_BYTES))) return waiting;
  store32(own, put);
  return 0;
}
/** After `streamRoom` has said that there is room. */
export function streamPut(stream: number, byte: number): void {
  const own = streamWord(stream, OWN);
  const capacity = low(streamWord(stream, OWN_BYTES));
  const put = load32(own);
  store8(add64(own, word(capacity + (put & (capacity - 1)))), byte);
  fence();
  store32(own, (put + 1) | 0);
}
/** After `streamWaiting` has said that a byte waits. */
export function streamGet(stream: number): number {
  const capacity = low(streamWord(stream, OTHER_BYTES));
  const own = add64(streamWord(stream, OWN), word(TAKEN));
  const taken = load32(own);
  const byte = load8(add64(streamWord(stream, OTHER), word(capacity + (taken & (capacity - 1)))));
  fence();
  store32(own, (taken + 1) | 0);
  return byte;
}
/** Wakes the other side. */
export function streamNotify(stream: number): number {
  const end = low(streamWord(stream, END));
  return ecall(OP_NOTIFY, end >= 0 ? end : low(streamWord(stream, RECEIVING_END)), 0, 0);
}
function awaitRoom(stream: number): void {
  for (let round = 0; round < FOREVER; round++) {
    if (streamRoom(stream) > 0) return;
    streamNotify(stream);
    wait(FOREVER);
  }
}
/** The first `bytes` bytes of the message page, as fast as the other side takes them. */
export function streamWrite(stream: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    awaitRoom(stream);
    streamPut(stream, load8(add64(symbol('page'), word(i))));
  }
  streamNotify(stream);
}
