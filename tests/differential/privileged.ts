// Groups of privileged instructions: CSRs, traps, changes of mode, counters.

import type { Context } from './context.ts';
import { type Item, MACHINE, type Mode, SUPERVISOR, USER } from './program.ts';
import { CSR } from './registers.ts';
import { FREE_PMP } from './space.ts';
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
  const returns = (c.medeleg & 4) === 0 && c.space.satpMode === 0 ? MSTATUS.TSR : MSTATUS.TW;
  // Fences must not trap where translation is on: QEMU needs more of them than the architecture (wildJump).
  const virtual = c.space.satpMode === 0 ? MSTATUS.TVM : MSTATUS.TW;
  const bits = random.pick([virtual, MSTATUS.TW, returns, MSTATUS.FS, MSTATUS.FS, MSTATUS.SUM, MSTATUS.MXR]);
  c.add('mstatus', [
    ...c.li(mask, bits),
    c.op(random.pick(['csrrs', 'csrrs', 'csrrc']), c.register([mask], 0), CSR.mstatus, mask),
  ]);
}
