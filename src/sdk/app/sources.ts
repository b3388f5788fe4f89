// The text of an application's modules, read before the partition is sealed: afterwards there is no file to read.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

/** An application as one piece: what the plan's hash is of, and what the partition is given as its file `app`. */
export interface Pack {
  readonly 'virtsec-app': 1;
  /** Name of the main module among `modules`. */
  readonly entry: string;
  /** Text of each module, as written, by its path from the folder that they have in common. */
  readonly modules: Readonly<Record<string, string>>;
}

/**
 * Specifiers that may be imported by a module. Too many do no harm (one in a comment): what is not there is only missed when V8
 * links the modules and really asks for it.
 */
export function importsOf(text: string): string[] {
  const patterns = [
    /\bfrom\s*(['"])([^'"\n]+)\1/g,
    /\bimport\s*(['"])([^'"\n]+)\1/g,
    /\bimport\s*\(\s*(['"])([^'"\n]+)\1/g,
  ];
  return [...new Set(patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[2])))];
}

/** JavaScript of a module's text: types are removed, places stay as they are. */
export const javascriptOf = (name: string, text: string): string =>
  /\.[cm]?ts$/.test(name) ? stripTypeScriptTypes(text) : text;

/** The module at `entry` and what it imports from files beside it. */
export function packApplication(entry: string): Pack {
  const texts = new Map<string, string>();
  const read = (file: string): void => {
    if (texts.has(file)) return;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if (texts.size === 0) throw error;
      return;
    }
    texts.set(file, text);
    for (const one of importsOf(text)) if (/^\.\.?\//.test(one)) read(path.resolve(path.dirname(file), one));
  };
  read(path.resolve(entry));
  const files = [...texts.keys()];
  let folder = path.dirname(files[0]);
  while (files.some((file) => !file.startsWith(folder + path.sep))) folder = path.dirname(folder);
  const nameOf = (file: string) => path.relative(folder, file).split(path.sep).join('/');
  return {
    'virtsec-app': 1,
    entry: nameOf(files[0]),
    modules: Object.fromEntries(files.map((file) => [nameOf(file), texts.get(file)!])),
  };
}

/**
 * What a partition is given as its file `app`: a WebAssembly module as it is, a module of code without others beside it as its
 * text, and one with others as a pack. Throws what reading the file throws.
 */
export function applicationFile(entry: string): Uint8Array<ArrayBuffer> {
  if (entry.endsWith('.wasm')) return new Uint8Array(readFileSync(entry));
  const pack = packApplication(entry);
  const texts = Object.values(pack.modules);
  return new TextEncoder().encode(texts.length === 1 ? texts[0] : JSON.stringify(pack));
}

/** Reads what an `app` file holds: a pack, or the text of a single module called `name`. */
export function readPack(name: string, bytes: Uint8Array): Pack {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  if (!text.startsWith('{"virtsec-app":1,')) return { 'virtsec-app': 1, entry: name, modules: { [name]: text } };
  return JSON.parse(text) as Pack;
}

/** `src` or `dist/src`: Virtsec's own modules are named by their paths in it, with a slash before them. */
const ROOT = path.resolve(import.meta.dirname, '../..');
const EXTENSION = path.extname(import.meta.filename);
const nameInRoot = (file: string): string => `/${path.relative(ROOT, file).split(path.sep).join('/')}`;

/** The module whose place the realm's powers take, and the one that holds the application. */
export const POWERS = `/sdk/app/powers${EXTENSION}`;
export const OWN = `/sdk/app/own${EXTENSION}`;

/** Virtsec's own modules that run inside an application's realm, and the text of ses. */
export interface Library {
  /** Names of modules by the specifiers that an application imports them by. */
  readonly names: Readonly<Record<string, string>>;
  /** JavaScript by name. */
  readonly modules: ReadonlyMap<string, string>;
  /** Names of those that are in the subset (subset.ts). */
  readonly subset: ReadonlySet<string>;
  readonly ses: string;
}

let library: Library | undefined;
/** Read once. */
export function ownLibrary(): Library {
  return (library ??= readLibrary());
}

function readLibrary(): Library {
  const names = {
    'virtsec/sdk': `/sdk/app${EXTENSION}`,
    'virtsec/sdk/arinc653': `/sdk/arinc653${EXTENSION}`,
    'virtsec/sdk/apex': `/sdk/apex${EXTENSION}`,
    'virtsec/sdk/bare': `/sdk/app/bare${EXTENSION}`,
    'virtsec/sdk/aead': `/sdk/app/aead${EXTENSION}`,
    'virtsec/sdk/random': `/sdk/app/random${EXTENSION}`,
    'virtsec/sdk/ed25519': `/sdk/app/ed25519${EXTENSION}`,
    'virtsec/sdk/intrinsics': `/compiler/intrinsics${EXTENSION}`,
  };
  const modules = new Map<string, string>();
  const read = (file: string): void => {
    const name = nameInRoot(file);
    if (modules.has(name) || name === POWERS) return;
    const text = javascriptOf(file, readFileSync(file, 'utf8'));
    modules.set(name, text);
    for (const one of importsOf(text)) if (/^\.\.?\//.test(one)) read(path.resolve(path.dirname(file), one));
  };
  for (const name of Object.values(names)) read(path.join(ROOT, name));
  return { names, modules, subset: new Set([names['virtsec/sdk/apex']]), ses: readSes() };
}

/** The text of ses: one file that any realm can run. It stands beside Virtsec's packages, or in a folder further up. */
function readSes(): string {
  for (let up = ROOT; ; up = path.dirname(up)) {
    const file = path.join(up, 'node_modules/ses/dist/ses.umd.min.js');
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      // In a jail what is further up is refused; the last reason tells most.
      if (up === path.dirname(up)) throw new Error('the package ses is not there: npm ci', { cause: error });
    }
  }
}
