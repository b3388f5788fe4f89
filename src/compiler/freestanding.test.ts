// ELF files of other toolchains as partitions: what is accepted lies where it should and is adjusted to that, all else is refused with its
// reason. The files here are made by hand; tests/metal-systems.test.ts has a real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DISTANCE, readFreestanding } from './freestanding.ts';
import { Random } from './tests/campaign.ts';

const [CODE, DATA] = [0x1000, DISTANCE + 0x1000];
const NO_FACTS = { numbers: new Map([['ask', 3]]), streams: [] };
const BASE = 0x8040_0000;
const EBREAK = 0x0010_0073;
const [READ, WRITE, EXECUTE] = [4, 2, 1];

interface Header {
  readonly type: number;
  readonly flags: number;
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly memory?: number;
  readonly fileBytes?: number;
}
const words = (...values: readonly number[]): Uint8Array => new Uint8Array(BigUint64Array.from(values, BigInt).buffer);
const code: Header = {
  type: 1,
  flags: READ | EXECUTE,
  at: CODE,
  bytes: new Uint8Array(Int32Array.of(EBREAK, EBREAK).buffer),
};
/** A pointer to the code's second instruction, a number; one word of zeros behind them. */
const data: Header = { type: 1, flags: READ | WRITE, at: DATA, bytes: words(0, 7), memory: 24 };
/** In a page of its own: the dynamic section, and a relocation of the first word of data. */
const TABLE = 0x2000;
const relocations = (kind: number, at = DATA, addend = CODE + 4): Uint8Array => words(at, kind, addend);
function dynamic(table = relocations(3), more: readonly number[] = []): Header[] {
  const tags = words(...more, 7, TABLE, 8, table.length, 9, 24, 0, 0);
  const at = TABLE + table.length;
  return [
    { type: 1, flags: READ, at: TABLE, bytes: Uint8Array.from([...table, ...tags]) },
    { type: 2, flags: READ, at, bytes: tags },
  ];
}
function elf(headers: readonly Header[], { type = 3, machine = 243, entry = CODE } = {}): Uint8Array {
  const begin = 64 + headers.length * 56;
  const file = new Uint8Array(begin + headers.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, headers.length, true);
  let offset = begin;
  headers.forEach((header, i) => {
    const at = 64 + i * 56;
    view.setUint32(at, header.type, true);
    view.setUint32(at + 4, header.flags, true);
    const fields = [
      offset,
      header.at,
      header.at,
      header.fileBytes ?? header.bytes.length,
      header.memory ?? header.bytes.length,
    ];
    fields.forEach((value, n) => view.setBigUint64(at + 8 + n * 8, BigInt(value), true));
    file.set(header.bytes, offset);
    offset += header.bytes.length;
  });
  return file;
}
const GOOD = [code, data, ...dynamic()];

test('a program is put where it runs, its pointers adjusted, its initial data and facts behind its code', () => {
  const program = readFreestanding('p', elf(GOOD));
  assert.ok(program.dataBytes >= 0x1000 + 24 + 0x1000);
  const image = program.image(BASE, NO_FACTS);
  const view = new DataView(image.buffer);
  assert.equal(view.getUint32(CODE, true), EBREAK);
  const tail = TABLE + 24 + 64;
  assert.deepEqual(
    [0, 8].map((at) => Number(view.getBigUint64(tail + at, true))),
    [BASE + CODE + 4, 7],
  );
  assert.equal(new TextDecoder().decode(image.subarray(tail + 16, tail + 20)), 'ask\0');
  assert.equal(view.getInt32(tail + 16 + 60, true), 3);
  assert.equal(image[tail + 16 + 64], 0);
});

