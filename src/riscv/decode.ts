// Decodes RV64GC, Zba, Zbb, Zbs and privileged instructions. Compressed forms become the instruction that they stand for
// (Unprivileged ISA, chapter "C"); whatever is reserved is `illegal`.

import { NAMES, NUMBER } from './instructions.ts';
import type { Name } from './instructions.ts';

export interface Instruction {
  /** Index in NAMES. */
  readonly number: number;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  readonly rs3: number;
  /** Rounding mode field: 0..4, or 7 (dynamic). */
  readonly rm: number;
  /** Sign-extended to 32 bits. CSR number for Format CSR; the instruction's bits for `illegal`. */
  readonly immediate: number;
  /** 2 or 4 bytes. */
  readonly length: number;
}

const N = NUMBER;
/** Zihintpause: a FENCE with pred = W, succ = 0, rd and rs1 x0. */
const PAUSE = 0x0100000f;
const numbers = (names: string): readonly (number | undefined)[] =>
  names.split(' ').map((name) => (name === '-' ? undefined : N[name as Name]));

const LOADS = numbers('lb lh lw ld lbu lhu lwu -');
const LOADS_X0 = numbers('lb.x0 lh.x0 lw.x0 ld.x0 lbu.x0 lhu.x0 lwu.x0 -');
const STORES = numbers('sb sh sw sd - - - -');
const BRANCHES = numbers('beq bne - - blt bge bltu bgeu');
const CSRS = numbers('- csrrw csrrs csrrc - csrrwi csrrsi csrrci');
const IMMEDIATES = numbers('addi - slti sltiu xori - ori andi');
// Register forms by funct7: one row of eight for funct3.
const REGISTERS: Readonly<Record<number, readonly (number | undefined)[]>> = {
  0x00: numbers('add sll slt sltu xor srl or and'),
  0x01: numbers('mul mulh mulhsu mulhu div divu rem remu'),
  0x05: numbers('- - - - min minu max maxu'),
  0x10: numbers('- - sh1add - sh2add - sh3add -'),
  0x14: numbers('- bset - - - - - -'),
  0x20: numbers('sub - - - xnor sra orn andn'),
  0x24: numbers('- bclr - - - bext - -'),
  0x30: numbers('- rol - - - ror - -'),
  0x34: numbers('- binv - - - - - -'),
};
const WORD_REGISTERS: Readonly<Record<number, readonly (number | undefined)[]>> = {
  0x00: numbers('addw sllw - - - srlw - -'),
  0x01: numbers('mulw - - - divw divuw remw remuw'),
  0x04: numbers('add.uw - - - - - - -'),
  0x10: numbers('- - sh1add.uw - sh2add.uw - sh3add.uw -'),
  0x20: numbers('subw - - - - sraw - -'),
  0x30: numbers('- rolw - - - rorw - -'),
};
const COUNTS = numbers('clz ctz cpop - sext.b sext.h');
const WORD_COUNTS = numbers('clzw ctzw cpopw');
const AMOS: Readonly<Record<number, string>> = {
  0: 'amoadd',
  1: 'amoswap',
  2: 'lr',
  3: 'sc',
  4: 'amoxor',
  8: 'amoor',
  12: 'amoand',
  16: 'amomin',
  20: 'amomax',
  24: 'amominu',
  28: 'amomaxu',
};
const AMOS_W = Array.from({ length: 32 }, (_, k) => (k in AMOS ? N[`${AMOS[k]}.w` as Name] : undefined));
const AMOS_D = Array.from({ length: 32 }, (_, k) => (k in AMOS ? N[`${AMOS[k]}.d` as Name] : undefined));

