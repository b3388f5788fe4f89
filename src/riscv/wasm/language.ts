// The small typed language that the engine's helper functions are written in; one pass to WebAssembly.
//
//   fn name(a:i64, b:i32):i64 { let x = a + 1L; if (b == 0) { return x; } else if (..) {..} while (..) {..} return a; }
//
// Types: i32 (`5`, `0xff`), i64 (`5L`), f64 (`1.5`), f32 (`1.5f`); a function's result may be `void`. Nothing is
// converted silently. `let` makes a variable of the function (not of the block) and may stand again for the same name
// and type; `name = ..` assigns. Conditions are i32. `//` starts a comment.
//
// Operators, C's precedence: || && | ^ & == != < > <= >= << >> + - * / % and unary ! ~ -.
//   Signed by default; unsigned forms: <u >u <=u >=u >>> /u %u. Floats: + - * / and comparisons.
//   (wasm `/` and `%` trap on division by zero; `/` also on the most negative number by -1: check before.)
//
// Built-in functions
//   memory         ld8u ld16u ld32 -> i32; ld8u64 ld8s64 ld16u64 ld16s64 ld32u ld32s ld64 -> i64; ldf32 ldf64; each (address:i32)
//                  st8 st16 st32 (address, i32 or i64 value), st64 (address, i64), stf32 stf64; fill(address, byte, count), copy(to, from, count)
//   atomics        ald32 ald64 (address); ast32 ast64 (address, value); aor32 aand32 aadd32 axchg32 (address, value) -> old;
//                  acas32 acas64 (address, expected, new) -> old; the address must be aligned
//   i32 <-> i64    i64(x) sign-extends, u64(x) zero-extends, i32(x) wraps; sx8 sx16 (either width), sx32 (i64)
//   bits           bits(x): the same bits as the other kind (f64 <-> i64, f32 <-> i32); clz ctz popcnt rotl rotr (either width)
//   floats         sqrt abs neg ceil floor trunc nearest (x), copysign min max (x, y): either float width; promote(f32) demote(f64)
//   conversions    f64s f64u f32s f32u (i32 or i64, read as signed or unsigned); toi32s toi32u toi64s toi64u (float; saturating)
//   others         select(condition, a, b): both are evaluated; unreachable()

import { Encoder } from './encoder.ts';
import type { FunctionBody, FunctionType } from './encoder.ts';
import type { BlockType, Memory, Plain, ValueType } from './opcodes.ts';

export interface Signature extends FunctionType {
  readonly index: number;
}
export interface CompiledFunction extends FunctionBody {
  readonly name: string;
}
/** One source text and the name that its errors carry. */
export interface Source {
  readonly file: string;
  readonly text: string;
}
export interface Compiled {
  /** In order of appearance; the first has the index `externals.size`. */
  readonly functions: readonly CompiledFunction[];
  /** Externals and functions by name. */
  readonly signatures: ReadonlyMap<string, Signature>;
}

/** Names that stand for a number: `number` is an i32 constant, `bigint` an i64 constant. */
export type Constants = Readonly<Record<string, number | bigint>>;

interface Token {
  readonly text: string;
  readonly file: string;
  readonly line: number;
}
interface Parameter {
  readonly name: string;
  readonly type: ValueType;
}

const TOKEN =
  /0x[0-9a-fA-F]+L?|\d+\.\d+(?:[eE][-+]?\d+)?f?|\d+L?|[A-Za-z_]\w*|>>>|<<|>>|(?:<=|>=|<|>)u(?!\w)|<=|>=|==|!=|&&|\|\||\/u(?!\w)|%u(?!\w)|[-+*/%&|^<>=!~(){},;:]/y;

