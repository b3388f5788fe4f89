// Machine code of functions and stubs: labels, far branches, data, and which source line each instruction comes from.
import { FORMS, RA, SP, ZERO, encode, fits } from './instructions.ts';
import { OPPOSITE } from './graph.ts';
import type { Allocation } from './allocate.ts';
import type { Block, Graph, Instruction, Origin, Test } from './graph.ts';
import type { Mnemonic } from './instructions.ts';

type Item =
  | { kind: 'word'; word: number; at: Origin | undefined }
  | { kind: 'branch'; test: Test; a: number; b: number; to: string; far: boolean; at: Origin | undefined }
  | { kind: 'jump'; rd: number; to: string; at: Origin | undefined }
  /** auipc and addi. */
  | { kind: 'address'; rd: number; to: string; addend: number; at: Origin | undefined }
  | { kind: 'label'; name: string }
  | { kind: 'align'; to: number }
  | { kind: 'data'; bytes: Uint8Array };

export interface Linked {
  readonly base: number;
  readonly bytes: Uint8Array;
  /** Address by name; labels within functions have a point in their names. */
  readonly symbols: ReadonlyMap<string, number>;
  /** In the order of addresses: from here on the code comes from there. */
  readonly lines: readonly { readonly address: number; readonly at: Origin | undefined }[];
  /** Where the code ends and data begins. */
  readonly codeEnd: number;
}

export class Assembler {
  readonly #items: Item[] = [];
  #at: Origin | undefined;
  #codeItems: number | undefined;

  from(at: Origin | undefined): void {
    this.#at = at;
  }
  op(op: Mnemonic, rd: number, rs1 = 0, rs2 = 0, imm = 0): void {
    this.#items.push({ kind: 'word', word: encode(op, rd, rs1, rs2, imm), at: this.#at });
  }
  /** rd = a register and an immediate, or a load. */
  imm(op: Mnemonic, rd: number, rs1: number, imm: number): void {
    this.op(op, rd, rs1, 0, imm);
  }
  load(rd: number, base: number, offset: number, op: Mnemonic = 'ld'): void {
    this.op(op, rd, base, 0, offset);
  }
  store(value: number, base: number, offset: number, op: Mnemonic = 'sd'): void {
    this.op(op, 0, base, value, offset);
  }
  move(rd: number, rs: number): void {
    if (rd !== rs) this.imm('addi', rd, rs, 0);
  }
  constant(rd: number, value: number): void {
    if (fits(value, 12)) {
      this.imm('addi', rd, ZERO, value);
      return;
    }
    if ((value | 0) !== value) throw new RangeError(`constant ${value}`);
    const low = (value << 20) >> 20;
    this.op('lui', rd, 0, 0, (value - low) | 0);
    if (low !== 0) this.imm('addiw', rd, rd, low);
  }
  branch(test: Test, a: number, b: number, to: string): void {
    this.#items.push({ kind: 'branch', test, a, b, to, far: false, at: this.#at });
  }
  jump(to: string, rd = ZERO): void {
    this.#items.push({ kind: 'jump', rd, to, at: this.#at });
  }
  address(rd: number, to: string, addend = 0): void {
    this.#items.push({ kind: 'address', rd, to, addend, at: this.#at });
  }
  ret(): void {
    this.imm('jalr', ZERO, RA, 0);
  }
  label(name: string): void {
    this.#items.push({ kind: 'label', name });
  }
  align(to: number): void {
    this.#items.push({ kind: 'align', to });
  }
  /** What follows is data. */
  endCode(): void {
    this.#codeItems ??= this.#items.length;
  }
  data(name: string, bytes: Uint8Array, to = 8): void {
    this.endCode();
    this.align(to);
    this.label(name);
    this.#items.push({ kind: 'data', bytes });
  }

