// Every instruction that the engine knows, by format, and a number for each. RV64IMAFDC, Zicsr, Zifencei, Zba, Zbb, Zbs,
// and privileged instructions. Compressed instructions are decoded to these.

/** What the device tree says (`riscv,isa-extensions`). */
export const ISA = [
  'i',
  'm',
  'a',
  'f',
  'd',
  'c',
  'zicntr',
  'zicsr',
  'zifencei',
  'zihintpause',
  'zihpm',
  'zba',
  'zbb',
  'zbs',
  'sstc',
] as const;

/** Which fields an instruction has; the immediate's scale and place follow from it too. */
export type Format = 'R' | 'R4' | 'I' | 'S' | 'B' | 'U' | 'J' | 'CSR' | 'none';

const BY_FORMAT = {
  R: [
    'add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw',
    'mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw',
    'sh1add sh2add sh3add add.uw sh1add.uw sh2add.uw sh3add.uw andn orn xnor min minu max maxu rol ror rolw rorw',
    'bclr bext binv bset',
    'lr.w sc.w amoswap.w amoadd.w amoxor.w amoand.w amoor.w amomin.w amomax.w amominu.w amomaxu.w',
    'lr.d sc.d amoswap.d amoadd.d amoxor.d amoand.d amoor.d amomin.d amomax.d amominu.d amomaxu.d',
    'fadd.s fsub.s fmul.s fdiv.s fsqrt.s fsgnj.s fsgnjn.s fsgnjx.s fmin.s fmax.s fle.s flt.s feq.s',
    'fcvt.w.s fcvt.wu.s fcvt.l.s fcvt.lu.s fcvt.s.w fcvt.s.wu fcvt.s.l fcvt.s.lu fmv.x.w fmv.w.x fclass.s fcvt.s.d',
    'fadd.d fsub.d fmul.d fdiv.d fsqrt.d fsgnj.d fsgnjn.d fsgnjx.d fmin.d fmax.d fle.d flt.d feq.d',
    'fcvt.w.d fcvt.wu.d fcvt.l.d fcvt.lu.d fcvt.d.w fcvt.d.wu fcvt.d.l fcvt.d.lu fmv.x.d fmv.d.x fclass.d fcvt.d.s',
    'sfence.vma',
  ],
  R4: ['fmadd.s fmsub.s fnmsub.s fnmadd.s fmadd.d fmsub.d fnmsub.d fnmadd.d'],
  I: [
    'addi slti sltiu xori ori andi slli srli srai addiw slliw srliw sraiw slli.uw rori roriw',
    'clz ctz cpop clzw ctzw cpopw sext.b sext.h zext.h rev8 orc.b bclri bexti binvi bseti c.lui',
    'lb lh lw ld lbu lhu lwu lb.x0 lh.x0 lw.x0 ld.x0 lbu.x0 lhu.x0 lwu.x0 flw fld jalr jr',
  ],
  S: ['sb sh sw sd fsw fsd'],
  B: ['beq bne blt bge bltu bgeu'],
  /** Those that end in `.x16` have rd x16..x31: four bits are left for it beside the immediate. */
  U: ['lui auipc lui.x16 auipc.x16'],
  J: ['j jal jal.x16'],
  CSR: ['csrrw csrrs csrrc csrrwi csrrsi csrrci'],
  none: ['nop fence pause fence.i ecall ebreak mret sret wfi illegal'],
} as const;

type Split<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Split<Rest> : Text;
export type Name = Split<(typeof BY_FORMAT)[keyof typeof BY_FORMAT][number]>;

const LIST = Object.entries(BY_FORMAT).flatMap(([format, rows]) =>
  rows
    .join(' ')
    .split(' ')
    .map((name) => ({ name: name as Name, format: format as Format })),
);
export const NAMES: readonly Name[] = LIST.map(({ name }) => name);
export const FORMATS: readonly Format[] = LIST.map(({ format }) => format);
/** Number of an instruction: its index in NAMES. */
export const NUMBER = Object.fromEntries(NAMES.map((name, number) => [name, number])) as Readonly<Record<Name, number>>;
