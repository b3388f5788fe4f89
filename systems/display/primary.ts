// The primary display: shows what it reads, and a flag in its place when that is too old.
import * as apex from 'virtsec/sdk/arinc653';
import { log } from 'virtsec/sdk';

const MS = 1_000_000n;
const air = apex.CREATE_SAMPLING_PORT('air', 8, apex.DESTINATION, 300n * MS);
await apex.SET_PARTITION_MODE(apex.NORMAL);
await log('on');

for (;;) {
  const { VALIDITY, MESSAGE } = await apex.READ_SAMPLING_MESSAGE(air.SAMPLING_PORT_ID!);
  if (VALIDITY === apex.VALID) {
    const values = new DataView(MESSAGE!.buffer, MESSAGE!.byteOffset);
    await log(`ALT ${values.getInt32(0)} ft  SPD ${values.getInt32(4)} kt`);
  } else await log('ALT ---- ft  SPD --- kt  AIR DATA');
  await apex.TIMED_WAIT(500n * MS);
}
