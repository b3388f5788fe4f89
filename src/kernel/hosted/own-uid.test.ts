import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { whyNoOwnUid } from './own-uid.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

test('a tree that others cannot read rules own user ids out, and is named', { skip }, (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-uid-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const inside = path.join(folder, 'inside');
  const file = path.join(inside, 'file');
  chmodSync(folder, 0o755);
  mkdirSync(inside, { mode: 0o755 });
  writeFileSync(file, '', { mode: 0o644 });
  const before = whyNoOwnUid([inside]);
  if (before !== undefined) {
    t.skip(before); // a container that lacks the ids or the right
    return;
  }
  for (const [what, mode] of [
    [file, 0o640],
    [inside, 0o750],
    [folder, 0o700],
  ] as const) {
    chmodSync(what, mode);
    assert.equal(whyNoOwnUid([inside]), `${what} is not readable by other users`);
    chmodSync(what, 0o755);
  }
});

test('without root there are none', { skip: process.getuid?.() === 0 && 'runs as root' }, () => {
  assert.equal(whyNoOwnUid([]), 'the kernel process is not root');
});
