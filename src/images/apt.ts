// Debian packages through the machine's own apt, in a private apt root: its lists, caches and state are of their own and
// its one source is the machine's Debian mirror with the suite replaced. apt checks the signature and every hash, and what
// the machine's administrator set (proxies, credentials, certificates) stands. Nothing of the system's apt is changed, and
// no privilege is needed.

import { execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Archive, type Watcher, checkPackage } from './archive.ts';
import { ifCutShort } from './cut-short.ts';
import { isMissing } from './deb.ts';
import { packageRecord, parseStanzas } from './deb822.ts';
import { ImageError } from './error.ts';

/** Where the machine gets Debian from. */
export interface AptSource {
  readonly uri: string;
  /** The value of `Signed-By`: key files, or an armored key with its lines folded. Undefined: the machine's trusted keys. */
  readonly signedBy: string | undefined;
}

/** Holds the keys of all living suites, where a source's own file may hold those of one release only. */
const DEBIAN_KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

export const debianKeyring = (): string | undefined => DEBIAN_KEYRINGS.find((path) => existsSync(path));

/** The Debian mirrors of this machine's apt, the most likely first. Empty without apt or on another distribution. */
export async function aptSources(): Promise<AptSource[]> {
  let directories: string;
  try {
    directories = await run('apt-config', [
      'shell',
      'LIST',
      'Dir::Etc::sourcelist/f',
      'PARTS',
      'Dir::Etc::sourceparts/d',
    ]);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const path = (name: string): string => new RegExp(`^${name}='(.*)'$`, 'm').exec(directories)?.[1] ?? '';
  const parts = await readdir(path('PARTS')).catch(() => []);
  const files = [path('LIST'), ...parts.toSorted((a, b) => (a < b ? -1 : 1)).map((part) => join(path('PARTS'), part))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.sources')) sources.push(...sourcesOfStanzas(text));
    if (file.endsWith('.list')) sources.push(...sourcesOfLines(text));
  }
  return sources.filter((source, index) => sources.findIndex((other) => other.uri === source.uri) === index);
}

const DEBIAN_SUITE = /^(?:(?:old)*stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)$/;

/** `sources.list(5)`, the deb822 style. */
export function sourcesOfStanzas(text: string): AptSource[] {
  return parseStanzas(text).flatMap((stanza) => {
    const words = (field: string): string[] => (stanza.get(field) ?? '').split(/\s+/).filter((word) => word !== '');
    const isDebian =
      words('types').includes('deb') &&
      stanza.get('enabled')?.toLowerCase() !== 'no' &&
      words('components').includes('main') &&
      words('suites').some((suite) => DEBIAN_SUITE.test(suite));
    return isDebian ? words('uris').map((uri) => ({ uri, signedBy: stanza.get('signed-by') })) : [];
  });
}

/** `sources.list(5)`, the one-line style: `deb [option=value ...] URI SUITE COMPONENT...`. */
export function sourcesOfLines(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.replace(/#.*/, ''));
    if (!match) return [];
    const [, options = '', uri, suite, components] = match;
    if (!DEBIAN_SUITE.test(suite) || !components.split(/\s+/).includes('main')) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [{ uri, signedBy: signedBy?.replaceAll(',', ' ') }];
  });
}

/**
 * A suite of that mirror. Downloads its index (10 MB) into a directory of its own, which `close` removes.
 * `ignoreExpiry`: take an index whose time of validity is over. Throws ImageError.
 */
