// Values of terms in a model: what a solver has found, completed by zeros.
import { isLong } from './term.ts';
import type { Term } from './term.ts';

export interface Model {
  /** Unknown words and booleans (0, 1). */
  readonly unknowns: ReadonlyMap<string, number>;
  /** Cells of unknown tables. */
  readonly cells: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** Evaluates terms in one model. */
export function evaluator(model: Model): (t: Term) => number | boolean {
  const memo = new Map<Term, number | boolean>();
  const truth = (t: Term): boolean => value(t) === true;
  const number = (t: Term): number => value(t) as number;
  const compute = (t: Term): number | boolean => {
    const [a, b, c] = t.args;
    const { op } = t;
    if (isLong(op)) throw new Error(`${op}: models have no values of 64 bits`);
    switch (op) {
      case 'true':
        return true;
      case 'false':
        return false;
      case 'const':
        return t.payload as number;
      case 'var': {
        const known = model.unknowns.get(t.payload as string) ?? 0;
        return t.sort === 'bool' ? known !== 0 : known;
      }
      case 'cell':
        return model.cells.get(t.payload as string)?.get(number(a)) ?? 0;
      case 'not':
        return !truth(a);
      case 'and':
        return t.args.every(truth);
      case 'or':
        return t.args.some(truth);
      case 'ite':
        return truth(a) ? value(b) : value(c);
      case 'eq':
        return value(a) === value(b);
      case 'slt':
        return number(a) < number(b);
      case 'add':
        return (number(a) + number(b)) | 0;
      case 'sub':
        return (number(a) - number(b)) | 0;
      case 'mul':
        return Math.imul(number(a), number(b));
      case 'band':
        return number(a) & number(b);
      case 'bor':
        return number(a) | number(b);
      case 'bxor':
        return number(a) ^ number(b);
      case 'bnot':
        return ~number(a);
      case 'shl':
        return number(b) >>> 0 > 31 ? 0 : number(a) << number(b);
      case 'sar':
        return number(a) >> (number(b) >>> 0 > 31 ? 31 : number(b));
      case 'sdiv':
        return Math.trunc(number(a) / number(b)) | 0;
    }
  };
  const value = (t: Term): number | boolean => {
    let result = memo.get(t);
    if (result === undefined) {
      result = compute(t);
      memo.set(t, result);
    }
    return result;
  };
  return value;
}
