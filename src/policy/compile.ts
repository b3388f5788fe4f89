// Expanded description -> plan, the kernel process's input.
import type { Plan, PlanPartition, PlanStream } from '../kernel/plan.ts';
import { type Channel, channelsOf, type Description, type Partition } from './description.ts';

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

/** `boot` has an entry for each guest. The description must be free of faults, and carried out (notCarriedOut). */
export function compilePlan(
  description: Description,
  boot: ReadonlyMap<string, BootFiles>,
  terminal: TerminalChoice,
): Plan {
  const indexes = new Map(description.partitions.map((partition, index) => [partition.name, index]));
  const streams = description.channels.flatMap((channel): PlanStream[] => {
    const left = indexes.get(channel.from)!;
    const right = indexes.get(channel.to[0])!;
    const { name, bytes } = channel;
    return [
      { name, from: left, to: right, bytes },
      { name, from: right, to: left, bytes },
    ];
  });
  const partitions = description.partitions.map((partition): PlanPartition => {
    const channels = channelsOf(description, partition.name);
    if (partition.form === 'guest') return planGuest(partition, channels, boot.get(partition.name)!);
    return planConsole(partition, channels, terminal);
  });
  return { virtsec: 1, system: description.system, partitions, streams };
}

function planGuest(partition: Partition, channels: readonly Channel[], boot: BootFiles): PlanPartition {
  const devices = Object.fromEntries(channels.map((channel) => [channel.as, channel.name]));
  const files = (['kernel', 'initrd', 'firmware'] as const).flatMap((name) => {
    const path = boot[name];
    return path === undefined ? [] : [{ name, path }];
  });
  return {
    name: partition.name,
    kind: 'guest',
    program: 'vmm',
    memory: partition.memory,
    harts: partition.harts,
    config: { cmdline: boot.cmdline, deviceTree: boot.deviceTree, devices },
    files,
    terminal: false,
    mayShutDown: false,
  };
}

function planConsole(partition: Partition, channels: readonly Channel[], terminal: TerminalChoice): PlanPartition {
  const consoles = channels.map((channel) => ({
    stream: channel.name,
    partition: channel.from === partition.name ? channel.to[0] : channel.from,
  }));
  const first = consoles.find((console) => console.partition === terminal.console) ?? consoles[0];
  return {
    name: partition.name,
    kind: 'driver',
    program: 'drivers/console',
    memory: partition.memory,
    harts: 1,
    config: { consoles, first: first.stream, rows: terminal.rows, columns: terminal.columns },
    files: [],
    terminal: true,
    mayShutDown: true,
  };
}
