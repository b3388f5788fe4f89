/*
 * The board's randomness: `rng-seed` of the device tree that the board hands over at reset (Devicetree Specification 0.4, 3.6; Linux reads
 * the same). Each of at most two partitions that the image names has one half of it, for its own; what it gives back is the seed
 * of its next life. In the core's language with the intrinsics of the compiler.
 */
import { E_EMPTY, MAX_PARTITIONS, OK } from '../core/core.ts';
import type { Kernel } from '../core/core.ts';
import { dataOf } from './regions.ts';
import type { Regions } from './regions.ts';
import { add64, load32, load8, store32, symbol, text, word } from '../../compiler/intrinsics.ts';
import type { Word } from '../../compiler/intrinsics.ts';

/** Flattened form, 5.2 and 5.4: 0xd00dfeed, header fields by their byte offsets, a token. All of it is big-endian. */
const MAGIC = -804_389_139;
const STRUCTURE_AT = 8;
const STRINGS_AT = 12;
const STRINGS_BYTES = 32;
const STRUCTURE_BYTES = 36;
const PROPERTY = 3;
const MOST_BYTES = 0x1_0000;
const NAME_BYTES = 9;
/** Of a half of the seed, and of both. */
const HALF_WORDS = 4;
const SEED_WORDS = 8;
const HALVES = 2;
const NONE = -1;
/** Where a call's message goes in the page. */
const MESSAGE_OUT = 1040;

export class Seeds {
  /** Of each partition: 1 or 2, 0: none. */
  readonly seedHalf = new Int32Array(MAX_PARTITIONS);
  readonly seedWords = new Int32Array(SEED_WORDS);
  seedIsThere = 0;
  /** Byte offsets in the device tree's two blocks, while it is read; -1: not found. */
  seedName = 0;
  seedPlace = 0;
}

function cell(at: Word): number {
  return (
    (load8(at) << 24) | (load8(add64(at, word(1))) << 16) | (load8(add64(at, word(2))) << 8) | load8(add64(at, word(3)))
  );
}
function isSeedsName(at: Word): boolean {
  for (let i = 0; i < NAME_BYTES; i++) {
    if (load8(add64(at, word(i))) !== load8(add64(text('rng-seed'), word(i)))) return false;
  }
  return true;
}
/** Where the name stands among the names of properties. */
function findName(e: Seeds, strings: Word, bytes: number): void {
  for (let i = 0; i < bytes; i++) if (isSeedsName(add64(strings, word(i)))) e.seedName = i;
}
function isSeed(e: Seeds, at: Word): boolean {
  return cell(at) === PROPERTY && cell(add64(at, word(4))) >= 4 * SEED_WORDS && cell(add64(at, word(8))) === e.seedName;
}
/** Where the property's value begins, which is long enough. */
function findSeed(e: Seeds, structure: Word, bytes: number): void {
  const cells = bytes >> 2;
  for (let i = 0; i < cells; i++) if (isSeed(e, add64(structure, word(i * 4)))) e.seedPlace = i * 4 + 12;
}
/** The image says whose the halves are; false: it says what cannot be. */
export function readSeeds(k: Kernel, e: Seeds): boolean {
  for (let p = 0; p < k.np; p++) {
    const half = load32(add64(symbol('seeds'), word(p * 4)));
    if (half < 0 || half > HALVES) return false;
    for (let q = 0; q < p; q++) if (half > 0 && e.seedHalf[q] === half) return false;
    e.seedHalf[p] = half;
  }
  return true;
}
/** Takes the seed out of the device tree, where nobody finds it again. */
function moveSeed(e: Seeds, from: Word): void {
  let any = 0;
  for (let w = 0; w < SEED_WORDS; w++) {
    const at = add64(from, word(w * 4));
    const value = load32(at);
    e.seedWords[w] = value;
    any = any | value;
    store32(at, 0);
  }
  e.seedIsThere = any === 0 ? 0 : 1;
}
export function takeSeed(e: Seeds, tree: Word): void {
  if (tree === word(0) || cell(tree) !== MAGIC) return;
  const strings = cell(add64(tree, word(STRINGS_BYTES)));
  const bytes = cell(add64(tree, word(STRUCTURE_BYTES)));
  if (strings < 0 || strings > MOST_BYTES || bytes < 0 || bytes > MOST_BYTES) return;
  e.seedName = NONE;
  e.seedPlace = NONE;
  findName(e, add64(tree, word(cell(add64(tree, word(STRINGS_AT))))), strings);
  if (e.seedName === NONE) return;
  const structure = cell(add64(tree, word(STRUCTURE_AT)));
  findSeed(e, add64(tree, word(structure)), bytes);
  if (e.seedPlace !== NONE) moveSeed(e, add64(add64(tree, word(structure)), word(e.seedPlace)));
}
/** p's half to its message page, or from there. */
export function exchangeSeed(r: Regions, e: Seeds, p: number, isPut: number): number {
  if (e.seedIsThere === 0 || e.seedHalf[p] === 0) return E_EMPTY;
  const first = (e.seedHalf[p] - 1) * HALF_WORDS;
  const page = dataOf(r, p);
  for (let w = 0; w < HALF_WORDS; w++) {
    if (isPut === 1) e.seedWords[first + w] = load32(add64(page, word(w * 4)));
    else store32(add64(page, word(MESSAGE_OUT + w * 4)), e.seedWords[first + w]);
  }
  return OK;
}
