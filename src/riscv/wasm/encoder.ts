// Writes WebAssembly: instructions of one function body with structured labels, and modules made of such bodies.

import { MEMORY, PLAIN, TYPE_BYTE } from './opcodes.ts';
import type { BlockType, Memory, Plain, ValueType } from './opcodes.ts';

/** A block, loop or if that is open; what a branch names. Its value is the nesting depth. */
export type Label = number;

/** A growing byte buffer with the encodings of the specification (Core 5.2). */
export class Bytes {
  #bytes: Uint8Array;
  length = 0;

  constructor(room = 64) {
    this.#bytes = new Uint8Array(room);
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + count));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }
  append(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.length);
    this.length += values.length;
  }
  unsigned(value: number): void {
    this.#reserve(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.#bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.length++] = rest;
  }
  signed32(value: number): void {
    this.#reserve(5);
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) {
        this.#bytes[this.length++] = low;
        return;
      }
      this.#bytes[this.length++] = low | 0x80;
    }
  }
  signed64(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && !(low & 0x40)) || (rest === -1n && low & 0x40)) {
        this.#bytes[this.length++] = low;
        return;
      }
      this.#bytes[this.length++] = low | 0x80;
    }
  }
  /** A name of ASCII characters. */
  name(text: string): void {
    this.unsigned(text.length);
    for (let k = 0; k < text.length; k++) this.byte(text.charCodeAt(k));
  }
  /** The bytes written so far (not a copy). */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Encodings of 64-bit constants: there are few, and BigInt arithmetic is slow. */
const wideConstants = new Map<bigint, Uint8Array>();
function wideConstant(value: bigint): Uint8Array {
  let bytes = wideConstants.get(value);
  if (!bytes) {
    const encoded = new Bytes();
    encoded.signed64(value);
    bytes = encoded.view().slice();
    if (wideConstants.size < 1000) wideConstants.set(value, bytes);
  }
  return bytes;
}

/** The body of one function. */
export class Encoder {
  readonly code: Bytes;
  readonly locals: ValueType[] = [];
  readonly #parameters: number;
  #depth = 0;

  /** `code`: a buffer to write to from its start; what it held is lost. */
  constructor(parameters: number, code = new Bytes(1024)) {
    this.#parameters = parameters;
    this.code = code;
    code.length = 0;
  }

