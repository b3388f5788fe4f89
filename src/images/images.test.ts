// The whole way from a name to files, with a small mirror served on this machine: without apt, and through apt.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { aptSources, openAptArchive, sourcesOfLines, sourcesOfStanzas } from './apt.ts';
import { findKernelPackage } from './archive.ts';
import { readCpio } from './cpio.ts';
import { FAKE_DEBIAN, type FakeSuite, type MirrorFiles, makeKeys, mirrorFiles, serveMirror } from './fake-mirror.ts';
import {
  type FetchOptions,
  ImageError,
  cachedProvenance,
  fetchFirmware,
  fetchImage,
  removeImage,
  verifyImage,
} from './images.ts';
import { openMirror, parseRelease } from './mirror.ts';

const home = mkdtempSync(join(tmpdir(), 'vs-'));
const keys = makeKeys(home);
after(() => {
  keys?.close();
  rmSync(home, { recursive: true, force: true });
});
const skip = keys === undefined ? 'no gpg on this machine (apt-get install gpg)' : false;

const FORKY: FakeSuite = { suite: 'testing', codename: 'forky', packages: FAKE_DEBIAN };
const PAST = new Date(Date.now() - 86_400_000).toUTCString();

interface Stage {
  readonly files: MirrorFiles;
  readonly requests: string[];
  readonly options: FetchOptions;
  readonly warnings: string[];
}

/** A mirror of these suites, and options to fetch from it into an empty cache. */
async function stage(t: TestContext, ...suites: FakeSuite[]): Promise<Stage> {
  assert.ok(keys);
  const files = mirrorFiles(suites, keys);
  const server = await serveMirror(files);
  const cache = mkdtempSync(join(tmpdir(), 'virtsec-test-'));
  t.after(async () => {
    await server.close();
    rmSync(cache, { recursive: true });
  });
  const warnings: string[] = [];
  const watcher = { warning: (sentence: string) => void warnings.push(sentence) };
  const options = { mirror: server.url, keyring: keys.keyring, cache, watcher };
  return { files, requests: server.requests, options, warnings };
}

const refused =
  (code: string, words = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof ImageError, String(error));
    assert.match(error.code, new RegExp(`^${code}$`), error.message);
    assert.match(error.message, words);
    assert.match(error.help, /\.$|: .+$/);
    return true;
  };

test('a guest is fetched once, and then never asked for again', { skip }, async (t) => {
  const { requests, options } = await stage(t, FORKY);
  const steps: string[] = [];
  const watcher = { progress: ({ step }: { step: string }) => void (steps.at(-1) === step || steps.push(step)) };
  const image = await fetchImage('debian', { ...options, watcher });
  assert.equal(readFileSync(image.kernel, 'utf8'), 'MZ this is the kernel');
  const paths = readCpio(readFileSync(image.initrd)).map((entry) => entry.path);
  for (const path of ['init', 'bin/busybox', 'bin/cat']) assert.ok(paths.includes(path), path);
  assert.match(image.cmdline, /^console=ttyS0 /);
  assert.match('\r\n~ # \x1b[6n', new RegExp(image.ready));
  assert.match('\r\n~ # ', new RegExp(image.ready));
  assert.doesNotMatch('\r\n~ # ls', new RegExp(image.ready));
  assert.deepEqual(
    image.provenance.packages.map(({ name, version }) => `${name} ${version}`),
    ['linux-binary-7.2.12 1.0-1', 'busybox-static 1.0-1'],
  );
  assert.deepEqual(steps, [
    'signature of Debian forky',
    'package index of Debian forky',
    'linux-binary-7.2.12',
    'unpacking linux-binary-7.2.12',
    'busybox-static',
    'unpacking busybox-static',
  ]);
  const asked = requests.length;
  assert.deepEqual(await fetchImage('debian', { ...options, offline: true }), image);
  assert.deepEqual(await fetchImage('debian', options), image);
  assert.equal(requests.length, asked);
  assert.deepEqual(cachedProvenance('debian', options.cache), image.provenance);
  assert.deepEqual(await verifyImage('debian', options.cache), []);
  await fetchImage('debian', { ...options, refresh: true });
  assert.ok(requests.length > asked);
});

test('firmware, from a mirror that is asked by hash', { skip }, async (t) => {
  const { options } = await stage(t, { ...FORKY, byHash: true });
  const firmware = await fetchFirmware('opensbi', options);
  assert.equal(readFileSync(firmware.jump, 'utf8'), 'jump');
  assert.equal(readFileSync(firmware.dynamic, 'utf8'), 'dynamic');
  await assert.rejects(fetchImage('opensbi', options), refused('unknown-image'));
});

test('a kernel of the older packaging', { skip }, async (t) => {
  const packages = [
    { name: 'linux-image-riscv64', depends: 'linux-image-6.12', files: {} },
    {
      name: 'linux-image-6.12',
      depends: 'kmod',
      files: { 'boot/System.map-6.12': '0', 'boot/vmlinux-6.12': 'old kernel' },
    },
    FAKE_DEBIAN[3],
  ];
  const { options } = await stage(t, { suite: 'stable', codename: 'trixie', packages });
  const image = await fetchImage('debian', options);
  assert.equal(readFileSync(image.kernel, 'utf8'), 'old kernel');
  assert.equal(image.provenance.suite, 'trixie');
});

