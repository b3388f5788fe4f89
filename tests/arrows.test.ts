// The arrows of docs/design/seams.md ("Who may import whom"), read from the import graph of the sources themselves.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');

/**
 * For each folder: what its files may import beside their own folder. A row holds for the files under its prefix; the
 * longest prefix wins. `node:` = Node's built-in modules; `npm:NAME` = that package.
 */
const ARROWS: Record<string, readonly string[]> = {
  'src/kernel/core/': [],
  'src/kernel/call-page.ts': [],
  'src/kernel/abi.ts': ['src/kernel/call-page.ts'],
  'src/kernel/plan.ts': ['src/kernel/call-page.ts'],
  'src/kernel/plan-load.ts': ['src/kernel/core/'],
  'src/kernel/proved-core.ts': ['node:'],
  'src/kernel/plan-file.ts': ['src/kernel/plan-load.ts', 'node:'],
  'src/kernel/plan-signature.ts': ['src/kernel/plan-file.ts', 'node:'],
  'src/kernel/plan-names.ts': ['src/kernel/core/', 'src/kernel/plan.ts', 'src/kernel/call-page.ts'],
  'src/kernel/hosted/': [
    'src/kernel/core/',
    'src/kernel/call-page.ts',
    'src/kernel/plan.ts',
    'src/kernel/plan-file.ts',
    'src/kernel/plan-load.ts',
    'src/kernel/plan-names.ts',
    'src/kernel/proved-core.ts',
    'node:',
  ],
  // Compiled: what they import of the compiler declares single instructions.
  'src/kernel/metal/': ['src/kernel/core/', 'src/kernel/plan-load.ts', 'src/compiler/intrinsics.ts'],
  'src/vmm/metal/load.ts': ['src/vmm/board/', 'src/riscv/', 'node:'],
  'src/vmm/metal/': [
    'src/compiler/intrinsics.ts',
    'src/sdk/bare.ts',
    'src/vmm/devices/',
    'src/vmm/firmware/',
    'npm:virtsec',
  ],
  // In the subset of the language: what is declared there are single instructions, and beneath an application texts and handles.
  'src/sdk/bare.ts': ['src/compiler/intrinsics.ts'],
  'src/sdk/apex.ts': ['npm:virtsec'],
  'src/sdk/metal/': ['src/sdk/metal/', 'npm:virtsec'],
  'src/sdk/app/bare.ts': ['src/sdk/', 'src/kernel/abi.ts', 'src/compiler/intrinsics.ts'],
  'src/drivers/console/bare.ts': ['npm:virtsec'],
  'src/drivers/operator/': ['npm:virtsec'],
  'src/sdk/': [
    'src/kernel/abi.ts',
    'src/kernel/plan.ts',
    'src/kernel/hosted/linux.ts',
    'src/kernel/hosted/landlock.ts',
    'src/kernel/hosted/seccomp.ts',
    'src/kernel/hosted/jail-lists.ts',
    'src/kernel/hosted/patience.ts',
    'node:',
  ],
  // Runs applications on the real core, under the hosted supervisor, from a description.
  'src/sdk/testing': [
    'src/sdk/',
    'src/kernel/core/',
    'src/kernel/abi.ts',
    'src/kernel/plan.ts',
    'src/kernel/hosted/supervisor.ts',
    'src/policy/',
    'node:',
  ],
  'src/drivers/': ['src/sdk/', 'src/kernel/abi.ts', 'node:'],
  'src/riscv/': [],
  'src/vmm/devices/': ['#guest-memory'],
  'src/vmm/firmware/': ['#guest-memory', 'src/vmm/devices/'],
  'src/vmm/board/': ['src/vmm/devices/', 'src/vmm/firmware/'],
  'src/vmm/hosted/': ['src/vmm/', 'src/riscv/', 'src/sdk/', 'src/kernel/abi.ts', 'node:'],
  'src/oracle/': ['src/kernel/core/', 'src/kernel/plan-load.ts'],
  'src/policy/': [
    'src/kernel/core/',
    'src/kernel/abi.ts',
    'src/kernel/plan.ts',
    'src/kernel/plan-file.ts',
    'src/kernel/plan-load.ts',
    'src/kernel/proved-core.ts',
    'npm:yaml',
    'node:',
  ],
  'src/images/': ['node:'],
  'src/proof/': ['src/kernel/core/', 'npm:acorn', 'npm:oxc-parser', 'npm:z3-solver', 'node:'],
  // What SAFE of bare metal is asked about: the kernel's own tables and constants, by name.
  'src/proof/metal/sound.ts': [
    'src/kernel/core/',
    'src/kernel/metal/',
    'src/kernel/plan-load.ts',
    'src/compiler/intrinsics.ts',
  ],
  'src/proof/metal/': ['src/proof/', 'src/compiler/', 'node:'],
  'src/compiler/': ['src/proof/', 'npm:oxc-parser', 'node:'],
  // A partition's program: what `virtsec attack` puts in the place of one that is taken over.
  'src/cli/attack/hostile.ts': [
    'src/cli/attack/order.ts',
    'src/sdk/',
    'src/kernel/abi.ts',
    'src/kernel/hosted/call-numbers.ts',
    'src/kernel/hosted/linux.ts',
    'node:',
  ],
  'src/cli/bare-run.ts': ['src/cli/', 'src/policy/', 'src/vmm/hosted/bare.ts', 'node:'],
  'src/cli/commands/build.ts': [
    'src/cli/',
    'src/compiler/',
    'src/kernel/plan-file.ts',
    'src/kernel/proved-core.ts',
    'src/policy/',
    'src/proof/language.ts',
    'src/vmm/metal/',
    'node:',
  ],
  'src/cli/': [
    'src/kernel/abi.ts',
    'src/policy/',
    'src/kernel/plan.ts',
    'src/kernel/plan-file.ts',
    'src/kernel/plan-signature.ts',
    'src/kernel/plan-load.ts',
    'src/kernel/plan-names.ts',
    'src/kernel/proved-core.ts',
    'src/kernel/core/',
    'src/images/',
    'src/sdk/app/sources.ts',
    'src/kernel/hosted/linux.ts',
    'src/kernel/hosted/landlock.ts',
    'node:',
  ],
};

