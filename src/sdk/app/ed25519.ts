// virtsec/sdk/ed25519 where the hosted kernel, or the test bed, is beneath: the names of sdk/metal/ed25519.ts for the same sources. The
// key is one of the host's, which the application cannot look into.
import { OK } from '../../kernel/abi.ts';
import type { KeyPair } from './crypto.ts';
import { own } from './own.ts';

export const MOST_SIGNED = 1024;
export const PUBLIC_BYTES = 32;
export const SIGNATURE_BYTES = 64;

const { subtle } = own.crypto;

export class Ed25519 {
  pair: KeyPair | undefined;
  publicKey: Uint8Array = new Uint8Array(PUBLIC_BYTES);
  signature: Uint8Array = new Uint8Array(SIGNATURE_BYTES);
  readonly message = new Uint8Array(MOST_SIGNED);
}
export async function makeKey(e: Ed25519): Promise<number> {
  e.pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as KeyPair;
  e.publicKey = await subtle.exportKey('raw', e.pair.publicKey);
  return OK;
}
export const publicByte = (e: Ed25519, index: number): number => e.publicKey[index];
export function toBeSigned(e: Ed25519, index: number, byte: number): void {
  e.message[index] = byte;
}
export async function sign(e: Ed25519, bytes: number): Promise<void> {
  if (e.pair === undefined) throw new TypeError('there is no key: makeKey comes first');
  e.signature = await subtle.sign('Ed25519', e.pair.privateKey, e.message.slice(0, bytes));
}
export const signatureByte = (e: Ed25519, index: number): number => e.signature[index];
