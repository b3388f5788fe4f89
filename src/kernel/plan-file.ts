// A compiled plan as bytes: what `virtsec plan` writes, what is hashed and signed, and what every kernel loads.
//
//   words     int32, little-endian: header, counts, then the core's plan tables in their order (plan-load.ts)
//   names     canonical JSON, UTF-8: what things are called and what runs in them; no decision of the core needs it
//   signature optional, not part of what is hashed: magic, public key, Ed25519 signature over the hash
//
// One description gives one file, byte for byte. A kernel on bare metal reads the words alone. Nothing here is trusted:
// plan-load.ts holds the words against the core's capacities, and the core's `boot` judges what they mean.
import { createHash } from 'node:crypto';
import { H_NAME_BYTES, H_WORDS, HEADER_WORDS, MAX_PLAN_WORDS, PLAN_MAGIC_0, PLAN_MAGIC_1 } from './plan-load.ts';

/** Bytes of names: more than any plan that fits the core's tables says with good sense. */
const MAX_NAME_BYTES = 4 << 20;
/** Of objects and lists in one another: what a driver's own `config` may have, and more. */
const MAX_DEPTH = 64;
export const SIGNATURE_MAGIC = Buffer.from('VSSIGN1\n', 'latin1');
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const TRAILER_BYTES = SIGNATURE_MAGIC.length + KEY_BYTES + SIGNATURE_BYTES;

/** A file that is no plan, or a key that is none; the message says why. */
export class PlanFileError extends Error {}

export interface PlanFile {
  readonly words: Int32Array;
  /** Canonical JSON, not checked further. */
  readonly names: unknown;
  /** SHA-256 of words and names, in hexadecimal: the plan's identity. */
  readonly hash: string;
  readonly signature?: { readonly key: Buffer; readonly bytes: Buffer };
}

/**
 * The one way to write a JSON value: keys in the order of their UTF-16 units, no white space. `undefined` is left out.
 * Throws PlanFileError on a value that is nested too deeply.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new PlanFileError('its names are nested too deeply');
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value as Readonly<Record<string, unknown>>)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field, depth + 1)}`).join(',')}}`;
}

/** Words whose header says everything but the length of the names. */
export function encodePlanFile(words: Int32Array, names: unknown): Buffer {
  const text = Buffer.from(canonicalJson(names), 'utf8');
  const head = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => head.writeInt32LE(i === H_NAME_BYTES ? text.length : word, i * 4));
  return Buffer.concat([head, text]);
}

const hashOf = (body: Uint8Array): Buffer => createHash('sha256').update(body).digest();

/** Takes a file apart and checks its form; throws PlanFileError. */
export function openPlanFile(file: Uint8Array): PlanFile {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const refuse = (why: string): never => {
    throw new PlanFileError(why);
  };
  if (bytes.length < HEADER_WORDS * 4) refuse('too short for a plan');
  if (bytes.readInt32LE(0) !== PLAN_MAGIC_0 || bytes.readInt32LE(4) !== PLAN_MAGIC_1) refuse('not a compiled plan');
  const wordCount = bytes.readInt32LE(H_WORDS * 4);
  const nameBytes = bytes.readInt32LE(H_NAME_BYTES * 4);
  if (wordCount < HEADER_WORDS || wordCount > MAX_PLAN_WORDS) refuse('its header says an impossible number of words');
  if (nameBytes < 0 || nameBytes > MAX_NAME_BYTES) refuse('its header says an impossible length of the names');
  const namesAt = wordCount * 4;
  const end = namesAt + nameBytes;
  if (bytes.length < end) refuse('cut short');
  const words = new Int32Array(wordCount);
  for (let i = 0; i < wordCount; i++) words[i] = bytes.readInt32LE(i * 4);
  const text = bytes.subarray(namesAt, end).toString('utf8');
  let names: unknown;
  try {
    names = JSON.parse(text);
  } catch {
    refuse('its names are not JSON');
  }
  if (!Buffer.from(canonicalJson(names), 'utf8').equals(bytes.subarray(namesAt, end))) {
    refuse('its names are not in canonical form');
  }
  const hash = hashOf(bytes.subarray(0, end)).toString('hex');
  if (bytes.length === end) return { words, names, hash };
  const trailer = bytes.subarray(end);
  if (trailer.length !== TRAILER_BYTES || !trailer.subarray(0, SIGNATURE_MAGIC.length).equals(SIGNATURE_MAGIC)) {
    refuse('it is followed by something that is not a signature');
  }
  const keyEnd = SIGNATURE_MAGIC.length + KEY_BYTES;
  const key = Buffer.from(trailer.subarray(SIGNATURE_MAGIC.length, keyEnd));
  return { words, names, hash, signature: { key, bytes: Buffer.from(trailer.subarray(keyEnd)) } };
}
