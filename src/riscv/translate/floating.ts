// Floating-point instructions by WebAssembly's own arithmetic, wherever that is exact and adds no flag: the conditions are those
// of `softfloat/native.ts`. Else the exact function is called.

import type { Name } from '../instructions.ts';
import type { Precision } from '../semantics/target.ts';
import type { Label } from '../wasm/encoder.ts';
import type { Plain } from '../wasm/opcodes.ts';
import type { RegionTarget } from './target.ts';

const RNE = 0;
const RTZ = 1;
const DYNAMIC = 7;
/** f64x2.splat of three operands, f64x2.relaxed_madd, f64x2.extract_lane 0. */
const SPLAT = [0xfd, 0x14];
const RELAXED_MADD = [0xfd, 0x87, 0x02];
const EXTRACT_LANE_0 = [0xfd, 0x21, 0];
/** Of a binary64 sum: what of it binary32 has no room for, and what that is halfway between two of its numbers. */
const BEYOND_SINGLE = 0x1fffffff;
const HALFWAY = 0x10000000;

type Type = 'f32' | 'f64';
const typeOf = (precision: Precision): Type => (precision === 's' ? 'f32' : 'f64');

/** False: nothing was emitted; the instruction's semantics must be. */
export function nativeFloat(t: RegionTarget, name: Name): boolean {
  const [operation, ...rest] = name.split('.');
  const { rm, rd, rs1, rs2 } = t.instruction;
  const isNearest = rm === DYNAMIC || rm === RNE;
  switch (operation) {
    case 'fld':
      t.loadFloat(undefined);
      return true;
    case 'flw':
      t.loadFloat(t.single(rd));
      t.singles |= 1 << rd;
      return true;
    case 'fsd':
      t.storeFloat('f64', rs2);
      return true;
    case 'fsw':
      t.storeFloat('f32', rs2);
      return true;
  }
  const precision = rest.at(-1);
  if (operation === 'fcvt' && (rest[0] === 's' || rest[0] === 'd') && precision !== 's' && precision !== 'd')
    return isNearest && fromInteger(t, rest[0], rest[1]);
  if (precision !== 's' && precision !== 'd') return false;
  const type = typeOf(precision);
  switch (operation) {
    case 'fadd':
    case 'fsub':
      return isNearest && binary(t, precision, `${type}.${operation === 'fadd' ? 'add' : 'sub'}`);
    case 'fmul':
      return isNearest && binary(t, precision, `${type}.mul`, [rs1, rs2]);
    case 'fdiv':
      return isNearest && binary(t, precision, `${type}.div`, [rs1]);
    case 'fsqrt':
      if (!isNearest) return false;
      push(t, t.instruction.rs1, precision);
      t.op(`${type}.sqrt`);
      return rounded(t, precision, {});
    case 'fmadd':
    case 'fmsub':
    case 'fnmsub':
    case 'fnmadd':
      if (!isNearest) return false;
      return precision === 's' ? multiplyAddSingle(t, operation) : t.helpers.fuses && multiplyAdd(t, operation);
    case 'fmin':
    case 'fmax':
      t.floatEnabled();
      push(t, t.instruction.rs1, precision);
      push(t, t.instruction.rs2, precision);
      t.op(`${type}.${operation === 'fmin' ? 'min' : 'max'}`);
      return numeric(t, precision);
    case 'feq':
    case 'flt':
    case 'fle':
      return compare(t, precision, operation);
    case 'fsgnj':
    case 'fsgnjn':
    case 'fsgnjx':
      return sign(t, precision, operation);
    case 'fcvt':
      return rest.length === 2 && convert(t, rest[0], precision, isNearest);
    default:
      return false;
  }
}

/** The value of a register; a single that is not boxed is the canonical NaN. */
function push(t: RegionTarget, register: number, precision: Precision): void {
  if (precision === 'd') {
    t.get(t.floatRegister(register));
    return;
  }
  t.unbox(register);
  t.get(t.single(register));
}
/** The value in a local becomes fd. */
function setFd(t: RegionTarget, precision: Precision, value: number): void {
  const { rd } = t.instruction;
  if (precision === 'd') {
    t.get(value);
    t.setFloat();
  } else {
    t.box(value);
    t.setFloat();
    t.get(value);
    t.set(t.single(rd));
    t.singles |= 1 << rd;
  }
}
function constant(t: RegionTarget, type: Type, value: number): void {
  if (type === 'f32') t.f32(value);
  else t.f64(value);
}

/**
 * `fast`, unless `check` goes to its label: then the exact function. Both write the result, of `precision` if it is a float.
 */