  #size(item: Item, address: number): number {
    switch (item.kind) {
      case 'word':
      case 'jump':
        return 4;
      case 'branch':
        return item.far ? 8 : 4;
      case 'address':
        return 8;
      case 'label':
        return 0;
      case 'align':
        return (item.to - (address % item.to)) % item.to;
      case 'data':
        return item.bytes.length;
    }
  }
  /**
   * Throws Error for a name that nothing defines and jumps out of reach. `known`: addresses of names defined elsewhere;
   * `behind`: names for places so many bytes after another one.
   */
  link(
    base: number,
    known: ReadonlyMap<string, number> = new Map(),
    behind: Readonly<Record<string, { readonly after: string; readonly bytes: number }>> = {},
  ): Linked {
    let symbols = new Map<string, number>();
    const addresses: number[] = [];
    const place = (): void => {
      symbols = new Map(known);
      let address = base;
      this.#items.forEach((item, i) => {
        addresses[i] = address;
        if (item.kind === 'label') {
          if (symbols.has(item.name)) throw new Error(`a second ${item.name}`);
          symbols.set(item.name, address);
        }
        address += this.#size(item, address);
      });
      addresses[this.#items.length] = address;
      for (const [name, { after, bytes }] of Object.entries(behind))
        symbols.set(name, (symbols.get(after) ?? 0) + bytes);
    };
    const to = (name: string): number => {
      const address = symbols.get(name);
      if (address === undefined) throw new Error(`undefined symbol ${name}`);
      return address;
    };
    for (let again = true; again;) {
      again = false;
      place();
      this.#items.forEach((item, i) => {
        if (item.kind === 'branch' && !item.far && !fits(to(item.to) - addresses[i], 13)) {
          item.far = true;
          again = true;
        }
      });
    }
    const bytes = new Uint8Array(addresses[this.#items.length] - base);
    const view = new DataView(bytes.buffer);
    const lines: { address: number; at: Origin | undefined }[] = [];
    this.#items.forEach((item, i) => {
      let address = addresses[i];
      const put = (op: Mnemonic, rd: number, rs1: number, rs2: number, imm: number): void => {
        view.setUint32(address - base, encode(op, rd, rs1, rs2, imm), true);
        address += 4;
      };
      if ('at' in item) {
        const last = lines.at(-1)?.at;
        if (lines.length === 0 || last?.file !== item.at?.file || last?.offset !== item.at?.offset) {
          lines.push({ address, at: item.at });
        }
      }
      switch (item.kind) {
        case 'word':
          view.setUint32(address - base, item.word, true);
          break;
        case 'jump':
          put('jal', item.rd, 0, 0, to(item.to) - address);
          break;
        case 'branch':
          if (item.far) {
            put(`b${OPPOSITE[item.test]}`, 0, item.a, item.b, 8);
            put('jal', ZERO, 0, 0, to(item.to) - address);
          } else {
            put(`b${item.test}`, 0, item.a, item.b, to(item.to) - address);
          }
          break;
        case 'address': {
          const distance = to(item.to) + item.addend - address;
          const low = (distance << 20) >> 20;
          put('auipc', item.rd, 0, 0, (distance - low) | 0);
          put('addi', item.rd, item.rd, 0, low);
          break;
        }
        case 'data':
          bytes.set(item.bytes, address - base);
          break;
        case 'label':
        case 'align':
      }
    });
    return { base, bytes, symbols, lines, codeEnd: addresses[this.#codeItems ?? this.#items.length] };
  }
}

/** A function's registers are all the machine's. */
export function emitFunction(asm: Assembler, graph: Graph, { saved, slots }: Allocation): void {
  const calls = graph.blocks.some((b) => b.instructions.some((i) => i.op === 'call'));
  const kept = [...saved, ...(calls ? [RA] : [])];
  const frame = Math.ceil(((slots + kept.length) * 8) / 16) * 16;
  const label = (b: Block): string => `${graph.name}.${b.id}`;
  const onlyJumps = (b: Block): boolean => b.instructions.length === 1 && b.instructions[0].op === 'jump';
  const final = (b: Block): Block => {
    let at = b;
    for (let n = 0; n < graph.blocks.length && onlyJumps(at) && at.successors[0] !== at; n++) [at] = at.successors;
    return at;
  };
  const epilogue = (): void => {
    kept.forEach((r, k) => asm.load(r, SP, (slots + k) * 8));
    if (frame > 0) asm.imm('addi', SP, SP, frame);
  };

  asm.from(graph.blocks[0].instructions[0]?.at);
  asm.label(graph.name);
  if (frame > 0) asm.imm('addi', SP, SP, -frame);
  kept.forEach((r, k) => asm.store(r, SP, (slots + k) * 8));
  const emitted = graph.blocks.filter((b, n) => n === 0 || !onlyJumps(b));
  emitted.forEach((block, n) => {
    const next = emitted.at(n + 1);
    asm.label(label(block));
    for (const i of block.instructions) {
      asm.from(i.at);
      const op: string = i.op;
      switch (op) {
        case 'jump': {
          const to = final(block.successors[0]);
          if (to !== next) asm.jump(label(to));
          break;
        }
        case 'branch': {
          const [yes, no] = block.successors.map(final);
          const [a, b] = i.rs;
          if (yes === no) {
            if (yes !== next) asm.jump(label(yes));
          } else if (yes === next) {
            asm.branch(OPPOSITE[i.test], a, b, label(no));
          } else {
            asm.branch(i.test, a, b, label(yes));
            if (no !== next) asm.jump(label(no));
          }
          break;
        }
        case 'table':
          asm.imm('jalr', ZERO, i.rs[0], 0);
          asm.label(i.symbol);
          for (const to of block.table) asm.jump(label(final(to)));
          break;
        case 'return':
          epilogue();
          asm.ret();
          break;
        case 'tail':
          epilogue();
          asm.jump(i.symbol);
          break;
        case 'call':
          asm.jump(i.symbol, RA);
          break;
        default:
          emitInstruction(asm, i);
      }
    }
  });
}

function emitInstruction(asm: Assembler, i: Instruction): void {
  const [a, b] = i.rs;
  if (i.op === 'li') return asm.constant(i.rd, i.imm);
  if (i.op === 'la') return asm.address(i.rd, i.symbol, i.imm);
  if (i.op === 'copy') return asm.move(i.rd, a);
  // Of a table of all of them: the offset is the number.
  if (i.op === 'fld') return asm.op('fld', i.imm / 8, a, 0, i.imm);
  if (i.op === 'fsd') return asm.op('fsd', 0, a, i.imm / 8, i.imm);
  if (!(i.op in FORMS)) throw new Error(`${i.op} among instructions`);
  const op = i.op as Mnemonic;
  const format: string = FORMS[op].format;
  if (format === 'r') asm.op(op, i.rd, a, b);
  else if (format === 'store') asm.store(b, a, i.imm, op);
  else if (format === 'u') asm.op(op, i.rd, 0, 0, i.imm);
  else if (format === 'fixed') asm.op(op, 0);
  else asm.op(op, i.rd, a, 0, i.imm);
}
