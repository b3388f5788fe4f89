// One channel of the description: its kind, its ends in the form of the kind, and the fields that the kind has.
import { type Channel, CHANNEL_KINDS, type ChannelKind, FIELDS, GUEST_DEVICES } from './description.ts';
import { type FieldReader, type Fields, places } from './fields.ts';
import { formatSize } from './quantities.ts';
import type { Range } from './source.ts';
import type { Field } from './tree.ts';

const STREAM_BYTES = 64 * 1024;
const STREAM_RANGE = [4096, 16 << 20] as const;
/** A message is copied by the kernel and lies in its tables. */
const MESSAGE_RANGE = [1, 1024] as const;
const MESSAGE_BYTES = 64;
const DEPTH_RANGE = [1, 64] as const;
const WAIT_RANGE = [100, 60e6] as const;

/** Which fields each kind has beside its ends, and an example of them. */
const KINDS: Readonly<Record<ChannelKind, { fields: readonly string[]; arrow: string; example: string }>> = {
  stream: { fields: ['bytes', 'as'], arrow: '<->', example: 'linux <-> tty' },
  call: { fields: ['bytes', 'within', 'as'], arrow: '->', example: 'pay -> vault' },
  sampling: { fields: ['bytes', 'refresh', 'as'], arrow: '->', example: 'sensor -> pilot, display' },
  queuing: { fields: ['bytes', 'depth', 'overflow', 'credit', 'as'], arrow: '->', example: 'pay -> log' },
  signal: { fields: ['as'], arrow: '->', example: 'vault -> pay' },
};

export function expandChannel(x: FieldReader, name: string, field: Field): Channel | undefined {
  x.name(name, field.keyAt, 'a channel');
  const what = `channel \`${name}\``;
  const fields = x.map(field.value, what, FIELDS.channel);
  if (fields === undefined) return undefined;
  const kinds = CHANNEL_KINDS.filter((kind) => fields.has(kind));
  if (kinds.length !== 1) {
    const at = kinds.length === 0 ? field.keyAt : fields.get(kinds[1])!.keyAt;
    const sentence =
      kinds.length === 0 ? `${what} does not say what kind it is` : `${what} is both a ${kinds[0]} and a ${kinds[1]}`;
    const help = kinds.length === 0 ? 'write its two ends: `stream: linux <-> tty`' : 'write one kind';
    return x.fault('VS107', at, sentence, help);
  }
  const [kind] = kinds;
  for (const [key, stray] of fields) {
    const isOthers = FIELDS.channel.includes(key as ChannelKind) && key !== kind && !KINDS[kind].fields.includes(key);
    if (!isOthers) continue;
    const owners = CHANNEL_KINDS.filter((one) => KINDS[one].fields.includes(key));
    x.fault('VS103', stray.keyAt, `\`${key}\` of ${what} is for ${owners.join(', ')} alone`, `remove \`${key}\``);
  }
  const ends = readEnds(x, kind, fields.get(kind)!);
  if (ends === undefined) return undefined;
  const as = fields.get('as');
  const device = as && x.word(as, 'as', GUEST_DEVICES, 'device');
  return {
    name,
    kind,
    ...ends,
    ...readQuantities(x, kind, fields, field.keyAt, what),
    ...(device === undefined ? {} : { as: device }),
    at: { name: field.keyAt, ends: fields.get(kind)!.value.at, ...places(fields) },
  };
}

