// Starts what an `app` file holds: a TypeScript or JavaScript module in a realm, or a WebAssembly module on the WASI host.
import type { KernelLink } from '../link.ts';

export interface Program {
  /** Resolves when its main module has run. Rejects with the error that it threw. */
  run(): Promise<void>;
}

/** Builds the program for a link; runs nothing of it yet. Needs no file any more. */
export type Loader = (link: KernelLink) => Promise<Program>;

/** The first bytes of a WebAssembly module: `\0asm` (WebAssembly 1.0, 5.5.16). */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/**
 * Reads what this kind of application needs of Virtsec: only before a partition is sealed can that be read. `name`: what
 * messages and stack traces call the application. Nothing of `bytes` is looked into but its kind.
 */
export async function loaderFor(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Loader> {
  if (ELF_MAGIC.every((byte, i) => bytes[i] === byte)) {
    return () => Promise.reject(new Error('an ELF program runs on bare metal alone: virtsec run --metal'));
  }
  if (MAGIC.every((byte, i) => bytes[i] === byte)) {
    const { openModule } = await import('../wasi/run.ts');
    return (link) => openModule(bytes, link);
  }
  const [{ openRealm }, { powersOf }, { ownLibrary, readPack }] = await Promise.all([
    import('./realm.ts'),
    import('./host-powers.ts'),
    import('./sources.ts'),
  ]);
  const library = ownLibrary();
  return (link) => openRealm(library, readPack(name, bytes), powersOf(link));
}
