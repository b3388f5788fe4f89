// Groups of unprivileged instructions: arithmetic, memory, atomics, floating point, control flow, code that changes.

import { decode, decodeOperand, INSTRUCTIONS } from './instructions.ts';
import { type Context, familyInstructions, MISTAKEN, SPARED } from './context.ts';
import { DATA } from './layout.ts';
import type { Item } from './program.ts';

export function arithmetic(c: Context): void {
  c.add(
    'arithmetic',
    Array.from({ length: c.random.between(1, 6) }, () => c.random32(['integer'])),
  );
}

/** Brings corner values from the data pages into registers. */
export function refresh(c: Context): void {
  const base = c.register();
  const items: Item[] = [{ kind: 'address', rd: base, offset: DATA + 0x800 }];
  for (let i = c.random.between(2, 6); i > 0; i--) {
    const imm = 8 * c.random.between(-240, 240);
    if (c.random.one(2)) items.push(c.op('fld', c.random.below(32), imm, base));
    else items.push(c.op('ld', c.register([base], 0), imm, base));
  }
  c.add('refresh', items);
}

/** Bytes of an access, by the instruction's name. */
function accessSize(name: string): number {
  if (/^c\.(f?[ls]d|f?[ls]dsp)$|^[lsf]+d$|\.d$/.test(name)) return 8;
  if (/w|f[ls]w/.test(name)) return 4;
  return /h/.test(name) ? 2 : 1;
}

/** Loads and stores of the data pages, aligned and not, also across pages. */
export function memory(c: Context): void {
  const instruction = c.random.pick(familyInstructions(['load', 'store', 'float-load', 'float-store']));
  const size = accessSize(instruction.name);
  const offsetOperand = instruction.operands.find((o) => o.kind === 'number')!;
  const baseOperand = instruction.operands.find((o) => /^rs1_?$/.test(o.name));
  const imm = c.operand(offsetOperand);
  const base = baseOperand === undefined ? 2 : baseOperand.base === 8 ? c.random.between(8, 15) : c.register();
  const target = c.dataOffset(size, !c.random.one(3));
  const items: Item[] = [{ kind: 'address', rd: base, offset: target - imm }];
  const fixed: Record<string, number> = { [offsetOperand.name]: imm };
  if (baseOperand !== undefined) fixed[baseOperand.name] = base;
  items.push(c.fill(instruction, fixed));
  c.add('memory', items);
}

export function atomic(c: Context): void {
  const instruction = c.random.pick(familyInstructions(['atomic']));
  const base = c.register();
  const size = accessSize(instruction.name);
  let offset = c.dataOffset(size, !(c.atomicFaults && c.random.one(8)));
  // The pages that PMP regions cut through, only where a fault's cause can be corrected.
  if (c.aligned && !c.atomicFaults) offset = DATA + SPARED + size * c.random.below((4096 - 2 * SPARED) / size);
  c.add('atomic', [{ kind: 'address', rd: base, offset }, c.fill(instruction, { rs1: base })]);
}

/** Load-reserved and store-conditional: matched, to another address, without reservation, misaligned. */
export function reservation(c: Context): void {
  const { random } = c;
  const suffix = random.pick(['.w', '.d']);
  const size = suffix === '.w' ? 4 : 8;
  const base = c.register();
  const other = c.register([base]);
  const result = c.register([base, other], 0);
  const first = c.dataOffset(size, !random.one(8));
  const items: Item[] = [
    { kind: 'address', rd: base, offset: first },
    { kind: 'address', rd: other, offset: c.dataOffset(size, true) },
  ];
  const load = c.op(`lr${suffix}`, result, base, random.below(4));
  const store = (to: number): Item =>
    c.op(`sc${suffix}`, c.register([base, other], 0), c.register([], 0), to, random.below(4));
  // Without a reservation QEMU does not look whether the store would be allowed: only where it is.
  switch (c.aligned ? random.between(3, 5) : random.below(6)) {
    case 0:
      items.push(store(base));
      break;
    case 1:
      items.push(load, store(other));
      break;
    case 2:
      items.push(load, store(base), store(base));
      break;
    case 3:
      items.push(c.op(`lr${suffix}`, result, other, 0), load, store(base));
      break;
    default: {
      items.push(load);
      const busy = [base, other];
      for (let i = random.below(3); i > 0; i--)
        items.push(c.op('addi', c.register(busy), c.register([], 0), random.below(9)));
      items.push(store(base));
    }
  }
  c.add('reservation', items);
}

