// Traps, delegation, CSRs, address translation and PMP. Section numbers are the Privileged ISA's (20211203).

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  a0, add, addi, Bench, CSR, csrr, csrrc, csrrs, csrrw, ebreak, ecall, i, jalr, lb, ld, lui, lw, mret, openPmp, RAM,
  sb, sd, sfence_vma, sret, sw, S_HANDLER, M_HANDLER, t0, t1, t2, wfi, zero,
} from './assembly.ts'; // prettier-ignore

const V = 1n;
const R = 2n;
const W = 4n;
const X = 8n;
const U = 16n;
const A = 64n;
const D = 128n;
const pte = (pa: number, flags: bigint): bigint => ((BigInt(pa) >> 12n) << 10n) | flags;

const ROOT = RAM + 0x10000;
const LEVEL1 = RAM + 0x11000;
const LEVEL0 = RAM + 0x12000;
const DATA = RAM + 0x20000;
const CODE = RAM + 0x1000;
/** Virtual address of the page that `mapped` maps. */
const VA = 0x40000000;

/** S-mode with Sv39: RAM's first gigabyte is itself (a superpage), and VA maps DATA by a 4 KiB page with these flags. */
function mapped(flags: bigint, scheme: 8n | 9n = 8n): Bench {
  const bench = new Bench();
  openPmp(bench);
  const root = scheme === 8n ? ROOT : ROOT + 0x8000;
  if (scheme === 9n) bench.double(root, pte(ROOT, V));
  bench.double(ROOT + 8 * 2, pte(RAM, V | R | W | X | A | D));
  bench.double(ROOT + 8 * 1, pte(LEVEL1, V));
  bench.double(LEVEL1, pte(LEVEL0, V));
  bench.double(LEVEL0, pte(DATA, flags));
  bench.csr('satp', (scheme << 60n) | (BigInt(root) >> 12n));
  bench.csr('medeleg', 0xb3ff);
  bench.double(DATA, 0x1122334455667788n);
  bench.x(a0, VA);
  return bench;
}
/** Runs one program in S-mode and gives scause, or -1n when it reached its ebreak. */
function supervise(bench: Bench, words: readonly number[], mode: 0 | 1 = 1): bigint {
  bench.program([...words, ebreak], CODE);
  bench.enter(mode, CODE);
  assert.equal(bench.run().why, 'breakpoint');
  return bench.pc() === S_HANDLER ? bench.csr('scause') : -1n;
}

void test('ecall, illegal instructions and their values; delegation (3.1.8, 3.1.15, 3.1.16)', () => {
  const bench = new Bench();
  openPmp(bench);
  bench.program([ecall]).run(1);
  assert.deepEqual([bench.csr('mcause'), bench.csr('mepc'), bench.csr('mtval')], [11n, BigInt(RAM), 0n]);
  bench.program([0xffffffff], CODE);
  bench.pc(CODE);
  bench.run(1);
  assert.deepEqual([bench.csr('mcause'), bench.csr('mtval')], [2n, 0xffffffffn]);
  bench.half(CODE, 0x8002); // c.jr x0: reserved
  bench.enter(1, CODE);
  bench.run(1);
  assert.equal(bench.csr('mtval'), 0x8002n);
  assert.equal((bench.csr('mstatus') >> 11n) & 3n, 1n);
  bench.csr('medeleg', 1 << 8);
  bench.program([ecall], CODE);
  bench.enter(0, CODE);
  bench.run(1);
  assert.deepEqual([bench.pc(), bench.csr('scause'), bench.csr('sstatus') & 0x100n], [S_HANDLER, 8n, 0n]);
  // a trap in M-mode is never delegated
  bench.csr('medeleg', 0xffff);
  bench.program([0], CODE);
  bench.enter(3, CODE);
  bench.run(1);
  assert.equal(bench.pc(), M_HANDLER);
});

void test('interrupt enables nest through MPIE and SPIE (3.1.6.1)', () => {
  const bench = new Bench().program([ecall]);
  bench.csr('mstatus', 8);
  bench.run(1);
  assert.equal(bench.csr('mstatus') & 0x1888n, 0x1880n);
  bench.program([mret], M_HANDLER);
  bench.run(1);
  assert.equal(bench.csr('mstatus') & 0x1888n, 0x88n); // MPP becomes U
  assert.equal(bench.pc(), RAM);
});

