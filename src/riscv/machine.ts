// A machine: the one memory that holds all its state, and what any thread may do to its harts.

import * as layoutOf from './layout.ts';
import { layOut } from './layout.ts';
import type { Layout, MachineConfiguration } from './layout.ts';
import { readStatistics } from './statistics.ts';
import type { HartStatistics } from './statistics.ts';

/** Structured-clonable: what a thread needs to attach to a machine. */
export interface SharedMachine {
  readonly configuration: MachineConfiguration;
  readonly memory: WebAssembly.Memory;
}

export type Mode = 'U' | 'S' | 'M' | 0 | 1 | 3;

export interface ResetState {
  readonly pc: number | bigint;
  readonly mode: Mode;
  /** x10 and x11. */
  readonly a0: number | bigint;
  readonly a1: number | bigint;
  /**
   * The VMM is the firmware: `ecall` from S-mode ends `run` with 'firmware-call'; every other trap from S and U mode is
   * delegated to S-mode; Sstc, counters and all of memory are open to it. Default: true unless `mode` is M.
   */
  readonly firmware?: boolean;
}

/** Exceptions that M-mode software never sees when the VMM is the firmware: all but `ecall` from S and M mode. */
const FIRMWARE_MEDELEG = 0xb1ffn;
const FIRMWARE_MIDELEG = 0x222n;
const MENVCFG_STCE = 1n << 63n;
/** One PMP entry: NAPOT, all of memory, R W X. */
const OPEN_PMP = 0x1f;

const SOFTWARE_BITS = (1 << 1) | (1 << 5);

export class Machine {
  readonly configuration: MachineConfiguration;
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** The guest's RAM. */
  readonly ram: Uint8Array;
  readonly ramBase: number;
  /** 64 KiB for the VMM's devices. */
  readonly deviceState: Int32Array;
  readonly #words: Int32Array;

  private constructor(configuration: MachineConfiguration, memory?: WebAssembly.Memory) {
    this.configuration = configuration;
    this.layout = layOut(configuration);
    const pages = this.layout.memoryPages;
    this.memory = memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const { buffer } = this.memory;
    this.ramBase = configuration.ramBase;
    this.ram = new Uint8Array(buffer, this.layout.ramAt, configuration.ramBytes);
    this.deviceState = new Int32Array(buffer, layoutOf.DEVICE_STATE, layoutOf.DEVICE_STATE_BYTES / 4);
    this.#words = new Int32Array(buffer);
  }

  /** A machine with zeroed RAM. Throws RangeError for a configuration out of its ranges. */
  static create(configuration: MachineConfiguration): Machine {
    const { harts, ramBase, ramBytes, clock, translate } = configuration;
    return new Machine({ harts, ramBase, ramBytes, clock, translate });
  }
  /** The same machine in another thread. */
  static attach(shared: SharedMachine): Machine {
    return new Machine(shared.configuration, shared.memory);
  }
  share(): SharedMachine {
    return { configuration: this.configuration, memory: this.memory };
  }

  /** What a hart has counted; from any thread. */
  statistics(hart: number): HartStatistics {
    return readStatistics(this.memory.buffer, this.layout.hart[hart].base);
  }

