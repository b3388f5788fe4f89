// Comparison of what two machines left in the arenas of a batch.

import { disassemble } from './assembler.ts';
import { arenaOf, hasEnded, instructionsOf, outcomeOf } from './batch.ts';
import {
  ARENA_BYTES,
  CONTROL,
  describeOffset,
  FINAL_CSRS,
  LOG,
  RECORD,
  RECORD_BYTES,
  SUPERVISOR_RECORD,
  UNCOMPARED,
} from './layout.ts';
import { type PlacedItem, place, type Program } from './program.ts';

/** One machine's run of a batch: RAM afterwards. */
export type Run = (image: Uint8Array) => Promise<Uint8Array>;

export interface Difference {
  /** Offset in the arena of the first dword that differs, trap log first. */
  readonly offset: number;
  readonly expected: bigint;
  readonly got: bigint;
}

/**
 * The first difference between two outcomes of a program, or undefined. The trap log is looked at first, because it is
 * ordered in time, then registers and CSRs, then memory.
 */
export function compareOutcomes(expected: Uint8Array, got: Uint8Array): Difference | undefined {
  const regions = [
    [LOG, CONTROL_END],
    [0, LOG],
    [CONTROL_END, ARENA_BYTES],
  ];
  const a = new DataView(expected.buffer, expected.byteOffset, ARENA_BYTES);
  const b = new DataView(got.buffer, got.byteOffset, ARENA_BYTES);
  for (const [from, to] of regions) {
    for (let offset = from; offset < to; offset += 8) {
      if (offset >= UNCOMPARED[0] && offset < UNCOMPARED[1]) continue;
      if (a.getUint32(offset) === b.getUint32(offset) && a.getUint32(offset + 4) === b.getUint32(offset + 4)) continue;
      return { offset, expected: a.getBigUint64(offset, true), got: b.getBigUint64(offset, true) };
    }
  }
  return undefined;
}

/** Where code begins, behind the log. */
const CONTROL_END = 0x4000;

export interface Verdict {
  readonly index: number;
  readonly difference: Difference;
}

export interface BatchResult {
  /** Programs that both sides ended: one that hangs (what a program stored may be an endless loop) hides those behind. */
  readonly compared: number;
  /** Instructions that the programs retired, as `subject` counted them. */
  readonly instructions: number;
  readonly verdicts: readonly Verdict[];
}

/** In the high word of a record's cause. */
const SUPERVISOR_WROTE = 1 << (SUPERVISOR_RECORD - 32);
const ATOMIC_OPCODE = 0x2f;
const LOAD_RESERVED = 2;
/** Exceptions of loads and what they are for stores and AMOs (3.1.15): misaligned, access fault, page fault. */
const STORE_CAUSE: Readonly<Record<number, number>> = { 4: 6, 5: 7, 13: 15 };

/**
 * Where QEMU (7.2, one thread) reports that an AMO failed as a load, puts the cause that the architecture demands
 * (3.1.15: "Load/load-reserved ... Store/AMO"). Works on the log and the final scause.
 */
function correctAtomicCauses(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ARENA_BYTES);
  const end = Number(view.getBigUint64(CONTROL.logNext, true));
  let scause: number | undefined;
  for (let record = LOG; record < end; record += RECORD_BYTES) {
    const store = STORE_CAUSE[view.getUint32(record, true)];
    const bySupervisor = (view.getUint32(record + 4, true) & SUPERVISOR_WROTE) !== 0;
    const epc = Number(view.getBigUint64(record + 8, true) & BigInt(ARENA_BYTES - 1));
    const isAmo = view.getUint8(epc) % 0x80 === ATOMIC_OPCODE && view.getUint8(epc + 3) >> 3 !== LOAD_RESERVED;
    const corrected = store !== undefined && view.getUint32(record + 4, true) >>> 31 === 0 && isAmo;
    if (corrected) view.setUint32(record, store, true);
    if (bySupervisor) scause = corrected ? store : undefined;
  }
  const final = CONTROL.finalCsr + 8 * FINAL_CSRS.indexOf('scause');
  if (scause !== undefined && STORE_CAUSE[view.getUint32(final, true)] === scause) view.setUint32(final, scause, true);
}

