// The executor for programs on bare metal: intrinsics (compiler/intrinsics.ts) on terms. What the hart or memory gives is
// any value. Known is what the program itself has put there: control registers, and tables that it reaches by address.
import { INTRINSICS } from '../../compiler/intrinsic-table.ts';
import { Execution } from '../execute.ts';
import * as L from '../long.ts';
import * as T from '../term.ts';
import type { Value } from '../execute.ts';
import type { Term } from '../term.ts';

/** One store of 64 bits to an addressed table: under `guard`, at a byte. In a loop: that of the turn `index`, of each. */
interface Store64 {
  readonly guard: Term;
  readonly at: Term;
  readonly value: Term;
  readonly index: Term | undefined;
}

/** What computes alone. */
const PURE: Readonly<Record<string, (a: Term, b: Term) => Term>> = {
  add64: L.add64,
  sub64: L.sub64,
  mul64: L.mul64,
  divu64: L.udiv64,
  remu64: L.urem64,
  and64: L.and64,
  or64: L.or64,
  xor64: L.xor64,
  below64: L.ult64,
  shiftLeft64: L.shl64,
  shiftRight64: L.lshr64,
  word: L.sext,
  low: L.low,
  high: L.high,
  pair: L.pack,
};
export const pureIntrinsic = (name: string): ((a: Term, b: Term) => Term) | undefined => PURE[name];
const LONG_RESULTS = new Set(['load64', 'csrRead', 'text', 'symbol']);

export class MetalExecution extends Execution {
  /** Control registers by number, as far as the program has set them. */
  readonly csrs = new Map<number, Term>();
  readonly #memory = new Map<string, Store64[]>();
  readonly #name: string;
  #unknowns = 0;
  constructor(...[program, label]: ConstructorParameters<typeof Execution>) {
    super(program, label);
    this.#name = label;
  }
  override call(name: string, args: readonly Value[], condition: Term = T.TRUE): Term | undefined {
    if (!INTRINSICS.has(name)) return super.call(name, args, condition);
    const terms = args as readonly Term[];
    return this.intrinsic(name, terms, condition);
  }
  protected override addressOf(table: string): Term {
    return L.longVar(`&${table}`);
  }
  protected intrinsic(name: string, args: readonly Term[], condition: Term): Term | undefined {
    const pure = PURE[name];
    const [a, b] = args;
    if (pure !== undefined) return pure(a, b);
    switch (name) {
      case 'addressOf':
        return a;
      case 'symbol':
      case 'text':
        return L.longVar(`${name} ${T.valueOf(a)}`);
      case 'csrWrite':
        this.#csrWrite(a, b, condition);
        return undefined;
      case 'csrSet':
      case 'csrClear':
        this.#csrWrite(a, this.unknown('csr', true), condition);
        return undefined;
      case 'store64':
        this.#store64(a, b, condition);
        return undefined;
      case 'load64': {
        const place = placeOf(a);
        return place === undefined ? this.unknown(name, true) : this.#load64(place.table, place.at);
      }
      default:
        return INTRINSICS.get(name)?.result === true ? this.unknown(name, LONG_RESULTS.has(name)) : undefined;
    }
  }
  /** Any value; of each turn of a loop another one. */
  protected unknown(what: string, isLong: boolean): Term {
    const name = `${this.#name}.${what}@${(this.#unknowns += 1)}`;
    const { turn } = this;
    if (turn !== undefined) return isLong ? L.cell64(name, turn) : T.cell(name, turn);
    return isLong ? L.longVar(name) : T.wordVar(name);
  }

  // ---- control registers
  csr(number: number): Term {
    return this.csrs.get(number) ?? L.longVar(`csr ${number.toString(16)}`);
  }
  #csrWrite(number: Term, value: Term, condition: Term): void {
    const csr = T.valueOf(number);
    if (csr === undefined) throw new Error('the number of a control register is a constant');
    const after = this.turn === undefined ? value : this.unknown('csr', true);
    this.csrs.set(csr, T.ite(condition, after, this.csr(csr)));
  }

  // ---- tables that are reached by address
  #store64(address: Term, value: Term, guard: Term): void {
    const place = placeOf(address);
    if (place === undefined) return;
    const stores = this.#memory.get(place.table) ?? [];
    stores.push({ guard, at: place.at, value, index: this.turn });
    this.#memory.set(place.table, stores);
  }
  #load64(table: string, at: Term): Term {
    const stores = this.#memory.get(table) ?? [];
    return stores.reduce(
      (before, store) => {
        if (store.index === undefined) return T.ite(T.and(store.guard, L.eq64(store.at, at)), store.value, before);
        const turn = turnAt(store.at, store.index, at);
        if (turn === undefined) return before;
        if (this.turn === store.index && turn !== store.index) throw new Error('a turn reads what another has written');
        const then = (t: Term) => T.substitute(t, store.index ?? t, turn);
        return T.ite(then(store.guard), then(store.value), before);
      },
      // Byte addresses of what was there before.
      L.cell64(`M64.${table}`, L.low(at)),
    );
  }
}

/** An address within a table: & table + a number of bytes. */
export function placeOf(address: Term): { readonly table: string; readonly at: Term } | undefined {
  const bases = [...L.linearOf(address).parts].filter(([t]) => t.op === 'var' && String(t.payload).startsWith('&'));
  const [base] = bases;
  if (base === undefined) return undefined;
  if (bases.length > 1 || base[1] !== 1n) throw new Error(`an address of two tables: ${T.show(address)}`);
  return { table: String(base[0].payload).slice(1), at: L.sub64(address, base[0]) };
}

/** A row of so many bytes: sext(i * stride), exact (SAFE). */
function rowOf(t: Term): { readonly row: Term; readonly stride: number } | undefined {
  if (t.op !== 'sext') return undefined;
  const [product] = t.args;
  const factor = product.op === 'mul' || product.op === 'shl' ? T.valueOf(product.args[1]) : undefined;
  if (factor === undefined) return undefined;
  return { row: product.args[0], stride: product.op === 'mul' ? factor : 2 ** factor };
}
/**
 * The turn that stores at the byte `at`, when the turn `index` stores at `template`; undefined: none does. Both are row * stride
 * + a place within the row, or this is not known, and an error.
 */
function turnAt(template: Term, index: Term, at: Term): Term | undefined {
  const split = (t: Term) => {
    const { parts, constant } = L.linearOf(t);
    const [only] = parts.keys();
    const row = parts.size === 1 && parts.get(only) === 1n ? rowOf(only) : undefined;
    return row === undefined || constant >= BigInt(row.stride) ? undefined : { ...row, column: constant };
  };
  const [a, b] = [split(template), split(at)];
  if (a === undefined || b === undefined || a.stride !== b.stride || a.row !== index) {
    throw new Error(`rows are not known apart: ${T.show(template)} and ${T.show(at)}`);
  }
  return a.column === b.column ? b.row : undefined;
}
