/**
 * The judge of the exact operations, for tests only: every finite number is a BigInt fraction, a result is computed
 * without rounding and then rounded once, as IEEE 754-2019, 4.3 says. Short and slow on purpose; shares nothing but the
 * formats' names with what it judges.
 */
import { DZ, NV, NX, OF, RDN, RMM, RNE, RUP, UF } from './format.ts';

export interface Result {
  readonly bits: bigint;
  readonly flags: number;
}

interface Binary {
  readonly bits: bigint;
  /** Bits of a significand, with the leading one. */
  readonly precision: number;
  /** Exponents of the greatest and the least normal number. */
  readonly emax: number;
  readonly emin: number;
}

const formats = {
  f32: { bits: 32n, precision: 24, emax: 127, emin: -126 },
  f64: { bits: 64n, precision: 53, emax: 1023, emin: -1022 },
} as const satisfies Record<string, Binary>;

/** A pattern's meaning: a NaN, an infinity, or the number (-1)^sign * n * 2^e. */
interface Datum {
  readonly kind: 'quiet' | 'signalling' | 'infinite' | 'finite';
  readonly sign: number;
  readonly n: bigint;
  readonly e: number;
}

const decode = (F: Binary, bits: bigint): Datum => {
  const fractionBits = F.precision - 1;
  const sign = Number(bits >> (F.bits - 1n));
  const exponent = Number((bits >> BigInt(fractionBits)) & ((1n << (F.bits - BigInt(F.precision))) - 1n));
  const fraction = bits & ((1n << BigInt(fractionBits)) - 1n);
  if (exponent > F.emax - F.emin + 1) {
    if (fraction === 0n) return { kind: 'infinite', sign, n: 0n, e: 0 };
    const quiet = fraction >> BigInt(fractionBits - 1);
    return { kind: quiet ? 'quiet' : 'signalling', sign, n: 0n, e: 0 };
  }
  const n = exponent === 0 ? fraction : fraction + (1n << BigInt(fractionBits));
  return { kind: 'finite', sign, n, e: Math.max(exponent, 1) - 1 + F.emin - fractionBits };
};

const signed = (F: Binary, sign: number, magnitude: bigint): bigint => (BigInt(sign) << (F.bits - 1n)) + magnitude;
const infinity = (F: Binary): bigint => ((1n << (F.bits - BigInt(F.precision))) - 1n) << BigInt(F.precision - 1);
const quietNan = (F: Binary): bigint => infinity(F) + (1n << BigInt(F.precision - 2));
const isNan = (x: Datum): boolean => x.kind === 'quiet' || x.kind === 'signalling';
const isZero = (x: Datum): boolean => x.kind === 'finite' && x.n === 0n;
const bitLength = (n: bigint): number => {
  const hex = n.toString(16);
  return 4 * hex.length - Math.clz32(parseInt(hex[0], 16)) + 28;
};

/** n / d rounded to an integer; `sign` tells the directed modes which way is up. */
const roundedQuotient = (n: bigint, d: bigint, sign: number, rm: number): { q: bigint; inexact: boolean } => {
  const q = n / d;
  const rest = n - q * d;
  const double = 2n * rest;
  const up =
    (rm === RNE && (double > d || (double === d && q % 2n === 1n))) ||
    (rm === RMM && double >= d) ||
    (rm === RDN && sign === 1 && rest > 0n) ||
    (rm === RUP && sign === 0 && rest > 0n);
  return { q: up ? q + 1n : q, inexact: rest > 0n };
};

