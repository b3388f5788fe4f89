// ELF64 files (Tool Interface Standard, "Executable and Linking Format" 1.2; psABI for RISC-V) with symbols and line
// numbers (dwarf.ts): what QEMU boots and gdb reads.
import { Bytes } from './bytes.ts';

export interface Section {
  readonly name: string;
  /** SHT_*: 1 program, 8 no bits in the file. */
  readonly type: number;
  /** SHF_*: 1 write, 2 alloc, 4 execute. */
  readonly flags: number;
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes in memory, when there are none in the file. */
  readonly size?: number;
}
export interface Symbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** STT_*: 1 object, 2 function. */
  readonly type: 1 | 2;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;
const SECTION_HEADER = 64;
const EM_RISCV = 243;

/** Segments are the sections with flag alloc. */
export function elfFile(entry: number, sections: readonly Section[], symbols: readonly Symbol[]): Uint8Array {
  const names = new Bytes().u8(0);
  const symbolBytes = new Bytes().zeros(24);
  const loaded = sections.filter((s) => (s.flags & 2) !== 0);
  for (const { name, address, size, type } of symbols) {
    const home =
      1 + sections.findIndex((s) => s.address <= address && address <= s.address + (s.size ?? s.bytes.length));
    symbolBytes.u32(names.length).u8(0x10 | type).u8(0).u16(home).u64(address).u64(size); // prettier-ignore
    names.text(name);
  }
  const tables = [
    { name: '.symtab', type: 2, bytes: symbolBytes.take(), link: sections.length + 2, info: 1, entry: 24 },
    { name: '.strtab', type: 3, bytes: names.take(), link: 0, info: 0, entry: 0 },
  ];
  const sectionNames = new Bytes().u8(0);
  const all = [
    ...sections.map((s) => ({ ...s, link: 0, info: 0, entry: 0 })),
    ...tables.map((t) => ({ ...t, flags: 0, address: 0, size: undefined })),
    { name: '.shstrtab', type: 3, flags: 0, address: 0, bytes: new Uint8Array(), link: 0, info: 0, entry: 0 },
  ];
  const nameAt = all.map((s) => {
    const at = sectionNames.length;
    sectionNames.text(s.name);
    return at;
  });
  all[all.length - 1].bytes = sectionNames.take();

  const file = new Bytes();
  file.raw([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).zeros(8).u16(2).u16(EM_RISCV).u32(1).u64(entry).u64(HEADER);
  const sectionsAt = file.length;
  file.u64(0).u32(0).u16(HEADER).u16(PROGRAM_HEADER).u16(loaded.length).u16(SECTION_HEADER);
  file.u16(all.length + 1).u16(all.length);
  const body = new Bytes();
  const bodyAt = HEADER + PROGRAM_HEADER * loaded.length;
  const offsets = all.map((s) => {
    body.zeros((16 - ((bodyAt + body.length) % 16)) % 16);
    const at = bodyAt + body.length;
    if (s.type !== 8) body.raw(s.bytes);
    return at;
  });
  for (const s of loaded) {
    const n = sections.indexOf(s);
    const rights = 4 | ((s.flags & 1) << 1) | ((s.flags & 4) >> 2);
    file.u32(1).u32(rights).u64(offsets[n]).u64(s.address).u64(s.address);
    file
      .u64(s.type === 8 ? 0 : s.bytes.length)
      .u64(s.size ?? s.bytes.length)
      .u64(16);
  }
  file.raw(body.take());
  file.zeros((8 - (file.length % 8)) % 8);
  file.patch64(sectionsAt, file.length);
  file.zeros(SECTION_HEADER);
  all.forEach((s, n) => {
    file.u32(nameAt[n]).u32(s.type).u64(s.flags).u64(s.address).u64(offsets[n]);
    file
      .u64(s.size ?? s.bytes.length)
      .u32(s.link)
      .u32(s.info)
      .u64(1)
      .u64(s.entry);
  });
  return file.take();
}