void test('TVM, TW and TSR trap S-mode; U-mode may do none of it (3.1.6.5)', () => {
  const bench = new Bench();
  openPmp(bench);
  const traps = (word: number, mode: 0 | 1, status: number): boolean => {
    bench.csr('mstatus', status);
    bench.csr('sepc', CODE + 4);
    bench.csr('mie', 0x80);
    bench.machine.setInterrupt(0, 7, true); // wfi ends at once; MIE of U and S mode is on: mask it
    bench.csr('mie', 0);
    bench.program([word, ebreak], CODE);
    bench.enter(mode, CODE);
    bench.run(2);
    return bench.pc() === M_HANDLER && bench.csr('mcause') === 2n;
  };
  const TVM = 1 << 20;
  const TW = 1 << 21;
  const TSR = 1 << 22;
  for (const [word, bit] of [
    [sfence_vma(), TVM],
    [csrr(t0, CSR.satp), TVM],
    [wfi, TW],
    [sret, TSR],
  ] as const) {
    assert.equal(traps(word, 1, 0x100), false);
    assert.equal(traps(word, 1, bit | 0x100), true);
    assert.equal(traps(word, 0, 0), true);
  }
  assert.equal(traps(mret, 1, 0), true);
});

void test('CSR rights: mode in bits 9:8, read-only in 11:10; reads alone do not write (2.1)', () => {
  const bench = new Bench();
  openPmp(bench);
  const illegal = (word: number, mode: 0 | 1 | 3): boolean => {
    bench.csr('mcause', 0);
    bench.program([word, ebreak], CODE);
    bench.enter(mode, CODE);
    bench.run(2);
    return bench.csr('mcause') === 2n && bench.csr('mtval') === BigInt(word);
  };
  assert.equal(illegal(csrr(t0, CSR.mscratch), 1), true);
  assert.equal(illegal(csrr(t0, CSR.sepc), 0), true);
  assert.equal(illegal(csrrw(zero, 0xf14, t0), 3), true); // mhartid
  assert.equal(illegal(csrrs(t0, 0xf14, zero), 3), false);
  assert.equal(illegal(i(0x73, 6, t0, 1, 0xf14), 3), true); // csrrsi with 1
  assert.equal(illegal(csrr(t0, 0x3a1), 3), true); // pmpcfg1 is RV32's
  assert.equal(illegal(csrr(t0, CSR.time), 1), true);
  bench.csr('mcounteren', 2);
  assert.equal(illegal(csrr(t0, CSR.time), 1), false);
  assert.equal(illegal(csrr(t0, CSR.time), 0), true);
  bench.csr('scounteren', 2);
  assert.equal(illegal(csrr(t0, CSR.time), 0), false);
  assert.equal(illegal(csrr(t0, CSR.stimecmp), 1), true);
  bench.csr('menvcfg', 1n << 63n);
  assert.equal(illegal(csrr(t0, CSR.stimecmp), 1), false);
});

void test('WARL fields keep legal values', () => {
  const bench = new Bench();
  assert.equal(bench.csr('misa') & 0x3ffffffn, 0x14112dn);
  assert.equal(bench.csr('mstatus', -1n), 0x8000000a007e79aan);
  assert.equal(bench.csr('mstatus', 0x1000), 0xa00001800n); // MPP = 2 is no mode: kept
  assert.equal(bench.csr('mepc', 0x80000003n), 0x80000002n);
  assert.equal(bench.csr('mtvec', 0x80001002n), BigInt(M_HANDLER)); // reserved mode: ignored
  assert.equal(bench.csr('satp', 5n << 60n), 0n);
  assert.equal(bench.csr('satp', 10n << 60n), 0n); // no Sv57
  assert.equal(bench.csr('satp', 9n << 60n), 9n << 60n);
  assert.equal(bench.csr('mie', -1n), 0xaaan);
  assert.equal(bench.csr('mideleg', -1n), 0x222n);
  assert.equal(bench.csr('sie'), 0x222n & 0xaaan);
  assert.equal(bench.csr('sstatus') & ~0x8000000300000000n, 0n);
});

void test('mip: SSIP, STIP and SEIP are writable, STIP not while stimecmp makes it; SEIP is an OR (3.1.9)', () => {
  const bench = new Bench();
  assert.equal(bench.csr('mip', -1n), 0x222n);
  bench.machine.setInterrupt(0, 9, true);
  bench.program([csrrc(t0, CSR.mip, t1), csrr(t2, CSR.mip), ebreak]);
  bench.x(t1, 0x200);
  bench.run();
  assert.equal(bench.x(t2) & 0x200n, 0x200n);
  bench.machine.setInterrupt(0, 9, false);
  assert.equal(bench.csr('mip'), 0x22n);
  bench.csr('stimecmp', -1n);
  bench.csr('menvcfg', 1n << 63n);
  assert.equal(bench.csr('mip'), 2n); // the STIP that was written is gone
  bench.csr('mip', 0);
  bench.csr('stimecmp', 0);
  assert.equal(bench.csr('mip') & 0x20n, 0x20n);
  bench.csr('stimecmp', -1n);
  assert.equal(bench.csr('mip') & ~0x20n, 0n);
});

