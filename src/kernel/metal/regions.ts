/*
 * Where partitions lie: the layout that came with the image, its judgement, the PMP entries that follow from it, and loading. In
 * the core's language with the intrinsics of the compiler. Nothing that a partition says is an address.
 */
import { MAX_PARTITIONS } from '../core/core.ts';
import type { Kernel } from '../core/core.ts';
import { FRAME_SHIFT } from './board.ts';
import {
  add64,
  addressOf,
  csrWrite,
  fenceTranslations,
  load32,
  load64,
  or64,
  shiftLeft64,
  store64,
  symbol,
  word,
} from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

const PMPCFG0 = 0x3a0;
const PMPADDR0 = 0x3b0;
const PMPADDR1 = 0x3b1;
const PMPADDR2 = 0x3b2;
const PMPADDR3 = 0x3b3;
const PMPADDR4 = 0x3b4;
const PMPADDR5 = 0x3b5;
const PMPADDR6 = 0x3b6;
const PMPADDR7 = 0x3b7;
/** pmpcfg: naturally aligned power of two (Privileged ISA 3.7.1). */
const NAPOT = 0x18;

/** Regions of a partition: entries of the PMP. The first is its code, the second its data, the third a guest's memory. */
export const MAX_REGIONS = 8;
export const REGION_ROWS = MAX_PARTITIONS * MAX_REGIONS;
const CODE = 0;
const DATA = 1;
const GUEST = 2;
export const R_NONE = 0;
const R_READ = 1;
const R_WRITE = 2;
const R_EXECUTE = 4;
const R_ACCESS = R_READ + R_WRITE + R_EXECUTE;
/** Memory, which is cleared at each start. Without it: registers of a device, or memory that another partition writes. */
const R_MEMORY = 8;
/** What the guest (S and U mode) has, readable, writable and executable; its VMM reads and writes it. */
const R_GUEST = 16;
/** The other side of a stream has it, too: the same region, which one of the two writes. */
const R_SHARED = 32;
const R_ALL = R_ACCESS + R_MEMORY + R_GUEST + R_SHARED;
/** Largest region: 2^18 page frames, 1 GiB. */
const MAX_SHIFT = 18;
const MAX_FRAME = 1 << 22;
/** Largest blob: 2^27 words of 64 bits, 1 GiB. */
const MAX_BLOB = 1 << 27;
/** What is copied into a partition at each start: its program, and a guest's kernel, initial RAM disk and device tree. */
export const MAX_BLOBS = 4;
export const BLOB_ROWS = MAX_PARTITIONS * MAX_BLOBS;
const PROGRAM = 0;
/** Words of the layout for each blob (first page frame of the source, 64-bit words, frame of the target), then for each region. */
const BLOB_WORDS = 3;
const REGION_WORDS = 3;
const LAYOUT_WORDS = MAX_BLOBS * BLOB_WORDS + MAX_REGIONS * REGION_WORDS;
const REGIONS_AT = MAX_BLOBS * BLOB_WORDS;

/** pmpaddr 0 to 7, pmpcfg0 of the partition, pmpcfg0 of its guest: 64 bits each. */
const PMP_PARTITION = MAX_REGIONS;
const PMP_GUEST = MAX_REGIONS + 1;
const PMP_ROW = MAX_REGIONS + 2;
const PMP_ROW_BYTES = PMP_ROW * 8;
export const PMP_WORDS = MAX_PARTITIONS * PMP_ROW * 2;

export class Regions {
  /** Row p * MAX_REGIONS + i: first page frame, log2 of page frames, R_ rights. */
  readonly regionFrame = new Int32Array(REGION_ROWS);
  readonly regionShift = new Int32Array(REGION_ROWS);
  readonly regionRights = new Int32Array(REGION_ROWS);
  /** Row p * MAX_BLOBS + i. */
  readonly blobFrom = new Int32Array(BLOB_ROWS);
  readonly blobLength = new Int32Array(BLOB_ROWS);
  readonly blobTo = new Int32Array(BLOB_ROWS);
  readonly pmpWords = new Int32Array(PMP_WORDS);
  /** Loading: the piece that is next (regions to be cleared, then blobs), and its next 64-bit word. */
  readonly loadPiece = new Int32Array(MAX_PARTITIONS);
  readonly loadCursor = new Int32Array(MAX_PARTITIONS);
}

