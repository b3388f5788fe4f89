// Guest images: RISC-V Image, gzip, zstd, EFI zboot and ELF64. Every byte is untrusted: sizes, offsets and addresses are
// checked before use, nothing is written outside RAM, and what is wrong comes back as a value.

export interface ImageError {
  readonly code: string;
  readonly message: string;
  readonly help: string;
}

export interface Ram {
  readonly bytes: Uint8Array;
  /** Physical address of the first byte. */
  readonly base: number;
}

export interface Loaded {
  readonly format: 'image' | 'elf' | 'binary';
  /** Physical address of the first instruction. */
  readonly entry: number;
  /** First address behind the image and its zeroed memory. */
  readonly end: number;
  /** HTIF words (ELF symbols `tohost` and `fromhost`), physical. */
  readonly tohost?: number;
  readonly fromhost?: number;
}

/** Unpacks, or returns undefined when the data are damaged or longer than `limit` bytes. */
export type Decompress = (format: 'gzip' | 'zstd', bytes: Uint8Array, limit: number) => Uint8Array | undefined;

export function isImageError(value: object): value is ImageError {
  return 'code' in value;
}

function wrong(code: string, message: string, help: string): ImageError {
  return { code, message, help };
}

function startsWith(bytes: Uint8Array, at: number, magic: readonly number[]): boolean {
  return at + magic.length <= bytes.length && magic.every((byte, i) => bytes[at + i] === byte);
}

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const MZ = ascii('MZ');
/** EFI zboot header (Linux drivers/firmware/efi/libstub/zboot-header.S). */
const ZBOOT = ascii('zimg');
const ELF = [0x7f, ...ascii('ELF')];
/** RISC-V Image header (Linux Documentation/arch/riscv/boot-image-header.rst): magic2 at 0x38, the older magic at 0x30. */
const IMAGE_MAGIC2 = [...ascii('RSC'), 5];
const IMAGE_MAGIC = ascii('RISCV');
export const IMAGE_HEADER_BYTES = 64;

