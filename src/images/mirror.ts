// Debian packages from a mirror that the user names, without apt: the chain from the archive's key to each file is
// followed here. InRelease is signed; it names the hash of the package index; the index names the hash of each package.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Archive, type Watcher, checkPackage } from './archive.ts';
import { isMissing, unxz } from './deb.ts';
import { type PackageRecord, packageRecord, parseStanzas } from './deb822.ts';
import { ImageError } from './error.ts';

export interface MirrorOptions {
  /** `http:`, `https:` or `file:`; the directory that holds `dists` and `pool`. */
  readonly url: string;
  readonly suite: string;
  /** A file of OpenPGP public keys (binary) whose signature on the suite is accepted. */
  readonly keyring: string;
  /** Take an index whose time of validity is over. */
  readonly ignoreExpiry: boolean;
}

/** Opens one suite of a mirror: downloads and checks its index (10 MB, kept in memory). Throws ImageError. */
export async function openMirror(options: MirrorOptions, watcher: Watcher): Promise<Archive> {
  const { suite } = options;
  const root = options.url.replace(/\/*$/, '/');
  const inRelease = await get(`${root}dists/${suite}/InRelease`, 'no-suite', `signature of Debian ${suite}`, watcher);
  const release = parseRelease(await verifiedText(inRelease, options.keyring));
  if (suite !== release.suite && suite !== release.codename) {
    throw new ImageError(
      'no-suite',
      `The mirror answers for the suite ${suite} with another one (${release.suite}, ${release.codename}).`,
      'Name another mirror with --mirror, or the suite that it has with --suite.',
    );
  }
  if (release.validUntil !== undefined && release.validUntil < Date.now() && !options.ignoreExpiry) {
    throw new ImageError(
      'expired',
      `The index of Debian ${suite} was valid until ${new Date(release.validUntil).toISOString()} only.`,
      'Try another suite or mirror, or set this machine’s clock right.',
    );
  }
  const index = await fetchIndex(root, suite, release, watcher);
  return {
    suite,
    mirror: options.url,
    checkedBy: `gpgv, with ${options.keyring}`,
    find: (name) => Promise.resolve(findPackage(index, name)),
    async download(record) {
      const deb = await get(root + record.filename, 'network', record.name, watcher, record.bytes);
      return checkPackage(record, deb);
    },
    close: () => Promise.resolve(),
  };
}

/** What a Release file says, as far as it matters here. */
export interface Release {
  readonly suite: string;
  readonly codename: string;
  /** Milliseconds since 1970; undefined when the suite sets no end. */
  readonly validUntil: number | undefined;
  readonly byHash: boolean;
  /** By path relative to the suite's directory. */
  readonly files: ReadonlyMap<string, { readonly sha256: string; readonly bytes: number }>;
}

export function parseRelease(text: string): Release {
  const stanza = parseStanzas(text)[0] ?? new Map<string, string>();
  const files = new Map<string, { sha256: string; bytes: number }>();
  for (const line of (stanza.get('sha256') ?? '').split('\n')) {
    const match = /^\s*([0-9a-f]{64})\s+(\d+)\s+(\S+)$/i.exec(line);
    if (match) files.set(match[3], { sha256: match[1].toLowerCase(), bytes: Number(match[2]) });
  }
  const until = stanza.get('valid-until');
  return {
    suite: stanza.get('suite') ?? '',
    codename: stanza.get('codename') ?? '',
    // A date that cannot be read is one that is over.
    validUntil: until === undefined ? undefined : Date.parse(until) || 0,
    byHash: stanza.get('acquire-by-hash') === 'yes',
    files,
  };
}

/** The text that is under a valid signature, as gpgv hands it out: nothing around it in the file is ever looked at. */
async function verifiedText(inRelease: Uint8Array, keyring: string): Promise<string> {
  // gpgv reads files only, and wants a home directory of its own.
  const home = await mkdtemp(join(tmpdir(), 'virtsec-gpgv-'));
  try {
    const [signed, text] = [join(home, 'InRelease'), join(home, 'Release')];
    await writeFile(signed, inRelease);
    const options = ['--homedir', home, '--status-fd', '1', '--keyring', keyring, '--output', text, signed];
    const { status, complaint } = await gpgv(options);
    // A suite has several signatures. One by a trusted key is enough; a wrong one never passes; one by an unknown key is
    // nothing (gpgv's exit status is not 0 then).
    if (/^\[GNUPG:\] VALIDSIG /m.test(status) && !/^\[GNUPG:\] BADSIG /m.test(status))
      return await readFile(text, 'utf8');
    throw new ImageError(
      'signature',
      `The mirror’s index has no valid signature by a key in ${keyring}: ${complaint
        .replaceAll(/gpgv: /g, '')
        .trim()
        .split('\n')
        .join('; ')}.`,
      'Update the package debian-archive-keyring, or name the mirror’s own keys with --keyring.',
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Its machine-readable words (GnuPG's doc/DETAILS) and its human-readable ones. */
async function gpgv(options: string[]): Promise<{ status: string; complaint: string }> {
  const child = spawn('gpgv', options, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  let status = '';
  let complaint = '';
  child.stdout.on('data', (text: Buffer) => (status += text.toString()));
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  try {
    await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { status, complaint };
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ImageError(
      'missing-tool',
      'The mirror’s signature cannot be checked: there is no gpgv.',
      'Install it: apt-get install gpgv debian-archive-keyring.',
    );
  }
}

const INDEX = 'main/binary-riscv64/Packages';

async function fetchIndex(root: string, suite: string, release: Release, watcher: Watcher): Promise<string> {
  // xz is smaller, but needs a program.
  for (const [suffix, decompress] of [
    ['.xz', unxz],
    ['.gz', promisify<Uint8Array, Uint8Array>(gunzip)],
    ['', (data: Uint8Array) => Promise.resolve(data)],
  ] as const) {
    const path = INDEX + suffix;
    const entry = release.files.get(path);
    if (entry === undefined) continue;
    const name = release.byHash ? path.replace(/[^/]*$/, `by-hash/SHA256/${entry.sha256}`) : path;
    const step = `package index of Debian ${suite}`;
    const data = await get(`${root}dists/${suite}/${name}`, 'network', step, watcher, entry.bytes);
    const sha256 = createHash('sha256').update(data).digest('hex');
    if (data.length !== entry.bytes || sha256 !== entry.sha256) {
      throw new ImageError(
        'hash',
        `${path} of Debian ${suite} is not the file that the signed Release names (${data.length} bytes, SHA-256 ${sha256}).`,
        'The mirror is being updated, or the file was changed on its way: try again later or name another mirror.',
      );
    }
    try {
      return Buffer.from(await decompress(data)).toString('utf8');
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new ImageError(
    'no-suite',
    `Debian ${suite} on this mirror has nothing for riscv64.`,
    'Try another suite or mirror.',
  );
}

/** The first record of this name: an index has one version of a package but for rare moments. */
function findPackage(index: string, name: string): PackageRecord | undefined {
  // 60 MB of text: looking for the one line is faster than parsing all stanzas.
  const start = index.startsWith(`Package: ${name}\n`) ? 0 : index.indexOf(`\n\nPackage: ${name}\n`);
  if (start < 0) return undefined;
  const end = index.indexOf('\n\n', start + 2);
  const stanza = parseStanzas(index.slice(start, end < 0 ? undefined : end))[0];
  return stanza && packageRecord(stanza);
}

/** What comes before there is a signed word on its size, the signature itself: Debian's have 150 kB. */
const MAX_UNSIGNED_BYTES = 8 << 20;
const STALL_MS = 30_000;
const TRIES = 3;

/** Downloads a file whole. `bytes`: its size when known; more than that, or than MAX_UNSIGNED_BYTES, is refused. */
async function get(
  url: string,
  missing: 'no-suite' | 'network',
  step: string,
  watcher: Watcher,
  bytes = 0,
): Promise<Uint8Array> {
  if (url.startsWith('file:')) {
    try {
      return await readFile(fileURLToPath(url));
    } catch {
      throw new ImageError(missing, `There is no ${url}.`, 'Check the address, or name another mirror or suite.');
    }
  }
  for (let tries = 1; ; tries++) {
    try {
      return await download(url, missing, bytes, (received, total) =>
        watcher.progress({ step, bytes: received, total }),
      );
    } catch (error) {
      if (error instanceof ImageError) throw error;
      if (tries === TRIES) {
        throw new ImageError(
          'network',
          `${url} cannot be fetched: ${reason(error)}.`,
          'Check the network and the address.',
        );
      }
      await sleep(300 * tries);
    }
  }
}

/** One try. Throws ImageError when the server answers that it will not, else what went wrong on the way. */
async function download(
  url: string,
  missing: 'no-suite' | 'network',
  bytes: number,
  progress: (received: number, total: number) => void,
): Promise<Uint8Array> {
  const abort = new AbortController();
  const stalled = setTimeout(() => abort.abort(new Error(`no data for ${STALL_MS / 1000} s`)), STALL_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) {
      throw new ImageError(
        response.status === 404 ? missing : 'network',
        `The server answers ${response.status} for ${url}.`,
        'Check the address, or name another mirror or suite.',
      );
    }
    const total = bytes || Number(response.headers.get('content-length') ?? 0);
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of response.body) {
      stalled.refresh();
      chunks.push(chunk);
      received += chunk.length;
      if (bytes && received > bytes) break; // its hash will not match
      if (!bytes && received > MAX_UNSIGNED_BYTES) {
        throw new ImageError('signature', `${url} has no end.`, 'Name another mirror.');
      }
      progress(received, total);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(stalled);
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
}
