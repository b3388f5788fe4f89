// Line numbers for debuggers (DWARF 4, sections 6.2 and 7): which TypeScript line each instruction comes from, and where each
// function is.
import { positionOf } from '../proof/language.ts';
import { Bytes } from './bytes.ts';
import type { Linked } from './assemble.ts';
import type { SourceFile } from '../proof/language.ts';
import type { Section, Symbol } from './elf.ts';

const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = 13;
const PRODUCER = 'virtsec';
/** DW_LANG_C99: of the languages that gdb knows the one whose expressions are closest. */
const LANGUAGE = 0x0c;

function lineProgram(linked: Linked, files: readonly SourceFile[]): Uint8Array {
  const header = new Bytes();
  header
    .u8(1)
    .u8(1)
    .u8(1)
    .u8(LINE_BASE & 0xff)
    .u8(LINE_RANGE)
    .u8(OPCODE_BASE);
  header.raw([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]); // operands of the standard opcodes
  header.u8(0); // no directories: names are relative to the compilation's
  for (const { name } of files) header.text(name).uleb(0).uleb(0).uleb(0);
  header.u8(0);

  const program = new Bytes();
  program.u8(0).uleb(9).u8(2).u64(linked.base); // DW_LNE_set_address
  let [address, file, line] = [linked.base, 1, 1];
  for (const { address: at, at: origin } of linked.lines) {
    if (origin === undefined || origin.file < 0) continue;
    const next = positionOf(files[origin.file].text, origin.offset).line;
    if (origin.file + 1 !== file) {
      file = origin.file + 1;
      program.u8(4).uleb(file); // DW_LNS_set_file
    }
    program.u8(2).uleb(at - address); // DW_LNS_advance_pc
    program.u8(3).sleb(next - line); // DW_LNS_advance_line
    program.u8(1); // DW_LNS_copy
    [address, line] = [at, next];
  }
  program.u8(2).uleb(linked.codeEnd - address);
  program.u8(0).uleb(1).u8(1); // DW_LNE_end_sequence

  const unit = new Bytes().u16(4).u32(header.length).raw(header.take()).raw(program.take()).take();
  return new Bytes().u32(unit.length).raw(unit).take();
}

/** One compilation unit and its functions. */
function information(linked: Linked, files: readonly SourceFile[], functions: readonly Symbol[]): Uint8Array {
  const body = new Bytes().u16(4).u32(0).u8(8);
  body
    .uleb(1)
    .text(PRODUCER)
    .u8(LANGUAGE)
    .text(files[0]?.name ?? '')
    .u32(0)
    .u64(linked.base);
  body.u64(linked.codeEnd - linked.base);
  for (const f of functions) body.uleb(2).text(f.name).u64(f.address).u64(f.size);
  body.u8(0);
  const bytes = body.take();
  return new Bytes().u32(bytes.length).raw(bytes).take();
}
function abbreviations(): Uint8Array {
  const [name, low, high, language, statements, producer] = [0x03, 0x11, 0x12, 0x13, 0x10, 0x25];
  const [string, address, data1, data8, offset] = [0x08, 0x01, 0x0b, 0x07, 0x17];
  return new Bytes()
    .raw([1, 0x11, 1, producer, string, language, data1, name, string, statements, offset, low, address, high, data8])
    .raw([0, 0, 2, 0x2e, 0, name, string, low, address, high, data8, 0, 0, 0])
    .take();
}

export function debugSections(
  linked: Linked,
  files: readonly SourceFile[],
  functions: readonly Symbol[],
): readonly Section[] {
  const section = (name: string, bytes: Uint8Array): Section => ({ name, type: 1, flags: 0, address: 0, bytes });
  return [
    section('.debug_line', lineProgram(linked, files)),
    section('.debug_info', information(linked, files, functions)),
    section('.debug_abbrev', abbreviations()),
  ];
}