/** Wrappings inside one another: an EFI zboot in gzip is the most that anyone builds. */
const MAX_WRAPPINGS = 3;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit value; what no double holds exactly is as wrong as any address outside RAM: Infinity. */
function u64(data: DataView, at: number): number {
  const value = data.getUint32(at + 4, true) * 0x1_0000_0000 + data.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** Takes gzip, zstd and EFI zboot off; what is inside, or what is wrong. */
export function unwrap(file: Uint8Array, limit: number, decompress: Decompress): Uint8Array | ImageError {
  let bytes = file;
  for (let depth = 0; depth <= MAX_WRAPPINGS; depth++) {
    let format: 'gzip' | 'zstd';
    let packed = bytes;
    if (startsWith(bytes, 0, GZIP)) format = 'gzip';
    else if (startsWith(bytes, 0, ZSTD)) format = 'zstd';
    else if (startsWith(bytes, 0, MZ) && startsWith(bytes, 4, ZBOOT)) {
      if (bytes.length < 64)
        return wrong('image.truncated', 'The EFI zboot header is cut off.', 'Fetch the kernel again.');
      const data = view(bytes);
      const at = data.getUint32(8, true);
      const size = data.getUint32(12, true);
      if (at + size > bytes.length) {
        return wrong(
          'image.truncated',
          'The EFI zboot payload reaches beyond the end of the file.',
          'Fetch the kernel again.',
        );
      }
      packed = bytes.subarray(at, at + size);
      if (startsWith(bytes, 24, ascii('gzip'))) format = 'gzip';
      else if (startsWith(bytes, 24, ascii('zstd'))) format = 'zstd';
      else {
        const name = String.fromCharCode(...bytes.subarray(24, 32)).replace(/[^a-z0-9].*$/, '');
        return wrong(
          'image.compression',
          `The EFI zboot payload is packed with "${name}", which Virtsec does not unpack.`,
          'Use a kernel packed with gzip or zstd, or its plain Image.',
        );
      }
    } else return bytes;
    const inside = decompress(format, packed, limit);
    if (!inside) {
      return wrong(
        'image.damaged',
        `The ${format} data are damaged or larger than the guest's RAM once unpacked.`,
        "Fetch the image again, or raise the partition's `memory`.",
      );
    }
    bytes = inside;
  }
  return wrong('image.nested', 'The image is packed in too many layers.', 'Give the plain Image.');
}

function hasImageMagic(bytes: Uint8Array): boolean {
  return startsWith(bytes, 0x38, IMAGE_MAGIC2) || startsWith(bytes, 0x30, IMAGE_MAGIC);
}

function outside(what: string): ImageError {
  return wrong(
    'image.outside-ram',
    `The ${what} does not fit into the guest's RAM.`,
    "Raise the partition's `memory`, or link the program for addresses from 0x80000000 on.",
  );
}

/**
 * Loads a kernel: an Image at base + text_offset (or at `at`, when firmware expects it there), an ELF64 program where
 * its headers say.
 */
export function loadKernel(ram: Ram, file: Uint8Array, decompress: Decompress, at?: number): Loaded | ImageError {
  if (file.length === 0) return wrong('image.empty', 'The kernel file is empty.', 'Fetch the kernel again.');
  const bytes = unwrap(file, ram.bytes.length, decompress);
  if (isImageError(bytes)) return bytes;
  if (startsWith(bytes, 0, ELF)) return loadElf(ram, bytes);
  if (hasImageMagic(bytes)) return loadImage(ram, bytes, at);
  return wrong(
    'image.format',
    'The kernel file is neither a RISC-V Image (plain, gzip, zstd or EFI zboot) nor an ELF program.',
    "Give a riscv64 kernel: Debian's `vmlinuz` of a `linux-image-*-riscv64` package works as it is.",
  );
}

/** Loads M-mode firmware: an ELF64 program where its headers say, anything else as a flat binary at the RAM's base. */
export function loadFirmware(ram: Ram, file: Uint8Array): Loaded | ImageError {
  if (file.length === 0)
    return wrong('image.empty', 'The firmware file is empty.', 'Give fw_jump or fw_dynamic of OpenSBI.');
  if (startsWith(file, 0, ELF)) return loadElf(ram, file);
  if (file.length > ram.bytes.length) return outside('firmware');
  ram.bytes.set(file, 0);
  return { format: 'binary', entry: ram.base, end: ram.base + file.length };
}

function loadImage(ram: Ram, bytes: Uint8Array, at: number | undefined): Loaded | ImageError {
  const loaded = placeImage(ram, bytes, bytes.length, at);
  if (!isImageError(loaded)) ram.bytes.set(bytes, loaded.entry - ram.base);
  return loaded;
}

/** Whether the file that begins with these bytes (64, or all of it) is a plain Image, which needs no unpacking. */
export function isPlainImage(start: Uint8Array): boolean {
  const isPacked = startsWith(start, 0, GZIP) || startsWith(start, 0, ZSTD) || startsWith(start, 4, ZBOOT);
  return !isPacked && !startsWith(start, 0, ELF) && hasImageMagic(start);
}

/** Where a plain Image of `fileBytes` goes that begins with `start`: its first byte is the `entry`. Writes nothing. */
export function placeImage(ram: Ram, start: Uint8Array, fileBytes: number, at?: number): Loaded | ImageError {
  if (start.length < IMAGE_HEADER_BYTES)
    return wrong('image.truncated', 'The Image header is cut off.', 'Fetch the kernel again.');
  const header = view(start);
  const BIG_ENDIAN = 1;
  if ((header.getUint32(24, true) & BIG_ENDIAN) !== 0) {
    return wrong('image.endianness', 'The kernel is big-endian.', 'Use a little-endian riscv64 kernel.');
  }
  const offset = at === undefined ? u64(header, 8) : at - ram.base;
  // image_size counts .bss, which the file does not hold.
  const size = Math.max(u64(header, 16), fileBytes);
  if (offset + size > ram.bytes.length) return outside('kernel');
  return { format: 'image', entry: ram.base + offset, end: ram.base + offset + size };
}

// ---- ELF64 (System V ABI, object files)
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EM_RISCV = 243;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;

interface Segment {
  readonly virtual: number;
  readonly physical: number;
  readonly bytes: number;
}

/** The physical address of a link address. */
function physical(segments: readonly Segment[], address: number): number {
  const s = segments.find(({ virtual, bytes }) => address >= virtual && address < virtual + bytes);
  return s ? s.physical + (address - s.virtual) : address;
}

function damaged(what: string): ImageError {
  return wrong('image.elf', `The ELF program is damaged: ${what}.`, 'Build or fetch the program again.');
}

function loadElf(ram: Ram, bytes: Uint8Array): Loaded | ImageError {
  if (bytes.length < ELF_HEADER_BYTES) return damaged('its header is cut off');
  const data = view(bytes);
  if (bytes[4] !== ELFCLASS64 || bytes[5] !== ELFDATA2LSB || data.getUint16(18, true) !== EM_RISCV) {
    return wrong('image.architecture', 'The ELF program is not for riscv64.', 'Build it for riscv64, little-endian.');
  }
  const at = u64(data, 32);
  const entryBytes = data.getUint16(54, true);
  const count = data.getUint16(56, true);
  if (entryBytes < PROGRAM_HEADER_BYTES || at + count * entryBytes > bytes.length)
    return damaged('its program headers lie outside the file');

  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const header = at + i * entryBytes;
    if (data.getUint32(header, true) !== PT_LOAD) continue;
    const inMemory = u64(data, header + 40);
    const inFile = u64(data, header + 32);
    const offset = u64(data, header + 8);
    if (inMemory === 0) continue;
    if (inFile > inMemory || offset + inFile > bytes.length) return damaged(`segment ${i} lies outside the file`);
    const target = u64(data, header + 24);
    // Linkers like to put the file's own headers in front of the first segment, here below RAM: nobody reads them there.
    const below = Math.min(inFile, Math.max(0, ram.base - target));
    const isPadding = bytes
      .subarray(Math.max(offset, at + count * entryBytes), offset + below)
      .every((byte) => byte === 0);
    if (!isPadding || target + below < ram.base || target + inMemory > ram.base + ram.bytes.length)
      return outside('ELF program');
    ram.bytes.set(bytes.subarray(offset + below, offset + inFile), target + below - ram.base);
    ram.bytes.fill(0, target - ram.base + inFile, target - ram.base + inMemory);
    segments.push({ virtual: u64(data, header + 16), physical: target, bytes: inMemory });
  }
  const entry = physical(segments, u64(data, 24));
  if (segments.length === 0 || entry < ram.base || entry >= ram.base + ram.bytes.length)
    return damaged('nothing is loaded at its entry point');

  const symbols = htifSymbols(bytes, data);
  const inRam = (address: number | undefined): number | undefined => {
    const place = address === undefined ? Infinity : physical(segments, address);
    return place >= ram.base && place + 8 <= ram.base + ram.bytes.length && place % 8 === 0 ? place : undefined;
  };
  const tohost = inRam(symbols.tohost);
  const fromhost = inRam(symbols.fromhost);
  return {
    format: 'elf',
    entry,
    end: Math.max(...segments.map((s) => s.physical + s.bytes)),
    ...(tohost === undefined ? {} : { tohost }),
    ...(fromhost === undefined ? {} : { fromhost }),
  };
}

