// One mode of the schedule: a major frame, and on each core the windows of partitions in it (ARINC 653 P1, 2.3.1).
import { MAX_CORES } from '../kernel/core/core.ts';
import { FIELDS, type Mode, type Window } from './description.ts';
import { type FieldReader, places } from './fields.ts';
import { parseTime } from './quantities.ts';
import type { Field, Tree } from './tree.ts';

const FRAME_RANGE = [1000, 60e6] as const;
const SPAN = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s)?\s*-\s*(\d+(?:\.\d+)?)\s*(us|ms|s)\s*$/;

export function expandMode(x: FieldReader, name: string, field: Field): Mode | undefined {
  x.name(name, field.keyAt, 'a mode');
  const what = `mode \`${name}\``;
  const fields = x.map(field.value, what, FIELDS.mode);
  if (fields === undefined) return undefined;
  const frameField = fields.get('frame');
  const coresField = fields.get('cores');
  if (frameField === undefined) x.fault('VS102', field.keyAt, `${what} lacks \`frame\``, 'write `frame: 20ms`');
  if (coresField === undefined) {
    x.fault('VS102', field.keyAt, `${what} lacks \`cores\``, 'write `cores: { 0: [{ pay: 0-5ms }] }`');
  }
  const frame = frameField && x.time(frameField, 'frame', FRAME_RANGE);
  const cores = new Map<number, Window[]>();
  for (const [key, core] of (coresField && x.map(coresField.value, `the cores of ${what}`)) ?? []) {
    if (!/^\d{1,2}$/.test(key) || Number(key) >= MAX_CORES) {
      x.fault('VS105', core.keyAt, `\`${key}\` is not the number of a core`, `cores are 0 to ${MAX_CORES - 1}`);
      continue;
    }
    const windows = x.list(core).flatMap((item) => expandWindow(x, item) ?? []);
    cores.set(Number(key), windows);
  }
  if (frame === undefined || coresField === undefined) return undefined;
  return { name, frame, cores, at: { name: field.keyAt, ...places(fields) } };
}

/** `{ pay: 0-5ms }`; a unit at the end is of both times. */
function expandWindow(x: FieldReader, item: Tree): Window | undefined {
  const fields = x.map(item, 'a window');
  if (fields === undefined) return undefined;
  const [entry, second] = fields;
  if (entry === undefined || second !== undefined) {
    const sentence = 'a window belongs to exactly one partition';
    return x.fault('VS107', item.at, sentence, 'write `{ pay: 0-5ms }` for each window');
  }
  const [partition, field] = entry;
  const text = field.value.kind === 'text' ? field.value.value : '';
  const parts = SPAN.exec(text);
  if (parts === null) {
    const sentence = 'a window is a span of the frame';
    return x.fault('VS105', field.value.at, sentence, 'write its start and end: `0-5ms`');
  }
  const [, first, unit, last, lastUnit] = parts;
  const micros = (text: string): number => Math.round(parseTime(text)! * 1e6);
  return {
    partition,
    start: micros(first + (unit ?? lastUnit)),
    end: micros(last + lastUnit),
    at: field.keyAt,
    spanAt: field.value.at,
  };
}
