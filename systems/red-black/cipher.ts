// Seals what comes from the red side, and opens what comes from the black one: a line of text there, a line of hexadecimal here. In the
// subset of TypeScript that runs hosted and on bare metal (docs/sdk.md).
//
// A record is 12 bytes of nonce and ChaCha20-Poly1305 over 64 bytes: its number, the length of its text, the text. All records are of
// one length, so that the black side does not learn that of a line. A record is taken once: its number is above all before it.
import {
  Aead,
  DATA_BYTES,
  KEY_BYTES,
  dataByte,
  keyByte,
  nonceByte,
  open,
  seal,
  setTextByte,
  textByteAt,
} from 'virtsec/sdk/aead';
import {
  FOREVER,
  MILLISECOND,
  OK,
  gotByte,
  log,
  putByte,
  putText,
  read,
  resultWord,
  sleep,
  streamGet,
  streamWaiting,
  streamWrite,
  wait,
} from 'virtsec/sdk/bare';
import { port, text } from 'virtsec/sdk/intrinsics';
import { Random, beginRandom, randomByte } from 'virtsec/sdk/random';

const NONCE = 12;
const BLOCK = 64;
const TAG = 16;
/** Number and length, before the text. */
const HEADER = 5;
const MOST_TEXT = BLOCK - HEADER;
const RECORD = NONCE + BLOCK + TAG;
/** One byte more than a record has, so that what is too long stays too long. */
const MOST_SEALED = 2 * (RECORD + 1);
const NEWLINE = 10;
const RETURN = 13;
const ROUNDS = 0x7fff_ffff;
const PAUSE = 20 * MILLISECOND;

export class Cipher {
  sent = 0;
  taken = 0;
  plainLength = 0;
  sealedLength = 0;
  readonly plain = new Int32Array(MOST_TEXT);
  readonly sealed = new Int32Array(MOST_SEALED);
}

function receiveKey(a: Aead): void {
  for (let round = 0; round < ROUNDS; round++) {
    if (read(port('key')) === OK && resultWord(2) === 1) {
      for (let i = 0; i < KEY_BYTES; i++) keyByte(a, i, gotByte(i));
      return;
    }
    sleep(PAUSE);
  }
}
function digit(n: number): number {
  return n < 10 ? 48 + n : 87 + n;
}
function putHex(index: number, byte: number): void {
  putByte(2 * index, digit(byte >> 4));
  putByte(2 * index + 1, digit(byte & 15));
}
/** The line from the red side, sealed, to the black one. */
function sealLine(s: Cipher, a: Aead, r: Random): void {
  s.sent += 1;
  for (let i = 0; i < BLOCK; i++) setTextByte(a, i, 0);
  for (let i = 0; i < 4; i++) setTextByte(a, i, s.sent >> (24 - 8 * i));
  setTextByte(a, HEADER - 1, s.plainLength);
  for (let i = 0; i < s.plainLength; i++) setTextByte(a, HEADER + i, s.plain[i]);
  for (let i = 0; i < NONCE; i++) {
    const byte = randomByte(r);
    nonceByte(a, i, byte);
    putHex(i, byte);
  }
  seal(a, BLOCK);
  for (let i = 0; i < BLOCK + TAG; i++) putHex(NONCE + i, textByteAt(a, i));
  putByte(2 * RECORD, NEWLINE);
  streamWrite(port('sealed'), 2 * RECORD + 1);
}
/** Of a digit in hexadecimal its value; -1: it is none. */
function valueOf(digit: number): number {
  if (digit >= 48 && digit < 58) return digit - 48;
  return digit >= 97 && digit < 103 ? digit - 87 : -1;
}
/** Byte `index` of the record that the line says; -1: it says none. */
function recordByte(s: Cipher, index: number): number {
  const high = valueOf(s.sealed[2 * index]);
  const low = valueOf(s.sealed[2 * index + 1]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}
function isRecord(s: Cipher): boolean {
  if (s.sealedLength !== 2 * RECORD) return false;
  for (let i = 0; i < RECORD; i++) if (recordByte(s, i) < 0) return false;
  return true;
}
/** False: it was not sealed here, or has been taken already. */
function isOpened(s: Cipher, a: Aead): boolean {
  if (!isRecord(s)) return false;
  for (let i = 0; i < NONCE; i++) nonceByte(a, i, recordByte(s, i));
  for (let i = 0; i < BLOCK + TAG; i++) setTextByte(a, i, recordByte(s, NONCE + i));
  if (!open(a, BLOCK)) return false;
  let number = 0;
  for (let i = 0; i < 4; i++) number = (number << 8) | textByteAt(a, i);
  if (number <= s.taken || textByteAt(a, HEADER - 1) > MOST_TEXT) return false;
  s.taken = number;
  return true;
}
/** The line from the black side, opened, to the red one. */
function openLine(s: Cipher, a: Aead): void {
  if (!isOpened(s, a)) {
    log(putText(0, text('a record from the black side is refused')));
    return;
  }
  const bytes = textByteAt(a, HEADER - 1);
  for (let i = 0; i < bytes; i++) putByte(i, textByteAt(a, HEADER + i));
  putByte(bytes, NEWLINE);
  streamWrite(port('plain'), bytes + 1);
}
function isEnd(byte: number): boolean {
  return byte === NEWLINE || byte === RETURN;
}
/** What is longer than a record's text is cut there. */
function takePlain(s: Cipher, a: Aead, r: Random, byte: number): void {
  if (!isEnd(byte)) {
    if (s.plainLength < MOST_TEXT) {
      s.plain[s.plainLength] = byte;
      s.plainLength += 1;
    }
  } else if (s.plainLength > 0) {
    sealLine(s, a, r);
    s.plainLength = 0;
  }
}
function takeSealed(s: Cipher, a: Aead, byte: number): void {
  if (!isEnd(byte)) {
    if (s.sealedLength < MOST_SEALED) {
      s.sealed[s.sealedLength] = byte;
      s.sealedLength += 1;
    }
  } else if (s.sealedLength > 0) {
    openLine(s, a);
    s.sealedLength = 0;
  }
}
export function main(s: Cipher, a: Aead, r: Random, _restarts: number, _startKind: number): number {
  if (beginRandom(r) !== OK) {
    log(putText(0, text('no randomness here: nothing is sealed')));
    return 1;
  }
  receiveKey(a);
  // Whoever keeps records of an earlier run of this program cannot bring them to this one.
  for (let i = 0; i < DATA_BYTES; i++) dataByte(a, i, randomByte(r));
  for (let round = 0; round < ROUNDS; round++) {
    const plain = streamWaiting(port('plain'));
    for (let i = 0; i < plain; i++) takePlain(s, a, r, streamGet(port('plain')));
    const sealed = streamWaiting(port('sealed'));
    for (let i = 0; i < sealed; i++) takeSealed(s, a, streamGet(port('sealed')));
    if (plain + sealed === 0) wait(FOREVER);
  }
  return 0;
}
