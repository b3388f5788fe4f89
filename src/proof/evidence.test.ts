// What mutants are run in: the core as it is shows no theorem false there, and a fault shows the one that names it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckedCode, Unsafe } from './evidence-code.ts';
import { edgesOf } from './evidence-edges.ts';
import { Plans } from './evidence-plans.ts';
import { Desk, States } from './evidence-states.ts';
import { agreedProgram, sources } from './manifest.ts';
import { actionsOf } from './setting.ts';

const texts = sources();
const program = agreedProgram(texts);
const checked = new CheckedCode(program, texts);
const desk = new Desk(checked, program);
const states = new States(program, checked, desk, 4);
const plans = new Plans(program, texts.core, checked, desk);

/** With `from` of the function replaced. */
function exchanged<T>(fn: string, from: string, to: string, what: () => T): T {
  const start = texts.core.indexOf(from, texts.core.indexOf(`function ${fn}(`));
  assert.ok(start > 0);
  checked.exchange(fn, { start, end: start + from.length, to });
  try {
    return what();
  } finally {
    checked.restore(fn);
  }
}

test('the core as it is: no theorem is false in states that are kept', () => {
  assert.deepEqual(states.control(60), []);
});
test('a fault of an action: the theorems that say so', () => {
  const anyEnd = exchanged('notify', 'e < 0 || e >= k.ends[p]', 'e < 0', () => states.refuted('notify'));
  assert.ok(anyEnd.includes('SAFE NOTIFY'), anyEnd.join());
  const anyFault = exchanged('judge', 'action === HM_SHUTDOWN', 'action !== HM_SHUTDOWN', () =>
    states.refuted('judge'),
  );
  for (const theorem of ['FSPEC', 'LR', 'FRAME'])
    assert.ok(
      anyFault.some((key) => key.startsWith(`${theorem} `)),
      anyFault.join(),
    );
  assert.deepEqual(states.refuted('judge'), []);
});
test('a fault of a validator: what it lets in is seen to break a theorem; as it is, nothing is let in that does', () => {
  plans.prepare('wf_handle');
  assert.equal(plans.refuted('wf_handle', ''), undefined);
  const without = 'if (object < 0 || object >= k.nports) return false;';
  assert.equal(
    exchanged('wf_handle', without, '', () => plans.refuted('wf_handle', '')),
    'BOOT-SAFE',
  );
});
test('plans at the edges: boot accepts the full one, and refuses each that differs in what one check sees', () => {
  const { good, bad, beyond } = edgesOf(checked, desk, actionsOf(program));
  assert.ok(good.every(({ plan }) => plans.boots(desk.load(plan)) === true));
  assert.deepEqual(
    bad.filter(({ plan }) => plans.boots(desk.load(plan)) !== false),
    [],
  );
  for (const words of beyond) assert.equal(plans.boots(desk.load(words)), false, words.slice(-9).join());
  assert.equal(plans.refutedAtEdges(), undefined);
  const from = 'k.rank[from] > k.rank[to]';
  assert.equal(
    exchanged('wf_port', from, 'true', () => plans.refutedAtEdges()),
    'INV CALL',
  );
  const [window, noWindow] = ['k.winStart[w] >= k.winEnd[w]', 'k.winStart[w] > k.winEnd[w]'];
  assert.equal(
    exchanged('wf_window', window, noWindow, () => plans.refutedAtEdges()),
    'INV tick',
  );
});
test('what SAFE forbids is not done', () => {
  const k = desk.load([]);
  assert.throws(() => checked.ask('peerOf', k, 64, 0), Unsafe);
  assert.throws(() => checked.ask('wordsOf', 0x7fffffff), Unsafe);
});
