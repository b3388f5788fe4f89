/*
 * virtsec/sdk/ed25519: signatures (RFC 8032, 5.1) for programs in the subset of the language. On bare metal it is this; hosted, the same
 * names have the host's cryptography beneath them (sdk/app/ed25519.ts). A program has one key, which is made where it is and never leaves.
 * Neither branches nor addresses depend on the key or on what is signed, but on its length. In the language of metal programs.
 */
import { OK } from 'virtsec/sdk/bare';
import { text } from 'virtsec/sdk/intrinsics';
import {
  LIMBS,
  WIDE_WORDS,
  fieldAdd,
  fieldCanonical,
  fieldInvert,
  fieldMultiply,
  fieldSubtract,
} from './field25519.ts';
import { RANDOM_WORDS, randomBegin, randomBlock } from './random.ts';
import { DIGEST_BYTES, SHA_WORDS, digestByte, shaBegin, shaByte, shaEnd, shaPrepare, wordsOfText } from './sha512.ts';

export const MOST_SIGNED = 1024;
export const PUBLIC_BYTES = 32;
export const SIGNATURE_BYTES = 64;
const SECRET_BYTES = 32;

// ---- elements of the field, by their places; a point has four: X, Y, Z, T with X Y = Z T (5.1.4)
const POINT = 4 * LIMBS;
const Y = LIMBS;
const Z = 2 * LIMBS;
const T = 3 * LIMBS;
const BASE = 0;
const RESULT = POINT;
const DOUBLED = 2 * POINT;
const SUM = 3 * POINT;
const TWICE_D = 4 * POINT;
const A = TWICE_D + LIMBS;
const B = A + LIMBS;
const C = B + LIMBS;
const D = C + LIMBS;
const E = D + LIMBS;
const F = E + LIMBS;
const G = F + LIMBS;
const H = G + LIMBS;
const FIELD_WORDS = H + LIMBS;

// ---- integers modulo the order L, 16 limbs of 16 bits each
const ORDER = 0;
const FACTOR = LIMBS;
const RESIDUE = 2 * LIMBS;
const LESS = 3 * LIMBS;
const KEY = 4 * LIMBS;
const NONCE = 5 * LIMBS;
const ORDER_WORDS = 6 * LIMBS;
const LIMB = 0xffff;
const LIMB_BITS = 16;

export class Ed25519 {
  readonly edField = new Int32Array(FIELD_WORDS);
  readonly edWide = new Int32Array(WIDE_WORDS);
  readonly edOrder = new Int32Array(ORDER_WORDS);
  readonly edSha = new Int32Array(SHA_WORDS);
  readonly edRandom = new Int32Array(RANDOM_WORDS);
  /** A byte a word, all of them: what is multiplied, the secret's second half, the public key, the message, its signature. */
  readonly edBytes = new Int32Array(DIGEST_BYTES);
  readonly edPrefix = new Int32Array(SECRET_BYTES);
  readonly edPublic = new Int32Array(PUBLIC_BYTES);
  readonly edMessage = new Int32Array(MOST_SIGNED);
  readonly edSignature = new Int32Array(SIGNATURE_BYTES);
}