/** Rounds (-1)^sign * n/d * 2^e, n > 0. */
const round = (F: Binary, sign: number, n: bigint, d: bigint, e: number, rm: number): Result => {
  /** The value rounded to a multiple of 2^quantum. */
  const multiple = (quantum: number) =>
    e >= quantum
      ? roundedQuotient(n << BigInt(e - quantum), d, sign, rm)
      : roundedQuotient(n, d << BigInt(quantum - e), sign, rm);

  // 2^exponent <= n/d * 2^e < 2^(exponent + 1)
  let exponent = bitLength(n) - bitLength(d);
  if (exponent >= 0 ? n < d << BigInt(exponent) : n << BigInt(-exponent) < d) exponent -= 1;
  exponent += e;
  // as if the exponent were unbounded
  const last = exponent - F.precision + 1;
  const unbounded = multiple(last);
  const unboundedExponent = unbounded.q === 1n << BigInt(F.precision) ? exponent + 1 : exponent;
  if (unboundedExponent > F.emax) {
    const away = rm === RNE || rm === RMM || rm === (sign === 1 ? RDN : RUP);
    return { bits: signed(F, sign, away ? infinity(F) : infinity(F) - 1n), flags: OF | NX };
  }
  const least = F.emin - F.precision + 1;
  const { q, inexact } = last >= least ? unbounded : multiple(least);
  const tiny = unboundedExponent < F.emin;
  // counting in last places from the least normal number's binade on, a pattern is its own rank
  const field = Math.max(last, least) - least;
  const bits = (BigInt(field) << BigInt(F.precision - 1)) + q;
  return { bits: signed(F, sign, bits), flags: inexact ? (tiny ? UF | NX : NX) : 0 };
};

const nan = (F: Binary, ...operands: Datum[]): Result => ({
  bits: quietNan(F),
  flags: operands.some((x) => x.kind === 'signalling') ? NV : 0,
});
const invalid = (F: Binary): Result => ({ bits: quietNan(F), flags: NV });
const exactly = (bits: bigint): Result => ({ bits, flags: 0 });

/** The exact sum of two finite numbers, then rounded. */
const sum = (F: Binary, x: Datum, y: Datum, rm: number): Result => {
  const e = Math.min(x.e, y.e);
  const value = ({ sign, n, e: own }: Datum) => (sign === 1 ? -n : n) << BigInt(own - e);
  const total = value(x) + value(y);
  if (total === 0n) {
    const negative = x.sign === y.sign ? x.sign : rm === RDN ? 1 : 0;
    return exactly(signed(F, negative, 0n));
  }
  return round(F, total < 0n ? 1 : 0, total < 0n ? -total : total, 1n, e, rm);
};

const add = (F: Binary, x: Datum, y: Datum, rm: number): Result => {
  if (isNan(x) || isNan(y)) return nan(F, x, y);
  if (x.kind === 'infinite' && y.kind === 'infinite' && x.sign !== y.sign) return invalid(F);
  if (x.kind === 'infinite') return exactly(signed(F, x.sign, infinity(F)));
  if (y.kind === 'infinite') return exactly(signed(F, y.sign, infinity(F)));
  return sum(F, x, y, rm);
};

const multiply = (F: Binary, x: Datum, y: Datum, rm: number): Result => {
  const sign = x.sign ^ y.sign;
  if (isNan(x) || isNan(y)) return nan(F, x, y);
  if (x.kind === 'infinite' || y.kind === 'infinite')
    return isZero(x) || isZero(y) ? invalid(F) : exactly(signed(F, sign, infinity(F)));
  if (isZero(x) || isZero(y)) return exactly(signed(F, sign, 0n));
  return round(F, sign, x.n * y.n, 1n, x.e + y.e, rm);
};

const divide = (F: Binary, x: Datum, y: Datum, rm: number): Result => {
  const sign = x.sign ^ y.sign;
  if (isNan(x) || isNan(y)) return nan(F, x, y);
  if (x.kind === 'infinite') return y.kind === 'infinite' ? invalid(F) : exactly(signed(F, sign, infinity(F)));
  if (y.kind === 'infinite') return exactly(signed(F, sign, 0n));
  if (isZero(y)) return isZero(x) ? invalid(F) : { bits: signed(F, sign, infinity(F)), flags: DZ };
  if (isZero(x)) return exactly(signed(F, sign, 0n));
  return round(F, sign, x.n, y.n, x.e - y.e, rm);
};

const integerRoot = (n: bigint): bigint => {
  let root = BigInt(Math.floor(Math.sqrt(Number(n))));
  for (let next = (root + n / root) / 2n; ; next = (root + n / root) / 2n) {
    if (next === root || next === root + 1n) break;
    root = next;
  }
  while (root * root > n) root -= 1n;
  while ((root + 1n) * (root + 1n) <= n) root += 1n;
  return root;
};

