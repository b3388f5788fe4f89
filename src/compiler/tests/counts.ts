// What operations cost in instructions, in a small system: two partitions, a queue, a call.
import assert from 'node:assert/strict';
import type { Core, State, Twin } from './twin.ts';

const table = (k: State, name: string): Int32Array => k[name] as Int32Array;

function smallSystem(core: Core): State {
  const k = new (core['Kernel'] as new () => State)();
  const c = core as Readonly<Record<string, number>>;
  const set = (name: string, row: number, value: number): void => {
    table(k, name)[row] = value;
  };
  Object.assign(k, { np: 2, ncores: 1, nmodes: 1, nports: 2, nwindows: 1 });
  for (const p of [0, 1]) {
    set('background', p, 1);
    set('startsItself', p, 1);
    set('quota', p, 100_000);
    set('rank', p, p);
    set('manager', p, -1);
    set('auditor', p, -1);
    set('hmPeriod', p, 1);
    for (let code = 0; code < c['MAX_CODES']; code++) set('hmAction', p * c['MAX_CODES'] + code, c['HM_WARM']);
  }
  set('frameLength', 0, 100);
  set('scheduleEnd', 0, 1);
  set('winEnd', 0, 100);
  const both = [1, c['MAX_PARTITIONS']];
  for (const row of both) set('policy', row, c['FLOW_PORT']);
  // Port 0: a queue from 0 to 1, port 1: calls of 1 to 0.
  const queue = { portKind: c['PORT_BLOCK'], portFrom: 0, portTo: 1, portCapacity: 4, portBytes: 1024 };
  const calls = {
    portKind: c['PORT_CALL'],
    portFrom: 1,
    portTo: 0,
    portCapacity: 1,
    portBytes: 1024,
    portWithin: 1000,
  };
  for (const [name, value] of Object.entries(queue)) set(name, 0, value);
  for (const [name, value] of Object.entries(calls)) set(name, 1, value);
  table(k, 'slotOwner').fill(-1);
  const slots = [
    { owner: 0, row: c['MAX_DEPTH'] },
    ...[0, 1, 2, 3].map((row) => ({ owner: 1, row })),
    { owner: 1, row: c['POSITIONS'] + 1 },
  ];
  slots.forEach(({ owner, row }, slot) => {
    set('slotOwner', slot, owner);
    set('slotRow', slot, row);
    if (row < c['POSITIONS']) set('slotOf', row, slot);
  });
  set('replySlot', 1, 5);
  set('slotEnd', 0, 1);
  set('slotFirst', 1, 1);
  set('slotEnd', 1, 6);
  const handle = (p: number, h: number, kind: string, object: number): void => {
    set('handleKind', p * c['MAX_HANDLES'] + h, c[kind]);
    set('handleObject', p * c['MAX_HANDLES'] + h, object);
  };
  handle(0, 0, 'H_SEND', 0);
  handle(1, 0, 'H_RECEIVE', 0);
  handle(1, 1, 'H_CALL', 1);
  handle(0, 1, 'H_SERVE', 1);
  return k;
}

/** Instructions of `step`, by operation and message length. */
export function instructionCounts(core: Core, twin: Twin): Map<string, number> {
  const c = core as Readonly<Record<string, number>>;
  const k = smallSystem(core);
  const counts = new Map<string, number>();
  twin.put(k);
  assert.equal(twin.call(k, 'boot', []).result, 0);
  for (const p of [0, 1]) assert.equal(twin.call(k, 'loaded', [p]).result, 0);
  const step = (label: string, p: number, operation: string, a0: number, a1: number, expected = 0): void => {
    const { result, instructions } = twin.call(k, 'step', [0, p, c[operation], a0, a1, 0]);
    assert.equal(result, expected, label);
    assert.equal(twin.difference(k), undefined, label);
    counts.set(label, instructions);
  };
  step('TIME', 0, 'OP_TIME', 0, 0);
  step('POLL', 0, 'OP_POLL', 1, 0);
  for (const bytes of [16, 64, 1024]) {
    step(`SEND ${bytes}`, 0, 'OP_SEND', 0, bytes);
    step(`RECEIVE ${bytes}`, 1, 'OP_RECEIVE', 0, 0);
  }
  step('CALL 64', 1, 'OP_CALL', 1, 64, c['E_BLOCKED']);
  step('FETCH 64', 0, 'OP_FETCH', 1, 0);
  step('REPLY 64', 0, 'OP_REPLY', 1, 64);
  step('RESULT 64', 1, 'OP_RESULT', 0, 0);
  return counts;
}
