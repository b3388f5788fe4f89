// Terms over booleans and 32-bit words, each kept once (hash-consing), simplified as they are built. The simplifier is
// trusted; term.test.ts compares it with JavaScript's own arithmetic.
import { cell64, eq64, rebuild64 } from './long.ts';

export type Operator =
  | 'true'
  | 'false'
  | 'const' // a word; payload: its value
  | 'var' // an unknown; payload: its name
  | 'cell' // a word of an unknown table; payload: its name; argument: the index
  | 'not'
  | 'and'
  | 'or'
  | 'ite'
  | 'eq'
  | 'slt' // signed less
  | 'add'
  | 'sub'
  | 'mul'
  | 'band'
  | 'bor'
  | 'bxor'
  | 'bnot'
  | 'shl'
  | 'sar' // arithmetic shift right
  | 'sdiv' // rounds towards 0
  | LongOperator;
/** Of 64 bits: long.ts. */
const LONG = [
  'const64',
  'sext',
  'low',
  'high',
  'pack',
  'add64',
  'mul64',
  'and64',
  'or64',
  'xor64',
  'udiv64',
  'urem64',
  'shl64',
  'lshr64',
  'ult64',
  'slt64',
] as const;
export type LongOperator = (typeof LONG)[number];
const LONG_OPERATORS: ReadonlySet<string> = new Set(LONG);
export function isLong(op: Operator): op is LongOperator {
  return LONG_OPERATORS.has(op);
}

/** `long`: 64 bits, of programs for bare metal alone. */
export type Sort = 'bool' | 'word' | 'long';

export interface Term {
  /** Order of creation. */
  readonly id: number;
  readonly op: Operator;
  readonly sort: Sort;
  readonly args: readonly Term[];
  readonly payload: string | number | bigint;
}

const all = new Map<string, Term>();
/** For long.ts. */
export function make(op: Operator, sort: Sort, args: readonly Term[], payload: string | number | bigint = ''): Term {
  const key = `${op}|${sort}|${payload}|${args.map((a) => a.id).join()}`;
  let term = all.get(key);
  if (term === undefined) {
    term = { id: all.size, op, sort, args, payload };
    all.set(key, term);
  }
  return term;
}

export const TRUE = make('true', 'bool', []);
export const FALSE = make('false', 'bool', []);
/** Forgets all terms, so that the next ones are numbered as in a fresh process. None from before may be used any more. */
export function forgetTerms(): void {
  for (const [key, term] of all) if (term !== TRUE && term !== FALSE) all.delete(key);
  comparedChoices.clear();
}
export const bool = (value: boolean): Term => (value ? TRUE : FALSE);
export const word = (value: number): Term => make('const', 'word', [], value | 0);
export const boolVar = (name: string): Term => make('var', 'bool', [], name);
export const wordVar = (name: string): Term => make('var', 'word', [], name);
export const cell = (table: string, index: Term): Term => make('cell', 'word', [index], table);

/** The value of a constant word, undefined for any other term. */
export const valueOf = (t: Term): number | undefined => (t.op === 'const' ? (t.payload as number) : undefined);

// ---- booleans
export function not(a: Term): Term {
  if (a === TRUE) return FALSE;
  if (a === FALSE) return TRUE;
  return a.op === 'not' ? a.args[0] : make('not', 'bool', [a]);
}
function junction(op: 'and' | 'or', terms: readonly Term[]): Term {
  const unit = bool(op === 'and');
  const zero = not(unit);
  const parts = new Set<Term>();
  for (const term of terms) {
    if (term.sort !== 'bool') throw new Error(`not a boolean: ${show(term)}`);
    for (const part of term.op === op ? term.args : [term]) {
      if (part === zero || parts.has(not(part))) return zero;
      if (part !== unit) parts.add(part);
    }
  }
  const list = [...parts];
  return list.length === 0 ? unit : list.length === 1 ? list[0] : make(op, 'bool', list);
}
export const and = (...terms: readonly Term[]): Term => junction('and', terms);
export const or = (...terms: readonly Term[]): Term => junction('or', terms);
export const implies = (a: Term, b: Term): Term => or(not(a), b);
export function ite(test: Term, a: Term, b: Term): Term {
  if (a.sort !== b.sort) throw new Error(`an int and a boolean: ${show(a)}, ${show(b)}`);
  if (test === TRUE || a === b) return a;
  if (test === FALSE) return b;
  if (test.op === 'not') return ite(test.args[0], b, a);
  if (a.sort === 'bool') {
    if (a === TRUE) return or(test, b);
    if (a === FALSE) return and(not(test), b);
    if (b === TRUE) return or(not(test), a);
    if (b === FALSE) return and(test, a);
  }
  const then = a.op === 'ite' && a.args[0] === test ? a.args[1] : a;
  const otherwise = b.op === 'ite' && b.args[0] === test ? b.args[2] : b;
  return then === otherwise ? then : make('ite', a.sort, [test, then, otherwise]);
}

