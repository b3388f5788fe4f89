// A partition that reads its stream `line` and logs what it learns: `N bytes, sum S` and `peer dead` when the stream has ended,
// `stopping` when the system does. With `config.shutDown` it ends the system once its peer is dead.
import { startPartition } from '../../src/sdk/index.ts';

const partition = await startPartition();
const input = partition.consumer('line');
let bytes = 0;
let sum = 0;
let over = false;

function look(): void {
  const buffer = new Uint8Array(1000);
  while (!over) {
    const n = input.read(buffer);
    for (let i = 0; i < n; i++) sum = (sum + buffer[i]) & 0xffff;
    bytes += n;
    if (n > 0) continue;
    if (input.closed) {
      over = true;
      partition.log(`${bytes} bytes, sum ${sum}`);
      partition.log('peer dead');
      if (partition.start.config['shutDown'] === true) partition.shutDown();
    } else if (input.waitForData()) return;
  }
}

partition.onWake(({ stopping }) => {
  look();
  if (!stopping) return;
  partition.log('stopping');
  partition.exit(0);
});
await partition.seal();
await partition.hello();
partition.log('watching');
look();
