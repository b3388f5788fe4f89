// The instruction set as a table: encodings of RV64GC, Zba, Zbb, Zbs and the privileged instructions,
// written from the manuals (Unprivileged ISA 20191213 chapters 24 and 16, Privileged ISA 1.12 chapter 3,
// Bit-manipulation 1.0.0). It shares nothing with the engine that it judges: generator, assembler and
// disassembler read this table and no other.

/** What an operand names: an integer or floating-point register, a number, a CSR, a rounding mode. */
export type OperandKind = 'x' | 'f' | 'number' | 'csr' | 'rounding' | 'ordering';

export interface Operand {
  readonly name: string;
  readonly kind: OperandKind;
  /** Runs of bits: `width` bits of the value from bit `from` lie in the word from bit `at`. */
  readonly parts: readonly { readonly at: number; readonly from: number; readonly width: number }[];
  readonly signed: boolean;
  /** Added to the encoded value (compressed registers x8..x15 are encoded as 0..7). */
  readonly base: number;
  /** Zero is a reserved encoding or another instruction. */
  readonly nonzero: boolean;
}

/** The part of the processor an instruction exercises; the generator chooses by it. */
export type Family =
  | 'integer'
  | 'load'
  | 'store'
  | 'branch'
  | 'jump'
  | 'atomic'
  | 'reserve'
  | 'float'
  | 'float-load'
  | 'float-store'
  | 'csr'
  | 'fence'
  | 'system';

export interface Instruction {
  readonly name: string;
  readonly extension: string;
  readonly family: Family;
  readonly size: 2 | 4;
  readonly match: number;
  readonly mask: number;
  readonly operands: readonly Operand[];
  /** Assembly operands, such as `rd,imm(rs1)`. */
  readonly syntax: string;
}

interface OperandOptions {
  readonly signed?: boolean;
  readonly base?: number;
  readonly nonzero?: boolean;
}

/** `bits` is `HIGH=RANGE,RANGE;...`: from word bit HIGH downwards lie these bits of the value. */
function operand(name: string, kind: OperandKind, bits: string, options: OperandOptions = {}): Operand {
  const parts: { at: number; from: number; width: number }[] = [];
  for (const run of bits.split(';')) {
    const [start, ranges] = run.split('=');
    let top = Number(start);
    for (const range of ranges.split(',')) {
      const [high, low = high] = range.split(':').map(Number);
      const width = high - low + 1;
      parts.push({ at: top - width + 1, from: low, width });
      top -= width;
    }
  }
  const { signed = false, base = 0, nonzero = false } = options;
  return { name, kind, parts, signed, base, nonzero };
}

const OPERANDS = new Map(
  [
    operand('rd', 'x', '11=4:0'),
    operand('rs1', 'x', '19=4:0'),
    operand('rs2', 'x', '24=4:0'),
    operand('fd', 'f', '11=4:0'),
    operand('fs1', 'f', '19=4:0'),
    operand('fs2', 'f', '24=4:0'),
    operand('fs3', 'f', '31=4:0'),
    operand('imm', 'number', '31=11:0', { signed: true }),
    operand('offset', 'number', '31=11:5;11=4:0', { signed: true }),
    operand('target', 'number', '31=12,10:5;11=4:1,11', { signed: true }),
    operand('far', 'number', '31=20,10:1,11,19:12', { signed: true }),
    operand('upper', 'number', '31=19:0', { signed: true }),
    operand('shamt', 'number', '25=5:0'),
    operand('shamtw', 'number', '24=4:0'),
    operand('csr', 'csr', '31=11:0'),
    operand('zimm', 'number', '19=4:0'),
    operand('rm', 'rounding', '14=2:0'),
    operand('aqrl', 'ordering', '26=1:0'),
    operand('pred', 'number', '27=3:0'),
    operand('succ', 'number', '23=3:0'),
    // Compressed (Unprivileged ISA table 16.1 and 16.5 to 16.7).
    operand('crd', 'x', '11=4:0', { nonzero: true }),
    operand('crs1', 'x', '11=4:0', { nonzero: true }),
    operand('crs2', 'x', '6=4:0', { nonzero: true }),
    operand('cstored', 'x', '6=4:0'),
    operand('cfd', 'f', '11=4:0'),
    operand('cfs2', 'f', '6=4:0'),
    operand('rd_', 'x', '4=2:0', { base: 8 }),
    operand('rs1_', 'x', '9=2:0', { base: 8 }),
    operand('rs2_', 'x', '4=2:0', { base: 8 }),
    operand('fd_', 'f', '4=2:0', { base: 8 }),
    operand('fs2_', 'f', '4=2:0', { base: 8 }),
    operand('cimm', 'number', '12=5;6=4:0', { signed: true }),
    operand('cnzimm', 'number', '12=5;6=4:0', { signed: true, nonzero: true }),
    operand('cupper', 'number', '12=5;6=4:0', { signed: true, nonzero: true }),
    operand('cshamt', 'number', '12=5;6=4:0', { nonzero: true }),
    operand('c4spn', 'number', '12=5:4,9:6,2,3', { nonzero: true }),
    operand('c16sp', 'number', '12=9;6=4,6,8:7,5', { signed: true, nonzero: true }),
    operand('cword', 'number', '12=5:3;6=2,6'),
    operand('cdouble', 'number', '12=5:3;6=7:6'),
    operand('cwordsp', 'number', '12=5;6=4:2,7:6'),
    operand('cdoublesp', 'number', '12=5;6=4:3,8:6'),
    operand('cstoresp', 'number', '12=5:2,7:6'),
    operand('cdstoresp', 'number', '12=5:3,8:6'),
    operand('cfar', 'number', '12=11,4,9:8,10,6,7,3:1,5', { signed: true }),
    operand('ctarget', 'number', '12=8,4:3;6=7:6,2:1,5', { signed: true }),
  ].map((o) => [o.name, o]),
);

