// The program of a partition whose plan says `app`: runs what its file `app` holds.
import { fstatSync, readSync } from 'node:fs';
import { startPartition } from '../hosted/partition.ts';
import { reasonOf } from './kernel.ts';
import { APP_FILE, processLink } from './process-link.ts';
import { loaderFor } from './start.ts';

/** All of a descriptor that may have been read before. */
function readAll(descriptor: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fstatSync(descriptor).size);
  for (let done = 0; done < bytes.length;) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, done);
    if (count === 0) throw new Error('the application file became shorter while it was read');
    done += count;
  }
  return bytes;
}

const partition = await startPartition();
if (partition.start.transport === 'pipes' && partition.start.ports.length > 0) {
  throw new Error('this host has no node:ffi: it carries streams only, and this application has ports');
}
const descriptor = partition.start.files[APP_FILE];
if (descriptor === undefined) throw new Error('the plan gives this partition no application');
const bytes = readAll(descriptor);
const load = await loaderFor(`${partition.start.name}.ts`, bytes);
await partition.seal();
// From here on nothing of the application can reach out of the jail: it is parsed, and later run, behind it.
const link = processLink(partition);
try {
  const program = await load(link);
  await partition.hello();
  await program.run();
} catch (error) {
  link.fail(reasonOf(error));
}
