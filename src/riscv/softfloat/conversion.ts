/**
 * Conversions: IEEE 754-2019, 5.4.1 and 5.4.2; Unprivileged ISA 20.7 and 21.5. Integers are i64 register values: the
 * 32-bit ones, signed or not, are results sign-extended, and operands of which only the low 32 bits count.
 */
import { type Format, NV, NX, RNE, RMM, literal } from './format.ts';
import { exponent, isNan, isZero, signOf, significand } from './rounding.ts';

/** Integer types: name, and the largest magnitude of a positive and of a negative value. */
const integers = [
  { name: 'i32', max: 0x7fff_ffffn, min: 0x8000_0000n },
  { name: 'u32', max: 0xffff_ffffn, min: 0n },
  { name: 'i64', max: 0x7fff_ffff_ffff_ffffn, min: 0x8000_0000_0000_0000n },
  { name: 'u64', max: 0xffff_ffff_ffff_ffffn, min: 0n },
] as const;

export const integerRounding = `
  // Rounds (-1)^sign * m * 2^e, m < 2^53, to an integer between -min and max; outside: invalid, and the nearer limit.
  // With e > 11, m must be at least 2^52.
  fn round_to_integer(sign:i32, e:i32, m:i64, rm:i32, max:i64, min:i64):i64 {
    let whole = 0L;
    let rest = 0L; // the fraction in units of 2^-64
    if (e >= 0) whole = m << i64(e);
    else if (e > -64) { whole = m >>> i64(0 - e); rest = m << i64(64 + e); }
    else rest = u64(m != 0L);
    if (rm == ${RNE}) {
      if (rest < 0L && (rest << 1L | whole & 1L) != 0L) whole = whole + 1L;
    } else if (rm == ${RMM}) {
      if (rest < 0L) whole = whole + 1L;
    } else if (rm == 3 - sign && rest != 0L) whole = whole + 1L; // RDN below zero, RUP above
    let limit = max;
    if (sign != 0) limit = min;
    if (e > 11 || whole >u limit) { fl(${NV}); whole = limit; }
    else if (rest != 0L) fl(${NX});
    if (sign != 0) return 0L - whole;
    return whole;
  }
`;

/** Text: the value as a register holds it. */
const inRegister = (name: string, value: string): string => (name === 'u32' ? `i64(i32(${value}))` : value);

export const toInteger = (F: Format): string => {
  const target = ({ name, max, min }: (typeof integers)[number]) => `
  fn ${F.name}_to_${name}(a:i64, rm:i32):i64 {
    let sign = ${signOf(F, 'a')};
    if (${isNan(F, 'a')}) sign = 0; // converts as if it were +infinity
    let e = ${exponent(F, 'a')};
    let m = a & ${F.fraction};
    if (e == 0) e = 1; else m = m | ${F.leading};
    return ${inRegister(name, `round_to_integer(sign, e - ${F.bias + 52}, m << ${52 - F.fractionBits}L, rm, ${literal(max)}, ${literal(min)})`)};
  }
`;
  return integers.map(target).join('');
};

export const fromInteger = (F: Format): string => `
  fn ${F.name}_from_magnitude(sign:i32, m:i64, rm:i32):i64 {
    if (m == 0L) return 0L;
    if (m < 0L) return ${F.name}_round(sign, ${F.bias + 63}, m >>> 1L | m & 1L, rm);
    let n = i32(clz(m)) - 1;
    return ${F.name}_round(sign, ${F.bias + 62} - n, m << i64(n), rm);
  }

  fn ${F.name}_from_i64(x:i64, rm:i32):i64 {
    if (x < 0L) return ${F.name}_from_magnitude(1, 0L - x, rm);
    return ${F.name}_from_magnitude(0, x, rm);
  }

  fn ${F.name}_from_u64(x:i64, rm:i32):i64 { return ${F.name}_from_magnitude(0, x, rm); }
  fn ${F.name}_from_i32(x:i64, rm:i32):i64 { return ${F.name}_from_i64(i64(i32(x)), rm); }
  fn ${F.name}_from_u32(x:i64, rm:i32):i64 { return ${F.name}_from_magnitude(0, x & 0xffffffffL, rm); }
`;

/** Between the formats: narrowing rounds; widening is exact, so its rounding mode is without effect. */
export const betweenFormats = (from: Format, to: Format): string => `
  fn ${from.name}_to_${to.name}(a:i64, rm:i32):i64 {
    let sign = ${signOf(from, 'a')};
    let ea = ${exponent(from, 'a')};
    if (ea == ${from.special}) {
      if (${isNan(from, 'a')}) {
        if (${from.name}_is_signalling(a)) fl(${NV});
        return ${to.canonicalNan};
      }
      return (u64(sign) << ${to.bits - 1}L) + ${to.infinity};
    }
    if (${isZero(from, 'a')}) return u64(sign) << ${to.bits - 1}L;
    ${significand(from, 'a')}
    return ${to.name}_round(sign, ea - ${from.bias} + ${to.bias}, ma << ${62 - from.fractionBits}L, rm);
  }
`;