export function float(c: Context): void {
  const { random } = c;
  const items: Item[] = [];
  for (let i = random.between(1, 6); i > 0; i--) {
    if (random.one(10)) {
      const csr = random.pick([1, 2, 3]);
      const dynamic = random.one(40) ? random.pick([5, 6, 7]) : random.below(5);
      if (random.one(3)) {
        items.push(c.op(random.pick(['csrrw', 'csrrs', 'csrrc']), c.register([], 0), csr, c.register([], 0)));
        // Most values leave a reserved rounding mode behind, which would trap every instruction that uses it.
        if (!random.one(30)) items.push(c.op('csrrwi', 0, 2, random.below(5)));
      } else items.push(c.op('csrrwi', c.register([], 0), csr, csr === 2 ? dynamic : random.below(32)));
    }
    items.push(c.random32(['float']));
  }
  if (random.one(2)) items.push(c.op('csrrs', c.register(), 3, 0));
  c.add('float', items);
}

/** Operands whose results lie at an edge that no two random numbers reach: exact ties, and tiny or not by rounding. */
export function floatEdge(c: Context): void {
  const { random } = c;
  const [suffix, fractionBits, bias] = random.one(2) ? (['.d', 52, 1023] as const) : (['.s', 23, 127] as const);
  const few = (): bigint => BigInt(random.below(4));
  const mask = (1n << BigInt(fractionBits)) - 1n;
  const boxed = suffix === '.s' ? 0xffff_ffff_0000_0000n : 0n;
  const number = (exponent: number, fraction: bigint): bigint =>
    boxed |
    (BigInt(random.below(2)) << BigInt(fractionBits === 52 ? 63 : 31)) |
    (BigInt(exponent) << BigInt(fractionBits)) |
    fraction;
  const units = random.between(1, 3);
  const halfway = ['fmadd', number(bias, 1n << 11n), number(bias, 1n << 11n), number(bias - 80, few())] as const;
  const [name, a, b, added] = random.pick([
    // The least normal number times nearly one; the first product is below it by less than a quarter of a unit.
    ['fmul', number(1, BigInt(units)), number(bias - 1, mask - BigInt(2 * units - 1))],
    ['fmul', number(1, few()), number(bias - 1, mask - few())],
    ['fdiv', number(1, few()), number(bias, few())],
    // One and half a unit in its last place, or a little beside.
    ['fadd', number(bias, few()), number(bias - fractionBits - 1, random.pick([0n, 0n, 1n]))],
    ['fsub', number(bias, few()), number(bias - fractionBits - 2, random.pick([0n, 0n, mask]))],
    // Products with one bit too many, and around the greatest number.
    ['fmul', number(bias, few()), number(bias, 1n << BigInt(fractionBits - 1))],
    ['fmul', number(2 * bias, mask - few()), number(bias, few())],
    ['fadd', number(2 * bias, mask), number(2 * bias - fractionBits - 1, random.pick([0n, 0n, mask]))],
    // A product halfway between two numbers, and something far below it.
    ...(suffix === '.s' ? [halfway, halfway, halfway] : []),
  ] as const);
  const scratch = c.register();
  const first = random.below(32);
  const second = (first + 1) % 32;
  const third = (first + 2) % 32;
  const result = random.below(32);
  const rounding = added === undefined ? random.pick([0, 0, 1, 2, 3, 4]) : 0;
  c.add('float edge', [
    // With NX raised a translator may use the host's arithmetic.
    ...(random.one(4) ? [] : [c.op('csrrwi', 0, added === undefined ? 1 : 3, random.below(2))]),
    ...(c.mode === 0 || !random.one(4) ? [] : cleanFloats(c, scratch)),
    ...c.li(scratch, a),
    c.op('fmv.d.x', first, scratch),
    ...c.li(scratch, b),
    c.op('fmv.d.x', second, scratch),
    ...(added === undefined ? [] : [...c.li(scratch, added), c.op('fmv.d.x', third, scratch)]),
    added !== undefined || random.one(4)
      ? c.op(`fmadd${suffix}`, result, first, second, third, rounding)
      : c.op(`${name}${suffix}`, result, first, second, rounding),
    c.op('csrrs', c.register(), 3, 0),
  ]);
}

