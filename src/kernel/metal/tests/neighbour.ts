// Whose memory the hostile program would like to read: runs beside it until all its attacks are over.
import { OP_WAIT, call3 } from './calls.ts';

export class Neighbour {
  rounds = 0;
}
const ROUNDS = 20;
const TICKS = 200;
export function main(s: Neighbour, _restarts: number, _startKind: number): number {
  for (let i = 0; i < ROUNDS; i++) {
    call3(OP_WAIT, TICKS, 0, 0);
    s.rounds += 1;
  }
  return 0;
}