void test('Sv39 and Sv48: the page is found, A and D are set (4.3.2, 4.4, 4.5)', () => {
  for (const scheme of [8n, 9n] as const) {
    const bench = mapped(V | R | W, scheme);
    assert.equal(supervise(bench, [ld(t0, a0, 0)]), -1n);
    assert.equal(bench.x(t0), 0x1122334455667788n);
    assert.equal(bench.doubleAt(LEVEL0) & (A | D), A);
    assert.equal(supervise(bench, [sd(zero, a0, 8)]), -1n);
    assert.equal(bench.doubleAt(LEVEL0) & (A | D), A | D);
    assert.equal(bench.hart.translate(BigInt(VA + 4)), DATA + 4);
  }
});

void test('what a leaf does not allow is a page fault, with the address in stval', () => {
  const cases: readonly [flags: bigint, word: number, cause: bigint][] = [
    [0n, lw(t0, a0, 4), 13n],
    [V | X, lw(t0, a0, 4), 13n],
    [V | R, sw(t0, a0, 4), 15n],
    [V | W, lw(t0, a0, 4), 13n], // W without R is reserved
    [V | R | W | U, lw(t0, a0, 4), 13n], // SUM is 0
    [V | R | W | (1n << 54n), lw(t0, a0, 4), 13n], // reserved bits
    [V, lw(t0, a0, 4), 13n], // a pointer where no level is left
  ];
  for (const [flags, word, cause] of cases) {
    const bench = mapped(flags);
    assert.equal(supervise(bench, [word]), cause, `flags ${flags}`);
    assert.equal(bench.csr('stval'), BigInt(VA + 4));
    assert.equal(bench.csr('sepc'), BigInt(CODE));
  }
  const fetching = mapped(V | R | W);
  assert.equal(supervise(fetching, [jalr(zero, a0, 4)]), 12n);
  assert.deepEqual([fetching.csr('sepc'), fetching.csr('stval')], [BigInt(VA + 4), BigInt(VA + 4)]);
});

void test('an address that is not sign-extended, a misaligned superpage and a pointer with A, D or U fault', () => {
  const bench = mapped(V | R | W);
  bench.x(a0, (1n << 38n) | BigInt(VA));
  assert.equal(supervise(bench, [ld(t0, a0, 0)]), 13n);
  bench.x(a0, 0x5555555500000000n); // any pattern: no empty TLB entry answers
  assert.equal(supervise(bench, [ld(t0, a0, 0)]), 13n);
  bench.x(a0, VA);
  bench.double(LEVEL1, pte(DATA, V | R | A));
  assert.equal(supervise(bench, [ld(t0, a0, 0)]), 13n);
  bench.double(LEVEL1, pte(LEVEL0, V | A));
  assert.equal(supervise(bench, [ld(t0, a0, 0)]), 13n);
});

void test('SUM lets S-mode use user pages, at once and only while it is set (3.1.6.3)', () => {
  const bench = mapped(V | R | W | U);
  bench.x(t1, 1 << 18);
  assert.equal(
    supervise(bench, [csrrs(zero, CSR.sstatus, t1), ld(t0, a0, 0), csrrc(zero, CSR.sstatus, t1), lb(t2, a0, 0)]),
    13n,
  );
  assert.equal(bench.csr('sepc'), BigInt(CODE + 12));
  assert.equal(bench.x(t0), 0x1122334455667788n);
});

void test('MXR lets loads read executable pages, and no longer (3.1.6.3)', () => {
  const bench = mapped(V | X);
  bench.x(t1, 1 << 19);
  assert.equal(
    supervise(bench, [csrrs(zero, CSR.sstatus, t1), ld(t0, a0, 0), csrrc(zero, CSR.sstatus, t1), ld(t0, a0, 0)]),
    13n,
  );
  assert.equal(bench.csr('sepc'), BigInt(CODE + 12));
});

void test('MPRV: M-mode loads and stores as MPP says (3.1.6.3)', () => {
  const bench = mapped(V | R | W);
  bench.program([csrrs(zero, CSR.mstatus, t1), ld(t0, a0, 0), csrrc(zero, CSR.mstatus, t1), ld(t2, a0, 0)], CODE);
  bench.x(t1, (1 << 17) | (1 << 11));
  bench.csr('mstatus', 0);
  bench.pc(CODE);
  bench.run(4);
  assert.equal(bench.x(t0), 0x1122334455667788n);
  assert.equal(bench.csr('mcause'), 5n); // VA is not a physical address of anything
});

