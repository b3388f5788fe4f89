import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { readCpio } from './cpio.ts';
import { buildInitramfs, busyboxApplets, initramfsRecipe } from './initramfs.ts';

const busybox = Buffer.from('\x7fELF...\0[\0[[\0add-shell\0cat\0linuxrc\0poweroff\0sh\0\0more');

test('applets are read from the program', () => {
  assert.deepEqual(busyboxApplets(busybox), ['[', '[[', 'add-shell', 'cat', 'linuxrc', 'poweroff', 'sh']);
  assert.deepEqual(busyboxApplets(Buffer.from('no table')), []);
  assert.deepEqual(busyboxApplets(Buffer.from('\0[\0[[\0not/a/name\0\0')), []);
});

test('the archive has an init, the program and a link for each applet', () => {
  const entries = new Map(readCpio(buildInitramfs(busybox)).map((entry) => [entry.path, entry]));
  assert.deepEqual(entries.get('bin/busybox'), { type: 'file', path: 'bin/busybox', mode: 0o755, data: busybox });
  for (const name of ['[', 'cat', 'sh'])
    assert.deepEqual(entries.get(`bin/${name}`), { type: 'link', path: `bin/${name}`, target: 'busybox' });
  assert.equal(entries.has('bin/linuxrc'), false);
  assert.deepEqual(entries.get('dev/console'), {
    type: 'character',
    path: 'dev/console',
    mode: 0o600,
    major: 5,
    minor: 1,
  });
  const init = entries.get('init');
  assert.ok(init?.type === 'file' && init.mode === 0o755);
  assert.equal(spawnSync('sh', ['-n'], { input: init.data }).status, 0, 'init is a shell script without errors');
});

test('each directory stands before what is in it', () => {
  const seen = new Set<string>(['.']);
  for (const entry of readCpio(buildInitramfs(busybox))) {
    const parent = entry.path.includes('/') ? entry.path.replace(/\/[^/]*$/, '') : '.';
    assert.ok(seen.has(parent), `${parent} before ${entry.path}`);
    if (entry.type === 'directory') seen.add(entry.path);
  }
});

test('a program without a table still gets a shell', () => {
  const paths = readCpio(buildInitramfs(Buffer.from('no table'))).map((entry) => entry.path);
  for (const name of ['sh', 'mount', 'setsid', 'poweroff']) assert.ok(paths.includes(`bin/${name}`));
});

test('the same version makes the same archive', () => {
  assert.deepEqual(buildInitramfs(busybox), buildInitramfs(busybox));
  assert.match(initramfsRecipe(), /^[0-9a-f]{16}$/);
});
