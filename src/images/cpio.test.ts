import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type CpioEntry, readCpio, writeCpio } from './cpio.ts';

const ENTRIES: readonly CpioEntry[] = [
  { type: 'directory', path: 'dev', mode: 0o755 },
  { type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { type: 'file', path: 'init', mode: 0o755, data: Buffer.from('#!/bin/sh\n') },
  { type: 'file', path: 'empty', mode: 0o644, data: Buffer.from('') },
  { type: 'link', path: 'sh', target: 'busybox' },
  // Names and contents of every length modulo four: the padding of each.
  ...['a', 'ab', 'abc', 'abcd'].map((text): CpioEntry => ({
    type: 'file',
    path: text,
    mode: 0o600,
    data: Buffer.from(text),
  })),
];

test('what was written is read again', () => {
  assert.deepEqual(readCpio(writeCpio(ENTRIES)), ENTRIES);
});

test('the first header has the bytes of the format', () => {
  const archive = Buffer.from(writeCpio([{ type: 'link', path: 'sh', target: 'busybox' }])).toString('latin1');
  const header =
    '070701' + // magic
    '00000001' + // ino
    '0000a1ff' + // mode: a symbolic link, rwxrwxrwx
    '00000000' + // uid
    '00000000' + // gid
    '00000001' + // nlink
    '00000000' + // mtime
    '00000007' + // file size
    '00000000'.repeat(4) + // the device it lies on, the device it is
    '00000003' + // size of the name with its NUL
    '00000000'; // check
  assert.equal(archive.slice(0, 124), `${header}sh\0\0\0\0busybox\0`.slice(0, 124));
});

test('GNU cpio lists the same files', (t) => {
  const result = spawnSync('cpio', ['--list', '--verbose', '--quiet', '--numeric-uid-gid'], {
    input: writeCpio(ENTRIES),
  });
  if (result.error) return t.skip('no cpio on this machine');
  const lines = result.stdout.toString().trim().split('\n');
  assert.equal(lines.length, ENTRIES.length);
  assert.match(lines[1], /^crw------- +1 0 +0 +5, +1 .* dev\/console$/);
  assert.match(lines[2], /^-rwxr-xr-x +1 0 +0 +10 .* init$/);
  assert.match(lines[4], /^lrwxrwxrwx .* sh -> busybox$/);
});

test('a damaged archive is refused', () => {
  const archive = writeCpio(ENTRIES);
  assert.throws(() => readCpio(archive.subarray(0, archive.length - 130)), RangeError);
  assert.throws(() => readCpio(Buffer.from('070702')), RangeError);
  assert.throws(() => readCpio(new Uint8Array(0)), RangeError);
  const lone = writeCpio([{ type: 'file', path: 'a', mode: 0o600, data: Buffer.from('all of it') }]);
  assert.throws(() => readCpio(lone.subarray(0, 116)), /at byte 0 is cut short/);
  const noSize = Buffer.from(archive);
  noSize.write('zzzzzzzz', 54, 'latin1');
  assert.throws(() => readCpio(noSize), RangeError);
});
