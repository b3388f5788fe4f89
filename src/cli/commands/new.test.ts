// `virtsec new` as a user calls it: what it creates is checked, tested and type-checked as its README says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compileC, compileRust } from '../../sdk/tests/compilers.ts';
import type { Io } from '../io.ts';
import { execute } from '../main.ts';
import { PACKAGE } from '../version.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtsec-new-'));
after(() => rmSync(folder, { recursive: true }));

async function virtsec(...args: string[]): Promise<{ status: number; out: string; notes: string }> {
  let [out, notes] = ['', ''];
  const io: Io = {
    out: (text) => void (out += text),
    note: (text) => void (notes += text),
    paint: (_stream, _colour, text) => text,
    env: {},
  };
  const status = await execute(args, io);
  return { status, out, notes };
}

/** In a process of its own, in the project's folder. */
function inProject(project: string, program: string, ...args: string[]): { status: number | null; output: string } {
  // Without what this test runner tells its own children.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const result = spawnSync(process.execPath, [program, ...args], { cwd: project, env, encoding: 'utf8' });
  return { status: result.status, output: result.stdout + result.stderr };
}

for (const [kind, files, tests] of [
  [
    'app',
    ['README.md', 'client.ts', 'my-NAME.test.ts', 'my-NAME.ts', 'package.json', 'system.yaml', 'tsconfig.json'],
    2,
  ],
  [
    'system',
    ['README.md', 'gate.ts', 'my-NAME.test.ts', 'package.json', 'system.yaml', 'tsconfig.json', 'vault.ts'],
    3,
  ],
] as const) {
  test(`new ${kind}: a project that is checked, tested and has its types`, async () => {
    const name = `my-${kind}`;
    const project = join(folder, name);
    const { status, out, notes } = await virtsec('new', kind, project);
    assert.equal(status, 0, notes);
    const expected = files.map((file) => file.replace('NAME', kind));
    assert.deepEqual(readdirSync(project).toSorted(), ['.gitignore', ...expected, 'node_modules'].toSorted());
    assert.deepEqual(out.trim().split('\n').length, files.length);
    for (const file of expected) assert.doesNotMatch(readFileSync(join(project, file), 'utf8'), /__/, file);

    const check = await virtsec('check', project);
    assert.equal(check.status, 0, check.notes);
    assert.match(check.out, new RegExp(`^System ${name}:`));

    // As `npx virtsec` finds it, which looks no further than the project's own folder.
    const run = inProject(project, join(project, 'node_modules/.bin/virtsec'), 'test');
    assert.equal(run.status, 0, run.output);
    assert.match(run.output, new RegExp(`pass ${tests}\n`));

    // What `npm install` of the types would bring.
    for (const types of ['@types', 'undici-types']) {
      symlinkSync(join(PACKAGE, 'node_modules', types), join(project, 'node_modules', types), 'junction');
    }
    const tsc = inProject(project, join(PACKAGE, 'node_modules/typescript/bin/tsc'), '-p', '.');
    assert.equal(tsc.status, 0, tsc.output);
  });
}

for (const [language, extension, compile] of [
  ['c', 'c', compileC],
  ['rust', 'rs', compileRust],
] as const) {
  test(`new app --language ${language}: a project whose test holds once it is compiled`, async (t) => {
    const project = join(folder, `in-${language}`);
    const { status, notes } = await virtsec('new', 'app', project, '--language', language);
    assert.equal(status, 0, notes);
    assert.equal(existsSync(join(project, `in-${language}.ts`)), false);
    const check = await virtsec('check', project);
    assert.equal(check.status, 0, check.notes); // that it is not compiled yet is a warning
    const lacking = compile(join(project, `in-${language}.${extension}`), join(project, `in-${language}.wasm`));
    if (lacking !== undefined) return t.skip(lacking);
    const run = inProject(project, join(PACKAGE, 'bin/virtsec.js'), 'test');
    assert.equal(run.status, 0, run.output);
    assert.match(run.output, /pass 2\n/);
  });
}

test('a failing test of a project fails `virtsec test`', async () => {
  const project = join(folder, 'failing');
  await virtsec('new', 'app', project);
  const run = inProject(
    project,
    join(PACKAGE, 'bin/virtsec.js'),
    'test',
    join(import.meta.dirname, 'tests/failing.ts'),
  );
  assert.equal(run.status, 1, run.output);
});

test('what cannot be created is refused, and nothing is left behind', async () => {
  for (const [args, expected] of [
    [['new'], /say what to create/],
    [['new', 'ap', 'x'], /did you mean `new app`/],
    [['new', 'app'], /takes one name/],
    [['new', 'app', join(folder, 'Big')], /`Big` cannot name one/],
    [['new', 'app', join(folder, 'x'), '--language', 'cobol'], /no template in `cobol`/],
    [['new', 'system', join(folder, 'x'), '--language', 'c'], /--language is for `new app`/],
    [['new', 'app', folder], /is there already|cannot name one/],
  ] as const) {
    const { status, notes } = await virtsec(...args);
    assert.equal(status, 2);
    assert.match(notes, expected);
  }
  assert.equal(existsSync(join(folder, 'Big')), false);
});
