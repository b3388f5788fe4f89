// A partition that has the terminal: brings out what comes in, in capitals, and ends at the end of the input.
import { readSync, writeSync } from 'node:fs';
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const { terminal } = partition.start;
if (terminal === undefined) throw new Error('no terminal');
await partition.seal();
await partition.hello();
const buffer = new Uint8Array(64);
for (let n = readSync(terminal.input, buffer); n > 0; n = readSync(terminal.input, buffer)) {
  writeSync(terminal.output, Buffer.from(buffer.subarray(0, n)).toString().toUpperCase());
}
partition.exit(0);
