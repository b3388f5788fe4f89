// Which form of src/ runs: dist/ (built JavaScript) while it is newer than every source, else the TypeScript itself.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * True when a file below `folder` was changed after `time` (ms). Each start of the command asks, of some 600 files: so the paths are
 * plain sums, which cost less than node:path does.
 * @param {string} folder
 * @param {number} time
 * @returns {boolean}
 */
function changedAfter(folder, time) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return changedAfter(path, time);
    return entry.isFile() && path.endsWith('.ts') && statSync(path).mtimeMs > time;
  });
}

/** Path of the main module of the command. */
export function mainModule() {
  const built = join(root, 'dist/package.json');
  const sources = join(root, 'src');
  const fresh = existsSync(built) && !(existsSync(sources) && changedAfter(sources, statSync(built).mtimeMs));
  return join(root, fresh ? 'dist/src/cli/main.js' : 'src/cli/main.ts');
}
