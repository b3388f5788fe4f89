import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packageRecord, parseStanzas } from './deb822.ts';

const HASH = 'ab'.repeat(32);
const PACKAGE = `Package: linux-image-7.2
Version: 1:7.2.12-1+b1
Depends: dracut | initramfs-tools (>= 0.120), linux-binary-7.2 (= 7.2.12-1),
 python3:any
Filename: pool/main/l/linux/linux-image_1%3a7.2~rc1+b1_riscv64.deb
Size: 1872
SHA256: ${HASH}
`;

test('fields, folded fields, comments and stanzas', () => {
  const text = '# a comment\nA: 1\nB:\n folded\n  deeper\n# between\nc:  x y \n\n\nA: 2\n \nA: 3';
  assert.deepEqual(
    parseStanzas(text).map((stanza) => Object.fromEntries(stanza)),
    [{ a: '1', b: '\nfolded\n deeper', c: 'x y' }, { a: '2' }, { a: '3' }],
  );
  assert.deepEqual(parseStanzas(''), []);
});

test('the record of a package', () => {
  assert.deepEqual(packageRecord(parseStanzas(PACKAGE)[0]), {
    name: 'linux-image-7.2',
    version: '1:7.2.12-1+b1',
    depends: ['dracut', 'linux-binary-7.2', 'python3'],
    filename: 'pool/main/l/linux/linux-image_1%3a7.2~rc1+b1_riscv64.deb',
    bytes: 1872,
    sha256: HASH,
  });
});

test('a record that is not complete, or whose path leaves the mirror, is none', () => {
  for (const [from, to] of [
    [/^Package: .*\n/m, ''],
    [/^Version: .*\n/m, ''],
    [/^Size: 1872/m, 'Size: many'],
    [/^SHA256: ab/m, 'SHA256: xx'],
    [/^Filename: pool/m, 'Filename: pool/../../etc'],
    [/^Filename: pool/m, 'Filename: http://elsewhere'],
  ] as const) {
    assert.equal(packageRecord(parseStanzas(PACKAGE.replace(from, to))[0]), undefined, String(from));
  }
});
