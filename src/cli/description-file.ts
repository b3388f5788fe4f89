// From what the user names (a folder, a file, an example) to a description and what its messages point into.
import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { IMAGES } from '../images/images.ts';
import { type Host, nearest } from '../policy/index.ts';
import { applicationHash, isCode } from './application-file.ts';
import { EXIT, Failure } from './failure.ts';
import { PACKAGE } from './version.ts';

const NAMES = ['system.yaml', 'system.yml', 'system.json', 'system.ts'];

export const isFile = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

export const imageNames = (kind: 'guest' | 'firmware'): string[] =>
  Object.keys(IMAGES).filter((name) => IMAGES[name].kind === kind);

/** Path of the description that the word means. `command` is named in messages. */
export function findDescription(command: string, system: string | undefined): string {
  const named = system ?? '.';
  // The examples of the package are found by their names from everywhere.
  for (const path of [named, join(PACKAGE, named), join(PACKAGE, 'systems', named)]) {
    if (isFile(path)) return path;
    const inside = NAMES.map((name) => join(path, name)).find(isFile);
    if (inside !== undefined) return inside;
    if (isFolder(path) && system !== undefined && path === named) {
      throw new Failure(
        EXIT.usage,
        `virtsec ${command}: the folder ${named} has no system.yaml`,
        'name a folder or a file that describes a system',
      );
    }
  }
  if (system === undefined) {
    throw new Failure(
      EXIT.usage,
      `virtsec ${command}: there is no system.yaml in this folder`,
      `name a system: \`virtsec ${command} hello\``,
    );
  }
  const examples = readdirSync(join(PACKAGE, 'systems'));
  const meant = nearest(named, [...examples, ...examples.map((name) => `systems/${name}`)]);
  throw new Failure(
    EXIT.usage,
    `virtsec ${command}: there is no system ${named}`,
    meant === undefined ? `examples: ${examples.join(', ')}` : `did you mean \`${meant}\`?`,
  );
}

/** What validators may ask, of the files that a description names from its folder. */
export const hostOf = (folder: string): Host => ({
  fileExists: (path) => isFile(resolve(folder, path)),
  folderExists: (path) => isFolder(resolve(folder, path)),
  sha256: (path) => {
    const file = resolve(folder, path);
    if (!isFile(file)) return undefined;
    return isCode(file) ? applicationHash(file) : createHash('sha256').update(readFileSync(file)).digest('hex');
  },
  images: imageNames('guest'),
  firmware: imageNames('firmware'),
});

export interface DescriptionFile {
  /** What messages call it: the path, and of a TypeScript file that they show its JSON form. */
  readonly name: string;
  readonly text: string;
  readonly host: Host;
}

/** Reads YAML and JSON as they are; a TypeScript module gives its default export, written out as JSON. */
export async function readDescriptionFile(path: string): Promise<DescriptionFile> {
  const host = hostOf(dirname(path));
  if (!/\.[cm]?[jt]s$/.test(path)) return { name: path, text: readFileSync(path, 'utf8'), host };
  const module = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
  if (typeof module.default !== 'object' || module.default === null) {
    throw new Failure(EXIT.usage, `${path} has no description`, 'write `export default defineSystem({ ... })`');
  }
  return { name: `${path}(json)`, text: `${JSON.stringify(module.default, null, 2)}\n`, host };
}