// ---- comparisons
/** As base + constant. */
function offset(t: Term): [base: Term | undefined, constant: number] {
  const constant = valueOf(t);
  if (constant !== undefined) return [undefined, constant];
  const right = t.op === 'add' ? valueOf(t.args[1]) : undefined;
  return right === undefined ? [t, 0] : [t.args[0], right];
}
export function eq(a: Term, b: Term): Term {
  if (a.sort !== b.sort) throw new Error(`an int and a boolean: ${show(a)}, ${show(b)}`);
  if (a === b) return TRUE;
  if (a.sort === 'long') return eq64(a, b);
  if (a.sort === 'bool') {
    if (a === TRUE) return b;
    if (b === TRUE) return a;
    if (a === FALSE) return not(b);
    if (b === FALSE) return not(a);
  } else {
    const [x, m] = offset(a);
    const [y, n] = offset(b);
    if (x === y) return bool(m === n);
    if (a.op === 'ite' && b.op === 'ite' && a.args[0] === b.args[0]) return eqChoices(a, b);
    const [constant, choice] = valueOf(a) === undefined ? [b, a] : [a, b];
    const value = valueOf(constant);
    if (value !== undefined && choice.op === 'ite') {
      const [test, then, otherwise] = choice.args;
      // A chain of results, compared with one of them, becomes a condition.
      if (valueOf(then) !== undefined || valueOf(otherwise) !== undefined) {
        return ite(test, eq(then, constant), eq(otherwise, constant));
      }
    }
  }
  return a.id < b.id ? make('eq', 'bool', [a, b]) : make('eq', 'bool', [b, a]);
}
const comparedChoices = new Map<string, Term>();
/** Two choices by the same test are equal if what they choose is. */
function eqChoices(a: Term, b: Term): Term {
  const key = `${a.id} ${b.id}`;
  let result = comparedChoices.get(key);
  if (result === undefined) {
    result = ite(a.args[0], eq(a.args[1], b.args[1]), eq(a.args[2], b.args[2]));
    comparedChoices.set(key, result);
  }
  return result;
}
export function slt(a: Term, b: Term): Term {
  if (a === b) return FALSE;
  const [x, y] = [valueOf(a), valueOf(b)];
  if (x !== undefined && y !== undefined) return bool(x < y);
  // As for eq: a choice among constants becomes a condition.
  const isChoice = (t: Term) => t.op === 'ite' && t.args.slice(1).some((part) => valueOf(part) !== undefined);
  if (y !== undefined && isChoice(a)) return ite(a.args[0], slt(a.args[1], b), slt(a.args[2], b));
  if (x !== undefined && isChoice(b)) return ite(b.args[0], slt(a, b.args[1]), slt(a, b.args[2]));
  return make('slt', 'bool', [a, b]);
}
export const sle = (a: Term, b: Term): Term => not(slt(b, a));

// ---- words; all modulo 2^32
const FOLD: Partial<Record<Operator, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: Math.imul,
  band: (x, y) => x & y,
  bor: (x, y) => x | y,
  bxor: (x, y) => x ^ y,
  // As SMT-LIB has it: beyond 31 nothing is left (JavaScript takes the count modulo 32; the executor asks for less than 32).
  shl: (x, y) => (y >>> 0 > 31 ? 0 : x << y),
  sar: (x, y) => x >> (y >>> 0 > 31 ? 31 : y),
};
const COMMUTES = new Set<Operator>(['add', 'mul', 'band', 'bor', 'bxor']);
function binary(op: Operator, a: Term, b: Term): Term {
  if (a.sort !== 'word' || b.sort !== 'word') throw new Error(`not ints: ${show(a)}, ${show(b)}`);
  const [x, y] = [valueOf(a), valueOf(b)];
  const fold = FOLD[op];
  if (x !== undefined && y !== undefined && fold !== undefined) return word(fold(x, y));
  return x !== undefined && COMMUTES.has(op) ? make(op, 'word', [b, a]) : make(op, 'word', [a, b]);
}
export function add(a: Term, b: Term): Term {
  const sum = binary('add', a, b);
  if (sum.op !== 'add') return sum;
  const [left, right] = sum.args;
  const constant = valueOf(right);
  if (constant === 0) return left;
  const [base, inner] = offset(left);
  return constant !== undefined && base !== undefined && base !== left ? add(base, word(inner + constant)) : sum;
}
export function sub(a: Term, b: Term): Term {
  const constant = valueOf(b);
  if (constant !== undefined) return add(a, word(-constant));
  return a === b ? word(0) : binary('sub', a, b);
}
export function mul(a: Term, b: Term): Term {
  const product = binary('mul', a, b);
  const factor = product.op === 'mul' ? valueOf(product.args[1]) : undefined;
  if (factor === undefined) return product;
  if (factor === 0) return word(0);
  const power = 31 - Math.clz32(factor);
  return factor > 0 && factor === 1 << power ? shl(product.args[0], word(power)) : product;
}
export const band = (a: Term, b: Term): Term => binary('band', a, b);
export const bor = (a: Term, b: Term): Term => binary('bor', a, b);
export const bxor = (a: Term, b: Term): Term => binary('bxor', a, b);
export function bnot(a: Term): Term {
  const x = valueOf(a);
  return x === undefined ? make('bnot', 'word', [a]) : word(~x);
}
export const shl = (a: Term, b: Term): Term => (valueOf(b) === 0 ? a : binary('shl', a, b));
export const sar = (a: Term, b: Term): Term => (valueOf(b) === 0 ? a : binary('sar', a, b));
/** `divisor` is a positive constant. */
export function sdiv(a: Term, divisor: Term): Term {
  const [x, y] = [valueOf(a), valueOf(divisor)];
  if (y === undefined || y <= 0) throw new Error('a divisor is a positive constant');
  if (x !== undefined) return word(Math.trunc(x / y));
  const power = 31 - Math.clz32(y);
  if (y !== 1 << power) return make('sdiv', 'word', [a, divisor]);
  // Solvers do badly at division: what is below 0 is rounded up before the shift.
  return sar(add(a, band(sar(a, word(31)), word(y - 1))), word(power));
}

