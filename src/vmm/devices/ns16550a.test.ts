import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as u from './ns16550a.ts';

function uart(): Int32Array {
  const s = new Int32Array(u.UART_WORDS);
  u.uartReset(s);
  return s;
}

function type(s: Int32Array, text: string): void {
  for (const byte of Buffer.from(text)) assert.ok(u.uartReceive(s, byte));
}

/** What an interrupt-driven guest reads until LSR.DR falls. */
function drain(s: Int32Array): string {
  let text = '';
  while ((u.uartRead(s, u.LSR) & u.LSR_DR) !== 0) text += String.fromCharCode(u.uartRead(s, u.RBR_THR));
  return text;
}

test('reset state (table I): no interrupt pending, transmitter empty', () => {
  const s = uart();
  assert.equal(u.uartRead(s, u.IIR_FCR), 1);
  assert.equal(u.uartRead(s, u.IER), 0);
  assert.equal(u.uartRead(s, u.LCR), 0);
  assert.equal(u.uartRead(s, u.MCR), 0);
  assert.equal(u.uartRead(s, u.LSR), 0x60);
  assert.equal(s[u.U_LEVEL], 0);
});

test('DLAB gives access to the divisor latches and not to RBR, THR and IER (8.1)', () => {
  const s = uart();
  u.uartWrite(s, u.LCR, 0x83);
  u.uartWrite(s, 0, 0x0c);
  u.uartWrite(s, 1, 0x01);
  assert.deepEqual([u.uartRead(s, 0), u.uartRead(s, 1)], [0x0c, 0x01]);
  u.uartWrite(s, u.LCR, 0x03);
  assert.equal(u.uartRead(s, u.IER), 0);
  assert.equal(u.uartSent(s), 0);
});

test('IER keeps four bits, SCR eight, LSR and MSR are for reading', () => {
  const s = uart();
  u.uartWrite(s, u.IER, 0xff);
  u.uartWrite(s, u.SCR, 0x1a5);
  u.uartWrite(s, u.LSR, 0xff);
  u.uartWrite(s, u.MSR, 0xff);
  assert.equal(u.uartRead(s, u.IER), 0x0f);
  assert.equal(u.uartRead(s, u.SCR), 0xa5);
  assert.equal(u.uartRead(s, u.LSR), 0x60);
  assert.equal(u.uartRead(s, u.MSR), 0xb0);
});

test('bytes written to THR come out in order; THRE falls when no whole FIFO fits', () => {
  const s = uart();
  for (let i = 0; i < u.SENT_BYTES - 15; i++) u.uartWrite(s, u.RBR_THR, i);
  assert.equal(u.uartRead(s, u.LSR) & 0x60, 0);
  for (let i = 0; i < 100; i++) u.uartWrite(s, u.RBR_THR, 0xee);
  assert.equal(u.uartSent(s), u.SENT_BYTES);
  assert.equal(u.uartPeekSent(s, 300), 300 & 0xff);
  u.uartTakeSent(s, u.uartSent(s));
  assert.equal(u.uartRead(s, u.LSR) & 0x60, 0x60);
});

test('THRE interrupt: raised by enabling it and by an emptied transmitter, cleared by reading IIR as its source or writing THR (table V)', () => {
  const s = uart();
  u.uartWrite(s, u.IER, u.IER_ETBEI);
  assert.equal(s[u.U_LEVEL], 1);
  assert.equal(u.uartRead(s, u.IIR_FCR), 2);
  assert.equal(s[u.U_LEVEL], 0);
  assert.equal(u.uartRead(s, u.IIR_FCR), 1);
  u.uartWrite(s, u.RBR_THR, 65); // leaves at once
  assert.equal(u.uartRead(s, u.IIR_FCR), 2);

  for (let i = 0; i < u.SENT_BYTES; i++) u.uartWrite(s, u.RBR_THR, i);
  assert.equal(u.uartRead(s, u.IIR_FCR), 1);
  u.uartTakeSent(s, u.SENT_BYTES);
  assert.equal(s[u.U_LEVEL], 1);
});

