// Names of a program's files. The language has one scope at top level, TypeScript one for each file: where two files declare the
// same name, the later one's is another name in the program. Imports say which one is meant.
import path from 'node:path';
import type { SourceFile } from '../proof/language.ts';
import type { RawNode } from '../proof/lower.ts';

export interface Parsed {
  readonly file: SourceFile;
  readonly tree: RawNode;
}

const list = (value: unknown): RawNode[] => value as RawNode[];
const nameOf = (value: unknown): string => (value as RawNode)['name'] as string;

/** What a file declares at top level: constants and functions. */
function declared(tree: RawNode): string[] {
  return list(tree['body']).flatMap((top) => {
    const inner = (top['declaration'] as RawNode | null | undefined) ?? top;
    if (inner.type === 'FunctionDeclaration') return [nameOf(inner['id'])];
    if (inner.type === 'VariableDeclaration') return list(inner['declarations']).map((d) => nameOf(d['id']));
    return [];
  });
}
/** Parameters and locals of a function. */
function localsOf(fn: RawNode): Set<string> {
  const names = new Set(list(fn['params']).map(nameOf));
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const v of value) visit(v);
    else if (typeof value === 'object' && value !== null) {
      const node = value as RawNode;
      if (node.type === 'VariableDeclarator') names.add(nameOf(node['id']));
      for (const v of Object.values(value)) visit(v);
    }
  };
  visit(fn['body']);
  return names;
}
function rename(value: unknown, names: ReadonlyMap<string, string>): void {
  if (Array.isArray(value)) {
    for (const v of value) rename(v, names);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const node = value as Record<string, unknown> & RawNode;
  switch (node.type) {
    case 'Identifier':
      (node as Record<string, unknown>)['name'] = names.get(nameOf(node)) ?? nameOf(node);
      return;
    case 'ImportDeclaration':
    case 'TSTypeAnnotation':
      return;
    case 'MemberExpression':
      rename(node['object'], names);
      if (node['computed'] === true) rename(node['property'], names);
      return;
    case 'PropertyDefinition':
      rename(node['value'], names);
      return;
    case 'FunctionDeclaration': {
      const locals = localsOf(node);
      const visible = new Map([...names].filter(([name]) => !locals.has(name)));
      rename(node['id'], names);
      rename(node['body'], visible);
      return;
    }
    default:
      for (const v of Object.values(node)) rename(v, names);
  }
}

/** Gives each name at top level one meaning in the whole program. The trees are changed. */
export function scopeNames(files: readonly Parsed[]): void {
  const taken = new Set<string>();
  /** By a file's last name: its names, and what they are in the program. */
  const exported = new Map<string, ReadonlyMap<string, string>>();
  for (const { file, tree } of files) {
    const names = new Map<string, string>();
    for (const top of list(tree['body'])) {
      if (top.type !== 'ImportDeclaration') continue;
      const from = exported.get(path.posix.basename((top['source'] as RawNode)['value'] as string));
      for (const specifier of list(top['specifiers'])) {
        if (specifier.type !== 'ImportSpecifier') continue;
        const [imported, local] = [nameOf(specifier['imported']), nameOf(specifier['local'])];
        const meant = from?.get(imported) ?? imported;
        if (meant !== local) names.set(local, meant);
      }
    }
    const own = new Map<string, string>();
    for (const name of declared(tree)) {
      let unique = name;
      for (let n = 2; taken.has(unique); n++) unique = `${name}$${n}`;
      // A second one within a file is refused as such.
      if (!own.has(name)) own.set(name, unique);
    }
    for (const [name, unique] of own) {
      taken.add(unique);
      if (name !== unique) names.set(name, unique);
    }
    exported.set(path.posix.basename(file.name), own);
    if (names.size > 0) rename(tree, names);
  }
}
