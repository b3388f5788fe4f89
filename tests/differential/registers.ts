// Names and numbers of registers and CSRs (Privileged ISA 1.12, tables 2.2 to 2.5).

const ABI = 'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'.split(
  ' ',
);

/** The number of an integer register by either of its names, or -1. */
export function integerRegister(name: string): number {
  const numbered = /^x(\d+)$/.exec(name);
  return numbered ? Number(numbered[1]) : ABI.indexOf(name);
}

export const CSR = {
  fflags: 0x001,
  frm: 0x002,
  fcsr: 0x003,
  cycle: 0xc00,
  time: 0xc01,
  instret: 0xc02,
  hpmcounter3: 0xc03,
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  scounteren: 0x106,
  senvcfg: 0x10a,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  sip: 0x144,
  stimecmp: 0x14d,
  satp: 0x180,
  mstatus: 0x300,
  misa: 0x301,
  medeleg: 0x302,
  mideleg: 0x303,
  mie: 0x304,
  mtvec: 0x305,
  mcounteren: 0x306,
  menvcfg: 0x30a,
  mcountinhibit: 0x320,
  mhpmevent3: 0x323,
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mip: 0x344,
  pmpcfg0: 0x3a0,
  pmpcfg2: 0x3a2,
  pmpaddr0: 0x3b0,
  mcycle: 0xb00,
  minstret: 0xb02,
  mhpmcounter3: 0xb03,
  mvendorid: 0xf11,
  marchid: 0xf12,
  mimpid: 0xf13,
  mhartid: 0xf14,
  mconfigptr: 0xf15,
} as const;

const csrNames = new Map<number, string>(Object.entries(CSR).map(([name, number]) => [number, name]));
for (let i = 0; i < 16; i++) csrNames.set(CSR.pmpaddr0 + i, `pmpaddr${i}`);
const csrNumbers = new Map([...csrNames].map(([number, name]) => [name, number]));

export function csrName(number: number): string {
  return csrNames.get(number) ?? `0x${number.toString(16)}`;
}

/** The number of a CSR by name, or -1. */
export function csrNumber(name: string): number {
  return csrNumbers.get(name) ?? -1;
}

export const ROUNDING = ['rne', 'rtz', 'rdn', 'rup', 'rmm', 'rm5', 'rm6', 'dyn'];
