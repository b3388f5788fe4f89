// Clock `instructions`: what a program sees and when its timer strikes depends on nothing but the program.

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  a0, a1, a2, a3, a4, add, addi, Bench, bne, CSR, csrr, csrrs, csrrw, ebreak, jal, jalr, ld, openPmp, ra, RAM, S_HANDLER, s0, s1, sd, sfence_vma,
  slli, sret, t0, t1, t2, wfi, zero,
} from './assembly.ts'; // prettier-ignore

const LOG = RAM + 0x10_0000;
const DATA = RAM + 0x20_0000;
const HANDLER = RAM + 0x8000;
const STRIKES = 300;
const ENTRY = 4;

/**
 * A loop that computes, stores and calls; some rounds sleep. The timer's handler writes sepc, time, instret and the state of the
 * computation into a log, and sets the timer to a time that depends on that state.
 */
function bench(threshold: number): Bench {
  const it = new Bench({ threshold });
  openPmp(it);
  const work = [
    slli(t1, t0, 13), add(t0, t0, t1), addi(t0, t0, 977), sd(t0, a0, 0), ld(t2, a0, 0), add(s0, s0, t2),
    jal(ra, 24), addi(a1, a1, -1), bne(a1, zero, -32), addi(a1, zero, 100), wfi, jal(zero, -44),
    addi(s1, s1, 1), add(s0, s0, s1), jalr(zero, ra, 0),
  ]; // prettier-ignore
  const handler = [
    csrr(t1, CSR.sepc), sd(t1, a2, 0), csrr(t1, CSR.time), sd(t1, a2, 8), csrr(t2, CSR.instret), sd(t2, a2, 16), sd(s0, a2, 24), addi(a2, a2, 32),
    slli(t2, s0, 58), r6(t2), add(t1, t1, t2), addi(t1, t1, 3), csrrw(zero, CSR.stimecmp, t1),
    addi(a3, a3, -1), bne(a3, zero, 8), ebreak, sfence_vma(), sret,
  ]; // prettier-ignore
  it.program(work, RAM + 0x4000);
  it.program(handler, HANDLER);
  it.csr('stvec', HANDLER);
  it.csr('menvcfg', 1n << 63n);
  it.csr('mcounteren', 7);
  it.csr('mideleg', 0x20);
  it.csr('mie', 0x20);
  it.x(a0, DATA);
  it.x(a1, 100);
  it.x(a2, LOG);
  it.x(a3, STRIKES);
  it.x(t0, 12345);
  it.enter(1, RAM + 0x4000);
  it.csr('sstatus', 2);
  it.csr('stimecmp', 50);
  return it;
}
/** srli rd, rd, 58: 0..63 ticks. */
const r6 = (register: number): number => (0x13 | (register << 7) | (5 << 12) | (register << 15) | (58 << 20)) >>> 0;

/** What the handler logged, and the count of instructions at the end. `budget`: of each call of `run`, anew each time. */
function trace(threshold: number, budget: () => number): readonly bigint[] {
  const it = bench(threshold);
  for (;;) {
    const { why } = it.run(budget());
    if (why === 'idle') it.hart.waitForInterrupt(Infinity);
    else if (why === 'breakpoint') break;
    else assert.equal(why, 'budget');
  }
  assert.notEqual(it.pc(), S_HANDLER);
  const log = Array.from({ length: STRIKES * ENTRY }, (_, k) => it.doubleAt(LOG + k * 8));
  return [...log, BigInt(it.hart.instret)];
}

void test('the same trace in every run, tier and division into budgets', () => {
  const expected = trace(0, () => 1_000_000);
  assert.equal(new Set(expected.filter((_, k) => k % ENTRY === 2)).size, STRIKES, 'each strike at another instruction');
  let seed = 7;
  const anyBudget = (): number => ((seed = (seed * 48_271) % 0x7fffffff) % 5000) + 1;
  for (const threshold of [0, 1, 7, 50, 16_000])
    for (const budget of [() => 1_000_000, () => 97, anyBudget])
      assert.deepEqual(trace(threshold, budget), expected, `threshold ${threshold}`);
});

void test('control: with clock host the trace follows the host', () => {
  let now = 0;
  const run = (step: number): readonly bigint[] => {
    now = 0;
    const it = new Bench({ clock: 'host', bus: { time: () => (now += step) }, threshold: 0 });
    it.program([csrr(t0, CSR.time), csrr(t1, CSR.time), csrrs(t2, CSR.time, zero), add(a4, t0, t1), ebreak]);
    it.run();
    return [it.x(t0), it.x(t1), it.x(a4)];
  };
  assert.notDeepEqual(run(1), run(3));
});
