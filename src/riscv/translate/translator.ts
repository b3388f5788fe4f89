// Turns places that have become hot into regions, keeps them findable, and drops them when their code changes.
//
// A region is found by the entry at its first instruction, in the decoded page: operation REGION, and the region's number in the
// table. So whatever makes a decoded page unreachable (fetch TLB flushes, remaps, eviction) makes its regions so.

import { PAGE_END, REGION, UNDECODED } from '../interpret/entry.ts';
import { LEAST_OFFERED, REGION_TYPE } from '../interpret/interpreter.ts';
import {
  FETCH_BYTES,
  FETCH_ENTRIES,
  FETCH_TLBS,
  HALF,
  HEAT,
  HEAT_ENTRIES,
  JUMPS,
  JUMPS_BYTES,
  JUMPS_COUNT,
  SLOT_END,
  SLOT_MODES,
  SLOT_REGIONS,
  SLOT_STRIDE,
  WORD,
} from '../layout.ts';
import type { Layout } from '../layout.ts';
import { encodeModule } from '../wasm/encoder.ts';
import type { FunctionBody, FunctionType } from '../wasm/encoder.ts';
import { Code, graphOf, nextPlaces } from './graph.ts';
import type { Block, Graph, Place } from './graph.ts';
import { Region } from './region.ts';

/** Table entries; number 0 is not used. */
export const MOST_REGIONS = 0x8000;
/**
 * WebAssembly bytes after which all regions are dropped, by size of RAM. V8 keeps some ten times as much for them; gcc makes 16 MiB of them,
 * and where it finds room for 6 it spends more time making them than running them.
 */
const mostBytes = (ramBytes: number): number => Math.min(24 << 20, Math.max(6 << 20, ramBytes >> 5));
const MOST_INSTRUCTIONS = 400;
/**
 * Places that are warm, but not hot yet, are translated while so many instructions have been retired for each translated one: that is
 * some thirtieth of the time.
 */
const RETIRED_FOR_EACH = 40_000;
/** A region is made anew when what it left out has become hot, but not for ever. */
const MOST_TIMES = 4;
/** Hot places that are translated together, and looks at the queue after which fewer are. */
const BATCH = 16;
const PATIENCE = 40;

/** Types of the engine's functions that regions call, by name. */
export type EngineFunctions = ReadonlyMap<string, FunctionType>;

/** Part of a page that a region was translated from: bytes of a decoded page. */
interface Extent {
  readonly slot: number;
  readonly from: number;
  readonly to: number;
}
interface Installed {
  readonly number: number;
  readonly hot: Hot;
  readonly extents: readonly Extent[];
  /** Entries that it would go on to, had they been executed when it was made, and of its indirect jumps. */
  readonly cold: readonly number[];
  readonly jumps: readonly number[];
}
interface Hot {
  readonly slot: number;
  /** Address of the entry at its first instruction. */
  readonly entry: number;
  readonly mode: number;
  /** Decoded pages before and after. */
  readonly neighbours: readonly [number, number];
  /** How often it has been translated. */
  readonly times: number;
  /** Registers that have been seen to leap between pages: bits. */
  readonly leaping: number;
}

export interface TranslatorStatistics {
  regions: number;
  modules: number;
  dropped: number;
  flushes: number;
  instructions: number;
  bytes: number;
  /** Milliseconds spent generating and compiling. */
  generating: number;
  compiling: number;
}

export class Translator {
  readonly #layout: Layout;
  readonly #hart: number;
  readonly #memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  readonly #pages: BigInt64Array;
  readonly #heat: Uint16Array;
  readonly #table: WebAssembly.Table;
  readonly #engine: WebAssembly.Instance['exports'];
  readonly #types: EngineFunctions;
  readonly #batch: number;
  readonly #bySlot = new Map<number, Set<Installed>>();
  readonly #byCold = new Map<number, Set<Installed>>();
  #queue: Hot[] = [];
  #waited = 0;
  #next = 1;
  #bytes = 0;
  readonly statistics: TranslatorStatistics = {
    regions: 0,
    modules: 0,
    dropped: 0,
    flushes: 0,
    instructions: 0,
    bytes: 0,
    generating: 0,
    compiling: 0,
  };