// ---- points
/** Limbs of a number that is written in 64 hexadecimal digits, least limb first; through the table of products. */
function spread(e: Ed25519, at: number, to: number): void {
  for (let i = 0; i < LIMBS; i++) {
    const both = e.edWide[at + 7 - (i >> 1)];
    e.edField[to + i] = (both >> (LIMB_BITS * (i & 1))) & LIMB;
  }
}
function addPoints(e: Ed25519, to: number, p: number, q: number): void {
  fieldSubtract(e.edField, E, p + Y, p);
  fieldSubtract(e.edField, F, q + Y, q);
  fieldMultiply(e.edField, e.edWide, A, E, F);
  fieldAdd(e.edField, E, p + Y, p);
  fieldAdd(e.edField, F, q + Y, q);
  fieldMultiply(e.edField, e.edWide, B, E, F);
  fieldMultiply(e.edField, e.edWide, C, p + T, q + T);
  fieldMultiply(e.edField, e.edWide, C, C, TWICE_D);
  fieldMultiply(e.edField, e.edWide, D, p + Z, q + Z);
  fieldAdd(e.edField, D, D, D);
  fieldSubtract(e.edField, E, B, A);
  fieldSubtract(e.edField, F, D, C);
  fieldAdd(e.edField, G, D, C);
  fieldAdd(e.edField, H, B, A);
  fieldMultiply(e.edField, e.edWide, to, E, F);
  fieldMultiply(e.edField, e.edWide, to + Y, G, H);
  fieldMultiply(e.edField, e.edWide, to + T, E, H);
  fieldMultiply(e.edField, e.edWide, to + Z, F, G);
}
/** `isSum`: 0 or 1. */
function choose(e: Ed25519, isSum: number): void {
  const mask = 0 - isSum;
  for (let i = 0; i < POINT; i++) {
    const doubled = e.edField[DOUBLED + i];
    e.edField[RESULT + i] = doubled ^ (mask & (doubled ^ e.edField[SUM + i]));
  }
}
const SCALAR_BITS = 256;
/** The scalar at that place of the order's table, times the base point: always a doubling and a sum for each bit. */
function multiplyBase(e: Ed25519, scalar: number): void {
  e.edField.fill(0, RESULT, RESULT + POINT);
  e.edField[RESULT + Y] = 1;
  e.edField[RESULT + Z] = 1;
  for (let n = 0; n < SCALAR_BITS; n++) {
    const bit = SCALAR_BITS - 1 - n;
    addPoints(e, DOUBLED, RESULT, RESULT);
    addPoints(e, SUM, DOUBLED, BASE);
    choose(e, (e.edOrder[scalar + (bit >> 4)] >> (bit & 15)) & 1);
  }
}
/** Byte 0 to 31 of the result (5.1.2), when `encode` was called. */
function encodedByte(e: Ed25519, index: number): number {
  const byte = (e.edField[B + (index >> 1)] >> (8 * (index & 1))) & 0xff;
  return index < PUBLIC_BYTES - 1 ? byte : byte | ((e.edField[A] & 1) << 7);
}
function encode(e: Ed25519): void {
  fieldInvert(e.edField, e.edWide, C, RESULT + Z);
  fieldMultiply(e.edField, e.edWide, A, RESULT, C);
  fieldMultiply(e.edField, e.edWide, B, RESULT + Y, C);
  fieldCanonical(e.edField, A);
  fieldCanonical(e.edField, B);
}

// ---- modulo the order
/** Of a residue below 2 L: takes L away if it is there. */
function reduce(e: Ed25519): void {
  let borrow = 0;
  for (let i = 0; i < LIMBS; i++) {
    const rest = e.edOrder[RESIDUE + i] - e.edOrder[ORDER + i] + borrow;
    e.edOrder[LESS + i] = rest & LIMB;
    borrow = rest >> LIMB_BITS;
  }
  for (let i = 0; i < LIMBS; i++) {
    const less = e.edOrder[LESS + i];
    e.edOrder[RESIDUE + i] = less ^ (borrow & (less ^ e.edOrder[RESIDUE + i]));
  }
}
const PRODUCT_BITS = 512;
/** The number of 64 bytes, least first, times FACTOR, which is below L: bit by bit, the residue stays below 3 L. */
function multiplyModuloOrder(e: Ed25519): void {
  e.edOrder.fill(0, RESIDUE, RESIDUE + LIMBS);
  for (let n = 0; n < PRODUCT_BITS; n++) {
    const bit = PRODUCT_BITS - 1 - n;
    const mask = 0 - ((e.edBytes[bit >> 3] >> (bit & 7)) & 1);
    let carry = 0;
    for (let i = 0; i < LIMBS; i++) {
      const sum = 2 * e.edOrder[RESIDUE + i] + (mask & e.edOrder[FACTOR + i]) + carry;
      e.edOrder[RESIDUE + i] = sum & LIMB;
      carry = sum >> LIMB_BITS;
    }
    reduce(e);
    reduce(e);
  }
}
function copyOrder(e: Ed25519, to: number, from: number): void {
  for (let i = 0; i < LIMBS; i++) e.edOrder[to + i] = e.edOrder[from + i];
}
/** The number of 64 bytes, modulo L. */
function moduloOrder(e: Ed25519): void {
  e.edOrder.fill(0, FACTOR, FACTOR + LIMBS);
  e.edOrder[FACTOR] = 1;
  multiplyModuloOrder(e);
}

