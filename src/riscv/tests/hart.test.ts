// Budgets, clocks, interrupts, requests and registers: what `Hart` and `Machine` promise.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Machine } from '../machine.ts';
import {
  addi, Bench, bne, CSR, csrr, csrrw, ebreak, ecall, jal, M_HANDLER, openPmp, RAM, S_HANDLER, sd, t0, t1, t2, wfi,
  zero, lui, lw, amo, AMOADD, a0,
} from './assembly.ts'; // prettier-ignore

const MIE = 8n;

void test('a budget is exact, down to one instruction', () => {
  const bench = new Bench().program([addi(t0, t0, 1), addi(t0, t0, 1), jal(zero, -8)]);
  for (const [budget, pc] of [
    [1, 4],
    [1, 8],
    [1, 0],
    [4, 4],
  ] as const) {
    assert.deepEqual(bench.run(budget), { why: 'budget' });
    assert.equal(bench.pc(), RAM + pc);
  }
  assert.equal(bench.hart.instret, 7);
  assert.equal(bench.run(100_000).why, 'budget');
  assert.equal(bench.hart.instret, 100_007);
  assert.equal(bench.x(t0), 66_672n);
});

void test('a trap spends budget but does not retire (Privileged ISA 3.3.1)', () => {
  const bench = new Bench().program([ecall]);
  bench.program([ecall], M_HANDLER); // traps to itself for ever
  assert.equal(bench.run(50).why, 'budget');
  assert.equal(bench.hart.instret, 0);
  assert.equal(bench.csr('mepc'), BigInt(M_HANDLER));
  // and so does a handler that cannot be fetched
  bench.csr('mtvec', 0x1000);
  assert.equal(bench.run(50).why, 'budget');
  assert.equal(bench.csr('mcause'), 1n);
  assert.equal(bench.csr('mtval'), 0x1000n);
});

void test('minstret counts what retired, and a write is what the next instruction reads (3.1.10)', () => {
  const bench = new Bench().program([
    csrr(t0, CSR.minstret),
    csrrw(zero, CSR.minstret, t1),
    csrr(t2, CSR.minstret),
    ebreak,
  ]);
  bench.x(t1, 1000);
  bench.run();
  assert.equal(bench.x(t0), 0n);
  assert.equal(bench.x(t2), 1000n);
});

void test('mcountinhibit stops a counter where it is (3.1.12)', () => {
  const bench = new Bench().program([
    csrrw(zero, CSR.mcountinhibit, t1), csrr(t0, CSR.minstret), addi(zero, zero, 0), csrr(t2, CSR.minstret), ebreak,
  ]); // prettier-ignore
  bench.x(t1, 4);
  bench.run();
  assert.equal(bench.x(t0), bench.x(t2));
});

void test("clock 'instructions': stimecmp strikes at the same instruction in every run (Sstc)", () => {
  const strike = (budget: number): number => {
    const bench = new Bench();
    openPmp(bench);
    bench.program([addi(t0, t0, 1), jal(zero, -4)], RAM + 0x100);
    bench.csr('menvcfg', 1n << 63n);
    bench.csr('mideleg', 0x20);
    bench.csr('mie', 0x20);
    bench.enter(1, RAM + 0x100);
    bench.csr('sstatus', 2);
    bench.csr('stimecmp', 77);
    while (bench.run(budget).why === 'budget');
    assert.equal(bench.pc(), S_HANDLER);
    assert.equal(bench.csr('scause'), (1n << 63n) | 5n);
    return bench.hart.instret;
  };
  assert.equal(strike(1_000_000), 7700);
  assert.equal(strike(7), 7700);
});

void test('interrupts are taken by priority: MEI, MSI, MTI, SEI, SSI, STI (3.1.9)', () => {
  const bench = new Bench().program([addi(t0, t0, 1)]);
  const bits = [11, 3, 7, 9, 1, 5];
  for (const bit of bits) bench.machine.setInterrupt(0, bit, true);
  bench.csr('mie', 0xaaa);
  for (const bit of bits) {
    bench.csr('mstatus', MIE);
    bench.pc(RAM);
    assert.equal(bench.run().why, 'breakpoint');
    assert.equal(bench.csr('mcause'), (1n << 63n) | BigInt(bit));
    assert.equal(bench.csr('mepc'), BigInt(RAM));
    bench.machine.setInterrupt(0, bit, false);
  }
  bench.csr('mstatus', MIE);
  bench.pc(RAM);
  bench.run(1);
  assert.equal(bench.x(t0), 1n);
});

void test('vectored: interrupts go to base + 4 * cause, exceptions to base (3.1.7)', () => {
  const bench = new Bench().program([ecall]);
  bench.csr('mtvec', M_HANDLER + 1);
  bench.run(1);
  assert.equal(bench.pc(), M_HANDLER);
  bench.csr('mie', 0x80);
  bench.csr('mstatus', MIE);
  bench.machine.setInterrupt(0, 7, true);
  bench.program([ebreak], M_HANDLER + 28);
  bench.run(5);
  assert.equal(bench.pc(), M_HANDLER + 28);
});

void test('wfi: idle unless an enabled interrupt is pending, even where it would not be taken (3.3.3)', () => {
  const bench = new Bench().program([wfi, ebreak]);
  assert.equal(bench.run().why, 'idle');
  assert.equal(bench.pc(), RAM + 4);
  bench.pc(RAM);
  bench.csr('mie', 0x80);
  bench.machine.setInterrupt(0, 7, true);
  assert.equal(bench.run().why, 'breakpoint');
  bench.hart.waitForInterrupt(Infinity); // returns: one is pending
});

