// For tests: Debian packages and a signed mirror of them, small, made on the spot.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export function ar(members: readonly { name: string; data: Uint8Array }[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('!<arch>\n')];
  for (const { name, data } of members) {
    const header = [name.padEnd(16), '0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8)].join('');
    parts.push(Buffer.from(`${header}${String(data.length).padEnd(10)}\`\n`), data, new Uint8Array(data.length & 1));
  }
  return Buffer.concat(parts);
}

/** `type`: '0' a file, '5' a directory, '2' a link, 'x' a pax header, 'L' a GNU long name. */
export function tar(entries: readonly { path: string; type?: string; data?: Uint8Array }[]): Uint8Array {
  const blocks = entries.flatMap(({ path, type = '0', data = new Uint8Array(0) }) => {
    const header = Buffer.alloc(512);
    header.write(path, 0, 100);
    header.write('0000644\0', 100);
    header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(' '.repeat(8), 148);
    header.write(type, 156);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, data, new Uint8Array(-data.length & 511)];
  });
  return Buffer.concat([...blocks, new Uint8Array(1024)]);
}

/** A package of these files, its data compressed with gzip. */
export function deb(files: Readonly<Record<string, string>>): Uint8Array {
  const entries = Object.entries(files).map(([path, text]) => ({ path: `./${path}`, data: Buffer.from(text) }));
  return ar([
    { name: 'debian-binary', data: Buffer.from('2.0\n') },
    { name: 'control.tar.gz', data: gzipSync(tar([])) },
    { name: 'data.tar.gz', data: gzipSync(tar(entries)) },
  ]);
}

export interface FakePackage {
  readonly name: string;
  readonly depends?: string;
  readonly files: Readonly<Record<string, string>>;
}

/** The chain of packages that Debian has from Linux 7.2 on. */
export const FAKE_DEBIAN: readonly FakePackage[] = [
  { name: 'linux-image-riscv64', depends: 'linux-base-riscv64, linux-image-7.2.12 (= 7.2.12-1)', files: {} },
  { name: 'linux-image-7.2.12', depends: 'dracut | initramfs-tools, linux-binary-7.2.12 (= 7.2.12-1)', files: {} },
  { name: 'linux-binary-7.2.12', files: { 'usr/lib/modules/7.2.12/vmlinuz': 'MZ this is the kernel' } },
  { name: 'busybox-static', files: { 'usr/bin/busybox': 'ELF\0[\0[[\0cat\0linuxrc\0sh\0\0' } },
  {
    name: 'opensbi',
    files: {
      'usr/lib/riscv32-linux-gnu/opensbi/generic/fw_jump.bin': 'jump 32',
      'usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin': 'jump',
      'usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin': 'dynamic',
    },
  },
];

export interface FakeSuite {
  readonly suite: string;
  readonly codename: string;
  readonly packages: readonly FakePackage[];
  /** RFC 822 date. */
  readonly validUntil?: string;
  /** The index is to be had under its hash only. */
  readonly byHash?: boolean;
}

/** A mirror's files by path. They may be changed: who serves them reads them at each request. */
export type MirrorFiles = Map<string, Uint8Array>;

export function mirrorFiles(suites: readonly FakeSuite[], keys: Keys): MirrorFiles {
  const files: MirrorFiles = new Map();
  for (const { suite, codename, packages, validUntil, byHash = false } of suites) {
    const stanzas = packages.map((it) => {
      const data = deb(it.files);
      const filename = `pool/main/${it.name}_1.0-1_riscv64.deb`;
      files.set(filename, data);
      const depends = it.depends === undefined ? '' : `Depends: ${it.depends}\n`;
      return `Package: ${it.name}\nVersion: 1.0-1\nArchitecture: riscv64\n${depends}Filename: ${filename}\nSize: ${data.length}\nSHA256: ${sha256(data)}\nDescription: a test\n`;
    });
    const text = Buffer.from(stanzas.join('\n'));
    const index = gzipSync(text);
    const name = byHash ? `by-hash/SHA256/${sha256(index)}` : 'Packages.gz';
    files.set(`dists/${codename}/main/binary-riscv64/${name}`, index);
    const release = [
      'Origin: Debian',
      `Suite: ${suite}`,
      `Codename: ${codename}`,
      `Date: ${new Date(Date.now() - 60_000).toUTCString()}`,
      ...(validUntil === undefined ? [] : [`Valid-Until: ${validUntil}`]),
      ...(byHash ? ['Acquire-By-Hash: yes'] : []),
      'Architectures: riscv64',
      'Components: main',
      'SHA256:',
      ` ${sha256(index)} ${index.length} main/binary-riscv64/Packages.gz`,
      // Debian names the index as it is when unpacked, too, and apt insists on that; it is not on the mirror.
      ` ${sha256(text)} ${text.length} main/binary-riscv64/Packages`,
      '',
    ].join('\n');
    files.set(`dists/${codename}/InRelease`, keys.sign(release));
  }
  return files;
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Serves a mirror on the loopback interface; `requests` holds the paths that were asked for. */
export async function serveMirror(
  files: MirrorFiles,
): Promise<{ url: string; requests: string[]; close: () => Promise<void> }> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\//, '');
    requests.push(path);
    const data = files.get(path);
    response.writeHead(data ? 200 : 404).end(data);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A key pair made for one test run. */
export interface Keys {
  /** The file of the public key. */
  readonly keyring: string;
  /** The text under a signature (OpenPGP, clear-signed). */
  sign(text: string): Uint8Array;
  close(): void;
}

/** Undefined where there is no gpg (Debian's package `gpg`). `home` must be an empty directory with a short path. */
export function makeKeys(home: string): Keys | undefined {
  const gpg = (options: string[], input?: string): Buffer =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--passphrase', '', ...options], {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  try {
    gpg(['--quick-generate-key', 'Virtsec test <test@virtsec.invalid>', 'ed25519', 'sign', 'never']);
  } catch {
    return undefined;
  }
  const keyring = join(home, 'test-keyring.gpg');
  writeFileSync(keyring, gpg(['--export']), { mode: 0o644 });
  chmodSync(home, 0o711); // apt, run by root, reads the key as another user
  return {
    keyring,
    sign: (text) => gpg(['--clearsign'], text),
    // Its agent would outlive the test by some seconds, and hold the directory.
    close: () => void execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'], { stdio: 'ignore' }),
  };
}
