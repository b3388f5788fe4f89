// docs/sdk.md: its first part is written by hand, its reference is harvested from the sources: signatures and the sentences above
// them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

const SDK = fileURLToPath(new URL('../', import.meta.url));
const MARK = '\n## Reference\n';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}
interface Member extends Node {
  readonly key?: Node & { readonly name?: string };
  readonly kind?: string;
  readonly static?: boolean;
  readonly accessibility?: string | null;
  readonly value?: Node & { readonly body?: Node | null };
}
interface Declaration extends Node {
  readonly id?: { readonly name: string };
  readonly body?: Node & { readonly body?: readonly Member[] };
  readonly declarations?: readonly { readonly id: { readonly name: string }; readonly init?: Node | null }[];
  readonly typeAnnotation?: Node;
}
interface Statement extends Node {
  readonly declaration?: Declaration | null;
}

class Source {
  readonly #text: string;
  readonly #comments: readonly Node[];
  readonly exported: ReadonlyMap<string, { readonly statement: Statement; readonly declaration: Declaration }>;

  constructor(file: string) {
    this.#text = readFileSync(SDK + file, 'utf8');
    const { program, comments } = parseSync(file, this.#text);
    this.#comments = comments;
    const exported = (program.body as unknown as readonly Statement[]).flatMap((statement) => {
      const { declaration } = statement;
      if (declaration === undefined || declaration === null) return [];
      const names = [declaration.id?.name, ...(declaration.declarations ?? []).map(({ id }) => id.name)];
      return names.flatMap((name) => (name === undefined ? [] : [[name, { statement, declaration }] as const]));
    });
    this.exported = new Map(exported);
  }

  /** The sentences above a place, as Markdown. */
  docAbove(place: Node): string {
    const comment = this.#comments.findLast(
      ({ end, start }) =>
        end <= place.start && this.#text.startsWith('/**', start) && /^\s*$/.test(this.#text.slice(end, place.start)),
    );
    if (comment === undefined) return '';
    return this.#text
      .slice(comment.start + 3, comment.end - 2)
      .split('\n')
      .map((line) => line.replace(/^\s*\*? ?/, '').trim())
      .join(' ')
      .trim();
  }

  /** On one line. */
  text(start: number, end: number): string {
    return this.#text
      .slice(start, end)
      .replaceAll(/\s*\n\s*/g, ' ')
      .replaceAll(/\( /g, '(')
      .replaceAll(/,? \)/g, ')')
      .replaceAll('readonly ', '')
      .trim();
  }

  get(name: string): { readonly statement: Statement; readonly declaration: Declaration } {
    const found = this.exported.get(name);
    if (found === undefined) throw new Error(`no export ${name}`);
    return found;
  }

  /** What a caller writes and gets. */
  signature(start: number, value: Node & { readonly body?: Node | null }, end: number): string {
    return this.text(start, value.body?.start ?? end)
      .replace(/^(async |\*)+/, '')
      .replace(/^export (async )?function /, '')
      .replaceAll(/(\w+): (\w+) = [^,)]+/g, '$1?: $2')
      .replaceAll(/(\w+) = (\d+)/g, '$1?: number')
      .replace(/;$/, '');
  }

  members(name: string): { readonly signature: string; readonly doc: string }[] {
    const all = this.get(name).declaration.body?.body ?? [];
    const shown = all.filter(
      ({ type, key, kind, accessibility, static: isStatic }) =>
        /^(MethodDefinition|TSPropertySignature|PropertyDefinition)$/.test(type) &&
        key?.type !== 'PrivateIdentifier' &&
        key?.type === 'Identifier' &&
        key.name !== undefined &&
        kind !== 'constructor' &&
        isStatic !== true &&
        (accessibility ?? '') === '',
    );
    const overloaded = new Set(shown.filter(isOverload).map(({ key }) => key?.name));
    return shown
      .filter((member) => !overloaded.has(member.key?.name) || isOverload(member))
      .map((member) => {
        const { key, value, kind, start, end } = member;
        const from = kind === 'get' ? key!.start : start;
        const isMethod = member.type === 'MethodDefinition';
        const signature = isMethod && value !== undefined ? this.signature(from, value, end) : this.text(from, end);
        return {
          signature: kind === 'get' ? signature.replace(/\(\)/, '') : signature.replace(/;$/, ''),
          doc: this.docAbove(member),
        };
      });
  }
}

