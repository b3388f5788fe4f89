// Publishes a count in each of its windows.
import { beat, put, time, wait, write } from 'virtsec/sdk/bare';
import { port } from 'virtsec/sdk/intrinsics';

export class Clock {
  count = 0;
}
const BEATS = 20;
const BYTES = 8;
/** Ticks of 10 us: a frame. */
const FRAME = 2000;
export function main(s: Clock, _restarts: number, _startKind: number): number {
  for (let i = 0; i < BEATS; i++) {
    s.count += 1;
    put(0, s.count);
    put(1, time());
    write(port('beat'), BYTES);
    beat();
    wait(FRAME);
  }
  return 0;
}
