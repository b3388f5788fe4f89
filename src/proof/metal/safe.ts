// Theorem SAFE of kernel/metal, function by function: whenever what sound.ts says holds, every index is in bounds, every sum exact
// in 32 bits, every shift count below 32, every address within what the plan, the layout and the board give the kernel or the
// partition that it works for; every loop has a bound that is fixed when it begins (the language has no others); and what
// sound.ts says holds again at each call and at the end.
//
// A function of APART is asked about by itself; where it is called, what it writes is any value that is sound. All others are executed
// where they are called. Of the core's functions CORE says what is needed: they keep `core`, and SAFE of the core is theirs.
import { Analysis, eachNode } from '../../compiler/analysis.ts';
import { INTRINSICS } from '../../compiler/intrinsic-table.ts';
import { Havoc } from '../../compiler/validation/contract.ts';
import { Question } from '../question.ts';
import { State, Zero } from '../state.ts';
import * as L from '../long.ts';
import * as T from '../term.ts';
import { MetalExecution, placeOf } from './execution.ts';
import { constantOf } from './regions.ts';
import type { LastTurn, Value } from '../execute.ts';
import type { Call, Expression, Fn, Program, Statement } from '../language.ts';
import type { Term } from '../term.ts';
import type { MetalProgram } from './program.ts';

const { and, eq, implies, not, or, sle, slt, word } = T;

/** Before the partitions run: what sound.ts says does not hold yet. */
const STARTING: ReadonlySet<string> = new Set([
  'resetInterrupts', 'readLayout', 'layoutIsSound', 'partitionsAreApart', 'partitionIsSound', 'regionsAreApart', 'nobodyHas',
  'readInterrupts', 'readSeeds', 'takeSeed', 'readPlan', 'prepareGuests', 'guestsCanBeApart', 'prepareLog', 'preparePmp', 'loadPlan', 'main',
]); // prettier-ignore
/** At any time: they touch no state. */
const ANYWHERE: ReadonlySet<string> = new Set(['print', 'printHex', 'putPatiently', 'powerOff', 'panic', 'refuse']);
const RUNNING: ReadonlySet<string> = new Set([
  'resetGuest', 'makeResident', 'enterGuest', 'leaveGuest', 'vcpuRun', 'reflect', 'tellVmm', 'timerOfGuest',
  'logLine', 'noteFault', 'noteRestart', 'drainLog', 'flushLog', 'loadSlice', 'startLoading', 'confine', 'confineGuest',
  'newLife', 'arm', 'advance', 'rouse', 'complete', 'rest', 'onExternal', 'carryOut', 'serve', 'answer', 'onCall', 'onEvent', 'isOver',
  'pauseOfBackground', 'nextBackground', 'idle', 'giveHart', 'resume', 'resumeGuest', 'trapOfGuest', 'handle', 'trap', 'exchangeSeed',
]); // prettier-ignore
/** Goes where the board's device tree leads, before any partition runs: the board is trusted. */
const READS_TREE: ReadonlySet<string> = new Set(['takeSeed']);
/** Before there is a plan. */
const UNPLANNED: ReadonlySet<string> = new Set(['main', 'readPlan', 'loadPlan']);
/** Every region that is in use is sound by itself when they are called. */
const NEEDS_ROWS: ReadonlySet<string> = new Set([
  'partitionIsSound',
  'partitionsAreApart',
  'regionsAreApart',
  'nobodyHas',
  'prepareLog',
  'preparePmp',
]);
const NEVER_RETURNS: ReadonlySet<string> = new Set(['powerOff', 'refuse', 'panic']);
/** Words that are addresses of texts of the image. */
const TEXTS: ReadonlySet<string> = new Set(['text', 'reason', 'why', 'before', 'after', 'from']);
export const SAFE_FUNCTIONS: readonly string[] = [...STARTING, ...ANYWHERE, ...RUNNING];
/** Copy the plan's words, before anything runs: their products of counts are too much for the solvers. Not asked about; tested. */
export const NOT_ASKED: ReadonlySet<string> = new Set([
  'loadPartitions', 'loadStreams', 'loadHandles', 'loadPorts', 'findSlots', 'loadSchedules', 'findSchedules', 'sizeOf',
]); // prettier-ignore

