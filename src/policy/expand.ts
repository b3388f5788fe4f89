// Tree -> expanded description: shapes, types, ranges and default values of each field. What fields mean together is
// looked at by validators.ts.
//
// VS003: A description is not empty.
// VS101: A value has the type that its field takes: a map, text, a number, true or false.
// VS102: A field without which the description means nothing is there.
// VS103: A field is one that the format has, where it stands.
// VS104: A field or word is one that this version carries out; later versions know more.
// VS105: A value is one that its field takes: in range, a known word, a size with its unit.
// VS106: A name is 1 to 31 small letters, digits and dashes, and starts with a letter.
// VS107: A partition is exactly one of guest, app and driver; a channel has exactly one kind.
// VS108: A stream names its two ends as `linux <-> tty`: it always flows both ways.
import {
  type Channel,
  type Description,
  DEVICES,
  DRIVERS,
  ENGINES,
  FIELDS,
  type GuestFiles,
  type Partition,
  type PartitionForm,
} from './description.ts';
import { nearest } from './nearest.ts';
import { formatSize, parseSize } from './quantities.ts';
import type { Fault, Range } from './source.ts';
import { type Field, KIND_NAMES, type Tree } from './tree.ts';

const MEBIBYTE = 1 << 20;
const GUEST_MEMORY = 256 * MEBIBYTE;
const DRIVER_MEMORY = 64 * MEBIBYTE;
/** Below 16 MiB no Linux starts; above 2 GiB a guest's state does not fit into one WebAssembly memory. */
export const MEMORY_RANGE = [16 * MEBIBYTE, 2048 * MEBIBYTE] as const;
export const MAX_HARTS = 8;
const STREAM_BYTES = 64 * 1024;
const STREAM_RANGE = [4096, 16 * MEBIBYTE] as const;

type Fields = ReadonlyMap<string, Field>;
type FieldNames = { readonly now: readonly string[]; readonly later: readonly string[] };

class Expander {
  readonly faults: Fault[];

  constructor(faults: Fault[]) {
    this.faults = faults;
  }

  fault(code: string, at: Range, sentence: string, help?: string): undefined {
    this.faults.push({ code, at, sentence, ...(help === undefined ? {} : { help }) });
    return undefined;
  }

  /** The fields of a map, with unknown and not yet supported ones reported. `what` names the map in messages. */
  map(tree: Tree, what: string, names?: FieldNames): Fields | undefined {
    if (tree.kind !== 'map') {
      const keys = names === undefined ? '' : `: { ${names.now.slice(0, 3).join(', ')}, ... }`;
      return this.fault(
        'VS101',
        tree.at,
        `${what} must be a map, not ${KIND_NAMES[tree.kind]}`,
        `write \`{ ... }\`${keys}`,
      );
    }
    if (names === undefined) return tree.fields;
    for (const [key, field] of tree.fields) {
      if (names.now.includes(key)) continue;
      if (names.later.includes(key)) {
        this.fault(
          'VS104',
          field.keyAt,
          `\`${key}\` of ${what} is not yet supported by this version`,
          `remove \`${key}\``,
        );
        continue;
      }
      const meant = nearest(key, [...names.now, ...names.later]);
      const help = meant === undefined ? `fields of ${what}: ${names.now.join(', ')}` : `did you mean \`${meant}\`?`;
      this.fault('VS103', field.keyAt, `\`${key}\` is not a field of ${what}`, help);
    }
    return tree.fields;
  }

  text(field: Field, name: string): string | undefined {
    const { value } = field;
    if (value.kind !== 'text') {
      const sentence = `\`${name}\` must be text, not ${KIND_NAMES[value.kind]}`;
      return this.fault('VS101', value.at, sentence, 'put it in quotes');
    }
    return value.value === '' ? this.fault('VS101', value.at, `\`${name}\` must not be empty`) : value.value;
  }

  flag(field: Field, name: string): boolean | undefined {
    if (field.value.kind === 'boolean') return field.value.value;
    if (field.value.kind === 'text' && /^(yes|no)$/.test(field.value.value)) return field.value.value === 'yes';
    return this.fault('VS101', field.value.at, `\`${name}\` must be true or false`, 'write `true` or `false`');
  }

  whole(field: Field, name: string, [least, most]: readonly [number, number]): number | undefined {
    const { value } = field;
    if (value.kind === 'number' && Number.isInteger(value.value) && value.value >= least && value.value <= most) {
      return value.value;
    }
    return this.fault('VS105', value.at, `\`${name}\` must be a whole number from ${least} to ${most}`);
  }

  size(field: Field, name: string, [least, most]: readonly [number, number]): number | undefined {
    const { value } = field;
    const written = value.kind === 'number' ? String(value.value) : value.kind === 'text' ? value.value : '';
    const bytes = parseSize(written);
    if (bytes === undefined) {
      return this.fault('VS105', value.at, `\`${name}\` must be a size`, `sizes are written as 64K, 256M or 1G`);
    }
    if (bytes < least || bytes > most) {
      const help = `write a size from ${formatSize(least)} to ${formatSize(most)}`;
      const unitless = value.kind === 'number' ? ` (a size without a unit counts bytes)` : '';
      return this.fault(
        'VS105',
        value.at,
        `\`${name}\` is ${bytes < least ? 'too small' : 'too large'}`,
        help + unitless,
      );
    }
    return bytes;
  }

