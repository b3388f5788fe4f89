// The guest's machine as the I/O thread sees it: boot, console streams, power-off and restart.

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
// Not the seam's index: this thread runs no guest code, and the engine would cost it 1 MiB and 20 ms.
import { ISA } from '../../riscv/instructions.ts';
import { Machine } from '../../riscv/machine.ts';
import { boardTree, flatten } from '../board/device-tree.ts';
import {
  type Decompress,
  IMAGE_HEADER_BYTES,
  type ImageError,
  isImageError,
  isPlainImage,
  type Loaded,
  loadFirmware,
  loadKernel,
  placeAtTop,
  placeImage,
  type Ram,
} from '../board/images.ts';
import { DYNAMIC_INFORMATION, writeResetVector } from '../board/reset-vector.ts';
import { boardReset, boardTick, VIRT } from '../board/virt.ts';
import { uartSent } from '../devices/ns16550a.ts';
import { H_FROMHOST, H_TOHOST } from '../firmware/htif.ts';
import * as sbi from '../firmware/sbi.ts';
import type { SharedPartition } from '../../sdk/index.ts';
import { attachGuestMemory } from './guest-memory.ts';
import type { HartMessage, HartStart } from './hart.ts';
import {
  attachState,
  C_A2,
  C_HTIF,
  C_MODE,
  C_MORE_INPUT,
  C_OUTPUT_ASKED,
  C_PARKED,
  C_REQUEST,
  C_RUN,
  C_STATUS,
  type Clock,
  type MachineState,
  PAUSED,
  REQUEST_RESET,
  ringHart,
  RUNNING,
  startClock,
  STATE_WORDS,
  ticks,
  UARTS,
} from './machine-state.ts';
import type { GuestStatistics } from './statistics.ts';
import { type Consumer, moveInput, moveOutput, type Producer } from './wire.ts';

/** An image's file. It is read at each boot: kept between boots, its bytes would double what a kernel needs. */
export interface Image {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `at` on, as far as there are some. Returns how many there were. */
  read(into: Uint8Array, at: number): number;
}
export interface Images {
  readonly kernel?: Image;
  readonly initrd?: Image;
  readonly firmware?: Image;
}

export interface GuestConfiguration {
  readonly harts: number;
  /** Bytes. */
  readonly memory: number;
  readonly cmdline: string;
  readonly deviceTree: boolean;
  /** Stream names by device: uart0, uart1. */
  readonly devices: Readonly<Record<string, string>>;
}

export interface Line {
  readonly output: Producer;
  readonly input: Consumer;
}

/** What the machine needs of its surroundings. */
export interface Surroundings {
  /** The streams behind each UART (as UARTS); undefined: nothing is plugged in. */
  readonly lines: readonly (Line | undefined)[];
  /** For the hart threads. */
  readonly partition?: SharedPartition;
  /** The guest restarts. */
  restarted(): void;
  /** The guest is off: exit status 0..255. */
  ended(status: number): void;
  /** The engine or this VMM failed. */
  failed(text: string): void;
}

/** Where M-mode firmware expects the kernel (QEMU: 2 MiB behind its own start). */
const KERNEL_BEHIND_FIRMWARE = VIRT.ram + 0x20_0000;
/**
 * A machine that is asked to stop does so within a budget; longer means a bug. In short waits: a process that was stopped
 * from outside and goes on has not had its time.
 */
const PARK_WAITS = 20;
const PARK_WAIT_MS = 100;
/** Output that a slow reader has not taken is waited for this long at power-off. */
const DRAIN_MS = 2000;
const DRAIN_STEP_MS = 10;

const decompress: Decompress = (format, bytes, limit) => {
  try {
    return (format === 'gzip' ? gunzipSync : zstdDecompressSync)(bytes, { maxOutputLength: limit });
  } catch {
    return undefined;
  }
};

/** Passes on all bytes of a file, and gives their memory back at once: an idle VMM makes no garbage, so nothing would be collected. */
function whole<T>(image: Image, use: (bytes: Uint8Array) => T): T {
  const buffer = new ArrayBuffer(image.size);
  try {
    const bytes = new Uint8Array(buffer);
    return use(bytes.subarray(0, image.read(bytes, 0)));
  } finally {
    buffer.transfer(0);
  }
}

/** Loads a kernel. A plain Image is read where it belongs: Debian's has 36 MB, and a copy of it cost some 30 ms. */
function readKernel(ram: Ram, kernel: Image, at: number | undefined): Loaded | ImageError {
  const header = new Uint8Array(IMAGE_HEADER_BYTES);
  const start = header.subarray(0, kernel.read(header, 0));
  if (!isPlainImage(start)) return whole(kernel, (bytes) => loadKernel(ram, bytes, decompress, at));
  const loaded = placeImage(ram, start, kernel.size, at);
  if (isImageError(loaded)) return loaded;
  const offset = loaded.entry - ram.base;
  kernel.read(ram.bytes.subarray(offset, offset + kernel.size), 0);
  return loaded;
}

