// Makes the key of this run, and shows it to `cipher` alone. Nothing leads here. In the subset of TypeScript that runs hosted and on bare
// metal (docs/sdk.md).
import { MILLISECOND, OK, log, putByte, putText, sleep, write } from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
import { Random, beginRandom, randomByte } from 'virtsec/sdk/random';

const KEY_BYTES = 32;
const ROUNDS = 0x7fff_ffff;

export function main(r: Random, _restarts: number, _startKind: number): number {
  if (beginRandom(r) !== OK) {
    log(putText(0, text('no randomness here, and so no key')));
    return 1;
  }
  for (let i = 0; i < KEY_BYTES; i++) putByte(i, randomByte(r));
  for (let round = 0; round < ROUNDS; round++) {
    write(port('key'), KEY_BYTES);
    sleep(500 * MILLISECOND);
  }
  return 0;
}
