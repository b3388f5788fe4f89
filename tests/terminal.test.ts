// The user's terminal after a run, on a real pseudo-terminal (util-linux's `script`): the guest's last questions to it are not
// answered to the user's shell.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from './partitions/system.ts';

const skip = existsSync('/usr/bin/script') ? false : 'there is no `script`';
const ANSWERS: Readonly<Record<string, string>> = { '\x1b[6n': '\x1b[7;7R', '\x1b[5n': '\x1b[0n' };
/** What a terminal takes to answer, as over a network. */
const DELAY_MS = 100;

/** The line that the user's shell reads after the run, when the user types `hello`; and all that the terminal got. */
async function shellReads(way: 'settle' | 'restore'): Promise<{ line: string; shown: string }> {
  const guest = `'${process.execPath}' --no-warnings '${path.join(ROOT, 'tests/terminal/guest.ts')}' ${way}`;
  const shell = `${guest}; IFS= read -r line; printf 'shell reads %s.\\n' "$(printf '%s\\n' "$line" | od -An -c | tr -d ' \\n')"`;
  // printf, not echo: shells differ in what echo makes of a backslash.
  const child = spawn('script', ['-qfec', shell, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let shown = '';
  let looked = 0;
  let hasTyped = false;
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString('latin1');
    // oxlint-disable-next-line no-control-regex -- the two questions
    for (const match of shown.slice(looked).matchAll(/\x1b\[[56]n/g)) {
      setTimeout(() => child.stdin.write(ANSWERS[match[0]]), DELAY_MS);
    }
    looked = Math.max(0, shown.lastIndexOf('n') + 1, looked);
    if (!hasTyped && shown.includes('given back')) {
      hasTyped = true;
      setTimeout(() => child.stdin.write('hello\n'), 3 * DELAY_MS);
    }
  });
  await ended;
  return { line: /shell reads (.*)\./.exec(shown)?.[1] ?? shown, shown };
}

test("the answer to a guest's last question does not reach the user's shell", { skip }, async () => {
  const { line, shown } = await shellReads('settle');
  assert.equal(line, 'hello\\n');
  // The open sequence is cancelled first, or what follows would be part of it.
  const last = shown.slice(shown.indexOf('title') + 'title'.length);
  assert.ok(last.startsWith('\x18'), JSON.stringify(last));
  for (const off of ['\x1b[?1003l', '\x1b[?2004l', '\x1b[?1004l', '\x1b[?25h']) assert.ok(last.includes(off), off);
});

test('without that it would', { skip }, async () => {
  assert.equal((await shellReads('restore')).line, '033[7;7Rhello\\n');
});