export function importsOf(text: string): string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm))
    found.add(match[1] ?? '');
  for (const match of text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) found.add(match[1] ?? '');
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) found.add(match[1] ?? '');
  return [...found];
}

/** What an import specifier in `file` means in the words of ARROWS. */
function target(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
  if (specifier.startsWith('node:') || specifier.startsWith('#')) return specifier;
  const [scope = '', name = ''] = specifier.split('/');
  return `npm:${scope.startsWith('@') ? `${scope}/${name}` : scope}`;
}

function rowFor(file: string): string | undefined {
  return Object.keys(ARROWS)
    .filter((prefix) => file.startsWith(prefix))
    .toSorted((a, b) => b.length - a.length)[0];
}

export function wrongArrows(files: ReadonlyMap<string, string>): string[] {
  const wrong: string[] = [];
  for (const [file, text] of files) {
    const row = rowFor(file);
    if (row === undefined) {
      wrong.push(`${file}: no row of the table says what it may import`);
      continue;
    }
    const may = ARROWS[row] ?? [];
    for (const specifier of importsOf(text)) {
      const to = target(file, specifier);
      const own = row.endsWith('/') && to.startsWith(row);
      if (
        !own &&
        !may.some((prefix) => to === prefix || ((prefix.endsWith('/') || prefix === 'node:') && to.startsWith(prefix)))
      ) {
        wrong.push(`${file} imports ${to}`);
      }
    }
  }
  return wrong;
}