/** Compares the programs of a batch, up to the first that one side did not end. */
export function compareBatch(programs: number, expected: Uint8Array, got: Uint8Array): BatchResult {
  const verdicts: Verdict[] = [];
  let instructions = 0;
  let index = 0;
  for (; index < programs; index++) {
    const outcome = outcomeOf(got, index);
    instructions += instructionsOf(outcome);
    const judge = outcomeOf(expected, index).bytes;
    correctAtomicCauses(judge);
    const difference = compareOutcomes(judge, outcome.bytes);
    if (difference !== undefined) verdicts.push({ index, difference });
    if (!hasEnded(outcome) || !hasEnded(outcomeOf(expected, index))) break;
  }
  return { compared: index, instructions, verdicts };
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** A report of a difference: the program, the traps around it, the code, and both values. */
export function explain(
  program: Program,
  index: number,
  difference: Difference,
  expected: Uint8Array,
  got: Uint8Array,
): string {
  const arena = arenaOf(index);
  const lines = [
    `program of seed ${program.seed}: ${program.about}; ${program.rounds} round(s), arena ${hex(arena)}`,
    `differs in ${describeOffset(difference.offset)}: expected ${hex(difference.expected)}, got ${hex(difference.got)}`,
  ];
  for (const [name, window] of Object.entries(program.windows)) {
    if (window !== undefined) lines.push(`  ${name} window ${hex(BigInt.asUintN(64, window))}`);
  }
  const reached = difference.offset >= LOG && difference.offset < CONTROL_END ? recordOf(difference.offset) : Infinity;
  lines.push('traps (expected | got):');
  for (let record = 0; record <= Math.min(reached, 255); record++) {
    const a = readRecord(expected, record);
    const b = readRecord(got, record);
    if (a.cause === 0n && a.epc === 0n && b.cause === 0n && b.epc === 0n) break;
    if (reached - record > 3 && reached !== Infinity) continue;
    lines.push(`  ${record}: ${recordText(a)}`);
    if (recordText(a) !== recordText(b)) lines.push(`  ${' '.repeat(String(record).length)}| ${recordText(b)}`);
  }
  lines.push('code:', ...listing(place(program.groups, program.rounds, arena)));
  return lines.join('\n');
}

function recordOf(offset: number): number {
  return Math.floor((offset - LOG) / RECORD_BYTES);
}

type Record_ = Record<(typeof RECORD)[number], bigint>;

function readRecord(bytes: Uint8Array, record: number): Record_ {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ARENA_BYTES);
  return Object.fromEntries(
    RECORD.map((name, i) => [name, view.getBigUint64(LOG + record * RECORD_BYTES + 8 * i, true)]),
  ) as Record_;
}

function recordText(record: Record_): string {
  return RECORD.map((name) => `${name} ${hex(record[name])}`).join(', ');
}

/** The most lines of code that a report shows. */
const LISTING_LIMIT = 120;

function listing(placed: readonly PlacedItem[]): string[] {
  const lines: string[] = [];
  let group: unknown;
  for (const item of placed) {
    if (item.group !== group) lines.push(`  ${item.group.about}:`);
    group = item.group;
    let at = item.offset;
    for (const { word, size } of item.words) {
      lines.push(`    ${hex(at)}  ${disassemble(word, at)}`);
      at += size;
    }
  }
  return lines.length > LISTING_LIMIT ? [...lines.slice(0, LISTING_LIMIT), `    ... ${lines.length} lines`] : lines;
}

/** The final dword of a register or CSR, for messages and tests. */
export function finalRegister(bytes: Uint8Array, x: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, ARENA_BYTES).getBigUint64(CONTROL.finalX + 8 * x, true);
}
