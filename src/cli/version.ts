// What is running: for `virtsec version`, the boot banner and reports of faults.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder with package.json, src and, once built, dist: this module runs from either of the two. */
const root = path.resolve(import.meta.dirname, '../..');
export const PACKAGE = path.basename(root) === 'dist' ? path.dirname(root) : root;

export interface Versions {
  readonly virtsec: string;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
}

export function versions(): Versions {
  const text = readFileSync(path.join(PACKAGE, 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  const { node, v8 } = process.versions;
  return { virtsec: version, node, v8, platform: `${process.platform}-${process.arch}` };
}

/** The kernel core that would run here, and what `npm run prove` has proved of it (docs/proof.md). */
export interface CoreVersion {
  readonly file: string;
  readonly sha256: string;
  readonly isProved: boolean;
  readonly theorems: Readonly<Record<string, number>>;
  readonly solvers: readonly string[];
}

export function coreVersion(): CoreVersion {
  const built = path.basename(root) === 'dist';
  const file = built ? 'core.js' : 'core.ts';
  const sha256 = createHash('sha256')
    .update(readFileSync(path.join(root, 'src/kernel/core', file)))
    .digest('hex');
  const manifest = path.join(PACKAGE, 'src/kernel/core/proved.json');
  const { files, theorems, solvers } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    files: Record<string, string>;
    theorems: Record<string, number>;
    solvers: string[];
  };
  return { file, sha256, isProved: files[file] === sha256, theorems, solvers };
}

export function coreText(): string {
  const { sha256, isProved, theorems } = coreVersion();
  const state = isProved ? `proved (${Object.keys(theorems).join(', ')})` : 'NOT the one that was proved';
  return `kernel core ${sha256.slice(0, 12)}: ${state}`;
}

export function versionText(): string {
  const { virtsec, node, platform } = versions();
  return `virtsec ${virtsec} (Node ${node}, ${platform})`;
}
