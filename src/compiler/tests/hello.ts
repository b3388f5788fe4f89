// The smallest kernel: writes to the first UART of the board and switches it off.
import { add64, load8, pair, store32, store8, text, word } from '../intrinsics.ts';
import type { Word } from '../intrinsics.ts';

/** ns16550a: transmit register, line status; bit 5 of it: the transmitter is empty. */
const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
/** sifive_test: this value ends the machine with status 0. */
const FINISHER = 0x10_0000;
const PASS = 0x5555;
const LINE = 80;

export class Greeting {
  count = 0;
  readonly squares = new Int32Array(LINE);
}

function put(byte: number): void {
  for (let i = 0; i < LINE; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
}
function write(at: Word): void {
  for (let i = 0; i < LINE; i++) {
    const byte = load8(add64(at, word(i)));
    if (byte === 0) return;
    put(byte);
  }
}
function decimal(value: number): void {
  const rest = (value / 10) | 0;
  if (value >= 100) put(48 + ((value / 100) | 0));
  if (value >= 10) put(48 + rest - ((value / 100) | 0) * 10);
  put(48 + value - rest * 10);
}

export function main(g: Greeting): void {
  write(text('Hello from bare RISC-V, in TypeScript\n'));
  for (let i = 0; i < 10; i++) {
    g.squares[i] = i * 8;
    g.count += 1;
  }
  for (let i = 0; i < g.count; i++) {
    decimal(g.squares[i]);
    put(32);
  }
  put(10);
  store32(pair(0, FINISHER), PASS);
}
