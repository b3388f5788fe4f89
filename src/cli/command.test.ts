// The command line as a whole: options, help, messages and exit statuses, in this process and through the launcher.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Command, parseCall } from './command.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';
import { execute, loadCommands } from './main.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/virtsec.js', import.meta.url));

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

const sample: Command = {
  name: 'sample',
  usage: 'sample',
  summary: '',
  options: {
    expect: { value: 'RE', multiple: true, summary: '' },
    send: { value: 'TEXT', multiple: true, summary: '' },
    until: { value: 'RE', summary: '' },
    json: { summary: '' },
  },
  run: () => Promise.resolve(0),
};

test('options keep their order, and a value may begin with a dash', () => {
  const call = parseCall(sample, ['x', '--send', '-l', '--expect=a=b', '--json', '--send', '--send', '--', '--until']);
  assert.deepEqual(call.words, ['x', '--until']);
  assert.deepEqual(call.inOrder('expect', 'send'), [
    { option: 'send', value: '-l' },
    { option: 'expect', value: 'a=b' },
    { option: 'send', value: '--send' },
  ]);
  assert.equal(call.has('json'), true);
  assert.equal(call.value('until'), undefined);
});

for (const [args, message, help] of [
  [['--untl', 'x'], 'virtsec sample: there is no option `--untl`', 'did you mean `--until`?'],
  [['--until'], 'virtsec sample: `--until` needs a value: --until RE', 'virtsec sample --help'],
  [['--json=yes'], 'virtsec sample: `--json` takes no value', 'virtsec sample --help'],
  [['--until', 'a', '--until', 'b'], 'virtsec sample: `--until` stands here twice', 'virtsec sample --help'],
] as const) {
  test(`wrong usage: ${args.join(' ')}`, () => {
    assert.throws(
      () => parseCall(sample, args),
      (error) => {
        assert.ok(error instanceof Failure);
        assert.deepEqual([error.status, error.message, error.help], [2, message, help]);
        return true;
      },
    );
  });
}

test('every command has its help, by --help and by `help`', async () => {
  const commands = await loadCommands();
  assert.deepEqual(
    commands.map((one) => one.name),
    [
      'new',
      'test',
      'run',
      'check',
      'stats',
      'plan',
      'attack',
      'build',
      'key',
      'ps',
      'inspect',
      'start',
      'stop',
      'restart',
      'logs',
      'top',
      'events',
      'audit',
      'image',
      'doctor',
      'version',
      'completion',
    ],
  );
  for (const { name, options } of commands) {
    const byOption = await virtsec(name, '--help');
    assert.equal(byOption.status, 0);
    assert.ok(byOption.out.startsWith(`Usage: virtsec ${name}`));
    for (const option of Object.keys(options)) assert.ok(byOption.out.includes(`--${option}`), `${name} --${option}`);
    assert.deepEqual(await virtsec('help', name), byOption);
    assert.ok((await virtsec('--help')).out.includes(`\n  ${name}`));
  }
});

for (const [args, notes] of [
  [['rnu'], 'virtsec: there is no command `rnu`\nhelp: did you mean `virtsec run`?\n'],
  [['run', 'helo'], 'virtsec run: there is no system helo\nhelp: did you mean `hello`?\n'],
  [['run', 'a', 'b'], 'virtsec run: one system at a time, not 2\nhelp: virtsec run --help\n'],
  [
    ['run', 'hello', '--memory', '1M'],
    'virtsec run: --memory: `1M` is not a size from 16M to 2G\nhelp: virtsec run --help\n',
  ],
  [
    ['run', 'hello', '--harts', '9'],
    'virtsec run: --harts: `9` is not a number from 1 to 8\nhelp: virtsec run --help\n',
  ],
  [['run', 'hello', '--timeout', 'soon'], 'virtsec run: --timeout: `soon` is not a time\nhelp: virtsec run --help\n'],
  [
    ['run', 'hello', '--expect', '('],
    'virtsec run: --expect: Invalid regular expression: /(/m: Unterminated group\nhelp: virtsec run --help\n',
  ],
  [
    ['run', 'hello', '--send', '\\q'],
    'virtsec run: --send: `\\q` is not an escape\nhelp: escapes: \\n \\r \\t \\xHH \\\\, and \\c at the end\n',
  ],
  [
    ['run', 'hello', '--console', 'linx'],
    'virtsec run: --console: `linx` is not a guest of this system\nhelp: did you mean `linux`?\n',
  ],
  [['run', '--kernel', '/no/kernel'], 'virtsec run: --kernel: there is no readable file /no/kernel\n'],
  [
    ['run', 'hello', '--firmware', 'opensib'],
    'virtsec run: --firmware: there is no readable file opensib\nhelp: firmware images: opensbi\n',
  ],
  [['image', 'ftech'], 'virtsec image: there is no `ftech`\nhelp: did you mean `image fetch`?\n'],
  [['image', 'fetch', 'debain'], 'virtsec image: there is no image `debain`\nhelp: did you mean `debian`?\n'],
  [['completion', 'tcsh'], 'virtsec completion: name one shell: bash, zsh, fish\nhelp: virtsec completion --help\n'],
] as const) {
  test(`wrong input: ${args.join(' ')}`, async () => {
    assert.deepEqual(await virtsec(...args), { status: 2, out: '', notes });
  });
}

