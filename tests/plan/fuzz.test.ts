// A few thousand hostile plans (`npm run fuzz -- plan`: 100,000), and the control: a core that has lost any one of its
// predicates accepts a plan that it should not, and this fuzz finds it.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { boot } from '../../src/kernel/core/core.ts';
import { compileSystem, readDescription } from '../../src/policy/index.ts';
import { fuzzNames, fuzzPlans, PREDICATES, SHIPPED, type Target, uncounted } from './fuzz.ts';

const KERNEL = path.resolve(import.meta.dirname, '../../src/kernel');
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-plan-'));
after(() => rmSync(folder, { recursive: true }));

/** Core and loader with another source of the core. */
async function variant(name: string, edit: (source: string) => string): Promise<Target> {
  const source = readFileSync(path.join(KERNEL, 'core/core.ts'), 'utf8');
  const edited = edit(source);
  assert.ok(edited !== source, name);
  const place = path.join(folder, name);
  mkdirSync(path.join(place, 'core'), { recursive: true });
  writeFileSync(path.join(place, 'core/core.ts'), edited);
  writeFileSync(path.join(place, 'plan-load.ts'), readFileSync(path.join(KERNEL, 'plan-load.ts')));
  const load = async (file: string) => (await import(pathToFileURL(path.join(place, file)).href)) as Target;
  return { ...(await load('core/core.ts')), loadPlan: (await load('plan-load.ts')).loadPlan };
}

test('every predicate of the validator is counted here', () => {
  assert.ok(PREDICATES.length >= 18);
  assert.deepEqual(uncounted(), []);
});

test('3,000 hostile plans: refused, or well-formed; none throws or takes long', () => {
  const result = fuzzPlans(SHIPPED, { plans: 3000, seed: 1 });
  assert.deepEqual(result.wrong, []);
  assert.ok(result.acceptedChanged > 100, JSON.stringify(result));
  assert.ok(result.refused.file > 100 && result.refused.load > 100 && result.refused.boot > 100);
  assert.ok(result.slowest < 2000, `${result.slowest} ms`);
});

test('5,000 hostile forms of the names: refused, or no contradiction of the tables; none throws', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../systems/two-consoles/system.yaml'), 'utf8');
  const { description } = readDescription('t', text, { fileExists: () => true, images: ['debian'], firmware: [] });
  assert.ok(description);
  const files = { kernel: '/vmlinuz', initrd: '/initrd', cmdline: '', deviceTree: true };
  const guests = description.partitions.filter(({ form }) => form === 'guest');
  const { plan, tables } = compileSystem(description, new Map(guests.map(({ name }) => [name, files])), {
    rows: 0,
    columns: 0,
  });
  boot(tables.kernel);
  const result = fuzzNames(plan, tables.kernel, 5000, 1);
  assert.deepEqual(result.wrong, []);
  assert.ok(result.refused > 1000 && result.contradicting > 50 && result.accepted > 50, JSON.stringify(result));
});

for (const [name] of PREDICATES) {
  test(`control: without ${name} an ill-formed plan is accepted, and found`, async () => {
    const target = await variant(name, (source) =>
      source.replace(new RegExp(`^.*if \\(!${name}\\(.*\\) return E_PLAN;$`, 'm'), ''),
    );
    const { wrong, plans } = fuzzPlans(target, { plans: 20_000, seed: 1, untilWrong: true });
    assert.ok(wrong.length > 0, `not in ${plans} plans`);
  });
}
