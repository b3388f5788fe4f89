// A partition that says who it is to everyone whom it can reach, and logs whom it hears. With `config.hostile` it then
// floods all that it can write, and makes a call that it has no right to.
import { startPartition } from '../../sdk/index.ts';

const partition = await startPartition();
const { name, streams, config } = partition.start;
const producers = streams.filter(({ direction }) => direction === 'out').map((end) => partition.producer(end.name));
const consumers = streams.filter(({ direction }) => direction === 'in').map((end) => partition.consumer(end.name));
await partition.seal();
await partition.hello();

const heard = new Set<string>();
const into = new Uint8Array(1024);
function listen(): void {
  for (const consumer of consumers) {
    do {
      for (let n = consumer.read(into); n > 0; n = consumer.read(into)) {
        const text = Buffer.from(into.subarray(0, n)).toString('latin1');
        for (const [, who] of text.matchAll(/I am ([a-z-]+)\n/g)) {
          if (heard.has(who)) continue;
          heard.add(who);
          partition.log(`hears ${who}`);
        }
      }
    } while (!consumer.waitForData());
  }
}
partition.onWake(({ stopping }) => {
  listen();
  if (stopping) partition.exit(0);
});

const greeting = Buffer.from(`I am ${name}\n`);
for (const producer of producers) producer.write(greeting);
listen();

if (config['hostile'] === true) {
  setTimeout(() => {
    listen();
    const noise = new Uint8Array(4096).fill(0xff);
    for (let i = 0; i < 200; i++) for (const producer of producers) producer.write(noise);
    partition.notify(31); // no stream has this number: the kernel ends who makes such a call
  }, 700);
}
