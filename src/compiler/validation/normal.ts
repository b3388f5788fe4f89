// One normal form for the terms of both sides, so that most equalities are the same term and need no solver: negations
// inside, conjunctions as sets in one order, common conjuncts of disjunctions outside, conditions along choices without
// what is known there. Each rewriting keeps the meaning; `rewritings` lists them, for a solver to certify.
import * as L from '../../proof/long.ts';
import * as T from '../../proof/term.ts';
import type { Term } from '../../proof/term.ts';

const { TRUE, FALSE } = T;
const byId = (a: Term, b: Term): number => a.id - b.id;
const conjuncts = (c: Term): readonly Term[] => (c === TRUE ? [] : c.op === 'and' ? c.args : [c]);
const isConstant = (t: Term): boolean => t.op === 'const';

export class NormalForm {
  /** Given: the value implies the key; beside the key it says nothing in a disjunction. */
  readonly #stronger = new Map<Term, Term>();
  readonly #known = new Map<Term, Term>();
  /** Before and after, where they differ; undefined: nobody asks. */
  readonly rewritings: Map<Term, Term> | undefined;
  constructor(certify = false) {
    this.rewritings = certify ? new Map() : undefined;
  }
  #note(before: () => Term, after: Term): Term {
    if (this.rewritings !== undefined) {
      const t = before();
      if (t !== after) this.rewritings.set(t, after);
    }
    return after;
  }

  /** It is given that `b` implies `a`; both are no conjunctions or disjunctions. */
  assume(a: Term, b: Term): void {
    if (b.op !== 'and' && b.op !== 'or') this.#stronger.set(a, b);
  }
  facts(): Term[] {
    return [...this.#stronger].map(([a, b]) => T.implies(b, a));
  }

  of(root: Term): Term {
    const stack = [root];
    for (let t = stack.at(-1); t !== undefined; t = stack.at(-1)) {
      if (this.#known.has(t)) {
        stack.pop();
        continue;
      }
      const missing = t.args.filter((a) => !this.#known.has(a));
      if (missing.length > 0) {
        stack.push(...missing);
        continue;
      }
      stack.pop();
      const args = t.args.map((a) => this.#known.get(a) ?? a);
      const result = this.#node(t, args);
      this.#known.set(t, result);
      if (result !== t) this.rewritings?.set(t, result);
    }
    return this.#known.get(root) ?? root;
  }
  #node(t: Term, args: readonly Term[]): Term {
    const [a, b, c] = args;
    const op: string = t.op;
    switch (op) {
      case 'and':
        return this.and(args);
      case 'or':
        return this.or(args);
      case 'not':
        return this.not(a);
      case 'eq':
        return this.equal(a, b);
      case 'ite':
        return this.choice(a, b, c);
      case 'slt':
        return this.less(a, b);
      default:
        return rebuilt(t, args);
    }
  }

  not(c: Term): Term {
    if (c.op === 'and') return this.or(c.args.map((a) => this.not(a)));
    if (c.op === 'or') return this.and(c.args.map((a) => this.not(a)));
    return T.not(c);
  }
  and(terms: readonly Term[]): Term {
    return this.#note(() => T.and(...terms), this.#and(terms));
  }
  #and(terms: readonly Term[]): Term {
    const parts = new Set<Term>();
    for (const t of terms) {
      for (const c of conjuncts(t)) {
        if (c === FALSE) return FALSE;
        parts.add(c);
      }
    }
    // x = 3 says all about x = 4.
    const fixed = new Map<Term, Term>();
    for (const c of parts) {
      const sides = constantSide(c);
      if (sides === undefined) continue;
      const [x, value] = sides;
      if (fixed.has(x) && fixed.get(x) !== value) return FALSE;
      fixed.set(x, value);
    }
    for (const c of parts) {
      if (c.op !== 'or' && parts.has(this.not(c))) return FALSE;
      const sides = c.op === 'not' ? constantSide(c.args[0]) : undefined;
      if (sides !== undefined && fixed.has(sides[0]) && fixed.get(sides[0]) !== sides[1]) parts.delete(c);
    }
    // What the others decide of a disjunction is left out of it.
    for (const c of parts) {
      if (c.op !== 'or') continue;
      const isTrue = (d: Term): boolean => {
        if (parts.has(d)) return true;
        const sides = d.op === 'not' ? constantSide(d.args[0]) : undefined;
        return sides !== undefined && fixed.has(sides[0]) && fixed.get(sides[0]) !== sides[1];
      };
      const isFalse = (d: Term): boolean => {
        const sides = constantSide(d);
        if (sides !== undefined && fixed.has(sides[0])) return fixed.get(sides[0]) !== sides[1];
        return d.op !== 'and' ? d.op !== 'or' && parts.has(T.not(d)) : d.args.some(isFalse);
      };
      if (c.args.some(isTrue)) {
        parts.delete(c);
        continue;
      }
      const left = c.args.filter((d) => !isFalse(d));
      if (left.length === c.args.length) continue;
      parts.delete(c);
      return this.and([...parts, this.or(left)]);
    }
    return T.and(...[...parts].toSorted(byId));
  }
  or(terms: readonly Term[]): Term {
    return this.#note(() => T.or(...terms), this.#or(terms));
  }
  #or(terms: readonly Term[]): Term {
    let items: Set<Term>[] = [];
    for (const t of terms) {
      for (const d of t.op === 'or' ? t.args : [t]) {
        if (d === TRUE) return TRUE;
        if (d !== FALSE) items.push(new Set(conjuncts(d)));
      }
    }
    for (let next = this.#resolve(items); next !== undefined; next = this.#resolve(items)) {
      if (next === 'all') return TRUE;
      items = next;
    }
    for (const item of items) {
      const [only] = item;
      const stronger = item.size === 1 ? this.#stronger.get(only) : undefined;
      if (stronger !== undefined) items = items.filter((k) => k.size !== 1 || !k.has(stronger));
    }
    if (items.length === 0) return FALSE;
    if (items.length === 1) return this.and([...items[0]]);
    const common = [...items[0]].filter((a) => items.every((i) => i.has(a)));
    if (common.length > 0) {
      const rest = items.map((i) => this.and([...i].filter((a) => !common.includes(a))));
      return this.and([...common, this.or(rest)]);
    }
    return T.or(...items.map((i) => this.and([...i])).toSorted(byId));
  }
  /** One step of: a or (a and b) = a; (a and x) or (not x and rest of a) = a or ... . */
  #resolve(items: readonly Set<Term>[]): Set<Term>[] | undefined | 'all' {
    for (const a of items) {
      for (const b of items) {
        if (a === b) continue;
        const missing = [...a].filter((t) => !b.has(t));
        if (missing.length === 0) return items.filter((i) => i !== b);
        if (missing.length > 1) continue;
        const opposite = conjuncts(this.not(missing[0]));
        if (!opposite.every((t) => b.has(t))) continue;
        // b = rest of a, and not the missing one, and perhaps more: that one is implied.
        const smaller = new Set([...b].filter((t) => !opposite.includes(t)));
        if (smaller.size === 0) return 'all';
        return items.map((i) => (i === b ? smaller : i));
      }
    }
    return undefined;
  }
  less(a: Term, b: Term): Term {
    return this.#note(() => T.slt(a, b), this.#less(a, b));
  }
  #less(a: Term, b: Term): Term {
    // An order between 0/1 values and their like is a condition.
    if (isConstant(b) && isChain(a)) return this.choice(a.args[0], this.less(a.args[1], b), this.less(a.args[2], b));
    if (isConstant(a) && isChain(b)) return this.choice(b.args[0], this.less(a, b.args[1]), this.less(a, b.args[2]));
    return T.slt(a, b);
  }
  equal(a: Term, b: Term): Term {
    return this.#note(() => T.eq(a, b), this.#equal(a, b));
  }
  #equal(a: Term, b: Term): Term {
    const [constant, other] = isConstant(a) ? [a, b] : [b, a];
    if (T.valueOf(constant) === 0 && other.op === 'bxor') return this.equal(other.args[0], other.args[1]);
    if (isConstant(constant) && isChain(other)) {
      const [test, then, otherwise] = other.args;
      return this.choice(test, this.equal(constant, then), this.equal(constant, otherwise));
    }
    if (a.sort === 'bool' && a !== TRUE && a !== FALSE && b !== TRUE && b !== FALSE) {
      if (a === this.not(b)) return FALSE;
    }
    return T.eq(a, b);
  }
  choice(test: Term, a: Term, b: Term): Term {
    return this.#note(() => T.ite(test, a, b), this.#choice(test, a, b));
  }
  #choice(test: Term, a: Term, b: Term): Term {
    if (test.op === 'or' || test.op === 'not') return this.choice(this.not(test), b, a);
    if (test === TRUE) return a;
    if (test === FALSE) return b;
    const then = this.under(a, new Set(conjuncts(test)));
    const otherwise = this.under(b, new Set(conjuncts(this.not(test))));
    if (then.sort === 'bool') {
      if (then === TRUE) return this.or([test, otherwise]);
      if (then === FALSE) return this.and([this.not(test), otherwise]);
      if (otherwise === TRUE) return this.or([this.not(test), then]);
      if (otherwise === FALSE) return this.and([test, then]);
    }
    // Where x = c, c may stand for x: a choice of the two is x.
    const sides = constantSide(test);
    if (sides !== undefined && sides[0] === otherwise && sides[1] === then) return otherwise;
    return T.ite(test, then, otherwise);
  }
  /** `t` where all of `known` holds: choices that are decided by it are made. */
  under(t: Term, known: ReadonlySet<Term>, depth = 12): Term {
    const after = this.#under(t, known, depth);
    this.#note(() => T.or(...[...known].map((k) => T.not(k)), T.eq(t, after)), TRUE);
    return after;
  }
  #under(t: Term, known: ReadonlySet<Term>, depth: number): Term {
    if (t.op !== 'ite' || depth === 0) return t;
    const [test, a, b] = t.args;
    const parts = conjuncts(test);
    if (parts.some((c) => this.#contradicts(c, known))) return this.under(b, known, depth - 1);
    const left = this.and(parts.filter((c) => !known.has(c) && !this.#implied(c, known)));
    if (left === TRUE) return this.under(a, known, depth - 1);
    const then = this.under(a, known, depth - 1);
    const otherwise = this.under(b, known, depth - 1);
    return left === test && then === a && otherwise === b ? t : this.choice(left, then, otherwise);
  }
  /** x is not 4, because it is 3. */
  #implied(c: Term, known: ReadonlySet<Term>): boolean {
    return c.op === 'not' && this.#contradicts(c.args[0], known);
  }
  #contradicts(c: Term, known: ReadonlySet<Term>): boolean {
    if (known.has(this.not(c))) return true;
    const sides = constantSide(c);
    if (sides === undefined) return false;
    for (const k of known) {
      const other = constantSide(k);
      if (other !== undefined && other[0] === sides[0] && other[1] !== sides[1]) return true;
    }
    return false;
  }
  conjuncts(c: Term): readonly Term[] {
    return conjuncts(c);
  }
}