interface FloatFormat {
  readonly arithmetic: readonly (number | undefined)[];
  readonly signs: readonly (number | undefined)[];
  readonly extremes: readonly (number | undefined)[];
  readonly comparisons: readonly (number | undefined)[];
  readonly toInteger: readonly (number | undefined)[];
  readonly fromInteger: readonly (number | undefined)[];
  readonly fused: readonly (number | undefined)[];
  readonly convert: number;
  readonly sqrt: number;
  readonly classify: number;
  readonly toBits: number;
  readonly fromBits: number;
}
const SINGLE: FloatFormat = {
  arithmetic: numbers('fadd.s fsub.s fmul.s fdiv.s'),
  signs: numbers('fsgnj.s fsgnjn.s fsgnjx.s'),
  extremes: numbers('fmin.s fmax.s'),
  comparisons: numbers('fle.s flt.s feq.s'),
  toInteger: numbers('fcvt.w.s fcvt.wu.s fcvt.l.s fcvt.lu.s'),
  fromInteger: numbers('fcvt.s.w fcvt.s.wu fcvt.s.l fcvt.s.lu'),
  fused: numbers('fmadd.s fmsub.s fnmsub.s fnmadd.s'),
  convert: N['fcvt.s.d'],
  sqrt: N['fsqrt.s'],
  classify: N['fclass.s'],
  toBits: N['fmv.x.w'],
  fromBits: N['fmv.w.x'],
};
const DOUBLE: FloatFormat = {
  arithmetic: numbers('fadd.d fsub.d fmul.d fdiv.d'),
  signs: numbers('fsgnj.d fsgnjn.d fsgnjx.d'),
  extremes: numbers('fmin.d fmax.d'),
  comparisons: numbers('fle.d flt.d feq.d'),
  toInteger: numbers('fcvt.w.d fcvt.wu.d fcvt.l.d fcvt.lu.d'),
  fromInteger: numbers('fcvt.d.w fcvt.d.wu fcvt.d.l fcvt.d.lu'),
  fused: numbers('fmadd.d fmsub.d fnmsub.d fnmadd.d'),
  convert: N['fcvt.d.s'],
  sqrt: N['fsqrt.d'],
  classify: N['fclass.d'],
  toBits: N['fmv.x.d'],
  fromBits: N['fmv.d.x'],
};

/** Instructions whose only effect is on rd: HINTs, that is no-ops, when rd is x0. */
const ONLY_WRITES_RD = new Set<number>(
  (
    'lui auipc addi slti sltiu xori ori andi slli srli srai addiw slliw srliw sraiw slli.uw rori roriw clz ctz cpop clzw ctzw cpopw ' +
    'sext.b sext.h zext.h rev8 orc.b bclri bexti binvi bseti c.lui add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw ' +
    'mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw sh1add sh2add sh3add add.uw sh1add.uw sh2add.uw sh3add.uw ' +
    'andn orn xnor min minu max maxu rol ror rolw rorw bclr bext binv bset'
  )
    .split(' ')
    .map((name) => N[name as Name]),
);

/** `word`: the instruction's 32 bits; for a compressed one the upper 16 do not matter. */
export function decode(word: number): Instruction {
  const instruction = (word & 3) === 3 ? decode32(word) : decode16(word & 0xffff);
  if (instruction.rd === 0 && ONLY_WRITES_RD.has(instruction.number))
    return make(N.nop, 0, 0, 0, 0, instruction.length);
  return instruction;
}

export function nameOf(instruction: Instruction): Name {
  return NAMES[instruction.number];
}

function make(
  number: number,
  rd: number,
  rs1: number,
  rs2: number,
  immediate: number,
  length: number,
  rm = 0,
  rs3 = 0,
): Instruction {
  return { number, rd, rs1, rs2, rs3, rm, immediate: immediate | 0, length };
}

function illegal(word: number): Instruction {
  return make(N.illegal, 0, 0, 0, word, 4);
}

/** Four bytes; no number: the word is reserved. */
function made(
  word: number,
  number: number | undefined,
  rd: number,
  rs1: number,
  rs2: number,
  immediate: number,
): Instruction {
  return number === undefined ? illegal(word) : make(number, rd, rs1, rs2, immediate, 4);
}

