// What can happen to a core that runs one plan: every call of each partition with arguments that mean something (and some that do
// not), every action of the supervisor, the clock. Each with the domain whose action it is.
import type { Code, Kernel } from './state.ts';

export interface Action {
  readonly name: string;
  /** A partition's number, or CLOCK or HOST of the specification. */
  readonly domain: number;
  /** The result; result words are left in the kernel. */
  run(k: Kernel): number;
}

export interface Alphabet {
  /** Waits of calls that may block, in ticks. */
  readonly waits: readonly number[];
  /** First words of messages. */
  readonly messages: readonly number[];
  /** Illegal calls too. */
  readonly illegal: boolean;
}
const SMALL: Alphabet = { waits: [0, 2], messages: [1, 2], illegal: true };

/** One call of partition p, on the first core on which it may be; the message is a word. */
export function call(code: Code, p: number, name: string, op: number, args: readonly number[], message = 0): Action {
  const { core } = code;
  const [a0 = 0, a1 = 0, a2 = 0] = args;
  return {
    name: `${name}(p=${p}${args.map((argument) => `, ${argument}`).join('')}${message === 0 ? '' : ` "${message}"`})`,
    domain: p,
    run(k) {
      k.inp[0] = message;
      // A call is made where its caller runs; outside its windows it is refused on every core.
      let on = 0;
      for (let i = 0; i < k.ncores; i++) if (k.winPart[k.curWin[i]] === p) on = i;
      return core.step(k, on, p, op, a0, a1, a2);
    },
  };
}

/** The calls that partition p can make with the rights that it has. */
export function callsOf(code: Code, k: Kernel, p: number, alphabet: Alphabet = SMALL): Action[] {
  const { core } = code;
  const { waits, messages, illegal } = alphabet;
  const make = (name: string, op: number, ...args: readonly number[]): Action => call(code, p, name, op, args);
  const actions: Action[] = [
    make('EXIT', core.OP_EXIT, 0),
    make('EXIT', core.OP_EXIT, 3),
    make('RESET', core.OP_RESET),
    make('LOG', core.OP_LOG, 1),
    make('TIME', core.OP_TIME),
    ...waits.map((wait) => make('WAIT', core.OP_WAIT, wait)),
    make('RESULT', core.OP_RESULT),
    make('POLL', core.OP_POLL, -1),
    make('GRANT', core.OP_GRANT, 1),
    make('RAISE', core.OP_RAISE, core.FAULT_APPLICATION),
    make('FAULTS', core.OP_FAULTS, -1),
    make('BEAT', core.OP_BEAT),
  ];
  for (let e = 0; e < k.ends[p]; e++) {
    actions.push(make('NOTIFY', core.OP_NOTIFY, e), make('STREAM', core.OP_STREAM, e));
  }
  for (let handle = 0; handle < core.MAX_HANDLES; handle++) actions.push(...handleCalls(code, k, p, handle, alphabet));
  if (k.mayShutDown[p] === 1) actions.push(make('SHUTDOWN', core.OP_SHUTDOWN));
  if (k.mayMode[p] !== 0) for (let m = 0; m < k.nmodes; m++) actions.push(make('SET_MODE', core.OP_SET_MODE, m));
  for (let q = 0; q < k.np; q++) if (k.auditor[q] === p) actions.push(make('AUDIT', core.OP_AUDIT, q));
  if (!illegal) return actions;
  return [
    ...actions,
    make('OTHER', 99),
    make('EXIT', core.OP_EXIT, core.MAX_STATUS + 1),
    make('SEND', core.OP_SEND, core.MAX_HANDLES, messages.length),
    make('SHUTDOWN', core.OP_SHUTDOWN),
    make('SET_MODE', core.OP_SET_MODE, 0),
    make('AUDIT', core.OP_AUDIT, (p + 1) % k.np),
  ];
}

