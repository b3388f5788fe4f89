// A subset of WebCrypto (W3C Web Cryptography API): the cryptography is Node's, and keys stay outside the application's realm.
import { ChannelError } from './kernel.ts';
import type { KernelLink } from '../link.ts';

/** An algorithm's name, or its parameters: `{ name: 'AES-GCM', iv }`, `{ name: 'HMAC', hash: 'SHA-256' }`. */
export type Algorithm = string | { readonly name: string; readonly [parameter: string]: unknown };
export type KeyUsage = 'sign' | 'verify' | 'encrypt' | 'decrypt' | 'deriveBits' | 'deriveKey';
export type KeyFormat = 'raw' | 'raw-secret' | 'pkcs8' | 'spki';

/** A key. It cannot be looked into; `exportKey` gives its bytes if it is extractable. */
export class Key {
  readonly #id: number;
  readonly type: string;
  readonly extractable: boolean;
  constructor(id: number, type: string, extractable: boolean) {
    this.#id = id;
    this.type = type;
    this.extractable = extractable;
  }
  static idOf(key: Key): number {
    return key.#id;
  }
}
export interface KeyPair {
  readonly publicKey: Key;
  readonly privateKey: Key;
}

/** What stands in the JSON of a request or an answer for bytes and keys (crypto-host.ts reads and writes the same). */
interface KeyNote {
  readonly key: number;
  readonly type: string;
  readonly extractable: boolean;
}

/** `crypto.subtle`. Each throws ChannelError `argument` for what WebCrypto refuses. */
export class Subtle {
  readonly #link: KernelLink;

  constructor(link: KernelLink) {
    this.#link = link;
  }

  async #ask(operation: string, ...given: unknown[]): Promise<{ value: unknown; parts: readonly Uint8Array[] }> {
    const parts: Uint8Array[] = [];
    const note = (_: string, value: unknown): unknown => {
      if (value instanceof Key) return { $key: Key.idOf(value) };
      if (!(value instanceof Uint8Array)) return value;
      return { $bytes: parts.push(value) - 1 };
    };
    const json = JSON.stringify({ operation, given }, note);
    const answer = await this.#link.crypto(json, parts).catch((error: unknown) => {
      throw new ChannelError('argument', error instanceof Error ? error.message : String(error));
    });
    return { value: JSON.parse(answer.json) as unknown, parts: answer.parts };
  }
  async #bytes(operation: string, ...given: unknown[]): Promise<Uint8Array> {
    return (await this.#ask(operation, ...given)).parts[0];
  }

  /** `SHA-256`, `SHA-384`, `SHA-512`. */
  async digest(algorithm: Algorithm, data: Uint8Array): Promise<Uint8Array> {
    return this.#bytes('digest', algorithm, data);
  }
  /** `Ed25519`, `ECDSA` and `ECDH` (`{ name, namedCurve }`), `X25519`: a pair. `AES-GCM` (`{ name, length }`), `HMAC`: one key. */
  async generateKey(algorithm: Algorithm, extractable: boolean, usages: readonly KeyUsage[]): Promise<Key | KeyPair> {
    const { value } = await this.#ask('generateKey', algorithm, extractable, usages);
    const notes = value as readonly KeyNote[];
    const [first, second] = notes.map((note) => new Key(note.key, note.type, note.extractable));
    return second === undefined ? first : { publicKey: first, privateKey: second };
  }
  /** A key of its bytes. */
  async importKey(
    format: KeyFormat,
    bytes: Uint8Array,
    algorithm: Algorithm,
    extractable: boolean,
    usages: readonly KeyUsage[],
  ): Promise<Key> {
    const { value } = await this.#ask('importKey', format, bytes, algorithm, extractable, usages);
    const [note] = value as readonly KeyNote[];
    return new Key(note.key, note.type, note.extractable);
  }
  /** The bytes of an extractable key. */
  async exportKey(format: KeyFormat, key: Key): Promise<Uint8Array> {
    return this.#bytes('exportKey', format, key);
  }
  /** `Ed25519`, `HMAC`, `{ name: 'ECDSA', hash }`. */
  async sign(algorithm: Algorithm, key: Key, data: Uint8Array): Promise<Uint8Array> {
    return this.#bytes('sign', algorithm, key, data);
  }
  /** Whether the signature is that of the data. */
  async verify(algorithm: Algorithm, key: Key, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
    return (await this.#ask('verify', algorithm, key, signature, data)).value === true;
  }
  /** `{ name: 'AES-GCM', iv, additionalData }`: the sealed text, with its tag of 16 bytes. */
  async encrypt(algorithm: Algorithm, key: Key, data: Uint8Array): Promise<Uint8Array> {
    return this.#bytes('encrypt', algorithm, key, data);
  }
  /** Throws if the sealed text was changed. */
  async decrypt(algorithm: Algorithm, key: Key, data: Uint8Array): Promise<Uint8Array> {
    return this.#bytes('decrypt', algorithm, key, data);
  }
  /** `bits`: how many, a multiple of 8. */
  async deriveBits(algorithm: Algorithm, key: Key, bits: number): Promise<Uint8Array> {
    return this.#bytes('deriveBits', algorithm, key, bits);
  }
}

/** `crypto`. */
export class Crypto {
  readonly subtle: Subtle;
  readonly #link: KernelLink;

  constructor(link: KernelLink) {
    this.#link = link;
    this.subtle = new Subtle(link);
  }
  /** Fills `into` with random bytes of the host's generator, and returns it. */
  getRandomValues(into: Uint8Array): Uint8Array {
    this.#link.random(into);
    return into;
  }
}
