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

/** Whether the kernel core that would run here is one that `npm run prove` has proved (docs/proof.md). */
export function coreText(): string {
  const built = path.basename(root) === 'dist';
  const name = built ? 'core.js' : 'core.ts';
  const hash = createHash('sha256')
    .update(readFileSync(path.join(root, 'src/kernel/core', name)))
    .digest('hex');
  const manifest = path.join(PACKAGE, 'src/kernel/core/proved.json');
  const { files, theorems } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    files: Record<string, string>;
    theorems: Record<string, number>;
  };
  const state = files[name] === hash ? `proved (${Object.keys(theorems).join(', ')})` : 'NOT the one that was proved';
  return `kernel core ${hash.slice(0, 12)}: ${state}`;
}

export function versionText(): string {
  const { virtsec, node, platform } = versions();
  return `virtsec ${virtsec} (Node ${node}, ${platform})`;
}
