import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeModule } from '../wasm/encoder.ts';
import { compile } from '../wasm/language.ts';
import { type Case, cornerOperands, expectations, Random } from './cases.ts';
import { NX } from './format.ts';
import { hostFuses, multiplyAddBody, multiplyAddSignature } from './fused.ts';
import { reference } from './reference.ts';
import { accruedFlags, nativeFloat, softFloat } from './source.ts';

interface Instance {
  readonly functions: Readonly<Record<string, (...operands: (bigint | number)[]) => bigint>>;
  /** Word 0 is fflags. */
  readonly memory: Int32Array;
}

const source = accruedFlags + softFloat + nativeFloat(hostFuses());

function instantiate(text: string): Instance {
  const bodies = text.includes('f64_madd(') ? [multiplyAddBody] : [];
  const externals = new Map(bodies.map((body, index) => [body.name, multiplyAddSignature(index)]));
  const functions = [...bodies, ...compile([{ file: 'softfloat', text }], { FFLAGS: 0 }, externals).functions];
  const bytes = encodeModule({
    memoryPages: 1,
    imports: [],
    functions,
    exports: functions.map(({ name }, index) => ({ name, index })),
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return { functions: exports as Instance['functions'], memory: new Int32Array(memory.buffer) };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** What a function makes of a case, with what fflags held before; `undefined` if it is what the reference says. */
function difference({ functions, memory }: Instance, name: string, case_: Case, before: number): string | undefined {
  const { operands, rm, expected } = case_;
  memory[0] = before;
  const function_ = functions[name];
  const bits = BigInt.asUintN(64, reference[case_.name].rounds ? function_(...operands, rm) : function_(...operands));
  if (bits === expected.bits && memory[0] === (before | expected.flags)) return undefined;
  return (
    `${name}(${operands.map(hex).join(', ')}), rounding mode ${rm}, fflags ${before}: ` +
    `${hex(bits)}, fflags ${memory[0]}; expected ${hex(expected.bits)}, fflags ${before | expected.flags}`
  );
}

/** The first difference in an operation's corner cases and random ones, in its exact and its fast form; and how many cases. */
function check(instance: Instance, name: string, seed: number): { cases: number; found: string | undefined } {
  const random = new Random(seed);
  const { domain, operands } = reference[name];
  const fast = `${name}_fast` in instance.functions ? `${name}_fast` : undefined;
  let cases = 0;
  const tuples = function* () {
    yield* cornerOperands(name);
    for (let k = 0; k < 3000; k++) yield random.operands(domain, operands);
  };
  for (const tuple of tuples())
    for (const case_ of expectations(name, tuple)) {
      cases += 1;
      const found =
        difference(instance, name, case_, 0) ??
        (fast && (difference(instance, fast, case_, 0) ?? difference(instance, fast, case_, NX)));
      if (found !== undefined) return { cases, found };
    }
  return { cases, found: undefined };
}

const SEED = 1;

void test('results and flags are those of exact arithmetic rounded once', () => {
  const instance = instantiate(source);
  let total = 0;
  for (const name of Object.keys(reference)) {
    const { cases, found } = check(instance, name, SEED);
    assert.equal(found, undefined);
    total += cases;
  }
  assert.ok(total > 1_000_000, `${total} cases`);
});

void test('a fast form exists for all that rounds, and for comparisons', () => {
  const { functions } = instantiate(source);
  const without = Object.keys(reference).filter((name) => !(`${name}_fast` in functions));
  const few = ['classify', 'sgnj', 'sgnjn', 'sgnjx'];
  assert.deepEqual(without, [...few.map((name) => `f32_${name}`), ...few.map((name) => `f64_${name}`)]);
});

void test("binary64 does without the host's fused multiply-add", () => {
  const instance = instantiate(accruedFlags + softFloat + nativeFloat(false));
  assert.equal(check(instance, 'f64_fnmsub', SEED).found, undefined);
});

void test('bits above fflags are left alone', () => {
  const { functions, memory } = instantiate(source);
  memory[0] = 0x60; // frm is RUP
  functions.f64_div(1n << 62n, 0n, 0);
  assert.equal(memory[0], 0x68);
});

/** One wrong place each: the operation that shows it, what stands in the text, and what stands there instead. */
const mutations: readonly (readonly [name: string, from: string, to: string])[] = [
  // rounding
  ['f64_add', 'if (rest == 0x200L && rm == 0) m = m & ~1L;', ''],
  ['f32_mul', '&& rm == 0) m = m & ~1L;', ') m = m & ~1L;'],
  ['f64_mul', 'let tiny = e < 0 || m + add >= 0L;', 'let tiny = 1;'],
  ['f32_div', 'let tiny = e < 0 || m + add >= 0L;', 'let tiny = e < 0;'],
  ['f64_to_f32', ' - u64(add == 0L)', ''],
  ['f64_fmadd', 'if (e >= 2047 || m + add < 0L)', 'if (e >= 2047)'],
  ['f64_sub', 'if (rm == 3 - sign) add', 'if (rm == 2 + sign) add'],
  ['f32_fmadd', ' | u64((m & (1L << i64(n)) - 1L) != 0L)', ''],
  // arithmetic
  ['f32_add', 'if (rm == 2) return 0x80000000L;', 'if (rm == 3) return 0x80000000L;'],
  ['f64_add', 'if (differ && eb == 2047) return f64_invalid();', ''],
  ['f64_mul', ' | u64((ma << 10L) * (mb << 11L) != 0L)', ''],
  ['f64_mul', 'al * bh + (al * bl >>> 32L)', 'al * bh'],
  ['f64_div', 'if (remainder < 0L) { q = q - 1L; remainder = remainder + mb; }', ''],
  ['f32_div', 'fl(8);', 'fl(16);'],
  ['f64_sqrt', 'if (remainder > q) m = m | 0x200L;', ''],
  ['f32_sqrt', 'if ((ea & 1) != 0) ma = ma << 1L;', ''],
  // fused multiply-add
  ['f64_fmadd', 'x = x + z + u64(y <u w);', 'x = x + z;'],
  ['f64_fmsub', 'w = shift_right_jam(z, n - 64);', 'w = 0L;'],
  ['f64_fmadd', ' | shift_right_jam(w, n);', ' | w >>> i64(n);'],
  ['f64_fnmadd', 'if (differ) sign = sign ^ 1;', ''],
  ['f32_fnmsub', 'if (p < 0L) { p = 0L - p; sign = sign ^ 1; }', 'if (p < 0L) p = 0L - p;'],
  ['f32_fmadd', 'if (f32_is_signalling(c)) return f32_invalid();', ''],
  ['f64_fmadd', 'if (ea == 2047 && ((b & 0x7fffffffffffffffL) == 0L)', 'if (ea == 2048'],
  // conversions
  ['f64_to_i32', '(rest << 1L | whole & 1L) != 0L', '(whole & 1L) != 0L'],
  ['f32_to_u64', 'if (e > 11 || whole >u limit)', 'if (whole >u limit)'],
  ['f64_to_u32', 'else if (rest != 0L) fl(1);', 'if (rest != 0L) fl(1);'],
  ['f64_to_u32', 'return i64(i32(round_to_integer(', 'return ((round_to_integer('],
  ['f64_to_i64', '>u 0x7ff0000000000000L)) sign = 0;', '>u 0x7ff0000000000000L)) sign = sign;'],
  ['f32_from_u64', 'm >>> 1L | m & 1L', 'm >>> 1L'],
  ['f64_to_f32', 'if (f64_is_signalling(a)) fl(16);', ''],
  // comparison
  ['f64_min', '(a ^ (a >> 63L >>> 1L)) < (b ^', 'a < (b ^'],
  ['f64_feq', 'f64_nan(a, b); return 0L;', 'return 0L;'],
  ['f32_flt', '{ fl(16); return 0L; }', '{ f32_nan(a, b); return 0L; }'],
  ['f64_classify', 'if (m >=u 0x10000000000000L) n = 2L;', 'if (m >u 0x10000000000000L) n = 2L;'],
  // fast forms
  ['f64_add', '(ld32(FFLAGS) & 1) > rm', '1 > rm'],
  ['f32_add', '(ld32(FFLAGS) & 1) > rm', '(ld32(FFLAGS) & 1) != 0'],
  ['f32_sub', '<u 0x7f800000L) return r', '<=u 0x7f800000L) return r'],
  ['f64_mul', ' - 0x10000000000000L - 1L <u', ' - 0x10000000000000L <u'],
  ['f32_fmadd', '(i32(bits(s)) & 0x1fffffff) != 0x10000000 && ', ''],
  ['f64_to_u64', 'if (whole != x) fl(1);', ''],
  ['f64_feq', 'if (x == x && y == y) return 0L;', 'return 0L;'],
];

void test('each seeded mutation is caught', () => {
  for (const [name, from, to] of mutations) {
    assert.ok(source.includes(from), `the text does not hold: ${from}`);
    const { found } = check(instantiate(source.replaceAll(from, to)), name, SEED);
    assert.notEqual(found, undefined, `${name} does not show: ${from} -> ${to}`);
  }
});
