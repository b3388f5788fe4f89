/**
 * The fast path: when WebAssembly's own arithmetic gives the exact result and exact flags.
 *
 * WebAssembly rounds to nearest, ties to even, and raises no flags. So natively computed results are right in mode RNE
 * only, and NX is right only if it is set already (flags accrue; after a program's first inexact operation it stays
 * set until the program clears it). `fp_native(rm)` tests the two; a translator may test once for a region, since only
 * a CSR write undoes it. What remains is that no other flag arises and that NaNs are canonical, which the result r
 * tells:
 *
 * | operation                  | also needs        | native result is exact, and adds no flag, if                            |
 * |----------------------------|-------------------|-------------------------------------------------------------------------|
 * | add, sub                   | `fp_native`       | abs(r) < infinity. (Subnormal sums are exact: no UF.)                   |
 * | mul, div, f64 to f32       | `fp_native`       | least normal < abs(r) < infinity. (r = least normal may be tiny before  |
 * |                            |                   | it is rounded to fewer bits; r = 0 may be an underflow.)                |
 * | sqrt                       | `fp_native`       | r == r                                                                  |
 * | f32 fused multiply-add     | `fp_native`       | with s = promote(a) * promote(b) + promote(c) in f64, r = demote(s):    |
 * |                            |                   | the low 29 bits of s are not 0x10000000 (s is not halfway between       |
 * |                            |                   | f32 numbers: rounding twice is rounding once), and r as for mul         |
 * | f64 fused multiply-add     | `hostFuses()`     | with r = f64x2.relaxed_madd: as for mul (needs `fp_native` too)         |
 * | i32, u32 to f64            | nothing           | always                                                                  |
 * | i64, u64 to f64; all to f32| `fp_native`       | always                                                                  |
 * | f32 to f64                 | nothing           | r == r                                                                  |
 * | to i32, u32, i64, u64      | rm is not RMM     | with r = trunc, nearest, floor or ceil by rm: low <= r < high; NX if    |
 * |                            |                   | r != x                                                                  |
 * | flt, fle                   | nothing           | a < b or a >= b (else unordered: result 0, NV)                          |
 * | feq                        | nothing           | a == a and b == b, or a == b                                            |
 * | min, max                   | nothing           | r == r (WebAssembly too has -0 < +0)                                    |
 * | sign injection, classify   | nothing           | the exact functions are a few integer instructions                      |
 *
 * The `_fast` functions below test, compute and else call the exact function of the same name.
 */
import { type Format, NX, RDN, RMM, RNE, RUP, binary32, binary64 } from './format.ts';

/** Its address is where `fl` writes; the engine may replace it together with `fl`. */
export const nativeMode = `
  fn fp_native(rm:i32):i32 { return (ld32(FFLAGS) & ${NX}) > rm; } // NX is bit 0: RNE (0), and NX set
`;

/** Text: the f32 or f64 value of the pattern `x`. */
const value = (F: Format, x: string): string => (F === binary64 ? `bits(${x})` : `bits(i32(${x}))`);
/** Text: the pattern of the f32 or f64 value `x`. */
const pattern = (F: Format, x: string): string => (F === binary64 ? `bits(${x})` : `u64(bits(${x}))`);

/** Text: the pattern `x` is finite. */
const finite = (F: Format, x: string): string => `(${x} & ${F.magnitude}) <u ${F.infinity}`;
/** Text: the pattern `x` is finite and greater than the least normal number, either sign. */
const inRange = (F: Format, x: string): string =>
  `(${x} & ${F.magnitude}) - ${F.leading} - 1L <u ${F.infinity} - ${F.leading} - 1L`;

export const nativeArithmetic = (F: Format): string => {
  const binary = (name: string, operator: string, exact: string) => `
  fn ${F.name}_${name}_fast(a:i64, b:i64, rm:i32):i64 {
    if (fp_native(rm)) {
      let r = ${pattern(F, `${value(F, 'a')} ${operator} ${value(F, 'b')}`)};
      if (${exact}) return r;
    }
    return ${F.name}_${name}(a, b, rm);
  }
`;
  return `
  ${binary('add', '+', finite(F, 'r'))}
  ${binary('sub', '-', finite(F, 'r'))}
  ${binary('mul', '*', inRange(F, 'r'))}
  ${binary('div', '/', inRange(F, 'r'))}
  fn ${F.name}_sqrt_fast(a:i64, rm:i32):i64 {
    if (fp_native(rm)) {
      let r = sqrt(${value(F, 'a')});
      if (r == r) return ${pattern(F, 'r')};
    }
    return ${F.name}_sqrt(a, rm);
  }
`;
};

