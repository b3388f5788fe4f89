// The form of a command. Its option table is the one source of the parser, the help and the shell completion.
import { parseArgs } from 'node:util';
import { nearest } from '../policy/nearest.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './io.ts';

export interface Option {
  /** Name of its value in the help; undefined: a switch. */
  readonly value?: string;
  readonly short?: string;
  /** May stand several times. */
  readonly multiple?: boolean;
  readonly summary: string;
  /** What completion offers for the value. */
  readonly completes?: 'file' | readonly string[];
}

export interface Command {
  readonly name: string;
  /** What follows `virtsec` in the usage line. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Words that completion offers for the first argument. */
  readonly words?: readonly string[];
  /** Further paragraphs of the help. */
  readonly details?: string;
  run(call: Call, io: Io): Promise<number>;
}

/** A parsed command line. */
export interface Call {
  readonly words: readonly string[];
  has(option: string): boolean;
  value(option: string): string | undefined;
  /** All values of the named options, in the order in which they stand. */
  inOrder(...options: readonly string[]): readonly { readonly option: string; readonly value: string }[];
}

const HELP: Option = { short: 'h', summary: 'show this help' };

export const allOptions = (command: Command): Readonly<Record<string, Option>> => ({ ...command.options, help: HELP });

export function usageFailure(command: Command, message: string, help?: string): Failure {
  return new Failure(EXIT.usage, `virtsec ${command.name}: ${message}`, help ?? `virtsec ${command.name} --help`);
}

/** Throws a Failure of status 2 for anything that the command's table does not hold. */
export function parseCall(command: Command, args: readonly string[]): Call {
  const table = allOptions(command);
  const options = Object.fromEntries(
    Object.entries(table).map(([name, option]) => [
      name,
      {
        type: option.value === undefined ? ('boolean' as const) : ('string' as const),
        ...(option.short === undefined ? {} : { short: option.short }),
        multiple: true,
      },
    ]),
  );
  const { tokens, positionals } = parseArgs({
    args: joinValues(args, table),
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given: { option: string; value: string }[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (option === undefined) {
      const meant = nearest(token.name, Object.keys(table));
      const help = meant === undefined ? undefined : `did you mean \`--${meant}\`?`;
      throw usageFailure(command, `there is no option \`${token.rawName}\``, help);
    }
    if (option.value === undefined && token.value !== undefined) {
      throw usageFailure(command, `\`--${token.name}\` takes no value`);
    }
    if (option.value !== undefined && token.value === undefined) {
      throw usageFailure(command, `\`--${token.name}\` needs a value: --${token.name} ${option.value}`);
    }
    if (option.multiple !== true && option.value !== undefined && given.some((other) => other.option === token.name)) {
      throw usageFailure(command, `\`--${token.name}\` stands here twice`);
    }
    given.push({ option: token.name, value: token.value ?? '' });
  }
  return {
    words: positionals,
    has: (option) => given.some((other) => other.option === option),
    value: (option) => given.find((other) => other.option === option)?.value,
    inOrder: (...options) => given.filter((other) => options.includes(other.option)),
  };
}

/** `--send -x` as `--send=-x`: parseArgs would take the value for an option of its own. */
function joinValues(args: readonly string[], table: Readonly<Record<string, Option>>): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const name = /^--([a-z][a-z-]*)$/.exec(args[i])?.[1];
    if (args[i] === '--') return [...joined, ...args.slice(i)];
    const takesValue = name !== undefined && Object.hasOwn(table, name) && table[name].value !== undefined;
    if (takesValue && i + 1 < args.length) joined.push(`${args[i]}=${args[++i]}`);
    else joined.push(args[i]);
  }
  return joined;
}

export function helpText(command: Command): string {
  const rows = Object.entries(allOptions(command)).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return [`${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`, option.summary] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  const options = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
  const details = command.details === undefined ? '' : `\n${command.details.trim()}\n`;
  return `Usage: virtsec ${command.usage}\n\n${command.summary}\n\nOptions:\n${options}\n${details}`;
}