test('two at the same time: one asks the mirror', { skip }, async (t) => {
  const { requests, options, warnings } = await stage(t, FORKY);
  const images = await Promise.all([fetchImage('debian', options), fetchImage('debian', options)]);
  assert.deepEqual(images[0], images[1]);
  assert.equal(requests.filter((path) => path.endsWith('InRelease')).length, 1);
  assert.match(warnings[0], /^Waiting for process \d+, which is fetching debian\.$/);
});

test('a suite that fails is followed by the next', { skip }, async (t) => {
  const sid: FakeSuite = { suite: 'unstable', codename: 'sid', packages: FAKE_DEBIAN };
  const { files, options } = await stage(t, FORKY, sid);
  files.set('dists/forky/main/binary-riscv64/Packages.gz', Buffer.from('changed'));
  assert.equal((await fetchImage('debian', options)).provenance.suite, 'sid');
});

test('an expired suite is taken with a warning when no suite like it is in order', { skip }, async (t) => {
  const { options, warnings } = await stage(t, { ...FORKY, validUntil: PAST });
  assert.equal((await fetchImage('debian', options)).provenance.suite, 'forky');
  assert.match(warnings.join(), /^Debian forky .* has expired\.$/);
});

function flip(data: Buffer): Uint8Array {
  data[data.length >> 1] ^= 1;
  return data;
}

test('nothing that was changed gets in', { skip }, async (t) => {
  const { files, options } = await stage(t, FORKY);
  const original = new Map(files);
  const change = (path: string, edit: (data: Buffer) => Uint8Array): void => {
    for (const [name, data] of original) files.set(name, data);
    files.set(path, edit(Buffer.from(original.get(path) ?? [])));
  };
  const one = { ...options, suite: 'forky' };

  change('dists/forky/InRelease', (data) =>
    Buffer.from(data.toString().replace('Components: main', 'Components: mean')),
  );
  await assert.rejects(fetchImage('debian', one), refused('signature', /no valid signature/));
  change('dists/forky/InRelease', () => Buffer.from('Suite: testing\nCodename: forky\n'));
  await assert.rejects(fetchImage('debian', one), refused('signature'));
  // Words around the signed ones are not looked at: here the hash of another index.
  const evil = gzipSync('Package: evil\n');
  const hash = createHash('sha256').update(evil).digest('hex');
  const words = `Suite: testing\nCodename: forky\nSHA256:\n ${hash} ${evil.length} main/binary-riscv64/Packages.gz\n\n`;
  change('dists/forky/InRelease', (data) => Buffer.concat([Buffer.from(words), data, Buffer.from(words)]));
  files.set('dists/forky/main/binary-riscv64/Packages.gz', evil);
  await assert.rejects(fetchImage('debian', one), refused('(?:hash|signature)'));
  change('dists/forky/main/binary-riscv64/Packages.gz', flip);
  await assert.rejects(fetchImage('debian', one), refused('hash', /Packages\.gz .* is not the file/));
  change('pool/main/linux-binary-7.2.12_1.0-1_riscv64.deb', flip);
  await assert.rejects(fetchImage('debian', one), refused('hash', /linux-binary/));
  change('pool/main/busybox-static_1.0-1_riscv64.deb', (data) => Buffer.concat([data, Buffer.from('more')]));
  await assert.rejects(fetchImage('debian', one), refused('hash', /busybox/));
  assert.equal(cachedProvenance('debian', options.cache), undefined, 'nothing was stored');
  change('dists/forky/InRelease', (data) => data);
  await fetchImage('debian', one);
});

test('a signature by another key is none', { skip }, async (t) => {
  const { options } = await stage(t, FORKY);
  const otherHome = mkdtempSync(join(tmpdir(), 'vs-'));
  const other = makeKeys(otherHome);
  t.after(() => {
    other?.close();
    rmSync(otherHome, { recursive: true, force: true });
  });
  assert.ok(other);
  await assert.rejects(fetchImage('debian', { ...options, keyring: other.keyring }), refused('signature', /forky/));
});

test('a mirror that answers with another suite is refused', { skip }, async (t) => {
  const { files, options } = await stage(t, FORKY, { suite: 'oldstable', codename: 'bookworm', packages: FAKE_DEBIAN });
  const old = files.get('dists/bookworm/InRelease');
  assert.ok(old);
  files.set('dists/forky/InRelease', old);
  await assert.rejects(fetchImage('debian', { ...options, suite: 'forky' }), refused('no-suite', /another one/));
});