function readEnds(x: FieldReader, kind: ChannelKind, field: Field): { from: string; to: string[] } | undefined {
  const text = x.text(field, kind);
  if (text === undefined) return undefined;
  const { at } = field.value;
  const ends = /^\s*([^\s<>,-][^\s<>,]*)\s*(<->|->|<-)\s*([^<>-][^<>]*?)\s*$/.exec(text);
  const { arrow, example } = KINDS[kind];
  const to = (ends?.[3] ?? '').split(',').map((name) => name.trim());
  if (ends === null || to.some((name) => !/^[^\s]+$/.test(name))) {
    const sentence = `these are not the ${kind === 'sampling' ? '' : 'two '}ends of a ${kind} channel`;
    // Two names with something else between them: `a => b`, `a → b`, `a to b`.
    const names = /^\s*([a-z][a-z0-9-]*)\s*(?:[^a-z0-9\s,-]{1,3}|\sto\s)>?\s*([a-z][a-z0-9-]*)\s*$/.exec(text);
    const meant = names === null ? example : `${names[1]} ${arrow} ${names[2]}`;
    return x.fault('VS108', at, sentence, `write \`${kind}: ${meant}\``);
  }
  const [, from, written] = ends;
  if (written !== arrow) {
    const sentence = kind === 'stream' ? 'a stream always flows both ways' : `a ${kind} channel has a direction`;
    const help = written === '<-' ? `${to.join(', ')} ${arrow} ${from}` : `${from} ${arrow} ${to.join(', ')}`;
    return x.fault('VS108', at, sentence, `write \`${kind}: ${help}\``);
  }
  if (to.length > 1 && kind !== 'sampling') {
    const sentence = `a ${kind} channel has one receiver, and only a sampling one may have several`;
    return x.fault('VS108', at, sentence, `write \`${kind}: ${from} ${arrow} ${to[0]}\``);
  }
  return { from, to };
}

type Quantities = Pick<Channel, 'bytes' | 'within' | 'refresh' | 'depth' | 'overflow' | 'credit'>;

function readQuantities(x: FieldReader, kind: ChannelKind, fields: Fields, at: Range, what: string): Quantities {
  /** A field of this kind, when it is written. */
  const written = (key: string): Field | undefined => (KINDS[kind].fields.includes(key) ? fields.get(key) : undefined);
  const bytesField = written('bytes');
  if (kind === 'stream') {
    const bytes = (bytesField && x.size(bytesField, 'bytes', STREAM_RANGE)) ?? STREAM_BYTES;
    if ((bytes & (bytes - 1)) === 0) return { bytes };
    const up = 2 ** Math.ceil(Math.log2(bytes));
    const sentence = '`bytes` of a stream must be a power of two';
    x.fault('VS105', bytesField!.value.at, sentence, `write ${formatSize(up)}`);
    return { bytes: STREAM_BYTES };
  }
  if (kind === 'signal') return { bytes: 0 };
  const bytes = (bytesField && x.size(bytesField, 'bytes', MESSAGE_RANGE)) ?? MESSAGE_BYTES;
  /** A time without which the channel means nothing. */
  const neededTime = (key: string, help: string): number | undefined => {
    const field = written(key);
    if (field === undefined) return x.fault('VS102', at, `${what} lacks \`${key}\``, help);
    return x.time(field, key, WAIT_RANGE);
  };
  if (kind === 'call') {
    const within = neededTime('within', 'say how long a caller may wait: `within: 20ms`');
    return { bytes, ...(within === undefined ? {} : { within }) };
  }
  if (kind === 'sampling') {
    const refresh = neededTime('refresh', 'say how long a value is valid: `refresh: 100ms`');
    return { bytes, ...(refresh === undefined ? {} : { refresh }) };
  }
  const [depthField, overflowField, creditField] = ['depth', 'overflow', 'credit'].map(written);
  const depth = (depthField && x.whole(depthField, 'depth', DEPTH_RANGE)) ?? 8;
  const overflow =
    (overflowField && x.word(overflowField, 'overflow', ['drop', 'block'], 'way with a full queue')) ?? 'drop';
  if (creditField !== undefined && overflow === 'block') {
    const sentence = `\`credit\` of ${what} is for \`overflow: drop\` alone: a full queue blocks its sender`;
    x.fault('VS103', creditField.keyAt, sentence, 'remove `credit`');
  }
  const credit = (creditField && x.whole(creditField, 'credit', DEPTH_RANGE)) ?? depth;
  return { bytes, depth, overflow, ...(overflow === 'drop' ? { credit } : {}) };
}