// ---- memory of partitions
function frameAddress(frame: number): Word {
  return shiftLeft64(word(frame), FRAME_SHIFT);
}
export function codeOf(r: Regions, p: number): Word {
  return frameAddress(r.regionFrame[p * MAX_REGIONS + CODE]);
}
export function dataOf(r: Regions, p: number): Word {
  return frameAddress(r.regionFrame[p * MAX_REGIONS + DATA]);
}
/** First byte behind its data. */
export function dataEnd(r: Regions, p: number): Word {
  const row = p * MAX_REGIONS + DATA;
  return frameAddress(r.regionFrame[row] + (1 << r.regionShift[row]));
}
export function hasGuest(r: Regions, p: number): boolean {
  return (r.regionRights[p * MAX_REGIONS + GUEST] & R_GUEST) !== 0;
}

// ---- the layout is judged before it is used
/** A region is aligned to its size, or not in use. */
function regionIsSound(r: Regions, row: number): boolean {
  const frame = r.regionFrame[row];
  const shift = r.regionShift[row];
  const rights = r.regionRights[row];
  if (rights === R_NONE) return true;
  if (rights < R_NONE || rights > R_ALL || (rights & R_READ) === 0) return false;
  // Nothing is both written and executed.
  if ((rights & (R_WRITE | R_EXECUTE)) === R_WRITE + R_EXECUTE) return false;
  if (shift < 0 || shift > MAX_SHIFT || frame < 1 || frame >= MAX_FRAME) return false;
  return (frame & ((1 << shift) - 1)) === 0;
}
function endOf(r: Regions, row: number): number {
  return r.regionFrame[row] + (1 << r.regionShift[row]);
}
function isJoined(k: Kernel, p: number, q: number): boolean {
  for (let s = 0; s < k.ns; s++) {
    if (k.streamFrom[s] === p && k.streamTo[s] === q) return true;
    if (k.streamFrom[s] === q && k.streamTo[s] === p) return true;
  }
  return false;
}
/** Apart, or the two sides of a stream of the plan between p and q: one of them writes, nobody executes. */
function regionsAreApart(k: Kernel, r: Regions, a: number, b: number, p: number, q: number): boolean {
  const ra = r.regionRights[a];
  const rb = r.regionRights[b];
  if (ra === R_NONE || rb === R_NONE) return true;
  if (endOf(r, a) <= r.regionFrame[b] || endOf(r, b) <= r.regionFrame[a]) return true;
  if ((ra & rb & R_SHARED) === 0 || ((ra | rb) & (R_EXECUTE | R_GUEST)) !== 0) return false;
  if ((ra & R_WRITE) !== 0 && (rb & R_WRITE) !== 0) return false;
  return r.regionFrame[a] === r.regionFrame[b] && r.regionShift[a] === r.regionShift[b] && isJoined(k, p, q);
}
/** Whether a region touches frames first <= f < end. */
function regionTouches(r: Regions, row: number, first: number, end: number): boolean {
  return r.regionRights[row] !== R_NONE && r.regionFrame[row] < end && first < endOf(r, row);
}
/** Whether a page frame is in nobody's regions. */
export function nobodyHas(k: Kernel, r: Regions, frame: number): boolean {
  const rows = k.np * MAX_REGIONS;
  for (let row = 0; row < rows; row++) if (regionTouches(r, row, frame, frame + 1)) return false;
  return true;
}
/** ACLINT, frames of both devices: whoever writes mtimecmp has everybody's time. */
const ACLINT_FIRST = 0x2000;
const ACLINT_END = 0x2010;
/** PLIC, the 64 MiB of its memory map (PLIC 1.0.0, chapter 3): interrupts are the kernel's, who enables and completes them for all. */
const PLIC_FIRST = 0xc000;
const PLIC_END = 0x1_0000;
const KERNEL_FIRST = 0x8_0000;
/** A blob comes out of the image and stays within a region: the program within the code, all others within the guest's memory. */
function blobIsSound(r: Regions, p: number, i: number, kernelEnd: number): boolean {
  const row = p * MAX_BLOBS + i;
  const words = r.blobLength[row];
  const from = r.blobFrom[row];
  const to = r.blobTo[row];
  if (words === 0) return i !== PROGRAM;
  if (words < 0 || words > MAX_BLOB) return false;
  const frames = (words + 511) >> 9;
  if (from < KERNEL_FIRST || from > kernelEnd || frames > kernelEnd - from) return false;
  const region = p * MAX_REGIONS + (i === PROGRAM ? CODE : GUEST);
  if (i !== PROGRAM && (r.regionRights[region] & R_GUEST) === 0) return false;
  return to >= r.regionFrame[region] && to < endOf(r, region) && frames <= endOf(r, region) - to;
}
function partitionIsSound(r: Regions, p: number, kernelEnd: number): boolean {
  const row = p * MAX_REGIONS;
  if (r.regionRights[row + CODE] !== R_READ + R_EXECUTE + R_MEMORY) return false;
  if (r.regionRights[row + DATA] !== R_READ + R_WRITE + R_MEMORY) return false;
  for (let i = 0; i < MAX_REGIONS; i++) {
    const rights = r.regionRights[row + i];
    if (i !== CODE && (rights & R_EXECUTE) !== 0) return false;
    if ((rights & R_GUEST) !== 0 && (i !== GUEST || rights !== R_READ + R_WRITE + R_MEMORY + R_GUEST)) return false;
    // What is cleared at a start is its own, or the half of a stream that it writes.
    if (i > GUEST && (rights & R_MEMORY) !== 0 && (rights & R_WRITE) === 0) return false;
  }
  for (let i = 0; i < MAX_BLOBS; i++) if (!blobIsSound(r, p, i, kernelEnd)) return false;
  return true;
}
function partitionsAreApart(k: Kernel, r: Regions, p: number, q: number): boolean {
  for (let i = 0; i < MAX_REGIONS; i++) {
    const others = p === q ? i : MAX_REGIONS;
    for (let j = 0; j < others; j++) {
      if (!regionsAreApart(k, r, p * MAX_REGIONS + i, q * MAX_REGIONS + j, p, q)) return false;
    }
  }
  return true;
}
export function layoutIsSound(k: Kernel, r: Regions, kernelEnd: number): boolean {
  const rows = k.np * MAX_REGIONS;
  for (let row = 0; row < rows; row++) {
    if (!regionIsSound(r, row)) return false;
    if (regionTouches(r, row, KERNEL_FIRST, kernelEnd)) return false;
    if (regionTouches(r, row, ACLINT_FIRST, ACLINT_END)) return false;
    if (regionTouches(r, row, PLIC_FIRST, PLIC_END)) return false;
  }
  for (let p = 0; p < k.np; p++) if (!partitionIsSound(r, p, kernelEnd)) return false;
  for (let p = 0; p < k.np; p++) {
    for (let q = 0; q < p + 1; q++) if (!partitionsAreApart(k, r, p, q)) return false;
  }
  return true;
}
export function readLayout(k: Kernel, r: Regions): void {
  for (let p = 0; p < k.np; p++) {
    const row = add64(symbol('layout'), word(p * LAYOUT_WORDS * 4));
    for (let i = 0; i < MAX_BLOBS; i++) {
      const blob = add64(row, word(i * BLOB_WORDS * 4));
      r.blobFrom[p * MAX_BLOBS + i] = load32(blob);
      r.blobLength[p * MAX_BLOBS + i] = load32(add64(blob, word(4)));
      r.blobTo[p * MAX_BLOBS + i] = load32(add64(blob, word(8)));
    }
    for (let i = 0; i < MAX_REGIONS; i++) {
      const region = add64(row, word((REGIONS_AT + i * REGION_WORDS) * 4));
      r.regionFrame[p * MAX_REGIONS + i] = load32(region);
      r.regionShift[p * MAX_REGIONS + i] = load32(add64(region, word(4)));
      r.regionRights[p * MAX_REGIONS + i] = load32(add64(region, word(8)));
    }
  }
}