void test('sfence.vma makes a changed page table seen (4.2.1)', () => {
  const bench = mapped(V | R | W);
  const other = DATA + 0x1000;
  bench.double(other, 77n);
  bench.x(t1, pte(other, V | R | W));
  bench.x(t2, LEVEL0);
  for (const fence of [sfence_vma(), sfence_vma(a0)]) {
    bench.double(LEVEL0, pte(DATA, V | R | W));
    assert.equal(supervise(bench, [sfence_vma(), lw(t0, a0, 0), sd(t1, t2, 0), fence, ld(t0, a0, 0)]), -1n);
    assert.equal(bench.x(t0), 77n);
  }
});

void test('sfence.vma for one address of a superpage covers all of it (4.2.1)', () => {
  const bench = mapped(V | R | W);
  bench.double(LEVEL1, pte(RAM, V | R | W | A | D)); // 2 MiB
  bench.x(t1, pte(RAM + 0x200000, V | R | W | A | D));
  bench.x(t2, LEVEL1);
  bench.double(RAM + 0x205000, 5n);
  bench.x(a0, VA + 0x5000);
  bench.x(ASIDE, VA);
  assert.equal(supervise(bench, [ld(t0, a0, 0), sd(t1, t2, 0), sfence_vma(ASIDE), ld(t0, a0, 0)]), -1n);
  assert.equal(bench.x(t0), 5n);
});
const ASIDE = 20;

void test('another satp is another address space at once for its first instruction', () => {
  const bench = mapped(V | R | W);
  const root = ROOT + 0x20000;
  bench.double(root + 16, pte(RAM, V | R | W | X | A | D));
  bench.x(t1, (8n << 60n) | (BigInt(root) >> 12n));
  assert.equal(supervise(bench, [ld(t0, a0, 0), csrrw(zero, CSR.satp, t1), ld(t0, a0, 0)]), 13n);
  assert.equal(bench.csr('sepc'), BigInt(CODE + 8));
});

void test('misaligned accesses work, across pages too; a fault there reports the second page', () => {
  const bench = mapped(V | R | W);
  bench.double(LEVEL0 + 8, pte(DATA + 0x5000, V | R | W));
  bench.x(a0, VA + 0xffd);
  bench.x(t1, 0x0102030405060708n);
  assert.equal(supervise(bench, [sd(t1, a0, 0), ld(t0, a0, 0), lw(t2, a0, 2)]), -1n);
  assert.equal(bench.x(t0), 0x0102030405060708n);
  assert.equal(bench.x(t2), 0x03040506n);
  assert.equal(bench.doubleAt(DATA + 0x5000) & 0xffffffffffn, 0x0102030405n);
  bench.double(LEVEL0 + 8, 0n);
  assert.equal(supervise(bench, [sfence_vma(), sd(zero, a0, 0)]), 15n);
  assert.equal(bench.csr('stval'), BigInt(VA + 0x1000));
  assert.equal(bench.doubleAt(DATA + 0xff8) >> 40n, 0x060708n); // nothing was stored
});

void test('an instruction across pages: its second half may fault by itself', () => {
  const bench = mapped(V | R | W | X);
  bench.half(DATA + 0xffe, addi(t0, zero, 5) & 0xffff);
  bench.half(DATA + 0x5000, addi(t0, zero, 5) >>> 16);
  bench.word(DATA + 0x5002, ebreak);
  bench.double(LEVEL0 + 8, pte(DATA + 0x5000, V | X));
  bench.x(a0, VA + 0xffe);
  assert.equal(supervise(bench, [jalr(zero, a0, 0)]), -1n);
  assert.equal(bench.pc(), VA + 0x1002);
  assert.equal(bench.x(t0), 5n);
  bench.double(LEVEL0 + 8, 0n);
  assert.equal(supervise(bench, [sfence_vma(), jalr(zero, a0, 0)]), 12n);
  assert.deepEqual([bench.csr('sepc'), bench.csr('stval')], [BigInt(VA + 0xffe), BigInt(VA + 0x1000)]);
});

