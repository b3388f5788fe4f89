// For the engine's tests: instruction words by name, and a machine that runs a few of them.

import { CSR0, Hart } from '../hart.ts';
import type { Bus, Stop } from '../hart.ts';
import { Machine } from '../machine.ts';
import type { Mode } from '../machine.ts';

export const RAM = 0x80000000;
export const [zero, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5] = Array.from(
  { length: 16 },
  (_, k) => k,
);

export const r = (opcode: number, funct3: number, funct7: number, rd: number, rs1: number, rs2: number): number =>
  (opcode | (rd << 7) | (funct3 << 12) | (rs1 << 15) | (rs2 << 20) | (funct7 << 25)) >>> 0;
export const i = (opcode: number, funct3: number, rd: number, rs1: number, immediate: number): number =>
  (opcode | (rd << 7) | (funct3 << 12) | (rs1 << 15) | (immediate << 20)) >>> 0;
const s = (opcode: number, funct3: number, rs1: number, rs2: number, immediate: number): number =>
  (opcode | ((immediate & 31) << 7) | (funct3 << 12) | (rs1 << 15) | (rs2 << 20) | ((immediate >> 5) << 25)) >>> 0;

export const lui = (rd: number, immediate: number): number => (0x37 | (rd << 7) | (immediate << 12)) >>> 0;
export const auipc = (rd: number, immediate: number): number => (0x17 | (rd << 7) | (immediate << 12)) >>> 0;
export const addi = (rd: number, rs1: number, immediate: number): number => i(0x13, 0, rd, rs1, immediate);
export const slli = (rd: number, rs1: number, shift: number): number => i(0x13, 1, rd, rs1, shift);
export const add = (rd: number, rs1: number, rs2: number): number => r(0x33, 0, 0, rd, rs1, rs2);
export const lb = (rd: number, rs1: number, offset: number): number => i(0x03, 0, rd, rs1, offset);
export const lw = (rd: number, rs1: number, offset: number): number => i(0x03, 2, rd, rs1, offset);
export const ld = (rd: number, rs1: number, offset: number): number => i(0x03, 3, rd, rs1, offset);
export const sb = (rs2: number, rs1: number, offset: number): number => s(0x23, 0, rs1, rs2, offset);
export const sw = (rs2: number, rs1: number, offset: number): number => s(0x23, 2, rs1, rs2, offset);
export const sd = (rs2: number, rs1: number, offset: number): number => s(0x23, 3, rs1, rs2, offset);
export const jalr = (rd: number, rs1: number, offset: number): number => i(0x67, 0, rd, rs1, offset);
export const jal = (rd: number, offset: number): number =>
  (0x6f |
    (rd << 7) |
    (((offset >> 12) & 0xff) << 12) |
    (((offset >> 11) & 1) << 20) |
    (((offset >> 1) & 0x3ff) << 21) |
    ((offset < 0 ? 1 : 0) << 31)) >>>
  0;
export const bne = (rs1: number, rs2: number, offset: number): number =>
  (0x63 |
    (((offset >> 11) & 1) << 7) |
    (((offset >> 1) & 15) << 8) |
    (1 << 12) |
    (rs1 << 15) |
    (rs2 << 20) |
    (((offset >> 5) & 63) << 25) |
    ((offset < 0 ? 1 : 0) << 31)) >>>
  0;
export const csrrw = (rd: number, csr: number, rs1: number): number => i(0x73, 1, rd, rs1, csr);
export const csrrs = (rd: number, csr: number, rs1: number): number => i(0x73, 2, rd, rs1, csr);
export const csrrc = (rd: number, csr: number, rs1: number): number => i(0x73, 3, rd, rs1, csr);
export const csrr = (rd: number, csr: number): number => csrrs(rd, csr, zero);
/** funct5 of AMO, width 2 (w) or 3 (d). */
export const amo = (funct5: number, width: 2 | 3, rd: number, rs1: number, rs2: number): number =>
  r(0x2f, width, funct5 << 2, rd, rs1, rs2);
