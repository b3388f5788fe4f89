// Seals what comes from the red side, and opens what comes from the black one: a line of text there, a line of hexadecimal here.
//
// A record is 12 bytes of nonce and AES-256-GCM over 64 bytes: its number, the length of its text, the text. All records are of
// one length, so that the black side does not learn that of a line. A record is taken once: its number is above all before it.
import { crypto, log, port, text, time, utf8, type Key, type Stream } from 'virtsec/sdk';

const NONCE = 12;
const BLOCK = 64;
const HEADER = 5;
const { subtle } = crypto;

async function receiveKey(): Promise<Key> {
  const reader = port.reader('key');
  for (;;) {
    const sample = await reader.read();
    if (sample?.valid) return subtle.importKey('raw', sample.message, 'AES-GCM', false, ['encrypt', 'decrypt']);
    await time.sleep(20);
  }
}

const key = await receiveKey();
// Whoever keeps records of an earlier run of this program cannot bring them to this one.
const additionalData = crypto.getRandomValues(new Uint8Array(16));
let sent = 0;
let taken = 0;

async function seal(part: Uint8Array): Promise<string> {
  const block = new Uint8Array(BLOCK);
  new DataView(block.buffer).setUint32(0, ++sent);
  block[HEADER - 1] = part.length;
  block.set(part, HEADER);
  const iv = crypto.getRandomValues(new Uint8Array(NONCE));
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, block);
  return Array.from([...iv, ...sealed], (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Undefined: it was not sealed here, or has been taken already. */
async function open(line: string): Promise<string | undefined> {
  if (!/^([0-9a-f]{2})+$/.test(line)) return undefined;
  const record = Uint8Array.from(line.match(/../g)!, (byte) => Number.parseInt(byte, 16));
  const iv = record.slice(0, NONCE);
  try {
    const block = await subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, record.slice(NONCE));
    const number = new DataView(block.buffer, block.byteOffset).getUint32(0);
    if (number <= taken) return undefined;
    taken = number;
    return text(block.slice(HEADER, HEADER + block[HEADER - 1]));
  } catch {
    return undefined;
  }
}

/** Calls `take` with each line; what is longer than `most` characters is cut there. */
async function eachLine(stream: Stream, most: number, take: (line: string) => Promise<void>): Promise<void> {
  let line = '';
  for await (const bytes of stream) {
    for (const byte of bytes) {
      if (byte !== 10 && byte !== 13) {
        if (line.length < most) line += String.fromCharCode(byte);
      } else if (line !== '') {
        await take(line);
        line = '';
      }
    }
  }
}

const plain = port.stream('plain');
const sealed = port.stream('sealed');
await Promise.all([
  eachLine(plain, BLOCK - HEADER, async (line) => sealed.write(`${await seal(utf8(line).slice(0, BLOCK - HEADER))}\n`)),
  // One byte more than a record has, so that what is too long stays too long.
  eachLine(sealed, 2 * (NONCE + BLOCK + 16 + 1), async (line) => {
    const opened = await open(line);
    if (opened === undefined) await log('a record from the black side is refused');
    else await plain.write(`${opened}\n`);
  }),
]);
