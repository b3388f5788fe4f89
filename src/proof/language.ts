// The language of the core (docs/design/kernel.md): what a program in it is made of. Both parsers' trees are lowered to
// this one (lower.ts), and the prover reads nothing else, so that what is not listed here cannot occur.

/** Offsets in the source text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Arithmetic = '+' | '-' | '*';
export type Bitwise = '&' | '|' | '^' | '<<' | '>>';
export type Comparison = '===' | '!==' | '<' | '<=' | '>' | '>=';
export type BinaryOperator = Arithmetic | Bitwise | Comparison;

/** `k.mode`, or `k.state[p]`: a word of a state. `state` names the parameter that holds the state. */
export type Place =
  | { readonly kind: 'field'; readonly state: string; readonly field: string; readonly span: Span }
  | {
      readonly kind: 'cell';
      readonly state: string;
      readonly table: string;
      readonly index: Expression;
      readonly span: Span;
    };

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly span: Span;
}

export type Expression =
  | Place
  | Call
  | { readonly kind: 'int'; readonly value: number; readonly span: Span }
  | { readonly kind: 'bool'; readonly value: boolean; readonly span: Span }
  /** A local, a parameter or a constant. */
  | { readonly kind: 'name'; readonly name: string; readonly span: Span }
  | { readonly kind: 'unary'; readonly op: '!' | '~'; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: 'binary';
      readonly op: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'logical';
      readonly op: '&&' | '||';
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'choice';
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
      readonly span: Span;
    }
  /** `(a + b) | 0`, `(a - b) | 0`: modulo 2^32. */
  | {
      readonly kind: 'wrapped';
      readonly op: '+' | '-';
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  /** `(a / b) | 0`, b a positive constant: rounds towards 0. */
  | { readonly kind: 'quotient'; readonly left: Expression; readonly right: Expression; readonly span: Span };

export type Statement =
  | { readonly kind: 'declare'; readonly name: string; readonly value: Expression; readonly span: Span }
  /** `x = e`, `k.f = e`, `k.t[i] op= e`. */
  | {
      readonly kind: 'assign';
      readonly target: Place | { readonly kind: 'local'; readonly name: string };
      readonly op: BinaryOperator | undefined;
      readonly value: Expression;
      readonly span: Span;
    }
  | { readonly kind: 'do'; readonly call: Call; readonly span: Span }
  | { readonly kind: 'return'; readonly value: Expression | undefined; readonly span: Span }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
      readonly span: Span;
    }
  | { readonly kind: 'block'; readonly body: readonly Statement[]; readonly span: Span }
  /** `for (let index = from; index < to; index++)`. */
  | {
      readonly kind: 'for';
      readonly index: string;
      readonly from: Expression;
      readonly to: Expression;
      readonly body: readonly Statement[];
      readonly span: Span;
    }
  /** `k.t.fill(value, from, to)`. */
  | {
      readonly kind: 'fill';
      readonly state: string;
      readonly table: string;
      readonly value: Expression;
      readonly from: Expression;
      readonly to: Expression;
      readonly span: Span;
    };

export interface SourceFile {
  /** As people and counterexamples name it: `core.ts`. */
  readonly name: string;
  readonly text: string;
}

export interface Fn {
  readonly name: string;
  readonly file: SourceFile;
  readonly exported: boolean;
  readonly parameters: readonly string[];
  readonly body: readonly Statement[];
  readonly span: Span;
}

export interface Table {
  /** Words. */
  readonly size: number;
  /** The constant that gives the size. Tables with the same one have the same kind of row. */
  readonly domain: string;
}

export interface Program {
  readonly constants: ReadonlyMap<string, number>;
  readonly functions: ReadonlyMap<string, Fn>;
  readonly tables: ReadonlyMap<string, Table>;
  /** Fields of the state class that are ints, with the value that they start with. */
  readonly fields: ReadonlyMap<string, number>;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}
export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** The source says something that the language does not have, or that the prover cannot follow. */
export class OutsideLanguage extends Error {
  constructor(message: string, file: SourceFile, span: Span) {
    const { line, column } = positionOf(file.text, span.start);
    super(`${file.name}:${line}:${column}: ${message}: ${file.text.slice(span.start, span.end).split('\n', 1)[0]}`);
    this.name = 'OutsideLanguage';
  }
}
