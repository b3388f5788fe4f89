// The image of a whole system for bare RISC-V: the kernel, the plan's words, the layout of memory, and the partitions'
// programs. The stubs here (reset, trap entry and exit) are the only code that is not written in TypeScript.
//
//   RAM      stubs, kernel code, texts, plan, layout, programs | state, stack
//   behind   for each partition its code (read, execute) and its data (read, write), each a naturally aligned power of two
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { debugSections } from './dwarf.ts';
import { elfFile } from './elf.ts';
import { RAM, functionSymbols } from './image.ts';
import { A0, GP, RA, SP, ZERO, x } from './instructions.ts';
import { GP_OFFSET } from './layout.ts';
import { readSources } from './source.ts';
import type { SourceFile } from '../proof/language.ts';

const CSR = { mhartid: 0xf14, mtvec: 0x305, mscratch: 0x340, mepc: 0x341 } as const;
const STACK_BYTES = 16 * 1024;
const FRAME = 4096;
const OP_EXIT = 3;

/** A device or a piece of memory that a partition may use, beside its own code and data. */
export interface Region {
  /** Byte address, a multiple of `bytes`. */
  readonly address: number;
  /** A power of two, at least 4,096. */
  readonly bytes: number;
  readonly rights: 'r' | 'rw' | 'rx';
}
export interface MetalProgram {
  readonly name: string;
  /** Sources in the subset, in the order of use; the last one has `main(restarts, startKind)`. */
  readonly files: readonly SourceFile[];
  /** Bytes of data: message page, state, stack. Rounded up to a power of two. */
  readonly dataBytes: number;
  readonly devices: readonly Region[];
  /** Handles by the names of its ports. */
  readonly ports?: ReadonlyMap<string, number>;
}
export interface SystemImage {
  readonly flat: Uint8Array;
  readonly elf: Uint8Array;
  /** Bytes by part, for people. */
  readonly sizes: { readonly kernel: number; readonly plan: number; readonly programs: ReadonlyMap<string, number> };
  readonly symbols: ReadonlyMap<string, number>;
}

const RIGHTS = { r: 1, rw: 3, rx: 5 } as const;
const MAX_REGIONS = 8;
const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, FRAME)));
const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** Reset: hart 0 clears state and stack and runs `main`, which gives the first frame to resume; other harts sleep. */
function reset(asm: Assembler, stateBytes: number): void {
  const [t0, t1] = [x('t0'), x('t1')];
  asm.label('entry');
  asm.op('csrrs', t0, ZERO, 0, CSR.mhartid);
  asm.branch('ne', t0, ZERO, 'park');
  asm.address(t0, 'trapInKernel');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  asm.address(t0, 'state');
  asm.move(t1, SP);
  asm.label('entry.clear');
  asm.store(ZERO, t0, 0);
  asm.store(ZERO, t0, 8);
  asm.imm('addi', t0, t0, 16);
  asm.branch('ltu', t0, t1, 'entry.clear');
  asm.jump('main', RA);
  asm.jump('resume');
  asm.label('park');
  asm.op('wfi', 0);
  asm.jump('park');
}
/** Trap entry: all registers and the pc to the frame that mscratch points to, then `trap`; exit: the frame that it gives back. */
function trapStubs(asm: Assembler, stateBytes: number): void {
  const t0 = x('t0');
  asm.align(4);
  asm.label('trapEntry');
  asm.op('csrrw', SP, SP, 0, CSR.mscratch);
  for (let r = 1; r < 32; r++) if (r !== SP) asm.store(r, SP, r * 8);
  asm.op('csrrs', t0, ZERO, 0, CSR.mscratch);
  asm.store(t0, SP, SP * 8);
  asm.op('csrrs', t0, ZERO, 0, CSR.mepc);
  asm.store(t0, SP, 0);
  // A trap inside the kernel is its end, and is told.
  asm.address(t0, 'trapInKernel');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  asm.jump('trap', RA);
  asm.label('resume');
  asm.address(t0, 'trapEntry');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.op('csrrw', ZERO, A0, 0, CSR.mscratch);
  asm.load(t0, A0, 0);
  asm.op('csrrw', ZERO, t0, 0, CSR.mepc);
  for (let r = 1; r < 32; r++) if (r !== A0) asm.load(r, A0, r * 8);
  asm.load(A0, A0, A0 * 8);
  asm.op('mret', 0);
  asm.align(4);
  asm.label('trapInKernel');
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  asm.jump('panic', RA);
  asm.label('halt');
  asm.jump('halt');
}

