import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sources } from './manifest.ts';
import { readProgram } from './parse.ts';
import { actionsOf } from './setting.ts';
import { smtLib } from './smt.ts';
import { forgetTerms } from './term.ts';
import { THEOREMS } from './theorems.ts';
import type { Sources } from './parse.ts';

const texts = sources();
const LARGER = {
  MAX_PORTS: 4096,
  SLOTS: 8192,
  MAX_WINDOWS: 4096,
  MAX_STREAMS: 2048,
  MAX_SAMPLES: 1024,
  REGION_STRIDE: 4096,
};

/** The question of a theorem about an action, all goals at once, as text without its numbers. */
function formula(of: Sources, theorem: string, name: string): string {
  const program = readProgram('typescript', of);
  const action = actionsOf(program).find((a) => a.name === name);
  const found = THEOREMS.find((t) => t.name === theorem);
  assert.ok(found);
  forgetTerms();
  const question = found.ask(program, action);
  return smtLib(question.assertions(question.remaining(), 1).terms).replaceAll(/#x[0-9a-f]{8}/g, '#');
}

// What solvers are asked is the same but for constants, so proof time does not grow with the tables.
test('formulas do not grow with the tables', () => {
  let { core } = texts;
  for (const [name, size] of Object.entries(LARGER)) {
    const changed = core.replace(new RegExp(`(export const ${name} = )\\d+;`), `$1${size};`);
    assert.notEqual(changed, core, name);
    core = changed;
  }
  // Rows of two regions are told apart by shifts.
  core = core.replace('const a = row >> 8;', 'const a = row >> 12;');
  for (const [theorem, action] of [
    ['WSC', 'SEND'],
    ['INV', 'RECEIVE'],
    ['LR', 'work'],
    ['FSPEC', 'tick'],
  ] as const) {
    assert.equal(formula({ ...texts, core }, theorem, action), formula(texts, theorem, action), `${theorem} ${action}`);
  }
});
