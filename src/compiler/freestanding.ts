// Programs that come from other toolchains: position-independent ELF files (System V ABI, ELF-64; RISC-V psABI) that sdk/metal
// helps to make. Such a file has its code from 0x1000 on and its data from 0x101000 on; where in RAM both lie together, the image
// builder decides. In front of the code it puts a start of its own, in front of the data lies the message page.
//
//   code   0x000000  start: copies the initial data, then jumps to the entry
//          0x001000  what the file has for reading and execution; behind it initial data, facts
//   data   0x100000  message page
//          0x101000  what the file has for writing, then zeros, the stack at the end
import { Assembler } from './assemble.ts';
import { x } from './instructions.ts';

const FRAME = 4096;
/** From a program's code to its data: what each may have at most. */
export const DISTANCE = 0x10_0000;
const STACK_BYTES = 16 * 1024;
/** Bytes of a name in the table of numbers, the zero behind it counted. */
const NAME_BYTES = 60;

const MACHINE_RISCV = 243;
const TYPE_EXECUTABLE = 2;
const TYPE_SHARED = 3;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MAX_PROGRAM_HEADERS = 64;
const RELOCATION_BYTES = 24;
const PT = { load: 1, dynamic: 2, interpreter: 3, tls: 7 } as const;
const PF = { execute: 1, write: 2, read: 4 } as const;
const DT = {
  null: 0,
  needed: 1,
  pltSize: 2,
  rela: 7,
  relaSize: 8,
  relaEntry: 9,
  rel: 17,
  jumpRela: 23,
  relr: 36,
} as const;
const RELATIVE = 3;

/** What a program finds at its start: numbers of its ports by name, and rows of its streams. */
export interface Facts {
  readonly numbers: ReadonlyMap<string, number>;
  /** Six 64-bit words for each (sdk/bare.ts). */
  readonly streams: readonly number[];
}
export interface Freestanding {
  /** Bytes of data, message page, zeros and least stack counted. */
  readonly dataBytes: number;
  /** The bytes of its code region, which begins at `base`; its data region begins DISTANCE behind. */
  image(base: number, facts: Facts): Uint8Array;
}

interface Segment {
  readonly start: number;
  /** Bytes in the file; what follows up to `end` is zero. */
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly flags: number;
}
interface Relocation {
  readonly at: number;
  readonly addend: number;
}

/** A 64-bit field that must be an address or a size: beyond 2^32 no program of ours is. */
function small(view: DataView, offset: number, what: string): number {
  const value = view.getBigUint64(offset, true);
  if (value > 0xffff_ffffn) throw new Error(`${what} is 0x${value.toString(16)}`);
  return Number(value);
}

/** Reads and judges the file. Throws Error that says what is wrong with it; `name`: of its partition. */
export function readFreestanding(name: string, file: Uint8Array, memory?: number): Freestanding {
  const named = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  };
  const program = named(() => read(file, memory));
  return { ...program, image: (base, facts) => named(() => program.image(base, facts)) };
}

function read(file: Uint8Array, memory: number | undefined): Freestanding {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES || view.getUint32(0) !== 0x7f45_4c46) throw new Error('this is not an ELF file');
  if (file[4] !== 2 || file[5] !== 1) throw new Error('the ELF file is not a 64-bit little-endian one');
  if (view.getUint16(18, true) !== MACHINE_RISCV) throw new Error('the ELF file is not for RISC-V');
  const type = view.getUint16(16, true);
  if (type !== TYPE_EXECUTABLE && type !== TYPE_SHARED)
    throw new Error('the ELF file is not linked: it has no program');
  const entry = small(view, 24, 'the entry');
  const segments = readSegments(file, view);
  const relocations = readRelocations(view, segments);
  const inside = segments.find(
    ({ flags, start, bytes }) => (flags & PF.execute) !== 0 && entry >= start && entry < start + bytes.length,
  );
  if (inside === undefined) throw new Error(`the entry, 0x${entry.toString(16)}, is not in its code`);
  const code = segments.filter(({ flags }) => (flags & PF.write) === 0);
  const data = segments.filter(({ flags }) => (flags & PF.write) !== 0);
  const codeEnd = Math.max(FRAME, ...code.map(({ start, bytes }) => start + bytes.length));
  const dataEnd = Math.max(DISTANCE + FRAME, ...data.map(({ end }) => end));
  // The initial data are kept behind the code, from the first writable byte to the last one that is not zero.
  const initialEnd = Math.max(DISTANCE + FRAME, ...data.map(({ start, bytes }) => start + bytes.length));
  const initialBytes = Math.ceil((initialEnd - DISTANCE - FRAME) / 8) * 8;
  const tail = Math.ceil(codeEnd / 8) * 8;
  const dataBytes = Math.max(dataEnd - DISTANCE + STACK_BYTES, memory ?? 0);
  if (dataBytes > DISTANCE) throw new Error(`its data and stack need ${dataBytes} bytes, of ${DISTANCE}`);
  return {
    dataBytes,
    image(base, facts) {
      const table = factsOf(facts);
      const end = tail + initialBytes + table.length;
      if (end > DISTANCE) throw new Error(`its code needs ${end} bytes, of ${DISTANCE}`);
      const whole = new Uint8Array(DISTANCE + FRAME + initialBytes);
      for (const { start, bytes } of segments) whole.set(bytes, start);
      const words = new DataView(whole.buffer);
      for (const { at, addend } of relocations) words.setBigUint64(at, BigInt(base + addend), true);
      const image = new Uint8Array(end);
      image.set(whole.subarray(0, codeEnd));
      image.set(startOf(base, { entry, tail, initialBytes, streams: facts.streams.length * 8 }));
      image.set(whole.subarray(DISTANCE + FRAME, DISTANCE + FRAME + initialBytes), tail);
      image.set(table, tail + initialBytes);
      return image;
    },
  };
}