function handleCalls(code: Code, k: Kernel, p: number, handle: number, alphabet: Alphabet): Action[] {
  const { waits, messages, illegal } = alphabet;
  const { core } = code;
  const row = p * core.MAX_HANDLES + handle;
  const kind = k.handleKind[row];
  if (kind === core.H_NONE) return [];
  const make = (name: string, op: number, ...args: readonly number[]): Action =>
    call(code, p, name, op, [handle, ...args]);
  const withMessages = (name: string, op: number, ...args: readonly number[]): Action[] =>
    messages.map((message) => call(code, p, name, op, [handle, 4, ...args], message));
  const status = make('STATUS', core.OP_STATUS);
  switch (kind) {
    case core.H_SEND:
      return [...waits.flatMap((wait) => withMessages('SEND', core.OP_SEND, wait)), status];
    case core.H_RECEIVE:
      return [...waits.map((wait) => make('RECEIVE', core.OP_RECEIVE, wait)), status];
    case core.H_WRITE:
      return withMessages('WRITE', core.OP_WRITE);
    case core.H_READ:
      return [make('READ', core.OP_READ), status];
    case core.H_SIGNAL:
      return [make('SIGNAL', core.OP_SIGNAL, -1)];
    case core.H_CALL:
      return [...withMessages('CALL', core.OP_CALL), status];
    case core.H_SERVE:
      return [
        ...waits.map((wait) => make('FETCH', core.OP_FETCH, wait)),
        ...withMessages('REPLY', core.OP_REPLY),
        status,
      ];
    default:
      return [
        make('START', core.OP_START),
        make('STOP', core.OP_STOP),
        make('RESTART', core.OP_RESTART),
        // Only if the managed may reach its manager; else it is an illegal call.
        ...(illegal || k.policy[k.handleObject[row] * core.MAX_PARTITIONS + p] !== core.FLOW_NONE ? [status] : []),
      ];
  }
}

/** The supervisor's actions for partition p. */
export function supervisionOf(code: Code, k: Kernel, p: number): Action[] {
  const { core } = code;
  const named = (name: string, run: (k: Kernel) => number): Action => ({ name: `${name}(p=${p})`, domain: p, run });
  const cores = k.background[p] === 1 ? [0] : Array.from({ length: k.ncores }, (_, i) => i);
  return [
    named('fault 1', (k) => core.fault(k, p, core.FAULT_EXIT)),
    named('fault 2', (k) => core.fault(k, p, core.FAULT_TRAP)),
    named('stopped', (k) => core.stopped(k, p)),
    ...cores.map((i) => named(`work ${i}`, (k) => core.work(k, i, p))),
    named('loaded', (k) => core.loaded(k, p)),
    named('takeEffects', (k) => core.takeEffects(k, p)),
    named('takeNews', (k) => core.takeNews(k, p)),
    named('deadPeers', (k) => core.deadPeers(k, p)),
  ];
}

/** Of time and schedule. */
export function clockActions({ core, spec }: Code, k: Kernel): Action[] {
  return [
    { name: 'tick 1', domain: spec.CLOCK, run: (k) => core.tick(k, 1) },
    { name: 'tick on', domain: spec.CLOCK, run: (k) => core.tick(k, core.untilSwitch(k)) },
    ...Array.from({ length: k.ncores }, (_, i) => ({
      name: `takeSwitch ${i}`,
      domain: spec.CLOCK,
      run: (k: Kernel) => core.takeSwitch(k, i),
    })),
  ];
}

export function hostActions({ core, spec }: Code): Action[] {
  return [
    { name: 'allDone', domain: spec.HOST, run: (k) => core.allDone(k) },
    {
      name: 'stop',
      domain: spec.HOST,
      run(k) {
        core.stop(k);
        return 0;
      },
    },
  ];
}

/** Everything. */
export function allActions(code: Code, k: Kernel, alphabet: Alphabet = SMALL): Action[] {
  const partitions = Array.from({ length: k.np }, (_, p) => p);
  return [
    ...partitions.flatMap((p) => callsOf(code, k, p, alphabet)),
    ...partitions.flatMap((p) => supervisionOf(code, k, p)),
    ...clockActions(code, k),
    ...hostActions(code),
  ];
}
