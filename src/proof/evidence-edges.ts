// Plans at the edges, made by hand: one with every table full, one with each kind of object; such that differ from these in
// what one check of boot sees, with what is done in them that shows a theorem to be false, if they are accepted; and what is
// rare in random runs.
import type { Action } from './setting.ts';
import type { CheckedCode } from './evidence-code.ts';
import type { Desk, Words } from './evidence-states.ts';
import type { Kernel } from './story.ts';

/** A table's row, or a field (row 0), and its value. */
type Edit = readonly [name: string, row: number, value: number];
/** A plan, and an action in the state after boot that these words change; without one, boot itself is looked at. */
export interface Edge {
  readonly plan: Words;
  readonly action?: Action;
  readonly args: readonly number[];
  readonly state: Words;
}

/** Makes plans: rows are given by who and which. */
class Maker {
  readonly c: (name: string) => number;
  readonly k: Kernel;
  readonly #handles = new Map<number, number>();
  constructor(checked: CheckedCode) {
    this.c = (name) => Number(checked.code[name]);
    this.k = new checked.code.Kernel();
    (this.k['slotOwner'] as Int32Array).fill(-1);
  }
  put(name: string, row: number, value: number): void {
    if (typeof this.k[name] === 'number') this.k[name] = value;
    else this.k[name][row] = value;
  }
  at(name: string, row = 0): number {
    const value = this.k[name];
    return typeof value === 'number' ? value : value[row];
  }
  #next(count: string): number {
    this.put(count, 0, this.at(count) + 1);
    return this.at(count) - 1;
  }
  partitions(n: number, frames: number): void {
    this.put('np', 0, n);
    for (let p = 0; p < n; p++) {
      for (const name of ['startsItself', 'background', 'hmPeriod']) this.put(name, p, 1);
      for (const name of ['manager', 'auditor']) this.put(name, p, -1);
      this.put('quota', p, this.c('MAX_CREDIT'));
      this.put('rank', p, n - p);
      this.put('memoryBase', p, frames * p);
      this.put('memoryFrames', p, frames);
      this.put('hmAction', p * this.c('MAX_CODES') + this.c('FAULT_EXIT'), this.c('HM_HALT'));
    }
  }
  allow(p: number, q: number, flow: string, shown: number): void {
    const row = pair(p, q);
    if (this.at('policy', row) !== 0) return;
    this.put('policy', row, this.c(flow));
    this.put('shown', row, shown);
  }
  handle(p: number, kind: string, object: number): number {
    const h = this.#handles.get(p) ?? 0;
    this.#handles.set(p, h + 1);
    this.put('handleKind', end(p, h), this.c(kind));
    this.put('handleObject', end(p, h), object);
    this.put('handleMask', end(p, h), 1);
    return h;
  }
  stream(from: number, to: number, base: number, frames: number): void {
    const s = this.#next('ns');
    this.put('streamFrom', s, from);
    this.put('streamTo', s, to);
    this.put('streamBase', s, base);
    this.put('streamFrames', s, frames);
    for (const [p, q, table] of [
      [from, to, 'streamFromEnd'],
      [to, from, 'streamToEnd'],
    ] as const) {
      const e = this.at('ends', p);
      this.put('ends', p, e + 1);
      this.put(table, s, e);
      this.put('endStream', end(p, e), s);
      this.put('joined', pair(p, q), this.at('joined', pair(p, q)) | (1 << e));
      this.allow(p, q, 'FLOW_STREAM', e);
    }
  }
  port(kind: string, from: number, to: number, capacity: number, bytes: number, within: number): void {
    const c = this.#next('nports');
    const isCall = kind === 'PORT_CALL';
    this.put('portKind', c, this.c(kind));
    this.put('portFrom', c, from);
    this.put('portTo', c, to);
    this.put('portCapacity', c, capacity);
    this.put('portBytes', c, bytes);
    this.put('portQuota', c, 2);
    this.put('portWithin', c, within);
    this.handle(from, isCall ? 'H_CALL' : 'H_SEND', c);
    this.handle(to, isCall ? 'H_SERVE' : 'H_RECEIVE', c);
    this.allow(from, to, 'FLOW_PORT', c);
    if (kind !== 'PORT_DROP') this.allow(to, from, 'FLOW_PORT', c);
  }
  sample(from: number, to: number, bytes: number, refresh: number): void {
    const m = this.#next('nsamples');
    this.put('sampleFrom', m, from);
    this.put('sampleBytes', m, bytes);
    this.put('sampleRefresh', m, refresh);
    this.put('sampleReader', pair(m, to), 1);
    this.handle(from, 'H_WRITE', m);
    this.handle(to, 'H_READ', m);
    this.allow(from, to, 'FLOW_SAMPLE', m);
  }
  /** What a partition reads lies together. */
  slots(): void {
    let slot = 0;
    const give = (owner: number, row: number): number => {
      this.put('slotOwner', slot, owner);
      this.put('slotRow', slot, row);
      return slot++;
    };
    for (let p = 0; p < this.at('np'); p++) {
      this.put('slotFirst', p, slot);
      for (let c = 0; c < this.at('nports'); c++) {
        for (let i = 0; this.at('portTo', c) === p && i < this.at('portCapacity', c); i++)
          this.put('slotOf', pair(c, i), give(p, pair(c, i)));
        if (this.at('portFrom', c) === p && this.at('portKind', c) === this.c('PORT_CALL'))
          this.put('replySlot', c, give(p, this.c('POSITIONS') + c));
      }
      this.put('slotEnd', p, slot);
    }
  }
  /** Windows that end there, of a core in a mode. */
  schedule(mode: number, core: number, ends: readonly number[]): void {
    const row = mode * this.c('MAX_CORES') + core;
    this.put('frameLength', mode, ends.at(-1) ?? 0);
    this.put('scheduleFirst', row, this.at('nwindows'));
    ends.forEach((to, i) => {
      const w = this.#next('nwindows');
      this.put('winPart', w, i - 1);
      this.put('winStart', w, i === 0 ? 0 : ends[i - 1]);
      this.put('winEnd', w, to);
      this.put('winSchedule', w, row);
    });
    this.put('scheduleEnd', row, this.at('nwindows'));
  }
}
/** Rows of two partitions, a port and a place, a sample and a reader; of an end or a handle; of a code. */
const pair = (p: number, q: number): number => p * 64 + q;
const end = (p: number, e: number): number => p * 32 + e;
const codeRow = (p: number, code: number): number => p * 16 + code;