// ---- PMP: exactly the regions of the partition that runs (Privileged ISA 3.7)
function pmpRow(r: Regions, p: number): Word {
  return add64(addressOf(r.pmpWords), word(p * PMP_ROW_BYTES));
}
/** pmpaddr of a NAPOT region: address bits 33..2, the size in the trailing ones. */
function pmpAddress(r: Regions, row: number): Word {
  if (r.regionRights[row] === R_NONE) return word(0);
  return or64(
    shiftLeft64(word(r.regionFrame[row]), FRAME_SHIFT - 2),
    word((1 << (r.regionShift[row] + FRAME_SHIFT - 3)) - 1),
  );
}
/** The entries of each partition, once, from the layout that was found sound. */
export function preparePmp(k: Kernel, r: Regions): void {
  for (let p = 0; p < k.np; p++) {
    const at = pmpRow(r, p);
    let partition = word(0);
    let guest = word(0);
    for (let i = 0; i < MAX_REGIONS; i++) {
      const row = p * MAX_REGIONS + i;
      const rights = r.regionRights[row];
      store64(add64(at, word(i * 8)), pmpAddress(r, row));
      if (rights !== R_NONE) partition = or64(partition, shiftLeft64(word((rights & R_ACCESS) | NAPOT), i * 8));
      if ((rights & R_GUEST) !== 0) guest = or64(guest, shiftLeft64(word(R_ACCESS | NAPOT), i * 8));
    }
    store64(add64(at, word(PMP_PARTITION * 8)), partition);
    store64(add64(at, word(PMP_GUEST * 8)), guest);
  }
}
/** Only p's regions, for U-mode. */
export function confine(r: Regions, p: number): void {
  const at = pmpRow(r, p);
  csrWrite(PMPCFG0, word(0));
  csrWrite(PMPADDR0, load64(at));
  csrWrite(PMPADDR1, load64(add64(at, word(8))));
  csrWrite(PMPADDR2, load64(add64(at, word(16))));
  csrWrite(PMPADDR3, load64(add64(at, word(24))));
  csrWrite(PMPADDR4, load64(add64(at, word(32))));
  csrWrite(PMPADDR5, load64(add64(at, word(40))));
  csrWrite(PMPADDR6, load64(add64(at, word(48))));
  csrWrite(PMPADDR7, load64(add64(at, word(56))));
  csrWrite(PMPCFG0, load64(add64(at, word(PMP_PARTITION * 8))));
  fenceTranslations();
}
/** Of the regions of p, which `confine` has set, those of its guest alone, or again its own. */
export function confineGuest(r: Regions, p: number, isGuest: boolean): void {
  const at = pmpRow(r, p);
  csrWrite(PMPCFG0, load64(add64(at, word(isGuest ? PMP_GUEST * 8 : PMP_PARTITION * 8))));
  fenceTranslations();
}

