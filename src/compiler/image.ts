// A bootable image: entry, compiled code, texts, and behind them (not in the file) state and stack. It is loaded and
// entered at its first byte, in M-mode, by the board's reset vector.
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { debugSections } from './dwarf.ts';
import { elfFile } from './elf.ts';
import { GP_OFFSET } from './layout.ts';
import { GP, RA, SP, ZERO, x } from './instructions.ts';
import type { Compilation } from './compile.ts';
import type { Linked } from './assemble.ts';
import type { SourceFile } from '../proof/language.ts';
import type { Symbol } from './elf.ts';

/** CSR numbers (Privileged ISA, chapter 2). */
export const CSR = { mhartid: 0xf14, mtvec: 0x305 } as const;
/** First byte of RAM on QEMU's `virt`. */
export const RAM = 0x8000_0000;
const STACK_BYTES = 16 * 1024;

export interface Image {
  readonly linked: Linked;
  readonly compilation: Compilation;
  readonly flat: Uint8Array;
  readonly elf: Uint8Array;
  /** Bytes behind the image: state and stack. */
  readonly stateAt: number;
  readonly memory: number;
}

/** Hart 0 runs `main`; the others sleep. A trap inside ends in a loop, with nothing changed that a debugger would look for. */
function entry(asm: Assembler, stateBytes: number): void {
  const [t0, t1] = [x('t0'), x('t1')];
  asm.label('entry');
  asm.op('csrrs', t0, ZERO, 0, CSR.mhartid);
  asm.branch('ne', t0, ZERO, 'park');
  asm.address(t0, 'halt');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  // RAM holds anything: after a warm reset even what the last run left.
  asm.address(t0, 'state');
  asm.move(t1, SP);
  asm.label('entry.clear');
  asm.store(ZERO, t0, 0);
  asm.store(ZERO, t0, 8);
  asm.imm('addi', t0, t0, 16);
  asm.branch('ltu', t0, t1, 'entry.clear');
  asm.jump('main', RA);
  asm.label('park');
  asm.op('wfi', 0);
  asm.jump('park');
  // mtvec's low two bits are its mode.
  asm.align(4);
  asm.label('halt');
  asm.jump('halt');
}

/** Functions and stubs with their sizes, by address. */
export function functionSymbols(linked: Linked): Symbol[] {
  const code = [...linked.symbols].filter(
    ([name, at]) => !name.includes('.') && at >= linked.base && at < linked.codeEnd,
  );
  code.sort((a, b) => a[1] - b[1]);
  return code.map(([name, address], i) => ({
    name,
    address,
    size: (code[i + 1]?.[1] ?? linked.codeEnd) - address,
    type: 2,
  }));
}

/** The image of a program with a function `main`. Throws OutsideLanguage. */
export function buildImage(files: readonly SourceFile[], { check = false, base = RAM } = {}): Image {
  const asm = new Assembler();
  // The entry comes first and needs the state's size: compile once to learn it.
  const { layout } = compileInto(new Assembler(), files, { roots: ['main'], check });
  entry(asm, layout.size);
  const compilation = compileInto(asm, files, { roots: ['main'], check });
  asm.endCode();
  emitTexts(asm, compilation.unit);
  asm.align(16);
  asm.label('state');
  const linked = asm.link(base);
  const stateAt = base + linked.bytes.length;
  const memory = layout.size + STACK_BYTES;
  const functions = functionSymbols(linked);
  const fields: Symbol[] = [...layout.fields.values()].map((f) => ({
    name: f.name,
    address: stateAt + f.offset,
    size: f.stride === 4 ? f.count * 4 : 4,
    type: 1,
  }));
  const elf = elfFile(
    base,
    [
      { name: '.text', type: 1, flags: 6, address: base, bytes: linked.bytes },
      { name: '.bss', type: 8, flags: 3, address: stateAt, bytes: new Uint8Array(), size: memory },
      ...debugSections(linked, files, functions),
    ],
    [...functions, ...fields],
  );
  return { linked, compilation, flat: linked.bytes, elf, stateAt, memory };
}
