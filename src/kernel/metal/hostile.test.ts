// A hostile program in machine code, one attack a life, against each protection, and the control: with that protection left out of
// the kernel, the attack goes through and says so.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Assembler } from '../../compiler/assemble.ts';
import { x } from '../../compiler/instructions.ts';
import { readSources } from '../../compiler/source.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { qemu, runOnBoard, runOnQemu } from '../../compiler/tests/board.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import type { SourceFile } from '../../proof/language.ts';
import { openPlanFile } from '../plan-file.ts';

const SYSTEM = `
virtsec: 1
system: hostile
partitions:
  hostile: { app: ./hostile.ts, memory: 64K, faults: { trap: cold-restart, call: cold-restart, restarts: 100 per 1m, backoff: 0us } }
  neighbour: { app: ./neighbour.ts, memory: 64K }
  console: { app: ./report.ts, memory: 64K, may: { audit: [hostile] } }
channels:
  through: { queuing: hostile -> console, bytes: 4, depth: 64 }
schedules:
  normal: { frame: 2ms, cores: { 0: [{ hostile: 0-1ms }, { neighbour: 1ms-1500us }, { console: 1500us-2ms }] } }
`;
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string) => path.join(import.meta.dirname, 'tests', name);
const KERNEL = path.resolve(import.meta.dirname, '..');
const UART = { address: 0x1000_0000, bytes: 4096, rights: 'rw' } as const;
const [A0, A1, A2, A7, T0, T1, RA] = ['a0', 'a1', 'a2', 'a7', 't0', 't1', 'ra'].map((r) => x(r as 'a0'));
const ZERO = 0;
const OP_SEND = 10;
const OP_EXIT = 3;

interface Places {
  readonly code: number;
  readonly data: number;
}
interface Attack {
  readonly name: string;
  readonly make: (asm: Assembler, places: Places) => void;
}
const RAM_BASE = 0x8000_0000;
const MTIME = 0x200_bff8;
const MTIMECMP = 0x200_4000;
const RET = 0x0000_8067;

/** rd := an address, which may be above 2^31. */
function address(asm: Assembler, rd: number, value: number): void {
  asm.constant(rd, value >>> 11);
  asm.imm('slli', rd, rd, 11);
  asm.imm('addi', rd, rd, value & 0x7ff);
}
const load = (name: string, at: (places: Places) => number): Attack => ({
  name,
  make(asm, places) {
    address(asm, T0, at(places));
    asm.load(T1, T0, 0);
  },
});
/** Writes back what a control lets it read, so that the control does no harm. */
const store = (name: string, at: (places: Places) => number): Attack => ({
  name,
  make(asm, places) {
    address(asm, T0, at(places));
    asm.load(T1, T0, 0);
    asm.store(T1, T0, 0);
  },
});
const blindStore = (name: string, at: (places: Places) => number, value = 0): Attack => ({
  name,
  make(asm, places) {
    address(asm, T0, at(places));
    asm.constant(T1, value);
    asm.store(T1, T0, 0);
  },
});
const jump = (name: string, prepare: (asm: Assembler, places: Places) => void): Attack => ({
  name,
  make(asm, places) {
    prepare(asm, places);
    asm.op('jalr', RA, T0);
  },
});
/** Far behind what the kernel's own code has and before the programs of others: data of the image. */
const BEHIND_ALL = 12 << 20;

const MEMORY: Attack[] = [
  load('read the kernel', () => RAM_BASE),
  store('write the kernel', () => RAM_BASE),
  load('read the neighbour', ({ data }) => data + 0x1_0000),
  load('read memory of nobody', () => RAM_BASE + BEHIND_ALL),
  blindStore('write memory of nobody', () => RAM_BASE + BEHIND_ALL),
  store('write its own code', ({ code }) => code),
  load('read across the end of its data', ({ data }) => data + 0x4000 - 4),
  load('read the time', () => MTIME),
  store('set the timer', () => MTIMECMP),
  load('read the board', () => 0x10_0000),
  jump('run its own data', (asm, { data }) => {
    address(asm, T0, data + 0x800);
    asm.constant(T1, RET);
    asm.store(T1, T0, 0, 'sw');
    asm.op('fencei', 0);
  }),
  jump('run a return in memory of nobody', (asm) => {
    address(asm, T0, RAM_BASE + BEHIND_ALL);
    asm.constant(T1, RET);
    asm.store(T1, T0, 0, 'sw');
    asm.op('fencei', 0);
  }),
];
/** Instructions that U-mode does not have. In M-mode each of them goes through. */
const csr = (name: string, number: number): Attack => ({
  name,
  make(asm) {
    asm.op('csrrs', T0, ZERO, 0, number);
    asm.op('csrrw', ZERO, T0, 0, number);
  },
});
const PRIVILEGED: Attack[] = [
  csr('mstatus', 0x300),
  csr('medeleg', 0x302),
  csr('mtvec', 0x305),
  csr('mepc', 0x341),
  csr('pmpcfg0', 0x3a0),
  csr('pmpaddr0', 0x3b0),
  csr('satp', 0x180),
  csr('stvec', 0x105),
  csr('sscratch', 0x140),
  // U-mode has none where there is S-mode (Privileged ISA 3.3.3).
  { name: 'wfi', make: (asm) => asm.op('wfi', 0) },
  { name: 'sfence.vma', make: (asm) => asm.op('sfence', 0) },
  {
    name: 'mret',
    make(asm) {
      // Into the next instruction, in the mode that it is in.
      asm.constant(T0, 0x1800);
      asm.op('csrrs', ZERO, T0, 0, 0x300);
      asm.address(T0, 'behind mret');
      asm.op('csrrw', ZERO, T0, 0, 0x341);
      asm.op('mret', 0);
      asm.label('behind mret');
    },
  },
];
const COUNTERS: Attack[] = [0xc00, 0xc01, 0xc02].map((n) => ({
  name: `counter ${n.toString(16)}`,
  make: (asm) => asm.op('csrrs', T0, ZERO, 0, n),
}));
const ATTACKS = [...MEMORY, ...PRIVILEGED, ...COUNTERS];

