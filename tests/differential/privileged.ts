// Groups of privileged instructions: CSRs, traps, modes, interrupts, address translation, protection.

import { type Context, SPARED } from './context.ts';
import { sparing } from './groups.ts';
import { DATA, MSIP, MTIME, MTIMECMP, RAM_BASE, TABLES } from './layout.ts';
import { type Item, MACHINE, type Mode, SUPERVISOR, USER } from './program.ts';
import { CSR } from './registers.ts';
import { FREE_PMP, type Place } from './space.ts';
import { integerValue } from './values.ts';

export const MSTATUS = {
  SIE: 1 << 1,
  MIE: 1 << 3,
  SPIE: 1 << 5,
  MPIE: 1 << 7,
  SPP: 1 << 8,
  MPP: 3 << 11,
  FS: 3 << 13,
  MPRV: 1 << 17,
  SUM: 1 << 18,
  MXR: 1 << 19,
  TVM: 1 << 20,
  TW: 1 << 21,
  TSR: 1 << 22,
} as const;

export function call(c: Context): void {
  c.add('trap', [c.op(c.random.pick(['ecall', 'ebreak', 'c.ebreak', 'ecall']))]);
}

/** Reads of any CSR in any mode: most do not exist or are out of reach. Counters' values differ, so they are dropped. */
export function anyCsr(c: Context): void {
  const { random } = c;
  const known = Object.values(CSR);
  const number = random.one(3) ? random.below(4096) : random.pick(known) + (random.one(4) ? random.below(4) : 0);
  if (hidden(c, number) || isHardwired(number) || number === VSTIMECMP) return;
  const rd = c.register();
  const items: Item[] = [];
  const writes = random.one(4) && (number >> 10 === 3 || number >> 8 > random.pick([0, 1, 3]));
  if (writes && !isHarmful(number)) items.push(c.op('csrrw', rd, number, 0));
  else items.push(c.op(random.pick(['csrrs', 'csrrc']), rd, number, 0));
  if (isCounter(number) || number >> 8 === 0xf) items.push(c.op('addi', rd, 0, 0));
  c.add(`csr 0x${number.toString(16)}`, items);
}

/**
 * Counters and events 3 to 31 and the trigger registers: zero in the engine, absent in QEMU without its performance
 * monitor and its debug extension (tests/isa has them).
 */
function isHardwired(number: number): boolean {
  const index = number & 0x1f;
  return (index >= 3 && [0xb00, 0xc00, 0x320].includes(number & ~0x1f)) || (number & ~3) === 0x7a0;
}

/** QEMU 7.2 has it where there is Sstc, even without the hypervisor extension. */
const VSTIMECMP = 0x24d;

/** See Context.atomicFaults. */
function hidden(c: Context, number: number): boolean {
  return c.atomicFaults && (number === CSR.mcause || number === CSR.scause);
}

function isCounter(number: number): boolean {
  return number >> 8 === 0xc || number >> 8 === 0xb || number === CSR.stimecmp;
}

/** Only read-only CSRs are written without care. */
function isHarmful(number: number): boolean {
  return number >> 10 !== 3;
}

interface WritableCsr {
  readonly number: number;
  value(c: Context): bigint;
}

const anything = (c: Context): bigint => integerValue(c.random);
/** Bit 0 of an epc is always zero (3.1.14); QEMU 7.2 keeps it. */
const even = (c: Context): bigint => integerValue(c.random) & ~1n;
const bits =
  (mask: number | bigint): ((c: Context) => bigint) =>
  (c) =>
    c.random.dword() & BigInt(mask);
const cause = (c: Context): bigint =>
  c.random.one(2)
    ? BigInt(c.random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15]))
    : (1n << 63n) | BigInt(c.random.pick([1, 5, 9]));
/** Exceptions that the privileged architecture lets delegate, but for environment calls. */
export const DELEGATABLE = 0xb0ff;
/** Privilege fields whose every value is legal; MPP comes with the write. */
const status =
  (mask: number) =>
  (c: Context): bigint =>
    BigInt(c.random.word() & mask);