function choose(t: RegionTarget, check: (slow: Label) => void, fast: () => void, precision?: Precision): true {
  const { rd } = t.instruction;
  const done = t.block();
  const slow = t.block();
  check(slow);
  const { singles, dirty, floatDirty } = t;
  fast();
  t.br(done);
  t.end();
  const after = t.singles;
  t.singles = singles;
  t.dirty = dirty;
  t.floatDirty = floatDirty;
  t.floatExactly();
  if (precision === 's') {
    t.get(t.floatRegister(rd));
    t.firstSingle();
    t.set(t.single(rd));
  }
  t.singles = after;
  t.end();
  return true;
}
/** To the label, which is rare, if what is on the stack is zero. */
function unless(t: RegionTarget, label: Label): void {
  t.op('i32.eqz');
  t.unlikelyBranch(label);
}
interface Exactness {
  /** The result is normal, or else one of these registers, of precision `of`, is zero, which makes what was multiplied or divided zero. */
  readonly zeros?: readonly number[];
  readonly of?: Precision;
  /** Pushes another condition. */
  readonly also?: () => void;
}
/**
 * The rounded result on the stack becomes fd if it is exact, else the exact function's does. Where results are not below the limit
 * FS may be off, or clean.
 */
function rounded(t: RegionTarget, precision: Precision, { zeros, of = precision, also }: Exactness): true {
  const type = typeOf(precision);
  const value = t.scratch(`result.${type}`, type);
  t.set(value);
  const check = (slow: Label): void => {
    t.get(value);
    t.op(`${type}.abs`);
    t.get(t.limit(type));
    t.op(`${type}.lt`);
    unless(t, slow);
    if (also) {
      also();
      unless(t, slow);
    }
    if (!zeros) return;
    t.get(value);
    t.op(`${type}.abs`);
    t.get(t.least(type));
    t.op(`${type}.gt`, 'i32.eqz');
    t.unlikelyIf();
    for (const [k, register] of zeros.entries()) {
      push(t, register, of);
      constant(t, typeOf(of), 0);
      t.op(`${typeOf(of)}.eq`);
      if (k > 0) t.op('i32.or');
    }
    unless(t, slow);
    t.end();
  };
  choose(t, check, () => setFd(t, precision, value), precision);
  t.floatIsDirty();
  return true;
}
/** The result on the stack, which was not rounded, becomes fd if it is a number. */
function numeric(t: RegionTarget, precision: Precision, also?: () => void): true {
  const type = typeOf(precision);
  const value = t.scratch(`result.${type}`, type);
  t.set(value);
  const check = (slow: Label): void => {
    t.get(value);
    t.get(value);
    t.op(`${type}.eq`);
    unless(t, slow);
    if (!also) return;
    also();
    unless(t, slow);
  };
  choose(t, check, () => setFd(t, precision, value), precision);
  t.floatWritten();
  return true;
}

function binary(t: RegionTarget, precision: Precision, operation: Plain, zeros?: readonly number[]): true {
  push(t, t.instruction.rs1, precision);
  push(t, t.instruction.rs2, precision);
  t.op(operation);
  return rounded(t, precision, zeros ? { zeros } : {});
}

type MultiplyAdd = 'fmadd' | 'fmsub' | 'fnmsub' | 'fnmadd';
function multiplyAdd(t: RegionTarget, operation: MultiplyAdd): true {
  const { rs1, rs2, rs3 } = t.instruction;
  push(t, rs1, 'd');
  if (operation.startsWith('fn')) t.op('f64.neg');
  t.code.append(SPLAT);
  push(t, rs2, 'd');
  t.code.append(SPLAT);
  push(t, rs3, 'd');
  if (operation === 'fmsub' || operation === 'fnmadd') t.op('f64.neg');
  t.code.append(SPLAT);
  t.code.append(RELAXED_MADD);
  t.code.append(EXTRACT_LANE_0);
  return rounded(t, 'd', { zeros: [rs1, rs2] });
}
/** In binary64, where the product is exact: rounding the sum twice is rounding it once, unless it is halfway between singles. */
function multiplyAddSingle(t: RegionTarget, operation: MultiplyAdd): true {
  const { rs1, rs2, rs3 } = t.instruction;
  const sum = t.scratch('result.f64', 'f64');
  push(t, rs1, 's');
  if (operation.startsWith('fn')) t.op('f32.neg');
  t.op('f64.promote_f32');
  push(t, rs2, 's');
  t.op('f64.promote_f32', 'f64.mul');
  push(t, rs3, 's');
  if (operation === 'fmsub' || operation === 'fnmadd') t.op('f32.neg');
  t.op('f64.promote_f32', 'f64.add');
  t.tee(sum);
  t.op('f32.demote_f64');
  const isNotHalfway = (): void => {
    t.get(sum);
    t.op('i64.reinterpret_f64', 'i32.wrap_i64');
    t.i32(BEYOND_SINGLE);
    t.op('i32.and');
    t.i32(HALFWAY);
    t.op('i32.ne');
  };
  return rounded(t, 's', { zeros: [rs1, rs2], also: isNotHalfway });
}