export const LR = 2;
export const SC = 3;
export const AMOADD = 0;
export const AMOSWAP = 1;
export const nop = addi(zero, zero, 0);
export const ecall = 0x73;
export const ebreak = 0x100073;
export const mret = 0x30200073;
export const sret = 0x10200073;
export const wfi = 0x10500073;
export const fence_i = 0x100f;
export const sfence_vma = (rs1 = zero, rs2 = zero): number => r(0x73, 0, 0x09, zero, rs1, rs2);

export const CSR = {
  fflags: 0x001,
  frm: 0x002,
  fcsr: 0x003,
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  scounteren: 0x106,
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
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mip: 0x344,
  pmpcfg0: 0x3a0,
  pmpaddr0: 0x3b0,
  mcycle: 0xb00,
  minstret: 0xb02,
  cycle: 0xc00,
  time: 0xc01,
  instret: 0xc02,
} as const;
export type CsrName = keyof typeof CSR;

/** A machine of one hart without devices (unless `bus` has some), in M-mode, with trap handlers that stop. */
export class Bench {
  readonly machine: Machine;
  readonly hart: Hart;
  readonly #view: DataView;
  /** RAM was written behind the hart's back. */
  #written = false;

  constructor(options: { clock?: 'host' | 'instructions'; bus?: Partial<Bus>; mode?: Mode; threshold?: number } = {}) {
    this.machine = Machine.create({
      harts: 1,
      ramBase: RAM,
      ramBytes: 16 << 20,
      clock: options.clock ?? 'instructions',
      ...(options.threshold === undefined
        ? {}
        : { translate: options.threshold > 0 && { threshold: options.threshold } }),
    });
    this.hart = new Hart(this.machine, 0, { read: () => -1, write: () => false, time: () => 0, ...options.bus });
    this.#view = new DataView(this.machine.ram.buffer, this.machine.ram.byteOffset, this.machine.ram.byteLength);
    this.hart.reset({ pc: RAM, mode: options.mode ?? 'M', a0: 0, a1: 0, firmware: false });
    this.hart.stopsAtBreakpoints = true;
    // Handlers: an ebreak each.
    this.word(M_HANDLER, ebreak);
    this.word(S_HANDLER, ebreak);
    this.csr('mtvec', M_HANDLER);
    this.csr('stvec', S_HANDLER);
  }

  /** Puts words at an address, RAM's start if none is given. */
  program(words: readonly number[], at = RAM): this {
    words.forEach((word, k) => this.word(at + k * 4, word));
    return this;
  }
  word(at: number, value: number): void {
    this.#written = true;
    this.#view.setUint32(at - RAM, value, true);
  }
  half(at: number, value: number): void {
    this.#written = true;
    this.#view.setUint16(at - RAM, value, true);
  }
  double(at: number, value: bigint): void {
    this.#view.setBigUint64(at - RAM, BigInt.asUintN(64, value), true);
  }
  doubleAt(at: number): bigint {
    return this.#view.getBigUint64(at - RAM, true);
  }
  /** Reads a CSR, or writes it. */
  csr(name: CsrName, value?: number | bigint): bigint {
    if (value !== undefined) this.hart.writeRegister(CSR0 + CSR[name], BigInt.asUintN(64, BigInt(value)));
    return this.hart.readRegister(CSR0 + CSR[name]);
  }
  x(register: number, value?: number | bigint): bigint {
    if (value !== undefined) this.hart.writeRegister(register, BigInt(value));
    return this.hart.readRegister(register);
  }
  pc(value?: number | bigint): number {
    if (value !== undefined) this.hart.writeRegister(32, BigInt(value));
    return Number(this.hart.readRegister(32));
  }
  /** Goes on at pc in this privilege mode. */
  enter(mode: 0 | 1 | 3, pc: number | bigint): void {
    this.hart.mode = mode;
    this.pc(pc);
  }
  run(budget = 1000): Stop {
    if (this.#written) this.machine.fence(1, true);
    this.#written = false;
    return this.hart.run(budget);
  }
}
export const M_HANDLER = RAM + 0xf10;
export const S_HANDLER = RAM + 0xf20;

/** R W X, NAPOT over everything. */
export function openPmp(bench: Bench): void {
  bench.csr('pmpaddr0', (1n << 54n) - 1n);
  bench.csr('pmpcfg0', 0x1f);
}