/** A program's code for its place. The kernel sets sp, a0 and a1; a `main` that returns has ended with that status. */
function program(
  { files, name, ports }: MetalProgram,
  code: number,
  data: number,
): { bytes: Uint8Array; stateBytes: number } {
  const asm = new Assembler();
  asm.label('entry');
  asm.address(GP, 'state', GP_OFFSET);
  asm.jump('main', RA);
  asm.constant(x('a7'), OP_EXIT);
  asm.op('ecall', 0);
  asm.label('halt');
  asm.jump('halt');
  const { layout, unit } = compileInto(asm, files, { roots: ['main'], ...(ports === undefined ? {} : { ports }) });
  asm.endCode();
  emitTexts(asm, unit);
  const known = new Map([
    ['page', data],
    ['state', data + FRAME],
  ]);
  try {
    return { bytes: asm.link(code, known).bytes, stateBytes: layout.size };
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function bytesOf(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setInt32(i * 4, word, true));
  return bytes;
}

/** Files of the kernel, in the order of use. */
const KERNEL = ['core/core.ts', 'plan-load.ts', 'metal/board.ts', 'metal/supervisor.ts'];

/** Throws OutsideLanguage on a source that is not in the subset, Error on a system that does not fit. */
export function buildSystem(kernelFolder: string, plan: Int32Array, programs: readonly MetalProgram[]): SystemImage {
  const files = readSources(KERNEL.map((file) => `${kernelFolder}/${file}`));
  const options = { roots: ['main', 'trap', 'panic'] };
  const { layout } = compileInto(new Assembler(), files, options);

  // Where partitions lie depends on their sizes alone, and their sizes not on where they lie.
  const sized = programs.map((p) => {
    const { bytes, stateBytes } = program(p, RAM, RAM);
    const data = powerOfTwo(Math.max(p.dataBytes, FRAME + stateBytes + FRAME));
    return { ...p, code: powerOfTwo(bytes.length), data };
  });
  const build = (kernelEnd: number) => {
    let at = kernelEnd;
    const place = (bytes: number): number => {
      const here = alignUp(at, bytes);
      at = here + bytes;
      return here;
    };
    const placed = sized.map((p) => {
      const code = place(p.code);
      const data = place(p.data);
      return { ...p, codeAt: code, dataAt: data, bytes: program(p, code, data).bytes };
    });
    const asm = new Assembler();
    reset(asm, layout.size);
    trapStubs(asm, layout.size);
    const { unit } = compileInto(asm, files, options);
    asm.endCode();
    emitTexts(asm, unit);
    asm.data('planWords', bytesOf(Int32Array.of(plan.length)));
    asm.data('plan', bytesOf(plan));
    for (const p of placed) {
      const padded = new Uint8Array(alignUp(p.bytes.length, 4));
      padded.set(p.bytes);
      asm.data(`program ${p.name}`, padded, 16);
    }
    const table = new Int32Array(placed.length * (2 + 3 * MAX_REGIONS));
    const layoutBytes = bytesOf(table);
    asm.data('layout', layoutBytes, 16);
    asm.align(FRAME);
    asm.label('state');
    const end = alignUp(layout.size + STACK_BYTES, FRAME);
    const probe = asm.link(RAM, new Map([['kernelEnd', 0]]));
    const stateAt = probe.symbols.get('state') ?? RAM;
    const linked = asm.link(RAM, new Map([['kernelEnd', stateAt + end]]));
    placed.forEach((p, i) => {
      const row = i * (2 + 3 * MAX_REGIONS);
      table[row] = (linked.symbols.get(`program ${p.name}`) ?? 0) - RAM;
      table[row + 1] = alignUp(p.bytes.length, 4) / 4;
      const regions: Region[] = [
        { address: p.codeAt, bytes: p.code, rights: 'rx' },
        { address: p.dataAt, bytes: p.data, rights: 'rw' },
        ...p.devices,
      ];
      if (regions.length > MAX_REGIONS) throw new Error(`${p.name}: more than ${MAX_REGIONS} regions`);
      regions.forEach((region, n) => {
        table[row + 2 + 3 * n] = region.address / FRAME;
        table[row + 3 + 3 * n] = Math.log2(region.bytes / FRAME);
        table[row + 4 + 3 * n] = RIGHTS[region.rights];
      });
    });
    linked.bytes.set(bytesOf(table), (linked.symbols.get('layout') ?? RAM) - RAM);
    return { linked, stateAt, kernelEnd: stateAt + end, placed, memory: end };
  };
  // The image's own end decides where partitions begin; a second round has the same sizes.
  const first = build(RAM + (1 << 24));
  const { linked, stateAt, placed, memory, kernelEnd } = build(alignUp(first.kernelEnd, FRAME));
  if (kernelEnd !== first.kernelEnd) throw new Error('the size of a program depends on its place');
  const functions = functionSymbols(linked);
  const elf = elfFile(
    RAM,
    [
      { name: '.text', type: 1, flags: 6, address: RAM, bytes: linked.bytes },
      { name: '.bss', type: 8, flags: 3, address: stateAt, bytes: new Uint8Array(), size: memory },
      ...debugSections(linked, files, functions),
    ],
    functions,
  );
  return {
    flat: linked.bytes,
    elf,
    sizes: {
      kernel: linked.codeEnd - RAM,
      plan: plan.length * 4,
      programs: new Map(placed.map((p) => [p.name, p.bytes.length])),
    },
    symbols: linked.symbols,
  };
}
