// Sits at the console of the black Linux, as an eavesdropper may: tells it to send back over its second serial port whatever comes
// in there, and to show it; and writes all that it shows into the log. In the subset of TypeScript that runs hosted and on bare metal.
import {
  FOREVER,
  log,
  putByte,
  putText,
  streamGet,
  streamWaiting,
  streamWrite,
  textByte,
  wait,
} from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

const KEPT = 512;
const NEWLINE = 10;
const RETURN = 13;
const SEES = 5;
const PROMPT = 4;
const ROUNDS = 0x7fff_ffff;

export class Tap {
  length = 0;
  isTold = 0;
  readonly line = new Int32Array(KEPT);
}

/** Whether the word, which has so many bytes, stands in the line from there on. */
function standsAt(s: Tap, word: Word, bytes: number, at: number): boolean {
  if (at < 0 || at + bytes > s.length) return false;
  for (let i = 0; i < bytes; i++) if (s.line[at + i] !== textByte(word, i)) return false;
  return true;
}
function tell(s: Tap): void {
  s.isTold = 1;
  streamWrite(port('black-con'), putText(0, text('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo\n')));
  streamWrite(port('black-con'), putText(0, text('while read -r l; do echo "sees $l"; echo "$l" >&3; done <&3\n')));
  log(putText(0, text('black is up')));
}
function take(s: Tap, byte: number): void {
  if (byte === NEWLINE) {
    if (standsAt(s, text('sees '), SEES, 0)) {
      for (let i = 0; i < s.length; i++) putByte(i, s.line[i]);
      log(s.length);
    }
    s.length = 0;
  } else if (byte !== RETURN && s.length < KEPT) {
    s.line[s.length] = byte;
    s.length += 1;
    if (s.isTold === 0 && standsAt(s, text('~ # '), PROMPT, s.length - PROMPT)) tell(s);
  }
}
export function main(s: Tap, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    const waiting = streamWaiting(port('black-con'));
    for (let i = 0; i < waiting; i++) take(s, streamGet(port('black-con')));
    if (waiting === 0) wait(FOREVER);
  }
  return 0;
}