function readSegments(file: Uint8Array, view: DataView): Segment[] {
  const at = small(view, 32, 'the place of the program headers');
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (size !== PROGRAM_HEADER_BYTES || count === 0 || count > MAX_PROGRAM_HEADERS || at + count * size > file.length) {
    throw new Error('its program headers are damaged');
  }
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const header = at + i * size;
    const type = view.getUint32(header, true);
    if (type === PT.interpreter)
      throw new Error('it asks for a dynamic linker: link with -static-pie or --no-dynamic-linker');
    if (type === PT.tls) throw new Error('it has thread-local storage, and nobody to set that up');
    if (type !== PT.load) continue;
    const flags = view.getUint32(header + 4, true);
    const offset = small(view, header + 8, 'the place of a segment in the file');
    const start = small(view, header + 16, 'the address of a segment');
    const fileBytes = small(view, header + 32, 'the size of a segment');
    const bytes = small(view, header + 40, 'the size of a segment');
    if (bytes === 0) continue;
    const place = `the segment at 0x${start.toString(16)}`;
    if (fileBytes > bytes || offset + fileBytes > file.length) throw new Error(`${place} is damaged`);
    if ((flags & PF.write) !== 0 && (flags & PF.execute) !== 0)
      throw new Error(`${place} is both written and executed`);
    const isWritten = (flags & PF.write) !== 0;
    const [first, last] = isWritten ? [DISTANCE + FRAME, 2 * DISTANCE] : [FRAME, DISTANCE];
    if (start < first || start + bytes > last) {
      const range = `0x${first.toString(16)} to 0x${last.toString(16)}`;
      throw new Error(
        `${place} (${isWritten ? 'data' : 'code'}) is not within ${range}: link with sdk/metal/partition.ld`,
      );
    }
    if (!isWritten && fileBytes !== bytes) throw new Error(`${place} has zeros that nothing may write`);
    segments.push({ start, bytes: file.subarray(offset, offset + fileBytes), end: start + bytes, flags });
  }
  const sorted = segments.toSorted((a, b) => a.start - b.start);
  const over = sorted.find((segment, i) => i > 0 && sorted[i - 1].end > segment.start);
  if (over !== undefined) throw new Error(`the segment at 0x${over.start.toString(16)} lies over another`);
  return segments;
}

