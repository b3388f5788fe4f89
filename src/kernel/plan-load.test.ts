// The loader is in the core's language, so that it can be compiled for bare metal as the core is: read by the prover's front end,
// together with the core, as one program.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OutsideLanguage, type Program } from '../proof/language.ts';
import { sources } from '../proof/manifest.ts';
import { readProgram, type Sources } from '../proof/parse.ts';

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

/** Core and loader as one text: the language has one state class, so the buffer's fields become fields of the core's. */
function together(loader: string): string {
  const functions = loader
    .replaceAll(/^import [^]*?;$/gm, '')
    .replace(/\/\*\*[^*]*\*\/\nexport class PlanWords \{[^]*?\n\}\n/, '')
    .replaceAll('f: PlanWords', 'f: Kernel')
    .replace(/^function isIn\(/m, 'function isInHeader(')
    .replaceAll(/\bisIn\(/g, 'isInHeader(');
  return (
    read('core/core.ts').replace(
      'export class Kernel {',
      `export const MAX_PLAN_WORDS = 65536;\nexport class Kernel {\n  n = 0;\n  readonly words = new Int32Array(MAX_PLAN_WORDS);`,
    ) + functions.replace(/^\/\*\*[^*]*\*\/\nexport const MAX_PLAN_WORDS = .*$/m, '')
  );
}

/** Nothing beside the core is asked of. */
function programOf(loader: string): Program {
  const nothing = Object.fromEntries(Object.keys(sources()).map((name) => [name, ''])) as unknown as Sources;
  return readProgram('typescript', { ...nothing, core: together(loader) });
}

const loader = read('plan-load.ts');

test('the loader is in the language of the core', () => {
  const program = programOf(loader);
  assert.ok(program.functions.has('loadPlan') && program.functions.has('boot'));
});

test('control: a loader that is not', () => {
  for (const [from, to] of [
    ['if (!fits(f)) return E_PLAN;', "if (!fits(f)) throw new Error('no');"],
    ['if (!fits(f)) return E_PLAN;', 'while (!fits(f)) return E_PLAN;'],
    ['let at = loadPartitions(k, f, HEADER_WORDS);', 'let at = k.words.map((x) => x)[0];'],
  ]) {
    const wrong = loader.replace(from, to);
    assert.ok(wrong !== loader, from);
    assert.throws(() => programOf(wrong), OutsideLanguage);
  }
});
