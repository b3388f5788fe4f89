// Fetched files under the user's cache directory (XDG Base Directory Specification):
//
//   virtsec/images/NAME/manifest.json     which files, their hashes, where they came from
//   virtsec/images/NAME/FILE-HASH12       the files, named by their content
//
// Everything is written under another name and renamed, so that who reads finds all of it or nothing. A manifest is renamed
// into place after its files.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifCutShort } from './cut-short.ts';
import { ImageError } from './error.ts';

/** Where a file came from: enough to fetch and check the same again by hand. */
export interface Provenance {
  readonly suite: string;
  readonly mirror: string;
  readonly checkedBy: string;
  /** ISO 8601, UTC. */
  readonly fetched: string;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[];
}

interface CachedFile {
  /** Its name in the image's directory. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Modification time in milliseconds: with the size, the quick check at each start. */
  readonly modified: number;
  /** Of a file that was made here: what it was made with. Another value means: make it again. */
  readonly recipe?: string;
}

export interface Manifest {
  readonly 'virtsec-image': 1;
  readonly provenance: Provenance;
  readonly files: Readonly<Record<string, CachedFile>>;
}

/** A file to put into the cache. */
export interface NewFile {
  readonly data: Uint8Array;
  readonly recipe?: string;
}

/** `$XDG_CACHE_HOME/virtsec/images`; a relative `XDG_CACHE_HOME` counts as unset (XDG Base Directory Specification). */
export function cacheDirectory(): string {
  const named = process.env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'virtsec', 'images');
}

export const pathOf = (directory: string, file: CachedFile): string => join(directory, file.name);

/**
 * The manifest in this directory when all its files are there with the size and time that it names; undefined otherwise.
 * Reads nothing but the manifest (under 1 ms).
 */
export function readManifest(directory: string): Manifest | undefined {
  const manifest = parseManifest(directory);
  const isWhole = (file: CachedFile): boolean => {
    const found = statSync(pathOf(directory, file), { throwIfNoEntry: false });
    return found !== undefined && found.size === file.bytes && Math.abs(found.mtimeMs - file.modified) < 1;
  };
  return manifest && Object.values(manifest.files).every(isWhole) ? manifest : undefined;
}

function parseManifest(directory: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value['virtsec-image'] !== 1) return false;
  const { files, provenance } = value;
  return (
    isObject(provenance) &&
    Array.isArray(provenance['packages']) &&
    isObject(files) &&
    Object.values(files).every(
      (file) =>
        isObject(file) &&
        typeof file['name'] === 'string' &&
        /^[\w.-]+$/.test(file['name']) &&
        typeof file['sha256'] === 'string' &&
        typeof file['bytes'] === 'number' &&
        typeof file['modified'] === 'number',
    )
  );
}

/** What a full look at an image found. */
export interface Inspection {
  readonly manifest: Manifest;
  /** Keys of the files that are missing or whose content is not what the manifest says. */
  readonly damaged: readonly string[];
}

/** Reads all bytes and compares their hashes; undefined when there is no manifest. Sizes and times do not matter here. */
export async function inspect(directory: string): Promise<Inspection | undefined> {
  const manifest = parseManifest(directory);
  if (manifest === undefined) return undefined;
  const damaged: string[] = [];
  for (const [key, file] of Object.entries(manifest.files)) {
    const data = await readFile(pathOf(directory, file)).catch(() => undefined);
    if (data === undefined || sha256(data) !== file.sha256) damaged.push(key);
  }
  return { manifest, damaged };
}

/**
 * The manifest of a directory whose files are all as they were stored though their times are not (a copied cache), brought
 * up to date; undefined when a file is damaged.
 */
export async function restamp(directory: string): Promise<Manifest | undefined> {
  const inspection = await inspect(directory);
  if (inspection === undefined || inspection.damaged.length > 0) return undefined;
  const files: Record<string, CachedFile> = {};
  for (const [key, file] of Object.entries(inspection.manifest.files)) {
    files[key] = { ...file, modified: (await stat(pathOf(directory, file))).mtimeMs };
  }
  return store(directory, inspection.manifest.provenance, files);
}

