// What a new process of a partition is told, but for what its transport adds (descriptors).
import type { Layer, PartitionStart } from '../call-page.ts';
import { TICK } from '../plan.ts';
import type { Plan } from '../plan.ts';

type Common = Omit<PartitionStart, 'streams' | 'files' | 'terminal' | 'wakePipe' | 'transport'>;

export function startOf(
  plan: Plan,
  id: number,
  startKind: PartitionStart['startKind'],
  without: readonly Layer[],
): Common {
  const { name, kind, memory, harts, config, ports, audits, maySwitch, beat } = plan.partitions[id];
  return {
    id,
    parent: process.pid,
    name,
    kind,
    memory,
    harts,
    config,
    ports: ports ?? [],
    tick: plan.tick ?? TICK,
    startKind,
    modes: maySwitch === true ? (plan.modes ?? []) : [],
    audits: audits ?? [],
    ...(beat === undefined ? {} : { beat }),
    without,
  };
}
