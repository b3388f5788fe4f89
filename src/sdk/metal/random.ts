/*
 * Random bytes for programs on bare metal, over a table of RANDOM_WORDS words, with the hash of another table. The kernel gives the program
 * 128 bits of the board's own seed (its device tree's `rng-seed`), and takes back those of the program's next life before any of this
 * one's are used: what a life has drawn does not follow from what a later one knows. In the language of metal programs.
 */
import { OK, got, put } from 'virtsec/sdk/bare';
import { ecall } from 'virtsec/sdk/intrinsics';
import { SHA_WORDS, digestByte, shaBegin, shaByte, shaEnd, shaPrepare } from './sha512.ts';

const OP_SEED = 35;
const TAKE = 0;
const PUT = 1;
const SEED_WORDS = 4;
const STATE_BYTES = 32;
/** A byte a word. */
export const RANDOM_WORDS = 32;
/** What is hashed first, by its use. */
const START = 0;
const NEXT = 1;

function digestWord(h: Int32Array, index: number): number {
  const at = index * 4;
  return (
    digestByte(h, at) | (digestByte(h, at + 1) << 8) | (digestByte(h, at + 2) << 16) | (digestByte(h, at + 3) << 24)
  );
}
/** Once in a life; `shaPrepare(h)` comes before. Not OK: the board has no seed, and there is no randomness. */
export function randomBegin(r: Int32Array, h: Int32Array): number {
  const result = ecall(OP_SEED, TAKE, 0, 0);
  if (result !== OK) return result;
  shaBegin(h);
  shaByte(h, START);
  for (let w = 0; w < SEED_WORDS; w++) for (let b = 0; b < 4; b++) shaByte(h, got(w) >> (8 * b));
  shaEnd(h);
  for (let w = 0; w < SEED_WORDS; w++) put(w, digestWord(h, w));
  for (let i = 0; i < STATE_BYTES; i++) r[i] = digestByte(h, STATE_BYTES + i);
  const kept = ecall(OP_SEED, PUT, 0, 0);
  for (let w = 0; w < SEED_WORDS; w++) put(w, 0);
  return kept;
}
/** The next 32 random bytes: `digestByte(h, 32)` to `digestByte(h, 63)`. Those of before do not follow from what is kept. */
export function randomBlock(r: Int32Array, h: Int32Array): void {
  shaBegin(h);
  shaByte(h, NEXT);
  for (let i = 0; i < STATE_BYTES; i++) shaByte(h, r[i]);
  shaEnd(h);
  for (let i = 0; i < STATE_BYTES; i++) r[i] = digestByte(h, i);
}

/** virtsec/sdk/random: random bytes for programs; hosted, the host's generator (sdk/app/random.ts). */
export class Random {
  readonly rnState = new Int32Array(RANDOM_WORDS);
  readonly rnHash = new Int32Array(SHA_WORDS);
  /** Bytes of the block that are used. */
  rnUsed = 0;
}
/** Once in a life. Not OK: the board gives no randomness. */
export function beginRandom(r: Random): number {
  shaPrepare(r.rnHash);
  r.rnUsed = STATE_BYTES;
  return randomBegin(r.rnState, r.rnHash);
}
export function randomByte(r: Random): number {
  if (r.rnUsed >= STATE_BYTES) {
    randomBlock(r.rnState, r.rnHash);
    r.rnUsed = 0;
  }
  r.rnUsed += 1;
  return digestByte(r.rnHash, STATE_BYTES + r.rnUsed - 1);
}
