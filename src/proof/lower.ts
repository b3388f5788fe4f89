// The subset checker: lowers a parser's tree (ESTree; of acorn from JavaScript, of oxc-parser from TypeScript) to the
// language of the core, and refuses everything that has no place there, with its position. Types are left out: the
// TypeScript compiler has checked them, and the executor sorts ints from booleans again.
import { OutsideLanguage } from './language.ts';
import type {
  BinaryOperator,
  Call,
  Expression,
  Fn,
  Place,
  Program,
  SourceFile,
  Span,
  Statement,
  Table,
} from './language.ts';

/** A node of either parser's tree, of which nothing is known yet. */
export interface RawNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface ParsedFile extends SourceFile {
  readonly tree: RawNode;
  /** Modules that it may import from. */
  readonly mayImport: readonly string[];
}

const BINARY = new Set(['+', '-', '*', '&', '|', '^', '<<', '>>', '===', '!==', '<', '<=', '>', '>=']);
const ASSIGNED = new Set(['+', '-', '*', '&', '|', '^', '<<', '>>']);
const isInt32 = (value: unknown): value is number =>
  typeof value === 'number' && (value | 0) === value && !Object.is(value, -0);

class Lowering {
  readonly file: ParsedFile;
  readonly constants: Map<string, number>;
  constructor(file: ParsedFile, constants: Map<string, number>) {
    this.file = file;
    this.constants = constants;
  }

  refuse(message: string, node: Span): OutsideLanguage {
    return new OutsideLanguage(message, this.file, node);
  }
  node(value: unknown): RawNode {
    const node = value as RawNode;
    // oxc-parser keeps parentheses as nodes, acorn does not.
    return node.type === 'ParenthesizedExpression' ? this.node(node['expression']) : node;
  }
  nodes(value: unknown): RawNode[] {
    return (value as unknown[]).map((n) => this.node(n));
  }
  identifier(value: unknown, what: string): string {
    const node = this.node(value);
    if (node.type !== 'Identifier') throw this.refuse(`${what} is a plain name`, node);
    return node['name'] as string;
  }
  span(node: RawNode): Span {
    return { start: node.start, end: node.end };
  }

  // ---- top level
  /** A constant's value. */
  constant(node: RawNode): number {
    if (node.type === 'Literal' && isInt32(node['value'])) return node['value'];
    if (node.type === 'Identifier') {
      const value = this.constants.get(node['name'] as string);
      if (value !== undefined) return value;
    }
    if (node.type === 'UnaryExpression' && node['operator'] === '-') {
      const value = -this.constant(this.node(node['argument']));
      if (isInt32(value)) return value;
    }
    if (node.type === 'BinaryExpression') {
      const a = this.constant(this.node(node['left']));
      const b = this.constant(this.node(node['right']));
      const operator = node['operator'] as string;
      const value = { '+': a + b, '-': a - b, '*': a * b, '<<': a << b, '|': a | b }[operator];
      if (isInt32(value)) return value;
    }
    throw this.refuse('not a constant 32-bit integer', node);
  }
  stateClass(node: RawNode, tables: Map<string, Table>, fields: Map<string, number>): void {
    for (const member of this.nodes(this.node(node['body'])['body'])) {
      if (member.type !== 'PropertyDefinition' || member['static'] === true || member['computed'] === true) {
        throw this.refuse('the state class has fields only', member);
      }
      const name = this.identifier(member['key'], 'a field');
      const value = this.node(member['value']);
      if (value.type !== 'NewExpression') {
        fields.set(name, this.constant(value));
        continue;
      }
      const [size] = this.nodes(value['arguments']);
      if (this.identifier(value['callee'], 'a class') !== 'Int32Array' || size?.type !== 'Identifier') {
        throw this.refuse('a table is `new Int32Array(CONSTANT)`', value);
      }
      tables.set(name, { size: this.constant(size), domain: size['name'] as string });
    }
  }
  function_(node: RawNode, exported: boolean): Fn {
    if (node['async'] === true || node['generator'] === true) throw this.refuse('a plain function', node);
    return {
      name: this.identifier(node['id'], 'a function'),
      file: this.file,
      exported,
      parameters: this.nodes(node['params']).map((p) => this.identifier(p, 'a parameter')),
      body: this.block(node['body']),
      span: this.span(node),
    };
  }

