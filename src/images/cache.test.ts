import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Provenance, cacheDirectory, inspect, pathOf, readManifest, restamp, store, withLock } from './cache.ts';
import { ImageError } from './error.ts';

const PROVENANCE: Provenance = {
  suite: 'forky',
  mirror: 'http://mirror.invalid/debian',
  checkedBy: 'a test',
  fetched: '2026-01-01T00:00:00.000Z',
  packages: [],
};
const FILES = { kernel: { data: Buffer.from('kernel') }, initrd: { data: Buffer.from('initrd'), recipe: 'r1' } };

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'virtsec-test-'));
  t.after(() => rmSync(path, { recursive: true }));
  return join(path, 'image');
}

test('what was stored is found again, and only that is left', async (t) => {
  const path = directory(t);
  assert.equal(readManifest(path), undefined);
  const manifest = await store(path, PROVENANCE, FILES);
  assert.deepEqual(readManifest(path), manifest);
  assert.equal(readFileSync(pathOf(path, manifest.files['kernel']), 'utf8'), 'kernel');
  assert.equal(manifest.files['initrd'].recipe, 'r1');
  writeFileSync(join(path, 'vmlinuz.123.new'), 'left by a process that was killed');
  const next = await store(path, PROVENANCE, { ...manifest.files, initrd: { data: Buffer.from('another') } });
  assert.deepEqual(
    readdirSync(path).toSorted((a, b) => (a < b ? -1 : 1)),
    [next.files['initrd'].name, next.files['kernel'].name, 'manifest.json'],
  );
});

test('a file that is missing or has another size or time is noticed without reading it', async (t) => {
  const path = directory(t);
  const manifest = await store(path, PROVENANCE, FILES);
  const kernel = pathOf(path, manifest.files['kernel']);
  utimesSync(kernel, 1, 1);
  assert.equal(readManifest(path), undefined);
  assert.ok(await restamp(path), 'its content is the same');
  assert.ok(readManifest(path));
  const seconds = statSync(kernel).mtimeMs / 1000;
  chmodSync(kernel, 0o644);
  writeFileSync(kernel, 'longer than before');
  utimesSync(kernel, seconds, seconds);
  assert.equal(readManifest(path), undefined);
  rmSync(kernel);
  assert.equal(readManifest(path), undefined);
  assert.equal(await restamp(path), undefined);
});

test('a full look finds a change that size and time hide', async (t) => {
  const path = directory(t);
  const manifest = await store(path, PROVENANCE, FILES);
  const { modified } = manifest.files['kernel'];
  const kernel = pathOf(path, manifest.files['kernel']);
  chmodSync(kernel, 0o644);
  writeFileSync(kernel, 'kernal');
  utimesSync(kernel, modified / 1000, modified / 1000);
  assert.ok(readManifest(path));
  assert.deepEqual((await inspect(path))?.damaged, ['kernel']);
});

test('a manifest that is damaged or names a path elsewhere is none', async (t) => {
  const path = directory(t);
  await store(path, PROVENANCE, FILES);
  const file = join(path, 'manifest.json');
  const good = readFileSync(file, 'utf8');
  for (const bad of [
    '',
    '{',
    '{}',
    '[]',
    good.replace('"kernel-', '"../kernel-'),
    good.replace('image": 1', 'image": 2'),
  ]) {
    writeFileSync(file, bad);
    assert.equal(readManifest(path), undefined, bad);
    assert.equal(await inspect(path), undefined, bad);
  }
});

test('one works, the other waits', async (t) => {
  const path = directory(t);
  const order: string[] = [];
  const first = withLock(path, assert.fail, async () => {
    order.push('first in');
    await sleep(150);
    order.push('first out');
  });
  await sleep(50);
  const second = withLock(
    path,
    (by) => order.push(`second waits for ${by}`),
    () => Promise.resolve(order.push('second in')),
  );
  await Promise.all([first, second]);
  assert.deepEqual(order, ['first in', `second waits for process ${process.pid}`, 'first out', 'second in']);
  assert.equal(existsSync(join(path, 'lock')), false);
});

test('the lock of a process of this machine that is gone is taken at once', async (t) => {
  const path = directory(t);
  await store(path, PROVENANCE, FILES);
  const child = spawnSync(process.execPath, ['-e', '']);
  let lock = '';
  await withLock(path, assert.fail, () => Promise.resolve((lock = readFileSync(join(path, 'lock'), 'utf8'))));
  writeFileSync(join(path, 'lock'), lock.replace(String(process.pid), String(child.pid)));
  const began = performance.now();
  await withLock(
    path,
    () => {},
    () => Promise.resolve(),
  );
  assert.ok(performance.now() - began < 5000);
});

test('the lock of a process elsewhere that is gone is taken; it is let go when the work fails', async (t) => {
  const path = directory(t);
  await store(path, PROVENANCE, FILES);
  writeFileSync(join(path, 'lock'), 'process 1');
  const before = Date.now() / 1000 - 20;
  utimesSync(join(path, 'lock'), before, before);
  await assert.rejects(
    withLock(
      path,
      () => {},
      () => Promise.reject(new Error('the work')),
    ),
    /the work/,
  );
  assert.equal(existsSync(join(path, 'lock')), false);
});

const refused = (error: unknown): boolean => error instanceof ImageError && error.code === 'cache';

test('a place that cannot be written is an error of the cache', async () => {
  await assert.rejects(store('/dev/null/image', PROVENANCE, FILES), refused);
  await assert.rejects(
    withLock('/dev/null/image', () => {}, assert.fail),
    refused,
  );
});

test('the cache directory follows the XDG specification', (t) => {
  const before = process.env['XDG_CACHE_HOME'];
  t.after(() => {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  });
  process.env['XDG_CACHE_HOME'] = '/somewhere';
  assert.equal(cacheDirectory(), '/somewhere/virtsec/images');
  process.env['XDG_CACHE_HOME'] = 'not/absolute';
  assert.match(cacheDirectory(), /^\/.*\/\.cache\/virtsec\/images$/);
});
