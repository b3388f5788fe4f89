// One attack a life; every one is to be stopped and to cost this partition its life, and nobody else anything.
import { csrWrite, ecall, load64, shiftLeft64, store64, store8, word } from '../../../compiler/intrinsics.ts';

export class Hostile {
  n = 0;
}
const OPS = 40;
const ROUNDS = 100;
const ATTACKS = 7;
export function main(s: Hostile, lives: number, _startKind: number): number {
  const kernel = shiftLeft64(word(1), 31);
  if (lives === 0) store64(kernel, word(1));
  if (lives === 1) store8(word(0x1000_0000), 33);
  if (lives === 2) store64(word(0x200_4000), word(0));
  if (lives === 3) csrWrite(0x3a0, word(0x1f));
  if (lives === 4) csrWrite(0x300, word(0x1800));
  if (lives === 5) s.n = load64(kernel) === word(0) ? 1 : 2;
  if (lives === 6) return ecall(999, 0, 0, 0);
  if (lives > ATTACKS) return 0;
  // Calls of every number, with every argument, in the end an illegal one.
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < OPS; n++) ecall(OPS - n, round - n, round * 7 - 3, n);
  }
  return 0;
}
