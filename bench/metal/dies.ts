// Dies at once, each time that it is started.
import { load64, word } from 'virtsec/sdk/intrinsics';

export class Dies {
  n = 0;
}
export function main(s: Dies, _restarts: number, _startKind: number): number {
  s.n = load64(word(0)) === word(0) ? 1 : 2;
  return 0;
}
