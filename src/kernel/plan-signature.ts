// The signature of a compiled plan (plan-file.ts): Ed25519 over its hash. The command makes and checks it; no kernel process loads
// this.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { PlanFileError, SIGNATURE_MAGIC, encodePlanFile, openPlanFile } from './plan-file.ts';
import type { PlanFile } from './plan-file.ts';

/** What a signature says, so that one made for something else does not fit. */
const SIGNED_AS = Buffer.from('virtsec plan, SHA-256\n', 'latin1');

const signedText = (hash: string): Buffer => Buffer.concat([SIGNED_AS, Buffer.from(hash, 'hex')]);

/** The 32 bytes of an Ed25519 public key (RFC 8032, 5.1.5). */
function rawKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url');
}

function readKey(pem: string, read: (pem: string) => KeyObject, what: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read(pem);
  } catch {
    // Told below.
  }
  if (key?.asymmetricKeyType !== 'ed25519') throw new PlanFileError(`not an Ed25519 ${what} key in PEM`);
  return key;
}

/** The plan with a signature in place of any that it had. `privatePem`: PKCS #8. Throws PlanFileError. */
export function signPlanFile(file: Uint8Array, privatePem: string): Buffer {
  const { words, names, hash } = openPlanFile(file);
  const key = readKey(privatePem, createPrivateKey, 'private');
  const signature = sign(null, signedText(hash), key);
  return Buffer.concat([encodePlanFile(words, names), SIGNATURE_MAGIC, rawKey(createPublicKey(key)), signature]);
}

/** Whether the plan is signed by this key; the key that stands in the file is not asked. `publicPem`: SPKI. Throws PlanFileError. */
export function isSignedBy({ hash, signature }: PlanFile, publicPem: string): boolean {
  const key = readKey(publicPem, createPublicKey, 'public');
  if (signature === undefined || !rawKey(key).equals(signature.key)) return false;
  return verify(null, signedText(hash), key, signature.bytes);
}

/** A new pair of Ed25519 keys in PEM (PKCS #8 and SPKI). */
export function newKeys(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}
