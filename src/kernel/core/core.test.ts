import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import * as abi from '../abi.ts';
import * as plan from '../plan.ts';
import * as core from './core.ts';
import { invariant, plan as isNeeded } from './spec.ts';

type Pair = readonly [from: number, to: number];
interface Port {
  readonly kind: number;
  readonly from: number;
  readonly to: number;
  readonly depth?: number;
  readonly quota?: number;
  readonly within?: number;
}
interface Form {
  readonly partitions: number;
  readonly streams?: readonly Pair[];
  readonly ports?: readonly Port[];
  readonly samples?: readonly { readonly from: number; readonly to: readonly number[] }[];
  readonly signals?: readonly Pair[];
  readonly manages?: readonly Pair[];
  readonly watches?: readonly Pair[];
  readonly audits?: readonly Pair[];
  /** Each mode: each core's windows as [partition, length]. */
  readonly modes?: readonly (readonly (readonly Pair[])[])[];
  /** Partitions with windows only. */
  readonly scheduled?: readonly number[];
}

/** The tables of a plan, and the handles: ports in order (sender, receiver), then samples, signals, managers. */
function tables(form: Form): core.Kernel {
  const k = new core.Kernel();
  const np = form.partitions;
  k.np = np;
  k.manager.fill(-1);
  k.auditor.fill(-1);
  k.slotOwner.fill(-1);
  const flow = (from: number, to: number, why: number, shown: number) => {
    const row = from * core.MAX_PARTITIONS + to;
    if (k.policy[row] !== core.FLOW_NONE) return;
    k.policy[row] = why;
    k.shown[row] = shown;
  };
  const handles = Array.from({ length: np }, () => 0);
  const handle = (p: number, kind: number, object: number, mask = 0) => {
    const row = p * core.MAX_HANDLES + handles[p];
    k.handleKind[row] = kind;
    k.handleObject[row] = object;
    k.handleMask[row] = mask;
    return handles[p]++;
  };
  for (let p = 0; p < np; p++) {
    k.quota[p] = 100_000;
    k.startsItself[p] = 1;
    k.background[p] = form.scheduled?.includes(p) === true ? 0 : 1;
    k.rank[p] = np - p;
    k.memoryBase[p] = p * 64;
    k.memoryFrames[p] = 16;
    k.hmPeriod[p] = 1000;
    for (let code = 0; code < core.MAX_CODES; code++) k.hmAction[p * core.MAX_CODES + code] = core.HM_HALT;
  }
  for (const [from, to] of form.streams ?? []) {
    const s = k.ns++;
    k.streamFrom[s] = from;
    k.streamTo[s] = to;
    k.streamFromEnd[s] = k.ends[from];
    k.streamToEnd[s] = k.ends[to];
    k.streamBase[s] = 4096 + s * 8;
    k.streamFrames[s] = 8;
    for (const [p, q] of [
      [from, to],
      [to, from],
    ]) {
      const e = k.ends[p]++;
      k.endStream[p * core.MAX_ENDS + e] = s;
      k.joined[p * core.MAX_PARTITIONS + q] |= 1 << e;
      flow(p, q, core.FLOW_STREAM, e);
    }
  }
  for (const { kind, from, to, depth = 1, quota = 100, within = 10 } of form.ports ?? []) {
    const c = k.nports++;
    k.portKind[c] = kind;
    k.portFrom[c] = from;
    k.portTo[c] = to;
    k.portCapacity[c] = depth;
    k.portBytes[c] = 64;
    k.portQuota[c] = quota;
    k.portWithin[c] = within;
    flow(from, to, core.FLOW_PORT, c);
    if (kind !== core.PORT_DROP) flow(to, from, core.FLOW_PORT, c);
    const isCall = kind === core.PORT_CALL;
    handle(from, isCall ? core.H_CALL : core.H_SEND, c);
    handle(to, isCall ? core.H_SERVE : core.H_RECEIVE, c);
  }
  let slot = 0;
  const slotFor = (p: number, row: number) => {
    k.slotOwner[slot] = p;
    k.slotRow[slot] = row;
    return slot++;
  };
  for (let p = 0; p < np; p++) {
    k.slotFirst[p] = slot;
    for (let c = 0; c < k.nports; c++) {
      for (let i = 0; i < k.portCapacity[c] && k.portTo[c] === p; i++) {
        k.slotOf[c * core.MAX_DEPTH + i] = slotFor(p, c * core.MAX_DEPTH + i);
      }
      if (k.portKind[c] === core.PORT_CALL && k.portFrom[c] === p) k.replySlot[c] = slotFor(p, core.POSITIONS + c);
    }
    k.slotEnd[p] = slot;
  }
  for (const { from, to } of form.samples ?? []) {
    const m = k.nsamples++;
    k.sampleFrom[m] = from;
    k.sampleBytes[m] = 64;
    k.sampleRefresh[m] = 5;
    handle(from, core.H_WRITE, m);
    for (const p of to) {
      k.sampleReader[m * core.MAX_PARTITIONS + p] = 1;
      flow(from, p, core.FLOW_SAMPLE, m);
      handle(p, core.H_READ, m);
    }
  }
  for (const [from, to] of form.signals ?? []) flow(from, to, core.FLOW_HANDLE, handle(from, core.H_SIGNAL, to, 0b11));
  for (const [from, to] of form.manages ?? []) {
    k.manager[to] = from;
    flow(from, to, core.FLOW_HANDLE, handle(from, core.H_MANAGE, to));
  }
  for (const [who, whom] of form.watches ?? []) flow(whom, who, core.FLOW_WATCH, 0);
  for (const [who, whom] of form.audits ?? []) {
    k.auditor[whom] = who;
    flow(whom, who, core.FLOW_AUDIT, 0);
  }
  const modes = form.modes ?? [[[[-1, 100] as const]]];
  k.nmodes = modes.length;
  k.ncores = modes[0].length;
  modes.forEach((cores, m) =>
    cores.forEach((windows, i) => {
      const row = m * core.MAX_CORES + i;
      k.scheduleFirst[row] = k.nwindows;
      let at = 0;
      for (const [p, length] of windows) {
        const w = k.nwindows++;
        k.winPart[w] = p;
        k.winSchedule[w] = row;
        k.winStart[w] = at;
        k.winEnd[w] = at += length;
      }
      k.scheduleEnd[row] = k.nwindows;
      k.frameLength[m] = at;
    }),
  );
  return k;
}

