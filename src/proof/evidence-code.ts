// The core and its specification as code that can be asked what the prover asks: every index is looked at, every sum, every
// shift count (theorem SAFE), and every write is remembered, so that an action can be undone and its effects compared. One
// function of the core can be exchanged for a mutant of it.
import { compileFunction } from 'node:vm';
import { parse } from 'acorn';
import { emitted } from './parse.ts';
import type { Program } from './language.ts';
import type { RawNode } from './lower.ts';
import type { Sources } from './parse.ts';
import type { Code, Kernel } from './story.ts';

/** What SAFE forbids has been done. */
export class Unsafe extends Error {}
/** More turns of loops than any run of the core makes. */
export class Endless extends Error {}

/** The words that an action has changed: table (or field, of the kernel itself), row, value before. */
interface Journal {
  readonly table: number[];
  readonly row: number[];
  readonly old: number[];
}
/** What checked code calls; its names cannot be the core's. */
interface Watch {
  readonly journal: Journal;
  /** Functions of the core that have run, by number. */
  readonly called: Uint8Array;
  turns: number;
}

const TURNS = 20_000_000;
const isNode = (value: unknown): value is RawNode =>
  typeof value === 'object' && value !== null && 'type' in value && 'start' in value;

/** The program's text with the checks in it. */
class Checks {
  readonly text: string;
  readonly numbers: ReadonlyMap<string, number>;
  constructor(text: string, numbers: ReadonlyMap<string, number>) {
    this.text = text;
    this.numbers = numbers;
  }
  #number(name: string): number {
    const number = this.numbers.get(name);
    if (number === undefined) throw new Error(`no table or field ${name}`);
    return number;
  }
  #plain(node: RawNode): string {
    let at = node.start;
    let result = '';
    const children = Object.values(node).flatMap((v) => (Array.isArray(v) ? v : [v]).filter(isNode));
    for (const child of children.toSorted((a, b) => a.start - b.start)) {
      result += this.text.slice(at, child.start) + this.with(child);
      at = child.end;
    }
    return result + this.text.slice(at, node.end);
  }
  /** `k.name`, or `k.name[row]`, which is written to. */
  #write(place: RawNode, value: (old: string) => string): string {
    const object = place['object'] as RawNode;
    if (place['computed'] === true) {
      const [table, row] = [this.with(object), this.with(place['property'] as RawNode)];
      const name = (object['property'] as RawNode)['name'] as string;
      return `$write(${table}, ${this.#number(name)}, ${row}, ${value(this.with(place))})`;
    }
    const name = (place['property'] as RawNode)['name'] as string;
    return `$set(${this.with(object)}, '${name}', ${this.#number(name)}, ${value(this.with(place))})`;
  }
  with(node: RawNode): string {
    switch (node.type) {
      case 'MemberExpression': {
        if (node['computed'] !== true) break;
        const table = this.with(node['object'] as RawNode);
        return `${table}[$index(${table}, ${this.with(node['property'] as RawNode)})]`;
      }
      case 'BinaryExpression': {
        const operator = node['operator'] as string;
        const [a, b] = [this.with(node['left'] as RawNode), this.with(node['right'] as RawNode)];
        if (operator === '<<' || operator === '>>') return `((${a}) ${operator} $count(${b}))`;
        if ('+-*'.includes(operator)) return `$exact((${a}) ${operator} (${b}))`;
        break;
      }
      case 'AssignmentExpression': {
        const [place, operator] = [node['left'] as RawNode, (node['operator'] as string).slice(0, -1)];
        if (place.type !== 'MemberExpression') break;
        const value = this.with(node['right'] as RawNode);
        const isSum = operator === '+' || operator === '-';
        return this.#write(place, (old) =>
          operator === '' ? value : isSum ? `$exact(${old} ${operator} (${value}))` : `${old} ${operator} (${value})`,
        );
      }
      case 'CallExpression': {
        const callee = node['callee'] as RawNode;
        if (callee.type !== 'MemberExpression') break;
        // A table's fill is the only call of this form.
        const [table, args] = [callee['object'] as RawNode, node['arguments'] as RawNode[]];
        const number = this.#number((table['property'] as RawNode)['name'] as string);
        return `$fill(${this.with(table)}, ${number}, ${args.map((a) => this.with(a)).join(', ')})`;
      }
      case 'ForStatement': {
        const [init, test, update, body] = ['init', 'test', 'update', 'body'].map((x) => this.with(node[x] as RawNode));
        return `for (${init}${init.endsWith(';') ? '' : ';'} ${test}; ${update}) { $turn(); ${body} }`;
      }
      default:
    }
    return this.#plain(node);
  }
}

