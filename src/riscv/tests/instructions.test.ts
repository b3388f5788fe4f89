// Instructions: integers at their edges, atomics, floating-point state, code that changes. Sections: Unprivileged ISA 20191213.

import assert from 'node:assert/strict';
import test from 'node:test';
import { decode, nameOf } from '../decode.ts';
import {
  a0, a1, a2, addi, amo, AMOADD, AMOSWAP, Bench, CSR, csrr, csrrs, ebreak, fence_i, i, jal, jalr, ld, LR, lw, nop, r, RAM, SC, sd, sw, t0,
  t1, t2, zero,
} from './assembly.ts'; // prettier-ignore

const CODE = RAM + 0x1000;
const DATA = RAM + 0x20000;
const MIN = -(1n << 63n);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** t2 after `op t2, t0, t1`. */
function binary(opcode: number, funct3: number, funct7: number, x: bigint, y: bigint): bigint {
  const bench = new Bench().program([r(opcode, funct3, funct7, t2, t0, t1), ebreak]);
  bench.x(t0, BigInt.asUintN(64, x));
  bench.x(t1, BigInt.asUintN(64, y));
  bench.run();
  return signed(bench.x(t2));
}

void test('division by zero and overflow (7.2)', () => {
  const divide = (funct3: number, x: bigint, y: bigint, opcode = 0x33): bigint => binary(opcode, funct3, 1, x, y);
  assert.equal(divide(4, 7n, 0n), -1n);
  assert.equal(divide(5, 7n, 0n), -1n);
  assert.equal(divide(6, -7n, 0n), -7n);
  assert.equal(divide(7, 7n, 0n), 7n);
  assert.equal(divide(4, MIN, -1n), MIN);
  assert.equal(divide(6, MIN, -1n), 0n);
  assert.equal(divide(4, -7n, 2n), -3n);
  assert.equal(divide(6, -7n, 2n), -1n);
  assert.equal(divide(4, 0x80000000n, -1n, 0x3b), -0x80000000n);
  assert.equal(divide(5, -1n, 2n, 0x3b), 0x7fffffffn);
  assert.equal(divide(7, 0xfffffff0n, 0n, 0x3b), -16n); // remuw by zero: the dividend, sign-extended
});

void test('high products (7.1)', () => {
  for (const [x, y] of [
    [-1n, -1n],
    [MIN, MIN],
    [MIN, -1n],
    [0x123456789abcdefn, -0xfedcba987654321n],
  ] as const) {
    const ux = BigInt.asUintN(64, x);
    const uy = BigInt.asUintN(64, y);
    assert.equal(binary(0x33, 1, 1, x, y), (x * y) >> 64n);
    assert.equal(binary(0x33, 2, 1, x, y), (x * uy) >> 64n);
    assert.equal(binary(0x33, 3, 1, x, y), signed((ux * uy) >> 64n));
  }
});

void test('Zbb and Zbs bytes and bits', () => {
  const unary = (word: number, x: bigint): bigint => {
    const bench = new Bench().program([word, ebreak]);
    bench.x(t0, BigInt.asUintN(64, x));
    bench.run();
    return bench.x(t2);
  };
  assert.equal(unary(i(0x13, 5, t2, t0, 0x6b8), 0x0102030405060708n), 0x0807060504030201n); // rev8
  assert.equal(unary(i(0x13, 5, t2, t0, 0x287), 0x0100008000ff0000n), 0xff0000ff00ff0000n); // orc.b
  assert.equal(unary(i(0x1b, 1, t2, t0, 0x600), 0n), 32n); // clzw
  assert.equal(unary(i(0x1b, 1, t2, t0, 0x602), -1n), 32n); // cpopw
  assert.equal(unary(i(0x13, 1, t2, t0, 0x28f | 63), 0n), 1n << 63n); // bseti 63
  assert.equal(unary(i(0x1b, 5, t2, t0, 0x601), 1n), 0xffffffff80000000n); // roriw
  assert.equal(binary(0x33, 1, 0x24, -1n, 64n + 3n), ~8n); // bclr takes six bits
  assert.equal(binary(0x33, 4, 0x05, -1n, 1n), -1n); // min
  assert.equal(binary(0x33, 5, 0x05, -1n, 1n), 1n); // minu
});

