// One partition of the description: what it runs, what it is granted, and what the kernel does about its faults.
import {
  type Authority,
  type Device,
  DRIVERS,
  ENGINES,
  type FaultTable,
  FIELDS,
  type Grants,
  type GuestFiles,
  type Mode,
  type Partition,
  PARTITION_ACTIONS,
  PARTITION_FAULTS,
  type PartitionForm,
  PROCESS_ACTIONS,
  PROCESS_FAULTS,
} from './description.ts';
import { type FieldReader, type Fields, places, plain } from './fields.ts';
import type { Range } from './source.ts';
import type { Field } from './tree.ts';

const MEBIBYTE = 1 << 20;
const GUEST_MEMORY = 256 * MEBIBYTE;
const NATIVE_MEMORY = 64 * MEBIBYTE;
/** Below 16 MiB no Linux starts; above 2 GiB a guest's state does not fit into one WebAssembly memory. */
export const MEMORY_RANGE = [16 * MEBIBYTE, 2048 * MEBIBYTE] as const;
/** Of applications and drivers; on bare metal they are small. */
const NATIVE_MEMORY_RANGE = [64 << 10, 2048 * MEBIBYTE] as const;
export const MAX_HARTS = 8;
const REPLICA_RANGE = [2, 32] as const;
const PERIOD_RANGE = [100, 60e6] as const;
/** The kernel counts up to 2^30 ticks of 10us. */
const RESTARTS_RANGE = [1000, 2 * 3600e6] as const;
const DEFAULT_RESTARTS = { count: 3, per: 60e6 };
const DEFAULT_BACKOFF = 100e3;
/** Fields of one form of partition. */
const OWNERS: Readonly<Record<string, readonly PartitionForm[]>> = {
  harts: ['guest'],
  ready: ['guest'],
  engine: ['guest'],
  clock: ['guest'],
  config: ['app', 'driver'],
};

/** How messages say of which forms a field is. */
const formNames = (forms: readonly PartitionForm[]): string =>
  forms.map((form) => ({ guest: 'guests', app: 'applications', driver: 'drivers' })[form]).join(' and ');

/** Notes in `replicas` how many there are to be of this form. */
export function expandPartition(
  x: FieldReader,
  name: string,
  field: Field,
  modes: readonly Mode[],
  replicas: Map<string, number>,
): Partition | undefined {
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
  for (const [key, owners] of Object.entries(OWNERS)) {
    const only = fields.get(key);
    if (only === undefined || owners.includes(form)) continue;
    x.fault('VS103', only.keyAt, `\`${key}\` of ${what} is for ${formNames(owners)} alone`, `remove \`${key}\``);
  }

  let runs: string | undefined;
  let files: GuestFiles | undefined;
  if (form === 'guest' && formField.value.kind === 'map') files = expandGuestFiles(x, what, formField);
  else if (form === 'driver') runs = x.word(formField, 'driver', DRIVERS);
  else runs = x.text(formField, form);
  if (runs === undefined && files === undefined) return undefined;

  /** The value of a field that is written, read by `read`. */
  const given = <T>(key: string, read: (field: Field) => T | undefined): T | undefined => {
    const found = fields.get(key);
    return found && read(found);
  };
  const ready = given('ready', (field) => x.text(field, 'ready'));
  if (ready !== undefined) checkPattern(x, fields.get('ready')!, ready);
  const grantFields = given('grants', (field) => x.map(field.value, `the grants of ${what}`, FIELDS.grants));
  const mayFields = given('may', (field) => x.map(field.value, `\`may\` of ${what}`, FIELDS.may));
  const grants = expandGrants(x, grantFields);
  const config = given('config', (field) => plain(field.value));
  const label = given('label', (field) => expandLabel(x, what, field));
  const count = given('replicas', (field) => x.whole(field, 'replicas', REPLICA_RANGE));
  if (count !== undefined) replicas.set(name, count);
  const needs = given('needs', (field) => expandNeeds(x, field));
  const memory = form === 'guest' ? MEMORY_RANGE : NATIVE_MEMORY_RANGE;
  const isGuest = form === 'guest';
  return {
    name,
    form,
    ...(runs === undefined ? {} : { what: runs }),
    ...(files === undefined ? {} : { files }),
    memory: given('memory', (field) => x.size(field, 'memory', memory)) ?? (isGuest ? GUEST_MEMORY : NATIVE_MEMORY),
    harts: isGuest ? (given('harts', (field) => x.whole(field, 'harts', [1, MAX_HARTS])) ?? 1) : 1,
    ...(ready === undefined ? {} : { ready }),
    engine: given('engine', (field) => x.word(field, 'engine', ENGINES)) ?? 'riscv',
    clock: given('clock', (field) => x.word(field, 'clock', ['host', 'instructions'] as const)) ?? 'host',
    ...(config === undefined ? {} : { config }),
    sha256: expandHashes(x, what, form, fields, formField),
    ...(label === undefined ? {} : { label }),
    start: given('start', (field) => x.word(field, 'start', ['boot', 'manual'] as const, 'time to start')) ?? 'boot',
    ...(needs === undefined ? {} : { needs }),
    grants,
    terminal: grants.terminal,
    may: expandAuthority(x, mayFields, modes),
    devices: expandDevices(x, what, fields.get('devices')),
    faults: expandFaultTable(x, what, fields.get('faults')),
    at: {
      ...(formField.value.kind === 'map' ? places(formField.value.fields) : {}),
      name: field.keyAt,
      ...places(fields),
      ...places(grantFields, 'grants.'),
      ...places(mayFields, 'may.'),
      ...faultPlaces(fields.get('faults')),
    },
  };
}

