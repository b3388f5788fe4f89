import { beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import * as h from './htif.ts';
import * as u from '../devices/ns16550a.ts';
import { attachGuestMemory } from '../hosted/guest-memory.ts';

const RAM = 0x8000_0000;
const ram = new Uint8Array(4096);
const words = new DataView(ram.buffer);
const uart = new Int32Array(u.UART_WORDS);
const s = new Int32Array(h.HTIF_WORDS);

beforeEach(() => {
  attachGuestMemory(ram, RAM);
  ram.fill(0);
  uart.fill(0);
  u.uartReset(uart);
  s.set([8, 16, 0]);
});
const tohost = (value: bigint): number => {
  words.setBigUint64(8, value, true);
  return h.htifPoll(s, uart);
};
const answered = (): bigint => words.getBigUint64(16, true);

test('tohost = (status << 1) | 1 ends the program', () => {
  assert.equal(tohost(0n), h.HTIF_SILENT);
  assert.equal(tohost(1n), h.HTIF_EXIT);
  assert.equal(s[h.H_STATUS], 0);
  assert.equal(tohost((7n << 1n) | 1n), h.HTIF_EXIT);
  assert.equal(s[h.H_STATUS], 7);
  assert.equal(tohost((0x100n << 1n) | 1n), h.HTIF_EXIT);
  assert.equal(s[h.H_STATUS], 255);
  assert.equal(tohost((1n << 40n) | 1n), h.HTIF_EXIT);
  assert.equal(s[h.H_STATUS], 255);
});

test('console putchar and getchar, acknowledged in fromhost; a full console waits', () => {
  assert.equal(tohost((1n << 56n) | (1n << 48n) | 0x41n), h.HTIF_SERVED);
  assert.equal(u.uartPeekSent(uart, 0), 0x41);
  assert.equal(answered() >> 48n, 0x0101n);
  assert.equal(words.getBigUint64(8, true), 0n);
  while (u.uartSend(uart, 0));
  tohost((1n << 56n) | (1n << 48n) | 0x42n);
  assert.notEqual(words.getBigUint64(8, true), 0n);
  u.uartReceive(uart, 0x43);
  tohost(1n << 56n);
  assert.equal(answered(), (1n << 56n) | 0x143n);
});

test('system calls: write and exit; wrong addresses are errors', () => {
  const block = 0x100;
  const syscall = (...values: bigint[]): number => {
    values.forEach((v, i) => words.setBigUint64(block + 8 * i, BigInt.asUintN(64, v), true));
    return tohost(BigInt(RAM + block));
  };
  ram.set(Buffer.from('ok'), 0x200);
  assert.equal(syscall(64n, 1n, BigInt(RAM + 0x200), 2n), h.HTIF_SERVED);
  assert.equal(words.getBigInt64(block, true), 2n);
  assert.equal(answered(), 1n);
  assert.equal(u.uartSent(uart), 2);
  syscall(64n, 1n, BigInt(RAM + 4095), 2n);
  assert.equal(words.getBigInt64(block, true), -14n);
  syscall(64n, 1n, BigInt(RAM), -1n);
  assert.equal(words.getBigInt64(block, true), -14n);
  syscall(17n);
  assert.equal(words.getBigInt64(block, true), -38n);
  assert.equal(syscall(93n, 3n), h.HTIF_EXIT);
  assert.equal(s[h.H_STATUS], 3);
  assert.equal(tohost(2n), h.HTIF_SERVED);
  assert.equal(tohost(BigInt(RAM + 4096 - 62)), h.HTIF_SERVED);
});
