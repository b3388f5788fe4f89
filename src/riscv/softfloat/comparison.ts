/**
 * Comparisons, minimum and maximum (minimumNumber, maximumNumber of IEEE 754-2019, 9.6), classification and sign
 * injection: Unprivileged ISA 20.6-20.9. None of them rounds.
 */
import { type Format, NV } from './format.ts';
import { isNan } from './rounding.ts';

/** Text: a pattern that is no NaN as a signed integer in the order of the numbers, with -0 just below +0. */
const ordered = (F: Format, x: string): string => {
  const top = F.bits === 64 ? x : `(${x} << ${64 - F.bits}L)`;
  return `(${top} ^ (${top} >> 63L >>> 1L))`;
};

export const comparison = (F: Format): string => `
  fn ${F.name}_unordered(a:i64, b:i64):i32 { return ${isNan(F, 'a')} || ${isNan(F, 'b')}; }

  // quiet: only a signalling NaN is invalid
  fn ${F.name}_feq(a:i64, b:i64):i64 {
    if (${F.name}_unordered(a, b)) { ${F.name}_nan(a, b); return 0L; }
    return u64(a == b || ((a | b) & ${F.magnitude}) == 0L);
  }

  // signalling: every NaN is invalid
  fn ${F.name}_flt(a:i64, b:i64):i64 {
    if (${F.name}_unordered(a, b)) { fl(${NV}); return 0L; }
    if (((a | b) & ${F.magnitude}) == 0L) return 0L;
    return u64(${ordered(F, 'a')} < ${ordered(F, 'b')});
  }

  fn ${F.name}_fle(a:i64, b:i64):i64 {
    if (${F.name}_unordered(a, b)) { fl(${NV}); return 0L; }
    if (((a | b) & ${F.magnitude}) == 0L) return 1L;
    return u64(${ordered(F, 'a')} <= ${ordered(F, 'b')});
  }

  fn ${F.name}_min(a:i64, b:i64):i64 {
    if (${F.name}_unordered(a, b)) return ${F.name}_number(a, b);
    if (${ordered(F, 'a')} < ${ordered(F, 'b')}) return a;
    return b;
  }

  fn ${F.name}_max(a:i64, b:i64):i64 {
    if (${F.name}_unordered(a, b)) return ${F.name}_number(a, b);
    if (${ordered(F, 'a')} > ${ordered(F, 'b')}) return a;
    return b;
  }

  // the operand that is a number, if one of two is
  fn ${F.name}_number(a:i64, b:i64):i64 {
    let nan = ${F.name}_nan(a, b);
    if (!${isNan(F, 'a')}) return a;
    if (!${isNan(F, 'b')}) return b;
    return nan;
  }

  // one bit of 0..9: -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf, signalling, quiet NaN
  fn ${F.name}_classify(a:i64):i64 {
    let m = a & ${F.magnitude};
    if (m >u ${F.infinity}) {
      if ((a & ${F.quietBit}) != 0L) return 0x200L;
      return 0x100L;
    }
    let n = 0L; // distance from the zeros
    if (m != 0L) n = 1L;
    if (m >=u ${F.leading}) n = 2L;
    if (m == ${F.infinity}) n = 3L;
    if ((a & ${F.sign}) != 0L) return 8L >>> n;
    return 16L << n;
  }

  fn ${F.name}_sgnj(a:i64, b:i64):i64 { return a & ${F.magnitude} | b & ${F.sign}; }
  fn ${F.name}_sgnjn(a:i64, b:i64):i64 { return a & ${F.magnitude} | (b ^ ${F.sign}) & ${F.sign}; }
  fn ${F.name}_sgnjx(a:i64, b:i64):i64 { return a ^ b & ${F.sign}; }
`;
