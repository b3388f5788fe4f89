// Nothing that guest code does may fault the engine or exceed a budget: random instructions, CSRs, page tables and interrupts.

import assert from 'node:assert/strict';
import test from 'node:test';
import { CSR0, Hart } from '../hart.ts';
import { Machine } from '../machine.ts';
import { CSR, RAM } from './assembly.ts';

const OPCODES = [3, 7, 15, 19, 23, 27, 35, 39, 47, 51, 55, 59, 67, 83, 99, 103, 111, 115];
const SYSTEM = [0x73, 0x100073, 0x10200073, 0x30200073, 0x10500073, 0x12000073, 0x100f, 0x12050073];
const CSRS = Object.values(CSR);
const CODE_WORDS = 0x4000;
const TABLE_WORDS = 0x1000;
const PROGRAMS = 60;

/** xorshift32: integers below `limit`, a power of two or small. */
function randomFrom(seed: number): (limit?: number) => number {
  let state = seed;
  return (limit = 2 ** 32) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

void test('random code stops by its budget, by WFI or with a firmware call, and by nothing else', () => {
  const random = randomFrom(20261124);
  const machine = Machine.create({ harts: 1, ramBase: RAM, ramBytes: 16 << 20, clock: 'instructions' });
  const hart = new Hart(machine, 0, {
    read: (_address, size) => (random(4) === 0 ? -1 : random(2 ** (8 * size))),
    write: () => random(4) !== 0,
    time: () => 0,
  });
  const words = new Uint32Array(machine.ram.buffer, machine.ram.byteOffset, machine.ram.length / 4);
  const instruction = (): number => {
    const kind = random(32);
    if (kind === 0) return SYSTEM[random(SYSTEM.length)];
    if (kind === 1) return (CSRS[random(CSRS.length)] << 20) | (random(2 ** 13) << 7) | 0x73;
    return kind < 8 ? random() : (random() & ~0x7f) | OPCODES[random(OPCODES.length)];
  };
  let stops = 0;
  for (let program = 0; program < PROGRAMS; program++) {
    for (let k = 0; k < CODE_WORDS; k++) words[k] = instruction();
    // half of the entries of a page full of tables lead into the first megabytes of RAM
    for (let k = CODE_WORDS; k < CODE_WORDS + TABLE_WORDS; k += 2) {
      words[k] = RAM / 4 + random(0x1000) * 0x400 + random(0x100);
      words[k + 1] = random(8) === 0 ? random() : 0;
    }
    const mode = (['U', 'S', 'M'] as const)[random(3)];
    hart.reset({ pc: RAM + random(0x8000) * 2, mode, a0: random(), a1: random(), firmware: random(2) === 0 });
    for (let x = 1; x < 32; x++)
      hart.writeRegister(x, random(4) ? BigInt(RAM + random(0x20000)) : BigInt(random()) << BigInt(random(40)));
    for (const csr of CSRS)
      if (random(3) === 0) hart.writeRegister(CSR0 + csr, (BigInt(random()) << 32n) | BigInt(random()));
    if (random(2)) {
      const root = BigInt((RAM >>> 12) + CODE_WORDS / 1024 + random(TABLE_WORDS / 1024));
      hart.writeRegister(CSR0 + CSR.satp, (BigInt(8 + random(2)) << 60n) | root);
    }
    if (random(2)) {
      hart.writeRegister(CSR0 + CSR.mtvec, BigInt(RAM + random(0x4000) * 4));
      hart.writeRegister(CSR0 + CSR.stvec, BigInt(RAM + random(0x4000) * 4));
    }
    for (let slice = 0; slice < 10; slice++) {
      const budget = 1 + random(5000);
      const before = hart.instret;
      const stop = hart.run(budget);
      assert.notEqual(stop.why, 'engine-error', JSON.stringify(stop));
      assert.ok(hart.instret - before <= budget);
      if (stop.why !== 'budget') stops++;
      machine.setInterrupt(0, [1, 3, 5, 7, 9, 11][random(6)], random(2) === 1);
      if (random(16) === 0) machine.fence(1, random(2) === 1);
    }
  }
  assert.ok(stops > 0);
});
