// Makes of built programs and all modules that they import one file each, in their places, by esbuild. Node takes some 0.5 ms of CPU time
// for each module that it finds, reads, links and starts: the thread of a guest's hart has 75, the command 140.
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

/**
 * What a module learns of its own place (`import.meta`) stays what it was: programs find files and other programs by it.
 * @param {string} out folder of the bundles
 * @returns {import('esbuild').Plugin}
 */
const places = (out) => ({
  name: 'places',
  setup: (bundler) =>
    bundler.onLoad({ filter: /\.m?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta') || path.includes('node_modules')) return undefined;
      const place = `import { dirname as dirname$, join as join$ } from 'node:path';
import { pathToFileURL as url$ } from 'node:url';
const filename$ = join$(import.meta.dirname, ${JSON.stringify(relative(out, path))});
const meta$ = { filename: filename$, dirname: dirname$(filename$), url: url$(filename$).href };
`;
      return { contents: place + text.replaceAll(/\bimport\.meta\b/g, 'meta$') };
    }),
});

/**
 * Modules that stay files of their own.
 * @param {string} out
 * @param {readonly string[]} kept their paths
 * @returns {import('esbuild').Plugin}
 */
const apart = (out, kept) => ({
  name: 'apart',
  setup: (bundler) =>
    bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const whole = join(resolveDir, path);
      if (!kept.includes(whole)) return undefined;
      const way = relative(out, whole);
      return { path: way.startsWith('.') ? way : `./${way}`, external: true };
    }),
});

/**
 * @param {string} program path of its main module; what it imports dynamically becomes files beside it
 * @param {{ aliases?: Record<string, string>, kept?: readonly string[] }} [options] what package imports (`#name`) and packages that
 *   go in are, and modules that stay as they are: absolute paths
 */
export async function bundle(program, { aliases = {}, kept = [] } = {}) {
  const out = dirname(program);
  await build({
    entryPoints: [program],
    outdir: out,
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    chunkNames: 'part-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node26',
    alias: aliases,
    packages: 'external',
    plugins: [apart(out, kept), places(out)],
    // A CommonJS package asks for Node's modules by `require`.
    banner: {
      js: "import { createRequire as require$ } from 'node:module';\nconst require = require$(import.meta.url);",
    },
    legalComments: 'inline',
    logLevel: 'warning',
  });
}
