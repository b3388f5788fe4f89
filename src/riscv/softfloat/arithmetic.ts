/** Addition, subtraction, multiplication, division and square root: IEEE 754-2019, 5.4.1; Unprivileged ISA 20.6. */
import { type Format, binary64, DZ, literal } from './format.ts';
import { exponent, isNan, isZero, signOf, significand } from './rounding.ts';

export const addition = (F: Format): string => `
  fn ${F.name}_add(a:i64, b:i64, rm:i32):i64 {
    if ((a & ${F.magnitude}) <u (b & ${F.magnitude})) { let t = a; a = b; b = t; }
    let ea = ${exponent(F, 'a')};
    let eb = ${exponent(F, 'b')};
    let differ = ((a ^ b) & ${F.sign}) != 0L;
    if (ea == ${F.special}) {
      if (${isNan(F, 'a')}) return ${F.name}_nan(a, b);
      if (differ && eb == ${F.special}) return ${F.name}_invalid();
      return a;
    }
    let ma = a & ${F.fraction};
    let mb = b & ${F.fraction};
    if (ea == 0) ea = 1; else ma = ma | ${F.leading};
    if (eb == 0) eb = 1; else mb = mb | ${F.leading};
    // leading bits at bit 61: one place for the sum's carry below bit 62
    ma = ma << ${61 - F.fractionBits}L;
    mb = shift_right_jam(mb << ${61 - F.fractionBits}L, ea - eb);
    if (differ) {
      ma = ma - mb;
      if (ma == 0L) return ${F.name}_zero(rm);
    } else {
      ma = ma + mb;
      if (ma == 0L) return a;
    }
    let n = i32(clz(ma)) - 1;
    return ${F.name}_round(${signOf(F, 'a')}, ea + 1 - n, ma << i64(n), rm);
  }

  fn ${F.name}_sub(a:i64, b:i64, rm:i32):i64 { return ${F.name}_add(a, b ^ ${F.sign}, rm); }
`;

/** The product of two significands with its leading bit at bit 61 or 62. */
const product = (F: Format): string =>
  F === binary64
    ? `multiply_high(ma << 10L, mb << 11L) | u64((ma << 10L) * (mb << 11L) != 0L)`
    : `ma * mb << ${61 - 2 * F.fractionBits}L`;

export const multiplication = (F: Format): string => `
  fn ${F.name}_mul(a:i64, b:i64, rm:i32):i64 {
    let ea = ${exponent(F, 'a')};
    let eb = ${exponent(F, 'b')};
    let sign = ${signOf(F, 'a ^ b')};
    if (ea == ${F.special} || eb == ${F.special}) {
      if (${isNan(F, 'a')} || ${isNan(F, 'b')}) return ${F.name}_nan(a, b);
      if (${isZero(F, 'a')} || ${isZero(F, 'b')}) return ${F.name}_invalid();
      return (u64(sign) << ${F.bits - 1}L) + ${F.infinity};
    }
    if (${isZero(F, 'a')} || ${isZero(F, 'b')}) return u64(sign) << ${F.bits - 1}L;
    ${significand(F, 'a')}
    ${significand(F, 'b')}
    let m = ${product(F)};
    let e = ea + eb - ${F.bias - 1};
    if (m <u ${literal(1n << 62n)}) { m = m << 1L; e = e - 1; }
    return ${F.name}_round(sign, e, m, rm);
  }
`;

/**
 * Quotient and root come from one native operation on the significands, as binary64 numbers. WebAssembly rounds it to
 * the nearest 53-bit number q, so q is the exact value cut to 53 bits or one more; the remainder, which is small enough
 * to be exact in wrapping i64 arithmetic, tells which, and what follows below the 53rd bit.
 */
export const division = (F: Format): string => `
  fn ${F.name}_div(a:i64, b:i64, rm:i32):i64 {
    let ea = ${exponent(F, 'a')};
    let eb = ${exponent(F, 'b')};
    let sign = ${signOf(F, 'a ^ b')};
    let zero = u64(sign) << ${F.bits - 1}L;
    if (ea == ${F.special} || eb == ${F.special}) {
      if (${isNan(F, 'a')} || ${isNan(F, 'b')}) return ${F.name}_nan(a, b);
      if (eb != ${F.special}) return zero + ${F.infinity};
      if (ea != ${F.special}) return zero;
      return ${F.name}_invalid();
    }
    if (${isZero(F, 'b')}) {
      if (${isZero(F, 'a')}) return ${F.name}_invalid();
      fl(${DZ});
      return zero + ${F.infinity};
    }
    if (${isZero(F, 'a')}) return zero;
    ${significand(F, 'a')}
    ${significand(F, 'b')}
    let e = ea - eb + ${F.bias};
    if (ma <u mb) { ma = ma << 1L; e = e - 1; }
    // 1 <= ma / mb < 2: q has its leading bit at bit 52
    let q = toi64s(f64s(ma) / f64s(mb) * f64s(${literal(1n << 52n)}));
    let remainder = (ma << 52L) - q * mb;
    if (remainder < 0L) { q = q - 1L; remainder = remainder + mb; }
    let m = q << 10L;
    if (remainder != 0L) m = m | 1L;
    if (remainder << 1L > mb) m = m | 0x200L; // never equal: no quotient lies halfway
    return ${F.name}_round(sign, e, m, rm);
  }
`;

export const squareRoot = (F: Format): string => `
  fn ${F.name}_sqrt(a:i64, rm:i32):i64 {
    if (${isNan(F, 'a')}) return ${F.name}_nan(a, a);
    if (${isZero(F, 'a')}) return a;
    if ((a & ${F.sign}) != 0L) return ${F.name}_invalid();
    if (a == ${F.infinity}) return a;
    let ea = ${exponent(F, 'a')};
    ${significand(F, 'a')}
    ma = ma << ${52 - F.fractionBits}L;
    ea = ea - ${F.bias};
    if ((ea & 1) != 0) ma = ma << 1L;
    // 2^52 <= ma < 2^54: q, the root of ma * 2^52, has its leading bit at bit 52
    let q = toi64s(sqrt(f64s(ma)) * f64s(${literal(1n << 26n)}));
    let remainder = (ma << 52L) - q * q;
    if (remainder < 0L) { q = q - 1L; remainder = remainder + (q << 1L) + 1L; }
    let m = q << 10L;
    if (remainder != 0L) m = m | 1L;
    if (remainder > q) m = m | 0x200L; // (q + 1/2)^2 = q^2 + q + 1/4
    return ${F.name}_round(0, (ea >> 1) + ${F.bias}, m, rm);
  }
`;
