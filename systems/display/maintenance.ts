// Has windows on the ground alone: until then it waits, wherever it stands.
import * as apex from 'virtsec/sdk/arinc653';
import { log, text } from 'virtsec/sdk';

const findings = apex.CREATE_QUEUING_PORT('findings', 128, 32, apex.DESTINATION);
await apex.SET_PARTITION_MODE(apex.NORMAL);

for (;;) {
  const { RETURN_CODE, MESSAGE } = await apex.RECEIVE_QUEUING_MESSAGE(
    findings.QUEUING_PORT_ID!,
    apex.INFINITE_TIME_VALUE,
  );
  if (RETURN_CODE === apex.NO_ERROR) await log(`found ${text(MESSAGE!)}`);
}
