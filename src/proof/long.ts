// Terms of 64 bits: what the intrinsics of bare metal compute with (compiler/intrinsics.ts). All modulo 2^64. Sums are kept in
// one form, coefficients by part, so that the same address is the same term however it was computed.
import * as T from './term.ts';
import type { Term } from './term.ts';

const MASK = (1n << 64n) - 1n;

export const long = (value: bigint | number): Term => T.make('const64', 'long', [], BigInt(value) & MASK);
export const longVar = (name: string): Term => T.make('var', 'long', [], name);
export const cell64 = (table: string, index: Term): Term => T.make('cell', 'long', [index], table);
/** The value of a constant, unsigned; undefined for any other term. */
export const longOf = (t: Term): bigint | undefined => (t.op === 'const64' ? (t.payload as bigint) : undefined);
const asSigned = (value: bigint): bigint => BigInt.asIntN(64, value);

// ---- words and halves
/** Sign-extended. */
export function sext(word: Term): Term {
  const value = T.valueOf(word);
  return value === undefined ? T.make('sext', 'long', [word]) : long(value);
}
export function low(t: Term): Term {
  const value = longOf(t);
  if (value !== undefined) return T.word(Number(BigInt.asIntN(32, value)));
  if (t.op === 'sext') return t.args[0];
  // Sums and products of the low halves are the low half.
  if (t.op === 'add64') return T.add(low(t.args[0]), low(t.args[1]));
  if (t.op === 'mul64') return T.mul(low(t.args[0]), low(t.args[1]));
  return t.op === 'pack' ? t.args[1] : T.make('low', 'word', [t]);
}
export function high(t: Term): Term {
  const value = longOf(t);
  if (value !== undefined) return T.word(Number(BigInt.asIntN(32, value >> 32n)));
  if (t.op === 'sext') return T.sar(t.args[0], T.word(31));
  return t.op === 'pack' ? t.args[0] : T.make('high', 'word', [t]);
}
export function pack(upper: Term, lower: Term): Term {
  const [h, l] = [T.valueOf(upper), T.valueOf(lower)];
  if (h !== undefined && l !== undefined) return long((BigInt(h) << 32n) | BigInt(l >>> 0));
  // Both halves of one value.
  if (upper.op === 'high' && lower.op === 'low' && upper.args[0] === lower.args[0]) return upper.args[0];
  return T.make('pack', 'long', [upper, lower]);
}

// ---- sums
export interface Linear {
  readonly parts: ReadonlyMap<Term, bigint>;
  readonly constant: bigint;
}
export function linearOf(t: Term): Linear {
  const parts = new Map<Term, bigint>();
  let constant = 0n;
  const collect = (x: Term, by: bigint): void => {
    const value = longOf(x);
    const factor = x.op === 'mul64' ? longOf(x.args[1]) : undefined;
    if (value !== undefined) constant += value * by;
    else if (x.op === 'add64') for (const a of x.args) collect(a, by);
    else if (factor !== undefined) collect(x.args[0], by * factor);
    else parts.set(x, (parts.get(x) ?? 0n) + by);
  };
  collect(t, 1n);
  return { parts, constant: constant & MASK };
}
function fromLinear(parts: ReadonlyMap<Term, bigint>, constant: bigint): Term {
  const summands = [...parts]
    .filter(([, by]) => (by & MASK) !== 0n)
    .toSorted(([a], [b]) => a.id - b.id)
    .map(([t, by]) => ((by & MASK) === 1n ? t : T.make('mul64', 'long', [t, long(by)])));
  if ((constant & MASK) !== 0n || summands.length === 0) summands.push(long(constant));
  return summands.reduce((a, b) => T.make('add64', 'long', [a, b]));
}
function combined(a: Term, b: Term, by: bigint): Term {
  const [x, y] = [linearOf(a), linearOf(b)];
  const parts = new Map(x.parts);
  for (const [t, n] of y.parts) parts.set(t, (parts.get(t) ?? 0n) + n * by);
  return fromLinear(parts, x.constant + y.constant * by);
}
export const add64 = (a: Term, b: Term): Term => combined(a, b, 1n);
export const sub64 = (a: Term, b: Term): Term => combined(a, b, -1n);
export function mul64(a: Term, b: Term): Term {
  const [x, y] = longOf(a) === undefined ? [a, b] : [b, a];
  const factor = longOf(y);
  if (factor !== undefined) return combined(long(0), x, factor);
  return x.id < y.id ? T.make('mul64', 'long', [x, y]) : T.make('mul64', 'long', [y, x]);
}