const PRECEDENCE: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '>': 7,
  '<=': 7,
  '>=': 7,
  '<u': 7,
  '>u': 7,
  '<=u': 7,
  '>=u': 7,
  '<<': 8,
  '>>': 8,
  '>>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
  '/u': 10,
  '%u': 10,
};
/** Suffix of the instruction for integers and for floats; null: there is none. */
const BINARY: Readonly<Record<string, readonly [string, string | null]>> = {
  '|': ['or', null],
  '^': ['xor', null],
  '&': ['and', null],
  '==': ['eq', 'eq'],
  '!=': ['ne', 'ne'],
  '<': ['lt_s', 'lt'],
  '>': ['gt_s', 'gt'],
  '<=': ['le_s', 'le'],
  '>=': ['ge_s', 'ge'],
  '<u': ['lt_u', null],
  '>u': ['gt_u', null],
  '<=u': ['le_u', null],
  '>=u': ['ge_u', null],
  '<<': ['shl', null],
  '>>': ['shr_s', null],
  '>>>': ['shr_u', null],
  '+': ['add', 'add'],
  '-': ['sub', 'sub'],
  '*': ['mul', 'mul'],
  '/': ['div_s', 'div'],
  '%': ['rem_s', null],
  '/u': ['div_u', null],
  '%u': ['rem_u', null],
};
const isComparison = (operator: string): boolean => PRECEDENCE[operator] === 6 || PRECEDENCE[operator] === 7;

const LOADS: Readonly<Record<string, readonly [Memory, ValueType]>> = {
  ld8u: ['i32.load8_u', 'i32'],
  ld16u: ['i32.load16_u', 'i32'],
  ld32: ['i32.load', 'i32'],
  ld8u64: ['i64.load8_u', 'i64'],
  ld8s64: ['i64.load8_s', 'i64'],
  ld16u64: ['i64.load16_u', 'i64'],
  ld16s64: ['i64.load16_s', 'i64'],
  ld32u: ['i64.load32_u', 'i64'],
  ld32s: ['i64.load32_s', 'i64'],
  ld64: ['i64.load', 'i64'],
  ldf32: ['f32.load', 'f32'],
  ldf64: ['f64.load', 'f64'],
  ald32: ['i32.atomic.load', 'i32'],
  ald64: ['i64.atomic.load', 'i64'],
};
const STORES: Readonly<Record<string, Partial<Record<ValueType, Memory>>>> = {
  st8: { i32: 'i32.store8', i64: 'i64.store8' },
  st16: { i32: 'i32.store16', i64: 'i64.store16' },
  st32: { i32: 'i32.store', i64: 'i64.store32' },
  st64: { i64: 'i64.store' },
  stf32: { f32: 'f32.store' },
  stf64: { f64: 'f64.store' },
  ast32: { i32: 'i32.atomic.store' },
  ast64: { i64: 'i64.atomic.store' },
};
/** Functions whose instruction is named `<type of the first argument>.<suffix>`. */
const SAME_TYPE: Readonly<Record<string, readonly [suffix: string, count: number, types: readonly ValueType[]]>> = {
  clz: ['clz', 1, ['i32', 'i64']],
  ctz: ['ctz', 1, ['i32', 'i64']],
  popcnt: ['popcnt', 1, ['i32', 'i64']],
  rotl: ['rotl', 2, ['i32', 'i64']],
  rotr: ['rotr', 2, ['i32', 'i64']],
  sx8: ['extend8_s', 1, ['i32', 'i64']],
  sx16: ['extend16_s', 1, ['i32', 'i64']],
  sx32: ['extend32_s', 1, ['i64']],
  sqrt: ['sqrt', 1, ['f32', 'f64']],
  abs: ['abs', 1, ['f32', 'f64']],
  neg: ['neg', 1, ['f32', 'f64']],
  ceil: ['ceil', 1, ['f32', 'f64']],
  floor: ['floor', 1, ['f32', 'f64']],
  trunc: ['trunc', 1, ['f32', 'f64']],
  nearest: ['nearest', 1, ['f32', 'f64']],
  copysign: ['copysign', 2, ['f32', 'f64']],
  min: ['min', 2, ['f32', 'f64']],
  max: ['max', 2, ['f32', 'f64']],
};
/** One argument, instruction and result by its type. */
const CONVERSIONS: Readonly<Record<string, Partial<Record<ValueType, readonly [Plain, ValueType]>>>> = {
  i64: { i32: ['i64.extend_i32_s', 'i64'] },
  u64: { i32: ['i64.extend_i32_u', 'i64'] },
  i32: { i64: ['i32.wrap_i64', 'i32'] },
  bits: {
    i32: ['f32.reinterpret_i32', 'f32'],
    f32: ['i32.reinterpret_f32', 'i32'],
    i64: ['f64.reinterpret_i64', 'f64'],
    f64: ['i64.reinterpret_f64', 'i64'],
  },
  promote: { f32: ['f64.promote_f32', 'f64'] },
  demote: { f64: ['f32.demote_f64', 'f32'] },
  f64s: { i32: ['f64.convert_i32_s', 'f64'], i64: ['f64.convert_i64_s', 'f64'] },
  f64u: { i32: ['f64.convert_i32_u', 'f64'], i64: ['f64.convert_i64_u', 'f64'] },
  f32s: { i32: ['f32.convert_i32_s', 'f32'], i64: ['f32.convert_i64_s', 'f32'] },
  f32u: { i32: ['f32.convert_i32_u', 'f32'], i64: ['f32.convert_i64_u', 'f32'] },
  toi32s: { f32: ['i32.trunc_sat_f32_s', 'i32'], f64: ['i32.trunc_sat_f64_s', 'i32'] },
  toi32u: { f32: ['i32.trunc_sat_f32_u', 'i32'], f64: ['i32.trunc_sat_f64_u', 'i32'] },
  toi64s: { f32: ['i64.trunc_sat_f32_s', 'i64'], f64: ['i64.trunc_sat_f64_s', 'i64'] },
  toi64u: { f32: ['i64.trunc_sat_f32_u', 'i64'], f64: ['i64.trunc_sat_f64_u', 'i64'] },
};
const ATOMICS: Readonly<Record<string, readonly [Memory, ValueType, count: number]>> = {
  aadd32: ['i32.atomic.rmw.add', 'i32', 2],
  aor32: ['i32.atomic.rmw.or', 'i32', 2],
  aand32: ['i32.atomic.rmw.and', 'i32', 2],
  axchg32: ['i32.atomic.rmw.xchg', 'i32', 2],
  acas32: ['i32.atomic.rmw.cmpxchg', 'i32', 3],
  acas64: ['i64.atomic.rmw.cmpxchg', 'i64', 3],
};