// ---- loading: in slices, in the partition's own windows
/** 64-bit words that a slice copies or clears: at most a microsecond of a hart that retires one instruction a nanosecond. */
const LOAD_SLICE = 128;
const PIECES = MAX_REGIONS + MAX_BLOBS;
/** One slice; true: all is done. Regions are cleared, then blobs are copied. */
export function loadSlice(r: Regions, p: number): boolean {
  const piece = r.loadPiece[p];
  if (piece >= PIECES) {
    startLoading(r, p);
    return true;
  }
  const from = r.loadCursor[p];
  if (piece < MAX_REGIONS) {
    const row = p * MAX_REGIONS + piece;
    const words = (r.regionRights[row] & R_MEMORY) === 0 ? 0 : 1 << (r.regionShift[row] + FRAME_SHIFT - 3);
    const end = from + LOAD_SLICE < words ? from + LOAD_SLICE : words;
    const to = frameAddress(r.regionFrame[row]);
    for (let i = from; i < end; i++) store64(add64(to, shiftLeft64(word(i), 3)), word(0));
    passOn(r, p, end, words);
  } else {
    const row = p * MAX_BLOBS + piece - MAX_REGIONS;
    const words = r.blobLength[row];
    const end = from + LOAD_SLICE < words ? from + LOAD_SLICE : words;
    const to = frameAddress(r.blobTo[row]);
    const source = frameAddress(r.blobFrom[row]);
    for (let i = from; i < end; i++) {
      const offset = shiftLeft64(word(i), 3);
      store64(add64(to, offset), load64(add64(source, offset)));
    }
    passOn(r, p, end, words);
  }
  return false;
}
function passOn(r: Regions, p: number, end: number, words: number): void {
  const isDone = end >= words;
  r.loadCursor[p] = isDone ? 0 : end;
  if (isDone) r.loadPiece[p] += 1;
}
export function startLoading(r: Regions, p: number): void {
  r.loadPiece[p] = 0;
  r.loadCursor[p] = 0;
}
