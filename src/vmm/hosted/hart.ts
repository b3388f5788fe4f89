// One hart: a worker that runs guest code and serves what it asks for. Guest code runs inside hart.run(); device accesses
// come back as calls of the bus; everything else ends run() with a reason.

import { parentPort, workerData } from 'node:worker_threads';
import { type Bus, Hart, Machine, type SharedMachine } from '../../riscv/index.ts';
import { attachPartition, sealThread, type SharedPartition } from '../../sdk/index.ts';
import { boardDeadline, boardRead, boardTick, boardWrite, type Signals } from '../board/virt.ts';
import { uartHoldRoom, uartSendRoom, uartSent } from '../devices/ns16550a.ts';
import { H_STATUS, HTIF_EXIT, HTIF_SILENT, htifPoll } from '../firmware/htif.ts';
import * as sbi from '../firmware/sbi.ts';
import { collectGarbage, collectModules } from './garbage.ts';
import { attachGuestMemory } from './guest-memory.ts';
import { lock, unlock } from './lock.ts';
import {
  attachState,
  C_A2,
  C_BELL,
  C_HTIF,
  C_LOCK,
  C_MODE,
  C_MORE_INPUT,
  C_OUTPUT_ASKED,
  C_PARKED,
  C_RUN,
  type Clock,
  REQUEST_POWER_OFF,
  REQUEST_RESET,
  requestStop,
  ringHart,
  RUNNING,
  ticks,
  UARTS,
} from './machine-state.ts';
import { moveOutput, type Producer } from './wire.ts';

export interface HartStart {
  readonly machine: SharedMachine;
  readonly index: number;
  readonly harts: number;
  readonly clock: Clock;
  readonly partition?: SharedPartition;
  /**
   * True: this thread writes into the streams itself. False: it leaves them to the I/O thread, because their other side is
   * served there (pipes), and a hart that waits for it with the machine's lock held would wait for ever.
   */
  readonly writesStreams: boolean;
  /** Name of the stream behind each UART. */
  readonly devices: Readonly<Record<string, string>>;
}

/** From a hart's thread to the I/O thread. */
export type HartMessage =
  /** A power-off or reset was requested (C_REQUEST). */
  | { readonly what: 'stop' }
  /** Bytes wait in a UART for the I/O thread to take them. */
  | { readonly what: 'output' }
  /** A hold ring has room again for input that waits in its stream. */
  | { readonly what: 'input' }
  | { readonly what: 'engine-error'; readonly text: string };

/** Instructions between looks at the clock, HTIF and output: some 4 ms. */
const BUDGET = 1_000_000;
const SMALLEST_BUDGET = 2_000;
/** A program that speaks HTIF waits for each answer: look often while it does, and more seldom when it is silent. */
const HTIF_BUDGET = 65_536;
/** A hart retires at most about this many instructions in a tick of 100 ns. */
const INSTRUCTIONS_PER_TICK = 30;
/** Sent bytes that are passed on at once; fewer wait until the guest pauses. */
const OUTPUT_BATCH = 256;
const CONSOLE_RETRY_MS = 5;
/** Garbage is collected when so long nothing was translated, and no timer of the board is due soon: it takes some 50 ms. */
const COLLECT_MS = 3000;
const COLLECT_TICKS = 1_000_000;

const SSIP = 1;
const A2 = 12;
const CSR = 4096;
const STIMECMP = CSR + 0x14d;

const start = workerData as HartStart;
const me = start.index;
const machine = Machine.attach(start.machine);
attachGuestMemory(machine.ram, machine.ramBase);

const signals: Signals = {
  interrupt: (hart, bit, level) => machine.setInterrupt(hart, bit, level),
  timerMoved: (hart) => machine.kick(hart),
  powerOff: (status) => stop(REQUEST_POWER_OFF, status),
  reset: () => stop(REQUEST_RESET, 0),
};
const state = attachState(machine.deviceState, start.harts, start.clock, signals);
const { control, board } = state;

const partition = start.partition && attachPartition(start.partition);
const outputs: (Producer | undefined)[] | undefined =
  partition && start.writesStreams
    ? UARTS.map((uart) => (start.devices[uart] === undefined ? undefined : partition.producer(start.devices[uart])))
    : undefined;

function tell(message: HartMessage): void {
  parentPort!.postMessage(message);
}

