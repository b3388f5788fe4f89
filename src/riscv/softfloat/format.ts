/**
 * The two interchange formats of IEEE 754-2019, 3.4, as literals of the engine's language. Sections of the Unprivileged
 * ISA are those of version 20240411, chapters 20 (F) and 21 (D).
 *
 * Every operation is written once as text over a `Format` and compiled for both widths. In that text:
 *
 * - an operand or result is an i64 that holds the bit pattern; a binary32 pattern stands in the low 32 bits with zeros
 *   above it (NaN boxing, Unprivileged ISA 21.2, is the engine's work);
 * - a *fraction* is the trailing significand field, a *significand* has the leading bit made explicit;
 * - `e` is a biased exponent, but unbounded: it may lie far outside of what the format can hold;
 * - `rm` is a rounding mode of the frm register, 0..4 (RNE, RTZ, RDN, RUP, RMM), with 7 (DYN) already resolved.
 */
export interface Format {
  /** Prefix of the functions: `f32` or `f64`. */
  readonly name: 'f32' | 'f64';
  /** Width of the pattern in bits. */
  readonly bits: number;
  /** Width of the fraction field in bits. */
  readonly fractionBits: number;
  /** Exponent of the value 1. */
  readonly bias: number;
  /** The exponent field of infinities and NaNs. */
  readonly special: number;
  /** i64 literals. */
  readonly sign: string;
  readonly magnitude: string;
  readonly infinity: string;
  /** The NaN that every operation returns: Unprivileged ISA 20.3. */
  readonly canonicalNan: string;
  readonly quietBit: string;
  readonly fraction: string;
  /** The significand's leading bit; as a pattern, the least normal number. */
  readonly leading: string;
}

/** An i64 literal. */
export const literal = (value: bigint): string => `0x${value.toString(16)}L`;

const format = (name: 'f32' | 'f64', exponentBits: number, fractionBits: number): Format => {
  const bits = 1 + exponentBits + fractionBits;
  const sign = 1n << BigInt(bits - 1);
  const leading = 1n << BigInt(fractionBits);
  const infinity = sign - leading;
  return {
    name,
    bits,
    fractionBits,
    bias: (1 << (exponentBits - 1)) - 1,
    special: (1 << exponentBits) - 1,
    sign: literal(sign),
    magnitude: literal(sign - 1n),
    infinity: literal(infinity),
    canonicalNan: literal(infinity | (leading >> 1n)),
    quietBit: literal(leading >> 1n),
    fraction: literal(leading - 1n),
    leading: literal(leading),
  };
};

export const binary32 = format('f32', 8, 23);
export const binary64 = format('f64', 11, 52);

/** Accrued exceptions, fflags: Unprivileged ISA 20.2. */
export const NX = 0x01;
export const UF = 0x02;
export const OF = 0x04;
export const DZ = 0x08;
export const NV = 0x10;

/** Rounding modes, frm: Unprivileged ISA 20.2. */
export const RNE = 0;
export const RTZ = 1;
export const RDN = 2;
export const RUP = 3;
export const RMM = 4;