const MACHINE_CSRS: readonly WritableCsr[] = [
  { number: CSR.mscratch, value: anything },
  { number: CSR.mepc, value: even },
  { number: CSR.mtval, value: anything },
  { number: CSR.mcause, value: (c) => (c.random.one(4) ? 11n : cause(c)) },
  { number: CSR.mtvec, value: (c) => anything(c) & ~2n },
  { number: CSR.medeleg, value: bits(DELEGATABLE | 0x300) },
  { number: CSR.mideleg, value: bits(0x222) },
  { number: CSR.mie, value: bits(0xaaa) },
  { number: CSR.mcounteren, value: bits(7) },
  { number: CSR.misa, value: anything },
  {
    number: CSR.satp,
    value: (c) => (BigInt(c.random.pick([0, 8, 9, 1, 7, 15])) << 60n) | (c.random.dword() & ((1n << 60n) - 1n)),
  },
  {
    number: CSR.mstatus,
    value: (c) => BigInt((c.random.word() & 0x7e_61a2) | (c.random.pick([0, 1, 3]) << 11)) | (2n << 32n) | (2n << 34n),
  },
];

const SUPERVISOR_CSRS: readonly WritableCsr[] = [
  { number: CSR.sscratch, value: anything },
  { number: CSR.sepc, value: even },
  { number: CSR.stval, value: anything },
  { number: CSR.scause, value: cause },
  { number: CSR.stvec, value: (c) => anything(c) & ~2n },
  { number: CSR.sie, value: bits(0x222) },
  { number: CSR.scounteren, value: bits(7) },
  { number: CSR.sstatus, value: (c) => status(0xc_6122)(c) | (2n << 32n) },
];

const FLOAT_CSRS: readonly WritableCsr[] = [
  { number: CSR.fflags, value: anything },
  { number: CSR.frm, value: anything },
  { number: CSR.fcsr, value: anything },
];

/** Writes a CSR in one of the ways, reads back what it took, and puts the old value back. */
export function writeCsr(c: Context): void {
  const { random } = c;
  const sets = [...FLOAT_CSRS, ...(c.mode >= SUPERVISOR ? SUPERVISOR_CSRS : []), ...(c.machine ? MACHINE_CSRS : [])];
  const { number, value } = random.pick(sets.filter((csr) => !hidden(c, csr.number)));
  const old = c.register();
  const given = c.register([old]);
  const read = c.register([old, given]);
  const again = c.register([old, given, read]);
  c.add(`write csr 0x${number.toString(16)}`, [
    ...c.li(given, value(c)),
    c.op('csrrw', old, number, given),
    c.op('csrrs', read, number, 0),
    ...(number === CSR.mstatus || number === CSR.sstatus || number === CSR.satp || number === CSR.mtvec
      ? []
      : [c.op(random.pick(['csrrs', 'csrrc']), again, number, given)]),
    c.op('csrrw', random.one(2) ? again : 0, number, old),
  ]);
}

/** PMP entries that nothing else uses: every bit that can be written, read back and cleared. */
export function writePmp(c: Context): void {
  if (!c.machine) return;
  const { random } = c;
  const entry = random.pick(FREE_PMP);
  const value = c.register();
  const read = c.register([value]);
  const config = random.pick([0, 1, 3, 4, 5, 7]) | (random.pick([0, 1, 3]) << 3);
  c.add('pmp', [
    // Bits 54 to 63 are zero (3.7.1); QEMU 7.2 keeps them.
    ...c.li(value, integerValue(random) >> 10n),
    c.op('csrrw', 0, CSR.pmpaddr0 + entry, value),
    c.op('csrrs', read, CSR.pmpaddr0 + entry, 0),
    ...c.li(value, BigInt(config) << BigInt(8 * (entry - 8))),
    c.op('csrrs', 0, CSR.pmpcfg2, value),
    c.op('csrrs', c.register([value, read]), CSR.pmpcfg2, 0),
    c.op('csrrc', 0, CSR.pmpcfg2, value),
    c.op('csrrw', 0, CSR.pmpaddr0 + entry, 0),
    c.op('sfence.vma', 0, 0),
  ]);
}

