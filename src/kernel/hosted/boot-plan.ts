// A plan's words -> a core that has accepted them, and what the supervisor reads in its tables.
import * as core from '../core/core.ts';
import { H_TICK, PlanWords, loadPlan } from '../plan-load.ts';

export interface BootedPlan {
  readonly k: core.Kernel;
  /** Microseconds. */
  readonly tick: number;
}

/** Throws when the core refuses the words. */
export function bootPlan(words: Int32Array): BootedPlan {
  const file = new PlanWords();
  if (words.length > file.words.length) throw new Error('the plan has more words than the core takes');
  file.words.set(words);
  file.n = words.length;
  const k = new core.Kernel();
  if (loadPlan(k, file) !== core.OK || core.boot(k) !== core.OK) throw new Error('the core refuses the plan');
  return { k, tick: words[H_TICK] };
}

export interface EndPlace {
  readonly stream: number;
  readonly direction: 'out' | 'in';
}

/** The stream ends of a partition, by their numbers, which are the bits of `news` and the argument of NOTIFY. */
export function endsOf(k: core.Kernel, p: number): EndPlace[] {
  return Array.from({ length: k.ends[p] }, (_, e) => {
    const stream = k.endStream[p * core.MAX_ENDS + e];
    const isProducer = k.streamFrom[stream] === p && k.streamFromEnd[stream] === e;
    return { stream, direction: isProducer ? 'out' : 'in' };
  });
}

/** Whether a partition can ever be started again: by the health monitor, or by a manager. */
export function isRestartable(k: core.Kernel, p: number): boolean {
  if (k.manager[p] >= 0) return true;
  const actions = k.hmAction.subarray(p * core.MAX_CODES, (p + 1) * core.MAX_CODES);
  return actions.some((action) => action === core.HM_WARM || action === core.HM_COLD);
}

/** Whether any partition has a window in any mode. */
export const hasWindows = (k: core.Kernel): boolean => k.winPart.subarray(0, k.nwindows).some((p) => p >= 0);
