// One hart, in the thread that runs it.

import { coreModule } from './core.ts';
import type { CoreExports, CoreImports } from './core.ts';
import type { FunctionType } from './wasm/encoder.ts';
import { decodeBefore } from './interpret/entry.ts';
import * as layoutOf from './layout.ts';
import type { Layout } from './layout.ts';
import type { Machine, ResetState } from './machine.ts';
import { formOf, madeCore } from './made.ts';
import { hostFuses } from './softfloat/fused.ts';
import { MOST_REGIONS, Translator } from './translate/translator.ts';
import type { TranslatorStatistics } from './translate/translator.ts';

/** What guest code can touch outside RAM. Every value is the guest's choice; nothing here may throw. */
export interface Bus {
  /** Unsigned; -1: nothing answers here (access fault). */
  read(address: number, size: 1 | 2 | 4): number;
  /** False: nothing takes it (access fault). */
  write(address: number, size: 1 | 2 | 4, value: number): boolean;
  /** mtime: 10 MHz ticks, a safe integer, never goes back. Asked only with clock 'host'. */
  time(): number;
}

export type Stop =
  | { readonly why: 'budget' }
  /** WFI, with no enabled interrupt pending: `waitForInterrupt` may sleep. */
  | { readonly why: 'idle' }
  | { readonly why: 'kicked' }
  /** An SBI call; run() goes on after the ecall. */
  | { readonly why: 'firmware-call' }
  /** An ebreak, while `stopsAtBreakpoints`; pc is at it. */
  | { readonly why: 'breakpoint' }
  /** A fault of the engine. The hart cannot go on. */
  | { readonly why: 'engine-error'; readonly message: string };

const BUDGET: Stop = { why: 'budget' };
const IDLE: Stop = { why: 'idle' };
const KICKED: Stop = { why: 'kicked' };
const FIRMWARE_CALL: Stop = { why: 'firmware-call' };
const BREAKPOINT: Stop = { why: 'breakpoint' };

/** Instructions between looks at interrupts, requests and the timer: some 60 us. */
const SLICE = 16_384;
const TICKS_PER_MILLISECOND = 10_000;

/**
 * PAUSE instructions of a slice after which the hart is seen to spin, most likely for one whose thread the host does not run
 * (it has fewer processors free than the guest has harts): then the processor is given away for so many milliseconds, twice
 * as many each further time.
 */
const SPINNING = 1024;
const LEAST_REST = 0.05;
const MOST_REST = 0.4;
/**
 * A thread that sleeps wakes some 50 us late. So WFI first looks for so many milliseconds whether an interrupt comes, twice as
 * many after a wait that was short, half as many after a long one: none when the guest idles.
 */
const LEAST_LOOK = 0.01;
const MOST_LOOK = 0.1;
const SHORT_WAIT = 0.3;

/** Register numbers as gdb counts them. */
const PC = 32;
const F0 = 33;
export const CSR0 = 4096;

interface Compiled {
  readonly module: WebAssembly.Module;
  readonly functions: ReadonlyMap<string, FunctionType>;
}
/** By form: machines of one form share them. */
const modules = new Map<string, Compiled>();
const fuses = hostFuses();
function compiled(layout: Layout, hart: number): Compiled {
  const form = formOf(layout, hart, fuses);
  let known = modules.get(form);
  if (!known) {
    const { bytes, functions } = madeCore(form) ?? coreModule(layout, hart, fuses);
    known = { module: new WebAssembly.Module(bytes), functions };
    modules.set(form, known);
  }
  return known;
}

export interface TranslationStatistics extends TranslatorStatistics {
  /** Instructions begun in translated regions since reset; times that the interpreter entered one. */
  readonly begun: number;
  readonly entered: number;
}

export class Hart {
  readonly index: number;
  /** x0..x31 as pairs of words, low first. */
  readonly x: Int32Array;
  readonly #machine: Machine;
  readonly #core: CoreExports;
  readonly #base: number;
  readonly #words: Int32Array;
  readonly #bits: BigInt64Array;
  readonly #numbers: Float64Array;
  readonly #translator: Translator | undefined;
  #noted = -1;
  readonly #hasPeers: boolean;
  /** Milliseconds: of the next rest of a spinning hart, and of the next look of a waiting one. */
  #rest = LEAST_REST;
  #look = 0;

