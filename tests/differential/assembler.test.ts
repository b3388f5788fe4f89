import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assemble, disassemble } from './assembler.ts';
import { Context } from './context.ts';
import { decode, INSTRUCTIONS } from './instructions.ts';
import { Random } from './random.ts';
import { bareSpace } from './space.ts';

const ROUNDS = 50;

void test('every instruction decodes to itself, and its disassembly assembles to the same word', () => {
  const random = new Random(1);
  const quiet = { medeleg: 0, mideleg: 0, atomicFaults: false, aligned: false };
  const context = new Context(random, bareSpace(), 3, quiet);
  for (const instruction of INSTRUCTIONS) {
    for (let i = 0; i < ROUNDS; i++) {
      // With x2 it is c.addi16sp.
      const item = context.fill(instruction, instruction.name === 'c.lui' ? { crd: 5 } : {});
      assert.ok(item.kind === 'word');
      assert.equal(decode(item.word)?.name, instruction.name);
      const text = disassemble(item.word);
      const { bytes } = assemble(text, 0);
      const view = new DataView(bytes.buffer);
      assert.equal(bytes.length, instruction.size, text);
      assert.equal(instruction.size === 4 ? view.getInt32(0, true) : view.getUint16(0, true), item.word, text);
    }
  }
});

void test('encodings of the manuals', () => {
  const words: [string, number][] = [
    ['addi x1,x2,-1', 0xfff10093],
    ['jal x1,-2', 0xfffff0ef],
    ['fence.i', 0x0000100f],
    ['amomaxu.d.aqrl x10,x11,(x12)', 0xe6b6352f],
    ['fcvt.d.s f1,f2,rne', 0x420100d3],
    ['c.addi16sp -64', 0x7139],
    ['c.ldsp x1,8', 0x60a2],
    ['csrrw x0,satp,x10', 0x18051073],
  ];
  for (const [text, word] of words) {
    const { bytes } = assemble(text, 0);
    const view = new DataView(bytes.buffer);
    assert.equal(bytes.length === 4 ? view.getUint32(0, true) : view.getUint16(0, true), word, text);
  }
});
