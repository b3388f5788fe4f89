// Watches its own windows on the board's clock (time, which the kernel of this test lets it read): prints the shortest and the longest
// one in units of 100 ns, by how much the distance of two starts differed from a frame at most, and how often the other one was restarted;
// then it ends the system.
import { csrRead, load8, low, store8, word } from '../../../compiler/intrinsics.ts';
import { OP_AUDIT, OP_SHUTDOWN, call3, resultWord } from './calls.ts';

const TIME = 0xc01;
const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
const SPACE = 32;
const NEWLINE = 10;
const DIGIT = 48;
const TEN = 10;
const LONGEST = 10;
/** A pause of this length was another's window. */
const GAP = 100;
/** Units of 100 ns. */
const FRAME = 20000;
const ROUNDS = 0x7fff_ffff;
const ENOUGH = 1000;

export class Watcher {
  last = 0;
  begun = 0;
  windows = 0;
  shortest = 0;
  longest = 0;
  jitter = 0;
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
function onWindow(s: Watcher, now: number): void {
  const length = s.last - s.begun;
  const distance = now - s.begun - FRAME;
  const off = distance < 0 ? 0 - distance : distance;
  s.windows += 1;
  // The first window began with the boot.
  if (s.windows > 2) {
    if (length < s.shortest) s.shortest = length;
    if (length > s.longest) s.longest = length;
    if (off > s.jitter) s.jitter = off;
  }
  s.begun = now;
}
function restarts(): number {
  return call3(OP_AUDIT, 1, 0, 0) === 0 ? resultWord(1) : -1;
}
export function main(s: Watcher, _restarts: number, _startKind: number): number {
  s.last = low(csrRead(TIME));
  s.begun = s.last;
  s.shortest = FRAME;
  for (let round = 0; round < ROUNDS; round++) {
    const now = low(csrRead(TIME));
    if (now - s.last > GAP) {
      onWindow(s, now);
      if (restarts() >= ENOUGH) {
        decimal(s.shortest);
        write(SPACE);
        decimal(s.longest);
        write(SPACE);
        decimal(s.jitter);
        write(SPACE);
        decimal(restarts());
        write(NEWLINE);
        return call3(OP_SHUTDOWN, 0, 0, 0);
      }
    }
    s.last = now;
  }
  return 1;
}
