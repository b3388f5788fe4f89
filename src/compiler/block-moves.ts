// Moves of whole messages: copies and fills by 8 bytes, several a turn.
import { constant } from './builder.ts';
import { ZERO } from './instructions.ts';
import { GP_OFFSET } from './layout.ts';
import type { Span } from '../proof/language.ts';
import type { Builder, Operand } from './builder.ts';
import type { Field } from './layout.ts';

/** A block copy moves 2^3 words a turn. */
const COPIED_WORDS_LOG = 3;

/** to[at + i] = of[source + i] for 0 <= i < count. Both places are aligned to 8 bytes. */
export function copyWords(
  b: Builder,
  to: Field,
  at: Operand,
  of: Field,
  source: Operand,
  count: Operand,
  where: { readonly span: Span },
): void {
  const [some, turns, body, tail, end] = [1, 2, 3, 4, 5].map(() => b.label());
  b.branch('lt', { int: 0 }, count, some, end);
  if (b.place(some)) {
    const words = b.register(count);
    const [p, q] = [pointer(b, of, source, where), pointer(b, to, at, where)];
    const bytes = b.emit('slliw', [b.emit('sraiw', [words], COPIED_WORDS_LOG)], COPIED_WORDS_LOG + 2);
    const last = b.emit('add', [p, bytes]);
    b.branch('ne', bytes, ZERO, turns, tail);
    b.place(turns);
    b.jump(body);
    b.loopDepth += 1;
    b.place(body);
    const [from8, to8] = [b.define('phi', [p], 0, ''), b.define('phi', [q], 0, '')];
    const chunk = 4 << COPIED_WORDS_LOG;
    for (let o = 0; o < chunk; o += 8) move(b, 'ld', from8, to8, o);
    const [p2, q2] = [b.define('addi', [from8], chunk, ''), b.define('addi', [to8], chunk, '')];
    b.definitions.get(from8)?.rs.push(p2);
    b.definitions.get(to8)?.rs.push(q2);
    b.branch('ltu', p2, last, body, tail);
    b.loopDepth -= 1;
    b.place(tail);
    let [reader, writer]: Operand[] = [b.phi(tail, [p, p2]), b.phi(tail, [q, q2])];
    // What is left, in pieces of half the size each.
    for (let half = COPIED_WORDS_LOG - 1; half >= 0; half--) {
      const [piece, next] = [b.label(), b.label()];
      b.branch('ne', b.emit('andi', [words], 1 << half), ZERO, piece, next);
      const skipped = next.predecessors[0];
      b.place(piece);
      for (let o = 0; o < 4 << half; o += 8) {
        move(b, half === 0 ? 'lw' : 'ld', b.register(reader), b.register(writer), o);
      }
      const moved = [reader, writer].map((v) => (half === 0 ? v : b.define('addi', [b.register(v)], 4 << half, '')));
      b.jump(next);
      b.place(next);
      [reader, writer] = [reader, writer].map((v, i) =>
        b.phi(next, next.predecessors[0] === skipped ? [v, moved[i]] : [moved[i], v]),
      );
    }
    b.jump(end);
  }
  b.place(end);
  b.written([to.name]);
}
export function pointer(b: Builder, field: Field, index: Operand, at: { readonly span: Span }): number {
  const { base, offset } = b.cell(field, index, at);
  return offset === 0 ? base : b.emit('addi', [base], offset);
}
function move(b: Builder, load: 'lw' | 'ld', from: number, to: number, offset: number): void {
  const value = b.define(load, [from], offset, '');
  const op = load === 'lw' ? 'sw' : 'sd';
  b.append({ op, rd: -1, rs: [to, value], imm: offset, symbol: '', test: 'eq', at: b.at });
}
/** field.fill(value, from, to): 8 bytes at a time where it is aligned and the value is 0. */
export function fillWords(
  b: Builder,
  field: Field,
  value: number,
  from: Operand,
  to: Operand,
  where: { readonly span: Span },
): void {
  const divisor = Math.min(b.divisor(from), b.divisor(to), 8);
  const wide = value === ZERO && field.offset % 8 === 0 && divisor >= 2;
  const chunk = wide ? divisor * 4 : 4;
  const [some, body, end] = [b.label(), b.label(), b.label()];
  b.branch('lt', from, to, some, end);
  if (b.place(some)) {
    const [p, last] = [pointer(b, field, from, where), endPointer(b, field, to, where)];
    b.jump(body);
    b.loopDepth += 1;
    b.place(body);
    const at = b.define('phi', [p], 0, '');
    for (let o = 0; o < chunk; o += wide ? 8 : 4) {
      const store = { op: wide ? 'sd' : 'sw', rd: -1, rs: [at, value], imm: o, symbol: '', test: 'eq' } as const;
      b.append({ ...store, rs: [...store.rs], at: b.at });
    }
    const next = b.define('addi', [at], chunk, '');
    b.definitions.get(at)?.rs.push(next);
    b.branch('ltu', next, last, body, end);
    b.loopDepth -= 1;
  }
  b.place(end);
  b.written([field.name]);
}
/** The end of a range may be the table's end. */
function endPointer(b: Builder, field: Field, index: Operand, at: { readonly span: Span }): number {
  const fixed = constant(index);
  if (fixed === undefined) return pointer(b, field, index, at);
  const { base, offset } = b.address(field.offset - GP_OFFSET + fixed * field.stride);
  return offset === 0 ? base : b.emit('addi', [base], offset);
}
