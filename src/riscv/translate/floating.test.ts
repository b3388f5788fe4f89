// Native floating point against the interpreter's: every instruction of `floating.ts`, with NX raised before, over pairs of special and
// random values; results and flags must be equal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, addi, bne, csrrs, CSR, ebreak, i, lui, r, RAM, sd, t0, t1, zero } from '../tests/assembly.ts';

const [a1, a2] = [11, 12];
const OUTPUT = RAM + 0x10_0000;
const INPUT = RAM + 0x8000;

const fld = (rd: number, rs1: number, offset: number): number => i(0x07, 3, rd, rs1, offset);
const fsd = (rs2: number, rs1: number, offset: number): number =>
  (0x27 | ((offset & 31) << 7) | (3 << 12) | (rs1 << 15) | (rs2 << 20) | ((offset >> 5) << 25)) >>> 0;
const csrrwi = (csr: number, value: number): number => i(0x73, 5, zero, value, csr);
const fused = (opcode: number, format: number): number =>
  (opcode | (4 << 7) | (7 << 12) | (1 << 15) | (2 << 20) | (format << 25) | (3 << 27)) >>> 0;

/** With operands f1, f2, f3; float results in f4, integer ones in t1. By format: 0 single, 1 double. */
function instructions(format: 0 | 1): { word: number; isInteger: boolean }[] {
  const float = (funct5: number, rm: number, rs2: number, rd = 4, rs1 = 1): number =>
    r(0x53, rm, (funct5 << 2) | format, rd, rs1, rs2);
  const floats = [0, 1, 2, 3].map((funct5) => float(funct5, 7, 2));
  floats.push(float(0x0b, 7, 0)); // fsqrt
  floats.push(...[0, 1, 2].map((rm) => float(0x04, rm, 2)), float(0x04, 1, 1), float(0x04, 2, 1)); // sign injection
  floats.push(float(0x05, 0, 2), float(0x05, 1, 2)); // fmin, fmax
  floats.push(float(0x08, 7, format === 0 ? 1 : 0)); // to this format
  floats.push(...[0x43, 0x47, 0x4b, 0x4f].map((opcode) => fused(opcode, format)));
  floats.push(...[0, 1, 2, 3].map((kind) => float(0x1a, 7, kind, 4, t0))); // from integers
  const integers = [0, 1, 2].map((rm) => float(0x14, rm, 2, t1)); // comparisons
  for (const rm of [0, 1, 7]) integers.push(...[0, 1, 2, 3].map((kind) => float(0x18, rm, kind, t1))); // to integers
  return [
    ...floats.map((word) => ({ word, isInteger: false })),
    ...integers.map((word) => ({ word, isInteger: true })),
  ];
}

const DOUBLES = [
  0,
  1,
  1.5,
  Math.PI,
  1e300,
  1e-300,
  2 ** -1022,
  2 ** -1074,
  Number.MAX_VALUE,
  Infinity,
  2 ** 31,
  2 ** 63,
  0.1,
  3e9,
];
const SINGLES = [0, 1, 1.1, 3e38, 2 ** -126, 2 ** -149, Infinity, 2 ** 31, 16777217, 0.3];

function patterns(): bigint[] {
  const view = new DataView(new ArrayBuffer(8));
  const values: bigint[] = [];
  for (const value of DOUBLES)
    for (const sign of [1, -1]) {
      view.setFloat64(0, sign * value);
      values.push(view.getBigUint64(0));
    }
  for (const value of SINGLES)
    for (const sign of [1, -1]) {
      view.setFloat32(0, sign * value);
      values.push(0xffffffff00000000n | BigInt(view.getUint32(0)));
    }
  // NaNs: quiet, signalling; boxed and not
  values.push(0x7ff8000000000000n, 0x7ff0000000000001n, 0xffffffff7fc00000n, 0xffffffff7f800001n, 0x000000003f800000n);
  return values;
}

for (const format of [0, 1] as const)
  void test(`native ${format === 0 ? 'single' : 'double'} arithmetic`, () => {
    const values = patterns();
    const operations = instructions(format);
    const body = [fld(1, a1, 0), fld(2, a1, 8), fld(3, a1, 16), 0];
    for (const { word, isInteger } of operations)
      body.push(
        csrrwi(CSR.fflags, 1),
        word,
        isInteger ? sd(t1, a2, 0) : fsd(4, a2, 0),
        csrrs(t1, CSR.fflags, zero),
        sd(t1, a2, 8),
        addi(a2, a2, 16),
      );
    body[3] = addi(a1, a1, 8);
    const step = body.length + 1;
    const program = [
      lui(t1, 6),
      csrrs(zero, CSR.mstatus, t1),
      ...body,
      addi(t0, t0, -1),
      bne(t0, zero, -4 * step),
      ebreak,
    ];
    const count = 1500;
    const outputs = [0, 1].map((threshold) => {
      const bench = new Bench({ threshold });
      bench.program(program);
      bench.x(a1, INPUT);
      bench.x(a2, OUTPUT);
      bench.x(t0, count);
      let seed = 1;
      for (let k = 0; k < count + 2; k++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        bench.double(INPUT + k * 8, values[(seed >>> 8) % values.length]);
      }
      assert.equal(bench.run(10_000_000).why, 'breakpoint');
      if (threshold) assert.ok((bench.hart.translated?.begun ?? 0) > 100_000, 'translated');
      return new BigUint64Array(
        bench.machine.ram.slice(OUTPUT - RAM, OUTPUT - RAM + count * operations.length * 16).buffer,
      );
    });
    const different = outputs[0].findIndex((value, k) => value !== outputs[1][k]);
    if (different < 0) return;
    const at = Math.floor((different % (operations.length * 2)) / 2);
    assert.fail(
      `${operations[at].word.toString(16)}: ${outputs[1][different].toString(16)}, not ${outputs[0][different].toString(16)}`,
    );
  });
