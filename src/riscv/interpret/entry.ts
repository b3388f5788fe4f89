// The interpreter's form of an instruction: one 32-bit entry.
//
//           31..27 26..24  23..19  18      17..13  12..8   7..0
//   R, R4   rs3    rm      rs2     length  rs1     rd      operation
//   I       immediate 31..20       length  rs1     rd      operation
//   S       immediate 31..20       length  rs1     rs2     operation
//   B       (immediate / 2) 31..20 length  rs1     rs2     operation
//   CSR     CSR number 31..20      1       rs1     rd      operation
//   U       immediate 31..12                       rd mod 16 (11..8)
//   J       (immediate / 2) 31..12                 rd mod 16 (11..8)
//
// length: 1 for four bytes. Register fields lie so that one shift and one mask make them byte offsets.

import { decode } from '../decode.ts';
import type { Instruction } from '../decode.ts';
import { FORMATS, NAMES, NUMBER } from '../instructions.ts';
import type { Name } from '../instructions.ts';

/** Operations that are not instructions; instruction number n is operation n + FIRST. */
export const UNDECODED = 0;
export const PAGE_END = 1;
/** The last halfword of a page begins a 4-byte instruction. */
export const CROSSING = 2;
/** A translated region begins here; its number is in the bits above (`translate/`). */
export const REGION = 3;
export const FIRST = 4;

/**
 * The commonest pairs of neighbours: half of what Debian's kernel and shell execute. The first one's entry may have an
 * operation that ends by going to the second one's directly: the jump through the table of operations, which the
 * host's branch predictor rarely guesses, is saved. What is executed, and where it may stop, is not changed.
 */
export const PAIRS: readonly (readonly [first: Name, second: Name])[] = (
  'sd sd,ld ld,lbu addi,addi addi,addi add,addi bne,addi beq,ld addi,add lbu,addi sd,add add,sd addi,lbu beq,addi sltiu,' +
  'or beq,andi or,sltiu andi,addiw addi,auipc jalr,andi bne,addi bgeu,addi jr,add addi,add j,ld add,add ld,sltu sltu,' +
  'auipc addi,slli add,slli srli,srli add,ld sd,lbu bne,add beq,add bne,addi lbu'
)
  .split(',')
  .map((pair) => pair.split(' ') as [Name, Name]);
/** Operation of the first pair. */
export const FIRST_PAIR = FIRST + NAMES.length;
if (FIRST_PAIR + PAIRS.length > 256) throw new Error('more operations than an entry has room for');
/** Operation of the pair by the operations of its first (times 256) and second; 0: they are none. */
const pairOperations = new Uint8Array(0x10000);
PAIRS.forEach(([first, second], k) => {
  pairOperations[(NUMBER[first] + FIRST) * 256 + NUMBER[second] + FIRST] = FIRST_PAIR + k;
});

export function entryOf(instruction: Instruction): number {
  const { number, rd, rs1, rs2, rs3, rm, immediate, length } = instruction;
  const operation = number + FIRST;
  const common = operation | (rd << 8) | (rs1 << 13) | (length === 4 ? 1 << 18 : 0);
  switch (FORMATS[number]) {
    case 'R':
    case 'R4':
      return common | (rs2 << 19) | (rm << 24) | (rs3 << 27);
    case 'I':
    case 'CSR':
      return common | (immediate << 20);
    case 'S':
      return common | (rs2 << 8) | (immediate << 20);
    case 'B':
      return common | (rs2 << 8) | ((immediate >> 1) << 20);
    case 'U':
      return operation | ((rd & 15) << 8) | immediate;
    case 'J':
      return operation | ((rd & 15) << 8) | ((immediate >> 1) << 12);
    case 'none':
      return common;
  }
}

// A program has far fewer different instruction words than instructions: remember the latest by hash.
const CACHE_BITS = 13;
const cachedWords = new Int32Array(1 << CACHE_BITS);
const cachedEntries = new Int32Array(1 << CACHE_BITS);
/** Entries of compressed instructions by their halfword; 0: not known yet. */
const compressedEntries = new Int32Array(0x10000);

/** The entry for an instruction's bits; of a compressed one the upper 16 do not matter. */
export function decodeEntry(bits: number): number {
  if ((bits & 3) !== 3) {
    const halfword = bits & 0xffff;
    return compressedEntries[halfword] || (compressedEntries[halfword] = entryOf(decode(halfword)));
  }
  const slot = Math.imul(bits, 0x9e3779b1) >>> (32 - CACHE_BITS);
  if (cachedWords[slot] === bits) return cachedEntries[slot];
  const entry = entryOf(decode(bits));
  cachedWords[slot] = bits;
  cachedEntries[slot] = entry;
  return entry;
}

/** The entry for an instruction's bits when `following` are the bits after it (0: unknown). */
export function decodeBefore(bits: number, following: number): number {
  const entry = decodeEntry(bits);
  if (following === 0) return entry;
  const pair = pairOperations[(entry & 0xff) * 256 + (decodeEntry(following) & 0xff)];
  return pair === 0 ? entry : (entry & ~0xff) | pair;
}