// ---- what the kernel may touch beside its own tables and partitions' memory
/** QEMU's virt board: what belongs to the kernel (board.ts). Byte addresses, first and behind the last. */
const DEVICES: readonly (readonly [number, number])[] = [
  [0x10_0000, 0x10_1000], // finisher
  [0x200_0000, 0x201_0000], // ACLINT
  [0xc00_0000, 0x1000_0000], // PLIC
  [0x1000_0000, 0x1000_0100], // UART
];
/** Bytes that are read of a text at most: those behind its end are the image's, too. */
const LONGEST_TEXT = 128;
/** Bytes of the image's objects, for a plan of so many partitions (system-image.ts). */
const OBJECTS: Readonly<Record<string, (np: Term) => Term>> = {
  layout: (np) => T.mul(np, word(144)),
  names: (np) => T.add(T.shl(np, word(6)), word(LONGEST_TEXT)),
  interrupts: (np) => T.shl(np, word(2)),
  seeds: (np) => T.shl(np, word(2)),
  planWords: () => word(4),
  // Behind the kernel: what the log said last, for after a warm reset (log.ts: KEPT_FRAMES).
  kernelEnd: () => word(3 * 4096),
  // As many words as planWords says, and MAX_PLAN_WORDS at most; state lies behind.
  plan: () => word(4 * 65536),
};
const BYTES: Readonly<Record<string, number>> = {
  load8: 1, store8: 1, load32: 4, store32: 4, load64: 8, store64: 8, loadFloat: 8, storeFloat: 8,
}; // prettier-ignore
const FRAME_SHIFT = 12;
const MTVEC = 0x305;

/** Largest end of a region, in page frames. */
const MOST_FRAMES = 1 << 23;
/** The word of 64 bits with this number, counted from a page frame on, lies below another frame; neither is out of range. */
const isInFrames = (frame: Term, i: Term, end: Term): Term =>
  and(
    sle(word(0), frame), slt(frame, word(MOST_FRAMES)), sle(end, word(MOST_FRAMES)),
    sle(word(0), i), slt(i, word(1 << 27)), slt(T.add(frame, T.sar(i, word(9))), end),
  ); // prettier-ignore
/** ADDRESS: then its bytes do, and none is before the frame. */
export function askAddress(metal: MetalProgram): Question {
  const q = new Question(metal.program);
  const [frame, i, end] = ['frame', 'i', 'end'].map((n) => T.wordVar(n));
  const at = (x: Term): Term => L.mul64(L.sext(x), L.long(1 << FRAME_SHIFT));
  const address = L.add64(at(frame), L.mul64(L.sext(i), L.long(8)));
  q.assume(isInFrames(frame, i, end));
  q.goal('first byte', not(L.ult64(address, at(frame))));
  q.goal('last byte', L.ult64(L.add64(address, L.long(7)), at(end)));
  return q;
}

/** What no function may write; the supervisor writes messages' words, and everything is written before the partitions run. */
const staysAs = (metal: MetalProgram, subject: string): ((name: string) => boolean) =>
  RUNNING.has(subject) ? (name) => metal.isPlan(name) && name !== 'inp' : () => false;

