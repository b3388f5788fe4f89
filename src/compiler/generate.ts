// From the language to blocks: one walk over a function's statements. What dominates is known at every moment, because the
// language is structured.
//
// Indices are not checked: theorem SAFE (src/proof) is that they lie within their tables, that sums are exact in 32
// bits and that shift counts are below 32. `--check` compiles the bounds in, for programs without that proof.
import { OutsideLanguage } from '../proof/language.ts';
import { copyWords, fillWords, pointer } from './block-moves.ts';
import { Builder, constant } from './builder.ts';
import { OPPOSITE, removeDead } from './graph.ts';
import { LEAST_CASES } from './analysis.ts';
import { A0, ZERO, fits } from './instructions.ts';
import { INTRINSICS } from './intrinsic-table.ts';
import { copiedTables } from './layout.ts';
import type { Call, Expression, Fn, Place, Span, Statement } from '../proof/language.ts';
import type { Operand } from './builder.ts';
import type { Block, Graph, Instruction, Operation, Test } from './graph.ts';
import type { Field, Layout } from './layout.ts';
import type { Unit } from './source.ts';
import type { Analysis } from './analysis.ts';

/** Values of a table's cases are at most so large. */
const MOST_CASES = 255;
interface Case {
  readonly name: string;
  readonly value: number;
  readonly body: readonly Statement[];
}

interface Frame {
  readonly fn: Fn;
  locals: Map<string, Operand>;
  /** The function itself, or one called in its last place: `return` returns from the function. */
  readonly tail: boolean;
  readonly end: Block | undefined;
  /** Of a predicate in a condition: where its two results lead. */
  readonly targets: { readonly yes: Block; readonly no: Block } | undefined;
  readonly results: { readonly from: Block; readonly value: Operand | undefined }[];
}

export interface Options {
  /** Compiles bounds checks in. */
  readonly check: boolean;
  /** Handles by the names of ports. */
  readonly ports?: ReadonlyMap<string, number>;
}

const TESTS: Partial<Record<string, Test>> = { '===': 'eq', '!==': 'ne', '<': 'lt', '>=': 'ge' };
export class Generator extends Builder {
  readonly unit: Unit;
  readonly analysis: Analysis;
  readonly #fn: Fn;
  readonly #ports: ReadonlyMap<string, number>;
  #frames: Frame[] = [];

  constructor(unit: Unit, layout: Layout, analysis: Analysis, fn: Fn, options: Options) {
    super(layout, options.check);
    this.unit = unit;
    this.analysis = analysis;
    this.#fn = fn;
    this.#ports = options.ports ?? new Map();
  }

