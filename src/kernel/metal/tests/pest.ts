// Dies as often as it can: at once, after a flood of calls, or when it has kept the hart for longer than a window.
import { ecall, load64, word } from '../../../compiler/intrinsics.ts';

export class Pest {
  n = 0;
}
const CALLS = 300;
const OPS = 40;
const LONG = 400000;
const MANY = 100;
export function main(s: Pest, lives: number, _startKind: number): number {
  const kind = lives - ((lives / MANY) | 0) * MANY;
  if (kind === 1) for (let i = 0; i < LONG; i++) s.n += 1;
  if (kind > 1 && kind < 30) for (let i = 0; i < CALLS; i++) ecall(OPS - (i & 31), i, i * 7 - 3, i);
  s.n = load64(word(0)) === word(0) ? 1 : 2;
  return 0;
}
