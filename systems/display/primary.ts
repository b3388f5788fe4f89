// The primary display: shows what it reads, and a flag in its place when that is too old.
import {
  NO_ERROR,
  READ_SAMPLING_MESSAGE,
  REPORT_APPLICATION_MESSAGE,
  TIMED_WAIT,
  VALID,
  VALIDITY,
} from 'virtsec/sdk/apex';
import { MILLISECOND, got, putNumber, putText } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';

const MOST = 0x7fff_ffff;
const PERIOD = 500 * MILLISECOND;

/** The line of the values that came; its length. */
function values(): number {
  const feet = putNumber(putText(0, text('ALT ')), got(0));
  const knots = putNumber(putText(feet, text(' ft  SPD ')), got(1));
  return putText(knots, text(' kt'));
}
export function main(_restarts: number, _startKind: number): number {
  REPORT_APPLICATION_MESSAGE(putText(0, text('on')));
  for (let shown = 0; shown < MOST; shown++) {
    const isThere = READ_SAMPLING_MESSAGE(port('air')) === NO_ERROR;
    if (isThere && VALIDITY() === VALID) REPORT_APPLICATION_MESSAGE(values());
    else REPORT_APPLICATION_MESSAGE(putText(0, text('ALT ---- ft  SPD --- kt  AIR DATA')));
    TIMED_WAIT(PERIOD);
  }
  return 0;
}
