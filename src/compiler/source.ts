// What a program consists of: sources are parsed and lowered by the prover's own subset checker (src/proof), so that the
// compiler accepts exactly the language that is proved. Types, which the prover leaves out, are read here for parameters
// and results: they say which parameters are states (one instance each, at a fixed place) and so vanish.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';
import { OutsideLanguage } from '../proof/language.ts';
import { lower } from '../proof/lower.ts';
import { instantiate } from './instances.ts';
import { INTRINSICS, PRELUDE } from './intrinsic-table.ts';
import { scopeNames } from './scopes.ts';
import type { Program, SourceFile } from '../proof/language.ts';
import type { ParsedFile, RawNode } from '../proof/lower.ts';

/** `state`: an instance of a state class. `int`: a 32-bit integer. `word`: 64 bits (Word of intrinsics.ts). */
export type Type = 'int' | 'bool' | 'word' | 'void' | 'state';

export interface Signature {
  readonly parameters: readonly Type[];
  readonly result: Type;
}

export interface Unit {
  readonly program: Program;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** Texts by the number that stands for them in the lowered program: arguments of `text` and `symbol`. */
  readonly texts: readonly string[];
  /** In the order read: their number is their number in the line tables. */
  readonly files: readonly SourceFile[];
  /** State class by name: its fields and tables in source order. */
  readonly classes: ReadonlyMap<string, readonly string[]>;
}

const list = (value: unknown): RawNode[] => value as RawNode[];

class Reader {
  readonly file: SourceFile;
  readonly signatures: Map<string, Signature>;
  readonly texts: string[];
  constructor(file: SourceFile, signatures: Map<string, Signature>, texts: string[]) {
    this.file = file;
    this.signatures = signatures;
    this.texts = texts;
  }
  refuse(message: string, node: RawNode): OutsideLanguage {
    return new OutsideLanguage(message, this.file, node);
  }
  type(annotation: unknown, at: RawNode): Type {
    const node = (annotation as { typeAnnotation?: RawNode } | null)?.typeAnnotation;
    if (node === undefined) throw this.refuse('a type is needed', at);
    const kind: string = node.type;
    switch (kind) {
      case 'TSNumberKeyword':
        return 'int';
      case 'TSBooleanKeyword':
        return 'bool';
      case 'TSVoidKeyword':
        return 'void';
      case 'TSTypeReference':
        return (node['typeName'] as RawNode)['name'] === 'Word' ? 'word' : 'state';
      default:
        throw this.refuse('a type is number, boolean, Word, void or a state class', at);
    }
  }
  signature(node: RawNode): void {
    const name = (node['id'] as RawNode)['name'] as string;
    const parameters = list(node['params']).map((p) => this.type(p['typeAnnotation'], p));
    if (parameters.filter((t) => t !== 'state').length > 8) throw this.refuse('at most eight arguments', node);
    this.signatures.set(name, { parameters, result: this.type(node['returnType'], node) });
  }
  /** The language has no strings: where an intrinsic takes one, its number stands in the tree. */
  numberTexts(value: unknown): void {
    if (Array.isArray(value)) {
      for (const v of value) this.numberTexts(v);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as Record<string, unknown>;
    const callee = node['callee'] as RawNode | undefined;
    if (node['type'] === 'CallExpression' && callee?.type === 'Identifier') {
      const argument = list(node['arguments'])[0] as Record<string, unknown> | undefined;
      if (INTRINSICS.get(callee['name'] as string)?.text === true) {
        if (argument?.['type'] !== 'Literal' || typeof argument['value'] !== 'string') {
          throw this.refuse('a text is a literal', value as RawNode);
        }
        const text = argument['value'];
        if (!this.texts.includes(text)) this.texts.push(text);
        argument['value'] = this.texts.indexOf(text);
      }
    }
    for (const v of Object.values(node)) this.numberTexts(v);
  }
}

/** The program of these files; a file may use what those before it define. Throws OutsideLanguage. */
export function readUnit(files: readonly SourceFile[]): Unit {
  const signatures = new Map<string, Signature>();
  const texts: string[] = [];
  const classes = new Map<string, readonly string[]>();
  const prelude = { name: 'intrinsics.ts', text: PRELUDE };
  const parsed: ParsedFile[] = [];
  let classBody: RawNode[] | undefined;
  const trees = [prelude, ...files].map((file) => {
    const { program, errors } = parseSync(file.name, file.text);
    if (errors.length > 0) throw new Error(`${file.name}: ${errors[0]?.message}`);
    const tree = program as unknown as RawNode;
    new Reader(file, signatures, texts).numberTexts(tree);
    return { file, tree };
  });
  scopeNames(trees);
  instantiate(trees);
  for (const { file, tree } of trees) {
    const reader = new Reader(file, signatures, texts);
    const body: RawNode[] = [];
    for (const top of list(tree['body'])) {
      const inner = (top['declaration'] as RawNode | null | undefined) ?? top;
      if (top.type === 'ImportDeclaration') {
        const from = (top['source'] as RawNode)['value'] as string;
        const known = [...parsed.map((p) => path.posix.basename(p.name)), 'intrinsics.ts'];
        if (!known.includes(path.posix.basename(from))) throw reader.refuse('no such import', top);
        continue;
      }
      if (inner.type === 'TSTypeAliasDeclaration') continue;
      if (inner.type === 'FunctionDeclaration') reader.signature(inner);
      if (inner.type === 'ClassDeclaration') {
        const members = list((inner['body'] as RawNode)['body']);
        const names = members.map((m) => (m['key'] as RawNode)['name'] as string);
        for (const earlier of classes.values()) {
          const twice = members.find((_, i) => earlier.includes(names[i]));
          if (twice !== undefined) throw reader.refuse('a second field of this name', twice);
        }
        classes.set((inner['id'] as RawNode)['name'] as string, names);
        // The checker knows one class: the first one takes the fields of all. Sizes are constants of earlier files.
        if (classBody !== undefined) {
          classBody.push(...members);
          continue;
        }
        classBody = members;
      }
      body.push(top);
    }
    parsed.push({ ...file, tree: { ...tree, body }, mayImport: [] });
  }
  return { program: lower(mergeClasses(parsed)), signatures, texts, files, classes };
}

/** Moves the one class to the end, where every constant that sizes a table is known. */
function mergeClasses(parsed: readonly ParsedFile[]): readonly ParsedFile[] {
  const isClass = (node: RawNode): boolean =>
    ((node['declaration'] as RawNode | null | undefined) ?? node).type === 'ClassDeclaration';
  const [owner] = parsed.filter((p) => list(p.tree['body']).some(isClass));
  if (owner === undefined) return parsed;
  const body = list(owner.tree['body']);
  const rest = parsed.map((p) =>
    p === owner ? { ...p, tree: { ...p.tree, body: body.filter((n) => !isClass(n)) } } : p,
  );
  return [...rest, { ...owner, tree: { ...owner.tree, body: body.filter(isClass) } }];
}

export function readSources(paths: readonly string[]): SourceFile[] {
  return paths.map((p) => ({ name: p, text: readFileSync(p, 'utf8') }));
}
