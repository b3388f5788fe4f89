// Reads files out of a Debian package: an ar archive (deb(5)) whose member `data.tar.*` is a compressed tar archive.

import { spawn } from 'node:child_process';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ImageError } from './error.ts';

const AR_MAGIC = '!<arch>\n';
const AR_HEADER_BYTES = 60;
const TAR_BLOCK = 512;

/**
 * The files of the package whose path `wanted` accepts, by path (no leading `./`). Stops reading when `enough` says so;
 * the content is never written anywhere, links are not followed. Throws ImageError 'archive' or 'missing-tool'.
 */
export async function unpackDeb(
  deb: Uint8Array,
  wanted: (path: string) => boolean,
  enough: (found: ReadonlyMap<string, Uint8Array>) => boolean = () => false,
): Promise<Map<string, Uint8Array>> {
  const { name, data } = dataMember(deb);
  const found = new Map<string, Uint8Array>();
  const tar = decompress(name, data, deb);
  try {
    for await (const file of tarFiles(tar, wanted)) {
      found.set(file.path, file.data);
      if (enough(found)) break;
    }
  } catch (error) {
    throw isMissing(error)
      ? noDecoder()
      : error instanceof ImageError
        ? error
        : broken(`the package’s data: ${String(error)}`);
  } finally {
    tar.destroy();
  }
  return found;
}

function noDecoder(): ImageError {
  return new ImageError(
    'missing-tool',
    'The package is compressed with xz, and this machine has neither xz nor dpkg-deb.',
    'Install xz: apt-get install xz-utils (or your system’s package of that name).',
  );
}

function dataMember(deb: Uint8Array): { name: string; data: Uint8Array } {
  for (const member of arMembers(deb)) {
    if (member.name.startsWith('data.tar')) return member;
  }
  throw broken('the package has no data.tar member');
}

/** The members of an ar archive in their order. */
export function* arMembers(archive: Uint8Array): Generator<{ name: string; data: Uint8Array }> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  if (bytes.toString('latin1', 0, AR_MAGIC.length) !== AR_MAGIC)
    throw broken('this is no Debian package (no ar archive)');
  for (let at = AR_MAGIC.length; at < bytes.length;) {
    // name 16, time 12, owner 6, group 6, mode 8, size 10 (decimal, padded with spaces), "`\n"
    const header = bytes.toString('latin1', at, at + AR_HEADER_BYTES);
    const size = Number(header.slice(48, 58).trim());
    const dataAt = at + AR_HEADER_BYTES;
    if (!header.endsWith('`\n') || !Number.isSafeInteger(size) || size < 0 || dataAt + size > bytes.length) {
      throw broken(`the package is cut short or damaged at byte ${at}`);
    }
    yield { name: header.slice(0, 16).trim().replace(/\/$/, ''), data: bytes.subarray(dataAt, dataAt + size) };
    at = dataAt + size + (size & 1);
  }
}

/** The tar archive inside `data`. Node knows gzip and zstd; for xz a program of the system is needed. */
function decompress(name: string, data: Uint8Array, deb: Uint8Array): Readable {
  switch (name) {
    case 'data.tar':
      return Readable.from([data]);
    case 'data.tar.gz':
      return through(createGunzip(), data);
    case 'data.tar.zst':
      return through(createZstdDecompress(), data);
    case 'data.tar.xz':
      return unxzOf(data, deb);
    default:
      throw broken(`the package's data is compressed in a way that is not known here (${name})`);
  }
}

function through(codec: Transform, data: Uint8Array): Readable {
  codec.end(data);
  return codec;
}

/** `xz`, or `dpkg-deb`, which carries a decoder of its own (small Debian systems have no xz). */
function unxzOf(data: Uint8Array, deb: Uint8Array): Readable {
  return Readable.from(
    (async function* () {
      try {
        yield* filter('xz', ['--decompress', '--stdout'], data);
      } catch (error) {
        if (!isMissing(error)) throw error;
        yield* filter('dpkg-deb', ['--fsys-tarfile', '-'], deb);
      }
    })(),
  );
}

