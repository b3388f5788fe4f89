// Reads single fields of the tree: each method gives the value, or reports a fault and gives undefined.
import { meantHelp, oddCharacter } from './nearest.ts';
import { formatSize, formatTime, parseSize, parseTime } from './quantities.ts';
import type { Fault, Range } from './source.ts';
import { type Field, KIND_NAMES, type Tree } from './tree.ts';

export type Fields = ReadonlyMap<string, Field>;
type Span = readonly [least: number, most: number];

/** 1 to 31 small letters, digits and dashes, a letter first. */
export const NAME = /^[a-z][a-z0-9-]{0,30}$/;

const MICROSECONDS = 1e6;

export class FieldReader {
  readonly faults: Fault[];

  constructor(faults: Fault[]) {
    this.faults = faults;
  }

  fault(code: string, at: Range, sentence: string, help?: string): undefined {
    this.faults.push({ code, at, sentence, ...(help === undefined ? {} : { help }) });
    return undefined;
  }

  /** The fields of a map, with unknown ones reported. `what` names the map in messages. */
  map(tree: Tree, what: string, names?: readonly string[]): Fields | undefined {
    if (tree.kind !== 'map') {
      const keys = names === undefined ? '' : `: { ${names.slice(0, 3).join(', ')}, ... }`;
      const sentence = `${what} must be a map, not ${KIND_NAMES[tree.kind]}`;
      return this.fault('VS101', tree.at, sentence, `write \`{ ... }\`${keys}`);
    }
    if (names === undefined) return tree.fields;
    for (const [key, field] of tree.fields) {
      if (names.includes(key)) continue;
      const help = meantHelp(key, names, `fields of ${what}`);
      this.fault('VS103', field.keyAt, `\`${key}\` is not a field of ${what}`, help);
    }
    return tree.fields;
  }

  /** Items of a list; one value without brackets is a list of one. */
  list(field: Field): readonly Tree[] {
    return field.value.kind === 'list' ? field.value.items : [field.value];
  }

  text(field: Field, name: string): string | undefined {
    return this.textOf(field.value, name);
  }

  textOf(value: Tree, name: string): string | undefined {
    if (value.kind !== 'text') {
      const sentence = `\`${name}\` must be text, not ${KIND_NAMES[value.kind]}`;
      return this.fault('VS101', value.at, sentence, 'put it in quotes');
    }
    if (value.value !== '') return value.value;
    return this.fault('VS101', value.at, `\`${name}\` must not be empty`, 'write it, or remove the field');
  }

  /** `a`, `[a, b]` or `'a, b'`. */
  names(field: Field, name: string): string[] {
    return this.list(field).flatMap((item) => {
      const text = this.textOf(item, name);
      return text === undefined ? [] : text.split(',').map((part) => part.trim());
    });
  }

  flag(field: Field, name: string): boolean | undefined {
    if (field.value.kind === 'boolean') return field.value.value;
    if (field.value.kind === 'text' && /^(yes|no)$/.test(field.value.value)) return field.value.value === 'yes';
    return this.fault('VS101', field.value.at, `\`${name}\` must be true or false`, 'write `true` or `false`');
  }

  whole(field: Field, name: string, span: Span): number | undefined {
    return this.wholeOf(field.value, name, span);
  }

  wholeOf(value: Tree, name: string, [least, most]: Span): number | undefined {
    if (value.kind === 'number' && Number.isInteger(value.value) && value.value >= least && value.value <= most) {
      return value.value;
    }
    const help = `write a number from ${least} to ${most}`;
    return this.fault('VS105', value.at, `\`${name}\` must be a whole number from ${least} to ${most}`, help);
  }

  /** Bytes. */
  size(field: Field, name: string, [least, most]: Span): number | undefined {
    const { value } = field;
    const written = value.kind === 'number' ? String(value.value) : value.kind === 'text' ? value.value : '';
    const bytes = parseSize(written);
    if (bytes === undefined) {
      return this.fault('VS105', value.at, `\`${name}\` must be a size`, `sizes are written as 64K, 256M or 1G`);
    }
    if (bytes >= least && bytes <= most) return bytes;
    const help = `write a size from ${formatSize(least)} to ${formatSize(most)}`;
    const unitless = value.kind === 'number' ? ` (a size without a unit counts bytes)` : '';
    const sentence = `\`${name}\` is ${bytes < least ? 'too small' : 'too large'}`;
    return this.fault('VS105', value.at, sentence, help + unitless);
  }

  /** Microseconds. */
  time(field: Field, name: string, span: Span): number | undefined {
    const text = field.value.kind === 'text' ? field.value.value : '';
    return this.timeOf(text, field.value.at, name, span);
  }

  timeOf(text: string, at: Range, name: string, [least, most]: Span): number | undefined {
    const seconds = parseTime(text);
    if (seconds === undefined) {
      return this.fault('VS105', at, `\`${name}\` must be a time`, 'times are written as 50us, 5ms or 1s');
    }
    const micros = Math.round(seconds * MICROSECONDS);
    if (micros >= least && micros <= most) return micros;
    const sentence = `\`${name}\` is ${micros < least ? 'too short' : 'too long'}`;
    return this.fault('VS105', at, sentence, `write a time from ${formatTime(least)} to ${formatTime(most)}`);
  }

  /** One of the words that the format knows. */
  word<W extends string>(field: Field, name: string, words: readonly W[], what = name): W | undefined {
    return this.wordOf(field.value, name, words, what);
  }

  wordOf<W extends string>(value: Tree, name: string, words: readonly W[], what = name): W | undefined {
    const text = this.textOf(value, name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const help = meantHelp(text, words, 'write one of');
    return this.fault('VS105', value.at, `\`${text}\` is not a ${what} that Virtsec knows`, help);
  }

  name(name: string, at: Range, what: string): void {
    if (NAME.test(name)) return;
    const odd = oddCharacter(name);
    const rule = 'a name is 1 to 31 small letters, digits and dashes, and starts with a letter';
    const help = odd === undefined ? rule : `${odd}; ${rule}`;
    this.fault('VS106', at, `\`${name}\` cannot name ${what}`, help);
  }
}

/** Places of a map's values, by key; with a prefix for those of an inner map. */
export function places(fields: Fields | undefined, prefix = ''): Record<string, Range> {
  const at: Record<string, Range> = {};
  for (const [key, field] of fields ?? []) at[prefix + key] = field.value.at;
  return at;
}

/** The value as JSON has it. */
export function plain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'map':
      return Object.fromEntries([...tree.fields].map(([key, field]) => [key, plain(field.value)]));
    case 'list':
      return tree.items.map(plain);
    case 'nothing':
      return null;
    case 'text':
    case 'number':
    case 'boolean':
      return tree.value;
  }
}