function compare(t: RegionTarget, precision: Precision, operation: 'feq' | 'flt' | 'fle'): true {
  const type = typeOf(precision);
  const { rs1, rs2 } = t.instruction;
  const holds = t.scratch('holds', 'i32');
  t.floatEnabled();
  push(t, rs1, precision);
  push(t, rs2, precision);
  t.op(operation === 'feq' ? `${type}.eq` : operation === 'flt' ? `${type}.lt` : `${type}.le`);
  t.set(holds);
  const check = (slow: Label): void => {
    t.get(holds);
    push(t, rs1, precision);
    push(t, rs2, precision);
    if (operation === 'feq') {
      // both are numbers
      t.op(`${type}.lt`);
      push(t, rs1, precision);
      push(t, rs2, precision);
      t.op(`${type}.gt`, 'i32.or');
    } else t.op(operation === 'flt' ? `${type}.ge` : `${type}.gt`);
    t.op('i32.or');
    unless(t, slow);
  };
  return choose(t, check, () =>
    t.rd(() => {
      t.get(holds);
      t.op('i64.extend_i32_u');
    }),
  );
}

function sign(t: RegionTarget, precision: Precision, operation: 'fsgnj' | 'fsgnjn' | 'fsgnjx'): boolean {
  const { rs1, rs2 } = t.instruction;
  if (operation === 'fsgnjx' && rs1 !== rs2) return false;
  const type = typeOf(precision);
  const value = t.scratch(`result.${type}`, type);
  t.floatEnabled();
  push(t, rs1, precision);
  if (operation === 'fsgnjx') t.op(`${type}.abs`);
  else if (rs1 === rs2) {
    if (operation === 'fsgnjn') t.op(`${type}.neg`);
  } else {
    push(t, rs2, precision);
    if (operation === 'fsgnjn') t.op(`${type}.neg`);
    t.op(`${type}.copysign`);
  }
  t.set(value);
  setFd(t, precision, value);
  t.floatWritten();
  return true;
}

/** `fcvt.TO.FROM`, where `from` is a floating-point format. */
function convert(t: RegionTarget, to: string, from: Precision, isNearest: boolean): boolean {
  const { rm, rs1 } = t.instruction;
  if (to === 'd') {
    if (from === 'd') return false;
    t.floatEnabled();
    push(t, rs1, from);
    t.op('f64.promote_f32');
    // a reserved rounding mode is illegal even here
    return numeric(t, 'd', rm === DYNAMIC ? () => isNative(t, 'f64') : undefined);
  }
  if (to === 's') {
    if (from === 's' || !isNearest) return false;
    push(t, rs1, from);
    t.op('f32.demote_f64');
    return rounded(t, 's', { zeros: [rs1], of: 'd' });
  }
  return toInteger(t, to, from, isNearest);
}
/** Pushes whether rounding is to nearest and NX is raised. */
function isNative(t: RegionTarget, type: Type): void {
  constant(t, type, 0);
  t.get(t.limit(type));
  t.op(`${type}.lt`);
}

const INTEGERS = {
  w: { low: -(2 ** 31), high: 2 ** 31, type: 'i32', suffix: 's' },
  wu: { low: 0, high: 2 ** 32, type: 'i32', suffix: 'u' },
  l: { low: -(2 ** 63), high: 2 ** 63, type: 'i64', suffix: 's' },
  lu: { low: 0, high: 2 ** 64, type: 'i64', suffix: 'u' },
} as const;
const integerOf = (name: string): (typeof INTEGERS)[keyof typeof INTEGERS] | undefined =>
  Object.hasOwn(INTEGERS, name) ? INTEGERS[name as keyof typeof INTEGERS] : undefined;

function fromInteger(t: RegionTarget, to: Precision, name: string): boolean {
  const integer = integerOf(name);
  if (!integer) return false;
  const type = typeOf(to);
  const value = t.scratch(`result.${type}`, type);
  if (integer.type === 'i32') t.rs1Low();
  else t.rs1();
  t.op(`${type}.convert_${integer.type}_${integer.suffix}`);
  if (type === 'f32' || integer.type === 'i64' || t.instruction.rm === DYNAMIC) return rounded(t, to, {});
  t.set(value);
  t.floatEnabled();
  setFd(t, to, value);
  t.floatWritten();
  return true;
}

function toInteger(t: RegionTarget, to: string, from: Precision, isNearest: boolean): boolean {
  const integer = integerOf(to);
  const { rm, rs1 } = t.instruction;
  if (!integer || (rm !== RTZ && !isNearest)) return false;
  const type = typeOf(from);
  const whole = t.scratch(`whole.${type}`, type);
  t.floatEnabled();
  push(t, rs1, from);
  t.op(rm === RTZ ? `${type}.trunc` : `${type}.nearest`);
  t.set(whole);
  const check = (slow: Label): void => {
    t.get(whole);
    constant(t, type, integer.low);
    t.op(`${type}.ge`);
    unless(t, slow);
    t.get(whole);
    constant(t, type, integer.high);
    t.op(`${type}.lt`);
    unless(t, slow);
    isNative(t, type);
    if (rm === RTZ) {
      // inexact results raise NX, which may be new
      t.get(whole);
      push(t, rs1, from);
      t.op(`${type}.eq`, 'i32.or');
    }
    unless(t, slow);
  };
  return choose(t, check, () =>
    t.rd(() => {
      t.get(whole);
      t.op(`${integer.type}.trunc_sat_${type}_${integer.suffix}`);
      if (integer.type === 'i32') t.op('i64.extend_i32_s');
    }),
  );
}