test('a wrong description is told with its place, and a folder without one by name', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const empty = await virtsec('run', folder);
  assert.equal(empty.status, 2);
  assert.match(empty.notes, /has no system\.yaml/);
  writeFileSync(join(folder, 'system.yaml'), 'virtsec: 1\nsystem: x\npartitions:\n  a: { guest: { kernel: nope } }\n');
  const wrong = await virtsec('run', folder);
  assert.equal(wrong.status, 2);
  assert.ok(wrong.notes.startsWith(`${folder}/system.yaml:4:25: error[VS209]: the kernel of guest \`a\``), wrong.notes);
});

test('--json writes one document', async () => {
  for (const args of [['version'], ['doctor'], ['image', 'list']]) {
    const { out, notes } = await virtsec(...args, '--json');
    assert.equal(typeof JSON.parse(out), 'object');
    assert.equal(notes, '');
  }
});

test('doctor names every layer that the host lacks with what to do', async () => {
  const { out } = await virtsec('doctor', '--json');
  const { findings } = JSON.parse(out) as { findings: { name: string; ok: boolean; why: string; help?: string }[] };
  for (const name of ['Node', 'Linux', 'apt', 'qemu-system-riscv64'])
    assert.ok(
      findings.some((one) => one.name === name),
      name,
    );
  for (const finding of findings) assert.ok(finding.ok || finding.help !== undefined, finding.name);
});

test('the completion scripts are accepted by their shells', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out, status } = await virtsec('completion', shell);
    assert.equal(status, 0);
    assert.ok(out.includes('expect'));
    const check = spawnSync(shell, ['-n'], { input: out, encoding: 'utf8' });
    if (check.error === undefined) assert.deepEqual([check.status, check.stderr], [0, '']);
  }
});

test('bash completes commands, options and words', async () => {
  const { out } = await virtsec('completion', 'bash');
  const complete = (...words: string[]): string => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `${out}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _virtsec; echo "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['--norc'], { input: script, encoding: 'utf8' }).stdout.trim();
  };
  assert.equal(complete('virtsec', 'do'), 'doctor');
  assert.equal(complete('virtsec', 'run', '--ex'), '--expect');
  assert.equal(complete('virtsec', 'image', 'f'), 'fetch');
  assert.equal(complete('virtsec', 'run', '--until', ''), '');
  assert.equal(complete('virtsec', 'attack', '--as', 'v'), 'vmm');
});

/** Nodes to start the launcher with: ours, and the system's own, which may be an older one. */
const nodes = [process.execPath, '/usr/bin/node'].filter((path) => existsSync(path));

for (const node of nodes) {
  test(`the launcher passes output and exit status on, under ${node}`, () => {
    const [version, wrong] = [['version'], ['rnu']].map((args) =>
      spawnSync(node, [LAUNCHER, ...args], { encoding: 'utf8' }),
    );
    assert.match(version.stdout, /^virtsec \d+\.\d+\.\d+ \(Node 2[6-9]\./);
    assert.equal(version.stderr, '');
    assert.deepEqual([wrong.status, wrong.stderr.split('\n')[0]], [2, 'virtsec: there is no command `rnu`']);
  });
}

test('what a description holds cannot act on the terminal that shows its faults', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-hostile-'));
  const file = join(folder, 'system.yaml');
  const guest = String.raw`{ guest: { kernel: "./no\x1b[31mpe" } }`;
  writeFileSync(file, `virtsec: 1\nsystem: t\npartitions:\n  linux: ${guest} # \x1b]0;title\x07\n`);
  const { status, notes } = await virtsec('run', folder);
  rmSync(folder, { recursive: true });
  assert.equal(status, 2);
  assert.ok(notes.includes('./no\ufffd[31mpe') && notes.includes('# \ufffd]0;title\ufffd'), notes);
  // oxlint-disable-next-line no-control-regex -- none is to be there
  assert.doesNotMatch(notes, /[\x00-\x08\x0b-\x1f]/);
});

test('a reader that goes away ends the command, without a word', async () => {
  const MAIN = new URL('main.ts', import.meta.url).href;
  // Output while the command is still at work.
  const program = `const { main } = await import('${MAIN}'); void main(['doctor']); process.stdout.write('x');`;
  const flags = ['--no-warnings', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let words = '';
  child.stderr.on('data', (bytes: Buffer) => (words += bytes.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([status, words], [130, '']);
});
