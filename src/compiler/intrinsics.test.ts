// Intrinsics, and what the core has little of (64-bit values, spilled registers, tables of jumps, several state classes):
// the same functions under Node and compiled, on values at their limits and random ones.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Hart, Machine } from '../riscv/index.ts';
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { A0, GP, RA, SP } from './instructions.ts';
import { INTRINSICS } from './intrinsic-table.ts';
import * as intrinsics from './intrinsics.ts';
import { GP_OFFSET } from './layout.ts';
import { readSources } from './source.ts';
import * as probe from './tests/probe.ts';
import { Random } from './tests/campaign.ts';

const RAM = 0x8000_0000;
const STATE = RAM + 0x10_0000;
const SCRATCH = RAM + 0x20_0000;
const PC = 32;
const MSCRATCH = 0x340;

const files = readSources([path.join(import.meta.dirname, 'tests/probe.ts')]);
const functions = Object.entries(probe).filter(([, f]) => typeof f === 'function' && !String(f).startsWith('class'));

class Bench {
  readonly hart: Hart;
  readonly state: DataView;
  readonly #symbols: ReadonlyMap<string, number>;
  readonly #compilation;
  constructor(check: boolean) {
    const asm = new Assembler();
    asm.label('return');
    asm.op('ebreak', 0);
    this.#compilation = compileInto(asm, files, { roots: functions.map(([name]) => name), check });
    emitTexts(asm, this.#compilation.unit);
    const linked = asm.link(RAM);
    this.#symbols = linked.symbols;
    const machine = Machine.create({ harts: 1, ramBase: RAM, ramBytes: 16 << 20, clock: 'instructions' });
    machine.ram.set(linked.bytes);
    const ram = new DataView(machine.ram.buffer, machine.ram.byteOffset, machine.ram.byteLength);
    this.state = ram;
    this.hart = new Hart(machine, 0, { read: () => -1, write: () => false, time: () => 0 });
    machine.reset(0, { pc: RAM, mode: 'M', a0: 0, a1: 0 });
    this.hart.stopsAtBreakpoints = true;
  }
  get size(): number {
    return this.#compilation.layout.size;
  }
  field(name: string, index = 0): number {
    const f = this.#compilation.layout.fields.get(name);
    assert.ok(f !== undefined, name);
    return this.state.getInt32(STATE - RAM + f.offset + index * f.stride, true);
  }
  call(name: string, args: readonly (bigint | number)[]): bigint {
    const { hart } = this;
    const home = this.#symbols.get('return') ?? 0;
    hart.writeRegister(RA, BigInt(home));
    hart.writeRegister(SP, BigInt(RAM + (16 << 20)));
    hart.writeRegister(GP, BigInt(STATE + GP_OFFSET));
    args.forEach((a, i) => hart.writeRegister(A0 + i, BigInt.asUintN(64, BigInt(a))));
    hart.writeRegister(PC, BigInt(this.#symbols.get(name) ?? 0));
    const stop = hart.run(1_000_000);
    assert.equal(stop.why, 'breakpoint', `${name}: ${JSON.stringify(stop)}`);
    assert.equal(hart.readRegister(PC), BigInt(home), name);
    return BigInt.asIntN(64, hart.readRegister(A0));
  }
}

/** Memory, mscratch and texts under Node. */
function platform(k: probe.Probe): void {
  const bytes = new DataView(new ArrayBuffer(256));
  const literal = 'letters\0';
  let scratch = 0n;
  const CELLS_AT = 0x1000n;
  intrinsics.attachPlatform({
    load: (at, size) => {
      if (at < 0x100n) return BigInt(literal.charCodeAt(Number(at)));
      const offset = Number(at) - SCRATCH;
      return size === 1 ? BigInt(bytes.getUint8(offset)) : size === 4 ? BigInt(bytes.getInt32(offset, true)) : bytes.getBigInt64(offset, true); // prettier-ignore
    },
    store: (at, size, value) => {
      if (at >= CELLS_AT && at < CELLS_AT + 64n) {
        k.cells[Number(at - CELLS_AT) / 4] = Number(BigInt.asIntN(32, value));
        return;
      }
      const offset = Number(at) - SCRATCH;
      if (size === 1) bytes.setUint8(offset, Number(value));
      else if (size === 4) bytes.setUint32(offset, Number(value), true);
      else bytes.setBigUint64(offset, value, true);
    },
    readCsr: () => scratch,
    writeCsr: (csr, value) => {
      assert.equal(csr, MSCRATCH);
      scratch = value;
    },
    ecall: () => 0,
    system: () => {},
    text: () => 0n,
    symbol: () => 0n,
    port: () => 0,
    addressOf: () => CELLS_AT,
  });
}

const LIMITS = [
  0n,
  1n,
  -1n,
  2n,
  7n,
  0x7fff_ffffn,
  0x8000_0000n,
  -0x8000_0000n,
  1n << 32n,
  (1n << 63n) - 1n,
  -(1n << 63n),
];
const words: Record<string, readonly ('word' | 'int' | 'count' | 'address' | 'small' | 'op')[]> = {
  sum: ['word', 'word'], difference: ['word', 'word'], product: ['word', 'word'], quotient: ['word', 'word'],
  remainder: ['word', 'word'], bits: ['word', 'word'], isBelow: ['word', 'word'], isBelowBranch: ['word', 'word'],
  isLess: ['word', 'word'], left: ['word', 'count'], right: ['word', 'count'], halves: ['word'], joined: ['int', 'int'],
  widened: ['int'], memory: ['address', 'word', 'small'], control: ['word', 'word', 'word'], letter: ['op'], aliased: ['small'],
  crowded: ['int', 'int'], touched: ['small'], divided: ['int'], chosen: ['op', 'int'],
}; // prettier-ignore

for (const check of [false, true]) {
  test(`every function gives under Node what it gives compiled${check ? ', with bounds checked' : ''}`, () => {
    const bench = new Bench(check);
    const random = new Random(3);
    const word = (): bigint =>
      random.chance(2)
        ? random.of(LIMITS)
        : BigInt.asIntN(64, (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32)));
    const make = {
      word,
      int: () => Number(BigInt.asIntN(32, word())),
      count: () => random.below(64),
      address: () => BigInt(SCRATCH),
      small: () => random.below(4096) - 2048,
      op: () => random.below(8),
    };
    const k = new probe.Probe();
    const o = new probe.Other();
    platform(k);
    for (const [name, f] of functions) {
      const kinds = words[name];
      assert.ok(kinds !== undefined, `no arguments for ${name}`);
      const states = f.length - kinds.length;
      for (let n = 0; n < 60; n++) {
        const args = kinds.map((kind) => make[kind]());
        const source = f as unknown as (...args: unknown[]) => bigint | number | boolean;
        const expected = source(...[k, o].slice(0, states), ...args);
        const mine = bench.call(name, args);
        assert.equal(mine, BigInt(expected), `${name}(${args.join(', ')})`);
        assert.equal(bench.field('total'), k.total, name);
        assert.equal(bench.field('count'), o.count, name);
        for (let i = 0; i < k.cells.length; i++)
          assert.equal(bench.field('cells', i), k.cells[i], `${name}: cells[${i}]`);
      }
    }
  });
}

test('the compiler knows exactly the intrinsics that programs may use', () => {
  const declared = Object.keys(intrinsics).filter((name) => name !== 'attachPlatform');
  assert.deepEqual(declared.toSorted(), [...INTRINSICS.keys()].toSorted());
  for (const [name, { parameters }] of INTRINSICS) {
    assert.equal((intrinsics as unknown as Record<string, { length: number }>)[name].length, parameters.length, name);
  }
});

test('what the language does not have is refused, with file, line and rule', () => {
  const refused = (text: string, message: RegExp): void => {
    assert.throws(() => compileInto(new Assembler(), [{ name: 'x.ts', text }], { roots: ['f'] }), message);
  };
  refused(
    'export function f(a: number): number {\n  return a / 3;\n}',
    /^OutsideLanguage: x\.ts:2:10: no such operator/,
  );
  refused(
    'export function f(a: string): void {}',
    /x\.ts:1:19: a type is number, boolean, Word, void or a state class/,
  );
  refused('import fs from "node:fs";\nexport function f(): void {}', /x\.ts:1:1: no such import/);
  refused(
    'const N = 4;\nexport class K { t = new Int32Array(N); }\nexport function f(k: K): number { return k.t[4]; }',
    /x\.ts:3:42: index out of bounds/,
  );
  refused('export function f(a: number): number { while (a > 0) a -= 1; return a; }', /no such statement/);
  refused('export function f(): void { f(); }', /recursion/);
});
