// The driver of the UART: the only program whose regions cover it. Prints what comes, a line for each message.
import { load8, store8, word } from '../../../compiler/intrinsics.ts';
import { OP_AUDIT, OP_RECEIVE, call3, got, resultWord } from './calls.ts';

const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
const NEWLINE = 10;
const DIGIT = 48;
const TEN = 10;
const LONGEST = 10;
const FOREVER = 1 << 29;
const MESSAGES = 40;
/** Ticks. */
const PATIENCE = 12000;

export class Console {
  expected = 0;
  wrong = 0;
}
function write(byte: number): void {
  for (let i = 0; i < 1000; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
}
function decimal(value: number): void {
  let rest = value;
  let power = 1000000000;
  let isShown = false;
  for (let i = 0; i < LONGEST; i++) {
    let digit = 0;
    for (let d = 0; d < TEN; d++) {
      if (rest >= power) {
        rest -= power;
        digit += 1;
      }
    }
    if (digit > 0 || isShown || power === 1) {
      write(DIGIT + digit);
      isShown = true;
    }
    power = (power / TEN) | 0;
  }
}
export function main(s: Console, _restarts: number, _startKind: number): number {
  for (let i = 0; i < MESSAGES; i++) {
    if (call3(OP_RECEIVE, 0, FOREVER, 0) !== 0) s.wrong += 1;
    if (got(0) !== s.expected || got(1) !== s.expected * s.expected) s.wrong += 1;
    s.expected += 1;
  }
  // The hostile one has its time: nothing comes any more.
  if (call3(OP_RECEIVE, 0, PATIENCE, 0) === 0) s.wrong += 1;
  write(109);
  decimal(s.expected);
  write(NEWLINE);
  write(119);
  decimal(s.wrong);
  write(NEWLINE);
  if (call3(OP_AUDIT, 2, 0, 0) === 0) {
    write(102);
    decimal(resultWord(0));
    write(NEWLINE);
    write(114);
    decimal(resultWord(1));
    write(NEWLINE);
  }
  return s.wrong;
}