  #mailbox(hart: number, name: keyof typeof layoutOf.MAILBOX): number {
    return (this.layout.hart[hart].base + layoutOf.MAILBOX[name]) >> 2;
  }
  #ring(hart: number): void {
    const bell = this.#mailbox(hart, 'BELL');
    Atomics.add(this.#words, bell, 1);
    Atomics.notify(this.#words, bell);
  }
  #request(hart: number, request: number): void {
    Atomics.or(this.#words, this.#mailbox(hart, 'REQUEST'), request);
    this.#ring(hart);
  }

  /**
   * Sets or clears a bit of mip: SSIP 1, MSIP 3, STIP 5, MTIP 7, SEIP 9, MEIP 11. A running hart sees it within some
   * 16,000 instructions, or at once when its own store caused it.
   */
  setInterrupt(hart: number, bit: number, level: boolean): void {
    const mask = 1 << bit;
    const word = this.#mailbox(hart, (mask & SOFTWARE_BITS) !== 0 ? 'SOFT' : 'LINES');
    const old = level ? Atomics.or(this.#words, word, mask) : Atomics.and(this.#words, word, ~mask);
    if (level && (old & mask) === 0) this.#ring(hart);
  }

  /** `run` of this hart returns 'kicked', soon or on its next entry; a waiting hart wakes. */
  kick(hart: number): void {
    this.#request(hart, layoutOf.REQUEST_KICK);
  }

  /**
   * SBI remote fences: sfence.vma for everything, or fence.i if `instructions`, which is also what must follow when
   * something else than a hart has written RAM that may be executed. Returns when every hart in the mask has
   * done it or will do it before its next instruction. May be called from a bus, too.
   */
  fence(hartMask: number, instructions: boolean): void {
    const request = instructions ? layoutOf.REQUEST_FENCE_I : layoutOf.REQUEST_FENCE_TLB;
    const harts = this.layout.hart.map((_, hart) => hart).filter((hart) => (hartMask >>> hart) & 1);
    for (const hart of harts) this.#request(hart, request);
    for (const hart of harts) {
      const running = this.#mailbox(hart, 'RUNNING');
      // A hart clears its requests while it runs, or stops running; either wakes us.
      while (Atomics.load(this.#words, running) !== 0) {
        const open = this.#mailbox(hart, 'REQUEST');
        const value = Atomics.load(this.#words, open);
        if ((value & request) === 0) break;
        Atomics.wait(this.#words, open, value, 1);
      }
    }
  }

  /**
   * For snapshots: which pages of RAM (of 4 KiB, counted from its start, ascending) harts have written since the last call, or since
   * there is the machine. What the host writes into `ram` is not among them. No hart may be in `run`, else an Error is thrown. Stores
   * cost nothing more: a page is marked when its first store misses the TLB, and this call has all TLBs flushed.
   */
  takeDirtyPages(): number[] {
    for (const hart of this.layout.hart.keys())
      if (Atomics.load(this.#words, this.#mailbox(hart, 'RUNNING')) !== 0) throw new Error(`hart ${hart} runs`);
    const dirty = new Uint8Array(this.memory.buffer, this.layout.dirty, this.ram.length / layoutOf.PAGE);
    const pages = [];
    for (let page = dirty.indexOf(1); page >= 0; page = dirty.indexOf(1, page + 1)) pages.push(page);
    dirty.fill(0);
    for (const hart of this.layout.hart.keys()) this.#request(hart, layoutOf.REQUEST_FENCE_TLB);
    return pages;
  }

  /** Puts a hart that is not running into its reset state (Privileged ISA 3.4). Interrupt lines stay. */
  reset(hart: number, state: ResetState): void {
    const { base } = this.layout.hart[hart];
    const { buffer } = this.memory;
    const bytes = new Uint8Array(buffer);
    const bits = new BigInt64Array(buffer);
    const word = (name: keyof typeof layoutOf.WORD, value: bigint): void => {
      bits[(base + layoutOf.WORD[name]) >> 3] = value;
    };
    const half = (name: keyof typeof layoutOf.HALF, value: number): void => {
      this.#words[(base + layoutOf.HALF[name]) >> 2] = value;
    };
    const epoch = this.#words[(base + layoutOf.HALF.EPOCH) >> 2];
    const nextSlot = this.#words[(base + layoutOf.HALF.NEXT_SLOT) >> 2];
    bytes.fill(0, base, base + layoutOf.MAILBOX.LINES);
    bytes.fill(0, base + layoutOf.PMP_ADDRESS, base + layoutOf.PMP_RANGE + layoutOf.PMP_ENTRIES * 16);
    Atomics.store(this.#words, this.#mailbox(hart, 'SOFT'), 0);
    Atomics.store(this.#words, this.#mailbox(hart, 'REQUEST'), 0);
    // Decoded pages stay; a new epoch has them compared with RAM.
    half('EPOCH', epoch + 1);
    half('NEXT_SLOT', nextSlot);
    half('UNRETIRED', -1);
    half('COLD', 1);

    word('PC', BigInt(state.pc));
    bits[(base >> 3) + 10] = BigInt(state.a0);
    bits[(base >> 3) + 11] = BigInt(state.a1);
    word('RESERVATION', -1n);
    word('STIMECMP', -1n);
    const mode = { U: 0, S: 1, M: 3, 0: 0, 1: 1, 3: 3 }[state.mode];
    half('MODE', mode);
    if (!(state.firmware ?? mode !== 3)) return;
    word('FIRMWARE', 1n);
    word('MEDELEG', FIRMWARE_MEDELEG);
    word('MIDELEG', FIRMWARE_MIDELEG);
    word('MCOUNTEREN', 7n);
    word('SCOUNTEREN', 7n);
    word('MENVCFG', MENVCFG_STCE);
    bytes[base + layoutOf.PMP_CONFIGURATION] = OPEN_PMP;
    bits[(base + layoutOf.PMP_ADDRESS) >> 3] = (1n << 54n) - 1n;
  }
}
