// virtsec/sdk/bare where the hosted kernel, or the test bed, is beneath: the names of src/sdk/bare.ts for the same sources, over the
// application's own link. A test holds the two lists of names together. Programs come here with `await` before each of their calls
// (app/subset.ts), so that what waits does not keep the process from its events.
import {
  E_EMPTY,
  E_FULL,
  E_TIMEOUT,
  FAULT_APPLICATION,
  MESSAGE_BYTES,
  OK,
  OP_AUDIT,
  OP_BEAT,
  OP_CALL,
  OP_FAULTS,
  OP_FETCH,
  OP_LOG,
  OP_POLL,
  OP_RAISE,
  OP_READ,
  OP_RECEIVE,
  OP_REPLY,
  OP_RESTART,
  OP_SEND,
  OP_SET_MODE,
  OP_SHUTDOWN,
  OP_SIGNAL,
  OP_START,
  OP_STATUS,
  OP_STOP,
  OP_TIME,
  OP_WAIT,
  OP_WRITE,
  TIME_BASE,
} from '../../kernel/abi.ts';
import { attachPlatform } from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';
import { utf8 } from './message.ts';
import { own } from './own.ts';

export { E_BUSY, E_EMPTY, E_FULL, E_LATE, E_LIMIT, E_PEER, E_TIMEOUT, OK } from '../../kernel/abi.ts';
export const FOREVER = 0x3fff_ffff;
/** Ticks. */
export const MILLISECOND = 100;

const { kernel, self } = own;
const { link } = kernel;

// ---- what literals stand for
const NAME = /^(?:(mode|partition):)?(.*)$/;
const streams = [...new Set(self.streams.map(({ name }) => name))];
function numberOf(full: string): number {
  const [, kind, name] = NAME.exec(full)!;
  if (full === 'streams') return streams.length;
  const end = self.ports.find((one) => one.name === name);
  const found =
    kind === 'mode'
      ? self.modes.indexOf(name)
      : kind === 'partition'
        ? self.audits.find((one) => one.name === name)?.partition
        : end?.kind === 'signal' && end.direction === 'in'
          ? end.bits
          : (end?.handle ?? streams.indexOf(name));
  if (found === undefined || found < 0) throw new TypeError(`${self.name} has no \`${full}\``);
  return found;
}
const outside = (): never => {
  throw new TypeError('memory and control registers are there on bare metal alone');
};
const texts: Uint8Array[] = [];
attachPlatform({
  load: outside,
  store: outside,
  readCsr: outside,
  writeCsr: outside,
  ecall: outside,
  system: outside,
  symbol: outside,
  addressOf: outside,
  text(literal) {
    const bytes = utf8(literal);
    const known = texts.findIndex((one) => one.length === bytes.length && one.every((byte, i) => byte === bytes[i]));
    return BigInt(known < 0 ? texts.push(bytes) - 1 : known);
  },
  port: numberOf,
});

// ---- the message page
const out = new DataView(new ArrayBuffer(MESSAGE_BYTES));
const message = (bytes: number): Uint8Array =>
  new Uint8Array(out.buffer, 0, Math.max(0, Math.min(bytes, out.byteLength)));
const came = new DataView(new ArrayBuffer(MESSAGE_BYTES));
let words: readonly number[] = [0, 0, 0, 0];

export const put = (index: number, value: number): void => out.setInt32(index * 4, value, true);
export const putByte = (index: number, value: number): void => out.setUint8(index, value);
export const got = (index: number): number => came.getInt32(index * 4, true);
export const gotByte = (index: number): number => came.getUint8(index);
export const resultWord = (index: number): number => words[index];

export function putText(at: number, text: Word): number {
  const bytes = texts[Number(text)];
  bytes.forEach((byte, i) => out.setUint8(at + i, byte));
  return at + bytes.length;
}
export const textByte = (text: Word, index: number): number => texts[Number(text)][index] ?? 0;
export function putNumber(at: number, value: number): number {
  const digits = utf8(String(value));
  digits.forEach((byte, i) => out.setUint8(at + i, byte));
  return at + digits.length;
}

// ---- operations
async function ask(op: number, a0 = 0, a1 = 0, a2 = 0, bytes?: number): Promise<number> {
  const answer = await kernel.call(op, a0, a1, a2, bytes === undefined ? undefined : message(bytes).slice());
  words = answer.words;
  answer.message.forEach((byte, i) => came.setUint8(i, byte));
  return answer.result;
}
/** Asks again after each wake as long as the answer is `not`, for at most `ticks`. */
async function until(ticks: number, not: number, attempt: () => Promise<number>): Promise<number> {
  if (ticks === 0) return attempt();
  const within = ticks === FOREVER ? {} : { within: kernel.millisecondsOf(ticks) };
  const found = await kernel.until(async () => {
    const result = await attempt();
    return result === not ? undefined : result;
  }, within);
  return found ?? E_TIMEOUT;
}
export const send = (handle: number, bytes: number, wait: number): Promise<number> =>
  until(wait, E_FULL, () => ask(OP_SEND, handle, bytes, 0, bytes));
