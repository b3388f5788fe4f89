/*
 * The guest's own page tables (Privileged ISA, chapter 4), read by its VMM to decode an access that PMP refused: the trap gives
 * virtual addresses. Only the guest's memory is read, whatever its tables say. In the language of metal programs.
 */
import {
  add64,
  and64,
  below64,
  load64,
  load8,
  low,
  or64,
  shiftLeft64,
  shiftRight64,
  sub64,
  symbol,
  word,
} from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

const PAGE_SHIFT = 12;
const LEVEL_BITS = 9;
const LEVEL_MASK = 511;
/** satp.MODE: 8 Sv39, 9 Sv48, 10 Sv57. */
const MODE_SHIFT = 60;
const BARE = 0;
const SV39 = 8;
const SV57 = 10;
const SV39_TOP = 30;
const MOST_LEVELS = 5;
const PTE_V = 1;
const PTE_RWX = 14;
const PTE_PPN = 10;
const PPN_BITS = 44;

/** Whether so many bytes from a physical address on lie in the guest's memory. */
export function isGuests(address: Word, bytes: Word): boolean {
  if (below64(address, symbol('guest')) || below64(symbol('guestEnd'), address)) return false;
  return !below64(sub64(symbol('guestEnd'), address), bytes);
}
/** The low 44 bits, as an address of a page. */
function pageAddress(number: Word): Word {
  return shiftLeft64(shiftRight64(shiftLeft64(number, 64 - PPN_BITS), 64 - PPN_BITS), PAGE_SHIFT);
}
/** Physical address of a virtual one; -1: there is no such mapping. */
export function translate(satp: Word, virtual: Word): Word {
  const mode = low(shiftRight64(satp, MODE_SHIFT));
  if (mode === BARE) return virtual;
  if (mode < SV39 || mode > SV57) return word(-1);
  let table = pageAddress(satp);
  let shift = SV39_TOP + LEVEL_BITS * (mode - SV39);
  for (let level = 0; level < MOST_LEVELS; level++) {
    if (!isGuests(table, word(1 << PAGE_SHIFT)) || shift < PAGE_SHIFT) return word(-1);
    const index = low(shiftRight64(virtual, shift)) & LEVEL_MASK;
    const entry = load64(add64(table, word(index * 8)));
    if ((low(entry) & PTE_V) === 0) return word(-1);
    const next = pageAddress(shiftRight64(entry, PTE_PPN));
    if ((low(entry) & PTE_RWX) !== 0) {
      const offset = sub64(shiftLeft64(word(1), shift), word(1));
      return or64(sub64(next, and64(next, offset)), and64(virtual, offset));
    }
    table = next;
    shift -= LEVEL_BITS;
  }
  return word(-1);
}
/** A byte of the guest's memory by its virtual address; 0 where there is none. */
export function byteAt(satp: Word, virtual: Word): number {
  const address = translate(satp, virtual);
  return isGuests(address, word(1)) ? load8(address) : 0;
}
/** The instruction there, 16 or 32 bits of it (Unprivileged ISA, "Base Instruction-Length Encoding"). */
export function instructionAt(satp: Word, pc: Word): number {
  const first = byteAt(satp, pc) | (byteAt(satp, add64(pc, word(1))) << 8);
  if ((first & 3) !== 3) return first;
  return first | (byteAt(satp, add64(pc, word(2))) << 16) | (byteAt(satp, add64(pc, word(3))) << 24);
}
