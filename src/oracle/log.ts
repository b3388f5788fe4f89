// A running system against the core, step by step: a supervisor notes every call that it makes of its core, and the log is played
// again on a fresh core from the same plan. The first line that differs says where the two part: a supervisor that passes
// another caller, loses an effect, or runs a core that was compiled wrongly is found at that step, and not by what comes of it.
//
// A line:  NAME ARGUMENT... [: MESSAGE WORD...] = RESULT [| RESULT WORD...] [# DIGEST]   all numbers decimal, int32; the digest of the
// whole state is left out where taking it would cost too much.
import * as shippedCore from '../kernel/core/core.ts';
import { loadPlan, PlanWords } from '../kernel/plan-load.ts';
import { type Kernel, SHIPPED, StateSpace } from './state.ts';

/** What a supervisor calls of the core. */
export const ACTIONS = [
  'step',
  'fault',
  'stopped',
  'work',
  'loaded',
  'takeEffects',
  'takeNews',
  'deadPeers',
  'tick',
  'untilSwitch',
  'takeSwitch',
  'stop',
  'allDone',
] as const;
export type ActionName = (typeof ACTIONS)[number];
/** A core as a supervisor uses it. */
export type Actions = { readonly [N in ActionName]: (typeof shippedCore)[N] };

export interface Entry {
  readonly action: ActionName;
  readonly args: readonly number[];
  /** Words of `inp` that the call may read. */
  readonly message: readonly number[];
  /** 0 of an action that gives nothing. */
  readonly result: number;
  /** Result words. */
  readonly out: readonly number[];
  /** Of the whole state afterwards. */
  readonly digest?: number;
}

/** Operations whose message is in `inp`, `args[4]` bytes long: core, caller, operation and handle come before. */
const WITH_MESSAGE: readonly number[] = [
  shippedCore.OP_SEND,
  shippedCore.OP_WRITE,
  shippedCore.OP_CALL,
  shippedCore.OP_REPLY,
];

function messageOf(k: Kernel, action: ActionName, args: readonly number[]): number[] {
  if (action !== 'step' || !WITH_MESSAGE.includes(args[2])) return [];
  const bytes = Math.min(Math.max(args[4], 0), shippedCore.MESSAGE_BYTES);
  return [...k.inp.subarray(0, (bytes + 3) >> 2)];
}

/** `outN` speaks of calls alone. */
const outOf = (k: Kernel, action: ActionName): number[] => (action === 'step' ? [...k.out.subarray(0, k.outN)] : []);

/**
 * The core's actions, each told to `note` after it was made. `digest`: how many actions lie between two digests of the
 * state; 0: none is taken.
 */
export function recorded(core: Actions, note: (entry: Entry) => void, digest = 0): Actions {
  let known: { readonly k: Kernel; readonly space: StateSpace } | undefined;
  let count = 0;
  const wrap =
    (action: ActionName) =>
    (k: Kernel, ...args: number[]): number => {
      const message = messageOf(k, action, args);
      const run = core[action] as (k: Kernel, ...args: readonly number[]) => number | undefined;
      const result = run(k, ...args) ?? 0;
      const out = outOf(k, action);
      count += 1;
      if (digest === 0 || count % digest !== 0) note({ action, args, message, result, out });
      else {
        if (known?.k !== k) known = { k, space: new StateSpace(SHIPPED, k) };
        const { space } = known;
        note({ action, args, message, result, out, digest: space.hash(space.save(k)) });
      }
      return result;
    };
  return Object.fromEntries(ACTIONS.map((action) => [action, wrap(action)])) as unknown as Actions;
}

export function formatEntry({ action, args, message, result, out, digest }: Entry): string {
  const words: (string | number)[] = [action, ...args];
  if (message.length > 0) words.push(':', ...message);
  words.push('=', result);
  if (out.length > 0) words.push('|', ...out);
  if (digest !== undefined) words.push('#', digest);
  return words.join(' ');
}

const LINE =
  /^(?<action>[A-Za-z]+)(?<args>(?: -?\d+)*)(?: :(?<message>(?: -?\d+)+))? = (?<result>-?\d+)(?: \|(?<out>(?: -?\d+)+))?(?: # (?<digest>\d+))?$/;

/** Undefined: the line is none of a log. */
export function parseEntry(line: string): Entry | undefined {
  const groups = LINE.exec(line.trim())?.groups;
  const action = ACTIONS.find((name) => name === groups?.['action']);
  if (groups === undefined || action === undefined) return undefined;
  const numbers = (name: string): number[] =>
    (groups[name] ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  const digest = groups['digest'];
  return {
    action,
    args: numbers('args'),
    message: numbers('message'),
    result: Number(groups['result']),
    out: numbers('out'),
    ...(digest === undefined ? {} : { digest: Number(digest) }),
  };
}

export interface Difference {
  /** Number of the entry, from 0. */
  readonly at: number;
  readonly entry: Entry;
  /** What the core says there. */
  readonly expected: Entry;
  readonly says: 'result' | 'out' | 'digest';
}

/** The core of a plan's words, booted. Throws when the words are no plan. */
export function bootWords(words: Int32Array, core: typeof shippedCore = shippedCore): Kernel {
  const buffer = new PlanWords();
  if (words.length > buffer.words.length) throw new Error('more words than a plan has');
  buffer.n = words.length;
  buffer.words.set(words);
  const k = new core.Kernel();
  if (loadPlan(k, buffer) !== core.OK || core.boot(k) !== core.OK) throw new Error('the core refuses the plan');
  return k;
}

/** Plays a log on `k`, a freshly booted core of the plan that it was made with. Undefined: it is what the core does. */
export function replay(k: Kernel, entries: Iterable<Entry>, core: Actions = shippedCore): Difference | undefined {
  const space = new StateSpace(SHIPPED, k);
  let at = 0;
  for (const entry of entries) {
    const { action, args, message } = entry;
    k.inp.set(message.slice(0, k.inp.length));
    const run = core[action] as (k: Kernel, ...args: readonly number[]) => number | undefined;
    const result = run(k, ...args) ?? 0;
    const out = outOf(k, action);
    const digest = entry.digest === undefined ? undefined : space.hash(space.save(k));
    const expected: Entry = { action, args, message, result, out, ...(digest === undefined ? {} : { digest }) };
    if (result !== entry.result) return { at, entry, expected, says: 'result' };
    if (out.length !== entry.out.length || out.some((word, i) => word !== entry.out[i])) {
      return { at, entry, expected, says: 'out' };
    }
    if (digest !== entry.digest) return { at, entry, expected, says: 'digest' };
    at += 1;
  }
  return undefined;
}
