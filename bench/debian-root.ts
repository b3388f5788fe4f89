// A root file system of Debian's riscv64 packages with python3, perl, dpkg and gcc, as an initial RAM disk: made once, from the mirror
// that this machine's apt uses (its signature and hashes checked), and kept in the user's cache. Nothing of it is distributed.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { aptSources, openAptArchive } from '../src/images/apt.ts';
import { type Archive, need } from '../src/images/archive.ts';
import { cacheDirectory } from '../src/images/cache.ts';
import type { PackageRecord } from '../src/images/deb822.ts';
import { MissingError } from './report.ts';

/** Changes when the root is made in another way. */
const FORM = 1;
const SUITE = 'sid';
const WANTED = ['busybox-static', 'python3-minimal', 'perl-base', 'dpkg', 'gcc', 'libc6-dev'];
/** What the index has in Pre-Depends, which records leave out. */
const BESIDES = [
  'libcrypt1',
  'libbz2-1.0',
  'liblzma5',
  'libmd0',
  'libselinux1',
  'libpcre2-8-0',
  'libexpat1',
  'libssl3t64',
];
/** Not needed to compile a C program. */
const WITHOUT = /^(?:lib[alt]+san\d|libubsan\d|libgprofng\d|libc-gconv-modules-extra|libcc1-0)$/;
const REMOVED = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian'];

async function closure(archive: Archive): Promise<PackageRecord[]> {
  const python = await need(archive, 'python3-minimal');
  const version = /^3\.\d+/.exec(python.version)?.[0] ?? '3';
  const queue = [...WANTED, ...BESIDES, `python${version}-minimal`, `libpython${version}-minimal`];
  const seen = new Set<string>();
  const records: PackageRecord[] = [];
  for (const name of queue) {
    if (seen.has(name) || WITHOUT.test(name)) continue;
    seen.add(name);
    const record = await archive.find(name);
    if (record === undefined) continue; // a virtual package
    records.push(record);
    queue.push(...record.depends);
  }
  return records;
}

/** Path of the archive (cpio, newc). Throws MissingError, ImageError. */
export async function debianRoot(note: (line: string) => void): Promise<string> {
  const kept = join(dirname(cacheDirectory()), 'bench', `root-${FORM}.cpio`);
  if (existsSync(kept)) return kept;
  const [source] = await aptSources();
  if (source === undefined)
    throw new MissingError('This machine has no apt with a Debian mirror.', 'Run it on Debian.');
  const archive = await openAptArchive(source, SUITE, false, { progress: () => {}, warning: note });
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-root-'));
  try {
    const root = join(folder, 'root');
    for (const path of [
      'usr/bin',
      'usr/lib',
      'usr/sbin',
      'dev',
      'proc',
      'sys',
      'tmp',
      'etc',
      'root',
      'var/lib/dpkg/info',
    ])
      mkdirSync(join(root, path), { recursive: true });
    for (const name of ['bin', 'lib', 'sbin']) symlinkSync(`usr/${name}`, join(root, name));
    const records = await closure(archive);
    const status: string[] = [];
    for (const record of records) {
      note(`package ${record.name} ${record.version}`);
      const deb = join(folder, 'package.deb');
      writeFileSync(deb, await archive.download(record));
      execFileSync('dpkg-deb', ['--extract', deb, root]);
      const [control] = execFileSync('dpkg-deb', ['--field', deb], { encoding: 'utf8' }).split('\n\n');
      status.push(`${control.trim()}\nStatus: install ok installed\n`);
      writeFileSync(join(root, 'var/lib/dpkg/info', `${record.name}.list`), '/.\n');
    }
    writeFileSync(join(root, 'var/lib/dpkg/status'), status.join('\n'));
    for (const path of REMOVED) rmSync(join(root, path), { recursive: true, force: true });
    // link-time optimization and sanitizers: half of all bytes, and no part of a plain compile
    for (const name of ['lto1', '*lto-dump*', 'lib*san.a'])
      execFileSync('find', [join(root, 'usr'), '-name', name, '-delete']);
    const cpio = execFileSync(
      'sh',
      ['-c', 'find . | LC_ALL=C sort | cpio --create --format=newc --quiet --owner=0:0'],
      {
        cwd: root,
        maxBuffer: 2 ** 30,
      },
    );
    mkdirSync(dirname(kept), { recursive: true });
    writeFileSync(`${kept}.new`, cpio);
    renameSync(`${kept}.new`, kept);
    return kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await archive.close();
  }
}
