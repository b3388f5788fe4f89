// A partition that does nothing until the system ends. With `config.status` (a number) it ends by itself, with that status.
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { status } = partition.start.config;
await partition.seal();
await partition.hello();
if (typeof status === 'number') partition.exit(status);