/** What belongs to a question about one function. */
export class Sound {
  readonly metal: MetalProgram;
  readonly q: Question;
  readonly analysis: Analysis;
  readonly rows: readonly string[];
  #executions = 0;
  #versions = 0;
  readonly isPlan: (name: string) => boolean;
  constructor(metal: MetalProgram, subject: string) {
    this.metal = metal;
    this.isPlan = staysAs(metal, subject);
    this.q = new Question(metal.program);
    this.analysis = new Analysis(metal.unit, [], 0, 0);
    const prefix = 'sound_';
    this.rows = [...metal.program.functions.keys()]
      .filter((f) => f.startsWith(prefix))
      .map((f) => f.slice(prefix.length));
  }
  /** A predicate of sound.ts: its parameters that are states are `state`. Undefined: it says nothing. */
  says(name: string, state: State, terms: readonly (Term | undefined)[]): Term | undefined {
    const fn = this.metal.program.functions.get(name);
    const types = this.metal.unit.signatures.get(name)?.parameters;
    if (fn === undefined || types === undefined) return undefined;
    const rest = [...terms];
    const args = types.map((type): Value => (type === 'state' ? state : (rest.shift() ?? word(0))));
    const execution = new MetalExecution(this.metal.program, `sound${(this.#executions += 1)}`);
    const result = execution.call(name, args);
    this.q.assumeScans(execution);
    return result;
  }
  /** What holds of the state's fields. */
  fields(state: State): Term {
    return and(this.says('core', state, []) ?? T.TRUE, this.says('sound', state, []) ?? T.TRUE);
  }
  /** Takes what sound.ts says of a state for granted, where `condition` holds. */
  assume(state: State, condition: Term): void {
    const copy = state.copy();
    this.q.assume(implies(condition, this.fields(copy)));
    for (const table of this.rows) {
      this.q.assumeEverywhere(table, (i) => implies(condition, this.says(`sound_${table}`, copy, [i]) ?? T.TRUE));
    }
  }
  /** What sound.ts says is a goal. `before`: where all of it is known. */
  goal(label: string, state: State, condition: Term, before: State): void {
    const parts = (t: Term): readonly Term[] => (t.op === 'and' ? t.args : [t]);
    const known = new Set(parts(this.fields(before)));
    for (const part of parts(this.fields(state))) {
      if (!known.has(part)) this.q.goal(`${label}: ${T.show(part, 4)}`, implies(condition, part), true);
    }
    for (const table of this.rows) {
      if (state.tables.get(table) === before.tables.get(table)) continue;
      const i = T.wordVar(`row.${table}`);
      const is = this.says(`sound_${table}`, state, [i]) ?? T.TRUE;
      this.q.goal(`${label}: ${table}`, implies(and(condition, this.q.inTable(table, i)), is), true);
    }
  }
  forget(state: State, names: ReadonlySet<string>, condition: Term): void {
    const version = `V${(this.#versions += 1)}`;
    for (const name of names) {
      if (this.isPlan(name)) continue;
      const table = state.tables.get(name);
      if (table !== undefined) state.tables.set(name, new Havoc(table, condition, `${version}.${name}`));
      else if (state.fields.has(name))
        state.fields.set(name, T.ite(condition, T.wordVar(`${version}.${name}`), state.field(name)));
    }
  }
}

