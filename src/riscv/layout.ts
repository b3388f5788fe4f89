// Where everything lies in a machine's one shared WebAssembly memory:
//
//   0         never used: address 0 means "nothing" in tables of addresses
//   0x1000    machine header: how the machine was made, and words by which threads speak to harts
//   0x10000   device state: 64 KiB that belong to the VMM
//   0x20000   one block for each hart, each with registers, CSRs, logs, fetch TLBs, data TLBs, decoded pages
//   dirty     which pages of RAM harts have written
//   ramAt     the guest's RAM, up to the end of memory
//
// Harts share RAM, the header and the device state; a block is touched by its own hart's thread alone, but for the words
// named in MAILBOX.

export type Clock = 'host' | 'instructions';

export interface MachineConfiguration {
  /** 1..8. */
  readonly harts: number;
  /** Physical address of RAM; a multiple of 2 MiB. */
  readonly ramBase: number;
  /** 16 MiB..2 GiB; a multiple of 2 MiB. */
  readonly ramBytes: number;
  /**
   * `host`: the bus tells the time. `instructions`: mtime counts retired instructions of the hart, one tick each
   * INSTRUCTIONS_PER_TICK, and time spent in WFI is skipped, so that a run repeats exactly.
   */
  readonly clock: Clock;
  /** How hot code is translated to WebAssembly; false: all is interpreted. Default: DEFAULT_THRESHOLD. */
  readonly translate?: Translation | false | undefined;
}
export interface Translation {
  /** Arrivals at a place (by a backward jump, a call or from translated code) that make it hot: 1..60,000. */
  readonly threshold: number;
}

/** Where translating pays on most code: lower ones translate much that is soon over. */
export const DEFAULT_THRESHOLD = 16_000;

/** With clock 'instructions': 10 MHz ticks of a hart that retires 1,000 million instructions a second. */
export const INSTRUCTIONS_PER_TICK = 100;

export const PAGE = 4096;
export const HEADER = 0x1000;
export const DEVICE_STATE = 0x10000;
export const DEVICE_STATE_BYTES = 0x10000;
const HART_BLOCKS = 0x20000;

// ---- hart block: offsets from its start
/** x0..x31, then f0..f31: 8 bytes each. */
export const X = 0;
export const F = 256;
/** 64-bit words: architectural state first, then the engine's own. */
export const WORD = words(512, [
  'PC',
  'MSTATUS',
  'MEDELEG',
  'MIDELEG',
  'MIE',
  'MTVEC',
  'MCOUNTEREN',
  'MENVCFG',
  'MSCRATCH',
  'MEPC',
  'MCAUSE',
  'MTVAL',
  'STVEC',
  'SCOUNTEREN',
  'SENVCFG',
  'SSCRATCH',
  'SEPC',
  'SCAUSE',
  'STVAL',
  'STIMECMP',
  'SATP',
  /** mcycle and minstret minus what `retired` counts. */
  'CYCLE_OFFSET',
  'INSTRET_OFFSET',
  'MCOUNTINHIBIT',
  /** fflags in the low half, frm in the high half: one load tells whether native arithmetic is exact. */
  'FFLAGS',
  /** Virtual address of a load reservation, or -1, and the value that was read. */
  'RESERVATION',
  'RESERVED_VALUE',
  /** A trap that is being raised. */
  'CAUSE',
  'TVAL',
  /** Instructions retired since reset, up to the start of the running slice. */
  'RETIRED',
  /** Ticks that clock 'instructions' has skipped in WFI. */
  'SKIPPED',
  /** Nonzero: the S-mode part of the hart's traps goes to the VMM. */
  'FIRMWARE',
  /** Nonzero: EBREAK stops the hart. */
  'DEBUG',
  /** Instructions begun in translated regions, and how often one was entered by the interpreter. */
  'TRANSLATED',
  'ENTERED',
] as const);
/** 32-bit words. */
export const HALF = words(
  1024,
  [
    /** 0 U, 1 S, 3 M. */
    'MODE',
    /** Mode in which loads and stores are translated (MPRV). */
    'DATA_MODE',
    /** Data TLB and fetch TLB of those modes. */
    'BANK',
    'FETCH_BANK',
    /** Instructions that may still be begun in this slice, and how many the slice had. */
    'FUEL',
    'SLICE',
    /** Instructions begun in this slice that did not retire. */
    'UNRETIRED',
    /** Nonzero: leave straight-line execution: an interrupt is due, or STOP is set. */
    'ATTENTION',
    /** Why `run` must return, a STOP_ number. */
    'STOP',
    /** 1: CAUSE and TVAL hold a trap to take. */
    'TRAPPED',
    /** Interrupts computed by the engine (STIP by stimecmp). */
    'TIMER_PENDING',
    /** Fill counts of the logs below. */
    'USER_LOGGED',
    'LOCAL_LOGGED',
    'GLOBAL_LOGGED',
    'MACHINE_LOGGED',
    /** Fill counts of the fetch TLBs' logs, plus 1; 0: not known. */
    'FETCH_LOCAL_LOGGED',
    'FETCH_OTHER_LOGGED',
    /** Of the last translation: 1 global, 2 superpage, 4 user; and the page size. */
    'LEAF',
    'LEAF_SHIFT',
    /** The page of the last translation is treated alike by PMP everywhere. */
    'UNIFORM',
    /** PMP entries to look at, and whether any boundary lies inside a page. */
    'PMP_COUNT',
    'PMP_FINE',
    /** fence.i count: decoded pages of an older one are compared with RAM before they are used. */
    'EPOCH',
    /** Next decoded page to be used or reused. */
    'NEXT_SLOT',
    'MACHINE_BANK_READY',
    /** After an access of a translated region: nonzero if it must be left. */
    'LEAVE',
    /** Nonzero after a reset: TLBs and PMP ranges are not made yet. */
    'COLD',
    /** PAUSE instructions of this slice. */
    'PAUSES',
    /** 1 while regions that wait for one end, because the mode is another: their result's bit 0 is for them, not for the interpreter. */
    'UNWINDS',
    /** Nonzero: entry of a region with registers that leap between pages, and these registers: bits. The translator clears it. */
    'LEAPING',
    'LEAPING_REGISTERS',
  ] as const,
  4,
);
/** 32-bit words that other threads change, atomically. */
export const MAILBOX = words(
  1280,
  [
    /** Interrupt lines (MSIP, MTIP, SEIP, MEIP) and the bits that software can write too (SSIP, STIP, SEIP). */
    'LINES',
    'SOFT',
    /** Requests: REQUEST_ bits. */
    'REQUEST',
    /** Incremented with each interrupt, kick and fence; WFI waits on it. */
    'BELL',
    /** 1 while the hart executes guest code and is not in a bus call: whoever asks for a fence must wait for it. */
    'RUNNING',
    /** Of no other thread, but resets leave it alone: 1 once the TLBs have been made for the first time. */
    'TLBS_USED',
  ] as const,
  4,
);
export const REQUEST_KICK = 1;
export const REQUEST_FENCE_TLB = 2;
export const REQUEST_FENCE_I = 4;
export const REQUEST_RESET = 8;