// ---- keys and signatures
function prepare(e: Ed25519): void {
  shaPrepare(e.edSha);
  wordsOfText(e.edWide, 0, 8, text('216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a'));
  spread(e, 0, BASE);
  wordsOfText(e.edWide, 0, 8, text('6666666666666666666666666666666666666666666666666666666666666658'));
  spread(e, 0, BASE + Y);
  e.edField.fill(0, BASE + Z, BASE + POINT);
  e.edField[BASE + Z] = 1;
  fieldMultiply(e.edField, e.edWide, BASE + T, BASE, BASE + Y);
  wordsOfText(e.edWide, 0, 8, text('52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3'));
  spread(e, 0, C);
  fieldAdd(e.edField, TWICE_D, C, C);
  wordsOfText(e.edWide, 0, 8, text('1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed'));
  spread(e, 0, C);
  for (let i = 0; i < LIMBS; i++) e.edOrder[ORDER + i] = e.edField[C + i];
}
/** The key of a secret of 32 bytes (5.1.5), which stands in the first bytes of the message. */
function keyOfSecret(e: Ed25519): void {
  shaBegin(e.edSha);
  for (let i = 0; i < SECRET_BYTES; i++) shaByte(e.edSha, e.edMessage[i]);
  shaEnd(e.edSha);
  e.edMessage.fill(0, 0, SECRET_BYTES);
  e.edBytes.fill(0, 0, DIGEST_BYTES);
  for (let i = 0; i < SECRET_BYTES; i++) {
    e.edBytes[i] = digestByte(e.edSha, i);
    e.edPrefix[i] = digestByte(e.edSha, SECRET_BYTES + i);
  }
  e.edBytes[0] = e.edBytes[0] & 0xf8;
  e.edBytes[SECRET_BYTES - 1] = (e.edBytes[SECRET_BYTES - 1] & 0x7f) | 0x40;
  moduloOrder(e);
  copyOrder(e, KEY, RESIDUE);
  multiplyBase(e, KEY);
  encode(e);
  for (let i = 0; i < PUBLIC_BYTES; i++) e.edPublic[i] = encodedByte(e, i);
}
/** Makes the key of this life. Not OK: the board gives no randomness, and there is no key. */
export function makeKey(e: Ed25519): number {
  prepare(e);
  const result = randomBegin(e.edRandom, e.edSha);
  if (result !== OK) return result;
  randomBlock(e.edRandom, e.edSha);
  for (let i = 0; i < SECRET_BYTES; i++) e.edMessage[i] = digestByte(e.edSha, SECRET_BYTES + i);
  keyOfSecret(e);
  return OK;
}
/** Of the public key. */
export function publicByte(e: Ed25519, index: number): number {
  return e.edPublic[index];
}
/** Byte `index` of what is to be signed. */
export function toBeSigned(e: Ed25519, index: number, byte: number): void {
  e.edMessage[index] = byte;
}
/** Signs the first `bytes` bytes (5.1.6). */
export function sign(e: Ed25519, bytes: number): void {
  shaBegin(e.edSha);
  for (let i = 0; i < SECRET_BYTES; i++) shaByte(e.edSha, e.edPrefix[i]);
  for (let i = 0; i < bytes; i++) shaByte(e.edSha, e.edMessage[i]);
  shaEnd(e.edSha);
  for (let i = 0; i < DIGEST_BYTES; i++) e.edBytes[i] = digestByte(e.edSha, i);
  moduloOrder(e);
  copyOrder(e, NONCE, RESIDUE);
  multiplyBase(e, NONCE);
  encode(e);
  for (let i = 0; i < PUBLIC_BYTES; i++) e.edSignature[i] = encodedByte(e, i);
  shaBegin(e.edSha);
  for (let i = 0; i < PUBLIC_BYTES; i++) shaByte(e.edSha, e.edSignature[i]);
  for (let i = 0; i < PUBLIC_BYTES; i++) shaByte(e.edSha, e.edPublic[i]);
  for (let i = 0; i < bytes; i++) shaByte(e.edSha, e.edMessage[i]);
  shaEnd(e.edSha);
  for (let i = 0; i < DIGEST_BYTES; i++) e.edBytes[i] = digestByte(e.edSha, i);
  copyOrder(e, FACTOR, KEY);
  multiplyModuloOrder(e);
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const sum = e.edOrder[RESIDUE + i] + e.edOrder[NONCE + i] + carry;
    e.edOrder[RESIDUE + i] = sum & LIMB;
    carry = sum >> LIMB_BITS;
  }
  reduce(e);
  for (let i = 0; i < PUBLIC_BYTES; i++) {
    e.edSignature[PUBLIC_BYTES + i] = (e.edOrder[RESIDUE + (i >> 1)] >> (8 * (i & 1))) & 0xff;
  }
}
/** Of the last signature. */
export function signatureByte(e: Ed25519, index: number): number {
  return e.edSignature[index];
}
