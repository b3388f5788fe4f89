/**
 * The text of the floating-point functions in the engine's language. Operands and results are i64 patterns (a binary32
 * in the low 32 bits, zeros above) or i64 integers; `rm` is 0..4.
 *
 *   f64_add sub mul div (a, b, rm), f64_sqrt(a, rm), f64_fmadd fmsub fnmsub fnmadd (a, b, c, rm)
 *   f64_min max feq flt fle sgnj sgnjn sgnjx (a, b), f64_classify(a)
 *   f64_to_i32 to_u32 to_i64 to_u64 to_f32 (a, rm), f64_from_i32 from_u32 from_i64 from_u64 (x, rm)
 *   and the same with f32 (f32_to_f64). All return i64. A suffix `_fast` names the forms of `native.ts`.
 *
 * FFLAGS is a constant: the address of a 32-bit word that holds fflags in its low five bits. Bits above them are left
 * alone, so that it may be fcsr.
 */
import { addition, division, multiplication, squareRoot } from './arithmetic.ts';
import { comparison } from './comparison.ts';
import { betweenFormats, fromInteger, integerRounding, toInteger } from './conversion.ts';
import { fusedMultiplyAdd } from './fma.ts';
import { type Format, binary32, binary64 } from './format.ts';
import {
  nativeArithmetic,
  nativeBetweenFormats,
  nativeComparison,
  nativeConversion,
  nativeMode,
  nativeMultiplyAdd,
} from './native.ts';
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

/** The exact operations; they call `fl(flags:i32):void`. */
export const softFloat: string = [
  wideArithmetic,
  integerRounding,
  ...operations.flatMap((operation) => [operation(binary32), operation(binary64)]),
  betweenFormats(binary32, binary64),
  betweenFormats(binary64, binary32),
].join('');

/**
 * The fast forms of `native.ts`; they call `fp_native(rm:i32):i32`, `fl`, the exact operations and, if `fused`,
 * `f64_madd` of `fused.ts`.
 */
export const nativeFloat = (fused: boolean): string =>
  [
    ...[nativeArithmetic, nativeComparison, nativeConversion].flatMap((text) => [text(binary32), text(binary64)]),
    nativeMultiplyAdd(binary32, fused),
    nativeMultiplyAdd(binary64, fused),
    nativeBetweenFormats,
  ].join('');

/** The only access to machine state: `fl` and `fp_native` for an engine that has none of its own. */
export const accruedFlags: string = raiseFlags + nativeMode;