function decode32(word: number): Instruction {
  const rd = (word >>> 7) & 31;
  const funct3 = (word >>> 12) & 7;
  const rs1 = (word >>> 15) & 31;
  const rs2 = (word >>> 20) & 31;
  const immediateI = word >> 20;
  switch (word & 0x7f) {
    case 0x03: // LOAD
      return made(word, (rd ? LOADS : LOADS_X0)[funct3], rd, rs1, 0, immediateI);
    case 0x07: // LOAD-FP
      return made(word, funct3 === 2 ? N.flw : funct3 === 3 ? N.fld : undefined, rd, rs1, 0, immediateI);
    case 0x0f: // MISC-MEM: reserved fields of FENCE are ignored, as the specification asks
      if (word === PAUSE) return make(N.pause, 0, 0, 0, 0, 4);
      return made(word, funct3 === 0 ? N.fence : funct3 === 1 ? N['fence.i'] : undefined, 0, 0, 0, 0);
    case 0x13:
      return immediateOperation(word, rd, rs1, funct3);
    case 0x17: // AUIPC
      return made(word, rd < 16 ? N.auipc : N['auipc.x16'], rd, 0, 0, word & ~0xfff);
    case 0x1b:
      return immediateWordOperation(word, rd, rs1, funct3);
    case 0x23: // STORE
      return made(word, STORES[funct3], 0, rs1, rs2, ((word >> 25) << 5) | rd);
    case 0x27: // STORE-FP
      return made(word, funct3 === 2 ? N.fsw : funct3 === 3 ? N.fsd : undefined, 0, rs1, rs2, ((word >> 25) << 5) | rd);
    case 0x2f: // AMO
      if (word >>> 27 === 2 && rs2 !== 0) return illegal(word);
      return made(
        word,
        funct3 === 2 ? AMOS_W[word >>> 27] : funct3 === 3 ? AMOS_D[word >>> 27] : undefined,
        rd,
        rs1,
        rs2,
        0,
      );
    case 0x33: // OP
      return made(word, REGISTERS[word >>> 25]?.[funct3], rd, rs1, rs2, 0);
    case 0x37: // LUI
      return made(word, rd < 16 ? N.lui : N['lui.x16'], rd, 0, 0, word & ~0xfff);
    case 0x3b: // OP-32
      if (word >>> 25 === 0x04 && funct3 === 4 && rs2 === 0) return made(word, N['zext.h'], rd, rs1, 0, 0);
      return made(word, WORD_REGISTERS[word >>> 25]?.[funct3], rd, rs1, rs2, 0);
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f: {
      const format = ((word >>> 25) & 3) === 0 ? SINGLE : ((word >>> 25) & 3) === 1 ? DOUBLE : undefined;
      const number = format?.fused[(word >>> 2) & 3];
      if (number === undefined || funct3 === 5 || funct3 === 6) return illegal(word);
      return make(number, rd, rs1, rs2, 0, 4, funct3, word >>> 27);
    }
    case 0x53:
      return floatOperation(word, rd, rs1, rs2, funct3);
    case 0x63: // BRANCH
      return made(
        word,
        BRANCHES[funct3],
        0,
        rs1,
        rs2,
        ((word >> 31) << 12) | ((word << 4) & 0x800) | ((word >>> 20) & 0x7e0) | ((word >>> 7) & 0x1e),
      );
    case 0x67: // JALR
      return made(word, funct3 !== 0 ? undefined : rd ? N.jalr : N.jr, rd, rs1, 0, immediateI);
    case 0x6f: // JAL
      return made(
        word,
        rd === 0 ? N.j : rd < 16 ? N.jal : N['jal.x16'],
        rd,
        0,
        0,
        ((word >> 31) << 20) | (word & 0xff000) | ((word >>> 9) & 0x800) | ((word >>> 20) & 0x7fe),
      );
    case 0x73:
      if (funct3 === 0) return system(word, rd, rs1, rs2);
      return made(word, CSRS[funct3], rd, rs1, 0, (word >>> 20) & 0xfff);
    default:
      return illegal(word);
  }
}

function immediateOperation(word: number, rd: number, rs1: number, funct3: number): Instruction {
  const shift = (word >>> 20) & 63;
  const funct6 = word >>> 26;
  if (funct3 === 1) {
    if (funct6 === 0x18) return made(word, COUNTS[shift], rd, rs1, 0, 0);
    const number =
      funct6 === 0
        ? N.slli
        : funct6 === 0x0a
          ? N.bseti
          : funct6 === 0x12
            ? N.bclri
            : funct6 === 0x1a
              ? N.binvi
              : undefined;
    return made(word, number, rd, rs1, 0, shift);
  }
  if (funct3 === 5) {
    if (word >>> 20 === 0x287) return made(word, N['orc.b'], rd, rs1, 0, 0);
    if (word >>> 20 === 0x6b8) return made(word, N.rev8, rd, rs1, 0, 0);
    const number =
      funct6 === 0
        ? N.srli
        : funct6 === 0x10
          ? N.srai
          : funct6 === 0x12
            ? N.bexti
            : funct6 === 0x18
              ? N.rori
              : undefined;
    return made(word, number, rd, rs1, 0, shift);
  }
  return made(word, IMMEDIATES[funct3], rd, rs1, 0, word >> 20);
}

function immediateWordOperation(word: number, rd: number, rs1: number, funct3: number): Instruction {
  const funct7 = word >>> 25;
  const shift = (word >>> 20) & 31;
  if (funct3 === 0) return made(word, N.addiw, rd, rs1, 0, word >> 20);
  if (funct3 === 1) {
    if (funct7 === 0x30) return made(word, WORD_COUNTS[shift], rd, rs1, 0, 0);
    if (funct7 >> 1 === 0x02) return made(word, N['slli.uw'], rd, rs1, 0, (word >>> 20) & 63);
    return made(word, funct7 === 0 ? N.slliw : undefined, rd, rs1, 0, shift);
  }
  if (funct3 === 5)
    return made(
      word,
      funct7 === 0 ? N.srliw : funct7 === 0x20 ? N.sraiw : funct7 === 0x30 ? N.roriw : undefined,
      rd,
      rs1,
      0,
      shift,
    );
  return illegal(word);
}