/** A sum with its parts in one order, its constant last. */
export function orderedSum(t: Term): Term {
  const parts: Term[] = [];
  let constant = 0;
  const collect = (x: Term): void => {
    const value = T.valueOf(x);
    if (value !== undefined) constant = (constant + value) | 0;
    else if (x.op === 'add') x.args.forEach(collect);
    else parts.push(x);
  };
  collect(t);
  const [first, ...rest] = parts.toSorted(byId);
  if (first === undefined) return T.word(constant);
  return T.add(
    rest.reduce((sum, p) => T.add(sum, p), first),
    T.word(constant),
  );
}
function rebuilt(t: Term, args: readonly Term[]): Term {
  const [a, b] = args;
  const op: string = t.op;
  switch (op) {
    case 'cell':
      return t.sort === 'long' ? L.cell64(t.payload as string, a) : T.cell(t.payload as string, a);
    case 'add':
      return orderedSum(T.add(a, b));
    case 'sub':
      return T.sub(a, b);
    case 'mul':
      return T.mul(a, b);
    case 'band':
      return T.band(a, b);
    case 'bor':
      return T.bor(a, b);
    case 'bxor':
      return T.bxor(a, b);
    case 'bnot':
      return T.bnot(a);
    case 'shl':
      return T.shl(a, b);
    case 'sar':
      return T.sar(a, b);
    case 'sdiv':
      return T.sdiv(a, b);
    default:
      return t.args.length === 0 ? t : L.rebuild64(t, args);
  }
}
/** x = constant. */
function constantSide(c: Term): [Term, Term] | undefined {
  if (c.op !== 'eq' || c.args[0].sort !== 'word') return undefined;
  const [a, b] = c.args;
  if (isConstant(a)) return [b, a];
  return isConstant(b) ? [a, b] : undefined;
}
/** A choice with constants at its leaves. */
function isChain(t: Term, depth = 8): boolean {
  if (t.op !== 'ite' || depth === 0) return false;
  return [t.args[1], t.args[2]].every((a) => isConstant(a) || isChain(a, depth - 1));
}
