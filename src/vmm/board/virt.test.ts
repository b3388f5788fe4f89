import { test } from 'node:test';
import assert from 'node:assert/strict';
import {
  attachBoard,
  type Board,
  BOARD_WORDS,
  boardDeadline,
  boardRead,
  boardReset,
  boardTick,
  boardWrite,
  VIRT,
} from './virt.ts';
import { DYNAMIC_INFORMATION, writeResetVector } from './reset-vector.ts';
import { uartReceive } from '../devices/ns16550a.ts';

function machine(harts = 2) {
  const events: string[] = [];
  const clock = { now: 1000 };
  const board: Board = attachBoard(
    new Int32Array(BOARD_WORDS),
    harts,
    () => clock.now,
    { seconds: 1_800_000_000, nanoseconds: 999_999_900 },
    {
      interrupt: (hart, bit, level) => events.push(`${hart}:${bit}=${level ? 1 : 0}`),
      timerMoved: (hart) => events.push(`timer ${hart}`),
      powerOff: (status) => events.push(`off ${status}`),
      reset: () => events.push('reset'),
    },
  );
  boardReset(board);
  const happened = (): string[] => events.splice(0);
  return { board, clock, happened };
}

test("QEMU's addresses and interrupt numbers", () => {
  assert.deepEqual(
    [VIRT.finisher.base, VIRT.rtc.base, VIRT.aclint.base, VIRT.plic.base, VIRT.uart0.base, VIRT.ram],
    [0x100000, 0x101000, 0x2000000, 0xc000000, 0x10000000, 0x80000000],
  );
  assert.deepEqual([VIRT.uart0.source, VIRT.rtc.source], [10, 11]);
  const virtio = { from: 0x1000_1000, to: 0x1000_9000, sources: [1, 2, 3, 4, 5, 6, 7, 8] };
  assert.ok(VIRT.uart1.base >= virtio.to && !virtio.sources.includes(VIRT.uart1.source));
});

test('input raises SEIP of the hart whose context listens, once; claim, read and completion lower it', () => {
  const { board, happened } = machine();
  const plic = VIRT.plic.base;
  boardWrite(board, 0, plic + 4 * 10, 4, 1);
  boardWrite(board, 0, plic + 0x2080 + 0x100, 4, 1 << 10); // hart 1, S-mode
  boardWrite(board, 0, VIRT.uart0.base + 1, 1, 1);
  assert.deepEqual(happened(), []);
  uartReceive(board.uart0, 65);
  boardTick(board);
  boardTick(board);
  assert.deepEqual(happened(), ['1:9=1']);
  assert.equal(boardRead(board, 1, plic + 0x20_3004, 4), 10);
  assert.deepEqual(happened(), ['1:9=0']);
  assert.equal(boardRead(board, 1, VIRT.uart0.base, 1), 65);
  boardWrite(board, 1, plic + 0x20_3004, 4, 10);
  assert.deepEqual(happened(), []);
});

test('MSIP and mtimecmp act on the hart that they name; its deadline follows', () => {
  const { board, clock, happened } = machine();
  const { base } = VIRT.aclint;
  boardWrite(board, 0, base + 4, 4, 1);
  assert.deepEqual(happened(), ['1:3=1']);
  assert.equal(boardDeadline(board, 1), Infinity);
  boardWrite(board, 0, base + 0x4008, 4, 2000);
  boardWrite(board, 0, base + 0x400c, 4, 0);
  assert.deepEqual(happened(), ['timer 1', 'timer 1']);
  assert.equal(boardDeadline(board, 1), 2000);
  clock.now = 2000;
  boardTick(board);
  assert.deepEqual(happened(), ['1:7=1']);
  assert.equal(boardDeadline(board, 1), Infinity);
  clock.now = 0x1_2345_6789;
  assert.equal(boardRead(board, 0, base + 0xbff8, 4), 0x2345_6789);
  assert.equal(boardRead(board, 0, base + 0xbffc, 4), 1);
});

