// SMT-LIB 2 text of terms (QF_UFBV: tables are uninterpreted functions of words). Names depend on the terms' shape alone,
// never on what else was built before, so that the same question is always the same text.
import { walk } from './term.ts';
import type { Operator, Sort, Term } from './term.ts';

const NAMES: Partial<Record<Operator, string>> = {
  not: 'not',
  and: 'and',
  or: 'or',
  ite: 'ite',
  eq: '=',
  slt: 'bvslt',
  add: 'bvadd',
  sub: 'bvsub',
  mul: 'bvmul',
  band: 'bvand',
  bor: 'bvor',
  bxor: 'bvxor',
  bnot: 'bvnot',
  shl: 'bvshl',
  sar: 'bvashr',
  sdiv: 'bvsdiv',
  sext: '(_ sign_extend 32)',
  low: '(_ extract 31 0)',
  high: '(_ extract 63 32)',
  pack: 'concat',
  add64: 'bvadd',
  mul64: 'bvmul',
  and64: 'bvand',
  or64: 'bvor',
  xor64: 'bvxor',
  udiv64: 'bvudiv',
  urem64: 'bvurem',
  ult64: 'bvult',
  slt64: 'bvslt',
};
const SHIFTS: Partial<Record<Operator, string>> = { shl64: 'bvshl', lshr64: 'bvlshr' };
const SORTS = { bool: 'Bool', word: '(_ BitVec 32)', long: '(_ BitVec 64)' };
const quoted = (name: string): string => `|${name}|`;
const literal = (value: number): string => `#x${(value >>> 0).toString(16).padStart(8, '0')}`;

/** Declarations, definitions of shared terms, and assertions. `asked` terms are given the names `ask_0`, `ask_1`, ... */
export function smtLib(assertions: readonly Term[], asked: readonly Term[] = []): string {
  const uses = new Map<Term, number>();
  const tables = new Map<string, Sort>();
  const unknowns = new Map<string, Term>();
  walk([...assertions, ...asked], (t) => {
    for (const a of t.args) uses.set(a, (uses.get(a) ?? 0) + 1);
    if (t.op === 'cell') tables.set(t.payload as string, t.sort);
    if (t.op === 'var') unknowns.set(t.payload as string, t);
  });
  const lines: string[] = [];
  for (const name of [...tables.keys()].toSorted()) {
    lines.push(`(declare-fun ${quoted(name)} (${SORTS.word}) ${SORTS[tables.get(name) ?? 'word']})`);
  }
  for (const name of [...unknowns.keys()].toSorted()) {
    lines.push(`(declare-fun ${quoted(name)} () ${SORTS[unknowns.get(name)?.sort ?? 'word']})`);
  }

  const shared = new Map<Term, string>();
  const reference = (t: Term): string => shared.get(t) ?? text(t);
  const text = (t: Term): string => {
    const name = t.payload as string;
    if (t.op === 'true' || t.op === 'false') return t.op;
    if (t.op === 'const') return literal(t.payload as number);
    if (t.op === 'const64') return `#x${(t.payload as bigint).toString(16).padStart(16, '0')}`;
    if (t.op === 'var') return quoted(name);
    if (t.op === 'cell') return `(${quoted(name)} ${reference(t.args[0])})`;
    const shift = SHIFTS[t.op];
    if (shift !== undefined) {
      const count = `(concat ${literal(0)} (bvand ${reference(t.args[1])} ${literal(63)}))`;
      return `(${shift} ${reference(t.args[0])} ${count})`;
    }
    return `(${NAMES[t.op]} ${t.args.map(reference).join(' ')})`;
  };
  // Depth first, without recursion: terms are deep.
  const done = new Set<Term>();
  const define = (root: Term): void => {
    const stack: { t: Term; next: number }[] = [{ t: root, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (!done.has(top.t) && top.next < top.t.args.length) {
        const child = top.t.args[top.next];
        top.next += 1;
        if (!done.has(child)) stack.push({ t: child, next: 0 });
        continue;
      }
      stack.pop();
      if (done.has(top.t)) continue;
      done.add(top.t);
      if (top.t.args.length > 0 && (uses.get(top.t) ?? 0) > 1) {
        const name = `e${shared.size}`;
        lines.push(`(define-fun ${name} () ${SORTS[top.t.sort]} ${text(top.t)})`);
        shared.set(top.t, name);
      }
    }
  };
  for (const assertion of assertions) {
    define(assertion);
    lines.push(`(assert ${reference(assertion)})`);
  }
  asked.forEach((t, i) => {
    define(t);
    const value = t.sort === 'word' ? reference(t) : `(ite ${reference(t)} ${literal(1)} ${literal(0)})`;
    lines.push(`(declare-fun ask_${i} () ${SORTS.word})`, `(assert (= ask_${i} ${value}))`);
  });
  return `${lines.join('\n')}\n`;
}
