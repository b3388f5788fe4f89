// Machine.takeDirtyPages: exactly the pages that harts have written, whichever way; and again after it was asked.

import assert from 'node:assert/strict';
import test from 'node:test';
import * as layoutOf from '../layout.ts';
import {
  a0, a1, add, addi, AMOADD, amo, Bench, bne, ebreak, jal, ld, M_HANDLER, openPmp, RAM, sd, sw, t0, t1, t2, zero,
} from './assembly.ts'; // prettier-ignore

const PAGE = 4096;
const CODE = RAM;
const DATA = RAM + 0x8_0000;
const page = (address: number): number => (address - RAM) / PAGE;

/** What a hart's run writes, by comparison of all of RAM before and after. */
function writes(bench: Bench, run: () => void): number[] {
  const { ram } = bench.machine;
  const before = Buffer.from(ram.slice());
  run();
  const after = Buffer.from(ram.buffer, ram.byteOffset, ram.byteLength);
  const pages = Array.from({ length: ram.length / PAGE }, (_, k) => k);
  return pages.filter((k) => before.compare(after, k * PAGE, (k + 1) * PAGE, k * PAGE, (k + 1) * PAGE) !== 0);
}
function toItsEnd(bench: Bench): void {
  assert.equal(bench.run(2_000_000).why, 'breakpoint');
  assert.notEqual(bench.pc(), M_HANDLER);
}

for (const threshold of [0, 1]) {
  test(`stores in a loop, again after each question (threshold ${threshold})`, () => {
    const bench = new Bench({ threshold });
    // each round: one doubleword in each of 100 pages that lie 2 apart
    bench.program([
      sd(t0, a0, 0), addi(t0, t0, 1), add(a0, a0, t2), bne(a0, a1, -12), ebreak,
    ]); // prettier-ignore
    bench.x(t2, 2 * PAGE);
    bench.x(t0, 1);
    const expected = Array.from({ length: 100 }, (_, k) => page(DATA) + 2 * k);
    const round = (): number[] =>
      writes(bench, () => {
        bench.x(a0, DATA);
        bench.x(a1, DATA + 200 * PAGE);
        bench.pc(CODE);
        toItsEnd(bench);
      });
    for (let k = 0; k < 4; k++) {
      assert.deepEqual(round(), expected);
      assert.deepEqual(bench.machine.takeDirtyPages(), expected);
      assert.deepEqual(bench.machine.takeDirtyPages(), []);
    }
    // control: were the TLBs not flushed, the next round would go unseen
    round();
    bench.machine.takeDirtyPages();
    const request = (bench.machine.layout.hart[0].base + layoutOf.MAILBOX.REQUEST) >> 2;
    new Int32Array(bench.machine.memory.buffer)[request] = 0;
    assert.deepEqual(round(), expected);
    assert.deepEqual(bench.machine.takeDirtyPages(), []);
  });
}

test('crossing stores, atomics, stores to code and to pages that PMP splits, A and D bits', () => {
  const bench = new Bench();
  const written = (words: readonly number[], at: number): number[] => {
    bench.program([...words, ebreak], CODE);
    bench.pc(CODE);
    bench.x(a0, at);
    bench.x(t1, -1);
    const changed = writes(bench, () => toItsEnd(bench));
    assert.deepEqual(bench.machine.takeDirtyPages(), changed);
    return changed;
  };
  const p = page(DATA);
  assert.deepEqual(written([sd(t1, a0, -4)], DATA + PAGE), [p, p + 1]);
  assert.deepEqual(written([amo(AMOADD, 3, t0, a0, t1)], DATA), [p]);
  // another function, run first so that it is code, then changed
  bench.program([addi(t0, zero, 1), addi(t0, zero, 2), ebreak], DATA + 8 * PAGE);
  assert.deepEqual(written([jal(zero, DATA + 8 * PAGE - CODE)], DATA), []);
  assert.deepEqual(written([sw(t1, a0, 0)], DATA + 8 * PAGE), [p + 8]);
  // PMP: the first half of the page is its own region, so that no TLB may hold it
  bench.csr('pmpaddr0', (DATA + 4 * PAGE) / 4 + 0xff);
  bench.csr('pmpcfg0', 0x1f);
  assert.deepEqual(written([sd(t1, a0, 0), amo(AMOADD, 3, t0, a0, t1)], DATA + 4 * PAGE), [p + 4]);
  // Sv39: a load writes the page table alone
  openPmp(bench);
  const [root, V, RWX] = [RAM + 0x10000, 1n, 0xen];
  bench.double(root + 8 * 2, ((BigInt(RAM) >> 12n) << 10n) | V | RWX | 0xc0n);
  bench.double(root + 8, ((BigInt(RAM) >> 12n) << 10n) | V | RWX);
  bench.csr('satp', (8n << 60n) | (BigInt(root) >> 12n));
  bench.program([ld(t0, a0, 0), ebreak], CODE);
  bench.enter(1, CODE);
  bench.x(a0, 0x4000_0000 + (DATA - RAM));
  const changed = writes(bench, () => toItsEnd(bench));
  assert.deepEqual(changed, [page(root)]);
  assert.deepEqual(bench.machine.takeDirtyPages(), changed);
});
