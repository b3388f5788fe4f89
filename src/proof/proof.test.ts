import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { boundOf } from './bound.ts';
import { evaluator } from './evaluate.ts';
import { Execution } from './execute.ts';
import { cover, differences, explore, random } from './explore.ts';
import { OutsideLanguage } from './language.ts';
import { ROOT, agreedProgram, built, fingerprint, sources } from './manifest.ts';
import { readProgram } from './parse.ts';
import { proveOne } from './prove.ts';
import { smtLib } from './smt.ts';
import { solver, verdictOf } from './solver.ts';
import { State } from './state.ts';
import { load, tell } from './story.ts';
import { long, eq64, mul64, sext } from './long.ts';
import * as T from './term.ts';
import { actionsOf, argumentsOf, isPlan } from './setting.ts';
import { THEOREMS } from './theorems.ts';
import type { Term } from './term.ts';

const texts = sources();
const solve = await solver('wasm', 10);
after(() => setImmediate(() => process.exit()));
const theorem = (name: string) => {
  const found = THEOREMS.find((t) => t.name === name);
  assert.ok(found);
  return found;
};

function nonZero(table: Int32Array): Map<number, number> {
  const cells = new Map<number, number>();
  for (let i = 0; i < table.length; i++) if (table[i] !== 0) cells.set(i, table[i]);
  return cells;
}
function differing(a: Int32Array, b: Int32Array): number[] {
  const rows: number[] = [];
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) rows.push(i);
  return rows;
}

/** A program of its own: one class, and functions. */
const small = (functions: string) =>
  readProgram('typescript', {
    core: `export const N = 100; export const OK = 0;
      export class Kernel { n = 0; readonly a = new Int32Array(N); readonly b = new Int32Array(N); }
      ${functions}`,
    spec: 'export function vis_a(): boolean { return true; } export function vis_n(): boolean { return true; }',
    order: '',
    behaviour: '',
  });

describe('terms', () => {
  test('the simplifier computes as JavaScript does', () => {
    const pick = random(7);
    const interesting = [0, 1, -1, 2, 5, 31, 64, 0x7fffffff, -0x80000000, 1 << 20];
    const names = ['x', 'y', 'z'];
    for (let round = 0; round < 2000; round++) {
      const values = names.map(() => interesting[pick(interesting.length)]);
      const model = { unknowns: new Map(names.map((n, i) => [n, values[i]])), cells: new Map() };
      // A random term beside its value, computed without terms.
      const build = (depth: number): [Term, number] => {
        if (depth === 0 || pick(5) === 0) {
          const i = pick(names.length);
          const constant = interesting[pick(interesting.length)];
          return pick(2) === 0 ? [T.wordVar(names[i]), values[i]] : [T.word(constant), constant];
        }
        const [[a, x], [b, y], [c, z]] = [build(depth - 1), build(depth - 1), build(depth - 1)];
        const shift = pick(32);
        const cases: [Term, number][] = [
          [T.add(a, b), (x + y) | 0],
          [T.sub(a, b), (x - y) | 0],
          [T.mul(a, T.word(shift)), Math.imul(x, shift)],
          [T.band(a, b), x & y],
          [T.bor(a, b), x | y],
          [T.bxor(a, b), x ^ y],
          [T.bnot(a), ~x],
          [T.shl(a, T.word(shift)), x << shift],
          [T.sar(a, T.word(shift)), x >> shift],
          [T.sdiv(a, T.word(shift + 1)), Math.trunc(x / (shift + 1)) | 0],
          [T.ite(T.slt(a, b), b, c), x < y ? y : z],
          [T.ite(T.eq(a, b), a, c), x === y ? x : z],
          [T.ite(T.and(T.sle(a, b), T.not(T.eq(b, c))), a, b), x <= y && y !== z ? x : y],
          [T.ite(T.or(T.slt(a, b), T.eq(a, c)), c, a), x < y || x === z ? z : x],
        ];
        return cases[pick(cases.length)];
      };
      const [term, value] = build(4);
      assert.equal(evaluator(model)(term), value, T.show(term));
    }
  });
});

