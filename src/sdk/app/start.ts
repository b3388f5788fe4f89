// Starts what an `app` file holds: a TypeScript or JavaScript module in a realm, or a WebAssembly module on the WASI host.
import type { KernelLink } from '../link.ts';
import { powersOf } from './host-powers.ts';
import { openRealm } from './realm.ts';
import { readPack } from './sources.ts';
import type { Library } from './sources.ts';

export interface Program {
  /** Resolves when its main module has run. Rejects with the error that it threw. */
  run(): Promise<void>;
}

/** `name`: what messages and stack traces call it. Runs nothing of it yet. */
export async function startApplication(
  library: Library,
  name: string,
  bytes: Uint8Array,
  link: KernelLink,
): Promise<Program> {
  return openRealm(library, readPack(name, bytes), powersOf(link));
}
