// A supervisor's log, played again: the same core says the same, and each way in which a supervisor or a core can be wrong is found
// at its first step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as core from '../kernel/core/core.ts';
import { type Actions, bootWords, type Entry, formatEntry, parseEntry, recorded, replay } from './log.ts';
import { faulty, SYSTEMS, wordsOf } from './tests/systems.ts';

const words = wordsOf(SYSTEMS['a call, with a restart of its server']);
const CLIENT = 0;
const SERVER = 1;

/** A supervisor's day: two partitions, a call, a crash, a restart. */
function live(actions: Actions, k: core.Kernel): void {
  const step = (p: number, op: number, a0 = 0, a1 = 0, a2 = 0): number => actions.step(k, 0, p, op, a0, a1, a2);
  for (const p of [CLIENT, SERVER]) {
    actions.takeEffects(k, p);
    actions.loaded(k, p);
  }
  for (let round = 0; round < 3; round++) {
    k.inp.set([0x11223344 + round, 0x55, 0x77]);
    step(CLIENT, core.OP_CALL, 0, 8);
    actions.takeEffects(k, SERVER);
    step(SERVER, core.OP_FETCH, 0, 0);
    if (round === 1) {
      actions.fault(k, SERVER, core.FAULT_TRAP);
      actions.takeEffects(k, SERVER);
      actions.stopped(k, SERVER);
      while (actions.work(k, 0, SERVER) === core.E_RETRY);
      actions.tick(k, actions.untilSwitch(k));
      actions.work(k, 0, SERVER);
      actions.loaded(k, SERVER);
    } else {
      k.inp.set([9, 9, 9]);
      step(SERVER, core.OP_REPLY, 0, 5);
    }
    actions.takeEffects(k, CLIENT);
    step(CLIENT, core.OP_RESULT);
    actions.tick(k, 1);
  }
  actions.allDone(k);
  actions.stop(k);
}

function logOf(own: typeof core = core, digest = 1): Entry[] {
  const entries: Entry[] = [];
  const k = bootWords(words, own);
  live(
    recorded(own, (entry) => entries.push(entry), digest),
    k,
  );
  return entries;
}

test('the same core gives the same, with a digest at each step, at some, or at none', () => {
  for (const digest of [1, 5, 0]) {
    const log = logOf(core, digest);
    assert.ok(log.length > 30);
    assert.equal(
      log.filter((entry) => entry.digest !== undefined).length,
      digest === 0 ? 0 : Math.floor(log.length / digest),
    );
    assert.equal(replay(bootWords(words), log), undefined);
  }
  const log = logOf();
  assert.ok(log.some(({ result }) => result === core.E_PEER));
  assert.deepEqual(log.find(({ message }) => message.length > 0)!.message, [0x11223344, 0x55]);
});

test('a line of a log is read back as it was; anything else is none', () => {
  for (const entry of logOf()) assert.deepEqual(parseEntry(formatEntry(entry)), entry);
  assert.equal(formatEntry(logOf(core, 0)[4]), 'step 0 0 17 0 8 0 : 287454020 85 = -9');
  for (const line of ['', 'step', 'boot = 0', 'step 1 = x', 'tick 1 = 0 | ', 'tick 1.5 = 0', 'tick 1 = 0 # -1']) {
    assert.equal(parseEntry(line), undefined, line);
  }
});

const log = logOf();
/** Number of the first entry that `is`. */
const first = (is: (entry: Entry) => boolean): number => log.findIndex(is);
const isCall = ({ args, action }: Entry): boolean => action === 'step' && args[2] === core.OP_CALL;

for (const [what, wrong, at] of [
  [
    'another caller',
    log.map((one) => (isCall(one) ? { ...one, args: [0, SERVER, ...one.args.slice(2)] } : one)),
    first(isCall),
  ],
  ['another result', log.with(9, { ...log[9], result: 77 }), 9],
  // The one at its birth is taken by `loaded` too; the call's wake-up is not.
  ['an effect that was not taken', log.filter(({ action, args }) => action !== 'takeEffects' || args[0] !== SERVER), 4],
  ['another message', log.map((one) => (isCall(one) ? { ...one, message: [1, 2] } : one)), first(isCall)],
  [
    'a word too many',
    log.map((one) => ({ ...one, out: one.out.length > 0 ? [...one.out, 0] : [] })),
    first(({ out }) => out.length > 0),
  ],
] as const) {
  test(`found at its step: ${what}`, () => {
    const difference = replay(bootWords(words), wrong);
    assert.equal(difference?.at, at);
  });
}

test('found without digests too, where it comes out', () => {
  const wrong = logOf(core, 0).map((one) => (isCall(one) ? { ...one, message: [1, 2] } : one));
  const difference = replay(bootWords(words), wrong);
  assert.equal(difference?.says, 'out');
  assert.equal(difference.entry.args[2], core.OP_FETCH);
});

test('found: a core that was built wrongly', async () => {
  const { core: wrong } = await faulty('k.callState[c] = C_SERVING;', 'k.callState[c] = C_PENDING;');
  const difference = replay(bootWords(words), logOf(wrong));
  assert.equal(difference?.says, 'digest');
  assert.equal(difference.entry.args[2], core.OP_FETCH);
});
