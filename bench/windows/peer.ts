// What the host itself does to a thread that only sleeps until a time and looks how late it is, as cyclictest(8) does: first of all
// (SCHED_FIFO), in a process of its own without Virtsec. `node peer.ts MS` prints what it has found as JSON, and the right that it had.
import { FutexSet, addressOf } from '../../src/kernel/hosted/linux.ts';
import { runFirst } from '../../src/kernel/hosted/windows.ts';
import { distribution } from './figures.ts';

const ms = Number(process.argv[2]);
/** Beside the edges of the windows, which are at whole tens of a frame that began at any time. */
const PERIOD_MS = 7;

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
console.log(JSON.stringify({ weakness, late: distribution(late) }));
