// Random runs of the core that ships, from random plans that boot accepts: for COVER (every result that the proof reckons
// with does occur, so that no theorem speaks of nothing) and for tests that compare the executor with V8.
import { Execution } from './execute.ts';
import { State } from './state.ts';
import { valueOf } from './term.ts';
import { actionsOf, argumentsOf, isPlan } from './setting.ts';
import type { Program } from './language.ts';
import type { Code, Kernel } from './story.ts';
import type { Term } from './term.ts';
import type { Action } from './setting.ts';

/** Numbers below n, always the same ones. */
export function random(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    // A counter through a mixer: consecutive numbers have nothing to do with each other.
    x = (x + 0x6d2b79f5) | 0;
    let y = Math.imul(x ^ (x >>> 15), 1 | x);
    y = (y + Math.imul(y ^ (y >>> 7), 61 | y)) ^ y;
    return ((y ^ (y >>> 14)) >>> 0) % n;
  };
}

const at = (k: Kernel, table: string): Int32Array => k[table] as Int32Array;

/** A well-formed plan of one to four partitions, made at random: every kind of stream, port, sample, right and schedule. */
class PlanMaker {
  readonly code: Code;
  readonly pick: (n: number) => number;
  readonly k: Kernel;
  readonly np: number;
  constructor(code: Code, pick: (n: number) => number) {
    this.code = code;
    this.pick = pick;
    this.k = new code.Kernel();
    this.np = 1 + pick(4);
    this.k['np'] = this.np;
  }
  #number(name: string): number {
    return Number(this.code[name]);
  }
  put(table: string, row: number, value: number): void {
    at(this.k, table)[row] = value;
  }
  make(): Kernel {
    for (let p = 0; p < this.np; p++) this.#partition(p);
    if (this.np > 1) {
      for (let n = this.pick(3); n > 0; n--) this.#stream();
      for (let n = this.pick(4); n > 0; n--) this.#port();
      for (let n = this.pick(3); n > 0; n--) this.#sample();
      for (let n = this.pick(3); n > 0; n--) this.#right();
    }
    this.#slots();
    this.#schedules();
    return this.k;
  }
  #partition(p: number): void {
    const { pick } = this;
    const chance = (n: number) => (pick(n) === 0 ? 1 : 0);
    this.put('mayShutDown', p, chance(3));
    this.put('mayMode', p, chance(3));
    this.put('counts', p, chance(2));
    this.put('startsItself', p, 1 - chance(5));
    this.put('background', p, chance(2));
    this.put('quota', p, 64 + pick(3) * 40);
    this.put('rank', p, this.np - p);
    for (const nobody of ['manager', 'auditor']) this.put(nobody, p, -1);
    this.put('memoryBase', p, 16 * p);
    this.put('memoryFrames', p, pick(9));
    this.put('beatPeriod', p, pick(3) * 5);
    this.put('hmBudget', p, pick(3));
    this.put('hmPeriod', p, 1 + pick(40));
    this.put('hmDelay', p, pick(3));
    this.put('hmMax', p, 2 + pick(4));
    const codes = this.#number('MAX_CODES');
    for (let c = 0; c < codes; c++) {
      const actions = ['HM_IGNORE', 'HM_DELIVER', 'HM_WARM', 'HM_COLD', 'HM_HALT', 'HM_IGNORE', 'HM_DELIVER'];
      if (at(this.k, 'mayMode')[p] === 1) actions.push('HM_MODE');
      if (at(this.k, 'mayShutDown')[p] === 1) actions.push('HM_SHUTDOWN');
      const action = this.#number(actions[pick(actions.length)]);
      const isGone = c === this.#number('FAULT_EXIT') && action < this.#number('HM_WARM');
      this.put('hmAction', p * codes + c, isGone ? this.#number('HM_WARM') : action);
    }
  }
  /** Two partitions, the first with the lower number. */
  #pair(): [number, number] {
    const from = this.pick(this.np - 1);
    return [from, from + 1 + this.pick(this.np - 1 - from)];
  }
  #either(): [number, number] {
    const [a, b] = this.#pair();
    return this.pick(2) === 0 ? [a, b] : [b, a];
  }
  #allow(p: number, q: number, flow: string, shown: number): void {
    const row = p * this.#number('MAX_PARTITIONS') + q;
    if (at(this.k, 'policy')[row] !== 0) return;
    this.put('policy', row, this.#number(flow));
    this.put('shown', row, shown);
  }
  readonly #handles: number[] = [0, 0, 0, 0];
  #handle(p: number, kind: string, object: number, mask = 0): number {
    const h = this.#handles[p]++;
    const row = p * this.#number('MAX_HANDLES') + h;
    this.put('handleKind', row, this.#number(kind));
    this.put('handleObject', row, object);
    this.put('handleMask', row, mask);
    return h;
  }
  #next(count: string): number {
    const n = Number(this.k[count]);
    this.k[count] = n + 1;
    return n;
  }
  #stream(): void {
    const [from, to] = this.#either();
    const s = this.#next('ns');
    this.put('streamFrom', s, from);
    this.put('streamTo', s, to);
    this.put('streamBase', s, 1000 + 4 * s);
    this.put('streamFrames', s, 2);
    for (const [p, q, table] of [
      [from, to, 'streamFromEnd'],
      [to, from, 'streamToEnd'],
    ] as const) {
      const e = at(this.k, 'ends')[p]++;
      this.put(table, s, e);
      this.put('endStream', p * this.#number('MAX_ENDS') + e, s);
      at(this.k, 'joined')[p * this.#number('MAX_PARTITIONS') + q] |= 1 << e;
      this.#allow(p, q, 'FLOW_STREAM', e);
    }
  }
  #port(): void {
    const kind = ['PORT_BLOCK', 'PORT_DROP', 'PORT_CALL'][this.pick(3)];
    const isCall = kind === 'PORT_CALL';
    const [from, to] = isCall ? this.#pair() : this.#either();
    const c = this.#next('nports');
    this.put('portKind', c, this.#number(kind));
    this.put('portFrom', c, from);
    this.put('portTo', c, to);
    this.put('portCapacity', c, isCall ? 1 : 1 + this.pick(3));
    this.put('portBytes', c, 8);
    this.put('portQuota', c, this.pick(3));
    this.put('portWithin', c, 1 + this.pick([4, 40][this.pick(2)]));
    this.#handle(from, isCall ? 'H_CALL' : 'H_SEND', c);
    this.#handle(to, isCall ? 'H_SERVE' : 'H_RECEIVE', c);
    this.#allow(from, to, 'FLOW_PORT', c);
    if (kind !== 'PORT_DROP') this.#allow(to, from, 'FLOW_PORT', c);
  }
  #sample(): void {
    const [from, to] = this.#either();
    const m = this.#next('nsamples');
    this.put('sampleFrom', m, from);
    this.put('sampleBytes', m, 8);
    this.put('sampleRefresh', m, this.pick(9));
    this.put('sampleReader', m * this.#number('MAX_PARTITIONS') + to, 1);
    this.#handle(from, 'H_WRITE', m);
    this.#handle(to, 'H_READ', m);
    this.#allow(from, to, 'FLOW_SAMPLE', m);
  }
  #right(): void {
    const [p, q] = this.#either();
    const what = this.pick(3);
    if (what === 0) this.#allow(p, q, 'FLOW_HANDLE', this.#handle(p, 'H_SIGNAL', q, 7));
    if (what === 1 && at(this.k, 'auditor')[q] === -1) {
      this.put('auditor', q, p);
      this.#allow(q, p, 'FLOW_AUDIT', 0);
    }
    if (what === 2 && at(this.k, 'manager')[q] === -1) {
      this.put('manager', q, p);
      this.#allow(p, q, 'FLOW_HANDLE', this.#handle(p, 'H_MANAGE', q));
      if (this.pick(2) === 0) this.#allow(q, p, 'FLOW_WATCH', 0);
    }
  }
  /** What a partition reads lies together. */
  #slots(): void {
    at(this.k, 'slotOwner').fill(-1);
    let slot = 0;
    const give = (owner: number, row: number): void => {
      this.put('slotOwner', slot, owner);
      this.put('slotRow', slot, row);
      slot += 1;
    };
    for (let p = 0; p < this.np; p++) {
      this.put('slotFirst', p, slot);
      for (let c = 0; c < Number(this.k['nports']); c++) {
        const [from, to, capacity] = ['portFrom', 'portTo', 'portCapacity'].map((t) => at(this.k, t)[c]);
        for (let i = 0; to === p && i < capacity; i++) {
          const row = c * this.#number('MAX_DEPTH') + i;
          this.put('slotOf', row, slot);
          give(p, row);
        }
        if (from === p && at(this.k, 'portKind')[c] === this.#number('PORT_CALL')) {
          this.put('replySlot', c, slot);
          give(p, this.#number('POSITIONS') + c);
        }
      }
      this.put('slotEnd', p, slot);
    }
  }
  #schedules(): void {
    const [nmodes, ncores] = [1 + this.pick(2), 1 + this.pick(2)];
    this.k['nmodes'] = nmodes;
    this.k['ncores'] = ncores;
    for (let m = 0; m < nmodes; m++) {
      const length = 2 + this.pick(6);
      this.put('frameLength', m, length);
      for (let core = 0; core < ncores; core++) {
        const row = m * this.#number('MAX_CORES') + core;
        this.put('scheduleFirst', row, Number(this.k['nwindows']));
        for (let from = 0; from < length;) {
          const to = Math.min(length, from + 1 + this.pick(4));
          const w = this.#next('nwindows');
          this.put('winPart', w, this.pick(this.np + 1) - 1);
          this.put('winStart', w, from);
          this.put('winEnd', w, to);
          this.put('winSchedule', w, row);
          from = to;
        }
        this.put('scheduleEnd', row, Number(this.k['nwindows']));
      }
    }
    for (let p = 0; p < this.np; p++) this.put('hmMode', p, this.pick(nmodes));
  }
}
export function randomPlan(code: Code, pick: (n: number) => number): Kernel {
  return new PlanMaker(code, pick).make();
}

