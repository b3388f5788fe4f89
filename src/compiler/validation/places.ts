// From addresses to cells. The layout comes from the compiler and is checked here: its fields are the program's, and no two
// share a byte.
import * as T from '../../proof/term.ts';
import { GP_OFFSET } from '../layout.ts';
import { orderedSum } from './normal.ts';
import { Refused } from './value.ts';
import type { Program } from '../../proof/language.ts';
import type { Term } from '../../proof/term.ts';
import type { Field, Layout } from '../layout.ts';
import type { Address, Part } from './value.ts';

const { and, sle, slt, word } = T;

/** Throws Refused. */
export function checkLayout(layout: Layout, program: Program): void {
  const sizes = new Map([...program.tables].map(([name, t]) => [name, t.size]));
  for (const name of program.fields.keys()) sizes.set(name, 1);
  const refuse = (f: Field): never => {
    throw new Refused(`layout of ${f.name}`);
  };
  const fields = [...layout.fields.values()].toSorted((a, b) => a.offset - b.offset);
  for (const f of fields) {
    const isTable = program.tables.has(f.name);
    if (sizes.get(f.name) !== f.count || isTable !== f.stride > 0 || f.offset < 0 || f.offset % 4 !== 0) refuse(f);
    if (f.stride % 4 !== 0 || f.offset + Math.max(4, f.stride * (f.count - 1) + 4) > layout.size) refuse(f);
  }
  if (fields.length !== sizes.size) throw new Refused('layout: fields are missing');
  const end = (f: Field): number => f.offset + f.stride * (f.count - 1) + 4;
  fields.forEach((a, i) => {
    for (const b of fields.slice(i + 1)) {
      if (b.offset >= end(a)) break;
      // Rows of the same kind, side by side: they never meet if the places within the row differ by whole words.
      const beside = a.stride === b.stride && (b.offset - a.offset) % a.stride !== 0;
      if (!beside || a.stride === 0) refuse(b);
    }
  });
}

export interface Cell {
  readonly field: Field;
  readonly index: Term;
  /** That the index is the exact one, and in the table (or, of an end, at most one beyond). */
  readonly inside: Term;
}

/** shl(x, n) as x and 2^n, and the condition under which the shift was exact. */
export function unshifted(part: Part): { term: Term; scale: number; exact: Term } {
  const { term, scale } = part;
  const count = term.op === 'shl' ? T.valueOf(term.args[1]) : undefined;
  if (count === undefined || count < 0 || count > 30) return { term, scale, exact: T.TRUE };
  const [x] = term.args;
  return { term: x, scale: scale * 2 ** count, exact: and(sle(word(0), x), slt(x, word(2 ** (31 - count)))) };
}
/** A choice of constants that are all multiples of `by`, divided. */
function divided(term: Term, by: number): Term | undefined {
  const value = T.valueOf(term);
  if (value !== undefined) return value % by === 0 ? word(value / by) : undefined;
  if (term.op !== 'ite') return undefined;
  const [a, b] = [divided(term.args[1], by), divided(term.args[2], by)];
  return a === undefined || b === undefined ? undefined : T.ite(term.args[0], a, b);
}

export class Places {
  readonly #fields: readonly Field[];
  constructor(layout: Layout) {
    this.#fields = [...layout.fields.values()];
  }
  /** The cell of a word's address. `end`: one beyond the last is allowed. Throws Refused. */
  cell(at: Address, within?: Field, end = false): Cell {
    if (at.base !== 'gp') throw new Refused(`an access through ${at.base}`);
    const byte = at.offset + GP_OFFSET;
    const field = within ?? this.#find(byte, at.parts);
    if (field === undefined) throw new Refused(`no field at byte ${byte}`);
    const limit = end ? field.count + 1 : field.count;
    if (field.stride === 0) {
      if (byte !== field.offset || at.parts.length > 0) throw new Refused(`an address beside ${field.name}`);
      return { field, index: word(0), inside: T.TRUE };
    }
    const first = (byte - field.offset) / field.stride;
    if (!Number.isInteger(first)) throw new Refused(`an address between the cells of ${field.name}`);
    const conditions: Term[] = [];
    const terms = at.parts.map((part) => {
      const { term, scale, exact } = part.scale % field.stride === 0 ? { ...part, exact: T.TRUE } : unshifted(part);
      const factor = scale / field.stride;
      const quotient = Number.isInteger(factor) ? undefined : divided(term, field.stride / scale);
      if (!Number.isInteger(factor) && quotient === undefined)
        throw new Refused(`a scale of ${scale} in ${field.name}: ${T.show(term, 5)}`);
      const x = quotient ?? term;
      const by = quotient === undefined ? factor : 1;
      if (by < 1 || (by & (by - 1)) !== 0) throw new Refused(`a factor of ${by}`);
      // Each summand by itself is no larger than the table: so their sum is exact.
      conditions.push(exact, sle(word(0), x), slt(x, word(Math.ceil(limit / by))));
      return by === 1 ? x : T.shl(x, word(Math.log2(by)));
    });
    if (Math.abs(first) > field.count) throw new Refused(`an address outside ${field.name}`);
    const index = orderedSum(terms.reduce((a, b) => T.add(a, b), word(first)));
    if (terms.length !== 1 || first !== 0) conditions.push(sle(word(0), index), slt(index, word(limit)));
    return { field, index, inside: and(...conditions) };
  }
  /** Whether the byte at an offset from gp is in one of these tables. */
  isIn(offset: number, names: ReadonlySet<string>): boolean {
    const byte = offset + GP_OFFSET;
    return this.#fields.some((f) => names.has(f.name) && byte >= f.offset && byte < f.offset + f.stride * f.count);
  }
  #find(byte: number, parts: readonly Part[]): Field | undefined {
    const fits = this.#fields.filter((f) => {
      const rest = byte - f.offset;
      if (f.stride === 0) return rest === 0 && parts.length === 0;
      return rest >= 0 && rest < f.stride * f.count && rest % f.stride === 0;
    });
    // Where several kinds of row would do, the scale of the index says which.
    return fits.find((f) => f.stride === 0 || parts.every((p) => p.scale % f.stride === 0)) ?? fits[0];
  }
}