/** Looks for the two symbols; a symbol table that lies outside the file is one that is not there. */
function htifSymbols(bytes: Uint8Array, data: DataView): { tohost?: number; fromhost?: number } {
  const found: { tohost?: number; fromhost?: number } = {};
  const at = u64(data, 40);
  const entryBytes = data.getUint16(58, true);
  const count = data.getUint16(60, true);
  if (entryBytes < SECTION_HEADER_BYTES || at + count * entryBytes > bytes.length) return found;
  const tohost = [...ascii('tohost'), 0];
  const fromhost = [...ascii('fromhost'), 0];
  for (let i = 0; i < count; i++) {
    const section = at + i * entryBytes;
    const link = data.getUint32(section + 40, true);
    if (data.getUint32(section + 4, true) !== SHT_SYMTAB || link >= count) continue;
    const table = u64(data, section + 24);
    const size = u64(data, section + 32);
    const names = u64(data, at + link * entryBytes + 24);
    if (table + size > bytes.length || names > bytes.length) continue;
    for (let symbol = table; symbol + SYMBOL_BYTES <= table + size; symbol += SYMBOL_BYTES) {
      const name = names + data.getUint32(symbol, true);
      if (startsWith(bytes, name, tohost)) found.tohost = u64(data, symbol + 8);
      else if (startsWith(bytes, name, fromhost)) found.fromhost = u64(data, symbol + 8);
    }
  }
  return found;
}

// ---- where the rest goes
const PAGE = 4096;
/** Firmware edits the tree in place and makes it longer. */
const TREE_SLACK = 0x1_0000;
const TREE_ALIGNMENT = 0x20_0000;

export interface Placement {
  /** Physical addresses. */
  readonly tree: number;
  readonly initrd?: { readonly start: number; readonly end: number };
}

function down(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

/** The tree at the RAM's end (aligned to 2 MiB when RAM is plenty), the initrd in whole pages below it, both above `lowest`. */
export function placeAtTop(ram: Ram, lowest: number, treeBytes: number, initrdBytes: number): Placement | ImageError {
  const top = ram.base + ram.bytes.length;
  const alignment = ram.bytes.length >= 8 * TREE_ALIGNMENT ? TREE_ALIGNMENT : PAGE;
  const tree = down(top - treeBytes - TREE_SLACK, alignment);
  const start = initrdBytes === 0 ? tree : down(tree - initrdBytes, PAGE);
  if (tree < lowest) return outside('device tree');
  if (start < lowest) return outside('initrd');
  return initrdBytes === 0 ? { tree } : { tree, initrd: { start, end: start + initrdBytes } };
}
