// The F and D extensions. Arithmetic is done by the functions of `softfloat/`: natively where that is exact, else in integers.

import type { Name } from '../instructions.ts';
import type { Precision, Semantics, Target } from './target.ts';

/** Function names of `softfloat/` begin with the format's. */
const formatOf = (precision: Precision): 'f32' | 'f64' => (precision === 's' ? 'f32' : 'f64');

/** A rounded operation on `operands` registers of one precision. */
function rounded(precision: Precision, operands: 1 | 2 | 3, helper: string): Semantics {
  return (t) => {
    t.floatEnabled();
    t.fd(precision, () => {
      t.fs1(precision);
      if (operands > 1) t.fs2(precision);
      if (operands > 2) t.fs3(precision);
      t.rounding();
      t.helper(helper);
    });
  };
}

/** Two operands, no rounding, a floating-point result. */
function pair(precision: Precision, helper: string): Semantics {
  return (t) => {
    t.floatEnabled();
    t.fd(precision, () => {
      t.fs1(precision);
      t.fs2(precision);
      t.helper(helper);
    });
  };
}

/** Two operands, an integer result. */
function comparison(precision: Precision, helper: string): Semantics {
  return (t) => {
    t.floatEnabled();
    t.rd(() => {
      t.fs1(precision);
      t.fs2(precision);
      t.helper(helper);
    });
  };
}

/** The functions sign-extend 32-bit results, those of fcvt.wu too. */
function toInteger(precision: Precision, integer: 'i32' | 'u32' | 'i64' | 'u64'): Semantics {
  return (t) => {
    t.floatEnabled();
    t.rd(() => {
      t.fs1(precision);
      t.rounding();
      t.helper(`${formatOf(precision)}_to_${integer}_fast`);
    });
  };
}

function fromInteger(precision: Precision, integer: 'i32' | 'u32' | 'i64' | 'u64'): Semantics {
  return (t) => {
    t.floatEnabled();
    t.fd(precision, () => {
      t.rs1();
      t.rounding();
      t.helper(`${formatOf(precision)}_from_${integer}_fast`);
    });
  };
}

function convert(to: Precision, from: Precision): Semantics {
  return (t) => {
    t.floatEnabled();
    t.fd(to, () => {
      t.fs1(from);
      t.rounding();
      t.helper(`${formatOf(from)}_to_${formatOf(to)}_fast`);
    });
  };
}

/** fmv.x.w moves the low half as it is: boxing does not matter. */
const moveToInteger =
  (precision: Precision): Semantics =>
  (t) => {
    t.floatEnabled();
    t.rd(() => {
      t.fs1('d');
      if (precision === 's') t.op('i64.extend32_s');
    });
  };

const moveFromInteger =
  (precision: Precision): Semantics =>
  (t) => {
    t.floatEnabled();
    t.fd(precision, () => lowBits(t, precision));
  };
function lowBits(t: Target, precision: Precision): void {
  t.rs1();
  if (precision === 's') {
    t.i64(0xffffffff);
    t.op('i64.and');
  }
}

export const FLOAT: Partial<Record<Name, Semantics>> = {
  flw: (t) => {
    t.floatEnabled();
    t.fd('s', () => t.load('i64.load32_u'));
  },
  fld: (t) => {
    t.floatEnabled();
    t.fd('d', () => t.load('i64.load'));
  },
  fsw: (t) => {
    t.floatEnabled();
    t.store('i64.store32', () => t.fs2('d'));
  },
  fsd: (t) => {
    t.floatEnabled();
    t.store('i64.store', () => t.fs2('d'));
  },
  'fmv.x.w': moveToInteger('s'),
  'fmv.x.d': moveToInteger('d'),
  'fmv.w.x': moveFromInteger('s'),
  'fmv.d.x': moveFromInteger('d'),
  'fcvt.s.d': convert('s', 'd'),
  'fcvt.d.s': convert('d', 's'),
};
for (const p of ['s', 'd'] as const) {
  const f = formatOf(p);
  for (const name of ['add', 'sub', 'mul', 'div'] as const) FLOAT[`f${name}.${p}`] = rounded(p, 2, `${f}_${name}_fast`);
  FLOAT[`fsqrt.${p}`] = rounded(p, 1, `${f}_sqrt_fast`);
  for (const name of ['fmadd', 'fmsub', 'fnmsub', 'fnmadd'] as const)
    FLOAT[`${name}.${p}`] = rounded(p, 3, `${f}_${name}_fast`);
  for (const name of ['sgnj', 'sgnjn', 'sgnjx'] as const) FLOAT[`f${name}.${p}`] = pair(p, `${f}_${name}`);
  for (const name of ['min', 'max'] as const) FLOAT[`f${name}.${p}`] = pair(p, `${f}_${name}_fast`);
  for (const name of ['feq', 'flt', 'fle'] as const) FLOAT[`${name}.${p}`] = comparison(p, `${f}_${name}_fast`);
  FLOAT[`fclass.${p}`] = (t) => {
    t.floatEnabled();
    t.rd(() => {
      t.fs1(p);
      t.helper(`${f}_classify`);
    });
  };
  for (const [integer, kind] of [
    ['w', 'i32'],
    ['wu', 'u32'],
    ['l', 'i64'],
    ['lu', 'u64'],
  ] as const) {
    FLOAT[`fcvt.${integer}.${p}`] = toInteger(p, kind);
    FLOAT[`fcvt.${p}.${integer}`] = fromInteger(p, kind);
  }
}
