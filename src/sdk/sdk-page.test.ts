// docs/sdk.md: its reference is that of the sources, and its examples run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { compileC } from './tests/clang.ts';
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
test('the page has its examples', () => assert.equal(examples.length, 6));

for (const [i, { files }] of examples.entries()) {
  const name = [...files.keys()].find((file) => file.endsWith('.test.ts')) ?? '';
  test(`example: ${name}`, (t) => {
    const project = path.join(folder, String(i));
    mkdirSync(path.join(project, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, path.join(project, 'node_modules/virtsec'), 'junction');
    for (const [file, text] of files) writeFileSync(path.join(project, file), text);
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
