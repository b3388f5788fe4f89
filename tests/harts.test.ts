// Harts on real threads: atomics, RVWMO litmus tests, interrupts and fences of other threads. Each check is also made of an
// engine with a fault, which it must find.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  a0, a1, a2, a3, a4, a5, add, addi, amo, AMOADD, AMOSWAP, bne, CSR, ebreak, jal, jalr, ld, LR, lw, M_HANDLER, RAM, s0, s1, SC, sd,
  sw, t0, t1, t2, zero,
} from '../src/riscv/tests/assembly.ts'; // prettier-ignore
import { Harts, PatienceError, type Program, runHarts, withFault } from './harts/harts.ts';

const DATA = RAM + 0x10_0000;
const at = (address: number): number => address - RAM;
const AQ_RL = 3 << 25;
const FENCE_RW_RW = 0x0330000f;
const FENCE_W_W = 0x0110000f;
const FENCE_R_R = 0x0220000f;
const PAUSE = 0x0100000f;
/** bltu rs1, rs2, offset: bne with another funct3. */
const bltu = (rs1: number, rs2: number, offset: number): number => bne(rs1, rs2, offset) ^ (7 << 12);

/** 0: interpreted; 50: translated. */
const TIERS = [0, 50];
/** A fault shows when threads meet in the wrong moment: they get so many chances. */
const CHANCES = 40;

const isTooLong = (error: unknown): boolean => {
  if (error instanceof PatienceError) return true;
  throw error;
};

type Check = (threshold: number, engine?: string) => Promise<boolean>;

/** `holds` must be true of the engine in both tiers, and false in the end of the one with the fault. */
function checked(about: string, fault: readonly [file: string, find: string, replace: string], holds: Check): void {
  for (const threshold of TIERS) {
    test(`${about}: ${threshold ? 'translated' : 'interpreted'}`, { timeout: 120_000 }, async () => {
      assert.ok(await holds(threshold));
      await withFault(...fault, async (engine) => {
        // a lock that is not atomic may also stay taken for ever
        const finds = (): Promise<boolean> => holds(threshold, engine).then((held) => !held, isTooLong);
        for (let chance = 0; chance < CHANCES; chance++) if (await finds()) return;
        assert.fail('the fault was not found');
      });
    });
  }
}

const NOT_ATOMIC = [
  'semantics/memory.ts',
  'if (t.shared) {\n      operand(t, width);\n      t.mem(`',
  'if (!t.shared) {\n      operand(t, width);\n      t.mem(`',
] as const;
const SC_NOT_ATOMIC = [
  'semantics/memory.ts',
  'if (t.shared) {\n      t.get(host);\n      reserved();',
  'if (!t.shared) {\n      t.get(host);\n      reserved();',
] as const;

/** Each hart writes to a3 how often it has arrived, and goes on when the other one has as often, in a5. t1 is 1. */
const MEET = [addi(t0, t0, 1), sw(t0, a3, 0), lw(t2, a5, 0), PAUSE, bltu(t2, t0, -8)];
const MEETING = RAM + 0x4000;
const meeting = (hart: number): Record<number, number> => ({
  [a3]: MEETING + hart * 64,
  [a5]: MEETING + (1 - hart) * 64,
  [t1]: 1,
});
const COUNT = 8 * 500;

/** `body` COUNT times on two harts, which meet each eighth time: a0 = DATA. */
function counting(body: readonly number[]): Program[] {
  const round = [...MEET, ...Array.from({ length: 8 }, () => body).flat(), addi(a4, a4, -8)];
  const words = [...round, bne(a4, zero, -round.length * 4), ebreak];
  return [0, 1].map((hart) => ({ words, registers: { [a0]: DATA, [a4]: COUNT, ...meeting(hart) } }));
}

checked('AMOs of two harts lose nothing', NOT_ATOMIC, async (threshold, engine) => {
  const body = [amo(AMOADD, 2, zero, a0, t1), addi(a1, a0, 64), amo(AMOADD, 3, zero, a1, t1)];
  const view = await runHarts(counting(body), threshold, engine);
  return view.getUint32(at(DATA), true) === 2 * COUNT && view.getBigUint64(at(DATA) + 64, true) === 2n * BigInt(COUNT);
});

checked('LR and SC of two harts lose nothing', SC_NOT_ATOMIC, async (threshold, engine) => {
  const add1 = (width: 2 | 3, base: number): number[] => [
    amo(LR, width, t2, base, zero),
    addi(t2, t2, 1),
    amo(SC, width, s0, base, t2),
    bne(s0, zero, -12),
  ];
  const body = [...add1(2, a0), addi(a1, a0, 64), ...add1(3, a1)];
  const view = await runHarts(counting(body), threshold, engine);
  return view.getUint32(at(DATA), true) === 2 * COUNT && view.getBigUint64(at(DATA) + 64, true) === 2n * BigInt(COUNT);
});

