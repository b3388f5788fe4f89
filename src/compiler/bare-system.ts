// From a compiled plan to a bootable image: finds each partition's sources and its regions of the board.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFreestanding } from './freestanding.ts';
import { buildSystem, kernelSources } from './system-image.ts';
import type { SourceFile } from '../proof/language.ts';
import type { MetalGuest, MetalProgram, MetalStream, Region, SystemImage } from './system-image.ts';

/** The sources as TypeScript: here, or of the repository in which this was built. An installed package has none. */
export const SOURCES =
  ['../', '../../../src/']
    .map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
    .find((folder) => existsSync(`${folder}sdk/bare.ts`)) ?? fileURLToPath(new URL('../', import.meta.url));
const FRAME = 4096;
const BYTES_OF_DATA = 16 * 1024;

/** What a partition's program may import beside its own files. */
const OF_THE_SDK: ReadonlyMap<string, string> = new Map<string, string>(
  ['bare', 'apex', 'metal/aead', 'metal/ed25519', 'metal/random'].map((file) => [
    `virtsec/sdk/${path.basename(file)}`,
    `${SOURCES}sdk/${file}.ts`,
  ]),
).set('#guest-memory', `${SOURCES}vmm/metal/guest-memory.ts`);
/** Who has this among its files draws from the board's seed, of which there are two halves. */
const RANDOM = `${SOURCES}sdk/metal/random.ts`;
const HALVES = 2;
/** Known to the compiler itself. */
const INTRINSICS = /^virtsec\/sdk\/intrinsics$|\/intrinsics\.ts$/;
const IMPORT = /^import\b[^'"]*['"]([^'"]+)['"]/gm;

export interface BarePartition {
  readonly name: string;
  /** A program in the subset, or an ELF file of another toolchain (freestanding.ts). */
  readonly file: string;
  /** Bytes of its data, at least. */
  readonly memory?: number;
  readonly ports: ReadonlyMap<string, number>;
  /** Byte addresses, half open. */
  readonly registers: readonly { readonly start: number; readonly end: number }[];
  /** The interrupt of its device: a source of the board's PLIC. */
  readonly interrupt?: number;
  /** Of a VMM: its guest. */
  readonly guest?: MetalGuest;
}

/** By its name: `.ts` and `.js` are sources. */
export const isElf = (file: string): boolean => !/\.[cm]?[jt]s$/.test(file);

/** A partition's files with what they import, each behind those that it imports. Throws Error when one cannot be read. */
export function sourcesOf(file: string): SourceFile[] {
  const done = new Map<string, SourceFile>();
  const visit = (name: string, from: readonly string[]): void => {
    if (done.has(name)) return;
    if (from.includes(name)) throw new Error(`${name}: imports go in a circle`);
    const text = readFileSync(name, 'utf8');
    for (const [, specifier] of text.matchAll(IMPORT)) {
      if (INTRINSICS.test(specifier)) continue;
      const sdk = OF_THE_SDK.get(specifier);
      if (sdk === undefined && !specifier.startsWith('.')) {
        throw new Error(`${name}: a program for bare metal cannot import \`${specifier}\``);
      }
      visit(sdk ?? path.resolve(path.dirname(name), specifier), [...from, name]);
    }
    // The compiler knows files by their last names.
    done.set(name, { name, text: text.replaceAll(/'(?:virtsec\/sdk\/|#)([\w-]+)'/g, "'./$1.ts'") });
  };
  visit(file, []);
  return [...done.values()];
}

/** Registers of a device as regions: naturally aligned powers of two that cover them exactly. Throws Error if none do. */
export function regionsOf(partition: string, registers: BarePartition['registers']): Region[] {
  return registers.map(({ start, end }) => {
    const bytes = end - start;
    if (bytes < FRAME || (bytes & (bytes - 1)) !== 0 || start % bytes !== 0) {
      const range = `0x${start.toString(16)}-0x${end.toString(16)}`;
      throw new Error(`${partition}: the board can protect aligned powers of two from 4K on, not ${range}`);
    }
    return { address: start, bytes, rights: 'rw' };
  });
}

/** `words`: the compiled plan; `kernel`: another one, for tests. Throws OutsideLanguage on a program that is not in the subset, Error on all else. */
export function buildBareSystem(
  words: Int32Array,
  partitions: readonly BarePartition[],
  streams: readonly MetalStream[],
  kernel: readonly SourceFile[] = kernelSources(`${SOURCES}kernel`),
): SystemImage {
  let halves = 0;
  const seedOf = (name: string, files: readonly SourceFile[]): { seed?: number } => {
    if (!files.some((one) => path.resolve(one.name) === path.resolve(RANDOM))) return {};
    if (halves === HALVES)
      throw new Error(`${name}: of the board's seed there are ${HALVES} halves, and both are taken`);
    return { seed: ++halves };
  };
  const sources = (name: string, file: string) => {
    const files = sourcesOf(file);
    return { files, ...seedOf(name, files) };
  };
  const programs = partitions.map(({ name, file, memory, ports, registers, interrupt, guest }): MetalProgram => ({
    name,
    ...(isElf(file)
      ? { files: [], freestanding: readFreestanding(name, readFileSync(file), memory) }
      : sources(name, file)),
    dataBytes: BYTES_OF_DATA,
    devices: regionsOf(name, registers),
    ports,
    ...(interrupt === undefined ? {} : { interrupt }),
    ...(guest === undefined ? {} : { guest }),
  }));
  return buildSystem(kernel, words, programs, streams);
}
