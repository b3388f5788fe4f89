// A core in two forms that must agree: its source in V8, and its machine code in our engine. Each call is made in both;
// results and tables are compared.
import assert from 'node:assert/strict';
import { Hart, Machine } from '../../riscv/index.ts';
import { Assembler } from '../assemble.ts';
import { compileInto } from '../compile.ts';
import { A0, GP, RA, SP } from '../instructions.ts';
import { GP_OFFSET } from '../layout.ts';
import type { Linked } from '../assemble.ts';
import type { Compilation } from '../compile.ts';
import type { SourceFile } from '../../proof/language.ts';
import type { Layout } from '../layout.ts';

const RAM = 0x8000_0000;
const STATE = RAM + (1 << 20);
const PC = 32;
/** No call of a core takes nearly as many. */
const BUDGET = 100_000_000;

/** An instance of a state class. */
export type State = Record<string, number | Int32Array>;
/** The exports of a core's module. */
export type Core = Readonly<Record<string, unknown>>;

export class Twin {
  readonly linked: Linked;
  readonly compilation: Compilation;
  readonly layout: Layout;
  readonly #module: Core;
  readonly #hart: Hart;
  readonly #words: Int32Array;
  readonly #stack: bigint;
  readonly #return: bigint;

  constructor(module: Core, files: readonly SourceFile[], roots: readonly string[]) {
    const asm = new Assembler();
    asm.label('return');
    asm.op('ebreak', 0);
    this.#module = module;
    this.compilation = compileInto(asm, files, { roots });
    this.layout = this.compilation.layout;
    this.linked = asm.link(RAM);
    assert.ok(this.linked.bytes.length < STATE - RAM);
    const ramBytes = 16 << 20;
    const machine = Machine.create({ harts: 1, ramBase: RAM, ramBytes, clock: 'instructions' });
    machine.ram.set(this.linked.bytes);
    this.#hart = new Hart(machine, 0, { read: () => -1, write: () => false, time: () => 0 });
    machine.reset(0, { pc: RAM, mode: 'M', a0: 0, a1: 0 });
    this.#hart.stopsAtBreakpoints = true;
    this.#words = new Int32Array(machine.ram.buffer, machine.ram.byteOffset + STATE - RAM, this.layout.size / 4);
    this.#stack = BigInt(RAM + ramBytes);
    this.#return = BigInt(this.linked.symbols.get('return') ?? 0);
  }

  /** Puts the state of the source's side into the machine's memory. */
  put(state: State): void {
    for (const f of this.layout.fields.values()) {
      const value = state[f.name];
      if (typeof value === 'number') this.#words[f.offset / 4] = value;
      else if (f.stride === 4) this.#words.set(value, f.offset / 4);
      else for (let i = 0; i < f.count; i++) this.#words[(f.offset + i * f.stride) / 4] = value[i];
    }
  }
  /** Puts one contiguous table. */
  copy(state: State, name: string): void {
    const f = this.layout.fields.get(name);
    assert.equal(f?.stride, 4);
    this.#words.set(state[name] as Int32Array, (f?.offset ?? 0) / 4);
  }
  /** Where the two sides differ, or undefined. */
  difference(state: State): string | undefined {
    for (const f of this.layout.fields.values()) {
      const value = state[f.name];
      const at = f.offset / 4;
      if (typeof value === 'number') {
        if (this.#words[at] !== value) return `${f.name}: ${this.#words[at]} instead of ${value}`;
        continue;
      }
      const step = f.stride / 4;
      if (step === 1) {
        const mine = Buffer.from(this.#words.buffer, this.#words.byteOffset + f.offset, f.count * 4);
        if (mine.equals(Buffer.from(value.buffer, value.byteOffset, value.byteLength))) continue;
      }
      for (let i = 0; i < f.count; i++) {
        const word = this.#words[at + i * step];
        if (word !== value[i]) return `${f.name}[${i}]: ${word} instead of ${value[i]}`;
      }
    }
    return undefined;
  }
  /** Calls a function in both forms. Throws AssertionError when the results differ, or the code breaks a convention. */
  call(state: State, name: string, args: readonly number[]): { result: number | undefined; instructions: number } {
    const source = this.#module[name] as (k: State, ...args: number[]) => number | boolean | undefined;
    const expected = source(state, ...args);
    const hart = this.#hart;
    const entry = this.linked.symbols.get(name);
    assert.ok(entry !== undefined, name);
    const saved = [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
    for (const r of saved) hart.writeRegister(r, BigInt(0x5000 + r));
    hart.writeRegister(RA, this.#return);
    hart.writeRegister(SP, this.#stack);
    hart.writeRegister(GP, BigInt(STATE + GP_OFFSET));
    args.forEach((a, i) => hart.writeRegister(A0 + i, BigInt.asUintN(64, BigInt(a))));
    hart.writeRegister(PC, BigInt(entry));
    const before = hart.instret;
    const stop = hart.run(BUDGET);
    const what = `${name}(${args.join(', ')})`;
    assert.equal(stop.why, 'breakpoint', `${what}: ${JSON.stringify(stop)} at ${hart.readRegister(PC).toString(16)}`);
    assert.equal(hart.readRegister(PC), this.#return, what);
    assert.equal(hart.readRegister(SP), this.#stack, `${what}: sp`);
    for (const r of saved) assert.equal(hart.readRegister(r), BigInt(0x5000 + r), `${what}: x${r}`);
    const result = expected === undefined ? undefined : Number(expected);
    if (result !== undefined) {
      assert.equal(BigInt.asIntN(64, hart.readRegister(A0)), BigInt(result), `${what}: result`);
    }
    return { result, instructions: hart.instret - before };
  }
}