/** mstatus.FS = clean, in a mode that may write it. */
function cleanFloats(c: Context, scratch: number): Item[] {
  const status = c.mode === 3 ? 0x300 : 0x100;
  return [
    ...c.li(scratch, 0x6000n),
    c.op('csrrc', 0, status, scratch),
    ...c.li(scratch, 0x4000n),
    c.op('csrrs', 0, status, scratch),
  ];
}

/** A mode stays while branches may skip to a group; the last groups of a program are never skipped to. */
function ahead(c: Context): number {
  const target = c.nextIndex + 1 + c.random.between(1, 3);
  c.steadyUntil = Math.max(c.steadyUntil, target);
  return target;
}

export function branch(c: Context): void {
  const { random } = c;
  const name = random.pick(['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu']);
  const first = c.register([], 0);
  const second = random.one(4) ? first : c.register([], 0);
  c.add('branch', [{ kind: 'branch', name, values: [first, second], target: { group: ahead(c), item: 0 } }]);
}

/** Jumps and compressed branches over instructions of the same group. */
export function shortJump(c: Context): void {
  const { random } = c;
  const skipped = random.between(1, 3);
  const target = { group: c.nextIndex, item: skipped + 1 };
  const indirect = { group: c.nextIndex, item: skipped + 2 };
  const body = Array.from({ length: skipped }, () => c.random32(['integer']));
  const base = c.register();
  switch (random.below(6)) {
    case 0:
      c.add('jal', [{ kind: 'branch', name: 'jal', values: [c.register([], 0)], target }, ...body]);
      break;
    case 1:
      c.add('c.j', [{ kind: 'branch', name: 'c.j', values: [], target }, ...body]);
      break;
    case 2: {
      const name = random.pick(['c.beqz', 'c.bnez']);
      c.add(name, [{ kind: 'branch', name, values: [random.between(8, 15)], target }, ...body]);
      break;
    }
    case 3: {
      const name = random.pick(['c.jr', 'c.jalr']);
      c.add(name, [{ kind: 'label', rd: base, target: indirect }, c.op(name, base), ...body]);
      break;
    }
    default: {
      // The sum's lowest bit is cleared (2.5), so an odd offset jumps to the same place.
      const imm = 2 * random.between(-1023, 1022);
      const link = random.one(3) ? base : c.register([], 0);
      c.add('jalr', [
        { kind: 'label', rd: base, target: { group: c.nextIndex, item: skipped + 3 } },
        c.op('addi', base, base, -imm),
        c.op('jalr', link, imm + random.below(2), base),
        ...body,
      ]);
    }
  }
}

/** A loop of a few rounds whose counter the body leaves alone. */
export function loop(c: Context): void {
  const { random } = c;
  const counter = random.between(8, 15);
  const items: Item[] = [c.op('addi', counter, 0, random.between(2, 9))];
  for (let i = random.between(1, 5); i > 0; i--) {
    const item = random.one(3)
      ? c.random32(['float'], { rd: c.register([counter], 0) })
      : c.random32(['integer'], {
          rd: c.register([counter], 0),
          crd: c.register([counter]),
          rd_: otherPrime(c, counter),
          rs1_: otherPrime(c, counter),
        });
    items.push(item);
  }
  items.push(c.op('addi', counter, counter, -1));
  const target = { group: c.nextIndex, item: 1 };
  items.push(
    random.one(2)
      ? { kind: 'branch', name: 'c.bnez', values: [counter], target }
      : { kind: 'branch', name: 'bne', values: [counter, 0], target },
  );
  c.add('loop', items);
}

