// The code of the core is its source; wrong code is not: flipped bits, wrong layouts, and a compiler with a bug.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { solver } from '../../proof/solver.ts';
import * as T from '../../proof/term.ts';
import { Assembler } from '../assemble.ts';
import { compileInto } from '../compile.ts';
import { readSources } from '../source.ts';
import { mutate } from './mutate.ts';
import { Refused } from './value.ts';
import { Validation } from './validate.ts';

const source = path.resolve(import.meta.dirname, '../..');
const files = readSources([path.join(source, 'kernel/core/core.ts')]);
const roots = Object.keys(await import('../../kernel/core/core.ts')).filter((n) => /^[a-z][A-Za-z]*$/.test(n));
const solve = await solver('wasm', 60);
/** For wrong code: no answer in time is a refusal. */
const impatient = await solver('wasm', 5);

function validation(compiler = { Assembler, compileInto }, certifies = false): Validation {
  const asm = new compiler.Assembler();
  const compilation = compiler.compileInto(asm, files, { roots });
  return new Validation(compilation, asm.link(0x8000_0000), certifies);
}
const sizeOf = (v: Validation, name: string): number => v.range(name).to - v.range(name).from;
/** Bytes. The largest functions are left to `npm run prove`. */
const LARGE = 1200;
/** Small functions first. */
async function refusals(v: Validation, most = Infinity, ask = solve): Promise<string[]> {
  const refused: string[] = [];
  const names = v.compilation.functions.filter((n) => sizeOf(v, n) < LARGE);
  for (const name of names.toSorted((a, b) => sizeOf(v, a) - sizeOf(v, b))) {
    const verdict = await v.function_(name, ask);
    if (verdict.refused !== undefined) refused.push(`${name}: ${verdict.refused}`);
    if (refused.length >= most) break;
  }
  return refused;
}

test('every function of the compiled core is its source', async () => {
  const v = validation();
  assert.ok(v.compilation.functions.length > 8);
  assert.deepEqual(await refusals(v), []);
});

test('every rewriting of the normal form is proved by the solver; a wrong one is not', async () => {
  const v = validation({ Assembler, compileInto }, true);
  const some = v.compilation.functions.filter((n) => sizeOf(v, n) < 400);
  let count = 0;
  for (const name of some) {
    await v.function_(name, solve);
    const certified = await v.certify(solve);
    assert.deepEqual(certified.wrong, [], name);
    count += certified.count;
  }
  assert.ok(count > 50, `only ${count} rewritings`);
  await v.function_(some[0], solve);
  const a = T.boolVar('a');
  v.normal.rewritings?.set(T.or(a, T.boolVar('b')), a);
  assert.equal((await v.certify(solve)).wrong.length, 1);
});

test('flipped bits are refused', async () => {
  const accepted: string[] = [];
  const v = validation();
  const small = v.compilation.functions.filter((n) => sizeOf(v, n) < 400);
  await mutate(v, small, impatient, { count: 40, seed: 7 }, (m) => {
    if (m.refused === undefined) accepted.push(`${m.name} ${m.before} -> ${m.after}`);
  });
  // One in some hundred flips makes another program of the same meaning.
  assert.ok(accepted.length <= 2, accepted.join('\n'));
});

test('a layout in which two fields share a byte, or one is too short, is refused', () => {
  const asm = new Assembler();
  const compilation = compileInto(asm, files, { roots });
  const linked = asm.link(0x8000_0000);
  const [first, second] = compilation.layout.fields.values();
  const [table] = [...compilation.layout.fields.values()].filter((f) => f.stride > 0);
  for (const wrong of [
    { ...second, offset: first.offset },
    { ...table, offset: first.offset },
    { ...table, count: table.count - 1 },
    { ...first, offset: compilation.layout.size },
  ]) {
    const fields = new Map([...compilation.layout.fields, [wrong.name, wrong]]);
    const layout = { ...compilation.layout, fields };
    assert.throws(() => new Validation({ ...compilation, layout }, linked), Refused, JSON.stringify(wrong));
  }
});

