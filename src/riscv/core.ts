// Generates a hart's WebAssembly module: the functions of `privileged/`, `interpret/` and `softfloat/`, and the interpreter. Addresses of
// the hart's block are constants in it.

import { CROSSING, PAGE_END } from './interpret/entry.ts';
import { fetch } from './interpret/fetch.ts';
import { interpreter, REGION_TYPE } from './interpret/interpreter.ts';
import * as layoutOf from './layout.ts';
import type { Layout } from './layout.ts';
import { csr } from './privileged/csr.ts';
import { memory } from './privileged/memory.ts';
import { pmp } from './privileged/pmp.ts';
import { tlb } from './privileged/tlb.ts';
import { translation } from './privileged/translation.ts';
import { trap } from './privileged/trap.ts';
import { multiplyAddBody, multiplyAddSignature } from './softfloat/fused.ts';
import { nativeFloat, softFloat } from './softfloat/source.ts';
import { regionAccesses } from './translate/slow.ts';
import { encodeModule } from './wasm/encoder.ts';
import type { FunctionType } from './wasm/encoder.ts';
import { compile } from './wasm/language.ts';
import type { Constants, Signature, Source } from './wasm/language.ts';

/** What a hart's module asks of its host. */
export interface CoreImports {
  /** Physical address and size in bytes; the value, or -1. */
  bus_read(address: number, size: number): number;
  /** 0: nothing takes it. */
  bus_write(address: number, size: number, value: number): number;
  /** mtime in ticks. */
  bus_time(): number;
  /** Interpreter entry of an instruction's bits, given those that follow (0: unknown). */
  decode_entry(bits: number, following: number): number;
  /** The entry at ip, of a decoded page, has become hot; pc is its virtual address. */
  region_hot(slot: number, ip: number, pc: bigint): void;
  /** These bytes of a decoded page are no longer what regions were translated from. */
  regions_drop(slot: number, from: number, to: number): void;
}
export interface CoreExports {
  /** A slice of at most this many instructions from PC: until they are begun, STOP is set or a REQUEST is open. Instructions begun. */
  run(most: number): number;
  attend(): void;
  mip(): bigint;
  mode_changed(): void;
  pmp_changed(): void;
  tlb_ready(bank: number, used: number): void;
  tlb_flush(): void;
  fetch_flush(): void;
  icache_flush(): void;
  time(): bigint;
  csr_read(number: number, mode: number): bigint;
  csr_write(number: number, value: bigint, set: bigint, clear: bigint): void;
  translate(va: bigint, size: bigint, access: number): bigint;
}

const IMPORTS: readonly (FunctionType & { name: keyof CoreImports })[] = [
  { name: 'bus_read', parameters: ['f64', 'i32'], result: 'f64' },
  { name: 'bus_write', parameters: ['f64', 'i32', 'f64'], result: 'i32' },
  { name: 'bus_time', parameters: [], result: 'f64' },
  { name: 'decode_entry', parameters: ['i32', 'i32'], result: 'i32' },
  { name: 'region_hot', parameters: ['i32', 'i32', 'i64'], result: 'void' },
  { name: 'regions_drop', parameters: ['i32', 'i32', 'i32'], result: 'void' },
];
const EXPORTS: readonly (keyof CoreExports)[] = [
  'run',
  'attend',
  'mip',
  'mode_changed',
  'pmp_changed',
  'tlb_ready',
  'tlb_flush',
  'fetch_flush',
  'icache_flush',
  'time',
  'csr_read',
  'csr_write',
  'translate',
];

const arithmetic: Source = {
  file: 'core/arithmetic',
  text: `
// high halves of 128-bit products
fn mulhu(a:i64, b:i64):i64 { return multiply_high(a, b); }
fn mulhsu(a:i64, b:i64):i64 { return multiply_high(a, b) - (a >> 63L & b); }
fn mulh(a:i64, b:i64):i64 { return multiply_high(a, b) - (a >> 63L & b) - (b >> 63L & a); }
// a raised flag changes fcsr, so that FS becomes dirty (Privileged ISA 3.1.6.6)
fn fl(flags:i32):void {
  st32(FFLAGS, ld32(FFLAGS) | flags);
  st64(MSTATUS, ld64(MSTATUS) | 0x6000L);
}
// softfloat/native.ts: rounding to nearest, and NX raised already
fn fp_native(rm:i32):i32 { return (ld32(FFLAGS) & 1) > rm; }
`,
};