/** The integer register that an instruction of the integer or float family writes, or 0. */
function destination(word: number): number {
  const instruction = decode(word);
  if (instruction === undefined) return 0;
  if (instruction.name === 'c.addi16sp') return 2;
  const written = instruction.operands.find(
    ({ name }) => ['rd', 'crd', 'rd_'].includes(name) || (name === 'rs1_' && instruction.size === 2),
  );
  return written === undefined ? 0 : decodeOperand(written, word);
}

/** A random instruction of these families that leaves some registers alone. */
export function sparing(c: Context, families: Parameters<typeof familyInstructions>[0], busy: readonly number[]): Item {
  for (;;) {
    const item = c.random32(families);
    if (item.kind === 'word' && !busy.includes(destination(item.word))) return item;
  }
}

/** Rounds of a hot loop: enough for any threshold at which code is translated, few enough to stay in the data pages. */
const HOT_ROUNDS = 40;

/** A loop that runs often: it walks over data, branches, and calls a function that stands behind it. */
export function hotLoop(c: Context): void {
  const { random } = c;
  const counter = c.register([1]);
  const pointer = c.register([1, counter]);
  const busy = [1, counter, pointer];
  const group = c.nextIndex;
  const rounds = random.between(5, HOT_ROUNDS);
  const stride = random.pick(c.aligned ? [8, 16, 24, 64] : [1, 2, 4, 8, 8, 16, 24, 64]);
  const items: Item[] = [
    { kind: 'address', rd: pointer, offset: DATA + random.pick([SPARED, 0x2000, 0x2f00]) },
    c.op('addi', counter, 0, rounds),
  ];
  const begin = items.length;
  const calls: number[] = [];
  for (let i = random.between(3, 10); i > 0; i--) {
    switch (random.below(8)) {
      case 0:
      case 1:
        items.push(c.op(random.pick(['lb', 'lhu', 'lw', 'lwu', 'ld']), c.register(busy, 0), memoryStep(c), pointer));
        break;
      case 2:
        items.push(c.op(random.pick(['sb', 'sh', 'sw', 'sd']), c.register([], 0), memoryStep(c), pointer));
        break;
      case 3: {
        // Over the next instruction.
        const name = random.pick(['beq', 'bne', 'blt', 'bgeu']);
        const target = { group, item: items.length + 2 };
        items.push({ kind: 'branch', name, values: [c.register([], 0), c.register([], 0)], target });
        items.push(sparing(c, ['integer'], busy));
        break;
      }
      case 4:
        calls.push(items.length);
        items.push(c.op('addi', 0, 0, 0));
        break;
      case 5:
        items.push(sparing(c, ['float'], busy));
        break;
      default:
        items.push(sparing(c, ['integer'], busy));
    }
  }
  items.push(c.op('addi', pointer, pointer, stride), c.op('addi', counter, counter, -1));
  items.push({ kind: 'branch', name: 'bne', values: [counter, 0], target: { group, item: begin } });
  // The function, which the loop's end jumps over.
  const callee = items.length + 1;
  const body = Array.from({ length: random.between(1, 4) }, () => sparing(c, ['integer'], busy));
  items.push({ kind: 'branch', name: 'jal', values: [0], target: { group, item: callee + body.length + 1 } });
  items.push(...body, random.one(2) ? c.op('c.jr', 1) : c.op('jalr', 0, 0, 1));
  for (const at of calls) items[at] = { kind: 'branch', name: 'jal', values: [1], target: { group, item: callee } };
  c.add('hot loop', items);
}

/** An offset that keeps a walk of HOT_ROUNDS strides within the data pages, and its accesses aligned where they must be. */
function memoryStep(c: Context): number {
  return c.aligned ? 8 * c.random.below(8) : c.random.below(64);
}

function otherPrime(c: Context, counter: number): number {
  return 8 + ((counter - 8 + c.random.between(1, 7)) % 8);
}

