// Generates the interpreter: one WebAssembly function, `interpret(pc) -> next pc`, that executes decoded entries until the fuel is
// spent or something needs attention. Its instruction bodies come from `semantics/`, by way of `operands.ts`.

import { FORMATS, NAMES, NUMBER } from '../instructions.ts';
import { FETCH_ENTRIES, HALF, HEAT, HEAT_ENTRIES, WORD, X } from '../layout.ts';
import type { Layout } from '../layout.ts';
import { SEMANTICS } from '../semantics/index.ts';
import type { Emit } from '../semantics/target.ts';
import type { FunctionBody, FunctionType } from '../wasm/encoder.ts';
import type { Signature } from '../wasm/language.ts';
import { CROSSING, FIRST, FIRST_PAIR, PAGE_END, PAIRS, REGION, UNDECODED } from './entry.ts';
import { EntryTarget, NO_PAGE, NO_SLOT } from './operands.ts';

/**
 * A translated region (`translate/`): from pc, the number of regions that wait for it, fuel, and what memory holds as x2 and x10, to the
 * next pc and fuel; bit 0 of the pc asks to interpret the instruction there. Type 0 of the module.
 */
export const REGION_TYPE: FunctionType = {
  parameters: ['i64', 'i32', 'i32', 'i64', 'i64'],
  result: 'i64',
  more: ['i32'],
};

/** Lower thresholds are for tests: places are offered once, exactly then. Else they are offered again and again. */
export const LEAST_OFFERED = 100;
/** A place is offered to the translator each time that it has been arrived at so often. */
export const offerStep = (threshold: number): number => (threshold < LEAST_OFFERED ? threshold : threshold >> 2);

class Interpreter extends EntryTarget {
  readonly #at = this.local('i32');
  readonly #before = this.local('i32');
  /** A region begins here that is not to be called: it asked for the interpreter. */
  readonly #skip = this.local('i64');

