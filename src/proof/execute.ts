// Symbolic execution: runs a function of the core on terms instead of numbers, all paths at once. There is no list of
// paths: a write is guarded by the condition under which it happens, and where paths join, a local becomes a choice.
//
// Loops have three shapes, everything else is refused: a constant number of turns (unrolled); pointwise (each table
// written at the loop's own index + something that the loop does not change: all turns at once); scan (a loop that only
// looks, and returns at the first row that it finds).
//
// On the way, obligations are collected: indices in bounds, sums exact in 32 bits, shift counts below 32. Theorem SAFE is
// that they hold; all other theorems read the program's arithmetic as 32-bit arithmetic and so rest on it.
import { OutsideLanguage, positionOf } from './language.ts';
import { Mapped, State, Stored } from './state.ts';
import * as L from './long.ts';
import * as T from './term.ts';
import type { Call, Expression, Fn, Place, Program, Span, Statement } from './language.ts';
import type { Term } from './term.ts';

const { TRUE, FALSE, and, eq, implies, ite, not, or, sle, slt, word } = T;

/** Loops with at most this many turns are unrolled. */
const UNROLL = 64;

export type Value = Term | State;
type Loop = Statement & { readonly kind: 'for' };
/** A loop of which the last turn is executed. */
export interface LastTurn {
  readonly index: Term;
  readonly from: Term;
  readonly to: Term;
  /** Of the loop, in this execution. */
  readonly number: number;
}

export interface Obligation {
  readonly goal: Term;
  readonly what: 'in bounds' | 'exact in 32 bits' | 'shift count';
  readonly where: string;
}

/**
 * A scan loop: `found` says whether there is a row with `bad(row)`, from <= row < to, and `witness` is then one. Two
 * indices, because what is said of the row that was found must not hold for any row that is looked at.
 */
export interface Scan {
  readonly reached: Term;
  readonly found: Term;
  readonly witness: Term;
  readonly from: Term;
  readonly to: Term;
  /** `row` is the loop's index; `bad` contains from <= row < to. */
  readonly row: Term;
  readonly bad: Term;
  /** Which kinds of row it looks at: the domains of the tables that it reads at its own index. */
  readonly domains: ReadonlySet<string>;
  /** It takes its index apart: row = high * factor + low. */
  readonly pairs: Pairs | undefined;
  readonly where: string;
}
/** Domains of the tables that a scan reads at `row >> n` (or `(row / factor) | 0`), and at `row & (factor - 1)`. */
export interface Pairs {
  readonly factor: number;
  readonly high: ReadonlySet<string>;
  readonly low: ReadonlySet<string>;
}

/** A loop whose number of turns the state decides: counted by BOUND. */
export interface Trip {
  readonly turns: Term;
  /** Each turn writes a row of its own in a table with so many: there are no more turns (SAFE: they are in bounds). */
  readonly atMost: number | undefined;
  readonly steps: number;
  readonly where: string;
}

interface Frame {
  readonly fn: Fn;
  /** Under this condition the function is called; and, of what follows in it, this is still running. */
  readonly entered: Term;
  running: Term;
  locals: Map<string, Value>;
  readonly returns: { readonly guard: Term; readonly value: Term | undefined }[];
}
interface PointwiseLoop {
  readonly index: Term;
  readonly frame: Frame;
  readonly outer: ReadonlySet<string>;
  readonly reads: { readonly place: Place & { kind: 'cell' }; readonly state: State; readonly index: Term }[];
  readonly writes: Map<string, { readonly state: State; readonly base: Term; readonly index: Term }>;
  wrote: boolean;
  /** Rows of the smallest table that every turn writes. */
  always: number;
  turning: Term;
}

