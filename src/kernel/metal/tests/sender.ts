// Counts, and sends each number with its square to the console.
import { OP_SEND, OP_WAIT, call3, put } from './calls.ts';

export class Sender {
  sent = 0;
}
const ROUNDS = 40;
const BYTES = 8;
const TICKS = 1000;
export function main(s: Sender, restarts: number, _startKind: number): number {
  for (let i = 0; i < ROUNDS; i++) {
    put(0, s.sent);
    put(1, s.sent * s.sent + restarts);
    if (call3(OP_SEND, 0, BYTES, TICKS) === 0) s.sent += 1;
  }
  call3(OP_WAIT, TICKS, 0, 0);
  return 0;
}
