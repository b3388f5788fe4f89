// States: what a program's fields and tables hold, as terms. A table is a chain of what was written to it since the
// beginning; reading it at an index gives one term.
import { FALSE, and, cell, eq, ite, sle, slt, sub, substitute, word, wordVar } from './term.ts';
import type { Program } from './language.ts';
import type { Term } from './term.ts';

export abstract class Contents {
  readonly #memo = new Map<Term, Term>();
  read(index: Term): Term {
    let value = this.#memo.get(index);
    if (value === undefined) {
      value = this.compute(index);
      this.#memo.set(index, value);
    }
    return value;
  }
  protected abstract compute(index: Term): Term;
}
/** Anything. */
export class Unknown extends Contents {
  readonly name: string;
  constructor(name: string) {
    super();
    this.name = name;
  }
  protected override compute(index: Term): Term {
    return cell(this.name, index);
  }
}
export class Zero extends Contents {
  protected override compute(): Term {
    return word(0);
  }
}
/** One cell written, when `guard` holds. */
export class Stored extends Contents {
  readonly before: Contents;
  readonly guard: Term;
  readonly index: Term;
  readonly value: Term;
  constructor(before: Contents, guard: Term, index: Term, value: Term) {
    super();
    this.before = before;
    this.guard = guard;
    this.index = index;
    this.value = value;
  }
  protected override compute(index: Term): Term {
    const hit = and(this.guard, eq(this.index, index));
    return hit === FALSE ? this.before.read(index) : ite(hit, this.value, this.before.read(index));
  }
}
/** Cells base + i for from <= i < to written with `value`, in which `variable` stands for i. */
export class Mapped extends Contents {
  readonly before: Contents;
  readonly guard: Term;
  readonly range: { readonly from: Term; readonly to: Term; readonly base: Term };
  readonly variable: Term;
  readonly value: Term;
  constructor(
    before: Contents,
    guard: Term,
    range: { readonly from: Term; readonly to: Term; readonly base: Term },
    variable: Term,
    value: Term,
  ) {
    super();
    this.before = before;
    this.guard = guard;
    this.range = range;
    this.variable = variable;
    this.value = value;
  }
  protected override compute(index: Term): Term {
    const turn = sub(index, this.range.base);
    const hit = and(this.guard, sle(this.range.from, turn), slt(turn, this.range.to));
    return ite(hit, substitute(this.value, this.variable, turn), this.before.read(index));
  }
}

export class State {
  readonly tables: Map<string, Contents>;
  readonly fields: Map<string, Term>;
  /** Nothing may write here: fields that have no view are the plan (theorem STATIC). */
  readonly isPlan: (name: string) => boolean;
  constructor(tables: Map<string, Contents>, fields: Map<string, Term>, isPlan: (name: string) => boolean) {
    this.tables = tables;
    this.fields = fields;
    this.isPlan = isPlan;
  }
  /** Any state. Two of them share the plan, and of what is `isShared` they hold the same. */
  static any(
    program: Program,
    name: string,
    isPlan: (field: string) => boolean,
    isShared: (field: string) => boolean = () => false,
  ): State {
    const full = (field: string) => `${isPlan(field) ? 'C' : isShared(field) ? 'S' : name}.${field}`;
    return new State(
      new Map([...program.tables.keys()].map((t) => [t, new Unknown(full(t))])),
      new Map([...program.fields.keys()].map((f) => [f, wordVar(full(f))])),
      isPlan,
    );
  }
  /** Any plan, and the rest as a new object of the class has it. */
  static fresh(program: Program, isPlan: (field: string) => boolean): State {
    const { tables, fields } = State.any(program, 'C', isPlan);
    return new State(
      new Map([...tables].map(([t, contents]) => [t, isPlan(t) ? contents : new Zero()])),
      new Map([...fields].map(([f, term]) => [f, isPlan(f) ? term : word(program.fields.get(f) ?? 0)])),
      isPlan,
    );
  }
  copy(): State {
    return new State(new Map(this.tables), new Map(this.fields), this.isPlan);
  }
  /** The word at `index` of a table. */
  cell(table: string, index: Term): Term {
    const contents = this.tables.get(table);
    if (contents === undefined) throw new Error(`no table ${table}`);
    return contents.read(index);
  }
  field(name: string): Term {
    const term = this.fields.get(name);
    if (term === undefined) throw new Error(`no field ${name}`);
    return term;
  }
}
