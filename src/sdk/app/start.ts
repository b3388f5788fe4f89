// Starts what an `app` file holds: a TypeScript or JavaScript module in a realm, or a WebAssembly module on the WASI host.
import type { KernelLink } from '../link.ts';
import { openModule } from '../wasi/run.ts';
import { powersOf } from './host-powers.ts';
import { openRealm } from './realm.ts';
import { readPack } from './sources.ts';
import type { Library } from './sources.ts';

export interface Program {
  /** Resolves when its main module has run. Rejects with the error that it threw. */
  run(): Promise<void>;
}

/** The first bytes of a WebAssembly module: `\0asm` (WebAssembly 1.0, 5.5.16). */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** `name`: what messages and stack traces call it. Runs nothing of it yet. */
export async function startApplication(
  library: Library,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  link: KernelLink,
): Promise<Program> {
  if (MAGIC.every((byte, i) => bytes[i] === byte)) return openModule(bytes, link);
  return openRealm(library, readPack(name, bytes), powersOf(link));
}
