// The corpus of wrong descriptions: each file of tests/faults/ holds a description with one fault, a line of `=====`, and the
// exact message. After a wanted change: VIRTSEC_WRITE_MESSAGES=1 node --test src/policy/faults.test.ts, and read the
// difference.
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readDescription } from './index.ts';

const folder = fileURLToPath(new URL('tests/faults/', import.meta.url));
const host = { fileExists: (path: string) => path === 'there', images: ['debian'] };

const cases = globSync(`${folder}*.txt`)
  .map((path) => basename(path, '.txt'))
  .toSorted();

for (const name of cases) {
  test(`wrong description ${name}`, () => {
    const file = `${folder}${name}.txt`;
    const [text, message] = readFileSync(file, 'utf8').split('=====\n');
    const reading = readDescription('system.yaml', text, host);
    const messages = `${reading.messages.join('\n\n')}\n`;
    if (process.env['VIRTSEC_WRITE_MESSAGES'] === '1') writeFileSync(file, `${text}=====\n${messages}`);
    else assert.equal(messages, message);
    assert.equal(reading.messages.length, 1, 'one fault gives one message');
    assert.ok(messages.includes(`error[VS${name.slice(0, 3)}]`));
  });
}

test('every number that the sources use has a file', () => {
  const sources = ['expand.ts', 'tree.ts', 'validators.ts'].map((file) =>
    readFileSync(new URL(file, import.meta.url), 'utf8'),
  );
  const used = new Set(sources.flatMap((text) => [...text.matchAll(/'VS(\d{3})'/g)].map((match) => match[1])));
  assert.deepEqual([...used].toSorted(), [...new Set(cases.map((name) => name.slice(0, 3)))].toSorted());
});
