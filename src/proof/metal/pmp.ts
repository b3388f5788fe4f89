// Physical memory protection, as the Privileged Architecture has it (version 20211203, section 3.7), on terms. Nothing here knows
// how the kernel computes what it writes.
import * as L from '../long.ts';
import * as T from '../term.ts';
import type { Term } from '../term.ts';

const { and, eq, implies, not, or, word } = T;
export const PMPCFG0 = 0x3a0;
export const PMPADDR0 = 0x3b0;
/** Entries of pmpcfg0 on RV64. All others are off: nobody writes their configuration (image.test.ts looks), and reset has cleared it. */
export const ENTRIES = 8;
/** Bits of pmpcfg's bytes (figure 3.32). */
export const ACCESS = { r: 1, w: 2, x: 4 } as const;
const A_SHIFT = 3;
const [TOR, NA4, NAPOT] = [1, 2, 3];
const RESERVED = 0x60;
const LOCKED = 0x80;
/** pmpaddr holds bits 55 to 2 of an address (figure 3.30). */
const ADDRESS_BITS = 54n;

/** Bytes that one access has at most. */
export const MOST_BYTES = 8;
export interface Access {
  /** Byte address, of 56 bits. */
  readonly at: Term;
  /** Bytes, 1 to MOST_BYTES: a word. */
  readonly bytes: Term;
  readonly kind: keyof typeof ACCESS;
}
/** What a program may do with its addresses: none goes beyond the end of physical memory. */
export const isAccess = ({ at, bytes }: Access): Term =>
  and(L.ult64(at, L.long((1n << 56n) - BigInt(MOST_BYTES))), T.sle(word(1), bytes), T.sle(bytes, word(MOST_BYTES)));

export interface Pmp {
  readonly cfg: Term;
  readonly addr: readonly Term[];
}
const cfgOf = ({ cfg }: Pmp, i: number): Term => T.band(L.low(L.lshr64(cfg, word(8 * i))), word(0xff));
const bits = (field: Term, mask: number): Term => T.band(field, word(mask));

/** Whether entry i matches the byte at an address (table 3.10, section 3.7.1). */
export function matches(pmp: Pmp, i: number, at: Term): Term {
  const mode = T.sar(bits(cfgOf(pmp, i), 3 << A_SHIFT), word(A_SHIFT));
  const register = (n: number): Term => L.and64(pmp.addr[n], L.long((1n << ADDRESS_BITS) - 1n));
  const four = L.lshr64(at, word(2));
  const own = register(i);
  const below = i === 0 ? L.long(0) : register(i - 1);
  // The trailing ones, and the 0 above them.
  const size = L.xor64(own, L.add64(own, L.long(1)));
  const napot = L.eq64(L.or64(four, size), L.or64(own, size));
  return or(
    and(eq(mode, word(TOR)), not(L.ult64(four, below)), L.ult64(four, own)),
    and(eq(mode, word(NA4)), L.eq64(four, own)),
    and(eq(mode, word(NAPOT)), napot),
  );
}
/** The bytes of an access. */
export const bytesOf = ({ at, bytes }: Access): { readonly at: Term; readonly counts: Term }[] =>
  Array.from({ length: MOST_BYTES }, (_, n) => ({ at: L.add64(at, L.long(n)), counts: T.slt(word(n), bytes) }));

/** An entry as it acts: which bytes it matches, and what it then allows. */
export interface Entry {
  readonly matches: (at: Term) => Term;
  readonly allows: (kind: keyof typeof ACCESS) => Term;
}
export const entryOf = (pmp: Pmp, i: number): Entry => ({
  matches: (at) => matches(pmp, i, at),
  allows: (kind) => not(eq(bits(cfgOf(pmp, i), ACCESS[kind]), word(0))),
});
/**
 * Whether S or U mode may do it: the first entry that matches any byte decides; it has to match all of them (section
 * 3.7.1, "Priority and Matching Logic"). Where none matches, the access fails, as there are entries.
 */
export function isAdmitted(entries: readonly Entry[], access: Access): Term {
  return entries.reduceRight((rest, entry) => {
    const each = bytesOf(access).map(({ at, counts }) => ({ hit: entry.matches(at), counts }));
    const any = or(...each.map(({ hit, counts }) => and(counts, hit)));
    const all = and(...each.map(({ hit, counts }) => implies(counts, hit)));
    return T.ite(any, and(all, entry.allows(access.kind)), rest);
  }, T.FALSE);
}
/** One of the entries has all bytes of the access, and the right to it. */
export function isWithin(entries: readonly Entry[], access: Access): Term {
  const all = ({ matches: has }: Entry) => and(...bytesOf(access).map(({ at, counts }) => implies(counts, has(at))));
  return or(...entries.map((entry) => and(entry.allows(access.kind), all(entry))));
}
/** No entry is locked (M-mode goes on as before), none has reserved bits or write without read, all addresses fit. */
export function isRegular(pmp: Pmp): Term {
  return and(
    ...pmp.addr.map((a) => L.ult64(a, L.long(1n << ADDRESS_BITS))),
    ...pmp.addr.map((_, i) => {
      const cfg = cfgOf(pmp, i);
      const writes = eq(bits(cfg, ACCESS.w), word(ACCESS.w));
      return and(eq(bits(cfg, RESERVED + LOCKED), word(0)), implies(writes, eq(bits(cfg, ACCESS.r), word(ACCESS.r))));
    }),
  );
}

// ---- regions, as the layout means them
export interface Region {
  /** First page frame, log2 of page frames: words. */
  readonly frame: Term;
  readonly shift: Term;
  readonly exists: Term;
  readonly admits: (kind: keyof typeof ACCESS) => Term;
}
const PAGE_SHIFT = 12;
/** The region has the byte. */
export function contains({ frame, shift, exists }: Region, at: Term): Term {
  const page = L.lshr64(at, word(PAGE_SHIFT));
  const start = L.sext(frame);
  const end = L.add64(start, L.sext(T.shl(word(1), shift)));
  return and(exists, not(L.ult64(page, start)), L.ult64(page, end));
}