/** Puts the files and their manifest into the directory, and takes away files that no manifest names any more. */
export async function store(
  directory: string,
  provenance: Provenance,
  files: Readonly<Record<string, NewFile | CachedFile>>,
): Promise<Manifest> {
  try {
    await mkdir(directory, { recursive: true });
    const stored: Record<string, CachedFile> = {};
    for (const [key, file] of Object.entries(files)) {
      stored[key] = 'data' in file ? await storeFile(directory, key, file) : file;
    }
    const manifest: Manifest = { 'virtsec-image': 1, provenance, files: stored };
    await replace(join(directory, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), 0o644);
    await sweep(directory, manifest);
    return manifest;
  } catch (error) {
    throw new ImageError(
      'cache',
      `The cache ${directory} cannot be written: ${error instanceof Error ? error.message : String(error)}.`,
      'Make room or give the directory to your user, or set XDG_CACHE_HOME to another one.',
    );
  }
}

async function storeFile(directory: string, key: string, file: NewFile): Promise<CachedFile> {
  const hash = sha256(file.data);
  const name = `${key}-${hash.slice(0, 12)}`;
  const path = join(directory, name);
  await replace(path, file.data, 0o444);
  const { size, mtimeMs } = await stat(path);
  const made = file.recipe === undefined ? {} : { recipe: file.recipe };
  return { name, sha256: hash, bytes: size, modified: mtimeMs, ...made };
}

async function replace(path: string, data: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.new`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Only under the lock: what another fetch is writing would go too. */
async function sweep(directory: string, manifest: Manifest): Promise<void> {
  const kept = new Set(['manifest.json', 'lock', ...Object.values(manifest.files).map((file) => file.name)]);
  for (const name of await readdir(directory)) {
    if (!kept.has(name)) await rm(join(directory, name), { force: true });
  }
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const HEARTBEAT_MS = 2_000;
const STALE_MS = 15_000;

/**
 * Does `work` while no other process does anything under the lock of this directory. The lock of a process that is gone is
 * taken over: at once where its number can be looked up, else (another container may share the directory) when it was not
 * touched for fifteen seconds; its holder touches it every two. Two that take over the same lock at the same moment would
 * both work; then one of them may fail, but what is in the cache stays whole, since all that is written is renamed into place.
 */
export async function withLock<T>(
  directory: string,
  waiting: (by: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(directory, 'lock');
  try {
    await mkdir(directory, { recursive: true });
    for (let told = false; !(await claim(path)); told = true) {
      if (!told) waiting((await readFile(path, 'utf8').catch(() => '')).split('\n')[0] || 'another process');
      await sleep(100);
    }
  } catch (error) {
    throw new ImageError(
      'cache',
      `The cache ${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      'Give the directory to your user, or set XDG_CACHE_HOME to another one.',
    );
  }
  const settled = ifCutShort(() => rmSync(path, { force: true }));
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    settled();
    await rm(path, { force: true });
  }
}

async function claim(path: string): Promise<boolean> {
  try {
    await writeFile(path, `process ${process.pid}\n${processSpace()}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  if (await isStale(path)) await rm(path, { force: true });
  return false;
}

async function isStale(path: string): Promise<boolean> {
  const held = await stat(path).catch(() => undefined);
  if (held === undefined) return false;
  if (Date.now() - held.mtimeMs > STALE_MS) return true;
  const [holder, space] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const pid = /^process (\d+)$/.exec(holder)?.[1];
  return pid !== undefined && space === processSpace() && !isRunning(Number(pid));
}

/** Equal for two processes when a process number means the same process to both (pid_namespaces(7), and no restart between). */
function processSpace(): string {
  try {
    return `${readlinkSync('/proc/self/ns/pid')} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    return hostname();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
