import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { provedCore, whyNotProved } from './proved-core.ts';

const KERNEL = import.meta.dirname;

/** A copy of the kernel, and of what its processes load of the rest; `changed` is a file of its core that says something else. */
function kernelWith(t: TestContext, changed?: string): string {
  const root = mkdtempSync(path.join(tmpdir(), 'virtsec-kernel-'));
  t.after(() => rmSync(root, { recursive: true }));
  const folder = path.join(root, 'src/kernel');
  cpSync(KERNEL, folder, { recursive: true, filter: (file) => !file.endsWith('.test.ts') });
  writeFileSync(path.join(root, 'package.json'), '{ "type": "module" }');
  if (changed !== undefined) {
    const file = path.join(folder, 'core', changed);
    const text = readFileSync(file, 'utf8');
    const other = text.replace('return true;', 'return !false;');
    assert.notEqual(other, text);
    writeFileSync(file, other);
  }
  return folder;
}

/** What the kernel process says, given a plan of no bytes. */
function kernelSays(folder: string, ...options: string[]): string {
  const run = spawnSync(process.execPath, [path.join(folder, 'hosted/main.ts'), ...options], {
    stdio: ['ignore', 'ignore', 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
  });
  const [first] = run.output[4]?.split('\n', 1) ?? [];
  return (JSON.parse(first ?? '') as { reason: string }).reason;
}

describe('the proved core', () => {
  for (const file of ['core.ts', 'spec.ts', 'order.ts', 'behaviour.ts']) {
    test(`${file} is part of it`, (t) => {
      const core = path.join(kernelWith(t, file), 'core/core.ts');
      const { isProved, changed } = provedCore(core);
      assert.equal(isProved, false);
      assert.ok(changed.includes(file));
      // The control: here it is as it was proved, or bugs.test.ts says that it is not.
      assert.deepEqual(
        changed.filter((name) => name !== file),
        provedCore().changed.filter((name) => name !== file),
      );
    });
  }

  test('the kernel process refuses another one, unless told', (t) => {
    const other = kernelWith(t, 'core.ts');
    assert.match(whyNotProved(path.join(other, 'core/core.ts')) ?? '', /is not the one that was proved/);
    assert.match(kernelSays(other), /^the kernel core \(core\.ts, SHA-256 \w{12}\) is not the one that was proved/);
    assert.doesNotMatch(kernelSays(other, '--unproved-core'), /proved/);
  });

  test('the kernel process takes this one', (t) => {
    assert.doesNotMatch(kernelSays(kernelWith(t)), /proved/);
  });

  test('a manifest that is not there proves nothing', (t) => {
    const folder = kernelWith(t);
    rmSync(path.join(folder, 'core/proved.json'));
    assert.match(kernelSays(folder), /is not the one that was proved/);
  });
});
