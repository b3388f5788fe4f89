// Where the fields of the state classes lie. Tables whose size is the same constant have the same kind of row, so they
// are interleaved: one row address serves all of them, and each further field of a row is one load. Tables that are
// copied or filled as a whole (messages) stay contiguous, for 8-byte accesses. The validator checks a layout, and
// does not trust it.
import type { Program, Statement } from '../proof/language.ts';

export interface Field {
  readonly name: string;
  /** Bytes from the state's first byte. */
  readonly offset: number;
  /** Bytes from one cell to the next; 0 for a field that is no table. */
  readonly stride: number;
  /** Cells. */
  readonly count: number;
}

export interface Layout {
  readonly fields: ReadonlyMap<string, Field>;
  /** Bytes. */
  readonly size: number;
}

/** gp points so far into the state that 12-bit offsets reach 4 KiB of it. */
export const GP_OFFSET = 2048;

const align = (n: number, to: number): number => Math.ceil(n / to) * to;

/** `for (let i = 0; i < n; i++) k.a[x + i] = k.b[y + i]`: the two tables. */
export function copiedTables(s: Statement): [string, string] | undefined {
  if (s.kind !== 'for' || s.body.length !== 1) return undefined;
  const [only] = s.body[0].kind === 'block' ? s.body[0].body : s.body;
  if (only?.kind !== 'assign' || only.op !== undefined) return undefined;
  const { target, value } = only;
  if (target.kind !== 'cell' || value.kind !== 'cell' || target.table === value.table) return undefined;
  return [target.table, value.table];
}

function contiguousTables(program: Program): Set<string> {
  const found = new Set<string>();
  const visit = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      if (s.kind === 'fill') found.add(s.table);
      if (s.kind === 'if') {
        visit(s.yes);
        visit(s.no);
      }
      if (s.kind === 'block' || s.kind === 'for') visit(s.body);
      // A loop that copies one table's cells to others' rows of their own kind is no block copy.
      const copied = copiedTables(s);
      if (copied !== undefined) {
        const [a, b] = copied.map((t) => program.tables.get(t)?.domain);
        if (a !== b) for (const t of copied) found.add(t);
      }
    }
  };
  for (const fn of program.functions.values()) visit(fn.body);
  return found;
}

export function layOut(program: Program): Layout {
  const fields = new Map<string, Field>();
  let offset = 0;
  for (const name of program.fields.keys()) {
    fields.set(name, { name, offset, stride: 0, count: 1 });
    offset += 4;
  }
  const contiguous = contiguousTables(program);
  const groups = new Map<string, string[]>();
  for (const [name, { domain }] of program.tables) {
    const key = contiguous.has(name) ? `table ${name}` : domain;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  // The kind of row with most fields first: it is within reach of gp. Then by size.
  const sized = [...groups.values()].map((names) => {
    const stride = names.length === 1 ? 4 : 2 ** Math.ceil(Math.log2(names.length * 4));
    return { names, stride, bytes: stride * (program.tables.get(names[0])?.size ?? 0) };
  });
  sized.sort((a, b) => b.names.length - a.names.length || a.bytes - b.bytes);
  for (const { names, stride, bytes } of sized) {
    offset = align(offset, 8);
    names.forEach((name, i) => {
      fields.set(name, { name, offset: offset + i * 4, stride, count: program.tables.get(name)?.size ?? 0 });
    });
    offset += bytes;
  }
  return { fields, size: align(offset, 16) };
}