/** The bits of `value` in the word of an instruction. */
export function encodeOperand(o: Operand, value: number): number {
  const encoded = value - o.base;
  let word = 0;
  for (const { at, from, width } of o.parts) word |= ((encoded >> from) & ((1 << width) - 1)) << at;
  return word;
}

/** The value of an operand in an instruction's word. */
export function decodeOperand(o: Operand, word: number): number {
  let value = 0;
  let top = 0;
  for (const { at, from, width } of o.parts) {
    value |= ((word >>> at) & ((1 << width) - 1)) << from;
    top = Math.max(top, from + width);
  }
  if (o.signed) value = (value << (32 - top)) >> (32 - top);
  return value + o.base;
}

const table: Instruction[] = [];

/** Defines instructions of one format: all bits that are no operand's must match. */
function define(extension: string, family: Family, syntax: string, encodings: Record<string, number>): void {
  const names = syntax.match(/[a-z0-9_]+/g) ?? [];
  const operands = names.map((name) => OPERANDS.get(name)!);
  for (const [name, match] of Object.entries(encodings)) {
    const size = (match & 3) === 3 ? 4 : 2;
    let mask = size === 4 ? -1 : 0xffff;
    for (const o of operands) mask &= ~encodeOperand(o, -1 + o.base);
    table.push({ name, extension, family, size, match, mask, operands, syntax });
  }
}

/** An R-type encoding: major opcode, funct3, funct7. */
const r = (opcode: number, funct3: number, funct7: number): number => opcode | (funct3 << 12) | (funct7 << 25);
/** An encoding with funct3 and 12 high bits. */
const i = (opcode: number, funct3: number, high = 0): number => opcode | (funct3 << 12) | (high << 20);

