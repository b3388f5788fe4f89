/*
 * A compiled plan's words -> the core's plan tables. In the core's language, and so the same on bare metal. Nothing in the
 * words is trusted: sizes are held against the core's capacities and against what is there, then every word is copied as it
 * is, and `boot` judges what they mean.
 *
 * A table with a row for each partition has np words; one with several places in a row (ends, handles, messages of a port) has
 * as many as the longest row of this plan needs. So the words say nothing of the capacities that a core was built with.
 */
import {
  E_PLAN,
  MAX_CODES,
  MAX_CORES,
  MAX_DEPTH,
  MAX_ENDS,
  MAX_HANDLES,
  MAX_MODES,
  MAX_PARTITIONS,
  MAX_PORTS,
  MAX_SAMPLES,
  MAX_STREAMS,
  MAX_WINDOWS,
  OK,
  PORT_CALL,
  POSITIONS,
  SLOTS,
} from './core/core.ts';
import type { Kernel } from './core/core.ts';

/** `VSPL`, `AN\r\n` as little-endian words: a transfer as text shows at once. */
export const PLAN_MAGIC_0 = 0x4c505356;
export const PLAN_MAGIC_1 = 0x0a0d4e41;
export const PLAN_VERSION = 2;
/** Words of the largest plan, and of the buffer that a kernel reads one into. */
export const MAX_PLAN_WORDS = 65536;

// ---- header
export const H_VERSION = 2;
/** Words in all, this header included. */
export const H_WORDS = 3;
/** Bytes of names that follow the words in a file. */
export const H_NAME_BYTES = 4;
/** Microseconds of a tick. */
export const H_TICK = 5;
export const H_PARTITIONS = 6;
export const H_STREAMS = 7;
export const H_PORTS = 8;
export const H_SAMPLES = 9;
export const H_WINDOWS = 10;
export const H_MODES = 11;
export const H_CORES = 12;
/** Places in a row of ends, of handles, of a port's messages. */
export const H_ENDS = 13;
export const H_HANDLES = 14;
export const H_DEPTH = 15;
export const HEADER_WORDS = 16;

/** Tables with a word for each partition, pair of partitions, stream, port, sample, window, and schedule of a core in a mode. */
const PARTITION_TABLES = 20;
const PAIR_TABLES = 3;
const STREAM_TABLES = 6;
const HANDLE_TABLES = 3;
const PORT_TABLES = 8;
const SAMPLE_TABLES = 3;
const WINDOW_TABLES = 3;
const SCHEDULE_TABLES = 2;

/** Where a plan lies while it is loaded. */
export class PlanWords {
  /** Words that are there. */
  n = 0;
  readonly words = new Int32Array(MAX_PLAN_WORDS);
}

function isIn(f: PlanWords, word: number, from: number, to: number): boolean {
  return f.words[word] >= from && f.words[word] <= to;
}
/** Words of a plan of these counts, each of which is within its range. */
function sizeOf(f: PlanWords): number {
  const np = f.words[H_PARTITIONS];
  return (
    HEADER_WORDS +
    np * (PARTITION_TABLES + MAX_CODES + f.words[H_ENDS] + HANDLE_TABLES * f.words[H_HANDLES]) +
    PAIR_TABLES * np * np +
    STREAM_TABLES * f.words[H_STREAMS] +
    f.words[H_PORTS] * (PORT_TABLES + f.words[H_DEPTH]) +
    f.words[H_SAMPLES] * (SAMPLE_TABLES + np) +
    f.words[H_MODES] * (1 + SCHEDULE_TABLES * f.words[H_CORES]) +
    WINDOW_TABLES * f.words[H_WINDOWS]
  );
}
/** Header and sizes are such that every table below fits. */
function fits(f: PlanWords): boolean {
  if (f.n < HEADER_WORDS || f.n > MAX_PLAN_WORDS) return false;
  if (f.words[0] !== PLAN_MAGIC_0 || f.words[1] !== PLAN_MAGIC_1 || f.words[H_VERSION] !== PLAN_VERSION) return false;
  return (
    f.words[H_WORDS] === f.n &&
    isIn(f, H_TICK, 1, 1000000) &&
    isIn(f, H_PARTITIONS, 1, MAX_PARTITIONS) &&
    isIn(f, H_STREAMS, 0, MAX_STREAMS) &&
    isIn(f, H_PORTS, 0, MAX_PORTS) &&
    isIn(f, H_SAMPLES, 0, MAX_SAMPLES) &&
    isIn(f, H_WINDOWS, 1, MAX_WINDOWS) &&
    isIn(f, H_MODES, 1, MAX_MODES) &&
    isIn(f, H_CORES, 1, MAX_CORES) &&
    isIn(f, H_ENDS, 0, MAX_ENDS) &&
    isIn(f, H_HANDLES, 0, MAX_HANDLES) &&
    isIn(f, H_DEPTH, 0, MAX_DEPTH) &&
    f.n === sizeOf(f)
  );
}

