// Wrong code must be refused: bits of a program's instructions are flipped, one at a time, and the function around each is
// validated again. What is accepted all the same is reported, to be explained.
import { decode, disassemble } from '../instructions.ts';
import type { Solve } from '../../proof/solver.ts';
import type { Validation } from './validate.ts';

export interface Mutation {
  readonly name: string;
  readonly address: number;
  readonly bit: number;
  readonly before: string;
  readonly after: string;
  /** Undefined: accepted. */
  readonly refused: string | undefined;
}

/** 32-bit xorshift: the same flips from the same seed (not 0). */
function numbers(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** `count` flips in functions named; `done` is told of each. */
export async function mutate(
  validation: Validation,
  names: readonly string[],
  solve: Solve,
  { count, seed }: { readonly count: number; readonly seed: number },
  done: (m: Mutation) => void,
): Promise<void> {
  const next = numbers(seed);
  const { linked, code } = validation;
  const view = new DataView(linked.bytes.buffer, linked.bytes.byteOffset);
  const places = names.flatMap((name) => {
    const { from, to } = validation.range(name);
    return Array.from({ length: (to - from) / 4 }, (_, n) => ({ name, address: from + 4 * n }));
  });
  for (let n = 0; n < count; n++) {
    const { name, address } = places[next(places.length)];
    const bit = next(32);
    const at = (address - linked.base) >> 2;
    const word = view.getUint32(at * 4, true);
    const [right, wrong] = [code[at], decode(word ^ (1 << bit))];
    const text = (i: typeof right): string => (i === undefined ? 'no instruction' : disassemble(i, address));
    code[at] = wrong;
    let refused: string | undefined;
    try {
      ({ refused } = await validation.function_(name, solve));
    } catch (error) {
      // Terms that do not fit together are no program's.
      refused = error instanceof Error ? error.message : String(error);
    }
    code[at] = right;
    done({ name, address, bit, before: text(right), after: text(wrong), refused });
  }
}
