// The program of a guest's partition: its VMM. This thread does the I/O, one worker for each hart runs guest code.

import { fstatSync, readSync } from 'node:fs';
import { startPartition } from '../../sdk/index.ts';
import { collectGarbage } from './garbage.ts';
import { Guest, type GuestConfiguration, type Image, type Images } from './guest.ts';
import { UARTS } from './machine-state.ts';
import { Publisher, STATISTICS, STATISTICS_BYTES } from './statistics.ts';

/** What the description says of a guest (seams.md, "What the CLI gives each program"). */
interface Configuration {
  readonly cmdline: string;
  readonly deviceTree: boolean;
  readonly devices: Readonly<Record<string, string>>;
}

const WRONG_INPUT = 2;
const OWN_FAULT = 70;
const COLLECT_MS = 5000;

/** No guest has a use for more: its RAM is at most 2 GiB, and Node reads no more than that at once. */
const MAX_IMAGE_BYTES = 2 ** 30;

/** A file that the kernel opened; it stays open for the next boot. */
function imageOf(descriptor: number, size: number): Image {
  return {
    size,
    read(into, from) {
      let count = 0;
      while (count < into.length) {
        const n = readSync(descriptor, into, count, into.length - count, from + count);
        if (n === 0) break;
        count += n;
      }
      return count;
    },
  };
}

const partition = await startPartition();
const { start } = partition;
const { cmdline, deviceTree, devices } = start.config as unknown as Configuration;
const configuration: GuestConfiguration = { harts: start.harts, memory: start.memory, cmdline, deviceTree, devices };

const statistics = partition.writableFile(STATISTICS, STATISTICS_BYTES);
const files = Object.entries(start.files)
  .filter(([name]) => name !== STATISTICS)
  .map(([name, descriptor]) => ({ name, descriptor, size: fstatSync(descriptor).size }));
const tooLarge = files.find(({ size }) => size > MAX_IMAGE_BYTES)?.name;
const images: Images = Object.fromEntries(files.map(({ name, descriptor, size }) => [name, imageOf(descriptor, size)]));
const lines = UARTS.map((uart) => {
  const name = devices[uart];
  return name === undefined ? undefined : { output: partition.producer(name), input: partition.consumer(name) };
});

const guest = new Guest(configuration, images, {
  lines,
  partition: partition.share(),
  restarted: () => partition.reset(),
  ended: (status) => {
    publisher?.publish();
    partition.exit(status);
  },
  failed(text) {
    partition.log(text);
    process.exit(OWN_FAULT);
  },
});

const publisher = statistics && new Publisher(statistics, () => guest.statistics());
await partition.seal(guest.workers);
partition.onWake(({ stopping }) => {
  if (stopping) {
    guest.halt();
    publisher?.publish();
    partition.exit(0);
  }
  guest.onStreams();
});
await partition.hello();

const wrong =
  tooLarge === undefined
    ? guest.boot()
    : { code: 'image.too-large', message: `The ${tooLarge} has more than 1 GiB.`, help: 'Name another file.' };
if (wrong) {
  partition.log(`error[${wrong.code}]: ${wrong.message}\nhelp: ${wrong.help}`);
  partition.exit(WRONG_INPUT);
}
guest.onStreams();
publisher?.start();
// What the start left; an idle VMM would never collect it.
setTimeout(collectGarbage, COLLECT_MS).unref();
