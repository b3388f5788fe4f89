/**
 * What the operations share: taking patterns apart, rounding, and putting results together.
 *
 * An operation computes a *working significand*: an i64 with its leading bit at bit 62, so that a carry out of rounding
 * still fits. Bits below the format's last place decide the rounding; bit 0 is sticky ("jammed"): it is also set when
 * anything nonzero was cut off below it. That is enough for every rounding mode, because no operation jams bits within
 * two places of the last place.
 */
import { type Format, literal, NV, NX, OF, UF, RDN, RNE } from './format.ts';

/** The place of the one access to machine state: ORs into fflags. The engine may replace it by a function of its own. */
export const raiseFlags = `
  fn fl(flags:i32):void { st32(FFLAGS, ld32(FFLAGS) | flags); }
`;

export const wideArithmetic = `
  // m shifted right by n >= 0 places; what falls off is jammed into bit 0
  fn shift_right_jam(m:i64, n:i32):i64 {
    if (n > 63) return u64(m != 0L);
    return m >>> i64(n) | u64((m & (1L << i64(n)) - 1L) != 0L);
  }

  // the high half of the 128-bit product a * b
  fn multiply_high(a:i64, b:i64):i64 {
    let al = a & 0xffffffffL; let ah = a >>> 32L;
    let bl = b & 0xffffffffL; let bh = b >>> 32L;
    let middle = al * bh + (al * bl >>> 32L);
    return ah * bh + (middle >>> 32L) + (ah * bl + (middle & 0xffffffffL) >>> 32L);
  }
`;

/**
 * Text that takes the finite, nonzero operand `x` apart into `e<x>` and `m<x>` with the significand's leading bit in
 * its place for subnormals too. `e<x>` must hold the exponent field.
 */
export const significand = (F: Format, x: string): string => `
    let m${x} = ${x} & ${F.fraction};
    if (e${x} == 0) {
      e${x} = i32(clz(m${x})) - ${63 - F.fractionBits};
      m${x} = m${x} << i64(e${x});
      e${x} = 1 - e${x};
    } else m${x} = m${x} | ${F.leading};
`;

/** Text: the exponent field of `x`. */
export const exponent = (F: Format, x: string): string => `(i32(${x} >>> ${F.fractionBits}L) & ${F.special})`;

export const isNan = (F: Format, x: string): string => `((${x} & ${F.magnitude}) >u ${F.infinity})`;
export const isZero = (F: Format, x: string): string => `((${x} & ${F.magnitude}) == 0L)`;
/** Text: the sign bit as 0 or 1. */
export const signOf = (F: Format, x: string): string => `i32((${x}) >>> ${F.bits - 1}L)`;

export const rounding = (F: Format): string => {
  /** Bits of a working significand below the last place. */
  const cut = 62 - F.fractionBits;
  const half = literal(1n << BigInt(cut - 1));
  const below = literal((1n << BigInt(cut)) - 1n);
  return `
  // Rounds (-1)^sign * m * 2^(e - bias - 62), 2^62 <= m < 2^63: IEEE 754-2019, 4.3 and 7.4-7.6.
  fn ${F.name}_round(sign:i32, e:i32, m:i64, rm:i32):i64 {
    let add = ${half};
    if ((rm & 3) != 0) { // directed: away from zero only if rm is RDN and the sign 1, or RUP and 0
      add = 0L;
      if (rm == 3 - sign) add = ${below};
    }
    let flags = 0;
    if (e <= 0) {
      // Tininess is detected after rounding (Unprivileged ISA 20.4), as if the exponent were unbounded: the value just
      // below the least normal number is not tiny if it carries into it.
      let tiny = e < 0 || m + add >= 0L;
      m = shift_right_jam(m, 1 - e);
      e = 1;
      if (tiny && (m & ${below}) != 0L) flags = ${UF};
    } else if (e >= ${F.special - 1}) {
      if (e >= ${F.special} || m + add < 0L) {
        fl(${OF | NX});
        return (u64(sign) << ${F.bits - 1}L) + ${F.infinity} - u64(add == 0L);
      }
    }
    let rest = m & ${below};
    if (rest != 0L) fl(flags | ${NX});
    m = m + add >>> ${cut}L;
    if (rest == ${half} && rm == ${RNE}) m = m & ~1L;
    // m's leading bit, if any, counts one up in the exponent field, and so does a carry
    return (u64(sign) << ${F.bits - 1}L) + (u64(e - 1) << ${F.fractionBits}L) + m;
  }

  // the sum of two zeros of different signs, or an exact difference of zero: IEEE 754-2019, 6.3
  fn ${F.name}_zero(rm:i32):i64 {
    if (rm == ${RDN}) return ${F.sign};
    return 0L;
  }

  fn ${F.name}_is_signalling(a:i64):i32 {
    return (a & ${F.canonicalNan}) == ${F.infinity} && (a & ${F.fraction}) != 0L;
  }

  fn ${F.name}_invalid():i64 { fl(${NV}); return ${F.canonicalNan}; }

  // the result of an operation with a NaN among its operands
  fn ${F.name}_nan(a:i64, b:i64):i64 {
    if (${F.name}_is_signalling(a) || ${F.name}_is_signalling(b)) fl(${NV});
    return ${F.canonicalNan};
  }
`;
};
