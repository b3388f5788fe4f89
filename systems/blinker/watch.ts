// Prints each new count, and whether it is valid.
import { OK, got, putByte, read, resultWord, streamWrite, wait } from 'virtsec/sdk/bare';
import { port } from 'virtsec/sdk/intrinsics';

export class Watch {
  last = 0;
}
const ROUNDS = 1000;
const LAST = 20;
const FRAME = 2000;
const TEN = 10;
const DIGIT = 48;
const NEWLINE = 10;
const STAR = 42;
const BYTES = 4;
export function main(s: Watch, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    if (s.last >= LAST) return 0;
    if (read(port('beat')) === OK && got(0) !== s.last) {
      s.last = got(0);
      putByte(0, resultWord(2) === 1 ? STAR : NEWLINE);
      putByte(1, DIGIT + ((s.last / TEN) | 0));
      putByte(2, DIGIT + s.last - ((s.last / TEN) | 0) * TEN);
      putByte(3, NEWLINE);
      streamWrite(port('lines'), BYTES);
    }
    wait(FRAME);
  }
  return 1;
}
