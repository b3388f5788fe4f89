// The image of a whole system for bare RISC-V: the kernel, the plan's words, the layout of memory, and the partitions'
// programs. The stubs here (reset, trap entry and exit) are the only code that is not written in TypeScript.
//
//   RAM      stubs, kernel code, texts, plan, layout, programs, guests' files | state, stack | what a reset leaves of the log
//   behind   for each partition its code (read, execute), its data (read, write), the memory of its guest, and for each stream
//            what each side writes: all of them naturally aligned powers of two
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { debugSections } from './dwarf.ts';
import { DISTANCE } from './freestanding.ts';
import { elfFile } from './elf.ts';
import { RAM, functionSymbols } from './image.ts';
import { A0, GP, RA, SP, ZERO, x } from './instructions.ts';
import { GP_OFFSET } from './layout.ts';
import { readSources } from './source.ts';
import type { Freestanding } from './freestanding.ts';
import type { SourceFile } from '../proof/language.ts';

const CSR = { mhartid: 0xf14, mtvec: 0x305, mscratch: 0x340, mepc: 0x341 } as const;
export const STACK_BYTES = 16 * 1024;
/** What the stubs call. */
export const KERNEL_ROOTS: readonly string[] = ['main', 'trap', 'handle', 'panic'];
const FRAME = 4096;
/** Behind the kernel's memory, a copy of its log that a warm reset leaves (kernel/metal/log.ts). */
const KEPT_FRAMES = 3;
const OP_EXIT = 3;
const NAME_BYTES = 64;
/** Words of 64 bits in a row of a program's table of streams (sdk/bare.ts). */
const STREAM_ROW = 6;

/** A guest's memory and what lies in it at its start. */
export interface MetalGuest {
  /** A power of two. */
  readonly bytes: number;
  /** What is to be loaded when its memory begins at `base`; at most three blobs, each at a page's start. */
  load(base: number): LoadedGuest;
}
export interface LoadedGuest {
  readonly blobs: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly entry: number;
  /** Device tree. */
  readonly tree: number;
}
/** One direction; the two of a channel have its name and follow one another. */
export interface MetalStream {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

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
  /** The interrupt of its device: a source of the board's PLIC. */
  readonly interrupt?: number;
  /** Which half of the board's seed it has: 1 or 2 (kernel/metal/seed.ts). */
  readonly seed?: number;
  /** Handles by the names of its ports. */
  readonly ports?: ReadonlyMap<string, number>;
  readonly guest?: MetalGuest;
  /** In place of `files`: a program of another toolchain. */
  readonly freestanding?: Freestanding;
  /** In place of `files`: machine code for its places of code and data. It begins at the first byte. */
  readonly assembled?: (code: number, data: number) => Uint8Array;
}
export interface SystemImage {
  readonly flat: Uint8Array;
  readonly elf: Uint8Array;
  /** Bytes by part, for people. */
  readonly sizes: { readonly kernel: number; readonly plan: number; readonly programs: ReadonlyMap<string, number> };
  readonly symbols: ReadonlyMap<string, number>;
  /** Regions of each partition: its code, its data, a guest's memory, devices, streams. */
  readonly places: ReadonlyMap<string, readonly Region[]>;
  /** Bytes of RAM that the board needs. */
  readonly ram: number;
}

// Of the layout, as kernel/metal/regions.ts reads it.
const RIGHTS = { r: 1, rw: 3, rx: 5 } as const;
const MEMORY = 8;
const GUEST = 16;
const SHARED = 32;
const MAX_REGIONS = 8;
const MAX_BLOBS = 4;
const BLOB_WORDS = 3;
const REGION_WORDS = 3;
const LAYOUT_WORDS = MAX_BLOBS * BLOB_WORDS + MAX_REGIONS * REGION_WORDS;
const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, FRAME)));
const alignUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * Reset: hart 0 clears state and stack and runs `main`, which finds the board's device tree (a1) in mscratch and gives the first frame to
 * resume; other harts sleep.
 */