export interface Step {
  readonly action: Action;
  readonly args: ReadonlyMap<string, number>;
  /** Copies, if wanted (of one another too, where nothing changed); else the state of the run itself, which goes on. */
  readonly before: Kernel;
  readonly after: Kernel;
  readonly result: unknown;
}

/** Actions of a run. */
const STEPS = 120;
/** Rows of a table of which it is also asked whether they should have changed: random plans are small. */
const LOOKED_AT = 12;

/** Operations on an object behind a handle of this kind. */
const USES: Readonly<Record<string, readonly string[]>> = {
  H_SEND: ['SEND', 'SEND', 'STATUS'],
  H_RECEIVE: ['RECEIVE', 'RECEIVE', 'STATUS'],
  H_WRITE: ['WRITE'],
  H_READ: ['READ', 'STATUS'],
  H_SIGNAL: ['SIGNAL'],
  H_CALL: ['CALL', 'STATUS'],
  H_SERVE: ['FETCH', 'REPLY', 'STATUS'],
  H_MANAGE: ['START', 'STOP', 'RESTART', 'STATUS'],
};
/** A handle that there is, and an operation on it: by chance alone it would be rare. */
function use(code: Code, k: Kernel, pick: (n: number) => number): { p: number; h?: number; name: string } | undefined {
  if (Number(k['nports']) > 0 && pick(3) === 0) {
    // A call port, and what comes next there.
    const c = pick(Number(k['nports']));
    const [client, server] = [at(k, 'portFrom')[c], at(k, 'portTo')[c]];
    const state = at(k, 'callState')[c];
    const next = (['CALL', 'FETCH', 'REPLY', 'CALL'] as const)[state] ?? 'RESULT';
    const isOther = pick(3) === 0;
    const name = state === Number(code['C_LATE']) && isOther ? 'REPLY' : isOther ? 'RESULT' : next;
    const p = name === 'FETCH' || name === 'REPLY' ? server : client;
    const handles = Number(code['MAX_HANDLES']);
    const kind = Number(code[p === server ? 'H_SERVE' : 'H_CALL']);
    const h = Array.from({ length: 9 }, (_, i) => p * handles + i).findIndex(
      (row) => at(k, 'handleKind')[row] === kind && at(k, 'handleObject')[row] === c,
    );
    if (h >= 0) return { p, h, name };
  }
  const [p, h] = [pick(Number(k['np'])), pick(3)];
  if (at(k, 'why')[p] !== 0 && pick(3) === 0) return { p, h, name: 'RESULT' };
  const kind = at(k, 'handleKind')[p * Number(code['MAX_HANDLES']) + h];
  const names = Object.entries(USES).find(([name]) => Number(code[name]) === kind)?.[1];
  return names && { p, h, name: names[pick(names.length)] };
}

