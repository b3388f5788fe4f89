// What was proved of which core: src/kernel/core/proved.json, written by `npm run prove` and read by `virtsec version`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse as acorn } from 'acorn';
import { lower } from './lower.ts';
import { readProgram } from './parse.ts';
import type { RawNode } from './lower.ts';
import type { Program } from './language.ts';
import type { FrontEnd, Sources } from './parse.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const FOLDER = path.join(ROOT, 'src/kernel/core');
export const MANIFEST = path.join(FOLDER, 'proved.json');

export interface Manifest {
  /** SHA-256 of the files of the core that is proved: its source, and the JavaScript that was built of it. */
  readonly files: Readonly<Record<string, string>>;
  /** Theorem: for how many actions it holds. */
  readonly theorems: Readonly<Record<string, number>>;
  /** Actions that behaviour.ts says nothing of: FSPEC does not hold of them. */
  readonly unspecified: readonly string[];
  /** Each has proved everything. */
  readonly solvers: string[];
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What is not there says nothing: a core can be looked at before its behaviour is written. */
export function sources(folder = FOLDER): Sources {
  const read = (file: string): string => {
    const full = path.join(folder, file);
    return existsSync(full) ? readFileSync(full, 'utf8') : '';
  };
  return { core: read('core.ts'), spec: read('spec.ts'), order: read('order.ts'), behaviour: read('behaviour.ts') };
}

/** The program without positions and files, as text: two front ends must agree on it. */
export function fingerprint(program: Program): string {
  const strip = (key: string, value: unknown) => {
    if (key === 'span' || key === 'file') return undefined;
    return value instanceof Map ? [...value] : value;
  };
  return sha256(JSON.stringify(program, strip));
}

/** Reads the sources with both front ends, and throws if they differ. */
export function agreedProgram(texts: Sources): Program {
  const read = (front: FrontEnd) => readProgram(front, texts);
  const program = read('typescript');
  if (fingerprint(read('javascript')) !== fingerprint(program))
    throw new Error('the two front ends read different programs');
  return program;
}

/** The core as `npm run build` emits it. Throws if it says something else than `texts`. */
export function builtCore(texts: Sources, source = FOLDER): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-core-'));
  const options = ['--ignoreConfig', '--target', 'esnext', '--module', 'nodenext', '--types', 'node'];
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  spawnSync(tsc, [...options, '--outDir', folder, path.join(source, 'core.ts')], { stdio: 'inherit' });
  const text = readFileSync(path.join(folder, 'core.js'), 'utf8');
  rmSync(folder, { recursive: true });
  const tree = acorn(text, { ecmaVersion: 2022, sourceType: 'module' }) as unknown as RawNode;
  const built = lower([{ name: 'core.ts', text, tree, mayImport: [] }]);
  if (fingerprint(built) !== fingerprint(readProgram('typescript', { ...texts, spec: '', order: '', behaviour: '' }))) {
    throw new Error('the build of core.ts is another program than its source');
  }
  return text;
}