const RUNTIME = `
const $index = (t, i) => { if (i >>> 0 >= t.length || i !== (i | 0)) throw new $Unsafe('in bounds'); return i; };
const $exact = (x) => { if (x !== (x | 0)) throw new $Unsafe('exact in 32 bits'); return x; };
const $count = (x) => { if (x >>> 0 > 31) throw new $Unsafe('shift count'); return x; };
const $turn = () => { if (($watch.turns += 1) > ${TURNS}) throw new $Endless('endless'); };
const $note = (n, i, old) => { const j = $watch.journal; j.table.push(n); j.row.push(i); j.old.push(old); };
const $write = (t, n, i, v) => { $index(t, i); if (t[i] !== v) { $note(n, i, t[i]); t[i] = v; } };
const $set = (k, f, n, v) => { if (k[f] !== v) { $note(n, 0, k[f]); k[f] = v; } };
const $fill = (t, n, v, from, to) => {
  if (from < 0 || to > t.length || from > to) throw new $Unsafe('in bounds');
  for (let i = from; i < to; i++) $write(t, n, i, v);
};
`;

export interface Effects {
  readonly result: unknown;
  /** Values afterwards, by table * ROWS + row; of what goes out only as much as does. */
  readonly changed: ReadonlyMap<number, number>;
}
/** More than any table has rows. */
export const ROWS = 1 << 20;

export class CheckedCode {
  readonly code: Code;
  /** Fields and tables of the state class. */
  readonly names: readonly string[];
  /** Functions of the core. */
  readonly functions: readonly string[];
  readonly #watch: Watch = { journal: { table: [], row: [], old: [] }, called: new Uint8Array(1024), turns: 0 };
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #evaluate: (text: string) => unknown;
  readonly #core: string;
  readonly #starts = new Map<string, { readonly start: number; readonly end: number }>();
  readonly #isTable: readonly boolean[];
  readonly #out: number;
  constructor(program: Program, texts: Sources) {
    this.names = [...program.fields.keys(), ...program.tables.keys()];
    this.#isTable = this.names.map((name) => program.tables.has(name));
    this.#numbers = new Map(this.names.map((name, i) => [name, i]));
    this.#out = this.#numbers.get('out') ?? -1;
    this.functions = [...program.functions.values()].filter((f) => f.file.name === 'core.ts').map((f) => f.name);
    this.#core = emitted(texts.core);
    const parts: string[] = [];
    for (const text of [texts.core, texts.spec, texts.order, texts.behaviour]) {
      const plain = emitted(text);
      for (const top of this.#tops(plain)) {
        const node = (top['declaration'] as RawNode | null | undefined) ?? top;
        if (node.type === 'ImportDeclaration') continue;
        const isFunction = node.type === 'FunctionDeclaration';
        if (isFunction && text === texts.core)
          this.#starts.set((node['id'] as RawNode)['name'] as string, { start: node.start, end: node.end });
        parts.push(isFunction ? this.#checked(plain, node) : plain.slice(node.start, node.end));
      }
    }
    const known = [...program.functions.keys(), ...program.constants.keys(), 'Kernel'];
    const body = `'use strict';${RUNTIME}${parts.join('\n')}\nreturn [{ ${known.join(', ')} }, (text) => eval(text)];`;
    const make = compileFunction(body, ['$watch', '$Unsafe', '$Endless']) as (
      ...args: unknown[]
    ) => [Code, (text: string) => unknown];
    const [code, evaluate] = make(this.#watch, Unsafe, Endless);
    this.code = code;
    this.#evaluate = evaluate;
  }
  #tops(text: string): RawNode[] {
    const tree = parse(text, { ecmaVersion: 2022, sourceType: 'module' }) as unknown as RawNode;
    return tree['body'] as RawNode[];
  }
  #checked(text: string, fn: RawNode): string {
    const number = this.functions.indexOf((fn['id'] as RawNode)['name'] as string);
    const checked = new Checks(text, this.#numbers).with(fn);
    return number < 0 ? checked : checked.replace('{', `{ $watch.called[${number}] = 1; `);
  }
  /** Puts this text (JavaScript) in a function's place. */
  #put(name: string, text: string): void {
    const [top] = this.#tops(text);
    const checked = this.#checked(text, top).replace(/^function \w+/, 'function');
    (this.code as Record<string, unknown>)[name] = this.#evaluate(`${name} = ${checked}`);
  }
  /** A function of the core with `to` in place of what stands from `start` to `end` of core.ts; then `restore`. */
  exchange(name: string, change: { readonly start: number; readonly end: number; readonly to: string }): void {
    const { start, end } = this.#starts.get(name) ?? { start: 0, end: 0 };
    this.#put(name, this.#core.slice(start, change.start) + change.to + this.#core.slice(change.end, end));
  }
  restore(name: string): void {
    const { start, end } = this.#starts.get(name) ?? { start: 0, end: 0 };
    this.#put(name, this.#core.slice(start, end));
  }
  /** Puts JavaScript in a function's place. */
  override(name: string, text: string): void {
    this.#put(name, text);
  }

