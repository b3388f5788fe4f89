import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';

/** Runs the program with `ifCutShort` imported; at its first words sends it the signal. */
async function interrupted(
  program: string,
  signal: NodeJS.Signals,
): Promise<{ said: string; by: string | number | null }> {
  const module = new URL('cut-short.ts', import.meta.url).href;
  const source = `import { ifCutShort } from '${module}';\nsetTimeout(() => process.exit(9), 10_000);\n${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    if (said === '') child.kill(signal);
    said += text.toString();
  });
  return new Promise((resolve) => {
    child.once('close', (status, died) => resolve({ said, by: died ?? status }));
  });
}

test('a signal cleans up and then does what it would have done', async () => {
  const program = `
    const write = (text) => process.stdout.write(text);
    ifCutShort(() => write('a'));
    ifCutShort(() => write('b'));
    ifCutShort(() => write('never'))();
    write('ready ');`;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    assert.deepEqual(await interrupted(program, signal), { said: 'ready ab', by: signal });
  }
});

test('nothing is done when there is nothing to clean up; another listener decides itself', async () => {
  const done = `ifCutShort(() => process.stdout.write('never'))(); process.stdout.write('ready');`;
  assert.deepEqual(await interrupted(done, 'SIGTERM'), { said: 'ready', by: 'SIGTERM' });
  const other = `
    ifCutShort(() => process.stdout.write('a'));
    process.on('SIGTERM', () => process.exit(3));
    process.stdout.write('ready ');`;
  assert.deepEqual(await interrupted(other, 'SIGTERM'), { said: 'ready a', by: 3 });
});
