// Stands between Linux and the vault. Lines come in over Linux's serial port; only well-formed wishes go on, and only so many a
// minute: a Linux that is taken over may use the key, as long as it is taken over, and not wear it out. In the subset of TypeScript that
// runs hosted and on bare metal (docs/sdk.md).
import {
  FOREVER,
  OK,
  call,
  gotByte,
  log,
  milliseconds,
  putByte,
  putText,
  resultWord,
  streamGet,
  streamWaiting,
  streamWrite,
  textByte,
  wait,
} from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

/** `sign ` and up to 128 printable characters, or `public`. */
const WISH = 5;
const PUBLIC = 6;
const LONGEST = WISH + 128;
/** What is too long stays too long, however it goes on. */
const KEPT = LONGEST + 1;
const SPACE = 32;
const TILDE = 126;
const NEWLINE = 10;
const RETURN = 13;
const MINUTE = 60_000;
const MOST_A_MINUTE = 60;
const ROUNDS = 0x7fff_ffff;

export class Gate {
  length = 0;
  minute = 0;
  count = 0;
  readonly line = new Int32Array(KEPT);
}

function startsWith(s: Gate, word: Word, bytes: number): boolean {
  for (let i = 0; i < bytes; i++) if (i >= s.length || s.line[i] !== textByte(word, i)) return false;
  return true;
}
function isWish(s: Gate): boolean {
  if (s.length === PUBLIC && startsWith(s, text('public'), PUBLIC)) return true;
  if (s.length <= WISH || s.length > LONGEST || !startsWith(s, text('sign '), WISH)) return false;
  for (let i = 0; i < s.length; i++) if (s.line[i] < SPACE || s.line[i] > TILDE) return false;
  return true;
}
/** Whether this minute has room for one more. */
function isInTime(s: Gate): boolean {
  const now = (milliseconds() / MINUTE) | 0;
  if (now !== s.minute) s.count = 0;
  s.minute = now;
  if (s.count < MOST_A_MINUTE) s.count += 1;
  else return false;
  return true;
}
/** What is answered to the line, in the message page; its length. */
function answer(s: Gate): number {
  if (!isWish(s)) return putText(0, text('refused'));
  if (!isInTime(s)) return putText(0, text('refused: too many'));
  for (let i = 0; i < s.length; i++) putByte(i, s.line[i]);
  log(s.length);
  if (call(port('sign'), s.length) !== OK) return putText(0, text('refused: the vault does not answer'));
  const bytes = resultWord(0);
  for (let i = 0; i < bytes; i++) putByte(i, gotByte(i));
  return bytes;
}
function take(s: Gate, byte: number): void {
  if (byte !== NEWLINE && byte !== RETURN) {
    if (s.length < KEPT) {
      s.line[s.length] = byte;
      s.length += 1;
    }
  } else if (s.length > 0) {
    const end = answer(s);
    putByte(end, NEWLINE);
    streamWrite(port('ask'), end + 1);
    s.length = 0;
  }
}
export function main(s: Gate, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = streamWaiting(port('ask'));
    for (let i = 0; i < waiting; i++) take(s, streamGet(port('ask')));
    if (waiting === 0) wait(FOREVER);
  }
  return 0;
}
