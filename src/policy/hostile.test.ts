// What `check` says of a fallen partition, held against the core: each partition in turn makes any calls that it likes, and exactly
// those notice whom the analysis names. And when those that were reached fall too, exactly those beyond them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as core from '../kernel/core/core.ts';
import { bootWords } from '../oracle/log.ts';
import { type Effort, Worlds } from '../oracle/influence.ts';
import { type Code, SHIPPED } from '../oracle/state.ts';
import { faulty } from '../oracle/tests/systems.ts';
import { analyse, readDescription } from './index.ts';
import { planWords } from './plan-words.ts';
import { compileTables } from './tables.ts';

const host = { fileExists: () => true, folderExists: () => true, images: ['debian'], firmware: [] };
const text = (name: string): string =>
  readFileSync(new URL(`../../systems/${name}/system.yaml`, import.meta.url), 'utf8');

/** Enough that a flow which is there is found; the tests below would fail if it were not. */
const EFFORT: Effort = { runs: 6, rounds: 40, calls: 4 };

function prepare(name: string, source: string, code: Code = SHIPPED) {
  const reading = readDescription(name, source, host);
  assert.ok(reading.description, reading.messages.join('\n'));
  const { description } = reading;
  const words = planWords(compileTables(description).kernel);
  const begin = (mode: number) => (): core.Kernel => {
    const k = bootWords(words, code.core);
    for (let p = 0; p < k.np; p++) {
      // Those that are started by a manager run here too: what they could do is asked.
      if (k.state[p] === core.P_HALTED) k.state[p] = core.P_ASKED;
      code.core.loaded(k, p);
    }
    k.nextMode = mode;
    while (k.mode !== mode) code.core.tick(k, code.core.untilSwitch(k));
    return k;
  };
  // A partition may have windows in one mode alone, so each is begun with.
  const modes = Math.max(1, description.modes.length);
  const worlds = Array.from({ length: modes }, (_, mode) => new Worlds(code, begin(mode)));
  const names = description.partitions.map((one) => one.name);
  return { worlds, names, reach: analyse(description, reading.source).compromise.reach };
}

const SYSTEMS: Readonly<Record<string, string>> = {
  'payment-terminal': text('payment-terminal'),
  gateway: text('gateway'),
  display: text('display'),
  sandboxes: text('sandboxes').replaceAll('replicas: 4', 'replicas: 2'),
};

for (const [name, source] of Object.entries(SYSTEMS)) {
  const { worlds, names, reach } = prepare(name, source);
  const numbers = names.map((_, p) => p);

  test(`${name}: each hostile partition is noticed by exactly those that the analysis names`, () => {
    for (const p of numbers) {
      const { writes, schedule, ends } = reach[p];
      for (const u of numbers.filter((other) => other !== p)) {
        const isSaid = [...writes, ...schedule, ...ends].includes(names[u]);
        // The observer acts too, the same in both worlds: what answers it is heard.
        const isNoticed = worlds.some((one) => one.notices([p], [u], u, EFFORT, p * 64 + u).has(u));
        assert.equal(
          isNoticed,
          isSaid,
          `${names[p]} falls, and ${names[u]} ${isNoticed ? 'notices' : 'does not notice'}`,
        );
        // What it can say is what the other hears.
        if (writes.includes(names[u])) assert.ok(reach[u].reads.includes(names[p]));
      }
    }
  });

  test(`${name}: when all that are reached fall too, nobody is reached that was never to be`, () => {
    for (const p of numbers) {
      const { writes, schedule, ends, beyond, never } = reach[p];
      const reached = [p, ...[...writes, ...schedule, ...ends, ...beyond].map((one) => names.indexOf(one))];
      const spared = never.map((one) => names.indexOf(one));
      assert.equal(reached.length + spared.length, names.length);
      for (const one of worlds) {
        assert.deepEqual([...one.notices(reached, spared, undefined, EFFORT, p)], [], names[p]);
      }
    }
  });
}

test('control: on a core that wakes everybody at an end, somebody notices who should not', async () => {
  const code = await faulty('if (ends !== 0 || isWaiting) {', 'if (ends === 0 || ends !== 0 || isWaiting) {');
  const { worlds, names, reach } = prepare('payment-terminal', text('payment-terminal'), code);
  const vault = names.indexOf('vault');
  const spared = reach[vault].never.concat(reach[vault].beyond).map((one) => names.indexOf(one));
  assert.ok(worlds[0].notices([vault], spared, undefined, EFFORT, 1).size > 0);
});
