/**
 * Fused multiply-add in the four forms of Unprivileged ISA 20.6: the product is exact, one rounding follows the sum.
 * Infinity times zero is invalid even if the addend is a quiet NaN.
 */
import { type Format, binary64 } from './format.ts';
import { exponent, isNan, isZero, signOf, significand } from './rounding.ts';

/** The product's leading bit goes to bit 61 and so does the addend's; 14 zeros follow the 48 bits of the product. */
const sum32 = (F: Format): string => `
    let p = ma * mb << 14L;
    if (p <u 0x2000000000000000L) p = p << 1L; else e = e + 1;
    if (${isZero(F, 'c')}) return ${F.name}_round(sign, e, p << 1L, rm);
    ${significand(F, 'c')}
    mc = mc << 38L;
    if (e >= ec) mc = shift_right_jam(mc, e - ec);
    else { p = shift_right_jam(p, ec - e); e = ec; }
    if (differ) {
      p = p - mc;
      if (p == 0L) return ${F.name}_zero(rm);
      if (p < 0L) { p = 0L - p; sign = sign ^ 1; }
    } else p = p + mc;
    let n = i32(clz(p)) - 1;
    return ${F.name}_round(sign, e + 1 - n, p << i64(n), rm);
`;

/**
 * The same with pairs of i64 (high, low): the leading bits go to bit 61 of the high halves. The pair (x, y) with the
 * larger exponent stays, the other (z, w) is shifted; nothing that cancels is lost, since the product ends in 20 zeros
 * and the addend in 73, and with a larger shift at most one leading bit cancels.
 */
const sum64 = (F: Format): string => `
    let x = multiply_high(ma << 9L, mb << 11L);
    let y = (ma << 9L) * (mb << 11L);
    if (x <u 0x2000000000000000L) { x = x << 1L | y >>> 63L; y = y << 1L; } else e = e + 1;
    if (${isZero(F, 'c')}) return ${F.name}_round(sign, e, x << 1L | y >>> 63L | u64(y << 1L != 0L), rm);
    ${significand(F, 'c')}
    let z = mc << 9L;
    let w = 0L;
    if (e < ec) {
      let t = x; x = z; z = t;
      w = y; y = 0L;
      let te = e; e = ec; ec = te;
      if (differ) sign = sign ^ 1;
    }
    let n = e - ec;
    if (n > 63) {
      w = shift_right_jam(z, n - 64); // never 0, so that w's own bits would change nothing
      z = 0L;
    } else if (n != 0) {
      w = z << i64(64 - n) | shift_right_jam(w, n);
      z = z >>> i64(n);
    }
    if (differ) {
      x = x - z - u64(y <u w);
      y = y - w;
      if (x < 0L) { // only with equal exponents
        x = ~x + u64(y == 0L);
        y = 0L - y;
        sign = sign ^ 1;
      }
      if ((x | y) == 0L) return ${F.name}_zero(rm);
    } else {
      y = y + w;
      x = x + z + u64(y <u w);
    }
    if (x == 0L) { x = y; y = 0L; e = e - 64; }
    if (x < 0L) return ${F.name}_round(sign, e + 2, x >>> 1L | x & 1L, rm);
    n = i32(clz(x)) - 1;
    if (n != 0) { x = x << i64(n) | y >>> i64(64 - n); y = y << i64(n); }
    return ${F.name}_round(sign, e + 1 - n, x | u64(y != 0L), rm);
`;

export const fusedMultiplyAdd = (F: Format): string => `
  fn ${F.name}_fmadd(a:i64, b:i64, c:i64, rm:i32):i64 {
    let ea = ${exponent(F, 'a')};
    let eb = ${exponent(F, 'b')};
    let ec = ${exponent(F, 'c')};
    let sign = ${signOf(F, 'a ^ b')};
    let differ = ((a ^ b ^ c) & ${F.sign}) != 0L;
    if (ea == ${F.special} || eb == ${F.special} || ec == ${F.special}) {
      if (${isNan(F, 'a')} || ${isNan(F, 'b')}) {
        if (${F.name}_is_signalling(c)) return ${F.name}_invalid();
        return ${F.name}_nan(a, b);
      }
      if (ea == ${F.special} && ${isZero(F, 'b')} || eb == ${F.special} && ${isZero(F, 'a')}) return ${F.name}_invalid();
      if (${isNan(F, 'c')}) return ${F.name}_nan(c, c);
      if (ea != ${F.special} && eb != ${F.special}) return c;
      if (ec == ${F.special} && differ) return ${F.name}_invalid();
      return (u64(sign) << ${F.bits - 1}L) + ${F.infinity};
    }
    if (${isZero(F, 'a')} || ${isZero(F, 'b')}) {
      if (${isZero(F, 'c')} && differ) return ${F.name}_zero(rm);
      return c;
    }
    ${significand(F, 'a')}
    ${significand(F, 'b')}
    let e = ea + eb - ${F.bias};
    ${F === binary64 ? sum64(F) : sum32(F)}
  }

  fn ${F.name}_fmsub(a:i64, b:i64, c:i64, rm:i32):i64 { return ${F.name}_fmadd(a, b, c ^ ${F.sign}, rm); }
  fn ${F.name}_fnmsub(a:i64, b:i64, c:i64, rm:i32):i64 { return ${F.name}_fmadd(a ^ ${F.sign}, b, c, rm); }
  fn ${F.name}_fnmadd(a:i64, b:i64, c:i64, rm:i32):i64 { return ${F.name}_fmadd(a ^ ${F.sign}, b, c ^ ${F.sign}, rm); }
`;