function booted(form: Form, change?: (k: core.Kernel) => void): core.Kernel {
  const k = tables(form);
  change?.(k);
  assert.equal(core.boot(k), core.OK);
  return k;
}
/** All are loaded, and nothing is latched. */
function running(form: Form, change?: (k: core.Kernel) => void): core.Kernel {
  const k = booted(form, change);
  for (let p = 0; p < k.np; p++) {
    if (k.state[p] !== core.P_ASKED) continue;
    assert.equal(core.takeEffects(k, p), core.FX_LOAD);
    assert.equal(core.loaded(k, p), core.OK);
  }
  return k;
}
const call = (k: core.Kernel, p: number, op: number, a0 = 0, a1 = 0, a2 = 0) => core.step(k, 0, p, op, a0, a1, a2);
const out = (k: core.Kernel) => [...k.out.subarray(0, k.outN)];
/** Ticks, across boundaries. */
function pass(k: core.Kernel, ticks: number): void {
  for (let left = ticks; left > 0;) {
    const n = Math.min(left, core.untilSwitch(k));
    assert.equal(core.tick(k, n), core.OK);
    left -= n;
  }
}
/** From P_DYING on until there is nothing more to do. */
function bury(k: core.Kernel, p: number): void {
  assert.equal(core.stopped(k, p), core.OK);
  while (core.work(k, 0, p) === core.E_RETRY) assert.equal(k.state[p], core.P_WIPING);
}
/** A copy of all words of the state, plan left out. */
const snapshot = (k: core.Kernel) => structuredClone(k);
/** Everything that partition p has in its own row. */
const view = (k: core.Kernel, p: number) =>
  Object.entries(k)
    .filter((entry): entry is [string, Int32Array] => entry[1] instanceof Int32Array)
    .filter(([, table]) => table.length === core.MAX_PARTITIONS)
    .map(([name, table]) => [name, table[p]]);

const A = 0;
const B = 1;
const C = 2;

test('operations, results and capacities are those of abi.ts and plan.ts', () => {
  for (const [name, value] of Object.entries(core)) {
    if (/^(OP|E)_|^OK$/.test(name)) assert.equal((abi as Record<string, unknown>)[name], value, name);
  }
  assert.equal(core.MAX_TEXT, abi.TEXT_BYTES);
  assert.equal(core.MESSAGE_BYTES, abi.MESSAGE_BYTES);
  assert.equal(core.HEAD, abi.OUT_HEAD);
  assert.equal(core.MAX_PARTITIONS, plan.MAX_PARTITIONS);
  assert.equal(core.MAX_STREAMS, plan.MAX_STREAMS);
});

