// virtsec/sdk/aead where the hosted kernel, or the test bed, is beneath: the names of sdk/metal/aead.ts for the same sources.
import type { Key } from './crypto.ts';
import { own } from './own.ts';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const DATA_BYTES = 16;
export const TAG_BYTES = 16;
export const MOST_SEALED = 1024;

const { subtle } = own.crypto;
const name = 'ChaCha20-Poly1305';

export class Aead {
  readonly bytes = new Uint8Array(KEY_BYTES);
  readonly iv = new Uint8Array(NONCE_BYTES);
  readonly additionalData = new Uint8Array(DATA_BYTES);
  readonly text = new Uint8Array(MOST_SEALED);
  /** Of the key's bytes, until one of them is another. */
  key: Key | undefined;
}
export function keyByte(a: Aead, index: number, byte: number): void {
  a.bytes[index] = byte;
  a.key = undefined;
}
export function nonceByte(a: Aead, index: number, byte: number): void {
  a.iv[index] = byte;
}
export function dataByte(a: Aead, index: number, byte: number): void {
  a.additionalData[index] = byte;
}
export function setTextByte(a: Aead, index: number, byte: number): void {
  a.text[index] = byte;
}
export const textByteAt = (a: Aead, index: number): number => a.text[index];

const keyOf = async (a: Aead): Promise<Key> =>
  (a.key ??= await subtle.importKey('raw-secret', a.bytes, name, false, ['encrypt', 'decrypt']));
export async function seal(a: Aead, bytes: number): Promise<void> {
  const { iv, additionalData } = a;
  a.text.set(await subtle.encrypt({ name, iv, additionalData }, await keyOf(a), a.text.slice(0, bytes)));
}
export async function open(a: Aead, bytes: number): Promise<boolean> {
  const { iv, additionalData } = a;
  const sealed = a.text.slice(0, bytes + TAG_BYTES);
  try {
    a.text.set(await subtle.decrypt({ name, iv, additionalData }, await keyOf(a), sealed));
    return true;
  } catch {
    a.text.fill(0);
    return false;
  }
}