  function(): FunctionBody {
    this.loadHalf('FUEL');
    this.set(this.fuel);
    this.get(0);
    this.set(this.target);
    this.i64(-1);
    this.set(this.#skip);
    this.modeChanged();
    this.labels.jump = this.loop();
    this.labels.resume = this.block();
    this.#fetch();
    this.labels.trap = this.block();
    this.labels.illegal = this.block();
    this.labels.leave = this.block();
    this.labels.spent = this.block();
    if (this.layout.threshold > 0) this.#count(this.layout.threshold);
    this.labels.next = this.loop();
    this.#begin();
    this.#operations();
    this.end();
    if (this.layout.threshold > 0) this.end(); // warm
    this.op('unreachable');

    this.end(); // spent
    this.i32(0);
    this.i32(0);
    this.mem('i32.store', this.base + HALF.FUEL);
    this.pc();
    this.op('return');

    this.end(); // leave
    this.pc();
    this.set(this.target);
    this.br(this.labels.jump);

    this.end(); // illegal
    this.pc();
    this.get(this.slot);
    this.get(this.ip);
    this.helper('instruction_bits');
    this.helper('illegal');
    this.set(this.target);
    this.br(this.labels.resume);

    this.end(); // trap
    this.pc();
    this.helper('exception');
    this.set(this.target);

    this.end(); // resume
    this.modeChanged();
    this.loadHalf('ATTENTION');
    this.if();
    this.saveFuel();
    this.get(this.target);
    this.op('return');
    this.end();
    this.br(this.labels.jump);
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
    this.get(this.ip);
    this.mem('i32.load');
    this.tee(this.entry);
    this.i32(0xff);
    this.op('i32.and');
    const labels = [...single, ...paired];
    this.brTable(labels, labels[labels.length - 1]);
    for (const [first, second] of PAIRS) {
      this.end();
      this.#instruction(NUMBER[first]);
      this.#advance();
      this.#begin();
      this.get(this.ip);
      this.mem('i32.load');
      this.tee(this.entry);
      this.i32(0xff);
      this.op('i32.and');
      this.i32(FIRST);
      this.op('i32.ge_u');
      this.brIf(single[NUMBER[second] + FIRST]);
      // not decoded, or a region by now
      this.#notBegun();
      this.br(this.labels.next);
    }
    for (let operation = 0; operation < FIRST_PAIR; operation++) {
      this.end();
      if (operation < FIRST) this.#pseudoOperation(operation);
      else {
        this.#instruction(operation - FIRST);
        if (this.format === 'U') {
          this.#advance();
          this.br(this.labels.next);
        } else this.br(advance);
      }
    }
    this.end(); // advance
    this.format = 'none';
    this.#advance();
    this.br(this.labels.next);
  }
  #instruction(number: number): void {
    this.format = FORMATS[number];
    this.instructionName = NAMES[number];
    SEMANTICS[number](this);
  }
  /** ip to the entry of the next instruction. */
  #advance(): void {
    this.get(this.ip);
    if (this.format === 'U') this.i32(8);
    else {
      this.i32(4);
      this.op('i32.add');
      this.get(this.entry);
      this.i32(16);
      this.op('i32.shr_u');
      this.i32(4);
      this.op('i32.and');
    }
    this.op('i32.add');
    this.set(this.ip);
  }
  /** Takes the fuel of one instruction, or leaves when it is spent. */
  #begin(): void {
    this.get(this.fuel);
    this.i32(1);
    this.op('i32.sub');
    this.tee(this.fuel);
    this.i32(0);
    this.op('i32.lt_s');
    this.brIf(this.labels.spent);
  }

  #pseudoOperation(operation: number): void {
    switch (operation) {
      case UNDECODED:
        this.#notBegun();
        this.get(this.slot);
        this.get(this.ip);
        this.helper('decode_at');
        this.br(this.labels.next);
        break;
      case PAGE_END:
        this.#notBegun();
        this.i32(0);
        this.set(this.counts);
        this.br(this.labels.leave);
        break;
      case REGION:
        if (this.layout.threshold > 0) this.#region();
        else this.op('unreachable');
        break;
      case CROSSING:
        this.pc();
        this.tee(this.target);
        this.helper('fetch_single');
        this.tee(this.#at);
        this.i32(0);
        this.op('i32.lt_s');
        this.brIf(this.labels.trap);
        this.#notBegun();
        this.#single();
        this.br(this.labels.next);
    }
  }

  /** Opens the loop `warm`: counts the arrival at ip, and tells when it has become hot. */
  #count(threshold: number): void {
    this.labels.warm = this.loop();
    const cold = this.block();
    this.get(this.counts);
    this.i32(1);
    this.set(this.counts);
    this.op('i32.eqz');
    this.brIf(cold);
    this.get(this.ip);
    this.i32(1);
    this.op('i32.shr_u');
    this.i32((HEAT_ENTRIES - 1) * 2);
    this.op('i32.and');
    this.tee(this.#at);
    this.get(this.#at);
    this.mem('i32.load16_u', this.base + HEAT);
    this.i32(1);
    this.op('i32.add');
    this.tee(this.entry);
    this.mem('i32.store16', this.base + HEAT);
    this.get(this.entry);
    this.i32(offerStep(threshold));
    if (threshold < LEAST_OFFERED) this.op('i32.ne');
    else this.op('i32.rem_u');
    this.brIf(cold);
    this.get(this.slot);
    this.i32(NO_SLOT);
    this.op('i32.eq');
    this.brIf(cold);
    this.saveFuel();
    this.get(this.slot);
    this.get(this.ip);
    this.pc();
    this.helper('region_hot');
    this.end();
  }

  /** The entry at ip names a region: calls it, unless it has just asked not to be. */
  #region(): void {
    this.#notBegun();
    this.pc();
    this.tee(this.target);
    this.get(this.#skip);
    this.op('i64.eq');
    this.if();
    this.i64(-1);
    this.set(this.#skip);
    this.get(this.target);
    this.helper('fetch_single');
    this.tee(this.#at);
    this.i32(0);
    this.op('i32.lt_s');
    this.brIf(this.labels.trap);
    this.#single();
    this.br(this.labels.next);
    this.end();
    this.get(this.target);
    this.i32(0);
    this.get(this.fuel);
    this.tee(this.#before);
    for (const register of [2, 10]) {
      this.i32(0);
      this.mem('i64.load', this.base + X + register * 8);
    }
    this.get(this.entry);
    this.i32(8);
    this.op('i32.shr_u');
    this.callIndirect(0);
    this.set(this.fuel);
    this.set(this.target);
    this.#add('ENTERED', () => this.i64(1));
    this.#add('TRANSLATED', () => {
      this.get(this.#before);
      this.get(this.fuel);
      this.op('i32.sub', 'i64.extend_i32_u');
    });
    this.get(this.target);
    this.op('i32.wrap_i64');
    this.i32(1);
    this.op('i32.and');
    this.if();
    this.get(this.target);
    this.i64(-2);
    this.op('i64.and');
    this.tee(this.target);
    this.set(this.#skip);
    this.i32(0);
    this.set(this.counts);
    this.end();
    this.br(this.labels.resume);
  }
  /** Gives back the fuel that dispatch took. */
  #notBegun(): void {
    this.get(this.fuel);
    this.i32(1);
    this.op('i32.add');
    this.set(this.fuel);
  }

  /** Makes the entry at `at`, of the instruction at `target`, the next one. Its neighbours are page ends. */
  #single(): void {
    this.i32(NO_SLOT);
    this.set(this.slot);
    this.i64(NO_PAGE);
    this.set(this.page);
    this.get(this.#at);
    this.set(this.ip);
    this.get(this.target);
    this.get(this.ip);
    this.i32(1);
    this.op('i32.shr_u', 'i64.extend_i32_u', 'i64.sub');
    this.set(this.delta);
  }

  /** ip from `target`: in the same page, by the fetch TLB, or by translation. */
  #fetch(): void {
    const ready = this.block();
    const inPage = this.block();
    this.get(this.target);
    this.i64(-4096);
    this.op('i64.and');
    this.get(this.page);
    this.op('i64.eq');
    this.brIf(inPage);
    this.get(this.fetchBank);
    this.get(this.target);
    this.i64(8);
    this.op('i64.shr_u', 'i32.wrap_i64');
    this.i32((FETCH_ENTRIES - 1) << 4);
    this.op('i32.and', 'i32.add');
    this.tee(this.#at);
    this.mem('i64.load');
    this.get(this.target);
    this.i64(-4096);
    this.op('i64.and', 'i64.eq');
    this.if('i32');
    this.get(this.#at);
    this.mem('i32.load', 8);
    this.else();
    this.get(this.target);
    this.helper('fetch_page');
    this.end();
    this.tee(this.slot);
    this.i32(0);
    this.op('i32.le_s');
    this.if();
    {
      this.get(this.slot);
      this.op('i32.eqz');
      this.if('i32');
      this.get(this.target);
      this.helper('fetch_single');
      this.else();
      this.i32(-1);
      this.end();
      this.tee(this.#at);
      this.i32(0);
      this.op('i32.lt_s');
      this.if();
      // The instruction that cannot be fetched is begun, and spends fuel; without fuel its fault must wait.
      this.get(this.fuel);
      this.op('i32.eqz');
      this.if();
      this.saveFuel();
      this.i32(0);
      this.i32(0);
      this.mem('i32.store', this.base + HALF.TRAPPED);
      this.get(this.target);
      this.op('return');
      this.end();
      this.get(this.fuel);
      this.i32(1);
      this.op('i32.sub');
      this.set(this.fuel);
      this.get(this.target);
      this.helper('exception');
      this.set(this.target);
      this.br(this.labels.resume);
      this.end();
      this.#single();
      this.br(ready);
    }
    this.end();
    this.get(this.target);
    this.i64(-4096);
    this.op('i64.and');
    this.tee(this.page);
    this.get(this.slot);
    this.i32(1);
    this.op('i32.shr_u', 'i64.extend_i32_u', 'i64.sub');
    this.set(this.delta);
    this.end();
    this.get(this.slot);
    this.get(this.target);
    this.op('i32.wrap_i64');
    this.i32(4094);
    this.op('i32.and');
    this.i32(1);
    this.op('i32.shl', 'i32.add');
    this.set(this.ip);
    this.end();
  }
  #add(name: keyof typeof WORD, value: Emit): void {
    this.i32(0);
    this.i32(0);
    this.mem('i64.load', this.base + WORD[name]);
    value();
    this.op('i64.add');
    this.mem('i64.store', this.base + WORD[name]);
  }
}

/** Calls the functions of `privileged/`, `fetch.ts` and `softfloat/` by their names in `signatures`. */
export function interpreter(layout: Layout, hart: number, signatures: ReadonlyMap<string, Signature>): FunctionBody {
  return new Interpreter(layout, hart, signatures).function();
}
