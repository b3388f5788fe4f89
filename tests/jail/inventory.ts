// A partition that logs what it holds once the jail is closed: its environment, its open descriptors by kind, and whether it
// can make the pages of its streams writable.
import { fstatSync } from 'node:fs';
import { startPartition } from '../../src/sdk/index.ts';
import { CALLS } from '../../src/kernel/hosted/call-numbers.ts';
import { systemCall } from '../../src/kernel/hosted/linux.ts';

const partition = await startPartition();
await partition.seal();
await partition.hello();

partition.log(`environment ${Object.keys(process.env).sort().join(' ')}`);
for (let fd = 0; fd < 256; fd++) {
  try {
    const status = fstatSync(fd);
    if (status.isFile() || status.isDirectory()) partition.log(`file ${fd} of ${status.size} bytes`);
    else if (status.isSocket() || status.isBlockDevice()) partition.log(`descriptor ${fd}`);
  } catch {
    // not open
  }
}
const shared = partition.share();
if (shared.transport === 'memory') {
  const READ_WRITE = 3;
  for (const [i, ring] of shared.rings.entries()) {
    const { name, direction } = partition.start.streams[i];
    for (const page of ['data', 'progress'] as const) {
      partition.log(`${name} ${direction} ${page}: ${systemCall(CALLS.mprotect, ring[page], 4096, READ_WRITE)}`);
    }
  }
}
partition.exit(0);