  // ---- statements
  block(value: unknown): Statement[] {
    const node = this.node(value);
    return node.type === 'BlockStatement'
      ? this.nodes(node['body']).flatMap((s) => this.statement(s))
      : this.statement(node);
  }
  statement(node: RawNode): Statement[] {
    const span = this.span(node);
    switch (node.type) {
      case 'EmptyStatement':
        return [];
      case 'BlockStatement':
        return [{ kind: 'block', body: this.block(node), span }];
      case 'VariableDeclaration':
        if (node['kind'] === 'var') throw this.refuse('let or const', node);
        return this.nodes(node['declarations']).map((d) => {
          if (d['init'] === null) throw this.refuse('a local has a value from the beginning', d);
          return {
            kind: 'declare',
            name: this.identifier(d['id'], 'a local'),
            value: this.expression(d['init']),
            span: this.span(d),
          };
        });
      case 'ReturnStatement':
        return [
          { kind: 'return', value: node['argument'] === null ? undefined : this.expression(node['argument']), span },
        ];
      case 'IfStatement':
        return [
          {
            kind: 'if',
            test: this.expression(node['test']),
            yes: this.block(node['consequent']),
            no: node['alternate'] === null ? [] : this.block(node['alternate']),
            span,
          },
        ];
      case 'SwitchStatement':
        return this.switch_(node, this.nodes(node['cases']));
      case 'ForStatement':
        return [this.for_(node)];
      case 'ExpressionStatement':
        return [this.effect(this.node(node['expression']))];
      default:
        throw this.refuse('no such statement in the language', node);
    }
  }
  /** As a chain of ifs: every case ends with break or return. */
  switch_(node: RawNode, cases: readonly RawNode[]): Statement[] {
    const [first, ...others] = cases;
    if (first === undefined) return [];
    const body = this.nodes(first['consequent']);
    const last = body.at(-1);
    if (last?.type !== 'BreakStatement' && last?.type !== 'ReturnStatement') {
      throw this.refuse('a case ends with break or return', first);
    }
    const yes = body.filter((s) => s.type !== 'BreakStatement').flatMap((s) => this.statement(s));
    if (first['test'] === null) {
      if (others.length > 0) throw this.refuse('default is the last case', first);
      return yes;
    }
    const test: Expression = {
      kind: 'binary',
      op: '===',
      left: this.expression(node['discriminant']),
      right: this.expression(first['test']),
      span: this.span(first),
    };
    return [{ kind: 'if', test, yes, no: this.switch_(node, others), span: this.span(first) }];
  }
  for_(node: RawNode): Statement {
    const shape = '`for (let i = a; i < b; i++)` is the only loop';
    const [init, test, update] = [node['init'], node['test'], node['update']].map((n) => n as RawNode | null);
    if (init?.type !== 'VariableDeclaration' || init['kind'] !== 'let') throw this.refuse(shape, node);
    const [declared, ...more] = this.nodes(init['declarations']);
    if (declared === undefined || more.length > 0) throw this.refuse(shape, node);
    const index = this.identifier(declared['id'], 'a loop index');
    if (test?.type !== 'BinaryExpression' || test['operator'] !== '<') throw this.refuse(shape, node);
    if (this.identifier(test['left'], 'a loop index') !== index) throw this.refuse(shape, node);
    if (update?.type !== 'UpdateExpression' || update['operator'] !== '++') throw this.refuse(shape, node);
    if (this.identifier(update['argument'], 'a loop index') !== index) throw this.refuse(shape, node);
    return {
      kind: 'for',
      index,
      from: this.expression(declared['init']),
      to: this.expression(test['right']),
      body: this.block(node['body']),
      span: this.span(node),
    };
  }
  effect(node: RawNode): Statement {
    const span = this.span(node);
    if (node.type === 'CallExpression') {
      const callee = this.node(node['callee']);
      if (callee.type !== 'MemberExpression') return { kind: 'do', call: this.call(node), span };
      const table = this.node(callee['object']);
      if (table.type !== 'MemberExpression' || this.identifier(callee['property'], 'a method') !== 'fill') {
        throw this.refuse('the only method is fill of a table', node);
      }
      const [value, from, to, ...more] = this.nodes(node['arguments']);
      if (value === undefined || from === undefined || to === undefined || more.length > 0) {
        throw this.refuse('fill(value, from, to)', node);
      }
      return {
        kind: 'fill',
        state: this.identifier(table['object'], 'a state'),
        table: this.identifier(table['property'], 'a table'),
        value: this.expression(value),
        from: this.expression(from),
        to: this.expression(to),
        span,
      };
    }
    if (node.type !== 'AssignmentExpression') throw this.refuse('an assignment or a call', node);
    const op = (node['operator'] as string).slice(0, -1);
    if (op !== '' && !ASSIGNED.has(op)) throw this.refuse('no such assignment in the language', node);
    const left = this.node(node['left']);
    return {
      kind: 'assign',
      target: left.type === 'Identifier' ? { kind: 'local', name: left['name'] as string } : this.place(left),
      op: op === '' ? undefined : (op as BinaryOperator),
      value: this.expression(node['right']),
      span,
    };
  }