test('the core is written in the language that is proved', () => {
  const source = readFileSync(new URL('core.ts', import.meta.url), 'utf8');
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  for (const outside of [
    /\bimport\b|\brequire\b/,
    /['"`]/, // strings
    /=>|\bfunction\s*\(|\bthis\b/, // closures, methods
    /\b(throw|try|catch|while|do|async|await|yield|of|in|delete|typeof)\b/,
    /[^<]\/[^/]|%/, // division
    /\d\.\d|\bMath\b|\bNumber\b|\bundefined\b|\bnull\b|\bany\b/,
    /\[\s*\]|\{\s*\w+\s*:/, // literals of lists and objects
    /\bnew (?!Int32Array\()/,
  ]) {
    assert.doesNotMatch(code, outside);
  }
  assert.equal(code.match(/\bfor \(/g)?.length, code.match(/for \(let (\w+) = 0; \1 < [^;]+; \1\+\+\)/g)?.length);
  assert.ok(source.split('\n').length < 1500);
});

// ---- boot
const EVERYTHING: Form = {
  partitions: 3,
  streams: [
    [A, B],
    [B, A],
  ],
  ports: [
    { kind: core.PORT_BLOCK, from: A, to: B, depth: 3 },
    { kind: core.PORT_DROP, from: B, to: C, depth: 2 },
    { kind: core.PORT_CALL, from: A, to: C },
  ],
  samples: [{ from: B, to: [A, C] }],
  signals: [[C, B]],
  manages: [[A, B]],
  watches: [[A, B]],
  audits: [[C, B]],
  modes: [
    [
      [
        [A, 4],
        [B, 6],
      ],
      [[C, 10]],
    ],
    [[[-1, 10]], [[A, 10]]],
  ],
};

test('boot refuses a plan whose tables do not fit together, and changes nothing', () => {
  const pair = (p: number, q: number) => p * core.MAX_PARTITIONS + q;
  const faults: ((k: core.Kernel) => unknown)[] = [
    (k) => (k.np = 0),
    (k) => (k.np = core.MAX_PARTITIONS + 1),
    (k) => (k.ns = -1),
    (k) => (k.nports = core.MAX_PORTS + 1),
    (k) => (k.nsamples = -1),
    (k) => (k.nwindows = 0),
    (k) => (k.nmodes = 0),
    (k) => (k.ncores = core.MAX_CORES + 1),
    (k) => (k.counts[0] = 2),
    (k) => (k.mayShutDown[1] = -1),
    (k) => (k.quota[0] = core.COST_EVENT - 1),
    (k) => (k.quota[0] = core.MAX_CREDIT + 1),
    (k) => (k.manager[A] = A),
    (k) => (k.manager[A] = 3),
    (k) => (k.auditor[A] = C + 1),
    (k) => (k.memoryFrames[0] = core.MAX_FRAMES + 1),
    (k) => (k.memoryBase[1] = 15), // overlaps
    (k) => (k.streamBase[0] = 64), // overlaps B's memory
    (k) => (k.slotEnd[B] = k.slotFirst[B]), // a slot that nobody would wipe
    (k) => (k.hmPeriod[0] = 0),
    (k) => (k.hmDelay[0] = 1), // above hmMax
    (k) => (k.hmMode[0] = 2),
    (k) => (k.hmAction[core.FAULT_TRAP] = core.HM_SHUTDOWN + 1),
    (k) => (k.hmAction[core.FAULT_TRAP] = core.HM_MODE),
    (k) => (k.hmAction[core.FAULT_TRAP] = core.HM_SHUTDOWN),
    (k) => (k.hmAction[core.FAULT_EXIT] = core.HM_IGNORE),
    (k) => (k.hmAction[core.FAULT_EXIT] = core.HM_DELIVER),
    (k) => (k.ends[0] = core.MAX_ENDS + 1),
    (k) => (k.streamTo[0] = C),
    (k) => (k.streamTo[0] = A),
    (k) => (k.streamFromEnd[0] = 1),
    (k) => (k.endStream[core.MAX_ENDS] = 1),
    (k) => (k.ends[0] = 3),
    (k) => (k.joined[pair(A, B)] = 0),
    (k) => (k.joined[pair(A, B)] = 1), // an end is missing
    (k) => (k.joined[pair(A, B)] = 7), // an end too many
    (k) => (k.joined[pair(A, C)] = 1),
    (k) => (k.policy[pair(A, B)] = core.FLOW_NONE),
    (k) => (k.policy[pair(C, A)] = core.FLOW_NONE), // the way back of a call
    (k) => (k.policy[pair(C, B)] = core.FLOW_NONE), // the way of a signal
    (k) => (k.policy[pair(B, C)] = core.FLOW_NONE), // the way of a queue
    (k) => (k.policy[pair(A, A)] = core.FLOW_STREAM),
    (k) => (k.policy[pair(A, B)] = 7),
    (k) => (k.policy[pair(A, 3)] = core.FLOW_STREAM),
    (k) => (k.shown[pair(A, B)] = 2),
    (k) => (k.shown[pair(B, C)] = 0), // another port
    (k) => (k.portTo[1] = B),
    (k) => (k.portKind[0] = 3),
    (k) => (k.portCapacity[0] = 0),
    (k) => (k.portCapacity[0] = 4),
    (k) => (k.portBytes[0] = core.MESSAGE_BYTES + 1),
    (k) => (k.portQuota[0] = -1),
    (k) => (k.portWithin[2] = 0),
    (k) => (k.rank[A] = k.rank[C]),
    (k) => (k.replySlot[2] = 1),
    (k) => (k.slotOf[1] = k.slotOf[0]),
    (k) => (k.slotOf[1] = core.SLOTS),
    (k) => (k.slotOwner[k.slotOf[0]] = C),
    (k) => (k.sampleFrom[0] = 3),
    (k) => (k.sampleBytes[0] = 0),
    (k) => (k.sampleRefresh[0] = core.TIME_BASE),
    (k) => (k.sampleReader[B] = 1), // its own writer
    (k) => (k.sampleReader[A] = 2),
    (k) => (k.handleKind[0] = 9),
    (k) => (k.handleKind[0] = core.H_RECEIVE),
    (k) => (k.handleKind[0] = core.H_CALL),
    (k) => (k.handleObject[0] = 3),
    (k) => (k.manager[B] = C), // A's handle
    (k) => (k.frameLength[0] = 11),
    (k) => (k.winEnd[0] = 3), // a gap
    (k) => (k.winPart[0] = 3),
    (k) => (k.winSchedule[0] = 1),
    (k) => (k.scheduleEnd[0] = 1),
    (k) => (k.scheduleFirst[core.MAX_CORES] = 0),
  ];
  for (const change of faults) {
    const k = tables(EVERYTHING);
    change(k);
    const before = snapshot(k);
    assert.equal(core.boot(k), core.E_PLAN, String(change));
    assert.ok(isDeepStrictEqual(snapshot(k), before), String(change));
  }
  const alone = tables({ partitions: 2 });
  alone.auditor[A] = B; // no flow
  assert.equal(core.boot(alone), core.E_PLAN);
  const k = tables(EVERYTHING);
  assert.equal(core.boot(k), core.OK);
  assert.equal(core.boot(k), core.E_PLAN);
});

test('boot asks for those to be loaded that start by themselves', () => {
  const k = booted(EVERYTHING, (plan_) => (plan_.startsItself[B] = 0));
  assert.deepEqual([...k.state.subarray(0, 3)], [core.P_ASKED, core.P_HALTED, core.P_ASKED]);
  assert.deepEqual([...k.fx.subarray(0, 3)], [core.FX_LOAD, 0, core.FX_LOAD]);
});

test('boot takes any words at all: it refuses or accepts, and never throws', () => {
  const random = randomOf(7);
  const words = [-1, 0, 1, 2, 3, 63, 64, 255, 1 << 20, core.INT_MAX, -0x80000000];
  // The plan stands before the message, the state behind it.
  const all = Object.entries(new core.Kernel());
  const fields = all.slice(
    0,
    all.findIndex(([name]) => name === 'inp'),
  );
  let accepted = 0;
  for (let run = 0; run < 500; run++) {
    const k = tables(EVERYTHING);
    for (let n = random(4); n >= 0; n--) {
      const [name, value] = fields[random(fields.length)];
      const word = words[random(words.length)];
      if (value instanceof Int32Array)
        (k as unknown as Record<string, Int32Array>)[name][random(run % 2 === 0 ? 4 : value.length)] = word;
      else (k as unknown as Record<string, number>)[name] = word;
    }
    const result = core.boot(k);
    assert.ok(result === core.E_PLAN || (result === core.OK && isNeeded(k) && invariant(k)));
    if (result === core.OK) accepted += 1;
  }
  assert.ok(accepted > 50 && accepted < 450, `${accepted} of 500 accepted`);
});

// ---- who may call at all
test('a call counts only in a window of its caller, on that core; in the background always', () => {
  const k = running({ ...EVERYTHING, scheduled: [A, C] });
  assert.equal(core.step(k, 0, A, core.OP_TIME, 0, 0, 0), core.OK);
  assert.equal(core.step(k, 1, C, core.OP_TIME, 0, 0, 0), core.OK);
  assert.equal(core.step(k, 0, B, core.OP_TIME, 0, 0, 0), core.OK); // background
  const before = snapshot(k);
  for (const [cpu, p] of [
    [1, A],
    [0, C],
    [2, A],
    [-1, A],
    [0, 3],
    [0, -1],
  ]) {
    assert.equal(core.step(k, cpu, p, core.OP_TIME, 0, 0, 0), core.E_CALLER);
    assert.equal(core.work(k, cpu, p), core.E_CALLER);
  }
  before.outN = 0;
  assert.ok(isDeepStrictEqual(snapshot(k), before));
  pass(k, 4);
  assert.equal(core.step(k, 0, A, core.OP_TIME, 0, 0, 0), core.E_CALLER);
});

test('a partition that is not READY makes no calls', () => {
  const k = booted(EVERYTHING);
  assert.equal(call(k, A, core.OP_TIME), core.E_STATE);
});

test('credit bounds the calls of a frame, and is whole again after it', () => {
  const k = running(EVERYTHING, (form) => (form.quota[A] = core.COST_EVENT + 2));
  assert.equal(call(k, A, core.OP_LOG, 0), core.OK);
  assert.equal(call(k, A, core.OP_TIME), core.OK);
  assert.equal(call(k, A, core.OP_LOG, 0), core.E_BUDGET);
  assert.equal(call(k, A, core.OP_NOTIFY, 0), core.OK);
  const before = view(k, A);
  assert.equal(call(k, A, core.OP_NOTIFY, 0), core.E_BUDGET);
  assert.equal(call(k, A, core.OP_SHUTDOWN), core.E_BUDGET);
  assert.deepEqual(view(k, A), before);
  pass(k, 9);
  assert.equal(call(k, A, core.OP_NOTIFY, 0), core.E_BUDGET);
  pass(k, 1);
  assert.equal(call(k, A, core.OP_NOTIFY, 0), core.OK);
});

test('illegal calls are counted and judged: here they stop their caller', () => {
  const many = core.MAX_HANDLES;
  const calls: (readonly [op: number, a0: number, a1: number, a2: number, result: number])[] = [
    [0, 0, 0, 0, core.E_OP],
    [core.OP_HELLO, 0, 0, 0, core.E_OP],
    [30, 0, 0, 0, core.E_OP],
    [-1, 0, 0, 0, core.E_OP],
    [core.OP_NOTIFY, 2, 0, 0, core.E_ARG],
    [core.OP_NOTIFY, -1, 0, 0, core.E_ARG],
    [core.OP_EXIT, 256, 0, 0, core.E_ARG],
    [core.OP_EXIT, -1, 0, 0, core.E_ARG],
    [core.OP_SHUTDOWN, 0, 0, 0, core.E_RIGHT],
    [core.OP_LOG, core.MAX_TEXT + 1, 0, 0, core.E_ARG],
    [core.OP_LOG, -1, 0, 0, core.E_ARG],
    [core.OP_WAIT, -1, 0, 0, core.E_ARG],
    [core.OP_WAIT, core.TIME_BASE, 0, 0, core.E_ARG],
    [core.OP_SEND, many, 0, 0, core.E_RIGHT],
    [core.OP_SEND, -1, 0, 0, core.E_RIGHT],
    [core.OP_SEND, 1, 0, 0, core.E_RIGHT], // a handle for another operation
    [core.OP_SEND, 0, 65, 0, core.E_ARG],
    [core.OP_SEND, 0, -1, 0, core.E_ARG],
    [core.OP_SEND, 0, 0, -1, core.E_ARG],
    [core.OP_RECEIVE, 0, 0, 0, core.E_RIGHT],
    [core.OP_STATUS, many, 0, 0, core.E_RIGHT],
    [core.OP_STATUS, 9, 0, 0, core.E_RIGHT],
    [core.OP_WRITE, 0, 0, 0, core.E_RIGHT],
    [core.OP_READ, 0, 0, 0, core.E_RIGHT],
    [core.OP_SIGNAL, 0, 0, 0, core.E_RIGHT],
    [core.OP_CALL, 0, 0, 0, core.E_RIGHT],
    [core.OP_CALL, 1, 65, 0, core.E_ARG],
    [core.OP_FETCH, 0, 0, 0, core.E_RIGHT],
    [core.OP_REPLY, 0, 0, 0, core.E_RIGHT],
    [core.OP_GRANT, 0, 0, 0, core.E_ARG],
    [core.OP_SET_MODE, 0, 0, 0, core.E_RIGHT],
    [core.OP_START, 0, 0, 0, core.E_RIGHT],
    [core.OP_STOP, 0, 0, 0, core.E_RIGHT],
    [core.OP_RESTART, 0, 0, 0, core.E_RIGHT],
    [core.OP_RAISE, 7, 0, 0, core.E_ARG],
    [core.OP_RAISE, 16, 0, 0, core.E_ARG],
    [core.OP_AUDIT, B, 0, 0, core.E_RIGHT],
    [core.OP_AUDIT, 3, 0, 0, core.E_ARG],
    [core.OP_STREAM, 2, 0, 0, core.E_ARG],
  ];
  for (const [op, a0, a1, a2, result] of calls) {
    const k = running(EVERYTHING);
    const other = view(k, B);
    assert.equal(core.step(k, 0, A, op, a0, a1, a2), result, String(op));
    assert.equal(core.takeEffects(k, A), core.FX_KILL);
    assert.deepEqual([k.illegal[A], k.faults[A], k.state[A]], [1, 1, core.P_DYING]);
    assert.deepEqual(view(k, B), other);
    assert.equal(core.step(k, 0, A, core.OP_EXIT, 0, 0, 0), core.E_STATE);
  }
  const k = running(EVERYTHING);
  assert.equal(call(k, B, core.OP_RECEIVE, 0, -1), core.E_ARG);
  const other = running(EVERYTHING, (form) => (form.mayMode[A] = 1));
  assert.equal(call(other, A, core.OP_SET_MODE, 2), core.E_ARG);
});

// ---- streams
const PAIR: Form = {
  partitions: 3,
  streams: [
    [A, B],
    [B, A],
  ],
};

test('NOTIFY reaches the other end of that stream alone', () => {
  const k = running(PAIR);
  const other = view(k, C);
  assert.equal(call(k, B, core.OP_NOTIFY, 1), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.equal(core.takeNews(k, A), 1 << 1);
  assert.equal(core.takeNews(k, A), 0);
  assert.deepEqual(view(k, C), other);
  assert.equal(core.takeEffects(k, B), 0);
});

test('STREAM tells where a ring is, and in which direction', () => {
  const k = running(PAIR);
  assert.equal(call(k, A, core.OP_STREAM, 1), core.OK);
  assert.deepEqual(out(k), [4104, 8, 1]);
  assert.equal(call(k, B, core.OP_STREAM, 1), core.OK);
  assert.deepEqual(out(k), [4104, 8, 0]);
});

test('peers learn a death by the slices of the dead, and its return', () => {
  const k = running(PAIR);
  assert.equal(core.fault(k, A, core.FAULT_TRAP), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_KILL);
  assert.equal(core.deadPeers(k, B), 0);
  bury(k, A);
  assert.equal(k.state[A], core.P_HALTED);
  assert.deepEqual([core.deadPeers(k, B), core.takeEffects(k, B)], [0b11, core.FX_WAKE]);
  assert.deepEqual([core.deadPeers(k, C), core.takeEffects(k, C)], [0, 0]);
  // Talking to who is not there is no fault.
  assert.equal(call(k, B, core.OP_NOTIFY, 0), core.OK);
  assert.equal(k.fx[A], 0);
});

test('who comes back is woken for what came meanwhile, and knows which peers are gone', () => {
  const both = (form: core.Kernel) => {
    for (const p of [A, B]) acts(form, p, core.FAULT_TRAP, core.HM_COLD);
    form.hmBudget[A] = form.hmBudget[B] = 9;
  };
  const restart = (k: core.Kernel, p: number) => {
    core.fault(k, p, core.FAULT_TRAP);
    core.takeEffects(k, p);
    bury(k, p);
    assert.equal(core.work(k, 0, p), core.OK);
    assert.equal(core.takeEffects(k, p), core.FX_LOAD);
  };
  const k = running(PAIR, both);
  restart(k, A);
  assert.equal(call(k, B, core.OP_NOTIFY, 0), core.OK);
  assert.equal(k.fx[A], 0);
  assert.equal(core.loaded(k, A), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.notEqual(core.takeNews(k, A), 0);

  const alone = running(PAIR, both);
  restart(alone, A);
  assert.equal(core.loaded(alone, A), core.OK);
  assert.equal(core.takeEffects(alone, A), 0, 'nothing came and nobody is gone');
  restart(alone, A);
  restart(alone, B);
  assert.equal(core.loaded(alone, A), core.OK);
  assert.deepEqual([core.deadPeers(alone, A), core.takeEffects(alone, A)], [0b11, core.FX_WAKE]);
  assert.equal(core.loaded(alone, B), core.OK);
  assert.deepEqual([core.deadPeers(alone, A), core.deadPeers(alone, B)], [0, 0]);
});

test('a partition that is not there has no effects, no news and no peers', () => {
  const k = running(PAIR);
  for (const p of [-1, k.np, core.MAX_PARTITIONS, 1 << 30]) {
    assert.deepEqual([core.takeEffects(k, p), core.takeNews(k, p), core.deadPeers(k, p)], [0, 0, 0]);
    assert.deepEqual([core.fault(k, p, 1), core.stopped(k, p), core.loaded(k, p)], Array(3).fill(core.E_CALLER));
  }
  assert.equal(core.takeSwitch(k, -1) + core.takeSwitch(k, 1), 0);
});

// ---- queues
const message = (k: core.Kernel, ...words: readonly number[]) => (k.inp.set(words), words.length * 4);
const queue = (kind: number, depth: number, quota = 100): Form => ({
  partitions: 3,
  ports: [{ kind, from: A, to: B, depth, quota }],
});

test('a blocking queue keeps order, and its sender waits for space', () => {
  const k = running(queue(core.PORT_BLOCK, 2));
  assert.equal(call(k, B, core.OP_RECEIVE, 0, 0), core.E_EMPTY);
  for (const n of [1, 2]) assert.equal(call(k, A, core.OP_SEND, 0, message(k, n, n + 10), 0), core.OK);
  assert.equal(core.takeEffects(k, B), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [0, 2]);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 0), core.E_FULL);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 5), core.E_BLOCKED);
  assert.equal(call(k, A, core.OP_TIME), core.E_BLOCKED);
  assert.equal(call(k, A, core.OP_RESULT), core.E_BLOCKED);
  assert.equal(call(k, B, core.OP_RECEIVE, 0, 0), core.OK);
  assert.deepEqual(out(k), [8, 0, 0, 0, 1, 11]);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_RESULT), core.E_RETRY);
  assert.equal(call(k, A, core.OP_RESULT), core.E_EMPTY);
  assert.equal(call(k, A, core.OP_SEND, 0, message(k, 3), 5), core.OK);
  for (const n of [2, 3]) {
    assert.equal(call(k, B, core.OP_RECEIVE, 0, 0), core.OK);
    assert.equal(k.out[core.HEAD], n);
  }
  assert.equal(call(k, B, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [0, 0]);
  // Time-outs, of both sides.
  for (let n = 0; n < 2; n++) call(k, A, core.OP_SEND, 0, 4, 0);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 5), core.E_BLOCKED);
  pass(k, 4);
  assert.equal(call(k, A, core.OP_RESULT), core.E_BLOCKED);
  pass(k, 1);
  assert.equal(call(k, A, core.OP_RESULT), core.E_TIMEOUT);
  for (let n = 0; n < 2; n++) call(k, B, core.OP_RECEIVE, 0, 0);
  assert.equal(call(k, B, core.OP_RECEIVE, 0, 3), core.E_BLOCKED);
  call(k, A, core.OP_SEND, 0, 4, 0);
  assert.equal(call(k, B, core.OP_RESULT), core.E_RETRY);
});