/** Attack a0 (how often it has been started), then "through", then an illegal call; when none is left, its end. */
function hostile(code: number, data: number, toUart: boolean): Uint8Array {
  const asm = new Assembler();
  asm.label('entry');
  ATTACKS.forEach(({ make }, n) => {
    asm.constant(T0, n);
    asm.branch('ne', A0, T0, `not ${n}`);
    make(asm, { code, data });
    asm.constant(T0, n);
    asm.jump('through');
    asm.label(`not ${n}`);
  });
  asm.constant(A0, 0);
  asm.constant(A7, OP_EXIT);
  asm.op('ecall', 0);
  asm.label('through');
  if (toUart) {
    address(asm, T1, UART.address);
    asm.imm('addi', T0, T0, 65);
    asm.store(T0, T1, 0, 'sb');
    // Not ecall, which M-mode would have answered differently: any trap does.
    asm.op('ebreak', 0);
  } else {
    address(asm, T1, data);
    asm.store(T0, T1, 0, 'sw');
    asm.constant(A0, 0);
    asm.constant(A1, 4);
    asm.constant(A2, 0);
    asm.constant(A7, OP_SEND);
    asm.op('ecall', 0);
    asm.constant(A7, 999);
    asm.op('ecall', 0);
  }
  return asm.link(code).bytes;
}

/** The kernel with a protection left out: `from` is in exactly one of its files, once. */
function without(from: string, to: string): SourceFile[] {
  const files = kernelSources(KERNEL);
  assert.equal(
    files.map(({ text }) => text.split(from).length - 1).reduce((a, b) => a + b),
    1,
    from,
  );
  return files.map((file) => ({ ...file, text: file.text.replace(from, to) }));
}

function build(kernel: readonly SourceFile[], toUart = false) {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const common = { dataBytes: 16 * 1024, devices: [] };
  const programs = [
    { ...common, name: 'hostile', files: [], assembled: (c: number, d: number) => hostile(c, d, toUart) },
    { ...common, name: 'neighbour', files: readSources([here('calls.ts'), here('neighbour.ts')]) },
    { ...common, name: 'console', files: readSources([here('calls.ts'), here('report.ts')]), devices: [UART] },
  ];
  return buildSystem(kernel, openPlanFile(file).words, programs);
}
const BOARD = { ramBytes: 16 << 20, budget: 60_000_000 };
const BOOT = 'Virtsec separation kernel on bare RV64\n';
const named = (attacks: readonly Attack[]): string[] => attacks.map(({ name }) => name);
/** Attacks that a transcript tells of. */
const through = (transcript: string): string[] =>
  Array.from(Buffer.from(transcript.slice(BOOT.length)), (c) => ATTACKS[c - 65]?.name ?? []).flat();

test('each attack costs its partition a life and reaches nothing', () => {
  const image = build(kernelSources(KERNEL));
  // What the console says at the end: how often it died, in letters; nothing before.
  const transcript = `${BOOT}${'.'.repeat(ATTACKS.length)}\n`;
  assert.equal(runOnBoard(image.flat, BOARD).transcript, transcript);
  if (qemu) assert.equal(runOnQemu(image.elf).transcript, transcript);
});

test('control: with memory open, all attacks on memory go through, and no other', () => {
  const open = without(
    'store64(add64(at, word(PMP_PARTITION * 8)), partition);',
    'store64(add64(at, word(56)), word(-1)); store64(add64(at, word(PMP_PARTITION * 8)), shiftLeft64(word(31), 56));',
  );
  assert.deepEqual(through(runOnBoard(build(open).flat, BOARD).transcript), named(MEMORY));
});

test('control: in M-mode, privileged instructions go through', () => {
  const machine = without('const STATUS_OF_PARTITION = 0x20_0080', 'const STATUS_OF_PARTITION = 0x1880');
  const seen = through(runOnBoard(build(machine, true).flat, BOARD).transcript);
  for (const name of named(PRIVILEGED)) assert.ok(seen.includes(name), `${name}: ${seen.join(', ')}`);
});

test('control: with counters open, their reading goes through', () => {
  const counters = without(
    'csrWrite(MCOUNTEREN, word(0));\n  readPlan',
    'csrWrite(MCOUNTEREN, word(7)); csrWrite(0x106, word(7));\n  readPlan',
  );
  assert.deepEqual(through(runOnBoard(build(counters).flat, BOARD).transcript), named(COUNTERS));
});
