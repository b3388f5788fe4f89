// npm test: type check, lint, format check, then unit and system tests in one run of node's test runner.
// `npm test -- FILTER...` runs only the test files whose path contains one of the filters.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const tool = (name: string) => path.join(root, 'node_modules/.bin', name);

/** Debian packages that system tests use, one a line: `package  file that shows that it is there  # what for`. */
function debianPackages(): { name: string; shows: string }[] {
  return readFileSync(path.join(root, 'tests/debian-packages.txt'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', shows = ''] = line.split(/\s+/);
      return { name, shows };
    });
}

/** Installs what is missing when we may; otherwise names it: the tests that need it say that they were skipped, and why. */
function installDebianPackages(): void {
  const missing = debianPackages().filter((p) => !existsSync(p.shows));
  if (missing.length === 0) return;
  const names = missing.map((p) => p.name);
  const may = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (may) {
    console.log(`installing for the tests: ${names.join(' ')}`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (...args: string[]) =>
      spawnSync('apt-get', args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    apt('update', '-qq');
    apt('install', '-y', '-qq', '--no-install-recommends', ...names);
  }
  const still = missing.filter((p) => !existsSync(p.shows)).map((p) => p.name);
  if (still.length > 0) {
    console.log(
      `not installed, so the tests that need them are skipped: sudo apt-get install --no-install-recommends ${still.join(' ')}`,
    );
  }
}

function step(what: string, command: string, args: readonly string[]): void {
  const from = performance.now();
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  if (result.status !== 0) {
    console.error(`${what}: failed (${seconds} s)`);
    process.exit(result.status ?? 1);
  }
  console.log(`${what}: ok (${seconds} s)`);
}

const filters = process.argv.slice(2);
installDebianPackages();
if (filters.length === 0) {
  step('types', tool('tsc'), ['-p', root]);
  // The engine alone, with a browser's types and none of Node's.
  step('types of the engine in a browser', tool('tsc'), ['-p', path.join(root, 'tsconfig.browser.json')]);
  step('lint', tool('oxlint'), ['--type-aware', '--deny-warnings']);
  step('format', tool('oxfmt'), ['--check']);
}

/** One run of node's test runner; true if all held. */
function run(what: string, pattern: string, concurrency: number): boolean | undefined {
  const files = globSync(pattern, { cwd: root })
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .toSorted();
  if (files.length === 0) return undefined;
  console.log(`${what}: ${files.length} files`);
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--experimental-vm-modules',
    '--test',
    `--test-concurrency=${concurrency}`,
  ];
  return spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: 'inherit' }).status === 0;
}

// A system test starts many processes and holds them to time limits: one at a time.
const held = [run('unit tests', 'src/**/*.test.ts', 2), run('system tests', 'tests/**/*.test.ts', 1)];
if (held.every((one) => one === undefined)) {
  console.error(`no test file's path contains ${filters.join(' or ')}`);
  process.exit(2);
}
process.exit(held.includes(false) ? 1 : 0);
