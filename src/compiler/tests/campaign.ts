// Random plans, random calls: the second form of the core (docs/design/core.md) against its machine code.
import assert from 'node:assert/strict';
import type { Core, State, Twin } from './twin.ts';

export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** 0 <= n < below. */
  below(below: number): number {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) >>> 0;
    return Math.floor((this.#state / 4294967296) * below);
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
  chance(n: number): boolean {
    return this.below(n) === 0;
  }
  /** What a caller may pass: small, and now and then at a limit. */
  any(): number {
    return this.chance(4)
      ? this.of([0x7fffffff, -0x80000000, -1, 0x3fffffff, 1024, 1025, 31, 32, 63, 64])
      : this.below(12) - 2;
  }
}

const table = (k: State, name: string): Int32Array => k[name] as Int32Array;

/** A random plan in a new state: well-formed, unless `spoil` changes a word of it. */
export function randomPlan(core: Core, random: Random, spoil: boolean): State {
  const k = new (core['Kernel'] as new () => State)();
  const c = core as Readonly<Record<string, number>>;
  const set = (name: string, row: number, value: number): void => {
    table(k, name)[row] = value;
  };
  const below = (n: number): number => random.below(n);
  const np = 2 + below(4);
  k['np'] = np;
  k['ncores'] = 1 + below(2);
  k['nmodes'] = 1 + below(2);
  k['nsamples'] = below(4);
  const allow = (p: number, q: number, flow: number, shown: number): void => {
    const row = p * c['MAX_PARTITIONS'] + q;
    if (table(k, 'policy')[row] !== 0) return;
    set('policy', row, flow);
    set('shown', row, shown);
  };
  let frames = 16;
  const handles = Array.from({ length: np }, () => 0);
  const handle = (p: number, kind: number, object: number, mask = 0): void => {
    if (handles[p] >= c['MAX_HANDLES']) return;
    const row = p * c['MAX_HANDLES'] + handles[p]++;
    set('handleKind', row, kind);
    set('handleObject', row, object);
    set('handleMask', row, mask);
  };

  // Partitions
  for (let p = 0; p < np; p++) {
    for (const flag of ['mayShutDown', 'mayMode', 'counts', 'startsItself', 'background']) set(flag, p, below(2));
    set('startsItself', p, random.chance(5) ? 0 : 1);
    set('quota', p, random.chance(6) ? c['COST_EVENT'] : 5000);
    set('rank', p, p);
    set('manager', p, -1);
    set('auditor', p, -1);
    set('memoryBase', p, frames);
    set('memoryFrames', p, below(9));
    frames += table(k, 'memoryFrames')[p];
    set('beatPeriod', p, random.chance(3) ? 1 + below(40) : 0);
    set('hmBudget', p, random.of([0, 2, 1000, 1000]));
    set('hmPeriod', p, 1 + below(40));
    set('hmDelay', p, below(3));
    set('hmMax', p, 2 + below(8));
    set('hmMode', p, below(k['nmodes']));
    for (let code = 0; code < c['MAX_CODES']; code++) {
      const actions = [0, 0, 0, 1, 1, 2, 3, ...(random.chance(8) ? [4] : [])];
      if (table(k, 'mayMode')[p] === 1) actions.push(5);
      if (table(k, 'mayShutDown')[p] === 1) actions.push(6);
      const fit = code === c['FAULT_EXIT'] ? actions.filter((a) => a >= 2) : actions;
      set('hmAction', p * c['MAX_CODES'] + code, fit.length > 0 ? random.of(fit) : 2);
    }
  }
  for (let p = 0; p < np; p++) {
    if (random.chance(2)) {
      const auditor = below(np);
      if (auditor !== p) {
        set('auditor', p, auditor);
        allow(p, auditor, c['FLOW_AUDIT'], 0);
      }
    }
    const manager = below(np);
    if (random.chance(2) && manager !== p) {
      set('manager', p, manager);
      allow(manager, p, c['FLOW_HANDLE'], handles[manager]);
      handle(manager, c['H_MANAGE'], p);
      if (random.chance(2)) allow(p, manager, c['FLOW_WATCH'], 0);
    }
    const q = below(np);
    if (random.chance(2) && q !== p) {
      allow(p, q, c['FLOW_HANDLE'], handles[p]);
      handle(p, c['H_SIGNAL'], q, random.of([255, 1, -1]));
    }
  }
  // Streams
  const streams = below(5);
  for (let s = 0; s < streams; s++) {
    const [from, to] = [below(np), below(np)];
    if (from === to) continue;
    const row = k['ns'] as number;
    k['ns'] = row + 1;
    set('streamFrom', row, from);
    set('streamTo', row, to);
    set('streamBase', row, frames);
    set('streamFrames', row, below(4));
    frames += table(k, 'streamFrames')[row];
    for (const [p, q, end] of [
      [from, to, 'streamFromEnd'],
      [to, from, 'streamToEnd'],
    ] as const) {
      const e = table(k, 'ends')[p];
      set('ends', p, e + 1);
      set(end, row, e);
      set('endStream', p * c['MAX_ENDS'] + e, row);
      table(k, 'joined')[p * c['MAX_PARTITIONS'] + q] |= 1 << e;
      allow(p, q, c['FLOW_STREAM'], e);
    }
  }
  // Ports, sorted by reader so that its slots are neighbours
  const ports: { from: number; to: number; kind: number; capacity: number }[] = [];
  for (let n = below(9); n > 0; n--) {
    const [from, to, kind] = [below(np), below(np), below(3)];
    if (from === to || (kind === c['PORT_CALL'] && from < to)) continue;
    ports.push({ from, to, kind, capacity: kind === c['PORT_CALL'] ? 1 : 1 + below(4) });
  }
  k['nports'] = ports.length;
  table(k, 'slotOwner').fill(-1);
  let slot = 0;
  const own = (owner: number, row: number): number => {
    set('slotOwner', slot, owner);
    set('slotRow', slot, row);
    return slot++;
  };
  for (let p = 0; p < np; p++) {
    set('slotFirst', p, slot);
    ports.forEach((port, n) => {
      if (port.to === p) {
        for (let i = 0; i < port.capacity; i++) {
          const row = n * c['MAX_DEPTH'] + i;
          set('slotOf', row, own(p, row));
        }
      }
      if (port.from === p && port.kind === c['PORT_CALL']) set('replySlot', n, own(p, c['POSITIONS'] + n));
    });
    set('slotEnd', p, slot);
  }
  ports.forEach((port, n) => {
    const isCall = port.kind === c['PORT_CALL'];
    set('portKind', n, port.kind);
    set('portFrom', n, port.from);
    set('portTo', n, port.to);
    set('portCapacity', n, port.capacity);
    set('portBytes', n, random.of([16, 64, 100, 1024]));
    set('portQuota', n, below(5));
    set('portWithin', n, 1 + below(12));
    allow(port.from, port.to, c['FLOW_PORT'], n);
    if (port.kind !== c['PORT_DROP']) allow(port.to, port.from, c['FLOW_PORT'], n);
    handle(port.from, isCall ? c['H_CALL'] : c['H_SEND'], n);
    handle(port.to, isCall ? c['H_SERVE'] : c['H_RECEIVE'], n);
  });
  // Samples
  for (let m = 0; m < k['nsamples']; m++) {
    const from = below(np);
    set('sampleFrom', m, from);
    set('sampleBytes', m, random.of([16, 1024]));
    set('sampleRefresh', m, below(10));
    handle(from, c['H_WRITE'], m);
    for (let q = 0; q < np; q++) {
      if (q === from || random.chance(2)) continue;
      set('sampleReader', m * c['MAX_PARTITIONS'] + q, 1);
      allow(from, q, c['FLOW_SAMPLE'], m);
      handle(q, c['H_READ'], m);
    }
  }
  // Schedules
  const [nmodes, ncores] = [k['nmodes'], k['ncores']];
  let w = 0;
  for (let m = 0; m < nmodes; m++) {
    const length = 4 + below(12);
    set('frameLength', m, length);
    for (let i = 0; i < ncores; i++) {
      const row = m * c['MAX_CORES'] + i;
      set('scheduleFirst', row, w);
      for (let at = 0; at < length; w++) {
        const end = Math.min(length, at + 1 + below(5));
        set('winPart', w, below(np + 1) - 1);
        set('winStart', w, at);
        set('winEnd', w, end);
        set('winSchedule', w, row);
        at = end;
      }
      set('scheduleEnd', row, w);
    }
  }
  k['nwindows'] = w;
  if (spoil) {
    const names = Object.keys(k).slice(0, Object.keys(k).indexOf('inp'));
    const name = random.of(names);
    const value = random.any();
    if (typeof k[name] === 'number') k[name] = value;
    else table(k, name)[below(Math.min(table(k, name).length, 8))] = value;
  }
  return k;
}

export interface Outcome {
  readonly boots: number;
  readonly refused: number;
  readonly steps: number;
  /** Calls by operation and result: `SEND 0`. */
  readonly seen: ReadonlyMap<string, number>;
  /** Most instructions of a call by operation. */
  readonly most: ReadonlyMap<string, number>;
}

/** `steps` random calls and more; every table is compared after each. */
export function campaign(core: Core, twin: Twin, seed: number, steps: number): Outcome {
  const random = new Random(seed);
  const c = core as Readonly<Record<string, number>>;
  const operations = Object.keys(core).filter((name) => name.startsWith('OP_'));
  const kinds: Record<string, string> = {
    SEND: 'H_SEND', RECEIVE: 'H_RECEIVE', WRITE: 'H_WRITE', READ: 'H_READ', SIGNAL: 'H_SIGNAL', CALL: 'H_CALL',
    FETCH: 'H_SERVE', REPLY: 'H_SERVE', START: 'H_MANAGE', STOP: 'H_MANAGE', RESTART: 'H_MANAGE',
  }; // prettier-ignore
  const seen = new Map<string, number>();
  const most = new Map<string, number>();
  let [boots, refused, done] = [0, 0, 0];
  while (done < steps) {
    const k = randomPlan(core, random, random.chance(8));
    const run = (label: string, name: string, args: readonly number[]): number => {
      const { result, instructions } = twin.call(k, name, args);
      const difference = twin.difference(k);
      assert.equal(difference, undefined, `${label} (seed ${seed}, step ${done}): ${difference}`);
      seen.set(`${label} ${result}`, (seen.get(`${label} ${result}`) ?? 0) + 1);
      most.set(label, Math.max(most.get(label) ?? 0, instructions));
      return result ?? 0;
    };
    twin.put(k);
    boots += 1;
    if (run('boot', 'boot', []) !== 0) {
      refused += 1;
      continue;
    }
    if (random.chance(4)) k['timeLo'] = c['TIME_BASE'] - 3;
    if (random.chance(8)) k['timeHi'] = c['INT_MAX'];
    twin.put(k);
    const np = k['np'] as number;
    for (let i = 0; i < 400; i++, done++) {
      const core_ = random.chance(20) ? random.any() : random.below(k['ncores'] as number);
      const here = table(k, 'winPart')[table(k, 'curWin')[core_ & 1] ?? 0] ?? 0;
      const able = Array.from({ length: np }, (_, q) => q).filter(
        (q) => table(k, 'state')[q] === c['P_READY'] && (q === here || table(k, 'background')[q] === 1),
      );
      const some = able.length > 0 && !random.chance(4) ? random.of(able) : here;
      const p = random.chance(20) ? random.any() : random.chance(8) ? random.below(np) : some;
      // A supervisor does soon what it is asked for.
      for (let q = 0; q < np; q++) {
        const at = table(k, 'state')[q];
        if (at === c['P_ASKED'] && random.chance(2)) run('loaded', 'loaded', [q]);
        if (at === c['P_DYING'] && random.chance(2)) run('stopped', 'stopped', [q]);
      }
      const what = random.below(20);
      if (what === 0) {
        const until = twin.call(k, 'untilSwitch', []).result ?? 1;
        run('tick', 'tick', [random.chance(12) ? random.any() : 1 + random.below(until)]);
      } else if (what < 3) run('work', 'work', [core_, p]);
      else if (what === 3) run('loaded', 'loaded', [p]);
      else if (what === 4) run('stopped', 'stopped', [p]);
      else if (what === 5) {
        const name = random.of(['takeEffects', 'takeNews', 'deadPeers']);
        run(name, name, [p]);
      } else if (what === 6) run('takeSwitch', 'takeSwitch', [core_]);
      else if (what === 7 && random.chance(6))
        run('fault', 'fault', [p, random.chance(6) ? random.any() : random.below(16)]);
      else if (what === 8 && random.chance(40)) run('stop', 'stop', []);
      else if (what === 9) run('allDone', 'allDone', []);
      else {
        const waits = p >= 0 && p < np && table(k, 'why')[p] !== 0 && !random.chance(3);
        const name = waits ? 'OP_RESULT' : random.chance(30) ? 'none' : random.of(operations);
        const short = name.startsWith('OP_') ? name.slice(3) : 'none';
        if (['EXIT', 'STOP', 'RESTART', 'SHUTDOWN', 'HELLO', 'RAISE', 'none'].includes(short) && !random.chance(6))
          continue;
        let a0 = random.any();
        const kind = kinds[short];
        if (kind !== undefined && p >= 0 && p < np && !random.chance(20)) {
          const rows = Array.from({ length: c['MAX_HANDLES'] }, (_, h) => h);
          const fit = rows.filter((h) => table(k, 'handleKind')[p * c['MAX_HANDLES'] + h] === c[kind]);
          if (fit.length === 0 && !random.chance(20)) continue;
          if (fit.length > 0) a0 = random.of(fit);
        }
        const wait = random.chance(8) ? random.any() : random.below(5);
        const length = random.chance(12) ? random.any() : random.below(random.chance(3) ? 17 : 120);
        const message = table(k, 'inp');
        for (let w = 0; w < 8; w++) message[w] = random.any();
        if (random.chance(10)) for (let w = 0; w < message.length; w++) message[w] = w * 77;
        const [a1, a2] = ['RECEIVE', 'FETCH'].includes(short) ? [wait, 0] : [length, wait];
        twin.copy(k, 'inp');
        run(short, 'step', [core_, p, name === 'none' ? random.any() : c[name], a0, a1, a2]);
      }
    }
  }
  return { boots, refused, steps: done, seen, most };
}