define('I', 'integer', 'rd,upper', { lui: 0x37, auipc: 0x17 });
define('I', 'jump', 'rd,far', { jal: 0x6f });
define('I', 'jump', 'rd,imm(rs1)', { jalr: 0x67 });
define('I', 'branch', 'rs1,rs2,target', {
  beq: i(0x63, 0),
  bne: i(0x63, 1),
  blt: i(0x63, 4),
  bge: i(0x63, 5),
  bltu: i(0x63, 6),
  bgeu: i(0x63, 7),
});
define('I', 'load', 'rd,imm(rs1)', {
  lb: i(3, 0),
  lh: i(3, 1),
  lw: i(3, 2),
  ld: i(3, 3),
  lbu: i(3, 4),
  lhu: i(3, 5),
  lwu: i(3, 6),
});
define('I', 'store', 'rs2,offset(rs1)', { sb: i(0x23, 0), sh: i(0x23, 1), sw: i(0x23, 2), sd: i(0x23, 3) });
define('I', 'integer', 'rd,rs1,imm', {
  addi: i(0x13, 0),
  slti: i(0x13, 2),
  sltiu: i(0x13, 3),
  xori: i(0x13, 4),
  ori: i(0x13, 6),
  andi: i(0x13, 7),
  addiw: i(0x1b, 0),
});
define('I', 'integer', 'rd,rs1,shamt', { slli: i(0x13, 1), srli: i(0x13, 5), srai: i(0x13, 5, 0x400) });
define('I', 'integer', 'rd,rs1,shamtw', { slliw: i(0x1b, 1), srliw: i(0x1b, 5), sraiw: i(0x1b, 5, 0x400) });
define('I', 'integer', 'rd,rs1,rs2', {
  add: r(0x33, 0, 0),
  sub: r(0x33, 0, 0x20),
  sll: r(0x33, 1, 0),
  slt: r(0x33, 2, 0),
  sltu: r(0x33, 3, 0),
  xor: r(0x33, 4, 0),
  srl: r(0x33, 5, 0),
  sra: r(0x33, 5, 0x20),
  or: r(0x33, 6, 0),
  and: r(0x33, 7, 0),
  addw: r(0x3b, 0, 0),
  subw: r(0x3b, 0, 0x20),
  sllw: r(0x3b, 1, 0),
  srlw: r(0x3b, 5, 0),
  sraw: r(0x3b, 5, 0x20),
});
define('I', 'fence', 'pred,succ', { fence: 0x0f });
define('Zifencei', 'fence', '', { 'fence.i': 0x100f });
define('I', 'system', '', { ecall: 0x73, ebreak: 0x100073 });
define('Priv', 'system', '', { sret: 0x10200073, mret: 0x30200073, wfi: 0x10500073 });
define('Priv', 'system', 'rs1,rs2', { 'sfence.vma': r(0x73, 0, 9) });
define('Zicsr', 'csr', 'rd,csr,rs1', { csrrw: i(0x73, 1), csrrs: i(0x73, 2), csrrc: i(0x73, 3) });
define('Zicsr', 'csr', 'rd,csr,zimm', { csrrwi: i(0x73, 5), csrrsi: i(0x73, 6), csrrci: i(0x73, 7) });
define('M', 'integer', 'rd,rs1,rs2', {
  mul: r(0x33, 0, 1),
  mulh: r(0x33, 1, 1),
  mulhsu: r(0x33, 2, 1),
  mulhu: r(0x33, 3, 1),
  div: r(0x33, 4, 1),
  divu: r(0x33, 5, 1),
  rem: r(0x33, 6, 1),
  remu: r(0x33, 7, 1),
  mulw: r(0x3b, 0, 1),
  divw: r(0x3b, 4, 1),
  divuw: r(0x3b, 5, 1),
  remw: r(0x3b, 6, 1),
  remuw: r(0x3b, 7, 1),
});

for (const [suffix, funct3] of [
  ['.w', 2],
  ['.d', 3],
] as const) {
  const amo = (funct5: number): number => r(0x2f, funct3, funct5 << 2);
  define('A', 'reserve', 'rd,(rs1)aqrl', { [`lr${suffix}`]: amo(2) });
  define('A', 'reserve', 'rd,rs2,(rs1)aqrl', { [`sc${suffix}`]: amo(3) });
  define('A', 'atomic', 'rd,rs2,(rs1)aqrl', {
    [`amoswap${suffix}`]: amo(1),
    [`amoadd${suffix}`]: amo(0),
    [`amoxor${suffix}`]: amo(4),
    [`amoand${suffix}`]: amo(12),
    [`amoor${suffix}`]: amo(8),
    [`amomin${suffix}`]: amo(16),
    [`amomax${suffix}`]: amo(20),
    [`amominu${suffix}`]: amo(24),
    [`amomaxu${suffix}`]: amo(28),
  });
}

