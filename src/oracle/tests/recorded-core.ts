// The core, with every action noted in `log`: what a supervisor is given in place of the core.
import * as core from '../../kernel/core/core.ts';
import { type Entry, recorded } from '../log.ts';

export * from '../../kernel/core/core.ts';

export const log: Entry[] = [];
const actions = recorded(core, (entry) => log.push(entry), 1);
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
