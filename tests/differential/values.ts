// Operand values that break arithmetic: integer limits, and floating-point numbers of every class around every edge.

import type { Random } from './random.ts';

const MASK = (1n << 64n) - 1n;

const INTEGERS = [
  0n,
  1n,
  2n,
  -1n,
  -2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  -0x8000_0000n,
  -0x8000_0001n,
  0x7fff_ffff_ffff_ffffn,
  -0x8000_0000_0000_0000n,
  -0x7fff_ffff_ffff_ffffn,
  0x5555_5555_5555_5555n,
  0x0123_4567_89ab_cdefn,
  0xff00_00ff_0000_ff00n,
];

/** An integer register's value, unsigned. */
export function integerValue(random: Random): bigint {
  switch (random.below(6)) {
    case 0:
      return random.dword();
    case 1:
      return BigInt.asUintN(64, BigInt(random.between(-64, 64)));
    case 2:
      return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.between(-1, 1)));
    case 3:
      return BigInt.asUintN(64, BigInt(random.word() | 0));
    default:
      return random.pick(INTEGERS) & MASK;
  }
}

/** A number of one format: exponent and fraction widths, from a class that matters. */
function floatBits(random: Random, exponentBits: number, fractionBits: number): bigint {
  const maximum = (1n << BigInt(exponentBits)) - 1n;
  const bias = maximum >> 1n;
  const fractionMask = (1n << BigInt(fractionBits)) - 1n;
  const anyFraction = random.pick([
    random.dword() & fractionMask,
    0n,
    1n,
    fractionMask,
    1n << BigInt(random.below(fractionBits)),
    fractionMask ^ (1n << BigInt(random.below(fractionBits))),
    (fractionMask << BigInt(random.below(fractionBits))) & fractionMask,
  ]);
  const near = (centre: bigint, spread: number): bigint => {
    const exponent = centre + BigInt(random.between(-spread, spread));
    return exponent < 1n ? 1n : exponent >= maximum ? maximum - 1n : exponent;
  };
  let exponent: bigint;
  let fraction = anyFraction;
  switch (random.below(18)) {
    case 14: // sums and products of these are exact ties, or one place beside one
    case 15:
    case 16: {
      const steps = [-1, 0, 0, 1].map((n) => n * (fractionBits + random.between(0, 2)));
      exponent = bias + BigInt(random.pick(steps));
      fraction = random.pick([0n, 0n, 1n, 2n, 3n, fractionMask, fractionMask - 1n, 1n << BigInt(fractionBits - 1)]);
      break;
    }
    case 17: // just below one, and the least normal number: products that are tiny only before rounding
      exponent = random.pick([1n, 1n, bias - 1n, bias]);
      fraction = random.pick([0n, 0n, 1n, fractionMask, fractionMask - 1n, fractionMask - 2n]);
      break;
    case 0: // zero
      exponent = 0n;
      fraction = 0n;
      break;
    case 1: // infinity
      exponent = maximum;
      fraction = 0n;
      break;
    case 2: // quiet or signalling NaN
      exponent = maximum;
      if (fraction === 0n) fraction = 1n;
      if (random.one(2)) fraction |= 1n << BigInt(fractionBits - 1);
      break;
    case 3: // subnormal
    case 4:
      exponent = 0n;
      break;
    case 5: // smallest normal numbers, where results underflow
    case 6:
      exponent = near(1n, 2);
      break;
    case 7: // largest numbers, where results overflow
      exponent = near(maximum - 1n, 2);
      break;
    case 8: // square roots of the limits: products at the edges
      exponent = near(bias + (random.one(2) ? bias / 2n : -bias / 2n), 3);
      break;
    case 9: // limits of integer conversion
      exponent = bias + BigInt(random.pick([6, 7, 8, 15, 30, 31, 32, 62, 63, 64]));
      break;
    case 10: // halves and small integers: ties
      exponent = bias + BigInt(random.between(-2, 5));
      fraction = (random.dword() << BigInt(fractionBits - 4)) & fractionMask;
      break;
    case 11:
      exponent = near(bias, fractionBits + 2);
      break;
    case 12:
      exponent = near(bias, 2);
      break;
    default:
      exponent = random.dword() % maximum;
  }
  const sign = BigInt(random.below(2)) << BigInt(exponentBits + fractionBits);
  return sign | (exponent << BigInt(fractionBits)) | fraction;
}

export function doubleValue(random: Random): bigint {
  return floatBits(random, 11, 52);
}

export function singleValue(random: Random): bigint {
  return floatBits(random, 8, 23);
}

/** A floating-point register's value: a double, a boxed single, or a single that is not properly boxed. */
export function floatValue(random: Random): bigint {
  switch (random.below(16)) {
    case 0:
      return singleValue(random) | (BigInt(random.word()) << 32n);
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      return singleValue(random) | 0xffff_ffff_0000_0000n;
    default:
      return doubleValue(random);
  }
}
