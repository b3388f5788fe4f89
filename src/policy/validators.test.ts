// Each validator is taken away in turn: exactly the wrong descriptions of its own number must then pass.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ALL_CLAIMS, claimFaults } from './analysis/analysis.ts';
import { readDescription } from './index.ts';
import { faultHost, faultNames, faultText } from './tests/corpus.ts';
import { VALIDATORS } from './validators.ts';

/** The number in the sentence above each rule. */
const numbers = new Map(
  globSync(['validators/*.ts', 'analysis/*.ts'], { cwd: import.meta.dirname }).flatMap((name) => {
    const text = readFileSync(`${import.meta.dirname}/${name}`, 'utf8');
    return [...text.matchAll(/VS(\d{3}): (?:(?!\*\/)[^])*\*\/\nexport function (\w+)\(/g)].map(
      (match) => [match[2], match[1]] as const,
    );
  }),
);
const ofRules = faultNames().filter((name) => /^[2-5]/.test(name));

test('every rule has its number, and no number has two rules', () => {
  const rules = [...VALIDATORS, ...ALL_CLAIMS];
  assert.deepEqual(
    rules.filter((rule) => !numbers.has(rule.name)).map((rule) => rule.name),
    [],
  );
  assert.equal(new Set(rules.map((rule) => numbers.get(rule.name))).size, rules.length);
  assert.ok(rules.length > 60, String(rules.length));
  assert.ok(faultNames().length >= 120);
});

for (const validator of VALIDATORS) {
  const number = numbers.get(validator.name)!;
  test(`without ${validator.name} exactly the files of VS${number} pass`, () => {
    const without = VALIDATORS.filter((other) => other !== validator);
    const passing = ofRules
      .filter((name) => !name.startsWith('5'))
      .filter((name) => readDescription('system.yaml', faultText(name), faultHost, without).description !== undefined);
    assert.ok(passing.length > 0);
    assert.deepEqual(
      passing,
      ofRules.filter((name) => name.startsWith(number)),
    );
  });
}

for (const claim of ALL_CLAIMS) {
  const number = numbers.get(claim.name)!;
  test(`without ${claim.name} exactly the files of VS${number} hold`, () => {
    const without = ALL_CLAIMS.filter((other) => other !== claim);
    const holding = ofRules
      .filter((name) => name.startsWith('5'))
      .filter((name) => {
        const { description } = readDescription('system.yaml', faultText(name), faultHost);
        assert.ok(description, name);
        return claimFaults(description, without).length === 0;
      });
    assert.ok(holding.length > 0);
    assert.deepEqual(
      holding,
      ofRules.filter((name) => name.startsWith(number)),
    );
  });
}
