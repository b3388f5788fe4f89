// The interpreter's `Target`: operands come from the decoded entry, registers and TLBs from memory, and control goes to the next
// entry or to one of the labels around it.

import type { Format } from '../instructions.ts';
import { F, HALF, SINGLES, SLOT_END, WORD, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { Target } from '../semantics/target.ts';
import type { Emit, Precision, System } from '../semantics/target.ts';
import type { Label } from '../wasm/encoder.ts';
import type { Signature } from '../wasm/language.ts';
import { MEMORY } from '../wasm/opcodes.ts';
import type { Memory, ValueType } from '../wasm/opcodes.ts';

const FRM = WORD.FFLAGS + 4;

/**
 * In place of the decoded page, for an instruction in SINGLES: so far below every entry that none is within it. (0 is not: a jump
 * from SINGLES by some 70 KB backwards leads to entry addresses between 0 and SLOT_END.)
 */
export const NO_SLOT = -0x4000_0000;
/** A page number that no pc is in: the next jump fetches. */
export const NO_PAGE = 1;

/** Instructions that write rd even when it is x0 (the decoder turns the others into no-ops). */
const WRITES_X0 = /^(?:lr|sc|amo|f|csr)/;

interface Labels {
  /** Next entry at ip. */
  next: Label;
  /** Next entry at ip, which is counted. */
  warm: Label;
  /** There is no fuel for the entry at ip. */
  spent: Label;
  /** ip is the address of an entry outside the page. */
  leave: Label;
  /** pc is in `target`. */
  jump: Label;
  /** pc is in `target`; mode, translation or interrupts may have changed. */
  resume: Label;
  /** An exception is raised by the instruction at ip. */
  trap: Label;
  /** The instruction at ip is illegal. */
  illegal: Label;
}

export abstract class EntryTarget extends Target {
  readonly shared: boolean;
  protected readonly layout: Layout;
  protected readonly base: number;
  readonly #signatures: ReadonlyMap<string, Signature>;
  readonly #scratch = new Map<string, number>();
  /** Of the instruction that is emitted. */
  protected format: Format = 'none';
  protected instructionName = '';
  protected readonly labels: Labels = { next: 0, warm: 0, spent: 0, leave: 0, jump: 0, resume: 0, trap: 0, illegal: 0 };

  // Locals
  protected readonly entry = this.local('i32');
  /** Address of the entry. */
  protected readonly ip = this.local('i32');
  protected readonly fuel = this.local('i32');
  protected readonly slot = this.local('i32');
  /** Data TLB and fetch TLB of the current mode. */
  readonly #bank = this.local('i32');
  protected readonly fetchBank = this.local('i32');
  /** Not 0: the place that is jumped to is counted. */
  protected readonly counts = this.local('i32');
  /** Virtual page of the slot. */
  protected readonly page = this.local('i64');
  /** pc = delta + ip / 2 */
  protected readonly delta = this.local('i64');
  protected readonly target = this.local('i64');
  readonly #va = this.local('i64');
  readonly #host = this.local('i64');

  constructor(layout: Layout, hart: number, signatures: ReadonlyMap<string, Signature>) {
    super(1);
    this.layout = layout;
    this.base = layout.hart[hart].base;
    this.#signatures = signatures;
    this.shared = layout.harts > 1;
  }

  // ---- state

  protected loadHalf(name: keyof typeof HALF): void {
    this.i32(0);
    this.mem('i32.load', this.base + HALF[name]);
  }
  protected saveFuel(): void {
    this.i32(0);
    this.get(this.fuel);
    this.mem('i32.store', this.base + HALF.FUEL);
  }
  /** After anything that may have changed mode or translation. */
  protected modeChanged(): void {
    this.loadHalf('BANK');
    this.set(this.#bank);
    this.loadHalf('FETCH_BANK');
    this.set(this.fetchBank);
    this.i64(NO_PAGE);
    this.set(this.page);
  }
  helper(name: string): void {
    const signature = this.#signatures.get(name);
    if (!signature) throw new Error(`no helper function ${name}`);
    this.call(signature.index);
  }
  trapIfRaised(): void {
    this.loadHalf('TRAPPED');
    this.brIf(this.labels.trap);
  }
  scratch(name: string, type: ValueType): number {
    const known = this.#scratch.get(name);
    if (known !== undefined) return known;
    const index = this.local(type);
    this.#scratch.set(name, index);
    return index;
  }

  // ---- operands

  /** A register field as byte offset: its lowest bit is 3 above `shift`. */
  #field(shift: number): void {
    this.get(this.entry);
    this.i32(shift);
    this.op('i32.shr_u');
    this.i32(0xf8);
    this.op('i32.and');
  }
  #fieldNumber(shift: number, mask: number): void {
    this.get(this.entry);
    this.i32(shift);
    this.op('i32.shr_u');
    this.i32(mask);
    this.op('i32.and');
  }
  #rs2Field(): void {
    this.#field(this.format === 'S' || this.format === 'B' ? 5 : 16);
  }
  rs1(): void {
    this.#field(10);
    this.mem('i64.load', this.base + X);
  }
  rs2(): void {
    this.#rs2Field();
    this.mem('i64.load', this.base + X);
  }
  override rs1Low(): void {
    this.#field(10);
    this.mem('i32.load', this.base + X);
  }
  override rs2Low(): void {
    this.#rs2Field();
    this.mem('i32.load', this.base + X);
  }
  rd(value: Emit): void {
    if (this.format === 'U' || this.format === 'J') {
      this.#fieldNumber(5, 0x78);
      value();
      this.mem('i64.store', this.base + X + (this.instructionName.endsWith('.x16') ? 128 : 0));
      return;
    }
    this.#field(5);
    value();
    this.mem('i64.store', this.base + X);
    if (WRITES_X0.test(this.instructionName)) {
      this.i32(0);
      this.i64(0);
      this.mem('i64.store', this.base + X);
    }
  }
  immediate(): void {
    this.immediateLow();
    this.op('i64.extend_i32_s');
  }
  immediateLow(): void {
    this.get(this.entry);
    if (this.format === 'U') {
      this.i32(-4096);
      this.op('i32.and');
    } else {
      this.i32(20);
      this.op('i32.shr_s');
    }
  }
  /** Signed: a jump from an entry in SINGLES may lead below address 0. */
  pc(): void {
    this.get(this.delta);
    this.get(this.ip);
    this.i32(1);
    this.op('i32.shr_s', 'i64.extend_i32_s', 'i64.add');
  }
  #nextPc(): void {
    this.pc();
    if (this.format === 'U' || this.format === 'J')
      this.i64(this.format === 'U' || this.instructionName !== 'j' ? 4 : 2);
    else {
      this.#fieldNumber(17, 2);
      this.i32(2);
      this.op('i32.add', 'i64.extend_i32_u');
    }
    this.op('i64.add');
  }

  // ---- floating point

  floatEnabled(): void {
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and', 'i32.eqz');
    this.brIf(this.labels.illegal);
  }
  rounding(): void {
    const mode = this.scratch('rounding', 'i32');
    this.#fieldNumber(24, 7);
    this.tee(mode);
    this.i32(7);
    this.op('i32.eq');
    this.if();
    this.i32(0);
    this.mem('i32.load', this.base + FRM);
    this.tee(mode);
    this.i32(4);
    this.op('i32.gt_u');
    this.brIf(this.labels.illegal);
    this.end();
    this.get(mode);
  }
  #float(field: Emit, precision: Precision): void {
    field();
    this.mem('i64.load', this.base + F);
    if (precision === 'd') return;
    // A narrower value that is not boxed reads as the canonical NaN (Unprivileged ISA, "D", 21.2).
    const value = this.scratch('single', 'i64');
    this.set(value);
    this.get(value);
    this.i64(0xffffffff);
    this.op('i64.and');
    this.i64(0x7fc00000);
    this.get(value);
    this.i64(-0x100000000n);
    this.op('i64.ge_u', 'select');
  }
  fs1(precision: Precision): void {
    this.#float(() => this.#field(10), precision);
  }
  fs2(precision: Precision): void {
    this.#float(() => this.#rs2Field(), precision);
  }
  fs3(precision: Precision): void {
    this.#float(() => this.#field(24), precision);
  }
  fd(precision: Precision, value: Emit): void {
    this.#field(5);
    value();
    if (precision === 's') {
      this.i64(-0x100000000n);
      this.op('i64.or');
    }
    this.mem('i64.store', this.base + F);
    this.i32(0);
    this.i32(0);
    this.mem('i32.load', this.base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.or');
    this.mem('i32.store', this.base + WORD.MSTATUS);
  }

  // ---- memory

  /** Pushes 1 (i32) when the access to `va` misses the TLB or is misaligned; else `host` is its address. */
  #miss(log: number, store: boolean): void {
    this.get(this.#va);
    this.get(this.#bank);
    this.get(this.#va);
    this.i64(9);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((this.layout.tlbEntries - 1) * 8);
    this.op('i32.and', 'i32.add');
    this.mem('i64.load', store ? this.layout.tlbBytes : 0);
    this.op('i64.xor');
    this.tee(this.#host);
    this.i64(-(1n << BigInt(this.layout.addressBits)) + (1n << BigInt(log)) - 1n);
    this.op('i64.and');
    this.i64(0);
    this.op('i64.ne');
  }
  #address(): void {
    this.rs1();
    this.immediate();
    this.op('i64.add');
    this.set(this.#va);
  }
  load(instruction: Memory): void {
    const log = logOf(instruction);
    const value = this.scratch('loaded', 'i64');
    this.#address();
    this.#miss(log, false);
    this.if('i64');
    this.saveFuel();
    this.get(this.#va);
    this.i32(log);
    this.helper('load');
    this.set(value);
    this.trapIfRaised();
    this.#stopAfterThis();
    this.get(value);
    if (instruction === 'i64.load8_s') this.op('i64.extend8_s');
    if (instruction === 'i64.load16_s') this.op('i64.extend16_s');
    if (instruction === 'i64.load32_s') this.op('i64.extend32_s');
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    this.mem(instruction);
    this.end();
  }
  /** If something needs attention: takes back the fuel that is left, so that the slice ends with this instruction. */
  #stopAfterThis(): void {
    this.loadHalf('ATTENTION');
    this.if();
    this.i32(0);
    this.loadHalf('SLICE');
    this.get(this.fuel);
    this.op('i32.sub');
    this.mem('i32.store', this.base + HALF.SLICE);
    this.i32(0);
    this.set(this.fuel);
    this.end();
  }
  store(instruction: Memory, value: Emit): void {
    const log = logOf(instruction);
    this.#address();
    this.#miss(log, true);
    this.if();
    this.saveFuel();
    this.get(this.#va);
    this.i32(log);
    value();
    this.helper('store');
    this.trapIfRaised();
    // A device may have raised an interrupt.
    this.loadHalf('ATTENTION');
    this.if();
    this.#nextPc();
    this.set(this.target);
    this.br(this.labels.resume);
    this.end();
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    value();
    this.mem(instruction);
    this.end();
  }
  atomicAddress(log: 2 | 3, access: 'load' | 'store'): number {
    const host = this.scratch('host', 'i32');
    this.rs1();
    this.set(this.#va);
    this.#miss(log, access === 'store');
    this.if();
    this.saveFuel();
    this.get(this.#va);
    this.i32(log);
    this.i32(access === 'store' ? 1 : 0);
    this.helper('atomic_address');
    this.set(host);
    this.trapIfRaised();
    // its page may have lost its decoded page, which may be the running one
    this.#stopAfterThis();
    this.else();
    this.get(this.#host);
    this.op('i32.wrap_i64');
    this.set(host);
    this.end();
    return host;
  }
  reservation(field: 'RESERVATION' | 'RESERVED_VALUE', write?: Emit): void {
    this.i32(0);
    if (write) {
      write();
      this.mem('i64.store', this.base + WORD[field]);
    } else this.mem('i64.load', this.base + WORD[field]);
  }

  // ---- control

  /** ip += the immediate, whose field begins at bit `shift` and counts halfwords; goes on there. */
  #relative(shift: number, link = false): void {
    this.get(this.ip);
    this.get(this.entry);
    this.i32(shift);
    this.op('i32.shr_s');
    this.i32(2);
    this.op('i32.shl', 'i32.add');
    this.tee(this.ip);
    this.get(this.slot);
    this.op('i32.sub');
    this.i32(SLOT_END);
    this.op('i32.lt_u');
    if (this.layout.threshold > 0) {
      // calls and backward jumps are counted: the immediate's sign is the entry's
      this.if();
      if (!link) {
        this.get(this.entry);
        this.i32(0);
        this.op('i32.ge_s');
        this.brIf(this.labels.next);
      }
      this.br(this.labels.warm);
      this.end();
      if (!link) {
        this.get(this.entry);
        this.i32(0);
        this.op('i32.lt_s');
        this.set(this.counts);
      }
    } else this.brIf(this.labels.next);
    this.br(this.labels.leave);
  }
  branch(condition: Emit): void {
    condition();
    this.if();
    this.#relative(20);
    this.end();
  }
  jump(link: boolean): void {
    if (link) this.rd(() => this.#nextPc());
    this.#relative(12, link);
  }
  jumpRegister(link: boolean): void {
    this.rs1();
    this.immediate();
    this.op('i64.add');
    this.i64(-2);
    this.op('i64.and');
    this.set(this.target);
    if (link) this.rd(() => this.#nextPc());
    else if (this.layout.threshold > 0) {
      // returns are not counted; targets of others are noted
      this.#field(10);
      this.i32(8);
      this.op('i32.ne');
      this.tee(this.counts);
      this.if();
      this.get(this.ip);
      this.get(this.target);
      this.get(this.page);
      this.helper('jump_seen');
      this.end();
    }
    this.br(this.labels.jump);
  }

  // ---- system

  system(instruction: System): void {
    switch (instruction) {
      case 'illegal':
        this.br(this.labels.illegal);
        return;
      case 'ecall':
        this.pc();
        this.helper('ecall');
        break;
      case 'ebreak':
        this.pc();
        this.helper('ebreak');
        break;
      case 'fence.i':
        this.helper('fence_i');
        this.#nextPc();
        break;
      case 'mret':
        this.loadHalf('MODE');
        this.i32(3);
        this.op('i32.ne');
        this.brIf(this.labels.illegal);
        this.helper('mret');
        break;
      case 'sret':
        this.#unlessAllowed('may_sret');
        this.helper('sret');
        break;
      case 'wfi':
        this.#unlessAllowed('may_wfi');
        this.helper('wfi');
        this.#nextPc();
        break;
      case 'sfence.vma':
        this.#unlessAllowed('may_sfence');
        this.rs1();
        this.#field(10);
        this.op('i32.eqz');
        this.#rs2Field();
        this.op('i32.eqz');
        this.helper('sfence_vma');
        this.#nextPc();
        break;
      case 'csrrw':
      case 'csrrs':
      case 'csrrc':
      case 'csrrwi':
      case 'csrrsi':
      case 'csrrci':
        this.#csr(instruction);
        return;
    }
    this.set(this.target);
    this.br(this.labels.resume);
  }
  #unlessAllowed(helper: string): void {
    this.helper(helper);
    this.op('i32.eqz');
    this.brIf(this.labels.illegal);
  }
  #csr(instruction: System): void {
    const value = this.scratch('csr', 'i64');
    const immediate = instruction.endsWith('i');
    const operation = instruction.startsWith('csrrw') ? 1 : instruction.startsWith('csrrs') ? 2 : 3;
    this.saveFuel();
    this.#fieldNumber(20, 0xfff);
    this.i32(operation);
    if (immediate) {
      this.#fieldNumber(13, 31);
      this.op('i64.extend_i32_u');
    } else this.rs1();
    if (operation === 1) this.i32(1);
    else {
      this.#field(10);
      this.i32(0);
      this.op('i32.ne');
    }
    this.helper('csr');
    this.set(value);
    this.loadHalf('TRAPPED');
    this.brIf(this.labels.illegal);
    this.rd(() => this.get(value));
    // mstatus may have changed the mode of data accesses
    this.loadHalf('BANK');
    this.set(this.#bank);
    this.loadHalf('ATTENTION');
    this.if();
    this.#nextPc();
    this.set(this.target);
    this.br(this.labels.resume);
    this.end();
  }
}

function logOf(instruction: Memory): number {
  return MEMORY[instruction][1];
}

// A single's neighbours must not look like entries of a page at slot 0.
if (SINGLES < SLOT_END) throw new Error('SINGLES lies too low');