checked('a spinlock of AMOSWAP lets one hart in', NOT_ATOMIC, async (threshold, engine) => {
  const words = [a1, a2].flatMap((base) => [lw(s0, base, 0), addi(s0, s0, 1), sw(s0, base, 0)]);
  const acquire = [addi(t2, zero, 1), amo(AMOSWAP, 2, t2, a0, t2) | AQ_RL, PAUSE, bne(t2, zero, -12)];
  const body = [addi(a1, a0, 64), addi(a2, a0, 128), ...acquire, ...words, amo(AMOSWAP, 2, zero, a0, zero) | AQ_RL];
  const view = await runHarts(counting(body), threshold, engine);
  return [64, 128].every((offset) => view.getUint32(at(DATA) + offset, true) === 2 * COUNT);
});

// ---- litmus tests: in each round both harts meet, then run their bodies on a line of x and y; results go to a2
const ROUNDS = 2000;
const LINE = 64;
const X = DATA;
const Y = X + ROUNDS * LINE + LINE / 2;
const RESULTS = RAM + 0x80_0000;

function litmus(hart: number, body: readonly number[]): Program {
  const step = [a0, a1, a2].map((register) => addi(register, register, LINE));
  const round = [...MEET, ...body, ...step, addi(a4, a4, -1)];
  return {
    words: [...round, bne(a4, zero, -round.length * 4), ebreak],
    registers: { [a0]: X, [a1]: Y, [a2]: RESULTS + hart * 8, [a4]: ROUNDS, ...meeting(hart) },
  };
}
/** Whether a round ended with these words: two of hart 0, two of hart 1. */
function seen(view: DataView, ...outcome: (number | undefined)[]): boolean {
  for (let round = 0; round < ROUNDS; round++) {
    const results = outcome.map((_, k) => view.getUint32(at(RESULTS) + round * LINE + k * 4, true));
    if (outcome.every((value, k) => value === undefined || value === results[k])) return true;
  }
  return false;
}

checked(
  'SB with FENCE RW,RW: both loads do not miss the stores',
  ['semantics/memory.ts', 'fence: (t) => t.atomicFence(),', 'fence: () => undefined,'],
  async (threshold, engine) => {
    const body = (mine: number, other: number): number[] => [
      sw(t1, mine, 0),
      FENCE_RW_RW,
      lw(s0, other, 0),
      sw(s0, a2, 0),
    ];
    const view = await runHarts([litmus(0, body(a0, a1)), litmus(1, body(a1, a0))], threshold, engine);
    return !seen(view, 0, undefined, 0);
  },
);

checked('SB with AMOSWAP.AQRL as stores', NOT_ATOMIC, async (threshold, engine) => {
  const body = (mine: number, other: number): number[] => [
    amo(AMOSWAP, 2, zero, mine, t1) | AQ_RL,
    lw(s0, other, 0),
    sw(s0, a2, 0),
  ];
  const view = await runHarts([litmus(0, body(a0, a1)), litmus(1, body(a1, a0))], threshold, engine);
  return !seen(view, 0, undefined, 0);
});

// x86 orders stores and loads so, whatever the engine does: the control is a reader that looks in the wrong order.
for (const threshold of TIERS)
  test(`MP with fences: who sees the flag sees the data: threshold ${threshold}`, { timeout: 120_000 }, async () => {
    const writer = litmus(0, [sw(t1, a0, 0), FENCE_W_W, sw(t1, a1, 0)]);
    const [flag, data] = [lw(s0, a1, 0), lw(s1, a0, 0)];
    const reader = (...loads: readonly number[]): Program => litmus(1, [...loads, sw(s0, a2, 0), sw(s1, a2, 4)]);
    const unordered = async (...loads: readonly number[]): Promise<boolean> =>
      seen(await runHarts([writer, reader(...loads)], threshold), undefined, undefined, 1, 0);
    assert.ok(!(await unordered(flag, FENCE_R_R, data)));
    for (let chance = 0; !(await unordered(data, FENCE_R_R, flag)); chance++) assert.ok(chance < CHANCES, 'control');
  });

// ---- interrupts and fences
const SLICE = 16_384;
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

