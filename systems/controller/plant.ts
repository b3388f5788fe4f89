// A tank, simulated: what flows in is what the valve lets through, what flows out grows with the level.
import { MILLISECOND, OK, got, later, put, read, resultWord, sleepUntil, time, write } from 'virtsec/sdk/bare';
import { port } from 'virtsec/sdk/intrinsics';

/** Levels and openings are in units of a ten-thousandth. */
const START = 200_000;
const PERIOD = 10 * MILLISECOND;
const PERIODS_A_SECOND = 100;
const MOST = 0x7fff_ffff;
const BYTES = 4;

export function main(_restarts: number, _startKind: number): number {
  let height = START;
  let due = time();
  for (let period = 0; period < MOST; period++) {
    // Without a valid command the valve closes.
    const isCommanded = read(port('valve')) === OK && resultWord(2) === 1;
    const opening = isCommanded ? got(0) : 0;
    height = height + (((opening - (height >> 1)) / PERIODS_A_SECOND) | 0);
    put(0, height);
    write(port('level'), BYTES);
    due = later(due, PERIOD);
    sleepUntil(due);
  }
  return 0;
}