test('interrupt priorities: line status, data, THRE, modem status (table V)', () => {
  const s = uart();
  u.uartWrite(s, u.MCR, u.MCR_LOOP);
  u.uartWrite(s, u.MCR, u.MCR_LOOP | 2); // RTS loops to CTS: a delta
  u.uartWrite(s, u.RBR_THR, 1);
  u.uartWrite(s, u.RBR_THR, 2); // overrun in 16450 mode
  u.uartWrite(s, u.IER, 0x0f);
  const seen: number[] = [];
  seen.push(u.uartRead(s, u.IIR_FCR));
  u.uartRead(s, u.LSR);
  seen.push(u.uartRead(s, u.IIR_FCR));
  assert.equal(u.uartRead(s, u.RBR_THR), 2, '8.6.2: the new byte overwrites');
  seen.push(u.uartRead(s, u.IIR_FCR));
  seen.push(u.uartRead(s, u.IIR_FCR));
  u.uartRead(s, u.MSR);
  seen.push(u.uartRead(s, u.IIR_FCR));
  assert.deepEqual(seen, [u.IIR_LINE_STATUS, u.IIR_DATA, u.IIR_THR_EMPTY, u.IIR_MODEM, u.IIR_NONE]);
});

test('FIFO mode: IIR bits 7..6, trigger level, time-out below it (8.6.3, 8.6.4)', () => {
  const s = uart();
  u.uartWrite(s, u.IIR_FCR, 0x81); // enable, trigger at 8
  u.uartWrite(s, u.IER, u.IER_ERBFI);
  type(s, '1234567');
  assert.equal(u.uartRead(s, u.IIR_FCR), 0xc0 | u.IIR_TIMEOUT);
  type(s, '8');
  assert.equal(u.uartRead(s, u.IIR_FCR), 0xc0 | u.IIR_DATA);
  assert.equal(drain(s), '12345678');
  assert.equal(s[u.U_LEVEL], 0);
  u.uartWrite(s, u.IIR_FCR, 0xc8);
  assert.equal(u.uartRead(s, u.IIR_FCR), 1, 'without bit 0 nothing else is programmed');
});

test('loopback: MCR drives MSR, THR feeds RBR, the line is cut off (8.6.7)', () => {
  const s = uart();
  u.uartWrite(s, u.IIR_FCR, 1);
  u.uartWrite(s, u.IER, u.IER_ERBFI);
  type(s, 'x');
  u.uartWrite(s, u.MCR, u.MCR_LOOP | 0x0a);
  assert.equal(u.uartRead(s, u.MSR) & 0xf0, 0x90, "Linux's test for an 8250");
  assert.equal(u.uartRead(s, u.LSR) & 1, 0);
  for (let i = 0; i < 17; i++) u.uartWrite(s, u.RBR_THR, 0x30 + i);
  assert.equal(u.uartSent(s), 0);
  assert.equal(u.uartRead(s, u.LSR) & 3, 3, 'overrun: the 17th byte is lost');
  assert.equal(drain(s), '0123456789:;<=>?');
  u.uartWrite(s, u.MCR, 0x0b);
  assert.equal(drain(s), 'x');
});

test('MSR deltas: changes since the last read, RI by its trailing edge alone (8.6.8)', () => {
  const s = uart();
  u.uartWrite(s, u.MCR, u.MCR_LOOP | 4);
  assert.equal(u.uartRead(s, u.MSR), 0x40 | 0x0b);
  assert.equal(u.uartRead(s, u.MSR), 0x40);
  u.uartWrite(s, u.MCR, u.MCR_LOOP);
  assert.equal(u.uartRead(s, u.MSR), 4);
});