void test('x0 stays zero; loads to x0 still fault', () => {
  const bench = new Bench().program([
    amo(AMOADD, 3, zero, a0, t0),
    csrr(zero, CSR.misa),
    lw(zero, a0, 0),
    lw(zero, zero, 0),
  ]);
  bench.x(a0, DATA);
  bench.run(4);
  assert.equal(bench.x(zero), 0n);
  assert.equal(bench.csr('mcause'), 5n);
});

void test('SC succeeds once after its LR, for that address and value (8.2)', () => {
  const bench = new Bench();
  bench.x(a0, DATA);
  bench.x(t1, 9);
  const outcome = (words: number[]): bigint => {
    bench.double(DATA, 5n);
    bench.program([...words, ebreak], CODE);
    bench.pc(CODE);
    bench.run();
    return bench.x(t2);
  };
  const lr = amo(LR, 3, t0, a0, zero);
  const sc = amo(SC, 3, t2, a0, t1);
  assert.equal(outcome([sc]), 1n);
  assert.equal(outcome([lr, sc]), 0n);
  assert.equal(bench.doubleAt(DATA), 9n);
  assert.equal(outcome([lr, sc, sc]), 1n);
  assert.equal(outcome([lr, sd(zero, a0, 0), sc]), 1n); // another value in between
  assert.equal(outcome([lr, addi(a0, a0, 8), sc]), 1n);
});

void test('misaligned AMO, LR and SC trap (8.2)', () => {
  const bench = new Bench();
  const cause = (words: number[]): bigint => {
    bench.csr('mcause', 0);
    bench.x(a0, DATA);
    bench.program([...words, ebreak], CODE);
    bench.pc(CODE);
    bench.run();
    return bench.csr('mcause');
  };
  assert.equal(cause([addi(a0, a0, 2), amo(AMOADD, 2, t0, a0, t1)]), 6n);
  assert.equal(bench.csr('mtval'), BigInt(DATA + 2));
  assert.equal(cause([addi(a0, a0, 4), amo(LR, 3, t0, a0, zero)]), 4n);
  assert.equal(cause([addi(a0, a0, 4), amo(AMOADD, 2, t0, a0, t1)]), 0n);
});

void test('floating point: off is illegal, a write makes FS dirty, NaN boxing (11.2, 12.2; privileged 3.1.6.6)', () => {
  const fmv_d_x = r(0x53, 0, 0x79, 1, t0, 0);
  const fadd_s = r(0x53, 7, 0x00, 2, 1, 1);
  const fmv_x_w = r(0x53, 0, 0x70, t2, 2, 0);
  const bench = new Bench().program([fmv_d_x, fadd_s, fmv_x_w, ebreak]);
  bench.run(1);
  assert.equal(bench.csr('mcause'), 2n);
  bench.csr('mstatus', 0x2000);
  bench.x(t0, 0x3f800000); // not boxed
  bench.pc(RAM);
  bench.run();
  assert.equal(bench.csr('mstatus') >> 63n, 1n);
  assert.equal(bench.x(t2), 0x7fc00000n);
  bench.x(t0, 0xffffffff3f800000n);
  bench.pc(RAM);
  bench.run();
  assert.equal(bench.x(t2), 0x40000000n);
  assert.equal(bench.hart.readRegister(33 + 2), 0xffffffff40000000n);
});

