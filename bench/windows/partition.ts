// A partition that spins without end and looks at the clock: its share of the time, and how late its windows began as it has felt it itself.
// `config.ms` milliseconds long; then it logs what it has found as JSON.
import { startPartition } from '../../src/sdk/index.ts';
import { FRAME_MS, WINDOW_MS, distribution } from './figures.ts';

const partition = await startPartition();
const { ms } = partition.start.config as { ms: number };
await partition.seal();
await partition.hello();

/** A pause that is longer ends a stretch of running. */
const PAUSE_MS = 0.05;
/** The pause between two windows: all but the host's own doing. */
const BETWEEN_MS = (FRAME_MS - WINDOW_MS) / 2;

const starts = new Float64Array(Math.ceil(ms / FRAME_MS) + 2);
let count = 0;
let paused = 0;
// From the beginning of a window to that of another one: whole frames.
let begin = 0;
let end = 0;
let pausedAtEnd = 0;
for (let last = performance.now(), stop = last + ms; last < stop;) {
  const time = performance.now();
  if (time - last > PAUSE_MS) {
    if (begin > 0) paused += time - last;
    if (time - last > BETWEEN_MS && count < starts.length) {
      if (begin === 0) begin = time;
      end = time;
      pausedAtEnd = paused;
      starts[count++] = time;
    }
  }
  last = time;
}
// Where the edge is it does not know: the earliest start tells.
const phases = starts.slice(0, count).map((time) => {
  const since = time - starts[0];
  return since - Math.round(since / FRAME_MS) * FRAME_MS;
});
const first = Math.min(...phases);
const share = (100 * (end - begin - pausedAtEnd)) / (end - begin);
partition.log(JSON.stringify({ share, late: distribution(phases.map((phase) => (phase - first) * 1000)) }));
partition.exit(0);