test("input typed before the guest listens survives Linux's probing and start-up", () => {
  const s = uart();
  type(s, 'early');
  // autoconfig: IER bits, loopback, FIFO modes
  u.uartWrite(s, u.IER, 0x0f);
  u.uartWrite(s, u.IER, 0);
  u.uartWrite(s, u.MCR, 0x1a);
  u.uartWrite(s, u.MCR, 0);
  u.uartWrite(s, u.IIR_FCR, 1);
  u.uartWrite(s, u.IIR_FCR, 0);
  // start-up: FIFOs cleared, interrupt registers read, then the receive interrupt enabled, then FIFO mode
  for (const value of [1, 7, 0]) u.uartWrite(s, u.IIR_FCR, value);
  for (const register of [u.LSR, u.RBR_THR, u.IIR_FCR, u.MSR]) u.uartRead(s, register);
  assert.equal(s[u.U_LEVEL], 0);
  u.uartWrite(s, u.IER, 5);
  assert.equal(s[u.U_LEVEL], 1);
  u.uartWrite(s, u.IIR_FCR, 1);
  u.uartWrite(s, u.IIR_FCR, 0x81);
  assert.equal(drain(s), 'early');
});

test('a guest that polls LSR gets input; one that waits for the transmitter does not lose it', () => {
  const s = uart();
  type(s, 'ab');
  for (let i = 0; i < u.SENT_BYTES; i++) u.uartWrite(s, u.RBR_THR, i);
  for (let i = 0; i < 100; i++) assert.equal(u.uartRead(s, u.LSR) & u.LSR_DR, 0);
  u.uartTakeSent(s, u.uartSent(s));
  for (let i = 0; i < 40; i++) {
    assert.equal(u.uartRead(s, u.LSR) & u.LSR_DR, 0, 'one look, one byte out: a console that prints');
    u.uartWrite(s, u.RBR_THR, 65);
  }
  let polls = 1;
  while ((u.uartRead(s, u.LSR) & u.LSR_DR) === 0) polls++;
  assert.equal(polls, u.POLLS_TO_LISTEN);
  assert.equal(u.uartRead(s, u.RBR_THR), 97);
  u.uartWrite(s, u.RBR_THR, 97); // the echo does not end polling
  assert.equal(u.uartRead(s, u.LSR) & u.LSR_DR, 1);
  u.uartWrite(s, u.IER, 0); // a driver takes over
  assert.equal(u.uartRead(s, u.RBR_THR), 0);
  assert.equal(u.uartTakeHeld(s), 98);
});

test('the hold ring refuses what does not fit, and a reset of the machine loses none of it', () => {
  const s = uart();
  let n = 0;
  while (u.uartReceive(s, n)) n++;
  assert.equal(n, u.HOLD_BYTES);
  u.uartReset(s);
  for (let i = 0; i < n; i++) assert.equal(u.uartTakeHeld(s), i & 0xff);
  assert.equal(u.uartTakeHeld(s), -1);
});

test('random accesses stay inside the state and inside a byte', () => {
  let seed = 1;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  const room = new Int32Array(u.UART_WORDS + 64).fill(-7);
  const s = room.subarray(32, 32 + u.UART_WORDS);
  u.uartReset(s);
  for (let i = 0; i < 300_000; i++) {
    const offset = random(10) - 1;
    if (random(2) === 0) u.uartWrite(s, offset, random(2) === 0 ? random(256) : -1);
    else {
      const value = u.uartRead(s, offset);
      assert.ok(value >= 0 && value < 256);
    }
    if (random(3) === 0) u.uartReceive(s, random(256));
    if (random(50) === 0) u.uartTakeSent(s, random(u.uartSent(s) + 1));
    assert.ok(u.uartSent(s) >= 0 && u.uartSent(s) <= u.SENT_BYTES && u.uartHoldRoom(s) >= 0);
  }
  assert.ok(room.subarray(0, 32).every((w) => w === -7) && room.subarray(32 + u.UART_WORDS).every((w) => w === -7));
});