/** What the dynamic section asks to be adjusted: R_RISCV_RELATIVE alone. */
function readRelocations(view: DataView, segments: readonly Segment[]): Relocation[] {
  const headers = small(view, 32, 'the place of the program headers');
  const count = view.getUint16(56, true);
  /** Of a range of addresses: the bytes in the file. */
  const loaded = (at: number, bytes: number): DataView => {
    const segment = segments.find(({ start, bytes: own }) => at >= start && at + bytes <= start + own.length);
    if (segment === undefined)
      throw new Error(`0x${at.toString(16)}, of which its dynamic section speaks, is not in the file`);
    const { buffer, byteOffset } = segment.bytes;
    return new DataView(buffer, byteOffset + at - segment.start, bytes);
  };
  let dynamic: DataView | undefined;
  for (let i = 0; i < count; i++) {
    const header = headers + i * PROGRAM_HEADER_BYTES;
    if (view.getUint32(header, true) !== PT.dynamic) continue;
    dynamic = loaded(small(view, header + 16, 'the dynamic section'), small(view, header + 32, 'the dynamic section'));
  }
  // Position-independent programs that begin elsewhere than at 0 are `executable` to GNU ld, too; but they have this section.
  if (dynamic === undefined) throw new Error('the ELF file is linked for one place: link with -pie');
  const tags = new Map<number, number>();
  for (let at = 0; at + 16 <= dynamic.byteLength; at += 16) {
    const tag = dynamic.getBigUint64(at, true);
    if (tag === 0n) break;
    if (tag < 64n) tags.set(Number(tag), small(dynamic, at + 8, 'an entry of the dynamic section'));
  }
  if (tags.has(DT.needed)) throw new Error('it needs a shared library');
  if (tags.has(DT.rel) || tags.has(DT.relr)) throw new Error('it has relocations of another form than RELA');
  if ((tags.get(DT.pltSize) ?? 0) > 0) throw new Error('it calls functions that are not in it');
  const bytes = tags.get(DT.relaSize) ?? 0;
  if (bytes === 0) return [];
  if (tags.get(DT.relaEntry) !== RELOCATION_BYTES) throw new Error('its relocations are damaged');
  const table = loaded(tags.get(DT.rela) ?? 0, bytes);
  const relocations: Relocation[] = [];
  for (let at = 0; at + RELOCATION_BYTES <= bytes; at += RELOCATION_BYTES) {
    const kind = table.getUint32(at + 8, true);
    if (kind === 0) continue;
    const symbol = table.getUint32(at + 12, true);
    if (kind !== RELATIVE || symbol !== 0)
      throw new Error(`it refers to something that is not in it (relocation ${kind})`);
    const target = small(table, at, 'the place of a relocation');
    loaded(target, 8);
    const addend = small(table, at + 16, 'the target of a relocation');
    if (addend > 2 * DISTANCE) throw new Error(`a relocation points to 0x${addend.toString(16)}`);
    relocations.push({ at: target, addend });
  }
  return relocations;
}

interface Start {
  readonly entry: number;
  readonly tail: number;
  readonly initialBytes: number;
  readonly streams: number;
}
/** The kernel has set sp, a0 = restarts and a1 = how it starts; a2 = the streams' rows, a3 = their number, a4 = the numbers. */
function startOf(base: number, { entry, tail, initialBytes, streams }: Start): Uint8Array {
  const asm = new Assembler();
  const [from, to, end, word] = [x('t0'), x('t1'), x('t2'), x('t3')];
  asm.address(from, 'initial');
  asm.address(to, 'data');
  asm.address(end, 'rows');
  asm.branch('geu', from, end, 'copied');
  asm.label('copy');
  asm.load(word, from, 0);
  asm.store(word, to, 0);
  asm.imm('addi', from, from, 8);
  asm.imm('addi', to, to, 8);
  asm.branch('ltu', from, end, 'copy');
  asm.label('copied');
  asm.address(x('a2'), 'rows');
  asm.constant(x('a3'), streams / ROW_BYTES);
  asm.address(x('a4'), 'numbers');
  asm.jump('entry');
  asm.endCode();
  const rows = base + tail + initialBytes;
  const places = {
    initial: base + tail,
    data: base + DISTANCE + FRAME,
    rows,
    numbers: rows + streams,
    entry: base + entry,
  };
  return asm.link(base, new Map(Object.entries(places))).bytes;
}
const ROW_BYTES = 48;

/** Rows of streams, then names with their numbers; an empty name ends them. */
function factsOf({ numbers, streams }: Facts): Uint8Array {
  const rows = [...numbers].filter(([name]) => /^[a-z]/.test(name));
  const bytes = new Uint8Array(streams.length * 8 + (rows.length + 1) * (NAME_BYTES + 4));
  const view = new DataView(bytes.buffer);
  streams.forEach((word, i) => view.setBigUint64(i * 8, BigInt.asUintN(64, BigInt(word)), true));
  rows.forEach(([name, number], i) => {
    const at = streams.length * 8 + i * (NAME_BYTES + 4);
    bytes.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), at);
    view.setInt32(at + NAME_BYTES, number, true);
  });
  return bytes;
}