// ---- the rest
const FOLD: Readonly<Record<string, (x: bigint, y: bigint) => bigint>> = {
  and64: (x, y) => x & y,
  or64: (x, y) => x | y,
  xor64: (x, y) => x ^ y,
  udiv64: (x, y) => (y === 0n ? MASK : x / y),
  urem64: (x, y) => (y === 0n ? x : x % y),
};
function binary(op: 'and64' | 'or64' | 'xor64' | 'udiv64' | 'urem64', a: Term, b: Term): Term {
  const [x, y] = [longOf(a), longOf(b)];
  if (x !== undefined && y !== undefined) return long(FOLD[op](x, y));
  const commutes = op !== 'udiv64' && op !== 'urem64';
  if (op === 'or64' && x === 0n) return b;
  if (op === 'or64' && y === 0n) return a;
  return commutes && (x !== undefined || (y === undefined && b.id < a.id))
    ? T.make(op, 'long', [b, a])
    : T.make(op, 'long', [a, b]);
}
export const and64 = (a: Term, b: Term): Term => binary('and64', a, b);
export const or64 = (a: Term, b: Term): Term => binary('or64', a, b);
export const xor64 = (a: Term, b: Term): Term => binary('xor64', a, b);
/** Unsigned; by 0: all ones. */
export const udiv64 = (a: Term, b: Term): Term => binary('udiv64', a, b);
export const urem64 = (a: Term, b: Term): Term => binary('urem64', a, b);
/** By the low six bits of a word. */
export function shl64(a: Term, count: Term): Term {
  const n = T.valueOf(count);
  return n === undefined ? T.make('shl64', 'long', [a, count]) : mul64(a, long(1n << BigInt(n & 63)));
}
/** Zeros come in. */
export function lshr64(a: Term, count: Term): Term {
  const [x, n] = [longOf(a), T.valueOf(count)];
  if (n !== undefined && (n & 63) === 0) return a;
  return x !== undefined && n !== undefined ? long(x >> BigInt(n & 63)) : T.make('lshr64', 'long', [a, count]);
}
/** Unsigned less. */
export function ult64(a: Term, b: Term): Term {
  const [x, y] = [longOf(a), longOf(b)];
  if (a === b || y === 0n) return T.FALSE;
  return x !== undefined && y !== undefined ? T.bool(x < y) : T.make('ult64', 'bool', [a, b]);
}
export function slt64(a: Term, b: Term): Term {
  const [x, y] = [longOf(a), longOf(b)];
  if (a === b) return T.FALSE;
  return x !== undefined && y !== undefined ? T.bool(asSigned(x) < asSigned(y)) : T.make('slt64', 'bool', [a, b]);
}
export function eq64(a: Term, b: Term): Term {
  if (a === b) return T.TRUE;
  const { parts, constant } = linearOf(sub64(a, b));
  if (parts.size === 0) return T.bool(constant === 0n);
  // Both sign-extended: equal as words.
  if (a.op === 'sext' && b.op === 'sext') return T.eq(a.args[0], b.args[0]);
  const [constantSide, other] = longOf(a) === undefined ? [b, a] : [a, b];
  const value = longOf(constantSide);
  if (value !== undefined && other.op === 'sext') {
    const word = asSigned(value);
    return word === BigInt.asIntN(32, word) ? T.eq(other.args[0], T.word(Number(word))) : T.FALSE;
  }
  if (value !== undefined && other.op === 'ite' && other.args.slice(1).some((t) => longOf(t) !== undefined)) {
    return T.ite(other.args[0], eq64(other.args[1], constantSide), eq64(other.args[2], constantSide));
  }
  return a.id < b.id ? T.make('eq', 'bool', [a, b]) : T.make('eq', 'bool', [b, a]);
}

/** A term of the same operator with other arguments. */
export function rebuild64(t: Term, args: readonly Term[]): Term {
  const build = CONSTRUCTORS[t.op];
  if (build === undefined) throw new Error(`no operator ${t.op}`);
  return build(args[0], args[1]);
}
const CONSTRUCTORS: Readonly<Record<string, (a: Term, b: Term) => Term>> = {
  sext, low, high, pack, add64, mul64, and64, or64, xor64, udiv64, urem64, shl64, lshr64, ult64, slt64,
}; // prettier-ignore
