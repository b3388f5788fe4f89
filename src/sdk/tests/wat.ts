// An assembler for the WebAssembly text that the tests of the WASI host are written in (WebAssembly 1.0, chapters 5 and 6): one
// memory, data, imported and own functions with flat instructions. What it does not know it refuses.

type Expression = string | Expression[];

const I32 = 0x7f;
const I64 = 0x7e;
const TYPES: Readonly<Record<string, number>> = { i32: I32, i64: I64 };
const EMPTY = 0x40;
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Opcodes by what follows them. */
const PLAIN: Readonly<Record<string, number>> = {
  unreachable: 0x00,
  nop: 0x01,
  else: 0x05,
  end: 0x0b,
  return: 0x0f,
  drop: 0x1a,
  'i32.eqz': 0x45,
  'i32.eq': 0x46,
  'i32.ne': 0x47,
  'i32.lt_u': 0x49,
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
  'i32.mul': 0x6c,
  'i32.and': 0x71,
  'i32.or': 0x72,
};
const BLOCKS: Readonly<Record<string, number>> = { block: 0x02, loop: 0x03, if: 0x04 };
const BRANCHES: Readonly<Record<string, number>> = { br: 0x0c, br_if: 0x0d };
const LOCALS: Readonly<Record<string, number>> = { 'local.get': 0x20, 'local.set': 0x21, 'local.tee': 0x22 };
/** Opcode and alignment. */
const ACCESSES: Readonly<Record<string, readonly [number, number]>> = {
  'i32.load': [0x28, 2],
  'i64.load': [0x29, 3],
  'i32.load8_u': [0x2d, 0],
  'i32.store': [0x36, 2],
  'i64.store': [0x37, 3],
  'i32.store8': [0x3a, 0],
};

function parse(text: string): Expression[] {
  const tokens = text.match(/;;[^\n]*|"(?:[^"\\]|\\.)*"|[()]|[^\s()";]+/g) ?? [];
  const stack: Expression[][] = [[]];
  for (const token of tokens) {
    if (token.startsWith(';;')) continue;
    if (token === '(') stack.push([]);
    else if (token === ')') {
      const done = stack.pop();
      if (done === undefined || stack.length === 0) throw new Error('one ) too many');
      stack.at(-1)!.push(done);
    } else stack.at(-1)!.push(token);
  }
  if (stack.length !== 1) throw new Error('a ) is missing');
  return stack[0];
}

/** LEB128, signed (5.2.2). */
function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const name = (text: string): number[] => vector([...new TextEncoder().encode(text)].map((byte) => [byte]));
const section = (id: number, bytes: readonly number[]): number[] => [id, ...unsigned(bytes.length), ...bytes];

/** A string token: \n, \", \\ and two hexadecimal digits may be escaped. */
const stringOf = (token: Expression): string => {
  if (typeof token !== 'string' || !token.startsWith('"')) throw new Error(`not a string: ${String(token)}`);
  return token
    .slice(1, -1)
    .replaceAll(/\\([0-9a-f]{2}|.)/gi, (_, code: string) =>
      code === 'n' ? '\n' : code.length === 2 ? String.fromCharCode(parseInt(code, 16)) : code,
    );
};
const fields = (list: readonly Expression[], head: string): Expression[][] =>
  list.filter((one): one is Expression[] => Array.isArray(one) && one[0] === head);
const typesIn = (list: readonly Expression[], head: string): number[] =>
  fields(list, head).flatMap((field) =>
    field.slice(1).flatMap((one) => (typeof one === 'string' && Object.hasOwn(TYPES, one) ? [TYPES[one]] : [])),
  );

