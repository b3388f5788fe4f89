// The two front ends: oxc-parser reads the TypeScript source, acorn the JavaScript that Node runs of it. Two parsers,
// written apart, must give the same program.
import { stripTypeScriptTypes } from 'node:module';
import { parse as acorn } from 'acorn';
import { parseSync as oxc } from 'oxc-parser';
import { lower } from './lower.ts';
import type { ParsedFile, RawNode } from './lower.ts';
import type { Program, SourceFile } from './language.ts';

export type FrontEnd = 'typescript' | 'javascript';

/**
 * The core, what it must keep and who may see what (spec.ts), how it goes on (order.ts), and what it does (behaviour.ts), as
 * TypeScript.
 */
export interface Sources {
  readonly core: string;
  readonly spec: string;
  readonly order: string;
  readonly behaviour: string;
}

/** What Node runs: the types are blanked, everything else stays where it is. */
export function emitted(typescript: string): string {
  return stripTypeScriptTypes(typescript, { mode: 'strip' });
}

function treeOf(front: FrontEnd, file: SourceFile): RawNode {
  if (front === 'javascript') {
    return acorn(file.text, { ecmaVersion: 2022, sourceType: 'module' }) as unknown as RawNode;
  }
  const { program, errors } = oxc(file.name, file.text);
  if (errors.length > 0) throw new Error(`${file.name}: ${errors[0]?.message}`);
  return program as unknown as RawNode;
}

/** Throws OutsideLanguage for what is not in the language, and the parsers' own errors. */
export function readProgram(front: FrontEnd, sources: Sources): Program {
  const file = (name: string, text: string, mayImport: readonly string[]): ParsedFile => {
    const source = { name, text: front === 'javascript' ? emitted(text) : text };
    return { ...source, tree: treeOf(front, source), mayImport };
  };
  return lower([
    file('core.ts', sources.core, []),
    file('spec.ts', sources.spec, ['./core.ts']),
    file('order.ts', sources.order, ['./core.ts']),
    file('behaviour.ts', sources.behaviour, ['./core.ts']),
  ]);
}
