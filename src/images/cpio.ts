// The "newc" cpio archive, the form in which Linux takes its initial file system
// (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Writer and reader.
//
// An entry is a 110-byte ASCII header (magic, then thirteen fields of eight hexadecimal digits), the name with its NUL,
// and the data; name and data are each padded with zeros to a multiple of four bytes from the archive's start.

const MAGIC = '070701';
const HEADER_BYTES = 110;
const TRAILER = 'TRAILER!!!';

/** The file type bits of `mode` (stat(2)). */
const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 } as const;
const TYPE_MASK = 0o170000;

/** Paths are relative to the root, without a leading slash. `mode` is the permission bits alone. */
export type CpioEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | {
      readonly type: 'character';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/**
 * The archive of these entries, in their order (a directory before what is in it). Everything belongs to root and has the
 * time 0, so equal entries give equal bytes.
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => parts.push(...encode(entry, index + 1)));
  parts.push(header({ ino: 0, mode: 0, nlink: 1, bytes: 0, major: 0, minor: 0, name: TRAILER }));
  return Buffer.concat(parts);
}

function encode(entry: CpioEntry, ino: number): Uint8Array[] {
  const data =
    entry.type === 'file' ? entry.data : entry.type === 'link' ? Buffer.from(entry.target) : new Uint8Array(0);
  const permissions = entry.type === 'link' ? 0o777 : entry.mode;
  const device = entry.type === 'character' ? entry : { major: 0, minor: 0 };
  return [
    header({
      ino,
      mode: TYPE[entry.type] | permissions,
      nlink: entry.type === 'directory' ? 2 : 1,
      bytes: data.length,
      major: device.major,
      minor: device.minor,
      name: entry.path,
    }),
    data,
    new Uint8Array(padding(data.length)),
  ];
}

interface Header {
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly bytes: number;
  readonly major: number;
  readonly minor: number;
  readonly name: string;
}

function header(h: Header): Uint8Array {
  const name = Buffer.from(`${h.name}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [h.ino, h.mode, 0, 0, h.nlink, 0, h.bytes, 0, 0, h.major, h.minor, name.length, 0];
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([Buffer.from(text), name, new Uint8Array(padding(HEADER_BYTES + name.length))]);
}

function padding(length: number): number {
  return -length & 3;
}

/** The entries of an archive. Throws a RangeError for bytes that are no newc archive, or one that is cut short. */
export function readCpio(archive: Uint8Array): CpioEntry[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries: CpioEntry[] = [];
  for (let at = 0; ;) {
    if (bytes.toString('latin1', at, at + 6) !== MAGIC) throw new RangeError(`no cpio entry at byte ${at}`);
    const field = (index: number): number =>
      parseInt(bytes.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const mode = field(1);
    const dataBytes = field(6);
    const nameBytes = field(11);
    const nameAt = at + HEADER_BYTES;
    const dataAt = nameAt + nameBytes + padding(HEADER_BYTES + nameBytes);
    const end = dataAt + dataBytes;
    if (!(nameBytes > 0 && end <= bytes.length)) throw new RangeError(`the cpio entry at byte ${at} is cut short`);
    const path = bytes.toString('utf8', nameAt, nameAt + nameBytes - 1);
    if (path === TRAILER) return entries;
    const permissions = mode & ~TYPE_MASK;
    const data = bytes.subarray(dataAt, end);
    switch (mode & TYPE_MASK) {
      case TYPE.directory:
        entries.push({ type: 'directory', path, mode: permissions });
        break;
      case TYPE.file:
        entries.push({ type: 'file', path, mode: permissions, data });
        break;
      case TYPE.link:
        entries.push({ type: 'link', path, target: data.toString('utf8') });
        break;
      case TYPE.character:
        entries.push({ type: 'character', path, mode: permissions, major: field(9), minor: field(10) });
        break;
      default:
        throw new RangeError(`the cpio entry ${path} has a type that is not known here (mode ${mode.toString(8)})`);
    }
    at = end + padding(dataBytes);
  }
}
