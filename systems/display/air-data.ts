// Publishes altitude and speed ten times a second: a descent until fourteen seconds after the start, and a run on the ground. Once, on its
// way down, it fails, and the health monitor starts it again.
import * as apex from 'virtsec/sdk/arinc653';
import { utf8 } from 'virtsec/sdk';

const MS = 1_000_000n;
const TOUCHDOWN = 14_000;
/** Samples. */
const FAILURE = 20;
const FEET_PER_SECOND = 250;

const air = apex.CREATE_SAMPLING_PORT('air', 8, apex.SOURCE, 300n * MS);
const isAgain = apex.GET_PARTITION_STATUS().START_CONDITION === apex.HM_PARTITION_RESTART;
await apex.SET_PARTITION_MODE(apex.NORMAL);
if (isAgain) await apex.REPORT_APPLICATION_MESSAGE(utf8('started again by the health monitor'));

for (let samples = 0; ; samples++) {
  const now = Number((await apex.GET_TIME()).SYSTEM_TIME! / MS);
  if (samples === FAILURE && !isAgain)
    await apex.RAISE_APPLICATION_ERROR(apex.APPLICATION_ERROR, utf8('pitot probe: no reading'));
  const left = Math.max(0, TOUCHDOWN - now) / 1000;
  const message = new DataView(new ArrayBuffer(8));
  message.setInt32(0, left * FEET_PER_SECOND);
  message.setInt32(4, left > 0 ? 140 + left : 40);
  await apex.WRITE_SAMPLING_MESSAGE(air.SAMPLING_PORT_ID!, new Uint8Array(message.buffer));
  await apex.TIMED_WAIT(100n * MS);
}
