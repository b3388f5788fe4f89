// Holds a key of Ed25519 that is made here and never leaves, in a partition that only `gate` can ask. In the subset of TypeScript that
// runs hosted and on bare metal (docs/sdk.md).
import { FOREVER, OK, fetch, gotByte, log, putByte, putText, reply, resultWord } from 'virtsec/sdk/bare';
import {
  Ed25519,
  PUBLIC_BYTES,
  SIGNATURE_BYTES,
  makeKey,
  publicByte,
  sign,
  signatureByte,
  toBeSigned,
} from 'virtsec/sdk/ed25519';
import { port, text } from 'virtsec/sdk/intrinsics';

/** `sign `, before what is to be signed; the other wish is `public`. */
const WISH = 5;
const LETTER_S = 115;
const ROUNDS = 0x7fff_ffff;

function digit(n: number): number {
  return n < 10 ? 48 + n : 87 + n;
}
function putHex(index: number, byte: number): void {
  putByte(2 * index, digit(byte >> 4));
  putByte(2 * index + 1, digit(byte & 15));
}
/** In the message page; its length. */
function publicKey(e: Ed25519): number {
  for (let i = 0; i < PUBLIC_BYTES; i++) putHex(i, publicByte(e, i));
  return 2 * PUBLIC_BYTES;
}
function signature(e: Ed25519, bytes: number): number {
  for (let i = 0; i < bytes; i++) toBeSigned(e, i, gotByte(WISH + i));
  sign(e, bytes);
  for (let i = 0; i < SIGNATURE_BYTES; i++) putHex(i, signatureByte(e, i));
  return 2 * SIGNATURE_BYTES;
}
export function main(e: Ed25519, _restarts: number, _startKind: number): number {
  if (makeKey(e) !== OK) {
    log(putText(0, text('no randomness here, and so no key')));
    return 1;
  }
  for (let round = 0; round < ROUNDS; round++) {
    if (fetch(port('sign'), FOREVER) === OK) {
      const bytes = resultWord(0);
      reply(port('sign'), gotByte(0) === LETTER_S && bytes >= WISH ? signature(e, bytes - WISH) : publicKey(e));
    }
  }
  return 0;
}
