import { beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import * as b from './sbi.ts';
import * as u from '../devices/ns16550a.ts';
import { attachGuestMemory } from '../hosted/guest-memory.ts';

const RAM = 0x8000_0000;
const HARTS = 4;
const ram = new Uint8Array(0x1_0000);
const s = new Int32Array(b.SBI_WORDS);
const uart = new Int32Array(u.UART_WORDS);
const x = new Int32Array(64);

beforeEach(() => {
  attachGuestMemory(ram, RAM);
  ram.fill(0);
  uart.fill(0);
  b.sbiReset(s, HARTS);
  u.uartReset(uart);
});

function set(register: number, value: bigint): void {
  x[2 * register] = Number(BigInt.asIntN(32, value));
  x[2 * register + 1] = Number(BigInt.asIntN(32, value >> 32n));
}
const get = (register: number): bigint =>
  BigInt.asIntN(64, (BigInt(x[2 * register + 1]) << 32n) | BigInt(x[2 * register] >>> 0));

/** One call; [action, error, value]. */
function call(eid: number, fid: number, args: readonly (number | bigint)[] = [], hart = 0): [number, number, bigint] {
  for (let i = 0; i < 6; i++) set(10 + i, BigInt(args[i] ?? 0));
  set(16, BigInt(fid));
  set(17, BigInt(eid));
  const action = b.sbiCall(s, uart, x, hart);
  return [action, Number(get(10)), get(11)];
}
const sent = (): string => {
  let text = '';
  for (let i = 0; i < u.uartSent(uart); i++) text += String.fromCharCode(u.uartPeekSent(uart, i));
  return text;
};

const TIME = 0x54494d45;
const IPI = 0x735049;
const RFENCE = 0x52464e43;
const HSM = 0x48534d;
const SRST = 0x53525354;
const DBCN = 0x4442434e;
const { SBI_RESUME: RESUME } = b;

test('base (chapter 4): version 2.0, and the extensions that are there', () => {
  assert.deepEqual(call(0x10, 0), [RESUME, 0, 0x0200_0000n]);
  for (const eid of [0, 1, 2, 8, 0x10, TIME, IPI, RFENCE, HSM, SRST, DBCN]) {
    assert.deepEqual(call(0x10, 3, [eid]), [RESUME, 0, 1n]);
  }
  assert.deepEqual(call(0x10, 3, [0x504d55]), [RESUME, 0, 0n]);
  for (const fid of [4, 5, 6]) assert.deepEqual(call(0x10, fid), [RESUME, 0, 0n]);
  assert.deepEqual(call(0x10, 7), [RESUME, -2, 0n]);
});

test('an unknown extension or function is ERR_NOT_SUPPORTED (3.2)', () => {
  for (const [eid, fid] of [
    [0x504d55, 0],
    [3, 0],
    [0x7fffffff, 1],
    [TIME, 1],
    [IPI, 1],
    [RFENCE, 3],
    [RFENCE, 7],
    [HSM, 4],
    [SRST, 1],
    [DBCN, 3],
  ]) {
    assert.deepEqual(call(eid, fid), [RESUME, -2, 0n], `${eid.toString(16)} ${fid}`);
  }
});

test('TIME (chapter 6) passes all 64 bits', () => {
  const [action] = call(TIME, 0, [0xfedcba98_76543210n], 2);
  assert.equal(action, b.SBI_SET_TIMER);
  assert.equal(s[b.S_ARG_LOW + 2], 0x76543210);
  assert.equal(s[b.S_ARG_HIGH + 2], 0xfedcba98 | 0);
});

test('IPI (chapter 7): mask and base, -1 for all, ERR_INVALID_PARAM for a hart that is not there', () => {
  for (let hart = 1; hart < HARTS; hart++) s[b.S_HSM + hart] = b.HSM_STARTED;
  const mask = (...args: (number | bigint)[]): number => {
    const [action, error] = call(IPI, 0, args);
    if (error !== 0) return error;
    assert.equal(action, b.SBI_IPI);
    return s[b.S_ARG_LOW];
  };
  assert.equal(mask(0b11, 1), 0b110);
  assert.equal(mask(1, 3), 0b1000);
  assert.equal(mask(0, -1), 0b1111);
  assert.equal(mask(0b11, 3), -3);
  assert.equal(mask(1, 4), -3);
  assert.equal(mask(1, -2), -3);
  assert.equal(mask(1n << 40n, 0), -3);
  assert.equal(mask(1, 1n << 32n), -3);
  s[b.S_HSM + 2] = b.HSM_STOPPED;
  assert.equal(mask(0, -1), 0b1011, 'a stopped hart takes none');
});

test('RFENCE (chapter 8)', () => {
  assert.equal(call(RFENCE, 0, [0b10, 0])[0], b.SBI_FENCE_I);
  assert.equal(s[b.S_ARG_LOW], 2);
  assert.equal(call(RFENCE, 1, [0, -1])[0], b.SBI_FENCE_VMA);
  assert.equal(s[b.S_ARG_LOW], 0b1111);
  assert.equal(call(RFENCE, 2, [1, 0, 0, 4096, 7])[0], b.SBI_FENCE_VMA);
  assert.deepEqual(call(RFENCE, 1, [1, 9]), [RESUME, -3, 0n]);
});

test('HSM (chapter 9): start, status, stop, suspend and their errors', () => {
  assert.deepEqual(call(HSM, 2, [0]), [RESUME, 0, 0n]);
  assert.deepEqual(call(HSM, 2, [1]), [RESUME, 0, 1n]);
  assert.deepEqual(call(HSM, 2, [HARTS]), [RESUME, -3, 0n]);
  assert.deepEqual(call(HSM, 0, [HARTS, RAM, 0]), [RESUME, -3, 0n]);
  assert.deepEqual(call(HSM, 0, [1n << 32n, RAM, 0]), [RESUME, -3, 0n]);
  assert.deepEqual(call(HSM, 0, [1, 0x1000, 0]), [RESUME, -5, 0n], 'outside RAM');
  assert.deepEqual(call(HSM, 0, [1, RAM + 1, 0]), [RESUME, -5, 0n]);
  assert.deepEqual(call(HSM, 0, [1, RAM + ram.length, 0]), [RESUME, -5, 0n]);
  assert.deepEqual(call(HSM, 0, [1, RAM + 0x200, 0x1_2345_6789_abcdn]), [b.SBI_START, 0, 0n]);
  assert.equal(s[b.S_ARG_LOW], 1);
  assert.deepEqual([s[b.S_START_LOW + 1] >>> 0, s[b.S_OPAQUE_HIGH + 1]], [RAM + 0x200, 0x12345]);
  assert.deepEqual(call(HSM, 2, [1]), [RESUME, 0, 2n]);
  assert.deepEqual(call(HSM, 0, [1, RAM, 0]), [RESUME, -6, 0n]);
  s[b.S_HSM + 1] = b.HSM_STARTED;
  assert.equal(call(HSM, 1, [], 1)[0], b.SBI_STOP);
  assert.deepEqual(call(HSM, 2, [1]), [RESUME, 0, 1n]);
  assert.deepEqual(call(HSM, 3, [0]), [b.SBI_SUSPEND, 0, 0n]);
  assert.deepEqual(call(HSM, 3, [1]), [RESUME, -3, 0n]);
  assert.deepEqual(call(HSM, 3, [0x80000000n]), [RESUME, -2, 0n]);
});

test('SRST (chapter 10)', () => {
  assert.equal(call(SRST, 0, [0, 0])[0], b.SBI_POWER_OFF);
  assert.equal(s[b.S_ARG_LOW], 0);
  assert.equal(call(SRST, 0, [0, 1])[0], b.SBI_POWER_OFF);
  assert.equal(s[b.S_ARG_LOW], 1, 'a system failure is no success');
  assert.equal(call(SRST, 0, [1, 0])[0], b.SBI_RESET);
  assert.equal(call(SRST, 0, [2, 0])[0], b.SBI_RESET);
  assert.deepEqual(call(SRST, 0, [3, 0]), [RESUME, -3, 0n]);
  assert.deepEqual(call(SRST, 0, [0xf0000000n, 0]), [RESUME, -3, 0n]);
  assert.deepEqual(call(SRST, 0, [0, 2]), [RESUME, -3, 0n]);
});

test('DBCN (chapter 12): writes what fits, reads what is there, checks every address', () => {
  ram.set(Buffer.from('hello'), 0x100);
  assert.deepEqual(call(DBCN, 0, [5, RAM + 0x100, 0]), [RESUME, 0, 5n]);
  assert.equal(sent(), 'hello');
  assert.deepEqual(call(DBCN, 2, [0x21]), [RESUME, 0, 0n]);
  assert.equal(sent(), 'hello!');
  assert.deepEqual(call(DBCN, 0, [ram.length, RAM, 0]), [RESUME, 0, BigInt(u.SENT_BYTES - 6)]);
  assert.equal(call(DBCN, 2, [0x21])[0], b.SBI_AGAIN);
  assert.equal(get(10), 0x21n, 'the registers stay for the next try');
  assert.equal(call(1, 0, [0x21])[0], b.SBI_AGAIN);
  for (const args of [
    [2, RAM + ram.length - 1, 0],
    [1, RAM - 1, 0],
    [1, 0, 0],
    [1, RAM, 1],
    [-1, RAM, 0],
    [1n << 32n, RAM, 0],
    [0x7fffffff, RAM, 0],
    [1, 0xffffffff_80000000n, 0],
  ]) {
    assert.deepEqual(call(DBCN, 0, args), [RESUME, -3, 0n]);
    assert.deepEqual(call(DBCN, 1, args), [RESUME, -3, 0n]);
  }
  assert.deepEqual(call(DBCN, 0, [0, RAM + ram.length, 0]), [RESUME, 0, 0n]);
  u.uartReceive(uart, 0x78);
  u.uartReceive(uart, 0x79);
  assert.deepEqual(call(DBCN, 1, [8, RAM + 0x200, 0]), [RESUME, 0, 2n]);
  assert.equal(Buffer.from(ram.subarray(0x200, 0x203)).toString(), 'xy\0');
});

test('legacy calls (chapter 5) return in a0 alone', () => {
  assert.deepEqual(call(1, 0, [0x41, 99]), [RESUME, 0, 99n]);
  assert.deepEqual(call(2, 0, [0, 99]), [RESUME, -1, 99n]);
  u.uartReceive(uart, 0x7a);
  assert.deepEqual(call(2, 0, [0, 99]), [RESUME, 0x7a, 99n]);
  assert.equal(call(0, 0, [123])[0], b.SBI_SET_TIMER);
  assert.equal(call(8, 0)[0], b.SBI_POWER_OFF);
});

test('random calls never throw and never leave RAM or the state', () => {
  const room = new Uint8Array(ram.length + 128).fill(0x5a);
  attachGuestMemory(room.subarray(64, 64 + ram.length), RAM);
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) >>> 8;
  const interesting = [0, 1, -1, 2, 3, 4, 7, 8, 31, RAM | 0, (RAM + ram.length) | 0, 0x7fffffff, -0x80000000];
  const eids = [0, 1, 2, 8, 0x10, TIME, IPI, RFENCE, HSM, SRST, DBCN];
  for (let i = 0; i < 200_000; i++) {
    for (let w = 20; w < 36; w++) x[w] = random() % 3 === 0 ? random() : interesting[random() % interesting.length];
    if (random() % 8 !== 0) x[34] = eids[random() % eids.length];
    if (random() % 4 !== 0) x[32] = random() % 5;
    const action = b.sbiCall(s, uart, x, random() % HARTS);
    assert.ok(action >= 0 && action <= b.SBI_RESET);
    if (action === b.SBI_IPI || action === b.SBI_FENCE_I)
      for (let h = 0; h < HARTS; h++) assert.ok(s[b.S_ARG_LOW + h] !== 1 << HARTS);
    if (random() % 64 === 0) {
      u.uartTakeSent(uart, u.uartSent(uart));
      u.uartReceive(uart, random() & 0xff);
      b.sbiReset(s, HARTS);
    }
  }
  assert.ok(room.subarray(0, 64).every((v) => v === 0x5a) && room.subarray(64 + ram.length).every((v) => v === 0x5a));
});
