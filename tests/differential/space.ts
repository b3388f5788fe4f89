// The memory that a random program sees: PMP regions, page tables and the virtual addresses worth touching.

import { ARENA_BYTES, CODE, CODE_BYTES, DATA, SUPERVISOR_HANDLER, TABLES } from './layout.ts';
import type { Random } from './random.ts';

/** Bits of a page-table entry (Privileged ISA 1.12, figure 4.21). */
const PTE = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;

interface Entry {
  /** Offset in the page-table pages. */
  readonly at: number;
  readonly flags: bigint;
  /** Physical address, or its distance from the arena. */
  readonly target: number;
  readonly relative: boolean;
}

/** A virtual address to touch, given where the arena lies. */
export interface Place {
  readonly about: string;
  address(arena: number): bigint;
  /** It reaches the data pages 0 and 1, which hold code to jump to: stores must spare the ends of a page. */
  readonly spare: boolean;
  /** Nothing may answer there: QEMU splits misaligned accesses then and reports where the first part begins. */
  readonly unanswered: boolean;
  /** The offset in the page-table pages of the entry that maps it. */
  readonly entry?: number;
}

export interface Space {
  readonly satpMode: 0 | 8 | 9;
  readonly asid: number;
  readonly windows: { readonly user?: bigint; readonly supervisor?: bigint; readonly handler?: bigint };
  /** Beginnings of pages, mapped in every way or not at all. */
  readonly places: readonly Place[];
  tables(arena: number): Uint8Array;
  satp(arena: number): bigint;
}

/** Slots of 4 KB whose entries are random. */
const TEST_SLOTS = 32;

/** A space without translation: only addresses where nothing answers. */
export function bareSpace(): Space {
  return {
    satpMode: 0,
    asid: 0,
    windows: {},
    places: NOWHERE,
    tables: () => new Uint8Array(ARENA_BYTES - TABLES),
    satp: () => 0n,
  };
}

/** Beyond RAM, beyond the physical address space, and not canonical. */
const NOWHERE: readonly Place[] = [
  0x9000_0000n,
  1n << 40n,
  1n << 55n,
  1n << 57n,
  (1n << 38n) - 4096n,
  -(1n << 62n),
].map((address) => ({
  about: `0x${BigInt.asUintN(64, address).toString(16)}`,
  address: () => address,
  spare: false,
  unanswered: true,
}));