describe('the language', () => {
  test('both front ends read the same program, and ask the same', () => {
    agreedProgram(texts);
    built(texts); // throws if the build differs
    const formulas = (['typescript', 'javascript'] as const).map((front) => {
      const program = readProgram(front, texts);
      const action = actionsOf(program).find((a) => a.name === 'NOTIFY');
      T.forgetTerms();
      const question = theorem('WSC').ask(program, action);
      return smtLib(question.assertions(question.goals, 1).terms);
    });
    assert.equal(formulas[0], formulas[1]);
    const other = { ...texts, core: texts.core.replace('COST = 1;', 'COST = 2;') };
    assert.notEqual(fingerprint(readProgram('javascript', other)), fingerprint(readProgram('javascript', texts)));
  });

  for (const [what, code] of [
    ['a string', `function f(k: Kernel): number { return 'x'; }`],
    ['a float', 'function f(k: Kernel): number { return 0.5; }'],
    ['a large number', 'function f(k: Kernel): number { return 4294967296; }'],
    ['division', 'function f(k: Kernel): number { return k.n / 2; }'],
    ['remainder', 'function f(k: Kernel): number { return k.n % 2; }'],
    ['unsigned shift', 'function f(k: Kernel): number { return k.n >>> 1; }'],
    ['negation of a variable (-0)', 'function f(k: Kernel): number { return -k.n; }'],
    ['loose equality', 'function f(k: Kernel): boolean { return k.n == 1; }'],
    ['a closure', 'function f(k: Kernel): number { const g = () => 1; return 1; }'],
    ['while', 'function f(k: Kernel): void { while (k.n > 0) k.n -= 1; }'],
    ['a loop that counts down', 'function f(k: Kernel): void { for (let i = 5; i > 0; i--) k.n = i; }'],
    ['throw', 'function f(k: Kernel): void { throw k.n; }'],
    ['an object', 'function f(k: Kernel): number { const o = { n: 1 }; return o.n; }'],
    ['another global', 'function f(k: Kernel): number { return Math.max(k.n, 1); }'],
    ['recursion', 'function f(k: Kernel): number { return f(k); }'],
    ['an unknown function', 'function f(k: Kernel): number { return g(k); }'],
    ['an assignment as a value', 'function f(k: Kernel): number { return (k.n = 1); }'],
    [
      'a case that falls through',
      'function f(k: Kernel): void { switch (k.n) { case 1: k.n = 2; case 2: k.n = 3; break; } }',
    ],
    ['an import', `import { x } from './x.ts';`],
    ['a state that is not an Int32Array', 'export class Other { readonly x = new Uint8Array(N); }'],
  ] as const) {
    test(`refuses ${what}`, () => assert.throws(() => small(code), OutsideLanguage));
  }
});

describe('the executor', () => {
  const run = (functions: string) => {
    const program = small(functions);
    const execution = new Execution(program, 'test');
    const state = State.any(program, 'S', isPlan(program));
    const result = execution.call('f', [state]);
    return { program, execution, state, result };
  };

  for (const [what, body] of [
    ['a loop that writes elsewhere', 'for (let i = 0; i < k.n; i++) k.a[k.a[i]] = 1;'],
    ['a loop that reads what another turn wrote', 'for (let i = 0; i < k.n; i++) k.a[i] = k.a[i + 1];'],
    ['a loop that writes a field', 'for (let i = 0; i < k.n; i++) k.n = i;'],
    ['a loop that carries a local', 'let x = 0; for (let i = 0; i < k.n; i++) x = x + k.a[i]; k.n = x;'],
    ['a loop in a loop', 'for (let i = 0; i < k.n; i++) for (let j = 0; j < k.n; j++) k.a[i] = j;'],
    ['a loop that writes and returns', 'for (let i = 0; i < k.n; i++) { k.a[i] = 1; if (k.n === 2) return; }'],
    ['a loop that writes what its end reads', 'for (let i = 0; i < k.a[0]; i++) k.a[i] = 9;'],
    ['a loop of a known number of turns that does', 'k.n = 3; for (let i = 0; i < k.n; i++) k.n = 5;'],
    ['a write to the plan', 'k.b[0] = 1;'],
    ['a boolean in a table', 'k.a[0] = k.n < 1;'],
    ['a product of unknowns', 'k.n = k.n * k.a[0];'],
  ] as const) {
    test(`refuses ${what}`, () => assert.throws(() => run(`function f(k: Kernel): void { ${body} }`), OutsideLanguage));
  }
  test('refuses a path without a value', () =>
    assert.throws(() => run('function f(k: Kernel): number { if (k.n > 0) return 1; }'), OutsideLanguage));

  test('a scan that finds a row says nothing of the rows that it looks at', async () => {
    // Were the row that is found the one that is looked at, "not bad" would hide the index out of bounds.
    const { execution } = run(
      'function f(k: Kernel): number { for (let i = 0; i < k.n; i++) if (i >= 100 && k.a[i] === 1) return 1; return 0; }',
    );
    const [scan] = execution.scans;
    assert.ok(scan);
    for (const { goal } of execution.obligations) assert.equal(T.contains(goal, scan.witness), false);
    const { verdict } = await solve(execution.obligations.map((o) => T.not(o.goal)));
    assert.equal(verdict, 'sat');
  });

  test('computes what V8 computes, action by action, from the same states', async () => {
    T.forgetTerms();
    const program = agreedProgram(texts);
    const code = await load(texts);
    const runs = new Map(
      actionsOf(program).map((action) => {
        const before = State.any(program, 'S', isPlan(program));
        const after_ = before.copy();
        const execution = new Execution(program, action.name);
        const result = execution.call(action.fn.name, argumentsOf(action, after_));
        return [action.name, { execution, after: after_, result }];
      }),
    );
    let cells = 0;
    for (const { action, args, before, after: wanted, result } of explore(program, code, 8, 3)) {
      const symbolic = runs.get(action.name);
      assert.ok(symbolic);
      const unknowns = new Map<string, number>(args);
      const tables = new Map<string, Map<number, number>>();
      for (const owner of ['S', 'C']) {
        for (const [name, value] of Object.entries(before)) {
          if (typeof value === 'number') unknowns.set(`${owner}.${name}`, value);
          else tables.set(`${owner}.${name}`, nonZero(value));
        }
      }
      // What the scans find.
      for (const scan of symbolic.execution.scans) {
        const value = evaluator({ unknowns, cells: tables });
        const to = Number(value(scan.to));
        for (let i = Number(value(scan.from)); i < to; i++) {
          if (value(T.substitute(scan.bad, scan.row, T.word(i))) !== true) continue;
          unknowns.set(String(scan.found.payload), 1);
          unknowns.set(String(scan.witness.payload), i);
          break;
        }
      }
      const value = evaluator({ unknowns, cells: tables });
      if (symbolic.result !== undefined) assert.equal(value(symbolic.result), result, action.name);
      for (const { goal, where } of symbolic.execution.obligations) assert.equal(value(goal), true, where);
      for (const [name, contents] of symbolic.after.tables) {
        const [was, is] = [before[name] as Int32Array, wanted[name] as Int32Array];
        const rows = new Set([0, 1, 2, 65, ...differing(was, is)]);
        for (const i of rows) {
          if (i >= is.length) continue;
          assert.equal(value(contents.read(T.word(i))), is[i], `${action.name}: ${name}[${i}]`);
          cells += 1;
        }
      }
      for (const [name, term] of symbolic.after.fields)
        assert.equal(value(term), wanted[name], `${action.name}: ${name}`);
    }
    assert.ok(cells > 100_000);
  });
});

