// Expanded description -> plan: the core's tables as words, and the names of all that is in them.
import { basename } from 'node:path';
import { encodePlanFile } from '../kernel/plan-file.ts';
import { type Plan, type PlanFileEntry, type PlanGrants, type PlanPartition, TICK } from '../kernel/plan.ts';
import {
  type Channel,
  channelsOf,
  type Description,
  type GuestFiles,
  PARTITION_FAULTS,
  type Partition,
} from './description.ts';
import { planWords } from './plan-words.ts';
import { compileTables, mayEndSystem, type Tables } from './tables.ts';

/** What a guest boots: absolute paths, chosen by the caller (a fetched image, or the files that the description names). */
export interface BootFiles {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly firmware?: string;
  readonly cmdline: string;
  readonly deviceTree: boolean;
}

export interface TerminalChoice {
  /** The guest whose console is shown first; undefined: the first in the description. */
  readonly console?: string;
  /** Size of the terminal in characters; 0: unknown. */
  readonly rows: number;
  readonly columns: number;
}

/** What becomes of the files that a plan names. */
export interface FileChoice {
  /** SHA-256 of a file in hexadecimal, by the path that is in the plan; undefined: the plan does not bind it. */
  hashOf?(path: string): string | undefined;
  /** Where the file of an application is, or its storage, by the path that the description has. */
  place?(path: string, what: 'app' | 'storage'): string;
}

export interface CompiledSystem {
  readonly tables: Tables;
  readonly plan: Plan;
  /** The core's tables as words. */
  readonly words: Int32Array;
  /** The file of both, without signature. */
  readonly file: Buffer;
}

/**
 * `boot` has an entry for each guest. The description must be free of faults. `files.hashOf` is asked of files for which
 * the description itself has no hash.
 */
export function compileSystem(
  description: Description,
  boot: ReadonlyMap<string, BootFiles>,
  terminal: TerminalChoice,
  files: FileChoice = {},
): CompiledSystem {
  const tables = compileTables(description);
  const plan: Plan = {
    virtsec: 1,
    system: description.system,
    tick: TICK,
    partitions: description.partitions.map((partition, p) => {
      const audits = partition.may.audit.map((name) => ({
        name,
        partition: description.partitions.findIndex((other) => other.name === name),
      }));
      return {
        ...planPartition(description, partition, boot.get(partition.name), terminal, files),
        ...given('ports', tables.ports[p]),
        ...given('audits', audits),
      };
    }),
    streams: tables.streams,
    ...given(
      'modes',
      description.modes.map(({ name }) => name),
    ),
    ...given('faults', Object.fromEntries(description.faults)),
  };
  const words = planWords(tables.kernel);
  return { tables, plan, words, file: encodePlanFile(words, plan) };
}

export const compilePlan = (...parts: Parameters<typeof compileSystem>): Plan => compileSystem(...parts).plan;

/** Files of a guest as the description names them, for a plan that is kept: images stay names until they are run. */
export function bootAsWritten({ partitions }: Description): Map<string, BootFiles> {
  const written = ({ cmdline, deviceTree, ...files }: GuestFiles): BootFiles => ({ ...files, cmdline, deviceTree });
  return new Map(
    partitions
      .filter(({ form }) => form === 'guest')
      .map(({ name, what, files }) => [
        name,
        files === undefined
          ? { kernel: `image:${what}/vmlinuz`, initrd: `image:${what}/initrd`, cmdline: '', deviceTree: true }
          : written(files),
      ]),
  );
}

/** The field, unless there is nothing in it: what is not there means none. */
function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  const isEmpty = value === undefined || value === false || (typeof value === 'object' && isEmptyObject(value));
  return isEmpty ? {} : ({ [key]: value } as Record<K, V>);
}
const isEmptyObject = (value: object | null): boolean => value !== null && Object.keys(value).length === 0;

