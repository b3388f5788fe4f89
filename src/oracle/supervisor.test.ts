// The hosted supervisor against the core, step by step: processes that call anything, die and are killed at any time. Its log, played
// on a fresh core of the same plan, is the same to the last word of the state: it decides nothing itself, writes nothing into
// the core's tables, and answers each caller with what the core said to that caller.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootWords, replay } from './log.ts';
import { SUPERVISED, compare, run } from './tests/supervised.ts';
import { SYSTEMS, wordsOf } from './tests/systems.ts';

for (const [name, words] of Object.entries(SUPERVISED)) {
  test(`the hosted supervisor does what the core does: ${name}`, () => {
    let [calls, answers] = [0, 0];
    for (let seed = 0; seed < 4; seed++) {
      const compared = compare(words, seed, 300);
      assert.equal(compared.difference, undefined);
      assert.equal(compared.wrongAnswers, 0);
      calls += compared.calls;
      answers += compared.answers;
    }
    assert.ok(calls > 300 && answers > 100, `${calls} calls, ${answers} answers`);
  });
}

test('control: a supervisor that writes into the tables, or makes a call in the name of another, is found', () => {
  const words = wordsOf(SYSTEMS['a queue that drops']);
  const { entries } = run(words, 1, 100);
  const k = bootWords(words);
  k.counts[0] = 0;
  k.restarts[1] = 1;
  assert.equal(replay(k, entries)?.says, 'digest');
  const at = entries.findIndex(({ action, args }) => action === 'step' && args[1] === 0);
  const forged = entries.with(at, { ...entries[at], args: [entries[at].args[0], 1, ...entries[at].args.slice(2)] });
  assert.equal(replay(bootWords(words), forged)?.at, at);
});
