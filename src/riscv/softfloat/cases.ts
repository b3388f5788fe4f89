/** Operands for the tests: corner cases crossed with each other, and patterns that a seeded generator draws. */
import { reference, type Operation, type Result } from './reference.ts';

/** A format's patterns by what they mean. */
const patterns = (bits: number, fractionBits: number) => {
  const one = 1n << BigInt(fractionBits);
  const bias = (1 << (bits - fractionBits - 2)) - 1;
  return {
    /** The least normal number. */
    one,
    infinity: BigInt(2 * bias + 1) * one,
    /** 2^exponent. */
    at: (exponent: number): bigint => BigInt(exponent + bias) * one,
    precision: fractionBits + 1,
    emax: bias,
  };
};

/** Every pattern near a place where some operation changes its behaviour. */
const corners = (bits: number, fractionBits: number): bigint[] => {
  const { one, infinity, at, precision: p, emax } = patterns(bits, fractionBits);
  const subnormals = [0n, 1n, 2n, 3n, one / 2n - 1n, one / 2n, one / 2n + 1n, one - 2n, one - 1n];
  const leastAndGreatest = [one, one + 1n, 2n * one - 1n, 2n * one, infinity - 2n, infinity - 1n, infinity];
  const nans = [infinity + 1n, infinity + one / 2n - 1n, infinity + one / 2n, infinity + one - 1n];
  const halves = [at(0) + one / 2n, at(1) + one / 4n, at(p - 2) + 1n, at(p - 2) + 3n];
  const more = [at(0) + 2n, at(31) - 2n, at(32) - 2n];
  // exponents of powers of two of which the neighbours count: halves and units, the last place and half of it, limits of
  // integers, roots of the range's ends
  const units = [-p - 1, -p, 1 - p, -2, -1, 0, 1, 2, p - 1, p];
  const ends = [-emax >> 1, 30, 31, 32, 62, 63, 64, emax >> 1, emax - 1];
  const neighbours = [...units, ...ends].flatMap((exponent) => [at(exponent) - 1n, at(exponent), at(exponent) + 1n]);
  const sign = 1n << BigInt(bits - 1);
  const magnitudes = new Set([...subnormals, ...leastAndGreatest, ...nans, ...halves, ...more, ...neighbours]);
  return [...magnitudes].flatMap((magnitude) => [magnitude, sign + magnitude]);
};

const integerCorners = (): bigint[] => {
  const values = new Set<bigint>();
  for (let k = 0; k <= 64; k++)
    for (const step of [-3n, -1n, 0n, 1n, 3n])
      for (const value of [(1n << BigInt(k)) + step, -(1n << BigInt(k)) + step]) values.add(BigInt.asUintN(64, value));
  // halfway between neighbours, and next to it
  for (const p of [24, 53])
    for (let k = p; k < 64; k++)
      for (const last of [0n, 1n])
        for (const step of [-1n, 0n, 1n])
          values.add((1n << BigInt(k)) + (2n * last + 1n) * (1n << BigInt(k - p)) + step);
  return [...values];
};

export const cornerCases = { f32: corners(32, 23), f64: corners(64, 52), integer: integerCorners() } as const;

/** A seeded generator: xoroshiro64*. */
export class Random {
  #a: number;
  #b: number;
  constructor(seed: number) {
    this.#a = seed | 1;
    this.#b = (seed ^ 0x9e3779b9) | 0;
    for (let k = 0; k < 16; k++) this.word();
  }
  /** A 32-bit unsigned integer. */
  word(): number {
    const a = this.#a;
    const b = this.#b ^ a;
    this.#a = ((a << 26) | (a >>> 6)) ^ b ^ (b << 9);
    this.#b = (b << 13) | (b >>> 19);
    const mixed = Math.imul(a, 0x9e3779bb);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
  below(limit: number): number {
    return this.word() % limit;
  }
  long(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word());
  }