  // ---- expressions
  place(node: RawNode): Place {
    if (node.type !== 'MemberExpression' || node['optional'] === true) throw this.refuse('a field or a cell', node);
    const span = this.span(node);
    if (node['computed'] !== true) {
      const state = this.identifier(node['object'], 'a state');
      return { kind: 'field', state, field: this.identifier(node['property'], 'a field'), span };
    }
    const table = this.node(node['object']);
    if (table.type !== 'MemberExpression' || table['computed'] === true) throw this.refuse('a cell of a table', node);
    return {
      kind: 'cell',
      state: this.identifier(table['object'], 'a state'),
      table: this.identifier(table['property'], 'a table'),
      index: this.expression(node['property']),
      span,
    };
  }
  call(node: RawNode): Call {
    if (node['optional'] === true) throw this.refuse('a plain call', node);
    return {
      kind: 'call',
      name: this.identifier(node['callee'], 'a function'),
      args: this.nodes(node['arguments']).map((a) => this.expression(a)),
      span: this.span(node),
    };
  }
  expression(value: unknown): Expression {
    const node = this.node(value);
    const span = this.span(node);
    switch (node.type) {
      case 'Literal': {
        const literal = node['value'];
        if (typeof literal === 'boolean') return { kind: 'bool', value: literal, span };
        if (isInt32(literal)) return { kind: 'int', value: literal, span };
        throw this.refuse('a literal is a 32-bit integer or a boolean', node);
      }
      case 'Identifier':
        return { kind: 'name', name: node['name'] as string, span };
      case 'MemberExpression':
        return this.place(node);
      case 'CallExpression':
        return this.call(node);
      case 'UnaryExpression': {
        const op = node['operator'] as string;
        // Not of anything else: -x of 0 is -0.
        if (op === '-') return { kind: 'int', value: this.constant(node), span };
        if (op !== '!' && op !== '~') throw this.refuse('no such operator in the language', node);
        return { kind: 'unary', op, value: this.expression(node['argument']), span };
      }
      case 'LogicalExpression': {
        const op = node['operator'] as string;
        if (op !== '&&' && op !== '||') throw this.refuse('no such operator in the language', node);
        return {
          kind: 'logical',
          op,
          left: this.expression(node['left']),
          right: this.expression(node['right']),
          span,
        };
      }
      case 'ConditionalExpression':
        return {
          kind: 'choice',
          test: this.expression(node['test']),
          yes: this.expression(node['consequent']),
          no: this.expression(node['alternate']),
          span,
        };
      case 'BinaryExpression':
        return this.binary(node);
      default:
        throw this.refuse('no such expression in the language', node);
    }
  }
  binary(node: RawNode): Expression {
    const span = this.span(node);
    const op = node['operator'] as string;
    const left = this.node(node['left']);
    const right = this.node(node['right']);
    if (op === '|' && right.type === 'Literal' && right['value'] === 0 && left.type === 'BinaryExpression') {
      const operands = { left: this.expression(left['left']), right: this.expression(left['right']), span };
      if (left['operator'] === '/') return { kind: 'quotient', ...operands };
      if (left['operator'] === '+' || left['operator'] === '-') {
        return { kind: 'wrapped', op: left['operator'], ...operands };
      }
    }
    if (!BINARY.has(op)) throw this.refuse('no such operator in the language', node);
    return {
      kind: 'binary',
      op: op as BinaryOperator,
      left: this.expression(left),
      right: this.expression(right),
      span,
    };
  }
}