function planPartition(
  description: Description,
  partition: Partition,
  boot: BootFiles | undefined,
  terminal: TerminalChoice,
  choice: FileChoice,
): PlanPartition {
  const { name, form, memory, harts, may, faults, sha256, devices } = partition;
  const channels = channelsOf(description, name);
  const file = (key: string, path: string | undefined): PlanFileEntry[] => {
    if (path === undefined) return [];
    return [{ name: key, path, ...given('sha256', sha256[key] ?? choice.hashOf?.(path)) }];
  };
  const own =
    form === 'guest'
      ? {
          program: 'vmm',
          config: guestConfig(partition, channels, boot),
          files: (['kernel', 'initrd', 'firmware'] as const).flatMap((key) => file(key, boot?.[key])),
        }
      : form === 'driver'
        ? { program: `drivers/${partition.what}`, config: driverConfig(partition, channels, terminal), files: [] }
        : isOwn(partition)
          ? { program: `apps/${partition.what!.slice('virtsec/'.length)}`, config: settings(partition), files: [] }
          : {
              program: 'app',
              config: settings(partition),
              files: [
                ...file('app', choice.place?.(partition.what!, 'app') ?? partition.what),
                ...storageOf(partition, choice),
              ],
            };
  const unreported = PARTITION_FAULTS.filter((fault) => (faults.actions.get(fault) ?? faults.otherwise) === 'ignore');
  return {
    name,
    kind: form,
    ...own,
    memory,
    harts,
    terminal: partition.terminal,
    mayShutDown: mayEndSystem(partition),
    ...given('maySwitch', may.switch.length > 0),
    ...given('timed', faults.actions.has('deadline') || faults.process.has('deadline')),
    ...given('beat', faults.beat),
    ...given('unreported', unreported),
    ...given('process', Object.fromEntries(faults.process)),
    ...given('grants', grantsOf(partition)),
    ...given(
      'devices',
      devices.map(({ name, registers, interrupt, dma }) => ({
        name,
        ...registers,
        ...given('interrupt', interrupt),
        dma,
      })),
    ),
  };
}

/** The file that an application is granted: by its own name, bound by its hash if it may only be read. */
function storageOf({ grants }: Partition, choice: FileChoice): PlanFileEntry[] {
  const { file, readonly } = grants;
  if (file === undefined) return [];
  const path = choice.place?.(file, 'storage') ?? file;
  const name = basename(file).replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return [{ name, path, ...(readonly ? given('sha256', choice.hashOf?.(path)) : { writable: true }) }];
}

/** One of Virtsec's own applications. */
const isOwn = ({ what }: Partition): boolean => what?.startsWith('virtsec/') === true;

/** A program's own settings are a map; what is another value is one of that name. */
function settings({ config }: Partition): Readonly<Record<string, unknown>> {
  if (config === undefined) return {};
  return typeof config === 'object' && config !== null && !Array.isArray(config)
    ? (config as Readonly<Record<string, unknown>>)
    : { value: config };
}

function guestConfig(
  { engine, clock }: Partition,
  channels: readonly Channel[],
  boot: BootFiles | undefined,
): Readonly<Record<string, unknown>> {
  return {
    cmdline: boot?.cmdline ?? '',
    deviceTree: boot?.deviceTree ?? true,
    devices: Object.fromEntries(channels.flatMap(({ as, name }) => (as === undefined ? [] : [[as, name]]))),
    ...given('engine', engine === 'riscv' ? undefined : engine),
    ...given('clock', clock === 'host' ? undefined : clock),
  };
}

function driverConfig(
  partition: Partition,
  channels: readonly Channel[],
  terminal: TerminalChoice,
): Readonly<Record<string, unknown>> {
  if (partition.what !== 'console') return settings(partition);
  const consoles = channels
    .filter(({ kind }) => kind === 'stream')
    .map(({ name, from, to }) => ({ stream: name, partition: from === partition.name ? to[0] : from }));
  const first = (consoles.find((console) => console.partition === terminal.console) ?? consoles[0])?.stream;
  return {
    ...settings(partition),
    consoles,
    ...given('first', first),
    rows: terminal.rows,
    columns: terminal.columns,
  };
}

function grantsOf({ grants }: Partition): PlanGrants {
  const { connect, listen, file, folder, readonly } = grants;
  return {
    ...given('connect', connect),
    ...given('listen', listen),
    ...given('file', file),
    ...given('folder', folder),
    ...given('readonly', readonly),
  };
}
