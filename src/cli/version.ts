// What is running: for `virtsec version`, the boot banner and reports of faults.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { provedCore } from '../kernel/proved-core.ts';

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

export function coreText(): string {
  const { sha256, isProved, changed, theorems, solvers } = provedCore();
  const state = isProved
    ? `proved by ${solvers.join(' and ')} (${Object.keys(theorems).join(', ')})`
    : `NOT the one that was proved (${changed.length === 0 ? 'no solver has proved it' : `changed: ${changed.join(', ')}`})`;
  return `kernel core ${sha256.slice(0, 12)}: ${state}`;
}

export function versionText(): string {
  const { virtsec, node, platform } = versions();
  return `virtsec ${virtsec} (Node ${node}, ${platform})`;
}