test('the RTC counts exact nanoseconds from the epoch, and hart 0 is in time for its alarm', () => {
  const { board, clock, happened } = machine();
  const { base } = VIRT.rtc;
  const now = (): bigint => BigInt(boardRead(board, 0, base, 4)) | (BigInt(boardRead(board, 0, base + 4, 4)) << 32n);
  clock.now = 0;
  assert.equal(now(), 1_800_000_000_999_999_900n);
  clock.now = 1;
  assert.equal(now(), 1_800_000_001_000_000_000n);
  clock.now = 3_333_333_333_333;
  assert.equal(now(), 1_800_000_000_999_999_900n + 333_333_333_333_300n);

  boardWrite(board, 0, VIRT.plic.base + 4 * 11, 4, 1);
  boardWrite(board, 0, VIRT.plic.base + 0x2000, 4, 1 << 11);
  boardWrite(board, 0, base + 0x10, 4, 1);
  const due = now() + 5_000_000n;
  boardWrite(board, 1, base + 0x0c, 4, Number(due >> 32n));
  boardWrite(board, 1, base + 0x08, 4, Number(due & 0xffff_ffffn));
  assert.deepEqual(happened(), ['timer 0']);
  const deadline = boardDeadline(board, 0);
  assert.ok(deadline >= clock.now + 50_000 && deadline < clock.now + 50_040);
  clock.now += 49_999;
  boardTick(board);
  assert.deepEqual(happened(), []);
  clock.now = deadline;
  boardTick(board);
  assert.deepEqual(happened(), ['0:11=1']);
});

test('finisher: power-off and reset', () => {
  const { board, happened } = machine();
  boardWrite(board, 1, VIRT.finisher.base, 4, 0x0005_3333);
  assert.deepEqual(happened(), ['off 5']);
  boardReset(board);
  boardWrite(board, 1, VIRT.finisher.base, 2, 0x7777);
  assert.deepEqual(happened(), ['reset']);
});

test("the ROM holds QEMU's reset vector and OpenSBI's dynamic information", () => {
  const { board } = machine();
  writeResetVector(board.rom, 0x8000_0000, 0x8760_0000, 0x8020_0000);
  const word = (at: number): number => boardRead(board, 0, at, 4);
  assert.deepEqual([0x1000, 0x1014, 0x1018, 0x101c, 0x1020].map(word), [0x297, 0x28067, 0x8000_0000, 0, 0x8760_0000]);
  assert.equal(DYNAMIC_INFORMATION, 0x1028);
  assert.deepEqual(
    [0, 8, 16, 24].map((o) => word(0x1028 + o)),
    [0x4942534f, 2, 0x8020_0000, 1],
  );
  assert.deepEqual([boardRead(board, 0, 0x1029, 1), boardRead(board, 0, 0x102a, 2)], [0x53, 0x4942]);
  assert.equal(boardWrite(board, 0, 0x1000, 4, 0), false);
});

test('nothing answers elsewhere, misaligned, or at a width that a register does not have', () => {
  const { board } = machine();
  for (const address of [
    0,
    0x9000_0000,
    0x1000_0008,
    0x1000_1000,
    0xffff_ffff_f000,
    Number.MAX_SAFE_INTEGER - 7,
    0x2_0c00_0000,
  ]) {
    assert.equal(boardRead(board, 0, address, 4), -1);
    assert.equal(boardWrite(board, 0, address, 4, 0), false);
  }
  assert.equal(boardRead(board, 0, VIRT.uart0.base + 1, 2), -1);
  assert.equal(boardWrite(board, 0, VIRT.uart0.base + 2, 4, 0), false);
  assert.equal(boardRead(board, 0, VIRT.plic.base + 4, 2), -1);
  assert.equal(boardRead(board, 0, VIRT.aclint.base + 2, 4), -1);
  assert.equal(boardRead(board, 0, VIRT.plic.base + 4, 1), -1);
  assert.equal(boardWrite(board, 0, VIRT.finisher.base, 1, 0x55), false);
});

test('random accesses by any hart never throw and give values of their size', () => {
  const { board, clock } = machine(8);
  let seed = 11;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 7) % n;
  };
  const bases = [VIRT.rom, VIRT.finisher, VIRT.rtc, VIRT.aclint, VIRT.plic, VIRT.uart0, VIRT.uart1];
  const offsets = [0, 4, 0x1000, 0x2000, 0x2080, 0x4000, 0xbff8, 0x20_0000, 0x20_1004];
  for (let i = 0; i < 200_000; i++) {
    const region = bases[random(bases.length)];
    const address = region.base + offsets[random(offsets.length)] + random(80);
    const size = [1, 2, 4][random(3)];
    const value = [0, 1, 0xffff_ffff, random(0x7fffffff)][random(4)];
    if (random(2) === 0) {
      const got = boardRead(board, random(8), address, size);
      assert.ok(got === -1 || (Number.isInteger(got) && got >= 0 && got < 2 ** 32));
    } else boardWrite(board, random(8), address, size, value);
    if (random(20) === 0) {
      clock.now += random(1000);
      boardTick(board);
      assert.ok(boardDeadline(board, random(8)) >= 0);
    }
  }
});