void test('waiting ends at a deadline and at a kick; with clock instructions time jumps', () => {
  const bench = new Bench().program([csrr(t0, CSR.time), ebreak]);
  bench.hart.waitForInterrupt(5000);
  bench.run();
  assert.equal(bench.x(t0), 5000n);
  bench.machine.kick(0);
  bench.hart.waitForInterrupt(Infinity);
  assert.equal(bench.run().why, 'kicked');

  const started = performance.now();
  const host = new Bench({ clock: 'host', bus: { time: () => Math.floor((performance.now() - started) * 10_000) } });
  host.hart.waitForInterrupt(100_000);
  assert.ok(performance.now() - started >= 9.9);
});

void test('a device that raises an interrupt, or kicks, is seen right after the store', () => {
  const bench: Bench = new Bench({
    bus: {
      write: (_address, _size, value) => {
        if (value === 1) bench.machine.setInterrupt(0, 11, true);
        else bench.machine.kick(0);
        return true;
      },
    },
  });
  bench.program([
    lui(t0, 0x10000),
    addi(t1, zero, 1),
    sd(t1, t0, 0),
    addi(t2, t2, 1),
    sd(zero, t0, 0),
    addi(t2, t2, 1),
  ]);
  bench.csr('mie', 0x800);
  bench.csr('mstatus', MIE);
  assert.equal(bench.run().why, 'kicked'); // the high word of the first store is 0
  assert.equal(bench.pc(), RAM + 12);
  bench.run(1);
  assert.equal(bench.csr('mepc'), BigInt(RAM + 12));
  assert.equal(bench.x(t2), 0n);
});

void test('a kick and a fence from inside a load of the device itself', () => {
  const bench: Bench = new Bench({
    bus: {
      read: () => {
        bench.machine.fence(1, true);
        bench.machine.kick(0);
        return 7;
      },
    },
  });
  bench.program([lui(t0, 0x10000), lw(t1, t0, 0), addi(t2, t2, 1)]);
  assert.equal(bench.run().why, 'kicked');
  assert.deepEqual([bench.pc(), bench.x(t1), bench.hart.instret], [RAM + 8, 7n, 2]);
});

void test('firmware-call: the VMM answers ecall from S-mode and run goes on after it', () => {
  const bench = new Bench().program([ecall, addi(t0, a0, 1), ebreak]);
  bench.hart.reset({ pc: RAM, mode: 'S', a0: 7, a1: 0 });
  bench.hart.stopsAtBreakpoints = true;
  assert.equal(bench.run().why, 'firmware-call');
  bench.hart.x[a0 * 2] = 41;
  bench.run();
  assert.equal(bench.x(t0), 42n);
  assert.equal(bench.csr('mideleg'), 0x222n);
});

void test('ebreak traps unless the debugger wants it', () => {
  const bench = new Bench().program([ebreak]);
  assert.equal(bench.run().why, 'breakpoint');
  assert.equal(bench.pc(), RAM);
  assert.equal(bench.hart.instret, 0);
  bench.hart.stopsAtBreakpoints = false;
  bench.run(1);
  assert.equal(bench.csr('mcause'), 3n);
});

void test('registers by gdb number; what is not there throws', () => {
  const bench = new Bench();
  bench.hart.writeRegister(0, 5n);
  assert.equal(bench.hart.readRegister(0), 0n);
  bench.hart.writeRegister(33, 0x3ff0000000000000n);
  assert.equal(bench.hart.readRegister(33), 0x3ff0000000000000n);
  assert.throws(() => bench.hart.readRegister(70), RangeError);
  assert.throws(() => bench.hart.readRegister(4096 + 0x5c0), RangeError);
  assert.throws(() => Machine.create({ harts: 9, ramBase: RAM, ramBytes: 16 << 20, clock: 'host' }), RangeError);
});

void test('harts share RAM; atomics of two harts in two modules meet; a remote fence does not wait for a stopped hart', async () => {
  const { Hart } = await import('../hart.ts');
  const machine = Machine.create({ harts: 2, ramBase: RAM, ramBytes: 16 << 20, clock: 'instructions' });
  const words = [amo(AMOADD, 2, t1, a0, t0), addi(t2, t2, -1), bne(t2, zero, -8), ebreak];
  const view = new DataView(machine.ram.buffer, machine.ram.byteOffset);
  words.forEach((word, k) => view.setUint32(k * 4, word, true));
  const bus = { read: () => -1, write: () => false, time: () => 0 };
  const attached = Machine.attach(structuredClone(machine.share()));
  const harts = [new Hart(machine, 0, bus), new Hart(attached, 1, bus)];
  for (const hart of harts) {
    hart.reset({ pc: RAM, mode: 'M', a0: RAM + 0x800, a1: 0 });
    hart.stopsAtBreakpoints = true;
    hart.writeRegister(t0, 3n);
    hart.writeRegister(t2, 100n);
    assert.equal(hart.run(1000).why, 'breakpoint');
  }
  assert.equal(view.getUint32(0x800, true), 600);
  assert.equal(harts[1].readRegister(4096 + 0xf14), 1n);
  machine.fence(3, false);
  machine.fence(3, true);
});
