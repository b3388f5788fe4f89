// What group generators share: the state of the program being made, and ways to write items.

import { loadImmediate } from './assembler.ts';
import { encode, INSTRUCTIONS, instructionNamed, type Family, type Instruction, type Operand } from './instructions.ts';
import { DATA, DATA_BYTES } from './layout.ts';
import { type Group, type Item, MACHINE, type Mode, serviceItems } from './program.ts';
import type { Random } from './random.ts';
import type { Space } from './space.ts';
import { SERVICE } from './layout.ts';

/** Bytes at both ends of data pages 0 and 1 that hold code to jump to. */
export const SPARED = 64;

interface Delegation {
  readonly medeleg: number;
  readonly mideleg: number;
  readonly atomicFaults: boolean;
  readonly aligned: boolean;
}

export class Context {
  readonly random: Random;
  readonly space: Space;
  readonly groups: Group[] = [];
  /** Interrupts and exceptions that the program delegates to S-mode. */
  readonly medeleg: number;
  readonly mideleg: number;
  /**
   * Atomic operations may fault. QEMU on one thread then reports the fault of a load, so the judge corrects the causes
   * in its log, and such a program does not look at mcause and scause itself.
   */
  readonly atomicFaults: boolean;
  /** Interrupts that M-mode makes pending. */
  readonly interrupts: number;
  /** PMP regions may cut through what is accessed: QEMU checks a misaligned access as a whole, the engine its parts. */
  readonly aligned: boolean;
  mode: Mode;
  /** Until this group index the mode must stay, because a branch may skip to it. */
  steadyUntil = 0;

  constructor(random: Random, space: Space, mode: Mode, delegation: Delegation) {
    this.random = random;
    this.space = space;
    this.mode = mode;
    this.medeleg = delegation.medeleg;
    this.mideleg = delegation.mideleg;
    this.atomicFaults = delegation.atomicFaults;
    this.interrupts = random.pick([2, 0x20, 0x200, 0x22]);
    this.aligned = delegation.aligned;
  }

  get nextIndex(): number {
    return this.groups.length;
  }

  add(about: string, items: readonly Item[]): void {
    this.groups.push({ index: this.groups.length, about, items });
  }

  /** Any integer register but these. */
  register(except: readonly number[] = [], from = 1): number {
    for (;;) {
      const chosen = this.random.between(from, 31);
      if (!except.includes(chosen)) return chosen;
    }
  }

  /** A random instruction of these families with random operands, but for those given by name. */
  random32(families: readonly Family[], fixed: Readonly<Record<string, number>> = {}): Item {
    return this.fill(this.random.pick(familyInstructions(families)), fixed);
  }

  fill(instruction: Instruction, fixed: Readonly<Record<string, number>> = {}): Item {
    const values = instruction.operands.map((o) => fixed[o.name] ?? this.operand(o));
    return { kind: 'word', word: encode(instruction, values), size: instruction.size };
  }

  operand(o: Operand): number {
    const { random } = this;
    if (o.kind === 'rounding') return random.one(80) ? random.pick([5, 6]) : random.pick([0, 1, 2, 3, 4, 7, 7, 7]);
    let value: number;
    do {
      value = 0;
      let top = 0;
      for (const { from, width } of o.parts) {
        value |= random.below(2 ** width) << from;
        top = Math.max(top, from + width);
      }
      if (o.signed) value = (value << (32 - top)) >> (32 - top);
    } while (o.nonzero && value === 0);
    return value + o.base;
  }

  op(name: string, ...values: number[]): Item {
    const instruction = instructionNamed(name);
    return { kind: 'word', word: encode(instruction, values), size: instruction.size };
  }

  li(rd: number, value: bigint | number): Item[] {
    return loadImmediate(rd, BigInt.asIntN(64, BigInt(value))).map((word) => ({ kind: 'word', word, size: 4 }));
  }

  /** A data offset for an access of `size` bytes that spares the code in the data pages. */
  dataOffset(size: number, aligned: boolean): number {
    const { random } = this;
    let offset = random.one(2)
      ? random.between(0x2000, DATA_BYTES - size)
      : 0x1000 * random.below(2) + random.between(SPARED, 0x1000 - SPARED - size);
    if (random.one(8)) offset = 0x3000 - random.below(size + 1);
    if (aligned || this.aligned) offset -= offset % size;
    return DATA + offset;
  }

  /** A mode switch by the runtime. */
  switchTo(mode: Mode): void {
    if (mode === this.mode) return;
    this.add(`to mode ${mode}`, serviceItems(SERVICE.switchMode | mode));
    this.mode = mode;
  }

  get machine(): boolean {
    return this.mode === MACHINE;
  }
}

/** QEMU 7.2 counts beyond the low word (mended in 8.0); tests/isa has it. */
export const MISTAKEN = 'ctzw';

const families = new Map<string, Instruction[]>();

export function familyInstructions(names: readonly Family[]): Instruction[] {
  const key = names.join();
  let found = families.get(key);
  if (found === undefined) {
    found = INSTRUCTIONS.filter(({ name, family }) => names.includes(family) && name !== MISTAKEN);
    families.set(key, found);
  }
  return found;
}