/** mret or sret to another mode, and the runtime back if the way leads down. */
export function returnTo(c: Context): void {
  const { random } = c;
  if (c.mode === USER) {
    c.add('xret in U', [c.op(random.pick(['mret', 'sret'])), c.op('sfence.vma', 0, 0)]);
    return;
  }
  const bySret = c.mode === SUPERVISOR || random.one(2);
  const target: Mode = bySret ? random.pick([USER, SUPERVISOR]) : random.pick([USER, SUPERVISOR, MACHINE]);
  const pc = c.register();
  const mask = c.register([pc]);
  const group = c.nextIndex;
  const field = bySret ? MSTATUS.SPP : MSTATUS.MPP;
  const wanted = bySret ? target << 8 : target << 11;
  const csr = c.machine ? CSR.mstatus : CSR.sstatus;
  const items: Item[] = [
    { kind: 'label', rd: pc, target: { group: group + 1, item: 0 } },
    ...c.li(mask, field),
    c.op('csrrc', 0, csr, mask),
    ...c.li(mask, wanted),
    c.op('csrrs', 0, csr, mask),
  ];
  // The window of the mode to come: the target's distance from this window's beginning is the same.
  items.push(...changeWindow(c, pc, mask, target));
  items.push(c.op('csrrw', 0, bySret ? CSR.sepc : CSR.mepc, pc));
  items.push(c.op(bySret ? 'sret' : 'mret'));
  c.add(bySret ? `sret to ${target}` : `mret to ${target}`, items);
  c.mode = target;
}

/** `pc` moves from the window of the mode that runs to that of `target`. */
function changeWindow(c: Context, pc: number, scratch: number, target: Mode): Item[] {
  const window = (mode: Mode): ((arena: number) => bigint) => {
    const { user, supervisor } = c.space.windows;
    return (arena) => ({ 0: user, 1: supervisor, 3: undefined })[mode] ?? BigInt(arena);
  };
  const from = window(c.mode);
  const to = window(target);
  return [{ kind: 'constant', rd: scratch, value: (arena) => to(arena) - from(arena) }, c.op('add', pc, pc, scratch)];
}

/** wfi while an enabled interrupt is pending but masked: it returns at once (3.3.3). */
export function wait(c: Context): void {
  if (!c.machine) {
    // Illegal in U-mode; but where TSR may have kept a program in S-mode it would wait for ever.
    if (c.mode === USER && (c.medeleg & 4) !== 0) c.add('wfi in U', [c.op('wfi')]);
    return;
  }
  const value = c.register();
  c.add('wfi', [
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    c.op('addi', value, 0, 2),
    c.op('csrrs', 0, CSR.mie, value),
    c.op('csrrs', 0, CSR.mip, value),
    c.op('wfi'),
    c.op('csrrc', 0, CSR.mip, value),
  ]);
}

/** Interrupts made pending and enabled in a random order: each is taken right behind the last of the steps. */
export function interrupt(c: Context): void {
  if (c.machine) machineInterrupt(c);
  else if (c.mode === SUPERVISOR) {
    const bit = c.register();
    // One that M-mode made pending may still be: not beside it (see machineInterrupt).
    const raised = c.interrupts & 0x200 ? 0x200 : 2;
    const steps = shuffle(c, [
      c.op('csrrs', 0, CSR.sip, bit),
      c.op('csrrs', 0, CSR.sie, bit),
      c.op('csrrsi', 0, CSR.sstatus, MSTATUS.SIE),
    ]);
    c.add('interrupt in S', [
      c.op('addi', bit, 0, raised),
      ...steps,
      c.op('csrrci', c.register(), CSR.sstatus, MSTATUS.SIE),
      c.op('csrrc', c.register([bit]), CSR.sip, bit),
      c.op('csrrc', 0, CSR.sie, bit),
    ]);
  } else c.add('interrupt in U', [c.op('csrrsi', c.register(), CSR.sip, 2)]);
}

