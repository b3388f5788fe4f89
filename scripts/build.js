// npm run build: JavaScript of src/ in dist/, with the same layout. `npm ci` runs it (prepare), and so does publishing.
// The command starts from dist/ while it is newer than every source (bin/sources.js): stripping types in each of its
// five processes costs more CPU time than starting them does.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PROGRAMS = [
  'cli/main.js',
  'kernel/hosted/main.js',
  'kernel/hosted/spawner.js',
  'kernel/hosted/core-thread.js',
  'vmm/hosted/main.js',
  'vmm/hosted/hart.js',
  'drivers/console/main.js',
];
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

// The engine's modules of common machines (src/riscv/made.ts): of one hart, with so much memory. Each more takes 0.2 MiB of every VMM.
const load = (/** @type {string} */ file) => import(pathToFileURL(join(root, 'dist/src/riscv', file)).href);
const { coreModule } = await load('core.js');
const { layOut } = await load('layout.js');
const { formOf } = await load('made.js');
/** @type {Record<string, string>} */
const made = {};
for (const megabytes of [256]) {
  const layout = layOut({ harts: 1, ramBase: 0x8000_0000, ramBytes: megabytes << 20, clock: 'host' });
  for (const fuses of [false, true]) {
    const { bytes, functions } = coreModule(layout, 0, fuses);
    made[formOf(layout, 0, fuses)] = JSON.stringify([Buffer.from(bytes).toString('base64'), [...functions]]);
  }
}
const madeFile = join(root, 'dist/src/riscv/made.js');
const none = 'export const MADE = {};';
const text = readFileSync(madeFile, 'utf8');
if (!text.includes(none)) throw new Error(`build: ${madeFile} has no place for the modules`);
writeFileSync(
  madeFile,
  text.replace(none, () => `export const MADE = ${JSON.stringify(made)};`),
);

// Programs that each run of a system starts. The kernel's core stays a file of its own: its hash is what was proved.
const { bundle } = await import('./bundle.js'); // it needs a package that is only here for development
// So do packages, but for yaml, which each run loads.
/** @type {Record<string, string>} */
const aliases = { yaml: fileURLToPath(import.meta.resolve('yaml')) };
copyFileSync(join(root, 'node_modules/yaml/LICENSE'), join(root, 'dist/LICENSE-yaml'));
for (const [alias, path] of Object.entries(built(imports))) aliases[alias] = join(root, 'dist', path);
const kept = [join(root, 'dist/src/kernel/core/core.js')];
for (const program of PROGRAMS) await bundle(join(root, 'dist/src', program), { aliases, kept });