function stop(request: number, status: number): void {
  if (!requestStop(control, request, status)) return;
  for (let hart = 0; hart < start.harts; hart++) {
    ringHart(control, hart);
    machine.kick(hart);
  }
  tell({ what: 'stop' });
}

/** Passes sent bytes on. Lock held. */
function flush(): void {
  if (outputs !== undefined) {
    for (const [i, uart] of UARTS.entries()) moveOutput(board[uart], outputs[i]);
  } else if (
    UARTS.some((uart) => uartSent(board[uart]) > 0) &&
    Atomics.compareExchange(control, C_OUTPUT_ASKED, 0, 1) === 0
  ) {
    tell({ what: 'output' });
  }
}

const bus: Bus = {
  // Without `locked`: its closure would be garbage at each access.
  read(address, size) {
    lock(control, C_LOCK);
    const value = boardRead(board, me, address, size);
    unlock(control, C_LOCK);
    return value;
  },
  write(address, size, value) {
    lock(control, C_LOCK);
    const answered = boardWrite(board, me, address, size, value);
    if (uartSent(board.uart0) >= OUTPUT_BATCH || uartSent(board.uart1) >= OUTPUT_BATCH) flush();
    unlock(control, C_LOCK);
    return answered;
  },
  time: () => ticks(start.clock),
};

const hart = new Hart(machine, me, bus);
let htifBudget = SMALLEST_BUDGET;

function pollHtif(): void {
  const what = htifPoll(state.htif, board.uart0);
  htifBudget = what === HTIF_SILENT ? Math.min(HTIF_BUDGET, 2 * htifBudget) : SMALLEST_BUDGET;
  if (what === HTIF_EXIT) stop(REQUEST_POWER_OFF, state.htif[H_STATUS]);
}

/** What is due at every return of run(): timers, HTIF, output, input that waited for room. Returns the next deadline. */
function tick(): number {
  if (++turns % COLLECT_TURNS === 0) collectMuch();
  return state.locked(() => {
    if (control[C_HTIF] !== 0) pollHtif();
    flush();
    boardTick(board);
    for (const [i, uart] of UARTS.entries()) {
      if (control[C_MORE_INPUT + i] !== 0 && uartHoldRoom(board[uart]) > 0) {
        control[C_MORE_INPUT + i] = 0;
        tell({ what: 'input' });
      }
    }
    return boardDeadline(board, me);
  });
}

function budget(deadline: number): number {
  const most = control[C_HTIF] !== 0 ? htifBudget : BUDGET;
  if (deadline === Infinity) return most;
  const left = (deadline - ticks(start.clock)) * INSTRUCTIONS_PER_TICK;
  return Math.max(SMALLEST_BUDGET, Math.min(most, left));
}

/** One ecall from S-mode. */
function firmwareCall(): void {
  const again = (): number =>
    state.locked(() => {
      const action = sbi.sbiCall(state.sbi, board.uart0, hart.x, me);
      if (action === sbi.SBI_AGAIN || uartSent(board.uart0) >= OUTPUT_BATCH) flush();
      if (action === sbi.SBI_AGAIN && uartSendRoom(board.uart0) > 0) {
        return sbi.sbiCall(state.sbi, board.uart0, hart.x, me);
      }
      return action;
    });
  let action = again();
  while (action === sbi.SBI_AGAIN) {
    // The console's reader is behind. A paused machine forgets the call: its state is given up.
    if (Atomics.load(control, C_RUN) !== RUNNING) return;
    Atomics.wait(control, C_BELL + me, Atomics.load(control, C_BELL + me), CONSOLE_RETRY_MS);
    action = again();
  }
  carryOut(action, state.sbi[sbi.S_ARG_LOW + me], state.sbi[sbi.S_ARG_HIGH + me]);
}