export class Execution {
  readonly program: Program;
  readonly obligations: Obligation[] = [];
  readonly scans: Scan[] = [];
  readonly trips: Trip[] = [];
  /** Equations that are assumed not to hold: what is only done if one does is not looked at. */
  readonly unequal = new Set<Term>();
  /** Functions that have run. */
  readonly called = new Set<string>();
  /** Statements and expressions evaluated outside of such loops; both sides of a branch count. */
  steps = 0;
  readonly #label: string;
  #frames: Frame[] = [];
  #loop: PointwiseLoop | undefined;
  #loops = 0;
  readonly #contexts = new Map<Term, { readonly known: Map<Term, Term>; readonly done: Map<Term, Term> }>();
  /** `label` tells the unknowns of one execution from those of another in the same question. */
  constructor(program: Program, label: string) {
    this.program = program;
    this.#label = label;
  }

  /** The result of a function (undefined if it has none); the states among its arguments are changed in place. */
  call(name: string, args: readonly Value[], condition: Term = TRUE): Term | undefined {
    const fn = this.program.functions.get(name);
    if (fn === undefined) throw new Error(`no function ${name}`);
    this.called.add(name);
    if (fn.parameters.length !== args.length) throw new Error(`${name} takes ${fn.parameters.join(', ')}`);
    const frame: Frame = {
      fn,
      entered: condition,
      running: TRUE,
      locals: new Map(fn.parameters.map((p, i) => [p, args[i]])),
      returns: [],
    };
    this.#frames.push(frame);
    this.#run(fn.body);
    this.#frames.pop();
    const values = frame.returns.filter((r) => r.value !== undefined);
    const last = values.pop();
    if (last?.value === undefined) return undefined;
    if (frame.running !== FALSE || values.length + 1 !== frame.returns.length) {
      throw new OutsideLanguage('every path returns a value, or none does', fn.file, fn.span);
    }
    // Each guard says that those before it did not hold, which the choice says as well.
    const before = new Map<Term, Term>();
    const guards = values.map(({ guard }) => {
      const short = T.replaced(guard, before);
      before.set(guard.op === 'not' ? guard.args[0] : guard, guard.op === 'not' ? TRUE : FALSE);
      before.set(short.op === 'not' ? short.args[0] : short, short.op === 'not' ? TRUE : FALSE);
      return short;
    });
    return values.reduceRight((rest, r, i) => ite(guards[i], r.value ?? rest, rest), last.value);
  }
  /** The result of a predicate. */
  holds(name: string, ...args: readonly Value[]): Term {
    const result = this.call(name, args);
    if (result?.sort !== 'bool') throw new Error(`${name} is no predicate`);
    return result;
  }

  // ---- for programs on bare metal (src/proof/metal)
  /** The index of the loop whose turns are all executed at once; undefined: none is. */
  protected get turn(): Term | undefined {
    return this.#loop?.index;
  }
  /** Turns of a loop that only looks and returns false, which are enough for what is to be shown; undefined: all. */
  protected turnsOf(_fn: string, _index: string): readonly Term[] | undefined {
    return undefined;
  }
  /** Loops of a constant number of turns are run turn by turn up to this number. */
  protected get mostUnrolled(): number {
    return UNROLL;
  }
  /** Whether this loop is of no shape that is followed turn by turn: then its last turn is, after any that came before. */
  protected isGeneral(_loop: Loop, _fn: Fn): boolean {
    return false;
  }
  /** Before the last turn: what the turns before it may have written is any value, under `condition`. */
  protected forget(_loop: Loop, _last: LastTurn, _condition: Term, _states: ReadonlySet<State>): void {}
  /** After the last turn. */
  protected turned(_condition: Term, _states: ReadonlySet<State>, _loop: Loop): void {}
  /** A product of two unknowns. */
  protected product(
    _a: Term,
    _b: Term,
    _exact: (result: Term, condition: Term) => Term,
    refuse: () => OutsideLanguage,
  ): Term {
    throw refuse();
  }
  /** The address of a table of the program. */
  protected addressOf(_table: string): Term | undefined {
    return undefined;
  }

