// Descriptions changed at random: whatever stands in them, the reader answers with messages, and what it accepts is
// analysed, drawn, compiled, written out and read back. Another seed: VIRTSEC_SEED=7 node --test src/policy/mutations.test.ts
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { boot, OK } from '../kernel/core/core.ts';
import { analyse, claimFaults, formatFaults, notCarriedOut, readDescription, showDescription } from './index.ts';
import { picture } from './report/picture.ts';
import { reportText } from './report/text.ts';
import { compileTables } from './tables.ts';

const host = { fileExists: () => true, images: ['debian'], firmware: [] };
const plain = (text: string): string => text;
const paint = { title: plain, good: plain, bad: plain, dim: plain };
const texts = globSync(`${import.meta.dirname}/../../systems/*/system.yaml`).map((path) => readFileSync(path, 'utf8'));
const ROUNDS = 500;

let state = Number(process.env['VIRTSEC_SEED'] ?? 1);
/** 0 to n - 1 (Numerical Recipes' generator; its low bits are poor and stay out). */
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

const pick = <T>(all: readonly T[]): T => all[random(all.length)];

const WORD = /[\w.-]+/g;
const ODD = [
  '0',
  '-1',
  '1e9',
  'null',
  '[]',
  '{}',
  '__proto__',
  'constructor',
  "''",
  '"',
  '<->',
  '->',
  '*',
  '&a',
  '\u0007',
];

function mutate(text: string): string {
  const lines = text.split('\n');
  const at = random(lines.length);
  const words = text.match(WORD)!;
  const swap = (by: string): string => {
    const own = [...lines[at].matchAll(WORD)];
    if (own.length === 0) return lines[at];
    const { index, 0: word } = pick(own);
    return lines[at].slice(0, index) + by + lines[at].slice(index + word.length);
  };
  switch (random(5)) {
    case 0:
      return lines.toSpliced(at, 1).join('\n');
    case 1:
      return lines.toSpliced(at, 0, pick(lines)).join('\n');
    case 2:
      return lines.with(at, swap(pick(ODD))).join('\n');
    default:
      return lines.with(at, swap(pick(words))).join('\n');
  }
}

test('no description makes the reader, the analysis or the picture fail', () => {
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let text = pick(texts);
    for (let times = 1 + random(3); times > 0; times--) text = mutate(text);
    const { description, source, messages } = readDescription('x', text, host);
    if (description === undefined) {
      assert.ok(messages.length > 0, text);
      for (const message of messages) assert.doesNotMatch(message.split('\n')[0], /undefined|NaN|\[object/, text);
      continue;
    }
    accepted++;
    const faults = claimFaults(description);
    formatFaults(source, [...faults, ...notCarriedOut(description)]);
    const analysis = analyse(description, source);
    assert.doesNotMatch(picture(description, analysis, faults), /undefined|NaN/, text);
    assert.doesNotMatch(reportText(analysis, paint), /undefined|NaN/, text);
    // What the validators let through fits the core's tables, and the core accepts it.
    assert.equal(boot(compileTables(description).kernel), OK, text);
    const shown = showDescription(description, 'yaml');
    assert.deepEqual(readDescription('shown', shown, host).messages, [], text);
  }
  assert.ok(accepted > ROUNDS / 20, `only ${accepted} of ${ROUNDS} were accepted`);
});
