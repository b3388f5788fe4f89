// What is running: for `virtsec version`, the boot banner and reports of faults.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package's folder, with its trailing slash. */
export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

export interface Versions {
  readonly virtsec: string;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
}

export function versions(): Versions {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  const { node, v8 } = process.versions;
  return { virtsec: version, node, v8, platform: `${process.platform}-${process.arch}` };
}

export function versionText(): string {
  const { virtsec, node, platform } = versions();
  return `virtsec ${virtsec} (Node ${node}, ${platform})`;
}