/** Each kind of object, few of each, and at the lower limits. */
function small(checked: CheckedCode): Maker {
  const x = new Maker(checked);
  x.partitions(6, 16);
  // Frames of nobody's amid another's.
  x.put('memoryBase', 5, 1);
  x.put('memoryFrames', 5, 0);
  x.handle(1, 'H_SIGNAL', 2);
  x.allow(1, 2, 'FLOW_HANDLE', 0);
  x.stream(0, 1, 80, 1);
  x.stream(3, 5, 81, 0);
  x.port('PORT_BLOCK', 0, 1, 2, 8, 0);
  // Nothing goes back.
  x.port('PORT_DROP', 2, 4, 2, 8, 0);
  x.port('PORT_CALL', 2, 3, 1, 8, 1);
  x.port('PORT_BLOCK', 3, 4, 2, 8, 0);
  x.sample(0, 1, 8, 0);
  x.sample(5, 4, 1, 0);
  x.slots();
  x.put('nmodes', 0, 2);
  x.put('ncores', 0, 1);
  x.schedule(0, 0, [5, 8, 10]);
  x.schedule(1, 0, [1]);
  return x;
}
/** Every table is full, and limits are reached. */
function full(checked: CheckedCode): Maker {
  const x = new Maker(checked);
  const last = x.c('TIME_BASE') - 1;
  x.partitions(64, 16);
  for (let s = 0; s < 128; s++) {
    const [a, b] = [[0, 1], [62, 63], [2, 3], [4, 5]][s >> 5]; // prettier-ignore
    x.stream(s % 2 === 0 ? a : b, s % 2 === 0 ? b : a, 1024 + s, 1);
  }
  x.put('streamBase', 127, x.c('MAX_FRAMES') - 1);
  for (let c = 0; c < 256; c++) x.port('PORT_CALL', c % 32, 32 + (c % 32), 1, c === 0 ? 1 : 1024, last);
  for (let m = 0; m < 64; m++) x.sample(m, (m + 1) % 64, m === 0 ? 1 : 1024, last - 1);
  x.slots();
  x.put('nmodes', 0, 8);
  x.put('ncores', 0, 8);
  for (let row = 0; row < 64; row++) x.schedule(row >> 3, row & 7, [1, 2, 3, last]);
  for (const name of ['beatPeriod', 'hmPeriod', 'hmDelay', 'hmMax']) x.put(name, 63, last);
  x.put('hmMode', 63, 7);
  x.put('hmBudget', 63, x.c('MAX_CREDIT'));
  return x;
}

