import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { unpackDeb } from './deb.ts';
import { ImageError } from './error.ts';
import { ar, deb, tar } from './fake-mirror.ts';

const all = (): boolean => true;
const data = Buffer.from('x'.repeat(1500));

function packageOf(name: string, bytes: Uint8Array): Uint8Array {
  return ar([
    { name: 'debian-binary', data: Buffer.from('2.0\n') },
    { name, data: bytes },
  ]);
}

const refused =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof ImageError && error.code === code;

test('files come out of every kind of compression', async () => {
  const archive = tar([
    { path: './usr/', type: '5' },
    { path: './usr/first', data },
    { path: './usr/second', data: Buffer.from('2') },
  ]);
  for (const [name, bytes] of [
    ['data.tar', archive],
    ['data.tar.gz', gzipSync(archive)],
    ['data.tar.zst', zstdCompressSync(archive)],
  ] as const) {
    const files = await unpackDeb(packageOf(name, bytes), all);
    assert.deepEqual([...files.keys()], ['usr/first', 'usr/second'], name);
    assert.deepEqual(Buffer.from(files.get('usr/first') ?? []), data, name);
  }
});

test('a package that dpkg-deb made (xz)', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'virtsec-test-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'tree/DEBIAN'), { recursive: true });
  writeFileSync(
    join(root, 'tree/DEBIAN/control'),
    'Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n',
  );
  const long = `${'directory/'.repeat(15)}file`;
  mkdirSync(join(root, 'tree', long, '..'), { recursive: true });
  writeFileSync(join(root, 'tree', long), data);
  if (spawnSync('dpkg-deb', ['-Zxz', '--build', 'tree', 'a.deb'], { cwd: root }).status !== 0)
    return t.skip('no dpkg-deb');
  const files = await unpackDeb(readFileSync(join(root, 'a.deb')), all);
  assert.deepEqual([...files.keys()], [long]);
  assert.deepEqual(Buffer.from(files.get(long) ?? []), data);
});

test('long names: GNU and pax', async () => {
  const long = `usr/${'n'.repeat(120)}`;
  const record = `path=${long}\n`;
  const pax = `${record.length + 4} ${record}`; // the length counts its own digits and the space
  const archive = tar([
    { path: '././@LongLink', type: 'L', data: Buffer.from(`./${long}\0`) },
    { path: './usr/nnn', data },
    { path: './PaxHeaders/nnn', type: 'x', data: Buffer.from(pax) },
    { path: './usr/nnn', data: Buffer.from('pax') },
    { path: './short', data },
  ]);
  const files = await unpackDeb(packageOf('data.tar', archive), all);
  assert.deepEqual([...files.keys()], [long, 'short']);
  assert.equal(Buffer.from(files.get(long) ?? []).toString(), 'pax');
});

test('reading stops when enough was found', async () => {
  const archive = Buffer.concat([tar([{ path: 'a', data }]).subarray(0, 2048), Buffer.alloc(512, 'damage')]);
  const files = await unpackDeb(packageOf('data.tar', archive), all, (found) => found.has('a'));
  assert.deepEqual([...files.keys()], ['a']);
});

test('what is damaged is refused', async () => {
  const good = deb({ a: 'text' });
  await assert.rejects(unpackDeb(Buffer.from('not a package'), all), refused('archive'));
  await assert.rejects(unpackDeb(good.subarray(0, good.length - 40), all), refused('archive'));
  await assert.rejects(unpackDeb(packageOf('data.tar.lzma', data), all), refused('archive'));
  await assert.rejects(unpackDeb(packageOf('other', data), all), refused('archive'));
  await assert.rejects(unpackDeb(packageOf('data.tar', data), all), refused('archive'));
  await assert.rejects(unpackDeb(packageOf('data.tar.gz', Buffer.from('no gzip')), all), refused('archive'));
  const flipped = tar([{ path: 'a', data }]);
  flipped[0] = 'b'.charCodeAt(0);
  await assert.rejects(unpackDeb(packageOf('data.tar', flipped), all), refused('archive'));
  const tooLong = tar([{ path: 'a', data }]).subarray(0, 1024);
  await assert.rejects(unpackDeb(packageOf('data.tar', tooLong), all), refused('archive'));
});
