// Groups that reach for memory which translation or protection may refuse, and that change what it is mapped to.

import { type Context, SPARED } from './context.ts';
import { DATA, RAM_BASE, TABLES } from './layout.ts';
import { MSTATUS } from './privileged.ts';
import { type Item, MACHINE, SUPERVISOR, USER } from './program.ts';
import { CSR } from './registers.ts';
import type { Place } from './space.ts';

/** An address in a page of this place, `size` bytes before its end or somewhere in it. */
function offsetIn(c: Context, place: Place, size: number, stores: boolean): number {
  const { random } = c;
  if (stores && place.spare) return random.between(SPARED, 4096 - SPARED - size);
  return random.one(4) ? 4096 - random.below(size) - 1 : random.below(4096 - size) & (random.one(3) ? -1 : -size);
}

const ACCESSES = ['lb', 'lhu', 'lw', 'ld', 'lbu', 'lwu', 'fld', 'flw', 'sb', 'sh', 'sw', 'sd', 'fsd', 'fsw'];
const ATOMICS_THAT_LOAD = ['lr.w', 'lr.d'];
const ATOMICS = [...ATOMICS_THAT_LOAD, 'amoadd.w', 'amoor.d', 'amoswap.d', 'amomaxu.w', 'amominu.d'];
const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, d: 8 };

/** One access of any kind at an address that may be refused. */
function accessItems(c: Context, base: number, offset: number, name: string): Item[] {
  if (name.startsWith('amo') || name.startsWith('sc')) {
    return [...c.li(31, offset), c.op('add', base, base, 31), c.op(name, c.register([base], 0), c.register(), base, 0)];
  }
  if (name.startsWith('lr'))
    return [...c.li(31, offset), c.op('add', base, base, 31), c.op(name, c.register([base], 0), base, 0)];
  const low = offset >= 2048 ? offset - 4096 : offset;
  const items: Item[] = offset >= 2048 ? [...c.li(31, 4096), c.op('add', base, base, 31)] : [];
  const register = name.startsWith('f') ? c.random.below(32) : c.register([base], 0);
  items.push(c.op(name, register, low, base));
  return items;
}

function anyAccess(c: Context, place: Place, base: number, physical = false): Item[] {
  const { random } = c;
  // Where both translation and protection may refuse, QEMU's load and the architecture's store fail differently.
  const atomics = c.atomicFaults && !place.unanswered && !c.aligned ? ATOMICS : ATOMICS_THAT_LOAD;
  const name = random.one(5) ? random.pick(atomics) : random.pick(ACCESSES);
  const stores = /^f?s|^amo/.test(name);
  const letter = /[.]([wd])$/.exec(name)?.[1] ?? /([bhwd])u?$/.exec(name)![1];
  const size = SIZES[letter];
  let offset = offsetIn(c, place, size, stores);
  const aligned = name.includes('.') ? !random.one(6) : place.unanswered || physical || c.aligned;
  if (aligned) offset &= -size;
  return accessItems(c, base, offset, name);
}

/** Data accesses at virtual addresses that may be mapped in any way (or, bare, where nothing is). */
export function translated(c: Context): void {
  const base = c.register([31]);
  const place = c.random.pick(c.space.places);
  const items: Item[] = [];
  if (c.machine) {
    // The access is made as another mode would make it (3.1.6.3).
    const { random } = c;
    const mask = c.register([31, base]);
    const asMode = random.pick([USER, SUPERVISOR, MACHINE]);
    const set = MSTATUS.MPRV | (asMode << 11) | (random.one(2) ? MSTATUS.SUM : 0) | (random.one(2) ? MSTATUS.MXR : 0);
    items.push(
      ...c.li(mask, MSTATUS.MPP | MSTATUS.SUM | MSTATUS.MXR),
      c.op('csrrc', 0, CSR.mstatus, mask),
      { kind: 'constant', rd: base, value: place.address },
      ...c.li(mask, set),
      c.op('csrrs', 0, CSR.mstatus, mask),
      ...anyAccess(c, place, base, asMode === MACHINE),
      ...c.li(mask, MSTATUS.MPRV | MSTATUS.MPP),
      c.op('csrrc', c.register([31, mask]), CSR.mstatus, mask),
    );
  } else {
    items.push({ kind: 'constant', rd: base, value: place.address }, ...anyAccess(c, place, base));
  }
  c.add(`access to ${place.about}`, items);
}