checked(
  'an interrupt from another thread is taken within a slice',
  ['hart.ts', 'const SLICE = 16_384;', 'const SLICE = 200_000_000;'],
  async (threshold, engine) => {
    const harts = new Harts(2, threshold, engine);
    try {
      harts.view.setUint32(at(M_HANDLER), ebreak, true);
      const loop = { words: [addi(t0, t0, 1), sd(t0, a0, 0), jal(zero, -8)], registers: { [a0]: DATA } };
      const csrs = { [CSR.mtvec]: BigInt(M_HANDLER), [CSR.mie]: 0x800n, [CSR.mstatus]: 8n };
      await harts.start([{ ...loop, csrs }]);
      await pause(20);
      harts.machine.setInterrupt(0, 11, true);
      const rounds = (): number => Number(harts.view.getBigUint64(at(DATA), true));
      const before = rounds();
      await harts.finish();
      return before > 0 && (rounds() - before) * 3 <= SLICE;
    } finally {
      await harts.stop();
    }
  },
);

checked(
  'after a remote FENCE.I a hart runs the new code',
  ['hart.ts', 'if (asked & layoutOf.REQUEST_FENCE_I) this.#core.icache_flush();', ''],
  async (threshold, engine) => {
    const harts = new Harts(2, threshold, engine);
    const FUNCTION = RAM + 0x2000;
    const put = (value: number): void =>
      [addi(s0, zero, value), jalr(zero, 1, 0)].forEach((word, k) =>
        harts.view.setUint32(at(FUNCTION) + k * 4, word, true),
      );
    try {
      put(1);
      const words = [jalr(1, a1, 0), sw(s0, a0, 0), addi(t0, t0, 1), sd(t0, a0, 8), jal(zero, -16)];
      await harts.start([{ words, registers: { [a0]: DATA, [a1]: FUNCTION } }]);
      const rounds = (): number => Number(harts.view.getBigUint64(at(DATA) + 8, true));
      for (let value = 2; value < 12; value++) {
        await pause(2);
        put(value);
        harts.machine.fence(1, true);
        // the round that is under way may have called the old function
        for (const before = rounds(); rounds() < before + 2;) await pause(1);
        if (harts.view.getUint32(at(DATA), true) !== value) return false;
      }
      return true;
    } finally {
      await harts.stop();
    }
  },
);

checked(
  'after a remote SFENCE.VMA a hart uses the new translation',
  ['hart.ts', 'this.#core.tlb_flush();\n', '\n'],
  async (threshold, engine) => {
    const harts = new Harts(2, threshold, engine);
    const [root, middle, leaf] = [RAM + 0x20_0000, RAM + 0x20_1000, RAM + 0x20_2000];
    const entry = (address: number, bits: number): bigint => (BigInt(address >>> 12) << 10n) | BigInt(bits);
    const put = (address: number, value: bigint): void => harts.view.setBigUint64(at(address), value, true);
    const POINTER = 1;
    const DATA_PAGE = 0xc7; // D A W R V
    const CODE_PAGE = 0xcf; // and X
    try {
      put(root, entry(middle, POINTER));
      put(root + 2 * 8, entry(RAM, CODE_PAGE)); // 1 GiB at its own address
      put(middle, entry(leaf, POINTER));
      const pages = [DATA, DATA + 0x1000];
      put(leaf + 8, entry(pages[0], DATA_PAGE));
      const csrs = {
        [CSR.satp]: (8n << 60n) | BigInt(root >>> 12),
        [CSR.pmpaddr0]: (1n << 54n) - 1n,
        [CSR.pmpcfg0]: 0x1fn,
      };
      const words = [addi(t0, t0, 1), sd(t0, a0, 0), jal(zero, -8)];
      await harts.start([{ words, registers: { [a0]: 0x1000 }, csrs, mode: 'S' }]);
      const written = (page: number): bigint => harts.view.getBigUint64(at(page), true);
      for (let k = 1; k < 10; k++) {
        await pause(2);
        const [page, old] = [pages[k % 2], pages[(k + 1) % 2]];
        put(leaf + 8, entry(page, DATA_PAGE));
        harts.machine.fence(1, false);
        const last = written(old);
        // the host may not run the hart for a while
        while (written(old) === last && written(page) <= last) await pause(1);
        if (written(old) !== last) return false;
      }
      return true;
    } finally {
      await harts.stop();
    }
  },
);

for (const threshold of TIERS)
  test(`a hart that spins with PAUSE gives its processor away: threshold ${threshold}`, async () => {
    const rests = async (inLoop: number): Promise<number> => {
      const harts = new Harts(2, threshold);
      try {
        const words = [lw(t0, a0, 0), inLoop, add(t2, t2, t1), bne(t0, t1, -12), ld(t0, a0, 0), ebreak];
        await harts.start([{ words, registers: { [a0]: DATA, [t1]: 1 } }]);
        await pause(30);
        harts.view.setUint32(at(DATA), 1, true);
        await harts.finish();
        return harts.machine.statistics(0).rests;
      } finally {
        await harts.stop();
      }
    };
    assert.ok((await rests(PAUSE)) > 0);
    assert.equal(await rests(FENCE_R_R), 0);
  });
