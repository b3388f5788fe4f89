// A bootable image: entry, compiled code, texts, and behind them (not in the file) state and stack. It is loaded and
// entered at its first byte, in M-mode, by the board's reset vector.
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { debugSections } from './dwarf.ts';
import { elfFile } from './elf.ts';
import { entryStub, programStub, trapStub } from './stubs.ts';
import { readUnit } from './source.ts';
import type { Compilation } from './compile.ts';
import type { Linked } from './assemble.ts';
import type { SourceFile } from '../proof/language.ts';
import type { Symbol } from './elf.ts';

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

/** A program for U-mode, flat, for its place in memory: code from `base` on, state and stack behind it. */
export function buildProgram(
  files: readonly SourceFile[],
  place: { readonly base: number; readonly bytes: number; readonly exit: number },
): Uint8Array {
  const asm = new Assembler();
  programStub(asm, place.exit);
  const { unit, layout } = compileInto(asm, files, { roots: ['main'], check: true });
  emitTexts(asm, unit);
  asm.align(16);
  asm.label('state');
  const end = place.base + place.bytes;
  const linked = asm.link(place.base, new Map([['stack', end]]));
  if (linked.bytes.length + layout.size + STACK_BYTES > place.bytes) {
    throw new RangeError(`${files.at(-1)?.name}: ${linked.bytes.length} bytes of code do not fit into ${place.bytes}`);
  }
  return linked.bytes;
}

export interface ImageOptions {
  readonly check?: boolean;
  readonly base?: number;
  /** Bytes that the program finds by `symbol(NAME)` and `symbol('NAME.end')`; multiples of 8. */
  readonly blobs?: Readonly<Record<string, Uint8Array>>;
}
/** The image of a program with a function `main`, and `trap` if it has partitions (stubs.ts). Throws OutsideLanguage. */
export function buildImage(files: readonly SourceFile[], options: ImageOptions = {}): Image {
  const { check = false, base = RAM, blobs = {} } = options;
  const hasTraps = readUnit(files).program.functions.has('trap');
  const asm = new Assembler();
  entryStub(asm, hasTraps);
  if (hasTraps) trapStub(asm);
  const compilation = compileInto(asm, files, { roots: hasTraps ? ['main', 'trap'] : ['main'], check });
  const { layout } = compilation;
  asm.endCode();
  emitTexts(asm, compilation.unit);
  for (const [name, bytes] of Object.entries(blobs)) {
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    asm.data(name, padded);
    asm.label(`${name}.end`);
  }
  asm.align(16);
  asm.label('state');
  const memory = layout.size + STACK_BYTES;
  const linked = asm.link(base, new Map(), { stack: { after: 'state', bytes: memory } });
  const stateAt = base + linked.bytes.length;
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
