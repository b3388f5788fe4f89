// The images that Virtsec knows by name, and how the rest of it asks for one.
//
// Asking for an image that is in the cache reads one small file and asks the file system for the state of three: it costs
// under a millisecond and never touches the network. Everything else is loaded only when something must be fetched.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Watcher } from './archive.ts';
import {
  type Manifest,
  type Provenance,
  cacheDirectory,
  inspect,
  pathOf,
  readManifest,
  restamp,
  store,
  withLock,
} from './cache.ts';
import { ImageError } from './error.ts';
import { buildInitramfs, initramfsRecipe } from './initramfs.ts';

export type { Progress, Watcher } from './archive.ts';
export type { Provenance } from './cache.ts';
export { ImageError, type ImageErrorCode } from './error.ts';

export interface GuestImage {
  readonly name: string;
  readonly description: string;
  /** Absolute paths. */
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  /** A regular expression that matches the console's last characters when the guest is up. */
  readonly ready: string;
  readonly provenance: Provenance;
}

export interface FirmwareImage {
  readonly name: string;
  readonly description: string;
  /**
   * Starts at the RAM's base and jumps to base + 2 MiB, with the device tree copied to base + 34 MiB: into any kernel of more
   * than 32 MiB, Debian's for one (OpenSBI, platform/generic/objects.mk). Absolute path.
   */
  readonly jump: string;
  /** Told by `struct fw_dynamic_info` in a2 where to go (OpenSBI, docs/firmware/fw_dynamic.md). Absolute path. */
  readonly dynamic: string;
  readonly provenance: Provenance;
}

export interface FetchOptions {
  /** Fetch from this mirror (`http:`, `https:`, `file:`) and not through the machine's apt. */
  readonly mirror?: string;
  /** Try this suite only. */
  readonly suite?: string;
  /** With `mirror`: the file of OpenPGP keys to trust, in place of Debian's. */
  readonly keyring?: string;
  /** Ask the network though the cache has the image. */
  readonly refresh?: boolean;
  /** Never ask the network. */
  readonly offline?: boolean;
  /** In place of the user's cache directory. */
  readonly cache?: string;
  readonly watcher?: Partial<Watcher>;
}

/**
 * - `console=ttyS0`: the first UART is the console.
 * - `earlycon=sbi`: its words come from the first line on, and not only when the UART's driver is there, half a boot later.
 * - `cryptomgr.notests`: Debian's kernel tests each of its ciphers at boot: 1,700 M of 2,100 M instructions.
 * - `lsm=capability`: of the Linux security modules only the capability checks; the others hash and label files at start.
 * - `unaligned_*_speed=fast`: else the kernel measures for four jiffies a hart how fast unaligned accesses are.
 * - `damon_stat.enabled=0`: else a thread looks twelve times a second at which memory is used, two thirds of what an idle guest does.
 */
const DEBIAN_CMDLINE =
  'console=ttyS0 earlycon=sbi cryptomgr.notests lsm=capability unaligned_scalar_speed=fast unaligned_vector_speed=fast damon_stat.enabled=0';

/** busybox asks the terminal for its cursor's place (`ESC [ 6 n`) after each prompt, when no input waits. */
const DEBIAN_READY = '# (\\x1b\\[6n)?$';

/** The names of all images, with what each is. */
export const IMAGES: Readonly<Record<string, { readonly kind: 'guest' | 'firmware'; readonly description: string }>> = {
  debian: { kind: 'guest', description: 'Debian’s own riscv64 kernel and a small busybox system in RAM' },
  opensbi: { kind: 'firmware', description: 'OpenSBI, the M-mode firmware, from Debian’s package' },
};

/** A guest that boots. Throws ImageError. */
export async function fetchImage(name: string, options: FetchOptions = {}): Promise<GuestImage> {
  const { directory, manifest } = await fetchFiles(name, 'guest', options);
  return {
    name,
    description: IMAGES[name].description,
    kernel: pathOf(directory, manifest.files['vmlinuz']),
    initrd: pathOf(directory, manifest.files['initrd']),
    cmdline: DEBIAN_CMDLINE,
    ready: DEBIAN_READY,
    provenance: manifest.provenance,
  };
}

