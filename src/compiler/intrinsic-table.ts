// The functions that stand for single instructions, in the words of the compiler; intrinsics.ts declares the same ones for
// programs, with what they do under Node. A test holds the two together.
import type { Mnemonic } from './instructions.ts';

export interface Intrinsic {
  readonly parameters: readonly string[];
  /**
   * `load`, `store`: at the address of the first argument. `r`: two registers. `float`: a floating-point register, by its constant
   * number, and where the table of all of them begins. `system`: no operands.
   */
  readonly kind: 'load' | 'store' | 'r' | 'csr' | 'float' | 'system' | 'special';
  readonly op?: Mnemonic;
  readonly result: boolean;
  /** The first argument is a literal text. */
  readonly text?: boolean;
}

const load = (op: Mnemonic): Intrinsic => ({ parameters: ['address'], kind: 'load', op, result: true });
const store = (op: Mnemonic): Intrinsic => ({ parameters: ['address', 'value'], kind: 'store', op, result: false });
const r = (op: Mnemonic): Intrinsic => ({ parameters: ['a', 'b'], kind: 'r', op, result: true });
const system = (op: Mnemonic): Intrinsic => ({ parameters: [], kind: 'system', op, result: false });
const csr = (op: Mnemonic, result: boolean): Intrinsic => ({
  parameters: result ? ['csr'] : ['csr', 'value'],
  kind: 'csr',
  op,
  result,
});
const special = (parameters: readonly string[], result: boolean, text = false): Intrinsic => ({
  parameters,
  kind: 'special',
  result,
  text,
});

export const INTRINSICS: ReadonlyMap<string, Intrinsic> = new Map(
  Object.entries({
    load8: load('lbu'),
    load32: load('lw'),
    load64: load('ld'),
    store8: store('sb'),
    store32: store('sw'),
    store64: store('sd'),
    add64: r('add'),
    sub64: r('sub'),
    mul64: r('mul'),
    divu64: r('divu'),
    remu64: r('remu'),
    and64: r('and'),
    or64: r('or'),
    xor64: r('xor'),
    /** Unsigned less. */
    below64: r('sltu'),
    /** By the low six bits of an int. */
    shiftLeft64: r('sll'),
    shiftRight64: r('srl'),
    csrRead: csr('csrrs', true),
    csrWrite: csr('csrrw', false),
    csrSet: csr('csrrs', false),
    csrClear: csr('csrrc', false),
    loadFloat: { parameters: ['n', 'at'], kind: 'float', op: 'fld', result: false },
    storeFloat: { parameters: ['n', 'at'], kind: 'float', op: 'fsd', result: false },
    fence: system('fence'),
    fenceInstructions: system('fencei'),
    fenceTranslations: system('sfence'),
    waitForInterrupt: system('wfi'),
    breakpoint: system('ebreak'),
    /** Sign-extended. */
    word: special(['value'], true),
    /** The low 32 bits, as an int; the high ones. */
    low: special(['value'], true),
    high: special(['value'], true),
    pair: special(['high', 'low'], true),
    /** A literal's bytes and a 0. */
    text: special(['literal'], true, true),
    /** Of a function, a stub or a blob of the image. */
    symbol: special(['name'], true, true),
    /** The handle of a port, by its name in the system description: a constant of the image. */
    port: special(['name'], true, true),
    /** Of a table: its cell 0. */
    addressOf: special(['table'], true),
    /** Calls the supervisor: a7 = operation, a0..a2; the result is a0. */
    ecall: special(['operation', 'a0', 'a1', 'a2'], true),
  }),
);

/** What the subset checker reads, so that calls of intrinsics are calls of known functions to it. */
export const PRELUDE = [...INTRINSICS]
  .map(([name, { parameters, result }]) => {
    const typed = parameters.map((p) => `${p}: number`).join(', ');
    return `function ${name}(${typed}): ${result ? 'number' : 'void'} { ${result ? 'return 0; ' : ''}}`;
  })
  .join('\n');
