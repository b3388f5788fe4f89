// RV64IM and Zicsr as the compiler uses them (Unprivileged ISA, chapter "RV32/64G Instruction Set Listings"): names, formats,
// encoding and decoding. Encoder and decoder read the same table; what that could hide is tested against our engine.

/** ABI names of x0..x31 (psABI, "Register Convention"). */
export const REGISTERS = [
  'zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5',
  'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6',
] as const; // prettier-ignore
export type RegisterName = (typeof REGISTERS)[number];
export const x = (name: RegisterName): number => REGISTERS.indexOf(name);
export const [ZERO, RA, SP, GP, TP] = [0, 1, 2, 3, 4];
export const A0 = 10;

/** Operands: r = rd, rs1, rs2; i = rd, rs1, imm; shift = rd, rs1, shamt; load = rd, imm(rs1); store = rs2, imm(rs1). */
export type Format = 'r' | 'i' | 'shift' | 'load' | 'store' | 'branch' | 'u' | 'jal' | 'csr' | 'fixed';

interface Form {
  readonly format: Format;
  readonly opcode: number;
  readonly funct3: number;
  /** Bits 31..25 (r), or 31..26 of a shift, or the whole word (fixed). */
  readonly high: number;
}

const form = (format: Format, opcode: number, funct3: number, high = 0): Form => ({ format, opcode, funct3, high });
export const FORMS = {
  lui: form('u', 0x37, 0),
  auipc: form('u', 0x17, 0),
  jal: form('jal', 0x6f, 0),
  jalr: form('i', 0x67, 0),
  beq: form('branch', 0x63, 0),
  bne: form('branch', 0x63, 1),
  blt: form('branch', 0x63, 4),
  bge: form('branch', 0x63, 5),
  bltu: form('branch', 0x63, 6),
  bgeu: form('branch', 0x63, 7),
  lb: form('load', 0x03, 0),
  lh: form('load', 0x03, 1),
  lw: form('load', 0x03, 2),
  ld: form('load', 0x03, 3),
  lbu: form('load', 0x03, 4),
  lhu: form('load', 0x03, 5),
  lwu: form('load', 0x03, 6),
  sb: form('store', 0x23, 0),
  sh: form('store', 0x23, 1),
  sw: form('store', 0x23, 2),
  sd: form('store', 0x23, 3),
  // Their rd, or rs2, is a floating-point register.
  fld: form('load', 0x07, 3),
  fsd: form('store', 0x27, 3),
  addi: form('i', 0x13, 0),
  slti: form('i', 0x13, 2),
  sltiu: form('i', 0x13, 3),
  xori: form('i', 0x13, 4),
  ori: form('i', 0x13, 6),
  andi: form('i', 0x13, 7),
  slli: form('shift', 0x13, 1, 0),
  srli: form('shift', 0x13, 5, 0),
  srai: form('shift', 0x13, 5, 0x10),
  add: form('r', 0x33, 0, 0),
  sub: form('r', 0x33, 0, 0x20),
  sll: form('r', 0x33, 1, 0),
  slt: form('r', 0x33, 2, 0),
  sltu: form('r', 0x33, 3, 0),
  xor: form('r', 0x33, 4, 0),
  srl: form('r', 0x33, 5, 0),
  sra: form('r', 0x33, 5, 0x20),
  or: form('r', 0x33, 6, 0),
  and: form('r', 0x33, 7, 0),
  mul: form('r', 0x33, 0, 1),
  mulhu: form('r', 0x33, 3, 1),
  divu: form('r', 0x33, 5, 1),
  remu: form('r', 0x33, 7, 1),
  addiw: form('i', 0x1b, 0),
  slliw: form('shift', 0x1b, 1, 0),
  srliw: form('shift', 0x1b, 5, 0),
  sraiw: form('shift', 0x1b, 5, 0x10),
  addw: form('r', 0x3b, 0, 0),
  subw: form('r', 0x3b, 0, 0x20),
  sllw: form('r', 0x3b, 1, 0),
  srlw: form('r', 0x3b, 5, 0),
  sraw: form('r', 0x3b, 5, 0x20),
  mulw: form('r', 0x3b, 0, 1),
  divw: form('r', 0x3b, 4, 1),
  csrrw: form('csr', 0x73, 1),
  csrrs: form('csr', 0x73, 2),
  csrrc: form('csr', 0x73, 3),
  ecall: form('fixed', 0x73, 0, 0x0000_0073),
  ebreak: form('fixed', 0x73, 0, 0x0010_0073),
  mret: form('fixed', 0x73, 0, 0x3020_0073),
  wfi: form('fixed', 0x73, 0, 0x1050_0073),
  // sfence.vma zero, zero
  sfence: form('fixed', 0x73, 0, 0x1200_0073),
  // fence iorw, iorw
  fence: form('fixed', 0x0f, 0, 0x0ff0_000f),
  fencei: form('fixed', 0x0f, 1, 0x0000_100f),
} as const;
export type Mnemonic = keyof typeof FORMS;
const entries = Object.entries(FORMS) as [Mnemonic, Form][];

export interface MachineInstruction {
  readonly op: Mnemonic;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  /** Immediate, shift count, byte distance of a jump, upper 20 bits already shifted (lui, auipc), or CSR number. */
  readonly imm: number;
  /** Bytes. */
  readonly size: 2 | 4;
}

export const fits = (value: number, bits: number): boolean =>
  Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);