export class Guest {
  readonly workers: readonly Worker[];
  readonly #configuration: GuestConfiguration;
  readonly #images: Images;
  readonly #around: Surroundings;
  readonly #machine: Machine;
  readonly #state: MachineState;
  readonly #clock: Clock;
  #off = false;

  /** Makes the machine and starts its hart threads; they stand still until boot(). Throws RangeError for a size out of range. */
  constructor(configuration: GuestConfiguration, images: Images, around: Surroundings) {
    this.#configuration = configuration;
    this.#images = images;
    this.#around = around;
    const { harts, memory, devices } = configuration;
    const clock = startClock();
    this.#clock = clock;
    this.#machine = Machine.create({ harts, ramBase: VIRT.ram, ramBytes: memory, clock: 'host' });
    const { deviceState } = this.#machine;
    if (deviceState.length < STATE_WORDS) throw new RangeError('the engine keeps too little room for device state');
    this.#state = attachState(deviceState, harts, clock, {
      interrupt: (hart, bit, level) => this.#machine.setInterrupt(hart, bit, level),
      timerMoved: (hart) => this.#machine.kick(hart),
      powerOff: () => undefined, // only a hart's access asks for these
      reset: () => undefined,
    });
    attachGuestMemory(this.#machine.ram, this.#machine.ramBase);
    this.workers = Array.from({ length: harts }, (_, index) => {
      const workerData: HartStart = {
        machine: this.#machine.share(),
        index,
        harts,
        clock,
        devices,
        writesStreams: around.partition?.start.transport === 'memory',
        ...(around.partition ? { partition: around.partition } : {}),
      };
      const worker = new Worker(new URL(`hart${path.extname(import.meta.filename)}`, import.meta.url), { workerData });
      worker.on('message', (message: HartMessage) => this.#onMessage(message));
      worker.on('error', (error: Error) => around.failed(`hart ${index}: ${error.stack ?? error.message}`));
      return worker;
    });
  }

  /** Loads the images and lets hart 0 (with firmware: every hart) begin. What is wrong with the images comes back. */
  boot(): ImageError | undefined {
    const wrong = this.#load();
    if (wrong) return wrong;
    const { control } = this.#state;
    Atomics.store(control, C_REQUEST, 0);
    Atomics.store(control, C_RUN, RUNNING);
    for (let hart = 0; hart < this.#configuration.harts; hart++) ringHart(control, hart);
    return undefined;
  }

  /** The kernel woke this partition: streams have input or room. */
  onStreams(): void {
    const { board, control, locked } = this.#state;
    if (this.#off) return;
    locked(() => {
      for (const [i, uart] of UARTS.entries()) {
        const line = this.#around.lines[i];
        moveOutput(board[uart], line?.output);
        if (line) control[C_MORE_INPUT + i] = moveInput(board[uart], line.input) ? 1 : 0;
      }
      boardTick(board);
    });
  }

  /** What the harts have counted, and ticks since the machine was made. */
  statistics(): GuestStatistics {
    const harts = this.#machine.layout.hart.map((_, hart) => this.#machine.statistics(hart));
    return { seconds: ticks(this.#clock) / VIRT.timebase, harts };
  }

  /** Stops the harts, as a power-off would, without asking the guest. */
  halt(): void {
    this.#pause();
  }

  #onMessage(message: HartMessage): void {
    if (typeof message !== 'object' || this.#off) return;
    switch (message.what) {
      case 'output':
        Atomics.store(this.#state.control, C_OUTPUT_ASKED, 0);
        this.onStreams();
        break;
      case 'input':
        this.onStreams();
        break;
      case 'stop':
        this.#stopped();
        break;
      case 'engine-error':
        this.#around.failed(`engine error: ${message.text}`);
        break;
    }
  }

  #stopped(): void {
    const { control } = this.#state;
    if (!this.#pause()) {
      this.#around.failed('a hart does not stop');
      return;
    }
    if (Atomics.load(control, C_REQUEST) === REQUEST_RESET) {
      this.onStreams();
      this.#around.restarted();
      // RAM of a machine that was switched off holds nothing of the last run.
      clear(this.#machine.ram);
      const wrong = this.boot();
      if (wrong) this.#around.failed(wrong.message);
      return;
    }
    void this.#drain(Atomics.load(control, C_STATUS));
  }

  async #drain(status: number): Promise<void> {
    for (let waited = 0; waited < DRAIN_MS; waited += DRAIN_STEP_MS) {
      this.onStreams();
      if (UARTS.every((uart) => uartSent(this.#state.board[uart]) === 0)) break;
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS));
    }
    this.#off = true;
    this.#around.ended(status);
  }

  /** Waits until no hart runs; false when one does not obey. */
  #pause(): boolean {
    const { control } = this.#state;
    Atomics.store(control, C_RUN, PAUSED);
    for (let hart = 0; hart < this.#configuration.harts; hart++) {
      ringHart(control, hart);
      this.#machine.kick(hart);
    }
    for (let hart = 0; hart < this.#configuration.harts; hart++) {
      for (let n = 0; n < PARK_WAITS && Atomics.load(control, C_PARKED + hart) === 0; n++) {
        Atomics.wait(control, C_PARKED + hart, 0, PARK_WAIT_MS);
      }
      if (Atomics.load(control, C_PARKED + hart) === 0) return false;
    }
    return true;
  }

  #load(): ImageError | undefined {
    const { harts } = this.#configuration;
    const ram = { bytes: this.#machine.ram, base: this.#machine.ramBase };
    const { kernel, initrd, firmware } = this.#images;
    let first: Loaded | undefined;
    let end = ram.base;
    if (firmware) {
      const loaded = whole(firmware, (bytes) => loadFirmware(ram, bytes));
      if (isImageError(loaded)) return loaded;
      first = loaded;
      end = loaded.end;
    }
    if (kernel) {
      const loaded = readKernel(ram, kernel, firmware ? KERNEL_BEHIND_FIRMWARE : undefined);
      if (isImageError(loaded)) return loaded;
      first ??= loaded;
      end = Math.max(end, loaded.end);
    }
    if (!first) {
      return {
        code: 'image.none',
        message: 'The guest has neither a kernel nor firmware.',
        help: 'Name a `kernel` in the system description.',
      };
    }

    // Its size does not depend on where the initrd lies.
    const size = this.#tree({ start: 0, end: 0 }).length;
    const place = placeAtTop(ram, end, size, initrd?.size ?? 0);
    if (isImageError(place)) return place;
    if (initrd && place.initrd)
      initrd.read(ram.bytes.subarray(place.initrd.start - ram.base, place.initrd.end - ram.base), 0);
    let tree = 0;
    if (this.#configuration.deviceTree) {
      tree = place.tree;
      ram.bytes.set(this.#tree(place.initrd), tree - ram.base);
    }

    const { board, control, sbi: s, htif, locked } = this.#state;
    locked(() => {
      boardReset(board);
      sbi.sbiReset(s, harts);
      const machineMode = firmware !== undefined || first.tohost !== undefined;
      control[C_MODE] = machineMode ? 3 : 1;
      control[C_A2] = machineMode ? DYNAMIC_INFORMATION : 0;
      control[C_HTIF] = first.tohost === undefined ? 0 : 1;
      htif[H_TOHOST] = first.tohost === undefined ? -1 : first.tohost - ram.base;
      htif[H_FROMHOST] = first.fromhost === undefined ? -1 : first.fromhost - ram.base;
      writeResetVector(board.rom, first.entry, tree, KERNEL_BEHIND_FIRMWARE);
      for (let hart = 0; hart < (machineMode ? harts : 1); hart++) {
        s[sbi.S_START_LOW + hart] = first.entry | 0;
        s[sbi.S_START_HIGH + hart] = Math.floor(first.entry / 0x1_0000_0000);
        s[sbi.S_OPAQUE_LOW + hart] = tree | 0;
        s[sbi.S_OPAQUE_HIGH + hart] = Math.floor(tree / 0x1_0000_0000);
        s[sbi.S_HSM + hart] = sbi.HSM_START_PENDING;
      }
    });
    return undefined;
  }

  #tree(initrd: { start: number; end: number } | undefined): Uint8Array {
    const { harts, memory, cmdline } = this.#configuration;
    const seed = randomBytes(8);
    return flatten(
      boardTree({
        harts,
        ramBytes: memory,
        isa: { base: 'rv64i', extensions: ISA, mmuType: 'riscv,sv48' },
        bootargs: cmdline,
        rngSeed: randomBytes(32),
        kaslrSeed: [seed.readUInt32BE(0), seed.readUInt32BE(4)],
        ...(initrd ? { initrd } : {}),
      }),
    );
  }
}

const PAGE = 4096;
/** Zeroes a guest's RAM. Pages that it never touched stay so: the host has no memory behind them yet. */
function clear(ram: Uint8Array): void {
  const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.length / 4);
  for (let page = 0; page < words.length; page += PAGE / 4) {
    let at = page;
    const end = page + PAGE / 4;
    while (at < end && words[at] === 0) at++;
    if (at < end) words.fill(0, at, end);
  }
}