/** Physical addresses that PMP refuses to S and U (and M-mode under MPRV), and that nobody answers at. */
export function protectedAccess(c: Context): void {
  const { random } = c;
  const base = c.register([31]);
  const offset = random.one(2) ? DATA + 0x2000 + 8 * random.below(0x3f8) : TABLES + 8 * random.below(64);
  const outside = random.one(4) && !c.machine;
  const items: Item[] = [
    outside
      ? { kind: 'constant', rd: base, value: () => BigInt(random.one(2) ? RAM_BASE : RAM_BASE + 0x8000) }
      : { kind: 'address', rd: base, offset },
    ...accessItems(c, base, 0, random.pick(outside || offset >= TABLES ? ['lw', 'ld', 'lbu'] : ACCESSES)),
  ];
  c.add('protected', items);
}

/** SUM and MXR as S-mode sets them. */
export function supervisorView(c: Context): void {
  if (c.mode !== SUPERVISOR) return;
  const mask = c.register();
  const bits = c.random.pick([MSTATUS.SUM, MSTATUS.MXR, MSTATUS.SUM | MSTATUS.MXR]);
  c.add('SUM, MXR', [
    ...c.li(mask, bits),
    c.op(c.random.pick(['csrrs', 'csrrc']), c.register([mask], 0), CSR.sstatus, mask),
  ]);
}

/** Changes a page-table entry, fences, and touches what it maps. */
export function remap(c: Context): void {
  const { random } = c;
  const mapped = c.space.places.filter((place) => place.entry !== undefined);
  if (mapped.length === 0 || c.mode === USER) return;
  const place = random.pick(mapped);
  const pointer = c.register([31]);
  const value = c.register([pointer, 31]);
  const change = c.register([pointer, value, 31]);
  const base = c.register([31]);
  const flips = random.pick([1, 2, 4, 6, 8, 16, 0x400, 0x800, ...(c.atomicFaults ? [] : [64, 128, 192, 193])]);
  const where = random.below(3);
  c.add(`remap ${place.about}`, [
    { kind: 'address', rd: pointer, offset: TABLES + place.entry! },
    c.op('ld', value, 0, pointer),
    ...c.li(change, flips),
    c.op('xor', value, value, change),
    c.op('sd', value, 0, pointer),
    { kind: 'constant', rd: change, value: place.address },
    ...(where === 0 ? [...c.li(value, c.space.asid), c.op('sfence.vma', 0, value)] : []),
    // Global entries survive a fence of one address space; QEMU drops them too.
    c.op('sfence.vma', where === 1 ? change : 0, 0),
  ]);
  if (c.mode !== MACHINE) {
    c.add(`access to ${place.about}`, [
      { kind: 'constant', rd: base, value: place.address },
      ...anyAccess(c, place, base),
    ]);
  }
}

/** A jump to code in the data pages, through a mapping that may refuse to execute it; it returns through x1. */
export function wildJump(c: Context): void {
  const { random } = c;
  const base = c.register([1]);
  // What programs store into the other pages may be a load, which would open user pages to S-mode (see below).
  const safe = c.space.places.filter((place) => c.mode !== SUPERVISOR || place.spare || place.unanswered);
  const place = random.pick(safe);
  const bare = c.space.satpMode === 0 || c.machine;
  const where = random.pick([2, 4, 4096 - 2, 4096 - 8]);
  if (bare && random.one(2)) {
    c.add('jump to data', [
      { kind: 'address', rd: base, offset: DATA + 0x1000 * random.below(2) },
      ...c.li(1, random.pick([2, 4])),
      c.op('add', base, base, 1),
      c.op('jalr', 1, 0, base),
    ]);
    return;
  }
  c.add(`jump to ${place.about}`, [
    // QEMU 7.2 lets S-mode execute from a user page that it once loaded from under SUM.
    ...(c.mode === SUPERVISOR ? [c.op('sfence.vma', 0, 0)] : []),
    { kind: 'constant', rd: base, value: (arena) => place.address(arena) + BigInt(where) },
    c.op('jalr', 1, 0, base),
  ]);
}
