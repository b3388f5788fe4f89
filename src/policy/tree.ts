// YAML or JSON text -> a tree of values with their places. The only file that knows the YAML parser.
//
// VS001: The text is YAML 1.2 or JSON, in UTF-8, one document.
// VS002: Every value stands where it is used and once: no anchors, aliases, tags or second keys, and keys are words.
import { type ErrorCode, type Node, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Fault, Range, Source } from './source.ts';

export interface Field {
  readonly keyAt: Range;
  readonly value: Tree;
}

export type Tree = { readonly at: Range } & (
  | { readonly kind: 'map'; readonly fields: ReadonlyMap<string, Field> }
  | { readonly kind: 'list'; readonly items: readonly Tree[] }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'nothing' }
);

/** How a message names each kind of value. */
export const KIND_NAMES: Readonly<Record<Tree['kind'], string>> = {
  map: 'a map',
  list: 'a list',
  text: 'text',
  number: 'a number',
  boolean: 'true or false',
  nothing: 'nothing',
};

const MAX_DEPTH = 16;

/** What to write instead, by the code of the parser's error. */
const HELP: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MULTIPLE_DOCS: 'remove the line `---` and what follows it',
  BLOCK_AS_IMPLICIT_KEY: 'put text in quotes that holds `: `',
  BAD_SCALAR_START: 'put text in quotes that begins with this character',
  BAD_DQ_ESCAPE: "write the text in '...', which knows no escapes",
  MISSING_CHAR: 'close what is open: `{` with `}`, `[` with `]`, a quote with the same quote',
  BAD_INDENT: 'close what is open (`{` with `}`, `[` with `]`), and indent what belongs together alike',
  RESOURCE_EXHAUSTION: `at most ${MAX_DEPTH} levels are read`,
};
const USUAL_HELP = '`virtsec new system NAME` writes a description to compare with';

/** What decoders make of bytes that are no UTF-8. */
const NOT_UTF8 = '\ufffd';

/** Reads the whole text. On a fault the tree is undefined or lacks the faulty part. */
export function parseTree(source: Source, faults: Fault[]): Tree | undefined {
  const broken = source.text.indexOf(NOT_UTF8);
  if (broken >= 0) {
    const sentence = 'this is not text in UTF-8';
    faults.push({ code: 'VS001', at: { start: broken, end: broken + 1 }, sentence, help: 'save the file as UTF-8' });
    return undefined;
  }
  const document = parseDocument(source.text, {
    prettyErrors: false,
    uniqueKeys: false, // we look ourselves: our message shows the second key
    version: '1.2',
    schema: 'core',
    merge: false,
  });
  // The first error says it: the others mostly follow from it.
  const [error] = document.errors;
  if (error !== undefined) {
    const [place, end] = error.pos.map((offset) => Math.min(offset, source.text.length));
    const isDeep = /call stack/.test(error.message);
    const reason =
      error.code === 'MULTIPLE_DOCS'
        ? 'a description is one document'
        : isDeep
          ? 'it is nested too deeply'
          : error.message.replace(/\.$/, '').replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
    const help = HELP[isDeep ? 'RESOURCE_EXHAUSTION' : error.code] ?? USUAL_HELP;
    // How far the parser came before its stack was full is chance: the line is what can be told.
    const start = isDeep ? source.text.lastIndexOf('\n', place) + 1 : place;
    faults.push({ code: 'VS001', at: { start, end }, sentence: `this is not YAML: ${reason}`, help });
    return undefined;
  }
  const whole = { start: 0, end: 0 };
  if (document.contents === null) return { kind: 'nothing', at: whole };
  return convert(document.contents, faults, 0);
}

function rangeOf(node: Node): Range {
  const [start, end] = node.range ?? [0, 0];
  return { start, end };
}

function convert(node: Node | null, faults: Fault[], depth: number): Tree {
  if (node === null) return { kind: 'nothing', at: { start: 0, end: 0 } };
  const at = rangeOf(node);
  const refuse = (sentence: string, help: string): Tree => {
    faults.push({ code: 'VS002', at, sentence, help });
    return { kind: 'nothing', at };
  };
  if (depth > MAX_DEPTH) return refuse('this is nested too deeply', `at most ${MAX_DEPTH} levels are read`);
  if (isAlias(node)) return refuse('aliases are not read', 'write the value out where it is used');
  if (node.tag !== undefined) return refuse(`tags such as \`${node.tag}\` are not read`, 'remove it');
  if ('anchor' in node && node.anchor !== undefined)
    return refuse('anchors are not read', `remove \`&${node.anchor}\``);
  if (isMap(node)) {
    const fields = new Map<string, Field>();
    for (const pair of node.items) {
      const key = pair.key as Node;
      const value = convert((pair.value as Node | null) ?? null, faults, depth + 1);
      const keyAt = rangeOf(key);
      if (!isScalar(key) || typeof key.value !== 'string') {
        // A number is a natural key for a core; it is kept by its text.
        if (!isScalar(key) || typeof key.value !== 'number') {
          faults.push({ code: 'VS002', at: keyAt, sentence: 'a key must be a word', help: 'put it in quotes' });
          continue;
        }
      }
      const name = String(key.value);
      if (fields.has(name)) {
        faults.push({
          code: 'VS002',
          at: keyAt,
          sentence: `\`${name}\` stands here a second time`,
          help: 'keep one of the two',
        });
        continue;
      }
      // A key without a value has no place of its own: messages about the value point at the key.
      fields.set(name, { keyAt, value: value.at.start === value.at.end ? { ...value, at: keyAt } : value });
    }
    return { kind: 'map', at, fields };
  }
  if (isSeq(node))
    return { kind: 'list', at, items: node.items.map((item) => convert(item as Node, faults, depth + 1)) };
  if (!isScalar(node)) return refuse('this value is not understood', 'write text, a number, a list or a map');
  const value = node.value;
  if (typeof value === 'string') return { kind: 'text', at, value };
  if (typeof value === 'number') return { kind: 'number', at, value };
  if (typeof value === 'boolean') return { kind: 'boolean', at, value };
  return { kind: 'nothing', at };
}
