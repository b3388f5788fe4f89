// Directed tests for what QEMU 7.2 is no judge of: it lacks the option, does otherwise, or is wrong. Each quotes its
// section of the Privileged ISA 1.12 unless another document is named.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from './bench.ts';

/** Sv39 tables: one 1 GB identity mapping of RAM with these PTE flags, and S-mode's own at 0x4000_0000. */
const paging = (flags: number): string => `
    la t0,root
    li t1,${((0x8000_0000 / 4096) << 10) >>> 0}
    ori t2,t1,0xcf
    sd t2,16(t0)                    # RAM where it is, for S-mode
    ori t2,t1,${flags}
    sd t2,8(t0)                     # and at 0x4000_0000
    srli t0,t0,12
    li t1,${8n << 60n}
    or t0,t0,t1
    csrw satp,t0
    sfence.vma x0,x0
`;
const ROOT = `
    j end
.align 4096
root:
.zero 4096
word:
.dword 0x1122334455667788
`;
/** mret to S-mode at the label `next`. */
const TO_SUPERVISOR = `
    li t0,0x1800
    csrc mstatus,t0
    li t0,0x800
    csrs mstatus,t0
    la t0,next
    csrw mepc,t0
    mret
next:
`;

void test('CTZW counts in the low word and gives 32 for zero (Bit-manipulation 1.0.0, 2.17)', () => {
  const result = run('li a1,0x200000000\n ctzw a0,a1\n li a1,-2147483648\n ctzw a2,a1');
  assert.equal(result.value('a0'), 32n);
  assert.equal(result.value('a2'), 31n);
});

void test('exceptions of AMOs are those of stores (3.1.15: "Store/AMO")', () => {
  const misaligned = run('la a0,begin\n addi a0,a0,2\n amoadd.w a1,a2,(a0)');
  assert.equal(misaligned.value('s2'), 6n);
  const nowhere = run('li a0,0x10000000000\n amoswap.d a1,a2,(a0)');
  assert.equal(nowhere.value('s2'), 7n);
  // Not even readable: a load would have failed too.
  const refused = run(`${paging(0x8)}${TO_SUPERVISOR} li a0,0x40000000\n amoor.w a1,a2,(a0)\n ${ROOT}`);
  assert.equal(refused.value('s2'), 15n);
  assert.equal(refused.value('s4'), 0x4000_0000n);
});

void test('LR raises the exceptions of loads (3.1.15)', () => {
  assert.equal(run('la a0,begin\n addi a0,a0,2\n lr.w a1,(a0)').value('s2'), 4n);
});

void test('bit 0 of mepc and sepc is always zero (3.1.14, 4.1.7)', () => {
  const result = run('li a0,-1\n csrw mepc,a0\n csrr a1,mepc\n csrw sepc,a0\n csrr a2,sepc');
  assert.equal(result.value('a1'), 0xffff_ffff_ffff_fffen);
  assert.equal(result.value('a2'), 0xffff_ffff_ffff_fffen);
});

void test('pmpaddr holds 54 bits (3.7.1)', () => {
  assert.equal(run('li a0,-1\n csrw pmpaddr3,a0\n csrr a1,pmpaddr3').value('a1'), (1n << 54n) - 1n);
});

void test('MPP holds only modes that exist (3.1.6.1)', () => {
  const result = run('li a0,0x1800\n csrc mstatus,a0\n li a0,0x1000\n csrs mstatus,a0\n csrr a1,mstatus');
  assert.notEqual((result.value('a1') >> 11n) & 3n, 2n);
});

void test('MRET and SRET to a mode below M clear MPRV (3.1.6.3)', () => {
  for (const [epc, returns] of [
    ['mepc', 'mret'],
    ['sepc', 'sret'],
  ]) {
    const result = run(`
      li t0,0x1800
      csrc mstatus,t0
      li t0,0x20800
      csrs mstatus,t0
      la t0,next
      csrw ${epc},t0
      ${returns}
  next:
      ecall`);
    assert.ok(result.value('s2') === 9n || result.value('s2') === 8n);
    assert.equal((result.value('s5') >> 17n) & 1n, 0n, returns);
  }
});

void test('interrupts are taken in the order MEI, MSI, MTI, SEI, SSI, STI (3.1.9)', () => {
  const order = [11, 3, 7, 9, 1, 5];
  order.forEach((first, i) => {
    const result = run('li a0,0xaaa\n csrs mie,a0\n csrrsi x0,mstatus,8', order.slice(i));
    assert.equal(result.value('s2'), (1n << 63n) | BigInt(first));
  });
});