function tokenize(source: Source): Token[] {
  const tokens: Token[] = [];
  source.text.split('\n').forEach((lineText, number) => {
    const text = lineText.replace(/\/\/.*/, '');
    let at = 0;
    for (;;) {
      while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
      if (at === text.length) return;
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (!match) throw new SyntaxError(`${source.file}:${number + 1}: unexpected '${text[at]}'`);
      tokens.push({ text: match[0], file: source.file, line: number + 1 });
      at = TOKEN.lastIndex;
    }
  });
  return tokens;
}

/**
 * Compiles functions, which may call each other in any order and the externals by name.
 * Throws SyntaxError with file and line.
 */
export function compile(
  source: string | readonly Source[],
  constants: Constants,
  externals: ReadonlyMap<string, Signature>,
): Compiled {
  const sources = typeof source === 'string' ? [{ file: 'source', text: source }] : source;
  const parser = new Parser(sources.flatMap(tokenize), constants, externals);
  return parser.program();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #constants: Constants;
  readonly #signatures: Map<string, Signature>;
  readonly #parameters = new Map<string, Parameter[]>();
  #at = 0;
  // Of the function being compiled:
  #code = new Encoder(0);
  #result: BlockType = 'void';
  #variables = new Map<string, { index: number; type: ValueType }>();

  constructor(tokens: readonly Token[], constants: Constants, externals: ReadonlyMap<string, Signature>) {
    this.#tokens = tokens;
    this.#constants = constants;
    this.#signatures = new Map(externals);
  }

  program(): Compiled {
    this.#headers();
    this.#at = 0;
    const functions: CompiledFunction[] = [];
    while (this.#at < this.#tokens.length) functions.push(this.#function());
    return { functions, signatures: this.#signatures };
  }

  /** First pass: signatures, so that functions may call ones that follow. */
  #headers(): void {
    let index = this.#signatures.size;
    for (; this.#at < this.#tokens.length; this.#at++) {
      if (this.#peek() !== 'fn') continue;
      const { name, parameters, result } = this.#header();
      if (this.#signatures.has(name)) this.#fail(`function ${name} is there already`);
      this.#parameters.set(name, parameters);
      this.#signatures.set(name, { index: index++, parameters: parameters.map((p) => p.type), result });
    }
  }

  #header(): { name: string; parameters: Parameter[]; result: BlockType } {
    this.#expect('fn');
    const name = this.#name();
    this.#expect('(');
    const parameters: Parameter[] = [];
    while (this.#peek() !== ')') {
      const parameter = this.#name();
      this.#expect(':');
      parameters.push({ name: parameter, type: this.#type() });
      if (this.#peek() !== ')') this.#expect(',');
    }
    this.#expect(')');
    this.#expect(':');
    if (this.#peek() !== 'void') return { name, parameters, result: this.#type() };
    this.#next();
    return { name, parameters, result: 'void' };
  }

  #function(): CompiledFunction {
    const { name, parameters, result } = this.#header();
    this.#code = new Encoder(parameters.length);
    this.#result = result;
    this.#variables = new Map(parameters.map((p, index) => [p.name, { index, type: p.type }]));
    this.#block();
    if (result !== 'void') this.#code.op('unreachable');
    return {
      name,
      parameters: parameters.map((p) => p.type),
      result,
      locals: this.#code.locals,
      code: this.#code.code.view(),
    };
  }

  #block(): void {
    this.#expect('{');
    while (this.#peek() !== '}') this.#statement();
    this.#next();
  }

  #body(): void {
    if (this.#peek() === '{') this.#block();
    else this.#statement();
  }

  #statement(): void {
    const code = this.#code;
    switch (this.#peek()) {
      case 'let':
        return this.#let();
      case 'if': {
        this.#next();
        this.#condition();
        code.if();
        this.#body();
        if (this.#peek() === 'else') {
          this.#next();
          code.else();
          this.#body();
        }
        code.end();
        return;
      }
      case 'while': {
        this.#next();
        const out = code.block();
        const again = code.loop();
        this.#condition();
        code.op('i32.eqz');
        code.brIf(out);
        this.#body();
        code.br(again);
        code.end();
        code.end();
        return;
      }
      case 'return': {
        this.#next();
        const type = this.#peek() === ';' ? 'void' : this.#expression(1);
        if (type !== this.#result) this.#fail(`returns ${type} from a function of type ${this.#result}`);
        this.#expect(';');
        code.op('return');
        return;
      }
      default:
        if (this.#tokens[this.#at + 1]?.text === '=') return this.#assignment();
        if (this.#expression(1) !== 'void') code.op('drop');
        this.#expect(';');
    }
  }

  #let(): void {
    this.#expect('let');
    const name = this.#name();
    let declared: ValueType | undefined;
    if (this.#peek() === ':') {
      this.#next();
      declared = this.#type();
    }
    this.#expect('=');
    const type = this.#value();
    if (declared && declared !== type) this.#fail(`${name} is declared ${declared} and given ${type}`);
    let variable = this.#variables.get(name);
    if (!variable) {
      variable = { index: this.#code.local(type), type };
      this.#variables.set(name, variable);
    }
    if (variable.type !== type) this.#fail(`${name} is ${variable.type} and given ${type}`);
    this.#code.set(variable.index);
    this.#expect(';');
  }

  #assignment(): void {
    const name = this.#name();
    const variable = this.#variables.get(name) ?? this.#fail(`no variable ${name}`);
    this.#expect('=');
    const type = this.#value();
    if (variable.type !== type) this.#fail(`${name} is ${variable.type} and given ${type}`);
    this.#code.set(variable.index);
    this.#expect(';');
  }

  #condition(): void {
    this.#expect('(');
    this.#truth(this.#expression(1));
    this.#expect(')');
  }

  #truth(type: BlockType): void {
    if (type !== 'i32') this.#fail(`a condition is i32, not ${type}`);
  }

  #value(minimum = 1): ValueType {
    const type = this.#expression(minimum);
    if (type === 'void') this.#fail('a value is wanted here');
    return type;
  }

  #expression(minimum: number): BlockType {
    let left = this.#unary();
    for (;;) {
      const operator = this.#peek();
      const precedence = PRECEDENCE[operator];
      if (precedence === undefined || precedence < minimum) return left;
      this.#next();
      if (operator === '&&' || operator === '||') {
        this.#truth(left);
        this.#code.if('i32');
        if (operator === '||') {
          this.#code.i32(1);
          this.#code.else();
        }
        this.#truth(this.#expression(precedence + 1));
        if (operator === '&&') {
          this.#code.else();
          this.#code.i32(0);
        }
        this.#code.end();
        continue;
      }
      const right = this.#value(precedence + 1);
      if (left !== right) this.#fail(`${left} ${operator} ${right}`);
      const suffix = BINARY[operator][right === 'f32' || right === 'f64' ? 1 : 0];
      if (suffix === null) this.#fail(`${operator} is not for ${right}`);
      this.#code.op(`${right}.${suffix}` as Plain);
      if (isComparison(operator)) left = 'i32';
    }
  }

  #unary(): BlockType {
    const token = this.#next();
    const code = this.#code;
    if (token === '(') {
      const type = this.#expression(1);
      this.#expect(')');
      return type;
    }
    if (/^\d/.test(token)) return this.#number(token, 1);
    if (token === '-') {
      if (/^\d/.test(this.#peek())) return this.#number(this.#next(), -1);
      const type = this.#unary();
      if (type === 'f32' || type === 'f64') code.op(`${type}.neg`);
      else if (type === 'i64') {
        code.i64(-1);
        code.op('i64.mul');
      } else {
        this.#truth(type);
        code.i32(-1);
        code.op('i32.mul');
      }
      return type;
    }
    if (token === '!') {
      const type = this.#unary();
      if (type !== 'i32' && type !== 'i64') this.#fail(`! is not for ${type}`);
      code.op(`${type}.eqz`);
      return 'i32';
    }
    if (token === '~') {
      const type = this.#unary();
      if (type === 'i64') code.i64(-1);
      else {
        this.#truth(type);
        code.i32(-1);
      }
      code.op(type === 'i64' ? 'i64.xor' : 'i32.xor');
      return type;
    }
    if (!/^[A-Za-z_]/.test(token)) this.#fail(`unexpected '${token}'`);
    if (this.#peek() === '(') return this.#call(token);
    const variable = this.#variables.get(token);
    if (variable) {
      code.get(variable.index);
      return variable.type;
    }
    const constant = Object.hasOwn(this.#constants, token) ? this.#constants[token] : undefined;
    if (constant === undefined) return this.#fail(`no variable or constant ${token}`);
    if (typeof constant === 'bigint') code.i64(constant);
    else code.i32(constant);
    return typeof constant === 'bigint' ? 'i64' : 'i32';
  }

  #number(token: string, sign: 1 | -1): ValueType {
    const code = this.#code;
    if (token.endsWith('L')) {
      code.i64(BigInt(token.slice(0, -1)) * BigInt(sign));
      return 'i64';
    }
    if (!token.includes('.')) {
      code.i32(Number(token) * sign);
      return 'i32';
    }
    if (token.endsWith('f')) {
      code.f32(Number(token.slice(0, -1)) * sign);
      return 'f32';
    }
    code.f64(Number(token) * sign);
    return 'f64';
  }

  #call(name: string): BlockType {
    const code = this.#code;
    this.#expect('(');
    if (name === 'select') return this.#select();
    const given: ValueType[] = [];
    while (this.#peek() !== ')') {
      given.push(this.#value());
      if (this.#peek() !== ')') this.#expect(',');
    }
    this.#next();
    const wrong = (): never => this.#fail(`${name}(${given.join()}): no such form`);
    const arguments_ = (...types: ValueType[]): void => {
      if (types.length !== given.length || types.some((type, k) => type !== given[k])) wrong();
    };

    if (name in LOADS) {
      arguments_('i32');
      code.mem(LOADS[name][0]);
      return LOADS[name][1];
    }
    if (name in STORES) {
      const instruction = given.length === 2 && given[0] === 'i32' ? STORES[name][given[1]] : undefined;
      code.mem(instruction ?? wrong());
      return 'void';
    }
    if (name in ATOMICS) {
      const [instruction, type, count] = ATOMICS[name];
      arguments_('i32', ...Array<ValueType>(count - 1).fill(type));
      code.mem(instruction);
      return type;
    }
    if (name in SAME_TYPE) {
      const [suffix, count, types] = SAME_TYPE[name];
      if (given.length !== count || given.some((type) => type !== given[0]) || !types.includes(given[0])) wrong();
      code.op(`${given[0]}.${suffix}` as Plain);
      return given[0];
    }
    if (name in CONVERSIONS) {
      const conversion = given.length === 1 ? CONVERSIONS[name][given[0]] : undefined;
      const [instruction, type] = conversion ?? wrong();
      code.op(instruction);
      return type;
    }
    switch (name) {
      case 'fill':
        arguments_('i32', 'i32', 'i32');
        code.memoryFill();
        return 'void';
      case 'copy':
        arguments_('i32', 'i32', 'i32');
        code.memoryCopy();
        return 'void';
      case 'unreachable':
        arguments_();
        code.op('unreachable');
        return 'void';
    }
    const signature = this.#signatures.get(name) ?? this.#fail(`no function ${name}`);
    arguments_(...signature.parameters);
    code.call(signature.index);
    return signature.result;
  }

  /** `select(condition, a, b)`; WebAssembly takes the condition last. */
  #select(): ValueType {
    const condition = this.#code.local('i32');
    this.#truth(this.#value());
    this.#code.set(condition);
    this.#expect(',');
    const first = this.#value();
    this.#expect(',');
    const second = this.#value();
    this.#expect(')');
    if (first !== second) this.#fail(`select of ${first} and ${second}`);
    this.#code.get(condition);
    this.#code.op('select');
    return first;
  }

  #peek(): string {
    return this.#tokens[this.#at]?.text ?? '';
  }
  #next(): string {
    if (this.#at >= this.#tokens.length) this.#fail('the source ends too early');
    return this.#tokens[this.#at++].text;
  }
  #expect(text: string): void {
    if (this.#peek() !== text) this.#fail(`'${text}' is wanted, '${this.#peek()}' is here`);
    this.#at++;
  }
  #name(): string {
    const token = this.#next();
    if (!/^[A-Za-z_]/.test(token)) this.#fail(`a name is wanted, '${token}' is here`);
    return token;
  }
  #type(): ValueType {
    const token = this.#next();
    if (token !== 'i32' && token !== 'i64' && token !== 'f32' && token !== 'f64')
      return this.#fail(`a type is wanted, '${token}' is here`);
    return token;
  }
  #fail(message: string): never {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length) - 1] ?? this.#tokens[0];
    throw new SyntaxError(`${token?.file ?? 'source'}:${token?.line ?? 0}: ${message}`);
  }
}
