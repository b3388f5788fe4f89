// The core, with every action noted in `log`: what a supervisor is given in place of the core.
import * as core from '../../kernel/core/core.ts';
import { type Entry, recorded } from '../log.ts';

export * from '../../kernel/core/core.ts';

export const log: Entry[] = [];
/** A digest of the state costs more than most actions; a difference stays, and the next one finds it. */
const ACTIONS_TO_A_DIGEST = 25;
const actions = recorded(core, (entry) => log.push(entry), ACTIONS_TO_A_DIGEST);
export const {
  step,
  fault,
  stopped,
  work,
  loaded,
  takeEffects,
  takeNews,
  deadPeers,
  tick,
  untilSwitch,
  takeSwitch,
  stop,
  allDone,
} = actions;