test('a dropping queue costs its sender credit, and only its receiver learns what was lost', () => {
  const k = running(queue(core.PORT_DROP, 1, 3));
  for (const n of [1, 2, 3]) assert.equal(call(k, A, core.OP_SEND, 0, message(k, n), 0), core.OK);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 0), core.E_LIMIT);
  assert.equal(call(k, A, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [0, 1]);
  assert.equal(call(k, B, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [1, 2]);
  assert.equal(call(k, B, core.OP_RECEIVE, 0, 0), core.OK);
  assert.deepEqual(out(k), [4, 2, 0, 0, 1]);
  assert.equal(core.takeEffects(k, A), 0);
  pass(k, 100);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 0), core.OK);
});

// ---- samples, signals, WAIT
test('a sample is read as often as wanted, with its age and whether it is valid', () => {
  const k = running({ partitions: 3, samples: [{ from: A, to: [B] }] });
  assert.equal(call(k, B, core.OP_READ, 0), core.E_EMPTY);
  assert.equal(call(k, A, core.OP_WRITE, 0, 65), core.E_ARG);
  k.state[A] = core.P_READY;
  assert.equal(call(k, A, core.OP_WRITE, 0, message(k, 7)), core.OK);
  assert.equal(core.takeEffects(k, B), core.FX_WAKE);
  assert.equal(core.takeEffects(k, C), 0);
  pass(k, 5);
  assert.equal(call(k, B, core.OP_READ, 0), core.OK);
  assert.deepEqual(out(k), [4, 5, 1, 0, 7]);
  pass(k, 1);
  assert.equal(call(k, B, core.OP_READ, 0), core.OK);
  assert.deepEqual(out(k), [4, 6, 0, 0, 7]);
  assert.equal(call(k, B, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [6, 0]);
});

test('a signal sets the bits that its handle may set', () => {
  const k = running({ partitions: 3, signals: [[A, B]] });
  assert.equal(call(k, A, core.OP_SIGNAL, 0, -1), core.OK);
  assert.equal(core.takeEffects(k, B), core.FX_WAKE);
  assert.equal(call(k, B, core.OP_POLL, 0b10), core.OK);
  assert.deepEqual(out(k), [0b10, 0]);
  assert.equal(call(k, B, core.OP_POLL, -1), core.OK);
  assert.deepEqual(out(k), [0b01, 0]);
});

test('WAIT misses nothing', () => {
  const k = running({ partitions: 3, signals: [[A, B]] });
  assert.equal(call(k, B, core.OP_WAIT, 0), core.E_EMPTY);
  call(k, A, core.OP_SIGNAL, 0, 1);
  assert.equal(call(k, B, core.OP_WAIT, 9), core.OK);
  assert.equal(call(k, B, core.OP_WAIT, 9), core.E_BLOCKED);
  assert.equal(call(k, B, core.OP_RESULT), core.E_BLOCKED);
  call(k, A, core.OP_SIGNAL, 0, 1);
  assert.equal(call(k, B, core.OP_RESULT), core.E_RETRY);
  assert.equal(call(k, B, core.OP_WAIT, 9), core.OK);
  assert.equal(call(k, B, core.OP_WAIT, 9), core.E_BLOCKED);
  pass(k, 9);
  assert.equal(call(k, B, core.OP_RESULT), core.E_TIMEOUT);
});

// ---- call and reply
const SERVICE: Form = { partitions: 3, ports: [{ kind: core.PORT_CALL, from: A, to: B, within: 10 }] };

test('a call blocks its client until the reply', () => {
  const k = running(SERVICE);
  assert.equal(call(k, B, core.OP_FETCH, 0, 0), core.E_EMPTY);
  assert.equal(call(k, B, core.OP_REPLY, 0, 0), core.E_EMPTY);
  assert.equal(call(k, B, core.OP_FETCH, 0, 50), core.E_BLOCKED);
  assert.equal(call(k, A, core.OP_CALL, 0, message(k, 5)), core.E_BLOCKED);
  assert.equal(core.takeEffects(k, B), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_RESULT), core.E_BLOCKED);
  assert.equal(call(k, B, core.OP_RESULT), core.E_RETRY);
  assert.equal(call(k, B, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [1, 0]);
  assert.equal(call(k, B, core.OP_FETCH, 0, 0), core.OK);
  assert.deepEqual(out(k), [4, 0, 0, 0, 5]);
  assert.equal(call(k, B, core.OP_REPLY, 0, message(k, 6, 7)), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_RESULT), core.OK);
  assert.deepEqual(out(k), [8, 0, 0, 0, 6, 7]);
  assert.equal(call(k, A, core.OP_STATUS, 0), core.OK);
  assert.deepEqual(out(k), [0, 0]);
});

