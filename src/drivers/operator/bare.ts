// An operator on bare metal: the description's `app: virtsec/operator` stands for whoever manages the system from outside, and
// at a board nobody does. It keeps the operator's place in the plan, and waits.
import { FOREVER, wait } from 'virtsec/sdk/bare';

const ROUNDS = 0x7fff_ffff;
export function main(_restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) wait(FOREVER);
  return 0;
}
