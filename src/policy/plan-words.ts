// The core's plan tables -> the words of a compiled plan: the way back of kernel/plan-load.ts, in the same order.
import {
  type Kernel,
  MAX_CODES,
  MAX_CORES,
  MAX_DEPTH,
  MAX_ENDS,
  MAX_HANDLES,
  MAX_PARTITIONS,
  H_NONE,
} from '../kernel/core/core.ts';
import {
  H_CORES,
  H_DEPTH,
  H_ENDS,
  H_HANDLES,
  H_MODES,
  H_PARTITIONS,
  H_PORTS,
  H_SAMPLES,
  H_STREAMS,
  H_TICK,
  H_VERSION,
  H_WINDOWS,
  H_WORDS,
  HEADER_WORDS,
  PLAN_MAGIC_0,
  PLAN_MAGIC_1,
  PLAN_VERSION,
} from '../kernel/plan-load.ts';
import { TICK } from '../kernel/plan.ts';

type Table = { [K in keyof Kernel]: Kernel[K] extends Int32Array ? K : never }[keyof Kernel];

/** Rows that stand one after another, table by table; or tables with several places in a row, of `stride` of which `used` stand. */
export interface Section {
  readonly tables: readonly Table[];
  readonly rows: number;
  readonly used?: number;
  readonly stride?: number;
}

const PARTITION: readonly Table[] = [
  'mayShutDown',
  'mayMode',
  'counts',
  'startsItself',
  'background',
  'quota',
  'rank',
  'manager',
  'auditor',
  'memoryBase',
  'memoryFrames',
  'slotFirst',
  'slotEnd',
  'beatPeriod',
  'hmBudget',
  'hmPeriod',
  'hmDelay',
  'hmMax',
  'hmMode',
  'ends',
];
const STREAM: readonly Table[] = [
  'streamFrom',
  'streamTo',
  'streamFromEnd',
  'streamToEnd',
  'streamBase',
  'streamFrames',
];
const PORT: readonly Table[] = [
  'portKind',
  'portFrom',
  'portTo',
  'portCapacity',
  'portBytes',
  'portQuota',
  'portWithin',
  'replySlot',
];

/** Places of a partition's row of handles up to the last that is used by any. */
function handlesUsed(k: Kernel): number {
  let used = 0;
  for (let row = 0; row < k.np * MAX_HANDLES; row++) {
    if (k.handleKind[row] !== H_NONE) used = Math.max(used, (row % MAX_HANDLES) + 1);
  }
  return used;
}

/** Places of the longest row, of `stride` at most. */
const longest = (lengths: Int32Array, rows: number, stride: number): number =>
  Math.min(stride, Math.max(0, ...lengths.subarray(0, rows)));

/** All that stands in a plan's words after the header, in order. */
export function sectionsOf(k: Kernel): Section[] {
  const { np, ns, nports, nsamples, nmodes, ncores, nwindows } = k;
  return [
    { tables: PARTITION, rows: np },
    { tables: ['hmAction'], rows: np, used: MAX_CODES, stride: MAX_CODES },
    { tables: ['policy', 'shown', 'joined'], rows: np, used: np, stride: MAX_PARTITIONS },
    { tables: STREAM, rows: ns },
    { tables: ['endStream'], rows: np, used: longest(k.ends, np, MAX_ENDS), stride: MAX_ENDS },
    { tables: ['handleKind', 'handleObject', 'handleMask'], rows: np, used: handlesUsed(k), stride: MAX_HANDLES },
    { tables: PORT, rows: nports },
    { tables: ['slotOf'], rows: nports, used: longest(k.portCapacity, nports, MAX_DEPTH), stride: MAX_DEPTH },
    { tables: ['sampleFrom', 'sampleBytes', 'sampleRefresh'], rows: nsamples },
    { tables: ['sampleReader'], rows: nsamples, used: np, stride: MAX_PARTITIONS },
    { tables: ['frameLength'], rows: nmodes },
    { tables: ['scheduleFirst', 'scheduleEnd'], rows: nmodes, used: ncores, stride: MAX_CORES },
    { tables: ['winPart', 'winStart', 'winEnd'], rows: nwindows },
  ];
}

/** Tables that the loader finds again from the others. */
export const DERIVED: readonly Table[] = ['slotRow', 'slotOwner', 'winSchedule'];

/** The words of the plan in the tables; the length of the names is left open. */
export function planWords(k: Kernel): Int32Array {
  const words: number[] = Array.from({ length: HEADER_WORDS }, () => 0);
  for (const { tables, rows, used = 1, stride = 1 } of sectionsOf(k)) {
    for (const table of tables) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < used; j++) words.push(k[table][i * stride + j]);
      }
    }
  }
  const header: readonly (readonly [word: number, value: number])[] = [
    [0, PLAN_MAGIC_0],
    [1, PLAN_MAGIC_1],
    [H_VERSION, PLAN_VERSION],
    [H_WORDS, words.length],
    [H_TICK, TICK],
    [H_PARTITIONS, k.np],
    [H_STREAMS, k.ns],
    [H_PORTS, k.nports],
    [H_SAMPLES, k.nsamples],
    [H_WINDOWS, k.nwindows],
    [H_MODES, k.nmodes],
    [H_CORES, k.ncores],
    [H_ENDS, longest(k.ends, k.np, MAX_ENDS)],
    [H_HANDLES, handlesUsed(k)],
    [H_DEPTH, longest(k.portCapacity, k.nports, MAX_DEPTH)],
  ];
  for (const [word, value] of header) words[word] = value;
  return Int32Array.from(words);
}