void test('a reserved rounding mode is illegal, in the instruction and in frm (11.2)', () => {
  const bench = new Bench();
  bench.csr('mstatus', 0x6000);
  const cause = (rm: number, frm: number): bigint => {
    bench.csr('mcause', 0);
    bench.csr('frm', frm);
    bench.program([r(0x53, rm, 0x01, 1, 2, 3), ebreak]); // fadd.d
    bench.pc(RAM);
    bench.run();
    return bench.csr('mcause');
  };
  assert.equal(cause(5, 0), 2n);
  assert.equal(cause(7, 5), 2n);
  assert.equal(cause(7, 4), 0n);
  assert.equal(cause(0, 7), 0n);
});

void test('flags accrue and make FS dirty; fcsr is fflags and frm (11.2)', () => {
  const fdiv_d = r(0x53, 7, 0x0d, 3, 1, 2);
  const feq_d = r(0x53, 2, 0x51, t0, 4, 4);
  const bench = new Bench().program([fdiv_d, csrr(t1, CSR.fflags), feq_d, csrr(t2, CSR.fcsr), ebreak]);
  bench.csr('mstatus', 0x6000);
  bench.csr('frm', 1);
  bench.hart.writeRegister(33 + 1, 0x3ff0000000000000n);
  bench.hart.writeRegister(33 + 2, 0n);
  bench.hart.writeRegister(33 + 4, 0x7ff0000000000001n); // signalling
  bench.csr('mstatus', 0x2000);
  bench.run();
  assert.equal(bench.hart.readRegister(33 + 3), 0x7ff0000000000000n);
  assert.equal(bench.x(t1), 8n); // DZ
  assert.equal(bench.x(t2), 0x38n); // RTZ, NV and DZ
  assert.equal(bench.csr('mstatus') & 0x6000n, 0x6000n);
});

void test('stores into code are executed, in the running page too (Zifencei)', () => {
  const bench = new Bench();
  const target = CODE + 0x10;
  bench.program([sw(t0, a0, 0), fence_i, nop, nop, addi(t2, zero, 1), ebreak], CODE);
  bench.x(a0, target);
  bench.x(t0, addi(t2, zero, 2));
  bench.pc(CODE);
  bench.run();
  assert.equal(bench.x(t2), 2n);
  bench.x(t0, addi(t2, zero, 3));
  bench.pc(CODE);
  bench.run();
  assert.equal(bench.x(t2), 3n);
});

void test('an atomic instruction that writes code of its own page', () => {
  const bench = new Bench();
  bench.program([amo(AMOSWAP, 2, zero, a0, t0), nop, nop, nop, addi(t2, zero, 1), ebreak], CODE);
  bench.x(a0, CODE + 0x10);
  for (const value of [2, 3]) {
    bench.x(t0, addi(t2, zero, value));
    bench.pc(CODE);
    assert.equal(bench.run().why, 'breakpoint');
    assert.equal(bench.x(t2), BigInt(value));
  }
});

void test('pairs of instructions are forgotten with either half, and with what the second is paired with', () => {
  for (const changed of [0, 1, 2, 3]) {
    const bench = new Bench();
    const chain = RAM + 0x3000;
    bench.program([1, 1, 1, 1].map((step) => addi(t2, t2, step)).concat(jalr(zero, t1, 0)), chain);
    bench.program([jalr(t1, a1, 0), sw(t0, a0, 0), jalr(t1, a1, 0), ebreak], CODE);
    bench.x(a0, chain + changed * 4);
    bench.x(a1, chain);
    bench.x(t0, sd(t2, a2, 0)); // of another format: a stale operation would misread it
    bench.x(a2, DATA);
    bench.pc(CODE);
    assert.equal(bench.run().why, 'breakpoint');
    assert.deepEqual([bench.x(t2), bench.doubleAt(DATA)], [7n, BigInt(4 + changed)]);
  }
});

void test('a store that overwrites the second half of its own pair', () => {
  const bench = new Bench().program([sd(t0, a0, 0), sd(t1, a1, 0), ebreak], CODE);
  bench.x(a0, CODE + 4);
  bench.x(t0, (BigInt(ebreak) << 32n) | BigInt(addi(t2, zero, 5)));
  bench.pc(CODE);
  assert.equal(bench.run().why, 'breakpoint');
  assert.equal(bench.pc(), CODE + 8);
  assert.equal(bench.x(t2), 5n);
});

