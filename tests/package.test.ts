// What `npm pack` makes works where it is installed: below node_modules Node strips no types.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from './partitions/system.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-package-'));
after(() => rmSync(folder, { recursive: true }));
const PACKED = ['README.md', 'LICENSE', 'bin', 'docs', 'package.json', 'scripts', 'src', 'systems', 'templates'];
const CONFIGURATION = ['tsconfig.json', 'tsconfig.build.json'];
/** Of `dependencies`: what npm would fetch. */
const DEPENDENCIES = ['ses', 'yaml', '@endo'];

function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

test(
  'the packed package: the command, an example, imports and their types',
  { skip: process.platform === 'win32' },
  () => {
    // Packing changes package.json while it lasts: not in the tree that other tests use.
    const copy = path.join(folder, 'copy');
    for (const name of [...PACKED, ...CONFIGURATION]) {
      cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
    run(copy, 'npm', 'pack', '--silent', '--pack-destination', folder);
    const text = (root: string) => readFileSync(path.join(root, 'package.json'), 'utf8');
    assert.equal(text(copy), text(ROOT));

    const user = path.join(folder, 'user');
    const modules = path.join(user, 'node_modules');
    const installed = path.join(modules, 'virtsec');
    mkdirSync(installed, { recursive: true });
    const { version } = JSON.parse(text(ROOT)) as { version: string };
    // Like npm, with the times of now.
    run(installed, 'tar', '-xmzf', path.join(folder, `virtsec-${version}.tgz`), '--strip-components=1');
    for (const name of DEPENDENCIES) symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));

    const virtsec = (...args: string[]) => run(user, process.execPath, path.join(installed, 'bin/virtsec.js'), ...args);
    assert.match(virtsec('version'), new RegExp(`^virtsec ${version} `));
    assert.match(virtsec('check', 'vault'), /Everything that this description asserts holds/);

    writeFileSync(path.join(user, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      path.join(user, 'all.ts'),
      `import { Machine } from 'virtsec/riscv';
import { defineSystem } from 'virtsec/policy';
import { openTestBed } from 'virtsec/sdk/testing';
import type { Client } from 'virtsec/sdk';
export const reply = (client: Client): Promise<Uint8Array> => client.call('hello');
const kinds: readonly string[] = [typeof Machine.create, typeof defineSystem, typeof openTestBed];
console.log(kinds.join());
`,
    );
    assert.equal(run(user, process.execPath, 'all.ts'), 'function,function,function\n');
    const options = ['--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext', '--types', 'node'];
    const types = path.join(ROOT, 'node_modules/@types');
    run(user, path.join(ROOT, 'node_modules/.bin/tsc'), ...options, '--typeRoots', types, 'all.ts');
  },
);
