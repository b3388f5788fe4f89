// Every rewriting of 64-bit terms is proved at their width: what the constructors of long.ts make of arguments of all shapes is what
// the operator says. A wrong rewriting is refuted.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { spawnSync } from 'node:child_process';
import * as L from '../long.ts';
import { quickest, solver } from '../solver.ts';
import * as T from '../term.ts';
import type { LongOperator, Term } from '../term.ts';

const BINARY = ['add64', 'mul64', 'and64', 'or64', 'xor64', 'udiv64', 'urem64', 'ult64', 'slt64'] as const;
const SHIFTS = ['shl64', 'lshr64'] as const;
/** By operator: the term as the constructor has it, and as it is written, each pair equal. */
function rewritings(t: typeof T, l: typeof L): Map<string, Term[]> {
  const raw = (op: LongOperator, sort: 'bool' | 'word' | 'long', ...args: Term[]): Term => t.make(op, sort, args);
  const [x, y] = [l.longVar('x'), l.longVar('y')];
  const [w, v, c] = [t.wordVar('w'), t.wordVar('v'), t.boolVar('c')];
  const words = [w, t.word(0), t.word(1), t.word(-1), t.word(12), raw('low', 'word', x), raw('high', 'word', x)];
  const longs = [
    x, y, l.long(0), l.long(1), l.long(12), l.long(-1), l.long(1n << 63n), raw('sext', 'long', w), raw('pack', 'long', w, v),
    raw('add64', 'long', x, l.long(8)), raw('mul64', 'long', x, l.long(4096)), raw('mul64', 'long', raw('sext', 'long', w), l.long(8)),
    raw('mul64', 'long', raw('add64', 'long', x, l.long(8)), l.long(12)), t.make('ite', 'long', [c, l.long(3), x]), raw('pack', 'long', raw('high', 'word', x), raw('low', 'word', x)),
  ]; // prettier-ignore
  const found = new Map<string, Term[]>();
  const add = (op: string, made: Term, written: Term): void => {
    if (made === written) return;
    // Not by `eq`, which rewrites, too.
    const same = t.make('eq', 'bool', [made, written]);
    found.set(op, [...(found.get(op) ?? []), same]);
  };
  for (const a of longs) {
    add('low', l.low(a), raw('low', 'word', a));
    add('high', l.high(a), raw('high', 'word', a));
    for (const b of longs) {
      for (const op of BINARY)
        add(op, l.rebuild64(raw(op, 'long', a, b), [a, b]), raw(op, op.endsWith('lt64') ? 'bool' : 'long', a, b));
      add('sub64', l.add64(l.sub64(a, b), b), a);
      add('eq64', l.eq64(a, b), t.make('eq', 'bool', [a, b]));
    }
    for (const n of words)
      for (const op of SHIFTS) add(op, l.rebuild64(raw(op, 'long', a, n), [a, n]), raw(op, 'long', a, n));
  }
  for (const a of words) {
    add('sext', l.sext(a), raw('sext', 'long', a));
    for (const b of words) add('pack', l.pack(a, b), raw('pack', 'long', a, b));
  }
  return found;
}
const name = quickest();
const solve = await solver(name, 20);
/** Operators of which a rewriting is not proved. */
async function wrong(of: Map<string, Term[]>, t = T, ask = solve): Promise<string[]> {
  const found: string[] = [];
  for (const [op, equalities] of of) {
    const { verdict } = await ask([t.not(t.make('and', 'bool', equalities))]);
    if (verdict !== 'unsat') found.push(op);
  }
  return found;
}
test('each rewriting keeps its meaning at 64 bits', async () => {
  const all = rewritings(T, L);
  assert.ok([...all.values()].reduce((sum, e) => sum + e.length, 0) > 500);
  assert.deepEqual(await wrong(all), []);
});
const hasCvc5 = spawnSync('cvc5', ['--version']).status === 0;
test('products by a second solver', { skip: !hasCvc5 && 'no cvc5' }, async () => {
  const products = new Map([...rewritings(T, L)].filter(([op]) => op === 'mul64' || op === 'shl64' || op === 'add64'));
  assert.equal(products.size, 3);
  assert.deepEqual(await wrong(products, T, await solver('cvc5', 20)), []);
});

/** Of long.ts: what stands there, and a wrong rewriting in its place. */
const MUTANTS: readonly (readonly [string, string, string])[] = [
  ['low', "if (t.op === 'sext') return t.args[0];\n  // Sums", "if (t.op === 'sext') return T.word(0);\n  // Sums"],
  ['high', 'T.sar(t.args[0], T.word(31))', 'T.sar(t.args[0], T.word(30))'],
  ['high', "t.op === 'pack' ? t.args[0] :", "t.op === 'pack' ? t.args[1] :"],
  ['pack', '(BigInt(h) << 32n) | BigInt(l >>> 0)', '(BigInt(h) << 32n) | BigInt(l)'],
  ['add64', 'constant += value * by;', 'constant += value;'],
  ['mul64', 'collect(x.args[0], by * factor)', 'collect(x.args[0], by + factor)'],
  ['sub64', 'combined(a, b, -1n)', 'combined(a, b, 1n)'],
  ['or64', "if (op === 'or64' && x === 0n) return b;", "if (op === 'or64' && x === 0n) return long(0);"],
  ['udiv64', 'y === 0n ? MASK : x / y', 'y === 0n ? 0n : x / y'],
  ['urem64', 'y === 0n ? x : x % y', 'y === 0n ? 0n : x % y'],
  ['shl64', '1n << BigInt(n & 63)', '1n << BigInt(n & 31)'],
  ['lshr64', 'long(x >> BigInt(n & 63))', 'long(BigInt.asIntN(64, x) >> BigInt(n & 63))'],
  ['ult64', 'if (a === b || y === 0n) return T.FALSE;', 'if (a === b || x === 0n) return T.FALSE;'],
  ['slt64', 'asSigned(x) < asSigned(y)', 'x < y'],
  ['eq64', 'T.word(Number(word))) : T.FALSE', 'T.word(Number(word))) : T.TRUE'],
]; // prettier-ignore
const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-long-'));
after(() => {
  rmSync(folder, { recursive: true });
  // The threads of Z3 never end by themselves.
  setImmediate(() => process.exit());
});
test('a wrong rewriting is refuted: each of a list', async () => {
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  const survived: string[] = [];
  const text = readFileSync(path.join(import.meta.dirname, '../long.ts'), 'utf8');
  for (const [n, [op, from, to]] of MUTANTS.entries()) {
    const own = path.join(folder, String(n));
    assert.equal(text.split(from).length, 2, from);
    cpSync(path.join(import.meta.dirname, '../term.ts'), path.join(own, 'term.ts'));
    writeFileSync(
      path.join(own, 'long.ts'),
      text.replace(from, () => to),
    );
    const load = async (file: string): Promise<unknown> => await import(pathToFileURL(path.join(own, file)).href);
    const [t, l] = [(await load('term.ts')) as typeof T, (await load('long.ts')) as typeof L];
    const of = rewritings(t, l);
    if ((await wrong(new Map([[op, of.get(op) ?? []]]), t)).length === 0) survived.push(`${op}: ${to}`);
  }
  assert.deepEqual(survived, []);
});
