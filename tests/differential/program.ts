// A random program: groups of instructions that stand or fall together, with the state it starts from.

import { encode, instructionNamed } from './instructions.ts';
import { loadImmediate, pcRelative } from './assembler.ts';
import { CODE, CODE_BYTES, SERVICE } from './layout.ts';

export const USER = 0;
export const SUPERVISOR = 1;
export const MACHINE = 3;
export type Mode = typeof USER | typeof SUPERVISOR | typeof MACHINE;

/** Where a branch goes: an item of a group; of a group that was dropped, the next one's beginning. */
export interface Target {
  readonly group: number;
  readonly item: number;
}

export type Item =
  | { readonly kind: 'word'; readonly word: number; readonly size: 2 | 4 }
  /** rd = the address of an arena offset, in the window of the mode that runs. */
  | { readonly kind: 'address'; readonly rd: number; readonly offset: number }
  /** rd = a constant that may depend on where the arena lies. */
  | { readonly kind: 'constant'; readonly rd: number; readonly value: (arena: number) => bigint }
  /** rd = the address of a code position. */
  | { readonly kind: 'label'; readonly rd: number; readonly target: Target }
  /** A jump or branch: its operand values but for the last, which is the distance. */
  | { readonly kind: 'branch'; readonly name: string; readonly values: readonly number[]; readonly target: Target };

export interface Group {
  /** Position in the program as generated, which branches name. */
  readonly index: number;
  /** What the group is about, for messages. */
  readonly about: string;
  readonly items: readonly Item[];
}

export interface Program {
  readonly seed: number;
  readonly about: string;
  readonly start: Mode;
  readonly groups: readonly Group[];
  readonly rounds: number;
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  /** Where the arena begins as each mode sees it (in bare modes: where it is); undefined: at its physical address. */
  readonly windows: { readonly user?: bigint; readonly supervisor?: bigint; readonly handler?: bigint };
  /** Input CSRs (layout.ts) for a program whose arena lies at `arena`; those left out are zero. */
  csrs(arena: number): Readonly<Record<string, bigint>>;
  /** Contents of the page-table pages for that arena. */
  tables(arena: number): Uint8Array;
  readonly data: Uint8Array;
  /** The S-mode handler hands traps on by an illegal instruction, because environment calls from S are delegated. */
  readonly forwardByIllegal: boolean;
  /** mtvec and stvec send interrupts to entries of their own. */
  readonly vectored: boolean;
  /** PMP entries are locked until reset: this program is the last of its batch. */
  readonly locked: boolean;
}

/** Instructions that any 64-bit constant fits in. */
const CONSTANT_WORDS = 8;
const NOP = 0x13;

export function sizeOf(item: Item): number {
  if (item.kind === 'word') return item.size;
  if (item.kind === 'branch') return instructionNamed(item.name).size;
  return item.kind === 'constant' ? 4 * CONSTANT_WORDS : 8;
}

export interface PlacedItem {
  readonly group: Group;
  readonly item: Item;
  /** Offset in the arena. */
  readonly offset: number;
  readonly words: readonly { readonly word: number; readonly size: 2 | 4 }[];
}

const ECALL = encode(instructionNamed('ecall'), []);

/** An environment call that asks the runtime for a service. */
export function serviceItems(service: number): Item[] {
  return [
    { kind: 'word', word: ECALL, size: 4 },
    { kind: 'word', word: encode(instructionNamed('lui'), [0, service]), size: 4 },
  ];
}

/** Gives every item of a program its place and its words; the runtime's calls for the next round and the end follow. */
export function place(groups: readonly Group[], rounds: number, arena: number): PlacedItem[] {
  const starts = new Map<Group, number>();
  let offset = CODE;
  for (const group of groups) {
    starts.set(group, offset);
    for (const item of group.items) offset += sizeOf(item);
  }
  const end = offset;
  const locate = (target: Target): number => {
    const group = groups.find((candidate) => candidate.index >= target.group);
    if (group === undefined) return end;
    let at = starts.get(group)!;
    if (group.index === target.group) for (let i = 0; i < target.item; i++) at += sizeOf(group.items[i]);
    return at;
  };
  const placed: PlacedItem[] = [];
  const put = (group: Group, item: Item, at: number): void => {
    placed.push({ group, item, offset: at, words: wordsOf(item, at, arena, locate) });
  };
  offset = CODE;
  const closing: Group = {
    index: -1,
    about: 'end',
    items: [...(rounds > 1 ? serviceItems(SERVICE.loop) : []), ...serviceItems(SERVICE.end)],
  };
  for (const group of [...groups, closing]) {
    for (const item of group.items) {
      put(group, item, offset);
      offset += sizeOf(item);
    }
  }
  if (offset > CODE + CODE_BYTES) throw new Error('the program outgrew its code pages');
  return placed;
}

function wordsOf(
  item: Item,
  at: number,
  arena: number,
  locate: (target: Target) => number,
): { word: number; size: 2 | 4 }[] {
  switch (item.kind) {
    case 'word':
      return [item];
    case 'constant': {
      const words = loadImmediate(item.rd, BigInt.asIntN(64, item.value(arena)));
      while (words.length < CONSTANT_WORDS) words.push(NOP);
      return words.map((word) => ({ word, size: 4 }));
    }
    case 'address':
    case 'label': {
      const target = item.kind === 'address' ? item.offset : locate(item.target);
      return pcRelative(item.rd, target - at).map((word) => ({ word, size: 4 }));
    }
    case 'branch': {
      const definition = instructionNamed(item.name);
      const distance = locate(item.target) - at;
      return [{ word: encode(definition, [...item.values, distance]), size: definition.size }];
    }
  }
}