// ---- walking
function rebuild(t: Term, args: readonly Term[]): Term {
  const [a, b, c] = args;
  const { op } = t;
  if (isLong(op)) return args.length === 0 ? t : rebuild64(t, args);
  switch (op) {
    case 'true':
    case 'false':
    case 'const':
    case 'var':
      return t;
    case 'cell':
      return t.sort === 'long' ? cell64(t.payload as string, a) : cell(t.payload as string, a);
    case 'not':
      return not(a);
    case 'and':
    case 'or':
      return junction(op, args);
    case 'ite':
      return ite(a, b, c);
    case 'eq':
      return eq(a, b);
    case 'slt':
      return slt(a, b);
    case 'add':
      return add(a, b);
    case 'sub':
      return sub(a, b);
    case 'mul':
      return mul(a, b);
    case 'bnot':
      return bnot(a);
    case 'sdiv':
      return sdiv(a, b);
    case 'shl':
      return shl(a, b);
    case 'sar':
      return sar(a, b);
    case 'band':
    case 'bor':
    case 'bxor':
      return binary(op, a, b);
  }
}
/** `t` with `to` in the place of the unknown `from`. */
export function substitute(t: Term, from: Term, to: Term): Term {
  return replaced(t, new Map([[from, to]]));
}
/** `t` with the values of `by` in the places of its keys, wherever they occur. */
export function replaced(t: Term, by: ReadonlyMap<Term, Term>): Term {
  const memo = new Map(by);
  const go = (x: Term): Term => {
    let result = memo.get(x);
    if (result === undefined) {
      if (x.args.length === 0) return x;
      const args = x.args.map(go);
      result = args.every((a, i) => a === x.args[i]) ? x : rebuild(x, args);
      memo.set(x, result);
    }
    return result;
  };
  return go(t);
}
/** What a condition that holds says of terms: it is TRUE (or what it denies FALSE), and what it equates with a constant is that. */
export function learn(known: Map<Term, Term>, condition: Term): void {
  const inner = condition.op === 'not' ? condition.args[0] : condition;
  known.set(inner, inner === condition ? TRUE : FALSE);
  if (condition.op !== 'eq') return;
  const [a, b] = condition.args;
  if (valueOf(a) !== undefined) known.set(b, a);
  else if (valueOf(b) !== undefined) known.set(a, b);
}
/** Visits every term below the roots once. */
export function walk(roots: readonly Term[], visit: (t: Term) => void): void {
  const seen = new Set<Term>();
  const stack = [...roots];
  for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
    if (seen.has(t)) continue;
    seen.add(t);
    visit(t);
    stack.push(...t.args);
  }
}
export function contains(t: Term, part: Term): boolean {
  let found = false;
  walk([t], (x) => (found ||= x === part));
  return found;
}
/** For messages. */
export function show(t: Term, depth = 6): string {
  if (depth === 0) return '...';
  if (t.op === 'const' || t.op === 'const64' || t.op === 'var') return String(t.payload);
  const args = t.args.map((a) => show(a, depth - 1));
  if (t.op === 'cell') return `${t.payload}[${args.join()}]`;
  return args.length === 0 ? t.op : `(${t.op} ${args.join(' ')})`;
}
