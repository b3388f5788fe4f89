// What a 64-bit register holds, as far as compiled code may depend on it: an int, an address, two words on their way from
// memory to memory, or something that only its owner may use.
import * as L from '../../proof/long.ts';
import * as T from '../../proof/term.ts';
import type { Term } from '../../proof/term.ts';
import type { Contents } from '../../proof/state.ts';

export interface Part {
  readonly term: Term;
  readonly scale: number;
}
/** base + offset + the sum of scale * (sign-extended term), exact in 64 bits. */
export interface Address {
  readonly kind: 'address';
  readonly base: 'gp' | 'sp' | 'code' | 'none';
  readonly offset: number;
  /** By term. */
  readonly parts: readonly Part[];
}
/** Where a value was loaded from. */
export interface Source {
  readonly table: string;
  readonly contents: Contents;
  readonly at: Address;
}
export type Value =
  /** Sign-extended. */
  | { readonly kind: 'int'; readonly term: Term; readonly from?: Source }
  | Address
  /** 64 bits of any kind. */
  | { readonly kind: 'long'; readonly term: Term }
  | { readonly kind: 'pair'; readonly low: Term; readonly high: Term; readonly from: Source }
  /** The address that the function returns to. */
  | { readonly kind: 'return' }
  /** What a callee-saved register held at entry. */
  | { readonly kind: 'saved'; readonly register: number }
  | { readonly kind: 'unknown' };

/** The code does something that this validator does not follow: it is refused. */
export class Refused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refused';
  }
}
export const UNKNOWN: Value = { kind: 'unknown' };
export const int = (term: Term): Value => ({ kind: 'int', term });
export const constantInt = (value: number): Value => int(T.word(value));

export function address(base: Address['base'], offset: number, parts: readonly Part[]): Address {
  const sums = new Map<Term, number>();
  for (const { term, scale } of parts) sums.set(term, (sums.get(term) ?? 0) + scale);
  const list = [...sums].filter(([, scale]) => scale !== 0).map(([term, scale]) => ({ term, scale }));
  return { kind: 'address', base, offset, parts: list.toSorted((a, b) => a.term.id - b.term.id) };
}
export function linear(v: Value): Address {
  if (v.kind === 'address') return v;
  if (v.kind !== 'int') throw new Refused(`arithmetic on ${v.kind}`);
  const constant = T.valueOf(v.term);
  return constant === undefined ? address('none', 0, [{ term: v.term, scale: 1 }]) : address('none', constant, []);
}
/** An address without a base that is an int. */
export function settled(a: Address): Value {
  if (a.base !== 'none') return a;
  if (a.parts.length === 0 && (a.offset | 0) === a.offset) return constantInt(a.offset);
  return a.parts.length === 1 && a.offset === 0 && a.parts[0].scale === 1 ? int(a.parts[0].term) : a;
}
/** Beyond, numbers are not exact. */
const EXACT = 2 ** 51;
/** As a term of 64 bits. gp is a name there. */
export function asLong(v: Value): Term {
  if (v.kind === 'long') return v.term;
  if (v.kind === 'int') return L.sext(v.term);
  if (v.kind === 'pair') return L.pack(v.high, v.low);
  if (v.kind !== 'address' || v.base === 'sp') throw new Refused(`64 bits are needed, not ${v.kind}`);
  const start = v.base === 'gp' ? L.longVar('gp') : L.long(0);
  return v.parts.reduce(
    (total, { term, scale }) => L.add64(total, L.mul64(L.sext(term), L.long(scale))),
    L.add64(start, L.long(v.offset)),
  );
}
export function long(term: Term): Value {
  if (term.op === 'sext') return int(term.args[0]);
  const constant = L.longOf(term);
  if (constant === undefined) return { kind: 'long', term };
  const value = Number(BigInt.asIntN(64, constant));
  return (value | 0) === value ? constantInt(value) : { kind: 'long', term };
}
/** The low 32 bits. */
export const lowOf = (v: Value): Term => (v.kind === 'int' ? v.term : L.low(asLong(v)));
export function sum(x: Value, y: Value): Value {
  if (x.kind === 'long' || y.kind === 'long') return long(L.add64(asLong(x), asLong(y)));
  const [a, b] = [linear(x), linear(y)];
  if (a.base !== 'none' && b.base !== 'none') throw new Refused('sum of two addresses');
  return settled(address(a.base === 'none' ? b.base : a.base, a.offset + b.offset, [...a.parts, ...b.parts]));
}
export function scaled(x: Value, factor: number): Value {
  if (x.kind === 'long') return long(L.mul64(x.term, L.long(factor)));
  const a = linear(x);
  const isLarge = Math.abs(a.offset * factor) >= EXACT || a.parts.some((p) => Math.abs(p.scale * factor) >= EXACT);
  if (isLarge) return long(L.mul64(asLong(a), L.long(factor)));
  if (a.base !== 'none') throw new Refused('product of an address');
  return settled(
    address(
      'none',
      a.offset * factor,
      a.parts.map((p) => ({ ...p, scale: p.scale * factor })),
    ),
  );
}
/** a - b, for addresses of one base. */
export function difference(a: Address, b: Address): Address | undefined {
  if (a.base !== b.base) return undefined;
  return address('none', a.offset - b.offset, [...a.parts, ...b.parts.map((p) => ({ ...p, scale: -p.scale }))]);
}
export function sameAddress(a: Address, b: Address): boolean {
  const d = difference(a, b);
  return d !== undefined && d.offset === 0 && d.parts.length === 0;
}
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'address' && b.kind === 'address') return sameAddress(a, b);
  if (a.kind === 'int' && b.kind === 'int') return a.term === b.term;
  if (a.kind === 'long' && b.kind === 'long') return a.term === b.term;
  if (a.kind === 'pair' && b.kind === 'pair') return a.low === b.low && a.high === b.high;
  if (a.kind === 'saved' && b.kind === 'saved') return a.register === b.register;
  return a.kind === b.kind && (a.kind === 'return' || a.kind === 'unknown');
}