describe('behaviour.ts', () => {
  test('says what the core does, cell by cell, in random runs', async () => {
    const program = agreedProgram(texts);
    const code = await load(texts);
    let steps = 0;
    for (const step of explore(program, code, 6, 9)) {
      assert.deepEqual(differences(program, code, step), [], step.action.name);
      steps += 1;
    }
    assert.equal(steps, 720);
  });

  test('a core that does something else differs from it', async () => {
    const core = texts.core.replace('k.credit[p] -= cost;', 'k.credit[p] -= 1;');
    assert.notEqual(core, texts.core);
    const program = agreedProgram(texts);
    const code = await load({ ...texts, core });
    const found = explore(program, code, 6, 9).flatMap((step) => differences(program, code, step));
    assert.match(found.take(1).toArray()[0] ?? '', /^credit/);
  });
});

describe('solvers', () => {
  test('only the exact answer unsat proves', () => {
    assert.equal(verdictOf('unsat\n'), 'unsat');
    for (const output of ['', 'unknown\n', 'timeout\n', 'unsatisfiable\n', ' unsat\n', 'UNSAT\n'])
      assert.equal(verdictOf(output), 'unknown', output);
    // A formula that was not read as it stands is no formula.
    assert.equal(verdictOf('(error "line 7: unknown constant e7")\nunsat\n'), 'unknown');
  });

  test('time is given to each question: after one that takes too long the next is answered', async () => {
    const [x, y] = [T.wordVar('x'), T.wordVar('y')];
    // The factors of a product of two large primes.
    const product = eq64(mul64(sext(x), sext(y)), long(1_999_999_973n * 2_147_483_629n));
    const factors = [product, T.slt(T.word(1), x), T.slt(T.word(1), y), T.slt(x, y)];
    assert.equal((await solve(factors, [], 0.05)).verdict, 'unknown');
    assert.equal((await solve([T.slt(x, y), T.slt(y, x)], [], 10)).verdict, 'unsat');
  });

  test("nothing is parsed by Z3's own thread, and its version is pinned", () => {
    const files = globSync('src/proof/**/*.ts', { cwd: ROOT });
    assert.ok(files.includes('src/proof/solver.ts'));
    for (const file of files)
      assert.ok(!/\.eval_smtlib2_string\(/.test(readFileSync(path.join(ROOT, file), 'utf8')), file);
    const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    for (const tool of ['z3-solver', 'acorn', 'oxc-parser'])
      assert.match(devDependencies[tool] ?? '', /^\d+\.\d+\.\d+$/);
  });
});

describe('theorems', () => {
  test('nothing is said of rows beyond a table', () => {
    const program = agreedProgram(texts);
    const action = actionsOf(program).find((a) => a.name === 'NOTIFY');
    for (const name of ['FRAME', 'LR', 'FSPEC']) {
      T.forgetTerms();
      let tables = 0;
      for (const { label, term } of theorem(name).ask(program, action).goals) {
        const row = T.wordVar(`row.${label}`);
        const size = program.tables.get(label)?.size;
        if (size === undefined || !T.contains(term, row)) continue;
        tables += 1;
        for (const at of [-1, size]) assert.equal(T.substitute(term, row, T.word(at)), T.TRUE, `${name} ${label}`);
      }
      assert.ok(tables > 0, name);
    }
  });

  test('the invariant holds in random runs, and every result occurs', async () => {
    const program = agreedProgram(texts);
    const code = await load(texts);
    let step = 0;
    for (const { action, after: k } of explore(program, code, 60, 5, false)) {
      // It looks at every word of every message, so not each time.
      if ((step += 1) % 25 === 0) assert.equal(code['invariant'](k), true, action.name);
    }
    assert.deepEqual(cover(program, code, 2000).missing, []);
  });

  test('a boot that refuses what it should accept is noticed', async () => {
    const core = texts.core.replace('isWithin(k.nmodes, 1, MAX_MODES)', 'isWithin(k.nmodes, 1, 1)');
    assert.notEqual(core, texts.core);
    const strict = { ...texts, core };
    const { missing } = cover(readProgram('typescript', strict), await load(strict), 50);
    assert.ok(missing.includes('boot refuses a plan that is well-formed'));
  });

  test('every action takes a number of steps that the plan bounds', () => {
    const program = agreedProgram(texts);
    for (const action of actionsOf(program)) assert.deepEqual(boundOf(program, action).unbounded, [], action.name);
  });

  test('the hypotheses do not contradict each other', async () => {
    const program = agreedProgram(texts);
    for (const name of ['WSC', 'LR']) {
      T.forgetTerms();
      const action = actionsOf(program).find((a) => a.name === 'EXIT');
      const question = theorem(name).ask(program, action);
      const { terms } = question.assertions([{ label: 'false', term: T.FALSE, easy: false }], 1);
      assert.equal((await solve(terms)).verdict, 'sat', name);
    }
  });

  test('a new operation needs no new theorem', async () => {
    const operation = (body: string) => ({
      ...texts,
      core: texts.core
        .replace('export const OP_STREAM = 29;', 'export const OP_STREAM = 29;\nexport const OP_PING = 30;')
        .replace(
          'if (op === OP_SHUTDOWN) return',
          `if (op === OP_PING) { ${body} return OK; }\n  if (op === OP_SHUTDOWN) return`,
        ),
    });
    const failed = async (body: string) => {
      const program = readProgram('typescript', operation(body));
      const action = actionsOf(program).find((a) => a.name === 'PING');
      assert.ok(action);
      const names: string[] = [];
      for (const name of ['SAFE', 'INV', 'OC', 'LR', 'FRAME', 'WINDOW']) {
        const outcome = await proveOne(program, theorem(name), action, {
          solvers: new Map([['wasm', solve]]),
          depth: 1,
          first: true,
        });
        if (outcome.failed.length > 0) names.push(name);
      }
      return names;
    };
    assert.deepEqual(await failed('k.resets[p] = 0;'), []);
    assert.deepEqual(await failed('if (a0 >= 0 && a0 < k.np) k.news[a0] = 0;'), ['LR', 'FRAME']);
  });

  test('a counterexample is a story, replayed on the code that ships', async () => {
    const core = texts.core.replace(' && k.status === 0) k.status', ') k.status');
    assert.notEqual(core, texts.core);
    const wrong = { ...texts, core };
    const program = readProgram('typescript', wrong);
    const action = actionsOf(program).find((a) => a.name === 'EXIT');
    const outcome = await proveOne(program, theorem('FRAME'), action, {
      solvers: new Map([['wasm', solve]]),
      depth: 1,
      first: true,
    });
    const story = await tell(program, wrong, outcome, solve);
    assert.match(story, /^FRAME EXIT: NOT PROVED/);
    assert.match(story, /replay {3}on the code that ships: status: \d+ -> \d+$/);
  });
});
