// Where things lie in the RAM of a batch: one runtime, then one arena of 64 KB for each program.
//
//   arena + 0x0000  control page: saved and final registers, inputs, counters (S-mode may write it)
//         + 0x1000  trap log: one record of 48 bytes for each trap, in order
//         + 0x4000  code
//         + 0x8000  data
//         + 0xc000  page tables
//
// With paging on, a program sees its arena through two windows of consecutive pages, one for S-mode (U=0) and one
// for U-mode (U=1, code and data only), so that pc-relative code works in every mode.

export const RAM_BASE = 0x8000_0000;
/** The S-mode trap handler has a page of its own, because page tables map it. */
export const SUPERVISOR_HANDLER = RAM_BASE + 0x1000;
/** Two dwords that the runtime counts with: address of the next arena, programs left. */
export const QUEUE = RAM_BASE + 0x8000;
export const FIRST_ARENA = RAM_BASE + 0x1_0000;
export const ARENA_BYTES = 0x1_0000;

export const CODE = 0x4000;
export const CODE_BYTES = 0x4000;
export const DATA = 0x8000;
export const DATA_BYTES = 0x4000;
export const TABLES = 0xc000;

export const LOG = 0x1000;
export const RECORD_BYTES = 48;
/** Traps after which a program is ended, so that none runs for ever. */
export const TRAP_LIMIT = 250;
/** The dwords of a record. */
export const RECORD = ['cause', 'epc', 'tval', 'status', 'digest', 'pending'] as const;
/** Set in `cause` when the S-mode handler wrote the record. */
export const SUPERVISOR_RECORD = 60;

/** Offsets in the control page; what the handlers touch lies below 2 KB, within reach of a load's offset. */
export const CONTROL = {
  savedByMachine: 0x000,
  savedBySupervisor: 0x100,
  finalX: 0x200,
  finalF: 0x300,
  /** Offset from the arena of the next record. */
  logNext: 0x400,
  trapsLeft: 0x408,
  /** Where the arena begins as U, S, - and M-mode see it. */
  windows: 0x410,
  loopsLeft: 0x430,
  loopStart: 0x438,
  /** 0 never ran, 1 ended itself, 2 too many traps, 3 jumped where nobody can bring it back from. */
  outcome: 0x440,
  /** The pcs from which the S-mode handler hands a trap on to M-mode, and which of the two it uses (0: ecall). */
  forwardEcall: 0x448,
  forwardIllegal: 0x450,
  forwardBy: 0x458,
  /** The pc of the S-mode handler's sret. */
  supervisorReturn: 0x460,
  /** What mtvec becomes. */
  machineVector: 0x468,
  /** Counts of retired instructions: not compared. */
  instretStart: 0x500,
  instretTrap: 0x508,
  instretInTraps: 0x510,
  instretProgram: 0x518,
  finalCsr: 0x600,
  initialX: 0x800,
  initialF: 0x900,
  inputs: 0xa00,
} as const;
/** Control-page bytes from here to here are not compared. */
export const UNCOMPARED = [0x500, 0x520] as const;

/** What follows an `ecall` as `lui x0,SERVICE` (a hint) asks the runtime for something. */
export const SERVICE = { end: 1, loop: 2, switchMode: 0x10 } as const;

const pmpaddr = Array.from({ length: 16 }, (_, i) => `pmpaddr${i}`);

/** CSRs that the prologue sets from the control page, in this order. */
export const INPUT_CSRS = [
  ...pmpaddr,
  // Behind the addresses, which a locked entry would no longer take.
  'pmpcfg0',
  'pmpcfg2',
  'mcounteren',
  'scounteren',
  'medeleg',
  'mideleg',
  'mie',
  'stvec',
  'sscratch',
  'satp',
  'mepc',
  'fcsr',
  'mstatus',
];

/** CSRs that are written down when a program has ended, in this order. */
export const FINAL_CSRS = [
  'mstatus',
  'sstatus',
  'sepc',
  'scause',
  'stval',
  'satp',
  'medeleg',
  'mideleg',
  'mie',
  'mip',
  'sie',
  'sip',
  'mcounteren',
  'scounteren',
  'pmpcfg0',
  'pmpcfg2',
  ...pmpaddr,
];

/** The control-page offset of an input CSR. */
export function inputOffset(name: string): number {
  const index = INPUT_CSRS.indexOf(name);
  if (index < 0) throw new Error(`${name} is no input`);
  return CONTROL.inputs + 8 * index;
}

/** Names what lies at an offset of an arena, for messages. */
export function describeOffset(offset: number): string {
  const dword = (base: number): number => (offset - base) >> 3;
  if (offset >= TABLES) return `page tables + 0x${(offset - TABLES).toString(16)}`;
  if (offset >= DATA) return `data + 0x${(offset - DATA).toString(16)}`;
  if (offset >= CODE) return `code + 0x${(offset - CODE).toString(16)}`;
  if (offset >= LOG) {
    const record = Math.floor((offset - LOG) / RECORD_BYTES);
    return `trap ${record} ${RECORD[Math.floor(((offset - LOG) % RECORD_BYTES) / 8)]}`;
  }
  if (offset >= CONTROL.initialX) return `inputs + 0x${(offset - CONTROL.initialX).toString(16)}`;
  if (offset >= CONTROL.finalCsr) return FINAL_CSRS[dword(CONTROL.finalCsr)] ?? 'control page';
  if (offset >= CONTROL.logNext) return Object.entries(CONTROL).findLast(([, at]) => at <= offset)![0];
  if (offset >= CONTROL.finalF) return `f${dword(CONTROL.finalF)}`;
  if (offset >= CONTROL.finalX) return `x${dword(CONTROL.finalX)}`;
  if (offset >= CONTROL.savedBySupervisor) return `x${dword(CONTROL.savedBySupervisor)} at the last trap to S-mode`;
  return `x${dword(CONTROL.savedByMachine)} at the last trap to M-mode`;
}

/** Device addresses of QEMU's `virt` board that the tester uses. */
export const FINISHER = 0x10_0000;
export const MSIP = 0x200_0000;
export const MTIMECMP = 0x200_4000;
export const MTIME = 0x200_bff8;
