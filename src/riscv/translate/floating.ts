// Floating-point instructions by WebAssembly's own arithmetic, wherever that is exact and adds no flag: the conditions are those
// of `softfloat/native.ts`. Else the exact function is called.

import type { Name } from '../instructions.ts';
import type { Precision } from '../semantics/target.ts';
import type { Plain } from '../wasm/opcodes.ts';
import type { RegionTarget } from './target.ts';

const RNE = 0;
const RTZ = 1;
const DYNAMIC = 7;
const LEAST_NORMAL = { s: 2 ** -126, d: 2 ** -1022 } as const;
/** f64x2.splat of three operands, f64x2.relaxed_madd, f64x2.extract_lane 0. */
const SPLAT = [0xfd, 0x14];
const RELAXED_MADD = [0xfd, 0x87, 0x02];
const EXTRACT_LANE_0 = [0xfd, 0x21, 0];

type Type = 'f32' | 'f64';
const typeOf = (precision: Precision): Type => (precision === 's' ? 'f32' : 'f64');

/** False: nothing was emitted; the instruction's semantics must be. */
export function nativeFloat(t: RegionTarget, name: Name): boolean {
  const [operation, ...rest] = name.split('.');
  const { rm } = t.instruction;
  const isNearest = rm === DYNAMIC || rm === RNE;
  if (operation === 'fld') {
    t.loadFloat(undefined);
    return true;
  }
  if (operation === 'flw') {
    const { rd } = t.instruction;
    t.loadFloat(single(t, rd));
    t.singles |= 1 << rd;
    return true;
  }
  const precision = rest.at(-1);
  if (precision !== 's' && precision !== 'd') return false;
  const type = typeOf(precision);
  switch (operation) {
    case 'fadd':
    case 'fsub':
      return isNearest && binary(t, precision, `${type}.${operation === 'fadd' ? 'add' : 'sub'}`, 'finite');
    case 'fmul':
    case 'fdiv':
      return isNearest && binary(t, precision, `${type}.${operation === 'fmul' ? 'mul' : 'div'}`, 'normal');
    case 'fsqrt':
      if (!isNearest) return false;
      t.floatEnabled();
      push(t, t.instruction.rs1, precision);
      t.op(`${type}.sqrt`);
      return result(t, precision, 'number');
    case 'fmadd':
    case 'fmsub':
    case 'fnmsub':
    case 'fnmadd':
      return isNearest && precision === 'd' && t.helpers.fuses && multiplyAdd(t, operation);
    case 'fmin':
    case 'fmax':
      t.floatEnabled();
      push(t, t.instruction.rs1, precision);
      push(t, t.instruction.rs2, precision);
      t.op(`${type}.${operation === 'fmin' ? 'min' : 'max'}`);
      return result(t, precision, 'number', false);
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

/** The local that holds a register's value as f32, while `singles` has its bit. */
const single = (t: RegionTarget, register: number): number => t.scratch(`s${register}`, 'f32');

/** The value of a register; a single that is not boxed is the canonical NaN. */
function push(t: RegionTarget, register: number, precision: Precision): void {
  if (precision === 'd') {
    t.get(t.floatRegister(register));
    return;
  }
  const local = single(t, register);
  if (!(t.singles & (1 << register))) {
    const pattern = t.scratch('single', 'i64');
    t.get(t.floatRegister(register));
    t.op('i64.reinterpret_f64');
    t.tee(pattern);
    t.op('i32.wrap_i64');
    t.i32(0x7fc00000);
    t.get(pattern);
    t.i64(-0x100000000n);
    t.op('i64.ge_u', 'select', 'f32.reinterpret_i32');
    t.set(local);
    t.singles |= 1 << register;
  }
  t.get(local);
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
    t.set(single(t, rd));
    t.singles |= 1 << rd;
  }
}
function constant(t: RegionTarget, type: Type, value: number): void {
  if (type === 'f32') t.f32(value);
  else t.f64(value);
}

type Exact = 'finite' | 'normal' | 'number';

/** Pushes whether the native result in a local is exact. */
function isExact(t: RegionTarget, type: Type, value: number, exact: Exact): void {
  t.get(value);
  if (exact === 'number') {
    t.get(value);
    t.op(`${type}.eq`);
    return;
  }
  t.op(`${type}.abs`);
  constant(t, type, Infinity);
  t.op(`${type}.lt`);
  if (exact === 'finite') return;
  t.get(value);
  t.op(`${type}.abs`);
  constant(t, type, LEAST_NORMAL[type === 'f32' ? 's' : 'd']);
  t.op(`${type}.gt`, 'i32.and');
}

/** What is on the stack becomes fd if it is exact; else the exact function's result does. */
function result(t: RegionTarget, precision: Precision, exact: Exact, rounds = true): true {
  const type = typeOf(precision);
  const value = t.scratch(`result.${type}`, type);
  t.set(value);
  isExact(t, type, value, exact);
  if (rounds) {
    t.native();
    t.op('i32.and');
  }
  return choose(t, () => setFd(t, precision, value), precision);
}
/** With the condition on the stack: `fast` if it holds, else the exact function; both write the result. */
function choose(t: RegionTarget, fast: () => void, precision?: Precision): true {
  const { rd } = t.instruction;
  const { singles } = t;
  t.op('i32.eqz');
  t.unlikelyIf();
  t.floatExactly();
  if (precision === 's') {
    t.get(t.floatRegister(rd));
    t.op('i64.reinterpret_f64', 'i32.wrap_i64', 'f32.reinterpret_i32');
    t.set(single(t, rd));
  }
  t.else();
  t.singles = singles;
  fast();
  if (precision) t.floatWritten(false);
  t.end();
  return true;
}

function binary(t: RegionTarget, precision: Precision, operation: Plain, exact: Exact): true {
  t.floatEnabled();
  push(t, t.instruction.rs1, precision);
  push(t, t.instruction.rs2, precision);
  t.op(operation);
  return result(t, precision, exact);
}

function multiplyAdd(t: RegionTarget, operation: 'fmadd' | 'fmsub' | 'fnmsub' | 'fnmadd'): true {
  const { rs1, rs2, rs3 } = t.instruction;
  t.floatEnabled();
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
  return result(t, 'd', 'normal');
}

function compare(t: RegionTarget, precision: Precision, operation: 'feq' | 'flt' | 'fle'): true {
  const type = typeOf(precision);
  const { rs1, rs2 } = t.instruction;
  const holds = t.scratch('holds', 'i32');
  t.floatEnabled();
  push(t, rs1, precision);
  push(t, rs2, precision);
  t.op(operation === 'feq' ? `${type}.eq` : operation === 'flt' ? `${type}.lt` : `${type}.le`);
  t.tee(holds);
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
  return choose(t, () =>
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

/** `fcvt.TO.FROM`, where `from` is a floating-point format or the other way round. */
function convert(t: RegionTarget, to: string, from: Precision, isNearest: boolean): boolean {
  if (to === 's' || to === 'd') {
    if (to === from) return false;
    t.floatEnabled();
    push(t, t.instruction.rs1, from);
    if (to === 'd') {
      t.op('f64.promote_f32');
      if (t.instruction.rm === DYNAMIC) {
        // a reserved rounding mode is illegal even here
        t.rounding();
        t.op('drop');
      }
      return result(t, 'd', 'number', false);
    }
    if (!isNearest) {
      t.op('drop');
      return false;
    }
    t.op('f32.demote_f64');
    return result(t, 's', 'normal');
  }
  return toInteger(t, to, from, isNearest);
}

const INTEGERS = {
  w: { low: -(2 ** 31), high: 2 ** 31, type: 'i32', suffix: 's' },
  wu: { low: 0, high: 2 ** 32, type: 'i32', suffix: 'u' },
  l: { low: -(2 ** 63), high: 2 ** 63, type: 'i64', suffix: 's' },
  lu: { low: 0, high: 2 ** 64, type: 'i64', suffix: 'u' },
} as const;

function toInteger(t: RegionTarget, to: string, from: Precision, isNearest: boolean): boolean {
  const integer = Object.hasOwn(INTEGERS, to) ? INTEGERS[to as keyof typeof INTEGERS] : undefined;
  const { rm, rs1 } = t.instruction;
  if (!integer || (rm !== RTZ && !isNearest)) return false;
  const type = typeOf(from);
  const whole = t.scratch(`whole.${type}`, type);
  t.floatEnabled();
  push(t, rs1, from);
  t.op(rm === RTZ ? `${type}.trunc` : `${type}.nearest`);
  t.tee(whole);
  constant(t, type, integer.low);
  t.op(`${type}.ge`);
  t.get(whole);
  constant(t, type, integer.high);
  t.op(`${type}.lt`, 'i32.and');
  t.native();
  if (rm === RTZ) {
    // inexact results raise NX, which may be new
    t.get(whole);
    push(t, rs1, from);
    t.op(`${type}.eq`, 'i32.or');
  }
  t.op('i32.and');
  return choose(t, () =>
    t.rd(() => {
      t.get(whole);
      t.op(`${integer.type}.trunc_sat_${type}_${integer.suffix}`);
      if (integer.type === 'i32') t.op('i64.extend_i32_s');
    }),
  );
}
