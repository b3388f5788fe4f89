// Small systems on the core that runs: in every order of everything that can happen, the invariant holds and the policy is kept. And
// the controls: cores with a fault, each found by the theorem that it breaks, with the steps that show it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allActions } from './actions.ts';
import { Explorer, type Violation } from './explore.ts';
import { SHIPPED, StateSpace } from './state.ts';
import { faulty, running, SYSTEMS, wordsOf } from './tests/systems.ts';

/** One word of a message is enough to tell messages apart. */
const MESSAGE_WORDS = 1;

/** Results that some step has given. */
const results = new Set<number>();

for (const [name, text] of Object.entries(SYSTEMS)) {
  test(`explored: ${name}`, () => {
    const k = running(SHIPPED, wordsOf(text));
    const space = new StateSpace(SHIPPED, k, MESSAGE_WORDS);
    const explorer = new Explorer(space, k, allActions(SHIPPED, k));
    const { states, violations, ...rest } = explorer.run({ depth: 3, states: 1200 });
    assert.deepEqual(violations, []);
    for (const all of rest.results.values()) for (const result of all) results.add(result);
    assert.ok(states > 300, String(states));
    assert.deepEqual(space.unused(k), []);
    assert.ok(space.hasPlainViews(k));
  });
}

/** Few kinds of step, and so deep: nothing but what a call, its time-out and its server's restart are made of. */
const CALLS = /^(CALL|FETCH.p=1, 0, 0|REPLY|RESULT.p=0|tick on|fault 2.p=1|stopped.p=1|work 0.p=1|loaded.p=1)/;

test('explored deep: a call that is answered, late, or whose server is restarted', () => {
  const k = running(SHIPPED, wordsOf(SYSTEMS['a call, with a restart of its server']));
  const space = new StateSpace(SHIPPED, k, MESSAGE_WORDS);
  const actions = allActions(SHIPPED, k).filter(({ name }) => CALLS.test(name) && !name.includes('"2"'));
  const { states, depth, violations, ...rest } = new Explorer(space, k, actions).run({ depth: 9, states: 8000 });
  assert.deepEqual(violations, []);
  for (const all of rest.results.values()) for (const result of all) results.add(result);
  assert.ok(states > 2000 && depth >= 8, `${states} states, depth ${depth}`);
});

test('every result that the core has was given: none of this speaks of nothing', () => {
  const codes = Object.entries(SHIPPED.core).filter(([name]) => name === 'OK' || name.startsWith('E_'));
  assert.ok(codes.length >= 17);
  const missing = codes.filter(([name, code]) => name !== 'E_PLAN' && !results.has(code as number));
  assert.deepEqual(missing, []);
});

const FAULTS: readonly {
  readonly what: string;
  readonly from: string | RegExp;
  readonly to: string;
  readonly system: string;
  /** Kinds of step that are enough to show it. */
  readonly steps: RegExp;
  readonly finds: readonly Violation['theorem'][];
}[] = [
  {
    what: 'a full queue that drops tells its sender',
    from: 'if (isFull) k.lost[c] = saturatedIncrement(k.lost[c]);',
    to: 'if (isFull) return E_FULL;',
    system: 'a queue that drops',
    steps: /^(SEND|RECEIVE|tick on)/,
    finds: ['OC', 'WSC'],
  },
  {
    what: 'a receiver that empties a queue which drops wakes its sender',
    from: 'if (k.portKind[c] === PORT_BLOCK && n >= k.portCapacity[c]) arrive',
    to: 'if (n >= k.portCapacity[c]) arrive',
    system: 'a queue that drops',
    steps: /^(SEND|RECEIVE)/,
    finds: ['LR'],
  },
  {
    what: 'a queue grows beyond its places',
    from: 'const isFull = n >= k.portCapacity[c];',
    to: 'const isFull = n > k.portCapacity[c];',
    system: 'a queue that drops',
    steps: /^(SEND|RECEIVE)/,
    finds: ['INV'],
  },
  {
    what: 'a message comes while its receiver is being wiped',
    from: 'if (k.state[reader] === P_WIPING) return;',
    to: '',
    system: 'a queue that drops',
    steps: /^(SEND|fault 2.p=1|stopped.p=1|work 0.p=1)/,
    finds: ['INV'],
  },
  {
    what: 'a client that has its answer leaves the call open',
    from: /abandon\(k, c\);\n  unblock\(k, p\);/,
    to: 'unblock(k, p);',
    system: 'a call, with a restart of its server',
    steps: CALLS,
    finds: ['INV'],
  },
  {
    what: 'a partition that is wiped goes on waiting',
    from: /abandon\(k, k\.waitPort\[p\]\);\n  unblock\(k, p\);/,
    to: 'abandon(k, k.waitPort[p]);',
    system: 'a queue that blocks, and a bell back',
    steps: /^(SEND|RECEIVE|fault 2|stopped|work)/,
    finds: ['INV'],
  },
  {
    what: 'an end wakes everybody',
    from: 'if (ends !== 0 || isWaiting) {',
    to: 'if (ends === 0 || ends !== 0 || isWaiting) {',
    system: 'a stream, a sample, and somebody apart',
    steps: /^(EXIT|stopped|work)/,
    finds: ['LR'],
  },
  {
    what: 'anybody may switch modes',
    from: /if \(k\.mayMode\[p\] === 0\) return E_RIGHT;/,
    to: '',
    system: 'windows in two modes',
    steps: /^(SET_MODE|tick on)/,
    finds: ['LR'],
  },
  {
    what: 'anybody may read the counters of others',
    from: /if \(k\.auditor\[q\] !== p\) return E_RIGHT;/,
    to: '',
    system: 'a manager and an auditor',
    steps: /^(AUDIT|OTHER)/,
    finds: ['OC'],
  },
  {
    what: 'a manager sees the state of one that may not reach it',
    from: 'kind === H_MANAGE && allows(k, object, p)',
    to: 'kind === H_MANAGE',
    system: 'a manager and an auditor',
    steps: /^(STATUS|EXIT|work|loaded|START)/,
    finds: ['OC'],
  },
];

for (const { what, from, to, system, steps, finds } of FAULTS) {
  test(`control: ${what}`, async () => {
    const code = await faulty(from, to);
    const k = running(code, wordsOf(SYSTEMS[system]));
    const space = new StateSpace(code, k, MESSAGE_WORDS);
    const actions = allActions(code, k).filter(({ name }) => steps.test(name));
    const { violations, states } = new Explorer(space, k, actions).run({ depth: 9, states: 6000 });
    assert.ok(violations.length > 0, `nothing found in ${states} states`);
    const [{ theorem, steps: way, says }] = violations;
    assert.ok(finds.includes(theorem), `${theorem}: ${way.join(', ')}: ${says}`);
    assert.ok(way.length > 0 && way.every((step) => steps.test(step)), way.join(', '));
  });
}