/** Firmware that a guest's harts start in. Throws ImageError. */
export async function fetchFirmware(name: string, options: FetchOptions = {}): Promise<FirmwareImage> {
  const { directory, manifest } = await fetchFiles(name, 'firmware', options);
  return {
    name,
    description: IMAGES[name].description,
    jump: pathOf(directory, manifest.files['fw_jump']),
    dynamic: pathOf(directory, manifest.files['fw_dynamic']),
    provenance: manifest.provenance,
  };
}

/** Where an image came from; undefined when it is not in the cache. */
export function cachedProvenance(name: string, cache = cacheDirectory()): Provenance | undefined {
  return readManifest(directoryOf(name, cache))?.provenance;
}

/** Reads all bytes of a cached image. Names the files that are missing or changed: none when all is well. */
export async function verifyImage(name: string, cache = cacheDirectory()): Promise<readonly string[]> {
  const inspection = await inspect(directoryOf(name, cache));
  if (inspection === undefined) throw notFetched(name);
  return inspection.damaged;
}

/** Takes an image out of the cache. */
export async function removeImage(name: string, cache = cacheDirectory()): Promise<void> {
  await rm(directoryOf(name, cache), { recursive: true, force: true });
}

function directoryOf(name: string, cache: string): string {
  if (Object.hasOwn(IMAGES, name)) return join(cache, name);
  const names = Object.keys(IMAGES).join(', ');
  throw new ImageError('unknown-image', `There is no image ${JSON.stringify(name)}.`, `The images are: ${names}.`);
}

function notFetched(name: string): ImageError {
  return new ImageError('not-fetched', `The image ${name} is not on this machine.`, `Run: virtsec image fetch ${name}`);
}

async function fetchFiles(
  name: string,
  kind: 'guest' | 'firmware',
  options: FetchOptions,
): Promise<{ directory: string; manifest: Manifest }> {
  const directory = directoryOf(name, options.cache ?? cacheDirectory());
  if (IMAGES[name].kind !== kind) {
    throw new ImageError('unknown-image', `The image ${name} is no ${kind}.`, `It is ${IMAGES[name].kind}.`);
  }
  const cached = options.refresh ? undefined : readManifest(directory);
  if (cached && isCurrent(cached)) return { directory, manifest: cached };
  const watcher: Watcher = {
    progress: options.watcher?.progress ?? (() => {}),
    warning: options.watcher?.warning ?? (() => {}),
  };
  const waiting = (by: string): void => watcher.warning(`Waiting for ${by}, which is fetching ${name}.`);
  const manifest = await withLock(directory, waiting, async () => {
    // Another process may have done it while this one waited; or the files were only copied.
    let found = options.refresh ? undefined : (readManifest(directory) ?? (await restamp(directory)));
    if (found === undefined) {
      if (options.offline) throw notFetched(name);
      const { fetchPackages } = await import('./fetch.ts');
      const fetched = await fetchPackages(name, options, watcher);
      found = await store(directory, fetched.provenance, fetched.files);
    }
    return isCurrent(found) ? found : makeInitrd(directory, found);
  });
  return { directory, manifest };
}

/** False when an initrd must be made, or made again because this version of Virtsec makes another one. */
function isCurrent(manifest: Manifest): boolean {
  return manifest.files['busybox'] === undefined || manifest.files['initrd']?.recipe === initramfsRecipe();
}

async function makeInitrd(directory: string, manifest: Manifest): Promise<Manifest> {
  const busybox = await readFile(pathOf(directory, manifest.files['busybox']));
  const initrd = { data: buildInitramfs(busybox), recipe: initramfsRecipe() };
  return store(directory, manifest.provenance, { ...manifest.files, initrd });
}
