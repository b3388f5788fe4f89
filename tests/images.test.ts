// Fetching from Debian itself, as this user and as one without any right. Needs the network.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ImageError, fetchFirmware } from '../src/images/images.ts';
import { root, virtsec } from './command.ts';

const NOBODY = 65534;

function emptyHome(t: TestContext): string {
  const home = mkdtempSync(path.join(tmpdir(), 'virtsec-test-'));
  t.after(() => rmSync(home, { recursive: true }));
  return home;
}

test('an image is fetched, checked, and there without the network', async (t) => {
  const home = emptyHome(t);
  const environment = { XDG_CACHE_HOME: home };
  try {
    await fetchFirmware('opensbi', { cache: path.join(home, 'virtsec/images') });
  } catch (error) {
    if (error instanceof ImageError && (error.code === 'network' || error.code === 'no-source'))
      return t.skip(error.message);
    throw error;
  }
  const again = await virtsec(['image', 'fetch', 'opensbi', '--offline'], { environment });
  assert.equal(again.status, 0, again.stderr);
  const verified = await virtsec(['image', 'verify', 'opensbi'], { environment });
  assert.equal(verified.status, 0, verified.stderr);
  const where = await virtsec(['image', 'path', 'opensbi'], { environment });
  const files = where.stdout.trim().split('\n');
  assert.equal(files.length, 2, where.stdout);
  for (const file of files) assert.ok(statSync(file).size > 100_000, file);
});

test('a user without any right fetches the whole guest', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can become another user; this run is already without rights');
  const readable = spawnSync('setpriv', [
    `--reuid=${NOBODY}`,
    '--clear-groups',
    'test',
    '-r',
    path.join(root, 'bin/virtsec.js'),
  ]);
  if (readable.status !== 0) return t.skip('another user cannot read this folder');
  const home = emptyHome(t);
  chownSync(home, NOBODY, NOBODY);
  const as = { asNobody: true, environment: { HOME: home } };
  const fetched = await virtsec(['image', 'fetch', 'debian'], as);
  if (/cannot be fetched|Could not (?:resolve|connect)|no apt that knows/.test(fetched.stderr))
    return t.skip(fetched.stderr);
  assert.equal(fetched.status, 0, fetched.stderr);
  assert.deepEqual(fetched.left, []);
  const verified = await virtsec(['image', 'verify', 'debian'], as);
  assert.equal(verified.status, 0, verified.stderr);
  const where = await virtsec(['image', 'path', 'debian', '--json'], as);
  assert.equal(where.status, 0, where.stderr);
  assert.ok(where.stdout.includes(path.join(home, '.cache/virtsec/images/debian/')), where.stdout);
});