function reset(asm: Assembler, stateBytes: number): void {
  const [t0, t1] = [x('t0'), x('t1')];
  asm.label('entry');
  asm.op('csrrs', t0, ZERO, 0, CSR.mhartid);
  asm.branch('ne', t0, ZERO, 'park');
  asm.op('csrrw', ZERO, x('a1'), 0, CSR.mscratch);
  asm.address(t0, 'stub.trapInKernel');
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
  asm.jump('stub.resume');
  asm.label('park');
  asm.op('wfi', 0);
  asm.jump('park');
}
/** Registers that a function keeps (psABI): those of a partition still stand in them when `trap` comes back. */
const KEPT = (['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11'] as const).map(x);
/**
 * Trap entry: registers and the pc to the frame that mscratch points to, then `trap`. It gives that frame back, and the partition
 * goes on; or 0: the rest of the registers is saved, and `handle` gives the frame that is to go on, which is loaded whole.
 */
function trapStubs(asm: Assembler, stateBytes: number): void {
  const t0 = x('t0');
  const most = Array.from({ length: 31 }, (_, i) => i + 1).filter((r) => r !== SP && !KEPT.includes(r));
  asm.align(4);
  asm.label('stub.trap');
  asm.op('csrrw', SP, SP, 0, CSR.mscratch);
  for (const r of most) asm.store(r, SP, r * 8);
  asm.op('csrrs', t0, ZERO, 0, CSR.mscratch);
  asm.store(t0, SP, SP * 8);
  asm.op('csrrs', t0, ZERO, 0, CSR.mepc);
  asm.store(t0, SP, 0);
  asm.op('csrrw', ZERO, SP, 0, CSR.mscratch);
  // A trap inside the kernel is its end, and is told.
  asm.address(t0, 'stub.trapInKernel');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  asm.jump('trap', RA);
  asm.branch('eq', A0, ZERO, 'stub.handle');
  // mscratch has this frame already.
  asm.address(t0, 'stub.trap');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.load(t0, A0, 0);
  asm.op('csrrw', ZERO, t0, 0, CSR.mepc);
  for (const r of [SP, ...most]) if (r !== A0) asm.load(r, A0, r * 8);
  asm.load(A0, A0, A0 * 8);
  asm.op('mret', 0);
  asm.label('stub.handle');
  asm.op('csrrs', t0, ZERO, 0, CSR.mscratch);
  for (const r of KEPT) asm.store(r, t0, r * 8);
  asm.jump('handle', RA);
  asm.label('stub.resume');
  asm.address(t0, 'stub.trap');
  asm.op('csrrw', ZERO, t0, 0, CSR.mtvec);
  asm.op('csrrw', ZERO, A0, 0, CSR.mscratch);
  asm.load(t0, A0, 0);
  asm.op('csrrw', ZERO, t0, 0, CSR.mepc);
  for (let r = 1; r < 32; r++) if (r !== A0) asm.load(r, A0, r * 8);
  asm.load(A0, A0, A0 * 8);
  asm.op('mret', 0);
  // While the supervisor asks whether the hart has a register: the next instruction, and mcause says that it has not.
  asm.align(4);
  asm.label('stub.absent');
  asm.op('csrrw', ZERO, t0, 0, CSR.mscratch);
  asm.op('csrrs', t0, ZERO, 0, CSR.mepc);
  asm.imm('addi', t0, t0, 4);
  asm.op('csrrw', ZERO, t0, 0, CSR.mepc);
  asm.op('csrrs', t0, ZERO, 0, CSR.mscratch);
  asm.op('mret', 0);
  asm.align(4);
  asm.label('stub.trapInKernel');
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'state', stateBytes + STACK_BYTES);
  asm.jump('panic', RA);
  asm.label('halt');
  asm.jump('halt');
}