/** The 32-bit word of an instruction. Throws RangeError when an immediate does not fit. */
export function encode(op: Mnemonic, rd: number, rs1: number, rs2: number, imm: number): number {
  const { format, opcode, funct3, high }: Form = FORMS[op];
  const need = (ok: boolean): void => {
    if (!ok) throw new RangeError(`${op}: immediate ${imm}`);
  };
  const rest = (rs1 << 15) | (funct3 << 12) | opcode;
  switch (format) {
    case 'r':
      return ((high << 25) | (rs2 << 20) | (rd << 7) | rest) >>> 0;
    case 'i':
    case 'load':
      need(fits(imm, 12));
      return ((imm << 20) | (rd << 7) | rest) >>> 0;
    case 'shift':
      need(imm >= 0 && imm < (opcode === 0x1b ? 32 : 64));
      return ((high << 26) | (imm << 20) | (rd << 7) | rest) >>> 0;
    case 'store':
      need(fits(imm, 12));
      return (((imm >> 5) << 25) | (rs2 << 20) | ((imm & 31) << 7) | rest) >>> 0;
    case 'branch':
      need(fits(imm, 13) && imm % 2 === 0);
      return (
        (((imm >> 12) << 31) |
          (((imm >> 5) & 0x3f) << 25) |
          (rs2 << 20) |
          (((imm >> 1) & 15) << 8) |
          (((imm >> 11) & 1) << 7) |
          rest) >>>
        0
      );
    case 'u':
      need((imm | 0) === imm && (imm & 0xfff) === 0);
      return (imm | (rd << 7) | opcode) >>> 0;
    case 'jal':
      need(fits(imm, 21) && imm % 2 === 0);
      return (
        (((imm >> 20) << 31) |
          (((imm >> 1) & 0x3ff) << 21) |
          (((imm >> 11) & 1) << 20) |
          (((imm >> 12) & 0xff) << 12) |
          (rd << 7) |
          opcode) >>>
        0
      );
    case 'csr':
      need(imm >= 0 && imm < 4096);
      return ((imm << 20) | (rd << 7) | rest) >>> 0;
    case 'fixed':
      return high;
  }
}

/** The instruction of a 32-bit word, undefined when it is none of the table. Every bit of the word counts. */
export function decode(word: number): MachineInstruction | undefined {
  const w = word | 0;
  const rd = (w >> 7) & 31;
  const rs1 = (w >> 15) & 31;
  const rs2 = (w >> 20) & 31;
  const funct3 = (w >> 12) & 7;
  const opcode = w & 0x7f;
  for (const [op, f] of entries) {
    if (f.opcode !== opcode) continue;
    const known = (parts: Partial<MachineInstruction>): MachineInstruction => ({
      op, rd: 0, rs1: 0, rs2: 0, imm: 0, size: 4, ...parts,
    }); // prettier-ignore
    if (f.format === 'u') return known({ rd, imm: w & ~0xfff });
    if (f.format === 'jal') {
      const imm = ((w >> 31) << 20) | (w & 0xff000) | ((w >> 9) & 0x800) | ((w >> 20) & 0x7fe);
      return known({ rd, imm });
    }
    if (f.format === 'fixed') {
      if (w === (f.high | 0)) return known({});
      continue;
    }
    if (f.funct3 !== funct3) continue;
    switch (f.format) {
      case 'r':
        if (w >>> 25 === f.high) return known({ rd, rs1, rs2 });
        break;
      case 'i':
      case 'load':
        return known({ rd, rs1, imm: w >> 20 });
      case 'shift': {
        const imm = (w >> 20) & 63;
        if (w >>> 26 === f.high && (opcode !== 0x1b || imm < 32)) return known({ rd, rs1, imm });
        break;
      }
      case 'store':
        return known({ rs1, rs2, imm: ((w >> 25) << 5) | rd });
      case 'branch': {
        const imm = ((w >> 31) << 12) | ((w << 4) & 0x800) | ((w >> 20) & 0x7e0) | ((w >> 7) & 0x1e);
        return known({ rs1, rs2, imm });
      }
      case 'csr':
        return known({ rd, rs1, imm: w >>> 20 });
    }
  }
  return undefined;
}

/** Assembly text, with the target's address for jumps. */
export function disassemble(i: MachineInstruction, pc: number): string {
  const [d, a, b] = [i.op === 'fld' ? `f${i.rd}` : REGISTERS[i.rd], REGISTERS[i.rs1], i.op === 'fsd' ? `f${i.rs2}` : REGISTERS[i.rs2]]; // prettier-ignore
  const to = (pc + i.imm).toString(16);
  switch (FORMS[i.op].format) {
    case 'r':
      return `${i.op} ${d}, ${a}, ${b}`;
    case 'i':
    case 'shift':
      return `${i.op} ${d}, ${a}, ${i.imm}`;
    case 'load':
      return `${i.op} ${d}, ${i.imm}(${a})`;
    case 'store':
      return `${i.op} ${b}, ${i.imm}(${a})`;
    case 'branch':
      return `${i.op} ${a}, ${b}, ${to}`;
    case 'u':
      return `${i.op} ${d}, 0x${(i.imm >>> 12).toString(16)}`;
    case 'jal':
      return `${i.op} ${d}, ${to}`;
    case 'csr':
      return `${i.op} ${d}, 0x${i.imm.toString(16)}, ${a}`;
    case 'fixed':
      return i.op;
  }
}