/** What the supervisor does next about a partition that is not ready. */
function due(code: Code, k: Kernel, pick: (n: number) => number): { p: number; h?: number; name: string } | undefined {
  const p = pick(Number(k['np']));
  const state = at(k, 'state')[p];
  const name = Object.entries(DUE).find(([constant]) => Number(code[constant]) === state)?.[1];
  return name === undefined ? undefined : { p, name };
}
const DUE: Readonly<Record<string, string>> = {
  P_ASKED: 'loaded',
  P_DYING: 'stopped',
  P_WIPING: 'work',
  P_LOADING: 'work',
};
/** Whose window it is. */
function whoRuns(k: Kernel, core: number): number | undefined {
  const p = at(k, 'winPart')[at(k, 'curWin')[core] ?? 0] ?? -1;
  return p >= 0 ? p : undefined;
}
/** A core on which p runs, if there is one. */
function coreOf(k: Kernel, p: number, otherwise: number): number {
  const found = Array.from({ length: Number(k['ncores']) }, (_, core) => core).find((core) => whoRuns(k, core) === p);
  return found ?? otherwise;
}

/** A copy that has in common with an older one the tables in which nothing has changed. */
function copyOf(k: Kernel, older: Kernel = {}): Kernel {
  const copy: Kernel = {};
  for (const [name, value] of Object.entries(k)) {
    const was = older[name];
    const isSame =
      value instanceof Int32Array &&
      was instanceof Int32Array &&
      Buffer.compare(Buffer.from(value.buffer), Buffer.from(was.buffer)) === 0;
    copy[name] = isSame ? was : value instanceof Int32Array ? value.slice() : value;
  }
  return copy;
}