/** binary64 has room for the exact product of binary32 numbers; their sum with the addend may be rounded. */
const multiplyAdd32 = `
      let s = promote(bits(i32(a))) * promote(bits(i32(b))) + promote(bits(i32(c)));
      let r = u64(bits(demote(s)));
      if ((i32(bits(s)) & 0x1fffffff) != 0x10000000 && ${inRange(binary32, 'r')}) return r;
`;
const multiplyAdd64 = `
      let r = bits(f64_madd(bits(a), bits(b), bits(c)));
      if (${inRange(binary64, 'r')}) return r;
`;

/** With `fused`, binary64 uses `f64_madd(a:f64, b:f64, c:f64):f64` (`fused.ts`), else the exact function. */
export const nativeMultiplyAdd = (F: Format, fused: boolean): string => `
  fn ${F.name}_fmadd_fast(a:i64, b:i64, c:i64, rm:i32):i64 {
    if (fp_native(rm)) {
      ${F === binary32 ? multiplyAdd32 : fused ? multiplyAdd64 : ''}
    }
    return ${F.name}_fmadd(a, b, c, rm);
  }
  fn ${F.name}_fmsub_fast(a:i64, b:i64, c:i64, rm:i32):i64 { return ${F.name}_fmadd_fast(a, b, c ^ ${F.sign}, rm); }
  fn ${F.name}_fnmsub_fast(a:i64, b:i64, c:i64, rm:i32):i64 { return ${F.name}_fmadd_fast(a ^ ${F.sign}, b, c, rm); }
  fn ${F.name}_fnmadd_fast(a:i64, b:i64, c:i64, rm:i32):i64 {
    return ${F.name}_fmadd_fast(a ^ ${F.sign}, b, c ^ ${F.sign}, rm);
  }
`;

export const nativeComparison = (F: Format): string => {
  const operands = `let x = ${value(F, 'a')}; let y = ${value(F, 'b')};`;
  const order = (name: string, holds: string, fails: string) => `
  fn ${F.name}_${name}_fast(a:i64, b:i64):i64 {
    ${operands}
    if (x ${holds} y) return 1L;
    if (x ${fails} y) return 0L;
    return ${F.name}_${name}(a, b);
  }
`;
  const extreme = (name: string) => `
  fn ${F.name}_${name}_fast(a:i64, b:i64):i64 {
    let r = ${name}(${value(F, 'a')}, ${value(F, 'b')});
    if (r == r) return ${pattern(F, 'r')};
    return ${F.name}_${name}(a, b);
  }
`;
  return `
  ${order('flt', '<', '>=')}
  ${order('fle', '<=', '>')}
  fn ${F.name}_feq_fast(a:i64, b:i64):i64 {
    ${operands}
    if (x == y) return 1L;
    if (x == x && y == y) return 0L;
    return ${F.name}_feq(a, b);
  }
  ${extreme('min')}
  ${extreme('max')}
`;
};

export const nativeConversion = (F: Format): string => {
  const suffix = F === binary32 ? 'f' : '';
  const toInteger = (name: string, low: string, high: string, result: string) => `
  fn ${F.name}_to_${name}_fast(a:i64, rm:i32):i64 {
    let x = ${value(F, 'a')};
    let whole = trunc(x);
    if (rm == ${RNE}) whole = nearest(x);
    else if (rm == ${RDN}) whole = floor(x);
    else if (rm == ${RUP}) whole = ceil(x);
    if (rm != ${RMM} && whole >= ${low}.0${suffix} && whole < ${high}.0${suffix}) {
      if (whole != x) fl(${NX});
      return ${result};
    }
    return ${F.name}_to_${name}(a, rm);
  }
`;
  const fromInteger = (name: string, result: string) => `
  fn ${F.name}_from_${name}_fast(x:i64, rm:i32):i64 {
    if (${F === binary64 && name.endsWith('32') ? '1' : 'fp_native(rm)'}) return ${pattern(F, result)};
    return ${F.name}_from_${name}(x, rm);
  }
`;
  return `
  ${toInteger('i32', '-2147483648', '2147483648', 'i64(toi32s(whole))')}
  ${toInteger('u32', '0', '4294967296', 'i64(toi32u(whole))')}
  ${toInteger('i64', '-9223372036854775808', '9223372036854775808', 'toi64s(whole)')}
  ${toInteger('u64', '0', '18446744073709551616', 'toi64u(whole)')}
  ${fromInteger('i32', `${F.name}s(i32(x))`)}
  ${fromInteger('u32', `${F.name}u(i32(x))`)}
  ${fromInteger('i64', `${F.name}s(x)`)}
  ${fromInteger('u64', `${F.name}u(x)`)}
`;
};

export const nativeBetweenFormats = `
  fn f32_to_f64_fast(a:i64, rm:i32):i64 {
    let r = promote(bits(i32(a)));
    if (r == r) return bits(r);
    return f32_to_f64(a, rm);
  }
  fn f64_to_f32_fast(a:i64, rm:i32):i64 {
    if (fp_native(rm)) {
      let r = u64(bits(demote(bits(a))));
      if (${inRange(binary32, 'r')}) return r;
    }
    return f64_to_f32(a, rm);
  }
`;