function loadPartitions(k: Kernel, f: PlanWords, from: number): number {
  const np = k.np;
  let at = from;
  for (let i = 0; i < np; i++) {
    k.mayShutDown[i] = f.words[at + i];
    k.mayMode[i] = f.words[at + np + i];
    k.counts[i] = f.words[at + 2 * np + i];
    k.startsItself[i] = f.words[at + 3 * np + i];
    k.background[i] = f.words[at + 4 * np + i];
    k.quota[i] = f.words[at + 5 * np + i];
    k.rank[i] = f.words[at + 6 * np + i];
    k.manager[i] = f.words[at + 7 * np + i];
    k.auditor[i] = f.words[at + 8 * np + i];
    k.memoryBase[i] = f.words[at + 9 * np + i];
    k.memoryFrames[i] = f.words[at + 10 * np + i];
    k.slotFirst[i] = f.words[at + 11 * np + i];
    k.slotEnd[i] = f.words[at + 12 * np + i];
    k.beatPeriod[i] = f.words[at + 13 * np + i];
    k.hmBudget[i] = f.words[at + 14 * np + i];
    k.hmPeriod[i] = f.words[at + 15 * np + i];
    k.hmDelay[i] = f.words[at + 16 * np + i];
    k.hmMax[i] = f.words[at + 17 * np + i];
    k.hmMode[i] = f.words[at + 18 * np + i];
    k.ends[i] = f.words[at + 19 * np + i];
  }
  at += PARTITION_TABLES * np;
  for (let i = 0; i < np; i++) {
    for (let j = 0; j < MAX_CODES; j++) {
      k.hmAction[i * MAX_CODES + j] = f.words[at + i * MAX_CODES + j];
    }
  }
  at += np * MAX_CODES;
  for (let i = 0; i < np; i++) {
    for (let j = 0; j < np; j++) {
      k.policy[i * MAX_PARTITIONS + j] = f.words[at + i * np + j];
      k.shown[i * MAX_PARTITIONS + j] = f.words[at + np * np + i * np + j];
      k.joined[i * MAX_PARTITIONS + j] = f.words[at + 2 * np * np + i * np + j];
    }
  }
  at += PAIR_TABLES * np * np;
  return at;
}
function loadStreams(k: Kernel, f: PlanWords, from: number): number {
  const np = k.np;
  const ns = k.ns;
  const ends = f.words[H_ENDS];
  let at = from;
  for (let i = 0; i < ns; i++) {
    k.streamFrom[i] = f.words[at + i];
    k.streamTo[i] = f.words[at + ns + i];
    k.streamFromEnd[i] = f.words[at + 2 * ns + i];
    k.streamToEnd[i] = f.words[at + 3 * ns + i];
    k.streamBase[i] = f.words[at + 4 * ns + i];
    k.streamFrames[i] = f.words[at + 5 * ns + i];
  }
  at += STREAM_TABLES * ns;
  for (let i = 0; i < np; i++) {
    for (let j = 0; j < ends; j++) {
      k.endStream[i * MAX_ENDS + j] = f.words[at + i * ends + j];
    }
  }
  at += np * ends;
  return at;
}
function loadHandles(k: Kernel, f: PlanWords, from: number): number {
  const np = k.np;
  const handles = f.words[H_HANDLES];
  let at = from;
  for (let i = 0; i < np; i++) {
    for (let j = 0; j < handles; j++) {
      k.handleKind[i * MAX_HANDLES + j] = f.words[at + i * handles + j];
      k.handleObject[i * MAX_HANDLES + j] = f.words[at + np * handles + i * handles + j];
      k.handleMask[i * MAX_HANDLES + j] = f.words[at + 2 * np * handles + i * handles + j];
    }
  }
  at += HANDLE_TABLES * np * handles;
  return at;
}
function loadPorts(k: Kernel, f: PlanWords, from: number): number {
  const np = k.np;
  const nports = k.nports;
  const nsamples = k.nsamples;
  const depth = f.words[H_DEPTH];
  let at = from;
  for (let i = 0; i < nports; i++) {
    k.portKind[i] = f.words[at + i];
    k.portFrom[i] = f.words[at + nports + i];
    k.portTo[i] = f.words[at + 2 * nports + i];
    k.portCapacity[i] = f.words[at + 3 * nports + i];
    k.portBytes[i] = f.words[at + 4 * nports + i];
    k.portQuota[i] = f.words[at + 5 * nports + i];
    k.portWithin[i] = f.words[at + 6 * nports + i];
    k.replySlot[i] = f.words[at + 7 * nports + i];
  }
  at += PORT_TABLES * nports;
  for (let i = 0; i < nports; i++) {
    for (let j = 0; j < depth; j++) {
      k.slotOf[i * MAX_DEPTH + j] = f.words[at + i * depth + j];
    }
  }
  at += nports * depth;
  for (let i = 0; i < nsamples; i++) {
    k.sampleFrom[i] = f.words[at + i];
    k.sampleBytes[i] = f.words[at + nsamples + i];
    k.sampleRefresh[i] = f.words[at + 2 * nsamples + i];
  }
  at += SAMPLE_TABLES * nsamples;
  for (let i = 0; i < nsamples; i++) {
    for (let j = 0; j < np; j++) {
      k.sampleReader[i * MAX_PARTITIONS + j] = f.words[at + i * np + j];
    }
  }
  at += nsamples * np;
  return at;
}
/** What each slot is for is said once in a plan, by `slotOf` and `replySlot`: the way back from it is found here. */
function findSlots(k: Kernel, depth: number): void {
  for (let s = 0; s < SLOTS; s++) k.slotOwner[s] = -1;
  for (let c = 0; c < k.nports; c++) {
    for (let i = 0; i < depth; i++) {
      const s = k.slotOf[c * MAX_DEPTH + i];
      if (i < k.portCapacity[c] && s >= 0 && s < SLOTS) {
        k.slotRow[s] = c * MAX_DEPTH + i;
        k.slotOwner[s] = k.portTo[c];
      }
    }
    const reply = k.replySlot[c];
    if (k.portKind[c] === PORT_CALL && reply >= 0 && reply < SLOTS) {
      k.slotRow[reply] = POSITIONS + c;
      k.slotOwner[reply] = k.portFrom[c];
    }
  }
}
function loadSchedules(k: Kernel, f: PlanWords, from: number): number {
  const nmodes = k.nmodes;
  const ncores = k.ncores;
  const nwindows = k.nwindows;
  let at = from;
  for (let i = 0; i < nmodes; i++) {
    k.frameLength[i] = f.words[at + i];
  }
  at += nmodes;
  for (let i = 0; i < nmodes; i++) {
    for (let j = 0; j < ncores; j++) {
      k.scheduleFirst[i * MAX_CORES + j] = f.words[at + i * ncores + j];
      k.scheduleEnd[i * MAX_CORES + j] = f.words[at + nmodes * ncores + i * ncores + j];
    }
  }
  at += SCHEDULE_TABLES * nmodes * ncores;
  for (let i = 0; i < nwindows; i++) {
    k.winPart[i] = f.words[at + i];
    k.winStart[i] = f.words[at + nwindows + i];
    k.winEnd[i] = f.words[at + 2 * nwindows + i];
  }
  at += WINDOW_TABLES * nwindows;
  return at;
}
/** A window's schedule is the one that counts it among its own. */
function findSchedules(k: Kernel): void {
  for (let w = 0; w < k.nwindows; w++) k.winSchedule[w] = -1;
  for (let m = 0; m < k.nmodes; m++) {
    for (let core = 0; core < k.ncores; core++) {
      const row = m * MAX_CORES + core;
      for (let w = 0; w < k.nwindows; w++) {
        if (w >= k.scheduleFirst[row] && w < k.scheduleEnd[row]) k.winSchedule[w] = row;
      }
    }
  }
}

/**
 * Fills the plan tables of a new Kernel, or refuses with E_PLAN. It takes any words at all; what it accepts is to be judged by
 * `boot`, and a kernel that either has refused is to be thrown away.
 */
export function loadPlan(k: Kernel, f: PlanWords): number {
  if (!fits(f)) return E_PLAN;
  k.np = f.words[H_PARTITIONS];
  k.ns = f.words[H_STREAMS];
  k.nports = f.words[H_PORTS];
  k.nsamples = f.words[H_SAMPLES];
  k.nwindows = f.words[H_WINDOWS];
  k.nmodes = f.words[H_MODES];
  k.ncores = f.words[H_CORES];
  let at = loadPartitions(k, f, HEADER_WORDS);
  at = loadStreams(k, f, at);
  at = loadHandles(k, f, at);
  at = loadPorts(k, f, at);
  at = loadSchedules(k, f, at);
  findSlots(k, f.words[H_DEPTH]);
  findSchedules(k);
  return at === f.n ? OK : E_PLAN;
}
