// RV64I and M arithmetic, control transfer, Zba, Zbb, Zbs.

import type { Name } from '../instructions.ts';
import type { Plain } from '../wasm/opcodes.ts';
import type { Emit, Semantics, Target } from './target.ts';

const register =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.rs2();
      t.op(...ops);
    });
const withImmediate =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.immediate();
      t.op(...ops);
    });
/** On the low words; the result is sign-extended. */
const registerWord =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1Low();
      t.rs2Low();
      t.op(...ops, 'i64.extend_i32_s');
    });
const immediateWord =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1Low();
      t.immediateLow();
      t.op(...ops, 'i64.extend_i32_s');
    });
const unary =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.op(...ops);
    });
const unaryWord =
  (...ops: Plain[]): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1Low();
      t.op(...ops, 'i64.extend_i32_u');
    });
const compare = (op: Plain): Semantics => register(op, 'i64.extend_i32_u');
const branch =
  (op: Plain): Semantics =>
  (t) =>
    t.branch(() => {
      t.rs1();
      t.rs2();
      t.op(op);
    });

/** Division by zero and signed overflow have results of their own (Unprivileged ISA, chapter "M", table 11). */
function divide(type: 'i32' | 'i64', signed: boolean, quotient: boolean): Semantics {
  const constant = (t: Target, value: number): void => (type === 'i64' ? t.i64(value) : t.i32(value));
  const suffix = `${quotient ? 'div' : 'rem'}_${signed ? 's' : 'u'}` as const;
  return (t) => {
    const a = t.scratch(`dividend.${type}`, type);
    const b = t.scratch(`divisor.${type}`, type);
    if (type === 'i64') t.rs1();
    else t.rs1Low();
    t.set(a);
    if (type === 'i64') t.rs2();
    else t.rs2Low();
    t.set(b);
    t.rd(() => {
      t.get(b);
      t.op(`${type}.eqz`);
      t.if(type);
      if (quotient) constant(t, -1);
      else t.get(a);
      t.else();
      if (signed) {
        // x / -1 is -x, also where the division would trap
        t.get(b);
        constant(t, -1);
        t.op(`${type}.eq`);
        t.if(type);
        constant(t, 0);
        if (quotient) {
          t.get(a);
          t.op(`${type}.sub`);
        }
        t.else();
      }
      t.get(a);
      t.get(b);
      t.op(`${type}.${suffix}`);
      if (signed) t.end();
      t.end();
      if (type === 'i32') t.op('i64.extend_i32_s');
    });
  };
}

/** The high half of a product, by a helper function. */
const multiplyHigh =
  (name: string): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.rs2();
      t.helper(name);
    });

/** rs2 + (first operand << shift). */
const shiftAdd =
  (shift: number, word: boolean): Semantics =>
  (t) =>
    t.rd(() => {
      if (word) {
        t.rs1Low();
        t.op('i64.extend_i32_u');
      } else t.rs1();
      if (shift) {
        t.i64(shift);
        t.op('i64.shl');
      }
      t.rs2();
      t.op('i64.add');
    });

const negated =
  (op: Plain): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.rs2();
      t.i64(-1);
      t.op('i64.xor', op);
    });

const extreme =
  (comparison: Plain): Semantics =>
  (t) =>
    t.rd(() => {
      t.rs1();
      t.rs2();
      t.rs1();
      t.rs2();
      t.op(comparison, 'select');
    });

/** Single-bit instructions: the bit number is the low six bits, as WebAssembly shifts take it. */
function bit(kind: 'clear' | 'set' | 'invert' | 'extract', number: (t: Target) => void): Semantics {
  const apply = (t: Target, mask: Emit): void => {
    t.rs1();
    mask();
    if (kind === 'clear') {
      t.i64(-1);
      t.op('i64.xor', 'i64.and');
    } else t.op(kind === 'set' ? 'i64.or' : 'i64.xor');
  };
  return (t) =>
    t.rd(() => {
      if (kind === 'extract') {
        t.rs1();
        number(t);
        t.op('i64.shr_u');
        t.i64(1);
        t.op('i64.and');
      } else
        apply(t, () => {
          t.i64(1);
          number(t);
          t.op('i64.shl');
        });
    });
}
const byRegister = (t: Target): void => t.rs2();
const byImmediate = (t: Target): void => t.immediate();

/** Every byte becomes 0xff if it has any bit set. */
const orCombine: Semantics = (t) => {
  const low = t.scratch('orc', 'i64');
  t.rd(() => {
    // bit 7 of each byte: set if the byte is nonzero; then spread to the byte
    t.rs1();
    t.i64(0x7f7f7f7f7f7f7f7fn);
    t.op('i64.and');
    t.i64(0x7f7f7f7f7f7f7f7fn);
    t.op('i64.add');
    t.rs1();
    t.op('i64.or');
    t.i64(0x7f7f7f7f7f7f7f7fn);
    t.i64(-1);
    t.op('i64.xor', 'i64.and');
    t.i64(7);
    t.op('i64.shr_u');
    t.tee(low);
    t.i64(0xff);
    t.op('i64.mul');
  });
};

