// Seeded bugs: faults that a tired person could make in core.ts, each with the theorem that is named to catch it and the
// action that the theorem is asked about. `bugs.test.ts` plants them one at a time.

export interface Bug {
  readonly name: string;
  /** Text of core.ts that occurs once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
  /** 'STATIC': the executor refuses the write. */
  readonly theorem: string;
  readonly action?: string;
}

const bug = (name: string, from: string, to: string, theorem: string, action?: string): Bug => ({
  name,
  from,
  to,
  theorem,
  ...(action === undefined ? {} : { action }),
});

const END_CHECK = 'if (e < 0 || e >= k.ends[p]) return E_ARG;';
const CALLER_CHECK = 'if (p < 0 || p >= k.np || k.state[p] === P_ABSENT || gone(k, p)) return E_OP;';
const NOTIFIED = `if (k.state[q] === P_READY) {
    k.news[q] |= 1 << peerEndOf(k, p, e);
    k.fx[q] |= FX_WAKE;
  }`;

export const BUGS: readonly Bug[] = [
  // ---- reaching beyond the tables, beyond 32 bits
  bug('notify takes any end', END_CHECK, 'if (e < 0) return E_ARG;', 'SAFE', 'NOTIFY'),
  bug('notify takes negative ends', END_CHECK, 'if (e >= k.ends[p]) return E_ARG;', 'SAFE', 'NOTIFY'),
  bug('a caller below 0', CALLER_CHECK, CALLER_CHECK.replace('p < 0 || ', ''), 'SAFE', 'HELLO'),
  bug('a caller beyond the plan', CALLER_CHECK, CALLER_CHECK.replace('p >= k.np || ', ''), 'SAFE', 'HELLO'),
  bug('a counter runs over', 'return x < INT_MAX ? x + 1 : x;', 'return x + 1;', 'SAFE', 'RESET'),
  bug(
    'a death of nobody',
    'if (p < 0 || p >= k.np) return;\n  if (!gone(k, p)) bury',
    'if (!gone(k, p)) bury',
    'SAFE',
    'died',
  ),
  bug('boot: a stream to nowhere', ' || to < 0 || to >= k.np', '', 'BOOT-SAFE'),
  bug(
    'boot: more ends than there are bits',
    '    k.ends[p] <= MAX_ENDS\n',
    '    k.ends[p] <= MAX_CREDIT\n',
    'BOOT-SAFE',
  ),
  bug(
    'boot: subtracts before it looks',
    'const shown = k.joined[row];',
    'const shown = k.joined[row] - 1 + 1;',
    'BOOT-SAFE',
  ),
  bug('boot: a quota below a single call', 'k.quota[p] >= COST_EVENT &&', '', 'BOOT'),
  bug('boot: a flow that no stream shows', ' && peerOf(k, q, shown - 1) === p', '', 'BOOT'),
  bug(
    'boot: refuses too late',
    '  for (let p = 0; p < k.np; p++) if (!wf_partition',
    '  k.mode = SYS_BIRTH;\n  for (let p = 0; p < k.np; p++) if (!wf_partition',
    'BOOT',
  ),

  // ---- the invariant
  bug('notify rings the wrong end', '1 << peerEndOf(k, p, e)', '1 << e', 'INV', 'NOTIFY'),
  bug('notify wakes the dead', NOTIFIED, NOTIFIED.replace('k.state[q] === P_READY', 'k.np > 0'), 'INV', 'NOTIFY'),
  bug('exit takes any status', 'if (status < 0 || status > MAX_STATUS)', 'if (status < 0)', 'INV', 'EXIT'),
  bug('exit is forgotten', '  k.done[p] = 1;\n', '', 'INV', 'EXIT'),
  bug('the gone go on calling', CALLER_CHECK, CALLER_CHECK.replace(' || gone(k, p)', ''), 'INV', 'EXIT'),
  bug('credit below 0', 'if (k.credit[p] < cost) return', 'if (k.credit[p] < COST) return', 'INV', 'LOG'),
  bug(
    'hello at any time',
    'if (k.state[p] !== P_BORN) return E_OP;\n  k.state[p] = P_HELD',
    'k.state[p] = P_HELD',
    'INV',
    'HELLO',
  ),
  bug(
    'released before all are there',
    'if (allHeld(k) === 0) return E_OP;',
    'if (k.mode !== SYS_BIRTH) return E_OP;',
    'INV',
    'release',
  ),
  bug('effects outlive death', '  k.fx[p] = 0;\n  k.news[p] = 0;\n}', '  k.news[p] = 0;\n}', 'INV', 'died'),
  bug('the end is told to the dead', 'if (!gone(k, p)) k.fx[p] |= FX_STOP', 'k.fx[p] |= FX_STOP', 'INV', 'stop'),
  bug('a frame pays too much', 'k.credit[p] = k.quota[p];\n}', 'k.credit[p] = MAX_CREDIT;\n}', 'INV', 'tick'),

  // ---- what a caller gets back
  bug(
    'notify tells whether the peer has news',
    '  return OK;\n}\n/** Wakes all',
    '  return k.news[q] === 0 ? OK : E_BUDGET;\n}\n/** Wakes all',
    'OC',
    'NOTIFY',
  ),
  bug(
    'the end is felt by callers',
    CALLER_CHECK,
    CALLER_CHECK.replace('gone(k, p)', 'gone(k, p) || k.mode === SYS_STOPPING'),
    'OC',
    'NOTIFY',
  ),
  bug(
    'log tells of an exit',
    'k.state[p] === P_BORN ? log(argument)',
    'k.state[p] === P_BORN ? log(argument + k.status)',
    'OC',
    'LOG',
  ),
  bug('news of another', 'const news = k.news[p];', 'const news = k.news[0];', 'OC', 'takeNews'),
  bug(
    'everybody counts',
    'if (k.counts[p] === 1 && k.done[p] === 0) return 0;',
    'if (k.done[p] === 0) return 0;',
    'OC',
    'allDone',
  ),
  bug('who is missing, after birth', '  if (k.mode !== SYS_BIRTH) return 0;\n', '', 'OC', 'allHeld'),
  bug(
    'deaths of strangers',
    'if (e < k.ends[p] && gone(k, peerOf(k, p, e)))',
    'if (e < k.np && gone(k, e))',
    'OC',
    'deadPeers',
  ),

  // ---- what others see
  bug('notify wakes partition 0', NOTIFIED, NOTIFIED.replace('k.fx[q]', 'k.fx[0]'), 'LR', 'NOTIFY'),
  bug('a death wakes all', 'if (k.joined[q * MAX_PARTITIONS + p] !== 0 && ', 'if (', 'LR', 'EXIT'),
  bug('shut down by anyone', '  if (k.mayShutDown[p] === 0) return E_RIGHT;\n', '', 'LR', 'SHUTDOWN'),
  bug(
    'resets are counted at a neighbour',
    'k.resets[p] = saturatedIncrement(k.resets[p])',
    'k.resets[0] = saturatedIncrement(k.resets[p])',
    'LR',
    'RESET',
  ),
  bug('a status that does not count', 'if (k.counts[p] === 1 && k.status === 0)', 'if (k.status === 0)', 'LR', 'EXIT'),
  bug(
    'effects of another taken',
    '  const fx = k.fx[p];\n  k.fx[p] = 0;',
    '  const fx = k.fx[p];\n  k.fx[0] = 0;',
    'LR',
    'takeEffects',
  ),
  bug(
    'a frame for the idle',
    '  for (let p = 0; p < k.np; p++) k.credit[p] = k.quota[p];\n}',
    '  for (let p = 0; p < k.np; p++) if (k.state[0] !== P_READY) k.credit[p] = k.quota[p];\n}',
    'WSC',
    'tick',
  ),
  bug(
    'woken only while something else is quiet',
    'if (k.state[q] === P_READY) {',
    'if (k.state[q] === P_READY && k.status === 0) {',
    'WSC',
    'NOTIFY',
  ),

  // ---- how an allowed flow is used
  bug('the last status wins', ' && k.status === 0) k.status', ') k.status', 'FRAME', 'EXIT'),
  bug('the end is told again and again', '  if (k.mode === SYS_STOPPING) return;\n', '', 'FRAME', 'SHUTDOWN'),
  bug('the end is a new birth', '  k.mode = SYS_STOPPING;', '  k.mode = SYS_BIRTH;', 'POLICY', 'SHUTDOWN'),

  // ---- what nobody else can tell, but the documents promise
  bug('calls are free', '  k.credit[p] -= cost;\n', '', 'FSPEC', 'NOTIFY'),
  bug(
    'unknown operations are fine',
    '  if (op === OP_SHUTDOWN) return shutDown(k, p);\n  return E_OP;',
    '  if (op === OP_SHUTDOWN) return shutDown(k, p);\n  return OK;',
    'FSPEC',
    'OTHER',
  ),
  bug('a bell without news', '    k.news[q] |= 1 << peerEndOf(k, p, e);\n', '', 'FSPEC', 'NOTIFY'),
  bug('news without a bell', '    k.fx[q] |= FX_WAKE;\n  }\n  return OK;', '  }\n  return OK;', 'FSPEC', 'NOTIFY'),
  bug(
    'peers of the condemned are not told',
    '    k.fx[p] |= FX_KILL;\n    bury(k, p);',
    '    k.fx[p] |= FX_KILL;',
    'FSPEC',
    'OTHER',
  ),
  bug('peers of the dead are not told', '  if (!gone(k, p)) bury(k, p);\n', '', 'FSPEC', 'died'),
  bug('the condemned are not killed', '    k.fx[p] |= FX_KILL;\n', '', 'FSPEC', 'LOG'),
  bug('a dead peer is overlooked', 'mask |= 1 << e;', 'if (e > 0) mask |= 1 << e;', 'FSPEC', 'deadPeers'),
  bug('a reset costs no more than a bell', 'op === OP_RESET || op === OP_LOG', 'op === OP_LOG', 'FSPEC', 'RESET'),

  // ---- the plan
  bug(
    'a quota is changed',
    '  k.resets[p] = saturated',
    '  k.quota[p] = COST_EVENT;\n  k.resets[p] = saturated',
    'STATIC',
  ),
];
