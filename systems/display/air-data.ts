// Publishes altitude and speed ten times a second: a descent until fourteen seconds after the start, and a run on the ground. Once, on its
// way down, it fails, and the health monitor starts it again.
import {
  APPLICATION_ERROR,
  RAISE_APPLICATION_ERROR,
  REPORT_APPLICATION_MESSAGE,
  TIMED_WAIT,
  WRITE_SAMPLING_MESSAGE,
} from 'virtsec/sdk/apex';
import { MILLISECOND, milliseconds, put, putText } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';

/** Milliseconds, and milliseconds for a foot and for a knot. */
const TOUCHDOWN = 14000;
const PER_FOOT = 4;
const PER_KNOT = 1000;
const ON_APPROACH = 140;
const ON_THE_GROUND = 40;
/** Samples. */
const FAILURE = 20;
const MOST = 0x7fff_ffff;
const PERIOD = 100 * MILLISECOND;
const SAMPLE = 8;

export function main(restarts: number, _startKind: number): number {
  if (restarts > 0) REPORT_APPLICATION_MESSAGE(putText(0, text('started again by the health monitor')));
  for (let samples = 0; samples < MOST; samples++) {
    if (samples === FAILURE && restarts === 0) {
      RAISE_APPLICATION_ERROR(APPLICATION_ERROR, putText(0, text('pitot probe: no reading')));
    }
    const left = TOUCHDOWN - milliseconds();
    put(0, left > 0 ? (left / PER_FOOT) | 0 : 0);
    put(1, left > 0 ? ON_APPROACH + ((left / PER_KNOT) | 0) : ON_THE_GROUND);
    WRITE_SAMPLING_MESSAGE(port('air'), SAMPLE);
    TIMED_WAIT(PERIOD);
  }
  return 0;
}