  /** One of the words that this version knows. */
  word(field: Field, name: string, words: FieldNames, what = name): string | undefined {
    const text = this.text(field, name);
    if (text === undefined || words.now.includes(text)) return text;
    const { at } = field.value;
    if (words.later.includes(text)) {
      return this.fault(
        'VS104',
        at,
        `\`${name}: ${text}\` is not yet supported by this version`,
        `supported: ${words.now.join(', ')}`,
      );
    }
    const meant = nearest(text, words.now);
    const help = meant === undefined ? `write one of: ${words.now.join(', ')}` : `did you mean \`${meant}\`?`;
    return this.fault('VS105', at, `\`${text}\` is not a ${what} that Virtsec knows`, help);
  }

  name(name: string, at: Range, what: string): void {
    if (/^[a-z][a-z0-9-]{0,30}$/.test(name)) return;
    this.fault(
      'VS106',
      at,
      `\`${name}\` cannot name ${what}`,
      'a name is 1 to 31 small letters, digits and dashes, and starts with a letter',
    );
  }
}

function places(fields: Fields, nameAt: Range): Record<string, Range> {
  const at: Record<string, Range> = { name: nameAt };
  for (const [key, field] of fields) at[key] = field.value.at;
  return at;
}

/** The description that the tree holds; undefined when a fault leaves nothing to go on with. */
export function expand(tree: Tree, faults: Fault[]): Description | undefined {
  const x = new Expander(faults);
  if (tree.kind === 'nothing') return x.fault('VS003', tree.at, 'the description is empty', 'begin with `virtsec: 1`');
  const fields = x.map(tree, 'a system description', FIELDS.system);
  if (fields === undefined) return undefined;
  const start = { start: tree.at.start, end: tree.at.start + 1 };

  const version = fields.get('virtsec');
  if (version === undefined) x.fault('VS102', start, '`virtsec` is missing', 'begin with `virtsec: 1`');
  else if (version.value.kind !== 'number' || version.value.value !== 1) {
    x.fault(
      'VS105',
      version.value.at,
      'this is not a version of the format that this Virtsec reads',
      'write `virtsec: 1`',
    );
  }

  const system = fields.get('system');
  let name: string | undefined;
  if (system === undefined) x.fault('VS102', start, '`system` is missing', 'name the system: `system: hello`');
  else name = x.text(system, 'system');
  if (name !== undefined && system !== undefined) x.name(name, system.value.at, 'a system');

  const partitions: Partition[] = [];
  const partitionsField = fields.get('partitions');
  if (partitionsField === undefined) {
    x.fault('VS102', start, '`partitions` is missing', 'name at least one: `partitions: { linux: { guest: debian } }`');
  } else {
    for (const [key, field] of x.map(partitionsField.value, '`partitions`') ?? []) {
      const partition = expandPartition(x, key, field);
      if (partition !== undefined) partitions.push(partition);
    }
  }

  const channels: Channel[] = [];
  const channelsField = fields.get('channels');
  for (const [key, field] of (channelsField && x.map(channelsField.value, '`channels`')) ?? []) {
    const channel = expandChannel(x, key, field);
    if (channel !== undefined) channels.push(channel);
  }
  return { system: name ?? '', partitions, channels, at: places(fields, start) };
}

