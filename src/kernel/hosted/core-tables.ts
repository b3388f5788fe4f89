// From the plan to the core's tables, and what comes back from the core. Shared by both transports.
import type { Plan, PlanPartition } from '../plan.ts';
import * as core from '../core/core.ts';

/** A frame in ms: each partition's credit is whole again at its end. */
export const FRAME_MS = 10;

/** What a caller may spend in a frame: 50,000 notifications a second (core.ts: COST, COST_EVENT). */
const CREDIT = 500;

/** Which partitions' ends end the system: the guests; in a system without any, the applications; else all. */
export function countingKind(plan: Plan): PlanPartition['kind'] | undefined {
  if (plan.partitions.some((p) => p.kind === 'guest')) return 'guest';
  return plan.partitions.some((p) => p.kind === 'app') ? 'app' : undefined;
}

export interface EndPlace {
  readonly stream: number;
  readonly direction: 'out' | 'in';
}

/** The stream ends of each partition, in the order of PartitionStart.streams. */
export function endsOf(plan: Plan): EndPlace[][] {
  const ends: EndPlace[][] = plan.partitions.map(() => []);
  plan.streams.forEach((s, stream) => {
    ends[s.from].push({ stream, direction: 'out' });
    ends[s.to].push({ stream, direction: 'in' });
  });
  return ends;
}

/** Tables that have passed the core's own validator. Throws when it refuses: the plan checker should have, before. */
export function createTables(plan: Plan): core.Kernel {
  const k = new core.Kernel();
  const kind = countingKind(plan);
  k.np = plan.partitions.length;
  k.ns = plan.streams.length;
  plan.partitions.forEach((p, i) => {
    k.mayShutDown[i] = p.mayShutDown ? 1 : 0;
    k.counts[i] = kind === undefined || p.kind === kind ? 1 : 0;
    k.quota[i] = CREDIT;
  });
  plan.streams.forEach((s, i) => {
    k.streamFrom[i] = s.from;
    k.streamTo[i] = s.to;
  });
  endsOf(plan).forEach((ends, p) => {
    k.ends[p] = ends.length;
    ends.forEach(({ stream, direction }, e) => {
      k.endStream[p * core.MAX_ENDS + e] = stream;
      const [own, peer] = direction === 'out' ? [k.streamFromEnd, k.streamTo] : [k.streamToEnd, k.streamFrom];
      own[stream] = e;
      k.joined[p * core.MAX_PARTITIONS + peer[stream]] = e + 1;
    });
  });
  if (core.boot(k) !== core.OK) throw new Error('the core refuses the plan');
  return k;
}

/** What the core has to say to the kernel's main thread. */
export type CoreEvent =
  | { readonly event: 'ready' }
  | { readonly event: 'hello'; readonly partition: number; readonly text: string; readonly allHeld: boolean }
  | { readonly event: 'log'; readonly partition: number; readonly text: string }
  | { readonly event: 'reset'; readonly partition: number }
  | {
      readonly event: 'exit';
      readonly partition: number;
      readonly status: number;
      readonly allDone: boolean;
      readonly systemStatus: number;
    }
  | { readonly event: 'shutdown'; readonly partition: number; readonly systemStatus: number }
  /** Answer to the request of that name: nothing more will be told of this partition. */
  | { readonly event: 'died'; readonly partition: number }
  | { readonly event: 'illegal'; readonly partition: number; readonly op: number };