function system(word: number, rd: number, rs1: number, rs2: number): Instruction {
  switch (word >>> 0) {
    case 0x00000073:
      return make(N.ecall, 0, 0, 0, 0, 4);
    case 0x00100073:
      return make(N.ebreak, 0, 0, 0, 0, 4);
    case 0x10200073:
      return make(N.sret, 0, 0, 0, 0, 4);
    case 0x30200073:
      return make(N.mret, 0, 0, 0, 0, 4);
    case 0x10500073:
      return make(N.wfi, 0, 0, 0, 0, 4);
    default:
      return word >>> 25 === 0x09 && rd === 0 ? make(N['sfence.vma'], 0, rs1, rs2, 0, 4) : illegal(word);
  }
}

function floatOperation(word: number, rd: number, rs1: number, rs2: number, funct3: number): Instruction {
  const format = ((word >>> 25) & 3) === 0 ? SINGLE : ((word >>> 25) & 3) === 1 ? DOUBLE : undefined;
  if (!format) return illegal(word);
  /** With a rounding mode: 5 and 6 are reserved. */
  const rounded = (number: number | undefined): Instruction =>
    number === undefined || funct3 === 5 || funct3 === 6 ? illegal(word) : make(number, rd, rs1, rs2, 0, 4, funct3);
  const plain = (number: number | undefined): Instruction =>
    number === undefined ? illegal(word) : make(number, rd, rs1, rs2, 0, 4);
  const funct5 = word >>> 27;
  switch (funct5) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x03:
      return rounded(format.arithmetic[funct5]);
    case 0x04:
      return plain(format.signs[funct3]);
    case 0x05:
      return plain(format.extremes[funct3]);
    case 0x08: // to this format from the other, which rs2 names
      return rounded(rs2 === (format === SINGLE ? 1 : 0) ? format.convert : undefined);
    case 0x0b:
      return rounded(rs2 === 0 ? format.sqrt : undefined);
    case 0x14:
      return plain(format.comparisons[funct3]);
    case 0x18:
      return rounded(format.toInteger[rs2]);
    case 0x1a:
      return rounded(format.fromInteger[rs2]);
    case 0x1c:
      return plain(rs2 !== 0 ? undefined : funct3 === 0 ? format.toBits : funct3 === 1 ? format.classify : undefined);
    case 0x1e:
      return plain(rs2 === 0 && funct3 === 0 ? format.fromBits : undefined);
    default:
      return illegal(word);
  }
}