test('a late reply is LATE, and until it came the server is busy', () => {
  const k = running(SERVICE);
  call(k, A, core.OP_CALL, 0, 4);
  call(k, B, core.OP_FETCH, 0, 0);
  pass(k, 10);
  assert.equal(call(k, A, core.OP_RESULT), core.E_TIMEOUT);
  assert.equal(call(k, A, core.OP_CALL, 0, 4), core.E_BUSY);
  assert.equal(call(k, B, core.OP_REPLY, 0, 4), core.E_LATE);
  assert.equal(call(k, A, core.OP_CALL, 0, 4), core.E_BLOCKED);
  // Late, though the client has not yet looked.
  call(k, B, core.OP_FETCH, 0, 0);
  pass(k, 10);
  assert.equal(call(k, B, core.OP_REPLY, 0, 4), core.E_LATE);
  assert.equal(call(k, A, core.OP_RESULT), core.E_TIMEOUT);
  // Not even fetched.
  call(k, A, core.OP_CALL, 0, 4);
  pass(k, 10);
  assert.equal(call(k, A, core.OP_RESULT), core.E_TIMEOUT);
  assert.equal(call(k, B, core.OP_FETCH, 0, 0), core.E_EMPTY);
});

test('the end of a server is told to its clients, that of a client to its server', () => {
  const k = running(SERVICE);
  call(k, A, core.OP_CALL, 0, message(k, 5));
  call(k, B, core.OP_FETCH, 0, 0);
  core.fault(k, B, core.FAULT_TRAP);
  bury(k, B);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_RESULT), core.E_PEER);
  const other = running(SERVICE);
  call(other, A, core.OP_CALL, 0, 4);
  call(other, B, core.OP_FETCH, 0, 0);
  core.fault(other, A, core.FAULT_TRAP);
  bury(other, A);
  assert.equal(call(other, B, core.OP_REPLY, 0, 4), core.E_LATE);
});

