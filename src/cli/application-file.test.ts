import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readPack } from '../sdk/app/sources.ts';
import { applicationHash, applicationPath } from './application-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtsec-app-'));
const { XDG_CACHE_HOME } = process.env;
process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true });
});

const write = (name: string, text: string): string => {
  const file = join(folder, name);
  mkdirSync(join(folder, 'lib'), { recursive: true });
  writeFileSync(file, text);
  return file;
};

test('a module by itself, a WebAssembly module and what is not there stay where they are', () => {
  const alone = write('alone.ts', `import { log } from 'virtsec/sdk'; log('import "./none.ts"');`);
  assert.equal(applicationPath(alone), alone);
  const wasm = write('a.wasm', '\0asm');
  assert.equal(applicationPath(wasm), wasm);
  assert.equal(applicationPath(join(folder, 'none.ts')), join(folder, 'none.ts'));
});

test('a module with others beside it is packed; another text of any of them is another application', () => {
  const main = write('main.ts', `import { limit } from './lib/limit.ts';`);
  write('lib/limit.ts', `export const limit = 1;`);
  const first = applicationPath(main);
  const { entry, modules } = readPack('main', readFileSync(first));
  assert.deepEqual([entry, Object.keys(modules)], ['main.ts', ['main.ts', 'lib/limit.ts']]);
  assert.equal(first, applicationPath(main));
  assert.ok(first.endsWith(`${applicationHash(main)}.json`));
  write('lib/limit.ts', `export const limit = 2;`);
  assert.notEqual(applicationPath(main), first);
});
