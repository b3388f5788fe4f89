// The file that the kernel gives to an application's partition: a WebAssembly module, a module of TypeScript as it is, or one that
// imports others beside it, packed with them into one file. Its hash is the application's hash.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cacheDirectory } from '../images/cache.ts';
import { applicationFile, packApplication } from '../sdk/app/sources.ts';

const CODE = /\.[cm]?[jt]s$/;

export const isCode = (path: string): boolean => CODE.test(path);

/** SHA-256 of what the partition of the application at `path` is given. */
export const applicationHash = (path: string): string =>
  createHash('sha256').update(applicationFile(path)).digest('hex');

/** Where that lies: the file itself, or a pack that is kept in the cache by its hash. */
export function applicationPath(path: string): string {
  if (!isCode(path) || !existsSync(path)) return path; // whether it is there is told elsewhere
  if (Object.keys(packApplication(path).modules).length === 1) return path;
  const place = join(dirname(cacheDirectory()), 'applications', `${applicationHash(path)}.json`);
  if (!existsSync(place)) {
    mkdirSync(dirname(place), { recursive: true });
    const part = `${place}.${process.pid}`;
    writeFileSync(part, applicationFile(path));
    renameSync(part, place);
  }
  return place;
}

/** Where an application or its storage is, for a description in that folder. */
export const placeIn =
  (folder: string) =>
  (path: string, what: 'app' | 'storage'): string =>
    what === 'app' ? applicationPath(resolve(folder, path)) : resolve(folder, path);