/** An encoding that is reserved or belongs to an extension that neither side has. */
export function illegal(c: Context): void {
  const { random } = c;
  for (;;) {
    let word: number;
    switch (random.below(4)) {
      case 0:
        word = random.word() | 3;
        break;
      case 1: {
        // A right encoding but for one or two bits.
        const instruction = random.pick(INSTRUCTIONS);
        const item = c.fill(instruction);
        if (item.kind !== 'word') continue;
        word = item.word ^ (1 << random.below(8 * instruction.size));
        if (random.one(2)) word ^= 1 << random.below(8 * instruction.size);
        break;
      }
      case 2:
        word = random.below(0x10000);
        break;
      default:
        // Within the major opcodes that are mostly used up.
        word =
          (random.word() & ~0x7f) |
          random.pick([0x03, 0x07, 0x13, 0x1b, 0x27, 0x2f, 0x33, 0x3b, 0x53, 0x67, 0x63, 0x73, 0x0f]);
    }
    word |= 0;
    const size = (word & 3) === 3 ? 4 : 2;
    if (size === 2) word &= 0xffff;
    const instruction = decode(word);
    if (instruction !== undefined && instruction.family !== 'integer' && instruction.family !== 'float') continue;
    if (peerHas(word) || instruction?.name === MISTAKEN) continue;
    c.add('illegal', [{ kind: 'word', word, size }]);
    return;
  }
}

/** Words that the table leaves out and that still do something, in QEMU or by being hints. */
function peerHas(word: number): boolean {
  const opcode = word & 0x7f;
  if (opcode === 0x0f) return ((word >> 12) & 7) < 2; // fences with reserved fields
  if (opcode === 0x73) return ((word >> 12) & 3) !== 0; // accesses to CSRs
  // Compressed jumps and memory accesses never come here, but c.jr and c.lwsp and c.ldsp with reserved operands do.
  return false;
}

/** Changes an instruction and runs it: behind a fence.i the new one must run (Zifencei). */
export function selfModifying(c: Context): void {
  const { random } = c;
  const pointer = c.register();
  const value = c.register([pointer]);
  const toggle = c.register([pointer, value]);
  const rd = c.register([], 0);
  const one = c.op('addi', rd, c.register([], 0), c.operand(IMM));
  const two = c.op(random.pick(['xori', 'ori', 'addi', 'slti']), rd, c.register([], 0), c.operand(IMM));
  if (one.kind !== 'word' || two.kind !== 'word') return;
  const toggles = c.li(toggle, one.word ^ two.word);
  const items: Item[] = [
    { kind: 'label', rd: pointer, target: { group: c.nextIndex, item: toggles.length + 5 } },
    c.op('lw', value, 0, pointer),
    ...toggles,
    c.op('xor', value, value, toggle),
    c.op('sw', value, 0, pointer),
    c.op('fence.i'),
    one,
  ];
  c.add('self-modifying', items);
}

/** A loop that changes an instruction in its middle each time round. */
export function selfModifyingLoop(c: Context): void {
  const { random } = c;
  const pointer = c.register();
  const value = c.register([pointer]);
  const toggle = c.register([pointer, value]);
  const counter = c.register([pointer, value, toggle]);
  const busy = [pointer, value, toggle, counter];
  const rd = c.register(busy, 0);
  const one = c.op('addi', rd, c.register([], 0), c.operand(IMM));
  const two = c.op(random.pick(['xori', 'ori', 'addi', 'slti']), rd, c.register([], 0), c.operand(IMM));
  if (one.kind !== 'word' || two.kind !== 'word') return;
  const toggles = c.li(toggle, one.word ^ two.word);
  const begin = toggles.length + 2;
  const group = c.nextIndex;
  c.add('self-modifying', [
    { kind: 'label', rd: pointer, target: { group, item: begin + 1 } },
    ...toggles,
    c.op('addi', counter, 0, random.pick([2, 4, 6])),
    sparing(c, ['integer'], busy),
    one,
    sparing(c, ['integer'], busy),
    c.op('lw', value, 0, pointer),
    c.op('xor', value, value, toggle),
    c.op('sw', value, 0, pointer),
    c.op('fence.i'),
    c.op('addi', counter, counter, -1),
    { kind: 'branch', name: 'bne', values: [counter, 0], target: { group, item: begin } },
  ]);
}

const IMM = INSTRUCTIONS.find((instruction) => instruction.name === 'addi')!.operands[2];

export function fences(c: Context): void {
  c.add('fence', [c.random32(['fence'])]);
}