type Loop = Statement & { readonly kind: 'for' };
export class SafeExecution extends MetalExecution {
  readonly sound: Sound;
  /** Asked about now. */
  readonly subject: string;
  /** Whether sound.ts holds from the beginning. */
  readonly runs: boolean;
  readonly p: Term | undefined;
  /** Where nothing goes on: goals from there on have it for a condition. */
  readonly dead: { readonly condition: Term; readonly goals: number; readonly obligations: number }[] = [];
  #depth = 0;
  /** Where everything was last known to hold. */
  #known: State;
  constructor(sound: Sound, subject: string, state: State, p: Term | undefined) {
    super(sound.metal.program, subject);
    this.sound = sound;
    this.subject = subject;
    this.runs = RUNNING.has(subject);
    this.p = p;
    this.#known = state.copy();
  }
  override call(name: string, args: readonly Value[], condition: Term = T.TRUE): Term | undefined {
    const fn = this.program.functions.get(name);
    const state = args.find((a) => a instanceof State);
    const isCore = fn?.file.name.startsWith('core/') === true;
    const isApart = fn !== undefined && this.#depth > 0 && (SAFE_FUNCTIONS.includes(name) || NOT_ASKED.has(name));
    if (!INTRINSICS.has(name) && fn !== undefined && this.#depth > 0 && (isCore || isApart)) {
      return this.#apart(fn, args, state, condition, isCore);
    }
    this.#depth += 1;
    const result = super.call(name, args, condition);
    this.#depth -= 1;
    return result;
  }
  #apart(fn: Fn, args: readonly Value[], state: State | undefined, condition: Term, isCore: boolean): Term | undefined {
    const { sound } = this;
    const { q, metal } = sound;
    const terms = args.filter((a): a is Term => !(a instanceof State));
    const label = `before ${fn.name}`;
    if (!isCore) this.#goalArguments(fn, args, condition, label);
    const needs = RUNNING.has(fn.name);
    if (state !== undefined && STARTING.has(fn.name) && !UNPLANNED.has(fn.name)) {
      q.goal(`${label}: a plan`, implies(condition, sound.says('planned', state, []) ?? T.TRUE), true);
    }
    if (state !== undefined && needs) sound.goal(label, state, condition, this.#known);
    const writes = sound.analysis.writes(fn.name);
    if (state !== undefined && writes.size > 0) sound.forget(state, writes, condition);
    const type = metal.unit.signatures.get(fn.name)?.result ?? 'void';
    if (type === 'state') throw new Error('a state as a result');
    const result = type === 'void' ? undefined : this.unknown(fn.name, type === 'word');
    const value = type === 'bool' && result !== undefined ? not(eq(result, word(0))) : result;
    if (state !== undefined && (this.runs || needs) && writes.size > 0) {
      sound.assume(state, condition);
      this.#known = state.copy();
    }
    const post = sound.says(`post_${fn.name}`, state?.copy() ?? EMPTY, [value, ...terms]);
    if (post !== undefined) q.assume(implies(condition, post));
    if (fn.name === 'boot' && state !== undefined && value !== undefined) {
      const accepted = and(condition, eq(value, constantOf(metal, 'OK')));
      q.assume(implies(accepted, sound.says('core', state.copy(), []) ?? T.TRUE));
    }
    if (NEVER_RETURNS.has(fn.name)) {
      this.dead.push({ condition, goals: q.goals.length, obligations: this.obligations.length });
    }
    if (fn.name === 'layoutIsSound' && state !== undefined && value !== undefined)
      assumeLayout(sound, state, and(condition, value), this.p);
    return value;
  }
  /** What a function asks of its arguments. */
  #goalArguments(fn: Fn, args: readonly Value[], condition: Term, label: string): void {
    const { q, metal } = this.sound;
    const types = metal.unit.signatures.get(fn.name)?.parameters ?? [];
    const state = args.find((a) => a instanceof State);
    fn.parameters.forEach((name, i) => {
      const arg = args[i];
      if (arg instanceof State) return;
      if (types[i] === 'word' && TEXTS.has(name)) {
        q.goal(`${label}: ${name} is a text`, implies(condition, T.bool(isText(arg))), true);
      } else if (types[i] === 'word' && name === 'page' && state !== undefined) {
        const p = args[fn.parameters.indexOf('p')];
        q.goal(`${label}: its own page`, implies(condition, eq(arg, pageOf(this.sound, state, p as Term))), true);
      } else if ((name === 'p' || name === 'q') && state !== undefined) {
        q.goal(`${label}: a partition`, implies(condition, and(sle(word(0), arg), slt(arg, state.field('np')))), true);
      }
    });
    if (NEEDS_ROWS.has(fn.name) && state !== undefined) {
      const row = T.wordVar('row.regionFrame');
      q.goal(`${label}: rows are sound`, implies(condition, rowIsSound(this.sound, state, row)), true);
    }
    const terms = args.filter((a): a is Term => !(a instanceof State));
    const pre = this.sound.says(`pre_${fn.name}`, state ?? EMPTY, terms);
    if (pre !== undefined) q.goal(`${label}: arguments`, implies(condition, pre), true);
  }

  // ---- loops: any turn, after any turns
  protected override get mostUnrolled(): number {
    return 0;
  }
  protected override isGeneral(loop: Loop, fn: Fn): boolean {
    this.#within = fn.name;
    this.#ofLoop.set(loop, fn.name);
    // Of the rows that are all found sound, what follows makes use.
    return fn.name !== 'layoutIsSound' || loop.index !== 'row';
  }
  /** The function whose loop is next. */
  #within = '';
  readonly #ofLoop = new Map<Loop, string>();
  readonly #counted: { readonly start: Term; readonly index: Term; readonly from: Term }[] = [];
  protected override forget(loop: Loop, last: LastTurn, condition: Term, states: ReadonlySet<State>): void {
    const { sound } = this;
    const [state] = states;
    const writes = sound.analysis.writtenIn(loop.body);
    // The last turn is one of the turns.
    sound.q.assume(implies(condition, and(sle(last.from, last.index), slt(last.index, last.to))));
    // A minimum of what is at least 1, which begins with what is: shown by the function's result.
    if (assigns(loop, 'least')) sound.q.assume(sle(word(1), T.wordVar(`${String(last.index.payload)}.least`)));
    if (state === undefined || writes.size === 0) return;
    if (this.runs) sound.goal('before a loop', state, condition, this.#known);
    const held = sound.says(`inv_${this.#within}`, state, []);
    if (held !== undefined) sound.q.goal('before a loop: its own', implies(condition, held), true);
    const start = sound.says('inLog', state, []) ?? word(0);
    sound.forget(state, writes, condition);
    this.#counted.push({ start, index: last.index, from: last.from });
    if (!this.runs) return;
    sound.assume(state, condition);
    const kept = sound.says(`inv_${this.#within}`, state.copy(), []);
    if (kept !== undefined) sound.q.assume(implies(condition, kept));
    if (isAppending(loop)) sound.q.assume(implies(condition, this.#appended(state, last.index)));
    this.#known = state.copy();
  }
  /** So many bytes are in the log when the loop with this index begins a turn: one has come with each. */
  #appended(state: State, index: Term): Term {
    const { start, from } = this.#counted.at(-1) ?? { start: word(0), from: word(0) };
    return eq(this.sound.says('inLog', state, []) ?? word(0), T.add(start, T.sub(index, from)));
  }
  protected override turned(condition: Term, states: ReadonlySet<State>, loop: Loop): void {
    const [state] = states;
    if (state === undefined || !this.runs) return;
    if (this.sound.analysis.writtenIn(loop.body).size === 0) return;
    this.sound.goal('after a turn', state, condition, this.#known);
    const kept = this.sound.says(`inv_${this.#ofLoop.get(loop) ?? ''}`, state, []);
    if (kept !== undefined) this.sound.q.goal('after a turn: its own', implies(condition, kept), true);
    if (!isAppending(loop)) return;
    const { index } = this.#counted.at(-1) ?? { index: word(0) };
    this.sound.q.goal('a byte a turn', implies(condition, this.#appended(state, T.add(index, word(1)))), true);
  }
  protected override product(a: Term, b: Term, exact: (result: Term, condition: Term) => Term): Term {
    const result = T.mul(a, b);
    return exact(result, eq(L.sext(result), L.mul64(L.sext(a), L.sext(b))));
  }
  atEnd(state: State, condition: Term): void {
    if (this.runs) this.sound.goal('at the end', state, condition, this.#known);
  }

  // ---- memory
  protected override intrinsic(name: string, args: readonly Term[], condition: Term): Term | undefined {
    const bytes = BYTES[name];
    if (bytes === undefined) return super.intrinsic(name, args, condition);
    if (name.endsWith('Float')) {
      const n = T.valueOf(args[0]) ?? 0;
      this.#access(name, L.add64(args[1], L.long(8 * n)), bytes, condition);
      return undefined;
    }
    if (!READS_TREE.has(this.subject)) this.#access(name, args[0], bytes, condition);
    if (!name.startsWith('load')) return undefined;
    const value = this.unknown(name, bytes === 8);
    // lbu
    if (bytes === 1) this.sound.q.assume(and(sle(word(0), value), slt(value, word(256))));
    return value;
  }
  #access(what: string, at: Term, bytes: number, condition: Term): void {
    const { q } = this.sound;
    const goal = (where: string, is: Term): void =>
      q.goal(`${what} of ${where} (${T.show(at, 4)})`, implies(condition, is), true);
    const within = (offset: Term, size: Term): Term =>
      and(L.ult64(offset, size), not(L.ult64(L.sub64(size, L.long(bytes)), offset)), not(L.ult64(size, L.long(bytes))));
    const place = placeOf(at);
    if (place !== undefined) {
      const size = (this.program.tables.get(place.table)?.size ?? 0) * 4;
      return goal(place.table, within(place.at, L.long(size)));
    }
    const bases = [...L.linearOf(at).parts.keys()];
    const image = bases.find(isText);
    if (image !== undefined) {
      const [kind, n] = image.op === 'ite' ? ['text', ''] : String(image.payload).split(' ');
      const name = kind === 'symbol' ? (this.sound.metal.unit.texts[Number(n)] ?? '') : '';
      const np = this.#known.fields.get('np') ?? word(0);
      const size = kind === 'text' ? word(LONGEST_TEXT) : (OBJECTS[name]?.(np) ?? word(0));
      return goal(name === '' ? 'a text' : name, within(L.sub64(at, image), L.sext(size)));
    }
    const [cell] = bases.flatMap((t) => (t.op === 'sext' && t.args[0].op === 'cell' ? [t.args[0]] : []));
    const table = cell === undefined ? '' : String(cell.payload).slice(String(cell.payload).indexOf('.') + 1);
    if (cell !== undefined && (table === 'regionFrame' || table.startsWith('blob'))) {
      return this.#partition(goal, what.startsWith('store'), table, cell, at, bytes);
    }
    const devices = DEVICES.map(([first, end]) => within(L.sub64(at, L.long(first)), L.long(end - first)));
    goal('a device', or(...devices));
  }
  /** Memory of the partition that the function works for: a region that is its own, or a blob of the image that is read. */
  #partition(
    goal: (where: string, is: Term) => void,
    stores: boolean,
    table: string,
    cell: Term,
    at: Term,
    bytes: number,
  ): void {
    const { metal } = this.sound;
    const p = this.p ?? this.#known.field('current');
    const name = (suffix: string, row: Term): Term => this.#known.cell(suffix, row);
    const last = L.add64(at, L.long(bytes - 1));
    const [row] = cell.args;
    const first = T.shl(p, word(3));
    if (table !== 'regionFrame') {
      // By page frames, which theorem ADDRESS shows to be enough: the solvers do badly at products of 64 bits.
      const { parts, constant } = L.linearOf(at);
      const [i] = [...parts].flatMap(([t, by]) => (by === 8n && t.op === 'sext' ? [t.args[0]] : []));
      const isBlob = parts.size === 2 && parts.get(L.sext(cell)) === 4096n && constant === 0n && bytes === 8;
      if (i === undefined || !isBlob) return goal('a blob', T.FALSE);
      const end = (limit: Term): Term => isInFrames(cell, i, limit);
      const kernelEnd = T.wordVar('kernelEnd');
      if (table === 'blobFrom')
        return goal('the image', and(T.bool(!stores), sle(constantOf(metal, 'KERNEL_FIRST'), cell), end(kernelEnd)));
      const into = (region: Term): Term => {
        const begin = name('regionFrame', region);
        const limit = T.add(begin, T.shl(word(1), name('regionShift', region)));
        const memory = not(eq(T.band(name('regionRights', region), constantOf(metal, 'R_MEMORY')), word(0)));
        return and(memory, sle(begin, cell), end(limit));
      };
      return goal('its own memory', or(into(first), into(T.add(first, word(2)))));
    }
    const regions = [row];
    const isIn = (region: Term): Term => {
      const rights = name('regionRights', region);
      const frame = L.sext(name('regionFrame', region));
      const begin = L.mul64(frame, L.long(1 << FRAME_SHIFT));
      const size = L.shl64(L.long(1 << FRAME_SHIFT), name('regionShift', region));
      const has = (x: Term): Term => L.ult64(L.sub64(x, begin), size);
      const memory = not(eq(T.band(rights, constantOf(metal, 'R_MEMORY')), word(0)));
      // Code is written when it is loaded, and only then.
      const writable = not(eq(T.band(rights, constantOf(metal, 'R_WRITE')), word(0)));
      const may = stores && this.subject !== 'loadSlice' ? and(memory, writable) : memory;
      return and(sle(first, region), slt(region, T.add(first, word(8))), may, has(at), has(last));
    };
    goal('its own memory', or(...regions.map(isIn)));
  }
}
const assigns = (loop: Loop, local: string): boolean => {
  let found = false;
  eachNode(loop.body, (n) => {
    const s = n as Statement;
    found ||= s.kind === 'assign' && s.target.kind === 'local' && s.target.name === local;
  });
  return found;
};
/** Puts a byte into the log in each turn. */
const isAppending = (loop: Loop): boolean => {
  let found = false;
  eachNode(loop.body, (n) => (found ||= (n as Expression).kind === 'call' && (n as Call).name === 'append'));
  return found;
};
/** The address of a text, or of an object of the image, or one of several. */
const isText = (t: Term): boolean =>
  t.op === 'ite' ? isText(t.args[1]) && isText(t.args[2]) : t.op === 'var' && /^(text|symbol) /.test(String(t.payload));
const EMPTY = new State(new Map(), new Map(), () => false);

function pageOf(sound: Sound, state: State, p: Term): Term {
  const execution = new MetalExecution(sound.metal.program, 'page');
  return execution.call('dataOf', [state, p]) ?? word(0);
}
/** Of a row of regions. */
function rowIsSound(sound: Sound, state: State, row: Term): Term {
  const execution = new MetalExecution(sound.metal.program, 'row');
  const is = execution.holds('regionIsSound', state, row);
  return implies(and(sle(word(0), row), slt(row, T.shl(state.field('np'), word(3)))), is);
}
function assumeRows(sound: Sound, state: State, condition: Term): void {
  const copy = state.copy();
  for (const table of ['regionFrame', 'regionShift', 'regionRights']) {
    sound.q.assumeEverywhere(table, (row) => implies(condition, rowIsSound(sound, copy, row)));
  }
}
/** What `layoutIsSound` has found of all rows, and of p; read off the functions of the kernel that it asks. */
function assumeLayout(sound: Sound, state: State, condition: Term, p: Term | undefined): void {
  const { q, metal } = sound;
  const { program } = metal;
  const [kernelEnd, copy] = [T.wordVar('kernelEnd'), state.copy()];
  assumeRows(sound, state, condition);
  const holds = (name: string, ...args: readonly Value[]): Term => {
    const execution = new MetalExecution(program, `layout${name}`);
    const result = execution.holds(name, ...args);
    q.assumeScans(execution);
    return result;
  };
  q.assume(implies(condition, and(sle(constantOf(metal, 'KERNEL_FIRST'), kernelEnd), slt(kernelEnd, word(1 << 22)))));
  for (const one of p === undefined ? [copy.field('current')] : [p]) {
    q.assume(implies(condition, holds('partitionIsSound', copy, one, kernelEnd)));
    const first = T.mul(one, constantOf(metal, 'MAX_BLOBS'));
    for (const table of ['blobFrom', 'blobTo', 'blobLength']) {
      q.assumeEverywhere(table, (row) => {
        const i = T.sub(row, first);
        const is = replacedRow(holds('blobIsSound', copy, one, i, kernelEnd), T.add(first, i), row);
        return implies(and(condition, sle(word(0), i), slt(i, constantOf(metal, 'MAX_BLOBS'))), is);
      });
    }
  }
}
/** first + (row - first) is the row. */
const replacedRow = (t: Term, sum: Term, row: Term): Term => T.substitute(t, sum, row);

/** What a choice may be, and when. */
function ways(
  t: Term | undefined,
  when: readonly Term[] = [],
): { readonly when: readonly Term[]; readonly value: Term | undefined }[] {
  if (t?.op !== 'ite' || t.sort !== 'long') return [{ when, value: t }];
  const parts = (c: Term): readonly Term[] => (c.op === 'and' ? c.args : [c]);
  return [...ways(t.args[1], [...when, ...parts(t.args[0])]), ...ways(t.args[2], [...when, ...parts(not(t.args[0]))])];
}
/** Reset clears it, whole (SWITCH). */
const resetState = (program: Program): State =>
  new State(
    new Map([...program.tables.keys()].map((t) => [t, new Zero()])),
    new Map([...program.fields.keys()].map((f) => [f, word(0)])),
    () => false,
  );

/** SAFE of one function. */
export function askSafe(metal: MetalProgram, name: string): Question {
  const sound = new Sound(metal, name);
  const { q } = sound;
  const { program, unit } = metal;
  const fn = program.functions.get(name);
  const types = unit.signatures.get(name)?.parameters;
  if (fn === undefined || types === undefined) throw new Error(`no function ${name}`);
  const any = State.any(program, 'M', sound.isPlan);
  const state = name === 'main' ? resetState(program) : new State(any.tables, any.fields, sound.isPlan);
  const p = fn.parameters.includes('p') ? T.wordVar('p') : undefined;
  const args = types.map((type, i): Value => {
    const parameter = fn.parameters[i];
    if (type === 'state') return state;
    if (type === 'word' && TEXTS.has(parameter)) return L.longVar('text 0');
    if (type === 'word' && parameter === 'page') return pageOf(sound, state, T.wordVar('p'));
    if (type === 'word') return L.longVar(parameter);
    return type === 'bool' ? T.boolVar(parameter) : T.wordVar(parameter);
  });
  if (types.includes('state') && !UNPLANNED.has(name)) {
    q.assume(sound.says('planned', state, []) ?? T.TRUE);
    if (p !== undefined) {
      q.assume(sle(word(0), p), slt(p, state.field('np')));
      q.seed(p);
    }
    if (fn.parameters.includes('q')) q.assume(sle(word(0), T.wordVar('q')), slt(T.wordVar('q'), state.field('np')));
    if (RUNNING.has(name)) {
      sound.assume(state, T.TRUE);
      assumeLayout(sound, state, T.TRUE, p);
    }
    if (NEEDS_ROWS.has(name)) assumeRows(sound, state, T.TRUE);
  }
  const pre = sound.says(
    `pre_${name}`,
    state,
    args.filter((a): a is Term => !(a instanceof State)),
  );
  if (pre !== undefined) q.assume(pre);
  // The image's end is an address of the board's RAM (system-image.ts).
  q.assume(L.ult64(L.longVar(`symbol ${unit.texts.indexOf('kernelEnd')}`), L.long(1n << 34n)));
  const execution = new SafeExecution(sound, name, state, p);
  const before = state.copy();
  const result = execution.call(name, args);
  q.assumeScans(execution);
  // TRAP: who is interrupted and given on the short way is the same.
  if (name === 'trap') {
    for (const f of ['current', 'isGuest', 'confined']) q.goal(`${f} stays`, eq(state.field(f), before.field(f)), true);
  }
  // Where traps lead is the stubs' own: SWITCH.
  if (RUNNING.has(name)) q.goal('mtvec stays', T.bool(!execution.csrs.has(MTVEC)), true);
  // What comes before a call that never returns is not shown by its not returning.
  const alive = (n: number, of: 'goals' | 'obligations'): Term =>
    and(...execution.dead.filter((d) => d[of] <= n).map((d) => not(d.condition)));
  q.goals.splice(0, Infinity, ...q.goals.map((g, n) => ({ ...g, term: implies(alive(n, 'goals'), g.term) })));
  execution.obligations.forEach(({ goal, what, where }, n) => {
    q.goal(`${what}: ${where}`, implies(alive(n, 'obligations'), goal), true);
  });
  const returns = alive(Infinity, 'goals');
  execution.atEnd(state, returns);
  const terms = args.filter((a): a is Term => !(a instanceof State));
  for (const { when, value } of ways(result)) {
    const post = sound.says(`post_${name}`, state, [value, ...terms]);
    if (post === undefined) break;
    const known = new Map<Term, Term>();
    for (const c of when) T.learn(known, c);
    const short = T.replaced(post, known);
    for (const part of short.op === 'and' ? short.args : [short])
      q.goal('its result', implies(and(returns, ...when), part), true);
  }
  return q;
}