const squareRoot = (F: Binary, x: Datum, rm: number): Result => {
  if (isNan(x)) return nan(F, x);
  if (isZero(x)) return exactly(signed(F, x.sign, 0n));
  if (x.sign === 1) return invalid(F);
  if (x.kind === 'infinite') return exactly(infinity(F));
  // an even exponent, and far more bits than any format keeps; if the root is not whole, any fraction stands for it
  const scale = 2 * F.precision + 10 + ((x.e - 2 * F.precision - 10) & 1);
  const n = x.n << BigInt(scale);
  const root = integerRoot(n);
  const whole = root * root === n;
  return round(F, 0, whole ? 2n * root : 2n * root + 1n, 2n, (x.e - scale) / 2, rm);
};

/** x * y + z with one rounding. */
const multiplyAdd = (F: Binary, x: Datum, y: Datum, z: Datum, rm: number): Result => {
  const sign = x.sign ^ y.sign;
  const infinite = x.kind === 'infinite' || y.kind === 'infinite';
  if (infinite && (isZero(x) || isZero(y))) return invalid(F); // also with a quiet NaN as z
  if (isNan(x) || isNan(y) || isNan(z)) return nan(F, x, y, z);
  if (infinite) {
    if (z.kind === 'infinite' && z.sign !== sign) return invalid(F);
    return exactly(signed(F, sign, infinity(F)));
  }
  if (z.kind === 'infinite') return exactly(signed(F, z.sign, infinity(F)));
  return sum(F, { kind: 'finite', sign, n: x.n * y.n, e: x.e + y.e }, z, rm);
};

const negated = (x: Datum): Datum => ({ ...x, sign: 1 - x.sign });

const convert = (to: Binary, x: Datum, rm: number): Result => {
  if (isNan(x)) return nan(to, x);
  if (x.kind === 'infinite') return exactly(signed(to, x.sign, infinity(to)));
  if (isZero(x)) return exactly(signed(to, x.sign, 0n));
  return round(to, x.sign, x.n, 1n, x.e, rm);
};

const toInteger = (bits: number, low: bigint, high: bigint, x: Datum, rm: number): Result => {
  const register = (value: bigint) => BigInt.asUintN(64, bits === 32 ? BigInt.asIntN(32, value) : value);
  if (isNan(x) || (x.kind === 'infinite' && x.sign === 0)) return { bits: register(high), flags: NV };
  if (x.kind === 'infinite') return { bits: register(low), flags: NV };
  const { q, inexact } =
    x.e >= 0 ? { q: x.n << BigInt(x.e), inexact: false } : roundedQuotient(x.n, 1n << BigInt(-x.e), x.sign, rm);
  const value = x.sign === 1 ? -q : q;
  if (value < low) return { bits: register(low), flags: NV };
  if (value > high) return { bits: register(high), flags: NV };
  return { bits: register(value), flags: inexact ? NX : 0 };
};

const fromInteger = (F: Binary, value: bigint, rm: number): Result =>
  value === 0n ? exactly(0n) : round(F, value < 0n ? 1 : 0, value < 0n ? -value : value, 1n, 0, rm);

