// What falls if one component falls, and what it can do then: in this system, and in the same one built in the two ways
// that Kleidermacher's "Virtsec: Virtualization Security" warns of: a monolithic hypervisor (its Figure 1), with device
// models and drivers inside; and a dom0 (Figure 2), one privileged guest that holds them for all.
//
// "Falls" is what an attacker holds who runs his own code in the component, without a second flaw: its memory, and what
// it is granted. What he can then *say* goes over the declared flows alone.
import { channelsOf, type Description, type Partition } from '../description.ts';
import { CLOCK, FlowGraph } from './flows.ts';

export type ComponentKind = 'guest' | 'VMM' | 'driver' | 'app' | 'kernel';

export interface Component {
  readonly kind: ComponentKind;
  /** Undefined: the kernel. */
  readonly partition?: string;
  /** Partitions that fall with it, itself included. */
  readonly falls: readonly string[];
  readonly monolithic: readonly string[];
  readonly dom0: readonly string[];
}

/** What a partition can do once it has fallen. */
export interface Reach {
  readonly partition: string;
  /** Whose messages it reads, and to whom it can say anything: its channels' other ends. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** To whom it can say something by switching modes, and otherwise nothing: all see the schedule, and nobody else need fall. */
  readonly schedule: readonly string[];
  /** Who learns from the kernel that one has ended which this partition may stop, and nothing else of it. */
  readonly ends: readonly string[];
  /** Where its influence goes on to only if those between fall or pass it on. */
  readonly beyond: readonly string[];
  /** Partitions that it cannot influence by any chain. */
  readonly never: readonly string[];
  /** What of the host or board is in its hands. */
  readonly holds: readonly string[];
}

export function componentsOf({ partitions }: Description): Component[] {
  const all = partitions.map(({ name }) => name);
  const rows = partitions.flatMap((partition): Component[] => {
    const { name, form, devices } = partition;
    const own = devices.some(({ dma }) => dma === 'any') ? all : [name];
    if (form === 'guest') {
      return [
        { kind: 'guest', partition: name, falls: own, monolithic: [name], dom0: [name] },
        { kind: 'VMM', partition: name, falls: own, monolithic: all, dom0: all },
      ];
    }
    // Who drives a device is a driver, whatever its form: in both other ways it would sit with all the others.
    const shared = form === 'driver' || devices.length > 0 ? all : [name];
    return [{ kind: form, partition: name, falls: own, monolithic: shared, dom0: shared }];
  });
  return [...rows, { kind: 'kernel', falls: all, monolithic: all, dom0: all }];
}

function holdsOf({ grants, devices }: Partition): string[] {
  return [
    ...(grants.terminal ? ['the terminal'] : []),
    ...(grants.connect.length > 0 ? [`connections to ${grants.connect.join(', ')}`] : []),
    ...(grants.listen.length > 0 ? [`port ${grants.listen.join(', ')}`] : []),
    ...(grants.file === undefined ? [] : [`file ${grants.file}${grants.readonly ? ' (read only)' : ''}`]),
    ...(grants.folder === undefined ? [] : [`folder ${grants.folder}${grants.readonly ? ' (read only)' : ''}`]),
    ...devices.map(({ name, dma }) => `device ${name}${dma === 'any' ? ' with DMA to all memory' : ''}`),
  ];
}

/** Whom the kernel tells that a partition has ended: the other ends of its streams, who may wait for it at a port, its auditor. */
const toldOfEnd = (description: Description, name: string): string[] => [
  ...description.partitions.filter(({ may }) => may.audit.includes(name)).map((auditor) => auditor.name),
  ...channelsOf(description, name).flatMap((channel) => {
    const { kind, from, to, overflow } = channel;
    if (kind === 'stream') return [from, ...to].filter((end) => end !== name);
    return (kind === 'call' || overflow === 'block') && to.includes(name) ? [from] : [];
  }),
];

export function reachesOf(description: Description): Reach[] {
  const graph = new FlowGraph(description);
  const names = description.partitions.map(({ name }) => name);
  return description.partitions.map((partition) => {
    const { name } = partition;
    const writes = names.filter((other) => graph.direct(name, other) !== undefined);
    const reads = names.filter((other) => graph.direct(other, name) !== undefined);
    const reachable = graph.reachable(name);
    const others = names.filter((other) => other !== name);
    const seers = graph.direct(name, CLOCK) === undefined ? [] : graph.from(CLOCK).map(({ to }) => to);
    const schedule = others.filter((other) => seers.includes(other) && !writes.includes(other));
    const told = partition.may.manage.flatMap((managed) => toldOfEnd(description, managed));
    const ends = others.filter((other) => told.includes(other) && ![...writes, ...schedule].includes(other));
    return {
      partition: name,
      reads,
      writes,
      schedule,
      ends,
      beyond: others.filter((other) => reachable.has(other) && ![...writes, ...schedule, ...ends].includes(other)),
      never: others.filter((other) => !reachable.has(other)),
      holds: holdsOf(partition),
    };
  });
}

/** Components from whose fall everything falls. */
export const takesAll = (components: readonly Component[], built: 'falls' | 'monolithic' | 'dom0'): number => {
  const most = Math.max(...components.map((one) => one.falls.length));
  return components.filter((one) => one[built].length === most).length;
};
