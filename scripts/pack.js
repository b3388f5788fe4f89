// npm pack and npm publish run this before (`published`) and after (`sources`): Node strips no types below node_modules, so
// the exports of the published package name what scripts/build.js makes of the sources that they name here.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const file = join(root, 'package.json');
const kept = join(root, 'build/package.json');

/** @param {string} target */
function publishedTarget(target) {
  const built = /^\.\/(src\/.*)\.ts$/.exec(target)?.[1];
  return built === undefined ? target : { types: `./dist/${built}.d.ts`, default: `./dist/${built}.js` };
}

if (process.argv[2] === 'published') {
  const text = readFileSync(file, 'utf8');
  const description = JSON.parse(text);
  for (const [name, target] of Object.entries(description.exports)) {
    description.exports[name] = publishedTarget(String(target));
  }
  delete description.scripts.prepare; // there is nothing to build where it is installed
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(kept, text);
  writeFileSync(file, `${JSON.stringify(description, null, 2)}\n`);
} else if (existsSync(kept)) {
  writeFileSync(file, readFileSync(kept));
  rmSync(kept);
}
