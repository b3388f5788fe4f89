// What the host itself does to a thread that only sleeps until a time and looks how late it is, as cyclictest(8) does: first of all
// (SCHED_FIFO), in a process of its own without Virtsec. `node peer.ts MS` prints what it has found as JSON, and the right that
// it had.
import { setTimeout } from 'node:timers/promises';
import { FutexSet, addressOf } from '../../src/kernel/hosted/linux.ts';
import { runFirst } from '../../src/kernel/hosted/windows.ts';
import { PAUSE_MS, distribution } from './figures.ts';

const ms = Number(process.argv[2]);
/** Beside the edges of the windows, which are at whole tens of a frame that began at any time. */
const PERIOD_MS = 7;
/** Until the partitions are gone. */
const SETTLE_MS = 1500;

const weakness = runFirst();
const word = new Int32Array(1);
const sleeper = new FutexSet([addressOf(word)]);
const clock = (): number => Number(process.hrtime.bigint()) / 1e6;
const late = new Float64Array(Math.floor(ms / PERIOD_MS));
const begin = clock();
for (let i = 0; i < late.length; i++) {
  const at = begin + (i + 1) * PERIOD_MS;
  sleeper.wait(at);
  late[i] = (clock() - at) * 1000;
}

// And what it takes from a thread that never sleeps, in a second of which nothing else of this bench is left.
const LOST_MS = 1000;
/** As in a partition: in optimized code that allocates nothing. */
function lost(stop: number): number {
  let sum = 0;
  for (let last = performance.now(); last < stop;) {
    const time = performance.now();
    if (time - last > PAUSE_MS) sum += time - last;
    last = time;
  }
  return sum;
}
await setTimeout(SETTLE_MS);
lost(performance.now() + LOST_MS / 5);
const share = 100 - (100 * lost(performance.now() + LOST_MS)) / LOST_MS;
console.log(JSON.stringify({ weakness, late: distribution(late), share }));