define('F', 'float-load', 'fd,imm(rs1)', { flw: i(7, 2) });
define('F', 'float-store', 'fs2,offset(rs1)', { fsw: i(0x27, 2) });
define('D', 'float-load', 'fd,imm(rs1)', { fld: i(7, 3) });
define('D', 'float-store', 'fs2,offset(rs1)', { fsd: i(0x27, 3) });
for (const [extension, s, format] of [
  ['F', '.s', 0],
  ['D', '.d', 1],
] as const) {
  const fp = (funct5: number, rm = 0, rs2 = 0): number => r(0x53, rm, (funct5 << 2) | format) | (rs2 << 20);
  const fused = (opcode: number): number => opcode | (format << 25);
  define(extension, 'float', 'fd,fs1,fs2,fs3,rm', {
    [`fmadd${s}`]: fused(0x43),
    [`fmsub${s}`]: fused(0x47),
    [`fnmsub${s}`]: fused(0x4b),
    [`fnmadd${s}`]: fused(0x4f),
  });
  define(extension, 'float', 'fd,fs1,fs2,rm', {
    [`fadd${s}`]: fp(0),
    [`fsub${s}`]: fp(1),
    [`fmul${s}`]: fp(2),
    [`fdiv${s}`]: fp(3),
  });
  define(extension, 'float', 'fd,fs1,rm', { [`fsqrt${s}`]: fp(0x0b) });
  define(extension, 'float', 'fd,fs1,fs2', {
    [`fsgnj${s}`]: fp(4, 0),
    [`fsgnjn${s}`]: fp(4, 1),
    [`fsgnjx${s}`]: fp(4, 2),
    [`fmin${s}`]: fp(5, 0),
    [`fmax${s}`]: fp(5, 1),
  });
  define(extension, 'float', 'rd,fs1,fs2', {
    [`feq${s}`]: fp(0x14, 2),
    [`flt${s}`]: fp(0x14, 1),
    [`fle${s}`]: fp(0x14, 0),
  });
  define(extension, 'float', 'rd,fs1', { [`fclass${s}`]: fp(0x1c, 1) });
  define(extension, 'float', 'rd,fs1,rm', {
    [`fcvt.w${s}`]: fp(0x18, 0, 0),
    [`fcvt.wu${s}`]: fp(0x18, 0, 1),
    [`fcvt.l${s}`]: fp(0x18, 0, 2),
    [`fcvt.lu${s}`]: fp(0x18, 0, 3),
  });
  define(extension, 'float', 'fd,rs1,rm', {
    [`fcvt${s}.w`]: fp(0x1a, 0, 0),
    [`fcvt${s}.wu`]: fp(0x1a, 0, 1),
    [`fcvt${s}.l`]: fp(0x1a, 0, 2),
    [`fcvt${s}.lu`]: fp(0x1a, 0, 3),
  });
}
define('F', 'float', 'rd,fs1', { 'fmv.x.w': r(0x53, 0, 0x70) });
define('F', 'float', 'fd,rs1', { 'fmv.w.x': r(0x53, 0, 0x78) });
define('D', 'float', 'rd,fs1', { 'fmv.x.d': r(0x53, 0, 0x71) });
define('D', 'float', 'fd,rs1', { 'fmv.d.x': r(0x53, 0, 0x79) });
define('D', 'float', 'fd,fs1,rm', { 'fcvt.s.d': r(0x53, 0, 0x20) | (1 << 20), 'fcvt.d.s': r(0x53, 0, 0x21) });

/** A compressed encoding: funct3 and quadrant. */
const c = (funct3: number, quadrant: number, rest = 0): number => (funct3 << 13) | quadrant | rest;
define('C', 'integer', 'rd_,c4spn', { 'c.addi4spn': c(0, 0) });
define('C', 'float-load', 'fd_,cdouble(rs1_)', { 'c.fld': c(1, 0) });
define('C', 'load', 'rd_,cword(rs1_)', { 'c.lw': c(2, 0) });
define('C', 'load', 'rd_,cdouble(rs1_)', { 'c.ld': c(3, 0) });
define('C', 'float-store', 'fs2_,cdouble(rs1_)', { 'c.fsd': c(5, 0) });
define('C', 'store', 'rs2_,cword(rs1_)', { 'c.sw': c(6, 0) });
define('C', 'store', 'rs2_,cdouble(rs1_)', { 'c.sd': c(7, 0) });
define('C', 'integer', '', { 'c.nop': c(0, 1) });
define('C', 'integer', 'crd,cimm', { 'c.addi': c(0, 1), 'c.addiw': c(1, 1), 'c.li': c(2, 1) });
define('C', 'integer', 'c16sp', { 'c.addi16sp': c(3, 1, 2 << 7) });
define('C', 'integer', 'crd,cupper', { 'c.lui': c(3, 1) });
define('C', 'integer', 'rs1_,cshamt', { 'c.srli': c(4, 1), 'c.srai': c(4, 1, 1 << 10) });
define('C', 'integer', 'rs1_,cimm', { 'c.andi': c(4, 1, 2 << 10) });
define('C', 'integer', 'rs1_,rs2_', {
  'c.sub': c(4, 1, 3 << 10),
  'c.xor': c(4, 1, (3 << 10) | (1 << 5)),
  'c.or': c(4, 1, (3 << 10) | (2 << 5)),
  'c.and': c(4, 1, (3 << 10) | (3 << 5)),
  'c.subw': c(4, 1, 7 << 10),
  'c.addw': c(4, 1, (7 << 10) | (1 << 5)),
});
define('C', 'jump', 'cfar', { 'c.j': c(5, 1) });
define('C', 'branch', 'rs1_,ctarget', { 'c.beqz': c(6, 1), 'c.bnez': c(7, 1) });
define('C', 'integer', 'crd,cshamt', { 'c.slli': c(0, 2) });
define('C', 'float-load', 'cfd,cdoublesp', { 'c.fldsp': c(1, 2) });
define('C', 'load', 'crd,cwordsp', { 'c.lwsp': c(2, 2) });
define('C', 'load', 'crd,cdoublesp', { 'c.ldsp': c(3, 2) });
define('C', 'jump', 'crs1', { 'c.jr': c(4, 2), 'c.jalr': c(4, 2, 1 << 12) });
define('C', 'integer', 'crd,crs2', { 'c.mv': c(4, 2), 'c.add': c(4, 2, 1 << 12) });
define('C', 'system', '', { 'c.ebreak': c(4, 2, 1 << 12) });
define('C', 'float-store', 'cfs2,cdstoresp', { 'c.fsdsp': c(5, 2) });
define('C', 'store', 'cstored,cstoresp', { 'c.swsp': c(6, 2) });
define('C', 'store', 'cstored,cdstoresp', { 'c.sdsp': c(7, 2) });

