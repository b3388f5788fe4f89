/*
 * virtsec/sdk/aead: sealing with ChaCha20-Poly1305 (RFC 8439) for programs in the subset of the language. On bare metal it is this; hosted,
 * the same names have the host's cryptography beneath them (sdk/app/aead.ts). Neither branches nor addresses depend on the key or on what
 * is sealed, but on its length. In the language of metal programs.
 */
import { add64, low, mul64, pair, shiftRight64, word } from 'virtsec/sdk/intrinsics';
import type { Word } from 'virtsec/sdk/intrinsics';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
/** Of the data that are not sealed, but must be the same. */
export const DATA_BYTES = 16;
export const TAG_BYTES = 16;
/** A text with its tag. */
export const MOST_SEALED = 1024;

const KEY_WORDS = 8;
const NONCE_WORDS = 3;
const DATA_WORDS = 4;
const BLOCK_WORDS = 16;
const BLOCK_BYTES = 64;
const COUNTER = 12;
const NONCE = 13;
const LIMBS = 5;
const LIMB = 0x3ff_ffff;
const LIMB_BITS = 26;
const FACTORS = 10;
const PAD_WORDS = 4;
const PIECE = 16;

export class Aead {
  readonly aeKey = new Int32Array(KEY_WORDS);
  readonly aeNonce = new Int32Array(NONCE_WORDS);
  readonly aeData = new Int32Array(DATA_WORDS);
  /** A byte a word. */
  readonly aeText = new Int32Array(MOST_SEALED);
  /** ChaCha20: a block as it begins, and as it becomes. */
  readonly aeStart = new Int32Array(BLOCK_WORDS);
  readonly aeBlock = new Int32Array(BLOCK_WORDS);
  /** Poly1305: 5 r and behind it r, the sum, its next value, s; limbs of 26 bits. The block that is taken in, in words of 32. */
  readonly aeFactor = new Int32Array(FACTORS);
  readonly aeSum = new Int32Array(LIMBS);
  readonly aeNext = new Int32Array(LIMBS);
  readonly aePad = new Int32Array(PAD_WORDS);
  readonly aePiece = new Int32Array(PAD_WORDS);
}

// ---- what is given, byte by byte
function putByteIn(t: Int32Array, index: number, byte: number): void {
  const shift = 8 * (index & 3);
  t[index >> 2] = (t[index >> 2] & ~(0xff << shift)) | ((byte & 0xff) << shift);
}
export function keyByte(a: Aead, index: number, byte: number): void {
  putByteIn(a.aeKey, index, byte);
}
export function nonceByte(a: Aead, index: number, byte: number): void {
  putByteIn(a.aeNonce, index, byte);
}
export function dataByte(a: Aead, index: number, byte: number): void {
  putByteIn(a.aeData, index, byte);
}
export function setTextByte(a: Aead, index: number, byte: number): void {
  a.aeText[index] = byte & 0xff;
}
export function textByteAt(a: Aead, index: number): number {
  return a.aeText[index];
}

// ---- ChaCha20 (2.3)
/** The upper bits of a word, as an unsigned number. */
function upper(x: number, by: number): number {
  return (x >> by) & ((1 << (32 - by)) - 1);
}
function turned(x: number, by: number): number {
  return (x << by) | upper(x, 32 - by);
}
function quarter(t: Int32Array, a: number, b: number, c: number, d: number): void {
  t[a] = (t[a] + t[b]) | 0;
  t[d] = turned(t[d] ^ t[a], 16);
  t[c] = (t[c] + t[d]) | 0;
  t[b] = turned(t[b] ^ t[c], 12);
  t[a] = (t[a] + t[b]) | 0;
  t[d] = turned(t[d] ^ t[a], 8);
  t[c] = (t[c] + t[d]) | 0;
  t[b] = turned(t[b] ^ t[c], 7);
}
const DOUBLE_ROUNDS = 10;
function makeBlock(a: Aead, counter: number): void {
  a.aeStart[0] = 0x6170_7865;
  a.aeStart[1] = 0x3320_646e;
  a.aeStart[2] = 0x7962_2d32;
  a.aeStart[3] = 0x6b20_6574;
  for (let i = 0; i < KEY_WORDS; i++) a.aeStart[4 + i] = a.aeKey[i];
  a.aeStart[COUNTER] = counter;
  for (let i = 0; i < NONCE_WORDS; i++) a.aeStart[NONCE + i] = a.aeNonce[i];
  for (let i = 0; i < BLOCK_WORDS; i++) a.aeBlock[i] = a.aeStart[i];
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (let i = 0; i < 4; i++) quarter(a.aeBlock, i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarter(a.aeBlock, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
  }
  for (let i = 0; i < BLOCK_WORDS; i++) a.aeBlock[i] = (a.aeBlock[i] + a.aeStart[i]) | 0;
}
/** The text, or what it was sealed to (2.4): the same either way. */
function stream(a: Aead, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    if ((i & (BLOCK_BYTES - 1)) === 0) makeBlock(a, 1 + (i >> 6));
    const word32 = a.aeBlock[(i & (BLOCK_BYTES - 1)) >> 2];
    a.aeText[i] = a.aeText[i] ^ ((word32 >> (8 * (i & 3))) & 0xff);
  }
}