/** -1, 0 or 1; `undefined` if unordered. */
const compare = (x: Datum, y: Datum): number | undefined => {
  if (isNan(x) || isNan(y)) return undefined;
  // 2^2000 is beyond every finite number
  const value = ({ kind, sign, n, e }: Datum) =>
    (sign === 1 ? -1n : 1n) * (kind === 'infinite' ? 1n << 4000n : n << BigInt(e + 1100));
  const difference = value(x) - value(y);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

const quiet = (holds: boolean, ...operands: Datum[]): Result => ({
  bits: holds ? 1n : 0n,
  flags: operands.some((x) => x.kind === 'signalling') ? NV : 0,
});
const signalling = (order: number | undefined, holds: (order: number) => boolean): Result =>
  order === undefined ? { bits: 0n, flags: NV } : exactly(holds(order) ? 1n : 0n);

/** `wanted`: -1 for the minimum, 1 for the maximum. */
const extreme = (F: Binary, a: bigint, b: bigint, wanted: number): Result => {
  const x = decode(F, a);
  const y = decode(F, b);
  const { flags } = nan(F, x, y);
  if (isNan(x)) return { bits: isNan(y) ? quietNan(F) : b, flags };
  if (isNan(y)) return { bits: a, flags };
  const order = compare(x, y) || y.sign - x.sign; // -0 is less than +0
  return { bits: order === wanted ? a : b, flags };
};

const classify = (F: Binary, a: bigint): Result => {
  const x = decode(F, a);
  if (x.kind === 'signalling') return exactly(1n << 8n);
  if (x.kind === 'quiet') return exactly(1n << 9n);
  const subnormal = x.n < 1n << BigInt(F.precision - 1);
  const rank = x.kind === 'infinite' ? 3 : x.n === 0n ? 0 : subnormal ? 1 : 2;
  return exactly(1n << BigInt(x.sign === 1 ? 3 - rank : 4 + rank));
};

export interface Operation {
  /** How many operands, 1..3. */
  readonly operands: number;
  /** What the operands are: patterns of a format, or 64-bit integers. */
  readonly domain: 'f32' | 'f64' | 'integer';
  readonly rounds: boolean;
  readonly result: (a: bigint, b: bigint, c: bigint, rm: number) => Result;
}

const limits = {
  i32: [32, -(1n << 31n), (1n << 31n) - 1n],
  u32: [32, 0n, (1n << 32n) - 1n],
  i64: [64, -(1n << 63n), (1n << 63n) - 1n],
  u64: [64, 0n, (1n << 64n) - 1n],
} as const;

const inFormat = (domain: 'f32' | 'f64'): Record<string, Operation> => {
  const F = formats[domain];
  const d = (bits: bigint) => decode(F, bits);
  const operation = (operands: number, rounds: boolean, result: Operation['result']): Operation => ({
    operands,
    domain,
    rounds,
    result,
  });
  const own: Record<string, Operation> = {
    add: operation(2, true, (a, b, _, rm) => add(F, d(a), d(b), rm)),
    sub: operation(2, true, (a, b, _, rm) => add(F, d(a), negated(d(b)), rm)),
    mul: operation(2, true, (a, b, _, rm) => multiply(F, d(a), d(b), rm)),
    div: operation(2, true, (a, b, _, rm) => divide(F, d(a), d(b), rm)),
    sqrt: operation(1, true, (a, _b, _c, rm) => squareRoot(F, d(a), rm)),
    fmadd: operation(3, true, (a, b, c, rm) => multiplyAdd(F, d(a), d(b), d(c), rm)),
    fmsub: operation(3, true, (a, b, c, rm) => multiplyAdd(F, d(a), d(b), negated(d(c)), rm)),
    fnmsub: operation(3, true, (a, b, c, rm) => multiplyAdd(F, negated(d(a)), d(b), d(c), rm)),
    fnmadd: operation(3, true, (a, b, c, rm) => multiplyAdd(F, negated(d(a)), d(b), negated(d(c)), rm)),
    feq: operation(2, false, (a, b) => quiet(compare(d(a), d(b)) === 0, d(a), d(b))),
    flt: operation(2, false, (a, b) => signalling(compare(d(a), d(b)), (order) => order < 0)),
    fle: operation(2, false, (a, b) => signalling(compare(d(a), d(b)), (order) => order <= 0)),
    min: operation(2, false, (a, b) => extreme(F, a, b, -1)),
    max: operation(2, false, (a, b) => extreme(F, a, b, 1)),
    classify: operation(1, false, (a) => classify(F, a)),
    sgnj: operation(2, false, (a, b) => exactly(signed(F, d(b).sign, a % (1n << (F.bits - 1n))))),
    sgnjn: operation(2, false, (a, b) => exactly(signed(F, 1 - d(b).sign, a % (1n << (F.bits - 1n))))),
    sgnjx: operation(2, false, (a, b) => exactly(signed(F, d(a).sign ^ d(b).sign, a % (1n << (F.bits - 1n))))),
  };
  for (const [name, [bits, low, high]] of Object.entries(limits)) {
    own[`to_${name}`] = operation(1, true, (a, _b, _c, rm) => toInteger(bits, low, high, d(a), rm));
    const value = (x: bigint) => (low < 0n ? BigInt.asIntN(bits, x) : BigInt.asUintN(bits, x));
    own[`from_${name}`] = {
      operands: 1,
      domain: 'integer',
      rounds: true,
      result: (a, _b, _c, rm) => fromInteger(F, value(a), rm),
    };
  }
  const other = domain === 'f32' ? 'f64' : 'f32';
  own[`to_${other}`] = operation(1, true, (a, _b, _c, rm) => convert(formats[other], d(a), rm));
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [`${domain}_${name}`, value]));
};

/** Every operation under the name that the language text gives it. */
export const reference: Readonly<Record<string, Operation>> = { ...inFormat('f32'), ...inFormat('f64') };
