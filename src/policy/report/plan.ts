// What a compiled plan says, as text: read back from the tables that the core has accepted, not from the description.
import * as core from '../../kernel/core/core.ts';
import { type Plan, TICK } from '../../kernel/plan.ts';
import { formatTime } from '../quantities.ts';
import { harmless } from '../source.ts';
import type { Paint } from './text.ts';

const FLOWS: Readonly<Record<number, string>> = {
  [core.FLOW_STREAM]: 'stream',
  [core.FLOW_PORT]: 'port',
  [core.FLOW_SAMPLE]: 'sample',
  [core.FLOW_HANDLE]: 'handle',
  [core.FLOW_AUDIT]: 'audit',
  [core.FLOW_WATCH]: 'watch',
};

export interface PlanFlow {
  readonly from: string;
  readonly to: string;
  /** What in the tables shows that it is needed. */
  readonly why: string;
}

/** The name of what shows the flow from p to q: p's own end of it, or else q's. */
function shownName(k: core.Kernel, plan: Plan, p: number, q: number): string {
  const row = p * core.MAX_PARTITIONS + q;
  const [why, shown] = [k.policy[row], k.shown[row]];
  if (why === core.FLOW_STREAM) return plan.streams[k.endStream[p * core.MAX_ENDS + shown]].name;
  const isIt = (holder: number, handle: number, kind: string): boolean => {
    if (why === core.FLOW_HANDLE) return holder === p && handle === shown;
    const isOfKind = why === core.FLOW_SAMPLE ? kind === 'sampling' : kind === 'queuing' || kind === 'call';
    return isOfKind && k.handleObject[holder * core.MAX_HANDLES + handle] === shown;
  };
  for (const holder of [p, q]) {
    const port = plan.partitions[holder].ports?.find(({ handle, kind }) => handle >= 0 && isIt(holder, handle, kind));
    if (port !== undefined) return port.name;
  }
  return '';
}

/** Every flow between partitions that the core allows, with the reason that stands beside it in the tables. */
export function planFlows(k: core.Kernel, plan: Plan): PlanFlow[] {
  const flows: PlanFlow[] = [];
  for (let p = 0; p < k.np; p++) {
    for (let q = 0; q < k.np; q++) {
      const why = k.policy[p * core.MAX_PARTITIONS + q];
      if (why === core.FLOW_NONE) continue;
      const [from, to] = [plan.partitions[p].name, plan.partitions[q].name];
      flows.push({ from, to, why: `${FLOWS[why]} ${shownName(k, plan, p, q)}`.trim() });
    }
  }
  return flows;
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Rows of words, each column as wide as its widest word. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => `  ${row.map((word, i) => word.padEnd(widths[i])).join('  ')}`.trimEnd());
}

export function planText(k: core.Kernel, plan: Plan, paint: Paint): string {
  const { partitions, modes = ['(always)'] } = plan;
  const sizes = [
    counted(k.np, 'partition'),
    counted(k.ns, 'stream'),
    counted(k.nports, 'port'),
    counted(k.nsamples, 'sample'),
    counted(k.nmodes, 'mode'),
    counted(k.ncores, 'core'),
  ];
  const rights = (p: number): string =>
    [
      ...(k.startsItself[p] === 0 ? ['manual'] : []),
      ...(k.background[p] === 1 ? ['background'] : []),
      ...(k.counts[p] === 1 ? ['counts'] : []),
      ...(k.mayMode[p] === 1 ? ['switches modes'] : []),
      ...(k.mayShutDown[p] === 1 ? ['shuts down'] : []),
      ...(k.manager[p] >= 0 ? [`managed by ${partitions[k.manager[p]].name}`] : []),
      ...(k.auditor[p] >= 0 ? [`audited by ${partitions[k.auditor[p]].name}`] : []),
    ].join(', ');
  const table = [
    ['partition', 'handles', 'ends', 'slots', 'frames', 'rank', 'calls', 'rights'],
    ...partitions.map(({ name, ports = [] }, p) => [
      name,
      ports.flatMap(({ handle, name, direction }) => (handle < 0 ? [] : [`${handle} ${name} ${direction}`])).join(', '),
      String(k.ends[p]),
      String(k.slotEnd[p] - k.slotFirst[p]),
      `${k.memoryBase[p]}+${k.memoryFrames[p]}`,
      String(k.rank[p]),
      String(k.quota[p]),
      rights(p),
    ]),
  ];
  const windows = (m: number, i: number): string => {
    const row = m * core.MAX_CORES + i;
    const shown: string[] = [];
    for (let w = k.scheduleFirst[row]; w < k.scheduleEnd[row]; w++) {
      const who = k.winPart[w] < 0 ? 'idle' : partitions[k.winPart[w]].name;
      shown.push(`${who} ${k.winStart[w]}-${k.winEnd[w]}`);
    }
    return shown.join(', ');
  };
  const schedule = modes.flatMap((mode, m) => [
    `  ${mode}: ${k.frameLength[m]} ticks, ${formatTime(k.frameLength[m] * TICK)}`,
    ...Array.from({ length: k.ncores }, (_, i) => `    core ${i}  ${windows(m, i)}`),
  ]);
  const flows = planFlows(k, plan).map(({ from, to, why }) => [from, '->', to, why]);
  return harmless(
    [
      `${sizes.join(', ')}; a tick is ${formatTime(TICK)}`,
      '',
      paint.title('Partitions'),
      ...columns(table),
      '',
      paint.title('Schedule'),
      ...schedule,
      '',
      paint.title('Flows between partitions, and what shows that each is needed'),
      ...(flows.length === 0 ? ['  none'] : columns(flows)),
      '',
    ].join('\n'),
  );
}
