// Programs that the translator runs as the interpreter does, whatever the budget: same registers, same counts, after each run().

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hart } from '../hart.ts';
import {
  a0,
  a1,
  add,
  addi,
  Bench,
  bne,
  csrrs,
  csrrw,
  CSR,
  ebreak,
  fence_i,
  i,
  jal,
  jalr,
  ld,
  lui,
  lw,
  mret,
  nop,
  r,
  ra,
  RAM,
  s0,
  s1,
  sd,
  slli,
  sp,
  sw,
  t0,
  t1,
  t2,
  zero,
} from '../tests/assembly.ts';

const xor = (rd: number, rs1: number, rs2: number): number => r(0x33, 4, 0x00, rd, rs1, rs2);
const fld = (rd: number, rs1: number, offset: number): number => i(0x07, 3, rd, rs1, offset);
const fdiv_d = (rd: number, rs1: number, rs2: number): number => r(0x53, 7, 0x0d, rd, rs1, rs2);
const fadd_d = (rd: number, rs1: number, rs2: number): number => r(0x53, 7, 0x01, rd, rs1, rs2);

interface State {
  readonly why: string;
  readonly pc: bigint;
  readonly registers: readonly bigint[];
  readonly instret: number;
  readonly csrs: readonly bigint[];
}
function stateOf(bench: Bench, why: string): State {
  const names = ['mstatus', 'mepc', 'mcause', 'mtval', 'fcsr'] as const;
  const isFloatOn = (bench.csr('mstatus') & 0x6000n) !== 0n;
  return {
    why,
    pc: bench.x(32),
    registers: Array.from({ length: 65 }, (_, k) => bench.x(k)),
    instret: bench.hart.instret,
    csrs: names.filter((name) => name !== 'fcsr' || isFloatOn).map((name) => bench.csr(name)),
  };
}

/** Runs a program in steps of each budget, interpreted and translated, until a breakpoint; returns the translating machine. */
function compare(words: readonly number[], prepare: (bench: Bench) => void = () => {}, at = RAM): Bench {
  let last: Bench | undefined;
  for (const budget of [1, 2, 3, 7, 50, 100_000]) {
    const benches = [0, 1].map((threshold) => new Bench({ threshold }));
    for (const bench of benches) {
      bench.program(words, at);
      bench.pc(at);
      prepare(bench);
    }
    for (let step = 0; ; step++) {
      const [expected, got] = benches.map((bench) => stateOf(bench, bench.run(budget).why));
      assert.deepEqual(got, expected, `budget ${budget}, step ${step}`);
      if (expected.why === 'breakpoint') break;
      assert.ok(step < 5000, 'the program does not end');
    }
    last = benches[1];
  }
  assert.ok((last?.hart.translated?.begun ?? 0) > 0, 'something was translated');
  return last!;
}

void test('a loop with a call', () => {
  const bench = compare([
    addi(t0, zero, 50),
    jal(ra, 16),
    addi(t0, t0, -1),
    bne(t0, zero, -8),
    ebreak,
    add(s0, s0, t0),
    jalr(zero, ra, 0),
  ]);
  assert.equal(bench.x(s0), 1275n);
});

void test('a call that comes back to code outside its region', () => {
  // as many instructions before the call, and behind it, as a region holds
  const bench = compare(
    [
      ...Array<number>(398).fill(nop),
      addi(a0, zero, 5),
      jal(ra, 1628),
      add(s0, s0, a0),
      addi(t0, t0, -1),
      ...Array<number>(402).fill(nop),
      bne(t0, zero, -3216),
      ebreak,
      addi(a0, a0, 2),
      addi(sp, sp, 16),
      jalr(zero, ra, 0),
    ],
    (bench_) => bench_.x(t0, 6),
  );
  assert.equal(bench.x(s0), 42n);
  assert.equal(bench.x(sp), 96n);
});

void test('recursion deeper than regions call each other', () => {
  compare(
    [
      addi(a0, zero, 300),
      jal(ra, 8),
      ebreak,
      // f(n) = n == 0 ? 0 : n + f(n - 1)
      bne(a0, zero, 8),
      jalr(zero, ra, 0),
      addi(s1, s1, -16),
      sd(ra, s1, 0),
      sd(a0, s1, 8),
      addi(a0, a0, -1),
      jal(ra, -24),
      ld(t0, s1, 8),
      ld(ra, s1, 0),
      addi(s1, s1, 16),
      add(a0, a0, t0),
      jalr(zero, ra, 0),
    ],
    (bench) => bench.x(s1, RAM + 0x10_0000),
  );
});