/** File of the compiler, what stands there, what stands there in its place. */
const BUGS: readonly (readonly [string, string, string])[] = [
  ['generate.ts', "this.branch(e.op === '>' ? 'lt' : 'ge', a, b, yes, no);", "this.branch(e.op === '>' ? 'ge' : 'lt', a, b, yes, no);"],
  ['builder.ts', "const rs = [at.base, this.register(value)];\n    this.append({ op: 'sw', rd: -1, rs, imm: at.offset,", "const rs = [at.base, this.register(value)];\n    this.append({ op: 'sw', rd: -1, rs, imm: at.offset + 4,"],
  ['builder.ts', 'dominates(k.block, block)', 'true'],
  ['builder.ts', "'<<': 'sllw'", "'<<': 'srlw'"],
  ['generate.ts', "this.branch('lt', from, this.#int(s.to), ahead, exit);", "this.branch('ge', from, this.#int(s.to), ahead, exit);"],
  ['generate.ts', "inside.set(s.index, this.arithmetic('+', index, { int: 1 }, s));", "inside.set(s.index, this.arithmetic('+', index, { int: 2 }, s));"],
  ['allocate.ts', "if (i.op === 'call') for (const r of CLOBBERED) for (const l of live) this.#edge(r, l);", ''],
  ['allocate.ts', 'for (const l of live) this.#edge(i.rd, l);', ''],
  ['allocate.ts', '!isAllocatable(a) || this.#neighbours[a].has(b)', '!isAllocatable(a)'],
  ['assemble.ts', 'kept.forEach((r, k) => asm.load(r, SP, (slots + k) * 8));', 'kept.forEach((r, k) => asm.load(r, SP, (slots + k) * 8 + (k === 0 ? 8 : 0)));'],
  ['assemble.ts', 'if (frame > 0) asm.imm(\'addi\', SP, SP, frame);', 'if (frame > 0) asm.imm(\'addi\', SP, SP, frame - 16);'],
  ['assemble.ts', 'asm.branch(OPPOSITE[i.test], a, b, label(no));', 'asm.branch(i.test, a, b, label(no));'],
  ['layout.ts', 'offset: offset + i * 4, stride', 'offset: offset + (i >> 1) * 4, stride'],
  ['graph.ts', "'sb', 'sh', 'sw', 'sd', 'call',", "'sb', 'sh', 'sd', 'call',"],
  ['instructions.ts', "subw: form('r', 0x3b, 0, 0x20)", "subw: form('r', 0x3b, 0, 0)"],
]; // prettier-ignore

const folder = mkdtempSync(path.join(tmpdir(), 'compiler-bugs-'));
after(() => {
  rmSync(folder, { recursive: true });
  // The solver's threads never end.
  setImmediate(() => process.exit());
});
test('a compiler with a bug is refused: each of a list', async () => {
  symlinkSync(path.join(source, '../node_modules'), path.join(folder, 'node_modules'));
  symlinkSync(path.join(source, 'proof'), path.join(folder, 'proof'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  const survived: string[] = [];
  for (const [n, [file, right, wrong]] of BUGS.entries()) {
    const compiler = path.join(folder, `compiler${n}`);
    cpSync(path.join(source, 'compiler'), compiler, { recursive: true });
    const text = readFileSync(path.join(compiler, file), 'utf8');
    assert.equal(text.split(right).length, 2, `${file}: ${right}`);
    writeFileSync(path.join(compiler, file), text.replace(right, wrong));
    const load = async (name: string): Promise<unknown> => await import(pathToFileURL(path.join(compiler, name)).href);
    const assemble = (await load('assemble.ts')) as { Assembler: typeof Assembler };
    const compile = (await load('compile.ts')) as { compileInto: typeof compileInto };
    let found: string | undefined;
    try {
      [found] = await refusals(validation({ ...assemble, ...compile }), 1, impatient);
    } catch (error) {
      // It does not even compile.
      found = String(error);
    }
    if (found === undefined) survived.push(`${file}: ${wrong}`);
  }
  assert.deepEqual(survived, []);
});