function machineInterrupt(c: Context): void {
  const { random } = c;
  const bits = c.register();
  const enable = c.register([bits]);
  const device = c.register([bits, enable]);
  const steps = [c.op('csrrs', 0, CSR.mie, enable), c.op('csrrs', 0, CSR.mip, bits)];
  const pending = c.interrupts;
  const begin: Item[] = [...c.li(bits, pending), ...c.li(enable, random.one(3) ? 0xaaa & random.word() : pending | 8)];
  // QEMU 7.2 takes the lowest bit first, not in the architecture's order (3.1.9): no two that it would swap.
  if ((pending & ~c.mideleg & 0x22) === 0 && random.one(2)) {
    // A store to the interrupt controller shows only when interrupts are enabled later.
    const one = c.register([bits, enable, device]);
    begin.push(
      c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
      ...c.li(device, MSIP),
      c.op('addi', one, 0, 1),
      c.op('sw', one, 0, device),
      c.op('fence.i'),
    );
  }
  const leave = random.below(3);
  if (leave > 0) {
    // Delegated ones stay pending in M-mode and are taken in the mode that comes.
    const sie = c.register([bits, enable, device]);
    c.add('interrupt towards S or U', [
      ...begin,
      c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
      ...shuffle(c, steps),
      c.op('addi', sie, 0, leave === 1 ? MSTATUS.SIE : MSTATUS.SPIE),
      c.op('csrrs', 0, CSR.mstatus, sie),
    ]);
    c.switchTo(random.pick([USER, SUPERVISOR]));
    return;
  }
  steps.push(c.op('csrrsi', 0, CSR.mstatus, MSTATUS.MIE));
  c.add('interrupt in M', [
    ...begin,
    ...shuffle(c, steps),
    c.op('csrrci', c.register(), CSR.mstatus, MSTATUS.MIE),
    c.op('csrrc', c.register([bits]), CSR.mip, bits),
    c.op('csrrw', c.register(), CSR.mie, 0),
  ]);
}