/** Swaps neighbours of 8, then 16, then 32 bits. */
const reverseBytes: Semantics = (t) => {
  const x = t.scratch('rev8', 'i64');
  t.rs1();
  t.set(x);
  for (const [shift, mask] of [
    [8, 0x00ff00ff00ff00ffn],
    [16, 0x0000ffff0000ffffn],
  ] as const) {
    t.get(x);
    t.i64(mask);
    t.op('i64.and');
    t.i64(shift);
    t.op('i64.shl');
    t.get(x);
    t.i64(shift);
    t.op('i64.shr_u');
    t.i64(mask);
    t.op('i64.and', 'i64.or');
    t.set(x);
  }
  t.rd(() => {
    t.get(x);
    t.i64(32);
    t.op('i64.rotl');
  });
};

const upper: Semantics = (t) => t.rd(() => t.immediate());
const addUpper: Semantics = (t) =>
  t.rd(() => {
    t.pc();
    t.immediate();
    t.op('i64.add');
  });

export const INTEGER: Partial<Record<Name, Semantics>> = {
  nop: () => {},
  lui: upper,
  'lui.x16': upper,
  'c.lui': (t) =>
    t.rd(() => {
      t.immediate();
      t.i64(12);
      t.op('i64.shl');
    }),
  auipc: addUpper,
  'auipc.x16': addUpper,
  addi: withImmediate('i64.add'),
  slti: withImmediate('i64.lt_s', 'i64.extend_i32_u'),
  sltiu: withImmediate('i64.lt_u', 'i64.extend_i32_u'),
  xori: withImmediate('i64.xor'),
  ori: withImmediate('i64.or'),
  andi: withImmediate('i64.and'),
  slli: withImmediate('i64.shl'),
  srli: withImmediate('i64.shr_u'),
  srai: withImmediate('i64.shr_s'),
  addiw: immediateWord('i32.add'),
  slliw: immediateWord('i32.shl'),
  srliw: immediateWord('i32.shr_u'),
  sraiw: immediateWord('i32.shr_s'),
  add: register('i64.add'),
  sub: register('i64.sub'),
  sll: register('i64.shl'),
  slt: compare('i64.lt_s'),
  sltu: compare('i64.lt_u'),
  xor: register('i64.xor'),
  srl: register('i64.shr_u'),
  sra: register('i64.shr_s'),
  or: register('i64.or'),
  and: register('i64.and'),
  addw: registerWord('i32.add'),
  subw: registerWord('i32.sub'),
  sllw: registerWord('i32.shl'),
  srlw: registerWord('i32.shr_u'),
  sraw: registerWord('i32.shr_s'),
  beq: branch('i64.eq'),
  bne: branch('i64.ne'),
  blt: branch('i64.lt_s'),
  bge: branch('i64.ge_s'),
  bltu: branch('i64.lt_u'),
  bgeu: branch('i64.ge_u'),
  j: (t) => t.jump(false),
  jal: (t) => t.jump(true),
  'jal.x16': (t) => t.jump(true),
  jr: (t) => t.jumpRegister(false),
  jalr: (t) => t.jumpRegister(true),

  mul: register('i64.mul'),
  mulh: multiplyHigh('mulh'),
  mulhsu: multiplyHigh('mulhsu'),
  mulhu: multiplyHigh('mulhu'),
  div: divide('i64', true, true),
  divu: divide('i64', false, true),
  rem: divide('i64', true, false),
  remu: divide('i64', false, false),
  mulw: registerWord('i32.mul'),
  divw: divide('i32', true, true),
  divuw: divide('i32', false, true),
  remw: divide('i32', true, false),
  remuw: divide('i32', false, false),

  'add.uw': shiftAdd(0, true),
  sh1add: shiftAdd(1, false),
  sh2add: shiftAdd(2, false),
  sh3add: shiftAdd(3, false),
  'sh1add.uw': shiftAdd(1, true),
  'sh2add.uw': shiftAdd(2, true),
  'sh3add.uw': shiftAdd(3, true),
  'slli.uw': (t) =>
    t.rd(() => {
      t.rs1Low();
      t.op('i64.extend_i32_u');
      t.immediate();
      t.op('i64.shl');
    }),
  andn: negated('i64.and'),
  orn: negated('i64.or'),
  xnor: negated('i64.xor'),
  clz: unary('i64.clz'),
  ctz: unary('i64.ctz'),
  cpop: unary('i64.popcnt'),
  clzw: unaryWord('i32.clz'),
  ctzw: unaryWord('i32.ctz'),
  cpopw: unaryWord('i32.popcnt'),
  min: extreme('i64.lt_s'),
  minu: extreme('i64.lt_u'),
  max: extreme('i64.gt_s'),
  maxu: extreme('i64.gt_u'),
  'sext.b': unary('i64.extend8_s'),
  'sext.h': unary('i64.extend16_s'),
  'zext.h': (t) =>
    t.rd(() => {
      t.rs1();
      t.i64(0xffff);
      t.op('i64.and');
    }),
  rol: register('i64.rotl'),
  ror: register('i64.rotr'),
  rori: withImmediate('i64.rotr'),
  rolw: registerWord('i32.rotl'),
  rorw: registerWord('i32.rotr'),
  roriw: immediateWord('i32.rotr'),
  'orc.b': orCombine,
  rev8: reverseBytes,
  bclr: bit('clear', byRegister),
  bclri: bit('clear', byImmediate),
  bset: bit('set', byRegister),
  bseti: bit('set', byImmediate),
  binv: bit('invert', byRegister),
  binvi: bit('invert', byImmediate),
  bext: bit('extract', byRegister),
  bexti: bit('extract', byImmediate),
};