void test('SUM does not let S-mode execute from user pages, also after a load from there (4.3.1)', () => {
  const result = run(`
    li t0,0x40000
    csrs mstatus,t0
    ${paging(0xdf)}${TO_SUPERVISOR}
    la a0,word
    li a1,0x40000000
    sub a0,a0,a1
    ld a2,0(a0)
    jalr x1,0(a0)
    ${ROOT}`);
  assert.equal(result.value('a2'), 0x1122_3344_5566_7788n);
  assert.equal(result.value('s2'), 12n);
  assert.equal(result.value('s3'), result.label('word') - 0x4000_0000n);
});

void test('performance counters and events 3 to 31 are there, and zero (3.1.10; Zihpm)', () => {
  const result = run('li a0,-1\n csrw mhpmcounter3,a0\n csrr a1,mhpmcounter3\n csrr a2,hpmcounter3\n csrr a3,0x33f');
  assert.equal(result.value('s2'), 0xffff_ffff_ffff_ffffn, 'no trap');
  for (const name of ['a1', 'a2', 'a3']) assert.equal(result.value(name), 0n);
});

void test('vstimecmp does not exist without the hypervisor extension (Sstc 1.0.0, 2.1.2)', () => {
  assert.equal(run('csrr a0,0x24d').value('s2'), 2n);
});

void test('an access that a PMP region covers in part fails, though the rest is allowed (3.7.1.3)', () => {
  const region = `
    la a0,data
    srli a1,a0,2
    csrw pmpaddr0,a1
    li a1,-1
    csrw pmpaddr1,a1
    li a1,0x1f17                    # entry 0: NA4, all allowed; entry 1: everything
    csrw pmpcfg0,a1
    ${TO_SUPERVISOR}`;
  const data = '\n j end\n.align 8\ndata:\n .dword 5,6';
  assert.equal(run(`${region} ld a2,0(a0)\n ${data}`).value('s2'), 5n);
  assert.equal(run(`${region} sw a2,-2(a0)\n ${data}`).value('s2'), 7n);
  assert.equal(run(`${region} lw a2,0(a0)\n ecall ${data}`).value('s2'), 9n);
});

void test('a misaligned access that faults in its second page reports that page (3.1.16)', () => {
  // RAM ends at 0x8100_0000.
  const store = run('li a0,0x80fffffc\n li a1,-1\n sd a1,0(a0)');
  assert.equal(store.value('s2'), 7n);
  assert.equal(store.value('s4'), 0x8100_0000n);
  const load = run('li a0,0x80fffffe\n li a1,-1\n lw a1,0(a0)');
  assert.equal(load.value('s2'), 5n);
  assert.equal(load.value('s4'), 0x8100_0000n);
  assert.equal(load.value('a1'), 0xffff_ffff_ffff_ffffn);
});

void test('ECALL and EBREAK do not retire (3.3.1)', () => {
  for (const name of ['ecall', 'ebreak']) {
    const result = run(`
      la t0,again
      csrw mtvec,t0
      csrr a0,minstret
      ${name}
  .align 4
  again:
      csrr a1,minstret
      sub a2,a1,a0
      j end`);
    assert.equal(result.value('a2'), 1n, name);
  }
});

void test('with menvcfg.STCE, STIP is what stimecmp says, and software cannot write it (Sstc 1.0.0, 2)', () => {
  const result = run(`
    li a0,0x20
    csrs mip,a0
    li a1,-1
    csrw stimecmp,a1
    slli a1,a1,63
    csrs menvcfg,a1
    csrr a2,mip
    csrs mip,a0
    csrr a3,mip
    csrr a4,time
    csrw stimecmp,a4
    csrr a5,mip
    csrc mip,a0
    csrr a6,mip`);
  for (const name of ['a2', 'a3']) assert.equal(result.value(name) & 0x20n, 0n, name);
  for (const name of ['a5', 'a6']) assert.equal(result.value(name) & 0x20n, 0x20n, name);
});

void test('an instruction that changes only fflags makes the floating-point state dirty (3.1.6.6)', () => {
  const result = run(`
    li a0,0x2000
    csrs mstatus,a0
    li a1,0x7ff0000000000001
    fmv.d.x f1,a1
    li a0,0x6000
    csrc mstatus,a0
    li a0,0x2000
    csrs mstatus,a0
    feq.d a2,f1,f1
    csrr a3,mstatus
    csrr a4,fflags`);
  assert.equal(result.value('a4'), 0x10n);
  assert.equal((result.value('a3') >> 13n) & 3n, 3n);
});