void test('a trap in the middle of a region', () => {
  const bench = compare([addi(t0, t0, 8), add(s0, s0, t0), lw(t1, t0, 0), add(s1, s1, t1), jal(zero, -16)], (bench_) =>
    bench_.x(t0, RAM + (16 << 20) - 128),
  );
  assert.equal(bench.csr('mepc'), BigInt(RAM + 8));
});

void test('code that overwrites its own region, and the instruction behind the store', () => {
  const bench = compare(
    [
      lw(t1, a1, 0),
      addi(t0, zero, 20),
      // the second store overwrites the instruction behind it: 1 becomes 5
      sw(t1, a1, 64),
      sw(t1, s1, 16),
      addi(a0, a0, 1),
      addi(t0, t0, -1),
      bne(t0, zero, -12),
      ebreak,
    ],
    (bench_) => {
      bench_.x(a1, RAM + 0x200);
      bench_.x(s1, RAM);
      bench_.word(RAM + 0x200, addi(a0, a0, 5));
    },
  );
  assert.equal(bench.x(a0), 100n);
  assert.ok((bench.hart.translated?.dropped ?? 0) > 0);
});

void test('code written behind the region, and fence.i', () => {
  compare(
    [
      addi(t0, zero, 30),
      jal(ra, 28),
      sw(t1, a1, 0),
      addi(t1, t1, 0),
      fence_i,
      addi(t0, t0, -1),
      bne(t0, zero, -20),
      ebreak,
      add(a0, a0, t0),
      jalr(zero, ra, 0),
    ],
    (bench) => {
      bench.x(a1, RAM + 32);
      bench.x(t1, BigInt(addi(a0, a0, 3)));
    },
  );
});

void test('a loop over a page boundary, with an instruction on it', () => {
  compare(
    [nop, addi(s0, s0, 1), add(s1, s1, s0), addi(t0, t0, -1), bne(t0, zero, -12), ebreak],
    (bench) => bench.x(t0, 40),
    RAM + 0x1ff6,
  );
});

void test('a loop over pages, whose accesses cross them too', () => {
  const bench = compare(
    [
      addi(t0, zero, 60),
      ld(t1, a1, 0),
      add(t1, t1, t0),
      sd(t1, a1, 7),
      lw(t2, a1, 4),
      add(s0, s0, t2),
      addi(a1, a1, 509),
      addi(t0, t0, -1),
      bne(t0, zero, -28),
      ebreak,
    ],
    (bench_) => bench_.x(a1, RAM + 0x4000),
  );
  assert.notEqual(bench.x(s0), 0n);
});

void test('a register that leaps between pages: its region is made anew, and remembers none for it', () => {
  // through one register by turns in two pages; through another in one
  const program = [
    addi(t0, zero, 400),
    add(t2, a1, zero),
    ld(t1, t2, 0),
    add(s0, s0, t1),
    sd(t0, t2, 0),
    xor(t2, t2, a0),
    ld(t1, a1, 8),
    add(s1, s1, t1),
    addi(t0, t0, -1),
    bne(t0, zero, -28),
    ebreak,
  ];
  const start = (bench_: Bench, other: number): void => {
    bench_.x(a1, RAM + 0x4000);
    bench_.x(a0, other);
    bench_.word(RAM + 0x4008, 3);
  };
  const leaping = compare(program, (bench_) => start(bench_, 0x3000));
  const { dropped = 0, regions = 0 } = leaping.hart.translated ?? {};
  assert.equal(dropped, 1);
  const sums = new Set<string>();
  // and again, until it has been made anew
  for (let time = 0; time < 60; time++) {
    leaping.pc(RAM);
    start(leaping, 0x3000);
    const before = leaping.x(s0);
    assert.equal(leaping.run(100_000).why, 'breakpoint');
    sums.add(String(leaping.x(s0) - before));
  }
  assert.ok((leaping.hart.translated?.regions ?? 0) > regions);
  assert.equal(leaping.hart.translated?.dropped, 1);
  assert.equal(sums.size, 1, 'each time the same sum');
  // the control: it stays in its page
  const staying = compare(program, (bench_) => start(bench_, 0));
  assert.equal(staying.hart.translated?.dropped, 0);
});