function shuffle<T>(c: Context, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = c.random.below(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}

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
  const place = random.pick(c.space.places);
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

/** Retired instructions between two reads of instret (ordinary ones: all machines count them alike). */
export function countInstructions(c: Context): void {
  const { random } = c;
  if (!c.machine) return;
  const first = c.register();
  const second = c.register([first]);
  c.add('instret', [
    c.op('csrrs', first, CSR.minstret, 0),
    ...Array.from({ length: random.below(5) }, () => c.op('addi', c.register([first]), c.register([first], 0), 1)),
    c.op('csrrs', second, CSR.minstret, 0),
    c.op('sub', second, second, first),
    c.op('addi', first, 0, 0),
  ]);
}

/** Reads a counter that mcounteren and scounteren may refuse, and drops its value. */
export function readCounter(c: Context): void {
  const rd = c.register();
  c.add('counter', [c.op('csrrs', rd, c.random.pick([CSR.cycle, CSR.time, CSR.instret]), 0), c.op('addi', rd, 0, 0)]);
}

/** Bits that the two machine-only traps of S-mode instructions hang on: TVM, TW, TSR; and FS. */
export function toggleStatus(c: Context): void {
  if (!c.machine) return;
  const { random } = c;
  const mask = c.register();
  const returns = (c.medeleg & 4) === 0 ? MSTATUS.TSR : MSTATUS.TW;
  // Fences must not trap where translation is on: QEMU needs more of them than the architecture (wildJump).
  const virtual = c.space.satpMode === 0 ? MSTATUS.TVM : MSTATUS.TW;
  const bits = random.pick([virtual, MSTATUS.TW, returns, MSTATUS.FS, MSTATUS.FS, MSTATUS.SUM, MSTATUS.MXR]);
  c.add('mstatus', [
    ...c.li(mask, bits),
    c.op(random.pick(['csrrs', 'csrrs', 'csrrc']), c.register([mask], 0), CSR.mstatus, mask),
  ]);
}

/** Ticks of mtime that a timer group waits at most. */
const TIMER_TICKS = 5;

/**
 * A machine timer interrupt at a given instruction count: mtime advances by one in 100 instructions on both sides
 * (engine.ts). The registers that count through the wait show where exactly it struck.
 */
export function timer(c: Context): void {
  if (!c.machine) return;
  const { random } = c;
  const device = c.register();
  const value = c.register([device]);
  const other = c.register([device, value]);
  const count = c.register([device, value, other]);
  const group = c.nextIndex;
  const items: Item[] = [
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    // Ten instructions or so behind a tick, so that none comes between reading mtime and writing mtimecmp.
    c.op('csrrs', value, CSR.minstret, 0),
    c.op('addi', other, 0, 100),
    c.op('remu', value, value, other),
    c.op('sub', value, other, value),
    c.op('addi', value, value, 10),
    c.op('addi', value, value, -2),
    { kind: 'branch', name: 'blt', values: [0, value], target: { group, item: 6 } },
    ...c.li(device, MTIME),
    c.op('ld', value, 0, device),
    c.op('addi', value, value, random.between(1, TIMER_TICKS)),
    ...c.li(device, MTIMECMP),
    c.op('sd', value, 0, device),
    c.op('addi', other, 0, 0x80),
    c.op('csrrs', 0, CSR.mie, other),
    c.op('addi', value, 0, 0),
    c.op('addi', count, 0, 50 * (TIMER_TICKS + 1)),
    c.op('csrrsi', 0, CSR.mstatus, MSTATUS.MIE),
  ];
  const body = { group, item: items.length };
  items.push(
    ...Array.from({ length: random.below(5) }, () => sparing(c, ['integer'], [other, count])),
    c.op(random.pick(['add', 'xor', 'sub', 'mul']), value, value, count),
    c.op('addi', count, count, -1),
    { kind: 'branch', name: 'bne', values: [count, 0], target: body },
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    c.op('csrrc', 0, CSR.mie, other),
  );
  c.add('timer', items);
}

/**
 * The timer of Sstc, waited for by wfi in M-mode or S-mode: the trap comes behind it. (QEMU delays the interrupt by as
 * much as the write to stimecmp lies behind a tick, so it could not be caught at an exact instruction in a loop.)
 */
export function supervisorTimer(c: Context): void {
  const { random } = c;
  c.switchTo(MACHINE);
  const value = c.register();
  const other = c.register([value]);
  const items = (): Item[] => {
    const [status, enable] = c.machine ? [CSR.mstatus, MSTATUS.MIE] : [CSR.sstatus, MSTATUS.SIE];
    const interrupts = c.machine ? CSR.mie : CSR.sie;
    return [
      ...(random.one(3) ? [] : [c.op('csrrsi', 0, status, enable)]),
      c.op('csrrs', value, CSR.time, 0),
      c.op('addi', value, value, random.between(2, 50)),
      c.op('csrrw', 0, CSR.stimecmp, value),
      c.op('addi', value, 0, -1),
      c.op('addi', other, 0, 0x20),
      c.op('csrrs', 0, interrupts, other),
      c.op('wfi'),
      c.op('csrrci', 0, status, enable),
      c.op('csrrc', 0, interrupts, other),
      c.op('csrrw', 0, CSR.stimecmp, value),
    ];
  };
  c.add('Sstc on', [
    c.op('addi', value, 0, 0x20), // what software made pending
    c.op('csrrc', 0, CSR.mip, value),
    ...c.li(value, STCE),
    c.op('csrrs', 0, CSR.menvcfg, value),
    c.op('addi', value, 0, 7),
    c.op('csrrs', 0, CSR.mcounteren, value),
    ...c.li(value, MSTATUS.TW),
    c.op('csrrc', 0, CSR.mstatus, value),
  ]);
  // A timer that M-mode itself takes, or one that is delegated and so seen by S-mode only.
  if ((c.mideleg & 0x20) !== 0) c.switchTo(SUPERVISOR);
  c.add('timer of S-mode', items());
  c.switchTo(MACHINE);
  c.add('Sstc off', [...c.li(value, STCE), c.op('csrrc', 0, CSR.menvcfg, value)]);
}

/** menvcfg (3.1.18): Sstc is enabled for S-mode, and stimecmp makes mip.STIP. */
const STCE = 1n << 63n;
