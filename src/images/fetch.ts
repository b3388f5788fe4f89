// From an image's name to its files: which packages, which files in them, and which suites of Debian to try.

import { resolve } from 'node:path';
import type { FetchOptions } from './images.ts';
import { debianKeyring, aptSources, openAptArchive } from './apt.ts';
import { type Archive, type Watcher, findKernelPackage, need } from './archive.ts';
import type { NewFile, Provenance } from './cache.ts';
import { unpackDeb } from './deb.ts';
import type { PackageRecord } from './deb822.ts';
import { ImageError } from './error.ts';
import { openMirror } from './mirror.ts';

interface Fetched {
  readonly provenance: Provenance;
  readonly files: Record<string, NewFile>;
}

/** What an image is made of: a package, and the files in it by the name under which the image knows them. */
interface Ingredient {
  readonly find: (archive: Archive) => Promise<PackageRecord>;
  readonly files: Readonly<Record<string, RegExp>>;
}

const INGREDIENTS: Readonly<Record<string, readonly Ingredient[]>> = {
  debian: [
    { find: findKernelPackage, files: { vmlinuz: /^(?:usr\/lib\/modules\/[^/]+|boot)\/vmlinu[xz][^/]*$/ } },
    { find: (archive) => need(archive, 'busybox-static'), files: { busybox: /^(?:usr\/)?bin\/busybox$/ } },
  ],
  opensbi: [
    {
      find: (archive) => need(archive, 'opensbi'),
      files: {
        fw_jump: /^usr\/lib\/riscv64-linux-gnu\/opensbi\/generic\/fw_jump\.bin$/,
        fw_dynamic: /^usr\/lib\/riscv64-linux-gnu\/opensbi\/generic\/fw_dynamic\.bin$/,
      },
    },
  ],
};

/**
 * In this order: testing has the newest kernel that was tested a little, unstable often the same, stable an older one with
 * all its modules in the same package (slower to fetch). Any of them can be out of order on a mirror on a given day.
 */
const SUITES = [['forky', 'sid'], ['trixie']];

/** Fetches the packages of an image and takes its files out of them. Throws ImageError. */
export async function fetchPackages(name: string, options: FetchOptions, watcher: Watcher): Promise<Fetched> {
  const failures: { suite: string; error: ImageError }[] = [];
  for (const attempt of await attempts(options, watcher)) {
    if (attempt.ignoreExpiry) {
      if (!failures.some((failure) => failure.suite === attempt.suite && failure.error.code === 'expired')) continue;
      watcher.warning(`Debian ${attempt.suite} on this mirror is no longer kept up to date: its index has expired.`);
    }
    try {
      const archive = await attempt.open();
      try {
        return await fetchFrom(archive, INGREDIENTS[name], watcher);
      } finally {
        await archive.close();
      }
    } catch (error) {
      if (!(error instanceof ImageError) || STOPS.has(error.code)) throw error;
      failures.push({ suite: attempt.suite, error });
    }
  }
  throw summary(failures);
}

/** With these another suite would fail in the same way. */
const STOPS: ReadonlySet<string> = new Set(['network', 'missing-tool', 'cache']);

interface Attempt {
  readonly suite: string;
  /** To be tried only when the suite's index has expired and no suite before it would do. */
  readonly ignoreExpiry: boolean;
  readonly open: () => Promise<Archive>;
}

type Open = (suite: string, ignoreExpiry: boolean) => Promise<Archive>;

/** The suites with the newest kernels, expired or not, come before the others. */
function inOrder(suite: string | undefined, open: Open): Attempt[] {
  const groups = suite === undefined ? SUITES : [[suite]];
  return groups.flatMap((group) =>
    [false, true].flatMap((ignoreExpiry) =>
      group.map((name) => ({ suite: name, ignoreExpiry, open: () => open(name, ignoreExpiry) })),
    ),
  );
}

async function attempts(options: FetchOptions, watcher: Watcher): Promise<Attempt[]> {
  const url = options.mirror;
  if (url !== undefined) {
    if (!/^(?:https?|file):\/\//.test(url)) {
      throw new ImageError(
        'no-source',
        `${url} is no address of a mirror.`,
        'It begins with http://, https:// or file://.',
      );
    }
    // gpgv looks for a bare name in its home directory.
    const keyring = options.keyring === undefined ? debianKeyring() : resolve(options.keyring);
    if (keyring === undefined) {
      throw new ImageError(
        'missing-tool',
        'The mirror’s signature cannot be checked: Debian’s keys are not on this machine.',
        'Install them: apt-get install debian-archive-keyring; or name a file of keys with --keyring.',
      );
    }
    return inOrder(options.suite, (suite, ignoreExpiry) => openMirror({ url, suite, keyring, ignoreExpiry }, watcher));
  }
  const sources = await aptSources();
  if (sources.length === 0) {
    throw new ImageError(
      'no-source',
      'This machine has no apt that knows a Debian mirror.',
      'Name a mirror: --mirror URL (https://www.debian.org/mirror/list).',
    );
  }
  return sources.flatMap((source) =>
    inOrder(options.suite, (suite, ignoreExpiry) => openAptArchive(source, suite, ignoreExpiry, watcher)),
  );
}

async function fetchFrom(archive: Archive, ingredients: readonly Ingredient[], watcher: Watcher): Promise<Fetched> {
  const files: Record<string, NewFile> = {};
  const packages: PackageRecord[] = [];
  for (const ingredient of ingredients) {
    const record = await ingredient.find(archive);
    packages.push(record);
    const deb = await archive.download(record);
    watcher.progress({ step: `unpacking ${record.name}`, bytes: 0, total: 0 });
    Object.assign(files, await take(record, deb, ingredient.files));
  }
  return {
    provenance: {
      suite: archive.suite,
      mirror: withoutPassword(archive.mirror),
      checkedBy: archive.checkedBy,
      fetched: new Date().toISOString(),
      packages: packages.map(({ name, version, sha256 }) => ({ name, version, sha256 })),
    },
    files,
  };
}

async function take(
  record: PackageRecord,
  deb: Uint8Array,
  wanted: Readonly<Record<string, RegExp>>,
): Promise<Record<string, NewFile>> {
  const patterns = Object.entries(wanted);
  const found = await unpackDeb(
    deb,
    (path) => patterns.some(([, pattern]) => pattern.test(path)),
    (files) => files.size === patterns.length,
  );
  const taken: Record<string, NewFile> = {};
  for (const [path, data] of found) {
    const key = patterns.find(([, pattern]) => pattern.test(path))?.[0];
    if (key !== undefined) taken[key] = { data };
  }
  const missing = patterns.filter(([key]) => !(key in taken)).map(([key]) => key);
  if (missing.length === 0) return taken;
  throw new ImageError(
    'archive',
    `The package ${record.name} has no ${missing.join(' and no ')}.`,
    'Try another suite.',
  );
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}

function summary(failures: readonly { suite: string; error: ImageError }[]): ImageError {
  if (failures.length === 1) return failures[0].error;
  const lines = failures.map(({ suite, error }) => `  ${suite}: ${error.message}`);
  const first = failures[0].error;
  return new ImageError(first.code, `No suite of Debian could be used.\n${lines.join('\n')}`, first.help);
}
