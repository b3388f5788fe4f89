// Projects to begin with: copies a template (templates/), puts the name in, and makes it work at once.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { nearest } from '../../policy/nearest.ts';
import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import { PACKAGE, versions } from '../version.ts';

const TEMPLATES = ['app', 'system'] as const;
const LANGUAGES = ['typescript', 'c', 'rust'] as const;
/** The rule for names of systems and partitions (docs/description.md). */
const NAME = /^[a-z][a-z0-9-]{0,30}$/;

export const command: Command = {
  name: 'new',
  usage: `new ${TEMPLATES.join('|')} NAME`,
  summary: 'Create a project: an application or a whole system, with a test.',
  words: TEMPLATES,
  options: {
    language: { value: 'LANGUAGE', summary: `of an application: ${LANGUAGES.join(', ')}`, completes: LANGUAGES },
  },
  details: `
  app NAME      a native application, a system to try it in, and its test
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
    const language = call.value('language') ?? 'typescript';
    if (!(LANGUAGES as readonly string[]).includes(language)) {
      throw usageFailure(command, `there is no template in \`${language}\``, `languages: ${LANGUAGES.join(', ')}`);
    }
    if (kind === 'system' && language !== 'typescript') throw usageFailure(command, '--language is for `new app`');
    const files = create(kind, language, path, name);
    for (const file of files) io.out(`${join(folder, file)}\n`);
    io.note(`Next: cd ${folder} && npx virtsec check && ${language === 'typescript' ? 'npx virtsec' : 'npm'} test\n`);
    return Promise.resolve(EXIT.ok);
  },
};

/** The files of a template by their names. Another language has its own in the place of some, and a compiled application. */
function filesOf(kind: string, language: string): Map<string, string> {
  const read = (folder: string): Map<string, string> =>
    new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  const files = read(join(PACKAGE, 'templates', kind));
  if (language === 'typescript') return files;
  files.delete('__NAME__.ts');
  files.set('system.yaml', files.get('system.yaml')!.replace('./__NAME__.ts', './__NAME__.wasm'));
  return new Map([...files, ...read(join(PACKAGE, 'templates', `${kind}-${language}`))]);
}

/** Writes the project; the files' names, in order. */
function create(kind: string, language: string, path: string, name: string): string[] {
  mkdirSync(path, { recursive: true });
  const isInstalled = PACKAGE.split(sep).includes('node_modules');
  const { virtsec } = versions();
  const source = isInstalled ? virtsec : `file:${relative(path, PACKAGE).split(sep).join('/')}`;
  const fill = (text: string): string =>
    // In Markdown underscores are escaped.
    text.replaceAll('\\_\\_NAME\\_\\_', name).replaceAll('__NAME__', name).replaceAll('__VIRTSEC__', source);
  const files = filesOf(kind, language);
  for (const [file, text] of files) writeFileSync(join(path, fill(file)), fill(text));
  writeFileSync(join(path, '.gitignore'), 'node_modules/\n');
  // What `npm install` would do: so that the project works before it, and without a network; `npx` looks in the project's own folder alone.
  const modules = join(path, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  symlinkSync(PACKAGE, join(modules, 'virtsec'), 'junction');
  if (process.platform !== 'win32') symlinkSync('../virtsec/bin/virtsec.js', join(modules, '.bin/virtsec'));
  return [...files.keys()].map(fill).toSorted();
}
