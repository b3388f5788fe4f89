// Tree -> expanded description: shapes, types, ranges and default values of each field. What fields mean together is
// looked at by validators/.
//
// VS003: A description is not empty.
// VS101: A value has the type that its field takes: a map, text, a number, true or false.
// VS102: A field without which the description means nothing is there.
// VS103: A field is one that the format has, where it stands.
// VS105: A value is one that its field takes: in range, a known word, a size or time with its unit.
// VS106: A name is 1 to 31 small letters, digits and dashes, and starts with a letter.
// VS107: A partition is exactly one of guest, app and driver; a channel has exactly one kind.
// VS108: A channel names its ends in the form of its kind, `linux <-> tty` or `pay -> vault`.
import {
  type Assertion,
  type Channel,
  type Description,
  FIELDS,
  type Label,
  MODULE_ACTIONS,
  MODULE_FAULTS,
  type ModuleAction,
  type ModuleFault,
  type Partition,
} from './description.ts';
import { expandChannel } from './expand-channel.ts';
import { expandPartition } from './expand-partition.ts';
import { expandMode } from './expand-schedule.ts';
import { FieldReader, places } from './fields.ts';
import { replicate } from './replicas.ts';
import type { Fault, Range } from './source.ts';
import type { Field, Tree } from './tree.ts';

/** The description that the tree holds; undefined when a fault leaves nothing to go on with. */
export function expand(tree: Tree, faults: Fault[]): Description | undefined {
  const x = new FieldReader(faults);
  if (tree.kind === 'nothing') return x.fault('VS003', tree.at, 'the description is empty', 'begin with `virtsec: 1`');
  const fields = x.map(tree, 'a system description', FIELDS.system);
  if (fields === undefined) return undefined;
  const start = { start: tree.at.start, end: tree.at.start + 1 };

  const version = fields.get('virtsec');
  if (version === undefined) x.fault('VS102', start, '`virtsec` is missing', 'begin with `virtsec: 1`');
  else if (version.value.kind !== 'number' || version.value.value !== 1) {
    const sentence = 'this is not a version of the format that this Virtsec reads';
    x.fault('VS105', version.value.at, sentence, 'write `virtsec: 1`');
  }

  const system = fields.get('system');
  let name: string | undefined;
  if (system === undefined) x.fault('VS102', start, '`system` is missing', 'name the system: `system: hello`');
  else name = x.text(system, 'system');
  if (name !== undefined && system !== undefined) x.name(name, system.value.at, 'a system');

  const partitionsField = fields.get('partitions');
  if (partitionsField === undefined) {
    x.fault('VS102', start, '`partitions` is missing', 'name at least one: `partitions: { linux: { guest: debian } }`');
  }
  /** What each entry of a map of named things expands to. */
  const entries = <T>(key: string, one: (x: FieldReader, name: string, field: Field) => T | undefined): T[] => {
    const field = fields.get(key);
    const all = field && x.map(field.value, `\`${key}\``);
    return [...(all ?? [])].flatMap(([name, entry]) => one(x, name, entry) ?? []);
  };
  const modes = entries('schedules', expandMode);
  const replicas = new Map<string, number>();
  const partitions: Partition[] = entries('partitions', (x, name, field) =>
    expandPartition(x, name, field, modes, replicas),
  );
  const channels: Channel[] = entries('channels', expandChannel);
  const labels = fields.get('labels');
  const moduleFaults = fields.get('faults');
  const assertField = fields.get('assert');
  const description: Description = {
    system: name ?? '',
    labels: labels === undefined ? [] : expandLabels(x, labels),
    partitions,
    channels,
    modes,
    faults: new Map(moduleFaults === undefined ? [] : expandModuleFaults(x, moduleFaults)),
    assertions: assertField === undefined ? [] : x.list(assertField).flatMap((item) => expandAssertion(x, item) ?? []),
    at: { name: start, ...places(fields) },
  };
  return replicate(description, replicas);
}

/** `[public, secret]` from the lowest up, or `{ secret: [public], ... }`: each with those that it dominates. */
function expandLabels(x: FieldReader, field: Field): Label[] {
  if (field.value.kind === 'map') {
    return [...field.value.fields].map(([name, entry]) => {
      x.name(name, entry.keyAt, 'a label');
      const empty = entry.value.kind === 'nothing' || (entry.value.kind === 'list' && entry.value.items.length === 0);
      return { name, dominates: empty ? [] : x.names(entry, `labels.${name}`), at: entry.keyAt };
    });
  }
  let below: string | undefined;
  return x.list(field).flatMap((item) => {
    const name = x.textOf(item, 'labels');
    if (name === undefined) return [];
    x.name(name, item.at, 'a label');
    const label = { name, dominates: below === undefined ? [] : [below], at: item.at };
    below = name;
    return [label];
  });
}

function expandModuleFaults(x: FieldReader, field: Field): [ModuleFault, ModuleAction][] {
  const fields = x.map(field.value, 'the faults of the system', FIELDS.moduleFaults);
  return MODULE_FAULTS.flatMap((fault): [ModuleFault, ModuleAction][] => {
    const entry = fields?.get(fault);
    const action = entry && x.word(entry, fault, MODULE_ACTIONS, 'reaction to a fault of the system');
    return action === undefined ? [] : [[fault, action]];
  });
}

/** `{ never: a -> b, direct: true }`, `{ only: a -> b, through: c }`. */
function expandAssertion(x: FieldReader, item: Tree): Assertion | undefined {
  const fields = x.map(item, 'an assertion', FIELDS.assertion);
  if (fields === undefined) return undefined;
  const never = fields.get('never');
  const only = fields.get('only');
  const said = never ?? only;
  if (said === undefined || (never !== undefined && only !== undefined)) {
    const at: Range = only?.keyAt ?? { start: item.at.start, end: item.at.start + 1 };
    const sentence = said === undefined ? 'this asserts nothing' : 'this asserts two things at once';
    return x.fault('VS107', at, sentence, 'write `never: a -> b`, or `only: a -> b` with `through: c`');
  }
  const kind = never === undefined ? 'only' : 'never';
  const stray = fields.get(kind === 'only' ? 'direct' : 'through');
  if (stray !== undefined) {
    const other = kind === 'only' ? 'never' : 'only';
    const key = kind === 'only' ? 'direct' : 'through';
    return x.fault('VS103', stray.keyAt, `\`${key}\` belongs to \`${other}\``, `remove \`${key}\``);
  }
  const text = x.text(said, kind);
  if (text === undefined) return undefined;
  const sides = /^\s*([^<>]+?)\s*->\s*([^<>]+?)\s*$/.exec(text);
  if (sides === null) {
    return x.fault('VS108', said.value.at, 'these are not two sides of an assertion', `write \`${kind}: a -> b\``);
  }
  const [from, to] = [sides[1], sides[2]].map((side) => side.split(',').map((name) => name.trim()));
  const at = { name: said.keyAt, ...places(fields) };
  if (kind === 'never') {
    const direct = fields.get('direct');
    return { kind, from, to, direct: (direct && x.flag(direct, 'direct')) ?? false, at };
  }
  const through = fields.get('through');
  if (through === undefined) {
    return x.fault('VS102', said.keyAt, '`only` does not say `through` what', `write \`through: NAME\``);
  }
  return { kind, from, to, through: x.names(through, 'through'), at };
}
