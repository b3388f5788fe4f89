// The control loop: every 10 ms it reads the level and sets the valve. It also measures itself: how far each period was from 10 ms.
import {
  MILLISECOND,
  OK,
  got,
  later,
  log,
  put,
  putByte,
  putNumber,
  putText,
  read,
  receive,
  resultWord,
  sleepUntil,
  time,
  write,
} from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';

const PERIOD = 10 * MILLISECOND;
const PERIODS_A_SECOND = 100;
/** Levels and openings are in units of a ten-thousandth. */
const UNIT = 10_000;
const OPEN = 100 * UNIT;
const MOST_INTEGRAL = 500 * UNIT;
const FIRST_SET_POINT = 50;
const GAIN = 4;
const BYTES = 4;
/** Periods of a line of log; the first ones see the others start. */
const REPORT = 500;
const FIRST = -100;
/** How often a period was so many ticks off; the last one counts all beyond. */
const BINS = 2048;
const MEDIAN = 250;
const NINETY_NINE = 495;
const MOST = 0x7fff_ffff;

export class Loop {
  setPoint = 0;
  integral = 0;
  level = 0;
  periods = 0;
  readonly off = new Int32Array(BINS);
}

function clamp(value: number, least: number, most: number): number {
  if (value < least) return least;
  return value > most ? most : value;
}
function control(s: Loop): void {
  if (read(port('level')) !== OK || resultWord(2) === 0) return;
  s.level = got(0);
  const error = s.setPoint * UNIT - s.level;
  s.integral = clamp(s.integral + ((error / PERIODS_A_SECOND) | 0), 0 - MOST_INTEGRAL, MOST_INTEGRAL);
  put(0, clamp(GAIN * error + s.integral, 0, OPEN));
  write(port('valve'), BYTES);
}

const DIGIT = 48;
const POINT = 46;
/** A number of which the last digits are behind the point; gives the byte behind it. */
function putTenths(at: number, tenths: number): number {
  const whole = (tenths / 10) | 0;
  const point = putNumber(at, whole);
  putByte(point, POINT);
  putByte(point + 1, DIGIT + tenths - whole * 10);
  return point + 2;
}
function putHundredths(at: number, hundredths: number): number {
  const tenths = (hundredths / 10) | 0;
  const last = putTenths(at, tenths);
  putByte(last, DIGIT + hundredths - tenths * 10);
  return last + 1;
}
/** Ticks (hundredths of a millisecond) that so many periods were off at most. */
function offAtMost(s: Loop, periods: number): number {
  let seen = 0;
  for (let bin = 0; bin < BINS; bin++) {
    seen += s.off[bin];
    if (seen >= periods) return bin;
  }
  return BINS;
}
function report(s: Loop): void {
  let at = putTenths(putText(0, text('level ')), (s.level / 1000) | 0);
  at = putNumber(putText(at, text(' of ')), s.setPoint);
  at = putHundredths(putText(at, text('; off 10 ms by: median ')), offAtMost(s, MEDIAN));
  at = putHundredths(putText(at, text(', 99 % ')), offAtMost(s, NINETY_NINE));
  at = putHundredths(putText(at, text(', worst ')), offAtMost(s, REPORT));
  log(putText(at, text(' ms')));
  s.off.fill(0, 0, BINS);
  s.periods = 0;
}

export function main(s: Loop, _restarts: number, _startKind: number): number {
  s.setPoint = FIRST_SET_POINT;
  s.periods = FIRST;
  let last = time();
  let due = last;
  for (let period = 0; period < MOST; period++) {
    due = later(due, PERIOD);
    sleepUntil(due);
    const now = time();
    const off = now - last - PERIOD;
    const distance = clamp(off < 0 ? 0 - off : off, 0, BINS - 1);
    if (s.periods >= 0) s.off[distance] += 1;
    s.periods += 1;
    last = now;
    control(s);
    if (receive(port('set-point'), 0) === OK) s.setPoint = got(0);
    if (s.periods >= REPORT) report(s);
  }
  return 0;
}