  constructor(machine: Machine, index: number, bus: Bus) {
    const { layout, memory } = machine;
    this.index = index;
    this.#machine = machine;
    this.#hasPeers = layout.harts > 1;

    this.#base = layout.hart[index].base;
    this.#words = new Int32Array(memory.buffer);
    this.#bits = new BigInt64Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer);
    this.x = new Int32Array(memory.buffer, this.#base + layoutOf.X, 64);
    const words = this.#words;
    const running = this.#mailbox('RUNNING');
    // Inside a bus call the hart answers no request, but it will before its next instruction: a fence need not wait.
    const imports: CoreImports = {
      bus_read: (address, size) => {
        this.#count('DEVICE_READS');
        Atomics.store(words, running, 0);
        const value = bus.read(address, size as 1 | 2 | 4);
        Atomics.store(words, running, 1);
        return value;
      },
      bus_write: (address, size, value) => {
        this.#count('DEVICE_WRITES');
        Atomics.store(words, running, 0);
        const taken = bus.write(address, size as 1 | 2 | 4, value);
        Atomics.store(words, running, 1);
        return taken ? 1 : 0;
      },
      bus_time: () => bus.time(),
      decode_entry: decodeBefore,
      region_hot: (slot, ip, pc) => this.#translator?.hot(slot, ip, pc),
      regions_drop: (slot, from, to) => this.#translator?.drop(slot, from, to),
    };
    const { module, functions } = compiled(layout, index);
    const table =
      layout.threshold > 0 ? new WebAssembly.Table({ element: 'anyfunc', initial: MOST_REGIONS }) : undefined;
    const instance = new WebAssembly.Instance(module, { env: { memory, ...(table && { table }), ...imports } });
    this.#core = instance.exports as unknown as CoreExports;
    if (table) this.#translator = new Translator(layout, index, memory, table, instance.exports, functions);
    if (this.#bits[(this.#base + layoutOf.WORD.RESERVATION) >> 3] === 0n)
      this.reset({ pc: machine.ramBase, mode: 'M', a0: index, a1: 0 });
  }

  reset(state: ResetState): void {
    this.#machine.reset(this.index, state);
  }

  #half(name: keyof typeof layoutOf.HALF): number {
    return (this.#base + layoutOf.HALF[name]) >> 2;
  }
  #word(name: keyof typeof layoutOf.WORD): number {
    return (this.#base + layoutOf.WORD[name]) >> 3;
  }
  #mailbox(name: keyof typeof layoutOf.MAILBOX): number {
    return (this.#base + layoutOf.MAILBOX[name]) >> 2;
  }

  /** After a reset: tables that follow from the architectural state. */
  #warmUp(): void {
    if (this.#words[this.#half('COLD')] === 0) return;
    this.#words[this.#half('COLD')] = 0;
    const { tlbs } = this.#machine.layout.hart[this.index];
    const { tlbBytes } = this.#machine.layout;
    const used = this.#words[this.#mailbox('TLBS_USED')];
    this.#words[this.#mailbox('TLBS_USED')] = 1;
    this.#core.tlb_ready(tlbs, used);
    this.#core.tlb_ready(tlbs + 2 * tlbBytes, used);
    this.#core.pmp_changed();
    this.#core.mode_changed();
  }

  /**
   * Executes guest code and blocks until it stops. Exact: never retires more than `budget` instructions (1 or more).
   * An instruction that traps counts for the budget, though it does not retire.
   */
  run(budget: number): Stop {
    this.#warmUp();
    const words = this.#words;
    const request = this.#mailbox('REQUEST');
    const running = this.#mailbox('RUNNING');
    const stop = this.#half('STOP');
    const pauses = this.#half('PAUSES');
    let left = budget;
    Atomics.store(words, running, 1);
    try {
      for (;;) {
        if (Atomics.load(words, request) !== 0 && this.#serve()) {
          this.#count('KICKS');
          return KICKED;
        }
        if (left <= 0) {
          this.#count('BUDGETS');
          return BUDGET;
        }
        left -= this.#core.run(Math.min(left, SLICE));
        this.#translator?.tick();
        if (this.#hasPeers) {
          if (words[pauses] >= SPINNING) this.#giveWay();
          else this.#rest = LEAST_REST;
        }
        switch (words[stop]) {
          case layoutOf.STOP_WFI:
            this.#count('IDLES');
            return IDLE;
          case layoutOf.STOP_FIRMWARE:
            this.#count('FIRMWARE_CALLS');
            return FIRMWARE_CALL;
          case layoutOf.STOP_BREAKPOINT:
            return BREAKPOINT;
        }
      }
    } catch (error) {
      return { why: 'engine-error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    } finally {
      this.#noteTranslator();
      Atomics.store(words, running, 0);
      Atomics.notify(words, request);
    }
  }

  #count(name: keyof typeof layoutOf.STATISTIC): void {
    this.#numbers[(this.#base + layoutOf.STATISTIC[name]) >> 3]++;
  }
  #noteTranslator(): void {
    if (!this.#translator) return;
    const { statistics } = this.#translator;
    // Seldom: a hart that idles runs this at each of its timers.
    const changes = statistics.modules + statistics.dropped + statistics.flushes;
    if (changes === this.#noted) return;
    this.#noted = changes;
    const note = (name: keyof typeof layoutOf.STATISTIC, value: number): void => {
      this.#numbers[(this.#base + layoutOf.STATISTIC[name]) >> 3] = value;
    };
    note('REGIONS', statistics.regions);
    note('MODULES', statistics.modules);
    note('DROPPED', statistics.dropped);
    note('FLUSHES', statistics.flushes);
    note('REGION_INSTRUCTIONS', statistics.instructions);
    note('REGION_BYTES', statistics.bytes);
    note('GENERATING', statistics.generating);
    note('COMPILING', statistics.compiling);
  }

  /** The hart spins: lets other threads have the processor. */
  #giveWay(): void {
    const words = this.#words;
    const running = this.#mailbox('RUNNING');
    const bell = this.#mailbox('BELL');
    const rung = Atomics.load(words, bell);
    this.#count('RESTS');
    // It will look at its requests before its next instruction: a fence need not wait.
    Atomics.store(words, running, 0);
    if (Atomics.load(words, this.#mailbox('REQUEST')) === 0) Atomics.wait(words, bell, rung, this.#rest);
    Atomics.store(words, running, 1);
    this.#rest = Math.min(MOST_REST, 2 * this.#rest);
  }

  /** Does what other threads asked for; true: a kick. */
  #serve(): boolean {
    const request = this.#mailbox('REQUEST');
    const asked = Atomics.exchange(this.#words, request, 0);
    if (asked & (layoutOf.REQUEST_FENCE_TLB | layoutOf.REQUEST_FENCE_I)) this.#count('FENCES');
    if (asked & layoutOf.REQUEST_FENCE_TLB) {
      this.#core.tlb_flush();
      this.#core.fetch_flush();
    }
    if (asked & layoutOf.REQUEST_FENCE_I) this.#core.icache_flush();
    Atomics.notify(this.#words, request);
    return (asked & layoutOf.REQUEST_KICK) !== 0;
  }

  /** What the translator has done; undefined when the machine has none. */
  get translated(): TranslationStatistics | undefined {
    const count = (name: keyof typeof layoutOf.WORD): number => Number(this.#bits[this.#word(name)]);
    return (
      this.#translator && { ...this.#translator.statistics, begun: count('TRANSLATED'), entered: count('ENTERED') }
    );
  }

  /** Bytes of WebAssembly that the translator has made. */
  get madeBytes(): number {
    return this.#translator?.statistics.bytes ?? 0;
  }
  /** Times that the code cache was full and all of it dropped. */
  get flushes(): number {
    return this.#translator?.statistics.flushes ?? 0;
  }

  /** mtime ticks as the guest reads them: with clock 'instructions' the retired instructions, and the time asleep. */
  get time(): number {
    return Number(this.#core.time());
  }
  /** Instructions retired since reset, exact; also while a device access is served. */
  get instret(): number {
    const words = this.#words;
    const retired = this.#word('RETIRED') * 2;
    return (
      (words[retired] >>> 0) +
      words[retired + 1] * 2 ** 32 +
      words[this.#half('SLICE')] -
      words[this.#half('FUEL')] -
      words[this.#half('UNRETIRED')] -
      1
    );
  }

  /** An `ebreak` ends run() with 'breakpoint' instead of trapping. */
  get stopsAtBreakpoints(): boolean {
    return this.#bits[this.#word('DEBUG')] !== 0n;
  }
  set stopsAtBreakpoints(stops: boolean) {
    this.#bits[this.#word('DEBUG')] = stops ? 1n : 0n;
  }

  /** Privilege mode: 0 U, 1 S, 3 M. */
  get mode(): 0 | 1 | 3 {
    return this.#words[this.#half('MODE')] as 0 | 1 | 3;
  }
  set mode(mode: 0 | 1 | 3) {
    this.#warmUp();
    this.#words[this.#half('MODE')] = mode;
    this.#core.mode_changed();
    this.#core.attend();
  }

  /** 0..31 x, 32 pc, 33..64 f, 4096 + n CSR n (as M-mode reads it). Throws RangeError for others. */
  readRegister(number: number): bigint {
    if (number >= CSR0) {
      this.#warmUp();
      const value = this.#core.csr_read(number - CSR0, 3);
      const trapped = this.#half('TRAPPED');
      if (this.#words[trapped] !== 0) {
        this.#words[trapped] = 0;
        throw new RangeError(`no CSR ${number - CSR0}`);
      }
      return BigInt.asUintN(64, value);
    }
    return BigInt.asUintN(64, this.#bits[this.#register(number)]);
  }
  /** As `readRegister`; a CSR as M-mode writes it. */
  writeRegister(number: number, value: bigint): void {
    if (number >= CSR0) {
      this.#warmUp();
      this.#core.csr_write(number - CSR0, value, value, ~value);
    } else if (number !== 0) this.#bits[this.#register(number)] = value;
  }
  #register(number: number): number {
    if (number >= 0 && number < 32) return (this.#base >> 3) + number;
    if (number === PC) return this.#word('PC');
    if (number >= F0 && number < F0 + 32) return ((this.#base + layoutOf.F) >> 3) + number - F0;
    throw new RangeError(`no register ${number}`);
  }

  /** Physical address of a virtual one for a load in the current mode, or undefined. */
  translate(va: bigint): number | undefined {
    this.#warmUp();
    const trapped = this.#half('TRAPPED');
    const pa = this.#core.translate(BigInt.asIntN(64, va), 1n, 0);
    this.#words[trapped] = 0;
    return pa === -1n ? undefined : Number(BigInt.asUintN(64, pa));
  }

  /**
   * Blocks the thread until an enabled interrupt is pending, a request is open, or `untilTicks` or stimecmp is reached.
   * With clock 'instructions' time jumps there instead.
   */
  waitForInterrupt(untilTicks: number): void {
    const words = this.#words;
    const bell = this.#mailbox('BELL');
    const mie = this.#word('MIE') * 2;
    for (;;) {
      const rung = Atomics.load(words, bell);
      if (Atomics.load(words, this.#mailbox('REQUEST')) !== 0) return;
      if ((Number(this.#core.mip()) & words[mie]) !== 0) return;
      const deadline = Math.min(untilTicks, this.#timer());
      const left = deadline - Number(this.#core.time());
      if (left <= 0) return;
      if (this.#machine.configuration.clock === 'instructions' && deadline !== Infinity) {
        this.#bits[this.#word('SKIPPED')] += BigInt(left);
        return;
      }
      this.#sleep(bell, rung, left / TICKS_PER_MILLISECOND);
    }
  }
  /** Until the bell is no longer as it was, or so many milliseconds have passed. */
  #sleep(bell: number, rung: number, milliseconds: number): void {
    const words = this.#words;
    const started = performance.now();
    const look = Math.min(this.#look, milliseconds);
    while (performance.now() - started < look) if (Atomics.load(words, bell) !== rung) return;
    Atomics.wait(words, bell, rung, milliseconds - look);
    const slept = performance.now() - started;
    this.#numbers[(this.#base + layoutOf.STATISTIC.SLEPT) >> 3] += slept;
    if (!this.#hasPeers) return;
    if (slept < SHORT_WAIT) this.#look = Math.min(MOST_LOOK, Math.max(LEAST_LOOK, 2 * this.#look));
    else this.#look = this.#look > LEAST_LOOK ? this.#look / 2 : 0;
  }
  /** When stimecmp raises an interrupt, in ticks. */
  #timer(): number {
    const enabled = this.#bits[this.#word('MENVCFG')] < 0n && (this.#words[this.#word('MIE') * 2] & 0x20) !== 0;
    return enabled ? Number(BigInt.asUintN(64, this.#bits[this.#word('STIMECMP')])) : Infinity;
  }
}