function expandPartition(x: Expander, name: string, field: Field): Partition | undefined {
  x.name(name, field.keyAt, 'a partition');
  const what = `partition \`${name}\``;
  const fields = x.map(field.value, what, FIELDS.partition);
  if (fields === undefined) return undefined;

  const forms = (['guest', 'app', 'driver'] as const).filter((form) => fields.has(form));
  if (forms.length !== 1) {
    const second = forms[1];
    const at = second === undefined ? field.keyAt : fields.get(second)!.keyAt;
    const sentence =
      second === undefined ? `${what} does not say what it is` : `${what} is both a ${forms[0]} and a ${second}`;
    return x.fault('VS107', at, sentence, 'write exactly one of `guest`, `app`, `driver`');
  }
  const form: PartitionForm = forms[0];
  const formField = fields.get(form)!;

  let runs: string | undefined;
  let files: GuestFiles | undefined;
  if (form === 'guest' && formField.value.kind === 'map') files = expandGuestFiles(x, what, formField);
  else if (form === 'driver') runs = x.word(formField, 'driver', DRIVERS);
  else runs = x.text(formField, form);
  if (form === 'app') {
    x.fault(
      'VS104',
      formField.keyAt,
      `native applications (\`app\`) are not yet supported by this version`,
      'write a `guest` or a `driver`',
    );
  }
  if (runs === undefined && files === undefined) return undefined;

  const engine = fields.get('engine');
  if (engine !== undefined) x.word(engine, 'engine', ENGINES);
  const memory = fields.get('memory');
  const harts = fields.get('harts');
  const ready = fields.get('ready');
  for (const key of ['harts', 'ready', 'engine']) {
    const only = fields.get(key);
    if (only !== undefined && form !== 'guest') {
      x.fault('VS103', only.keyAt, `\`${key}\` of ${what} is for guests alone`, `remove \`${key}\``);
    }
  }

  const grants = fields.get('grants');
  let terminal = false;
  const granted = grants && x.map(grants.value, `the grants of ${what}`, FIELDS.grants);
  const terminalField = granted?.get('terminal');
  if (terminalField !== undefined) {
    terminal = x.word(terminalField, 'terminal', { now: ['stdio'], later: [] }) !== undefined;
  }

  const readyText = ready && x.text(ready, 'ready');
  if (ready !== undefined && readyText !== undefined) checkPattern(x, ready, readyText);
  return {
    name,
    form,
    ...(runs === undefined ? {} : { what: runs }),
    ...(files === undefined ? {} : { files }),
    memory: (memory && x.size(memory, 'memory', MEMORY_RANGE)) ?? (form === 'guest' ? GUEST_MEMORY : DRIVER_MEMORY),
    harts: form === 'guest' ? ((harts && x.whole(harts, 'harts', [1, MAX_HARTS])) ?? 1) : 1,
    ...(readyText === undefined ? {} : { ready: readyText }),
    terminal,
    at: {
      ...(formField.value.kind === 'map' ? places(formField.value.fields, formField.keyAt) : {}),
      ...places(fields, field.keyAt),
      ...(terminalField === undefined ? {} : { terminal: terminalField.value.at }),
    },
  };
}

function expandGuestFiles(x: Expander, what: string, field: Field): GuestFiles | undefined {
  const fields = x.map(field.value, `the guest of ${what}`, FIELDS.guest);
  if (fields === undefined) return undefined;
  const text = (key: string): Record<string, string> => {
    const found = fields.get(key);
    const value = found && x.text(found, key);
    return value === undefined ? {} : { [key]: value };
  };
  if (!fields.has('kernel') && !fields.has('firmware')) {
    x.fault(
      'VS102',
      field.keyAt,
      `the guest of ${what} has neither a kernel nor a firmware`,
      'name its kernel: `{ kernel: ./vmlinuz }`',
    );
  }
  const cmdline = fields.get('cmdline');
  const empty = cmdline?.value.kind === 'text' && cmdline.value.value === '';
  const deviceTree = fields.get('devicetree');
  return {
    ...text('kernel'),
    ...text('initrd'),
    ...text('firmware'),
    cmdline: (cmdline && !empty ? x.text(cmdline, 'cmdline') : '') ?? '',
    deviceTree: (deviceTree && x.flag(deviceTree, 'devicetree')) ?? true,
  };
}

function checkPattern(x: Expander, field: Field, pattern: string): void {
  try {
    RegExp(pattern, 'm');
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    x.fault(
      'VS105',
      field.value.at,
      `\`ready\` is not a regular expression: ${reason}`,
      'put a backslash before characters that are meant literally',
    );
  }
}

function expandChannel(x: Expander, name: string, field: Field): Channel | undefined {
  x.name(name, field.keyAt, 'a channel');
  const what = `channel \`${name}\``;
  const fields = x.map(field.value, what, FIELDS.channel);
  if (fields === undefined) return undefined;
  const stream = fields.get('stream');
  if (stream === undefined) {
    const later = ['call', 'sampling', 'queuing', 'signal'].some((kind) => fields.has(kind)); // already reported
    if (!later)
      x.fault(
        'VS107',
        field.keyAt,
        `${what} does not say what kind it is`,
        'write its two ends: `stream: linux <-> tty`',
      );
    return undefined;
  }
  const text = x.text(stream, 'stream');
  if (text === undefined) return undefined;
  const ends = /^\s*([^\s<>-][^\s<>]*)\s*(<->|->|<-)\s*([^\s<>-][^\s<>]*)\s*$/.exec(text);
  if (ends === null) {
    return x.fault('VS108', stream.value.at, `these are not the two ends of a stream`, 'write `stream: linux <-> tty`');
  }
  const [, left, arrow, right] = ends;
  if (arrow !== '<->') {
    return x.fault(
      'VS108',
      stream.value.at,
      'a stream always flows both ways',
      `write \`stream: ${left} <-> ${right}\``,
    );
  }
  const bytesField = fields.get('bytes');
  let bytes = (bytesField && x.size(bytesField, 'bytes', STREAM_RANGE)) ?? STREAM_BYTES;
  if (bytesField !== undefined && (bytes & (bytes - 1)) !== 0) {
    const up = 2 ** Math.ceil(Math.log2(bytes));
    x.fault('VS105', bytesField.value.at, '`bytes` of a stream must be a power of two', `write ${formatSize(up)}`);
    bytes = STREAM_BYTES;
  }
  const as = fields.get('as');
  const device = as && x.word(as, 'as', DEVICES, 'device');
  return { name, left, right, bytes, ...(device === undefined ? {} : { as: device }), at: places(fields, field.keyAt) };
}