test('the end of a receiver wakes the sender that waits for its space, and leaves nothing of the messages', () => {
  const k = running(queue(core.PORT_BLOCK, 1));
  call(k, A, core.OP_SEND, 0, message(k, 99), 0);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 50), core.E_BLOCKED);
  core.fault(k, B, core.FAULT_TRAP);
  assert.equal(core.stopped(k, B), core.OK);
  assert.equal(core.work(k, 0, B), core.E_RETRY);
  assert.equal(k.slotData.indexOf(99), -1);
  // What is sent meanwhile is not stored.
  assert.equal(core.work(k, 0, B), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_WAKE);
  assert.equal(call(k, A, core.OP_RESULT), core.E_RETRY);
  assert.equal(call(k, A, core.OP_SEND, 0, 4, 0), core.OK);
  assert.equal(core.work(k, 0, B), core.E_EMPTY);
});

test('a message to a partition that is being wiped is counted and not stored', () => {
  const k = running(queue(core.PORT_BLOCK, 2));
  core.fault(k, B, core.FAULT_TRAP);
  core.stopped(k, B);
  core.work(k, 0, B);
  assert.equal(call(k, A, core.OP_SEND, 0, message(k, 99), 0), core.OK);
  assert.equal(k.slotData.indexOf(99), -1);
  assert.equal(k.count[0], 1);
});

// ---- memory, modes, time
test('GRANT gives frames one after another, up to the limit', () => {
  const k = running(PAIR);
  assert.equal(call(k, B, core.OP_GRANT, 10), core.OK);
  assert.deepEqual(out(k), [64, 10]);
  assert.equal(call(k, B, core.OP_GRANT, 7), core.E_LIMIT);
  assert.equal(call(k, B, core.OP_GRANT, core.INT_MAX), core.E_LIMIT);
  assert.equal(call(k, B, core.OP_GRANT, 6), core.OK);
  assert.deepEqual(out(k), [74, 6]);
});

test('windows follow each other on every core, and a mode begins with the next frame', () => {
  const k = running({ ...EVERYTHING, scheduled: [A, B, C] }, (form) => (form.mayMode[A] = 1));
  const owners = () => [0, 1].map((i) => k.winPart[k.curWin[i]]);
  assert.deepEqual([core.takeSwitch(k, 0), core.takeSwitch(k, 1), core.takeSwitch(k, 0)], [1, 1, 0]);
  assert.deepEqual(owners(), [A, C]);
  assert.equal(call(k, A, core.OP_SET_MODE, 1), core.OK);
  assert.equal(core.untilSwitch(k), 4);
  for (const n of [0, -1, 5, core.INT_MAX]) assert.equal(core.tick(k, n), core.E_ARG);
  assert.equal(core.tick(k, 3), core.OK);
  assert.deepEqual([core.untilSwitch(k), core.takeSwitch(k, 0)], [1, 0]);
  assert.equal(core.tick(k, 1), core.OK);
  assert.deepEqual([owners(), core.takeSwitch(k, 0), core.takeSwitch(k, 1)], [[B, C], 1, 0]);
  assert.equal(core.tick(k, 6), core.OK);
  assert.deepEqual([owners(), k.mode, k.framePos], [[-1, A], 1, 0]);
});

test('time has two words, and stands at its end while the schedule goes on', () => {
  const k = running(PAIR);
  k.timeLo = core.TIME_BASE - 2;
  pass(k, 3);
  assert.equal(call(k, A, core.OP_TIME), core.OK);
  assert.deepEqual(out(k), [1, 1]);
  k.timeHi = core.INT_MAX;
  k.timeLo = core.TIME_BASE - 2;
  pass(k, 300);
  assert.deepEqual([k.timeHi, k.timeLo, k.framePos], [core.INT_MAX, core.TIME_BASE - 1, 3]);
});