export const STOP_WFI = 1;
export const STOP_FIRMWARE = 2;
export const STOP_BREAKPOINT = 3;
/** The timer was set: the slice's length must be computed again. */
export const STOP_TIMER = 4;

export const PMP_ENTRIES = 16;
/** pmpaddr0..15 as written, the 16 bytes of pmpcfg, and what they mean: first and last address, 16 bytes each. */
export const PMP_ADDRESS = 1408;
export const PMP_CONFIGURATION = 1536;
export const PMP_RANGE = 1552;
/** Counts since the machine was made (`statistics.ts`), which resets leave alone: 64-bit ones of the hart's functions, */
export const COUNT = words(2048, ['LOAD_MISSES', 'STORE_MISSES', 'FETCH_MISSES', 'EXCEPTIONS', 'INTERRUPTS'] as const);
/** and doubles of its thread. */
export const STATISTIC = words(2304, [
  'DEVICE_READS',
  'DEVICE_WRITES',
  'BUDGETS',
  'IDLES',
  'KICKS',
  'FIRMWARE_CALLS',
  'FENCES',
  'RESTS',
  'SLEPT',
  'REGIONS',
  'MODULES',
  'DROPPED',
  'FLUSHES',
  'REGION_INSTRUCTIONS',
  'REGION_BYTES',
  'GENERATING',
  'COMPILING',
] as const);
/** Which 2 MiB, 1 GiB and 512 GiB ranges (hashed) the TLBs hold pieces of superpages of: one byte each. */
export const SUPERPAGES = 0x1000;
export const SUPERPAGES_BYTES = 0x1000;
/** Instructions that cross a page or a PMP boundary, by their hashed word: {entry, page end, page end, word}. */
export const SINGLES = 0x6000;
export const SINGLES_COUNT = 256;
/** Fetch TLBs by mode (there is no mode 2): {virtual page, decoded page}, 16 bytes each. */
export const FETCH_ENTRIES = 4096;
export const FETCH_BYTES = FETCH_ENTRIES * 16;
export const FETCH_TLBS = 0x8000;
/** Filled entries: those that go with an address space, then the others. */
export const FETCH_LOG_ENTRIES = 1024;
export const FETCH_LOG_BYTES = FETCH_LOG_ENTRIES * 4;
export const FETCH_LOGS = FETCH_TLBS + 4 * FETCH_BYTES;
/** Addresses of TLB entries that were filled: user's, supervisor's that are not global, supervisor's global, machine's. */
export const LOG_ENTRIES = 0x3fff;
export const LOG_BYTES = 0x10000;
export const LOGS = 0x50000;
/** How often the interpreter arrived at a place: 16-bit counts by hashed address of its entry. */
export const HEAT = LOGS + 4 * LOG_BYTES;
export const HEAT_ENTRIES = 0x10000;
/**
 * Targets of indirect jumps that stay in their page, by hash of the jump's entry: its address, then offsets in the page
 * plus 1; 0: none yet.
 */
