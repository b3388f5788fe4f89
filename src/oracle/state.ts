// The core's state of one plan as words: what can be kept and put back, compared and hashed, and what of it each domain sees.
//
// Only cells that the plan uses are taken: the others never change, which `unused` looks at. Which fields are state, and who sees
// a cell, is read from the specification: a field with a view `vis_NAME` is state, one without is the plan.
import * as shippedCore from '../kernel/core/core.ts';
import * as shippedSpec from '../kernel/core/spec.ts';

export type Kernel = shippedCore.Kernel;

/** Core and specification: those that ship, or a copy with a fault. */
export interface Code {
  readonly core: typeof shippedCore;
  readonly spec: typeof shippedSpec;
}
export const SHIPPED: Code = { core: shippedCore, spec: shippedSpec };

/** Results of a call: they leave with it, and are no state. */
const OUTPUT: readonly string[] = ['out', 'outN'];

type View = (k: Kernel, u: number, row: number) => boolean;

interface Field {
  readonly name: string;
  /** Undefined: a single word. */
  readonly rows?: readonly number[];
  readonly view: View;
}

const range = (n: number, stride = 1, width = 1): number[] =>
  Array.from({ length: n * width }, (_, i) => Math.floor(i / width) * stride + (i % width));

/** Rows of a state table that this plan uses. */
function rowsOf(code: Code, k: Kernel, name: string, length: number, messageWords: number): number[] {
  const { core } = code;
  const slots = Math.max(0, ...k.slotEnd.subarray(0, k.np));
  if (name === 'slotData') return range(slots, core.MESSAGE_WORDS, messageWords);
  if (name === 'slotLength') return range(slots);
  if (name === 'sampleData') return range(k.nsamples, core.MESSAGE_WORDS, messageWords);
  if (name.startsWith('sample')) return range(k.nsamples);
  if (length === core.MAX_PARTITIONS) return range(k.np);
  if (length === core.MAX_PORTS) return range(k.nports);
  if (length === core.MAX_CORES) return range(k.ncores);
  return range(length);
}

export class StateSpace {
  readonly code: Code;
  /** Domains: the partitions, then the clock and the host. */
  readonly domains: readonly number[];
  /** Words of a kept state. */
  readonly size: number;
  readonly #fields: readonly Field[];
  /** Of each domain, which words of a kept state it sees. */
  readonly #visible: ReadonlyMap<number, readonly number[]>;

  /**
   * `k`: a kernel that has accepted the plan. `messageWords`: words of a message that may differ from 0; fewer make a smaller
   * state, for who sends short messages only.
   */
  constructor(code: Code, k: Kernel, messageWords = code.core.MESSAGE_WORDS) {
    this.code = code;
    const { spec } = code;
    this.domains = [...range(k.np), spec.CLOCK, spec.HOST];
    const views = spec as unknown as Readonly<Record<string, View | undefined>>;
    this.#fields = Object.entries(k).flatMap(([name, value]: [string, number | Int32Array]): Field[] => {
      const view = views[`vis_${name}`];
      if (view === undefined || OUTPUT.includes(name)) return [];
      if (typeof value === 'number') return [{ name, view }];
      return [{ name, rows: rowsOf(code, k, name, value.length, messageWords), view }];
    });
    this.size = this.#fields.reduce((sum, { rows }) => sum + (rows?.length ?? 1), 0);
    this.#visible = new Map(this.domains.map((u) => [u, this.#visibleTo(k, u)]));
  }

  #visibleTo(k: Kernel, u: number): number[] {
    let at = 0;
    return this.#fields.flatMap(({ rows, view }) => {
      const first = at;
      at += rows?.length ?? 1;
      if (rows === undefined) return view(k, u, 0) ? [first] : [];
      return rows.flatMap((row, i) => (view(k, u, row) ? [first + i] : []));
    });
  }

  /** Whether the views are still those of the plan: none may depend on the state. */
  hasPlainViews(k: Kernel): boolean {
    return this.domains.every((u) => {
      const known = this.#visible.get(u)!;
      const now = this.#visibleTo(k, u);
      return now.length === known.length && now.every((word, i) => word === known[i]);
    });
  }

  save(k: Kernel): Int32Array {
    const words = new Int32Array(this.size);
    const values = k as unknown as Readonly<Record<string, number | Int32Array>>;
    let at = 0;
    for (const { name, rows } of this.#fields) {
      const value = values[name];
      if (typeof value === 'number') words[at++] = value;
      else for (const row of rows!) words[at++] = value[row];
    }
    return words;
  }

  restore(k: Kernel, words: Int32Array): void {
    const values = k as unknown as Record<string, number | Int32Array>;
    let at = 0;
    for (const { name, rows } of this.#fields) {
      const value = values[name];
      if (typeof value === 'number') values[name] = words[at++];
      else for (const row of rows!) value[row] = words[at++];
    }
  }

  /** A number for the whole state: below 2^53, and in practice another for another state. */
  hash(words: Int32Array): number {
    let [a, b] = [0x811c9dc5, 0x9e3779b9];
    for (const word of words) {
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul(b ^ (word + (a >>> 15)), 0x85ebca6b);
    }
    return join(a, b);
  }

  /** A number for what domain `u` sees of it. */
  view(words: Int32Array, u: number): number {
    let [a, b] = [0x811c9dc5, 0x9e3779b9];
    for (const at of this.#visible.get(u)!) {
      const word = words[at];
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul(b ^ (word + (a >>> 15)), 0x85ebca6b);
    }
    return join(a, b);
  }

  /** `name[row]: before -> after` for each word that `u` sees change; undefined: for all of them. */
  changes(before: Int32Array, after: Int32Array, u?: number): string[] {
    const visible = u === undefined ? undefined : new Set(this.#visible.get(u));
    const changes: string[] = [];
    let at = 0;
    for (const { name, rows } of this.#fields) {
      for (let i = 0; i < (rows?.length ?? 1); i++, at++) {
        if (before[at] === after[at] || visible?.has(at) === false) continue;
        changes.push(`${name}${rows === undefined ? '' : `[${rows[i]}]`}: ${before[at]} -> ${after[at]}`);
      }
    }
    return changes;
  }

  /** Cells of state that this space leaves out and that are not 0, as they are at boot: there must be none. */
  unused(k: Kernel): string[] {
    const used = new Map(this.#fields.map(({ name, rows }) => [name, new Set(rows)]));
    return Object.entries(k).flatMap(([name, value]: [string, number | Int32Array]) => {
      const rows = used.get(name);
      if (rows === undefined || typeof value === 'number') return [];
      return [...value.entries()].flatMap(([row, word]) => (word !== 0 && !rows.has(row) ? [`${name}[${row}]`] : []));
    });
  }
}

/** Of two hashes of 32 bits a number below 2^53. */
export const join = (a: number, b: number): number => (a >>> 0) * 0x200000 + (b >>> 11);

/** Mixes numbers below 2^53 into one. */
export function mix(...numbers: readonly number[]): number {
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (const number of numbers) {
    a = Math.imul(a ^ (number | 0), 0x01000193);
    b = Math.imul(b ^ Math.floor(number / 0x200000) ^ (a >>> 15), 0x85ebca6b);
    a ^= b >>> 13;
  }
  return join(a, b);
}
