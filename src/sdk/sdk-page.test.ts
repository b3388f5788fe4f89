// docs/sdk.md: its reference is that of the sources, and its examples run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { compileC } from './tests/compilers.ts';
import { examplesOf, sdkPage } from './tests/sdk-page.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(ROOT, 'docs/sdk.md'), 'utf8');

test('the reference is what the sources say (node scripts/sdk-page.ts)', () => {
  assert.equal(page, sdkPage(page));
  for (const name of ['openTestBed', 'READ_SAMPLING_MESSAGE', 'switchTo(name: string)', 'set_mode(name, length)']) {
    assert.ok(page.includes(name), name);
  }
});

const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-sdk-'));
after(() => rmSync(folder, { recursive: true }));

const examples = examplesOf(page);
const projectOf = (i: number): string => path.join(folder, String(i));
const install = (name: string): void => {
  mkdirSync(path.dirname(path.join(folder, 'node_modules', name)), { recursive: true });
  symlinkSync(
    path.join(ROOT, name === 'virtsec' ? '.' : `node_modules/${name}`),
    path.join(folder, 'node_modules', name),
    'junction',
  );
};

test('the page has its examples, and their types are right', () => {
  assert.equal(examples.length, 6);
  for (const name of ['virtsec', '@types', 'undici-types']) install(name);
  for (const [i, { files }] of examples.entries()) {
    mkdirSync(projectOf(i));
    for (const [file, text] of files) writeFileSync(path.join(projectOf(i), file), text);
  }
  cpSync(path.join(ROOT, 'templates/app/tsconfig.json'), path.join(folder, 'tsconfig.json'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'tsconfig.examples.json'), '{ "extends": "./tsconfig.json", "include": ["*/*.ts"] }');
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.examples.json'], { cwd: folder, encoding: 'utf8' });
  assert.equal(result.status, 0, result.stdout);
});

for (const [i, { files }] of examples.entries()) {
  const name = [...files.keys()].find((file) => file.endsWith('.test.ts')) ?? '';
  test(`example: ${name}`, (t) => {
    const project = projectOf(i);
    for (const file of files.keys()) {
      if (!file.endsWith('.c')) continue;
      const lacking = compileC(path.join(project, file), path.join(project, file.replace('.c', '.wasm')));
      if (lacking !== undefined) return t.skip(lacking);
    }
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', '--test', name];
    const result = spawnSync(process.execPath, flags, { cwd: project, env, encoding: 'utf8' });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /pass 1\n/);
  });
}
