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
import type { BlockType, ValueType } from './opcodes.ts';
import { BUILT_INS, OPERATORS } from './operations.ts';

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

interface Parameter {
  readonly name: string;
  readonly type: ValueType;
}

/** Whatever is not blank and no token is one character, which no rule takes. */
const TOKEN =
  /0x[0-9a-fA-F]+L?|\d+\.\d+(?:[eE][-+]?\d+)?f?|\d+L?|[A-Za-z_]\w*|>>>|<<|>>|(?:<=|>=|<|>)u(?!\w)|<=|>=|==|!=|&&|\|\||\/u(?!\w)|%u(?!\w)|\S/g;
const COMMENT = /\/\/.*/g;

const isDigit = (token: string): boolean => (token.charCodeAt(0) - 0x30) >>> 0 < 10;
const isName = (token: string): boolean => {
  const first = token.charCodeAt(0);
  return ((first | 0x20) - 0x61) >>> 0 < 26 || first === 0x5f;
};

/** This runs at every start of a machine, so it is left to one native call a source; `position` finds lines when they are wanted. */
function tokenize(source: Source): readonly string[] {
  return source.text.replace(COMMENT, '').match(TOKEN) ?? [];
}
/** `file:line` of the token at this index. */
function position(sources: readonly Source[], index: number): string {
  let left = index;
  for (const { file, text } of sources) {
    for (const [k, lineText] of text.split('\n').entries()) {
      left -= tokenize({ file, text: lineText }).length;
      if (left < 0) return `${file}:${k + 1}`;
    }
  }
  return `${sources.at(-1)?.file}:end`;
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
  const parser = new Parser(sources, constants, externals);
  return parser.program();
}

class Parser {
  readonly #sources: readonly Source[];
  readonly #texts: readonly string[];
  readonly #constants: Constants;
  readonly #signatures: Map<string, Signature>;
  readonly #parameters = new Map<string, Parameter[]>();
  #at = 0;
  // Of the function being compiled:
  #code = new Encoder(0);
  #result: BlockType = 'void';
  #variables = new Map<string, { index: number; type: ValueType }>();

  constructor(sources: readonly Source[], constants: Constants, externals: ReadonlyMap<string, Signature>) {
    this.#sources = sources;
    this.#texts = sources.flatMap(tokenize);
    this.#constants = constants;
    this.#signatures = new Map(externals);
  }

  program(): Compiled {
    this.#headers();
    this.#at = 0;
    const functions: CompiledFunction[] = [];
    while (this.#at < this.#texts.length) functions.push(this.#function());
    return { functions, signatures: this.#signatures };
  }

  /** First pass: signatures, so that functions may call ones that follow. */
  #headers(): void {
    let index = this.#signatures.size;
    for (;;) {
      this.#at = this.#texts.indexOf('fn', this.#at);
      if (this.#at < 0) return;
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
        if (this.#texts[this.#at + 1] === '=') return this.#assignment();
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
      const text = this.#peek();
      const operator = OPERATORS.get(text);
      if (operator === undefined || operator.precedence < minimum) return left;
      this.#next();
      if (text === '&&' || text === '||') {
        this.#truth(left);
        this.#code.if('i32');
        if (text === '||') {
          this.#code.i32(1);
          this.#code.else();
        }
        this.#truth(this.#expression(operator.precedence + 1));
        if (text === '&&') {
          this.#code.else();
          this.#code.i32(0);
        }
        this.#code.end();
        continue;
      }
      const right = this.#value(operator.precedence + 1);
      if (left !== right) this.#fail(`${left} ${text} ${right}`);
      this.#code.opcode(operator.opcode[right] ?? this.#fail(`${text} is not for ${right}`));
      if (operator.isComparison) left = 'i32';
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
    if (isDigit(token)) return this.#number(token, 1);
    if (token === '-') {
      if (isDigit(this.#peek())) return this.#number(this.#next(), -1);
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
    if (!isName(token)) this.#fail(`unexpected '${token}'`);
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

    const forms = BUILT_INS.get(name);
    if (forms) {
      const form = forms.find(
        ({ parameters }) => parameters.length === given.length && parameters.every((type, k) => type === given[k]),
      );
      if (!form) return wrong();
      if (form.memory) code.mem(form.memory);
      if (form.plain) code.op(form.plain);
      return form.result;
    }
    if (name === 'fill' || name === 'copy') {
      arguments_('i32', 'i32', 'i32');
      if (name === 'fill') code.memoryFill();
      else code.memoryCopy();
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
    return this.#texts[this.#at] ?? '';
  }
  #next(): string {
    if (this.#at >= this.#texts.length) this.#fail('the source ends too early');
    return this.#texts[this.#at++];
  }
  #expect(text: string): void {
    if (this.#peek() !== text) this.#fail(`'${text}' is wanted, '${this.#peek()}' is here`);
    this.#at++;
  }
  #name(): string {
    const token = this.#next();
    if (!isName(token)) this.#fail(`a name is wanted, '${token}' is here`);
    return token;
  }
  #type(): ValueType {
    const token = this.#next();
    if (token !== 'i32' && token !== 'i64' && token !== 'f32' && token !== 'f64')
      return this.#fail(`a type is wanted, '${token}' is here`);
    return token;
  }
  #fail(message: string): never {
    throw new SyntaxError(`${position(this.#sources, Math.max(0, this.#at - 1))}: ${message}`);
  }
}
