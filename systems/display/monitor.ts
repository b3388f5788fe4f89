// On the ground it switches the schedule to the mode in which maintenance runs, and tells that what the kernel has counted. Two
// seconds later it ends the system.
import * as apex from 'virtsec/sdk/arinc653';
import { audit, log, shutDown, utf8 } from 'virtsec/sdk';

const MS = 1_000_000n;
const air = apex.CREATE_SAMPLING_PORT('air', 8, apex.DESTINATION, 300n * MS);
const findings = apex.CREATE_QUEUING_PORT('findings', 128, 32, apex.SOURCE);
await apex.SET_PARTITION_MODE(apex.NORMAL);

for (;;) {
  const { VALIDITY, MESSAGE } = await apex.READ_SAMPLING_MESSAGE(air.SAMPLING_PORT_ID!);
  if (VALIDITY === apex.VALID && new DataView(MESSAGE!.buffer, MESSAGE!.byteOffset).getInt32(0) === 0) break;
  await apex.TIMED_WAIT(100n * MS);
}
const ground = apex.GET_MODULE_SCHEDULE_ID('ground');
await apex.SET_MODULE_SCHEDULE(ground.SCHEDULE_ID!);
await log('on the ground: mode `ground`');
for (const name of ['air-data', 'primary']) {
  const { faults, restarts } = await audit(name);
  const finding = utf8(`${name}: ${faults} faults, ${restarts} restarts`);
  await apex.SEND_QUEUING_MESSAGE(findings.QUEUING_PORT_ID!, finding, 0n);
}
await apex.TIMED_WAIT(2000n * MS);
await shutDown();
