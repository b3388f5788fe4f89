// scripts/bundle.js: one file does what the modules did, in their order; what it cannot express it refuses.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bundle } from '../scripts/bundle.js';

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'virtsec-bundle-')));
after(() => rmSync(folder, { recursive: true }));

/** Writes the modules; the text of the one file that `main.mjs` becomes. */
function bundled(modules: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(modules)) writeFileSync(path.join(folder, name), text);
  return bundle(path.join(folder, 'main.mjs'), { '#alias': path.join(folder, 'b.mjs') });
}

test('names, order, re-exports, builtins and import.meta are as they were', async () => {
  const text = bundled({
    'a.mjs':
      "import { sep } from 'node:path'; /* told */ export const order = ['a' + sep]; const x = `// stays`;\nexport { x as 'y' };",
    'b.mjs':
      "export * from './a.mjs'; import { order } from './a.mjs'; order.push('b'); const x = 1; export class B { x = x }",
    'main.mjs': `import * as all from './b.mjs'; import { B as Other, y } from '#alias'; const x = 2;
      all.order.push('main'); globalThis.bundleResult = [all.order.join(), new Other().x, x, y, import.meta.filename];`,
  });
  assert.doesNotMatch(text, /told/);
  const one = path.join(folder, 'one.mjs');
  writeFileSync(one, text);
  await import(pathToFileURL(one).href);
  const main = path.join(folder, 'main.mjs');
  assert.deepEqual((globalThis as { bundleResult?: unknown }).bundleResult, [
    `a${path.sep},b,main`,
    1,
    2,
    '// stays',
    main,
  ]);
});

test('cycles, exports that change and dynamic imports are refused', () => {
  const main = "import './a.mjs';";
  assert.throws(
    () => bundled({ 'a.mjs': "import './b.mjs';", 'b.mjs': "import './a.mjs';", 'main.mjs': main }),
    /itself/,
  );
  assert.throws(() => bundled({ 'a.mjs': 'export let x = 1;', 'main.mjs': main }), /may change/);
  assert.throws(() => bundled({ 'a.mjs': "await import('./b.mjs');", 'main.mjs': main }), /dynamically/);
  assert.throws(() => bundled({ 'a.mjs': 'export default 1;', 'main.mjs': main }), /does not know/);
});