  constructor(
    layout: Layout,
    hart: number,
    memory: WebAssembly.Memory,
    table: WebAssembly.Table,
    engine: WebAssembly.Instance['exports'],
    types: EngineFunctions,
  ) {
    this.#layout = layout;
    this.#hart = hart;
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer);
    this.#pages = new BigInt64Array(memory.buffer);
    this.#heat = new Uint16Array(memory.buffer);
    this.#table = table;
    this.#engine = engine;
    this.#types = types;
    this.#batch = layout.threshold < 100 ? 1 : BATCH;
    this.#forgetOthers();
  }

  get #base(): number {
    return this.#layout.hart[this.#hart].base;
  }

  /** Regions of another table, from whoever ran this memory before, are gone. */
  #forgetOthers(): void {
    const { slots } = this.#layout.hart[this.#hart];
    for (let k = 0; k < this.#layout.slotCount; k++) {
      const slot = slots + k * SLOT_STRIDE;
      if (this.#words[(slot + SLOT_REGIONS) >> 2] === 0) continue;
      this.#words[(slot + SLOT_REGIONS) >> 2] = 0;
      for (let entry = slot; entry < slot + SLOT_END; entry += 4)
        if ((this.#words[entry >> 2] & 0xff) === REGION) this.#words[entry >> 2] = UNDECODED;
    }
  }

  /** Whether the time spent on translations is a small part of all. */
  get #isAffordable(): boolean {
    const retired = Number(this.#pages[(this.#base + WORD.RETIRED) >> 3]);
    return this.statistics.instructions * RETIRED_FOR_EACH <= retired;
  }
  #heatOf(entry: number): number {
    return this.#heat[(this.#base + HEAT + ((entry >>> 1) & ((HEAT_ENTRIES - 1) * 2))) >> 1];
  }

  /** The entry, of this decoded page, is warm in the current mode, or hot. No region is running. */
  hot(slot: number, entry: number, pc: bigint): void {
    const { threshold } = this.#layout;
    if (threshold >= LEAST_OFFERED && this.#heatOf(entry) < threshold && !this.#isAffordable) return;
    const operation = this.#words[entry >> 2] & 0xff;
    if (operation === REGION || operation === PAGE_END || this.#queue.some((hot) => hot.entry === entry)) return;
    const mode = this.#words[(this.#base + HALF.MODE) >> 2];
    const page = pc & -4096n;
    const neighbours = [this.#peek(page - 4096n, mode), this.#peek(page + 4096n, mode)] as const;
    const incomplete = this.#without(slot, entry);
    for (const region of incomplete) {
      this.#remove(region);
      this.#queue.push({ ...region.hot, times: region.hot.times + 1 });
    }
    if (incomplete.length === 0) this.#queue.push({ slot, entry, mode, neighbours, times: 1, leaping: 0 });
    if (this.#queue.length >= this.#batch) this.#translate();
  }
  /** Regions that would contain the entry, had it been executed when they were made. */
  #without(slot: number, entry: number): Installed[] {
    const place = (entry - slot) >> 2;
    const found = new Set(this.#byCold.get(entry));
    for (const region of this.#bySlot.get(slot) ?? [])
      if (region.jumps.some((jump) => jump >= slot && jump < slot + SLOT_END && this.#targets(jump).includes(place)))
        found.add(region);
    return [...found].filter(({ hot }) => hot.times < MOST_TIMES);
  }

  /** The decoded page of a virtual page, if the fetch TLB has it; else 0. */
  #peek(page: bigint, mode: number): number {
    const index = Number((page >> 12n) & BigInt(FETCH_ENTRIES - 1));
    const at = this.#base + FETCH_TLBS + mode * FETCH_BYTES + index * 16;
    return this.#pages[at >> 3] === BigInt.asIntN(64, page) ? this.#words[(at + 8) >> 2] : 0;
  }
  /** Places that the indirect jump at an entry has been seen to go to, in its page. */
  #targets(entry: number): Place[] {
    const at = (this.#base + JUMPS + ((entry >>> 2) & (JUMPS_COUNT - 1)) * JUMPS_BYTES) >> 2;
    if (this.#words[at] !== entry) return [];
    const offsets = [...this.#words.subarray(at + 1, at + JUMPS_BYTES / 4)].filter((offset) => offset !== 0);
    return offsets.map((offset) => (offset - 1) >> 1);
  }

  /** Between slices. */
  tick(): void {
    if (this.#words[(this.#base + HALF.LEAPING) >> 2] !== 0) this.#leaps();
    if (this.#queue.length > 0 && ++this.#waited >= PATIENCE) this.#translate();
  }

  /** A region has told that registers leap between pages in its loops: it is made anew, remembering none for them. */
  #leaps(): void {
    const at = (this.#base + HALF.LEAPING) >> 2;
    const entry = this.#words[at];
    const registers = this.#words[(this.#base + HALF.LEAPING_REGISTERS) >> 2];
    this.#words[at] = 0;
    for (const there of this.#bySlot.values())
      for (const region of there) {
        const { hot } = region;
        if (hot.entry !== entry || (hot.leaping & registers) === registers || hot.times >= MOST_TIMES) continue;
        this.#remove(region);
        this.#queue.push({ ...hot, times: hot.times + 1, leaping: hot.leaping | registers });
        return;
      }
  }

  /** These bytes of a decoded page have changed. Regions may be running; they leave at once. */
  drop(slot: number, from: number, to: number): void {
    this.#queue = this.#queue.filter((hot) => hot.slot !== slot && !hot.neighbours.includes(slot));
    const here = this.#bySlot.get(slot);
    if (!here) return;
    for (const region of here)
      if (region.extents.some((extent) => extent.slot === slot && extent.from < to && extent.to > from))
        this.#remove(region);
  }
  #remove(region: Installed): void {
    this.statistics.dropped++;
    const { entry } = region.hot;
    if (this.#words[entry >> 2] === ((region.number << 8) | REGION)) this.#words[entry >> 2] = UNDECODED;
    for (const cold of region.cold) {
      const there = this.#byCold.get(cold);
      there?.delete(region);
      if (there?.size === 0) this.#byCold.delete(cold);
    }
    this.#table.set(region.number, null);
    for (const { slot } of region.extents) {
      const there = this.#bySlot.get(slot);
      there?.delete(region);
      if (there?.size !== 0) continue;
      this.#bySlot.delete(slot);
      this.#words[(slot + SLOT_REGIONS) >> 2] = 0;
    }
  }
  #removeAll(): void {
    this.statistics.flushes++;
    for (const there of this.#bySlot.values()) for (const region of there) this.#remove(region);
    this.#next = 1;
    this.#bytes = 0;
  }

  #translate(): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#waited = 0;
    if (this.#next + queue.length >= MOST_REGIONS || this.#bytes > mostBytes(this.#layout.ramBytes)) this.#removeAll();
    const started = performance.now();
    const { threshold } = this.#layout;
    const names: string[] = [];
    const imported = new Map<string, number>();
    const helpers = {
      fuses: this.#types.has('f64_madd'),
      index: (name: string): number => {
        let index = imported.get(name);
        if (index === undefined) {
          index = names.push(name) - 1;
          imported.set(name, index);
        }
        return index;
      },
    };
    const made: (Omit<Installed, 'number'> & { body: FunctionBody })[] = [];
    for (const hot of queue) {
      const code = new Code(
        this.#memory.buffer,
        [hot.neighbours[0], hot.slot, hot.neighbours[1]],
        hot.mode,
        (entry) => this.#targets(entry),
        threshold === 1,
      );
      const place: Place = (hot.entry - hot.slot) >> 2;
      const graph = graphOf(code, place, MOST_INSTRUCTIONS);
      if (!graph) continue;
      const asksMode = this.#words[(hot.slot + SLOT_MODES) >> 2] !== 1 << hot.mode;
      const region = new Region(this.#layout, this.#hart, hot.mode, code, graph, helpers, asksMode);
      region.regionEntry = hot.entry;
      region.leaping = hot.leaping;
      const body = region.function();
      this.statistics.instructions += graph.instructions;
      made.push({ hot, extents: extentsOf(code, graph.blocks), ...exitsOf(code, graph), body });
    }
    if (made.length === 0) return;
    const bytes = encodeModule({
      memoryPages: this.#layout.memoryPages,
      types: [REGION_TYPE],
      imports: names.map((name) => ({ name, ...this.#typeOf(name) })),
      // calls of helpers were numbered as they came, which is the order of the imports
      functions: made.map(({ body }) => body),
      exports: made.map((_, k) => ({ name: `r${k}`, index: names.length + k })),
    });
    const generated = performance.now();
    const env: Record<string, WebAssembly.ImportValue> = { memory: this.#memory, table: this.#table };
    for (const name of names) env[name] = this.#engine[name] as WebAssembly.ImportValue;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
    made.forEach(({ hot, extents, cold, jumps }, k) => {
      const number = this.#next++;
      this.#table.set(number, exports[`r${k}`]);
      this.#words[hot.entry >> 2] = (number << 8) | REGION;
      const region: Installed = { number, hot, extents, cold, jumps };
      for (const entry of cold) {
        let there = this.#byCold.get(entry);
        if (!there) this.#byCold.set(entry, (there = new Set()));
        there.add(region);
      }
      for (const { slot } of extents) {
        this.#words[(slot + SLOT_REGIONS) >> 2] = 1;
        let there = this.#bySlot.get(slot);
        if (!there) this.#bySlot.set(slot, (there = new Set()));
        there.add(region);
      }
    });
    this.#bytes += bytes.length;
    const { statistics } = this;
    statistics.regions += made.length;
    statistics.modules++;
    statistics.bytes += bytes.length;
    statistics.generating += generated - started;
    statistics.compiling += performance.now() - generated;
  }
  #typeOf(name: string): FunctionType {
    const type = this.#types.get(name);
    if (!type) throw new Error(`the engine has no function ${name}`);
    return { parameters: type.parameters, result: type.result };
  }
}

/** Entries of code that has never run and would belong to the region, and of its indirect jumps. */
function exitsOf(code: Code, { blocks, byPlace }: Graph): Pick<Installed, 'cold' | 'jumps'> {
  const cold: number[] = [];
  const jumps: number[] = [];
  for (const { end } of blocks) {
    if (end.kind === 'jump-register') jumps.push(code.entryAddress(end.by.at));
    for (const next of end.kind === 'leave' ? [end.to] : nextPlaces(end))
      if (!byPlace.has(next) && code.slotOf(next) !== 0 && code.fetch(next) === 'cold')
        cold.push(code.entryAddress(next));
  }
  return { cold, jumps };
}
/** The bytes of each decoded page that blocks were made from. */
function extentsOf(code: Code, blocks: Iterable<Block>): Extent[] {
  const ranges = new Map<number, [number, number]>();
  const note = (at: Place, length: number): void => {
    for (let k = at; k < at + (length >> 1); k++) {
      const slot = code.slotOf(k);
      const from = (k & 2047) * 2;
      const range = ranges.get(slot);
      if (!range) ranges.set(slot, [from, from + 2]);
      else {
        range[0] = Math.min(range[0], from);
        range[1] = Math.max(range[1], from + 2);
      }
    }
  };
  for (const { body, end } of blocks) {
    for (const { at, instruction } of body) note(at, instruction.length);
    if ('by' in end && end.by) note(end.by.at, end.by.instruction.length);
  }
  return [...ranges].map(([slot, [from, to]]) => ({ slot, from, to }));
}
