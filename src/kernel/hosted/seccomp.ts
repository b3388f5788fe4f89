// seccomp filters (seccomp(2)): an assembler for the classic BPF that they are made of. The lists are jail-lists.ts.
import { AUDIT_ARCH, addressOf, callNumber, must } from './linux.ts';
import type { CallName } from './linux.ts';

/** What a filter answers (linux/seccomp.h). */
export const ACTION = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  /** SECCOMP_RET_ERRNO with EPERM and ENOSYS. */
  eperm: 0x00050001,
  enosys: 0x00050026,
} as const;

/**
 * A test on one argument's low 32 bits. All tests of a call must hold.
 * The upper halves are not looked at: every argument named here is an int to the kernel.
 */
export type ArgumentTest =
  | { readonly argument: number; readonly isOneOf: readonly number[]; readonly mask?: number }
  | { readonly argument: number; readonly hasBits: number };

export interface CallRule<Call extends string = CallName> {
  readonly call: Call;
  readonly tests?: readonly ArgumentTest[];
}

/** One instruction: struct sock_filter { u16 code; u8 jt, jf; u32 k } */
export type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_SET = 0x45;
const AND = 0x54;
const RETURN = 0x06;
/** Offsets in struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6] }, little-endian. */
const OFFSET_NUMBER = 0;
const OFFSET_ARCH = 4;
const offsetArgument = (i: number) => 16 + 8 * i;
/** x32 calls have this bit in their number and would pass a filter that knows only x86-64 numbers. */
const X32_BIT = 0x40000000;

/**
 * The filter: `allow` in that order (hot calls first), then `special`, then `otherwise` for every other call. `numberOf`: undefined of
 * a call that this machine does not have.
 */
export function assemble<Call extends string>(
  allow: readonly CallRule<Call>[],
  special: readonly { readonly call: Call; readonly action: number }[],
  otherwise: number,
  numberOf: (call: Call) => number | undefined,
): Instruction[] {
  const program: Instruction[] = [
    [LOAD, 0, 0, OFFSET_ARCH],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH],
    [RETURN, 0, 0, ACTION.killProcess],
    [LOAD, 0, 0, OFFSET_NUMBER],
  ];
  if (process.arch === 'x64') program.push([JUMP_GREATER, 0, 1, X32_BIT - 1], [RETURN, 0, 0, ACTION.killProcess]);
  for (const { call, tests = [] } of allow) {
    const number = numberOf(call);
    if (number === undefined) continue;
    // The block after the comparison: tests, "allow", "refuse". Each test falls through or jumps to "refuse".
    const block = testBlock(tests);
    program.push([JUMP_EQUAL, 0, block.length, number], ...block);
  }
  for (const { call, action } of special) {
    const number = numberOf(call);
    if (number !== undefined) program.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, action]);
  }
  program.push([RETURN, 0, 0, otherwise]);
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

/** Installs a filter for the calling thread, or (`allThreads`) for the whole process. Throws SystemCallError. */
export function installFilter(program: readonly Instruction[], allThreads: boolean): void {
  const SECCOMP_SET_MODE_FILTER = 1;
  const FLAG_TSYNC = 1;
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([code, jumpTrue, jumpFalse, operand], i) => {
    bytes.setUint16(i * 8, code, true);
    bytes.setUint8(i * 8 + 2, jumpTrue);
    bytes.setUint8(i * 8 + 3, jumpFalse);
    bytes.setUint32(i * 8 + 4, operand, true);
  });
  // struct sock_fprog { u16 len; struct sock_filter *filter }
  const header = new BigUint64Array([BigInt(program.length), addressOf(bytes)]);
  const thread = must('seccomp', SECCOMP_SET_MODE_FILTER, allThreads ? FLAG_TSYNC : 0, addressOf(header));
  if (thread > 0) throw new Error(`thread ${thread} did not take the filter`); // TSYNC names the thread that differs
}

/**
 * For the thread that starts partitions, and so for them from birth: no io_uring. libuv makes a ring in every loop, whatever
 * the environment says, and a ring made before a partition's own filter stands passes it by.
 */
export function noIoUring(): Instruction[] {
  return assemble([], [{ call: 'io_uring_setup', action: ACTION.enosys }], ACTION.allow, callNumber);
}