  graph(): Graph {
    const entry = this.label();
    this.place(entry, true);
    const locals = new Map<string, Operand>();
    this.#frames.push({ fn: this.#fn, locals, tail: true, end: undefined, targets: undefined, results: [] });
    this.#from(this.#fn.span);
    let argument = A0;
    const { parameters } = this.#signature(this.#fn.name);
    this.#fn.parameters.forEach((name, i) => {
      if (parameters[i] === 'state') return;
      locals.set(name, this.emit('copy', [argument]));
      argument += 1;
    });
    this.#run(this.#fn.body);
    if (this.current !== undefined) this.#return(undefined);
    const graph = { name: this.#fn.name, blocks: this.blocks, registers: this.registers };
    removeDead(graph);
    return graph;
  }

  // ---- where we are
  get #frame(): Frame {
    return this.#frames[this.#frames.length - 1];
  }
  override refuse(message: string, at: { readonly span: Span }): OutsideLanguage {
    return new OutsideLanguage(message, this.#frame.fn.file, at.span);
  }
  #from(span: Span): void {
    this.at = { file: this.unit.files.findIndex((f) => f.name === this.#frame.fn.file.name), offset: span.start };
  }
  #signature(name: string) {
    const signature = this.unit.signatures.get(name);
    if (signature === undefined) throw new Error(`no signature of ${name}`);
    return signature;
  }

  // ---- places
  #field(place: Place): Field {
    const field = this.layout.fields.get(place.kind === 'field' ? place.field : place.table);
    if (field === undefined || (place.kind === 'cell') !== field.stride > 0) throw this.refuse('no such field', place);
    return field;
  }
  #placeOf(place: Place): { base: number; offset: number; field: Field; index: Operand } {
    const field = this.#field(place);
    const index: Operand = place.kind === 'cell' ? this.#int(place.index) : { int: 0 };
    return { ...this.cell(field, index, place), field, index };
  }
  // ---- statements
  #run(statements: readonly Statement[]): void {
    for (let n = 0; n < statements.length && this.current !== undefined; n++) {
      const cases = this.#casesFrom(statements, n);
      if (cases.length < LEAST_CASES) this.#statement(statements[n]);
      else {
        this.#cases(cases);
        n += cases.length - 1;
      }
    }
  }
  /** From `n` on: `if (name === CONSTANT) return ...`, of one name and different small constants. */
  #casesFrom(statements: readonly Statement[], n: number): Case[] {
    const cases: Case[] = [];
    for (const s of statements.slice(n)) {
      if (s.kind !== 'if' || s.no.length > 0 || s.yes.at(-1)?.kind !== 'return') break;
      const { test } = s;
      if (test.kind !== 'binary' || test.op !== '===' || test.left.kind !== 'name') break;
      const value = this.#constant(test.right);
      const { name } = test.left;
      const local = this.#frame.locals.get(name);
      if (local === undefined || constant(local) !== undefined || value === undefined || value < 0) break;
      if (value > MOST_CASES || cases.some((c) => c.value === value || c.name !== name)) break;
      cases.push({ name, value, body: s.yes });
    }
    return cases;
  }
  /** Through a table of jumps, of which each is for one value. */
  #cases(cases: readonly Case[]): void {
    const index = this.register(this.#frame.locals.get(cases[0].name) ?? { int: 0 });
    const count = Math.max(...cases.map((c) => c.value)) + 1;
    const [inside, other] = [this.label(), this.label()];
    this.branch('ltu', index, { int: count }, inside, other);
    this.place(inside);
    const symbol = `${this.#fn.name}.table${inside.id}`;
    const at = this.emit('add', [this.emit('slli', [index], 2), this.emit('la', [], 0, symbol)]);
    const bodies = cases.map((c) => ({ ...c, label: this.label() }));
    const table = Array.from({ length: count }, (_, v) => bodies.find((b) => b.value === v)?.label ?? other);
    inside.table = table;
    this.end({ op: 'table', rs: [at], symbol }, [...new Set(table)]);
    const before = this.#frame.locals;
    for (const { label, body } of bodies) {
      this.place(label);
      this.#frame.locals = new Map(before);
      this.#run(body);
    }
    this.#frame.locals = before;
    this.place(other);
  }
  #scoped(statements: readonly Statement[]): void {
    const outer = new Set(this.#frame.locals.keys());
    this.#run(statements);
    for (const name of this.#frame.locals.keys()) if (!outer.has(name)) this.#frame.locals.delete(name);
  }
  #statement(s: Statement): void {
    this.#from(s.span);
    const { locals } = this.#frame;
    switch (s.kind) {
      case 'block':
        this.#scoped(s.body);
        return;
      case 'declare':
        if (locals.has(s.name)) throw this.refuse('a second local of this name', s);
        locals.set(s.name, this.#int(s.value));
        return;
      case 'assign':
        this.#assign(s);
        return;
      case 'do':
        this.#call(s.call);
        return;
      case 'return':
        this.#return(s.value);
        return;
      case 'if':
        this.#if(s);
        return;
      case 'for':
        this.#for(s);
        return;
      case 'fill':
        this.#fill(s);
        return;
    }
  }
  #assign(s: Statement & { kind: 'assign' }): void {
    const { target, op } = s;
    if (target.kind === 'local') {
      const old = this.#frame.locals.get(target.name);
      if (old === undefined) throw this.refuse('no such local', s);
      const value = this.#int(s.value);
      this.#frame.locals.set(target.name, op === undefined ? value : this.arithmetic(op, old, value, s));
      return;
    }
    const at = this.#placeOf(target);
    const old = op === undefined ? undefined : this.load(at);
    const value = this.#int(s.value);
    this.store(at, op === undefined || old === undefined ? value : this.arithmetic(op, old, value, s));
  }
  #return(e: Expression | undefined): void {
    const frame = this.#frame;
    if (frame.targets !== undefined) {
      if (e === undefined) throw new Error('a predicate without a result');
      this.#condition(e, frame.targets.yes, frame.targets.no);
      return;
    }
    if (!frame.tail) {
      const value = e === undefined ? undefined : this.#int(e);
      if (this.current === undefined || frame.end === undefined) return;
      frame.results.push({ from: this.current, value });
      this.jump(frame.end);
      return;
    }
    if (e === undefined) {
      this.end({ op: 'return' }, []);
    } else if (e.kind === 'call' && !INTRINSICS.has(e.name)) {
      this.#call(e, true);
    } else if (e.kind === 'choice' || e.kind === 'logical') {
      const [yes, no] = [this.label(), this.label()];
      const [then, otherwise]: [Expression, Expression] =
        e.kind === 'choice'
          ? [e.yes, e.no]
          : [
              { kind: 'bool', value: true, span: e.span },
              { kind: 'bool', value: false, span: e.span },
            ];
      this.#condition(e.kind === 'choice' ? e.test : e, yes, no);
      if (this.place(yes)) this.#return(then);
      if (this.place(no)) this.#return(otherwise);
    } else {
      const value = this.#int(e);
      const i = {
        op: 'copy',
        rd: A0,
        rs: [this.register(value)],
        imm: 0,
        symbol: '',
        test: 'eq',
        at: this.at,
      } as const;
      this.append({ ...i, rs: [...i.rs] });
      this.end({ op: 'return', rs: [A0] }, []);
    }
  }
  /** Where paths join, a local that differs becomes a phi. */
  #join(end: Block, paths: readonly { readonly from: Block; readonly locals: Map<string, Operand> }[]): void {
    if (!this.place(end)) return;
    const byBlock = new Map(paths.map((p) => [p.from, p.locals]));
    const [first] = paths;
    const joined = new Map<string, Operand>();
    for (const name of first.locals.keys()) {
      const values = end.predecessors.map((p) => byBlock.get(p)?.get(name));
      if (values.every((v) => v !== undefined)) joined.set(name, this.phi(end, values));
    }
    this.#frame.locals = joined;
  }
  #if(s: Statement & { kind: 'if' }): void {
    const [yes, no, end] = [this.label(), this.label(), this.label()];
    this.#condition(s.test, yes, no);
    const before = this.#frame.locals;
    const paths: { from: Block; locals: Map<string, Operand> }[] = [];
    for (const [block, body] of [
      [yes, s.yes],
      [no, s.no],
    ] as const) {
      this.#frame.locals = new Map(before);
      if (!this.place(block)) continue;
      this.#scoped(body);
      if (this.current === undefined) continue;
      paths.push({ from: this.current, locals: this.#frame.locals });
      this.jump(end);
    }
    this.#frame.locals = before;
    this.#join(end, paths);
  }
  #for(s: Statement & { kind: 'for' }): void {
    const { locals } = this.#frame;
    if (locals.has(s.index)) throw this.refuse('a second local of this name', s);
    const from = this.#int(s.from);
    if (this.#copyLoop(s, from)) return;
    const [ahead, head, exit] = [this.label(), this.label(), this.label()];
    this.branch('lt', from, this.#int(s.to), ahead, exit);
    const paths = exit.predecessors.map((p) => ({ from: p, locals: new Map(locals) }));
    if (this.place(ahead)) {
      this.jump(head);
      // Before its body is known, the loop's header is: what the body writes has a new version and a phi of its own.
      this.loopDepth += 1;
      this.place(head);
      this.written(this.analysis.writtenIn(s.body));
      const assigned = this.analysis.assignedIn(s.body).filter((name) => locals.has(name));
      const phis = new Map<string, Instruction>();
      for (const [name, value] of [...assigned.map((n) => [n, locals.get(n)] as const), [s.index, from] as const]) {
        const rd = this.fresh();
        const rs = [this.inBlock(ahead, value ?? { int: 0 })];
        const phi: Instruction = { op: 'phi', rd, rs, imm: 0, symbol: '', test: 'eq', at: this.at };
        this.append(phi);
        this.definitions.set(rd, phi);
        phis.set(name, phi);
        locals.set(name, rd);
      }
      this.#scoped(s.body);
      if (this.current !== undefined) {
        const inside = this.#frame.locals;
        const index = inside.get(s.index) ?? { int: 0 };
        this.#from(s.span);
        inside.set(s.index, this.arithmetic('+', index, { int: 1 }, s));
        const next = this.register(inside.get(s.index) ?? { int: 0 });
        const to = this.register(this.#int(s.to));
        const latch = this.current;
        this.branch('lt', next, to, head, exit);
        for (const [name, phi] of phis) phi.rs.push(this.inBlock(latch, inside.get(name) ?? { int: 0 }));
        paths.push({ from: latch, locals: inside });
      }
      this.loopDepth -= 1;
    }
    for (const p of paths) p.locals.delete(s.index);
    this.#frame.locals = locals;
    locals.delete(s.index);
    if (paths.length > 0) this.#join(exit, paths);
    else this.current = undefined;
  }

  // ---- blocks of memory
  /** `first + index`, with `index` the loop's: `first`. */
  #offsetFrom(e: Expression, index: string): Operand | undefined {
    if (e.kind === 'name') return e.name === index ? { int: 0 } : undefined;
    if (e.kind !== 'binary' || e.op !== '+') return undefined;
    const isIndex = (q: Expression): boolean => q.kind === 'name' && q.name === index;
    const rest = isIndex(e.right) ? e.left : isIndex(e.left) ? e.right : undefined;
    // Only what the loop cannot change.
    return rest !== undefined && (rest.kind === 'name' || rest.kind === 'int') ? this.#int(rest) : undefined;
  }
  /** Copies of words from one table to another go by 8 bytes where both are aligned. */
  #copyLoop(s: Statement & { kind: 'for' }, from: Operand): boolean {
    // The end of the range must be what the copy cannot change.
    const isFixed = s.to.kind === 'name' || s.to.kind === 'int';
    if (copiedTables(s) === undefined || constant(from) !== 0 || !isFixed || this.check) return false;
    const [inner] = s.body[0].kind === 'block' ? s.body[0].body : s.body;
    if (inner.kind !== 'assign' || inner.target.kind !== 'cell' || inner.value.kind !== 'cell') return false;
    const [to, of] = [this.#field(inner.target), this.#field(inner.value)];
    if (to.stride !== 4 || of.stride !== 4 || to.offset % 8 !== 0 || of.offset % 8 !== 0) return false;
    const [at, source] = [this.#offsetFrom(inner.target.index, s.index), this.#offsetFrom(inner.value.index, s.index)];
    if (at === undefined || source === undefined) return false;
    if (this.divisor(at) % 2 !== 0 || this.divisor(source) % 2 !== 0) return false;
    copyWords(this, to, at, of, source, this.#int(s.to), s);
    return true;
  }
  #fill(s: Statement & { kind: 'fill' }): void {
    const field = this.layout.fields.get(s.table);
    if (field === undefined || field.stride !== 4) throw this.refuse('no such table', s);
    const value = this.register(this.#int(s.value));
    const from = this.#int(s.from);
    fillWords(this, field, value, from, this.#int(s.to), s);
  }

  // ---- conditions
  #condition(e: Expression, yes: Block, no: Block): void {
    if (this.current === undefined) return;
    switch (e.kind) {
      case 'bool':
        this.jump(e.value ? yes : no);
        return;
      case 'unary':
        if (e.op === '!') {
          this.#condition(e.value, no, yes);
          return;
        }
        break;
      case 'logical':
        this.#junction(e, yes, no);
        return;
      case 'choice': {
        const [then, otherwise] = [this.label(), this.label()];
        this.#condition(e.test, then, otherwise);
        if (this.place(then)) this.#condition(e.yes, yes, no);
        if (this.place(otherwise)) this.#condition(e.no, yes, no);
        return;
      }
      case 'binary': {
        const [left, right] = [e.left, e.right];
        if (e.op === '>' || e.op === '<=') {
          const [b, a] = [this.#int(left), this.#int(right)];
          this.branch(e.op === '>' ? 'lt' : 'ge', a, b, yes, no);
          return;
        }
        const test = TESTS[e.op];
        if (test !== undefined) {
          this.branch(test, this.#int(left), this.#int(right), yes, no);
          return;
        }
        break;
      }
      case 'call':
        if (!INTRINSICS.has(e.name) && this.analysis.inlined(e.name)) {
          this.#enter(e, { tail: false, end: undefined, targets: { yes, no } });
          return;
        }
        break;
      case 'int':
      case 'name':
      case 'field':
      case 'cell':
      case 'wrapped':
      case 'quotient':
    }
    this.branch('ne', this.#int(e), { int: 0 }, yes, no);
  }
  /** && and ||, of which `x < 0 || x >= C` and its opposite are one unsigned comparison. */
  #junction(e: Expression & { kind: 'logical' }, yes: Block, no: Block): void {
    const parts: Expression[] = [];
    const collect = (q: Expression): void => {
      if (q.kind === 'logical' && q.op === e.op) {
        collect(q.left);
        collect(q.right);
      } else parts.push(q);
    };
    collect(e);
    const or = e.op === '||';
    for (let i = 0; i < parts.length && this.current !== undefined; i++) {
      const range = i + 1 < parts.length ? this.#range(parts[i], parts[i + 1], or) : undefined;
      if (range !== undefined) i += 1;
      const next = i + 1 < parts.length ? this.label() : undefined;
      const [good, bad] = or ? [yes, next ?? no] : [next ?? yes, no];
      if (range === undefined) this.#condition(parts[i], good, bad);
      else this.branch(or ? OPPOSITE.ltu : 'ltu', range.value, { int: range.below }, good, bad);
      if (next !== undefined) this.place(next);
    }
  }
  #range(a: Expression, b: Expression, or: boolean): { value: Operand; below: number } | undefined {
    if (a.kind !== 'binary' || b.kind !== 'binary' || a.left.kind !== 'name' || b.left.kind !== 'name')
      return undefined;
    const name = a.left.name;
    if (b.left.name !== name || a.op !== (or ? '<' : '>=') || this.#constant(a.right) !== 0) return undefined;
    const limit = this.#constant(b.right);
    if (limit === undefined || !this.#frame.locals.has(name)) return undefined;
    const below = b.op === (or ? '>=' : '<') ? limit : b.op === (or ? '>' : '<=') ? limit + 1 : 0;
    return below > 0 && below <= 0x7fff_ffff ? { value: this.#int(a.left), below } : undefined;
  }
  #constant(e: Expression): number | undefined {
    if (e.kind === 'int') return e.value;
    return e.kind === 'name' && !this.#frame.locals.has(e.name) ? this.unit.program.constants.get(e.name) : undefined;
  }

  // ---- expressions: a boolean is 0 or 1
  #int(e: Expression): Operand {
    switch (e.kind) {
      case 'int':
        return { int: e.value };
      case 'bool':
        return { int: e.value ? 1 : 0 };
      case 'name': {
        const local = this.#frame.locals.get(e.name);
        if (local !== undefined) return local;
        const value = this.unit.program.constants.get(e.name);
        if (value === undefined) throw this.refuse('no such name', e);
        return { int: value };
      }
      case 'field':
      case 'cell':
        return this.load(this.#placeOf(e));
      case 'call': {
        const value = this.#call(e);
        if (value === undefined) throw this.refuse(`${e.name} has no result`, e);
        return value;
      }
      case 'unary':
        if (e.op === '~') return this.arithmetic('^', this.#int(e.value), { int: -1 }, e);
        return this.#not(this.#int(e.value));
      case 'wrapped':
        return this.arithmetic(e.op, this.#int(e.left), this.#int(e.right), e);
      case 'quotient':
        return this.quotient(this.#int(e.left), this.#int(e.right), e);
      case 'logical':
      case 'choice':
        return this.#choice(e);
      case 'binary':
        return this.#binary(e);
    }
  }
  #not(v: Operand): Operand {
    const c = constant(v);
    return c === undefined ? this.emit('xori', [this.register(v)], 1) : { int: c === 0 ? 1 : 0 };
  }
  #binary(e: Expression & { kind: 'binary' }): Operand {
    const [a, b] = [this.#int(e.left), this.#int(e.right)];
    const less = (l: Operand, r: Operand): Operand => {
      const limit = constant(r);
      if (limit !== undefined && fits(limit, 12)) return this.emit('slti', [this.register(l)], limit);
      return this.emit('slt', [this.register(l), this.register(r)]);
    };
    const op: string = e.op;
    switch (op) {
      case '<':
        return less(a, b);
      case '>':
        return less(b, a);
      case '<=':
        return this.#not(less(b, a));
      case '>=':
        return this.#not(less(a, b));
      case '===':
      case '!==': {
        const difference =
          constant(b) === 0 ? this.register(a) : this.emit('xor', [this.register(a), this.register(b)]);
        if (op === '===') return this.emit('sltiu', [difference], 1);
        return this.emit('sltu', [ZERO, difference]);
      }
      default:
        return this.arithmetic(op, a, b, e);
    }
  }
  #choice(e: Expression & { kind: 'choice' | 'logical' }): Operand {
    const [yes, no, end] = [this.label(), this.label(), this.label()];
    this.#condition(e.kind === 'choice' ? e.test : e, yes, no);
    const values = new Map<Block, Operand>();
    for (const [block, side] of [
      [yes, e.kind === 'choice' ? e.yes : true],
      [no, e.kind === 'choice' ? e.no : false],
    ] as const) {
      if (!this.place(block)) continue;
      const value = typeof side === 'boolean' ? { int: side ? 1 : 0 } : this.#int(side);
      if (this.current !== undefined) values.set(this.current, value);
      this.jump(end);
    }
    this.place(end);
    return this.phi(
      end,
      end.predecessors.map((p) => values.get(p) ?? { int: 0 }),
    );
  }

  // ---- calls
  #call(call: Call, tail = false): Operand | undefined {
    const outer = this.at;
    const intrinsic = INTRINSICS.get(call.name);
    if (intrinsic !== undefined) return this.#intrinsic(call);
    if (this.analysis.inlined(call.name)) {
      if (tail) {
        this.#enter(call, { tail: true, end: undefined, targets: undefined });
        return undefined;
      }
      const end = this.label();
      const frame = this.#enter(call, { tail: false, end, targets: undefined });
      if (!this.place(end)) return undefined;
      this.at = outer;
      const results = new Map(frame.results.map((r) => [r.from, r.value]));
      if (this.#signature(call.name).result === 'void') return undefined;
      return this.phi(
        end,
        end.predecessors.map((p) => results.get(p) ?? { int: 0 }),
      );
    }
    const values = this.#arguments(call).map((v) => this.register(v));
    const rs = values.map((v, i) => {
      this.append({ op: 'copy', rd: A0 + i, rs: [v], imm: 0, symbol: '', test: 'eq', at: this.at });
      return A0 + i;
    });
    if (tail) {
      this.end({ op: 'tail', symbol: call.name, rs }, []);
      return undefined;
    }
    this.append({ op: 'call', rd: -1, rs, imm: 0, symbol: call.name, test: 'eq', at: this.at });
    this.written(this.analysis.writes(call.name));
    return this.#signature(call.name).result === 'void' ? undefined : this.emit('copy', [A0]);
  }
  #arguments(call: Call): Operand[] {
    const { parameters } = this.#signature(call.name);
    return call.args.flatMap((a, i) => (parameters[i] === 'state' ? [] : [this.#int(a)]));
  }
  /** A call whose body is built here. */
  #enter(call: Call, how: Pick<Frame, 'tail' | 'end' | 'targets'>): Frame {
    const fn = this.unit.program.functions.get(call.name);
    if (fn === undefined) throw this.refuse('no such function', call);
    const { parameters } = this.#signature(call.name);
    const values = this.#arguments(call);
    const names = fn.parameters.filter((_, i) => parameters[i] !== 'state');
    const frame: Frame = { fn, locals: new Map(names.map((n, i) => [n, values[i]])), results: [], ...how };
    this.#frames.push(frame);
    this.#run(fn.body);
    if (this.current !== undefined) this.#return(undefined);
    this.#frames.pop();
    return frame;
  }
  #intrinsic(call: Call): Operand | undefined {
    const { kind, op } = INTRINSICS.get(call.name) ?? { kind: 'special', op: undefined };
    if (kind === 'special') return this.#special(call);
    const effect = (rd: number, rs: number[], imm = 0): void => {
      this.append({ op: op as Operation, rd, rs, imm, symbol: 'volatile', test: 'eq', at: this.at });
    };
    if (kind === 'system') {
      effect(-1, []);
      return undefined;
    }
    if (kind === 'csr') {
      const number = this.#constant(call.args[0]);
      if (number === undefined || number < 0 || number > 0xfff) throw this.refuse('the number of a CSR', call);
      const value = call.args.length > 1 ? this.register(this.#int(call.args[1])) : ZERO;
      const rd = call.args.length > 1 ? ZERO : this.fresh();
      effect(rd, [value], number);
      return rd;
    }
    if (kind === 'float') {
      const number = this.#constant(call.args[0]);
      if (number === undefined || number < 0 || number > 31) throw this.refuse('the number of a register', call);
      effect(-1, [this.register(this.#int(call.args[1]))], 8 * number);
      if (op === 'fsd') this.written(this.analysis.addressTaken);
      return undefined;
    }
    const registers = call.args.map((a) => this.register(this.#int(a)));
    if (kind === 'r') return this.emit(op as Operation, registers);
    if (kind === 'load') {
      const rd = this.fresh();
      effect(rd, registers);
      return rd;
    }
    effect(-1, registers);
    this.written(this.analysis.addressTaken);
    return undefined;
  }
  #special(call: Call): Operand | undefined {
    const [first] = call.args;
    const text = (): string => this.unit.texts[(first as Expression & { kind: 'int' }).value];
    switch (call.name) {
      case 'word':
        return this.#int(first);
      case 'low':
        return this.emit('addiw', [this.register(this.#int(first))], 0);
      case 'high':
        return this.emit('srai', [this.register(this.#int(first))], 32);
      case 'pair': {
        const [high, low] = call.args.map((a) => this.register(this.#int(a)));
        const unsigned = this.emit('srli', [this.emit('slli', [low], 32)], 32);
        return this.emit('or', [this.emit('slli', [high], 32), unsigned]);
      }
      case 'text':
        return this.emit('la', [], 0, `"${text()}`);
      case 'symbol':
        return this.emit('la', [], 0, text());
      case 'port': {
        const handle = this.#ports.get(text());
        if (handle === undefined) throw this.refuse(`the partition has no port \`${text()}\``, call);
        return { int: handle };
      }
      case 'addressOf': {
        const field = first.kind === 'field' ? this.layout.fields.get(first.field) : undefined;
        if (field === undefined || field.stride !== 4) throw this.refuse('the address of a contiguous table', call);
        return pointer(this, field, { int: 0 }, call);
      }
      case 'ecall': {
        const values = call.args.map((a) => this.register(this.#int(a)));
        const registers = [17, A0, A0 + 1, A0 + 2];
        values.forEach((v, i) => {
          this.append({ op: 'copy', rd: registers[i], rs: [v], imm: 0, symbol: '', test: 'eq', at: this.at });
        });
        this.append({ op: 'ecall', rd: A0, rs: registers, imm: 0, symbol: 'volatile', test: 'eq', at: this.at });
        this.written(this.analysis.addressTaken);
        return this.emit('copy', [A0]);
      }
      default:
        throw this.refuse('no such intrinsic', call);
    }
  }
}
