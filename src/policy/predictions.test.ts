// What `check` says of a fallen partition, held against a running system: each component in turn is really replaced by a
// hostile program, and reaches exactly whom the analysis says.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { between, partition, TestSystem, until } from '../../tests/partitions/system.ts';
import { analyse, readDescription } from './index.ts';

const SPEAKER = fileURLToPath(new URL('tests/speaker.ts', import.meta.url));

/** Two guests that share a console driver, and a disk that one of them has alone. */
const TEXT = `
virtsec: 1
system: predicted
partitions:
  left: { guest: debian }
  right: { guest: debian }
  tty: { driver: console, grants: { terminal: stdio } }
  disk: { driver: block, grants: { file: disk.img } }
channels:
  left-con: { stream: left <-> tty, as: uart0 }
  right-con: { stream: right <-> tty, as: uart0 }
  root: { stream: right <-> disk, as: virtio-blk }
`;

const reading = readDescription('predicted', TEXT, { fileExists: () => true, images: ['debian'], firmware: [] });
assert.ok(reading.description);
const { description, source } = reading;
const { compromise } = analyse(description, source);

for (const { partition: fallen, writes, reads, beyond, never } of compromise.reach) {
  test(`${fallen} falls: it reaches ${writes.join(' and ')}, and nobody else falls`, async () => {
    const names = description.partitions.map(({ name }) => name);
    const system = new TestSystem(
      description.partitions.map(({ name, form }) =>
        partition(name, form, SPEAKER, { config: name === fallen ? { hostile: true } : {} }),
      ),
      description.channels.flatMap(({ name, from, to }) => between(name, names.indexOf(from), names.indexOf(to[0]))),
    );
    try {
      const end = await system.waitFor('exit', ({ partition }) => partition === fallen);
      assert.equal(end.by, 'illegal-call');
      await until(() => writes.every((name) => system.log(name).includes(`hears ${fallen}`)), 10_000);
      const others = names.filter((name) => name !== fallen);
      const hears = (name: string, other: string): boolean => system.log(name).includes(`hears ${other}`);
      assert.deepEqual(
        others.filter((name) => hears(name, fallen)),
        writes,
      );
      assert.deepEqual(
        others.filter((other) => hears(fallen, other)),
        reads,
      );
      for (const name of [...beyond, ...never]) assert.ok(!hears(name, fallen), name);
      // It fell alone.
      const { falls } = compromise.components.find((one) => one.partition === fallen)!;
      const ended = system.events.flatMap((event) => (event.event === 'exit' ? [event.partition] : []));
      assert.deepEqual(ended, falls);
    } finally {
      system.kill('SIGTERM');
      await system.exited;
    }
  });
}
