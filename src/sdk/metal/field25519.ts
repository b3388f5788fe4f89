/*
 * Integers modulo p = 2^255 - 19 (RFC 8032, 5.1) in a table of elements of 16 limbs of 16 bits, least first; an element is named by its
 * first limb's place. Sums and differences are not carried: they are factors of a product next. All limbs stay below 2^18, and no
 * branch or address depends on them. In the language of metal programs.
 */
import { add64, low, mul64, shiftRight64, word } from 'virtsec/sdk/intrinsics';

export const LIMBS = 16;
const QUARTERS = 4;
const LIMB_BITS = 16;
const LIMB = 0xffff;
/** 2^256 modulo p. */
const FOLD = 38;
/** 4 p: 2 p, limb by limb, twice. */
const LEAST_OF_4P = 0x1_ffb4;
const OTHERS_OF_4P = 0x1_fffe;
/** Words of the table `w` in which products are made. */
export const WIDE_WORDS = 48;
const SUM = 32;

export function fieldAdd(f: Int32Array, to: number, a: number, b: number): void {
  for (let i = 0; i < LIMBS; i++) f[to + i] = f[a + i] + f[b + i];
}
/** `b` is a product or a constant. */
export function fieldSubtract(f: Int32Array, to: number, a: number, b: number): void {
  const least = f[a] + LEAST_OF_4P - f[b];
  for (let i = 1; i < LIMBS; i++) f[to + i] = f[a + i] + OTHERS_OF_4P - f[b + i];
  f[to] = least;
}
export function fieldMultiply(f: Int32Array, w: Int32Array, to: number, a: number, b: number): void {
  // Behind b, b 2^256 modulo p: the product is a sum of 16 columns.
  for (let i = 0; i < LIMBS; i++) {
    w[LIMBS + i] = f[b + i];
    w[i] = f[b + i] * FOLD;
  }
  let carry = word(0);
  for (let column = 0; column < LIMBS; column++) {
    let sum = carry;
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      const i = a + 4 * quarter;
      const j = LIMBS + column - 4 * quarter;
      const first = add64(mul64(word(f[i]), word(w[j])), mul64(word(f[i + 1]), word(w[j - 1])));
      const second = add64(mul64(word(f[i + 2]), word(w[j - 2])), mul64(word(f[i + 3]), word(w[j - 3])));
      sum = add64(sum, add64(first, second));
    }
    w[SUM + column] = low(sum) & LIMB;
    carry = shiftRight64(sum, LIMB_BITS);
  }
  carry = mul64(carry, word(FOLD));
  for (let i = 0; i < LIMBS; i++) {
    const sum = add64(carry, word(w[SUM + i]));
    f[to + i] = low(sum) & LIMB;
    carry = shiftRight64(sum, LIMB_BITS);
  }
  f[to] = f[to] + FOLD * low(carry);
}
const EXPONENT_BITS = 255;
/** a^(p - 2), in which all bits but 2 and 4 are ones; `to` is another place than `a`. */
export function fieldInvert(f: Int32Array, w: Int32Array, to: number, a: number): void {
  for (let i = 0; i < LIMBS; i++) f[to + i] = f[a + i];
  for (let n = 2; n < EXPONENT_BITS + 1; n++) {
    const bit = EXPONENT_BITS - n;
    fieldMultiply(f, w, to, to, to);
    if (bit !== 2 && bit !== 4) fieldMultiply(f, w, to, to, a);
  }
}
const TOP = LIMBS - 1;
const TOP_BITS = 15;
const TOP_LIMB = 0x7fff;
/** Adds a small number to a product, and takes away what is above 2^255. */
function carried(f: Int32Array, a: number, more: number): void {
  let carry = more;
  for (let i = 0; i < LIMBS; i++) {
    const sum = f[a + i] + carry;
    f[a + i] = sum & LIMB;
    carry = sum >> LIMB_BITS;
  }
}
/** Of a product: the one number below p that it is. */
export function fieldCanonical(f: Int32Array, a: number): void {
  for (let round = 0; round < 2; round++) {
    const above = f[a + TOP] >> TOP_BITS;
    f[a + TOP] = f[a + TOP] & TOP_LIMB;
    carried(f, a, 19 * above);
  }
  // It is p or more exactly if it is 2^255 or more with 19 added.
  let carry = 19;
  for (let i = 0; i < LIMBS; i++) carry = (f[a + i] + carry) >> (i < TOP ? LIMB_BITS : TOP_BITS);
  carried(f, a, 19 * carry);
  f[a + TOP] = f[a + TOP] & TOP_LIMB;
}