export const receive = (handle: number, wait: number): Promise<number> =>
  until(wait, E_EMPTY, () => ask(OP_RECEIVE, handle));
export const status = (handle: number): Promise<number> => ask(OP_STATUS, handle);
export const write = (handle: number, bytes: number): Promise<number> => ask(OP_WRITE, handle, bytes, 0, bytes);
export const read = (handle: number): Promise<number> => ask(OP_READ, handle);
export const signal = (handle: number, bits: number): Promise<number> => ask(OP_SIGNAL, handle, bits);
export async function poll(mask: number): Promise<number> {
  await ask(OP_POLL, mask);
  return words[0];
}
export const call = (handle: number, bytes: number): Promise<number> => ask(OP_CALL, handle, bytes, 0, bytes);
export const fetch = (handle: number, wait: number): Promise<number> =>
  until(wait, E_EMPTY, () => ask(OP_FETCH, handle));
export const reply = (handle: number, bytes: number): Promise<number> => ask(OP_REPLY, handle, bytes, 0, bytes);

export const wait = (ticks: number): Promise<number> => until(ticks, E_EMPTY, () => ask(OP_WAIT));
export const sleep = (ticks: number): Promise<void> => own.time.sleep(kernel.millisecondsOf(ticks));
export async function sleepUntil(due: number): Promise<void> {
  const left = (due - (await time())) & FOREVER;
  if (left <= FOREVER >> 1) await sleep(left);
}
export const later = (time: number, ticks: number): number => (time + ticks) & FOREVER;
export async function time(): Promise<number> {
  await ask(OP_TIME);
  return words[1];
}
export async function milliseconds(): Promise<number> {
  await ask(OP_TIME);
  return Math.floor(kernel.millisecondsOf(words[0] * TIME_BASE + words[1]));
}
export const beat = (): Promise<number> => ask(OP_BEAT);
export const raise = (code: number): Promise<number> => ask(OP_RAISE, FAULT_APPLICATION + code);
export async function faults(): Promise<number> {
  await ask(OP_FAULTS, 0xffff);
  return words[0];
}
export const setMode = (mode: number): Promise<number> => ask(OP_SET_MODE, mode);
export const audit = (partition: number): Promise<number> => ask(OP_AUDIT, partition);
export const log = (bytes: number): Promise<number> => ask(OP_LOG, bytes, 0, 0, bytes);
export const shutDown = (): Promise<number> => ask(OP_SHUTDOWN);
export const start = (handle: number): Promise<number> => ask(OP_START, handle);
export const stop = (handle: number): Promise<number> => ask(OP_STOP, handle);
export const restart = (handle: number): Promise<number> => ask(OP_RESTART, handle);
export const exit = (status: number): Promise<never> => kernel.exit(status);

// ---- streams
/** Bytes that were read and not yet got, and that were put and not yet written. */
const inbox: number[][] = streams.map(() => []);
const outbox: number[][] = streams.map(() => []);
const buffer = new Uint8Array(4096);
const endOf = (stream: number, direction: 'in' | 'out'): number =>
  self.streams.findIndex((one) => one.name === streams[stream] && one.direction === direction);

export function streamRoom(stream: number): number {
  return Math.max(0, link.roomInStream(endOf(stream, 'out')) - outbox[stream].length);
}
export function streamWaiting(stream: number): number {
  const waiting = inbox[stream];
  if (waiting.length === 0) {
    const count = link.readStream(endOf(stream, 'in'), buffer);
    for (let i = 0; i < count; i++) waiting.push(buffer[i]);
  }
  return waiting.length;
}
export function streamPut(stream: number, byte: number): void {
  outbox[stream].push(byte & 0xff);
}
export const streamGet = (stream: number): number => inbox[stream].shift() ?? 0;
export async function streamWrite(stream: number, bytes: number): Promise<void> {
  outbox[stream].push(...message(bytes));
  await kernel.until(() => {
    streamNotify(stream);
    return outbox[stream].length === 0 ? true : undefined;
  });
}
export function streamNotify(stream: number): number {
  const bytes = outbox[stream];
  const end = endOf(stream, 'out');
  if (bytes.length > 0 && end >= 0) {
    const count = link.writeStream(end, Uint8Array.from(bytes));
    bytes.splice(0, Math.max(0, count));
  }
  return OK;
}