/** Refuses recursion, unknown functions and wrong numbers of arguments. */
function checkCalls(functions: ReadonlyMap<string, Fn>): void {
  const callsIn = (value: unknown): Call[] => {
    if (Array.isArray(value)) return value.flatMap(callsIn);
    if (typeof value !== 'object' || value === null) return [];
    const own = 'kind' in value && value.kind === 'call' ? [value as Call] : [];
    return [...own, ...Object.values(value).flatMap(callsIn)];
  };
  const done = new Set<string>();
  const visit = (fn: Fn, path: readonly string[]): void => {
    if (done.has(fn.name)) return;
    for (const call of callsIn(fn.body)) {
      const callee = functions.get(call.name);
      if (callee === undefined) throw new OutsideLanguage('no such function', fn.file, call.span);
      if (callee.parameters.length !== call.args.length) {
        throw new OutsideLanguage(`${call.name} takes ${callee.parameters.length} arguments`, fn.file, call.span);
      }
      if (path.includes(callee.name)) throw new OutsideLanguage('recursion', fn.file, call.span);
      visit(callee, [...path, callee.name]);
    }
    done.add(fn.name);
  };
  for (const fn of functions.values()) visit(fn, [fn.name]);
}

/** The program of several files; a file may use what those before it define. Throws OutsideLanguage. */
export function lower(files: readonly ParsedFile[]): Program {
  const constants = new Map<string, number>();
  const functions = new Map<string, Fn>();
  const tables = new Map<string, Table>();
  const fields = new Map<string, number>();
  for (const file of files) {
    const lowering = new Lowering(file, constants);
    for (const top of file.tree['body'] as RawNode[]) {
      const exported = top.type === 'ExportNamedDeclaration' && top['declaration'] !== null;
      const node = exported ? (top['declaration'] as RawNode) : top;
      if (node.type === 'ImportDeclaration') {
        const from = lowering.node(node['source'])['value'] as string;
        if (!file.mayImport.includes(from)) throw lowering.refuse('no such import', node);
      } else if (node.type === 'FunctionDeclaration') {
        const fn = lowering.function_(node, exported);
        if (functions.has(fn.name)) throw lowering.refuse('a second function of this name', node);
        functions.set(fn.name, fn);
      } else if (node.type === 'VariableDeclaration' && node['kind'] === 'const') {
        for (const d of lowering.nodes(node['declarations'])) {
          constants.set(lowering.identifier(d['id'], 'a constant'), lowering.constant(lowering.node(d['init'])));
        }
      } else if (node.type === 'ClassDeclaration') {
        if (tables.size > 0) throw lowering.refuse('there is one state class', node);
        lowering.stateClass(node, tables, fields);
      } else if (node.type !== 'EmptyStatement') {
        throw lowering.refuse('at top level: constants, functions, one class', node);
      }
    }
  }
  checkCalls(functions);
  return { constants, functions, tables, fields };
}