/** Runs of so many actions each. `wanted`: the name of an action that is to occur often. */
export function* explore(
  program: Program,
  code: Code,
  runs: number,
  seed: number,
  copies = true,
  wanted?: string,
): Generator<Step> {
  const pick = random(seed);
  const actions = actionsOf(program);
  const operations = actions.filter((a) => a.op !== undefined);
  for (let run = 0; run < runs; run++) {
    const k = randomPlan(code, pick);
    if (code['boot'](k) !== Number(code['OK'])) throw new Error('boot refuses a plan that is well-formed');
    const np = Number(k['np']);
    at(k, 'inp').forEach((_, w, inp) => {
      inp[w] = pick(1000);
    });
    let before = copies ? copyOf(k) : k;
    for (let i = 0; i < STEPS; i++) {
      // Most of the time operations; partitions come up again, and the system does not end soon.
      const favourite = ['loaded', 'loaded', 'stopped', 'stopped', 'work', 'work', 'tick', 'RESULT'][pick(24)];
      const any = pick(4) === 0 ? actions.filter((a) => a.name !== 'stop' || pick(20) === 0) : operations;
      const given =
        (pick(3) === 0 ? due(code, k, pick) : undefined) ?? (pick(2) === 0 ? use(code, k, pick) : undefined);
      // Asked only if something is wanted: the runs of COVER stay what they are.
      const name = wanted !== undefined && given === undefined && pick(4) === 0 ? wanted : (given?.name ?? favourite);
      const action = actions.find((a) => a.name === name) ?? any[pick(any.length)];
      const random = pick(20) === 0;
      const core = random ? [-1, 2, 8][pick(3)] : pick(Number(k['ncores']));
      const p =
        given?.p ?? (random ? [-1, np, 64][pick(3)] : ((pick(4) === 0 ? undefined : whoRuns(k, core)) ?? pick(np)));
      const args = new Map(
        action.fn.parameters.slice(1).map((name): [string, number] => {
          if (name === 'op') return [name, typeof action.op === 'number' ? action.op : 99 + pick(9)];
          if (name === 'p') return [name, p];
          if (name === 'a0' && given?.h !== undefined) return [name, given.h];
          if (name === 'core') return [name, given === undefined || pick(20) === 0 ? core : coreOf(k, p, core)];
          if (name === 'n') return [name, [1, 1, 1, 2, 3, 0, 9][pick(7)]];
          if (name === 'code') return [name, pick(17) - (pick(9) === 0 ? 1 : 0)];
          return [name, [0, 0, 0, 1, 1, 2, 3, 4, 8, 9, -1, 5000][pick(12)]];
        }),
      );
      const result = code[action.fn.name](k, ...args.values());
      const after = copies ? copyOf(k, before) : k;
      yield { action, args, before, after, result };
      before = after;
    }
  }
}

