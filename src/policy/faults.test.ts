// The corpus of wrong descriptions: each file of tests/faults/ holds a description with one fault, a line of `=====`, and the
// exact message. After a wanted change: VIRTSEC_WRITE_MESSAGES=1 node --test src/policy/faults.test.ts, and read the
// difference.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { claimFaults, formatFaults, notCarriedOut, notOnMetal, readDescription } from './index.ts';
import { faultHost, faultMessage, faultNames, faultPath, faultText } from './tests/corpus.ts';
import { messagesPage, rules, usedNumbers } from './tests/messages-page.ts';

/** Everything that a description can be told: by its rules, or, when it keeps them, by `run` (VS104), `build` (VS109) and its own claims. */
function messagesOf(text: string, number: string): readonly string[] {
  const reading = readDescription('system.yaml', text, faultHost);
  const { description, source } = reading;
  if (description === undefined) return reading.messages;
  const last = { '104': notCarriedOut, '109': notOnMetal }[number] ?? claimFaults;
  return formatFaults(source, last(description));
}

const numberOf = (name: string): string => name.slice(0, 3);

for (const name of faultNames()) {
  test(`wrong description ${name}`, () => {
    const [text, message] = [faultText(name), faultMessage(name)];
    const told = messagesOf(text, numberOf(name));
    const messages = `${told.join('\n\n')}\n`;
    if (process.env['VIRTSEC_WRITE_MESSAGES'] === '1') writeFileSync(faultPath(name), `${text}=====\n${messages}`);
    else assert.equal(messages, message);
    assert.equal(told.length, 1, 'one fault gives one message');
    assert.ok(messages.includes(`error[VS${numberOf(name)}]`));
    assert.match(messages, /^help: ./m, 'what to write instead');
  });
}

test('every number that the sources use has a rule, a wrong description, and its place in docs/messages.md', () => {
  const used = usedNumbers().toSorted();
  assert.deepEqual([...rules().keys()].toSorted(), used);
  assert.deepEqual([...new Set(faultNames().map((name) => name.slice(0, 3)))], used);
  const page = readFileSync(new URL('../../docs/messages.md', import.meta.url), 'utf8');
  assert.equal(page, messagesPage(), 'node bin/pinned.js scripts/messages.ts writes it again');
});
