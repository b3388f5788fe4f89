// Platform-level interrupt controller (RISC-V PLIC specification 1.0.0), with the layout of QEMU's `virt`:
// sources 1..95, two contexts a hart (2h = M-mode, 2h + 1 = S-mode), priorities 0..7, all sources level-triggered.
//
// Language subset of device models (docs/design/seams.md).

import { MAX_HARTS } from './aclint.ts';

// ---- registers (specification chapter 3, "Memory Map"), all 32 bits wide
export const PLIC_PRIORITY = 0;
export const PLIC_PENDING = 0x1000;
export const PLIC_ENABLE = 0x2000;
export const PLIC_ENABLE_STRIDE = 0x80;
export const PLIC_CONTEXT = 0x20_0000;
export const PLIC_CONTEXT_STRIDE = 0x1000;
export const PLIC_THRESHOLD = 0;
export const PLIC_CLAIM = 4;

/** Sources 1..95; 0 means "no interrupt". */
export const PLIC_SOURCES = 95;
const SOURCE_WORDS = 3;
const PRIORITY_MASK = 7;
export const PLIC_CONTEXTS = 2 * MAX_HARTS;

// ---- state words
const P_CONTEXTS = 0;
/** Levels of the source lines, one bit a source. */
const P_LEVEL = 4;
const P_PENDING = P_LEVEL + SOURCE_WORDS;
/** The gateway of a claimed source forwards nothing until completion (specification chapter 2 and 9). */
const P_CLAIMED = P_PENDING + SOURCE_WORDS;
const P_PRIORITY = 16;
const P_ENABLE = P_PRIORITY + PLIC_SOURCES + 1;
const P_THRESHOLD = P_ENABLE + PLIC_CONTEXTS * SOURCE_WORDS;
/** Output: the interrupt notification of each context. */
export const P_OUTPUT = P_THRESHOLD + PLIC_CONTEXTS;
export const PLIC_WORDS = P_OUTPUT + PLIC_CONTEXTS;

export function plicReset(s: Int32Array, harts: number): void {
  for (let i = 0; i < PLIC_WORDS; i++) s[i] = 0;
  s[P_CONTEXTS] = 2 * harts;
}

/** Gateways (specification chapter 2): a high level becomes a pending request unless one of the source is being served. */
function plicUpdate(s: Int32Array): void {
  for (let w = 0; w < SOURCE_WORDS; w++) {
    s[P_PENDING + w] = s[P_PENDING + w] | (s[P_LEVEL + w] & ~s[P_CLAIMED + w]);
  }
  for (let context = 0; context < s[P_CONTEXTS]; context++) {
    const best = highest(s, context);
    s[P_OUTPUT + context] = best !== 0 && s[P_PRIORITY + best] > s[P_THRESHOLD + context] ? 1 : 0;
  }
}

/** Pending and enabled source of highest priority, lowest number first among equals; 0 when none (priority 0 never interrupts). */
function highest(s: Int32Array, context: number): number {
  let best = 0;
  let bestPriority = 0;
  for (let w = 0; w < SOURCE_WORDS; w++) {
    const ready = s[P_PENDING + w] & s[P_ENABLE + context * SOURCE_WORDS + w];
    if (ready !== 0) {
      for (let bit = 0; bit < 32; bit++) {
        const priority = s[P_PRIORITY + w * 32 + bit];
        if (((ready >> bit) & 1) !== 0 && priority > bestPriority) {
          best = w * 32 + bit;
          bestPriority = priority;
        }
      }
    }
  }
  return best;
}

/** A device's line; a level that falls leaves an accepted request pending (specification chapter 2). */
export function plicSetLevel(s: Int32Array, source: number, level: number): void {
  if (source < 1 || source > PLIC_SOURCES) return;
  const w = source >> 5;
  const bit = 1 << (source & 31);
  const levels = level !== 0 ? s[P_LEVEL + w] | bit : s[P_LEVEL + w] & ~bit;
  if (levels === s[P_LEVEL + w]) return;
  s[P_LEVEL + w] = levels;
  plicUpdate(s);
}

/** Interrupt claim (specification chapter 8): atomic, and not affected by the threshold. */
function claim(s: Int32Array, context: number): number {
  const source = highest(s, context);
  if (source === 0) return 0;
  const w = source >> 5;
  const bit = 1 << (source & 31);
  s[P_PENDING + w] = s[P_PENDING + w] & ~bit;
  s[P_CLAIMED + w] = s[P_CLAIMED + w] | bit;
  plicUpdate(s);
  return source;
}

/** Interrupt completion (specification chapter 9): ignored unless the source is enabled for this context. */
function complete(s: Int32Array, context: number, source: number): void {
  if (source < 1 || source > PLIC_SOURCES) return;
  const w = source >> 5;
  const bit = 1 << (source & 31);
  if ((s[P_ENABLE + context * SOURCE_WORDS + w] & bit) === 0) return;
  s[P_CLAIMED + w] = s[P_CLAIMED + w] & ~bit;
  plicUpdate(s);
}

/** Context number of an offset at or above `base`, or -1 when there is no such context. */
function contextAt(s: Int32Array, offset: number, base: number, shift: number): number {
  const context = (offset - base) >> shift;
  return context < s[P_CONTEXTS] ? context : -1;
}

/** 4-byte read at a multiple of 4; reserved places read 0. */
export function plicRead(s: Int32Array, offset: number): number {
  if (offset < 0) return 0;
  if (offset < PLIC_PENDING) {
    const source = offset >> 2;
    return source <= PLIC_SOURCES ? s[P_PRIORITY + source] : 0;
  }
  if (offset < PLIC_ENABLE) {
    const w = (offset - PLIC_PENDING) >> 2;
    return w < SOURCE_WORDS ? s[P_PENDING + w] : 0;
  }
  if (offset < PLIC_CONTEXT) {
    const context = contextAt(s, offset, PLIC_ENABLE, 7);
    const w = (offset & 0x7f) >> 2;
    return context >= 0 && w < SOURCE_WORDS ? s[P_ENABLE + context * SOURCE_WORDS + w] : 0;
  }
  const context = contextAt(s, offset, PLIC_CONTEXT, 12);
  if (context < 0) return 0;
  const register = offset & 0xfff;
  if (register === PLIC_THRESHOLD) return s[P_THRESHOLD + context];
  return register === PLIC_CLAIM ? claim(s, context) : 0;
}

/** 4-byte write at a multiple of 4; reserved and read-only places ignore it. */
export function plicWrite(s: Int32Array, offset: number, value: number): void {
  if (offset < 4) return; // source 0 does not exist
  if (offset < PLIC_PENDING) {
    const source = offset >> 2;
    if (source <= PLIC_SOURCES) s[P_PRIORITY + source] = value & PRIORITY_MASK;
  } else if (offset < PLIC_ENABLE) {
    return;
  } else if (offset < PLIC_CONTEXT) {
    const context = contextAt(s, offset, PLIC_ENABLE, 7);
    const w = (offset & 0x7f) >> 2;
    if (context >= 0 && w < SOURCE_WORDS) s[P_ENABLE + context * SOURCE_WORDS + w] = w === 0 ? value & ~1 : value;
  } else {
    const context = contextAt(s, offset, PLIC_CONTEXT, 12);
    if (context < 0) return;
    const register = offset & 0xfff;
    if (register === PLIC_THRESHOLD) s[P_THRESHOLD + context] = value & PRIORITY_MASK;
    else if (register === PLIC_CLAIM) complete(s, context, value);
  }
  plicUpdate(s);
}
