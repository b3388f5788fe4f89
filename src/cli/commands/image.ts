import { cacheDirectory } from '../../images/cache.ts';
import {
  cachedProvenance,
  type FetchOptions,
  fetchFirmware,
  fetchImage,
  ImageError,
  IMAGES,
  removeImage,
  verifyImage,
} from '../../images/images.ts';
import { nearest } from '../../policy/index.ts';
import { type Call, type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import { imageFailure, withProgress } from '../images.ts';
import type { Io } from '../io.ts';

const ACTIONS = ['list', 'fetch', 'path', 'verify', 'rm'] as const;

export const command: Command = {
  name: 'image',
  usage: `image ${ACTIONS.join('|')} [NAME] [options]`,
  summary: 'Guest images: list, fetch and check them.',
  words: ACTIONS,
  options: {
    mirror: { value: 'URL', summary: 'fetch: from this Debian mirror, not through the apt of this machine' },
    suite: { value: 'SUITE', summary: 'fetch: this suite only, for example trixie' },
    keyring: {
      value: 'FILE',
      completes: 'file',
      summary: "fetch: with --mirror, the keys to trust in place of Debian's",
    },
    refresh: { summary: 'fetch: again, though it is here' },
    offline: { summary: 'fetch: never ask the network' },
    json: { summary: 'write one JSON document' },
  },
  details: `
  list          the images that Virtsec knows, and which are on this machine
  fetch NAME    fetch and check an image (a run does it by itself)
  path NAME     where its files are
  verify NAME   read all its bytes and compare them with their hashes
  rm NAME       remove it from this machine

Images come from Debian's own packages, signed by Debian. They are kept under $XDG_CACHE_HOME/virtsec/images
(~/.cache/virtsec/images).`,

  async run(call, io) {
    const [action = 'list', name, ...more] = call.words;
    if (!isAction(action)) {
      const meant = nearest(action, ACTIONS);
      const help = meant === undefined ? undefined : `did you mean \`image ${meant}\`?`;
      throw usageFailure(command, `there is no \`${action}\``, help);
    }
    if (action === 'list') {
      if (name !== undefined) throw usageFailure(command, '`list` takes no name');
      return list(call, io);
    }
    const names = Object.keys(IMAGES);
    if (name === undefined || more.length > 0) {
      throw usageFailure(command, `\`${action}\` takes one name`, `images: ${names.join(', ')}`);
    }
    if (!names.includes(name)) {
      const meant = nearest(name, names);
      const help = meant === undefined ? `images: ${names.join(', ')}` : `did you mean \`${meant}\`?`;
      throw usageFailure(command, `there is no image \`${name}\``, help);
    }
    try {
      return await { fetch, path, verify, rm: remove }[action](name, call, io);
    } catch (error) {
      if (error instanceof ImageError) throw imageFailure(error);
      throw error;
    }
  },
};

const isAction = (word: string): word is (typeof ACTIONS)[number] => (ACTIONS as readonly string[]).includes(word);

function list(call: Call, io: Io): number {
  const rows = Object.entries(IMAGES).map(([name, { kind, description }]) => {
    const provenance = cachedProvenance(name);
    return {
      name,
      kind,
      description,
      here: provenance !== undefined,
      ...(provenance === undefined ? {} : { provenance }),
    };
  });
  if (call.has('json')) {
    io.out(`${JSON.stringify({ schema: 'virtsec.images/1', folder: cacheDirectory(), images: rows })}\n`);
    return EXIT.ok;
  }
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const row of rows) {
    const from = row.provenance;
    const versions = from?.packages.map((one) => `${one.name} ${one.version}`).join(', ');
    const state =
      from === undefined
        ? io.paint('out', 'dim', 'not fetched')
        : io.paint('out', 'green', `Debian ${from.suite}: ${versions}`);
    io.out(`${io.paint('out', 'bold', row.name.padEnd(width))}  ${row.kind.padEnd(8)}  ${row.description}\n`);
    io.out(`${' '.repeat(width)}  ${state}\n`);
  }
  return EXIT.ok;
}

/** The files of an image, by what they are. */
async function files(name: string, io: Io, options: FetchOptions): Promise<Readonly<Record<string, string>>> {
  return withProgress(io, async ({ watcher }) => {
    const all = { ...options, ...(watcher === undefined ? {} : { watcher }) };
    if (IMAGES[name].kind === 'firmware') {
      const { jump, dynamic } = await fetchFirmware(name, all);
      return { jump, dynamic };
    }
    const { kernel, initrd } = await fetchImage(name, all);
    return { kernel, initrd };
  });
}

async function fetch(name: string, call: Call, io: Io): Promise<number> {
  const options: FetchOptions = {
    ...named(call, 'mirror'),
    ...named(call, 'suite'),
    ...named(call, 'keyring'),
    refresh: call.has('refresh'),
    offline: call.has('offline'),
  };
  const paths = await files(name, io, options);
  const provenance = cachedProvenance(name);
  if (call.has('json')) {
    io.out(`${JSON.stringify({ schema: 'virtsec.image/1', name, files: paths, provenance })}\n`);
    return EXIT.ok;
  }
  if (provenance !== undefined) {
    const packages = provenance.packages.map((one) => `${one.name} ${one.version}`).join(', ');
    io.note(`${name}: Debian ${provenance.suite}, ${packages}; ${provenance.checkedBy}.\n`);
  }
  return EXIT.ok;
}

async function path(name: string, call: Call, io: Io): Promise<number> {
  const paths = await files(name, io, { offline: true });
  io.out(call.has('json') ? `${JSON.stringify(paths)}\n` : `${Object.values(paths).join('\n')}\n`);
  return EXIT.ok;
}

async function verify(name: string, call: Call, io: Io): Promise<number> {
  const damaged = await verifyImage(name);
  if (call.has('json')) io.out(`${JSON.stringify({ name, damaged })}\n`);
  else if (damaged.length === 0) io.note(`${name}: all files are as they were fetched.\n`);
  if (damaged.length === 0) return EXIT.ok;
  throw new Failure(
    EXIT.failed,
    `virtsec: image ${name}: missing or changed: ${damaged.join(', ')}`,
    `fetch it again: virtsec image fetch ${name} --refresh`,
  );
}

function named<K extends string>(call: Call, name: K): Partial<Record<K, string>> {
  const value = call.value(name);
  return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
}

async function remove(name: string): Promise<number> {
  await removeImage(name);
  return EXIT.ok;
}
