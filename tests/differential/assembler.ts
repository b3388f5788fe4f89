// A small assembler for the tester's own runtime and for directed tests, and the disassembler that prints
// differences. Text in, words out: one instruction, label (`name:`) or directive a line; `#` begins a comment.

import { decode, decodeOperand, encode, instructionNamed, type Instruction, type Operand } from './instructions.ts';
import { csrName, csrNumber, integerRegister, ROUNDING } from './registers.ts';

/** Bytes of a program and where its labels lie, for a start address. */
export interface Assembled {
  readonly bytes: Uint8Array;
  /** Absolute addresses of the labels. */
  readonly labels: ReadonlyMap<string, number>;
}

interface Piece {
  readonly size: number;
  /** Writes the piece once all labels are known. */
  emit(view: DataView, offset: number, address: number, labels: ReadonlyMap<string, number>): void;
}

/**
 * Assembles text for a start address (an integer below 2^53).
 * Pseudo-instructions: `nop`, `mv`, `j`, `ret`, `li rd,NUMBER` (up to 64 bits), `la rd,LABEL`, `csrr`, `csrw`, `beqz`,
 * `bnez`; directives: `.word`, `.half`, `.dword`, `.zero N`, `.align BYTES`.
 * @throws Error that names the line which makes no sense
 */
export function assemble(text: string, address: number): Assembled {
  const labels = new Map<string, number>();
  const pieces: { piece: Piece; offset: number }[] = [];
  let offset = 0;
  const put = (piece: Piece): void => {
    pieces.push({ piece, offset });
    offset += piece.size;
  };
  for (const source of text.split('\n')) {
    const line = source.replace(/#.*/, '').trim();
    if (line === '') continue;
    const label = /^(\w+):$/.exec(line);
    if (label) {
      labels.set(label[1], address + offset);
      continue;
    }
    const [, name, rest = ''] = /^(\S+)\s*(.*)$/.exec(line)!;
    const operands = rest === '' ? [] : rest.split(',').map((word) => word.trim());
    try {
      if (name === '.align') {
        const boundary = Number(operands[0]);
        put(zeros((boundary - ((address + offset) % boundary)) % boundary));
      } else if (name.startsWith('.')) {
        for (const piece of directive(name, operands)) put(piece);
      } else {
        for (const piece of instruction(name, operands)) put(piece);
      }
    } catch (error) {
      throw new Error(`assembling "${line}": ${(error as Error).message}`, { cause: error });
    }
  }
  const bytes = new Uint8Array(offset);
  const view = new DataView(bytes.buffer);
  for (const { piece, offset } of pieces) piece.emit(view, offset, address + offset, labels);
  return { bytes, labels };
}

function zeros(size: number): Piece {
  return { size, emit: () => {} };
}

function directive(name: string, operands: readonly string[]): Piece[] {
  if (name === '.zero') return [zeros(Number(operands[0]))];
  const size = { '.half': 2, '.word': 4, '.dword': 8 }[name];
  if (size === undefined) throw new Error(`unknown directive ${name}`);
  return operands.map((operand) => ({
    size,
    emit: (view, offset, _address, labels) => {
      const value = labels.has(operand) ? BigInt(labels.get(operand)!) : BigInt(operand);
      if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), true);
      else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), true);
      else view.setUint16(offset, Number(BigInt.asUintN(16, value)), true);
    },
  }));
}

function word(value: number, size: 2 | 4 = 4): Piece {
  return {
    size,
    emit: (view, offset) => (size === 4 ? view.setInt32(offset, value, true) : view.setUint16(offset, value, true)),
  };
}

function instruction(name: string, operands: readonly string[]): Piece[] {
  const plain = (text: string): Piece[] => {
    const [, name, rest = ''] = /^(\S+)\s*(.*)$/.exec(text)!;
    return instruction(name, rest === '' ? [] : rest.split(','));
  };
  const [first, second] = operands;
  switch (name) {
    case 'nop':
      return plain('addi x0,x0,0');
    case 'mv':
      return plain(`addi ${first},${second},0`);
    case 'j':
      return plain(`jal x0,${first}`);
    case 'ret':
      return plain('jalr x0,0(ra)');
    case 'csrr':
      return plain(`csrrs ${first},${second},x0`);
    case 'csrw':
      return plain(`csrrw x0,${first},${second}`);
    case 'csrs':
      return plain(`csrrs x0,${first},${second}`);
    case 'csrc':
      return plain(`csrrc x0,${first},${second}`);
    case 'beqz':
      return plain(`beq ${first},x0,${second}`);
    case 'bnez':
      return plain(`bne ${first},x0,${second}`);
    case 'li':
      return loadImmediate(register(first), BigInt.asIntN(64, BigInt(second))).map((value) => word(value));
    case 'la':
      return [
        {
          size: 8,
          emit: (view, offset, address, labels) => {
            const [high, low] = pcRelative(register(first), labelled(labels, second) - address);
            view.setInt32(offset, high, true);
            view.setInt32(offset + 4, low, true);
          },
        },
      ];
    default: {
      const ordering = /\.(aq|rl|aqrl)$/.exec(name);
      const definition = instructionNamed(ordering ? name.slice(0, ordering.index) : name);
      const aqrl = ordering ? { rl: 1, aq: 2, aqrl: 3 }[ordering[1] as 'aq' | 'rl' | 'aqrl'] : 0;
      const texts = operands.flatMap((text) => {
        const address = /^(.*)\((\w+)\)$/.exec(text);
        return address ? (address[1] === '' ? [address[2]] : [address[1], address[2]]) : [text];
      });
      return [
        {
          size: definition.size,
          emit: (view, offset, address, labels) => {
            let index = 0;
            const values = definition.operands.map((o) => {
              if (o.kind === 'ordering') return aqrl;
              if (o.kind === 'rounding' && texts[index] === undefined) return 7;
              return parseOperand(o, texts[index++], address, labels);
            });
            const encoded = encode(definition, values);
            word(encoded, definition.size).emit(view, offset, address, labels);
          },
        },
      ];
    }
  }
}