void test('accesses off one register are one group, in a page, over its end, and misaligned', () => {
  const bench = compare(
    [
      addi(t0, zero, 200),
      // a loop that is not steady
      csrrs(zero, CSR.mscratch, zero),
      ld(t1, a1, 16),
      add(t1, t1, t0),
      sd(t1, a1, 0),
      sw(t0, a1, 8),
      lw(t2, a1, -28),
      add(s0, s0, t2),
      ld(t2, a1, -32),
      add(s0, s0, t2),
      ld(a1, a1, 0x400),
      addi(t0, t0, -1),
      bne(t0, zero, -44),
      ebreak,
    ],
    (bench_) => {
      // where each round goes on: by 36 bytes, through three pages
      for (let at = RAM + 0x4e00; at < RAM + 0x6e00; at += 36) {
        bench_.word(at + 0x400, at + 36);
        bench_.word(at + 0x404, (at + 36) / 2 ** 32);
      }
      bench_.x(a1, RAM + 0x4e00);
    },
  );
  assert.notEqual(bench.x(s0), 0n);
});

void test('a group of accesses that reaches into the next page, where its code is', () => {
  const at = RAM + 0x5000;
  const bench = compare(
    [
      addi(t0, zero, 20),
      ld(t2, s1, 0),
      ld(t2, s1, 8),
      lw(t2, s1, 4),
      csrrw(t1, CSR.mscratch, t1),
      ld(t2, s1, 0),
      sd(t2, s1, 8),
      lw(t2, s1, 4),
      // 1 becomes 5, then 3, then 5
      sw(t1, s1, 16 + 36),
      addi(a0, a0, 1),
      addi(t0, t0, -1),
      bne(t0, zero, -40),
      ebreak,
    ],
    (bench_) => {
      bench_.csr('mscratch', BigInt(addi(a0, a0, 5)));
      bench_.x(t1, BigInt(addi(a0, a0, 3)));
      bench_.x(s1, at - 16);
    },
    at,
  );
  assert.equal(bench.x(a0), 80n);
});

void test('native floating point raises the same flags', () => {
  const bench = compare(
    [
      lui(t1, 6),
      csrrs(zero, CSR.mstatus, t1),
      fld(0, a1, 0),
      fld(1, a1, 8),
      addi(t0, zero, 40),
      fdiv_d(2, 0, 1),
      fadd_d(0, 0, 2),
      addi(t0, t0, -1),
      bne(t0, zero, -12),
      ebreak,
    ],
    (bench_) => {
      bench_.x(a1, RAM + 0x300);
      bench_.double(RAM + 0x300, 0x3ff0000000000000n);
      bench_.double(RAM + 0x308, 0x4008000000000000n);
    },
  );
  assert.equal(bench.csr('fflags'), 1n);
});

void test('traps and returns between modes, counted exactly', () => {
  compare(
    [
      // M: to U at RAM + 0x40, and back on each ecall
      addi(t0, zero, 20),
      csrrw(zero, CSR.mtvec, a1),
      csrrw(zero, CSR.mepc, s1),
      mret,
      ...Array<number>(12).fill(nop),
      addi(a0, a0, 3),
      0x73,
      jal(zero, -8),
    ],
    (bench) => {
      bench.csr('pmpaddr0', (1n << 54n) - 1n);
      bench.csr('pmpcfg0', 0x1f);
      bench.x(a1, RAM + 0x80);
      bench.x(s1, RAM + 0x40);
      bench.program(
        [
          csrrs(t2, CSR.mepc, zero),
          addi(t2, t2, 4),
          csrrw(zero, CSR.mepc, t2),
          addi(t0, t0, -1),
          bne(t0, zero, 8),
          ebreak,
          slli(t1, t0, 3),
          mret,
        ],
        RAM + 0x80,
      );
    },
  );
});

void test('another hart object over the same memory forgets the regions of the one before', () => {
  const bench = new Bench({ threshold: 1 });
  bench.program([addi(s0, s0, 1), jal(zero, -4)]);
  bench.run(1001);
  const next = new Hart(bench.machine, 0, { read: () => -1, write: () => false, time: () => 0 });
  assert.equal(next.run(1000).why, 'budget');
  assert.equal(next.instret, 2001);
  assert.equal(next.readRegister(s0), 1001n);
});
