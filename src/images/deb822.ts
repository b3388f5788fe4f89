// Debian's stanza format (deb822(5)): Release files, package indexes, and apt's `.sources` files.

/** Fields by lower-case name. A continuation line keeps its newline and loses its one leading space. */
export type Stanza = ReadonlyMap<string, string>;

/** The stanzas of a text; comment lines (`#`) are left out. */
export function parseStanzas(text: string): Stanza[] {
  return text
    .split(/\n[ \t]*(?:\n[ \t]*)+/)
    .map(parseStanza)
    .filter((stanza) => stanza.size > 0);
}

function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) fields.set(last, `${fields.get(last)}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    last = line.slice(0, colon).toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}

/** One stanza of a package index. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** Names of the packages it depends on, alternatives and version conditions left out. */
  readonly depends: readonly string[];
  /** Path of the `.deb`, relative to the mirror's root. */
  readonly filename: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Undefined when a field is missing or is not what it should be. */
export function packageRecord(stanza: Stanza): PackageRecord | undefined {
  const field = (name: string): string => stanza.get(name) ?? '';
  const record = {
    name: field('package'),
    version: field('version'),
    depends: field('depends')
      .split(',')
      .map(
        (dependency) =>
          dependency
            .split('|')[0]
            .trim()
            .split(/[\s(:]/)[0],
      )
      .filter((name) => name !== ''),
    filename: field('filename'),
    bytes: Number(field('size')),
    sha256: field('sha256').toLowerCase(),
  };
  const isPlainPath = /^[\w+.~%/-]+$/.test(record.filename) && !record.filename.split('/').includes('..');
  const isComplete =
    record.name !== '' &&
    record.version !== '' &&
    Number.isSafeInteger(record.bytes) &&
    /^[0-9a-f]{64}$/.test(record.sha256);
  return isPlainPath && isComplete ? record : undefined;
}