const isOverload = ({ type, value }: Member): boolean =>
  type === 'MethodDefinition' && (value?.body === null || value?.body === undefined);

const bullet = ({ signature, doc }: { readonly signature: string; readonly doc: string }): string =>
  `- \`${signature}\`${doc === '' ? '' : `: ${doc}`}`;

/** Classes and interfaces of a file: a heading, what it is, its members. */
function sections(file: string, names: readonly string[], level = '###'): string[] {
  const source = new Source(file);
  return names.map((name) => {
    const { statement } = source.get(name);
    const members = source.members(name).map(bullet);
    return [`${level} ${name}`, source.docAbove(statement), members.join('\n')]
      .filter((part) => part !== '')
      .join('\n\n');
  });
}

/** Functions and constants of a file, each a line. */
function list(file: string, names: readonly string[]): string {
  const source = new Source(file);
  return names
    .map((name) => {
      const { statement, declaration } = source.get(name);
      const doc = source.docAbove(statement);
      const isFunction = declaration.type === 'FunctionDeclaration';
      const signature = isFunction ? source.signature(statement.start, declaration, statement.end) : name;
      return bullet({ signature, doc });
    })
    .join('\n');
}

/** The functions of the import module `virtsec`: the comments in its table. */
function moduleFunctions(): string {
  const text = readFileSync(`${SDK}wasi/run.ts`, 'utf8');
  return [...text.matchAll(/\/\*\* (\w+\([^)]*\)): (.*?) \*\//g)]
    .map(([, call, doc]) => bullet({ signature: call, doc }))
    .join('\n');
}

const arincFunctions = (): string[] =>
  [...new Source('arinc653.ts').exported]
    .filter(([, { declaration }]) => declaration.type === 'FunctionDeclaration')
    .map(([name]) => name);

function reference(): string {
  const values = ['port', 'time', 'health', 'mode', 'storage', 'crypto', 'self'];
  const functions = /^(log|audit|exit|shutDown|onStop)\(/;
  const own = new Source('app/application.ts')
    .members('Application')
    .filter(({ signature }) => functions.test(signature));
  return [
    '(Written by `scripts/sdk-page.ts` from the sources.)',
    '### virtsec/sdk',
    [list('app.ts', values), ...own.map(bullet)].join('\n'),
    list('app/message.ts', ['text', 'utf8', 'Message']),
    list('app/kernel.ts', ['ChannelError', 'ChannelFault', 'Patience']),
    ...sections('app/application.ts', ['Ports', 'Timers', 'Health', 'Modes', 'Storage', 'StoredFile', 'Audit']),
    ...sections('app/ports.ts', [
      'Sender',
      'Receiver',
      'Writer',
      'Reader',
      'Sample',
      'Signaller',
      'Listener',
      'Client',
      'Server',
      'Managed',
    ]),
    ...sections('app/stream.ts', ['Stream']),
    ...sections('app/crypto.ts', ['Crypto', 'Subtle', 'Key']),
    ...sections('link.ts', ['Facts']),
    '### virtsec/sdk/testing',
    list('testing.ts', ['openTestBed']),
    ...sections('testing.ts', ['TestBed', 'BedOptions', 'Ending'], '####'),
    '### virtsec/sdk/arinc653',
    list('arinc653.ts', arincFunctions()),
    '### The import module `virtsec` of WebAssembly programs',
    'Every function gives an errno of WASI as i32; a name with a star is a pointer to where a result is written.',
    moduleFunctions(),
  ].join('\n\n');
}

/** The page as it is to be: its first part as it stands, the reference anew. */
export function sdkPage(page: string): string {
  const [written] = page.split(MARK);
  return `${written}${MARK}\n${reference()}\n`;
}

export interface Example {
  /** Text by name of the file. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * The examples of the page: code whose first line is a file's name in a comment. One that begins with a `system.yaml` has all files up
 * to the next one.
 */
export function examplesOf(page: string): Example[] {
  const examples: Map<string, string>[] = [];
  for (const [, , text] of page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)) {
    const name = /^(?:\/\/|#|;;) ([\w.-]+\.\w+)\n/.exec(text)?.[1];
    if (name === undefined) continue;
    if (name === 'system.yaml') examples.push(new Map());
    examples.at(-1)?.set(name, text);
  }
  return examples.map((files) => ({ files }));
}