export function assemble(text: string): Uint8Array<ArrayBuffer> {
  const [module] = parse(text);
  if (!Array.isArray(module) || module[0] !== 'module') throw new Error('not a module');
  const types: number[][] = [];
  const typeOf = (list: readonly Expression[]): number => {
    const [parameters, results] = ['param', 'result'].map((head) => typesIn(list, head).map((type) => [type]));
    const type = [0x60, ...vector(parameters), ...vector(results)];
    const at = types.findIndex((one) => one.join() === type.join());
    return at < 0 ? types.push(type) - 1 : at;
  };
  const functions = new Map<string, number>();
  const number = (list: readonly Expression[]): void => {
    functions.set(
      typeof list[1] === 'string' && list[1].startsWith('$') ? list[1] : `#${functions.size}`,
      functions.size,
    );
  };
  const imports = fields(module, 'import').map(([, from, field, description]) => {
    number(description as Expression[]);
    const type = typeOf(description as Expression[]);
    return [...name(stringOf(from)), ...name(stringOf(field)), 0x00, ...unsigned(type)];
  });
  const own = fields(module, 'func');
  const first = functions.size;
  own.forEach(number);
  const ownTypes = own.map((list) => unsigned(typeOf(list)));
  const exports = own.flatMap((list, i) =>
    fields(list, 'export').map(([, as]) => [...name(stringOf(as)), 0x00, ...unsigned(first + i)]),
  );
  const memories = fields(module, 'memory');
  for (const memory of memories) {
    for (const [, as] of fields(memory, 'export')) exports.push([...name(stringOf(as)), 0x02, 0x00]);
  }
  const codes = own.map((list) => {
    const body = code(list, functions);
    return [...unsigned(body.length), ...body];
  });
  const data = fields(module, 'data').map(([, offset, value]) => {
    const bytes = Array.from(stringOf(value), (character) => [character.charCodeAt(0)]);
    return [0x00, 0x41, ...signed(BigInt((offset as string[])[1])), 0x0b, ...vector(bytes)];
  });
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, vector(types)),
    ...section(2, vector(imports)),
    ...section(3, vector(ownTypes)),
    ...section(5, vector(memories.map((memory) => [0x00, ...unsigned(Number(memory.at(-1)))]))),
    ...section(7, vector(exports)),
    ...section(10, vector(codes)),
    ...section(11, vector(data)),
  ]);
}

function code(list: readonly Expression[], functions: ReadonlyMap<string, number>): number[] {
  const locals = new Map<string, number>();
  for (const head of ['param', 'local']) {
    for (const [, as] of fields(list, head)) if (typeof as === 'string') locals.set(as, locals.size);
  }
  const find = (names: ReadonlyMap<string, number>, token: string): number[] => {
    const found = names.get(token);
    if (found === undefined) throw new Error(`unknown name ${token}`);
    return unsigned(found);
  };
  const declared = typesIn(list, 'local').map((type) => [1, type]);
  const tokens = list.slice(1).filter((one): one is string => typeof one === 'string');
  const bytes: number[] = [];
  for (let i = (tokens[0] ?? '').startsWith('$') ? 1 : 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (Object.hasOwn(PLAIN, token)) bytes.push(PLAIN[token]);
    else if (Object.hasOwn(BLOCKS, token)) bytes.push(BLOCKS[token], EMPTY);
    else if (Object.hasOwn(BRANCHES, token)) bytes.push(BRANCHES[token], ...unsigned(Number(tokens[++i])));
    else if (Object.hasOwn(LOCALS, token)) bytes.push(LOCALS[token], ...find(locals, tokens[++i]));
    else if (Object.hasOwn(ACCESSES, token)) bytes.push(ACCESSES[token][0], ACCESSES[token][1], 0);
    else if (token === 'call') bytes.push(0x10, ...find(functions, tokens[++i]));
    else if (token === 'i32.const') bytes.push(0x41, ...signed(BigInt.asIntN(32, BigInt(tokens[++i]))));
    else if (token === 'i64.const') bytes.push(0x42, ...signed(BigInt.asIntN(64, BigInt(tokens[++i]))));
    else throw new Error(`unknown instruction ${token}`);
  }
  return [...vector(declared), ...bytes, 0x0b];
}
