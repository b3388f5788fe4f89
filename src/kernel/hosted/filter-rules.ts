// What a partition's filter lets through, with tests on arguments, as instructions of classic BPF (seccomp.ts). Not loaded into the kernel process.
import { numberOf } from './call-numbers.ts';
import type { FilteredCall } from './call-numbers.ts';
import { ACTION, JUMP_EQUAL, LOAD, RETURN } from './seccomp.ts';
import type { Instruction } from './seccomp.ts';

/**
 * A test on one argument's low 32 bits. All tests of a call must hold.
 * The upper halves are not looked at: every argument named here is an int to the kernel.
 */
export type ArgumentTest =
  | { readonly argument: number; readonly isOneOf: readonly number[]; readonly mask?: number }
  | { readonly argument: number; readonly hasBits: number };

export interface CallRule {
  readonly call: FilteredCall;
  readonly tests?: readonly ArgumentTest[];
}

const JUMP_SET = 0x45;
const AND = 0x54;
/** Offset in struct seccomp_data. */
const offsetArgument = (i: number) => 16 + 8 * i;

/** In that order: hot calls first. */
export function allowing(rules: readonly CallRule[]): Instruction[] {
  const program: Instruction[] = [];
  for (const { call, tests = [] } of rules) {
    const number = numberOf(call);
    if (number === undefined) continue;
    // The block after the comparison: tests, "allow", "refuse". Each test falls through or jumps to "refuse".
    const block = testBlock(tests);
    program.push([JUMP_EQUAL, 0, block.length, number], ...block);
  }
  return program;
}

function testBlock(tests: readonly ArgumentTest[]): Instruction[] {
  if (tests.length === 0) return [[RETURN, 0, 0, ACTION.allow]];
  const lengths = tests.map((t) => ('hasBits' in t ? 2 : t.isOneOf.length + (t.mask === undefined ? 1 : 2)));
  const total = lengths.reduce((a, b) => a + b, 0);
  const block: Instruction[] = [];
  const toRefuse = () => total - block.length; // from the next instruction to the last of the block
  for (const test of tests) {
    block.push([LOAD, 0, 0, offsetArgument(test.argument)]);
    if ('hasBits' in test) {
      block.push([JUMP_SET, 0, toRefuse(), test.hasBits]);
      continue;
    }
    if (test.mask !== undefined) block.push([AND, 0, 0, test.mask]);
    test.isOneOf.forEach((value, i) => {
      const left = test.isOneOf.length - 1 - i;
      block.push([JUMP_EQUAL, left, left === 0 ? toRefuse() : 0, value >>> 0]);
    });
  }
  block.push([RETURN, 0, 0, ACTION.allow], [RETURN, 0, 0, ACTION.eperm]);
  return block;
}
