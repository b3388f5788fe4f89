/**
 * The text of the exact operations in the engine's language. It needs the constant FFLAGS: the address of a 32-bit word
 * that holds fflags in its low five bits; bits above them are left alone, so that it may be fcsr.
 */
import { addition, division, multiplication, squareRoot } from './arithmetic.ts';
import { comparison } from './comparison.ts';
import { betweenFormats, fromInteger, integerRounding, toInteger } from './conversion.ts';
import { fusedMultiplyAdd } from './fma.ts';
import { type Format, binary32, binary64 } from './format.ts';
import { raiseFlags, rounding, wideArithmetic } from './rounding.ts';

const operations: readonly ((F: Format) => string)[] = [
  rounding,
  addition,
  multiplication,
  division,
  squareRoot,
  fusedMultiplyAdd,
  comparison,
  toInteger,
  fromInteger,
];

export const softFloat: string = [
  wideArithmetic,
  integerRounding,
  ...operations.flatMap((operation) => [operation(binary32), operation(binary64)]),
  betweenFormats(binary32, binary64),
  betweenFormats(binary64, binary32),
].join('');

/** `fl`, for an engine that has none of its own. */
export { raiseFlags };
