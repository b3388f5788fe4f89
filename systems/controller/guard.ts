// Takes wishes from Linux, `set 60`, and lets those through that the plant can bear; `level` is answered.
import {
  FOREVER,
  OK,
  got,
  put,
  putByte,
  putNumber,
  putText,
  read,
  resultWord,
  send,
  streamGet,
  streamWaiting,
  streamWrite,
  textByte,
  wait,
} from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

const LEAST = 10;
const MOST = 80;
/** Characters of a line that are kept: with one more than the longest wish has, it is none. */
const LINE = 8;
/** The level comes in ten-thousandths. */
const PER_TENTH = 1000;
const BYTES = 4;
const ROUNDS = 0x7fff_ffff;
const NEWLINE = 10;
const RETURN = 13;
const POINT = 46;
const ZERO = 48;
const NINE = 57;

export class Guard {
  length = 0;
  readonly line = new Int32Array(LINE);
}

function startsWith(s: Guard, word: Word): boolean {
  for (let i = 0; i < LINE; i++) {
    const byte = textByte(word, i);
    if (byte === 0) return true;
    if (i >= s.length || s.line[i] !== byte) return false;
  }
  return false;
}
/** The number that stands from that character to the end of the line; -1: there is none. */
function numberFrom(s: Guard, first: number): number {
  if (s.length <= first || s.length >= LINE) return -1;
  let value = 0;
  for (let i = first; i < s.length; i++) {
    const digit = s.line[i];
    if (digit < ZERO || digit > NINE) return -1;
    value = value * 10 + digit - ZERO;
  }
  return value;
}
/** The level with one digit behind the point; its length. */
function level(): number {
  if (read(port('level')) !== OK || resultWord(2) === 0) return putText(0, text('unknown'));
  const tenths = (got(0) / PER_TENTH) | 0;
  const whole = (tenths / 10) | 0;
  const point = putNumber(0, whole);
  putByte(point, POINT);
  putByte(point + 1, ZERO + tenths - whole * 10);
  return point + 2;
}
/** What is answered to the line, in the message page; its length. */
function answer(s: Guard): number {
  if (s.length === 5 && startsWith(s, text('level'))) return level();
  const value = startsWith(s, text('set ')) ? numberFrom(s, 4) : -1;
  if (value < LEAST || value > MOST) {
    const least = putNumber(putText(0, text('refused: set ')), LEAST);
    return putText(putNumber(putText(least, text(' to set ')), MOST), text(', or level'));
  }
  put(0, value);
  return putText(0, send(port('set-point'), BYTES, 0) === OK ? text('done') : text('refused: too many'));
}
function take(s: Guard, byte: number): void {
  if (byte !== NEWLINE && byte !== RETURN) {
    if (s.length < LINE) {
      s.line[s.length] = byte;
      s.length += 1;
    }
  } else if (s.length > 0) {
    const end = answer(s);
    putByte(end, NEWLINE);
    streamWrite(port('wish'), end + 1);
    s.length = 0;
  }
}
export function main(s: Guard, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = streamWaiting(port('wish'));
    for (let i = 0; i < waiting; i++) take(s, streamGet(port('wish')));
    if (waiting === 0) wait(FOREVER);
  }
  return 0;
}
