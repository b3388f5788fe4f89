// npm run build: JavaScript of src/ in dist/, with the same layout. `npm ci` runs it (prepare), and so does publishing.
// The command starts from dist/ while it is newer than every source (bin/sources.js): stripping types in each of its
// five processes costs more CPU time than starting them does.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const tsc = join(root, 'node_modules/.bin/tsc');
if (!existsSync(tsc)) {
  console.log('build: no TypeScript compiler here (npm ci --omit=dev): the sources run as they are');
  process.exit(0);
}
rmSync(join(root, 'dist'), { recursive: true, force: true });
const result = spawnSync(tsc, ['-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
if (result.status !== 0) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  process.exit(result.status ?? 1);
}
copyFileSync(join(root, 'src/policy/schema.json'), join(root, 'dist/src/policy/schema.json'));
/** @param {unknown} value */
const built = (value) => JSON.parse(JSON.stringify(value).replaceAll('.ts"', '.js"'));
const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { name, version, type, imports } = description;
writeFileSync(
  join(root, 'dist/package.json'),
  `${JSON.stringify({ name, version, type, imports: built(imports) }, null, 2)}\n`,
);

// What runs in partitions, once for each. The kernel process stays as it is: its files are what is proved and counted.
/** @type {Record<string, string>} */
const aliases = {};
for (const [alias, path] of Object.entries(built(imports))) aliases[alias] = join(root, 'dist', path);
const programs = ['vmm/hosted/main.js', 'vmm/hosted/hart.js', 'drivers/console/main.js'];
const { bundle } = await import('./bundle.js'); // it needs a package that is only here for development
// All are read before one is written: the files of one are modules of another.
const bundled = programs.map((program) => bundle(join(root, 'dist/src', program), aliases));
for (const [k, program] of programs.entries()) writeFileSync(join(root, 'dist/src', program), bundled[k]);