function faultPlaces(field: Field | undefined): Record<string, Range> {
  if (field?.value.kind !== 'map') return {};
  const process = field.value.fields.get('process');
  return {
    ...places(field.value.fields, 'faults.'),
    ...(process?.value.kind === 'map' ? places(process.value.fields, 'process.') : {}),
  };
}

function expandGuestFiles(x: FieldReader, what: string, field: Field): GuestFiles | undefined {
  const fields = x.map(field.value, `the guest of ${what}`, FIELDS.guest);
  if (fields === undefined) return undefined;
  const text = (key: string): Record<string, string> => {
    const found = fields.get(key);
    const value = found && x.text(found, key);
    return value === undefined ? {} : { [key]: value };
  };
  if (!fields.has('kernel') && !fields.has('firmware')) {
    const sentence = `the guest of ${what} has neither a kernel nor a firmware`;
    x.fault('VS102', field.keyAt, sentence, 'name its kernel: `{ kernel: ./vmlinuz }`');
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

function checkPattern(x: FieldReader, field: Field, pattern: string): void {
  try {
    RegExp(pattern, 'm');
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    const help = 'put a backslash before characters that are meant literally';
    x.fault('VS105', field.value.at, `\`ready\` is not a regular expression: ${reason}`, help);
  }
}

/** `sha256` of an app is its own; that of a guest stands beside the files that it names. */
function expandHashes(x: FieldReader, what: string, form: PartitionForm, fields: Fields, formField: Field) {
  const hashes: Record<string, string> = {};
  const read = (file: string, field: Field): void => {
    const hash = x.text(field, 'sha256');
    if (hash === undefined) return;
    if (/^[0-9a-f]{64}$/.test(hash)) hashes[file] = hash;
    else x.fault('VS105', field.value.at, 'this is not a SHA-256 hash', 'write its 64 small hexadecimal digits');
  };
  const own = fields.get('sha256');
  if (own !== undefined && form === 'app') read('app', own);
  else if (own !== undefined) {
    const help = form === 'guest' ? 'write it in `guest: { kernel: ..., sha256: { kernel: ... } }`' : 'remove `sha256`';
    x.fault('VS103', own.keyAt, `\`sha256\` of ${what} is for applications alone`, help);
  }
  if (formField.value.kind !== 'map') return hashes;
  const ofFiles = formField.value.fields.get('sha256');
  if (ofFiles === undefined) return hashes;
  const named = x.map(ofFiles.value, `\`sha256\` of the guest of ${what}`, ['kernel', 'initrd', 'firmware']);
  for (const [file, field] of named ?? []) read(file, field);
  return hashes;
}

/** `secret`, or `{ reads: secret, writes: public }` of one that may bring information down. */
function expandLabel(x: FieldReader, what: string, field: Field): Partition['label'] {
  if (field.value.kind === 'text') return { reads: field.value.value, writes: field.value.value };
  const fields = x.map(field.value, `the label of ${what}`, FIELDS.label);
  if (fields === undefined) return undefined;
  const [reads, writes] = FIELDS.label.map((key) => {
    const side = fields.get(key);
    if (side === undefined) x.fault('VS102', field.keyAt, `the label of ${what} lacks \`${key}\``, 'write both sides');
    return side && x.text(side, key);
  });
  return reads === undefined || writes === undefined ? undefined : { reads, writes };
}

/** `5ms every 20ms`. */
function expandNeeds(x: FieldReader, field: Field): Partition['needs'] {
  const text = field.value.kind === 'text' ? field.value.value : '';
  const parts = /^\s*(\S+)\s+every\s+(\S+)\s*$/.exec(text);
  if (parts === null) {
    const sentence = '`needs` must say how much processor time, and how often';
    return x.fault('VS105', field.value.at, sentence, 'write `needs: 5ms every 20ms`');
  }
  const [time, every] = [parts[1], parts[2]].map((part) => x.timeOf(part, field.value.at, 'needs', PERIOD_RANGE));
  return time === undefined || every === undefined ? undefined : { time, every };
}

function expandGrants(x: FieldReader, fields: Fields | undefined): Grants {
  const text = (key: 'file' | 'folder'): Partial<Record<'file' | 'folder', string>> => {
    const field = fields?.get(key);
    const value = field && x.text(field, key);
    return value === undefined ? {} : { [key]: value };
  };
  const [terminal, connect, listen, readonly] = ['terminal', 'connect', 'listen', 'readonly'].map((key) =>
    fields?.get(key),
  );
  for (const item of connect === undefined ? [] : x.list(connect)) {
    const place = x.textOf(item, 'connect');
    if (
      place === undefined ||
      /^[A-Za-z0-9.*-]+:([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/.test(place)
    )
      continue;
    x.fault('VS105', item.at, `\`${place}\` is not a host and a port`, 'write `HOST:PORT`: `bank.example:443`');
  }
  return {
    terminal: terminal !== undefined && x.word(terminal, 'terminal', ['stdio'] as const) !== undefined,
    connect: connect === undefined ? [] : x.list(connect).flatMap((item) => (item.kind === 'text' ? [item.value] : [])),
    listen: listen === undefined ? [] : x.list(listen).flatMap((item) => x.wholeOf(item, 'listen', [1, 65535]) ?? []),
    ...text('file'),
    ...text('folder'),
    readonly: (readonly && x.flag(readonly, 'readonly')) ?? false,
  };
}

function expandAuthority(x: FieldReader, fields: Fields | undefined, modes: readonly Mode[]): Authority {
  const names = (key: string): string[] => {
    const field = fields?.get(key);
    return field === undefined ? [] : x.names(field, key);
  };
  const [modesField, shutDown] = ['switch', 'shut-down'].map((key) => fields?.get(key));
  const isAll = modesField?.value.kind === 'boolean' && modesField.value.value;
  return {
    manage: names('manage'),
    audit: names('audit'),
    switch: isAll ? modes.map((mode) => mode.name) : names('switch'),
    shutDown: (shutDown && x.flag(shutDown, 'shut-down')) ?? false,
  };
}

/** `{ nic: { registers: 0x10001000-0x10002000, interrupt: 1, dma: iommu } }`. */
function expandDevices(x: FieldReader, what: string, field: Field | undefined): Device[] {
  const all = field && x.map(field.value, `the devices of ${what}`);
  return [...(all ?? [])].flatMap(([name, entry]): Device[] => {
    x.name(name, entry.keyAt, 'a device');
    const fields = x.map(entry.value, `device \`${name}\` of ${what}`, FIELDS.device);
    const registers = fields?.get('registers');
    if (fields === undefined) return [];
    if (registers === undefined) {
      x.fault(
        'VS102',
        entry.keyAt,
        `device \`${name}\` lacks \`registers\``,
        'write `registers: 0x10001000-0x10002000`',
      );
      return [];
    }
    const text = x.text(registers, 'registers');
    const span = /^(0x[0-9a-f]{1,12})-(0x[0-9a-f]{1,12})$/i.exec(text ?? '');
    if (text !== undefined && span === null) {
      const help = 'write first and end address: `0x10001000-0x10002000`';
      x.fault('VS105', registers.value.at, '`registers` must be a span of addresses', help);
    }
    if (span === null) return [];
    const interruptField = fields.get('interrupt');
    const interrupt = interruptField && x.whole(interruptField, 'interrupt', [1, 1023]);
    const dma = fields.get('dma');
    return [
      {
        name,
        registers: { start: Number(span[1]), end: Number(span[2]) },
        ...(interrupt === undefined ? {} : { interrupt }),
        dma: (dma && x.word(dma, 'dma', ['none', 'iommu', 'any'] as const, 'reach of DMA')) ?? 'none',
        at: { name: entry.keyAt, ...places(fields) },
      },
    ];
  });
}

function expandFaultTable(x: FieldReader, what: string, field: Field | undefined): FaultTable {
  const fields = field && x.map(field.value, `the faults of ${what}`, FIELDS.partitionFaults);
  const [otherwise, process, restarts, backoff, beat] = ['otherwise', 'process', 'restarts', 'backoff', 'beat'].map(
    (key) => fields?.get(key),
  );
  const processFields = process && x.map(process.value, `the process faults of ${what}`, FIELDS.processFaults);
  const period = beat && x.time(beat, 'beat', PERIOD_RANGE);
  return {
    actions: new Map(
      PARTITION_FAULTS.flatMap((fault) => {
        const entry = fields?.get(fault);
        const action = entry && x.word(entry, fault, PARTITION_ACTIONS, 'reaction to a fault');
        return action === undefined ? [] : [[fault, action] as const];
      }),
    ),
    otherwise: (otherwise && x.word(otherwise, 'otherwise', PARTITION_ACTIONS, 'reaction to a fault')) ?? 'stop',
    process: new Map(
      PROCESS_FAULTS.flatMap((fault) => {
        const entry = processFields?.get(fault);
        const action = entry && x.word(entry, fault, PROCESS_ACTIONS, 'reaction to a fault of a process');
        return action === undefined ? [] : [[fault, action] as const];
      }),
    ),
    restarts: (restarts && expandRestarts(x, restarts)) ?? DEFAULT_RESTARTS,
    backoff: (backoff && x.time(backoff, 'backoff', [0, 3600e6])) ?? DEFAULT_BACKOFF,
    ...(period === undefined ? {} : { beat: period }),
  };
}

/** `3 per 1m`. */
function expandRestarts(x: FieldReader, field: Field): FaultTable['restarts'] | undefined {
  const text = field.value.kind === 'text' ? field.value.value : '';
  const parts = /^\s*(\d{1,3})\s+per\s+(\S+)\s*$/.exec(text);
  if (parts === null) {
    const sentence = '`restarts` must say how many, and in which time';
    return x.fault('VS105', field.value.at, sentence, 'write `restarts: 3 per 1m`');
  }
  const per = x.timeOf(parts[2], field.value.at, 'restarts', RESTARTS_RANGE);
  return per === undefined ? undefined : { count: Number(parts[1]), per };
}
