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
/** A line that is missing. */
const without = (name: string, line: string, theorem: string, action?: string): Bug =>
  bug(name, line, '', theorem, action);

const LATE_REPLY = `  if (k.callState[c] === C_LATE) {
    k.callState[c] = C_IDLE;
    return E_LATE;
  }
  if (k.callState[c] !== C_SERVING) return E_EMPTY;`;
const CREDIT = 'for (let p = 0; p < k.np; p++) k.credit[p] = k.quota[p];';
const COPY = 'for (let w = 0; w < n; w++) k.slotData[at + w] = k.inp[w];';
const FETCHED = '  k.outN = HEAD + n;\n}\n/** One that is not ready';

export const BUGS: readonly Bug[] = [
  // ---- reaching beyond the tables, beyond 32 bits
  bug(
    'notify takes any end',
    'if (e < 0 || e >= k.ends[p]) return E_ARG;\n  const q',
    'if (e < 0) return E_ARG;\n  const q',
    'SAFE',
    'NOTIFY',
  ),
  bug(
    'negative stream ends',
    'if (e < 0 || e >= k.ends[p]) return E_ARG;\n  const s',
    'if (e >= k.ends[p]) return E_ARG;\n  const s',
    'SAFE',
    'STREAM',
  ),
  bug(
    'any handle',
    'if (handle < 0 || handle >= MAX_HANDLES) return -1;',
    'if (handle < 0) return -1;',
    'SAFE',
    'SEND',
  ),
  bug('a counter runs over', 'return x < INT_MAX ? x + 1 : x;', 'return x + 1;', 'SAFE', 'RESET'),
  bug('back-off runs over', 'isWithin(k.hmMax[p], 0, TIME_BASE - 1)', 'k.hmMax[p] >= 0', 'SAFE', 'RAISE'),
  bug('bytes taken for words', 'return (bytes + 3) >> 2;', 'return bytes;', 'SAFE', 'SEND'),
  bug('a caller beyond the plan', 'return p >= 0 && p < k.np;', 'return p >= 0 && p <= k.np;', 'SAFE', 'takeEffects'),
  bug(
    'adds before it compares',
    'if (frames > k.memoryFrames[p] - k.memoryUsed[p])',
    'if (k.memoryUsed[p] + frames > k.memoryFrames[p])',
    'SAFE',
    'GRANT',
  ),
  bug('waits for ever', 'return ticks >= 0 && ticks < TIME_BASE;', 'return ticks >= 0;', 'SAFE', 'WAIT'),
  bug(
    'boot: a stream to nowhere',
    '!isPartition(k, to) || from === to) return false;',
    'from === to) return false;',
    'BOOT-SAFE',
  ),
  bug(
    'boot: more ends than there are bits',
    'isWithin(k.ends[p], 0, MAX_ENDS)',
    'isWithin(k.ends[p], 0, MAX_CREDIT)',
    'BOOT-SAFE',
  ),
  without('boot: a slot that there is not', '  if (slot < 0 || slot >= SLOTS) return false;\n', 'BOOT-SAFE'),

  // ---- which plans are accepted
  bug('boot: a quota below 0', 'isWithin(k.quota[p], COST_EVENT, MAX_CREDIT)', 'k.quota[p] <= MAX_CREDIT', 'BOOT'),
  bug(
    'boot: a flow that nothing shows',
    'return flow === FLOW_WATCH && q === k.manager[p];',
    'return flow === FLOW_WATCH;',
    'BOOT',
  ),
  bug(
    'boot: a one-way port shows the way back',
    'k.portTo[c] === p && k.portKind[c] !== PORT_DROP;',
    'k.portTo[c] === p;',
    'BOOT',
  ),
  bug(
    'boot: frames of streams are looked at in part',
    'row < (k.np + k.ns) * REGION_STRIDE; row++) if (!wf_regions',
    'row < k.np * REGION_STRIDE; row++) if (!wf_regions',
    'BOOT',
  ),
  bug('boot: memory may overlap streams', 'if (b >= k.np + k.ns ||', 'if (b >= k.np ||', 'BOOT'),
  bug(
    "boot: the last frame is the next one's first",
    'regionBase(k, a) + regionFrames(k, a) <= regionBase(k, b)',
    'regionBase(k, a) + regionFrames(k, a) <= regionBase(k, b) + 1',
    'BOOT',
  ),
  bug(
    'boot: the first window begins late',
    'k.winSchedule[first] === row && k.winStart[first] === 0',
    'k.winSchedule[first] === row',
    'BOOT',
  ),
  bug(
    'boot: refuses too late',
    '  if (validate(k) !== OK) return E_PLAN;',
    '  k.sysMode = SYS_RUN;\n  if (validate(k) !== OK) return E_PLAN;',
    'REFUSED',
  ),

  // ---- the invariant
  bug(
    'a slice is a word short',
    's * MESSAGE_WORDS, (s + 1) * MESSAGE_WORDS)',
    's * MESSAGE_WORDS, (s + 1) * MESSAGE_WORDS - 1)',
    'INV',
    'work',
  ),
  without('stored where it was wiped', '  if (k.state[reader] === P_WIPING) return;\n', 'INV', 'SEND'),
  bug(
    'one restart too many',
    'if (k.hmCount[p] >= k.hmBudget[p]) {',
    'if (k.hmCount[p] > k.hmBudget[p]) {',
    'INV',
    'RAISE',
  ),
  bug('exit takes any status', 'if (status < 0 || status > MAX_STATUS)', 'if (status < 0)', 'INV', 'EXIT'),
  bug(
    "a server's restart forgets its client",
    'if (state === C_PENDING || state === C_SERVING) return C_FAILED;',
    'if (state === C_PENDING || state === C_SERVING) return C_IDLE;',
    'INV',
    'work',
  ),
  bug(
    'a late reply is taken',
    LATE_REPLY,
    '  if (k.callState[c] !== C_SERVING && k.callState[c] !== C_LATE) return E_EMPTY;',
    'INV',
    'REPLY',
  ),
  bug('credit below 0', 'if (k.credit[p] < cost) return', 'if (k.credit[p] < COST) return', 'INV', 'LOG'),
  bug(
    'one message too many',
    'const isFull = n >= k.portCapacity[c];',
    'const isFull = n > k.portCapacity[c];',
    'INV',
    'SEND',
  ),
  bug('the head runs away', 'k.head[c] = head >= k.portCapacity[c] ? 0 : head;', 'k.head[c] = head;', 'INV', 'RECEIVE'),
  bug(
    'a window ends before the frame',
    'if (w === k.scheduleEnd[row] - 1) return k.winEnd[w] === k.frameLength[m];',
    'if (w === k.scheduleEnd[row] - 1) return k.winEnd[w] <= k.frameLength[m];',
    'INV',
    'tick',
  ),
  without('the exit of the last life stays', '  k.done[p] = 0;\n', 'INV', 'loaded'),
  bug('a call stays open', '  abandon(k, c);\n  unblock(k, p);\n  if', '  unblock(k, p);\n  if', 'INV', 'RESULT'),
  bug(
    'more memory than there is',
    'if (frames > k.memoryFrames[p] - k.memoryUsed[p])',
    'if (frames > k.memoryFrames[p])',
    'INV',
    'GRANT',
  ),
  bug('a frame pays too much', CREDIT, CREDIT.replace('k.quota[p]', 'MAX_CREDIT'), 'INV', 'tick'),

  // ---- what a caller gets back
  bug('news of another', 'const news = k.news[p];', 'const news = k.news[0];', 'OC', 'takeNews'),
  bug('effects of another', 'const fx = k.fx[p];', 'const fx = k.fx[0];', 'OC', 'takeEffects'),
  bug('stale result words', FETCHED, FETCHED.replace('HEAD + n', 'HEAD + MESSAGE_WORDS'), 'OC', 'RECEIVE'),
  bug(
    'a one-way port tells of space',
    'if (isFull) k.lost[c] = saturatedIncrement(k.lost[c]);',
    'if (isFull) return E_FULL;',
    'OC',
    'SEND',
  ),
  bug(
    'the state of the managed, without a flow',
    'kind === H_MANAGE && allows(k, object, p)',
    'kind === H_MANAGE',
    'OC',
    'STATUS',
  ),
  without('everybody audits', '  if (k.auditor[q] !== p) return E_RIGHT;\n', 'OC', 'AUDIT'),
  bug(
    'everybody counts',
    'if (k.counts[p] === 1 && k.done[p] === 0) return 0;',
    'if (k.done[p] === 0) return 0;',
    'OC',
    'allDone',
  ),
  bug(
    'the end is felt by callers',
    'if (k.state[p] !== P_READY) return E_STATE;\n  const cost',
    'if (k.state[p] !== P_READY || k.endAsked === 1) return E_STATE;\n  const cost',
    'OC',
    'NOTIFY',
  ),

  // ---- what others see
  bug('asks for another to be loaded', 'k.fx[p] |= FX_LOAD;', 'k.fx[0] |= FX_LOAD;', 'LR', 'work'),
  without('anyone switches the mode', '  if (k.mayMode[p] === 0) return E_RIGHT;\n', 'LR', 'SET_MODE'),
  bug(
    'the mode changes at once',
    '  k.nextMode = mode;\n',
    '  k.nextMode = mode;\n  k.mode = mode;\n',
    'LR',
    'SET_MODE',
  ),
  without(
    'a fault switches the mode, without authority',
    '    (action !== HM_MODE || k.mayMode[p] === 1) &&\n',
    'LR',
    'RAISE',
  ),
  bug(
    'stop tells others at once',
    'if (isLive(k, q)) kill(k, q, P_HALTED);',
    'if (isLive(k, q)) {\n    tellOthers(k, q);\n    kill(k, q, P_HALTED);\n  }',
    'LR',
    'STOP',
  ),
  without('anyone shuts down', '  if (k.mayShutDown[p] === 0) return E_RIGHT;\n', 'LR', 'SHUTDOWN'),
  bug(
    'a reader without a flow',
    ' && reader !== from && allows(k, from, reader);',
    ' && reader !== from;',
    'LR',
    'WRITE',
  ),
  bug(
    'a signal without a flow',
    'isPartition(k, object) && object !== p && allows(k, p, object);',
    'isPartition(k, object) && object !== p;',
    'LR',
    'SIGNAL',
  ),
  bug(
    'a manager without a flow',
    'k.manager[object] === p && allows(k, p, object);',
    'k.manager[object] === p;',
    'LR',
    'STOP',
  ),
  bug(
    'a call without a way back',
    '(kind !== PORT_DROP && !allows(k, to, from))',
    '(kind === PORT_BLOCK && !allows(k, to, from))',
    'LR',
    'REPLY',
  ),
  bug(
    "a queue in another's slots",
    'k.slotRow[slot] === row && k.slotOwner[slot] === k.portTo[c]',
    'k.slotRow[slot] === row',
    'LR',
    'SEND',
  ),
  without('an auditor without a flow', '    (k.auditor[p] === -1 || allows(k, p, k.auditor[p])) &&\n', 'LR', 'RAISE'),
  bug(
    'a receiver wakes a one-way sender',
    'if (k.portKind[c] === PORT_BLOCK && n >= k.portCapacity[c])',
    'if (n >= k.portCapacity[c])',
    'LR',
    'RECEIVE',
  ),
  bug(
    'a death wakes all who wait',
    'if (ends !== 0 || isWaiting) {',
    'if (ends !== 0 || k.why[q] !== W_NONE) {',
    'LR',
    'work',
  ),
  bug(
    'resets are counted at a neighbour',
    'k.resets[p] = saturatedIncrement(k.resets[p])',
    'k.resets[0] = saturatedIncrement(k.resets[p])',
    'LR',
    'RESET',
  ),
  bug(
    'a window is given away',
    'if (k.winEnd[k.curWin[i]] <= pos) {',
    'if (k.winEnd[k.curWin[i]] <= pos || k.state[0] === P_HALTED) {',
    'WSC',
    'tick',
  ),
  bug(
    'the mode depends on traffic',
    '  k.mode = k.nextMode;\n',
    '  k.mode = k.count[0] > 0 ? k.nextMode : k.mode;\n',
    'WSC',
    'tick',
  ),
  bug(
    'credit depends on the receiver',
    '    k.portCredit[c] -= 1;\n',
    '    if (!isFull) k.portCredit[c] -= 1;\n',
    'WSC',
    'SEND',
  ),
  bug(
    'a frame pays only if another is idle',
    CREDIT,
    CREDIT.replace('k.credit', 'if (k.state[0] !== P_READY) k.credit'),
    'WSC',
    'tick',
  ),
  bug(
    'woken only while something else is quiet',
    'if (k.state[p] === P_READY) k.fx[p] |= FX_WAKE;',
    'if (k.state[p] === P_READY && k.status === 0) k.fx[p] |= FX_WAKE;',
    'WSC',
    'NOTIFY',
  ),

  // ---- windows
  bug('the window of core 0', 'k.winPart[k.curWin[core]] === p;', 'k.winPart[k.curWin[0]] === p;', 'WINDOW', 'POLL'),
  bug(
    'work in any window',
    'if (!isHere(k, core, p)) return E_CALLER;\n  if (k.state[p] === P_WIPING)',
    'if (!isPartition(k, p)) return E_CALLER;\n  if (k.state[p] === P_WIPING)',
    'WINDOW',
    'work',
  ),
  bug(
    'no core, no window',
    'if (k.background[p] === 1) return true;',
    'if (k.background[p] === 1 || core < 0) return true;',
    'WINDOW',
    'POLL',
  ),

  // ---- what is left of a last life
  bug('the last slot is not wiped', 'if (s < k.slotEnd[p]) {', 'if (s < k.slotEnd[p] - 1) {', 'RESIDUAL', 'work'),
  bug(
    'slots beyond those that are wiped',
    'return isPartition(k, owner) && s >= k.slotFirst[owner] && s < k.slotEnd[owner];',
    'return isPartition(k, owner);',
    'RESIDUAL',
    'work',
  ),
  without('queues keep their messages', '      k.count[c] = 0;\n', 'RESIDUAL', 'work'),
  bug(
    'a server keeps an old call',
    'if (state === C_PENDING || state === C_SERVING) return',
    'if (state === C_PENDING) return',
    'RESIDUAL',
    'work',
  ),
  without('signals survive', '  k.signals[p] = 0;\n', 'RESIDUAL', 'work'),
  without('memory is granted to the next life', '  k.memoryUsed[p] = 0;\n', 'RESIDUAL', 'work'),
  without('delivered faults survive', '  k.faultBits[p] = 0;\n', 'RESIDUAL', 'work'),

  // ---- order, progress
  bug(
    'a message into the first slot',
    'store(k, q, slotAt(k, c, n), length);',
    'store(k, q, slotAt(k, c, 0), length);',
    'FIFO',
    'SEND',
  ),
  bug(
    'two queues in the same slots',
    'k.slotRow[slot] === row && k.slotOwner[slot] === k.portTo[c]',
    'k.slotOwner[slot] === k.portTo[c]',
    'FIFO',
    'SEND',
  ),
  bug('two messages at once', '  k.count[c] = n - 1;\n', '  k.count[c] = n > 1 ? n - 2 : 0;\n', 'FIFO', 'RECEIVE'),
  bug(
    'a carry is lost',
    'return k.timeLo + ticks < TIME_BASE || k.timeHi === INT_MAX ? k.timeHi : k.timeHi + 1;',
    'return ticks < TIME_BASE ? k.timeHi : k.timeHi + 1;',
    'LIVE',
    'tick',
  ),
  bug(
    'the clock stops at its end',
    'if (n < 1 || n > k.frameLength',
    'if (k.timeHi === INT_MAX || n < 1 || n > k.frameLength',
    'LIVE',
    'tick',
  ),
  bug(
    'a time-out is ignored',
    'if (!come && !isReached(k, k.untilHi[p], k.untilLo[p])) return E_BLOCKED;',
    'if (!come) return E_BLOCKED;',
    'LIVE',
    'RESULT',
  ),
  bug(
    'a slow server holds its client',
    '&& !isReached(k, k.callHi[c], k.callLo[c])) {',
    '&& (state === C_SERVING || !isReached(k, k.callHi[c], k.callLo[c]))) {',
    'LIVE',
    'RESULT',
  ),
  without('wiping stands still', '    k.cursor[p] = s + 1;\n', 'LIVE', 'work'),
  bug(
    'a back-off never ends',
    'if (k.sysMode === SYS_RUN && !isReached(k, k.goHi[p], k.goLo[p])) return E_BLOCKED;',
    'if (k.sysMode === SYS_RUN) return E_BLOCKED;',
    'LIVE',
    'work',
  ),
  without('calls wait in a circle', '    k.rank[from] > k.rank[to] &&\n', 'INV', 'CALL'),

  // ---- how an allowed flow is used
  bug('the last status wins', ' && k.status === 0) k.status', ') k.status', 'FRAME', 'EXIT'),
  without('the end is told again and again', '  if (k.sysMode === SYS_STOPPING) return;\n', 'FRAME', 'stop'),
  bug(
    'nobody has peers',
    'return isPartition(k, p) ? k.down[p] : 0;',
    'return p >= 0 && p < MAX_PARTITIONS ? k.down[p] : 0;',
    'NOBODY',
    'deadPeers',
  ),

  // ---- what nobody else can tell, but the documents promise
  without('calls are free', '  k.credit[p] -= cost;\n', 'FSPEC', 'NOTIFY'),
  bug(
    'unknown operations are fine',
    'return streamRegion(k, p, a0);\n  return E_OP;',
    'return streamRegion(k, p, a0);\n  return OK;',
    'FSPEC',
    'OTHER',
  ),
  without('a bell without news', '  k.news[q] |= 1 << peerEndOf(k, p, e);\n', 'FSPEC', 'NOTIFY'),
  bug('a reset costs no more than a bell', 'op === OP_RESET || op === OP_LOG', 'op === OP_LOG', 'FSPEC', 'RESET'),
  bug(
    'age ignores the high word',
    'if (k.timeHi === hi) return k.timeLo - lo;',
    'if (k.timeHi >= hi) return k.timeLo - lo;',
    'FSPEC',
    'READ',
  ),
  bug('the last word is not copied', COPY, COPY.replace('w < n', 'w < n - 1'), 'FSPEC', 'SEND'),
  bug(
    'the newest first',
    'fetchSlot(k, slotAt(k, c, 0), k.lost[c]);',
    'fetchSlot(k, slotAt(k, c, n - 1), k.lost[c]);',
    'FSPEC',
    'RECEIVE',
  ),
  bug(
    'a deadline is not looked at',
    'const isLate = isReached(k, k.callHi[c], k.callLo[c]);',
    'const isLate = isReached(k, k.callHi[c], k.callLo[c]) && k.np < 0;',
    'FSPEC',
    'REPLY',
  ),
  without('a second call while the server works', '  if (k.callState[c] !== C_IDLE) return E_BUSY;\n', 'FSPEC', 'CALL'),
  bug(
    'a manager pays the restarts',
    '  k.startKind[p] = START_COLD;\n}',
    '  k.startKind[p] = START_COLD;\n  k.hmCount[p] = 0;\n}',
    'FSPEC',
    'START',
  ),
  bug('warm is cold', 'restartFaulty(k, p, START_WARM)', 'restartFaulty(k, p, START_COLD)', 'FSPEC', 'RAISE'),
  without('a fault is delivered without its bit', '    k.faultBits[p] |= 1 << code;\n', 'FSPEC', 'RAISE'),
  bug(
    'a back-off that stays',
    'back + back > k.hmMax[p] ? k.hmMax[p] : back + back',
    'back + back > k.hmMax[p] ? k.hmMax[p] : back',
    'FSPEC',
    'RAISE',
  ),
  without('peers are not told of a death', '  tellOthers(k, p);\n', 'FSPEC', 'work'),
  without('peers are not told of a return', '      k.down[q] &= ~ends;\n', 'FSPEC', 'loaded'),
  bug(
    'a heartbeat is due at once',
    'k.beatLo[p] = laterLo(k, k.beatPeriod[p]);',
    'k.beatLo[p] = k.timeLo;',
    'FSPEC',
    'BEAT',
  ),
  bug(
    'who exits begins again',
    'kill(k, p, P_HALTED);\n  return OK;\n}\nfunction reset',
    'kill(k, p, P_LOADING);\n  return OK;\n}\nfunction reset',
    'FSPEC',
    'EXIT',
  ),
  without('the end does not reach the dying', '  k.fx[p] = (k.fx[p] & FX_END) | FX_KILL;\n', 'FSPEC', 'STOP'),

  // ---- the plan
  bug(
    'a quota is changed',
    '  k.resets[p] = saturated',
    '  k.quota[p] = COST_EVENT;\n  k.resets[p] = saturated',
    'STATIC',
  ),
];
