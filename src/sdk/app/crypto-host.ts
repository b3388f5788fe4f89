// The other side of app/crypto.ts, outside the application's realm: carries requests out with Node's WebCrypto and keeps the
// keys. What comes in was written by the application and is taken for nothing but data.
import { webcrypto } from 'node:crypto';
import type { CryptoAnswer } from '../link.ts';

/** Keys of one application. */
const MAX_KEYS = 4096;

const OPERATIONS = [
  'digest',
  'generateKey',
  'importKey',
  'exportKey',
  'sign',
  'verify',
  'encrypt',
  'decrypt',
  'deriveBits',
] as const;
type Operation = (typeof OPERATIONS)[number];

type Subtle = Record<Operation, (...given: readonly unknown[]) => Promise<unknown>>;

export class CryptoHost {
  readonly #keys: webcrypto.CryptoKey[] = [];

  /** Rejects with the reason, as an Error of the host's realm. */
  async carryOut(json: string, parts: readonly Uint8Array[]): Promise<CryptoAnswer> {
    const request = JSON.parse(json) as { operation: unknown; given: unknown };
    const operation = OPERATIONS.find((one) => one === request.operation);
    if (operation === undefined || !Array.isArray(request.given)) throw new Error('no such operation of crypto');
    const given = request.given.map((value: unknown) => this.#read(value, parts));
    const subtle = webcrypto.subtle as unknown as Subtle;
    const result = await subtle[operation](...given);
    if (result instanceof ArrayBuffer) return { json: 'null', parts: [new Uint8Array(result)] };
    if (typeof result === 'boolean') return { json: String(result), parts: [] };
    const pair = result as Partial<webcrypto.CryptoKeyPair>;
    const keys =
      pair.publicKey !== undefined && pair.privateKey !== undefined ? [pair.publicKey, pair.privateKey] : [result];
    return { json: JSON.stringify(keys.map((key) => this.#keep(key as webcrypto.CryptoKey))), parts: [] };
  }

  #keep(key: webcrypto.CryptoKey): { key: number; type: string; extractable: boolean } {
    if (this.#keys.length >= MAX_KEYS) throw new Error(`more than ${MAX_KEYS} keys`);
    return { key: this.#keys.push(key) - 1, type: key.type, extractable: key.extractable };
  }

  /** A value of the request, with its bytes and keys in their places. */
  #read(value: unknown, parts: readonly Uint8Array[]): unknown {
    if (Array.isArray(value)) return value.map((one: unknown) => this.#read(one, parts));
    if (typeof value !== 'object' || value === null) return value;
    if (Object.hasOwn(value, '$bytes')) return parts[(value as { $bytes: number }).$bytes];
    if (Object.hasOwn(value, '$key')) return this.#keys[(value as { $key: number }).$key];
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.#read(one, parts)]));
  }
}
