// A partition that spins without end and looks at the clock: its share of the time, and how late its windows began as it has felt it itself.
// `config.ms` milliseconds long; then it logs what it has found as JSON.
import { startPartition } from '../../src/sdk/index.ts';
import { FRAME_MS, PAUSE_MS, WINDOW_MS, distribution } from './figures.ts';

const partition = await startPartition();
const { ms } = partition.start.config as { ms: number };
await partition.seal();
await partition.hello();

/** The pause between two windows: all but the host's own doing. */
const BETWEEN_MS = (FRAME_MS - WINDOW_MS) / 2;

/** In a function and in optimized code, so that nothing is allocated: the collector's pauses would be taken for the kernel's. */
function spin(starts: Float64Array, stop: number): { count: number; pausedAtEnd: number } {
  let count = 0;
  let paused = 0;
  // From the beginning of a window to that of another one: whole frames.
  let pausedAtEnd = 0;
  for (let last = performance.now(); last < stop;) {
    const time = performance.now();
    if (time - last > PAUSE_MS) {
      if (count > 0) paused += time - last;
      if (time - last > BETWEEN_MS && count < starts.length) {
        pausedAtEnd = paused;
        starts[count++] = time;
      }
    }
    last = time;
  }
  return { count, pausedAtEnd };
}

const WARM_UP_MS = 200;
spin(new Float64Array(100), performance.now() + WARM_UP_MS);
const all = new Float64Array(Math.ceil(ms / FRAME_MS) + 2);
const { count, pausedAtEnd } = spin(all, performance.now() + ms);
const starts = all.slice(0, count);
// Where the edge is it does not know: the earliest start tells.
const phases = starts.map((time) => {
  const since = time - starts[0];
  return since - Math.round(since / FRAME_MS) * FRAME_MS;
});
const first = Math.min(...phases);
const between = starts[count - 1] - starts[0];
const share = (100 * (between - pausedAtEnd)) / between;
partition.log(JSON.stringify({ share, late: distribution(phases.map((phase) => (phase - first) * 1000)) }));
partition.exit(0);
