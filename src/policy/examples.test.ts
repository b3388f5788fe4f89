// The ten systems of systems/: each checks, and a wrong edit of some gives the counterexample that its README shows.
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { OK, boot } from '../kernel/core/core.ts';
import { analyse, claimFaults, formatFaults, readDescription, showDescription } from './index.ts';
import { picture } from './report/picture.ts';
import { edgesOf, layOut } from './report/layout.ts';
import { compileTables } from './tables.ts';

const host = { fileExists: () => true, images: ['debian'], firmware: ['opensbi'] };
const SYSTEMS = new URL('../../systems/', import.meta.url);
const names = globSync(`${SYSTEMS.pathname}*/system.yaml`).map((path) => basename(dirname(path)));

const read = (name: string, edit: (text: string) => string = (text) => text) => {
  const file = `systems/${name}/system.yaml`;
  const reading = readDescription(file, edit(readFileSync(new URL(`${name}/system.yaml`, SYSTEMS), 'utf8')), host);
  assert.deepEqual(reading.messages, []);
  assert.ok(reading.description);
  return reading;
};

test('the example of docs/description.md checks', () => {
  const page = readFileSync(new URL('../../docs/description.md', import.meta.url), 'utf8');
  const { description, messages } = readDescription('page', /```yaml\n([^]*?)```/.exec(page)![1], host);
  assert.deepEqual(messages, []);
  assert.deepEqual(claimFaults(description!), []);
});

test('there are at least ten systems, each with its page', () => {
  assert.ok(names.length >= 10, String(names.length));
  for (const name of names) {
    const page = readFileSync(new URL(`${name}/README.md`, SYSTEMS), 'utf8');
    assert.ok(page.startsWith(`# ${name}: `), name);
    assert.ok(page.includes(`virtsec check ${name}`), name);
  }
});

for (const name of names) {
  test(`${name}: what it asserts holds, and one flaw never takes everything but in the kernel`, () => {
    const { description, source } = read(name);
    assert.deepEqual(formatFaults(source, claimFaults(description)), []);
    const { compromise, assertions, holds } = analyse(description, source);
    assert.equal(holds, true);
    assert.equal(compromise.takesAll.virtsec, 1);
    // Applications alone are partitions everywhere.
    const isOfApps = description.partitions.every(({ form }) => form === 'app');
    if (!isOfApps) assert.ok(compromise.takesAll.monolithic > 1 && compromise.takesAll.dom0 > 1);
    for (const one of assertions) assert.ok(one.holds && !one.isEmpty, one.text);
  });

  // Which plans `boot` must accept is no theorem: one that refuses everything would be safe.
  test(`${name}: the core accepts its plan`, () => {
    const { kernel } = compileTables(read(name).description);
    assert.equal(boot(kernel), OK);
  });

  test(`${name}: written out with every default it reads back as itself`, () => {
    const { description } = read(name);
    for (const form of ['yaml', 'json'] as const) {
      const shown = showDescription(description, form);
      const again = readDescription('shown', shown, host);
      assert.deepEqual(again.messages, []);
      assert.equal(showDescription(again.description!, form), shown);
    }
  });

  test(`${name}: its picture names everything, and no box lies on another`, () => {
    const { description, source } = read(name);
    const svg = picture(description, analyse(description, source));
    assert.ok(svg.startsWith('<svg '));
    assert.deepEqual([...svg.matchAll(/<g\b/g)].length, [...svg.matchAll(/<\/g>/g)].length);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
    const edges = edgesOf(description);
    for (const { label } of edges) assert.ok(svg.includes(`>${label}<`), label);
    const forms = new Map(description.partitions.map((one) => [one.replicaOf ?? one.name, one]));
    for (const form of forms.keys()) assert.match(svg, new RegExp(`>${form}( ×\\d+)?<`), form);
    const nodes = [...forms].map(([id, partition]) => ({ id, partition, replicas: 1, width: 180, height: 80 }));
    const placed = [...layOut(nodes, edges, () => 60).nodes.values()];
    for (const [i, a] of placed.entries()) {
      for (const b of placed.slice(i + 1)) {
        const apart = a.x + a.width < b.x || b.x + b.width < a.x || a.y + a.height < b.y || b.y + b.height < a.y;
        assert.ok(apart, `${a.id} lies on ${b.id}`);
      }
    }
  });
}

/** What somebody changes without thinking of it, and what `check` then says, which stands in the README of the system. */
const EDITS: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'payment-terminal': ['channels:\n', 'channels:\n  debug: { queuing: ui -> vault, as: hvc0 }\n'],
  'red-black': [
    'key: { sampling: keys -> cipher, bytes: 64, refresh: 1s }',
    'key: { call: cipher -> keys, bytes: 64, within: 20ms }',
  ],
  sandboxes: ['channels:\n', 'channels:\n  done: { signal: collector -> dispatcher }\n'],
  display: ['bytes: 128, depth: 32 }', 'bytes: 128, depth: 32, overflow: block }'],
};

for (const [name, [from, to]] of Object.entries(EDITS)) {
  test(`${name}: a wrong edit is answered with the way that it opens`, () => {
    const { description, source } = read(name, (text) => {
      assert.ok(text.includes(from));
      return text.replace(from, to);
    });
    const [first] = formatFaults(source, claimFaults(description));
    const page = new URL(`${name}/README.md`, SYSTEMS);
    const text = readFileSync(page, 'utf8');
    if (process.env['VIRTSEC_WRITE_MESSAGES'] === '1') {
      writeFileSync(
        page,
        text.replace(/```\n(MESSAGE|systems\/[^`]*(?:`[^`]+`[^`]*)*?)\n```/, () => `\`\`\`\n${first}\n\`\`\``),
      );
    } else assert.ok(text.includes(`\`\`\`\n${first}\n\`\`\``), first);
  });
}

test('a DMA device without an IOMMU takes everything down, and is a way from and to everybody', () => {
  const device = '  nic: { driver: net, devices: { ethernet: { registers: 0x10030000-0x10040000, dma: any } } }\n';
  const { description, source } = read('controller', (text) =>
    text
      .replace('partitions:\n', `partitions:\n${device}`)
      .replace('channels:\n', 'channels:\n  lan: { stream: nic <-> linux, as: virtio-net }\n'),
  );
  const { compromise, undeclared, holds, faults } = analyse(description, source);
  assert.equal(compromise.takesAll.virtsec, 2);
  assert.ok(undeclared.some(({ kind, sentence }) => kind === 'dma' && sentence.includes('ALL memory')));
  assert.equal(holds, false);
  assert.ok(faults.some(({ path }) => path.some(({ sentence }) => sentence.includes('by DMA of device `ethernet`'))));
});