/** `accessed`: every entry has its A bit, because QEMU lets an AMO that is refused set it. */
export function pagedSpace(random: Random, satpMode: 8 | 9, accessed: boolean): Space {
  const levels = satpMode === 8 ? 3 : 4;
  const entries: Entry[] = [];
  // One table for each level, root first; a fourth page of Sv39 stays free for entries that point to it.
  const indexes = Array.from({ length: levels - 1 }, (_, depth) =>
    depth === 0 ? rootIndex(random) : random.below(512),
  );
  const base = extend(
    indexes.reduce((sum, index, depth) => sum | (BigInt(index) << BigInt(12 + 9 * (levels - 1 - depth))), 0n),
    levels,
  );
  indexes.forEach((index, depth) => {
    const nonLeaf = BigInt(PTE.V);
    entries.push({ at: depth * 4096 + index * 8, flags: nonLeaf, target: TABLES + (depth + 1) * 4096, relative: true });
  });
  const leafTable = (levels - 1) * 4096;
  // The leaf table in units of 16 slots: S window, U window, handler, two of random entries.
  const units = Array.from({ length: 32 }, (_, i) => i);
  const take = (): number => units.splice(random.below(units.length), 1)[0] * 16;
  const [s, u, h] = [take(), take(), take()];
  const firstTest = 16 * units.filter((unit) => units.includes(unit + 1))[random.below(8)];
  const virtual = (slot: number): bigint => base + (BigInt(slot) << 12n);
  const leaf = (slot: number, target: number, flags: number, relative = true): void => {
    entries.push({ at: leafTable + slot * 8, flags: BigInt(flags), target, relative });
  };

  const used = (): number => (random.one(3) ? 0 : PTE.A) | (random.one(3) ? 0 : PTE.D);
  const { V, R, W, X, U, G } = PTE;
  for (let page = 0; page < ARENA_BYTES; page += 4096) {
    const global = random.one(2) ? G : 0;
    const isCode = page >= CODE && page < CODE + CODE_BYTES;
    leaf(s + page / 4096, page, V | R | W | (isCode ? X : 0) | global | used());
    if (page >= CODE && page < TABLES) leaf(u + page / 4096, page, V | R | W | (isCode ? X : 0) | U | used());
  }
  leaf(h, SUPERVISOR_HANDLER, V | R | X | used(), false);

  const places: Place[] = [];
  for (let i = 0; i < TEST_SLOTS; i++) {
    const slot = firstTest + i;
    const page = random.below(4);
    const entry = leafTable + slot * 8;
    entries.push({ at: entry, flags: testFlags(random, accessed), target: DATA + page * 4096, relative: true });
    const about = `slot ${i} (page ${page})`;
    places.push({ about, address: () => virtual(slot), spare: page < 2, unanswered: false, entry });
  }
  superpages(random, levels, accessed, indexes, entries, places);
  return {
    satpMode,
    asid: random.one(2) ? 0 : random.below(0x10000),
    windows: { user: virtual(u), supervisor: virtual(s), handler: virtual(h) },
    places: [
      ...places,
      ...NOWHERE,
      noncanonical(random, levels, virtual(u + DATA / 4096)),
      noncanonical(random, levels, virtual(s + DATA / 4096)),
    ],
    tables: (arena) => writeTables(entries, arena),
    satp(arena) {
      return (BigInt(satpMode) << 60n) | (BigInt(this.asid) << 44n) | BigInt((arena + TABLES) / 4096);
    },
  };
}

/** So high that the address taken for a physical one is not in a device's range of QEMU's board. */
function rootIndex(random: Random): number {
  return random.between(32, 511);
}

/** Sign-extends an address of `levels` levels (4.4.1: bits above must equal the highest). */
function extend(address: bigint, levels: number): bigint {
  return BigInt.asIntN(12 + 9 * levels, address);
}

/** A mapped address but for one of the bits that must equal the highest translated one. */
function noncanonical(random: Random, levels: number, mapped: bigint): Place {
  const wrong = BigInt.asIntN(64, mapped ^ (1n << BigInt(random.between(12 + 9 * levels, 63))));
  const about = `0x${BigInt.asUintN(64, wrong).toString(16)}`;
  return { about, address: () => wrong, spare: true, unanswered: true };
}

/** Flags that grant, refuse, or are reserved (4.3.1: W without R; 4.4.1: bits 54 to 63). */
function testFlags(random: Random, accessed: boolean): bigint {
  let flags = random.below(256);
  if (!random.one(8)) flags |= PTE.V;
  if (random.one(2)) flags |= PTE.R;
  if (accessed || random.one(2)) flags |= PTE.A;
  if (random.one(2)) flags |= PTE.D;
  const software = BigInt(random.below(4)) << 8n;
  const reserved = random.one(20) ? 1n << BigInt(random.between(54, 63)) : 0n;
  return BigInt(flags) | software | reserved;
}

