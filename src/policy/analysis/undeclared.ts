// Ways by which partitions can notice each other that are no channels: time, caches, the world outside, the end of all.
import { type Description, PARTITION_FAULTS, type Partition } from '../description.ts';
import { formatTime } from '../quantities.ts';
import type { Range } from '../source.ts';
import { backgroundPartitions, isOperator } from '../tables.ts';

export interface Undeclared {
  readonly kind: 'time' | 'cache' | 'mode' | 'end' | 'dma' | 'outside';
  /** Partitions on this end of it. */
  readonly partitions: readonly string[];
  readonly sentence: string;
  readonly at?: Range;
}

const list = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

const endsAll = ({ may, faults }: Partition): boolean =>
  may.shutDown || PARTITION_FAULTS.some((fault) => (faults.actions.get(fault) ?? faults.otherwise) === 'shut-down');

export function undeclaredWays(description: Description): Undeclared[] {
  const { partitions, modes } = description;
  const ways: Undeclared[] = [];
  const names = partitions.map(({ name }) => name);
  const runs = partitions.filter((one) => !isOperator(one)).map(({ name }) => name);
  if (modes.length === 0 && runs.length > 1) {
    const sentence = 'no schedule: all partitions share the processors, and each can measure how busy the others are';
    ways.push({ kind: 'time', partitions: runs, sentence });
  }
  const background = modes.length === 0 ? [] : backgroundPartitions(description).filter((name) => runs.includes(name));
  if (background.length > 0) {
    const [have, share] =
      background.length > 1
        ? ['have no window: they', 'share the time that windows leave, and can measure each other']
        : ['has no window: it', 'runs in the time that windows leave'];
    const sentence = `${list(background)} ${have} ${share}`;
    ways.push({ kind: 'time', partitions: background, sentence, at: description.at['schedules'] });
  }
  for (const mode of modes) {
    const busy = [...mode.cores].filter(([, windows]) => windows.length > 0).map(([core]) => core);
    if (busy.length > 1) {
      const sentence = `mode ${mode.name}: cores ${list(busy.map(String))} run at the same time and share caches and memory bandwidth`;
      const partitions = [...new Set([...mode.cores.values()].flat().map((window) => window.partition))];
      ways.push({ kind: 'cache', partitions, sentence, at: mode.at['cores'] });
    }
  }
  for (const { name, may, at } of modes.length > 1 ? partitions : []) {
    if (may.switch.length === 0) continue;
    const shortest = Math.min(...modes.map((mode) => mode.frame));
    const bits = Math.log2(new Set(may.switch).size + (may.switch.length === modes.length ? 0 : 1));
    const rate = (bits * 1e6) / shortest;
    const sentence = `${name} may switch modes: it tells everybody at most ${+bits.toFixed(2)} bit${bits === 1 ? '' : 's'} a frame of ${formatTime(shortest)}, ${+rate.toFixed(1)} bit/s`;
    ways.push({ kind: 'mode', partitions: [name], sentence, at: at['may.switch'] });
  }
  for (const partition of partitions) {
    if (partition.terminal) {
      const sentence = `${partition.name} ends the system at the word of its user`;
      ways.push({ kind: 'end', partitions: [partition.name], sentence, at: partition.at['grants.terminal'] });
    } else if (endsAll(partition)) {
      const sentence = `${partition.name} can end the whole system${partition.may.shutDown ? '' : ' by a fault of its own'}`;
      const at = partition.at['may.shut-down'] ?? partition.at['faults'];
      ways.push({ kind: 'end', partitions: [partition.name], sentence, at });
    }
  }
  const spent = description.faults.get('restarts-spent');
  if (spent === 'restart' || spent === 'shut-down') {
    const sentence = `whoever spends its restarts makes the whole system ${spent === 'restart' ? 'restart' : 'end'}`;
    ways.push({ kind: 'end', partitions: names, sentence, at: description.at['faults'] });
  }
  for (const { name, devices } of partitions) {
    for (const device of devices) {
      if (device.dma === 'none') continue;
      const sentence =
        device.dma === 'any'
          ? `${name}: device ${device.name} can read and write ALL memory, the kernel's too: the driver must be trusted like the kernel`
          : `${name}: device ${device.name} reads and writes memory, held to ${name} by the IOMMU`;
      ways.push({ kind: 'dma', partitions: [name], sentence, at: device.at['dma'] });
    }
  }
  const outside = partitions.filter(({ grants }) => grants.connect.length > 0 || grants.listen.length > 0);
  if (outside.length > 1) {
    const sentence = `${list(outside.map(({ name }) => name))} each reach a network: what one sends out may come in by another`;
    ways.push({ kind: 'outside', partitions: outside.map(({ name }) => name), sentence });
  }
  return ways;
}