/** What the program writes when it is given `input`. Throws ENOENT when there is no such program. */
export async function* filter(program: string, options: string[], input: Uint8Array): AsyncGenerator<Uint8Array> {
  const child = spawn(program, options, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => {}); // looked at below; not when the reader stopped early
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  child.stdin.on('error', () => {}); // EPIPE: the exit status tells
  child.stdin.end(input);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const status = await ended;
    if (status !== 0) throw broken(`${program} could not read it: ${complaint.trim() || `exit status ${status}`}`);
  } finally {
    child.kill();
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** All of a byte stream that is compressed as xz. */
export async function unxz(data: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of filter('xz', ['--decompress', '--stdout'], data)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The regular files of a tar archive (POSIX ustar and pax, GNU long names) whose path `wanted` accepts. */
export async function* tarFiles(
  stream: AsyncIterable<Uint8Array>,
  wanted: (path: string) => boolean,
): AsyncGenerator<{ path: string; data: Uint8Array }> {
  const input = new ByteReader(stream);
  let longName: string | undefined;
  for (;;) {
    const block = await input.take(TAR_BLOCK);
    if (block === undefined || block.every((byte) => byte === 0)) return;
    const header = parseTarHeader(block);
    const padded = Math.ceil(header.size / TAR_BLOCK) * TAR_BLOCK;
    if (header.type === 'L') {
      longName = untilNul(await body(input, header.size, padded));
      continue;
    }
    if (header.type === 'x') {
      longName = paxPath(await body(input, header.size, padded)) ?? longName;
      continue;
    }
    const path = (longName ?? header.path).replace(/^\.?\//, '');
    if (header.type !== 'g') longName = undefined;
    if (header.type === '0' && wanted(path)) yield { path, data: await body(input, header.size, padded) };
    else await input.skip(padded);
  }
}

async function body(input: ByteReader, size: number, padded: number): Promise<Buffer> {
  const bytes = await input.take(padded);
  if (bytes === undefined) throw broken('the tar archive ends too early');
  return bytes.subarray(0, size);
}

function parseTarHeader(block: Buffer): { path: string; size: number; type: string } {
  const octal = (at: number, length: number): number => parseInt(untilNul(block.subarray(at, at + length)).trim(), 8);
  // POSIX.1-2017, pax: the sum of the header's bytes with the checksum field itself taken as spaces.
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  const size = octal(124, 12);
  if (octal(148, 8) !== sum || !(size >= 0)) throw broken('the tar archive has a damaged header');
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? untilNul(block.subarray(345, 500)) : '';
  const name = untilNul(block.subarray(0, 100));
  const type = String.fromCharCode(block[156] || 0x30);
  return { path: prefix ? `${prefix}/${name}` : name, size, type };
}

/** The `path` record of a pax header: lines of `LENGTH KEY=VALUE`. */
function paxPath(header: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(header.toString('utf8'))?.[1];
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Takes exact lengths from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #pending: Uint8Array[] = [];
  #available = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; undefined when the stream is at its end. */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.#available < length) {
      if (!(await this.#more())) {
        if (this.#available) throw broken('the tar archive ends too early');
        return length ? undefined : Buffer.alloc(0);
      }
    }
    const all = this.#pending.length === 1 ? asBuffer(this.#pending[0]) : Buffer.concat(this.#pending);
    this.#pending = [all.subarray(length)];
    this.#available = all.length - length;
    return all.subarray(0, length);
  }

  async skip(length: number): Promise<void> {
    let left = length;
    while (left > this.#available) {
      left -= this.#available;
      this.#pending = [];
      this.#available = 0;
      if (!(await this.#more())) throw broken('the tar archive ends too early');
    }
    await this.take(left);
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#pending.push(next.value);
    this.#available += next.value.length;
    return true;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(sentence: string): ImageError {
  return new ImageError(
    'archive',
    `${sentence[0].toUpperCase()}${sentence.slice(1)}.`,
    'Fetch it again; if that does not help, name another mirror or suite.',
  );
}