  /** Runs an action on k, which stays changed until `undo`. */
  run(k: Kernel, name: string, args: readonly number[]): Effects {
    const { journal } = this.#watch;
    journal.table.length = journal.row.length = journal.old.length = 0;
    this.#watch.turns = 0;
    const result = this.code[name](k, ...args);
    return { result, changed: this.#changes(k) };
  }
  #changes(k: Kernel): Map<number, number> {
    const { table, row, old } = this.#watch.journal;
    const first = new Map<number, number>();
    for (let i = 0; i < table.length; i++) {
      const key = table[i] * ROWS + row[i];
      if (!first.has(key)) first.set(key, old[i]);
    }
    const changed = new Map<number, number>();
    for (const [key, was] of first) {
      const [n, i] = [Math.floor(key / ROWS), key % ROWS];
      if (n === this.#out && i >= Number(k['outN'])) continue;
      const value = this.at(k, n, i);
      if (value !== was) changed.set(key, value);
    }
    return changed;
  }
  at(k: Kernel, number: number, row: number): number {
    const value = k[this.names[number]];
    return typeof value === 'number' ? value : value[row];
  }
  put(k: Kernel, number: number, row: number, value: number): void {
    if (this.#isTable[number]) (k[this.names[number]] as Int32Array)[row] = value;
    else k[this.names[number]] = value;
  }
  isTable(number: number): boolean {
    return this.#isTable[number];
  }
  undo(k: Kernel): void {
    const { table, row, old } = this.#watch.journal;
    for (let i = table.length - 1; i >= 0; i--) this.put(k, table[i], row[i], old[i]);
    this.forget();
  }
  /** What has been done stays. */
  forget(): void {
    const { table, row, old } = this.#watch.journal;
    table.length = row.length = old.length = 0;
  }
  /** Evaluates a predicate; what it writes is none of anybody's business. */
  ask(name: string, ...args: readonly unknown[]): unknown {
    this.#watch.turns = 0;
    return this.code[name](...args);
  }
  /** The functions of the core that run meanwhile. */
  calledIn(what: () => void): Uint8Array {
    this.#watch.called.fill(0);
    what();
    return this.#watch.called.slice(0, this.functions.length);
  }
}
