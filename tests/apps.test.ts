// Native applications as processes of a running system: a TypeScript module and a WebAssembly module over the same channels,
// under the jail.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { encodePlanFile } from '../src/kernel/plan-file.ts';
import { compileSystem, readDescription } from '../src/policy/index.ts';
import { planWords } from '../src/policy/plan-words.ts';
import { applicationFile } from '../src/sdk/app/sources.ts';
import { ROOT, TestSystem } from './partitions/system.ts';

const skip = whyNoFfi() ?? false;
const APPS = path.join(ROOT, 'src/sdk/tests');
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-apps-'));
after(() => rmSync(folder, { recursive: true }));

/** A system whose applications are packed as the command does it. */
function start(yaml: string, without: readonly string[] = []): TestSystem {
  const reading = readDescription('test.yaml', yaml, { fileExists: () => true, images: [], firmware: [] });
  if (reading.description === undefined) throw new Error(reading.messages.join('\n'));
  const { description } = reading;
  const { tables, plan } = compileSystem(description, new Map(), { rows: 0, columns: 0 });
  const partitions = plan.partitions.map((p, i) => {
    const file = path.join(folder, p.name);
    writeFileSync(file, applicationFile(path.join(APPS, description.partitions[i].what ?? '')), { mode: 0o644 });
    return { ...p, program: 'app', files: [{ name: 'app', path: file }] };
  });
  const file = encodePlanFile(planWords(tables.kernel), { ...plan, partitions });
  return new TestSystem({ file, programs: [] }, { without });
}

test('two applications call each other, and one logs and exits', { skip }, async () => {
  const system = start(`
virtsec: 1
system: shop
partitions:
  ui: { app: ui.ts }
  pay: { app: pay.ts }
  vault: { app: vault.ts }
channels:
  ask: { call: ui -> pay, bytes: 256, within: 5s }
  sign: { call: pay -> vault, bytes: 256, within: 2s }
  journal: { queuing: pay -> ui, bytes: 64, depth: 16 }
`);
  const started = await system.waitFor('started');
  for (const { name, missing } of started.partitions) {
    assert.deepEqual(
      missing.filter(({ layer }) => layer !== 'uid'),
      [],
      name,
    );
  }
  for (const [name, status] of [
    ['pay', 7],
    ['ui', 0],
  ]) {
    const exit = await system.waitFor('exit', (e) => e.partition === name);
    assert.deepEqual([exit.by, exit.status], ['exit', status], JSON.stringify(system.events));
  }
  assert.deepEqual(system.log('ui'), ['signed: ok', 'asked: 100 EUR', 'peer']);
  system.kill('SIGTERM');
  await system.exited;
});