const clocks: Readonly<Record<layoutOf.Clock, Source>> = {
  host: {
    file: 'core/clock',
    text: `
fn time():i64 { return toi64u(bus_time()); }
fn end_slice():void {}
fn slice_length(most:i32):i32 { return most; }
`,
  },
  instructions: {
    file: 'core/clock',
    text: `
fn time():i64 { return retired() /u INSTRUCTIONS_PER_TICK + ld64(SKIPPED); }
fn end_slice():void { st32(STOP, STOP_TIMER); st32(ATTENTION, 1); }
// so that the slice ends at the very instruction at which stimecmp is reached
fn slice_length(most:i32):i32 {
  let ticks = ld64(STIMECMP) - ld64(SKIPPED);
  if (ld64(MENVCFG) >>> 63L == 0L || ticks <= 0L || ticks >u 1L << 50L) return most;
  let left = ticks * INSTRUCTIONS_PER_TICK - ld64(RETIRED);
  if (left > 0L && left < i64(most)) return i32(left);
  return most;
}
`,
  },
};

/** Calls `interpret`, which stands outside these sources. */
const loop: Source = {
  file: 'core/loop',
  text: `
// Zihintpause: the hart spins. Its thread looks at the count behind the slice
fn pause():void { st32(PAUSES, ld32(PAUSES) + 1); }

fn run(most:i32):i32 {
  st32(STOP, 0);
  st32(PAUSES, 0);
  st32(SLICE, 0);
  st32(FUEL, 0);
  st32(UNRETIRED, -1); // no instruction is running that \`retired\` would have to leave out
  timer_check();
  let length = slice_length(most);
  st32(UNRETIRED, 0);
  st32(SLICE, length);
  st32(FUEL, length);
  let pc = ld64(PC);
  while (ld32(FUEL) > 0 && ld32(STOP) == 0 && ald32(REQUEST) == 0) {
    if (ld32(ATTENTION)) {
      pc = interrupt(pc);
      attend();
    }
    pc = interpret(pc);
  }
  st64(PC, pc);
  // a device access may have ended the slice early
  let begun = ld32(SLICE) - ld32(FUEL);
  st64(RETIRED, ld64(RETIRED) + u64(begun - ld32(UNRETIRED)));
  st32(SLICE, 0);
  st32(FUEL, 0);
  st32(UNRETIRED, -1);
  return begun;
}
`,
};

