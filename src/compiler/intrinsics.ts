// What programs for bare RISC-V may do beyond the core's language: single instructions, as functions. The compiler puts the
// instruction in the place of the call (intrinsic-table.ts); here is what they do under Node, where tests run the same
// sources on a platform of their own.
//
// A `Word` is the content of a 64-bit register. Only these functions make one or compute with one, so that ints stay what
// the proof knows: exact 32-bit integers. `===`, `!==` and (signed) `<` of two Words mean the same in both worlds.

declare const brand: unique symbol;
export type Word = bigint & { readonly [brand]: true };

/** What stands for memory, control registers and the supervisor under Node. */
export interface Platform {
  load(address: bigint, bytes: 1 | 4 | 8): bigint;
  store(address: bigint, bytes: 1 | 4 | 8, value: bigint): void;
  readCsr(csr: number): bigint;
  writeCsr(csr: number, value: bigint): void;
  ecall(operation: number, a0: number, a1: number, a2: number): number;
  /** f0 to f31, as bits. */
  readFloat?(n: number): bigint;
  writeFloat?(n: number, bits: bigint): void;
  /** Fences, WFI: the instruction's name. */
  system(instruction: string): void;
  /** Address of a literal text, of a name in the image, of a table. */
  text(literal: string): bigint;
  symbol(name: string): bigint;
  addressOf(table: Int32Array): bigint;
  /** The handle of a port of this partition, by its name in the system description. */
  port(name: string): number;
}

let platform: Platform | undefined;
export function attachPlatform(p: Platform): void {
  platform = p;
}
function here(): Platform {
  if (platform === undefined) throw new Error('no platform is attached: this program runs on bare RISC-V or in a test');
  return platform;
}
const signed = (v: bigint): Word => BigInt.asIntN(64, v) as Word;
const unsigned = (v: bigint): bigint => BigInt.asUintN(64, v);

// ---- memory
export const load8 = (address: Word): number => Number(here().load(unsigned(address), 1) & 0xffn);
export const load32 = (address: Word): number => Number(BigInt.asIntN(32, here().load(unsigned(address), 4)));
export const load64 = (address: Word): Word => signed(here().load(unsigned(address), 8));
/** The low 8 bits of `value`. */
export const store8 = (address: Word, value: number): void =>
  here().store(unsigned(address), 1, BigInt.asUintN(8, BigInt(value)));
export const store32 = (address: Word, value: number): void =>
  here().store(unsigned(address), 4, BigInt.asUintN(32, BigInt(value)));
export const store64 = (address: Word, value: Word): void => here().store(unsigned(address), 8, unsigned(value));

// ---- 64-bit arithmetic, modulo 2^64
export const add64 = (a: Word, b: Word): Word => signed(a + b);
export const sub64 = (a: Word, b: Word): Word => signed(a - b);
export const mul64 = (a: Word, b: Word): Word => signed(a * b);
/** Unsigned; by 0: all ones (Unprivileged ISA, "M" extension, "Division Operations"). */
export const divu64 = (a: Word, b: Word): Word => signed(b === 0n ? -1n : unsigned(a) / unsigned(b));
export const remu64 = (a: Word, b: Word): Word => signed(b === 0n ? a : unsigned(a) % unsigned(b));
export const and64 = (a: Word, b: Word): Word => signed(a & b);
export const or64 = (a: Word, b: Word): Word => signed(a | b);
export const xor64 = (a: Word, b: Word): Word => signed(a ^ b);
/** Unsigned less. */
export const below64 = (a: Word, b: Word): boolean => unsigned(a) < unsigned(b);
/** By the low six bits of `count`. */
export const shiftLeft64 = (a: Word, count: number): Word => signed(a << BigInt(count & 63));
/** Zeros come in. */
export const shiftRight64 = (a: Word, count: number): Word => signed(unsigned(a) >> BigInt(count & 63));
/** Sign-extended. */
export const word = (value: number): Word => BigInt(value) as Word;
/** The low 32 bits. */
export const low = (value: Word): number => Number(BigInt.asIntN(32, value));
export const high = (value: Word): number => Number(BigInt.asIntN(32, value >> 32n));
export const pair = (high: number, low: number): Word =>
  signed((BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low)));

// ---- control registers (Privileged ISA, chapter 2): the number is a constant
export const csrRead = (csr: number): Word => signed(here().readCsr(csr));
export const csrWrite = (csr: number, value: Word): void => here().writeCsr(csr, unsigned(value));
export const csrSet = (csr: number, value: Word): void =>
  here().writeCsr(csr, unsigned(here().readCsr(csr)) | unsigned(value));
export const csrClear = (csr: number, value: Word): void =>
  here().writeCsr(csr, unsigned(here().readCsr(csr)) & ~unsigned(value));

// ---- floating-point registers: the number is a constant, and register n lies 8 n bytes behind `at`
export const loadFloat = (n: number, at: Word): void =>
  here().writeFloat?.(n, here().load(unsigned(at) + BigInt(8 * n), 8));
export const storeFloat = (n: number, at: Word): void =>
  here().store(unsigned(at) + BigInt(8 * n), 8, here().readFloat?.(n) ?? 0n);

// ---- system
export const fence = (): void => here().system('fence');
export const fenceInstructions = (): void => here().system('fence.i');
export const fenceTranslations = (): void => here().system('sfence.vma');
export const waitForInterrupt = (): void => here().system('wfi');
export const breakpoint = (): void => here().system('ebreak');
/** a7 = operation; the supervisor's a0. */
export const ecall = (operation: number, a0: number, a1: number, a2: number): number =>
  here().ecall(operation, a0, a1, a2);

// ---- places
/** Of a literal text, followed by a zero byte. */
export const text = (literal: string): Word => signed(here().text(literal));
/** Of a function, a stub or a blob of the image. */
export const symbol = (name: string): Word => signed(here().symbol(name));
/** The handle of a port of this partition. The image builder refuses a name that the partition has no port of. */
export const port = (name: string): number => here().port(name);
/** Of cell 0 of a table. */
export const addressOf = (table: Int32Array): Word => signed(here().addressOf(table));