/**
 * Plans that boot must accept, and plans that it must refuse. `beyond`: that it must refuse, though no theorem is false of a
 * boot that does not (survivors.md): only a test sees it.
 */
export function edgesOf(
  checked: CheckedCode,
  desk: Desk,
  actions: readonly Action[],
): { readonly good: readonly Edge[]; readonly bad: readonly Edge[]; readonly beyond: readonly Words[] } {
  const c = (name: string) => Number(checked.code[name]);
  const numbered = (edits: readonly Edit[]): number[] =>
    edits.flatMap(([name, row, value]) => [checked.names.indexOf(name), row, value]);
  const [few, all] = [desk.words(small(checked).k, true), desk.words(full(checked).k, true)];
  const bad: Edge[] = [];
  const good: Edge[] = [few, all].map((plan) => ({ plan, args: [], state: [] }));
  const refuse = (base: Words, ...edits: Edit[]) =>
    bad.push({ plan: [...base, ...numbered(edits)], args: [], state: [] });
  /** The partition (or, of the clock's, nobody) does it: everybody is ready, and these words are so. */
  const acting = (name: string, args: readonly number[], state: readonly Edit[], edits: readonly Edit[]): Edge => {
    const action = actions.find((a) => a.name === name);
    if (action === undefined) throw new Error(`no action ${name}`);
    const ready = [0, 1, 2, 3, 4, 5].map((p): Edit => ['state', p, c('P_READY')]);
    const given = typeof action.op === 'number' ? [0, args[0], action.op, ...args.slice(1), 0, 0, 0].slice(0, 6) : args;
    return { plan: [...few, ...numbered(edits)], action, args: given, state: numbered([...ready, ...state]) };
  };
  const act = (name: string, args: readonly number[], state: readonly Edit[], ...edits: Edit[]) =>
    bad.push(acting(name, args, state, edits));
  const [base, intMax] = [c('TIME_BASE'), c('INT_MAX')];
  const late: Edit = ['timeLo', 0, base - 1];
  const policy = (p: number, q: number, flow: string, shown = 0): Edit[] => [
    ['policy', pair(p, q), c(flow)],
    ['shown', pair(p, q), shown],
  ];
  const handle = (p: number, h: number, kind: string, object: number): Edit[] => [
    ['handleKind', end(p, h), c(kind)],
    ['handleObject', end(p, h), object],
    ['handleMask', end(p, h), 1],
  ];

  refuse(all, ['np', 0, 65]);
  refuse(all, ['nmodes', 0, 9]);
  // Partitions: a manager, an auditor, a mode that there are not; periods whose sums overflow; rights that are not had.
  refuse(few, ['manager', 0, 6], ...policy(0, 6, 'FLOW_WATCH'));
  refuse(few, ['auditor', 0, 6], ...policy(0, 6, 'FLOW_AUDIT'));
  refuse(few, ['memoryFrames', 5, -1]);
  refuse(few, ['hmBudget', 0, -1]);
  refuse(few, ['hmDelay', 0, -1]);
  for (const mode of [-1, 2]) {
    const asks: Edit[] = [['mayMode', 0, 1], ['hmAction', codeRow(0, 2), c('HM_MODE')]]; // prettier-ignore
    act('fault', [0, 2], [], ...asks, ['hmMode', 0, mode]);
  }
  act('BEAT', [0], [late], ['beatPeriod', 0, base + 1]);
  const warm: Edit = ['hmAction', codeRow(0, 2), c('HM_WARM')];
  act('fault', [0, 2], [], warm, ['hmBudget', 0, 1], ['hmDelay', 0, base], ['hmMax', 0, base]);
  for (const code of [0, 2])
    act('fault', [0, code], [], ['hmAction', codeRow(0, code), c('HM_MODE')], ['hmMode', 0, 1]);

  // Streams: ends beyond those of the partition, of no stream, of another's; no policy.
  refuse(all, ['streamFromEnd', 33, 32]);
  refuse(all, ['streamToEnd', 32, 32]);
  refuse(few, ['ends', 2, 1], ['endStream', end(2, 0), -1]);
  const second: Edit[] = [['ends', 0, 2], ['streamFromEnd', 0, 1], ['endStream', end(0, 1), 0], ['joined', pair(0, 1), 2]]; // prettier-ignore
  refuse(few, ...second, ['shown', pair(0, 1), 1], ['endStream', end(0, 0), -1]);
  const behind: Edit[] = [['streamFrom', 2, 2], ['streamFromEnd', 2, 0], ['streamTo', 2, 99]]; // prettier-ignore
  act('NOTIFY', [2, 0], [], ['ends', 2, 1], ['endStream', end(2, 0), 2], ...behind);
  const self: Edit[] = [['ends', 0, 2], ['endStream', end(0, 1), 0], ['joined', pair(0, 0), 2]]; // prettier-ignore
  refuse(few, ...self, ...policy(0, 0, 'FLOW_STREAM', 1));
  const third: Edit[] = [['ends', 4, 1], ['endStream', end(4, 0), 0], ['joined', pair(4, 0), 1]]; // prettier-ignore
  refuse(
    few,
    ...third,
    ...policy(4, 0, 'FLOW_STREAM'),
    ...handle(0, 5, 'H_SIGNAL', 4),
    ...policy(0, 4, 'FLOW_HANDLE', 5),
  );
  act('NOTIFY', [3, 0], [], ...policy(3, 5, 'FLOW_NONE'), ...policy(5, 3, 'FLOW_NONE'));

  // The policy shows what is not there.
  refuse(few, ...policy(5, 0, 'FLOW_PORT', -1));
  refuse(few, ...policy(5, 0, 'FLOW_PORT', 4), ['portFrom', 4, 5], ['portTo', 4, 0]);
  refuse(few, ...policy(5, 0, 'FLOW_SAMPLE', -1));
  refuse(few, ...policy(5, 0, 'FLOW_SAMPLE', 2), ['sampleFrom', 2, 5], ['sampleReader', pair(2, 0), 1]);
  refuse(few, ...policy(0, 5, 'FLOW_HANDLE', -1));
  refuse(few, ...policy(0, 2, 'FLOW_HANDLE', 32));
  refuse(few, ...policy(5, 4, 'FLOW_STREAM', 1), ['endStream', end(5, 1), 2], ['streamFrom', 2, 4]);

  // Ports: no policy one way, the other way; calls up the ranks, or for ever; places that are nobody's or not there.
  act('SEND', [2, 0, 4], [], ...policy(2, 4, 'FLOW_NONE'));
  const back: Edit[] = [...handle(4, 5, 'H_SIGNAL', 2), ...policy(4, 2, 'FLOW_HANDLE', 5)];
  act('SEND', [2, 0, 4], [], ...policy(2, 4, 'FLOW_NONE'), ...back);
  act('RECEIVE', [4, 1], [['count', 3, 2]], ...policy(4, 3, 'FLOW_NONE'));
  act('CALL', [2, 1, 4], [], ['rank', 3, 4]);
  act('CALL', [2, 1, 4], [['timeLo', 0, 1]], ['portWithin', 2, intMax]);
  act('CALL', [2, 1, 4], [late], ['portWithin', 2, base + 1]);
  refuse(few, ['replySlot', 2, 512]);
  refuse(few, ['slotOf', pair(1, 0), 512]);
  const places = small(checked);
  const [drop, block] = [places.at('slotOf', pair(1, 0)), places.at('slotOf', pair(3, 1))];
  act('SEND', [2, 0, 4], [['inp', 0, 7]], ['slotOwner', drop, -1]);
  act('SEND', [3, 1, 4], [['inp', 0, 7]], ['slotOf', pair(3, 0), -1]);
  const wiping: Edit[] = [['state', 4, c('P_WIPING')], ['cursor', 4, block], ['slotLength', block, 4]]; // prettier-ignore
  act('work', [0, 4], wiping, ['slotEnd', 4, block]);
  act(
    'stopped',
    [1],
    [
      ['state', 1, c('P_DYING')],
      ['slotLength', 0, 4],
    ],
    ['slotFirst', 1, 1],
  );

  // Handles and readers without a policy, of others' objects, of none.
  act('SIGNAL', [5, 5, 1], [], ...handle(5, 5, 'H_SIGNAL', 0));
  act('SIGNAL', [0, 0, 1], [], ...handle(0, 0, 'H_SIGNAL', 5));
  refuse(few, ...handle(5, 5, 'H_SIGNAL', 5), ...policy(5, 5, 'FLOW_HANDLE', 5));
  for (const [kind, object] of [
    ['H_WRITE', 64],
    ['H_READ', 64],
    ['H_SEND', 256],
  ] as const)
    // prettier-ignore
    refuse(all, ...handle(0, 31, kind, object));
  act('SEND', [5, 5, 4], [], ...handle(5, 5, 'H_SEND', 0));
  act('CALL', [5, 5, 4], [], ...handle(5, 5, 'H_CALL', 2));
  const called: Edit[] = [['callState', 2, c('C_PENDING')], ['why', 2, c('W_CALL')], ['waitPort', 2, 2]]; // prettier-ignore
  act('FETCH', [5, 5], called, ...handle(5, 5, 'H_SERVE', 2));
  const none: Edit[] = [...handle(0, 1, 'H_NONE', 0), ...handle(1, 2, 'H_NONE', 0), ...handle(5, 5, 'H_WRITE', 0)];
  const others: Edit[] = [['sampleFrom', 0, 5], ['sampleReader', pair(0, 0), 1], ['sampleReader', pair(0, 1), 0]]; // prettier-ignore
  act('WRITE', [5, 5, 4], [], ...none, ...others);
  act('WRITE', [5, 0, 1], [], ['sampleReader', pair(1, 2), 1]);

  // Frames and windows: too long, none, of no schedule, without length, that end before they begin.
  const inMode1: Edit[] = [['mode', 0, 1], ['nextMode', 0, 1], ['curWin', 0, 3]]; // prettier-ignore
  act('untilSwitch', [], inMode1, ['frameLength', 1, base], ['winEnd', 3, base]);
  act('untilSwitch', [], [['framePos', 0, 8], ['curWin', 0, 2]], ['frameLength', 0, intMax], ['winEnd', 2, intMax]); // prettier-ignore
  const frameEnds: Edit[] = [['framePos', 0, 8], ['curWin', 0, 2], ['nextMode', 0, 1]]; // prettier-ignore
  act('tick', [2], frameEnds, ['nwindows', 0, 3], ['scheduleFirst', 8, 3], ['scheduleEnd', 8, 3]);
  refuse(few, ['nwindows', 0, 5], ['winSchedule', 4, -8], ['winEnd', 4, 1]);
  refuse(all, ['winEnd', 254, base - 1], ['scheduleEnd', 63, 255], ['winSchedule', 255, -1]);
  for (const to of [3, 5]) act('tick', [1], [['framePos', 0, 4]], ['winEnd', 1, to], ['winStart', 2, to]);

  // Frames of two.
  refuse(few, ['memoryBase', 3, 16]);
  refuse(few, ['memoryBase', 3, 16], ['memoryFrames', 1, 1], ['memoryFrames', 3, 1]);
  // Of no consequence in the core, or of one that the specification says nothing about.
  const beyond: Words[] = [];
  const beyondOf = (base: Words, ...edits: Edit[]) => beyond.push([...base, ...numbered(edits)]);
  for (const [name, row, value] of [
    ['memoryBase', 0, -1], ['streamBase', 0, -1], ['streamFrames', 1, -1], ['manager', 0, -2], ['beatPeriod', 0, base],
    ['hmPeriod', 0, 0], ['hmPeriod', 0, base], ['hmAction', codeRow(0, 1), c('HM_IGNORE')], ['portBytes', 0, 0],
    ['hmAction', codeRow(0, 1), c('HM_DELIVER')], ['portWithin', 2, 0], ['portWithin', 2, base], ['sampleBytes', 0, 0],
    ['sampleRefresh', 0, -1], ['sampleRefresh', 0, base - 1], ['winPart', 0, -2], ['winPart', 0, 6],
    ['joined', pair(3, 4), 1],
  ] as const) beyondOf(few, [name, row, value]); // prettier-ignore
  beyondOf(all, ['joined', pair(2, 34), 2]);
  beyondOf(few, ['memoryBase', 5, c('MAX_FRAMES')], ['memoryFrames', 5, 1]);
  beyondOf(few, ['streamBase', 1, c('MAX_FRAMES')], ['streamFrames', 1, 1]);
  // A stream that no end leads to; one that leads to the other's end, and is not led to from there.
  const twin: Edit[] = [['ns', 0, 3], ['streamFrom', 2, 0], ['streamTo', 2, 1], ['streamBase', 2, 90]]; // prettier-ignore
  beyondOf(few, ...twin);
  const oneWay: Edit[] = [['streamToEnd', 2, 1], ['ends', 1, 2], ['endStream', end(1, 1), 2], ['joined', pair(1, 0), 3]]; // prettier-ignore
  beyondOf(few, ...twin, ...oneWay);
  for (const row of [1, 16]) {
    const unused: Edit[] = [['nwindows', 0, 5], ['winSchedule', 4, row], ['winEnd', 4, 10], ['frameLength', 2, 10]]; // prettier-ignore
    beyondOf(few, ...unused, ['scheduleFirst', row, 4], ['scheduleEnd', row, 5]);
  }
  const empty = new Maker(checked);
  empty.partitions(1, 0);
  empty.put('nmodes', 0, 1);
  empty.put('ncores', 0, 1);
  empty.schedule(0, 0, [1]);
  const one = desk.words(empty.k, true);
  beyondOf(one, ['nports', 0, -1]);
  beyondOf(one, ['nsamples', 0, -1]);
  beyondOf(one, ['np', 0, 0]);

  // A program that has ended goes, whatever the module does about it.
  const isTold: Edit[] = [['mayMode', 0, 1], ['hmAction', codeRow(0, c('FAULT_EXIT')), c('HM_MODE')]]; // prettier-ignore
  good.push(acting('fault', [0, c('FAULT_EXIT')], [], isTold));
  // Limits of arguments, of time and of queues; what is given back of several words, each with its own value.
  const rare = (name: string, args: readonly number[], state: readonly Edit[] = [], edits: readonly Edit[] = []) =>
    good.push(acting(name, args, state, edits));
  rare('EXIT', [0, c('MAX_STATUS')]);
  rare('LOG', [0, c('MAX_TEXT')]);
  rare('RAISE', [0, c('MAX_CODES')]);
  rare('GRANT', [0, 5], [['memoryUsed', 0, 15]]);
  rare('GRANT', [0, 1], [['memoryUsed', 0, 1]]);
  const audited: Edit[] = [['faults', 2, 1], ['restarts', 2, 2], ['illegal', 2, 3]]; // prettier-ignore
  rare('AUDIT', [1, 2], audited, [['auditor', 2, 1], ...policy(2, 1, 'FLOW_AUDIT')]);
  rare('STATUS', [2, 1], [['callState', 2, c('C_LATE')]]);
  rare('STATUS', [3, 0], called);
  rare('STATUS', [1, 32]);
  const waits = (p: number, why: string, port: number): Edit[] => [
    ['why', p, c(why)],
    ['waitPort', p, port],
    ['untilHi', p, 1],
  ];
  rare('RESULT', [0], [...waits(0, 'W_SPACE', 0), ['count', 0, 2]]);
  rare('RESULT', [0], [...waits(0, 'W_ANY', 0), ['fresh', 0, 1]]);
  rare('RECEIVE', [1, 1], [['count', 0, 1], ['out', 3, 9]]); // prettier-ignore
  rare('RECEIVE', [4, 0], [['count', 1, 1], ['lost', 1, 3]]); // prettier-ignore
  rare('SEND', [3, 1, 4], [['head', 3, 1], ['count', 3, 1], ['inp', 0, 7]]); // prettier-ignore
  rare('BEAT', [0], [['timeHi', 0, intMax], late], [['beatPeriod', 0, 5]]);
  const older: Edit[] = [['timeHi', 0, 1], ['timeLo', 0, 5], ['sampleValid', 1, 1], ['sampleLo', 1, 10]]; // prettier-ignore
  rare('READ', [4, 2], older);
  const ended: Edit[] = [['state', 4, c('P_WIPING')], ['cursor', 4, places.at('slotEnd', 4)]]; // prettier-ignore
  rare('work', [0, 4], [...ended, ...waits(3, 'W_SPACE', 3), ['count', 3, 2], ['lost', 1, 3]]);
  rare('loaded', [0], [['state', 0, c('P_ASKED')], ['done', 0, 1], ['exitStatus', 0, 7]]); // prettier-ignore
  const long: Edit[] = [['frameLength', 1, base - 1], ['winEnd', 3, base - 1]]; // prettier-ignore
  rare('tick', [intMax - 2], [...inMode1, ['framePos', 0, base - 2]], long);
  rare('takeSwitch', [1], [['switched', 1, 5]]);
  rare('stop', [], [['sysMode', 0, c('SYS_STOPPING')]]);
  // Two streams whose ends have other numbers at the other side.
  const crossed: Edit[] = [['endStream', end(0, 0), 2], ['joined', pair(0, 1), 3]]; // prettier-ignore
  rare('NOTIFY', [0, 1], [], [...twin, ...oneWay, ...second, ...crossed]);
  rare('allDone', []);
  rare('allDone', [], [], [['counts', 0, 1]]);
  rare('allDone', [], [['state', 0, c('P_HALTED')], ['done', 0, 1]], [['counts', 0, 1]]); // prettier-ignore
  // Of rows that there are not nothing is looked at.
  good.push({ plan: [...one, ...numbered([['ends', 1, 1], ['endStream', end(1, 0), -1]])], args: [], state: [] }); // prettier-ignore
  return { good, bad, beyond };
}