function constantsOf(layout: Layout, hart: number): Constants {
  const { base, pageSlots, stored, tlbs, slots } = layout.hart[hart];
  const at = (offsets: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, base + offset]));
  const { tlbBytes, tlbEntries } = layout;
  return {
    ...at(layoutOf.WORD),
    ...at(layoutOf.HALF),
    ...at(layoutOf.MAILBOX),
    ...at(layoutOf.COUNT),
    FRM: base + layoutOf.WORD.FFLAGS + 4,
    PMP_ADDRESS: base + layoutOf.PMP_ADDRESS,
    PMP_CONFIGURATION: base + layoutOf.PMP_CONFIGURATION,
    PMP_RANGE: base + layoutOf.PMP_RANGE,
    SUPERPAGES: base + layoutOf.SUPERPAGES,
    SUPERPAGES_BYTES: layoutOf.SUPERPAGES_BYTES,
    SINGLES: base + layoutOf.SINGLES,
    USER_LOG: base + layoutOf.LOGS,
    LOCAL_LOG: base + layoutOf.LOGS + layoutOf.LOG_BYTES,
    GLOBAL_LOG: base + layoutOf.LOGS + 2 * layoutOf.LOG_BYTES,
    MACHINE_LOG: base + layoutOf.LOGS + 3 * layoutOf.LOG_BYTES,
    LOG_ENTRIES: layoutOf.LOG_ENTRIES,
    FETCH_U: base + layoutOf.FETCH_TLBS,
    FETCH_S: base + layoutOf.FETCH_TLBS + layoutOf.FETCH_BYTES,
    FETCH_BYTES: layoutOf.FETCH_BYTES,
    FETCH_MASK: layoutOf.FETCH_ENTRIES - 1,
    FETCH_LOCAL_LOG: base + layoutOf.FETCH_LOGS,
    FETCH_OTHER_LOG: base + layoutOf.FETCH_LOGS + layoutOf.FETCH_LOG_BYTES,
    FETCH_LOG_ENTRIES: layoutOf.FETCH_LOG_ENTRIES,
    BANK_U: tlbs,
    BANK_S: tlbs + 2 * tlbBytes,
    BANK_M: tlbs + 4 * tlbBytes,
    TLB_BYTES: tlbBytes,
    TLB_INDEX_MASK: (tlbEntries - 1) * 8,
    TLB_TOP_INDEX: tlbEntries / 2,
    TLB_EMPTY: 1n << BigInt(layout.addressBits),
    PAGE_SLOTS: pageSlots,
    STORED: stored,
    STORED_BY_SEVERAL: layoutOf.STORED_BY_SEVERAL,
    SLOTS: slots,
    SLOT_COUNT: layout.slotCount,
    SLOT_STRIDE: layoutOf.SLOT_STRIDE,
    SLOT_END: layoutOf.SLOT_END,
    SLOT_PAGE: layoutOf.SLOT_PAGE,
    SLOT_EPOCH: layoutOf.SLOT_EPOCH,
    SLOT_WRITES: layoutOf.SLOT_WRITES,
    SLOT_MOST_WRITES: layoutOf.SLOT_MOST_WRITES,
    SLOT_BYTES_COPY: layoutOf.SLOT_BYTES_COPY,
    SLOT_REGIONS: layoutOf.SLOT_REGIONS,
    SLOT_MODES: layoutOf.SLOT_MODES,
    JUMPS: base + layoutOf.JUMPS,
    JUMPS_MASK: layoutOf.JUMPS_COUNT - 1,
    JUMPS_BYTES: layoutOf.JUMPS_BYTES,
    ENTRY_PAGE_END: PAGE_END,
    ENTRY_CROSSING: CROSSING,
    DIRTY: layout.dirty,
    RAM: layout.ramAt,
    RAM_BASE: BigInt(layout.ramBase),
    RAM_BYTES: BigInt(layout.ramBytes),
    PAGE_MASK: -4096n,
    STOP_WFI: layoutOf.STOP_WFI,
    STOP_FIRMWARE: layoutOf.STOP_FIRMWARE,
    STOP_BREAKPOINT: layoutOf.STOP_BREAKPOINT,
    STOP_TIMER: layoutOf.STOP_TIMER,
    INSTRUCTIONS_PER_TICK: BigInt(layoutOf.INSTRUCTIONS_PER_TICK),
    // RV64 with A, C, D, F, I, M, S, U
    MISA: (2n << 62n) | 0x14112dn,
    HART_ID: BigInt(hart),
    HARTS: layout.harts,
  };
}

export interface Core {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Types of its functions by name. When the machine translates, all of them are exported: regions call them. */
  readonly functions: ReadonlyMap<string, FunctionType>;
}

/**
 * The module of one hart; its imports are `env.memory`, CoreImports in `env`, and `env.table` if the machine translates.
 * @param fuses whether the host has a fused multiply-add (`hostFuses`)
 */
export function coreModule(layout: Layout, hart: number, fuses: boolean): Core {
  const externals = new Map<string, Signature>(IMPORTS.map((entry, index) => [entry.name, { ...entry, index }]));
  // The interpreter is called by the sources and calls them: it takes the index after the imports.
  externals.set('interpret', { parameters: ['i64'], result: 'i64', index: externals.size });
  if (fuses) externals.set(multiplyAddBody.name, multiplyAddSignature(externals.size));
  const sources: readonly Source[] = [
    // A short one first: V8 interprets a regular expression, the tokenizer's, on its first use and compiles it for the next.
    arithmetic,
    { file: 'softfloat', text: softFloat },
    { file: 'softfloat/native', text: nativeFloat(fuses) },
    tlb,
    translation,
    pmp,
    memory,
    trap,
    csr,
    fetch,
    ...(layout.threshold > 0 ? [regionAccesses] : []),
    clocks[layout.clock],
    loop,
  ];
  const compiled = compile(sources, constantsOf(layout, hart), externals);
  const bytes = encodeModule({
    memoryPages: layout.memoryPages,
    types: layout.threshold > 0 ? [REGION_TYPE] : undefined,
    imports: IMPORTS,
    functions: [
      interpreter(layout, hart, compiled.signatures),
      ...(fuses ? [multiplyAddBody] : []),
      ...compiled.functions,
    ],
    // regions call any of them
    exports: (layout.threshold > 0
      ? [...compiled.signatures.keys()].filter((name) => !externals.has(name))
      : EXPORTS
    ).map((name) => ({ name, index: compiled.signatures.get(name)!.index })),
  });
  return { bytes, functions: compiled.signatures };
}
