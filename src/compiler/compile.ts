// From sources to linked code: what the parts of the compiler do, in order.
import { Analysis } from './analysis.ts';
import { allocate } from './allocate.ts';
import { Assembler, emitFunction } from './assemble.ts';
import { Generator } from './generate.ts';
import { layOut } from './layout.ts';
import { readUnit } from './source.ts';
import type { SourceFile } from '../proof/language.ts';
import type { Layout } from './layout.ts';
import type { Unit } from './source.ts';

export interface CompileOptions {
  /** Functions that exist whether or not anything calls them. */
  readonly roots: readonly string[];
  /** Compiles bounds checks in. Default: false, for programs for which SAFE is proved. */
  readonly check?: boolean;
  /** Functions of at most so many syntax nodes are built into their callers; and of so many, if they are called once. */
  readonly inline?: number;
  /** Handles by the names of ports, for a program of a partition. */
  readonly ports?: ReadonlyMap<string, number>;
  readonly inlineOnce?: number;
}

/** Nodes: about five lines of code. */
const INLINE = 60;
const INLINE_ONCE = 120;

export interface Compilation {
  readonly unit: Unit;
  readonly layout: Layout;
  /** Functions that exist apart, in the order of their addresses. */
  readonly functions: readonly string[];
}

/** Appends the code of a program to `asm`. Texts are data: `emitTexts`. Throws OutsideLanguage. */
export function compileInto(asm: Assembler, files: readonly SourceFile[], options: CompileOptions): Compilation {
  const unit = readUnit(files);
  const layout = layOut(unit.program);
  const analysis = new Analysis(unit, options.roots, options.inline ?? INLINE, options.inlineOnce ?? INLINE_ONCE);
  const functions = analysis.emitted();
  for (const name of functions) {
    const fn = unit.program.functions.get(name);
    if (fn === undefined) throw new Error(`no function ${name}`);
    const graph = new Generator(unit, layout, analysis, fn, {
      check: options.check ?? false,
      ...(options.ports === undefined ? {} : { ports: options.ports }),
    }).graph();
    emitFunction(asm, graph, allocate(graph));
  }
  return { unit, layout, functions };
}
export function emitTexts(asm: Assembler, { texts }: Unit): void {
  for (const text of texts) asm.data(`"${text}`, new TextEncoder().encode(`${text}\0`), 1);
}
