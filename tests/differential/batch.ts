// Many programs in one RAM image, and what an engine left there.

import {
  ARENA_BYTES, CODE, CONTROL, DATA, FIRST_ARENA, INPUT_CSRS, inputOffset, RAM_BASE, SUPERVISOR_HANDLER, TABLES,
  TRAP_LIMIT,
} from './layout.ts'; // prettier-ignore
import { place, type Program } from './program.ts';
import {
  FORWARD_ECALL,
  FORWARD_ILLEGAL,
  LOG_START,
  MACHINE_HANDLER,
  MACHINE_VECTORS,
  placeRuntime,
  SUPERVISOR_ENTRY,
  SUPERVISOR_RETURN,
} from './runtime.ts';

/** RAM of both machines. QEMU puts its device tree at the end, rounded down to 16 MB: programs end below that. */
export const RAM_BYTES = 48 << 20;
/** The most programs of a batch. */
export const BATCH_LIMIT = ((32 << 20) - (FIRST_ARENA - RAM_BASE)) / ARENA_BYTES;

export function arenaOf(index: number): number {
  return FIRST_ARENA + index * ARENA_BYTES;
}

/** The bytes of RAM, from its beginning, that hold the runtime and these programs. */
export function buildImage(programs: readonly Program[]): Uint8Array {
  if (programs.length > BATCH_LIMIT) throw new Error(`a batch holds at most ${BATCH_LIMIT} programs`);
  const ram = new Uint8Array(arenaOf(programs.length) - RAM_BASE);
  placeRuntime(ram, FIRST_ARENA, programs.length);
  programs.forEach((program, index) => {
    const arena = arenaOf(index);
    placeProgram(program, arena, ram.subarray(arena - RAM_BASE, arena - RAM_BASE + ARENA_BYTES));
  });
  return ram;
}

function placeProgram(program: Program, arena: number, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const put = (offset: number, value: bigint | number): void => {
    view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  };
  for (const { offset, words } of place(program.groups, program.rounds, arena)) {
    let at = offset;
    for (const { word, size } of words) {
      if (size === 4) view.setInt32(at, word, true);
      else view.setUint16(at, word, true);
      at += size;
    }
  }
  bytes.set(program.data, DATA);
  bytes.set(program.tables(arena), TABLES);
  program.x.forEach((value, n) => put(CONTROL.initialX + 8 * n, value));
  program.f.forEach((value, n) => put(CONTROL.initialF + 8 * n, value));
  put(CONTROL.logNext, LOG_START);
  put(CONTROL.trapsLeft, TRAP_LIMIT);
  put(CONTROL.loopsLeft, program.rounds);
  put(CONTROL.loopStart, CODE);
  const { user = BigInt(arena), supervisor = BigInt(arena), handler = BigInt(SUPERVISOR_HANDLER) } = program.windows;
  put(CONTROL.windows, user);
  put(CONTROL.windows + 8, supervisor);
  put(CONTROL.windows + 24, arena);
  put(CONTROL.forwardEcall, handler + BigInt(FORWARD_ECALL));
  put(CONTROL.forwardIllegal, handler + BigInt(FORWARD_ILLEGAL));
  put(CONTROL.supervisorReturn, handler + BigInt(SUPERVISOR_RETURN));
  put(CONTROL.machineVector, program.vectored ? MACHINE_VECTORS + 1 : MACHINE_HANDLER);
  put(CONTROL.forwardBy, program.forwardByIllegal ? 1 : 0);
  const first = { 0: user, 1: supervisor, 3: BigInt(arena) }[program.start];
  const inputs: Record<string, bigint> = {
    stvec: program.vectored ? handler + 1n : handler + BigInt(SUPERVISOR_ENTRY),
    sscratch: supervisor,
    mepc: first + BigInt(CODE),
    ...program.csrs(arena),
  };
  inputs.mstatus = ((inputs.mstatus ?? 0n) & ~0x1800n) | (BigInt(program.start) << 11n);
  for (const name of INPUT_CSRS) put(inputOffset(name), inputs[name] ?? 0n);
}

/** What a program did: its arena after the run. */
export interface Outcome {
  readonly bytes: Uint8Array;
}

export function outcomeOf(ram: Uint8Array, index: number): Outcome {
  const start = arenaOf(index) - RAM_BASE;
  return { bytes: ram.subarray(start, start + ARENA_BYTES) };
}

/** Instructions that the program retired, without prologue and trap handlers, as the machine counted them. */
export function instructionsOf(outcome: Outcome): number {
  const view = new DataView(outcome.bytes.buffer, outcome.bytes.byteOffset, ARENA_BYTES);
  return Number(view.getBigUint64(CONTROL.instretProgram, true));
}

/** Whether the program ended, in whatever way, before the machine was stopped. */
export function hasEnded(outcome: Outcome): boolean {
  return outcome.bytes[CONTROL.outcome] !== 0;
}