define('Zba', 'integer', 'rd,rs1,rs2', {
  'add.uw': r(0x3b, 0, 4),
  sh1add: r(0x33, 2, 0x10),
  sh2add: r(0x33, 4, 0x10),
  sh3add: r(0x33, 6, 0x10),
  'sh1add.uw': r(0x3b, 2, 0x10),
  'sh2add.uw': r(0x3b, 4, 0x10),
  'sh3add.uw': r(0x3b, 6, 0x10),
});
define('Zba', 'integer', 'rd,rs1,shamt', { 'slli.uw': r(0x1b, 1, 4) });
define('Zbb', 'integer', 'rd,rs1,rs2', {
  andn: r(0x33, 7, 0x20),
  orn: r(0x33, 6, 0x20),
  xnor: r(0x33, 4, 0x20),
  max: r(0x33, 6, 5),
  maxu: r(0x33, 7, 5),
  min: r(0x33, 4, 5),
  minu: r(0x33, 5, 5),
  rol: r(0x33, 1, 0x30),
  rolw: r(0x3b, 1, 0x30),
  ror: r(0x33, 5, 0x30),
  rorw: r(0x3b, 5, 0x30),
});
define('Zbb', 'integer', 'rd,rs1', {
  clz: i(0x13, 1, 0x600),
  ctz: i(0x13, 1, 0x601),
  cpop: i(0x13, 1, 0x602),
  'sext.b': i(0x13, 1, 0x604),
  'sext.h': i(0x13, 1, 0x605),
  clzw: i(0x1b, 1, 0x600),
  ctzw: i(0x1b, 1, 0x601),
  cpopw: i(0x1b, 1, 0x602),
  'zext.h': r(0x3b, 4, 4),
  'orc.b': i(0x13, 5, 0x287),
  rev8: i(0x13, 5, 0x6b8),
});
define('Zbb', 'integer', 'rd,rs1,shamt', { rori: i(0x13, 5, 0x600) });
define('Zbb', 'integer', 'rd,rs1,shamtw', { roriw: i(0x1b, 5, 0x600) });
define('Zbs', 'integer', 'rd,rs1,rs2', {
  bclr: r(0x33, 1, 0x24),
  bext: r(0x33, 5, 0x24),
  binv: r(0x33, 1, 0x34),
  bset: r(0x33, 1, 0x14),
});
define('Zbs', 'integer', 'rd,rs1,shamt', {
  bclri: i(0x13, 1, 0x480),
  bexti: i(0x13, 5, 0x480),
  binvi: i(0x13, 1, 0x680),
  bseti: i(0x13, 1, 0x280),
});

/** Every instruction; where two match a word, the one with more fixed bits is meant. */
export const INSTRUCTIONS: readonly Instruction[] = table;

const byName = new Map(table.map((instruction) => [instruction.name, instruction]));

export function instructionNamed(name: string): Instruction {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no instruction is called ${name}`);
  return found;
}

const ranked = [...table].sort((a, b) => bitCount(b.mask) - bitCount(a.mask));

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The instruction that a word encodes, or undefined for a reserved encoding or a hint that the table leaves out. */
export function decode(word: number): Instruction | undefined {
  const size = (word & 3) === 3 ? 4 : 2;
  return ranked.find(
    (candidate) =>
      candidate.size === size &&
      (word & candidate.mask) === candidate.match &&
      candidate.operands.every((o) => !o.nonzero || decodeOperand(o, word) !== 0),
  );
}

/** The word of an instruction with these operand values, in the order of its syntax. */
export function encode(instruction: Instruction, values: readonly number[]): number {
  let word = instruction.match;
  instruction.operands.forEach((o, index) => {
    word |= encodeOperand(o, values[index]);
  });
  return instruction.size === 4 ? word | 0 : word & 0xffff;
}