function register(name: string): number {
  const number = integerRegister(name);
  if (number < 0) throw new Error(`no register is called ${name}`);
  return number;
}

function labelled(labels: ReadonlyMap<string, number>, name: string): number {
  const address = labels.get(name);
  if (address === undefined) throw new Error(`no label is called ${name}`);
  return address;
}

function parseOperand(o: Operand, text: string, address: number, labels: ReadonlyMap<string, number>): number {
  if (text === undefined) throw new Error(`operand ${o.name} is missing`);
  if (o.kind === 'x') return register(text);
  if (o.kind === 'f') return Number(/^f(\d+)$/.exec(text)![1]);
  if (o.kind === 'rounding') return ROUNDING.indexOf(text);
  if (o.kind === 'csr' && csrNumber(text) >= 0) return csrNumber(text);
  const value = labels.has(text) ? labels.get(text)! - address : Number(text);
  if (Number.isNaN(value)) throw new Error(`"${text}" is neither a number nor a label`);
  return value;
}

/** `auipc rd` and `addi rd,rd` that form pc + `distance` (-2^31 .. 2^31 - 2049). */
export function pcRelative(rd: number, distance: number): [number, number] {
  const low = (distance << 20) >> 20;
  return [
    encode(instructionNamed('auipc'), [rd, (distance - low) >> 12]),
    encode(instructionNamed('addi'), [rd, rd, low]),
  ];
}

/** The shortest usual sequence of lui, addi(w) and slli that puts a signed 64-bit value into a register. */
export function loadImmediate(rd: number, value: bigint): number[] {
  const addi = instructionNamed('addi');
  if (value >= -2048n && value < 2048n) return [encode(addi, [rd, 0, Number(value)])];
  const low = Number(BigInt.asIntN(12, value));
  if (BigInt.asIntN(32, value) === value) {
    const upper = Number(BigInt.asIntN(20, (value - BigInt(low)) >> 12n));
    const words = [encode(instructionNamed('lui'), [rd, upper])];
    if (low !== 0) words.push(encode(instructionNamed('addiw'), [rd, rd, low]));
    return words;
  }
  let high = BigInt.asIntN(64, value - BigInt(low)) >> 12n;
  let shift = 12;
  while ((high & 1n) === 0n) {
    high >>= 1n;
    shift++;
  }
  const words = [...loadImmediate(rd, high), encode(instructionNamed('slli'), [rd, rd, shift])];
  if (low !== 0) words.push(encode(addi, [rd, rd, low]));
  return words;
}

/** One instruction as text; `address` (when given) makes branch targets absolute. */
export function disassemble(word: number, address?: number): string {
  const definition = decode(word);
  if (definition === undefined) return (word & 3) === 3 ? `.word 0x${hex(word, 8)}` : `.half 0x${hex(word, 4)}`;
  return render(definition, word, address);
}

function render(definition: Instruction, word: number, address: number | undefined): string {
  let suffix = '';
  let text = definition.syntax;
  for (const o of definition.operands) {
    const value = decodeOperand(o, word);
    let shown: string;
    if (o.kind === 'x') shown = `x${value}`;
    else if (o.kind === 'f') shown = `f${value}`;
    else if (o.kind === 'csr') shown = csrName(value);
    else if (o.kind === 'rounding') shown = ROUNDING[value];
    else if (o.kind === 'ordering') {
      shown = '';
      suffix = ['', '.rl', '.aq', '.aqrl'][value];
    } else if (address !== undefined && /far|target/.test(o.name)) shown = `0x${hex(address + value)}`;
    else if (o.name === 'upper') shown = `0x${hex(value & 0xfffff)}`;
    else shown = String(value);
    text = text.replace(new RegExp(`(?<![a-z0-9_])${o.name}(?![a-z0-9_])`), shown);
  }
  return `${definition.name}${suffix} ${text}`.trim();
}

function hex(value: number, digits = 0): string {
  return (value < 0 && digits > 0 ? value >>> 0 : value).toString(16).padStart(digits, '0');
}