void test('PMP: without a match M-mode may and S-mode may not; the first match decides (3.7.1)', () => {
  const bench = new Bench();
  const load = (mode: 0 | 1 | 3, at: number): bigint => {
    bench.csr('mcause', 0);
    bench.x(a0, at);
    bench.program([lw(t0, a0, 0), ebreak], CODE);
    bench.enter(mode, CODE);
    bench.run(2);
    return bench.csr('mcause');
  };
  assert.equal(load(3, DATA), 0n);
  assert.equal(load(1, DATA), 1n); // not even the fetch
  // 0: NA4 without rights at DATA; 1: TOR up to DATA + 8, R; 2: NAPOT, the first 64 KiB, RWX
  const cfg = (values: number[]): bigint =>
    values.reduce((sum, value, k) => sum | (BigInt(value) << BigInt(8 * k)), 0n);
  bench.hart.writeRegister(4096 + 0x3b0, BigInt(DATA >>> 2));
  bench.hart.writeRegister(4096 + 0x3b1, BigInt((DATA + 8) >>> 2));
  bench.hart.writeRegister(4096 + 0x3b2, BigInt((RAM >>> 2) | 0x1fff));
  bench.csr('pmpcfg0', cfg([0x10, 0x09, 0x1f]));
  assert.equal(load(1, DATA + 4), 0n);
  assert.equal(load(1, DATA), 5n);
  assert.equal(bench.csr('mtval'), BigInt(DATA));
  assert.equal(load(1, DATA + 8), 5n);
  assert.equal(load(1, DATA + 6), 5n); // partly outside: fails whatever the rights are
  assert.equal(load(3, DATA), 0n);
  // locked: M-mode too, and the entry stays as it is
  bench.csr('pmpcfg0', cfg([0x90, 0x09, 0x1f]));
  assert.equal(load(3, DATA), 5n);
  bench.csr('pmpcfg0', 0);
  assert.equal(bench.csr('pmpcfg0'), 0x90n);
  bench.csr('pmpaddr0', 0);
  assert.equal(bench.csr('pmpaddr0'), BigInt(DATA >>> 2));
});

void test('PMP splits pages for fetches as well', () => {
  const bench = new Bench();
  // S-mode may execute up to CODE + 8
  bench.hart.writeRegister(4096 + 0x3b0, BigInt((CODE + 8) >>> 2));
  bench.csr('pmpcfg0', 0x0f);
  bench.program([addi(t0, zero, 1), addi(t0, t0, 1), addi(t0, t0, 1)], CODE);
  bench.enter(1, CODE);
  bench.run(10);
  assert.deepEqual([bench.csr('mcause'), bench.csr('mepc'), bench.x(t0)], [1n, BigInt(CODE + 8), 2n]);
});

void test('PMP covers page tables: an access fault, not a page fault (3.7.2)', () => {
  const bench = mapped(V | R | W);
  bench.csr('medeleg', 0);
  bench.hart.writeRegister(4096 + 0x3b0, BigInt((LEVEL0 >>> 2) | 0x1ff));
  bench.hart.writeRegister(4096 + 0x3b1, (1n << 54n) - 1n);
  bench.csr('pmpcfg0', 0x1f18);
  bench.program([ld(t0, a0, 0)], CODE);
  bench.enter(1, CODE);
  bench.run(2);
  assert.deepEqual([bench.csr('mcause'), bench.csr('mtval')], [5n, BigInt(VA)]);
});

void test('devices: sizes, order of halves, access faults', () => {
  const seen: string[] = [];
  const bench = new Bench({
    bus: {
      read: (address, size) => {
        seen.push(`r${size}@${address.toString(16)}`);
        return address >= 0x10001000 ? -1 : 0xfffffff0 + (address & 4);
      },
      write: (address, size, value) => {
        seen.push(`w${size}@${address.toString(16)}=${value}`);
        return address < 0x10001000;
      },
    },
  });
  bench.x(a0, 0x10000000);
  bench.program([lw(t0, a0, 0), ld(t1, a0, 0), sd(t1, a0, 8), sb(t1, a0, 3), add(a0, a0, t2), lw(t0, a0, 0), ebreak]);
  bench.x(t2, 0x1000);
  bench.run();
  assert.equal(bench.x(t0), 0xfffffffffffffff0n); // the last load wrote nothing
  assert.equal(bench.x(t1), 0xfffffff4fffffff0n);
  assert.deepEqual(seen, [
    'r4@10000000', 'r4@10000000', 'r4@10000004', 'w4@10000008=4294967280', 'w4@1000000c=4294967284',
    'w1@10000003=240', 'r4@10001000',
  ]); // prettier-ignore
  assert.deepEqual([bench.csr('mcause'), bench.csr('mtval')], [5n, 0x10001000n]);
  assert.equal(lui(t0, 1), 0x12b7 + 0); // (the encoder above)
});