export const JUMPS = HEAT + 2 * HEAT_ENTRIES;
export const JUMPS_COUNT = 1024;
export const JUMPS_BYTES = 128;
/** Two tables by page number of RAM (see HartLayout), then the data TLBs and the decoded pages. */
const TABLES = JUMPS + JUMPS_COUNT * JUMPS_BYTES;

// ---- decoded page: one 4-byte entry for each halfword, a page-end entry, the page's number and epoch, the bytes that were decoded
export const SLOT_END = 8192;
export const SLOT_PAGE = 8196;
export const SLOT_EPOCH = 8200;
/** Stores seen since it was made; after so many the page is taken for data. */
export const SLOT_WRITES = 8204;
export const SLOT_MOST_WRITES = 128;
export const SLOT_BYTES_COPY = 8208;
/** Nonzero: translated regions contain code of the page. */
export const SLOT_REGIONS = 12304;
/** Modes that it has been fetched in, as bits. */
export const SLOT_MODES = 12308;
/** Not a power of two, so that pages do not compete for the same cache lines. */
export const SLOT_STRIDE = 12352;

export const STORED_BY_SEVERAL = 1;

export interface HartLayout {
  readonly base: number;
  /** RAM page number -> address of its decoded page. */
  readonly pageSlots: number;
  /** RAM page number -> the store TLB entry that reaches it, or STORED_BY_SEVERAL. */
  readonly stored: number;
  /** Tables for U, S and M mode, each for loads and then for stores. */
  readonly tlbs: number;
  readonly slots: number;
}
export interface Layout extends Omit<MachineConfiguration, 'translate'> {
  /** That of `translate`; 0: all code is interpreted. */
  readonly threshold: number;
  /** Host addresses are below 2^addressBits. */
  readonly addressBits: number;
  readonly tlbEntries: number;
  readonly tlbBytes: number;
  readonly slotCount: number;
  readonly hart: readonly HartLayout[];
  /** A byte for each page of RAM: 1 once a hart has written there (`Machine.takeDirtyPages`). */
  readonly dirty: number;
  readonly ramAt: number;
  /** 64 KiB pages of the whole memory. */
  readonly memoryPages: number;
}

/** Throws RangeError for a configuration out of its ranges. */
export function layOut(configuration: MachineConfiguration): Layout {
  const { harts, ramBase, ramBytes, translate } = configuration;
  const megabytes = ramBytes / 0x100000;
  if (!Number.isInteger(harts) || harts < 1 || harts > 8) throw new RangeError('harts: 1 to 8');
  if (!(megabytes >= 16 && megabytes <= 2048) || megabytes % 2 !== 0)
    throw new RangeError('ramBytes: 16 MiB to 2 GiB, in steps of 2 MiB');
  if (!(ramBase > 0) || ramBase % 0x200000 !== 0 || ramBase + ramBytes > 2 ** 48)
    throw new RangeError('ramBase: a multiple of 2 MiB below 2^48');
  const threshold = translate === false ? 0 : (translate?.threshold ?? DEFAULT_THRESHOLD);
  if (translate && !(threshold >= 1 && threshold <= 60_000)) throw new RangeError('translate.threshold: 1 to 60,000');

  const ramPages = ramBytes / PAGE;
  const slotCount = Math.min(4096, Math.max(256, ramPages >> 4));
  // A TLB's index must reach the first bit that no host address has (see `privileged/tlb.ts`), and the TLBs are part of
  // what decides that bit: take the smallest that fits.
  for (let addressBits = 26; addressBits <= 32; addressBits++) {
    const tlbEntries = 2 ** (addressBits - 11);
    const tlbBytes = tlbEntries * 8;
    let at = HART_BLOCKS;
    const hart: HartLayout[] = [];
    for (let k = 0; k < harts; k++) {
      const base = at;
      const pageSlots = base + TABLES;
      const stored = pageSlots + ramPages * 4;
      const tlbs = align(stored + ramPages * 4, tlbBytes);
      const slots = tlbs + 6 * tlbBytes;
      hart.push({ base, pageSlots, stored, tlbs, slots });
      at = align(slots + slotCount * SLOT_STRIDE, 0x10000);
    }
    const ramAt = align(at + ramPages, 0x200000);
    const end = ramAt + ramBytes;
    if (end <= 2 ** addressBits) {
      const { clock } = configuration;
      return {
        harts,
        ramBase,
        ramBytes,
        clock,
        threshold,
        addressBits,
        tlbEntries,
        tlbBytes,
        slotCount,
        hart,
        dirty: at,
        ramAt,
        memoryPages: end / 0x10000,
      };
    }
  }
  throw new RangeError('harts and ramBytes: together more than 4 GiB');
}

function align(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

function words<const Names extends readonly string[]>(
  start: number,
  names: Names,
  step = 8,
): Readonly<Record<Names[number], number>> {
  return Object.fromEntries(names.map((name, k) => [name, start + k * step])) as Record<Names[number], number>;
}
