// What was proved of which core: src/kernel/core/proved.json, written by `npm run prove` and read by `virtsec version` and the kernel (kernel/proved-core.ts).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readProgram } from './parse.ts';
import type { Program } from './language.ts';
import type { FrontEnd, Sources } from './parse.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const FOLDER = path.join(ROOT, 'src/kernel/core');
export const MANIFEST = path.join(FOLDER, 'proved.json');

export interface Manifest {
  /** SHA-256 of the core that is proved and of its specification: their sources, and the JavaScript that is built of them. */
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

/** The core and its specification as `npm run build` emits them, by file. Throws if they say something else than `texts`. */
export function built(texts: Sources, source = FOLDER): Record<string, string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-core-'));
  const options = ['--ignoreConfig', '--target', 'esnext', '--module', 'nodenext', '--types', 'node'];
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  const files = ['core.ts', 'spec.ts', 'order.ts', 'behaviour.ts'].map((file) => path.join(source, file));
  spawnSync(tsc, [...options, '--rewriteRelativeImportExtensions', '--outDir', folder, ...files], { stdio: 'inherit' });
  const read = (name: string) => readFileSync(path.join(folder, `${name}.js`), 'utf8');
  const [core, spec, order, behaviour] = ['core', 'spec', 'order', 'behaviour'].map(read);
  rmSync(folder, { recursive: true });
  const asWritten = (text: string) => text.replaceAll(/(from '\.\/\w+)\.js'/g, "$1.ts'");
  const emitted = { core, spec: asWritten(spec), order: asWritten(order), behaviour: asWritten(behaviour) };
  if (fingerprint(readProgram('javascript', emitted)) !== fingerprint(readProgram('typescript', texts))) {
    throw new Error('what is built of the core and its specification is another program than its source');
  }
  return { 'core.js': core, 'spec.js': spec, 'order.js': order, 'behaviour.js': behaviour };
}
