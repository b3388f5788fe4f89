// The operators and built-in functions of the helper language (`language.ts` lists them): each is one WebAssembly instruction.

import { PLAIN } from './opcodes.ts';
import type { BlockType, Memory, Plain, ValueType } from './opcodes.ts';

export interface Operator {
  readonly precedence: number;
  readonly isComparison: boolean;
  /** Opcode for operands of each type; undefined: there is none. */
  readonly opcode: Readonly<Record<ValueType, number | undefined>>;
}
/** Precedence, and the suffixes of the instructions for integers and for floats. */
export const OPERATORS = new Map<string, Operator>(
  (
    [
      ['||', 1],
      ['&&', 2],
      ['|', 3, 'or'],
      ['^', 4, 'xor'],
      ['&', 5, 'and'],
      ['==', 6, 'eq', 'eq'],
      ['!=', 6, 'ne', 'ne'],
      ['<', 7, 'lt_s', 'lt'],
      ['>', 7, 'gt_s', 'gt'],
      ['<=', 7, 'le_s', 'le'],
      ['>=', 7, 'ge_s', 'ge'],
      ['<u', 7, 'lt_u'],
      ['>u', 7, 'gt_u'],
      ['<=u', 7, 'le_u'],
      ['>=u', 7, 'ge_u'],
      ['<<', 8, 'shl'],
      ['>>', 8, 'shr_s'],
      ['>>>', 8, 'shr_u'],
      ['+', 9, 'add', 'add'],
      ['-', 9, 'sub', 'sub'],
      ['*', 10, 'mul', 'mul'],
      ['/', 10, 'div_s', 'div'],
      ['%', 10, 'rem_s'],
      ['/u', 10, 'div_u'],
      ['%u', 10, 'rem_u'],
    ] as const
  ).map(([text, precedence, integer, float]) => {
    const opcode = (name: string | undefined): number | undefined => PLAIN[name as Plain];
    return [
      text,
      {
        precedence,
        isComparison: precedence === 6 || precedence === 7,
        opcode: {
          i32: opcode(`i32.${integer}`),
          i64: opcode(`i64.${integer}`),
          f32: opcode(`f32.${float}`),
          f64: opcode(`f64.${float}`),
        },
      },
    ];
  }),
);

/** A form of a built-in function: the instruction that it is. */
export interface Form {
  readonly parameters: readonly ValueType[];
  readonly result: BlockType;
  readonly plain?: Plain;
  readonly memory?: Memory;
}
export const BUILT_INS = new Map<string, Form[]>();
function builtIn(name: string, form: Form): void {
  const forms = BUILT_INS.get(name);
  if (forms) forms.push(form);
  else BUILT_INS.set(name, [form]);
}

const LOADS: Readonly<Record<string, readonly [Memory, ValueType]>> = {
  ld8u: ['i32.load8_u', 'i32'],
  ld16u: ['i32.load16_u', 'i32'],
  ld32: ['i32.load', 'i32'],
  ld8u64: ['i64.load8_u', 'i64'],
  ld8s64: ['i64.load8_s', 'i64'],
  ld16u64: ['i64.load16_u', 'i64'],
  ld16s64: ['i64.load16_s', 'i64'],
  ld32u: ['i64.load32_u', 'i64'],
  ld32s: ['i64.load32_s', 'i64'],
  ld64: ['i64.load', 'i64'],
  ldf32: ['f32.load', 'f32'],
  ldf64: ['f64.load', 'f64'],
  ald32: ['i32.atomic.load', 'i32'],
  ald64: ['i64.atomic.load', 'i64'],
};
for (const [name, [memory, result]] of Object.entries(LOADS)) builtIn(name, { parameters: ['i32'], result, memory });

const STORES: Readonly<Record<string, Partial<Record<ValueType, Memory>>>> = {
  st8: { i32: 'i32.store8', i64: 'i64.store8' },
  st16: { i32: 'i32.store16', i64: 'i64.store16' },
  st32: { i32: 'i32.store', i64: 'i64.store32' },
  st64: { i64: 'i64.store' },
  stf32: { f32: 'f32.store' },
  stf64: { f64: 'f64.store' },
  ast32: { i32: 'i32.atomic.store' },
  ast64: { i64: 'i64.atomic.store' },
};
for (const [name, forms] of Object.entries(STORES)) {
  for (const [type, memory] of Object.entries(forms))
    builtIn(name, { parameters: ['i32', type as ValueType], result: 'void', memory });
}