export async function openAptArchive(
  source: AptSource,
  suite: string,
  ignoreExpiry: boolean,
  watcher: Watcher,
): Promise<Archive> {
  // Not in the user's cache: apt, run by root, downloads as the user `_apt`, who must reach it.
  const root = await mkdtemp(join(tmpdir(), 'virtsec-apt-'));
  const settled = ifCutShort(() => rmSync(root, { recursive: true, force: true }));
  const close = async (): Promise<void> => {
    settled();
    await rm(root, { recursive: true, force: true });
  };
  try {
    const configuration = await layRoot(root, sourceStanza(source, suite, ignoreExpiry));
    await aptGet(configuration, ['update'], root, `package index of Debian ${suite}`, watcher);
    return {
      suite,
      mirror: source.uri,
      checkedBy: `apt, with ${source.signedBy && !source.signedBy.includes('\n') ? source.signedBy : 'the keys that this machine trusts'}`,
      async find(name) {
        const text = await run('apt-cache', ['-c', configuration, 'show', '--no-all-versions', name]).catch(() => '');
        return packageRecord(parseStanzas(text)[0] ?? new Map());
      },
      async download(record) {
        const debs = join(root, 'debs');
        await aptGet(configuration, ['download', `${record.name}=${record.version}`], debs, record.name, watcher);
        const file = (await readdir(debs)).find((name) => name.startsWith(`${record.name}_`));
        if (file === undefined) throw new ImageError('network', `apt did not download ${record.name}.`, 'Try again.');
        return checkPackage(record, await readFile(join(debs, file)));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function sourceStanza(source: AptSource, suite: string, ignoreExpiry: boolean): string {
  const lines = [
    'Types: deb',
    `URIs: ${source.uri}`,
    `Suites: ${suite}`,
    'Components: main',
    'Architectures: riscv64',
    'Targets: Packages',
    'Languages: none',
    'PDiffs: no',
    `Check-Valid-Until: ${ignoreExpiry ? 'no' : 'yes'}`,
  ];
  const signedBy = source.signedBy;
  if (signedBy?.includes('\n')) {
    lines.push(`Signed-By: ${signedBy.replaceAll('\n', '\n ')}`);
  } else if (signedBy !== undefined) {
    const files = new Set(signedBy.split(/\s+/));
    const all = debianKeyring();
    if (all !== undefined) files.add(all);
    lines.push(`Signed-By: ${[...files].join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Returns the path of the configuration file that makes `root` the place of apt's state. */
async function layRoot(root: string, stanza: string): Promise<string> {
  const directory = async (path: string): Promise<string> => {
    await mkdir(join(root, path), { recursive: true });
    return join(root, path);
  };
  const [lists, cache, debs] = [await directory('lists/partial'), await directory('cache'), await directory('debs')];
  await writeFile(join(root, 'debian.sources'), stanza);
  await writeFile(join(root, 'status'), '');
  const configuration = join(root, 'apt.conf');
  await writeFile(
    configuration,
    `Dir::State "${root}";
Dir::State::lists "${root}/lists";
Dir::State::status "${root}/status";
Dir::Cache "${cache}";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::SourceList "${root}/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "riscv64";
APT::Architectures "riscv64";
APT::Status-Fd "3";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::GzipIndexes "false";
Acquire::Retries "2";
// The machine's hooks are about its own lists and caches.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
`,
  );
  if (process.getuid?.() === 0) {
    const user = /^_apt:[^:]*:(\d+):(\d+):/m.exec(await readFile('/etc/passwd', 'utf8'));
    if (user) {
      await chmod(root, 0o755);
      for (const path of [lists, debs]) await chown(path, Number(user[1]), Number(user[2]));
    }
  }
  return configuration;
}

const ENVIRONMENT = { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };

async function run(program: string, options: string[]): Promise<string> {
  return (await promisify(execFile)(program, options, { env: ENVIRONMENT, maxBuffer: 1 << 26 })).stdout;
}

/** Runs apt-get and reports its download. Throws ImageError with apt's own words. */
async function aptGet(
  configuration: string,
  options: string[],
  cwd: string,
  step: string,
  watcher: Watcher,
): Promise<void> {
  const child = spawn('apt-get', ['-c', configuration, '--yes', ...options], {
    cwd,
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  let total = 0;
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  child.stdout?.on('data', (text: Buffer) => {
    // `Get:2 http://... Packages [9787 kB]`: the only place where apt tells sizes.
    for (const match of text.toString().matchAll(/^Get:.*\[([\d.,]+) (B|kB|MB)\]$/gm)) {
      total += Number(match[1].replaceAll(',', '')) * (match[2] === 'B' ? 1 : match[2] === 'kB' ? 1e3 : 1e6);
    }
  });
  child.stdio[3]?.on('data', (text: Buffer) => {
    // `dlstatus:FILE:PERCENT:TEXT`
    const percent = text.toString().trim().split('\n').at(-1)?.split(':')[2];
    if (percent !== undefined) watcher.progress({ step, bytes: Math.round((total * Number(percent)) / 100), total });
  });
  const settled = ifCutShort(() => child.kill());
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(settled);
  if (status !== 0) throw aptError(complaint, status);
  watcher.progress({ step, bytes: total, total });
}

function aptError(complaint: string, status: number | null): ImageError {
  const said = (/^E: (.*)$/m.exec(complaint)?.[1] ?? (complaint.trim() || `exit status ${status}`)).replace(
    /\.?$/,
    '.',
  );
  const with_ = (code: ConstructorParameters<typeof ImageError>[0], help: string): ImageError =>
    new ImageError(code, `apt: ${said}`, help);
  if (/is expired|expired since/i.test(complaint)) return with_('expired', 'Try another suite or mirror.');
  if (/NO_PUBKEY|not signed|GPG error|signatures? (?:were|couldn't)/i.test(complaint)) {
    return with_('signature', 'Install or update the package debian-archive-keyring.');
  }
  if (/hash sum mismatch|unexpected size/i.test(complaint)) {
    return with_('hash', 'The mirror is being updated: try again later, or name another with --mirror.');
  }
  if (/does not have a Release file|404/.test(complaint)) return with_('no-suite', 'Try another suite or mirror.');
  return with_('network', 'Check the network and the machine’s apt configuration, or name a mirror with --mirror.');
}
