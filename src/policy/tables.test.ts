// The compiled tables of every example: accepted by the core, and saying what the description says.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as core from '../kernel/core/core.ts';
import { flows } from '../kernel/core/spec.ts';
import { openPlanFile } from '../kernel/plan-file.ts';
import { H_TICK, loadPlan, PlanWords } from '../kernel/plan-load.ts';
import { contradiction } from '../kernel/plan-names.ts';
import { TICK } from '../kernel/plan.ts';
import { CLOCK, flowsOf } from './analysis/flows.ts';
import { bootAsWritten, compileSystem, type Description, readDescription } from './index.ts';
import { DERIVED, planWords, sectionsOf } from './plan-words.ts';
import { compileTables } from './tables.ts';

const SYSTEMS = fileURLToPath(new URL('../../systems/', import.meta.url));
const host = { fileExists: () => true, folderExists: () => true, images: ['debian'], firmware: ['opensbi'] };

function read(text: string): Description {
  const { description, messages } = readDescription('system.yaml', text, host);
  assert.ok(description, messages.join('\n'));
  return description;
}

const compile = (description: Description) =>
  compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });

function load(words: Int32Array): core.Kernel {
  const file = new PlanWords();
  file.n = words.length;
  file.words.set(words);
  const k = new core.Kernel();
  assert.equal(loadPlan(k, file), core.OK);
  return k;
}

for (const name of readdirSync(SYSTEMS)) {
  const description = read(readFileSync(`${SYSTEMS}${name}/system.yaml`, 'utf8'));
  const { tables, file, plan } = compile(description);
  const { words, names } = openPlanFile(file);

  test(`${name}: words and names are what was compiled, and the core accepts them`, () => {
    const k = load(words);
    assert.deepEqual(k, tables.kernel);
    assert.equal(words[H_TICK], TICK);
    assert.deepEqual(names, plan);
    assert.equal(core.boot(k), core.OK);
    assert.equal(contradiction(plan, k), undefined);
    assert.deepEqual(compile(description).file, file, 'one description, one plan');
  });

  test(`${name}: the core allows the flows that \`check\` speaks of, and no others`, () => {
    const k = load(words);
    core.boot(k);
    const numbers = new Map(description.partitions.map((one, p) => [one.name, p]));
    const said = new Set(
      flowsOf(description)
        // Of DMA the core knows nothing: it is told as what is not covered.
        .filter(({ via }) => !via.startsWith('DMA'))
        .filter(({ from, to }) => from !== CLOCK && to !== CLOCK)
        .map(({ from, to }) => `${numbers.get(from)} ${numbers.get(to)}`),
    );
    for (let p = 0; p < k.np; p++) {
      for (let q = 0; q < k.np; q++) {
        if (p !== q) assert.equal(flows(k, p, q), said.has(`${p} ${q}`), `${p} ${q}`);
      }
    }
  });
}

test('every field of the core that is the plan stands in the words, or is found again by the loader', () => {
  const { kernel } = compileTables(read(readFileSync(`${SYSTEMS}payment-terminal/system.yaml`, 'utf8')));
  const written = new Set<string>([...sectionsOf(kernel).flatMap(({ tables }) => tables), ...DERIVED]);
  // A new table of the core must come to stand here, or with its state.
  const source = readFileSync(new URL('../kernel/core/core.ts', import.meta.url), 'utf8');
  const fields = /export class Kernel \{([^]*?)\/\/ -- state/.exec(source)![1];
  const plan = [...fields.matchAll(/readonly (\w+) = new Int32Array/g)].map(([, name]) => name);
  assert.ok(plan.length > 40, String(plan.length));
  assert.deepEqual(
    plan.filter((name) => name !== 'inp' && !written.has(name)),
    [],
  );
  const sizes = [...fields.matchAll(/^ {2}(\w+) = 0;/gm)].map(([, name]) => name);
  assert.deepEqual(sizes, ['np', 'ns', 'nports', 'nsamples', 'nwindows', 'nmodes', 'ncores']);
});

test('the longest row of each kind decides its places, and so the largest of all fits', () => {
  // Everything that a description can hold of each kind at once.
  const apps = Array.from({ length: 32 }, (_, i) => `  a${i}: { app: ./a.ts, memory: 64K }`);
  const channels = Array.from(
    { length: 31 },
    (_, i) =>
      `  q${i}: { queuing: a${i} -> a${i + 1}, bytes: 1K, depth: 16 }\n  s${i}: { sampling: a${i} -> a${(i + 2) % 32}, refresh: 1s }`,
  );
  const description = read(
    `virtsec: 1\nsystem: large\npartitions:\n${apps.join('\n')}\nchannels:\n${channels.join('\n')}\n`,
  );
  const { kernel } = compileTables(description);
  const k = load(planWords(kernel));
  assert.deepEqual(k, kernel);
  assert.equal(core.boot(k), core.OK);
});