  /** How many blocks, loops and ifs are open. */
  protected get depth(): number {
    return this.#depth;
  }
  /** Index of a new local variable. */
  local(type: ValueType): number {
    return this.#parameters + this.locals.push(type) - 1;
  }
  op(...names: Plain[]): void {
    for (const name of names) this.opcode(PLAIN[name]);
  }
  /** A value of PLAIN. */
  opcode(opcode: number): void {
    if (opcode > 0xff) this.code.byte(opcode >> 8);
    this.code.byte(opcode & 0xff);
  }
  /** A load, store or atomic at the address on the stack plus `offset`. Plain accesses need no alignment. */
  mem(name: Memory, offset = 0): void {
    const [opcode, alignment]: readonly [number, number] = MEMORY[name];
    if (opcode > 0xff) {
      this.code.byte(opcode >> 8);
      this.code.byte(opcode & 0xff);
      this.code.byte(alignment);
    } else {
      this.code.byte(opcode);
      this.code.byte(0);
    }
    this.code.unsigned(offset);
  }
  i32(value: number): void {
    this.code.byte(0x41);
    this.code.signed32(value);
  }
  i64(value: number | bigint): void {
    this.code.byte(0x42);
    if (typeof value === 'number' && value === (value | 0)) this.code.signed32(value);
    else this.code.append(wideConstant(BigInt(value)));
  }
  f32(value: number): void {
    this.code.byte(0x43);
    this.code.append(new Uint8Array(new Float32Array([value]).buffer));
  }
  f64(value: number): void {
    this.code.byte(0x44);
    this.code.append(new Uint8Array(new Float64Array([value]).buffer));
  }
  get(local: number): void {
    this.code.byte(0x20);
    this.code.unsigned(local);
  }
  set(local: number): void {
    this.code.byte(0x21);
    this.code.unsigned(local);
  }
  tee(local: number): void {
    this.code.byte(0x22);
    this.code.unsigned(local);
  }
  #open(opcode: number, type: BlockType): Label {
    this.code.byte(opcode);
    this.code.byte(TYPE_BYTE[type]);
    return ++this.#depth;
  }
  block(type: BlockType = 'void'): Label {
    return this.#open(0x02, type);
  }
  loop(type: BlockType = 'void'): Label {
    return this.#open(0x03, type);
  }
  if(type: BlockType = 'void'): Label {
    return this.#open(0x04, type);
  }
  else(): void {
    this.code.byte(0x05);
  }
  end(): void {
    this.code.byte(0x0b);
    this.#depth--;
  }
  br(label: Label): void {
    this.code.byte(0x0c);
    this.code.unsigned(this.#depth - label);
  }
  brIf(label: Label): void {
    this.code.byte(0x0d);
    this.code.unsigned(this.#depth - label);
  }
  brTable(labels: readonly Label[], otherwise: Label): void {
    this.code.byte(0x0e);
    this.code.unsigned(labels.length);
    for (const label of labels) this.code.unsigned(this.#depth - label);
    this.code.unsigned(this.#depth - otherwise);
  }
  call(functionIndex: number): void {
    this.code.byte(0x10);
    this.code.unsigned(functionIndex);
  }
  /** Calls the function of this type whose number in the table is on the stack. */
  callIndirect(type: number): void {
    this.code.byte(0x11);
    this.code.unsigned(type);
    this.code.byte(0);
  }
  /** The same as a tail call. */
  returnCallIndirect(type: number): void {
    this.code.byte(0x13);
    this.code.unsigned(type);
    this.code.byte(0);
  }
  memoryFill(): void {
    this.code.append([0xfc, 0x0b, 0]);
  }
  memoryCopy(): void {
    this.code.append([0xfc, 0x0a, 0, 0]);
  }
  atomicFence(): void {
    this.code.append([0xfe, 0x03, 0]);
  }
}

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly result: BlockType;
  /** Results behind that one. */
  readonly more?: readonly ValueType[];
}
export interface FunctionBody extends FunctionType {
  readonly locals: readonly ValueType[];
  readonly code: Uint8Array;
  /** Offsets in `code` of `if` instructions whose condition is nearly always false (Branch Hinting proposal). */
  readonly unlikely?: readonly number[];
}
export interface ModuleParts {
  /** Imported as `env.memory`, shared, with exactly this many 64 KiB pages. */
  readonly memoryPages: number;
  /** Types by number, for indirect calls; the table of `env.table` is imported when there are any. */
  readonly types?: readonly FunctionType[] | undefined;
  /** Imported from `env`; function indexes count these first, in this order. */
  readonly imports: readonly (FunctionType & { readonly name: string })[];
  readonly functions: readonly FunctionBody[];
  readonly exports: readonly { readonly name: string; readonly index: number }[];
}

/** A whole module (Core 5.5.16). */
export function encodeModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const types = new Bytes();
  const typeNumbers = new Map<string, number>();
  const typeNumber = (type: FunctionType): number => {
    const more = type.more ?? [];
    const key = `${type.parameters.join()}>${[type.result, ...more].join()}`;
    const known = typeNumbers.get(key);
    if (known !== undefined) return known;
    types.byte(0x60);
    types.unsigned(type.parameters.length);
    for (const parameter of type.parameters) types.byte(TYPE_BYTE[parameter]);
    if (type.result === 'void') types.byte(0);
    else types.append([1 + more.length, TYPE_BYTE[type.result], ...more.map((result) => TYPE_BYTE[result])]);
    typeNumbers.set(key, typeNumbers.size);
    return typeNumbers.size - 1;
  };

  for (const type of parts.types ?? []) typeNumber(type);

  const imports = new Bytes();
  imports.unsigned(parts.imports.length + (parts.types ? 2 : 1));
  imports.name('env');
  imports.name('memory');
  imports.append([0x02, 0x03]);
  imports.unsigned(parts.memoryPages);
  imports.unsigned(parts.memoryPages);
  if (parts.types) {
    imports.name('env');
    imports.name('table');
    // table, of functions, with a least size of 1
    imports.append([0x01, 0x70, 0x00, 1]);
  }
  for (const entry of parts.imports) {
    imports.name('env');
    imports.name(entry.name);
    imports.byte(0x00);
    imports.unsigned(typeNumber(entry));
  }

  const declarations = new Bytes();
  declarations.unsigned(parts.functions.length);
  for (const body of parts.functions) declarations.unsigned(typeNumber(body));

  const exports = new Bytes();
  exports.unsigned(parts.exports.length);
  for (const entry of parts.exports) {
    exports.name(entry.name);
    exports.byte(0x00);
    exports.unsigned(entry.index);
  }

  const code = new Bytes(parts.functions.reduce((sum, body) => sum + body.code.length + 100, 16));
  const hints = new Bytes();
  let hinted = 0;
  code.unsigned(parts.functions.length);
  for (const [k, body] of parts.functions.entries()) {
    const locals = encodeLocals(body.locals);
    if (body.unlikely?.length) {
      hinted++;
      hints.unsigned(parts.imports.length + k);
      hints.unsigned(body.unlikely.length);
      for (const offset of body.unlikely) {
        hints.unsigned(locals.length + offset);
        hints.append([1, 0]);
      }
    }
    code.unsigned(locals.length + body.code.length + 1);
    code.append(locals);
    code.append(body.code);
    code.byte(0x0b);
  }

  const module = new Bytes(code.length + 4096);
  module.append([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  const section = (id: number, content: Uint8Array): void => {
    module.byte(id);
    module.unsigned(content.length);
    module.append(content);
  };
  const typeSection = new Bytes();
  typeSection.unsigned(typeNumbers.size);
  typeSection.append(types.view());
  section(1, typeSection.view());
  section(2, imports.view());
  section(3, declarations.view());
  section(7, exports.view());
  if (hinted > 0) {
    const custom = new Bytes();
    custom.name('metadata.code.branch_hint');
    custom.unsigned(hinted);
    custom.append(hints.view());
    section(0, custom.view());
  }
  section(10, code.view());
  return module.view().slice();
}

/** Locals as runs of one type. */
function encodeLocals(locals: readonly ValueType[]): Uint8Array {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const bytes = new Bytes();
  bytes.unsigned(runs.length);
  for (const run of runs) {
    bytes.unsigned(run.count);
    bytes.byte(TYPE_BYTE[run.type]);
  }
  return bytes.view();
}