  // ---- where we are
  get #frame(): Frame {
    const frame = this.#frames.at(-1);
    if (frame === undefined) throw new Error('not running');
    return frame;
  }
  get #condition(): Term {
    return and(this.#frame.entered, this.#frame.running);
  }
  /** A value, simplified by the condition under which it is used here. */
  #here(value: Term): Term {
    const condition = this.#condition;
    if (value.args.length === 0 || condition === TRUE) return value;
    let context = this.#contexts.get(condition);
    if (context === undefined) {
      const parts = condition.op === 'and' ? condition.args : [condition];
      context = { known: new Map(), done: new Map() };
      for (const part of parts) T.learn(context.known, part);
      this.#contexts.set(condition, context);
    }
    let result = context.done.get(value);
    if (result === undefined) {
      result = T.replaced(value, context.known);
      context.done.set(value, result);
    }
    return result;
  }
  #refuse(message: string, at: { readonly span: Span }): OutsideLanguage {
    return new OutsideLanguage(message, this.#frame.fn.file, at.span);
  }
  #where(at: { readonly span: Span }): string {
    const { file } = this.#frame.fn;
    const { line } = positionOf(file.text, at.span.start);
    return `${file.name}:${line} ${file.text.slice(at.span.start, at.span.end).split('\n', 1)[0]}`;
  }
  #oblige(what: Obligation['what'], condition: Term, at: { readonly span: Span }): void {
    const goal = implies(this.#condition, condition);
    if (goal !== TRUE) this.obligations.push({ goal, what, where: this.#where(at) });
  }

  // ---- statements
  #run(statements: readonly Statement[]): void {
    for (const s of statements) if (this.#frame.running !== FALSE) this.#statement(s);
  }
  #statement(s: Statement): void {
    const frame = this.#frame;
    this.steps += 1;
    switch (s.kind) {
      case 'block':
        this.#scoped(() => this.#run(s.body));
        return;
      case 'declare':
        if (frame.locals.has(s.name)) throw this.#refuse('a second local of this name', s);
        frame.locals.set(s.name, this.#evaluate(s.value));
        return;
      case 'assign':
        this.#assign(s);
        return;
      case 'do':
        this.#callExpression(s.call);
        return;
      case 'return':
        frame.returns.push({
          guard: frame.running,
          value: s.value === undefined ? undefined : this.#evaluate(s.value),
        });
        frame.running = FALSE;
        return;
      case 'if':
        this.#branch(
          this.#condition_(s.test),
          () => this.#scoped(() => this.#run(s.yes)),
          () => this.#scoped(() => this.#run(s.no)),
        );
        return;
      case 'for':
        this.#for(s);
        return;
      case 'fill':
        this.#fill(s);
        return;
    }
  }
  /** Locals declared within end with it. */
  #scoped(body: () => void): void {
    const outer = new Set(this.#frame.locals.keys());
    body();
    for (const name of this.#frame.locals.keys()) if (!outer.has(name)) this.#frame.locals.delete(name);
  }
  #branch(test: Term, then: () => void, otherwise: () => void): void {
    if (test === TRUE) return then();
    if (test === FALSE) return otherwise();
    const frame = this.#frame;
    const before = frame.locals;
    const running = frame.running;
    const side = (condition: Term, body: () => void) => {
      frame.locals = new Map(before);
      frame.running = and(running, condition);
      const entered = frame.running;
      if (entered !== FALSE) body();
      return { whole: frame.running === entered, running: frame.running, locals: frame.locals };
    };
    const a = side(test, then);
    const b = side(not(test), otherwise);
    frame.running = a.whole && b.whole ? running : or(a.running, b.running);
    frame.locals = new Map();
    for (const name of before.keys()) {
      const [x, y] = [a.locals.get(name), b.locals.get(name)];
      if (x === undefined || y === undefined) throw new Error(`lost local ${name}`);
      const merged = x === y || b.running === FALSE ? x : a.running === FALSE ? y : ite(test, x as Term, y as Term);
      frame.locals.set(name, merged);
    }
  }

  // ---- places
  #state(name: string, at: { readonly span: Span }): State {
    const state = this.#frame.locals.get(name);
    if (!(state instanceof State)) throw this.#refuse(`${name} is no state`, at);
    return state;
  }
  #index(place: Place & { kind: 'cell' }): Term {
    const table = this.program.tables.get(place.table);
    if (table === undefined) throw this.#refuse('no such table', place);
    const index = this.#int(place.index);
    this.#oblige('in bounds', and(sle(word(0), index), slt(index, word(table.size))), place);
    return index;
  }
  #read(place: Place): Term {
    const state = this.#state(place.state, place);
    if (place.kind === 'field') {
      if (!state.fields.has(place.field)) throw this.#refuse('no such field', place);
      return this.#here(state.field(place.field));
    }
    return this.#readCell(place, state, this.#index(place));
  }
  #readCell(place: Place & { kind: 'cell' }, state: State, index: Term): Term {
    this.#loop?.reads.push({ place, state, index });
    return this.#here(state.cell(place.table, index));
  }
  #assign(s: Statement & { kind: 'assign' }): void {
    const { target, op } = s;
    const updated = (current: () => Term): Value =>
      op === undefined
        ? this.#evaluate(s.value)
        : this.#arithmetic(op, current(), this.#int(s.value), { span: s.span }, false);
    if (target.kind === 'local') {
      const { locals } = this.#frame;
      if (!locals.has(target.name)) throw this.#refuse('no such local', s);
      if (this.#loop !== undefined && this.#loop.frame === this.#frame && this.#loop.outer.has(target.name)) {
        throw this.#refuse('a loop with a variable number of turns writes no local from outside', s);
      }
      locals.set(
        target.name,
        updated(() => locals.get(target.name) as Term),
      );
      return;
    }
    const state = this.#state(target.state, target);
    if (target.kind === 'field') {
      const value = this.#word(
        updated(() => this.#read(target)),
        s,
      );
      // Not as it is read here: where the condition does not hold, nothing may be said of it by the condition.
      const before = state.field(target.field);
      this.#mayWrite(state, target.field, s);
      if (this.#loop !== undefined) throw this.#refuse('a loop with a variable number of turns writes tables only', s);
      state.fields.set(target.field, ite(this.#condition, value, before));
      return;
    }
    const index = this.#index(target);
    const value = this.#word(
      updated(() => this.#readCell(target, state, index)),
      s,
    );
    this.#mayWrite(state, target.table, s);
    const contents = state.tables.get(target.table);
    if (contents === undefined) throw this.#refuse('no such table', s);
    if (this.#loop !== undefined) this.#writeInLoop(this.#loop, state, target.table, index, s);
    state.tables.set(target.table, new Stored(contents, this.#condition, index, value));
  }
  #mayWrite(state: State, name: string, at: { readonly span: Span }): void {
    if (state.isPlan(name)) {
      throw this.#refuse(`STATIC: ${name} has no view in spec.ts (vis_${name} or see_${name}), so it is the plan`, at);
    }
    if (this.#loop !== undefined) this.#loop.wrote = true;
  }
  #fill(s: Statement & { kind: 'fill' }): void {
    const state = this.#state(s.state, s);
    const table = this.program.tables.get(s.table);
    const contents = state.tables.get(s.table);
    if (table === undefined || contents === undefined) throw this.#refuse('no such table', s);
    const [value, from, to] = [this.#int(s.value), this.#int(s.from), this.#int(s.to)];
    this.#oblige('in bounds', and(sle(word(0), from), sle(from, to), sle(to, word(table.size))), s);
    if (this.#loop !== undefined) throw this.#refuse('fill in a loop', s);
    this.#mayWrite(state, s.table, s);
    this.trips.push({ turns: T.sub(to, from), atMost: table.size, steps: 1, where: this.#where(s) });
    const index = T.wordVar(`${this.#label}.fill${(this.#loops += 1)}`);
    const range = { from, to, base: word(0) };
    state.tables.set(s.table, new Mapped(contents, this.#condition, range, index, value));
  }

  // ---- loops
  #for(s: Statement & { kind: 'for' }): void {
    const frame = this.#frame;
    const [from, to] = [this.#int(s.from), this.#int(s.to)];
    if (frame.locals.has(s.index)) throw this.#refuse('a second local of this name', s);
    const chosen = this.turnsOf(frame.fn.name, s.index);
    if (chosen !== undefined) return this.#someTurns(s, chosen, from, to);
    const [first, end] = [T.valueOf(from), T.valueOf(to)];
    if (first !== undefined && end !== undefined && end - first <= this.mostUnrolled) {
      for (let i = first; i < end && frame.running !== FALSE; i++) {
        frame.locals.set(s.index, word(i));
        this.#scoped(() => this.#run(s.body));
        frame.locals.delete(s.index);
        this.#endStays(s, to);
      }
      return;
    }
    if (this.isGeneral(s, frame.fn)) return this.#lastTurn(s, from, to);
    if (this.#loop !== undefined) throw this.#refuse('a loop with a variable number of turns within another', s);

    const name = `${this.#label}.${s.index}${(this.#loops += 1)}`;
    const index = T.wordVar(name);
    const running = frame.running;
    const returned = frame.returns.length;
    const steps = this.steps;
    const before = new Map<State, State>();
    for (const f of this.#frames) {
      for (const v of f.locals.values()) if (v instanceof State) before.set(v, v.copy());
    }
    const loop: PointwiseLoop = {
      index,
      frame,
      outer: new Set(frame.locals.keys()),
      reads: [],
      writes: new Map(),
      wrote: false,
      always: Infinity,
      turning: TRUE,
    };
    this.#loop = loop;
    frame.locals.set(s.index, index);
    const turning = and(running, sle(from, index), slt(index, to));
    frame.running = turning;
    loop.turning = this.#condition;
    this.#scoped(() => this.#run(s.body));
    frame.locals.delete(s.index);
    this.#loop = undefined;
    const left = frame.running;
    frame.running = running;
    this.#endStays(s, to);
    const turns = T.sub(to, from);
    const atMost = loop.always === Infinity ? undefined : loop.always;
    this.trips.push({ turns, atMost, steps: this.steps - steps + 1, where: this.#where(s) });
    this.steps = steps;

    if (frame.returns.length > returned) this.#scan(s, loop, frame.returns.splice(returned), from, to);
    else this.#pointwise(s, loop, left === turning, before, from, to);
  }
  #lastTurn(s: Loop, from: Term, to: Term): void {
    if (this.#loop !== undefined) throw this.#refuse('a loop of no known shape within another', s);
    const frame = this.#frame;
    const index = T.wordVar(`${this.#label}.${s.index}${(this.#loops += 1)}`);
    const states = new Set([...frame.locals.values()].filter((v) => v instanceof State));
    this.#branch(
      slt(from, to),
      () => {
        this.forget(s, { index, number: this.#loops, from, to }, this.#condition, states);
        for (const name of assignedIn(s.body)) {
          const local = frame.locals.get(name);
          if (local === undefined || local instanceof State) continue;
          frame.locals.set(name, { ...T, ...L }[VARIABLES[local.sort]](`${index.payload}.${name}`));
        }
        frame.running = and(frame.running, sle(from, index), slt(index, to));
        frame.locals.set(s.index, index);
        this.#scoped(() => this.#run(s.body));
        frame.locals.delete(s.index);
        this.turned(this.#condition, states, s);
      },
      () => {},
    );
  }
  /** If the function returned true, these turns have not returned: less than what is known. */
  #someTurns(s: Statement & { kind: 'for' }, turns: readonly Term[], from: Term, to: Term): void {
    const frame = this.#frame;
    const returned = frame.returns.length;
    for (const turn of turns) {
      this.#branch(
        and(sle(from, turn), slt(turn, to)),
        () => {
          frame.locals.set(s.index, turn);
          this.#scoped(() => this.#run(s.body));
          frame.locals.delete(s.index);
        },
        () => {},
      );
    }
    if (frame.returns.slice(returned).some((r) => r.value !== FALSE)) throw this.#refuse('a loop returns false', s);
  }
  /** JavaScript evaluates the end before every turn, this executor once: so no turn may change it. */
  #endStays(s: Statement & { kind: 'for' }, to: Term): void {
    const { steps } = this;
    const { length } = this.obligations;
    const again = this.#int(s.to);
    this.steps = steps;
    this.obligations.length = length;
    if (again !== to) throw this.#refuse('a loop does not change its own end', s);
  }
  /** Every turn that goes on does nothing, so the loop is one question: is there a row at which it returns? */
  #scan(
    s: Statement & { kind: 'for' },
    loop: PointwiseLoop,
    returns: readonly { readonly guard: Term; readonly value: Term | undefined }[],
    from: Term,
    to: Term,
  ): void {
    const frame = this.#frame;
    if (loop.wrote) throw this.#refuse('a loop that returns from within only looks', s);
    const name = loop.index.payload as string;
    const bad = or(...returns.map((r) => r.guard));
    const found = T.boolVar(`${name}?`);
    const witness = T.wordVar(`${name}*`);
    const domainsAt = (is: (index: Term) => boolean): Set<string> =>
      new Set(loop.reads.filter((r) => is(r.index)).map((r) => this.program.tables.get(r.place.table)?.domain ?? ''));
    const domains = domainsAt((index) => index === loop.index);
    const factor = T.valueOf(from) === 0 ? factorOf(loop) : undefined;
    const pairs =
      factor === undefined
        ? undefined
        : {
            factor,
            high: domainsAt((index) => isHigh(index, loop.index, factor)),
            low: domainsAt((index) => isLow(index, loop.index, factor)),
          };
    this.scans.push({
      reached: this.#condition,
      found,
      witness,
      from,
      to,
      row: loop.index,
      bad,
      domains,
      pairs,
      where: this.#where(s),
    });
    const values = returns.map((r) => r.value);
    const last = values.at(-1);
    const value =
      last === undefined
        ? undefined
        : values.reduceRight((rest, v, i) => ite(returns[i].guard, v as Term, rest as Term), last);
    frame.returns.push({
      guard: and(frame.running, found),
      value: value === undefined ? undefined : T.substitute(value, loop.index, witness),
    });
    frame.running = and(frame.running, not(found));
  }
  #pointwise(
    s: Statement & { kind: 'for' },
    loop: PointwiseLoop,
    whole: boolean,
    before: ReadonlyMap<State, State>,
    from: Term,
    to: Term,
  ): void {
    if (!whole) throw this.#refuse('a loop that writes has no way out', s);
    for (const r of loop.reads) {
      const written = loop.writes.get(r.place.table);
      if (written !== undefined && written.state === r.state && written.index !== r.index) {
        throw new OutsideLanguage(
          'one turn of a loop reads what another has written',
          this.#frame.fn.file,
          r.place.span,
        );
      }
    }
    for (const [table, { state, base, index }] of loop.writes) {
      const value = state.cell(table, index);
      const contents = before.get(state)?.tables.get(table);
      if (contents === undefined) throw this.#refuse('a state from nowhere', s);
      state.tables.set(table, new Mapped(contents, this.#condition, { from, to, base }, loop.index, value));
    }
  }
  #writeInLoop(loop: PointwiseLoop, state: State, table: string, index: Term, at: { readonly span: Span }): void {
    const base = baseOf(index, loop.index);
    if (base === undefined) {
      throw this.#refuse(
        'a loop with a variable number of turns writes at its index + an offset that it does not change',
        at,
      );
    }
    const other = loop.writes.get(table);
    if (other !== undefined && (other.index !== index || other.state !== state)) {
      throw this.#refuse('a loop writes a table at one index', at);
    }
    loop.writes.set(table, { state, base, index });
    const size = this.program.tables.get(table)?.size ?? Infinity;
    if (this.#condition === loop.turning) loop.always = Math.min(loop.always, size);
  }

  // ---- expressions
  #word(v: Value | undefined, at: { readonly span: Span }): Term {
    if (v === undefined || v instanceof State || v.sort !== 'word') throw this.#refuse('an int is needed', at);
    return v;
  }
  #int(e: Expression): Term {
    return this.#word(this.#value(e), e);
  }
  #condition_(e: Expression): Term {
    const v = this.#value(e);
    if (v === undefined || v instanceof State || v.sort !== 'bool') throw this.#refuse('a boolean is needed', e);
    return v;
  }
  #evaluate(e: Expression): Term {
    const v = this.#value(e);
    if (v === undefined || v instanceof State) throw this.#refuse('an int or a boolean is needed', e);
    return v;
  }
  /** Evaluates `e` where `condition` holds as well. */
  #under<R>(condition: Term, evaluate: () => R): R {
    const frame = this.#frame;
    const running = frame.running;
    frame.running = and(running, condition);
    const result = evaluate();
    frame.running = running;
    return result;
  }
  #value(e: Expression): Value | undefined {
    this.steps += 1;
    switch (e.kind) {
      case 'int':
        return word(e.value);
      case 'bool':
        return T.bool(e.value);
      case 'name': {
        const local = this.#frame.locals.get(e.name);
        if (local instanceof State) return local;
        if (local !== undefined) return this.#here(local);
        const constant = this.program.constants.get(e.name);
        if (constant === undefined) throw this.#refuse('no such name', e);
        return word(constant);
      }
      case 'field':
      case 'cell':
        return this.#read(e);
      case 'call':
        return this.#callExpression(e);
      case 'unary':
        return e.op === '!' ? not(this.#condition_(e.value)) : T.bnot(this.#int(e.value));
      case 'logical': {
        const left = this.#condition_(e.left);
        if (e.op === '&&')
          return left === FALSE
            ? FALSE
            : and(
                left,
                this.#under(left, () => this.#condition_(e.right)),
              );
        return left === TRUE
          ? TRUE
          : or(
              left,
              this.#under(not(left), () => this.#condition_(e.right)),
            );
      }
      case 'choice': {
        const test = this.#condition_(e.test);
        if (test === TRUE) return this.#evaluate(e.yes);
        if (test === FALSE) return this.#evaluate(e.no);
        const then = this.#under(test, () => this.#evaluate(e.yes));
        return ite(
          test,
          then,
          this.#under(not(test), () => this.#evaluate(e.no)),
        );
      }
      case 'wrapped':
        return this.#arithmetic(e.op, this.#int(e.left), this.#int(e.right), e, true);
      case 'quotient': {
        const divisor = this.#int(e.right);
        if ((T.valueOf(divisor) ?? 0) <= 0) throw this.#refuse('a divisor is a positive constant', e);
        return T.sdiv(this.#int(e.left), divisor);
      }
      case 'binary': {
        if (e.op !== '===' && e.op !== '!==') {
          if (e.op === '<') {
            const [a, b] = [this.#evaluate(e.left), this.#evaluate(e.right)];
            if (a.sort === 'long' && b.sort === 'long') return L.slt64(a, b);
            return this.#arithmetic(e.op, this.#word(a, e.left), this.#word(b, e.right), e, false);
          }
          return this.#arithmetic(e.op, this.#int(e.left), this.#int(e.right), e, false);
        }
        const [left, right] = [this.#evaluate(e.left), this.#evaluate(e.right)];
        if (left.sort !== right.sort) throw this.#refuse('an int and a boolean', e);
        const same = eq(left, right);
        const equal = this.unequal.has(same) ? FALSE : same;
        return e.op === '===' ? equal : not(equal);
      }
    }
  }
  #callExpression(call: Call): Term | undefined {
    const args = call.args.map((a) => {
      const table = a.kind === 'field' && call.name === 'addressOf' ? this.addressOf(a.field) : undefined;
      const v = table ?? this.#value(a);
      if (v === undefined) throw this.#refuse('an argument without a value', a);
      return v;
    });
    return this.call(call.name, args, this.#condition);
  }
  /** `modular`: modulo 2^32 is meant. Otherwise sums and products are to be exact. */
  #arithmetic(op: string, a: Term, b: Term, at: { readonly span: Span }, modular: boolean): Term {
    const negative = (t: Term) => slt(t, word(0));
    const exact = (result: Term, condition: Term) => {
      if (!modular) this.#oblige('exact in 32 bits', condition, at);
      return result;
    };
    switch (op) {
      case '+': {
        const sum = T.add(a, b);
        return exact(sum, or(not(eq(negative(a), negative(b))), eq(negative(sum), negative(a))));
      }
      case '-': {
        const difference = T.sub(a, b);
        return exact(difference, or(eq(negative(a), negative(b)), eq(negative(difference), negative(a))));
      }
      case '*': {
        const [factor, other] = (T.valueOf(a) ?? 0) > 0 ? [a, b] : [b, a];
        const constant = T.valueOf(factor) ?? 0;
        if (constant <= 0)
          return this.product(a, b, exact, () => this.#refuse('one factor is a positive constant', at));
        const [low, high] = [Math.ceil(-0x8000_0000 / constant), Math.floor(0x7fff_ffff / constant)];
        return exact(T.mul(other, factor), and(sle(word(low), other), sle(other, word(high))));
      }
      case '&':
        return T.band(a, b);
      case '|':
        return T.bor(a, b);
      case '^':
        return T.bxor(a, b);
      case '<<':
      case '>>':
        this.#oblige('shift count', and(sle(word(0), b), slt(b, word(32))), at);
        return op === '<<' ? T.shl(a, b) : T.sar(a, b);
      case '<':
        return slt(a, b);
      case '>':
        return slt(b, a);
      case '<=':
        return sle(a, b);
      case '>=':
        return sle(b, a);
      default:
        throw this.#refuse(`no operator ${op}`, at);
    }
  }
}

const VARIABLES = { bool: 'boolVar', word: 'wordVar', long: 'longVar' } as const;
/** Locals that statements assign to. */
function assignedIn(statements: readonly Statement[]): string[] {
  return statements.flatMap((s) => {
    if (s.kind === 'assign') return s.target.kind === 'local' ? [s.target.name] : [];
    if (s.kind === 'if') return [...assignedIn(s.yes), ...assignedIn(s.no)];
    return s.kind === 'block' || s.kind === 'for' ? assignedIn(s.body) : [];
  });
}

/** `index` - `variable`, if `index` is their sum and the rest does not contain `variable`. */
function baseOf(index: Term, variable: Term): Term | undefined {
  const parts: Term[] = [];
  const collect = (t: Term) => (t.op === 'add' ? t.args.forEach(collect) : parts.push(t));
  collect(index);
  const rest = parts.filter((p) => p !== variable);
  if (rest.length !== parts.length - 1 || rest.some((p) => T.contains(p, variable))) return undefined;
  return rest.reduce((sum, p) => T.add(sum, p), word(0));
}

const isHigh = (index: Term, row: Term, factor: number): boolean =>
  index === T.sar(row, word(Math.log2(factor))) || index === T.sdiv(row, word(factor));
const isLow = (index: Term, row: Term, factor: number): boolean => index === T.band(row, word(factor - 1));
/** The power of two by which a loop takes its index apart, if it reads tables at the parts. */
function factorOf(loop: PointwiseLoop): number | undefined {
  for (let n = 1; n < 31; n++) {
    const factor = 1 << n;
    if (loop.reads.some((r) => isHigh(r.index, loop.index, factor) || isLow(r.index, loop.index, factor))) {
      return factor;
    }
  }
  return undefined;
}