void test('a page of code that becomes data, and code again', () => {
  const bench = new Bench();
  const page = RAM + 0x4000;
  const jump = jalr(zero, a0, 0);
  for (let value = 1; value <= 3; value++) {
    bench.program([addi(t2, zero, value), ebreak], page);
    bench.program([jump], CODE);
    bench.x(a0, page);
    bench.pc(CODE);
    bench.run();
    assert.equal(bench.x(t2), BigInt(value));
    // 512 stores: more than a page that is code is granted
    bench.program([sd(zero, a0, 0), addi(a0, a0, 8), addi(t0, t0, -1), 0xfe029ae3, ebreak], CODE); // bnez t0, -12
    bench.x(t0, 512);
    bench.pc(CODE);
    bench.run(4000);
    assert.equal(bench.doubleAt(page + 0xff8), 0n);
    bench.program([ld(t1, a0, 0)], CODE);
  }
});

void test('more pages of code than there are decoded pages', () => {
  const bench = new Bench();
  const pages = 600;
  for (let k = 0; k < pages; k++) {
    const at = RAM + 0x100000 + k * 4096;
    bench.program([addi(t2, t2, 1), 0x00001297, jalr(zero, t0, -4)], at); // auipc t0, 1
  }
  bench.program([ebreak], RAM + 0x100000 + pages * 4096);
  for (const times of [1, 2]) {
    bench.pc(RAM + 0x100000);
    bench.run(10_000);
    assert.equal(bench.x(t2), BigInt(pages * times));
  }
});

void test('a jump that itself crosses pages, as far as it can', () => {
  const bench = new Bench();
  const at = RAM + 0x200ffe;
  for (const offset of [-0x100000, -819_222, -2, 4, 0x40000, 0xffffe]) {
    for (const rd of [zero, t1]) {
      bench.half(at, jal(rd, offset) & 0xffff);
      bench.half(at + 2, jal(rd, offset) >>> 16);
      bench.pc(at);
      bench.run(1);
      assert.equal(bench.pc(), at + offset);
    }
  }
});

void test('decoding: reserved encodings are illegal, hints are no-ops', () => {
  const names = (...words: number[]): string[] => words.map((word) => nameOf(decode(word)));
  assert.deepEqual(names(0, 0x4002, 0x2001, 0x8002, 0x6101, 0x9c41), [
    'illegal',
    'illegal',
    'illegal',
    'illegal',
    'illegal',
    'illegal',
  ]);
  assert.deepEqual(names(0x0001, 0x1002, 0x6005, 0x00000013, 0x00000037), ['nop', 'nop', 'nop', 'nop', 'nop']);
  assert.deepEqual(names(0x9002, 0x8082, 0x4501, 0x852e), ['ebreak', 'jr', 'addi', 'add']);
  assert.deepEqual(names(0x0ff0000f, 0x8330000f, 0x0000100f), ['fence', 'fence', 'fence.i']);
  assert.deepEqual(names(0x1005202f, 0x1015202f), ['lr.w', 'illegal']); // LR with rs2
  assert.deepEqual(names(0x02007553, 0xd2507553), ['fadd.d', 'illegal']);
  assert.equal(csrrs(t0, CSR.time, zero), 0xc01022f3);
});

void test('a jump that crosses a page reaches every distance', () => {
  const from = RAM + 0x200000 - 2;
  const bench = new Bench();
  for (let offset = -0x100000; offset < 0x100000; offset += 2048) {
    if (offset === 0) continue;
    const to = from + offset;
    bench.program([ebreak], to);
    const word = jal(zero, offset);
    bench.half(from, word & 0xffff);
    bench.half(from + 2, word >>> 16);
    bench.pc(from);
    assert.equal(bench.run(10).why, 'breakpoint', `${offset}`);
    assert.equal(bench.pc(), to);
  }
});