/** What a program is told by its own image: where its streams and its guest lie. */
interface Surroundings {
  readonly streams: readonly number[];
  readonly guest?: { readonly start: number; readonly end: number; readonly entry: number; readonly tree: number };
}
/** A program's code for its place. The kernel sets sp, a0 and a1; a `main` that returns has ended with that status. */
function program(
  { files, name, ports, assembled, freestanding }: MetalProgram,
  code: number,
  data: number,
  { streams, guest }: Surroundings,
): { bytes: Uint8Array; stateBytes: number } {
  if (assembled !== undefined) return { bytes: assembled(code, data), stateBytes: 0 };
  if (freestanding !== undefined) {
    return { bytes: freestanding.image(code, { numbers: ports ?? new Map<string, number>(), streams }), stateBytes: 0 };
  }
  const asm = new Assembler();
  asm.label('entry');
  asm.address(GP, 'state', GP_OFFSET);
  asm.jump('main', RA);
  asm.constant(x('a7'), OP_EXIT);
  asm.op('ecall', 0);
  asm.label('halt');
  asm.jump('halt');
  const count = streams.length / STREAM_ROW;
  const handles = new Map(ports).set('streams', count);
  // The streams behind a guest's UARTs, unless the description says which.
  for (const [n, uart] of ['uart0', 'uart1'].entries()) {
    if (guest !== undefined && !handles.has(uart)) handles.set(uart, n < count ? n : -1);
  }
  const { layout, unit } = compileInto(asm, files, { roots: ['main'], ports: handles });
  // Memory is clear at a start, and nothing else is done to it.
  for (const [field, value] of unit.program.fields) {
    if (value !== 0) throw new Error(`${name}: \`${field}\` begins with ${value}: fields begin with 0 on bare metal`);
  }
  asm.endCode();
  emitTexts(asm, unit);
  asm.data('streams', new Uint8Array(BigInt64Array.from(streams, BigInt).buffer));
  const known = new Map([
    ['page', data],
    ['state', data + FRAME],
    ['guest', guest?.start ?? 0],
    ['guestEnd', guest?.end ?? 0],
    ['guestEntry', guest?.entry ?? 0],
    ['guestTree', guest?.tree ?? 0],
  ]);
  // A distance to a place outside RAM does not fit into an address: who has no guest never asks.
  try {
    return { bytes: asm.link(code, known).bytes, stateBytes: layout.size };
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A channel that is a stream, in one direction or both, from its first side. */
interface Channel {
  readonly sides: readonly [number, number];
  /** Bytes that each side can have under way to the other; 0: it sends nothing. */
  readonly capacity: readonly [number, number];
  /** The end of each side's sending direction, and of its receiving one; -1: none. */
  readonly out: readonly [number, number];
  readonly in: readonly [number, number];
}
/** Ends are numbered as the plan compiler does it (policy/tables.ts). */
function channelsOf(streams: readonly MetalStream[]): Channel[] {
  const ends = new Map<number, number>();
  const take = (p: number): number => {
    const e = ends.get(p) ?? 0;
    ends.set(p, e + 1);
    return e;
  };
  const channels = new Map<string, Channel>();
  for (const { name, from, to, bytes } of streams) {
    const capacity = powerOfTwo(bytes);
    const [out, into] = [take(from), take(to)];
    const known = channels.get(name);
    channels.set(
      name,
      known === undefined
        ? { sides: [from, to], capacity: [capacity, 0], out: [out, -1], in: [-1, into] }
        : { ...known, capacity: [known.capacity[0], capacity], out: [known.out[0], out], in: [into, known.in[1]] },
    );
  }
  return [...channels.values()];
}

function bytesOf(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setInt32(i * 4, word, true));
  return bytes;
}

/** Of partitions, as kernel/metal/log.ts reads them. */
function namesOf(programs: readonly MetalProgram[]): Uint8Array {
  const bytes = new Uint8Array(programs.length * NAME_BYTES);
  programs.forEach(({ name }, p) => {
    bytes.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), p * NAME_BYTES);
  });
  return bytes;
}

