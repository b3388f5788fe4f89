// Makes of a built program and all modules that it imports one file, in its place. Node takes some 0.5 ms of CPU time for each module
// that it finds, reads, links and starts: the thread of a guest's hart has 75.
//
// Each module is a function that runs once, in the order in which the modules would run, and returns its exports. So names
// keep their scopes, and no expression is touched. What that cannot express is refused: cycles of imports, exports that change.
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { parse } from 'acorn';

/** @typedef {import('acorn').AnyNode} Node */
/** @typedef {{ text: string, exports: Map<string, string> }} Module the exports' expressions by name */

/**
 * All nodes of a tree.
 * @param {unknown} value
 * @returns {Generator<Node>}
 */
function* nodes(value) {
  if (Array.isArray(value)) for (const each of value) yield* nodes(each);
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value) yield /** @type {Node} */ (value);
    for (const each of Object.values(value)) yield* nodes(each);
  }
}

/** @param {import('acorn').Identifier | import('acorn').Literal} node */
const nameOf = (node) => (node.type === 'Identifier' ? node.name : String(node.value));

/**
 * The one file's text.
 * @param {string} entry path of the program's main module
 * @param {Readonly<Record<string, string>>} aliases package imports (`#name`), as absolute paths
 */
export function bundle(entry, aliases) {
  /** @type {Map<string, { number: number, exports: Module['exports'] } | undefined>} by path; undefined: its imports are being read */
  const known = new Map();
  /** @type {Map<string, number>} */
  const builtins = new Map();
  /** @type {string[]} */
  const parts = [];

  /**
   * Reads a module and what it imports.
   * @param {string} path
   * @returns {Module}
   */
  const read = (path) => {
    const source = readFileSync(path, 'utf8');
    const refuse = (/** @type {string} */ why) => new Error(`bundle: ${path}: ${why}`);
    /** @type {{ start: number, end: number, text: string }[]} */
    const edits = [];
    /** @type {Map<string, string>} */
    const exports = new Map();
    const onComment = (
      /** @type {boolean} */ _,
      /** @type {string} */ __,
      /** @type {number} */ start,
      /** @type {number} */ end,
    ) => edits.push({ start, end, text: '' });
    const tree = parse(source, { ecmaVersion: 'latest', sourceType: 'module', onComment });
    /** @param {string} specifier */
    const target = (specifier) => aliases[specifier] ?? resolve(dirname(path), specifier);
    /** @param {string} specifier */
    const from = (specifier) => {
      if (specifier.startsWith('.') || specifier in aliases) {
        return `m${visit(target(specifier)).number}$`;
      }
      if (!builtins.has(specifier)) builtins.set(specifier, builtins.size);
      return `b${builtins.get(specifier)}$`;
    };
    for (const node of tree.body) {
      if (node.type === 'ImportDeclaration') {
        const whole = from(String(node.source.value));
        const names = node.specifiers.map((each) => {
          if (each.type === 'ImportNamespaceSpecifier') return `const ${each.local.name} = ${whole};`;
          const imported = each.type === 'ImportSpecifier' ? nameOf(each.imported) : 'default';
          return `const ${each.local.name} = ${whole}.${imported};`;
        });
        edits.push({ start: node.start, end: node.end, text: names.join(' ') });
      } else if (node.type === 'ExportNamedDeclaration') {
        const { declaration, specifiers } = node;
        if (declaration) {
          if (declaration.type === 'VariableDeclaration') {
            if (declaration.kind !== 'const') throw refuse('it exports what may change');
            for (const { id } of declaration.declarations) {
              if (id.type !== 'Identifier') throw refuse('it exports a pattern');
              exports.set(id.name, id.name);
            }
          } else exports.set(declaration.id.name, declaration.id.name);
          edits.push({ start: node.start, end: declaration.start, text: '' });
        } else {
          const whole = node.source ? `${from(String(node.source.value))}.` : '';
          for (const { exported, local } of specifiers) exports.set(nameOf(exported), whole + nameOf(local));
          edits.push({ start: node.start, end: node.end, text: '' });
        }
      } else if (node.type === 'ExportAllDeclaration' && !node.exported) {
        const { number, exports: all } = visit(target(String(node.source.value)));
        for (const name of all.keys()) exports.set(name, `m${number}$.${name}`);
        edits.push({ start: node.start, end: node.end, text: '' });
      } else if (node.type === 'ExportAllDeclaration' || node.type === 'ExportDefaultDeclaration')
        throw refuse('it exports by a form that this does not know');
    }
    for (const node of nodes(tree.body)) {
      if (node.type === 'ImportExpression') throw refuse('it imports dynamically');
      if (node.type === 'MetaProperty' && node.meta.name === 'import')
        edits.push({
          start: node.start,
          end: node.end,
          text: `meta$(${JSON.stringify(relative(dirname(entry), path))})`,
        });
    }
    let text = '';
    let at = 0;
    for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
      if (edit.start < at) continue; // a comment within an import
      text += source.slice(at, edit.start) + edit.text;
      at = edit.end;
    }
    text += source.slice(at);
    return { text, exports };
  };

  /**
   * A module, which stands in the file already.
   * @param {string} path
   */
  const visit = (path) => {
    if (known.has(path)) {
      const module = known.get(path);
      if (module === undefined) throw new Error(`bundle: ${path} imports itself, by way of others`);
      return module;
    }
    known.set(path, undefined);
    const { text, exports } = read(path);
    const module = { number: parts.length, exports };
    known.set(path, module);
    const list = [...exports].map(([name, value]) => (name === value ? name : `${name}: ${value}`)).join(', ');
    parts.push(`const m${module.number}$ = (() => {\n${text}\nreturn { ${list} };\n})();\n`);
    return module;
  };

  known.set(entry, undefined);
  const { text } = read(entry);
  const imports = [...builtins].map(([name, number]) => `import * as b${number}$ from ${JSON.stringify(name)};\n`);
  return `import { join as join$, dirname as dirname$ } from 'node:path';
import { pathToFileURL as pathToFileURL$ } from 'node:url';
${imports.join('')}const meta$ = (path) => {
  const filename = join$(import.meta.dirname, path);
  return { url: pathToFileURL$(filename).href, filename, dirname: dirname$(filename) };
};
${parts.join('')}${text}`;
}
