import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeModule } from './encoder.ts';
import { compile } from './language.ts';

/** Compiles and instantiates; every function is exported. */
function run(source: string, constants: Record<string, number | bigint> = {}): Record<string, CallableFunction> {
  const { functions } = compile(source, constants, new Map());
  const bytes = encodeModule({
    memoryPages: 1,
    imports: [],
    functions,
    exports: functions.map((body, index) => ({ name: body.name, index })),
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports as Record<
    string,
    CallableFunction
  >;
}

/** Asserts the message of a source that does not compile. */
function wrong(source: string, message: RegExp): void {
  assert.throws(() => compile([{ file: 'walk', text: source }], {}, new Map()), message);
}

void test('control flow: while, else if, short circuit, calls forward', () => {
  const { collatz, sign, both } = run(`
    fn collatz(n:i64):i32 { let k = 0; while (n != 1L) { if ((n & 1L) == 0L) { n = n /u 2L; } else { n = triple(n) + 1L; } k = k + 1; } return k; }
    fn triple(n:i64):i64 { return n * 3L; }
    fn sign(x:i32):i32 { if (x < 0) { return -1; } else if (x == 0) return 0; else { return 1; } }
    fn both(a:i32, b:i32):i32 { return a > 1 && b > 1 || a == b; }`);
  assert.equal(collatz(27n), 111);
  assert.deepEqual([sign(-5), sign(0), sign(9)], [-1, 0, 1]);
  assert.deepEqual([both(2, 2), both(2, 1), both(1, 1)], [1, 0, 1]);
});

void test('integers: signed and unsigned forms of both widths', () => {
  const { shifts, divide, small, bitwise } = run(`
    fn shifts(x:i64):i64 { return (x >> 60L) ^ (x >>> 60L); }
    fn divide(a:i32, b:i32):i64 { return i64(a / b) + u64(a /u b) * 0x100000000L + i64(a % b) - u64(a %u b); }
    fn small(x:i32):i64 { return i64(sx8(x)) + sx16(u64(x)) + i64(-x) + i64(~x); }
    fn bitwise(x:i64):i64 { return clz(x) * 10000L + ctz(x) * 100L + popcnt(x) + rotl(x, 4L) - rotr(x, 60L); }`);
  assert.equal(shifts(-1n), ~15n);
  assert.equal(divide(-7, 2), -3n + 0x7ffffffcn * 0x100000000n - 1n - 1n);
  assert.equal(small(0x1ff), -1n + 511n - 511n - 512n);
  assert.equal(bitwise(8n), 60n * 10000n + 300n + 1n);
});

void test('floats: arithmetic, bits, conversions', () => {
  const { hypotenuse, single, saturate, negate } = run(`
    fn hypotenuse(a:f64, b:f64):f64 { let square: f64 = a * a + b * b; return sqrt(square); }
    fn single(x:f64):i32 { return bits(demote(x) / 2.0f); }
    fn saturate(x:f64):i64 { return toi64u(x) ^ bits(f64u(toi32s(x))); }
    fn negate(x:f64):f64 { return select(x < 0.0, -x, copysign(nearest(x), -1.0)); }`);
  assert.equal(hypotenuse(3, 4), 5);
  assert.equal(single(3), 0x3fc00000);
  assert.equal(saturate(-1e30), BigInt.asIntN(64, 0x41e0000000000000n));
  assert.deepEqual([negate(-2.25), negate(2.5)], [2.25, -2]);
});

void test('memory, atomics and constants', () => {
  const { swap, sum } = run(
    `fn swap(v:i32):i32 { st32(WORD, v); aor32(WORD, 1); return axchg32(WORD, 0) + acas32(WORD, 0, 7) + ald32(WORD); }
     fn sum():i64 { fill(WORD, 0xff, 8); copy(WORD + 8, WORD, 8); st16(WORD, 0x8000); return ld16s64(WORD) + ld64(WORD + 8) + BIG; }`,
    { WORD: 64, BIG: 1n << 40n },
  );
  assert.equal(swap(4), 12);
  assert.equal(sum(), -0x8000n - 1n + (1n << 40n));
});

void test('errors name file and line', () => {
  wrong('fn f(a:i32):i64 {\n  return a;\n}', /^SyntaxError: walk:2: returns i32 from a function of type i64$/);
  wrong('fn f(a:i32):i32 {\n  return a + 1L;\n}', /walk:2: i32 \+ i64/);
  wrong('fn f(a:i32):void {\n\n  b = 1;\n}', /walk:3: no variable b/);
  wrong('fn f(a:i32):void { ld64(1L); }', /walk:1: ld64\(i64\): no such form/);
  wrong('fn f(a:i32):void { if (1L) {} }', /walk:1: a condition is i32, not i64/);
  wrong('fn f(a:i32):void {', /walk:1: the source ends too early/);
  wrong('fn f():void { # }', /walk:1: unexpected '#'/);
});