/** Files of the kernel in the folder `kernel`, in the order of use. */
const KERNEL = [
  'core/core.ts',
  'plan-load.ts',
  'metal/board.ts',
  'metal/regions.ts',
  'metal/guest.ts',
  'metal/log.ts',
  'metal/seed.ts',
  'metal/supervisor.ts',
];

export function kernelSources(kernelFolder: string): SourceFile[] {
  return readSources(KERNEL.map((file) => `${kernelFolder}/${file}`));
}

interface Place extends Region {
  /** Beside access: what kind of region it is. */
  readonly kind: number;
}
/** Throws OutsideLanguage on a source that is not in the subset, Error on a system that does not fit. */
export function buildSystem(
  files: readonly SourceFile[],
  plan: Int32Array,
  programs: readonly MetalProgram[],
  streams: readonly MetalStream[] = [],
): SystemImage {
  const options = { roots: KERNEL_ROOTS };
  const { layout } = compileInto(new Assembler(), files, options);
  const channels = channelsOf(streams);
  const streamRow = (p: number, at: (channel: Channel, side: number) => number): number[] =>
    channels.flatMap((channel) => {
      const side = channel.sides.indexOf(p);
      if (side < 0) return [];
      const other = 1 - side;
      const { capacity, out } = channel;
      return [at(channel, side), at(channel, other), capacity[side], capacity[other], out[side], channel.in[side]];
    });

  // Where partitions lie depends on their sizes alone, and their sizes not on where they lie.
  const sized = programs.map((p, i) => {
    const surroundings = { streams: streamRow(i, () => 0), guest: { start: RAM, end: RAM, entry: RAM, tree: RAM } };
    const { bytes, stateBytes } = program(p, RAM, RAM, surroundings);
    const data = powerOfTwo(Math.max(p.dataBytes, p.freestanding?.dataBytes ?? 0, FRAME + stateBytes + FRAME));
    return { ...p, code: powerOfTwo(bytes.length), data };
  });
  const build = (kernelEnd: number) => {
    let at = kernelEnd + KEPT_FRAMES * FRAME;
    const place = (bytes: number, to = bytes): number => {
      const here = alignUp(at, to);
      at = here + bytes;
      return here;
    };
    const halves = new Map(
      channels.map((channel) => [
        channel,
        channel.capacity.map((bytes) => ({
          address: place(Math.max(FRAME, 2 * bytes)),
          bytes: Math.max(FRAME, 2 * bytes),
        })),
      ]),
    );
    const placed = sized.map((p, i) => {
      const isFar = p.freestanding !== undefined;
      const code = place(p.code, isFar ? DISTANCE : p.code);
      if (isFar) at = code + DISTANCE;
      const data = place(p.data);
      const guestAt = p.guest === undefined ? undefined : place(p.guest.bytes);
      const loaded = guestAt === undefined ? undefined : p.guest?.load(guestAt);
      const guest = loaded && { ...loaded, start: guestAt ?? 0, end: (guestAt ?? 0) + (p.guest?.bytes ?? 0) };
      const rows = streamRow(i, (channel, side) => halves.get(channel)?.[side].address ?? 0);
      const { bytes } = program(p, code, data, { streams: rows, ...(guest === undefined ? {} : { guest }) });
      const regions: (Place | undefined)[] = [
        { address: code, bytes: p.code, rights: 'rx', kind: MEMORY },
        { address: data, bytes: p.data, rights: 'rw', kind: MEMORY },
        guest && { address: guest.start, bytes: guest.end - guest.start, rights: 'rw', kind: MEMORY + GUEST },
        ...p.devices.map((device) => ({ ...device, kind: 0 })),
        ...channels.flatMap((channel) => {
          const side = channel.sides.indexOf(i);
          const both = halves.get(channel);
          if (side < 0 || both === undefined) return [];
          return [
            { ...both[side], rights: 'rw' as const, kind: MEMORY + SHARED },
            { ...both[1 - side], rights: 'r' as const, kind: SHARED },
          ];
        }),
      ];
      if (regions.length > MAX_REGIONS) throw new Error(`${p.name}: more than ${MAX_REGIONS} regions of memory`);
      const blobs = [{ address: code, bytes }, ...(guest?.blobs ?? [])];
      if (blobs.length > MAX_BLOBS) throw new Error(`${p.name}: more than ${MAX_BLOBS - 1} files of a guest`);
      return { name: p.name, bytes, regions, blobs };
    });
    const asm = new Assembler();
    reset(asm, layout.size);
    trapStubs(asm, layout.size);
    const { unit } = compileInto(asm, files, options);
    asm.endCode();
    emitTexts(asm, unit);
    asm.data('planWords', bytesOf(Int32Array.of(plan.length)));
    asm.data('plan', bytesOf(plan));
    asm.data('names', namesOf(programs));
    const table = new Int32Array(placed.length * LAYOUT_WORDS);
    asm.data('layout', bytesOf(table), 16);
    asm.data('seeds', bytesOf(Int32Array.from(programs, ({ seed = 0 }) => seed)));
    asm.data('interrupts', bytesOf(Int32Array.from(programs, ({ interrupt = 0 }) => interrupt)));
    // Two guests of one kernel share its bytes: nobody writes them.
    const blobs: { readonly name: string; readonly bytes: Uint8Array }[] = [];
    const nameOf = (bytes: Uint8Array): string | undefined =>
      blobs.find((blob) => blob.bytes.length === bytes.length && Buffer.compare(blob.bytes, bytes) === 0)?.name;
    for (const { name, bytes } of placed.flatMap((p) =>
      p.blobs.map((b, n) => ({ ...b, name: `blob ${n} of ${p.name}` })),
    )) {
      if (nameOf(bytes) !== undefined) continue;
      blobs.push({ name, bytes });
      asm.data(name, bytes, FRAME);
    }
    asm.align(FRAME);
    asm.label('state');
    const end = alignUp(layout.size + STACK_BYTES, FRAME);
    const probe = asm.link(RAM, new Map([['kernelEnd', RAM]]));
    const stateAt = probe.symbols.get('state') ?? RAM;
    const linked = asm.link(RAM, new Map([['kernelEnd', stateAt + end]]));
    placed.forEach((p, i) => {
      const row = i * LAYOUT_WORDS;
      p.blobs.forEach(({ address, bytes }, n) => {
        table[row + n * BLOB_WORDS] = (linked.symbols.get(nameOf(bytes) ?? '') ?? 0) / FRAME;
        table[row + n * BLOB_WORDS + 1] = alignUp(bytes.length, 8) / 8;
        table[row + n * BLOB_WORDS + 2] = address / FRAME;
      });
      p.regions.forEach((region, n) => {
        if (region === undefined) return;
        const at = row + MAX_BLOBS * BLOB_WORDS + n * REGION_WORDS;
        table[at] = region.address / FRAME;
        table[at + 1] = Math.log2(region.bytes / FRAME);
        table[at + 2] = RIGHTS[region.rights] + region.kind;
      });
    });
    linked.bytes.set(bytesOf(table), (linked.symbols.get('layout') ?? RAM) - RAM);
    return { linked, stateAt, kernelEnd: stateAt + end, placed, memory: end, top: at };
  };
  // The image's own end decides where partitions begin; a second round has the same sizes.
  const first = build(RAM + (1 << 28));
  const { linked, stateAt, placed, memory, kernelEnd, top } = build(alignUp(first.kernelEnd, FRAME));
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
    places: new Map(placed.map((p) => [p.name, p.regions.filter((region) => region !== undefined)])),
    ram: top - RAM,
  };
}