/** What behaviour.ts has a word on, of one action: by name, the function and its parameters behind the state. */
type Sayings = ReadonlyMap<string, { readonly fn: string; readonly parameters: readonly string[] }>;
const sayings = new WeakMap<Program, Map<Action, Sayings>>();
function sayingsOf(program: Program, action: Action): Sayings {
  const known = sayings.get(program) ?? new Map<Action, Sayings>();
  sayings.set(program, known);
  let found = known.get(action);
  if (found === undefined) {
    found = new Map(
      ['result', ...program.fields.keys(), ...program.tables.keys()].flatMap((name) => {
        const fn = [`${action.name}_${name}`, `${action.fn.name}_${name}`].find((f) => program.functions.has(f));
        if (fn === undefined) return [];
        const parameters = (program.functions.get(fn)?.parameters ?? []).slice(1).map((p) => p.replace(/^_/, ''));
        return [[name, { fn, parameters }]];
      }),
    );
    known.set(action, found);
  }
  return found;
}

/** In a step of a run: what behaviour.ts says otherwise than it is, as `name` or `name[row]`. */
export function differences(program: Program, code: Code, { action, args, before, after, result }: Step): string[] {
  const found: string[] = [];
  const all = sayingsOf(program, action);
  const said = (name: string, row?: number): unknown => {
    const says = all.get(name);
    return says && code[says.fn](before, ...says.parameters.map((p) => (p === 'i' ? row : args.get(p))));
  };
  if (result !== undefined && said('result') !== result) found.push('result');
  for (const [name, was] of Object.entries(before)) {
    const now = after[name];
    if (typeof was === 'number' || typeof now === 'number') {
      if ((said(name) ?? was) !== now) found.push(name);
      continue;
    }
    // Of `out` only what goes out.
    const isOut = name === 'out';
    if (was === now && !isOut && !all.has(name)) continue;
    const rows = isOut ? Number(after['outN']) : was === now ? LOOKED_AT : was.length;
    for (let row = 0; row < rows; row++) {
      // Rows that stay as they were are looked at where there are few.
      if (was[row] === now[row] && row >= LOOKED_AT && !isOut) continue;
      if ((said(name, row) ?? was[row]) !== now[row]) found.push(`${name}[${row}]`);
    }
  }
  return found;
}

/** The constants among which an action's result chooses. */
function resultsOf(program: Program, action: Action): Set<number> {
  const execution = new Execution(program, 'cover');
  const result = execution.call(action.fn.name, argumentsOf(action, State.any(program, 'S', isPlan(program))));
  const results = new Set<number>();
  const seen = new Set<Term>();
  const collect = (t: Term | undefined): void => {
    if (t === undefined || seen.has(t)) return;
    seen.add(t);
    const value = valueOf(t);
    if (value !== undefined) results.add(value);
    if (t.op === 'ite') t.args.slice(1).forEach(collect);
  };
  collect(result);
  return results;
}

/** Results, as "ACTION VALUE", that the proof reckons with, and which of them no run has shown. */
export function cover(
  program: Program,
  code: Code,
  runs: number,
): { readonly wanted: number; readonly missing: string[] } {
  // The operations that there are not end as one of those that there are, or as E_OP: only that is wanted.
  const wanted = new Set(
    actionsOf(program)
      .filter((action) => action.op !== 'other')
      .flatMap((action) => [...resultsOf(program, action)].map((value) => `${action.name} ${value}`)),
  );
  wanted.add(`OTHER ${program.constants.get('E_OP')}`);
  const missing = new Set(wanted);
  try {
    for (const { action, result } of explore(program, code, runs, 1, false))
      missing.delete(`${action.name} ${String(result)}`);
  } catch (error) {
    // That boot refuses what it should accept, for example.
    missing.add((error as Error).message);
  }
  return { wanted: wanted.size, missing: [...missing] };
}