function carryOut(action: number, low: number, high: number): void {
  switch (action) {
    case sbi.SBI_SET_TIMER:
      hart.writeRegister(STIMECMP, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
      break;
    case sbi.SBI_IPI:
      for (let other = 0; other < start.harts; other++) {
        if (((low >> other) & 1) !== 0) machine.setInterrupt(other, SSIP, true);
      }
      break;
    case sbi.SBI_FENCE_I:
    case sbi.SBI_FENCE_VMA:
      // Without the lock: the others may be waiting for it, and the fence waits for them.
      machine.fence(low, action === sbi.SBI_FENCE_I);
      break;
    case sbi.SBI_START:
      ringHart(control, low);
      break;
    case sbi.SBI_SUSPEND:
      idle();
      state.locked(() => (state.sbi[sbi.S_HSM + me] = sbi.HSM_STARTED));
      break;
    case sbi.SBI_POWER_OFF:
      stop(REQUEST_POWER_OFF, low);
      break;
    case sbi.SBI_RESET:
      stop(REQUEST_RESET, 0);
      break;
    default: // SBI_RESUME, and SBI_STOP, which the main loop sees
      break;
  }
}

/** Sleeps until an interrupt is pending, a timer is due or somebody wants this thread. Returns the next deadline. */
function idle(): number {
  const deadline = tick();
  collect(deadline);
  hart.waitForInterrupt(deadline);
  // Whoever sets a timer of the board meanwhile kicks this hart, and devices that got something have told it.
  return deadline === Infinity ? deadline : tick();
}

/**
 * A guest that never sleeps: looked at every so many turns, and collected when the translator has made so many bytes since, or dropped all:
 * else the new regions would come beside the old ones, and malloc's heap keep the size.
 */
const COLLECT_TURNS = 256;
const COLLECT_BYTES = 8 << 20;
let turns = 0;
let bytes = 0;
let flushes = 0;
function collectMuch(): void {
  if (hart.madeBytes - bytes < COLLECT_BYTES && hart.flushes === flushes) return;
  bytes = hart.madeBytes;
  flushes = hart.flushes;
  collectModules();
}

/** What an idle guest has translated now and then is not worth a collection. */
const IDLE_BYTES = 1 << 18;
let made = -1;
let changed = 0;
let collected = -IDLE_BYTES;
/** A thread that sleeps collects no garbage: what the translator left would stay for as long as the guest idles. */
function collect(deadline: number): void {
  if (made !== hart.madeBytes) {
    made = hart.madeBytes;
    changed = performance.now();
  }
  if (made - collected < IDLE_BYTES || deadline - ticks(start.clock) < COLLECT_TICKS) return;
  if (performance.now() - changed < COLLECT_MS) return;
  collected = made;
  collectGarbage();
}

/** A started hart begins where it was told to. */
function begin(): void {
  state.locked(() => {
    const s = state.sbi;
    const mode = control[C_MODE] === 3 ? 3 : 1;
    const pair = (low: number, high: number): bigint => (BigInt(s[high + me] >>> 0) << 32n) | BigInt(s[low + me] >>> 0);
    machine.reset(me, {
      pc: pair(sbi.S_START_LOW, sbi.S_START_HIGH),
      mode,
      a0: BigInt(me),
      a1: pair(sbi.S_OPAQUE_LOW, sbi.S_OPAQUE_HIGH),
    });
    if (mode === 3) hart.writeRegister(A2, BigInt(control[C_A2]));
    s[sbi.S_HSM + me] = sbi.HSM_STARTED;
  });
}

function park(): void {
  state.locked(flush);
  Atomics.store(control, C_PARKED + me, 1);
  Atomics.notify(control, C_PARKED + me);
}

/** Runs guest code until something is to be done, and does it. */
function step(deadline: number): number {
  const stopped = hart.run(budget(deadline));
  switch (stopped.why) {
    case 'firmware-call':
      firmwareCall();
      return deadline;
    case 'idle':
      return idle();
    case 'engine-error':
      tell({ what: 'engine-error', text: stopped.message });
      requestStop(control, REQUEST_POWER_OFF, 1);
      return deadline;
    case 'budget':
    case 'kicked':
    case 'breakpoint':
      break;
  }
  return tick();
}

function main(): never {
  let deadline = Infinity;
  for (;;) {
    const bell = Atomics.load(control, C_BELL + me);
    // First say that this thread may run, then look whether it may: the I/O thread pauses first and looks then, so that
    // one of the two sees the other.
    Atomics.store(control, C_PARKED + me, 0);
    if (Atomics.load(control, C_RUN) !== RUNNING) {
      park();
      Atomics.wait(control, C_BELL + me, bell);
      continue;
    }
    const hsm = Atomics.load(state.sbi, sbi.S_HSM + me);
    if (hsm === sbi.HSM_START_PENDING) begin();
    else if (hsm === sbi.HSM_STOPPED) {
      state.locked(flush);
      Atomics.wait(control, C_BELL + me, bell);
      continue;
    }
    deadline = step(deadline);
  }
}

if (start.partition) sealThread(start.partition.start);
main();
