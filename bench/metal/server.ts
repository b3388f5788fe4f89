// Takes all that the caller sends, and answers its calls.
import { OK, fetch, receive, reply, wait } from 'virtsec/sdk/bare';
import { port } from 'virtsec/sdk/intrinsics';

export class Server {
  taken = 0;
}
const ROUNDS = 40;
const MOST = 8;
const FRAME = 100;
export function main(s: Server, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < MOST; i++) {
      if (receive(port('q16'), 0) === OK) s.taken += 1;
      if (receive(port('q64'), 0) === OK) s.taken += 1;
      if (receive(port('q1024'), 0) === OK) s.taken += 1;
    }
    if (fetch(port('ask'), 0) === OK) reply(port('ask'), 64);
    wait(FRAME);
  }
  return 0;
}