// ---- health monitor and lifecycle
const acts = (k: core.Kernel, p: number, code: number, action: number) =>
  (k.hmAction[p * core.MAX_CODES + code] = action);

test('the health monitor, level by level', () => {
  const code = core.FAULT_APPLICATION;
  const raised = (action: number) => {
    const k = running(EVERYTHING, (form) => {
      form.mayMode[A] = form.mayShutDown[A] = 1;
      form.hmMode[A] = 1;
      form.hmBudget[A] = 9;
      acts(form, A, code, action);
      acts(form, A, core.FAULT_EXIT, action < core.HM_WARM ? core.HM_HALT : action);
    });
    assert.equal(call(k, A, core.OP_RAISE, code), core.OK);
    assert.equal(k.faults[A], 1);
    return k;
  };
  assert.equal(raised(core.HM_IGNORE).state[A], core.P_READY);
  const delivered = raised(core.HM_DELIVER);
  assert.deepEqual([delivered.state[A], core.takeEffects(delivered, A)], [core.P_READY, core.FX_WAKE]);
  assert.equal(call(delivered, A, core.OP_FAULTS, -1), core.OK);
  assert.deepEqual(out(delivered), [1 << code, 0]);
  assert.equal(call(delivered, A, core.OP_FAULTS, -1), core.OK);
  assert.deepEqual(out(delivered), [0, 0]);
  for (const [action, kind] of [
    [core.HM_WARM, core.START_WARM],
    [core.HM_COLD, core.START_COLD],
  ]) {
    const k = raised(action);
    assert.deepEqual([k.state[A], k.next[A], k.startKind[A]], [core.P_DYING, core.P_LOADING, kind]);
  }
  assert.equal(raised(core.HM_HALT).next[A], core.P_HALTED);
  const switched = raised(core.HM_MODE);
  assert.deepEqual([switched.state[A], switched.nextMode], [core.P_READY, 1]);
  const ending = raised(core.HM_SHUTDOWN);
  assert.deepEqual([ending.state[A], core.allDone(ending)], [core.P_READY, 1]);
  // A program that is gone is not left READY.
  assert.equal(core.fault(ending, A, core.FAULT_EXIT), core.OK);
  assert.equal(ending.state[A], core.P_DYING);
});

test('a blocked partition may raise a fault', () => {
  const k = running(SERVICE);
  call(k, A, core.OP_CALL, 0, 4);
  assert.equal(call(k, A, core.OP_RAISE, 8), core.OK);
  assert.equal(k.state[A], core.P_DYING);
});

test('restarts wait longer each time, and end with the budget', () => {
  const k = running(PAIR, (form) => {
    acts(form, A, core.FAULT_TRAP, core.HM_COLD);
    form.hmBudget[A] = 3;
    form.hmDelay[A] = 10;
    form.hmMax[A] = 25;
  });
  for (const delay of [10, 20, 25]) {
    assert.equal(core.fault(k, A, core.FAULT_TRAP), core.OK);
    bury(k, A);
    assert.equal(k.state[A], core.P_LOADING);
    pass(k, delay - 1);
    assert.equal(core.work(k, 0, A), core.E_BLOCKED);
    pass(k, 1);
    assert.equal(core.work(k, 0, A), core.OK);
    assert.equal(core.takeEffects(k, A), core.FX_LOAD);
    assert.equal(core.loaded(k, A), core.OK);
    assert.equal(core.deadPeers(k, B), 0);
  }
  assert.equal(k.restarts[A], 3);
  assert.equal(core.fault(k, A, core.FAULT_TRAP), core.OK);
  bury(k, A);
  assert.equal(k.state[A], core.P_HALTED);
});

test('the budget is that of one period', () => {
  const k = running(PAIR, (form) => {
    acts(form, A, core.FAULT_TRAP, core.HM_COLD);
    form.hmBudget[A] = 1;
    form.hmPeriod[A] = 50;
  });
  for (let n = 0; n < 3; n++) {
    pass(k, 50);
    core.fault(k, A, core.FAULT_TRAP);
    bury(k, A);
    core.work(k, 0, A);
    core.loaded(k, A);
    assert.equal(k.state[A], core.P_READY);
  }
});

test('faults are of those who run or are being loaded', () => {
  const k = booted(PAIR);
  assert.equal(core.fault(k, A, core.MAX_CODES), core.E_ARG);
  assert.equal(core.fault(k, A, -1), core.E_ARG);
  assert.equal(core.fault(k, A, core.FAULT_EXIT), core.OK);
  assert.equal(core.takeEffects(k, A), core.FX_KILL); // no longer FX_LOAD
  assert.equal(core.fault(k, A, core.FAULT_EXIT), core.E_STATE);
  assert.equal(core.loaded(k, A), core.E_STATE);
  assert.equal(core.stopped(k, B), core.E_STATE);
});

test('a heartbeat that is missed is a fault', () => {
  const k = running(PAIR, (form) => {
    form.beatPeriod[A] = 10;
    acts(form, A, core.FAULT_BEAT, core.HM_DELIVER);
  });
  pass(k, 9);
  assert.equal(core.work(k, 0, A), core.E_EMPTY);
  assert.equal(call(k, A, core.OP_BEAT), core.OK);
  pass(k, 9);
  assert.equal(core.work(k, 0, A), core.E_EMPTY);
  pass(k, 1);
  assert.equal(core.work(k, 0, A), core.OK);
  assert.equal(k.faultBits[A], 1 << core.FAULT_BEAT);
  assert.equal(core.work(k, 0, A), core.E_EMPTY);
  assert.equal(core.work(k, 0, B), core.E_EMPTY);
});

test('a restarted partition is blank', () => {
  const k = running(EVERYTHING, (form) => {
    acts(form, B, core.FAULT_TRAP, core.HM_COLD);
    form.hmBudget[B] = 9;
  });
  const fresh = view(k, B);
  call(k, A, core.OP_SEND, 0, message(k, 1, 2), 0);
  call(k, A, core.OP_NOTIFY, 0);
  call(k, C, core.OP_SIGNAL, 2, 1);
  call(k, B, core.OP_GRANT, 3);
  core.fault(k, B, core.FAULT_TRAP);
  bury(k, B);
  core.work(k, 0, B);
  core.takeEffects(k, B);
  core.loaded(k, B);
  const changes = view(k, B).filter((entry, i) => !isDeepStrictEqual(entry, fresh[i]));
  const history = ['hmCount', 'faults', 'restarts', 'credit', 'portCredit'];
  assert.deepEqual(
    changes.filter(([name]) => !history.includes(String(name))),
    [],
  );
  assert.equal(call(k, B, core.OP_RECEIVE, 0, 0), core.E_EMPTY);
});