test('what is not there is named', { skip }, async (t) => {
  const { options } = await stage(t, { ...FORKY, packages: FAKE_DEBIAN.slice(0, 2) });
  await assert.rejects(
    fetchImage('debian', options),
    refused(
      'no-package',
      /^No suite[^]*forky: Debian forky has no package linux-binary-7\.2\.12[^]*sid: The server answers 404[^]*trixie/,
    ),
  );
  await assert.rejects(fetchImage('alpine', options), refused('unknown-image', /"alpine"/));
  await assert.rejects(fetchImage('constructor', options), refused('unknown-image'));
  await assert.rejects(fetchImage('debian', { ...options, offline: true }), refused('not-fetched'));
  await assert.rejects(verifyImage('debian', options.cache), refused('not-fetched'));
  await assert.rejects(fetchImage('debian', { ...options, mirror: 'ftp://mirror' }), refused('no-source'));
});

test('a server that never ends', async (t) => {
  const server = createServer((_, response) => {
    const go = (): void => {
      while (response.write(Buffer.alloc(1 << 16)));
    };
    response.on('drain', go);
    go();
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const options = { url: `http://127.0.0.1:${port}`, suite: 'sid', keyring: '/dev/null', ignoreExpiry: false };
  await assert.rejects(openMirror(options, { progress() {}, warning() {} }), { code: 'signature', message: /no end/ });
  server.closeAllConnections();
});

test('a server that is not there', { skip }, async (t) => {
  const { options } = await stage(t, FORKY);
  const gone = await serveMirror(new Map());
  await gone.close();
  await assert.rejects(fetchImage('debian', { ...options, mirror: gone.url }), refused('network', /cannot be fetched/));
});

test('another version of Virtsec makes its own initrd, without the network', { skip }, async (t) => {
  const { requests, options } = await stage(t, FORKY);
  const image = await fetchImage('debian', options);
  const file = join(options.cache ?? '', 'debian/manifest.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"recipe": "[0-9a-f]+"/, '"recipe": "older"'));
  const asked = requests.length;
  assert.deepEqual(await fetchImage('debian', options), image);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /older/);
  assert.equal(requests.length, asked);
});

test('a cache that was damaged is fetched again; one that was removed is gone', { skip }, async (t) => {
  const { requests, options } = await stage(t, FORKY);
  const image = await fetchImage('debian', options);
  rmSync(image.initrd);
  assert.deepEqual(await verifyImage('debian', options.cache), ['initrd']);
  const asked = requests.length;
  assert.deepEqual({ ...(await fetchImage('debian', options)), provenance: 0 }, { ...image, provenance: 0 });
  assert.ok(requests.length > asked);
  await removeImage('debian', options.cache);
  assert.equal(cachedProvenance('debian', options.cache), undefined);
});

test('the same mirror through apt, in a private root', { skip }, async (t) => {
  assert.ok(keys);
  if ((await aptSources()).length === 0) return t.skip('no apt on this machine');
  const server = await serveMirror(mirrorFiles([FORKY], keys));
  t.after(() => server.close());
  const quiet = { progress: () => {}, warning: () => {} };
  const source = { uri: server.url, signedBy: keys.keyring };
  const archive = await openAptArchive(source, 'forky', false, quiet);
  t.after(() => archive.close());
  const kernel = await findKernelPackage(archive);
  assert.equal(kernel.name, 'linux-binary-7.2.12');
  assert.equal((await archive.download(kernel)).length, kernel.bytes);
  assert.equal(await archive.find('no-such-package'), undefined);
  await assert.rejects(openAptArchive(source, 'sid', false, quiet), refused('no-suite'));
  await assert.rejects(openAptArchive({ ...source, signedBy: undefined }, 'forky', false, quiet), refused('signature'));
});

test('the machine’s Debian mirror is found in both styles of apt’s sources', () => {
  const stanzas = `Types: deb deb-src
URIs: http://one.invalid/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://security.invalid/
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://off.invalid/debian
Suites: trixie
Components: main

Types: deb
URIs: http://ubuntu.invalid/
Suites: noble
Components: main
`;
  assert.deepEqual(sourcesOfStanzas(stanzas), [
    { uri: 'http://one.invalid/debian', signedBy: '/usr/share/keyrings/a.gpg' },
  ]);
  const lines = `# deb http://comment.invalid/debian sid main
deb http://one.invalid/debian bookworm main contrib # a comment
deb [ arch=amd64 signed-by=/a.gpg,/b.gpg ] https://two.invalid/debian sid main
deb-src http://three.invalid/debian sid main
deb http://four.invalid/debian sid contrib
deb http://five.invalid/ubuntu noble main
`;
  assert.deepEqual(sourcesOfLines(lines), [
    { uri: 'http://one.invalid/debian', signedBy: undefined },
    { uri: 'https://two.invalid/debian', signedBy: '/a.gpg /b.gpg' },
  ]);
});

test('a Release file', () => {
  const hash = 'a'.repeat(64);
  const release = parseRelease(
    `Suite: testing\nCodename: forky\nValid-Until: never\nAcquire-By-Hash: yes\nMD5Sum:\n ${'b'.repeat(32)} 1 x\nSHA256:\n ${hash}  12 main/x\n short 3 y\n`,
  );
  assert.deepEqual([...release.files], [['main/x', { sha256: hash, bytes: 12 }]]);
  assert.equal(release.byHash, true);
  assert.equal(release.validUntil, 0, 'a date that cannot be read is over');
});
