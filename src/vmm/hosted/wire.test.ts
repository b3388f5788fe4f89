import { test } from 'node:test';
import assert from 'node:assert/strict';
import { moveInput, moveOutput } from './wire.ts';
import { HOLD_BYTES, UART_WORDS, uartReset, uartSend, uartSent, uartTakeHeld } from '../devices/ns16550a.ts';

function uart(): Int32Array {
  const s = new Int32Array(UART_WORDS);
  uartReset(s);
  return s;
}

/** A stream with room for `room` bytes, and more whenever somebody makes it. */
class Reader {
  closed = false;
  room: number;
  text = '';
  waits = 0;
  constructor(room: number) {
    this.room = room;
  }
  write(bytes: Uint8Array): number {
    const n = Math.min(this.room, bytes.length);
    this.room -= n;
    this.text += Buffer.from(bytes.subarray(0, n)).toString('latin1');
    return n;
  }
  waitForSpace(): boolean {
    this.waits++;
    return this.room === 0;
  }
}

class Writer {
  readonly bytes: number[];
  constructor(text: string) {
    this.bytes = [...Buffer.from(text)];
  }
  read(into: Uint8Array): number {
    const got = this.bytes.splice(0, into.length);
    into.set(got);
    return got.length;
  }
  waitForData(): boolean {
    return this.bytes.length === 0;
  }
}

test('output: a full stream keeps bytes in the UART, in order, and asks to be woken', () => {
  const s = uart();
  const sent = 'x'.repeat(700) + 'y'.repeat(700);
  for (const byte of Buffer.from(sent)) assert.ok(uartSend(s, byte));
  const stream = new Reader(900);
  moveOutput(s, stream);
  assert.equal(uartSent(s), 500);
  assert.equal(stream.waits, 1);
  stream.room = 1000;
  moveOutput(s, stream);
  assert.equal(stream.text, sent);
  assert.equal(uartSent(s), 0);
});

test('output without a living reader falls off', () => {
  for (const stream of [undefined, Object.assign(new Reader(0), { closed: true })]) {
    const s = uart();
    for (let i = 0; i < 1000; i++) uartSend(s, 65);
    moveOutput(s, stream);
    assert.equal(uartSent(s), 0);
  }
});

test('input: what does not fit into the hold ring waits in the stream, nothing is lost', () => {
  const s = uart();
  const typed = Array.from({ length: 3 * HOLD_BYTES }, (_, i) => String.fromCharCode(65 + (i % 26))).join('');
  const stream = new Writer(typed);
  let got = '';
  for (let more = true; more;) {
    more = moveInput(s, stream);
    for (let byte = uartTakeHeld(s); byte >= 0; byte = uartTakeHeld(s)) got += String.fromCharCode(byte);
  }
  assert.equal(got, typed);
  assert.equal(moveInput(s, stream), false);
});
