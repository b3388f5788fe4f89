// Restarts the guest that it manages, once, while the other one runs; then it ends the system.
import { restart, shutDown, wait } from '../../../sdk/bare.ts';
import { port } from '../../../compiler/intrinsics.ts';

export class Warden {
  turns = 0;
}
/** Ticks of 10 us. */
const WHILE = 600;
export function main(s: Warden, _restarts: number, _startKind: number): number {
  wait(WHILE);
  s.turns += 1;
  restart(port('left'));
  wait(WHILE);
  return shutDown();
}
