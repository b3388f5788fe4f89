// Projects to begin with: copies a template (templates/), puts the name in, and makes it work at once.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { nearest } from '../../policy/nearest.ts';
import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import { PACKAGE, versions } from '../version.ts';

const TEMPLATES = ['app', 'system'] as const;
/** The rule for names of systems and partitions (docs/description.md). */
const NAME = /^[a-z][a-z0-9-]{0,30}$/;

export const command: Command = {
  name: 'new',
  usage: `new ${TEMPLATES.join('|')} NAME`,
  summary: 'Create a project: an application or a whole system, with a test.',
  words: TEMPLATES,
  options: {},
  details: `
  app NAME      a native application in TypeScript, a system to try it in, and its test
  system NAME   a Debian guest, a key that it may use and cannot reach, the application between them, and their test

NAME is a new folder; its last part names the application or system: small letters, digits and dashes.`,

  run(call, io) {
    const [kind, folder, ...more] = call.words;
    if (kind === undefined) throw usageFailure(command, `say what to create: ${TEMPLATES.join(' or ')}`);
    if (!(TEMPLATES as readonly string[]).includes(kind)) {
      const meant = nearest(kind, TEMPLATES);
      const help = meant === undefined ? undefined : `did you mean \`new ${meant}\`?`;
      throw usageFailure(command, `there is no template \`${kind}\``, help);
    }
    if (folder === undefined || more.length > 0) throw usageFailure(command, `\`${kind}\` takes one name`);
    const path = resolve(folder);
    const name = basename(path);
    if (!NAME.test(name)) {
      throw usageFailure(command, `\`${name}\` cannot name one`, 'small letters, digits and dashes, a letter first');
    }
    if (existsSync(path)) throw new Failure(EXIT.usage, `virtsec new: ${folder} is there already`, 'name a new folder');
    const files = create(join(PACKAGE, 'templates', kind), path, name);
    for (const file of files) io.out(`${join(folder, file)}\n`);
    io.note(`Next: cd ${folder} && npx virtsec check && npx virtsec test\n`);
    return Promise.resolve(EXIT.ok);
  },
};

/** Copies the template; the files' names, in order. */
function create(template: string, path: string, name: string): string[] {
  mkdirSync(path, { recursive: true });
  const isInstalled = PACKAGE.split(sep).includes('node_modules');
  const { virtsec } = versions();
  const source = isInstalled ? virtsec : `file:${relative(path, PACKAGE).split(sep).join('/')}`;
  const fill = (text: string): string =>
    // In Markdown underscores are escaped.
    text.replaceAll('\\_\\_NAME\\_\\_', name).replaceAll('__NAME__', name).replaceAll('__VIRTSEC__', source);
  const files = readdirSync(template).toSorted();
  for (const file of files) writeFileSync(join(path, fill(file)), fill(readFileSync(join(template, file), 'utf8')));
  writeFileSync(join(path, '.gitignore'), 'node_modules/\n');
  if (!findsVirtsec(path)) {
    // What `npm install` would do: so that the project works before it, and without a network.
    const link = join(path, 'node_modules/virtsec');
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(PACKAGE, link, 'junction');
  }
  return files.map(fill);
}

function findsVirtsec(folder: string): boolean {
  try {
    createRequire(join(folder, 'package.json')).resolve('virtsec/package.json');
    return true;
  } catch {
    return false;
  }
}
