// The UART's driver in the test of attacks: a letter for each attack that went through, and at the end a dot for each of its deaths.
import { load8, store8, word } from '../../../compiler/intrinsics.ts';
import { OP_AUDIT, OP_RECEIVE, OP_WAIT, call3, got, resultWord } from './calls.ts';

const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
const LETTER = 65;
const DOT = 46;
const NEWLINE = 10;
const TICKS = 100;
const ROUNDS = 12;

export class Report {
  letters = 0;
}
function write(byte: number): void {
  for (let i = 0; i < 1000; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
}
export function main(s: Report, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < 64; i++) {
      if (call3(OP_RECEIVE, 0, 0, 0) === 0) {
        write(LETTER + got(0));
        s.letters += 1;
      }
    }
    call3(OP_WAIT, TICKS, 0, 0);
  }
  if (call3(OP_AUDIT, 0, 0, 0) === 0) {
    const deaths = resultWord(0);
    for (let i = 0; i < deaths; i++) write(DOT);
  }
  write(NEWLINE);
  return 0;
}
