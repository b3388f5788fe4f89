// What `virtsec run` says about the partitions: at the start, and when one of them ends.
import type { KernelEvent, Plan } from '../kernel/plan.ts';
import type { Io } from './io.ts';
import { versions } from './version.ts';

type Started = Extract<KernelEvent, { event: 'started' }>;
type Exit = Extract<KernelEvent, { event: 'exit' }>;

/** The layers that stand, the same line once for all partitions that share it; then what is missing, and why. */
export function bootBanner(started: Started, system: string, isInteractive: boolean, io: Io): string {
  const paint = (colour: 'bold' | 'dim' | 'yellow', text: string): string => io.paint('note', colour, text);
  const width = Math.max(...started.partitions.map((partition) => partition.name.length));
  const lines = [`${paint('bold', `Virtsec ${versions().virtsec}`)}: system ${system}`];
  const shared = new Set(started.partitions.map((partition) => partition.layers.join(', ')));
  for (const { name, kind, pid, layers } of started.partitions) {
    const own = shared.size > 1 ? `  ${jail(layers)}` : '';
    lines.push(`  ${name.padEnd(width)}  ${kind.padEnd(6)}  pid ${pid}${paint('dim', own)}`);
  }
  if (shared.size === 1) lines.push(paint('dim', `  each ${jail(started.partitions[0]?.layers ?? [])}`));
  const missing = new Map<string, Set<string>>();
  for (const { layer, reason } of started.partitions.flatMap((partition) => partition.missing)) {
    missing.set(reason, (missing.get(reason) ?? new Set()).add(layer));
  }
  if (missing.size > 0) {
    const reasons = [...missing].map(([reason, layers]) => `${[...layers].join(', ')} (${reason})`);
    lines.push(paint('yellow', `  missing: ${reasons.join('; ')}`));
  }
  if (isInteractive) lines.push(paint('dim', 'Ctrl-] opens the menu.'));
  return `${lines.join('\n')}\n`;
}

const jail = (layers: readonly string[]): string =>
  layers.length === 0 ? 'without a jail' : `jailed by ${layers.join(', ')}`;

/** What a partition's process is to the user. */
function role(plan: Plan, name: string): string {
  const partition = plan.partitions.find((other) => other.name === name);
  if (partition?.kind === 'guest') return `the VMM of guest ${name}`;
  return partition?.kind === 'driver' ? `${name} (${partition.program})` : name;
}

/** One sentence about the end of a partition; undefined for the quiet end that the user asked for. */
export function exitSentence(plan: Plan, exit: Exit): string | undefined {
  const { partition, by, status } = exit;
  const isGuest = plan.partitions.find((other) => other.name === partition)?.kind === 'guest';
  switch (by) {
    case 'exit':
      if (!isGuest) break;
      return status === 0 ? `${partition} powered off.` : `${partition} ended in failure, with status ${status}.`;
    case 'signal':
      return `${role(plan, partition)} was killed (${exit.signal ?? 'by a signal'}).`;
    case 'illegal-call':
      return `${role(plan, partition)} made a call that is not its own and was stopped.`;
    case 'process-exit':
    case 'no-exit':
      return `${role(plan, partition)} stopped with status ${status}, which it should not.`;
    case 'stopped':
      return `${role(plan, partition)} was stopped by its operator.`;
    case 'heartbeat':
      return `${role(plan, partition)} did not say in time that it lives, and was stopped.`;
    case 'memory':
      return `${role(plan, partition)} used more memory than it has, and was stopped.`;
    case 'trap':
    case 'deadline':
    case 'window':
    case 'raised':
      return `${role(plan, partition)} was stopped for a fault (${by}).`;
  }
  return undefined;
}
