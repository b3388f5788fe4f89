// Device models are functions over a table that is a parameter: `uartRead(s: Int32Array, offset)`. The language has tables of states
// only. So there is such a function once for each table that it is called with, as if `s[i]` were `state.table[i]`: what is compiled
// and proved knows no pointers.
import { OutsideLanguage } from '../proof/language.ts';
import type { RawNode } from '../proof/lower.ts';
import type { Parsed } from './scopes.ts';

const list = (value: unknown): RawNode[] => value as RawNode[];
const nameOf = (value: unknown): string => (value as RawNode)['name'] as string;
const isIdentifier = (node: RawNode): boolean => node.type === 'Identifier';

interface Template {
  readonly node: RawNode;
  readonly at: Parsed;
  /** Which parameters are tables. */
  readonly tables: readonly number[];
}

function tableParameters(fn: RawNode): number[] {
  return list(fn['params']).flatMap((p, i) => {
    const type = (p['typeAnnotation'] as { typeAnnotation?: RawNode } | null)?.typeAnnotation;
    return type?.type === 'TSTypeReference' && nameOf(type['typeName']) === 'Int32Array' ? [i] : [];
  });
}
const functionOf = (top: RawNode): RawNode | undefined => {
  const inner = (top['declaration'] as RawNode | null | undefined) ?? top;
  return inner.type === 'FunctionDeclaration' ? inner : undefined;
};

/** Throws OutsideLanguage where a table is passed on that is none of a state. The trees are changed. */
export function instantiate(files: readonly Parsed[]): void {
  const templates = new Map<string, Template>();
  for (const at of files) {
    const body = list(at.tree['body']);
    for (const top of body) {
      const fn = functionOf(top);
      const tables = fn === undefined ? [] : tableParameters(fn);
      if (fn !== undefined && tables.length > 0) templates.set(nameOf(fn['id']), { node: top, at, tables });
    }
    const isTemplate = (top: RawNode): boolean => templates.get(nameOf(functionOf(top)?.['id'] ?? {}))?.node === top;
    (at.tree as Record<string, unknown>)['body'] = body.filter((top) => !isTemplate(top));
  }
  const made = new Set<string>();
  /** Calls below: `tables` are the parameters of the function around that are tables, and which. */
  const visit = (value: unknown, at: Parsed, tables: ReadonlyMap<string, string>): void => {
    if (Array.isArray(value)) {
      for (const v of value) visit(v, at, tables);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as Record<string, unknown> & RawNode;
    if (node.type === 'MemberExpression' && node['computed'] === true) {
      const object = node['object'] as RawNode;
      const table = isIdentifier(object) ? tables.get(nameOf(object)) : undefined;
      if (table !== undefined) {
        const property = { ...object, name: table };
        (node as Record<string, unknown>)['object'] = {
          ...object,
          type: 'MemberExpression',
          computed: false,
          object,
          property,
        };
      }
    }
    if (node.type === 'CallExpression' && isIdentifier(node['callee'] as RawNode)) {
      const template = templates.get(nameOf(node['callee']));
      if (template !== undefined) call(node, template, at, tables);
    }
    for (const v of Object.values(node)) visit(v, at, tables);
  };
  const call = (
    node: Record<string, unknown> & RawNode,
    template: Template,
    at: Parsed,
    known: ReadonlyMap<string, string>,
  ): void => {
    const args = list(node['arguments']);
    const chosen = template.tables.map((i) => {
      const argument = args[i];
      if (argument !== undefined && isIdentifier(argument)) {
        const table = known.get(nameOf(argument));
        if (table !== undefined) return table;
      } else if (argument?.type === 'MemberExpression' && argument['computed'] === false) {
        args[i] = argument['object'] as RawNode;
        return nameOf(argument['property']);
      }
      throw new OutsideLanguage('a table that is passed on is one of a state', at.file, argument ?? node);
    });
    const name = [nameOf(node['callee']), ...chosen].join('$');
    (node as Record<string, unknown>)['callee'] = { ...(node['callee'] as RawNode), name };
    if (made.has(name)) return;
    made.add(name);
    const top = structuredClone(template.node);
    const fn = functionOf(top);
    if (fn === undefined) return;
    (fn as Record<string, unknown>)['id'] = { ...(fn['id'] as RawNode), name };
    const parameters = list(fn['params']);
    visit(fn['body'], template.at, new Map(template.tables.map((i, n) => [nameOf(parameters[i]), chosen[n]])));
    list(template.at.tree['body']).push(top);
  };
  for (const at of files) {
    // Instances are added to it meanwhile.
    const written = list(at.tree['body']).slice();
    for (const top of written) {
      const fn = functionOf(top);
      if (fn !== undefined && ![...made].includes(nameOf(fn['id']))) visit(fn['body'], at, new Map());
    }
  }
}
