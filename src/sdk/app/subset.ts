// Programs in the subset of the language (docs/compiler.md) in an application's realm. On bare metal a call of the kernel holds the
// program until it is answered; here the program waits by `await`, which this puts before each of its calls. The subset has
// no other functions than those at the top level, and no calls but of names, so that words of the text are all that must be known.
import { importsOf } from './sources.ts';

/** A program that imports one of these is in the subset. */
export const OF_THE_SUBSET: readonly string[] = ['virtsec/sdk/bare', 'virtsec/sdk/apex'];

/** What an application begins with that is a program in the subset: the types of its `main`'s parameters, in their order. */
export function mainOf(text: string): readonly string[] | undefined {
  if (!importsOf(text).some((one) => OF_THE_SUBSET.includes(one))) return undefined;
  const [, parameters] = /^export function main\(([^)]*)\)/m.exec(text) ?? [];
  return parameters?.split(',').flatMap((one) => /:\s*(\w+)/.exec(one)?.[1] ?? []);
}

/** Comments, texts, functions, words before a bracket that are no calls, calls. */
const TOKENS =
  /\/\/.*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|\b(?:export )?function\b\s*\w+|\b(?:if|for|switch|return|new)\b|(?<!\.)\b[A-Za-z_]\w*(?=\()/g;
const NO_CALL = new Set(['if', 'for', 'switch', 'return', 'new']);

/** The same program, which waits for what it calls. Lines stay as they are. */
export function waiting(javascript: string): string {
  let isNew = false;
  return javascript.replace(TOKENS, (token) => {
    const isClass = isNew;
    isNew = token === 'new';
    if (token.startsWith('/') || token.startsWith("'") || NO_CALL.has(token) || isClass) return token;
    if (/\bfunction\b/.test(token)) return token.replace('function', 'async function');
    return `await ${token}`;
  });
}