  /** A number of `width` bits with few ones, few zeros, a run of ones, or neither. */
  field(width: number): bigint {
    const mask = (1n << BigInt(width)) - 1n;
    switch (this.below(5)) {
      case 0:
        return (1n << BigInt(this.below(width))) | (1n << BigInt(this.below(width)));
      case 1:
        return mask ^ ((1n << BigInt(this.below(width))) | (1n << BigInt(this.below(width))));
      case 2:
        return (1n << BigInt(this.below(width + 1))) - 1n;
      case 3:
        return mask ^ ((1n << BigInt(this.below(width + 1))) - 1n);
      default:
        return this.long() & mask;
    }
  }

  /** Operands for one operation: exponents often close to each other, sometimes at the ends of the range. */
  operands(domain: Operation['domain'], count: number): bigint[] {
    if (domain === 'integer') return [this.below(2) ? this.long() >> BigInt(this.below(64)) : this.field(64)];
    const [bits, fractionBits] = domain === 'f32' ? [32, 23] : [64, 52];
    const exponents = (1 << (bits - fractionBits - 1)) - 1;
    const centre = [this.below(exponents), exponents >> 1, this.below(4), exponents - this.below(4)][this.below(4)];
    return Array.from({ length: count }, () => {
      const spread = this.below(4) ? this.below(2 * fractionBits) - fractionBits : this.below(4 * fractionBits);
      const exponent = this.below(16) ? Math.min(Math.max(centre + spread, 0), exponents) : this.below(exponents + 1);
      return (BigInt(this.below(2) * (exponents + 1) + exponent) << BigInt(fractionBits)) | this.field(fractionBits);
    });
  }
}

/** A case and what the reference says. */
export interface Case {
  readonly name: string;
  readonly operands: readonly bigint[];
  readonly rm: number;
  readonly expected: Result;
}

/** All rounding modes of the operation on these operands. */
export function* expectations(name: string, operands: readonly bigint[]): Generator<Case> {
  const operation = reference[name];
  const [a, b = 0n, c = 0n] = operands;
  for (let rm = 0; rm < (operation.rounds ? 5 : 1); rm++)
    yield { name, operands, rm, expected: operation.result(a, b, c, rm) };
}

/** Fewer, for operations on three operands; all positive, since the four forms bring the signs. */
const fewCorners = (bits: number, fractionBits: number): bigint[] => {
  const { one, infinity, at, precision: p } = patterns(bits, fractionBits);
  const small = [0n, 1n, one - 1n, one, at(-2 * p), at(-p) + 1n, at(1 - p)];
  const units = [at(0) - 1n, at(0), at(0) + 1n, at(1) - 1n];
  // factors whose product lies halfway between two numbers: (1 + 2^-k) * (1 + 2^(k-p))
  const k = p >> 1;
  const halfway = [at(0) + one / 2n ** BigInt(k), at(0) + one / 2n ** BigInt(p - k)];
  const large = [at(p) + 1n, at(2 * p), infinity - one, infinity - 1n, infinity, infinity + 1n, infinity + one / 2n];
  return [...small, ...units, ...halfway, ...large];
};

/** In binary64, a product of 2 * (1 + 2^-73.6): half a unit in the last place of 2^54, and bits far below. */
const halfAndLittle = [0x3ff1c3e625ef1f56n, 0x3ffcd201dc5d5b10n, 0x4350000000000000n];

const fewCornerCases = { f32: fewCorners(32, 23), f64: fewCorners(64, 52), integer: [] } as const;

/** Every tuple of corner cases as operands of an operation. */
export function* cornerOperands(name: string): Generator<bigint[]> {
  const { domain, operands } = reference[name];
  const values = cornerCases[domain];
  const few = fewCornerCases[domain];
  if (operands === 1) for (const a of values) yield [a];
  else if (operands === 2) for (const a of values) for (const b of values) yield [a, b];
  else {
    if (domain === 'f64') yield halfAndLittle;
    for (const a of few) for (const b of few) for (const c of few) yield [a, b, c];
  }
}
