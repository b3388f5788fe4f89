// Generates the interpreter: one WebAssembly function, `interpret(pc) -> next pc`, that executes decoded entries until the fuel is
// spent or something needs attention. Its instruction bodies come from `semantics/`.

import { FORMATS, NAMES, NUMBER } from '../instructions.ts';
import type { Format } from '../instructions.ts';
import { F, HALF, HEAT, HEAT_ENTRIES, SINGLES, SLOT_END, WORD, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { SEMANTICS } from '../semantics/index.ts';
import { Target } from '../semantics/target.ts';
import type { Emit, Precision, System } from '../semantics/target.ts';
import type { FunctionBody, FunctionType, Label } from '../wasm/encoder.ts';
import type { Signature } from '../wasm/language.ts';
import { MEMORY } from '../wasm/opcodes.ts';
import type { Memory, ValueType } from '../wasm/opcodes.ts';
import { CROSSING, FIRST, FIRST_PAIR, PAGE_END, PAIRS, REGION, UNDECODED } from './entry.ts';

const FRM = WORD.FFLAGS + 4;
/**
 * A translated region (`translate/`): from pc, and the number of regions that wait for it, to the next pc; bit 0 of that asks to
 * interpret the instruction there. Type 0 of the module.
 */
export const REGION_TYPE: FunctionType = { parameters: ['i64', 'i32'], result: 'i64' };

/** A page number that no pc is in: the next jump fetches. */
const NO_PAGE = 1;

/** Instructions that write rd even when it is x0 (the decoder turns the others into no-ops). */
const WRITES_X0 = /^(?:lr|sc|amo|f|csr)/;

class Interpreter extends Target {
  readonly shared: boolean;
  readonly #layout: Layout;
  readonly #base: number;
  readonly #signatures: ReadonlyMap<string, Signature>;
  readonly #scratch = new Map<string, number>();
  #format: Format = 'none';
  #name = '';

  // Locals
  readonly #entry = this.local('i32');
  /** Address of the entry. */
  readonly #ip = this.local('i32');
  readonly #fuel = this.local('i32');
  readonly #slot = this.local('i32');
  /** Data TLB and fetch TLB of the current mode. */
  readonly #bank = this.local('i32');
  readonly #fetchBank = this.local('i32');
  readonly #at = this.local('i32');
  /** Virtual page of the slot. */
  readonly #page = this.local('i64');
  /** pc = delta + ip / 2 */
  readonly #delta = this.local('i64');
  readonly #target = this.local('i64');
  readonly #va = this.local('i64');
  readonly #host = this.local('i64');
  /** A region begins here that is not to be called: it asked for the interpreter. */
  readonly #skip = this.local('i64');
  /** Not 0: the place that is jumped to is counted. */
  readonly #counts = this.local('i32');

  // Labels, and what goes to them
  /** Next entry at ip. */
  #next: Label = 0;
  /** There is no fuel for the entry at ip. */
  #spent: Label = 0;
  /** ip is the address of an entry outside the page. */
  #leave: Label = 0;
  /** pc is in `target`. */
  #jump: Label = 0;
  /** pc is in `target`; mode, translation or interrupts may have changed. */
  #resume: Label = 0;
  /** An exception is raised by the instruction at ip. */
  #trap: Label = 0;
  #illegal: Label = 0;
  /** Next entry at ip, which is counted. */
  #warm: Label = 0;

  constructor(layout: Layout, hart: number, signatures: ReadonlyMap<string, Signature>) {
    super(1);
    this.#layout = layout;
    this.#base = layout.hart[hart].base;
    this.#signatures = signatures;
    this.shared = layout.harts > 1;
  }

  function(): FunctionBody {
    this.#loadHalf('FUEL');
    this.set(this.#fuel);
    this.get(0);
    this.set(this.#target);
    this.i64(-1);
    this.set(this.#skip);
    this.#modeChanged();
    this.#jump = this.loop();
    this.#resume = this.block();
    this.#fetch();
    this.#trap = this.block();
    this.#illegal = this.block();
    this.#leave = this.block();
    this.#spent = this.block();
    if (this.#layout.translate) this.#count(this.#layout.translate.threshold);
    this.#next = this.loop();
    this.#begin();
    this.#operations();
    this.end();
    if (this.#layout.translate) this.end(); // warm
    this.op('unreachable');

    this.end(); // spent
    this.i32(0);
    this.i32(0);
    this.mem('i32.store', this.#base + HALF.FUEL);
    this.pc();
    this.op('return');

    this.end(); // leave
    this.pc();
    this.set(this.#target);
    this.br(this.#jump);

    this.end(); // illegal
    this.pc();
    this.get(this.#slot);
    this.get(this.#ip);
    this.helper('instruction_bits');
    this.helper('illegal');
    this.set(this.#target);
    this.br(this.#resume);

    this.end(); // trap
    this.pc();
    this.helper('exception');
    this.set(this.#target);

    this.end(); // resume
    this.#modeChanged();
    this.#loadHalf('ATTENTION');
    this.if();
    this.#saveFuel();
    this.get(this.#target);
    this.op('return');
    this.end();
    this.br(this.#jump);
    this.end();
    this.op('unreachable');
    return { parameters: ['i64'], result: 'i64', locals: this.locals, code: this.code.view() };
  }

  // ---- dispatch

  #operations(): void {
    const advance = this.block();
    // Blocks nest, and an operation can go only to ones that follow it: the pairs come first.
    const single = Array.from({ length: FIRST_PAIR }, () => this.block()).reverse();
    const paired = PAIRS.map(() => this.block()).reverse();
    this.get(this.#ip);
    this.mem('i32.load');
    this.tee(this.#entry);
    this.i32(0xff);
    this.op('i32.and');
    const labels = [...single, ...paired];
    this.brTable(labels, labels[labels.length - 1]);
    for (const [first, second] of PAIRS) {
      this.end();
      this.#instruction(NUMBER[first]);
      this.#advance();
      this.#begin();
      this.get(this.#ip);
      this.mem('i32.load');
      this.tee(this.#entry);
      this.i32(0xff);
      this.op('i32.and');
      this.i32(FIRST);
      this.op('i32.ge_u');
      this.brIf(single[NUMBER[second] + FIRST]);
      // not decoded, or a region by now
      this.#notBegun();
      this.br(this.#next);
    }
    for (let operation = 0; operation < FIRST_PAIR; operation++) {
      this.end();
      if (operation < FIRST) this.#pseudoOperation(operation);
      else {
        this.#instruction(operation - FIRST);
        if (this.#format === 'U') {
          this.#advance();
          this.br(this.#next);
        } else this.br(advance);
      }
    }
    this.end(); // advance
    this.#format = 'none';
    this.#advance();
    this.br(this.#next);
  }
  #instruction(number: number): void {
    this.#format = FORMATS[number];
    this.#name = NAMES[number];
    SEMANTICS[number](this);
  }
  /** ip to the entry of the next instruction. */
  #advance(): void {
    this.get(this.#ip);
    if (this.#format === 'U') this.i32(8);
    else {
      this.i32(4);
      this.op('i32.add');
      this.get(this.#entry);
      this.i32(16);
      this.op('i32.shr_u');
      this.i32(4);
      this.op('i32.and');
    }
    this.op('i32.add');
    this.set(this.#ip);
  }
  /** Takes the fuel of one instruction, or leaves when it is spent. */
  #begin(): void {
    this.get(this.#fuel);
    this.i32(1);
    this.op('i32.sub');
    this.tee(this.#fuel);
    this.i32(0);
    this.op('i32.lt_s');
    this.brIf(this.#spent);
  }

  #pseudoOperation(operation: number): void {
    switch (operation) {
      case UNDECODED:
        this.#notBegun();
        this.get(this.#slot);
        this.get(this.#ip);
        this.helper('decode_at');
        this.br(this.#next);
        break;
      case PAGE_END:
        this.#notBegun();
        this.i32(0);
        this.set(this.#counts);
        this.br(this.#leave);
        break;
      case REGION:
        if (this.#layout.translate) this.#region();
        else this.op('unreachable');
        break;
      case CROSSING:
        this.pc();
        this.tee(this.#target);
        this.helper('fetch_single');
        this.tee(this.#at);
        this.i32(0);
        this.op('i32.lt_s');
        this.brIf(this.#trap);
        this.#notBegun();
        this.#single();
        this.br(this.#next);
    }
  }

  /** Opens the loop `warm`: counts the arrival at ip, and tells when it has become hot. */
  #count(threshold: number): void {
    this.#warm = this.loop();
    const cold = this.block();
    this.get(this.#counts);
    this.i32(1);
    this.set(this.#counts);
    this.op('i32.eqz');
    this.brIf(cold);
    this.get(this.#ip);
    this.i32(1);
    this.op('i32.shr_u');
    this.i32((HEAT_ENTRIES - 1) * 2);
    this.op('i32.and');
    this.tee(this.#at);
    this.get(this.#at);
    this.mem('i32.load16_u', this.#base + HEAT);
    this.i32(1);
    this.op('i32.add');
    this.tee(this.#entry);
    this.mem('i32.store16', this.#base + HEAT);
    this.get(this.#entry);
    this.i32(threshold);
    this.op('i32.ne');
    this.brIf(cold);
    this.get(this.#slot);
    this.op('i32.eqz');
    this.brIf(cold);
    this.#saveFuel();
    this.get(this.#slot);
    this.get(this.#ip);
    this.pc();
    this.helper('region_hot');
    this.end();
  }

  /** The entry at ip names a region: calls it, unless it has just asked not to be. */
  #region(): void {
    this.#notBegun();
    this.pc();
    this.tee(this.#target);
    this.get(this.#skip);
    this.op('i64.eq');
    this.if();
    this.i64(-1);
    this.set(this.#skip);
    this.get(this.#target);
    this.helper('fetch_single');
    this.tee(this.#at);
    this.i32(0);
    this.op('i32.lt_s');
    this.brIf(this.#trap);
    this.#single();
    this.br(this.#next);
    this.end();
    this.#saveFuel();
    this.get(this.#target);
    this.i32(0);
    this.get(this.#entry);
    this.i32(8);
    this.op('i32.shr_u');
    this.callIndirect(0);
    this.set(this.#target);
    this.#add('ENTERED', () => this.i64(1));
    this.#add('TRANSLATED', () => {
      this.get(this.#fuel);
      this.#loadHalf('FUEL');
      this.tee(this.#fuel);
      this.op('i32.sub', 'i64.extend_i32_u');
    });
    this.get(this.#target);
    this.op('i32.wrap_i64');
    this.i32(1);
    this.op('i32.and');
    this.if();
    this.get(this.#target);
    this.i64(-2);
    this.op('i64.and');
    this.tee(this.#target);
    this.set(this.#skip);
    this.i32(0);
    this.set(this.#counts);
    this.end();
    this.br(this.#resume);
  }
  /** Gives back the fuel that dispatch took. */
  #notBegun(): void {
    this.get(this.#fuel);
    this.i32(1);
    this.op('i32.add');
    this.set(this.#fuel);
  }

  /** Makes the entry at `at`, of the instruction at `target`, the next one. Its neighbours are page ends. */
  #single(): void {
    this.i32(0);
    this.set(this.#slot);
    this.i64(NO_PAGE);
    this.set(this.#page);
    this.get(this.#at);
    this.set(this.#ip);
    this.get(this.#target);
    this.get(this.#ip);
    this.i32(1);
    this.op('i32.shr_u', 'i64.extend_i32_u', 'i64.sub');
    this.set(this.#delta);
  }

  /** ip from `target`: in the same page, by the fetch TLB, or by translation. */
  #fetch(): void {
    const ready = this.block();
    const inPage = this.block();
    this.get(this.#target);
    this.i64(-4096);
    this.op('i64.and');
    this.get(this.#page);
    this.op('i64.eq');
    this.brIf(inPage);
    this.get(this.#fetchBank);
    this.get(this.#target);
    this.i64(8);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32(0x1ff0);
    this.op('i32.and', 'i32.add');
    this.tee(this.#at);
    this.mem('i64.load');
    this.get(this.#target);
    this.i64(-4096);
    this.op('i64.and', 'i64.eq');
    this.if('i32');
    this.get(this.#at);
    this.mem('i32.load', 8);
    this.else();
    this.get(this.#target);
    this.helper('fetch_page');
    this.end();
    this.tee(this.#slot);
    this.i32(0);
    this.op('i32.le_s');
    this.if();
    {
      this.get(this.#slot);
      this.op('i32.eqz');
      this.if('i32');
      this.get(this.#target);
      this.helper('fetch_single');
      this.else();
      this.i32(-1);
      this.end();
      this.tee(this.#at);
      this.i32(0);
      this.op('i32.lt_s');
      this.if();
      // The instruction that cannot be fetched is begun, and spends fuel; without fuel its fault must wait.
      this.get(this.#fuel);
      this.op('i32.eqz');
      this.if();
      this.#saveFuel();
      this.i32(0);
      this.i32(0);
      this.mem('i32.store', this.#base + HALF.TRAPPED);
      this.get(this.#target);
      this.op('return');
      this.end();
      this.get(this.#fuel);
      this.i32(1);
      this.op('i32.sub');
      this.set(this.#fuel);
      this.get(this.#target);
      this.helper('exception');
      this.set(this.#target);
      this.br(this.#resume);
      this.end();
      this.#single();
      this.br(ready);
    }
    this.end();
    this.get(this.#target);
    this.i64(-4096);
    this.op('i64.and');
    this.tee(this.#page);
    this.get(this.#slot);
    this.i32(1);
    this.op('i32.shr_u', 'i64.extend_i32_u', 'i64.sub');
    this.set(this.#delta);
    this.end();
    this.get(this.#slot);
    this.get(this.#target);
    this.op('i32.wrap_i64');
    this.i32(4094);
    this.op('i32.and');
    this.i32(1);
    this.op('i32.shl', 'i32.add');
    this.set(this.#ip);
    this.end();
  }

  // ---- state

  #loadHalf(name: keyof typeof HALF): void {
    this.i32(0);
    this.mem('i32.load', this.#base + HALF[name]);
  }
  #add(name: keyof typeof WORD, value: Emit): void {
    this.i32(0);
    this.i32(0);
    this.mem('i64.load', this.#base + WORD[name]);
    value();
    this.op('i64.add');
    this.mem('i64.store', this.#base + WORD[name]);
  }
  #saveFuel(): void {
    this.i32(0);
    this.get(this.#fuel);
    this.mem('i32.store', this.#base + HALF.FUEL);
  }
  /** After anything that may have changed mode or translation. */
  #modeChanged(): void {
    this.#loadHalf('BANK');
    this.set(this.#bank);
    this.#loadHalf('FETCH_BANK');
    this.set(this.#fetchBank);
    this.i64(NO_PAGE);
    this.set(this.#page);
  }
  helper(name: string): void {
    const signature = this.#signatures.get(name);
    if (!signature) throw new Error(`no helper function ${name}`);
    this.call(signature.index);
  }
  trapIfRaised(): void {
    this.#loadHalf('TRAPPED');
    this.brIf(this.#trap);
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
    this.get(this.#entry);
    this.i32(shift);
    this.op('i32.shr_u');
    this.i32(0xf8);
    this.op('i32.and');
  }
  #fieldNumber(shift: number, mask: number): void {
    this.get(this.#entry);
    this.i32(shift);
    this.op('i32.shr_u');
    this.i32(mask);
    this.op('i32.and');
  }
  #rs2Field(): void {
    this.#field(this.#format === 'S' || this.#format === 'B' ? 5 : 16);
  }
  rs1(): void {
    this.#field(10);
    this.mem('i64.load', this.#base + X);
  }
  rs2(): void {
    this.#rs2Field();
    this.mem('i64.load', this.#base + X);
  }
  override rs1Low(): void {
    this.#field(10);
    this.mem('i32.load', this.#base + X);
  }
  override rs2Low(): void {
    this.#rs2Field();
    this.mem('i32.load', this.#base + X);
  }
  rd(value: Emit): void {
    if (this.#format === 'U' || this.#format === 'J') {
      this.#fieldNumber(5, 0x78);
      value();
      this.mem('i64.store', this.#base + X + (this.#name.endsWith('.x16') ? 128 : 0));
      return;
    }
    this.#field(5);
    value();
    this.mem('i64.store', this.#base + X);
    if (WRITES_X0.test(this.#name)) {
      this.i32(0);
      this.i64(0);
      this.mem('i64.store', this.#base + X);
    }
  }
  immediate(): void {
    this.immediateLow();
    this.op('i64.extend_i32_s');
  }
  immediateLow(): void {
    this.get(this.#entry);
    if (this.#format === 'U') {
      this.i32(-4096);
      this.op('i32.and');
    } else {
      this.i32(20);
      this.op('i32.shr_s');
    }
  }
  /** Signed: a jump from an entry in SINGLES may lead below address 0. */
  pc(): void {
    this.get(this.#delta);
    this.get(this.#ip);
    this.i32(1);
    this.op('i32.shr_s', 'i64.extend_i32_s', 'i64.add');
  }
  #nextPc(): void {
    this.pc();
    if (this.#format === 'U' || this.#format === 'J') this.i64(this.#format === 'U' || this.#name !== 'j' ? 4 : 2);
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
    this.mem('i32.load', this.#base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.and', 'i32.eqz');
    this.brIf(this.#illegal);
  }
  rounding(): void {
    const mode = this.scratch('rounding', 'i32');
    this.#fieldNumber(24, 7);
    this.tee(mode);
    this.i32(7);
    this.op('i32.eq');
    this.if();
    this.i32(0);
    this.mem('i32.load', this.#base + FRM);
    this.tee(mode);
    this.i32(4);
    this.op('i32.gt_u');
    this.brIf(this.#illegal);
    this.end();
    this.get(mode);
  }
  #float(field: Emit, precision: Precision): void {
    field();
    this.mem('i64.load', this.#base + F);
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
    this.mem('i64.store', this.#base + F);
    this.i32(0);
    this.i32(0);
    this.mem('i32.load', this.#base + WORD.MSTATUS);
    this.i32(0x6000);
    this.op('i32.or');
    this.mem('i32.store', this.#base + WORD.MSTATUS);
  }

  // ---- memory

  /** Pushes 1 (i32) when the access to `va` misses the TLB or is misaligned; else `host` is its address. */
  #miss(log: number, store: boolean): void {
    this.get(this.#va);
    this.get(this.#bank);
    this.get(this.#va);
    this.i64(9);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((this.#layout.tlbEntries - 1) * 8);
    this.op('i32.and', 'i32.add');
    this.mem('i64.load', store ? this.#layout.tlbBytes : 0);
    this.op('i64.xor');
    this.tee(this.#host);
    this.i64(-(1n << BigInt(this.#layout.addressBits)) + (1n << BigInt(log)) - 1n);
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
    this.#saveFuel();
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
    this.#loadHalf('ATTENTION');
    this.if();
    this.i32(0);
    this.#loadHalf('SLICE');
    this.get(this.#fuel);
    this.op('i32.sub');
    this.mem('i32.store', this.#base + HALF.SLICE);
    this.i32(0);
    this.set(this.#fuel);
    this.end();
  }
  store(instruction: Memory, value: Emit): void {
    const log = logOf(instruction);
    this.#address();
    this.#miss(log, true);
    this.if();
    this.#saveFuel();
    this.get(this.#va);
    this.i32(log);
    value();
    this.helper('store');
    this.trapIfRaised();
    // A device may have raised an interrupt.
    this.#loadHalf('ATTENTION');
    this.if();
    this.#nextPc();
    this.set(this.#target);
    this.br(this.#resume);
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
    this.#saveFuel();
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
      this.mem('i64.store', this.#base + WORD[field]);
    } else this.mem('i64.load', this.#base + WORD[field]);
  }

  // ---- control

  /** ip += the immediate, whose field begins at bit `shift` and counts halfwords; goes on there. */
  #relative(shift: number, link = false): void {
    this.get(this.#ip);
    this.get(this.#entry);
    this.i32(shift);
    this.op('i32.shr_s');
    this.i32(2);
    this.op('i32.shl', 'i32.add');
    this.tee(this.#ip);
    this.get(this.#slot);
    this.op('i32.sub');
    this.i32(SLOT_END);
    this.op('i32.lt_u');
    if (this.#layout.translate) {
      // calls and backward jumps are counted: the immediate's sign is the entry's
      this.if();
      if (!link) {
        this.get(this.#entry);
        this.i32(0);
        this.op('i32.ge_s');
        this.brIf(this.#next);
      }
      this.br(this.#warm);
      this.end();
      if (!link) {
        this.get(this.#entry);
        this.i32(0);
        this.op('i32.lt_s');
        this.set(this.#counts);
      }
    } else this.brIf(this.#next);
    this.br(this.#leave);
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
    this.set(this.#target);
    if (link) this.rd(() => this.#nextPc());
    else if (this.#layout.translate) {
      // returns are not counted; targets of others are noted
      this.#field(10);
      this.i32(8);
      this.op('i32.ne');
      this.tee(this.#counts);
      this.if();
      this.get(this.#ip);
      this.get(this.#target);
      this.get(this.#page);
      this.helper('jump_seen');
      this.end();
    }
    this.br(this.#jump);
  }

  // ---- system

  system(instruction: System): void {
    switch (instruction) {
      case 'illegal':
        this.br(this.#illegal);
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
        this.#loadHalf('MODE');
        this.i32(3);
        this.op('i32.ne');
        this.brIf(this.#illegal);
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
    this.set(this.#target);
    this.br(this.#resume);
  }
  #unlessAllowed(helper: string): void {
    this.helper(helper);
    this.op('i32.eqz');
    this.brIf(this.#illegal);
  }
  #csr(instruction: System): void {
    const value = this.scratch('csr', 'i64');
    const immediate = instruction.endsWith('i');
    const operation = instruction.startsWith('csrrw') ? 1 : instruction.startsWith('csrrs') ? 2 : 3;
    this.#saveFuel();
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
    this.#loadHalf('TRAPPED');
    this.brIf(this.#illegal);
    this.rd(() => this.get(value));
    // mstatus may have changed the mode of data accesses
    this.#loadHalf('BANK');
    this.set(this.#bank);
    this.#loadHalf('ATTENTION');
    this.if();
    this.#nextPc();
    this.set(this.#target);
    this.br(this.#resume);
    this.end();
  }
}

function logOf(instruction: Memory): number {
  return MEMORY[instruction][1];
}

/** Calls the functions of `privileged/`, `fetch.ts` and `softfloat/` by their names in `signatures`. */
export function interpreter(layout: Layout, hart: number, signatures: ReadonlyMap<string, Signature>): FunctionBody {
  return new Interpreter(layout, hart, signatures).function();
}

// A single's neighbours must not look like entries of a page at slot 0.
if (SINGLES < SLOT_END) throw new Error('SINGLES lies too low');