/** What is wrong with a file, and what is said about it. */
const WRONG: readonly (readonly [RegExp, () => Uint8Array])[] = [
  [/not an ELF file/, () => new Uint8Array()],
  [/not an ELF file/, () => new TextEncoder().encode('#!/bin/sh\n'.repeat(10))],
  [/not a 64-bit/, () => elf(GOOD).with(4, 1)],
  [/not for RISC-V/, () => elf(GOOD, { machine: 62 })],
  [/not linked/, () => elf(GOOD, { type: 1 })],
  [/linked for one place/, () => elf([code, data], { type: 2 })],
  [/program headers are damaged/, () => elf(GOOD).subarray(0, 100)],
  [/program headers are damaged/, () => elf([])],
  [/is damaged/, () => elf(GOOD).subarray(0, elf(GOOD).length - 150)],
  [/is damaged/, () => elf([{ ...code, fileBytes: 4096 }, ...dynamic()])],
  [/is damaged/, () => elf([{ ...code, memory: 4 }, ...dynamic()])],
  [/asks for a dynamic linker/, () => elf([...GOOD, { type: 3, flags: READ, at: 0x3000, bytes: words(0) }])],
  [/thread-local/, () => elf([...GOOD, { type: 7, flags: READ, at: 0x3000, bytes: words(0) }])],
  [/both written and executed/, () => elf([{ ...code, flags: 7 }, ...dynamic()])],
  [/\(code\) is not within/, () => elf([{ ...code, at: 0 }, ...dynamic()], { entry: 0 })],
  [/\(code\) is not within/, () => elf([{ ...code, at: 0x8000_0000 }, ...dynamic()])],
  [/\(code\) is not within/, () => elf([code, { ...data, flags: READ }, ...dynamic()])],
  [/\(data\) is not within/, () => elf([code, { ...data, at: DISTANCE }, ...dynamic()])],
  [/\(data\) is not within/, () => elf([code, { ...data, memory: DISTANCE }, ...dynamic()])],
  [/data and stack need/, () => elf([code, { ...data, memory: DISTANCE - 0x1000 }, ...dynamic()])],
  [/zeros that nothing may write/, () => elf([{ ...code, memory: 4096 }, ...dynamic()])],
  [/lies over another/, () => elf([code, { ...code, at: CODE + 4 }, ...dynamic()])],
  [/the entry, 0x0/, () => elf(GOOD, { entry: 0 })],
  [/the entry, 0x101000/, () => elf(GOOD, { entry: DATA })],
  [/shared library/, () => elf([code, data, ...dynamic(relocations(3), [1, 1])])],
  [/functions that are not in it/, () => elf([code, data, ...dynamic(relocations(3), [2, 24])])],
  [/another form than RELA/, () => elf([code, data, ...dynamic(relocations(3), [36, 1])])],
  [/relocation 2/, () => elf([code, data, ...dynamic(relocations(2))])],
  [/relocation 3/, () => elf([code, data, ...dynamic(relocations(3 + 2 ** 32))])],
  [/is not in the file/, () => elf([code, data, ...dynamic(relocations(3, DATA + 12))])],
  [/is not in the file/, () => elf([code, data, ...dynamic(relocations(3, 2 ** 31))])],
  [/points to/, () => elf([code, data, ...dynamic(relocations(3, DATA, 2 ** 31))])],
  [/is 0x1/, () => elf([{ ...code, at: 2 ** 40 }, ...dynamic()])],
];
for (const [reason, file] of WRONG) {
  test(`refused: ${reason.source}`, () => {
    assert.throws(
      () => readFreestanding('greeter', file()),
      ({ message }: Error) => message.startsWith('greeter: ') && reason.test(message),
    );
  });
}

test('whatever bytes are changed, the file is refused with a reason, or nothing lies outside its two regions', () => {
  const random = new Random(11);
  let refused = 0;
  for (let round = 0; round < 1000; round++) {
    const file = elf(GOOD);
    for (let i = 0; i < 1 + random.below(3); i++) file[random.below(file.length)] = random.below(256);
    try {
      const image = readFreestanding('p', file).image(BASE, NO_FACTS);
      assert.ok(image.length <= DISTANCE);
    } catch (error) {
      assert.ok(error instanceof Error && error.message.startsWith('p: '), String(error));
      assert.ok(!(error.cause instanceof RangeError), String(error));
      refused++;
    }
  }
  assert.ok(refused > 100);
});