test('a manager starts, stops and restarts, and sees what it may see', () => {
  const manage: Form = { partitions: 3, manages: [[A, B]], watches: [[A, B]] };
  const k = running(manage, (form) => (form.startsItself[B] = 0));
  const seen = () => (assert.equal(call(k, A, core.OP_STATUS, 0), core.OK), out(k));
  const load = () => {
    assert.equal(core.work(k, 0, B), core.OK);
    assert.equal(core.takeEffects(k, B), core.FX_LOAD);
    assert.equal(core.loaded(k, B), core.OK);
  };
  assert.deepEqual(seen(), [core.P_HALTED, 0]);
  assert.equal(call(k, A, core.OP_STOP, 0), core.OK);
  assert.equal(call(k, A, core.OP_START, 0), core.OK);
  assert.equal(call(k, A, core.OP_STOP, 0), core.OK); // while it waits to be loaded
  assert.deepEqual(seen(), [core.P_HALTED, 0]);
  assert.equal(call(k, A, core.OP_RESTART, 0), core.OK);
  load();
  assert.equal(call(k, A, core.OP_START, 0), core.OK); // runs already
  assert.deepEqual(seen(), [core.P_READY, 0]);
  assert.equal(call(k, A, core.OP_RESTART, 0), core.OK);
  bury(k, B);
  load();
  assert.equal(k.restarts[B], 1);
  assert.equal(call(k, B, core.OP_EXIT, 7), core.OK);
  assert.deepEqual(seen(), [core.P_DYING, 7]);
  // Told to begin again before it is gone, and then not to.
  assert.equal(call(k, A, core.OP_START, 0), core.OK);
  assert.equal(call(k, A, core.OP_STOP, 0), core.OK);
  bury(k, B);
  assert.deepEqual(seen(), [core.P_HALTED, 7]);
  assert.equal(call(k, A, core.OP_START, 0), core.OK);
  load();
  assert.equal(call(k, A, core.OP_STOP, 0), core.OK);
  assert.equal(core.takeEffects(k, B), core.FX_KILL);
  bury(k, B);
  assert.deepEqual(seen(), [core.P_HALTED, 0]);
  // Without a flow back it sees nothing.
  const blind = running({ partitions: 3, manages: [[A, B]] });
  assert.equal(call(blind, A, core.OP_STATUS, 0), core.E_RIGHT);
});

test('an auditor reads the counters of those whom it audits', () => {
  const k = running({ partitions: 3, audits: [[A, B]] }, (form) => acts(form, B, core.FAULT_ILLEGAL, core.HM_IGNORE));
  assert.equal(call(k, B, 99), core.E_OP);
  assert.equal(call(k, A, core.OP_AUDIT, B), core.OK);
  assert.deepEqual(out(k), [1, 0, 1]);
});

test('RESET counts and changes nobody else', () => {
  const k = running(PAIR);
  const others = [view(k, B), view(k, C)];
  assert.equal(call(k, A, core.OP_RESET), core.OK);
  assert.equal(k.resets[A], 1);
  assert.deepEqual([view(k, B), view(k, C)], others);
});

// ---- the end
test('EXIT: the system ends when all have that count, and the first status other than 0 wins', () => {
  const k = running({ partitions: 4 }, (form) => form.counts.set([1, 1, 0, 1]));
  assert.equal(core.allDone(k), 0);
  for (const [p, status] of [
    [0, 0],
    [2, 9], // does not count
    [1, 5],
  ]) {
    assert.equal(call(k, p, core.OP_EXIT, status), core.OK);
    assert.equal(core.takeEffects(k, p), core.FX_KILL);
  }
  assert.equal(core.allDone(k), 0);
  assert.equal(call(k, 3, core.OP_EXIT, 6), core.OK);
  assert.deepEqual([core.allDone(k), k.status], [1, 5]);
  // Where nobody counts, nothing ends by itself.
  assert.equal(core.allDone(running(PAIR)), 0);
});

test('a death without EXIT ends nothing', () => {
  const k = running(PAIR, (form) => (form.counts[A] = 1));
  core.fault(k, A, core.FAULT_EXIT);
  bury(k, A);
  assert.equal(core.allDone(k), 0);
});

test('SHUTDOWN by whoever may: HOST tells everybody, once', () => {
  const k = running(PAIR, (form) => (form.mayShutDown[A] = 1));
  const others = [view(k, B), view(k, C)];
  assert.equal(core.allDone(k), 0);
  assert.equal(call(k, A, core.OP_SHUTDOWN), core.OK);
  assert.deepEqual([view(k, B), view(k, C)], others);
  assert.equal(core.allDone(k), 1);
  core.stop(k);
  for (const p of [A, B, C]) assert.equal(core.takeEffects(k, p), core.FX_END);
  core.stop(k);
  for (const p of [A, B, C]) assert.equal(core.takeEffects(k, p), 0);
  // They still drain what they have.
  assert.equal(call(k, A, core.OP_NOTIFY, 0), core.OK);
  assert.equal(core.takeEffects(k, B), core.FX_WAKE);
});

test('nothing is loaded any more when the system ends', () => {
  const manage: Form = { partitions: 3, manages: [[A, B]] };
  const k = running(manage, (form) => (form.startsItself[B] = 0));
  call(k, A, core.OP_START, 0);
  core.stop(k);
  assert.equal(core.work(k, 0, B), core.OK);
  assert.equal(k.state[B], core.P_HALTED);
  const dying = running(manage);
  call(dying, A, core.OP_RESTART, 0);
  core.stop(dying);
  bury(dying, B);
  assert.equal(dying.state[B], core.P_HALTED);
});

function randomOf(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return (x >>> 8) % n;
  };
}

test('random calls of one partition never touch a partition that no flow leads to', () => {
  const random = randomOf(1);
  const form: Form = {
    partitions: 3,
    streams: PAIR.streams ?? [],
    ports: [
      { kind: core.PORT_CALL, from: A, to: B },
      { kind: core.PORT_DROP, from: B, to: A },
    ],
    manages: [[A, B]],
  };
  for (let run = 0; run < 100; run++) {
    const k = running(form, (plan_) => {
      for (let code = 0; code < core.MAX_CODES; code++) acts(plan_, A, code, core.HM_DELIVER + (code === 1 ? 1 : 0));
    });
    const other = view(k, C);
    for (let i = 0; i < 60; i++) {
      const p = random(2);
      core.step(k, 0, p, random(31), random(6) - 1, random(70), random(9));
      if (random(8) === 0) core.fault(k, p, random(16));
      if (random(2) === 0) core.stopped(k, p);
      core.work(k, 0, p);
      if (random(2) === 0) core.loaded(k, p);
      core.takeEffects(k, p);
      assert.deepEqual(view(k, C), other);
    }
    assert.ok(invariant(k));
  }
});