function sources(): Map<string, string> {
  const files = globSync('src/**/*.ts', { cwd: root }).filter((f) => !f.endsWith('.test.ts') && !/\/tests?\//.test(f));
  return new Map(files.map((file) => [file.replaceAll(path.sep, '/'), readFileSync(path.join(root, file), 'utf8')]));
}

test('every import follows an arrow of the architecture', () => {
  const files = sources();
  assert.ok(files.size > 20, `only ${files.size} sources found`);
  assert.deepEqual(wrongArrows(files), []);
});

test('the kernel has no npm dependency, whatever it imports transitively', () => {
  const files = sources();
  const seen = new Set<string>();
  const queue = [...files.keys()].filter((f) => f.startsWith('src/kernel/'));
  while (queue.length > 0) {
    const file = queue.pop() ?? '';
    if (seen.has(file)) continue;
    seen.add(file);
    for (const specifier of importsOf(files.get(file) ?? '')) {
      const to = target(file, specifier);
      assert.ok(!to.startsWith('npm:'), `${file} imports ${to}`);
      if (files.has(to)) queue.push(to);
    }
  }
  assert.ok(seen.size > 3);
});

/**
 * Lines of code that Node loads: no empty one, no comment, and types are erased. What must be trusted is counted by what it does; a
 * limit on all lines would be a price on saying why.
 */
export function codeLines(text: string): number {
  let isInComment = false;
  return stripTypeScriptTypes(text)
    .split('\n')
    .filter((line) => {
      const rest = line.trim();
      if (isInComment) {
        isInComment = !rest.includes('*/');
        return false;
      }
      isInComment = rest.startsWith('/*') && !rest.includes('*/');
      return rest !== '' && !rest.startsWith('//') && !rest.startsWith('/*');
    }).length;
}

/** The process's main module, with the mechanism of a host, and the modules of its further threads. */
const PROCESSES = {
  memory: ['main', 'memory-transport', 'core-thread', 'spawner'],
  pipes: ['main', 'pipe-transport'],
};

for (const [form, modules] of Object.entries(PROCESSES)) {
  test(`what the kernel process loads beside its core (${form}) stays under 3,000 lines of code, the core under 1,500`, () => {
    const files = sources();
    const loaded = new Set<string>();
    const queue = modules.map((name) => `src/kernel/hosted/${name}.ts`);
    while (queue.length > 0) {
      const file = queue.pop() ?? '';
      if (loaded.has(file) || file.startsWith('node:')) continue;
      // The main module loads one mechanism, by the host.
      if (file.endsWith('-transport.ts') && !modules.some((name) => file.endsWith(`/${name}.ts`))) continue;
      const text = files.get(file);
      assert.ok(text !== undefined, file);
      loaded.add(file);
      queue.push(...importsOf(stripTypeScriptTypes(text)).map((specifier) => target(file, specifier)));
    }
    const lines = (isCore: boolean) =>
      [...loaded]
        .filter((file) => file.startsWith('src/kernel/core/') === isCore)
        .reduce((sum, file) => sum + codeLines(files.get(file) ?? ''), 0);
    assert.ok(loaded.size > 15, `only ${loaded.size} files found`);
    assert.ok(lines(true) > 500 && lines(true) < 1500, `kernel/core has ${lines(true)} lines of code`);
    assert.ok(lines(false) > 1000 && lines(false) < 3000, `the kernel process loads ${lines(false)} more`);
  });
}

test('code is counted, comments and types are not', () => {
  const text = ['/* a', '   b */', 'const x = 1; // why', '', '  // note', '/** doc */', "call('//');", 'type T = 1;'];
  assert.equal(codeLines(text.join('\n')), 2);
});

test('a wrong arrow is found (the check can fail)', () => {
  const wrong = wrongArrows(
    new Map([
      ['src/kernel/core/x.ts', `import fs from 'node:fs';`],
      ['src/riscv/x.ts', `export { y } from '../vmm/devices/y.ts';`],
      ['src/kernel/hosted/x.ts', `const y = await import('yaml');`],
      ['src/drivers/console/x.ts', `import { a } from '../../sdk/a.ts';`],
    ]),
  );
  assert.deepEqual(wrong, [
    'src/kernel/core/x.ts imports node:fs',
    'src/riscv/x.ts imports src/vmm/devices/y.ts',
    'src/kernel/hosted/x.ts imports npm:yaml',
  ]);
});
