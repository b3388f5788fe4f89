// What a function writes, which locals a loop assigns, and which calls are built in place.
import { INTRINSICS } from './intrinsic-table.ts';
import type { Call, Statement } from '../proof/language.ts';
import type { Unit } from './source.ts';

interface Node {
  readonly kind?: string;
}
/** Visits every statement and expression below. */
export function eachNode(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const v of value) eachNode(v, visit);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if ('kind' in value) visit(value as Node);
  for (const v of Object.values(value)) eachNode(v, visit);
}
/** From so many cases on a table of jumps is used. */
export const LEAST_CASES = 5;
/** `if (name === CONSTANT) return ...`, again and again. */
function isTable(statements: readonly Statement[]): boolean {
  const cases = statements.filter((s) => s.kind === 'if' && s.test.kind === 'binary' && s.test.op === '===');
  return cases.length > 2 * LEAST_CASES;
}
const callsIn = (value: unknown): string[] => {
  const names: string[] = [];
  eachNode(value, (n) => {
    if (n.kind === 'call') names.push((n as Call).name);
  });
  return names;
};

export class Analysis {
  readonly unit: Unit;
  /** Tables whose address a program takes: a store to an address may reach them. */
  readonly addressTaken: ReadonlySet<string>;
  readonly #roots: ReadonlySet<string>;
  readonly #limit: number;
  readonly #once: number;
  readonly #wholes = new Map<string, number>();
  readonly #writes = new Map<string, ReadonlySet<string>>();
  readonly #sizes = new Map<string, number>();
  readonly #callers = new Map<string, number>();

  /**
   * Functions of at most `limit` nodes are built in place, and those called once if they have at most ONCE, counted with all
   * that is built into them: larger ones stay apart, so that each is validated apart. `roots` exist apart as well.
   */
  constructor(unit: Unit, roots: readonly string[], limit: number, once: number) {
    this.unit = unit;
    this.#roots = new Set(roots);
    this.#limit = limit;
    this.#once = once;
    const taken = new Set<string>();
    for (const fn of unit.program.functions.values()) {
      let size = 0;
      eachNode(fn.body, () => (size += 1));
      this.#sizes.set(fn.name, size);
      for (const name of callsIn(fn.body)) this.#callers.set(name, (this.#callers.get(name) ?? 0) + 1);
      eachNode(fn.body, (n) => {
        const call = n as Call;
        const [first] = n.kind === 'call' && call.name === 'addressOf' ? call.args : [];
        if (first?.kind === 'field') taken.add(first.field);
      });
    }
    this.addressTaken = taken;
  }

  inlined(name: string): boolean {
    // A table of cases in a function that one place calls belongs there.
    if (this.#callers.get(name) === 1 && isTable(this.unit.program.functions.get(name)?.body ?? [])) return true;
    const size = this.#whole(name);
    return size <= this.#limit || (this.#callers.get(name) === 1 && size <= this.#once);
  }
  /** Nodes, with those of what is built in place. */
  #whole(name: string): number {
    let size = this.#wholes.get(name);
    if (size === undefined) {
      size = this.#sizes.get(name) ?? 0;
      for (const callee of callsIn(this.unit.program.functions.get(name)?.body)) {
        if (!INTRINSICS.has(callee) && this.inlined(callee)) size += this.#whole(callee);
      }
      this.#wholes.set(name, size);
    }
    return size;
  }
  /** Fields that a call of this function may write. */
  writes(name: string): ReadonlySet<string> {
    let known = this.#writes.get(name);
    if (known === undefined) {
      const intrinsic = INTRINSICS.get(name);
      if (intrinsic !== undefined) {
        known = intrinsic.kind === 'store' || name === 'storeFloat' || name === 'ecall' ? this.addressTaken : new Set();
      } else {
        known = this.writtenIn(this.unit.program.functions.get(name)?.body ?? []);
      }
      this.#writes.set(name, known);
    }
    return known;
  }
  writtenIn(statements: readonly Statement[]): Set<string> {
    const written = new Set<string>();
    eachNode(statements, (n) => {
      const s = n as Statement;
      if (s.kind === 'fill') written.add(s.table);
      if (s.kind === 'assign' && s.target.kind === 'field') written.add(s.target.field);
      if (s.kind === 'assign' && s.target.kind === 'cell') written.add(s.target.table);
      if (n.kind === 'call') for (const w of this.writes((n as Call).name)) written.add(w);
    });
    return written;
  }
  assignedIn(statements: readonly Statement[]): string[] {
    const names = new Set<string>();
    eachNode(statements, (n) => {
      const s = n as Statement;
      if (s.kind === 'assign' && s.target.kind === 'local') names.add(s.target.name);
    });
    return [...names];
  }
  /** Functions that exist apart: the roots and what is called and not built in place. */
  emitted(): string[] {
    const found = new Set<string>();
    const visit = (name: string, apart: boolean): void => {
      if (INTRINSICS.has(name) || (apart && found.has(name))) return;
      if (apart) found.add(name);
      const fn = this.unit.program.functions.get(name);
      if (fn === undefined) throw new Error(`no function ${name}`);
      for (const callee of new Set(callsIn(fn.body))) visit(callee, !this.inlined(callee));
    };
    for (const root of this.#roots) visit(root, true);
    const order = [...this.unit.program.functions.keys()];
    return [...found].toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
  }
}
