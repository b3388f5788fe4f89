// scripts/bundle.js: one file does what the modules did; what is kept stays a file, and programs find their places.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as Core from '../src/riscv/core.ts';
import type * as LayoutOf from '../src/riscv/layout.ts';
import type * as MadeCores from '../src/riscv/made.ts';
import { bundle } from '../scripts/bundle.js';

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'virtsec-bundle-')));
after(() => rmSync(folder, { recursive: true }));

test('places, aliases, kept modules and dynamic imports are as they were', async () => {
  mkdirSync(path.join(folder, 'deep'));
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write('core.js', "export const order = ['core'];");
  write('deep/a.js', "import { order } from '../core.js'; order.push('a'); export const place = import.meta.dirname;");
  write('late.js', "import { order } from './core.js'; order.push('late'); export const file = import.meta.filename;");
  write(
    'main.js',
    `import { order } from './core.js'; import { place } from '#alias';
     export { order, place }; export const late = () => import('./late.js'); export const file = import.meta.filename;`,
  );
  const main = path.join(folder, 'main.js');
  await bundle(main, {
    aliases: { '#alias': path.join(folder, 'deep/a.js') },
    kept: [path.join(folder, 'core.js')],
  });
  for (const gone of ['deep/a.js', 'late.js']) rmSync(path.join(folder, gone));
  const program = (await import(pathToFileURL(main).href)) as {
    order: string[];
    place: string;
    file: string;
    late: () => Promise<{ file: string }>;
  };
  const late = await program.late();
  const core = (await import(pathToFileURL(path.join(folder, 'core.js')).href)) as { order: string[] };
  assert.deepEqual(core.order, ['core', 'a', 'late']); // the kept module is one, for all
  assert.equal(core.order, program.order);
  assert.equal(program.place, path.join(folder, 'deep'));
  assert.deepEqual([program.file, late.file], [main, path.join(folder, 'late.js')]);
});

const dist = path.resolve(import.meta.dirname, '../dist');
const skip = existsSync(dist) ? false : 'nothing is built here';

test('the built kernel loads the core as the file that was proved', { skip }, () => {
  for (const program of ['main.js', 'core-thread.js']) {
    const text = readFileSync(path.join(dist, 'src/kernel/hosted', program), 'utf8');
    assert.match(text, /from "\.\.\/core\/core\.js"/, program);
  }
});

test('the built engine has its common modules, and they are what it would make', { skip }, async () => {
  const load = (file: string): Promise<unknown> => import(pathToFileURL(path.join(dist, 'src/riscv', file)).href);
  const { coreModule } = (await load('core.js')) as typeof Core;
  const { layOut } = (await load('layout.js')) as typeof LayoutOf;
  const { formOf, madeCore } = (await load('made.js')) as typeof MadeCores;
  for (const fuses of [false, true]) {
    const layout = layOut({ harts: 1, ramBase: 0x8000_0000, ramBytes: 256 << 20, clock: 'host' });
    assert.deepEqual(madeCore(formOf(layout, 0, fuses)), coreModule(layout, 0, fuses));
    assert.equal(madeCore(formOf({ ...layout, ramBytes: 2 << 20 }, 0, fuses)), undefined);
  }
});
