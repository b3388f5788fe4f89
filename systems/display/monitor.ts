// On the ground it switches the schedule to the mode in which maintenance runs, and tells that what the kernel has counted. Two
// seconds later it ends the system.
import {
  NO_ERROR,
  READ_SAMPLING_MESSAGE,
  REPORT_APPLICATION_MESSAGE,
  SEND_QUEUING_MESSAGE,
  SET_MODULE_SCHEDULE,
  TIMED_WAIT,
  VALID,
  VALIDITY,
} from 'virtsec/sdk/apex';
import { MILLISECOND, audit, got, putNumber, putText, resultWord, shutDown } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';

const MOST = 0x7fff_ffff;
const PERIOD = 100 * MILLISECOND;
const LAST_SECONDS = 2000 * MILLISECOND;

function isOnGround(): boolean {
  if (READ_SAMPLING_MESSAGE(port('air')) !== NO_ERROR) return false;
  return VALIDITY() === VALID && got(0) === 0;
}
/** Tells what was counted of a partition, whose name ends at byte `at` of the message. */
function tell(at: number, partition: number): void {
  audit(partition);
  const faults = putText(putNumber(putText(at, text(': ')), resultWord(0)), text(' faults, '));
  const restarts = putText(putNumber(faults, resultWord(1)), text(' restarts'));
  SEND_QUEUING_MESSAGE(port('findings'), restarts, 0);
}
export function main(_restarts: number, _startKind: number): number {
  for (let looks = 0; looks < MOST; looks++) {
    if (isOnGround()) {
      SET_MODULE_SCHEDULE(port('mode:ground'));
      REPORT_APPLICATION_MESSAGE(putText(0, text('on the ground: mode `ground`')));
      tell(putText(0, text('air-data')), port('partition:air-data'));
      tell(putText(0, text('primary')), port('partition:primary'));
      TIMED_WAIT(LAST_SECONDS);
      shutDown();
      return 0;
    }
    TIMED_WAIT(PERIOD);
  }
  return 1;
}
