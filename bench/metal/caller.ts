// Makes each kind of call again and again; the benchmark counts what the kernel needs for them.
import { OP_TIME, call, put, send, wait } from 'virtsec/sdk/bare';
import { ecall, port } from 'virtsec/sdk/intrinsics';

export class Caller {
  wrong = 0;
}
const ROUNDS = 8;
const FRAME = 400;
export function main(s: Caller, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < ROUNDS; i++) {
      if (ecall(OP_TIME, 0, 0, 0) !== 0) s.wrong += 1;
      put(0, i);
      if (send(port('q16'), 16, 0) !== 0) s.wrong += 1;
      if (send(port('q64'), 64, 0) !== 0) s.wrong += 1;
      if (send(port('q1024'), 1024, 0) !== 0) s.wrong += 1;
    }
    if (call(port('ask'), 64) !== 0) s.wrong += 1;
    wait(FRAME);
  }
  return s.wrong;
}
