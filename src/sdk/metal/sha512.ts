/*
 * SHA-512 (FIPS 180-4, 6.4) for programs on bare metal, over a table of SHA_WORDS words that is one hash under way: `shaPrepare` once,
 * then for each message `shaBegin`, `shaByte` for each of its bytes, `shaEnd`, and the digest is there byte by byte. Neither branches
 * nor addresses depend on what is hashed, but on its length. In the language of metal programs.
 */
import {
  add64,
  and64,
  high,
  load8,
  low,
  or64,
  pair,
  shiftLeft64,
  shiftRight64,
  text,
  word,
  xor64,
} from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

// ---- places in the table; 64-bit values are two words, the high one first
const CHAIN = 0;
const BLOCK = 16;
const BYTES = 48;
const SCHEDULE = 50;
const CONSTANTS = 210;
const INITIAL = 370;
export const SHA_WORDS = 386;
export const DIGEST_BYTES = 64;

const ROUNDS = 80;
const BLOCK_BYTES = 128;
const BLOCK_VALUES = 16;
/** Of a block that ends a message: where the length begins, of whose 16 bytes all but the last four are 0. */
const LENGTH_AT = 112;
const ZEROS_OF_LENGTH = 12;
const PADDING = 0x80;

const NINE = 57;
const ZERO_DIGIT = 48;
const LETTERS = 87;
/** Words of eight hexadecimal digits each, from `at` on, as the text has them. */
export function wordsOfText(t: Int32Array, at: number, words: number, digits: Word): void {
  for (let i = 0; i < words; i++) {
    let value = 0;
    for (let d = 0; d < 8; d++) {
      const c = load8(add64(digits, word(i * 8 + d)));
      value = (value << 4) | (c <= NINE ? c - ZERO_DIGIT : c - LETTERS);
    }
    t[at + i] = value;
  }
}
const LINE = 16;
/** The constants of 4.2.3 and 5.3.5. */
export function shaPrepare(h: Int32Array): void {
  wordsOfText(
    h,
    INITIAL,
    LINE,
    text(
      '6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS,
    LINE,
    text(
      '428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 16,
    LINE,
    text(
      'd807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e272be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 32,
    LINE,
    text(
      'e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c652de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 48,
    LINE,
    text(
      '983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 64,
    LINE,
    text(
      '27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 80,
    LINE,
    text(
      'a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 96,
    LINE,
    text(
      '19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 112,
    LINE,
    text(
      '748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 128,
    LINE,
    text(
      'ca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b',
    ),
  );
  wordsOfText(
    h,
    CONSTANTS + 144,
    LINE,
    text(
      '28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817',
    ),
  );
}

function at64(h: Int32Array, index: number): Word {
  return pair(h[index], h[index + 1]);
}
function set64(h: Int32Array, index: number, value: Word): void {
  h[index] = high(value);
  h[index + 1] = low(value);
}
function rotated(x: Word, bits: number): Word {
  return or64(shiftRight64(x, bits), shiftLeft64(x, 64 - bits));
}
function xor3(a: Word, b: Word, c: Word): Word {
  return xor64(xor64(a, b), c);
}
/** One block (6.4.2). */
function compress(h: Int32Array): void {
  for (let i = 0; i < 2 * BLOCK_VALUES; i++) h[SCHEDULE + i] = h[BLOCK + i];
  for (let t = BLOCK_VALUES; t < ROUNDS; t++) {
    const at = SCHEDULE + 2 * t;
    const before2 = at64(h, at - 4);
    const before15 = at64(h, at - 30);
    const s1 = xor3(rotated(before2, 19), rotated(before2, 61), shiftRight64(before2, 6));
    const s0 = xor3(rotated(before15, 1), rotated(before15, 8), shiftRight64(before15, 7));
    set64(h, at, add64(add64(s1, at64(h, at - 14)), add64(s0, at64(h, at - 32))));
  }
  let a = at64(h, CHAIN);
  let b = at64(h, CHAIN + 2);
  let c = at64(h, CHAIN + 4);
  let d = at64(h, CHAIN + 6);
  let e = at64(h, CHAIN + 8);
  let f = at64(h, CHAIN + 10);
  let g = at64(h, CHAIN + 12);
  let last = at64(h, CHAIN + 14);
  for (let t = 0; t < ROUNDS; t++) {
    const sum1 = xor3(rotated(e, 14), rotated(e, 18), rotated(e, 41));
    const chosen = xor64(g, and64(e, xor64(f, g)));
    const round = add64(at64(h, CONSTANTS + 2 * t), at64(h, SCHEDULE + 2 * t));
    const t1 = add64(add64(last, sum1), add64(chosen, round));
    const sum0 = xor3(rotated(a, 28), rotated(a, 34), rotated(a, 39));
    const most = xor3(and64(a, b), and64(a, c), and64(b, c));
    last = g;
    g = f;
    f = e;
    e = add64(d, t1);
    d = c;
    c = b;
    b = a;
    a = add64(t1, add64(sum0, most));
  }
  set64(h, CHAIN, add64(a, at64(h, CHAIN)));
  set64(h, CHAIN + 2, add64(b, at64(h, CHAIN + 2)));
  set64(h, CHAIN + 4, add64(c, at64(h, CHAIN + 4)));
  set64(h, CHAIN + 6, add64(d, at64(h, CHAIN + 6)));
  set64(h, CHAIN + 8, add64(e, at64(h, CHAIN + 8)));
  set64(h, CHAIN + 10, add64(f, at64(h, CHAIN + 10)));
  set64(h, CHAIN + 12, add64(g, at64(h, CHAIN + 12)));
  set64(h, CHAIN + 14, add64(last, at64(h, CHAIN + 14)));
}
export function shaBegin(h: Int32Array): void {
  for (let i = 0; i < LINE; i++) h[CHAIN + i] = h[INITIAL + i];
  h[BYTES] = 0;
}
function putBlockByte(h: Int32Array, byte: number): void {
  const at = BLOCK + ((h[BYTES] & (BLOCK_BYTES - 1)) >> 2);
  h[at] = (h[at] << 8) | (byte & 0xff);
  h[BYTES] = (h[BYTES] + 1) | 0;
  if ((h[BYTES] & (BLOCK_BYTES - 1)) === 0) compress(h);
}
/** Messages of less than 2^28 bytes. */
export function shaByte(h: Int32Array, byte: number): void {
  putBlockByte(h, byte);
}
/** Padding (5.1.2); the digest stands from here to the next `shaBegin`. */
export function shaEnd(h: Int32Array): void {
  const bits = h[BYTES] << 3;
  putBlockByte(h, PADDING);
  for (let i = 0; i < BLOCK_BYTES; i++) if ((h[BYTES] & (BLOCK_BYTES - 1)) !== LENGTH_AT) putBlockByte(h, 0);
  for (let i = 0; i < ZEROS_OF_LENGTH; i++) putBlockByte(h, 0);
  putBlockByte(h, bits >> 24);
  putBlockByte(h, bits >> 16);
  putBlockByte(h, bits >> 8);
  putBlockByte(h, bits);
}
/** Byte 0 to 63 of the digest. */
export function digestByte(h: Int32Array, index: number): number {
  return (h[CHAIN + (index >> 2)] >> (24 - (index & 3) * 8)) & 0xff;
}