/** Instructions `<type>.<suffix>` whose operands and result have one type. */
const SAME_TYPE: Readonly<Record<string, readonly [suffix: string, count: number, types: readonly ValueType[]]>> = {
  clz: ['clz', 1, ['i32', 'i64']],
  ctz: ['ctz', 1, ['i32', 'i64']],
  popcnt: ['popcnt', 1, ['i32', 'i64']],
  rotl: ['rotl', 2, ['i32', 'i64']],
  rotr: ['rotr', 2, ['i32', 'i64']],
  sx8: ['extend8_s', 1, ['i32', 'i64']],
  sx16: ['extend16_s', 1, ['i32', 'i64']],
  sx32: ['extend32_s', 1, ['i64']],
  sqrt: ['sqrt', 1, ['f32', 'f64']],
  abs: ['abs', 1, ['f32', 'f64']],
  neg: ['neg', 1, ['f32', 'f64']],
  ceil: ['ceil', 1, ['f32', 'f64']],
  floor: ['floor', 1, ['f32', 'f64']],
  trunc: ['trunc', 1, ['f32', 'f64']],
  nearest: ['nearest', 1, ['f32', 'f64']],
  copysign: ['copysign', 2, ['f32', 'f64']],
  min: ['min', 2, ['f32', 'f64']],
  max: ['max', 2, ['f32', 'f64']],
};
for (const [name, [suffix, count, types]] of Object.entries(SAME_TYPE)) {
  for (const type of types)
    builtIn(name, {
      parameters: Array<ValueType>(count).fill(type),
      result: type,
      plain: `${type}.${suffix}` as Plain,
    });
}

/** One argument, instruction and result by its type. */
const CONVERSIONS: Readonly<Record<string, Partial<Record<ValueType, readonly [Plain, ValueType]>>>> = {
  i64: { i32: ['i64.extend_i32_s', 'i64'] },
  u64: { i32: ['i64.extend_i32_u', 'i64'] },
  i32: { i64: ['i32.wrap_i64', 'i32'] },
  bits: {
    i32: ['f32.reinterpret_i32', 'f32'],
    f32: ['i32.reinterpret_f32', 'i32'],
    i64: ['f64.reinterpret_i64', 'f64'],
    f64: ['i64.reinterpret_f64', 'i64'],
  },
  promote: { f32: ['f64.promote_f32', 'f64'] },
  demote: { f64: ['f32.demote_f64', 'f32'] },
  f64s: { i32: ['f64.convert_i32_s', 'f64'], i64: ['f64.convert_i64_s', 'f64'] },
  f64u: { i32: ['f64.convert_i32_u', 'f64'], i64: ['f64.convert_i64_u', 'f64'] },
  f32s: { i32: ['f32.convert_i32_s', 'f32'], i64: ['f32.convert_i64_s', 'f32'] },
  f32u: { i32: ['f32.convert_i32_u', 'f32'], i64: ['f32.convert_i64_u', 'f32'] },
  toi32s: { f32: ['i32.trunc_sat_f32_s', 'i32'], f64: ['i32.trunc_sat_f64_s', 'i32'] },
  toi32u: { f32: ['i32.trunc_sat_f32_u', 'i32'], f64: ['i32.trunc_sat_f64_u', 'i32'] },
  toi64s: { f32: ['i64.trunc_sat_f32_s', 'i64'], f64: ['i64.trunc_sat_f64_s', 'i64'] },
  toi64u: { f32: ['i64.trunc_sat_f32_u', 'i64'], f64: ['i64.trunc_sat_f64_u', 'i64'] },
};
for (const [name, forms] of Object.entries(CONVERSIONS)) {
  for (const [type, [plain, result]] of Object.entries(forms))
    builtIn(name, { parameters: [type as ValueType], result, plain });
}

const ATOMICS: Readonly<Record<string, readonly [Memory, ValueType, count: number]>> = {
  aadd32: ['i32.atomic.rmw.add', 'i32', 2],
  aor32: ['i32.atomic.rmw.or', 'i32', 2],
  aand32: ['i32.atomic.rmw.and', 'i32', 2],
  axchg32: ['i32.atomic.rmw.xchg', 'i32', 2],
  acas32: ['i32.atomic.rmw.cmpxchg', 'i32', 3],
  acas64: ['i64.atomic.rmw.cmpxchg', 'i64', 3],
};
for (const [name, [memory, result, count]] of Object.entries(ATOMICS))
  builtIn(name, { parameters: ['i32', ...Array<ValueType>(count - 1).fill(result)], result, memory });
builtIn('unreachable', { parameters: [], result: 'void', plain: 'unreachable' });