// ---- Poly1305 (2.5), modulo 2^130 - 5
/** Limb 0 to 4 of a number of four words. */
function limbOf(t: Int32Array, limb: number): number {
  if (limb === 0) return t[0] & LIMB;
  if (limb === 4) return upper(t[3], 8);
  const shift = 6 * limb;
  return ((t[limb] << shift) | upper(t[limb - 1], 32 - shift)) & LIMB;
}
/** The key of one message (2.6). */
function beginTag(a: Aead): void {
  makeBlock(a, 0);
  a.aePiece[0] = a.aeBlock[0] & 0x0fff_ffff;
  for (let i = 1; i < PAD_WORDS; i++) a.aePiece[i] = a.aeBlock[i] & 0x0fff_fffc;
  for (let i = 0; i < PAD_WORDS; i++) a.aePad[i] = a.aeBlock[4 + i];
  for (let i = 0; i < LIMBS; i++) {
    const limb = limbOf(a.aePiece, i);
    a.aeFactor[LIMBS + i] = limb;
    a.aeFactor[i] = 5 * limb;
    a.aeSum[i] = 0;
  }
}
const BEYOND = 1 << 24;
/** The piece of 16 bytes, with a one behind it, is added; the sum times r. */
function takePiece(a: Aead): void {
  for (let i = 0; i < LIMBS; i++) a.aeSum[i] = a.aeSum[i] + limbOf(a.aePiece, i);
  a.aeSum[4] = a.aeSum[4] + BEYOND;
  let carry = word(0);
  for (let i = 0; i < LIMBS; i++) {
    let column = carry;
    for (let j = 0; j < LIMBS; j++) {
      column = add64(column, mul64(word(a.aeSum[j]), word(a.aeFactor[LIMBS + i - j])));
    }
    a.aeNext[i] = low(column) & LIMB;
    carry = shiftRight64(column, LIMB_BITS);
  }
  const first = add64(word(a.aeNext[0]), mul64(carry, word(5)));
  a.aeSum[0] = low(first) & LIMB;
  a.aeSum[1] = a.aeNext[1] + low(shiftRight64(first, LIMB_BITS));
  for (let i = 2; i < LIMBS; i++) a.aeSum[i] = a.aeNext[i];
}
/** Of what is sealed so many bytes, with zeros to a whole piece. */
function takeText(a: Aead, bytes: number): void {
  const pieces = (bytes + PIECE - 1) >> 4;
  for (let p = 0; p < pieces; p++) {
    for (let i = 0; i < PIECE; i++) {
      const at = p * PIECE + i;
      putByteIn(a.aePiece, i, at < bytes ? a.aeText[at] : 0);
    }
    takePiece(a);
  }
}
function carrySum(a: Aead): void {
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const sum = a.aeSum[i] + carry;
    a.aeSum[i] = sum & LIMB;
    carry = sum >> LIMB_BITS;
  }
  a.aeSum[0] = a.aeSum[0] + 5 * carry;
}
/** The tag, in the words of the piece. */
function endTag(a: Aead): void {
  carrySum(a);
  carrySum(a);
  // It is p or more exactly if it is 2^130 or more with 5 added.
  let carry = 5;
  for (let i = 0; i < LIMBS; i++) carry = (a.aeSum[i] + carry) >> LIMB_BITS;
  a.aeSum[0] = a.aeSum[0] + 5 * carry;
  let more = 0;
  for (let i = 0; i < LIMBS; i++) {
    const sum = a.aeSum[i] + more;
    a.aeSum[i] = sum & LIMB;
    more = sum >> LIMB_BITS;
  }
  let over = word(0);
  for (let i = 0; i < PAD_WORDS; i++) {
    const shift = 6 * i;
    const bits = (a.aeSum[i] >> shift) | (a.aeSum[i + 1] << (LIMB_BITS - shift));
    const sum = add64(add64(unsigned(bits), unsigned(a.aePad[i])), over);
    a.aePiece[i] = low(sum);
    over = shiftRight64(sum, 32);
  }
}
function unsigned(x: number): Word {
  return pair(0, x);
}
function makeTag(a: Aead, bytes: number): void {
  beginTag(a);
  for (let i = 0; i < DATA_WORDS; i++) a.aePiece[i] = a.aeData[i];
  takePiece(a);
  takeText(a, bytes);
  a.aePiece[0] = DATA_BYTES;
  a.aePiece[1] = 0;
  a.aePiece[2] = bytes;
  a.aePiece[3] = 0;
  takePiece(a);
  endTag(a);
}
function tagByte(a: Aead, index: number): number {
  return (a.aePiece[index >> 2] >> (8 * (index & 3))) & 0xff;
}

// ---- ChaCha20-Poly1305 (2.8)
/** Seals the first `bytes` bytes of the text in their place; the tag is behind them. */
export function seal(a: Aead, bytes: number): void {
  stream(a, bytes);
  makeTag(a, bytes);
  for (let i = 0; i < TAG_BYTES; i++) a.aeText[bytes + i] = tagByte(a, i);
}
/** Opens so many bytes with the tag behind them, in their place. False: they were not sealed with this key, nonce and data; there is no text. */
export function open(a: Aead, bytes: number): boolean {
  makeTag(a, bytes);
  let differs = 0;
  for (let i = 0; i < TAG_BYTES; i++) differs = differs | (a.aeText[bytes + i] ^ tagByte(a, i));
  if (differs !== 0) {
    a.aeText.fill(0, 0, MOST_SEALED);
    return false;
  }
  stream(a, bytes);
  return true;
}