function signExtend(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

function decode16(word: number): Instruction {
  const funct3 = word >> 13;
  switch (word & 3) {
    case 0:
      return quadrant0(word, funct3);
    case 1:
      return quadrant1(word, funct3);
    default:
      return quadrant2(word, funct3);
  }
}

function illegal16(word: number): Instruction {
  return make(N.illegal, 0, 0, 0, word, 2);
}

function quadrant0(word: number, funct3: number): Instruction {
  const rd = ((word >> 2) & 7) + 8;
  const rs1 = ((word >> 7) & 7) + 8;
  const offset4 = ((word >> 7) & 0x38) | ((word << 1) & 0x40) | ((word >> 4) & 4);
  const offset8 = ((word >> 7) & 0x38) | ((word << 1) & 0xc0);
  switch (funct3) {
    case 0: {
      // C.ADDI4SPN; a zero immediate is reserved, and so is the all-zero halfword
      const immediate = ((word >> 7) & 0x30) | ((word >> 1) & 0x3c0) | ((word >> 4) & 4) | ((word >> 2) & 8);
      return immediate ? make(N.addi, rd, 2, 0, immediate, 2) : illegal16(word);
    }
    case 1:
      return make(N.fld, rd, rs1, 0, offset8, 2);
    case 2:
      return make(N.lw, rd, rs1, 0, offset4, 2);
    case 3:
      return make(N.ld, rd, rs1, 0, offset8, 2);
    case 5:
      return make(N.fsd, 0, rs1, rd, offset8, 2);
    case 6:
      return make(N.sw, 0, rs1, rd, offset4, 2);
    case 7:
      return make(N.sd, 0, rs1, rd, offset8, 2);
    default:
      return illegal16(word);
  }
}

function quadrant1(word: number, funct3: number): Instruction {
  const rd = (word >> 7) & 31;
  const rdShort = ((word >> 7) & 7) + 8;
  const immediate = signExtend(((word >> 7) & 0x20) | ((word >> 2) & 31), 6);
  switch (funct3) {
    case 0:
      return make(N.addi, rd, rd, 0, immediate, 2);
    case 1:
      return rd ? make(N.addiw, rd, rd, 0, immediate, 2) : illegal16(word);
    case 2:
      return make(N.addi, rd, 0, 0, immediate, 2);
    case 3: {
      if (immediate === 0) return illegal16(word);
      if (rd !== 2) return make(N['c.lui'], rd, 0, 0, immediate, 2);
      // C.ADDI16SP
      const step =
        ((word >> 3) & 0x200) |
        ((word >> 2) & 0x10) |
        ((word << 1) & 0x40) |
        ((word << 4) & 0x180) |
        ((word << 3) & 0x20);
      return make(N.addi, 2, 2, 0, signExtend(step, 10), 2);
    }
    case 4:
      return quadrant1Arithmetic(word, rdShort, immediate);
    case 5: {
      const offset =
        ((word >> 1) & 0x800) |
        ((word >> 7) & 0x10) |
        ((word >> 1) & 0x300) |
        ((word << 2) & 0x400) |
        ((word >> 1) & 0x40) |
        ((word << 1) & 0x80) |
        ((word >> 2) & 0xe) |
        ((word << 3) & 0x20);
      return make(N.j, 0, 0, 0, signExtend(offset, 12), 2);
    }
    default: {
      const offset =
        ((word >> 4) & 0x100) | ((word >> 7) & 0x18) | ((word << 1) & 0xc0) | ((word >> 2) & 6) | ((word << 3) & 0x20);
      return make(funct3 === 6 ? N.beq : N.bne, 0, rdShort, 0, signExtend(offset, 9), 2);
    }
  }
}

const SHORT_REGISTERS = numbers('sub xor or and subw addw - -');

function quadrant1Arithmetic(word: number, rd: number, immediate: number): Instruction {
  switch ((word >> 10) & 3) {
    case 0:
      return make(N.srli, rd, rd, 0, immediate & 63, 2);
    case 1:
      return make(N.srai, rd, rd, 0, immediate & 63, 2);
    case 2:
      return make(N.andi, rd, rd, 0, immediate, 2);
    default: {
      const number = SHORT_REGISTERS[((word >> 10) & 4) | ((word >> 5) & 3)];
      return number === undefined ? illegal16(word) : make(number, rd, rd, ((word >> 2) & 7) + 8, 0, 2);
    }
  }
}

function quadrant2(word: number, funct3: number): Instruction {
  const rd = (word >> 7) & 31;
  const rs2 = (word >> 2) & 31;
  const loadOffset8 = ((word >> 7) & 0x20) | ((word >> 2) & 0x18) | ((word << 4) & 0x1c0);
  const storeOffset8 = ((word >> 7) & 0x38) | ((word >> 1) & 0x1c0);
  switch (funct3) {
    case 0:
      return make(N.slli, rd, rd, 0, ((word >> 7) & 0x20) | rs2, 2);
    case 1:
      return make(N.fld, rd, 2, 0, loadOffset8, 2);
    case 2: {
      const offset4 = ((word >> 7) & 0x20) | ((word >> 2) & 0x1c) | ((word << 4) & 0xc0);
      return rd ? make(N.lw, rd, 2, 0, offset4, 2) : illegal16(word);
    }
    case 3:
      return rd ? make(N.ld, rd, 2, 0, loadOffset8, 2) : illegal16(word);
    case 4:
      if (!(word & 0x1000)) {
        if (rs2) return make(N.add, rd, 0, rs2, 0, 2);
        return rd ? make(N.jr, 0, rd, 0, 0, 2) : illegal16(word);
      }
      if (rs2) return make(N.add, rd, rd, rs2, 0, 2);
      return rd ? make(N.jalr, 1, rd, 0, 0, 2) : make(N.ebreak, 0, 0, 0, 0, 2);
    case 5:
      return make(N.fsd, 0, 2, rs2, storeOffset8, 2);
    case 6:
      return make(N.sw, 0, 2, rs2, ((word >> 7) & 0x3c) | ((word >> 1) & 0xc0), 2);
    default:
      return make(N.sd, 0, 2, rs2, storeOffset8, 2);
  }
}