/** Adds leaves above the last level: right ones, misaligned ones (4.3.2 step 6), and pointers that lead astray. */
function superpages(
  random: Random,
  levels: number,
  accessed: boolean,
  indexes: readonly number[],
  entries: Entry[],
  places: Place[],
): void {
  for (let depth = 0; depth < levels - 1; depth++) {
    const shift = 12 + 9 * (levels - 1 - depth);
    const above = indexes
      .slice(0, depth)
      .reduce((sum, index, d) => sum | (BigInt(index) << BigInt(12 + 9 * (levels - 1 - d))), 0n);
    for (let k = 0; k < 3; k++) {
      const index = depth === 0 ? rootIndex(random) : (indexes[depth] + 1 + random.below(511)) % 512;
      const base = extend(above | (BigInt(index) << BigInt(shift)), levels);
      const at = depth * 4096 + index * 8;
      if (entries.some((entry) => entry.at === at)) continue;
      const size = 2 ** shift;
      const wayward = random.below(6);
      if (wayward === 0) {
        // A pointer to a table of corner values, a flag that non-leaf entries must not have, or one beyond RAM.
        const flags = PTE.V | random.pick([0, 0, PTE.A, PTE.D, PTE.U, PTE.G]);
        const target = random.pick([DATA, 0x9000_0000, 0x1_0000_0000]);
        entries.push({ at, flags: BigInt(flags), target, relative: target === DATA });
        const about = `table at level ${levels - 1 - depth}`;
        places.push({ about, address: () => base, spare: true, unanswered: true, entry: at });
        continue;
      }
      const misaligned = wayward === 1;
      entries.push({ at, flags: testFlags(random, accessed), target: misaligned ? -4096 : -size, relative: true });
      places.push({
        about: `superpage of 0x${size.toString(16)}${misaligned ? ', misaligned' : ''}`,
        address: (arena) => base + BigInt((arena + DATA) % size),
        spare: true,
        unanswered: misaligned,
        entry: at,
      });
    }
  }
}

function writeTables(entries: readonly Entry[], arena: number): Uint8Array {
  const bytes = new Uint8Array(ARENA_BYTES - TABLES);
  const view = new DataView(bytes.buffer);
  for (const { at, flags, target, relative } of entries) {
    // A negative distance is a superpage's size: the superpage that holds the arena.
    let physical = relative ? arena + target : target;
    if (relative && target < -4096) physical = arena - (arena % -target);
    if (relative && target === -4096) physical = arena - (arena % 2 ** 21) + 4096;
    view.setBigUint64(at, BigInt.asUintN(64, (BigInt(physical / 4096) << 10n) | flags), true);
  }
  return bytes;
}

/** PMP inputs: what the runtime needs, restricting regions in front of it, and everything else denied to S and U. */
export function pmpRegions(
  random: Random,
  restrictions: number,
  locked: boolean,
): (arena: number) => Record<string, bigint> {
  const regions: { config: number; address: (arena: number) => bigint }[] = [];
  const napot = (base: number, size: number): bigint => BigInt(base / 4 + size / 8 - 1);
  for (let i = 0; i < restrictions; i++) {
    const permissions = locked ? random.pick([0, 1, 4, 5]) | 0x80 : random.pick([0, 1, 3, 4, 5, 7]);
    const inPages = DATA + 0x2000 + 8 * random.below(0x1fc0 / 8);
    switch (random.below(3)) {
      case 0: // NA4
        regions.push({ config: permissions | 0x10, address: (arena) => BigInt((arena + inPages) / 4) });
        break;
      case 1: {
        const size = 2 ** random.between(locked ? 9 : 3, 12);
        const base = inPages - (inPages % size);
        regions.push({ config: permissions | 0x18, address: (arena) => napot(arena + base, size) });
        break;
      }
      default: {
        // Two entries: the lower bound is off, the upper is top of range.
        const length = 4 * random.below(64);
        regions.push({ config: 0, address: (arena) => BigInt((arena + inPages) / 4) });
        regions.push({ config: permissions | 0x08, address: (arena) => BigInt((arena + inPages + length) / 4) });
      }
    }
  }
  regions.push({ config: 0x1d, address: () => napot(SUPERVISOR_HANDLER, 4096) });
  regions.push({ config: 0x1f, address: (arena) => napot(arena, ARENA_BYTES) });
  return (arena) => {
    const inputs: Record<string, bigint> = { pmpcfg0: 0n, pmpcfg2: 0n };
    regions.forEach(({ config, address }, i) => {
      inputs[i < 8 ? 'pmpcfg0' : 'pmpcfg2'] |= BigInt(config) << BigInt(8 * (i % 8));
      inputs[`pmpaddr${i}`] = address(arena);
    });
    return inputs;
  };
}
/** PMP entries that no program's start uses. */
export const FREE_PMP = [12, 13, 14, 15] as const;
