// Whether the core that stands here is the one that was proved (docs/proof.md): the kernel process asks before it runs it,
// the command tells.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface ProvedCore {
  /** `core.ts`, or as it was built. */
  readonly file: string;
  /** SHA-256 of what runs here. */
  readonly sha256: string;
  /** It, and the specification beside it, are what was proved. */
  readonly isProved: boolean;
  /** Files of the core and its specification that are not as they were when it was proved. */
  readonly changed: readonly string[];
  /** How many questions of each theorem were answered. */
  readonly theorems: Readonly<Record<string, number>>;
  readonly solvers: readonly string[];
}

const EXTENSION = path.extname(import.meta.filename);
/** Beside the sources; built, three folders up. */
const MANIFESTS = ['core/proved.json', '../../../src/kernel/core/proved.json'];

interface Manifest {
  readonly files: Readonly<Record<string, string>>;
  readonly theorems: Readonly<Record<string, number>>;
  readonly solvers: readonly string[];
}
/** What cannot be read proves nothing. */
function readManifest(): Manifest {
  for (const file of MANIFESTS) {
    try {
      return JSON.parse(readFileSync(path.join(import.meta.dirname, file), 'utf8')) as Manifest;
    } catch {
      // The other place, or none.
    }
  }
  return { files: {}, theorems: {}, solvers: [] };
}

/** SHA-256 of a file; of one that cannot be read: nothing. */
function hashOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return '';
  }
}

/** `core`: another file than the one that would run in this process. */
export function provedCore(core = path.join(import.meta.dirname, `core/core${EXTENSION}`)): ProvedCore {
  const { files, theorems, solvers } = readManifest();
  const { dir, base: file, ext } = path.parse(core);
  const changed = [file, `spec${ext}`, `order${ext}`, `behaviour${ext}`].filter(
    (name) => files[name] === undefined || hashOf(path.join(dir, name)) !== files[name],
  );
  return {
    file,
    sha256: hashOf(core),
    isProved: changed.length === 0 && solvers.length > 0,
    changed,
    theorems,
    solvers,
  };
}

/** Why the kernel does not run this core unless it is told to; undefined: it is the proved one. */
export function whyNotProved(core?: string): string | undefined {
  const { file, sha256, changed } = provedCore(core);
  if (!changed.includes(file)) return undefined;
  return `the kernel core (${file}, SHA-256 ${sha256.slice(0, 12)}) is not the one that was proved; --unproved-core takes it all the same`;
}
